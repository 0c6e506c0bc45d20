"""The error equation where there is no grid for it: least squares for e on random features, over points of any region.

Letters: n points, d coordinates, m unknowns, N features, q residuals, r rows.

The features are those of local experts, one cell over the whole bounding box. The rows are the linearization of
equations and conditions at u_h + e; Gauss-Newton repeats that where e is not small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import affordable, error_grid
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.indices import used_indices
from pinnlab.derivatives.pointwise import linearize
from pinnlab.derivatives.stencils import Array
from pinnlab.domains import Region, Site
from pinnlab.domains.sampling import unit_points
from pinnlab.machine.capacity import gigabytes, usable_memory
from pinnlab.machine.deadline import Deadline, multiplications_per_second
from pinnlab.solution.measures import JetsByUnknown, Sampled, keys_of
from pinnlab.solvers.local_experts.basis import RandomFeatures

PointFunction = Callable[[Tensor], Tensor]
"""(n, d) points -> (n, m) values."""
DEGREES = {1: (20, 30), 2: (12, 17), 3: (5, 7)}
"""Per number of coordinates, the polynomial degree whose resolution the features have: coarse, and fine."""
_STEPS = 4
_COPIES = 3
"""Of the Jacobian, while least squares are solved."""
_SLOW = 4.0
"""Times that least squares by orthogonal factors take, against a product of the matrix with itself in BLAS."""
_SURPLUS = 4
"""Rows of the equations per coefficient."""
_WEIGHT = 100.0
"""Factor of the rows of conditions; rows of equations are divided by the size of their largest coefficient."""


class ScaledFeatures:
    """N functions on the bounding box of a region, with derivatives by its coordinates."""

    def __init__(self, region: Region, degree: int):
        self.names = region.coordinates
        self.lower = np.array([lo for lo, _ in region.bounds.values()])
        self.width = np.array([hi - lo for lo, hi in region.bounds.values()])
        self.basis = RandomFeatures((degree,) * len(self.names))
        self.size = self.basis.size

    def stretch(self, key: Key) -> float:
        """The factor from derivatives in reference coordinates to those in the region's."""
        return float(np.prod([(2 / w) ** key.count(n) for n, w in zip(self.names, self.width, strict=True)]))

    def rows(self, points: Tensor, key: Key) -> Array:
        """(n, N) one derivative at (n, d) points."""
        unit = 2 * (points.numpy() - self.lower) / self.width - 1
        return self.basis.rows(unit, [key.count(n) for n in self.names]) * self.stretch(key)


@dataclass(frozen=True)
class _Placed:
    """One term at its points: the jets of u_h there, and the features' derivatives."""

    term: Term
    sites: tuple[Site, ...]
    scopes: tuple[Scope, ...]
    jets: tuple[JetsByUnknown, ...]
    rows: tuple[dict[Key, Array], ...]
    weight: float

    def linearized(self, w: Array, unknowns: tuple[str, ...], features: ScaledFeatures) -> tuple[Array, Array]:
        """Weighted residuals (r,) and Jacobian (r, m N) at u_h + e, e with coefficients (m, N)."""
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
        residuals, matrices = [], []
        for residual in self.term.evaluate(scopes).values():
            matrix, scale = np.zeros((len(residual), *w.shape)), 0.0
            for jet, rows in zip(jets, self.rows, strict=True):
                (slopes,) = linearize([residual], jet)
                for (unknown, key), slope in slopes.items():
                    matrix[:, unknowns.index(unknown)] += slope.numpy()[:, None] * rows[key]
                    scale = max(scale, float(slope.square().mean().sqrt()) * features.stretch(key))
            factor = self.weight / (scale or 1.0) / np.sqrt(len(residual))
            residuals.append(factor * residual.detach().numpy())
            matrices.append(factor * matrix.reshape(len(residual), -1))
        return np.concatenate(residuals), np.concatenate(matrices)


