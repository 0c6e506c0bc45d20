"""Derivatives of a known function where elements reach over a curved boundary."""

from __future__ import annotations

import math

import torch

import pinnlab as pl
from pinnlab.declaration.lacking import within

DISK = pl.Ball({"x": 0.0, "y": 0.0}, 1.0)


def test_outside_the_nearest_one_counts() -> None:
    points = torch.tensor([[0.9, 0.0], [0.0, 0.9], [1.1, 0.0], [0.1, 1.2]], dtype=torch.float64)
    jet = torch.tensor([[[1.0], [2.0], [math.nan], [math.nan]], [[3.0], [4.0], [math.nan], [5.0]]], dtype=torch.float64)
    assert within(jet, points, DISK)[:, :, 0].tolist() == [[1.0, 2.0, 1.0, 2.0], [3.0, 4.0, 3.0, 4.0]]


def test_what_is_missing_inside_stays_missing() -> None:
    points = torch.tensor([[0.9, 0.0], [0.0, 0.9]], dtype=torch.float64)
    jet = torch.tensor([[[1.0], [math.nan]]], dtype=torch.float64)
    assert within(jet, points, DISK) is jet
