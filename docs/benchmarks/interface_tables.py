"""Tables of rewards: how well interface conditions suit the members of six families. Bandits are replayed on them.

    python docs/benchmarks/interface_tables.py single advection      # every arm of the pool, both phases under the same arm
    python docs/benchmarks/interface_tables.py sequential advection  # an arm for Adam, another for Levenberg-Marquardt
    python docs/benchmarks/interface_tables.py show advection
    python docs/benchmarks/interface_tables.py speed advection       # a stacked play against a solve with the same steps

A family's table is ``interface_tables/{family}.npz``; ``load(family)`` reads it. It is written after every arm, and arms
that stand in it are not computed again. The settings follow Li et al. (METALIC), arXiv 2210.12669: soft conditions,
weights 20 (conditions), 1 (equation) and 5 (interface), two tanh networks. Networks are smaller ([2, 8, 8, 1]) and so are
points and steps, and Levenberg-Marquardt stands for L-BFGS; nothing is given at the final time. All is seeded: values of
parameters are scrambled Sobol points, every pair (value, arm) has initial parameters of its own, and all plays share
their collocation points.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import pinnlab as pl
from pinnlab.declaration.conditions import Periodic
from pinnlab.declaration.relative_error import error_grid, evaluate
from pinnlab.domains.sampling import unit_points
from pinnlab.solvers.multidomain.interfaces import ARMS
from pinnlab.solvers.multidomain.partition import Subdomains
from pinnlab.solvers.multidomain.solver import MultiDomainPINN
from stacked.system import initial_parameters
from stacked.training import Trained, train

FOLDER = Path(__file__).parent / "interface_tables"
TRAINING, TEST = 40, 20
CAP = 100.0
"""Errors beyond it, and those of runs that diverged, count as this much."""

PHASES = (pl.Adam(steps=30, learning_rate=1e-2), pl.LevenbergMarquardt(steps=18, trials=2))
MEASURED = ("error", "residual", "conditions", "jump")
_INITIAL = 97
"""Different initial parameters; pairs (value, arm) take them in turn."""


def burgers_flux(u, nu):
    return u * u / 2 - nu * u.x


SPLITS: dict[str, dict] = {
    "poisson_erf": {"subdomains": {"y": (0.5,)}},
    "advection": {"subdomains": {"t": (0.5,)}},
    "reaction": {"subdomains": {"t": (0.5,)}},
    "burgers_family": {
        "subdomains": Subdomains(cuts={"x": (-0.1, 0.1)}, together=[(0, 2)]), "flux": burgers_flux
    },
    "heat_family": {"subdomains": {"t": (0.5,)}},
    "kdv_family": {"subdomains": {"t": (10.0,)}, "harmonics": 3},
}  # fmt: skip
"""Families by the names of their problem files, and how METALIC splits them."""


def pool() -> list[tuple[str, ...]]:
    """The arms: each condition alone, ``value`` with each other one, sets in use, all, and random subsets."""
    arms = [(name,) for name in ARMS]
    arms += [("value", name) for name in ARMS[1:]]
    arms += [("average", "residual_jump"), ("average", "flux"), ("value", "flux", "residual_jump"), ARMS]
    rng = np.random.default_rng(0)
    while len(arms) < 28:
        arm = tuple(name for name, on in zip(ARMS, rng.random(len(ARMS)) < 0.5, strict=True) if on)
        if arm and arm not in arms:
            arms.append(arm)
    return arms


FIRST: list[tuple[str, ...]] = [("value",), ("value", "flux"), ("average", "residual_jump"), ARMS]
SECOND: list[tuple[str, ...]] = [
    ("value",), ("flux",), ("value", "flux"), ("average", "residual_jump"), ("average", "flux"),
    ("value", "residual_gradient"), ("value", "normal_2"), ("value", "tangential"), ARMS,
]  # fmt: skip
"""Arms of the sequential table's two phases; all of them stand in the pool too."""


@dataclass
class Table:
    """Measured numbers of one family; NaN where a run is still missing.

    Attributes:
        family: its name.
        names: of its parameters.
        contexts: (V, k) their values, training values first.
        training: how many of the V values are for training; the others are for tests.
        arms: (A, 9) 0 or 1, the pool in the order of ``pinnlab.solvers.multidomain.interfaces.ARMS``.
        single: {measure: (V, A)}: ``"error"`` relative L2; root mean squares that need no reference: ``"residual"`` of the
            equation, ``"conditions"`` of initial and boundary values, ``"jump"`` across the interfaces.
        first_arms, second_arms: (A1, 9) and (A2, 9), of the sequential table.
        first: {measure: (V, A1)} after the first phase.
        second: {measure: (V, A1, A2)} after both.
        seconds: processor time spent on the single and on the sequential table.
        settings: how it was computed, JSON.
    """

    family: str
    names: tuple[str, ...]
    contexts: np.ndarray
    training: int
    arms: np.ndarray
    single: dict[str, np.ndarray]
    first_arms: np.ndarray
    second_arms: np.ndarray
    first: dict[str, np.ndarray]
    second: dict[str, np.ndarray]
    seconds: np.ndarray
    settings: str

    def rewards(self, measured: np.ndarray | None = None) -> np.ndarray:
        """-log10 of the capped error, by default that of the single table (V, A)."""
        return reward(self.single["error"] if measured is None else measured)

    def blind_rewards(self) -> np.ndarray:
        """The same without a reference: of residual plus jump (V, A)."""
        return reward(self.single["residual"] + self.single["jump"])


