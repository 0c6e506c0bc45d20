"""The principal part of a problem's equations, with the pressures among its unknowns.

Letters: n made-up points, m unknowns and equations.

A pressure is an unknown without second derivatives that enters other equations by its slopes, beside an equation of first
order that is free of these slopes, such as div u = 0: it is the multiplier of that constraint. With i xi for a derivative,
the equations' symbol has pressures' columns and constraints' rows of first order; divided by i it is real, and its
determinant tells elliptic problems from others, as that of second derivatives alone does without pressures (A. Douglis, L.
Nirenberg, Comm. Pure Appl. Math. 8 (1955) 503).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.jets import made_up_jet
from pinnlab.derivatives.names import Key
from pinnlab.domains.sampling import unit_points
from pinnlab.reference.finite_elements.fluxes import Pointwise, first_order_keys, pointwise

Array = np.ndarray
_PROBES = 8
_DIRECTIONS = 7
_VANISHES = 1e-8
"""Next to a matrix whose rows have length one, a determinant that is none."""


class Symbol:
    """The equations at made-up fields.

    Args:
        problem: of second order in space.
        seed: of the made-up fields.

    Attributes:
        flat: the equations, with nothing in place of fluxes' derivatives.
        factors: per equation, what multiplies the derivative of each flux; None where nothing does.

    Raises:
        ValueError: a third derivative.
    """

    def __init__(self, problem: Problem, seed: int = 31):
        self.problem, region = problem, problem.domain
        unit = unit_points("sobol", _PROBES, len(region.coordinates), np.random.default_rng(0)).double()
        self._columns = region.columns(region.interior(unit).points)
        jets = {u: made_up_jet(_PROBES, seed + j) for j, u in enumerate(problem.unknowns)}
        orders = {u: problem.order_of(u, region.clock) if region.has_time else 0 for u in problem.unknowns}
        self._leaves = {(u, k): jets[u][k] for u, keys in first_order_keys(problem, orders).items() for k in keys}
        self.flat = self._at(None)
        self.factors = [self.flat.by_fluxes(r) for r in self.flat.residuals]

    def _at(self, derivatives: list[Tensor] | None) -> Pointwise:
        return pointwise(self.problem, self._leaves, self._columns, self.problem.parameter_values(), derivatives)

    def bent(self) -> list[list[Tensor | None]]:
        """The factors where every flux has the derivative one."""
        found = self._at([torch.ones(_PROBES, dtype=torch.float64)] * len(self.flat.fluxes))
        return [found.by_fluxes(r) for r in found.residuals]

    @cached_property
    def _direct(self) -> list[dict[tuple[str, Key], Tensor]]:
        """Per equation, its derivatives by values and slopes outside fluxes."""
        return [self.flat.by_leaves(r) for r in self.flat.residuals]

    @cached_property
    def _of_fluxes(self) -> list[dict[tuple[str, Key], Tensor]]:
        return [self.flat.by_leaves(flux.value) for flux in self.flat.fluxes]

    @cached_property
    def multipliers(self) -> dict[str, int]:
        """{pressure: number of its constraint}; empty where there is none, or no elliptic problem is found."""
        unknowns, space = self.problem.unknowns, self.problem.domain.space
        second = {u for change in self._of_fluxes for u, key in change if len(key) == 1 and key[0] in space}
        pressures = [u for u in unknowns if u not in second]
        constraints = [i for i, mine in enumerate(self.factors) if all(f is None for f in mine)]
        if not pressures or len(pressures) != len(constraints) or len(unknowns) < 3 * len(pressures):
            return {}
        for i in constraints:
            slopes = {u for u, key in self._direct[i] if len(key) == 1 and key[0] in space}
            if len(slopes) < 2 or slopes & set(pressures):
                return {}
        found = dict(zip(pressures, constraints, strict=True))
        return found if self._is_elliptic(found) else {}

    def moved(self, rows: Sequence[str]) -> tuple[str, ...]:
        """Unknowns that their own equations move with a velocity that no unknown changes.

        Args:
            rows: of each equation its own unknown.
        """
        space, other = self.problem.domain.space, Symbol(self.problem, seed=57)
        found = []
        for unknown, *residuals in zip(rows, self.flat.residuals, other.flat.residuals, strict=True):
            pairs = zip((self, other), residuals, strict=True)
            one, two = (symbol.flat.transport(residual, unknown, space)[0] for symbol, residual in pairs)
            if one.any() and np.allclose(one, two, rtol=1e-12, atol=0.0):
                found.append(unknown)
        return tuple(found)

    @property
    def has_pressure(self) -> bool:
        """Whether there is a multiplier that its own constraint does not hold: grids have no rows for it."""
        found = self.multipliers
        return bool(found) and all((u, ()) not in self._direct[i] for u, i in found.items())

    def is_elliptic(self) -> bool:
        """Whether the symbol is regular in every direction."""
        return self._is_elliptic(self.multipliers)

    def _is_elliptic(self, multipliers: Mapping[str, int]) -> bool:
        signs: list[Array] = []
        for xi in _directions(self.problem.domain.space):
            matrix = self._matrix(xi, multipliers)
            sizes = np.linalg.norm(matrix, axis=2, keepdims=True)
            determinants = np.linalg.det(matrix / np.maximum(sizes, 1e-300))
            signs.append(np.sign(determinants))
            # a determinant that changes its sign with the direction vanishes in one
            if (np.abs(determinants) < _VANISHES).any() or (signs[-1] != signs[0]).any():
                return False
        return True

    def _matrix(self, xi: Mapping[str, float], multipliers: Mapping[str, int]) -> Array:
        """(n, m, m)."""
        unknowns, constraints = self.problem.unknowns, set(multipliers.values())
        matrix = np.zeros((_PROBES, len(self.factors), len(unknowns)))
        for i, mine in enumerate(self.factors):
            for flux, change, factor in zip(self.flat.fluxes, self._of_fluxes, mine, strict=True):
                for (unknown, key), value in change.items():
                    if factor is None:
                        continue
                    slope = (factor * value).numpy() * xi[flux.coordinate]
                    if len(key) == 1 and key[0] in xi:
                        matrix[:, i, unknowns.index(unknown)] += slope * xi[key[0]]
                    elif not key and unknown in multipliers:
                        matrix[:, i, unknowns.index(unknown)] += slope
            for (unknown, key), value in self._direct[i].items():
                j = unknowns.index(unknown)
                if len(key) == 1 and key[0] in xi and ((unknown in multipliers) != (i in constraints)):
                    matrix[:, i, j] += value.numpy() * xi[key[0]]
                elif not key and unknown in multipliers and i in constraints:
                    matrix[:, i, j] -= value.numpy()
        # pressures in units in which they are as large as what they balance
        balance = [i for i in range(len(self.factors)) if i not in constraints]
        stress = np.abs(matrix[:, balance][:, :, [u not in multipliers for u in unknowns]]).max(axis=(1, 2))
        for unknown in multipliers:
            j = unknowns.index(unknown)
            matrix[:, :, j] *= (stress / np.maximum(np.abs(matrix[:, balance, j]).max(axis=1), 1e-300))[:, None]
        return matrix


def _directions(space: Sequence[str]) -> list[dict[str, float]]:
    """Unit vectors, spread over half of all directions."""
    if len(space) == 2:
        angles = np.linspace(0.1, np.pi + 0.1, _DIRECTIONS)
        return [dict(zip(space, (float(np.cos(a)), float(np.sin(a))), strict=True)) for a in angles]
    found = np.random.default_rng(0).standard_normal((4 * _DIRECTIONS, len(space)))
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return [dict(zip(space, row.tolist(), strict=True)) for row in found]


def has_pressure(problem: Problem) -> bool:
    """Whether an unknown is the multiplier of a constraint without it, as a pressure is that of incompressibility."""
    space = problem.domain.space
    if len(space) < 2 or len(problem.unknowns) < 3 or problem.families or problem.unknown_parameters:
        return False
    if len(problem.residual_names) != len(problem.unknowns):
        return False
    orders = {u: max((sum(n in space for n in k) for k in keys), default=0) for u, keys in problem.derivatives.items()}
    if 1 not in orders.values() or max(orders.values()) != 2:
        return False
    try:
        return Symbol(problem).has_pressure
    except ValueError:
        return False


def constraints_of(problem: Problem) -> dict[str, int]:
    """{pressure: number of its constraint}."""
    return dict(Symbol(problem).multipliers) if has_pressure(problem) else {}


def pressures_of(problem: Problem) -> tuple[str, ...]:
    """The unknowns that are such multipliers."""
    return tuple(constraints_of(problem))
