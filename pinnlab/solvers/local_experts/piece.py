"""A finished time slab (or steady solution): local coefficients that can be evaluated and differentiated anywhere.

Letters: n points, d coordinates, c derivatives, m unknowns, K cells, N basis functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.clashes.singular import SingularPart
from pinnlab.declaration.parameters.found_functions import Found, found_data, found_from
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.domains.cells import Cells
from pinnlab.domains.naming import usual_time
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.training.part import Part, Writer, lift_data

Array = np.ndarray
_BATCH = 8192


class Piece(Part):
    """The unknowns on one slab; evaluated like a trained model.

    Args:
        unknowns: m names.
        cells: K cells; their edges give the region.
        basis: N functions.
        coefficients: (K, m, N).
        constants: {name: parameter's value}.
        numbers: {name: value} of unknown parameters that were found.
        lift: {unknown: a part of it that is known}, which is added to what coefficients say.
        functions: {name: function} that were found.
    """

    def __init__(
        self,
        unknowns: Sequence[str],
        cells: Cells,
        basis: LocalBasis,
        coefficients: Array,
        constants: Mapping[str, Tensor],
        numbers: Mapping[str, float] | None = None,
        lift: Mapping[str, SingularPart] | None = None,
        functions: Mapping[str, Found] | None = None,
    ):
        self.coefficients = {k: torch.tensor(v, dtype=torch.float64) for k, v in (numbers or {}).items()}
        self.unknowns, self.cells, self.basis, self.weights = tuple(unknowns), cells, basis, coefficients
        self.constants, self.lift = dict(constants), dict(lift or {})
        self.found_functions = dict(functions or {})
        self.region = cells.region
        self.parameters = [torch.from_numpy(coefficients)]

    @property
    def size(self) -> int:
        """Numbers that were solved for."""
        return self.weights.size

    @property
    def joints(self) -> Mapping[str, tuple[float, ...]]:
        return self.cells.seams

    @property
    def functions(self) -> Mapping[str, Found]:
        return self.found_functions

    def state(self) -> dict[str, Any]:
        """Plain data without the basis and constants, which all pieces share."""
        return self._state

    @cached_property
    def _state(self) -> dict[str, Any]:
        # a march asks every piece after every attempt
        edges = {name: torch.from_numpy(np.array(e)) for name, e in self.cells.edges.items()}
        found: dict[str, Any] = {"numbers": dict(self.coefficients)} if self.coefficients else {}
        if self.functions:
            found["functions"] = {name: found_data(function) for name, function in self.functions.items()}
        whole = {"edges": edges, "weights": torch.from_numpy(self.weights), "time": self.cells.time}
        return {"unknowns": list(self.unknowns), **whole, **found}

    def to_data(self, file: Writer) -> dict[str, Any]:
        # functions among the parameters are the problem's
        constants = {name: value for name, value in self.constants.items() if isinstance(value, Tensor)}
        found = {"piece": self.state(), "basis": file.shared(self.basis), "constants": constants}
        return found | lift_data(self.lift, self.region, file)

    @classmethod
    def from_data(
        cls,
        data: Mapping[str, Any],
        basis: LocalBasis,
        constants: Mapping[str, Tensor],
        lift: Mapping[str, SingularPart] | None = None,
    ) -> Piece:
        """The inverse of ``state``."""
        edges = {name: e.cpu().numpy() for name, e in data["edges"].items()}
        # older files do not say what time is called
        cells = Cells(edges, data.get("time", usual_time(edges)))
        numbers = {name: float(value) for name, value in data.get("numbers", {}).items()}
        functions = {name: found_from(function) for name, function in data.get("functions", {}).items()}
        return cls(data["unknowns"], cells, basis, data["weights"].cpu().numpy(), constants, numbers, lift, functions)

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, m) at (n, d) points."""
        at = points.detach().to("cpu", torch.float64).numpy()
        cells = self.cells.locate(torch.from_numpy(at)).numpy()
        reference = self.cells.reference(cells, at)
        d = len(self.cells.edges)
        found = np.empty((len(indices), len(at), len(self.unknowns)))
        for first in range(0, len(at), _BATCH):
            part = slice(first, first + _BATCH)
            mine = self.weights[cells[part]]
            for i, index in enumerate(indices):
                orders = [index.count(axis) for axis in range(d)]
                rows = self.basis.rows(reference[part], orders) * self.cells.stretch(cells[part], orders)[:, None]
                found[i, part] = np.einsum("nN,nmN->nm", rows, mine)
        result = torch.from_numpy(found)
        for unknown, known in self.lift.items():
            result[:, :, self.unknowns.index(unknown)] += known.jet(torch.from_numpy(at), indices)[:, :, 0]
        return result.to(points)

    def values(self, points: Tensor, batch: int = 4096) -> Tensor:
        # ``jet`` works in parts by itself
        return self.jet(points, VALUE)[0]
