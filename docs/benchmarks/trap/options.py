"""Options, whose values follow Black and Scholes (J. Political Economy 81, 1973): kinks and jumps at the end of time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

import pinnlab as pl
from trap.symbols import Case

Random = np.random.Generator


def worth(kind: str, S: Tensor, left: Tensor, strike: float, rate: float, sigma: float) -> Tensor:
    """The value of an option on a share of value S (n,), with so much time left (n,).

    Args:
        kind: ``"call"``, ``"put"``, ``"digital"`` (pays 1 above the strike) or ``"asset"`` (pays S / strike above it).
        S, left: of the share, and until the end.
        strike, rate, sigma: of the contract, of interest, and the volatility.
    """
    spread = sigma * left.clamp(min=1e-12).sqrt()
    below = (torch.log(S.clamp(min=1e-30) / strike) + (rate - sigma**2 / 2) * left) / spread
    sure, share = torch.exp(-rate * left) * torch.special.ndtr(below), S * torch.special.ndtr(below + spread)
    if kind == "digital":
        return sure
    if kind == "asset":
        return share / strike
    call = share - strike * sure
    return call if kind == "call" else call - S + strike * torch.exp(-rate * left)


def option(rng: Random) -> Case:
    """A call, a put, or what pays one or a share above the strike, by the share's value or its logarithm."""
    kind, logarithm = str(rng.choice(["call", "put", "digital", "asset"])), bool(rng.random() < 0.3)
    strike, rate = float(10 ** rng.uniform(0, 2.5)), float(rng.uniform(0, 0.1))
    sigma, end = float(rng.uniform(0.1, 0.5)), float(rng.uniform(0.25, 2))
    low, high = strike * float(rng.choice([0.0, 0.3])), strike * float(rng.uniform(2, 4))
    low = strike * math.exp(-2) if logarithm else low
    pays: Callable[[Any], Any] = {
        "call": lambda S: torch.relu(S - strike),
        "put": lambda S: torch.relu(strike - S),
        "digital": lambda S: torch.where(S > strike, 1.0, 0.0),
        "asset": lambda S: torch.where(S > strike, S / strike, 0.0 * S),
    }[kind]

    def value(S: Any, t: Any) -> Tensor:
        return worth(kind, torch.as_tensor(S, dtype=torch.float64), end - torch.as_tensor(t), strike, rate, sigma)

    axis, ends = ("x", (math.log(low), math.log(high))) if logarithm else ("S", (low, high))
    conditions = [
        pl.Final(V=(lambda x: pays(torch.exp(x))) if logarithm else pays),
        pl.Dirichlet(V=lambda t: value(low, t), on=f"{axis}-"),
        pl.Dirichlet(V=lambda t: value(high, t), on=f"{axis}+"),
    ]
    equations: Callable[..., Any] = lambda V, S: (  # noqa: E731
        V.t + 0.5 * sigma**2 * S**2 * V.SS + rate * S * V.S - rate * V
    )
    exact: Callable[..., Any] = lambda S, t: {"V": value(S, t).numpy()}  # noqa: E731
    if logarithm:
        equations = lambda V: V.t + 0.5 * sigma**2 * V.xx + (rate - 0.5 * sigma**2) * V.x - rate * V  # noqa: E731
        exact = lambda x, t: {"V": value(np.exp(x), t).numpy()}  # noqa: E731
    problem = pl.Problem(pl.Box(**{axis: ends}, t=(0.0, end)), "V", equations, conditions, name="option")
    text = f"{kind} by {axis}, K = {strike:.4g}, r = {rate:.3f}, sigma = {sigma:.3f}, {end:.2f} years"
    what = "kink" if kind in ("call", "put") else "jump"
    return Case(f"option, {what}", f"{text}, shares from {low:.3g} to {high:.4g}", problem, exact)
