"""Rows of the least-squares system: any term of a problem at points of cut cells.

Letters: n points, b blocks of points (each in one cell, or on one face), r residuals of a term, m unknowns, N basis
functions, K experts.

Coefficients are (K, m, N). A term is evaluated once at all of its points; its Jacobian is the pointwise linearization of
the residual times the derivatives of the basis functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.pointwise import Coefficients, linearize
from pinnlab.solvers.cut_cells.places import Places
from pinnlab.solvers.local_experts.rows import CellJets

Array = np.ndarray
Parts = dict[tuple[str, Key], Array]
"""{(unknown, derivative): (r, n)}: residuals by derivatives in reference coordinates."""
Evaluate = Callable[[Sequence[CellJets], Tensor | None], list[Tensor]]
"""Jets at the term's sites, each derivative (n,), to residuals (n,). Where there is time, the second argument is (s,)
instants, and all n points follow s times one after the other."""

_FLAT = 1e-10
"""Share of the extent of points by which those of a flat face differ across it."""


class PointRows:
    """One term of the problem, such as an equation or a boundary condition, at points of some cells.

    Args:
        unknowns: m names.
        sites: where the term is taken: one for most, two for what couples cells, such as a jump across faces. All have the
            same blocks.
        evaluate: residuals from jets at the sites.
        weight: multiplies all rows.

    Attributes:
        of_all: whether a row depends on all experts; it has a pin, a part in one of them, in the factorization.
        contrast: (K,) how much better than the worst of all an expert's material conducts: a small misfit of derivatives
            there is a flux that makes a large one of values elsewhere. None where there is one material.
        counts: (K, m) how much values of an unknown in an expert count; None if all alike.
        emphasis: (K,) factors of the rows of experts; None if all alike.
        scale: (r, n) factors of the rows, once they have been linearized.
    """

    of_all = False

    def __init__(self, unknowns: Sequence[str], sites: Sequence[Places], evaluate: Evaluate, weight: float = 1.0):
        self.unknowns, self.sites, self.evaluate, self.weight = tuple(unknowns), tuple(sites), evaluate, weight
        self.contrast: Array | None = None
        self.counts: Array | None = None
        self.emphasis: Array | None = None
        self.scale: Array | None = None

    @property
    def starts(self) -> Array:
        """(b + 1,) where blocks begin, and the end of the last one."""
        return self.sites[0].starts

    @property
    def count(self) -> int:
        """Number of points."""
        return len(self.sites[0].points)

    def joined(self, on_face: int) -> Iterator[tuple[int, int, int, int]]:
        """Pairs of different experts that rows join, each with how many rows of a residual there are, and are independent.

        Args:
            on_face: independent functions of an expert on a flat face.
        """
        if len(self.sites) < 2 or not self.count:
            return
        points, starts = self.sites[0].points, self.starts[:-1]
        low, high = (pick.reduceat(points, starts, axis=0) for pick in (np.minimum, np.maximum))
        flat = (high - low).min(axis=1) <= _FLAT * (high - low).max(axis=1)
        rows = np.diff(self.starts)
        counts = np.where(flat, np.minimum(rows, on_face), rows)
        for a, b, *numbers in zip(*(site.experts for site in self.sites), rows, counts, strict=True):
            if a != b:
                yield int(a), int(b), int(numbers[0]), int(numbers[1])

    def _jets(self, coefficients: Array, leaves: bool) -> list[CellJets]:
        return [
            {u: self._jet(site, coefficients[:, j], leaves) for j, u in enumerate(self.unknowns)} for site in self.sites
        ]

    @staticmethod
    def _jet(site: Places, coefficients: Array, leaves: bool) -> LazyJet:
        def derive(key: Key) -> Tensor:
            return torch.from_numpy(site.derivative(coefficients, key)).requires_grad_(leaves)

        return LazyJet(derive)

    def residuals(self, coefficients: Array) -> Array:
        """(r, n) weighted residuals."""
        with torch.no_grad():
            found = self.evaluate(self._jets(coefficients, False), None)
        assert self.scale is not None
        return np.stack([f.numpy() for f in found]) * self.scale

    def linearized(self, coefficients: Array) -> tuple[Array, list[Parts]]:
        """(r, n) weighted residuals, and per site their dependence on derivatives in reference coordinates."""
        jets = self._jets(coefficients, True)
        found = self.evaluate(jets, None)
        linear = [self.parts(i, linearize(found, jet)) for i, jet in enumerate(jets)]
        if self.scale is None:
            self.scale = self.row_scale(linear)
        for parts in linear:
            for part in parts.values():
                part *= self.scale
        return np.stack([f.detach().numpy() for f in found]) * self.scale, linear

    def parts(self, site: int, slopes: Coefficients) -> Parts:
        """The dependence of residuals on derivatives in the reference coordinates of a site, not weighted yet."""
        parts: Parts = {}
        for i, mine in enumerate(slopes):
            for leaf, value in mine.items():
                part = parts.setdefault(leaf, np.zeros((len(slopes), self.count)))
                part[i] = value.numpy() * self.sites[site].stretch(leaf[1])
        return parts

    def gathered(self, values: Array) -> Array:
        """(..., rows) residuals of the rows from those (..., n) at points, which are the same here."""
        return values

    def jacobians(self, linear: Sequence[Parts], wanted: Array) -> Iterator[list[tuple[int, Array]]]:
        """Block by block, per site the expert and the dependence (r q, m, N) on its coefficients.

        Args:
            linear: per site the parts.
            wanted: (K,) experts one of which a block has to touch.
        """
        blocks = np.flatnonzero(np.any([wanted[site.experts] for site in self.sites], axis=0))
        walks = [site.jacobians(parts, self.unknowns, blocks) for site, parts in zip(self.sites, linear, strict=True)]
        for block, found in zip(blocks, zip(*walks, strict=True), strict=True):
            yield [(int(site.experts[block]), jacobian) for site, jacobian in zip(self.sites, found, strict=True)]

    def pull_back(self, linear: Sequence[Parts], residuals: Array, into: Array) -> None:
        """Add the transposed (conjugate) Jacobian times weighted residuals (r, n) to (K, m, N)."""
        for site, parts in zip(self.sites, linear, strict=True):
            for (unknown, key), part in parts.items():
                site.pull_back(key, (part.conj() * residuals).sum(axis=0), into[:, self.unknowns.index(unknown)])

    def changes(self, linear: Sequence[Parts], coefficients: Array) -> Array:
        """(r, n) by how much weighted residuals change with a change (K, m, N) of coefficients, to first order."""
        return np.sum(
            [
                part * site.in_reference(coefficients[:, self.unknowns.index(unknown)], key)
                for site, parts in zip(self.sites, linear, strict=True)
                for (unknown, key), part in parts.items()
            ],
            axis=0,
        )

    def mean_squares(self, residuals: Array, experts: int) -> Array:
        """(K,) mean squares of weighted residuals (r, n) in experts, without their weights; the largest of its blocks."""
        starts = self.starts[:-1]
        sums = np.add.reduceat((residuals**2).sum(axis=0), starts) if len(starts) else np.zeros(0)
        sums /= self._weights() ** 2
        found = np.zeros(experts)
        for site in self.sites:
            np.maximum.at(found, site.experts, sums)
        return found

    def row_scale(self, linear: Sequence[Parts]) -> Array:
        """(r, n): such that the leading derivatives of a unit basis function count as one in a block's mean square.

        A unit is what counts as one.

        Args:
            linear: per site the parts, not weighted yet.
        """
        starts = self.starts[:-1]
        counts = np.diff(self.starts)
        residuals = max((len(part) for parts in linear for part in parts.values()), default=0)
        size, of_fluxes = np.zeros((2, residuals, len(starts)))
        for site, parts in zip(self.sites, linear, strict=True):
            for (unknown, key), part in parts.items():
                mine = np.sqrt(np.add.reduceat(np.abs(part) ** 2, starts, axis=1) / counts)
                if self.counts is not None:
                    mine /= self.counts[site.experts, self.unknowns.index(unknown)]
                np.maximum(size, mine, out=size)
                if self.contrast is not None and key:
                    np.maximum(of_fluxes, np.where(mine > 0, self.contrast[site.experts], 0.0), out=of_fluxes)
        scale = self._weights() / np.sqrt(counts) / np.where(size > 0, size, 1.0)
        return np.repeat(scale * np.where(of_fluxes > 0, of_fluxes, 1.0), counts, axis=1)

    def _weights(self) -> Array:
        """(b,) of blocks; between two experts that of the larger one."""
        if self.emphasis is None:
            return np.full(len(self.starts) - 1, self.weight)
        return self.weight * np.min([self.emphasis[site.experts] for site in self.sites], axis=0)
