"""What is known of numbers before there are data, as residuals beside those of the data."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from pinnlab.declaration.conditions import Data
from pinnlab.declaration.parameters.kinds import Unknown
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.domains import Site


def prior_terms(problem: Problem) -> list[Term]:
    """A residual for each prior, as large next to the data's as a measurement with the prior's deviation is.

    A data term is the mean of n squares, of which each is the square of the noise: a prior's square, in units of its
    deviation, is worth an n-th of that.

    Raises:
        ValueError: the noise of data is not known.
    """
    found = {name: u for name, u in problem.parameters.items() if isinstance(u, Unknown) and u.prior is not None}
    if not found:
        return []
    data = [term for c, terms in problem.condition_terms() if isinstance(c, Data) for term in terms]
    shares = []
    for term in data:
        if term.noise is None or term.fixed is None:
            raise ValueError(
                f"parameters[{next(iter(found))!r}] has a prior, which counts against the noise of the data, and of "
                f"{term.residuals[0]!r} that is not known: give Data(..., sd=...), or use HardConstraintMoE(), which "
                "estimates it."
            )
        shares.append(term.weight * term.noise**2 / term.fixed)
    weight = math.exp(sum(map(math.log, shares)) / len(shares)) if shares else 1.0
    return [_term(problem, name, unknown.prior, weight) for name, unknown in found.items() if unknown.prior is not None]


def _term(problem: Problem, name: str, prior: tuple[float, float], weight: float) -> Term:
    label, region = f"prior {name}", problem.domain

    def draw(unit: Callable[[int], Tensor], n: int) -> tuple[Site, ...]:
        return (region.interior(unit(1)),)

    def evaluate(mean: float, deviation: float, scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
        (scope,) = scopes
        return {label: ((torch.as_tensor(scope.parameters[name]) - mean) / deviation).expand_as(scope.like)}

    return Term("data", (label,), draw, partial(evaluate, *prior), weight, fixed=1, noise=1.0)
