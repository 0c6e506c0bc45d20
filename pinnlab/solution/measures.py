"""How well a finished solution meets its equations and conditions, in numbers that have no units.

Letters: c derivatives, n points, d coordinates, m unknowns, q residuals.

A residual is small or large in comparison with the terms that should cancel in it. These are read off the linearized
equation: a term is the derivative of the residual by one entry of the jet (a value or a derivative of an unknown), times
that entry. For u_t + u u_x the entries are u_t, u and u_x, and the terms u_t, u u_x and once more u u_x.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import AnyCondition
from pinnlab.declaration.discontinuities.one_sided import beside
from pinnlab.declaration.lacking import keys_of
from pinnlab.declaration.parameters.functions import FunctionParameter
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.indices import Indices, used_indices
from pinnlab.derivatives.jets import named_jets
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains import Site
from pinnlab.domains.mapping import at_the_end
from pinnlab.domains.sampling import unit_points
from pinnlab.solution.sizes import Size, natural_sizes, relative_size, rms
from pinnlab.solvers.windows import by_window, goes_backwards
from pinnlab.training.part import Part

Sizes = Mapping[tuple[str, Key], float]
"""{(unknown, derivative): its size over the domain}."""
JetsByUnknown = dict[str, dict[Key, Tensor]]
_FLOOR = 1e-2
"""Part of the natural size of an equation's terms that they are taken to have at least."""
_LEAST_FLUX = 1e-3
_FEWEST_DATA, _MOST_DATA = 8, 2000
_SIDE = 1e-9
"""How far from a joint its two sides are evaluated, relative to the extent of the coordinate.

A point on the joint itself belongs to one side only; the value there is that beside it less its slope times the distance.
"""


@dataclass(frozen=True)
class Misfit:
    """By how much something that should vanish does not, over fresh points.

    Attributes:
        name: of the equation or condition.
        kind: ``"equation"``, ``"initial"``, ``"boundary"``, ``"periodic"``, ``"data"``, ``"integral"`` (over the size of
            what it is taken over), ``"hand-over"`` (between time windows) or ``"jump"`` (between subdomains or experts).
        rms: root mean square.
        maximum: largest modulus.
        relative: the root mean square, relative to the largest of what should cancel; in this the value of an unknown
            counts by its variation around the mean, and a term that vanishes by a hundredth of its natural size.
        noise: of data, whether what is left looks like noise.
    """

    name: str
    kind: str
    rms: float
    maximum: float
    relative: float
    noise: bool = False


def terms_of(
    residual: Tensor, jets: Mapping[str, Mapping[Key, Tensor]], means: Mapping[str, float] | None = None
) -> list[Tensor]:
    """The terms (n,) of a residual: its derivative by each entry of the jet times that entry, which is a leaf.

    Args:
        residual: (n,).
        jets: {unknown: {derivative: (n,)}}.
        means: {unknown: number} that is taken off its values: an offset is no part of what should cancel.
    """
    (slopes,) = linearize([residual], jets)
    found = []
    for (unknown, key), slope in slopes.items():
        value = jets[unknown][key].detach()
        found.append(slope.detach() * (value if key or means is None else value - means.get(unknown, 0.0)))
    return found


def is_noise(left: Tensor, points: Tensor) -> bool:
    """Whether what is left of measurements looks like noise: its mean is next to nothing, and neighbours do not agree.

    Args:
        left: (n,) what the measurements differ by from the solution.
        points: (n, d) where, in units of the domain.
    """
    n, size = len(left), rms(left)
    if n < _FEWEST_DATA or not size > 0:
        return False
    # beyond a few thousand points the first ones tell as much, and distances of all pairs would not fit
    left, points = left[:_MOST_DATA], points[:_MOST_DATA]
    apart = torch.cdist(points, points)
    apart.fill_diagonal_(math.inf)
    together = float((left * left[apart.argmin(dim=1)]).mean()) / size**2
    return abs(float(left.mean())) < 3 * size / math.sqrt(n) and together < 3 / math.sqrt(n)


