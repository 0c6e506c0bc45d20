"""The papers' experiments: tables by hand, rows that are made once, pieces, files, the command; a real row of each kind."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import pinnlab as pl
from pinnlab.bench.papers import running
from pinnlab.bench.papers.experiment import SIZES, Experiment, Measured, Setting, Variant
from pinnlab.bench.papers.library import PAPERS, experiments
from pinnlab.bench.papers.pictures import figure
from pinnlab.bench.papers.rows import softened
from pinnlab.bench.papers.running import Order, reproduce
from pinnlab.bench.papers.table import Row, Table, in_words, medians, same_order
from pinnlab.cli import main
from pinnlab.declaration.conditions import Initial
from pinnlab.papers import causal, metalic, pi_hc_moe

EXPERIMENTS = [e for paper in PAPERS for e in experiments(paper)]


def experiment(make: Callable[[Setting], Measured]) -> Experiment:
    limits = {"small": 10.0, "paper": 100.0}
    rows = (
        Variant("first", make, 0.5, limits),
        Variant("second", make, 0.1, limits),
        Variant("ours", make, math.nan, limits),
    )
    return Experiment("nobody", "nothing", "Nothing", "nowhere, Table 1", "error", rows, "Made up.")


def fixed(error: float = 0.2, status: str = "STEPS_DONE") -> Callable[[Setting], Measured]:
    return lambda setting: Measured(error, min(setting.seconds, 30.0), status)


def row(variant: str, error: float, seed: int = 0) -> Row:
    return Row(variant, seed, Measured(error, 1.0, "STEPS_DONE"))


def test_medians_and_order_by_hand() -> None:
    nothing = experiment(fixed())
    table = Table("nobody", "nothing", "small")
    assert medians(nothing, table) == {} and same_order(nothing.variants, {}) is None
    for new in (
        row("first", 0.7),
        row("first", 0.3, 1),
        row("first", 0.4, 2),
        row("second", 0.2),
        row("second", 0.4, 1),
    ):
        table = table.adding(new)
    assert medians(nothing, table) == {"first": 0.4, "second": pytest.approx(0.3)}
    assert same_order(nothing.variants, {"first": 0.4, "second": 0.3, "ours": 9.0}) is True
    assert same_order(nothing.variants, {"first": 0.2, "second": 0.3}) is False
    assert same_order(nothing.variants, {"first": math.nan, "second": 0.3}) is False
    assert same_order(nothing.variants, {"first": 0.2, "ours": 0.3}) is None
    cases = [
        Variant(f"{name}, c = {c}", fixed(), published, case=f"c = {c}")
        for name, c, published in (("a", 2, 0.1), ("b", 2, 0.2), ("a", 9, 0.3), ("b", 9, 0.4))
    ]
    found = {"a, c = 2": 0.5, "b, c = 2": 0.6, "a, c = 9": 0.1, "b, c = 9": 0.2}  # at c = 9 all are better than at 2
    assert same_order(cases, found) is True
    assert same_order(cases, {**found, "a, c = 9": 0.3}) is False
    again = table.adding(row("first", 0.1, 2))
    assert len(again.rows) == 5 and medians(nothing, again)["first"] == 0.3
    said = in_words(nothing, table)
    assert "| first | 0.5 | 0.4 | 1 | 3 | steps done |" in said and "| ours | - | - | - | - | - |" in said
    assert "The order is that of the paper. Made up." in said
    drawn = figure(nothing, table).axes[0]
    assert [t.get_text() for t in drawn.get_yticklabels()] == ["first", "second", "ours"]
    assert [bar.get_width() for bar in drawn.patches[:2]] == pytest.approx([0.4, 0.3])
    assert [text.get_text() for text in drawn.texts] == ["4.0e-01", "3.0e-01", "no number"]
    assert drawn.get_xlim()[0] < min(v.published for v in nothing.variants if v.published > 0)


def test_tables_are_files(tmp_path: Path) -> None:
    table = Table("nobody", "nothing", "small").adding(row("first", math.nan)).adding(row("second", 0.1))
    path = tmp_path / "a" / "b.json"
    table.write(path)
    read = Table.read(path)
    assert read.rows[1] == table.rows[1] and math.isnan(read.rows[0].measured.error)
    path.write_text("{}")
    with pytest.raises(ValueError, match="is no table of an experiment"):
        Table.read(path)


def test_rows_are_made_once(tmp_path: Path) -> None:
    seconds: list[float] = []

    def make(setting: Setting) -> Measured:
        seconds.append(setting.seconds)
        return Measured(0.2, 1.0, "STEPS_DONE")

    order = Order([experiment(make)], "small", (0, 1), "cpu", tmp_path)
    said: list[str] = []
    assert reproduce(order, said.append) and seconds == [10.0] * 6
    assert reproduce(order, said.append) and len(seconds) == 6
    assert "nobody nothing: first, seed 0: error 0.2 after 1 s, steps done" in said
    names = sorted(p.name for p in (tmp_path / "nobody").iterdir())
    assert names == ["nothing.small.json", "nothing.small.md", "nothing.small.png"]
    assert json.loads((tmp_path / "nobody" / names[0]).read_text())["rows"][0]["machine"]["cores"] >= 1


def test_pieces_go_on(tmp_path: Path) -> None:
    asked: list[float] = []

    def make(setting: Setting) -> Measured:
        asked.append(setting.seconds)
        assert setting.checkpoint is not None
        Path(setting.checkpoint).touch()
        return Measured(0.2, setting.seconds, "BUDGET_REACHED")

    order = Order([experiment(make)], "small", (0,), "cpu", tmp_path, piece=6.0)
    assert not reproduce(order, str) and asked == [6.0] * 3
    assert len(list(tmp_path.rglob("*.checkpoint"))) == 3
    # the whole time of a row is over
    assert reproduce(order, str) and asked[3:] == [10.0] * 3
    assert not list(tmp_path.rglob("*.checkpoint"))
    assert reproduce(order, str) and len(asked) == 6


def test_what_fails_is_a_row_and_what_is_stopped_is_none(tmp_path: Path) -> None:
    def breaks(setting: Setting) -> Measured:
        raise FloatingPointError("it blew up")

    order = Order([experiment(breaks)], "small", (0,), "cpu", tmp_path / "a")
    assert reproduce(order, str)
    table = order.known(order.experiments[0])
    assert (
        math.isnan(table.rows[0].measured.error) and table.rows[0].measured.status == "FloatingPointError: it blew up"
    )
    stopped = Order([experiment(fixed(status="INTERRUPTED"))], "small", (0,), "cpu", tmp_path / "b")
    with pytest.raises(KeyboardInterrupt):
        reproduce(stopped, str)
    assert not stopped.known(stopped.experiments[0]).rows


def test_what_there_is() -> None:
    assert len({(e.paper, e.name) for e in EXPERIMENTS}) == len(EXPERIMENTS) >= 15
    for e in EXPERIMENTS:
        names = [v.name for v in e.variants]
        assert len(set(names)) == len(names) and all(set(v.seconds) == set(SIZES) for v in e.variants)
        assert e.seconds("small") <= 600.0, e.name


def test_soft_starts() -> None:
    problem = pl.load_problem("allen_cahn")
    soft = softened(problem)
    assert any(isinstance(c, Initial) for c in problem.exact_plan().built_in)
    assert any(isinstance(c, Initial) for c in soft.exact_plan().soft)
    assert any(isinstance(c, pl.Periodic) for c in soft.exact_plan().built_in)
    (side,) = softened(pl.load_problem("poisson_erf")).conditions
    assert isinstance(side, pl.Dirichlet) and side.exact is False and side.values == {"u": 0.0}


@pytest.mark.parametrize("label", ["allen_cahn", "kuramoto_sivashinsky"])
def test_problems_end_early(label: str) -> None:
    whole, early = pl.load_problem(label), pl.load_problem(label, end=0.25)
    assert early.domain.bounds["t"] == (0.0, 0.25) and whole.domain.bounds["t"] == (0.0, 1.0)
    x = np.linspace(-0.9, 0.9, 4)
    # the reference is of the shorter problem, and from the same state
    assert isinstance(early.reference, pl.ClassicalReference) and isinstance(whole.reference, pl.ClassicalReference)
    assert early.reference._problem.domain == early.domain and whole.reference._problem.domain == whole.domain
    starts = [p.conditions[0].values["u"](torch.from_numpy(x)) for p in (whole, early)]
    assert torch.equal(*starts)


def test_small_causal_rows_differ_in_the_weights_alone() -> None:
    tables = [table for table in vars(causal).values() if isinstance(table, causal._Table)]
    assert len(tables) == 5
    for table in tables:
        problem = table.problem("small")
        plain, weighted = (solver(gates=False)("small") for solver in (table.plain, table.causal))
        assert isinstance(plain, pl.PINN) and isinstance(weighted, pl.CausalPINN)
        shared = ("stages", "points", "windows", "harmonics", "sampling", "condition_weight")
        assert all(getattr(plain, name) == getattr(weighted, name) for name in shared)
        assert plain.obstacle(problem) is None and weighted.obstacle(problem) is None
        # the paper's schedule, to the last step: no row is let off its weights halfway
        (stage,) = weighted.stages or ()
        assert stage is table.small.stage
        assert weighted.steps_per_tolerance * len(weighted.tolerances) == pytest.approx(table.small.stage.steps)
        assert problem.domain.bounds["t"][1] <= table.problem("paper").domain.bounds["t"][1]
        # the authors have initial states in the loss, but Lorenz'
        soft = any(isinstance(c, Initial) for c in problem.exact_plan().soft)
        assert soft is table.small.soft and not (soft and table.weight is None)
        assert f"{table.small.stage.steps} steps of" in table.small.remark()


def test_turbulence_is_measured_by_velocities() -> None:
    """A stream function that is off by a function of time moves nothing."""
    problem = pl.load_problem("decaying_turbulence", end=0.02)

    class Made(SimpleNamespace):
        def __call__(self, **at: np.ndarray) -> dict[str, np.ndarray]:
            found = self.problem.reference(**at)
            return {"w": 1.01 * found["w"], "psi": 1.02 * found["psi"] + at["t"]}

    assert causal._velocities(Made(problem=problem)) == pytest.approx(0.02)


def test_small_members_are_of_the_family() -> None:
    for e in experiments("metalic"):
        family, easy = metalic.members(e.name, "paper"), metalic.members(e.name, "small")
        assert easy.families == family.families
        for name in family.families:
            mine, all_of_it = easy.parameters[name], family.parameters[name]
            assert isinstance(mine, pl.Uniform) and isinstance(all_of_it, pl.Uniform)
            assert all_of_it.lower <= mine.lower < mine.upper <= all_of_it.upper
            share = (mine.upper - mine.lower) / (all_of_it.upper - all_of_it.lower)
            assert share == pytest.approx(1.0 if e.name == "heat_family" else 0.25)


def test_interface_tables_are_fair() -> None:
    assert len(metalic.arms("paper")) == 511
    small = metalic.arms("small")
    assert small[0] == ("value",) and len(set(small)) == 9 and all("value" in names for names in small)
    for e in experiments("metalic"):
        for size in SIZES:
            one, several = metalic.alone(e.name, size), metalic.coupled(e.name, size)
            networks = several.partition(metalic.members(e.name, size)).subdomains
            assert one.stages == several.stages and one.points == networks * several.points
            assert one.boundary_points == networks * several.boundary_points


@pytest.mark.parametrize("solver", [pi_hc_moe._sorption, pi_hc_moe._flow])
def test_the_authors_experts_know_nothing_of_their_neighbours(solver: Callable) -> None:
    alone, coupled = solver("experts")("small"), solver("coupled")("small")
    assert (alone.coupling, coupled.coupling) == ("none", "interface") and alone.experts == coupled.experts
    rows = [solver(name)("small") for name in ("soft", "global", "experts", "coupled")]
    assert len({row.stages for row in rows}) == 1


def test_rows_of_diffusion_sorption_have_the_papers_points() -> None:
    """Losses at as many points in all rows; one constraint is solved at those of one expert, or at those of all four."""
    rows = {name: pi_hc_moe._sorption(name)("small") for name in ("soft", "global", "dense", "experts", "coupled")}
    parts = {name: 4 if row.constraint == "experts" else 1 for name, row in rows.items()}
    assert {parts[name] * (row.loss_points or 0) for name, row in rows.items()} == {640}
    points = {name: parts[name] * (row.points or 0) for name, row in rows.items()}
    assert points["experts"] == points["coupled"] == points["dense"] == 4 * points["global"]


@pytest.mark.parametrize(
    ("paper", "name", "variant"),
    [("lagrangian", "convection", "Lagrangian PINN, c = 2"), ("causal", "allen_cahn", "causal, modified MLP")],
)
def test_real_rows_start(paper: str, name: str, variant: str) -> None:
    (e,) = [e for e in EXPERIMENTS if (e.paper, e.name) == (paper, name)]
    (v,) = [v for v in e.variants if v.name == variant]
    found = v.make(Setting(seconds=1.0))
    assert 0 < found.error < 10 and found.status in ("BUDGET_REACHED", "TOLERANCE_NOT_MET")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["reproduce", *arguments, "--out", str(tmp_path)])
        return result.exit_code, result.output

    code, listed = run()
    assert code == 0 and "diffusion_sorption" in listed and "causal" in listed
    assert "there is no paper 'einstein'; there are causal, lagrangian, metalic, pi_hc_moe" in run("einstein")[1]
    assert "causal has no experiment 'x'; it has allen_cahn" in run("causal", "x")[1]
    assert "give whole numbers" in run("causal", "lorenz", "--seeds", "a")[1]
    made: list[Order] = []
    monkeypatch.setattr("pinnlab.bench.papers.command.reproduce", lambda order, say: made.append(order) or True)
    assert run("causal", "lorenz", "--piece", "30", "--seeds", "0,1")[0] == 0
    assert [e.name for e in made[0].experiments] == ["lorenz"] and (made[0].piece, made[0].seeds) == (30.0, (0, 1))
    path = made[0].path(made[0].experiments[0], ".json")
    Table("causal", "lorenz", "small").write(path)
    code, said = run("causal", "lorenz")
    assert code == 2 and "--resume goes on with it" in said
    assert running.UNFINISHED[0] == pl.Status.BUDGET_REACHED.name
