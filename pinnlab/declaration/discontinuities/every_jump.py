"""All that jumps in a problem: coefficients and sources, what is prescribed across curves, boundary conditions in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pinnlab.declaration.discontinuities.boundary_jumps import find_boundary_jumps
from pinnlab.declaration.discontinuities.fluxes import Jump
from pinnlab.declaration.discontinuities.jumps import Declared, find_jumps
from pinnlab.declaration.discontinuities.prescribed import across_curves
from pinnlab.declaration.terms import Term


def every_jump(declared: Declared, terms: Sequence[tuple[Any, Sequence[Term]]]) -> tuple[Jump, ...]:
    """Those prescribed across curves first, then those of fluxes.

    Args:
        declared: the equations.
        terms: conditions, and the terms of each.
    """
    inside = across_curves(declared.parameters, declared.domain) + find_jumps(declared)
    return (*inside, *find_boundary_jumps(declared, terms))
