"""How many conditions a problem needs and where, and whether those it has leave one solution.

Letters: n points, d coordinates, m unknowns, N modes.

The equations, linearized at made-up fields and with their coefficients frozen at a point, have solutions exp(s x + i eta y
+ sigma t). Those that decay into the domain, as x moves away from a piece of the boundary, are what conditions on that
piece must fix, if sigma is large and eta generic: one at each end for diffusion, one where transport enters, two and one
for third derivatives, two at each wall for incompressible flow. All modes in time together are what initial values must
fix. Conditions are rows on these modes, whose rank tells whether they fix them. Besides, constants, rigid motions and
other linear functions that neither equations nor conditions notice are free.

What is not the same for all points and all made-up fields is not certain, and nothing is refused for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pinnlab.algebra.normal_modes import Array, Modes, find_modes, null_space, rank
from pinnlab.declaration.counting.condition_count import Count, Side
from pinnlab.declaration.counting.linear_parts import INSIDE, ON_SIDE, OWN, ConditionPart, Factors, Linearized
from pinnlab.domains import Region

_GENERIC = np.array([0.83, -0.57, 0.71, 0.64, -0.91, 0.53])
"""A direction of no meaning."""
_FAST = (1e2, 1e4)
"""Rates of growth, in one over the length of time."""
_SHORTEST = (1e3, 1e4)
"""Wave numbers that are looked at for growth, in one over the length of the domain."""
_TOLD = 10.0
"""Exponent over all of the time from which on growth is told."""
_SHORT = (1e2, 1e3)
"""Wave numbers, in one over the shortest side."""


class NotUniqueError(ValueError):
    """The problem certainly has more than one solution, or none, and why."""


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # coefficients near the end of the numbers
def count(region: Region, unknowns: Sequence[str], linear: Linearized) -> Count:
    """Count what a declaration needs and has.

    Args:
        region: the domain.
        unknowns: their names, in the order of the linearized equations.
        linear: equations and conditions.
    """
    return _Counting(region, tuple(unknowns), linear).result()


class _Counting:
    """The samples of one declaration."""

    def __init__(self, region: Region, unknowns: tuple[str, ...], linear: Linearized):
        self.region, self.unknowns, self.linear = region, unknowns, linear
        self.lengths = {name: upper - lower for name, (lower, upper) in self.region.bounds.items()}
        self.square = len(linear.equations[0].coefficients) == len(self.unknowns)
        self.periodic: dict[str, set[str]] = {}
        for part in linear.conditions:
            if part.kind == "periodic":
                self.periodic.setdefault(part.where, set()).update(part.unknowns)

    def result(self) -> Count:
        region, doubts = self.region, []
        equations = len(self.linear.equations[0].coefficients)
        if not self.square:
            doubts.append(f"{equations} equations for {len(self.unknowns)} unknowns cannot be counted")
        kinds = {part.kind for part in self.linear.conditions}
        if OWN in kinds:
            doubts.append("what conditions of your own fix is not known")
        if kinds - {"initial", "boundary", "periodic", "integral", OWN}:
            doubts.append("data may stand for conditions")
        if "integral" in kinds and region.has_time and len(region.space) == 1:
            doubts.append("an integral at each time may stand for a condition")
        constants, motions = self._free()
        sides = self._sides()
        bare = {piece[:-1] for piece, side in sides.items() if side.lacking}
        line = not region.has_time and len(region.space) == 1
        return Count(
            initial=self._initial() if region.has_time else None,
            sides=sides,
            total=self._line(region.space[0]) if line else None,
            open_between=tuple(c for c in region.space if c in bare and self._is_open(c)),
            constants=constants,
            motions=motions,
            doubts=tuple(doubts),
            explosive=self._explodes(),
            equations=equations,
        )

    # -- modes -------------------------------------------------------------------------------------------------------------

    def _modes(self, part: int, n: int, factors: Factors) -> Modes | None:
        equations = self.linear.equations[part]
        if not self.square or not equations.is_finite(n):
            return None
        return find_modes(equations.symbol(n, self.unknowns, factors))

    def _factors(self, scale: int, normal: Array | None = None, along: str | None = None) -> dict[str, Any]:
        """Derivatives as polynomials in s: along the inward normal of a boundary, or along a coordinate."""
        space = self.region.space
        number = _SHORT[scale] / min((self.lengths[c] for c in space), default=1.0)
        wave = np.resize(_GENERIC, len(space))
        direction = np.array([float(c == along) for c in space])
        if normal is not None:
            direction = -np.array([normal[self.region.coordinates.index(c)] for c in space])
        wave = wave - (wave @ direction) * direction
        found = {c: (complex(number * a), 1j * number * b) for c, a, b in zip(space, direction, wave, strict=True)}
        if self.region.has_time:
            time = self.region.clock
            rate = _FAST[scale] / self.lengths[time]
            found[time] = (complex(rate), 0j) if along == time else (0j, rate * (1 + 0.37j))
        return found

    def _rows(
        self, kind: str, where: str, n: int, factors: Factors, modes: Modes, site: int = 0, stretch: str | None = None
    ) -> Array:
        found = [np.zeros((0, modes.count), dtype=complex)]
        for part in self.linear.conditions:
            here = part.kind == kind and part.where == where and part.holds_on(stretch)
            if here and part.sites[site].is_finite(n):
                found.append(modes.rows(part.sites[site].symbol(n, self.unknowns, factors)))
        return np.concatenate(found)

    def _given(self, kind: str, where: str, stretch: str | None = None) -> int:
        parts = [p for p in self.linear.conditions if p.kind == kind and p.where == where and p.holds_on(stretch)]
        return sum(len(p.sites[0].coefficients) for p in parts)

    # -- time --------------------------------------------------------------------------------------------------------------

    def _initial(self) -> Side:
        counts, lacking, given = set(), [], self._given("initial", "")
        for n in range(ON_SIDE):
            for part in range(len(self.linear.equations)):
                factors = self._factors((n + part) % 2, along=self.region.clock)
                modes = self._modes(part, self.linear.first["start"] + n, factors)
                counts.add(None if modes is None else modes.count)
                if modes is not None:
                    lacking.append(modes.count - rank(self._rows("initial", "", n, factors, modes)))
        return _agreed(counts, given, lacking)

    def _explodes(self) -> bool:
        """Whether short waves grow the faster the shorter they are, in all samples: Hadamard's ill-posed problems."""
        if not (self.region.has_time and self.region.space):
            return False
        length, horizon = min(self.lengths[c] for c in self.region.space), self.lengths[self.region.clock]
        found = []
        for n in range(INSIDE):
            for part in range(len(self.linear.equations)):
                growth = []
                for number in _SHORTEST:
                    rate = number**2 / horizon
                    wave = np.resize(_GENERIC, len(self.region.space))
                    factors: Factors = {
                        c: (0j, 1j * number / length * b) for c, b in zip(self.region.space, wave, strict=True)
                    }
                    modes = self._modes(
                        part, self.linear.first["inside"] + n, {**factors, self.region.clock: (rate, 0j)}
                    )
                    growth.append(0.0 if modes is None else horizon * rate * modes.growth)
                found.append(growth[1] > _TOLD and growth[1] > 5 * growth[0] > 0)
        return all(found)

    # -- pieces of the boundary --------------------------------------------------------------------------------------------

    def _sides(self) -> dict[str, Side]:
        if len(self.region.coordinates) == 1:
            return {}
        ends = {c + end for c, unknowns in self.periodic.items() if unknowns >= set(self.unknowns) for end in "-+"}
        return {piece: self._side(piece) for piece in self.linear.stretches if piece not in ends}

    def _side(self, piece: str) -> Side:
        """The stretch of a side that lacks most, or else has most."""
        sides = [
            replace(self._stretch(piece, stretch.key), place=stretch.place) for stretch in self.linear.stretches[piece]
        ]
        return max(sides, key=lambda side: (side.lacking, side.given))

    def _stretch(self, piece: str, stretch: str) -> Side:
        counts: set[int | None] = set()
        lacking, given = [], self._given("boundary", piece, stretch)
        partly = any(piece in (c + "-", c + "+") for c in self.periodic)
        factors = self._factors(0, normal=self.linear.normals[stretch][0])
        inside = self._modes(0, self.linear.first["inside"], factors)
        for n in range(ON_SIDE):
            for part in range(len(self.linear.equations)):
                factors = self._factors((n + part) % 2, normal=self.linear.normals[stretch][n])
                modes = self._modes(part, self.linear.first[stretch] + n, factors)
                if modes is None or inside is None or inside.count != modes.count or partly:
                    counts.add(None)
                    continue
                basis, neutral = modes.decaying()
                if neutral and part:  # made-up fields may be none for which the problem makes sense
                    continue
                counts.add(None if neutral else basis.shape[1])
                rows = self._rows("boundary", piece, n, factors, modes, stretch=stretch)
                lacking.append(basis.shape[1] - rank(rows @ basis))
        return _agreed(counts, given, lacking)

    def _is_open(self, coordinate: str) -> bool:
        """Whether conditions at both ends of a box leave a solution in all samples."""
        ends = (coordinate + "-", coordinate + "+")
        if coordinate in self.periodic or not set(ends) <= set(self.linear.stretches):
            return False
        pairs = itertools.product(*(self.linear.stretches[end] for end in ends))
        return any(self._is_open_at(coordinate, (first.key, last.key)) for first, last in pairs)

    def _is_open_at(self, coordinate: str, stretches: tuple[str, str]) -> bool:
        """The same for a stretch of either end."""
        ends = zip((coordinate + "-", coordinate + "+"), stretches, strict=True)
        places, left = list(ends), []
        for n in range(ON_SIDE):
            for part in range(len(self.linear.equations)):
                factors = self._factors((n + part) % 2, along=coordinate)
                modes = self._modes(part, self.linear.first["inside"] + n, factors)
                if modes is None:
                    return False
                rows = (self._rows("boundary", end, n, factors, modes, stretch=stretch) for end, stretch in places)
                left.append(modes.between(*rows))
        return min(left) > 0

    def _line(self, x: str) -> Side:
        """An ordinary differential equation: its conditions may stand at either end."""
        counts, lacking, ends = set(), [], (x + "-", x + "+")
        given = sum(self._given("boundary", end) for end in ends) + self._given("periodic", x)
        factors = {x: (complex(1 / self.lengths[x]), 0j)}
        for n in [*range(INSIDE), *(self.linear.first[end] for end in ends)]:
            for part in range(len(self.linear.equations)):
                modes = self._modes(part, n, factors)
                counts.add(None if modes is None else modes.count)
                if modes is None:
                    continue
                first, last = (self._rows("boundary", end, 0, factors, modes) for end in ends)
                periodic = (self._rows("periodic", x, 0, factors, modes, site) for site in (0, 1))
                lacking.append(modes.between(np.concatenate([first, modes.joined(*periodic)]), last))
        # an integral is a number, as a condition at an end is
        spare = self._given("integral", "")
        return _agreed(counts, given, [max(0, left - spare) for left in lacking])

    # -- what nothing notices ----------------------------------------------------------------------------------------------

    def _free(self) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
        """Constants, and linear functions of space, that neither equations nor conditions notice."""
        conditions = self.linear.conditions
        lasting = np.concatenate([self._on_linear(p) for p in self._parts(conditions)])
        m = len(self.unknowns)
        at_start = [c for c in conditions if c.kind != "initial"]
        free = [null_space(lasting[:, :m]), null_space(self._on_time(at_start))] if self.region.has_time else []
        constants = np.concatenate(free) if free else null_space(lasting[:, :m])
        basis = null_space(null_space(constants)) if len(constants) else constants
        everything = null_space(lasting)
        moving: tuple[str, ...] = ()
        if len(everything) > len(null_space(lasting[:, :m])):
            sizes = np.abs(everything[:, m:]).max(axis=0).reshape(-1, m).max(axis=0)
            moving = tuple(u for u, size in zip(self.unknowns, sizes, strict=True) if size > 1e-6)
        return _groups(basis, self.unknowns), moving

    def _parts(self, conditions: Sequence[ConditionPart]) -> list[list[Any]]:
        """Equations and conditions, each as its sites, which add up."""
        return [*([part] for part in self.linear.equations), *(list(c.sites) for c in conditions)]

    def _on_linear(self, sites: list[Any]) -> Array:
        """Rows (n k, m (1 + d)) on the coefficients of 1, x, y, ... of each unknown."""
        space, names = self.region.space, self.region.coordinates
        m, found = len(self.unknowns), []
        for i in range(len(sites[0].coefficients)):
            of_points = []
            for n in range(len(sites[0].points)):
                row = np.zeros((1 + len(space), m))
                for site in sites:
                    for (unknown, key), values in site.coefficients[i].items():
                        j = self.unknowns.index(unknown)
                        if key == ():
                            row[0, j] += values[n]
                            for k, name in enumerate(space):
                                middle = sum(self.region.bounds[name]) / 2
                                place = site.points[n, names.index(name)] - middle
                                row[1 + k, j] += values[n] * place / self.lengths[name]
                        elif len(key) == 1 and key[0] in space:
                            row[1 + space.index(key[0]), j] += values[n] / self.lengths[key[0]]
                of_points.append(row.reshape(-1))
            rows = sites[0].summed(np.array(of_points))
            found += list(rows[np.isfinite(rows).all(axis=1)])
        return np.array(found).reshape(len(found), m * (1 + len(space)))

    def _on_time(self, conditions: Sequence[ConditionPart]) -> Array:
        """Rows (k, m) on functions of time alone, which are constants to what has no derivative in time."""
        found = []
        for sites in self._parts(conditions):
            for i in range(len(sites[0].coefficients)):
                orders: dict[int, Array] = {}
                for site in sites:
                    for (unknown, key), values in site.coefficients[i].items():
                        if set(key) <= {self.region.clock}:
                            row = orders.setdefault(len(key), np.zeros((len(values), len(self.unknowns))))
                            row[:, self.unknowns.index(unknown)] += values
                rows = [sites[0].summed(row) for row in orders.values()]
                found += [row[np.isfinite(row).all(axis=1)] for row in rows]
        return np.concatenate([np.zeros((0, len(self.unknowns))), *found])


def _agreed(counts: set[int | None], given: int, lacking: Sequence[int]) -> Side:
    """What all samples agree on."""
    (needed,) = counts if len(counts) == 1 else (None,)
    return Side(needed, given, 0 if needed is None else min(lacking))


def _groups(basis: Array, unknowns: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Unknowns that share a free constant."""
    if not len(basis):
        return ()
    projector = np.abs(basis.T @ basis) > 1e-6
    groups = {tuple(u for u, with_it in zip(unknowns, row, strict=True) if with_it) for row in projector if row.any()}
    return tuple(sorted(groups, key=lambda g: [unknowns.index(u) for u in g]))
