"""Stacked training against the library's optimizers, member by member, and against a solve."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.relative_error import error_grid, evaluate
from pinnlab.optimizers.base import Optimizer
from pinnlab.training.plans import Settings
from stacked.optimizers import gram, minimize, times, transposed
from stacked.system import StackedSystem, initial_parameters
from stacked.training import train

SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)


def advection(u: pl.Field, b: pl.Field) -> pl.Field:
    return u.t + b * u.x


def exact(x: Any, t: Any, b: Any) -> Any:
    return torch.sin(torch.as_tensor(x - b * t))


FAMILY = pl.Problem(
    domain=pl.Box(x=(0.0, math.pi), t=(0.0, 1.0)),
    unknowns="u",
    equations=advection,
    conditions=[pl.Initial(u=lambda x: torch.sin(x), exact=False), pl.Dirichlet(u=exact, on="x-", exact=False)],
    parameters={"b": pl.Uniform(0.5, 3.0)},
    reference=exact,
)
MEMBERS = [FAMILY.at(b=b) for b in (0.5, 1.5, 3.0)]


def solver(**options: Any) -> pl.MultiDomainPINN:
    given: dict[str, Any] = {"subdomains": {"t": (0.5,)}, "interface": ("value",), "network": pl.MLP(width=6, depth=2)}
    given |= {"points": 40, "boundary_points": 10, "interface_points": 10, "sampling": "sobol"}
    return pl.MultiDomainPINN(**(given | options))


@pytest.mark.parametrize(
    "optimizer",
    [
        pl.Adam(steps=7, learning_rate=1e-2, decay_every=3),
        pl.Adam(steps=5, redraw_every=2, amsgrad=True),
        pl.LevenbergMarquardt(steps=5),
        pl.LevenbergMarquardt(steps=5, geodesic=False, redraw=False, damping=1e-6),
        pl.LevenbergMarquardt(steps=4, trials=1, damping=1e-9),
    ],
)
def test_every_member_takes_the_steps_of_the_optimizer(optimizer: Optimizer) -> None:
    config = solver()
    stack = StackedSystem(MEMBERS, config)
    start = torch.stack([initial_parameters(member, config, seed) for seed, member in enumerate(MEMBERS)])
    theta, losses = minimize(stack, start, optimizer)
    for b, member in enumerate(MEMBERS):
        system = config.plan(member, SETTINGS).start(0, []).system  # type: ignore[union-attr]
        own, state, loss = start[b], optimizer.init(system, start[b]), math.nan
        for _ in range(optimizer.steps):
            step = optimizer.step(system, own, state)
            own, state, loss = step.theta, step.state, step.loss
        assert torch.allclose(theta[b], own, rtol=1e-6, atol=1e-8)
        assert float(losses[b]) == pytest.approx(loss, rel=1e-6)


def test_a_member_ends_where_its_own_solve_does() -> None:
    config = solver(stages=(pl.Adam(steps=20, learning_rate=1e-2), pl.LevenbergMarquardt(steps=20)))
    trained = train(MEMBERS, config)
    points = error_grid(FAMILY.domain)
    references = torch.stack([evaluate(member.reference, member, points) for member in MEMBERS])
    errors = trained.errors(points, references)
    for b, member in enumerate(MEMBERS[:2]):
        solution = pl.solve(member, config, seed=0, progress=False)
        assert float(errors[b]) == pytest.approx(solution.error()["u"], rel=0.01)
        assert float(trained.loss[b]) == pytest.approx(solution.history.records[-1].loss, rel=0.01)
    assert float(errors.max()) < 8e-3


def test_stages_have_interface_conditions_of_their_own() -> None:
    stages = [(pl.Adam(steps=3), ("value",)), (pl.LevenbergMarquardt(steps=3), ("value", "flux"))]
    trained = train(MEMBERS, solver(), stages)
    kinds = [block.residuals[0] for block in trained.system.blocks if block.kind == "interface"]
    assert kinds == ["value u 0|1", "flux u 0|1"]
    assert bool(torch.isfinite(trained.loss).all())


def test_a_member_that_is_lost_stops_nobody() -> None:
    config = solver()
    start = torch.stack([initial_parameters(member, config, 0) for member in MEMBERS])
    broken = start.clone()
    broken[1, 0] = torch.nan
    for optimizer in (pl.Adam(steps=3), pl.LevenbergMarquardt(steps=3)):
        theta, losses = minimize(StackedSystem(MEMBERS, config), broken, optimizer)
        alone, expected = minimize(StackedSystem(MEMBERS, config), start, optimizer)
        assert torch.isfinite(losses).tolist() == [True, False, True]
        assert torch.allclose(theta[[0, 2]], alone[[0, 2]], rtol=1e-9, atol=0)
        assert torch.allclose(losses[[0, 2]], expected[[0, 2]], rtol=1e-9, atol=0)
        assert torch.equal(theta[1, 1:], broken[1, 1:])


def test_products_with_bands_are_those_of_the_dense_jacobian() -> None:
    config = solver(interface=("value", "flux"))
    stack = StackedSystem(MEMBERS, config)
    theta = torch.stack([initial_parameters(member, config, 1) for member in MEMBERS])
    residual, bands = stack.residuals_and_jacobian(theta)
    full = torch.zeros(len(MEMBERS), stack.rows, stack.shape[1], dtype=torch.float64)
    for band in bands:
        for g, block in band.jacobian.items():
            full[:, band.rows, stack.columns[g]] = block
    assert torch.allclose(gram(bands, stack.columns, theta), full.mT @ full, rtol=1e-12, atol=0)
    assert torch.allclose(times(bands, stack.columns, theta), (full @ theta[:, :, None])[:, :, 0], rtol=1e-12, atol=0)
    expected = (full.mT @ residual[:, :, None])[:, :, 0]
    assert torch.allclose(transposed(bands, stack.columns, residual, theta), expected, rtol=1e-12, atol=0)


def test_bad_stages() -> None:
    with pytest.raises(ValueError, match="stages: give optimizers"):
        train(MEMBERS, solver())
    with pytest.raises(TypeError, match="cannot be stacked; use pl.Adam"):
        train(MEMBERS, solver(), [pl.LBFGS(steps=2)])
