"""What is solved on every level: equations and conditions as elements take them, and what joins their nodes.

Letters: d coordinates, v nodes, N = size of the elements' system.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy

from pinnlab.declaration.conditions import Data, Integral
from pinnlab.declaration.counting.needed import NotUniqueError
from pinnlab.declaration.gauge import free_constants
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Term
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.finite_elements.changes import ORDER
from pinnlab.reference.finite_elements.contacts import Contacts
from pinnlab.reference.finite_elements.factorizing import Solve, factorized
from pinnlab.reference.finite_elements.gauges import fixing, gauge
from pinnlab.reference.finite_elements.joined import JoinedElements
from pinnlab.reference.finite_elements.layered import LayeredElements
from pinnlab.reference.finite_elements.mixed import mixed_form
from pinnlab.reference.finite_elements.periodic import copied_sides, periodic_sides
from pinnlab.reference.finite_elements.space import Array, ElementSpace, Space
from pinnlab.reference.finite_elements.symbol import Symbol
from pinnlab.reference.finite_elements.system import ElementSystem
from pinnlab.reference.finite_elements.tied import TiedInTime, TiedSystem, masters, ties
from pinnlab.reference.grids.structure import Structure, matched

Read = Callable[[Problem], Structure]


def _constants(problem: Problem) -> tuple[tuple[str, ...], ...]:
    """Groups of unknowns that equations and boundary leave open up to a constant."""
    bound = [c for c in problem.conditions if not isinstance(c, Data | Integral)]
    return free_constants(problem if len(bound) == len(problem.conditions) else problem.replace(conditions=bound))


@dataclass(frozen=True, eq=False)
class Posed:
    """What is solved on every level.

    Attributes:
        problem: with every parameter a number.
        structure: of its equations.
        rows: of each equation the unknown whose functions test it.
        multipliers: {pressure: number of its constraint}.
        gauges: (what fixes a constant, the unknown).
        upwinded: unknowns whose equations are tested upstream where transport dominates.
        laplacians: {Laplacian of an unknown with fourth derivatives: that unknown}.
        contacts: where jumps are prescribed.
        crossings: points (2,) at which materials cross.
    """

    problem: Problem
    structure: Structure
    rows: tuple[str, ...]
    multipliers: Mapping[str, int]
    gauges: tuple[tuple[Term, str], ...]
    upwinded: tuple[str, ...]
    laplacians: Mapping[str, str]
    contacts: Contacts
    crossings: tuple[Array, ...] = ()

    @classmethod
    def of(cls, problem: Problem, structure: Structure, read: Read) -> Posed:
        """From the conditions."""
        form = mixed_form(problem)
        if form is not None:
            problem = form.problem
            structure = read(problem)
        symbol, constants = Symbol(problem), _constants(problem)
        multipliers = symbol.multipliers
        open_ = [u for group in problem.count().constants for u in group] if problem.domain.has_time else []
        if loose := [u for u in open_ if structure.time_order[u] == 0]:
            raise NotUniqueError(
                f"reference_solution: {loose[0]} is known up to a function of time; fix it, such as by a Dirichlet value of "
                f"{loose[0]} on one side."
            )
        gauges = zip(fixing(problem, constants), (group[0] for group in constants), strict=True)
        rows = matched(problem, structure, multipliers if form is None else {**multipliers, **form.rows})
        # flows keep to elements of which their pressures are known to be stable
        upwinded = () if multipliers or form is not None else symbol.moved(rows)
        laplacians = {} if form is None else form.laplacians
        return cls(problem, structure, rows, multipliers, tuple(gauges), upwinded, laplacians, Contacts.of(problem))

    @property
    def shown(self) -> list[str]:
        """The unknowns of the problem that was asked for."""
        return [u for u in self.problem.unknowns if u not in self.laplacians]

    @property
    def kind(self) -> str:
        """Of the elements, in words."""
        if self.laplacians:
            return f"quadratic finite elements for {' and '.join(self.laplacians.values())} and its Laplacian"
        return "quadratic and linear finite elements" if self.multipliers else "quadratic finite elements"

    @property
    def orders(self) -> dict[str, int]:
        """{unknown: order of its error}, of those that are linear in each triangle."""
        return dict.fromkeys(self.multipliers, ORDER - 1)

    def on(self, space: Space, deadline: Deadline) -> ElementSystem:
        """The system on elements."""
        other = {**self.laplacians, **{w: m for m, w in self.laplacians.items()}}
        through = {i: other[unknown] for i, unknown in enumerate(self.rows) if unknown in other}
        kind: Callable[..., ElementSystem] = ElementSystem
        if self.crossings and not (self.multipliers or self.laplacians or self.contacts.faces):
            kind = partial(LayeredElements, self.crossings)
        return kind(
            self.problem,
            self.structure,
            space,
            self.rows,
            deadline,
            self.multipliers,
            self.upwinded,
            through,
            self.places(space),
        )

    def places(self, space: Space) -> Array:
        """(d, v) of the nodes, where data are taken."""
        return self.contacts.places(space) if isinstance(space, ElementSpace) else space.nodes

    @property
    def has_ties(self) -> bool:
        """Whether nodes are tied to one another."""
        return bool(self.multipliers or self.contacts.faces or periodic_sides(self.problem))

    @property
    def is_tied(self) -> bool:
        """Whether nodes are tied to one another, or constants are fixed by gauges."""
        return bool(self.has_ties or self.gauges)

    @property
    def _unknowns(self) -> list[str]:
        """Of the state's components."""
        return [u for u, _ in self.structure.components]

    def factorized(self, matrix: scipy.sparse.csr_array) -> Solve:
        """The solver of a system; of a pressure, a gauge and a Laplacian rows have nothing on the diagonal."""
        return factorized(matrix, bool(self.multipliers or self.gauges or self.laplacians))

    def _masters(self, space: Space) -> dict[str, Array]:
        """{unknown: (v,) number of the node whose value each node has}, where sides are periodic, or cut apart."""
        problem, found = self.problem, {}
        copied, periodic = copied_sides(problem), periodic_sides(problem)
        pairs = self.contacts.pairs(space) if isinstance(space, ElementSpace) else []
        for unknown in problem.unknowns:
            sides = [(c.of, c.piece, c.shift) for name, c in copied.items() if unknown in periodic[name]]
            joined = pairs if self.contacts.is_tied(unknown) else []
            if sides or joined:
                found[unknown] = masters(space, sides, 1e-7 * problem.domain.size, self.places(space), joined)
        return found

    def steady(self, system: ElementSystem) -> TiedSystem:
        """The system with linear pressures, periodic sides, contacts and gauges."""
        space, of = system.space, self._masters(system.space)
        gauges = [gauge(self.problem, term, u, space) for term, u in self.gauges]
        tied, offset = ties(space, self._unknowns, tuple(self.multipliers), of), self._offset(space, of)
        joined = JoinedElements(system, self.contacts) if self.contacts.faces else system
        return TiedSystem(joined, self._unknowns, tied, gauges, 0.0 if offset is None else offset(0.0))

    def timed(self, system: ElementSystem) -> TiedInTime:
        """The same where there is time."""
        space, of = system.space, self._masters(system.space)
        tied = ties(space, self._unknowns, tuple(self.multipliers), of)
        pressures = np.array([u in self.multipliers for u in self._unknowns])
        joined = JoinedElements(system, self.contacts) if self.contacts.faces else system
        return TiedInTime(joined, tied, np.repeat(pressures, space.count), self._offset(space, of))

    def _offset(self, space: Space, of: Mapping[str, Array]) -> Callable[[float], Array] | None:
        return self.contacts.offset(space, of, self._unknowns) if isinstance(space, ElementSpace) else None
