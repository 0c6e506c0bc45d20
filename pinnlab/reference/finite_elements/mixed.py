"""Equations of fourth order as systems of second order: with the Laplacian of an unknown as an unknown of its own.

Letters: n made-up points, d coordinates.

Where w has fourth derivatives, m = lap w is a second unknown, and the equation's fourth derivatives are those of lap m
(P. G. Ciarlet and P.-A. Raviart, A mixed finite element method for the biharmonic equation, 1974). Tested with functions
of all nodes, m - lap w takes the normal derivative of w as the flux through the boundary; the user's equation, tested with
functions that vanish where w is given, needs no condition of its own. So a clamped side gives w and its slope, a supported
one w and m. On a straight side along which w is constant, its second derivatives are those across the side, and a moment
is one of m.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.arguments import argument_names, signature_of
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.jets import made_up_jet
from pinnlab.derivatives.names import Key, sort_key
from pinnlab.derivatives.pointwise import gradients
from pinnlab.domains import Ball, Box, Region
from pinnlab.domains.meshing.outlines import corners_of
from pinnlab.reference.finite_elements.conditions import BoundaryFlux, Essential, given_at, sampled
from pinnlab.reference.finite_elements.lifted import Lifted, alike, is_laplacian, lifted_conditions
from pinnlab.reference.grids.structure import periodic_unknowns

_PROBES = 8
_INWARD = 0.52
"""Share of the surroundings of a corner that the region takes from which on it points inwards."""
_PAIRS = {(1, 1, 0, 0), (1, 0, 1, 0)}
"""Numbers of conditions on the value and slope of an unknown, and on those of its Laplacian."""


@dataclass(frozen=True, eq=False)
class MixedForm:
    """A problem of second order, whose first unknowns are those of one of fourth.

    Attributes:
        problem: with the Laplacians as unknowns.
        laplacians: {Laplacian: the unknown whose it is}.
        rows: {Laplacian: number of its equation}.
    """

    problem: Problem
    laplacians: Mapping[str, str]
    rows: Mapping[str, int]

    @property
    def paired(self) -> tuple[str, ...]:
        """The unknowns with fourth derivatives, and their Laplacians."""
        return (*self.laplacians, *self.laplacians.values())


@dataclass(frozen=True, eq=False)
class _Equations:
    """The user's function, called with fields whose high derivatives are those of Laplacians.

    Attributes:
        given: the function.
        names: of its arguments.
        lifted: {unknown: how}.
    """

    given: Callable[..., Any]
    names: tuple[str, ...]
    lifted: Mapping[str, Lifted]

    @property
    def __name__(self) -> str:
        return getattr(self.given, "__name__", "")

    @property
    def __signature__(self) -> inspect.Signature:
        more = [self.lifted[name].laplacian for name in self.names if name in self.lifted]
        return signature_of((*self.names, *more))

    def __call__(self, **bound: Any) -> Any:
        """What it returns."""
        fields = {
            name: self.lifted[name].field(bound[name], bound[self.lifted[name].laplacian])
            if name in self.lifted
            else bound[name]
            for name in self.names
        }
        return self.given(**fields)


@dataclass(frozen=True)
class _Definition:
    """M - lap w, which vanishes."""

    unknown: str
    laplacian: str

    @property
    def __name__(self) -> str:
        return self.laplacian

    @property
    def __signature__(self) -> inspect.Signature:
        return signature_of((self.unknown, self.laplacian))

    def __call__(self, **bound: Any) -> dict[str, Any]:
        """The residual by its name."""
        return {self.laplacian: bound[self.laplacian] - bound[self.unknown].laplacian}


def orders_in_space(problem: Problem) -> dict[str, int]:
    """{unknown: highest order of its derivatives by coordinates of space, mixed ones counted as a whole}."""
    space = problem.domain.space
    return {
        u: max((sum(name in space for name in key) for key in keys), default=0)
        for u, keys in problem.derivatives.items()
    }


def mixed_form(problem: Problem) -> MixedForm | None:
    """The problem with Laplacians as unknowns; None where no unknown has derivatives of higher than second order.

    Raises:
        ValueError: derivatives of third or more than fourth order are the highest, those of fourth order are not those of an
            iterated Laplacian, or there is time; coefficients jump, or conditions do not fit.
    """
    orders = orders_in_space(problem)
    high = [u for u, order in orders.items() if order > 2]
    if not high:
        return None
    if odd := [u for u in high if orders[u] != 4]:
        raise ValueError(
            f"reference_solution: {odd[0]} has derivatives of order {orders[odd[0]]}; finite elements solve equations of "
            "second order, and those of fourth whose highest derivatives are an iterated Laplacian. Write the equation as a "
            "system of second order, or pass a reference of your own as Problem(reference=...)."
        )
    if problem.domain.has_time:
        raise ValueError(
            f"reference_solution: {high[0]} has fourth derivatives and time; finite elements solve equations of fourth "
            "order where they are steady. Pass a reference of your own as Problem(reference=...)."
        )
    if problem.complex_unknowns:
        raise ValueError(
            "reference_solution: finite elements take no complex unknowns in equations of fourth order; write two real ones."
        )
    if problem.jumps:
        raise ValueError(
            f"reference_solution: {problem.jumps[0]}; in equations of fourth order finite elements take smooth coefficients "
            "only. Pass a reference of your own as Problem(reference=...)."
        )
    return _form(problem, high)


def _form(problem: Problem, high: Sequence[str]) -> MixedForm:
    lifted = {u: Lifted(_name(problem, u), problem.domain.space, _keeps_second(problem, u)) for u in high}
    bindable = (*problem.unknowns, *problem.bindable)
    equations: list[Any] = [
        _Equations(f, tuple(argument_names(f, bindable, "an equation")), lifted) for f in problem.equations
    ]
    equations += [_Definition(u, each.laplacian) for u, each in lifted.items()]
    unknowns = (*problem.unknowns, *(each.laplacian for each in lifted.values()))
    posed = Problem(
        problem.domain,
        unknowns,
        equations,
        lifted_conditions(problem, lifted),
        problem.parameters,
        name=problem.name,
    )
    first = len(problem.residual_names)
    rows = {each.laplacian: first + k for k, each in enumerate(lifted.values())}
    return MixedForm(posed, {each.laplacian: u for u, each in lifted.items()}, rows)


def _name(problem: Problem, unknown: str) -> str:
    taken, found = {*problem.unknowns, *problem.domain.coordinates, *problem.parameters}, f"laplacian_{unknown}"
    while found in taken:
        found += "_"
    return found


def _keeps_second(problem: Problem, unknown: str) -> bool:
    """Whether second derivatives of an unknown are no Laplacian, after a look at those of higher order, which must be.

    Raises:
        ValueError: they are not.
    """
    region, space = problem.domain, problem.domain.space
    unit = torch.rand(
        (_PROBES, len(region.coordinates)), generator=torch.Generator().manual_seed(5), dtype=torch.float64
    )
    columns = region.columns(region.interior(unit).points)
    jets = {u: made_up_jet(_PROBES, 61 + j) for j, u in enumerate(problem.unknowns)}
    leaves = {(u, key): jets[u][key] for u, keys in problem.derivatives.items() for key in keys}
    scope = Scope.of_jets(jets, columns, problem.parameter_values())
    keeps = False
    for name, residual in problem.equation_term().evaluate((scope,)).items():
        found = gradients(residual, leaves)
        mine = {key: g.detach() for (u, key), g in found.items() if u == unknown and bool((g != 0).any())}
        if not _is_iterated(mine, space):
            raise ValueError(
                f"reference_solution: the derivatives of {unknown} of third and fourth order in equation {name!r} are not "
                "those of its Laplacian, as in (D * w.laplacian).laplacian with a smooth D; finite elements take no others. "
                "Pass a reference of your own as Problem(reference=...)."
            )
        keeps |= not is_laplacian({key: g for key, g in mine.items() if len(key) == 2}, space)
    return keeps


def _is_iterated(mine: Mapping[Key, Tensor], space: Sequence[str]) -> bool:
    """Whether coefficients of third and fourth derivatives are those of the Laplacian, once and twice differentiated."""
    high = {key: g for key, g in mine.items() if len(key) > 2}
    if not high:
        return True
    zero = torch.zeros_like(next(iter(high.values())))

    def of(*names: str) -> Tensor:
        return high.get(sort_key(names, tuple(space)), zero)

    size = max(float(g.abs().max()) for g in high.values())
    gaps, meant = [], set()
    for a in space:
        for b in space:
            meant |= {sort_key((a, b, b), tuple(space)), sort_key((a, a, b, b), tuple(space))}
            if a != b:
                gaps += [
                    of(a, b, b) - of(a, a, a),
                    of(a, a, b, b) - 2 * of(a, a, a, a),
                    of(a, a, a, a) - of(b, b, b, b),
                ]
    return alike([*gaps, *(g for key, g in high.items() if key not in meant)], size)


def check_mixed(form: MixedForm, essential: Sequence[Essential], fluxes: Sequence[BoundaryFlux]) -> None:
    """Raise ValueError unless every unknown of fourth order has two conditions everywhere that its mixed form can hold.

    Args:
        form: of the problem.
        essential, fluxes: its conditions.
    """
    problem, region = form.problem, form.problem.domain.at_rest
    assert region is not None
    tied = {c + sign for c in problem.domain.space for sign in "-+" if periodic_unknowns(problem, c)}
    for piece in problem.domain.pieces(None):
        columns = sampled(problem, piece)
        for m, w in form.laplacians.items():
            if piece in tied:
                continue
            kinds = [given_at(u, piece, e, f, columns) for u in (w, m) for e, f in ((essential, ()), ((), fluxes))]
            found = torch.stack(kinds, dim=1).round().long().unique(dim=0).tolist()
            if any(tuple(each) not in _PAIRS for each in found):
                raise ValueError(
                    f"reference_solution: the conditions on {w} at {piece!r} are not two of those that finite elements take "
                    "in equations of fourth order: its value and slope (clamped), or its value and Laplacian or moment "
                    f"(supported). Give {w} one of these pairs there, or pass a reference of your own as "
                    "Problem(reference=...)."
                )
    for m, w in form.laplacians.items():
        held = {e.piece for e in essential if e.unknown == m}
        if held and _bends_inwards(region, held):
            raise ValueError(
                f"reference_solution: {w} is supported at a corner that points inwards, where its Laplacian is unbounded "
                "and two equations of second order have another solution than the one of fourth (Sapondzhyan's paradox). "
                "Clamp it there, or pass a reference of your own as Problem(reference=...)."
            )


def _bends_inwards(region: Region, pieces: Collection[str]) -> bool:
    """Whether two of the pieces may meet in a corner or edge that points inwards; in space, whether a region is neither a
    box nor a ball.
    """
    if len(region.coordinates) == 3:
        return not isinstance(region, Box | Ball)
    corners = [point for point, share, meeting in corners_of(region) if share > _INWARD and meeting & set(pieces)]
    return bool(corners)
