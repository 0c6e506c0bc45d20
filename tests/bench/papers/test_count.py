"""The count of the papers' experiments: by hand, complete, and as it stands in the documentation."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pinnlab.bench.papers.experiment import Measured, Variant
from pinnlab.bench.papers.library import PAPERS, experiments
from pinnlab.bench.papers.table import Row, Table

BENCHMARKS = Path(__file__).parents[3] / "docs" / "benchmarks"


@pytest.fixture(scope="module")
def count() -> ModuleType:
    specification = importlib.util.spec_from_file_location("papers_count", BENCHMARKS / "papers_count.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["papers_count"] = module
    specification.loader.exec_module(module)
    return module


def row(name: str, published: float = math.nan, case: str = "") -> Variant:
    return Variant(name, lambda setting: Measured(0.0, 0.0, ""), published, case=case)


def test_rows_beside_what_was_published(count: ModuleType) -> None:
    two = [row("a, c = 2", 0.5, "c = 2"), row("b, c = 2", 0.123456, "c = 2"), row("ours")]
    kept = count.compared(two, {"a, c = 2": 0.2, "b, c = 2": 0.1, "ours": 9.0})
    assert kept == count.Found("a 0.5, b 0.123", "0.2, 0.1", True)
    assert count.compared(two, {"a, c = 2": 0.1, "b, c = 2": 0.2}).kept is False
    # half of it was made: there is no order
    assert count.compared(two, {"a, c = 2": 0.1}).kept is None
    one = [row("plain"), row("causal", 0.01)]
    assert count.compared(one, {"plain": 0.5, "causal": 0.01}).kept is True
    assert count.compared(one, {"plain": 0.001, "causal": 0.011}).kept is False
    assert count.compared(one, {"plain": 0.001}).kept is False, "what was not made reaches nothing"


def test_claims_without_numbers(count: ModuleType) -> None:
    rows, claims = [row("learned"), row("chance"), row("one")], ("learned", "chance", "one")
    found = count.compared(rows, {"learned": 0.1, "chance": 0.1, "one": 0.3}, claims)
    assert found == count.Found("learned before chance, one", "0.1, 0.1, 0.3", True)
    assert count.compared(rows, {"learned": 0.2, "chance": 0.1, "one": 0.3}, claims).kept is False
    assert count.compared(rows, {"learned": 0.2, "chance": 0.3}, claims).kept is False


def test_the_list_has_every_experiment_that_a_command_makes(count: ModuleType) -> None:
    listed = {(item.paper, item.experiment) for item in count.ITEMS if item.experiment}
    assert listed == {(e.paper, e.name) for paper in PAPERS for e in experiments(paper)}
    assert len({(item.paper, item.where, item.what) for item in count.ITEMS}) == len(count.ITEMS)
    for item in count.ITEMS:
        names = {v.name for e in experiments(item.paper) if e.name == item.experiment for v in e.variants}
        cases = {v.case for e in experiments(item.paper) if e.name == item.experiment for v in e.variants}
        assert set(item.claims) <= names and (not item.case or item.case in cases)


def test_the_page_is_of_the_results_that_stand_beside_it(count: ModuleType, tmp_path: Path) -> None:
    assert (BENCHMARKS / "papers" / "count.md").read_text(encoding="utf-8") == count.page()
    # without any results nothing is made, and nothing kept
    only = [item for item in count.ITEMS if item.read is None]
    said = count.page(only, tmp_path)
    assert said.startswith(f"Of {len(only)} experiments one command makes 0 again. 0 of them keep")


@pytest.mark.parametrize(("status", "kept"), [("STEPS_DONE", True), ("CROSSED", False)])
def test_a_row_that_failed_keeps_no_order(count: ModuleType, tmp_path: Path, status: str, kept: bool) -> None:
    item = count.Item("lagrangian", "figure", "Burgers", "burgers", "c = 0", ("Lagrangian PINN", "PINN"))
    rows = (Row("PINN", 0, Measured(0.2, 1.0, "STEPS_DONE")), Row("Lagrangian PINN", 0, Measured(0.1, 1.0, status)))
    Table("lagrangian", "burgers", "small", rows).write(tmp_path / "lagrangian" / "burgers.small.json")
    assert count.found(item, tmp_path) == count.Found("Lagrangian PINN before PINN", "0.1, 0.2", kept)


def written(folder: Path, paper: str, experiment: str, errors: dict[str, float], details: dict[str, float]) -> None:
    rows = tuple(Row(name, 0, Measured(e, 1.0, "STEPS_DONE", details)) for name, e in errors.items())
    Table(paper, experiment, "small", rows).write(folder / "papers" / paper / f"{experiment}.small.json")


def test_figures_of_curves_and_landscapes(count: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(count, "HERE", tmp_path)
    for ratios, kept in (((1.1, 1.6), True), ((0.9, 1.6), False)):
        written(
            tmp_path, "causal", "kernel", {"plain, MLP": 1.6}, dict(zip(("0 steps", "9 steps"), ratios, strict=True))
        )
        assert count.kernel().kept is kept
    assert count.kernel().here == "0.9 after 0 steps, 1.6 after 9 steps"
    # that of 100 counts next to those of 1 and 10,000
    for errors, kept in (((0.1, 0.3, 0.2, 0.8), True), ((0.9, 0.2, 0.3, 0.9), False), ((0.9, 0.5, 0.4, 0.3), False)):
        names = [f"epsilon = {epsilon}" for epsilon in ("0.01", "1", "100", "10000")]
        written(tmp_path, "causal", "tolerances", dict(zip(names, errors, strict=True)), {})
        assert count.between().kept is kept
    for most, kept in ((0.008, True), (0.0081, False)):
        written(tmp_path, "causal", "batch", {"half": most, "all": 0.001}, {})
        assert count.batches().kept is kept
    fixed, moving = (0.1, 0.4, 0.6), (0.2, 0.2, 0.2)
    for plain, lagrangian, kept in (
        (fixed, moving, True),
        ((0.1, 0.6, 0.5), moving, False),
        (fixed, (0.2, 0.5, 0.2), False),
        (fixed, (0.2, 0.2, 0.7), False),
    ):
        rows = {f"PINN, c = {c}": e for c, e in zip((0, 30, 50), plain, strict=True)}
        rows |= {f"Lagrangian PINN, c = {c}": e for c, e in zip((0, 30, 50), lagrangian, strict=True)}
        written(tmp_path, "lagrangian", "landscapes", rows, {})
        assert count.rugged().kept is kept
