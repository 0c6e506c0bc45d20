"""The comparison with the classical solver, and export to xarray."""

from __future__ import annotations

import importlib
import math
import types
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.relative_error import error_grid, relative_l2
from pinnlab.solution.comparison import compare

TINY = pl.PINN(network=pl.MLP(width=6, depth=1), stages=(pl.LevenbergMarquardt(steps=4),))


def decay(**parameters: Any) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(t=(0.0, 1.0)),
        unknowns=("u", "v"),
        equations=lambda u, v, k: {"u": u.t + k * u, "v": v.t - u},
        conditions=[pl.Initial(u=1.0, v=0.0)],
        parameters={"k": 2.0, **parameters},
    )


@pytest.fixture(scope="module")
def solution() -> pl.Solution:
    return pl.solve(decay(), TINY, progress=False)


def test_errors_are_relative_l2_on_the_error_grid(solution: pl.Solution) -> None:
    comparison = solution.compare()
    t = error_grid(solution.problem.domain)[:, 0]
    exact = torch.stack([torch.exp(-2 * t), (1 - torch.exp(-2 * t)) / 2], dim=1)
    found = solution(t=t)
    expected = relative_l2(torch.stack([found["u"], found["v"]], dim=1), exact)
    assert list(comparison.errors.values()) == pytest.approx(expected.tolist(), rel=1e-6)


def test_both_times_and_the_classical_estimate_are_there(solution: pl.Solution) -> None:
    comparison = compare(solution)
    assert comparison.network_seconds == solution.seconds > 0
    assert comparison.classical_seconds == comparison.classical.seconds > 0
    assert comparison.classical_error_estimate.keys() == {"u", "v"}
    assert max(comparison.classical_error_estimate.values()) < 1e-12
    assert comparison.problem is solution.problem
    assert comparison.classical(t=1.0)["u"] == pytest.approx(math.exp(-2), rel=1e-8)


def test_the_table_can_be_read(solution: pl.Solution) -> None:
    comparison = solution.compare()
    lines = str(comparison).splitlines()
    assert lines[0].split() == ["error", "of", "u", "error", "of", "v", "seconds", "error", "against"]
    assert lines[1].startswith("PINN ") and f"{comparison.errors['v']:.2e}" in lines[1]
    assert lines[2].startswith("classical ") and f"{comparison.classical_error_estimate['u']:.2e}" in lines[2]
    assert comparison.classical.method in lines[3]
    assert (
        len({line.index("the classical") if "the classical" in line else line.index("its") for line in lines[1:3]}) == 1
    )


def test_found_coefficients_go_to_the_classical_solver() -> None:
    times = np.linspace(0.0, 1.0, 20)
    problem = decay(k=pl.Unknown(1.8))
    problem = problem.replace(conditions=[*problem.conditions, pl.Data(points={"t": times}, u=np.exp(-2 * times))])
    found = pl.solve(problem, TINY, progress=False)
    classical = found.compare().classical
    assert classical(t=1.0)["u"] == pytest.approx(math.exp(-found.coefficients["k"]), rel=1e-7)


def test_the_resolution_is_handed_on() -> None:
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 0.2)),
        unknowns="u",
        equations=lambda u: u.t - 0.1 * u.xx,
        conditions=[pl.Initial(u=lambda x: torch.sin(2 * math.pi * x)), pl.Periodic(on="x")],
    )
    solution = pl.solve(problem, TINY, progress=False)
    assert solution.compare(resolution=16).classical.resolution == 32, "the error is estimated with half of it"


def test_a_problem_that_the_classical_solver_refuses_says_so(solution: pl.Solution) -> None:
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0), v=(0.0, 1.0), w=(0.0, 1.0))
    problem = pl.Problem(
        domain=box,
        unknowns="u",
        equations=lambda u: u.laplacian + 1.0,
        conditions=[pl.Dirichlet(u=0.0)],
    )
    with pytest.raises(ValueError, match="space dimensions"):
        pl.solve(problem, TINY, progress=False).compare()


class FakeDataset:
    def __init__(self, variables: dict, coords: dict, attrs: dict):
        self.variables, self.coords, self.attrs = variables, coords, attrs


def test_to_xarray_names_axes_and_keeps_where_it_comes_from(
    solution: pl.Solution, monkeypatch: pytest.MonkeyPatch
) -> None:
    xarray = types.SimpleNamespace(Dataset=FakeDataset)
    real = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", lambda name: xarray if name == "xarray" else real(name))
    data = solution.to_xarray(t=11)
    names, values = data.variables["u"]
    assert names == ("t",) and values.shape == (11,)
    np.testing.assert_allclose(values, solution(t=data.coords["t"])["u"])
    assert data.attrs["training_seconds"] == solution.seconds and "PINN" in data.attrs["solver"]
    for sizes in ({"x": 5}, {"t": 1}):
        with pytest.raises(ValueError, match="to_xarray"):
            solution.to_xarray(**sizes)


def test_to_xarray_without_xarray_says_what_to_install(solution: pl.Solution, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"pip install pinnlab\[export\]"):
        solution.to_xarray()
