"""Other first guesses, and which of them are worth a fit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pinnlab.declaration.parameters.bounded import Free
from pinnlab.inverse.scan import candidates, promising


def test_candidates_lie_around_the_first_guess_and_within_bounds():
    free = (Free(0.0, 1.0), Free(0.0), Free(scale=2.0))
    found = candidates(free, np.array([0.0, 1.0, 1.0]))
    assert found.shape == (48, 3)
    numbers = np.array([[f.number(z) for f, z in zip(free, row, strict=True)] for row in found])
    assert (0.01 < numbers[:, 0]).all() and (numbers[:, 0] < 0.99).all()
    assert numbers[:, 1].min() > math.e / 31 and numbers[:, 1].max() < 31 * math.e
    # the sign of a number without bounds stays
    assert (numbers[:, 2] > 2 / 31).all() and (numbers[:, 2] < 62).all()
    alone = candidates((Free(),), np.array([0.0]))
    assert alone.shape == (32, 1) and alone.min() == pytest.approx(-alone.max())


def test_minima_among_neighbours_are_promising_the_best_first():
    squares = np.array([5.0, 3.0, 4.0, 6.0, 1.0, 2.0, np.nan])
    assert promising(squares, np.arange(7.0)[:, None]).tolist() == [4, 1]
    assert promising(squares, np.arange(7.0)[:, None], most=1).tolist() == [4]
    assert len(promising(np.full(3, np.nan), np.arange(3.0)[:, None])) == 0
