"""The page for those who come from other packages: its programs run as they stand, and are right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import pinnlab as pl

PAGE = Path(__file__).parents[1] / "docs" / "coming_from.md"
PROGRAMS = dict(
    re.findall(r"^## ([^\n]*)\n(?:(?!^## ).)*?^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
)
UNMEASURED = {"Burgers", "Poisson on an L"}
"""Whose exact solution is no formula of the page; they are compared with a reference and with finite elements."""
solve = pl.solve


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_run_as_they_stand(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def quiet(problem: pl.Problem, **options: Any) -> pl.Solution:
        return solve(problem, **{"max_seconds": 60.0, "progress": False, **options})

    monkeypatch.setattr(pl, "solve", quiet)
    shown: dict[str, Any] = {}
    exec(compile(PROGRAMS[name], "docs/coming_from.md", "exec", dont_inherit=True), shown)  # noqa: S102  what the page is for
    solution = shown["solution"]
    if name not in UNMEASURED and solution.problem.reference is not None:
        assert max(solution.error().values()) < 1e-7
    if name == "Burgers":
        assert solution.error(pl.load_problem("burgers").reference)["u"] < 1e-6
    if name == "Poisson on an L":
        referee = pl.reference_solution(solution.problem, max_seconds=20.0)
        assert solution.error(referee)["u"] < max(1e-4, 3 * referee.error_estimate["u"])
    if name == "A diffusivity from data":
        low, high = solution.intervals(0.95)["C"]
        assert low <= solution.coefficients["C"] <= high and float(solution.coefficients["C"]) == pytest.approx(
            1, abs=1e-5
        )


def test_there_are_ten() -> None:
    assert len(PROGRAMS) == 10
