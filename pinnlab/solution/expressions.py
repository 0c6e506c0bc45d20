"""Expressions of a finished solution: unknowns, their derivatives, coordinates and parameters, bound by name.

Letters: n points, d coordinates, c derivatives, m unknowns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.calling import explained
from pinnlab.declaration.conditions.binding import NORMAL
from pinnlab.declaration.discontinuities.steps import WIDTH
from pinnlab.declaration.dry_run import parameter_values
from pinnlab.declaration.parameters.functions import FunctionParameter
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.differentiable import JetFunction, differentiable_jet
from pinnlab.derivatives.directions import Direction
from pinnlab.derivatives.fields import Field, Key, NamedJet
from pinnlab.derivatives.indices import closure
from pinnlab.derivatives.jets import LazyJet
from pinnlab.solution.coordinates import at_coordinates, solution_jet
from pinnlab.solvers.windows import by_window
from pinnlab.training.result import Solved

ONE = ""
"""The name of what an expression returns without names."""


def evaluated(solution: Solved, expression: Callable[..., Any], coordinates: Mapping[str, Any]) -> Any:
    """See ``Solution.evaluate``: of one problem, no family."""
    names = expression_names(solution, expression, "evaluate")

    def at(points: Tensor) -> dict[str, Tensor]:
        return values_of(expression, names, scope_at(solution, points), "evaluate")

    found = at_coordinates(solution, "evaluate", coordinates, at)
    return found[ONE] if set(found) == {ONE} else found


def coefficients_at(solution: Solved, points: Tensor) -> dict[str, Tensor]:
    """Unknown coefficients that were found, at points (n, d): 0-dim, or (n,) where time windows found different ones."""
    models, whole = solution.models, solution.problem.domain
    if len(models) == 1:
        return {name: value.detach() for name, value in models[0].coefficients.items()}
    found = {name: points.new_full((len(points),), torch.nan) for name in models[-1].coefficients}
    for k, inside in by_window(points.detach(), [model.region for model in models], whole):
        for name, values in found.items():
            values[inside] = models[k].coefficients[name].detach().to(points)
    return found


def scope_at(solution: Solved, points: Tensor, normals: Tensor | None = None) -> Scope:
    """Everything that an expression's arguments can be bound to at (n, d) points, with a graph to them.

    Args:
        solution: of one problem, no family.
        points: (n, d).
        normals: (n, d), on a boundary.
    """
    problem = solution.problem
    names, unknowns = problem.domain.coordinates, problem.unknowns
    points = _on_one_side(problem, points)
    whole = _Shared(solution_jet(solution), points, names)
    jets: dict[str, NamedJet] = {u: whole.of(j) for j, u in enumerate(unknowns)}
    parameters: dict[str, Any] = {}
    given = {**solution.models[0].constants, **parameter_values(problem.parameters, points.detach())}
    for name, value in {**given, **coefficients_at(solution, points), **solution.models[-1].functions}.items():
        if isinstance(value, FunctionParameter):
            jets[name] = _Shared(value.jet, points, names).of(0)
        else:
            parameters[name] = value.to(points) if isinstance(value, Tensor) else value
    columns = problem.domain.columns
    outward = {} if normals is None else {name: columns(normals)[name] for name in problem.domain.space}
    return Scope.of_jets(jets, columns(points), parameters, outward)


def _on_one_side(problem: Problem, points: Tensor) -> Tensor:
    """Points (n, d); those exactly where coefficients jump just above: slope and coefficient belong together there."""
    # a file does not say where anything jumps
    for jump in problem.jumps if isinstance(problem, Problem) else ():
        if jump.position is not None:
            i, (lower, upper) = (
                problem.domain.coordinates.index(jump.coordinate),
                problem.domain.bounds[jump.coordinate],
            )
            width, offset = 2 * WIDTH * (upper - lower), torch.zeros_like(points)
            offset[:, i] = 2 * width * ((points[:, i].detach() - jump.position).abs() <= width)
            points = points + offset
    return points


class _Shared:
    """The derivatives of several unknowns at once, found together when one of them is first asked for."""

    def __init__(self, jet: JetFunction, points: Tensor, names: Key):
        self.jet, self.points, self.names = jet, points, names
        self.known: dict[Key, Tensor] = {}

    def of(self, number: int) -> LazyJet:
        """The derivatives (n,) of the unknown of this number."""
        return LazyJet(lambda key: self._derivative(key)[:, number])

    def _derivative(self, key: Key) -> Tensor:
        if key not in self.known:
            wider = closure([tuple(self.names.index(name) for name in key)])
            jet = differentiable_jet(self.jet, self.points, wider)
            for index, derivative in zip(wider, jet, strict=True):
                self.known.setdefault(tuple(self.names[i] for i in index), derivative)
        return self.known[key]


def expression_names(
    solution: Solved, expression: Callable[..., Any], owner: str, normal: bool = False
) -> tuple[str, ...]:
    """The names of an expression's arguments.

    Args:
        solution: knows unknowns, coordinates and parameters.
        expression: a function.
        owner: how messages call the verb, such as ``"evaluate"``.
        normal: whether ``n`` may be the outward normal.

    Raises:
        TypeError: no function, or one that takes ``*args``.
        ValueError: an argument's name that nothing has.
    """
    problem = solution.problem
    known = (*problem.unknowns, *problem.domain.coordinates, *problem.parameters, *([NORMAL] if normal else []))
    return argument_names(expression, known, f"{owner}(expression)")


def values_of(
    expression: Callable[..., Any], names: tuple[str, ...], scope: Scope, owner: str, tried: bool = False
) -> dict[str, Tensor]:
    """An expression at the n points of a scope: {name: (n,)}, the name ``""`` where it returns one value.

    Args:
        expression: returns one value per point, a number, or several by name.
        names: of its arguments.
        scope: where.
        owner: how messages call the verb.
        tried: whether it is known already that the expression does not mix points.

    Raises:
        TypeError, ValueError: it returns something else, or mixes points.
    """
    found = _called(expression, names, scope, owner)
    if len(scope.like) > 1 and not tried:
        for part in (slice(0, None, 2), slice(1, None, 2)):
            again = _called(expression, names, _part(scope, part), owner)
            for name, value in found.items():
                if name not in again or not _same(value[part], again[name]):
                    raise ValueError(_mixed(owner, name))
    return found


def _called(expression: Callable[..., Any], names: tuple[str, ...], scope: Scope, owner: str) -> dict[str, Tensor]:
    if NORMAL in names and NORMAL not in (*scope.fields, *scope.coordinates, *scope.parameters):
        along = [name for name, component in scope.normals.items() if bool(component.any())]
        expression = partial(expression, **{NORMAL: Direction(scope.normals, along)})
        names = tuple(name for name in names if name != NORMAL)
    with explained(f"{owner}(expression)"):
        result = scope.call(expression, names)
    several = isinstance(result, Mapping)
    if several and not (result and all(isinstance(name, str) for name in result)):
        raise TypeError(f"{owner}(expression) returned {result!r}; return one value per point, or {{name: value}}.")
    return {name: _value(v, name, scope.like, owner) for name, v in (result if several else {ONE: result}).items()}


def _value(result: Any, name: str, like: Tensor, owner: str) -> Tensor:
    label = f" for {name!r}" if name else ""
    if isinstance(result, Field):
        if result.value.shape != like.shape:
            raise ValueError(_mixed(owner, name))
        return result.value
    if isinstance(result, bool | int | float | complex):
        return torch.full_like(like, result, dtype=torch.complex128 if isinstance(result, complex) else like.dtype)
    if not isinstance(result, Tensor):
        hint = "; write a return, or a lambda" if result is None else ""
        raise TypeError(
            f"{owner}(expression) returned {type(result).__name__}{label}; return an expression of its arguments, such as "
            f"lambda u: u.x**2{hint}."
        )
    if result.ndim and result.shape != like.shape:
        raise ValueError(
            f"{owner}(expression) returned shape {tuple(result.shape)}{label} for {len(like)} points; return one value per "
            "point, or a number."
        )
    return result.expand_as(like)


def _mixed(owner: str, name: str) -> str:
    label = f" {name!r}" if name else ""
    return (
        f"{owner}(expression): the value{label} at a point depends on other points, as with torch.mean(u) or u.sum(); write "
        "a pointwise expression, such as lambda u: u**2, and for its integral over the domain solution.integrate(...)."
    )


def _part(scope: Scope, part: slice) -> Scope:
    """The scope at some of its points."""

    def at(value: Any) -> Any:
        return value[part] if isinstance(value, Tensor) and value.ndim else value

    def derivatives(name: str) -> LazyJet:
        whole = scope.fields[name]
        return LazyJet(lambda key: at(whole.d(*key).value))

    columns = scope.coordinates.replaced(**{name: at(value) for name, value in scope.coordinates.items()})
    normals = {name: at(value) for name, value in scope.normals.items()}
    parameters = {name: at(value) for name, value in scope.parameters.items()}
    return Scope.of_jets({name: derivatives(name) for name in scope.fields}, columns, parameters, normals)


def _same(a: Tensor, b: Tensor) -> bool:
    """Whether two evaluations agree up to rounding of the largest value."""
    a, b = a.detach(), b.detach()
    if a.dtype == torch.bool or a.shape != b.shape:
        return a.shape == b.shape and bool((a == b).all())
    largest = float(a.abs().nan_to_num(0.0, 0.0, 0.0).max())
    return torch.allclose(a, b.to(a.dtype), rtol=1e-6, atol=1e-6 * min(largest, 1e300), equal_nan=True)
