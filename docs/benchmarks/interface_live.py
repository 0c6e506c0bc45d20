"""A live run: 200 plays of InterfaceSelector over all 511 sets of conditions of one family, and what its choices gain.

    OMP_NUM_THREADS=1 python docs/benchmarks/interface_live.py [--family advection] [--plays 200] [--members 20]

Every play is a ``pl.solve`` of its own with the networks, points, weights and phases of interface_tables.py. Then members
that no play has seen are solved with the selected conditions, with random ones, and with fixed sets. Trials are appended to
``interface_live.jsonl`` (a killed run goes on from there); results stand in ``interface_live.json``.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from interface_tables import CAP, Family, soft

import pinnlab as pl
from pinnlab.bench.provenance import provenance
from pinnlab.solvers.multidomain.interfaces import ARMS, LITERATURE

FILE = Path(__file__).with_suffix(".json")


def error(problem: pl.Problem, solver: pl.MultiDomainPINN, seed: int) -> float:
    """Relative error, capped."""
    found = pl.solve(problem, solver, seed=seed, progress=False).error()["u"]
    return min(found, CAP) if math.isfinite(found) else CAP


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", default="advection")
    parser.add_argument("--plays", type=int, default=200)
    parser.add_argument("--members", type=int, default=20)
    given = parser.parse_args()
    torch.set_num_threads(1)
    family, solver = soft(pl.load_problem(given.family)), Family(given.family).solver
    selector = pl.InterfaceSelector("thompson", refit_every=5)
    selector.fit(family, solver, plays=given.plays, path=FILE.with_suffix(".jsonl"))
    rewards = np.array([t.reward for t in selector.trials])
    rng = np.random.default_rng(123_456)
    ways = {"selected": None, "random": None, "all on": ARMS, **LITERATURE}
    errors: dict[str, list[float]] = {name: [] for name in ways}
    for k in range(given.members):
        member = family.sample(rng)
        subsets = rng.integers(len(selector.arms.names))
        for name, fixed in ways.items():
            if name == "selected":
                chosen = selector.select(member)
            else:
                interface = selector.arms.names[subsets] if name == "random" else fixed
                chosen = solver.with_interface(interface)
            errors[name].append(error(member, chosen, seed=1000 + k))
    summary = {name: {"mean": float(np.mean(e)), "median": float(np.median(e))} for name, e in errors.items()}
    by_quarter = [float(part.mean()) for part in np.array_split(rewards, 4)]
    for name, row in summary.items():
        print(f"{name:12s} mean {row['mean']:.3g} median {row['median']:.3g}")
    print("mean reward by quarter of the plays", [round(r, 3) for r in by_quarter])
    data = {
        "machine": provenance(f"python docs/benchmarks/interface_live.py --family {given.family} --plays {given.plays}"),
        "family": given.family, "plays": given.plays, "mean_reward_by_quarter": by_quarter, "summary": summary,
        "errors": errors, "seconds_per_play": float(np.median([t.seconds for t in selector.trials])),
    }  # fmt: skip
    FILE.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
