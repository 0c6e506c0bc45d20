"""The dry run: a declaration tried on made-up numbers, which finds its mistakes before anything is solved.

Letters: n points, d coordinates.

Every equation and condition is evaluated once at a few points, on fields whose derivatives are random numbers, made up
when they are asked for. That tells which derivatives the equations use and what their residuals are called, and refuses
residuals of a wrong shape, constants, and values that are not finite. The parts of the declaration are arguments here:
a ``Problem`` is there once they have passed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.conditions import Condition
from pinnlab.declaration.functions import FunctionParameter
from pinnlab.declaration.parameters import Family, Parameter, Unknown
from pinnlab.declaration.terms import Context, Scope, Term, Trace, trace
from pinnlab.derivatives.fields import Key, as_value
from pinnlab.domains import Region, Site
from pinnlab.domains.sampling import unit_points

Equation = Callable[..., Any]
"""Arguments are unknowns, coordinates and parameters by name; returns a residual, or {name: residual}."""
Residuals = Callable[[Scope], dict[str, Any]]
"""All equations at one site: {name: residual as a field}."""

POINTS = 7
"""At which equations and conditions are tried."""


@dataclass(frozen=True)
class DryRun:
    """What a dry run learned of the equations.

    Attributes:
        derivatives: {unknown: the derivatives that are used}, the value being ``()``.
        residual_names: what the residuals are called, in their order.
    """

    derivatives: Mapping[str, frozenset[Key]]
    residual_names: tuple[str, ...]


def dry_run(
    domain: Region,
    unknowns: tuple[str, ...],
    equations: Sequence[Equation],
    conditions: Sequence[Condition],
    parameters: Mapping[str, Parameter],
) -> DryRun:
    """Try a declaration.

    Args:
        domain: where the coordinates live.
        unknowns: their names.
        equations: at least one.
        conditions: on the unknowns.
        parameters: {name: checked parameter}.

    Raises:
        TypeError, ValueError: an argument's name that is unknown, a residual that is none, an unknown that appears in no
            equation, a condition that does not fit the domain, values that are not finite.
    """
    draw = dry_points(len(domain.coordinates))
    values = parameter_values(parameters)

    def tried(term: Term, sites: tuple[Site, ...], positive: bool = True) -> Trace:
        return trace(term, domain.columns, unknowns, values, sites, positive)

    available = (*unknowns, *domain.coordinates, *parameters)
    term = equation_term(domain, bound_residuals(equations, available))
    sites = term.draw(draw, POINTS)
    found = tried(term, sites)
    unused = [u for u in unknowns if not found.keys[u]]
    if unused:
        raise ValueError(f"unknowns {unused} appear in no equation; add an equation or drop them from unknowns.")
    for name, residual in found.residuals.items():
        check_residual(name, residual, [jet for jets in found.jets[0].values() for jet in jets.values()])
    if not all(bool(torch.isfinite(r).all()) for r in found.residuals.values()):
        again = tried(term, sites, positive=False)
        bad = [n for n, r in again.residuals.items() if not bool(torch.isfinite(r).any())]
        if bad:
            raise ValueError(
                f"equations return NaN or infinity in {bad} at every point tried; look for divisions by zero, "
                "logarithms or roots of negative numbers."
            )
    context = make_context(domain, unknowns, parameters, found.keys)
    for condition in conditions:
        for misfit in condition.terms(context):
            for name, residual in tried(misfit, misfit.draw(draw, POINTS)).residuals.items():
                if not bool(torch.isfinite(residual).all()):
                    raise ValueError(
                        f"{condition!r}: its value is NaN or infinite at some points ({name}); check the function."
                    )
    return DryRun(found.keys, tuple(found.residuals))


def bound_residuals(equations: Sequence[Equation], available: Sequence[str]) -> Residuals:
    """The equations as one function of a scope, their arguments bound by name.

    Args:
        equations: a residual without a name is called like its function, or ``equation0`` by its place.
        available: names of unknowns, coordinates and parameters.

    Raises:
        TypeError, ValueError: an equation that is no function, or an argument's name that is not available; when the
            result is called: two residuals of one name.
    """
    bound = []
    for i, function in enumerate(equations):
        name = getattr(function, "__name__", "")
        label = name if name.isidentifier() else f"equation{i}"
        bound.append((function, argument_names(function, available, f"equation {label!r}"), label))

    def residuals(scope: Scope) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for function, names, label in bound:
            result = scope.call(function, names)
            named = result if isinstance(result, dict) else {label: result}
            for name, residual in named.items():
                if name in found:
                    raise ValueError(f"two residuals are called {name!r}; give the equations different names.")
                found[name] = residual
        return found

    return residuals


def equation_term(domain: Region, residuals: Residuals, names: tuple[str, ...] = ()) -> Term:
    """The equations as one term on the interior; ``names`` of the residuals, where they are known."""

    def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
        (scope,) = scopes
        return {name: as_value(r) for name, r in residuals(scope).items()}

    def draw(unit: Callable[[int], Tensor], n: int) -> tuple[Site, ...]:
        return (domain.interior(unit(n)),)

    return Term("equation", names, draw, evaluate)


def make_context(
    domain: Region,
    unknowns: tuple[str, ...],
    parameters: Mapping[str, Parameter],
    derivatives: Mapping[str, frozenset[Key]],
) -> Context:
    """What conditions may refer to, given the derivatives that the equations use."""
    order: dict[tuple[str, str], int] = {}
    for unknown, keys in derivatives.items():
        for key in keys:
            for coordinate in key:
                pair = (unknown, coordinate)
                order[pair] = max(order.get(pair, 0), key.count(coordinate))
    return Context(domain, unknowns, tuple(parameters), order)


def parameter_values(parameters: Mapping[str, Parameter], like: Tensor | None = None) -> dict[str, Any]:
    """{name: 0-dim tensor with dtype and device of ``like``, or function}; float64 on the CPU without ``like``."""
    like = torch.zeros((), dtype=torch.float64) if like is None else like
    values = {name: representative(value) for name, value in parameters.items()}
    return {n: v if isinstance(v, FunctionParameter) else like.new_tensor(v) for n, v in values.items()}


def representative(value: Parameter) -> Any:
    """What stands for a parameter before it is known: a member of a family, the start of an unknown."""
    if isinstance(value, Family):
        return value.representative
    return value.start if isinstance(value, Unknown) else value


def dry_points(d: int) -> Callable[[int], Tensor]:
    """Draws (n, d) numbers in the unit cube, the same at every dry run."""
    rng = np.random.default_rng(0)
    return lambda n: unit_points("sobol", n, d, rng)


def check_residual(name: str, residual: Any, jets: list[Tensor]) -> None:
    """Raise TypeError or ValueError where an equation returned no residual: one number per point, which ``jets`` change."""
    advice = "return an expression of the unknowns and their derivatives, such as u.t - nu * u.xx"
    if not isinstance(residual, Tensor):
        raise TypeError(f"equation {name!r} returned {type(residual).__name__} {residual!r}; {advice}.")
    if residual.shape != (POINTS,):
        raise ValueError(
            f"equation {name!r} returned shape {tuple(residual.shape)} for {POINTS} points; an equation is "
            f"pointwise, one number per point: do not sum or stack; {advice}."
        )
    depends = residual.requires_grad and any(
        g is not None and bool((g != 0).any())
        for g in torch.autograd.grad(residual.sum(), jets, allow_unused=True, retain_graph=True)
    )
    if not depends:
        raise ValueError(f"equation {name!r} returned a constant that no unknown changes; {advice}.")
