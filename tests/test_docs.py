"""What the documentation shows runs as it stands there, and the pages made by scripts are made from what was measured."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import math
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from click.testing import CliRunner

import pinnlab as pl
from pinnlab.bench import Baseline, Results, Run
from pinnlab.cli import main
from pinnlab.training.plans import Settings

DOCS = Path(__file__).parents[1] / "docs"


def python_blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def files(page: str) -> dict[str, str]:
    """The blocks that begin with the name of a file."""
    named = {re.match(r"# (\w+\.py)\n", block): block for block in python_blocks(page)}
    return {found[1]: block for found, block in named.items() if found}


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script of docs/benchmarks as a module."""
    specification = importlib.util.spec_from_file_location(name, DOCS / "benchmarks" / f"{name}.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, name, module)
    specification.loader.exec_module(module)
    return module


def run_of(problem: str, seed: int, error: float, solver: str = "recipe", **changes: Any) -> Run:
    curve = {"seconds": [5.0, 20.0, 40.0], "error": [1e-1, 1e-2, error], "window": [0.0] * 3}
    given = {"status": "BUDGET_REACHED", "errors": {"u": error}, "seconds": 40.0, "curve": curve}
    return Run(problem, solver, seed, 40.0, **{**given, **changes})


MACHINE = {"cpu": "abacus", "cores": 2, "threads": 1, "device": "cpu", "versions": {"torch": "2"}} | {
    "commit": "abc", "date": "2026-01-02T03:04:05", "command": "pinnlab bench"
}  # fmt: skip


SCRIPTS = [path for path in sorted((DOCS / "benchmarks").glob("*.py")) if "\nfrom pinnlab" in path.read_text("utf-8")]
PACKAGES = [path.parent.name for path in (DOCS / "benchmarks").glob("*/__init__.py")]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_import_what_there_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(path.parent))
    imports = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
    ours = {"pinnlab", *PACKAGES}
    named = [(str(node.module), alias.name) for node in imports for alias in node.names]
    for module, name in [pair for pair in named if pair[0].split(".")[0] in ours]:
        found = importlib.import_module(module)
        assert hasattr(found, name) or importlib.util.find_spec(f"{module}.{name}"), f"{module} has no {name}"


@pytest.fixture(scope="module")
def extending() -> dict[str, Any]:
    """The names that the page on extending has defined at its end."""
    shown: dict[str, Any] = {"__name__": "extending"}
    for block in python_blocks("extending.md"):
        if block not in files("extending.md").values():
            exec(compile(block, "docs/extending.md", "exec", dont_inherit=True), shown)
    return shown


@pytest.mark.parametrize(
    ("name", "largest"),
    [("waves", 1e-3), ("products", 1e-4), ("odd", 1e-3), ("by_signs", 1e-2), ("unveiled", 1e-4), ("bent", 1e-2)],
)
def test_each_extension_solves_its_problem(extending: dict[str, Any], name: str, largest: float) -> None:
    assert extending[name].error()["u"] < largest


def test_taylor_mode_agrees_with_nested_differentiation(extending: dict[str, Any]) -> None:
    assert extending["difference"] < 1e-12


def test_bodies_in_contact_have_the_jump_of_the_exact_solution(extending: dict[str, Any]) -> None:
    # heat 1/2 flows through two halves of resistance 1/2 and a contact of resistance 1
    found = extending["temperature"](x=[0.25, 0.499, 0.501, 0.75])["u"]
    assert found == pytest.approx([0.875, 0.7505, 0.2495, 0.125], abs=1e-4)


def test_a_region_of_ones_own_joins_set_operations(extending: dict[str, Any]) -> None:
    holed = extending["holed"]
    assert set(holed.pieces(None)) == {"rim", "hole"}
    assert holed.contains(torch.tensor([[1.0, 0.0], [0.2, 0.0]], dtype=torch.float64)).tolist() == [True, False]


def test_parts_driven_by_hand_do_what_solve_does(extending: dict[str, Any]) -> None:
    solution = pl.solve(extending["heat"], extending["solver"], progress=False)
    assert solution.status is pl.Status.STEPS_DONE and solution.history[-1].step == extending["k"] + 1
    assert torch.allclose(solution.models[0].theta, extending["theta"], rtol=0, atol=1e-9)
    points = torch.tensor([[0.5, 1.0], [0.3, 0.2]], dtype=torch.float64)
    assert torch.allclose(solution.function(points), extending["values"](points), rtol=0, atol=1e-9)


def test_the_page_on_time_runs_as_it_stands() -> None:
    shown: dict[str, Any] = {}
    for block in python_blocks("time.md"):
        exec(block, shown)  # noqa: S102  this is what the page is for
    assert float(shown["solution"](S=100.0, t=0.0)["V"]) == pytest.approx(10.4506, abs=1e-3)
    assert all(shown[name].check().complete for name in ("ageing", "call", "swing"))


