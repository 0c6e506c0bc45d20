"""Where materials meet: positions along coordinates at which fluxes jump, and what is continuous there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from pinnlab.declaration.discontinuities.declared import Declared
from pinnlab.declaration.discontinuities.fluxes import Jump
from pinnlab.declaration.discontinuities.one_sided import JOINED, beside
from pinnlab.declaration.discontinuities.prescribed import laws
from pinnlab.declaration.discontinuities.transmission import NotJoinedError, Prescribed, Transmission
from pinnlab.declaration.parameters.materials import PiecewiseFunction
from pinnlab.domains.columns import Columns
from pinnlab.domains.sampling import unit_points

_POINTS = 16
"""At which the equations are read, on each side."""


@dataclass(frozen=True)
class Joints:
    """Where materials meet across coordinates of space.

    Attributes:
        across: {coordinate: {position: what is continuous there}}, positions increasing; the upper end of a periodic
            coordinate stands for both of its ends, which meet.
        bounds: of the domain.
        not_joined: {(coordinate, position): why} of jumps of fluxes at which the equations do not say what is continuous.
    """

    across: Mapping[str, Mapping[float, Transmission]] = field(default_factory=dict)
    not_joined: Mapping[tuple[str, float], str] = field(default_factory=dict)

    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def positions(self) -> dict[str, tuple[float, ...]]:
        """{coordinate: positions}."""
        return {name: tuple(found) for name, found in self.across.items()}

    @property
    def inside(self) -> dict[str, tuple[float, ...]]:
        """{coordinate: positions inside the domain}."""
        inner = {name: tuple(p for p in found if p != self.bounds[name][1]) for name, found in self.across.items()}
        return {name: positions for name, positions in inner.items() if positions}

    def at(self, coordinate: str, position: float) -> Transmission | None:
        """What is continuous across a face; None where nothing is known to jump.

        Args:
            coordinate: constant on it.
            position: of the face.
        """
        lower, upper = self.bounds.get(coordinate, (0.0, 0.0))
        near = JOINED * (upper - lower)
        return next((made for p, made in self.across.get(coordinate, {}).items() if abs(p - position) <= near), None)


def find_joints(declared: Declared, jumps: Sequence[Jump]) -> Joints:
    """The joints of a problem.

    Args:
        declared: equations, parameters and domain.
        jumps: what was found of them.
    """
    domain = declared.domain
    found: dict[str, dict[float, Transmission]] = {}
    not_joined: dict[tuple[str, float], str] = {}
    for jump in sorted(jumps, key=lambda jump: jump.position or 0.0):
        name, at = jump.coordinate, jump.position
        if not jump.flux or at is None or name == domain.time:
            continue
        lower, upper = domain.bounds[name]
        sides = _sides(declared, jump, at, lower if at == upper else at)
        try:
            made = Transmission(
                declared.residuals,
                declared.parameters,
                declared.derivatives,
                name,
                *sides,
                _prescribed(declared, name, at),
            )
        except NotJoinedError as error:
            not_joined[name, at] = str(error)
        else:
            found.setdefault(name, {})[at] = made
    return Joints(found, not_joined, domain.bounds)


def _prescribed(declared: Declared, coordinate: str, position: float) -> list[Prescribed]:
    """The jumps that parameters prescribe across a face."""
    found = []
    for parameter, given in declared.parameters.items():
        if not isinstance(given, PiecewiseFunction):
            continue
        beside = [box.bounds for name, at, box in given.faces if (name, at) == (coordinate, position)]
        parts = tuple({n: interval for n, interval in bounds.items() if n != coordinate} for bounds in beside)
        if parts:
            found += [replace(law, parts=parts) for law in laws(parameter, declared.parameters, declared.domain)]
    return found


def _sides(declared: Declared, jump: Jump, at: float, behind: float) -> tuple[Columns, Columns]:
    """Points on both sides of a jump, below one position and above another, which is the same but at a seam."""
    domain = declared.domain
    d, name = len(domain.coordinates), jump.coordinate
    spread = domain.interior(unit_points("sobol", _POINTS, d, np.random.default_rng(0))).points
    points = torch.cat([torch.tensor(jump.points, dtype=torch.float64), spread])
    columns = domain.columns(points)
    below, above = (
        beside(
            columns.replaced(**{name: torch.full_like(columns[name], position)}), name, sign, domain.bounds[name]
        ).near
        for sign, position in ((-1, at), (1, behind))
    )
    inside = domain.contains(torch.stack(list(below.values()), 1)) & domain.contains(
        torch.stack(list(above.values()), 1)
    )
    first, second = (Columns(side.names, {n: c[inside] for n, c in side.items()}) for side in (below, above))
    return first, second
