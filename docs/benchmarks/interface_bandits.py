"""Bandits replayed on the tables of rewards: what learning interface conditions gains on six families.

    OMP_NUM_THREADS=1 python docs/benchmarks/interface_bandits.py run [families ...] [--repetitions 20] [--workers 2]
    python docs/benchmarks/interface_bandits.py report

A repetition plays 200 times: a training value is drawn, the bandit picks an arm, the table says the reward. Then each of the
held-out values, which no bandit has seen, gets the arm of largest expected reward. Regret of a play is the best arm's
reward at this value less that of the arm played, both from the table. ``run`` writes ``interface_bandits.json`` after every
repetition and leaves out what stands in it; ``report`` prints the tables of docs/benchmarks.md and draws the figures.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import torch
from interface_tables import ARMS, CAP, FIRST, SECOND, Table, load, pool, reward
from scipy.stats import spearmanr

from pinnlab.selection.bandits import Bandit, SequentialBandit
from pinnlab.solvers.multidomain.interfaces import LITERATURE

FILE = Path(__file__).with_suffix(".json")
PLAYS, REFIT = 200, 20
FLOOR = -np.log10(CAP)
SINGLE = ("ucb", "thompson", "optimistic", "random")
SEQUENTIAL = ("phases thompson", "same thompson")


def contexts(table: Table) -> np.ndarray:
    """(V, k) parameters scaled to the range of training."""
    low, high = (end(table.contexts[: table.training], axis=0) for end in (np.min, np.max))
    return (table.contexts - low) / (high - low)


def play_single(table: Table, rewards: np.ndarray, arms: np.ndarray, policy: str, seed: int) -> dict:
    """Regret of each play and, by play number, the errors' mean reward on held-out values under the learned choice.

    Args:
        table: gives the contexts.
        rewards: (V, A).
        arms: (A, D).
        policy: of the bandit.
        seed: of everything.
    """
    where, rng = contexts(table), np.random.default_rng(1000 + seed)
    bandit = Bandit(arms, policy, seed=seed, refit_every=REFIT, floor=FLOOR)
    regret = []
    for _ in range(PLAYS):
        value = rng.integers(table.training)
        arm = bandit.select(where[value])
        bandit.update(where[value], arm, rewards[value, arm])
        regret.append(float(rewards[value].max() - rewards[value, arm]))
    test = np.arange(table.training, len(where))
    if policy == "random":
        chosen = rng.integers(len(arms), size=len(test))
    else:
        chosen = bandit.best(where[test])
    return {"regret": np.round(regret, 4).tolist(), "test": np.round(rewards[test, chosen], 4).tolist()}


def play_phases(table: Table, seed: int) -> dict:
    """The same for one arm per phase; the reward of a game is that of its last phase."""
    where, rng = contexts(table), np.random.default_rng(1000 + seed)
    columns = [SECOND.index(arm) for arm in FIRST]
    first, last = reward(table.first["error"]), reward(table.second["error"])[:, :, columns]
    bandit = SequentialBandit(table.first_arms, "thompson", seed=seed, refit_every=REFIT, floor=FLOOR)
    regret = []
    for _ in range(PLAYS):
        value = rng.integers(table.training)
        a = bandit.select(where[value])
        early = (a, float(first[value, a]))
        b = bandit.select(where[value], [early])
        bandit.update(where[value], [early, (b, float(last[value, a, b]))])
        regret.append(float(last[value].max() - last[value, a, b]))
    test = []
    for value in range(table.training, len(where)):
        a = bandit.best(where[value])
        b = bandit.best(where[value], [(a, float(first[value, a]))])
        test.append(float(last[value, a, b]))
    return {"regret": np.round(regret, 4).tolist(), "test": np.round(test, 4).tolist()}


def repetition(family: str, policy: str, seed: int) -> dict:
    """One repetition of one policy on one family."""
    torch.set_num_threads(1)
    table, began = load(family), time.perf_counter()
    if policy == "phases thompson":
        found = play_phases(table, seed)
    elif policy == "same thompson":
        columns = [SECOND.index(arm) for arm in FIRST]
        same = reward(table.second["error"])[:, range(len(FIRST)), columns]
        found = play_single(table, same, table.first_arms, "thompson", seed)
    else:
        found = play_single(table, table.rewards(), table.arms, policy, seed)
    return {"family": family, "policy": policy, "seed": seed, "seconds": round(time.perf_counter() - began, 2), **found}


def run(families: list[str], repetitions: int, workers: int) -> None:
    """Play what is missing."""
    runs = json.loads(FILE.read_text()) if FILE.exists() else []
    done = {(r["family"], r["policy"], r["seed"]) for r in runs}
    todo = [
        (family, policy, seed)
        for seed in range(repetitions)
        for family in families
        for policy in (*SINGLE, *(SEQUENTIAL if np.isfinite(load(family).second["error"]).all() else ()))
        if (family, policy, seed) not in done
    ]
    with ProcessPoolExecutor(workers) as executor:
        futures = [executor.submit(repetition, *task) for task in todo]
        for future in as_completed(futures):
            runs.append(future.result())
            runs.sort(key=lambda r: (r["family"], r["policy"], r["seed"]))
            part = FILE.with_suffix(".part")
            part.write_text("[\n" + ",\n".join(json.dumps(r) for r in runs) + "\n]\n")
            part.replace(FILE)


def errors_of(rewards: np.ndarray) -> np.ndarray:
    """Relative errors from rewards."""
    return 10.0**-rewards


def summary(table: Table, runs: list[dict]) -> dict[str, float]:
    """Mean test error by way of choosing, over held-out values and repetitions."""
    rewards = table.rewards()[table.training :]
    errors, arms = errors_of(rewards), pool()
    found = {name: float(errors[:, arms.index(_pooled(arm))].mean()) for name, arm in LITERATURE.items()}
    found["best fixed arm in hindsight"] = float(errors.mean(0).min())
    found["best arm of each value"] = float(errors.min(1).mean())
    for policy in (*SINGLE, *SEQUENTIAL):
        mine = [errors_of(np.array(r["test"])).mean() for r in runs if r["policy"] == policy]
        if mine:
            found[policy] = float(np.mean(mine))
    found["random"] = float(errors.mean())
    return found


def _pooled(arm: tuple[str, ...]) -> tuple[str, ...]:
    """The pool's name of a set: without a flux function ``normal`` is ``flux``."""
    found = tuple("flux" if name == "normal" else name for name in arm)
    return ARMS if len(found) == len(ARMS) else found


