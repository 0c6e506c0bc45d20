"""The operator: a network whose basis functions every member of a family fits to its own equations.

Letters: M members, K experts, B sets of n points, m unknowns, N basis functions of an unknown, c derivatives,
d coordinates, p parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pinnlab.algebra.least_squares import Minimum
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.indices import Indices
from pinnlab.domains import Box
from pinnlab.solvers.experts.bases import GridBasis, PointBasis, finished
from pinnlab.solvers.experts.members import Place, Values, representatives, solve
from pinnlab.training.model import Trainable
from pinnlab.training.part import Data, Part, Writer

_NO_FILE = (
    "save() has no file form for experts over trained basis functions; keep the run's checkpoint= file, from which "
    "solve(...) gives the solution back, or write its values, of a family those of a member, with to_xarray()."
)


class OperatorModel(Trainable):
    """Basis functions and coefficients of any member; as a part of a solution it is the representative member.

    Args:
        problem: the family.
        network: sized; with a grid it maps (M, channels, *grid) to (M, m N, *grid), else (n, d + s) to (n, m N).
        place: where and how its members are solved.
    """

    def __init__(self, problem: Problem, network: nn.Module, place: Place):
        assert isinstance(problem.domain, Box), "parts of experts are cut from boxes"
        self.problem, self.network, self.place = problem, network, place
        self.region, self.unknowns = problem.domain, problem.unknowns
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.numbers = {}
        self.constants = dict(problem.parameter_values(self.parameters[0].detach()))
        self._representative: tuple[Tensor, MemberModel] | None = None

    @property
    def networks(self) -> Sequence[nn.Module]:
        return (self.network,)

    @property
    def width(self) -> int:
        return getattr(self.network, "width", 64)

    def basis(self, members: Sequence[Values], place: Place | None = None) -> PointBasis | GridBasis:
        """The basis functions of some members, with a graph to the parameters."""
        place = self.place if place is None else place
        inputs = place.inputs(members, self.parameters[0])
        m, size = len(self.unknowns), self.place.recipe.basis
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
            placed = layer.expand(basis)
            w, minima = solve(place, layer, basis, rows, placed, [values])
        return MemberModel(place, basis, w[0], minima, self.parameters, place.fixed(values, like))

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        return self._representative_member().jet(points, indices)

    def values(self, points: Tensor, batch: int = 4096) -> Tensor:
        return self._representative_member().values(points, batch)

    def to_data(self, file: Writer) -> Data:
        raise TypeError(_NO_FILE)

    @property
    def joints(self) -> Mapping[str, tuple[float, ...]]:
        return self.place.joints

    def _representative_member(self) -> MemberModel:
        """That of the present parameters; of a single problem, its only one."""
        now = self.theta
        if self._representative is None or not torch.equal(self._representative[0], now):
            values = representatives(self.problem)
            self._representative = now, self.member(values, np.random.default_rng(0))
        return self._representative[1]


class MemberModel(Part):
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
        self.parameters, self.constants, self.coefficients = list(parameters), constants, {}
        self.region = place.problem.domain
        self.unknowns = tuple(place.problem.unknowns)

    @property
    def joints(self) -> Mapping[str, tuple[float, ...]]:
        return self.place.joints

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

    def to_data(self, file: Writer) -> Data:
        raise TypeError(_NO_FILE)
