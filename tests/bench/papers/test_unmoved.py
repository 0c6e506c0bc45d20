"""Members that stay as they start, whose error is worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

import pinnlab as pl
from pinnlab.bench.papers.experiment import Setting
from pinnlab.papers import pi_hc_moe


def test_the_error_of_a_decay_that_does_not_decay() -> None:
    """u = exp(-t) on 0 < t < 1 against 1: both squares integrate to numbers, whatever the member."""
    family = pl.Problem(
        pl.Box(t=(0.0, 1.0)), "u", lambda u: u.t + u, [pl.Initial(u=lambda a: a)], parameters={"a": pl.Uniform(1.0, 2.0)},
        reference=lambda t, a: a * torch.exp(-torch.as_tensor(t)),
    )  # fmt: skip
    made = pi_hc_moe._unmoved(lambda size: family)(Setting())
    power = (1 - math.exp(-2)) / 2
    assert made.error == pytest.approx(math.sqrt((1 - 2 * (1 - math.exp(-1)) + power) / power), rel=1e-3)
    assert made.details["sd"] == pytest.approx(0.0, abs=1e-12) and made.status == "NOT_TRAINED"
