"""pinnlab: physics-informed neural solvers of differential equations behind one interface."""

from pinnlab import equations
from pinnlab.api import solve
from pinnlab.declaration.conditions import (
    Condition,
    Data,
    Dirichlet,
    Final,
    Initial,
    Integral,
    Neumann,
    Periodic,
    Robin,
)
from pinnlab.declaration.library import load_problem
from pinnlab.declaration.parameters.kinds import Uniform, Unknown
from pinnlab.declaration.parameters.materials import Piecewise
from pinnlab.declaration.parameters.random_fields import RandomField
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.fields import Field
from pinnlab.derivatives.operators import curl, diff, div, dot, grad
from pinnlab.derivatives.vectors import Vector
from pinnlab.domains import Ball, Box, Mesh, Polygon
from pinnlab.networks import constraints
from pinnlab.networks.embeddings import FourierEmbedding, PeriodicEmbedding
from pinnlab.networks.fno import FNO
from pinnlab.networks.mlp import MLP
from pinnlab.networks.modified_mlp import ModifiedMLP
from pinnlab.networks.pirate import PirateNet
from pinnlab.optimizers import LBFGS, SOAP, Adam, LevenbergMarquardt, SketchedGaussNewton, SSBroyden, Torch
from pinnlab.reference import reference_solution
from pinnlab.reference.lazy import ClassicalReference
from pinnlab.selection import InterfaceSelector, interface_arms
from pinnlab.solution.solution import Solution
from pinnlab.solvers.causal import CausalPINN
from pinnlab.solvers.hard_constraint import HardConstraintMoE
from pinnlab.solvers.lagrangian.solver import LagrangianPINN
from pinnlab.solvers.multidomain.partition import Subdomains
from pinnlab.solvers.multidomain.solver import MultiDomainPINN
from pinnlab.solvers.parameter_collocation.plan import ParameterCollocation
from pinnlab.solvers.pinn import PINN
from pinnlab.training import weighting
from pinnlab.training.checkpoint import Checkpoint
from pinnlab.training.status import Status
from pinnlab.training.weighting import NTK, GradientNorm

# import paths of version 0.1, such as pinnlab.weighting, are found in doors/
__path__.append(__path__[0] + "/doors")

__version__ = "0.1.0"
__all__ = [
    "FNO", "LBFGS", "MLP", "NTK", "PINN", "SOAP", "Adam", "Ball", "Box", "CausalPINN", "Checkpoint",
    "ClassicalReference", "Condition", "Data", "Dirichlet", "Field", "Final", "FourierEmbedding", "GradientNorm",
    "HardConstraintMoE", "Initial", "Integral", "InterfaceSelector", "LagrangianPINN", "LevenbergMarquardt", "Mesh",
    "ModifiedMLP", "MultiDomainPINN", "Neumann", "ParameterCollocation", "Periodic", "PeriodicEmbedding",
    "Piecewise", "PirateNet", "Polygon", "Problem", "RandomField", "Robin", "SSBroyden", "SketchedGaussNewton",
    "Solution", "Status", "Subdomains", "Torch", "Uniform", "Unknown", "Vector", "constraints", "curl", "diff",
    "div", "dot", "equations", "grad", "interface_arms", "load_problem", "reference_solution", "solve", "weighting",
]  # fmt: skip