def test_the_problem_file_runs_like_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "decay.py").write_text(files("extending.md")["decay.py"])
    arguments = ["run", str(tmp_path / "decay.py"), "-p", "rate=3", "--no-progress", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.glob("decay*.pt")] == ["decay_rate_3.pt"]


def test_one_table_of_several_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Results(MACHINE, (run_of("wave", 0, 3e-3), run_of("burgers", 0, 1e-3), run_of("burgers", 1, 2e-3)))
    first = first.adding(Baseline("burgers", {"u": 1e-9}, {}, 0.5, "spectral", 64, "1e-8"))
    # the same run again, better; and one more seed
    second = Results({**MACHINE, "cpu": "slide rule"}, (run_of("burgers", 1, 4e-3), run_of("burgers", 2, 6e-3)))
    paths = [tmp_path / "first.json", tmp_path / "second.json", tmp_path / "third.json"]
    first.write(paths[0])
    second.write(paths[1])
    paths[2].write_text("{}")
    paths.append(tmp_path / "variants.json")
    Results(MACHINE, (run_of("burgers", 3, 1e-3, solver="my variant"),)).write(paths[3])
    monkeypatch.setattr(sys, "argv", ["pages.py", *map(str, paths), "--out", str(tmp_path)])
    script("pages", monkeypatch).main()
    lines = (tmp_path / "problems.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert rows[0][:5] == ["problem", "solver", "seeds", "error: median [min, max]", "seconds"]
    assert rows[2:] == [
        ["burgers", "recipe", "3", "4.0e-03 [1.0e-03, 6.0e-03]", "40.0", "1.0e-09", "0.50", "1e-8"],
        ["wave", "recipe", "1", "3.0e-03", "40.0", "-", "-", "-"],
    ]
    sources = [line for line in lines if line.startswith("- ")]
    assert len(sources) == 2 and "first.json` (burgers, wave)" in sources[0] and "slide rule" in sources[1]
    told = capsys.readouterr().out
    assert "left out" in told and "third.json" in told and "my variant" in told and "5 runs of 2 files" in told


def test_the_allen_cahn_table_has_medians_at_equal_times(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    table = script("allen_cahn_table", monkeypatch)
    name = "causal MLP, Adam"
    runs = tuple(run_of("allen_cahn", seed, error, name) for seed, error in enumerate((4e-3, 2e-3, 8e-3)))
    results = Results(MACHINE, (run_of("allen_cahn", 0, 0.7, table.SOFT), *runs))
    results = results.adding(Baseline("allen_cahn", {"u": 1e-8}, {}, 14.0, "spectral", 64))
    lines = table.markdown(results, [run_of("allen_cahn", 0, 1e-5, "trained")]).splitlines()
    assert lines[0] == "| here, one CPU core | at 30 s | at the end | s | steps, about | seeds |"
    assert lines[2] == f"| {table.SOFT} | 1.0e-02 | 7.0e-01 | 40 | 300 | 1 |"
    assert lines[3] == f"| {name} | 1.0e-02 | 4.0e-03 [2.0e-03, 8.0e-03] | 40 | 300 | 3 |"
    assert lines[4].startswith("| the recipe by `pinnlab bench` |") and lines[5].startswith("| classical: spectral |")
    table.picture(results, tmp_path / "table.png")
    assert (tmp_path / "table.png").stat().st_size > 1000


def test_every_variant_of_the_allen_cahn_table_fits_its_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    table = script("allen_cahn_table", monkeypatch)
    settings = Settings(torch.device("cpu"), torch.float64, seed=0)
    for kind in table.SOLVERS:
        case = table.Variant(table.LABEL, table.allen_cahn, kind=kind)
        phase = case.solver(kind).plan(case.problem(), settings).start(0, [])
        kinds = {block.kind for block in phase.system.blocks}
        assert kinds == ({"equation", "initial", "periodic"} if kind == table.SOFT else {"equation"})
        assert phase.system.model.size < 2000


def test_the_page_on_calculating() -> None:
    shown: dict[str, Any] = {}
    for block in python_blocks("calculating.md"):
        exec(compile(block, "docs/calculating.md", "exec", dont_inherit=True), shown)
    wave = math.exp(-0.1 * math.pi**2 * 0.5)
    assert shown["bend"].tolist() == pytest.approx([-(math.pi**2) * wave * math.sin(math.pi * x) for x in (0.2, 0.4)])
    assert shown["energy"] == pytest.approx(wave**2 / 2) and shown["energy"].error < 1e-8
    assert shown["outflow"] == pytest.approx(0.1 * math.pi * wave) and shown["mean"] == pytest.approx(
        2 / math.pi * wave
    )
    assert shown["both"]["moment"].shape == (2,)
    assert float(shown["branch"](x=0.5)["u"]) == pytest.approx(1.0851589478, rel=1e-6)
