"""Where a sum of squares is looked at around its least value, on residuals of one number that are written down."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pinnlab.algebra.confidence import Covariance
from pinnlab.declaration.parameters.bounded import Free
from pinnlab.inverse.responses import UnsolvedError
from pinnlab.inverse.spread import _profiles
from pinnlab.machine.deadline import Deadline


def profiles(residual: Any, aside: Any = lambda s: 0.0) -> tuple[dict[str, Any], list[float]]:
    """Those of a number z of which z = 0 is the best and 0.5 the deviation, and where it was solved for."""
    asked: list[float] = []

    def at(z: np.ndarray, deadline: Deadline) -> SimpleNamespace:
        asked.append(float(z[0]))
        return SimpleNamespace(at=z, left=[np.array([residual(2 * float(z[0])), aside(2 * float(z[0]))])])

    responses = SimpleNamespace(at=at, names=("k",), frees=(Free(),), priors=lambda z: (np.zeros(0), np.zeros((0, 1))))
    noise: Any = SimpleNamespace(whitened=np.concatenate)
    best: Any = SimpleNamespace(at=np.zeros(1), left=[np.zeros(2)])
    told = Covariance(np.array([[0.25]]), np.zeros((0, 1)))
    found, _ = _profiles(responses, noise, best, np.array([[2.0], [0.0]]), told, 1.0, Deadline())  # type: ignore[arg-type]
    return found, asked


def test_one_side_tells_that_the_sum_of_squares_is_a_parabola() -> None:
    found, asked = profiles(lambda s: s)
    assert not found and asked == [1.0]
    # 2.04 ahead, and 1.96 behind by the same bend
    found, asked = profiles(lambda s: s + 0.01 * s**2)
    assert not found and asked == [1.0]


def test_where_the_bend_is_near_what_is_allowed_both_sides_are_looked_at() -> None:
    # 2.12 ahead and 1.88 behind, of which 1.8 to 2.2 are allowed
    found, asked = profiles(lambda s: s + 0.03 * s**2)
    assert not found and asked == [1.0, -1.0]
    # 1.88 ahead, and 2.36 behind
    found, asked = profiles(lambda s: s - 0.03 * s**2 + (0.0 if s > 0 else 0.03 * s**3))
    assert "k" in found and asked[:2] == [1.0, -1.0]


def test_what_bends_aside_is_looked_at_on_both_sides() -> None:
    # sqrt(2^2 + 0.4^2) = 2.04 is within what is allowed, and says nothing of the other side
    found, asked = profiles(lambda s: s, lambda s: 0.1 * s**2)
    assert not found and asked == [1.0, -1.0]
    # 2.06 ahead, and 2.29 behind
    found, asked = profiles(lambda s: s, lambda s: 0.08 * s**2 - 0.1 * s**3)
    assert "k" in found and asked[:2] == [1.0, -1.0]


@pytest.mark.parametrize("bend", [lambda s: 0.1 * s**2, lambda s: -0.1 * s**2, lambda s: 0.05 * s**3])
def test_what_is_bent_has_a_profile(bend: Any) -> None:
    found, _ = profiles(lambda s: s + bend(s))
    steps, deviances = found["k"]
    expected = [2 * z + bend(2 * z) for z in steps]
    assert deviances == pytest.approx(np.abs(expected) * np.sign(steps))


def test_what_cannot_be_solved_ahead_has_a_profile_too() -> None:
    def residual(s: float) -> float:
        if s > 1.5:
            raise UnsolvedError("no slab is short enough")
        return s

    found, _ = profiles(residual)
    assert found["k"][0].max() == pytest.approx(0.75)
