"""One finished slab: polynomials in time, whose coefficients are functions on cut cells of space.

Letters: n points, d coordinates, c derivatives, s stages, m unknowns, K experts, N basis functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.clashes.singular import SingularPart
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.domains import Region, from_data
from pinnlab.solvers.cut_cells.piece import CutPiece
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.solvers.plane_march.radau import time_rows
from pinnlab.training.part import Part, Writer, lift_data


class SlabPiece(Part):
    """The unknowns on one slab; NaN outside of its region of space.

    Args:
        unknowns: m names.
        region: of space and the slab's interval of time.
        space: the (s + 1) m coefficients of Legendre polynomials in time, as functions of space, degree after degree.
        constants: {name: parameter's value}.
        lift: {unknown: a part of it that is known}, which is added to what coefficients say.
    """

    def __init__(
        self,
        unknowns: tuple[str, ...],
        region: Region,
        space: CutPiece,
        constants: Mapping[str, Any],
        lift: Mapping[str, SingularPart] | None = None,
    ):
        self.unknowns, self.region, self.of_space, self.constants = unknowns, region, space, dict(constants)
        self.lift = dict(lift or {})
        self.parameters, self.coefficients = space.parameters, {}

    @property
    def size(self) -> int:
        """Numbers that were solved for."""
        return self.of_space.size

    @property
    def degree(self) -> int:
        """Of polynomials in time."""
        return len(self.of_space.unknowns) // len(self.unknowns) - 1

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        at = points.detach().to("cpu", torch.float64)
        clock, (begin, end) = self.region.time_index, self.region.time_interval
        columns = [i for i in range(at.shape[1]) if i != clock]
        inner = {i: k for k, i in enumerate(columns)}
        split = [(tuple(inner[i] for i in index if i != clock), index.count(clock)) for index in indices]
        own = tuple(dict.fromkeys(space for space, _ in split))
        found = self.of_space.jet(at[:, columns], own).reshape(len(own), len(at), -1, len(self.unknowns))
        shares = ((at[:, clock] - begin) / (end - begin)).numpy()
        rows = {
            order: torch.from_numpy(time_rows(shares, self.degree, order)) / (end - begin) ** order
            for order in {order for _, order in split}
        }
        result = torch.stack(
            [torch.einsum("nlm,nl->nm", found[own.index(space)], rows[order]) for space, order in split]
        )
        for unknown, known in self.lift.items():
            result[:, :, self.unknowns.index(unknown)] += known.jet(at, indices)[:, :, 0]
        return result.to(points)

    def values(self, points: Tensor, batch: int = 4096) -> Tensor:
        # ``jet`` works in parts by itself
        return self.jet(points, VALUE)[0]

    def state(self) -> dict[str, Any]:
        """Plain data without the basis and constants."""
        return {"unknowns": list(self.unknowns), "region": self.region.to_data(), "space": self.of_space.state()}

    def to_data(self, file: Writer) -> dict[str, Any]:
        constants = {name: value for name, value in self.constants.items() if isinstance(value, Tensor)}
        found = {"slab of cells": self.state(), "basis": file.shared(self.of_space.basis), "constants": constants}
        return found | lift_data(self.lift, self.region, file)

    @classmethod
    def from_data(
        cls,
        data: Mapping[str, Any],
        basis: LocalBasis,
        constants: Mapping[str, Any],
        lift: Mapping[str, SingularPart] | None = None,
    ) -> SlabPiece:
        """The inverse of ``state``."""
        space = CutPiece.from_data(data["space"], basis, constants)
        return cls(tuple(data["unknowns"]), from_data(data["region"]), space, constants, lift)
