"""Features of coordinates and parameters as the first layer of a network.

Letters: c derivatives, n points, d coordinates, s scalar parameters, w features.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.taylor import Jet
from pinnlab.networks.base import Embedding


class Features(Embedding):
    """What is known of the solution as inputs of a network: similarity variables, boundary layers, travelling frames.

    ``MLP(embedding=Features(function, 3))`` feeds three functions of the coordinates and of the family's scalar parameters
    to the network instead of these themselves. Features of size one serve best.

    Args:
        function: maps (n, d + s) columns, the domain's coordinates and then the family's numbers, to (n, w); torch
            operations that can be differentiated as often as the equations ask.
        count: w.

    Raises:
        TypeError, ValueError: no function, or fewer than one feature.
    """

    takes_coordinates = True
    """The columns come as they are, not scaled to [-1, 1]."""

    def __init__(self, function: Callable[[Tensor], Tensor], count: int):
        super().__init__()
        if not callable(function):
            raise TypeError(f"Features(function={function!r}): give a function from (n, d + s) to (n, {count}).")
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"Features(count={count!r}): must be a whole number of at least 1.")
        self.function, self.count = function, count

    def width(self, inputs: int) -> int:
        found = tuple(self.function(torch.full((3, inputs), 0.5, dtype=torch.float64)).shape)
        if found != (3, self.count):
            raise ValueError(
                f"Features(function, {self.count}): mapped (3, {inputs}) to {found}, not (3, {self.count})."
            )
        return self.count

    def propagate(self, jet: Jet) -> Jet:
        return jet.with_data(autograd_jet(self.function, jet.value, jet.indices, keep=False))
