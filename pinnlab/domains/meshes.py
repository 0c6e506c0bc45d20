"""Meshes of triangles or tetrahedra, with names for parts of their boundary.

Letters: n points, d coordinates, v nodes, k elements, f facets.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.domains.naming import TIME, Named
from pinnlab.domains.regions import Bounds, Region
from pinnlab.domains.simplices import Locator, Simplices, volumes, whole_face
from pinnlab.domains.sites import Site, on_cpu

ELEMENTS = {2: "triangle", 3: "tetra"}
FACETS = {2: "line", 3: "triangle"}
UNTAGGED = "untagged"
"""The boundary facets that no tag names; ``"boundary"`` where there are no tags at all."""


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Mesh(Region):
    """A region that is filled by triangles or tetrahedra: ``Mesh.read("part.msh")``.

    Points are drawn from the elements, so that a mesh serves as a description of a shape; the solution does not live on
    its nodes.

    Args:
        nodes: (v, d) positions, d = 2 or 3.
        elements: (k, d + 1) node numbers of triangles or tetrahedra, in any orientation.
        tags: {name: (f, d) node numbers of facets}, usable as ``on="name"``; facets inside the region are left out.
        names: of the coordinates; ``x, y`` and ``x, y, z`` by default.
        parts: {name: numbers of its elements}, such as materials: ``pl.Piecewise(("copper", 400.0), otherwise=1.38)``.

    Raises:
        TypeError, ValueError: arrays of other shapes, node numbers out of range, positions that are not finite, elements
            without volume, three elements at one facet, wrong names, a part without elements.
    """

    nodes: Tensor
    elements: Tensor
    tags: dict[str, Tensor]
    coordinates: tuple[str, ...]
    bounds: Bounds = field(init=False)

    def __init__(
        self,
        nodes: Any,
        elements: Any,
        tags: Mapping[str, Any] | None = None,
        names: Sequence[str] | None = None,
        parts: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            at = torch.as_tensor(np.asarray(nodes, dtype=float))
        except OverflowError:
            raise ValueError("Mesh(nodes=...) holds an integer beyond the range of floats; use other units.") from None
        if at.ndim != 2 or at.shape[1] not in ELEMENTS or not len(at):
            raise ValueError(f"Mesh(nodes=...) has shape {tuple(at.shape)}; give positions (v, 2) or (v, 3).")
        if not bool(torch.isfinite(at).all()):
            raise ValueError("Mesh(nodes=...): some positions are not finite numbers.")
        d = at.shape[1]
        cells = _numbers("elements", elements, d + 1, len(at))
        if not len(cells):
            raise ValueError("Mesh(elements=...) is empty; give at least one triangle or tetrahedron.")
        names = tuple(names) if names is not None else ("x", "y", "z")[:d]
        if len(names) != d or len(set(names)) != d or TIME in names:
            raise ValueError(
                f"Mesh(names={names!r}): give the names of {d} coordinates in space; for time, multiply the mesh by "
                "Box(t=(start, end))."
            )
        flat = volumes(at[cells]) <= 1e-13 * float((at.amax(0) - at.amin(0)).max()) ** d
        if bool(flat.any()):
            raise ValueError(
                f"Mesh(elements=...): {int(flat.sum())} of {len(cells)} elements have no volume, the first is number "
                f"{int(flat.nonzero()[0])}; remove them, or mesh the region again."
            )
        # nodes of no element would widen the bounding box
        used, cells = torch.unique(cells, return_inverse=True)
        renumbered = torch.full((len(at),), -1).index_put_((used,), torch.arange(len(used)))
        named = {str(k): renumbered[_numbers(f"tags[{k!r}]", v, d, len(at))] for k, v in dict(tags or {}).items()}
        set_ = object.__setattr__
        set_(self, "nodes", at[used])
        set_(self, "elements", cells)
        set_(self, "tags", named)
        set_(self, "coordinates", names)
        lower, upper = self.nodes.amin(0).tolist(), self.nodes.amax(0).tolist()
        set_(self, "bounds", {name: (lower[i], upper[i]) for i, name in enumerate(names)})
        if parts:
            set_(self, "_parts", {str(k): _elements(f"parts[{k!r}]", v, len(cells)) for k, v in parts.items()})
        self._surface  # noqa: B018  facets that cannot be show here, before training

    @classmethod
    def read(cls, path: str | os.PathLike[str], names: Sequence[str] | None = None) -> Mesh:
        """Read any format of meshio, such as gmsh's ``.msh``.

        Physical groups and sets of facets become tags, those of triangles or tetrahedra in the inside become parts; they
        are called ``"tag3"`` where a group has only a number.

        Args:
            path: the file.
            names: of the coordinates; ``x, y`` and ``x, y, z`` by default.

        Raises:
            ImportError: meshio is not installed.
            FileNotFoundError: there is no such file.
            ValueError: it is no mesh, or holds no triangles or tetrahedra, or other elements besides.
        """
        try:
            meshio = importlib.import_module("meshio")
        except ImportError as error:
            raise ImportError(
                "Mesh.read() needs meshio, which is not installed: pip install pinnlab[export]."
            ) from error
        where = f"Mesh.read({os.fspath(path)!r})"
        if not os.path.isfile(path):
            raise FileNotFoundError(f"{where}: there is no such file.")
        try:
            # its reader of gmsh files prints an empty line
            with contextlib.redirect_stdout(io.StringIO()):
                found = meshio.read(path)
        # meshio ends the process where it does not know a format
        except (Exception, SystemExit) as error:
            raise ValueError(f"{where} could not be read by meshio: {type(error).__name__}: {error}.") from error
        return _of_meshio(where, found, names)

    def __repr__(self) -> str:
        kind = "triangles" if self.nodes.shape[1] == 2 else "tetrahedra"
        digest = zlib.crc32(self.nodes.numpy().tobytes() + self.elements.numpy().tobytes())
        return f"Mesh({len(self.elements)} {kind}, boundary {', '.join(self.named_pieces)}, {digest:08x})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mesh):
            return NotImplemented
        return (
            self.coordinates == other.coordinates
            and torch.equal(self.nodes, other.nodes)
            and torch.equal(self.elements, other.elements)
            and list(self.tags) == list(other.tags)
            and all(torch.equal(self.tags[name], other.tags[name]) for name in self.tags)
        )

    def __hash__(self) -> int:
        return hash((self.coordinates, len(self.nodes), len(self.elements)))

    @property
    def parts(self) -> dict[str, Tensor]:
        """{name: numbers of the elements of a part}; empty where the mesh has no parts."""
        return dict(vars(self).get("_parts", {}))

    def part(self, name: str) -> Mesh:
        """A part as a region of its own.

        Raises:
            KeyError: there is no such part.
        """
        return Mesh(self.nodes, self.elements[self.parts[name]], None, self.coordinates)

    @property
    def named_pieces(self) -> Named:
        return {name: (name,) for name in self._sides}

    @property
    def facets(self) -> dict[str, Tensor]:
        """{boundary piece: (f, d, d) corners of its facets}."""
        return {name: simplices.corners for name, (simplices, _) in self._sides.items()}

    @cached_property
    def _surface(self) -> tuple[Tensor, Tensor, dict[tuple[int, ...], int]]:
        """Whether facets of elements are outer (k, d + 1), outer facets (f, d), and their numbers by sorted nodes.

        Facet i of an element is the one opposite to its corner i.
        """
        d = self.nodes.shape[1]
        facets = torch.stack([self.elements[:, [j for j in range(d + 1) if j != i]] for i in range(d + 1)], dim=1)
        _, which, counts = torch.unique(
            facets.sort(dim=2).values.reshape(-1, d), dim=0, return_inverse=True, return_counts=True
        )
        if int(counts.max()) > 2:
            raise ValueError(
                f"Mesh(elements=...): {int((counts > 2).sum())} facets belong to three elements or more; elements may share "
                "a facet with one neighbour only, and none may stand twice."
            )
        outer = (counts[which] == 1).reshape(-1, d + 1)
        surface = facets[outer]
        keys = [tuple(facet) for facet in surface.sort(dim=1).values.tolist()]
        return outer, surface, {key: i for i, key in enumerate(keys)}

    @cached_property
    def _sides(self) -> dict[str, tuple[Simplices, Tensor]]:
        """Of each boundary piece its facets, and their outward normals (f, d)."""
        outer, surface, numbers = self._surface
        element, corner = outer.nonzero(as_tuple=True)
        opposite = self.nodes[self.elements[element, corner]]
        corners = self.nodes[surface]
        normals = _normals(corners)
        outward = ((corners[:, 0] - opposite) * normals).sum(dim=1, keepdim=True)
        normals = torch.where(outward > 0, normals, -normals)
        found, free = {}, torch.ones(len(surface), dtype=torch.bool)
        for name, facets in self.tags.items():
            keys = (tuple(facet) for facet in facets.sort(dim=1).values.tolist())
            mine = torch.tensor(sorted({numbers[key] for key in keys if key in numbers}), dtype=torch.long)
            if len(mine):
                found[name] = Simplices(corners[mine]), normals[mine]
                free[mine] = False
        if bool(free.any()):
            found[UNTAGGED if found else "boundary"] = Simplices(corners[free]), normals[free]
        return found

    @cached_property
    def _inside(self) -> Simplices:
        return Simplices(self.nodes[self.elements])

    @cached_property
    def _locator(self) -> Locator:
        return Locator(self.nodes[self.elements], self._surface[0])

    @property
    def simplices(self) -> Tensor:
        """(k, d + 1, d) corners of its elements."""
        return self._inside.corners

    @property
    def sides(self) -> dict[str, tuple[Tensor, Tensor]]:
        """{boundary piece: (f, d, d) corners of its facets, (f, d) their outward normals}."""
        return {name: (facets.corners, normals) for name, (facets, normals) in self._sides.items()}

    def face(self, piece: str) -> tuple[int, float, float] | None:
        return whole_face(self._sides[piece][0], self.bounds)

    def interior(self, unit: Tensor) -> Site:
        return Site(self._inside.place(on_cpu(unit))[0].to(unit))

    def boundary(self, piece: str, unit: Tensor) -> Site:
        simplices, normals = self._sides[piece]
        points, which = simplices.place(on_cpu(unit))
        return Site(points.to(unit), normals[which].to(unit))

    def depth(self, points: Tensor) -> Tensor:
        return self._locator.depth(points)

    def to_data(self) -> dict[str, Any]:
        return {
            "kind": "mesh",
            "nodes": self.nodes,
            "elements": self.elements,
            "tags": dict(self.tags),
            "names": list(self.coordinates),
            **({"parts": self.parts} if self.parts else {}),
        }


def _numbers(what: str, given: Any, width: int, count: int) -> Tensor:
    """Node numbers (k, width), checked."""
    array = np.asarray(given)
    if array.ndim != 2 or array.shape[1] != width or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"Mesh({what}=...) is {array.dtype} of shape {array.shape}; give whole node numbers, {width} in each row."
        )
    if array.size and (array.min() < 0 or array.max() >= count):
        raise ValueError(f"Mesh({what}=...): node numbers run from {array.min()} to {array.max()}, for {count} nodes.")
    return torch.from_numpy(array.astype(np.int64))


def _elements(what: str, given: Any, count: int) -> Tensor:
    """Numbers (k,) of elements, checked."""
    array = np.asarray(given)
    if array.ndim != 1 or not len(array) or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"Mesh({what}=...) is {array.dtype} of shape {array.shape}; give the whole numbers of one element or more."
        )
    if array.min() < 0 or array.max() >= count:
        raise ValueError(f"Mesh({what}=...): numbers run from {array.min()} to {array.max()}, for {count} elements.")
    return torch.from_numpy(array.astype(np.int64))


def _normals(facets: Tensor) -> Tensor:
    """(f, d) unit normals of facets (f, d, d), on either side."""
    edges = facets[:, 1:] - facets[:, :1]
    if facets.shape[1] == 2:
        normals = torch.stack([edges[:, 0, 1], -edges[:, 0, 0]], dim=1)
    else:
        normals = torch.linalg.cross(edges[:, 0], edges[:, 1])
    return normals / normals.norm(dim=1, keepdim=True)


def _of_meshio(where: str, mesh: Any, names: Sequence[str] | None) -> Mesh:
    """A mesh from what meshio read."""
    kinds = {block.type for block in mesh.cells}
    d = 3 if "tetra" in kinds else 2
    usable = {"vertex", "line", "triangle", "tetra"}
    if kinds - usable or ELEMENTS[d] not in kinds:
        raise ValueError(
            f"{where} holds {', '.join(sorted(kinds)) or 'no elements'}; pinnlab reads straight triangles in the plane and "
            "tetrahedra in space: mesh with elements of first order, without quadrilaterals or hexahedra."
        )
    nodes = np.asarray(mesh.points, dtype=float)
    elements = np.concatenate([block.data for block in mesh.cells if block.type == ELEMENTS[d]])
    if d == 2 and nodes.shape[1] == 3:
        heights = nodes[np.unique(elements), 2]
        if np.ptp(heights) > 1e-9 * np.ptp(nodes, axis=0).max():
            raise ValueError(
                f"{where} is a surface in space; pinnlab needs a plane mesh (constant z), or tetrahedra that fill it."
            )
        nodes = nodes[:, :2]
    parts, first = dict[str, list[np.ndarray]](), 0
    tags: dict[str, list[np.ndarray]] = {}
    facets, inside = _groups(mesh, d - 1), _groups(mesh, d)
    for i, block in enumerate(mesh.cells):
        if block.type == FACETS[d]:
            for name, members in _members(mesh, i, facets, inside):
                tags.setdefault(name, []).append(block.data[members])
        elif block.type == ELEMENTS[d]:
            for name, members in _members(mesh, i, inside, facets):
                parts.setdefault(name, []).append(first + np.arange(len(block.data))[members])
            first += len(block.data)
    joined, named = ({name: np.concatenate(found) for name, found in each.items()} for each in (tags, parts))
    return Mesh(nodes, elements, joined, names, named)


def _groups(mesh: Any, dimension: int) -> dict[int, str]:
    """{number: name} of the physical groups of one dimension."""
    return {number: name for name, (number, its) in mesh.field_data.items() if its == dimension}


def _members(mesh: Any, i: int, groups: Mapping[int, str], others: Mapping[int, str]) -> list[tuple[str, np.ndarray]]:
    """(name, mask or numbers) of the members that groups and sets have in a block of cells."""
    found = []
    physical = mesh.cell_data.get("gmsh:physical", mesh.cell_data.get("medit:ref"))
    if physical is not None:
        for number in np.unique(physical[i]):
            name = groups.get(number, f"tag{number}" if number else None)
            if name is not None:
                found.append((name, physical[i] == number))
    known = {*groups.values(), *others.values()}
    for name, members in mesh.cell_sets.items():
        if ":" not in name and name not in known and members[i] is not None and len(members[i]):
            found.append((name, np.asarray(members[i])))
    return found
