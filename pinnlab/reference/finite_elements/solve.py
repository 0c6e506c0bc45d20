"""Which problems finite elements solve, how finely, and how well.

Letters: p points, s instants, c components of the state, v nodes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from pinnlab.declaration.conditions import Data, Integral, Periodic
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.axes import NodeAxis
from pinnlab.derivatives.jets import made_up_jet
from pinnlab.domains import Mesh, Region
from pinnlab.domains.outlines import outline
from pinnlab.domains.sampling import unit_points
from pinnlab.domains.triangulation import Triangulation, triangulate
from pinnlab.machine.capacity import usable_memory
from pinnlab.reference.collocation import Integrator
from pinnlab.reference.convergence import bound
from pinnlab.reference.cost import TooLargeError
from pinnlab.reference.finite_elements.conditions import BoundaryFlux, Essential, check_covered, sorted_conditions
from pinnlab.reference.finite_elements.fluxes import first_order_keys, pointwise
from pinnlab.reference.finite_elements.function import ElementFunction
from pinnlab.reference.finite_elements.interfaces import inner_corners, interfaces, off_curves
from pinnlab.reference.finite_elements.space import Array, ElementSpace
from pinnlab.reference.finite_elements.system import ElementSystem
from pinnlab.reference.newton import newton
from pinnlab.reference.refinement import Budget, Estimate, nothing_in_time
from pinnlab.reference.structure import Structure, initial_values, matched, start_function

_FIRST = 8
"""Sides of the first triangles along the longest side of the region."""
_POINTS, _TIMES = 3000, 24
_PROBES = 8
_ORDER = 3
"""Of the error in L2 of quadratic elements, where the solution is smooth."""
_GROWTH = 6.0
"""How many times longer the next level takes."""
_CORNER = 1e-4
"""Edges at a corner where derivatives are unbounded, relative to others."""


def check_elements(problem: Problem) -> None:
    """Raise ValueError where finite elements cannot solve a problem, with what is in the way."""
    region, space = problem.domain.at_rest, problem.domain.space
    if region is None or len(space) != 2:
        raise ValueError(
            f"reference_solution: {len(space)} space dimensions ({', '.join(space)}); the built-in solvers work on boxes in "
            "one or two, and on other regions of the plane. Pass a reference of your own as Problem(reference=...)."
        )
    if len(problem.residual_names) != len(problem.unknowns):
        raise ValueError(
            f"reference_solution: {len(problem.residual_names)} equations for {len(problem.unknowns)} unknowns "
            f"({', '.join(problem.unknowns)}); give as many equations as unknowns."
        )
    for condition in problem.conditions:
        if isinstance(condition, Data | Integral | Periodic):
            raise ValueError(
                f"reference_solution: finite elements take no {condition!r}; pass a reference of your own as "
                "Problem(reference=...)."
            )
    _check_principal_part(problem)
    check_covered(problem, *sorted_conditions(problem))


def _check_principal_part(problem: Problem) -> None:
    """Fluxes' derivatives must stand linearly, and be those of an elliptic operator."""
    region, space = problem.domain, problem.domain.space
    unit = unit_points("sobol", _PROBES, len(region.coordinates), np.random.default_rng(0)).double()
    columns = region.columns(region.interior(unit).points)
    jets = {u: made_up_jet(_PROBES, 31 + j) for j, u in enumerate(problem.unknowns)}
    orders = {u: problem.order_of(u, region.clock) if region.has_time else 0 for u in problem.unknowns}
    leaves = {(u, k): jets[u][k] for u, keys in first_order_keys(problem, orders).items() for k in keys}
    flat = pointwise(problem, leaves, columns, problem.parameter_values())
    ones = [torch.ones(_PROBES, dtype=torch.float64)] * len(flat.fluxes)
    bent = pointwise(problem, leaves, columns, problem.parameter_values(), ones)
    factors = [flat.by_fluxes(r) for r in flat.residuals]
    for name, mine, residual in zip(problem.residual_names, factors, bent.residuals, strict=True):
        for one, other in zip(mine, bent.by_fluxes(residual), strict=True):
            same = one is other is None or (
                one is not None and other is not None and torch.allclose(one, other, rtol=1e-9)
            )
            if not same:
                raise ValueError(
                    f"reference_solution: equation {name!r} is not linear in its highest derivatives, which finite "
                    "elements need; pass a reference of your own as Problem(reference=...)."
                )
    lost = problem.lost_flux("reference_solution")
    if lost is not None and any(f is not None and bool((f != f[0]).any()) for mine in factors for f in mine):
        raise ValueError(lost)
    changes = [flat.by_leaves(flux.value) for flux in flat.fluxes]
    signs = []
    for angle in np.linspace(0.1, np.pi + 0.1, 7):
        xi = dict(zip(space, (np.cos(angle), np.sin(angle)), strict=True))
        matrix = np.zeros((_PROBES, len(factors), len(problem.unknowns)))
        for i, mine in enumerate(factors):
            for flux, change, factor in zip(flat.fluxes, changes, mine, strict=True):
                for (unknown, key), value in change.items():
                    if factor is not None and len(key) == 1 and key[0] in xi:
                        slope = (factor * value).numpy() * xi[flux.coordinate] * xi[key[0]]
                        matrix[:, i, problem.unknowns.index(unknown)] += slope
        sizes = np.linalg.norm(matrix, axis=2, keepdims=True)
        determinants = np.linalg.det(matrix / np.maximum(sizes, 1e-300))
        signs.append(np.sign(determinants))
        # a determinant that changes its sign with the direction vanishes in one
        if (np.abs(determinants) < 1e-8).any() or (signs[-1] != signs[0]).any():
            raise ValueError(
                "reference_solution: the second derivatives of the equations are not those of an elliptic operator (an "
                "equation of first order, a pressure, transport without diffusion), which finite elements of this kind "
                "need; pass a reference of your own as Problem(reference=...)."
            )


