"""Paths of characteristics through all time windows of a solution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from pinnlab.training.result import Solved


def paths(solution: Solved, count: int, times: int) -> dict[str, np.ndarray]:
    """See ``Solution.characteristics``."""
    each = max(2, times // len(solution.models) + 1) if len(solution.models) > 1 else times
    windows: list[Mapping[str, Tensor]] = []
    for model in solution.models:
        if model.flow is None:
            raise TypeError(
                f"characteristics(): {type(solution.solver).__name__} solves at fixed places and follows none; solve with "
                "pl.LagrangianPINN()."
            )
        # labels are given anew in every window: a path goes on from where it was
        clock = solution.problem.domain.time
        ends = {name: w[..., -1] for name, w in windows[-1].items() if name != clock} if windows else None
        windows.append(model.flow.characteristics(count, each, ends))
    # a window's first instant is the last one of the window before
    found = {
        name: np.concatenate([w[name][..., min(k, 1) :].numpy() for k, w in enumerate(windows)], axis=-1)
        for name in windows[0]
    }
    instants = found[solution.problem.domain.clock]
    return {name: path[..., ::-1] for name, path in found.items()} if instants[0] > instants[-1] else found
