"""Where the members of a family are solved: domain, parts of the experts, rows, exact conditions; nothing here is trained.

Letters: M members, K experts, B sets of n points, m unknowns, N basis functions of an unknown.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.algebra.least_squares import LeastSquares, Minimum
from pinnlab.declaration.ansatz import Ansatz
from pinnlab.declaration.conditions import Initial
from pinnlab.declaration.exact import ExactPlan, plan_exact
from pinnlab.declaration.parameters.functions import FunctionParameter
from pinnlab.declaration.parameters.kinds import Uniform
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.grid import Grid
from pinnlab.derivatives.indices import VALUE
from pinnlab.domains.columns import columns_of
from pinnlab.domains.sampling import unit_points
from pinnlab.solvers.experts.assembly import ExpertAssembly
from pinnlab.solvers.experts.bases import GridBasis, Inputs, PointBasis, snapped
from pinnlab.solvers.experts.layer import ExpertsLayer
from pinnlab.solvers.experts.partition import Cuts, cut, on_nodes
from pinnlab.solvers.experts.rows import Expansion, ExpertRows, MemberParameters

Values = Mapping[str, Any]
"""{family parameter: number or function} of one member."""
_RIDGE_OF_START = 1e-10


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How basis functions become a solution.

    Attributes:
        cuts: parts of the experts, as in ``cut``.
        basis: N.
        coupling: as in ``ExpertAssembly``.
        solved: whether coefficients are solved for; else they are one (the soft constraint).
        points: of the equations, per expert, in the inner problem.
        condition_points: per condition and expert.
        condition_weight: of the mean squares of conditions.
        search: the inner solver.
        ridge, newton, hessian, whiten: as in ``ExpertsLayer``.
        grid: {coordinate: nodes} for networks on a grid, else None.
        order: of finite differences on the grid.
        graded: {coordinate: power p}: the coordinate's share s of its interval is drawn as s**p, denser at its start.
    """

    cuts: Cuts
    basis: int
    coupling: str
    solved: bool
    points: int
    condition_points: int
    condition_weight: float
    search: LeastSquares
    ridge: float
    newton: int
    hessian: str
    grid: Mapping[str, int] | None
    order: int
    graded: Mapping[str, float]
    whiten: bool


def scalars(problem: Problem) -> list[str]:
    """Families of numbers."""
    return [name for name in problem.families if isinstance(problem.parameters[name], Uniform)]


def functions(problem: Problem) -> list[str]:
    """Families of functions."""
    return [name for name in problem.families if not isinstance(problem.parameters[name], Uniform)]


def representatives(problem: Problem) -> dict[str, Any]:
    """The parameters of the member that stands for all."""
    families: Any = problem.parameters
    return {name: families[name].representative for name in problem.families}


