"""Which problems finite elements solve, how finely, and how well.

Letters: p points, s instants, c components of the state, v nodes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from pinnlab.declaration.discontinuities.one_sided import hair
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.axes import NodeAxis
from pinnlab.derivatives.stencils import interpolation_weights
from pinnlab.reference.affine import Affine
from pinnlab.reference.collocation import Integrator, Trajectory
from pinnlab.reference.cost import TooLargeError
from pinnlab.reference.cuts import stops
from pinnlab.reference.finite_elements.changes import difference, estimate_of
from pinnlab.reference.finite_elements.conditions import check_covered, sorted_conditions
from pinnlab.reference.finite_elements.contacts import Contacts
from pinnlab.reference.finite_elements.function import ElementFunction
from pinnlab.reference.finite_elements.ladder import Ladder
from pinnlab.reference.finite_elements.meshing import Mesh, kind_of, look_ahead_on, solver_on, space_on
from pinnlab.reference.finite_elements.mixed import check_mixed, mixed_form
from pinnlab.reference.finite_elements.multigrid import Prepare
from pinnlab.reference.finite_elements.periodic import periodic_sides
from pinnlab.reference.finite_elements.posed import Posed, Read
from pinnlab.reference.finite_elements.rates import highest, without_rates
from pinnlab.reference.finite_elements.space import Array
from pinnlab.reference.finite_elements.symbol import Symbol
from pinnlab.reference.finite_elements.system import ElementSystem
from pinnlab.reference.finite_elements.tied import consistent
from pinnlab.reference.finite_elements.unbounded import Aside
from pinnlab.reference.grids.newton import Linear, SteadySystem, newton, newton_by_steps
from pinnlab.reference.grids.structure import Structure, check_square, initial_values, start_function
from pinnlab.reference.refinement import Budget, Estimate, HopelessError, nothing_in_time

_ENOUGH = 1e-7
"""Residual at which Newton's method stops where linear systems are solved by iteration, relative to the first."""
_WARM = 6
"""Iterations that a level takes, about, if it starts from a coarser one."""
_COLD = 12
"""Newton's iterations from a guess, before it is led from an easier problem."""
_FAILURES = 2
"""Levels, at most, on which Newton's method may fail before it reaches a solution on a finer one."""
_ROUGHEST = 1e-2
"""Tolerance from which on steps in time get no longer."""
_STAGES = 7
"""Of steps in time of what is linear with constant coefficients: long ones pay where none takes an evaluation."""
_UNBALANCED = 1e-2
"""Of the sources, what may lack at most unless it falls under refinement."""


def check_elements(problem: Problem) -> None:
    """Raise ValueError where finite elements cannot solve a problem, with what is in the way."""
    region, space = problem.domain.at_rest, problem.domain.space
    if region is None or len(space) not in (2, 3):
        raise ValueError(
            f"reference_solution: {len(space)} space dimensions ({', '.join(space)}); the built-in solvers work in one, two "
            "and three. Pass a reference of your own as Problem(reference=...)."
        )
    check_square(problem)
    form = mixed_form(problem)
    posed = problem if form is None else form.problem
    symbol = Symbol(posed)
    _check_principal_part(posed, symbol)
    paired = () if form is None else form.paired
    sides = sorted_conditions(posed, symbol.multipliers, paired)
    check_covered(posed, *sides, symbol.multipliers, periodic_sides(posed), paired)
    if form is not None:
        check_mixed(form, *sides)
    Contacts.of(problem).check(form is None and not symbol.multipliers)


def _check_principal_part(problem: Problem, symbol: Symbol) -> None:
    """Fluxes' derivatives must stand linearly, and be those of an elliptic operator."""
    for name, mine, bent in zip(problem.residual_names, symbol.factors, symbol.bent(), strict=True):
        for one, other in zip(mine, bent, strict=True):
            same = one is other is None or (
                one is not None and other is not None and torch.allclose(one, other, rtol=1e-9)
            )
            if not same:
                raise ValueError(
                    f"reference_solution: equation {name!r} is not linear in its highest derivatives, which finite "
                    "elements need; pass a reference of your own as Problem(reference=...)."
                )
    lost = problem.lost_flux("reference_solution")
    if lost is not None and any(f is not None and bool((f != f[0]).any()) for mine in symbol.factors for f in mine):
        raise ValueError(lost)
    if not symbol.is_elliptic():
        raise ValueError(
            "reference_solution: the second derivatives of the equations are not those of an elliptic operator (an "
            "equation of first order that is no constraint with a pressure, transport without diffusion), which finite "
            "elements of this kind need; pass a reference of your own as Problem(reference=...)."
        )


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


