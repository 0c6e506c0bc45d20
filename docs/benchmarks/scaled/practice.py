"""The units that people of a trade use, often of several systems at once, and the same problems scaled by hand."""

from __future__ import annotations

import math

import numpy as np
import torch

import pinnlab as pl
from scaled.pair import Pair


def battery() -> Pair:
    """Lithium in 10 um of an electrode: 2.5e4 mol per m^3, D = 1e-14 m^2/s, 1e-5 mol per m^2 and second, one hour."""
    D, length, end, start, pace = 1e-14, 1e-5, 3600.0, 2.5e4, 1e-5
    rate, step = D * end / length**2, pace * length / D

    def problem(D, length, end, start, slope):
        def spread(c):
            return c.t - D * c.xx

        # a parabola and what is gained: the same slopes from the start
        first = pl.Initial(c=lambda x: start + slope * x**2 / (2 * length))
        sides = [pl.Neumann(c=0.0, on="x-"), pl.Neumann(c=slope, on="x+")]
        return pl.Problem(pl.Box(x=(0.0, length), t=(0.0, end)), "c", spread, [first, *sides])

    return Pair(
        problem(D, length, end, start, pace / D), problem(rate, 1.0, 1.0, 0.0, 1.0),
        {"x": length, "t": end}, {"c": (start, step)},
        lambda at: {"c": at["x"] ** 2 / 2 + rate * at["t"]},
    )  # fmt: skip


def reservoir() -> Pair:
    """Darcy: 100 md, 1 cP, 20 % of pores, 1e-4 per bar, 200 bar that fall at one end of 1 km to 150, 10 days."""
    mobility, storage, length, end = 0.00852702 * 100, 0.2 * 1e-4, 1000.0, 10.0
    rate = mobility / storage * end / length**2

    def field(p):
        return storage * p.t - mobility * p.xx

    def hand(p):
        return p.t - rate * p.xx

    def problem(equation, length, end, full, step):
        start = pl.Initial(p=lambda x: full - step * torch.cos(math.pi * x / (2 * length)))
        ends = [pl.Dirichlet(p=full, on="x+"), pl.Neumann(p=0.0, on="x-")]
        return pl.Problem(pl.Box(x=(0.0, length), t=(0.0, end)), "p", equation, [start, *ends])

    return Pair(
        problem(field, length, end, 200.0, 50.0), problem(hand, 1.0, 1.0, 0.0, 1.0),
        {"x": length, "t": end}, {"p": (200.0, 50.0)},
        lambda at: {"p": -np.exp(-(math.pi**2) / 4 * rate * at["t"]) * np.cos(math.pi * at["x"] / 2)},
    )  # fmt: skip


def nerve() -> Pair:
    """The cable equation in mV, ms and cm: rest at -65 mV, 20 mV of a bump, lambda = 0.1 cm, tau = 10 ms."""
    spread, decay, length, end, rest, step = 0.1, 10.0, 0.5, 20.0, -65.0, 20.0

    def problem(spread, decay, length, end, rest, step):
        def cable(V):
            return decay * V.t - spread**2 * V.xx + (V - rest)

        start = pl.Initial(V=lambda x: rest + step * (1 + torch.cos(math.pi * x / length)) / 2)
        return pl.Problem(pl.Box(x=(0.0, length), t=(0.0, end)), "V", cable, [start, pl.Neumann(V=0.0)])

    wave = (math.pi * spread / length) ** 2
    return Pair(
        problem(spread, decay, length, end, rest, step), problem(spread / length, decay / end, 1.0, 1.0, 0.0, 1.0),
        {"x": length, "t": end}, {"V": (rest, step)},
        lambda at: {
            "V": np.exp(-at["t"] * end / decay) / 2
            * (1 + np.exp(-wave * at["t"] * end / decay) * np.cos(math.pi * at["x"]))
        },
    )  # fmt: skip


def earthquake() -> Pair:
    """A pressure wave of 1 mm in 30 km of rock, in km and GPa: 80 GPa, 2.7 g per cm^3, 5 s."""
    modulus, density, length, end, height = 80.0, 2.7, 30.0, 5.0, 1e-3
    speed = math.sqrt(modulus / density) * end / length

    def rock(u):
        return density * u.tt - modulus * u.xx

    def hand(u):
        return u.tt - speed**2 * u.xx

    def problem(equation, length, end, height):
        start = pl.Initial(u=lambda x: height * torch.sin(math.pi * x / length), u_t=0.0)
        return pl.Problem(pl.Box(x=(0.0, length), t=(0.0, end)), "u", equation, [start, pl.Dirichlet(u=0.0)])

    return Pair(
        problem(rock, length, end, height), problem(hand, 1.0, 1.0, 1.0),
        {"x": length, "t": end}, {"u": (0.0, height)},
        lambda at: {"u": np.cos(math.pi * speed * at["t"]) * np.sin(math.pi * at["x"])},
    )  # fmt: skip


