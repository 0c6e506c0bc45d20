"""Where a network starts that looks for an eigenfunction: near the one whose eigenvalue is nearest to its first guess.

Letters: n points, d coordinates, m unknowns, p parameters.

A network with random weights is some function, and Gauss-Newton leads from there to some eigenfunction. A coarse grid
knows the one that is meant, on boxes of up to two dimensions, or polynomials do, on other regions of up to four; the
network is fitted to it before it is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import Integral
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.domains import Box, Site
from pinnlab.domains.sampling import unit_points
from pinnlab.optimizers.levenberg_marquardt import LevenbergMarquardt
from pinnlab.reference.grids.analysis import analyse, check_solvable
from pinnlab.reference.grids.bordered import grid_start
from pinnlab.solvers.eigenpolynomials import polynomial_start
from pinnlab.training.blocks import Count
from pinnlab.training.model import Model
from pinnlab.training.plans import Settings
from pinnlab.training.residuals import ResidualSystem
from pinnlab.training.weighting import Unweighted

_POINTS = 500
_STEPS = 60
_CLOSE = 1e-3
"""Relative distance to the grid's eigenfunction at which a network is near enough."""
_LARGEST = 3000
"""Parameters up to which a network is fitted; larger ones start as they are."""


def start_near_eigenfunction(model: Model, problem: Problem, settings: Settings, seed: int) -> None:
    """Set a network's parameters and the coefficients that are to be found, where a grid knows an eigenfunction.

    Args:
        model: with its first weights.
        problem: what it will be trained on.
        settings: give the deadline.
        seed: of the points.
    """
    found = _known_start(problem, settings) if model.size <= _LARGEST else None
    if found is None:
        return
    for name, value in found.numbers.items():
        model.set_coefficient(name, value)
    term = _misfit(problem, found)
    system = ResidualSystem(model, [Count(term, _POINTS, (model,))], Unweighted(), "sobol", (seed, 17), model.width)
    optimizer, theta = LevenbergMarquardt(steps=_STEPS), model.theta
    state = optimizer.init(system, theta)
    for _ in range(_STEPS):
        step = optimizer.step(system, theta, state)
        theta, state = step.theta, step.state
        if step.stalled or not step.loss > _CLOSE**2:
            break
    model.theta = theta


@dataclass(frozen=True)
class _Known:
    """An eigenfunction that a network may start from: values {unknown: (n,)} at points (n, d), and numbers."""

    values: Callable[[Tensor], Mapping[str, np.ndarray]]
    numbers: dict[str, float]


def _known_start(problem: Problem, settings: Settings) -> _Known | None:
    domain = problem.domain
    beside = problem.unknown_parameters and any(isinstance(c, Integral) for c in problem.conditions)
    if not beside or domain.has_time:
        return None
    try:
        return _on_grid(problem, settings) or _on_polynomials(problem)
    except (ValueError, TimeoutError, np.linalg.LinAlgError):
        return None


def _on_grid(problem: Problem, settings: Settings) -> _Known | None:
    """What a grid knows, on a box of up to two dimensions."""
    domain = problem.domain
    if not isinstance(domain, Box) or len(domain.space) > 2:
        return None
    try:
        check_solvable(problem)
        found = grid_start(problem, analyse(problem), settings.deadline)
    except ValueError:
        return None

    def values(points: Tensor) -> Mapping[str, np.ndarray]:
        assert found is not None
        return found.interpolant({name: column.numpy().copy() for name, column in domain.columns(points).items()})

    return None if found is None else _Known(values, found.numbers)


def _on_polynomials(problem: Problem) -> _Known | None:
    found = polynomial_start(problem)
    if found is None:
        return None
    return _Known(
        lambda points: dict(zip(problem.unknowns, found.values(points.numpy()), strict=True)), dict(found.numbers)
    )


def _misfit(problem: Problem, found: _Known) -> Term:
    """What a network misses of an eigenfunction, relative to its size, as measured data are missed."""
    domain = problem.domain
    unit = unit_points("sobol", _POINTS, len(domain.coordinates), np.random.default_rng(11)).double()
    points = domain.interior(unit).points
    values = found.values(points)
    sizes = {u: float(np.sqrt((v**2).mean())) or 1.0 for u, v in values.items()}
    names = tuple(f"start {u}" for u in problem.unknowns)

    def draw(cube: object, n: int) -> tuple[Site, ...]:
        return (Site(points),)

    def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
        fields, like = scopes[0].fields, scopes[0].like
        return {
            f"start {u}": (fields[u].value - torch.from_numpy(values[u][: len(like)]).to(like)) / sizes[u]
            for u in problem.unknowns
        }

    return Term("data", names, draw, evaluate, fixed=_POINTS)
