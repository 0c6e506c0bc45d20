"""Time windows: which one a point belongs to."""

from __future__ import annotations

import torch

import pinnlab as pl
from pinnlab.solvers.windows import by_window

WHOLE = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
EARLY, LATE = WHOLE.replace(t=(0.0, 0.4)), WHOLE.replace(t=(0.4, 1.0))


def numbers(times: list[float], *windows: pl.Box, x: float = 0.5, **options: bool) -> list[int]:
    points = torch.tensor([[x, t] for t in times], dtype=torch.float64)
    found = torch.full((len(points),), -1)
    for k, mask in by_window(points, windows, WHOLE, **options):
        assert bool((found[mask] == -1).all()), "no point has two windows"
        found[mask] = k
    return found.tolist()


def test_a_point_between_two_windows_belongs_to_the_earlier_one() -> None:
    assert numbers([0.0, 0.399, 0.4, 0.401, 1.0], EARLY, LATE) == [0, 0, 0, 1, 1]


def test_nothing_is_known_after_the_last_window() -> None:
    assert numbers([0.0, 0.4, 0.401, 1.0], EARLY) == [0, 0, -1, -1]


def test_points_outside_the_whole_are_left_out_on_request() -> None:
    assert numbers([-0.1, 0.2, 1.1], EARLY, LATE) == [0, 0, 1]
    assert numbers([-0.1, 0.2, 1.1], EARLY, LATE, inside=True) == [-1, 0, -1]
    assert numbers([0.2, 0.8], EARLY, LATE, x=1.5, inside=True) == [-1, -1]


def test_a_steady_problem_is_one_window() -> None:
    region = pl.Box(x=(0.0, 1.0))
    ((number, mask),) = by_window(torch.tensor([[0.5], [2.0]]), [region], region)
    assert (number, mask.tolist()) == (0, [True, True])
    assert [k for k, _ in by_window(torch.tensor([[2.0]]), [region], region, inside=True)] == []
