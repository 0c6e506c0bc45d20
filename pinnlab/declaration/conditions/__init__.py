"""Conditions on a problem's unknowns: what must hold besides the equations."""

from pinnlab.declaration.conditions.base import AnyCondition, BoundaryCondition, OnPiece, Value
from pinnlab.declaration.conditions.boundary import Dirichlet, Neumann, PrescribedCondition, Robin, normal_derivative
from pinnlab.declaration.conditions.data import Data
from pinnlab.declaration.conditions.formula import Condition
from pinnlab.declaration.conditions.initial import AtAnInstant, Final, Initial
from pinnlab.declaration.conditions.integral import Integral
from pinnlab.declaration.conditions.periodic import Periodic
from pinnlab.declaration.terms import Context

__all__ = [
    "AnyCondition", "AtAnInstant", "BoundaryCondition", "Condition", "Context", "Data", "Dirichlet", "Final", "Initial",
    "Integral", "Neumann", "OnPiece", "Periodic", "PrescribedCondition", "Robin", "Value", "normal_derivative",
]  # fmt: skip
