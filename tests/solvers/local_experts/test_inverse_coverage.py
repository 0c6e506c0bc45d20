"""How often bands of 95 % hold functions, point by point, over random problems."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pinnlab as pl

pytestmark = pytest.mark.slow
XS, AT = np.linspace(0.0, 1.0, 50), np.linspace(0.0, 1.0, 101)


def function_inside(seed: int) -> float:
    """The share of the interval where the band of q(x) in -u'' + q u = f holds it: two to four waves around a constant."""
    rng = np.random.default_rng(seed)
    waves = [(rng.normal(), rng.uniform(1, 12), rng.uniform(0, 2 * math.pi)) for _ in range(rng.integers(2, 5))]
    size, sd = 10 ** rng.uniform(-0.3, 0.7), (0.002 if seed % 2 else 0.02)

    def q(x: torch.Tensor) -> torch.Tensor:
        return size * (2 + sum(a * torch.sin(w * x + b) for a, w, b in waves))

    def equation(u, q_, x):
        w = 1 + torch.sin(math.pi * x)
        return -u.xx + q_ * u - (math.pi**2 * (w - 1) + q(x) * w)

    # the noise is given in every other pair
    values = 1 + np.sin(math.pi * XS) + sd * rng.normal(size=50)
    data = pl.Data({"x": XS}, u=values, sd=sd if seed % 4 // 2 else None)
    unknown = {"q_": pl.Unknown(1.0, of="x")}
    problem = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", equation, [pl.Dirichlet(u=1.0), data], unknown)
    solution = pl.solve(problem, progress=False)
    low, high = solution.coefficients["q_"].band(0.95, AT)
    true = q(torch.from_numpy(AT)).numpy()
    # a band that is not given covers nothing
    return float(((low <= true) & (true <= high) & np.isfinite(high)).mean())


def test_bands_of_functions() -> None:
    share = np.mean([function_inside(seed) for seed in range(40)])
    assert 0.92 <= share <= 0.99
