"""Formulas of causal training: losses of time slices, and the weights that follow from them.

Letters: n points, q residuals of a block, k time slices.
"""

from __future__ import annotations

import torch
from torch import Tensor


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


def losses_at(residuals: Tensor, times: Tensor, starts: Tensor) -> Tensor:
    """(k,): squared residuals summed over the q rows and averaged over the points in each slice, 0 where there is none.

    Args:
        residuals: (q, n), in any order of time.
        times: (n,) of the points.
        starts: (k,) times at which slices begin; what is earlier belongs to the first one.
    """
    which = torch.bucketize(times.contiguous(), starts[1:].contiguous(), right=True)
    counts = torch.bincount(which, minlength=len(starts)).clamp_min(1)
    return residuals.new_zeros(len(starts)).index_add(0, which, (residuals**2).sum(0)) / counts


def centre_of_time(losses: Tensor) -> float:
    """The mean place of losses (k,) in time, from 0 to 1: 1/2 where slices are equal; NaN of zeros."""
    places = (torch.arange(len(losses)).to(losses) + 0.5) / len(losses)
    return float((places * losses).sum() / losses.sum())
