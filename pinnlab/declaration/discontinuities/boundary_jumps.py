"""Where what is prescribed on the boundary jumps in time, or changes within a small part of it.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.discontinuities.declared import DRAWS, Declared, made_up
from pinnlab.declaration.discontinuities.fluxes import Jump
from pinnlab.declaration.discontinuities.steep import find_layers, within
from pinnlab.declaration.discontinuities.steps import Along, find_steps, line_ticks
from pinnlab.declaration.terms import Scope, Term
from pinnlab.domains import Site
from pinnlab.domains.sampling import unit_points

_PLACES = 3
"""On a piece of boundary, each looked at over all times."""
_FEW, _FINE = 400, 10_000
_APART = 1e-8
"""Relative to the time interval: what is closer is the same."""
_UNKNOWN = (np.nan, np.nan)


def find_boundary_jumps(declared: Declared, terms: Sequence[tuple[Any, Sequence[Term]]]) -> Iterator[Jump]:
    """Jumps of boundary conditions in time, and thin layers; what moves along the boundary is left out.

    Args:
        declared: the equations, which name domain, unknowns and parameters.
        terms: conditions, and the terms of each.
    """
    clock = declared.domain.time
    for condition, mine in terms if clock is not None else ():
        known: list[float] = []
        for line in (_Line.of(declared, term) for term in mine if term.kind == "boundary"):
            for end, layer in line.found():
                if all(abs(end - other) > _APART for other in known):
                    known.append(end)
                    place, what = tuple(line.site.points[0].tolist()), f"{condition!r}"
                    bounds = (line.times(layer[0]), line.times(layer[1])) if layer else None
                    yield Jump(str(clock), line.times(end), (place,), what, False, False, _UNKNOWN, bounds)


@dataclass(frozen=True)
class _Line:
    """A term over all times at a few places, with made-up numbers for the unknowns.

    Attributes:
        declared: names domain, unknowns and parameters.
        term: of a boundary condition.
        site: its places, (_PLACES, d).
    """

    declared: Declared
    term: Term
    site: Site

    @classmethod
    def of(cls, declared: Declared, term: Term) -> _Line:
        d = len(declared.domain.coordinates)
        (site,) = term.draw(lambda n: unit_points("sobol", n, d, np.random.default_rng(0)), _PLACES)
        return cls(declared, term, site)

    def found(self) -> list[tuple[float, tuple[float, float] | None]]:
        """Ends of jumps and layers, shares of the time interval in (0, 1), and of a layer both of its ends."""
        one, fine = torch.zeros(_FINE, dtype=torch.long), line_ticks(_FINE)
        if bool((self.along(one, fine).diff(dim=1) == 0).all()):
            return []
        thin = find_layers(self.along, fine, _PLACES)
        ticks = torch.cat([line_ticks(_FEW), within(thin)]).unique()
        steps = find_steps(self.along, ticks, torch.zeros(_PLACES, dtype=torch.long))
        ends = [(step.position, None) for step in steps]
        layers = [(end, (each.lower, each.upper)) for each in thin for end in (each.lower, each.upper)]
        return [found for found in (*ends, *layers) if 0 < found[0] < 1]

    def times(self, share: float) -> float:
        """A share of the time interval as a time."""
        start, end = self.declared.domain.time_interval
        return start + (end - start) * share

    @property
    def along(self) -> Along:
        def values(lines: Tensor, positions: Tensor) -> Tensor:
            points = self.site.points[lines].clone()
            start, end = self.declared.domain.time_interval
            points[:, self.declared.domain.time_index] = start + (end - start) * positions
            columns = self.declared.domain.columns
            normals = None if self.site.normals is None else columns(self.site.normals[lines])
            jets = made_up(self.declared, len(points), DRAWS[0])
            scope = Scope.of_jets(jets, columns(points), self.declared.parameters, normals)
            found = [row.detach().expand(len(points)) for row in self.term.evaluate((scope,)).values()]
            return torch.stack(found)

        return values
