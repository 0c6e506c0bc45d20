"""Amortized solvers on the diffusion-sorption family: experts against one global constraint and against soft constraints.

    python docs/benchmarks/operators.py [--seconds 80] [--extrapolation-seconds 40] [--seeds 1] [--members 10]

All methods get the same features, network, members and training seconds, and see no solution. Errors are relative L2 over
unseen members on the grid of the published benchmark (1024 cells, 101 times), against finite volumes. Writes
``operators.json`` beside this file; docs/methods/experts.md shows its rows.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import pinnlab as pl
from pinnlab.algebra.least_squares import LeastSquares
from pinnlab.problems import diffusion_sorption
from pinnlab.problems._diffusion_sorption import DIFFUSION, cell_centres, finite_volumes, retardation
from pinnlab.solvers.experts.features import Features

END = 500.0
EARLIEST = 1e-4
SPREAD = DIFFUSION / 3.8
CELLS, TIMES = 1024, np.linspace(0.0, END, 101)


def features(p: torch.Tensor) -> torch.Tensor:
    """Similarity variables of diffusion from both ends, bounded; the retardation factor is taken as 3.8 in them."""
    x, t, u0 = p.unbind(1)
    share = (t + EARLIEST) / END
    width = torch.sqrt(4 * SPREAD * (t + EARLIEST))
    left, right = x / width, (1 - x) / width
    return torch.stack(
        [
            2 * x - 1, 2 * torch.sqrt(share) - 1, u0 / 0.1 - 1, 2 * torch.erf(left) - 1, torch.exp(-(left**2)),
            torch.tanh(right), 2 * torch.exp(-(right**2)) - 1, torch.log(share) / 8 + 1,
        ],
        dim=1,
    )  # fmt: skip


def weighted(u, t):
    """The equation times sqrt(t): the residual of a smoothed jump then has the same mean square at all time scales."""
    return torch.sqrt(t / END) * (retardation(u) * u.t - DIFFUSION * u.xx)


def family(end: float = END) -> pl.Problem:
    return diffusion_sorption.problem().replace(
        equations=weighted, reference=None, domain=pl.Box(x=(0.0, 1.0), t=(0.0, end))
    )


def solver(name: str, experts: int = 4, basis: int = 16, points: int = 160) -> pl.HardConstraintMoE:
    """One of the methods; ``points`` per expert, and as many in all for the methods without experts."""
    alone = name in ("global", "soft")
    solved = {
        "basis": basis,
        "search": LeastSquares(steps=15, tolerance=1e-5),
        "experts": {"x": experts},
        "coupling": "none" if name == "experts, uncoupled" else "interface",
    }
    idle = {"global": ("experts", "coupling"), "soft": tuple(solved)}.get(name, ())
    return pl.HardConstraintMoE(
        network=pl.MLP(width=40, depth=2, embedding=Features(features, 8)),
        **{option: value for option, value in solved.items() if option not in idle},
        constraint=name if alone else "experts",
        points=points * (experts if alone else 1),
        condition_points=points // 3 * (experts if alone else 1),
        condition_weight=10.0,
        graded={"t": 3.0},
        stages=(pl.Adam(steps=1_000_000, learning_rate=2e-3, decay_every=200 if name == "soft" else 30),),
    )


def references(members: int) -> list[tuple[float, np.ndarray, float]]:
    """(u0, (x, t) values, seconds) of unseen members."""
    found = []
    for u0 in np.random.default_rng(12345).uniform(0.0, 0.2, members):
        began = time.perf_counter()
        found.append((float(u0), finite_volumes(u0, CELLS, TIMES), time.perf_counter() - began))
    return found


def errors(solution: pl.Solution, truth: list, after: float = -1.0, **options) -> dict[str, float]:
    """Mean, standard deviation and largest relative L2 error at times later than ``after``."""
    late = after < TIMES
    x, t = np.meshgrid(cell_centres(CELLS), TIMES[late], indexing="ij")
    found, stalled, began = [], 0, time.perf_counter()
    for u0, exact, _ in truth:
        member = solution.at(u0=u0, **options)
        stalled += member.status is pl.Status.STALLED
        values = member(x=x, t=t)["u"]
        found.append(np.linalg.norm(values - exact[:, late]) / np.linalg.norm(exact[:, late]))
    return {
        "mean": float(np.mean(found)), "sd": float(np.std(found)), "largest": float(np.max(found)),
        "not converged": stalled, "seconds per member": (time.perf_counter() - began) / len(truth),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=100.0)
    parser.add_argument("--extrapolation-seconds", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--members", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    truth = references(options.members)
    path = Path(__file__).with_suffix(".json")
    result = {
        "command": "python docs/benchmarks/operators.py " + " ".join(sys.argv[1:]),
        "machine": f"{platform.machine()}, 1 thread, torch {torch.__version__}",
        "members": options.members,
        "finite volumes, seconds per member": float(np.mean([s for _, _, s in truth])),
        "rows": [],
    }

    def run(name: str, seconds: float, seed: int, task: str, end: float, **test) -> None:
        method = solver("experts" if name == "experts, untrained" else name)
        untrained = {"callbacks": [lambda record: True]} if "untrained" in name else {}
        if untrained:
            method = replace(method, stages=(pl.Adam(steps=1),))
        solution = pl.solve(family(end), method, max_seconds=seconds, seed=seed, progress=False, **untrained)
        row = {"task": task, "method": name, "seed": seed, "steps": solution.history[-1].step}
        row |= {"seconds": solution.seconds, "held-out loss": float(min(solution.history.column("held_out")))}
        row |= errors(solution, truth, **test)
        result["rows"].append(row)
        print(row, flush=True)
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

    for seed in range(options.seeds):
        for name in ("experts, untrained", "experts", "experts, uncoupled", "global", "soft"):
            run(name, options.seconds, seed, "unseen members", END)
        whole = pl.Box(x=(0.0, 1.0), t=(0.0, END))
        for name in ("experts", "global", "soft"):
            run(name, options.extrapolation_seconds, seed, "t > 400 from t <= 400", 400.0, after=400.0, domain=whole)


if __name__ == "__main__":
    main()
