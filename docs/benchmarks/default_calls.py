"""One untuned call each, on problems whose solutions are known: what it is off by, and what the report says of it.

    python docs/benchmarks/default_calls.py [NAME ...] [--seconds 60]   # names, or parts of them; all without any
    python docs/benchmarks/default_calls.py --page                      # docs/benchmarks/default_calls.md from the json

Errors are relative L2 at 8,192 points of the domain, the largest of the unknowns that are compared. Each case runs in a
process of its own, on one thread; memory is the peak of that process. Rows that are not asked for stay as they are.
"""

from __future__ import annotations

import argparse
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
from element_cases import Case, flows, materials, narrow, plane, solids, space_and_time
from torch import Tensor

import pinnlab as pl
from pinnlab.bench.provenance import provenance
from pinnlab.domains.sampling import unit_points
from pinnlab.problems import lid_cavity
from pinnlab.problems._cavity import cavity

HERE = Path(__file__).parent
RESULTS = HERE / "default_calls.json"


def soliton() -> Case:
    """A bound state of two solitons (Satsuma & Yajima 1974): i h_t + h_xx / 2 + |h|^2 h = 0 from 2 sech x."""

    def exact(x: Tensor, t: Tensor) -> dict[str, Tensor]:
        above = torch.cosh(3 * x) + 3 * torch.exp(4j * t) * torch.cosh(x)
        below = torch.cosh(4 * x) + 4 * torch.cosh(2 * x) + 3 * torch.cos(4 * t)
        return {"h": 4 * torch.exp(0.5j * t) * above / below}

    problem = pl.Problem(
        pl.Box(x=(-5.0, 5.0), t=(0.0, math.pi / 2)), {"h": complex}, lambda h: 1j * h.t + 0.5 * h.xx + abs(h) ** 2 * h,
        [pl.Initial(h=lambda x: 2 / torch.cosh(x)), pl.Dirichlet(h=lambda x, t: exact(x, t)["h"], on="x")],
    )  # fmt: skip
    return Case(problem, exact, 1e-8, 1e-8)