def artery() -> Pair:
    """A pulse of 1 kPa per m in blood between plates, 5 mm apart, for half a second: nothing tells how fast it gets."""
    mu, rho, width, end, push = 3.5e-3, 1060.0, 5e-3, 0.5, 1e3
    rate, fast = mu / rho / width**2 * end, push * end / rho

    def si(u, t):
        return rho * u.t - mu * u.yy - push * torch.sin(2 * math.pi * t / end)

    def hand(u, t):
        return u.t - rate * u.yy - torch.sin(2 * math.pi * t)

    def problem(equation, width, end):
        box = pl.Box(y=(0.0, width), t=(0.0, end))
        return pl.Problem(box, "u", equation, [pl.Initial(u=0.0), pl.Dirichlet(u=0.0)])

    def true(at):
        found, beat = np.zeros_like(at["y"]), 2 * math.pi
        for n in range(1, 1001, 2):
            decay = rate * (n * math.pi) ** 2
            swing = decay * np.sin(beat * at["t"]) - beat * np.cos(beat * at["t"]) + beat * np.exp(-decay * at["t"])
            found += 4 / (n * math.pi) * np.sin(n * math.pi * at["y"]) * swing / (decay**2 + beat**2)
        return {"u": found}

    return Pair(problem(si, width, end), problem(hand, 1.0, 1.0), {"y": width, "t": end}, {"u": (0.0, fast)}, true)


def orbit() -> Pair:
    """A quarter of the earth's way around the sun, in metres and seconds."""
    pull, radius, year = 1.327e20, 1.496e11, 3.156e7
    speed = math.sqrt(pull / radius)
    unit = math.sqrt(radius**3 / pull)

    def problem(pull, radius, speed, end):
        def motion(x, y):
            cube = (x**2 + y**2) ** 1.5
            return {"x": x.tt + pull * x / cube, "y": y.tt + pull * y / cube}

        start = pl.Initial(x=radius, y=0.0, x_t=0.0, y_t=speed)
        return pl.Problem(pl.Box(t=(0.0, end)), ("x", "y"), motion, start)

    return Pair(
        problem(pull, radius, speed, year / 4), problem(1.0, 1.0, 1.0, year / 4 / unit),
        {"t": unit}, dict.fromkeys("xy", (0.0, radius)),
        lambda at: {"x": np.cos(at["t"]), "y": np.sin(at["t"])},
    )  # fmt: skip


def reactor() -> Pair:
    """A batch that heats itself: 2 mol per litre, 350 K at the start, 80 kJ/mol to be overcome, 50 kJ/mol set free."""
    factor, barrier, gas, heat, capacity, full, cold, end = 1e10, 8e4, 8.314, 5e4, 4e6, 2e3, 350.0, 100.0
    step = heat * full / capacity

    def si(c, T):
        pace = factor * torch.exp(-barrier / (gas * T)) * c
        return {"c": c.t + pace, "T": capacity * T.t - heat * pace}

    def hand(c, T):
        pace = end * factor * torch.exp(-barrier / (gas * (cold + step * T))) * c
        return {"c": c.t + pace, "T": T.t - pace}

    return Pair(
        pl.Problem(pl.Box(t=(0.0, end)), ("c", "T"), si, pl.Initial(c=full, T=cold)),
        pl.Problem(pl.Box(t=(0.0, 1.0)), ("c", "T"), hand, pl.Initial(c=1.0, T=0.0)),
        {"t": end}, {"c": (0.0, full), "T": (cold, step)},
    )  # fmt: skip


def glacier() -> Pair:
    """Ice, 500 m deep, 5 degrees steep, in Pa and seconds: the speed over depth by Glen's law."""
    softness, weight, depth = 2.4e-24, 917 * 9.81 * math.sin(math.radians(5)), 500.0
    fast = 2 * softness * weight**3 * depth**4

    def si(u, z):
        return u.z - 2 * softness * (weight * (depth - z)) ** 3

    def hand(u, z):
        return u.z - (1 - z) ** 3

    def problem(equation, depth):
        return pl.Problem(pl.Box(z=(0.0, depth)), "u", equation, [pl.Dirichlet(u=0.0, on="z-")])

    return Pair(
        problem(si, depth), problem(hand, 1.0), {"z": depth}, {"u": (0.0, fast)},
        lambda at: {"u": (1 - (1 - at["z"]) ** 4) / 4},
    )  # fmt: skip
