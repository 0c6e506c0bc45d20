"""Eigenvalues, gauges, masses and fluxes: local experts (the default), a network, and the classical solver.

    python docs/benchmarks/integrals.py [--seconds 15] [--out docs/benchmarks]

Every problem has a known answer: a number to be found, or the solution itself. Errors are relative. Writes integrals.json
and integrals.md.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import pinnlab as pl

PI = math.pi
UNIT, SQUARE = pl.Box(x=(0.0, 1.0)), pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
NORM = pl.Integral(lambda psi: psi**2, equals=1.0)
SIZE = pl.Integral(lambda w: w**2, equals=1.0)


@dataclass(frozen=True)
class Case:
    """A problem and what is known of it: {coefficient: value}, and the solution as its reference."""

    problem: pl.Problem
    numbers: dict[str, float]


def oscillator(start: float, n: int) -> Case:
    problem = pl.Problem(
        pl.Box(x=(-8.0, 8.0)),
        "psi",
        lambda psi, x, E: -0.5 * psi.xx + 0.5 * x**2 * psi - E * psi,
        [pl.Dirichlet(psi=0.0), NORM],
        {"E": pl.Unknown(start)},
    )
    return Case(problem, {"E": n + 0.5})


def hydrogen() -> Case:
    problem = pl.Problem(
        pl.Box(r=(0.0, 30.0)),
        "w",
        lambda w, r, E: -0.5 * w.rr - w / r - E * w,
        [pl.Dirichlet(w=0.0), SIZE],
        {"E": pl.Unknown(-0.4)},
        reference=lambda r: 2 * r * torch.exp(-r),
    )
    return Case(problem, {"E": -0.5})


def well() -> Case:
    problem = pl.Problem(
        UNIT,
        "psi",
        lambda psi, E: psi.xx + E * psi,
        [pl.Dirichlet(psi=0.0), NORM],
        {"E": pl.Unknown(80.0)},
        reference=lambda x: math.sqrt(2) * torch.sin(3 * PI * x),
    )
    return Case(problem, {"E": 9 * PI**2})


def plane() -> Case:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.3)),
        "psi",
        lambda psi, E: psi.xx + psi.yy + E * psi,
        [pl.Dirichlet(psi=0.0), NORM],
        {"E": pl.Unknown(30.0)},
        reference=lambda x, y: 2 / math.sqrt(1.3) * torch.sin(PI * x) * torch.sin(2 * PI * y / 1.3),
    )
    return Case(problem, {"E": PI**2 * (1 + 4 / 1.69)})


def disc() -> Case:
    problem = pl.Problem(
        pl.Ball(center={"x": 0.0, "y": 0.0}, radius=1.0),
        "psi",
        lambda psi, E: psi.xx + psi.yy + E * psi,
        [pl.Dirichlet(psi=0.0), NORM],
        {"E": pl.Unknown(5.0)},
    )
    return Case(problem, {"E": 2.404825557695773**2})


def hinged() -> Case:
    problem = pl.Problem(
        UNIT,
        ("w", "m"),
        lambda w, m, L: {"bend": w.xx - m, "swing": m.xx - L * w},
        [pl.Dirichlet(w=0.0, m=0.0), SIZE],
        {"L": pl.Unknown(100.0)},
    )
    return Case(problem, {"L": PI**4})


def clamped() -> Case:
    problem = pl.Problem(
        UNIT,
        "w",
        lambda w, L: w.xxxx - L * w,
        [pl.Dirichlet(w=0.0), pl.Neumann(w=0.0), SIZE],
        {"L": pl.Unknown(450.0)},
    )
    return Case(problem, {"L": 4.730040744862704**4})


def insulated() -> Case:
    problem = pl.Problem(
        SQUARE,
        "u",
        lambda u, x, y: u.xx + u.yy + 2 * PI**2 * torch.cos(PI * x) * torch.cos(PI * y),
        [pl.Neumann(u=0.0), pl.Integral(lambda u: u, equals=0.3)],
        reference=lambda x, y: torch.cos(PI * x) * torch.cos(PI * y) + 0.3,
    )
    return Case(problem, {})


def flux() -> Case:
    problem = pl.Problem(
        SQUARE,
        "T",
        lambda T: T.xx + T.yy,
        [
            pl.Dirichlet(T=lambda hot: hot, on="x-"),
            pl.Dirichlet(T=0.0, on="x+"),
            pl.Neumann(T=0.0, on="y"),
            pl.Integral(lambda T, n: T.d(n), on="x-", equals=2.0),
        ],
        {"hot": pl.Unknown(1.0)},
        reference=lambda x, y: 2 * (1 - x),
    )
    return Case(problem, {"hot": 2.0})


def mass() -> Case:
    problem = pl.Problem(
        UNIT,
        "u",
        lambda u, push: u.xx + push,
        [pl.Dirichlet(u=0.0), pl.Integral(lambda u: u, equals=1.0)],
        {"push": pl.Unknown(1.0)},
        reference=lambda x: 6 * x * (1 - x),
    )
    return Case(problem, {"push": 12.0})


def conserved(side: str | None) -> Case:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.3)),
        "u",
        lambda u: u.t - u.xx,
        [
            pl.Initial(u=lambda x: 1 + torch.cos(PI * x)),
            pl.Neumann(u=0.0, on=side),
            pl.Integral(lambda u: u, equals=1.0),
        ],
        reference=lambda x, t: 1 + torch.cos(PI * x) * torch.exp(-(PI**2) * t),
    )
    return Case(problem, {})


CASES: dict[str, Callable[[], Case]] = {
    "harmonic oscillator, E = 0.5": lambda: oscillator(0.3, 0),
    "harmonic oscillator, E = 1.5": lambda: oscillator(1.7, 1),
    "well, third state": well,
    "hydrogen, l = 0": hydrogen,
    "well in the plane, second state": plane,
    "disc": disc,
    "hinged beam": hinged,
    "clamped beam": clamped,
    "insulated square with a mean": insulated,
    "total flux, temperature of a side": flux,
    "mass with a multiplier": mass,
    "heat, conserved mass as a check": lambda: conserved(None),
    "heat, mass in place of a side": lambda: conserved("x-"),
}


def measured(case: Case, solver: str, seconds: float) -> dict[str, Any]:
    """Errors of the numbers and of the solution, and the time that it took."""
    began = time.perf_counter()
    try:
        if solver == "classical":
            reference = pl.reference_solution(case.problem, max_seconds=seconds)
            found, errors = reference.coefficients, reference.error_estimate if case.problem.reference else {}
        else:
            chosen = {"default": None, "PINN": pl.PINN(network=pl.MLP(width=12))}[solver]
            solution = pl.solve(case.problem, chosen, max_seconds=seconds, progress=False)
            found, errors = solution.coefficients, solution.error() if case.problem.reference else {}
    except ValueError as error:
        return {"refused": str(error)}
    off = {name: abs(found[name] / value - 1) for name, value in case.numbers.items()}
    return {"numbers": off, "errors": errors, "seconds": time.perf_counter() - began}


def cell(result: dict[str, Any]) -> str:
    if "refused" in result:
        return "refused"
    parts = [f"{name} {value:.0e}" for name, value in {**result["numbers"], **result["errors"]}.items()]
    return f"{', '.join(parts)} ({result['seconds']:.1f} s)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    table = {}
    for name, make in CASES.items():
        table[name] = {s: measured(make(), s, arguments.seconds) for s in ("default", "PINN", "classical")}
        print(name, {s: cell(r) for s, r in table[name].items()}, flush=True)
    (arguments.out / "integrals.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    rows = ["| problem | `solve(problem)` | `PINN()` | `reference_solution` |", "|---|---|---|---|"]
    rows += [f"| {name} | {' | '.join(map(cell, found.values()))} |" for name, found in table.items()]
    (arguments.out / "integrals.md").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
