"""Problems with complex unknowns: a plane wave, and a number that turns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

import pinnlab as pl

CIRCLE = pl.Box(x=(0.0, 2 * math.pi), t=(0.0, 0.5))
TIMES = pl.Box(t=(0.0, 1.0))


def free(psi: pl.Field) -> pl.Field:
    return 1j * psi.t + psi.xx / 2


def wave(x: Any, t: Any) -> Any:
    """The plane wave with wave number 2."""
    phase = 2 * x - 2 * t
    return torch.exp(1j * phase) if isinstance(phase, Tensor) else np.exp(1j * phase)


def periodic(**changes: Any) -> pl.Problem:
    given: dict[str, Any] = {
        "domain": CIRCLE,
        "unknowns": {"psi": complex},
        "equations": free,
        "conditions": [pl.Initial(psi=lambda x: torch.exp(2j * x)), pl.Periodic(on="x")],
        "reference": wave,
    }
    return pl.Problem(**{**given, **changes})


def rotation(**conditions: Any) -> pl.Problem:
    """psi' = i psi, |psi| a number of its own."""

    def equations(psi: pl.Field, u: pl.Field) -> dict[str, pl.Field]:
        return {"turn": psi.t - 1j * psi, "size": u - (psi * psi.conj()).real}

    return pl.Problem(TIMES, {"psi": complex, "u": float}, equations, [pl.Initial(**(conditions or {"psi": 1 + 1j}))])
