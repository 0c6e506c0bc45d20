"""How much interface conditions count next to equations, in natural units.

A jump between subdomains and a residual inside them are comparable where both put an unknown off by as much. The operator
of the equations, on half a wave along the domain, tells what residual belongs to what error: pi^2 for u_xx on the unit
interval, pi^4 for u_xxxx, one for a stiff reaction that has the size one. Interface weights of 100, about pi^4, are right
for the first of these.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pinnlab.declaration.natural_units.term_sizes import TermSizes
from pinnlab.declaration.problem import Problem
from pinnlab.solvers.multidomain.interfaces import InterfaceCondition, resolve

_USUAL = math.pi**2
"""Response of u_xx on the unit interval, for which weights are as the user gives them."""


def response(problem: Problem) -> float:
    """How large residuals become where an unknown of a problem in natural units is off by one."""
    sizes = TermSizes(problem.context(), problem.equation_term(), [], problem.parameters, problem.complex_unknowns)
    return sizes.response(dict.fromkeys(problem.unknowns, 0.0), dict.fromkeys(problem.unknowns, 1.0))


def comparable(given: Any, flux: Callable[..., Any] | None, response: float) -> dict[InterfaceCondition, float]:
    """Interface conditions with weights in which jumps of unknowns count as the residuals that belong to them.

    Args:
        given: as ``resolve`` takes them. Residuals, and fluxes of the user's own, are in units of the equations already.
        flux: the user's.
        response: of the equations; zero tells nothing.
    """
    factor = (response / _USUAL) ** 2 if response > 0 else 1.0

    def measured(condition: InterfaceCondition) -> bool:
        return condition.about == "unknown" or (condition.about == "flux" and flux is None)

    return {c: weight * (factor if measured(c) else 1.0) for c, weight in resolve(given)}
