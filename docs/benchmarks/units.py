"""SI units against units chosen by hand: the same problem twice, with every solver that takes it, for equal effort.

    python docs/benchmarks/units.py [--only rod beam] [--solvers PINN classical] [--steps 60 | --seconds 20] [--out FILE]

With --steps what is trained takes that many steps of Levenberg-Marquardt, which does not depend on what else the machine
does; with --seconds every call has that long.

A pair is a problem in SI units and the same one with all numbers near one. Errors are relative to the variation of the true
solution, in the same points of both; a row tells both and their ratio. Writes FILE.json and FILE.md with --out.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pinnlab as pl
from pinnlab.bench.provenance import provenance

Columns = Mapping[str, np.ndarray]
ROUNDING = 1e-9
"""Errors below it count as equal: what is left there depends on the last steps of a solver, not on units."""


@dataclass(frozen=True)
class Pair:
    """One problem in two systems of units.

    Attributes:
        si, hand: the problem in SI units, and with numbers near one.
        units: {coordinate: what one of the hand's units is in SI}.
        scales: {unknown: (offset, what one of the hand's units is in SI)}.
        truth: the true solution in the hand's units, as a function of columns (n,) in these; None takes a tight solution.
        coefficients: {coefficient to be found: (true value, what the hand's unit is in SI)}.
    """

    si: pl.Problem
    hand: pl.Problem
    units: Mapping[str, float]
    scales: Mapping[str, tuple[float, float]]
    truth: Callable[[Columns], dict[str, np.ndarray]] | None = None
    coefficients: Mapping[str, tuple[float, float]] = field(default_factory=dict)


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


def epidemic() -> Pair:
    """SIR with N = 7.9e6 for 100 days; both rates from daily counts of the infected with 1 % noise."""
    people, beta, gamma, days = 7.9e6, 0.3, 0.1, 100.0

    def equations(n):
        def sir(s, i, r, beta, gamma):
            return {"s": s.t + beta * s * i / n, "i": i.t - beta * s * i / n + gamma * i, "r": r.t - gamma * i}

        return sir

    def problem(n, rates, counts=()):
        start = pl.Initial(s=0.99 * n, i=0.01 * n, r=0.0)
        return pl.Problem(pl.Box(t=(0.0, days)), ("s", "i", "r"), equations(n), [start, *counts], rates)

    true = pl.reference_solution(problem(1.0, {"beta": beta, "gamma": gamma}))
    t = np.linspace(1, days, 100)
    seen = true(t=t)["i"] * (1 + 0.01 * np.random.default_rng(0).standard_normal(100))
    unknown = {"beta": pl.Unknown(0.5), "gamma": pl.Unknown(0.2)}
    return Pair(
        problem(people, unknown, [pl.Data({"t": t}, i=people * seen)]),
        problem(1.0, unknown, [pl.Data({"t": t}, i=seen)]),
        {"t": 1.0}, dict.fromkeys(("s", "i", "r"), (0.0, people)), lambda at: true(**at),
        {"beta": (beta, 1.0), "gamma": (gamma, 1.0)},
    )  # fmt: skip


def outbreak() -> Pair:
    """SIR with N = 7.9e6 and 800 infected at the start: how large it gets is told by no condition."""
    people, beta, gamma, days = 7.9e6, 0.3, 0.1, 150.0

    def problem(n):
        def sir(s, i, r):
            return {"s": s.t + beta * s * i / n, "i": i.t - beta * s * i / n + gamma * i, "r": r.t - gamma * i}

        return pl.Problem(pl.Box(t=(0.0, days)), ("s", "i", "r"), sir, pl.Initial(s=n * (1 - 1e-4), i=1e-4 * n, r=0.0))

    return Pair(problem(people), problem(1.0), {"t": 1.0}, dict.fromkeys(("s", "i", "r"), (0.0, people)))


def kinetics() -> Pair:
    """Two reactions of a thousand times different speed between concentrations of 1e-6 mol per litre."""
    start = 1e-6

    def problem(unit, end):
        fast, slow = 40.0 / end, 1.0 / end

        def rates(a, b, c):
            forth, back = fast * a * b / unit, slow * c
            return {"a": a.t + forth - back, "b": b.t + forth - back, "c": c.t - forth + back}

        return pl.Problem(pl.Box(t=(0.0, end)), ("a", "b", "c"), rates, pl.Initial(a=unit, b=0.5 * unit, c=0.0))

    return Pair(problem(start, 1e-3), problem(1.0, 1.0), {"t": 1e-3}, dict.fromkeys("abc", (0.0, start)))


def double_layer() -> Pair:
    """Poisson-Boltzmann: 50 mV at a wall, 5 nm of an electrolyte with a Debye length of 1 nm."""
    charge, thermal, eps, length, debye = 1.602e-19, 0.02569, 7.08e-10, 5e-9, 1e-9
    density = eps * thermal / (2 * charge * debye**2)

    def si(psi):
        return eps * psi.xx - 2 * charge * density * torch.sinh(psi / thermal)

    def hand(psi):
        return psi.xx - (length / debye) ** 2 * torch.sinh(psi)

    def ends(wall):
        return [pl.Dirichlet(psi=wall, on="x-"), pl.Dirichlet(psi=0.0, on="x+")]

    return Pair(
        pl.Problem(pl.Box(x=(0.0, length)), "psi", si, ends(0.05)),
        pl.Problem(pl.Box(x=(0.0, 1.0)), "psi", hand, ends(0.05 / thermal)),
        {"x": length}, {"psi": (0.0, thermal)},
    )  # fmt: skip


def junction() -> Pair:
    """A p-n junction in equilibrium: silicon, 1e21 per m^3 on both sides, 2 um."""
    charge, thermal, eps, length, doping, own = 1.602e-19, 0.02585, 1.04e-10, 2e-6, 1e21, 1e16
    built_in = thermal * math.asinh(doping / (2 * own))
    debye = eps * thermal / (charge * doping)

    def si(psi, x):
        fixed = doping * torch.tanh((x - length / 2) / (length / 20))
        return eps * psi.xx - charge * (2 * own * torch.sinh(psi / thermal) - fixed)

    def hand(psi, x):
        fixed = torch.tanh((x - 0.5) * 20)
        return debye / length**2 * psi.xx - (2 * own / doping * torch.sinh(psi) - fixed)

    def ends(v):
        return [pl.Dirichlet(psi=-v, on="x-"), pl.Dirichlet(psi=v, on="x+")]

    return Pair(
        pl.Problem(pl.Box(x=(0.0, length)), "psi", si, ends(built_in)),
        pl.Problem(pl.Box(x=(0.0, 1.0)), "psi", hand, ends(built_in / thermal)),
        {"x": length}, {"psi": (0.0, thermal)},
    )  # fmt: skip


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


def climate() -> Pair:
    """An energy balance of the earth for 30 years, in seconds: T from 280 K."""
    heat, sun, albedo, emitted = 2e8, 1361.0, 0.3, 0.61 * 5.67e-8
    end, rest, step = 30 * 365.25 * 86400, 280.0, 10.0
    gained = sun / 4 * (1 - albedo)

    def si(T):
        return heat * T.t - gained + emitted * T**4

    def hand(T):
        return T.t - end / (heat * step) * (gained - emitted * (rest + step * T) ** 4)

    return Pair(
        pl.Problem(pl.Box(t=(0.0, end)), "T", si, pl.Initial(T=rest)),
        pl.Problem(pl.Box(t=(0.0, 1.0)), "T", hand, pl.Initial(T=0.0)),
        {"t": end}, {"T": (rest, step)},
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


PAIRS: dict[str, Callable[[], Pair]] = {
    f.__name__: f
    for f in (
        rod, convection, beam, moments, channel, plate, stresses, epidemic, outbreak, kinetics, double_layer, junction,
        sound, dopant, climate, bar, drift,
    )
}  # fmt: skip


def solvers(pair: Pair, scaled: Callable[[str, float], float], steps: int | None) -> dict[str, Any]:
    """{name: solver}; positions of cuts by ``scaled``(coordinate, position in the hand's units)."""
    domain = pair.hand.domain
    cut = (domain.space or domain.coordinates)[0]
    middle = scaled(cut, sum(domain.bounds[cut]) / 2)
    few: dict[str, Any] = {}
    if steps is not None:
        few = {"stages": (pl.LevenbergMarquardt(steps=steps),), "network": pl.MLP(width=12, depth=2)}
    members: dict[str, Any] = {} if steps is None else {"stages": (pl.Adam(steps=steps),)}
    return {
        "HardConstraintMoE": pl.HardConstraintMoE(),
        "PINN": pl.PINN(**few),
        "CausalPINN": pl.CausalPINN(**few),
        "MultiDomainPINN": pl.MultiDomainPINN(subdomains={cut: (middle,)}, **few),
        "experts over a network": pl.HardConstraintMoE(network=pl.MLP(width=24, depth=2), **members),
        "LagrangianPINN": pl.LagrangianPINN(**few),
    }


def points(domain: pl.Box, n: int = 2000) -> dict[str, np.ndarray]:
    """Points of the hand's problem, {coordinate: (n,)}."""
    rng = np.random.default_rng(0)
    return {name: rng.uniform(*ends, n) for name, ends in domain.bounds.items()}


def errors(pair: Pair, found: Callable[..., Mapping[str, Any]], si: bool, true: Mapping[str, np.ndarray]) -> float:
    """The largest error of an unknown, relative to its variation, or of a coefficient."""
    at = points(pair.hand.domain)
    own = {name: x * (pair.units[name] if si else 1.0) for name, x in at.items()}
    worst = 0.0
    for unknown, values in found(**own).items():
        offset, scale = pair.scales[unknown]
        got = (values - offset) / scale if si else values
        varies = np.linalg.norm(true[unknown] - true[unknown].mean()) or math.sqrt(len(got))
        worst = max(worst, float(np.linalg.norm(got - true[unknown]) / varies))
    return worst


def truth(pair: Pair) -> dict[str, np.ndarray]:
    """The true solution at ``points``, in the hand's units."""
    at = points(pair.hand.domain)
    if pair.truth is not None:
        return pair.truth(at)
    domain = pair.hand.domain
    if domain.has_time and domain.space:
        return pl.solve(pair.hand, pl.HardConstraintMoE(tolerance=1e-9), progress=False)(**at)
    return pl.reference_solution(pair.hand, max_seconds=100)(**at)


def measured(name: str, seconds: float, steps: int | None, only: list[str] | None) -> list[dict[str, Any]]:
    """Rows of one pair."""
    pair = PAIRS[name]()
    true, rows = truth(pair), []
    hand = solvers(pair, lambda c, x: x, steps)
    si = solvers(pair, lambda c, x: x * pair.units[c], steps)
    takes = [solver for solver in hand if hand[solver].obstacle(pair.hand) is None]
    for solver in [*takes, "classical"]:
        if only and solver not in only:
            continue
        row: dict[str, Any] = {"problem": name, "solver": solver}
        for which, problem, mine in (("hand", pair.hand, hand), ("si", pair.si, si)):
            try:
                if solver == "classical":
                    found: Any = pl.reference_solution(problem, max_seconds=seconds)
                else:
                    found = pl.solve(problem, mine[solver], max_seconds=seconds, progress=False)
                    row[f"{which} steps"] = found.history[-1].step if len(found.history) else 0
                    for c, (value, unit) in pair.coefficients.items():
                        got = found.coefficients[c] / (unit if which == "si" else 1.0)
                        row[f"{which} {c}"] = abs(got - value) / value
                row[which] = errors(pair, found, which == "si", true)
            except (ValueError, NotImplementedError) as error:
                row[f"{which} refused"] = str(error)[:300]
        if "si" in row and "hand" in row:
            row["ratio"] = max(row["si"], ROUNDING) / max(row["hand"], ROUNDING)
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| problem | solver | error, by hand | error, SI | ratio |", "|---|---|---|---|---|"]
    for row in rows:
        if "ratio" in row:
            numbers = f"{row['hand']:.1e} | {row['si']:.1e} | {row['ratio']:.2g}"
            lines.append(f"| {row['problem']} | {row['solver']} | {numbers} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PAIRS, default=list(PAIRS))
    parser.add_argument("--solvers", nargs="+")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    seconds = given.seconds or (20.0 if given.steps is None else 600.0)
    rows = [row for name in given.only for row in measured(name, seconds, given.steps, given.solvers)]
    print(table(rows), file=sys.stderr)
    if given.out:
        whole = {"provenance": provenance(), "seconds": seconds, "steps": given.steps, "rows": rows}
        given.out.with_suffix(".json").write_text(json.dumps(whole, indent=1) + "\n")
        given.out.with_suffix(".md").write_text(table(rows))


if __name__ == "__main__":
    main()