def reward(size: np.ndarray) -> np.ndarray:
    """-log10 of errors, capped; what is not finite counts as the cap."""
    return -np.log10(np.clip(np.where(np.isfinite(size), size, CAP), 1e-12, CAP))


def load(family: str) -> Table:
    """The table of a family.

    Raises:
        FileNotFoundError: it was not computed.
    """
    with np.load(FOLDER / f"{family}.npz") as data:
        groups = {g: {m: data[f"{g}/{m}"] for m in MEASURED} for g in ("single", "first", "second")}
        plain = {k: data[k] for k in ("contexts", "arms", "first_arms", "second_arms", "seconds")}
        names = tuple(str(n) for n in data["names"])
        return Table(family, names, training=int(data["training"]), settings=str(data["settings"]), **plain, **groups)


def save(table: Table) -> None:
    """Write a table at once, so that a reader or a kill never sees half of it."""
    FOLDER.mkdir(exist_ok=True)
    groups = {
        f"{g}/{m}": v.astype(np.float32) for g in ("single", "first", "second") for m, v in getattr(table, g).items()
    }
    path = FOLDER / f"{table.family}.part.npz"
    np.savez_compressed(
        path, names=np.array(table.names), contexts=table.contexts, training=table.training, arms=table.arms,
        first_arms=table.first_arms, second_arms=table.second_arms, seconds=table.seconds, settings=table.settings, **groups,
    )  # fmt: skip
    path.replace(FOLDER / f"{table.family}.npz")


def bits(arms: list[tuple[str, ...]]) -> np.ndarray:
    """(A, 9) of 0 and 1."""
    return np.array([[name in arm for name in ARMS] for arm in arms], dtype=np.int8)


def empty(family: str, solver: MultiDomainPINN) -> Table:
    """The table before the first play."""
    problem = pl.load_problem(family)
    names = problem.families
    rng = np.random.default_rng(20)
    unit = np.concatenate([unit_points("sobol", n, len(names), rng).numpy() for n in (TRAINING, TEST)])
    low, high = (np.array([getattr(problem.parameters[n], end) for n in names]) for end in ("lower", "upper"))
    arms, v = pool(), TRAINING + TEST
    settings = {
        "command": f"python docs/benchmarks/interface_tables.py single {family}; ... sequential {family}",
        "solver": repr(dataclasses.replace(solver, flux=None, network=None)),
        "network": "MLP(width=8, depth=2), tanh, one per subdomain, float64",
        "phases": repr(PHASES), "measured": "error on a 257 x 257 grid thinned to every 4th node; others at 256 points",
        "torch": torch.__version__,
    }  # fmt: skip

    def missing(*shape: int) -> dict[str, np.ndarray]:
        return {m: np.full(shape, np.nan, dtype=np.float32) for m in MEASURED}

    return Table(
        family, names, low + unit * (high - low), TRAINING, bits(arms), missing(v, len(arms)), bits(FIRST), bits(SECOND),
        missing(v, len(FIRST)), missing(v, len(FIRST), len(SECOND)), np.zeros(2), json.dumps(settings),
    )  # fmt: skip


