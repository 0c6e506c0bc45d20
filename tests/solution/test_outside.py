"""Values outside of the domain are not known, but beyond the ends of a periodic coordinate."""

from __future__ import annotations

import math

import numpy as np
import torch

import pinnlab as pl
from pinnlab.solution.coordinates import within

BOX = pl.Box(x=(0.0, 2.0), t=(0.0, 1.0))
START = pl.Initial(u=lambda x: torch.sin(math.pi * x))


def heat(*conditions: object) -> pl.Problem:
    return pl.Problem(BOX, "u", lambda u: u.t - 0.1 * u.xx, [START, *conditions])


def test_coordinates_beyond_a_period_are_moved_inside_and_others_are_marked() -> None:
    columns = [torch.tensor([0.5, 2.0, 2.5, -0.5]), torch.tensor([0.5, 1.0, 1.5, 0.0])]
    moved, known = within(heat(pl.Periodic(on="x")), columns)
    assert moved[0].tolist() == [0.5, 2.0, 0.5, 1.5] and moved[1] is columns[1]
    assert known.tolist() == [True, True, False, True]
    moved, known = within(heat(pl.Dirichlet(u=0.0)), columns)
    assert moved[0] is columns[0] and known.tolist() == [True, True, False, False]


def test_a_solution_is_nan_where_nothing_is_known_of_it() -> None:
    solution = pl.solve(heat(pl.Dirichlet(u=0.0)), max_seconds=10, progress=False)
    inside = math.exp(-0.1 * math.pi**2 * 0.5)
    found = solution(x=np.array([0.5, 2.5, 0.5, 2.0 + 1e-12]), t=np.array([0.5, 0.5, 1.5, 0.5]))["u"]
    np.testing.assert_allclose(found, [inside, np.nan, np.nan, 0.0], atol=1e-6)
    flux = solution.evaluate(lambda u: u.x, x=np.array([0.0, -0.1]), t=0.5)
    np.testing.assert_allclose(flux, [math.pi * inside, np.nan], rtol=1e-5)


def test_a_periodic_solution_goes_on() -> None:
    solution = pl.solve(heat(pl.Periodic(on="x")), max_seconds=10, progress=False)
    found = solution(x=np.array([0.3, 2.3, -3.7]), t=0.5)["u"]
    np.testing.assert_allclose(found, math.sin(0.3 * math.pi) * math.exp(-0.1 * math.pi**2 * 0.5), atol=1e-6)
    x = torch.tensor([2.3], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(solution(x=x, t=torch.tensor(0.5, dtype=torch.float64))["u"].sum(), x)
    assert float(slope) == solution.evaluate(lambda u: u.x, x=2.3, t=0.5)
