"""The operator: a network whose basis functions every member of a family fits to its own equations.

Letters: M members, K experts, B sets of n points, m unknowns, N basis functions of an unknown, c derivatives,
d coordinates, p parameters.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pinnlab.ansatz import Ansatz
from pinnlab.conditions import Initial
from pinnlab.constraints.experts import ExpertsLayer
from pinnlab.constraints.layout import Layout
from pinnlab.constraints.partition import Cuts, Partition
from pinnlab.constraints.rows import Expansion, Members, Rows
from pinnlab.derivatives.grid import Grid
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.domains import Box
from pinnlab.exact import ExactPlan, plan_exact
from pinnlab.functions import FunctionParameter
from pinnlab.least_squares import LeastSquares, Minimum
from pinnlab.operators.bases import GridBasis, Inputs, PointBasis, finished, snapped
from pinnlab.parameters import Uniform
from pinnlab.problem import Problem
from pinnlab.sampling import unit_points
from pinnlab.terms import Scope

Values = Mapping[str, Any]
"""{family parameter: number or function} of one member."""
_RIDGE_OF_START = 1e-10


@dataclass(frozen=True)
class Recipe:
    """How basis functions become a solution.

    Attributes:
        cuts: parts of the experts, as in ``Partition.of``.
        basis: N.
        coupling: as in ``Layout``.
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
    graded: Mapping[str, float] = field(default_factory=dict)
    whiten: bool = False


