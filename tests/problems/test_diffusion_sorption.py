"""Diffusion-sorption: the retardation factor, the finite volumes, the dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.problems import diffusion_sorption
from pinnlab.problems._diffusion_sorption import cell_centres, finite_volumes, retardation, similarity

TIMES = np.linspace(0.0, 500.0, 11)


def test_retardation_by_hand() -> None:
    # (0.71 / 0.29) 2880 * 3.5e-4 * 0.874 = 2.156911, and 0.1^-0.126 = 1.33660
    assert retardation(1.0) == pytest.approx(1 + 2.156911, abs=1e-6)
    assert retardation(0.1) == pytest.approx(1 + 2.156911 * 1.336596, abs=1e-5)
    # a network may pass through 0: u counts as sqrt(u^2 + 1e-12), and (1e-6)^-0.126 = 5.7016
    found = retardation(torch.tensor([-0.1, 0.0, 1e-9], dtype=torch.float64))
    assert found.tolist() == pytest.approx([1 + 2.156911 * 1.336596] + [1 + 2.156911 * 5.701643] * 2, rel=1e-5)


def test_features_have_size_one() -> None:
    unit = torch.rand(500, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    corner = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.2]], dtype=torch.float64)
    found = similarity(torch.cat([unit * torch.tensor([1.0, 500.0, 0.2]), corner]))
    assert found.shape == (502, 8) and float(found.abs().max()) < 2
    # erf(0) at the left wall, and tanh(0) at the right one
    assert found[500, 3] == -1.0 and found[501, 5] == 0.0


def test_doubling_the_cells_converges_with_second_order() -> None:
    coarse, middle, fine = (finite_volumes(0.1, n, TIMES, 1e-10)[:, 1:] for n in (64, 128, 256))

    def halved(u: np.ndarray) -> np.ndarray:
        return u.reshape(len(u) // 2, 2, -1).mean(axis=1)

    one, two = np.linalg.norm(halved(middle) - coarse), np.linalg.norm(halved(fine) - middle) / np.sqrt(2)
    assert 3.5 < one / two < 4.5
    assert np.linalg.norm(halved(fine) - middle) < 2e-4 * np.linalg.norm(middle)


def test_finite_volumes_agree_with_the_classical_solver() -> None:
    problem = diffusion_sorption.problem(u0=0.1)
    x, t = np.meshgrid(cell_centres(512), TIMES[1:], indexing="ij")
    classical = pl.reference_solution(problem, tolerance=1e-3)(x=x, t=t)["u"]
    found = finite_volumes(0.1, 512, TIMES)[:, 1:]
    assert np.linalg.norm(found - classical) < 2e-5 * np.linalg.norm(classical)


def test_mass_balance() -> None:
    """The total mass changes by what flows through the walls, exactly in space."""
    cells, times = 64, np.linspace(0, 200, 2001)
    u = finite_volumes(0.05, cells, times, 1e-10)
    h, d = 1 / cells, 5e-4
    total = h * np.cumsum(retardation((u[:, 1:] + u[:, :-1]) / 2) * np.diff(u, axis=1), axis=1).sum(axis=0)
    inflow = d * (1 - u[0]) / (h / 2) - d * u[-1] / (h / 2 + d)
    gained = np.cumsum((inflow[1:] + inflow[:-1]) / 2 * np.diff(times))
    assert np.allclose(total[100:] - total[100], gained[100:] - gained[100], rtol=1e-3, atol=0)


def test_dataset(tmp_path: Path) -> None:
    data = diffusion_sorption.data(3, cells=32, times=5, folder=tmp_path, progress=False)
    assert data.values["u"].shape == (3, 32, 5) and list(data.axes) == ["x", "t"]
    u0 = [m["u0"] for m in data.members]
    assert np.allclose(data.values["u"][:, :, 0], np.array(u0)[:, None], rtol=0, atol=1e-6)
    assert 0 < min(u0) and max(u0) < 0.2
    family = diffusion_sorption.problem()
    assert family.families == ("u0",)
    errors = data[:1].errors(lambda u0: family.at(u0=u0).replace(reference=None) and family.reference.member(u0=u0))
    assert errors["u"][0] < 4e-3
