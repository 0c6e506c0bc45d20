"""Eigenfunctions as polynomials, by least squares over points of any region: coarse, but enough to start from.

Letters: n points, d coordinates, m unknowns, N polynomials, r rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.polynomial import chebyshev

from pinnlab.algebra.eigenfunctions import APART, inverse_iteration, multiple
from pinnlab.declaration.conditions import Data, Integral
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.names import Key
from pinnlab.derivatives.pointwise import linearize
from pinnlab.domains import Region, Site
from pinnlab.domains.sampling import unit_points

Array = np.ndarray
_DEGREES = {1: 24, 2: 15, 3: 9, 4: 6}
"""Per number of coordinates, the total degree."""
_SURPLUS = 4
_WEIGHT = 30.0
"""Of rows of conditions, next to those of equations, both of size one."""
_INDEPENDENT = 1e-9
_STEP = 1e-3


class Polynomials:
    """N products of Chebyshev polynomials on a region's bounding box, degrees summing up to at most ``degree``."""

    def __init__(self, region: Region, degree: int):
        self.names = region.coordinates
        self.lower, upper = (np.array(side) for side in zip(*region.bounds.values(), strict=True))
        self.width, self.degree = upper - self.lower, degree
        every = itertools.product(range(degree + 1), repeat=len(self.names))
        self.powers = np.array([powers for powers in every if sum(powers) <= degree])

    def rows(self, points: Array, key: Key) -> Array:
        """(n, N) one derivative at (n, d) points."""
        unit, result = 2 * (points - self.lower) / self.width - 1, np.ones((len(points), len(self.powers)))
        for axis, name in enumerate(self.names):
            order, one = key.count(name), np.eye(self.degree + 1)
            matrix = chebyshev.chebder(one, order) if order <= self.degree else np.zeros((1, self.degree + 1))
            table = chebyshev.chebvander(unit[:, axis], len(matrix) - 1) @ matrix * (2 / self.width[axis]) ** order
            result *= table[:, self.powers[:, axis]]
        return result


@dataclass(frozen=True)
class PolynomialStart:
    """An eigenfunction of the right size, and its numbers.

    Attributes:
        basis: N polynomials.
        weights: (m, N).
        numbers: {name: value}.
    """

    basis: Polynomials
    weights: Array
    numbers: dict[str, float]

    def values(self, points: Array) -> Array:
        """(m, n) at points (n, d)."""
        return self.weights @ self.basis.rows(points, ()).T


