"""Unknown numbers from noisy data: errors, coverage of 95 % intervals, and what data cannot tell.

    python docs/benchmarks/inverse.py [rows] [scipy] [coverage] [blind] [told] [--problems 200] [--resume] [--seconds 60]
        [--processor]

Data are closed forms, or SciPy's, with noise from seeds (inverse_cases.py, identifiability_cases.py). Writes inverse.json
and inverse.md; parts that are not asked for stay, and --resume goes on with the random problems after those that there are.
Times are those of a core, and --seconds is wall time, of which a busy machine needs more; with --processor it is that of the
processor.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from identifiability_cases import blind_cases, told_cases
from inverse_cases import (
    KINDS,
    Case,
    diffusivity,
    diffusivity_by_scipy,
    scheme,
    scheme_by_scipy,
    sir,
    sir_by_scipy,
)

import pinnlab as pl
from pinnlab.bench.provenance import provenance

OUT = Path(__file__).parent / "inverse.json"


def solved(case: Case, seconds: float) -> dict[str, Any]:
    """How far numbers are off, whether their intervals cover the truth, and the time of a core."""
    problem, truth = case
    began = time.process_time()
    solution = pl.solve(problem, max_seconds=seconds, progress=False)
    spent, sure = time.process_time() - began, solution.intervals(0.95)
    return {
        "solver": type(solution.solver).__name__,
        "error": {n: abs(solution.coefficients[n] / v - 1) for n, v in truth.items()},
        "deviations": {n: (solution.coefficients[n] - v) / max((sure[n][1] - sure[n][0]) / 3.92, 1e-300)
                       for n, v in truth.items()},
        "inside": {n: bool(sure[n][0] <= v <= sure[n][1]) for n, v in truth.items()},
        "remarks": list(solution.sure.remarks),
        "cpu_seconds": spent,
    }  # fmt: skip


def by_scipy(case: Case, fit: Callable[[pl.Problem], dict[str, float]]) -> dict[str, Any]:
    """The same numbers by SciPy's least squares around its own integrators."""
    problem, truth = case
    began = time.process_time()
    found = fit(problem)
    spent = time.process_time() - began
    return {"error": {n: abs(found[n] / v - 1) for n, v in truth.items()}, "cpu_seconds": spent}


def coverage(
    problems: int, seconds: float, keep: Callable[[dict[str, Any]], None], before: dict[str, Any] | None = None
) -> dict[str, Any]:
    """How often intervals cover the truth, on from those before; ``keep`` is given what there is now and then."""
    before = before or {
        "problems": 0,
        "kinds": {kind.__name__: [0, 0] for kind in KINDS},
        "missed": [],
        "cpu_seconds": 0.0,
    }
    kinds, missed, spent = before["kinds"], before["missed"], before["cpu_seconds"]
    for i in range(before["problems"], problems):
        kind = KINDS[i % len(KINDS)]
        found = solved(kind(np.random.default_rng([2026, i])), seconds)
        spent += found["cpu_seconds"]
        for name, inside in found["inside"].items():
            kinds[kind.__name__][0] += inside
            kinds[kind.__name__][1] += 1
            if not inside:
                missed.append({"problem": i, "kind": kind.__name__, "name": name, **found})
        print(i, kind.__name__, found["inside"], f"{found['cpu_seconds']:.1f} s", *found["remarks"], flush=True)
        if i % 7 == 6:
            keep(share(i + 1, kinds, missed, spent))
    return share(problems, kinds, missed, spent)


def share(problems: int, kinds: dict[str, list[int]], missed: list[dict], spent: float) -> dict[str, Any]:
    inside, numbers = (sum(pair[k] for pair in kinds.values()) for k in (0, 1))
    low, high = scipy.stats.binomtest(inside, numbers).proportion_ci(method="wilson")
    return {"problems": problems, "numbers": numbers, "inside": inside, "share": inside / numbers,
            "95 % interval of the share": [low, high], "kinds": kinds, "missed": missed, "cpu_seconds": spent}  # fmt: skip


def blind(seconds: float) -> dict[str, Any]:
    table = {}
    for name, (problem, wanted) in blind_cases().items():
        solution = pl.solve(problem, max_seconds=seconds, progress=False)
        told = list(solution.sure.remarks)
        table[name] = {"said": any(wanted in remark for remark in told), "remarks": told}
        print(name, table[name], flush=True)
    return {"problems": len(table), "said": sum(row["said"] for row in table.values()), "table": table}


def told(seconds: float) -> dict[str, Any]:
    """Whether numbers that data do tell are called untold, and how many intervals cover them."""
    table = {}
    for name, case in told_cases().items():
        found = solved(case, seconds)
        alarms = [
            remark for remark in found["remarks"] if "the data" in remark and ("tell" in remark or "bound" in remark)
        ]
        table[name] = {"alarms": alarms, **{key: found[key] for key in ("inside", "error", "remarks", "cpu_seconds")}}
        print(name, table[name], flush=True)
    inside = [each for row in table.values() for each in row["inside"].values()]
    return {"problems": len(table), "alarms": sum(bool(row["alarms"]) for row in table.values()), "numbers": len(inside),
            "inside": sum(inside), "table": table}  # fmt: skip


