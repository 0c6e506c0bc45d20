"""Equations in weak form on triangles that are cut apart, with what passes through the cuts.

Letters: n points, k sides, q quadrature points of each, i functions of an element, N = size of the system.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from torch import Tensor

from pinnlab.declaration.discontinuities.transmission import Prescribed
from pinnlab.domains.columns import Columns
from pinnlab.reference.finite_elements.assembly import Parts
from pinnlab.reference.finite_elements.contacts import Contacts
from pinnlab.reference.finite_elements.fluxes import Pointwise
from pinnlab.reference.finite_elements.space import Array, ElementSpace, Points
from pinnlab.reference.finite_elements.system import ElementSystem
from pinnlab.reference.refinement import HopelessError

_ACROSS = 1e-6
"""Component of a unit normal from which on a contact lies across a coordinate."""
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class _Sides:
    """The sides of a contact, as both hands have them; those above in the order of those below."""

    below: Points
    above: Points


class JoinedElements:
    """The system on elements, with what passes through contacts.

    Args:
        elements: on triangles that are cut apart.
        contacts: where.
    """

    def __init__(self, elements: ElementSystem, contacts: Contacts):
        self.elements, self.contacts = elements, contacts
        self.space, self.deadline, self.size, self.free = (
            elements.space,
            elements.deadline,
            elements.size,
            elements.free,
        )
        self.counted, self.axes, self.components = elements.counted, elements.axes, elements.components
        self.block = elements.block
        assert isinstance(self.space, ElementSpace)
        self._sides = [
            _Sides(contacts.beside(self.space.on(low)), _facing(self.space.on(low), self.space.on(high)))
            for low, high in contacts.on(self.space)
        ]
        self._check_transport()

    def _check_transport(self) -> None:
        """Raise HopelessError where slopes of an unknown that jumps stand outside of fluxes."""
        state, rate = np.random.default_rng(0).normal(size=(2, len(self.components), self.space.count))
        for sides in self._sides:
            found = self.elements.at(state, rate, sides.below, self.elements.start)
            leaves = {leaf for residual in found.residuals for leaf in found.by_leaves(residual)}
            for unknown, key in leaves:
                if unknown in self.contacts.laws and any(name in self.elements.names for name in key):
                    raise HopelessError(
                        f"reference_solution: a jump of {unknown!r} is prescribed, and a slope of it stands outside of what "
                        "is differentiated twice, such as of a transport, which passes through the contact as well; pass a "
                        "reference of your own as Problem(reference=...)."
                    )

    def residual(self, states: Array, rates: Array, times: Array) -> Array:
        """R (s, N) for states and rates (s, c, v) at s times."""
        found = self.elements.residual(states, rates, times)
        for row, state, rate, t in zip(found, states, rates, times, strict=True):
            passing = np.zeros(self.size)
            for sides in self._sides:
                self._add(passing, sides, state, rate, float(t))
            row[self.free] += passing[self.free]
        return found

    def _add(self, total: Array, sides: _Sides, state: Array, rate: Array, t: float) -> None:
        """Add what passes through a contact to the equations of both hands."""
        columns = self.elements.columns(sides.below.at, t)
        for unknown, factor, law, source in self._laws(sides, state, rate, t):
            flux = np.zeros(factor.shape)
            if law is not None:
                a, b = self._resistance(law, columns, factor.shape)
                u = state[self.elements.source(unknown, ())[0][0]]
                flux = (sides.above.value(u) - sides.below.value(u) - a) / b
            half = 0.0 if source is None else self.contacts.linear(source, columns)[0].reshape(factor.shape) / 2
            first = self.block(unknown)
            for points, value in ((sides.below, flux - half), (sides.above, -flux - half)):
                shares = np.einsum("ikq,kq->ik", points.values, sides.below.weights * factor * value)
                np.add.at(total, first + points.nodes, shares)

    def jacobians(self, state: Array, rate: Array, t: float) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
        """(dR/dU, dR/dU'), each (N, N), at one instant."""
        by_state, by_rate = self.elements.jacobians(state, rate, t)
        parts = Parts(self.size)
        for sides in self._sides:
            columns = self.elements.columns(sides.below.at, t)
            for unknown, factor, law, _ in self._laws(sides, state, rate, t):
                if law is None:
                    continue
                slope = sides.below.weights * factor / self._resistance(law, columns, factor.shape)[1]
                rows, first = self.block(unknown), self.elements.source(unknown, ())[0][0] * self.space.count
                for tested, sign in ((sides.below, 1.0), (sides.above, -1.0)):
                    for own, side in ((sides.above, sign), (sides.below, -sign)):
                        local = np.einsum("ikq,jkq,kq->kij", tested.values, own.values, side * slope)
                        at = np.broadcast_arrays(tested.nodes.T[:, :, None] + rows, own.nodes.T[:, None, :] + first)
                        parts.add(False, at[0].ravel(), at[1].ravel(), local.ravel())
        parts.without(self.free)
        return scipy.sparse.csr_array(by_state + parts.sum(False)), by_rate

    def _laws(
        self, sides: _Sides, state: Array, rate: Array, t: float
    ) -> Iterator[tuple[str, Array, Prescribed | None, Prescribed | None]]:
        """(unknown, (k, q) factor of the flux in its equation, law that the flux follows from, its source)."""
        contacts, shape = self.contacts, sides.below.weights.shape
        found = self.elements.at(state, rate, sides.below, t)
        for i, unknown in enumerate(self.elements.rows):
            law = None if contacts.is_tied(unknown) else contacts.laws[unknown]
            source = contacts.sources.get(contacts.problem.residual_names[i])
            if law is not None or source is not None:
                yield unknown, self._factor(found, found.residuals[i], sides.below).reshape(shape), law, source

    def _factor(self, found: Pointwise, residual: Tensor, points: Points) -> Array:
        """(n,) with which an equation holds the derivatives of its flux across a contact.

        Raises:
            HopelessError: it holds none, or those by several coordinates with different factors.
        """
        assert points.normals is not None
        factors = dict[str, Array]()
        for flux, factor in zip(found.fluxes, found.by_fluxes(residual), strict=True):
            if factor is not None:
                factors.setdefault(flux.coordinate, factor.numpy())
        across = [name for i, name in enumerate(self.elements.names) if np.abs(points.normals[i]).max() > _ACROSS]
        mine = [factors[name] for name in across if name in factors]
        if len(mine) < len(across) or not all(np.allclose(f, mine[0], rtol=_SAME, atol=0.0) for f in mine):
            raise HopelessError(
                "reference_solution: a jump is prescribed where an equation does not say what the flux along the normal is; "
                "write it as the divergence of one flux, such as pl.diff(k * u.x, 'x') + pl.diff(k * u.y, 'y')."
            )
        return mine[0]

    def _resistance(self, law: Prescribed, columns: Columns, shape: tuple[int, ...]) -> tuple[Array, Array]:
        """(k, q) a and b of a jump a + b F.

        Raises:
            HopelessError: b vanishes somewhere.
        """
        a, b = (each.reshape(shape) for each in self.contacts.linear(law, columns))
        if (b == 0).any():
            raise HopelessError(
                f"reference_solution: the jump of {law.name!r} does not depend on the flux everywhere on the contact; give "
                "the places where it does a region of their own."
            )
        return a, b


def _facing(low: Points, high: Points) -> Points:
    """The sides above and their points, in the order of those below."""
    k, q = low.weights.shape
    flat = scipy.spatial.cKDTree(high.at.reshape(len(high.at), -1).T).query(low.at.reshape(len(low.at), -1).T)[1]
    sides, points = np.divmod(flat.reshape(k, q), q)
    values, gradients = high.values[:, sides, points], high.gradients[:, :, sides, points]
    return Points(low.at, low.weights, high.nodes[:, sides[:, 0]], values, gradients)
