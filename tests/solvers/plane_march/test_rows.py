"""Rows at the stages of a slab: residuals, their linearization at a rate, and the factorized problems of space."""

from __future__ import annotations

import numpy as np
import pytest

import pinnlab as pl
from pinnlab.domains.trees import Tree
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.cut_cells.discretization import CutDiscretization
from pinnlab.solvers.cut_cells.layout import Inside
from pinnlab.solvers.local_experts.basis import TotalDegree
from pinnlab.solvers.local_experts.system import Pace
from pinnlab.solvers.plane_march.cells import SpaceCells
from pinnlab.solvers.plane_march.radau import Radau
from pinnlab.solvers.plane_march.slab import SlabSolver

DAMPED = pl.Problem(
    pl.Box(x=(0.0, 1.0), y=(0.0, 2.0), t=(0.0, 1.0)),
    ("u", "v"),
    lambda u, v, x, t: {"u": u.tt + (1 + x * t) * u.t + u * v.x - u.yy, "v": v.t - v.xx + u.xt},
    [pl.Initial(u=0.0, u_t=0.0, v=0.0), pl.Dirichlet(u=0.0, v=0.0, on="x"), pl.Periodic(on="y")],
)


def cells(problem: pl.Problem, counts: tuple[int, int] = (2, 2), degree: int = 4) -> SpaceCells:
    made = CutDiscretization(problem, TotalDegree(2, degree), 100.0)
    lower, upper = zip(*made.region.bounds.values(), strict=True)
    return SpaceCells(made, Inside(made.region, Tree(lower, upper, counts)))


def test_the_linearization_at_a_rate_is_a_difference_of_residuals() -> None:
    """Where all derivatives by time are multiples of one change, the rows change by the parts at that rate."""
    made, rng, rate, time = cells(DAMPED), np.random.default_rng(0), 3.0, 0.4
    base, change = rng.normal(size=(2, *made.shape))
    levels = [base, rng.normal(size=made.shape), rng.normal(size=made.shape)]
    for group in made.groups:
        slopes = group.slopes(levels, time)
        linear, weights = group.at_rate(slopes, rate)
        predicted = group.rows.changes(linear, change)
        step = 1e-5
        ahead, behind = (
            group.residuals(
                [(level + sign * step * rate**k * change)[None] for k, level in enumerate(levels)], np.array([time])
            )
            for sign in (1.0, -1.0)
        )
        measured = (ahead - behind)[:, 0] / (2 * step) * weights
        assert predicted == pytest.approx(measured, rel=1e-6, abs=1e-6 * np.abs(measured).max())


def test_a_complex_rate_has_both_parts() -> None:
    made = cells(DAMPED)
    levels = [np.zeros(made.shape)] * 3
    group = made.groups[0]
    linear, weights = group.at_rate(group.slopes(levels, 0.0), 2.0 + 1.0j)
    # u_tt + u_t at t = 0: (2 + i)^2 + 2 + i = 5 + 5 i
    assert linear[0]["u", ()][0] == pytest.approx((5 + 5j) * weights[0])


def test_one_step_solves_a_linear_slab() -> None:
    """Polynomials in space and time are met to rounding: u = (1 + t^2) x (1 - x)."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0)),
        "u",
        lambda u, x, t: u.t - u.laplacian - 2 * t * x * (1 - x) - 2 * (1 + t**2),
        [pl.Initial(u=lambda x: x * (1 - x)), pl.Dirichlet(u=0.0, on="x"), pl.Periodic(on="y")],
    )
    made, collocation = cells(problem), Radau(3)
    start = made.sampled(lambda p: p[:, :1] * (1 - p[:, :1]))
    solver = SlabSolver(made.system, made.groups, collocation, 0.5, [start, 0 * start], 0.25, Pace(), Deadline())
    found = solver.solve([start], np.stack([start] * 3), 0.0, 1e-11, np.ones(1), Deadline())
    assert found.converged and found.contraction < 1e-6
    x = made.system.groups[0].sites[0].points[:, 0]
    for level, share in zip(found.levels[0], collocation.nodes, strict=True):
        assert made.values(level)[0] == pytest.approx((1 + (share / 2) ** 2) * x * (1 - x), abs=1e-10)


def test_a_slab_that_is_like_the_last_one_takes_one_step() -> None:
    """What is left after a step is known from the slab before; after some slabs it is measured again."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - u.laplacian,
        [pl.Initial(u=1.0), pl.Dirichlet(u=0.0, on="x"), pl.Periodic(on="y")],
    )  # fmt: skip
    made, collocation = cells(problem), Radau(3)
    start = made.sampled(lambda p: p[:, :1] * (1 - p[:, :1]))
    solver = SlabSolver(made.system, made.groups, collocation, 0.1, [start, 0 * start], 0.05, Pace(), Deadline())
    turns = []
    for _ in range(12):
        found = solver.solve([start], np.stack([start] * 3), 0.0, 1e-6, np.ones(1), Deadline())
        assert found.converged
        turns.append(found.turns)
    assert turns[:2] == [2, 1] and max(turns) == 2 and turns.count(2) > 1


