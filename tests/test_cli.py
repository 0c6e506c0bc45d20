"""The command line: every command on shipped problems and on a user's own file, exit codes, messages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import pinnlab as pl
from pinnlab.bench.cases import CaseError, load_case, parse_options
from pinnlab.cli import main
from pinnlab.solution import comparison

HEAT = '''"""Heat on the unit interval."""
import math, torch
import pinnlab as pl
BUDGET = 30
PUBLISHED = "1e-9 (nobody)"

def problem(D=0.1):
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 0.5)),
        unknowns="u",
        equations=lambda u, D: u.t - D * u.xx,
        conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
        parameters={"D": D},
        reference=lambda x, t, D: torch.exp(-D * math.pi**2 * t) * torch.sin(math.pi * x),
    )

def recipe():
    return pl.PINN(network=pl.MLP(width=6, depth=1), stages=(pl.LevenbergMarquardt(steps=5),))
'''


@pytest.fixture
def heat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "heat.py"
    path.write_text(HEAT)
    return path


def invoke(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_recipe_takes_those_options_of_the_problem_that_it_names() -> None:
    assert load_case("reaction", {"r": 15.0}).solver("recipe") == pl.HardConstraintMoE(tolerance=1e-9)
    assert load_case("reaction").solver("recipe") == pl.HardConstraintMoE()
    assert load_case("reaction", {"final_data": True}).solver("recipe") == pl.HardConstraintMoE()


def test_list_in_a_process_of_its_own_names_every_problem() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pinnlab", "list"], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    for name in ("allen_cahn", "burgers", "convection", "kuramoto_sivashinsky", "lorenz"):
        assert name in run.stdout
    assert "budget 170 s; published: " in run.stdout


def test_a_new_file_runs_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("new", "mine/bar.py")
    assert result.exit_code == 0 and "next: pinnlab run mine/bar.py" in result.output
    assert "pinnlab run mine/bar.py -p D=0.3" in Path("mine/bar.py").read_text()
    run = invoke("run", "mine/bar.py", "--no-progress", "-p", "D=0.3")
    assert run.exit_code == 0, run.output
    assert "verdict: good" in run.output
    solution = pl.Solution.load("runs/bar_D_0.3.pt", load_case("mine/bar.py", {"D": 0.3}).problem())
    assert solution.error()["u"] < 1e-6
    again = invoke("new", "mine/bar.py")
    assert again.exit_code == 2 and "mine/bar.py exists; give another name" in again.output
    other = invoke("new", "bar.txt")
    assert other.exit_code == 2 and "give a name that ends in .py" in other.output


def test_run_solves_compares_draws_and_saves(heat: Path) -> None:
    result = invoke("run", heat, "--no-progress", "-p", "D=0.2", "--out", "files")
    assert result.exit_code == 0, result.output
    for text in (
        "heat (D=0.2) by PINN",
        "status: steps done",
        "error: u ",
        "the classical solution",
        "its own coarser",
        "verdict: ",
    ):
        assert text in result.output
    for name in ("heat_D_0.2.png", "heat_D_0.2_training.png", "heat_D_0.2.pt"):
        assert f"wrote {Path('files') / name}" in result.output
        assert (heat.parent / "files" / name).stat().st_size > 1000
    saved = pl.Solution.load(heat.parent / "files" / "heat_D_0.2.pt")
    assert saved(x=0.5, t=0.0)["u"] == pytest.approx(1.0)


def test_run_tells_functions_and_numbers_that_were_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("source.py").write_text("""
import numpy as np
import pinnlab as pl

def problem():
    x = np.linspace(0.0, 1.0, 30)
    u = x * (1 - x) / 2 + x + 1e-3 * np.random.default_rng(0).normal(size=30)
    return pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, s: -u.xx - s,
        [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=lambda c: c, on="x+"), pl.Data({"x": x}, u=u)],
        {"s": pl.Unknown(0.5, of="x"), "c": pl.Unknown(0.1)},
    )
