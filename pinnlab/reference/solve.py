"""``reference_solution``: which classical method solves a problem, how finely, and what comes out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pinnlab.algebra.largest import largest
from pinnlab.declaration.complex_unknowns import joined
from pinnlab.declaration.conditions import Data, Integral
from pinnlab.declaration.counting.needed import NotUniqueError
from pinnlab.declaration.gauge import fixing_values
from pinnlab.declaration.known_layers import Layers
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box
from pinnlab.domains.affine import Affine
from pinnlab.machine.calls import explained_call
from pinnlab.machine.deadline import Deadline
from pinnlab.machine.numbers import finite, positive
from pinnlab.machine.threads import one_thread
from pinnlab.reference.base import Interpolant, OuterInterpolant, Reference, relative_difference
from pinnlab.reference.cuts import (
    believed_power,
    changes_along_a_side,
    crosses,
    cuts,
    is_curved,
    slow_power,
)
from pinnlab.reference.finite_elements.function import ElementFunction
from pinnlab.reference.finite_elements.solve import Found, check_elements, run_elements
from pinnlab.reference.finite_elements.symbol import has_pressure
from pinnlab.reference.folding import Folded, fold
from pinnlab.reference.grids.algebraic import check_start
from pinnlab.reference.grids.analysis import GRIDS, analyse, check_constants, check_numbers, check_solvable
from pinnlab.reference.grids.bordered import integrals_of, run_bordered
from pinnlab.reference.grids.method_of_lines import advance, as_interpolant, run_method_of_lines
from pinnlab.reference.grids.newton import SINGULAR
from pinnlab.reference.grids.steady import run_steady
from pinnlab.reference.grids.structure import Structure, periodic_unknowns, start_function
from pinnlab.reference.grids.uniqueness import is_singular
from pinnlab.reference.ode import solve_ode
from pinnlab.reference.periodic.choice import PeriodicSolver, splits
from pinnlab.reference.refinement import Attempt, Budget, Estimate
from pinnlab.reference.singular import Whole

_TIMES = 201
_PATIENCE = 1000
"""Steps of ETDRK4 from which on an implicit method is faster, if few modes suffice."""
_FULL = 512
"""Fourier modes up to which the implicit method's full matrices are cheap."""

_NARROW = 0.05
"""Share of a side of a box: small parts in which data change, which are narrower, are left to graded elements."""


