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

from pinnlab.declaration.arguments import argument_names, is_complex
from pinnlab.declaration.calling import explained
from pinnlab.declaration.components import velocity_components
from pinnlab.declaration.conditions import AnyCondition
from pinnlab.declaration.integrands import jump_of_integrand
from pinnlab.declaration.locality import depends_on_other_points, evaluated_elsewhere
from pinnlab.declaration.parameters.functions import FunctionParameter, GivenFunction, StateFunction
from pinnlab.declaration.parameters.kinds import Family, Parameter, SoughtParameter, Unknown
from pinnlab.declaration.parameters.materials import PiecewiseFunction
from pinnlab.declaration.terms import MADE_UP_UNITS, Context, Scope, Term, Trace, trace
from pinnlab.derivatives.complex_fields import real_parts
from pinnlab.derivatives.fields import as_value
from pinnlab.derivatives.names import COMPLEX, POINTWISE, Key
from pinnlab.domains import Region, Site
from pinnlab.domains.sampling import unit_points

Equation = Callable[..., Any]
"""Arguments are unknowns, coordinates and parameters by name; returns a residual, or {name: residual}."""
Residuals = Callable[[Scope], dict[str, Any]]
"""All equations at one site: {name: residual as a field}."""

POINTS = 7
"""At which equations and conditions are tried."""
_SMALL = tuple(10.0 ** (-3 * k) for k in range(1, 8))
"""Sizes of made-up numbers for equations that grow out of all bounds at larger ones."""


