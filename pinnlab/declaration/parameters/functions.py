"""Parameters that are functions of coordinates: members of random fields, and functions that a user gives.

Letters: c derivatives, n points, d coordinates, q Fourier functions of one coordinate.
"""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.arguments import argument_names, signature_of
from pinnlab.declaration.calling import in_full_precision
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.fields import Field
from pinnlab.derivatives.fourier import FourierSeries
from pinnlab.derivatives.indices import VALUE, Index, Indices, closure
from pinnlab.domains import Region
from pinnlab.machine.numbers import finite


class FunctionParameter(ABC):
    """A parameter that is a function of some coordinates of the problem.

    Attributes:
        on: the coordinates it depends on.
        columns: their places among the problem's coordinates.
    """

    on: tuple[str, ...]
    columns: tuple[int, ...]

    @abstractmethod
    def at(self, points: Tensor) -> Tensor:
        """(n,) values at (n, d) points of the problem, differentiable."""

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, 1) at (n, d) points of the problem; without a graph."""
        return autograd_jet(lambda p: self.at(p)[:, None], points, indices, keep=False)

    def to(self, *_: Any, **__: Any) -> FunctionParameter:
        """Itself: values take the dtype and device of the points."""
        return self

    @property
    def __signature__(self) -> inspect.Signature:
        return signature_of(self.on)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Values at coordinates given in the order of ``on`` or by name; shapes broadcast.

        NumPy in gives NumPy out, tensors in give tensors out.

        Raises:
            TypeError: a coordinate is missing, or one that the function does not depend on.
        """
        bound = self.__signature__.bind(*args, **kwargs).arguments
        tensors = [v for v in bound.values() if isinstance(v, Tensor)]
        like = tensors[0] if tensors and tensors[0].is_floating_point() else torch.zeros((), dtype=torch.float64)
        given = torch.broadcast_tensors(
            *(torch.as_tensor(bound[n], dtype=like.dtype, device=like.device) for n in self.on)
        )
        shape = given[0].shape
        points = torch.zeros(max(shape.numel(), 0), max(self.columns) + 1, dtype=like.dtype, device=like.device)
        stacked = torch.stack([g.reshape(-1) for g in given], dim=1)
        points = points.index_copy(1, torch.tensor(self.columns, device=like.device), stacked)
        values = self.at(points).reshape(shape)
        return values if tensors else values.detach().numpy()


class StateFunction(ABC):
    """A parameter that is a function of unknowns, and perhaps of coordinates: a closure such as k(u).

    Attributes:
        on: the unknowns and coordinates it depends on.
    """

    on: tuple[str, ...]

    @abstractmethod
    def field(self, arguments: Mapping[str, Field]) -> Field:
        """Its field where its arguments have these fields: its derivatives by coordinates follow by the chain rule."""

    def to(self, *_: Any, **__: Any) -> StateFunction:
        """Itself: values take the dtype and device of the arguments."""
        return self


@dataclass(frozen=True, eq=False, repr=False)
class GivenFunction(FunctionParameter):
    """A user's function of some coordinates as a parameter; differentiated by autograd.

    Args:
        given: torch operations on (n,) tensors, arguments named after coordinates.
        on: the names of its arguments.
        columns: their places among the problem's coordinates.
    """

    given: Callable[..., Any]
    on: tuple[str, ...]
    columns: tuple[int, ...]

    def __repr__(self) -> str:
        return f"{getattr(self.given, '__name__', 'function')}({', '.join(self.on)})"

    def at(self, points: Tensor) -> Tensor:
        columns = {name: points[:, i] for name, i in zip(self.on, self.columns, strict=True)}
        values = in_full_precision(self.given, columns, points.dtype)
        complex_tensor = isinstance(values, Tensor) and values.is_complex()
        if values is None or isinstance(values, str | complex) or complex_tensor:
            raise TypeError(f"the parameter {self!r} returned {type(values).__name__} values; return real numbers.")
        found = torch.as_tensor(values, dtype=points.dtype, device=points.device)
        if found.ndim and found.shape != points.shape[:1]:
            raise ValueError(
                f"the parameter {self!r} returned shape {tuple(found.shape)} for {len(points)} points; return one value "
                "per point, or a number."
            )
        return found.expand(len(points))


