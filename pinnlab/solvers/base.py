"""What a solver of your own is made of; the parts live in ``pinnlab.training.plans`` and ``pinnlab.solvers.collocation``."""

from pinnlab.solvers.collocation import CollocationPlan, CollocationSolver
from pinnlab.training.plans import Advance, March, NothingSolvedError, Phase, Plan, Settings, Solver

__all__ = [
    "Advance", "CollocationPlan", "CollocationSolver", "March", "NothingSolvedError", "Phase", "Plan", "Settings", "Solver",
]  # fmt: skip
