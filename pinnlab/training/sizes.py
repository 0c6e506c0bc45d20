"""Natural sizes: numbers by which residuals are divided, so that what remains has no units.

Letters: n points, q residuals of a block.

The residual of an equation is small or large in comparison with the terms that should cancel in it, that of a condition in
comparison with the unknowns it is about. A term is the derivative of the residual by one entry of the jet (a value or a
derivative of an unknown) times that entry, as in ``solution.measures``. Where a network is zero, so are its terms; the
sizes of what is given (initial and boundary values, sources) and the time that passes then say what is natural: an unknown
of size U that changes within the time T has a time derivative of U / T.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.pointwise import linearize
from pinnlab.machine.processes import Processes
from pinnlab.training.blocks import Block

_POINTS = 256
"""Points of a block, evenly among its own, from which root mean squares are taken."""
Leaf = tuple[str, Key]
"""An unknown and one of its derivatives."""


@dataclass(frozen=True)
class Anatomy:
    """What one block of residuals is made of, as root mean squares over its points.

    Attributes:
        kind: of the block, see ``Term``.
        slopes: per residual, {leaf: of its derivative by that entry of the jet}.
        terms: per residual, {leaf: of that derivative times the entry}.
        given: per residual, of its value where all unknowns vanish: a source, or a prescribed value.
        entries: {leaf: of the entry itself}.
        time: the coordinate that is time, or None.
    """

    kind: str
    slopes: Sequence[Mapping[Leaf, float]]
    terms: Sequence[Mapping[Leaf, float]]
    given: Sequence[float]
    entries: Mapping[Leaf, float]
    time: str | None = "t"


def natural_sizes(anatomies: Sequence[Anatomy], extents: Mapping[str, float]) -> list[list[float]]:
    """Per block and residual, a size in the residual's own units; 1 where there is nothing to compare it with.

    Of an equation: the largest of its terms and of its source, and at least the time derivative's term of an unknown that
    changes by its own size in all of the time. Of a condition: the largest of its terms, for unknowns and derivatives as
    large as they are in the equations' points, and of the prescribed value.

    Args:
        anatomies: of all blocks.
        extents: {coordinate: length of the domain}.
    """
    unknowns = unknown_sizes(anatomies, extents)
    entries: dict[Leaf, float] = {}
    for anatomy in anatomies:
        if anatomy.kind == "equation":
            for leaf, size in anatomy.entries.items():
                entries[leaf] = max(entries.get(leaf, 0.0), size)

    def natural(leaf: Leaf) -> float:
        return unknowns.get(leaf[0], 0.0) / reach(leaf[1], extents)

    found = []
    for anatomy in anatomies:
        mine = []
        for slopes, terms, given in zip(anatomy.slopes, anatomy.terms, anatomy.given, strict=True):
            if anatomy.kind == "equation":
                least = [
                    slope * natural(leaf)
                    for leaf, slope in slopes.items()
                    if leaf[1] and set(leaf[1]) == {anatomy.time}
                ]
                size = max(given, *least, *terms.values(), 0.0)
            else:
                sizes = [slope * max(entries.get(leaf, 0.0), natural(leaf)) for leaf, slope in slopes.items()]
                size = max(given, *sizes, 0.0)
            mine.append(size if size > 0 else 1.0)
        found.append(mine)
    return found


def unknown_sizes(anatomies: Sequence[Anatomy], extents: Mapping[str, float]) -> dict[str, float]:
    """{unknown: the larger of its root mean square in the equations' points and of what is prescribed}.

    A residual a u_x + ... that is g where the unknowns vanish asks for a u of about g L / |a|, L the domain's length; of
    several such numbers the least is that with which all its terms together balance g.

    Args: as for ``natural_sizes``.
    """
    sizes: dict[str, float] = {}
    for anatomy in anatomies:
        if anatomy.kind == "equation":
            for (unknown, key), size in anatomy.entries.items():
                if not key:
                    sizes[unknown] = max(sizes.get(unknown, 0.0), size)
    for anatomy in anatomies:
        for slopes, given in zip(anatomy.slopes, anatomy.given, strict=True):
            asked = _asked(slopes, anatomy.time)
            wanted = [
                given * reach(key, extents) / slope for (u, key), slope in slopes.items() if u == asked and slope > 0
            ]
            if asked is not None and wanted:
                sizes[asked] = max(sizes.get(asked, 0.0), min(wanted))
    return sizes


def reach(key: Key, extents: Mapping[str, float]) -> float:
    """The product of the lengths of the coordinates by which a derivative is."""
    return math.prod(extents[name] for name in key)


def extents(bounds: Sequence[Mapping[str, tuple[float, float]]]) -> dict[str, float]:
    """{coordinate: length} of what regions with these bounds cover together."""
    names = dict.fromkeys(name for mine in bounds for name in mine)
    sides = {name: [mine[name] for mine in bounds if name in mine] for name in names}
    return {name: max(b for _, b in ends) - min(a for a, _ in ends) for name, ends in sides.items()}


def _asked(slopes: Mapping[Leaf, float], time: str | None) -> str | None:
    """The unknown that a residual decides: the only one, or the only one with a time derivative; None of several."""
    every = {unknown for unknown, _ in slopes}
    moving = {unknown for unknown, key in slopes if time in key}
    return next(iter(every if len(every) == 1 else moving)) if 1 in (len(every), len(moving)) else None


def anatomy(block: Block, parameters: Mapping[str, Any], processes: Processes) -> Anatomy:
    """What a block's residuals are made of at its points and the models' present parameters.

    Args:
        block: which one.
        parameters: of the problem, known or to be found.
        processes: those that share its points; all of them call this.
    """
    keys = [tuple(block.region.coordinates[i] for i in index) for index in block.indices]
    leaves = [(unknown, key) for unknown in block.unknowns for key in keys]
    q = len(block.residuals)
    # measured values belong to all of the points in their order
    held = block.points(slice(0, block.held)).stop
    part = slice(0, held, 1 if block.term.fixed is not None else max(1, held // _POINTS))
    like = torch.zeros((), dtype=torch.float64, device=block.whole[0].points.device)
    sums = like.new_zeros(2 * q * len(leaves) + q + len(leaves) + 1)
    if block.held:
        jets = block.leaves(part)
        zeros = [
            {u: {key: torch.zeros_like(x) for key, x in jet.items()} for u, jet in named.items()} for named in jets
        ]
        residuals = block.of_jets(jets, part, parameters)
        with torch.no_grad():
            given = block.of_jets(zeros, part, parameters)
        slopes = like.new_zeros(q, len(leaves))
        terms, entries = torch.zeros_like(slopes), torch.zeros_like(slopes[0])
        for named in jets:
            entries += torch.stack([_squares(named[u][key]) for u, key in leaves])
            for row, found in enumerate(linearize(list(residuals), named)):
                for column, (u, key) in enumerate(leaves):
                    slope = found.get((u, key))
                    if slope is not None:
                        slopes[row, column] += _squares(slope)
                        terms[row, column] += _squares(slope * named[u][key])
        sources, count = torch.stack([_squares(g) for g in given]), slopes.new_tensor([residuals.shape[1]])
        sums = torch.cat([slopes.flatten(), terms.flatten(), sources, entries, count])
    sums = processes.sum(sums)
    roots = (sums[:-1] / sums[-1]).sqrt()
    slopes, terms, sources, entries = roots.split([q * len(leaves), q * len(leaves), q, len(leaves)])

    def named_rows(flat: Tensor) -> list[dict[Leaf, float]]:
        rows = flat.reshape(q, len(leaves)).tolist()
        return [{leaf: x for leaf, x in zip(leaves, row, strict=True) if x > 0} for row in rows]

    return Anatomy(
        block.kind,
        named_rows(slopes),
        named_rows(terms),
        sources.tolist(),
        dict(zip(leaves, entries.tolist(), strict=True)),
        block.region.time,
    )


def _squares(values: Tensor) -> Tensor:
    """Sum of squares (0-dim) of (n,), without points where an equation is not defined."""
    return values.detach().double().square().nan_to_num(0.0, 0.0, 0.0).sum()
