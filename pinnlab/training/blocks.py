"""Blocks: named residuals at collocation points, and the part of them that this process works on.

Letters: c derivatives, n points, d coordinates, m unknowns, q residuals of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.terms import Scope, Term, trace
from pinnlab.derivatives.indices import Indices, used_indices
from pinnlab.domains import TIME, Site
from pinnlab.domains.sampling import near_large, sort_by_time, unit_points
from pinnlab.training.model import Model, Prepared

_CHUNK_BYTES = {"cpu": 1 << 21, "cuda": 1 << 28}
"""Of a layer's jet: what stays in a core's cache; a GPU wants few long kernels, and has the memory."""


@dataclass(frozen=True)
class Count:
    """A term, how many points it gets and whose fields it is about.

    Attributes:
        term: what vanishes.
        n: number of points.
        models: one for all of the term's sites, or one per site.
        layer: which part of time its points lie in, where subdomains cut time.
    """

    term: Term
    n: int
    models: tuple[Model, ...]
    layer: int = 0


def _all(n: int) -> slice:
    return slice(0, n)


class Block:
    """One term at its current points.

    Args:
        count: what vanishes, who supplies the fields, and at how many points.
        parameters: {name: 0-dim}, for the dry run that finds the derivatives.

    Attributes:
        n: number of points, of all processes together.
        whole: the points of all processes.
        sites: those that this process works on, consecutive ones; ``own`` says which.
        share: n -> which of n points this process works on.
    """

    def __init__(self, count: Count, parameters: dict[str, Tensor]):
        self.term = term = count.term
        self.n = count.n if term.fixed is None else term.fixed
        self.kind, self.weight, self.layer = term.kind, term.weight, count.layer
        self.region, self.unknowns = count.models[0].region, count.models[0].unknowns
        names = self.region.coordinates
        sites = term.draw(lambda n: unit_points("uniform", n, len(names), np.random.default_rng(0)), 5)
        self.models = count.models if len(count.models) == len(sites) else count.models * len(sites)
        traced = trace(term, self.region.columns, self.unknowns, parameters, sites)
        self.residuals = tuple(traced.residuals)
        self.indices: Indices = used_indices(traced.keys, names)
        self.share: Callable[[int], slice] = _all
        self.own = _all(self.n)
        self.whole: tuple[Site, ...] = ()
        self.sites: tuple[Site, ...] = ()
        self.prepared: tuple[Prepared, ...] = ()

    @property
    def held(self) -> int:
        """Number of points that this process works on."""
        return self.own.stop - self.own.start

    @property
    def rows(self) -> int:
        """Number of residuals that this process works on, q times ``held``."""
        return len(self.residuals) * self.held

    def drawn(
        self, sampling: str, n: int, rng: np.random.Generator, like: Tensor, pool: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Site, ...]:
        """Sites with n new points.

        Args:
            sampling: see ``sampling.KINDS``.
            n: number of points.
            rng: the only source of randomness.
            like: gives dtype and device.
            pool: points (k, d) of the unit cube and the residual's size (k,) there: half of the points are near large ones.
        """
        names = self.region.coordinates

        def unit(count: int) -> Tensor:
            near = (
                torch.empty(0, len(names), dtype=torch.float64) if pool is None else near_large(*pool, count // 2, rng)
            )
            points = torch.cat([near, unit_points(sampling, count - len(near), len(names), rng)])
            # time slices of causal weights are runs of consecutive points
            points = sort_by_time(points, names.index(TIME)) if self.region.has_time else points
            return points.to(like)

        return self.term.draw(unit, n)

    def place(self, sites: tuple[Site, ...]) -> None:
        """Take new points; what exact conditions contribute there is computed once."""
        self.whole, self.n = sites, len(sites[0].points)
        self.own = self.share(self.n)
        self.sites = sites if self.held == self.n else tuple(_cut(site, self.own) for site in sites)
        self.prepared = tuple(
            model.ansatz.prepare(site.points, self.indices) if self.held else None
            for model, site in zip(self.models, self.sites, strict=True)
        )

    def replace(self, sites: tuple[Site, ...]) -> None:
        """``place``, and where the new points are as many as the old ones, they take their places in memory too."""
        before = self.tensors
        self.place(sites)
        after = self.tensors
        if [x.shape for x in before] != [x.shape for x in after]:
            return
        for old, new in zip(before, after, strict=True):
            old.copy_(new)
        left = iter(before)
        self.sites = tuple(Site(next(left), None if site.normals is None else next(left)) for site in self.sites)
        self.prepared = tuple(None if pair is None else (next(left), next(left)) for pair in self.prepared)

    @property
    def tensors(self) -> list[Tensor]:
        """What this process' residuals are computed from, apart from the models."""
        places = [x for site in self.sites for x in (site.points, site.normals) if x is not None]
        return [*places, *(x for pair in self.prepared if pair is not None for x in pair)]

    @contextmanager
    def elsewhere(self, sites: tuple[Site, ...]) -> Iterator[None]:
        """Look at other points for a while."""
        kept = self.whole, self.n, self.own, self.sites, self.prepared
        self.place(sites)
        try:
            yield
        finally:
            self.whole, self.n, self.own, self.sites, self.prepared = kept

    def chunks(self, width: int) -> Iterator[slice]:
        """Slices of this process' points such that a layer's jet of this width stays in cache."""
        if not self.held:
            return
        points = self.sites[0].points
        most = _CHUNK_BYTES["cpu" if points.device.type == "cpu" else "cuda"]
        size = max(64, most // (len(self.indices) * width * points.element_size()))
        if self.term.fixed is not None:
            # measured values belong to the points in their order
            size = self.held
        count = -(-self.held // size)
        size = -(-self.held // count)
        for start in range(0, self.held, size):
            yield slice(start, min(start + size, self.held))

    def evaluate(self, jets: Sequence[Tensor], part: slice, parameters: dict[str, Tensor]) -> Tensor:
        """(q, n) residuals from the network's jets (c, n, m), one per site."""
        scopes = []
        columns = self.region.columns
        for model, site, prepared, jet in zip(self.models, self.sites, self.prepared, jets, strict=True):
            cut = None if prepared is None else (prepared[0][:, part], prepared[1][:, part])
            full = model.ansatz.combine(cut, jet, self.indices)
            normals = None if site.normals is None else columns(site.normals[part])
            at = columns(site.points[part])
            scopes.append(Scope.of_jet(full, self.indices, self.unknowns, at, parameters, normals))
        found = self.term.evaluate(tuple(scopes))
        return torch.stack([found[name] for name in self.residuals])


def _cut(site: Site, part: slice) -> Site:
    return Site(site.points[part], None if site.normals is None else site.normals[part])
