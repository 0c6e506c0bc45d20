"""Beams, plates, flow and sound, in SI units and scaled by hand."""

from __future__ import annotations

import math

import numpy as np
import torch

import pinnlab as pl
from scaled.pair import Pair


def beam() -> Pair:
    """E I = 2e6 N m^2, 4 m, 5 kN/m, clamped."""
    stiffness, length, load = 2e6, 4.0, 5e3
    deflection = load * length**4 / stiffness

    def si(w):
        return stiffness * w.xxxx - load

    def hand(w):
        return w.xxxx - 1.0

    clamped = [pl.Dirichlet(w=0.0), pl.Neumann(w=0.0)]
    return Pair(
        pl.Problem(pl.Box(x=(0.0, length)), "w", si, clamped),
        pl.Problem(pl.Box(x=(0.0, 1.0)), "w", hand, clamped),
        {"x": length}, {"w": (0.0, deflection)},
        lambda at: {"w": at["x"] ** 2 * (1 - at["x"]) ** 2 / 24},
    )  # fmt: skip


def moments() -> Pair:
    """The beam on two supports, deflection and bending moment."""
    stiffness, length, load = 2e6, 4.0, 5e3

    def si(w, m):
        return {"w": stiffness * w.xx - m, "m": m.xx - load}

    def hand(w, m):
        return {"w": w.xx - m, "m": m.xx - 1.0}

    held = [pl.Dirichlet(w=0.0, m=0.0)]
    return Pair(
        pl.Problem(pl.Box(x=(0.0, length)), ("w", "m"), si, held),
        pl.Problem(pl.Box(x=(0.0, 1.0)), ("w", "m"), hand, held),
        {"x": length}, {"w": (0.0, load * length**4 / stiffness), "m": (0.0, load * length**2)},
        lambda at: {
            "w": at["x"] * (1 - 2 * at["x"] ** 2 + at["x"] ** 3) / 24, "m": at["x"] * (at["x"] - 1) / 2
        },
    )  # fmt: skip


def channel() -> Pair:
    """Water, mu = 1e-3, 1 cm high, 2 cm long, 1 cm/s: Re = 100."""
    mu, rho, height, length, speed = 1e-3, 1e3, 0.01, 0.02, 0.01
    reynolds = rho * speed * height / mu

    def si(u, v, p):
        return {
            "mass": u.x + v.y,
            "x": rho * (u * u.x + v * u.y) + p.x - mu * (u.xx + u.yy),
            "y": rho * (u * v.x + v * v.y) + p.y - mu * (v.xx + v.yy),
        }

    def hand(u, v, p):
        return {
            "mass": u.x + v.y,
            "x": u * u.x + v * u.y + p.x - (u.xx + u.yy) / reynolds,
            "y": u * v.x + v * v.y + p.y - (v.xx + v.yy) / reynolds,
        }

    def held(high, fast):
        inflow = {"u": lambda y: 4 * fast * y * (high - y) / high**2, "v": 0.0}
        return [
            pl.Dirichlet(u=0.0, v=0.0, on="y"),
            pl.Dirichlet(**inflow, on="x-"),
            pl.Dirichlet(p=0.0, v=0.0, on="x+"),
        ]

    return Pair(
        pl.Problem(pl.Box(x=(0.0, length), y=(0.0, height)), ("u", "v", "p"), si, held(height, speed)),
        pl.Problem(pl.Box(x=(0.0, 2.0), y=(0.0, 1.0)), ("u", "v", "p"), hand, held(1.0, 1.0)),
        {"x": height, "y": height},
        {"u": (0.0, speed), "v": (0.0, speed), "p": (0.0, rho * speed**2)},
        lambda at: {
            "u": 4 * at["y"] * (1 - at["y"]), "v": 0 * at["y"], "p": 8 * (2 - at["x"]) / reynolds
        },
    )  # fmt: skip


