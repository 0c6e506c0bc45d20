"""Which conditions are built into the field: the plan behind ``exact=None``, ``True`` and ``False``.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from pinnlab.declaration.ansatz import Ansatz, Constraint, FaceValue, FunctionValue
from pinnlab.declaration.clashes.singular import Remainder, SingularPart
from pinnlab.declaration.conditions import AnyCondition, BoundaryCondition, Context, Dirichlet, Initial, Periodic
from pinnlab.declaration.discontinuities.kinks import kink_profiles
from pinnlab.declaration.discontinuities.regularity import irregularity
from pinnlab.declaration.terms import Term
from pinnlab.derivatives.indices import VALUE
from pinnlab.derivatives.known import KnownFunction
from pinnlab.domains import Region
from pinnlab.domains.sampling import unit_points


@dataclass(frozen=True)
class ExactPlan:
    """Which conditions are built in, and how.

    Attributes:
        ansatz: u = G + F N.
        periods: {coordinate number: period} of exactly periodic coordinates.
        built_in: conditions that hold exactly.
        soft: conditions that stay in the loss.
        notes: why a condition that could have been exact is soft.
    """

    ansatz: Ansatz
    periods: dict[int, float]
    built_in: tuple[AnyCondition, ...]
    soft: tuple[AnyCondition, ...]
    notes: tuple[str, ...]


def plan_exact(
    context: Context,
    conditions: Sequence[AnyCondition],
    parameters: dict[str, Any],
    free: Sequence[str] = (),
    periodic: bool = True,
    rough: bool = False,
    singular: Mapping[str, SingularPart] | None = None,
    said: Sequence[str] = (),
) -> ExactPlan:
    """Decide which conditions are built into the field.

    Args:
        context: the problem's names and region.
        conditions: all of them.
        parameters: the fixed parameters, numbers or functions.
        free: parameters without a fixed number (unknown coefficients, families); data that use them stay soft.
        periodic: whether the network can be made periodic.
        rough: whether data without the derivatives that the equations use are built in as they are.
        singular: {unknown: its part that is not smooth, because data clash}; the network finds what is left.
        said: of that, for the plan's notes.

    Raises:
        ValueError: exact conditions that contradict each other, or one that was demanded and is impossible.
    """
    notes: list[str] = []
    singular = singular or {}
    region = context.region
    periods = _periodic_coordinates(context, conditions, periodic, notes)
    taken = [c for c in conditions if isinstance(c, Periodic) and region.coordinates.index(c.on) in periods]
    eligible: list[AnyCondition] = []
    for condition in conditions:
        if isinstance(condition, Dirichlet | Initial) and condition.exact is not False:
            reason = _obstacle(condition, context, free)
            if reason is None and not rough:
                reason = _irregularity(condition, context, parameters)
            if reason is None:
                eligible.append(condition)
            elif condition.exact:
                raise ValueError(f"{condition!r} cannot be exact: {reason}.")
            else:
                notes.append(f"{condition!r} is soft: {reason}")
    _check_periodic_faces(context, conditions, periods)
    while True:
        for condition in _lone_velocities(context, eligible):
            if condition.exact:
                raise ValueError(f"{condition!r} cannot be exact: the value it is the velocity of is not exact.")
            notes.append(f"{condition!r} is soft: the value it is the velocity of is not exact")
            eligible.remove(condition)
        constraints = _constraints(context, eligible, parameters, singular)
        clash = _contradiction(region, constraints, () if rough else taken)
        if clash is None:
            break
        optional = [c for c in clash if c.exact is None]
        if not optional:
            raise ValueError(
                f"exact conditions contradict each other where they meet: {' and '.join(map(repr, clash))}; correct "
                "one, or write exact=False on it so that it enters the loss."
            )
        notes.append(f"{optional[0]!r} is soft: it disagrees with another condition where they meet")
        eligible.remove(optional[0])
    built_in = (*taken, *eligible)
    soft = tuple(c for c in conditions if c not in built_in)
    profiles = [singular.get(unknown) for unknown in context.unknowns]
    return ExactPlan(Ansatz(constraints, profiles), periods, built_in, soft, (*notes, *said))


def with_kinks(
    plan: ExactPlan, equations: Term, unknowns: tuple[str, ...], region: Region, parameters: Mapping[str, Any]
) -> ExactPlan:
    """The plan whose initial states, where they have a kink at a periodic seam, evolve there as the equations ask."""
    constraints = plan.ansatz.constraints
    kinks = kink_profiles(constraints, plan.periods, equations, unknowns, region, parameters)
    profiles = [known or kink for known, kink in zip(plan.ansatz.profiles, kinks, strict=True)]
    return replace(plan, ansatz=Ansatz(constraints, profiles))


def _periodic_coordinates(
    context: Context, conditions: Sequence[AnyCondition], allowed: bool, notes: list[str]
) -> dict[int, float]:
    periods: dict[int, float] = {}
    for c in conditions:
        if not isinstance(c, Periodic) or c.exact is False:
            continue
        c.check(context)
        partial = c.unknowns is not None and set(c.unknowns) != set(context.unknowns)
        if not allowed or partial:
            reason = "only some unknowns are periodic" if partial else "this network takes the bare coordinates"
            if c.exact:
                raise ValueError(f"{c!r} cannot be exact: {reason}; leave exact out, or use a built-in network.")
            notes.append(f"{c!r} is soft: {reason}")
            continue
        lower, upper = context.region.bounds[c.on]
        periods[context.region.coordinates.index(c.on)] = upper - lower
    return periods


def _obstacle(condition: Dirichlet | Initial, context: Context, free: Sequence[str]) -> str | None:
    if condition.where is not None:
        return "it holds on a part of a side, and values are built in on whole sides only"
    if isinstance(condition, Dirichlet):
        bent = [piece for piece in condition.pieces(context) if context.region.face(piece) is None]
        if bent:
            return f"values are built in on whole faces of a box only, not on {', '.join(map(repr, bent))}"
    values = condition.values.values()
    used = {name for value in values for name in context.names(value, "")}
    if used & set(free):
        return f"its value depends on {', '.join(sorted(used & set(free)))}, which has no fixed number"
    if isinstance(condition, Initial) and any(len(key) > 1 for _, key, _, _ in condition.targets(context)):
        return "only the value and the first time derivative are built in"
    return None


def _irregularity(condition: Dirichlet | Initial, context: Context, parameters: dict[str, Any]) -> str | None:
    """Why the condition's data cannot be carried into the domain: derivatives that the equations use do not exist."""
    region = context.region
    for unknown, given, fixed in _data(condition, context):
        value = _value(given, condition.name, context, parameters)
        if isinstance(value, FunctionValue) and callable(given):
            orders = {i: context.order.get((unknown, name), 0) for i, name in enumerate(region.coordinates)}
            reason = irregularity(value, region, fixed, orders)
            if reason is not None:
                return reason
    return None


