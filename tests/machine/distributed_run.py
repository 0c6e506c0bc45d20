"""A user's script for the tests of several processes: solves with a checkpoint, and may end in the middle.

Arguments: a folder, and at which evaluation of the equation process 1 is killed in its first life (0: never).
"""

from __future__ import annotations

import math
import os
import signal
import sys
from pathlib import Path

import torch

import pinnlab as pl
from pinnlab.machine.distributed import leads
from pinnlab.training.checkpoint import Checkpoint

CALLS = [0, 0]
"""Evaluations of the equation so far, and at which one to end."""


def heat(u: pl.Field, nu: float) -> pl.Field:
    CALLS[0] += 1
    if CALLS[0] == CALLS[1]:
        os.kill(os.getpid(), signal.SIGKILL)
    return u.t - nu * u.xx


def start(x: torch.Tensor) -> torch.Tensor:
    return torch.sin(math.pi * x)


def solve(folder: Path) -> pl.Solution:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.5)), "u", heat, [pl.Initial(u=start), pl.Dirichlet(u=0.0)], {"nu": 0.1}
    )
    solver = pl.PINN(network=pl.MLP(width=8, depth=2), stages=(pl.Adam(steps=300),), points=100, sampling="sobol")
    return pl.solve(problem, solver, checkpoint=Checkpoint(folder / "run.pt", every_seconds=0.0))


def main() -> None:
    folder, end = Path(sys.argv[1]), int(sys.argv[2])
    rank, life = os.environ["RANK"], os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    (folder / f"life-{life}-{rank}").touch()
    if rank == "1" and life == "0":
        CALLS[1] = end
    solution = solve(folder)
    if leads():
        torch.save([[r.step, r.loss, r.held_out] for r in solution.history], folder / "history.pt")
        print("solved")


if __name__ == "__main__":
    main()
