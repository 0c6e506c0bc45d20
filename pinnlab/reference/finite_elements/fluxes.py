"""The equations as finite elements need them: what is differentiated a second time is kept apart.

Letters: n points.

An equation of second order is a sum of c dF/dx and of what holds first derivatives only. F is what stands inside
``pl.diff``, or u.x in u.xx. While the equation is evaluated, every dF/dx is replaced by a number z of its own, so that
c is the derivative of the residual by z, and F, which is continuous across a jump of a material, is integrated by parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.fields import Field
from pinnlab.derivatives.names import Key
from pinnlab.derivatives.pointwise import K, gradients
from pinnlab.domains.columns import Columns

Leaves = Mapping[tuple[str, Key], Tensor]


@dataclass(frozen=True, eq=False)
class Flux:
    """One dF/dx of an equation.

    Attributes:
        coordinate: x.
        value: (n,) F, with a graph to the jets' leaves.
        z: (n,) what stands for dF/dx.
    """

    coordinate: str
    value: Tensor
    z: Tensor


@dataclass(frozen=True, eq=False)
class Pointwise:
    """All equations at n points.

    Attributes:
        residuals: (n,) each, with a graph to leaves and to the fluxes' z.
        fluxes: what was differentiated.
        leaves: {(unknown, derivative): (n,)} values and first derivatives.
    """

    residuals: tuple[Tensor, ...]
    fluxes: tuple[Flux, ...]
    leaves: Leaves

    def by_leaves(self, value: Tensor) -> dict[tuple[str, Key], Tensor]:
        """The derivatives of a value by the leaves."""
        return _nonzero(gradients(value, self.leaves))

    def by_fluxes(self, value: Tensor) -> list[Tensor | None]:
        """The derivatives of a value by what stands for dF/dx."""
        found = _nonzero(gradients(value, {i: flux.z for i, flux in enumerate(self.fluxes)}))
        return [found.get(i) for i in range(len(self.fluxes))]

    def transport(self, residual: Tensor, unknown: str, space: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(d, n) velocity and (n,) diffusion with which an equation moves its own unknown.

        Args:
            residual: of the equation.
            unknown: its own.
            space: the coordinates.
        """
        velocity, diffusion = np.zeros((len(space), len(residual))), np.zeros(len(residual))
        for (u, key), value in self.by_leaves(residual).items():
            if u == unknown and len(key) == 1 and key[0] in space:
                velocity[space.index(key[0])] += value.numpy()
        for flux, factor in zip(self.fluxes, self.by_fluxes(residual), strict=True):
            for (u, key), value in ({} if factor is None else self.by_leaves(flux.value)).items():
                assert factor is not None
                if u == unknown and not key:
                    velocity[space.index(flux.coordinate)] += (factor * value).numpy()
                elif u == unknown and len(key) == 1 and key[0] in space:
                    diffusion = np.maximum(diffusion, (factor * value).abs().numpy())
        return velocity, diffusion

    def tensors(self, rows: Sequence[str], unknowns: Sequence[str], space: Sequence[str]) -> np.ndarray:
        """(c, c, d, d, n) of each unknown's equation the derivatives of its fluxes by slopes, less than zero downhill.

        Args:
            rows: of each equation the unknown that it is of.
            unknowns: c of them.
            space: the coordinates.
        """
        count = len(self.residuals[0])
        found = np.zeros((len(unknowns), len(unknowns), len(space), len(space), count))
        for unknown, residual in zip(rows, self.residuals, strict=True):
            for flux, factor in zip(self.fluxes, self.by_fluxes(residual), strict=True):
                if factor is None:
                    continue
                for (of, key), slope in self.by_leaves(flux.value).items():
                    if len(key) == 1 and key[0] in space:
                        at = unknowns.index(unknown), unknowns.index(of), space.index(flux.coordinate)
                        found[*at, space.index(key[0])] -= (factor * slope).numpy()
        return found

    def terms(self, residual: Tensor) -> Tensor:
        """(n,) sizes of the terms of an equation, its source among them."""
        terms = [value * self.leaves[leaf].detach() for leaf, value in self.by_leaves(residual).items()]
        factors = zip(self.by_fluxes(residual), self.fluxes, strict=True)
        terms += [factor * flux.z.detach() for factor, flux in factors if factor is not None]
        source = residual.detach() - sum(terms, torch.zeros_like(residual))
        return sum((term.abs() for term in terms), source.abs())


