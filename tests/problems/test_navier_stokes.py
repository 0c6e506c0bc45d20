"""Navier-Stokes on a torus: exact flows, the pseudo-spectral method against the classical solver, the dataset."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.problems import navier_stokes
from pinnlab.problems._vorticity import pseudo_spectral, stream_function


def nodes(n: int) -> np.ndarray:
    return np.arange(n) / n


def small(seed: int = 0, end: float = 0.5) -> pl.Problem:
    """A member for a short time, with more viscosity: few modes are enough."""
    problem = navier_stokes.problem(seed)
    return problem.replace(domain=problem.domain.replace(t=(0.0, end)), reference=None).at(nu=1e-2)


def test_decaying_vortices_are_exact() -> None:
    """sin(2 pi x) sin(2 pi y) is a steady flow of no viscosity, and decays at the rate 8 pi^2 nu."""
    x, nu = nodes(16), 1e-2
    start = np.sin(2 * np.pi * x)[:, None] * np.sin(2 * np.pi * x)
    found = pseudo_spectral(np.stack([start, 2 * start]), nu, 0.5, 3, 4)
    assert found.shape == (2, 16, 16, 3)
    decay = np.exp(-8 * np.pi**2 * nu * np.array([0.0, 0.25, 0.5]))
    assert np.allclose(found[0], start[..., None] * decay, rtol=0, atol=1e-13)
    assert np.allclose(found[1], 2 * found[0], rtol=0, atol=1e-13)


def test_a_moving_frame_is_exact() -> None:
    """A shear flow carries a wave of its own direction nowhere; the mean stays."""
    x = nodes(16)
    start = np.broadcast_to(np.cos(2 * np.pi * x) + 0.7, (16, 16)).copy()
    found = pseudo_spectral(start[None], 1e-2, 1.0, 2, 4)[0, ..., 1]
    assert np.allclose(found, np.cos(2 * np.pi * x) * np.exp(-4 * np.pi**2 * 1e-2) + 0.7, rtol=0, atol=1e-13)


def test_doubling_the_resolution() -> None:
    w0 = navier_stokes.problem(0).parameters["w0"]

    def solve(n: int, steps: int) -> np.ndarray:
        x = nodes(n)
        return pseudo_spectral(w0(x[:, None], x)[None], 1e-3, 1.0, 5, steps)[0, :: n // 32, :: n // 32]

    fine = solve(64, 16)
    size = np.linalg.norm(fine)
    assert np.linalg.norm(solve(32, 16) - fine) < 1e-3 * size
    assert np.linalg.norm(solve(128, 16) - fine) < 1e-7 * size
    errors = [np.linalg.norm(solve(64, steps) - fine) for steps in (2, 4)]
    assert 12 < errors[0] / errors[1] < 20, "the time stepping has order four"


def test_agrees_with_the_classical_solver_from_the_equations() -> None:
    problem = small()
    reference = pl.reference_solution(problem, 32, tolerance=1e-6, estimate_error=False)
    assert reference.method.startswith("ETDRK4, Fourier 32 x 32 modes")
    x = nodes(32)
    start = problem.parameters["w0"](x[:, None], x)
    found = pseudo_spectral(start[None], 1e-2, 0.5, 3, 40)[0]
    mesh = np.meshgrid(x, x, [0.0, 0.25, 0.5], indexing="ij")
    classical = reference(x=mesh[0], y=mesh[1], t=mesh[2])
    assert np.linalg.norm(found - classical["w"]) < 3e-7 * np.linalg.norm(found)
    # and the eliminated unknown meets its equation
    modes = 2 * np.pi * np.fft.fftfreq(32, 1 / 32)
    laplacian = np.fft.ifft2(-(modes[:, None] ** 2 + modes**2) * np.fft.fft2(classical["psi"][..., 2])).real
    assert np.allclose(laplacian, -classical["w"][..., 2], rtol=0, atol=1e-6)


def test_the_reference_of_a_member() -> None:
    problem = navier_stokes.problem(0).at(nu=1e-2)
    x = nodes(16)
    mesh = np.meshgrid(x, x, [0.0, 0.25], indexing="ij")
    found = problem.reference(*mesh, nu=1e-2, w0=problem.parameters["w0"])
    start = problem.parameters["w0"](nodes(64)[:, None], nodes(64))
    expected = pseudo_spectral(start[None], 1e-2, 0.25, 2, 20)[0, ::4, ::4]
    assert np.allclose(found["w"], expected, rtol=0, atol=1e-7)
    smooth = np.sin(2 * np.pi * x)[:, None, None] * np.ones((1, 16, 1))
    assert np.allclose(stream_function(smooth), smooth / (2 * np.pi) ** 2, rtol=0, atol=1e-15)
    constant = problem.reference(0.3, 0.4, 5.0, nu=1e-2, w0=0.5)
    assert constant["w"] == pytest.approx(0.5) and constant["psi"] == pytest.approx(0.0)


def test_what_cannot_be_eliminated_is_refused() -> None:
    problem = small()

    def sourced(w, psi, nu):
        found = navier_stokes.vorticity(w, psi, nu)
        return {**found, "stream function": found["stream function"] - 1.0}

    def curved(w, psi, nu):
        return {**navier_stokes.vorticity(w, psi, nu), "stream function": psi.xx + psi.yy + w**2}

    with pytest.raises(
        ValueError, match="'stream function' has a source, or asks for a mean that no periodic 'psi' gives"
    ):
        pl.reference_solution(problem.replace(equations=sourced), 16, estimate_error=False)
    with pytest.raises(ValueError, match="do not give 'psi' from the other unknowns at each instant"):
        pl.reference_solution(problem.replace(equations=curved), 16)
    with pytest.raises(ValueError, match="take the mean away from the initial state"):
        pl.reference_solution(problem.at(w0=lambda x, y: 1 + torch.sin(2 * math.pi * x)), 16, estimate_error=False)

    def stiff(w, psi, nu):
        found = navier_stokes.vorticity(w, psi, nu)
        return {**found, "transport": found["transport"] + (1 + w**2) * w.xx}

    with pytest.raises(ValueError, match="do not give 'psi' from the other unknowns at each instant"):
        pl.reference_solution(problem.replace(equations=stiff), 16)


def test_the_family() -> None:
    family = navier_stokes.problem()
    assert family.families == ("w0",)
    w0 = family.sample_parameters(np.random.default_rng(3))["w0"]
    again = navier_stokes.problem(seed=3).parameters["w0"]
    assert torch.equal(w0.coefficients, again.coefficients)
    x = nodes(64)
    assert abs(w0(x[:, None], x).mean()) < 1e-12, "no mean"
    kernel = math.exp(-2 * math.sin(math.pi * 0.2) ** 2 / 0.8**2)
    drawn = [family.sample_parameters(np.random.default_rng(s))["w0"](np.array([0.0, 0.2]), 0.5) for s in range(1500)]
    a, b = np.array(drawn).T
    # the mean that is taken away carries exp(-2a) I_0(a)^2 of the variance, a = 1 / 0.8^2
    lost = 0.134
    assert np.mean(a * b) == pytest.approx(kernel - lost, abs=0.08)
    assert np.mean(a * a) == pytest.approx(1 - lost, abs=0.08)


def test_dataset(tmp_path: Path) -> None:
    data = navier_stokes.data(2, grid=8, times=3, nodes=32, folder=tmp_path, progress=False)
    assert data.values["w"].shape == (2, 8, 8, 3) and list(data.axes) == ["x", "y", "t"]
    w0 = data.members[1]["w0"]
    x = nodes(8)
    assert np.allclose(data.values["w"][1, ..., 0], w0(x[:, None], x), rtol=0, atol=1e-6)
    again = navier_stokes.data(2, grid=8, times=3, nodes=32, folder=tmp_path, progress=False)
    assert np.array_equal(again.values["w"], data.values["w"]) and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(ValueError, match="the simulation needs an even multiple of the grid's nodes"):
        navier_stokes.data(2, grid=8, nodes=20, folder=tmp_path)


def test_it_may_end_early() -> None:
    early, whole = navier_stokes.problem(0, end=1.0), navier_stokes.problem(0)
    assert early.domain.bounds["t"] == (0.0, 1.0) and whole.domain.bounds["t"] == (0.0, 5.0)
    assert early.reference is whole.reference, "one knows all times"
    with pytest.raises(ValueError, match=r"problem\(end=6.0\): the reference knows times up to 5"):
        navier_stokes.problem(end=6.0)
