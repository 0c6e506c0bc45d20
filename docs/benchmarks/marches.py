"""Marches of local experts in one dimension against an earlier state of the package, side by side in one run.

    python docs/benchmarks/marches.py [NAME ...] [--against 37ebbfe] [--runs 5]

Each problem is solved by ``pl.solve(problem, pl.HardConstraintMoE())`` in a process of its own, on one thread, by this
checkout and by the earlier commit in turn; times are seconds of the processor of the second solve in a process, so that
imports and first calls do not count. Errors are relative L2 on a grid of the whole domain against an exact solution or the
classical solver at a tolerance of 1e-9. Writes marches.json and marches.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pinnlab as pl

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "marches.json"
PROBLEMS: dict[str, tuple[str, dict[str, float]]] = {
    "convection, c = 50": ("convection", {"c": 50.0}),
    "Burgers, 0.01/pi": ("burgers", {}),
    "Allen-Cahn, 1e-4": ("allen_cahn", {}),
    "Korteweg-de Vries": ("kdv", {}),
    "Kuramoto-Sivashinsky, regular": ("kuramoto_sivashinsky", {}),
    "wave, two modes": ("wave", {}),
    "diffusion-sorption, u0 = 0.1": ("diffusion_sorption", {"u0": 0.1}),
    "Lorenz, T = 20": ("lorenz", {}),
}
"""{what it is called: (problem, parameters)}."""


def declared(name: str) -> Any:
    """A problem of the library, or the wave, which the earlier library lacks."""
    which, parameters = PROBLEMS[name]
    if which != "wave":
        return pl.load_problem(which, **parameters)

    def standing(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return sum(a * torch.sin(k * x) * torch.cos(2 * k * t) for a, k in ((1.0, math.pi), (0.5, 4 * math.pi)))

    at_rest = pl.Initial(u=lambda x: standing(x, torch.zeros_like(x)), u_t=0.0)
    return pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.tt - 4 * u.xx, [at_rest, pl.Dirichlet(u=0.0)],
        reference=standing,
    )  # fmt: skip


def columns(problem: pl.Problem) -> dict[str, torch.Tensor]:
    """Columns of 101 points along each coordinate, without the first instant, where data may clash."""
    axes = [
        torch.linspace(*ends, 101, dtype=torch.float64)[name == "t" :] for name, ends in problem.domain.bounds.items()
    ]
    at = (each.ravel() for each in torch.meshgrid(*axes, indexing="ij"))
    return dict(zip(problem.domain.bounds, at, strict=True))


def child(name: str, path: str) -> None:
    """Solve twice with the package that PYTHONPATH has, and write seconds and values to a file."""
    torch.set_num_threads(1)
    problem = declared(name).replace(reference=None)
    for _ in range(2):
        began = time.process_time()
        solution = pl.solve(problem, pl.HardConstraintMoE(), max_seconds=120, progress=False)
        seconds = time.process_time() - began
    found = solution(**columns(problem))
    np.savez(path, seconds=seconds, **{f"u_{k}": np.ravel(v) for k, v in found.items()})


def measured(name: str, folder: Path) -> dict[str, np.ndarray]:
    """One process with the package in a folder."""
    with tempfile.TemporaryDirectory() as scratch:
        path = str(Path(scratch) / "found.npz")
        environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, __file__, "--child", name, path], check=True, env=environment, cwd=scratch)
        return dict(np.load(path))


def compared(name: str, before: Path, runs: int) -> dict[str, object]:
    """Both in turn."""
    # children run this file with the earlier package, which has it elsewhere
    from pinnlab.declaration.relative_error import evaluate

    problem = declared(name)
    points, reference = torch.stack(list(columns(problem).values()), dim=1), problem.reference
    if reference is None or isinstance(reference, pl.ClassicalReference):
        # a corner in which data jump keeps the estimate from falling
        clash = PROBLEMS[name][0] == "diffusion_sorption"
        given = {"resolution": 2048} if clash else {"tolerance": 1e-9, "max_seconds": 120}
        reference = pl.reference_solution(problem.replace(reference=None), **given)
    exact = dict(zip(problem.unknowns, evaluate(reference, problem, points).T.numpy(), strict=True))
    pairs = [(measured(name, HERE.parents[1]), measured(name, before)) for _ in range(runs)]

    def error(found: dict[str, np.ndarray]) -> float:
        off = [np.linalg.norm(found[f"u_{u}"] - np.ravel(v)) / np.linalg.norm(np.ravel(v)) for u, v in exact.items()]
        return float(max(off))

    ratios = sorted(float(now["seconds"] / then["seconds"]) for now, then in pairs)
    return {
        "now, s": statistics.median(float(now["seconds"]) for now, _ in pairs),
        "before, s": statistics.median(float(then["seconds"]) for _, then in pairs),
        "ratio": statistics.median(ratios), "ratios": ratios,
        "error now": error(pairs[0][0]), "error before": error(pairs[0][1]),
    }  # fmt: skip


def page(found: dict[str, dict]) -> str:
    """The table of the documentation."""
    lines = [
        "| problem | error | error before | s | s before | ratio of times: median [least, most] |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in found.items():
        least, most = row["ratios"][0], row["ratios"][-1]
        lines.append(
            f"| {name} | {row['error now']:.1e} | {row['error before']:.1e} | {row['now, s']:.2f} "
            f"| {row['before, s']:.2f} | {row['ratio']:.2f} [{least:.2f}, {most:.2f}] |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of names; all without any")
    parser.add_argument("--against", default="37ebbfe", help="commit")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    # the earlier package, which children import, has it in another place
    from pinnlab.bench.provenance import provenance

    data = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"problems": {}}
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        git = ["git", "-C", str(HERE), "worktree"]
        subprocess.run([*git, "add", "--detach", "-q", str(before), arguments.against], check=True)
        library = before / "pinnlab" / "problems"
        if not library.exists():
            # the library was beside the package, and was put into it by an install
            library.symlink_to(before / "problems")
        try:
            for name in PROBLEMS:
                if arguments.names and not any(part in name for part in arguments.names):
                    continue
                row = compared(name, before, arguments.runs)
                print(name, row, flush=True)
                data["problems"][name] = row
                data["provenance"] = provenance(" ".join(["python docs/benchmarks/marches.py", *sys.argv[1:]]))
                data["against"] = arguments.against
                RESULTS.write_text(json.dumps(data, indent=1) + "\n")
        finally:
            subprocess.run([*git, "remove", "--force", str(before)], check=True)
    (HERE / "marches.md").write_text(page(data["problems"]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
