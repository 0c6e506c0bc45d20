"""Stacked members against the library's own residual systems, member by member."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.solvers.multidomain.partition import Subdomains
from pinnlab.training.plans import Settings
from pinnlab.training.residuals import ResidualSystem
from pinnlab.training.weighting import GradientNorm
from stacked.networks import StackedLinear, stacked
from stacked.system import StackedSystem, initial_parameters

SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)
SMALL = pl.MLP(width=5, depth=2)


def burgers(u: pl.Field, nu: pl.Field) -> pl.Field:
    return u.t + u * u.x - nu * u.xx


def flux(u: pl.Field, nu: pl.Field) -> Any:
    return u * u / 2 - nu * u.x


def family(exact: bool | None) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=burgers,
        conditions=[
            pl.Initial(u=lambda x, nu: -torch.sin(math.pi * x) * (1 + nu), exact=exact),
            pl.Dirichlet(u=0.0, on="x", exact=exact),
        ],
        parameters={"nu": pl.Uniform(0.01, 0.1)},
        reference=lambda x, t, nu: torch.sin(x + t) * nu,
    )


PERIODIC = family(None).replace(
    conditions=[pl.Initial(u=lambda x, nu: torch.sin(math.pi * x) * nu), pl.Periodic(on="x")]
)
NUS = (0.01, 0.03, 0.08)


def members(problem: pl.Problem) -> list[pl.Problem]:
    return [problem.at(nu=nu) for nu in NUS]


def solver(**options: Any) -> pl.MultiDomainPINN:
    given: dict[str, Any] = {"subdomains": {"t": (0.4,)}, "interface": ("value", "flux")}
    given |= {"network": SMALL, "points": 20, "interface_points": 7, "sampling": "sobol"}
    return pl.MultiDomainPINN(**(given | options))


def own_system(member: pl.Problem, config: pl.MultiDomainPINN) -> ResidualSystem:
    return config.plan(member, SETTINGS).start(0, []).system  # type: ignore[union-attr]


def dense(stack: StackedSystem, b: int) -> torch.Tensor:
    """(N, P): the Jacobian of member b."""
    found = torch.zeros(stack.rows, stack.shape[1], dtype=torch.float64)
    for band in stack.bands:
        for g, block in band.jacobian.items():
            found[band.rows, stack.columns[g]] = block[b]
    return found


def in_order(stack: StackedSystem, system: ResidualSystem, rows: torch.Tensor) -> torch.Tensor:
    """Rows of a member's own system in the order of the stack."""
    parts = rows.split([block.rows for block in system.blocks])
    return torch.cat([parts[k] for band in stack.bands for k in band.blocks])


SOFT = {"boundary_points": 6}
CASES = [
    (family(False), SOFT),
    (family(False), {**SOFT, "interface": ("average", "residual_gradient", "tangential_2"), "interface_weight": 5.0}),
    (family(None), {"subdomains": {"x": (0.0,), "t": (0.5,)}, "interface": ("value", "residual_jump")}),
    (family(False), {**SOFT, "subdomains": Subdomains({"x": (-0.1, 0.1)}, together=[(0, 2)]), "flux": flux}),
    (PERIODIC, {"harmonics": 2}),
]


@pytest.mark.parametrize(("problem", "options"), CASES)
def test_residuals_gradient_and_jacobian_are_those_of_each_member(problem: pl.Problem, options: dict) -> None:
    config = solver(**options)
    stack = StackedSystem(members(problem), config)
    theta = torch.stack([initial_parameters(member, config, seed) for seed, member in enumerate(stack.members)])
    for redrawn in (False, True):
        if redrawn:
            stack.redraw()
        losses, gradient = stack.loss_and_gradient(theta)
        residual, _ = stack.residuals_and_jacobian(theta)
        assert torch.allclose(stack.residuals(theta), residual, rtol=1e-12, atol=1e-14)
        for b, member in enumerate(stack.members):
            system = own_system(member, config)
            if redrawn:
                system.redraw()
            r, jacobian = system.residuals_and_jacobian(theta[b])
            full = jacobian if isinstance(jacobian, torch.Tensor) else jacobian.dense()
            loss, slope = system.loss_and_gradient(theta[b])
            scale = float(full.abs().max())
            assert torch.allclose(residual[b], in_order(stack, system, r), rtol=1e-10, atol=1e-12)
            assert torch.allclose(dense(stack, b), in_order(stack, system, full), rtol=1e-10, atol=1e-12 * scale)
            assert torch.allclose(gradient[b], slope, rtol=1e-10, atol=1e-11 * scale)
            assert float(losses[b]) == pytest.approx(float(loss), rel=1e-10)


