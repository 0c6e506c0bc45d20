"""A system whose measurements are given, for weights that are worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

import pinnlab as pl

NOWHERE = torch.zeros(0)


@dataclass
class Block:
    kind: str
    r: list[list[float]]
    weight: float = 1.0
    layer: int = 0
    times: list[float] | None = None
    sizes: list[float] | None = None
    region: pl.Box = field(default_factory=lambda: pl.Box(t=(0.0, 1.0)))
    residuals: tuple[str, ...] = field(init=False)
    n: int = field(init=False)

    def __post_init__(self) -> None:
        self.residuals, self.n = tuple("ab"[: len(self.r)]), len(self.r[0])


class System:
    """A system whose measurements are given."""

    def __init__(self, *blocks: Block, norms: Any = (), traces: Any = (), spent: float = 0.0, unseen: Any = None):
        self.blocks, self.norms, self.traces, self.asked, self.spent = blocks, norms, traces, 0, spent
        self.unseen = blocks if unseen is None else (unseen,)

    def block_residuals(self, theta: Tensor, held_out: bool = False) -> list[Tensor]:
        return [tensor(block.r) for block in (self.unseen if held_out else self.blocks)]

    def block_times(self, held_out: bool = False) -> list[Tensor]:
        return [tensor(block.times or [k / block.n for k in range(block.n)]) for block in self.blocks]

    def block_sizes(self, theta: Tensor) -> list[Tensor]:
        return [tensor(block.sizes or [1.0] * len(block.r)) for block in self.blocks]

    def block_gradient_norms(self, theta: Tensor) -> list[Tensor]:
        self.asked += 1
        return [tensor(n) for n in self.norms]

    def block_kernel_traces(self, theta: Tensor) -> list[Tensor]:
        self.asked += 1
        return [tensor(t) for t in self.traces]


def tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def close(found: Any, expected: list) -> None:
    torch.testing.assert_close(torch.as_tensor(found, dtype=torch.float64), tensor(expected), rtol=1e-13, atol=0)
