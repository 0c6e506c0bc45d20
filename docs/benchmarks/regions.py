"""Plain networks on regions that are no boxes, against exact solutions.

    python docs/benchmarks/regions.py [seconds] [seeds]

Seconds, of each training, are those of the process; one thread. Writes regions.json and regions.md, a table.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    time.perf_counter = time.process_time  # before anything takes its clock from there

import torch  # noqa: E402

import pinnlab as pl  # noqa: E402
from pinnlab.bench.provenance import provenance  # noqa: E402
from pinnlab.declaration.library import problem_module  # noqa: E402
from pinnlab.domains import Region  # noqa: E402

HERE = Path(__file__).parent

SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
DISC = pl.Ball(center={"x": 0.5, "y": 0.0}, radius=1.0)


def waves(x, y):
    return torch.sin(3 * x) * torch.cos(2 * y)


def waves_by_x(x, y):
    return 3 * torch.cos(3 * x) * torch.cos(2 * y)


def poisson(domain: Region, conditions: list) -> pl.Problem:
    return pl.Problem(
        domain, "u", lambda u, x, y: u.xx + u.yy + 13 * torch.sin(3 * x) * torch.cos(2 * y), conditions, reference=waves
    )


def heat() -> pl.Problem:
    def exact(x, y, t):
        return torch.exp(-2 * t) * torch.sin(x) * torch.sin(y) + x

    conditions = [pl.Initial(u=lambda x, y: torch.sin(x) * torch.sin(y) + x), pl.Dirichlet(u=exact)]
    domain = DISC * pl.Box(t=(0.0, 1.0))
    return pl.Problem(domain, "u", lambda u: u.t - u.xx - u.yy, conditions, reference=exact)


def ball() -> pl.Problem:
    def exact(x, y, z):
        return torch.exp(x) * torch.sin(y) * torch.cos(z)

    return pl.Problem(
        pl.Ball({"x": 0.0, "y": 0.0, "z": 0.0}, 1.0), "u", lambda u, x, y, z: (
            u.xx + u.yy + u.zz + torch.exp(x) * torch.sin(y) * torch.cos(z)
        ), [pl.Dirichlet(u=exact)], reference=exact,
    )  # fmt: skip


def cases() -> dict[str, Callable[[], pl.Problem]]:
    mesh = pl.Mesh.read(problem_module("poisson_obstacle").MESH)
    sides = [pl.Dirichlet(u=waves, on=name) for name in ("left", "walls", "obstacle")]
    hole = SQUARE - pl.Ball({"x": 0.5, "y": 0.5}, 0.25)
    return {
        "disc": lambda: poisson(DISC, [pl.Dirichlet(u=waves)]),
        "L-shape, smooth": lambda: poisson(
            pl.Polygon([(0, 0), (0, 1), (-1, 1), (-1, -1), (1, -1), (1, 0)]), [pl.Dirichlet(u=waves)]
        ),
        "square minus disc": lambda: poisson(hole, [pl.Dirichlet(u=waves, on=name) for name in ("x", "y", "surface")]),
        "gmsh mesh, one Neumann side": lambda: poisson(mesh, [*sides, pl.Neumann(u=waves_by_x, on="right")]),
        "disc x time": heat,
        "ball": ball,
    }


def main(seconds: float = 20.0, seeds: int = 3) -> None:
    torch.set_num_threads(1)
    found: dict[str, list[float]] = {}
    for name, problem in cases().items():
        for seed in range(seeds):
            solver = pl.PINN(network=pl.MLP(width=16, depth=2))
            solution = pl.solve(problem(), solver, max_seconds=seconds, seed=seed, progress=False)
            found.setdefault(name, []).append(solution.error()["u"])
        print(name, found[name], flush=True)
    result = {"provenance": provenance(f"python docs/benchmarks/regions.py {seconds:g} {seeds}"), "errors": found}
    (HERE / "regions.json").write_text(json.dumps(result, indent=1) + "\n")
    lines = ["| region | median | range |", "|---|---|---|"]
    for name, errors in found.items():
        lines.append(f"| {name} | {statistics.median(errors):.1e} | {min(errors):.1e} to {max(errors):.1e} |")
    (HERE / "regions.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*(float(a) if i == 0 else int(a) for i, a in enumerate(sys.argv[1:])))
