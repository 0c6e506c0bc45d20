"""Points in cells, and the basis functions of their experts there.

Letters: n points, d coordinates, K experts, k some of them, q points of one expert, m unknowns, N basis functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pinnlab.derivatives.fields import Key
from pinnlab.solvers.local_experts.basis import LocalBasis

Array = np.ndarray
_DIGITS = 11
"""Up to which reference points are the same."""


class SharedNodes:
    """Reference points (q, d), and the derivatives of a basis there, which are kept where several cells share them."""

    def __init__(self, basis: LocalBasis, points: Array):
        self.basis, self.points, self.shared = basis, points, 0
        self._rows: dict[tuple[int, ...], Array] = {}

    @cached_property
    def _tables(self) -> Array:
        return self.basis.tables(self.points)

    def rows(self, orders: tuple[int, ...]) -> Array:
        """(q, N) derivatives, of the given order by each reference coordinate."""
        if orders in self._rows:
            return self._rows[orders]
        found = self.basis.rows_from(self._tables, orders)
        if self.shared > 1:
            self._rows[orders] = found
        return found


class NodeStore:
    """Reference points by what they are, so that cells of one shape share theirs."""

    def __init__(self, basis: LocalBasis):
        self.basis, self._known = basis, dict[bytes, SharedNodes]()

    def __call__(self, points: Array) -> SharedNodes:
        # adding zero takes the sign from a zero
        key = (np.round(points, _DIGITS) + 0.0).tobytes()
        nodes = self._known.setdefault(key, SharedNodes(self.basis, points))
        nodes.shared += 1
        return nodes


@dataclass(frozen=True, eq=False)
class Frames:
    """The boxes in whose coordinates, from -1 to 1, the experts' functions are written.

    Attributes:
        names: of the d coordinates.
        middle, half: (K, d) centres, and halves of the sides.
    """

    names: tuple[str, ...]
    middle: Array
    half: Array

    def reference(self, expert: Array | int, points: Array) -> Array:
        """(n, d) reference coordinates of points (n, d)."""
        return (points - self.middle[expert]) / self.half[expert]

    def orders(self, key: Key) -> tuple[int, ...]:
        """How often a derivative is by each coordinate."""
        return tuple(key.count(name) for name in self.names)

    def stretch(self, key: Key) -> Array:
        """(K,) factor from derivatives by the reference coordinates to those by the region's."""
        return np.prod(self.half ** -np.array(self.orders(key), dtype=float), axis=1)


@dataclass(frozen=True, eq=False)
class _Group:
    """Experts with the same reference points: nodes, (k,) experts, (k, q) which of the n points theirs are."""

    nodes: SharedNodes
    experts: Array
    rows: Array

    @cached_property
    def distinct(self) -> bool:
        """Whether no expert is there twice."""
        return len(np.unique(self.experts)) == len(self.experts)


def real_product(numbers: Array, matrix: Array) -> Array:
    """Numbers (k, q) times a real matrix (q, N): complex ones as two real products, where NumPy makes the matrix complex."""
    if not np.iscomplexobj(numbers):
        return numbers @ matrix
    found = np.concatenate([numbers.real, numbers.imag]) @ matrix
    return np.asarray(found[: len(numbers)] + 1j * found[len(numbers) :])


