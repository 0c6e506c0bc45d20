"""Jumps that are prescribed across the boundaries of materials: where, and by what laws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.discontinuities.fluxes import Jump
from pinnlab.declaration.discontinuities.one_sided import JOINED
from pinnlab.declaration.discontinuities.transmission import Prescribed
from pinnlab.declaration.parameters.materials import PiecewiseFunction
from pinnlab.domains import Box, Region
from pinnlab.domains.sampling import unit_points

_POINTS, _SHOWN = 256, 4
"""Points of a boundary that are looked at, and that a message names."""


@dataclass(frozen=True, eq=False)
class Face:
    """A part of the boundary of a material: one side of a box, or all of the boundary of another region.

    Attributes:
        name: among all faces.
        region: the material's, with sides on the domain's own moved beyond them.
        coordinate: that is constant on the side of a box, along which a jump counts; None where it counts along the normal
            that points out of the region.
        position: of the side.
    """

    name: str
    region: Region
    coordinate: str | None = None
    position: float = np.nan


def laws(parameter: str, parameters: Mapping[str, Any], domain: Region) -> list[Prescribed]:
    """What a parameter prescribes across the boundaries of its regions.

    Args:
        parameter: its name.
        parameters: {name: 0-dim, or a function of coordinates}.
        domain: of the problem.
    """
    given, found = parameters[parameter], []
    for what, value in given.jump.items() if isinstance(given, PiecewiseFunction) else ():
        available = (*domain.coordinates, *parameters, "flux")
        owner = f"parameters[{parameter!r}]: jump of {what}"
        found.append(Prescribed(what, value, argument_names(value, available, owner) if callable(value) else (), ({},)))
    return found


def faces(parameters: Mapping[str, Any], domain: Region) -> dict[str, list[Face]]:
    """{parameter: faces inside the domain across which it prescribes jumps}, without those that have none."""
    found: dict[str, list[Face]] = {}
    for name, value in parameters.items():
        for i, part in enumerate(value.parts) if isinstance(value, PiecewiseFunction) and value.jump else ():
            mine = found.setdefault(name, [])
            if not isinstance(part.region, Box):
                mine.append(Face(f"{name} {i}", part.region))
                continue
            for c, at in ((c, at) for c, ends in part.region.bounds.items() for at in ends):
                lower, upper = domain.bounds[c]
                if min(at - lower, upper - at) > JOINED * (upper - lower):
                    mine.append(Face(f"{name} {i} {c} {at}", part.reach, c, at))
    return {name: mine for name, mine in found.items() if mine}


def across_curves(parameters: Mapping[str, Any], domain: Region) -> tuple[Jump, ...]:
    """The jumps that are prescribed across boundaries of regions that are no boxes, as far as they lie in the domain."""
    found = []
    for name, mine in faces(parameters, domain).items():
        what = f"what is prescribed for {' and '.join(parameters[name].jump)}"
        for face in (face for face in mine if face.coordinate is None):
            unit = unit_points("sobol", _POINTS, len(domain.coordinates), np.random.default_rng(0)).double()
            points, own = domain.interior(unit).points, face.region.coordinates
            cube = unit[:, : len(own)]
            sites = [face.region.boundary(piece, cube) for piece in face.region.pieces(None)]
            points = points.repeat(len(sites), 1)
            points[:, [domain.coordinates.index(c) for c in own]] = torch.cat([site.points for site in sites])
            inside = points[domain.depth(points) > JOINED * domain.size]
            if len(inside):
                shown = tuple(tuple(p) for p in inside[:_SHOWN].tolist())
                found.append(Jump(own[0], None, shown, what, True, True, (np.nan, np.nan), prescribed=True))
    return tuple(found)
