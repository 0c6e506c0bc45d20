"""The lid-driven cavity: spectral elements against published values, their convergence, the options."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab.problems import lid_cavity
from pinnlab.problems._cavity import cavity, line


def speed(flow, x: float, y: float, h: float = 1e-4) -> float:
    """psi_y by central differences."""
    psi = flow({"x": np.array([x, x]), "y": np.array([y - h, y + h])})["psi"]
    return float(psi[1] - psi[0]) / (2 * h)


def test_matrices_by_hand() -> None:
    x, w, stiffness, slope = line(2)
    # the integrals of (x^2)'^2 = 4 x^2 and of x (x^2)' = 2 x^2 over (0, 1)
    assert w.sum() == pytest.approx(1.0) and (x**2) @ stiffness @ (x**2) == pytest.approx(4 / 3)
    assert x @ slope @ (x**2) == pytest.approx(2 / 3)


def test_velocity_in_the_middle_at_re_100() -> None:
    # Marchi, Suero & Araki, J. Braz. Soc. Mech. Sci. Eng. 31 (2009) 186: u(1/2, 1/2) = -0.20915 for Re = 100
    coarse, fine = (cavity(100.0, lid_cavity.LIDS["unit"], degree) for degree in (3, 4))
    assert speed(fine, 0.5, 0.5) == pytest.approx(-0.20915, abs=3e-4)
    grid = np.linspace(0.0, 1.0, 33)
    one, two = (flow.on_tensor({"x": grid, "y": grid})["psi"] for flow in (coarse, fine))
    assert two.min() == pytest.approx(-0.1035, abs=3e-4)
    assert np.linalg.norm(one - two) < 1e-2 * np.linalg.norm(two)
    assert np.abs(two[[0, -1]]).max() == 0.0 and np.abs(two[:, [0, -1]]).max() == 0.0


def test_nothing_moves_without_a_lid() -> None:
    assert np.abs(cavity(100.0, lambda x: 0.0 * x, 2).data["psi"]).max() == 0.0


def test_options() -> None:
    problem = lid_cavity.problem(re=400.0, lid="parabola")
    assert problem.parameters == {"re": 400.0} and problem.check().complete
    with pytest.raises(ValueError, match="lid='round'.*choose one of unit, parabola"):
        lid_cavity.problem(lid="round")


def test_distances_to_the_corners_by_hand() -> None:
    # from (0, 0) to (0, 1) and (1, 1): 1 and sqrt(2)
    assert lid_cavity.corner_distances(0.0, 0.0) == pytest.approx(np.sqrt(2))
    assert lid_cavity.corner_distances(0.5, 1.0) == pytest.approx(0.25)
    assert lid_cavity.corner_distances(1.0, 1.0) == 0.0
