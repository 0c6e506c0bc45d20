"""pinnlab: physics-informed neural solvers of differential equations behind one interface."""

from pinnlab import constraints
from pinnlab.api import load_problem, solve
from pinnlab.checkpoint import Checkpoint
from pinnlab.conditions import Data, Dirichlet, Initial, Neumann, Periodic, Robin
from pinnlab.domains import Ball, Box, Mesh, Polygon
from pinnlab.fields import Field, diff
from pinnlab.networks.embeddings import FourierEmbedding, PeriodicEmbedding
from pinnlab.networks.fno import FNO
from pinnlab.networks.mlp import MLP
from pinnlab.networks.modified_mlp import ModifiedMLP
from pinnlab.networks.pirate import PirateNet
from pinnlab.optimizers import LBFGS, SOAP, Adam, LevenbergMarquardt, SketchedGaussNewton, SSBroyden
from pinnlab.parameters import Uniform, Unknown
from pinnlab.problem import Problem
from pinnlab.random_fields import RandomField
from pinnlab.reference import reference_solution
from pinnlab.reference.lazy import ClassicalReference
from pinnlab.selection import InterfaceSelector, interface_arms
from pinnlab.solution import Solution
from pinnlab.solvers.causal import CausalPINN
from pinnlab.solvers.hard_constraint import HardConstraintMoE
from pinnlab.solvers.lagrangian import LagrangianPINN
from pinnlab.solvers.multidomain import MultiDomainPINN
from pinnlab.solvers.pinn import PINN
from pinnlab.status import Status
from pinnlab.subdomains import Subdomains
from pinnlab.weighting import NTK, GradientNorm

__version__ = "0.1.0"
__all__ = [
    "FNO", "LBFGS", "MLP", "NTK", "PINN", "SOAP", "Adam", "Ball", "Box", "CausalPINN", "Checkpoint",
    "ClassicalReference", "Data", "Dirichlet", "Field", "FourierEmbedding", "GradientNorm", "HardConstraintMoE",
    "Initial", "InterfaceSelector", "LagrangianPINN", "LevenbergMarquardt", "Mesh", "ModifiedMLP", "MultiDomainPINN",
    "Neumann", "Periodic", "PeriodicEmbedding", "PirateNet", "Polygon", "Problem", "RandomField", "Robin", "SSBroyden",
    "SketchedGaussNewton", "Solution", "Status", "Subdomains", "Uniform", "Unknown", "constraints", "diff", "interface_arms",
    "load_problem", "reference_solution", "solve",
]  # fmt: skip
