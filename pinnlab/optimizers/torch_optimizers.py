"""Any optimizer of ``torch.optim`` as a stage of training.

Letters: P parameters.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnlab.machine.interrupts import load
from pinnlab.optimizers.base import Objective, Optimizer, State, Step, require_schedule


@dataclass(frozen=True, init=False)
class Torch(Optimizer):
    """An optimizer of ``torch.optim``: ``pl.Torch(torch.optim.NAdam, lr=1e-3, steps=500)``.

    It sees the parameters in their own shapes. Where loss or gradient is not finite, the parameters stay.

    Args:
        kind: the class, made as ``kind(parameters, **options)``.
        steps: at least 1.
        redraw_every: steps after which collocation points are drawn anew, or None to keep the points.
        options: of the class, such as ``lr``; numbers and words.

    Raises:
        TypeError: no class of optimizers, or options that it does not take.
        ValueError: a number of steps below 1, options out of its range; before the first step, an optimizer that needs
            other parameters or gradients than these.
    """

    kind: type[torch.optim.Optimizer]
    # a checkpoint tells classes apart by their names
    name: str
    options: Mapping[str, Any]
    steps: int
    redraw_every: int | None = field(default=1)

    def __init__(
        self, kind: type[torch.optim.Optimizer], /, *, steps: int = 1000, redraw_every: int | None = 1, **options: Any
    ):
        if not (isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)):
            raise TypeError(f"Torch({kind!r}): give a class of torch.optim, such as Torch(torch.optim.NAdam, lr=1e-3).")
        require_schedule("Torch", steps, redraw_every)
        given = {"kind": kind, "name": f"{kind.__module__}.{kind.__qualname__}", "options": dict(options)}
        for name, value in {**given, "steps": steps, "redraw_every": redraw_every}.items():
            object.__setattr__(self, name, value)
        trial = [torch.zeros(2, 2, requires_grad=True)]
        try:
            kind(trial, **options)
        except (TypeError, ValueError) as error:
            told = f"Torch({kind.__name__}, {', '.join(f'{k}={v!r}' for k, v in options.items())}): {error}"
            raise type(error)(f"{told}; give the options of torch.optim.{kind.__name__}.") from error

    def init(self, objective: Objective, theta: Tensor) -> State:
        try:
            self._moved(objective, theta, {"iteration": 0, "torch": None, "caution": 1.0})
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"Torch({self.kind.__name__}) cannot train these parameters: {error}; use another one, such as pl.Adam()."
            ) from error
        return {"iteration": 0, "torch": None, "caution": 1.0}

    def step(self, objective: Objective, theta: Tensor, state: State) -> Step:
        k = state["iteration"]
        if k > 0 and self.redraw_every is not None and k % self.redraw_every == 0:
            objective.redraw()
        moved, loss, memory = self._moved(objective, theta, state)
        new = {**state, "iteration": k + 1}
        if not math.isfinite(loss) or not bool(torch.isfinite(moved).all()):
            return Step(theta, new, loss)
        return Step(moved, {**new, "torch": memory}, loss)

    def shorten(self, state: State) -> State:
        return {**state, "caution": 0.5 * state["caution"], "torch": None}

    def reweighted(self, state: State) -> State:
        return state

    def _moved(self, objective: Objective, theta: Tensor, state: State) -> tuple[Tensor, float, dict[str, Any]]:
        """Parameters after a step, the loss before it, and what the optimizer remembers."""
        sizes = [math.prod(shape) for shape in objective.shapes]
        pairs = zip(theta.detach().split(sizes), objective.shapes, strict=True)
        parameters = [part.reshape(shape).clone().requires_grad_() for part, shape in pairs]
        load("torch._dynamo")  # torch.optim does
        optimizer = self.kind(parameters, **self.options)
        if state["torch"] is not None:
            # updates are in place: the caller may come back to the old state
            optimizer.load_state_dict(copy.deepcopy(state["torch"]))
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] if state["torch"] is not None else state["caution"] * group["lr"]
        losses: list[float] = []

        def closure() -> float:
            flat = torch.cat([p.detach().reshape(-1) for p in parameters])
            loss, gradient = objective.loss_and_gradient(flat)
            for p, part in zip(parameters, gradient.detach().split(sizes), strict=True):
                p.grad = part.reshape(p.shape).clone()
            losses.append(float(loss))
            return losses[-1]

        with torch.enable_grad():
            optimizer.step(closure)
        moved = torch.cat([p.detach().reshape(-1) for p in parameters])
        return moved, losses[0], copy.deepcopy(optimizer.state_dict())
