"""Statements that need a word of their own: one default call each, against exact solutions.

    python docs/benchmarks/statements.py [--only moment radiation] [--seconds 60] [--out docs/benchmarks]

Errors are relative L2 errors next to the variation of the true solution, in 20,000 points, of each unknown, and relative
errors of numbers and functions that were to be found. Seconds are those of the process, so that it does not matter what
else the machine does. Writes statements.json and statements.md after every row; with --only the others stay as they were.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    time.perf_counter = time.process_time  # before anything takes its clock from there

import numpy as np  # noqa: E402
import torch  # noqa: E402
from said import boundaries, found, numbers  # noqa: E402
from said.statement import Statement  # noqa: E402

import pinnlab as pl  # noqa: E402
from pinnlab.bench.provenance import commit, provenance  # noqa: E402

STATEMENTS: dict[str, Callable[[], Statement]] = {
    **{f.__name__.replace("_", " "): f for f in (
        boundaries.moment, boundaries.shear, boundaries.radiation, boundaries.traction, boundaries.absorbing,
        boundaries.slip, boundaries.stored, boundaries.contact, boundaries.inclusion, boundaries.part_of_a_side,
        boundaries.two_values,
        numbers.data_inside, found.measured_flux, numbers.measured_slopes, numbers.oscillator, numbers.membrane,
        numbers.mass, found.mass_in_time, numbers.total_flux, numbers.mean, numbers.own_time, numbers.coefficient,
        found.bounded, found.film, found.place, numbers.packet, numbers.outgoing, found.kolmogorov,
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
    for name, function in statement.functions.items():
        exact, got = (
            function(**columns).numpy(),
            solution.coefficients[name](**{n: c.numpy() for n, c in columns.items()}),
        )
        numbers[name] = float(np.linalg.norm(got - exact) / np.linalg.norm(exact))
    report = solution.report(max_seconds=seconds)
    return {
        "errors": errors, "numbers": numbers, "seconds": took, "solver": type(solution.solver).__name__,
        "status": solution.status.name.lower(), "verdict": report.verdict.value, "sentence": report.sentence,
        "commit": commit(),
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
    results: dict[str, Any] = {}
    if given.out and given.only and (file := given.out / "statements.json").exists():
        results = json.loads(file.read_text())["statements"]
    for name, make in STATEMENTS.items():
        if given.only and not any(word in name for word in given.only):
            continue
        results[name] = measured(make(), given.seconds)
        print(row(name, results[name]), results[name]["sentence"], flush=True)
        if given.out:
            written(given.out, results, given.seconds)


def written(out: Path, results: dict[str, Any], seconds: float) -> None:
    """Write what is known so far, in the order of the statements."""
    rows = {name: results[name] for name in STATEMENTS if name in results}
    whole = {"provenance": provenance("python docs/benchmarks/statements.py"), "seconds": seconds, "statements": rows}
    (out / "statements.json").write_text(json.dumps(whole, indent=1) + "\n")
    head = "| statement | error | solver | took | verdict |\n|---|---|---|---|---|\n"
    (out / "statements.md").write_text(head + "\n".join(row(*each) for each in rows.items()) + "\n")


if __name__ == "__main__":
    main()
