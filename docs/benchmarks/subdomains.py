"""What subdomains cost and gain: growth of a Gauss-Newton step, and four networks against one of equal size.

    OMP_NUM_THREADS=1 python docs/benchmarks/subdomains.py steps
    OMP_NUM_THREADS=1 python docs/benchmarks/subdomains.py errors [--seeds 3] [--seconds 60]

``steps`` times the parts of a Levenberg-Marquardt step for 1 to 32 subdomains in a row, each with the same network and
points, with the Jacobian in blocks and dense, side by side. ``errors`` solves Helmholtz and Poisson problems with fine
structure by one network, by four subdomains joined by interface conditions, and by four that overlap, all with about as
many parameters and for the same time. Both write ``subdomains.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pinnlab as pl
from pinnlab.algebra.blocks import BlockCholesky
from pinnlab.algebra.dense import Cholesky, gram
from pinnlab.bench.provenance import provenance
from pinnlab.machine.threads import limited_threads
from pinnlab.training.plans import Settings

FILE = Path(__file__).with_suffix(".json")
SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)


def heat(u):
    return u.t - 0.1 * u.xx


def rod(length: int) -> pl.Problem:
    """Heat in a rod of so many subdomains."""
    return pl.Problem(
        domain=pl.Box(x=(0.0, float(length)), t=(0.0, 1.0)),
        unknowns="u",
        equations=heat,
        conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
    )


def fastest(task: Any, repeats: int = 5) -> float:
    """Seconds."""
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        task()
        found.append(time.perf_counter() - began)
    return min(found)


def steps() -> list[dict]:
    """Seconds of a Gauss-Newton step by number of subdomains."""
    rows = []
    for count in (1, 2, 4, 8, 16, 32):
        cuts = {"x": tuple(float(k) for k in range(1, count))}
        solver = pl.MultiDomainPINN(subdomains=cuts, network=pl.MLP(width=12, depth=2), points=400, interface_points=50)
        system = solver.plan(rod(count), SETTINGS).start(0, []).system  # type: ignore[union-attr]
        theta = system.model.theta
        residual, jacobian = system.residuals_and_jacobian(theta)
        row = {"subdomains": count, "parameters": len(theta), "residuals": len(residual)}
        row["linearize"] = fastest(lambda s=system, at=theta: s.residuals_and_jacobian(at))
        if count > 1:
            row["blocks"] = fastest(
                lambda j=jacobian: BlockCholesky(j.gram(), 1e-3).solve(j.transposed(torch.ones(j.shape[0]).double()))
            )
            jacobian = jacobian.dense() if count <= 16 else None
        if jacobian is not None:
            row["dense"] = fastest(
                lambda j=jacobian: Cholesky(gram(j), torch.full((j.shape[1],), 1e-3).double()).solve(j.sum(0)), 3
            )
        rows.append(row)
        print({k: round(v, 5) for k, v in row.items()}, flush=True)
    return rows


def helmholtz() -> pl.Problem:
    """u_xx + u_yy + u = q on [-1, 1]^2 with u = sin(2 pi x) sin(4 pi y)."""

    def exact(x, y):
        return torch.sin(2 * math.pi * x) * torch.sin(4 * math.pi * y)

    def equation(u, x, y):
        return u.xx + u.yy + u - (1 - 20 * math.pi**2) * exact(x, y)

    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0)), unknowns="u", equations=equation, conditions=[pl.Dirichlet(u=0.0)],
        reference=exact, name="Helmholtz (2, 4)",
    )  # fmt: skip


def poisson() -> pl.Problem:
    """u_xx + u_yy = q on [0, 1]^2 with u = sin(pi x) sin(pi y) + 0.1 sin(8 pi x) sin(8 pi y): two scales."""

    def parts(x, y):
        return torch.sin(math.pi * x) * torch.sin(math.pi * y), 0.1 * torch.sin(8 * math.pi * x) * torch.sin(
            8 * math.pi * y
        )

    def equation(u, x, y):
        coarse, fine = parts(x, y)
        return (u.xx + u.yy + 2 * math.pi**2 * coarse + 128 * math.pi**2 * fine) / (2 * math.pi**2)

    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), unknowns="u", equations=equation, conditions=[pl.Dirichlet(u=0.0)],
        reference=lambda x, y: sum(parts(x, y)), name="Poisson with two scales",
    )  # fmt: skip


def solvers(middle: float) -> dict[str, Any]:
    """About 2,000 parameters and 3,000 points each."""
    cuts: dict[str, Any] = {"x": (middle,), "y": (middle,)}
    part = pl.MLP(width=20, depth=2)
    return {
        "one network, 3 layers of 30": pl.PINN(network=pl.MLP(width=30, depth=3), points=3000),
        "four subdomains, interface conditions": pl.MultiDomainPINN(subdomains=cuts, network=part, points=750),
        "four subdomains, overlap": pl.MultiDomainPINN(subdomains=cuts, network=part, overlap=0.5, points=3000),
    }


def errors(seeds: int, seconds: float) -> list[dict]:
    """Error after equal time."""
    rows = []
    for problem, middle in ((helmholtz(), 0.0), (poisson(), 0.5)):
        for name, solver in solvers(middle).items():
            for seed in range(seeds):
                solution = pl.solve(problem, solver, max_seconds=seconds, seed=seed, progress=False)
                row = {
                    "problem": problem.name,
                    "solver": name,
                    "seed": seed,
                    "parameters": len(solution.models[0].theta),
                }
                row |= {"seconds": solution.seconds, "steps": solution.history[-1].step, "error": solution.error()["u"]}
                rows.append(row)
                print(row, flush=True)
    for problem, name in dict.fromkeys((r["problem"], r["solver"]) for r in rows):
        mine = [r["error"] for r in rows if (r["problem"], r["solver"]) == (problem, name)]
        print(f"| {problem} | {name} | {np.median(mine):.2g} [{min(mine):.2g}, {max(mine):.2g}] |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("steps", "errors"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with limited_threads(1):
        rows = steps() if given.what == "steps" else errors(given.seeds, given.seconds)
    data = json.loads(FILE.read_text()) if FILE.exists() else {}
    data[given.what] = {
        "machine": provenance(" ".join(("python docs/benchmarks/subdomains.py", given.what))),
        "rows": rows,
    }
    FILE.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
