"""A family, a solver and a solve that cost nothing: the error depends on the parameter and on the interface."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import torch

import pinnlab as pl
from pinnlab.selection import InterfaceSelector, trials


def family(**changes: object) -> pl.Problem:
    """u_t + b u_x = 0 for b in [1, 9]."""
    given = {
        "equations": lambda u, b: u.t + b * u.x,
        "parameters": {"b": pl.Uniform(1.0, 9.0)},
        "reference": lambda x, t, b: torch.sin(torch.as_tensor(x - b * t)),
    }
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        conditions=[pl.Initial(u=lambda x: torch.sin(x))],
        **{**given, **changes},
    )


@dataclass(frozen=True)
class Solver:
    interface: tuple = ("value",)
    uncoupled: bool = False
    pause: float = 0.0

    def with_interface(self, interface: tuple) -> Solver:
        return replace(self, interface=interface, uncoupled=not interface)


def error_of(b: float, names: tuple[str, ...]) -> float:
    """ "value" helps always, "flux" where b is small, "residual" where it is large; the rest is in the way."""
    size = 0.0 - 1.0 * ("value" in names) - 0.2 * (5 - b) * ("flux" in names) - 0.2 * (b - 5) * ("residual" in names)
    return 10 ** (size + 0.1 * (len(names) - 1))


def solve(problem: pl.Problem, solver: Solver, **options: object) -> SimpleNamespace:
    """Stands in for ``pinnlab.solve``."""
    time.sleep(solver.pause)
    names = tuple(
        c if isinstance(c, str) else getattr(c, "name", getattr(c, "__name__", "?")) for c in solver.interface
    )
    b = float(problem.parameters["b"])
    noise = np.random.default_rng(options["seed"]).normal()
    error = error_of(b, names) * math.exp(0.05 * noise)
    return SimpleNamespace(status=pl.Status.STEPS_DONE, error=lambda: {"u": error}, problem=problem, solver=solver)


ARMS = [("value",), ("flux",), ("residual",), ("value", "flux"), ("value", "residual"), ("value", "flux", "residual")]


def selector(**options: object) -> InterfaceSelector:
    return InterfaceSelector(arms=ARMS, warm_up=3, seed=2, refit_every=20, **options)


if __name__ == "__main__":  # as a process that a test kills
    trials.solve = solve
    selector().fit(family(), Solver(pause=0.05), plays=200, path=sys.argv[1], progress=False)
