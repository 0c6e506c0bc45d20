"""Blocks: named residuals at collocation points, and the part of them that this process works on.

Letters: c derivatives, n rows, s points of a row, d coordinates, m unknowns, q residuals of a block.

Most terms have one point in a row, s = 1. Those with weights sum over s points (``Term.weights``); what is about points
takes slices of points, everything else slices of rows, which are never cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pinnlab.declaration.terms import Scope, Term, trace
from pinnlab.derivatives.fields import Key, NamedJet
from pinnlab.derivatives.indices import Indices, used_indices
from pinnlab.derivatives.jets import named_jets
from pinnlab.domains import Site
from pinnlab.domains.sampling import unit_points
from pinnlab.training.model import Model, Prepared, PullBack

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
        stages: the numbers of the stages of training that have it; None for all of them.
    """

    term: Term
    n: int
    models: tuple[Model, ...]
    layer: int = 0
    stages: tuple[int, ...] | None = None


def _all(n: int) -> slice:
    return slice(0, n)


class Block:
    """One term at its current points.

    Args:
        count: what vanishes, who supplies the fields, and at how many points.
        parameters: {name: 0-dim}, for the dry run that finds the derivatives.

    Attributes:
        n: number of rows of each residual, of all processes together.
        whole: the points of all processes.
        sites: those that this process works on, consecutive ones; ``own`` says which.
        share: n -> which of n rows this process works on.
    """

    def __init__(self, count: Count, parameters: dict[str, Tensor]):
        self.term = term = count.term
        self.n = count.n if term.fixed is None else term.fixed
        self.kind, self.layer, self._stages = term.kind, count.layer, count.stages
        self.weight = self.weight_in(0)
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

    def weight_in(self, stage: int) -> float:
        """The term's weight in a stage of training; zero in those that do not have it."""
        return self.term.weight if self._stages is None or stage in self._stages else 0.0

    @property
    def held(self) -> int:
        """Number of rows of each residual that this process works on."""
        return self.own.stop - self.own.start

    @property
    def rows(self) -> int:
        """Number of residuals that this process works on, q times ``held``."""
        return len(self.residuals) * self.held

    def place(self, sites: tuple[Site, ...]) -> None:
        """Take new points; what exact conditions contribute there is computed once."""
        self.whole, self.n = sites, len(sites[0].points) // self.term.span
        self.own = self.share(self.n)
        self.sites = sites if self.held == self.n else tuple(_cut(site, self.points(self.own)) for site in sites)
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

    def points(self, part: slice) -> slice:
        """The points of some rows."""
        s = self.term.span
        return part if s == 1 else slice(part.start * s, part.stop * s)

    def times(self, sites: tuple[Site, ...]) -> Tensor:
        """(n,) time of each row at given sites."""
        return sites[0].points[:: self.term.span, self.region.time_index]

    def chunks(self, width: int) -> Iterator[slice]:
        """Slices of this process' rows such that a layer's jet of this width stays in cache."""
        if not self.held:
            return
        points = self.sites[0].points
        most = _CHUNK_BYTES["cpu" if points.device.type == "cpu" else "cuda"]
        size = max(64, most // (len(self.indices) * width * points.element_size()))
        size = max(1, size // self.term.span)
        if self.term.fixed is not None:
            # measured values belong to the points in their order
            size = self.held
        count = -(-self.held // size)
        size = -(-self.held // count)
        for start in range(0, self.held, size):
            yield slice(start, min(start + size, self.held))

    def evaluate(self, jets: Sequence[Tensor], part: slice, parameters: Mapping[str, Any]) -> Tensor:
        """(q, n s) residuals from the network's jets (c, n s, m) at some points, one per site."""
        return self.of_jets(self._named(jets, part), part, parameters)

    def of_jets(self, jets: Sequence[Mapping[str, NamedJet]], part: slice, parameters: Mapping[str, Any]) -> Tensor:
        """(q, n s) residuals at some points from the unknowns' jets, one per site."""
        scopes = []
        columns = self.region.columns
        for site, named in zip(self.sites, jets, strict=True):
            normals = None if site.normals is None else columns(site.normals[part])
            scopes.append(Scope.of_jets(named, columns(site.points[part]), parameters, normals))
        found = self.term.evaluate(tuple(scopes))
        return torch.stack([found[name] for name in self.residuals])

    def _named(self, jets: Sequence[Tensor], part: slice) -> list[dict[str, dict[Key, Tensor]]]:
        """Per site the unknowns' jets, exact conditions included, from the network's."""
        found = []
        for model, prepared, jet in zip(self.models, self.prepared, jets, strict=True):
            cut = None if prepared is None else (prepared[0][:, part], prepared[1][:, part])
            full = model.ansatz.combine(cut, jet, self.indices)
            found.append(named_jets(full, self.indices, self.unknowns, tuple(self.region.coordinates)))
        return found

    def values(self, part: slice, parameters: Mapping[str, Any]) -> Tensor:
        """(q, n) residuals of some of this process' rows, for the models' present parameters."""
        pairs, at = zip(self.models, self.sites, strict=True), self.points(part)
        jets = [m.network_jet(site.points[at], self.indices) for m, site in pairs]
        return self.term.summed(self.evaluate(jets, at, parameters))

    def leaves(self, part: slice) -> list[dict[str, dict[Key, Tensor]]]:
        """Per site the unknowns' jets at some of this process' points, for the models' present parameters, as leaves."""
        pairs = zip(self.models, self.sites, strict=True)
        with torch.no_grad():
            named = self._named([m.network_jet(site.points[part], self.indices) for m, site in pairs], part)
        return [
            {u: {key: value.clone().requires_grad_() for key, value in jet.items()} for u, jet in mine.items()}
            for mine in named
        ]

    def linearized(
        self,
        part: slice,
        constants: Mapping[str, Any],
        numbers: Mapping[str, nn.Parameter],
        bounded: Callable[[dict[str, Tensor]], Mapping[str, Tensor]] = lambda free: free,
    ) -> Iterator[tuple[Tensor, dict[nn.Parameter, Tensor]]]:
        """Per residual: its values (n,) of some of this process' rows, and their gradients {parameter: (n, ...)}.

        Args:
            part: which rows.
            constants: parameters of the problem that are known.
            numbers: those that are to be found, {name: 0-dim}.
            bounded: makes the parameters of these.
        """
        at, term = self.points(part), self.term
        pairs: list[tuple[Tensor, PullBack]] = [
            model.linearized_network_jet(site.points[at], self.indices)
            for model, site in zip(self.models, self.sites, strict=True)
        ]
        jets = [jet.requires_grad_() for jet, _ in pairs]
        n = jets[0].shape[1]
        # numbers get one copy per point, so that their gradients are per point too
        copies = {k: v.detach().expand(n).clone().requires_grad_() for k, v in numbers.items()}
        residuals = term.summed(self.evaluate(jets, at, {**constants, **bounded(copies)}))
        for q, r in enumerate(residuals):
            inputs = [*jets, *copies.values()]
            found = torch.autograd.grad(r.sum(), inputs, allow_unused=True, retain_graph=q + 1 < len(residuals))
            rows: dict[nn.Parameter, Tensor] = {}
            for (_, pull_back), cotangent in zip(pairs, found, strict=False):
                if cotangent is not None:
                    for p, value in pull_back(cotangent).items():
                        mine = _of_rows(value, term.span)
                        rows[p] = rows[p] + mine if p in rows else mine
            for name, value in zip(copies, found[len(jets) :], strict=True):
                if value is not None:
                    rows[numbers[name]] = _of_rows(value, term.span)
            yield r.detach(), rows


def _of_rows(gradients: Tensor, span: int) -> Tensor:
    """(n, ...) gradients of rows from those (n s, ...) of points, the weights of which they have already."""
    return gradients if span == 1 else gradients.unflatten(0, (-1, span)).sum(1)


def _cut(site: Site, part: slice) -> Site:
    return Site(site.points[part], None if site.normals is None else site.normals[part])
