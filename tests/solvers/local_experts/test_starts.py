"""Marches whose first state has a jump or a kink, inside or where it meets the boundary."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from known_problems import HEAT, NEUMANN, SCHROEDINGER, solve

import pinnlab as pl
from pinnlab.solvers.local_experts.basis import Chebyshev
from pinnlab.solvers.local_experts.discretization import Discretization
from pinnlab.solvers.local_experts.profiles import jump_profile, kink_profile


def test_the_rounded_jump_is_one_at_the_side() -> None:
    torch.testing.assert_close(jump_profile(torch.tensor([0.0, 1.0])), torch.tensor([1.0, 0.157299207]))


def test_a_jump_at_the_boundary_is_rounded_off() -> None:
    """Heat from u = 0 beside u = 1: the solution is erfc(x / sqrt(4 k t)) until it sees the other side."""
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 0.5)),
        unknowns="u",
        equations=lambda u: u.t - 0.01 * u.xx,
        conditions=[pl.Initial(u=0.0), pl.Dirichlet(u=1.0, on="x-"), pl.Dirichlet(u=0.0, on="x+")],
    )
    solution = solve(problem, tolerance=1e-6)
    x = np.linspace(0.0, 1.0, 101)
    for time in (0.01, 0.1, 0.5):
        exact = torch.erfc(torch.from_numpy(x) / math.sqrt(0.04 * time)).numpy()
        found = solution(x=x, t=time)["u"]
        # a layer of width w is what diffusion makes of the jump in the time w^2 / 4k: the solution is that much older
        older = (0.2 * math.sqrt(1e-6)) ** 2 / 0.04
        assert np.linalg.norm(found - exact) < 2 * older / (4 * time) * np.linalg.norm(exact) + 1e-6
    assert any("does not meet the boundary smoothly" in note for note in solution.notes)
    np.testing.assert_array_equal(solution(x=x, t=0.0)["u"], 0.0)


def test_only_conditions_on_values_are_rounded() -> None:
    made = Discretization(
        NEUMANN.replace(conditions=[pl.Initial(u=lambda x: x), pl.Neumann(u=0.0)]), Chebyshev((4, 3)), 1e-6
    )
    assert made.corners == []


def test_the_rounded_state_meets_a_robin_condition() -> None:
    problem = HEAT.replace(
        conditions=[pl.Initial(u=0.3), pl.Robin(u=(2.0, 0.5, 1.0), on="x+"), pl.Neumann(u=0.0, on="x-")]
    )
    made = Discretization(problem, Chebyshev((4, 3)), 1e-4)
    (corner,) = made.corners
    x = torch.tensor([[1.0 - 1e-9, 0.0]], dtype=torch.float64, requires_grad=True)
    u = 0.3 + corner(x)
    (slope,) = torch.autograd.grad(u.sum(), x)
    assert float((2.0 * u[0] + 0.5 * slope[0, 0]).detach()) == pytest.approx(1.0, abs=1e-5)


def test_the_rounded_kink_by_hand() -> None:
    distance = torch.tensor([0.0, 1.0, -1.0, 6.0], dtype=torch.float64)
    expected = [1 / math.sqrt(math.pi), 0.8427007929 + 0.3678794412 / math.sqrt(math.pi)]
    torch.testing.assert_close(kink_profile(distance)[:2], torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(kink_profile(distance)[2], kink_profile(distance)[1])
    assert float(kink_profile(distance)[3] - 6.0) == pytest.approx(0.0, abs=1e-14)


@pytest.mark.parametrize("start", [lambda x: x**2, lambda x: x + 0.3], ids=["kink", "jump"])
def test_a_periodic_seam_is_rounded_off(start: Any) -> None:
    """The rounded state and its slope are continuous where the period closes, and far from it nothing changes."""
    problem = pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t - u.xx,
        conditions=[pl.Initial(u=start), pl.Periodic(on="x")],
    )
    made = Discretization(problem, Chebyshev((4, 3)), 1e-4)
    (corner,) = made.corners
    assert corner.sides == (-1.0, 1.0)
    x = torch.tensor([[-1.0 + 1e-12, 0.0], [1.0 - 1e-12, 0.0], [0.2, 0.0]], dtype=torch.float64, requires_grad=True)
    u = start(x[:, 0]) + corner(x)
    (slope,) = torch.autograd.grad(u.sum(), x)
    torch.testing.assert_close(u[0], u[1], atol=1e-8, rtol=0)
    torch.testing.assert_close(slope[0, 0], slope[1, 0], atol=1e-6, rtol=0)
    assert float((u[2] - start(x[2, 0])).detach()) == 0.0


def test_a_smooth_periodic_state_stays() -> None:
    assert Discretization(SCHROEDINGER, Chebyshev((4, 3)), 1e-7).corners == []


def test_a_travelling_jump_is_refused() -> None:
    problem = pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t + u.x,
        conditions=[pl.Initial(u=lambda x: torch.sign(x + 0.1)), pl.Periodic(on="x")],
    )
    with pytest.raises(ValueError, match=r"a jump or a kink near x = -0.1;.*experts=\{'x': \(-0.1,\)\}"):
        solve(problem)
    with pytest.raises(ValueError, match="more than 20 experts would be needed.*smooth the data"):
        solve(problem, most_experts=20)


def test_cells_may_meet_at_a_kink() -> None:
    """Heat from |x - 0.3|: with an edge at the kink the start is exact."""
    problem = pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 0.2)),
        unknowns="u",
        equations=lambda u: u.t - 0.1 * u.xx,
        conditions=[pl.Initial(u=lambda x: (x - 0.3).abs()), pl.Neumann(u=1.0)],
    )
    solution = solve(problem, experts={"x": (0.3,)}, tolerance=1e-5)
    assert solution.status is pl.Status.CONVERGED
    # far from the sides the exact solution is that of the whole line
    x, t = torch.linspace(0.0, 0.5, 11, dtype=torch.float64) - 0.3, 0.02
    spread = math.sqrt(4 * 0.1 * t)
    exact = x * torch.erf(x / spread) + spread / math.sqrt(math.pi) * torch.exp(-((x / spread) ** 2))
    np.testing.assert_allclose(solution(x=(x + 0.3).numpy(), t=t)["u"], exact.numpy(), rtol=0, atol=2e-6)
