"""Problem: what is to be solved. Frozen, and checked by a dry run when it is built.

Letters: n points, d coordinates.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import Condition, Context, Data, Periodic
from pinnlab.declaration.dry_run import (
    POINTS,
    Equation,
    check_residual,
    checked_functions,
    checked_names,
    dry_points,
    equation_label,
    named_residuals,
    representative,
)
from pinnlab.declaration.exact import ExactPlan, plan_exact, with_kinks
from pinnlab.declaration.functions import FunctionParameter, given_function
from pinnlab.declaration.parameters import Family, Parameter, Unknown, check_parameter
from pinnlab.declaration.random_fields import RandomField
from pinnlab.declaration.summary import ProblemReport, gaps
from pinnlab.declaration.terms import Scope, Term, trace
from pinnlab.derivatives.fields import Key, argument_names, as_value
from pinnlab.domains import Region, Site


@dataclass(frozen=True, eq=False)
class Problem:
    """A differential equation with its domain and conditions.

    Args:
        domain: where the coordinates live; the coordinate ``t`` is time.
        unknowns: one name or several.
        equations: one function or several. Arguments are bound by name to unknowns, coordinates and parameters; each
            returns a residual (zero where the equation holds) or ``{"name": residual}``.
        conditions: initial, boundary, periodic conditions and data.
        parameters: {name: number, function of coordinates, ``Uniform(lo, hi)`` (a family of numbers),
            ``RandomField(on="x")`` (a family of functions) or ``Unknown(start)`` (an inverse problem)}.
        reference: a function of the coordinates that gives the solution (or ``{unknown: values}``), or None.
        velocity: transport velocity for Lagrangian solvers, bound by name, or None.
        name: what figures and tables call it.

    Raises:
        TypeError, ValueError: anything that cannot work, found by a dry run: unknown names, a residual of the wrong
            shape or one that is constant, conditions that do not fit the domain, values that are not finite.
    """

    domain: Region
    unknowns: str | Sequence[str]
    equations: Equation | Sequence[Equation]
    conditions: Sequence[Condition] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    reference: Callable[..., Any] | None = None
    velocity: Any = None
    name: str = "problem"
    derivatives: Mapping[str, frozenset[Key]] = field(init=False, repr=False)
    residual_names: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        if not isinstance(self.domain, Region):
            raise TypeError(f"domain={self.domain!r}: give a region, such as Box(x=(0.0, 1.0), t=(0.0, 1.0)).")
        set_(self, "unknowns", checked_names(self.unknowns))
        set_(self, "equations", checked_functions(self.equations))
        conditions = (self.conditions,) if isinstance(self.conditions, Condition) else tuple(self.conditions)
        set_(self, "conditions", conditions)
        set_(self, "parameters", {k: self._parameter(k, v) for k, v in dict(self.parameters).items()})
        self._check_names()
        self._dry_run()

    # -- members of a family -----------------------------------------------------------------------------------------

    @property
    def families(self) -> tuple[str, ...]:
        """Names of parameters that are families."""
        return tuple(k for k, v in self.parameters.items() if isinstance(v, Family))

    @property
    def unknown_parameters(self) -> tuple[str, ...]:
        """Names of coefficients to be found."""
        return tuple(k for k, v in self.parameters.items() if isinstance(v, Unknown))

    def at(self, **values: Any) -> Problem:
        """The same problem with some parameters fixed: ``family.at(nu=0.02)``, ``family.at(u0=lambda x: torch.sin(x))``.

        Args:
            values: numbers; for a ``RandomField`` one of its members, or any function of its coordinates.

        Raises:
            TypeError, ValueError: an unknown parameter, or a value outside its family.
        """
        for name, value in values.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise ValueError(f"at({name}={value!r}): not a parameter of this problem; its parameters are {known}.")
            family = self.parameters[name]
            if isinstance(family, Family):
                values[name] = family.admit(name, value)
        return dataclasses.replace(self, parameters={**self.parameters, **values})

    def sample(self, rng: np.random.Generator) -> Problem:
        """A random member of the family."""
        return self.at(**self.sample_parameters(rng))

    def sample_parameters(self, rng: np.random.Generator) -> dict[str, Any]:
        """{name: number or function} of a random member; cheaper than ``sample``, as no problem is built."""
        return {name: self.parameters[name].sample(rng) for name in self.families}  # type: ignore[union-attr]

    def replace(self, **changes: Any) -> Problem:
        """The same problem with some arguments changed, checked anew."""
        return dataclasses.replace(self, **changes)

    # -- what solvers ask ----------------------------------------------------------------------------------------------

    def parameter_values(self, like: Tensor | None = None) -> dict[str, Any]:
        """{name: 0-dim tensor, or function}: the parameters, first guesses of unknown ones, representatives of families."""
        like = torch.zeros((), dtype=torch.float64) if like is None else like
        values = {name: representative(value) for name, value in self.parameters.items()}
        return {n: v if isinstance(v, FunctionParameter) else like.new_tensor(v) for n, v in values.items()}

    def context(self) -> Context:
        """What conditions may refer to."""
        order: dict[tuple[str, str], int] = {}
        for unknown, keys in getattr(self, "derivatives", {}).items():
            for key in keys:
                for coordinate in key:
                    pair = (unknown, coordinate)
                    order[pair] = max(order.get(pair, 0), key.count(coordinate))
        return Context(self.domain, self.unknowns, tuple(self.parameters), order)  # type: ignore[arg-type]

    def order(self, coordinate: str) -> int:
        """Highest order of derivatives by a coordinate in the equations."""
        return max(self.order_of(unknown, coordinate) for unknown in self.unknowns)

    def equation_term(self) -> Term:
        """The equations as one term on the interior: the unknowns' jets are shared by all of them."""
        bound = self._bound_equations()

        def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
            (scope,) = scopes
            return {name: as_value(r) for name, r in named_residuals(bound, scope).items()}

        def draw(unit: Callable[[int], Tensor], n: int) -> tuple[Site, ...]:
            return (self.domain.interior(unit(n)),)

        return Term("equation", getattr(self, "residual_names", ()), draw, evaluate)

    def residual_fields(self, scope: Scope) -> dict[str, Any]:
        """{name: the equation's residual as a field}, which can be differentiated further."""
        return named_residuals(self._bound_equations(), scope)

    def _bound_equations(self) -> list[tuple[Equation, tuple[str, ...], str]]:
        available = (*self.unknowns, *self.domain.coordinates, *self.parameters)
        labels = [equation_label(f, i) for i, f in enumerate(self.equations)]  # type: ignore[arg-type]
        return [
            (f, argument_names(f, available, f"equation {label!r}"), label)
            for f, label in zip(self.equations, labels, strict=True)  # type: ignore[arg-type]
        ]

    def condition_terms(self) -> list[tuple[Condition, list[Term]]]:
        """Each condition with its soft form."""
        context = self.context()
        return [(condition, condition.terms(context)) for condition in self.conditions]

    def order_of(self, unknown: str, coordinate: str) -> int:
        """Highest order of derivatives of one unknown by a coordinate in the equations."""
        return max((key.count(coordinate) for key in self.derivatives[unknown]), default=0)

    def exact_plan(self, periodic: bool = True) -> ExactPlan:
        """Which conditions are built into the field; ``periodic``: whether the network can be made periodic."""
        numbers = {k: representative(v) for k, v in self.parameters.items()}
        free = (*self.families, *self.unknown_parameters)
        plan = plan_exact(self.context(), self.conditions, numbers, free, periodic)
        return with_kinks(plan, self.equation_term(), self.unknowns, self.domain, self.parameter_values())  # type: ignore[arg-type]

    def reference_arguments(self, reference: Callable[..., Any]) -> tuple[str, ...]:
        """Names of a reference's arguments; solutions and classical references take all coordinates by keyword."""
        coordinates = self.domain.coordinates
        return argument_names(reference, (*coordinates, *self.parameters), "reference", keywords=coordinates)

    def check(self) -> ProblemReport:
        """A report of the dry run: unknowns, derivatives used, conditions, what is missing. ``print`` it."""
        plan = self.exact_plan()
        notes, missing = list(plan.notes), []
        for name, value in self.parameters.items():
            if isinstance(value, Family):
                notes.append(f"parameter {name} is a family {value}: solve a member with problem.at({name}=...)")
            if isinstance(value, Unknown) and not any(isinstance(c, Data) for c in self.conditions):
                missing.append(f"parameter {name} is to be found, but there are no data: add Data(points=..., u=...)")
        missing += gaps(self.context(), self.conditions, self.order_of)
        return ProblemReport(
            summary=f"{self.name} on {self.domain!r}",
            derivatives={
                u: tuple(sorted(("".join(k) for k in keys), key=lambda s: (len(s), s)))
                for u, keys in self.derivatives.items()
            },
            residuals=self.residual_names,
            conditions=tuple((repr(c), "exact" if c in plan.built_in else "soft") for c in self.conditions),
            notes=tuple(notes),
            missing=tuple(missing),
        )

    # -- the dry run ---------------------------------------------------------------------------------------------------

    def _parameter(self, name: str, value: object) -> Parameter:
        if isinstance(value, RandomField):
            return value.over(self.domain, tuple(c.on for c in self.conditions if isinstance(c, Periodic)))
        if callable(value):
            return given_function(f"parameters[{name!r}]", value, self.domain, self.domain.coordinates)
        return check_parameter(name, value)

    def _check_names(self) -> None:
        seen: dict[str, str] = {}
        groups = {"an unknown": self.unknowns, "a coordinate": self.domain.coordinates, "a parameter": self.parameters}
        for kind, names in groups.items():
            for name in names:
                if name in seen:
                    raise ValueError(f"{name!r} is both {seen[name]} and {kind}; give them different names.")
                seen[name] = kind
        for condition in self.conditions:
            if not isinstance(condition, Condition):
                raise TypeError(f"conditions holds {condition!r}; give Initial(...), Dirichlet(...) and the like.")

    def _dry_run(self) -> None:
        set_ = object.__setattr__
        draw = dry_points(len(self.domain.coordinates))
        parameters = self.parameter_values()
        equations = self.equation_term()
        sites = equations.draw(draw, POINTS)
        columns = self.domain.columns
        traced = trace(equations, columns, self.unknowns, parameters, sites)  # type: ignore[arg-type]
        unused = [u for u in self.unknowns if not traced.keys[u]]
        if unused:
            raise ValueError(f"unknowns {unused} appear in no equation; add an equation or drop them from unknowns.")
        for name, residual in traced.residuals.items():
            check_residual(name, residual, [jet for jets in traced.jets[0].values() for jet in jets.values()])
        if not all(bool(torch.isfinite(r).all()) for r in traced.residuals.values()):
            again = trace(equations, columns, self.unknowns, parameters, sites, positive=False)  # type: ignore[arg-type]
            bad = [n for n, r in again.residuals.items() if not bool(torch.isfinite(r).any())]
            if bad:
                raise ValueError(
                    f"equations return NaN or infinity in {bad} at every point tried; look for divisions by zero, "
                    "logarithms or roots of negative numbers."
                )
        set_(self, "derivatives", traced.keys)
        set_(self, "residual_names", tuple(traced.residuals))
        for condition, terms in self.condition_terms():
            for term in terms:
                made_up = trace(term, columns, self.unknowns, parameters, term.draw(draw, POINTS))  # type: ignore[arg-type]
                for name, residual in made_up.residuals.items():
                    if not bool(torch.isfinite(residual).all()):
                        raise ValueError(
                            f"{condition!r}: its value is NaN or infinite at some points ({name}); check the function."
                        )
        self.exact_plan()
        if self.velocity is not None and callable(self.velocity):
            available = (*self.unknowns, *self.domain.coordinates, *self.parameters)
            argument_names(self.velocity, available, "velocity")
        if self.reference is not None:
            self.reference_arguments(self.reference)