@pytest.mark.parametrize("stages", [2, 3])
def test_ends_of_slabs_are_of_order_2_s_1(stages: int) -> None:
    """u_t = 6 u (1 - u) from 0.1: halving slabs divides the error at the end by 2^(2 s - 1)."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - 6 * u * (1 - u) - u.laplacian,
        [pl.Initial(u=0.1), pl.Periodic(on="x"), pl.Periodic(on="y")],
    )  # fmt: skip
    made, collocation = cells(problem, degree=2), Radau(stages)
    errors = []
    for slabs in (8, 16):
        now, slab = made.sampled(lambda p: np.full((len(p), 1), 0.1)), 1 / slabs
        for number in range(slabs):
            at = [now, 0 * now]
            solver = SlabSolver(
                made.system, made.groups, collocation, slab, at, slab * (number + 0.5), Pace(), Deadline()
            )
            found = solver.solve([now], np.stack([now] * stages), slab * number, 1e-12, np.ones(1), Deadline())
            assert found.converged
            now = found.levels[0][-1]
        errors.append(float(np.abs(made.values(now) - 1 / (1 + 9 * np.exp(-6))).max()))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2 * stages - 1, abs=0.35)


def test_rows_are_off_in_values_of_the_unknown_whose_rate_is_in_them() -> None:
    made = cells(DAMPED)
    levels = [np.zeros(made.shape)] * 3
    equations, ends = made.groups[0], made.groups[1]
    # u_tt + ... + u v_x = 0 is of u, v_t - v_xx + u_xt = 0 of v
    assert equations.owners(equations.slopes(levels, 0.0)).tolist() == [0, 1]
    owners = ends.owners(ends.slopes(levels, 0.0))
    assert owners.tolist() in ([0], [1])


def test_a_small_unknown_is_judged_by_its_own_size() -> None:
    """v a hundred times smaller than u: what v is off by counts a hundred times as much."""
    made, sizes = cells(DAMPED), np.array([1.0, 0.01])
    none, levels = np.zeros(made.shape), []
    for change in (0, 1):
        moved = none.copy()
        moved[0, change, 0] = 1.0
        levels.append([moved, none, none])
    judges = made.judges([none] * 3, 0.0, 1.0)
    u, v = (made.off(each, 0.0, judges, np.ones(2)).max() for each in levels)
    small = [made.off(each, 0.0, judges, sizes).max() for each in levels]
    assert small[1] == pytest.approx(100 * v) and small[0] == pytest.approx(u)


def test_what_no_iteration_can_meet_is_said() -> None:
    """u_t = u^2 from 2 has no solution at t = 1."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - u**2 - u.laplacian,
        [pl.Initial(u=2.0), pl.Neumann(u=0.0)],
    )  # fmt: skip
    made, collocation = cells(problem), Radau(3)
    start = made.sampled(lambda p: np.full((len(p), 1), 2.0))
    solver = SlabSolver(made.system, made.groups, collocation, 1.0, [start, 0 * start], 0.5, Pace(), Deadline())
    assert not solver.solve([start], np.stack([start] * 3), 0.0, 1e-8, np.ones(1), Deadline()).converged


def test_seams_join_the_ends_of_a_period() -> None:
    """Across a seam the rows are jumps between points one period apart."""
    made = cells(DAMPED)
    (seam,) = [
        g
        for g in made.groups
        if len(g.rows.sites) == 2 and not np.allclose(g.rows.sites[0].points, g.rows.sites[1].points)
    ]
    below, above = (site.points for site in seam.rows.sites)
    assert below - above == pytest.approx(np.broadcast_to([0.0, 2.0], below.shape))
    linear = made.sampled(lambda p: np.stack([p[:, 1], np.cos(np.pi * p[:, 1])], axis=1))
    residuals = seam.residuals([linear[None], 0 * linear[None]], np.array([0.0]))[:, 0]
    # u = y jumps by 2, its slope by nothing; v is of the period, and has no derivatives by y in the equations
    assert residuals[:2] == pytest.approx(np.broadcast_to([[2.0], [0.0]], residuals[:2].shape), abs=1e-9)


def test_largest_experts_are_halved_first() -> None:
    made = cells(DAMPED)
    assert made.worst(np.array([1.0, 0.1, 0.5, 0.0])) == [0, 2]
    assert made.worst(np.array([0.5, 0.1, 1.0, 0.0])) == [2, 0]
    assert made.mean(np.array([1.0, 0.0, 0.0, 0.0])) == pytest.approx(0.5)
    # the root mean square of y over (0, 2), about: Gauss points count alike
    assert made.sizes(made.sampled(lambda p: p[:, [1, 0]])) == pytest.approx([np.sqrt(4 / 3), np.sqrt(1 / 3)], rel=0.02)


def test_the_transposed_jacobian_at_a_complex_rate() -> None:
    """(J x, r) = (x, J^H r), on cells of two sizes, whose experts meet several others."""
    made = CutDiscretization(DAMPED, TotalDegree(2, 4), 100.0)
    tree = Tree([0.0, 0.0], [1.0, 2.0], (2, 2))
    tree.split([0])
    halved, rng = SpaceCells(made, Inside(made.region, tree)), np.random.default_rng(3)
    change, *at = rng.normal(size=(4, *halved.shape))
    linear = [group.at_rate(group.slopes(at, 0.3), 2.0 + 3.0j)[0] for group in halved.groups]
    moved = [rows.changes(parts, change) for rows, parts in zip(halved.system.groups, linear, strict=True)]
    residuals = [rng.normal(size=each.shape) + 1j * rng.normal(size=each.shape) for each in moved]
    found = np.zeros(halved.shape, complex)
    for rows, parts, mine in zip(halved.system.groups, linear, residuals, strict=True):
        rows.pull_back(parts, mine, found)
    assert any(np.abs(each.imag).max() > 0 for each in moved)
    expected = sum(np.vdot(m, r) for m, r in zip(moved, residuals, strict=True))
    assert (change * found).sum() == pytest.approx(expected, rel=1e-12)
    mixed = halved.system.mixed_gradient(residuals, linear)
    own = np.concatenate([(f @ mix).ravel() for f, mix in zip(found, halved.system.mixing, strict=True)])
    assert np.allclose(mixed, own, rtol=1e-13, atol=1e-13 * np.abs(own).max())
