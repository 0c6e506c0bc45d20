"""Collocation points: drawn, held out, drawn anew, drawn where residuals are large, and restored."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
from small_systems import BOX, burgers, causal, small, start, system
from torch import Tensor

import pinnlab as pl
from pinnlab.training.residuals import ResidualSystem


def two_unknowns() -> ResidualSystem:
    def flow(u: pl.Field, v: pl.Field, x: pl.Field) -> dict[str, pl.Field]:
        return {"mass": u.x + v.t * x, "momentum": u.tt + torch.sin(u) * v.xx + v.xt}

    conditions = [
        pl.Neumann(u=1.0, on="x-"),
        pl.Robin(v=(1.0, lambda t: t, 0.5), on="x+"),
        pl.Periodic(on="x", exact=False),
        pl.Initial(u=start, exact=False),
        pl.Initial(v=1.0),
    ]
    return system(pl.Problem(BOX, ("u", "v"), flow, conditions), small(boundary_points=7, condition_weight=3.0))


def inverse() -> ResidualSystem:
    rng, n = np.random.default_rng(0), 9
    data = {"x": rng.uniform(-1, 1, n), "t": rng.uniform(0, 1, n)}
    problem = pl.Problem(
        BOX, "u", lambda u, nu, c: u.t + c * u.x - nu**2 * u.xx,
        [
            pl.Initial(u=start), pl.Dirichlet(u=lambda c, t: c * t, exact=False),
            pl.Data(data, u=rng.normal(size=n), weight=2.0),
        ],
        {"nu": pl.Unknown(0.3), "c": pl.Unknown(-0.8)},
    )  # fmt: skip
    return system(problem, small(boundary_points=7, condition_weight=3.0))


def prepared(s: ResidualSystem) -> tuple[ResidualSystem, Tensor]:
    theta = s.model.theta + 0.3 * torch.randn(s.size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    s.update_weights(theta)
    return s, theta


def test_points() -> None:
    s = two_unknowns()
    kinds = [(b.kind, b.n) for b in s.blocks]
    assert kinds[0] == ("equation", 23) and set(kinds[1:]) == {("boundary", 7), ("periodic", 7), ("initial", 7)}
    before = [b.sites[0].points.clone() for b in s.blocks]
    assert all(bool((p[:, 1].diff() >= 0).all()) for p in before), "sorted by time"
    s.redraw()
    assert not any(torch.equal(p, b.sites[0].points) for p, b in zip(before, s.blocks, strict=True))
    same, other = two_unknowns(), system(pl.Problem(BOX, "u", burgers, parameters={"nu": 0.1}), small(), seed=1)
    assert torch.equal(same.blocks[0].sites[0].points, before[0])
    assert not torch.equal(other.blocks[0].sites[0].points, before[0])


def test_redrawing_changes_the_loss_and_leaves_data_in_place() -> None:
    s, theta = prepared(inverse())
    data, loss = s.blocks[-1].sites[0].points.clone(), float(s.loss_and_gradient(theta)[0])
    s.redraw()
    assert torch.equal(s.blocks[-1].sites[0].points, data) and float(s.loss_and_gradient(theta)[0]) != loss


def test_the_held_out_loss_sees_other_points_and_leaves_no_trace() -> None:
    s, theta = prepared(causal())
    before = s.residuals(theta)
    points = [b.sites[0].points for b in s.blocks]
    value = s.held_out_loss(theta)
    assert torch.equal(s.residuals(theta), before)
    assert all(b.sites[0].points is p for b, p in zip(s.blocks, points, strict=True))
    s.redraw()
    assert s.held_out_loss(theta) == value, "its points stay"
    with contextlib.ExitStack() as stack:
        for block, sites in zip(s.blocks, s.points.held_out, strict=True):
            assert not torch.equal(sites[0].points, block.sites[0].points)
            stack.enter_context(block.elsewhere(sites))
        mean = [(r**2).mean(1).sum() for r in s.block_residuals(theta)]
    plain = sum(float(block.weight * r) for block, r in zip(s.blocks, mean, strict=True))
    assert value == pytest.approx(plain, rel=1e-12), "without causal weights"


def test_state_and_restore_give_the_same_numbers() -> None:
    s, theta = prepared(causal())
    s.redraw()
    state, expected = s.state(), s.residuals(theta)
    s.redraw()
    later = s.residuals(theta)
    fresh = causal()
    fresh.restore(state)
    assert torch.equal(fresh.residuals(theta), expected)
    fresh.redraw()
    assert torch.equal(fresh.residuals(theta), later), "the generator goes on from the same place"


def spiky() -> ResidualSystem:
    """A residual that is large near x = 0.5 only."""
    bump = lambda x: 1e3 * torch.exp(-200 * (x - 0.5) ** 2)  # noqa: E731
    problem = pl.Problem(BOX, "u", lambda u, x: u.t + bump(x), [pl.Initial(u=start)])
    return system(problem, small(points=200, sampling="adaptive"))


def test_adaptive_sampling_draws_half_of_the_points_where_the_residual_is_large() -> None:
    s = spiky()

    def near() -> float:
        return float(((s.blocks[0].sites[0].points[:, 0] - 0.5).abs() < 0.25).double().mean())

    theta, points = s.model.theta, s.blocks[0].sites[0].points
    assert near() < 0.35
    s.adapt(theta)
    assert s.blocks[0].sites[0].points is points and s.blocks[0].n == 200, "looking does not move the points"
    s.redraw()
    assert 0.5 < near() < 0.8
    inside = s.blocks[0].sites[0].points
    assert bool((inside[:, 1].diff() >= 0).all()) and bool(BOX.contains(inside).all())


def test_adaptive_sampling_resumes_exactly() -> None:
    s = spiky()
    theta = s.model.theta
    s.adapt(theta)
    s.redraw()
    state, expected = s.state(), s.residuals(theta)
    s.redraw()
    later, fresh = s.residuals(theta), spiky()
    fresh.restore(state)
    assert torch.equal(fresh.residuals(theta), expected)
    fresh.redraw()
    assert torch.equal(fresh.residuals(theta), later)


def test_other_kinds_of_sampling_do_not_adapt() -> None:
    other = system(pl.Problem(BOX, "u", burgers, parameters={"nu": 0.1}), small(sampling="sobol"))
    before = other.state()
    other.adapt(other.model.theta)
    assert str(other.state()) == str(before)
