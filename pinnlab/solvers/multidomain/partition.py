"""Splitting a domain into subdomains: cells, who neighbours whom, and which conditions each cell keeps.

Letters: n points, d coordinates, K cells.

A domain is cut along coordinates into cells, which are boxes. Usually every cell is a subdomain with its own network;
several cells may also form one subdomain and share a network. Neighbouring cells meet at an interface, also across the
seam of a periodic coordinate that is cut.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import AnyCondition, BoundaryCondition, Data, Initial, Integral, Periodic
from pinnlab.domains import Box, Region, Site
from pinnlab.domains.cells import Cells

_EDGE = 1e-9
"""Distance, relative to the domain's extent, within which positions are the same."""


@dataclass(frozen=True)
class Subdomains:
    """How a domain is divided.

    Args:
        cuts: {coordinate: increasing positions inside the domain}.
        together: groups of cells that share one network, such as ``[(0, 2)]`` for the first and third; cells are
            numbered with the last coordinate running fastest. Cells that stand in no group have their own network.

    Raises:
        TypeError, ValueError: no cuts; a cell in two groups.
    """

    cuts: Mapping[str, Sequence[float]] = field(hash=False)
    together: Sequence[Sequence[int]] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.cuts, Mapping) or not self.cuts:
            raise TypeError(f"subdomains={self.cuts!r}: give positions of cuts, such as {{'x': (0.0,)}}.")
        cuts = {name: _positions(name, given) for name, given in self.cuts.items()}
        object.__setattr__(self, "cuts", cuts)
        object.__setattr__(self, "together", tuple(tuple(int(k) for k in group) for group in self.together))
        cells = [k for group in self.together for k in group]
        if len(set(cells)) != len(cells):
            raise ValueError(f"together={self.together}: a cell can share the network of one group only.")

    def split(self, region: Region, periodic: Sequence[str] = ()) -> Partition:
        """The cells of a region and their interfaces.

        Args:
            region: a box, or a region that is a union of some of the cells.
            periodic: coordinates whose ends meet.

        Raises:
            ValueError: a cut outside the region or for a coordinate that it does not have; a cell that lies in the
                region only in part; a group that names no cell.
        """
        for name, positions in self.cuts.items():
            if name not in region.coordinates:
                raise ValueError(
                    f"subdomains={dict(self.cuts)}: {name!r} is no coordinate of {region!r}; cut along "
                    f"{', '.join(region.coordinates)}."
                )
            lower, upper = region.bounds[name]
            outside = [c for c in positions if not lower < c < upper]
            if outside:
                raise ValueError(
                    f"subdomains: the cut {name} = {outside[0]:g} is not inside ({lower:g}, {upper:g}); a cut at the end "
                    "or beyond would leave an empty subdomain."
                )
        bounds = region.bounds
        edges = {n: np.array([bounds[n][0], *self.cuts.get(n, ()), bounds[n][1]]) for n in region.coordinates}
        grid = Cells(edges, region.time)
        boxes = grid.boxes
        kept = [k for k, box in enumerate(boxes) if _inside(region, box)]
        number = {k: i for i, k in enumerate(kept)}
        owners = self._owners(len(kept))
        cells = tuple(Cell(boxes[k], owners[i]) for i, k in enumerate(kept))
        interfaces = [
            Interface(number[k], number[after], region.coordinates[axis], boxes[k], boxes[after])
            for k, axis, after in _meetings(grid, [name in periodic for name in region.coordinates])
            if k in number and after in number
        ]
        return Partition(region, cells, tuple(interfaces))

    def _owners(self, count: int) -> list[int]:
        beyond = [k for group in self.together for k in group if not 0 <= k < count]
        if beyond:
            raise ValueError(
                f"together={self.together}: there is no cell {beyond[0]}; cells are numbered 0 to {count - 1}."
            )
        group_of = {k: group for group in self.together for k in group}
        seen: dict[object, int] = {}
        return [seen.setdefault(group_of.get(k, k), len(seen)) for k in range(count)]