class Place:
    """Where members are solved: domain, parts, rows, exact conditions; nothing in it is trained.

    Args:
        problem: the family, or one problem.
        recipe: how.
    """

    def __init__(self, problem: Problem, recipe: Recipe):
        self.recipe = recipe
        partition = cut(problem.domain, recipe.cuts)
        problem, plan, own = _settled(problem)
        self.problem, self.plan = problem, own
        # exact data that depend on the member are prepared for each, all others once
        self._common = plan.ansatz if set(plan.built_in) == set(own.built_in) else None
        example = problem.at(**representatives(problem))
        names = list(problem.domain.coordinates)
        self.periodic = tuple(names[i] for i in self.plan.periods)
        self.grid: Grid | None = None
        if recipe.grid is not None:
            self.grid = Grid(partition.region, recipe.grid, self.periodic, recipe.order)
            partition = on_nodes(partition, self.grid.axes)
        self.partition = partition
        self.assembly = ExpertAssembly(
            example, self.plan.soft, partition, recipe.coupling, recipe.condition_weight, self.periodic
        )
        self._initial = _initial_values(example, self.plan.soft)

    @property
    def joints(self) -> dict[str, tuple[float, ...]]:
        """{coordinate: positions where experts meet}."""
        return {name: tuple(edges[1:-1]) for name, edges in self.partition.edges.items() if len(edges) > 2}

    def replace(self, problem: Problem | None = None, **changes: Any) -> Place:
        """The same with another problem of the family or other settings."""
        return Place(self.problem if problem is None else problem, dataclasses.replace(self.recipe, **changes))

    def fixed(self, values: Values | None, like: Tensor) -> dict[str, Any]:
        """Parameters that are not families, and those of one member if it is given."""
        problem = self.problem
        found = {k: v for k, v in problem.parameter_values(like).items() if k not in problem.families}
        for name, value in (values or {}).items():
            found[name] = value if isinstance(value, FunctionParameter) else like.new_tensor(value)
        return found

    def inputs(self, members: Sequence[Values], like: Tensor) -> Inputs:
        """What the network is told about members."""
        functional, scalar = functions(self.problem), scalars(self.problem)
        numbers = like.new_tensor([[float(v[name]) for name in scalar] for v in members]).reshape(len(members), -1)
        ansatzes = [self._common] if self._common is not None else [self._ansatz(v) for v in members]
        return Inputs(numbers, [[v[name] for v in members] for name in functional], ansatzes)

    def _ansatz(self, values: Values) -> Ansatz:
        problem = self.problem
        fixed = {k: v for k, v in problem.parameters.items() if k not in problem.families}
        return plan_exact(problem.context(), self.plan.built_in, {**fixed, **values}, rough=True).ansatz

    def members(self, members: Sequence[Values], like: Tensor) -> MemberParameters:
        """Their parameters as terms see them."""
        found: dict[str, Any] = {}
        for name in self.problem.families:
            mine = [v[name] for v in members]
            found[name] = mine if name in functions(self.problem) else like.new_tensor(mine)
        return MemberParameters(self.fixed(None, like), found, len(members))

    def layer(
        self, members: Sequence[Values], rng: np.random.Generator, like: Tensor, experts: Tensor | None = None
    ) -> tuple[list[ExpertRows], ExpertsLayer]:
        """Rows of the inner problem at new points, and the layer that solves them; ``experts``: only these."""
        recipe = self.recipe
        rows, groups = self.assembly.draw(
            self._unit(rng), self.members(members, like), recipe.points, recipe.condition_points, like=like,
            snap=self._snap, experts=experts,
        )  # fmt: skip
        if not recipe.solved:
            groups = []
        layer = ExpertsLayer(
            rows, groups, recipe.search, recipe.ridge, recipe.newton, recipe.hessian, recipe.whiten
        )  # fmt: skip
        return rows, layer

    def judge(
        self,
        members: Sequence[Values],
        rng: np.random.Generator,
        like: Tensor,
        points: int,
        experts: Tensor | None = None,
    ) -> list[ExpertRows]:
        """Rows of the loss: everything that a solution must meet, at new points."""
        return self.assembly.draw(
            self._unit(rng), self.members(members, like), points, self.recipe.condition_points, like=like,
            snap=self._snap, judge=True, experts=experts,
        )[0]  # fmt: skip

    def start(
        self, basis: PointBasis | GridBasis, rows: Sequence[ExpertRows], members: Sequence[Values], like: Tensor
    ) -> Tensor:
        """(M, K, m, N): u is fitted to its initial values at all times where these are known, else zero."""
        count, m, size = len(members), len(self.problem.unknowns), self.recipe.basis
        w = like.new_zeros(count, self.partition.count, m, size)
        if not self.recipe.solved:
            return w + 1.0
        if not self._initial:
            return w
        parameters = self.members(members, like)
        for mine in (r for r in rows if r.term.kind == "equation"):
            points = mine.points[0][:, :: max(1, mine.points[0].shape[1] // (4 * size))]
            e = basis.expand(points, VALUE)
            flat = points.flatten(0, 1)
            names = self.problem.domain.coordinates
            columns = columns_of(self.problem.domain, {name: flat[:, i].repeat(count) for i, name in enumerate(names)})
            scope = Scope({}, columns, parameters.scope(len(flat)))
            for j, (value, arguments) in self._initial.items():
                target = scope.value(value, arguments, "initial value").reshape(count, *points.shape[:2])
                if e.offset is not None:
                    target = target - e.offset[:, :, j, 0]
                w[:, mine.experts[:, 0], j] = fitted(e.basis[:, :, j, 0], target)
        return w

    def _unit(self, rng: np.random.Generator) -> Any:
        names = self.problem.domain.coordinates
        powers = torch.tensor([self.recipe.graded.get(name, 1.0) for name in names], dtype=torch.float64)
        return lambda n: unit_points("sobol", n, len(names), rng) ** powers

    @property
    def _snap(self) -> Any:
        grid = self.grid
        return None if grid is None else lambda points: snapped(grid, points)


def fitted(basis: Tensor, target: Tensor) -> Tensor:
    """Coefficients (..., N) with which functions (..., n, N) come close to values (..., n); a rough start."""
    gram = basis.mT @ basis
    level = gram.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    gram = gram + (_RIDGE_OF_START * level + torch.finfo(gram.dtype).tiny) * eye
    found = torch.linalg.solve_ex(gram, basis.mT @ target[..., None])[0][..., 0]
    return torch.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0)


def _settled(problem: Problem) -> tuple[Problem, ExactPlan, ExactPlan]:
    """A family whose members agree on what is exact, the plan of the family, and that of its members.

    Where data of a member contradict another exact condition at a corner, both become soft: a field that is forced to one
    of them cannot come close to the other.
    """
    plan = problem.exact_plan(singular="none")
    if not problem.families:
        return problem, plan, plan
    own = problem.at(**representatives(problem)).exact_plan(singular="none")
    if set(plan.built_in) <= set(own.built_in):
        return problem, plan, own
    clash = set(plan.built_in) ^ set(own.built_in)
    conditions = []
    for condition in problem.conditions:
        if condition in clash:
            condition = copy.copy(condition)
            condition.exact = False
        conditions.append(condition)
    problem = problem.replace(conditions=conditions)
    return (
        problem,
        problem.exact_plan(singular="none"),
        problem.at(**representatives(problem)).exact_plan(singular="none"),
    )


def solve(
    place: Place,
    layer: ExpertsLayer,
    basis: PointBasis | GridBasis,
    rows: Sequence[ExpertRows],
    placed: Sequence[Sequence[Expansion]],
    members: Sequence[Values],
) -> tuple[Tensor, tuple[Minimum, ...]]:
    """Coefficients (M, K, m, N) of members, with a graph to the basis, and how the searches ended."""
    like = placed[0][0].basis.detach()
    with torch.no_grad():
        start = place.start(basis, rows, members, like)
    return layer.solve(placed, start)


def _initial_values(problem: Problem, soft: Sequence[Any]) -> dict[int, tuple[Any, tuple[str, ...]]]:
    """{unknown's number: initial value and its arguments} of the soft initial conditions."""
    found = {}
    for condition in soft:
        if isinstance(condition, Initial):
            for unknown, key, value, names in condition.targets(problem.context()):
                if not key:
                    found[problem.unknowns.index(unknown)] = (value, names)
    return found
