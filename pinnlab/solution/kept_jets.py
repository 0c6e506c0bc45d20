"""A finished model's derivatives, kept for those who come back to the same points.

Letters: n points.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.indices import Indices
from pinnlab.derivatives.jets import named_jets
from pinnlab.machine.deadline import Deadline

_KEPT = 64_000_000
"""Numbers of the solution's derivatives that are kept for points that come again."""
_BATCH = 4096


class KeptJets:
    """A finished model's derivatives, kept: time steppers come back to the same points.

    Args:
        model: has ``jet(points, indices)``.
        problem: names coordinates and unknowns.
        indices: the derivatives that may be asked for.
        deadline: raise TimeIsUpError after it.
    """

    def __init__(self, model: Any, problem: Problem, indices: Indices, deadline: Deadline | None = None):
        self.model, self.problem, self.indices = model, problem, indices
        self.deadline = deadline or Deadline()
        self._kept: dict[bytes, Tensor] = {}
        self._numbers = 0

    def jets(self, columns: Sequence[Tensor]) -> dict[str, dict[Key, Tensor]]:
        """{unknown: {derivative: (n,)}} at points whose coordinates are (n,) each."""
        points = torch.stack([c.detach().to("cpu", torch.float64) for c in columns], dim=1)
        mark = points.numpy().tobytes()
        self.deadline.check()
        if mark not in self._kept:
            self._keep(mark, self._jet(points))
        return named_jets(self._kept[mark], self.indices, self.problem.unknowns, self.problem.domain.coordinates)

    def _jet(self, points: Tensor) -> Tensor:
        like = self.model.parameters[0].detach()
        parts = [self.model.jet(part.to(like), self.indices).detach() for part in points.split(_BATCH)]
        return torch.cat(parts, dim=1).to("cpu", torch.float64)

    def _keep(self, mark: bytes, jet: Tensor) -> None:
        if self._numbers + jet.numel() > _KEPT:
            self._kept, self._numbers = {}, 0
        self._kept[mark] = jet
        self._numbers += jet.numel()
