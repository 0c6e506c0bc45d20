"""Jumps of coefficients and sources, and what a solver has to join there: the flux."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.declaration.discontinuities.one_sided import JOINED, hair
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.pointwise import Coefficients
from pinnlab.domains import Region

_APART = 4.0
"""Hairs between two jumps, up to which they are one."""


@dataclass(frozen=True)
class Jump:
    """A jump of a coefficient or a source.

    Attributes:
        coordinate: along which it is met.
        position: where; None where it depends on the other coordinates: an oblique or a curved line, or a small part.
        points: some points (d,) of the domain on it.
        what: that jumps, in words.
        flux: whether the flux across it is lost in the pointwise equation: what stands inside ``pl.diff`` jumps along the
            coordinate by which it is differentiated, or a coefficient of the highest derivatives, of order 2 or more.
            Else the derivatives that the equation needs stay as smooth as its solvers assume.
        inside_diff: whether the expression inside ``pl.diff`` jumps.
        sides: the values below and above.
        layer: where a thin layer begins and ends in which something changes steeply, but does not jump: solvers have to
            look closely there. It has a ``Jump`` at both of its ends.
        prescribed: whether the jump is one of the unknown or of the flux, which somebody has asked for.
        imposed: whether it is one of a boundary condition, in time.
    """

    coordinate: str
    position: float | None
    points: tuple[tuple[float, ...], ...]
    what: str
    flux: bool
    inside_diff: bool
    sides: tuple[float, float]
    layer: tuple[float, float] | None = None
    prescribed: bool = False
    imposed: bool = False

    @property
    def place(self) -> str:
        """Where it is, in words."""
        if self.position is not None:
            return f"{self.coordinate} = {self.position:.6g}"
        points = ", ".join("(" + ", ".join(f"{value:.4g}" for value in point) + ")" for point in self.points)
        return f"a line through {points}" if len(self.points) > 1 else f"the point {points}"

    @property
    def consequence(self) -> str:
        """What follows from it, to be read after its sentence."""
        if self.prescribed:
            return "; only solvers that make it so are accepted"
        if self.flux:
            return "; the flux is continuous there, and only solvers that join it are accepted"
        if self.layer is not None:
            return "; cells and grids begin and end there"
        return "; the solution is less smooth there"

    def __str__(self) -> str:
        low, high = self.sides
        if self.layer is not None:
            first, last = self.layer
            between = "" if math.isnan(low) else f", from {low:.4g} to {high:.4g},"
            place = f"{self.coordinate} = {(first + last) / 2:.6g}"
            return f"{self.what} changes steeply{between} within {last - first:.2g} about {place}"
        if math.isnan(low):
            return f"{self.what} jumps at {self.place}"
        return f"{self.what} jumps at {self.place}, from {low:.4g} to {high:.4g}"


def apart(positions: Iterable[float], bounds: tuple[float, float]) -> tuple[float, ...]:
    """Increasing positions, without those next to one before: jumps at one position are found at several, a bit apart.

    Args:
        positions: of jumps.
        bounds: see ``hair``.
    """
    found: list[float] = []
    for position in sorted(positions):
        if not found or position - found[-1] > _APART * hair(bounds):
            found.append(position)
    return tuple(found)


def said_of_jumps(jumps: Sequence[Jump]) -> list[str]:
    """What the summary of a problem says of them."""
    return list(dict.fromkeys(f"{jump}{jump.consequence}" for jump in jumps))


class LostFluxError(ValueError):
    """A solver does not join the fluxes on both sides of a jump."""


def lost_flux(
    jumps: Sequence[Jump],
    joints: Mapping[str, Sequence[float]],
    unread: Mapping[tuple[str, float], str],
    region: Region,
    order: Callable[[str], int],
    owner: str,
    joined: Mapping[str, Sequence[float]],
) -> str | None:
    """Why a method cannot solve a problem whose fluxes jump, and how to say it right; None where it can.

    Args:
        jumps: of the problem.
        joints: {coordinate: positions where the equations say what is continuous}.
        unread: {(coordinate, position): why they do not}.
        region: its domain.
        order: of its equations by a coordinate.
        owner: the method's name.
        joined: {coordinate: positions where the method joins fluxes}.
    """
    lost = [jump for jump in jumps if jump.flux and not _met(jump, region, joined)]
    if not lost:
        return None
    # what no solver joins comes first
    lost.sort(key=lambda jump: _met(jump, region, joints))
    first = next((j for j in lost if j.prescribed and j.position is None), lost[0])
    if first.prescribed and first.position is None:
        return (
            f"{owner}: {first}. Jumps across curved and oblique lines are taken by the classical solver alone, "
            "pl.reference_solution(problem), in the plane."
        )
    name, at = first.coordinate, first.points[0][region.coordinates.index(first.coordinate)]
    inside = "what stands inside diff" if first.inside_diff else "the coefficient times the derivative below"
    ways = []
    cuts = _cuts(jumps, region)
    if _met(first, region, joints):
        networks = (
            f", or pl.MultiDomainPINN(subdomains={cuts!r}) with its default interface or, for equations of second order, "
            "interface=('value', 'flux')"
        )
        ways.append(f"take a solver that makes it continuous: pl.HardConstraintMoE(){networks if cuts else ''}")
    elif cuts and all(jump.position is not None for jump in lost):
        first_order = order(name) == 1
        names, flux = (("flux",), "a * u") if first_order else (("value", "flux"), f"k * u.{name}")
        if not first.inside_diff and not first_order:
            ways.append(f"write the term so that solvers can read the flux, such as pl.diff(k * u.{name}, {name!r})")
        ways.append(
            f"cut there and join the fluxes, pl.MultiDomainPINN(subdomains={cuts!r}, interface={names!r}, "
            f"flux=lambda ...: {flux}), the flux along the cut as a function of unknowns, coordinates and parameters"
        )
    elif first.position is None and name in region.space:
        who = []
        if first.inside_diff and not region.has_time:
            who.append("local experts, pl.HardConstraintMoE(), where regions of a pl.Piecewise end there")
        if first.inside_diff and len(region.space) == 2:
            who.append("the classical solver, pl.reference_solution(problem), on finite elements")
        named = ", and by ".join(who) or "no solver so far"
        ways.append(
            f"across curved or oblique lines fluxes are joined by {named}; others join "
            "them across faces at a position along a coordinate: let materials meet there"
        )
    ways.append(
        "replace the jump by a steep smooth transition that the solver can resolve, such as "
        f"torch.tanh(({name} - {at:.6g}) / width)"
    )
    if not first.inside_diff:
        ways.append("where the derivative itself is continuous, divide the equation by its coefficient")
    advice = "; or ".join(ways)
    why = next((text for (c, p), text in unread.items() if (c, p) == (name, first.position)), None)
    return (
        f"{owner}: {first}. What is continuous there is the flux, {inside}; the equation alone does not say so"
        f"{f' ({why})' if why else ''}, and a "
        f"solver that makes the unknown smooth instead ends at a wrong solution with a small residual. "
        f"{advice[0].upper()}{advice[1:]}."
    )


def lost_where_it_passes(word: str, value: float, owner: str) -> str:
    """Why no method solves equations in which what stands inside ``pl.diff`` jumps where an unknown passes a value.

    Args:
        word: the unknown or its derivative.
        value: at which it jumps.
        owner: the method's name.
    """
    return (
        f"{owner}: what stands inside pl.diff jumps where {word} passes {value:.6g}. What is continuous there is the flux, "
        "at a place that is part of the solution; the equation alone does not say so, and a solver that makes the unknown "
        "smooth instead ends at a wrong solution with a small residual. Replace the jump by a steep smooth transition that "
        f"the solver can resolve, such as 0.5 * (1 + torch.tanh(({word} - {value:.6g}) / width)) in place of "
        f"torch.where({word} > {value:.6g}, 1.0, 0.0)."
    )


def _met(jump: Jump, region: Region, joined: Mapping[str, Sequence[float]]) -> bool:
    """Whether fluxes are joined where a jump is."""
    lower, upper = region.bounds[jump.coordinate]
    at = jump.position
    return at is not None and any(abs(at - p) <= JOINED * (upper - lower) for p in joined.get(jump.coordinate, ()))


def _cuts(jumps: Sequence[Jump], region: Region) -> dict[str, tuple[float, ...]]:
    """{coordinate: positions} of cuts at all jumps of fluxes that a cut can follow."""
    found: dict[str, tuple[float, ...]] = {}
    for jump in jumps:
        if jump.flux and jump.position is not None and jump.position not in region.bounds[jump.coordinate]:
            found[jump.coordinate] = (*found.get(jump.coordinate, ()), float(f"{jump.position:.9g}"))
    return found


Described = list[tuple[str, tuple[float, float]]]


def differs(values: Tensor) -> tuple[float, float] | None:
    """The two values of the first of (n,) neighbouring pairs that differ."""
    below, above = values.detach().expand(len(values)).reshape(-1, 2).unbind(1)
    differ = ((above - below).abs() > 1e-7 * torch.maximum(above.abs(), below.abs())).nonzero()
    return None if not len(differ) else (float(below[differ[0, 0]]), float(above[differ[0, 0]]))


def leading_that_jump(
    names: Sequence[str],
    slopes: Coefficients,
    used: Mapping[str, frozenset[Key]],
    coordinate: str,
    time: str | None,
) -> Described:
    """The coefficients of highest derivatives that jump, with their values on both sides; for ``used`` see ``leads``."""
    return [
        (f"the coefficient of {unknown}.{''.join(key)} in {name!r}", sides)
        for name, row in zip(names, slopes, strict=True)
        for (unknown, key), slope in row.items()
        if leads(key, used[unknown], coordinate, time) and (sides := differs(slope)) is not None
    ]


def coefficients_that_jump(names: Sequence[str], slopes: Coefficients) -> Described:
    """All coefficients that jump, with their values on both sides."""
    return [
        (f"the coefficient of {'.'.join([unknown, *([''.join(key)] if key else [])])} in {name!r}", sides)
        for name, row in zip(names, slopes, strict=True)
        for (unknown, key), slope in row.items()
        if (sides := differs(slope)) is not None
    ]


def leads(key: Key, used: frozenset[Key], coordinate: str, time: str | None = "t") -> bool:
    """Whether a derivative is one of the highest by a coordinate, and of second order at least.

    Of first-order terms, what is continuous is the unknown itself, which solvers make so; of second-order ones it is
    the first derivative only where the coefficient is continuous.

    Args:
        key: the derivative.
        used: all that the equations use of the unknown.
        coordinate: across which the coefficient jumps.
        time: the coordinate that is time, or None.
    """

    def part(each: Key) -> int:
        return sum((name == time) == (coordinate == time) for name in each)

    if coordinate not in key or part(key) < 2:
        return False
    return (
        part(key) == max(map(part, used)) or key.count(coordinate) == max(each.count(coordinate) for each in used) > 1
    )
