"""Sets of interface conditions as arms of a bandit.

Letters: A arms; D interface conditions, the switches.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from pinnlab.solvers.multidomain.interfaces import ARMS, InterfaceCondition, resolve

ConditionLike = str | InterfaceCondition | Callable[..., Any]


@runtime_checkable
class TakesInterfaces(Protocol):
    """A solver whose interface conditions can be replaced."""

    def with_interface(self, interface: tuple[ConditionLike, ...]) -> Any:
        """The same solver with other conditions; where they are none, its subdomains are meant to be uncoupled."""
        ...


def interface_arms(
    conditions: Sequence[ConditionLike] = ARMS, largest: int | None = None, empty: bool = False
) -> tuple[tuple[ConditionLike, ...], ...]:
    """Sets of interface conditions to choose from: all subsets, those with fewest conditions first.

    Args:
        conditions: names or conditions of your own.
        largest: most conditions in a set; all of them if None.
        empty: with the empty set, that is with uncoupled subdomains.
    """
    most = len(conditions) if largest is None else largest
    return tuple(arm for size in range(0 if empty else 1, most + 1) for arm in itertools.combinations(conditions, size))


class Arms:
    """The sets that a selector chooses from.

    Args:
        sets: of conditions.

    Attributes:
        names: A sets, as names of conditions.
        conditions: D names.

    Raises:
        TypeError, ValueError: no set, or something else than sets of interface conditions.
    """

    def __init__(self, sets: Sequence[Sequence[ConditionLike]]):
        self._given: dict[str, ConditionLike] = {}
        self.names = tuple(self._named(arm) for arm in sets)
        self.conditions = tuple(self._given)
        if not self.conditions:
            raise ValueError("arms is empty; give sets of interface conditions, or leave it out for all of them.")

    @property
    def rows(self) -> list[list[bool]]:
        """(A, D): which conditions an arm has."""
        return [[name in names for name in self.conditions] for names in self.names]

    def applied(self, solver: TakesInterfaces, names: Sequence[str]) -> Any:
        """The solver with a set of conditions."""
        return _quietly(solver, self._set(names))

    def applied_by_stage(self, solver: TakesInterfaces, sets: Sequence[Sequence[str]]) -> Any:
        """The solver with a set of conditions for each of its first stages, and without the stages after these."""
        first: Any = self.applied(solver, sets[0])
        shorter = replace(first, stages=first.stages[: len(sets)])
        if len(sets) == 1:
            return shorter
        return _quietly(shorter, tuple(self._set(names) for names in sets))

    def _set(self, names: Sequence[str]) -> tuple[ConditionLike, ...]:
        return tuple(self._given[name] for name in names)

    def _named(self, arm: Sequence[ConditionLike]) -> tuple[str, ...]:
        if isinstance(arm, str):
            raise TypeError(f"arms holds {arm!r}; give sets of conditions, such as ({arm!r},).")
        names = tuple(condition.name for condition, _ in resolve(tuple(arm), "arms"))
        for name, condition in zip(names, arm, strict=True):
            self._given.setdefault(name, condition)
        return names


def _quietly(solver: TakesInterfaces, interface: Any) -> Any:
    """The solver with other conditions; that an empty set couples nothing was asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return solver.with_interface(interface)


def check_solver(solver: Any, stages: int | None = None) -> None:
    """Raise for a solver whose interface conditions cannot be replaced.

    Args:
        solver: such as ``MultiDomainPINN``.
        stages: so many it must be trained in, each with conditions of its own; 0 for two or more.

    Raises:
        TypeError: it has no interface conditions.
        ValueError: it is trained in another number of stages.
    """
    if isinstance(solver, type) or not isinstance(solver, TakesInterfaces):
        raise TypeError(
            f"solver={solver!r} has no interface conditions to choose; give pl.MultiDomainPINN(subdomains={{'x': (0.0,)}})."
        )
    if stages is None:
        return
    count = len(getattr(solver, "stages", None) or ())
    if count < 2 or (stages and count != stages):
        raise ValueError(
            f'policy="sequential" chooses once for each stage of training, and solver has {count}; give it '
            f"{stages or 'at least two'}, such as stages=(pl.Adam(steps=300), pl.LevenbergMarquardt(steps=30))."
        )
