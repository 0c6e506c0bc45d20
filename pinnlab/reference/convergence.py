"""How far off the finest of several solutions is, from how much each refinement changed.

Where a solution is smooth, errors fall so fast that a change is the error of the coarser of two solutions, and bounds that
of the finer one. Where it is not, they fall with a low power of the resolution and go up and down on the way: a node may
lie on the kink by chance. A single small change then says little, so it is read together with those before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

_FAST = 5.0
"""Powers of the resolution from which on convergence counts as fast."""
_LEAST = 0.25
"""The least power that is told from a standstill."""
_READ = 4
"""Changes that are read together."""


def rate(changes: Sequence[float], resolutions: Sequence[int]) -> float:
    """The power of the resolution with which changes fall, by least squares through the last four; infinite for less than 3.

    Args:
        changes: of each refinement, relative.
        resolutions: those refined to, perhaps after the first one.
    """
    last = [(n, c) for n, c in zip(resolutions[-len(changes) :], changes, strict=True) if c > 0 and n > 0][-_READ:]
    if len(last) < 3:
        return math.inf
    n, c = np.log(np.array(last)).T
    return float(-np.polyfit(n, c, 1)[0])


def bound(changes: Sequence[float], resolutions: Sequence[float], power: float) -> float:
    """The largest error that several changes let expect at the last resolution, if errors fall with a power of it.

    Args:
        changes: of each refinement.
        resolutions: those refined to, perhaps after the first one.
        power: that is believed.
    """
    read = changes[-_READ:]
    found = max(
        change * (n / resolutions[-1]) ** power for change, n in zip(read, resolutions[-len(read) :], strict=True)
    )
    return found * to_come(resolutions, power)


def to_come(resolutions: Sequence[float], power: float) -> float:
    """The error next to the last change, if errors fall with a power of the resolution; one at least."""
    ratio = resolutions[-1] / resolutions[-2] if len(resolutions) > 1 else 2.0
    return max(1.0, 1.0 / (ratio**power - 1.0))


def error_estimate(
    changes: Sequence[Mapping[str, float]],
    resolutions: Sequence[int],
    tolerance: float,
    believed: float = math.inf,
    slow: float = math.inf,
) -> tuple[dict[str, float], float]:
    """{unknown: relative error of the finest solution}, and the power of the resolution with which the worst one falls.

    The power is infinite where convergence is fast, or where there is no need to know it.

    Args:
        changes: {unknown: relative change} of each refinement.
        resolutions: those refined to, as many, perhaps after the first one.
        tolerance: below it a change is taken as it is.
        believed: the highest power that a solution of known roughness can fall with.
        slow: a power with which a part of the error falls, perhaps hardly at all, though not up and down.
    """
    found, slowest = dict(changes[-1]), math.inf
    if resolutions[-1] <= 0:
        return found, slowest
    for unknown, last in changes[-1].items():
        mine = [change[unknown] for change in changes]
        power = max(min(believed, rate(mine, resolutions) if last > tolerance else math.inf), _LEAST)
        if power < _FAST and math.isfinite(max(mine)):
            found[unknown], slowest = bound(mine, resolutions, power), min(slowest, power)
        if slow < _FAST:
            # all of the last change may be of that part
            found[unknown], slowest = max(found[unknown], last * to_come(resolutions, slow)), min(slowest, slow)
    return found, slowest