@dataclass(frozen=True, eq=False, repr=False)
class GaussianFunction(FunctionParameter):
    """A member of a random field: mean plus a real Fourier series in every coordinate, known exactly everywhere.

    Attributes:
        on, columns: see ``FunctionParameter``.
        lower: where each coordinate's series starts.
        periods: of the series.
        coefficients: (q, ...) one dimension per coordinate, of 1, cos, sin, cos 2, sin 2, ...
        mean: added to the series.
    """

    on: tuple[str, ...]
    columns: tuple[int, ...]
    lower: tuple[float, ...]
    periods: tuple[float, ...]
    coefficients: Tensor
    mean: float = 0.0

    def __repr__(self) -> str:
        return f"GaussianFunction({', '.join(self.on)})"

    def __eq__(self, other: object) -> bool:
        # by content, so that what is kept for a member is found again for the same member drawn anew
        return isinstance(other, GaussianFunction) and to_data(self) == to_data(other)

    def __hash__(self) -> int:
        return hash((self.on, self.periods, self.coefficients.cpu().numpy().tobytes()))

    def at(self, points: Tensor) -> Tensor:
        return self._series.jet(points, VALUE)[0, :, 0] + self.mean

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        found = self._series.jet(points, indices).unbind()
        return torch.stack([f if index else f + self.mean for f, index in zip(found, indices, strict=True)])

    @property
    def _series(self) -> FourierSeries:
        return FourierSeries(self.columns, self.lower, self.periods, self.coefficients)


def given_function(owner: str, value: Any, region: Region, on: Sequence[str]) -> FunctionParameter | float:
    """A function of coordinates as a parameter; a number passes.

    Args:
        owner: how messages call it.
        value: a function whose arguments are named after coordinates, a member of a random field, or a number.
        region: gives the order of coordinates.
        on: the coordinates it may depend on.

    Raises:
        TypeError: something else.
        ValueError: an argument that is none of ``on``, or values that are not finite.
    """
    allowed = ", ".join(on)
    if not callable(value):
        if finite(value) is None:
            raise TypeError(f"{owner} got {value!r}; give a function of {allowed}, or a finite number.")
        return float(value)
    known = isinstance(value, FunctionParameter)
    names = value.on if known else argument_names(value, region.coordinates, owner)
    if not names or not set(names) <= set(on):
        depends = ", ".join(names) or "nothing"
        raise ValueError(f"{owner}: the function depends on {depends}; this parameter is a function of {allowed}.")
    columns = tuple(region.coordinates.index(name) for name in names)
    return dataclasses.replace(value, columns=columns) if known else GivenFunction(value, names, columns)


def checked_closure(name: str, value: StateFunction, known: Sequence[str]) -> StateFunction:
    """A function of unknowns as the parameter ``name``; ValueError where an argument is none of the ``known`` names."""
    strangers = [argument for argument in value.on if argument not in known]
    if strangers:
        raise ValueError(f"parameters[{name!r}] is a function of {strangers[0]!r}; here are {', '.join(known)}.")
    return value


def function_jet(function: FunctionParameter, points: Tensor, index: Index) -> Tensor:
    """One derivative (n,) of a function parameter at (n, d) points."""
    wider = closure([index])
    return function.jet(points, wider)[wider.index(tuple(sorted(index))), :, 0]


def to_data(function: FunctionParameter) -> dict[str, Any]:
    """A function parameter as plain data for a file; of a user's own only the names of its arguments are kept."""
    if isinstance(function, GaussianFunction):
        data = {f.name: getattr(function, f.name) for f in dataclasses.fields(function)}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in data.items()}
        return {"kind": "gaussian function", **plain, "coefficients": function.coefficients.tolist()}
    return {"kind": "function", "on": list(function.on), "columns": list(function.columns)}


def from_data(data: Mapping[str, Any]) -> FunctionParameter:
    """The inverse of ``to_data``; a user's own function comes back as one that cannot be called.

    Raises:
        KeyError: entries are missing.
    """
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != "kind"}
    if data["kind"] == "gaussian function":
        plain["coefficients"] = torch.tensor(data["coefficients"], dtype=torch.float64)
        return GaussianFunction(**plain)
    return GivenFunction(_not_in_file, **plain)


def _not_in_file(**_: Any) -> Any:
    raise ValueError(
        "this function was a parameter of the problem that was solved, and files hold no functions; pass the problem, "
        "pl.Solution.load(path, problem=problem)."
    )
