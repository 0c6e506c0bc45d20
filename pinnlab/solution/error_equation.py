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

from pinnlab.declaration.arguments import with_arguments
from pinnlab.declaration.conditions import (
    AnyCondition,
    BoundaryCondition,
    Condition,
    Data,
    Initial,
    Integral,
    OnPiece,
    Periodic,
    PrescribedCondition,
    Robin,
)
from pinnlab.declaration.gauge import fixing_values
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import relative_l2
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.fields import Key, NamedJet, as_value
from pinnlab.derivatives.indices import Indices, used_indices
from pinnlab.derivatives.jets import LazyJet, named_jets
from pinnlab.derivatives.stencils import Array, derivative_weights
from pinnlab.domains import Box
from pinnlab.domains.columns import columns_of
from pinnlab.domains.sampling import unit_points
from pinnlab.machine.deadline import Deadline
from pinnlab.reference import solve_for
from pinnlab.reference.base import Evaluated
from pinnlab.reference.refinement import Budget
from pinnlab.solution.measures import keys_of, measure
from pinnlab.solution.sizes import rms
from pinnlab.solvers.windows import by_window

_ENOUGH = 0.05
"""Relative accuracy of e at which refinement stops."""
ROUNDING = 1e-11
"""Relative size of residuals below which their digits are rounding."""
_OWN_ROUNDING = 1e-14
"""The same of values."""
_KEPT = 64_000_000
"""Numbers of the solution's derivatives that are kept for points that come again."""
_BATCH = 4096


class KeptJets:
    """A finished model's derivatives, kept: time steppers come back to the same points.

    Args:
        model: has ``jet(points, indices)``.
        problem: names coordinates and unknowns.
        indices: the derivatives that may be asked for.
        deadline: raise TimeIsUpError after it.
    """

    def __init__(self, model: Any, problem: Problem, indices: Indices, deadline: Deadline | None = None):
        self.model, self.problem, self.indices = model, problem, indices
        self.deadline = deadline or Deadline()
        self._kept: dict[bytes, Tensor] = {}
        self._numbers = 0

    def jets(self, columns: Sequence[Tensor]) -> dict[str, dict[Key, Tensor]]:
        """{unknown: {derivative: (n,)}} at points whose coordinates are (n,) each."""
        points = torch.stack([c.detach().to("cpu", torch.float64) for c in columns], dim=1)
        mark = points.numpy().tobytes()
        self.deadline.check()
        if mark not in self._kept:
            self._keep(mark, self._jet(points))
        return named_jets(self._kept[mark], self.indices, self.problem.unknowns, self.problem.domain.coordinates)

    def _jet(self, points: Tensor) -> Tensor:
        like = self.model.parameters[0].detach()
        parts = [self.model.jet(part.to(like), self.indices).detach() for part in points.split(_BATCH)]
        return torch.cat(parts, dim=1).to("cpu", torch.float64)

    def _keep(self, mark: bytes, jet: Tensor) -> None:
        if self._numbers + jet.numel() > _KEPT:
            self._kept, self._numbers = {}, 0
        self._kept[mark] = jet
        self._numbers += jet.numel()


def _sum(known: NamedJet, error: Any) -> LazyJet:
    """The jet of u_h + e, from the jet of u_h and the field e."""
    return LazyJet(lambda key: known[key] + as_value(error.d(*key) if key else error))


def _value(given: Any) -> Tensor:
    """A field, or a value on a grid, as a tensor."""
    return given if isinstance(given, Tensor) else given.value


