"""``CausalPINN()`` against ``PINN()`` at equal time, on every problem that evolves: what waiting costs, and what it gains.

    OMP_NUM_THREADS=1 python docs/benchmarks/causal.py [ROW ...] [--seconds 20] [--again] [--out docs/benchmarks]

Both with their defaults, seed 0, one thread, one after the other; the seconds are those of the processor, so that other work
on the machine does not count. Rows are the problems of ``pinnlab list`` with a time (of a family a member drawn with seed 0)
and the further ones of this file. Errors are relative L2 over a grid of the whole domain without the first time, the largest
over the unknowns. Rows are kept in causal.json, from which causal.md is written; those that it holds are not run again
without ``--again``.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

import pinnlab as pl
from pinnlab.bench.provenance import provenance
from pinnlab.declaration.library import problem_names
from pinnlab.declaration.relative_error import error_grid, evaluate, relative_l2
from pinnlab.machine.threads import limited_threads
from pinnlab.problems import lorenz

FLOOR = 1e-8
"""Errors below it count as equal, and so do errors above 1, which zero has too."""
TARGETS = Path("runs/causal_targets")
"""Reference values at the grid's points: some take a minute, and are kept outside of the repository."""
COMPARED = {"navier_stokes": 1, "decaying_turbulence": 1}
"""Of how many unknowns errors are taken, where not of all: a stream function is known up to a constant."""
SOLVERS: dict[str, Callable[[], Any]] = {"PINN": pl.PINN, "CausalPINN": pl.CausalPINN}


def fisher_front() -> pl.Problem:
    """u_t = u_xx + u (1 - u), a front of speed 5 / sqrt(6)."""
    root = math.sqrt(6)

    def front(x, t):
        return (1 + torch.exp((x - 5 / root * t) / root)) ** -2

    return pl.Problem(
        pl.Box(x=(-10.0, 15.0), t=(0.0, 3.0)), "u", lambda u: u.t - u.xx - u * (1 - u),
        [pl.Initial(u=lambda x: front(x, 0.0 * x)), pl.Dirichlet(u=front)], reference=front, name="Fisher front",
    )  # fmt: skip


def soliton() -> pl.Problem:
    """u_t + 6 u u_x + u_xxx = 0, one soliton of speed 4."""

    def wave(x, t):
        return 2 / torch.cosh(x - 4 * t) ** 2

    def slope(x, t):
        return -4 * torch.tanh(x - 4 * t) / torch.cosh(x - 4 * t) ** 2

    return pl.Problem(
        pl.Box(x=(-6.0, 10.0), t=(0.0, 1.0)), "u", lambda u: u.t + 6 * u * u.x + u.xxx,
        [pl.Initial(u=lambda x: wave(x, 0.0 * x)), pl.Dirichlet(u=wave, on="x"), pl.Neumann(u=slope, on="x+")],
        reference=wave, name="soliton",
    )  # fmt: skip


def driven_heat(end: float) -> pl.Problem:
    """u_t = u_xx / 1000 + 5 sin(u^2) (1 + 2 sin(pi t / 4)) sin(4 pi x): growth and decay in turn."""

    def driven(u, x, t):
        return (
            u.t - u.xx / 1000 - 5 * torch.sin(u**2) * (1 + 2 * torch.sin(math.pi * t / 4)) * torch.sin(4 * math.pi * x)
        )

    bare = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, end)), "u", driven,
        [pl.Initial(u=lambda x: torch.sin(4 * math.pi * x)), pl.Dirichlet(u=0.0)], name=f"driven heat, t to {end:g}",
    )  # fmt: skip
    return bare.replace(reference=pl.ClassicalReference(bare))


def long_decay() -> pl.Problem:
    """u_t = u_xx, long after the state has faded."""
    return pl.Problem(
        pl.Box(x=(0.0, math.pi), t=(0.0, 20.0)), "u", lambda u: u.t - u.xx,
        [pl.Initial(u=lambda x: torch.sin(x)), pl.Dirichlet(u=0.0)],
        reference=lambda x, t: torch.exp(-t) * torch.sin(x), name="long decay",
    )  # fmt: skip


