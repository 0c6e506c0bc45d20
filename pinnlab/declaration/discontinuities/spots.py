"""Small parts of space in which data change: what heats a wire in a room, a drop in a tank, a hot place of a wall.

Letters: n points, d coordinates of space, q functions, b bins.

The first cells of a method look at sources, initial and boundary values at nodes of their own, and refine where what they
see is rough; what lies between all of these is not there for them, and a solution without it solves everything that was
looked at. So data are looked at densely before anything is solved: in a bin of space in which few points differ from most,
something is narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.discontinuities.declared import DRAWS, Declared, made_up, see
from pinnlab.declaration.terms import Scope, Term
from pinnlab.domains import Site
from pinnlab.domains.sampling import unit_points

Array = np.ndarray
_INSIDE = {1: 2**15, 2: 2**16, 3: 2**17}
"""Points at which equations and initial states are looked at, by the number of dimensions of space; divided among times."""
_ON_A_PIECE = 2**13
_BINS = {1: (16, 64), 2: (4, 16), 3: (2, 6)}
"""Along each side of space."""
_FEW, _DIFFERENT, _SMALLEST = 0.1, 0.1, 1e-3
"""Share of the points of a bin up to which they are few; of the largest difference from its median, from which on a point
differs; and of a function's largest value or range, from which on a difference matters."""
_LEAST = 32
"""Points of a bin that tell something."""
_MOST = 16
_TIMES = 0.0, 0.381966, 1.0
"""Shares of the time at which sources that change with it are looked at."""


@dataclass(frozen=True)
class Spot:
    """A small part of space in which something changes.

    Attributes:
        center: (d,).
        width: of the part, at least as wide as points lie apart at which it was looked for.
    """

    center: tuple[float, ...]
    width: float


def find_spots(declared: Declared, terms: Sequence[tuple[Any, Sequence[Term]]]) -> tuple[Spot, ...]:
    """Where sources, coefficients, initial and boundary values are narrow, the most pronounced first.

    What is thinner than about a 20,000th of a line, a 700th of the plane or a 150th of space may be missed.

    Args:
        declared: the equations.
        terms: conditions, and the terms of each.
    """
    found: list[tuple[float, Spot]] = []
    for points, values in _looked_at(declared, terms):
        for bins in _BINS[points.shape[1]]:
            found += narrow(points, values, bins)
    chosen: list[Spot] = []
    for _, spot in sorted(found, key=lambda each: -each[0]):
        if len(chosen) < _MOST and all(_apart(spot, other) for other in chosen):
            chosen.append(spot)
    return tuple(chosen)


def narrow(points: Array, values: Array, bins: int) -> list[tuple[float, Spot]]:
    """Parts of bins in which functions differ from what they are in most of the bin: (share of the function's size, where).

    Args:
        points: (n, d), spread evenly.
        values: (q, n) of functions; what is not finite counts as nothing.
        bins: along each side of what holds all points.
    """
    lower, sides = points.min(axis=0), np.ptp(points, axis=0)
    sides = np.where(sides > 0, sides, 1.0)
    place = np.minimum(((points - lower) / sides * bins).astype(int), bins - 1)
    home = np.ravel_multi_index(tuple(place.T), (bins,) * points.shape[1])
    found = []
    for function in np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0):
        size = max(float(np.abs(function).max()), float(np.ptp(function)))
        if np.ptp(function) <= _SMALLEST * size:
            continue
        order = np.lexsort((function, home))
        starts = np.flatnonzero(np.diff(home[order], prepend=-1))
        for mine in np.split(order, starts[1:]):
            usual = function[mine[len(mine) // 2]]
            away = np.abs(function[mine] - usual)
            most = float(away.max())
            few = points[mine[away > _DIFFERENT * most]]
            if len(mine) < _LEAST or most <= _SMALLEST * size or len(few) > _FEW * len(mine):
                continue
            apart = float((np.ptp(points[mine], axis=0) / len(mine) ** (1 / points.shape[1])).max())
            center, width = points[mine[away.argmax()]], max(float(np.ptp(few, axis=0).max()), apart)
            if _stands_alone(points, np.abs(function - usual), center, width, most):
                found.append((most / size, Spot(tuple(center.tolist()), width)))
    return found


def _stands_alone(points: Array, away: Array, center: Array, width: float, most: float) -> bool:
    """Whether few points around a part differ, and none in it by more: else it is the foot of what has its top in another
    bin, or the edge of what is different in a wide part.

    Args:
        points: (n, d).
        away: (n,) by how much a function differs from what it is in most of the bin.
        center: (d,) of the part.
        width: of the part.
        most: the largest difference in it.
    """
    distance = np.abs(points - center).max(axis=1)
    around = away[(distance > width) & (distance <= 2 * width)]
    return bool(away[distance <= width].max() <= most and (around > _DIFFERENT * most).sum() <= _FEW * len(around))


def _apart(one: Spot, other: Spot) -> bool:
    """Whether two spots are different ones."""
    distance = np.abs(np.subtract(one.center, other.center)).max()
    return bool(distance > one.width + other.width)


def _looked_at(declared: Declared, terms: Sequence[tuple[Any, Sequence[Term]]]) -> Iterator[tuple[Array, Array]]:
    """(points (n, d) of space, values (q, n)) of everything that may be narrow."""
    domain = declared.domain
    space = [i for i, name in enumerate(domain.coordinates) if name != domain.time]
    if len(space) not in _INSIDE:
        return
    if not declared.same_everywhere:
        site = domain.interior(_spread(_INSIDE[len(space)], len(domain.coordinates)))
        changes = domain.has_time and (declared.arguments is None or domain.clock in declared.arguments)
        for at in _at_times(declared, site, changes):
            yield at.points[:, space].numpy(), see(declared, at.points, DRAWS[0]).values.numpy()
    for _, mine in terms:
        for term in mine:
            count = {"initial": _INSIDE[len(space)], "boundary": _ON_A_PIECE}.get(term.kind, 0)
            if not count:
                continue
            for points, values in _of_term(declared, term, count):
                yield points[:, space].numpy(), values.numpy()


def _of_term(declared: Declared, term: Term, count: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Sites of a condition (n, d), and its residuals (q, n) there with made-up numbers for the unknowns."""
    domain = declared.domain
    sites = term.draw(lambda n: _spread(n, len(domain.coordinates)), count)
    if len(sites) != 1:  # what compares two places has no values of its own
        return
    for at in _at_times(declared, sites[0], term.kind == "boundary"):
        normals = None if at.normals is None else domain.columns(at.normals)
        jets = made_up(declared, len(at.points), DRAWS[0])
        scope = Scope.of_jets(jets, domain.columns(at.points), declared.parameters, normals)
        yield at.points, torch.stack([row.detach().expand(len(at.points)) for row in term.evaluate((scope,)).values()])


def _spread(count: int, dimension: int) -> Tensor:
    return unit_points("sobol", count, dimension, np.random.default_rng(0))


def _at_times(declared: Declared, site: Site, changes: bool) -> Iterator[Site]:
    """A site at the first time, or shares of it at some times where what is there changes with time."""
    domain = declared.domain
    if not domain.has_time:
        yield site
        return
    start, end = domain.time_interval
    times = _TIMES if changes else _TIMES[:1]
    for k, share in enumerate(times):
        at = site.points[k :: len(times)].clone()
        at[:, domain.time_index] = start + share * (end - start)
        yield Site(at, None if site.normals is None else site.normals[k :: len(times)])
