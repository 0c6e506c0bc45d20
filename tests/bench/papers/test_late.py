"""Times after those of training: what is trained, and what is measured."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.bench.papers.experiment import Setting
from pinnlab.papers import pi_hc_moe


def test_trained_before_and_measured_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong before t = 1 does not count; after it, values that are 3 % too large are off by 3 %."""
    family = pl.Problem(
        pl.Box(t=(0.0, 2.0)), "u", lambda u: u.t + u, [pl.Initial(u=lambda a: a)], parameters={"a": pl.Uniform(1.0, 2.0)},
        reference=lambda t, a: a * torch.exp(-torch.as_tensor(t)),
    )  # fmt: skip
    seen: list[pl.Problem] = []

    class Trained(SimpleNamespace):
        def at(self, domain: pl.Box, a: float) -> Any:
            assert domain.bounds == {"t": (0.0, 2.0)}

            def values(points: Tensor) -> Tensor:
                return torch.where(points < 1.0, 7.0, 1.03 * a * torch.exp(-points))

            return SimpleNamespace(function=values)

    def solved(problem: pl.Problem, *_: Any, **__: Any) -> Any:
        seen.append(problem)
        return Trained(seconds=1.0, status=pl.Status.STEPS_DONE)

    monkeypatch.setattr(pi_hc_moe, "solve", solved)
    made = pi_hc_moe._after(1.0)(lambda size: family, lambda size: None)(Setting())
    assert seen[0].domain.bounds == {"t": (0.0, 1.0)} and seen[0].reference is None
    assert made.error == pytest.approx(0.03, rel=1e-9) and made.status == "STEPS_DONE"


def test_the_rows_are_those_that_were_published_and_coupled_ones() -> None:
    published = {row.name: row.published for row in pi_hc_moe._sorption_late()}
    assert list(published)[:3] == [*pi_hc_moe._NAMES.values()] and len(published) == 4
    assert list(published.values())[:3] == [8.0558, 0.48047, 0.1479]