def is_of_size(left: Tensor, noise: float) -> bool:
    """Whether what is left of measurements (n,) is no larger than noise of a known standard deviation, by chance."""
    return 0 < len(left) and rms(left) <= noise * (1 + 3 / math.sqrt(2 * len(left)))


class Sampled:
    """A finished solution's derivatives at points, whatever it is made of.

    Args:
        problem: what was solved.
        models: of consecutive time windows; each has ``jet(points, indices)`` and a ``region``.
    """

    def __init__(self, problem: Problem, models: Sequence[Part]):
        self.problem, self.models = problem, models
        self.like = models[0].parameters[0].detach()
        known = {k: v for k, v in problem.parameter_values().items() if k not in problem.unknown_parameters}
        self.parameters = {**known, **models[-1].functions}

    def jet(self, points: Tensor, indices: Indices) -> tuple[Tensor, dict[str, Tensor]]:
        """Derivatives (c, n, m), float64 on the CPU, NaN where nothing was solved; and coefficients found, (n,) each."""
        jet = points.new_full((len(indices), len(points), len(self.problem.unknowns)), math.nan)
        found = {name: points.new_full((len(points),), math.nan) for name in self.problem.unknown_parameters}
        windows = [model.region for model in self.models]
        for k, inside in by_window(points, windows, self.problem.domain, inside=True):
            model = self.models[k]
            jet[:, inside] = model.jet(points[inside].to(self.like), indices).detach().to(jet)
            for name in found:
                found[name][inside] = float(model.coefficients[name].detach())
        return jet, found

    def scope(self, site: Site, indices: Indices) -> tuple[Scope, JetsByUnknown]:
        """The scope at a site, and its jets as leaves; points where nothing was solved are left out."""
        names, columns = self.problem.domain.coordinates, self.problem.domain.columns
        points = site.points.detach().to("cpu", torch.float64)
        jet, coefficients = self.jet(points, indices)
        named = named_jets(jet, indices, self.problem.unknowns, names)
        jets: JetsByUnknown = {
            u: {key: v.clone().requires_grad_() for key, v in mine.items()} for u, mine in named.items()
        }
        normals = None if site.normals is None else columns(site.normals.to(points))
        parameters = {**self.parameters, **coefficients}
        return Scope.of_jets(jets, columns(points), parameters, normals), jets

    def function_sizes(self, points: Tensor) -> list[float]:
        """How large the functions of coordinates are that were found, root mean squares at points (n, d)."""
        columns = self.problem.domain.columns(points.detach().to("cpu", torch.float64))
        found = [f for f in self.models[-1].functions.values() if {*f.on} <= {*columns}]
        return [rms(f.expansion.values([columns[name] for name in f.on])) for f in found]


def residuals_at(problem: Problem, models: Sequence[Part], points: Tensor) -> dict[str, Tensor]:
    """{equation: (n,) residuals} at points (n, d), with the coefficients that were found; NaN where nothing was solved."""
    names = problem.domain.coordinates
    result = {name: points.new_full((len(points),), math.nan) for name in problem.residual_names}
    term, indices = problem.equation_term(), used_indices(problem.derivatives, names)
    functions = {k: v for k, v in problem.parameter_values().items() if isinstance(v, FunctionParameter)}
    windows = [model.region for model in models]
    for k, inside in by_window(points, windows, problem.domain, inside=True):
        model, at = models[k], points[inside]
        jet = model.jet(at, indices).detach()
        found = {**model.functions, **{name: p.detach() for name, p in model.coefficients.items()}}
        parameters = {**functions, **model.constants, **found}
        scope = Scope.of_jet(jet, indices, problem.unknowns, model.region.columns(at), parameters)
        for name, value in term.evaluate((scope,)).items():
            result[name][inside] = value
    return result


