"""Parameters of a problem: a number, a family, or an unknown coefficient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pinnlab.machine.calls import explained_call
from pinnlab.machine.numbers import finite


class Family(ABC):
    """A parameter that stands for many: numbers (``Uniform``) or functions (``RandomField``)."""

    @property
    @abstractmethod
    def representative(self) -> Any:
        """The member that stands for all in a dry run."""

    @property
    def large(self) -> Any:
        """A member that tells how large things are."""
        return self.representative

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Any:
        """A random member."""

    @abstractmethod
    def admit(self, name: str, value: Any) -> Any:
        """A member that a user gives for the parameter ``name``, checked.

        Raises:
            TypeError, ValueError: it is none.
        """


@explained_call("write pl.Uniform(0.1, 1.0)")
@dataclass(frozen=True)
class Uniform(Family):
    """A family: the parameter may be any number between two bounds.

    Args:
        lower: smallest value.
        upper: largest value.

    Raises:
        ValueError: bounds that are not finite, or not increasing.
    """

    lower: float
    upper: float

    def __post_init__(self) -> None:
        if finite(self.lower) is None or finite(self.upper) is None or not self.lower < self.upper:
            raise ValueError(f"Uniform({self.lower!r}, {self.upper!r}): give two finite numbers, lower < upper.")

    @property
    def middle(self) -> float:
        """The centre of the family."""
        return (self.lower + self.upper) / 2

    @property
    def representative(self) -> float:
        """The centre of the family."""
        return self.middle

    @property
    def large(self) -> float:
        """The centre, or where members change sign the end that is farther from zero."""
        return self.middle if self.lower * self.upper > 0 else max(self.lower, self.upper, key=abs)

    def sample(self, rng: np.random.Generator) -> float:
        """A random member."""
        return float(rng.uniform(self.lower, self.upper))

    def admit(self, name: str, value: Any) -> float:
        number = check_parameter(name, value)
        if not isinstance(number, float) or not self.lower <= number <= self.upper:
            raise ValueError(f"at({name}={value!r}): outside its family {self!r}.")
        return number


@explained_call("write pl.Unknown(1.0)")
@dataclass(frozen=True)
class Unknown:
    """A coefficient to be found from data (an inverse problem).

    Args:
        start: the first guess.

    Raises:
        ValueError: a start that is not finite.
    """

    start: float

    def __post_init__(self) -> None:
        if finite(self.start) is None:
            raise ValueError(f"Unknown({self.start!r}): the first guess must be a finite number.")


Parameter = float | Family | Unknown | Callable[..., Any]
"""A number, a family, an unknown coefficient, or a function of coordinates."""


class Looked(dict[str, Parameter]):
    """Parameters of a problem, whose use has been looked for: problems that are made of it may have none for them."""

    # checkpoints recognize them as the dictionary that they are
    written_as: ClassVar[str] = "dict"


def check_parameter(name: str, value: object) -> Parameter:
    """A declared parameter, checked.

    Raises:
        TypeError: neither a number nor a family nor an unknown coefficient.
        ValueError: a number that is not finite.
    """
    if isinstance(value, Family | Unknown):
        return value
    if isinstance(value, complex | np.complexfloating):
        raise TypeError(
            f"parameters[{name!r}] is the complex number {value}, and parameters are real; write the number into the "
            "equation, or give its two parts, as in lambda psi, a, b: psi.t - (a + 1j * b) * psi."
        )
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(
            f"parameters[{name!r}] is a {type(value).__name__}: {value!r}; give a number, Uniform(lower, upper) or "
            "Unknown(start), or a function of the coordinates, as RandomField(on=...) draws them."
        )
    if finite(value) is None:
        raise ValueError(f"parameters[{name!r}] is {_short(value)}; give a finite number.")
    return float(value)


def check_solvable(parameters: Mapping[str, Parameter]) -> None:
    """Raise ValueError for a family together with an unknown coefficient, which no solver finds."""
    families = [name for name, value in parameters.items() if isinstance(value, Family)]
    wanted = [name for name, value in parameters.items() if isinstance(value, Unknown)]
    if families and wanted:
        raise ValueError(
            f"parameters: {families[0]!r} is a family and {wanted[0]!r} is to be found; data belong to one member, so no "
            f"solver finds an unknown coefficient for a whole family: fix {families[0]!r} at a number, or make "
            f"{wanted[0]!r} a number or a family as well."
        )


def _short(value: object) -> str:
    """A number as it was given; of an integer of hundreds of digits only what it is."""
    text = repr(value)
    return text if len(text) <= 40 else f"a number of {len(text)} digits"
