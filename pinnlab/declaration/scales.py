"""The natural scales of a problem: read off its domain, its conditions and data, and its linearized equations.

Letters: n points, d coordinates.

Coordinates count in lengths of the domain. What conditions and data prescribe tells between which values an unknown lies.
Sources tell how far it moves from there, and for unknowns of which nothing is prescribed the balance of terms
(``balance``). Non-linear equations are linearized at the sizes guessed so far, and again at those that come of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.balance import Row, balanced, between, driven, offset_and_scale, rounded
from pinnlab.declaration.parameters import Parameter, Unknown
from pinnlab.declaration.terms import Context, Scope, Term
from pinnlab.declaration.variables import ChangeOfVariables
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains import Region, Site
from pinnlab.domains.affine import Affine
from pinnlab.domains.mapping import rigid
from pinnlab.domains.sampling import unit_points
from pinnlab.machine.numbers import finite, positive

_POINTS = 32
_ROUNDS = 30
_ENOUGH = 1.1
"""Factor by which sizes may still change when iterations end."""
NATURAL = 30.0
"""Factor from one within which a scale is natural."""
STIFF = 3e3
"""The same for equations and for time: how large their terms are is not told by lengths alone."""
OFFSET = 10.0
"""Times the variation, from which on an offset is worth taking out."""


@dataclass(frozen=True)
class Scales:
    """In which units a problem is solved: ``print`` it.

    Attributes:
        coordinates: {coordinate: (offset, scale)}.
        unknowns: {unknown: (offset, scale)}.
        coefficients: {coefficient to be found: scale}.
        equations: {residual: what it is divided by}.
        natural: whether the problem is solved as it is.
    """

    coordinates: Mapping[str, tuple[float, float]]
    unknowns: Mapping[str, tuple[float, float]]
    coefficients: Mapping[str, float] = field(default_factory=dict)
    equations: Mapping[str, float] = field(default_factory=dict)
    natural: bool = False

    def __repr__(self) -> str:
        def shown(name: str, pair: tuple[float, float]) -> str:
            offset, scale = pair
            return f"{name} = {offset:.6g} + {scale:.3g} ..." if offset else f"{name} = {scale:.3g} ..."

        lines = [shown(name, pair) for name, pair in (*self.coordinates.items(), *self.unknowns.items())]
        lines += [f"{name} = {scale:.3g} ..." for name, scale in self.coefficients.items()]
        lines += [f"equation {name} / {size:.3g}" for name, size in self.equations.items()]
        return "Scales(" + ("natural as it is: " if self.natural else "") + ", ".join(lines) + ")"

    @property
    def change(self) -> ChangeOfVariables:
        """The change to natural variables; the identity where the problem is natural."""
        if self.natural:
            return ChangeOfVariables()
        coordinates, unknowns = (
            {name: Affine(*pair) for name, pair in group.items()} for group in (self.coordinates, self.unknowns)
        )
        coefficients = {name: Affine(0.0, scale) for name, scale in self.coefficients.items()}
        return ChangeOfVariables(coordinates, unknowns, coefficients, self.equations)


def lengths(region: Region) -> dict[str, float]:
    """{coordinate: extent of the region}."""
    return {name: upper - lower for name, (lower, upper) in region.bounds.items()}


def coordinate_scales(
    region: Region, given: Mapping[str, tuple[float | None, float]]
) -> dict[str, tuple[float, float]]:
    """{coordinate: (offset, scale)}: lengths of the domain, rounded, from near zero; shapes keep their proportions.

    Args:
        region: the domain.
        given: {coordinate: (offset or None, scale)} by the user.
    """
    found = {}
    for group in rigid(region):
        longest = max(region.bounds[name][1] - region.bounds[name][0] for name in group)
        fixed = [given[name][1] for name in group if name in given]
        own = rounded(longest)
        for name in group:
            lower, upper = region.bounds[name]
            away = max(lower, -upper) > OFFSET * (upper - lower)
            offset = given[name][0] if name in given else None
            if offset is None:
                offset = lower if away else 0.0
            found[name] = (offset, fixed[0] if fixed else own)
    return found


class Terms:
    """A declaration whose terms are looked at.

    Args:
        context: names and region.
        equations: as one term.
        conditions: the terms of each.
        parameters: {name: number or function}.
    """

    def __init__(
        self, context: Context, equations: Term, conditions: Sequence[Sequence[Term]], parameters: Mapping[str, Any]
    ):
        self.context, self.region, self.parameters = context, context.region, parameters
        self.equations, self.conditions = equations, conditions
        self.lengths = lengths(self.region)
        self._site = equations.draw(self._unit, _POINTS)[0]

    def _unit(self, n: int) -> Tensor:
        return unit_points("sobol", n, len(self.region.coordinates), np.random.default_rng(3)).double()

    def reach(self, key: Key) -> float:
        """The product of the lengths of the coordinates by which a derivative is."""
        return math.prod(self.lengths[name] for name in key)

    def rows(self, rest: Mapping[str, float], sizes: Mapping[str, float]) -> dict[str, Row]:
        """{residual: what it is made of} for unknowns that are about ``rest`` and vary by ``sizes``."""
        site, region = Site(self._site.points.detach().clone().requires_grad_()), self.region
        columns = region.columns(site.points)
        still = {u: _jet(columns, value, 0.0, self.reach, 0) for u, value in rest.items()}
        moving = {
            u: _jet(columns, value, sizes.get(u, 0.0), self.reach, i + 1) for i, (u, value) in enumerate(rest.items())
        }
        residuals = self.equations.evaluate((Scope.of_jets(moving, columns, self.parameters),))
        sources = self.equations.evaluate((Scope.of_jets(still, columns, self.parameters),))
        found = {}
        for name, slopes in zip(residuals, linearize(list(residuals.values()), moving), strict=True):
            source, near = _waves(sources[name], site.points)
            short = {c: min(self.lengths[c], near.get(i, math.inf)) for i, c in enumerate(region.coordinates)}
            pulls: dict[str, list[float]] = {}
            for (unknown, key), slope in slopes.items():
                size = _size(slope)
                if size > 0:
                    pulls.setdefault(unknown, []).append(size / self.reach(key))
            # a source of short waves moves an unknown less than one that is the same everywhere
            steep: dict[str, list[float]] = {}
            for (unknown, key), slope in slopes.items():
                steep.setdefault(unknown, []).append(_size(slope) / math.prod(short[c] for c in key))
            shares = {u: max(steep[u]) / max(pulls[u]) for u in pulls}
            least = min(shares.values(), default=1.0)
            found[name] = Row(pulls, source / max(least, 1.0))
        return found

    def asked(self, rest: Mapping[str, float]) -> tuple[dict[str, list[float]], dict[str, float]]:
        """{unknown: lowest and highest value that conditions ask for}, and {unknown: variation that slopes ask for}."""
        values: dict[str, list[float]] = {}
        slopes: dict[str, float] = {}
        for terms in self.conditions:
            for term in terms:
                if term.kind == "periodic":
                    continue
                sites = term.draw(self._unit, term.fixed or _POINTS)
                if len(sites) != 1:
                    continue
                self._ask(term, sites[0], rest, values, slopes)
        return values, slopes

    def _ask(
        self,
        term: Term,
        site: Site,
        rest: Mapping[str, float],
        values: dict[str, list[float]],
        slopes: dict[str, float],
    ) -> None:
        columns = self.region.columns(site.points)
        normals = None if site.normals is None else self.region.columns(site.normals)
        jets = {u: _jet(columns, value, 0.0, self.reach, 0) for u, value in rest.items()}
        residuals = term.evaluate((Scope.of_jets(jets, columns, self.parameters, normals),))
        for residual, row in zip(residuals.values(), linearize(list(residuals.values()), jets), strict=True):
            left = residual.detach()
            about = [(u, a) for (u, key), a in row.items() if not key and bool((a != 0).any())]
            if len(about) == 1:
                unknown, a = about[0]
                wanted = (rest[unknown] - left / a)[torch.isfinite(left / a)]
                if len(wanted):
                    pair = values.setdefault(unknown, [math.inf, -math.inf])
                    pair[0], pair[1] = min(pair[0], float(wanted.min())), max(pair[1], float(wanted.max()))
            elif not about:
                steps = [(u, _size(left) * self.reach(k) / _size(b)) for (u, k), b in row.items() if _size(b) > 0]
                if len({u for u, _ in steps}) == 1:
                    unknown, step = steps[0][0], min(s for _, s in steps)
                    slopes[unknown] = max(slopes.get(unknown, 0.0), step)


def find_scales(
    declared: Terms,
    coefficients: Mapping[str, Parameter],
    given: Mapping[str, tuple[float | None, float]],
) -> Scales:
    """The scales of a problem.

    Args:
        declared: its terms.
        coefficients: {name: parameter}, of which those to be found get a scale.
        given: {coordinate, unknown, coefficient or residual: (offset or None, scale)} by the user.
    """
    coordinates = coordinate_scales(declared.region, given)
    unknowns, rows = unknown_scales(declared, given)
    found = {n: abs(v.start) for n, v in coefficients.items() if isinstance(v, Unknown) and v.start != 0}
    own = {n: given[n][1] if n in given else rounded(s) for n, s in found.items()}
    pairs = {}
    for name, (offset, scale) in unknowns.items():
        pairs[name] = (offset, scale) if name in given else (offset, rounded(scale))
    sizes = {u: scale for u, (_, scale) in pairs.items()}
    equations = {}
    for name, row in rows.items():
        size = row.largest(sizes)
        equations[name] = given[name][1] if name in given else rounded(size) if 0 < size < math.inf else 1.0
    natural = not given and _natural(declared, coordinates, unknowns, equations)
    return Scales(coordinates, pairs, own, equations, natural)


def unknown_scales(
    declared: Terms, given: Mapping[str, tuple[float | None, float]]
) -> tuple[dict[str, tuple[float, float]], dict[str, Row]]:
    """{unknown: (offset, scale)}, and the equations linearized at them."""
    names = declared.context.unknowns
    rest = dict.fromkeys(names, 0.0)
    values, slopes = declared.asked(rest)
    # what is asked of non-linear conditions is asked again, near where their unknowns are
    rest = {u: _middle(values.get(u)) for u in names}
    again, slopes = declared.asked(rest)
    values = {**values, **again}
    rest = {u: _middle(values.get(u)) for u in names}
    halves = {u: (pair[1] - pair[0]) / 2 for u, pair in values.items()}
    prescribed = {u: max(halves.get(u, 0.0), slopes.get(u, 0.0)) for u in names}
    sizes = {u: prescribed[u] for u in names}
    rows: dict[str, Row] = {}
    for _ in range(_ROUNDS):
        # an unknown that is told nothing else moves by its own size
        guess = {u: sizes[u] or abs(rest[u]) for u in names}
        rows = declared.rows(rest, guess)
        known = dict(prescribed)
        for row in rows.values():
            leader = _leader(row, names)
            if leader is not None:
                known[leader] = max(known[leader], driven(row, leader))
        found = balanced(list(rows.values()), known)
        free = {u for u in names if not prescribed.get(u)}
        new = {u: between(sizes[u], found.get(u, 0.0)) if u in free else found.get(u, 0.0) for u in names}
        settled = all(_close(sizes[u], new[u]) for u in names)
        sizes = new
        if settled:
            break
    pairs = {}
    for u in names:
        low, high = values.get(u, [0.0, 0.0])
        offset, scale = offset_and_scale(low, high, sizes[u])
        if u in given:
            offset, scale = offset if given[u][0] is None else given[u][0] or 0.0, given[u][1]
        pairs[u] = (offset, scale if 0 < scale < math.inf else 1.0)
    return pairs, rows


def _leader(row: Row, names: Sequence[str]) -> str | None:
    """The unknown that an equation decides: the only one in it."""
    mine = [u for u in names if u in row.pulls]
    return mine[0] if len(mine) == 1 else None


def _natural(
    declared: Terms,
    coordinates: Mapping[str, tuple[float, float]],
    unknowns: Mapping[str, tuple[float, float]],
    equations: Mapping[str, float],
) -> bool:
    """Whether all numbers of a problem are of a size that solvers are at ease with."""
    space = [declared.lengths[c] for c in declared.region.space]
    time = [declared.lengths[c] for c in coordinates if c == declared.region.time]
    offsets = any(offset != 0 for offset, _ in coordinates.values())
    far = any(abs(offset) > OFFSET * scale for offset, scale in unknowns.values())
    near = [*space, *(scale for _, scale in unknowns.values())]
    wide = [*time, *equations.values()]
    return (
        not (offsets or far)
        and all(1 / NATURAL <= s <= NATURAL for s in near)
        and all(1 / STIFF <= s <= STIFF for s in wide)
    )


def _jet(columns: Mapping[str, Tensor], rest: float, size: float, reach: Any, seed: int) -> LazyJet:
    """Made-up derivatives of an unknown that is about ``rest`` and varies by ``size``, as leaves."""
    n = len(next(iter(columns.values())))
    generator = torch.Generator().manual_seed(seed)

    def derive(key: Key) -> Tensor:
        share = 0.25 + 0.75 * torch.rand(n, generator=generator, dtype=torch.float64)
        value = share * size / reach(key) + (0.0 if key else rest)
        return value.requires_grad_()

    return LazyJet(derive)


def _waves(source: Tensor, points: Tensor) -> tuple[float, dict[int, float]]:
    """The size of a source, and {number of a coordinate: the length over which it changes by its size}."""
    size = _size(source)
    if size == 0 or not source.requires_grad:
        return size, {}
    (slopes,) = torch.autograd.grad(source.sum(), points, retain_graph=True, allow_unused=True)
    if slopes is None:
        return size, {}
    steep = {i: _size(slopes[:, i]) for i in range(points.shape[1])}
    return size, {i: size / s for i, s in steep.items() if s > 0}


def _size(values: Tensor) -> float:
    """Root mean square of (n,), without points where an equation is not defined."""
    found = values.detach()
    found = found[torch.isfinite(found)]
    if not len(found):
        return 0.0
    most = float(found.abs().max())
    return most * float((found / most).square().mean().sqrt()) if most > 0 else 0.0


def _middle(pair: Sequence[float] | None) -> float:
    return 0.0 if pair is None else (pair[0] + pair[1]) / 2


def _close(old: float, new: float) -> bool:
    return old == new or (min(old, new) > 0 and max(old, new) <= _ENOUGH * min(old, new))


def checked_scales(given: Any, names: Sequence[str]) -> dict[str, tuple[float | None, float]]:
    """{name: (offset or None, scale)} of what a user gives.

    Args:
        given: {name: scale, or (offset, scale)}.
        names: of coordinates, unknowns, coefficients to be found, and residuals.

    Raises:
        TypeError, ValueError: no mapping, an unknown name, a scale that is not positive.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"scales={given!r}: give a dictionary, such as scales={{'T': 300.0, 'x': 1e-3}}.")
    found: dict[str, tuple[float | None, float]] = {}
    for name, value in given.items():
        if name not in names:
            raise ValueError(
                f"scales={{{name!r}: ...}}: neither a coordinate nor an unknown, a coefficient to be found or an equation "
                f"of this problem; they are {', '.join(names)}."
            )
        pair = value if isinstance(value, tuple | list) else (None, value)
        if len(pair) != 2 or not positive(pair[1]) or (pair[0] is not None and finite(pair[0]) is None):
            raise ValueError(
                f"scales={{{name!r}: {value!r}}}: give a positive number, in units of the problem, or (offset, scale)."
            )
        found[name] = (None if pair[0] is None else float(pair[0]), float(pair[1]))
    return found
