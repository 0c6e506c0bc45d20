"""Statements that need a word of their own: one default call each, against exact solutions.

    python docs/benchmarks/statements.py [--only moment radiation] [--seconds 60] [--out docs/benchmarks]

Errors are relative L2 errors next to the variation of the true solution, in 20,000 points, the largest of all unknowns, and
relative errors of numbers that were to be found. Writes statements.json and statements.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from said import boundaries, numbers
from said.statement import Statement

import pinnlab as pl
from pinnlab.bench.provenance import provenance

STATEMENTS: dict[str, Callable[[], Statement]] = {
    **{f.__name__.replace("_", " "): f for f in (
        boundaries.moment, boundaries.shear, boundaries.radiation, boundaries.traction, boundaries.absorbing,
        boundaries.slip, boundaries.stored, boundaries.contact, boundaries.part_of_a_side, boundaries.two_values,
        numbers.data_inside, numbers.measured_slopes, numbers.oscillator, numbers.membrane, numbers.mass, numbers.total_flux,
        numbers.mean, numbers.own_time, numbers.coefficient, numbers.packet, numbers.outgoing,
    )},
    "absorbing, PINN()": lambda: boundaries.absorbing(pl.PINN()),
    "call option": lambda: numbers.option("call"),
    "digital option": lambda: numbers.option("digital"),
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
