"""Elements whose nodes are tied to one another: linear pressures, and sides that are periodic.

Letters: v nodes, N = size of the elements' system, M of its free part, K gauges, i functions of an element.

Values at all nodes are U = E z of fewer numbers z: a pressure that is linear in each triangle has the mean of two corners
in the middle of their side (C. Taylor and P. Hood, Comput. Fluids 1 (1973) 73: beside quadratic velocities linear
pressures are stable), and on a periodic side the values are those of the opposite one. Functions are tied as values are,
so that the equations are E^T R(E z) = 0. A gauge is a number that must vanish besides; for each there is a constant source
in the equation of the unknown that it fixes, which is what a balance of sources and fluxes lacks, and zero but for the
error of the elements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy

from pinnlab.machine.deadline import Deadline
from pinnlab.reference.finite_elements.space import Array, Space

_TINY, _NEWTON = 1e-6, 2
"""Step of a start that is made consistent, as a part of all time, and Newton's iterations in it."""


class Elements(Protocol):
    """The system of untied nodes."""

    space: Space
    deadline: Deadline
    size: int
    free: Array
    """(N,) rows that belong to no condition."""

    def residual(self, states: Array, rates: Array, times: Array) -> Array:
        """R (1, N) for one state (1, c, v)."""
        ...

    def jacobians(self, state: Array, rate: Array, t: float) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
        """(dR/dU, dR/dU')."""
        ...

    def block(self, unknown: str) -> int:
        """First row of the equation that is tested by an unknown's functions."""
        ...


class Timed(Elements, Protocol):
    """The same where there is time."""

    counted: Array

    @property
    def axes(self) -> Mapping[str, object]:
        """One per dimension."""
        ...

    @property
    def components(self) -> Sequence[object]:
        """C of them."""
        ...


@dataclass(frozen=True, eq=False)
class Gauge:
    """A number that must vanish, which fixes a constant.

    Attributes:
        unknown: whose equation gets a constant source.
        linearized: state (c, v) -> the number, and its derivatives (N,).
    """

    unknown: str
    linearized: Callable[[Array], tuple[float, Array]]


def linear(space: Space) -> scipy.sparse.csr_array:
    """(v, v) values at all nodes from those at the corners, linear in each element; columns of other nodes are empty."""
    shares, nodes = space.corner_shares, space.element_nodes
    own, corner = np.nonzero(shares)
    rows, columns = nodes[own].ravel(), nodes[corner].ravel()
    values = np.repeat(shares[own, corner], nodes.shape[1])
    _, first = np.unique(rows * space.count + columns, return_index=True)
    return scipy.sparse.csr_array((values[first], (rows[first], columns[first])), shape=(space.count,) * 2)


def masters(
    space: Space,
    sides: Sequence[tuple[str, str, Array]],
    close: float,
    places: Array | None = None,
    joined: Sequence[tuple[Array, Array]] = (),
) -> Array:
    """(v,) number of the node whose value each node has, the first of those that are the same.

    Args:
        space: the elements.
        sides: (piece, its copy, the shift (d,) from one to the other) of each periodic pair.
        close: distance of nodes that are the same.
        places: (d, v) of the nodes, by which they are told from one another; None for their positions.
        joined: pairs of numbers (n,) of other nodes that are the same.

    Raises:
        ValueError: a node has no counterpart.
    """
    places = space.nodes if places is None else places
    pairs = [np.empty((2, 0), dtype=int), *(np.stack(pair) for pair in joined)]
    for piece, copy, shift in sides:
        here, there = space.nodes_on(piece), space.nodes_on(copy)
        gap, which = scipy.spatial.cKDTree(places[:, here].T + shift).query(places[:, there].T)
        if len(here) != len(there) or gap.max() > close:
            raise ValueError(f"reference_solution: the triangles at {piece!r} and at {copy!r} do not match.")
        pairs.append(np.stack([there, here[which]]))
    # at corners several are the same
    one, other = np.concatenate(pairs, axis=1)
    graph = scipy.sparse.coo_array((np.ones(len(one)), (one, other)), shape=(space.count,) * 2)
    _, group = scipy.sparse.csgraph.connected_components(graph, directed=False)
    return np.unique(group, return_index=True)[1][group]


