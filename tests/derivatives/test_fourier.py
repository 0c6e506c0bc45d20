"""Fourier series: evaluation, interpolation, and what time windows of periodic problems hand over."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pinnlab as pl
from pinnlab.declaration.conditions import Initial
from pinnlab.derivatives import chebyshev
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.fourier import LARGEST, FourierSeries, fourier_functions, interpolate
from pinnlab.derivatives.indices import VALUE, closure
from pinnlab.solvers.windows import Slice
from pinnlab.training.plans import Settings

PI = math.pi
SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)


def scattered(n: int, d: int, seed: int = 0) -> Tensor:
    return 7 * torch.rand(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) - 2


def waves(x: Tensor, y: Tensor) -> Tensor:
    """Of period 2 pi in x and pi in y."""
    return 0.5 + torch.cos(3 * x) * torch.sin(2 * y) - 2 * torch.sin(x) + 0.25 * torch.cos(4 * y)


def test_fourier_functions_by_hand() -> None:
    x = torch.tensor([0.0, 0.25], dtype=torch.float64)
    found = fourier_functions(x, 1.0, 3)
    torch.testing.assert_close(found, torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]).double())
    slope = fourier_functions(x, 1.0, 3, 1) / (2 * math.pi)
    torch.testing.assert_close(slope, torch.tensor([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]).double())


def test_functions_of_every_order() -> None:
    """The derivative of order r is w^r times the function a quarter period ahead, r times."""
    x, w = scattered(20, 1)[:, 0], 2 * PI / 1.5
    for order in range(6):
        found = fourier_functions(x, 1.5, 5, order)
        for k in (1, 2):
            ahead = k * w * x + order * PI / 2
            expected = (k * w) ** order * torch.stack([torch.cos(ahead), torch.sin(ahead)], dim=1)
            torch.testing.assert_close(found[:, 2 * k - 1 : 2 * k + 1], expected, rtol=0, atol=1e-13 * (k * w) ** order)


def test_coefficients_and_derivatives_by_hand() -> None:
    series = interpolate(lambda p: waves(p[:, 0], p[:, 1]), (0, 2), (-1.0, 0.5), (2 * PI, PI))
    assert series.error < 1e-13 and tuple(series.coefficients.shape) == (7, 5), "higher frequencies are dropped"
    points = scattered(30, 3)
    x, y = points[:, 0], points[:, 2]
    indices = closure([(0, 0, 2), (1,), (0, 1)])
    expected = {
        (): waves(x, y),
        (0,): -3 * torch.sin(3 * x) * torch.sin(2 * y) - 2 * torch.cos(x),
        (2,): 2 * torch.cos(3 * x) * torch.cos(2 * y) - torch.sin(4 * y),
        (0, 0): -9 * torch.cos(3 * x) * torch.sin(2 * y) + 2 * torch.sin(x),
        (0, 2): -6 * torch.sin(3 * x) * torch.cos(2 * y),
        (0, 0, 2): -18 * torch.cos(3 * x) * torch.cos(2 * y),
    }
    for index, found in zip(indices, series.jet(points, indices)[:, :, 0], strict=True):
        torch.testing.assert_close(found, expected.get(index, torch.zeros_like(x)), rtol=0, atol=2e-12)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_derivatives_are_those_of_autograd_and_differences(k: int) -> None:
    generator = torch.Generator().manual_seed(k)
    coefficients = torch.randn(*(5, 3, 7)[:k], generator=generator, dtype=torch.float64)
    series = FourierSeries(tuple(range(k)), (0.1, -2.0, 0.0)[:k], (1.5, 2.0, 4.0)[:k], coefficients)
    points = scattered(12, 3)
    indices = closure([tuple(range(k)), (0, 0), (k - 1, k - 1, k - 1)])
    found = series.jet(points, indices)
    expected = autograd_jet(lambda p: series.jet(p, VALUE)[0], points, indices)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-10)
    step = torch.zeros(3, dtype=torch.float64)
    step[0] = 1e-5
    ahead, behind = series.jet(points + step, VALUE)[0], series.jet(points - step, VALUE)[0]
    torch.testing.assert_close((ahead - behind) / 2e-5, found[indices.index((0,))], rtol=0, atol=1e-6)


def test_parts_of_many_points_and_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    series = interpolate(lambda p: waves(p[:, 0], p[:, 1]), (0, 1), (0.0, 0.0), (2 * PI, PI))
    points, indices = scattered(50, 2), closure([(0, 1)])
    whole = series.jet(points, indices)
    single = series.jet(points.float(), indices)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, series.jet(points.float().double(), indices).float(), rtol=0, atol=0)
    monkeypatch.setattr("pinnlab.derivatives.fourier._ENTRIES", 100)
    torch.testing.assert_close(series.jet(points, indices), whole, rtol=0, atol=1e-13)
    assert series.jet(points[:0], indices).shape == (4, 0, 1)


def test_nodes_are_doubled_until_it_is_accurate_or_the_limit() -> None:
    smooth = interpolate(lambda p: 1 / (1.2 + torch.cos(p[:, 0])), (0,), (0.0,), (2 * PI,))
    # coefficients fall by exp(-0.62) from one frequency to the next
    assert 1e-14 < smooth.error < 1e-11 and 80 < len(smooth.coefficients) < 110
    coarse = interpolate(lambda p: 1 / (1.2 + torch.cos(p[:, 0])), (0,), (0.0,), (2 * PI,), accurate=1e-4)
    assert 1e-8 < coarse.error < 1e-4 and len(coarse.coefficients) < 50
    rough = interpolate(lambda p: p[:, 0].abs(), (0,), (-1.0,), (2.0,))
    assert len(rough.coefficients) == LARGEST[1] - 1 and 1e-6 < rough.error < 1e-2
    zero = interpolate(lambda p: torch.zeros_like(p[:, 0]), (0, 1), (0.0, 0.0), (1.0, 1.0))
    assert tuple(zero.coefficients.shape) == (1, 1) and zero.error == 0


# -- hand-over between time windows ------------------------------------------------------------------------------------


def torus(**changes: Any) -> pl.Problem:
    """Heat on [0, 2 pi] x [0, 1], and a second unknown."""
    given: dict[str, Any] = {
        "domain": pl.Box(x=(0.0, 2 * PI), y=(0.0, 1.0), t=(0.0, 1.0)),
        "unknowns": ("u", "v"),
        "equations": lambda u, v: {"heat": u.t - 0.1 * (u.xx + u.yy), "other": v.t - u.x},
        "conditions": [
            pl.Initial(u=lambda x, y: torch.sin(x) * torch.cos(2 * PI * y), v=0.0),
            pl.Periodic(on="x"),
            pl.Periodic(on="y"),
        ],
    }
    return pl.Problem(**{**given, **changes})


def second_window(problem: pl.Problem, settings: Settings = SETTINGS, **options: Any) -> tuple[Any, Any, Initial]:
    """The models of two windows, the first with made-up parameters, and what the second starts from."""
    options = {"network": pl.MLP(width=8, depth=2), "points": 50, **options}
    plan = pl.PINN(windows=2, stages=(pl.Adam(steps=1),), **options).plan(problem, settings)
    first = plan.start(0, []).system.model
    generator = torch.Generator().manual_seed(1)
    first.theta = first.theta + 0.1 * torch.randn(first.size, generator=generator, dtype=torch.float64).to(first.theta)
    phase = plan.start(1, [first])
    (initial,) = (c for c in phase.problem.conditions if isinstance(c, Initial))
    return first, phase.system.model, initial


def test_windows_of_periodic_domains_hand_over_a_fourier_series() -> None:
    first, second, initial = second_window(torus())
    assert all(type(value) is FourierSeries and value.error < 1e-8 for value in initial.values.values())
    points = scattered(100, 3)
    points[:, 2] = 0.5
    indices = closure([(0, 0), (1, 1)])
    there, here = first.jet(points, indices).detach(), second.jet(points, indices).detach()
    for a, b in zip(there, here, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5 * float(a.abs().max()))
    torch.testing.assert_close(there[0], here[0], rtol=0, atol=2e-8 * float(there[0].abs().max()))


def test_one_dimension_takes_fewer_coefficients_than_a_polynomial() -> None:
    line = pl.Problem(
        pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.tt - u.xx,
        [pl.Initial(u=lambda x: torch.sin(PI * x), u_t=0.0), pl.Periodic(on="x")],
    )  # fmt: skip
    first, second, initial = second_window(line, harmonics=3)
    assert set(initial.values) == {"u", "u_t"}
    assert all(type(value) is FourierSeries and value.error < 1e-11 for value in initial.values.values())
    points = scattered(50, 2)
    points[:, 1] = 0.5
    indices = closure([(0, 0), (1,)])
    there, here = first.jet(points, indices).detach(), second.jet(points, indices).detach()
    torch.testing.assert_close(there, here, rtol=0, atol=1e-8 * float(there.abs().max()))
    polynomial = chebyshev.interpolate(Slice(first, 0), [0], first.region, {1: 0.5})
    assert len(initial.values["u"].coefficients) < len(polynomial.coefficients)


class Bare(nn.Module):
    """A network that knows no period."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))

    def forward(self, points: Tensor) -> Tensor:
        return self.layers(points)


