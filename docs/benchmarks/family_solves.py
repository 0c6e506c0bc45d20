"""Families of numbers by the default call, and by experts over trained basis functions, in equal time.

    python docs/benchmarks/family_solves.py [--only fin] [--solvers default] [--seconds 40] [--out docs/benchmarks]

Errors are those of five members that nobody has solved, drawn at random: the largest over members and unknowns, relative to
how much the unknown varies. Seconds are those of the process. Writes family_solves.json and family_solves.md.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    time.perf_counter = time.process_time  # before anything takes its clock from there

import numpy as np  # noqa: E402
from family_cases import CASES, SHIPPED, Case, shipped  # noqa: E402

import pinnlab as pl  # noqa: E402
from pinnlab.bench.provenance import provenance  # noqa: E402

MEMBERS = 5
SOLVERS: dict[str, pl.HardConstraintMoE | None] = {"default": None, "trained": pl.HardConstraintMoE()}


def relative(found: np.ndarray, exact: np.ndarray) -> float:
    """Root mean square of the difference over that of the exact values about their mean."""
    return float(np.sqrt(np.mean((found - exact) ** 2)) / np.std(exact))


def measured(case: Case, solver: pl.HardConstraintMoE | None, seconds: float) -> dict[str, Any]:
    """Error, time and status of one call."""
    began = time.perf_counter()
    try:
        solution = pl.solve(case.problem, solver, max_seconds=seconds, progress=False)
    except ValueError as error:
        return {"status": "none", "error": None, "seconds": time.perf_counter() - began, "notes": [str(error)]}
    took, rng, errors = time.perf_counter() - began, np.random.default_rng(7), []
    asked = 0.0
    for _ in range(MEMBERS):
        numbers = case.problem.sample_parameters(rng)
        exact = case.exact(numbers, case.places)
        began = time.perf_counter()
        found = solution.at(**numbers)(**case.places)
        asked += (time.perf_counter() - began) / MEMBERS
        errors += [relative(found[u], exact[u]) for u in case.problem.unknowns if np.std(exact[u]) > 0]
    return {
        "solver": type(solution.solver).__name__, "status": solution.status.name.lower().replace("_", " "),
        "error": max(errors), "median": float(np.median(errors)), "seconds": took, "asked": asked,
        "notes": list(solution.notes),
    }  # fmt: skip


def row(name: str, result: Mapping[str, Any]) -> str:
    """One row of the table."""
    cells = []
    for label in SOLVERS:
        found = result[label]
        error = "none" if found["error"] is None else f"{found['error']:.0e}"
        cells += [error, f"{found['seconds']:.0f} s"]
    first = result["default"]
    return f"| {name} | {result['numbers']} | {first.get('solver', '-')} | {' | '.join(cells)} | {first['status']} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=(*CASES, *SHIPPED), default=[*CASES, *SHIPPED])
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=list(SOLVERS), help="others keep their rows")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    results: dict[str, Any] = {}
    if given.out and (file := given.out / "family_solves.json").exists():
        results = json.loads(file.read_text())["families"]
    for name in given.only:
        case = CASES[name]() if name in CASES else shipped(name)
        numbers = ", ".join(case.problem.families)
        found = {label: measured(case, SOLVERS[label], given.seconds) for label in given.solvers}
        results[name] = results.get(name, {}) | {"numbers": numbers} | found
        print(row(name, results[name]), flush=True)
        if given.out:
            rows = {name: results[name] for name in (*CASES, *SHIPPED) if name in results}
            whole = {"provenance": provenance("python docs/benchmarks/family_solves.py --out docs/benchmarks"),
                     "seconds": given.seconds, "families": rows}  # fmt: skip
            (given.out / "family_solves.json").write_text(json.dumps(whole, indent=1) + "\n")
            heads = ("family", "numbers", "default call", "its error", "took", "trained experts", "took", "its end")
            lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads), *(row(*each) for each in rows.items())]
            (given.out / "family_solves.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