def page(table: dict[str, Any]) -> str:
    """The results as a page."""
    lines = [
        "| data | numbers | error, three seeds | within the 95 % interval | seconds of a core |",
        "|---|---|---|---|---|",
    ]
    for name, runs in table.get("rows", {}).items():
        numbers = list(runs[0]["error"])
        errors = ["; ".join(f"{100 * run['error'][n]:.2g} %" for n in numbers) for run in runs]
        inside = sum(sum(run["inside"].values()) for run in runs)
        spent = sorted(run["cpu_seconds"] for run in runs)[len(runs) // 2]
        count = f"{inside} of {len(runs) * len(numbers)}"
        lines.append(f"| {name} | {', '.join(numbers)} | {' / '.join(errors)} | {count} | {spent:.1f} |")
    if (rivals := table.get("scipy")) is not None:
        lines += [
            "",
            "The same data by `scipy.optimize.least_squares` around `scipy.integrate.solve_ivp`, written by hand for each "
            "problem, without intervals:",
            "",
            "| data | numbers | error, three seeds | seconds of a core | ours / SciPy's |",
            "|---|---|---|---|---|",
        ]
        for name, runs in rivals.items():
            numbers = list(runs[0]["error"])
            errors = ["; ".join(f"{100 * run['error'][n]:.2g} %" for n in numbers) for run in runs]
            spent, ours = (
                sorted(r["cpu_seconds"] for r in each)[len(each) // 2] for each in (runs, table["rows"][name])
            )
            ends = f"{spent:.1f} | {ours / spent:.1f}"
            lines.append(f"| {name} | {', '.join(numbers)} | {' / '.join(errors)} | {ends} |")
    if (found := table.get("coverage")) is not None:
        low, high = (100 * end for end in found["95 % interval of the share"])
        lines += [
            "",
            f"Of {found['problems']} random problems (relaxation, logistic growth, a damped oscillator, heat with and "
            "without a source, advection and diffusion, a steady reaction; 1 to 10 % noise, known in every other one) the "
            f"95 % intervals cover {found['inside']} of {found['numbers']} true numbers, {100 * found['share']:.1f} %; by "
            f"chance alone the true share may lie anywhere from {low:.0f} to {high:.0f} %.",
        ]
    if (found := table.get("blind")) is not None:
        lines += [
            "",
            f"Of {found['problems']} problems whose data cannot tell the numbers apart, or not for all practical purposes, "
            f"{found['said']} are said to be so, with what they do tell:",
            "",
            "| problem | what is said |",
            "|---|---|",
        ]
        for name, row in found["table"].items():
            lines.append(f"| {name} | {'; '.join(row['remarks'])} |")
    if (found := table.get("told")) is not None:
        lines += [
            "",
            f"Of {found['problems']} problems close to these whose data do tell the numbers, {found['alarms']} are said not "
            f"to; the 95 % intervals cover {found['inside']} of their {found['numbers']} numbers.",
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["rows", "scipy", "coverage", "blind", "told"])
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--processor", action="store_true")
    given = parser.parse_args()
    if given.processor:
        time.perf_counter = time.monotonic = time.process_time
    table = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    rows = {"SIR, 1 % noise": sir, "diffusivity, 5 % noise": diffusivity, "five rates, 1 % noise": scheme}

    def keep(part: str, found: dict[str, Any]) -> None:
        made = provenance(f"python docs/benchmarks/inverse.py {' '.join(sys.argv[1:])}")
        table[part], table["provenance"] = found, {**table.get("provenance", {}), part: made}
        OUT.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
        OUT.with_suffix(".md").write_text(page(table), encoding="utf-8")

    for part in given.parts:
        if part == "rows":
            keep(part, {name: [solved(make(seed), given.seconds) for seed in (0, 1, 2)] for name, make in rows.items()})
        elif part == "coverage":
            before = table.get("coverage") if given.resume else None
            keep(part, coverage(given.problems, given.seconds, partial(keep, part), before))
        elif part == "scipy":
            fits = dict(zip(rows, (sir_by_scipy, diffusivity_by_scipy, scheme_by_scipy), strict=True))
            keep(part, {name: [by_scipy(rows[name](s), fit) for s in (0, 1, 2)] for name, fit in fits.items()})
        else:
            keep(part, {"blind": blind, "told": told}[part](given.seconds))
        print(
            part, {k: v for k, v in table[part].items() if part == "rows" or not isinstance(v, list | dict)}, flush=True
        )


if __name__ == "__main__":
    main()
