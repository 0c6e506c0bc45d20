"""Layers whose output satisfies constraints by construction: ``pl.constraints.ConvexProjection`` and its relatives."""

from pinnlab.networks.constraints import Cone, ConvexLayer, ConvexProjection, InfeasibleError, NonlinearProjection

__all__ = ["Cone", "ConvexLayer", "ConvexProjection", "InfeasibleError", "NonlinearProjection"]
