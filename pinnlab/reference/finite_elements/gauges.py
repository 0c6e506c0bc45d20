"""Integrals and values at points that fix free constants, as rows on the nodes of finite elements.

Letters: p points, v nodes, N = size of the system, i functions of an element.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnlab.declaration.conditions import Data, Integral
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.names import Key
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains.columns import Columns
from pinnlab.reference.finite_elements.function import ElementFunction
from pinnlab.reference.finite_elements.space import Array, Space
from pinnlab.reference.finite_elements.tied import Gauge


def fixing(problem: Problem, groups: Sequence[Sequence[str]]) -> list[Term]:
    """The conditions that fix free constants, one per group.

    Args:
        problem: steady.
        groups: unknowns that share a constant by equations and boundary alone.

    Raises:
        ValueError: there are more integrals and data than constants, or fewer.
    """
    given = [c for c in problem.conditions if isinstance(c, Integral | Data)]
    terms = [term for c in given for term in c.terms(problem.context())]
    numbers = sum(term.fixed or 0 for term in terms)
    if numbers != len(groups) or problem.domain.has_time and given:
        raise ValueError(
            f"reference_solution: finite elements take an integral or a value at a point where it fixes a free constant of "
            f"a steady problem, and here {len(groups)} of {numbers} numbers do, such as {given[0]!r}; pass a reference of "
            "your own as Problem(reference=...)."
        )
    return terms


@dataclass(frozen=True, eq=False)
class _Row:
    """One of the conditions on elements: the points' elements and functions, which do not change."""

    problem: Problem
    term: Term
    space: Space
    nodes: Array
    functions: dict[Key, Array]
    columns: Columns
    normals: dict[str, torch.Tensor]

    def __call__(self, state: Array) -> tuple[float, Array]:
        jets: dict[str, dict[Key, torch.Tensor]] = {}
        for unknown, values in zip(self.problem.unknowns, state, strict=True):
            jets[unknown] = {
                key: torch.from_numpy((values[self.nodes] * f).sum(axis=1)).requires_grad_()
                for key, f in self.functions.items()
            }
        scope = Scope.of_jets(jets, self.columns, self.problem.parameter_values(), self.normals)
        (found,) = self.term.evaluate((scope,)).values()
        weights = np.ones(1) if self.term.weights is None else self.term.weights.numpy()
        row = np.zeros_like(state)
        (slopes,) = linearize([found], jets)
        for (unknown, key), slope in slopes.items():
            shares = self.functions[key] * (weights * slope.numpy())[:, None]
            mine = row[self.problem.unknowns.index(unknown)]
            mine += np.bincount(self.nodes.ravel(), shares.ravel(), minlength=len(mine))
        return float(found.detach().numpy() @ weights), row.ravel()


def gauge(problem: Problem, term: Term, unknown: str, space: Space) -> Gauge:
    """The condition on elements.

    Args:
        problem: steady.
        term: of an integral, or of a value at one point.
        unknown: whose constant it fixes.
        space: the elements.
    """
    region = problem.domain
    (site,) = term.draw(lambda n: torch.zeros((n, len(region.coordinates)), dtype=torch.float64), 1)
    points = site.points.double()
    element, local = ElementFunction(space, region, {}).locate(points.numpy())
    values, by_local = space.shapes(local)
    nodes = space.element_nodes[:, element].T
    jacobian = np.einsum("dpi,pir->pdr", space.nodes[:, nodes], by_local)
    slopes = np.einsum("pir,prd->dpi", by_local, np.linalg.inv(jacobian))
    functions: dict[Key, Array] = {(): values, **{(n,): s for n, s in zip(region.space, slopes, strict=True)}}
    columns, normals = region.columns(points), {} if site.normals is None else region.columns(site.outward.double())
    return Gauge(unknown, _Row(problem, term, space, nodes, functions, columns, dict(normals)))
