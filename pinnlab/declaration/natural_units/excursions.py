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
    # no highest derivative, and one at a time: equations are linear in them
    units = torch.cat([torch.zeros(1, len(highest)), torch.eye(len(highest))]).double().T

    def rates(t: float, values: np.ndarray) -> np.ndarray:
        seen.append(values.copy())  # the integrator goes on in the same array
        if len(seen) > _CALLS or not np.isfinite(values).all():
            raise _EnoughError
        jets: dict[str, dict[Key, torch.Tensor]] = {u: {} for u in unknowns}
        for (u, key), same in zip(state, torch.tensor(values).repeat(len(highest) + 1, 1).T, strict=True):
            jets[u][key] = same
        for (u, key), one in zip(highest, units, strict=True):
            jets[u][key] = one
        columns = region.columns(torch.full((len(highest) + 1, 1), t, dtype=torch.float64))
        with torch.no_grad():
            top = _solved(list(equations.evaluate((scope(jets, columns, parameters),)).values()))
        found = {**dict(zip(state, values, strict=True)), **dict(zip(highest, top, strict=True))}
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


def _solved(residuals: Sequence[torch.Tensor]) -> np.ndarray:
    """(m,) the highest derivatives, from residuals (m + 1,) without any and with one of each."""
    values = np.stack([residual.expand(len(residuals) + 1).numpy() for residual in residuals])
    return np.linalg.solve(values[:, 1:] - values[:, :1], -values[:, 0])