FURTHER: dict[str, Callable[[], pl.Problem]] = {
    "Fisher front": fisher_front,
    "soliton": soliton,
    "driven heat, t to 3": lambda: driven_heat(3.0),
    "driven heat, t to 100": lambda: driven_heat(100.0),
    "long decay": long_decay,
    "Lorenz, t to 1": lambda: lorenz.problem(end=1.0),
}


def evolving() -> list[str]:
    """The rows."""
    return [*(name for name in problem_names() if pl.load_problem(name).domain.has_time), *FURTHER]


def member(row: str) -> pl.Problem:
    """The problem of a row; of a family a member."""
    problem = FURTHER[row]() if row in FURTHER else pl.load_problem(row)
    return problem.sample(np.random.default_rng(0)) if problem.families else problem


def grid(problem: pl.Problem) -> torch.Tensor:
    """(n, d) points of the whole domain, without the first time."""
    points = error_grid(problem.domain)
    return points[points[:, problem.domain.coordinates.index("t")] > problem.domain.bounds["t"][0]]


def target(row: str, problem: pl.Problem) -> torch.Tensor:
    """The reference at the grid's points, (n, m)."""
    path = TARGETS / f"{row}.npy"
    if not path.exists():
        TARGETS.mkdir(parents=True, exist_ok=True)
        assert problem.reference is not None
        np.save(path, evaluate(problem.reference, problem, grid(problem)).numpy())
    return torch.from_numpy(np.load(path))


def run(row: str, seconds: float) -> dict[str, Any]:
    """Both solvers on one problem."""
    problem, found = member(row), {}
    wanted = target(row, problem)
    for name, solver in SOLVERS.items():
        with mock.patch("time.perf_counter", time.process_time):
            solution = pl.solve(problem.replace(reference=None), solver(), max_seconds=seconds, progress=False)
        error = float(relative_l2(solution.function(grid(problem)), wanted)[: COMPARED.get(row)].max())
        waited = [record.seconds for record in solution.history if record.info.get("tolerance", 0.0) > 0]
        found[name] = {
            "error": error, "seconds": solution.seconds, "steps": solution.history[-1].step,
            "status": solution.status.name, "waited": max(waited, default=0.0),
        }  # fmt: skip
    return found


def ratio(row: dict[str, Any]) -> float:
    """The error with causal weights over that without."""
    plain, causal = (min(1.0, max(row[name]["error"], FLOOR)) for name in SOLVERS)
    return causal / plain


def written(found: dict[str, Any]) -> str:
    """The table."""
    first = next(iter(found.values()))
    about, ratios = first["machine"], {name: ratio(row) for name, row in found.items()}
    worst, best = max(ratios, key=ratios.__getitem__), min(ratios, key=ratios.__getitem__)
    lines = [
        f"{about['cpu']}, one thread, torch {about['versions']['torch']}; {first['seconds']:g} s of the processor for each",
        "run, one seed. `OMP_NUM_THREADS=1 python docs/benchmarks/causal.py`", "",
        f"On {sum(r <= 3 for r in ratios.values())} of {len(ratios)} problems `CausalPINN()` is at most 3 times worse than "
        f"`PINN()`; at worst {ratios[worst]:.2g} times ({worst}), at best {1 / ratios[best]:.2g} times better ({best}). "
        f"Errors below {FLOOR:g} count as equal, and so do those above 1.", "",
        "| problem | PINN | CausalPINN | ratio | waited, s | steps | ends as |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, row in found.items():
        plain, causal = (row[solver] for solver in SOLVERS)
        lines.append(
            f"| {name} | {plain['error']:.1e} | {causal['error']:.1e} | {ratios[name]:.2g} | {causal['waited']:.1f} | "
            f"{plain['steps']}, {causal['steps']} | {causal['status'].lower().replace('_', ' ')} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", help="all where none is given")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    path = given.out / "causal.json"
    with limited_threads(1):
        for row in given.rows or evolving():
            found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            if row in found and not given.again:
                continue
            done = run(row, given.seconds)
            about = {"seconds": given.seconds, "machine": provenance("python docs/benchmarks/causal.py")}
            # another process may have written meanwhile
            found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            found[row] = done | about
            order = [name for name in evolving() if name in found]
            found = {name: found[name] for name in order}
            path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            (given.out / "causal.md").write_text(written(found), encoding="utf-8")
            print(row, f"{ratio(found[row]):.2g}", {name: done[name] for name in SOLVERS}, flush=True)


if __name__ == "__main__":
    main()
