"""Regions in which a problem lives: named coordinates, interior, boundary with outward normals.

One kind of region per file; import them from here.
"""

from pinnlab.domains.balls import Ball
from pinnlab.domains.boxes import Box
from pinnlab.domains.columns import Columns, Coordinates, columns_of
from pinnlab.domains.files import from_data
from pinnlab.domains.meshes import Mesh
from pinnlab.domains.polygons import Polygon
from pinnlab.domains.regions import Combination, Product, Region
from pinnlab.domains.sites import Site

__all__ = [
    "Ball", "Box", "Columns", "Combination", "Coordinates", "Mesh", "Polygon", "Product", "Region", "Site",
    "columns_of", "from_data",
]  # fmt: skip
