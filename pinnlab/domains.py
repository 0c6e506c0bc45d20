"""Regions in which a problem lives: named coordinates, interior, boundary with outward normals.

This is the door to ``pinnlab.regions``, which holds one kind of region per file.
"""

from pinnlab.regions.balls import Ball
from pinnlab.regions.base import TIME, Combination, Product, Region, Site
from pinnlab.regions.boxes import Box
from pinnlab.regions.files import from_data
from pinnlab.regions.meshes import Mesh
from pinnlab.regions.polygons import Polygon

__all__ = ["TIME", "Ball", "Box", "Combination", "Mesh", "Polygon", "Product", "Region", "Site", "from_data"]
