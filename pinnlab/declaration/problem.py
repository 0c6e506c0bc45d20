"""Problem: what is to be solved. Frozen, and checked by a dry run when it is built."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from pinnlab.declaration import complex_unknowns as parts
from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.backwards import between, is_backwards, is_between, mirror, mirrored_scales
from pinnlab.declaration.checked import checked_conditions, checked_functions, checked_parameters, warn_unused
from pinnlab.declaration.clashes.detection import Clashes, find_clashes, moments
from pinnlab.declaration.clashes.sent_waves import sent_waves
from pinnlab.declaration.conditions import AnyCondition, Context, Data, Periodic
from pinnlab.declaration.counting.condition_count import Count
from pinnlab.declaration.counting.needed import NotUniqueError
from pinnlab.declaration.discontinuities.declared import Declared
from pinnlab.declaration.discontinuities.fluxes import Jump, lost_flux, lost_where_it_passes, said_of_jumps
from pinnlab.declaration.discontinuities.joints import Joints, find_joints
from pinnlab.declaration.discontinuities.jumps import find_jumps
from pinnlab.declaration.discontinuities.prescribed import across_curves
from pinnlab.declaration.discontinuities.spots import Spot, find_spots
from pinnlab.declaration.discontinuities.steps_in_unknowns import said_of_unknowns, step_inside_diff
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
from pinnlab.declaration.fixing import admitted, still_conditions
from pinnlab.declaration.linearization import counted
from pinnlab.declaration.names import check_names
from pinnlab.declaration.natural_units.scales import Scales, checked_scales, find_scales
from pinnlab.declaration.natural_units.term_sizes import TermSizes
from pinnlab.declaration.parameters.kinds import Family, Looked, Parameter, Unknown
from pinnlab.declaration.parameters.materials import check_jumps
from pinnlab.declaration.parameters.unknown_functions import unknown_functions
from pinnlab.declaration.rewriting import rewritten
from pinnlab.declaration.shown import problem_card
from pinnlab.declaration.summary import Gaps, ProblemReport, gaps, left_out, parameter_notes, repeated, spelled
from pinnlab.declaration.terms import Term
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.derivatives.fields import Key
from pinnlab.domains import Region
from pinnlab.machine.calls import explained_call

Velocity = float | Callable[..., Any]
"""One component: a number, or a function of unknowns, coordinates and parameters by name."""


@explained_call("write pl.Problem(domain, unknowns, equations, conditions)")
@dataclasses.dataclass(frozen=True, eq=False, init=False)
class Problem:
    """A differential equation with its domain and conditions.

    Args:
        domain: where the coordinates live; the coordinate ``t`` is time, or the one that it names as ``time``.
        unknowns: one name or several; ``{"psi": complex, "u": float}`` where some are complex.
        equations: one function or several. Arguments are bound by name to unknowns, coordinates and parameters; each
            returns a residual (zero where the equation holds) or ``{"name": residual}``. A complex residual is two real
            ones, ``name_real`` and ``name_imag``.
        conditions: initial, boundary, periodic conditions and data.
        parameters: {name: number, function of coordinates, ``Piecewise((region, value), otherwise=...)`` (materials),
            ``Uniform(lo, hi)`` (a family of numbers), ``RandomField(on="x")`` (a family of functions) or
            ``Unknown(start, of=...)`` (an inverse problem)}.
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
    complex_unknowns: tuple[str, ...] = dataclasses.field(init=False, repr=False)
    derivatives: Mapping[str, frozenset[Key]] = dataclasses.field(init=False, repr=False)
    residual_names: tuple[str, ...] = dataclasses.field(init=False, repr=False)
    _given_scales: ClassVar[Mapping[str, tuple[float | None, float]]] = {}

    def __init__(
        self,
        domain: Region,
        unknowns: parts.Unknowns,
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
        declared, complex_ones = parts.declared_unknowns(unknowns)
        names, functions = parts.real_unknowns(declared, complex_ones), checked_functions(equations)
        given = tuple(parts.on_parts(condition, complex_ones) for condition in checked_conditions(conditions))
        values = checked_parameters(parameters or {}, domain, given, names)
        every = (*names, *complex_ones)
        check_names(name, domain.coordinates, every, values)
        found = dry_run(domain, names, functions, given, values, velocity)
        vars(self).update(
            domain=domain, unknowns=names, equations=functions, conditions=given, parameters=values,
            reference=reference, velocity=velocity, name=name, complex_unknowns=complex_ones,
            derivatives=found.derivatives, residual_names=found.residual_names,
        )  # fmt: skip
        check_jumps(values, domain, names, found.residual_names)
        wanted = (*domain.coordinates, *names, *self.unknown_parameters, *found.residual_names)
        if scales is not None:
            vars(self)["_given_scales"] = checked_scales(parts.named_by_parts(scales, wanted), wanted)
        self.forward.exact_plan(singular="none")  # exact conditions that contradict each other are refused
        if reference is not None:
            self.reference_arguments(reference)
        warn_unused(parameters or {}, given, (*functions, velocity), reference)

    @property
    def declared(self) -> dict[str, type]:
        """The unknowns as they were declared: {name: float or complex}."""
        return parts.declared_types(self.unknowns, self.complex_unknowns)

    @property
    def families(self) -> tuple[str, ...]:
        """Names of parameters that are families."""
        return tuple(k for k, v in self.parameters.items() if isinstance(v, Family))

    @property
    def unknown_parameters(self) -> tuple[str, ...]:
        """Names of numbers to be found."""
        return tuple(k for k, v in self.parameters.items() if isinstance(v, Unknown))

    @property
    def unknown_functions(self) -> tuple[str, ...]:
        """Names of functions to be found."""
        return unknown_functions(self.parameters)

    def at(self, **values: Any) -> Problem:
        """The same problem with some parameters fixed: ``family.at(nu=0.02)``, ``family.at(u0=lambda x: torch.sin(x))``.

        Conditions, and data, on these parameters alone are left out: nothing is left in them to be found.

        Args:
            values: numbers; for a ``RandomField`` one of its members, or any function of its coordinates.

        Raises:
            TypeError, ValueError: an unknown parameter, or a value outside its family.
        """
        fixed, sought = admitted(self.parameters, values), {*self.unknown_parameters, *self.unknown_functions}
        kept = still_conditions(self.conditions, fixed, {*self.unknowns, *self.complex_unknowns, *sought - set(fixed)})
        return self.replace(parameters=Looked({**self.parameters, **fixed}), conditions=kept)

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

    def with_numbers(self, numbers: Mapping[str, float], jumps: tuple[Jump, ...] | None = None) -> Problem:
        """The same problem with other values of its numbers, not tried anew: nothing found of it stays but ``jumps``."""
        names, found = (*(each.name for each in dataclasses.fields(self)), "_given_scales"), object.__new__(Problem)
        known = {"parameters": Looked({**self.parameters, **numbers})} | ({} if jumps is None else {"jumps": jumps})
        vars(found).update({name: getattr(self, name) for name in names} | known)
        return found

    @cached_property
    def guessed(self) -> Problem:
        """The problem for the first guesses of its numbers, without data; one and the same for all who ask."""
        posed = self.replace(conditions=[c for c in self.conditions if not isinstance(c, Data)], reference=None)
        return posed.at(**{n: float(v) for n, v in self.parameter_values().items() if n in self.unknown_parameters})

    def scales(self) -> Scales:
        """In which units the problem is solved: of coordinates, unknowns, coefficients to be found and equations."""
        return self.forward._scales

    @property
    def forward(self) -> Problem:
        """The same problem without a ``Final``: in mirrored time, or with time as a coordinate like others; or itself."""
        return self._posed if is_between(self.conditions) or is_backwards(self.conditions) else self

    @cached_property
    def _posed(self) -> Problem:
        if is_between(self.conditions):
            domain, posed = between(self.context(), self.conditions)
            context = make_context(domain, self.unknowns, self.parameters, self.derivatives)
            # the user's functions go on knowing what is time: a Laplacian is by the others
            change = ChangeOfVariables(clock=self.domain.clock)
            inner = rewritten(change, context, self.equations, posed, self.parameters, bindable=self.bindable)
            return self.replace(**inner, reference=None)
        given = (self.context(), self.equations, self.conditions, self.parameters, self.velocity)
        scales = mirrored_scales(self._given_scales, self.domain)
        changed = rewritten(self.turn, *given, bindable=self.bindable)
        return Problem(unknowns=self.declared, name=self.name, scales=scales or None, **changed)

    @property
    def turn(self) -> ChangeOfVariables:
        """From the user's variables to those of ``forward``."""
        return mirror(self.domain) if is_backwards(self.conditions) else ChangeOfVariables()

    @cached_property
    def change(self) -> ChangeOfVariables:
        """From the user's variables to those in which the problem is solved, ``natural``."""
        return self.turn.after(self.forward._scales.change)

    @cached_property
    def _scales(self) -> Scales:
        terms = [terms for _, terms in self.condition_terms()]
        given = (self.context(), self.equation_term(), terms, self.parameters, self.complex_unknowns)
        return find_scales(TermSizes(*given, narrow=bool(self.spots)), self.parameters, self._given_scales)

    @cached_property
    def natural(self) -> Problem:
        """The same problem as solvers take it: forwards, in natural units; itself where it is so or seeks functions."""
        if self.forward is not self:
            return self.forward.natural
        change = self._scales.change
        if change.is_identity or self.unknown_functions:
            return self
        given = (self.context(), self.equations, self.conditions, self.parameters, self.velocity)
        inner = rewritten(change, *given, bindable=self.bindable, sizes=dict(enumerate(self._scales.conditions)))
        return Problem(unknowns=self.declared, name=self.name, **inner)

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
        return equation_term(self.domain, self.residual_fields, self.residual_names)

    @property
    def residual_fields(self) -> Residuals:
        """Scope -> {name: the equation's residual as a field}, which can be differentiated further."""
        return bound_residuals(self.equations, self.bindable)

    @cached_property
    def jumps(self) -> tuple[Jump, ...]:
        """Where coefficients and sources jump inside, and boundary conditions in time; looked for when first asked for."""
        return across_curves(self.parameter_values(), self.domain) + find_jumps(self._declared, self.condition_terms())

    @cached_property
    def spots(self) -> tuple[Spot, ...]:
        """Small parts of space in which sources, initial or boundary values change; looked for when first asked for."""
        return find_spots(self._declared, self.condition_terms())

    @property
    def _declared(self) -> Declared:
        rings = tuple(dict.fromkeys(c.on for c in self.conditions if isinstance(c, Periodic)))
        given = (self.domain, self.unknowns, self.residual_fields, self.parameter_values(), self.derivatives, rings)
        return Declared(*given).with_arguments(self.equations)

    @cached_property
    def joints(self) -> Joints:
        """Where fluxes jump at positions along coordinates of space, and what is continuous there."""
        return find_joints(self._declared, self.jumps)

    def lost_flux(self, owner: str, joined: Mapping[str, Sequence[float]] | None = None) -> str | None:
        """Why a method cannot solve equations in which a coefficient of the highest derivatives jumps; None where it can.

        Args:
            owner: the method's name.
            joined: {coordinate: positions where it makes fluxes continuous}.
        """
        if self.lost_inside is not None:
            return lost_where_it_passes(*self.lost_inside, owner)
        places = (self.joints.positions, self.joints.not_joined, self.domain)
        return lost_flux(self.jumps, *places, self.order, owner, joined or {})

    @cached_property
    def lost_inside(self) -> tuple[str, float] | None:
        """An unknown or a derivative, and where what stands inside ``pl.diff`` jumps as it passes; None without one."""
        own, inner = step_inside_diff(self._declared), self.natural  # whose numbers are about one
        return own if own or inner is self else step_inside_diff(inner._declared, self.change.unknowns)

    def condition_terms(self) -> list[tuple[AnyCondition, list[Term]]]:
        """Each condition with its soft form."""
        context = self.context()
        return [(condition, condition.terms(context)) for condition in self.conditions]

    def order_of(self, unknown: str, coordinate: str) -> int:
        """Highest order of derivatives of one unknown by a coordinate in the equations."""
        return max((key.count(coordinate) for key in self.derivatives[unknown]), default=0)

    def exact_plan(self, periodic: bool = True, rough: bool = False, singular: str = "standing") -> ExactPlan:
        """Which conditions are built into the field.

        Args:
            periodic: whether the network can be made periodic.
            rough: whether data without the derivatives that the equations use are built in as they are.
            singular: which part that is not smooth because data clash may be added: ``"none"``, ``"all"``, or what stands.
        """
        known, said = self.clashes.built(singular == "all") if singular != "none" else (None, ())
        plan = plan_exact(self.context(), self.conditions, *self._numbers, periodic, rough, known, said)
        return with_kinks(plan, self.equation_term(), self.unknowns, self.domain, self.parameter_values())

    @cached_property
    def clashes(self) -> Clashes:
        """Where data disagree that meet, and the part of the solution that is not smooth for it; looked for once."""
        numbers, free = self._numbers
        given = (self.context(), self.conditions, numbers, self.equation_term(), self.parameter_values())
        found = find_clashes(*given, free, () if free else moments(self.domain, lambda: self.jumps))
        return found if free else found.with_waves(sent_waves(*given))

    @property
    def _numbers(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        """{parameter: what stands for it}, and the names of those that have no fixed number."""
        free = (*self.families, *self.unknown_parameters, *self.unknown_functions)
        return {k: representative(v) for k, v in self.parameters.items()}, free

    def reference_arguments(self, reference: Callable[..., Any]) -> tuple[str, ...]:
        """Names of a reference's arguments; solutions and classical references take all coordinates by keyword."""
        names = self.domain.coordinates
        return argument_names(reference, (*names, *self.parameters), "reference", keywords=names)

    @property
    def bindable(self) -> tuple[str, ...]:
        """Names that arguments of equations and of the velocity may have."""
        return (*self.unknowns, *self.domain.coordinates, *self.parameters)

    def check(self) -> ProblemReport:
        """A report of the dry run: unknowns, derivatives used, conditions, what is missing. ``print`` it."""
        plan, posed = self.forward.exact_plan(), self.forward.conditions
        notes = [*plan.notes, *parts.said_of(self.complex_unknowns)]
        if is_between(self.conditions):
            notes.append(f"states at both ends: {self.domain.clock} is solved for at once, like a coordinate of space")
        given = posed if is_between(self.conditions) else self.conditions
        found, undecided = self._gaps(), parameter_notes(self.parameters, self.conditions)[1]
        said, missing = parameter_notes(self.parameters, self.conditions, bool(found.excess))
        notes += [*said, *left_out(self.conditions), *said_of_jumps(self.jumps)]
        notes += [*map(self.turn.told, self.forward.clashes.notes), *said_of_unknowns(self._declared)]
        how = tuple((repr(c), "exact" if p in plan.built_in else "soft") for c, p in zip(given, posed, strict=True))
        told, lacking = (*notes, *self.scales().said, *found.notes), (*missing, *found.missing)
        used, excess = spelled(self.derivatives), () if undecided else found.excess
        return ProblemReport(f"{self.name} on {self.domain!r}", used, self.residual_names, how, told, lacking, excess)

    def _repr_html_(self) -> str:
        """What notebooks show: equations and conditions as formulas."""
        return problem_card(self.name, self.context(), self.equation_term(), self.condition_terms(), self.parameters)

    def count(self) -> Count:
        """How many conditions the problem needs and where, and what those it has leave open; counted once."""
        return self._counted

    @cached_property
    def _counted(self) -> Count:
        if self.natural is not self:  # thresholds are for numbers about one
            return self.natural.count()
        given = (self.context(), self.equation_term(), self.conditions, self.parameter_values())
        return counted(*given, self.unknown_parameters, self.unknown_functions)

    def check_unique(self) -> None:
        """Raise NotUniqueError where conditions certainly leave more than one solution, or none, and say which ones."""
        sought = (self.unknown_parameters or self.unknown_functions) and not is_between(self.conditions)
        found = repeated(self.context(), self.conditions, self.order_of) if sought else self._gaps().certificate
        if found is not None:
            raise NotUniqueError(f"{self.name}: {found}.")

    def _gaps(self) -> Gaps:
        at = self.forward if is_between(self.conditions) else self
        return gaps(at.context(), at.conditions, at.count(), at.order_of)
