"""Problems whose state is given at the end, rewritten so that it is given at the start.

With the time that is left in place of time, t0 + t1 - t, a final state is an initial one and derivatives of odd order in
time change their signs. Where states are given at both ends there is no start to go from: time is a coordinate like the
others, and what is given at its ends are boundary values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pinnlab.declaration.conditions import (
    AnyCondition,
    AtAnInstant,
    BoundaryCondition,
    Context,
    Dirichlet,
    Final,
    Integral,
    Neumann,
)
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.declaration.variables.changed_functions import changed_value
from pinnlab.domains import Region
from pinnlab.domains.affine import Affine
from pinnlab.domains.mapping import with_time


def mirror(region: Region) -> ChangeOfVariables:
    """The change from time to the time that is left."""
    start, end = region.time_interval
    return ChangeOfVariables({region.clock: Affine(start + end, -1.0)})


def mirrored_scales(
    given: Mapping[str, tuple[float | None, float]], region: Region
) -> dict[str, tuple[float | None, float]]:
    """{name: (offset or None, scale)} of a user, with that of time for the time that is left."""
    found = dict(given)
    offset, scale = found.pop(region.clock, (None, 1.0))
    if region.clock in given:
        found[region.clock] = (None if offset is None else sum(region.time_interval) - offset, scale)
    return found


def is_backwards(conditions: Sequence[AnyCondition]) -> bool:
    """Whether the state is given at the last time only."""
    kinds = [isinstance(c, Final) for c in conditions if isinstance(c, AtAnInstant)]
    return bool(kinds) and all(kinds)


def is_between(conditions: Sequence[AnyCondition]) -> bool:
    """Whether states are given at the first and at the last time."""
    kinds = {isinstance(c, Final) for c in conditions if isinstance(c, AtAnInstant)}
    return len(kinds) == 2


def between(context: Context, conditions: Sequence[AnyCondition]) -> tuple[Region, list[AnyCondition]]:
    """The region in which time is a coordinate like the others, and the conditions there."""
    found: list[AnyCondition] = []
    for condition in conditions:
        if isinstance(condition, AtAnInstant):
            found += _at_an_end(condition, context)
        elif isinstance(condition, Integral):
            raise ValueError(
                f"{condition!r}: with states at both ends time is solved for like a coordinate of space, and an integral at "
                "each time cannot be asked for; leave Initial or Final out, or make it an unknown of its own, m.x - f."
            )
        elif isinstance(condition, BoundaryCondition) and condition.on is None:
            # the whole boundary has two more pieces now
            found += [_on_side(condition, piece) for piece in condition.pieces(context)]
        else:
            found.append(condition)
    return with_time(context.region, None), found


def _at_an_end(condition: AtAnInstant, context: Context) -> list[AnyCondition]:
    """A state as boundary values; derivatives by time are along the outward normal at the end, against it at the start."""
    last = isinstance(condition, Final)
    names = context.region.coordinates
    given: dict[str, Any] = {
        "on": context.region.clock + ("+" if last else "-"), "exact": condition.exact, "weight": condition.weight
    }  # fmt: skip
    found: list[AnyCondition] = []
    for unknown, key, value, _ in condition.targets(context):
        if len(key) > 1:
            raise ValueError(
                f"{condition!r}: with states at both ends, the unknowns and their first derivatives by time may be given; "
                f"leave out {unknown}_{''.join(key)}."
            )
        if key:
            outward = Affine(0.0, 1.0 if last else -1.0)
            slope = changed_value(value, context.bindable, names, ChangeOfVariables(), outward)
            found.append(Neumann(**given, **{unknown: slope}))
        else:
            found.append(Dirichlet(**given, **{unknown: value}))
    return found


def _on_side(condition: BoundaryCondition, piece: str) -> BoundaryCondition:
    changed = condition.with_values(condition.values)
    changed.on = piece
    return changed
