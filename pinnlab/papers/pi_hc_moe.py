"""Chalapathi, Du & Krishnapriyan, Scaling physics-informed hard constraints with mixture-of-experts, arXiv 2402.13412.

One network is trained over a family without solutions: with the equation in the loss (PI-SC), with one hard constraint over
the whole domain (PI-HC), with one for each of several experts (PI-HC-MoE).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pinnlab.algebra.largest import largest
from pinnlab.algebra.least_squares import LeastSquares
from pinnlab.api import solve
from pinnlab.bench.papers.experiment import OURS, Experiment, Measured, Setting, Variant
from pinnlab.declaration.library import load_problem, problem_module
from pinnlab.networks.fno import FNO
from pinnlab.networks.mlp import MLP
from pinnlab.optimizers import Adam
from pinnlab.solvers.hard_constraint import HardConstraintMoE

_MEMBERS = {"small": 5, "paper": 100}
_FIRST_TEST = 10_000


def _over_members(label: str, solver: Callable[[str], Any]) -> Callable[[Setting], Measured]:
    """Train over the family, and take the mean error of unseen members."""

    def make(setting: Setting) -> Measured:
        family = load_problem(label)
        solution = solve(
            family, solver(setting.size), max_seconds=setting.seconds, seed=setting.seed, device=setting.device,
            checkpoint=setting.checkpoint, progress=setting.progress,
        )  # fmt: skip
        errors = []
        for number in range(_MEMBERS[setting.size]):
            member = family.sample_parameters(np.random.default_rng(_FIRST_TEST + number))
            errors.append(largest(solution.at(**member).error().values()))
        return Measured(float(np.mean(errors)), solution.seconds, solution.status.name, {"sd": float(np.std(errors))})

    return make


def _sorption(constraint: str) -> Callable[[str], HardConstraintMoE]:
    """Diffusion-sorption with basis functions of a network that knows x, t and the initial state, and nothing else."""

    def solver(size: str) -> HardConstraintMoE:
        small, alone = size == "small", constraint != "experts"
        solved: dict[str, Any] = {} if constraint == "soft" else {
            "basis": 16, "search": LeastSquares(steps=15 if small else 50, tolerance=1e-4)
        }  # fmt: skip
        many: dict[str, Any] = {} if alone else {"experts": {"x": 4}}
        points = 160 if small else 20_000
        return HardConstraintMoE(
            network=MLP(width=40, depth=2) if small else MLP(width=64, depth=5),
            **solved, **many, constraint=constraint, points=points * (4 if alone else 1), condition_weight=10.0,
            batch=4 if small else 6, stages=(Adam(steps=10**6 if small else 4000, learning_rate=1e-3),),
        )  # fmt: skip

    return solver


def _flow(constraint: str) -> Callable[[str], HardConstraintMoE]:
    """Navier-Stokes with a Fourier neural operator over space and time."""

    def solver(size: str) -> HardConstraintMoE:
        small, alone = size == "small", constraint != "experts"
        network = FNO(modes=(8, 8, 6), width=24, depth=3) if small else FNO(modes=8, width=64, depth=8)
        basis: dict[str, Any] = {} if constraint == "soft" else {"basis": 32 if small else 64}
        many: dict[str, Any] = {} if alone else {"experts": {"x": 2, "y": 2}}
        grid = {"x": 32, "y": 32, "t": 16} if small else {"x": 64, "y": 64, "t": 64}
        return HardConstraintMoE(
            network=network, **basis, **many, constraint=constraint, batch=1 if small else 4, grid=grid
        )

    return solver


def _rows(label: str, solver: Callable[[str], Any], published: tuple[float, float, float]) -> tuple[Variant, ...]:
    limits = {"small": 150.0, "paper": 12 * 3600.0}
    names = {"soft": "in the loss (PI-SC)", "global": "one hard constraint (PI-HC)", "experts": "experts (PI-HC-MoE)"}
    rows = [
        Variant(name, _over_members(label, solver(constraint)), error, limits)
        for (constraint, name), error in zip(names.items(), published, strict=True)
    ]
    ours = _over_members(label, lambda _: problem_module(label).recipe())
    return (*rows, Variant(f"{OURS}, coupled experts", ours, math.nan, {"small": 150.0, "paper": 600.0}))


_METRIC = "mean relative L2 error over unseen members"

EXPERIMENTS = (
    Experiment(
        "pi_hc_moe", "diffusion_sorption", "Diffusion-sorption over its initial state", "arXiv 2402.13412, section 4.1",
        _METRIC, _rows("diffusion_sorption", _sorption, (0.8593, 0.0755, 0.0360)),
        "A network of x, t and u0 in place of an FNO over the grid, since the member is a number. Small: narrower, fewer "
        "points. "
        "The last row has features of similarity, made by hand.",
    ),
    Experiment(
        "pi_hc_moe", "navier_stokes", "Navier-Stokes at Re 1e4 over its initial state", "arXiv 2402.13412, section 4.2",
        _METRIC, _rows("navier_stokes", _flow, (0.18081, 0.11754, 0.08298)),
        "Small: 32 x 32 x 16 nodes and a narrower network, where the authors have 64^3 in training and 256^2 in the test.",
    ),
)  # fmt: skip
