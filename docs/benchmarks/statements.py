"""Statements that need a word of their own: one default call each, against exact solutions.

    python docs/benchmarks/statements.py [--only moment radiation] [--seconds 60] [--out docs/benchmarks]

Errors are relative L2 errors next to the variation of the true solution, in 20,000 points, the largest of all unknowns, and
relative errors of numbers that were to be found. Writes statements.json and statements.md.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import brentq

import pinnlab as pl
from pinnlab.bench.provenance import provenance
from trap.options import worth

PI = math.pi
LINE, SQUARE = pl.Box(x=(0.0, 1.0)), pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
Columns = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Statement:
    """A problem with its answer.

    Attributes:
        problem: what is to be solved.
        truth: {unknown: values} at coordinates by name, (n,) tensors; complex unknowns have complex values.
        numbers: {coefficient: value} that are to be found.
        solver: None for the default.
    """

    problem: pl.Problem
    truth: Callable[..., dict[str, torch.Tensor]]
    numbers: dict[str, float] = field(default_factory=dict)
    solver: Any = None


def moment() -> Statement:
    """A beam on two supports under a load that grows along it: no moments at its ends."""
    conditions = [pl.Dirichlet(w=0.0), pl.Condition(lambda w: w.xx, on="x")]
    problem = pl.Problem(LINE, "w", lambda w, x: w.xxxx - 360 * x, conditions)
    return Statement(problem, lambda x: {"w": x * (7 - 10 * x**2 + 3 * x**4)})


def shear() -> Statement:
    """A cantilever with a load at its end: no moment there, and a shear force."""
    end = pl.Condition(lambda w: {"moment": w.xx, "shear": w.xxx + 6}, on="x+")
    clamped = [pl.Dirichlet(w=0.0, on="x-"), pl.Neumann(w=0.0, on="x-")]
    return Statement(
        pl.Problem(LINE, "w", lambda w: w.xxxx, [*clamped, end]), lambda x: {"w": 3 * x**2 - x**3}
    )  # fmt: skip


def radiation() -> Statement:
    """A rod of 10 cm, 1000 K at one end, radiating at the other."""
    k, hot, cold, s, length = 50.0, 1000.0, 300.0, 0.8 * 5.67e-8, 0.1
    conditions = [
        pl.Dirichlet(T=hot, on="x-"),
        pl.Condition(lambda T, n: k * T.d(n) + s * (T**4 - cold**4), on="x+"),
    ]
    end = brentq(lambda T: k * (T - hot) / length + s * (T**4 - cold**4), cold, hot)
    problem = pl.Problem(pl.Box(x=(0.0, length)), "T", lambda T: k * T.xx, conditions)
    return Statement(problem, lambda x: {"T": hot + (end - hot) * x / length})


def traction() -> Statement:
    """Plane stress, bent by tractions that grow across: three sides are loaded or free, one is held as it should be."""
    young, nu, bend = 2.0, 0.3, 1.0
    c = young / (1 - nu**2)

    def stress(u: Any, v: Any) -> tuple[Any, Any, Any]:
        return c * (u.x + nu * v.y), c * (v.y + nu * u.x), c * (1 - nu) / 2 * (u.y + v.x)

    def forces(u: Any, v: Any) -> dict[str, Any]:
        sxx, syy, sxy = stress(u, v)
        return {"x": pl.diff(sxx, "x") + pl.diff(sxy, "y"), "y": pl.diff(sxy, "x") + pl.diff(syy, "y")}

    def loaded(u: Any, v: Any, y: Any, n: Any) -> dict[str, Any]:
        sxx, syy, sxy = stress(u, v)
        push = bend * y * n.x
        return {"tx": sxx * n.x + sxy * n.y - push, "ty": sxy * n.x + syy * n.y}

    def truth(x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"u": bend * x * y / young, "v": -bend * (x**2 + nu * y**2) / (2 * young)}

    held = pl.Dirichlet(on="x-", u=0.0, v=lambda y: -bend * nu * y**2 / (2 * young))
    sides = [pl.Condition(loaded, on=side) for side in ("x+", "y")]
    return Statement(pl.Problem(pl.Box(x=(0.0, 2.0), y=(-0.5, 0.5)), ("u", "v"), forces, [held, *sides]), truth)


def absorbing(solver: Any = None) -> Statement:
    """A pulse that leaves through both ends."""

    def pulse(s: torch.Tensor) -> torch.Tensor:
        return torch.exp(-(((s - 0.5) / 0.1) ** 2))

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.tt - u.xx,
        [pl.Initial(u=lambda x: pulse(x), u_t=0.0), pl.Condition(lambda u, n: u.t + u.d(n), on="x")],
    )  # fmt: skip
    return Statement(problem, lambda x, t: {"u": (pulse(x - t) + pulse(x + t)) / 2}, solver=solver)


def slip() -> Statement:
    """Flow in a pipe of square section between two walls with slip."""
    problem = pl.Problem(
        SQUARE, "u", lambda u: u.laplacian + 2.0,
        [pl.Condition(lambda u, n: u + 0.2 * u.d(n), on="y"), pl.Neumann(u=0.0, on="x")],
    )  # fmt: skip
    return Statement(problem, lambda x, y: {"u": y * (1 - y) + 0.2 + 0 * x})


def stored() -> Statement:
    """A slab in a bath that it warms: the bath takes up what flows out, C T_t + T_n = 0."""
    a = brentq(lambda a: a * math.tan(a) + 2 * a**2 - 0.0, PI / 2 + 1e-6, PI)
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.5)), "T", lambda T: T.t - T.xx,
        [pl.Initial(T=lambda x: torch.cos(a * x)), pl.Neumann(T=0.0, on="x-"),
         pl.Condition(lambda T, n: 2 * T.t + T.d(n), on="x+")],
    )  # fmt: skip
    return Statement(problem, lambda x, t: {"T": torch.cos(a * x) * torch.exp(-(a**2) * t)})


def contact() -> Statement:
    """Copper and glass with a contact that resists: A1's wall, and 2 K more."""
    layers = pl.Piecewise((pl.Box(x=(0.0, 0.5)), 400.0), otherwise=1.38, jump={"T": lambda flux: 0.01 * flux})
    conditions = [pl.Dirichlet(T=293.0, on="x-"), pl.Robin(T=(0.0, 1.38, 200.0), on="x+")]
    problem = pl.Problem(LINE, "T", lambda T, k: pl.diff(k * T.x, "x"), conditions, {"k": layers})
    return Statement(
        problem, lambda x: {"T": 293 + torch.where(x < 0.5, x / 2, 2.25 + 200 * (x - 0.5) / 1.38)}
    )  # fmt: skip


