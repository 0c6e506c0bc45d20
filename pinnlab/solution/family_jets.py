"""The solution of a family as a function of its parameters too, with derivatives by them.

Letters: c derivatives, n points, d coordinates, p parameters, m unknowns, w nodes.

Every member finds its own coefficients, by a search that has no derivatives of its own. What it finds depends smoothly on
the parameters, though, so a polynomial through a few close members has the derivatives of the family.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.parameters.kinds import Uniform
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.differentiable import JetFunction
from pinnlab.derivatives.indices import Index, Indices, closure
from pinnlab.derivatives.stencils import Array, derivative_weights
from pinnlab.solution.coordinates import solution_jet
from pinnlab.training.result import Solved

_MEMBERS = 9
"""Nodes of the polynomial."""
_REACH = 0.0125
"""Distance of the farthest node, relative to the family's interval: nearer ones lose digits to rounding."""


def parameter_nodes(value: float, family: Uniform) -> tuple[Array, int]:
    """(w,) values of a parameter near one of them, and the number of that one."""
    reach = _REACH * (family.upper - family.lower)
    middle = min(max(value, family.lower + reach), family.upper - reach)
    nodes = middle - reach * np.cos(np.pi * np.arange(_MEMBERS) / (_MEMBERS - 1))
    number = int(abs(nodes - value).argmin())
    nodes[number] = value
    return nodes, number


def family_jet(
    at: Callable[..., Solved], problem: Problem, given: dict[str, Any], moving: Sequence[str]
) -> JetFunction:
    """Derivatives (c, n, m) by coordinates and parameters at points (n, d + p).

    Args:
        at: solves one member, as ``Solution.at`` does.
        problem: the family.
        given: coordinates and parameters by name; parameters that are not ``moving`` are taken out.
        moving: the p parameters that are columns of the points.
    """
    fixed = {name: given.pop(name) for name in problem.families if name in given and name not in moving}
    families: list[Any] = [problem.parameters[name] for name in moving]
    d = len(problem.domain.coordinates)
    known: dict[tuple[float, ...], JetFunction] = {}

    def member(values: tuple[float, ...]) -> JetFunction:
        if values not in known:
            named: dict[str, Any] = {**fixed, **dict(zip(moving, values, strict=True))}
            with torch.enable_grad():  # a problem is tried when it is made
                known[values] = solution_jet(at(**named))
        return known[values]

    def derivative(values: Sequence[float], orders: Sequence[int], points: Tensor, inner: Indices, row: int) -> Tensor:
        choices = [_terms(v, family, q) for v, family, q in zip(values, families, orders, strict=True)]
        parts = []
        for term in itertools.product(*choices):
            weight = math.prod(w for _, w in term)
            parts.append(weight * member(tuple(v for v, _ in term))(points, inner)[row])
        return torch.stack(parts).sum(dim=0)

    def jet(points: Tensor, indices: Indices) -> Tensor:
        places: list[Index] = [tuple(i for i in index if i < d) for index in indices]
        inner = closure(places)
        distinct, which = torch.unique(points[:, d:], dim=0, return_inverse=True)
        found = points.new_empty(len(indices), len(points), len(problem.unknowns))
        for k, values in enumerate(distinct.tolist()):
            mine = which == k
            for c, (index, place) in enumerate(zip(indices, places, strict=True)):
                orders = [index.count(d + j) for j in range(len(families))]
                found[c, mine] = derivative(values, orders, points[mine, :d], inner, inner.index(place)).to(found)
        return found

    return jet


def moving_parameters(solution: Solved, given: dict[str, Any]) -> tuple[str, ...]:
    """The parameters of a family that are given as tensors which require gradients."""
    return tuple(
        name for name in solution.problem.families if isinstance(v := given.get(name), Tensor) and v.requires_grad
    )


def numbers_of_member(solution: Solved, given: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a family that stand among what is given; they are taken out.

    Raises:
        ValueError: one of them requires gradients.
    """
    moving = moving_parameters(solution, given)
    if moving:
        name = moving[0]
        raise ValueError(
            f"{name}=... requires gradients: derivatives by a parameter are known of the unknowns, as "
            f"solution({name}=..., ...) returns them, and not of expressions and integrals; pass float({name})."
        )
    values = {name: given.pop(name) for name in solution.problem.families if name in given}
    return {n: float(v) if isinstance(v, Tensor) and not v.ndim else v for n, v in values.items()}


def _terms(value: float, family: Uniform, order: int) -> list[tuple[float, float]]:
    """Values of a parameter and the weights of their members in a derivative."""
    if order == 0:
        return [(value, 1.0)]
    nodes, number = parameter_nodes(value, family)
    weights = derivative_weights(nodes[None], np.array([number]), order)[0]
    return list(zip(nodes.tolist(), weights.tolist(), strict=True))
