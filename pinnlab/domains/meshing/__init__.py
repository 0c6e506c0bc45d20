"""Meshes over any region: curves and surfaces of its boundary, nodes, triangles, tetrahedra."""
