"""Li et al., METALIC: meta learning of interface conditions for multi-domain PINNs, arXiv 2210.12669 (ICML 2023).

Settings are those of the authors' code: two networks [2, 20, 20, 1], 100 boundary and 1,000 residual points in each
subdomain, weights 20 for the boundary and 5 for the interface, Adam and then L-BFGS, five random plays and then 200, and
unseen members at the end. The problems are pure forward problems: the authors' code also gives the solution at the final
time for all families but Poisson. The authors' tables were not at hand, so no number is published here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pinnlab.algebra.largest import largest
from pinnlab.api import solve
from pinnlab.bench.papers.experiment import Experiment, Measured, Setting, Variant
from pinnlab.bench.papers.rows import softened
from pinnlab.declaration.library import load_problem
from pinnlab.networks.mlp import MLP
from pinnlab.optimizers import LBFGS, Adam
from pinnlab.selection import InterfaceSelector, interface_arms
from pinnlab.solvers.multidomain.interfaces import ARMS, LITERATURE
from pinnlab.solvers.multidomain.solver import MultiDomainPINN
from pinnlab.solvers.pinn import PINN
from pinnlab.training.status import Status

_SPLITS: dict[str, dict[str, tuple[float, ...]]] = {
    "poisson_erf": {"y": (0.5,)}, "advection": {"t": (0.5,)}, "reaction": {"t": (0.5,)},
    "burgers_family": {"x": (-0.1, 0.1)}, "kdv_family": {"t": (10.0,)}, "heat_family": {"t": (0.5,)},
}  # fmt: skip
"""Where each family is cut. (Burgers: the authors give both outer pieces one network.)"""
_PLAYS = {"small": 25, "paper": 200}
_MEMBERS = {"small": 5, "paper": 100}
_FIRST_TEST = 10_000


def _stages(size: str) -> tuple[Any, ...]:
    if size == "small":
        return Adam(steps=60, learning_rate=1e-2), LBFGS(steps=3)
    return Adam(steps=2000, learning_rate=1e-3), LBFGS(steps=2500)


def _shared(size: str) -> dict:
    small = size == "small"
    return {
        "network": MLP(width=8 if small else 20, depth=2),
        "points": 200 if small else 1000,
        "boundary_points": 50 if small else 100,
        "condition_weight": 20.0,
        "stages": _stages(size),
    }


def coupled(family: str, size: str, interface: Any = ("value",)) -> MultiDomainPINN:
    """Two networks of the authors' kind with a set of interface conditions."""
    points = 32 if size == "small" else 101
    return MultiDomainPINN(
        subdomains=_SPLITS[family], interface=interface, interface_weight=5.0, interface_points=points, **_shared(size)
    )


def _members(family: str, choose: Callable[[Any], Any], setting: Setting) -> tuple[float, float, str]:
    """Mean error over unseen members, each with the solver that is chosen for it; seconds; the last status."""
    problem, errors, seconds, status = softened(load_problem(family)), [], 0.0, ""
    for number in range(_MEMBERS[setting.size]):
        member = problem.sample(np.random.default_rng(_FIRST_TEST + number))
        solution = solve(member, choose(member), seed=setting.seed + number, device=setting.device, progress=False)
        errors.append(largest(solution.error().values()))
        seconds, status = seconds + solution.seconds, solution.status.name
        if solution.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
    return float(np.mean(errors)), seconds, status


def _fixed(family: str, solver: Callable[[str], Any]) -> Callable[[Setting], Measured]:
    return lambda setting: Measured(*_members(family, lambda _: solver(setting.size), setting))


def _learned(family: str, policy: str) -> Callable[[Setting], Measured]:
    def make(setting: Setting) -> Measured:
        arms = interface_arms(largest=2) if setting.size == "small" else interface_arms()
        selector = InterfaceSelector(policy, arms, seed=setting.seed, refit_every=5)
        plays = _PLAYS[setting.size]
        selector.fit(
            softened(load_problem(family)), coupled(family, setting.size), plays=plays, path=setting.checkpoint,
            progress=setting.progress,
        )  # fmt: skip
        if len(selector.trials) < plays:
            raise KeyboardInterrupt
        learning = sum(trial.seconds for trial in selector.trials)
        error, seconds, status = _members(family, selector.select, setting)
        return Measured(error, learning + seconds, status, {"plays": float(plays)})

    return make


def _variants(family: str) -> tuple[Variant, ...]:
    limits = {"small": 60.0, "paper": 6 * 3600.0}
    sets = {"all nine conditions": ARMS, "value, residual jump (XPINN)": LITERATURE["XPINN"]}

    def with_set(names: Any) -> Callable[[str], Any]:
        return lambda size: coupled(family, size, names)

    rows = [Variant("one network", _fixed(family, lambda size: PINN(**_shared(size))), math.nan, limits)]
    rows += [Variant(name, _fixed(family, with_set(names)), math.nan, limits) for name, names in sets.items()]
    for policy in ("random", "ucb", "thompson", "sequential"):
        rows.append(Variant(f"learned, {policy}", _learned(family, policy), math.nan, limits))
    return tuple(rows)


EXPERIMENTS = tuple(
    Experiment(
        "metalic", family, f"Interface conditions on {family}", "arXiv 2210.12669, test errors of learned conditions",
        "mean relative L2 error over unseen members", _variants(family),
        "Small: narrower networks, 60 steps of Adam and three of L-BFGS, sets of one or two of the nine conditions, 25 "
        "plays, five unseen members: enough to see the machinery work, not to rank policies.",
    )
    for family in _SPLITS
)  # fmt: skip
