"""What a solver of your own is made of; the parts live in ``pinnlab.training.plans`` and ``pinnlab.solvers.collocation``."""

from pinnlab.solvers.collocation import Assembly, CollocationPlan, CollocationSolver, Method
from pinnlab.training.plans import Advance, March, NothingSolvedError, Phase, Plan, Settings, Solver

__all__ = [
    "Advance", "Assembly", "CollocationPlan", "CollocationSolver", "March", "Method", "NothingSolvedError", "Phase", "Plan",
    "Settings", "Solver",
]  # fmt: skip
