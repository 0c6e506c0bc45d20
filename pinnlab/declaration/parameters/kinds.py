"""Parameters of a problem: a number, a family, or an unknown coefficient."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from pinnlab.machine.calls import explained_call
from pinnlab.machine.numbers import finite

SMOOTH, PIECEWISE_CONSTANT = "smooth", "piecewise constant"


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
@dataclass(frozen=True, init=False, repr=False)
class Unknown:
    """A coefficient to be found from data (an inverse problem).

    Args:
        start: the first guess, between the bounds.
        bounds: (lowest, highest) value that it may have; None or infinite where there is no such bound. It is solved for
            as its logarithm where it is positive, bounds=(0, None), and as a logit between two bounds, so that it never
            leaves them. None: any number.
        prior: (mean, standard deviation) of what is known of it before there are data; it counts as one more measurement.
        of: names of coordinates or unknowns that it is a function of: of=("x",) is q(x), of=("u",) a closure k(u). Equations
            get a field, q.x or pl.diff(k * u.x, "x"), and the first guess is a constant. None: a number.
        regularization: what a function is expected to be: "smooth", or "piecewise constant", with jumps between the pieces,
            for functions of one or two coordinates.

    Raises:
        TypeError: bounds or prior that are not two numbers.
        ValueError: numbers that are not finite, bounds that do not increase, a start or a mean that is not between them,
            a standard deviation that is not positive; a regularization of another name, or of a number.
    """

    start: float
    bounds: tuple[float, float] | None = None
    prior: tuple[float, float] | None = None
    of: tuple[str, ...] | None = None
    regularization: str | None = None

    def __init__(
        self, start: float, bounds: Any = None, prior: Any = None, of: Any = None, regularization: str | None = None
    ):
        if finite(start) is None:
            raise ValueError(f"Unknown({start!r}): the first guess must be a finite number.")
        # checkpoints recognize parameters by their attributes: one without bounds and prior has none of these
        object.__setattr__(self, "start", start)
        if bounds is not None:
            object.__setattr__(self, "bounds", _checked_bounds(start, bounds))
        if prior is not None:
            object.__setattr__(self, "prior", _checked_prior(start, prior, self.bounds))
        if of is not None:
            object.__setattr__(self, "of", _checked_arguments(start, of))
        if regularization is not None and _checked_regularization(start, self.of, regularization) != SMOOTH:
            object.__setattr__(self, "regularization", regularization)

    @property
    def _given(self) -> dict[str, Any]:
        """The options that were given."""
        options = {key: getattr(self, key) for key in ("bounds", "prior", "of", "regularization")}
        return {key: value for key, value in options.items() if value is not None}

    def __repr__(self) -> str:
        return f"Unknown({self.start!r}{''.join(f', {key}={value!r}' for key, value in self._given.items())})"

    def to_data(self) -> dict[str, Any]:
        """Plain data, which are its arguments."""
        return {"start": self.start, **{k: v if isinstance(v, str) else list(v) for k, v in self._given.items()}}


def _checked_bounds(start: float, bounds: Any) -> tuple[float, float]:
    what = f"Unknown({start!r}, bounds={bounds!r})"
    if not isinstance(bounds, Sequence | np.ndarray) or isinstance(bounds, str) or len(bounds) != 2:
        raise TypeError(f"{what}: give two numbers, bounds=(0, 1), or None where there is no bound, bounds=(0, None).")
    low, high = (
        limit if b is None else _number(what, b) for b, limit in zip(bounds, (-math.inf, math.inf), strict=True)
    )
    if not low < high:
        raise ValueError(f"{what}: the first must be smaller than the second.")
    if not low < start < high:
        raise ValueError(f"{what}: the first guess must be between the bounds, and on neither of them.")
    return low, high


def _checked_prior(start: float, prior: Any, bounds: tuple[float, float] | None) -> tuple[float, float]:
    what = f"Unknown({start!r}, prior={prior!r})"
    if not isinstance(prior, Sequence | np.ndarray) or isinstance(prior, str) or len(prior) != 2:
        raise TypeError(f"{what}: give its mean and its standard deviation, prior=(0.5, 0.1).")
    mean, sd = (_number(what, value) for value in prior)
    if not (math.isfinite(mean) and 0 < sd < math.inf):
        raise ValueError(f"{what}: give a finite mean and a positive standard deviation, prior=(0.5, 0.1).")
    if bounds is not None and not bounds[0] <= mean <= bounds[1]:
        raise ValueError(f"{what}: the mean is outside the bounds {bounds}.")
    return mean, sd


def _checked_arguments(start: float, of: Any) -> tuple[str, ...]:
    names = (of,) if isinstance(of, str) else of
    if not isinstance(names, Sequence) or not names or not all(isinstance(name, str) for name in names):
        raise TypeError(f"Unknown({start!r}, of={of!r}): give names of coordinates or unknowns, of=('x',).")
    if len(set(names)) < len(names):
        raise ValueError(f"Unknown({start!r}, of={of!r}): a name stands there twice.")
    return tuple(names)


def _checked_regularization(start: float, of: tuple[str, ...] | None, regularization: Any) -> str:
    what = f"Unknown({start!r}, of={of!r}, regularization={regularization!r})"
    if regularization not in (SMOOTH, PIECEWISE_CONSTANT):
        raise ValueError(f'{what}: give regularization="{SMOOTH}" or "{PIECEWISE_CONSTANT}".')
    if of is None:
        raise ValueError(f"{what}: only functions are regularized; say of what it is one, of=('x',), or leave it out.")
    if regularization == PIECEWISE_CONSTANT and len(of) > 2:
        raise ValueError(
            f"{what}: that is for functions of one or two coordinates; polynomials in {len(of)} of them are of too "
            f'low a degree for jumps. Leave an argument out, or take regularization="{SMOOTH}".'
        )
    return str(regularization)


def _number(what: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{what}: {value!r} is not a number.")
    number = float(value)
    if math.isnan(number):
        raise ValueError(f"{what}: {value!r} is not a number.")
    return number


class SoughtParameter(ABC):
    """A function that is to be found, as a problem holds it."""

    @property
    @abstractmethod
    def on(self) -> tuple[str, ...]:
        """The names of its arguments."""

    @property
    @abstractmethod
    def stand_in(self) -> Any:
        """The first guess as a function, for dry runs and the like."""


Parameter = float | Family | Unknown | SoughtParameter | Callable[..., Any]
"""A number, a family, an unknown coefficient or function, or a function of coordinates."""


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
