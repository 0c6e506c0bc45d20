"""What a region is, and the regions that are made of others: products and set operations.

Letters: n points, d coordinates.

A region knows geometry only. It maps unit-cube points to its interior and its boundary pieces, so that how points are
drawn (``sampling.py``) and where they lie (here) stay apart.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pinnlab.domains.columns import Columns, columns_of
from pinnlab.domains.cube_parts import CubePart
from pinnlab.domains.naming import Named, Owners, numbered, only_time, shortened
from pinnlab.domains.sites import Site, on_cpu

Bounds = dict[str, tuple[float, float]]

_STEP = 1e-6
"""How far off a surface one looks to see what is on its two sides, relative to the region's size."""


class Region(ABC):
    """Where the unknowns live. Subclasses give ``coordinates``, ``bounds`` and the maps below.

    Regions combine: ``a - b``, ``a | b`` and ``a & b`` of regions with the same coordinates, and ``a * b`` of regions
    without a common one, such as ``Ball(...) * Box(t=(0.0, 1.0))``.
    """

    coordinates: tuple[str, ...]
    bounds: Bounds

    @property
    def time(self) -> str | None:
        """The coordinate that is time: initial conditions, causality and marches refer to it. None where nothing is."""
        return None

    @property
    def has_time(self) -> bool:
        """Whether one of the coordinates is time."""
        return self.time is not None

    @property
    def clock(self) -> str:
        """``time`` of a region that has one."""
        assert self.time is not None, f"{self!r} has no time"
        return self.time

    @property
    def time_index(self) -> int:
        """The number of time among the coordinates."""
        return self.coordinates.index(self.clock)

    @property
    def time_interval(self) -> tuple[float, float]:
        """The first and the last time."""
        return self.bounds[self.clock]

    @property
    def space(self) -> tuple[str, ...]:
        """The coordinates other than time."""
        return tuple(name for name in self.coordinates if name != self.time)

    @property
    def at_rest(self) -> Region | None:
        """The region without time; None where time is all there is."""
        return self

    @property
    @abstractmethod
    def named_pieces(self) -> Named:
        """What ``on=`` may be: {name: boundary pieces it means}."""

    @abstractmethod
    def interior(self, unit: Tensor) -> Site:
        """Map (n, d) points of the unit cube into the region."""

    @abstractmethod
    def boundary(self, piece: str, unit: Tensor) -> Site:
        """Map (n, d) points of the unit cube onto one boundary piece, with normals."""

    @abstractmethod
    def depth(self, points: Tensor) -> Tensor:
        """(n,): positive inside, negative outside, near the boundary the distance to it."""

    @abstractmethod
    def to_data(self) -> dict[str, Any]:
        """Plain numbers, texts, lists and tensors, from which ``regions.files.from_data`` makes the region again."""

    def pieces(self, on: str | None) -> tuple[str, ...]:
        """Names of the boundary pieces that ``on`` means; None means the whole spatial boundary.

        Raises:
            ValueError: ``on`` names no boundary of this region.
        """
        named = self.named_pieces
        if on is None:
            return tuple(dict.fromkeys(piece for pieces in named.values() for piece in pieces))
        if on is not None and on == self.time:
            raise ValueError(f"on={on!r} is a boundary in time; use Initial(...) for the state at the start.")
        if on not in named:
            choices = ", ".join(map(repr, named)) or "none"
            raise ValueError(f"on={on!r} names no boundary of {self!r}; its boundaries are {choices}.")
        return named[on]

    def face(self, piece: str) -> tuple[int, float, float] | None:
        """(coordinate number, position, outward sign) of a face: a piece onto which the region projects along a coordinate.

        On faces, conditions can be built into the field. None for other pieces.
        """
        return None

    def normal_coordinates(self, piece: str) -> tuple[str, ...]:
        """The coordinates along which normals of a boundary piece may point."""
        face = self.face(piece)
        return self.space if face is None else (self.coordinates[face[0]],)

    def initial(self, unit: Tensor) -> Site:
        """Map (n, d) points of the unit cube onto the slice at the first time."""
        points = self.interior(unit).points.clone()
        points[:, self.time_index] = self.time_interval[0]
        return Site(points)

    def contains(self, points: Tensor) -> Tensor:
        """(n,) boolean mask of the points that lie in the closed region, up to rounding."""
        return self.depth(points) >= -self.size * (1e-9 if points.dtype == torch.float64 else 1e-5)

    @property
    def size(self) -> float:
        """The longest side of the bounding box."""
        return max(upper - lower for lower, upper in self.bounds.values())

    def replace(self, **intervals: tuple[float, float]) -> Region:
        """The same region with the intervals of some coordinates changed, where these are intervals of their own.

        Raises:
            ValueError: a coordinate is not one of a box.
        """
        raise ValueError(f"replace({', '.join(intervals)}): {self!r} has no interval of its own to change.")

    def columns(self, points: Tensor) -> Columns:
        """Split (n, d) points into named coordinates, each (n,)."""
        return columns_of(self, {name: points[:, i] for i, name in enumerate(self.coordinates)})

    def __sub__(self, other: Region) -> Region:
        return _combined("-", self, other)

    def __or__(self, other: Region) -> Region:
        return _combined("|", self, other)

    def __and__(self, other: Region) -> Region:
        return _combined("&", self, other)

    def __mul__(self, other: Region) -> Region:
        if not isinstance(other, Region):
            return NotImplemented
        return Product((*_factors(self), *_factors(other)))


