"""An equation and its exact conditions for a package that knows values and gradients only.

Letters: c derivatives, n points, d coordinates, m unknowns.

The package trains a network N, and u = G + F N meets the exact conditions. The equation asks for derivatives of u, which
the product rule makes of the package's derivatives of N and of the known ones of G and F. A package's own transform of
outputs gives the same numbers and takes longer, since it differentiates G and F again in every step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.ansatz import Ansatz
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.indices import VALUE, Index, Indices, closure, leibniz
from pinnlab.derivatives.jets import LazyJet
from pinnlab.domains import Region, Site

Gradient = Callable[[Tensor], Tensor]
"""(n, 1) values -> (n, d) derivatives, with a graph."""
_KEPT = 8


def by_autograd(points: Tensor) -> Gradient:
    """Gradients with respect to (n, d) points by torch."""

    def gradient(values: Tensor) -> Tensor:
        return torch.autograd.grad(values, points, torch.ones_like(values), create_graph=True)[0]

    return gradient


class ExactConditions:
    """G and F of u = G + F N, with derivatives that are computed once per set of points."""

    def __init__(self, ansatz: Ansatz):
        self._ansatz = ansatz
        self._indices: Indices = VALUE
        self._known: list[tuple[Tensor, Indices, tuple[Tensor, Tensor]]] = []

    @property
    def are_none(self) -> bool:
        """Whether u = N."""
        return self._ansatz.is_trivial

    def __call__(self, points: Tensor, outputs: Tensor) -> Tensor:
        """(n, m) unknowns from (n, d) points and (n, m) outputs of the network; their graph is that of the outputs."""
        return self._ansatz.combine(self._ansatz.prepare(points.detach(), VALUE), outputs[None], VALUE)[0]

    def derivatives(self, points: Tensor, index: Index) -> tuple[Indices, Tensor, Tensor]:
        """Multi-indices, one of them ``index``, and these derivatives of G and of F, each (c, n, m)."""
        for at, indices, found in self._known:
            if index in indices and at.shape == points.shape and torch.equal(at, points):
                return indices, *found
        # what was asked for once is asked for again, at other points
        self._indices = closure((*self._indices, index))
        prepared = self._ansatz.prepare(points.detach(), self._indices)
        assert prepared is not None, "without conditions nobody asks"
        self._known = [(points.detach().clone(), self._indices, prepared), *self._known[: _KEPT - 1]]
        return self._indices, *prepared


class Derivatives:
    """All derivatives of one unknown from a package that gives gradients only.

    Args:
        output: (n,) of the network.
        gradient: of the package.
        points: (n, d).
        coordinates: their names.
        exact: conditions of all unknowns.
        unknown: number of this one.
    """

    def __init__(
        self,
        output: Tensor,
        gradient: Gradient,
        points: Tensor,
        coordinates: Sequence[str],
        exact: ExactConditions,
        unknown: int,
    ):
        self._gradient, self._points, self._coordinates = gradient, points, tuple(coordinates)
        self._exact, self._unknown = exact, unknown
        self._network: dict[Index, Tensor] = {(): output}
        self._gradients: dict[Index, Tensor] = {}

    def __call__(self, key: Key) -> Tensor:
        """One derivative (n,)."""
        index = tuple(sorted(self._coordinates.index(name) for name in key))
        return self._of_network(index) if self._exact.are_none else self._combined(index)

    def _combined(self, index: Index) -> Tensor:
        indices, offset, factor = self._exact.derivatives(self._points, index)
        j = self._unknown
        return product_rule(index, indices, offset[..., j], factor[..., j], self._of_network)

    def _of_network(self, index: Index) -> Tensor:
        if index not in self._network:
            below = index[:-1]
            if below not in self._gradients:
                self._gradients[below] = self._gradient(self._of_network(below)[:, None])
            self._network[index] = self._gradients[below][:, index[-1]]
        return self._network[index]


def product_rule(
    index: Index, indices: Indices, offset: Tensor, factor: Tensor, network: Callable[[Index], Tensor]
) -> Tensor:
    """One derivative (n,) of G + F N from those of G and F, (c, n) in the order of ``indices``, and of N, (n,) each."""
    at = indices.index(index)
    total = offset[at]
    for times, left, right in leibniz(indices)[at]:
        total = total + times * factor[left] * network(indices[right])
    return total


def residuals(
    term: Term,
    region: Region,
    sites: Sequence[Site],
    unknowns: Sequence[str],
    parameters: dict[str, Any],
    exact: ExactConditions,
    points: Tensor,
    outputs: Tensor,
    gradient: Gradient,
    start: int = 0,
) -> dict[str, Tensor]:
    """A term's residuals, {name: (n,)}, at points that a package was given.

    Args:
        term: an equation or a condition.
        region: names the coordinates.
        sites: where the term is evaluated: how many points, and normals.
        unknowns: their names, in the order of the network's outputs.
        parameters: {name: 0-dim, or a function of coordinates}.
        exact: conditions that are built in.
        points: (n, d) as the package has them, with a graph from them to ``outputs``; the sites' points follow one
            another from row ``start`` on, others may stand before and behind.
        outputs: (n, m) of the network.
        gradient: of the package, with respect to ``points``.
        start: see ``points``.
    """
    plain = points.detach()
    names = region.coordinates
    jets = [LazyJet(Derivatives(outputs[:, j], gradient, plain, names, exact, j)) for j in range(len(unknowns))]
    scopes = []
    for site in sites:
        part = slice(start, start + len(site.points))
        start = part.stop
        own = {u: _part(jet, part) for u, jet in zip(unknowns, jets, strict=True)}
        normals = None if site.normals is None else region.columns(site.normals)
        scopes.append(Scope.of_jets(own, region.columns(plain[part]), parameters, normals))
    return term.evaluate(tuple(scopes))


def _part(whole: LazyJet, part: slice) -> LazyJet:
    """The jet at some of its points: gradients are taken over all points at once, as packages do."""
    return LazyJet(lambda key: whole[key][part])
