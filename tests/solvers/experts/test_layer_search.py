"""How the experts' search spends its linearizations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.algebra.least_squares import LeastSquares, Minimum
from pinnlab.derivatives.indices import Indices
from pinnlab.domains.sampling import unit_points
from pinnlab.solvers.experts import layer as experts
from pinnlab.solvers.experts.assembly import ExpertAssembly
from pinnlab.solvers.experts.partition import cut
from pinnlab.solvers.experts.rows import Expansion, ExpertRows, MemberParameters


class Polynomials:
    """x^i t^j, i and j up to 3."""

    def expand(self, points: Tensor, indices: Indices) -> Expansion:
        def power(value: Tensor, exponent: int, order: int) -> Tensor:
            if order > exponent:
                return torch.zeros_like(value)
            return math.perm(exponent, order) * value ** (exponent - order)

        x, t = points.unbind(-1)
        found = [
            torch.stack(
                [power(x, i, index.count(0)) * power(t, j, index.count(1)) for i in range(4) for j in range(4)], -1
            )
            for index in indices
        ]
        return Expansion(torch.stack(found, dim=1)[None, :, None])


def layer(nonlinear: float) -> tuple[experts.ExpertsLayer, list[ExpertRows]]:
    def burgers(u):
        return u.t + nonlinear * u * u.x - 0.2 * u.xx

    def heat(u):
        return u.t - 0.2 * u.xx

    problem = pl.Problem(
        pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)), "u", burgers if nonlinear else heat,
        [pl.Initial(u=lambda x: -torch.sin(math.pi * x), exact=False), pl.Dirichlet(u=0.0, on="x", exact=False)],
    )  # fmt: skip
    assembly = ExpertAssembly(problem, problem.exact_plan().soft, cut(problem.domain, {"x": 3}), "none", 1.0)
    rng = np.random.default_rng(0)
    rows, groups = assembly.draw(
        lambda n: unit_points("sobol", n, 2, rng),
        MemberParameters({}, {}, 1),
        64,
        32,
        like=torch.zeros((), dtype=torch.float64),
    )
    return experts.ExpertsLayer(rows, groups, LeastSquares(steps=60, tolerance=1e-9)), rows


def solved(nonlinear: float) -> tuple[Tensor, Minimum]:
    made, _ = layer(nonlinear)
    with torch.no_grad():
        w, minima = made.solve(made.expand(Polynomials()), torch.zeros(1, 3, 1, 16, dtype=torch.float64))
    return w, minima[0]


def test_curvature_finds_the_same_minimum_in_fewer_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    w, minimum = solved(1.0)
    monkeypatch.setattr(experts, "_GAUSS_NEWTON_STEPS", 10**6)
    v, slow = solved(1.0)
    assert bool(minimum.converged.all()) and bool(slow.converged.all())
    torch.testing.assert_close(w, v, atol=1e-6, rtol=1e-6)
    assert int(minimum.iterations.max()) < int(slow.iterations.max())


@pytest.mark.parametrize("nonlinear", [1.0, 0.0])
def test_linear_terms_are_linearized_once(nonlinear: float, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    original = ExpertRows.linearized
    monkeypatch.setattr(ExpertRows, "linearized", lambda self, *a: counted.append(self.term.kind) or original(self, *a))
    _, minimum = solved(nonlinear)
    assert counted.count("initial") == 1 and counted.count("boundary") == 2
    steps = int(minimum.iterations.max())
    assert (steps > 1 and counted.count("equation") > steps) if nonlinear else steps == counted.count("equation") == 1
