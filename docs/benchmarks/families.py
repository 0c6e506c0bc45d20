"""How accurate and how fast the data generators are: python docs/benchmarks/families.py [diffusion|vorticity].

Writes one row per resolution to the standard output; the tables of docs/families.md are its rows.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from scipy.integrate import solve_ivp

from pinnlab.problems import diffusion_sorption, navier_stokes
from pinnlab.problems._diffusion_sorption import DIFFUSION, cell_centres, finite_volumes, retardation
from pinnlab.problems._vorticity import END, pseudo_spectral, time_steps

TIMES = np.linspace(0.0, 500.0, 101)
OUTPUTS = 65


def relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def diffusion() -> None:
    classical = {u0: diffusion_sorption.problem().reference.member(u0=u0) for u0 in (0.001, 0.1, 0.2)}
    for u0, reference in classical.items():
        for cells in (256, 512, 1024, 2048):
            began = time.perf_counter()
            found = finite_volumes(u0, cells, TIMES)
            seconds = time.perf_counter() - began
            x, t = np.meshgrid(cell_centres(cells), TIMES, indexing="ij")
            exact = reference(x=x, t=t)["u"]
            print(f"u0 {u0:<5} cells {cells:<4}  {seconds:.2f} s  error {relative(found[:, 1:], exact[:, 1:]):.1e}")
    for cells in (512, 1024):
        moved = relative(outside(0.1, cells), finite_volumes(0.1, cells, TIMES))
        print(f"walls half a cell outside, {cells} cells: {moved:.1e}")


def outside(u0: float, cells: int) -> np.ndarray:
    """Boundary values a whole cell from the outermost centres, on the right -D u_x by the last two cells."""
    h = 1 / cells

    def rate(_: float, u: np.ndarray) -> np.ndarray:
        padded = np.concatenate([[1.0], u, [DIFFUSION * (u[-2] - u[-1]) / h]])
        return DIFFUSION / retardation(u) * np.diff(padded, 2) / h**2

    options = {"method": "LSODA", "lband": 2, "uband": 1, "rtol": 1e-7, "atol": 1e-9}
    return solve_ivp(rate, (0.0, 500.0), np.full(cells, u0), t_eval=TIMES, **options).y


def vorticity() -> None:
    for seed in range(3):
        w0 = navier_stokes.problem(seed).parameters["w0"]
        before = None
        for nodes in (32, 64, 128, 256):
            x = np.arange(nodes) / nodes
            steps = time_steps(nodes, END / (OUTPUTS - 1))
            began = time.perf_counter()
            start = w0(x[:, None], x)[None]
            found = pseudo_spectral(start, navier_stokes.VISCOSITY, END, OUTPUTS, steps)[0]
            row = f"member {seed}  nodes {nodes:<3}  {time.perf_counter() - began:6.2f} s"
            if before is not None:
                row += f"  coarser one differs by {relative(before, found[::2, ::2]):.1e}"
            print(row)
            before = found


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["diffusion", "vorticity"]
    for name in wanted:
        {"diffusion": diffusion, "vorticity": vorticity}[name]()