@explained_call()
def reference_solution(
    problem: Problem,
    resolution: int | None = None,
    *,
    tolerance: float = 1e-8,
    times: Sequence[float] | None = None,
    estimate_error: bool = True,
    max_seconds: float = 60.0,
    dealias: bool = True,
    method: str | None = None,
) -> Reference:
    """Solve a problem by classical methods: the method of lines, Newton's method for steady problems, DOP853 for ODEs.

    The equations are the problem's own. Periodic problems whose stiff part is linear with constant coefficients go to
    ETDRK4 in Fourier coefficients; all others are collocated in space and advanced by an implicit method of order 13. Where
    materials meet, each part has nodes of its own, and values and fluxes are joined. Unknowns without a time derivative
    follow from the others at every instant. Regions of the plane that are no boxes, all regions in space, and flows with a
    pressure go to finite elements; steady problems in boxes of four dimensions to grids.

    Args:
        problem: with every parameter a number, on a region of at most three space dimensions, or steady in a box of four.
        resolution: nodes per space axis; with an error estimate it is solved there and at twice as many, and the finer
            one is returned. None doubles from a moderate one until the estimate is below ``tolerance``. Finite elements
            take none.
        tolerance: relative L2 error to aim for.
        times: times of ``Reference.values``; 201 equidistant ones if None.
        estimate_error: whether to compare resolutions; without it a given ``resolution`` is solved once.
        max_seconds: of the whole; no doubling is started that would end later, and one that does is given up.
        dealias: the 3/2 rule for the non-linear terms of periodic problems.
        method: ``"grid"`` or ``"elements"`` for finite elements, where both fit, as in the plane and, for steady problems,
            in boxes of space; None chooses.

    Raises:
        ValueError: the problem cannot be solved: families, unknown coefficients, five space dimensions,
            conditions missing (a NotUniqueError), a flux that jumps, no time derivative, a solution that leaves the
            range of numbers, no time for even the coarsest resolution.
    """
    if not isinstance(problem, Problem):
        raise TypeError(f"reference_solution() got {problem!r}; give a pl.Problem.")
    if not max_seconds > 0:
        raise ValueError(f"max_seconds={max_seconds!r}: give a positive number of seconds.")
    if method not in (None, "grid", "elements"):
        raise ValueError(f"method={method!r}: choose 'grid' or 'elements', or None for what fits best.")
    elements = not on_grid(problem)
    if elements and method == "grid" and not (fits_grid(problem) or in_cube(problem)):
        raise ValueError(f"method='grid': {problem.domain!r}, or what jumps in it, needs method='elements'.")
    elements = method == "elements" or (elements and method is None)
    if elements:
        check_numbers(problem.forward)
        check_elements(problem.forward)
    else:
        check_solvable(problem.forward)
    problem.check_unique()
    check_constants(problem.forward, data=elements)
    if not elements and (lost := problem.lost_flux("reference_solution", problem.joints.positions)) is not None:
        raise ValueError(lost)
    if not positive(tolerance):
        raise ValueError(f"tolerance={tolerance!r}: give a positive number, such as 1e-8.")
    if resolution is not None and (finite(resolution) is None or resolution != int(resolution) or resolution < 8):
        raise ValueError(f"resolution={resolution!r}: give a whole number of nodes per axis, at least 8.")
    if elements and resolution is not None:
        raise ValueError(
            f"reference_solution(resolution={resolution!r}): {problem.domain!r} is solved on finite elements, which are "
            "refined until the error is small enough; leave resolution out and give tolerance=, the error to aim for."
        )
    began = time.perf_counter()
    even = None if resolution is None else int(resolution) + int(resolution) % 2
    budget = Budget(tolerance, Deadline(began + max_seconds, max_seconds), even, estimate_error)
    change = problem.turn if elements else problem.change
    try:
        with one_thread():
            found = _by_elements(problem, budget) if elements else _by_grid(problem, budget, dealias)
    except ValueError as error:
        error.args = (change.told(str(error)),)
        raise
    seconds = time.perf_counter() - began
    function = found.interpolant if found.inner is problem else OuterInterpolant(found.interpolant, change)
    grid = {name: change.coordinate(name).outer(axis.points) for name, axis in found.interpolant.axes.items()}
    if problem.domain.has_time:
        grid[problem.domain.clock] = _output_times(problem, times)
    elif times is not None:
        raise ValueError(f"times={times!r}: the problem is steady, it has no coordinate 't'; leave times out.")
    mesh = dict(zip(grid, (a.reshape(-1) for a in np.meshgrid(*grid.values(), indexing="ij")), strict=True))
    shape = tuple(len(a) for a in grid.values())
    shaped = {u: v.reshape(shape) for u, v in function(mesh).items()}
    estimate = {u: e * _share(shaped[u], change.unknown(u)) for u, e in found.estimate.items()}
    numbers = {name: change.parameter(name).outer(value) for name, value in found.numbers.items()}
    names = found.inner.complex_unknowns
    values = joined(shaped, names)
    return Reference(grid, values, seconds, estimate, found.method, found.resolution, function, names, numbers)


@dataclass(frozen=True, eq=False)
class _Solved:
    """What a method found.

    Attributes:
        inner: the problem that was solved, perhaps in other variables.
        interpolant: evaluates its solution.
        estimate: {unknown: relative error}.
        method: what was used, in words.
        resolution: nodes.
        numbers: of unknown coefficients.
    """

    inner: Problem
    interpolant: Interpolant | ElementFunction | Whole
    estimate: Estimate
    method: str
    resolution: int
    numbers: Mapping[str, float]


def _read(problem: Problem) -> Structure:
    """The structure of a problem for finite elements."""
    return analyse(problem, algebraic=True)


def _by_elements(problem: Problem, budget: Budget) -> _Solved:
    """On finite elements, which are scaled by themselves, and their systems too."""
    inner = problem.forward
    structure = _read(inner)
    # steady, triangles are graded where data clash
    layers = Layers.of(inner) if inner.domain.has_time else None
    if layers is None:
        _check_clashes(problem, structure)
        found, estimate = run_elements(inner, structure, budget, _read)
        return _Solved(inner, found.interpolant, estimate, found.method, found.resolution, found.numbers)
    floors = layers.sizes(inner)
    budget = dataclasses.replace(budget, floors=floors)
    found, estimate = run_elements(layers.rest_of(inner), structure, budget, _read, inner)
    whole = Whole.of(found.interpolant, layers, inner)
    return _Solved(inner, whole, whole.told(estimate, inner, floors), found.method, found.resolution, found.numbers)


