"""How residual blocks are weighted: uniform, gradient norm, neural tangent kernel, causal.

Letters: n points, q residuals of a block, k time slices.

A weighting is configuration; its state is a plain dictionary that a checkpoint can hold. Weights are frozen while an
optimizer takes a step, and no gradient flows through them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from pinnlab.training.time_slices import causal_weights, centre_of_time, losses_at, slice_losses

State = dict[str, Any]
_SUPPRESSED = 0.5
"""A causal weight below which a time slice counts as not yet trained."""
_DRAWS = 3
"""Looks in a row, after different steps and at different points, that have to agree before a tolerance counts as met."""
_WAITING = 0.5
"""Share of the steps or of the time after which nothing waits any more."""
_EARLY = 0.2
"""Mean place in time of the losses, from 0 to 1, below which late times are trained before early ones are."""
_PATIENCE = 100
"""Looks in a row at which it is so before late times wait: second-order steps often put them in order by themselves."""
_LOOK = 20
"""Steps between two looks at the last tolerance, once nothing waits any more."""


class Block(Protocol):
    """A residual block as a weighting sees it: ``kind`` as in ``Term``, its ``residuals`` named, n points, part of time."""

    kind: str
    residuals: tuple[str, ...]
    n: int
    layer: int


class Measured(Protocol):
    """What a weighting may ask of the residual system at the current parameters."""

    @property
    def blocks(self) -> Sequence[Any]:
        """The blocks, in the order of what the methods return."""

    @property
    def spent(self) -> float:
        """Which share of the training's steps or time is over, 0 to 1."""

    def block_residuals(self, theta: Tensor, held_out: bool = False) -> list[Tensor]:
        """Per block, (q, n), unweighted; at points that training never sees where ``held_out``."""

    def block_times(self, held_out: bool = False) -> list[Tensor]:
        """Per block, (n,) times of these points."""

    def block_sizes(self, theta: Tensor) -> list[Tensor]:
        """Per block, (q,): natural sizes of its residuals, in their own units."""

    def block_gradient_norms(self, theta: Tensor) -> list[Tensor]:
        """Per block, (q,): norm of the gradient of each residual's mean square."""

    def block_kernel_traces(self, theta: Tensor) -> list[Tensor]:
        """Per block, (q,): mean over points of the squared norm of the residual's gradient."""


class Weighting(ABC):
    """Turns what the system measures into row weights: the loss is the sum of mean(weight * residual^2)."""

    def check(self, blocks: Sequence[Any]) -> None:  # noqa: B027
        """Raise ValueError where these blocks cannot be weighted."""

    def init(self) -> State:
        """The state before the first step."""
        return {"step": 0}

    @abstractmethod
    def update(self, state: State, system: Measured, theta: Tensor) -> State:
        """The state for the next step; called before each."""

    @abstractmethod
    def rows(self, state: State, position: int, block: Block) -> Tensor | float:
        """Weights of a block's residuals, broadcastable to (q, n)."""

    def settled(self, state: State) -> bool:
        """Whether weights do not change any more."""
        return False

    def hurried(self, state: State) -> State | None:
        """The state in which residuals do not wait for others any more; None where none waits."""
        return None

    def finished(self, state: State) -> bool:
        """Whether the weighting's own tolerance is met, so that an optimizer that is stuck has converged."""
        return False

    def unmet(self, state: State) -> bool:
        """Whether some residuals are still as good as switched off."""
        return False

    def info(self, state: State) -> dict[str, float]:
        """Numbers for the history."""
        return {}


@dataclass(frozen=True)
class Unweighted(Weighting):
    """Every block as its condition's ``weight`` says."""

    written_as: ClassVar[str] = "Uniform"
    """The name by which checkpoints know it."""

    def update(self, state: State, system: Measured, theta: Tensor) -> State:
        return state

    def settled(self, state: State) -> bool:
        return True

    def rows(self, state: State, position: int, block: Block) -> Tensor | float:
        return 1.0


def balanced(magnitudes: Tensor) -> Tensor:
    """sum(magnitudes) / magnitudes: blocks whose gradients (or kernel traces) are small get large weights.

    Source: Wang et al., arXiv 2308.08468, eqs. for gradient-norm and NTK weights.
    """
    tiny = torch.finfo(magnitudes.dtype).tiny
    return magnitudes.sum() / magnitudes.clamp_min(tiny)


@dataclass(frozen=True)
class _Balanced(Weighting):
    momentum: float = 0.9
    every: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise ValueError(f"{type(self).__name__}(momentum={self.momentum}): must lie in [0, 1).")
        if self.every < 1:
            raise ValueError(f"{type(self).__name__}(every={self.every}): must be at least 1 step.")

    @abstractmethod
    def magnitudes(self, system: Measured, theta: Tensor) -> list[Tensor]:
        """Per block, (q,): what is to be balanced."""

    def update(self, state: State, system: Measured, theta: Tensor) -> State:
        step = state["step"]
        if step % self.every:
            return {**state, "step": step + 1}
        found = self.magnitudes(system, theta)
        new = balanced(torch.cat(found))
        old = state.get("weights")
        weights = new if old is None else self.momentum * old + (1 - self.momentum) * new
        starts = torch.tensor([0, *(len(f) for f in found)]).cumsum(0).tolist()
        return {"step": step + 1, "weights": weights, "starts": starts}

    def rows(self, state: State, position: int, block: Block) -> Tensor | float:
        if "weights" not in state:
            return 1.0
        first, last = state["starts"][position : position + 2]
        return state["weights"][first:last, None]


