"""Materials: parameters with one value in each part of the domain.

Letters: n points, d coordinates.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.parameters.functions import FunctionParameter, GivenFunction, from_data, to_data
from pinnlab.domains import Box, Mesh, Region
from pinnlab.domains import from_data as region_from_data
from pinnlab.machine.numbers import finite

_SAME = 1e-9
"""Relative distance up to which the end of a part is the end of the domain."""
_USUAL = "give pairs of a region and a value, such as pl.Piecewise((pl.Box(x=(0.0, 0.5)), 400.0), otherwise=1.38)"


@dataclass(frozen=True, init=False)
class Piecewise:
    """A material: a parameter that has one value in each part of the domain.

    ``parameters={"k": pl.Piecewise((pl.Box(x=(0.0, 0.5)), 400.0), otherwise=1.38)}``. Where parts meet, the unknowns are
    continuous, and so is the flux: what stands inside ``pl.diff``, as in ``pl.diff(k * u.x, "x")``. Solvers that cannot
    make it so refuse the problem.

    A jump across the sides of the regions can be prescribed, as of two bodies in imperfect contact:
    ``jump={"T": lambda flux: 2e-4 * flux}``. Across the side of a box it is what the upper hand has more than the lower
    one, along the coordinate that is constant on the side, and ``flux`` is what stands inside ``pl.diff`` there; across the
    boundary of any other region it is what the outside has more than the inside, and ``flux`` is the part of the flux
    along the normal that points out of the region.

    Args:
        pieces: pairs (region, value). A region is a ``Box`` of some of the domain's coordinates, any other region of
            pinnlab, or the name of a part of the domain's ``Mesh``; where several hold a point, the first one counts. A
            value is a number or a function whose arguments are named after coordinates.
        otherwise: the value outside of all regions.
        jump: {unknown, or ``"flux"``, or of several equations the name of the residual whose flux jumps: number, or function
            of coordinates, parameters and ``flux`` by name}; the regions then have no side in time.

    Raises:
        TypeError, ValueError: no pieces, pairs of something else; when the problem is built: a coordinate that the domain
            does not have, a region outside of it, a name that its mesh does not have, a function of something else than
            coordinates.
    """

    pieces: tuple[tuple[Region | str, Any], ...]
    otherwise: Any
    jump: Mapping[str, Any]

    def __init__(
        self, *pieces: tuple[Region | str, Any], otherwise: Any, jump: Mapping[str, Any] | None = None
    ) -> None:
        for piece in pieces:
            if not isinstance(piece, tuple | list) or len(piece) != 2 or not isinstance(piece[0], Region | str):
                raise TypeError(f"Piecewise({piece!r}): {_USUAL}.")
        if not pieces:
            raise ValueError(f"Piecewise(otherwise={otherwise!r}) has no pieces; {_USUAL}, or a plain number.")
        for value in [*(v for _, v in pieces), otherwise]:
            if not callable(value) and finite(value) is None:
                raise TypeError(
                    f"Piecewise(...) got the value {value!r}; give finite numbers or functions of coordinates. What is "
                    "varied or to be found is a parameter of its own: choose in the equation, such as "
                    "torch.where(x < 0.5, k1, k2)."
                )
        object.__setattr__(self, "pieces", tuple((region, value) for region, value in pieces))
        object.__setattr__(self, "otherwise", otherwise)
        object.__setattr__(self, "jump", dict(jump or {}))
        for name, value in self.jump.items():
            if not callable(value) and finite(value) is None:
                raise TypeError(f"Piecewise(jump={{{name!r}: {value!r}}}): give a finite number or a function.")

    def over(self, owner: str, domain: Region) -> PiecewiseFunction:
        """The parameter on a domain.

        Args:
            owner: how messages call it.
            domain: of the problem.

        Raises:
            TypeError, ValueError: it does not fit the domain.
        """
        names = domain.coordinates
        used: set[str] = set()
        pieces = [(_named(owner, r, domain) if isinstance(r, str) else r, value) for r, value in self.pieces]
        for region, _ in pieces:
            strange = [name for name in region.coordinates if name not in names]
            if strange:
                raise ValueError(
                    f"{owner}: Piecewise({region!r}, ...) has the coordinate {strange[0]!r}, the domain has "
                    f"{', '.join(names)}."
                )
            if any(_outside(region.bounds[name], domain.bounds[name]) for name in region.coordinates):
                raise ValueError(
                    f"{owner}: Piecewise({region!r}, ...) lies outside of {domain!r}; check the positions."
                )
            used |= set(region.coordinates)
        values = [value for _, value in pieces] + [self.otherwise]
        arguments = {id(v): argument_names(v, names, owner) for v in values if callable(v)}
        for found in arguments.values():
            used |= set(found)
        on = tuple(name for name in names if name in used)
        bounds = {name: domain.bounds[name] for name in on}

        def made(value: Any) -> FunctionParameter | float:
            if not callable(value):
                return float(value)
            mine = arguments[id(value)]
            columns = tuple(on.index(name) for name in mine)
            known = isinstance(value, FunctionParameter)
            return dataclasses.replace(value, columns=columns) if known else GivenFunction(value, mine, columns)

        parts = tuple(Part(region, _widened(region, bounds), made(value)) for region, value in pieces)
        return PiecewiseFunction(on, tuple(names.index(name) for name in on), parts, made(self.otherwise), self.jump)


def _named(owner: str, name: str, domain: Region) -> Region:
    """The part of a domain that is or holds a mesh."""
    rest = domain.at_rest
    if not isinstance(rest, Mesh):
        raise ValueError(
            f"{owner}: Piecewise(({name!r}, ...)) names a part, which only a mesh has, and the domain is {domain!r}; "
            f"{_USUAL}."
        )
    if name not in rest.parts:
        known = (
            ", ".join(map(repr, rest.parts))
            or "none: give Mesh(parts=...), or physical groups of triangles in its file"
        )
        raise ValueError(f"{owner}: Piecewise(({name!r}, ...)) names no part of {rest!r}; its parts are {known}.")
    return rest.part(name)


@dataclass(frozen=True)
class Part:
    """A part of a domain with its value.

    Attributes:
        region: as it was given.
        reach: the same, with sides that lie on the domain's own moved beyond them.
        value: a number, or a function whose columns are those of the parameter's coordinates.
    """

    region: Region
    reach: Region
    value: FunctionParameter | float


@dataclass(frozen=True, eq=False, repr=False)
class PiecewiseFunction(FunctionParameter):
    """A ``Piecewise`` parameter on a domain.

    Attributes:
        on, columns: see ``FunctionParameter``.
        parts: the first one that holds a point counts.
        otherwise: the value outside of all parts.
        jump: see ``Piecewise``.
    """

    on: tuple[str, ...]
    columns: tuple[int, ...]
    parts: tuple[Part, ...]
    otherwise: FunctionParameter | float
    jump: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        pieces = ", ".join(f"({part.region!r}, {part.value!r})" for part in self.parts)
        jump = f", jump of {', '.join(self.jump)}" if self.jump else ""
        return f"Piecewise({pieces}, otherwise={self.otherwise!r}{jump})"

    def at(self, points: Tensor) -> Tensor:
        own = points[:, list(self.columns)]
        free = torch.arange(len(own), device=own.device)
        result = own.new_zeros(len(own))
        for part in self.parts:
            where = [self.on.index(name) for name in part.region.coordinates]
            held = (part.reach.depth(own.detach()[free][:, where]) >= 0).to(own.device)
            result = _filled(result, free[held], part.value, own)
            free = free[~held]
        return _filled(result, free, self.otherwise, own)

    @property
    def faces(self) -> tuple[tuple[str, float, Box], ...]:
        """(coordinate, position, box) of every side of a part that is a box; sides beyond the domain included."""
        boxes = [part.region for part in self.parts if isinstance(part.region, Box)]
        return tuple((name, end, box) for box in boxes for name, ends in box.bounds.items() for end in ends)


def check_jumps(
    parameters: Mapping[str, Any], domain: Region, unknowns: Sequence[str], residuals: Sequence[str]
) -> None:
    """Raise ValueError for prescribed jumps of what the problem does not have, or in time.

    Args:
        parameters: {name: checked parameter}.
        domain: of the problem.
        unknowns: their names.
        residuals: names of the equations' residuals.
    """
    for name, value in parameters.items():
        for what, given in value.jump.items() if isinstance(value, PiecewiseFunction) else ():
            owner = f"parameters[{name!r}]: jump={{{what!r}: ...}}"
            if what not in (*unknowns, *residuals, "flux") or (what == "flux" and len(residuals) > 1):
                known = ", ".join(map(repr, (*unknowns, *residuals, *(["flux"] if len(residuals) == 1 else []))))
                raise ValueError(f"{owner}: jumps are of an unknown or of the flux in a residual; choose from {known}.")
            if callable(given):
                argument_names(given, (*domain.coordinates, *parameters, "flux"), owner)
            if domain.has_time and any(set(part.region.coordinates) - set(domain.space) for part in value.parts):
                raise ValueError(f"{owner}: jumps are prescribed across sides in space; leave time out of the boxes.")


def _filled(result: Tensor, where: Tensor, value: FunctionParameter | float, points: Tensor) -> Tensor:
    """Values (n,) with those at (k,) places replaced; a function is called there alone, as it may be undefined elsewhere."""
    if isinstance(value, float):
        return result.index_fill(0, where, value)
    return result.index_put((where,), value.at(points[where])) if len(where) else result


def _outside(interval: tuple[float, float], whole: tuple[float, float]) -> bool:
    slack = _SAME * (whole[1] - whole[0])
    return interval[1] <= whole[0] + slack or interval[0] >= whole[1] - slack


def _widened(region: Region, bounds: Mapping[str, tuple[float, float]]) -> Region:
    """A box whose sides on the domain's own, or beyond, are moved away: points on them are inside, up to rounding."""
    if not isinstance(region, Box):
        return region
    wide = {}
    for name, (lower, upper) in region.bounds.items():
        first, last = bounds[name]
        slack, far = _SAME * (last - first), last - first
        wide[name] = (
            min(lower, first) - far if lower <= first + slack else lower,
            max(upper, last) + far if upper >= last - slack else upper,
        )
    return Box(**wide)


def piecewise_data(function: PiecewiseFunction) -> dict[str, Any]:
    """A piecewise parameter as plain data for a file; of functions only the names of their arguments are kept."""

    def plain(value: FunctionParameter | float) -> Any:
        return value if isinstance(value, float) else to_data(value)

    return {
        "kind": "piecewise",
        "on": list(function.on),
        "columns": list(function.columns),
        "parts": [[part.region.to_data(), part.reach.to_data(), plain(part.value)] for part in function.parts],
        "otherwise": plain(function.otherwise),
        "jump": {name: None if callable(value) else float(value) for name, value in function.jump.items()},
    }


def piecewise_from_data(data: Mapping[str, Any]) -> PiecewiseFunction:
    """The inverse of ``piecewise_data``.

    Raises:
        KeyError: entries are missing.
    """

    def made(value: Any) -> FunctionParameter | float:
        return from_data(value) if isinstance(value, Mapping) else float(value)

    parts: Sequence[Any] = data["parts"]
    return PiecewiseFunction(
        tuple(data["on"]),
        tuple(data["columns"]),
        tuple(Part(region_from_data(r), region_from_data(w), made(v)) for r, w, v in parts),
        made(data["otherwise"]),
        data["jump"],
    )
