"""The same numbers on a GPU as on the CPU: residuals, Jacobians, every optimizer, every solver; and recorded steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import pinnlab as pl
from pinnlab.algebra.blocks import BlockJacobian
from pinnlab.training.plans import Settings

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

PI = math.pi
CPU, GPU = torch.device("cpu"), torch.device("cuda")
NET = pl.MLP(width=8, depth=2)
LM = pl.LevenbergMarquardt


def problem(**options: Any) -> pl.Problem:
    conditions = [pl.Initial(u=lambda x: -torch.sin(PI * x)), pl.Dirichlet(u=0.0, exact=False)]
    burgers = lambda u, nu: u.t + u * u.x - nu * u.xx  # noqa: E731
    return pl.Problem(
        pl.Box(x=(-1.0, 1.0), t=(0.0, 0.5)), "u", burgers, conditions,
        **{"parameters": {"nu": 0.1}, **options},
    )  # fmt: skip


def waves() -> pl.Problem:
    """Fourth order, periodic."""
    return pl.Problem(
        pl.Box(x=(-1.0, 1.0), t=(0.0, 0.1)), "u", lambda u: u.t + 5 * u * u.x + 0.5 * u.xx + 0.005 * u.xxxx,
        [pl.Initial(u=lambda x: -torch.sin(PI * x)), pl.Periodic(on="x")],
    )  # fmt: skip


def travelling(x: Any, t: Any, c: Any) -> Any:
    return torch.sin(x - c * t)


def transport(**options: Any) -> pl.Problem:
    return pl.Problem(
        pl.Box(x=(0.0, 2 * PI), t=(0.0, 1.0)), "u", lambda u, c: u.t + c * u.x,
        [pl.Initial(u=lambda x: torch.sin(x)), pl.Periodic(on="x")], {"c": 2.0}, reference=travelling, **options,
    )  # fmt: skip


def own_module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))


def inverse() -> pl.Problem:
    generator = torch.Generator().manual_seed(0)
    x, t = torch.rand(2, 40, generator=generator, dtype=torch.float64)
    data = pl.Data({"x": x, "t": t}, u=torch.sin(x - 2 * t))
    return pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u, c: u.t + c * u.x, [data], {"c": pl.Unknown(1.0)}
    )


SYSTEMS: dict[str, Callable[[], tuple[pl.Problem, Any]]] = {
    "second order": lambda: (problem(), pl.PINN(network=NET, points=300)),
    "fourth order": lambda: (waves(), pl.PINN(network=pl.ModifiedMLP(width=8, depth=2), points=300)),
    "own module": lambda: (problem(), pl.PINN(network=own_module(), points=100)),
    "data": lambda: (inverse(), pl.PINN(network=NET, points=100)),
    "subdomains": lambda: (problem(), pl.MultiDomainPINN(subdomains={"x": (0.0,)}, network=NET, points=100)),
}


def system(name: str, device: torch.device, dtype: torch.dtype = torch.float64) -> Any:
    given, solver = SYSTEMS[name]()
    return solver.plan(given, Settings(device, dtype, 0)).start(0, []).system


def dense(jacobian: Any) -> torch.Tensor:
    return jacobian.dense() if isinstance(jacobian, BlockJacobian) else jacobian


@pytest.mark.parametrize("name", SYSTEMS)
def test_residuals_gradient_and_jacobian(name: str) -> None:
    here, there = system(name, CPU), system(name, GPU)
    generator = torch.Generator().manual_seed(0)
    for _ in range(6):  # from the fourth time on they are replayed
        here.redraw(), there.redraw()
        theta = here.model.theta + 0.01 * torch.randn(here.size, dtype=torch.float64, generator=generator)
        loss, gradient = here.loss_and_gradient(theta)
        residual, jacobian = here.residuals_and_jacobian(theta)
        on_gpu = theta.to(GPU)
        loss_there, gradient_there = there.loss_and_gradient(on_gpu)
        residual_there, jacobian_there = there.residuals_and_jacobian(on_gpu)
        torch.testing.assert_close(loss_there.cpu(), loss, rtol=1e-10, atol=0)
        torch.testing.assert_close(gradient_there.cpu(), gradient, rtol=1e-8, atol=1e-10 * float(gradient.abs().max()))
        torch.testing.assert_close(residual_there.cpu(), residual, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(dense(jacobian_there).cpu(), dense(jacobian), rtol=1e-8, atol=1e-10)
        torch.testing.assert_close(there.residuals(on_gpu).cpu(), residual, rtol=1e-9, atol=1e-11)


def test_single_precision_is_as_good_as_on_the_cpu() -> None:
    exact = system("second order", CPU)
    theta = exact.model.theta
    expected = exact.loss_and_gradient(theta)[1]
    for device in (CPU, GPU):
        found = system("second order", device, torch.float32).loss_and_gradient(theta.to(device, torch.float32))[1]
        assert float((found.cpu().double() - expected).norm() / expected.norm()) < 1e-5, device


def test_what_is_recorded_gives_the_same_numbers_and_outlives_a_change_of_points() -> None:
    there = system("second order", GPU)
    theta = there.model.theta
    kept = [there.loss_and_gradient(theta + 0.01 * k) for k in range(8)]
    assert there._replay._recorded, "nothing was recorded"
    fresh = system("second order", GPU)
    for k, (loss, gradient) in enumerate(kept):
        expected = fresh._loss_and_gradient(_set(fresh, theta + 0.01 * k))
        torch.testing.assert_close(loss, expected[0], rtol=1e-12, atol=0)
        torch.testing.assert_close(gradient, expected[1], rtol=1e-9, atol=1e-12)


def _set(given: Any, theta: torch.Tensor) -> list[torch.Tensor]:
    given.model.theta = theta
    return given._row_weights()


def test_an_equation_that_cannot_be_recorded_is_evaluated_as_before() -> None:
    def looking(u: pl.Field) -> pl.Field:
        return u.t - (0.1 if float(u.x.value.detach().abs().max()) >= 0 else 0.2) * u.xx

    given = problem().replace(equations=looking, parameters={})
    solution = pl.solve(
        given, pl.PINN(network=NET, points=100, stages=pl.Adam(steps=12)), device="cuda", progress=False
    )
    assert np.isfinite(solution.history.column("loss")).all()


STAGES = {
    "adam": pl.Adam(steps=30), "soap": pl.SOAP(steps=20), "lbfgs": pl.LBFGS(steps=3, iterations=5),
    "ssbroyden": pl.SSBroyden(steps=10), "lm": LM(steps=8),
    "svd": LM(steps=4, solver="svd"), "kernel": LM(steps=3, solver="kernel"),
}  # fmt: skip


@pytest.mark.parametrize("name", STAGES)
def test_optimizers_take_the_same_steps(name: str) -> None:
    solver = pl.PINN(network=NET, points=200, boundary_points=20, stages=(STAGES[name],))
    here, there = (pl.solve(problem(), solver, device=device, progress=False) for device in ("cpu", "cuda"))
    a, b = here.history.column("held_out"), there.history.column("held_out")
    tolerance = 1e-2 if name == "soap" else 1e-5
    np.testing.assert_allclose(b, a, rtol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_every_solver(dtype: torch.dtype, tmp_path: Path) -> None:
    small = {"network": NET, "points": 200, "stages": (LM(steps=25),)}
    solvers: dict[str, tuple[pl.Problem, Any, float]] = {
        "pinn": (transport(), pl.PINN(**small), 0.02),
        "adaptive": (transport(), pl.PINN(**small, sampling="adaptive"), 0.02),
        "causal": (transport(), pl.CausalPINN(**small, windows=2, tolerances=(1.0, 100.0), slices=8), 0.02),
        "lagrangian": (transport(velocity=lambda c: c), pl.LagrangianPINN(**small), 1e-4),
        "subdomains": (transport(), pl.MultiDomainPINN(**small, subdomains={"t": (0.5,)}), 0.05),
    }
    for name, (given, solver, error) in solvers.items():
        solution = pl.solve(given, solver, device="cuda", dtype=dtype, progress=False)
        assert solution.error()["u"] < error, (name, solution.error())
        values = solution(x=np.linspace(0, 6, 7), t=0.3)["u"]
        assert isinstance(values, np.ndarray) and np.isfinite(values).all()
        (residual,) = solution.residual(x=np.linspace(0, 6, 7), t=0.3).values()
        assert np.isfinite(residual).all(), name
        path = tmp_path / f"{name}.pt"
        solution.save(path)
        again = pl.Solution.load(path, given)
        np.testing.assert_allclose(again(x=np.linspace(0, 6, 7), t=0.3)["u"], values, rtol=1e-4, atol=1e-6)


def test_experts() -> None:
    with pytest.raises(ValueError, match="float64 on the CPU"):
        pl.solve(problem(), pl.HardConstraintMoE(), device="cuda", progress=False)
    x = np.linspace(-1, 1, 11)
    family = problem(parameters={"nu": pl.Uniform(0.1, 0.3)})
    solver = pl.HardConstraintMoE(
        network=pl.MLP(width=12, depth=2), basis=12, experts={"x": 2}, batch=1, points=64, stages=(pl.Adam(steps=5),)
    )
    operator = pl.solve(family, solver, device="cuda", progress=False)
    assert np.isfinite(operator.at(nu=0.2)(x=x, t=0.4)["u"]).all()


def test_a_run_goes_on_from_a_checkpoint_of_the_cpu(tmp_path: Path) -> None:
    solver = pl.PINN(network=NET, points=200, stages=(LM(steps=40),))
    whole = pl.solve(problem(), solver, progress=False)
    path = tmp_path / "run.pt"
    stop = lambda record: record.step >= 20  # noqa: E731
    pl.solve(problem(), solver, progress=False, checkpoint=path, callbacks=[stop])
    new: list[Any] = []
    rest = pl.solve(problem(), solver, progress=False, checkpoint=path, device="cuda", callbacks=[new.append])
    assert [record.step for record in new] == [30, 40]
    held_out = whole.history.column("held_out")[-1], rest.history.column("held_out")[-1]
    np.testing.assert_allclose(*held_out, rtol=1e-3)


def test_a_mesh_region_and_a_projection() -> None:
    disc = pl.Ball(center={"x": 0.0, "y": 0.0}, radius=1.0)
    given = pl.Problem(
        disc, "u", lambda u: u.xx + u.yy + 4, [pl.Dirichlet(u=0.0)], reference=lambda x, y: 1 - x**2 - y**2
    )
    solution = pl.solve(given, pl.PINN(network=NET, points=200, stages=(LM(steps=20),)), device="cuda", progress=False)
    assert solution.error()["u"] < 1e-2
    layer = pl.constraints.ConvexProjection(A=torch.ones(1, 4), b=torch.ones(1), lower=0.0).to(GPU)
    found = layer(torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).to(GPU))
    torch.testing.assert_close(found.sum(1), torch.ones(5, dtype=torch.float64, device=GPU))


def test_the_command_line(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from pinnlab import cli

    arguments = ["bench", "heat_robin", "--solver", "pinn", "--seeds", "0", "--max-seconds", "3", "--device", "cuda"]
    result = CliRunner().invoke(cli.main, [*arguments, "--out", str(tmp_path / "bench")])
    assert result.exit_code == 0, result.output
