"""Thin layers at the ends of a line, where the highest derivative has a small coefficient: cells are graded towards them.

Letters: n points, p order of the highest derivative.

Least squares on cells that do not resolve a layer are off everywhere, so that halving what is off would halve all cells;
the width of a layer can be told before anything is solved. Source: Roos, Stynes & Tobiska, Robust Numerical Methods for
Singularly Perturbed Differential Equations (2008), chapter I.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pinnlab.declaration.dry_run import dry_points
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import trace
from pinnlab.derivatives.pointwise import gradients

_PLACES = 64
"""At which equations are linearized."""


def layer_width(coefficients: Mapping[int, float]) -> float:
    """The least length over which solutions of an equation with constant coefficients grow or decay by e; inf if none do.

    The highest derivative, of order p, balances one of lower order q over the length |a_p / a_q|^(1/(p - q)): eps for
    eps u'' = u', the root of eps for eps u'' = u. Where u'' = -k^2 u, there are waves in place of layers.

    Args:
        coefficients: {order of the derivative: its coefficient a}.
    """
    orders = [order for order, a in coefficients.items() if a != 0.0]
    if not orders:
        return math.inf
    p = max(orders)
    lengths = [
        abs(coefficients[p] / coefficients[q]) ** (1 / (p - q))
        for q in orders
        if q < p and not (p - q == 2 and coefficients[p] * coefficients[q] > 0)
    ]
    return min(lengths, default=math.inf)


def thinnest_layer(problem: Problem) -> float:
    """The width of the thinnest layer that equations on a line may make, by their linearization; inf where there is none.

    Args:
        problem: steady, with one coordinate.
    """
    region = problem.domain
    (x,) = region.coordinates
    term = problem.equation_term()
    sites = term.draw(dry_points(1), _PLACES)
    found = trace(term, region.columns, problem.unknowns, problem.parameter_values(), sites)
    widths = [math.inf]
    for residual in found.residuals.values():
        for jet in found.jets[0].values():
            slopes = {key.count(x): a.detach().tolist() for key, a in gradients(residual, dict(jet)).items()}
            widths += [layer_width(dict(zip(slopes, a, strict=True))) for a in zip(*slopes.values(), strict=True)]
    return min(widths)
