"""Networks that map a member's data to basis functions: networks of the coordinates, and networks on a grid.

Letters: M members, B sets of n points, P all points, m unknowns, N basis functions of an unknown, c derivatives,
d coordinates, s scalar parameters of the family.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pinnlab.declaration.ansatz import Ansatz
from pinnlab.declaration.parameters.functions import FunctionParameter
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.grid import Grid
from pinnlab.derivatives.indices import Index, Indices
from pinnlab.derivatives.taylor import Jet
from pinnlab.networks.own import taylor_mode
from pinnlab.solvers.experts.rows import Expansion


@dataclass(frozen=True)
class Inputs:
    """What a network is told about M members.

    Attributes:
        scalars: (M, s) scalar parameters.
        functions: per functional parameter, M functions of coordinates.
        ansatzes: exact conditions, one per member, or a single one that all share.
    """

    scalars: Tensor
    functions: Sequence[Sequence[FunctionParameter]]
    ansatzes: Sequence[Ansatz]

    @property
    def count(self) -> int:
        """M."""
        return len(self.scalars)


class PointBasis:
    """Basis functions from a network of the coordinates and scalar parameters, (P, d + s) -> (P, m N).

    Args:
        network: the module; see ``taylor_mode``, any other is differentiated by autograd.
        unknowns: m.
        size: N.
        inputs: the members.
    """

    def __init__(self, network: nn.Module, unknowns: int, size: int, inputs: Inputs):
        self.network, self.unknowns, self.size, self.inputs = network, unknowns, size, inputs

    def expand(self, points: Tensor, indices: Indices) -> Expansion:
        """The expansion at points (B, n, d)."""
        flat = points.flatten(0, 1)
        scalars = self.inputs.scalars.to(flat)
        count = len(scalars)
        both = torch.cat([flat.repeat(count, 1), scalars.repeat_interleave(len(flat), dim=0)], dim=1)
        # derivatives are by the coordinates, which come first
        if (fast := taylor_mode(self.network)) is not None:
            data = fast.jet(both, indices)
        else:
            data = autograd_jet(self.network, both, indices)
        return finished(data, points, indices, self.unknowns, self.inputs)


class GridBasis:
    """Basis functions from a network on a grid, (M, channels, *grid) -> (M, m N, *grid), with derivatives by the grid.

    Points must be nodes of the grid.

    Args:
        network: the module.
        grid: where it lives.
        unknowns: m.
        size: N.
        inputs: the members; scalars become constant channels.
    """

    def __init__(self, network: nn.Module, grid: Grid, unknowns: int, size: int, inputs: Inputs):
        self.grid, self.unknowns, self.size, self.inputs = grid, unknowns, size, inputs
        self.values = network(channels(grid, inputs, next(network.parameters())))
        self._jets: dict[tuple[str, ...], Tensor] = {}

    def expand(self, points: Tensor, indices: Indices) -> Expansion:
        """The expansion at nodes (B, n, d)."""
        return finished(self.nodes(points.flatten(0, 1), indices), points, indices, self.unknowns, self.inputs)

    def nodes(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, M P, m N) at nodes (P, d)."""
        at = node_numbers(self.grid, points)
        return torch.stack([self._jet(i).flatten(2)[:, :, at].transpose(1, 2).flatten(0, 1) for i in indices])

    def between(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, M P, m N) at any points (P, d) of the grid's box."""
        found = [self.grid.interpolate(self._jet(i), points) for i in indices]
        return torch.stack([f.transpose(1, 2).flatten(0, 1) for f in found])

    def _jet(self, index: Index) -> Tensor:
        """One derivative (M, m N, *grid) of all basis functions; kept while this basis lives."""
        names = tuple(self.grid.sizes)
        key = tuple(names[i] for i in index)
        if key not in self._jets:
            self._jets[key] = self.grid.derivative(self.values, key) if key else self.values
        return self._jets[key]


def channels(grid: Grid, inputs: Inputs, like: Tensor) -> Tensor:
    """(M, channels, *grid): what a network on a grid is told about the members."""
    points = grid.points.to(like)
    shape = grid.shape
    parts = [inputs.scalars.to(like)[(...,) + (None,) * len(shape)].expand(-1, -1, *shape)]
    for functions in inputs.functions:
        parts.append(torch.stack([f.at(points).reshape(shape) for f in functions])[:, None])
    joined = torch.cat(parts, dim=1)
    return joined if joined.shape[1] else like.new_ones(inputs.count, 1, *shape)


def node_numbers(grid: Grid, points: Tensor) -> Tensor:
    """(P,) positions of nodes (P, d) in the grid's row-major order; the end of a periodic axis is its start."""
    number = torch.zeros(len(points), dtype=torch.long, device=points.device)
    for i, (name, (lower, upper)) in enumerate(grid.region.bounds.items()):
        size = grid.sizes[name]
        steps = size if name in grid.periodic else size - 1
        at = torch.round((points[:, i] - lower) / (upper - lower) * steps).long()
        number = number * size + (at % size if name in grid.periodic else at)
    return number


def snapped(grid: Grid, points: Tensor) -> Tensor:
    """Points (..., d) moved to the nearest nodes; on periodic axes the upper end stays what it is."""
    columns = []
    for i, (name, (lower, upper)) in enumerate(grid.region.bounds.items()):
        steps = grid.sizes[name] if name in grid.periodic else grid.sizes[name] - 1
        spacing = (upper - lower) / steps
        columns.append(lower + torch.round((points[..., i] - lower) / spacing) * spacing)
    return torch.stack(columns, dim=-1)


def finished(data: Tensor, points: Tensor, indices: Indices, unknowns: int, inputs: Inputs) -> Expansion:
    """The expansion at points (B, n, d) from the network's derivatives (c, M B n, m N): exact conditions are applied."""
    offset, factor = _exact(points.flatten(0, 1), indices, inputs)
    sets, n = points.shape[:2]
    size = data.shape[2] // unknowns
    shape = (len(indices), inputs.count, sets, n, unknowns)
    if factor is not None:
        wide = factor.repeat_interleave(size, dim=2)
        data = (Jet(data, indices) * Jet(wide.expand_as(data).contiguous(), indices)).data
    basis = data.reshape(*shape, size).permute(1, 2, 4, 0, 3, 5).contiguous()
    if offset is not None:
        offset = offset.reshape(shape).permute(1, 2, 4, 0, 3).contiguous()
    return Expansion(basis, offset)


def _exact(flat: Tensor, indices: Indices, inputs: Inputs) -> tuple[Tensor | None, Tensor | None]:
    """G and F of the exact conditions, (c, M P, m) each, or None where there are none."""
    prepared = [ansatz.prepare(flat, indices) for ansatz in inputs.ansatzes]
    known = [p for p in prepared if p is not None]
    if not known:
        return None, None
    repeats = inputs.count if len(inputs.ansatzes) == 1 else 1
    assert len(known) == len(prepared)
    offset = torch.cat([p[0] for p in known], dim=1).repeat(1, repeats, 1)
    factor = torch.cat([p[1] for p in known], dim=1).repeat(1, repeats, 1)
    return offset, factor