class Places:
    """n points, block after block, each block in one expert.

    Args:
        frames: of all K experts.
        store: of reference points.
        points: (n, d).
        experts: (b,) of each block.
        starts: (b + 1,) where blocks begin, and the end of the last one.
    """

    def __init__(self, frames: Frames, store: NodeStore, points: Array, experts: Array, starts: Array):
        self.frames, self.points, self.experts, self.starts = frames, points, np.asarray(experts, int), starts
        self._stretches: dict[Key, Array] = {}
        found: dict[SharedNodes, list[int]] = {}
        self.nodes: list[SharedNodes] = []
        for block, expert in enumerate(self.experts):
            nodes = store(frames.reference(expert, points[starts[block] : starts[block + 1]]))
            self.nodes.append(nodes)
            found.setdefault(nodes, []).append(block)
        self._groups = [
            _Group(nodes, self.experts[blocks], self.starts[blocks][:, None] + np.arange(len(nodes.points)))
            for nodes, blocks in found.items()
        ]

    @cached_property
    def home(self) -> Array:
        """(n,) the expert of each point."""
        return np.repeat(self.experts, np.diff(self.starts))

    def stretch(self, key: Key) -> Array:
        """(n,) factor from derivatives by the reference coordinates to those by the region's."""
        if key not in self._stretches:
            self._stretches[key] = self.frames.stretch(key)[self.home]
        return self._stretches[key]

    def derivative(self, coefficients: Array, key: Key) -> Array:
        """(..., n) derivative of one unknown with coefficients (..., K, N)."""
        return self.in_reference(coefficients, key) * self.stretch(key)

    def in_reference(self, coefficients: Array, key: Key) -> Array:
        """(..., n) the same by reference coordinates."""
        leading, size = coefficients.shape[:-2], coefficients.shape[-1]
        result, orders = np.empty((*leading, len(self.points))), self.frames.orders(key)
        for group in self._groups:
            # one product for all leading indices: one for each takes longer
            mine = coefficients[..., group.experts, :].reshape(-1, size) @ group.nodes.rows(orders).T
            result[..., group.rows] = mine.reshape(*leading, *group.rows.shape)
        return result

    def pull_back(self, key: Key, cotangent: Array, into: Array) -> None:
        """Add the transposed derivative, in reference coordinates, of (n,) numbers to (K, N)."""
        orders = self.frames.orders(key)
        for group in self._groups:
            mine = real_product(cotangent[group.rows], group.nodes.rows(orders))
            if group.distinct:
                into[group.experts] += mine
            else:
                np.add.at(into, group.experts, mine)

    def jacobians(
        self, parts: Mapping[tuple[str, Key], Array], unknowns: Sequence[str], blocks: Iterable[int]
    ) -> Iterator[Array]:
        """Of some blocks, the dependence (r q, m, N) of residuals on the coefficients of its expert.

        Args:
            parts: {(unknown, derivative): (r, n)} of residuals by derivatives in reference coordinates.
            unknowns: m names.
            blocks: their numbers.
        """
        size = self.nodes[0].basis.size if self.nodes else 0
        count = next((len(part) for part in parts.values()), 0)
        dtype = np.result_type(float, *parts.values())
        for block in blocks:
            nodes = self.nodes[block]
            span = slice(self.starts[block], self.starts[block + 1])
            result = np.zeros((count, len(nodes.points), len(unknowns), size), dtype)
            for (unknown, key), part in parts.items():
                rows = nodes.rows(self.frames.orders(key))
                result[:, :, unknowns.index(unknown)] += part[:, span, None] * rows
            yield result.reshape(-1, len(unknowns), size)


def places_of(
    frames: Frames, store: NodeStore, home: Array, points: Array, *others: Array
) -> tuple[Places, tuple[Array, ...]]:
    """Points (n, d) sorted by their experts (n,), and other arrays of n rows in the same order."""
    order = np.argsort(home, kind="stable")
    experts, counts = np.unique(home, return_counts=True)
    starts = np.concatenate([[0], np.cumsum(counts)])
    return Places(frames, store, points[order], experts, starts), tuple(other[order] for other in others)


def paired(*ends: Array) -> tuple[Array, Array, Array]:
    """The order in which points with the same pair of experts follow one another.

    Args:
        ends: (n,) experts of each point, on either side.

    Returns:
        (n,) numbers of points in that order, (2, b) the experts of each pair, and (b + 1,) where pairs begin.
    """
    experts, pair, counts = np.unique(np.stack(ends), axis=1, return_inverse=True, return_counts=True)
    return np.argsort(pair.ravel(), kind="stable"), experts, np.concatenate([[0], np.cumsum(counts)])
