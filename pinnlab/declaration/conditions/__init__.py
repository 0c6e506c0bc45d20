"""Conditions on a problem's unknowns: what must hold besides the equations."""

from pinnlab.declaration.conditions.base import Condition, Value
from pinnlab.declaration.conditions.boundary import BoundaryCondition, Dirichlet, Neumann, Robin, normal_derivative
from pinnlab.declaration.conditions.data import Data
from pinnlab.declaration.conditions.initial import AtAnInstant, Final, Initial
from pinnlab.declaration.conditions.periodic import Periodic
from pinnlab.declaration.terms import Context

__all__ = [
    "AtAnInstant", "BoundaryCondition", "Condition", "Context", "Data", "Dirichlet", "Final", "Initial", "Neumann",
    "Periodic", "Robin", "Value", "normal_derivative",
]  # fmt: skip