def _by_grid(problem: Problem, budget: Budget, dealias: bool) -> _Solved:
    """On a tensor grid, in natural units, folded where something jumps, without the layers of data that clash."""
    inner = problem.natural
    layers = Layers.of(inner)
    if layers is None:
        _check_clashes(problem, analyse(inner))
    posed, floors = (inner, {}) if layers is None else (layers.rest_of(inner), layers.sizes(inner))
    folded = fold(posed)
    at = {} if folded is None else folded.cuts
    budget = dataclasses.replace(budget, power=believed_power(inner, at), slow=slow_power(inner, at), floors=floors)
    if folded is None:
        found, estimate = _solve(posed, analyse(posed), budget, dealias)
        interpolant = found.interpolant
    else:
        budget = dataclasses.replace(budget, whole=folded.unfolded)
        found, estimate = _solve(folded.problem, analyse(folded.problem), budget, dealias)
        interpolant = folded.unfolded(found.interpolant)
    if layers is not None:
        whole = Whole.of(interpolant, layers, inner)
        return _Solved(inner, whole, whole.told(estimate, inner, floors), found.method, found.resolution, found.numbers)
    check_start(inner, interpolant)
    if inner.domain.has_time and inner.domain.space:
        interpolant = dataclasses.replace(interpolant, start=start_function(inner))
    return _Solved(inner, interpolant, estimate, found.method, found.resolution, found.numbers)


def _check_clashes(problem: Problem, structure: Structure) -> None:
    """Raise ValueError where data clash at a corner of space and time that no grid of the plane resolves."""
    # jumps at later times are those of a problem that is hard, and not of one without a value
    clashes = [clash for clash in problem.forward.clashes.found if not clash.later]
    if clashes and not structure.static and problem.domain.has_time and len(problem.domain.space) > 1:
        raise ValueError(
            f"reference_solution: {clashes[0]}; its grids do not resolve that in the plane: use pl.solve, or "
            "pass a reference of your own as Problem(reference=...)."
        )


def fits_grid(problem: Problem) -> bool:
    """Whether tensor grids fit a problem, with a jump of a flux only where they are cut, and without a pressure."""
    if not isinstance(problem.domain, Box) or len(problem.domain.space) == 3 or len(problem.domain.space) > GRIDS:
        return False
    whole = all(periodic_unknowns(problem, c) == set(problem.unknowns) for c in problem.domain.space)
    if has_pressure(problem) and not (problem.domain.has_time and whole):
        return False
    return not (is_curved(problem) and any(jump.flux and jump.position is None for jump in problem.jumps))


def on_grid(problem: Problem) -> bool:
    """Whether tensor grids are best; else finite elements, which follow curves and are graded to singular places.

    In three dimensions these come first, as they are refined where that is needed; see ``in_cube``.
    """
    if not fits_grid(problem):
        return False
    # the angle between two values is taken out before a grid sees it
    singular = len(problem.domain.space) == 2 and changes_along_a_side(problem) and not problem.clashes.found
    pinned = len(problem.domain.space) == 2 and not problem.domain.has_time and bool(fixing_values(problem))
    side = min((float(np.ptp(problem.domain.bounds[n])) for n in problem.domain.space), default=0.0)
    narrow = len(problem.domain.space) > 1 and any(spot.width < _NARROW * side for spot in problem.spots)
    if not (is_curved(problem) or singular or crosses(problem) or pinned or narrow):
        return True
    try:
        check_elements(problem.forward)
    except ValueError:
        return True
    return False


def in_cube(problem: Problem) -> bool:
    """Whether tensor grids may take the place of finite elements: of a steady problem in a box of space without jumps."""
    box = isinstance(problem.domain, Box) and len(problem.domain.space) == 3 and not problem.domain.has_time
    return box and not problem.jumps and not has_pressure(problem)


def _share(values: np.ndarray, unknown: Affine) -> float:
    """The size of an unknown in inner units, next to that in outer ones, which an offset may make larger."""
    whole = float(np.sqrt(np.nansum(values**2)))
    if unknown.offset == 0 or whole == 0:
        return 1.0
    return float(np.sqrt(np.nansum((values - unknown.offset) ** 2))) / whole


def check_not_singular(problem: Problem) -> None:
    """Look for functions that may be added to the solution of a steady problem on a box, whatever will solve it.

    Raises:
        NotUniqueError: there are such functions, as at a resonance; see ``pinnlab.reference.grids.uniqueness``.
    """
    domain, loose = problem.domain, problem.families or problem.unknown_parameters or problem.unknown_functions
    # data and integrals may fix what equations and conditions leave open
    if domain.has_time or loose or any(isinstance(c, Data | Integral) for c in problem.conditions) or problem.jumps:
        return
    if len(domain.space) > 2:  # takes too long to be asked of every problem
        return
    try:
        check_solvable(problem)
        structure = analyse(problem)
        singular = is_singular(problem, structure)
    except ValueError:
        return
    if singular:
        raise NotUniqueError(SINGULAR)