@dataclass(frozen=True)
class GradientNorm(_Balanced):
    """Blocks balanced by the norm of their gradients (Wang, Teng & Perdikaris, arXiv 2001.04536; 2308.08468).

    Args:
        momentum: of the running average, in [0, 1).
        every: steps between updates.
    """

    def magnitudes(self, system: Measured, theta: Tensor) -> list[Tensor]:
        return system.block_gradient_norms(theta)


@dataclass(frozen=True)
class NTK(_Balanced):
    """Blocks balanced by the trace of their neural tangent kernel (Wang, Yu & Perdikaris, arXiv 2007.14527).

    Args: as for ``GradientNorm``.
    """

    def magnitudes(self, system: Measured, theta: Tensor) -> list[Tensor]:
        return system.block_kernel_traces(theta)


@dataclass(frozen=True)
class Causal(Weighting):
    """Residual weights that respect time, with a ladder of tolerances.

    Residuals are divided by their natural sizes (``sizes.natural_sizes``) before they are squared, so that no unit matters.
    Those of boundaries, seams and interfaces count in the slice of time in which they lie, like the equations'; measured
    data, which carry noise, do not.

    Nothing waits, and all weights are one, while they would all exceed one half; where losses gather in the early part of
    time for a hundred looks in a row, the ladder is climbed to a tolerance at which something does wait. A tolerance is
    met when every weight exceeds ``delta`` in three looks in a row, after different steps and at different points, and at
    held-out points. It is then left, and several are at once where the residuals allow it. After the last one nothing
    waits any more, and training goes on; so it does when the optimizer is stuck, and after half of the training's steps
    or time.
    A finite ``steps_per_tolerance`` gives the paper's schedule instead: weights as in its formula from the first tolerance
    on, and at most so many steps for each.

    Args:
        tolerances: increasing values of epsilon.
        delta: threshold of the test, in (0, 1).
        slices: number of time slices k, in each layer of subdomains that follow one another in time.
        initial: ``"outside"`` (the released code: the initial term keeps weight 1 beside the mean over slices) or
            ``"inside"`` (the paper's formula: it is slice zero of the sum and divided by k like the others).
        steps_per_tolerance: at most so many steps per tolerance, >= 1, as in the paper; infinite: as described.

    Raises:
        ValueError: an argument out of its range; in a plan, no time, or an equation with fewer points than slices.

    Source: arXiv 2203.07404, Algorithm 1; natural sizes, agreement and the end of the ladder are our own.
    """

    tolerances: tuple[float, ...] = (1e-2, 1e-1, 1e0, 1e1, 1e2)
    delta: float = 0.99
    slices: int = 32
    initial: str = "outside"
    steps_per_tolerance: float = math.inf

    def __post_init__(self) -> None:
        increasing = all(a < b for a, b in zip(self.tolerances, self.tolerances[1:], strict=False))
        if not self.tolerances or not increasing or not 0 <= self.tolerances[0] < math.inf:
            raise ValueError(f"tolerances={self.tolerances}: give increasing numbers, such as (0.01, 0.1, 1.0).")
        if not 0 < self.delta < 1:
            raise ValueError(f"delta={self.delta}: the weights' threshold must lie between 0 and 1, such as 0.99.")
        if self.slices < 2:
            raise ValueError(f"slices={self.slices}: causality needs at least 2 time slices.")
        if self.initial not in ("outside", "inside"):
            raise ValueError(f"initial={self.initial!r}: choose 'outside' (released code) or 'inside' (paper).")
        if not self.steps_per_tolerance >= 1:
            raise ValueError(f"steps_per_tolerance={self.steps_per_tolerance}: must be at least 1.")

    def check(self, blocks: Sequence[Any]) -> None:
        for block in blocks:
            if not block.region.has_time:
                raise ValueError(
                    f"weighting={self!r}: causal weights follow the order of time, but {block.region!r} has no coordinate "
                    "'t'; leave weighting out, or say which coordinate is time: Box(..., time=...)."
                )
            if block.kind == "equation" and block.n < self.slices:
                raise ValueError(
                    f"slices={self.slices}: causal weights take the mean over the points of each time slice, but an "
                    f"equation has {block.n} points, so that some slices would have none; give points={2 * self.slices} or "
                    f"more (each subdomain has its own), or slices={max(2, block.n // 2)}."
                )

    def init(self) -> State:
        return {"rung": 0, "on_rung": 0, "done": False, "met": False, "sums": [], "early": 0}

    def update(self, state: State, system: Measured, theta: Tensor) -> State:
        state = {**self.init(), **state}
        rung, on_rung, done = state["rung"], state["on_rung"] + 1, state["done"]
        if done and on_rung % _LOOK:
            return {**state, "on_rung": on_rung}
        sizes = system.block_sizes(theta)
        losses, initial = self._measured(system, theta, sizes)
        now = _sum(losses, initial)
        # the same number once more is the same look
        again = state["sums"][-1:] == [now]
        sums = state["sums"] if again else [*state["sums"], now][-_DRAWS:]
        early = state["early"] if again else (state["early"] + 1) * (centre_of_time(losses) < _EARLY)
        worst = max(sums) if len(sums) == _DRAWS else math.inf
        if self._meets(rung, worst):
            worst = max(worst, _sum(*self._measured(system, theta, sizes, held_out=True)))
        met, last = self._meets(rung, worst), len(self.tolerances) - 1
        scheduled = math.isfinite(self.steps_per_tolerance)
        late = not scheduled and len(sums) == _DRAWS and system.spent >= _WAITING
        while not done and (met or late or on_rung > self.steps_per_tolerance):
            done, on_rung = late or rung == last, 1
            rung = min(rung + 1, last)
            met = self._meets(rung, worst)
        while not scheduled and early >= _PATIENCE and rung < last and not self._holds(rung, now):
            rung, on_rung = rung + 1, 1
        free = done or not (scheduled or self._holds(rung, now))
        weights = torch.ones_like(losses) if free else causal_weights(losses, self.tolerances[rung], initial)
        found = {"rung": rung, "on_rung": on_rung, "done": done, "met": done and met, "sums": sums, "early": early}
        return {**found, "weights": weights}

    def _measured(
        self, system: Measured, theta: Tensor, sizes: Sequence[Tensor], held_out: bool = False
    ) -> tuple[Tensor, Tensor]:
        """The losses (layers * k,) of all slices and that of the initial condition, in natural sizes."""
        residuals = system.block_residuals(theta, held_out)
        times = system.block_times(held_out)
        natural = [r / size[:, None] for r, size in zip(residuals, sizes, strict=True)]
        layers = 1 + max(block.layer for block in system.blocks)
        losses, initial = residuals[0].new_zeros(layers, self.slices), residuals[0].new_zeros(())
        starts = [torch.empty(0)] * layers
        for block, r, at in zip(system.blocks, natural, times, strict=True):
            if block.kind == "initial":
                initial = initial + block.weight * (r**2).mean(1).sum()
            if block.kind == "equation":
                losses[block.layer] += slice_losses(r, self.slices)
                starts[block.layer] = torch.stack([part[0] for part in at.tensor_split(self.slices)])
        flat, edges = losses.flatten(), torch.cat(starts)
        for block, r, at in zip(system.blocks, natural, times, strict=True):
            if block.kind not in ("equation", "initial", "data"):
                flat = flat + losses_at(r, at, edges)
        return flat, initial

    def _holds(self, rung: int, total: float) -> bool:
        """Whether some slice is held back."""
        return math.exp(-self.tolerances[rung] * total) < _SUPPRESSED

    def _meets(self, rung: int, total: float) -> bool:
        """Whether the smallest weight, that of the last slice, exceeds the threshold."""
        return math.exp(-self.tolerances[rung] * total) > self.delta

    def rows(self, state: State, position: int, block: Block) -> Tensor | float:
        if "weights" not in state:
            return 1.0
        if block.kind == "initial" and self.initial == "inside":
            return 1 / self.slices
        if block.kind != "equation":
            return 1.0
        sizes = torch.tensor([len(p) for p in torch.arange(block.n).tensor_split(self.slices)])
        mine = state["weights"][block.layer * self.slices :][: self.slices]
        return torch.repeat_interleave(mine, sizes.to(mine.device))

    def settled(self, state: State) -> bool:
        return bool(state.get("done", False))

    def hurried(self, state: State) -> State | None:
        if self.settled(state):
            return None
        # a tighter tolerance would hold back even more
        return {**state, "done": True, "on_rung": 0, "weights": torch.ones_like(state["weights"])}

    def finished(self, state: State) -> bool:
        return bool(state["met"])

    def unmet(self, state: State) -> bool:
        return "weights" in state and bool(state["weights"].min() < _SUPPRESSED)

    def info(self, state: State) -> dict[str, float]:
        if "weights" not in state:
            return {}
        tolerance = 0.0 if self.settled(state) else self.tolerances[state["rung"]]
        return {"tolerance": tolerance, "min_weight": float(state["weights"].min())}


def _sum(losses: Tensor, initial: Tensor) -> float:
    """What the last slice waits for: the losses of all slices before it; infinite where one is not a number."""
    total = float(initial + losses[:-1].sum())
    return math.inf if math.isnan(total) else total


Uniform = Unweighted
"""The same in programs written for version 0.1."""
