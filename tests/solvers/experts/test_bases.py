"""Bases of families: on grids, at points, and conditions that clash."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from expert_families import BOX, EXACT, family, system
from torch import Tensor, nn

import pinnlab as pl
from pinnlab.derivatives.grid import Grid
from pinnlab.derivatives.indices import closure
from pinnlab.solvers.experts.bases import GridBasis, Inputs, PointBasis, node_numbers, snapped
from pinnlab.solvers.experts.features import Features


def test_a_grid_basis_has_the_grids_derivatives() -> None:
    grid = Grid(BOX, {"x": 16, "t": 9}, periodic=("x",))
    network = pl.FNO(modes=3, width=6, depth=2).built_grid(1, 4, 2, torch.Generator().manual_seed(0), (True, False))
    inputs = Inputs(torch.tensor([[0.3], [0.6]], dtype=torch.float64), [], [_no_ansatz()])
    basis = GridBasis(network.double(), grid, 1, 4, inputs)
    indices = closure([(0, 0), (1,)])
    points = grid.points.reshape(8, 18, 2)
    found = basis.expand(points, indices).basis
    assert found.shape == (2, 8, 1, len(indices), 18, 4)
    exact = grid.derivative(basis.values, ("x", "x"))
    at = found[:, :, 0, indices.index((0, 0))].reshape(2, 144, 4).transpose(1, 2).reshape(2, 4, 16, 9)
    assert torch.equal(at, exact)
    between = basis.between(grid.points, indices)
    assert torch.allclose(between, basis.nodes(grid.points, indices), atol=1e-11, rtol=0)


def test_nodes_by_number() -> None:
    grid = Grid(BOX, {"x": 4, "t": 5}, periodic=("x",), order=2)
    assert torch.equal(node_numbers(grid, grid.points), torch.arange(20))
    ends = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    assert node_numbers(grid, ends).tolist() == [0, 4]
    moved = snapped(grid, torch.tensor([[0.3, 0.6], [0.99, 0.05]], dtype=torch.float64))
    assert torch.allclose(moved, torch.tensor([[0.25, 0.5], [1.0, 0.0]], dtype=torch.float64), rtol=0, atol=1e-14)


def _no_ansatz() -> Any:
    return family(conditions=[]).exact_plan().ansatz


def test_point_bases_by_taylor_mode_and_by_autograd_agree() -> None:
    network = pl.MLP(3, 4, width=7, depth=2).double()

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, points: Tensor) -> Tensor:
            return self.inner(points)

    inputs = Inputs(torch.tensor([[0.3], [0.6]], dtype=torch.float64), [], [_no_ansatz()])
    points = torch.rand(2, 5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    indices = closure([(0, 0), (1,)])
    one = PointBasis(network, 1, 4, inputs).expand(points, indices).basis
    other = PointBasis(Own(), 1, 4, inputs).expand(points, indices).basis
    assert torch.allclose(one, other, atol=1e-12, rtol=0)


def test_features_take_coordinates_as_they_are() -> None:
    def similarity(p: Tensor) -> Tensor:
        x, t, nu = p.unbind(1)
        return torch.stack([torch.erf(x / torch.sqrt(4 * nu * (t + 0.1))), t, 10 * nu], dim=1)

    network = pl.MLP(width=16, depth=2, embedding=Features(similarity, 3))
    s = system(family(), network=network, search=EXACT, basis=5)
    theta = s.model.theta
    direction = torch.ones_like(theta) / len(theta) ** 0.5
    gradient = s.loss_and_gradient(theta)[1]
    h = 1e-5
    up, down = (s.loss_and_gradient(theta + step * direction)[0] for step in (h, -h))
    assert float(gradient @ direction) == pytest.approx(float((up - down) / (2 * h)), rel=2e-5)
    with pytest.raises(ValueError, match=r"mapped \(3, 3\) to \(3, 3\), not \(3, 2\)"):
        system(family(), network=pl.MLP(embedding=Features(similarity, 2)))


def test_conditions_that_clash_at_a_corner_become_soft() -> None:
    problem = family(
        conditions=[pl.Initial(u=lambda a: a), pl.Dirichlet(u=1.0)], parameters={"nu": 0.1, "a": pl.Uniform(0, 0.2)},
        reference=None,
    )  # fmt: skip
    place = system(problem).model.place
    assert place.plan.built_in == () and len(place.plan.soft) == 2