def _solve(problem: Problem, structure: Structure, budget: Budget, dealias: bool) -> tuple[Attempt, Estimate]:
    if not problem.domain.space:
        return _solve_ode(problem, structure, budget)
    if not problem.domain.has_time:
        if integrals_of(problem):
            attempt, estimate, numbers = run_bordered(problem, structure, budget)
            return dataclasses.replace(attempt, numbers=numbers), estimate
        if is_singular(problem, structure):
            raise NotUniqueError(f"reference_solution: {SINGULAR}")
        return run_steady(problem, structure, budget)
    if splits(problem, structure):
        solver = PeriodicSolver(problem, structure, dealias)
        line = len(problem.domain.space) == 1
        found = solver.run(budget, patience=_PATIENCE if line else 0)
        if found is None and line and not structure.static and (budget.resolution or 0) <= _FULL / 2:
            # fast dynamics on few modes: an implicit method of high order takes a hundred steps for ETDRK4's thousands
            attempt, estimate = run_method_of_lines(problem, structure, budget, most=_FULL)
            if not estimate or largest(estimate.values()) < 30 * budget.tolerance:
                return attempt, estimate
        found = found or solver.run(budget)
        if found is not None:
            return found
    if structure.static:  # in a stiff part that is not linear with constant coefficients
        structure = analyse(problem, algebraic=True)
    return run_method_of_lines(problem, structure, budget)


def _solve_ode(problem: Problem, structure: Structure, budget: Budget) -> tuple[Attempt, Estimate]:
    """The solution at tight tolerance, and its difference to that of another method: Radau IIA of order 29.

    The two share neither truncation nor rounding errors. In chaotic problems both errors have been amplified by the
    dynamics, so the difference is about the larger one.
    """
    if not all(structure.time_order.values()):  # algebraic equations
        return run_method_of_lines(problem, structure, budget)
    # the second opinion takes longer than the first
    left = budget.deadline.left * (0.5 if budget.estimate else 1.0)
    fine = solve_ode(problem, structure, 1e-13, 1e-14, left)
    if fine is None:  # stiff: an implicit method
        return run_method_of_lines(problem, structure, budget)
    estimate = {}
    if budget.estimate:
        other = _second_opinion(problem, structure, budget)
        estimate = {} if other is None else relative_difference(other, fine)
    return Attempt(fine, 0, "DOP853, rtol 1e-13"), estimate


def _second_opinion(problem: Problem, structure: Structure, budget: Budget) -> Interpolant | None:
    try:
        found = advance(problem, structure, {}, 1e-13, budget.deadline, stages=15)
        return as_interpolant(problem, structure, {}, found)
    except (ValueError, TimeoutError):  # such as a right-hand side with corners, where high order does not pay
        return solve_ode(problem, structure, 1e-12, 1e-13, budget.deadline.left)


def solve_for(problem: Problem, budget: Budget, like: Problem) -> tuple[Attempt | Found, Estimate]:
    """The solution as a function, with the change that the last refinement made; for tolerances of any size.

    In contrast to ``reference_solution``, ordinary differential equations and problems on a line go to an implicit
    method, whose cost depends on the tolerance, and which evaluates the equations for all stages at once.

    Args:
        problem: whose materials do not meet.
        budget: how far to go.
        like: a problem on the same domain, whose equations are quick to look at, that jumps at the same places.

    Raises:
        ValueError: as ``reference_solution``.
    """
    if not on_grid(like) and not in_cube(like):
        check_elements(problem)
        with one_thread():
            return run_elements(problem, _read(problem), budget, _read, like)
    check_solvable(problem)
    at = cuts(like)
    folded = Folded(problem, at) if at else None
    whole, solved = (None, problem) if folded is None else (folded.unfolded, folded.problem)
    budget = dataclasses.replace(budget, whole=whole, power=believed_power(like, at), slow=slow_power(like, at))
    structure = analyse(solved)
    with one_thread():
        if solved.domain.has_time and len(solved.domain.space) <= 1 and not structure.static:
            attempt, estimate = run_method_of_lines(solved, structure, budget)
        else:
            attempt, estimate = _solve(solved, structure, budget, True)
    if whole is not None:
        attempt = dataclasses.replace(attempt, interpolant=whole(attempt.interpolant))
    return attempt, estimate


def _output_times(problem: Problem, times: Sequence[float] | None) -> np.ndarray:
    start, stop = problem.domain.time_interval
    if times is None:
        return np.linspace(start, stop, _TIMES)
    given = np.asarray(times, dtype=float).reshape(-1)
    if len(given) == 0 or given.min() < start or given.max() > stop or bool((np.diff(given) <= 0).any()):
        raise ValueError(
            f"times: give increasing times inside {problem.domain.clock}=({start:g}, {stop:g}), got {times!r}."
        )
    return given
