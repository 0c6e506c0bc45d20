"""Damaged files of every kind are named, and solutions, datasets, trials and runs know what they belong to."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.bench.results import Run
from pinnlab.datasets import generate
from pinnlab.machine import files
from pinnlab.selection.trials import Trial, TrialLog


def decay(k: float = 1.0, start: float = 1.0) -> pl.Problem:
    return pl.Problem(pl.Box(t=(0.0, 1.0)), "y", lambda y: y.t + k * y, [pl.Initial(y=start)])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "s.pt"
    solver = pl.PINN(network=pl.MLP(width=4, depth=1), points=20, stages=(pl.LevenbergMarquardt(steps=3),))
    pl.solve(decay(), solver, progress=False).save(path)
    return path


def test_a_solution_is_refused_by_another_problem(saved: Path, tmp_path: Path) -> None:
    assert not [note for note in pl.Solution.load(saved, decay()).notes if "not checked" in note]
    with pytest.raises(ValueError, match=r"load\(problem=...\): .* other equations; .*leave problem= out"):
        pl.Solution.load(saved, decay(k=2.0))
    with pytest.raises(ValueError, match="other conditions"):
        pl.Solution.load(saved, decay(start=2.0))
    # what was loaded without its problem is saved with what the file knew
    pl.Solution.load(saved).save(tmp_path / "again.pt")
    with pytest.raises(ValueError, match="other equations"):
        pl.Solution.load(tmp_path / "again.pt", decay(k=2.0))


def test_damaged_solutions_are_named(saved: Path, tmp_path: Path) -> None:
    content, rng, whole = saved.read_bytes(), random.Random(1), files.read(saved)
    for _ in range(100):
        other = bytearray(content)
        if rng.random() < 0.3:
            del other[rng.randrange(len(other) - 200) :]
        else:
            other[rng.randrange(len(other) - 100)] ^= 1 << rng.randrange(8)
        (tmp_path / "d.pt").write_bytes(bytes(other))
        with pytest.raises(ValueError, match=r"d\.pt'.*save the solution again"):
            pl.Solution.load(tmp_path / "d.pt")
    values: list[Any] = [None, "text", -3, [7], {"a": 1}, torch.zeros(3)]
    for key in ("domain", "unknowns", "models", "history", "status", "seconds"):
        changed = [{**whole, key: v} for v in values if (key, repr(v)) not in (("seconds", "-3"),)]
        for data in (*changed, {k: v for k, v in whole.items() if k != key}):
            files.write(tmp_path / "d.pt", data)
            with pytest.raises(ValueError, match=r"d\.pt' could not be put together again.*save the solution again"):
                pl.Solution.load(tmp_path / "d.pt")
    wide = {**whole["models"][0], "state": {k: torch.zeros(2, 2) for k in whole["models"][0]["state"]}}
    files.write(tmp_path / "d.pt", {**whole, "models": [wide]})
    with pytest.raises(ValueError, match=r"d\.pt'"):
        pl.Solution.load(tmp_path / "d.pt")


def test_a_multi_domain_solution_on_a_polygon_is_saved_and_loaded(tmp_path: Path) -> None:
    ell = pl.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
    problem = pl.Problem(ell, "u", lambda u: u.xx + u.yy + 1, [pl.Dirichlet(u=0.0)])
    solver = pl.MultiDomainPINN(
        subdomains={"x": (1.0,), "y": (1.0,)}, network=pl.MLP(width=4, depth=1), points=20, stages=(pl.Adam(steps=2),)
    )
    found = pl.solve(problem, solver, progress=False)
    found.save(tmp_path / "s.pt")
    x, y = np.array([0.3, 1.5, 0.5]), np.array([0.3, 0.5, 1.7])
    np.testing.assert_array_equal(pl.Solution.load(tmp_path / "s.pt", problem)(x=x, y=y)["u"], found(x=x, y=y)["u"])


AXES = {"t": np.linspace(0.0, 1.0, 3)}


def made(folder: Path, name: str = "d", k: float = 1.0, value: float = 1.0) -> float:
    problem = decay(k).replace(
        equations=lambda y, a: y.t + k * a * y, parameters={"a": pl.Uniform(0.0, 1.0)}
    )  # fmt: skip
    data = generate(
        name, problem, 2, lambda some: {"y": np.full((len(some), 3), value)}, AXES, folder=folder, progress=False
    )  # fmt: skip
    return float(data.values["y"][0, 0])


def test_datasets_know_equations_and_simulator(tmp_path: Path) -> None:
    assert made(tmp_path) == made(tmp_path) == 1.0 and len(list(tmp_path.iterdir())) == 1
    assert made(tmp_path, value=2.0) == 2.0, "another simulator"
    made(tmp_path, k=3.0)
    assert len(list(tmp_path.iterdir())) == 3, "another equation"


@pytest.mark.parametrize("name", ["../x", "/abs/x", "a/b", "..", "", "a\\b"])
def test_names_of_datasets_stay_in_their_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"generate\(.*say folder=... for another place"):
        made(tmp_path, name)


def test_a_damaged_dataset_is_named(tmp_path: Path) -> None:
    made(tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for damaged in (b"", b"text", content[: len(content) // 2], content[:60] + b"xxxxxxxx" + content[68:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{path.name}' is damaged .*delete it, and it is simulated again"):
            made(tmp_path)


PLAYER = """
import sys
from pinnlab.selection.trials import Trial, TrialLog
log = TrialLog(sys.argv[1], "family")
for n in range(int(sys.argv[2]), 60, int(sys.argv[3])):
    log.append(Trial(n, {"a": 0.5}, ("value",), float(n), "x" * 5000, 0.0))
