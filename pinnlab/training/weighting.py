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

State = dict[str, Any]
_SUPPRESSED = 0.5
"""A causal weight below which a time slice counts as not yet trained."""


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

    def block_residuals(self, theta: Tensor) -> list[Tensor]:
        """Per block, (q, n), unweighted."""

    def block_gradient_norms(self, theta: Tensor) -> list[Tensor]:
        """Per block, (q,): norm of the gradient of each residual's mean square."""

    def block_kernel_traces(self, theta: Tensor) -> list[Tensor]:
        """Per block, (q,): mean over points of the squared norm of the residual's gradient."""


class Weighting(ABC):
    """Turns what the system measures into row weights: the loss is the sum of mean(weight * residual^2)."""

    def init(self) -> State:
        """The state before the first step."""
        return {"step": 0}

    @abstractmethod
    def update(self, state: State, system: Measured, theta: Tensor) -> State:
        """The state for the next step; called before each."""

    @abstractmethod
    def rows(self, state: State, position: int, block: Block) -> Tensor | float:
        """Weights of a block's residuals, broadcastable to (q, n)."""

    def finished(self, state: State) -> bool:
        """Whether the weighting's own stopping rule is met."""
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


def causal_weights(losses: Tensor, epsilon: float, initial: Tensor | float = 0.0) -> Tensor:
    """w_i = exp(-epsilon (initial + sum_{j<i} losses_j)), the sum over earlier slices only.

    Args:
        losses: (k,) mean squared residual of each time slice, in the order of time.
        epsilon: causality tolerance, >= 0.
        initial: the initial condition's loss, slice zero of the sum.

    Source: Wang, Sankaran & Perdikaris, arXiv 2203.07404, section 3.
    """
    earlier = torch.cat([losses.new_zeros(1), torch.cumsum(losses, 0)[:-1]])
    return torch.exp(-epsilon * (earlier + initial))


def slice_losses(residuals: Tensor, slices: int) -> Tensor:
    """(k,): squared residuals summed over the q equations and averaged over the points of each time slice.

    Args:
        residuals: (q, n), points sorted by time.
        slices: k; the first n % k slices hold one point more.
    """
    squares = (residuals**2).sum(0)
    return torch.stack([part.mean() for part in squares.tensor_split(slices)])


@dataclass(frozen=True)
class Causal(Weighting):
    """Residual weights that respect time, with a ladder of tolerances.

    A tolerance is left as soon as every weight exceeds ``delta``, or after ``steps_per_tolerance`` steps; when the
    last one is met, training is finished.

    Args:
        tolerances: increasing values of epsilon.
        delta: threshold of the stopping test, in (0, 1).
        slices: number of time slices k, in each layer of subdomains that follow one another in time.
        initial: ``"outside"`` (the released code: the initial term keeps weight 1 beside the mean over slices) or
            ``"inside"`` (the paper's formula: it is slice zero of the sum and divided by k like the others).
        steps_per_tolerance: at most so many steps per tolerance.

    Source: arXiv 2203.07404, Algorithm 1.
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

    def init(self) -> State:
        return {"rung": 0, "on_rung": 0, "met": False}

    def update(self, state: State, system: Measured, theta: Tensor) -> State:
        residuals = system.block_residuals(theta)
        initial: Tensor | float = 0.0
        layers = 1 + max(block.layer for block in system.blocks)
        losses = residuals[0].new_zeros(layers, self.slices)
        for block, r in zip(system.blocks, residuals, strict=True):
            if block.kind == "initial":
                initial = initial + block.weight * (r**2).mean(1).sum()
            if block.kind == "equation":
                losses[block.layer] += slice_losses(r, self.slices)
        losses = losses.flatten()
        rung, on_rung = state["rung"], state["on_rung"] + 1
        weights = causal_weights(losses, self.tolerances[rung], initial)
        met, last = False, len(self.tolerances) - 1
        # a good start may meet several tolerances at once
        while bool(weights.min() > self.delta) or on_rung > self.steps_per_tolerance:
            if rung == last:
                met = bool(weights.min() > self.delta)
                break
            rung, on_rung = rung + 1, 1
            weights = causal_weights(losses, self.tolerances[rung], initial)
        return {"rung": rung, "on_rung": on_rung, "met": met, "weights": weights}

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

    def finished(self, state: State) -> bool:
        return state["met"]

    def unmet(self, state: State) -> bool:
        return "weights" in state and bool(state["weights"].min() < _SUPPRESSED)

    def info(self, state: State) -> dict[str, float]:
        if "weights" not in state:
            return {}
        return {"tolerance": self.tolerances[state["rung"]], "min_weight": float(state["weights"].min())}


Uniform = Unweighted
"""The same in programs written for version 0.1."""