def _positions(name: str, given: float | Sequence[float]) -> tuple[float, ...]:
    try:
        positions = tuple(float(c) for c in ((given,) if isinstance(given, int | float) else given))
    except (OverflowError, TypeError, ValueError) as error:
        raise TypeError(f"subdomains={{{name!r}: {given!r}}}: give positions of cuts, such as (0.0, 0.5).") from error
    if any(a >= b for a, b in itertools.pairwise(positions)):
        raise ValueError(f"subdomains={{{name!r}: {positions}}}: give the cuts in increasing order, each once.")
    return positions


def _meetings(grid: Cells, periodic: Sequence[bool]) -> list[tuple[int, int, int]]:
    """(cell, axis, cell behind it) of all faces between cells, in order; the first is behind the last on periodic axes."""
    found: list[tuple[int, int, int]] = []
    for axis, closed in enumerate(periodic):
        lower, upper = grid.neighbours(axis)
        found += [(a, axis, b) for a, b in zip(lower.tolist(), upper.tolist(), strict=True)]
        if closed and grid.shape[axis] > 1:
            ends = grid.side(axis, upper=True), grid.side(axis, upper=False)
            found += [(a, axis, b) for a, b in zip(*(end.tolist() for end in ends), strict=True)]
    return sorted(found)


def _inside(region: Region, box: Box) -> bool:
    """Whether a cell belongs to the region."""
    if isinstance(region, Box):
        return True
    ticks = torch.linspace(0.02, 0.98, 9, dtype=torch.float64)
    unit = torch.cartesian_prod(*[ticks] * len(box.coordinates)).reshape(-1, len(box.coordinates))
    inside = region.contains(box.interior(unit).points)
    if bool(inside.all()):
        return True
    if not bool(inside.any()):
        return False
    raise ValueError(
        f"subdomains: the cell {box!r} lies in {region!r} only in part; add cuts so that every cell lies inside or outside."
    )


@dataclass(frozen=True)
class Cell:
    """A box of the partition.

    Attributes:
        box: where it lies.
        owner: number of the subdomain, that is of the network, that it belongs to.
    """

    box: Box
    owner: int


@dataclass(frozen=True)
class Interface:
    """Where two cells meet.

    Attributes:
        first: number of the cell below.
        second: number of the cell above; below the first one in space where they meet across a periodic seam.
        normal: the coordinate that is constant on the interface; it points from the first cell to the second.
        below: the first cell's box.
        above: the second cell's box.
    """

    first: int
    second: int
    normal: str
    below: Box
    above: Box

    @property
    def width(self) -> float:
        """Half the mean extent of the two cells along the normal."""
        extents = [box.bounds[self.normal][1] - box.bounds[self.normal][0] for box in (self.below, self.above)]
        return sum(extents) / 4

    def sites(self, unit: Tensor) -> tuple[Site, Site]:
        """(n, d) points of the unit cube mapped onto the interface, as either cell sees it; both normals point up."""
        i = self.below.coordinates.index(self.normal)
        first = self.below.interior(unit).points.clone()
        second = first.clone()
        first[:, i], second[:, i] = self.below.bounds[self.normal][1], self.above.bounds[self.normal][0]
        normals = torch.zeros_like(first)
        normals[:, i] = 1.0
        return Site(first, normals), Site(second, normals)


