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
        size: k.
        order: (p,) the columns' numbers; the buckets of these are 0, 1, ..., k - 1, 0, 1, ...
        weight: (p,) their entries.
    """

    size: int
    order: Tensor
    weight: Tensor

    @classmethod
    def drawn(cls, p: int, size: int, generator: torch.Generator, like: Tensor) -> ColumnSketch:
        """A random one of p columns in ``size`` <= p buckets; the generator is a CPU's."""
        order = torch.randperm(p, generator=generator)
        bucket = torch.arange(p) % size
        weight = signs(p, generator) / torch.bincount(bucket).double().sqrt()[bucket]
        return cls(size, order.to(like.device), weight.to(like))

    def reduce(self, rows: Tensor) -> Tensor:
        """(m, k) from rows (m, p): their products with the matrix."""
        # gather is several times as fast as an index on a CPU
        mixed = torch.gather(rows, 1, self.order.expand(len(rows), -1)).mul_(self.weight)
        first, *others = mixed.split(self.size, dim=1)
        total = first.clone()
        for part in others:
            total[:, : part.shape[1]] += part
        return total

    def expand(self, x: Tensor) -> Tensor:
        """(p,) from x (k,): the product of the matrix and x."""
        p = len(self.order)
        result = torch.empty_like(self.weight)
        result[self.order] = self.weight * x.repeat(-(-p // self.size))[:p]
        return result
