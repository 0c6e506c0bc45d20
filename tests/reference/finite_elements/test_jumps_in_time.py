"""What jumps in time: steps of elements end there, and start again with what holds afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl

DISC = pl.Ball({"x": 0.0, "y": 0.0}, 1.0)
TIMES = [0.1, 0.36, 0.3701, 0.372, 0.4, 0.6, 1.0]


def at(found: pl.Reference, unknown: str = "u") -> np.ndarray:
    """Values (4, 7) at four points, from the middle outwards, and at the times."""
    x, t = np.meshgrid([0.0, 0.3, 0.6, 0.9], TIMES, indexing="ij")
    values: np.ndarray = found(x=x, y=0.0 * x, t=t)[unknown]
    return values


@pytest.mark.parametrize("width", [1e-3, 1e-4])
def test_a_pulse_is_not_stepped_over(width: float) -> None:
    problem = pl.Problem(
        DISC * pl.Box(t=(0.0, 1.0)),
        "u",
        lambda u, t: u.t - u.laplacian - torch.where((t > 0.37) & (t < 0.37 + width), 1 / width, 0.0),
        [pl.Initial(u=0.0), pl.Neumann(u=0.0)],
    )
    found = at(pl.reference_solution(problem, tolerance=1e-2, max_seconds=20))
    right = ((np.array(TIMES) - 0.37) / width).clip(0.0, 1.0)
    np.testing.assert_allclose(found, np.broadcast_to(right, found.shape), atol=4e-9 / width)


def test_an_unknown_without_a_rate_jumps_with_its_source() -> None:
    """The potential of a charge that appears at once is there at once, everywhere."""

    def charge(t: Tensor) -> Tensor:
        return torch.where(t < 0.37, 1.0, 3.0)

    problem = pl.Problem(
        DISC * pl.Box(t=(0.0, 1.0)),
        ("u", "p"),
        lambda u, p, t: {"u": u.t - u.laplacian - 4 - (1 - charge(t)) * p.value, "p": p.laplacian + 4 * charge(t)},
        [pl.Initial(u=lambda x, y: 1 - x**2 - y**2), pl.Dirichlet(u=0.0, p=0.0)],
    )
    found = at(pl.reference_solution(problem, tolerance=1e-2, max_seconds=20), "p")
    x, t = np.meshgrid([0.0, 0.3, 0.6, 0.9], TIMES, indexing="ij")
    np.testing.assert_allclose(found, np.where(t < 0.37, 1.0, 3.0) * (1 - x**2), atol=1e-4)


def test_on_a_line_too() -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        ("u", "p"),
        lambda u, p, t: {"u": u.t - u.xx, "p": p.xx + torch.where(t < 0.37, 2.0, 6.0)},
        [pl.Initial(u=lambda x: torch.sin(np.pi * x)), pl.Dirichlet(u=0.0, p=0.0)],
    )
    found = pl.reference_solution(problem, tolerance=1e-6, max_seconds=20)
    t = np.array(TIMES)
    np.testing.assert_allclose(found(x=0.5 + 0 * t, t=t)["p"], np.where(t < 0.37, 0.25, 0.75), atol=1e-8)


def test_a_side_that_is_heated_from_a_moment_on() -> None:
    def exact(x: Tensor, y: Tensor, t: Tensor) -> Any:
        """Harmonic, from when the boundary is, and what lasts of the time before: little after 0.63."""
        return torch.where(t < 0.37, 0.0, 1.0) * (x**2 - y**2)

    problem = pl.Problem(
        DISC * pl.Box(t=(0.0, 1.0)),
        "u",
        lambda u: 0.1 * u.t - u.laplacian,
        [pl.Initial(u=0.0), pl.Dirichlet(u=exact)],
    )
    found = at(pl.reference_solution(problem, tolerance=1e-3, max_seconds=20))
    assert np.abs(found[:, :2]).max() < 1e-12, "nothing is felt before"
    x = np.array([0.0, 0.3, 0.6, 0.9])
    np.testing.assert_allclose(found[:, -1], x**2, atol=1e-4)
