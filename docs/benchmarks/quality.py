"""How good ``solution.report()`` is: estimated against true errors, over the problems that come with the package.

    python docs/benchmarks/quality.py [--minutes 12] [--out docs/benchmarks] [--resume]

Every single-instance problem is solved cheaply, so that errors of all sizes occur: by one small network per time window
(two seeds, a few seconds), and by local experts at a loose tolerance (not random, so once). The report does not see the
problem's reference; the true error is against it. Writes quality.json, quality.md and quality.png.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import time
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import torch

import pinnlab as pl
from pinnlab.machine.threads import limited_threads
from pinnlab.training.plans import Solver

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

TOLERANCE = 0.01
PATIENCE = 15.0
"""Seconds of each estimate."""
SMALL = pl.MLP(width=12, depth=2)


def network(**options: Any) -> Callable[[], Solver]:
    return lambda: pl.PINN(**options)


def experts(tolerance: float) -> Callable[[], Solver]:
    return lambda: pl.HardConstraintMoE(tolerance=tolerance)


# problem, options, seconds of the network, the network's solver, tolerance of the experts (None: they cannot solve it)
CASES: list[tuple[str, dict[str, Any], float, Callable[[], Solver], float | None]] = [
    ("poisson", {}, 3, network(), 1e-3),
    ("helmholtz", {}, 4, network(), 1e-3),
    ("heat_robin", {}, 3, network(), 1e-3),
    ("wave", {}, 6, network(windows=4), 1e-3),
    ("convection", {"c": 30.0}, 8, network(windows=5), 1e-3),
    ("convection", {"c": 50.0}, 4, network(), 1e-5),
    ("convection_diffusion", {}, 8, network(windows=8), 1e-3),
    ("variable_convection", {}, 6, lambda: pl.LagrangianPINN(), 1e-3),
    ("reaction", {"r": 5.0}, 4, network(), 1e-3),
    ("advection", {"b": 10.0}, 6, network(windows=2), 1e-3),
    ("burgers_inverse", {}, 8, network(), None),
    ("burgers_periodic", {}, 8, network(), 1e-3),
    ("burgers", {}, 8, network(), 1e-3),
    ("poisson_l_shape", {}, 4, network(points=1000, boundary_points=100, network=pl.MLP(width=12)), None),
    ("poisson_obstacle", {}, 6, network(points=1000, boundary_points=100, network=pl.MLP(width=12)), None),
    ("diffusion_sorption", {"u0": 0.1}, 6, network(), 1e-3),
    ("lorenz", {"end": 5.0}, 6, network(windows=20, network=SMALL, points=100, sampling="sobol"), 1e-3),
    ("allen_cahn", {}, 8, network(), 1e-3),
    ("kdv", {}, 8, network(windows=4), 1e-3),
    ("kuramoto_sivashinsky", {}, 10, network(windows=5, harmonics=5), 1e-3),
    ("kuramoto_sivashinsky_chaotic", {}, 10, network(windows=5, harmonics=5), 1e-3),
    ("lid_cavity", {}, 5, network(sampling="sobol", condition_weight=1.0, points=1000), None),
    ("swirl", {}, 8, network(network=pl.MLP(width=16), points=1500), None),
    ("gray_scott", {}, 8, network(network=pl.MLP(width=12), points=800), None),
]
"""Not here: navier_stokes, which is a family, and the other families that have no single member by option."""


def kind_of(error: float) -> str:
    """What a report should say of a solution with this error."""
    return "good" if error <= TOLERANCE else "wrong" if error > 10 * TOLERANCE else "doubtful"


@cache
def problem_of(name: str, options: tuple[tuple[str, Any], ...]) -> pl.Problem:
    """The problem, which keeps its reference once that is computed."""
    return pl.load_problem(name, **dict(options))


def row(name: str, options: dict[str, Any], solver: Solver, seed: int, seconds: float) -> dict[str, Any]:
    """One solution, its report and its true error."""
    problem = problem_of(name, tuple(options.items()))
    solution = pl.solve(problem.replace(reference=None), solver, max_seconds=seconds, seed=seed, progress=False)
    began = time.perf_counter()
    report = solution.report(tolerance=TOLERANCE, max_seconds=PATIENCE)
    spent = time.perf_counter() - began
    error = max(solution.error(problem.reference).values())
    found: dict[str, Any] = {
        "problem": name, "options": options, "solver": type(solver).__name__, "seed": seed,
        "windows": len(solution.models), "budget": seconds, "training": solution.seconds, "report": spent,
        "true": error if math.isfinite(error) else None, "verdict": report.verdict.value, "sentence": report.sentence,
        "residual": max(m.relative for m in report.equations), "reasons": list(report.reasons),
    }  # fmt: skip
    if report.estimate is not None:
        e = report.estimate
        found |= {"estimate": e.largest, "upper": e.upper, "lower": e.lower, "certain": e.certain, "method": e.method}
    return found


def runs() -> Iterator[tuple[str, dict[str, Any], Solver, int, float]]:
    """Everything that is to be run: networks with one seed and the experts, then networks with the other seed.

    The last two, in three coordinates, take longest and come at the end.
    """
    for cases, seed in ((CASES[:-2], 0), (CASES[:-2], 1), (CASES[-2:], 0), (CASES[-2:], 1)):
        for name, options, seconds, make, tolerance in cases:
            yield name, options, make(), seed, seconds
            if tolerance is not None and seed == 0:
                yield name, options, experts(tolerance)(), seed, 40.0  # they stop by themselves


def measure(rows: list[dict[str, Any]], deadline: float, save: Callable[[], None]) -> None:
    """Add the rows that are missing, until the time is up."""
    for name, options, solver, seed, seconds in runs():
        mark = (name, options, type(solver).__name__, seed)
        if mark in [(r["problem"], r["options"], r["solver"], r["seed"]) for r in rows]:
            continue
        if time.perf_counter() > deadline:
            print("the time is up; --resume goes on", flush=True)
            return
        try:
            rows.append(row(name, options, solver, seed, seconds))
        except Exception:  # one row must not cost the others; --resume tries it again
            traceback.print_exc()
            continue
        save()
        found = rows[-1]
        print(*mark, found["true"], found.get("estimate"), found["sentence"], f"{found['report']:.1f} s", flush=True)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts over all rows that have a true error."""
    rows = [r for r in rows if r["true"] is not None]
    known = [r for r in rows if "estimate" in r]
    certain = [r for r in known if r["certain"]]
    bounds = [r for r in known if not r["certain"]]
    ratios = [r["estimate"] / r["true"] for r in certain]
    return {
        "rows": len(rows),
        "estimated": len(known),
        "certain": len(certain),
        "within 3": sum(1 / 3 <= q <= 3 for q in ratios),
        "median ratio": statistics.median(ratios) if ratios else None,
        "worst ratios": [min(ratios, default=None), max(ratios, default=None)],
        "bounds": len(bounds),
        "bounds that hold": sum(r["true"] <= r["upper"] for r in bounds),
        "verdicts right": sum(r["verdict"] == kind_of(r["true"]) for r in known),
        "called good, but are not": sum(r["verdict"] == "good" and kind_of(r["true"]) != "good" for r in rows),
        "called wrong, but are not": sum(r["verdict"] == "wrong" and kind_of(r["true"]) != "wrong" for r in rows),
        "without estimate": len(rows) - len(known),
        "residual that says less than the error": sum(r["residual"] < r["true"] for r in rows),
    }


