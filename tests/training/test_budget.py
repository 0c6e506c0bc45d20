"""What happens when the time is up inside a step, a slab, a plan or a classical solve: clocks are the tests' own."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.relative_error import compute_reference
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.reference import cost
from pinnlab.reference.cost import TooLargeError, look_ahead
from pinnlab.solvers.cut_cells.levels import CutLevels
from pinnlab.solvers.local_experts.basis import Chebyshev
from pinnlab.solvers.local_experts.march import SlabMarch
from pinnlab.solvers.local_experts.refinement import UnresolvedError
from pinnlab.solvers.local_experts.settings import MarchSettings
from pinnlab.solvers.local_experts.system import Pace, bytes_of_slab
from pinnlab.training import phase_loop
from pinnlab.training.loop import run
from pinnlab.training.ongoing import RunOptions
from pinnlab.training.plans import NothingSolvedError, Settings

SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)
HEAT = pl.Problem(
    pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - 0.1 * u.xx,
    [pl.Initial(u=lambda x: torch.sin(torch.pi * x)), pl.Dirichlet(u=0.0)],
)  # fmt: skip
FAMILY = pl.Problem(
    pl.Box(x=(0.0, 1.0)), "u", lambda u, a: u.xx + a, [pl.Dirichlet(u=0.0)], parameters={"a": pl.Uniform(1.0, 2.0)}
)
SMALL = pl.PINN(network=pl.MLP(width=6, depth=1), points=50)


def looks(count: int) -> Deadline:
    """A deadline that has passed when it is looked at for the so-many-th time."""
    ticks = itertools.count()
    return Deadline(count, float(count), lambda: float(next(ticks)))


def solved(solver: Any, deadline: Deadline, problem: pl.Problem = HEAT) -> Any:
    options = RunOptions(max_seconds=1.0, progress=False)
    return run(problem, solver, replace(SETTINGS, deadline=deadline), options)


def test_a_first_step_that_is_not_done_in_time_leaves_what_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phase_loop, "_GRACE", 0.0)
    result = solved(SMALL, Deadline(-1.0, 1.0))
    assert result.status is pl.Status.BUDGET_REACHED
    assert "no step was taken: the time is up; give more seconds" in result.notes[-1]
    assert torch.isfinite(result.function(torch.zeros(1, 2, dtype=torch.float64))).all()


def test_a_run_whose_time_was_up_goes_on_where_there_is_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From where it stood, to the numbers of a run that was not stopped; with the same seconds it is only read again."""
    solver = replace(SMALL, stages=(pl.LevenbergMarquardt(steps=30),))

    def found(budget: float, checkpoint: pl.Checkpoint | None) -> tuple[pl.Status, torch.Tensor]:
        options = RunOptions(max_seconds=budget, progress=False, checkpoint=checkpoint)
        result = run(HEAT, solver, replace(SETTINGS, deadline=Deadline()), options)
        return result.status, result.models[0].theta

    path = pl.Checkpoint(tmp_path / "run.ckpt", every_seconds=1e9)
    with monkeypatch.context() as patch:
        late_from_step_12 = property(lambda loop: -1.0 if loop.at.step >= 12 else float("inf"))
        patch.setattr(phase_loop.PhaseLoop, "last_moment", late_from_step_12)
        status, early = found(1.0, path)
    assert status is pl.Status.BUDGET_REACHED
    status, same = found(1.0, path)
    assert status is pl.Status.BUDGET_REACHED and torch.equal(same, early)
    status, late = found(2.0, path)
    whole, expected = found(2.0, None)
    assert status is whole is pl.Status.STEPS_DONE
    assert torch.equal(late, expected) and not torch.equal(late, early)