def test_only_models_that_are_periodic_by_construction_hand_over_a_fourier_series() -> None:
    one_side = [pl.Initial(u=lambda x, y: torch.sin(x) * y, v=0.0), pl.Periodic(on="x"), pl.Dirichlet(u=0.0, on="y-")]
    soft = [torus().conditions[0], pl.Periodic(on="x", exact=False), pl.Periodic(on="y")]
    cases: dict[str, tuple[pl.Problem, dict[str, Any]]] = {
        "another side": (torus(conditions=one_side), {}),
        "a soft condition": (torus(conditions=soft), {}),
        "a network of one's own": (torus(), {"network": Bare()}),
    }
    for name, (problem, options) in cases.items():
        first, second, initial = second_window(problem, **options)
        assert not any(isinstance(value, FourierSeries) for value in initial.values.values()), name
        points = problem.domain.interior(torch.rand(20, 3, dtype=torch.float64)).points
        points[:, 2] = 0.5
        torch.testing.assert_close(first.values(points), second.values(points), rtol=0, atol=1e-10)


def test_subdomains_hand_over_no_fourier_series() -> None:
    solver = pl.MultiDomainPINN(subdomains={"x": (2.0,)}, windows=2, network=pl.MLP(width=4, depth=1), points=30)
    plan = solver.plan(torus(), SETTINGS)
    conditions = plan.start(1, [plan.start(0, []).system.model]).problem.conditions
    (initial,) = (c for c in conditions if isinstance(c, Initial))
    assert not any(isinstance(value, FourierSeries) for value in initial.values.values())


def test_a_series_of_a_single_precision_network_is_as_accurate_as_that() -> None:
    settings = Settings(torch.device("cpu"), torch.float32, 0)
    first, second, initial = second_window(torus(), settings)
    assert all(type(value) is FourierSeries and value.error < 2e-6 for value in initial.values.values())
    points = scattered(100, 3).float()
    points[:, 2] = 0.5
    there = first.values(points)
    torch.testing.assert_close(there, second.values(points), rtol=0, atol=4e-6 * float(there.abs().max()))
