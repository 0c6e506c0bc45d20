"""Heat, diffusion and what is carried along, in SI units and scaled by hand."""

from __future__ import annotations

import math

import numpy as np
import torch

import pinnlab as pl
from scaled.pair import Pair


def rod() -> Pair:
    """Aluminium, 10 cm, at 293 K with a bump of 3 K."""
    k, rc, length, end = 200.0, 2.4e6, 0.1, 20.0
    rate = k / rc / length**2 * end

    def si(T):
        return rc * T.t - k * T.xx

    def hand(T):
        return T.t - rate * T.xx

    return Pair(
        pl.Problem(
            pl.Box(x=(0.0, length), t=(0.0, end)), "T", si,
            [pl.Initial(T=lambda x: 293 + 3 * torch.sin(math.pi * x / length)), pl.Dirichlet(T=293.0)],
        ),
        pl.Problem(
            pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "T", hand,
            [pl.Initial(T=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(T=0.0)],
        ),
        {"x": length, "t": end}, {"T": (293.0, 3.0)},
        lambda at: {"T": np.exp(-(math.pi**2) * rate * at["t"]) * np.sin(math.pi * at["x"])},
    )  # fmt: skip


def convection() -> Pair:
    """The same rod in air: 400 K at the start, 293 K around, h = 2000 on one end, insulated at the other."""
    k, rc, length, end, h = 200.0, 2.4e6, 0.1, 200.0, 2000.0
    rate, biot = k / rc / length**2 * end, h * length / k

    def si(T):
        return rc * T.t - k * T.xx

    def hand(T):
        return T.t - rate * T.xx

    return Pair(
        pl.Problem(
            pl.Box(x=(0.0, length), t=(0.0, end)), "T", si,
            [pl.Initial(T=lambda x: 293 + 107 * torch.cos(math.pi * x / length / 4)), pl.Neumann(T=0.0, on="x-"),
             pl.Robin(T=(h, k, 293.0 * h), on="x+")],
        ),
        pl.Problem(
            pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "T", hand,
            [pl.Initial(T=lambda x: torch.cos(math.pi * x / 4)), pl.Neumann(T=0.0, on="x-"),
             pl.Robin(T=(biot, 1.0, 0.0), on="x+")],
        ),
        {"x": length, "t": end}, {"T": (293.0, 107.0)},
    )  # fmt: skip


def bar() -> Pair:
    """A bar of aluminium in space, 20 x 2 x 2 cm, 400 K in air of 293 K at its ends, insulated elsewhere, 200 s."""
    k, rc, h, end = 200.0, 2.4e6, 2000.0, 200.0
    length, side = 0.2, 0.02
    rate, biot, thin = k / rc / length**2 * end, h * length / k, side / length

    def si(T):
        return rc * T.t - k * (T.xx + T.yy + T.zz)

    def hand(T):
        return T.t - rate * (T.xx + T.yy + T.zz)

    def problem(equation, length, side, end, rest, step, robin):
        start = pl.Initial(T=lambda x: rest + step * torch.cos(math.pi * (x / length - 0.5) / 2))
        walls = [pl.Neumann(T=0.0, on="y"), pl.Neumann(T=0.0, on="z"), pl.Robin(T=robin, on="x")]
        box = pl.Box(x=(0.0, length), y=(0.0, side), z=(0.0, side), t=(0.0, end))
        return pl.Problem(box, "T", equation, [start, *walls])

    def line(T):
        return T.t - rate * T.xx

    thread = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "T", line,
        [pl.Initial(T=lambda x: torch.cos(math.pi * (x - 0.5) / 2)), pl.Robin(T=(biot, 1.0, 0.0), on="x")],
    )  # fmt: skip
    true = pl.solve(thread, pl.HardConstraintMoE(), progress=False)
    return Pair(
        problem(si, length, side, end, 293.0, 107.0, (h, k, 293.0 * h)),
        problem(hand, 1.0, thin, 1.0, 0.0, 1.0, (biot, 1.0, 0.0)),
        {"x": length, "y": length, "z": length, "t": end}, {"T": (293.0, 107.0)},
        lambda at: true(x=at["x"], t=at["t"]),
    )  # fmt: skip


def dopant() -> Pair:
    """Diffusion over 100 nm with D = 1e-15 m^2/s for 2 s; 1e24 atoms per m^3, impermeable ends."""
    D, length, end, density = 1e-15, 1e-7, 2.0, 1e24
    rate = D * end / length**2

    def si(c):
        return c.t - D * c.xx

    def hand(c):
        return c.t - rate * c.xx

    def problem(equation, length, end, unit):
        start = pl.Initial(c=lambda x: unit * (1 + torch.cos(math.pi * x / length)))
        return pl.Problem(pl.Box(x=(0.0, length), t=(0.0, end)), "c", equation, [start, pl.Neumann(c=0.0)])

    return Pair(
        problem(si, length, end, density), problem(hand, 1.0, 1.0, 1.0),
        {"x": length, "t": end}, {"c": (0.0, density)},
        lambda at: {"c": 1 + np.exp(-(math.pi**2) * rate * at["t"]) * np.cos(math.pi * at["x"])},
    )  # fmt: skip


def drift() -> Pair:
    """A plume of 1e-3 kg per m^3 in a river: 1 m/s over 5 km, for 1000 s."""
    speed, length, end, density, spread = 1.0, 5e3, 1000.0, 1e-3, 1.0

    def problem(length, end, unit, speed, spread):
        def carried(c):
            return c.t + speed * c.x - spread * c.xx

        start = pl.Initial(c=lambda x: unit * torch.exp(torch.cos(2 * math.pi * x / length) - 1))
        return pl.Problem(
            pl.Box(x=(0.0, length), t=(0.0, end)), "c", carried, [start, pl.Periodic(on="x")], velocity=speed
        )

    return Pair(
        problem(length, end, density, speed, spread),
        problem(1.0, 1.0, 1.0, speed * end / length, spread * end / length**2),
        {"x": length, "t": end}, {"c": (0.0, density)},
    )  # fmt: skip
