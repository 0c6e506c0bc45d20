"""Every benchmark problem: its reference solves its equations and meets its conditions, and its file has the usual form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.library import problem_module, problem_names
from pinnlab.declaration.relative_error import evaluate
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.names import sort_key
from pinnlab.solvers.collocation import CollocationSolver
from pinnlab.training.plans import Solver

NAMES = problem_names()
# spacing of the finite differences: well inside the problem's smallest scale
SPACING = {
    "advection": {"x": 1e-2, "t": 1e-3},
    "allen_cahn": {"x": 2e-3, "t": 2e-3},
    "black_scholes": {"S": 0.8, "t": 5e-3},
    "burgers": {"x": 4e-4, "t": 1e-3},
    "burgers_family": {"x": 1e-3, "t": 2e-3},
    "burgers_inverse": {"x": 4e-4, "t": 1e-3},
    "burgers_periodic": {"x": 1e-3, "t": 3e-3},
    "convection": {"x": 1e-2, "t": 5e-4},
    "convection_diffusion": {"x": 1e-2, "t": 5e-4},
    "decaying_turbulence": {"x": 1.5e-2, "y": 1.5e-2, "t": 1e-3},
    "diffusion_sorption": {"x": 4e-3, "t": 3.0},
    "heat_family": {"x": 1e-2, "t": 2e-3},
    "heat_robin": {"x": 1e-2, "t": 1e-2},
    "helmholtz": {"x": 1e-2, "y": 1e-2},
    "kdv": {"x": 3e-3, "t": 5e-4},
    "kdv_family": {"x": 1e-1, "t": 7e-3},
    "kuramoto_sivashinsky": {"x": 1e-2, "t": 1e-3},
    "kuramoto_sivashinsky_chaotic": {"x": 7e-3, "t": 4e-4},
    "lorenz": {"t": 2e-3},
    "lotka_volterra": {"t": 2e-2},
    "modulus_field": {"x": 1e-2, "y": 1e-2},
    "navier_stokes": {"x": 5e-3, "y": 5e-3, "t": 2e-2},
    "poisson": {"x": 2e-2, "y": 2e-2},
    "poisson_erf": {"x": 2e-3, "y": 2e-3},
    "poisson_l_shape": {"x": 5e-3, "y": 5e-3},
    "poisson_obstacle": {"x": 5e-3, "y": 5e-3},
    "reaction": {"x": 1e-2, "t": 5e-3},
    "robertson_inverse": {"t": 5e-2},
    "swirl": {"x": 5e-3, "y": 5e-3, "t": 5e-3},
    "variable_convection": {"x": 1e-2, "t": 1e-2},
    "wave": {"x": 1e-2, "t": 5e-3},
}
# times at which the reference's grid resolves the solution's derivatives to the tolerance of the test
RESOLVED = {"black_scholes": (0.05, 0.6), "decaying_turbulence": (0.01, 0.09), "navier_stokes": (0.2, 0.8)}
# a member of a family whose representative is zero; shorter times, where the reference would take a minute
OPTIONS: dict[str, dict] = {
    "decaying_turbulence": {"end": 0.1},
    "gray_scott": {"end": 0.02},
    "heat_family": {"a": 1.0, "b": -1.5, "c": 0.5, "d": 2.0},
    "kuramoto_sivashinsky_chaotic": {"end": 0.57},
}
# what an inverse problem is to find
TRUTH = {
    "burgers_inverse": {"nu": 0.01 / math.pi},
    **{name: problem_module(name).TRUTH for name in ("lotka_volterra", "modulus_field", "robertson_inverse")},
}
# the reference is continuous and no more, or less accurate than the test asks: tests of their own
OWN_TESTS = {"gray_scott", "lid_cavity"}


@cache
def load(name: str) -> pl.Problem:
    """The problem, once for all tests: its reference may take seconds."""
    return pl.load_problem(name, **OPTIONS.get(name, {})).at(**TRUTH.get(name, {}))


def at(problem: pl.Problem, points: torch.Tensor) -> torch.Tensor:
    """The reference at (n, d) points, (n, m)."""
    assert problem.reference is not None
    return evaluate(problem.reference, problem, points)


def unit(problem: pl.Problem) -> torch.Tensor:
    """50 points of the unit cube that has the problem's dimensions."""
    d = len(problem.domain.coordinates)
    return torch.rand(50, d, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def stencil(order: int, half: int = 5) -> np.ndarray:
    """Weights of the derivative of an order on the points -half ... half, exact for polynomials of degree 2 half."""
    offsets = np.arange(-half, half + 1)
    vandermonde = np.vander(offsets.astype(float), increasing=True).T
    right = np.zeros(2 * half + 1)
    right[order] = np.prod(np.arange(1, order + 1))
    return np.linalg.solve(vandermonde, right)


def derivative(
    problem: pl.Problem, points: torch.Tensor, key: Sequence[str], spacing: dict[str, float]
) -> torch.Tensor:
    """One derivative of the reference by finite differences, (n, m); mixed ones coordinate by coordinate."""
    names = problem.domain.coordinates
    shifts, weights = torch.zeros(1, len(names), dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    for name in dict.fromkeys(key):
        order, h = list(key).count(name), spacing[name]
        w = torch.from_numpy(stencil(order)) / h**order
        step = torch.zeros(len(w), len(names), dtype=torch.float64)
        step[:, names.index(name)] = h * torch.arange(-5, 6, dtype=torch.float64)
        shifts = (shifts[:, None] + step[None]).reshape(-1, len(names))
        weights = (weights[:, None] * w[None]).reshape(-1)
    everywhere = (points[:, None] + shifts[None]).reshape(-1, len(names))
    values = at(problem, everywhere).reshape(len(points), len(shifts), -1)
    return (values * weights[None, :, None]).sum(1)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OWN_TESTS])