def plate(modulus: float = 2.1e11, load: float = 1e7) -> Pair:
    """A square of steel in plane stress, 20 cm, held all around under a load that bulges it; 3 of its sides are soft."""
    side, nu = 0.2, 0.3
    c = modulus / (1 - nu**2)

    def equations(c, length, load):
        def forces(u, v, x, y):
            a, b = math.pi * x / length, math.pi * y / length
            push = load * torch.sin(a) * torch.sin(b)
            turn = load * torch.cos(a) * torch.cos(b)
            lateral = (1 - nu) / 2
            return {
                "x": c * (u.xx + lateral * u.yy + (1 + nu) / 2 * v.xy) + push * (1 + lateral) - turn * (1 + nu) / 2,
                "y": c * (v.yy + lateral * v.xx + (1 + nu) / 2 * u.xy) + push * (1 + lateral) - turn * (1 + nu) / 2,
            }

        return forces

    held = [pl.Dirichlet(u=0.0, v=0.0)]
    # c (u_xx + ...) = -load (1 + lateral) sin sin + ... is solved by u = v = load / c (length / pi)^2 sin sin
    return Pair(
        pl.Problem(pl.Box(x=(0.0, side), y=(0.0, side)), ("u", "v"), equations(c, side, load), held),
        pl.Problem(pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), ("u", "v"), equations(1.0, 1.0, 1.0), held),
        {"x": side, "y": side}, dict.fromkeys(("u", "v"), (0.0, load * side**2 / c)),
        lambda at: dict.fromkeys(
            ("u", "v"), np.sin(math.pi * at["x"]) * np.sin(math.pi * at["y"]) / math.pi**2
        ),
    )  # fmt: skip


def stresses(modulus: float = 2.1e11, load: float = 1e5) -> Pair:
    """The square with its stresses as unknowns: first order, clamped on the left, free elsewhere, under its weight."""
    side, nu = 0.2, 0.3
    c = modulus / (1 - nu**2)

    def equations(c, load):
        def forces(u, v, sx, sy, s):
            return {
                "x": sx.x + s.y + load,
                "y": s.x + sy.y + load,
                "sx": sx - c * (u.x + nu * v.y),
                "sy": sy - c * (v.y + nu * u.x),
                "s": s - c * (1 - nu) / 2 * (u.y + v.x),
            }

        return forces

    held = [
        pl.Dirichlet(u=0.0, v=0.0, on="x-"), pl.Dirichlet(sx=0.0, s=0.0, on="x+"), pl.Dirichlet(sy=0.0, s=0.0, on="y")
    ]  # fmt: skip
    names = ("u", "v", "sx", "sy", "s")
    return Pair(
        pl.Problem(pl.Box(x=(0.0, side), y=(0.0, side)), names, equations(c, load), held),
        pl.Problem(pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), names, equations(1.0, 1.0), held),
        {"x": side, "y": side},
        {
            **dict.fromkeys(("u", "v"), (0.0, load * side**2 / c)),
            **dict.fromkeys(("sx", "sy", "s"), (0.0, load * side)),
        },
    )


def sound() -> Pair:
    """A standing wave of 1 Pa in air at 1e5 Pa, c = 343 m/s, 1 m, for 5 ms."""
    c, length, end = 343.0, 1.0, 5e-3
    laps = (c * end / length) ** 2

    def si(p):
        return p.tt - c**2 * p.xx

    def hand(p):
        return p.tt - laps * p.xx

    def problem(equation, end, rest):
        wave = pl.Initial(p=lambda x: rest + torch.sin(math.pi * x), p_t=0.0)
        return pl.Problem(pl.Box(x=(0.0, 1.0), t=(0.0, end)), "p", equation, [wave, pl.Dirichlet(p=rest)])

    return Pair(
        problem(si, end, 1e5), problem(hand, 1.0, 0.0), {"x": length, "t": end}, {"p": (1e5, 1.0)},
        lambda at: {"p": np.cos(math.pi * math.sqrt(laps) * at["t"]) * np.sin(math.pi * at["x"])},
    )  # fmt: skip
