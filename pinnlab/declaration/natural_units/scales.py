"""The natural scales of a problem: read off its domain, its conditions and data, and its linearized equations.

Letters: n points, d coordinates.

Coordinates count in lengths of the domain. What conditions and data prescribe tells between which values an unknown lies.
Sources tell how far it moves from there, and for unknowns of which nothing is prescribed the balance of terms
(``balance``). Non-linear equations are linearized at the sizes guessed so far, and again at those that come of it. Where
equations grow as exponentials do, unknowns count in smaller steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pinnlab.declaration.natural_units.balance import EPS, Row, Told, balanced, between, driven, rounded
from pinnlab.declaration.natural_units.sides import NATURAL, OFFSET, coordinate_scales
from pinnlab.declaration.natural_units.term_sizes import TermSizes
from pinnlab.declaration.parameters.kinds import Parameter, Unknown
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.derivatives.names import parts_of
from pinnlab.domains.affine import Affine
from pinnlab.machine.numbers import finite, positive

_ROUNDS = 30
_ENOUGH = 1.1
"""Factor by which sizes may still change when iterations end."""
USUAL = 5.0
"""The same for values that are prescribed, of which one can be sure. Networks give numbers of about one: those that must
give 10 or 1/10 are less accurate after as many steps."""
STIFF = 3e3
"""The same for time and for the sizes of equations."""
_ALIKE = 2.0
"""Factor up to which two unknowns are about equally large."""
EVEN = 10.0
"""Factor between the sizes of two equations up to which both are felt: their squares are added up."""
STEEP = 2.0
"""Factor by which an equation's largest term may become stiffer from where an unknown is at rest to where it is one."""
SPREAD = 1e10
"""Factor between the terms of an equation from which on one of them is lost beside the other."""