def _data(condition: Dirichlet | Initial, context: Context) -> Iterator[tuple[str, Any, dict[int, float]]]:
    """(unknown, value, {coordinate number: position}) on every face that a condition is about."""
    region = context.region
    if isinstance(condition, Initial):
        start = {region.time_index: region.time_interval[0]}
        yield from ((unknown, given, start) for unknown, _, given, _ in condition.targets(context))
        return
    for unknown, given in condition.values.items():
        for piece in condition.pieces(context):
            face = region.face(piece)
            assert face is not None, "only faces are built in"
            yield unknown, given, {face[0]: face[1]}


def _lone_velocities(context: Context, conditions: Sequence[AnyCondition]) -> list[AnyCondition]:
    """Initial conditions on u_t where u itself has no exact initial value to build on."""
    given = [(c, target) for c in conditions if isinstance(c, Initial) for target in c.targets(context)]
    exact = {unknown for _, (unknown, key, _, _) in given if not key}
    return list(dict.fromkeys(c for c, (unknown, key, _, _) in given if key and unknown not in exact))


def _check_periodic_faces(context: Context, conditions: Sequence[AnyCondition], periods: dict[int, float]) -> None:
    for condition in conditions:
        if isinstance(condition, BoundaryCondition):
            for piece in condition.pieces(context):
                face = context.region.face(piece)
                if face is not None and face[0] in periods:
                    raise ValueError(
                        f"{condition!r} contradicts Periodic(on={context.region.coordinates[face[0]]!r}): a periodic "
                        "coordinate has no boundary; drop one, or name other faces with on=."
                    )


