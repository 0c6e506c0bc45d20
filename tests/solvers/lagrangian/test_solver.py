"""Lagrangian PINNs on small problems: exact solutions, windows, systems, checkpoints, crossing, files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.networks.branches import Branches
from pinnlab.training.plans import Settings

PI = math.pi
FEW = pl.LevenbergMarquardt(steps=25)
SMALL: dict[str, Any] = {
    "network": pl.MLP(width=6, depth=2), "trajectory": pl.MLP(width=8, depth=2), "points": 250
}  # fmt: skip


def circle(**changes: Any) -> pl.Problem:
    declared: dict[str, Any] = {
        "domain": pl.Box(x=(0.0, 2 * PI), t=(0.0, 1.0)),
        "unknowns": "u",
        "equations": lambda u, c: u.t + c * u.x,
        "conditions": [pl.Initial(u=lambda x: torch.sin(x)), pl.Periodic(on="x")],
        "parameters": {"c": 50.0},
        "velocity": lambda c: c,
        "reference": lambda x, t, c: torch.sin(x - c * t),
    }
    return pl.Problem(**{**declared, **changes})


def variable() -> pl.Problem:
    """The shipped problem with a variable speed, up to t = 1.2."""
    return pl.load_problem("variable_convection").replace(domain=pl.Box(x=(0.0, 2 * PI), t=(0.0, 1.2)))


def inviscid(end: float) -> pl.Problem:
    return circle(
        domain=pl.Box(x=(0.0, 2 * PI), t=(0.0, end)), equations=lambda u: u.t + u * u.x, velocity=lambda u: u,
        parameters={}, reference=None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def bent() -> pl.Solution:
    return pl.solve(variable(), pl.LagrangianPINN(stages=FEW, **SMALL), progress=False)


@pytest.mark.parametrize("c", [2.0, 50.0, 1000.0])
def test_constant_speed_needs_no_training(c: float) -> None:
    solution = pl.solve(circle(parameters={"c": c}), pl.LagrangianPINN(), progress=False)
    assert solution.error()["u"] < 1e-12 and len(solution.history) == 1


def test_without_a_drift_all_of_the_motion_is_learned() -> None:
    problem = circle(parameters={"c": 5.0})
    solver = pl.LagrangianPINN(drift=None, stages=pl.LevenbergMarquardt(steps=30), **SMALL)
    before = pl.solve(problem, pl.LagrangianPINN(drift=None, stages=pl.Adam(steps=1), **SMALL), progress=False)
    assert before.error()["u"] > 0.1
    solution = pl.solve(problem, solver, progress=False)
    assert solution.error()["u"] < 1e-6
    ways = solution.characteristics(count=3)
    moved = ways["x"][:, -1] - ways["x"][:, 0]
    assert moved == pytest.approx(np.full(3, 5.0), abs=1e-5)


@pytest.mark.parametrize("drift", ["mean", None])
def test_an_initial_state_in_the_loss_is_learned(drift: str | None) -> None:
    soft = circle(
        parameters={"c": 5.0}, conditions=[pl.Initial(u=lambda x: torch.sin(x), exact=False), pl.Periodic(on="x")]
    )
    solver = pl.LagrangianPINN(drift=drift, stages=pl.LevenbergMarquardt(steps=30), **SMALL)
    assert pl.solve(soft, solver, progress=False).error()["u"] < 1e-5


def test_drifts_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"drift=3.0.*'mean'.*or None"):
        pl.LagrangianPINN(drift=3.0)  # type: ignore[arg-type]
    opened = circle(conditions=[pl.Initial(u=lambda x: torch.sin(x)), pl.Dirichlet(u=0.0, on="x-")])
    with pytest.raises(ValueError, match=r"drift=None\): 'x' is not periodic.*leave drift out"):
        pl.solve(opened, pl.LagrangianPINN(drift=None), progress=False)


def test_variable_speed(bent: pl.Solution) -> None:
    assert bent.error()["u"] < 8e-4, bent.error()


def test_diffusion_with_uniform_and_causal_weights() -> None:
    problem = circle(
        equations=lambda u, c, nu: u.t + c * u.x - nu * u.xx, parameters={"c": 50.0, "nu": 0.3},
        reference=lambda x, t, c, nu: torch.exp(-nu * t) * torch.sin(x - c * t),
    )  # fmt: skip
    causal = pl.weighting.Causal(tolerances=(1.0, 100.0), slices=8)
    for weighting, error in ((pl.weighting.Unweighted(), 1e-4), (causal, 1e-3)):
        solver = pl.LagrangianPINN(stages=FEW, weighting=weighting, **SMALL)
        solution = pl.solve(problem, solver, progress=False)
        assert solution.error()["u"] < error, weighting


def test_initial_state_and_seam_are_exact(bent: pl.Solution) -> None:
    x = np.linspace(0, 2 * PI, 33)
    np.testing.assert_allclose(bent(x=x, t=0.0)["u"], np.sin(x), atol=1e-14, rtol=0)
    t = np.linspace(0, 1.2, 9)
    np.testing.assert_allclose(bent(x=0.0, t=t)["u"], bent(x=2 * PI, t=t)["u"], atol=1e-12, rtol=0)


def test_residual_is_that_at_fixed_places(bent: pl.Solution) -> None:
    """Against finite differences of the solution itself."""
    x, t, h = np.linspace(0.3, 6.0, 12), 0.7, 1e-4
    u_t = (bent(x=x, t=t + h)["u"] - bent(x=x, t=t - h)["u"]) / (2 * h)
    u_x = (bent(x=x + h, t=t)["u"] - bent(x=x - h, t=t)["u"]) / (2 * h)
    (residual,) = bent.residual(x=x, t=t).values()
    np.testing.assert_allclose(residual, u_t + (1 + 0.5 * np.sin(x)) * u_x, atol=1e-6, rtol=0)


def test_known_states_are_not_trained(bent: pl.Solution) -> None:
    """The state rides along: what is trained is the trajectory's network (8 wide, 2 deep, 3 features), nothing else."""
    assert bent.models[0].model.size == 8 * 3 + 8 + 8 * 8 + 8 + 8 + 1  # type: ignore[attr-defined]
    plan = pl.LagrangianPINN(**SMALL).plan(variable(), Settings(torch.device("cpu"), torch.float64, 0))
    assert plan.start(0, []).system.blocks[0].residuals == ("trajectory x",)  # type: ignore[union-attr]
    fading = circle(equations=lambda u, c: u.t + c * u.x + u)
    plan = pl.LagrangianPINN(**SMALL).plan(fading, Settings(torch.device("cpu"), torch.float64, 0))
    assert len(plan.start(0, []).system.blocks[0].residuals) == 2  # type: ignore[union-attr]


