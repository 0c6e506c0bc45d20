"""How much two plays say about each other: the covariance of their rewards.

Letters: n, k plays; c numbers of a context; D switches; "..." is any batch.

Source: S. Li, M. Penwarden, Y. Xu, et al., Meta Learning of Interface Conditions for Multi-Domain Physics-Informed
Neural Networks (ICML 2023), arXiv 2210.12669: a Gaussian kernel on contexts times the exponential of the share of
switches on which two arms agree. With several groups of numbers and of switches it is the product over the groups.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

TYPICAL_LENGTH = 2.0
TYPICAL_THETA = 3.0
TYPICAL_NOISE = 0.3
"""Modes of the priors, for contexts and rewards of unit variance."""

_MARGIN = 1e-7


@dataclass(frozen=True)
class PlayLayout:
    """How the entries of a play, a context followed by an arm, fall into groups.

    A context is numbers followed by switches (zeros and ones). The kernel has one length for each group of numbers and
    one strength theta for each group of switches.

    Attributes:
        numbers: sizes of the groups of numbers with which a context begins.
        earlier: sizes of the groups of switches with which a context ends, such as the arms of earlier phases.
        arm: D, the number of the arm's switches, a group of their own.
    """

    numbers: tuple[int, ...]
    earlier: tuple[int, ...]
    arm: int

    @property
    def c(self) -> int:
        """How many numbers a context has."""
        return sum(self.numbers)

    @property
    def width(self) -> int:
        """How many entries a context has, numbers and switches."""
        return self.c + sum(self.earlier)


@dataclass(frozen=True)
class Hyper:
    """Hyper-parameters, for contexts and rewards of unit variance.

    Attributes:
        lengths: one per group of numbers.
        thetas: one per group of switches, the arm's last.
        variance: of expected rewards.
        noise: variance of a reward when the same is played again.
        warp: two exponents per number of a context; empty for no warping.
    """

    lengths: tuple[float, ...]
    thetas: tuple[float, ...]
    variance: float = 1.0
    noise: float = TYPICAL_NOISE
    warp: tuple[tuple[float, float], ...] = ()

    @classmethod
    def typical(cls, layout: PlayLayout, warp: bool = False) -> Hyper:
        """The modes of the priors."""
        return cls(
            lengths=(TYPICAL_LENGTH,) * len(layout.numbers),
            thetas=(TYPICAL_THETA,) * (len(layout.earlier) + 1),
            warp=((1.0, 1.0),) * layout.c if warp else (),
        )


def squared_distance(s: Tensor, r: Tensor) -> Tensor:
    """||s_i - r_j||^2, (..., n, k), of (..., n, c) and (..., k, c)."""
    return (s.unsqueeze(-2) - r.unsqueeze(-3)).square().sum(-1)


def agreement(a: Tensor, b: Tensor) -> Tensor:
    """Share of the switches that agree, (..., n, k), of zeros and ones (..., n, D) and (..., k, D)."""
    return (a @ b.mT + (1 - a) @ (1 - b).mT) / a.shape[-1]


def exponent(
    x: Tensor,
    y: Tensor,
    numbers: Sequence[int],
    switches: Sequence[int],
    lengths: Sequence[float] | Tensor,
    thetas: Sequence[float] | Tensor,
) -> Tensor:
    """Logarithm of the product of the groups' kernels, each divided by its largest value: (..., n, k), at most 0.

    Args:
        x, y: (..., n, d) and (..., k, d), columns in groups of numbers, then groups of switches.
        numbers, switches: sizes of the groups.
        lengths, thetas: one per group.
    """
    total = x.new_zeros(*x.shape[:-1], y.shape[-2])
    columns = slices((*numbers, *switches))
    for length, part in zip(lengths, columns, strict=False):
        total = total - squared_distance(x[..., part], y[..., part]) / length
    for theta, part in zip(thetas, columns, strict=True):
        total = total + theta * (agreement(x[..., part], y[..., part]) - 1)
    return total


def slices(sizes: Sequence[int]) -> Iterator[slice]:
    """One slice of columns per group, for groups of the given sizes that stand side by side."""
    ends = list(itertools.accumulate(sizes, initial=0))
    return iter([slice(a, b) for a, b in itertools.pairwise(ends)])


def warped(s: Tensor, a: Tensor, b: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Numbers pushed to and fro within their range by the cumulative distribution of Kumaraswamy, 1 - (1 - z^a)^b.

    Args:
        s: (..., c) numbers; those outside the range count as its ends.
        a, b: (c,) positive exponents; ones change nothing.
        lower, upper: (c,) the range.

    Source: Snoek et al., Input warping for Bayesian optimization of non-stationary functions (2014).
    """
    width = torch.where(upper > lower, upper - lower, torch.ones_like(lower))
    z = ((s - lower) / width).clamp(_MARGIN, 1 - _MARGIN)
    return lower + width * (1 - (1 - z**a) ** b)


def log_normal(mode: float, spread: float) -> tuple[float, float]:
    """Location and scale of the log-normal distribution with a mode, about e^spread wide to either side."""
    return math.log(mode) + spread**2, spread