def _half_plane(conditions: list[Any], truth: Callable[..., torch.Tensor]) -> Statement:
    """Laplace's equation on (-1, 1) x (0, 1) with a bottom side that changes at its middle."""
    others = [pl.Dirichlet(u=truth, on=side) for side in ("x-", "x+", "y+")]
    domain = pl.Box(x=(-1.0, 1.0), y=(0.0, 1.0))
    problem = pl.Problem(domain, "u", lambda u: u.laplacian, [*conditions, *others])
    return Statement(problem, lambda x, y: {"u": truth(x, y)})


def part_of_a_side() -> Statement:
    """A value on one half of a side, insulation on the other: singular like the root of the distance."""

    def truth(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        z = torch.complex(*torch.broadcast_tensors(x, y + 0.0 * x))
        return torch.sqrt(z).imag + 0.3 * (z * torch.sqrt(z)).imag + x**2 - y**2

    bottom = [
        pl.Dirichlet(u=lambda x: x**2, on="y-", where=lambda x: x > 0),
        pl.Neumann(u=0.0, on="y-", where=lambda x: x <= 0),
    ]
    return _half_plane(bottom, truth)


def two_values() -> Statement:
    """Two values on one side."""

    def truth(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.atan2(y, x) / PI + torch.exp(-y) * torch.sin(x)

    bottom = [
        pl.Dirichlet(u=lambda x: torch.sin(x), on="y-", where=lambda x: x > 0),
        pl.Dirichlet(u=lambda x: 1 + torch.sin(x), on="y-", where=lambda x: x <= 0),
    ]
    return _half_plane(bottom, truth)


def data_inside() -> Statement:
    """A value at an inner point in place of one at an end."""
    known = pl.Data(points={"x": [0.3]}, u=[math.sin(0.9)])
    problem = pl.Problem(LINE, "u", lambda u, x: u.xx + 9 * torch.sin(3 * x), [pl.Dirichlet(u=0.0, on="x-"), known])
    return Statement(problem, lambda x: {"u": torch.sin(3 * x)})


def measured_slopes() -> Statement:
    """A conductivity from fluxes that were measured inside."""
    xs = np.linspace(0.1, 0.9, 9)
    fluxes = pl.Data(points={"x": xs}, of=lambda u, k: -k * u.x, values=-2.5 * PI * np.cos(PI * xs))
    problem = pl.Problem(
        LINE, "u", lambda u, x, k: k * u.xx + 2.5 * PI**2 * torch.sin(PI * x), [pl.Dirichlet(u=0.0, on="x-"), fluxes,
        pl.Data(points={"x": [0.25]}, u=[math.sin(PI / 4)])], {"k": pl.Unknown(1.0)},
    )  # fmt: skip
    return Statement(problem, lambda x: {"u": torch.sin(PI * x)}, {"k": 2.5})


def oscillator() -> Statement:
    """The second state of an oscillator, by its norm."""
    problem = pl.Problem(
        pl.Box(x=(-9.0, 9.0)), "psi", lambda psi, x, E: -0.5 * psi.xx + 0.5 * x**2 * psi - E * psi,
        [pl.Dirichlet(psi=0.0), pl.Integral(lambda psi: psi**2, equals=1.0)], {"E": pl.Unknown(1.7)},
        reference=lambda x: math.sqrt(2) * PI**-0.25 * x * torch.exp(-(x**2) / 2),
    )  # fmt: skip
    return Statement(problem, lambda x: {"psi": math.sqrt(2) * PI**-0.25 * x * torch.exp(-(x**2) / 2)}, {"E": 1.5})


def membrane() -> Statement:
    """The lowest tone of a membrane of 1 x 1.3."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.3)), "w", lambda w, L: w.laplacian + L * w,
        [pl.Dirichlet(w=0.0), pl.Integral(lambda w: w**2, equals=1.0)], {"L": pl.Unknown(15.0)},
    )  # fmt: skip
    return Statement(
        problem, lambda x, y: {"w": 2 / math.sqrt(1.3) * torch.sin(PI * x) * torch.sin(PI * y / 1.3)},
        {"L": PI**2 * (1 + 1 / 1.69)},
    )  # fmt: skip


def mass() -> Statement:
    """A prescribed mass, and the source that makes it."""
    conditions = [pl.Dirichlet(u=0.0), pl.Integral(lambda u: u, equals=1.0)]
    problem = pl.Problem(LINE, "u", lambda u, push: u.xx + push, conditions, {"push": pl.Unknown(1.0)})
    return Statement(problem, lambda x: {"u": 6 * x * (1 - x)}, {"push": 12.0})


def total_flux() -> Statement:
    """A total flux, and the temperature of the side that it comes from."""
    conditions = [
        pl.Dirichlet(T=lambda hot: hot, on="x-"), pl.Dirichlet(T=0.0, on="x+"), pl.Neumann(T=0.0, on="y"),
        pl.Integral(lambda T, n: T.d(n), on="x-", equals=2.0),
    ]  # fmt: skip
    problem = pl.Problem(SQUARE, "T", lambda T: T.laplacian, conditions, {"hot": pl.Unknown(1.0)})
    return Statement(problem, lambda x, y: {"T": 2 * (1 - x) + 0 * y}, {"hot": 2.0})


def mean() -> Statement:
    """Slopes all around, and a mean."""
    conditions = [pl.Neumann(u=0.0), pl.Integral(lambda u: u, equals=0.3)]
    problem = pl.Problem(
        SQUARE, "u", lambda u, x, y: u.laplacian + 2 * PI**2 * torch.cos(PI * x) * torch.cos(PI * y), conditions
    )
    return Statement(problem, lambda x, y: {"u": torch.cos(PI * x) * torch.cos(PI * y) + 0.3})


def option(kind: str, solver: Any = None) -> Statement:
    """Black and Scholes: a strike of 100, 5 % interest, 20 % volatility, one year."""
    strike, rate, sigma = 100.0, 0.05, 0.2
    pays = {"call": lambda S: torch.relu(S - strike), "digital": lambda S: torch.where(S > strike, 1.0, 0.0)}[kind]
    above = {
        "call": lambda t: 300 - strike * torch.exp(-rate * (1 - t)),
        "digital": lambda t: torch.exp(-rate * (1 - t)),
    }
    problem = pl.Problem(
        pl.Box(S=(0.0, 300.0), t=(0.0, 1.0)), "V",
        lambda V, S: V.t + 0.5 * sigma**2 * S**2 * V.SS + rate * S * V.S - rate * V,
        [pl.Final(V=pays), pl.Dirichlet(V=0.0, on="S-"), pl.Dirichlet(V=above[kind], on="S+")],
    )  # fmt: skip
    return Statement(problem, lambda S, t: {"V": worth(kind, S, 1 - t, strike, rate, sigma)}, solver=solver)


def own_time() -> Statement:
    """Heat in a time that is called tau."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), tau=(0.0, 0.5), time="tau"), "u", lambda u: u.tau - u.xx,
        [pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0)],
    )  # fmt: skip
    return Statement(problem, lambda x, tau: {"u": torch.sin(PI * x) * torch.exp(-(PI**2) * tau)})


