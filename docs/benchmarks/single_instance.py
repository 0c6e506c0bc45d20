"""Local experts as the solver of one instance: accuracy, time, work-precision, and cost against the number of experts.

    python docs/benchmarks/single_instance.py [--seeds 3] [--out docs/benchmarks] [--resume]

Every row is one untuned call of at most 40 s, ``pl.solve(problem, pl.HardConstraintMoE(features=...))``, on one thread;
time is that of the solve alone. Errors are relative L2 over a grid of the whole domain, against an exact solution or the
classical solver at tolerance 1e-9, whose own estimate and time stand beside. Random features: median over seeds. Writes
single_instance.json, single_instance.md and single_instance.png.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch

import pinnlab as pl
from pinnlab.declaration.relative_error import error_grid, evaluate, relative_l2
from pinnlab.domains.cells import Cells
from pinnlab.machine.threads import limited_threads
from pinnlab.solvers.local_experts.basis import Chebyshev
from pinnlab.solvers.local_experts.discretization import Discretization
from pinnlab.solvers.local_experts.system import SlabSystem

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

HEAT = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u: u.t - 0.1 * u.xx,
    conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
    reference=lambda x, t: torch.exp(-0.1 * math.pi**2 * t) * torch.sin(math.pi * x),
    name="heat",
)
WAVE = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u: u.tt - 4 * u.xx,
    conditions=[
        pl.Initial(u=lambda x: torch.sin(math.pi * x) + 0.5 * torch.sin(4 * math.pi * x), u_t=0.0),
        pl.Dirichlet(u=0.0),
    ],
    reference=lambda x, t: (
        torch.sin(math.pi * x) * torch.cos(2 * math.pi * t)
        + 0.5 * torch.sin(4 * math.pi * x) * torch.cos(8 * math.pi * t)
    ),
    name="wave, two modes, c = 2",
)
HELMHOLTZ = pl.Problem(
    domain=pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0)),
    unknowns="u",
    equations=lambda u, x, y: (
        u.xx + u.yy + u + (17 * math.pi**2 - 1) * torch.sin(math.pi * x) * torch.sin(4 * math.pi * y)
    ),
    conditions=[pl.Dirichlet(u=0.0)],
    reference=lambda x, y: torch.sin(math.pi * x) * torch.sin(4 * math.pi * y),
    name="Helmholtz (1, 4)",
)
# problem, and what trained networks have reached elsewhere
PROBLEMS: dict[str, tuple[Callable[[], pl.Problem], str]] = {
    "heat": (lambda: HEAT, "-"),
    "convection, c = 50": (lambda: pl.load_problem("convection", c=50.0), "8.4e-9 at c = 40 (frozen features)"),
    "Burgers, 0.01/pi": (lambda: pl.load_problem("burgers"), "1.6e-8 in 2,878 s, GPU (SSBroyden)"),
    "Allen-Cahn, 1e-4": (lambda: pl.load_problem("allen_cahn"), "9.4e-7, GPU (SSBroyden)"),
    "KS regular": (lambda: pl.load_problem("kuramoto_sivashinsky"), "3.5e-4, GPU (causal PINN)"),
    "diffusion-sorption, u0 = 0.1": (lambda: pl.load_problem("diffusion_sorption", u0=0.1), "-"),
    "Lorenz, T = 20": (lambda: pl.load_problem("lorenz"), "about 1e-2, GPU (causal PINN)"),
    "wave, two modes": (lambda: WAVE, "1.8e-6 in 0.6 s (frozen features)"),
    "Helmholtz (1, 4)": (lambda: HELMHOLTZ, "2.0e-9 in 540 s, GPU"),
}
WORK = ("Burgers, 0.01/pi", "Allen-Cahn, 1e-4")
_PATIENCE = 40.0
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)


def target_of(problem: pl.Problem) -> tuple[torch.Tensor, torch.Tensor, dict[str, Any]]:
    """Points of the whole domain, the reference there, and what the classical solver says of itself."""
    points = error_grid(problem.domain)
    if problem.domain.has_time:
        # a state that jumps at the boundary has no value in the corner
        points = points[points[:, problem.domain.coordinates.index("t")] > problem.domain.bounds["t"][0]]
    reference, about = problem.reference, {}
    if reference is None or isinstance(reference, pl.ClassicalReference):
        # a corner in which the data jump keeps the estimate from falling: one refinement then, not all that fit
        given = {"resolution": 2048} if problem.name == "diffusion-sorption" else {"tolerance": 1e-9, "max_seconds": 60}
        reference = pl.reference_solution(problem.replace(reference=None), **given)
        about = {
            "seconds": reference.seconds, "estimate": max(reference.error_estimate.values()), "method": reference.method
        }  # fmt: skip
    return points, evaluate(reference, problem, points), about


def run(problem: pl.Problem, points: torch.Tensor, target: torch.Tensor, **options: Any) -> dict[str, Any]:
    seed = options.pop("seed", 0)
    solver = pl.HardConstraintMoE(**options)
    solution = pl.solve(problem.replace(reference=None), solver, seed=seed, max_seconds=_PATIENCE, progress=False)
    error = float(relative_l2(solution.function(points), target).max())
    return {
        # a march that did not reach the end has no error over the whole domain
        "error": error if math.isfinite(error) else math.inf, "seconds": solution.seconds, "status": solution.status.name,
        "slabs": len(solution.models), "experts": max(piece.cells.count for piece in solution.models),
    }  # fmt: skip


def table(seeds: int, rows: list[dict[str, Any]], save: Callable[[], None]) -> None:
    """Add the rows that are missing."""
    for name, (make, elsewhere) in PROBLEMS.items():
        if name in {row["problem"] for row in rows}:
            continue
        problem = make()
        points, target, classical = target_of(problem)
        row: dict[str, Any] = {"problem": name, "elsewhere": elsewhere, "classical": classical}
        row["chebyshev"] = run(problem, points, target)
        row["tanh"] = [run(problem, points, target, features="tanh", seed=seed) for seed in range(seeds)]
        rows.append(row)
        save()
        print(name, row["chebyshev"], [(r["error"], r["seconds"]) for r in row["tanh"]], classical, flush=True)


def work_precision(found: dict[str, Any], save: Callable[[], None]) -> None:
    """Add the problems that are missing."""
    for name in WORK:
        if name in found:
            continue
        problem = PROBLEMS[name][0]()
        points, target, _ = target_of(problem)
        found[name] = {
            kind: [{"tolerance": t, **run(problem, points, target, features=kind, tolerance=t)} for t in TOLERANCES]
            for kind in ("chebyshev", "tanh")
        }
        save()
        print(name, "work-precision done", flush=True)


def scaling(repeats: int = 5) -> list[dict[str, float]]:
    """Seconds of one Gauss-Newton iteration (rows, normal equations, factorization, step) for K experts in a row."""
    problem = pl.load_problem("burgers").replace(reference=None)
    made = Discretization(problem, Chebyshev((12, 8)), 1e-7)
    rows = []
    for count in (2, 4, 8, 16, 32, 64):
        cells = Cells({"x": np.linspace(-1.0, 1.0, count + 1), "t": np.array([0.0, 0.05])})
        start = made.guess(cells, None)
        best = math.inf
        for _ in range(repeats):
            system = SlabSystem(cells, made.rows(cells, None).all, 1, made.basis.size, 0)
            began = time.perf_counter()
            system.solve(start, 1e-9, most=1)
            best = min(best, time.perf_counter() - began)
        rows.append({"experts": count, "seconds": best})
    return rows


def slope(rows: list[dict[str, float]]) -> float:
    """Exponent of seconds against experts, least squares in logarithms over the upper half."""
    upper = rows[len(rows) // 2 - 1 :]
    return float(np.polyfit(np.log([r["experts"] for r in upper]), np.log([r["seconds"] for r in upper]), 1)[0])


def median(row: dict[str, Any], key: str) -> float:
    return statistics.median(r[key] for r in row["tanh"])


def markdown(data: dict[str, Any]) -> str:
    lines = [
        f"`{data['command']}` on {data['machine']}, one thread, {data['date']}.", "",
        "| problem | Chebyshev cells: error | s | slabs, experts | random tanh features: error (largest of the seeds) | s | "
        "classical: estimate | s | trained networks elsewhere |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in data["table"]:
        c, k = row["chebyshev"], row["classical"]
        worst = max(r["error"] for r in row["tanh"])
        lines.append(
            f"| {row['problem']} | {c['error']:.1e} | {c['seconds']:.1f} | {c['slabs']}, {c['experts']} | "
            f"{median(row, 'error'):.1e} ({worst:.1e}) | {median(row, 'seconds'):.1f} | "
            + (f"{k['estimate']:.1e} | {k['seconds']:.1f} | " if k else "exact solution | - | ")
            + f"{row['elsewhere']} |"
        )
    lines += ["", f"Time of one Gauss-Newton iteration (Burgers, N = 117), exponent {data['slope']:.2f}:", ""]
    lines += ["| experts | milliseconds | per expert |", "|---|---|---|"]
    for r in data["scaling"]:
        lines.append(f"| {r['experts']} | {1e3 * r['seconds']:.1f} | {1e3 * r['seconds'] / r['experts']:.2f} |")
    return "\n".join(lines) + "\n"


def figure(data: dict[str, Any], path: Path) -> None:
    drawing, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
    solution = pl.solve(pl.load_problem("burgers"), pl.HardConstraintMoE(), progress=False)
    grid, values = solution.on_grid(x=401, t=201)
    axes[0].pcolormesh(grid["t"], grid["x"], values["u"], shading="gouraud", cmap="viridis")
    for piece in solution.models:
        start, end = piece.region.bounds["t"]
        axes[0].hlines(piece.cells.edges["x"], start, end, color="white", linewidth=0.5)
        axes[0].axvline(end, color="white", linewidth=0.5)
    axes[0].set(title="Burgers: u and its experts", xlabel="t", ylabel="x")
    for name, kinds in data["work"].items():
        for kind, rows in kinds.items():
            label = f"{name.split(',')[0]}, {'polynomials' if kind == 'chebyshev' else 'random tanh'}"
            points = [(r["seconds"], r["error"]) for r in rows if math.isfinite(r["error"])]
            axes[1].loglog(*zip(*points, strict=True), marker="o", markersize=4, label=label)
    axes[1].set(title="tolerance 1e-3 to 1e-8", xlabel="seconds", ylabel="relative L2 error")
    axes[1].legend(fontsize=7.5, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, frameon=False)
    counts = [r["experts"] for r in data["scaling"]]
    times = [1e3 * r["seconds"] for r in data["scaling"]]
    axes[2].loglog(counts, times, marker="o", label="measured")
    axes[2].loglog(counts, [times[-1] * k / counts[-1] for k in counts], "--", color="gray", label="linear")
    axes[2].set(title="one Gauss-Newton iteration", xlabel="experts", ylabel="milliseconds")
    axes[2].set_xticks(counts, [str(k) for k in counts])
    axes[2].minorticks_off()
    axes[2].legend()
    for axis in axes[1:]:
        axis.grid(alpha=0.3)
    drawing.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--resume", action="store_true", help="keep the rows that the json file holds")
    arguments = parser.parse_args()
    path = arguments.out / "single_instance.json"
    data: dict[str, Any] = {
        "command": f"python docs/benchmarks/single_instance.py --seeds {arguments.seeds}",
        "machine": f"{platform.machine()}, torch {torch.__version__}, Python {platform.python_version()}",
        "date": time.strftime("%Y-%m-%d"), "table": [], "work": {},
    }  # fmt: skip
    if arguments.resume and path.exists():
        data = json.loads(path.read_text(encoding="utf-8"))

    def save() -> None:
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    with limited_threads(1):
        data["scaling"] = scaling()
        data["slope"] = slope(data["scaling"])
        table(arguments.seeds, data["table"], save)
        work_precision(data["work"], save)
        figure(data, arguments.out / "single_instance.png")
    save()
    (arguments.out / "single_instance.md").write_text(markdown(data), encoding="utf-8")


if __name__ == "__main__":
    main()
