"""The error equation where there is no grid for it: least squares for e on global functions, over points of any region.

Letters: n points, d coordinates, m unknowns, N functions, q residuals, r rows.

In up to two coordinates the functions are the random features of local experts, one cell over the whole bounding box; in
more, where these would be too many, polynomials of a total degree. The rows are the linearization of equations and
conditions at u_h + e; Gauss-Newton repeats that where e is not small.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import scipy
import torch
from numpy.polynomial import chebyshev
from torch import Tensor

from pinnlab.declaration.lacking import keys_of
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import error_grid
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.indices import used_indices
from pinnlab.derivatives.pointwise import linearize
from pinnlab.derivatives.stencils import Array
from pinnlab.domains import Region, Site
from pinnlab.domains.sampling import unit_points
from pinnlab.machine.capacity import gigabytes, usable_memory
from pinnlab.machine.deadline import Deadline, multiplications_per_second
from pinnlab.solution.measures import JetsByUnknown, Sampled
from pinnlab.solution.sizes import rms
from pinnlab.solvers.local_experts.basis import RandomFeatures
from pinnlab.training.part import Part

Found = TypeVar("Found")
PointFunction = Callable[[Tensor], Tensor]
"""(n, d) points -> (n, m) values."""
DEGREES = {1: (20, 30), 2: (12, 17), 3: (11, 14), 4: (8, 10), 5: (6, 8), 6: (5, 6)}
"""Per number of coordinates, degrees of the coarse and the fine functions.

Of random features it is the degree per coordinate of polynomials with their resolution; of polynomials the total degree.
"""
FEATURES = 2
"""Up to which number of coordinates random features are used."""
_BATCH = 8192
"""Points at which the error is evaluated at once."""
_COMPARED = 20_000
"""Points at which the coarse and the fine functions are compared, about."""
_STEPS = 4
_COPIES = 3
"""Of the Jacobian, while least squares are solved."""
_SLOW = 4.0
"""Times that least squares by orthogonal factors take, against a product of the matrix with itself in BLAS."""
_SURPLUS = 4
"""Rows of the equations per coefficient."""
_DRAWS = 16
"""Of noise, with which one sees what it does to e."""
_WEIGHT = 100.0
"""Factor of the rows of conditions; rows of equations are divided by the size of their largest coefficient."""


class TotalDegree:
    """N products of Chebyshev polynomials on [-1, 1]^d whose degrees sum up to at most ``degree``.

    Args:
        d: number of coordinates.
        degree: at least 1.
    """

    def __init__(self, d: int, degree: int):
        self.degree = degree
        every = itertools.product(range(degree + 1), repeat=d)
        self.powers = np.array([powers for powers in every if sum(powers) <= degree])
        self.size = len(self.powers)

    def rows(self, points: Array, orders: Sequence[int]) -> Array:
        """(n, N) derivatives of the functions, of the given order by each coordinate, at (n, d) points."""
        result = np.ones((len(points), self.size))
        for axis, order in enumerate(orders):
            one = np.eye(self.degree + 1)
            matrix = chebyshev.chebder(one, order) if order <= self.degree else np.zeros((1, self.degree + 1))
            table = chebyshev.chebvander(points[:, axis], len(matrix) - 1) @ matrix
            result *= table[:, self.powers[:, axis]]
        return result


class ScaledFeatures:
    """N functions on the bounding box of a region, with derivatives by its coordinates."""

    def __init__(self, region: Region, degree: int):
        self.names = region.coordinates
        self.lower = np.array([lo for lo, _ in region.bounds.values()])
        self.width = np.array([hi - lo for lo, hi in region.bounds.values()])
        d = len(self.names)
        self.basis = RandomFeatures((degree,) * d) if d <= FEATURES else TotalDegree(d, degree)
        self.size = self.basis.size

    def stretch(self, key: Key) -> float:
        """The factor from derivatives in reference coordinates to those in the region's."""
        return float(np.prod([(2 / w) ** key.count(n) for n, w in zip(self.names, self.width, strict=True)]))

    def rows(self, points: Tensor, key: Key) -> Array:
        """(n, N) one derivative at (n, d) points."""
        unit = 2 * (points.numpy() - self.lower) / self.width - 1
        return self.basis.rows(unit, [key.count(n) for n in self.names]) * self.stretch(key)

    def values(self, points: Tensor, coefficients: Array) -> Tensor:
        """(n, m) values at (n, d) points of the functions with coefficients (m, N)."""
        parts = points.detach().to("cpu", torch.float64).split(_BATCH)
        return torch.cat([torch.from_numpy(self.rows(part, ()) @ coefficients.T) for part in parts])


