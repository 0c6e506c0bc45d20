"""Local experts on cut cells: one untuned call each, and what cost does as cells become many.

    python docs/benchmarks/cells.py            # all cases, each in a process of its own: about five minutes on one core
    python docs/benchmarks/cells.py --page     # docs/benchmarks/cells.md from the json

Errors are relative L2, against exact solutions, or, of PINNacle's cases of one unknown, against a solution with
polynomials of degree 16 and a tolerance of 1e-9, and of its flows against finite elements, whose own error may be larger.
Times are of the processor, with one thread; memory is the peak of the process.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.bench.provenance import provenance
from pinnlab.domains import Region
from pinnlab.domains.sampling import unit_points
from pinnlab.domains.trees import Tree
from pinnlab.solvers.cut_cells.discretization import CutDiscretization
from pinnlab.solvers.cut_cells.layout import Inside
from pinnlab.solvers.local_experts.basis import TotalDegree

HERE = Path(__file__).parent
RESULTS = HERE / "cells.json"
SECONDS = 240.0
L_SHAPE = pl.Polygon([(0, 0), (0, -1), (-1, -1), (-1, 1), (1, 1), (1, 0)])
SIZES = {2: (4, 8, 16, 24), 3: (2, 3, 4, 5)}
DEGREES = {2: 10, 3: 6}


def less(box: pl.Box, balls: list[tuple[float, ...]]) -> Region:
    """A box without balls, each a centre and a radius."""
    region: Region = box
    for *centre, radius in balls:
        region = region - pl.Ball(dict(zip(box.coordinates, centre, strict=True)), radius)
    return region


FOUR_DISKS = less(
    pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0)),
    [(0.5, 0.5, 0.25), (-0.5, 0.4, 0.25), (0.4, -0.5, 0.25), (-0.5, -0.5, 0.25)],
)
FOUR_BALLS = less(
    pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0)),
    [(0.4, 0.3, 0.6, 0.2), (0.6, 0.7, 0.6, 0.2), (0.2, 0.8, 0.7, 0.1), (0.6, 0.2, 0.3, 0.1)],
)


def disks() -> pl.Problem:
    def exact(x: Tensor, y: Tensor) -> Tensor:
        return torch.exp(x) * torch.sin(2 * y + x * y)

    def source(x: Tensor, y: Tensor) -> Tensor:
        s, c = torch.sin(2 * y + x * y), torch.cos(2 * y + x * y)
        return torch.exp(x) * (s + 2 * y * c - (y**2 + (2 + x) ** 2) * s)

    return pl.Problem(
        FOUR_DISKS, "u", lambda u, x, y: u.laplacian - source(x, y), [pl.Dirichlet(u=exact)], reference=exact
    )


def balls() -> pl.Problem:
    def exact(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return torch.sin(2 * x + y) * torch.exp(z) + x * y * z

    return pl.Problem(
        FOUR_BALLS, "u", lambda u, x, y, z: u.laplacian + 4 * torch.sin(2 * x + y) * torch.exp(z),
        [pl.Dirichlet(u=exact)], reference=exact,
    )  # fmt: skip


def corner() -> pl.Problem:
    def exact(x: Tensor, y: Tensor) -> Tensor:
        angle = torch.atan2(y, x)
        return torch.hypot(x, y) ** (2 / 3) * torch.sin(2 / 3 * torch.where(angle < 0, angle + 2 * math.pi, angle))

    return pl.Problem(L_SHAPE, "u", lambda u: u.laplacian, [pl.Dirichlet(u=exact)], reference=exact)


def kirsch() -> pl.Problem:
    """A quarter of a plate with a hole of radius 1 under tension along x, plane stress, E = 1 (Kirsch 1898)."""
    ratio = 0.3
    mu, lam, kappa = 1 / (2 * (1 + ratio)), ratio / (1 - ratio**2), (3 - ratio) / (1 + ratio)

    def exact(x: Tensor, y: Tensor) -> dict[str, Tensor]:
        r, a = torch.hypot(x, y), torch.atan2(y, x)
        c, s = torch.cos(2 * a), torch.sin(2 * a)
        radial = (r * (kappa - 1 + 2 * c) + 2 / r * (1 + (1 + kappa) * c) - 2 / r**3 * c) / (8 * mu)
        along = (-2 * r * s + 2 / r * (1 - kappa) * s - 2 / r**3 * s) / (8 * mu)
        return {
            "u": radial * torch.cos(a) - along * torch.sin(a),
            "v": radial * torch.sin(a) + along * torch.cos(a),
        }

    def equations(u: Any, v: Any) -> dict[str, Any]:
        cross_u, cross_v = u.d("x", "y"), v.d("x", "y")
        return {
            "x": (lam + 2 * mu) * u.xx + lam * cross_v + mu * (u.yy + cross_v),
            "y": (lam + 2 * mu) * v.yy + lam * cross_u + mu * (v.xx + cross_u),
        }

    def traction(u: Any, v: Any, n: Any) -> dict[str, Any]:
        xx, yy, xy = (lam + 2 * mu) * u.x + lam * v.y, (lam + 2 * mu) * v.y + lam * u.x, mu * (u.y + v.x)
        return {"tx": xx * n.x + xy * n.y, "ty": xy * n.x + yy * n.y}

    far = {"u": lambda x, y: exact(x, y)["u"], "v": lambda x, y: exact(x, y)["v"]}
    return pl.Problem(
        pl.Box(x=(0.0, 4.0), y=(0.0, 4.0)) - pl.Ball({"x": 0.0, "y": 0.0}, 1.0, name="hole"), ("u", "v"), equations,
        [
            pl.Condition(traction, on="hole"), pl.Dirichlet(on="x+", **far), pl.Dirichlet(on="y+", **far),
            pl.Dirichlet(u=0.0, on="x-"), pl.Condition(lambda v: v.x, on="x-"),
            pl.Dirichlet(v=0.0, on="y-"), pl.Condition(lambda u: u.y, on="y-"),
        ],
        reference=exact,
    )  # fmt: skip


def materials() -> pl.Problem:
    """A disk of conductivity 1000 in a square of conductivity 1, in a uniform field."""
    middle, radius, inner = (0.1, -0.07), 0.5, 1000.0

    def exact(x: Tensor, y: Tensor) -> Tensor:
        x, y = x - middle[0], y - middle[1]
        square = x**2 + y**2
        outside = x * (1 + radius**2 * (1 - inner) / (1 + inner) / square.clamp(min=1e-9))
        return torch.where(square < radius**2, 2 / (1 + inner) * x, outside)

    disk = pl.Ball(dict(zip("xy", middle, strict=True)), radius)
    return pl.Problem(
        pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0)), "u", lambda u, k: pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y"),
        [pl.Dirichlet(u=exact)], parameters={"k": pl.Piecewise((disk, inner), otherwise=1.0)}, reference=exact,
    )  # fmt: skip


CASES: dict[str, Callable[[], pl.Problem]] = {
    "Poisson, square less four disks": disks,
    "Poisson, cube less four balls": balls,
    "Laplace, L-shape": corner,
    "plate with a hole (Kirsch)": kirsch,
    "PINNacle, Poisson 2d-C": lambda: pl.load_problem("pinnacle/poisson_2d_classic"),
    "PINNacle, Poisson 2d-CG": lambda: pl.load_problem("pinnacle/poisson_2d_complex"),
    "two materials, 1 : 1000, a disk in a square": materials,
    "PINNacle, NS 2d-C": lambda: pl.load_problem("pinnacle/navier_stokes_cavity"),
    "PINNacle, NS 2d-CG": lambda: pl.load_problem("pinnacle/navier_stokes_step"),
}


def solved(name: str) -> dict[str, Any]:
    """One case, solved by ``pl.solve(problem)`` but for a longer budget."""
    problem = CASES[name]()
    began = time.process_time()
    solution = pl.solve(problem, max_seconds=SECONDS, progress=False)
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    reference = problem.reference
    if reference is None:
        better: Any
        if len(problem.unknowns) > 1:
            better = pl.reference_solution(problem, max_seconds=SECONDS)
        else:
            finer = pl.HardConstraintMoE(degrees={"x": 16}, tolerance=1e-9)
            better = pl.solve(problem, finer, max_seconds=SECONDS, progress=False)
        points = problem.domain.interior(unit_points("sobol", 8192, 2, np.random.default_rng(0))).points
        columns = dict(problem.domain.columns(points))
        mine, theirs = solution(**columns), better(**columns)
        error = max(float((mine[u] - theirs[u]).norm() / theirs[u].norm()) for u in problem.unknowns)
    else:
        error = max(solution.error().values())
    record = solution.history[-1]
    return {
        "error": error, "status": solution.status.name, "solver": type(solution.solver).__name__,
        "coefficients": int(solution.models[0].parameters[0].numel()), "experts": int(record.info["experts"]),
        "seconds": seconds, "bytes": peak, "levels": len(solution.history),
    }  # fmt: skip


def scaled(dimension: int, cells: int) -> dict[str, Any]:
    """What a factorization costs on so many cells along each side."""
    problem = disks() if dimension == 2 else balls()
    bounds = list(zip(*problem.domain.bounds.values(), strict=True))
    made = CutDiscretization(problem, TotalDegree(dimension, DEGREES[dimension]), 100.0)
    began = time.process_time()
    rows = made.assembled(Inside(problem.domain, Tree(bounds[0], bounds[1], [cells] * dimension)))
    built = time.process_time() - began
    system = rows.system()
    start = np.zeros((rows.layout.count, 1, made.basis.size))
    began = time.process_time()
    system.solve(start, 1e-10, 10)
    return {
        "dimension": dimension, "experts": rows.layout.count, "unknowns": rows.layout.count * made.basis.size,
        "rows_seconds": built, "solve_seconds": time.process_time() - began, "work": system.cost.work,
        "entries": system.cost.entries, "predicted_bytes": system.bytes,
        "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }  # fmt: skip


def power(rows: list[dict[str, Any]], key: str) -> float:
    """With which power of the number of experts something grew, over the last two sizes."""
    a, b = rows[-2:]
    return math.log(b[key] / a[key]) / math.log(b["experts"] / a["experts"])


def page(found: dict[str, Any]) -> str:
    """The tables of the documentation."""
    lines = [
        "| problem | error | experts | coefficients | levels | CPU s | peak memory, GB | status |",
        "|---|" + "---|" * 7,
    ]
    for name, row in found["cases"].items():
        lines.append(
            f"| {name} | {row['error']:.0e} | {row['experts']} | {row['coefficients']:,} | {row['levels']} | "
            f"{row['seconds']:.1f} | {row['bytes'] / 1e9:.2f} | {row['status'].lower()} |"
        )
    lines += [
        "",
        "| | experts | unknowns | rows, CPU s | solve, CPU s | numbers in the factor | peak memory, GB |",
        "|---|" + "---|" * 6,
    ]
    for row in found["scaling"]:
        where = "plane" if row["dimension"] == 2 else "space"
        lines.append(
            f"| {where} | {row['experts']} | {row['unknowns']:,} | {row['rows_seconds']:.2f} | "
            f"{row['solve_seconds']:.2f} | {row['entries']:.1e} | {row['bytes'] / 1e9:.2f} |"
        )
    lines.append("")
    for dimension, where in ((2, "the plane"), (3, "space")):
        rows = [row for row in found["scaling"] if row["dimension"] == dimension]
        lines.append(
            f"Over the last two sizes in {where} the multiplications of a factorization grow with the power "
            f"{power(rows, 'work'):.2f} of the number of experts, and the numbers in its factor with "
            f"{power(rows, 'entries'):.2f}."
        )
    return "\n".join(lines) + "\n"


def child(*arguments: str) -> dict[str, Any]:
    """A measurement in a process of its own."""
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=True)
    print(*arguments, done.stdout.strip().splitlines()[-1], flush=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    found = {
        "provenance": provenance("python docs/benchmarks/cells.py"),
        "cases": {name: child("--case", name) for name in CASES},
        "scaling": [child("--cells", str(d), str(n)) for d, sizes in SIZES.items() for n in sizes],
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        print(json.dumps(solved(sys.argv[2])))
    elif sys.argv[1:2] == ["--cells"]:
        print(json.dumps(scaled(int(sys.argv[2]), int(sys.argv[3]))))
    else:
        if sys.argv[1:2] != ["--page"]:
            main()
        (HERE / "cells.md").write_text(page(json.loads(RESULTS.read_text())))
