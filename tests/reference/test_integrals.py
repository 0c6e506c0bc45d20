"""The classical solver with integrals: eigenvalues, gauges, fluxes; its quadrature and its rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
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