def _factors(region: Region) -> tuple[Region, ...]:
    return region.factors if isinstance(region, Product) else (region,)


@dataclass(frozen=True, repr=False)
class Product(Region):
    """All combinations of points of regions without a common coordinate: ``Ball(...) * Box(t=(0.0, 1.0))``.

    Args:
        factors: the regions.

    Raises:
        ValueError: two of them share a coordinate, or have a time each.
    """

    factors: tuple[Region, ...]
    coordinates: tuple[str, ...] = field(init=False, compare=False)
    bounds: Bounds = field(init=False, compare=False)

    def __post_init__(self) -> None:
        names = tuple(name for factor in self.factors for name in factor.coordinates)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"{self!r}: the factors of a product share {', '.join(map(repr, twice))}; multiply regions of different "
                "coordinates, or intersect with a & b."
            )
        only_time([f.time for f in self.factors], self)
        object.__setattr__(self, "coordinates", names)
        object.__setattr__(self, "bounds", {k: v for factor in self.factors for k, v in factor.bounds.items()})

    def __repr__(self) -> str:
        return " * ".join(map(repr, self.factors))

    @property
    def time(self) -> str | None:
        return only_time([f.time for f in self.factors], self)

    @cached_property
    def _names(self) -> tuple[Named, Owners]:
        return numbered([(f.pieces(None), f.named_pieces) for f in self.factors])

    @property
    def named_pieces(self) -> Named:
        return self._names[0]

    @property
    def _columns(self) -> list[slice]:
        starts = [0]
        for factor in self.factors:
            starts.append(starts[-1] + len(factor.coordinates))
        return [slice(a, b) for a, b in zip(starts, starts[1:], strict=False)]

    def face(self, piece: str) -> tuple[int, float, float] | None:
        i, own = self._names[1][piece]
        found = self.factors[i].face(own)
        return None if found is None else (found[0] + self._columns[i].start, *found[1:])

    def interior(self, unit: Tensor) -> Site:
        parts = [f.interior(unit[:, c]).points for f, c in zip(self.factors, self._columns, strict=True)]
        return Site(torch.cat(parts, dim=1))

    def boundary(self, piece: str, unit: Tensor) -> Site:
        i, own = self._names[1][piece]
        points, columns = self.interior(unit).points.clone(), self._columns[i]
        site = self.factors[i].boundary(own, unit[:, columns])
        normals = torch.zeros_like(points)
        points[:, columns], normals[:, columns] = site.points, site.outward
        return Site(points, normals)

    def depth(self, points: Tensor) -> Tensor:
        parts = [f.depth(points[:, c]) for f, c in zip(self.factors, self._columns, strict=True)]
        return torch.stack(parts).amin(dim=0)

    @property
    def at_rest(self) -> Region | None:
        resting = [factor.at_rest for factor in self.factors]
        left = tuple(factor for factor in resting if factor is not None)
        return Product(left) if len(left) > 1 else left[0]

    def replace(self, **intervals: tuple[float, float]) -> Region:
        def changed(factor: Region) -> Region:
            mine = {name: value for name, value in intervals.items() if name in factor.coordinates}
            return factor.replace(**mine) if mine else factor

        return Product(tuple(changed(factor) for factor in self.factors))

    def to_data(self) -> dict[str, Any]:
        return {"kind": "product", "factors": [factor.to_data() for factor in self.factors]}


def _combined(kind: str, a: Region, b: Region) -> Region:
    if not isinstance(b, Region):
        return NotImplemented
    return Combination(kind, a, b)


