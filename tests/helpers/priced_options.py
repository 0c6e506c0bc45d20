"""An option that is priced backwards from what it pays in the end."""

from __future__ import annotations

from typing import Any

import torch

import pinnlab as pl


def option(value: Any) -> pl.Problem:
    """Black and Scholes (1973) with interest 0.05 and volatility 0.2, strike 100, a year before it ends."""
    return pl.Problem(
        domain=pl.Box(S=(0.0, 300.0), t=(0.0, 1.0)),
        unknowns="V",
        equations=lambda V, S: V.t + 0.02 * S**2 * V.SS + 0.05 * S * V.S - 0.05 * V,
        conditions=[
            pl.Final(V=value),
            pl.Dirichlet(V=0.0, on="S-"),
            pl.Dirichlet(V=lambda t: 300.0 - 100.0 * torch.exp(-0.05 * (1 - t)), on="S+"),
        ],
        reference=call_price,
    )


def call_price(S: Any, t: Any) -> Any:
    left = (1 - t).clamp_min(1e-12)
    first = (torch.log(S.clamp_min(1e-12) / 100) + 0.07 * left) / (0.2 * left.sqrt())
    below = torch.special.ndtr(first - 0.2 * left.sqrt())
    return S * torch.special.ndtr(first) - 100 * torch.exp(-0.05 * left) * below
