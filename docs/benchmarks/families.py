"""How accurate and how fast the data generators are: python docs/benchmarks/families.py.

Seconds are those of the process. Writes families.json, and families_diffusion.md and families_vorticity.md, the tables of
docs/families.md.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from pinnlab.bench.provenance import provenance
from pinnlab.problems import diffusion_sorption, navier_stokes
from pinnlab.problems._diffusion_sorption import DIFFUSION, cell_centres, finite_volumes, retardation
from pinnlab.problems._vorticity import END, pseudo_spectral, time_steps

TIMES = np.linspace(0.0, 500.0, 101)
OUTPUTS = 65
STATES, SEEDS = (0.001, 0.1, 0.2), (0, 1, 2)
HERE = Path(__file__).parent


def relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def diffusion() -> list[dict[str, Any]]:
    """Errors of finite volumes against the classical solution: a row for each number of cells and initial state."""
    rows = []
    for u0 in STATES:
        reference = diffusion_sorption.problem().reference.member(u0=u0)
        for cells in (256, 512, 1024, 2048):
            began = time.process_time()
            found = finite_volumes(u0, cells, TIMES)
            seconds = time.process_time() - began
            x, t = np.meshgrid(cell_centres(cells), TIMES, indexing="ij")
            error = relative(found[:, 1:], reference(x=x, t=t)["u"][:, 1:])
            rows.append({"size": cells, "member": u0, "error": error, "seconds": seconds})
            print(rows[-1], flush=True)
    return rows


def outside(u0: float, cells: int) -> np.ndarray:
    """Boundary values a whole cell from the outermost centres, on the right -D u_x by the last two cells."""
    h = 1 / cells

    def rate(_: float, u: np.ndarray) -> np.ndarray:
        padded = np.concatenate([[1.0], u, [DIFFUSION * (u[-2] - u[-1]) / h]])
        return DIFFUSION / retardation(u) * np.diff(padded, 2) / h**2

    options = {"method": "LSODA", "lband": 2, "uband": 1, "rtol": 1e-7, "atol": 1e-9}
    return solve_ivp(rate, (0.0, 500.0), np.full(cells, u0), t_eval=TIMES, **options).y


def vorticity() -> list[dict[str, Any]]:
    """How far a solution is from that with twice as many nodes and steps: a row for each number of nodes and seed."""
    rows = []
    for seed in SEEDS:
        w0 = navier_stokes.problem(seed).parameters["w0"]
        before = None
        for nodes in (32, 64, 128, 256):
            x = np.arange(nodes) / nodes
            steps = time_steps(nodes, END / (OUTPUTS - 1))
            began = time.process_time()
            found = pseudo_spectral(w0(x[:, None], x)[None], navier_stokes.VISCOSITY, END, OUTPUTS, steps)[0]
            if before is not None:
                rows[-1]["error"] = relative(before, found[::2, ::2])
                print(rows[-1], flush=True)
            rows.append({"size": nodes, "member": seed, "seconds": time.process_time() - began})
            before = found
        rows.pop()
    return rows


def table(rows: list[dict[str, Any]], size: str, member: str) -> str:
    """A line for each size, with the errors of all members."""
    members = list(dict.fromkeys(row["member"] for row in rows))
    lines = [f"| {size} | {' | '.join(member.format(m) for m in members)} | CPU s of a member |"]
    lines.append("|---" * (len(members) + 2) + "|")
    for n in dict.fromkeys(row["size"] for row in rows):
        same = [row for row in rows if row["size"] == n]
        seconds = [row["seconds"] for row in same]
        errors = " | ".join(f"{row['error']:.1e}" for row in same)
        lines.append(f"| {n} | {errors} | {min(seconds):.2f} to {max(seconds):.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    found = {"diffusion": diffusion(), "vorticity": vorticity()}
    moved = {cells: relative(outside(0.1, cells), finite_volumes(0.1, cells, TIMES)) for cells in (512, 1024)}
    result = {
        "provenance": provenance("python docs/benchmarks/families.py"), **found, "walls half a cell outside": moved,
    }  # fmt: skip
    (HERE / "families.json").write_text(json.dumps(result, indent=1) + "\n")
    (HERE / "families_diffusion.md").write_text(table(found["diffusion"], "cells", "$u_0 = {}$"))
    (HERE / "families_vorticity.md").write_text(table(found["vorticity"], "nodes", "seed {}"))


if __name__ == "__main__":
    main()
