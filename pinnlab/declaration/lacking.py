"""The problem of what a known function lacks: u = known + e, as a problem for e like any other.

Letters: c derivatives, n points, d coordinates, m unknowns.

F(known + e) = 0, and every condition holds for known + e. Nothing is linearized.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.declaration.arguments import with_arguments
from pinnlab.declaration.conditions import (
    AnyCondition,
    BoundaryCondition,
    Condition,
    Dirichlet,
    Initial,
    OnPiece,
    Periodic,
    PrescribedCondition,
    Robin,
)
from pinnlab.declaration.conditions.binding import NORMAL
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term, trace
from pinnlab.derivatives.fields import Key, NamedJet, as_value
from pinnlab.derivatives.indices import Indices, used_indices
from pinnlab.derivatives.jets import LazyJet, named_jets
from pinnlab.domains import Region
from pinnlab.domains.columns import columns_of
from pinnlab.domains.sampling import unit_points
from pinnlab.machine.deadline import Deadline

KEPT = 64_000_000
"""Numbers of the known function's derivatives that are kept for points that come again."""
_BATCH = 4096


def keys_of(problem: Problem, term: Term) -> Mapping[str, frozenset[Key]]:
    """{unknown: the derivatives that a term uses}."""
    d = len(problem.domain.coordinates)
    sites = term.draw(lambda n: unit_points("sobol", n, d, np.random.default_rng(0)), 5)
    return trace(term, problem.domain.columns, problem.unknowns, problem.parameter_values(), sites).keys


class KeptJets:
    """A finished model's derivatives, kept: time steppers come back to the same points.

    Args:
        model: has ``jet(points, indices)``.
        problem: names coordinates and unknowns.
        indices: the derivatives that may be asked for.
        deadline: raise TimeIsUpError after it.
        place: moves points, and knows the number of the coordinate that is held: see ``lacking_problem``.
        kept: numbers that may be kept.
    """

    def __init__(
        self,
        model: Any,
        problem: Problem,
        indices: Indices,
        deadline: Deadline | None = None,
        place: Place | None = None,
        kept: int = KEPT,
    ):
        self.model, self.problem, self.indices, self.place, self._most = model, problem, indices, place, kept
        self.deadline = deadline or Deadline()
        self._kept: dict[bytes, Tensor] = {}
        self._numbers = 0

    def jets(self, columns: Sequence[Tensor], held: int | None = None) -> dict[str, dict[Key, Tensor]]:
        """{unknown: {derivative: (n,)}} at points whose coordinates are (n,) each, one of which may be held."""
        points = torch.stack([c.detach().to("cpu", torch.float64) for c in columns], dim=1)
        if self.place is not None:
            points = self.place(points, held)
        mark = points.numpy().tobytes()
        self.deadline.check()
        if mark not in self._kept:
            self._keep(mark, self._jet(points))
        return named_jets(self._kept[mark], self.indices, self.problem.unknowns, self.problem.domain.coordinates)

    def _jet(self, points: Tensor) -> Tensor:
        like = self.model.parameters[0].detach()
        parts = [self.model.jet(part.to(like), self.indices).detach() for part in points.split(_BATCH)]
        return within(torch.cat(parts, dim=1).to("cpu", torch.float64), points, self.problem.domain)

    def _keep(self, mark: bytes, jet: Tensor) -> None:
        if self._numbers + jet.numel() > self._most:
            self._kept, self._numbers = {}, 0
        self._kept[mark] = jet
        self._numbers += jet.numel()


def within(jet: Tensor, points: Tensor, region: Region) -> Tensor:
    """A jet (c, n, m) with that of the nearest point where it is not finite at one (n, d) outside of the region.

    Elements with flat sides reach over a curved boundary, where a solution need not be defined.
    """
    lost = ~jet.isfinite().all(dim=2).all(dim=0)
    if not bool(lost.any()) or bool(lost.all()) or bool(region.contains(points[lost]).any()):
        return jet
    _, nearest = scipy.spatial.KDTree(points[~lost].numpy()).query(points[lost].numpy())
    jet = jet.clone()
    jet[:, lost] = jet[:, ~lost][:, torch.from_numpy(np.asarray(nearest))]
    return jet