class Family:
    """Everything about a family that its plays share."""

    def __init__(self, name: str):
        self.problem = soft(pl.load_problem(name))
        self.solver = MultiDomainPINN(
            network=pl.MLP(width=8, depth=2), interface=("value", "flux"), points=96, boundary_points=24,
            interface_points=24, sampling="sobol", stages=PHASES, condition_weight=20.0, interface_weight=5.0,
            **SPLITS[name],
        )  # fmt: skip
        path = FOLDER / f"{name}.npz"
        self.table = load(name) if path.exists() else empty(name, self.solver)
        t = self.table
        self.members = [self.problem.at(**dict(zip(t.names, map(float, c), strict=True))) for c in t.contexts]
        grid = error_grid(self.problem.domain).view(257, 257, 2)[::4, ::4].reshape(-1, 2)
        self.points = grid
        self.references = torch.stack([evaluate(m.reference, m, grid) for m in self.members])
        self.initial = torch.stack([initial_parameters(self.members[0], self.solver, s) for s in range(_INITIAL)])

    def start(self, arm: int) -> torch.Tensor:
        """(V, P): initial parameters of all values under one arm."""
        return self.initial[(arm + 7 * np.arange(len(self.members))) % _INITIAL]

    def measured(self, trained: Trained) -> dict[str, np.ndarray]:
        """{measure: (V,)}."""
        held = trained.system.held_out(trained.theta)
        found = {"residual": held["equation"], "conditions": held["conditions"], "jump": held["jump"]}
        return {k: v.numpy() for k, v in {"error": trained.errors(self.points, self.references), **found}.items()}

    def single(self) -> None:
        """Fill in what is missing of the pool."""
        for a, arm in enumerate(pool()):
            if not np.isnan(self.table.single["residual"][:, a]).all():
                continue
            began = time.process_time()
            trained = train(self.members, self.solver.with_interface(arm), theta=self.start(a))
            for name, value in self.measured(trained).items():
                self.table.single[name][:, a] = value
            self._account(0, began, arm, self.table.single["error"][:, a])

    def sequential(self) -> None:
        """Fill in what is missing of the pairs of arms."""
        t = self.table
        for a, first in enumerate(FIRST):
            if not np.isnan(t.second["residual"][:, a]).any(0).any():
                continue
            began = time.process_time()
            start = train(self.members, self.solver, [(PHASES[0], first)], theta=self.start(len(t.arms) + a))
            for name, value in self.measured(start).items():
                t.first[name][:, a] = value
            self._account(1, began, first, t.first["error"][:, a])
            for b, second in enumerate(SECOND):
                if not np.isnan(t.second["residual"][:, a, b]).all():
                    continue
                began = time.process_time()
                trained = train(self.members, self.solver, [(PHASES[1], second)], theta=start.theta, seed=1)
                for name, value in self.measured(trained).items():
                    t.second[name][:, a, b] = value
                self._account(1, began, second, t.second["error"][:, a, b])

    def _account(self, which: int, began: float, arm: tuple[str, ...], errors: np.ndarray) -> None:
        spent = time.process_time() - began
        self.table.seconds[which] += spent
        save(self.table)
        low, middle, high = np.quantile(np.nan_to_num(errors, nan=CAP), (0.1, 0.5, 0.9))
        label = " + ".join(arm) if len(arm) < len(ARMS) else "all on"
        print(f"{self.table.family} {spent:6.1f} s  error {low:.1e} {middle:.1e} {high:.1e}  {label}", flush=True)


def soft(problem: pl.Problem) -> pl.Problem:
    """The problem with all its conditions in the loss, but for periodicity, which is the network's."""
    conditions = [copy.copy(c) for c in problem.conditions]
    for condition in conditions:
        if not isinstance(condition, Periodic):
            condition.exact = False
    return problem.replace(conditions=conditions)


def show(table: Table) -> None:
    """Mean rewards of arms, and the best arm by parameter."""
    rewards = table.rewards()
    labels = [
        "+".join(n for n, on in zip(ARMS, row, strict=True) if on) if row.sum() < 9 else "all on" for row in table.arms
    ]
    mean = rewards.mean(0)
    print(
        f"{table.family}: mean reward of every value's best arm {rewards.max(1).mean():.3f}, at random {mean.mean():.3f}"
    )
    for a in np.argsort(-mean):
        print(f"  {mean[a]:6.3f}  test {rewards[table.training :, a].mean():6.3f}  {labels[a]}")
    for v in np.argsort(table.contexts[:, 0]):
        best = rewards[v].argmax()
        print(f"  {table.contexts[v].round(4).tolist()}: {rewards[v, best]:.2f} {labels[best]}")


def speed(family: str) -> None:
    """Processor time of a play, stacked and by ``solve`` (which also watches held-out points), and both errors."""
    shared = Family(family)
    arm = ("value", "flux")
    config = shared.solver.with_interface(arm)
    began = time.process_time()
    trained = train(shared.members, config)
    stacked = (time.process_time() - began) / len(shared.members)
    errors, count = trained.errors(shared.points, shared.references).numpy(), 5
    began = time.process_time()
    solutions = [pl.solve(member, config, progress=False) for member in shared.members[:count]]
    alone = (time.process_time() - began) / count
    print(
        f"{family}: stacked {stacked:.3f} s, alone {alone:.3f} s, ratio {alone / stacked:.1f}; errors stacked, alone:"
    )
    for error, solution in zip(errors, solutions, strict=False):
        print(f"  {error:.2e}  {solution.error()['u']:.2e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("single", "sequential", "show", "speed"))
    parser.add_argument("families", nargs="+", choices=tuple(SPLITS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.families:
        if arguments.what == "show":
            show(load(name))
        elif arguments.what == "speed":
            speed(name)
        else:
            getattr(Family(name), arguments.what)()


if __name__ == "__main__":
    main()
