"""Factorizations of a march's slabs, by their lengths: how many are kept, and how long one serves.

A factorization takes about as long as a dozen turns of Newton's method, or many more where cells are many. It is renewed
when it has cost that many more turns than when it was new, as one buys what one has rented for its price: never much more
than twice what the best time to renew would have cost (the ski rental problem; Karlin, Manasse, Rudolph & Sleator, 1988).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from pinnlab.solvers.cut_cells.system import CellSystem
from pinnlab.solvers.plane_march.radau import Radau
from pinnlab.solvers.plane_march.slab import SlabSolver, Stages

_KEPT = 3
"""Lengths of slabs whose factorizations are kept at most."""


class Factors:
    """Factorizations by halvings of the interval of time.

    Args:
        collocation: in time.
    """

    def __init__(self, collocation: Radau) -> None:
        self.collocation = collocation
        self._solvers: dict[int, SlabSolver] = {}
        self.most = _KEPT

    def __contains__(self, halvings: int) -> bool:
        return halvings in self._solvers

    def __getitem__(self, halvings: int) -> SlabSolver:
        return self._solvers[halvings]

    def __len__(self) -> int:
        return len(self._solvers)

    def fit(self, system: CellSystem, others: float, usable: float) -> bool:
        """Keep no more than fit into memory; False where not even one does.

        Args:
            system: that is factorized.
            others: bytes of everything else.
            usable: bytes.
        """
        self.most = next((n for n in range(_KEPT, 0, -1) if others + self.bytes(system, n) <= usable), 0)
        self._make_room(self.most)
        return self.most > 0

    def bytes(self, system: CellSystem, lengths: int) -> float:
        """Memory of factorizations for so many lengths of slabs, the last of which is being made.

        Args:
            system: that is factorized.
            lengths: at least one.
        """
        numbers = sum(1.0 if real else 2.0 for real in self.collocation.real)
        return 2.0 * system.bytes + 8.0 * (lengths * numbers - 2.0) * system.cost.entries

    def make(self, halvings: int, solver: Callable[[], SlabSolver]) -> None:
        """A new factorization; the oldest ones go first, so that memory suffices."""
        self._solvers.pop(halvings, None)
        self._make_room(self.most - 1)
        self._solvers[halvings] = solver()

    def used(self, halvings: int, found: Stages) -> None:
        """Drop a factorization that has become too old, after a slab that was solved with it."""
        if (solver := self._solvers.get(halvings)) is None:
            return
        solver.least = min(solver.least, found.turns)
        solver.spent += found.turns - solver.least
        if solver.spent >= solver.price:
            self.drop(halvings)

    def drop(self, halvings: int) -> None:
        """Forget one."""
        self._solvers.pop(halvings, None)

    def clear(self) -> None:
        """Forget all: cells have changed."""
        self._solvers.clear()

    def _make_room(self, left: int) -> None:
        while len(self._solvers) > max(left, 0):
            del self._solvers[next(iter(self._solvers))]

    def state(self) -> dict[str, Any]:
        """Where each one was linearized, and how it has served: factorizations are made again."""
        return {
            str(halvings): {
                "at": [torch.from_numpy(each) for each in solver.at], "instant": solver.instant,
                "served": [solver.least, solver.spent, solver.share],
            }
            for halvings, solver in self._solvers.items()
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any], solver: Callable[..., SlabSolver]) -> None:
        """The same factorizations again.

        Args:
            state: as ``state`` gives it.
            solver: of halvings, k arrays at which it is linearized, and the instant.
        """
        for halvings, each in state.items():
            made = solver(int(halvings), [level.numpy() for level in each["at"]], each["instant"])
            made.least, made.spent, made.share = each["served"]
            self._solvers[int(halvings)] = made
