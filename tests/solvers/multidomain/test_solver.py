"""Multi-domain networks: exact solutions, the block Jacobian against finite differences, composition, bad input."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.algebra.blocks import BlockJacobian
from pinnlab.solvers.multidomain.interfaces import Face, resolve
from pinnlab.solvers.multidomain.model import PiecewiseModel
from pinnlab.solvers.multidomain.weights import comparable, response
from pinnlab.training.plans import Settings
from pinnlab.training.weighting import Causal

SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)
SMALL = pl.MLP(width=8, depth=2)


def heat(u: pl.Field, k: pl.Field) -> pl.Field:
    return u.t - k * u.xx


def exact(x: Any, t: Any) -> Any:
    return torch.exp(-0.1 * math.pi**2 * t) * torch.sin(math.pi * x)


HEAT = pl.Problem(
    domain=pl.Box(x=(0.0, 2.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=heat,
    conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
    parameters={"k": 0.1},
    reference=exact,
)
PERIODIC = HEAT.replace(conditions=[HEAT.conditions[0], pl.Periodic(on="x")])


def steps(n: int) -> tuple[pl.LevenbergMarquardt]:
    return (pl.LevenbergMarquardt(steps=n),)


def solved(problem: pl.Problem, **options: Any) -> pl.Solution:
    """Trained until the error is below 1e-3, or for 60 steps."""
    solver = pl.MultiDomainPINN(network=SMALL, stages=steps(60), **options)
    return pl.solve(problem, solver, target_error=1e-3, progress=False)


def system_of(problem: pl.Problem, **options: Any) -> Any:
    solver = pl.MultiDomainPINN(network=SMALL, points=60, interface_points=10, **options)
    return solver.plan(problem, SETTINGS).start(0, []).system  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("problem", "options"),
    [
        (HEAT, {"subdomains": {"x": (0.7, 1.3)}}),
        (HEAT, {"subdomains": {"x": (1.0,), "t": (0.5,)}, "interface": ("value", "residual_gradient", "tangential_2")}),
        (PERIODIC, {"subdomains": {"x": (0.5, 1.2)}, "interface": ("average", "flux", "residual")}),
        (PERIODIC.replace(parameters={"k": pl.Unknown(0.2)}), {"subdomains": {"x": (0.5, 1.2), "t": (0.5,)}}),
        (HEAT, {"subdomains": pl.Subdomains({"x": (0.5, 1.2)}, together=[(0, 2)])}),
    ],
    ids=["chain", "grid", "ring", "inverse", "shared"],
)
def test_the_block_jacobian_is_the_derivative_of_the_residuals(problem: pl.Problem, options: dict[str, Any]) -> None:
    system = system_of(problem, **options)
    generator = torch.Generator().manual_seed(1)
    theta = system.model.theta
    theta = theta + 0.3 * torch.randn(theta.shape, generator=generator, dtype=theta.dtype)
    residual, jacobian = system.residuals_and_jacobian(theta)
    assert isinstance(jacobian, BlockJacobian) and jacobian.shape == (len(residual), len(theta))
    torch.testing.assert_close(residual, system.residuals(theta))
    direction = torch.randn(theta.shape, generator=generator, dtype=theta.dtype)
    h = 1e-5
    slope = (system.residuals(theta + h * direction) - system.residuals(theta - h * direction)) / (2 * h)
    torch.testing.assert_close(jacobian @ direction, slope, rtol=1e-6, atol=1e-7)
    loss, gradient = system.loss_and_gradient(theta)
    torch.testing.assert_close(2 * jacobian.transposed(residual), gradient)
    assert float(loss) == pytest.approx(float(residual @ residual))


@pytest.mark.parametrize("subdomains", [{"x": (0.7, 1.3)}, {"t": (0.5,)}, {"x": (1.0,), "t": (0.4,)}], ids=str)
def test_subdomains_together_find_the_exact_solution(subdomains: dict) -> None:
    solution = solved(HEAT, subdomains=subdomains)
    assert solution.error()["u"] < 1e-3
    (model,) = solution.models
    assert isinstance(model, PiecewiseModel)
    assert model.jump() < 1e-3
    # evaluation is seamless: the boundary values hold to rounding on every cell's own part of the boundary
    ends = solution(x=np.array([0.0, 2.0]), t=np.array([0.3, 0.9]))["u"]
    assert np.abs(ends).max() < 1e-12
    assert np.isfinite(solution.residual(x=np.array([0.7, 1.0]), t=np.array([0.5, 0.4]))["heat"]).all()


def test_a_cut_periodic_domain_closes() -> None:
    solution = solved(PERIODIC, subdomains={"x": (0.5, 1.2)})
    assert solution.error()["u"] < 1e-3


def test_a_system_of_second_order_in_two_dimensions() -> None:
    def poisson(u: pl.Field, x: pl.Field, y: pl.Field) -> pl.Field:
        return u.xx + u.yy + 2 * math.pi**2 * torch.sin(math.pi * x) * torch.sin(math.pi * y)  # type: ignore[arg-type]

    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)),
        unknowns="u",
        equations=poisson,
        conditions=[pl.Dirichlet(u=0.0)],
        reference=lambda x, y: torch.sin(math.pi * x) * torch.sin(math.pi * y),
    )
    assert solved(problem, subdomains={"x": (0.5,), "y": (0.5,)}).error()["u"] < 1e-3


def test_an_l_shape_is_cut_into_its_squares() -> None:
    square = pl.Box(x=(0.0, 2.0), y=(0.0, 2.0))
    problem = pl.Problem(
        domain=square - pl.Box(x=(1.0, 2.0), y=(1.0, 2.0)),
        unknowns="u",
        equations=lambda u: u.xx + u.yy,
        conditions=[pl.Dirichlet(u=lambda x, y: x * x - y * y)],
        reference=lambda x, y: x * x - y * y,
    )
    solution = solved(problem, subdomains={"x": (1.0,), "y": (1.0,)})
    assert len(solution.models[0].models) == 3 and solution.error()["u"] < 1e-3  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="lies in .* only in part; add cuts"):
        solved(problem, subdomains={"x": (0.5,), "y": (1.0,)})


def test_uncoupled_subdomains_learn_nothing_from_each_other() -> None:
    with pytest.raises(ValueError, match=r"no condition joins the subdomains.*uncoupled=True"):
        pl.MultiDomainPINN(subdomains={"t": (0.5,)}, interface=())
    with pytest.warns(UserWarning, match="nothing crosses an interface"):
        solver = pl.MultiDomainPINN(
            subdomains={"t": (0.5,)}, interface=(), uncoupled=True, network=SMALL, stages=steps(20)
        )
    solution = pl.solve(HEAT, solver, progress=False)
    early, late = (solution(x=0.5, t=t)["u"] - float(exact(torch.tensor(0.5), torch.tensor(t))) for t in (0.3, 0.9))
    assert abs(early) < 0.05 < abs(late)


def test_a_condition_of_the_users_own_couples_too() -> None:
    def leap(first: pl.Field, second: pl.Field, face: Face) -> Any:
        return 3.0 * (first - second)

    solver = pl.MultiDomainPINN(subdomains={"t": (0.5,)}, interface=leap, network=SMALL, stages=steps(40))
    assert pl.solve(HEAT, solver, progress=False).error()["u"] < 3e-4


def test_causal_weights_respect_the_order_of_cells_in_time() -> None:
    system = system_of(
        HEAT, subdomains={"t": (0.25, 0.5)}, weighting=Causal(tolerances=(50.0,), slices=4, steps_per_tolerance=99)
    )
    system.update_weights(system.model.theta)
    weights = system.weights["weights"]
    assert weights.shape == (12,) and bool((weights.diff() <= 0).all())
    rows = [system.weighting.rows(system.weights, i, b) for i, b in enumerate(system.blocks) if b.kind == "equation"]
    assert [float(r[0]) for r in rows] == [float(weights[4 * k]) for k in range(3)]
    assert solved(HEAT, subdomains={"t": (0.5,)}, weighting=Causal(tolerances=(1.0,))).error()["u"] < 1e-2


@pytest.mark.parametrize(
    "stage", [pl.Adam(steps=20), pl.SOAP(steps=20), pl.LBFGS(steps=5), pl.SSBroyden(steps=5)], ids=repr
)
def test_every_optimizer_lowers_the_loss(stage: Any) -> None:
    solver = pl.MultiDomainPINN(subdomains={"x": (1.0,)}, network=SMALL, stages=(stage,), points=100)
    system = solver.plan(HEAT, SETTINGS).start(0, []).system  # type: ignore[union-attr]
    solution = pl.solve(HEAT, solver, progress=False)
    assert solution.history[-1].held_out < 0.8 * system.held_out_loss(system.model.theta)


def test_an_unknown_coefficient_is_shared_by_all_subdomains() -> None:
    rng = np.random.default_rng(0)
    at = {"x": rng.uniform(0, 2, 60), "t": rng.uniform(0, 1, 60)}
    values = exact(*(torch.as_tensor(v) for v in at.values())).numpy()
    problem = HEAT.replace(
        conditions=[*HEAT.conditions, pl.Data(points=at, u=values, weight=10.0)],
        parameters={"k": pl.Unknown(0.3)}, reference=None,
    )  # fmt: skip
    solver = pl.MultiDomainPINN(subdomains={"x": (0.9,)}, network=SMALL, stages=steps(40))
    assert pl.solve(problem, solver, progress=False).coefficients["k"] == pytest.approx(0.1, rel=1e-2)


def test_windows_march_over_subdomains() -> None:
    solver = pl.MultiDomainPINN(subdomains={"x": (1.0,)}, windows=2, network=SMALL, stages=steps(25))
    solution = pl.solve(HEAT, solver, progress=False)
    assert len(solution.models) == 2 and solution.error()["u"] < 1e-3


def test_a_saved_solution_is_the_same_function(tmp_path: Path) -> None:
    cells = pl.Subdomains({"x": (0.5, 1.2)}, together=[(0, 2)])
    solution = pl.solve(HEAT, pl.MultiDomainPINN(subdomains=cells, network=SMALL, stages=steps(5)), progress=False)
    solution.save(tmp_path / "s.pt")
    again = pl.Solution.load(tmp_path / "s.pt")
    x, t = np.meshgrid(np.linspace(0, 2, 23), np.linspace(0, 1, 5))
    np.testing.assert_allclose(again(x=x, t=t)["u"], solution(x=x, t=t)["u"], rtol=1e-10, atol=1e-12)
    assert again.models[0].jump() == pytest.approx(solution.models[0].jump(), rel=1e-6)  # type: ignore[attr-defined]
    assert again.models[0].models[0].network is again.models[0].models[2].network  # type: ignore[attr-defined]


def test_a_saved_blend_is_the_same_function(tmp_path: Path) -> None:
    solver = pl.MultiDomainPINN(subdomains={"x": (0.5,)}, overlap=0.4, network=SMALL, stages=steps(3))
    solution = pl.solve(HEAT, solver, progress=False)
    solution.save(tmp_path / "s.pt")
    x, t = np.meshgrid(np.linspace(0, 2, 23), np.linspace(0, 1, 5))
    again = pl.Solution.load(tmp_path / "s.pt")(x=x, t=t)["u"]
    np.testing.assert_allclose(again, solution(x=x, t=t)["u"], rtol=1e-10, atol=1e-12)


def test_a_run_goes_on_from_its_checkpoint_with_the_same_numbers(tmp_path: Path) -> None:
    solver = pl.MultiDomainPINN(subdomains={"t": (0.5,)}, network=SMALL, stages=steps(20), points=60)
    whole = pl.solve(HEAT, solver, progress=False)
    path = tmp_path / "c.pt"
    seen = []

    def stop(record: Any) -> bool:
        seen.append(record)
        return True

    pl.solve(HEAT, solver, progress=False, checkpoint=path, callbacks=(stop,))
    again = pl.solve(HEAT, solver, progress=False, checkpoint=path, callbacks=(seen.append,))
    assert torch.equal(again.models[0].theta, whole.models[0].theta)
    assert [record.step for record in seen] == [10, 20]


def test_the_same_seed_gives_the_same_result_and_networks_differ() -> None:
    first, again = (system_of(HEAT, subdomains={"x": (1.0,)}).model for _ in range(2))
    assert torch.equal(first.theta, again.theta)
    left, right = (torch.cat([p.reshape(-1) for p in group]) for group in first.groups)
    assert not torch.equal(left, right)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"subdomains": {"x": (2.0,)}}, ValueError, "is not inside"),
        ({"subdomains": {"z": (0.5,)}}, ValueError, "is no coordinate of"),
        ({"subdomains": {"x": (1.5, 0.5)}}, ValueError, "increasing order"),
        ({"subdomains": {"x": (1.0,)}, "interface": "jump"}, ValueError, "no such interface condition"),
        ({"subdomains": {"x": (1.0,)}, "network": pl.MLP(2, 1)}, TypeError, "give a template"),
        ({"subdomains": {"x": (1.0,)}, "interface_weight": 0.0}, ValueError, "must be positive"),
        ({"subdomains": {"x": (1.0,)}, "interface_points": 0}, ValueError, "must be at least 1"),
        ({"subdomains": {"x": (1.0,)}, "flux": 3.0}, TypeError, "give a function such as"),
        ({"subdomains": {"x": (1.0,)}, "flux": lambda w: w}, ValueError, "'w'"),
        ({"subdomains": {"x": (1.0,)}, "weighting": "causal"}, TypeError, "give Unweighted"),
    ],
)
def test_bad_input_is_refused_before_training(options: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        pl.solve(HEAT, pl.MultiDomainPINN(**options), progress=False)


def test_interface_weights_follow_the_response_of_the_equations() -> None:
    condition = resolve("matching")[0][0]
    # u_xx keeps what the user gives; a beam has pi^4 for pi^2, and nothing is known of equations without a response
    assert comparable({"matching": 3.0}, None, math.pi**2)[condition] == pytest.approx(3.0)
    assert comparable("matching", None, math.pi**4)[condition] == pytest.approx(math.pi**4)
    assert comparable("matching", None, 0.0)[condition] == 1.0
    # what is in units of the equations already stays
    both = comparable(("value", "flux"), lambda u: u.x, math.pi**4)
    assert sorted(both.values()) == pytest.approx([1.0, math.pi**4])
    assert list(comparable(("value", "flux"), None, math.pi**4).values()) == pytest.approx([math.pi**4] * 2)


def test_interface_weights_do_not_depend_on_units() -> None:
    def layer(unit: float, size: float) -> pl.Problem:
        return pl.Problem(
            pl.Box(x=(0.0, unit)),
            "u",
            lambda u: size * (unit**2 * u.xx - 400 * u),
            [pl.Dirichlet(u=1e5, on="x-"), pl.Dirichlet(u=0.0, on="x+")],
        )

    first, second = (response(layer(*units).natural) for units in ((1e-9, 1.0), (1e3, 1e7)))
    assert 0.49 < first / second < 2.05  # powers of two in both


def test_a_family_needs_a_member() -> None:
    family = HEAT.replace(parameters={"k": pl.Uniform(0.1, 0.2)}, reference=None)
    with pytest.raises(ValueError, match="solve a member"):
        pl.solve(family, pl.MultiDomainPINN(subdomains={"x": (1.0,)}), progress=False)
