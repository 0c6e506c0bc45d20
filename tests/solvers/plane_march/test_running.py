"""Marches of the plane as the loop runs them: files, checkpoints, budgets, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.training.plans import Settings

PI = math.pi
SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)


def until(end: float) -> pl.Box:
    return pl.Box(t=(0.0, end))


def solve(problem: pl.Problem, **options: Any) -> pl.Solution:
    return pl.solve(problem, pl.HardConstraintMoE(**options), progress=False)


def decaying(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    return torch.sin(PI * x) * torch.sin(2 * PI * y) * torch.exp(-5 * PI**2 * t)


HEAT = pl.Problem(
    pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)) * until(0.1), "u", lambda u: u.t - u.laplacian,
    [pl.Initial(u=lambda x, y: decaying(x, y, torch.zeros_like(x))), pl.Dirichlet(u=0.0)], reference=decaying,
)  # fmt: skip


def test_a_file_holds_it(tmp_path: Path) -> None:
    solution = solve(HEAT, tolerance=1e-2)
    solution.save(tmp_path / "heat.pt")
    at = {"x": np.array([0.2, 0.7]), "y": np.array([0.3, 0.9]), "t": np.array([0.02, 0.06])}
    assert np.array_equal(pl.Solution.load(tmp_path / "heat.pt")(**at)["u"], solution(**at)["u"])
    # at the first time it is the state as given
    given = float(decaying(*torch.tensor([0.2, 0.3, 0.0], dtype=torch.float64)))
    assert float(solution(x=0.2, y=0.3, t=0.0)["u"]) == pytest.approx(given, rel=1e-14)


def test_a_checkpoint_resumes_to_the_same_numbers(tmp_path: Path) -> None:
    problem = HEAT.replace(equations=lambda u: u.t - u.laplacian + u**3)
    whole = solve(problem, tolerance=1e-2)
    solver, path, shown = pl.HardConstraintMoE(tolerance=1e-2), tmp_path / "run.ckpt", []

    def second(record: Any) -> bool:
        shown.append(record)
        return len(shown) == 2

    stopped = pl.solve(problem, solver, checkpoint=path, progress=False, callbacks=(second,))
    resumed = pl.solve(problem, solver, checkpoint=path, progress=False)
    assert stopped.status.name == "INTERRUPTED" and len(stopped.models) == 2 < len(whole.models)
    at = {"x": 0.3, "y": 0.4, "t": np.linspace(0.0, 0.1, 5)}
    assert np.array_equal(resumed(**at)["u"], whole(**at)["u"])


def test_without_time_there_is_nothing_or_the_first_part() -> None:
    solution = pl.solve(HEAT, pl.HardConstraintMoE(tolerance=1e-8), progress=False, callbacks=(lambda record: True,))
    assert np.isnan(solution(x=0.5, y=0.2, t=0.1)["u"])
    with pytest.raises(ValueError, match="nothing could be solved"):
        pl.solve(HEAT, pl.HardConstraintMoE(), progress=False, max_seconds=1e-4)


def test_too_few_experts_are_said() -> None:
    def waves(x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(12 * PI * x) * torch.sin(12 * PI * y)

    problem = HEAT.replace(conditions=[pl.Initial(u=waves), pl.Dirichlet(u=0.0)], reference=None)
    solution = solve(problem, most_experts=16)
    assert solution.status is pl.Status.UNRESOLVED
    assert any("not fine enough for the initial state" in note for note in solution.notes)


REFUSED = {
    "no velocity": (
        HEAT.replace(equations=lambda u: u.tt - u.laplacian, conditions=[pl.Initial(u=0.0), pl.Dirichlet(u=0.0)]),
        {}, r"nothing says what u_t is at the start; add Initial\(u_t=...\)",
    ),
    "data": (
        HEAT.replace(conditions=[*HEAT.conditions, pl.Data({"x": [0.5], "y": [0.5], "t": [0.05]}, u=[1.0])]),
        {}, "not Data.*PINN",
    ),
    "a part that moves": (
        HEAT.replace(conditions=[pl.Initial(u=0.0), pl.Dirichlet(u=0.0, where=lambda x, t: x > t), pl.Neumann(
            u=0.0, where=lambda x, t: x <= t)], reference=None),
        {}, "where of Dirichlet.* takes 't'",
    ),
    "edges": (HEAT, {"experts": {"x": (0.3,)}}, "give numbers of cells"),
    "many stages": (HEAT, {"degrees": {"t": 12}}, "degrees from 2 to 9"),
    "an unknown number": (
        HEAT.replace(equations=lambda u, k: u.t - k * u.laplacian, parameters={"k": pl.Unknown(1.0)}, reference=None),
        {}, "finds no unknown 'k'",
    ),
    "four dimensions": (
        pl.Problem(
            pl.Ball({"x": 0.0, "y": 0.0, "z": 0.0, "w": 0.0}, 1.0) * until(1.0), "u", lambda u: u.t - u.laplacian,
            [pl.Initial(u=0.0), pl.Dirichlet(u=0.0)],
        ),
        {}, "two or three dimensions of space",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_before_anything_is_solved(name: str) -> None:
    problem, options, message = REFUSED[name]
    disc = pl.Ball({"x": 0.5, "y": 0.5}, 0.5)
    # on a box there are experts in slabs of one piece besides
    problem = problem if name == "four dimensions" else problem.replace(domain=disc * until(0.1), reference=None)
    solver = pl.HardConstraintMoE(**options)
    assert solver.obstacle(problem) is not None
    with pytest.raises(ValueError, match=message):
        solver.plan(problem, SETTINGS)


def test_it_runs_in_float64_only() -> None:
    with pytest.raises(ValueError, match="in float64 on the CPU"):
        pl.solve(HEAT, pl.HardConstraintMoE(), dtype=torch.float32, progress=False)
