"""The profiles into which diffusion turns jumps and kinks of an initial state."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

InitialState = Callable[[Tensor], Tensor]
"""Initial state of one unknown, (n, d) -> (n,)."""


def jump_profile(distance: Tensor) -> Tensor:
    """erfc: the profile into which diffusion from a side with a fixed value turns a jump; 1 at the side."""
    return torch.erfc(distance)


def kink_profile(distance: Tensor) -> Tensor:
    """The profile into which diffusion turns |x|: x erf(x) + exp(-x^2) / sqrt(pi)."""
    return distance * torch.erf(distance) + torch.exp(-(distance**2)) / math.sqrt(math.pi)
