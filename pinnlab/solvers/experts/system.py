"""The loss of an operator: the norm of the residual of random members of a family, as optimizers see it.

Letters: M members, p parameters.

Every draw takes new members, new points for their least-squares problems and new points for the loss. No solution enters.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.algebra.least_squares import Minimum, Outcome
from pinnlab.machine.deadline import Deadline
from pinnlab.machine.processes import ALONE, Processes
from pinnlab.solvers.experts.layer import ExpertsLayer
from pinnlab.solvers.experts.members import Values, solve
from pinnlab.solvers.experts.model import OperatorModel
from pinnlab.solvers.experts.rows import ExpertRows
from pinnlab.solvers.experts.sharing import Share, share_of
from pinnlab.training.system import TrainingSystem

HELD_OUT = 8
"""Members of the held-out loss."""
_BACK = 3.2
"""Times as long as its loss alone a member's loss takes with its gradient."""


class _Draw:
    """Members and their points; ``own`` are those of this process."""

    def __init__(
        self,
        model: OperatorModel,
        members: Sequence[Values],
        points: int,
        rng: np.random.Generator,
        share: Share,
    ):
        like = model.parameters[0].detach()
        self.count = len(members)
        self.own = share.members(len(members))
        self.members = [members[i] for i in self.own]
        experts = share.experts(model.place.partition.count)
        self.rows: list[ExpertRows]
        self.layer: ExpertsLayer
        if not self.members:
            return
        solved = None if experts is None else model.place.assembly.with_neighbours(experts)
        self.rows, self.layer = model.place.layer(self.members, rng, like, solved)
        self.judged = model.place.judge(self.members, rng, like, points, experts)


class OperatorSystem(TrainingSystem):
    """The residuals that members' solutions leave at points of their own.

    Args:
        model: the operator.
        batch: M, members per step.
        points: of the loss, per expert.
        seed: of members and points; several numbers are allowed.
        held_out: members of the held-out loss.
    """

    def __init__(self, model: OperatorModel, batch: int, points: int, seed: Sequence[int], held_out: int = HELD_OUT):
        self.model: OperatorModel = model
        self.batch, self.points, self.seed = batch, points, tuple(seed)
        self._share, self.processes = Share(), ALONE
        self.size = model.size
        self.shapes = [tuple(p.shape) for p in model.parameters]
        self._rng = np.random.default_rng([*seed, 1])
        self.minima: tuple[Minimum, ...] = ()
        self._before, self._fresh = "", held_out
        self._member_seconds = 0.0
        self._hold_out()
        self.redraw()

    def share(self, processes: Processes, by: str = "auto") -> None:
        """Let several processes work on this system, each on its part of the members or experts of every draw.

        Args:
            processes: which.
            by: no matter; what can be shared follows from how experts are coupled.

        Raises:
            ValueError: fewer pieces than processes.
        """
        place = self.model.place
        self.processes = processes
        members = self.batch if self.model.problem.families else 1
        self._share = share_of(place.recipe.coupling, place.partition.count, members, processes)
        self._hold_out()
        self._rng.bit_generator.state = json.loads(self._before)
        self.redraw()

    def redraw(self) -> None:
        # members change as well as points
        self._before = json.dumps(self._rng.bit_generator.state)
        members = self._sample(self._rng, self.batch)
        self._current = _Draw(self.model, members, self.points, self._rng, self._share)

    def _hold_out(self) -> None:
        rng = np.random.default_rng([*self.seed, 2])
        members = self._sample(rng, self._fresh if self.model.problem.families else 1)
        self._held_out = _Draw(self.model, members, self.points, rng, self._share)

    def _sample(self, rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
        problem = self.model.problem
        return [problem.sample_parameters(rng) for _ in range(count)] if problem.families else [{}]

    def loss_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        self.deadline.require(_BACK * self._member_seconds * len(self._current.members), "the residuals of a step")
        self.model.theta = theta
        with torch.enable_grad():
            squares = self._squares(self._current, self.deadline)
            total = self.processes.sum(squares)
            loss = norms(total).mean()
            if not bool(torch.isfinite(loss)):
                return loss, torch.full_like(theta, torch.nan)
            # the gradient of the mean norm is linear in this process' squares
            share = (squares / (2 * norms(total).clamp_min(torch.finfo(total.dtype).tiny))).sum() / len(total)
            found = torch.autograd.grad(share, self.model.parameters, allow_unused=True)
        pairs = zip(self.model.parameters, found, strict=True)
        gradient = torch.cat([(torch.zeros_like(p) if g is None else g).reshape(-1) for p, g in pairs])
        return loss, self.processes.sum(gradient)

    def held_out_loss(self, theta: Tensor) -> float:
        """The loss on members and points that training never sees."""
        self.model.theta = theta
        with torch.no_grad():
            return float(norms(self.processes.sum(self._squares(self._held_out))).mean())

    def check(self) -> None:
        """Raise ValueError where the inner problems cannot be solved at all: says which expert, why, what to change."""
        began = time.perf_counter()
        self.held_out_loss(self.model.theta)
        self._member_seconds = (time.perf_counter() - began) / max(1, len(self._held_out.members))
        for minimum in self.minima:
            minimum.require("member, expert", Outcome.STEPS_DONE, Outcome.STALLED)

    def like(self, other: OperatorSystem) -> None:
        """Know what another one has found out with ``check``."""
        self._member_seconds, self.minima = other._member_seconds, other.minima

    def affordable(self, seconds: float) -> tuple[int, int]:
        """How many members a step and the held-out loss may have, each at least one, to take so many seconds each.

        Known once ``check`` has looked at some members.
        """
        most = seconds / max(self._member_seconds, 1e-9)
        return max(1, int(min(self.batch, most / _BACK))), max(1, int(min(HELD_OUT, most)))

    def state(self) -> dict[str, Any]:
        return {"rng": self._before}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a saved state: the last draw is made again."""
        self._rng.bit_generator.state = json.loads(state["rng"])
        self.redraw()

    def _squares(self, draw: _Draw, deadline: Deadline | None = None) -> Tensor:
        """(M,) mean over experts of the squared residuals that this process is responsible for, with a graph."""
        model, deadline = self.model, deadline or Deadline()
        if not draw.members:
            return torch.zeros(draw.count).to(model.parameters[0].detach())
        basis = model.basis(draw.members)
        deadline.check()
        placed = draw.layer.expand(basis)
        deadline.check()
        w, self.minima = solve(model.place, draw.layer, basis, draw.rows, placed, draw.members)
        deadline.check()
        own = judged(basis, draw.judged, w)
        return own.new_zeros(draw.count).index_add(0, torch.tensor(draw.own, device=own.device), own)


def norms(squares: Tensor) -> Tensor:
    """(M,) norms of members' residuals.

    Their mean is the loss: of norms and not of squares, so that a member whose inner problem went wrong does not outweigh
    all others.
    """
    return squares.sqrt()


def judged(basis: Any, rows: Sequence[ExpertRows], w: Tensor) -> Tensor:
    """(M,) mean over experts of the squared residuals, for coefficients (M, K, m, N)."""
    total = w.new_zeros(len(w))
    for r in rows:
        total = total + r.residuals(r.fields(w, r.expand(basis))).square().flatten(1).sum(1)
    return total / w.shape[1]
