"""Equations on grid values: cheap where they are evaluated ten thousands of times on few points.

Letters: n points.

Equations that differentiate expressions (``pl.diff(k * u.x, "x")``) need fields; ``agrees`` recognizes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.parameters.functions import FunctionParameter
from pinnlab.declaration.terms import Scope, Term, parameter_jet
from pinnlab.derivatives.grid_values import GridValue
from pinnlab.derivatives.names import NamedJet, parts_of
from pinnlab.domains import Columns


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


def grid_scope(jets: Mapping[str, NamedJet], columns: Columns, parameters: Mapping[str, Any]) -> Scope:
    """The scope in which each unknown has the derivatives of its jet: ``Scope.of_jets`` for one evaluation."""
    fields: Any = {u: GridValue(jet, (), columns.names) for u, jet in jets.items()}
    return GridScope(fields, columns, parameters)


def agrees(equations: Term, jets: Mapping[str, NamedJet], columns: Columns, parameters: Mapping[str, Any]) -> bool:
    """Whether equations come out the same on grid values as on fields, at n points that were made up."""
    fields = equations.evaluate((Scope.of_jets(jets, columns, parameters),))
    shape = next(iter(columns.values())).shape
    try:
        plain = equations.evaluate((grid_scope(jets, columns, parameters),))
        same = [torch.allclose(fields[k], plain[k], rtol=1e-12, atol=0, equal_nan=True) for k in fields]
        return all(isinstance(v, Tensor) and v.shape == shape for v in plain.values()) and all(same)
    except Exception:  # whatever the user's function does that grid values cannot, fields can
        return False
