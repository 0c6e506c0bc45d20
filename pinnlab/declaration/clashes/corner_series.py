"""What an equation says of the first moments at a place of the start: the theorem of Cauchy and Kovalevskaya at work.

Letters: n points, d coordinates.

An equation that says what u_tt is, and a start that gives u and u_t along x, leave nothing open of the power series of u by
x and t. Its coefficients follow one after the other: the first k + 1 powers of t, put into the equation, give the next one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.indices import closure
from pinnlab.derivatives.jets import LazyJet

Table = Mapping[tuple[int, int], float]
"""{(k, j): the k-th derivative by time of the j-th along the line}."""
Residual = Callable[[Mapping[Key, Tensor], Tensor], Tensor]
"""An equation: the unknown's derivatives (n,) at (n, d) points to what should vanish, (n,)."""


def polynomial_jet(table: Table, point: Tensor, names: tuple[str, str], axes: tuple[int, int], at: Tensor) -> LazyJet:
    """The derivatives (n,) of sum over k, j of table[k, j] t^k x^j / (k! j!), with t and x from a point.

    Args:
        table: derivatives at the point.
        point: (1, d).
        names, axes: of time and of the line.
        at: (n, d) where, with a graph to it where that is wanted.
    """
    t, x = (at[:, i] - point[0, i] for i in axes)

    def derive(key: Key) -> Tensor:
        a, b = (key.count(name) for name in names)
        total = torch.zeros_like(t)
        for (k, j), value in table.items():
            if k >= a and j >= b:
                power = t ** (k - a) if k > a else torch.ones_like(t)
                power = power * x ** (j - b) if j > b else power
                total = total + value / (math.factorial(k - a) * math.factorial(j - b)) * power
        return total

    return LazyJet(derive)


def corner_series(
    starts: Sequence[Sequence[float]],
    residual: Residual,
    leading: float,
    point: Tensor,
    names: tuple[str, str],
    axes: tuple[int, int],
    order: int,
) -> dict[tuple[int, int], float]:
    """All derivatives of up to an order, in time and along the line, of what begins so, at a point of the start.

    Args:
        starts: derivatives along the line of the value, and of the first derivative by time.
        residual: the equation, of second order in time.
        leading: its constant derivative by u_tt.
        point: (1, d).
        names, axes: of time and of the line.
        order: highest one.
    """
    table = {(k, j): row[j] for k, row in enumerate(starts) for j in range(order + 1 - k)}
    time, line = axes
    for k in range(order - 1):
        along = order - 2 - k
        indices = closure([tuple(sorted((time,) * k + (line,) * along))])

        def off(at: Tensor) -> Tensor:
            return residual(polynomial_jet(table, point, names, axes, at), at)[:, None]

        jet = autograd_jet(off, point, indices, keep=False)[:, 0, 0]
        for j in range(along + 1):
            index = tuple(sorted((time,) * k + (line,) * j))
            table[k + 2, j] = -float(jet[indices.index(index)]) / leading
    return table
