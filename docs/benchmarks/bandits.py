"""What bandits cost and what they lose, on made-up rewards: 9 switches, 512 arms, one number as context.

    python docs/benchmarks/bandits.py [--seeds 5]

The expected reward is a sum over switches whose signs turn with the context, plus products of pairs; a play adds noise of
sd 0.2. Prints times at 200 plays and the regret of every policy; docs/methods/bandits.md shows the table.
"""

from __future__ import annotations

import argparse
import itertools
import time

import numpy as np
import torch

from pinnlab.selection.bandits import Bandit

ARMS = np.array(list(itertools.product((0, 1), repeat=9)))
PLAYS, NOISE = 200, 0.2


class Rewards:
    """Expected rewards of all arms as a function of the context."""

    def __init__(self, rng: np.random.Generator):
        self.cosine, self.sine = rng.normal(size=(2, 9))
        self.fixed = np.einsum("ai,ij,aj->a", ARMS, np.triu(rng.normal(size=(9, 9)), 1) / 2, ARMS)

    def __call__(self, context: float) -> np.ndarray:
        return (ARMS @ (self.cosine * np.cos(1.5 * context) + self.sine * np.sin(1.5 * context)) + self.fixed) / 2


def play(policy: str, seed: int, arms: int) -> tuple[np.ndarray, float, Bandit]:
    """Regret of every play; mean loss of the greedy choice on 60 new contexts; the bandit."""
    rng = np.random.default_rng(seed)
    rewards, pool = Rewards(rng), rng.choice(512, arms, replace=False)
    bandit, regret = Bandit(ARMS[pool], policy, seed=seed, refit_every=10), []
    for _ in range(PLAYS):
        context = rng.uniform(-1, 1)
        expected = rewards(context)[pool]
        arm = bandit.select([context])
        bandit.update([context], arm, expected[arm] + NOISE * rng.normal())
        regret.append(expected.max() - expected[arm])
    contexts = np.linspace(-1, 1, 60)
    table = np.stack([rewards(c)[pool] for c in contexts])
    greedy = Bandit(ARMS[pool], "greedy", plays=bandit.plays)
    lost = table.max(1) - table[np.arange(60), greedy.best(contexts[:, None])]
    return np.array(regret), float(lost.mean()), bandit


def seconds(task, repeats: int = 5) -> float:
    """The fastest of several."""
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        task()
        found.append(time.perf_counter() - began)
    return min(found)


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    print("policy      arms  regret of plays 1-50  51-100  151-200  cumulative  greedy afterwards  s per 200 plays")
    for arms in (512, 40):
        for policy in ("random", "ucb", "thompson", "optimistic"):
            began = time.perf_counter()
            runs = [play(policy, seed, arms) for seed in seeds]
            spent = (time.perf_counter() - began) / len(seeds)
            regret = np.mean([r for r, _, _ in runs], axis=0)
            parts = [regret[a : a + 50].mean() for a in (0, 50, 150)]
            columns = "  ".join(f"{p:7.3f}" for p in (*parts, regret.sum(), np.mean([g for _, g, _ in runs])))
            print(f"{policy:10}  {arms:4}  {columns}  {spent:7.1f}")
    plays = play("ucb", 0, 512)[2].plays
    print(f"one refit at {PLAYS} plays: {seconds(lambda: Bandit(ARMS, plays=plays, warm_up=PLAYS).hyper):.2f} s")
    for policy in ("thompson", "ucb"):
        bandit = Bandit(ARMS, policy, plays=plays, refit_every=1000)
        bandit.select([0.1])
        fresh = [Bandit(ARMS, policy, plays=plays, refit_every=1000) for _ in range(5)]
        for other in fresh:
            other._hyper = bandit._hyper  # the posterior is what is timed
        times = iter(fresh)
        print(f"one decision over 512 arms, {policy}: {seconds(lambda t=times: next(t).select([0.1])):.3f} s")
    contexts = np.linspace(-1, 1, 60)[:, None]
    print(f"expected rewards and sd, 60 contexts x 512 arms: {seconds(lambda: bandit.predict(contexts)):.2f} s")


if __name__ == "__main__":
    main()
