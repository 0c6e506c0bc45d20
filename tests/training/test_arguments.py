"""Arguments of solve: refused by name, before any work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.machine.numbers import finite, positive, whole

PROBLEM = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u.xx - 1, pl.Dirichlet(u=0.0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("callbacks", None),
        ("callbacks", [3]),
        ("callbacks", print),
        ("callbacks", [lambda: None]),
        ("callbacks", "a"),
        ("checkpoint", ""),
        ("checkpoint", 3),
        ("checkpoint", "."),
        ("max_seconds", True),
        ("max_seconds", float("nan")),
        ("max_seconds", "5"),
        ("max_seconds", 10**400),
        ("seed", 1.5),
        ("seed", True),
        ("seed", 2**70),
        ("device", "tpu"),
        ("device", "meta"),
        ("device", 3),
        ("dtype", "float64"),
        ("dtype", torch.int64),
        ("threads", 10**9),
        ("threads", True),
        ("parallel", ["auto"]),
        ("progress", "no"),
        ("target_error", True),
    ],
)
def test_what_cannot_work_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^(solve\()?{name}="):
        pl.solve(PROBLEM, pl.HardConstraintMoE(), **{name: value})


def test_whole_numbers_of_numpy_are_numbers() -> None:
    assert pl.solve(PROBLEM, pl.HardConstraintMoE(), seed=np.int64(1), progress=False).status.ok


def test_numbers() -> None:
    assert [finite(v) for v in (1, 0.5, np.float32(2), np.int64(3))] == [1.0, 0.5, 2.0, 3.0]
    assert [finite(v) for v in (True, "1", None, 1j, 10**400, float("nan"), float("inf"), [1])] == [None] * 8
    assert positive(0.1) and not positive(0) and not positive("1")
    assert whole(3, 1) and not whole(0, 1) and not whole(1.0, 1) and not whole(True, 0) and not whole(9, 1, 8)
