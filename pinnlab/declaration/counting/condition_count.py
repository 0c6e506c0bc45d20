"""What a declaration's conditions were found to fix: numbers of conditions that are needed, given and lacking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Side:
    """What one piece of the boundary needs and has.

    Attributes:
        needed: number of conditions; None where it is not certain.
        given: number of conditions.
        lacking: number of solutions that decay into the domain and that the conditions do not fix.
        place: a point, in words, where this holds, if conditions are about parts of the piece; else empty.
    """

    needed: int | None
    given: int
    lacking: int = 0
    place: str = ""


@dataclass(frozen=True)
class Count:
    """What a declaration's conditions fix.

    Attributes:
        initial: initial values that are needed, given and lacking; None without time.
        sides: {piece of the boundary: what it needs and has}; pieces at the ends of periodic coordinates are left out.
        total: the same for an ordinary differential equation in a coordinate that is not time; else None.
        open_between: coordinates along which solutions are left, whatever the other coordinates' conditions.
        constants: unknowns that are known up to a constant, in groups that share one.
        motions: unknowns that are known up to a function that is linear in the coordinates.
        doubts: why nothing is certain, in sentences.
        explosive: whether waves grow the faster in time the shorter they are.
        equations: how many there are.
        sought: how many functions are to be found besides the unknowns.
    """

    initial: Side | None
    sides: Mapping[str, Side]
    total: Side | None
    open_between: tuple[str, ...]
    constants: tuple[tuple[str, ...], ...]
    motions: tuple[str, ...]
    doubts: tuple[str, ...]
    explosive: bool = False
    equations: int = 0
    sought: int = 0
