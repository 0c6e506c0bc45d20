"""How solutions behave next to a corner of the plane: the exponents a of r^a f(angle) that equations and sides allow.

Letters: m unknowns and equations, N + 1 nodes across the angle, p derivatives by x, q by y.

Next to a corner only the leading derivatives count. With u_j = r^(a + t_j) f_j(angle) their equations, and the conditions
on the two sides, are ordinary differential equations across the angle, polynomial in a, which have solutions for some a
only (V. A. Kondrat'ev, Trans. Moscow Math. Soc. 16, 1967). The whole numbers t_j say by how many derivatives an unknown
is rougher than the smoothest one, as stresses are by one than displacements (A. Douglis and L. Nirenberg, Comm. Pure
Appl. Math. 8, 1955).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from pinnlab.derivatives.stencils import derivative_weights, interpolation_weights

Array = np.ndarray
Row = Mapping[tuple[int, tuple[int, ...]], complex]
"""{(number of an unknown, (p, q)): what multiplies this derivative}."""
_NODES = (14, 19)
"""Across the angle; exponents that both find are none of the discretization."""
_SAME = 1e-3
"""Difference up to which exponents are the same, or whole numbers: double ones are found to half of the digits only."""
_SMOOTH = 4.0
"""Exponent from which on it does not matter."""
_LARGEST = 1e6
"""Number from which on an eigenvalue is none of the problem."""
_ROUNDING = 1e-6
"""Angle that is none."""
_TINY = 1e-10
"""Next to the largest factor of an unknown's derivatives of one order, one that vanishes."""


@dataclass(frozen=True)
class Ray:
    """A side of a corner.

    Attributes:
        angle: of the ray from the corner, counter-clockwise from x.
        rows: the conditions that hold on it.
    """

    angle: float
    rows: Sequence[Row]


def span(first: Ray, second: Ray) -> float:
    """The angle from one ray to another, counter-clockwise; a whole turn where they are one."""
    angle = (second.angle - first.angle) % (2 * math.pi)
    return angle if _ROUNDING < angle < 2 * math.pi - _ROUNDING else 2 * math.pi


def least_exponent(equations: Sequence[Row], first: Ray, second: Ray, held: Sequence[int] = ()) -> float:
    """The least real part of the exponents that are no whole numbers, above those of infinite energy; infinite if none is.

    It is counted from k - 1 for equations of order 2 k, of which exponents lie on both sides alike: from 0 for displacements
    or an electric potential, from 1 for a plate's deflection. Whole numbers belong to polynomials, or to powers times
    logarithms that sources and data may bring.

    Args:
        equations: m.
        first, second: the region lies counter-clockwise from the first to the second one.
        held: unknowns with conditions of their own, see ``weights``.

    Raises:
        ValueError: the equations' leading part is degenerate, or does not go with so many conditions.
    """
    middle = of_finite_energy(equations, held)
    fine, coarse = (exponents(equations, first, second, n, held) - middle for n in reversed(_NODES))
    found = [a for a in fine if 0.0 < a.real < _SMOOTH and abs(a - round(a.real)) > _SAME]
    return min((float(a.real) for a in found if np.abs(coarse - a).min(initial=math.inf) < _SAME), default=math.inf)


def exponents(equations: Sequence[Row], first: Ray, second: Ray, nodes: int, held: Sequence[int] = ()) -> Array:
    """All that ``nodes`` + 1 nodes across the angle find, complex, those of the discretization among them.

    Args:
        equations, first, second, held: of ``least_exponent``.
        nodes: N.

    Raises:
        ValueError: of ``least_exponent``.
    """
    equations, sides = [_cleaned(row) for row in equations], [[_cleaned(r) for r in s.rows] for s in (first, second)]
    rougher, orders, _ = weights(equations, held)
    if sum(map(len, sides)) != sum(orders) or len(sides[0]) != len(sides[1]):
        raise ValueError(f"{sum(orders)} conditions are needed on the two sides, and there are {[*map(len, sides)]}")
    width = span(first, second)
    unit = np.cos(math.pi * np.arange(nodes + 1) / nodes)[::-1]
    angles = first.angle + width * (unit + 1) / 2
    every = np.repeat(unit[None], nodes + 1, axis=0)
    slope = derivative_weights(every, np.arange(nodes + 1), 1) * 2 / width
    ends = [np.eye(nodes + 1)[[0]], np.eye(nodes + 1)[[-1]]]
    # an equation of order k is asked for at k nodes less, and makes room for conditions
    inner = [_to_fewer(unit, nodes + 1 - order) for order in orders]
    rows = [*zip(equations, inner, strict=True), *((r, end) for s, end in zip(sides, ends, strict=True) for r in s)]
    degree = max(p + q for row, _ in rows for _, (p, q) in row)
    around = np.exp(2j * math.pi * np.arange(degree + 1) / (degree + 1))
    sampled = np.stack([_matrix(rows, rougher, a, angles, slope) for a in around])
    return _eigenvalues(np.fft.fft(sampled, axis=0) / (degree + 1))


