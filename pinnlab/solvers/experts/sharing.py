"""Experts spread over processes: each solves and back-propagates its own, losses and gradients are summed.

Letters: M members, K experts, R processes.

Every process holds the same network, draws the same members and points, and takes the same optimizer step. Between the
two it works on its share of the small least-squares problems only. Experts without coupling are shared out one by one,
and each process solves their neighbours as well, since the loss counts the jumps between them;
coupled experts are one problem per member, so members are shared out then.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.machine.processes import ALONE, Processes


@dataclass(frozen=True)
class Share:
    """Every R-th member, or every R-th expert.

    Args:
        by: ``"members"`` or ``"experts"``.
        processes: those among whom they are shared out.
    """

    by: str = "members"
    processes: Processes = ALONE

    @property
    def _own(self) -> slice:
        return slice(self.processes.rank, None, self.processes.count)

    def members(self, count: int) -> list[int]:
        """Numbers of the members that this process works on."""
        return list(range(count))[self._own] if self.by == "members" else list(range(count))

    def experts(self, count: int) -> Tensor | None:
        """Numbers of the experts that this process works on; None for all."""
        return torch.arange(count)[self._own] if self.by == "experts" else None


def share_of(coupling: str, experts: int, batch: int, processes: Processes) -> Share:
    """How a system of experts is shared out.

    Args:
        coupling: of the experts.
        experts: K.
        batch: M, members per step.
        processes: R of them.

    Raises:
        ValueError: fewer pieces than processes.
    """
    ranks = processes.count
    by = "experts" if coupling == "none" and experts >= ranks > 1 else "members"
    if by == "members" and batch < ranks:
        raise ValueError(
            f"HardConstraintMoE(batch={batch}) on {ranks} processes: coupled experts are one problem per member, and "
            f"every process needs one; give batch={ranks} or a multiple of it, or start fewer processes."
        )
    return Share(by, processes)
