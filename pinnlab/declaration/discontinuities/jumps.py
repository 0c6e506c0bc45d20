"""Where coefficients and sources of a problem's equations jump inside its domain.

Letters: n points, d coordinates, q functions along a line.

A smooth network, a polynomial or a grid makes the derivatives of an unknown continuous. Where a coefficient of the highest
derivatives jumps, or what stands inside ``pl.diff``, something else is continuous: the flux. The equation holds on both
sides of such a jump, by itself it does not say what joins them, and the residual of a wrong solution is zero. Jumps are
therefore looked for before anything is solved: equations are evaluated along lines through the domain with all
derivatives of the unknowns held fixed, so that what jumps is the equation itself, however it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.discontinuities.boundary_jumps import find_boundary_jumps
from pinnlab.declaration.discontinuities.declared import DRAWS, Declared, made_up, see
from pinnlab.declaration.discontinuities.fluxes import (
    Described,
    Jump,
    coefficients_that_jump,
    differs,
    leading_that_jump,
)
from pinnlab.declaration.discontinuities.steep import Layer, find_layers, together, within
from pinnlab.declaration.discontinuities.steps import SAME, WIDTH, Along, Step, find_steps, line_ticks
from pinnlab.declaration.parameters.materials import PiecewiseFunction
from pinnlab.declaration.terms import Term
from pinnlab.derivatives.jets import LazyJet, leaf_jet
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains import Region
from pinnlab.domains.regions import Bounds
from pinnlab.domains.sampling import unit_points

_POINTS = 6000
"""At which equations are evaluated, on all lines together."""
_LINES = 24
"""Along each of several coordinates."""
_LAYER_LINES, _LAYER_TICKS = 3, (100_000, 10_000)
"""On which thin layers are looked for: lines along each of several coordinates; places on a line of one and of several."""
_SHOWN = 4
"""Places of a jump that are looked at closely, and that messages name."""


@dataclass(frozen=True)
class _Place:
    """Two points close to each other, (d,) each, between which a function jumps; its row and the coordinate of the line."""

    function: int
    coordinate: str
    below: Tensor
    above: Tensor


def find_jumps(declared: Declared, terms: Sequence[tuple[Any, Sequence[Term]]] = ()) -> tuple[Jump, ...]:
    """All jumps that lines through the domain meet, those of fluxes first, thin layers, and those on the boundary in time.

    What is thinner than two ticks of a line (a thousandth of one coordinate, a hundredth of several), or lies between the
    lines, may be missed; sides of the boxes of ``Piecewise`` parameters are not.

    Args:
        declared: the equations.
        terms: conditions, and the terms of each.
    """
    if declared.same_everywhere:
        return tuple(find_boundary_jumps(declared, terms))
    domain = declared.domain
    d = len(domain.coordinates)
    count = _LINES if d > 1 else 1
    ticks = line_ticks(min(800, max(50, _POINTS // (d * count))))
    bases = unit_points("sobol", count, d, np.random.default_rng(0)) if d > 1 else torch.zeros(1, 1).double()
    starts = bases.repeat(d, 1)
    axes = torch.arange(d).repeat_interleave(count)
    at = domain.interior(bases).points
    defined = [draw for draw in DRAWS[:2] if bool(see(declared, at, draw).values.isfinite().any())]
    numbers = (defined or DRAWS)[0]
    points_of, along = _on_lines(declared, starts, axes, numbers)

    def place(step: Step) -> _Place:
        line = torch.tensor([step.line, step.line])
        below, above = points_of(line, torch.tensor([step.below, step.above], dtype=torch.float64))
        return _Place(step.function, domain.coordinates[int(axes[step.line])], below, above)

    thin = _thin(declared, numbers)
    fine = within([each[0] for groups in thin.values() for each in groups])
    ticks = torch.cat([ticks, fine]).unique()
    places = [place(step) for step in find_steps(along, ticks, axes)]
    places += _at_seams(declared, bases, numbers) + _at_faces(declared, bases, numbers)
    lasting = [p for p, lasts in zip(places, _lasting(declared, places), strict=True) if lasts] if places else []
    jumps = [_described(declared, group) for group in _groups(declared, lasting)]
    jumps += _prescribed(declared, {(jump.coordinate, jump.position) for jump in jumps if jump.flux})
    jumps += _of_layers(declared, thin, jumps, numbers)
    return (*sorted(jumps, key=lambda jump: not jump.flux), *find_boundary_jumps(declared, terms))


def _on_lines(declared: Declared, starts: Tensor, axes: Tensor, draw: int) -> tuple[Along, Along]:
    """(numbers of lines (p,), positions (p,)) -> points (p, d) of the domain on them, and what equations show there (q, p).

    Args:
        starts: (l, d) points of the unit cube, one on each line.
        axes: (l,) numbers of the coordinates along which the lines run.
    """

    def points_of(lines: Tensor, positions: Tensor) -> Tensor:
        unit = starts[lines].clone()
        unit[torch.arange(len(lines)), axes[lines]] = positions
        return _in_bounds(declared.domain, unit)

    def along(lines: Tensor, positions: Tensor) -> Tensor:
        points = points_of(lines, positions)
        return torch.where(declared.domain.contains(points), see(declared, points, draw).values, torch.nan)

    return points_of, along


def _in_bounds(domain: Region, unit: Tensor) -> Tensor:
    """Points (n, d) of the unit cube as points of the region's bounding box."""
    lower, upper = (torch.tensor(side, dtype=torch.float64) for side in zip(*domain.bounds.values(), strict=True))
    return lower + unit * (upper - lower)


