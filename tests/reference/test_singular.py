"""Data that clash in the plane: layers are taken out, and a smooth rest is solved for, on grids and on elements."""

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.known_layers import Layers

PLATE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 0.1))
HOT = [pl.Initial(u=0.0), pl.Dirichlet(u=100.0, on="x+"), pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=0.0, on="y")]


def heat(u):
    return u.t - u.xx - u.yy


def test_a_cold_plate_with_a_hot_side(hot_side):
    problem = pl.Problem(PLATE, "u", heat, HOT)
    found = pl.reference_solution(problem, tolerance=1e-4, times=[0.1])
    x, y = np.random.default_rng(0).uniform(0.02, 0.98, (2, 100))
    t = np.full(100, 0.1)
    right = 100 * hot_side(x, y, t)
    error = np.linalg.norm(found(x=x, y=y, t=t)["u"] - right) / np.linalg.norm(right)
    assert error < 1e-6 and found.error_estimate["u"] < 1e-4
    # at the start it is what the start says
    assert np.abs(found(x=x, y=y, t=0.0)["u"]).max() == 0.0
    # and it can be differentiated: the flux through the cold side is outward
    at = torch.tensor([0.0], dtype=torch.float64, requires_grad=True)
    half = torch.tensor([0.5], dtype=torch.float64)
    (slope,) = torch.autograd.grad(found(x=at, y=half, t=0.2 * half)["u"].sum(), at)
    step = 1e-4
    near = found(x=np.array([0.0, step]), y=0.5, t=0.1)["u"]
    assert float(slope) == pytest.approx((near[1] - near[0]) / step, rel=1e-3)


def test_a_cold_ring_with_a_hot_hole():
    region = pl.Ball({"x": 0.0, "y": 0.0}, 1.0) - pl.Ball({"x": 0.0, "y": 0.0}, 0.3, name="hole")
    conditions = [pl.Initial(u=0.0), pl.Dirichlet(u=1.0, on="hole"), pl.Dirichlet(u=0.0, on="surface")]
    problem = pl.Problem(region * pl.Box(t=(0.0, 4.0)), "u", heat, conditions)
    found = pl.reference_solution(problem, tolerance=1e-2, times=[4.0])
    # after a long time a logarithm
    r = np.linspace(0.31, 0.99, 20)
    steady = np.log(r) / math.log(0.3)
    assert np.abs(found(x=0.6 * r, y=0.8 * r, t=4.0)["u"] - steady).max() < 2e-3
    # just after the start a layer along a line, almost
    thin = found(x=0.3 + np.array([0.01, 0.02, 0.04]), y=0.0, t=1e-4)["u"]
    assert thin == pytest.approx([math.erfc(d / 0.02) for d in (0.01, 0.02, 0.04)], abs=0.02)


def test_what_is_known_is_taken_beside_places_without_a_value():
    problem = pl.Problem(PLATE, "u", heat, HOT)
    layers = Layers.of(problem)
    assert layers is not None
    corner = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    assert layers.place(corner, 0)[0].tolist() == pytest.approx([1.0, 1e-9, 1e-10])
    assert layers.place(corner, 2)[0].tolist() == [1.0 - 1e-9, 1e-9, 0.0]
    # on the hot side, where the start and the cold sides meet it, the layer is all of the jump
    value = layers.jet(layers.place(corner, 0), ((),))
    assert float(value) == pytest.approx(100.0, abs=0.1)


def test_clashes_without_a_known_layer_stay_refused():
    # a wave keeps the jump
    problem = pl.Problem(PLATE, "u", lambda u: u.tt - u.xx - u.yy, [pl.Initial(u=0.0, u_t=0.0), *HOT[1:]])
    assert not problem.clashes.resolved and Layers.of(problem) is None
    with pytest.raises(ValueError, match="its grids do not resolve that in the plane"):
        pl.reference_solution(problem)
