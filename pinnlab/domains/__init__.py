"""Regions in which a problem lives: named coordinates, interior, boundary with outward normals.

This is the door to ``pinnlab.regions``, which holds one kind of region per file.
"""

from pinnlab.domains.balls import Ball
from pinnlab.domains.boxes import Box
from pinnlab.domains.files import from_data
from pinnlab.domains.meshes import Mesh
from pinnlab.domains.polygons import Polygon
from pinnlab.domains.regions import TIME, Combination, Product, Region, Site

__all__ = ["TIME", "Ball", "Box", "Combination", "Mesh", "Polygon", "Product", "Region", "Site", "from_data"]
