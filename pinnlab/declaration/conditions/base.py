"""What all conditions share.

Every condition takes ``exact``: True builds it into the field so that it holds for any network, False adds its misfit to
the loss, and None, the default, builds it in where the region allows that and keeps it in the loss otherwise.
Values are numbers or functions whose arguments are bound by name to coordinates and parameters.

Letters: n points, d coordinates.
"""

from __future__ import annotations

import copy
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from torch import Tensor

from pinnlab.declaration.conditions.where import PartOfSide, Where
from pinnlab.declaration.terms import Context, Part, Scope, Term
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.declaration.variables.changed_functions import changed_where
from pinnlab.derivatives.known import KnownFunction
from pinnlab.domains import Region, Site
from pinnlab.machine.numbers import positive

Value = complex | KnownFunction | Callable[..., Tensor | complex]
"""What a condition prescribes: a number, or a function of coordinates and parameters, bound by name."""


class AnyCondition(ABC):
    """What must hold besides the equations.

    Args:
        exact: build it in (True), never (False), or where possible (None).
        weight: multiplies its mean square in the loss when it is soft.
        values: one entry per unknown.

    Attributes:
        can_be_exact: whether ``exact=True`` is possible.
        on: the part of the boundary, or the coordinate, that it is about; None where it needs none.
        where: on which part of that boundary it holds, or None for all of it.
    """

    can_be_exact = False
    on: str | None = None
    where: Where | None = None

    def __init__(self, exact: bool | None, weight: float, values: Mapping[str, Any]):
        if exact is not None and not isinstance(exact, bool | np.bool_):
            raise TypeError(f"{self.name}(exact={exact!r}): use True, False or None (where possible).")
        if not positive(weight):
            raise ValueError(f"{self.name}(weight={weight!r}): must be a positive number.")
        if exact and not self.can_be_exact:
            raise ValueError(
                f"{self.name}(exact=True): this condition cannot be built into the field; leave exact out and it "
                "enters the loss with its weight."
            )
        if "where" in values:
            raise ValueError(
                f"{self.name}(where=...): a part is told of sides only, by conditions on the boundary; give this condition "
                "everywhere, with a value such as lambda x: torch.where(x < 0.5, 1.0, 0.0)."
            )
        self.exact, self.weight, self.values = exact, float(weight), dict(values)

    @property
    def name(self) -> str:
        """The class name, as typed by the user."""
        return type(self).__name__

    @property
    def of_fields(self) -> bool:
        """Whether a function of the user's sees the unknowns, which may leave its range, as in a root."""
        return False

    def __repr__(self) -> str:
        parts = [f"{k}={_show(v)}" for k, v in self.values.items()]
        if self.on is not None:
            parts.append(f"on={self.on!r}")
        if self.where is not None:
            parts.append(f"where={_show(self.where)}")
        if self.exact is not None:
            parts.append(f"exact={self.exact}")
        return f"{self.name}({', '.join(parts)})"

    def in_variables(
        self, change: ChangeOfVariables, context: Context, sizes: Mapping[str, float]
    ) -> list[AnyCondition] | None:
        """The same condition on inner variables, its misfit counted in their units; None where it does not know how.

        Args:
            change: of variables.
            context: of the problem in outer variables.
            sizes: {name of a misfit: its natural size, in outer units}.
        """
        return None

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """The same condition with other values."""
        changed = copy.copy(self)
        changed.values = dict(values)
        return changed

    def kept_soft(self) -> Self:
        """The same condition, in the loss where it could be built in."""
        changed = copy.copy(self)
        changed.exact = False
        return changed

    def within(self, region: Region, whole: Region | None = None) -> Self | None:
        """The condition as a region has it that is a part of the whole; None where it is not about that part."""
        return self

    @abstractmethod
    def terms(self, context: Context) -> list[Term]:
        """The soft form of this condition."""


@dataclass(frozen=True)
class OnPiece:
    """What one condition asks of the fields on one piece of the boundary.

    Attributes:
        piece: its name.
        residuals: names of the misfits.
        misfit: the scope on the piece, with normals, to {name: (n,)}.
        unknown: whom it is about, where the condition names one.
    """

    piece: str
    residuals: tuple[str, ...]
    misfit: Callable[[Scope], dict[str, Tensor]]
    unknown: str | None = None


