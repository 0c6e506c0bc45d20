"""Overlapping networks: windows add up to one, derivatives and rows agree with autograd."""

from __future__ import annotations

import math

import pytest
import torch

import pinnlab as pl
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import closure
from pinnlab.derivatives.taylor import Tape
from pinnlab.networks.overlapping import Overlapping, smooth_step, window

BOXES = [[(a, b), (c, d)] for a, b in ((0.0, 0.5), (0.5, 2.0)) for c, d in ((0.0, 0.4), (0.4, 1.0))]
OUTER = [(0.0, 2.0), (0.0, 1.0)]
HALF = [0.25, 0.2]
INDICES = closure([(0, 0), (0, 1), (1, 1), (0, 0, 1)])


def points(n: int = 40) -> torch.Tensor:
    unit = torch.rand(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return unit * torch.tensor([2.0, 1.0], dtype=torch.float64)


def test_the_step_on_hand_worked_numbers() -> None:
    x = torch.tensor([-1.0, 0.5, 1.0, 1.5, 3.0], dtype=torch.float64)
    found = smooth_step(x, 1.0, 0.5, 0)
    assert found.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    # the slope at the centre: 1 / integral of (1 - s^2)^5 over [-1, 1] = 693 / 512, by the half width
    assert float(smooth_step(x, 1.0, 0.5, 1)[2]) == pytest.approx(693 / 512 / 0.5)


def test_windows_add_up_to_one_and_their_derivatives_to_zero() -> None:
    total = sum(window(points(), box, OUTER, HALF, INDICES) for box in BOXES)
    expected = torch.zeros_like(total)
    expected[0] = 1.0
    torch.testing.assert_close(total, expected, atol=1e-10, rtol=0)


def test_derivatives_of_windows_agree_with_autograd() -> None:
    def value(at: torch.Tensor) -> torch.Tensor:
        return window(at, BOXES[3], OUTER, HALF, ((),))[0][:, None]

    found = window(points(), BOXES[3], OUTER, HALF, INDICES)
    torch.testing.assert_close(
        found[:, :, None], autograd_jet(value, points(), INDICES, keep=False), atol=1e-9, rtol=1e-9
    )


def network() -> torch.nn.Module:
    generator = torch.Generator().manual_seed(1)
    return Overlapping(pl.MLP(width=5, depth=2), BOXES, 0.5).built(2, 1, None, generator).double()


def test_derivatives_of_the_blend_agree_with_autograd() -> None:
    net = network()
    torch.testing.assert_close(net.jet(points(), INDICES), autograd_jet(net, points(), INDICES), atol=1e-9, rtol=1e-9)


def test_rows_are_the_gradients_of_single_points() -> None:
    net, tape, at = network(), Tape(), points(7)
    jet = net.jet(at, INDICES, tape)
    cotangent = torch.randn(jet.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    rows = tape.pull_back(jet, cotangent)
    for k in range(len(at)):
        own = net.jet(at[k : k + 1], INDICES)
        gradients = torch.autograd.grad(
            (own * cotangent[:, k : k + 1]).sum(), list(net.parameters()), allow_unused=True
        )
        for p, g in zip(net.parameters(), gradients, strict=True):
            torch.testing.assert_close(rows[p][k], torch.zeros_like(p) if g is None else g, atol=1e-10, rtol=1e-9)


def test_overlapping_subdomains_find_an_exact_solution() -> None:
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 2.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t - 0.1 * u.xx,
        conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Periodic(on="x")],
        reference=lambda x, t: torch.exp(-0.1 * math.pi**2 * t) * torch.sin(math.pi * x),
    )
    solver = pl.MultiDomainPINN(
        subdomains={"x": (0.8,)}, overlap=0.5, network=pl.MLP(width=8, depth=2), stages=pl.LevenbergMarquardt(steps=60)
    )
    assert pl.solve(problem, solver, target_error=1e-3, progress=False).error()["u"] < 1e-3


def test_an_overlap_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"overlap=1.5.*share in \(0, 1\]"):
        pl.MultiDomainPINN(subdomains={"x": (0.8,)}, overlap=1.5)