def measure(problem: Problem, models: Sequence[Part], n: int = 4096, seed: int = 0) -> tuple[list[Misfit], float]:
    """The misfits of equations, conditions, hand-overs and joints, and the share of the domain that was solved.

    Args:
        problem: a single instance.
        models: of consecutive time windows.
        n: points of the equations; an eighth of it for every condition.
        seed: of the points.
    """
    sampled, rng = Sampled(problem, models), np.random.default_rng([seed, 987])
    d, few = len(problem.domain.coordinates), max(1, n // 8)

    def unit(count: int) -> Tensor:
        return unit_points("sobol", count, d, rng)

    equation = problem.equation_term()
    conditions = [(c, term) for c, terms in problem.condition_terms() for term in terms]
    traced = [keys_of(problem, term) for term in (equation, *(t for _, t in conditions))]
    names = problem.domain.coordinates
    every = used_indices({u: frozenset().union(*(keys[u] for keys in traced)) for u in problem.unknowns}, names)
    scope, jets = sampled.scope(equation.draw(unit, n)[0], every)
    solved = torch.isfinite(next(iter(jets.values()))[()])
    residuals, found = equation.evaluate((scope,)), []
    sizes, floors, means = _sizes(problem, residuals, jets, solved)
    for (name, residual), floor in zip(residuals.items(), floors, strict=True):
        values = residual.detach()[solved]
        scales = [rms(term[solved]) for term in terms_of(residual, jets, means)]
        found.append(_misfit(name, "equation", values, [*scales, floor]))
    for (condition, term), keys in zip(conditions, traced[1:], strict=True):
        sites = term.draw(unit, term.fixed or max(4, few // term.span))
        indices = used_indices(keys, names)
        misfits = _of_condition(term, sampled, sites, indices, sizes)
        if term.kind == "periodic":
            # a kink that is smoothed in time has at the seam itself the slope of neither side
            beside = _of_condition(term, sampled, [_inwards(problem, site) for site in sites], indices, sizes)
            misfits = [min(pair, key=lambda m: m.rms) for pair in zip(misfits, beside, strict=True)]
            misfits = [m for m in misfits if m.name not in _broken(problem, condition)]
        found += misfits
    found += _hand_overs(problem, models, unit, sampled, sizes)
    found += _jumps(problem, models, rng, sampled, sizes) + _at_materials(problem, sampled, rng, sizes)
    return found, float(solved.double().mean())


def _broken(problem: Problem, condition: AnyCondition) -> set[str]:
    """Names of periodic derivatives that are not continuous, because materials meet at the ends: fluxes are."""
    made = problem.joints.at(condition.on, problem.domain.bounds[condition.on][1]) if condition.on else None
    if made is None or not condition.on:
        return set()
    keys = [(u, (condition.on,) * k) for u in problem.unknowns for k in range(problem.order_of(u, condition.on))]
    return {f"periodic {u}_{''.join(key)} {condition.on}" for u, key in keys if key and (u, key) not in made.values}


def sizes_of(problem: Problem, models: Sequence[Part], n: int = 512) -> dict[str, Size]:
    """{unknown: size} of a finished solution, natural sizes included, from n points of its domain; NaN if unsolved."""
    sampled, rng = Sampled(problem, models), np.random.default_rng(987)
    equation, names = problem.equation_term(), problem.domain.coordinates
    (site,) = equation.draw(lambda count: unit_points("sobol", count, len(names), rng), n)
    scope, jets = sampled.scope(site, used_indices(keys_of(problem, equation), names))
    values = {u: Size.of(jet[()].detach()) for u, jet in jets.items()}
    lengths = {name: hi - lo for name, (lo, hi) in problem.domain.bounds.items()}
    everywhere = torch.ones(n, dtype=torch.bool)
    return natural_sizes(list(equation.evaluate((scope,)).values()), jets, values, lengths, everywhere)[0]


def _sizes(
    problem: Problem, residuals: Mapping[str, Tensor], jets: JetsByUnknown, solved: Tensor
) -> tuple[Sizes, list[float], dict[str, float]]:
    """The sizes of all derivatives, the least size of each residual's terms, and the means of unknowns that vary.

    Args:
        problem: names coordinates.
        residuals: {equation: (n,)}.
        jets: their leaves.
        solved: (n,) which of the points have a solution.
    """
    lengths = {name: hi - lo for name, (lo, hi) in problem.domain.bounds.items()}
    kept: JetsByUnknown = {u: {k: v.detach()[solved] for k, v in jet.items()} for u, jet in jets.items()}
    values = {u: Size.of(jet[()]) for u, jet in kept.items()}
    sizes, naturals = natural_sizes(list(residuals.values()), jets, values, lengths, solved)
    found = {}
    for unknown, jet in kept.items():
        size = sizes[unknown]
        for key, derivative in jet.items():
            stretch = math.prod(lengths[name] for name in key)
            least = _FLOOR * max(size.unit, size.natural) / stretch
            found[unknown, key] = max(rms(derivative) if key else size.unit, least)
    means = {u: float(jet[()].mean()) for u, jet in kept.items() if sizes[u].varies}
    return found, [_FLOOR * n for n in naturals], means


def _of_condition(term: Term, sampled: Sampled, sites: Sequence[Site], indices: Indices, sizes: Sizes) -> list[Misfit]:
    pairs = [sampled.scope(site, indices) for site in sites]
    found = []
    for name, residual in term.evaluate(tuple(s for s, _ in pairs)).items():
        # of what is summed, terms may cancel at different points
        scales = []
        for _, jet in pairs:
            (slopes,) = linearize([residual], jet)
            scales += [rms(v[torch.isfinite(v)]) * sizes[leaf] for leaf, v in slopes.items()]
        scales = scales or sampled.function_sizes(sites[0].points)  # it is about nothing else
        misfit = _misfit(name, term.kind, term.summed(residual.detach()), scales)
        if term.kind == "data":
            at = sites[0].points.detach().to("cpu", torch.float64)
            kept = torch.isfinite(residual.detach())
            extents = at.new_tensor([hi - lo for lo, hi in sampled.problem.domain.bounds.values()])
            left = residual.detach()[kept]
            noise = is_noise(left, (at / extents)[kept]) if term.noise is None else is_of_size(left, term.noise)
            misfit = replace(misfit, noise=noise)
        found.append(misfit)
    return found


def _inwards(problem: Problem, site: Site) -> Site:
    """The same points, a little off the boundary."""
    return Site(site.points - _SIDE * problem.domain.size * site.outward, site.normals)


def _misfit(name: str, kind: str, values: Tensor, scales: Sequence[float]) -> Misfit:
    values = values[torch.isfinite(values)]
    if not len(values):
        return Misfit(name, kind, math.nan, math.nan, math.nan)
    size = rms(values)
    return Misfit(name, kind, size, float(values.abs().max()), relative_size(size, scales))


def _hand_overs(
    problem: Problem, models: Sequence[Part], unit: Any, sampled: Sampled, sizes: Mapping[tuple[str, Key], float]
) -> list[Misfit]:
    """What the start of each time window misses of the end of the one before."""
    if len(models) == 1:
        return []
    found = []
    count = max(1, 512 // len(models)) if problem.domain.space else 1
    backwards = goes_backwards([model.region for model in models], problem.domain)
    drawn = [(model.region, unit(count)) for model in models[1:]]
    sites = [at_the_end(part, cube) if backwards else part.initial(cube) for part, cube in drawn]
    points = [site.points.to(sampled.like) for site in sites]
    for j, unknown in enumerate(problem.unknowns):
        for order in range(max(1, problem.order_of(unknown, problem.domain.clock))):
            key = (problem.domain.clock,) * order
            indices = used_indices({unknown: frozenset({key})}, problem.domain.coordinates)
            gaps = [
                (after.jet(at, indices)[-1, :, j] - before.jet(at, indices)[-1, :, j]).detach().to("cpu", torch.float64)
                for at, (before, after) in zip(points, itertools.pairwise(models), strict=True)
            ]
            name = f"hand-over {unknown}" + ("_" + "".join(key) if key else "")
            found.append(_misfit(name, "hand-over", torch.cat(gaps), [sizes.get((unknown, key), 0.0)]))
    return found


def _jumps(
    problem: Problem,
    models: Sequence[Part],
    rng: np.random.Generator,
    sampled: Sampled,
    sizes: Mapping[tuple[str, Key], float],
) -> list[Misfit]:
    """Jumps of the values where subdomains or experts meet."""
    gaps = []
    for model in models:
        bounds = list(model.region.bounds.values())
        lower, upper = (torch.tensor(side, dtype=torch.float64) for side in zip(*bounds, strict=True))
        for name, positions in model.joints.items():
            i = problem.domain.coordinates.index(name)
            for position in positions:
                made = problem.joints.at(name, position)
                if made is not None and made.prescribed:
                    continue
                unit = unit_points("sobol", 16, len(bounds), rng)
                sides = []
                for sign in (-1.0, 1.0):
                    at = lower + unit * (upper - lower)
                    step = sign * _SIDE * (upper[i] - lower[i])
                    at[:, i] = position + step
                    jet = model.jet(at.to(sampled.like), ((), (i,))).detach().to("cpu", torch.float64)
                    sides.append(jet[0] - step * jet[1])
                gaps.append(sides[1] - sides[0])
    if not gaps:
        return []
    together = torch.cat(gaps)
    return [_misfit(f"jump {u}", "jump", together[:, j], [sizes[u, ()]]) for j, u in enumerate(problem.unknowns)]


def _at_materials(problem: Problem, sampled: Sampled, rng: np.random.Generator, sizes: Sizes) -> list[Misfit]:
    """What is not joined where materials meet: fluxes, and values that jump by prescription.

    Fluxes count by a thousandth of what would change the unknown by its size over the domain, at least.
    """
    found = []
    names, domain = problem.domain.coordinates, problem.domain
    indices = used_indices(problem.derivatives, names)
    for name, across in problem.joints.across.items():
        lower, upper = domain.bounds[name]
        for position, made in across.items():
            points = domain.interior(unit_points("sobol", 64, len(names), rng)).points
            sides = []
            # the two ends of a periodic coordinate meet at the upper one
            for sign, place in ((-1, position), (1, lower if position == upper else position)):
                at = points.clone()
                at[:, names.index(name)] = place
                side = beside(domain.columns(at), name, sign, (lower, upper))
                (jet,) = side.limit(lambda columns: [sampled.jet(torch.stack(list(columns.values()), 1), indices)[0]])
                sides.append((named_jets(jet, indices, problem.unknowns, names), side))
            gaps, (below, above) = made.mismatch(*sides), (made.quantities(*side) for side in sides)
            owners, labels = [*(u for u, _ in made.values), *made.owners], [*map(_label, made.values), *made.fluxes]
            least = [_LEAST_FLUX * sizes[u, ()] / f for u, f in zip(owners, made.factors(upper - lower), strict=True)]
            for i in range(0 if made.prescribed else len(made.values), len(owners)):
                scales = [rms(v[torch.isfinite(v)]) for v in (below[i].detach(), above[i].detach())]
                label = f"jump of {labels[i]} at {name} = {position:.4g}"
                found.append(_misfit(label, "jump", gaps[i].detach(), [*scales, least[i]]))
    return found


def _label(leaf: tuple[str, Key]) -> str:
    return "_".join(filter(None, (leaf[0], "".join(leaf[1]))))
