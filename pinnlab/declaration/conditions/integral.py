"""Integrals of the unknowns: norms, masses, total fluxes, means.

Letters: n rows, s nodes of the quadrature, d coordinates.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.arguments import is_complex
from pinnlab.declaration.conditions.base import AnyCondition, Value
from pinnlab.declaration.conditions.binding import NORMAL, BoundFormula
from pinnlab.declaration.conditions.parts import cuts_of, quadrature_of_part
from pinnlab.declaration.conditions.where import PartOfSide, Where
from pinnlab.declaration.parameters.materials import PiecewiseFunction
from pinnlab.declaration.terms import Context, Scope, Term
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.declaration.variables.changed_functions import changed_formula, changed_value, changed_where
from pinnlab.domains import Box, Region, Site
from pinnlab.domains.affine import Affine
from pinnlab.domains.coverings import boundary_patches, interior_patches
from pinnlab.domains.mapping import mapped
from pinnlab.domains.quadrature import Quadrature, quadrature
from pinnlab.machine.calls import explained_call


@explained_call("write pl.Integral(lambda u: u, equals=1.0)")
class Integral(AnyCondition):
    """An integral that has a value: ``Integral(lambda psi: psi**2, equals=1.0)``.

    Over all of space, or with ``on`` over a piece of the boundary, where the integrand may take the outward unit normal
    ``n``: ``Integral(lambda u, n: u.d(n), on="x-", equals=2.0)``. Where there is time it holds at each time.

    It is one number, and not one per point: its residual is the integral less the value, over the length, area or volume.
    Beside it a coefficient may be to be found: ``parameters={"E": Unknown(0.5)}`` is an eigenvalue beside a norm. It fixes
    a constant that equations and boundary leave open: ``Integral(lambda p: p, equals=0.0)``.

    Args:
        of: the integrand; its arguments are bound by name to unknowns, coordinates and parameters, as in an equation.
        equals: the value: a number, or a function of time and parameters.
        on: a piece of the boundary, as in ``Dirichlet``; its ends are one integral together. None for all of space.
        where: over which part of it, a function of the coordinates of space that returns true or false, on boxes; the part
            ends along coordinates, such as ``lambda x: x < 0.5``. Networks take it.
        exact: must stay None or False.
        weight: multiplies its square in the loss, for solvers that have one.

    Raises:
        TypeError, ValueError: no function; when the problem is built: a name that is unknown, a value that depends on
            place, a region for which there is no quadrature.
    """

    def __init__(
        self,
        of: Callable[..., Any],
        *,
        equals: Value,
        on: str | None = None,
        where: Where | None = None,
        exact: bool | None = None,
        weight: float = 1.0,
    ):
        super().__init__(exact, weight, {})
        if not callable(of):
            raise TypeError(
                f"Integral({of!r}): give the integrand as a function, such as Integral(lambda u: u**2, ...)."
            )
        if on is not None and not isinstance(on, str):
            raise TypeError(f"Integral(on={on!r}): name a boundary, such as on='x-', or leave it out for all of space.")
        if where is not None and not callable(where):
            raise TypeError(
                f"Integral(where={where!r}): give a function of coordinates, such as where=lambda x: x < 0.5."
            )
        self.of, self.equals, self.on = of, equals, on
        if where is not None:
            self.where = where

    def __repr__(self) -> str:
        value = getattr(self.equals, "__name__", "...") if callable(self.equals) else repr(self.equals)
        where = "" if self.on is None else f", on={self.on!r}"
        where += "" if self.where is None else f", where={getattr(self.where, '__name__', '...')}"
        return f"Integral({getattr(self.of, '__name__', type(self.of).__name__)}, equals={value}{where})"

    def in_variables(
        self, change: ChangeOfVariables, context: Context, sizes: Mapping[str, float]
    ) -> list[AnyCondition]:
        region, (size,) = context.region, sizes.values()
        label = self.formula(context).label
        changed = copy.copy(self)
        changed.of = changed_formula(self.of, context, change, {label: size}, label)
        if self.where is not None:
            changed.where = changed_where(self.where, region.space, change)
        inner = Context(mapped(region, change.coordinates), context.unknowns, context.parameters)
        stretch = self.quadrature(context).volume / changed.quadrature(inner).volume
        unit = Affine(0.0, size * stretch)
        changed.equals = changed_value(self.equals, context.bindable, region.coordinates, change, unit)
        return [changed]

    @property
    def of_fields(self) -> bool:
        return True

    def quadrature(self, context: Context) -> Quadrature:
        """Nodes in space, and weights.

        Raises:
            ValueError: a region without space, or for which there is no quadrature.
        """
        space = context.region.at_rest
        if space is None or not context.region.space:
            raise ValueError(
                f"{self!r}: {context.region!r} has no space to integrate over; an integral over time is an unknown of its "
                "own, with the equation m.t - f and Initial(m=0.0)."
            )
        pieces = self._pieces(context.region)
        if self.where is not None and not isinstance(space, Box):
            raise ValueError(f"{self!r}: a part of an integral is one of a box; {space!r} is none: leave where out.")
        if self.where is not None:
            part = PartOfSide(self.where, space, repr(self))
            sets = [boundary_patches(space, p, part.ends(p)) for p in pieces] or [
                interior_patches(space, cuts_of(part))
            ]
            return quadrature_of_part(part, [patches for each in sets for patches in each])
        try:
            cuts = _materials(context)
            sets = [boundary_patches(space, p, cuts) for p in pieces] if pieces else [interior_patches(space, cuts)]
            return quadrature([patches for each in sets for patches in each])
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{self!r} over {space!r}: {error}; integrals are taken over regions of up to six dimensions and over "
                "their boundaries, meshes of up to ten thousand elements, and combinations of these."
            ) from error

    def formula(self, context: Context) -> BoundFormula:
        """The integrand, bound by name."""
        normal = self.on is not None
        if not normal and NORMAL in _arguments(self.of) and NORMAL not in (*context.unknowns, *context.bindable):
            raise ValueError(f"{self!r}: the normal {NORMAL!r} is one of a boundary; add on=..., such as on='x-'.")
        found = BoundFormula(self.of, context, repr(self), normal)
        if not _unknowns(found, context):
            raise ValueError(
                f"{self!r}: the integrand takes no unknown of this problem ({', '.join(context.unknowns)}), so that nothing "
                "could change the integral; name one as an argument."
            )
        return found

    def terms(self, context: Context) -> list[Term]:
        region, formula = context.region, self.formula(context)
        taken = _unknowns(formula, context)
        label = " ".join(["integral", *taken, *(() if self.on is None else (self.on,))])
        wanted = context.names(self.equals, "Integral(equals=...)")
        if placed := [name for name in wanted if name in region.space]:
            raise ValueError(
                f"Integral(equals=...) takes {placed[0]!r}; the value of an integral does not depend on place: give a "
                "number, or a function of time and parameters."
            )
        rule = self.quadrature(context)
        volume, weights = rule.volume, torch.from_numpy(rule.weights / rule.volume)

        across = {name for piece in self._pieces(region) for name in region.normal_coordinates(piece)}

        def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
            (scope,) = scopes
            normals = {name: component for name, component in scope.normals.items() if name in across}
            found = formula(replace(scope, normals=normals))
            if len(found) > 1:
                raise TypeError(f"{self!r}: the integrand returned {list(found)}; give an Integral for each.")
            (value,) = found.values()
            return {label: value - scope.value(self.equals, wanted, "Integral(equals=...)") / volume}

        fixed = None if region.has_time else 1
        return [Term("integral", (label,), _draw(region, rule), evaluate, self.weight, fixed, weights)]

    def _pieces(self, region: Region) -> tuple[str, ...]:
        return () if self.on is None else region.pieces(self.on)


def _materials(context: Context) -> dict[str, list[float]]:
    """{coordinate: positions at which materials that are boxes end}, where integrands jump."""
    found: dict[str, list[float]] = {}
    for value in (context.values or {}).values():
        for name, position, _ in value.faces if isinstance(value, PiecewiseFunction) else ():
            found.setdefault(name, []).append(position)
    return found


def _unknowns(formula: BoundFormula, context: Context) -> list[str]:
    """The unknowns that a formula takes."""
    return [name for name in formula.names if name in context.unknowns or is_complex(name, context.unknowns)]


def _arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of a plain function's arguments; none of what has no code."""
    code = getattr(function, "__code__", None)
    return code.co_varnames[: code.co_argcount] if code is not None else ()


def _draw(region: Region, rule: Quadrature) -> Callable[[Callable[[int], Tensor], int], tuple[Site, ...]]:
    """All nodes at each of n times; without time all nodes once."""
    time = next((i for i, name in enumerate(region.coordinates) if name not in region.space), None)

    def draw(unit: Callable[[int], Tensor], n: int) -> tuple[Site, ...]:
        cube = unit(n if time is not None else 1)
        count = len(cube)
        found = []
        for columns in (rule.points, rule.normals):
            if columns is not None:
                mine = torch.as_tensor(columns, dtype=cube.dtype, device=cube.device).repeat(count, 1)
                if time is not None:
                    mine = torch.cat([mine[:, :time], mine.new_zeros(len(mine), 1), mine[:, time:]], dim=1)
                found.append(mine)
        if time is not None:
            start, end = region.bounds[region.coordinates[time]]
            found[0][:, time] = (start + cube[:, time] * (end - start)).repeat_interleave(len(rule.points))
        return (Site(*found),)

    return draw
