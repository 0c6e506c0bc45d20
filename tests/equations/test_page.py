"""What the page on ready-made equations shows runs as it stands there, and names every equation with its arguments."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import pinnlab as pl

PAGE = (Path(__file__).parents[2] / "docs" / "equations.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(block, "docs/equations.md", "exec", dont_inherit=True), names)
    return names


def test_the_problems_are_complete(shown: dict[str, Any]) -> None:
    assert shown["problem"].check().complete and shown["sheet"].check().complete


def test_an_equation_of_ones_own_takes_a_ready_made_one(shown: dict[str, Any]) -> None:
    box, start = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), pl.Initial(T=0.0, c=1.0)
    problem = pl.Problem(box, ("T", "c"), shown["warmed"], [start, pl.Neumann(T=0.0)], {"a": 0.1, "r": 2.0})
    assert problem.residual_names == ("heat", "fuel") and problem.check().complete


def test_the_table_names_the_arguments() -> None:
    listed: dict[str, str] = {}
    for names, arguments in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| `([^`]*)` \|", PAGE, re.MULTILINE):
        listed |= dict.fromkeys(re.findall(r"\w+", names), arguments)
    functions = set(pl.equations.__all__) - {"lame", "plane_stress_lame", "stress"}
    assert set(listed) == functions
    for name in functions:
        assert listed[name] == ", ".join(inspect.signature(getattr(pl.equations, name)).parameters), name
