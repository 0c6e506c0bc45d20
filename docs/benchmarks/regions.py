"""Plain networks on regions that are no boxes: python docs/benchmarks/regions.py [seconds] [seeds].

Prints the table of docs/regions.md: relative L2 errors against exact solutions after a time of training, one thread.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable

import torch

import pinnlab as pl
from pinnlab.declaration.library import problem_module
from pinnlab.domains import Region

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


def main(seconds: float = 20.0, seeds: int = 1) -> None:
    for name, problem in cases().items():
        found = []
        for seed in range(seeds):
            solver = pl.PINN(network=pl.MLP(width=16, depth=2))
            solution = pl.solve(problem(), solver, max_seconds=seconds, seed=seed, progress=False)
            found.append(solution.error()["u"])
        print(f"| {name} | {statistics.median(found):.1e} | {min(found):.1e} to {max(found):.1e} |", flush=True)


if __name__ == "__main__":
    main(*(float(a) if i == 0 else int(a) for i, a in enumerate(sys.argv[1:])))
