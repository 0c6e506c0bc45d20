"""What the terms of a declaration say about sizes, where unknowns are made up to be about as large as guessed.

Letters: n points, d coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.grid_scope import agrees, grid_scope
from pinnlab.declaration.natural_units.balance import Row
from pinnlab.declaration.natural_units.excursions import excursions
from pinnlab.declaration.natural_units.sides import even_lengths
from pinnlab.declaration.parameters.functions import FunctionParameter, StateFunction
from pinnlab.declaration.parameters.kinds import Family, Parameter, SoughtParameter, Unknown
from pinnlab.declaration.terms import Context, Scope, Term
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.pointwise import Coefficients, linearize
from pinnlab.domains import Site
from pinnlab.domains.sampling import unit_points

_POINTS, _DENSE = 32, 2**14
"""At which terms are looked at; and where something is narrow, so that it counts by the room that it takes."""
_WIDEST = 80
"""Binary orders of magnitude in which a root is looked for, up and down."""


class TermSizes:
    """A declaration whose terms are looked at.

    Args:
        context: names and region.
        equations: as one term.
        conditions: the terms of each.
        parameters: of the problem.
        complex_unknowns: names of those of which two unknowns are the parts.
        waves: whether short waves of a source are taken into account.
        even: sides that are shorter than the longest one by less than this factor count as being as long.
        narrow: whether sources, initial or boundary values change in small parts of space.
    """

    def __init__(
        self,
        context: Context,
        equations: Term,
        conditions: Sequence[Sequence[Term]],
        parameters: Mapping[str, Parameter],
        complex_unknowns: Sequence[str] = (),
        *,
        waves: bool = True,
        even: float = 1.0,
        narrow: bool = False,
    ):
        self.complex_unknowns, self.waves, self.narrow = tuple(complex_unknowns), waves, narrow
        self._points = _DENSE if narrow else _POINTS
        self.context, self.region, self._given = context, context.region, parameters
        self.parameters = {name: _large(value) for name, value in parameters.items()}
        self.equations, self.conditions = equations, conditions
        self.lengths = even_lengths(self.region, even)
        self._site = equations.draw(self._unit, self._points)[0]

    def _unit(self, n: int) -> Tensor:
        return unit_points("sobol", n, len(self.region.coordinates), np.random.default_rng(3)).double()

    def reach(self, key: Key) -> float:
        """The product of the lengths of the coordinates by which a derivative is."""
        return math.prod(self.lengths[name] for name in key)

    def rows(self, rest: Mapping[str, float], sizes: Mapping[str, float]) -> dict[str, Row]:
        """{residual: what it is made of} for unknowns that are about ``rest`` and vary by ``sizes``.

        Args:
            rest, sizes: {unknown: number}.
        """
        units = self.lengths
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
            short = {c: min(units[c], near.get(i, math.inf)) for i, c in enumerate(region.coordinates)}
            pulls: dict[str, list[float]] = {}
            for (unknown, key), slope in slopes.items():
                size = _size(slope)
                if size > 0:
                    pulls.setdefault(unknown, []).append(size / math.prod(units[c] for c in key))
            # a source of short waves moves an unknown less than one that is the same everywhere
            steep: dict[str, list[float]] = {}
            for (unknown, key), slope in slopes.items():
                steep.setdefault(unknown, []).append(_size(slope) / math.prod(short[c] for c in key))
            shares = {u: max(steep[u]) / max(pulls[u]) for u in pulls}
            least = min(shares.values(), default=1.0)
            found[name] = Row(pulls, source / max(least, 1.0) if self.waves else source)
        return found

    def response(self, rest: Mapping[str, float], sizes: Mapping[str, float]) -> float:
        """How large a residual becomes where an unknown is off by its size, in half a wave along the domain.

        Of coefficients that vary it is the geometric mean: what is stiff in a thin layer is not stiff elsewhere. For the
        same reason equations that are stiffer where unknowns are large than where they are at rest are linearized at rest.

        Args:
            rest, sizes: as for ``rows``.
        """
        found = [self._response(rest, sizes, moves) for moves in (0.0, 1.0)]
        return min(found) or max(found)

    def _response(self, rest: Mapping[str, float], sizes: Mapping[str, float], moves: float) -> float:
        """The same where unknowns vary by ``moves`` times their sizes."""
        answers = [0.0]
        for slopes in self._slopes(rest, {u: moves * sizes.get(u, 0.0) for u in rest}):
            for unknown in rest:
                terms = [
                    a.detach().abs() * sizes[unknown] * math.prod(math.pi / self.lengths[c] for c in key)
                    for (u, key), a in slopes.items()
                    if u == unknown
                ]
                if terms:
                    answers.append(_typical(torch.stack([t.expand(len(self._site.points)) for t in terms]).amax(0)))
        return max(answers)

    def _slopes(self, rest: Mapping[str, float], sizes: Mapping[str, float]) -> Coefficients:
        """The equations linearized where unknowns are about ``rest`` and vary by ``sizes``."""
        site = Site(self._site.points.detach().clone().requires_grad_())
        columns = self.region.columns(site.points)
        jets = {
            u: _jet(columns, value, sizes.get(u, 0.0), self.reach, i + 1) for i, (u, value) in enumerate(rest.items())
        }
        residuals = self.equations.evaluate((Scope.of_jets(jets, columns, self.parameters),))
        return linearize(list(residuals.values()), jets)

    def steepening(self, unknown: str, rest: Mapping[str, float], size: float, step: float) -> float:
        """By how much the terms of an unknown that matter grow from where it is at rest to a step away: e of exp(u).

        Those that vanish at rest, such as powers, tell nothing.

        Args:
            unknown: which.
            rest: of all unknowns.
            size: by how much it varies; the largest term of an equation matters there.
            step: how far away.
        """
        most = 1.0
        for still, near, far in zip(*(self._slopes(rest, {unknown: by}) for by in (0.0, step, size)), strict=True):
            terms = {key: _typical(a.detach().abs()) / self.reach(key) for (u, key), a in far.items() if u == unknown}
            for key in (k for k, term in terms.items() if term == max(terms.values())):
                before, after = (_typical(row[unknown, key].detach().abs()) for row in (still, near))
                most = max(most, after / before if before > 0 else 1.0)
        return most

    def asked(self, rest: Mapping[str, float]) -> tuple[dict[str, list[float]], dict[str, float]]:
        """{unknown: lowest and highest value that conditions ask for}, and {unknown: variation that slopes ask for}."""
        values: dict[str, list[float]] = {}
        slopes: dict[str, float] = {}
        for terms in self.conditions:
            for term in terms:
                if term.kind == "periodic":
                    continue
                sites = term.draw(self._unit, term.fixed or self._points)
                if len(sites) != 1:
                    continue
                self._ask(term, sites[0], rest, values, slopes)
        return values, slopes

    def evened(self, factor: float) -> TermSizes:
        """The same with sides that differ by less than a factor as long as the longest one."""
        given = (self.context, self.equations, self.conditions, self._given, self.complex_unknowns)
        return TermSizes(*given, waves=self.waves, even=factor, narrow=self.narrow)

    @property
    def blunt(self) -> TermSizes:
        """The same without regard to short waves."""
        given = (self.context, self.equations, self.conditions, self._given, self.complex_unknowns)
        return TermSizes(*given, waves=False, narrow=self.narrow)

    @cached_property
    def paths(self) -> dict[str, tuple[float, float]]:
        """{unknown: its lowest and highest value} of ordinary differential equations in time."""
        region = self.region
        if region.space or not region.has_time:
            return {}
        start: dict[tuple[str, Key], float] = {}
        for term in (term for terms in self.conditions for term in terms if term.kind == "initial"):
            (site,) = term.draw(self._unit, 1)
            columns = region.columns(site.points)
            jets = {u: _jet(columns, 0.0, 0.0, self.reach, 0) for u in self.context.unknowns}
            residuals = term.evaluate((Scope.of_jets(jets, columns, self.parameters),))
            for r, row in zip(residuals.values(), linearize(list(residuals.values()), jets), strict=True):
                start |= {leaf: float(-r.detach()[0] / a[0]) for leaf, a in row.items()}
        return excursions(self.equations, region, start, self.parameters, self._scope()) if start else {}

    def _scope(self) -> Callable[..., Scope]:
        """In what the equations are best evaluated many times."""
        columns = self.region.columns(self._site.points)
        made_up = {u: _jet(columns, 0.0, 1.0, self.reach, i + 1) for i, u in enumerate(self.context.unknowns)}
        return grid_scope if agrees(self.equations, made_up, columns, self.parameters) else Scope.of_jets

    def misfits(self, rest: Mapping[str, float], sizes: Mapping[str, float]) -> tuple[dict[str, float], ...]:
        """Per condition {name of a misfit: the size of its largest term}; one where it has none.

        Args:
            rest, sizes: as for ``rows``.
        """
        return tuple(self._misfits(terms, rest, sizes) for terms in self.conditions)

    def _misfits(
        self, terms: Sequence[Term], rest: Mapping[str, float], sizes: Mapping[str, float]
    ) -> dict[str, float]:
        found: dict[str, float] = {}
        for term in terms:
            scopes, jets = [], []
            for site in term.draw(self._unit, term.fixed or self._points):
                columns = self.region.columns(site.points)
                normals = None if site.normals is None else self.region.columns(site.normals)
                jet = {
                    u: _jet(columns, value, sizes.get(u, 0.0), self.reach, i + 1)
                    for i, (u, value) in enumerate(rest.items())
                }
                scopes.append(Scope.of_jets(jet, columns, self.parameters, normals))
                jets.append(jet)
            residuals = term.evaluate(tuple(scopes))
            found |= dict.fromkeys(residuals, 0.0)
            for jet in jets:
                for name, slopes in zip(residuals, linearize(list(residuals.values()), jet), strict=True):
                    each = [_size(a) * sizes[u] / self.reach(k) for (u, k), a in slopes.items()]
                    found[name] = max(found[name], *each, 0.0)
        return {name: size if 0 < size < math.inf else 1.0 for name, size in found.items()}

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
        if term.weights is not None:
            residuals = {name: term.summed(r) for name, r in residuals.items()}
        for name, (residual, row) in zip(
            residuals, zip(residuals.values(), linearize(list(residuals.values()), jets), strict=True), strict=True
        ):
            left = residual.detach()
            if term.weights is not None:
                row = {leaf: _whole(a.unflatten(-1, (-1, term.span))) for leaf, a in row.items()}
            about = [(u, a) for (u, key), a in row.items() if not key and bool((a != 0).any())]
            if len(about) == 1:
                unknown, a = about[0]
                wanted = (rest[unknown] - left / a)[torch.isfinite(left / a)]
                if len(wanted):
                    pair = values.setdefault(unknown, [math.inf, -math.inf])
                    pair[0], pair[1] = min(pair[0], float(wanted.min())), max(pair[1], float(wanted.max()))
            elif not about and len(used := sorted({u for u, _ in row})) == 1 and (used[0], ()) in row:
                root = self._root(term, site, name, used[0])
                if root is not None:
                    pair = values.setdefault(used[0], [math.inf, -math.inf])
                    pair[0], pair[1] = min(pair[0], root), max(pair[1], root)
            elif not about:
                steps = [(u, _size(left) * self.reach(k) / _size(b)) for (u, k), b in row.items() if _size(b) > 0]
                if len({u for u, _ in steps}) == 1:
                    unknown, step = steps[0][0], min(s for _, s in steps)
                    slopes[unknown] = max(slopes.get(unknown, 0.0), step)

    def _root(self, term: Term, site: Site, name: str, unknown: str) -> float | None:
        """A positive constant for which a condition on one unknown holds, to a factor of two; None where there is none."""
        columns = self.region.columns(site.points)
        normals = None if site.normals is None else self.region.columns(site.normals)

        def misfit(value: float) -> float:
            rest = {u: value if u == unknown else 0.0 for u in self.context.unknowns}
            jets = {u: _jet(columns, at, 0.0, self.reach, 0) for u, at in rest.items()}
            found = term.evaluate((Scope.of_jets(jets, columns, self.parameters, normals),))[name]
            return float(term.summed(found.detach()).mean())

        before = misfit(0.0)
        for power in range(-_WIDEST, _WIDEST, 4):
            after = misfit(2.0**power)
            if math.isfinite(after) and before * after < 0:
                return next(x for x in (2.0 ** (power - k) for k in range(4)) if misfit(x / 2) * after <= 0)
        return None


def _large(value: Parameter) -> Any:
    """A parameter as a number or a function that tells how large things are."""
    if isinstance(value, SoughtParameter):
        return value.stand_in
    found = value.large if isinstance(value, Family) else value.start if isinstance(value, Unknown) else value
    return found if isinstance(found, FunctionParameter | StateFunction) else torch.tensor(found, dtype=torch.float64)


def _whole(slopes: Tensor) -> Tensor:
    """(n,) how strongly a sum changes, from slopes (n, s): those that cancel, as normals around a ball do, count too."""
    total = slopes.sum(-1)
    return torch.where(total < 0, -1.0, 1.0) * slopes.abs().sum(-1)


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


def _typical(values: Tensor) -> float:
    """Geometric mean of (n,), without zeros and points where an equation is not defined."""
    found = values[torch.isfinite(values) & (values > 0)]
    return math.exp(float(found.log().mean())) if len(found) else 0.0


def _size(values: Tensor) -> float:
    """Root mean square of (n,), without points where an equation is not defined."""
    found = values.detach()
    found = found[torch.isfinite(found)]
    if not len(found):
        return 0.0
    most = float(found.abs().max())
    return most * float((found / most).square().mean().sqrt()) if most > 0 else 0.0