def _thin(declared: Declared, draw: int) -> dict[str, list[list[Layer]]]:
    """{coordinate: thin layers across it, each as several lines meet it}; in time, and in space on a line only."""
    domain, found = declared.domain, {}
    count, ticks = _layer_lines(declared), line_ticks(_LAYER_TICKS[len(domain.coordinates) > 1])
    for name in (n for n in domain.coordinates if n == domain.time or len(domain.space) < 2):
        _, along = _across_layers(declared, name, draw)
        found[name] = together(find_layers(along, ticks, count), count)
    return found


def _layer_lines(declared: Declared) -> int:
    return 1 if len(declared.domain.coordinates) == 1 else _LAYER_LINES


def _across_layers(declared: Declared, name: str, draw: int) -> tuple[Along, Along]:
    """``_on_lines`` along a coordinate, on the lines on which thin layers across it are looked for."""
    names, count = declared.domain.coordinates, _layer_lines(declared)
    inside = declared.domain.interior(unit_points("sobol", count, len(names), np.random.default_rng(1)).double()).points
    lower, upper = (
        torch.tensor(side, dtype=torch.float64) for side in zip(*declared.domain.bounds.values(), strict=True)
    )
    bases = (inside - lower) / (upper - lower)
    return _on_lines(declared, bases, torch.full((count,), names.index(name)), draw)


def _of_layers(
    declared: Declared, thin: Mapping[str, list[list[Layer]]], jumps: Sequence[Jump], draw: int
) -> list[Jump]:
    """Both ends of thin layers in which nothing is known to jump."""
    found = list[Jump]()
    for name, group in ((name, group) for name, groups in thin.items() for group in groups):
        lower, upper = declared.domain.bounds[name]
        ends = min(each.lower for each in group), max(each.upper for each in group)
        first, last = (lower + end * (upper - lower) for end in ends)
        known = any(j.coordinate == name and j.position is not None and first < j.position < last for j in jumps)
        if known or ends[0] <= 0 or ends[1] >= 1:
            continue
        points_of, _ = _across_layers(declared, name, draw)
        lines = torch.tensor([each.line for each in group])
        low, high, peak = (
            points_of(lines, torch.tensor(at, dtype=torch.float64))
            for at in ([ends[0]] * len(lines), [ends[1]] * len(lines), [each.peak for each in group])
        )
        places = [_Place(e.function, name, low[k], to[k]) for to in (high, peak) for k, e in enumerate(group)]
        if any(_lasting(declared, places)):
            jump = replace(_described(declared, (None, places)), flux=False, inside_diff=False, layer=(first, last))
            found += [replace(jump, position=end) for end in (first, last)]
    return found