def coefficient() -> Statement:
    """A diffusivity from a few values."""
    xs, ts = (m.ravel() for m in np.meshgrid(np.linspace(0.1, 0.9, 7), np.linspace(0.1, 1.0, 6)))
    values = np.sin(PI * xs) * np.exp(-0.3 * PI**2 * ts)
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u, D: u.t - D * u.xx,
        [pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0), pl.Data(points={"x": xs, "t": ts}, u=values)],
        {"D": pl.Unknown(0.5)},
    )  # fmt: skip
    return Statement(problem, lambda x, t: {"u": torch.sin(PI * x) * torch.exp(-0.3 * PI**2 * t)}, {"D": 0.3})


def packet() -> Statement:
    """A wave packet that spreads: i psi_t + psi_xx / 2 = 0."""

    def truth(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        spread = 1 + 1j * t
        return torch.exp((-(x**2) / 2 + 1j * x - 0.5j * t) / spread) / torch.sqrt(spread)

    problem = pl.Problem(
        pl.Box(x=(-10.0, 10.0), t=(0.0, 1.0)), {"psi": complex}, lambda psi: 1j * psi.t + psi.xx / 2,
        [pl.Initial(psi=lambda x: torch.exp(-(x**2) / 2 + 1j * x)), pl.Dirichlet(psi=0.0)],
    )  # fmt: skip
    return Statement(problem, lambda x, t: {"psi": truth(x, t)})


def outgoing() -> Statement:
    """A wave with losses that is let out: Helmholtz with a complex unknown."""
    k = 8.0
    rate = 1j * np.sqrt(k * (k + 1j))
    conditions = [pl.Dirichlet(psi=1.0, on="x-"), pl.Condition(lambda psi, n: psi.d(n) - complex(rate) * psi, on="x+")]
    problem = pl.Problem(LINE, {"psi": complex}, lambda psi: psi.xx + k * (k + 1j) * psi, conditions)
    return Statement(problem, lambda x: {"psi": torch.exp(complex(rate) * x)})


STATEMENTS: dict[str, Callable[[], Statement]] = {
    **{f.__name__.replace("_", " "): f for f in (
        moment, shear, radiation, traction, absorbing, slip, contact, part_of_a_side, two_values, data_inside,
        measured_slopes, oscillator, membrane, mass, total_flux, mean, stored, own_time, coefficient, packet, outgoing,
    )},
    "absorbing, PINN()": lambda: absorbing(pl.PINN()),
    "call option": lambda: option("call"),
    "digital option": lambda: option("digital"),
}  # fmt: skip


def measured(statement: Statement, seconds: float) -> dict[str, Any]:
    """Errors, verdict and times of one call."""
    problem, domain = statement.problem, statement.problem.domain
    began = time.perf_counter()
    solution = pl.solve(problem, statement.solver, max_seconds=seconds, progress=False)
    took = time.perf_counter() - began
    unit = torch.quasirandom.SobolEngine(len(domain.coordinates), scramble=True, seed=1).draw(20_000).double()
    columns = {}
    for i, (name, (low, high)) in enumerate(domain.bounds.items()):
        columns[name] = low + (high - low) * unit[:, i]
    found = solution(**{n: c.numpy() for n, c in columns.items()})
    errors = {}
    for name, true in statement.truth(**columns).items():
        exact = true.numpy()
        errors[name] = float(np.linalg.norm(found[name] - exact) / np.linalg.norm(exact - exact.mean()))
    numbers = {n: abs(solution.coefficients[n] / value - 1) for n, value in statement.numbers.items()}
    report = solution.report(max_seconds=seconds)
    return {
        "errors": errors, "numbers": numbers, "seconds": took, "solver": type(solution.solver).__name__,
        "status": solution.status.name.lower(), "verdict": report.verdict.value, "sentence": report.sentence,
    }  # fmt: skip


def row(name: str, result: dict[str, Any]) -> str:
    """One row of the table."""
    errors = ", ".join(f"{n} {e:.0e}" for n, e in {**result["errors"], **result["numbers"]}.items())
    return f"| {name} | {errors} | {result['solver']} | {result['seconds']:.0f} s | {result['verdict']} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=[], help="names that contain one of these")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    results = {}
    for name, make in STATEMENTS.items():
        if given.only and not any(word in name for word in given.only):
            continue
        results[name] = measured(make(), given.seconds)
        print(row(name, results[name]), results[name]["sentence"], flush=True)
    if given.out:
        command = " ".join(["python docs/benchmarks/statements.py", *sys.argv[1:]])
        whole = {"provenance": provenance(command), "seconds": given.seconds, "statements": results}
        (given.out / "statements.json").write_text(json.dumps(whole, indent=1) + "\n")
        head = "| statement | error | solver | took | verdict |\n|---|---|---|---|---|\n"
        (given.out / "statements.md").write_text(head + "\n".join(row(*each) for each in results.items()) + "\n")


if __name__ == "__main__":
    main()
