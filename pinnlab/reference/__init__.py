"""Classical solutions from the same equations: what every network's answer is compared with."""

from pinnlab.reference.base import Interpolant, Reference, relative_difference
from pinnlab.reference.solve import reference_solution, solve_for

__all__ = ["Interpolant", "Reference", "reference_solution", "relative_difference", "solve_for"]
