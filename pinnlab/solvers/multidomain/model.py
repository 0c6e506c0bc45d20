"""Several models, one per cell of a partition, as one function of one flat parameter vector.

Letters: c derivatives, n points, d coordinates, m unknowns, K cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from pinnlab.declaration.parameters.bounded import Free
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.domains.sampling import unit_points
from pinnlab.solvers.multidomain.partition import Interface, Partition
from pinnlab.training.model import Model, Trainable
from pinnlab.training.part import Data, Writer


class PiecewiseModel(Trainable):
    """u(x; theta) made of one model per cell.

    Args:
        partition: the cells.
        models: one per cell; cells of one subdomain share a network.
        numbers: {name: 0-dim parameter} to be found, shared by all; free variables of those that have bounds.
        constants: {name: 0-dim tensor} of the other parameters.
        frees: {name: the number as a function of its free variable}.
    """

    def __init__(
        self,
        partition: Partition,
        models: Sequence[Model],
        numbers: Mapping[str, nn.Parameter],
        constants: Mapping[str, Tensor],
        frees: Mapping[str, Free] = MappingProxyType({}),
    ):
        self.partition, self.models = partition, tuple(models)
        self.region, self.unknowns = partition.region, models[0].unknowns
        self.numbers, self.constants, self.frees = dict(numbers), dict(constants), dict(frees)
        self.parameters = [p for group in self.groups for p in group]

    @property
    def networks(self) -> Sequence[nn.Module]:
        found = {cell.owner: model.network for cell, model in zip(self.partition.cells, self.models, strict=True)}
        return [found[k] for k in sorted(found)]

    @property
    def groups(self) -> list[list[nn.Parameter]]:
        own = [[p for p in network.parameters() if p.requires_grad] for network in self.networks]
        return [*own, *([list(self.numbers.values())] if self.numbers else [])]

    @property
    def width(self) -> int:
        return max(model.width for model in self.models)

    @property
    def joints(self) -> Mapping[str, tuple[float, ...]]:
        ends = {name: {e for c in self.partition.cells for e in c.box.bounds[name]} for name in self.region.coordinates}
        inner = {name: tuple(sorted(found - set(self.region.bounds[name]))) for name, found in ends.items()}
        return {name: positions for name, positions in inner.items() if positions}

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, m); a point on an interface belongs to the earlier cell, outside of all cells it is NaN."""
        which = self.partition.find(points)
        result = points.new_zeros(len(indices), len(points), len(self.unknowns))
        for k, model in enumerate(self.models):
            mask = which == k
            if bool(mask.any()):
                result[:, mask] = model.jet(points[mask], indices)
        result[:, which < 0] = torch.nan
        return result

    def to_data(self, file: Writer) -> Data:
        parts = [model.to_data(file) for model in self.models]
        return {
            "domain": self.region.to_data(),
            "cells": parts,
            "owners": [cell.owner for cell in self.partition.cells],
            "interfaces": [[i.first, i.second, i.normal] for i in self.partition.interfaces],
            **{key: parts[0][key] for key in ("coefficients", "constants")},
        }

    def sides(self, n: int, seed: int) -> Iterator[tuple[Interface, tuple[Model, Tensor], tuple[Model, Tensor]]]:
        """Every interface, and n points (n, d) of it as the models below and above see them."""
        rng = np.random.default_rng(seed)
        for interface in self.partition.interfaces:
            unit = unit_points("sobol", n, len(self.region.coordinates), rng).to(self.parameters[0])
            below, above = interface.sites(unit)
            yield interface, (self.models[interface.first], below.points), (self.models[interface.second], above.points)

    def jump(self, n: int = 256, seed: int = 0) -> float:
        """Root mean square of the solution's jumps across the interfaces, at n points each; 0 where there are none."""
        squares = []
        with torch.no_grad():
            for _, *sides in self.sides(n, seed):
                first, second = (model.jet(points, VALUE) for model, points in sides)
                squares.append((first - second).square().mean())
        return float(torch.stack(squares).mean().sqrt()) if squares else 0.0
