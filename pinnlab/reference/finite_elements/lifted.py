"""High derivatives of an unknown from its Laplacian: in equations, and on sides along which the unknown is constant.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import AnyCondition, BoundaryCondition, Dirichlet, Periodic
from pinnlab.declaration.conditions.base import OnPiece
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Context, Scope
from pinnlab.derivatives.fields import Field
from pinnlab.derivatives.jets import made_up_jet
from pinnlab.derivatives.names import Key, sort_key
from pinnlab.derivatives.pointwise import gradients
from pinnlab.domains.sampling import unit_points

_PROBES = 32
_SAME = 1e-9
"""Relative difference of coefficients that are the same."""
Across = Mapping[str, Tensor] | None
"""{coordinate: (n,)} the normal of a side along which the unknown is constant, or None."""


@dataclass(frozen=True)
class Lifted:
    """How derivatives of an unknown w are told by w and m = lap w.

    Only sums over all coordinates stand for something: of w_xx + w_yy the first is m and the second zero, and so on. Where
    second derivatives stay those of w, the first of them is m less the others.

    Attributes:
        laplacian: name of m.
        space: the coordinates.
        keeps_second: whether equations hold other second derivatives than the Laplacian.
    """

    laplacian: str
    space: tuple[str, ...]
    keeps_second: bool

    def field(self, w: Field, m: Field, across: Across = None) -> Field:
        """W with its high derivatives, in terms of both fields."""
        return self._derived(w, m, (), across, {})

    def _derived(self, w: Field, m: Field, key: Key, across: Across, known: dict[Key, Field]) -> Field:
        if key not in known:

            def derive(name: str) -> Field:
                return self._derived(w, m, sort_key((*key, name), w.coordinates), across, known)

            # the fields that it is made of note what is differentiated when it is read first
            read = cache(lambda: self._of(w, m, key, across, lambda each: self._derived(w, m, each, across, known)))
            known[key] = Field(read, w.coordinates, derive, w.name + "." * bool(key) + "".join(key))
        return known[key]

    def _of(self, w: Field, m: Field, key: Key, across: Across, other: Callable[[Key], Field]) -> Tensor:
        """(n,) a derivative, which may be told by others."""
        places, first = [name for name in key if name in self.space], self.space[0]
        if len(places) < 2:
            return (w.d(*key) if key else w).value
        if across is not None:
            one, two = (across.get(name) for name in places[:2])
            return torch.zeros_like(m.value) if one is None or two is None else m.value * one * two
        if len(places) == 2 and self.keeps_second:
            if places != [first, first]:
                return w.d(*key).value
            return m.value - sum(other((name, name)).value for name in self.space[1:])
        alone = len(set(places)) == 1 and (len(places) > 2 or places[0] == first)
        # m, m_x or m_xx; the others of a sum over all coordinates are in them
        return (m.d(*places[2:]) if places[2:] else m).value if alone else torch.zeros_like(m.value)


def is_laplacian(second: Mapping[Key, Tensor], space: Sequence[str]) -> bool:
    """Whether coefficients (n,) of second derivatives are those of a Laplacian: equal, and none of mixed ones."""
    if not second:
        return True
    size = max(float(g.abs().max()) for g in second.values())
    zero = torch.zeros_like(next(iter(second.values())))
    straight = [second.get((c, c), zero) for c in space]
    mixed = [g for key, g in second.items() if len(set(key)) > 1]
    return alike([*(g - straight[0] for g in straight), *mixed], size)


def alike(gaps: Sequence[Tensor], size: float) -> bool:
    """Whether gaps (n,) between coefficients of some size are rounding."""
    return all(float(gap.abs().max()) <= _SAME * size for gap in gaps)


class OfLaplacian(BoundaryCondition):
    """A condition with second derivatives of unknowns, as one on their Laplacians.

    Args:
        given: the condition.
        problem: of fourth order.
        lifted: {unknown: how}.
        straight: {piece: unknowns that are constant along it}; on others only Laplacians are told.
    """

    def __init__(
        self,
        given: BoundaryCondition,
        problem: Problem,
        lifted: Mapping[str, Lifted],
        straight: Mapping[str, frozenset[str]],
    ):
        super().__init__(given.on, None, given.weight, given.values, given.where)
        self.given, self.context, self.lifted, self.straight = given, problem.context(), lifted, straight

    def __repr__(self) -> str:
        return repr(self.given)

    def on_pieces(self, context: Context) -> list[OnPiece]:
        return [replace(each, misfit=self._misfit(each)) for each in self.given.on_pieces(self.context)]

    def _misfit(self, each: OnPiece) -> Callable[[Scope], dict[str, Tensor]]:
        def misfit(scope: Scope) -> dict[str, Tensor]:
            fields = dict(scope.fields)
            for unknown, how in self.lifted.items():
                across = scope.normals if unknown in self.straight.get(each.piece, ()) else None
                how = replace(how, keeps_second=False)
                fields[unknown] = how.field(scope.fields[unknown], scope.fields[how.laplacian], across)
            return each.misfit(replace(scope, fields=fields))

        return misfit


def lifted_conditions(problem: Problem, lifted: Mapping[str, Lifted]) -> list[AnyCondition]:
    """The conditions of a problem of fourth order as its mixed form has them.

    Raises:
        ValueError: third derivatives, or second ones that are neither a Laplacian nor across a straight side along which
            the unknown is constant.
    """
    found: list[AnyCondition] = []
    for condition in problem.conditions:
        if isinstance(condition, Periodic) and condition.unknowns is not None:
            more = [lifted[u].laplacian for u in condition.unknowns if u in lifted]
            found.append(Periodic(condition.on, unknowns=(*condition.unknowns, *more), exact=False))
        elif isinstance(condition, BoundaryCondition):
            straight = {}
            for each in condition.on_pieces(problem.context()):
                if (mine := _second_on(problem, condition, each, lifted)) is not None:
                    straight[each.piece] = mine
            found.append(OfLaplacian(condition, problem, lifted, straight) if straight else condition)
        else:
            found.append(condition)
    return found


def _second_on(
    problem: Problem, condition: BoundaryCondition, each: OnPiece, lifted: Mapping[str, Lifted]
) -> frozenset[str] | None:
    """Of a condition's second derivatives on a piece the unknowns whose they are across it; None where there are none."""
    region = problem.domain
    unit = unit_points("sobol", _PROBES, len(region.coordinates), np.random.default_rng(3)).double()
    site = region.boundary(each.piece, unit)
    normals = region.columns(site.outward)
    outward = {name: normals[name] for name in region.normal_coordinates(each.piece)}
    jets = {u: made_up_jet(_PROBES, 71 + j) for j, u in enumerate(problem.unknowns)}
    scope = Scope.of_jets(jets, region.columns(site.points), problem.parameter_values(), outward)
    across, any_second = set(), False
    for residual in each.misfit(scope).values():
        leaves = {(u, key): value for u in lifted for key, value in jets[u].items()}
        slopes = gradients(residual, leaves)
        for unknown in lifted:
            mine = {key: g.detach() for (u, key), g in slopes.items() if u == unknown and bool((g != 0).any())}
            orders = {key: sum(name in region.space for name in key) for key in mine}
            top = max(orders.values(), default=0)
            if top > 2:
                raise ValueError(
                    f"reference_solution: {condition!r} holds derivatives of order {top}, as a shear force does; finite "
                    "elements take values, slopes and moments of equations of fourth order. Pass a reference of your own as "
                    "Problem(reference=...)."
                )
            second = {key: mine[key] for key, order in orders.items() if order == 2}
            if not second:
                continue
            any_second = True
            if is_laplacian(second, region.space):
                continue
            if not _is_across(second, outward, region.space) or not _is_constant(problem, unknown, each.piece):
                raise ValueError(
                    f"reference_solution: {condition!r} holds second derivatives of {unknown} at {each.piece!r}; finite "
                    "elements take its Laplacian there, and on straight sides along which Dirichlet gives it one number, "
                    "its second derivatives. Pass a reference of your own as Problem(reference=...)."
                )
            across.add(unknown)
    return frozenset(across) if any_second else None


