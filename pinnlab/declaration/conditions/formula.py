"""Whatever must vanish on a piece of the boundary, written as a formula.

Letters: n points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from pinnlab.declaration.conditions.base import AnyCondition, BoundaryCondition, OnPiece
from pinnlab.declaration.conditions.binding import BoundFormula, made_up_scope
from pinnlab.declaration.conditions.where import Where
from pinnlab.declaration.terms import Context, Scope
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.declaration.variables.changed_functions import changed_formula
from pinnlab.domains.sampling import unit_points
from pinnlab.machine.calls import explained_call


@explained_call("write pl.Condition(lambda u, n: u.d(n) + u, on='x+')")
class Condition(BoundaryCondition):
    """Whatever must vanish on a piece of the boundary: ``Condition(lambda T, n: k * T.d(n) + h * T**4, on="x+")``.

    Args:
        residual: arguments are bound by name to unknowns, coordinates and parameters, as in equations, and ``n`` to the
            outward unit normal: ``T.d(n)`` is the derivative along it, ``T.d(n, n)`` the second one, ``T.d(n, "t")`` a
            mixed one, and ``n.x``, ``n.y`` are its components. A coordinate, unknown or parameter that is called ``n``
            comes first: the normal then has no name. It returns a residual, (n,) of any units, or
            ``{"name": residual}`` for several.
        on: a coordinate (both ends), one end (``"x-"``, ``"x+"``), a tag of a mesh; None for the whole boundary in space.
        where: on which part of it, a function of coordinates that returns true or false; None for all of it.
        exact: must stay None or False: a formula cannot be built into the field.
        weight: multiplies its mean square in the loss.

    Raises:
        TypeError, ValueError: no function; when the problem is built: an argument of unknown name, a residual that no
            unknown changes or that is not one number per point, a name that is no boundary.
    """

    def __init__(
        self,
        residual: Callable[..., Any],
        /,
        *,
        on: str | None = None,
        where: Where | None = None,
        exact: bool | None = None,
        weight: float = 1.0,
    ):
        super().__init__(on, exact, weight, {}, where)
        if not callable(residual):
            raise TypeError(
                f"Condition({residual!r}): give a function that returns what must vanish, such as "
                "pl.Condition(lambda u, n: u.d(n) + u, on='x+')."
            )
        self.residual = residual

    @property
    def of_fields(self) -> bool:
        return True

    def __repr__(self) -> str:
        name = getattr(self.residual, "__name__", type(self.residual).__name__)
        return super().__repr__().replace("(", f"({name}, ", 1).replace(", )", ")")

    def in_variables(
        self, change: ChangeOfVariables, context: Context, sizes: Mapping[str, float]
    ) -> list[AnyCondition]:
        each: dict[str, float] = {}
        for piece in self.pieces(context):
            for name, size in sizes.items():
                if name.endswith(f" {piece}"):
                    own = name.removesuffix(f" {piece}")
                    each[own] = max(each.get(own, 0.0), size)
        label = BoundFormula(self.residual, context, repr(self)).label
        residual = changed_formula(self.residual, context, change, each, label)
        return [self.on_inner_sides(change, context, residual=residual)]

    def on_pieces(self, context: Context) -> list[OnPiece]:
        function = BoundFormula(self.residual, context, repr(self))
        found = []
        for piece in self.pieces(context):

            def misfit(scope: Scope, piece: str = piece) -> dict[str, Tensor]:
                return {f"{name} {piece}": value for name, value in function(scope).items()}

            names = function.names_on(partial(_site, context, piece))
            found.append(OnPiece(piece, tuple(f"{name} {piece}" for name in names), misfit))
        return found


def _site(context: Context, piece: str, n: int) -> Scope | None:
    region = context.region
    unit = unit_points("sobol", n, len(region.coordinates), np.random.default_rng(0)).double()
    site = region.boundary(piece, unit)
    columns, normals = region.columns(site.points), region.columns(site.outward)
    return made_up_scope(context, columns, {name: normals[name] for name in region.normal_coordinates(piece)})
