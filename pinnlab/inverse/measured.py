"""What was measured, and what a solution says in its place.

Letters: n measurements, p numbers that are to be found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.algebra import robust
from pinnlab.declaration.conditions import Data
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term, trace
from pinnlab.derivatives.indices import Indices, used_indices
from pinnlab.domains import Site
from pinnlab.inverse.remembered import Remembered

Array = np.ndarray
Jet = Callable[[Tensor, Indices], Tensor]
"""Derivatives (c, n, m) of a solution at points (n, d)."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Measurements of one quantity.

    Attributes:
        label: as in reports, ``"data u"``.
        term: the misfit.
        site: where, n points.
        indices: derivatives that it asks for.
        robust: whether some may be far off.
    """

    label: str
    term: Term
    site: Site
    indices: Indices
    robust: bool = False

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.site.points)


def measured(problem: Problem) -> tuple[Measured, ...]:
    """All measurements of a problem, quantity by quantity."""
    found: list[Measured] = []
    for condition, terms in problem.condition_terms():
        for term in terms if isinstance(condition, Data) else ():
            (site,) = term.draw(lambda n: torch.zeros(n, len(problem.domain.coordinates), dtype=torch.float64), 1 << 60)
            # what was measured at the same points shares them, see ``misfits``
            site = next((each.site for each in found if _same(each.site, site)), site)
            traced = trace(term, problem.domain.columns, problem.unknowns, problem.parameter_values(), (site,))
            indices, robust = used_indices(traced.keys, problem.domain.coordinates), getattr(condition, "robust", False)
            found.append(Measured(term.residuals[0], term, site, indices, robust))
    return tuple(found)


def _same(a: Site, b: Site) -> bool:
    return a.normals is None and b.normals is None and torch.equal(a.points, b.points)


def misfits(problem: Problem, groups: Sequence[Measured], jet: Jet, numbers: Mapping[str, Any]) -> list[Array]:
    """(n,) per quantity: solution minus measurement, weighted among one another as their ``sd`` says.

    Args:
        problem: whose.
        groups: of ``measured(problem)``.
        jet: of the solution.
        numbers: {coefficient: value}, of those that are to be found.
    """
    columns, found, known = problem.domain.columns, [], Remembered(jet)
    parameters = {**problem.parameter_values(), **{k: torch.tensor(v, dtype=torch.float64) for k, v in numbers.items()}}
    for group in groups:
        points, normals = group.site.points, group.site.normals
        side = None if normals is None else columns(normals)
        at = known(points, group.indices)
        scope = Scope.of_jet(at, group.indices, problem.unknowns, columns(points), parameters, side)
        with torch.no_grad():
            found.append(group.term.evaluate((scope,))[group.label].detach().numpy())
    return found


class Noise:
    """The noise of every quantity: given, or estimated from what is left of its measurements.

    Args:
        groups: of ``measured(problem)``.
        sizes: root mean square of every quantity's measurements.
        accuracy: of what they are compared with; relative noise is never taken to be smaller.
    """

    def __init__(self, groups: Sequence[Measured], sizes: Sequence[float], accuracy: float):
        self.groups, self.sizes, self.accuracy = tuple(groups), tuple(sizes), accuracy
        self.given = tuple(group.term.noise is not None for group in groups)
        weights = [group.term.weight for group in groups]
        # who gives weights has decided how quantities count among one another
        self.weighed = any(w != 1.0 for w, given in zip(weights, self.given, strict=True) if not given)
        self.relative = tuple(w**-0.5 if self.weighed else size or 1.0 for w, size in zip(weights, sizes, strict=True))
        self.deviations = tuple(
            group.term.noise if group.term.noise is not None else relative
            for group, relative in zip(groups, self.relative, strict=True)
        )

    @property
    def known(self) -> bool:
        """Whether all of it was given."""
        return all(self.given)

    @property
    def rounding(self) -> bool:
        """Whether data are met to the accuracy of what they are compared with: there is no noise to be seen."""
        pairs = zip(self.deviations, self.sizes, strict=True)
        return any(deviation <= 3 * self.accuracy * (size or 1.0) for deviation, size in pairs)

    @property
    def robust(self) -> bool:
        """Whether some measurements may be far off."""
        return any(group.robust for group in self.groups)

    def whitened_of(self, number: int, left: Array) -> Array:
        """(n,) the misfits of one quantity, divided by its noise; of a robust one roots of the loss."""
        white = left / self.deviations[number]
        return robust.root(white) if self.groups[number].robust else white

    def whitened(self, left: Sequence[Array]) -> Array:
        """(N,) the misfits of all quantities, (n,) each, divided by their noise; of robust ones roots of the loss."""
        return np.concatenate([self.whitened_of(k, mine) for k, mine in enumerate(left)])

    def rows(self, jacobian: Sequence[Array], left: Sequence[Array]) -> Array:
        """(N, p) derivatives of ``whitened`` from those of the misfits, (n, p) each.

        Args:
            jacobian: per quantity.
            left: the misfits, per quantity.
        """
        slopes = [robust.root_slope(r)[:, None] if g.robust else 1.0 for g, r in self._divided(left)]
        return np.concatenate([s * j / sd for s, j, sd in zip(slopes, jacobian, self.deviations, strict=True)])

    def curvature(self, jacobian: Sequence[Array], left: Sequence[Array]) -> tuple[Array, Array, float]:
        """(N, p) A and B, where A^T A is the expected curvature of the loss and B^T B the covariance of its gradient.

        They are the same but for robust measurements. The third is the largest ratio of the two.
        """
        total, pairs = sum(map(len, left)), []
        for group, r in self._divided(left):
            share = jacobian[0].shape[1] * len(r) / total
            pairs.append(robust.information(r, share) if group.robust else (1.0, 1.0))
        each = [j / sd for j, sd in zip(jacobian, self.deviations, strict=True)]
        found = [np.concatenate([math.sqrt(pair[k]) * j for pair, j in zip(pairs, each, strict=True)]) for k in (0, 1)]
        return found[0], found[1], max(b / a for a, b in pairs)

    def _divided(self, left: Sequence[Array]) -> list[tuple[Measured, Array]]:
        """Each quantity, and its misfits divided by the noise."""
        return [(g, r / sd) for g, r, sd in zip(self.groups, left, self.deviations, strict=True)]

    def estimate(self, left: Sequence[Array], parameters: int) -> float:
        """Take the noise that was not given from what is left of measurements; the largest relative change of it.

        Args:
            left: per quantity, (n,).
            parameters: that were fitted; each takes its share of the freedom.
        """
        total = sum(map(len, left))
        before, open_ones = self.deviations, [not given for given in self.given]
        if self.weighed:
            each = [r / w for r, w, o in zip(left, self.relative, open_ones, strict=True) if o]
            count = sum(map(len, each)) * (1 - parameters / total)
            common = float(np.sqrt(sum((r**2).sum() for r in each) / max(count, 1.0)))
            found = [common * w for w in self.relative]
        else:
            freedoms = [max(len(r) * (1 - parameters / total), 1.0) for r in left]
            found = [
                robust.scale(r, len(r) - n) if group.robust else float(np.sqrt((r**2).sum() / n))
                for group, r, n in zip(self.groups, left, freedoms, strict=True)
            ]
        self.deviations = tuple(
            max(f, self.accuracy * (size or 1.0)) if o else b
            for f, b, o, size in zip(found, before, open_ones, self.sizes, strict=True)
        )
        return max((abs(a / b - 1) for a, b in zip(self.deviations, before, strict=True)), default=0.0)
