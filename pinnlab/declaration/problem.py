"""Problem: what is to be solved. Frozen, and checked by a dry run when it is built."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.complex_unknowns import (
    Unknowns,
    declared_types,
    declared_unknowns,
    on_parts,
    real_unknowns,
)
from pinnlab.declaration.condition_count import Count
from pinnlab.declaration.conditions import AnyCondition, Context, Data, Integral, Periodic
from pinnlab.declaration.counting import NotUniqueError, count
from pinnlab.declaration.dry_run import (
    Equation,
    Residuals,
    bound_residuals,
    dry_run,
    equation_term,
    make_context,
    parameter_values,
    representative,
)
from pinnlab.declaration.exact import ExactPlan, plan_exact, with_kinks
from pinnlab.declaration.fluxes import Jump, lost_flux
from pinnlab.declaration.functions import given_function
from pinnlab.declaration.jumps import Declared, find_jumps, jumps_in_unknowns
from pinnlab.declaration.linearization import linearized
from pinnlab.declaration.names import check_distinct, check_names
from pinnlab.declaration.parameters import Family, Parameter, Unknown, check_parameter
from pinnlab.declaration.random_fields import RandomField
from pinnlab.declaration.rewriting import rewritten
from pinnlab.declaration.scales import Scales, Terms, checked_scales, find_scales
from pinnlab.declaration.summary import Gaps, ProblemReport, gaps
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.names import parts_of
from pinnlab.domains import Region

Velocity = float | Callable[..., Any]
"""One component: a number, or a function of unknowns, coordinates and parameters by name."""


@dataclass(frozen=True, eq=False, init=False)
class Problem:
    """A differential equation with its domain and conditions.

    Args:
        domain: where the coordinates live; the coordinate ``t`` is time.
        unknowns: one name or several; ``{"psi": complex, "u": float}`` where some are complex.
        equations: one function or several. Arguments are bound by name to unknowns, coordinates and parameters; each
            returns a residual (zero where the equation holds) or ``{"name": residual}``. A complex residual is two real
            ones, ``name_real`` and ``name_imag``.
        conditions: initial, boundary, periodic conditions and data.
        parameters: {name: number, function of coordinates, ``Uniform(lo, hi)`` (a family of numbers),
            ``RandomField(on="x")`` (a family of functions) or ``Unknown(start)`` (an inverse problem)}.
        reference: a function of the coordinates that gives the solution (or ``{unknown: values}``), or None.
        velocity: transport velocity for Lagrangian solvers, bound by name, or None.
        name: what figures and tables call it.
        scales: {coordinate, unknown, coefficient to be found or residual: in what it is counted while the problem is
            solved}, a positive number or ``(offset, scale)``; those that are not given are found, see ``scales()``.

    Attributes:
        unknowns, equations, conditions: tuples, whatever was given. A complex unknown ``psi`` is two real ones,
            ``psi_real`` and ``psi_imag``, and conditions on it are conditions on these.
        complex_unknowns: names of the complex unknowns.
        derivatives: {unknown: derivatives that the equations use}, each named by its coordinates, such as ``("x", "x")``.
        residual_names: what the equations' residuals are called.

    Raises:
        TypeError, ValueError: anything that cannot work, found by a dry run: unknown names, a residual of the wrong
            shape or one that is constant, conditions that do not fit the domain, values that are not finite.
    """

    domain: Region
    unknowns: tuple[str, ...]
    equations: tuple[Equation, ...]
    conditions: tuple[AnyCondition, ...]
    parameters: Mapping[str, Parameter]
    reference: Callable[..., Any] | None
    velocity: Velocity | Sequence[Velocity] | None
    name: str
    complex_unknowns: tuple[str, ...] = field(init=False, repr=False)
    derivatives: Mapping[str, frozenset[Key]] = field(init=False, repr=False)
    residual_names: tuple[str, ...] = field(init=False, repr=False)
    _given_scales: ClassVar[Mapping[str, tuple[float | None, float]]] = {}

    def __init__(
        self,
        domain: Region,
        unknowns: Unknowns,
        equations: Equation | Sequence[Equation],
        conditions: AnyCondition | Sequence[AnyCondition] = (),
        parameters: Mapping[str, Parameter] | None = None,
        reference: Callable[..., Any] | None = None,
        velocity: Velocity | Sequence[Velocity] | None = None,
        name: str = "problem",
        scales: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(domain, Region):
            raise TypeError(f"domain={domain!r}: give a region, such as Box(x=(0.0, 1.0), t=(0.0, 1.0)).")
        declared, complex_ones = declared_unknowns(unknowns)
        names, functions = real_unknowns(declared, complex_ones), _functions(equations)
        given = tuple(on_parts(condition, complex_ones) for condition in _conditions(conditions))
        values = _parameters(parameters or {}, domain, given)
        check_names(domain.coordinates, (*names, *complex_ones), values)
        taken = {
            "an unknown": (*names, *complex_ones),
            "a coordinate": domain.coordinates,
            "a parameter": tuple(values),
        }
        check_distinct(taken)
        _check_solvable(values)
        if not isinstance(name, str):
            raise TypeError(f"name={name!r}: give a text, which figures and tables show.")
        found = dry_run(domain, names, functions, given, values, velocity)
        vars(self).update(
            domain=domain, unknowns=names, equations=functions, conditions=given, parameters=values,
            reference=reference, velocity=velocity, name=name, complex_unknowns=complex_ones,
            derivatives=found.derivatives, residual_names=found.residual_names,
        )  # fmt: skip
        wanted = (*domain.coordinates, *names, *self.unknown_parameters, *found.residual_names)
        if scales is not None:
            vars(self)["_given_scales"] = checked_scales(scales, wanted)
        self.exact_plan()
        if reference is not None:
            self.reference_arguments(reference)

    @property
    def declared(self) -> dict[str, type]:
        """The unknowns as they were declared: {name: float or complex}."""
        return declared_types(self.unknowns, self.complex_unknowns)

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
        return self.replace(parameters={**self.parameters, **values})

    def sample(self, rng: np.random.Generator) -> Problem:
        """A random member of the family; TypeError where ``rng`` is no ``numpy.random.Generator``."""
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"sample({rng!r}): give a generator, such as numpy.random.default_rng(0).")
        return self.at(**self.sample_parameters(rng))

    def sample_parameters(self, rng: np.random.Generator) -> dict[str, Any]:
        """{name: number or function} of a random member; cheaper than ``sample``, as no problem is built."""
        return {name: value.sample(rng) for name, value in self.parameters.items() if isinstance(value, Family)}

    def replace(self, **changes: Any) -> Problem:
        """The same problem with some arguments changed, checked anew."""
        return dataclasses.replace(self, **{"unknowns": self.declared, "scales": self._given_scales or None, **changes})

    # -- natural units ---------------------------------------------------------------------------------------------------

    def scales(self) -> Scales:
        """In which units the problem is solved: of coordinates, unknowns, coefficients to be found and equations."""
        return self._scales

    @cached_property
    def _scales(self) -> Scales:
        terms = [terms for _, terms in self.condition_terms()]
        declared = Terms(self.context(), self.equation_term(), terms, self.parameter_values())
        return find_scales(declared, self.parameters, self._given_scales)

    @cached_property
    def natural(self) -> Problem:
        """The same problem in natural units; itself where it is in these already."""
        change = self._scales.change
        if change.is_identity or self.complex_unknowns or not all(c.in_any_units for c in self.conditions):
            return self
        given = (self.context(), self.equations, self.conditions, self.parameters, self.velocity)
        return Problem(unknowns=self.unknowns, name=self.name, **rewritten(change, *given))

    # -- what solvers ask ----------------------------------------------------------------------------------------------

    def parameter_values(self, like: Tensor | None = None) -> dict[str, Any]:
        """{name: 0-dim tensor, or function}: the parameters, first guesses of unknown ones, representatives of families."""
        return parameter_values(self.parameters, like)

    def context(self) -> Context:
        """What conditions may refer to."""
        return make_context(self.domain, self.unknowns, self.parameters, self.derivatives)

    def order(self, coordinate: str) -> int:
        """Highest order of derivatives by a coordinate in the equations."""
        return max(self.order_of(unknown, coordinate) for unknown in self.unknowns)

    def equation_term(self) -> Term:
        """The equations as one term on the interior: the unknowns' jets are shared by all of them."""
        return equation_term(self.domain, self._residuals, self.residual_names)

    def residual_fields(self, scope: Scope) -> dict[str, Any]:
        """{name: the equation's residual as a field}, which can be differentiated further."""
        return self._residuals(scope)

    @cached_property
    def jumps(self) -> tuple[Jump, ...]:
        """Where coefficients and sources jump inside the domain; looked for once, when it is first asked for."""
        return find_jumps(self._declared)

    @property
    def _declared(self) -> Declared:
        periodic = tuple(dict.fromkeys(c.on for c in self.conditions if isinstance(c, Periodic)))
        return Declared(
            self.domain, self.unknowns, self._residuals, self.parameter_values(), self.derivatives, periodic
        )

    def lost_flux(self, owner: str, joined: Mapping[str, Sequence[float]] | None = None) -> str | None:
        """Why a method cannot solve equations in which a coefficient of the highest derivatives jumps; None where it can.

        Args:
            owner: the method's name.
            joined: {coordinate: positions where it makes fluxes continuous}.
        """
        return lost_flux(self.jumps, self.domain, self.order, owner, joined or {})

    def condition_terms(self) -> list[tuple[AnyCondition, list[Term]]]:
        """Each condition with its soft form."""
        context = self.context()
        return [(condition, condition.terms(context)) for condition in self.conditions]

    def order_of(self, unknown: str, coordinate: str) -> int:
        """Highest order of derivatives of one unknown by a coordinate in the equations."""
        return max((key.count(coordinate) for key in self.derivatives[unknown]), default=0)

    def exact_plan(self, periodic: bool = True, rough: bool = False) -> ExactPlan:
        """Which conditions are built into the field.

        Args:
            periodic: whether the network can be made periodic.
            rough: whether data without the derivatives that the equations use are built in as they are.
        """
        numbers = {k: representative(v) for k, v in self.parameters.items()}
        free = (*self.families, *self.unknown_parameters)
        plan = plan_exact(self.context(), self.conditions, numbers, free, periodic, rough)
        return with_kinks(plan, self.equation_term(), self.unknowns, self.domain, self.parameter_values())

    def reference_arguments(self, reference: Callable[..., Any]) -> tuple[str, ...]:
        """Names of a reference's arguments; solutions and classical references take all coordinates by keyword."""
        coordinates = self.domain.coordinates
        return argument_names(reference, (*coordinates, *self.parameters), "reference", keywords=coordinates)

    @property
    def bindable(self) -> tuple[str, ...]:
        """Names that arguments of equations and of the velocity may have."""
        return (*self.unknowns, *self.domain.coordinates, *self.parameters)

    @property
    def _residuals(self) -> Residuals:
        return bound_residuals(self.equations, self.bindable)

    def check(self) -> ProblemReport:
        """A report of the dry run: unknowns, derivatives used, conditions, what is missing. ``print`` it."""
        plan = self.exact_plan()
        notes, missing = list(plan.notes), []
        notes += [f"the complex unknown {u} is {' + i '.join(parts_of(u))}" for u in self.complex_unknowns]
        for name, value in self.parameters.items():
            if isinstance(value, Family):
                notes.append(f"parameter {name} is a family {value}: solve a member with problem.at({name}=...)")
            if isinstance(value, Unknown) and not any(isinstance(c, Data | Integral) for c in self.conditions):
                missing.append(
                    f"parameter {name} is to be found, but there are no data: add Data(points=..., u=...), or an integral "
                    "that decides it, Integral(..., equals=...)"
                )
        notes += [f"{jump}{jump.consequence}" for jump in self.jumps]
        for word, value in jumps_in_unknowns(self._declared)[:3]:
            notes.append(f"the equations jump where {word} passes {value:.4g}; the solution is less smooth there")
        found = self._gaps()
        missing += found.missing
        return ProblemReport(
            summary=f"{self.name} on {self.domain!r}",
            derivatives={
                u: tuple(sorted(("".join(k) for k in keys), key=lambda s: (len(s), s)))
                for u, keys in self.derivatives.items()
            },
            residuals=self.residual_names,
            conditions=tuple((repr(c), "exact" if c in plan.built_in else "soft") for c in self.conditions),
            notes=(*notes, *found.notes),
            missing=tuple(missing),
            excess=found.excess,
        )

    def count(self) -> Count:
        """How many conditions the problem needs and where, and what those it has leave open; counted once."""
        return self._counted

    @cached_property
    def _counted(self) -> Count:
        if self.natural is not self:  # thresholds are for numbers about one
            return self.natural.count()
        values = self.parameter_values()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # coefficients near the end of the numbers
            linear = linearized(self.context(), self.equation_term(), self.conditions, values)
        found = count(self.domain, self.unknowns, linear)
        if self.unknown_parameters:
            found = dataclasses.replace(found, doubts=(*found.doubts, "coefficients are to be found"))
        return found

    def check_unique(self) -> None:
        """Raise NotUniqueError where the conditions certainly leave more than one solution, and say which are missing."""
        certificate = self._gaps().certificate
        if certificate is not None:
            raise NotUniqueError(f"{self.name}: the solution is not unique; {certificate}.")

    def _gaps(self) -> Gaps:
        return gaps(self.context(), self.conditions, self.count(), self.order_of)


