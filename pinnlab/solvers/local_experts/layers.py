"""Thin layers at the ends of a line or the sides of a box, where the highest derivative has a small coefficient: cells are
graded towards them.

Letters: n points, p order of the highest derivative.

Least squares on cells that do not resolve a layer are off everywhere, so that halving what is off would halve all cells;
the width of a layer can be told before anything is solved. Source: Roos, Stynes & Tobiska, Robust Numerical Methods for
Singularly Perturbed Differential Equations (2008), chapter I.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

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


def end_layers(second: float, first: float, zeroth: float) -> tuple[float, float]:
    """Widths of the layers at the lower and the upper end, for an equation a_2 u'' + a_1 u' + a_0 u = f; inf for none.

    Of solutions exp(r x) those with r < 0 make a layer at the lower end, those with r > 0 at the upper one.

    Args:
        second, first, zeroth: a_2, a_1 and a_0.
    """
    if second == 0.0:
        return math.inf, math.inf
    middle, spread = -first / (2 * second), math.sqrt(max(first**2 / 4 - second * zeroth, 0.0)) / abs(second)
    low, high = middle - spread, middle + spread
    return (-1 / low if low < 0 else math.inf), (1 / high if high > 0 else math.inf)


def side_layers(problem: Problem) -> dict[str, tuple[float, float]]:
    """{coordinate: widths of the layers at its lower and its upper end} of linear equations of second order in space.

    Where nothing across a side balances the second derivative, what is carried or spreads along it does: layers are about
    as wide as what diffuses there while it is carried through the region.

    Args:
        problem: steady, on a box; none are known of non-linear equations, which make layers by their solution.
    """
    names = problem.domain.coordinates
    lengths = {name: upper - lower for name, (lower, upper) in problem.domain.bounds.items()}
    widths = {name: (math.inf, math.inf) for name in names}
    for residual, leaves in _traced(problem):
        if not _is_linear(residual, leaves):
            return dict.fromkeys(names, (math.inf, math.inf))
        slopes = {key: a.detach().tolist() for key, a in gradients(residual, leaves).items()}
        for at in range(_PLACES):
            here = {key: a[at] for key, a in slopes.items()}
            for name in names:
                mine = _layers_across(name, here, lengths)
                widths[name] = min(widths[name][0], mine[0]), min(widths[name][1], mine[1])
    return widths


def _traced(problem: Problem) -> Iterator[tuple[Tensor, dict[tuple[str, ...], Tensor]]]:
    """(residual, {derivative: its value}) of every equation and unknown, (n,) each, at made-up jets."""
    region, term = problem.domain, problem.equation_term()
    sites = term.draw(dry_points(len(region.coordinates)), _PLACES)
    found = trace(term, region.columns, problem.unknowns, problem.parameter_values(), sites)
    for residual in found.residuals.values():
        for jet in found.jets[0].values():
            yield residual, dict(jet)


def _layers_across(
    name: str, slopes: Mapping[tuple[str, ...], float], lengths: Mapping[str, float]
) -> tuple[float, float]:
    """Widths of the layers at both ends of a coordinate, from {derivative: coefficient} at a point."""
    second = slopes.get((name, name), 0.0)
    ends = end_layers(second, slopes.get((name,), 0.0), slopes.get((), 0.0))
    others = [(other, length) for other, length in lengths.items() if other != name]
    carried = [abs(slopes.get((other,), 0.0)) / length for other, length in others]
    spread = [abs(slopes.get((other, other), 0.0)) * (math.pi / length) ** 2 for other, length in others]
    if second == 0.0 or min(ends) < math.inf or not (most := max(*carried, *spread)):
        return ends
    return (math.sqrt(abs(second) / most),) * 2


def _is_linear(residual: Tensor, leaves: Mapping[tuple[str, ...], Tensor]) -> bool:
    """Whether the slopes of a residual do not depend on the state."""
    if not residual.requires_grad or not leaves:
        return True
    found = torch.autograd.grad(residual.sum(), list(leaves.values()), create_graph=True, allow_unused=True)
    return not any(slope is not None and slope.requires_grad for slope in found)


def thinnest_layer(problem: Problem) -> float:
    """The width of the thinnest layer that equations on a line may make, by their linearization; inf where there is none.

    Args:
        problem: steady, with one coordinate.
    """
    (x,), widths = problem.domain.coordinates, [math.inf]
    for residual, leaves in _traced(problem):
        slopes = {key.count(x): a.detach().tolist() for key, a in gradients(residual, leaves).items()}
        widths += [layer_width(dict(zip(slopes, a, strict=True))) for a in zip(*slopes.values(), strict=True)]
    return min(widths)
