"""Terms: what a problem asks to vanish, and where. Every equation and condition becomes terms.

Letters: n points, d coordinates.

A term draws the sites it needs and turns the fields there into pointwise residuals. It does not know who supplies the
fields' derivatives, which is why networks, grids and characteristics can all be put into it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.calling import in_full_precision
from pinnlab.declaration.parameters.functions import FunctionParameter, StateFunction, function_jet
from pinnlab.derivatives.fields import (
    Field,
    Key,
    NamedJet,
    Watch,
    as_value,
    complex_field,
    coordinate_field,
    unknown_field,
)
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.derivatives.jets import LazyJet, made_up_jet, named_jets
from pinnlab.derivatives.known import KnownFunction
from pinnlab.derivatives.names import COMPLEX, parts_of
from pinnlab.domains import Columns, Region, Site

Draw = Callable[[Callable[[int], Tensor], int], tuple[Site, ...]]
"""(unit_points, n) -> sites: ``unit_points(n)`` gives (n, d) points of the unit cube."""


@dataclass(frozen=True)
class Scope:
    """Everything an equation's arguments can be bound to at one site.

    Attributes:
        fields: {unknown: Field}.
        coordinates: {coordinate: (n,)}.
        parameters: {parameter: 0-dim, (n,), or a function of coordinates}.
        normals: {coordinate: (n,)} on a boundary.
        watch: is told of every expression of its arguments that is differentiated.
    """

    fields: Mapping[str, Field]
    coordinates: Columns
    parameters: Mapping[str, Any]
    normals: Mapping[str, Tensor] = field(default_factory=dict)
    watch: Watch | None = None

    @classmethod
    def of_jets(
        cls,
        jets: Mapping[str, NamedJet],
        coordinates: Columns,
        parameters: Mapping[str, Any],
        normals: Mapping[str, Tensor] | None = None,
        watch: Watch | None = None,
    ) -> Scope:
        """The scope in which each unknown has the derivatives of its jet."""
        fields = {name: unknown_field(name, jet, coordinates.names, watch=watch) for name, jet in jets.items()}
        return cls(fields, coordinates, parameters, normals or {}, watch)

    @classmethod
    def of_jet(
        cls,
        jet: Tensor,
        indices: Indices,
        unknowns: Sequence[str],
        coordinates: Columns,
        parameters: Mapping[str, Any],
        normals: Mapping[str, Tensor] | None = None,
    ) -> Scope:
        """The scope in which m unknowns have the derivatives (c, n, m), in the order of ``indices`` and ``unknowns``."""
        return cls.of_jets(named_jets(jet, indices, unknowns, tuple(coordinates)), coordinates, parameters, normals)

    @property
    def like(self) -> Tensor:
        """(n,) tensor whose shape, dtype and device residuals have."""
        return next(iter(self.coordinates.values()))

    def parameter(self, name: str) -> Any:
        """A parameter as an equation sees it: a number, or, of a function of coordinates, its field here."""
        given = self.parameters[name]
        if isinstance(given, StateFunction):
            return given.field({argument: self._argument(argument, name) for argument in given.on})
        if not isinstance(given, FunctionParameter):
            return given
        return unknown_field(name, parameter_jet(given, self.coordinates), self.coordinates.names, watch=self.watch)

    def _argument(self, name: str, owner: str) -> Field:
        if name in self.fields:
            return self.fields[name]
        if name not in self.coordinates:
            raise ValueError(f"{owner} is a function of {name!r}, which is not known here; write it into an equation.")
        return coordinate_field(name, self.coordinates[name], self.coordinates.names, self.watch)

    def call(self, function: Callable, names: tuple[str, ...]) -> Any:
        """Call an equation: unknowns, coordinates and functions are bound as fields."""
        order = self.coordinates.names
        bound: dict[str, Any] = {}
        for name in names:
            if name in self.fields:
                bound[name] = self.fields[name]
            elif name in self.coordinates:
                bound[name] = coordinate_field(name, self.coordinates[name], order, self.watch)
            elif name in self.parameters:
                bound[name] = self.parameter(name)
            else:
                bound[name] = complex_field(name, *(self.fields[part] for part in parts_of(name)))
        return function(**bound)

    def value(self, given: Any, names: tuple[str, ...], what: str) -> Tensor:
        """A given number or function at the points, (n,).

        Raises:
            ValueError: it has another shape, or is not finite.
        """
        if isinstance(given, KnownFunction):
            points = torch.stack(list(self.coordinates.values()), dim=1)
            given = given.jet(points.detach(), VALUE)[0, :, 0]
        elif callable(given):
            plain = {**self.coordinates, **self.parameters}
            bound = {name: plain[name] for name in names}
            for name, value in bound.items():
                if isinstance(value, FunctionParameter | StateFunction):
                    bound[name] = as_value(self.parameter(name))
            given = in_full_precision(given, bound, self.like.dtype)
        if isinstance(given, int | float):
            # filled where it is needed: a number that is copied there cannot be part of a recording
            return self.like.new_full((), given).expand_as(self.like)
        given = as_value(given)
        if given is None or isinstance(given, str | complex) or (isinstance(given, Tensor) and given.is_complex()):
            came = "complex values" if isinstance(given, complex | Tensor) else repr(given)
            hint = f"; {COMPLEX}" if isinstance(given, complex | Tensor) else ""
            raise TypeError(f"{what} returned {came}; return one real number per point, or a number{hint}.")
        result = torch.as_tensor(given, dtype=self.like.dtype, device=self.like.device)
        if result.ndim > 0 and result.shape != self.like.shape:
            raise ValueError(
                f"{what} returned shape {tuple(result.shape)} for {tuple(self.like.shape)} points; return one value "
                "per point, or a number."
            )
        return result.expand_as(self.like)


def parameter_jet(function: FunctionParameter, coordinates: Mapping[str, Tensor]) -> LazyJet:
    """All derivatives (n,) of a parameter that is a function, at points whose coordinates are (n,) each."""

    def derive(key: Key) -> Tensor:
        columns = torch.broadcast_tensors(*coordinates.values())
        points = torch.stack([c.reshape(-1) for c in columns], dim=1)
        index = tuple(list(coordinates).index(name) for name in key)
        return function_jet(function, points, index).reshape(columns[0].shape)

    return LazyJet(derive)


@dataclass(frozen=True)
class Part:
    """Which part of its places a term is about.

    Attributes:
        draw: draws sites in all of them.
        holds: {coordinate: (n,)} -> (n,) mask of the points that belong to the part.
    """

    draw: Draw
    holds: Callable[[Mapping[str, Tensor]], Tensor]


@dataclass(frozen=True)
class Term:
    """Residuals that should vanish at sites of one kind.

    Attributes:
        kind: ``"equation"``, ``"initial"``, ``"boundary"``, ``"periodic"``, ``"data"`` or ``"integral"``.
        residuals: their names, in the order of what ``evaluate`` returns.
        draw: draws the sites.
        evaluate: maps one scope per site to {name: (n,)}.
        weight: multiplies the mean square in the loss.
        fixed: number of rows if they are given (data, a single integral), else None.
        weights: (s,) where s consecutive points make one row, the sum of what ``evaluate`` gives there times these, as in
            the quadrature of an integral; None where every point is a row. ``draw`` takes the number of rows.
        part: if it is about a part of the places only; ``draw`` keeps to the part.
        noise: root mean square that the residuals have if all is right, where that is known (data), else None.
    """

    kind: str
    residuals: tuple[str, ...]
    draw: Draw
    evaluate: Callable[[tuple[Scope, ...]], dict[str, Tensor]]
    weight: float = 1.0
    fixed: int | None = None
    weights: Tensor | None = None
    part: Part | None = None
    noise: float | None = None

    @property
    def span(self) -> int:
        """s, the number of points that make one row."""
        return 1 if self.weights is None else len(self.weights)

    def summed(self, values: Tensor) -> Tensor:
        """(..., n) rows from values (..., n s) at points."""
        if self.weights is None:
            return values
        return (values.unflatten(-1, (-1, self.span)) * self.weights.to(values)).sum(-1)


def everywhere(term: Term) -> Term:
    """The term with all of its places, zero outside the part that it is about: for those who place points themselves."""
    part = term.part
    if part is None:
        return term

    def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
        holds = part.holds(scopes[0].coordinates)
        return {
            name: torch.where(holds, residual, torch.zeros_like(residual))
            for name, residual in term.evaluate(scopes).items()
        }

    return replace(term, draw=part.draw, evaluate=evaluate, part=None)


@dataclass(frozen=True)
class Trace:
    """What a dry run of a term learned.

    Attributes:
        keys: {unknown: derivatives used}.
        residuals: {name: (n,)} with a graph to the made-up jets.
        jets: per site, {unknown: made-up jet}.
    """

    keys: dict[str, frozenset[Key]]
    residuals: dict[str, Tensor]
    jets: tuple[dict[str, LazyJet], ...]


MADE_UP_UNITS = (1.0, 1e3, 1e6)
"""Sizes of made-up numbers, one after the other, where a formula is not defined for the first: (T - 293)**1.25 is not."""


def trace(
    term: Term,
    region_columns: Callable[[Tensor], Columns],
    unknowns: tuple[str, ...],
    parameters: Mapping[str, Any],
    sites: tuple[Site, ...],
    positive: bool = True,
    scale: Callable[[Key], float] = lambda key: 1.0,
) -> Trace:
    """Run a term once on made-up fields.

    Args:
        term: what to run.
        region_columns: splits (n, d) points into named coordinates.
        unknowns: their names.
        parameters: {name: 0-dim, or a function of coordinates}.
        sites: where.
        positive, scale: of the made-up numbers; see ``made_up_jet``.
    """
    scopes, jets = [], []
    for i, site in enumerate(sites):
        made_up = {u: made_up_jet(len(site.points), 31 * i + j, positive, scale) for j, u in enumerate(unknowns)}
        normals = None if site.normals is None else region_columns(site.normals)
        scopes.append(Scope.of_jets(made_up, region_columns(site.points), parameters, normals))
        jets.append(made_up)
    residuals = term.evaluate(tuple(scopes))
    keys = {u: frozenset(k for made_up in jets for k in made_up[u]) for u in unknowns}
    return Trace(keys, residuals, tuple(jets))


class Context:
    """What conditions may refer to; also the one place that checks names.

    Args:
        region: the domain.
        unknowns: their names.
        parameters: names of the parameters.
        order: {(unknown, coordinate): highest derivative order in the equations}.
        values: {parameter: 0-dim tensor, or function}, what conditions are tried with; None where they are not to be.
    """

    def __init__(
        self,
        region: Region,
        unknowns: tuple[str, ...],
        parameters: Sequence[str],
        order: Mapping[tuple[str, str], int] | None = None,
        values: Mapping[str, Any] | None = None,
    ):
        self.region, self.unknowns, self.parameters = region, unknowns, tuple(parameters)
        self.order, self.values = dict(order or {}), values

    @property
    def bindable(self) -> tuple[str, ...]:
        """Names that a value may take as arguments."""
        return (*self.region.coordinates, *self.parameters)

    def check_unknown(self, name: str, owner: str, hint: str = "") -> None:
        """Raise ValueError unless ``name`` is an unknown; ``hint``: what to write instead, where that can be guessed."""
        if name not in self.unknowns:
            raise ValueError(
                f"{owner}({name}=...): {name!r} is not an unknown of this problem; the unknowns are "
                f"{', '.join(self.unknowns)}{hint}."
            )

    def names(self, value: Any, owner: str) -> tuple[str, ...]:
        """The arguments of a value; none for a number.

        Raises:
            TypeError: neither a number nor a function.
            ValueError: an argument that is unknown, or a number that is not finite.
        """
        if isinstance(value, KnownFunction):
            return ()
        if callable(value):
            return argument_names(value, self.bindable, owner)
        if isinstance(value, Tensor) and value.ndim == 0:
            value = float(value)
        if isinstance(value, complex | np.complexfloating):
            raise TypeError(f"{owner} is the complex number {value}, and the unknown is real; {COMPLEX}.")
        if not isinstance(value, int | float | np.number):
            raise TypeError(f"{owner} must be a number or a function of coordinates, got {type(value).__name__}.")
        try:
            number = float(value)
        except (OverflowError, TypeError):  # a whole number of hundreds of digits, a complex one
            raise ValueError(
                f"{owner} is no number in the range of floats; give one, or a function of coordinates."
            ) from None
        if not math.isfinite(number):
            raise ValueError(f"{owner} is {value}; give a finite number or a function of coordinates.")
        return ()
