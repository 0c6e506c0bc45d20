"""The classical solver with integrals: eigenvalues, gauges, fluxes; its quadrature and its rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import torch

import pinnlab as pl
from pinnlab.algebra.eigenfunctions import inverse_iteration, multiple
from pinnlab.derivatives.axes import FourierAxis, PolynomialAxis
from pinnlab.reference.grids.analysis import analyse
from pinnlab.reference.grids.bordered import BorderedSystem
from pinnlab.reference.grids.integrals import axis_weights
from pinnlab.reference.grids.system import GridSystem, build_axes

PI = math.pi
UNIT = pl.Box(x=(0.0, 1.0))
SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
NORM = pl.Integral(lambda psi: psi**2, equals=1.0)


def oscillator(start: float) -> pl.Problem:
    return pl.Problem(
        pl.Box(x=(-8.0, 8.0)),
        "psi",
        lambda psi, x, E: -0.5 * psi.xx + 0.5 * x**2 * psi - E * psi,
        [pl.Dirichlet(psi=0.0), NORM],
        {"E": pl.Unknown(start)},
    )


def test_weights_of_axes_integrate() -> None:
    axis = PolynomialAxis(0.0, 2.0, 9)
    assert axis_weights(axis, 0.0, 2.0) @ axis.points**6 == pytest.approx(2**7 / 7)
    coarse = PolynomialAxis(0.0, 1.0, 3)  # Simpson's rule
    assert axis_weights(coarse, 0.0, 1.0) == pytest.approx([1 / 6, 4 / 6, 1 / 6])
    waves = FourierAxis(0.0, 2.0, 6)
    assert axis_weights(waves, 0.0, 2.0) == pytest.approx([1 / 3] * 6)


def test_inverse_iteration_and_the_size_of_what_it_finds() -> None:
    matrix = np.diag([1.0, 2.0, 5.0])
    found = inverse_iteration(lambda phi: np.linalg.solve(matrix - 1.8 * np.eye(3), phi), np.array([1.0, 0.5, 1.0]))
    np.testing.assert_allclose(found, [0.0, 1.0, 0.0], atol=1e-5)
    assert multiple(lambda c: 4 * c**2 - 1) == pytest.approx((0.5, True))
    assert multiple(lambda c: 4 * c + 2) == pytest.approx((-0.5, False))
    assert multiple(lambda c: -1.0) is None


def test_rows_of_integrals_agree_with_finite_differences() -> None:
    problem = pl.Problem(
        SQUARE,
        "u",
        lambda u, k, q: u.xx + u.yy - k * u**2 + q,
        [
            pl.Dirichlet(u=0.0),
            pl.Integral(lambda u, n, k: k * u.d(n) ** 2 + u.x, on="x", equals=lambda k: k),
            pl.Integral(lambda u: u**3, equals=1.0),
        ],
        {"k": pl.Unknown(0.7), "q": pl.Unknown(0.2)},
    )
    system = BorderedSystem(GridSystem(problem, analyse(problem), build_axes(problem, 8)), problem)
    rng = np.random.default_rng(0)
    flat = rng.normal(size=system.size)
    jacobian, _ = system.jacobians(flat, flat, 0.0)

    def residual(at: np.ndarray) -> np.ndarray:
        return system.residual(at[None], at[None], np.zeros(1))[0]

    for i in (5, 30, 63, 64):
        step = np.zeros_like(flat)
        step[i] = 1e-6
        slope = (residual(flat + step) - residual(flat - step)) / 2e-6
        np.testing.assert_allclose(slope[-2:], jacobian[:, [i]].toarray()[-2:, 0], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("start", "value"), [(0.5, 0.5), (1.7, 1.5), (10.3, 10.5)])
def test_eigenvalues_next_to_their_start(start: float, value: float) -> None:
    assert pl.reference_solution(oscillator(start)).coefficients["E"] == pytest.approx(value, abs=1e-9)


def test_a_mean_in_the_place_of_a_free_constant() -> None:
    waves = [pl.Periodic(on="x"), pl.Periodic(on="y"), pl.Integral(lambda u: u, equals=2.0)]

    def poisson(u: pl.Field, x: pl.Field, y: pl.Field) -> pl.Field:
        return u.xx + u.yy + 8 * PI**2 * torch.cos(2 * PI * x) * torch.cos(2 * PI * y)

    found = pl.reference_solution(pl.Problem(SQUARE, "u", poisson, waves))
    assert float(found(x=0.0, y=0.0)["u"]) == pytest.approx(3.0)


def test_sources_that_do_not_balance_are_found() -> None:
    slopes = [pl.Neumann(u=0.0), pl.Integral(lambda u: u, equals=0.0)]
    with pytest.raises(ValueError, match="do not balance"):
        pl.reference_solution(pl.Problem(UNIT, "u", lambda u: u.xx + 1, slopes))


def test_too_many_integrals_are_refused() -> None:
    problem = pl.Problem(UNIT, "u", lambda u: u.xx + 1, [pl.Dirichlet(u=0.0), pl.Integral(lambda u: u, equals=0.0)])
    with pytest.raises(ValueError, match="one for each"):
        pl.reference_solution(problem)
    heat = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        "u",
        lambda u: u.t - u.xx,
        [pl.Initial(u=1.0), pl.Neumann(u=0.0), pl.Integral(lambda u: u, equals=1.0)],
    )
    with pytest.raises(ValueError, match="steady problems only"):
        pl.reference_solution(heat)


def test_a_comparison_is_of_the_same_sign() -> None:
    found = pl.solve(oscillator(1.7), progress=False)
    assert found.compare().errors["psi"] < 1e-6


HALF = pl.Box(x=(0.0, 0.5))


def layered(guess: float) -> pl.Problem:
    """(c k u')' = -1 with k = 1 and 4: of c = 1 the integral is 73 / 1920, and u goes with 1 / c."""
    return pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, c, k: pl.diff(c * k * u.x, "x") + 1,
        [pl.Dirichlet(u=0.0), pl.Integral(lambda u: u, equals=73 / 3840)],
        parameters={"c": pl.Unknown(guess), "k": pl.Piecewise((HALF, 1.0), otherwise=4.0)},
    )  # fmt: skip


def test_a_number_inside_a_flux_follows_from_an_integral_over_two_materials() -> None:
    found = pl.reference_solution(layered(1.0))
    assert found.coefficients["c"] == pytest.approx(2.0, rel=1e-10)
    x = np.array([0.25, 0.5, 0.75])
    # a = 7 / 20: a x - x^2 / 2 on the left, (1 - x^2) / 8 - a (1 - x) / 4 on the right; half of it for c = 2
    exact = np.where(x <= 0.5, 0.35 * x - x**2 / 2, (1 - x**2) / 8 - 0.35 * (1 - x) / 4) / 2
    np.testing.assert_allclose(found(x=x)["u"], exact, rtol=1e-9)


def test_the_criticality_of_a_core_with_a_reflector() -> None:
    """An eigenvalue where materials meet, by which the report on the experts' one is good."""
    inside, outside, core, whole = (1.2, 0.06), (0.9, 0.02), 40.0, 60.0
    length = math.sqrt(outside[0] / outside[1])
    wave = scipy.optimize.brentq(
        lambda b: inside[0] * b * math.tan(b * core) - outside[0] / length / math.tanh((whole - core) / length),
        1e-6, math.pi / 2 / core - 1e-9, xtol=1e-15,
    )  # fmt: skip
    box = pl.Box(x=(0.0, core))
    problem = pl.Problem(
        pl.Box(x=(0.0, whole)),
        "phi",
        lambda phi, D, S, inner, production: pl.diff(D * phi.x, "x") - S * phi + inner * production * phi,
        [pl.Neumann(phi=0.0, on="x-"), pl.Dirichlet(phi=0.0, on="x+"), pl.Integral(lambda phi: phi, equals=whole)],
        parameters={
            "D": pl.Piecewise((box, inside[0]), otherwise=outside[0]),
            "S": pl.Piecewise((box, inside[1]), otherwise=outside[1]),
            "inner": pl.Piecewise((box, 1.0), otherwise=0.0),
            "production": pl.Unknown(0.06),
        },
    )
    assert pl.reference_solution(problem).coefficients["production"] == pytest.approx(
        inside[1] + inside[0] * wave**2, rel=1e-9
    )
    assert pl.solve(problem, max_seconds=20, progress=False).report(max_seconds=10).verdict.value == "good"


def test_integrals_that_are_not_folded_are_refused_where_materials_meet() -> None:
    on_a_side = pl.Integral(lambda u, n: u.d(n), on="x-", equals=1.0)
    conditions = [*layered(1.0).conditions[:1], on_a_side]
    with pytest.raises(ValueError, match="does not take Integral.* where materials meet"):
        pl.reference_solution(layered(1.0).replace(conditions=conditions))
