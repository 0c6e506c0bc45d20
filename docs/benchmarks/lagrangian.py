"""Lagrangian PINNs: error against speed, losses around a minimum, singular values, and the table of problems.

    OMP_NUM_THREADS=1 python docs/benchmarks/lagrangian.py speeds problems landscapes snapshots

Writes lagrangian.json (every part replaces its own entry), lagrangian.md and lagrangian.png.
"""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

import pinnlab as pl
from pinnlab.declaration.library import problem_module
from pinnlab.training.plans import Settings

HERE = Path(__file__).parent
SPEEDS = (0, 2, 5, 10, 20, 30, 40, 50, 60, 70)
SECONDS = 12.0
REACH = 0.5
# relative errors, read off the figure of arXiv 2205.02902 to about 3 %
PUBLISHED = {
    "c": (2, 5, 10, 20, 30, 40, 50, 60),
    "PINN": (0.0172, 0.051, 0.281, 1.37, 1.26, 1.00, 1.00, 1.00),
    "Lagrangian PINN": (0.0119, 0.0120, 0.0369, 0.0350, 0.0448, 0.0468, 0.0339, 0.0600),
}
# problem, its options, seconds, target
PROBLEMS: tuple[tuple[str, dict[str, Any], float, float], ...] = (
    ("convection", {"c": 50.0}, 30.0, 1e-8),
    ("convection", {"c": 1000.0}, 30.0, 1e-8),
    ("convection_diffusion", {}, 30.0, 1e-7),
    ("burgers_periodic", {"c": 0.0}, 50.0, 1e-5),
    ("burgers_periodic", {"c": 50.0}, 50.0, 1e-5),
    ("variable_convection", {}, 60.0, 1e-6),
    ("swirl", {}, 300.0, 1e-4),
)
SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)


def solved(problem: pl.Problem, solver: Any, seconds: float, seed: int = 0) -> dict[str, Any]:
    solution = pl.solve(problem, solver, max_seconds=seconds, seed=seed, progress=False)
    (error,) = solution.error().values()
    row = {"error": error, "seconds": round(solution.seconds, 1), "status": solution.status.name, "seed": seed}
    print(problem.name, type(solver).__name__, row, flush=True)
    return row


def speeds() -> dict[str, Any]:
    """PINN and LagrangianPINN, their defaults, with equal budgets."""
    rows = []
    for c in SPEEDS:
        problem = pl.load_problem("convection", c=float(c))
        for solver in (pl.PINN(), pl.LagrangianPINN()):
            rows.append({"c": c, "solver": type(solver).__name__, **solved(problem, solver, SECONDS)})
    return {"seconds": SECONDS, "rows": rows}


def problems() -> dict[str, Any]:
    """Every problem with its recipe on characteristics, one seed; and what solves c = 50 at fixed places."""
    rows = []
    for name, options, seconds, target in PROBLEMS:
        recipe = pl.LagrangianPINN() if name == "convection" else problem_module(name).recipe()
        row = solved(pl.load_problem(name, **options), recipe, seconds)
        rows.append({"problem": name, "options": options, "solver": "LagrangianPINN", "target": target, **row})
    fixed = pl.load_problem("convection", c=50.0)
    windows = pl.PINN(windows=8, network=pl.MLP(width=15), stages=pl.LevenbergMarquardt(steps=10_000))
    for solver in (windows, pl.HardConstraintMoE()):
        row = solved(fixed, solver, 30.0)
        name = f"{type(solver).__name__}, at fixed places"
        rows.append({"problem": "convection", "options": {"c": 50.0}, "solver": name, "target": None, **row})
    return {"rows": rows}


def landscape(solver: Any, c: float, size: int = 21) -> list[list[float]]:
    """log10 of the loss around a trained state, along two random directions of the weights' own sizes."""
    problem = pl.load_problem("convection", c=c)
    solution = pl.solve(problem, solver, max_seconds=5.0, progress=False)
    plan = solver.plan(problem, SETTINGS)
    system = plan.start(0, []).system
    trained = solution.models[0]
    center = getattr(trained, "model", trained).theta
    generator = torch.Generator().manual_seed(1)
    directions = []
    for _ in range(2):
        pieces, start = [], 0
        for parameter in system.model.parameters:
            own = center[start : start + parameter.numel()].view(parameter.shape)
            random = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            # a neuron's weights, its row, set the size (Li et al., arXiv 1712.09913); biases go with the whole
            axis = tuple(range(1, parameter.dim()))
            norm = own.norm() if not axis else own.norm(dim=axis, keepdim=True)
            # what is zero, as the last layer is where there was nothing to train, has the size it would start with
            norm = torch.where(norm > 0, norm, 1.0)
            scale = random.norm() if not axis else random.norm(dim=axis, keepdim=True)
            pieces.append((random * norm / scale).reshape(-1))
            start += parameter.numel()
        directions.append(torch.cat(pieces))
    steps = np.linspace(-REACH, REACH, size)

    def loss(a: float, b: float) -> float:
        residual = system.residuals(center + a * directions[0] + b * directions[1])
        return math.log10(float(residual @ residual) + 1e-30)

    return [[loss(a, b) for b in steps] for a in steps]


