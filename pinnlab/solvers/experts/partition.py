"""The parts of a box that experts are responsible for: tensor cells, found by location.

Letters: k experts, n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.domains import Box

Cuts = Mapping[str, int | Sequence[float]]


@dataclass(frozen=True, eq=False)
class Partition:
    """The tensor product of intervals; experts are numbered row-major over the domain's coordinates.

    Attributes:
        region: the box.
        edges: {coordinate: increasing edges}, one entry per coordinate, the domain's bounds first and last.
    """

    region: Box
    edges: Mapping[str, tuple[float, ...]]

    @classmethod
    def of(cls, region: Box, cuts: Cuts, owner: str = "experts") -> Partition:
        """Cut a box.

        Args:
            region: the box.
            cuts: {coordinate: number of equal parts, or the positions at which to cut}.
            owner: how messages call the argument.

        Raises:
            TypeError: the region is no box, or cuts are neither numbers nor positions.
            ValueError: an unknown coordinate, fewer than one part, positions that do not increase inside the interval.
        """
        if not isinstance(region, Box):
            raise TypeError(f"{owner}={dict(cuts)!r}: experts share out a Box, this problem lives on {region!r}.")
        for name in cuts:
            if name not in region.coordinates:
                raise ValueError(
                    f"{owner}={dict(cuts)!r}: {name!r} is none of the coordinates {', '.join(region.coordinates)}."
                )
        edges: dict[str, tuple[float, ...]] = {}
        for name, (lower, upper) in region.bounds.items():
            given = cuts.get(name, 1)
            if isinstance(given, bool) or not isinstance(given, int | Sequence) or isinstance(given, str):
                raise TypeError(
                    f"{owner}={{{name!r}: {given!r}}}: give a number of equal parts, or a tuple of positions."
                )
            if isinstance(given, int):
                if given < 1:
                    raise ValueError(f"{owner}={{{name!r}: {given}}}: give at least one part.")
                inner = [lower + (upper - lower) * i / given for i in range(1, given)]
            else:
                inner = [float(position) for position in given]
            found = (lower, *inner, upper)
            if any(not a < b for a, b in zip(found, found[1:], strict=False)):
                raise ValueError(
                    f"{owner}={{{name!r}: {given!r}}}: give increasing positions strictly inside ({lower:g}, {upper:g})."
                )
            edges[name] = found
        return cls(region, edges)

    @property
    def shape(self) -> tuple[int, ...]:
        """Parts per coordinate."""
        return tuple(len(e) - 1 for e in self.edges.values())

    @property
    def count(self) -> int:
        """The number k of experts."""
        return int(torch.tensor(self.shape).prod())

    @property
    def lower(self) -> Tensor:
        """(k, d) lower corners."""
        return torch.cartesian_prod(*(torch.tensor(e[:-1], dtype=torch.float64) for e in self.edges.values())).reshape(
            self.count, -1
        )

    @property
    def upper(self) -> Tensor:
        """(k, d) upper corners."""
        return torch.cartesian_prod(*(torch.tensor(e[1:], dtype=torch.float64) for e in self.edges.values())).reshape(
            self.count, -1
        )

    def locate(self, points: Tensor) -> Tensor:
        """(n,) the expert in whose part each of (n, d) points lies; the nearest one outside the box."""
        index = torch.zeros(len(points), dtype=torch.long, device=points.device)
        for i, edges in enumerate(self.edges.values()):
            inner = points.new_tensor(edges[1:-1])
            index = index * (len(edges) - 1) + torch.bucketize(points[:, i].contiguous(), inner, right=True)
        return index

    def neighbours(self, coordinate: str) -> tuple[Tensor, Tensor]:
        """The experts on both sides of each inner face across a coordinate: (lower ones, upper ones)."""
        axis = list(self.edges).index(coordinate)
        numbers = torch.arange(self.count).reshape(self.shape)
        size = self.shape[axis]
        return numbers.narrow(axis, 0, size - 1).reshape(-1), numbers.narrow(axis, 1, size - 1).reshape(-1)

    def inside(self, unit: Tensor, experts: Tensor | None = None) -> Tensor:
        """(k, n, d): points (n, d) of the unit cube mapped to the place that each part has in it.

        Args:
            unit: (n, d).
            experts: which parts, all if None.
        """
        first = torch.tensor([lo for lo, _ in self.region.bounds.values()], dtype=torch.float64)
        width = torch.tensor([hi - lo for lo, hi in self.region.bounds.values()], dtype=torch.float64)
        lower, upper = (self.lower - first) / width, (self.upper - first) / width
        if experts is not None:
            lower, upper = lower[experts], upper[experts]
        lower, upper = lower.to(unit)[:, None], upper.to(unit)[:, None]
        return lower + unit * (upper - lower)

    def snapped(self, axes: Mapping[str, Tensor]) -> Partition:
        """The same parts with inner edges moved to the nearest nodes of a grid.

        Args:
            axes: {coordinate: (s,) nodes}.

        Raises:
            ValueError: two edges fall on one node.
        """
        edges = {}
        for name, old in self.edges.items():
            nodes = axes[name]
            inner = [float(nodes[int((nodes - position).abs().argmin())]) for position in old[1:-1]]
            edges[name] = (old[0], *inner, old[-1])
            if any(not a < b for a, b in zip(edges[name], edges[name][1:], strict=False)):
                raise ValueError(
                    f"experts along {name!r}: {len(old) - 1} parts do not fit on {len(nodes)} nodes; use a finer grid "
                    "or fewer experts."
                )
        return Partition(self.region, edges)
