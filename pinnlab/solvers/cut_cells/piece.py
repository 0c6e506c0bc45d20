"""A finished solution on cut cells: local coefficients that can be evaluated and differentiated anywhere in the region.

Letters: n points, d coordinates, c derivatives, m unknowns, K experts, M materials,
N basis functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.domains import Region, from_data
from pinnlab.domains.trees import Tree
from pinnlab.solvers.cut_cells.layout import experts_at
from pinnlab.solvers.cut_cells.parts import Materials
from pinnlab.solvers.cut_cells.places import Frames
from pinnlab.solvers.local_experts.basis import LocalBasis
from pinnlab.training.part import Part, Writer

Array = np.ndarray
_BATCH = 8192


class CutPiece(Part):
    """The unknowns on a region that cells cover; NaN outside of it.

    Args:
        unknowns: m names.
        region: in which it holds.
        tree: of boxes over the region.
        materials: parts of the region.
        home: (boxes of the tree, M) the expert of each leaf and material, -1 where there is none.
        frames: in whose coordinates the experts' functions are written.
        basis: N functions.
        weights: (K, m, N) coefficients.
        constants: {name: parameter's value}.
        own_errors: {unknown: what its root mean square error is at most, as residuals tell which were not solved}; none
            where it is not known.
    """

    def __init__(
        self,
        unknowns: Sequence[str],
        region: Region,
        tree: Tree,
        materials: Materials,
        home: Array,
        frames: Frames,
        basis: LocalBasis,
        weights: Array,
        constants: Mapping[str, Any],
        own_errors: Mapping[str, float] = MappingProxyType({}),
    ):
        self.unknowns, self.region, self.tree, self.home = tuple(unknowns), region, tree, home
        self.materials = materials
        self.frames, self.basis, self.weights, self.constants = frames, basis, weights, dict(constants)
        self.parameters = [torch.from_numpy(weights)]
        self.coefficients = {}
        self._own_errors = dict(own_errors)

    @property
    def size(self) -> int:
        """Numbers that were solved for."""
        return self.weights.size

    @property
    def own_errors(self) -> Mapping[str, float]:
        return self._own_errors

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        at = points.detach().to("cpu", torch.float64)
        found = np.full((len(indices), len(at), len(self.unknowns)), np.nan)
        inside = np.flatnonzero(self.region.contains(at).numpy())
        mine = at.numpy()[inside]
        experts = experts_at(self.tree, self.home, mine, self.materials.at(mine), self.region.size)
        inside, experts = inside[experts >= 0], experts[experts >= 0]
        order = np.argsort(experts, kind="stable")
        for first in range(0, len(order), _BATCH):
            part = order[first : first + _BATCH]
            rows, mine = inside[part], experts[part]
            reference = self.frames.reference(mine, at.numpy()[rows])
            for i, index in enumerate(indices):
                orders = [index.count(axis) for axis in range(self.tree.dimension)]
                stretch = np.prod(self.frames.half[mine] ** -np.array(orders, dtype=float), axis=1)
                values = self.basis.rows(reference, orders) * stretch[:, None]
                ends = np.flatnonzero(np.diff(mine)) + 1
                for block in np.split(np.arange(len(mine)), ends):
                    if len(block):
                        found[i, rows[block]] = values[block] @ self.weights[mine[block[0]]].T
        return torch.from_numpy(found).to(points)

    def values(self, points: Tensor, batch: int = 4096) -> Tensor:
        # ``jet`` works in parts by itself
        return self.jet(points, VALUE)[0]

    def state(self) -> dict[str, Any]:
        """Plain data without the basis and constants."""
        tree = self.tree
        return {
            "unknowns": list(self.unknowns),
            "region": self.region.to_data(),
            "tree": {
                "edges": [torch.from_numpy(edges) for edges in tree.edges],
                "halved": torch.tensor(tree.halved, dtype=torch.long),
            },
            "materials": self.materials.to_data(),
            "home": torch.from_numpy(self.home),
            "middle": torch.from_numpy(self.frames.middle),
            "half": torch.from_numpy(self.frames.half),
            "weights": torch.from_numpy(self.weights),
            "own errors": dict(self._own_errors),
        }  # fmt: skip

    def to_data(self, file: Writer) -> dict[str, Any]:
        constants = {name: value for name, value in self.constants.items() if isinstance(value, Tensor)}
        return {"cut cells": self.state(), "basis": file.shared(self.basis), "constants": constants}

    @classmethod
    def from_data(cls, data: Mapping[str, Any], basis: LocalBasis, constants: Mapping[str, Any]) -> CutPiece:
        """The inverse of ``state``."""
        region, of = from_data(data["region"]), data["tree"]
        if "edges" in of:
            edges = [each.cpu().numpy() for each in of["edges"]]
        else:
            # earlier files have even grids
            edges = Tree(of["lower"].cpu().numpy(), of["upper"].cpu().numpy(), of["counts"]).edges
        tree = Tree.over(edges, of["halved"].tolist())
        frames = Frames(region.coordinates, data["middle"].cpu().numpy(), data["half"].cpu().numpy())
        weights = data["weights"].cpu().numpy()
        materials = Materials.from_data(region.coordinates, data.get("materials", ()))
        # earlier files, without materials, have one column
        home = data["home"].cpu().numpy().reshape(-1, materials.count)
        own = {str(unknown): float(error) for unknown, error in data.get("own errors", {}).items()}
        return cls(data["unknowns"], region, tree, materials, home, frames, basis, weights, constants, own)
