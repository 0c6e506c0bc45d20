"""The bench: tiny budgets, going on after an interruption, and the arithmetic of its table."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import pinnlab as pl
from pinnlab.bench import (
    FAILED,
    Baseline,
    Results,
    Run,
    Schedule,
    bench,
    figure,
    markdown,
    provenance,
    running,
    write_all,
)
from pinnlab.bench.cases import Case, load_case
from pinnlab.bench.report import median_curve
from pinnlab.cli import main
from pinnlab.training.status import Status

DECAY = '''"""Exponential decay."""
import pinnlab as pl
PUBLISHED = "1e-3 (a | bar)"
BUDGET = 20

def problem(k=1.0):
    return pl.Problem(
        domain=pl.Box(t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, k: u.t + k * u,
        conditions=[pl.Initial(u=1.0)],
        parameters={"k": k},
    )

def recipe():
    return pl.PINN(network=pl.MLP(width=4, depth=1), stages=(pl.LevenbergMarquardt(steps=3),))
'''
PAIR = '''"""Two unknowns that stay, one of them three times the other."""
import pinnlab as pl

def problem():
    return pl.Problem(
        domain=pl.Box(t=(0.0, 1.0)),
        unknowns=("u", "v"),
        equations=lambda u, v: {"u": u.t - 0.01 * u, "v": v.t + 0.01 * v},
        conditions=[pl.Initial(u=1.0, v=3.0)],
        reference=lambda t: {"u": 1.0 + 0.0 * t, "v": 3.0 + 0.0 * t},
    )

def recipe():
    return pl.PINN(network=pl.MLP(width=4, depth=1), stages=(pl.LevenbergMarquardt(steps=3),))
'''
MACHINE = {"cpu": "abacus", "cores": 2, "threads": 1, "device": "cpu", "versions": {"python": "3"}} | {
    "commit": "abc", "date": "today", "command": "pinnlab bench"
}  # fmt: skip


@pytest.fixture
def decay(tmp_path: Path) -> Case:
    path = tmp_path / "decay.py"
    path.write_text(DECAY)
    return load_case(str(path))


def run_of(seed: int, error: float = 1e-3, seconds: float = 40.0, windows: int = 1, **changes: object) -> Run:
    curve = {"seconds": [5.0, 20.0, 40.0], "error": [1e-1, 1e-2, 1e-3], "window": [0.0] * 3}
    values = {"status": "BUDGET_REACHED", "errors": {"u": error}, "seconds": seconds, "windows": windows}
    values["curve"] = curve
    return Run("heat", "recipe", seed, 60.0, **{**values, **changes})  # type: ignore[arg-type]


def quiet(line: str) -> None:
    pass


def test_each_solver_and_seed_is_run_and_measured_against_the_classical_solution(decay: Case) -> None:
    results, complete = bench(Schedule([decay], seeds=(0, 1)), Results(MACHINE), lambda found: None, quiet)
    assert complete and [(r.solver, r.seed) for r in results.runs] == [("recipe", 0), ("recipe", 1)]
    first = results.runs[0]
    exact = pl.solve(decay.problem(), decay.solver("recipe"), seed=0, progress=False)
    found = exact.error(lambda t: torch.exp(-t))
    assert first.errors["u"] == pytest.approx(found["u"], rel=1e-5)
    assert first.status == "STEPS_DONE" and first.seconds > 0 and "MLP" in first.configuration
    assert len(first.curve["seconds"]) == len(first.curve["error"]) > 0
    (baseline,) = results.baselines
    assert baseline.estimate < 1e-12 and baseline.seconds > 0 and baseline.errors == {}
    assert baseline.published == "1e-3 (a | bar)"
    again, _ = bench(Schedule([decay], ("pinn",), (0,), 0.05), results, lambda found: None, quiet)
    assert [(r.solver, r.status) for r in again.runs[2:]] == [("pinn", "BUDGET_REACHED")]


def test_an_interrupted_bench_goes_on_where_it_stopped(decay: Case, tmp_path: Path) -> None:
    schedule, path = Schedule([decay], seeds=(0, 1, 2)), tmp_path / "results.json"

    def write(found: Results) -> None:
        found.write(path)
        if len(found.runs) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench(schedule, Results(MACHINE), write, quiet)
    known = Results.read(path)
    assert [r.seed for r in known.runs] == [0, 1]
    lines: list[str] = []
    results, complete = bench(schedule, known, lambda found: None, lines.append)
    assert complete and [r.seed for r in results.runs] == [0, 1, 2]
    assert results.runs[:2] == known.runs
    assert lines[0] == "decay: 1 runs to do, 2 done before"


def test_a_run_that_ctrl_c_ended_is_not_kept(decay: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> pl.Solution:
        assert options.pop("progress") is False
        return pl.solve(*arguments, **options, callbacks=(lambda record: True,), progress=False)  # type: ignore[arg-type]

    monkeypatch.setattr(running, "solve", interrupted)
    results, complete = bench(Schedule([decay]), Results(MACHINE), lambda found: None, quiet)
    assert not complete and results.runs == ()


def test_a_run_that_fails_is_noted_and_tried_again(decay: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*arguments: object, **options: object) -> pl.Solution:
        raise RuntimeError("out of luck")

    with monkeypatch.context() as patch:
        patch.setattr(running, "solve", failing)
        results, complete = bench(Schedule([decay], seeds=(0,)), Results(MACHINE), lambda found: None, quiet)
    (failed,) = results.runs
    assert complete and failed.status == FAILED and "out of luck" in failed.message and math.isnan(failed.error)
    assert "failed: RuntimeError: out of luck" in markdown(results)
    results, _ = bench(Schedule([decay], seeds=(0,)), results, lambda found: None, quiet)
    assert [r.status for r in results.runs] == [Status.STEPS_DONE.name]


def test_a_file_of_results_is_read_as_it_was_written(tmp_path: Path) -> None:
    results = Results(MACHINE).adding(run_of(0, error=math.nan)).adding(Baseline("heat", {"u": 1e-9}))
    path = tmp_path / "results.json"
    results.write(path)
    assert "NaN" not in path.read_text()
    again = Results.read(path)
    assert math.isnan(again.runs[0].errors["u"]) and again.runs[0].curve == results.runs[0].curve
    assert again.machine == MACHINE and math.isnan(again.baselines[0].seconds)
    for other in ('{"runs": 3}', '{"machine": "abacus", "runs": [], "baselines": []}'):
        path.write_text(other)
        with pytest.raises(ValueError, match="not a results file"):
            Results.read(path)


def test_a_second_run_of_the_same_kind_replaces_the_first() -> None:
    results = Results(MACHINE).adding(run_of(0)).adding(run_of(1)).adding(run_of(0, error=5e-4))
    assert [(r.seed, r.error) for r in results.runs] == [(1, 1e-3), (0, 5e-4)]


def test_the_error_at_a_time_is_that_of_the_last_record_before() -> None:
    run = run_of(0, error=9e-4)
    assert math.isnan(run.error_at(4.0))
    assert run.error_at(5.0) == 1e-1 and run.error_at(39.0) == 1e-2
    assert run.error_at(40.0) == run.error_at(100.0) == 9e-4


def test_windows_have_no_error_of_the_whole_before_the_end() -> None:
    run = run_of(0, windows=3)
    assert math.isnan(run.error_at(20.0)) and run.error_at(40.0) == 1e-3


def test_the_median_curve_starts_where_all_runs_have_started() -> None:
    late = run_of(1, curve={"seconds": [10.0, 40.0], "error": [3e-1, 3e-3], "window": [0.0, 0.0]}, error=3e-3)
    third = run_of(2, error=2e-3)
    times, middle, low, high = median_curve([run_of(0), late, third])
    assert times.tolist() == [10.0, 20.0, 40.0]
    assert middle.tolist() == [1e-1, 1e-2, 2e-3]
    assert low.tolist() == [1e-1, 1e-2, 1e-3] and high.tolist() == [3e-1, 3e-1, 3e-3]


def test_the_table_has_median_and_range_and_the_classical_solver() -> None:
    results = Results(MACHINE, tuple(run_of(seed, error) for seed, error in enumerate((1e-3, 4e-3, 2e-3))))
    results = results.adding(Baseline("heat", {"u": 1.2e-9}, {}, 0.5, "spectral", 64, "1e-3 (a | bar)"))
    text = markdown(results)
    head, _, row = [line for line in text.splitlines() if line.startswith("|")]
    cells = [cell.strip() for cell in row.replace("\\|", "/").strip("|").split("|")]
    assert dict(zip([c.strip() for c in head.strip("|").split("|")], cells, strict=True)) == {
        "problem": "heat", "solver": "recipe", "seeds": "3", "error: median [min, max]": "2.0e-03 [1.0e-03, 4.0e-03]",
        "seconds": "40.0", "error at 10 s": "1.0e-01", "error at 30 s": "1.0e-02", "error at 60 s": "2.0e-03",
        "classical: estimated error": "1.2e-09", "classical, s": "0.50", "published": "1e-3 (a / bar)",
    }  # fmt: skip
    assert "abacus, 2 cores" in text and "`pinnlab bench`" in text and "commit: abc" in text


def test_rows_of_a_problem_stand_together_however_the_bench_was_interrupted() -> None:
    runs = [Run(problem, solver, 0, 60.0) for solver in ("recipe", "pinn") for problem in ("heat", "wave")]
    rows = [line for line in markdown(Results(MACHINE, tuple(runs))).splitlines() if line.startswith("| ")][2:]
    assert [row.split(" | ")[0].strip("| ") for row in rows] == ["heat", "heat", "wave", "wave"]


def test_several_unknowns_each_have_their_error() -> None:
    results = Results(MACHINE, (run_of(0, errors={"x": 1e-3, "y": 2e-3}),))
    assert "x 1.0e-03; y 2.0e-03" in markdown(results) and "together" not in markdown(results)


def test_unknowns_together_are_off_by_the_norm_of_all_errors(tmp_path: Path) -> None:
    path = tmp_path / "pair.py"
    path.write_text(PAIR, encoding="utf-8")
    results, _ = bench(Schedule([load_case(str(path))], seeds=(0,)), Results(MACHINE), lambda found: None, quiet)
    (run,) = results.runs
    # u = 1 and v = 3, so that the norm of v is three times that of u
    expected = math.hypot(run.errors["u"], 3 * run.errors["v"]) / 10**0.5
    assert run.together == pytest.approx(expected, rel=1e-6) and f"together {run.together:.1e}" in markdown(results)


def test_the_figure_shows_curves_windows_and_results_without_errors(tmp_path: Path) -> None:
    runs = (run_of(0), run_of(1), run_of(2, windows=2, errors={"u": math.nan}), run_of(3, status=FAILED, errors={}))
    results = Results(MACHINE, runs).adding(Baseline("heat", {"u": 0.0}, seconds=0.3))
    picture = figure(results)
    picture.savefig(tmp_path / "figure.png", dpi=40)
    labels = picture.axes[0].get_legend_handles_labels()[1]
    assert set(labels) == {"recipe", "classical (its estimate)"}
    assert all(path.exists() for path in write_all(Results(MACHINE), tmp_path / "empty"))


def test_the_machine_is_described() -> None:
    found = provenance("pinnlab bench")
    assert found["cores"] >= 1 and found["cpu"] and {"torch", "numpy", "scipy"} <= set(found["versions"])


def test_the_command_writes_refuses_to_overwrite_and_resumes(decay: Case, tmp_path: Path) -> None:
    file, out = str(tmp_path / "decay.py"), tmp_path / "out"
    arguments = ["bench", file, "--out", str(out), "-p", "k=2"]
    first = CliRunner().invoke(main, [*arguments, "--seeds", "0"])
    assert first.exit_code == 0, first.output
    data = json.loads((out / "results.json").read_text())
    assert [r["problem"] for r in data["runs"]] == ["decay (k=2)"] and data["runs"][0]["max_seconds"] == 20
    assert "| decay (k=2) | recipe: PINN | 1 |" in (out / "results.md").read_text()
    assert (out / "results.png").stat().st_size > 1000
    refused = CliRunner().invoke(main, [*arguments, "--seeds", "0"])
    assert refused.exit_code == 2 and "--resume" in refused.output
    resumed = CliRunner().invoke(main, [*arguments, "--seeds", "0,1", "--resume"])
    assert resumed.exit_code == 0, resumed.output
    assert "1 runs to do, 1 done before" in resumed.output
    assert "| decay (k=2) | recipe: PINN | 2 |" in (out / "results.md").read_text()


def test_ctrl_c_writes_what_is_there_and_has_exit_code_1(
    decay: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def stopped(schedule: Schedule, results: Results, write: object, *rest: object) -> None:
        write_all(results.adding(run_of(0)), out)
        raise KeyboardInterrupt

    monkeypatch.setattr("pinnlab.cli.run_bench", stopped)
    result = CliRunner().invoke(main, ["bench", str(tmp_path / "decay.py"), "--out", str(out)])
    assert result.exit_code == 1 and "--resume goes on" in result.output
    assert len(Results.read(out / "results.json").runs) == 1


def test_an_error_that_is_no_number_does_not_hide_behind_the_others() -> None:
    run = Run("p", "s", 0, 1.0, errors={"u": 0.1, "v": math.nan})
    assert math.isnan(run.error) and Run("p", "s", 0, 1.0, errors={"u": 0.1, "v": 0.2}).error == 0.2
    assert math.isnan(Baseline("p", error_estimate={"u": 0.1, "v": math.nan}).estimate)