""")
    result = invoke("run", "source.py", "--no-progress")
    assert "found: s(x), a function\n" in result.output and "found: c = " in result.output, result.output
    assert Path("runs/source.pt").exists()


def test_compare_trains_or_takes_a_saved_solution(heat: Path) -> None:
    trained = invoke("compare", heat, "--no-progress", "--out", "files")
    assert trained.exit_code == 0, trained.output
    assert (heat.parent / "files" / "heat_comparison.png").exists()
    case = load_case(str(heat))
    pl.solve(case.problem(), case.solver("recipe"), progress=False).save("heat.pt")
    compared = invoke("compare", "heat.pt", "--problem", heat)
    assert compared.exit_code == 0, compared.output
    assert compared.output.splitlines()[-1].startswith("classical: ")
    unknown = invoke("compare", "heat.pt")
    assert unknown.exit_code == 2 and "--problem FILE.py" in unknown.output


def test_a_saved_solution_of_a_shipped_problem_finds_its_problem(tmp_path: Path) -> None:
    solver = pl.PINN(network=pl.MLP(width=4, depth=1), stages=(pl.LevenbergMarquardt(steps=1),))
    path = tmp_path / "anything.pt"
    pl.solve(pl.load_problem("convection", c=1.0), solver, progress=False).save(path)
    result = invoke("compare", path, "-p", "c=1.0")
    assert result.exit_code == 0, result.output
    assert "convection (c=1.0), " in result.output


def test_a_run_that_does_not_end_as_planned_or_has_no_classical_solution(
    heat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(problem: pl.Problem, *arguments: Any, **options: Any) -> None:
        raise ValueError("too hard")

    monkeypatch.setattr(comparison, "reference_solution", refuse)
    heat.write_text(HEAT.replace("pl.PINN(", "pl.CausalPINN(tolerances=(1e12,), steps_per_tolerance=100, "))
    result = invoke("run", heat, "--no-progress")
    assert result.exit_code == 1, result.output
    assert "status: tolerance not met" in result.output
    assert "no classical solution to compare with: too hard" in result.output
    assert "verdict: doubtful: no estimate of the error; equations hold to " in result.output
    assert (heat.parent / "runs" / "heat.png").exists() and (heat.parent / "runs" / "heat.pt").exists()
    assert not (heat.parent / "runs" / "heat_training.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nonsense"), "no problem 'nonsense'"),
        (("run", "missing.py"), "not there"),
        (("run", "heat.py", "-p", "D"), "name=value"),
        (("run", "heat.py", "-p", "E=1"), "its options are: D"),
        (("run", "heat.py", "--solver", "magic"), "magic"),
        (("run", "heat.py", "--max-seconds", "0"), "max-seconds"),
        (("run", "heat.py", "--device", "abacus"), "--device abacus"),
        (("compare", "heat.py", "--problem", "heat.py"), "goes with a saved solution"),
        (("bench", "heat.py", "--seeds", "one"), "whole numbers"),
        (("bench", "heat.py", "--seeds", "1,1"), "different"),
    ],
)
def test_requests_that_cannot_work_have_exit_code_2(arguments: tuple[str, ...], message: str, heat: Path) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "has no function problem()"),
        ("def problem(:", "SyntaxError"),
        ("\nimport nowhere_at_all", "(line 2)"),
        ("def problem():\n    return 3", "returned int"),
        ("def problem():\n\n    return missing", "(line 3)"),
        (HEAT.replace("def recipe", "def other"), "has no recipe()"),
        (HEAT.replace("return pl.PINN(", "return dict("), "recipe() returned"),
        (HEAT.replace("BUDGET = 30", "BUDGET = -1"), "BUDGET = -1"),
        (HEAT.replace("u.t - D * u.xx", "u.t - k * u.xx"), "name 'k' is not defined"),
    ],
)
def test_a_file_that_cannot_work_says_why(text: str, message: str, heat: Path) -> None:
    heat.write_text(text)
    result = invoke("run", heat, "--solver", "recipe", "--no-progress")
    assert result.exit_code == 2, result.output
    assert message in result.output and "Traceback" not in result.output


def test_a_trained_network_next_to_a_recipe_that_trains_nothing(heat: Path) -> None:
    heat.write_text(HEAT.replace("def recipe", "def trained") + "\ndef recipe():\n    return pl.HardConstraintMoE()\n")
    case = load_case(str(heat))
    assert isinstance(case.solver("recipe"), pl.HardConstraintMoE) and isinstance(case.solver("trained"), pl.PINN)
    result = invoke("run", heat, "--solver", "trained", "--no-progress")
    assert result.exit_code == 0 and "heat by PINN" in result.output
    heat.write_text(HEAT)
    result = invoke("run", heat, "--solver", "trained", "--no-progress")
    assert result.exit_code == 2 and "has no trained(); use --solver recipe, auto" in result.output


def test_what_solve_refuses_is_told_without_a_traceback(heat: Path) -> None:
    heat.write_text(HEAT.replace('parameters={"D": D}', 'parameters={"D": pl.Uniform(0.1, 0.2)}'))
    result = invoke("run", heat, "--no-progress")
    assert result.exit_code == 2 and "family" in result.output


def test_a_file_may_import_its_neighbours_and_leaves_the_path_as_it_was(heat: Path) -> None:
    (heat.parent / "neighbour_of_heat.py").write_text("STEPS = 5\n")
    heat.write_text("from neighbour_of_heat import STEPS\n" + HEAT)
    before = list(sys.path)
    assert load_case(str(heat)).module.STEPS == 5
    assert sys.path == before


def test_a_file_without_recipe_or_budget_has_defaults(heat: Path) -> None:
    heat.write_text(HEAT.replace("def recipe", "def other").replace("BUDGET", "OTHER"))
    case = load_case(str(heat), {"D": 0.5})
    assert case.default_solver == "auto" and case.solver("auto") is None
    assert case.budget == 60.0
    assert case.problem().name == "heat (D=0.5)"
    assert case.description == "Heat on the unit interval."


def test_options_are_whole_numbers_numbers_or_text() -> None:
    options = parse_options(["n=3", "c=5e1", "kind=wave", "eq=a=b"])
    assert options == {"n": 3, "c": 50.0, "kind": "wave", "eq": "a=b"}
    assert isinstance(options["n"], int)
    with pytest.raises(CaseError, match="name=value"):
        parse_options(["=3"])


def test_every_shipped_case_says_what_list_prints() -> None:
    for name in ("allen_cahn", "burgers", "convection", "kuramoto_sivashinsky", "lorenz"):
        case = load_case(name)
        assert case.description and case.published and case.budget > 0 and case.default_solver == "recipe"