def string() -> Case:
    """A string of one metre, 10 m/s, that is moved at one end as sin(20 pi t) for ten periods, and held at the other."""
    speed, length = 10.0, 1.0

    def wave(s: Tensor) -> Tensor:
        return torch.where(s > 0, torch.sin(20 * math.pi * s), 0.0)

    def exact(x: Tensor, t: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for k in range(6):
            total = total + wave(t - (x + 2 * k * length) / speed) - wave(t - (2 * (k + 1) * length - x) / speed)
        return total

    problem = pl.Problem(
        pl.Box(x=(0.0, length), t=(0.0, 1.0)), "u", lambda u: u.tt - speed**2 * u.xx,
        [
            pl.Initial(u=0.0, u_t=0.0), pl.Dirichlet(u=lambda t: torch.sin(20 * math.pi * t), on="x-"),
            pl.Dirichlet(u=0.0, on="x+"),
        ],
    )  # fmt: skip
    return Case(problem, exact, 1e-6, 1e-6)


def cavity_in_psi(re: float) -> Callable[[], Case]:
    """The lid-driven cavity in its stream function, against spectral elements of degree 9."""

    def case() -> Case:
        stream = cavity(re, lid_cavity.LIDS["unit"], 9)

        def exact(x: Tensor, y: Tensor) -> dict[str, np.ndarray]:
            return dict(stream.at_points({"x": x.numpy(), "y": y.numpy()}))

        return Case(lid_cavity.problem(re), exact, 1e-6, 1e-6)

    return case


CASES: dict[str, tuple[Callable[[], Case], float]] = {
    "two materials 1000 : 1, a disk in a square": (materials.conducting, 1e-7),
    "two materials 1 : 1000, a disk in a square": (materials.insulating, 1e-7),
    "clamped elastic square, SI units": (solids.by_displacements, 1e-4),
    "the same in displacements and stresses": (solids.by_stresses, 1e-4),
    "lid cavity in u, v, p, smooth lid, Re 100": (flows.lid("smooth"), 1e-6),
    "lid cavity in psi, Re 100": (cavity_in_psi(100.0), 1e-6),
    "lid cavity in psi, Re 400": (cavity_in_psi(400.0), 1e-6),
    "Navier-Stokes, hole and an outlet": (flows.around_a_hole, 1e-6),
    "cylinder in a channel, Re 20": (flows.cylinder, 1e-3),
    "heat, hole and a Robin side, t to 3": (plane.heat, 1e-5),
    "wave, drum": (plane.drum, 1e-3),
    "wave in a medium that varies, hole": (materials.wave, 1e-3),
    "Schroedinger, from 2 sech x": (soliton, 1e-8),
    "driven string, 10 Hz, ten periods": (string, 1e-6),
    "wire of 2 mm in a square of 1 m": (narrow.wire, 1e-6),
    "hot place of 3 mm of a wall of 1 m": (narrow.wall, 1e-6),
    "drop of 3 mm that spreads in a square of 1 m": (narrow.drop, 1e-4),
    "dose in 0.2 mm of a vein of 1 m": (narrow.dose, 1e-5),
    "salt in a cube of gel, SI units": (space_and_time.salt, 1e-4),
    "heat, cube less four balls, t to 1": (space_and_time.holes, 1e-6),
    "ball in an oven, SI units": (space_and_time.sphere, 1e-3),
}
"""{name: (the case, the error that is to be reached)}."""


def solved(name: str, seconds: float) -> dict[str, Any]:
    """One case."""
    case, target = CASES[name][0](), CASES[name][1]
    problem = case.problem
    began = time.perf_counter()
    solution = pl.solve(problem, max_seconds=seconds, progress=False)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    row: dict[str, Any] = {
        "solver": type(solution.solver).__name__, "status": solution.status.name, "seconds": took, "bytes": peak,
        "target": target, "given": seconds,
    }  # fmt: skip
    if case.exact is not None:
        unit = unit_points("sobol", 8192, len(problem.domain.coordinates), np.random.default_rng(0))
        columns = dict(problem.domain.columns(problem.domain.interior(unit).points))
        found, exact = solution(**columns), case.exact(**columns)
        exact = exact if isinstance(exact, dict) else {next(iter(problem.declared)): exact}
        known = {u: torch.as_tensor(v) for u, v in exact.items()}
        row["error"] = max(float((found[u].detach() - v).norm() / v.norm()) for u, v in known.items())
    if case.numbers is not None:
        row["numbers"] = {k: list(pair) for k, pair in case.numbers(solution).items()}  # type: ignore[arg-type]
    report = solution.report(max_seconds=seconds)
    row["verdict"] = report.verdict.name.lower()
    row["estimate"] = None if report.estimate is None else max(report.estimate.errors.values())
    return row


def page(rows: dict[str, Any]) -> str:
    """The table of the documentation."""
    lines = ["| problem | error | to be reached | solver | took | report |", "|---|---|---|---|---|---|"]
    for name, row in rows.items():
        error = f"{row['error']:.0e}" if "error" in row else "not known"
        for what, (found, known) in row.get("numbers", {}).items():
            error += f"; {what} {found:.4g} of {known:.4g}"
        estimate = "" if row["estimate"] is None else f", estimate {row['estimate']:.0e}"
        lines.append(
            f"| {name} | {error} | {row['target']:.0e} | {row['solver']} | {row['seconds']:.0f} s | "
            f"{row['verdict']}{estimate} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(solved(given.case, given.seconds)))
        return
    table = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"rows": {}}
    chosen = [name for name in CASES if not given.names or any(part in name for part in given.names)]
    for name in [] if given.page else chosen:
        command = [sys.executable, __file__, "--case", name, "--seconds", str(given.seconds)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        row = json.loads(done.stdout.strip().splitlines()[-1])
        print(name, row, flush=True)
        row["provenance"] = provenance(f"python docs/benchmarks/default_calls.py {name!r} --seconds {given.seconds:g}")
        table["rows"] = {n: {**table["rows"], name: row}[n] for n in CASES if n in table["rows"] or n == name}
        RESULTS.write_text(json.dumps(table, indent=1) + "\n")
    (HERE / "default_calls.md").write_text(page(table["rows"]))


if __name__ == "__main__":
    main()
