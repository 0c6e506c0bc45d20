"""Layers whose output satisfies constraints by construction."""

from pinnlab.constraints.convex import ConvexProjection
from pinnlab.constraints.layers import ConvexLayer
from pinnlab.constraints.nonlinear import NonlinearProjection
from pinnlab.constraints.projections import InfeasibleError
from pinnlab.constraints.sets import Cone

__all__ = ["Cone", "ConvexLayer", "ConvexProjection", "InfeasibleError", "NonlinearProjection"]
