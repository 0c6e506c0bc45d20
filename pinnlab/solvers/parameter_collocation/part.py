"""A family as a polynomial through members, and one member of it: a weighted sum of those that were solved.

Letters: N nodes, p parameters, n points, d coordinates, c derivatives, m unknowns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pinnlab.derivatives.indices import Indices
from pinnlab.domains import Region
from pinnlab.solvers.parameter_collocation.sparse import SparseGrid
from pinnlab.solvers.parameter_collocation.variables import Axis, place_of
from pinnlab.solvers.windows import by_window
from pinnlab.training.part import Data, FamilyPart, Part, Writer

Node = Sequence[Part]
"""The solution of one member: its parts in the order in which they were solved."""


class InterpolatedFamily(FamilyPart):
    """All members of a family.

    Args:
        region: in which they hold.
        axes: p numbers.
        grid: the N nodes.
        nodes: the solutions there.
        middle: {parameter: number} of the member that stands for all.
    """

    def __init__(
        self, region: Region, axes: Sequence[Axis], grid: SparseGrid, nodes: Sequence[Node], middle: Mapping[str, float]
    ):
        self.region, self.axes, self.grid, self.nodes = region, tuple(axes), grid, list(nodes)
        self.middle = dict(middle)
        first = self.nodes[0][0]
        self.unknowns, self.coefficients, self.constants = first.unknowns, {}, first.constants
        self.parameters = [tensor for node in self.nodes for part in node for tensor in part.parameters]

    def member(self, values: Mapping[str, float]) -> WeightedMembers:
        place = torch.tensor([place_of(self.axes, values)], dtype=torch.float64)
        weights = self.grid.weights(place)[0].tolist()
        return WeightedMembers(self.region, self.nodes, weights, values)

    @property
    def joints(self) -> Mapping[str, tuple[float, ...]]:
        return self._middle.joints

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        return self._middle.jet(points, indices)

    @cached_property
    def _middle(self) -> WeightedMembers:
        return self.member(self.middle)

    def to_data(self, file: Writer) -> Data:
        return {
            "interpolated family": [[part.to_data(file) for part in node] for node in self.nodes],
            "region": self.region.to_data(),
            "axes": [[axis.name, axis.lower, axis.upper, axis.logarithmic] for axis in self.axes],
            "indices": [list(index) for index in self.grid.indices],
            "surpluses": list(self.grid.surpluses),
            "middle": self.middle,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any], nodes: Sequence[Node], region: Region) -> InterpolatedFamily:
        """The inverse of ``to_data``, with the nodes' parts."""
        axes = [Axis(*axis) for axis in data["axes"]]
        indices = [tuple(int(k) for k in index) for index in data["indices"]]
        if len(indices) != len(nodes) or any(len(index) != len(axes) for index in indices):
            raise ValueError(f"{len(nodes)} members do not belong to its {len(indices)} nodes in {len(axes)} numbers")
        return cls(region, axes, SparseGrid(len(axes), indices, list(data["surpluses"])), nodes, data["middle"])


class WeightedMembers(Part):
    """One member.

    Args:
        region: in which it holds.
        nodes: N solutions.
        weights: N numbers.
        values: {parameter: number} of this member.
    """

    def __init__(self, region: Region, nodes: Sequence[Node], weights: Sequence[float], values: Mapping[str, float]):
        self.region, self.nodes, self.weights, self.values_of_member = region, nodes, weights, dict(values)
        first = nodes[0][0]
        self.unknowns, self.coefficients, self.parameters = first.unknowns, {}, first.parameters
        own = {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}
        self.constants = {**first.constants, **own}

    @property
    def joints(self) -> Mapping[str, tuple[float, ...]]:
        found: dict[str, set[float]] = {}
        for part in (part for node in self.nodes for part in node):
            for name, positions in part.joints.items():
                found.setdefault(name, set()).update(positions)
        return {name: tuple(sorted(positions)) for name, positions in found.items()}

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        found = points.new_zeros(len(indices), len(points), len(self.unknowns))
        for node, weight in zip(self.nodes, self.weights, strict=True):
            if weight:
                found += weight * node_jet(node, self.region, points, indices)
        return found

    def to_data(self, file: Writer) -> Data:
        return {
            "weighted members": [[part.to_data(file) for part in node] for node in self.nodes],
            "region": self.region.to_data(),
            "weights": list(self.weights),
            "values": self.values_of_member,
        }


def node_jet(node: Node, region: Region, points: Tensor, indices: Indices) -> Tensor:
    """Derivatives (c, n, m) of the solution of one member, made of parts in time order."""
    if len(node) == 1:
        return node[0].jet(points, indices)
    found = points.new_full((len(indices), len(points), len(node[0].unknowns)), torch.nan)
    for k, inside in by_window(points, [part.region for part in node], region):
        found[:, inside] = node[k].jet(points[inside], indices)
    return found
