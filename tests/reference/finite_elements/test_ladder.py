"""Meshes one after the other, the last one as fine as time allows, and what their changes say of the error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.finite_elements.changes import estimate_of, observed_order
from pinnlab.reference.finite_elements.contacts import Contacts
from pinnlab.reference.finite_elements.ladder import Ladder, last_share

SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))


def test_the_order_that_two_changes_show() -> None:
    assert observed_order(8.0, 2.0, 2.0, 3.0) == pytest.approx(3.0)
    assert observed_order(4.0, 2.0, 2.0, 3.0) == pytest.approx(2.0)
    # errors 1, 1/8 and 1/8 of (3/5)^3: changes 7/8 and 1/8 (1 - 27/125)
    assert observed_order((7 / 8) / (0.125 * (1 - 0.216)), 2.0, 5 / 3, 3.5) == pytest.approx(3.0)
    assert observed_order(1000.0, 2.0, 2.0, 3.0) == pytest.approx(3.0)
    assert observed_order(0.1, 2.0, 2.0, 3.0) == pytest.approx(math.log2(1.5))


def test_errors_from_changes() -> None:
    # 8 + 1 were the changes of errors that fall by 8: 1/7 is left
    assert estimate_of([{"u": 8.0}, {"u": 1.0}], [2.0, 4.0], math.inf) == {"u": pytest.approx(1 / 7)}
    # a pressure is of second order, whatever its changes show
    assert estimate_of([{"p": 8.0}, {"p": 1.0}], [2.0, 4.0], math.inf, {"p": 2}) == {"p": pytest.approx(1 / 3)}
    # one change: order two for a smooth function, one for what may not be resolved
    assert estimate_of([{"u": 0.01}], [2.0], math.inf) == {"u": pytest.approx(0.01 / 3)}
    assert estimate_of([{"u": 0.5}], [2.0], math.inf) == {"u": pytest.approx(0.5)}
    # edges become shorter by 4 / 3 in the end
    found = estimate_of([{"u": 7.0}, {"u": 1 - (3 / 4) ** 3}], [2.0, 8 / 3], math.inf)
    assert found == {"u": pytest.approx((3 / 4) ** 3)}
    assert estimate_of([], [], math.inf) == {}


def test_the_last_level_by_hand() -> None:
    # in the plane 0.7 of the length takes 6^(log2(1/0.7)) = 2.515 times as long, and 1/0.49 meshes
    assert last_share(10.0, 1.0, (25.15 + 2.05) / 0.8, 2) == 0.7
    assert last_share(10.0, 0.0, 25.1 / 0.8, 2) == 0.75
    assert last_share(10.0, 0.0, 12.0, 2) is None
    assert last_share(0.0, 1.0, 100.0, 3) == 0.55


def test_levels_follow_the_time_that_is_left() -> None:
    problem = pl.Problem(SQUARE, "u", lambda u: u.laplacian + 1, pl.Dirichlet(u=0.0))
    ladder = Ladder.of(problem, [], Contacts.of(problem))
    clock = Deadline(10.0, 10.0, lambda: 0.0)
    first = ladder.first()
    ladder.meshing = 0.0
    second = ladder.after(first, 1.0, clock)
    assert second is not None and len(second.elements) == 4 * len(first.elements)
    # 12 s are too long for 0.8 of ten, those of 0.6 of the edges are not
    third = ladder.after(second, 2.0, clock)
    assert third is not None and ladder.fineness == [2.0, pytest.approx(2 / 0.6)]
    assert len(second.elements) < len(third.elements) < 4 * len(second.elements)
    assert ladder.after(third, 0.0, clock) is None, "it was the last one"


def test_a_mesh_of_ones_own_is_only_cut() -> None:
    region = pl.Mesh([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [[0, 1, 2]])
    problem = pl.Problem(region, "u", lambda u: u.laplacian + 1, pl.Dirichlet(u=0.0))
    ladder = Ladder.of(problem, [], Contacts.of(problem))
    first = ladder.first()
    assert ladder.after(first, 2.0, Deadline(10.0, 10.0, lambda: 0.0)) is None
    assert ladder.after(first, 1.0, Deadline(10.0, 10.0, lambda: 0.0)) is not None


def scraped(x: Any, y: Any) -> dict[str, Any]:
    """Creeping flow of viscosity 1 in the corner between a floor that moves at speed 1 and a wall (G. I. Taylor, 1962).

    With psi = r f(angle): f = A sin a + C a sin a + D a cos a vanishes on both sides, f' is 1 on the floor and 0 on the
    wall; p = 2 (C sin a + D cos a) / r.
    """
    d = 1 / (1 - math.pi**2 / 4)
    c, a0 = d * math.pi / 2, -d * math.pi**2 / 4
    r, a = torch.hypot(x, y), torch.atan2(y, x)
    f = a0 * torch.sin(a) + c * a * torch.sin(a) + d * a * torch.cos(a)
    along = a0 * torch.cos(a) + c * (torch.sin(a) + a * torch.cos(a)) + d * (torch.cos(a) - a * torch.sin(a))
    return {
        "u": along * torch.cos(a) + f * torch.sin(a),
        "v": along * torch.sin(a) - f * torch.cos(a),
        "p": 2 * (c * torch.sin(a) + d * torch.cos(a)) / r,
    }


def test_an_unbounded_pressure_has_an_error_outside_of_discs() -> None:
    one = torch.ones(1, dtype=torch.float64)
    far = [pl.Dirichlet(**{n: lambda x, y, n=n: scraped(x, y)[n] for n in "uv"}, on=side) for side in ("x+", "y+")]
    posed = pl.Problem(
        SQUARE,
        ("u", "v", "p"),
        lambda u, v, p: {"x": p.x - u.laplacian, "y": p.y - v.laplacian, "mass": u.x + v.y},
        [
            pl.Dirichlet(u=1.0, v=0.0, on="y-"),
            pl.Dirichlet(u=0.0, v=0.0, on="x-"),
            *far,
            pl.Data(points={"x": [1.0], "y": [1.0]}, p=[float(scraped(one, one)["p"])]),
        ],
    )
    found = pl.reference_solution(posed, tolerance=1e-2, max_seconds=900)
    assert "p grows without bound at (x, y) = (0, 0), where velocities clash" in found.method
    x, y = torch.from_numpy(np.random.default_rng(0).uniform(size=(2, 4000)))
    values, truth = found(x=x, y=y), scraped(x, y)
    outside = torch.hypot(x, y) > 0.05
    for unknown in "uvp":
        counts = outside if unknown == "p" else outside | True
        gap, right = (values[unknown] - truth[unknown])[counts], truth[unknown][counts]
        error = float(gap.norm() / right.norm())
        assert error < 1e-2
        assert error / 3 < found.error_estimate[unknown] < 3.5 * error, unknown
