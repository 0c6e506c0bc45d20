"""Count sketches: short combinations of many rows or columns, every one of which is used once, with a random sign.

Letters: N rows, p columns, S buckets of rows, k buckets of columns, m rows of a chunk, g columns of a bucket at most.

A count sketch S^T J adds every row of J, times a random sign, to one of S buckets. It costs one pass over J, which may come
in chunks; the sketch of a sum is the sum of sketches, so chunks and processes add up; and its Gram matrix is that of J on
average over the signs. Buckets are filled evenly, by random permutations one after the other, so that no two of S
consecutive rows meet.

Source: Charikar, Chen & Farach-Colton, "Finding frequent items in data streams", ICALP 2002; Clarkson & Woodruff, J. ACM 63
(2017) 54, for least squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def signs(n: int, generator: torch.Generator) -> Tensor:
    """(n,) float64, each 1 or -1 with equal chances."""
    return 2.0 * torch.randint(2, (n,), generator=generator).double() - 1.0


@dataclass(frozen=True)
class RowSketch:
    """Which bucket each of N rows is added to, and its sign.

    Attributes:
        size: S.
        bucket: (N,) numbers from 0 to S - 1; different for rows of one run of S that starts at a multiple of S.
        sign: (N,) of 1 and -1.
    """

    size: int
    bucket: Tensor
    sign: Tensor

    @classmethod
    def drawn(cls, n: int, size: int, generator: torch.Generator, like: Tensor) -> RowSketch:
        """A random one of n rows, in the floating-point type and on the device of ``like``; the generator is a CPU's."""
        rounds = [torch.randperm(size, generator=generator) for _ in range(-(-n // size))]
        return cls(size, torch.cat(rounds)[:n].to(like.device), signs(n, generator).to(like))

    @classmethod
    def kept(cls, n: int, like: Tensor) -> RowSketch:
        """Every one of n rows in a bucket of its own: nothing is combined."""
        return cls(n, torch.arange(n, device=like.device), like.new_ones(n))

    def add(self, total: Tensor, rows: Tensor, first: int) -> None:
        """Add rows (m, k), which are those from number ``first`` on, to their buckets ``total`` (S, k) in place."""
        start, stop = first, first + len(rows)
        while start < stop:
            # the rows of one run have buckets of their own, so that the order of additions cannot matter
            end = min(stop, (start // self.size + 1) * self.size)
            part = rows[start - first : end - first] * self.sign[start:end, None]
            total.index_add_(0, self.bucket[start:end], part)
            start = end


@dataclass(frozen=True)
class ColumnSketch:
    """Orthonormal combinations of columns: each of p is in one of k buckets, with a sign, divided by the bucket's root size.

    As a matrix it is (p, k) with one entry per row; its columns are orthonormal.

    Attributes:
        members: one (k,) tensor of columns' numbers per layer of the buckets, the last one shorter; g of them.
        weights: the entries of those columns, alike.
    """

    members: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]

    @classmethod
    def drawn(cls, p: int, size: int, generator: torch.Generator, like: Tensor) -> ColumnSketch:
        """A random one of p columns in ``size`` <= p buckets; the generator is a CPU's."""
        members = torch.randperm(p, generator=generator).split(size)
        counts = torch.full((size,), float(len(members)), dtype=torch.float64)
        counts[len(members[-1]) :] -= 1
        weights = [signs(len(part), generator) / counts[: len(part)].sqrt() for part in members]
        return cls(tuple(part.to(like.device) for part in members), tuple(weight.to(like) for weight in weights))

    def reduce(self, rows: Tensor) -> Tensor:
        """(m, k) from rows (m, p): their products with the matrix."""
        total = rows[:, self.members[0]] * self.weights[0]
        for part, weight in zip(self.members[1:], self.weights[1:], strict=True):
            total[:, : len(part)] += rows[:, part] * weight
        return total

    def expand(self, x: Tensor) -> Tensor:
        """(p,) from x (k,): the product of the matrix and x."""
        result = x.new_empty(sum(len(part) for part in self.members))
        for part, weight in zip(self.members, self.weights, strict=True):
            result[part] = weight * x[: len(part)]
        return result