@dataclass(frozen=True)
class _Placed:
    """One term at its points: the jets of u_h there, and the features' derivatives."""

    term: Term
    sites: tuple[Site, ...]
    scopes: tuple[Scope, ...]
    jets: tuple[JetsByUnknown, ...]
    rows: tuple[dict[Key, Array], ...]
    weight: float

    def linearized(self, w: Array, unknowns: tuple[str, ...], features: ScaledFeatures) -> tuple[Array, Array, Array]:
        """Weighted residuals (r,), Jacobian (r, m N) and known noise (r,) at u_h + e, e with coefficients (m, N)."""
        jets = []
        for known, rows in zip(self.jets, self.rows, strict=True):
            jets.append(
                {
                    u: {
                        k: (v.detach() + torch.from_numpy(rows[k] @ w[j])).requires_grad_() for k, v in known[u].items()
                    }
                    for j, u in enumerate(unknowns)
                }
            )
        scopes = tuple(
            Scope.of_jets(jet, scope.coordinates, scope.parameters, scope.normals or None)
            for jet, scope in zip(jets, self.scopes, strict=True)
        )
        residuals, matrices, noise = [], [], []
        for residual in self.term.evaluate(scopes).values():
            matrix, scale = np.zeros((len(residual), *w.shape)), 0.0
            for jet, rows in zip(jets, self.rows, strict=True):
                (slopes,) = linearize([residual], jet)
                for (unknown, key), slope in slopes.items():
                    matrix[:, unknowns.index(unknown)] += slope.numpy()[:, None] * rows[key]
                    scale = max(scale, float(slope.square().mean().sqrt()) * features.stretch(key))
            flat = torch.from_numpy(matrix.reshape(len(residual), -1))
            values, flat = self.term.summed(residual.detach()), self.term.summed(flat.T).T
            factor = self.weight / (scale or 1.0) / np.sqrt(len(values))
            residuals.append(factor * values.numpy())
            matrices.append(factor * flat.numpy())
            noise.append(np.full(len(values), factor * (self.term.noise or 0.0)))
        return np.concatenate(residuals), np.concatenate(matrices), np.concatenate(noise)