class OperatorModel:
    """Basis functions and coefficients of any member; what the training loop sees as a model.

    Args:
        problem: the family.
        network: sized; with a grid it maps (M, channels, *grid) to (M, m N, *grid), else (n, d + s) to (n, m N).
        recipe: how a member is solved.
    """

    def __init__(self, problem: Problem, network: nn.Module, recipe: Recipe):
        self.problem, self.network, self.recipe = problem, network, recipe
        self.unknowns: tuple[str, ...] = tuple(problem.unknowns)
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.coefficients: dict[str, Tensor] = {}
        self.place = Place(problem, recipe)
        self._representative: tuple[Tensor, MemberModel] | None = None

    @property
    def region(self) -> Box:
        """The domain."""
        assert isinstance(self.problem.domain, Box)
        return self.problem.domain

    @property
    def constants(self) -> dict[str, Any]:
        """Parameters of the representative member."""
        return dict(self.problem.parameter_values(self.parameters[0].detach()))

    @property
    def size(self) -> int:
        """p, the number of trainable numbers."""
        return sum(p.numel() for p in self.parameters)

    @property
    def theta(self) -> Tensor:
        """(p,): all trainable numbers, a copy."""
        return torch.cat([p.detach().reshape(-1) for p in self.parameters])

    @theta.setter
    def theta(self, value: Tensor) -> None:
        with torch.no_grad():
            start = 0
            for p in self.parameters:
                p.copy_(value[start : start + p.numel()].view_as(p))
                start += p.numel()

    def basis(self, members: Sequence[Values], place: Place | None = None) -> PointBasis | GridBasis:
        """The basis functions of some members, with a graph to the parameters."""
        place = self.place if place is None else place
        inputs = place.inputs(members, self.parameters[0])
        m, size = len(self.unknowns), self.recipe.basis
        if place.grid is None:
            return PointBasis(self.network, m, size, inputs)
        return GridBasis(self.network, place.grid, m, size, inputs)

    def member(self, values: Values, rng: np.random.Generator, place: Place | None = None) -> MemberModel:
        """One member's solution, without a graph.

        Args:
            values: its parameters.
            rng: draws the points of its least-squares problem.
            place: another domain or other settings than in training.

        Raises:
            ValueError: residuals or basis functions are not finite, or linearly dependent; says for which expert.
        """
        place = self.place if place is None else place
        with torch.no_grad():
            basis = self.basis([values], place)
            like = self.parameters[0].detach()
            rows, layer = place.layer([values], rng, like)
            placed = layer.place(basis)
            w, minima = solve(place, layer, basis, rows, placed, [values])
        return MemberModel(place, basis, w[0], minima, self.parameters, place.fixed(values, like))

    def values(self, points: Tensor) -> Tensor:
        """(n, m) values of the representative member (of a single problem, of itself)."""
        now = self.theta
        if self._representative is None or not torch.equal(self._representative[0], now):
            values = representatives(self.problem)
            self._representative = now, self.member(values, np.random.default_rng(0))
        return self._representative[1].values(points)


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
        partition = Partition.of(problem.domain, recipe.cuts)  # type: ignore[arg-type]
        problem, plan, own = _settled(problem)
        self.problem, self.plan = problem, own
        # exact data that depend on the member are prepared for each, all others once
        self._common = plan.ansatz if set(plan.built_in) == set(own.built_in) else None
        example = problem.at(**representatives(problem))
        names = list(problem.domain.coordinates)
        self.periodic = tuple(names[i] for i in self.plan.periods)
        self.grid: Grid | None = None
        if recipe.grid is not None:
            self.grid = Grid(problem.domain, recipe.grid, self.periodic, recipe.order)  # type: ignore[arg-type]
            partition = partition.snapped(self.grid.axes)
        self.partition = partition
        self.layout = Layout(
            example, self.plan.soft, partition, recipe.coupling, recipe.condition_weight, self.periodic
        )
        self._initial = _initial_values(example, self.plan.soft)

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
        return plan_exact(problem.context(), problem.conditions, {**fixed, **values}).ansatz

    def members(self, members: Sequence[Values], like: Tensor) -> Members:
        """Their parameters as terms see them."""
        found: dict[str, Any] = {}
        for name in self.problem.families:
            mine = [v[name] for v in members]
            found[name] = mine if name in functions(self.problem) else like.new_tensor(mine)
        return Members(self.fixed(None, like), found, len(members))

    def layer(
        self, members: Sequence[Values], rng: np.random.Generator, like: Tensor, experts: Tensor | None = None
    ) -> tuple[list[Rows], ExpertsLayer]:
        """Rows of the inner problem at new points, and the layer that solves them; ``experts``: only these."""
        recipe = self.recipe
        rows, groups = self.layout.draw(
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
    ) -> list[Rows]:
        """Rows of the loss: everything that a solution must meet, at new points."""
        return self.layout.draw(
            self._unit(rng), self.members(members, like), points, self.recipe.condition_points, like=like,
            snap=self._snap, judge=True, experts=experts,
        )[0]  # fmt: skip

    def start(
        self, basis: PointBasis | GridBasis, rows: Sequence[Rows], members: Sequence[Values], like: Tensor
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
            columns = {name: flat[:, i].repeat(count) for i, name in enumerate(names)}
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
    plan = problem.exact_plan()
    if not problem.families:
        return problem, plan, plan
    own = problem.at(**representatives(problem)).exact_plan()
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
    return problem, problem.exact_plan(), problem.at(**representatives(problem)).exact_plan()


def solve(
    place: Place,
    layer: ExpertsLayer,
    basis: PointBasis | GridBasis,
    rows: Sequence[Rows],
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
                    found[tuple(problem.unknowns).index(unknown)] = (value, names)
    return found


class MemberModel:
    """One member's solution: u = b . w of the expert in whose part a point lies.

    Args:
        place: domain and parts.
        basis: of this member alone.
        w: (K, m, N).
        minima: how the searches ended.
        parameters: the network's, which tell dtype and device.
        constants: the member's parameters.
    """

    def __init__(
        self,
        place: Place,
        basis: PointBasis | GridBasis,
        w: Tensor,
        minima: tuple[Minimum, ...],
        parameters: Sequence[nn.Parameter],
        constants: dict[str, Any],
    ):
        self.place, self.basis, self.w, self.minima = place, basis, w, minima
        self.parameters, self.constants = list(parameters), constants
        self.coefficients: dict[str, Tensor] = {}
        self.region = place.problem.domain
        self.unknowns = tuple(place.problem.unknowns)

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, m) at (n, d) points."""
        with torch.no_grad():
            if isinstance(self.basis, GridBasis):
                data = self.basis.between(points, indices)
                e = finished(data, points[None], indices, len(self.unknowns), self.basis.inputs)
            else:
                e = self.basis.expand(points[None], indices)
            mine = self.w[self.place.partition.locate(points)]
            # (m, c, n, N) with coefficients (n, m, N)
            found = (e.basis[0, 0] * mine.transpose(0, 1)[:, None]).sum(-1)
            return (found if e.offset is None else found + e.offset[0, 0]).permute(1, 2, 0)

    def values(self, points: Tensor, batch: int = 4096) -> Tensor:
        """(n, m) values, any n."""
        return torch.cat([self.jet(part, VALUE)[0] for part in points.split(batch)])