@pytest.mark.parametrize("solver", [SMALL, pl.CausalPINN(network=pl.MLP(width=6, depth=1), points=50, windows=3)])
def test_a_history_has_a_record_even_if_no_step_was_taken(monkeypatch: pytest.MonkeyPatch, solver: Any) -> None:
    """Notebooks ask for the last one."""
    monkeypatch.setattr(phase_loop, "_GRACE", 0.0)
    history = solved(solver, Deadline(-1.0, 1.0), HEAT.replace(reference=lambda x, t: 0 * x)).history
    assert len(history) == 1
    last = history[-1]
    assert (last.phase, last.stage, last.step) == (0, 0, 0)
    assert np.isfinite(last.held_out) and np.isnan(last.loss), "nobody has computed the loss of a step"
    assert last.errors == {} and np.isnan(history.error("u")[-1]), "there was no time for them"


def test_a_run_that_diverges_at_once_leaves_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: Any, objective: Any, theta: Any, state: Any) -> Any:
        return replace(stepping(self, objective, theta, state), loss=float("nan"))

    stepping = pl.LevenbergMarquardt.step
    monkeypatch.setattr(pl.LevenbergMarquardt, "step", step)
    result = solved(SMALL, Deadline())
    assert result.status is pl.Status.DIVERGED and len(result.history) == 1
    assert np.isfinite(result.history[-1].held_out), "the start, which is what the solution is"


def test_ctrl_c_in_the_first_step_leaves_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(pl.LevenbergMarquardt, "step", step)
    result = solved(SMALL, Deadline())
    assert result.status is pl.Status.INTERRUPTED and len(result.history) == 1


def test_a_step_that_is_given_up_loses_none_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = itertools.count()

    def step(self: Any, objective: Any, theta: Any, state: Any) -> Any:
        if next(calls) == 3:
            raise TimeIsUpError("the time is up")
        return stepping(self, objective, theta, state)

    stepping = pl.LevenbergMarquardt.step
    monkeypatch.setattr(pl.LevenbergMarquardt, "step", step)
    result = solved(SMALL, Deadline(seconds=1.0))
    assert result.status is pl.Status.BUDGET_REACHED
    (record,) = result.history
    assert record.step == 3 and record.held_out < 1, "three steps were taken, and looked at"


@pytest.mark.parametrize(("stepping", "looking", "measured"), [(2.0, 0.0, False), (2.0, 0.1, True), (0.1, 0.0, True)])
def test_the_error_of_what_is_slow_is_not_measured_when_time_is_up(
    stepping: float, looking: float, measured: bool
) -> None:
    """Nobody knows how long that takes before it was done once; quick steps have it measured."""
    quiet: Any = SimpleNamespace(
        processes=SimpleNamespace(first=lambda record: record), clock=SimpleNamespace(seconds=1.0),
        state=SimpleNamespace(records=[]), observers=SimpleNamespace(show=lambda *_: None),
        options=SimpleNamespace(target_error=None),
    )  # fmt: skip
    loop: Any = object.__new__(phase_loop.PhaseLoop)
    vars(loop).update(
        run=quiet, k=0, phase=SimpleNamespace(stages=()), view=SimpleNamespace(coefficients={}),
        at=SimpleNamespace(theta=torch.zeros(1), best_theta=None, best_loss=1.0, stage=0, step=3),
        system=SimpleNamespace(model=SimpleNamespace(theta=None), held_out_loss=lambda theta: 0.5),
        deadline=Deadline(-1.0, 1.0), errors=lambda: {"u": 0.1}, _stepping=stepping, _looking=looking,
    )  # fmt: skip
    record = loop.look(0.4, {})
    assert record.held_out == 0.5 and record.errors == ({"u": 0.1} if measured else {})


def test_the_work_of_a_step_is_known_before_it() -> None:
    plan = pl.PINN(network=pl.MLP(width=40, depth=3), points=4000).plan(HEAT, SETTINGS)
    assert plan.start(0, []).system.normal_equations == pytest.approx(4000 * 3441**2 / 2, rel=0.05)


