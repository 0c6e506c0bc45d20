"""What of a declaration is searched for jumps, and the numbers that stand in for unknowns meanwhile.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.parameters.functions import FunctionParameter, StateFunction
from pinnlab.declaration.terms import Scope, parameter_jet
from pinnlab.derivatives.fields import Field, Key, as_value
from pinnlab.derivatives.jets import LazyJet
from pinnlab.domains import Region

DRAWS = (0, 1, 2)
"""Of the numbers in the place of the unknowns' derivatives: positive ones, any, and positive ones again."""


@dataclass(frozen=True)
class Declared:
    """What of a declaration the search needs.

    Attributes:
        domain: where the coordinates live.
        unknowns: their names.
        residuals: the equations.
        parameters: {name: 0-dim, or a function of coordinates}.
        derivatives: {unknown: derivatives that the equations use}.
        periodic: coordinates whose ends meet.
        arguments: names that the equations take; None where they are not known.
    """

    domain: Region
    unknowns: tuple[str, ...]
    residuals: Callable[[Scope], dict[str, Any]]
    parameters: Mapping[str, Any]
    derivatives: Mapping[str, frozenset[Key]]
    periodic: tuple[str, ...] = ()
    arguments: frozenset[str] | None = None

    def with_arguments(self, equations: Sequence[Callable[..., Any]]) -> Declared:
        """The same, with the names that the equations take, of which ``residuals`` are made."""
        available = (*self.unknowns, *self.domain.coordinates, *self.parameters)
        names = frozenset(name for each in equations for name in argument_names(each, available, "an equation"))
        return replace(self, arguments=names)

    @property
    def same_everywhere(self) -> bool:
        """Whether equations are certainly the same at all points: they take no coordinate, nor a function of any."""
        if self.arguments is None or self.arguments & set(self.domain.coordinates):
            return False
        coordinates = set(self.domain.coordinates)
        return all(
            isinstance(v, Tensor) or (isinstance(v, StateFunction) and not coordinates & set(v.on))
            for v in self.parameters.values()
        )


@dataclass(frozen=True)
class Seen:
    """What equations show at n points.

    Attributes:
        values: (q, n) of everything that is watched for jumps.
        inside: {number of a row: the coordinate by which its expression is differentiated}.
        functions: {number of a row: the parameter whose values it has}.
        residuals: the first rows, with their graph.
    """

    values: Tensor
    inside: dict[int, str]
    functions: dict[int, str]
    residuals: dict[str, Tensor]


def see(declared: Declared, points: Tensor, draw: int, leaves: Mapping[str, LazyJet] | None = None) -> Seen:
    """Evaluate the equations at points (n, d) with made-up derivatives, the same at all points.

    Args:
        declared: the equations.
        points: where.
        draw: of the made-up numbers.
        leaves: the made-up derivatives, where the caller wants to differentiate by them.
    """
    watched: list[tuple[Field, str]] = []
    columns = declared.domain.columns(points)
    jets = made_up(declared, len(points), draw) if leaves is None else leaves

    def watch(field: Field, name: str) -> Field:
        watched.append((field, name))
        return field.derived(name)

    scope = Scope.of_jets(jets, columns, declared.parameters, watch=watch)
    residuals = {name: as_value(r) for name, r in declared.residuals(scope).items()}
    rows, inside, functions = list(residuals.values()), {}, {}
    for field, name in watched:
        if field.value.is_floating_point():
            inside[len(rows)] = name
            rows.append(field.value)
    for name, value in declared.parameters.items():
        if isinstance(value, FunctionParameter):
            functions[len(rows)] = name
            rows.append(parameter_jet(value, columns)[()])
    values = torch.stack([row.detach().expand(len(points)) for row in rows])
    return Seen(values, inside, functions, residuals)


def made_up(declared: Declared, n: int, draw: int) -> dict[str, LazyJet]:
    """{unknown: derivatives (n,), each a number that is the same at all points}."""
    names = declared.domain.coordinates

    def number(unknown: int, key: Key) -> Tensor:
        noise = float(np.random.default_rng([draw, unknown, *(names.index(c) for c in key)]).normal())
        return torch.full((n,), noise if draw == 1 else abs(noise) + 0.5, dtype=torch.float64)

    return {u: LazyJet(partial(number, j)) for j, u in enumerate(declared.unknowns)}
