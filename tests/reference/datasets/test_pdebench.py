"""PDEBench's files: read from one written in their layout by h5py alone, and written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pinnlab.problems import diffusion_sorption
from pinnlab.reference.datasets import Dataset, read_pdebench, write_pdebench

h5py = pytest.importorskip("h5py")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two members as PDEBench's generator writes them: float32, lzf, a configuration in the attributes."""
    path = tmp_path / "1D_diff-sorp_NA_NA.h5"
    x, t = (np.arange(8) + 0.5) / 8, np.linspace(0, 500, 5)
    with h5py.File(path, "w") as out:
        for number, u0 in (("0001", 0.15), ("0000", 0.05)):
            data = u0 + (1 - u0) * np.exp(-x) * t[:, None] / 500
            out.create_dataset(f"{number}/data", data=data[..., None], dtype="float32", compression="lzf")
            out.create_dataset(f"{number}/grid/x", data=x, dtype="float32", compression="lzf")
            out.create_dataset(f"{number}/grid/t", data=t, dtype="float32", compression="lzf")
            out.attrs[f"{number}/config"] = "sim: {D: 0.0005}"
    return path


def test_reading(file: Path) -> None:
    data = read_pdebench(file)
    assert list(data.axes) == ["x", "t"] and len(data) == 2
    assert data.values["u"].shape == (2, 8, 5)
    assert np.allclose(data.values["u"][0, 0], 0.05 + 0.95 * np.exp(-1 / 16) * np.arange(5) / 4, rtol=0, atol=1e-6)
    assert data.members == [{}, {}]
    one = diffusion_sorption.read(file, members=[1])
    assert len(one) == 1 and one.members[0]["u0"] == pytest.approx(0.15, abs=1e-7)
    member = diffusion_sorption.problem().at(**one.members[0])
    assert member.families == ()


def test_two_dimensions_and_round_trip(tmp_path: Path) -> None:
    axes = {"x": np.linspace(0, 1, 3), "y": np.linspace(0, 1, 4), "t": np.linspace(0, 2, 5)}
    values = {n: np.random.default_rng(i).random((2, 3, 4, 5), dtype=np.float32) for i, n in enumerate("uv")}
    path = tmp_path / "two.h5"
    write_pdebench(path, Dataset(axes, values, [{}, {}]))
    with h5py.File(path) as file:
        assert list(file) == ["0000", "0001"] and file["0000/data"].shape == (5, 3, 4, 2)
        assert file["0000/data"].dtype == np.float32 and file["0000/data"].compression == "lzf"
    data = read_pdebench(path, ("u", "v"))
    for name in "uv":
        assert np.array_equal(data.values[name], values[name])
    for name, axis in axes.items():
        assert np.allclose(data.axes[name], axis, rtol=0, atol=1e-5)


def test_what_cannot_be_read(file: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_pdebench(tmp_path / "none.h5")
    with pytest.raises(ValueError, match=r"has shape \(5, 8, 1\); its grid and unknowns=\('u', 'v'\) make \(5, 8, 2\)"):
        read_pdebench(file, ("u", "v"))
    with pytest.raises(ValueError, match=r"members=\[2\]: .* has 2 members, 0 to 1"):
        read_pdebench(file, members=[2])
    other = tmp_path / "tensor.h5"
    with h5py.File(other, "w") as out:
        out["tensor"] = np.zeros((2, 3))
        out["x-coordinate"] = np.zeros(3)
    with pytest.raises(
        ValueError, match="holds tensor, x-coordinate; this reader knows files with one group per member"
    ):
        read_pdebench(other)
    with h5py.File(file, "a") as out:
        out["0001/grid/x"][0] = 0.3
    with pytest.raises(ValueError, match="the grid of '0001' differs"):
        read_pdebench(file)
    with pytest.raises(ValueError, match="the axes are t, x"):
        write_pdebench(other, Dataset({"t": np.zeros(2), "x": np.zeros(3)}, {"u": np.zeros((0, 2, 3))}, []))