def solve_on_features(
    problem: Problem, models: Sequence[Any], degree: int, deadline: Deadline
) -> tuple[PointFunction, float]:
    """The error as a function (n, d) -> (n, m), and the share of the residual that it leaves, by least squares.

    Args:
        problem: with a number for every parameter.
        models: one, smooth on the whole domain.
        degree: resolution of the features.
        deadline: raise TimeIsUpError after it, and before a step that would end later.

    Raises:
        ValueError: residuals are not finite, Gauss-Newton does not converge, or its matrix does not fit into the memory.
        TimeIsUpError: the time is up.
    """
    unknowns: tuple[str, ...] = problem.unknowns
    features, sampled = ScaledFeatures(problem.domain, degree), Sampled(problem, models)
    rng = np.random.default_rng([0, 4321])
    count = _SURPLUS * features.size
    columns, rate = features.size * len(unknowns), multiplications_per_second()
    height = (count + 0.5 * count) * len(problem.residual_names)
    if (need := _COPIES * 8.0 * height * columns) > (most := usable_memory()):
        raise ValueError(f"{columns} features need {gigabytes(need)} of memory, of which {gigabytes(most)} may be used")
    deadline.require(_SLOW * height * columns**2 / rate, f"least squares for {columns} features")
    placed = [_place(problem, sampled, features, problem.equation_term(), count, 1.0, rng)]
    for _, terms in problem.condition_terms():
        few = max(64, count // 12)
        placed += [_place(problem, sampled, features, t, few, _WEIGHT, rng) for t in terms if t.kind != "data"]

    def rows(w: Array) -> tuple[Array, Array]:
        found = [p.linearized(w, unknowns, features) for p in placed]
        residual, jacobian = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if not np.isfinite(residual).all():
            raise ValueError("residuals are not finite")
        return residual, jacobian

    deadline.check()
    w = np.zeros((len(unknowns), features.size))
    residual, jacobian = rows(w)
    size = np.linalg.norm(residual)
    for _ in range(_STEPS):
        deadline.require(_SLOW * jacobian.shape[0] * columns**2 / rate, f"least squares for {columns} features")
        change = -scipy.linalg.lstsq(jacobian, residual, cond=1e-13, lapack_driver="gelsy")[0]
        expected = residual + jacobian @ change
        w = w + change.reshape(w.shape)
        residual, jacobian = rows(w)
        # as foretold: the equation is linear in what is left
        if np.linalg.norm(residual - expected) <= 0.01 * size:
            break
    else:
        raise ValueError(f"Gauss-Newton did not converge in {_STEPS} steps")
    left = float(np.linalg.norm(residual) / (size or 1.0))
    return lambda points: torch.from_numpy(features.rows(points.detach().to("cpu", torch.float64), ()) @ w.T), left


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
    models: Sequence[Any],
    solution: PointFunction,
    max_seconds: float,
    degrees: tuple[int, int] | None = None,
) -> tuple[list[float], list[float]]:
    """(m,) relative L2 errors, and their doubt, in the same unit.

    The doubt is what two resolutions of e differ by, and the share of e that the residual left over stands for: where u
    is singular, features of any resolution agree with each other and not with e.

    Args:
        problem: with a number for every parameter.
        models: one, smooth on the whole domain.
        solution: (n, d) -> (n, m).
        max_seconds: in all.
        degrees: of the coarse and the fine features; see ``DEGREES``.

    Raises:
        ValueError: more than three coordinates, several time windows, or as ``solve_on_features``.
        TimeoutError: the time is up.
    """
    d = len(problem.domain.coordinates)
    if d not in DEGREES:
        raise ValueError(f"{d} coordinates are too many for random features; they are used for up to {max(DEGREES)}")
    if len(models) > 1:
        raise ValueError("random features are used for one time window only")
    deadline = Deadline.after(max_seconds)
    like = models[0].parameters[0]
    points = affordable(error_grid(problem.domain), lambda at: solution(at.to(like)), deadline.share(0.5))
    values = solution(points.to(models[0].parameters[0])).to("cpu", torch.float64)
    degrees = degrees or DEGREES[d]
    (coarse, _), (fine, left) = (solve_on_features(problem, models, p, deadline) for p in degrees)
    e, change = fine(points), fine(points) - coarse(points)
    size = (values + e).norm(dim=0)
    size = torch.where(size > 0, size, torch.ones_like(size))
    doubt = (change.norm(dim=0) + left * e.norm(dim=0)) / size
    return (e.norm(dim=0) / size).tolist(), doubt.tolist()
