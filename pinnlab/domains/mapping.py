"""Regions in other units: the same shape, its coordinates mapped one by one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pinnlab.domains.affine import UNCHANGED, Affine
from pinnlab.domains.balls import Ball
from pinnlab.domains.boxes import Box
from pinnlab.domains.meshes import Mesh
from pinnlab.domains.polygons import Polygon
from pinnlab.domains.regions import Combination, Product, Region
from pinnlab.domains.sites import Site


def rigid(region: Region) -> tuple[tuple[str, ...], ...]:
    """Groups of coordinates that must be counted in one unit, so that shapes and normals stay what they are."""
    if isinstance(region, Box):
        return tuple((name,) for name in region.coordinates)
    if isinstance(region, Product):
        return tuple(group for factor in region.factors for group in rigid(factor))
    return (region.coordinates,)


def mapped(region: Region, maps: Mapping[str, Affine]) -> Region:
    """A region in inner coordinates; boundary pieces keep their names, and normals their directions.

    Args:
        region: in outer coordinates.
        maps: {coordinate: the outer one as a function of the inner one}; others stay as they are. Intervals of a box may
            be mirrored: their ends change places, and so do the pieces at them.

    Raises:
        ValueError: a region of a kind that is not known here; coordinates of one group of ``rigid`` with different
            scales, or a negative one.
    """
    if all(maps.get(name, UNCHANGED).is_identity for name in region.coordinates):
        return region
    if isinstance(region, Box):
        return region.replace(**{c: maps.get(c, UNCHANGED).interval(ends) for c, ends in region.bounds.items()})
    if isinstance(region, Product):
        return Product(tuple(mapped(factor, maps) for factor in region.factors))
    if isinstance(region, Combination):
        return Combination(region.kind, mapped(region.a, maps), mapped(region.b, maps))
    own = [maps.get(name, UNCHANGED) for name in region.coordinates]
    scale = own[0].scale
    if scale < 0 or any(m.scale != scale for m in own):
        raise ValueError(
            f"{region!r}: its coordinates have the scales {', '.join(f'{m.scale:g}' for m in own)}; give them one positive "
            "scale, with others it would be of another shape."
        )
    if isinstance(region, Ball):
        center = {name: m.inner(region.center[name]) for name, m in zip(region.coordinates, own, strict=True)}
        return Ball(center, region.radius / scale, region.name)
    if isinstance(region, Polygon):
        corners = [(own[0].inner(x), own[1].inner(y)) for x, y in region.vertices]
        return Polygon(corners, region.names, region.edges)
    if isinstance(region, Mesh):
        columns = [m.inner(region.nodes[:, i]) for i, m in enumerate(own)]
        return Mesh(torch.stack(columns, dim=1), region.elements, region.tags, region.coordinates, region.parts)
    raise ValueError(f"{region!r} is of a kind that cannot be counted in other units.")


def at_the_end(region: Region, unit: Tensor) -> Site:
    """Map (n, d) points of the unit cube onto the slice at the last time."""
    points = region.initial(unit).points.clone()
    points[:, region.time_index] = region.time_interval[1]
    return Site(points)


def with_time(region: Region, time: str | None) -> Region:
    """The same region in which another coordinate of a box, or none, is time."""
    if isinstance(region, Product):
        own = [time if time in factor.coordinates else None for factor in region.factors]
        return Product(tuple(with_time(factor, name) for factor, name in zip(region.factors, own, strict=True)))
    return Box.of(region.bounds, time) if isinstance(region, Box) else region
