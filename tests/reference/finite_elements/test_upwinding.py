"""Transport that is faster than diffusion, on finite elements."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.meshing.triangulation import triangulate
from pinnlab.reference.finite_elements.space import ElementSpace
from pinnlab.reference.finite_elements.symbol import Symbol
from pinnlab.reference.finite_elements.system import ElementSystem
from pinnlab.reference.finite_elements.upwinding import delay, lengths
from pinnlab.reference.grids.analysis import analyse

SQUARE = pl.Polygon([(0, 0), (1, 0), (1, 1), (0, 1)])
sin, cos, exp = torch.sin, torch.cos, torch.exp


def test_delays_by_hand() -> None:
    # half an element is 1/4 long: at speed 2 Peclet's number is 2 * 1/4 / (2 * 1/16) = 4, and tau 1/4 / 4 * (1 - 1/4)
    found = delay(np.array([2.0, 0.1, 0.0]), np.array([1 / 16, 1 / 16, 1.0]), np.full(3, 0.5))
    assert found == pytest.approx([3 / 64, 0.0, 0.0])


def test_lengths_by_hand() -> None:
    corners = np.array([[[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]]])
    along = np.array([[[3.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]])
    assert lengths(corners, along)[0] == pytest.approx([2.0, 1.0, 0.0])


def carried(u: Any, x: Any, y: Any) -> Any:
    """With a velocity inside ``pl.diff`` and one outside of it, and a diffusion that varies."""
    k = 1e-3 * (1 + x)
    return pl.diff(y * u - k * u.x, "x") - pl.diff(k * u.y, "y") + (1 - x) * u.y + u - sin(5 * x)


def test_jacobians_and_exact_solutions() -> None:
    problem = pl.Problem(SQUARE, "u", carried, [pl.Dirichlet(u=0.0)])
    assert Symbol(problem).moved(("u",)) == ("u",)
    system = ElementSystem(problem, analyse(problem), ElementSpace(triangulate(SQUARE, 0.3)), ("u",), upwinded=("u",))
    rng = np.random.default_rng(0)
    state, along = rng.standard_normal((2, 1, system.space.count))
    nothing, time = np.zeros_like(state), np.zeros(1)
    matrix, _ = system.jacobians(state, nothing, 0.0)
    ends = [system.residual((state + s * along)[None], nothing[None], time)[0] for s in (0.5, -0.5)]
    assert np.abs(matrix @ along.ravel() - (ends[0] - ends[1])).max() < 1e-12
    plain = ElementSystem(problem, analyse(problem), system.space, ("u",))
    assert np.abs(plain.residual(state[None], nothing[None], time)[0] - (ends[0] + ends[1]) / 2).max() > 1e-3

    # x^2 + y is in the elements, and leaves nothing however it is tested
    held = pl.Problem(SQUARE, "u", lambda u, x: u.x + u.y - 1e-3 * u.laplacian - 2 * x - 1 + 2e-3, [pl.Dirichlet(u=lambda x, y: x**2 + y)])  # fmt: skip # noqa: E501
    exact = ElementSystem(held, analyse(held), system.space, ("u",), upwinded=("u",))
    x, y = exact.space.nodes
    assert np.abs(exact.residual((x**2 + y)[None, None], nothing[None], time)).max() < 1e-14


def test_a_velocity_that_the_solution_changes_is_left_alone() -> None:
    problem = pl.Problem(SQUARE, "u", lambda u: u * u.x + u.y - u.laplacian, [pl.Dirichlet(u=0.0)])
    assert Symbol(problem).moved(("u",)) == ()


def test_a_layer_at_the_outflow_does_not_spoil_the_rest() -> None:
    eps = 1e-3

    def exact(x: Any, y: Any) -> Any:
        return x - (exp((x - 1) / eps) - math.exp(-1 / eps)) / (1 - math.exp(-1 / eps)) + 0 * y

    problem = pl.Problem(SQUARE, "u", lambda u: u.x - eps * u.laplacian - 1, [pl.Dirichlet(u=exact)])
    found = pl.reference_solution(problem, tolerance=0.2, max_seconds=20)
    x, y = np.random.default_rng(0).uniform(0.05, 0.8, (2, 200))
    assert np.abs(found(x=x, y=y)["u"] - x).max() < 1e-3
    # the layer itself is resolved slowly, and its own estimate says so
    x, y = np.random.default_rng(1).uniform(size=(2, 20_000))
    truth = exact(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    error = np.linalg.norm(found(x=x, y=y)["u"] - truth) / np.linalg.norm(truth)
    assert error / 3 < found.error_estimate["u"] < 3 * error


def test_carried_around_a_hole_in_time() -> None:
    eps = 1e-5

    def exact(x: Any, y: Any, t: Any) -> Any:
        return sin(3 * (x - t)) * cos(2 * y)

    region = (pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)) - pl.Ball({"x": 0.5, "y": 0.5}, 0.2)) * pl.Box(t=(0.0, 0.5))
    problem = pl.Problem(
        region,
        "u",
        lambda u, x, y, t: u.t + u.x - eps * (u.laplacian + 13 * exact(x, y, t)),
        [pl.Initial(u=lambda x, y: exact(x, y, torch.zeros_like(x))), pl.Dirichlet(u=exact)],
    )
    found = pl.reference_solution(problem, tolerance=3e-3, max_seconds=30)
    unit = torch.from_numpy(np.random.default_rng(0).uniform(size=(1000, 3)))
    columns = region.columns(region.interior(unit).points)
    truth = exact(*columns.values()).numpy()
    error = np.linalg.norm(found(**{n: c.numpy() for n, c in columns.items()})["u"] - truth) / np.linalg.norm(truth)
    assert error < 3e-3 and error / 3 < found.error_estimate["u"] < 5 * error
