"""Values of unknowns and their derivatives at which equations jump, and what jumps inside ``pl.diff`` there.

Where an unknown passes such a value is a part of the solution. A source that jumps there leaves it less smooth; a flux that
does so has to be continuous, which a pointwise equation does not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from pinnlab.declaration.discontinuities.declared import DRAWS, Declared, made_up, see
from pinnlab.declaration.discontinuities.steps import find_steps, line_ticks
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet
from pinnlab.domains.affine import Affine


def jumps_in_unknowns(declared: Declared, inside_diff: bool = False) -> list[tuple[str, float]]:
    """Unknowns and derivatives, with the values from -4 to 4 at which the equations jump, at one point of the domain.

    Args:
        declared: the equations.
        inside_diff: whether only jumps of what stands inside ``pl.diff`` are looked for.
    """
    words = [(u, key) for u in declared.unknowns for key in sorted(declared.derivatives[u])]
    point = declared.domain.interior(torch.full((1, len(declared.domain.coordinates)), 0.618034).double()).points

    def along(lines: Tensor, positions: Tensor) -> Tensor:
        others = made_up(declared, len(lines), DRAWS[-1])

        def moved(unknown: str, key: Key) -> Tensor:
            mine = lines == (words.index((unknown, key)) if (unknown, key) in words else -1)
            return torch.where(mine, 8 * positions - 4, others[unknown][key])

        jets = {u: LazyJet(partial(moved, u)) for u in declared.unknowns}
        seen = see(declared, point.repeat(len(lines), 1), DRAWS[-1], jets)
        return seen.values[list(seen.inside)] if inside_diff else seen.values[: len(seen.residuals)]

    if inside_diff and not see(declared, point, DRAWS[-1]).inside:
        return []
    steps = find_steps(along, line_ticks(200), torch.arange(len(words)))
    named = {s: ".".join(filter(None, (words[s.line][0], "".join(words[s.line][1])))) for s in steps}
    return sorted({(word, round(8 * step.position - 4, 8)) for step, word in named.items()})


def said_of_unknowns(declared: Declared) -> list[str]:
    """What the summary of a problem says of values of unknowns at which its equations jump."""
    return [
        f"the equations jump where {word} passes {value:.4g}; the solution is less smooth there"
        for word, value in jumps_in_unknowns(declared)[:3]
    ]


def step_inside_diff(declared: Declared, units: Mapping[str, Affine] | None = None) -> tuple[str, float] | None:
    """An unknown or a derivative, and a value at which what stands inside ``pl.diff`` jumps as it passes; None without one.

    Args:
        declared: the equations.
        units: {unknown: the user's number as a function of the one in the equations}.
    """
    for word, value in jumps_in_unknowns(declared, inside_diff=True):
        return word, value if units is None or word not in units else units[word].outer(value)
    return None
