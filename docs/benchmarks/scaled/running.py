"""What solvers make of a pair: errors, relative to the variation of the true solution, in the same points of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import pinnlab as pl
from scaled.pair import Pair

ROUNDING = 1e-9
"""Errors below it count as equal: what is left there depends on the last steps of a solver, not on units."""
DIRECT = ("HardConstraintMoE", "classical")
"""Solvers without random numbers."""
DRAWS = 4000
"""Of the bootstrap."""
TELLING = 5
"""Seeds from which on an interval is told."""


def solvers(pair: Pair, scaled: Callable[[str, float], float], steps: int | None) -> dict[str, Any]:
    """{name: solver}; positions of cuts by ``scaled``(coordinate, position in the hand's units).

    Args:
        steps: of what is trained, on small networks; None takes the defaults.
    """
    domain = pair.hand.domain
    cut = (domain.space or domain.coordinates)[0]
    middle = scaled(cut, sum(domain.bounds[cut]) / 2)
    few: dict[str, Any] = {}
    if steps is not None:
        few = {"stages": (pl.LevenbergMarquardt(steps=steps),), "network": pl.MLP(width=12, depth=2)}
    members: dict[str, Any] = {} if steps is None else {"stages": (pl.Adam(steps=steps),)}
    return {
        "HardConstraintMoE": pl.HardConstraintMoE(),
        "PINN": pl.PINN(**few),
        "CausalPINN": pl.CausalPINN(**few),
        "MultiDomainPINN": pl.MultiDomainPINN(subdomains={cut: (middle,)}, **few),
        "experts over a network": pl.HardConstraintMoE(network=pl.MLP(width=24, depth=2), **members),
        "LagrangianPINN": pl.LagrangianPINN(**few),
    }


def points(domain: pl.Box, n: int = 2000) -> dict[str, np.ndarray]:
    """Points of the hand's problem, {coordinate: (n,)}."""
    rng = np.random.default_rng(0)
    return {name: rng.uniform(*ends, n) for name, ends in domain.bounds.items()}


def errors(pair: Pair, found: Callable[..., Mapping[str, Any]], si: bool, true: Mapping[str, np.ndarray]) -> float:
    """The largest error of an unknown, relative to its variation."""
    at = points(pair.hand.domain)
    own = {name: x * (pair.units[name] if si else 1.0) for name, x in at.items()}
    worst = 0.0
    for unknown, values in found(**own).items():
        offset, scale = pair.scales[unknown]
        got = (values - offset) / scale if si else values
        varies = np.linalg.norm(true[unknown] - true[unknown].mean()) or math.sqrt(len(got))
        worst = max(worst, float(np.linalg.norm(got - true[unknown]) / varies))
    return worst


def truth(pair: Pair) -> dict[str, np.ndarray]:
    """The true solution at ``points``, in the hand's units."""
    at = points(pair.hand.domain)
    if pair.truth is not None:
        return pair.truth(at)
    domain = pair.hand.domain
    if domain.has_time and domain.space:
        return pl.solve(pair.hand, pl.HardConstraintMoE(tolerance=1e-9), progress=False)(**at)
    return pl.reference_solution(pair.hand, max_seconds=100)(**at)


def row(
    name: str, pair: Pair, solver: str, true: Mapping[str, np.ndarray], seconds: float, steps: int | None, seeds: int
) -> dict[str, Any] | None:
    """Errors of one solver on both of a pair, in turn; None where it takes neither.

    Args:
        name: of the pair.
        seconds, steps: budgets, as in the script.
        seeds: runs of what depends on random numbers.
    """
    both = {
        "hand": (pair.hand, solvers(pair, lambda c, x: x, steps)),
        "si": (pair.si, solvers(pair, lambda c, x: x * pair.units[c], steps)),
    }
    if solver != "classical" and both["hand"][1][solver].obstacle(pair.hand) is not None:
        return None
    found: dict[str, Any] = {"problem": name, "solver": solver, "hand": [], "si": []}
    for seed in range(1 if solver in DIRECT else seeds):
        for which in list(both)[:: 1 if seed % 2 == 0 else -1]:
            problem, mine = both[which]
            try:
                if solver == "classical":
                    solution: Any = pl.reference_solution(problem, max_seconds=max(seconds, 60.0))
                else:
                    solution = pl.solve(problem, mine[solver], max_seconds=seconds, seed=seed, progress=False)
                    steps_taken = solution.history[-1].step if len(solution.history) else 0
                    found.setdefault(f"{which} steps", []).append(steps_taken)
                    for c, (value, unit) in pair.coefficients.items():
                        got = solution.coefficients[c] / (unit if which == "si" else 1.0)
                        found.setdefault(f"{which} {c}", []).append(abs(got - value) / value)
                found[which].append(errors(pair, solution, which == "si", true))
            except (ValueError, NotImplementedError) as error:
                found[f"{which} refused"] = str(error)[:300]
    if found["hand"] and found["si"]:
        found["ratio"] = max(median(found["si"]), ROUNDING) / max(median(found["hand"]), ROUNDING)
    return found


def median(errors: Sequence[float]) -> float:
    """Of the seeds' errors."""
    return float(np.median(errors))


def of_means(hand: Sequence[float], si: Sequence[float]) -> tuple[float, float, float]:
    """The ratio of geometric means, which wanders less than that of medians, and between what it lies by 95 %.

    The interval is that of the bootstrap: seeds of each of the two are drawn anew, with replacement.
    """
    logs = [np.log(np.maximum(errors, ROUNDING)) for errors in (hand, si)]
    rng = np.random.default_rng(0)
    means = [rng.choice(one, (DRAWS, len(one))).mean(1) for one in logs]
    found = (logs[1].mean() - logs[0].mean(), *np.quantile(means[1] - means[0], (0.025, 0.975)))
    return math.exp(found[0]), math.exp(found[1]), math.exp(found[2])


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| problem | solver | budget | seeds | by hand | SI | ratio | of geometric means |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in rows:
        if "ratio" in one:
            hand, si = one["hand"], one["si"]
            numbers = f"{min(len(hand), len(si))} | {median(hand):.1e} | {median(si):.1e} | {one['ratio']:.2g}"
            budget = f"{one['steps']} steps" if "steps" in one else f"{one['seconds']:g} s"
            means = ""
            if min(len(hand), len(si)) >= TELLING:
                means = "{:.2g} ({:.2g} to {:.2g})".format(*of_means(hand, si))
            lines.append(f"| {one['problem']} | {one['solver']} | {budget} | {numbers} | {means} |")
    return "\n".join(lines) + "\n"