def _value(given: Any, owner: str, context: Context, parameters: dict[str, Any]) -> KnownFunction:
    if isinstance(given, KnownFunction):
        return given
    names = context.names(given, owner)
    fixed = tuple((k, v) for k, v in parameters.items() if k in names)
    return FunctionValue(given, names, context.region.coordinates, fixed)


def _constraints(
    context: Context,
    conditions: Sequence[AnyCondition],
    parameters: dict[str, Any],
    singular: Mapping[str, SingularPart],
) -> list[list[Constraint]]:
    region = context.region
    found: dict[tuple[str, int], tuple[list[FaceValue], list[AnyCondition]]] = {}
    for condition in conditions:
        if isinstance(condition, Dirichlet):
            for unknown, given in condition.values.items():
                context.check_unknown(unknown, "Dirichlet")
                value = _value(given, f"Dirichlet({unknown}=...)", context, parameters)
                for piece in condition.pieces(context):
                    face = region.face(piece)
                    assert face is not None, "only faces are built in"
                    index, position, _ = face
                    faces, owners = found.setdefault((unknown, index), ([], []))
                    if any(f.position == position for f in faces):
                        raise ValueError(
                            f"{condition!r}: {unknown} already has a Dirichlet value on {piece!r}, from {owners[0]!r}."
                        )
                    rest = _remainder(value, singular.get(unknown), index, region)
                    faces.append(FaceValue(position, rest))
                    owners.append(condition)
    time = region.time_index if region.has_time else -1
    for condition in conditions:
        if isinstance(condition, Initial):
            for unknown, key, given, _ in condition.targets(context):
                value = _value(given, f"Initial({unknown}=...)", context, parameters)
                value = value if key else _remainder(value, singular.get(unknown), time, region)
                faces, owners = found.setdefault((unknown, time), ([], []))
                if any(f.order == len(key) for f in faces):
                    raise ValueError(f"{condition!r}: the initial state of {unknown} is given twice.")
                faces.append(FaceValue(region.time_interval[0], value, len(key)))
                owners.append(condition)
    result = []
    for unknown in context.unknowns:
        mine = []
        for (name, index), (faces, owners) in found.items():
            if name == unknown:
                lower, upper = region.bounds[region.coordinates[index]]
                ordered = tuple(sorted(faces, key=lambda f: (f.order, f.position)))
                if ordered[0].order == 0:
                    mine.append(Constraint(index, lower, upper, ordered, tuple(owners)))
        result.append(sorted(mine, key=lambda c: c.index == time))
    return result


def _remainder(value: KnownFunction, singular: SingularPart | None, axis: int, region: Region) -> KnownFunction:
    return value if singular is None else Remainder(value, singular.before(axis), axis, tuple(region.bounds.values()))


def _contradiction(
    region: Region, constraints: list[list[Constraint]], periodic: Sequence[Periodic]
) -> list[AnyCondition] | None:
    """The conditions that the combined G fails to meet on their own faces, with those they clash with."""
    points = region.interior(unit_points("sobol", 16, len(region.coordinates), np.random.default_rng(0))).points
    ansatz = Ansatz(constraints)
    for j, mine in enumerate(constraints):
        for constraint in mine:
            for face in constraint.faces:
                at = points.clone()
                at[:, constraint.index] = face.position
                for ends in periodic:
                    left, right = at.clone(), at.clone()
                    i = region.coordinates.index(ends.on)
                    left[:, i], right[:, i] = region.bounds[region.coordinates[i]]
                    # wide enough for what a float32 window hands over
                    if not _close(face.value.jet(left, VALUE), face.value.jet(right, VALUE), 1e-4):
                        return [*dict.fromkeys(constraint.owners), *([ends] if ends.exact else [])]
                if face.order:
                    continue
                target = face.value.jet(at, VALUE)[0]
                if not _close(ansatz.offset(j, at), target):
                    others = [owner for c in mine for owner in c.owners if owner not in constraint.owners]
                    return [*dict.fromkeys(constraint.owners), *dict.fromkeys(others)]
    return None


def _close(reached: Tensor, target: Tensor, tolerance: float = 1e-6) -> bool:
    return not bool((reached - target).abs().max() > tolerance * (1 + target.abs().max()))
