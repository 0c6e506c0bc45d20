"""Ordinary differential equations and electrostatics, in SI units and scaled by hand."""

from __future__ import annotations

import math

import numpy as np
import torch

import pinnlab as pl
from scaled.pair import Pair


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
