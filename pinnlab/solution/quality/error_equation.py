"""The error equation: what a finished solution lacks solves the problem's own equations, with u_h + e in place of u.

Letters: c derivatives, n points, d coordinates, m unknowns.

F(u_h + e) = 0, and every condition holds for u_h + e. That is a problem for e like any other, so the classical solver
takes it. Only e is discretized: the residual of u_h is exact, and a few digits of e on a moderate grid tell the error of
a solution that is itself more accurate than that grid could ever make one. Nothing is linearized, so that large errors
are found as well; where e is small the equation is linear in it by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import (
    AnyCondition,
    BoundaryCondition,
    Data,
    Initial,
    Integral,
    Periodic,
)
from pinnlab.declaration.gauge import fixing_values
from pinnlab.declaration.lacking import InitialState, KeptJets, lack_of, lacking_problem
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import relative_l2
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.fields import Key, as_value
from pinnlab.derivatives.indices import used_indices
from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.stencils import Array, derivative_weights
from pinnlab.domains import Box
from pinnlab.domains.sampling import unit_points
from pinnlab.machine.deadline import Deadline
from pinnlab.reference import solve_for
from pinnlab.reference.base import Evaluated
from pinnlab.reference.refinement import Budget
from pinnlab.solution.measures import measure
from pinnlab.solution.sizes import rms
from pinnlab.solvers.windows import by_window

_ENOUGH = 0.05
"""Relative accuracy of e at which refinement stops."""
ROUNDING = 1e-11
"""Relative size of residuals below which their digits are rounding."""
_OWN_ROUNDING = 1e-14
"""The same of values."""
_ABRUPT, _CLOSEST = 1e3, -8.0
"""Times rounding that is more than polynomials leave at the ends of a window; the power of ten of the shortest distance."""


def error_problem(
    problem: Problem, model: Any, start: InitialState | None = None, deadline: Deadline | None = None
) -> Problem:
    """The problem whose solution is u - u_h, with the names of the problem's own unknowns.

    Args:
        problem: what u_h was meant to solve, with a number for every parameter.
        model: u_h on the problem's domain.
        start: of u, where it is not the problem's initial state: the end of an earlier time window.
        deadline: the equations raise TimeIsUpError after it.
    """
    return lacking_problem(problem, model, start, deadline, also=_gauges(problem, model))


def _gauges(problem: Problem, model: Any) -> list[AnyCondition]:
    """What the values lack that fix constants, if the problem has such."""
    found: list[AnyCondition] = []
    known = KeptJets(model, problem, ((),))
    for data, term in fixing_values(problem):
        columns = {name: data.points[name].double() for name in problem.domain.coordinates}
        lack: Any = {term.residuals[0].removeprefix("data "): lack_of(problem, known, term)(columns).numpy()}
        found.append(Data({name: x.numpy() for name, x in columns.items()}, **lack))
    return found


# -- solving it ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ErrorSolution:
    """e on the whole domain.

    Attributes:
        problem: that u_h was meant to solve.
        windows: (problem, e) per time window, one without windows; None for an e that is rounding.
        accuracy: {unknown: relative L2 difference of e to a coarser one}.
        method: in words.
    """

    problem: Problem
    windows: tuple[tuple[Problem, Evaluated | None], ...]
    accuracy: dict[str, float]
    method: str

    def __call__(self, points: Tensor) -> Tensor:
        """(n, m) values at (n, d) points, float64 on the CPU."""
        points = points.detach().to("cpu", torch.float64)
        result = points.new_full((len(points), len(self.problem.unknowns)), math.nan)
        windows = [problem.domain for problem, _ in self.windows]
        for k, inside in by_window(points, windows, self.problem.domain, inside=True):
            e = self.windows[k][1]
            if e is None:
                result[inside] = 0.0
            else:
                found = e({n: c.numpy().copy() for n, c in self.problem.domain.columns(points[inside]).items()})
                result[inside] = torch.stack([torch.from_numpy(found[u]) for u in self.problem.unknowns], dim=1)
        return result

    def relative(self, solution: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
        """(m,) the relative L2 norm of e, against u_h + e."""
        values = solution(points).to("cpu", torch.float64)
        points = points.to("cpu", torch.float64)
        return relative_l2(values, values + self(points))


def solve_error_equation(problem: Problem, models: Sequence[Any], max_seconds: float) -> ErrorSolution:
    """Solve for the error of the models of consecutive time windows; each window's e starts from the end of the last.

    Args:
        problem: on a box, with a number for every parameter.
        models: smooth in space.
        max_seconds: in all.

    Raises:
        ValueError: the classical solver cannot solve it, and why.
        TimeoutError: the time is up.
    """
    if given := [c for c in problem.conditions if isinstance(c, Integral)]:
        raise ValueError(f"the classical solver takes no integrals, such as {given[0]!r}")
    deadline = Deadline.after(max_seconds)
    windows: list[tuple[Problem, Evaluated | None]] = []
    squares = dict.fromkeys(problem.unknowns, 0.0)
    method, start = "", None
    for model in models:
        part = problem if len(models) == 1 else _window(problem, model)
        made = error_problem(part, model, start, deadline)
        e = None
        if not _is_rounding(made, part, model):
            with np.errstate(over="ignore", invalid="ignore"):  # grids that are too coarse may blow up, and are refined
                attempt, change = solve_for(made, Budget(_ENOUGH, deadline, None, True), problem)
            if not change or not all(math.isfinite(c) for c in change.values()):
                raise TimeoutError("only one resolution was solved in time, which says nothing of its accuracy")
            e, method = attempt.interpolant, attempt.method
            squares = {u: squares[u] + change[u] ** 2 for u in squares}
        windows.append((made, e))
        start = _end(model, part, e) if len(models) > 1 else None
    return ErrorSolution(problem, tuple(windows), {u: math.sqrt(s) for u, s in squares.items()}, method)


def _is_rounding(made: Problem, problem: Problem, model: Any) -> bool:
    """Whether all that is lacking in a window is rounding, which no solver resolves."""
    misfits, _ = measure(problem, [model], 512)
    if any(m.relative > ROUNDING for m in misfits if m.kind not in ("initial", "data")):
        return False
    domain, context = problem.domain, made.context()
    unit = unit_points("sobol", 256, len(domain.coordinates), np.random.default_rng(0))
    sizes = [m.rms / m.relative if m.relative > 0 else math.inf for m in misfits if m.kind == "equation"]
    if domain.has_time and bool((_close_to_ends(made, unit) > _ABRUPT * ROUNDING * torch.tensor(sizes)).any()):
        return False
    for condition in made.conditions:
        for unknown, key, lack, names in condition.targets(context) if isinstance(condition, Initial) else ():
            indices = used_indices({unknown: frozenset({key})}, domain.coordinates)
            known = KeptJets(model, problem, indices)
            inside = known.jets(list(domain.columns(domain.interior(unit).points).values()))[unknown][key]
            scope = Scope({}, domain.columns(domain.initial(unit).points), made.parameter_values())
            # what is handed over may grow by orders of magnitude
            if rms(scope.value(lack, names, "e")) > _OWN_ROUNDING * rms(inside):
                return False
    return True


def _close_to_ends(made: Problem, unit: Tensor) -> Tensor:
    """(q,) the largest residual of each equation close to both ends of the time: where an equation switches as an unknown
    passes a value, a window may end just behind that.

    Args:
        made: whose unknowns are what a solution lacks.
        unit: (n, d) points of the unit cube.
    """
    points, (start, end) = made.domain.interior(unit).points, made.domain.time_interval
    step = (end - start) * 10 ** (_CLOSEST * unit[:, made.domain.time_index])
    first = torch.arange(len(points)) % 2 == 0
    points[:, made.domain.time_index] = torch.where(first, start + step, end - step)
    nothing = LazyJet(lambda key: torch.zeros(len(points), dtype=torch.float64))
    columns = made.domain.columns(points)
    scope = Scope.of_jets(dict.fromkeys(made.unknowns, nothing), columns, made.parameter_values())
    return torch.stack([as_value(r).abs().expand(len(points)).max() for r in made.residual_fields(scope).values()])


def _window(problem: Problem, model: Any) -> Problem:
    box = problem.domain
    assert isinstance(box, Box)
    return problem.replace(
        domain=box.replace(**{box.clock: model.region.time_interval}),
        reference=None,
        conditions=[c for c in problem.conditions if isinstance(c, Initial | BoundaryCondition | Periodic)],
    )


def _end(model: Any, problem: Problem, e: Evaluated | None) -> InitialState:
    """u_h + e and its derivatives by time at the end of a window."""
    names, t = problem.domain.coordinates, problem.domain.clock
    time_orders = {u: frozenset((t,) * k for k in range(max(1, problem.order_of(u, t)))) for u in problem.unknowns}
    known = KeptJets(model, problem, used_indices(time_orders, names))
    begin, end = problem.domain.time_interval

    def start(unknown: str, key: Key) -> Callable[[Mapping[str, Tensor]], Tensor]:
        def value(columns: Mapping[str, Tensor]) -> Tensor:
            at = {name: torch.full_like(c, end) if name == t else c for name, c in columns.items()}
            own = known.jets([at[name] for name in names])[unknown][key]
            if e is None:
                return own
            return own + torch.from_numpy(_backward(e, unknown, at, t, len(key), end, 1e-3 * (end - begin)))

        return value

    return start


def _backward(
    e: Evaluated, unknown: str, columns: Mapping[str, Tensor], time: str, order: int, end: float, step: float
) -> Array:
    """A derivative by time at the end of an interval, from values at five instants before it."""
    plain = {name: c.detach().numpy() for name, c in columns.items()}
    if order == 0:
        return e(plain)[unknown]
    offsets = -step * np.arange(5.0)
    weights = derivative_weights(offsets[None], np.array([0]), order)[0]
    values = [e({**plain, time: np.full_like(plain[time], end + o)})[unknown] for o in offsets]
    return np.tensordot(weights, np.stack(values), 1)
