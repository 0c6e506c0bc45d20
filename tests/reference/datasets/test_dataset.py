"""Datasets: drawn and simulated once, kept on disk, cut, compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.reference.datasets import Dataset, generate
from pinnlab.reference.datasets.dataset import cache_folder

FAMILY = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u, a: u.t + a * u,
    conditions=[pl.Initial(u=lambda u0: u0)],
    parameters={"a": pl.Uniform(1.0, 2.0), "u0": pl.RandomField(on="x")},
)
AXES = {"x": np.linspace(0, 1, 5), "t": np.linspace(0, 1, 4)}


def exact(a: float, u0):
    return lambda x, t: {"u": u0(x) * np.exp(-a * t)}


class Simulator:
    """Counts what it is asked for."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, members: Sequence[dict]) -> dict[str, np.ndarray]:
        self.batches.append(len(members))
        mesh = dict(zip(AXES, np.meshgrid(*AXES.values(), indexing="ij"), strict=True))
        return {"u": np.stack([exact(**m)(**mesh)["u"] for m in members])}


def make(folder: Path, count: int = 5, **options) -> tuple[Dataset, list[int]]:
    simulate = Simulator()
    options = {"batch": 2, "progress": False, **options}
    return generate("decay", FAMILY, count, simulate, AXES, folder=folder, **options), simulate.batches


def test_simulated_once_then_read(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    first, batches = make(tmp_path)
    assert batches == [2, 2, 1]
    again, batches = make(tmp_path)
    assert batches == []
    assert np.array_equal(first.values["u"], again.values["u"]) and first.values["u"].dtype == np.float32
    assert [m["a"] for m in first.members] == [m["a"] for m in again.members]
    assert [p.suffix for p in tmp_path.iterdir()] == [".npz"]
    assert capfd.readouterr() == ("", ""), "progress=False prints nothing"
    make(tmp_path / "other", progress=True)
    assert "decay: 100%" in capfd.readouterr().err


def test_files_are_told_apart(tmp_path: Path) -> None:
    small, _ = make(tmp_path, 3)
    large, batches = make(tmp_path, 5)
    assert batches == [2, 2, 1], "another number of members is another file"
    assert np.array_equal(large.values["u"][:3], small.values["u"]), "and begins with the smaller one"
    for options in ({"seed": 1}, {"settings": {"cells": 3}}, {"dtype": np.float64}):
        found, batches = make(tmp_path, 3, **options)
        assert batches == [2, 1], options
    assert len(list(tmp_path.iterdir())) == 5


def test_parts_of_a_dataset(tmp_path: Path) -> None:
    data, _ = make(tmp_path)
    assert len(data) == 5 and len(data[1:3]) == 2
    assert data[1:3].members[0] is data.members[1]
    coarse = data.every(x=2, t=3)
    assert coarse.values["u"].shape == (5, 3, 2) and coarse.axes["x"].tolist() == [0.0, 0.5, 1.0]
    with pytest.raises(ValueError, match=r"every\(y=...\): the axes are x, t"):
        data.every(y=2)
    with pytest.raises(TypeError, match=r"data\[2\]: take a range of members"):
        data[2]  # type: ignore[index]


def test_errors_of_predictions(tmp_path: Path) -> None:
    data, _ = make(tmp_path, dtype=np.float64)
    assert np.all(data.errors(exact)["u"] < 1e-14)
    wrong = data.errors(lambda a, u0: lambda x, t: {"u": 1.1 * exact(a, u0)(x, t)["u"], "v": x})
    assert list(wrong) == ["u"] and np.allclose(wrong["u"], 0.1, rtol=0, atol=1e-14)


def test_what_does_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="the problem is no family"):
        generate("decay", FAMILY.at(a=1.0, u0=lambda x: torch.sin(x)), 2, Simulator(), AXES, folder=tmp_path)
    with pytest.raises(ValueError, match="count=0"):
        make(tmp_path, 0)
    with pytest.raises(ValueError, match="the simulation of members 0 to 1 failed"):
        generate("decay", FAMILY, 2, lambda m: {"u": np.full((2, 5, 4), np.nan)}, AXES, folder=tmp_path, batch=2)
    with pytest.raises(ValueError, match=r"has shape \(2, 4, 5\); 2 members on a grid of x x t make \(2, 5, 4\)"):
        Dataset(AXES, {"u": np.zeros((2, 4, 5))}, [{}, {}])
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "pinnlab"
