"""Layers whose output satisfies constraints by construction."""

from pinnlab.networks.constraints.convex import ConvexProjection
from pinnlab.networks.constraints.layers import ConvexLayer
from pinnlab.networks.constraints.nonlinear import NonlinearProjection
from pinnlab.networks.constraints.projections import InfeasibleError
from pinnlab.networks.constraints.sets import Cone

__all__ = ["Cone", "ConvexLayer", "ConvexProjection", "InfeasibleError", "NonlinearProjection"]
