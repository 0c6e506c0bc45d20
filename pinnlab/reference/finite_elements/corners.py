"""Corners of a region of the plane at which a solution, or its derivatives, are unbounded.

Letters: d coordinates of space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.jets import LazyJet, NamedJet
from pinnlab.derivatives.names import Key
from pinnlab.domains import Region
from pinnlab.domains.columns import columns_of
from pinnlab.domains.meshing.outlines import Curve, corners_of, outline
from pinnlab.reference.finite_elements.conditions import Array, Essential, jumps_at, scope_at
from pinnlab.reference.finite_elements.symbol import constraints_of

_SAMPLES = 256
"""Along a curve, between which a part of it may end."""
_HALVINGS = 40
_STEP = 1e-4
"""Share of a curve between values from which their slope is taken."""
_FLAT = 1e-3
"""Sine of the angle between two curves from which on they tell all slopes where they meet."""
_MISSED = 1e-3
"""Share of slopes as large as values over the region's size, by which a constraint is off where it does not hold."""
_ALONG = 17
"""Values along a curve that tell how large they are."""


def singular_corners(problem: Problem, region: Region, essential: Sequence[Essential]) -> list[Array]:
    """(2,) points at which derivatives are unbounded: re-entrant corners, and where conditions or their values change.

    So are pressures where velocities meet whose slopes along the two sides are no flow's: near a lid that begins to move
    beside a wall at rest, the pressure grows as log r.
    """
    corners = corners_of(region)
    fixed = {piece: {e.unknown for e in essential if e.piece == piece} for _, _, pieces in corners for piece in pieces}
    found: list[Array] = []
    curves = outline(region) if constraints_of(problem) else []
    for point, share, meeting in corners:
        change = len({frozenset(fixed[piece]) for piece in meeting}) > 1
        rough = share > 0.52 or (change and share > 0.27) or jumps_at(problem, essential, meeting, point)
        if rough or _slopes_clash(problem, region, curves, essential, point):
            found.append(point)
    return found + [point for each in essential if each.holds is not None for point in _ends(problem, region, each)]


def _ends(problem: Problem, region: Region, given: Essential) -> list[Array]:
    """(2,) points at which the part of a piece ends on which a condition holds."""
    domain, holds = problem.domain, given.holds
    assert holds is not None
    first = domain.time_interval[0] if domain.has_time else 0.0
    found: list[Array] = []
    for curve in (c for c in outline(region) if c.piece == given.piece):

        def inside(shares: Array, curve: Curve = curve) -> Array:
            at = dict(zip(domain.space, curve.at(shares).T, strict=True))
            columns = {n: torch.as_tensor(at.get(n, np.full(len(shares), first))) for n in domain.coordinates}
            return holds(columns_of(domain, columns)).numpy()

        shares = np.linspace(0.0, 1.0, _SAMPLES + 1)
        mask = inside(shares)
        places = np.flatnonzero(mask[1:] != mask[:-1])
        low, high, before = shares[places], shares[places + 1], mask[places]
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            same = inside(middle) == before
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        found += list(curve.at(high))
    return found


def _slopes_clash(
    problem: Problem, region: Region, curves: Sequence[Curve], essential: Sequence[Essential], point: Array
) -> bool:
    """Whether a constraint such as div u = 0 does not hold where two curves meet that tell all slopes there."""
    constraints = constraints_of(problem)
    ends = [(c, end) for c in curves for end in (0.0, 1.0)]
    ends = [(c, end) for c, end in ends if np.linalg.norm(c.at(np.array([end]))[0] - point) < 1e-9 * region.size]
    if len(ends) != 2:
        return False
    shares = np.concatenate([_STEP * np.arange(3), np.linspace(0.0, 1.0, _ALONG)])
    along = [(c.piece, c.at(np.abs(end - shares))) for c, end in ends]
    tangents = np.stack([_slope(points) for _, points in along])
    lengths = np.linalg.norm(tangents, axis=1)
    if abs(np.linalg.det(tangents)) < _FLAT * lengths.prod():
        return False
    jets: dict[str, dict[Key, float]] = {}
    largest = 0.0
    for unknown in (u for u in problem.unknowns if u not in constraints):
        given = [_given_along(problem, essential, piece, unknown, points) for piece, points in along]
        known = [values for values in given if values is not None]
        if len(known) < len(given):
            return False
        slopes = np.linalg.solve(tangents, np.stack([_slope(values) for values in known]))
        keys = [(name,) for name in problem.domain.space]
        jets[unknown] = {(): float(known[0][0]), **dict(zip(keys, slopes.tolist(), strict=True))}
        largest = max(largest, float(np.abs(known).max()) / region.size)
    scope = scope_at(problem, point[None], {u: _jet(jets.get(u, {})) for u in problem.unknowns})
    residuals = list(problem.equation_term().evaluate((scope,)).values())
    return any(float(residuals[i].abs().max()) > _MISSED * largest for i in constraints.values())


def _jet(known: Mapping[Key, float]) -> LazyJet:
    """At one point; derivatives that are not known are zero."""
    return LazyJet(lambda key: torch.full((1,), known.get(key, 0.0), dtype=torch.float64))


def _slope(values: Array) -> Array:
    """The derivative at the first of three values, one apart, times the length between them."""
    return np.asarray(2 * values[1] - 1.5 * values[0] - 0.5 * values[2])


def _given_along(
    problem: Problem, essential: Sequence[Essential], piece: str, unknown: str, points: Array
) -> Array | None:
    """(n,) values that conditions on a piece give an unknown at points (n, d) of it; None where they give none."""
    zero = torch.zeros(len(points), dtype=torch.float64)
    others: dict[str, NamedJet] = {u: {(): zero} for u in problem.unknowns}
    scopes = [scope_at(problem, points, {**others, unknown: {(): value}}) for value in (zero, zero + 1)]
    for each in essential:
        if each.piece == piece and each.unknown == unknown:
            if each.holds is not None and not bool(each.holds(scopes[0].coordinates).all()):
                continue
            try:
                none, one = (each.misfit(scope).expand(len(points)).numpy() for scope in scopes)
            except (KeyError, ValueError):  # with rates or normals it is no value
                continue
            return np.asarray(none / (none - one))
    return None