def ties(
    space: Space, unknowns: Sequence[str], pressures: Sequence[str], masters: Mapping[str, Array]
) -> scipy.sparse.csr_array:
    """E (N, M).

    Args:
        space: the elements.
        unknowns: of the state's components, in their order.
        pressures: those that are linear.
        masters: {unknown: (v,) number of the node whose value each node has}, where there are periodic sides.
    """
    blocks = []
    one, all_nodes = scipy.sparse.eye_array(space.count, format="csr"), np.arange(space.count)
    for unknown in unknowns:
        block = linear(space) if unknown in pressures else one
        to = masters.get(unknown, all_nodes)
        entries = np.ones(space.count), (all_nodes, to)
        block = scipy.sparse.csc_array(block @ scipy.sparse.csr_array(entries, shape=(space.count,) * 2))
        blocks.append(block[:, np.diff(block.indptr) > 0])
    return scipy.sparse.csr_array(scipy.sparse.block_diag(blocks))


class TiedSystem:
    """E^T R(E z) = 0 and the gauges, for a state (M + K,).

    Args:
        elements: the system of untied nodes.
        unknowns: of the state's components, in their order.
        tied: E (N, M).
        gauges: K numbers that must vanish.
        offset: (N,) by which values at nodes exceed those that they are tied to, or zero.
    """

    is_full = False

    def __init__(
        self,
        elements: Elements,
        unknowns: Sequence[str],
        tied: scipy.sparse.csr_array,
        gauges: Sequence[Gauge],
        offset: Array | float = 0.0,
    ):
        self.elements, self.tied, self.gauges, self._offset = elements, tied, tuple(gauges), offset
        self.deadline = elements.deadline
        self._shape = (len(unknowns), elements.space.count)
        self.own = tied.shape[1]
        self.size = self.own + len(self.gauges)
        self._test = _tests(tied, elements.free)
        sources = np.zeros((elements.size, len(self.gauges)))
        for k, gauge in enumerate(self.gauges):
            mine = np.zeros(elements.space.count)
            for points in elements.space.parts:
                shares = np.einsum("ikq,kq->ik", points.values, points.weights)
                mine += np.bincount(points.nodes.ravel(), shares.ravel(), minlength=elements.space.count)
            first = elements.block(gauge.unknown)
            sources[first : first + elements.space.count, k] = mine
        sources[~elements.free] = 0.0
        self._sources = self._test @ sources

    def whole(self, state: Array) -> Array:
        """(c, v) values at all nodes."""
        return (self.tied @ state[: self.own] + self._offset).reshape(self._shape)

    def state(self, whole: Array) -> Array:
        """(M + K,) of values (c, v) at all nodes; values at tied nodes are dropped, and sources are zero."""
        return np.concatenate([whole.reshape(-1)[_places(self.tied)], np.zeros(len(self.gauges))])

    def sources(self, state: Array) -> Array:
        """(K,) what balances lack."""
        return state[self.own :]

    def residual(self, states: Array, rates: Array, times: Array) -> Array:
        """(1, M + K) for one state (1, M + K)."""
        whole = self.whole(states[0])
        rows = self.elements.residual(whole[None], np.zeros_like(whole)[None], times)[0]
        numbers = np.array([gauge.linearized(whole)[0] for gauge in self.gauges])
        return np.concatenate([self._test @ rows + self._sources @ self.sources(states[0]), numbers])[None]

    def jacobians(self, state: Array, rate: Array, t: float) -> tuple[scipy.sparse.csr_array, Any]:
        """(M + K, M + K) by the state; None by its rates."""
        whole = self.whole(state)
        matrix, _ = self.elements.jacobians(whole, np.zeros_like(whole), t)
        matrix = self._test @ matrix @ self.tied
        if not self.gauges:
            return scipy.sparse.csr_array(matrix), None
        rows = np.stack([gauge.linearized(whole)[1] for gauge in self.gauges]) @ self.tied
        found = scipy.sparse.block_array([[matrix, self._sources], [rows, None]], format="csr")
        return scipy.sparse.csr_array(found), None