def of_finite_energy(equations: Sequence[Row], held: Sequence[int] = ()) -> float:
    """The exponent k - 1 of equations of order 2 k in the smoothest unknown: those above it have finite energies.

    Raises:
        ValueError: of ``weights``.
    """
    rougher, orders, own = weights(equations, held)
    return max(order - rougher[j] for order, j in zip(orders, own, strict=True)) / 2 - 1


def weights(equations: Sequence[Row], held: Sequence[int] = ()) -> tuple[list[int], list[int], list[int]]:
    """Per unknown t_j, zero for the smoothest and less for others; per equation its order in an unknown, and which one.

    Args:
        equations: m.
        held: unknowns with conditions of their own all around, which are as smooth as each other unless equations forbid.

    Raises:
        ValueError: an unknown is missing in all equations that could determine it.
    """
    m = len(equations)
    order = np.full((m, m), -np.inf)
    for i, row in enumerate(equations):
        for j, by in row:
            order[i, j] = max(order[i, j], sum(by))
    try:
        _, own = scipy.optimize.linear_sum_assignment(np.where(np.isfinite(order), -order, np.inf))
    except ValueError:
        raise ValueError("no way to give each equation an unknown of its own") from None
    leading = order[np.arange(m), own]
    steps = np.full((m, m), -np.inf)
    steps[own] = order - leading[:, None]
    alike = [np.isin(np.arange(m), [first, *held]) for first in range(m)]
    found = min((_from(first, steps) for first in alike), key=np.sum)
    return [int(v) for v in found], [int(v) for v in leading], own.tolist()


def _from(first: Array, steps: Array) -> Array:
    """(m,) t, zero for the smoothest, and as little as equations allow for what some unknowns determine.

    Args:
        first: (m,) whether an unknown is one of those.
        steps: (m, m) t_j is at least t_k + steps[k, j].
    """
    t = np.where(first, 0.0, -np.inf)
    for start in (-np.inf, 0.0):
        # what it does not determine starts at zero
        t = np.where(np.isfinite(t), t, start)
        for _ in steps:
            t = np.maximum(t, (steps + t[:, None]).max(axis=0))
    return np.asarray(t - t.max())


def _cleaned(row: Row) -> Row:
    """Without what rounding left of derivatives of one order, as in the slope along a side."""
    largest: dict[tuple[int, int], float] = {}
    for (j, (p, q)), value in row.items():
        largest[j, p + q] = max(largest.get((j, p + q), 0.0), abs(value))
    return {(j, (p, q)): value for (j, (p, q)), value in row.items() if abs(value) > _TINY * largest[j, p + q]}


def _to_fewer(unit: Array, count: int) -> Array:
    """(count, N + 1) from values at nodes to those at as many points inside."""
    at = -np.cos(math.pi * (np.arange(count) + 0.5) / count)
    return interpolation_weights(np.repeat(unit[None], count, axis=0), at)


def _matrix(
    rows: Sequence[tuple[Row, Array]], rougher: Sequence[int], a: complex, angles: Array, slope: Array
) -> Array:
    """Square: what all rows make of values of f at all nodes, for one exponent.

    Args:
        rows: each with what takes its values at nodes to those at which it is asked for.
        rougher: t of every unknown.
        a: the exponent.
        angles, slope: (N + 1,) of the nodes, and (N + 1, N + 1) the derivative by the angle at them.
    """
    found, n = [], len(angles)
    known: dict[tuple[int, int, int], Array] = {}
    for row, at in rows:
        highest = max(p + q - rougher[j] for j, (p, q) in row)
        blocks = np.zeros((len(rougher), n, n), dtype=complex)
        for (j, (p, q)), value in row.items():
            if p + q - rougher[j] == highest:
                key = rougher[j], p, q
                if key not in known:
                    known[key] = _derivative(a + rougher[j], p, q, angles, slope)
                blocks[j] += value * known[key]
        lines = at @ np.concatenate(list(blocks), axis=1)
        found.append(lines / max(abs(v) for v in row.values()))
    return np.concatenate(found)


def _derivative(a: complex, p: int, q: int, angles: Array, slope: Array) -> Array:
    """(N + 1, N + 1): f to g, where p derivatives by x and q by y make r^a f to r^(a - p - q) g."""
    found = np.eye(len(angles), dtype=complex)
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    for k in range(p + q):
        radial, along = (cosine, -sine) if k < p else (sine, cosine)
        found = (a - k) * radial * found + along * (slope @ found)
    return found


def _eigenvalues(matrices: Array) -> Array:
    """The finite a of matrices[0] + a matrices[1] + a^2 matrices[2] + ... singular, each matrix square."""
    degree, n = len(matrices) - 1, matrices.shape[1]
    left, right = np.eye(degree * n, k=n, dtype=complex), np.eye(degree * n, dtype=complex)
    left[-n:] = -np.concatenate(list(matrices[:-1]), axis=1)
    right[-n:, -n:] = matrices[-1]
    above, below = scipy.linalg.eigvals(left, right, homogeneous_eigvals=True)
    kept = np.abs(above) < _LARGEST * np.abs(below)
    return np.asarray(above[kept] / below[kept])
