"""A part of a side: ``where=`` of a condition on the boundary.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.arguments import argument_names
from pinnlab.declaration.calling import explained
from pinnlab.domains.cube_parts import CubePart
from pinnlab.domains.regions import Region, Site, on_cpu
from pinnlab.domains.sampling import unit_points

Where = Callable[..., Any]
"""A function of coordinates, bound by name, that returns a mask (n,)."""
_SAMPLES = 60_000
"""Of a side, at which it is asked where a condition holds."""
_LINES = 6
"""Along which ends of a part are looked for."""
_STEPS = 512
_HALVINGS = 60


@dataclass(frozen=True)
class PartOfSide:
    """Which points of a region's boundary a condition is about.

    Args:
        given: the user's function.
        region: names the coordinates.
        owner: how messages call the condition.

    Raises:
        TypeError, ValueError: an argument that is no coordinate; when called: values that are no mask.
    """

    given: Where
    region: Region
    owner: str

    def holds(self, columns: Mapping[str, Tensor]) -> Tensor:
        """(n,) boolean mask of points whose coordinates are (n,) each."""
        names = argument_names(self.given, self.region.coordinates, f"{self.owner}: where")
        like = next(iter(columns.values()))
        with explained(f"{self.owner}: where, which takes tensors and joins conditions by & and | (not by and, or),"):
            found = self.given(**{name: columns[name].detach() for name in names})
        mask = torch.as_tensor(found, device=like.device) if isinstance(found, bool | np.ndarray | np.bool_) else found
        if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape not in ((), like.shape):
            came = f"{tuple(mask.shape)} of {mask.dtype}" if isinstance(mask, Tensor) else type(found).__name__
            raise TypeError(
                f"{self.owner}: where returned {came} for {len(like)} points; return true or false for each, such as "
                "lambda y: y < 0.5."
            )
        return mask.expand(like.shape)

    @property
    def moves(self) -> bool:
        """Whether the part depends on time."""
        names = argument_names(self.given, self.region.coordinates, f"{self.owner}: where")
        return self.region.time is not None and self.region.time in names

    def on(self, piece: str) -> CubePart | bool:
        """The part of a piece in the unit cube of its free coordinates; True or False where the piece is one point."""
        if not self._free(piece):
            return bool(self._mask(piece, torch.zeros(1, 0, dtype=torch.float64)))
        return CubePart(lambda unit: self._mask(piece, unit), len(self._free(piece)), _SAMPLES)

    def reaches(self, piece: str) -> bool:
        """Whether the condition is about some points of a piece."""
        found = self.on(piece)
        return found if isinstance(found, bool) else found.share > 0

    def draw(self, piece: str) -> Callable[[Tensor], Site]:
        """Maps (n, d) points of the unit cube onto the part of a piece."""
        part = self.on(piece)

        def drawn(unit: Tensor) -> Site:
            if isinstance(part, bool):
                return self.region.boundary(piece, unit)
            free = self._free(piece)
            moved = on_cpu(unit).clone()
            moved[:, free] = part(moved[:, free])
            return self.region.boundary(piece, moved.to(unit))

        return drawn

    def ends(self, piece: str) -> dict[str, tuple[float, ...]]:
        """{coordinate: where the part begins and ends along it, whatever the other coordinates}."""
        found: dict[str, tuple[float, ...]] = {}
        for i in self._free(piece):
            name = self.region.coordinates[i]
            lower, upper = self.region.bounds[name]
            lines = [self._changes(piece, i, start) for start in self._starts(piece)]
            apart = 1e-9 * (upper - lower)
            first, *others = [line for line in lines if line] or [[]]
            common = [p for p in first if all(any(abs(p - q) < apart for q in line) for line in others)]
            if common:
                found[name] = tuple(common)
        return found

    def _free(self, piece: str) -> list[int]:
        """Numbers of the coordinates that vary on a piece."""
        face = self.region.face(piece)
        return [i for i in range(len(self.region.coordinates)) if face is None or i != face[0]]

    def _mask(self, piece: str, unit: Tensor) -> Tensor:
        """(n,) mask of points (n, number of free coordinates) of the unit cube."""
        cube = unit.new_zeros(len(unit), len(self.region.coordinates))
        cube[:, self._free(piece)] = unit
        return self.holds(self.region.columns(self.region.boundary(piece, cube).points))

    def _starts(self, piece: str) -> Tensor:
        """(_LINES, d) points of the unit cube on a piece."""
        return unit_points("sobol", _LINES, len(self.region.coordinates), np.random.default_rng(0)).double()

    def _changes(self, piece: str, i: int, start: Tensor) -> list[float]:
        """Where the mask changes along a coordinate of the unit cube, as positions of the region."""

        def at(shares: Tensor) -> tuple[Tensor, Tensor]:
            cube = start.expand(len(shares), -1).clone()
            cube[:, i] = shares
            points = self.region.boundary(piece, cube).points
            return self.holds(self.region.columns(points)), points[:, i]

        shares = torch.linspace(0, 1, _STEPS + 1, dtype=torch.float64)
        mask, _ = at(shares)
        places = torch.nonzero(mask[1:] != mask[:-1])[:, 0]
        low, high, before = shares[places], shares[places + 1], mask[places]
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            same = at(middle)[0] == before
            low, high = torch.where(same, middle, low), torch.where(same, high, middle)
        lower, upper = self.region.bounds[self.region.coordinates[i]]
        # a position that a user writes has few digits
        least = 1e-12 * (upper - lower)
        found = [float(f"{p:.12g}") if abs(p) > least else 0.0 for p in at(high)[1].tolist()]
        return [p for p in found if lower < p < upper]
