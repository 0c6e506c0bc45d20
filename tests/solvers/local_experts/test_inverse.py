"""Functions that are to be found from data, against functions that made the data."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.local_experts.inverse.completion import completed
from pinnlab.solvers.local_experts.inverse.march import FunctionMarch
from pinnlab.solvers.local_experts.inverse.quantities import bands, extrapolated
from pinnlab.training.plans import Settings

XS = np.linspace(0.0, 1.0, 50)
AT = np.linspace(0.0, 1.0, 101)


def coefficient(x: torch.Tensor) -> torch.Tensor:
    return 1 + torch.sin(3 * x) / 2 + x**2


def reaction(noise: float, seed: int = 0, **options: object) -> pl.Problem:
    """-u'' + q u = f with u = 1 + sin(pi x), measured at 50 points."""

    def equation(u, q, x):
        w = 1 + torch.sin(math.pi * x)
        return -u.xx + q * u - (math.pi**2 * (w - 1) + coefficient(x) * w)

    values = 1 + np.sin(math.pi * XS) + noise * np.random.default_rng(seed).normal(size=50)
    data = pl.Data({"x": XS}, u=values, **options)  # type: ignore[arg-type]
    unknown = {"q": pl.Unknown(1.0, of=("x",))}
    return pl.Problem(pl.Box(x=(0.0, 1.0)), "u", equation, [pl.Dirichlet(u=1.0), data], unknown)


def relative(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def exact(x: np.ndarray) -> np.ndarray:
    return coefficient(torch.from_numpy(x)).numpy()


def test_a_coefficient_from_exact_data() -> None:
    solution = pl.solve(reaction(0.0), progress=False)
    assert solution.status is pl.Status.CONVERGED
    assert relative(solution(x=AT)["q"], exact(AT)) < 1e-8


def test_a_coefficient_from_noisy_data_with_its_band(tmp_path: Path) -> None:
    problem = reaction(0.02, sd=0.02)
    solution = pl.solve(problem, progress=False)
    q = solution.coefficients["q"]
    assert relative(q(AT), exact(AT)) < 0.25
    low, high = q.band(0.95, x=AT)
    assert ((low <= exact(AT)) & (exact(AT) <= high)).mean() > 0.9
    assert (high - low).max() < 4
    # derivatives, expressions and residuals are those of the function that was found
    slope = solution.evaluate(lambda q: q.x, x=AT)
    assert slope == pytest.approx(np.gradient(q(AT), AT), abs=0.05)
    assert float(np.abs(solution.residual(x=AT)["equation"]).max()) < 1e-6
    path = tmp_path / "solution.pt"
    solution.save(path)
    again = pl.Solution.load(path, problem=problem)
    assert again(x=AT)["q"] == pytest.approx(q(AT))
    assert again.coefficients["q"].band(0.95, AT)[0] == pytest.approx(low)
    assert solution.evaluate(lambda u, q: q * u, x=0.5) == pytest.approx(again.evaluate(lambda u, q: q * u, x=0.5))
    # the forward problem with the function that was found
    assert solution.error(pl.reference_solution(problem.at(**solution.coefficients)))["u"] < 1e-6


def test_conditions_on_a_function_alone_are_left_out_where_it_is_given() -> None:
    problem = reaction(0.02)
    known = pl.Data({"x": [0.5]}, of=lambda q: q, values=[2.0], sd=0.1)
    whole = problem.replace(conditions=[*problem.conditions, pl.Condition(lambda q: q - 1, on="x-"), known])
    forward = whole.at(q=lambda x: 1 + x)
    assert len(forward.conditions) == len(problem.conditions)
    # one on the unknown as well stays
    both = pl.Condition(lambda u, q: q * u.x - 1, on="x+")
    assert len(problem.replace(conditions=[pl.Dirichlet(u=1.0, on="x-"), both]).at(q=2.0).conditions) == 2


def test_an_unknown_source_initial_state_and_flux() -> None:
    # u = exp(-t) cos(pi x) + x^2 t + 1 with u_t = u_xx + s
    box, rng = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), np.random.default_rng(0)
    x, t = rng.uniform(size=(2, 300))
    u = np.exp(-t) * np.cos(math.pi * x) + x**2 * t + 1
    problem = pl.Problem(
        box,
        "u",
        lambda u, x, t: u.t - u.xx - ((math.pi**2 - 1) * torch.exp(-t) * torch.cos(math.pi * x) + x**2 - 2 * t),
        [
            pl.Initial(u=lambda u0: u0),
            pl.Neumann(u=0.0, on="x-"),
            pl.Neumann(u=lambda g: g, on="x+"),
            pl.Data({"x": x, "t": t}, u=u),
        ],
        parameters={"u0": pl.Unknown(0.0, of=("x",)), "g": pl.Unknown(0.0, of=("t",))},
    )
    solution = pl.solve(problem, progress=False)
    found = solution.coefficients
    assert relative(found["u0"](AT), 1 + np.cos(math.pi * AT)) < 1e-5
    assert relative(found["g"](AT), 2 * AT) < 1e-4


def test_an_unknown_law() -> None:
    # (k(u) u')' = f with k = 1 + u^2 and u = x + x^2
    def equation(u, k, x):
        w, slope = x + x**2, 1 + 2 * x
        return pl.diff(k * u.x, "x") - (2 * w * slope**2 + (1 + w**2) * 2)

    values = XS + XS**2 + 1e-3 * np.random.default_rng(0).normal(size=50)
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)),
        "u",
        equation,
        # a flux at one end: of values alone there are as many laws as fluxes
        [pl.Dirichlet(u=2.0, on="x+"), pl.Condition(lambda u, k: k * u.x - 1, on="x-"), pl.Data({"x": XS}, u=values)],
        parameters={"k": pl.Unknown(2.0, of=("u",), bounds=(0, None))},
    )
    solution = pl.solve(problem, progress=False)
    us = np.linspace(0.1, 1.9, 50)
    assert relative(solution.coefficients["k"](u=us), 1 + us**2) < 2e-2
    assert solution(x=0.5)["k"] == pytest.approx(1 + 0.75**2, rel=2e-2)


def plan_of(problem: pl.Problem) -> FunctionMarch:
    plan = pl.HardConstraintMoE().plan(problem, Settings(torch.device("cpu"), torch.float64, 0))
    assert isinstance(plan, FunctionMarch)
    return plan


def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    problem, path = reaction(0.02), tmp_path / "run.ck"
    whole = pl.solve(problem, progress=False)
    assert "the noise of data u is estimated" in " ".join(whole.notes)
    began = plan_of(problem)
    for _ in range(4):
        began.advance()
    middle = plan_of(problem)
    middle.restore(began.state())
    while middle.advance().stopped is None:
        pass
    assert (middle.pieces[-1].functions["q"](AT) == whole(x=AT)["q"]).all()
    pl.solve(problem, checkpoint=str(path), progress=False)
    again = pl.solve(problem, checkpoint=str(path), progress=False)
    assert (again(x=AT)["q"] == whole(x=AT)["q"]).all()


def test_highest_degrees_and_what_would_follow() -> None:
    parts = bands(np.arange(1.0, 6.0)[None], (4,))[0]
    assert parts.T == pytest.approx(np.array([[0, 0, 0, 4, 5], [0, 2, 3, 0, 0]]))
    assert extrapolated(0.01, 0.1) == pytest.approx(0.001)
    assert extrapolated(0.2, 0.1) == pytest.approx(0.2)
    assert extrapolated(0.2, 0.0) == pytest.approx(0.2)


def test_intervals_of_functions_and_numbers() -> None:
    # u'' = -q + c (2 - x), with q known to be 1 at x = 0 by a measurement of its own
    rng, xs = np.random.default_rng(3), np.linspace(0.0, 1.0, 60)
    u = xs**3 + 0.002 * rng.normal(size=60)
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)),
        "u",
        lambda u, q, c: u.xx - 6 * q - 0 * c * u,
        [
            pl.Dirichlet(u=0.0, on="x-"),
            pl.Condition(lambda u, c: u - c, on="x+"),
            pl.Data({"x": xs}, u=u, sd=0.002),
            pl.Data({"x": [0.5]}, of=lambda q: q, values=[0.5], sd=0.01),
        ],
        parameters={"q": pl.Unknown(0.0, of="x"), "c": pl.Unknown(0.5, bounds=(0, None))},
    )
    solution = pl.solve(problem, progress=False)
    found = solution.intervals(0.99, x=np.array([0.3, 0.5, 0.7]))
    low, high = found["q"]
    assert ((low < [0.3, 0.5, 0.7]) & (high > [0.3, 0.5, 0.7])).all()
    assert high[1] - low[1] < 0.06
    assert found["c"][0] < 1 < found["c"][1]
    assert found["c"][1] - found["c"][0] < 0.02
    assert solution.intervals()["q"][0].shape == (101,)
    assert "q(x) between" in str(solution)
    with pytest.raises(ValueError, match="no function that was found has such an argument"):
        solution.intervals(0.9, y=1.0)


def test_what_is_refused_before_anything_is_solved() -> None:
    problem = reaction(0.01)
    with pytest.raises(ValueError, match="features has no effect where functions are to be found"):
        pl.solve(problem, pl.HardConstraintMoE(features="tanh"), progress=False)
    with pytest.raises(ValueError, match=r"has weight=3.0, which has no effect"):
        pl.solve(reaction(0.01, weight=3.0), progress=False)
    # a flux is measured, but no u: what is missing cannot be found
    fluxes = pl.Data({"x": XS}, of=lambda u: u.x, values=np.pi * np.cos(math.pi * XS))
    with pytest.raises(ValueError, match="do not decide u"):
        pl.solve(problem.replace(conditions=[fluxes]), progress=False)


def plate(**conditions: object) -> pl.Problem:
    """div(a grad u) = 4 with u = x^2 / 2 + y^2 / 2 + x y / 2 and a = 1 + x / 2, a known along x = 0."""

    def equation(u, a, x, y):
        along = 0.5 * (x + y / 2)
        return pl.diff(a * u.x, "x") + pl.diff(a * u.y, "y") - 2 * (1 + x / 2) - along

    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(2, 600))
    u = x**2 / 2 + y**2 / 2 + x * y / 2 + 1e-3 * rng.normal(size=600)
    data = pl.Data({"x": x, "y": y}, u=u, sd=1e-3)
    return pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "u", equation, [data, pl.Condition(lambda a: a - 1, on="x-")],
        {"a": pl.Unknown(2.0, of=("x", "y"))}, reference=lambda x, y: {"u": x**2 / 2 + y**2 / 2 + x * y / 2, "a": 1 + x / 2},
    )  # fmt: skip


def test_data_stand_in_for_conditions_that_are_missing() -> None:
    problem = plate()
    solution = pl.solve(problem, progress=False)
    assert type(solution.solver) is pl.HardConstraintMoE and solution.status is pl.Status.CONVERGED
    assert "nothing prescribes u on x-, x+, y-, y+; its values there are found from the data" in solution.notes
    # what was found on the boundary is no coefficient of the user's
    assert list(solution.coefficients) == ["a"] and list(solution.intervals()) == ["a"]
    errors = solution.error()
    assert errors["u"] < 1e-3 and errors["a"] < 1e-2


def test_what_is_missing_is_completed_where_it_is_clear() -> None:
    assert completed(reaction(0.0)).notes == ()
    problem = plate()
    whole = completed(problem).problem
    assert whole.unknown_functions == ("a", "u_around") and len(whole.conditions) == len(problem.conditions) + 4
    half = completed(problem.replace(conditions=[*problem.conditions, pl.Dirichlet(u=0.0, on="y-")]))
    assert half.notes == ("nothing prescribes u on x-, x+, y+; its values there are found from the data",)


def test_a_start_that_is_missing_is_completed_too() -> None:
    box, data = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), pl.Data({"x": [0.5], "t": [0.5]}, u=[1.0])
    problem = pl.Problem(box, "u", lambda u, a: u.t - a * u.xx, [data], {"a": pl.Unknown(1.0, of="x")})
    whole = completed(problem)
    assert whole.notes == ("nothing prescribes u on x-, x+ and at the start; its values there are found from the data",)
    assert whole.problem.parameters["u_around"].on == ("x", "t")
    start = completed(problem.replace(conditions=[data, pl.Dirichlet(u=0.0)]))
    assert start.notes == ("nothing prescribes u at the start; its values there are found from the data",)
    assert start.problem.parameters["u_around"].on == ("x",)
    # two starts of a wave would be two functions
    wave = problem.replace(equations=lambda u, a: u.tt - a * u.xx)
    assert completed(wave).notes == ()


def test_finer_cells_that_would_not_be_done_in_time_are_not_begun() -> None:
    coarse = pl.HardConstraintMoE(degrees={"x": 6})
    march = coarse.plan(reaction(0.0), Settings(torch.device("cpu"), torch.float64, 0))
    assert isinstance(march, FunctionMarch)
    deadline = Deadline.after(1e4)
    while (last := march.advance(deadline)).stopped is None:
        march._seconds = 1e9
    assert last.stopped is pl.Status.BUDGET_REACHED and march.level == 0
    assert any("there was no time for finer cells" in note for note in march.notes)


def test_conditions_on_a_function_alone_are_measured_by_its_size() -> None:
    x = np.linspace(0.0, 1.0, 60)
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, x, q: u.xx - q * u,
        [
            pl.Dirichlet(u=1.0, on="x-"), pl.Dirichlet(u=math.e, on="x+"), pl.Data({"x": x}, u=np.exp(x)),
            pl.Condition(lambda q: q - 1.0, on="x"),
        ],
        {"q": pl.Unknown(1.5, of="x")},
    )  # fmt: skip
    report = pl.solve(problem, max_seconds=20, progress=False).report()
    alone = [m for m in report.conditions if m.name.startswith("condition")]
    assert len(alone) == 2 and all(m.relative < 1e-2 for m in alone) and report.verdict.value != "wrong"
