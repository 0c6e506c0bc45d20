"""A rod at 293 K that is warmer in the middle, in SI units."""

from __future__ import annotations

import math
from typing import Any

import torch

import pinnlab as pl


def rod(**changes: Any) -> pl.Problem:
    def heat(T: pl.Field) -> pl.Field:
        return 2.4e6 * T.t - 200.0 * T.xx

    given: dict[str, Any] = {
        "domain": pl.Box(x=(0.0, 0.1), t=(0.0, 20.0)),
        "unknowns": "T",
        "equations": heat,
        "conditions": [pl.Initial(T=lambda x: 293 + 3 * torch.sin(10 * math.pi * x)), pl.Dirichlet(T=293.0)],
    }
    return pl.Problem(**{**given, **changes})