def singular_corners(region: Region, essential: list[Essential], fluxes: Sequence[BoundaryFlux]) -> list[Array]:
    """(2,) corners at which derivatives are unbounded: re-entrant ones, and where kinds of conditions change."""
    curves = outline(region)
    ends = [(c.at(np.array([e]))[0], c.piece) for c in curves for e in (0.0, 1.0)]
    turn = np.linspace(0.0, 2 * np.pi, 128, endpoint=False)
    around = 1e-4 * region.size * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    fixed = {piece: {e.unknown for e in essential if e.piece == piece} for _, piece in ends}
    found: list[Array] = []
    for point, _ in ends:
        if any(np.linalg.norm(point - other) < 1e-9 * region.size for other in found):
            continue
        meeting = {piece for other, piece in ends if np.linalg.norm(point - other) < 1e-9 * region.size}
        share = float((region.depth(torch.from_numpy(point + around)) > 0).double().mean())
        change = len({frozenset(fixed[piece]) for piece in meeting}) > 1
        if share > 0.52 or (change and share > 0.27):
            found.append(point)
    return found


@dataclass(frozen=True, eq=False)
class Found:
    """A solution.

    Attributes:
        interpolant: evaluates it.
        resolution: number of nodes.
        method: what was used, in words.
        numbers: of coefficients that were found; none are.
    """

    interpolant: ElementFunction
    resolution: int
    method: str
    numbers: Mapping[str, float] = field(default_factory=dict)


def run_elements(problem: Problem, structure: Structure, budget: Budget) -> tuple[Found, Estimate]:
    """Quadratic elements, refined until the change says that the error is below the tolerance.

    Raises:
        ValueError: no level could be solved.
    """
    region = problem.domain.at_rest
    assert region is not None
    rows = matched(problem, structure)
    essential, fluxes = sorted_conditions(problem)
    size = region.size / _FIRST
    curves = interfaces(problem)
    corners = singular_corners(region, essential, fluxes)
    # a mesh has corners of its own
    if any(jump.flux for jump in problem.jumps) and not isinstance(region, Mesh):
        corners += inner_corners(curves, 1e-9 * region.size)
    mesh = triangulate(region, size, [(point, _CORNER * size) for point in corners], curves)
    power = 1.0 if off_curves(problem, curves) else math.inf
    best: Found | None = None
    changes: list[Estimate] = []
    guess: ElementFunction | None = None
    why = "time was up"
    while True:
        began = time.perf_counter()
        try:
            guess = _solved(problem, structure, rows, mesh, budget, guess, len(changes))
        except (TimeoutError, TooLargeError) as error:
            why = str(error)
            break
        nodes = guess.space.count
        attempt = Found(guess, nodes, f"quadratic finite elements, {len(mesh.elements)} triangles, {nodes} nodes")
        if best is not None:
            changes.append(_difference(problem, best.interpolant, guess, budget.floors))
        best = attempt
        seconds = time.perf_counter() - began
        estimate = _estimate(changes, power)
        if estimate and max(estimate.values()) < budget.tolerance or not budget.allows(_GROWTH * seconds):
            break
        mesh = mesh.refined()
    if best is None:
        raise nothing_in_time(why)
    return best, _estimate(changes, power) if budget.estimate else {}