"""


def test_two_processes_share_a_log_of_trials(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    both = [subprocess.Popen([sys.executable, "-c", PLAYER, str(path), *a]) for a in (("0", "1"), ("1", "2"))]
    assert [process.wait(120) for process in both] == [0, 0]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted(line["number"] for line in lines[1:]) == list(range(60)), "each once"
    assert sorted(TrialLog(path, "family").trials) == list(range(60))


def test_a_damaged_log_of_trials_is_named(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    TrialLog(path, "family").append(Trial(0, {"a": 0.5}, ("value",), 1.0))
    head = path.read_text().splitlines()[0]
    for line in ("{}", "[1]", "nonsense", '{"number": "a", "parameters": {}, "interface": [], "reward": 0}', "null"):
        path.write_text(f"{head}\n{line}\n")
        with pytest.raises(ValueError, match=r"trials\.jsonl' is no file of trials, or is damaged .*delete it"):
            TrialLog(path, "family")


def test_a_run_in_single_precision_is_another_one() -> None:
    planned = Run("p", "pinn", 0, 1.0, "PINN()", dtype="float32", device="cpu", digest="3.11:aa")
    assert Run("p", "pinn", 0, 1.0, "PINN()").differs(planned) == "in float64, not float32"
    old = Run("p", "pinn", 0, 1.0, "PINN()", dtype="float32", digest="3.11:bb")
    assert "other equations" in old.differs(planned)
    assert "settings" in Run("p", "pinn", 0, 1.0, "PINN(points=3)", dtype="float32").differs(planned)
    assert not Run("p", "pinn", 0, 1.0, "PINN()", dtype="float32").differs(planned)


@pytest.mark.parametrize("cuts", [3, 7, 10])
def test_a_measurement_between_two_windows_counts_once(cuts: int) -> None:
    edges = [0.1 + 0.9 * k / cuts for k in range(cuts + 1)]
    data, whole = pl.Data({"t": np.array(edges)}, y=np.array(edges)), pl.Box(t=(edges[0], edges[-1]))
    parts = [data.within(pl.Box(t=ends), whole) for ends in zip(edges[:-1], edges[1:], strict=True)]
    counts = [0 if part is None else len(part.points["t"]) for part in parts]
    assert counts == [2] + [1] * (cuts - 1) and math.isclose(sum(counts), len(edges))