def grouped(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The seeds of each problem and solver together, in the order of the cases."""
    found: dict[str, list[dict[str, Any]]] = {}
    order = [(name, options) for name, options, *_ in CASES]
    for r in sorted(rows, key=lambda r: order.index((r["problem"], r["options"]))):
        found.setdefault(f"{r['problem']} {r['options']} {r['solver']}", []).append(r)
    return list(found.values())


def shown(values: list[float]) -> str:
    return f"{statistics.median(values):.1e}" if values else "-"


def markdown(data: dict[str, Any]) -> str:
    s = data["summary"]
    lines = [
        f"`{data['command']}` on {data['machine']}, one thread, {data['date']}.", "",
        f"{s['rows']} solutions, {s['estimated']} with an estimate. Of the {s['certain']} that the report is certain of, "
        f"{s['within 3']} are within a factor of 3 of the true error (median ratio {s['median ratio']:.3f}, from "
        f"{s['worst ratios'][0]:.2g} to {s['worst ratios'][1]:.2g}); of {s['bounds']} upper bounds, "
        f"{s['bounds that hold']} hold. The verdict is right for {s['verdicts right']} of {s['estimated']}; "
        f"{s['called good, but are not']} are called good and are not, {s['called wrong, but are not']} wrong and are not.",
        "",
        "Medians over the runs; `<` marks an upper bound; s: of the report.", "",
        "| problem | solver, windows or slabs (runs) | true error | estimate | ratio | by | residual | verdict | s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for group in grouped(data["rows"]):
        first = group[0]
        known = [r for r in group if "estimate" in r]
        options = ", ".join(f"{k} = {v:g}" for k, v in first["options"].items())
        name = first["problem"] + (f" ({options})" if options else "")
        # of runs with an estimate, where there are some: the two columns are about the same runs
        true = [r["true"] for r in known or group if r["true"] is not None]
        bound = any(not r["certain"] for r in known)
        estimate = ("< " if bound else "") + shown([r["upper"] if bound else r["estimate"] for r in known])
        ratio = shown([r["estimate"] / r["true"] for r in known if r["true"]])
        ratio = "-" if bound or not known else f"{float(ratio):.2f}"
        method = known[0]["method"].removeprefix("the ") if known else "-"
        verdicts = " / ".join(dict.fromkeys(r["verdict"] for r in group))
        residual, spent = shown([r["residual"] for r in group]), statistics.median(r["report"] for r in group)
        lines.append(
            f"| {name} | {first['solver']}, {first['windows']} ({len(group)}) | {shown(true)} | {estimate} | {ratio} | "
            f"{method} | {residual} | {verdicts} | {spent:.1f} |"
        )
    return "\n".join(lines) + "\n"


def figure(data: dict[str, Any], path: Path) -> None:
    drawing, axis = plt.subplots(figsize=(5.6, 5.0), layout="constrained")
    rows = [r for r in data["rows"] if "estimate" in r and r["true"]]
    ends = [min(min(r["true"], r["upper"]) for r in rows) / 3, 5.0]
    axis.fill_between(ends, [e / 3 for e in ends], [3 * e for e in ends], color="#dddddd", label="factor of 3")
    axis.plot(ends, ends, color="gray", linewidth=0.8)
    for method, color in (
        ("the error equation", "#1f77b4"),
        ("the classical solution", "#d62728"),
        ("the error equation on random features", "#2ca02c"),
    ):
        mine = [r for r in rows if r["method"] == method]
        sure, bounds = ([r for r in mine if r["certain"] is certain] for certain in (True, False))
        if sure:
            axis.plot(
                [r["true"] for r in sure], [r["estimate"] for r in sure], "o", color=color, markersize=5, label=method
            )
        if bounds:
            axis.plot(
                [r["true"] for r in bounds], [r["upper"] for r in bounds], "v", color=color, fillstyle="none",
                markersize=6, label=f"{method}: upper bound",
            )  # fmt: skip
    axis.set(
        xscale="log", yscale="log", xlim=ends, ylim=ends, xlabel="true relative L2 error", ylabel="estimate",
        title="solution.report(): estimated against true errors",
    )  # fmt: skip
    axis.legend(fontsize=8, loc="upper left")
    axis.grid(alpha=0.3)
    drawing.savefig(path, dpi=120)
    plt.close(drawing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=12.0, help="no row is started later")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--resume", action="store_true", help="keep the rows that the json file holds")
    arguments = parser.parse_args()
    path = arguments.out / "quality.json"
    data: dict[str, Any] = {
        "command": "python docs/benchmarks/quality.py",
        "machine": f"{platform.machine()}, torch {torch.__version__}, Python {platform.python_version()}",
        "date": time.strftime("%Y-%m-%d"), "rows": [],
    }  # fmt: skip
    if arguments.resume and path.exists():
        data = json.loads(path.read_text(encoding="utf-8"))

    def save() -> None:
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    with limited_threads(1):
        measure(data["rows"], time.perf_counter() + 60 * arguments.minutes, save)
    data["summary"] = summary(data["rows"])
    save()
    (arguments.out / "quality.md").write_text(markdown(data), encoding="utf-8")
    figure(data, arguments.out / "quality.png")
    print(json.dumps(data["summary"], indent=1))


if __name__ == "__main__":
    main()
