"""The loss of an operator: the norm of the residual of random members of a family, as optimizers see it.

Letters: M members, p parameters.

Every draw takes new members, new points for their least-squares problems and new points for the loss. No solution enters.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.constraints.experts import ExpertsLayer
from pinnlab.constraints.rows import Rows
from pinnlab.least_squares import Minimum, Outcome
from pinnlab.operators.model import OperatorModel, Values, solve
from pinnlab.weighting import State, Uniform

_HELD_OUT = 8
"""Members of the held-out loss."""


class _Draw:
    """Members and their points."""

    def __init__(self, model: OperatorModel, members: Sequence[Values], points: int, rng: np.random.Generator):
        like = model.parameters[0].detach()
        self.members = members
        self.rows: list[Rows]
        self.layer: ExpertsLayer
        self.rows, self.layer = model.place.layer(members, rng, like)
        self.judged = model.place.judge(members, rng, like, points)


class OperatorSystem:
    """An optimizer's objective: the residuals that members' solutions leave at points of their own.

    Args:
        model: the operator.
        batch: M, members per step.
        points: of the loss, per expert.
        seed: of members and points; several numbers are allowed.
    """

    def __init__(self, model: OperatorModel, batch: int, points: int, seed: Sequence[int]):
        self.model, self.batch, self.points = model, batch, points
        self.size = model.size
        self.shapes = [tuple(p.shape) for p in model.parameters]
        self.weighting, self.weights = Uniform(), State()
        self._rng = np.random.default_rng([*seed, 1])
        held_out = np.random.default_rng([*seed, 2])
        count = _HELD_OUT if model.problem.families else 1
        self._held_out = _Draw(model, self._sample(held_out, count), points, held_out)
        self.minima: tuple[Minimum, ...] = ()
        self._before = ""
        self.redraw()

    # -- members and points --------------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Take new members and new points."""
        self._before = json.dumps(self._rng.bit_generator.state)
        self._current = _Draw(self.model, self._sample(self._rng, self.batch), self.points, self._rng)

    def _sample(self, rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
        problem = self.model.problem
        return [problem.sample_parameters(rng) for _ in range(count)] if problem.families else [{}]

    # -- what optimizers ask -------------------------------------------------------------------------------------------

    def loss_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The loss (0-dim) and its gradient (p,)."""
        self.model.theta = theta
        with torch.enable_grad():
            loss = self._loss(self._current)
            if not bool(torch.isfinite(loss)):
                return loss.detach(), torch.full_like(theta, torch.nan)
            found = torch.autograd.grad(loss, self.model.parameters, allow_unused=True)
        pairs = zip(self.model.parameters, found, strict=True)
        gradient = torch.cat([(torch.zeros_like(p) if g is None else g).reshape(-1) for p, g in pairs])
        return loss.detach(), gradient

    def residuals(self, theta: Tensor) -> Tensor:
        """Not available: a member's residuals are those of an optimum."""
        raise TypeError(
            "HardConstraintMoE trains with first-order or quasi-Newton stages, such as stages=(pl.Adam(),)."
        )

    def residuals_and_jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Not available, as ``residuals``."""
        raise TypeError(
            "HardConstraintMoE trains with first-order or quasi-Newton stages, such as stages=(pl.Adam(),)."
        )

    # -- what the loop asks --------------------------------------------------------------------------------------------

    reweights = False
    finished = False
    unmet = False

    def update_weights(self, theta: Tensor) -> None:
        """Nothing: all weights are fixed."""

    def adapt(self, theta: Tensor) -> None:
        """Nothing: points are uniform."""

    def held_out_loss(self, theta: Tensor) -> float:
        """The loss on members and points that training never sees."""
        self.model.theta = theta
        with torch.no_grad():
            return float(self._loss(self._held_out))

    def check(self) -> None:
        """Raise ValueError where the inner problems cannot be solved at all: says which expert, why, what to change."""
        self.held_out_loss(self.model.theta)
        for minimum in self.minima:
            minimum.require("member, expert", Outcome.STEPS_DONE, Outcome.STALLED)

    def state(self) -> dict[str, Any]:
        """Everything a checkpoint needs to continue with the same numbers."""
        return {"rng": self._before}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a saved state: the last draw is made again."""
        self._rng.bit_generator.state = json.loads(state["rng"])
        self.redraw()

    # -- pieces --------------------------------------------------------------------------------------------------------

    def _loss(self, draw: _Draw) -> Tensor:
        model = self.model
        basis = model.basis(draw.members)
        placed = draw.layer.place(basis)
        w, self.minima = solve(model.place, draw.layer, basis, draw.rows, placed, draw.members)
        return judged(basis, draw.judged, w)


def judged(basis: Any, rows: Sequence[Rows], w: Tensor) -> Tensor:
    """The mean over members of the norm of their residuals (root mean square over experts), (), for w (M, K, m, N).

    Norms and not their squares: a member whose inner problem went wrong then does not outweigh all others.
    """
    total = w.new_zeros(len(w))
    for r in rows:
        total = total + r.residuals(r.fields(w, r.place(basis))).square().flatten(1).sum(1)
    return (total / w.shape[1]).sqrt().mean()
