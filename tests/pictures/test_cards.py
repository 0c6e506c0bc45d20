"""Cards of what a solve returns."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

import pinnlab as pl
from pinnlab.pictures.cards import solution_card


def test_solution_report_and_comparison_have_cards() -> None:
    problem = pl.Problem(
        pl.Box(x=(0, 1), t=(0, 1)), "u", lambda u: u.t - u.xx,
        [pl.Initial(u=lambda x: torch.sin(torch.pi * x)), pl.Dirichlet(u=0.0)], name="cooling rod",
    )  # fmt: skip
    solution = pl.solve(problem, max_seconds=20, progress=False)
    html = solution._repr_html_()
    assert "cooling rod" in html and "converged" in html and html.count("data:image/png") == 1
    report = solution.report()
    html = report._repr_html_()
    assert report.verdict.value in html and report.why.split(";")[0] in html and "initial u" in html
    assert "classical:" in solution.compare()._repr_html_()


def test_a_family_has_no_picture() -> None:
    family: Any = SimpleNamespace(problem=SimpleNamespace(families=("a",)))
    html = solution_card(family, "a family: u\nconverged")
    assert "<b>a family: u</b>" in html and "converged" in html and "<img" not in html
