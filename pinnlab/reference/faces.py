"""Boundary conditions as a grid takes them: one residual at a time, with the unknown whose row each one takes.

Letters: b points of a face.

A condition that names its unknown takes that unknown's row. A formula may hold several: it gets one that it holds with the
highest derivative across the face, and that has no condition there yet. Conditions on parts of one side share its row: at
each point the one counts that holds there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.declaration.conditions import BoundaryCondition, Dirichlet, Neumann, OnPiece
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import made_up_jet
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains.columns import Columns
from pinnlab.domains.sampling import unit_points

_POINTS = 5
_OF_SIDE = 512
"""Points of a side at which it is asked which conditions hold there."""
_VALUE, _BOTH, _SLOPE = 0, 1, 2
"""Order in which conditions choose their rows: what fixes a value comes first at corners."""


@dataclass(frozen=True)
class FaceCondition:
    """One residual on one face.

    Attributes:
        unknown: whose row it takes.
        piece: the face.
        misfit: scope with normals -> residual (b,).
        holds: {coordinate: (b,)} -> (b,) mask of the points where it holds; None for all of them.
        rank: conditions of a lower one choose their rows first.
        rates: order in time of the highest derivative of its unknown.
    """

    unknown: str
    piece: str
    misfit: Callable[[Scope], Tensor]
    holds: Callable[[Mapping[str, Tensor]], Tensor] | None
    rank: int
    rates: int


def face_conditions(problem: Problem) -> list[FaceCondition]:
    """Everything that holds on the boundary, periodicity aside, in the order in which it is declared.

    Raises:
        ValueError: parts of one side leave points without a condition that others have.
    """
    context, found = problem.context(), []
    for condition in problem.conditions:
        if not isinstance(condition, BoundaryCondition):
            continue
        part = condition.part(problem.domain)
        for each in condition.on_pieces(context):
            for i in range(len(each.residuals)):
                found.append((condition, each, i, None if part is None else part.holds))
    leaves = [leaves_on(problem, each)[i] for _, each, i, _ in found]
    unknowns = _owners(problem, [(each, leaf) for (_, each, _, _), leaf in zip(found, leaves, strict=True)])
    made = [
        FaceCondition(
            u, each.piece, _one(each, i), holds, _rank(condition, u, leaf), _rates(u, leaf, problem.domain.time)
        )
        for (condition, each, i, holds), leaf, u in zip(found, leaves, unknowns, strict=True)
    ]
    return _shared(problem, made)


def prescribed_means(problem: Problem) -> dict[str, float]:
    """{unknown: mean of the values that are prescribed for it on the boundary}, where there are some."""
    context, found = problem.context(), dict[str, list[float]]()
    for condition in problem.conditions:
        for each in condition.on_pieces(context) if isinstance(condition, Dirichlet) else ():
            assert each.unknown is not None
            columns = _sampled(problem, each.piece)
            nothing: dict[Key, Tensor] = {(): torch.zeros(_OF_SIDE, dtype=torch.float64)}
            scope = Scope.of_jets({each.unknown: nothing}, columns, problem.parameter_values())
            (misfit,) = each.misfit(scope).values()
            found.setdefault(each.unknown, []).append(-float(misfit.detach().mean()))
    return {unknown: float(np.mean(values)) for unknown, values in found.items()}


def constant_starts(problem: Problem) -> list[list[float]]:
    """Per start one constant for each unknown, from which a steady problem may be solved: prescribed means, zeros and ones.

    Of several solutions the one near the data is meant. Zero may be where a logarithm or a quotient is not defined, and one
    where a root is not.
    """
    given, unknowns = prescribed_means(problem), problem.unknowns
    means = [given.get(u, 0.0) for u in unknowns]
    return [*([means] if any(means) else []), [0.0] * len(unknowns), [1.0] * len(unknowns)]


def _one(each: OnPiece, i: int) -> Callable[[Scope], Tensor]:
    return lambda scope: list(each.misfit(scope).values())[i]


def leaves_on(problem: Problem, each: OnPiece) -> list[dict[tuple[str, Key], float]]:
    """Per residual {(unknown, derivative): size of its coefficient} at made-up fields; zeros are left out."""
    region = problem.domain
    unit = unit_points("sobol", _POINTS, len(region.coordinates), np.random.default_rng(3)).double()
    site = region.boundary(each.piece, unit)
    jets = {u: made_up_jet(_POINTS, 11 + j) for j, u in enumerate(problem.unknowns)}
    normals = {name: region.columns(site.outward)[name] for name in region.normal_coordinates(each.piece)}
    scope = Scope.of_jets(jets, region.columns(site.points), problem.parameter_values(), normals)
    found = linearize(list(each.misfit(scope).values()), jets)
    sizes = [{leaf: float(c.abs().max()) for leaf, c in row.items()} for row in found]
    return [{leaf: size for leaf, size in row.items() if size > 0 or np.isnan(size)} for row in sizes]


def _owners(problem: Problem, given: Sequence[tuple[OnPiece, Mapping[tuple[str, Key], float]]]) -> list[str]:
    """The unknown whose row each residual takes."""
    taken: Counter[tuple[str | None, str]] = Counter(
        (each.unknown, each.piece[:-1]) for each, _ in given if each.unknown is not None
    )
    result: list[str | None] = [each.unknown for each, _ in given]
    for piece in dict.fromkeys(each.piece for each, _ in given):
        open_ = [i for i, (each, _) in enumerate(given) if each.piece == piece and result[i] is None]
        here = {each.unknown for each, _ in given if each.piece == piece and each.unknown is not None}
        for i, unknown in zip(open_, _matched(problem, piece, [given[i][1] for i in open_], here, taken), strict=True):
            result[i] = unknown
            taken[unknown, piece[:-1]] += 1
    return [u for u in result if u is not None]


def _matched(
    problem: Problem,
    piece: str,
    rows: Sequence[Mapping[tuple[str, Key], float]],
    here: set[str],
    taken: Mapping[tuple[str | None, str], int],
) -> list[str]:
    """For each formula on a face an unknown that it holds; different ones as far as that is possible."""
    if not rows:
        return []
    across, unknowns = piece[:-1], list(problem.unknowns)
    order = {u: problem.order_of(u, across) for u in unknowns}
    # an unknown may have several conditions at one end, as a deflection has
    slots = [u for u in unknowns for _ in range(max(1, len(rows)))]
    score = np.full((len(rows), len(slots)), -1e6)
    for i, row in enumerate(rows):
        for j, u in enumerate(slots):
            keys = [key for unknown, key in row if unknown == u]
            if not keys:
                continue
            again = j % max(1, len(rows))
            wanted = order[u] - taken.get((u, across), 0) - again
            score[i, j] = 2.0 * min(max(key.count(across) for key in keys), order[u]) + max(map(len, keys)) * 0.1
            score[i, j] += 4.0 * (wanted > 0) - 1.0 * (u in here) - 1.5 * again - 3.0 * (order[u] == 0)
    chosen, places = scipy.optimize.linear_sum_assignment(-score)
    return [slots[j] for _, j in sorted(zip(chosen.tolist(), places.tolist(), strict=True))]


def _rank(condition: BoundaryCondition, unknown: str, row: Mapping[tuple[str, Key], float]) -> int:
    if isinstance(condition, Dirichlet | Neumann):
        return _VALUE if isinstance(condition, Dirichlet) else _SLOPE
    keys = [key for u, key in row if u == unknown]
    if condition.of_fields and keys and not any(keys):
        return _VALUE
    return _SLOPE if condition.of_fields and all(keys) else _BOTH


def _rates(unknown: str, row: Mapping[tuple[str, Key], float], clock: str | None) -> int:
    return 0 if clock is None else max((key.count(clock) for u, key in row if u == unknown), default=0)


def _shared(problem: Problem, conditions: Sequence[FaceCondition]) -> list[FaceCondition]:
    """Conditions on parts of a side as one that holds on all of these parts; those that hold everywhere as they are."""
    found: list[FaceCondition] = []
    for condition in conditions:
        if condition.holds is None:
            found.append(condition)
            continue
        columns = _sampled(problem, condition.piece)
        same = [
            i
            for i, other in enumerate(found)
            if (other.unknown, other.piece) == (condition.unknown, condition.piece)
            and other.holds is not None
            and not bool((other.holds(columns) & condition.holds(columns)).any())
        ]
        if same:
            found[same[0]] = _joined(found[same[0]], condition)
        else:
            found.append(condition)
    return [_whole(problem, condition) for condition in found]


def _joined(first: FaceCondition, second: FaceCondition) -> FaceCondition:
    """One condition where the first holds, and the other one elsewhere."""
    if first.rates != second.rates:
        raise ValueError(
            f"reference_solution: the conditions on parts of {first.piece!r} are of order {first.rates} and "
            f"{second.rates} in time; the built-in solver takes parts of one order. Pass a reference of your own as "
            "Problem(reference=...)."
        )
    of_first, of_second = first.holds, second.holds
    assert of_first is not None and of_second is not None

    def misfit(scope: Scope) -> Tensor:
        return torch.where(of_first(scope.coordinates), first.misfit(scope), second.misfit(scope))

    def holds(columns: Mapping[str, Tensor]) -> Tensor:
        return of_first(columns) | of_second(columns)

    return replace(first, misfit=misfit, holds=holds, rank=min(first.rank, second.rank))


def _whole(problem: Problem, condition: FaceCondition) -> FaceCondition:
    """The condition without a mask where its parts cover the side.

    Raises:
        ValueError: what they leave out changes with time.
    """
    if condition.holds is None:
        return condition
    columns = _sampled(problem, condition.piece)
    mask = condition.holds(columns)
    if bool(mask.all()):
        return replace(condition, holds=None)
    if problem.domain.has_time:
        clock = problem.domain.clock
        for time in problem.domain.time_interval:
            at = columns.replaced(**{clock: torch.full_like(columns[clock], time)})
            if not torch.equal(condition.holds(at), mask):
                raise ValueError(
                    f"reference_solution: the condition on {condition.unknown} holds on a part of {condition.piece!r} that "
                    "changes with time, and nothing is said of the rest; say what holds there, or pass a reference of "
                    "your own as Problem(reference=...)."
                )
    return condition


def _sampled(problem: Problem, piece: str) -> Columns:
    """{coordinate: (n,)} of points on a face."""
    region = problem.domain
    unit = unit_points("sobol", _OF_SIDE, len(region.coordinates), np.random.default_rng(5)).double()
    return region.columns(region.boundary(piece, unit).points)
