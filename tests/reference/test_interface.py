from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl

BOX = pl.Box(x=(0.0, 1.0), t=(0.0, 0.1))


def make(**changes: Any) -> pl.Problem:
    given: dict[str, Any] = {
        "domain": BOX,
        "unknowns": "u",
        "equations": lambda u, nu: u.t - nu * u.xx,
        "conditions": [pl.Initial(u=lambda x: torch.sin(torch.pi * x)), pl.Dirichlet(u=0.0)],
        "parameters": {"nu": 1.0},
    }
    return pl.Problem(**{**given, **changes})


@pytest.fixture(scope="module")
def solution() -> Any:
    return pl.reference_solution(make(), times=[0.0, 0.03, 0.1])


def test_values_stand_on_the_grid_in_the_domains_order(solution: Any) -> None:
    assert list(solution.grid) == ["x", "t"]
    assert solution.grid["t"].tolist() == [0.0, 0.03, 0.1]
    assert solution.values["u"].shape == (len(solution.grid["x"]), 3)
    exact = np.exp(-(np.pi**2) * solution.grid["t"]) * np.sin(np.pi * solution.grid["x"])[:, None]
    assert np.abs(solution.values["u"] - exact).max() < 1e-10
    assert solution.seconds > 0
    assert solution.resolution == len(solution.grid["x"])
    assert str(solution.resolution) in solution.method


def test_numpy_in_numpy_out_and_tensors_likewise(solution: Any) -> None:
    x, t = np.linspace(0, 1, 5)[:, None], np.linspace(0, 0.1, 4)
    plain = solution(x=x, t=t)["u"]
    assert isinstance(plain, np.ndarray) and plain.shape == (5, 4) and plain.dtype == np.float64
    tensors = solution(x=torch.from_numpy(x), t=torch.from_numpy(t))["u"]
    assert isinstance(tensors, torch.Tensor) and np.array_equal(tensors.numpy(), plain)
    assert solution(x=0.5, t=0.05)["u"].shape == ()
    assert solution(t=0.05, x=0.5)["u"] == pytest.approx(np.exp(-(np.pi**2) * 0.05), rel=1e-9)
    assert solution(x=np.zeros(0), t=np.zeros(0))["u"].shape == (0,)


def test_it_is_a_reference_for_a_problem(solution: Any) -> None:
    assert list(inspect.signature(solution).parameters) == ["x", "t"]
    assert make(reference=solution).reference is solution


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ({"x": 0.5}, r"give exactly the coordinates x, t"),
        ({"x": 0.5, "t": 0.0, "y": 1.0}, r"give exactly the coordinates x, t"),
        ({"x": 1.5, "t": 0.0}, r"reference\(x=\.\.\.\).*leave the domain"),
        ({"x": 0.5, "t": float("nan")}, r"reference\(t=\.\.\.\).*not finite"),
    ],
)
def test_bad_points(solution: Any, points: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        solution(**points)


def test_estimate_can_be_left_out_and_threads_stay() -> None:
    before = torch.get_num_threads()
    found = pl.reference_solution(make(), resolution=16, estimate_error=False)
    assert found.error_estimate == {} and found.resolution == 16
    assert pl.reference_solution(make(), resolution=16).resolution == 32
    assert torch.get_num_threads() == before


def test_elements_refuse_a_resolution_by_name() -> None:
    disc = pl.Ball({"x": 0.0, "y": 0.0}, 1.0)
    problem = pl.Problem(disc, "u", lambda u: u.laplacian + 1, [pl.Dirichlet(u=0.0)])
    with pytest.raises(
        ValueError, match=r"resolution=32\).* finite elements.*leave resolution out and give tolerance="
    ):
        pl.reference_solution(problem, resolution=32)


HEAT_CONDITIONS = [pl.Initial(u=0.0), pl.Dirichlet(u=0.0)]
HYPERCUBE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0), w=(0.0, 1.0), t=(0.0, 1.0))


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (lambda: make(parameters={"nu": pl.Uniform(1.0, 2.0)}), r"nu is a family.*problem\.at\(nu=1\.5\)"),
        (lambda: make(parameters={"nu": pl.Unknown(1.0)}), r"nu is an unknown coefficient.*problem\.at\(nu="),
        (lambda: make(domain=HYPERCUBE), r"4 space dimensions \(x, y, z, w\)"),
        (lambda: make(conditions=[pl.Dirichlet(u=0.0)]), r"no initial value of 'u'; add Initial\(u="),
        (
            lambda: make(equations=lambda u: u.tt - u.xx, parameters={}),
            r"no initial value of 'u_t'; add Initial\(u_t=",
        ),
        (lambda: make(conditions=[pl.Initial(u=0.0)]), r"order 2 in 'x' but 0 boundary conditions.*add Dirichlet"),
        (
            lambda: make(conditions=[pl.Initial(u=0.0), pl.Dirichlet(u=0.0, on="x-")]),
            r"order 2 in 'x' but 1 boundary",
        ),
        (
            lambda: make(equations=lambda u: u.t + u.x, conditions=HEAT_CONDITIONS, parameters={}),
            r"order 1 in 'x' but 2 boundary conditions there; keep 1",
        ),
        (lambda: make(equations=lambda u: u.xx - u, parameters={}), r"no equation holds a time derivative of 'u'"),
        (
            lambda: make(equations=lambda u: u.t**2 - u.xx, parameters={}),
            r"not linear in u\.t; solve it for the highest time derivative",
        ),
        (
            lambda: make(unknowns=("u", "v"), equations=lambda u, v: u.t - u.xx + v, parameters={}),
            r"1 equations for 2 unknowns",
        ),
        (
            lambda: make(
                unknowns=("u", "v"),
                equations=[lambda u: u.t - u.xx, lambda v: v.t - v.xx],
                conditions=[pl.Initial(u=0.0, v=0.0), pl.Periodic(on="x", unknowns="u"), pl.Dirichlet(v=0.0)],
                parameters={},
            ),
            r"only u is periodic in 'x'",
        ),
    ],
)
def test_what_cannot_be_solved_is_named(problem: Callable[[], pl.Problem], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pl.reference_solution(problem())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resolution": 2}, r"resolution=2: give a whole number"),
        ({"resolution": 10.5}, r"resolution=10\.5"),
        ({"tolerance": 0.0}, r"tolerance=0\.0: give a positive number"),
        ({"times": [0.0, 3.0], "resolution": 16}, r"times: give increasing times inside t=\(0, 0\.1\)"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pl.reference_solution(make(), **options)


def test_times_of_a_steady_problem() -> None:
    problem = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u.xx - 1, [pl.Dirichlet(u=0.0)])
    with pytest.raises(ValueError, match="the problem is steady"):
        pl.reference_solution(problem, times=[0.0])
