"""Conditions that change along a side: the classical solvers know how far off they are, and elements are graded there."""

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.reference.cuts import changes_along_a_side
from pinnlab.reference.solve import on_grid
from pinnlab.solution.quality.report import Verdict
from pinnlab.solvers.hard_constraint import HardConstraintMoE

HALF = pl.Box(x=(-1.0, 1.0), y=(0.0, 1.0))


def exact(at):
    """Im sqrt(z - at) + x^2 - y^2: a value to the right of ``at`` on the lower side, no flux to the left."""

    def u(x, y):
        z = torch.complex(*torch.broadcast_tensors(x - at, y + 0 * x))
        return torch.sqrt(z).imag + x**2 - y**2

    return u


def insulated(at):
    below = [
        pl.Dirichlet(u=lambda x: x**2, on="y-", where=lambda x: x > at),
        pl.Neumann(u=0.0, on="y-", where=lambda x: x <= at),
    ]
    others = [pl.Dirichlet(u=exact(at), on=side) for side in ("x-", "x+", "y+")]
    return pl.Problem(HALF, "u", lambda u: u.laplacian, [*below, *others])


def off(found, at):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, 4000), rng.uniform(0, 1, 4000)
    true = exact(at)(torch.tensor(x), torch.tensor(y)).numpy()
    return np.linalg.norm(found(x=x, y=y)["u"] - true) / np.linalg.norm(true)


@pytest.mark.parametrize("at", [0.0, 0.5, -0.21])
def test_a_grid_knows_how_far_off_it_is(at):
    found = pl.reference_solution(insulated(at), 26, method="grid")
    true = off(found, at)
    assert true > 1e-3, "no grid resolves a root"
    assert true < found.error_estimate["u"] and "falls slowly" in found.method


@pytest.mark.parametrize("at", [0.0, -0.21])
def test_elements_are_graded_where_conditions_change(at):
    problem = insulated(at)
    assert changes_along_a_side(problem) and not on_grid(problem)
    found = pl.reference_solution(problem, tolerance=1e-4)
    assert "finite elements" in found.method
    assert off(found, at) < 2 * found.error_estimate["u"] < 2e-4


def test_only_parts_that_end_inside_a_side_count():
    whole = insulated(0.0).replace(conditions=[pl.Dirichlet(u=0.0, where=lambda x: x < 5.0)])
    assert not changes_along_a_side(whole) and on_grid(whole)
    line = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u.xx, [pl.Dirichlet(u=0.0)])
    assert not changes_along_a_side(line)


def test_elements_refuse_parts_that_move():
    moving = [
        pl.Dirichlet(u=1.0, on="y-", where=lambda x, t: x > t),
        pl.Neumann(u=0.0, on="y-", where=lambda x, t: x <= t),
        pl.Neumann(u=0.0, on="x"),
        pl.Dirichlet(u=0.0, on="y+"),
        pl.Initial(u=0.0),
    ]
    problem = pl.Problem(pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 0.5)), "u", lambda u: u.t - u.laplacian, moving)
    with pytest.raises(ValueError, match="a part of a side that moves in time"):
        pl.reference_solution(problem, method="elements")
    assert on_grid(problem)


def test_experts_on_graded_cells_resolve_the_root():
    problem, solver = insulated(0.5), HardConstraintMoE()
    assert solver.cuts_cells(problem)
    solution = pl.solve(problem, solver, progress=False)
    true = off(solution, 0.5)
    assert solution.status.name == "CONVERGED" and true < 1e-6
    report = solution.report()
    assert report.verdict is Verdict.GOOD and report.estimate is not None
    assert 0.1 * true < report.estimate.largest < 10 * true
