"""Two referees on every box that both take, of the plane or of space: how far apart they are, next to their estimates.

    python docs/benchmarks/agreement.py [NAME ...] [--numbers 4] [--seconds 40] [--processor] [--out docs/benchmarks]

The problems are those of `pinnlab list`, its collections among them, of each kind of the trap's problems on boxes the first
few numbers, and the boxes of space in element_cases. Every problem runs in a process of its own, with ``--seconds`` for each
of the two. With ``--processor`` these are seconds of the processor, which say the same on a machine that others use.
Names, or parts of them, choose problems; the others stay as they were measured, with the seconds that they were given.
Writes agreement.json and agreement.md.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from element_cases import boxes

import pinnlab as pl
from pinnlab.bench.cases import shipped_cases
from pinnlab.bench.provenance import provenance
from pinnlab.cli import collections
from pinnlab.derivatives.names import parts_of
from pinnlab.reference.finite_elements.symbol import pressures_of
from pinnlab.reference.finite_elements.unbounded import Aside
from trap.solving import GROUPS, Task, make

_POINTS = 2000
_GRID, _ELEMENTS = 1e-7, 1e-3
"""Tolerances that the two are asked for."""
_ROUNDING = 1e-9
"""Relative difference that is none."""
_POSED = ("well posed", "jumps and kinks", "statements")


def problems(numbers: int) -> Iterator[tuple[str, Callable[[], pl.Problem]]]:
    """(name, what makes it) of all problems on boxes of the plane and of space."""
    for name, known in boxes.CASES.items():
        yield name, lambda made=known: made().problem
    for collection in (None, *collections()):
        for case in shipped_cases(collection):
            if _in_a_box(case.problem()):
                yield case.name, case.problem
    for group in _POSED:
        for kind, made in enumerate(GROUPS[group]):
            if _in_a_box(make(Task(group, kind, 0, 0)).problem):
                for number in range(numbers):
                    yield f"{made.__name__} {number}", lambda g=group, k=kind, n=number: make(Task(g, k, n, 0)).problem


def _in_a_box(problem: pl.Problem) -> bool:
    return isinstance(problem.domain, pl.Box) and len(problem.domain.space) in (2, 3) and not problem.families


def measured(problem: pl.Problem, seconds: float) -> dict[str, Any]:
    """The relative L2 difference of each unknown at random points, and the two estimates."""
    began = time.process_time()
    try:
        grid = pl.reference_solution(problem, tolerance=_GRID, max_seconds=seconds, method="grid")
    except (ValueError, NotImplementedError) as error:
        return {"refused": f"grid: {error}"}
    try:
        elements = pl.reference_solution(problem, tolerance=_ELEMENTS, max_seconds=seconds, method="elements")
    except (ValueError, NotImplementedError) as error:
        return {"refused": f"elements: {error}"}
    took = time.process_time() - began
    unit = torch.from_numpy(np.random.default_rng(0).uniform(size=(_POINTS, len(problem.domain.coordinates))))
    points = problem.domain.interior(unit).points
    aside = Aside.of(problem.forward, pressures_of(problem.forward))
    at = {name: points[:, i].numpy() for i, name in enumerate(problem.domain.coordinates)}
    one, two = grid(**at), elements(**at)
    found = {}
    for unknown, right in one.items():
        counts = np.ones(len(points), dtype=bool)
        if aside is not None and unknown in aside.unknowns:
            space = np.stack([at[name] for name in problem.domain.space], axis=1)
            counts = aside.counts(space)
        gap = np.linalg.norm((two[unknown] - right)[counts]) / max(np.linalg.norm(right[counts]), 1e-300)
        found[unknown] = {
            "difference": float(gap),
            "grid": _told(grid, unknown),
            "elements": _told(elements, unknown),
        }
    return {"unknowns": found, "grid": grid.method, "elements": elements.method, "cpu_seconds": took}


def _told(found: Any, unknown: str) -> float | None:
    """The estimate of an unknown, the larger one of a complex one's parts; None where there is none."""
    parts = [found.error_estimate.get(u, math.nan) for u in (unknown, *parts_of(unknown))]
    known = [e for e in parts if math.isfinite(e)]
    return max(known) if known else None


def shares(found: dict[str, Any]) -> dict[str, float]:
    """{unknown: difference over the sum of the two estimates}; of those that have both."""
    both = {u: n for u, n in found.get("unknowns", {}).items() if None not in (n["grid"], n["elements"])}
    return {u: max(0.0, n["difference"] - _ROUNDING) / max(n["grid"] + n["elements"], 1e-300) for u, n in both.items()}


def row(name: str, found: dict[str, Any]) -> str:
    """A line of the table: of the unknown that is worst."""
    if "refused" in found:
        return f"| {name} | {found['refused'].splitlines()[0]} | | | | {_seconds(found):g} |"
    if not shares(found):
        return f"| {name} | no estimate within the time | | | | {_seconds(found):g} |"
    worst = max(shares(found), key=lambda u: shares(found)[u])
    numbers = " | ".join(f"{found['unknowns'][worst][key]:.1e}" for key in ("difference", "grid", "elements"))
    return f"| {name} | {numbers} | {shares(found)[worst]:.2f} | {_seconds(found):g} |"


def _seconds(found: dict[str, Any]) -> float:
    """That each of the two was given at most, by the command that measured."""
    words = found["provenance"]["command"].split()
    return float(words[words.index("--seconds") + 1])


def page(table: dict[str, Any]) -> str:
    """How many agree, and a line for each problem."""
    both = [shares(found) for found in table.values() if shares(found)]
    within = sum(max(found.values()) <= 1 for found in both)
    rows = [f"{within} of {len(both)} problems that both take agree within the sum of the two estimates.", ""]
    rows += [
        "| problem | difference | estimate, grid | estimate, elements | share of the sum | seconds |",
        "|---|---|---|---|---|---|",
    ]
    rows += [row(name, found) for name, found in table.items()]
    return "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--numbers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        problem = next(made for name, made in problems(given.numbers) if name == given.work)()
        with mock.patch("time.perf_counter", time.process_time if given.processor else time.perf_counter):
            # a kind may have some problems on a line and some in a box
            print(json.dumps(measured(problem, given.seconds) if _in_a_box(problem) else None))
        return
    known = dict(problems(given.numbers))
    file = given.out / "agreement.json"
    table = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name in known:
        if given.names and not any(part in name for part in given.names):
            continue
        options = ["--numbers", str(given.numbers), "--seconds", f"{given.seconds:g}"]
        options += ["--processor"] if given.processor else []
        done = subprocess.run([sys.executable, __file__, "--work", name, *options], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        if found is None:
            continue
        made = provenance("python docs/benchmarks/agreement.py " + " ".join(options))
        table[name] = found | {"provenance": made}
        print(row(name, table[name]), flush=True)
        file.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    table = {name: table[name] for name in known if name in table}
    file.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    (given.out / "agreement.md").write_text(page(table), encoding="utf-8")


if __name__ == "__main__":
    main()
