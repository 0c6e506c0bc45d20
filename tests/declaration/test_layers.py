"""Layers beside sides, edges and spheres solve the heat equation; angles about vertices are harmonic."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import owens_t

from pinnlab.declaration.clashes.layers import (
    BallLayer,
    Clock,
    EdgeLayer,
    Side,
    SideLayer,
    Wedge,
    erfc_quarter,
    erfc_source,
    shape_data,
    shape_from,
    shape_jet,
)

CLOCK = Clock(time=2, start=0.5, unit=1.0)
LOWER = Side(axis=0, position=1.0, outward=-1.0, diffusion=0.25)
LEFT = Side(axis=1, position=2.0, outward=-1.0, diffusion=1.0)


def column(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def heat_residual(shape, points: torch.Tensor, diffusion: tuple[float, float]) -> torch.Tensor:
    """u_t - a u_xx - b u_yy."""
    jet = shape_jet(shape, points, ((), (0,), (1,), (2,), (0, 0), (1, 1)))[:, :, 0]
    return jet[3] - diffusion[0] * jet[4] - diffusion[1] * jet[5]


def test_the_quarter_of_the_plane_is_owens_function():
    x, y = column(0.3, 2.0, 0.01, 1e-9, 1.0, 3.0), column(0.5, 0.1, 1.0, 1.0, 1e-9, 4.0)
    expected = 4 * owens_t(math.sqrt(2) * x.numpy(), (y / x).numpy())
    assert np.allclose(erfc_quarter(x, y), expected, atol=1e-14)
    # far from the other side erfc(X); between two sides with the same value 1 - erf(X) erf(Y)
    assert torch.allclose(erfc_quarter(column(0.7), column(30.0)), torch.erfc(column(0.7)))
    both = erfc_quarter(x, y) + erfc_quarter(y, x)
    assert torch.allclose(both, 1 - torch.erf(x) * torch.erf(y), atol=1e-14)
    # on the sides: 1 where X = 0, 0 where Y = 0
    assert erfc_quarter(column(0.0, 1.0), column(1.0, 0.0)).tolist() == [1.0, 0.0]


def test_derivatives_of_the_quarter():
    x, y = (torch.rand(6, dtype=torch.float64, generator=torch.Generator().manual_seed(k)) + 0.05 for k in (0, 1))
    inputs = (x.requires_grad_(), y.requires_grad_())
    assert torch.autograd.gradcheck(erfc_quarter, inputs) and torch.autograd.gradgradcheck(erfc_quarter, inputs)


def test_the_source_of_a_layer_by_hand():
    # z = 1: 2 (exp(-1) / sqrt(pi) - erfc(1)), with erfc(1) = 0.157299207050285
    assert float(erfc_source(column(1.0))) == pytest.approx(2 * (math.exp(-1) / math.sqrt(math.pi) - 0.157299207050285))
    assert float(erfc_source(column(0.0))) == 0.0


@pytest.mark.parametrize("shape", [SideLayer(CLOCK, LOWER), EdgeLayer(CLOCK, LOWER, LEFT)])
def test_layers_of_flat_sides_solve_the_heat_equation(shape):
    rng = np.random.default_rng(0)
    points = torch.from_numpy(rng.uniform([1.01, 2.01, 0.51], [2.0, 3.0, 0.7], (40, 3)))
    assert heat_residual(shape, points, (0.25, 1.0)).abs().max() < 1e-11


def test_a_layer_is_one_on_its_side_and_nothing_before():
    on_side, inside, first = column(1.0, 2.5, 0.6), column(1.3, 2.5, 0.6), column(1.3, 2.5, 0.5)
    values = SideLayer(CLOCK, LOWER)(torch.stack([on_side, inside, first]))
    # 2 sqrt(D t) = 2 sqrt(0.25 * 0.1)
    assert values.tolist() == pytest.approx([1.0, math.erfc(0.3 / (2 * math.sqrt(0.025))), 0.0])
    edge = EdgeLayer(CLOCK, LOWER, LEFT)(torch.stack([on_side, column(1.3, 2.0, 0.6)]))
    assert edge.tolist() == pytest.approx([0.0, -math.erfc(0.3 / (2 * math.sqrt(0.025)))])


def test_outside_a_ball_in_space_the_layer_is_exact():
    ball = BallLayer(Clock(3, 0.0, 1.0), (0, 1, 2), (0.0, 0.0, 0.0), 0.5, inside=False, diffusion=2.0)
    points = torch.tensor([[0.4, 0.4, 0.1, 0.05], [0.5, 0.5, 0.5, 0.2]], dtype=torch.float64)
    jet = shape_jet(ball, points, ((), (0,), (1,), (2,), (3,), (0, 0), (1, 1), (2, 2)))[:, :, 0]
    assert (jet[4] - 2.0 * (jet[5] + jet[6] + jet[7])).abs().max() < 1e-11


def test_beside_a_disc_the_residual_falls_with_time():
    disc = BallLayer(Clock(2, 0.0, 1.0), (0, 1), (0.0, 0.0), 0.3, inside=False, diffusion=1.0)
    worst = []
    for t in (1e-4, 1e-2):
        r = 0.3 + torch.linspace(0, 3, 13, dtype=torch.float64) * 2 * math.sqrt(t)
        points = torch.stack([0.6 * r, 0.8 * r, torch.full_like(r, t)], dim=1)
        worst.append(float(heat_residual(disc, points, (1.0, 1.0)).abs().max()))
    # u itself changes as fast as 1 / t
    assert worst[0] < 0.1 and worst[0] < 0.3 * worst[1] < 0.3


def test_a_wedge_is_harmonic_and_goes_from_nought_to_one():
    # a corner at the origin between the x axis and the y axis, with D_y = 4 D_x
    wedge = Wedge((0, 1), (0.0, 0.0), (1.0, 2.0), math.pi / 4, math.pi / 2)
    points = torch.tensor([[0.3, 0.0, 0.0], [0.0, 0.4, 0.0], [0.2, 0.4, 0.0], [0.7, 0.1, 0.0]], dtype=torch.float64)
    jet = shape_jet(wedge, points, ((), (0,), (1,), (0, 0), (1, 1)))[:, :, 0]
    assert jet[0].tolist()[:3] == pytest.approx([0.0, 1.0, 0.5])
    assert (jet[3] + 4 * jet[4]).abs().max() < 1e-12


@pytest.mark.parametrize(
    "shape",
    [
        SideLayer(CLOCK, LOWER),
        EdgeLayer(CLOCK, LOWER, LEFT),
        BallLayer(CLOCK, (0, 1), (0.0, 1.0), 0.5, True, 2.0),
        Wedge((0, 1), (0.0, 0.0), (1.0, 2.0), 0.3, 1.5),
    ],
)
def test_shapes_are_plain_data(shape):
    assert shape_from(shape_data(shape)) == shape
