"""Boundary conditions that jump, or pulse, in time."""

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.solvers.local_experts.plan import LocalExperts

DIFFUSION, AT = 0.1, 0.4
BAR = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
COLD = [pl.Initial(u=0.0), pl.Dirichlet(u=0.0, on="x+")]
X = np.linspace(0.05, 0.95, 19)


def heat(condition):
    return pl.Problem(BAR, "u", lambda u: u.t - DIFFUSION * u.xx, [*COLD, condition])


def switched_on(x, t):
    """u where the left end is held at 1 from AT on."""
    waves = np.arange(1, 400)[:, None]
    decay = np.exp(-DIFFUSION * (waves * np.pi) ** 2 * max(t - AT, 0.0))
    return 1 - x - (2 / (waves * np.pi) * np.sin(waves * np.pi * x) * decay).sum(axis=0)


STEP = pl.Dirichlet(u=lambda t: torch.where(t < AT, 0.0, 1.0), on="x-")


def test_a_value_that_jumps_is_found_and_said():
    problem = heat(STEP)
    (jump,) = problem.jumps
    assert jump.coordinate == "t" and jump.position == pytest.approx(AT, abs=1e-9) and not jump.flux
    assert "Dirichlet(u=<lambda>, on='x-') jumps at t = 0.4" in str(problem.check())
    assert heat(pl.Dirichlet(u=lambda t: torch.sin(5 * t), on="x-")).jumps == ()


def test_experts_and_the_classical_solver_round_it_off():
    solution = pl.solve(heat(STEP), max_seconds=60, progress=False)
    classical = pl.reference_solution(heat(STEP))
    assert type(solution.solver).__name__ == "HardConstraintMoE" and solution.status is pl.Status.CONVERGED
    for t, most in ((0.3, 1e-12), (0.41, 2e-6), (0.5, 2e-7), (0.9, 2e-8)):
        exact = switched_on(X, t) if t > AT else 0 * X
        assert np.abs(solution(x=X, t=t)["u"] - exact).max() < most
        assert np.abs(classical(x=X, t=t)["u"] - exact).max() < most
    assert solution.report().verdict.value == "good"


def test_a_flux_that_jumps():
    problem = heat(pl.Neumann(u=lambda t: torch.where(t < AT, 0.0, 1.0), on="x-"))
    solution = pl.solve(problem, max_seconds=60, progress=False)
    waves = (np.arange(400) + 0.5)[:, None] * np.pi
    exact = 1 - X - (2 / waves**2 * np.cos(waves * X) * np.exp(-DIFFUSION * waves**2 * 0.3)).sum(axis=0)
    assert np.abs(solution(x=X, t=AT + 0.3)["u"] - exact).max() < 1e-6


def test_a_short_pulse_is_not_missed():
    width, at = 1e-4, 0.3712
    problem = heat(pl.Dirichlet(u=lambda t: torch.exp(-(((t - at) / width) ** 2)), on="x-"))
    assert all(jump.layer is not None for jump in problem.jumps) and len(problem.jumps) == 2
    solution = pl.solve(problem, max_seconds=60, progress=False)
    passed = 0.08
    kernel = X / np.sqrt(4 * np.pi * DIFFUSION * passed**3) * np.exp(-(X**2) / (4 * DIFFUSION * passed))
    near = X < 0.5  # the other end is not felt yet
    exact = (width * math.sqrt(math.pi) * kernel)[near]
    assert np.abs(solution(x=X[near], t=at + passed)["u"] - exact).max() < 1e-4 * exact.max()


def test_a_march_goes_on_after_a_jump_with_the_same_numbers(tmp_path):
    problem, path = heat(STEP), str(tmp_path / "march.pt")
    whole = pl.solve(problem, max_seconds=60, progress=False)
    halfway = [lambda record: record.info.get("share", 0.0) > 0.45]
    pl.solve(problem, max_seconds=60, progress=False, checkpoint=path, callbacks=halfway)
    again = pl.solve(problem, max_seconds=60, progress=False, checkpoint=path)
    assert (again(x=X, t=0.9)["u"] == whole(x=X, t=0.9)["u"]).all()


def test_cells_for_the_state_after_a_jump_are_looked_for_in_the_time_there_is():
    march = LocalExperts().march(heat(STEP))
    while march.now < AT - 1e-6:
        march.attempt()
    with pytest.raises(TimeIsUpError):
        march.attempt(Deadline(at=0.0, now=lambda: 1.0))
    while not march.attempt().accepted:
        pass
    assert march.pieces[-1].region.time_interval[0] == pytest.approx(AT)
