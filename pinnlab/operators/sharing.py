"""Experts spread over processes: each rank solves and back-propagates its own, gradients are added.

Letters: M members, K experts, r ranks.

Every rank holds the same network, draws the same members and points, and takes the same optimizer step. Between the two
it works on its share of the small least-squares problems only. Experts without coupling are shared out one by one;
coupled experts are one problem per member, so members are shared out then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Alone:
    """One process has everything."""

    def members(self, count: int) -> list[int]:
        """Numbers of the members that this rank works on."""
        return list(range(count))

    def experts(self, count: int) -> Tensor | None:
        """Numbers of the experts that this rank works on; None for all."""
        return None

    def sum(self, value: Tensor) -> Tensor:
        """The sum over ranks, without a graph."""
        return value.detach()


@dataclass(frozen=True)
class Shared(Alone):
    """Every r-th member, or every r-th expert, in a process group.

    Args:
        by: ``"members"`` or ``"experts"``.
        group: a ``torch.distributed`` process group, the default one if None.
    """

    by: str
    group: Any = None

    @property
    def _share(self) -> slice:
        return slice(dist.get_rank(self.group), None, dist.get_world_size(self.group))

    def members(self, count: int) -> list[int]:
        return list(range(count))[self._share] if self.by == "members" else list(range(count))

    def experts(self, count: int) -> Tensor | None:
        return torch.arange(count)[self._share] if self.by == "experts" else None

    def sum(self, value: Tensor) -> Tensor:
        total = value.detach().clone()
        dist.all_reduce(total, group=self.group)
        return total


def sharing(coupling: str, experts: int, batch: int, group: Any = None) -> Alone:
    """How a system is shared out over the processes of a group: not at all where there is one.

    Args:
        coupling: of the experts.
        experts: K.
        batch: M, members per step.
        group: a ``torch.distributed`` process group, the default one if None.

    Raises:
        ValueError: fewer pieces than processes.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size(group) == 1:
        return Alone()
    ranks = dist.get_world_size(group)
    by = "experts" if coupling == "none" and experts >= ranks else "members"
    if by == "members" and batch < ranks:
        raise ValueError(
            f"HardConstraintMoE(batch={batch}) on {ranks} processes: coupled experts are one problem per member, and "
            f"every process needs one; give batch={ranks} or a multiple of it."
        )
    return Shared(by, group)
