"""Jumps that are prescribed across the boundaries of materials, on triangles that are cut apart there.

Letters: n points, k sides, q quadrature points of each, i functions of an element, v nodes, N = size of the system.

Both hands of a contact have nodes of their own. Of an unknown without a jump they are tied; so are they where the jump is
known, and values above are those below and the jump. Where it is a + b F, with the flux F that stands inside ``pl.diff``,
F = (jump - a) / b goes through the sides of both hands, as a condition of Robin's kind does. A jump h of the flux is a
source in the contact, of which either hand gets half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy
import torch

from pinnlab.declaration.discontinuities.prescribed import Face, faces, laws
from pinnlab.declaration.discontinuities.transmission import Prescribed
from pinnlab.declaration.problem import Problem
from pinnlab.domains.columns import Columns
from pinnlab.domains.meshing.cuts import above, below, opened
from pinnlab.domains.meshing.triangulation import Triangulation
from pinnlab.reference.finite_elements.space import Array, ElementSpace, Points
from pinnlab.reference.refinement import HopelessError

_ON, _HAIR = 1e-6, 1e-9
"""Distance from a contact up to which sides lie on it, and at which hands are looked at, relative to the region's size."""
_FLUXES = (-1.0, 2.0, 1e3, -1e6, 1e9)
"""At which it is asked whether a jump is linear in the flux."""
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Contacts:
    """Where jumps are prescribed in the plane, and by what laws.

    Attributes:
        problem: what is solved.
        faces: parts of the boundaries of materials.
        laws: {unknown: its jump}.
        sources: {name of a residual: the jump of its flux}.
    """

    problem: Problem
    faces: tuple[Face, ...]
    laws: Mapping[str, Prescribed]
    sources: Mapping[str, Prescribed]

    @classmethod
    def of(cls, problem: Problem) -> Contacts:
        """Those of a problem; without faces where nothing is prescribed.

        Raises:
            ValueError: several parameters prescribe jumps.
        """
        parameters = problem.parameter_values()
        given = faces(parameters, problem.domain)
        if len(given) > 1:
            raise ValueError(
                f"reference_solution: parameters {' and '.join(map(repr, given))} prescribe jumps; finite elements take "
                "those of one parameter."
            )
        found = [law for name in given for law in laws(name, parameters, problem.domain)]
        values = {law.name: law for law in found if law.name in problem.unknowns}
        sources = {law.name: law for law in found if law.name not in problem.unknowns}
        if "flux" in sources and "flux" not in problem.residual_names:
            sources = {problem.residual_names[0]: sources["flux"]}
        return cls(problem, tuple(face for mine in given.values() for face in mine), values, sources)

    def check(self, plain: bool) -> None:
        """Raise ValueError where finite elements do not take them.

        Args:
            plain: whether equations are of second order, and without a pressure.
        """
        domain = self.problem.domain
        if not self.faces:
            return
        named = " and ".join([*self.laws, *(f"the flux of {name}" for name in self.sources)])
        if len(domain.space) != 2 or not plain:
            raise ValueError(
                f"reference_solution: a jump of {named} is prescribed, which finite elements take in the plane, in "
                "equations of second order without a pressure; pass a reference of your own as Problem(reference=...)."
            )
        moving = [u for u, law in self.laws.items() if domain.has_time and domain.clock in law.arguments]
        if any(self.is_tied(u) and self.problem.order(domain.clock) > 1 for u in moving):
            raise ValueError(
                f"reference_solution: the jump of {moving[0]!r} that is prescribed changes in time, and there are "
                "accelerations; finite elements take jumps that stay, or that depend on the flux."
            )

    def is_tied(self, unknown: str) -> bool:
        """Whether values above follow from those below, without the flux."""
        return unknown not in self.laws or "flux" not in self.laws[unknown].arguments

    def cut(self, mesh: Triangulation) -> Triangulation:
        """The triangles, cut apart along all faces.

        Raises:
            ValueError: triangles do not follow them.
        """
        return opened(mesh, [(face.name, partial(self._hands, face)) for face in self.faces]) if self.faces else mesh

    def _hands(self, face: Face, ends: Array, one: Array, two: Array) -> Array:
        """See ``cuts.Below``."""
        rest = self.problem.domain.at_rest
        assert rest is not None
        own = [rest.coordinates.index(name) for name in face.region.coordinates]

        def depth(points: Array) -> Array:
            return face.region.depth(torch.from_numpy(points[:, own])).numpy()

        first = depth(one) >= 0
        crossing, close = first != (depth(two) >= 0), _ON * rest.size
        if (np.abs(depth(ends[crossing].reshape(-1, 2))) > close).any():
            raise HopelessError(
                f"reference_solution: a jump is prescribed across the boundary of {face.region!r}, which the triangles of "
                f"{rest!r} do not follow; give the part of the mesh its name, or a mesh that follows the boundary."
            )
        if face.coordinate is None:
            return np.where(first, 1, -1) * crossing
        axis = rest.coordinates.index(face.coordinate)
        on = (np.abs(ends[:, :, axis] - face.position) < close).all(axis=1)
        return np.where(one[:, axis] < two[:, axis], 1, -1) * (crossing & on)

    def on(self, space: ElementSpace) -> list[tuple[str, str]]:
        """(piece below, piece above) of the faces that have sides."""
        pairs = [(below(face.name), above(face.name)) for face in self.faces]
        return [pair for pair in pairs if pair[0] in space.sides]

    def places(self, space: ElementSpace) -> Array:
        """(d, v) nodes, those on contacts a hair inside of their own hand: there data and coefficients are taken."""
        found = space.nodes.copy()
        for piece in (piece for pair in self.on(space) for piece in pair):
            found[:, space.nodes_on(piece)] -= self._hair * space.normals_at(piece)
        return found

    @property
    def _hair(self) -> float:
        return _HAIR * self.problem.domain.size

    def beside(self, points: Points) -> Points:
        """Points of the sides of one hand, a hair inside."""
        assert points.normals is not None
        return replace(points, at=points.at - self._hair * points.normals)

    def linear(self, law: Prescribed, columns: Columns) -> tuple[Array, Array]:
        """(n,) a and b of a jump a + b F.

        Raises:
            HopelessError: it is not linear in the flux.
        """
        parameters, like = self.problem.parameter_values(), next(iter(columns.values()))

        def at(flux: float) -> Array:
            return law.amount(columns, parameters, torch.full_like(like, flux)).numpy(force=True)

        a = at(0.0)
        b = at(1.0) - a if "flux" in law.arguments else np.zeros_like(a)
        for flux in _FLUXES if b.any() else ():
            if not (np.abs(at(flux) - a - b * flux) <= _SAME * (np.abs(a) + np.abs(b * flux))).all():
                raise HopelessError(
                    f"reference_solution: the jump of {law.name!r} is not linear in the flux, which finite elements need; "
                    "pass a reference of your own as Problem(reference=...)."
                )
        return a, b

    def offset(
        self, space: ElementSpace, masters: Mapping[str, Array], unknowns: Sequence[str]
    ) -> Callable[[float], Array] | None:
        """By how much values at tied nodes exceed those at their masters: time -> (N,); None where by nothing.

        Args:
            space: the elements.
            masters: see ``ties``.
            unknowns: of the components of the state, each first without a rate.
        """
        jumping = [u for u in self.laws if self.is_tied(u)]
        if not jumping:
            return None
        places = self.places(space)

        def at(t: float) -> Array:
            found = np.zeros((len(unknowns), space.count))
            for unknown in jumping:
                found[list(unknowns).index(unknown)] = self._steps(
                    self.laws[unknown], space, masters[unknown], places, t
                )
            return found.ravel()

        return at

    def _steps(self, law: Prescribed, space: ElementSpace, masters: Array, places: Array, t: float) -> Array:
        """(v,) values above those of the masters, from contact to contact."""
        found, known = np.zeros(space.count), masters == np.arange(space.count)
        for _ in self.faces:
            for low, high in self.pairs(space):
                jump = self.linear(law, self._columns(places[:, low], t))[0]
                for one, other, sign in ((low, high, 1.0), (high, low, -1.0)):
                    new = known[one] & ~known[other]
                    found[other[new]] = (found[one] + sign * jump)[new]
                    known[other[new]] = True
        return found

    def _columns(self, at: Array, t: float) -> Columns:
        domain = self.problem.domain
        names = domain.space
        given = {n: at[names.index(n)] if n in names else np.full(at.shape[1], t) for n in domain.coordinates}
        return domain.columns(torch.from_numpy(np.stack(list(given.values()), axis=1)))

    def pairs(self, space: ElementSpace) -> list[tuple[Array, Array]]:
        """Numbers (n,) of the nodes below each face, and of those above."""
        return [(space.nodes_on(low), _facing_nodes(space, low, high)) for low, high in self.on(space)]


def _facing_nodes(space: ElementSpace, low: str, high: str) -> Array:
    """(n,) the nodes above those below.

    Raises:
        ValueError: contacts meet in a point.
    """
    one, other = space.nodes_on(low), space.nodes_on(high)
    found = other[scipy.spatial.cKDTree(space.nodes[:, other].T).query(space.nodes[:, one].T)[1]]
    if len(np.unique(found)) < len(other) or len(one) != len(other):
        raise HopelessError(
            "reference_solution: materials with prescribed jumps meet in a point, beside which finite elements do not know "
            "which values are joined; leave a gap between them."
        )
    return found