def _at_seams(declared: Declared, bases: Tensor, draw: int) -> list[_Place]:
    """Jumps between the two ends of a periodic coordinate."""
    found = []
    for name in declared.periodic:
        i = declared.domain.coordinates.index(name)
        ends = bases.repeat(2, 1)
        ends[: len(bases), i], ends[len(bases) :, i] = 1 - WIDTH, WIDTH
        last, first = _in_bounds(declared.domain, ends).split(len(bases))
        found += _between(declared, name, last, first, draw)
    return found


def _at_faces(declared: Declared, bases: Tensor, draw: int) -> list[_Place]:
    """Jumps at the sides of boxes that parameters are made of: their places are known."""
    domain, found = declared.domain, []
    for name, position in sorted(set(_faces(declared))):
        i, (lower, upper) = domain.coordinates.index(name), domain.bounds[name]
        for box in _faces(declared)[name, position]:
            # the part of the box inside the domain, whatever its size
            ends = [
                (max(a, box.get(n, (a, b))[0]), min(b, box.get(n, (a, b))[1])) for n, (a, b) in domain.bounds.items()
            ]
            first, last = (torch.tensor(side, dtype=torch.float64) for side in zip(*ends, strict=True))
            below = first + bases * (last - first)
            above = below.clone()
            below[:, i], above[:, i] = position - WIDTH * (upper - lower), position + WIDTH * (upper - lower)
            inside = domain.contains(below) & domain.contains(above)
            if bool(inside.any()):
                found += _between(declared, name, below[inside], above[inside], draw)
    return found


def _prescribed(declared: Declared, known: set[tuple[str, float | None]]) -> list[Jump]:
    """Jumps that parameters prescribe across the sides of their boxes where nothing else jumps."""
    found, middle = [], declared.domain.interior(torch.full((1, len(declared.domain.coordinates)), 0.5).double()).points
    for value in declared.parameters.values():
        for name, at, _ in value.faces if isinstance(value, PiecewiseFunction) and value.jump else ():
            if (name, at) not in known and (name, at) in _faces(declared):
                known.add((name, at))
                place = middle[0].tolist()
                place[declared.domain.coordinates.index(name)] = at
                what = f"what is prescribed for {' and '.join(value.jump)}"
                found.append(Jump(name, at, (tuple(place),), what, True, True, (np.nan, np.nan), prescribed=True))
    return found


def _between(declared: Declared, name: str, below: Tensor, above: Tensor, draw: int) -> list[_Place]:
    """Jumps from points (n, d) to others."""
    first, last = see(declared, torch.cat([below, above]), draw).values.split(len(below), dim=1)
    jumps = (last - first).abs() > 1e-6 * torch.maximum(first.abs(), last.abs())
    return [_Place(row, name, below[k], above[k]) for row, k in jumps.nonzero().tolist()]


def _faces(declared: Declared) -> dict[tuple[str, float], list[Bounds]]:
    """{(coordinate, position): boxes} of the sides of boxes inside the domain that parameters are made of."""
    found: dict[tuple[str, float], list[Bounds]] = {}
    for value in declared.parameters.values():
        for name, position, box in value.faces if isinstance(value, PiecewiseFunction) else ():
            lower, upper = declared.domain.bounds[name]
            if lower + SAME * (upper - lower) < position < upper - SAME * (upper - lower):
                found.setdefault((name, position), []).append(box.bounds)
    return found


