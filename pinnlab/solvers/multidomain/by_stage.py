"""Interface conditions that change from one stage of training to the next.

Source: S. Li et al. (METALIC), arXiv 2210.12669: one choice for first-order steps, another for what follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pinnlab.solvers.multidomain.interfaces import InterfaceCondition, resolve


def by_stage(given: Any) -> tuple[Any, ...]:
    """The interface conditions of each stage, in order; one entry where all stages have the same.

    Args:
        given: as a user writes it: conditions, such as ``("value", "flux")``, or a set of them for each stage, such as
            ``(("value",), ("value", "flux"))``.
    """
    several = isinstance(given, list | tuple) and len(given) > 0
    if several and all(isinstance(part, list | tuple | Mapping) for part in given):
        return tuple(given)
    return (given,)


def stages_of(given: Any) -> dict[tuple[InterfaceCondition, float], tuple[int, ...]]:
    """{(condition, weight): the numbers of the stages that have it}, in the order in which they first occur."""
    found: dict[tuple[InterfaceCondition, float], tuple[int, ...]] = {}
    for number, part in enumerate(by_stage(given)):
        for weighted in resolve(part):
            found[weighted] = (*found.get(weighted, ()), number)
    return found
