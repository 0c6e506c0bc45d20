"""Finite elements against exact solutions: error, own estimate, processor time, memory.

    python docs/benchmarks/elements.py [NAME ...] [--seconds 60] [--processor] [--out docs/benchmarks]

Every problem runs in a process of its own. With ``--processor`` seconds are those of the processor, which say the same on a
machine that others use. Names, or parts of them, choose rows; the others stay as they were measured.
Writes elements.json and elements.md. A new row is a function in one of the modules of element_cases/, named in its CASES.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from element_cases import Case, Cases, flows, materials, plane, space

import pinnlab as pl
from pinnlab.bench import provenance

CASES: Cases = {**plane.CASES, **materials.CASES, **flows.CASES, **space.CASES}
_POINTS = 3000


def measured(case: Case, seconds: float) -> dict[str, Any]:
    """Relative L2 errors at random points, all unknowns by name, and what they took."""
    domain = case.problem.domain
    began = time.process_time()
    found = pl.reference_solution(case.problem, tolerance=case.tolerance, max_seconds=seconds)
    took = time.process_time() - began
    unit = torch.from_numpy(np.random.default_rng(0).uniform(size=(_POINTS, len(domain.coordinates))))
    columns = domain.columns(domain.interior(unit).points)
    at = {name: columns[name] for name in domain.coordinates}
    truth = {} if case.exact is None else case.exact(**at)
    truths = truth if isinstance(truth, dict) else {case.problem.unknowns[0]: truth}
    values = found(**{name: x.numpy() for name, x in at.items()})
    errors = {}
    for unknown, exact in truths.items():
        right = np.asarray(exact)
        errors[unknown] = float(np.linalg.norm(values[unknown] - right) / np.linalg.norm(right))
    return {
        "error": errors,
        "estimate": {u: found.error_estimate.get(u) for u in errors or case.problem.unknowns},
        "target": case.target,
        "cpu_seconds": took,
        "wall_seconds": found.seconds,
        "peak_gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "method": found.method,
        **({} if case.numbers is None else {"numbers": case.numbers(found)}),
    }


def row(name: str, found: dict[str, Any]) -> str:
    """A line of the table; estimates are next to the errors that they are of."""
    if "refused" in found:
        return f"| {name} | {found['refused']} | | | | |"
    errors, estimates = found["error"], found["estimate"]
    worst = max(errors or estimates, key=lambda u: errors.get(u) or estimates[u] or 0.0)
    error = f"{errors[worst]:.1e}" if errors else "not known"
    estimate = estimates[worst]
    told = "none" if estimate is None else f"{estimate:.1e}"
    for number, (value, right) in found.get("numbers", {}).items():
        name += f"; {number} {value:.4g} of {right:.4g}"
    return (
        f"| {name} | {error} | {told} | {found['target']:.0e} | {found['cpu_seconds']:.0f} "
        f"| {found['peak_gigabytes']:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        try:
            with mock.patch("time.perf_counter", time.process_time if given.processor else time.perf_counter):
                print(json.dumps(measured(CASES[given.work](), given.seconds)))
        except ValueError as error:
            print(json.dumps({"refused": str(error)}))
        return
    file = given.out / "elements.json"
    table = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name in CASES:
        if given.names and not any(part in name for part in given.names):
            continue
        options = ["--seconds", f"{given.seconds:g}", *(["--processor"] if given.processor else [])]
        command = [sys.executable, __file__, "--work", name, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        made = provenance(" ".join(["python docs/benchmarks/elements.py", *options]))
        table[name] = json.loads(done.stdout.splitlines()[-1]) | {"provenance": made}
        print(row(name, table[name]), flush=True)
        file.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    table = {name: table[name] for name in CASES if name in table}
    file.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    rows = ["| problem | error | own estimate | target | CPU s | GB |", "|---|---|---|---|---|---|"]
    rows += [row(name, found) for name, found in table.items()]
    (given.out / "elements.md").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
