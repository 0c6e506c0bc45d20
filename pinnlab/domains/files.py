"""Regions as plain data, and back."""

from __future__ import annotations

from typing import Any

from pinnlab.domains.balls import Ball
from pinnlab.domains.boxes import Box
from pinnlab.domains.meshes import Mesh
from pinnlab.domains.polygons import Polygon
from pinnlab.domains.regions import Combination, Product, Region


def from_data(data: dict[str, Any]) -> Region:
    """The region that ``region.to_data()`` described; without a kind it is a box.

    Raises:
        ValueError: an unknown kind.
    """
    given = dict(data)
    kind = given.pop("kind", "box")
    if kind in ("-", "|", "&"):
        return Combination(kind, from_data(given["a"]), from_data(given["b"]))
    if kind == "product":
        return Product(tuple(from_data(factor) for factor in given["factors"]))
    if kind == "mesh":
        given = {key: value.cpu().numpy() if hasattr(value, "cpu") else value for key, value in given.items()}
        for kept in ("tags", "parts"):
            given[kept] = {name: numbers.cpu().numpy() for name, numbers in given.get(kept, {}).items()}
    kinds = {"box": Box, "ball": Ball, "polygon": Polygon, "mesh": Mesh}
    if kind not in kinds:
        raise ValueError(f"a region of kind {kind!r} is not known to this version of pinnlab.")
    return kinds[kind](**given)