def test_points_are_fewer_where_the_budget_is_short_and_none_are_given() -> None:
    wide = pl.PINN(network=pl.MLP(width=30, depth=3))
    short = replace(SETTINGS, deadline=Deadline(seconds=1.0))
    usual, fewer = (wide.plan(HEAT, settings) for settings in (SETTINGS, short))
    many, few = (plan.start(0, []).system.blocks[0].n for plan in (usual, fewer))
    assert few == int(np.ceil(0.3 * many)) and usual.notes == ()
    assert fewer.notes == (f"{few} collocation points instead of {many}, so that steps fit into max_seconds=1",)
    given = pl.PINN(network=pl.MLP(width=30, depth=3), points=500).plan(HEAT, short)
    assert given.start(0, []).system.blocks[0].n == 500


def test_a_family_has_fewer_members_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    short = replace(SETTINGS, deadline=Deadline(seconds=40.0))  # by the true clock
    monkeypatch.setattr("pinnlab.solvers.experts.system.time.perf_counter", itertools.count().__next__)
    solver = pl.HardConstraintMoE(network=pl.MLP(width=8, depth=1), experts={"x": 2})
    plan = solver.plan(FAMILY, short)
    system = plan.start(0, []).system  # a member seems to take a second: 8 s allow 2 with gradients, 8 without
    assert system.batch == 2 and "2 members a step instead of 4" in plan.notes[-1]
    plan = replace(solver, batch=5).plan(FAMILY, short)
    assert plan.start(0, []).system.batch == 5


def test_a_march_ends_with_what_it_has() -> None:
    with pytest.raises(NothingSolvedError, match=r"time was up before the first slab was\. Give more seconds"):
        solved(pl.HardConstraintMoE(), looks(3))
    result = solved(pl.HardConstraintMoE(), looks(26))
    assert result.status is pl.Status.INCOMPLETE and len(result.models) >= 1
    assert any("max_seconds was reached in the next slab" in note for note in result.notes)


def test_a_plan_that_takes_too_long_is_refused() -> None:
    with pytest.raises(NothingSolvedError, match=r"solve\(max_seconds=1.0\): the time was up before there was a plan"):
        solved(pl.HardConstraintMoE(), looks(0))


def test_experts_that_do_not_fit_into_the_memory_are_refused_with_the_numbers() -> None:
    edges = {"x": np.linspace(0, 1, 5)}
    march = SlabMarch(HEAT, Chebyshev((8, 6)), MarchSettings(1e-5, 1e-5, edges, bytes=1e4))
    with pytest.raises(
        UnresolvedError, match=r"4 experts with 63 functions .* need 0.0012 GiB of memory, .* may be used"
    ):
        march.attempt()


def test_bytes_of_a_slab_worked_out_by_hand() -> None:
    # 3 columns of 2 cells with 10 coefficients: 6 blocks of 20 x 20, four times, and Jacobians of 10 x 10 a cell, twice
    assert bytes_of_slab(3, 2, 10) == 8 * (4 * 6 * 400 + 2 * 6 * 100)


def test_a_pace_follows_what_large_factorizations_took() -> None:
    pace = Pace(1e9)
    assert pace.seconds(2e9) == 2.0
    pace.learn(1e6, 0.01)
    assert pace.rate == 1e9, "too short to tell"
    pace.learn(1e9, 4.0)
    assert pace.seconds(1e9) == 4.0


def test_dense_factorizations_are_looked_ahead_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "multiplications_per_second", lambda: 2e9)
    now = [0.0]
    deadline = Deadline.after(9.1, lambda: now[0])
    look_ahead(3000, True, deadline)  # 9e9 multiplications at half of that rate
    now[0] = 1.0
    with pytest.raises(TimeIsUpError, match="factorizing 3000 unknowns would take about 9 s"):
        look_ahead(3000, True, deadline)
    look_ahead(3000, False, deadline)
    with pytest.raises(TooLargeError, match="100000 unknowns need 1.5e\\+02 GiB of memory"):
        look_ahead(100_000, True, deadline)


