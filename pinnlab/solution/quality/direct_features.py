"""The problem itself, once more, by least squares on global functions: what a solution is compared with off boxes.

Letters: n points, d coordinates, m unknowns, N functions.

The error equation needs derivatives of u_h that have no jumps, and functions that resolve its residual, which may be
rough where the error is smooth. The problem's own solution is often smooth; then a handful of global functions know it to
a few digits, and the distance to these is an estimate of the error, or a bound, whatever the solution is made of.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import error_grid
from pinnlab.derivatives.indices import Indices
from pinnlab.derivatives.stencils import Array
from pinnlab.machine.deadline import Deadline
from pinnlab.solution.quality.error_features import DEGREES, LeastSquares, PointFunction, ScaledFeatures, on_both
from pinnlab.solution.sizes import rms
from pinnlab.training.part import Data, Part, Writer

_SAFETY = 3.0
"""How many times the change from coarse to fine functions may be what the fine ones are off by."""
_LOW = {1: (8, 12), 2: (6, 9), 3: (4, 6), 4: (3, 4), 5: (2, 3), 6: (2, 3)}
"""Per number of coordinates, the degrees on which functions that are annihilated are looked for."""
_SINGULAR = 1e-8
_INDEPENDENT = 1e-9


class Zero(Part):
    """The unknowns that vanish everywhere, from which the problem's own solution is the error."""

    def __init__(self, problem: Problem):
        self.region, self.unknowns = problem.domain, problem.unknowns
        self.parameters = (torch.zeros(1, dtype=torch.float64),)
        self.coefficients, self.constants = {}, {}

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        return points.new_zeros((len(indices), len(points), len(self.unknowns)))

    def to_data(self, file: Writer) -> Data:
        raise TypeError("Zero has no file form.")


def solve_directly(
    problem: Problem,
    guess: PointFunction,
    max_seconds: float,
    degrees: tuple[int, int] | None = None,
    data: bool = False,
) -> tuple[PointFunction, dict[str, float]]:
    """The solution as a function (n, d) -> (n, m), and {unknown: its doubt}, root mean square.

    The doubt is what two resolutions differ by, and the share of the residual of nothing at all that is left over: where
    the solution is singular, functions of any resolution agree with each other and not with it. Where data count as
    conditions it is also what noise of a known size makes of it.

    Args:
        problem: with a number for every parameter.
        guess: (n, d) -> (n, m) values to start from, where equations are not linear.
        max_seconds: in all.
        degrees: of the coarse and the fine functions; ``DEGREES`` if None.
        data: whether data count as conditions.

    Raises:
        ValueError: more than six coordinates; residuals are not finite; Gauss-Newton does not converge.
        TimeIsUpError: the time is up.
    """
    d = len(problem.domain.coordinates)
    if d not in DEGREES:
        raise ValueError(f"{d} coordinates are too many for one set of functions; it is used for up to {max(DEGREES)}")
    deadline = Deadline.after(max_seconds)
    points = error_grid(problem.domain)
    known = guess(points)

    def solve(degree: int) -> tuple[PointFunction, float, Array]:
        system = LeastSquares(problem, [Zero(problem)], degree, deadline, data)
        nothing, _ = system.rows(np.zeros((len(problem.unknowns), system.features.size)))
        w, _ = system.solve(_fitted(system.features, points, known), deadline)
        residual, _ = system.rows(w)
        left = float(np.linalg.norm(residual) / (np.linalg.norm(nothing) or 1.0))
        return partial(system.features.values, coefficients=w), left, system.noise(points, missed=False)

    (coarse, _, _), (fine, left, noise) = on_both(solve, d, degrees, deadline)
    values = fine(points)
    change = values - coarse(points)
    return fine, {
        u: _SAFETY * (rms(change[:, j]) + left * rms(values[:, j])) + float(noise[j])
        for j, u in enumerate(problem.unknowns)
    }


def _fitted(features: ScaledFeatures, points: Tensor, values: Tensor) -> Array:
    """(m, N) coefficients that fit values (n, m) at points (n, d)."""
    step = max(1, len(points) // (4 * features.size))
    return scipy.linalg.lstsq(features.rows(points[::step], ()), values[::step].numpy(), cond=1e-10)[0].T


def annihilates(problem: Problem, models: list[Part], max_seconds: float, data: bool = False) -> bool:
    """Whether some smooth function may be added to a solution without a change of any equation or condition.

    The least size of what equations and conditions make of functions of size one, on coarse and on fine functions:
    rounding where there is such a function.

    Args:
        problem: with a number for every parameter.
        models: the solution at which it is linearized.
        max_seconds: in all.
        data: whether data count as conditions.

    Raises:
        TimeIsUpError: there is not the time to tell.
    """
    deadline = Deadline.after(max_seconds)
    points = error_grid(problem.domain)
    d = len(problem.domain.coordinates)
    if d not in _LOW:
        return False
    for degree in _LOW[d]:
        system = LeastSquares(problem, models, degree, deadline, data)
        _, jacobian = system.rows(np.zeros((len(problem.unknowns), system.features.size)))
        step = max(1, len(points) // (8 * system.features.size))
        values = system.features.rows(points[::step], ())
        _, sizes, directions = np.linalg.svd(values / np.sqrt(len(values)), full_matrices=False)
        kept = sizes > _INDEPENDENT * sizes[0]
        units = np.kron(np.eye(len(problem.unknowns)), directions[kept].T / sizes[kept])
        image = jacobian @ units
        # unknowns may have units that differ by orders of magnitude
        columns = np.linalg.norm(image, axis=0).reshape(len(problem.unknowns), -1)
        image = image / np.maximum(np.median(columns, axis=1), 1e-300).repeat(columns.shape[1])
        if np.linalg.svd(image, compute_uv=False)[-1] > _SINGULAR:
            return False
    return True
