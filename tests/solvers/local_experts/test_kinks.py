"""Kinks and jumps of the initial state inside the domain, solved by marched experts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.clashes.dissipation import linearized_at, smooths
from pinnlab.solvers.local_experts.basis import Chebyshev
from pinnlab.solvers.local_experts.discretization import Discretization

BOX = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))


def problem(equation, start) -> pl.Problem:
    return pl.Problem(BOX, "u", equation, [pl.Initial(u=start), pl.Neumann(u=0.0)])


@pytest.mark.parametrize(
    ("equation", "expected"),
    [
        (lambda u: u.t - 0.1 * u.xx, True),
        (lambda u: 2 * u.t - (1 + u**2) * u.xx + u * u.x, True),
        (lambda u: u.t + u.xx + u.d(*"xxxx"), True),
        (lambda u: u.t + 0.1 * u.xx, False),
        (lambda u: u.t - u.d(*"xxxx"), False),
        (lambda u: u.t + u.x, False),
        (lambda u: u.tt - u.xx, False),
        (lambda u: u.t + u * u.x - u.xx + u.xxx, False),
    ],
    ids=["heat", "quasilinear", "fourth order", "backward", "backward fourth", "transport", "wave", "dispersion"],
)
def test_which_equations_smooth(equation, expected: bool) -> None:
    made = pl.Problem(BOX, "u", equation)
    at, values = torch.tensor([[0.5, 0.0]], dtype=torch.float64), {"u": torch.ones(1, dtype=torch.float64)}
    linear = linearized_at(made.equation_term(), ("u",), made.domain, {}, at, values)
    assert smooths(linear, "u", "x") is expected


@pytest.mark.parametrize(
    "start",
    [lambda x: (x - 0.3).abs(), lambda x: torch.where(x > 0.3, 1.0, 0.0) + 0 * x],
    ids=["kink", "jump"],
)
def test_the_rounded_state_is_smooth_and_far_away_unchanged(start) -> None:
    made = Discretization(problem(lambda u: u.t - u.xx, start), Chebyshev((4, 3)), 1e-4)
    (corner,) = made.corners
    assert corner.sides[0] == pytest.approx(0.3, abs=1e-9)
    step = 1e-6
    x = torch.tensor([[0.3 - step, 0.0], [0.3, 0.0], [0.3 + step, 0.0], [0.9, 0.0]], dtype=torch.float64)
    u = start(x[:, 0]) + corner(x)
    slopes = (u[1:3] - u[:2]) / step
    # erf(z) and the rounded kink are that smooth at the width 1e-3
    assert float(u[2] - u[0]) == pytest.approx(0.0, abs=2e-3)
    assert float(slopes[1] - slopes[0]) == pytest.approx(0.0, abs=1e-2)
    assert float(u[3] - start(x[3:, 0])) == 0.0


def test_a_call_on_its_way_to_maturity() -> None:
    """Black and Scholes (1973), forward in the time to maturity; the payoff has a kink at the strike."""

    def exact(s: np.ndarray, t: float) -> np.ndarray:
        d = (np.log(s / 100) + 0.07 * t) / (0.2 * math.sqrt(t))
        cdf = [torch.special.ndtr(torch.from_numpy(z)).numpy() for z in (d, d - 0.2 * math.sqrt(t))]
        return s * cdf[0] - 100 * math.exp(-0.05 * t) * cdf[1]

    call = pl.Problem(
        pl.Box(S=(0.0, 300.0), t=(0.0, 1.0)), "V",
        lambda V, S: V.t - 0.02 * S**2 * V.SS - 0.05 * S * V.S + 0.05 * V,
        [
            pl.Initial(V=lambda S: torch.relu(S - 100.0)),
            pl.Dirichlet(V=0.0, on="S-"),
            pl.Dirichlet(V=lambda t: 300 - 100 * torch.exp(-0.05 * t), on="S+"),
        ],
    )  # fmt: skip
    s = np.linspace(50.0, 150.0, 41)
    solution = pl.solve(call, pl.HardConstraintMoE(experts={"S": (100.0,)}, tolerance=1e-4), progress=False)
    assert solution.status is pl.Status.CONVERGED
    assert any("a kink or a jump at S = 100 and is solved rounded off" in note for note in solution.notes)
    np.testing.assert_allclose(solution(S=s, t=1.0)["V"], exact(s, 1.0), atol=1e-2)


def test_what_travels_is_refused_with_its_position() -> None:
    plucked = pl.Initial(u=lambda x: torch.minimum(x, (1 - x) / 3), u_t=0.0)
    # a plain string keeps the form of its kink, which is known
    string = pl.Problem(BOX, "u", lambda u: u.tt - u.xx + u, [plucked, pl.Dirichlet(u=0.0)])
    with pytest.raises(ValueError, match=r"a jump or a kink near x = 0.25; the equations do not smooth it"):
        pl.solve(string, pl.HardConstraintMoE(), progress=False)
