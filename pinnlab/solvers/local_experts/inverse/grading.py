"""Where unknowns have a layer in time that polynomials over all of it do not resolve: behind a flux that begins at once.

Letters: K cells, m unknowns, N basis functions, k intervals of time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import Data
from pinnlab.declaration.problem import Problem
from pinnlab.domains.cells import Cells
from pinnlab.solvers.local_experts.piece import Piece

Array = np.ndarray
_SLOW = 0.2
"""Ratio of the two highest degrees to the two below from which on shorter intervals serve better than higher degrees."""
_MARGIN = 0.02
"""By how much the range of a state is widened that a function is sought on."""
_UNSEEN = 3e-3
"""Share of an unknown's range that is taken for the noise of its data, where none was given."""


def ranges(problem: Problem, state: Piece) -> dict[str, tuple[float, float]]:
    """{unknown: between what its values are}, of a solution and of data."""
    at = state.cells.points(np.arange(state.cells.count), state.basis.tensor_nodes())
    values = state.values(torch.from_numpy(at.reshape(-1, at.shape[-1]))).numpy()
    found = {}
    for j, unknown in enumerate(problem.unknowns):
        seen = [values[:, j]]
        for condition in problem.conditions:
            if isinstance(condition, Data) and condition.of is None and unknown in condition.values:
                measured = condition.values[unknown]
                seen += [measured.numpy()] if isinstance(measured, Tensor) else []
        low, high = min(float(v.min()) for v in seen), max(float(v.max()) for v in seen)
        margin = _MARGIN * (high - low) or 1.0
        found[unknown] = (low - margin, high + margin)
    return found


def enough(problem: Problem, state: Piece) -> Array:
    """(m,) how accurate unknowns have to be, about: the noise of their data, or a small share of their range."""
    found = []
    for unknown, (low, high) in ranges(problem, state).items():
        data = [c for c in problem.conditions if isinstance(c, Data) and c.of is None and unknown in c.values]
        noises = [term.noise for c in data for term in c.terms(problem.context()) if term.noise is not None]
        found.append(min(noises, default=_UNSEEN * (high - low)))
    return np.array(found)


def slow_intervals(unknowns: Array, degrees: Sequence[int], cells: Cells, least: Array) -> Array:
    """(k,) mask of the intervals of time in which series in time fall off slowly, and end above what is enough.

    Args:
        unknowns: (K, m, N) Chebyshev coefficients.
        degrees: of them, per coordinate.
        cells: K of them, with time.
        least: (m,) what is enough.
    """
    axis = None if cells.time is None else list(cells.edges).index(cells.time)
    if axis is None or degrees[axis] < 4:
        return np.zeros(0, dtype=bool)
    terms = np.moveaxis(unknowns.reshape(*unknowns.shape[:2], *(p + 1 for p in degrees)), 2 + axis, -1)
    sizes = np.sqrt((terms**2).sum(axis=tuple(range(2, terms.ndim - 1))))
    last, before = (np.linalg.norm(sizes[..., part], axis=-1) for part in (slice(-2, None), slice(-4, -2)))
    slow = ((last > least) & (last > _SLOW * before)).any(axis=1)
    found = np.zeros(cells.shape[axis], dtype=bool)
    np.logical_or.at(found, cells.intervals[:, axis], slow)
    return found


def cut_positions(edges: Array, marked: Array) -> tuple[float, ...]:
    """Where marked intervals (k,) between edges (k + 1,) are cut: in the middle, and the first one nearer to the start."""
    middles = (edges[:-1] + edges[1:]) / 2
    middles[0] = (edges[0] + middles[0]) / 2
    return tuple(middles[marked].tolist())