class LeastSquares:
    """The rows of a problem's equations and conditions for u_h + e, with e on global functions.

    Args:
        problem: with a number for every parameter.
        models: u_h: one part, smooth on the whole domain.
        degree: resolution of the functions; see ``DEGREES``.
        deadline: of a solve.
        data: whether data count as conditions, which they are where they fix what the others leave open.

    Raises:
        ValueError: the matrix does not fit into the memory.
        TimeIsUpError: least squares would end after the deadline.
    """

    def __init__(self, problem: Problem, models: Sequence[Part], degree: int, deadline: Deadline, data: bool = False):
        self.unknowns: tuple[str, ...] = problem.unknowns
        self.features, sampled = ScaledFeatures(problem.domain, degree), Sampled(problem, models)
        rng = np.random.default_rng([0, 4321])
        count = _SURPLUS * self.features.size
        self.shape = int(1.5 * count) * len(problem.residual_names), self.features.size * len(self.unknowns)
        if (need := _COPIES * 8.0 * self.shape[0] * self.shape[1]) > (most := usable_memory()):
            raise ValueError(
                f"{self.shape[1]} functions need {gigabytes(need)} of memory, of which {gigabytes(most)} may be used"
            )
        self.require(deadline)
        self.placed = [_place(problem, sampled, self.features, problem.equation_term(), count, 1.0, rng)]
        for _, terms in problem.condition_terms():
            few = max(64, count // 12)
            self.placed += [
                _place(problem, sampled, self.features, t, t.fixed or max(8, few // t.span), _WEIGHT, rng)
                for t in terms
                if data or t.kind != "data"
            ]

    def require(self, deadline: Deadline) -> None:
        """Raise TimeIsUpError where least squares would end after the deadline."""
        height, width = self.shape
        seconds = _SLOW * height * width**2 / multiplications_per_second()
        deadline.require(seconds, f"least squares for {width} functions")

    def rows(self, w: Array) -> tuple[Array, Array]:
        """Weighted residuals (r,) and Jacobian (r, m N) at u_h + e, e with coefficients (m, N).

        Raises:
            ValueError: residuals are not finite.
        """
        found = [p.linearized(w, self.unknowns, self.features) for p in self.placed]
        residual, jacobian, _ = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if not np.isfinite(residual).all():
            raise ValueError("residuals are not finite")
        return residual, jacobian

    def noise(self, points: Tensor, missed: bool = True) -> Array:
        """(m,) root mean squares of what noise of the data makes of e at points (n, d), where data count as conditions.

        Args:
            points: where.
            missed: whether the noise is at least as large as what u_h misses the data by; else it is as large as known.
        """
        found = [p.linearized(self._nothing, self.unknowns, self.features) for p in self.placed]
        sizes = [
            np.maximum(np.sqrt(np.mean(left**2)) * missed, known) * (p.term.kind == "data")
            for p, (left, _, known) in zip(self.placed, found, strict=True)
        ]
        size, jacobian = np.concatenate(sizes), np.concatenate([matrix for _, matrix, _ in found])
        if not size.any():
            return np.zeros(len(self.unknowns))
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (len(size), _DRAWS))
        moved = scipy.linalg.lstsq(jacobian, size[:, None] * signs, cond=1e-13, lapack_driver="gelsy")[0]
        values = self.features.rows(points, ()) @ moved.reshape(len(self.unknowns), self.features.size, _DRAWS)
        return np.asarray(np.sqrt(np.mean(values**2, axis=(1, 2))))

    @property
    def _nothing(self) -> Array:
        return np.zeros((len(self.unknowns), self.features.size))

    def solve(self, start: Array, deadline: Deadline) -> tuple[Array, float]:
        """Coefficients (m, N), and the share of the residual at the start that they leave.

        Args:
            start: (m, N).
            deadline: raise TimeIsUpError after it, and before a step that would end later.

        Raises:
            ValueError: residuals are not finite, or Gauss-Newton does not converge.
            TimeIsUpError: the time is up.
        """
        w = start
        residual, jacobian = self.rows(w)
        size = np.linalg.norm(residual)
        for _ in range(_STEPS):
            self.require(deadline)
            change = -scipy.linalg.lstsq(jacobian, residual, cond=1e-13, lapack_driver="gelsy")[0]
            expected = residual + jacobian @ change
            w = w + change.reshape(w.shape)
            residual, jacobian = self.rows(w)
            # as foretold: the equation is linear in what is left
            if np.linalg.norm(residual - expected) <= 0.01 * size:
                return w, float(np.linalg.norm(residual) / (size or 1.0))
        raise ValueError(f"Gauss-Newton did not converge in {_STEPS} steps")


def solve_on_features(
    problem: Problem, models: Sequence[Part], degree: int, deadline: Deadline, data: bool = False
) -> tuple[PointFunction, float, LeastSquares]:
    """The error as a function (n, d) -> (n, m), the share of the residual that it leaves, and the least squares.

    Args: as for ``LeastSquares``; deadline: raise TimeIsUpError after it, and before a step that would end later.

    Raises:
        ValueError: residuals are not finite, or Gauss-Newton does not converge.
        TimeIsUpError: the time is up.
    """
    system = LeastSquares(problem, models, degree, deadline, data)
    w, left = system.solve(np.zeros((len(problem.unknowns), system.features.size)), deadline)
    return partial(system.features.values, coefficients=w), left, system


def _place(
    problem: Problem,
    sampled: Sampled,
    features: ScaledFeatures,
    term: Term,
    n: int,
    weight: float,
    rng: np.random.Generator,
) -> _Placed:
    def unit(count: int) -> Tensor:
        return unit_points("sobol", count, len(problem.domain.coordinates), rng)

    indices = used_indices(keys_of(problem, term), problem.domain.coordinates)
    sites = term.draw(unit, n)
    pairs = [sampled.scope(site, indices) for site in sites]
    points = [site.points.detach().to("cpu", torch.float64) for site in sites]
    rows = [
        {key: features.rows(at, key) for key in next(iter(jets.values()))}
        for at, (_, jets) in zip(points, pairs, strict=True)
    ]
    return _Placed(term, sites, tuple(s for s, _ in pairs), tuple(j for _, j in pairs), tuple(rows), weight)


def estimate_on_features(
    problem: Problem,
    models: Sequence[Part],
    max_seconds: float,
    degrees: tuple[int, int] | None = None,
    data: bool = False,
) -> tuple[PointFunction, dict[str, float]]:
    """The error as a function (n, d) -> (n, m), and {unknown: its doubt}, root mean square.

    The doubt is what two resolutions of e differ by, and the share of e that the residual left over stands for: where u
    is singular, features of any resolution agree with each other and not with e. Where data count as conditions it is also
    what their noise makes of e.

    Args:
        problem: with a number for every parameter.
        models: one, smooth on the whole domain.
        max_seconds: in all.
        degrees: of the coarse and the fine features; see ``DEGREES``.
        data: whether data count as conditions.

    Raises:
        ValueError: more than six coordinates, several time windows, or as ``solve_on_features``.
        TimeoutError: the time is up.
    """
    d = len(problem.domain.coordinates)
    if d not in DEGREES:
        raise ValueError(f"{d} coordinates are too many for one set of functions; it is used for up to {max(DEGREES)}")
    if len(models) > 1:
        raise ValueError("random features are used for one time window only")
    deadline = Deadline.after(max_seconds)
    points = error_grid(problem.domain)
    points = points[:: 1 + len(points) // _COMPARED]
    (coarse, _, _), (fine, left, system) = on_both(
        lambda degree: solve_on_features(problem, models, degree, deadline, data), d, degrees, deadline
    )
    e, change, noise = fine(points), fine(points) - coarse(points), system.noise(points)
    return fine, {u: rms(change[:, j]) + left * rms(e[:, j]) + float(noise[j]) for j, u in enumerate(problem.unknowns)}


def on_both(
    solve: Callable[[int], Found], d: int, degrees: tuple[int, int] | None, deadline: Deadline
) -> tuple[Found, Found]:
    """What ``solve`` finds with coarse and with fine functions; the fine ones are not tried if they would take too long.

    Args:
        solve: maps a degree to a result.
        d: number of coordinates.
        degrees: ``DEGREES`` if None.
        deadline: of both.

    Raises:
        TimeIsUpError: the time is up, or would be.
    """
    low, high = degrees or DEGREES[d]
    deadline.check()
    began = time.perf_counter()
    coarse = solve(low)
    # least squares take the cube of the number of functions
    growth = (_count(d, high) / _count(d, low)) ** 3
    deadline.require(growth * (time.perf_counter() - began), "least squares with the fine functions")
    return coarse, solve(high)


def _count(d: int, degree: int) -> int:
    """About how many functions there are."""
    return (degree + 1) ** d if d <= FEATURES else math.comb(d + degree, d)