def run_elements(
    problem: Problem, structure: Structure, budget: Budget, read: Read, like: Problem | None = None
) -> tuple[Found, Estimate]:
    """Quadratic elements, refined until the change says that the error is below the tolerance.

    Args:
        problem: with every parameter a number.
        structure: of its equations.
        budget: how far to go.
        read: finds the structure of another problem, which stands for this one.
        like: a problem that jumps at the same places, and whose equations are quick to look at; None for the problem.

    Raises:
        ValueError: no level could be solved.
    """
    posed = Posed.of(problem, structure, read)
    problem = posed.problem
    essential, _ = sorted_conditions(problem, posed.multipliers, (*posed.laplacians, *posed.laplacians.values()))
    ladder = Ladder.of(problem, essential, posed.contacts, like)
    posed = replace(posed, crossings=ladder.crossings)
    ends = stops(like or problem)
    steady = not any(jump.coordinate == problem.domain.time for jump in (like or problem).jumps)
    aside = Aside.of(problem, tuple(posed.multipliers))
    counts = {} if aside is None else dict.fromkeys(aside.unknowns, aside.counts)
    mesh = ladder.first()
    best: Found | None = None
    changes: list[Estimate] = []
    guess: ElementFunction | None = None
    lacking: list[float] = []
    why = "time was up"
    failures = 0
    while True:
        began = time.perf_counter()
        try:
            guess, missing, warm = _solved(posed, mesh, budget, guess, len(changes), ends, steady)
        except (TimeoutError, TooLargeError) as error:
            why = str(error)
            plain = None if best is not None or budget.deadline.passed else ladder.plain()
            if plain is None:
                break
            mesh = plain
            continue
        except HopelessError:
            raise
        except ValueError:
            # triangles that are too coarse for a flow's layers may have no solution
            failures += 1
            more = None
            if best is None and failures <= _FAILURES:
                more = ladder.after(mesh, time.perf_counter() - began, budget.deadline)
            if more is None:
                raise
            mesh = more
            continue
        lacking.append(missing)
        if len(lacking) > 1:
            _check_balance(lacking)
        nodes = guess.space.count
        method = f"{posed.kind}, {len(mesh.elements)} {kind_of(mesh)}, {nodes} nodes"
        shown = replace(guess, data={u: guess.data[u] for u in posed.shown})
        attempt = Found(shown, nodes, method if aside is None else f"{method}; {aside}")
        if best is not None:
            changes.append(difference(problem, best.interpolant, shown, budget.floors, counts))
        else:
            ladder.start()
        best = attempt
        estimate = estimate_of(changes, ladder.fineness, ladder.believed(len(changes)), posed.orders, ladder.slow)
        if estimate and max(estimate.values()) < budget.tolerance:
            break
        following = ladder.after(mesh, (time.perf_counter() - began) * warm, budget.deadline)
        if following is None:
            break
        mesh = following
    if best is None:
        raise nothing_in_time(why)
    _check_balance(lacking)
    if not budget.estimate:
        return best, {}
    fineness = ladder.fineness[: len(changes)]
    found = estimate_of(changes, fineness, ladder.believed(len(changes)), posed.orders, ladder.slow)
    # data that balance to some digits leave the rest open
    return best, {u: max(e, lacking[-1]) for u, e in found.items()}


def _check_balance(lacking: Sequence[float]) -> None:
    """Raise ValueError where the source that lacks, relative to others, is no error of the elements, which falls."""
    last, before = lacking[-1], lacking[-2] if len(lacking) > 1 else 2 * _UNBALANCED
    if last > _UNBALANCED and last > 0.5 * before:
        raise ValueError(
            "reference_solution: no function solves all equations and conditions: sources and fluxes through the boundary "
            f"do not balance, by {last:.1e} of their size."
        )


