"""An option: V_t + sigma^2 S^2 V_SS / 2 + r S V_S - r V = 0 on S in [0, 300], t in [0, 1], from its payoff at t = 1.

A share of value S with volatility sigma = 0.2 a year, interest r = 0.05, strike K = 100. ``kind`` is ``"call"`` (pays
S - K above K, a kink), ``"put"`` (K - S below it) or ``"digital"`` (pays 1 above K, a jump). Values at S = 0 and S = 300 are
those of the formula far from the strike; what they leave out is below 1e-7. Source: Black & Scholes, J. Political Economy
81 (1973) 637.

Reference: exact, Black and Scholes' formula.

Recipe: local experts, nothing trained.

Published relative L2 errors: none that could be found.
"""

from __future__ import annotations

import torch

import pinnlab as pl

PUBLISHED = "none found"
BUDGET = 30.0
STRIKE, RATE, SIGMA, HIGH = 100.0, 0.05, 0.2, 300.0
PAYOFFS = {
    "call": lambda S: torch.relu(S - STRIKE),
    "put": lambda S: torch.relu(STRIKE - S),
    "digital": lambda S: torch.where(S > STRIKE, 1.0, 0.0),
}


def black_scholes(V, S, r, sigma):
    return V.t + 0.5 * sigma**2 * S**2 * V.SS + r * S * V.S - r * V


def sure(t):
    """What one paid at the end is worth."""
    return torch.exp(-RATE * (1 - torch.as_tensor(t)))


LOW_VALUES = {"call": 0.0, "put": lambda t: STRIKE * sure(t), "digital": 0.0}
HIGH_VALUES = {"call": lambda t: HIGH - STRIKE * sure(t), "put": 0.0, "digital": sure}


def worth(kind, S, t):
    """The value of an option at S and t, by its kind."""
    S, t = torch.as_tensor(S), torch.as_tensor(t)
    spread = SIGMA * torch.sqrt((1 - t).clamp(min=1e-14))
    share = torch.log(S.clamp(min=1e-30) / STRIKE) / spread
    first, second = (share + (RATE / SIGMA**2 + sign / 2) * spread for sign in (1, -1))
    call = S * torch.special.ndtr(first) - STRIKE * sure(t) * torch.special.ndtr(second)
    return {
        "call": call, "put": call - S + STRIKE * sure(t), "digital": sure(t) * torch.special.ndtr(second)
    }[kind]  # fmt: skip


def problem(kind: str = "call") -> pl.Problem:
    if kind not in PAYOFFS:
        raise ValueError(f"black_scholes(kind={kind!r}): choose one of {', '.join(map(repr, PAYOFFS))}.")
    return pl.Problem(
        domain=pl.Box(S=(0.0, HIGH), t=(0.0, 1.0)),
        unknowns="V",
        equations=black_scholes,
        conditions=[
            pl.Final(V=PAYOFFS[kind]),
            pl.Dirichlet(V=LOW_VALUES[kind], on="S-"),
            pl.Dirichlet(V=HIGH_VALUES[kind], on="S+"),
        ],
        parameters={"r": RATE, "sigma": SIGMA},
        reference=lambda S, t: worth(kind, S, t),
        name=f"{kind} option",
    )


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE()