class BoundaryCondition(AnyCondition):
    """A condition on boundary pieces.

    Args:
        on: a coordinate, one end ``"x-"``, a tag, or None for all of the boundary.
        where: a function of coordinates that returns on which part of these pieces it holds; None for all of them.
        exact, weight, values: see ``AnyCondition``.
    """

    def __init__(
        self, on: str | None, exact: bool | None, weight: float, values: Mapping[str, Any], where: Where | None = None
    ):
        super().__init__(exact, weight, values)
        if isinstance(on, (tuple, list, set)):
            raise TypeError(
                f"{self.name}(on={on!r}): a condition is on one piece of boundary, and several take one each: "
                f"*[pl.{self.name}(..., on=side) for side in {on!r}]."
            )
        if on is not None and not isinstance(on, str):
            raise TypeError(f"{self.name}(on={on!r}): name a boundary, such as on='x' or on='x-'.")
        self.on = on
        if where is None:
            return
        if not callable(where):
            raise TypeError(
                f"{self.name}(where={where!r}): give a function of coordinates that returns true or false for each point, "
                "such as where=lambda y: y < 0.5."
            )
        if exact:
            raise ValueError(
                f"{self.name}(exact=True, where=...): values are built in on whole sides only; leave exact out, and it "
                "enters the loss with its weight."
            )
        # checkpoints recognize conditions by their attributes: those without a part have none
        self.where = where

    def pieces(self, context: Context) -> tuple[str, ...]:
        """The boundary pieces this condition is about.

        Raises:
            ValueError: there is none, or ``where`` holds on none of them.
        """
        pieces = context.region.pieces(self.on)
        if not pieces:
            raise ValueError(f"{self!r}: {context.region!r} has no boundary in space; use Initial(...) for an ODE.")
        part = self.part(context.region)
        kept = pieces if part is None else tuple(piece for piece in pieces if part.reaches(piece))
        if not kept:
            raise ValueError(
                f"{self!r}: where holds at no point of {', '.join(map(repr, pieces))}; check it against the domain "
                f"{context.region!r}."
            )
        return kept

    def part(self, region: Region) -> PartOfSide | None:
        """On which part of a region's sides it holds; None for all of them."""
        return None if self.where is None else PartOfSide(self.where, region, repr(self))

    def within(self, region: Region, whole: Region | None = None) -> Self | None:
        part = self.part(region)
        if part is None or any(part.reaches(piece) for piece in region.pieces(self.on)):
            return self
        return None

    def on_inner_sides(self, change: ChangeOfVariables, context: Context, **changes: Any) -> Self:
        """The same condition with other attributes, and its part of a side told in inner coordinates."""
        changed = copy.copy(self)
        vars(changed).update(changes)
        if self.where is not None:
            changed.where = changed_where(self.where, context.region.coordinates, change)
        return changed

    @abstractmethod
    def on_pieces(self, context: Context) -> list[OnPiece]:
        """What it asks, piece by piece.

        Raises:
            TypeError, ValueError: it does not fit the problem.
        """

    def terms(self, context: Context) -> list[Term]:
        return [self._term(context.region, each) for each in self.on_pieces(context)]

    def _term(self, region: Region, of: OnPiece) -> Term:
        across, chosen = region.normal_coordinates(of.piece), self.part(region)

        def whole(unit: Callable[[int], Tensor], n: int) -> tuple[Site, ...]:
            return (region.boundary(of.piece, unit(n)),)

        def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
            (scope,) = scopes
            normals = {name: scope.normals[name] for name in across}
            return of.misfit(dataclasses.replace(scope, normals=normals))

        if chosen is None:
            return Term("boundary", of.residuals, whole, evaluate, self.weight)
        drawn = chosen.draw(of.piece)
        part = Part(whole, chosen.holds)
        return Term("boundary", of.residuals, lambda unit, n: (drawn(unit(n)),), evaluate, self.weight, part=part)


def _show(value: Any) -> str:
    return getattr(value, "__name__", type(value).__name__) if callable(value) else repr(value)
