"""jinns as a peer, with its natural gradient after Adam: (J^T J + ridge) step = gradient, and a line search."""

from __future__ import annotations

from pinnlab.bench.peers.jinns import PACKAGES, start_jax, train_by
from pinnlab.bench.peers.recorder import Recorder
from pinnlab.bench.peers.task import Task

__all__ = ["PACKAGES", "train"]


def train(task: Task, recorder: Recorder) -> str:
    """Train until the time is up; returns the configuration in words.

    Raises:
        ValueError: the problem has soft conditions.
    """
    start_jax(task)
    import optax
    from jinns.optimizers import vanilla_ngd

    search = optax.scale_by_backtracking_linesearch(max_backtracking_steps=15)
    return train_by(task, recorder, "natural gradient", vanilla_ngd(linesearch=search))