# -- what the constructor makes of its arguments -----------------------------------------------------------------------


def _functions(equations: Equation | Sequence[Equation]) -> tuple[Equation, ...]:
    """The equations; ValueError where there is none."""
    if not callable(equations) and (isinstance(equations, str | Mapping) or not isinstance(equations, Sequence)):
        raise TypeError(f"equations={equations!r}: give a function, or a list of functions.")
    functions = (equations,) if callable(equations) else tuple(equations)
    if not functions:
        raise ValueError("equations is empty; give at least one function that returns a residual.")
    return functions


def _conditions(conditions: AnyCondition | Sequence[AnyCondition]) -> tuple[AnyCondition, ...]:
    """The conditions; TypeError where one is none."""
    if not isinstance(conditions, AnyCondition) and not isinstance(conditions, Sequence):
        raise TypeError(f"conditions={conditions!r}: give a list of Initial(...), Dirichlet(...) and the like.")
    given = (conditions,) if isinstance(conditions, AnyCondition) else tuple(conditions)
    for condition in given:
        if not isinstance(condition, AnyCondition):
            raise TypeError(f"conditions holds {condition!r}; give Initial(...), Dirichlet(...) and the like.")
    return given


def _parameters(
    parameters: Mapping[str, Parameter], domain: Region, conditions: Sequence[AnyCondition]
) -> dict[str, Parameter]:
    """The parameters, checked; random fields and functions know the domain's coordinates."""
    if not isinstance(parameters, Mapping):
        raise TypeError(f"parameters={parameters!r}: give a dictionary, such as {{'nu': 0.01}}.")
    periodic = tuple(c.on for c in conditions if isinstance(c, Periodic))
    checked: dict[str, Parameter] = {}
    for name, value in parameters.items():
        if isinstance(value, RandomField):
            checked[name] = value.over(domain, periodic)
        elif callable(value):
            checked[name] = given_function(f"parameters[{name!r}]", value, domain, domain.coordinates)
        else:
            checked[name] = check_parameter(name, value)
    return checked


def _check_solvable(parameters: Mapping[str, Parameter]) -> None:
    """Raise ValueError for a family together with an unknown coefficient, which no solver finds."""
    families = [name for name, value in parameters.items() if isinstance(value, Family)]
    wanted = [name for name, value in parameters.items() if isinstance(value, Unknown)]
    if families and wanted:
        raise ValueError(
            f"parameters: {families[0]!r} is a family and {wanted[0]!r} is to be found; data belong to one member, so no "
            f"solver finds an unknown coefficient for a whole family: fix {families[0]!r} at a number, or make "
            f"{wanted[0]!r} a number or a family as well."
        )