def test_windows_with_states_that_change() -> None:
    """u_t + a u_x = -u: sin(xi) exp(-t), handed from window to window at fixed places."""
    k = 0.5
    problem = variable().replace(
        equations=lambda u, x, k: u.t + (1 + k * torch.sin(x)) * u.x + u,
        reference=lambda x, t: torch.exp(-t) * variable().reference(x, t, k),  # type: ignore[misc]
    )
    solver = pl.LagrangianPINN(stages=FEW, windows=2, warm_start=True, **SMALL)
    solution = pl.solve(problem, solver, progress=False)
    assert solution.error()["u"] < 5e-4


def test_paths_go_on_through_windows() -> None:
    solution = pl.solve(variable(), pl.LagrangianPINN(stages=FEW, windows=2, **SMALL), progress=False)
    assert solution.error()["u"] < 1e-4
    paths = solution.characteristics(count=9, times=40)
    assert paths["t"].shape == (paths["x"].shape[1],) and np.all(np.diff(paths["t"]) > 0)
    assert np.abs(np.diff(paths["x"], axis=1)).max() < 1.6 * np.diff(paths["t"]).max(), "no path jumps at a cut"
    # on the way of the characteristics the state stays what it was
    along = solution(x=np.remainder(paths["x"], 2 * PI), t=paths["t"][None, :])["u"]
    np.testing.assert_allclose(along, np.broadcast_to(along[:, :1], along.shape), rtol=0, atol=1e-11)


def test_velocity_of_several_unknowns_in_one_frame() -> None:
    """Two waves that ride on the flow (1 + (a^2 + b^2) / 2) with a = cos, b = sin at first: the speed is 3/2."""
    speed = lambda a, b: 1 + (a * a + b * b) / 2  # noqa: E731
    problem = circle(
        unknowns=("a", "b"),
        equations=lambda a, b: {"a": a.t + speed(a, b) * a.x, "b": b.t + speed(a, b) * b.x + 0.5 * b},
        conditions=[pl.Initial(a=lambda x: torch.cos(x), b=0.0), pl.Periodic(on="x")],
        velocity=speed, parameters={},
        reference=None,
    )  # fmt: skip
    solution = pl.solve(problem, pl.LagrangianPINN(stages=FEW, **SMALL), progress=False)
    # a stays a(xi) on x = xi + (1 + a(xi)^2 / 2) t, and b stays zero
    xi = np.linspace(0.2, 6.0, 11)
    found = solution(x=np.remainder(xi + (1 + np.cos(xi) ** 2 / 2) * 0.5, 2 * PI), t=0.5)
    np.testing.assert_allclose(found["a"], np.cos(xi), rtol=0, atol=1e-4)
    np.testing.assert_allclose(found["b"], 0.0, atol=1e-4)


