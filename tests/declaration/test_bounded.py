"""Free variables of numbers with bounds."""

from __future__ import annotations

import math

import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.parameters.bounded import Free

KINDS = {
    "no bounds": (Free(scale=2.0), 3.0, 1.5),
    "positive": (Free(0.0, math.inf), math.e, 1.0),
    "above": (Free(2.0, math.inf, 4.0), 6.0, 0.0),
    "below": (Free(-math.inf, 1.0), 1.0 - math.exp(-2.0), 2.0),
    "between": (Free(1.0, 3.0), 2.0, 0.0),
    "decades": (Free(1e-4, 1e4), 1.0, 0.0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_and_free_variables(kind):
    free, number, z = KINDS[kind]
    assert free.free(number) == pytest.approx(z) and free.number(z) == pytest.approx(number)
    step = 1e-6
    assert free.slope(z) == pytest.approx((free.number(z + step) - free.number(z - step)) / (2 * step), rel=1e-6)
    assert free.slope(z) > 0
    assert (free.number(-math.inf), free.number(math.inf)) == (free.low, free.high)
    for far in (-1e3, 1e3):
        assert free.plain or free.low <= free.number(far) <= free.high


def test_a_free_variable_is_differentiable():
    z = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Free(0.0, 2.0).value, z) and torch.autograd.gradcheck(Free(0.0).value, z)
    assert Free().value(z) is z


@pytest.mark.parametrize("kind", KINDS)
def test_other_units_leave_the_free_variable(kind):
    free, number, z = KINDS[kind]
    assert free.scaled(1e3).number(z) == pytest.approx(1e3 * number)


def test_what_is_near_a_bound():
    free = Free.of(pl.Unknown(0.5, bounds=(0, 1)))
    assert free.bound_near(0.9999) == 1.0 and free.bound_near(1e-5) == 0.0 and free.bound_near(0.5) is None
    assert Free(1e-4, 1e4).bound_near(1.001e-4) == 1e-4 and Free(1e-4, 1e4).bound_near(1e-2) is None
    assert Free().bound_near(0.0) is None and Free(0.0, scale=10.0).bound_near(1e-3) == 0.0
