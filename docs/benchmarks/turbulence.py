"""Decaying turbulence, Re = 100, by the recipe of the problem's file, or local experts: errors of u, v and w, at all times
and together.

    python docs/benchmarks/turbulence.py --device cuda --width 80 --points 24000 --columns 0.5 --max-seconds 300
    python docs/benchmarks/turbulence.py --end 0.1 --windows 1 --max-seconds 120
    python docs/benchmarks/turbulence.py --experts

Time is that of training alone; the reference is solved before. Writes turbulence.json and turbulence.png, or
turbulence_experts.json and turbulence_experts.png.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

import pinnlab as pl
from pinnlab.bench.provenance import provenance
from pinnlab.problems import decaying_turbulence as flow
from pinnlab.training.history import Record

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402


def tell(record: Record) -> None:
    errors = ", ".join(f"{name} {error:.1e}" for name, error in record.errors.items())
    print(
        f"window {record.phase + 1}, step {record.step}, {record.seconds:.0f} s: loss {record.loss:.2e}, {errors}",
        flush=True,
    )


def picture(solution: pl.Solution, end: float, path: Path) -> None:
    """Vorticity at the end: the network's, the reference's and the difference."""
    x = np.arange(129) * (flow.SIDE / 128)
    at = dict(zip("xyt", np.meshgrid(x, x, [end], indexing="ij"), strict=True))
    found, exact = solution(**at)["w"][..., 0].T, solution.problem.reference(**at)["w"][..., 0].T
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    largest = np.abs(exact).max()
    rows = (
        ("experts" if isinstance(solution.solver, pl.HardConstraintMoE) else "network", found, largest),
        ("reference", exact, largest),
        ("difference", found - exact, None),
    )
    for axis, (title, values, limit) in zip(axes, rows, strict=True):
        limit = limit or max(np.abs(values).max(), 1e-12)
        mesh = axis.pcolormesh(x, x, values, cmap="RdBu_r", vmin=-limit, vmax=limit, shading="gouraud", rasterized=True)
        axis.set(title=f"{title}, w at t = {end:g}", xlabel="x", ylabel="y", aspect="equal")
        figure.colorbar(mesh, ax=axis)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--max-seconds", type=float, default=flow.BUDGET)
    parser.add_argument("--end", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    for name in ("width", "points", "windows"):
        parser.add_argument(f"--{name}", type=int, help="instead of the recipe's")
    parser.add_argument("--steps", type=int, help="of each window, where time should not decide")
    parser.add_argument("--columns", type=float, help="of SketchedGaussNewton, instead of the recipe's")
    parser.add_argument("--dense", action="store_true", help="LevenbergMarquardt in place of SketchedGaussNewton")
    parser.add_argument(
        "--experts", action="store_true", help="HardConstraintMoE() in place of the recipe, and the mean of psi fixed"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    problem = flow.problem(end=given.end)
    solver: Any = flow.recipe(**{k: getattr(given, k) for k in ("width", "points") if getattr(given, k) is not None})
    if given.experts:
        # psi is free by a number at each time, which would count among its size
        problem = problem.replace(conditions=[*problem.conditions, pl.Integral(lambda psi: psi, equals=0.0)])
        solver = pl.HardConstraintMoE()
    if given.windows is not None:
        solver = replace(solver, windows=given.windows)
    if given.dense:
        solver = replace(solver, stages=(pl.LevenbergMarquardt(steps=10_000),))
    elif given.columns is not None:
        solver = replace(solver, stages=tuple(replace(stage, columns=given.columns) for stage in solver.stages))
    if given.steps is not None:
        solver = replace(solver, stages=tuple(replace(stage, steps=given.steps) for stage in solver.stages))
    problem.reference(x=0.0, y=0.0, t=given.end)
    solution = pl.solve(
        problem, solver, max_seconds=given.max_seconds, device=given.device, seed=given.seed, progress=False,
        callbacks=(tell,),
    )  # fmt: skip
    result = {
        "errors": flow.velocity_errors(solution, given.end),
        "at": {f"{t:g}": flow.velocity_errors(solution, t, times=1, first=t) for t in given.end * np.arange(1, 11) / 10},
        "seconds": solution.seconds, "status": solution.status.name, "solver": repr(solver),
        "parameters": sum(p.numel() for p in solution.models[0].parameters),
        "history": [[r.phase, r.step, r.seconds, r.loss, r.held_out, r.errors] for r in solution.history],
        "notes": list(solution.notes),
        "machine": provenance(" ".join(["python docs/benchmarks/turbulence.py", *sys.argv[1:]]), given.device),
    }  # fmt: skip
    given.out.mkdir(parents=True, exist_ok=True)
    name = "turbulence_experts" if given.experts else "turbulence"
    (given.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    picture(solution, given.end, given.out / f"{name}.png")
    print(result["errors"], f"{solution.seconds:.0f} s,", solution.status.name)
    for t, errors in result["at"].items():
        print(f"t = {t}:", {k: f"{e:.1e}" for k, e in errors.items()})


if __name__ == "__main__":
    main()
