"""Values of an unknown on sides, or at the start, where nothing prescribes them: data stand in for conditions.

What is missing is then sought as well, as the values there of one smooth function of all coordinates: values on two sides
agree where these meet, and with the start, and how smooth they are is found like that of any other function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pinnlab.declaration.arguments import signature_of
from pinnlab.declaration.conditions import Data, Dirichlet, Initial
from pinnlab.declaration.parameters.kinds import Unknown
from pinnlab.declaration.problem import Problem


class _Value:
    """A parameter as what a condition prescribes.

    Args:
        name: of the parameter.
    """

    def __init__(self, name: str):
        self.__signature__ = signature_of([name])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        (value,) = self.__signature__.bind(*args, **kwargs).args
        return value


@dataclass(frozen=True, eq=False)
class Completed:
    """A problem with functions to be found, whose conditions suffice.

    Attributes:
        problem: with a function more where conditions were missing.
        notes: what is found from data in their place.
    """

    problem: Problem
    notes: tuple[str, ...] = ()


def completed(problem: Problem) -> Completed:
    """The problem with what is missing as an unknown function; the same one where nothing is, or where it is not clear what.

    It is clear for one unknown of second order in space and at most first order in time, of which there are data.

    Args:
        problem: with functions to be found.
    """
    data = [c for c in problem.conditions if isinstance(c, Data)]
    measured = {name for c in data if c.of is None for name in c.values}
    if len(problem.unknowns) != 1 or not measured:
        return Completed(problem)
    (unknown,), region, count = problem.unknowns, problem.domain, problem.count()
    if count.total is not None or any(each.needed not in (0, 1) or each.place for each in count.sides.values()):
        return Completed(problem)
    sides = [name for name, side in count.sides.items() if side.lacking]
    start = count.initial is not None and count.initial.lacking > 0
    if not (sides or start) or (count.initial is not None and count.initial.needed not in (0, 1)):
        return Completed(problem)
    name = f"{unknown}_around"
    while name in problem.bindable:
        name += "_"
    value: dict[str, Any] = {unknown: _Value(name)}
    added = [*(Dirichlet(**value, on=side) for side in sides), *([Initial(**value)] if start else [])]
    where = " and ".join([*([f"on {', '.join(sides)}"] if sides else []), *(["at the start"] if start else [])])
    note = f"nothing prescribes {unknown} {where}; its values there are found from the data"
    parameters = {**problem.parameters, name: Unknown(0.0, of=region.coordinates if sides else region.space)}
    whole = problem.replace(conditions=[*problem.conditions, *added], parameters=parameters)
    return Completed(whole, (note,))
