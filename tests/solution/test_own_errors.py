"""The error that experts on cut cells have worked out themselves, in reports for which there is no referee."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.solution.quality.error_estimate import ErrorEstimate
from pinnlab.solution.quality.estimates import Estimation, tightened
from pinnlab.solution.quality.report import Verdict

REGION = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)) - pl.Ball({"x": 0.5, "y": 0.45}, 0.2)
SCALE = 200.0


def ripples(x: Tensor, y: Tensor) -> Tensor:
    return SCALE * torch.sin(7 * x + y) * torch.exp(-2 * y)


def plate() -> pl.Problem:
    """A clamped plate with a hole; of exp(i a x + b y) the operator makes (b^2 - a^2)^2 times as much."""
    factor = torch.tensor((7j) ** 2 + (1j - 2) ** 2) ** 2

    def load(x: Tensor, y: Tensor) -> Tensor:
        return SCALE * (factor * torch.exp(7j * x + (1j - 2) * y)).imag

    def slope(x: Tensor, y: Tensor, n: dict[str, Tensor]) -> Tensor:
        wave = SCALE * torch.cos(7 * x + y) * torch.exp(-2 * y)
        return 7 * wave * n["x"] + (wave - 2 * ripples(x, y)) * n["y"]

    return pl.Problem(
        REGION, "w",
        lambda w, x, y: w.d("x", "x", "x", "x") + 2 * w.d("x", "x", "y", "y") + w.d("y", "y", "y", "y") - load(x, y),
        [
            pl.Dirichlet(w=ripples),
            pl.Condition(lambda w, x, y, n: w.d(n) - slope(x, y, {"x": n.x, "y": n.y})),
        ],
    )  # fmt: skip


@pytest.fixture(scope="module")
def solution() -> pl.Solution:
    return pl.solve(plate(), pl.HardConstraintMoE(tolerance=1e-5), max_seconds=60, progress=False)


def true_error(solution: pl.Solution) -> float:
    x, y = torch.rand(2, 4000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    kept = REGION.contains(torch.stack([x, y], dim=1))
    x, y = x[kept], y[kept]
    return float((solution(x=x, y=y)["w"] - ripples(x, y)).norm() / ripples(x, y).norm())


def test_what_experts_tell_of_a_plate_with_a_hole_covers_the_error(solution: pl.Solution) -> None:
    told, true = solution.report("experts").estimate, true_error(solution)
    assert told is not None and true < told.upper < 1e-4


def test_their_word_is_the_last_where_no_referee_has_time(solution: pl.Solution) -> None:
    report = solution.report(max_seconds=1e-3)
    assert report.verdict is Verdict.GOOD and "residuals that were not solved" in report.why
    assert any("no time was left for the error equation" in reason for reason in report.reasons)


def test_what_experts_have_told_is_kept_in_files(solution: pl.Solution, tmp_path: Path) -> None:
    solution.save(tmp_path / "plate.pt")
    again = pl.Solution.load(tmp_path / "plate.pt", problem=plate())
    own = solution.models[0].own_errors
    assert own and again.models[0].own_errors == pytest.approx(own, rel=1e-12)


def test_errors_are_in_the_unit_of_their_unknown(solution: pl.Solution) -> None:
    """In natural units w is of size one, in its own of size 200."""
    (part,) = solution.models
    assert part.solved is not part
    inner = part.solved.own_errors["w"]
    size = np.sqrt(np.mean(np.square(solution(x=np.array([0.1, 0.9]), y=np.array([0.1, 0.2]))["w"])))
    assert 0.1 * size < part.own_errors["w"] / inner < 10 * size


def test_networks_tell_none() -> None:
    problem = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u.xx + 1, [pl.Dirichlet(u=0.0)])
    found = pl.solve(problem, pl.PINN(stages=(pl.Adam(steps=1),)), progress=False)
    assert not found.models[0].own_errors
    report = found.report("experts")
    assert report.estimate is None
    assert "only steady solutions of local experts on cut cells come with an error of their own" in report.reasons[0]


def test_where_conditions_are_missing_residuals_tell_little() -> None:
    """Value and slope at one side and nothing at the other: small residuals, and an error a thousand times as large."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "u", lambda u: u.laplacian,
        [
            pl.Dirichlet(u=lambda x, y: torch.sin(3 * x) * torch.exp(3 * y), on="x"),
            pl.Dirichlet(u=lambda x, y: torch.sin(3 * x), on="y-"),
            pl.Neumann(u=lambda x, y: -3 * torch.sin(3 * x), on="y-"),
        ],
    )  # fmt: skip
    report = pl.solve(problem, pl.HardConstraintMoE(), progress=False).report("experts")
    assert report.estimate is None and "where conditions are missing" in report.reasons[0]


def test_data_are_not_followed() -> None:
    data = pl.Data({"x": np.array([0.3]), "y": np.array([0.1])}, w=np.array([1.0]))
    problem = plate()
    problem = problem.replace(conditions=[*problem.conditions, data])
    report = pl.solve(problem, pl.HardConstraintMoE(tolerance=1e-1), max_seconds=20, progress=False).report("experts")
    assert report.estimate is None and "knows nothing of data" in report.reasons[0]


@pytest.mark.parametrize(
    ("error", "doubt", "kept"),
    [(0.05, 0.045, False), (0.05, 0.001, True), (0.05, 0.03, True), (0.001, 0.001, True), (1e-7, 1e-7, True)],
    ids=["a bound", "certain", "contradicts", "good", "a better bound"],
)
def test_a_bound_of_a_referee_gives_way(solution: pl.Solution, error: float, doubt: float, kept: bool) -> None:
    estimation = Estimation(ErrorEstimate({"w": error}, {"w": doubt}, "a referee", 0.0))
    found = tightened(estimation, solution, 0.01)
    assert (found is estimation) is kept
    if not kept:
        assert found.estimate is not None and found.estimate.upper < 1e-4
        assert found.reasons == ("a referee gives no more than a bound of the relative L2 error: w 5.0e-02 +- 4e-02",)