@dataclass(frozen=True, repr=False)
class Combination(Region):
    """A set operation on two regions with the same coordinates in space: ``a - b``, ``a | b`` or ``a & b``.

    Points of the interior and of boundary pieces are found through tables of membership (``CubePart``): what is thinner than
    a few hundredths of a region may be missed. Boundary pieces are those of ``a`` and of ``b``, as far as they lie on
    the result's boundary; a name that both use means both.

    Args:
        kind: ``"-"``, ``"|"`` or ``"&"``.
        a, b: the regions.

    Raises:
        ValueError: other coordinates, a coordinate of time, or nothing left.
    """

    kind: str
    a: Region
    b: Region
    coordinates: tuple[str, ...] = field(init=False, compare=False)
    bounds: Bounds = field(init=False, compare=False)

    def __post_init__(self) -> None:
        a, b = self.a, self.b
        if a.has_time or b.has_time:
            raise ValueError(
                f"{self!r}: set operations are of regions in space; combine these, and multiply the result by "
                "Box(t=(start, end))."
            )
        if a.coordinates != b.coordinates:
            raise ValueError(
                f"{self!r}: the regions have coordinates ({', '.join(a.coordinates)}) and ({', '.join(b.coordinates)}); "
                "set operations need the same ones in the same order."
            )
        object.__setattr__(self, "coordinates", a.coordinates)
        object.__setattr__(self, "bounds", self._bounds())
        if any(lower >= upper for lower, upper in self.bounds.values()) or not (
            self._table(512).share or self._part.share
        ):
            raise ValueError(f"{self!r} is empty; check the positions and sizes of both regions.")

    def _bounds(self) -> Bounds:
        if self.kind == "-":
            return dict(self.a.bounds)
        low, high = (min, max) if self.kind == "|" else (max, min)
        pairs = {name: (self.a.bounds[name], self.b.bounds[name]) for name in self.coordinates}
        return {name: (low(p[0], q[0]), high(p[1], q[1])) for name, (p, q) in pairs.items()}

    def __repr__(self) -> str:
        return shortened(f"({self.a!r} {self.kind} {self.b!r})", self.leaves)

    @cached_property
    def leaves(self) -> tuple[Region, ...]:
        """The regions that are no set operations themselves."""
        return tuple(
            leaf for part in (self.a, self.b) for leaf in (part.leaves if isinstance(part, Combination) else (part,))
        )

    @cached_property
    def _part(self) -> CubePart:
        return self._table()

    def _table(self, samples: int = 300_000) -> CubePart:
        return CubePart(lambda unit: self.depth(self._in_bounds(unit)) > 0, len(self.coordinates), samples)

    @cached_property
    def _sides(self) -> tuple[Named, Owners, dict[str, CubePart]]:
        """Names, owners and exposed parts of the boundary pieces."""
        kept, parts = [], []
        for leaf in self.leaves:
            found = {piece: self._exposed_part(leaf, piece) for piece in leaf.pieces(None)}
            kept.append([piece for piece in found if found[piece].share])
            parts += [found[piece] for piece in kept[-1]]
        named, owners = numbered([(k, leaf.named_pieces) for k, leaf in zip(kept, self.leaves, strict=True)])
        return named, owners, dict(zip(owners, parts, strict=True))

    def _exposed_part(self, leaf: Region, piece: str) -> CubePart:
        return CubePart(lambda unit: self._exposed(leaf.boundary(piece, unit)), len(self.coordinates), 50_000)

    @property
    def named_pieces(self) -> Named:
        return self._sides[0]

    @property
    def owners(self) -> Owners:
        """{boundary piece: (number of the leaf it comes from, its name there)}."""
        return self._sides[1]

    def face(self, piece: str) -> tuple[int, float, float] | None:
        _, owners, parts = self._sides
        i, own = owners[piece]
        # a whole face of the bounding box
        whole = parts[piece].share == 1 and self.leaves[i].bounds == self.bounds
        return self.leaves[i].face(own) if whole else None

    def _in_bounds(self, unit: Tensor) -> Tensor:
        lower, upper = (unit.new_tensor(side) for side in zip(*self.bounds.values(), strict=True))
        return lower + unit * (upper - lower)

    def _is_inside(self, site: Site, direction: float) -> Tensor:
        return self.depth(site.points + direction * _STEP * self.size * site.outward) > 0

    def _exposed(self, site: Site) -> Tensor:
        """(n,) mask: points of a surface with the result on one side only."""
        return self._is_inside(site, -1.0) != self._is_inside(site, 1.0)

    def interior(self, unit: Tensor) -> Site:
        return Site(self._in_bounds(self._part(on_cpu(unit))).to(unit))

    def boundary(self, piece: str, unit: Tensor) -> Site:
        _, owners, parts = self._sides
        i, own = owners[piece]
        site = self.leaves[i].boundary(own, parts[piece](on_cpu(unit)))
        outward = torch.where(self._is_inside(site, -1.0), 1.0, -1.0)[:, None] * site.outward
        return Site(site.points.to(unit), outward.to(unit))

    def depth(self, points: Tensor) -> Tensor:
        a, b = self.a.depth(points), self.b.depth(points)
        if self.kind == "|":
            return torch.maximum(a, b)
        return torch.minimum(a, b if self.kind == "&" else -b)

    def contains(self, points: Tensor) -> Tensor:
        """A point on the boundary counts where the result has an interior beside it: not all that ``b`` leaves behind."""
        found = super().contains(points)
        edge = found & (self.depth(points) < _STEP * self.size)
        if bool(edge.any()):
            around = torch.cartesian_prod(*[points.new_tensor((-1.0, 0.0, 1.0))] * len(self.coordinates))
            around = around.reshape(-1, 1, len(self.coordinates)) * _STEP * self.size
            near = points[edge]
            found[edge] = torch.stack([self.depth(near + step) > 0 for step in around]).any(0)
        return found

    def to_data(self) -> dict[str, Any]:
        return {"kind": self.kind, "a": self.a.to_data(), "b": self.b.to_data()}
