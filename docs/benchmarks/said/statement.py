"""A problem with its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

import pinnlab as pl

LINE, SQUARE = pl.Box(x=(0.0, 1.0)), pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))


@dataclass(frozen=True)
class Statement:
    """A problem with its answer.

    Attributes:
        problem: what is to be solved.
        truth: {unknown: values} at coordinates by name, (n,) tensors; complex unknowns have complex values.
        numbers: {coefficient: value} that are to be found.
        functions: {coefficient: function of its coordinates, (n,) tensors} that are to be found.
        solver: None for the default.
    """

    problem: pl.Problem
    truth: Callable[..., dict[str, torch.Tensor]]
    numbers: dict[str, float] = field(default_factory=dict)
    functions: dict[str, Callable[..., torch.Tensor]] = field(default_factory=dict)
    solver: Any = None
