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
from pinnlab.declaration.parameters.kinds import Uniform
from pinnlab.declaration.problem import Problem
from pinnlab.networks.mlp import MLP
from pinnlab.optimizers import LBFGS, Adam, LevenbergMarquardt
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
_EASY: dict[str, dict[str, tuple[float, float]]] = {
    "poisson_erf": {"s": (1.0, 13.25)}, "advection": {"b": (1.0, 8.25)}, "reaction": {"r": (1.0, 4.5)},
    "burgers_family": {"nu": (0.03775, 0.05)}, "kdv_family": {"c": (1.0, 3.25)}, "heat_family": {},
}  # fmt: skip
"""The quarter of each range in which members are smoothest, from which they are drawn at small size (heat: all of it)."""
_PLAYS = {"small": 16, "paper": 200}
_MEMBERS = {"small": 4, "paper": 100}
_FIRST_TEST = 10_000
_ADAM, _MARQUARDT = 50, 25
"""Steps of the two stages at small size."""


def arms(size: str) -> tuple[tuple[str, ...], ...]:
    """Sets to choose from: all 511, or at small size ``value``, alone and with one other.

    Without the value nothing joins subdomains of a first-order equation; few plays are not to be spent on learning that.
    """
    if size == "paper":
        return tuple(tuple(map(str, names)) for names in interface_arms())
    return (("value",), *(("value", name) for name in ARMS if name != "value"))


def _stages(size: str) -> tuple[Any, ...]:
    if size == "small":
        return Adam(steps=_ADAM, learning_rate=1e-2), LevenbergMarquardt(steps=_MARQUARDT)
    return Adam(steps=2000, learning_rate=1e-3), LBFGS(steps=2500)


def _shared(size: str, parts: int = 1) -> dict:
    """Of one network, on the union of the points of so many subdomains."""
    small = size == "small"
    return {
        "network": MLP(width=8 if small else 20, depth=2),
        "points": parts * (100 if small else 1000),
        "boundary_points": parts * (24 if small else 100),
        "condition_weight": 20.0,
        "stages": _stages(size),
    }


def coupled(family: str, size: str, interface: Any = ("value",)) -> MultiDomainPINN:
    """Two networks of the authors' kind with a set of interface conditions."""
    points = 16 if size == "small" else 101
    return MultiDomainPINN(
        subdomains=_SPLITS[family], interface=interface, interface_weight=5.0, interface_points=points, **_shared(size)
    )


def alone(family: str, size: str) -> PINN:
    """One network without an interface, on as many points."""
    return PINN(**_shared(size, 1 + sum(len(cuts) for cuts in _SPLITS[family].values())))


def members(family: str, size: str) -> Problem:
    """The family as it is learned over: conditions in the loss, and at small size the easy quarter of it."""
    problem = softened(load_problem(family))
    easy = {name: Uniform(*bounds) for name, bounds in _EASY[family].items()} if size == "small" else {}
    return problem.replace(parameters={**problem.parameters, **easy})


def _over_members(family: str, choose: Callable[[Any], Any], setting: Setting) -> tuple[float, float, str]:
    """Mean error over unseen members, each with the solver that is chosen for it; seconds; the last status."""
    problem, errors, seconds, status = members(family, setting.size), [], 0.0, ""
    for number in range(_MEMBERS[setting.size]):
        member = problem.sample(np.random.default_rng(_FIRST_TEST + number))
        solution = solve(member, choose(member), seed=setting.seed + number, device=setting.device, progress=False)
        errors.append(largest(solution.error().values()))
        seconds, status = seconds + solution.seconds, solution.status.name
        if solution.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
    return float(np.mean(errors)), seconds, status


def _fixed(family: str, solver: Callable[[str], Any]) -> Callable[[Setting], Measured]:
    return lambda setting: Measured(*_over_members(family, lambda _: solver(setting.size), setting))


def _learned(family: str, policy: str) -> Callable[[Setting], Measured]:
    def make(setting: Setting) -> Measured:
        selector = InterfaceSelector(policy, arms(setting.size), seed=setting.seed, refit_every=5)
        plays = _PLAYS[setting.size]
        selector.fit(
            members(family, setting.size), coupled(family, setting.size), plays=plays, path=setting.checkpoint,
            progress=setting.progress,
        )  # fmt: skip
        if len(selector.trials) < plays:
            raise KeyboardInterrupt
        learning = sum(trial.seconds for trial in selector.trials)
        error, seconds, status = _over_members(family, selector.select, setting)
        return Measured(error, learning + seconds, status, {"plays": float(plays)})

    return make


def _variants(family: str) -> tuple[Variant, ...]:
    limits = {"small": 60.0, "paper": 6 * 3600.0}
    sets = {"all nine conditions": ARMS, "value, residual jump (XPINN)": LITERATURE["XPINN"]}

    def with_set(names: Any) -> Callable[[str], Any]:
        return lambda size: coupled(family, size, names)

    rows = [Variant("one network", _fixed(family, lambda size: alone(family, size)), math.nan, limits)]
    rows += [Variant(name, _fixed(family, with_set(names)), math.nan, limits) for name, names in sets.items()]
    for policy in ("random", "ucb", "thompson", "sequential"):
        rows.append(Variant(f"learned, {policy}", _learned(family, policy), math.nan, limits))
    return tuple(rows)


EXPERIMENTS = tuple(
    Experiment(
        "metalic", family, f"Interface conditions on {family}", "arXiv 2210.12669, test errors of learned conditions",
        "mean relative L2 error over unseen members", _variants(family),
        f"Small: members from the easy quarter of the family, networks of width 8, {_ADAM} steps of Adam and {_MARQUARDT} "
        "of Levenberg-Marquardt in every row in place of L-BFGS, sets of the value, alone and with one other condition, "
        f"{_PLAYS['small']} plays, {_MEMBERS['small']} unseen members. One network has as many points as all subdomains.",
    )
    for family in _SPLITS
)  # fmt: skip
