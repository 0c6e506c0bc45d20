"""Functions that are to be found: of coordinates, of time, of the unknowns themselves.

Letters: n points, d coordinates, k arguments of a function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from pinnlab.declaration.parameters.functions import FunctionParameter, StateFunction
from pinnlab.declaration.parameters.kinds import PIECEWISE_CONSTANT, SMOOTH, SoughtParameter, Unknown
from pinnlab.derivatives.fields import Field, composed
from pinnlab.derivatives.indices import Indices


@dataclass(frozen=True)
class UnknownFunction(SoughtParameter):
    """What ``pl.Unknown(start, of=("x",))`` becomes in a problem.

    Attributes:
        declared: by the user.
        coordinates: of the problem, in the domain's order.
    """

    declared: Unknown
    coordinates: tuple[str, ...]

    def __repr__(self) -> str:
        return repr(self.declared)

    @property
    def on(self) -> tuple[str, ...]:
        """The names of its arguments."""
        return self.declared.of or ()

    @property
    def of_state(self) -> bool:
        """Whether unknowns are among its arguments."""
        return not set(self.on) <= set(self.coordinates)

    @property
    def jumps(self) -> bool:
        """Whether it is constant in pieces."""
        return self.declared.regularization == PIECEWISE_CONSTANT

    @property
    def start(self) -> float:
        """The first guess, a constant."""
        return float(self.declared.start)

    @property
    def stand_in(self) -> FunctionParameter | StateFunction:
        """The first guess as a function, for dry runs and the like."""
        if self.of_state:
            return ConstantClosure(self.on, self.start)
        return ConstantFunction(self.on, tuple(map(self.coordinates.index, self.on)), self.start)


@dataclass(frozen=True)
class ConstantFunction(FunctionParameter):
    """A number in place of a function of coordinates that is not known yet.

    Attributes:
        on, columns: see ``FunctionParameter``.
        value: the number.
    """

    on: tuple[str, ...]
    columns: tuple[int, ...]
    value: float

    def at(self, points: Tensor) -> Tensor:
        return points.new_full((len(points),), self.value)

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        values = [0.0 if index else self.value for index in indices]
        # a formula in which it is alone is none that nothing changes
        return points.new_tensor(values)[:, None, None].repeat(1, len(points), 1).requires_grad_()


@dataclass(frozen=True)
class ConstantClosure(StateFunction):
    """A number in place of a function of unknowns that is not known yet.

    Attributes:
        on: see ``StateFunction``.
        value: the number.
    """

    on: tuple[str, ...]
    value: float

    def field(self, arguments: Mapping[str, Field]) -> Field:
        return composed(lambda first, *_: first * 0 + self.value, [arguments[name] for name in self.on])


def checked_function(name: str, value: Unknown, coordinates: Sequence[str], unknowns: Sequence[str]) -> UnknownFunction:
    """An unknown function of a problem.

    Args:
        name: of the parameter.
        value: what was declared, with ``of``.
        coordinates, unknowns: of the problem.

    Raises:
        ValueError: an argument that is neither a coordinate nor an unknown; a piecewise constant function of unknowns.
    """
    for argument in value.of or ():
        if argument not in (*coordinates, *unknowns):
            raise ValueError(
                f"parameters[{name!r}] is {value!r}: {argument!r} is neither a coordinate nor an unknown of this problem, "
                f"which are {', '.join((*coordinates, *unknowns))}."
            )
    found = UnknownFunction(value, tuple(coordinates))
    if found.jumps and found.of_state:
        raise ValueError(
            f"parameters[{name!r}] is {value!r}: a law that jumps where the state has some value leaves equations without "
            f"derivatives there; that is for functions of {', '.join(coordinates)}. Take "
            f'regularization="{SMOOTH}".'
        )
    return found


def unknown_functions(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the parameters that are functions to be found."""
    return tuple(name for name, value in parameters.items() if isinstance(value, UnknownFunction))
