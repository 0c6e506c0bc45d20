"""Measurements read from CSV files, pandas and xarray."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pinnlab as pl

TABLE = """# soil, March
"time [s]",depth,moisture,noise
0,0.1,0.5,0.01
10,0.1,,
20,0.1,0.3,0.02

30,NA,0.2,0.02
"""


def written(folder: Path, text: str) -> str:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_file_with_missing_values_and_a_column_of_noise(tmp_path: Path) -> None:
    data = pl.Data.read(written(tmp_path, TABLE), {"t": "time [s]", "z": "depth"}, u="moisture", sd="noise")
    assert data.points["t"].tolist() == [0.0, 20.0] and data.points["z"].tolist() == [0.1, 0.1]
    assert data.values["u"].tolist() == [0.5, 0.3] and data.missing == 2
    assert data.sd is not None and data.sd["u"].tolist() == [0.01, 0.02]


def test_decimal_commas_and_expressions(tmp_path: Path) -> None:
    path = written(tmp_path, "t;flux\n0,5;1,25\n1,5;-2\n")
    data = pl.Data.read(path, "t", of=lambda u: u.t, values="flux", sd=0.1, robust=True)
    assert data.points["t"].tolist() == [0.5, 1.5] and data.robust
    assert [v.tolist() for v in data.values.values()] == [[1.25, -2.0]]


def test_frames_datasets_and_dictionaries_say_the_same() -> None:
    pandas, xarray = pytest.importorskip("pandas"), pytest.importorskip("xarray")
    x, t = np.array([0.0, 0.5]), np.array([0.0, 1.0, 2.0])
    u = np.array([[1.0, 2.0, math.nan], [4.0, 5.0, 6.0]])
    grid = xarray.DataArray(u, coords={"x": x, "t": t}, dims=("x", "t"), name="u")
    columns = {"x": np.repeat(x, 3), "t": np.tile(t, 2), "u": u.reshape(-1)}
    for source in (grid, grid.to_dataset(), pandas.DataFrame(columns), columns):
        data = pl.Data.read(source, ("x", "t"), u="u")
        assert data.missing == 1 and data.values["u"].tolist() == [1.0, 2.0, 4.0, 5.0, 6.0]
        assert data.points["x"].tolist() == [0.0, 0.0, 0.5, 0.5, 0.5]
    with pytest.raises(ValueError, match="it has no name"):
        pl.Data.read(grid.rename(None), ("x", "t"), u="u")


def test_what_cannot_be_read_is_said_with_its_place(tmp_path: Path) -> None:
    path = written(tmp_path, TABLE)
    with pytest.raises(ValueError, match=r"no column 'time'; the table has 'time \[s\]', 'depth'"):
        pl.Data.read(path, {"t": "time"}, u="moisture")
    with pytest.raises(TypeError, match=r"u=\[1\]\): give the name of a column"):
        pl.Data.read(path, {"t": "time [s]"}, u=[1])
    with pytest.raises(ValueError, match=r"row 2 of column 't' is '2026-03-01', and no number; turn dates"):
        pl.Data.read(written(tmp_path, "t,u\n1,2\n2026-03-01,3\n"), "t", u="u")
    with pytest.raises(ValueError, match="row 1 has 3 cells, and 2 columns have names"):
        pl.Data.read(written(tmp_path, "t,u\n1,2,3\n"), "t", u="u")
    with pytest.raises(ValueError, match="it must name the columns"):
        pl.Data.read(written(tmp_path, "1,2\n3,4\n"), "t", u="u")
    with pytest.raises(ValueError, match="no rows"):
        pl.Data.read(written(tmp_path, "t,u\n"), "t", u="u")
    with pytest.raises(TypeError, match=r"Data.read\(int\): give the path"):
        pl.Data.read(3, "t", u="u")
    with pytest.raises(FileNotFoundError, match=r"Data.read\(.*there is no such file"):
        pl.Data.read(str(tmp_path / "nothing.csv"), "t", u="u")


def test_several_sensors_from_a_file_to_an_interval(tmp_path: Path) -> None:
    t, rng = np.linspace(0.0, 4.0, 30), np.random.default_rng(0)
    exact, rows = np.exp(-0.5 * t), ["t,good,poor"]
    good, poor = exact + 0.01 * rng.standard_normal(30), exact + 0.2 * rng.standard_normal(30)
    rows += [f"{a},{b},{'' if i % 7 == 3 else c}" for i, (a, b, c) in enumerate(zip(t, good, poor, strict=True))]
    path = written(tmp_path, "\n".join(rows))
    sensors = [pl.Data.read(path, "t", u=name, sd=sd) for name, sd in (("good", 0.01), ("poor", 0.2))]
    problem = pl.Problem(
        pl.Box(t=(0.0, 4.0)), "u", lambda u, k: u.t + k * u, [pl.Initial(u=1.0), *sensors], {"k": pl.Unknown(0.2)}
    )  # fmt: skip
    assert "4 values or places are missing, and left out" in str(problem.check())
    low, high = pl.solve(problem, progress=False).intervals()["k"]
    # the variance is that of both together: the sum of the squares of t exp(-t / 2) over the noise
    known = ((t * exact / 0.01) ** 2).sum() + ((t * exact / 0.2)[np.arange(30) % 7 != 3] ** 2).sum()
    assert low < 0.5 < high and (high - low) / 2 == pytest.approx(1.96 / math.sqrt(known), rel=0.05)


@pytest.mark.parametrize(("source", "named"), [("soil.csv", [1.0, 2.0]), ([1.0, 2.0], [1.0, 2.0]), ({"x": [1.0]}, "u")])
def test_tables_given_to_data_itself_are_sent_to_read(source: Any, named: Any) -> None:
    with pytest.raises(TypeError, match=r"read by pl\.Data\.read\(table, \('x', 't'\), u='"):
        pl.Data(source, u=named)