def test_two_dimensions_and_a_turning_flow() -> None:
    """Solid-body-like swirl on the unit square, short enough for a small network."""
    problem = pl.load_problem("swirl").replace(domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 0.15)))
    solver = pl.LagrangianPINN(
        network=pl.MLP(width=4, depth=1), trajectory=pl.MLP(width=12, depth=2), stages=FEW, points=500
    )
    solution = pl.solve(problem, solver, progress=False)
    x, y = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 9))
    found, exact = solution(x=x, y=y, t=0.15)["u"], problem.reference(x, y, np.full_like(x, 0.15))  # type: ignore[misc]
    assert np.linalg.norm(found - exact.numpy()) < 8e-3 * np.linalg.norm(exact)
    assert solution.characteristics(3, 5)["y"].shape == (9, 5)


def test_crossing_characteristics_are_reported() -> None:
    solution = pl.solve(inviscid(1.4), pl.LagrangianPINN(stages=FEW, **SMALL), progress=False)
    assert solution.status is pl.Status.CROSSED and not solution.status.ok
    assert any("characteristics cross from t = " in note for note in solution.notes)
    (time,) = (float(note.rpartition("t = ")[2].split()[0]) for note in solution.notes if "cross from" in note)
    assert 0.8 < time < 1.2
    before = pl.solve(inviscid(0.8), pl.LagrangianPINN(stages=FEW, **SMALL), progress=False)
    assert before.status is pl.Status.STEPS_DONE and before.notes == ()


def test_near_crossing_is_remarked_on() -> None:
    solution = pl.solve(inviscid(0.99), pl.LagrangianPINN(stages=FEW, **SMALL), progress=False)
    assert solution.status is pl.Status.STEPS_DONE
    (note,) = solution.notes
    assert "characteristics stay apart, but come close: at t = 0.99 a neighbourhood has shrunk to J = 0.01" in note


def test_resume_gives_the_same_numbers(tmp_path: Path) -> None:
    def run(**options: Any) -> pl.Solution:
        solver = pl.LagrangianPINN(stages=pl.LevenbergMarquardt(steps=12), windows=2, **SMALL)
        return pl.solve(variable(), solver, progress=False, **options)

    whole = run()
    path = pl.Checkpoint(tmp_path / "run.pt", every_seconds=0.0)
    stopped, new = run(checkpoint=path, callbacks=(lambda record: record.phase == 1,)), []
    assert stopped.status is pl.Status.INTERRUPTED
    resumed = run(checkpoint=path, callbacks=(new.append,))
    assert [record.phase for record in new] == [1], "the first window is not trained again"
    x = np.linspace(0, 6, 20)
    np.testing.assert_array_equal(whole(x=x, t=1.0)["u"], resumed(x=x, t=1.0)["u"])


@pytest.mark.parametrize("windows", [1, 2])
def test_save_and_load(tmp_path: Path, windows: int) -> None:
    options = {**SMALL, "trajectory": pl.PirateNet(width=6, depth=1, embedding=pl.FourierEmbedding(4))}
    solver = pl.LagrangianPINN(stages=pl.Adam(steps=3), windows=windows, **options)
    solution = pl.solve(variable(), solver, progress=False)
    solution.save(tmp_path / "flow.pt")
    loaded = pl.Solution.load(tmp_path / "flow.pt", problem=solution.problem)
    x, t = np.linspace(0, 6, 20), np.linspace(0, 1.2, 20)
    np.testing.assert_allclose(loaded(x=x, t=t)["u"], solution(x=x, t=t)["u"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(loaded.characteristics()["x"], solution.characteristics()["x"], rtol=0, atol=1e-10)
    assert loaded.residual(x=1.0, t=1.0).keys() == solution.residual(x=1.0, t=1.0).keys()


def test_characteristics_are_drawn(bent: pl.Solution, tmp_path: Path) -> None:
    figure = bent.plot_characteristics(tmp_path / "paths.png", count=7)
    assert (tmp_path / "paths.png").stat().st_size > 1000 and len(figure.axes[0].lines) == 7


def test_other_solutions_have_no_characteristics() -> None:
    solution = pl.solve(circle(), pl.PINN(stages=pl.Adam(steps=2), points=50), progress=False)
    with pytest.raises(TypeError, match=r"PINN solves at fixed places and follows none; .*LagrangianPINN"):
        solution.characteristics()


def test_bad_configuration() -> None:
    with pytest.raises(TypeError, match=r"(?s)LagrangianPINN\(trajectory=.*give a template such as"):
        pl.LagrangianPINN(trajectory=pl.MLP(2, 1))
    with pytest.raises(TypeError, match=r"LagrangianPINN\(network=.*give a template such as"):
        pl.LagrangianPINN(network=torch.nn.Linear(2, 1))
    with pytest.raises(TypeError, match=r"LagrangianPINN\(weighting='causal'\)"):
        pl.LagrangianPINN(weighting="causal")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one share per part"):
        Branches([pl.MLP()], [1, 2])
