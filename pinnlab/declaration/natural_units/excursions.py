"""How far the unknowns of ordinary differential equations go from their start: a rough solution tells.

What grows, or is used up, goes to where no condition and no balance of terms at the start tells: of an epidemic one has
to follow the first of the infected to know how many there will be. Without coordinates of space that costs next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy
import torch

from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.pointwise import gradients
from pinnlab.domains import Region

_CALLS = 300
_TOLERANCE = 1e-3


class _EnoughError(Exception):
    """No more calls are worth it."""


def excursions(
    equations: Term,
    region: Region,
    start: Mapping[tuple[str, Key], float],
    parameters: Mapping[str, Any],
    scope: Callable[..., Scope] = Scope.of_jets,
) -> dict[str, tuple[float, float]]:
    """{unknown: its lowest and highest value}, roughly; empty where it cannot be followed to the end in a few steps.

    Args:
        equations: as one term, linear in the highest derivatives.
        region: time.
        start: {(unknown, derivative in time): value} of all that is needed.
        parameters: {name: number or function}.
        scope: of jets, columns and parameters, in which the equations are evaluated.
    """
    ((time, interval),) = region.bounds.items()
    unknowns = list(dict.fromkeys(u for u, _ in start))
    orders = {u: sum(v == u for v, _ in start) for u in unknowns}
    state = [(u, (time,) * k) for u in unknowns for k in range(orders[u])]
    highest = [(u, (time,) * orders[u]) for u in unknowns]
    if set(state) != set(start):
        return {}
    seen: list[np.ndarray] = []

    def rates(t: float, values: np.ndarray) -> np.ndarray:
        seen.append(values.copy())  # the integrator goes on in the same array
        if len(seen) > _CALLS or not np.isfinite(values).all():
            raise _EnoughError
        found = dict(zip(state, values, strict=True))
        jets = _jets(unknowns, {**found, **dict.fromkeys(highest, 0.0)})
        columns = region.columns(torch.tensor([[t]], dtype=torch.float64))
        top = _solved(equations, scope(jets, columns, parameters), jets, highest)
        found |= dict(zip(highest, top, strict=True))
        return np.array([found[u, (*key, time)] for u, key in state])

    first = np.array([start[leaf] for leaf in state])
    size = np.abs(first).max() or 1.0
    try:
        with np.errstate(all="ignore"):
            found = scipy.integrate.solve_ivp(
                rates, interval, first, "LSODA", rtol=_TOLERANCE, atol=1e-3 * _TOLERANCE * (np.abs(first) + 1e-6 * size)
            )
    except (_EnoughError, np.linalg.LinAlgError, KeyError, ValueError):
        return {}
    if found.status != 0:
        return {}
    path = np.array([values for values in seen if np.isfinite(values).all()])
    ranges = {}
    for i, (unknown, key) in enumerate(state):
        if not key and len(path):
            ranges[unknown] = (float(path[:, i].min()), float(path[:, i].max()))
    return ranges if all(math.isfinite(x) for pair in ranges.values() for x in pair) else {}


def _jets(unknowns: Sequence[str], values: Mapping[tuple[str, Key], float]) -> dict[str, dict[Key, torch.Tensor]]:
    """Values as derivatives at one point, leaves of a graph."""
    jets: dict[str, dict[Key, torch.Tensor]] = {u: {} for u in unknowns}
    for (u, key), value in values.items():
        jets[u][key] = torch.tensor([value], dtype=torch.float64, requires_grad=True)
    return jets


def _solved(
    equations: Term,
    scope: Scope,
    jets: Mapping[str, Mapping[Key, torch.Tensor]],
    highest: Sequence[tuple[str, Key]],
) -> np.ndarray:
    """The highest derivatives, for which the equations are solved."""
    residuals = list(equations.evaluate((scope,)).values())
    leaves = {(u, key): jets[u][key] for u, key in highest}
    rows, zero = [gradients(residual, leaves) for residual in residuals], torch.zeros(1)
    matrix = np.array([[float(row.get(leaf, zero)) for leaf in highest] for row in rows])
    return np.linalg.solve(matrix, -np.array([float(r.detach()) for r in residuals]))