class TiedInTime:
    """The same with time: the state keeps all nodes, and rows of tied ones say by what they are tied.

    Args:
        elements: the system of untied nodes.
        tied: E (N, M).
        uncounted: (N,) mask of pressures, which follow at each instant, and by whose rates steps are not chosen.
        offset: time -> (N,) by which values at nodes exceed those that they are tied to; None for zero.
    """

    is_full = False

    def __init__(
        self,
        elements: Timed,
        tied: scipy.sparse.csr_array,
        uncounted: Array,
        offset: Callable[[float], Array] | None = None,
    ):
        self.elements, self.deadline, self._offset = elements, elements.deadline, offset
        self.components, self.axes, self.size = elements.components, elements.axes, elements.size
        self.counted = elements.counted & ~uncounted
        places, free = _places(tied), np.arange(tied.shape[1])
        ones = np.ones(len(places))
        spread = scipy.sparse.csr_array((ones, (places, free)), shape=tied.shape)
        self._rows = scipy.sparse.csr_array(spread @ _tests(tied, elements.free))
        self._ties = scipy.sparse.csr_array(scipy.sparse.eye_array(self.size) - tied @ spread.T)
        self._ties.eliminate_zeros()

    def residual(self, states: Array, rates: Array, times: Array) -> Array:
        """(s, N) for states and rates (s, c, v) at s times."""
        own = self.elements.residual(states, rates, times)
        found: Array = (self._rows @ own.T + self._ties @ states.reshape(len(states), -1).T).T
        return found if self._offset is None else found - np.stack([self._offset(float(t)) for t in times])

    def jacobians(self, state: Array, rate: Array, t: float) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
        """(dR/dU, dR/dU'), each (N, N)."""
        by_state, by_rate = self.elements.jacobians(state, rate, t)
        return scipy.sparse.csr_array(self._rows @ by_state + self._ties), scipy.sparse.csr_array(self._rows @ by_rate)


def consistent(system: TiedInTime, state: Array, static: Array, start: float, duration: float) -> Array:
    """The nearest state that satisfies constraints, such as velocities without divergence, by one tiny implicit step.

    Args:
        system: whose constraints hold at each instant.
        state: (c, v).
        static: (c,) mask of components without a rate.
        start: time.
        duration: of the whole; the step is a millionth of it.
    """
    step, found = _TINY * duration, state.copy()
    for _ in range(_NEWTON):
        rate = np.where(static[:, None], 0.0, (found - state) / step)
        rows = system.residual(found[None], rate[None], np.array([start]))[0]
        by_state, by_rate = system.jacobians(found, rate, start)
        matrix = scipy.sparse.csc_array(by_state + by_rate / step)
        found = found - scipy.sparse.linalg.splu(matrix).solve(rows).reshape(found.shape)
    return found


def _places(tied: scipy.sparse.csr_array) -> Array:
    """(M,) of each free number the first node that has it as its value."""
    whole = scipy.sparse.csc_array(tied == 1.0)
    return whole.indices[whole.indptr[:-1]]


def _tests(tied: scipy.sparse.csr_array, free: Array) -> scipy.sparse.csr_array:
    """(M, N): functions tied as values are; a row that a condition takes stands for itself."""
    columns = scipy.sparse.csc_array(tied)
    own = np.repeat(np.arange(tied.shape[1]), np.diff(columns.indptr))
    rows, whole = columns.indices, columns.data == 1.0
    taken = np.full(tied.shape[1], -1)
    mine = whole & ~free[rows]
    taken[own[mine]] = rows[mine]
    kept = free[rows] & (taken[own] < 0)
    conditions = np.flatnonzero(taken >= 0)
    entries = np.concatenate([columns.data[kept], np.ones(len(conditions))])
    at = np.concatenate([own[kept], conditions]), np.concatenate([rows[kept], taken[conditions]])
    return scipy.sparse.csr_array((entries, at), shape=tied.shape[::-1])