def _estimate(changes: list[Estimate], power: float) -> Estimate:
    """Of the finest level, from how much the last refinements changed: {unknown: relative error}.

    A change is the coarser level's error; errors fall by the ratio of two changes, or, where there was one, by half of
    what smooth solutions let expect. Where triangles cut through a jump, they fall with the ``power`` 1 of the length of
    edges, up and down.
    """
    if not changes:
        return {}
    last = changes[-1]
    if math.isfinite(power):
        sizes = [2**k for k in range(1, len(changes) + 1)]
        return {u: bound([change[u] for change in changes], sizes, power) for u in last}
    if len(changes) == 1:
        return {u: v / (2 ** (_ORDER - 1) - 1) for u, v in last.items()}
    found = {}
    for u, v in last.items():
        ratio = min(max(changes[-2][u] / max(v, 1e-300), 1.5), 2.0**_ORDER)
        found[u] = v / (ratio - 1)
    return found


def _solved(
    problem: Problem,
    structure: Structure,
    rows: tuple[str, ...],
    mesh: Triangulation,
    budget: Budget,
    guess: ElementFunction | None,
    level: int,
) -> ElementFunction:
    unknowns, domain = len(structure.components), problem.domain
    # fill of a factorization by nested dissection in the plane, in numbers
    nodes = 2 * len(mesh.elements) * unknowns
    need = 8.0 * 31 * nodes * np.log2(max(nodes, 2)) * (4 if problem.domain.has_time else 1)
    if need > usable_memory():
        raise TooLargeError(f"{nodes} unknowns need {need / 1e9:.1f} GB")
    space = ElementSpace(mesh)
    system = ElementSystem(problem, structure, space, rows, budget.deadline)
    at = {name: space.nodes[i] for i, name in enumerate(problem.domain.space)}
    if not problem.domain.has_time:
        shape = (unknowns, space.count)
        guesses = [np.zeros(shape), np.ones(shape)]
        if guess is not None:
            values = guess(at)
            guesses = [np.stack([values[u] for u in problem.unknowns])]
        state, _ = newton(system, guesses)
        return ElementFunction(space, domain, dict(zip(problem.unknowns, state, strict=True)))
    found = initial_values(problem, at)
    state = np.stack([found[component] for component in structure.components])
    start, stop = problem.domain.time_interval
    state = system.fit_boundary(state, np.zeros_like(state), start)
    tolerance = max(1e-10, 0.1 * min(budget.tolerance, 1e-3) * 0.4**level)
    floor = np.array([budget.floors.get(unknown, 0.0) for unknown, _ in structure.components])
    path = Integrator(system, tolerance, 5, budget.deadline).run(state, start, stop, floor)
    times = NodeAxis(path.times, 0, stride=path.stages)
    data = {u: path.states[:, row] for row, (u, order) in enumerate(structure.components) if order == 0}
    return ElementFunction(space, domain, data, (problem.domain.clock, times), start_function(problem))


def _difference(
    problem: Problem, coarse: ElementFunction, fine: ElementFunction, floors: Mapping[str, float]
) -> Estimate:
    """{unknown: L2 difference}, relative to its size or to its floor, whichever is larger, at random points."""
    region = problem.domain.at_rest
    assert region is not None
    points = region.interior(unit_points("sobol", _POINTS, 2, np.random.default_rng(5)).double()).points.numpy()
    at = {name: points[:, i] for i, name in enumerate(region.coordinates)}
    if problem.domain.has_time:
        start, stop = problem.domain.time_interval
        instants = start + (stop - start) * (np.arange(_TIMES) + 1) / _TIMES
        at = {name: np.tile(values, _TIMES) for name, values in at.items()}
        at[problem.domain.clock] = np.repeat(instants, len(points))
        at = {name: at[name] for name in problem.domain.coordinates}
    rough, exact = coarse(at), fine(at)
    found = {}
    for unknown, values in exact.items():
        known = np.isfinite(values) & np.isfinite(rough[unknown])
        change = float(np.linalg.norm((rough[unknown] - values)[known]))
        least = floors.get(unknown, 0.0) * math.sqrt(max(1, int(known.sum())))
        found[unknown] = change / max(float(np.linalg.norm(values[known])), least, 1e-300)
    return found
