"""Sketched Gauss-Newton against other optimizers at equal time, on a network of 8,000 parameters and on a small one.

    OMP_NUM_THREADS=1 python docs/benchmarks/sketched.py [ROW ...] [--out docs/benchmarks]

The problem is the first tenth of decaying turbulence, three coordinates and two unknowns; network, points, seed and time
are the same for all optimizers. Every row is one run on one thread; without names all rows are run. Rows are kept in
sketched.json, from which sketched.md is written; errors are ``velocity_errors``, over space and the tenth.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pinnlab as pl
from pinnlab.bench.provenance import provenance
from pinnlab.machine.threads import limited_threads
from pinnlab.problems import decaying_turbulence

END = 0.1
OPTIMIZERS: dict[str, tuple] = {
    "SketchedGaussNewton": (pl.SketchedGaussNewton(steps=10**6),),
    "LevenbergMarquardt": (pl.LevenbergMarquardt(steps=10**6),),
    "SOAP": (pl.SOAP(steps=10**6),),
    "Adam, L-BFGS": (pl.Adam(steps=300), pl.LBFGS(steps=10**6)),
}


@dataclass(frozen=True)
class Size:
    """A network of three layers, points (two residuals each), and the time that a run gets."""

    width: int
    points: int
    seconds: float


SIZES = {"8k": Size(56, 8000, 90.0), "1k": Size(20, 2000, 40.0)}
ROWS = [f"{size}: {name}" for size in SIZES for name in OPTIMIZERS if size == "8k" or "Adam" not in name]


def run(row: str) -> dict[str, Any]:
    size, _, name = row.partition(": ")
    given = SIZES[size]
    problem = decaying_turbulence.problem(end=END)
    # solved before the clock starts
    problem.reference(x=0.0, y=0.0, t=END)
    solver = pl.PINN(
        network=pl.MLP(width=given.width, depth=3), stages=OPTIMIZERS[name], points=given.points,
        harmonics=5, sampling="sobol",
    )  # fmt: skip
    started = time.perf_counter()
    solution = pl.solve(problem, solver, max_seconds=given.seconds, progress=False)
    model = solution.models[0]
    return {
        "row": row, "parameters": sum(p.numel() for p in model.parameters), "points": given.points,
        "seconds": solution.seconds, "wall": time.perf_counter() - started,
        "steps": sum(max((r.step for r in solution.history if r.stage == k), default=0) for k in range(2)),
        "held_out": min(r.held_out for r in solution.history),
        "errors": decaying_turbulence.velocity_errors(solution, end=END, nodes=64, times=6),
    }  # fmt: skip


def written(found: dict[str, Any]) -> str:
    about = next(iter(found.values()))["machine"]
    lines = [
        f"{about['cpu']}, one thread, torch {about['versions']['torch']}; the first tenth of decaying turbulence, one seed;",
        "relative L2 errors over space and time. `OMP_NUM_THREADS=1 python docs/benchmarks/sketched.py`", "",
        "| parameters | residuals | optimizer | steps | seconds | u | v | w | held-out loss |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in (found[name] for name in ROWS if name in found):
        errors = " | ".join(f"{row['errors'][k]:.1e}" for k in "uvw")
        lines.append(
            f"| {row['parameters']} | {2 * row['points']} | {row['row'].partition(': ')[2]} | {row['steps']} | "
            f"{row['seconds']:.0f} | {errors} | {row['held_out']:.1e} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", default=ROWS, help=f"some of: {', '.join(ROWS)}")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    path = given.out / "sketched.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    with limited_threads(1):
        for row in given.rows:
            found[row] = run(row) | {"machine": provenance("python docs/benchmarks/sketched.py")}
            print(found[row], flush=True)
            path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            (given.out / "sketched.md").write_text(written(found), encoding="utf-8")


if __name__ == "__main__":
    main()