@dataclass(frozen=True)
class Scales:
    """In which units a problem is solved: ``print`` it.

    Attributes:
        coordinates: {coordinate: (offset, scale)}.
        unknowns: {unknown: (offset, scale)}.
        coefficients: {coefficient to be found: scale}.
        equations: {residual: what it is divided by}.
        natural: whether the problem is solved as it is.
        notes: what no choice of units mends, in sentences.
        conditions: per condition {name of a misfit: what it is divided by where it is not built in}.
    """

    coordinates: Mapping[str, tuple[float, float]]
    unknowns: Mapping[str, tuple[float, float]]
    coefficients: Mapping[str, float] = field(default_factory=dict)
    equations: Mapping[str, float] = field(default_factory=dict)
    natural: bool = False
    conditions: tuple[Mapping[str, float], ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        def shown(name: str, pair: tuple[float, float]) -> str:
            offset, scale = pair
            return f"{name} = {offset:.6g} + {scale:.3g} ..." if offset else f"{name} = {scale:.3g} ..."

        lines = [shown(name, pair) for name, pair in (*self.coordinates.items(), *self.unknowns.items())]
        lines += [f"{name} = {scale:.3g} ..." for name, scale in self.coefficients.items()]
        lines += [f"equation {name} / {size:.3g}" for name, size in self.equations.items()]
        return "Scales(" + ("natural as it is: " if self.natural else "") + ", ".join(lines) + ")"

    @property
    def said(self) -> list[str]:
        """What the summary of a problem says of them."""
        return [*([] if self.natural else [f"solved in natural units: {self!r}"]), *self.notes]

    @property
    def change(self) -> ChangeOfVariables:
        """The change to natural variables; the identity where the problem is natural."""
        if self.natural:
            return ChangeOfVariables()
        coordinates, unknowns = (
            {name: Affine(*pair) for name, pair in group.items()} for group in (self.coordinates, self.unknowns)
        )
        coefficients = {name: Affine(0.0, scale) for name, scale in self.coefficients.items()}
        return ChangeOfVariables(coordinates, unknowns, coefficients, self.equations)


def find_scales(
    declared: TermSizes,
    coefficients: Mapping[str, Parameter],
    given: Mapping[str, tuple[float | None, float]],
) -> Scales:
    """The scales of a problem.

    Args:
        declared: its terms.
        coefficients: {name: parameter}, of which those to be found get a scale.
        given: {coordinate, unknown, coefficient or residual: (offset or None, scale)} by the user.
    """
    found = _found(declared, coefficients, given)
    sure = any(isinstance(v, Unknown) for v in coefficients.values()) and not declared.region.space
    if found.natural or given or sure or declared.paths:
        return found
    # how far a source of short waves moves an unknown is known roughly: what may be natural is left as it is
    other = _found(declared.blunt, coefficients, given)
    return other if other.natural else found


def _found(
    declared: TermSizes, coefficients: Mapping[str, Parameter], given: Mapping[str, tuple[float | None, float]]
) -> Scales:
    coordinates = coordinate_scales(declared.region, given)
    wanted = {name: value for name, value in coefficients.items() if isinstance(value, Unknown)}
    ranges = unknown_ranges(declared, not wanted)
    unknowns = unknown_scales(ranges, given)
    own = {n: given[n][1] if n in given else rounded(abs(v.start)) for n, v in wanted.items() if n in given or v.start}
    for name in declared.complex_unknowns:
        unknowns |= _alike_parts({part: unknowns[part] for part in parts_of(name)})
    pairs = {u: pair if u in given else (pair[0], rounded(pair[1])) for u, pair in unknowns.items()}
    # not those rounded to powers of two: what grows with a power of them, or exponentially, would depend on the rounding
    sizes = {u: scale for u, (_, scale) in unknowns.items()}
    rest = {u: offset for u, (offset, _) in pairs.items()}
    for u in set(pairs) - set(given):
        pairs[u] = (rest[u], _gentle(declared, u, rest, sizes[u], pairs[u][1]))
    for parts in map(parts_of, declared.complex_unknowns):
        pairs |= dict.fromkeys(parts, (0.0, min(pairs[part][1] for part in parts)))
    equations, notes = {}, [_lost(u, told) for u, told in ranges.items() if u not in given and told.is_lost]
    # across a thin side nothing need be steep: its terms would outweigh all others, which then hardly counted
    even = declared.evened(NATURAL)
    for name, row in even.rows(rest, sizes).items():
        size = row.largest(sizes)
        notes += _spread(name, [sizes[u] * pull for u, pulls in row.pulls.items() for pull in pulls])
        mine = name in given and name not in {*coordinates, *unknowns, *own}
        equations[name] = given[name][1] if mine else rounded(size) if 0 < size < math.inf else 1.0
    found = Scales(coordinates, pairs, own, equations, conditions=even.misfits(rest, sizes), notes=tuple(notes))
    # ones for all names are the user's wish that nothing is changed
    natural = found.change.is_identity if given else _natural(declared, coordinates, unknowns, equations)
    return replace(found, natural=natural)


def _gentle(declared: TermSizes, unknown: str, rest: Mapping[str, float], size: float, scale: float) -> float:
    """A scale in which equations do not grow as exponentials do from zero to one, or one that leaves usual values.

    The first values of a network are about one, and an equation that is stiffer there than at the solution leads astray.

    Args:
        declared: terms of the problem.
        unknown: which.
        rest: {unknown: offset}.
        size, scale: of the unknown, as it was found and as it was rounded.
    """
    while size <= USUAL * scale / 2 and declared.steepening(unknown, rest, size, scale) > STEEP:
        scale /= 2
    return scale


def _spread(name: str, terms: Sequence[float]) -> list[str]:
    """What is said of an equation whose terms differ too much in size."""
    apart = max(terms, default=1.0) / min(terms, default=1.0)
    if not apart > SPREAD:
        return []
    return [
        f"in its natural units the terms of equation {name!r} still differ by a factor of {apart:.0e}: a layer that is thin "
        "next to the domain, or a rate that is fast next to its time; leave out what does not matter, or give scales=..."
    ]


def _lost(name: str, told: Told) -> str:
    """What is said of an unknown that varies by next to nothing beside its offset."""
    digits = int(math.log10(told.steps / (EPS * abs(told.middle))))
    return (
        f"{name} varies by {told.steps:.1g} around {told.middle:.6g}: of the 16 digits of a number {digits} are left for "
        f"what varies; take the difference from {told.middle:.6g} for an unknown, in equations, conditions and data"
    )


def _alike_parts(parts: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Both parts of a complex unknown with the larger scale, around zero: its phase turns one into the other."""
    scale = max(scale for _, scale in parts.values())
    return dict.fromkeys(parts, (0.0, scale))


def unknown_scales(
    ranges: Mapping[str, Told], given: Mapping[str, tuple[float | None, float]]
) -> dict[str, tuple[float, float]]:
    """{unknown: (offset, scale)}; those that differ from the largest by less than a factor of two share its scale.

    They often have one unit, such as two concentrations, and rounding to powers of two would tell them apart.

    Args:
        ranges: see ``unknown_ranges``.
        given: by the user.
    """
    found = {u: _settled(told.scale, given.get(u)) for u, told in ranges.items()}
    free = {u: scale for u, (offset, scale) in found.items() if u not in given and offset == 0}
    largest = max(free.values(), default=1.0)
    return found | {u: (0.0, largest) for u, scale in free.items() if scale >= largest / _ALIKE}


def unknown_ranges(declared: TermSizes, certain: bool = True) -> dict[str, Told]:
    """{unknown: what is known of it before it is solved for}.

    Args:
        declared: terms of the problem.
        certain: whether all coefficients are known.
    """
    names = declared.context.unknowns
    paths = declared.paths if certain else {}
    if set(paths) == set(names):
        return {u: Told(*paths[u]) for u in names}
    rest = dict.fromkeys(names, 0.0)
    values, slopes = declared.asked(rest)
    # what is asked of non-linear conditions is asked again, near where their unknowns are
    rest = {u: _middle(values.get(u)) for u in names}
    again, slopes = declared.asked(rest)
    values = {**values, **again}
    rest = {u: _middle(values.get(u)) for u in names}
    halves = {u: (pair[1] - pair[0]) / 2 for u, pair in values.items()}
    prescribed = {u: max(halves.get(u, 0.0), slopes.get(u, 0.0)) for u in names}
    for parts in map(parts_of, declared.complex_unknowns):  # what is prescribed of one tells of the other
        prescribed |= dict.fromkeys(parts, max(prescribed[part] for part in parts))
    sizes = _settled_sizes(declared, rest, prescribed, certain)
    free = {u for u in names if not prescribed[u]}
    if free and len(free) < len(names):
        # as they will be counted: a speed that goes from 0 to 1 is one, in all directions of space
        told = {u: Told(*_pair(values.get(u)), sizes[u]).scale for u in names}
        counted = {u: 0.0 if u in free else scale for u, (_, scale) in told.items()}
        new = _settled_sizes(declared.evened(NATURAL), {u: told[u][0] for u in names}, counted, certain)
        sizes |= {u: new[u] for u in free}
    return {u: Told(*_pair(values.get(u)), sizes[u]) for u in names}


def _settled_sizes(
    declared: TermSizes, rest: Mapping[str, float], prescribed: Mapping[str, float], certain: bool
) -> dict[str, float]:
    """{unknown: size} that balance all equations, linearized at these sizes.

    Args:
        declared: terms of the problem.
        rest: {unknown: from where it varies}.
        prescribed: {unknown: by how much it varies at least}; zeros tell nothing.
        certain: whether all coefficients are known.
    """
    names = list(rest)
    sizes, unsettled = dict(prescribed), set[str]()
    for _ in range(_ROUNDS):
        # an unknown that is told nothing else moves by its own size
        guess = {u: sizes[u] or abs(rest[u]) for u in names}
        rows = declared.rows(rest, guess)
        known = dict(prescribed)
        for row in rows.values():
            leader = _leader(row, names)
            # what is measured tells more than a source beside coefficients that are guesses
            if leader is not None and (certain or not prescribed[leader]):
                known[leader] = max(known[leader], driven(row, leader))
        found = balanced(list(rows.values()), known)
        free = {u for u in names if not prescribed[u]}
        new = {u: between(sizes[u], found.get(u, 0.0)) if u in free else found.get(u, 0.0) for u in names}
        unsettled = {u for u in names if not _close(sizes[u], new[u])}
        sizes = new
        if not unsettled:
            break
    else:  # equations that any size satisfies tell none
        sizes |= {u: prescribed[u] for u in unsettled}
    return sizes


def _settled(found: tuple[float, float], given: tuple[float | None, float] | None) -> tuple[float, float]:
    """(offset, scale): that of the user before what was found, and one where nothing was."""
    offset, scale = found
    if given is not None:
        return offset if given[0] is None else given[0], given[1]
    return offset, scale if 0 < scale < math.inf else 1.0


def _leader(row: Row, names: Sequence[str]) -> str | None:
    """The unknown that an equation decides: the only one in it."""
    mine = [u for u in names if u in row.pulls]
    return mine[0] if len(mine) == 1 else None


def _natural(
    declared: TermSizes,
    coordinates: Mapping[str, tuple[float, float]],
    unknowns: Mapping[str, tuple[float, float]],
    equations: Mapping[str, float],
) -> bool:
    """Whether all numbers of a problem are of a size that solvers are at ease with."""
    space = [declared.lengths[c] for c in declared.region.space]
    time = [declared.lengths[c] for c in coordinates if c == declared.region.time]
    offsets = any(offset != 0 for offset, _ in coordinates.values())
    far = any(abs(offset) > OFFSET * scale for offset, scale in unknowns.values())
    near = [*space, *(scale for _, scale in unknowns.values())]
    values, _ = declared.asked({u: offset for u, (offset, _) in unknowns.items()})
    told = [size for pair in values.values() if (size := max(map(abs, pair))) > 0]
    sizes = list(equations.values())
    return (
        not (offsets or far)
        and all(1 / NATURAL <= s <= NATURAL for s in near)
        and all(1 / USUAL <= s <= USUAL for s in told)
        and all(1 / STIFF <= s <= STIFF for s in time)
        and all(1 / STIFF <= s <= STIFF for s in sizes)
        and max(sizes) <= EVEN * min(sizes)
    )


def _pair(found: Sequence[float] | None) -> tuple[float, float]:
    """What is asked for: lowest and highest; zero where nothing is."""
    return (0.0, 0.0) if found is None else (found[0], found[1])


def _middle(pair: Sequence[float] | None) -> float:
    return 0.0 if pair is None else (pair[0] + pair[1]) / 2


def _close(old: float, new: float) -> bool:
    return old == new or (min(old, new) > 0 and max(old, new) <= _ENOUGH * min(old, new))


def checked_scales(given: Any, names: Sequence[str]) -> dict[str, tuple[float | None, float]]:
    """{name: (offset or None, scale)} of what a user gives.

    Args:
        given: {name: scale, or (offset, scale)}.
        names: of coordinates, unknowns, coefficients to be found, and residuals; a name of both an unknown and a residual
            is that of the unknown.

    Raises:
        TypeError, ValueError: no mapping, an unknown name, a scale that is not positive.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"scales={given!r}: give a dictionary, such as scales={{'T': 300.0, 'x': 1e-3}}.")
    found: dict[str, tuple[float | None, float]] = {}
    for name, value in given.items():
        if name not in names:
            raise ValueError(
                f"scales={{{name!r}: ...}}: neither a coordinate nor an unknown, a coefficient to be found or an equation "
                f"of this problem; they are {', '.join(names)}."
            )
        pair = value if isinstance(value, tuple | list) else (None, value)
        if len(pair) != 2 or not positive(pair[1]) or (pair[0] is not None and finite(pair[0]) is None):
            raise ValueError(
                f"scales={{{name!r}: {value!r}}}: give a positive number, in units of the problem, or (offset, scale)."
            )
        found[name] = (None if pair[0] is None else float(pair[0]), float(pair[1]))
    return found
