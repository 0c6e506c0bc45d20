"""The equations of a problem as a cheap function of grid values, and their pointwise linearization.

Letters: n points.

A time stepper evaluates equations tens of thousands of times on few points, so the bookkeeping by which a ``Field``
stays differentiable would cost more than the arithmetic. ``GridValue`` computes straight to tensors. Equations that
differentiate expressions (``pl.diff(k * u.x, "x")``) need fields; they are recognized once and keep them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.parameters.functions import FunctionParameter
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, parameter_jet
from pinnlab.derivatives.fields import NamedJet
from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.names import Key, parts_of, sort_key, split_derivative
from pinnlab.domains.columns import Columns, Coordinates, columns_of, space_of


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


class GridScope(Scope):
    """A scope whose fields are grid values and whose coordinates are tensors."""

    def call(self, function: Callable, names: tuple[str, ...]) -> Any:
        bound: dict[str, Any] = {**self.coordinates, **self.parameters, **self.fields}
        for name in names:
            if name not in bound:
                bound[name] = GridValue.of_parts(*(bound[part] for part in parts_of(name)))
            elif isinstance(bound[name], FunctionParameter):
                bound[name] = GridValue(parameter_jet(bound[name], self.coordinates), (), self.coordinates.names)
        return function(**{name: bound[name] for name in names})


class Equations:
    """The residuals of a problem's equations on given jets.

    Args:
        problem: what to evaluate.
    """

    def __init__(self, problem: Problem):
        self.problem = problem
        self._evaluate = problem.equation_term().evaluate
        self._parameters = problem.parameter_values()
        self.quick = self._agrees()

    def scope(
        self,
        jets: Mapping[str, NamedJet],
        columns: Columns,
        quick: bool = False,
        numbers: Mapping[str, Tensor] | None = None,
    ) -> Scope:
        """The scope in which unknowns have the given derivatives at points ``columns``, each (n,); ``numbers``: values of
        parameters that are to be found.
        """
        parameters = {**self._parameters, **(numbers or {})}
        if not quick:
            return Scope.of_jets(jets, columns, parameters)
        fields: Any = {u: GridValue(jet, (), columns.names) for u, jet in jets.items()}
        return GridScope(fields, columns, parameters)

    def residuals(
        self, jets: Mapping[str, NamedJet], columns: Columns, numbers: Mapping[str, Tensor] | None = None
    ) -> list[Tensor]:
        """The residuals, each (n,)."""
        return list(self._evaluate((self.scope(jets, columns, self.quick, numbers),)).values())

    def _agrees(self) -> bool:
        generator = torch.Generator().manual_seed(0)
        made_up = {
            u: {k: torch.rand(5, generator=generator, dtype=torch.float64) + 0.5 for k in sorted(keys)}
            for u, keys in self.problem.derivatives.items()
        }
        domain = self.problem.domain
        line = {n: torch.linspace(*bounds, 7, dtype=torch.float64)[1:-1] for n, bounds in domain.bounds.items()}
        columns = columns_of(domain, line)
        fields = self._evaluate((self.scope(made_up, columns),))
        try:
            plain = self._evaluate((self.scope(made_up, columns, quick=True),))
            same = [torch.allclose(fields[k], plain[k], rtol=1e-12, atol=0, equal_nan=True) for k in fields]
            return all(isinstance(v, Tensor) and v.shape == (5,) for v in plain.values()) and all(same)
        except Exception:  # whatever the user's function does that grid values cannot, fields can
            return False
