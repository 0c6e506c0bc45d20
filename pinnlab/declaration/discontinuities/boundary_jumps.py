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
from pinnlab.declaration.discontinuities.steps import SAME, find_steps, line_ticks
from pinnlab.declaration.terms import Scope, Term
from pinnlab.domains import Site
from pinnlab.domains.sampling import unit_points

_PLACES = 3
"""On a piece of boundary, each looked at over all times."""
_FEW, _FINE = 400, 10_000
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
                if all(abs(end - other) > SAME for other in known):
                    known.append(end)
                    place = tuple(line.site.points[0].tolist())
                    bounds = (line.times(layer[0]), line.times(layer[1])) if layer else None
                    time, what = line.times(end), repr(condition)
                    yield Jump(str(clock), time, (place,), what, False, False, _UNKNOWN, bounds, imposed=True)


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

    def times(self, share: Any) -> Any:
        """A share of the time interval as a time; several as a tensor."""
        start, end = self.declared.domain.time_interval
        return start + (end - start) * share

    def along(self, lines: Tensor, positions: Tensor) -> Tensor:
        """See ``steps.Along``: the residuals of the term."""
        domain = self.declared.domain
        points = self.site.points[lines].clone()
        points[:, domain.time_index] = self.times(positions)
        normals = None if self.site.normals is None else domain.columns(self.site.normals[lines])
        jets = made_up(self.declared, len(points), DRAWS[0])
        scope = Scope.of_jets(jets, domain.columns(points), self.declared.parameters, normals)
        return torch.stack([row.detach().expand(len(points)) for row in self.term.evaluate((scope,)).values()])
