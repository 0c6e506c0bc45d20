"""All slabs of an ordinary differential equation at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.cells import Cells
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.local_experts.basis import Chebyshev
from pinnlab.solvers.local_experts.chain import Chain, followed, halved, is_chain
from pinnlab.solvers.local_experts.discretization import Discretization
from pinnlab.solvers.local_experts.plan import LocalExperts
from pinnlab.solvers.local_experts.sensitivity import MarchedState


def problem(equation, conditions, numbers, end=2.0, unknowns="u"):
    return pl.Problem(pl.Box(t=(0.0, end)), unknowns, equation, conditions, numbers)


def decay(k, a=1.5):
    return problem(lambda u, k: u.t + k * u, [pl.Initial(u=lambda a: a)], {"k": k, "a": a})


def chain(made_of, edges=(0.0, 0.7, 2.0), degree=16):
    made = Discretization(made_of, Chebyshev((degree,)), 1e-8)
    return Chain(made, Cells({"t": np.array(edges)}, "t"))


def marched(made_of, near=None):
    return MarchedState(LocalExperts().march(made_of), Deadline(), math.inf, near)


def at_times(state, t, indices=((),)):
    return state.jet(torch.tensor(t, dtype=torch.float64)[:, None], indices)[..., 0].numpy()


def test_slabs_are_cut_in_the_middle():
    np.testing.assert_array_equal(halved(np.array([0.0, 1.0, 4.0]), [False, True]), [0.0, 1.0, 2.5, 4.0])


def test_a_chain_solves_all_slabs():
    one = chain(decay(0.5))
    weights = one.solve(np.zeros((2, 1, 17)), 1e-11, np.ones(1))
    t = one.cells.points(np.arange(2), one.made.interior.points)[..., 0]
    np.testing.assert_allclose(one.made.values(weights)[:, 0], 1.5 * np.exp(-0.5 * t), rtol=1e-9)
    assert np.abs(one.missed(weights)).max() < 1e-9


def test_a_chain_passes_on_slopes_of_second_order():
    swing = problem(lambda u, w: u.tt + w**2 * u, [pl.Initial(u=1.0, u_t=0.5)], {"w": 2.0})
    one = chain(swing, (0.0, 0.3, 1.1, 2.0))
    weights = one.solve(np.zeros((3, 1, 17)), 1e-11, np.ones(1), linear=True)
    t = one.cells.points(np.arange(3), one.made.interior.points)[..., 0]
    np.testing.assert_allclose(one.made.values(weights)[:, 0], np.cos(2 * t) + 0.25 * np.sin(2 * t), atol=1e-9)


def test_tangents_are_derivatives_by_numbers():
    one = chain(decay(0.5))
    weights = one.solve(np.zeros((2, 1, 17)), 1e-11, np.ones(1))
    slopes = one.made.values(one.tangents(weights, {"k": 0.5, "a": 1.5}))
    t = one.cells.points(np.arange(2), one.made.interior.points)[..., 0]
    np.testing.assert_allclose(slopes[:, 0, 0], -1.5 * t * np.exp(-0.5 * t), atol=1e-8)
    np.testing.assert_allclose(slopes[:, 1, 0], np.exp(-0.5 * t), atol=1e-8)


@pytest.mark.parametrize("linear", [False, True])
def test_what_is_not_linear_is_linearized_anew(linear):
    logistic = problem(lambda u, r: u.t - r * u * (1 - u), [pl.Initial(u=0.1)], {"r": 2.0})
    one = chain(logistic, np.linspace(0.0, 2.0, 6))
    weights = one.solve(np.zeros((5, 1, 17)) + 0.3 * (np.arange(17) == 0), 1e-11, np.ones(1), linear)
    t = one.cells.points(np.arange(5), one.made.interior.points)[..., 0]
    np.testing.assert_allclose(one.made.values(weights)[:, 0], 1 / (1 + 9 * np.exp(-2 * t)), rtol=1e-8)


def test_a_march_that_follows_another_one_is_the_march():
    first = marched(decay(0.5))
    near, alone = marched(decay(1.2, 2.0), first), marched(decay(1.2, 2.0))
    t = np.linspace(0.01, 2.0, 50)
    assert len(near.march.pieces) == 1 and near.march.done and near.resolved
    np.testing.assert_allclose(at_times(near, t), at_times(alone, t), rtol=1e-7)
    np.testing.assert_allclose(at_times(near, t)[0], 2.0 * np.exp(-1.2 * t), rtol=1e-7)
    # and the one after follows that
    again = marched(decay(0.6), near)
    np.testing.assert_allclose(at_times(again, t)[0], 1.5 * np.exp(-0.6 * t), rtol=1e-7)


def test_slabs_that_are_too_long_are_cut():
    slow, fast = (
        problem(lambda u, w: u.tt + w**2 * u, [pl.Initial(u=1.0, u_t=0.0)], {"w": w}, 6.0) for w in (1.0, 6.0)
    )
    first = marched(slow)
    near, before = marched(fast, first), sum(piece.cells.count for piece in first.march.pieces)
    assert near.march.pieces[0].cells.count > before
    t = np.linspace(0.01, 6.0, 50)
    np.testing.assert_allclose(at_times(near, t)[0], np.cos(6 * t), atol=1e-6)


def test_what_jumps_in_time_is_marched():
    jumps = problem(lambda u, t, k: u.t + k * u - torch.where(t < 1.0, 1.0, 3.0), [pl.Initial(u=1.0)], {"k": 0.5})
    made = LocalExperts().march(jumps)
    assert not is_chain(made.discretization)
    assert not followed(made, made) and not made.pieces


def test_tangents_in_space_are_differences_of_marches():
    def heat(D, a=1.3):
        conditions = [pl.Initial(u=lambda x, a: a * torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)]
        return pl.Problem(
            pl.Box(x=(0.0, 1.0), t=(0.0, 0.2)), "u", lambda u, D: u.t - D * u.xx, conditions, {"D": D, "a": a}
        )

    state, points = marched(heat(0.5)), torch.tensor([[0.3, 0.05], [0.5, 0.1], [0.7, 0.199]], dtype=torch.float64)
    assert len(state.march.kept) == len(state.march.pieces) and state.march.kept[0][2] is not None
    above, below = state.neighbours([heat(0.5 + 1e-4), heat(0.5 - 1e-4)], Deadline())
    found = (above(points, ((),)) - below(points, ((),)))[0, :, 0] / 2e-4
    x, t = points.T
    exact = -1.3 * math.pi**2 * t * torch.exp(-0.5 * math.pi**2 * t) * torch.sin(math.pi * x)
    torch.testing.assert_close(found, exact, rtol=1e-6, atol=0.0)
    # anew, as where nothing is kept
    state.march.kept = None
    again, _ = state.neighbours([heat(0.5 + 1e-4), heat(0.5 - 1e-4)], Deadline())
    torch.testing.assert_close(again(points, ((),)), above(points, ((),)), rtol=1e-9, atol=0.0)


def test_the_time_of_a_jump_has_a_derivative():
    def pulse(c):
        return problem(
            lambda u, t, k, c: u.t + k * u - torch.where(t > c, 1.0, 0.0), [pl.Initial(u=2.0)], {"k": 0.7, "c": c}
        )

    state = marched(pulse(1.2))
    points = torch.tensor([[0.5], [1.1], [1.5], [1.9]], dtype=torch.float64)
    above, below = state.neighbours([pulse(1.2 + 1e-4), pulse(1.2 - 1e-4)], Deadline())
    found = (above(points, ((),)) - below(points, ((),)))[0, :, 0] / 2e-4
    t = points[:, 0]
    # u = 2 exp(-k t) + (1 - exp(-k (t - c))) / k after c
    exact = torch.where(t > 1.2, -torch.exp(-0.7 * (t - 1.2)), 0.0)
    torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-4)


def test_the_time_of_a_jump_is_found_from_data():
    t = np.linspace(0.0, 2.0, 25)
    exact = 2 * np.exp(-0.7 * t) + np.where(t > 1.2, 1 - np.exp(-0.7 * (t - 1.2)), 0.0) / 0.7
    values = exact + 0.01 * np.random.default_rng(0).standard_normal(25)
    conditions = [pl.Initial(u=2.0), pl.Data({"t": t}, u=values, sd=0.01)]
    equation = lambda u, t, c: u.t + 0.7 * u - torch.where(t > c, 1.0, 0.0)  # noqa: E731
    solution = pl.solve(problem(equation, conditions, {"c": pl.Unknown(0.9)}), max_seconds=60, progress=False)
    low, high = solution.intervals(0.95)["c"]
    assert low < 1.2 < high and high - low < 0.1 and not solution.sure.remarks
