"""Seam layers: the kink of initial data at a periodic seam, and its evolution."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.discontinuities.kinks import KinkProfile, smoothed_kink
from pinnlab.derivatives.indices import VALUE, closure


def kinked(equation, **conditions) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=equation,
        conditions=[pl.Initial(u=lambda x: x**2 * torch.cos(math.pi * x)), pl.Periodic(on="x", **conditions)],
    )


def test_smoothed_kink_is_the_heat_evolution_of_the_modulus() -> None:
    # the convolution of |x| with the heat kernel, by quadrature
    nu, t = 0.3, 0.2
    y = np.linspace(-12, 12, 240_001)
    kernel = np.exp(-(y**2) / (4 * nu * t)) / math.sqrt(4 * math.pi * nu * t)
    for x in (0.0, 0.1, -0.4, 1.5):
        quadrature = float((np.abs(x - y) * kernel).sum() * (y[1] - y[0]))
        width = torch.tensor(math.sqrt(4 * nu * t), dtype=torch.float64)
        assert float(smoothed_kink(torch.tensor(x, dtype=torch.float64), width)) == pytest.approx(quadrature, abs=1e-6)


def test_reads_jump_diffusion_and_rate_off_the_equation() -> None:
    (layer,) = kinked(lambda u: 2 * u.t - 2e-4 * u.xx + 10 * u**3 - 10 * u).exact_plan().ansatz.profiles
    assert layer is not None
    # slope of x^2 cos(pi x): -2 at x = 1 and 2 at x = -1; at u = -1 the reaction 5 u - 5 u^3 has slope -10
    assert (layer.jump, layer.diffusion, layer.rate) == (pytest.approx(4.0), pytest.approx(1e-4), pytest.approx(-10.0))


@pytest.mark.parametrize(
    "problem",
    [
        kinked(lambda u: u.t + u.x),
        kinked(lambda u: u.t + 1e-4 * u.xx),
        kinked(lambda u: u.t - u.xx + u.xxxx),
        kinked(lambda u: u.t - u.xx, exact=False),
        pl.Problem(
            pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - u.xx,
            [pl.Initial(u=lambda x: torch.sin(2 * math.pi * x)), pl.Periodic(on="x")],
        ),
    ],
    ids=["no diffusion", "backward", "fourth order", "soft", "smooth data"],
)  # fmt: skip
def test_no_layer_where_it_has_no_business(problem: pl.Problem) -> None:
    assert problem.exact_plan().ansatz.profiles == (None,)


def test_initial_state_is_unchanged_and_the_kink_is_gone_later() -> None:
    ansatz = kinked(lambda u: u.t - 1e-2 * u.xx).exact_plan().ansatz
    x = torch.linspace(-1, 1, 41, dtype=torch.float64)
    prepared = ansatz.prepare(torch.stack([x, torch.zeros_like(x)], dim=1), VALUE)
    assert prepared is not None
    torch.testing.assert_close(prepared[0][0, :, 0], x**2 * torch.cos(math.pi * x), rtol=0, atol=1e-7)
    seam = torch.tensor([[-1 + 1e-9, 0.5], [1 - 1e-9, 0.5]], dtype=torch.float64)
    later = ansatz.prepare(seam, closure([(0,)]))
    assert later is not None
    assert float((later[0][1, 0] - later[0][1, 1]).abs()) < 1e-6


def test_derivatives_agree_with_finite_differences() -> None:
    layer = KinkProfile(space=0, time=1, seam=-1.0, period=2.0, start=0.0, jump=4.0, diffusion=0.02, rate=-3.0)
    points = torch.tensor([[0.9, 0.3], [-0.97, 0.5], [0.2, 0.8]], dtype=torch.float64)
    jet = layer.jet(points, closure([(1,), (0, 0)]))
    h = 1e-4
    right, left = points + torch.tensor([h, 0.0]), points - torch.tensor([h, 0.0])
    later, earlier = points + torch.tensor([0.0, h]), points - torch.tensor([0.0, h])
    torch.testing.assert_close(jet[2], (layer(later) - layer(earlier)) / (2 * h), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(jet[3], (layer(right) - 2 * layer(points) + layer(left)) / h**2, rtol=1e-5, atol=1e-5)
