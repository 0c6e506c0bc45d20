"""Functions that were found, with what data leave uncertain of them.

Letters: n points, d coordinates, k arguments, P coefficients.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import scipy
import torch
from torch import Tensor

from pinnlab.declaration.arguments import signature_of
from pinnlab.declaration.parameters.bounded import Free
from pinnlab.declaration.parameters.functions import FunctionParameter, StateFunction
from pinnlab.derivatives.fields import Field, composed


@dataclass(frozen=True, eq=False)
class Expansion:
    """A sum of products of Chebyshev polynomials of k arguments, mapped between the bounds of the function.

    Attributes:
        degrees: k, of the polynomials.
        intervals: k, of the arguments.
        weights: (P,) float64, row-major, the last argument fastest.
        free: the function's value for the sum's.
        factor: (P, P) F, where F F^T is the covariance of the weights; (P, 0) where that is not known.
        held: whether the function keeps its last value beyond the intervals, else its polynomial goes on.
    """

    degrees: tuple[int, ...]
    intervals: tuple[tuple[float, float], ...]
    weights: Tensor
    free: Free
    factor: Tensor
    held: bool = False

    def rows(self, arguments: Sequence[Tensor]) -> Tensor:
        """(n, P) products of polynomials at arguments, each (n,); differentiable."""
        found = torch.ones_like(arguments[0])[:, None]
        for argument, (lower, upper), p in zip(arguments, self.intervals, self.degrees, strict=True):
            s = (2 * argument - (lower + upper)) / (upper - lower)
            powers = polynomials(s.clamp(-1.0, 1.0) if self.held else s, p)
            found = (found[:, :, None] * powers[:, None, :]).flatten(1)
        return found

    def values(self, arguments: Sequence[Tensor]) -> Tensor:
        """(n,) values at arguments, each (n,); differentiable."""
        return self.free.value(self.rows(arguments) @ self.weights.to(arguments[0]))

    def band(self, level: float, arguments: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """(n,) ends of an interval at each point that holds the value there with a probability of ``level``.

        They are infinite, or the bounds, where the covariance is not known.

        Args:
            level: between 0 and 1.
            arguments: each (n,).
        """
        rows = self.rows(arguments)
        middle, spread = rows @ self.weights.to(rows), (rows @ self.factor.to(rows)).norm(dim=1)
        half = float(scipy.special.ndtri((1 + level) / 2)) * (spread if self.factor.shape[1] else spread + math.inf)
        return self.free.value(middle - half), self.free.value(middle + half)

    def to_data(self) -> dict[str, Any]:
        """Plain data for ``from_data``."""
        return {
            "degrees": list(self.degrees),
            "intervals": [list(pair) for pair in self.intervals],
            "weights": self.weights,
            "free": {f.name: getattr(self.free, f.name) for f in fields(self.free)},
            "factor": self.factor,
            "held": self.held,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Expansion:
        """The inverse of ``to_data``."""
        intervals = tuple((float(a), float(b)) for a, b in data["intervals"])
        free = Free(**data["free"])
        return cls(tuple(data["degrees"]), intervals, data["weights"], free, data["factor"], bool(data["held"]))


def polynomials(s: Tensor, degree: int) -> Tensor:
    """(n, degree + 1) Chebyshev polynomials T_0, T_1, ... at s (n,), by their recurrence."""
    found = [torch.ones_like(s), s]
    for _ in range(degree - 1):
        found.append(2 * s * found[-1] - found[-2])
    return torch.stack(found[: degree + 1], dim=1)


class _Called:
    """What functions of arguments by name have in common."""

    on: tuple[str, ...]
    expansion: Expansion

    @property
    def __signature__(self) -> inspect.Signature:
        return signature_of(self.on)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Values at arguments in the order of ``on`` or by name; shapes broadcast.

        NumPy in gives NumPy out, tensors in give tensors out, which can be differentiated.

        Raises:
            TypeError: an argument is missing, or one that the function does not depend on.
        """
        given = self.__signature__.bind(*args, **kwargs).arguments
        return _shaped(lambda arguments: (self.expansion.values(arguments),), [given[n] for n in self.on])[0]

    def band(self, level: float, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """The interval at each point that holds the value there with a probability of ``level``; takes what a call takes.

        Raises:
            ValueError: a level that is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"band({level!r}): give a probability between 0 and 1, such as 0.95.")
        given = self.__signature__.bind(*args, **kwargs).arguments
        low, high = _shaped(lambda arguments: self.expansion.band(level, arguments), [given[n] for n in self.on])
        return low, high


def _shaped(function: Any, arguments: Sequence[Any]) -> tuple[Any, ...]:
    tensors = any(isinstance(argument, Tensor) for argument in arguments)
    given = torch.broadcast_tensors(*(torch.as_tensor(a, dtype=torch.float64) for a in arguments))
    found = tuple(value.reshape(given[0].shape) for value in function([g.reshape(-1) for g in given]))
    return found if tensors else tuple(value.detach().numpy() for value in found)


@dataclass(frozen=True, eq=False, repr=False)
class FoundFunction(_Called, FunctionParameter):
    """A function of coordinates that was found: ``q(x=xs)``, ``q.band(0.95, x=xs)``.

    Attributes:
        on, columns: see ``FunctionParameter``.
        expansion: its values, with their covariance.
    """

    on: tuple[str, ...]
    columns: tuple[int, ...]
    expansion: Expansion

    def __repr__(self) -> str:
        return f"FoundFunction({', '.join(self.on)})"

    def at(self, points: Tensor) -> Tensor:
        return self.expansion.values([points[:, i] for i in self.columns])


@dataclass(frozen=True, eq=False, repr=False)
class FoundClosure(_Called, StateFunction):
    """A function of unknowns that was found, such as k(u): ``k(u=us)``, ``k.band(0.95, u=us)``.

    Attributes:
        on: see ``StateFunction``.
        expansion: its values, with their covariance.
    """

    on: tuple[str, ...]
    expansion: Expansion

    def __repr__(self) -> str:
        return f"FoundClosure({', '.join(self.on)})"

    def field(self, arguments: Mapping[str, Field]) -> Field:
        return composed(lambda *values: self.expansion.values(values), [arguments[name] for name in self.on])


Found = FoundFunction | FoundClosure


def found_data(function: Found) -> dict[str, Any]:
    """Plain data for ``found_from``."""
    columns = {"columns": list(function.columns)} if isinstance(function, FoundFunction) else {}
    return {"on": list(function.on), **columns, "expansion": function.expansion.to_data()}


def found_from(data: Mapping[str, Any]) -> Found:
    """The inverse of ``found_data``."""
    expansion = Expansion.from_data(data["expansion"])
    if "columns" in data:
        return FoundFunction(tuple(data["on"]), tuple(data["columns"]), expansion)
    return FoundClosure(tuple(data["on"]), expansion)
