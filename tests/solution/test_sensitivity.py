"""Which measurement more would tell most."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pinnlab as pl
from pinnlab.solution.sensitivity import remaining

T = np.linspace(0.0, 5.0, 40)
NOISE = np.random.default_rng(5).standard_normal(40)


def found(sd: float | None = None, **unknowns: object) -> pl.Solution:
    data = pl.Data({"t": T}, u=20 * np.exp(-0.6 * T) + 0.2 * NOISE, sd=sd)
    numbers = unknowns or {"k": pl.Unknown(0.2)}
    equation = (lambda u, k, c: u.t + k * u - 0 * c) if "c" in numbers else (lambda u, k: u.t + k * u)
    problem = pl.Problem(pl.Box(t=(0.0, 5.0)), "u", equation, [pl.Initial(u=20.0), data], numbers)
    return pl.solve(problem, pl.HardConstraintMoE(), progress=False)


def test_what_is_left_of_a_deviation() -> None:
    # one parameter of variance 4, a measurement with slope 1 and noise 2: 1 / (1 / 4 + 1 / 4) = 2, sqrt(2 / 4)
    assert remaining(np.array([[4.0]]), np.array([[1.0]]), 2.0) == pytest.approx(0.5**0.5)
    # two independent ones: a measurement of the first leaves the second as it is
    assert remaining(np.eye(2), np.array([[1.0, 0.0]]), 1.0)[0] == pytest.approx([0.5**0.5, 1.0])
    # their sum, without noise: each is known as well as half of it
    assert remaining(np.eye(2), np.array([[1.0, 1.0]]), 1e-9)[0] == pytest.approx([0.5**0.5, 0.5**0.5])


def test_a_rate_is_told_most_where_its_derivative_is_largest() -> None:
    solution = found(sd=0.2)
    told = solution.sensitivity()
    unknown, place, share = told.best("k")
    k = solution.coefficients["k"]
    # t exp(-k t) is largest at 1 / k
    assert unknown == "u" and place["t"] == pytest.approx(1 / k, abs=0.03)
    slopes = 20 * T * np.exp(-k * T)
    one = 20 / (math.e * k)
    before, after = (slopes**2).sum(), (slopes**2).sum() + one**2
    assert share == pytest.approx(1 - math.sqrt(before / after), rel=2e-3)
    assert told.sd == {"u": pytest.approx(0.2)} and "k: one more value of u at t = 1.6" in str(told)
    precise = solution.sensitivity(sd=0.02, t=11).best("k")
    assert precise[1]["t"] == pytest.approx(1.5) and precise[2] > 5 * share


def test_what_is_asked_must_be_there() -> None:
    solution = found()
    for arguments, message in (
        ({"x": 5}, "no coordinate of this problem, which has t"),
        ({"sd": -1.0}, "give a positive number"),
        ({"sd": {"v": 1.0}}, "'v' is no unknown; there are u"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            solution.sensitivity(**arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"best\('D'\): no such number was found; there are k"):
        solution.sensitivity(t=5).best("D")
    forward = solution.problem.at(k=0.6).replace(conditions=[pl.Initial(u=20.0)])
    with pytest.raises(ValueError, match="no numbers were to be found"):
        pl.solve(forward, pl.HardConstraintMoE(), progress=False).sensitivity()
