"""Numbers without units that are read off a problem: worked out by hand."""

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.solvers import scales

T = torch.float64


def circle(equation, length: float = 2 * math.pi, end: float = 1.0, **options) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, length), t=(0.0, end)),
        unknowns="u",
        equations=equation,
        conditions=[pl.Initial(u=lambda x: torch.sin(2 * math.pi * x / length)), pl.Periodic(on="x")],
        **options,
    )


def wave_pencil(terms: dict, k: float, unknowns=("u",)) -> list:
    """One equation at one point."""
    coefficients = [{("u", key): torch.tensor([value], dtype=T) for key, value in terms.items()}]
    return scales.pencil(coefficients, unknowns, 0, "x", k)


def test_exponents_of_heat_transport_and_waves() -> None:
    heat = scales.growth(wave_pencil({("t",): 1.0, ("x", "x"): -0.5}, 3.0))
    assert heat == pytest.approx([-0.5 * 9])
    transport = scales.growth(wave_pencil({("t",): 2.0, ("x",): 6.0}, 2.0))
    assert transport == pytest.approx([-6j])  # speed 3
    wave = scales.growth(wave_pencil({("t", "t"): 1.0, ("x", "x"): -4.0}, 1.5))
    assert np.sort(wave.imag) == pytest.approx([-3.0, 3.0])
    assert wave.real == pytest.approx([0.0, 0.0], abs=1e-12)


def test_unknowns_without_time_derivative_have_no_exponents() -> None:
    # u_t = v, v = -2 u
    one = torch.ones(1, dtype=T)
    coefficients = [{("u", ("t",)): one, ("v", ()): -one}, {("v", ()): one, ("u", ()): 2 * one}]
    assert scales.growth(scales.pencil(coefficients, ("u", "v"), 0, "x", 0.0)) == pytest.approx([-2.0])


def test_derivatives_along_other_coordinates_belong_to_other_waves() -> None:
    terms = {("t",): 1.0, ("x", "x"): -1.0, ("y", "y"): -5.0, ("x", "y"): 7.0, (): 2.0}
    assert scales.growth(wave_pencil(terms, 2.0)) == pytest.approx([-6.0])


def test_the_horizon_in_periods_and_growth_times() -> None:
    # period 2 pi / 10 of the longest wave, in a time of 1
    assert scales.changes(circle(lambda u: u.t + 10 * u.x)) == pytest.approx(10 / (2 * math.pi))
    # of k^2 / 2 - k^4 / 200, at k = 5, 6.25; 20 times as much after 3 / 6.25
    unstable = circle(lambda u: u.t + 0.5 * u.xx + 0.02 / 2 * u.xxxx)
    assert scales.changes(unstable) == pytest.approx(6.25 / 3)
    assert scales.changes(circle(lambda u: u.t - u.xx)) == 0.0


def test_changes_of_an_ode_are_those_of_its_jacobian() -> None:
    spring = pl.Problem(
        domain=pl.Box(t=(0.0, 4 * math.pi)),
        unknowns=("x", "v"),
        equations=lambda x, v: {"x": x.t - v, "v": v.t + 9 * x},
        conditions=[pl.Initial(x=1.0, v=0.0)],
    )
    assert scales.changes(spring) == pytest.approx(6.0)


def test_crossings_peclet_and_turns() -> None:
    problem = circle(
        lambda u, c, nu: u.t + c * u.x - nu * u.xx, 4.0, 3.0, parameters={"c": 8.0, "nu": 0.1}, velocity=8.0
    )
    assert scales.crossings(problem) == pytest.approx(6.0)
    assert scales.peclet(problem) == pytest.approx(320.0)
    assert scales.turns(problem) == 0.0
    assert scales.peclet(circle(lambda u: u.t + u.x, velocity=1.0)) == math.inf
    scaled = circle(
        lambda u, c, nu: 5 * (u.t + c * u.x - nu * u.xx), 4.0, 3.0, parameters={"c": 8.0, "nu": 0.1}, velocity=8.0
    )
    assert scales.peclet(scaled) == pytest.approx(320.0)


def test_a_velocity_that_depends_on_the_state_is_that_of_the_start() -> None:
    problem = circle(lambda u: u.t + u * u.x, end=2.0, velocity=lambda u: 3 * u)
    points = 2 * scales.crossings(problem) * math.pi / 2
    assert 2.8 < points <= 3.0
    assert 5.6 < scales.turns(problem) <= 6.0


def test_numbers_do_not_depend_on_units() -> None:
    """x in kilometres, t in hours."""
    metres = circle(lambda u: u.t + 2 * u.x - 0.3 * u.xx, 5.0, 7.0, velocity=2.0)
    other = circle(lambda u: u.t + 2 * 3.6 * u.x - 0.3 * 3.6e-3 * u.xx, 5e-3, 7 / 3600, velocity=2 * 3.6)
    for number in (scales.crossings, scales.peclet, scales.changes):
        assert number(other) == pytest.approx(number(metres))