def _named(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """A function of keywords, with a signature by which a problem can bind them."""

    def bound(**given: Any) -> Any:
        return function(given)

    return with_arguments(bound, names)


InitialState = Callable[[str, Key], Callable[[Mapping[str, Tensor]], Tensor]]
"""(unknown, derivative in time) -> its initial values (n,) as a function of columns (n,) of space."""


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
    names = problem.domain.coordinates
    parameters = problem.parameter_values()
    known = KeptJets(model, problem, used_indices(problem.derivatives, names), deadline)
    evaluate = problem.equation_term().evaluate

    def equations(given: dict[str, Any]) -> dict[str, Tensor]:
        columns = columns_of(problem.domain, {name: _value(given[name]) for name in names})
        at = known.jets(list(columns.values()))
        jets = {u: _sum(at[u], given[u]) for u in problem.unknowns}
        return evaluate((Scope.of_jets(jets, columns, parameters),))

    return Problem(
        domain=problem.domain,
        unknowns=problem.unknowns,
        equations=_named(equations, (*problem.unknowns, *names)),
        conditions=_conditions(problem, model, start),
        parameters=problem.parameters,
        name=f"error of {problem.name}",
    )


def _conditions(problem: Problem, model: Any, start: InitialState | None) -> list[AnyCondition]:
    """The conditions on e: what u_h lacks of each of the problem's. Data are none, but for a value that fixes a constant."""
    context = problem.context()
    first = {u: frozenset((c,) for c in problem.domain.coordinates) for u in problem.unknowns}
    asked = [keys_of(problem, term) for _, terms in problem.condition_terms() for term in terms]
    wanted = {u: keys.union(first[u], *(a[u] for a in asked)) for u, keys in problem.derivatives.items()}
    known = KeptJets(model, problem, used_indices(wanted, problem.domain.coordinates))
    found: list[AnyCondition] = []
    for condition in problem.conditions:
        if isinstance(condition, Periodic):
            found.append(Periodic(condition.on, unknowns=condition.unknowns, exact=False))
        elif isinstance(condition, Initial):
            for (unknown, key, _, _), term in zip(condition.targets(context), condition.terms(context), strict=True):
                found.append(_initial(problem, known, unknown, key, term, start))
        elif isinstance(condition, BoundaryCondition):
            for each, term in zip(condition.on_pieces(context), condition.terms(context), strict=True):
                found.append(_on_boundary(problem, known, condition, each, term))
    return [*found, *_gauges(problem, known)]


def _gauges(problem: Problem, known: KeptJets) -> list[AnyCondition]:
    """What the values lack that fix constants, if the problem has such."""
    found: list[AnyCondition] = []
    for data, term in fixing_values(problem):
        columns = {name: data.points[name].double() for name in problem.domain.coordinates}
        lack: Any = {term.residuals[0].removeprefix("data "): _lack(problem, known, term)(columns).numpy()}
        found.append(Data({name: x.numpy() for name, x in columns.items()}, **lack))
    return found


def _on_boundary(
    problem: Problem, known: KeptJets, condition: BoundaryCondition, each: OnPiece, term: Term
) -> AnyCondition:
    names, where = problem.domain.coordinates, condition.where
    if each.unknown is None or not isinstance(condition, PrescribedCondition):
        lacking = _named(_formula(problem, known, term, each.piece), (*problem.unknowns, *names))
        return Condition(lacking, on=each.piece, where=where)
    lack: Any = _named(_lack(problem, known, term, each.piece), names)
    if isinstance(condition, Robin):
        a, b, _ = condition.values[each.unknown]
        lack = (a, b, lack)
    return type(condition)(on=each.piece, where=where, exact=False, **{each.unknown: lack})


def _initial(
    problem: Problem, known: KeptJets, unknown: str, key: Key, term: Term, start: InitialState | None
) -> AnyCondition:
    first = problem.domain.time_interval[0]
    if start is None:
        lack = _lack(problem, known, term)
    else:
        goal = start(unknown, key)

        def lack(columns: Mapping[str, Tensor]) -> Tensor:
            at = [columns[name] for name in problem.domain.coordinates]
            return goal(columns) - known.jets(at)[unknown][key]

    def value(given: dict[str, Tensor]) -> Tensor:
        like = next(iter(given.values())) if given else torch.zeros(1, dtype=torch.float64)
        columns = {
            name: torch.full_like(like, first) if name == problem.domain.clock else given[name]
            for name in problem.domain.coordinates
        }
        return lack(columns)

    name = unknown + ("_" + problem.domain.clock * len(key) if key else "")
    space = problem.domain.space
    given: Any = _named(value, space) if space else float(value({}))
    return Initial(exact=False, **{name: given})


def _lack(
    problem: Problem, known: KeptJets, term: Term, piece: str | None = None
) -> Callable[[Mapping[str, Tensor]], Tensor]:
    """Minus the misfit (n,) of u_h in one condition, at columns (n,) on its piece of the boundary."""
    names, parameters = problem.domain.coordinates, problem.parameter_values()

    def lack(columns: Mapping[str, Tensor]) -> Tensor:
        ordered = columns_of(problem.domain, columns)
        normals = None if piece is None else _normals(problem, piece, ordered[names[0]])
        scope = Scope.of_jets(known.jets(list(ordered.values())), ordered, parameters, normals)
        (misfit,) = term.evaluate((scope,)).values()
        return -misfit

    return lack


def _formula(
    problem: Problem, known: KeptJets, term: Term, piece: str
) -> Callable[[Mapping[str, Any]], dict[str, Tensor]]:
    """What a formula on the boundary makes of u_h + e, of fields e and columns (n,)."""
    names, parameters = problem.domain.coordinates, problem.parameter_values()

    def misfits(given: Mapping[str, Any]) -> dict[str, Tensor]:
        columns = columns_of(problem.domain, {name: _value(given[name]) for name in names})
        at = known.jets(list(columns.values()))
        jets = {u: _sum(at[u], given[u]) for u in problem.unknowns}
        scope = Scope.of_jets(jets, columns, parameters, _normals(problem, piece, columns[names[0]]))
        return term.evaluate((scope,))

    return misfits


def _normals(problem: Problem, piece: str, like: Tensor) -> dict[str, Tensor]:
    """{coordinate: (n,)} of the outward normal of a face."""
    face, names = problem.domain.face(piece), problem.domain.coordinates
    assert face is not None, "the error equation is solved on boxes only"
    return {name: torch.full_like(like, face[2] if i == face[0] else 0.0) for i, name in enumerate(names)}


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
                attempt, change = solve_for(made, Budget(_ENOUGH, deadline, None, True))
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
    plain = {name: c.numpy() for name, c in columns.items()}
    if order == 0:
        return e(plain)[unknown]
    offsets = -step * np.arange(5.0)
    weights = derivative_weights(offsets[None], np.array([0]), order)[0]
    values = [e({**plain, time: np.full_like(plain[time], end + o)})[unknown] for o in offsets]
    return np.tensordot(weights, np.stack(values), 1)