def test_solution_and_held_out_measures_are_those_of_each_member() -> None:
    problem, config = family(False), solver()
    stack = StackedSystem(members(problem), config)
    theta = torch.stack([initial_parameters(member, config, seed) for seed, member in enumerate(stack.members)])
    points = torch.tensor([[0.3, 0.1], [0.5, 0.4], [-0.2, 0.9]], dtype=torch.float64)
    values, held = stack.solution(theta, points), stack.held_out(theta, n=64)
    for b, member in enumerate(stack.members):
        model = own_system(member, config).model
        model.theta = theta[b]
        assert torch.allclose(values[b], model.values(points), rtol=1e-12, atol=0)
        # the equation is of first order in time, so that only the value's jump counts
        assert float(held["jump"][b]) == pytest.approx(model.jump(n=256), rel=0.05)  # type: ignore[attr-defined]
    assert bool((held["equation"] > 0).all()) and bool((held["conditions"] > 0).all())


def test_a_stacked_layer_on_hand_worked_numbers() -> None:
    network = stacked(pl.MLP(1, 1, width=1, depth=1).double(), 2)
    layer = network.hidden[0]
    assert isinstance(layer, StackedLinear)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[2.0]], [[-1.0]]]))
        layer.bias.copy_(torch.tensor([[0.5], [0.0]]))  # type: ignore[union-attr]
        network.last.weight.fill_(1.0)
    # member 0 sees x = 1 and 2, member 1 sees x = 3 and 4
    jet = network.jet(torch.tensor([[1.0], [2.0], [3.0], [4.0]], dtype=torch.float64), ((), (0,)))
    expected = [math.tanh(2.5), math.tanh(4.5), math.tanh(-3.0), math.tanh(-4.0)]
    assert jet[0, :, 0].tolist() == pytest.approx(expected)
    slopes = [2 * (1 - y * y) if k < 2 else -(1 - y * y) for k, y in enumerate(expected)]
    assert jet[1, :, 0].tolist() == pytest.approx(slopes)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"sampling": "adaptive"}, ValueError, "share their points; choose sampling='sobol'"),
        ({"windows": 2}, ValueError, "windows=2: stacked members are trained in one window"),
        (
            {"overlap": 0.5, "interface": "matching", "interface_points": None},
            ValueError,
            "overlap=0.5: stacked subdomains are joined by interface conditions",
        ),
        ({"weighting": GradientNorm()}, TypeError, "stacked members keep their weights"),
        ({"network": pl.MLP(width=4, factorized=True)}, TypeError, "factorized=True"),
        ({"network": pl.PirateNet(width=4)}, TypeError, "belongs to no linear layer"),
    ],
)
def test_configurations_that_cannot_be_stacked(changed: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        StackedSystem(members(family(None)), solver(**changed))


def test_members_that_cannot_be_stacked() -> None:
    problem = family(None)
    with pytest.raises(ValueError, match="members=\\[\\]"):
        StackedSystem([], solver())
    other = problem.replace(domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 2.0))).at(nu=0.02)
    with pytest.raises(ValueError, match="differ in their parameters' values only"):
        StackedSystem([problem.at(nu=0.02), other], solver())
    with pytest.raises(TypeError, match="'nu' is to be found"):
        StackedSystem([problem.replace(parameters={"nu": pl.Unknown(0.02)})], solver())
    measured = pl.Data({"x": np.zeros(3), "t": np.full(3, 0.2)}, u=np.zeros(3))
    with pytest.raises(TypeError, match=r"leave out Data\(\.\.\.\)"):
        StackedSystem([problem.at(nu=0.02).replace(conditions=[*problem.conditions, measured])], solver())
    with pytest.raises(TypeError, match="only pinnlab's networks can be stacked"):
        stacked(torch.nn.Linear(2, 1), 3)