def snapshots() -> dict[str, list[float]]:
    """Of 100 snapshots of Burgers' equation at fixed places and on labels (state and displacement)."""
    problem = pl.load_problem("burgers_periodic", c=50.0)
    solution = pl.solve(problem, pl.LagrangianPINN(), max_seconds=20.0, progress=False)
    x, t = np.linspace(0, 2 * math.pi, 256, endpoint=False), np.linspace(0, 1, 100)
    fixed = np.asarray(problem.reference(x[:, None], t[None, :], 50.0, 0.01)) - 50.0  # type: ignore[misc]
    labels = torch.cartesian_prod(torch.from_numpy(x), torch.from_numpy(t))
    state, displacement = solution.models[0].model.values(labels).reshape(256, 100, 2).numpy().transpose(2, 0, 1)  # type: ignore[attr-defined]
    parts = {"fixed places": fixed, "labels: state": state - 50.0, "labels: displacement": displacement}
    found = {}
    for name, matrix in parts.items():
        values = np.linalg.svd(matrix, compute_uv=False)
        found[name] = (values / values[0])[:40].tolist()
    return found


def landscapes() -> dict[str, Any]:
    """{solver: {speed: losses}}."""
    solvers = (pl.PINN(), pl.LagrangianPINN())
    return {type(s).__name__: {f"c = {c:g}": landscape(s, c) for c in (0.0, 30.0, 50.0)} for s in solvers}


def draw(data: dict[str, Any]) -> None:
    figure = Figure(figsize=(12, 12), layout="constrained")
    grid = figure.add_gridspec(3, 6)
    left, right = figure.add_subplot(grid[0, :3]), figure.add_subplot(grid[0, 3:])
    if "speeds" in data:
        for solver, color in (("PINN", "#D55E00"), ("LagrangianPINN", "#0072B2")):
            rows = [row for row in data["speeds"]["rows"] if row["solver"] == solver]
            left.semilogy(
                [r["c"] for r in rows],
                [max(r["error"], 1e-16) for r in rows],
                "o-",
                color=color,
                label=f"{solver}, {SECONDS:g} s",
            )
        left.semilogy(PUBLISHED["c"], PUBLISHED["PINN"], "--", color="#D55E00", label="PINN, published")
        left.semilogy(
            PUBLISHED["c"], PUBLISHED["Lagrangian PINN"], "--", color="#0072B2", label="Lagrangian PINN, published"
        )
        left.set(xlabel="c", ylabel="relative L2 error", title="convection with speed c")
        left.legend(frameon=False, fontsize=9)
    if "snapshots" in data:
        for name, values in data["snapshots"].items():
            right.semilogy(range(1, len(values) + 1), np.maximum(values, 1e-17), ".-", label=name)
        right.set(xlabel="k", ylabel="k-th singular value, relative", title="snapshots of Burgers' equation, c = 50")
        right.legend(frameon=False, fontsize=9)
    for i, (solver, maps) in enumerate(data.get("landscapes", {}).items()):
        for k, (name, values) in enumerate(maps.items()):
            axes = figure.add_subplot(grid[1 + i, 2 * k : 2 * k + 2])
            image = axes.contourf(
                np.linspace(-REACH, REACH, len(values)),
                np.linspace(-REACH, REACH, len(values)),
                np.maximum(np.array(values).T, -8.0),
                levels=20,
            )
            axes.set(aspect="equal")
            axes.set_title(f"{solver}, {name}\nlog10 of the loss", fontsize=10)
            figure.colorbar(image, ax=axes, shrink=0.6)
    figure.savefig(HERE / "lagrangian.png", dpi=110)


def table(data: dict[str, Any]) -> str:
    lines = [
        f"{data['machine']}. Relative L2 errors over the whole domain; defaults and recipes, one seed, one thread,",
        "the machine shared with other work.",
        "`OMP_NUM_THREADS=1 python docs/benchmarks/lagrangian.py speeds problems landscapes snapshots`", "",
    ]  # fmt: skip
    if "problems" in data:
        lines += ["| problem | solver | error | seconds | target |", "|---|---|---|---|---|"]
        for row in data["problems"]["rows"]:
            options = ", ".join(f"{k} = {v:g}" for k, v in row["options"].items())
            goal = "" if row["target"] is None else f"{row['target']:.0e}"
            label = row["problem"] + (f" ({options})" if options else "")
            lines.append(f"| {label} | {row['solver']} | {row['error']:.1e} | {row['seconds']} | {goal} |")
        lines.append("")
    if "speeds" in data:
        lines += [
            f"Convection, {SECONDS:g} s each:",
            "",
            "| c | PINN | LagrangianPINN | PINN, published | Lagrangian PINN, published |",
            "|---|---|---|---|---|",
        ]
        errors = {(row["c"], row["solver"]): row["error"] for row in data["speeds"]["rows"]}
        for c in SPEEDS:
            known = [
                f"{PUBLISHED[k][PUBLISHED['c'].index(c)]:g}" if c in PUBLISHED["c"] else ""
                for k in ("PINN", "Lagrangian PINN")
            ]
            lines.append(
                f"| {c} | {errors[c, 'PINN']:.1e} | {errors[c, 'LagrangianPINN']:.1e} | {known[0]} | {known[1]} |"
            )
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    path = HERE / "lagrangian.json"
    data = json.loads(path.read_text()) if path.exists() else {}
    for part in sys.argv[1:]:
        data[part] = {"speeds": speeds, "problems": problems, "landscapes": landscapes, "snapshots": snapshots}[part]()
        data["machine"] = (
            f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}, "
            f"Python {platform.python_version()}"
        )
        path.write_text(json.dumps(data) + "\n")
    draw(data)
    (HERE / "lagrangian.md").write_text(table(data))


if __name__ == "__main__":
    main()