def polynomial_start(problem: Problem) -> PolynomialStart | None:
    """Near the eigenfunction whose eigenvalue is nearest to its first guess; None where zero solves not all but an integral.

    Args:
        problem: steady, with a number to be found and an integral, in at most four coordinates.
    """
    names, domain = problem.domain.coordinates, problem.domain
    numbers = {name: float(problem.parameter_values()[name]) for name in problem.unknown_parameters}
    if len(names) not in _DEGREES or not numbers:
        return None
    basis = Polynomials(domain, _DEGREES[len(names)])
    rng, count = np.random.default_rng(7), _SURPLUS * len(basis.powers)
    first, *others = [problem.equation_term(), *_conditions(problem)]
    placed = [(first, _sites(first, problem, count, rng))]
    placed += [(term, _sites(term, problem, max(40, count // 6), rng)) for term in others]
    inside = basis.rows(placed[0][1][0].points.numpy(), ())
    _, sizes, directions = np.linalg.svd(inside / np.sqrt(len(inside)), full_matrices=False)
    kept = sizes > _INDEPENDENT * sizes[0]
    units = np.kron(np.eye(len(problem.unknowns)), directions[kept].T / sizes[kept])
    name = next(iter(numbers))
    # never exactly an eigenvalue
    shifted = {**numbers, name: numbers[name] + 1e-3 * APART * (abs(numbers[name]) or 1.0)}
    step = _STEP * (abs(shifted[name]) or 1.0)
    matrices, scales = [], None
    for value in (shifted[name], shifted[name] + step, shifted[name] - step):
        found = _matrix(placed, problem, basis, {**shifted, name: value}, scales)
        if found is None:
            return None
        matrix, scales = found
        matrices.append(matrix @ units)
    by_number = (matrices[1] - matrices[2]) / (2 * step)
    inverse = np.linalg.pinv(matrices[0], rcond=1e-13) @ by_number
    phi = inverse_iteration(lambda phi: inverse @ phi, rng.normal(size=units.shape[1]))
    if phi is None:
        return None
    slope = by_number @ phi
    shifted[name] -= float((matrices[0] @ phi) @ slope) / float(slope @ slope)
    weights = (units @ phi).reshape(len(problem.unknowns), -1)
    size = _size(problem, basis, weights, shifted)
    return None if size is None else PolynomialStart(basis, size * weights, shifted)


def _conditions(problem: Problem) -> list[Term]:
    pairs = [(c, terms) for c, terms in problem.condition_terms() if not isinstance(c, Integral | Data)]
    return [term for _, terms in pairs for term in terms]


def _sites(term: Term, problem: Problem, n: int, rng: np.random.Generator) -> tuple[Site, ...]:
    return term.draw(lambda k: unit_points("sobol", k, len(problem.domain.coordinates), rng).double(), n)


def _evaluated(
    term: Term,
    sites: Sequence[Site],
    problem: Problem,
    jets: Sequence[Mapping[str, LazyJet]],
    numbers: Mapping[str, float],
) -> list[torch.Tensor]:
    given = {k: torch.tensor(v, dtype=torch.float64) for k, v in numbers.items()}
    columns, parameters = problem.domain.columns, {**problem.parameter_values(), **given}
    scopes = [
        Scope.of_jets(jet, columns(s.points), parameters, None if s.normals is None else columns(s.normals))
        for s, jet in zip(sites, jets, strict=True)
    ]
    return list(term.evaluate(tuple(scopes)).values())


def _zeros(n: int) -> LazyJet:
    return LazyJet(lambda key: torch.zeros(n, dtype=torch.float64, requires_grad=True))


def _matrix(
    placed: Sequence[tuple[Term, tuple[Site, ...]]],
    problem: Problem,
    basis: Polynomials,
    numbers: Mapping[str, float],
    scales: list[float] | None,
) -> tuple[Array, list[float]] | None:
    """The rows (r, m N), linearized at zero, and the factors of each residual's; None where zero is no solution."""
    rows: list[Array] = []
    used: list[float] = []
    for term, sites in placed:
        jets = [{u: _zeros(len(site.points)) for u in problem.unknowns} for site in sites]
        residuals = _evaluated(term, sites, problem, jets, numbers)
        if any(bool((r != 0).any()) for r in residuals):
            return None
        for i, residual in enumerate(residuals):
            matrix = np.zeros((len(residual), len(problem.unknowns), len(basis.powers)))
            for site, jet in zip(sites, jets, strict=True):
                for (unknown, key), slope in linearize(residuals, jet)[i].items():
                    at = basis.rows(site.points.numpy(), key)
                    matrix[:, problem.unknowns.index(unknown)] += slope.numpy()[:, None] * at
            flat = matrix.reshape(len(residual), -1)
            largest = float(np.sqrt((flat**2).mean())) or 1.0
            factor = (1.0 if term.kind == "equation" else _WEIGHT) / largest / np.sqrt(len(residual))
            used.append(factor if scales is None else scales[len(used)])
            rows.append(used[-1] * flat)
    return np.concatenate(rows), used


def _size(problem: Problem, basis: Polynomials, weights: Array, numbers: Mapping[str, float]) -> float | None:
    """The multiple for which the first integral that zero does not meet has its value; positive values first."""
    for _, terms in ((c, t) for c, t in problem.condition_terms() if isinstance(c, Integral)):
        (term,) = terms
        sites = term.draw(lambda k: torch.zeros(k, len(problem.domain.coordinates), dtype=torch.float64), 1)
        points = sites[0].points.numpy()

        def off(c: float, term: Term = term, sites: Sequence[Site] = sites, points: Array = points) -> float:
            jets = {
                u: LazyJet(lambda key, j=j: torch.from_numpy(c * basis.rows(points, key) @ weights[j]))  # type: ignore[misc]
                for j, u in enumerate(problem.unknowns)
            }
            (value,) = _evaluated(term, sites, problem, [jets], numbers)
            return float(term.summed(value.detach()))

        if off(0.0) != 0:
            found = multiple(off)
            if found is None or not found[1]:
                return None if found is None else found[0]
            first = weights[0] @ basis.rows(points, ()).T
            return found[0] if first[np.abs(first).argmax()] > 0 else -found[0]
    return None