def _solved(
    posed: Posed,
    mesh: Mesh,
    budget: Budget,
    guess: ElementFunction | None,
    level: int,
    ends: Sequence[float],
    steady: bool,
) -> tuple[ElementFunction, float, float]:
    """The solution on one level, the source that lacks for a balance, relative to others, and what a warm start saves.

    Steps in time stop at ``ends``, where something jumps, and start again; ``steady`` says that nothing does.
    """
    problem, structure = posed.problem, posed.structure
    unknowns, domain, moving = len(structure.components), problem.domain, problem.domain.has_time
    # pressures take twice as much, and where nothing is tied rates take nothing
    solved = unknowns * (1 + bool(posed.multipliers)) if posed.is_tied else len(problem.unknowns)
    look_ahead_on(mesh, solved, moving, posed.has_ties, budget.deadline)
    space = space_on(mesh)
    system = posed.on(space, budget.deadline)
    solver = None
    if not posed.has_ties:
        fixed = ~system.free.reshape(unknowns, -1)[highest(structure.components)].ravel()
        solver = solver_on(mesh, fixed, budget.deadline, len(posed.gauges))
    places = posed.places(space)
    at = {name: places[i] for i, name in enumerate(problem.domain.space)}
    if not problem.domain.has_time:
        shape = (unknowns, space.count)
        guesses = [np.zeros(shape), np.ones(shape)]
        if guess is not None:
            values = guess.extended(at)
            guesses = [np.stack([values[u] for u in problem.unknowns])]
        state, lacking = _steady(posed, system, guesses, solver)
        warm = min(1.0, _WARM / system.linearizations)
        return ElementFunction(space, domain, dict(zip(problem.unknowns, state, strict=True))), lacking, warm
    found = initial_values(problem, at)
    nothing = np.zeros(space.count)
    state = np.stack([found.get(component, nothing) for component in structure.components])
    start, stop = problem.domain.time_interval
    static = np.array([structure.time_order[u] == 0 for u, _ in structure.components])
    tied = posed.timed(system) if posed.is_tied or static.any() else None

    def met(here: Array, now: float) -> Array:
        here = system.fit_boundary(here, np.zeros_like(here), now)
        return here if tied is None or not static.any() else consistent(tied, here, static, now, stop - start)

    state = met(state, start)
    tolerance = max(1e-10, 0.1 * min(budget.tolerance, _ROUGHEST) * 0.4**level)
    floor = np.array([budget.floors.get(unknown, 0.0) for unknown, _ in structure.components])
    if tied is not None or solver is None:
        solver = posed.factorized
    if tied is None and len(highest(structure.components)) < unknowns:
        solver = without_rates(solver, structure.components, space.count)
    moved = system if tied is None else tied
    affine = Affine.of(moved, state, start) if steady else None
    path: Trajectory | None = None
    if affine is not None:
        # of a wave's rate, which is rougher, only what it does to the values counts
        affine.counted &= np.repeat([order == 0 for _, order in structure.components], space.count)
        path = Integrator(affine, tolerance, _STAGES, budget.deadline, solver, linear=True).run(
            state, start, stop, floor
        )
        path = path if affine.holds(path) else None
    if path is None:
        integrator = Integrator(moved, tolerance, 5, budget.deadline, solver)
        path = integrator.run(state, start, stop, floor, ends, met, 2 * hair((start, stop)))
    if static.any():
        # what has no rate has no start either: its first values are those that its first step leads back to
        first = path.times[1 : path.stages + 1]
        back = interpolation_weights(first[None], path.times[:1])[0]
        path.states[0, static] = np.tensordot(back, path.states[1 : path.stages + 1, static], 1)
    times = NodeAxis(path.times, 0, stride=path.stages)
    data = {u: path.states[:, row] for row, (u, order) in enumerate(structure.components) if order == 0}
    return ElementFunction(space, domain, data, (problem.domain.clock, times), start_function(problem)), 0.0, 1.0


def _steady(posed: Posed, system: ElementSystem, guesses: list[Array], solver: Prepare | None) -> tuple[Array, float]:
    """Values at the nodes (c, v), and the source that lacks, relative to others."""
    linear = Linear(posed.factorized, 0.0) if solver is None else Linear(solver, _ENOUGH)
    if not posed.is_tied:
        return _root(system, guesses, linear), 0.0
    tied = posed.steady(system)
    state = _root(tied, [tied.state(guess) for guess in guesses], linear)
    whole = tied.whole(state)
    sizes = system.sizes(whole)
    sources = zip(tied.sources(state), posed.gauges, strict=True)
    return whole, max((abs(s) / max(sizes[u], 1e-300) for s, (_, u) in sources), default=0.0)


def _root(system: SteadySystem, guesses: list[Array], linear: Linear | None = None) -> Array:
    """By Newton's method from guesses, else step by step from the linearized equations."""
    try:
        return newton(system, guesses, _COLD, linear)[0]
    except HopelessError:
        raise
    except ValueError as error:
        try:
            return newton_by_steps(system, guesses[0], linear)[0]
        except ValueError:
            raise error from None
