"""Regions: boxes, balls, polygons, meshes, their products and set operations. ``pinnlab.domains`` names them all."""
