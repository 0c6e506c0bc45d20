"""How well a solve went, as one number: larger is better.

Letters: n points, d coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from pinnlab.domains.sampling import unit_points
from pinnlab.solvers.continuity import continuous_derivatives
from pinnlab.solvers.multidomain.partition import Interface
from pinnlab.training.part import Part

Reward = str | Callable[[Any], float]
"""``"error"``, ``"residual"``, or a function of the solution."""

LARGEST = 100.0
"""Errors from here on, and those that are no numbers, count the same."""

_SMALLEST = 1e-16
_POINTS = 2048
_JUMP_POINTS = 256
_SEED = 20_221_022


@runtime_checkable
class HasInterfaces(Protocol):
    """A part of a solution whose pieces meet at interfaces, such as ``PiecewiseModel``."""

    def sides(self, n: int, seed: int) -> Iterable[tuple[Interface, tuple[Part, Tensor], tuple[Part, Tensor]]]:
        """Every interface, and n points (n, d) of it as the pieces below and above see them."""
        ...


def score(size: float) -> float:
    """-log10 of an error, which is taken to lie between 1e-16 and 100; not a number counts as 100.

    Source: arXiv 2210.12669, the released code (the cap).
    """
    return -math.log10(min(max(size, _SMALLEST), LARGEST)) if not math.isnan(size) else -math.log10(LARGEST)


def error_reward(solution: Any) -> float:
    """``score`` of the largest relative L2 error of an unknown against the problem's reference."""
    return score(max(solution.error().values(), key=lambda e: math.inf if math.isnan(e) else e))


def residual_reward(solution: Any) -> float:
    """``score`` of the equations' residual plus the jump across interfaces, both root mean squares.

    It needs no reference. The residual is taken at points that training did not use; for the jump see
    ``interface_jumps``. It does not see how well soft boundary conditions are met, and it has the units of the equations:
    compare members of one family with it, nothing else.
    """
    domain = solution.problem.domain
    unit = unit_points("sobol", _POINTS, len(domain.coordinates), np.random.default_rng(_SEED))
    points = domain.columns(domain.interior(unit).points)
    residuals = solution.residual(**{name: column.numpy() for name, column in points.items()})
    return score(rms(np.concatenate(list(residuals.values()))) + rms(interface_jumps(solution)))


def interface_jumps(solution: Any) -> np.ndarray:
    """Jumps of all that the equations' order asks to be continuous, at points of all interfaces; none without interfaces.

    These are, as in the condition ``"matching"``, the normal derivatives below that order, the j-th times width^j. The value
    alone would not do: a second-order equation can hold on both sides of a kink.
    """
    problem, found = solution.problem, []
    # where a flux's coefficient jumps, so do the derivatives
    broken = {jump.coordinate for jump in problem.jumps if jump.flux}
    for model in solution.models:
        if not isinstance(model, HasInterfaces):
            continue
        for interface, *sides in model.sides(_JUMP_POINTS, _SEED):
            i = problem.domain.coordinates.index(interface.normal)
            orders = [max(1, problem.order_of(unknown, interface.normal)) for unknown in problem.unknowns]
            if interface.normal in broken:
                orders = [1] * len(orders)
            indices = tuple((i,) * j for j in range(max(orders)))
            with torch.no_grad():
                below, above = (side.jet(points, indices) for side, points in sides)
            for u, order in enumerate(orders):
                jump = (below - above)[:order, :, u].detach().cpu()
                factors = [factor for _, factor in continuous_derivatives(interface.normal, order, interface.width)]
                found += [factor * jump[j].numpy() for j, factor in enumerate(factors)]
    return np.concatenate(found) if found else np.zeros(0)


def rms(values: np.ndarray) -> float:
    """Root mean square; 0 of nothing."""
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0


def reward_function(reward: Reward) -> Callable[[Any], float]:
    """The function that a reward stands for.

    Raises:
        ValueError, TypeError: none of the rewards.
    """
    known = {"error": error_reward, "residual": residual_reward}
    if callable(reward):
        return reward
    if reward not in known:
        raise ValueError(f'reward={reward!r}: give "error", "residual", or a function of the solution.')
    return known[reward]
