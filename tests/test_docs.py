"""What the documentation shows runs as it stands there, and the pages made by scripts are made from what was measured."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from click.testing import CliRunner

import pinnlab as pl
from pinnlab.bench import Baseline, Results, Run
from pinnlab.cli import main

DOCS = Path(__file__).parents[1] / "docs"


def python_blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def files(page: str) -> dict[str, str]:
    """The blocks that begin with the name of a file."""
    named = {re.match(r"# (\w+\.py)\n", block): block for block in python_blocks(page)}
    return {found[1]: block for found, block in named.items() if found}


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
    assert solution.status is pl.Status.CONVERGED and solution.history[-1].step == extending["k"]
    assert torch.allclose(solution.models[0].theta, extending["theta"], rtol=0, atol=1e-9)
    points = torch.tensor([[0.5, 1.0], [0.3, 0.2]], dtype=torch.float64)
    assert torch.allclose(solution.function(points), extending["values"](points), rtol=0, atol=1e-9)


def test_the_problem_file_runs_like_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "decay.py").write_text(files("extending.md")["decay.py"])
    arguments = ["run", str(tmp_path / "decay.py"), "-p", "rate=3", "--no-progress", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "decay_rate_3.pt").exists() or list(tmp_path.glob("decay*.pt"))
