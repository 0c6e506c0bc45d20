"""Grid values: what an unknown is while equations are evaluated ten thousands of times on few points.

Letters: n points.

The bookkeeping by which a ``Field`` stays differentiable would cost more than the arithmetic there. A ``GridValue`` computes
straight to tensors.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.names import Key, NamedJet, sort_key, split_derivative
from pinnlab.domains.columns import Coordinates, space_of


class GridValue:
    """An unknown or a derivative of it that turns into a plain tensor as soon as it is computed with."""

    __slots__ = ("_jet", "_key", "coordinates")

    def __init__(self, jet: NamedJet, key: Key, coordinates: Coordinates):
        self._jet, self._key, self.coordinates = jet, key, coordinates

    @classmethod
    def of_parts(cls, real: GridValue, imag: GridValue) -> GridValue:
        """The complex unknown real + i imag."""
        jet = LazyJet(lambda key: torch.complex(real._jet[key], imag._jet[key]))
        return cls(jet, (), real.coordinates)

    def mapped(self, convert: Callable[[Key, Tensor], Tensor], coordinates: Coordinates) -> GridValue:
        """The same counted in other units.

        Args:
            convert: a derivative by the named coordinates (n,) in these.
            coordinates: by which one may differentiate.
        """
        return GridValue(LazyJet(lambda key: convert(key, self.d(*key).value)), (), coordinates)

    @property
    def value(self) -> Tensor:
        """(n,) values."""
        return self._jet[self._key]

    def d(self, *names: str) -> GridValue:
        """The derivative by the named coordinates."""
        return GridValue(self._jet, sort_key((*self._key, *names), self.coordinates), self.coordinates)

    @property
    def laplacian(self) -> Tensor:
        """The sum of the second derivatives by the coordinates of space, (n,)."""
        first, *others = (self.d(name, name).value for name in space_of(self.coordinates, "laplacian"))
        return sum(others, first)

    def __getattr__(self, name: str) -> Any:
        names = None if name.startswith("__") else split_derivative(name, self.coordinates)
        return self.d(*names) if names else getattr(self.value, name)

    def __neg__(self) -> Tensor:
        return -self.value

    def __abs__(self) -> Tensor:
        return self.value.abs()

    @classmethod
    def __torch_function__(cls, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return func(*(_plain(a) for a in args), **{k: _plain(v) for k, v in (kwargs or {}).items()})


def _plain(value: Any) -> Any:
    if isinstance(value, GridValue):
        return value.value
    return type(value)(_plain(v) for v in value) if isinstance(value, list | tuple) else value


def _operators(function: Callable) -> tuple[Callable, Callable]:
    return (
        lambda self, other: function(self.value, _plain(other)),
        lambda self, other: function(_plain(other), self.value),
    )


for _name in ("add", "sub", "mul", "truediv", "pow"):
    _forward, _swapped = _operators(getattr(operator, _name))
    setattr(GridValue, f"__{_name}__", _forward)
    setattr(GridValue, f"__r{_name}__", _swapped)
for _name in ("lt", "le", "gt", "ge"):
    setattr(GridValue, f"__{_name}__", _operators(getattr(operator, _name))[0])