@pytest.mark.parametrize("coarse", [1, 5])
def test_a_classical_solver_says_that_there_was_no_time(coarse: int) -> None:
    with pytest.raises(ValueError, match=r"no resolution was solved in time \(the time is up\); raise max_seconds"):
        pl.reference_solution(HEAT, max_seconds=10.0**-coarse / 1000)


def test_a_comparison_has_a_budget() -> None:
    solution = pl.solve(HEAT, pl.HardConstraintMoE(tolerance=1e-4), progress=False)
    with pytest.raises(ValueError, match="raise max_seconds"):
        solution.compare(max_seconds=1e-5)
    with pytest.raises(ValueError, match=r"compare\(max_seconds=0\): must be positive"):
        solution.compare(max_seconds=0)
    report = solution.report(max_seconds=1e-5)
    assert report.estimate is None and "no time was left for a classical solution" in str(report.reasons)


def test_a_reference_that_is_yet_to_be_computed_is_not_waited_for() -> None:
    reference = pl.ClassicalReference(HEAT, tolerance=1e-3)
    problem = HEAT.replace(reference=reference)
    quick = pl.PINN(network=pl.MLP(width=6, depth=1), points=50, stages=pl.Adam(steps=3))
    assert not solved(quick, Deadline.after(20.0), problem).history[-1].errors
    assert not reference.ready()
    assert solved(quick, Deadline.after(50.0), problem).history[-1].errors
    assert reference.ready()
    assert solved(quick, Deadline.after(20.0), problem).history[-1].errors, "now it is there"


def test_a_reference_is_computed_before_a_solve_whose_seconds_are_reported() -> None:
    reference = pl.ClassicalReference(HEAT, tolerance=1e-3)
    problem = HEAT.replace(reference=reference)
    compute_reference(problem)
    assert reference.ready()
    compute_reference(HEAT)


def test_the_first_window_does_not_lose_its_share_to_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 60 s the reference takes 40; two windows share the 20 that are left, where the first would have had 30 with it."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def reference(x: Any, t: Any) -> Any:
        now[0] = max(now[0], 40.0)
        return np.exp(-0.1 * np.pi**2 * np.asarray(t)) * np.sin(np.pi * np.asarray(x))

    solver = replace(SMALL, windows=2, stages=pl.LevenbergMarquardt(steps=3))
    result = solved(solver, Deadline.after(60.0), HEAT.replace(reference=reference))
    assert result.status is pl.Status.STEPS_DONE and not result.notes
    assert [(r.phase, r.step) for r in result.history] == [(0, 3), (1, 3)]


def test_windows_end_as_the_one_whose_time_was_up() -> None:
    """Later windows may have all of their steps; they start from one that had not."""
    done, budget, met, stalled = (pl.Status[n] for n in ("STEPS_DONE", "BUDGET_REACHED", "TARGET_REACHED", "STALLED"))
    assert phase_loop._overall([done, done]) is done and phase_loop._overall([done, met]) is met
    assert phase_loop._overall([budget, done, met]) is budget
    assert phase_loop._overall([budget, stalled, done]) is stalled


def test_cells_that_are_solved_are_no_incomplete_march(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells have a solution of the whole from the first level on: the time is up right after it."""
    clock = SimpleNamespace(now=0.0)
    advance = CutLevels.advance

    def timed(levels: CutLevels, deadline: Deadline) -> Any:
        try:
            return advance(levels, deadline)
        finally:
            clock.now += 2.0

    monkeypatch.setattr(CutLevels, "advance", timed)
    hole = pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0)) - pl.Ball({"x": 0.1, "y": 0.2}, 0.3)
    problem = pl.Problem(
        hole, "u", lambda u, x, y: u.laplacian + torch.sin(40 * x) * torch.cos(30 * y), [pl.Dirichlet(u=0.0)]
    )
    result = solved(pl.HardConstraintMoE(tolerance=1e-12), Deadline(1.0, 1.0, lambda: clock.now), problem)
    assert result.status is pl.Status.BUDGET_REACHED
    assert any("max_seconds was reached before finer cells were solved" in note for note in result.notes)