def _nonzero(found: dict[K, Tensor]) -> dict[K, Tensor]:
    return {leaf: g.detach() for leaf, g in found.items() if bool((g != 0).any())}


@dataclass
class _Interception:
    """Stands in the way of second derivatives."""

    space: tuple[str, ...]
    slopes: list[Tensor]
    fluxes: list[Flux] = field(default_factory=list)
    derivatives: list[Tensor] | None = None

    def __call__(self, expression: Field, name: str) -> Field:
        if name not in self.space:
            return expression.derived(name)
        value = expression.value
        if not isinstance(value, Tensor) or not value.requires_grad:
            return expression.derived(name)
        inner = [*self.slopes, *(flux.z for flux in self.fluxes)]
        found = torch.autograd.grad(value.sum(), inner, retain_graph=True, allow_unused=True)
        # second derivatives that cancel do not count
        twice = any(g is not None and bool((g != 0).any()) for g in found[len(self.slopes) :])
        if twice:
            raise ValueError(
                f"reference_solution: {expression.name} is differentiated a third time, by {name!r}; finite elements of "
                "this kind solve equations of second order in space: write the equation as a system of second order."
            )
        if all(g is None for g in found[: len(self.slopes)]):
            return expression.derived(name)
        number = len(self.fluxes)
        z = torch.zeros_like(value) if self.derivatives is None else self.derivatives[number]
        z = z.detach().clone().requires_grad_()
        self.fluxes.append(Flux(name, value, z))

        def refused(by: str) -> Field:
            raise ValueError(
                f"reference_solution: the derivative of {expression.name} by {name!r} is differentiated again, by {by!r}, "
                "which finite elements of this kind cannot do."
            )

        return Field(z, expression.coordinates, refused, f"d({expression.name})/d{name}", self)


def first_order_keys(problem: Problem, orders: Mapping[str, int]) -> dict[str, list[Key]]:
    """Of each unknown its value and first derivatives by space, of every order in time up to the given one."""
    domain = problem.domain
    places: list[Key] = [(), *((name,) for name in domain.space)]
    times = [name for name in domain.coordinates if name not in domain.space]
    return {
        u: [tuple(sorted((*place, *times * p), key=domain.coordinates.index)) for p in range(n + 1) for place in places]
        for u, n in orders.items()
    }


def pointwise(
    problem: Problem,
    leaves: Leaves,
    columns: Columns,
    parameters: Mapping[str, object],
    derivatives: list[Tensor] | None = None,
) -> Pointwise:
    """Evaluate all equations.

    Args:
        problem: gives the equations.
        leaves: {(unknown, derivative): (n,)}, all of which require gradients.
        columns: {coordinate: (n,)}.
        parameters: {name: number or function}.
        derivatives: (n,) of dF/dx, in the order of an earlier evaluation; zero if None.
    """
    space = problem.domain.space
    slopes = [v for (_, key), v in leaves.items() if any(name in space for name in key)]
    watch = _Interception(space, slopes, derivatives=derivatives)
    jets: dict[str, dict[Key, Tensor]] = {u: {} for u in problem.unknowns}
    for (unknown, key), value in leaves.items():
        jets[unknown][key] = value
    scope = Scope.of_jets(jets, columns, parameters, watch=watch)
    residuals = problem.equation_term().evaluate((scope,))
    return Pointwise(tuple(residuals.values()), tuple(watch.fluxes), leaves)