def test_reference_solves_the_equations(name: str) -> None:
    problem = load(name)
    names = problem.domain.coordinates
    rng = np.random.default_rng(3)
    bounds = np.array(list(problem.domain.bounds.values()))
    if name in RESOLVED:
        bounds[names.index("t")] = RESOLVED[name]
    unit = 0.06 + 0.88 * rng.random((30, len(names)))
    points = torch.from_numpy(bounds[:, 0] + unit * (bounds[:, 1] - bounds[:, 0]))
    if not isinstance(problem.domain, pl.Box):
        inside = problem.domain.interior(torch.from_numpy(rng.random((600, len(names))))).points
        points = inside[problem.domain.depth(inside) > 0.06 * problem.domain.size][:30]
    keys = {sort_key(k, names) for used in problem.derivatives.values() for k in used} | {()}
    found = {key: derivative(problem, points, key, SPACING[name]) for key in keys}
    jets = {u: {key: value[:, j] for key, value in found.items()} for j, u in enumerate(problem.unknowns)}

    def residuals(jets: dict[str, dict]) -> dict[str, torch.Tensor]:
        scope = Scope.of_jets(jets, problem.domain.columns(points), problem.parameter_values())
        return problem.equation_term().evaluate((scope,))

    right = residuals(jets)
    # the largest term of each equation: what is missing when one derivative is left out
    sizes = dict.fromkeys(right, 0.0)
    for u, used in problem.derivatives.items():
        for key in used:
            without = {**jets, u: {**jets[u], sort_key(key, names): torch.zeros(len(points), dtype=torch.float64)}}
            for label, residual in residuals(without).items():
                sizes[label] = max(sizes[label], float((residual - right[label]).abs().max()))
    for label, residual in right.items():
        assert float(residual.abs().max()) < 1e-6 * sizes[label], label
    # and a solution that is wrong by a thousandth does not pass
    if any(() in used for used in problem.derivatives.values()):
        wrong = residuals({u: {k: v * 1.001 if k == () else v for k, v in jet.items()} for u, jet in jets.items()})
        assert any(float(r.abs().max()) > 1e-6 * sizes[label] for label, r in wrong.items())


@pytest.mark.parametrize("name", [name for name in NAMES if load(name).domain.has_time])
def test_reference_meets_the_initial_condition(name: str) -> None:
    problem = load(name)
    (initial,) = [c for c in problem.conditions if isinstance(c, pl.Initial | pl.Final)]
    points = problem.domain.interior(unit(problem)).points
    points[:, problem.domain.coordinates.index("t")] = problem.domain.bounds["t"][isinstance(initial, pl.Final)]
    for unknown, key, value, names in initial.targets(problem.context()):
        found = derivative(problem, points, key, SPACING[name]) if key else at(problem, points)
        expected = Scope({}, problem.domain.columns(points), problem.parameter_values()).value(value, names, unknown)
        found = found[:, problem.unknowns.index(unknown)]
        torch.testing.assert_close(found, expected.to(found), rtol=0, atol=1e-6, msg=unknown)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OWN_TESTS])
def test_reference_meets_dirichlet_conditions(name: str) -> None:
    problem = load(name)
    for condition in problem.conditions:
        for piece in condition.pieces(problem.context()) if isinstance(condition, pl.Dirichlet) else ():
            points = problem.domain.boundary(piece, unit(problem)).points
            found, columns = at(problem, points), problem.domain.columns(points)
            for unknown, value in condition.values.items():
                names = problem.context().names(value, unknown)
                expected = Scope({}, columns, problem.parameter_values()).value(value, names, unknown)
                got = found[:, problem.unknowns.index(unknown)]
                torch.testing.assert_close(got, expected.to(got), rtol=0, atol=1e-6, msg=f"{unknown} on {piece}")


@pytest.mark.parametrize("name", NAMES)
def test_file_has_the_usual_form(name: str) -> None:
    module = problem_module(name)
    assert isinstance(module.recipe(), Solver)
    assert not hasattr(module, "trained") or isinstance(module.trained(), CollocationSolver)
    assert module.BUDGET > 0 and module.PUBLISHED
    assert "Source:" in module.__doc__ and "Published" in module.__doc__ and "Reference:" in module.__doc__
    assert module.problem().check().complete


def test_unknown_problem_lists_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"no problem 'heat'; the problems are advection, allen_cahn, black_scholes, burgers"
    ):
        pl.load_problem("heat")
