"""Programs of users, under a strict type checker."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import pinnlab as pl
from pinnlab.derivatives.names import POINTWISE_METHODS as POINTWISE

HERE = Path(__file__).parent
Found = dict[str, set[tuple[int, str]]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Found:
    """{program: {(line, kind of error)}}, of the package as it is installed."""
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed: pip install -e '.[test]'")
    folder = tmp_path_factory.mktemp("programs")
    names = [f"print(pl.{name})" for name in pl.__all__]
    methods = [f"    u = u.{name}()" for name in sorted(POINTWISE)]
    lines = ["import pinnlab as pl", *names, "def f(u: pl.Field) -> pl.Field:", *methods, "    return u"]
    (folder / "every_name.py").write_text("\n".join(lines), encoding="utf-8")
    programs = [HERE / "user_program.py", HERE / "wrong_program.py", folder / "every_name.py"]
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, "--no-error-summary"]
    # an installed package is never checked itself, one that was found by PYTHONPATH is
    options = ["--follow-imports", "silent", "--cache-dir", str(pytestconfig.cache.mkdir("mypy"))]
    run = subprocess.run(
        [*command, *options, *map(str, programs)], cwd=folder, capture_output=True, text=True, timeout=400
    )
    assert run.returncode in (0, 1), run.stdout + run.stderr
    errors: Found = {program.name: set() for program in programs}
    for line in run.stdout.splitlines():
        match = re.match(r"(.+\.py):(\d+): error: .*\[([a-z-]+)\]$", line)
        if match:
            errors[Path(match[1]).name].add((int(match[2]), match[3]))
        else:
            assert ": note: " in line, line
    return errors


def test_a_typed_program_passes(found: Found) -> None:
    assert found["user_program.py"] == set()


def test_mistakes_are_found_where_they_are(found: Found) -> None:
    lines = (HERE / "wrong_program.py").read_text(encoding="utf-8").splitlines()
    wrong = {(i, line.partition("# wrong: ")[2]) for i, line in enumerate(lines, 1) if "# wrong: " in line}
    assert len(wrong) > 20 and found["wrong_program.py"] == wrong


def test_every_public_name_and_pointwise_method_is_known(found: Found) -> None:
    assert found["every_name.py"] == set()


def test_the_typed_program_runs() -> None:
    made = runpy.run_path(str(HERE / "user_program.py"))
    assert made["values"]["u"].shape == (5,) and 0 < made["error"] < 10
    assert made["names"] == ("u", "v") and ("x",) in made["used"] and "complete" in made["text"]