def _is_across(second: Mapping[Key, Tensor], outward: Mapping[str, Tensor], space: Sequence[str]) -> bool:
    """Whether a side is straight, and coefficients (n,) of second derivatives have no part across and along it at once."""
    zero = torch.zeros_like(next(iter(outward.values())))
    n = torch.stack([outward.get(name, zero) for name in space], dim=1)
    if float((n - n[0]).abs().max()) > _SAME:
        return False
    full = torch.zeros((len(n), len(space), len(space)), dtype=torch.float64)
    for i, a in enumerate(space):
        for j, b in enumerate(space):
            full[:, i, j] = second.get(sort_key((a, b), tuple(space)), zero) / (1.0 if i == j else 2.0)
    turned = torch.einsum("nij,nj->ni", full, n)
    along = turned - (turned * n).sum(dim=1, keepdim=True) * n
    return alike([along], float(full.abs().max()))


def _is_constant(problem: Problem, unknown: str, piece: str) -> bool:
    """Whether a condition gives an unknown one number on a whole piece."""
    for condition in problem.conditions:
        if isinstance(condition, Dirichlet) and condition.where is None and unknown in condition.values:
            value: Any = condition.values[unknown]
            if piece in condition.pieces(problem.context()) and isinstance(value, int | float):
                return True
    return False
