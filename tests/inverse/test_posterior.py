"""Draws of numbers: their density, chains against distributions that are known, and a fit whose posterior is a sum."""

from __future__ import annotations

import builtins
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pinnlab as pl
from pinnlab.inverse.posterior import chains, log_likelihood
from pinnlab.machine.deadline import TimeIsUpError

Array = np.ndarray
TIMES = np.linspace(0.2, 3.0, 15)


def noise(**given: Any) -> Any:
    """Of two quantities, of which the first is known to have a noise of 0.5."""
    groups = [SimpleNamespace(robust=False), SimpleNamespace(robust=False)]
    made = {"groups": groups, "given": [True, False], "weighed": False, "relative": (1.0, 2.0), **given}
    return SimpleNamespace(whitened_of=lambda k, left: left / (0.5, 7.0)[k], **made)


def test_the_likelihood_by_hand() -> None:
    """Noise of 0.5: (1, 2) count with 1/2 (4 + 16); unknown noise: (2, 4) / 2 with |(1, 2)|^-2, whatever its size is."""
    left = [np.array([1.0, 2.0]), np.array([2.0, 4.0])]
    assert log_likelihood(noise(), left) == pytest.approx(-10.0 - np.log(5.0))
    # where weights are given, all quantities have one noise: three of them |(1, 2, 3)|^-3
    both = [np.array([1.0, 2.0]), np.array([6.0])]
    found = log_likelihood(noise(given=[False, False], weighed=True), both)
    assert found == pytest.approx(-1.5 * np.log(1.0 + 4.0 + 9.0))


def test_chains_have_the_moments_of_a_normal_distribution() -> None:
    """Whose covariance the fit has wrong by a factor of four, and whose numbers differ by three orders of magnitude."""
    mean, matrix = np.array([1.0, -500.0]), np.array([[1.0, 600.0], [600.0, 1e6]])
    inverse = np.linalg.inv(matrix)
    found = chains(lambda z: -float((z - mean) @ inverse @ (z - mean)) / 2, mean, matrix / 4, 2000, 1)
    flat = found.draws.reshape(-1, 2)
    assert found.effective >= 2000 and 0.3 < found.accepted < 1.0
    assert flat.mean(axis=0) == pytest.approx(mean, rel=0.15)
    assert np.cov(flat.T) == pytest.approx(matrix, rel=0.12)
    again = chains(lambda z: -float((z - mean) @ inverse @ (z - mean)) / 2, mean, matrix / 4, 2000, 1)
    assert np.array_equal(again.draws, found.draws)


def test_chains_follow_a_banana_to_its_ends() -> None:
    """(x, x^2 + noise of 1/2): the second number has a variance of 2.25, where a parabola at the top tells 0.25."""
    found = chains(
        lambda z: -(z[0] ** 2) / 2 - (z[1] - z[0] ** 2) ** 2 / 0.5, np.zeros(2), np.diag([1.0, 0.25]), 400, 2
    )
    flat = found.draws.reshape(-1, 2)
    assert flat[:, 0].std() == pytest.approx(1.0, rel=0.15)
    assert flat[:, 1].mean() == pytest.approx(1.0, rel=0.25) and flat[:, 1].var() > 1.2


def test_time_ends_chains() -> None:
    calls = [0]

    def density(z: Array) -> float:
        calls[0] += 1
        if calls[0] > 500:
            raise TimeIsUpError
        return -float(z @ z) / 2

    found = chains(density, np.zeros(2), np.eye(2), 1e6, 0)
    assert 1 < len(found.draws) and found.effective < 500
    calls[0] = 495
    with pytest.raises(TimeIsUpError):
        chains(density, np.zeros(2), np.eye(2), 1e6, 0)


def decay(data: Array, **sd: float) -> pl.Problem:
    return pl.Problem(
        pl.Box(t=(0.0, 3.0)), "y", lambda y, k: y.t + k * y,
        [pl.Initial(y=2.0), pl.Data({"t": TIMES}, y=data, **sd)], {"k": pl.Unknown(1.0, bounds=(0.5, None))},
    )  # fmt: skip


def exact(data: Array, sd: float | None) -> tuple[Array, Array]:
    """The probabilities of many values of k between its bound and 1.5."""
    k = np.linspace(0.5, 1.5, 4001)
    squares = ((2 * np.exp(-k[:, None] * TIMES) - data) ** 2).sum(axis=1)
    logs = -squares / 2 / sd**2 if sd is not None else -len(data) / 2 * np.log(squares)
    weights = np.exp(logs - logs.max())
    return k, weights / weights.sum()


@pytest.mark.parametrize(("sd", "truth"), [(0.1, 0.8), (None, 0.8), (0.4, 0.5)])
def test_draws_of_a_decay_against_sums(sd: float | None, truth: float) -> None:
    """With noise that is given, and that is not; in the last case the best number may lie at its bound."""
    data = 2 * np.exp(-truth * TIMES) + (sd or 0.1) * np.random.default_rng(3).standard_normal(len(TIMES))
    solution = pl.solve(decay(data, **({} if sd is None else {"sd": sd})), progress=False)
    found = solution.sample(100, seed=1)
    k, weights = exact(data, sd)
    mean = float(k @ weights)
    spread = float(np.sqrt((k - mean) ** 2 @ weights))
    draws = found.values["k"]
    assert draws.mean() == pytest.approx(mean, abs=0.35 * spread) and draws.std() == pytest.approx(spread, rel=0.25)
    assert draws.min() > 0.5
    low, high = found.intervals(0.9)["k"]
    assert weights[(k > low) & (k < high)].sum() == pytest.approx(0.9, abs=0.1)  # three deviations of a hundred draws
    assert "worth" in str(found) and f"{draws.mean():.6g}" in str(found)
    assert found.correlation == pytest.approx(np.ones((1, 1)))


def test_what_cannot_be_drawn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = 2 * np.exp(-0.8 * TIMES) + 0.1 * np.random.default_rng(3).standard_normal(len(TIMES))
    solution = pl.solve(decay(data, sd=0.1), progress=False)
    with pytest.raises(ValueError, match=r"sample\(10\): give a whole number of independent draws, 50 at least"):
        solution.sample(10)
    with pytest.raises(ValueError, match=r"sample\(max_seconds=-1\): give a positive"):
        solution.sample(max_seconds=-1)
    with pytest.raises(ValueError, match=r"sample\(max_seconds=1e-06\): there was time for no draws"):
        solution.sample(max_seconds=1e-6)
    with pytest.raises(ValueError, match="no numbers were to be found"):
        pl.solve(pl.load_problem("heat_robin"), progress=False).sample()
    sums = pl.Problem(
        pl.Box(t=(0.0, 3.0)), "y", lambda y, a, b: y.t + (a + b) * y,
        [pl.Initial(y=2.0), pl.Data({"t": TIMES}, y=data, sd=0.1)], {"a": pl.Unknown(0.4), "b": pl.Unknown(0.5)},
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"the data tell a and b only through a \+ b.*give a prior"):
        pl.solve(sums, progress=False).sample()
    real = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "emcee":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'pinnlab\[sampling\]'"):
        solution.sample()
