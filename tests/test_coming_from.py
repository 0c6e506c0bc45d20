"""The pages for those who come from other packages: our programs run as they stand, and are right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import pinnlab as pl

PAGES = Path(__file__).parents[1] / "docs" / "coming_from"
COUNTS = {"deepxde": 10, "pina": 10, "jinns": 5, "physicsnemo": 5, "neuralpde": 5}
UNMEASURED = {"deepxde: Burgers", "deepxde: Poisson on an L", "deepxde: A diffusivity from data"}
"""Whose exact solution is no formula of the page: what they are compared with stands below."""
UNKNOWN = {"deepxde: A diffusivity from data": ("C", 1.0), "pina: A source from data": ("s", 2 * 3.141592653589793**2),
           "jinns: A rate from data": ("r", 1.7)}  # fmt: skip
"""{program: (name, true value)} of the numbers that are found."""
solve = pl.solve


def sections(page: str) -> dict[str, str]:
    """{title: what stands below it}."""
    _, *parts = re.split(r"^## ", (PAGES / f"{page}.md").read_text("utf-8"), flags=re.MULTILINE)
    return dict(part.split("\n", 1) for part in parts)


PROGRAMS = {
    f"{page}: {title}": "".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    for page in COUNTS
    for title, text in sections(page).items()
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_run_as_they_stand(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def quiet(problem: pl.Problem, **options: Any) -> pl.Solution:
        return solve(problem, **{"max_seconds": 60.0, "progress": False, **options})

    monkeypatch.setattr(pl, "solve", quiet)
    shown: dict[str, Any] = {}
    exec(compile(PROGRAMS[name], name, "exec", dont_inherit=True), shown)  # noqa: S102  what the pages are for
    solution = shown["solution"]
    assert (solution.problem.reference is None) == (name in UNMEASURED)
    if solution.problem.reference is not None:
        assert max(solution.error(relative_to="all").values()) < 1e-7
    if name == "deepxde: Burgers":
        assert solution.error(pl.load_problem("burgers").reference)["u"] < 1e-6
    if name == "deepxde: Poisson on an L":
        referee = pl.reference_solution(solution.problem, max_seconds=20.0)
        assert solution.error(referee)["u"] < max(1e-4, 3 * referee.error_estimate["u"])
    if name in UNKNOWN:
        number, value = UNKNOWN[name]
        low, high = solution.intervals(0.95)[number]
        assert low <= solution.coefficients[number] <= high
        assert float(solution.coefficients[number]) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(("page", "count"), COUNTS.items())
def test_programs_stand_side_by_side(page: str, count: int) -> None:
    found = sections(page)
    assert len(found) == count
    for title, text in found.items():
        assert [len(re.findall(f"^```{kind}$", text, re.MULTILINE)) for kind in ("text", "python")] == [1, 1], title


def test_every_page_is_listed() -> None:
    listed = (PAGES.parent / "coming_from.md").read_text("utf-8")
    assert {path.stem for path in PAGES.glob("*.md")} == set(COUNTS)
    assert all(f"coming_from/{page}\n" in listed for page in COUNTS)