@dataclass(frozen=True)
class Partition:
    """Cells of a region and the interfaces between them."""

    region: Region
    cells: tuple[Cell, ...]
    interfaces: tuple[Interface, ...]

    @property
    def subdomains(self) -> int:
        """Number of networks."""
        return 1 + max(cell.owner for cell in self.cells)

    def bounding_box(self, owner: int) -> dict[str, tuple[float, float]]:
        """The smallest box around the cells of one subdomain."""
        boxes = [cell.box for cell in self.cells if cell.owner == owner]
        names = self.region.coordinates
        return {n: (min(b.bounds[n][0] for b in boxes), max(b.bounds[n][1] for b in boxes)) for n in names}

    def time_interval(self, cell: int) -> int:
        """The number of the time interval in which a cell lies, in order; 0 where time is not cut."""
        if not self.region.has_time:
            return 0
        starts = sorted({c.box.time_interval[0] for c in self.cells})
        return starts.index(self.cells[cell].box.time_interval[0])

    def find(self, points: Tensor) -> Tensor:
        """(n,) number of the cell in which each point lies, up to rounding; of two that meet there the earlier; else -1."""
        distances = []
        for cell in self.cells:
            lower, upper = (points.new_tensor(ends) for ends in zip(*cell.box.bounds.values(), strict=True))
            extents = points.new_tensor([b - a for a, b in self.region.bounds.values()])
            beyond = torch.maximum(lower - points, points - upper).clamp(min=0.0) / extents
            distances.append(beyond.amax(1))
        nearest, which = torch.stack(distances).min(0)
        return torch.where(nearest <= _EDGE, which, -1)

    def conditions(self, cell: int, conditions: Sequence[AnyCondition]) -> list[AnyCondition]:
        """The conditions of the whole problem that concern one cell."""
        box = self.cells[cell].box
        return [kept for condition in conditions for kept in _restricted(condition, box, self.region)]


def _restricted(condition: AnyCondition, box: Box, whole: Region) -> list[AnyCondition]:
    if isinstance(condition, Data):
        inside = condition.within(box, whole)
        return [] if inside is None else [inside]
    if isinstance(condition, Initial):
        return [condition] if _same(box, whole, whole.clock, 0) else []
    if isinstance(condition, Periodic):
        spans = _same(box, whole, condition.on, 0) and _same(box, whole, condition.on, 1)
        return [condition] if spans else []
    if isinstance(condition, Integral):
        raise ValueError(
            f"MultiDomainPINN: {condition!r} is about all subdomains together, and each knows its own part only; use "
            "pl.PINN(), or one blended network, MultiDomainPINN(..., overlap=0.5)."
        )
    if not isinstance(condition, BoundaryCondition):
        raise TypeError(
            f"{condition!r}: multi-domain networks do not know how to share a {condition.name} among subdomains."
        )
    pieces = whole.pieces(condition.on)
    faces = [face for face in box.pieces(None) if _outer(face, box, whole, pieces)]
    if len(faces) == len(pieces) and isinstance(whole, Box):
        kept_whole = condition.within(box, whole)
        return [] if kept_whole is None else [kept_whole]
    kept: list[AnyCondition] = []
    chosen = condition.part(box)
    for face in faces:
        if chosen is not None and not chosen.reaches(face):
            continue
        part = copy.copy(condition)
        part.on = face
        if not isinstance(whole, Box):
            # as for one network: data at re-entrant corners may have no derivatives there
            part.exact = False
        kept.append(part)
    return kept


def _same(box: Box, whole: Region, name: str, side: int) -> bool:
    lower, upper = whole.bounds[name]
    return abs(box.bounds[name][side] - whole.bounds[name][side]) <= _EDGE * (upper - lower)


def _outer(face: str, box: Box, whole: Region, pieces: Sequence[str]) -> bool:
    """Whether a cell's face lies on one of these boundary pieces of the whole region."""
    name, side = face[:-1], face[-1] == "+"
    if isinstance(whole, Box):
        return face in pieces and _same(box, whole, name, int(side))
    if set(pieces) != set(whole.pieces(None)):
        raise ValueError(
            f"a condition on {', '.join(pieces)} only cannot be shared among the subdomains of {whole!r}; give it on the "
            "whole boundary (leave out on=), or use a box."
        )
    # a face is outer where the region does not go on behind it
    index = box.coordinates.index(name)
    middle = torch.tensor([[sum(box.bounds[n]) / 2 for n in box.coordinates]], dtype=torch.float64)
    extent = whole.bounds[name][1] - whole.bounds[name][0]
    middle[0, index] = box.bounds[name][int(side)] + (1 if side else -1) * 1e-6 * extent
    return not bool(whole.contains(middle))