def _sum(known: NamedJet, error: Any) -> LazyJet:
    """The jet of u_h + e, from the jet of u_h and the field e."""
    return LazyJet(lambda key: known[key] + as_value(error.d(*key) if key else error))


def _value(given: Any) -> Tensor:
    """A field, or a value on a grid, as a tensor."""
    return given if isinstance(given, Tensor) else given.value


def _named(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """A function of keywords, with a signature by which a problem can bind them."""

    def bound(**given: Any) -> Any:
        return function(given)

    return with_arguments(bound, names)


Place = Callable[[Tensor, int | None], Tensor]
"""(points (n, d), number of the coordinate that is held) -> points (n, d)."""
InitialState = Callable[[str, Key], Callable[[Mapping[str, Tensor]], Tensor]]
"""(unknown, derivative in time) -> its initial values (n,) as a function of columns (n,) of space."""


def lacking_problem(
    problem: Problem,
    model: Any,
    start: InitialState | None = None,
    deadline: Deadline | None = None,
    place: Place | None = None,
    also: Sequence[AnyCondition] = (),
    kept: int = KEPT,
) -> Problem:
    """The problem whose solution is u - u_h, with the names of the problem's own unknowns.

    Args:
        problem: what u_h was meant to solve, with a number for every parameter.
        model: u_h on the problem's domain.
        start: of u, where it is not the problem's initial state: the end of an earlier time window.
        deadline: the equations raise TimeIsUpError after it.
        place: moves points (n, d) to where the model is evaluated in their place, such as away from others where it has
            no value; the number of the coordinate that a condition's piece holds, if any, is given with them.
        also: further conditions on e.
        kept: numbers of u_h's derivatives that equations keep for points that come again.
    """
    names = problem.domain.coordinates
    parameters = problem.parameter_values()
    known = KeptJets(model, problem, used_indices(problem.derivatives, names), deadline, place, kept)
    evaluate = problem.equation_term().evaluate

    def equations(given: dict[str, Any]) -> dict[str, Tensor]:
        columns = columns_of(problem.domain, {name: _value(given[name]) for name in names})
        at = known.jets(list(columns.values()))
        jets = {u: _sum(at[u], given[u]) for u in problem.unknowns}
        return evaluate((Scope.of_jets(jets, columns, parameters),))

    return Problem(
        domain=problem.domain,
        unknowns=problem.unknowns,
        equations=_named(equations, (*problem.unknowns, *names)),
        conditions=[*_conditions(problem, model, start, place), *also],
        parameters=problem.parameters,
        name=f"error of {problem.name}",
    )


def _conditions(problem: Problem, model: Any, start: InitialState | None, place: Place | None) -> list[AnyCondition]:
    """The conditions on e: what u_h lacks of each of the problem's, but of data, which are none of a well-posed problem."""
    context = problem.context()
    first = {u: frozenset((c,) for c in problem.domain.coordinates) for u in problem.unknowns}
    asked = [keys_of(problem, term) for _, terms in problem.condition_terms() for term in terms]
    wanted = {u: keys.union(first[u], *(a[u] for a in asked)) for u, keys in problem.derivatives.items()}
    known = KeptJets(model, problem, used_indices(wanted, problem.domain.coordinates), place=place)
    found: list[AnyCondition] = []
    for condition in problem.conditions:
        if isinstance(condition, Periodic):
            found.append(Periodic(condition.on, unknowns=condition.unknowns, exact=False))
        elif isinstance(condition, Initial):
            for (unknown, key, _, _), term in zip(condition.targets(context), condition.terms(context), strict=True):
                found.append(_initial(problem, known, unknown, key, term, start))
        elif isinstance(condition, BoundaryCondition):
            for each, term in zip(condition.on_pieces(context), condition.terms(context), strict=True):
                found.append(_on_boundary(problem, known, condition, each, term))
    return found


def _on_boundary(
    problem: Problem, known: KeptJets, condition: BoundaryCondition, each: OnPiece, term: Term
) -> AnyCondition:
    names, where = problem.domain.coordinates, condition.where
    bends = problem.domain.face(each.piece) is None and NORMAL not in (*problem.unknowns, *problem.bindable)
    prescribed = Dirichlet if bends else PrescribedCondition
    if each.unknown is None or not isinstance(condition, prescribed):
        seen = (*problem.unknowns, *names, *((NORMAL,) if bends else ()))
        return Condition(_named(_formula(problem, known, term, each.piece), seen), on=each.piece, where=where)
    lack: Any = _named(lack_of(problem, known, term, each.piece), names)
    if isinstance(condition, Robin):
        a, b, _ = condition.values[each.unknown]
        lack = (a, b, lack)
    return type(condition)(on=each.piece, where=where, exact=False, **{each.unknown: lack})


def _initial(
    problem: Problem, known: KeptJets, unknown: str, key: Key, term: Term, start: InitialState | None
) -> AnyCondition:
    first = problem.domain.time_interval[0]
    if start is None:
        lack = lack_of(problem, known, term)
    else:
        goal = start(unknown, key)

        def lack(columns: Mapping[str, Tensor]) -> Tensor:
            at = [columns[name] for name in problem.domain.coordinates]
            return goal(columns) - known.jets(at)[unknown][key]

    def value(given: dict[str, Tensor]) -> Tensor:
        like = next(iter(given.values())) if given else torch.zeros(1, dtype=torch.float64)
        columns = {
            name: torch.full_like(like, first) if name == problem.domain.clock else given[name]
            for name in problem.domain.coordinates
        }
        return lack(columns)

    name = unknown + ("_" + problem.domain.clock * len(key) if key else "")
    space = problem.domain.space
    given: Any = _named(value, space) if space else float(value({}))
    return Initial(exact=False, **{name: given})


def lack_of(
    problem: Problem, known: KeptJets, term: Term, piece: str | None = None
) -> Callable[[Mapping[str, Tensor]], Tensor]:
    """Minus the misfit (n,) of u_h in one condition, at columns (n,) on its piece of the boundary."""
    names, parameters = problem.domain.coordinates, problem.parameter_values()

    def lack(columns: Mapping[str, Tensor]) -> Tensor:
        ordered = columns_of(problem.domain, columns)
        normals = None if piece is None else _normals(problem, piece, ordered[names[0]])
        at = known.jets(list(ordered.values()), _held(problem, piece))
        scope = Scope.of_jets(at, ordered, parameters, normals)
        (misfit,) = term.evaluate((scope,)).values()
        return -misfit

    return lack


def _formula(
    problem: Problem, known: KeptJets, term: Term, piece: str
) -> Callable[[Mapping[str, Any]], dict[str, Tensor]]:
    """What a formula on the boundary makes of u_h + e, of fields e and columns (n,)."""
    names, parameters = problem.domain.coordinates, problem.parameter_values()

    def misfits(given: Mapping[str, Any]) -> dict[str, Tensor]:
        columns = columns_of(problem.domain, {name: _value(given[name]) for name in names})
        at = known.jets(list(columns.values()), _held(problem, piece))
        jets = {u: _sum(at[u], given[u]) for u in problem.unknowns}
        # elements know the normals of a side that bends
        normals = dict(given[NORMAL].parts) if NORMAL in given else _normals(problem, piece, columns[names[0]])
        return term.evaluate((Scope.of_jets(jets, columns, parameters, normals),))

    return misfits


def _held(problem: Problem, piece: str | None) -> int | None:
    """The number of the coordinate that is constant on a piece, or at the start."""
    if piece is None:
        return problem.domain.time_index if problem.domain.has_time else None
    face = problem.domain.face(piece)
    return None if face is None else face[0]


def _normals(problem: Problem, piece: str, like: Tensor) -> dict[str, Tensor]:
    """{coordinate: (n,)} of the outward normal of a flat piece; zero where it bends, where only values may be given."""
    face, names = problem.domain.face(piece), problem.domain.coordinates
    held, outward = (None, 0.0) if face is None else (face[0], face[2])
    return {name: torch.full_like(like, outward if i == held else 0.0) for i, name in enumerate(names)}