def growth(runs: list[dict], policy: str) -> float:
    """Exponent p of cumulative regret ~ plays^p over the second half, mean over repetitions; below 1 is sub-linear."""
    total = np.mean([np.cumsum(r["regret"]) for r in runs if r["policy"] == policy], axis=0)
    at = np.arange(1, PLAYS + 1)
    half = slice(PLAYS // 4, PLAYS)
    return float(np.polyfit(np.log(at[half]), np.log(total[half]), 1)[0])


def rank_correlation(table: Table) -> tuple[float, float]:
    """Spearman correlation of rewards with and without a reference: of all plays; between arms, median over values."""
    a, b = table.rewards(), table.blind_rewards()
    within = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    return float(spearmanr(a.ravel(), b.ravel()).statistic), float(np.median(within))


def report() -> None:
    """Tables in Markdown, and the figures beside this file."""
    runs = json.loads(FILE.read_text())
    families = sorted({r["family"] for r in runs})
    mine = {f: [r for r in runs if r["family"] == f] for f in families}
    rows = {f: summary(load(f), mine[f]) for f in families}
    print("| mean test error | " + " | ".join(families) + " |\n|---|" + "---|" * len(families))
    for name in [k for k in rows[families[0]] if k not in SEQUENTIAL]:
        print(f"| {name} | " + " | ".join(f"{rows[f][name]:.3g}" for f in families) + " |")
    print("\n| two phases, 4 arms | " + " | ".join(families) + " |\n|---|" + "---|" * len(families))
    for name, label in zip(SEQUENTIAL, ("an arm per phase", "one arm for both"), strict=True):
        print(f"| {label} | " + " | ".join(f"{rows[f].get(name, np.nan):.3g}" for f in families) + " |")
    print("\n| growth of regret, exponent | " + " | ".join(families) + " |\n|---|" + "---|" * len(families))
    for policy in SINGLE:
        print(f"| {policy} | " + " | ".join(f"{growth(mine[f], policy):.2f}" for f in families) + " |")
    print("\n| rank correlation of the two rewards | all plays | between arms of one member |\n|---|---|---|")
    for f in families:
        both, within = rank_correlation(load(f))
        print(f"| {f} | {both:.2f} | {within:.2f} |")
    draw(families, mine)


def draw(families: list[str], mine: dict[str, list[dict]]) -> None:
    """Cumulative regret, and cumulative error, by play."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = -(-len(families) // 3)
    figure, axes = plt.subplots(rows, 3, figsize=(9.6, 3.0 * rows), layout="constrained", squeeze=False)
    for axis in axes.flat[len(families) :]:
        axis.set_axis_off()
    for axis, family in zip(axes.flat, families, strict=False):
        for policy in SINGLE:
            curves = np.array([np.cumsum(r["regret"]) for r in mine[family] if r["policy"] == policy])
            middle, at = curves.mean(0), np.arange(1, PLAYS + 1)
            (line,) = axis.plot(at, middle, label=policy)
            spread = curves.std(0)
            axis.fill_between(at, middle - spread, middle + spread, color=line.get_color(), alpha=0.2, linewidth=0)
        axis.set(title=family, xlabel="plays")
    figure.supylabel("cumulative regret (decades of error)")
    figure.legend(
        *axes.flat[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(SINGLE), frameon=False
    )
    figure.savefig(FILE.with_suffix(".png"), dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "report"))
    parser.add_argument("families", nargs="*")
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.what == "report":
        report()
    else:
        known = sorted(p.stem for p in Path(__file__).with_name("interface_tables").glob("*.npz"))
        run(arguments.families or known, arguments.repetitions, arguments.workers)


if __name__ == "__main__":
    main()