def _lasting(declared: Declared, places: Sequence[_Place]) -> list[bool]:
    """Whether jumps are there with other derivatives of the unknowns too; else the equation jumps in these, not in space."""
    ends = torch.stack([end for place in places for end in (place.below, place.above)])
    rows = torch.tensor([place.function for place in places])
    at, found = torch.arange(len(places)), torch.zeros(len(places), dtype=torch.bool)
    for draw in DRAWS[1:]:
        below, above = see(declared, ends, draw).values.reshape(-1, len(places), 2)[rows, at].unbind(1)
        found |= (above - below).abs() > 1e-7 * torch.maximum(below.abs(), above.abs())
    return found.tolist()


def _groups(declared: Declared, places: Sequence[_Place]) -> list[tuple[float | None, list[_Place]]]:
    """Places that belong together: those along one coordinate at one position, and the others along it."""
    domain = declared.domain
    groups: list[tuple[float | None, list[_Place]]] = []
    for name in domain.coordinates:
        i = domain.coordinates.index(name)
        lower, upper = domain.bounds[name]
        mine = sorted((p for p in places if p.coordinate == name), key=lambda p: float(p.below[i]))
        bundles: list[list[_Place]] = []
        for place in mine:
            same = bundles and abs(float(place.below[i] - bundles[-1][-1].below[i])) <= SAME * (upper - lower)
            bundles[-1].append(place) if same else bundles.append([place])
        scattered: list[_Place] = []
        for bundle in bundles:
            lines = {tuple(np.delete(p.below.numpy(), i)) for p in bundle}
            if len(lines) > 1 or len(domain.coordinates) == 1:
                position = _position(bundle, i, upper)
                known = (p for n, p in _faces(declared) if n == name and abs(p - position) <= SAME * (upper - lower))
                groups.append((next(known, position), bundle))
            else:
                scattered += bundle
        if scattered:
            groups.append((None, scattered))
    return groups


def _position(bundle: Sequence[_Place], i: int, upper: float) -> float:
    """Where a jump lies along coordinate i: between its two sides, or at the upper of two ends that meet."""
    low, high = float(bundle[0].below[i]), float(bundle[0].above[i])
    return (low + high) / 2 if low <= high else upper


def _described(declared: Declared, group: tuple[float | None, list[_Place]]) -> Jump:
    position, places = group
    name = places[0].coordinate
    shown = places[:: max(1, len(places) // _SHOWN)][:_SHOWN]
    ends = torch.stack([end for place in places[:64] for end in (place.below, place.above)])
    leaves = {u: leaf_jet(jet) for u, jet in made_up(declared, len(ends), DRAWS[-1]).items()}
    seen = see(declared, ends, DRAWS[-1], leaves)
    slopes = linearize(list(seen.residuals.values()), leaves)
    inside = [row for row, by in seen.inside.items() if by == name and differs(seen.values[row]) is not None]
    leading = leading_that_jump(list(seen.residuals), slopes, declared.derivatives, name, declared.domain.time)
    named = [
        (f"parameter {parameter!r}", sides)
        for row, parameter in seen.functions.items()
        if (sides := differs(seen.values[row])) is not None
    ]
    if inside or leading:
        expression = [(f"the expression inside diff(..., {name!r})", differs(seen.values[row])) for row in inside]
        what, sides = [*named, *leading, *expression][0]
        if named:
            what += f", by which {(leading or expression)[0][0]}"
    else:
        lower = coefficients_that_jump(list(seen.residuals), slopes)
        what, sides = [*named, *lower, *_sources(declared, ends), ("a term", (np.nan, np.nan))][0]
    points = tuple(tuple(((p.below + p.above) / 2).tolist()) for p in shown)
    return Jump(name, position, points, what, bool(inside or leading), bool(inside), sides or (np.nan, np.nan))


def _sources(declared: Declared, ends: Tensor) -> Described:
    """What jumps in the equations where all unknowns are zero."""
    zero = {u: LazyJet(lambda key: torch.zeros(len(ends), dtype=torch.float64)) for u in declared.unknowns}
    residuals = see(declared, ends, 0, zero).residuals
    return [(f"a source in {n!r}", sides) for n, r in residuals.items() if (sides := differs(r)) is not None]
