"""Local experts with integrals and numbers to be found: eigenvalues, gauges, masses, fluxes, against exact solutions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import torch

import pinnlab as pl
from pinnlab.algebra.blocks import EquilibratedBlockCholesky
from pinnlab.solvers.local_experts.border import Border, BorderedFactor
from pinnlab.solvers.local_experts.checkpoints import restore, state_of
from pinnlab.solvers.local_experts.plan import LocalExperts
from pinnlab.training.status import Status

PI = math.pi
UNIT = pl.Box(x=(0.0, 1.0))
NORM = pl.Integral(lambda psi: psi**2, equals=1.0)


def oscillator(start: float) -> pl.Problem:
    return pl.Problem(
        pl.Box(x=(-8.0, 8.0)),
        "psi",
        lambda psi, x, E: -0.5 * psi.xx + 0.5 * x**2 * psi - E * psi,
        [pl.Dirichlet(psi=0.0), NORM],
        {"E": pl.Unknown(start)},
    )


def well(start: float, n: int = 1) -> pl.Problem:
    return pl.Problem(
        UNIT,
        "psi",
        lambda psi, E: psi.xx + E * psi,
        [pl.Dirichlet(psi=0.0), NORM],
        {"E": pl.Unknown(start)},
        reference=lambda x: math.sqrt(2) * torch.sin(n * PI * x),
    )


def solved(problem: pl.Problem, solver: Any = None) -> pl.Solution:
    return pl.solve(problem, solver, max_seconds=30, progress=False)


def test_a_border_gives_the_solution_of_the_whole_matrix() -> None:
    rng = np.random.default_rng(0)
    # singular without the dense row and the number, as at an eigenvalue
    jacobian, beside = rng.normal(size=(9, 6)), rng.normal(size=(9, 1))
    direction = rng.normal(size=6)
    jacobian -= np.outer(jacobian @ direction, direction) / (direction @ direction)
    dense, pins = rng.normal(size=(2, 6)), rng.normal(size=(1, 6))
    of_number = rng.normal(size=(2, 1))
    cells = torch.from_numpy(jacobian.T @ jacobian + pins.T @ pins)
    border = Border(jacobian.T @ beside, beside.T @ beside, dense, of_number, pins)
    factor = BorderedFactor(EquilibratedBlockCholesky({(0, 0): cells}), border)
    right = rng.normal(size=7)
    found, number = factor.solve(torch.from_numpy(right[:6]), right[6:])
    rows = np.block([[jacobian, beside], [dense, of_number]])
    expected = np.linalg.solve(rows.T @ rows, right)
    np.testing.assert_allclose([*found.tolist(), *number], expected, rtol=1e-9)


@pytest.mark.parametrize(("start", "state"), [(0.3, 0), (0.5, 0), (1.7, 1), (10.3, 10)])
def test_the_start_picks_the_nearest_state_of_the_harmonic_oscillator(start: float, state: int) -> None:
    found = solved(oscillator(start))
    assert found.status is Status.CONVERGED
    assert found.coefficients["E"] == pytest.approx(state + 0.5, abs=1e-8)
    nodes = f"psi has {state or 'no'} node{'' if state == 1 else 's'} inside"
    assert nodes in found.notes[-1] and "opposite sign" in found.notes[-1]
    x = np.linspace(-8, 8, 4001)
    psi = found(x=x)["psi"]
    assert np.trapezoid(psi**2, x) == pytest.approx(1.0, abs=1e-8)
    if state == 0:
        assert np.abs(psi - PI**-0.25 * np.exp(-(x**2) / 2)).max() < 1e-7


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_reference_decides_the_sign(n: int) -> None:
    found = solved(well(0.9 * (n * PI) ** 2, n))
    assert found.coefficients["E"] == pytest.approx((n * PI) ** 2, rel=1e-9)
    assert found.error()["psi"] < 1e-7


def test_a_number_that_is_an_eigenvalue_from_the_start() -> None:
    assert solved(well(PI**2)).error()["psi"] < 1e-8


def test_hydrogen_far_from_its_boundary() -> None:
    problem = pl.Problem(
        pl.Box(r=(0.0, 30.0)),
        "w",
        lambda w, r, E: -0.5 * w.rr - w / r - E * w,
        [pl.Dirichlet(w=0.0), pl.Integral(lambda w: w**2, equals=1.0)],
        {"E": pl.Unknown(-0.4)},
        reference=lambda r: 2 * r * torch.exp(-r),
    )
    found = solved(problem)
    assert found.coefficients["E"] == pytest.approx(-0.5, abs=1e-8)
    assert found.error()["w"] < 1e-6


@pytest.mark.parametrize(("start", "value"), [(15.0, 1 + 1 / 1.69), (30.0, 1 + 4 / 1.69)])
def test_a_well_in_the_plane(start: float, value: float) -> None:
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.3))
    problem = pl.Problem(
        box, "psi", lambda psi, E: psi.xx + psi.yy + E * psi, [pl.Dirichlet(psi=0.0), NORM], {"E": pl.Unknown(start)}
    )
    assert solved(problem).coefficients["E"] == pytest.approx(PI**2 * value, rel=1e-8)


def test_frequencies_of_beams() -> None:
    size = pl.Integral(lambda w: w**2, equals=1.0)
    hinged = pl.Problem(
        UNIT,
        ("w", "m"),
        lambda w, m, L: {"bend": w.xx - m, "swing": m.xx - L * w},
        [pl.Dirichlet(w=0.0, m=0.0), size],
        {"L": pl.Unknown(100.0)},
    )
    assert solved(hinged).coefficients["L"] == pytest.approx(PI**4, rel=1e-8)
    clamped = pl.Problem(
        UNIT,
        "w",
        lambda w, L: w.xxxx - L * w,
        [pl.Dirichlet(w=0.0), pl.Neumann(w=0.0), size],
        {"L": pl.Unknown(450.0)},
    )
    assert solved(clamped).coefficients["L"] == pytest.approx(4.730040744862704**4, rel=1e-8)


def test_a_mean_fixes_the_constant_of_a_problem_of_slopes() -> None:
    slopes = [pl.Neumann(u=0.0), pl.Integral(lambda u: u, equals=0.3)]
    problem = pl.Problem(
        UNIT,
        "u",
        lambda u, x: u.xx + PI**2 * torch.cos(PI * x),
        slopes,
        reference=lambda x: torch.cos(PI * x) + 0.3,
    )
    found = solved(problem)
    assert found.error()["u"] < 1e-10
    assert not any("constant" in note for note in found.notes)


def test_a_prescribed_flux_finds_the_temperature_of_a_side() -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)),
        "T",
        lambda T: T.xx + T.yy,
        [
            pl.Dirichlet(T=lambda hot: hot, on="x-"),
            pl.Dirichlet(T=0.0, on="x+"),
            pl.Neumann(T=0.0, on="y"),
            pl.Integral(lambda T: -T.x, on="x-", equals=2.0),
        ],
        {"hot": pl.Unknown(1.0)},
        reference=lambda x, y: 2 * (1 - x),
    )
    found = solved(problem)
    assert found.coefficients["hot"] == pytest.approx(2.0, abs=1e-9)
    assert found.error()["T"] < 1e-9
    assert "sign" not in " ".join(found.notes)


def test_a_mass_with_its_multiplier() -> None:
    problem = pl.Problem(
        UNIT,
        "u",
        lambda u, push: u.xx + push,
        [pl.Dirichlet(u=0.0), pl.Integral(lambda u: u, equals=1.0)],
        {"push": pl.Unknown(1.0)},
        reference=lambda x: 6 * x * (1 - x),
    )
    found = solved(problem)
    assert found.coefficients["push"] == pytest.approx(12.0, abs=1e-8)
    assert found.error()["u"] < 1e-9


@pytest.mark.parametrize("side", [None, "x-"])
def test_a_conserved_mass_is_harmless_and_may_stand_for_a_condition(side: str | None) -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.3)),
        "u",
        lambda u: u.t - u.xx,
        [
            pl.Initial(u=lambda x: 1 + torch.cos(PI * x)),
            pl.Neumann(u=0.0, on=side),
            pl.Integral(lambda u: u, equals=1.0),
        ],
        reference=lambda x, t: 1 + torch.cos(PI * x) * torch.exp(-(PI**2) * t),
    )
    assert solved(problem, pl.HardConstraintMoE()).error()["u"] < 1e-8


def test_numbers_are_saved_and_resumed(tmp_path: Path) -> None:
    problem = well(9.0)
    found = solved(problem, pl.HardConstraintMoE())
    found.save(tmp_path / "s.pt")
    loaded = pl.Solution.load(tmp_path / "s.pt", problem=problem)
    assert loaded.coefficients == found.coefficients
    march = LocalExperts().march(oscillator(1.7))
    march.attempt()
    again = LocalExperts().march(oscillator(1.7))
    restore(again, state_of(march))
    while not march.done:
        march.attempt()
        again.attempt()
    assert again.numbers == march.numbers
    np.testing.assert_array_equal(again.pieces[0].weights, march.pieces[0].weights)


def test_numbers_in_time_are_refused() -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        "u",
        lambda u, k: u.t - k * u.xx,
        [pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0), pl.Integral(lambda u: u**2, equals=1.0)],
        {"k": pl.Unknown(1.0)},
    )
    with pytest.raises(ValueError, match="steady problem only"):
        pl.solve(problem, pl.HardConstraintMoE(), progress=False)


def test_a_report_knows_the_integral() -> None:
    report = solved(well(9.0)).report(max_seconds=20)
    assert [m.name for m in report.conditions if m.kind == "integral"] == ["integral psi"]
    assert report.verdict.value == "good"


@pytest.mark.parametrize("guess", [0.5, 3.0, -0.5])
def test_a_chain_hangs_to_the_side_that_the_first_guess_means(guess: float) -> None:
    """y'' = c sqrt(1 + y'^2) of a given length: c is as large upwards as downwards, and zero slope decides nothing."""
    width, length = 2.0, 2.6
    a = scipy.optimize.brentq(lambda a: 2 * a * math.sinh(width / 2 / a) - length, 0.3, 5)
    problem = pl.Problem(
        pl.Box(x=(0.0, width)), "y", lambda y, c: y.xx - c * torch.sqrt(1 + y.x**2),
        [pl.Dirichlet(y=0.0), pl.Integral(lambda y: torch.sqrt(1 + y.x**2), equals=length)],
        parameters={"c": pl.Unknown(guess)},
    )  # fmt: skip
    found = pl.solve(problem, max_seconds=20, progress=False)
    x = np.linspace(0, width, 50)
    sign = math.copysign(1.0, guess)
    assert found.coefficients["c"] == pytest.approx(sign / a, rel=1e-9)
    exact = sign * (a * np.cosh((x - 1) / a) - a * math.cosh(1 / a))
    np.testing.assert_allclose(np.asarray(found(x=x)["y"]), exact, atol=1e-8)
    assert found.report(max_seconds=10).verdict.value == "good"
