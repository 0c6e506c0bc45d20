from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.chebyshev import LARGEST, Series, interpolate
from pinnlab.derivatives.indices import VALUE, closure

BOX = pl.Box(x=(-1.0, 3.0), y=(2.0, 2.5), t=(0.0, 1.0))


class Given:
    """Exact data from a function of (n, d) points."""

    def __init__(self, function: Callable[[Tensor], Tensor]):
        self.function = function

    def jet(self, points: Tensor, indices: tuple) -> Tensor:
        return autograd_jet(lambda at: self.function(at)[:, None], points, indices, keep=False)


def test_series_and_its_derivatives() -> None:
    given = Given(lambda p: torch.sin(p[:, 0] * p[:, 2]) * torch.exp(p[:, 1]))
    series = interpolate(given, [0, 2], BOX, {1: 2.25})
    assert series.error < 1e-12 and max(series.coefficients.shape) <= 32
    points = BOX.interior(torch.rand(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))).points
    points[:, 1] = 2.25
    points[0], points[1] = torch.tensor([-1.0, 2.25, 0.0]), torch.tensor([3.0, 2.25, 1.0])
    indices = closure([(0, 0, 2), (0, 0, 0)])
    expected = given.jet(points, indices)
    for found, exact in zip(series.jet(points, indices), expected, strict=True):
        torch.testing.assert_close(found, exact, rtol=0, atol=1e-7 * float(exact.abs().max()))
    across = series.jet(points, closure([(1,), (0, 1)]))
    # the value, by x, by y, by x and y: the series does not depend on y
    assert closure([(1,), (0, 1)]) == ((), (0,), (1,), (0, 1)) and across.shape == (4, 50, 1)
    assert bool((across[2:] == 0).all()) and not bool((across[:2] == 0).any())


def test_series_of_constants_polynomials_and_zero() -> None:
    points = torch.tensor([[0.0, 2.0, 0.5]], dtype=torch.float64)
    constant = interpolate(Given(lambda p: torch.full_like(p[:, 0], 0.1)), [], BOX, {2: 0.0})
    assert constant.coefficients.shape == () and float(constant.jet(points, VALUE)) == 0.1
    cubic = interpolate(Given(lambda p: p[:, 0] ** 3), [0], BOX, {2: 0.0})
    assert cubic.coefficients.shape == (4,), "coefficients that are rounding only are dropped"
    zero = interpolate(Given(lambda p: torch.zeros_like(p[:, 0])), [0], BOX, {2: 0.0})
    assert zero.coefficients.shape == (1,) and zero.error == 0
    three = interpolate(Given(lambda p: p[:, 0] * p[:, 1] * p[:, 2]), [0, 1, 2], BOX, {})
    assert three.error < 1e-12 and float(three.jet(points + 0.25, VALUE)) == pytest.approx(0.25 * 2.25 * 0.75)


def test_series_stop_at_the_limit() -> None:
    series = interpolate(Given(lambda p: p[:, 0].abs()), [0], BOX, {2: 0.0})
    assert len(series.coefficients) == LARGEST[1] and 1e-6 < series.error < 1e-2
    outside = torch.tensor([[3.1, 2.0, 0.0], [2.0, 2.0, 0.0]], dtype=torch.float64)
    found = series.jet(outside, VALUE)[0, :, 0]
    assert bool(torch.isnan(found[0])) and abs(float(found[1]) - 2.0) < 1e-5


def test_series_keep_the_dtype_of_the_points() -> None:
    series = Series((0,), ((0.0, 1.0),), torch.tensor([1.0, 2.0], dtype=torch.float64))
    found = series.jet(torch.tensor([[0.75]]), VALUE)
    assert found.dtype == torch.float32 and float(found) == 2.0