_ADVICE = "return an expression of the unknowns and their derivatives, such as u.t - nu * u.xx"


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
    conditions: Sequence[AnyCondition],
    parameters: Mapping[str, Parameter],
    velocity: Any = None,
) -> DryRun:
    """Try a declaration.

    Args:
        domain: where the coordinates live.
        unknowns: their names.
        equations: at least one.
        conditions: on the unknowns.
        parameters: {name: checked parameter}.
        velocity: of characteristics, or None.

    Raises:
        TypeError, ValueError: an argument's name that is unknown, a residual that is none, an unknown that appears in no
            equation, a residual or value at one point that depends on others, a condition that does not fit the domain,
            values that are not finite.
    """
    draw = dry_points(len(domain.coordinates))
    values = parameter_values(parameters)

    def tried(term: Term, sites: tuple[Site, ...], what: str, positive: bool = True, unit: float = 1.0) -> Trace:
        kept = [site.points.detach().clone() for site in sites]
        with explained(what):
            found = trace(term, domain.columns, unknowns, values, sites, positive, lambda key: 1 / unit)
        if any(not torch.equal(before, site.points) for before, site in zip(kept, sites, strict=True)):
            raise ValueError(f"{what} changes its arguments in place; compute new values, x * 2 instead of x.mul_(2).")
        return found

    def alone(term: Term, sites: tuple[Site, ...], what: str, found: Trace) -> None:
        with explained(f"{what}, at another number of points,"):
            mixed = evaluated_elsewhere(term, domain.columns, values, sites, found)
        if mixed:
            raise ValueError(f"{what} ({', '.join(mixed)}) at one point depends on the other points: {POINTWISE}.")

    for name, given in parameters.items():
        if isinstance(given, GivenFunction | PiecewiseFunction):
            what, made_of = f"parameters[{name!r}]", function_term(domain, name, given)
            there = tuple(Site(s.points.requires_grad_()) for s in made_of.draw(draw, POINTS))
            found = tried(made_of, there, what)
            alone(made_of, there, what, found)
            if not bool(torch.isfinite(found.residuals[name]).any()):
                raise ValueError(f"{what} is NaN or infinite at every point tried; check the function.")

    available = (*unknowns, *domain.coordinates, *parameters)
    term = equation_term(domain, bound_residuals(equations, available))
    sites = term.draw(draw, POINTS)
    found = tried(term, sites, "an equation")
    for name, residual in found.residuals.items():
        if residual is None:
            raise TypeError(f"equation {name!r} returned NoneType None; {_ADVICE}.")
    unused = [u for u in unknowns if not found.keys[u]]
    if unused:
        raise ValueError(f"unknowns {unused} appear in no equation; add an equation or drop them from unknowns.")
    for name, residual in found.residuals.items():
        check_residual(name, residual, [jet for jets in found.jets[0].values() for jet in jets.values()])
    alone(term, sites, "an equation", found)
    bad = [n for n, r in found.residuals.items() if not bool(torch.isfinite(r).all())]
    # sinh(V / 1e-4) is not defined for numbers about one, in whose units nobody would count
    for positive, size in ((False, 1.0), *((True, size) for size in (*MADE_UP_UNITS[1:], *_SMALL))):
        if bad:
            again = tried(term, sites, "an equation", positive, size).residuals
            bad = [n for n in bad if not bool(torch.isfinite(again[n]).any())]
    if bad:
        raise ValueError(
            f"equations return NaN or infinity in {bad} at every point tried; look for divisions by zero, "
            "logarithms or roots of negative numbers."
        )
    if velocity is not None:
        for c, (part, names) in velocity_components(velocity, domain.space, available).items():
            if callable(part):
                component = velocity_term(domain, c, part, names)
                alone(component, sites, f"velocity along {c!r}", tried(component, sites, f"velocity along {c!r}"))
    context = make_context(domain, unknowns, parameters, found.keys)
    for condition in conditions:
        for misfit in condition.terms(context):
            # NumPy and changes in place fail at numbers that carry derivatives, which only data never do
            drawn, moving = misfit.draw(draw, POINTS), misfit.kind != "data"
            sites = tuple(Site(s.points.requires_grad_(moving), s.normals) for s in drawn)
            traced = tried(misfit, sites, repr(condition))
            alone(misfit, sites, repr(condition), traced)
            bad = [name for name, r in traced.residuals.items() if not bool(torch.isfinite(r).all())]
            if bad and condition.of_fields:  # of made-up numbers, of which some may be out of its range
                others = ((False, 1.0), *((True, unit) for unit in MADE_UP_UNITS))
                each = [traced, *(tried(misfit, sites, repr(condition), *other) for other in others)]
                bad = [name for name in bad if not any(bool(torch.isfinite(t.residuals[name]).any()) for t in each)]
            if bad:
                hint = "; powers and roots of negative numbers are none: write abs(d)**0.25 * d for d**1.25"
                raise ValueError(
                    f"{condition!r}: its value is NaN or infinite at some points ({bad[0]}); check the function"
                    f"{hint if condition.of_fields else ''}."
                )
            looked = misfit.weights is not None and condition.where is None
            jump = jump_of_integrand(misfit, domain, unknowns, values, sites[0]) if looked else None
            if jump is not None:
                raise ValueError(
                    f"{condition!r}: the integrand jumps at {jump}, which nodes of a quadrature do not see; integrate over "
                    "a part, such as where=lambda x: x < 0.5, or smooth the jump."
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
        label = bound_label(function, i)
        names = argument_names(function, available, f"equation {label!r}")
        bound.append((function, names, label, any(is_complex(n, available) for n in names)))

    def residuals(scope: Scope) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for function, names, label, mixed in bound:
            result = scope.call(function, names)
            named = result if isinstance(result, dict) else {label: result}
            if not named or not all(isinstance(name, str) and name for name in named):
                raise TypeError(f"equation {label!r} returned {list(named)} as names; return {{'name': residual}}.")
            for name, residual in (real_parts(named) if mixed else named).items():
                if name in found:
                    raise ValueError(f"two residuals are called {name!r}; give the equations different names.")
                found[name] = residual
        return found

    return residuals


def bound_label(function: Equation, number: int) -> str:
    """What the residual of an equation is called that has no name of its own."""
    name = getattr(function, "__name__", "")
    return name if name.isidentifier() else f"equation{number}"


def equation_term(domain: Region, residuals: Residuals, names: tuple[str, ...] = ()) -> Term:
    """The equations as one term on the interior; ``names`` of the residuals, where they are known."""

    def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
        (scope,) = scopes
        return {name: as_value(r) for name, r in residuals(scope).items()}

    def draw(unit: Callable[[int], Tensor], n: int) -> tuple[Site, ...]:
        return (domain.interior(unit(n)),)

    return Term("equation", names, draw, evaluate)


def function_term(domain: Region, name: str, function: FunctionParameter) -> Term:
    """A user's function that is a parameter as a term, so that it can be tried like an equation."""

    def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
        return {name: function.at(torch.stack(list(scopes[0].coordinates.values()), dim=1))}

    return Term("parameter", (name,), lambda unit, n: (domain.interior(unit(n)),), evaluate)


def velocity_term(domain: Region, along: str, velocity: Callable[..., Any], names: tuple[str, ...]) -> Term:
    """One component of a velocity as a term, so that it can be tried like an equation."""

    def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
        (scope,) = scopes
        found = as_value(scope.call(velocity, names))
        value = torch.as_tensor(found, dtype=scope.like.dtype) if isinstance(found, int | float) else found
        if not isinstance(value, Tensor) or value.is_complex() or value.shape not in ((), scope.like.shape):
            came = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise TypeError(
                f"velocity along {along!r} returned {came} for {len(scope.like)} points; return one real number per point, "
                "or one."
            )
        if not bool(torch.isfinite(value).any()):
            raise ValueError(f"velocity along {along!r} is NaN or infinite at every point tried; check the function.")
        return {along: value.expand_as(scope.like)}

    return Term("velocity", (along,), lambda unit, n: (domain.interior(unit(n)),), evaluate)


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
    return Context(domain, unknowns, tuple(parameters), order, parameter_values(parameters))


def parameter_values(parameters: Mapping[str, Parameter], like: Tensor | None = None) -> dict[str, Any]:
    """{name: 0-dim tensor with dtype and device of ``like``, or function}; float64 on the CPU without ``like``."""
    like = torch.zeros((), dtype=torch.float64) if like is None else like
    values = {name: representative(value) for name, value in parameters.items()}
    functions = FunctionParameter | StateFunction
    return {n: v if isinstance(v, functions) else like.new_tensor(v) for n, v in values.items()}


def representative(value: Parameter) -> Any:
    """What stands for a parameter before it is known: a member of a family, the start of an unknown."""
    if isinstance(value, Family):
        return value.representative
    if isinstance(value, SoughtParameter):
        return value.stand_in
    return value.start if isinstance(value, Unknown) else value


def dry_points(d: int) -> Callable[[int], Tensor]:
    """Draws (n, d) numbers in the unit cube, the same at every dry run."""
    rng = np.random.default_rng(0)
    return lambda n: unit_points("sobol", n, d, rng)


def check_residual(name: str, residual: Any, jets: list[Tensor]) -> None:
    """Raise TypeError or ValueError where an equation returned no residual: one number per point, which ``jets`` change."""
    advice = _ADVICE
    if name.endswith("_imag") and isinstance(residual, Tensor) and bool((residual.abs() < 1e-9).all()):
        advice = f"the imaginary part of {name.removesuffix('_imag')!r} is zero: take its real part, (...).real"
    if not isinstance(residual, Tensor):
        raise TypeError(f"equation {name!r} returned {type(residual).__name__} {residual!r}; {advice}.")
    if residual.shape != (POINTS,):
        raise ValueError(
            f"equation {name!r} returned shape {tuple(residual.shape)} for {POINTS} points; an equation is "
            f"pointwise, one number per point: do not sum or stack; {advice}."
        )
    if not residual.is_floating_point():
        raise TypeError(
            f"equation {name!r} returned {_kind(residual)}; {advice}, which is zero where the equation holds."
        )
    if not residual.requires_grad:
        raise ValueError(f"equation {name!r} returned a constant that no unknown changes; {advice}.")
    gradients = torch.autograd.grad(residual.sum(), jets, allow_unused=True, retain_graph=True)
    if not any(g is not None and bool((g != 0).any()) for g in gradients):
        raise ValueError(f"equation {name!r} returned a constant that no unknown changes; {advice}.")
    if depends_on_other_points(residual, jets, gradients):
        raise ValueError(f"equation {name!r} at one point depends on the unknowns at others: {POINTWISE}.")


def _kind(residual: Tensor) -> str:
    if residual.is_complex():
        return f"complex values; {COMPLEX}, or write its real and imaginary part as two equations for two real unknowns"
    if residual.dtype == torch.bool:
        return "a comparison, which is true or false; write left - right"
    return f"whole numbers ({residual.dtype})"
