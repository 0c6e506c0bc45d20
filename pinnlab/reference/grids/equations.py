"""The equations of a problem as a cheap function of grid values, and their pointwise linearization.

Letters: n points.

A time stepper evaluates equations tens of thousands of times on few points, so the bookkeeping by which a ``Field``
stays differentiable would cost more than the arithmetic. ``GridValue`` computes straight to tensors. Equations that
differentiate expressions (``pl.diff(k * u.x, "x")``) need fields; they are recognized once and keep them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pinnlab.declaration.grid_scope import agrees, grid_scope
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.names import NamedJet
from pinnlab.domains.columns import Columns, columns_of


class Equations:
    """The residuals of a problem's equations on given jets.

    Args:
        problem: what to evaluate.
    """

    def __init__(self, problem: Problem):
        self.problem = problem
        self._term = problem.equation_term()
        self._parameters = problem.parameter_values()
        self.quick = self._agrees()

    def scope(
        self,
        jets: Mapping[str, NamedJet],
        columns: Columns,
        quick: bool = False,
        numbers: Mapping[str, Tensor] | None = None,
    ) -> Scope:
        """The scope in which unknowns have the given derivatives at points ``columns``, each (n,); ``numbers``: values of
        parameters that are to be found.
        """
        parameters = {**self._parameters, **(numbers or {})}
        return (grid_scope if quick else Scope.of_jets)(jets, columns, parameters)

    def residuals(
        self, jets: Mapping[str, NamedJet], columns: Columns, numbers: Mapping[str, Tensor] | None = None
    ) -> list[Tensor]:
        """The residuals, each (n,)."""
        return list(self._term.evaluate((self.scope(jets, columns, self.quick, numbers),)).values())

    def _agrees(self) -> bool:
        generator = torch.Generator().manual_seed(0)
        made_up = {
            u: {k: torch.rand(5, generator=generator, dtype=torch.float64) + 0.5 for k in sorted(keys)}
            for u, keys in self.problem.derivatives.items()
        }
        domain = self.problem.domain
        line = {n: torch.linspace(*bounds, 7, dtype=torch.float64)[1:-1] for n, bounds in domain.bounds.items()}
        return agrees(self._term, made_up, columns_of(domain, line), self._parameters)
