"""Layers of experts over a box, and products of polynomials as what they expand in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.algebra.least_squares import LeastSquares
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import Indices
from pinnlab.domains.cells import Cells
from pinnlab.domains.sampling import unit_points
from pinnlab.solvers.experts.assembly import ExpertAssembly
from pinnlab.solvers.experts.layer import ExpertsLayer
from pinnlab.solvers.experts.partition import cut
from pinnlab.solvers.experts.rows import Expansion, MemberParameters

PI = math.pi
LIKE = torch.zeros((), dtype=torch.float64)
BOX = pl.Box(x=(-1.0, 1.0), t=(0.0, 2.0))


def burgers(u: pl.Field, nu: float) -> pl.Field:
    return u.t + u * u.x - nu * u.xx


def problem(box: pl.Box = BOX, nu: float = 0.1) -> pl.Problem:
    conditions = [
        pl.Initial(u=lambda x: -torch.sin(PI * x), exact=False),
        pl.Dirichlet(u=0.0, exact=False),
    ]
    return pl.Problem(box, "u", burgers, conditions, {"nu": nu})


class Polynomials:
    """N products of Chebyshev polynomials over the box, times factors (M, N), for m unknowns alike."""

    def __init__(self, box: pl.Box, degrees: tuple[int, ...], factors: Tensor, unknowns: int = 1):
        self.box, self.degrees, self.factors, self.unknowns = box, degrees, factors, unknowns

    def __call__(self, points: Tensor) -> Tensor:
        product = torch.ones_like(points[:, :1])
        for i, ((lower, upper), degree) in enumerate(zip(self.box.bounds.values(), self.degrees, strict=True)):
            x = (2 * points[:, i] - lower - upper) / (upper - lower)
            line = [torch.ones_like(x), x]
            for _ in range(degree - 1):
                line.append(2 * x * line[-1] - line[-2])
            product = (product[:, :, None] * torch.stack(line, 1)[:, None]).flatten(1)
        return product

    @property
    def size(self) -> int:
        return math.prod(d + 1 for d in self.degrees)

    def expand(self, points: Tensor, indices: Indices) -> Expansion:
        sets, n = points.shape[:2]
        data = autograd_jet(self, points.flatten(0, 1), indices, keep=False)
        data = data.reshape(len(indices), sets, n, -1).permute(1, 0, 2, 3)
        basis = data[None, :, None] * self.factors[:, None, None, None, None]
        return Expansion(basis.expand(-1, -1, self.unknowns, -1, -1, -1))


def sobol(seed: int = 0, d: int = 2):
    rng = np.random.default_rng(seed)
    return lambda n: unit_points("sobol", n, d, rng)


def members(given: pl.Problem, count: int = 1, values: Mapping[str, Any] | None = None) -> MemberParameters:
    fixed = {k: v for k, v in given.parameter_values().items() if k not in (values or {})}
    return MemberParameters(fixed, values or {}, count)


def layer_of(
    given: pl.Problem, cuts: dict, coupling: str, points: int = 60, ridge: float = 0.0, count: int = 1, **values: Any
) -> tuple[ExpertsLayer, Cells]:
    cells = cut(given.domain, cuts)
    assembly = ExpertAssembly(given, given.conditions, cells, coupling, 100.0)
    rows, groups = assembly.draw(sobol(), members(given, count, values), points, 24, like=LIKE)
    return ExpertsLayer(rows, groups, LeastSquares(steps=60, tolerance=1e-11), ridge, newton=2), cells
