from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from decay import problem, solve, solver, theta
from torch import Tensor

import pinnlab as pl
from pinnlab.optimizers import Optimizer, Step
from pinnlab.training.history import Record

# -- results


def test_the_same_seed_gives_the_same_numbers() -> None:
    first, second, other = solve(seed=3), solve(seed=3), solve(seed=4)
    assert torch.equal(theta(first), theta(second)) and not torch.equal(theta(first), theta(other))
    assert [r.loss for r in first.history] == [r.loss for r in second.history]


def test_global_generators_are_neither_used_nor_changed() -> None:
    torch.manual_seed(0)
    first, state = solve(), torch.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(theta(first), theta(solve()))
    torch.manual_seed(0)
    assert torch.equal(state, torch.get_rng_state())


def test_the_template_is_not_trained() -> None:
    network = pl.MLP(1, 1, width=4, depth=1)
    before = [p.clone() for p in network.parameters()]
    solve(s=solver(network=network))
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def test_all_steps_are_taken_and_recorded() -> None:
    solution = solve(s=solver(pl.Adam(steps=250), pl.LevenbergMarquardt(steps=15)))
    assert solution.status is pl.Status.STEPS_DONE and solution.status.ok
    assert [(r.stage, r.step) for r in solution.history] == [(0, 100), (0, 200), (0, 250), (1, 10), (1, 15)]
    assert all(r.errors["y"] > 0 and math.isfinite(r.held_out) and r.phase == 0 for r in solution.history)
    seconds = solution.history.column("seconds")
    assert (np.diff(seconds) > 0).all() and seconds[-1] <= solution.seconds
    assert solution.error()["y"] < 1e-3


def test_a_budget_in_seconds() -> None:
    started = time.perf_counter()
    solution = solve(s=solver(pl.Adam(steps=10**9)), max_seconds=0.5)
    assert solution.status is pl.Status.BUDGET_REACHED and solution.status.ok
    assert 0.3 <= solution.seconds < 1.5 and time.perf_counter() - started < 10
    assert len(solution.history) > 0


def test_windows_share_the_budget() -> None:
    solution = solve(s=solver(pl.Adam(steps=10**9), windows=3), max_seconds=0.6)
    assert len(solution.models) == 3 and {r.phase for r in solution.history} == {0, 1, 2}
    ends = [max(r.seconds for r in solution.history if r.phase == k) for k in range(3)]
    assert ends[0] == pytest.approx(0.2, abs=0.15) and ends[2] < 1.2


def test_a_target_error() -> None:
    solution = solve(s=solver(pl.Adam(steps=5000, learning_rate=1e-2)), target_error=1e-3)
    assert solution.status is pl.Status.TARGET_REACHED
    *before, last = [record.errors["y"] for record in solution.history]
    assert last <= 1e-3 < min(before) and solution.history[-1].step < 5000
    assert solution.error()["y"] < 2e-3


@dataclass(frozen=True)
class Stuck(Optimizer):
    """Gives up after some steps."""

    steps: int = 50
    patience: int = 3

    def init(self, objective: Any, theta: Tensor) -> dict:
        return {"step": 0}

    def step(self, objective: Any, theta: Tensor, state: dict) -> Step:
        loss = float(objective.loss_and_gradient(theta)[0])
        return Step(theta, {"step": state["step"] + 1}, loss, stalled=state["step"] + 1 == self.patience)

    def shorten(self, state: dict) -> dict:
        return state


@dataclass(frozen=True)
class Worse(Stuck):
    """Walks away from where it starts."""

    def step(self, objective: Any, theta: Tensor, state: dict) -> Step:
        return super().step(objective, theta + 0.2, state)


def test_the_best_parameters_are_returned_not_the_last() -> None:
    good = solve(s=solver(pl.LevenbergMarquardt(steps=10)))
    both = solve(s=solver(pl.LevenbergMarquardt(steps=10), Worse(), Worse()))
    assert torch.equal(theta(good), theta(both)) and both.history[-1].held_out > 10 * both.history[0].held_out
    assert both.history[-1].held_out == both.history[-2].held_out, "the next stage starts from the best as well"


def test_stalling_ends_a_stage() -> None:
    last = solve(s=solver(Stuck(), Stuck(patience=5)))
    assert [(r.stage, r.step) for r in last.history] == [(0, 3), (1, 5)]
    assert last.status is pl.Status.STALLED and not last.status.ok and "look at solution.plot()" in str(last.status)
    first = solve(s=solver(Stuck(), pl.LevenbergMarquardt(steps=5)))
    assert [(r.stage, r.step) for r in first.history] == [(0, 3), (1, 5)] and first.status is pl.Status.STEPS_DONE


SMALL: dict[str, Any] = {"network": pl.MLP(width=4, depth=1), "points": 30, "slices": 5}


def test_a_causal_tolerance_met_and_unmet() -> None:
    newton = pl.LevenbergMarquardt(steps=40)
    met = solve(s=pl.CausalPINN(stages=(newton, Stuck()), tolerances=(1.0, 100.0), **SMALL))
    assert met.status is pl.Status.CONVERGED and met.history[-1].info == {"tolerance": 0.0, "min_weight": 1.0}
    unmet = solve(s=pl.CausalPINN(stages=(pl.Adam(steps=2),), tolerances=(1e2, 1e9), **SMALL))
    assert unmet.status is pl.Status.TOLERANCE_NOT_MET and not unmet.status.ok
    assert unmet.history[-1].info["tolerance"] == 1e2 and 0 < unmet.history[-1].info["min_weight"] < 0.5


def test_training_goes_on_when_the_causal_ladder_is_done() -> None:
    """The steps are all taken, and the error falls on; a tolerance that is met does not end a run."""
    solution = solve(s=pl.CausalPINN(stages=(pl.LevenbergMarquardt(steps=60),), tolerances=(0.1, 1.0), **SMALL))
    assert solution.status is pl.Status.STEPS_DONE and solution.history[-1].step == 60
    first = next(r for r in solution.history if r.info["tolerance"] == 0.0)
    assert first.step <= 30 and solution.history[-1].errors["y"] < 0.5 * first.errors["y"]


def test_nothing_is_finished_before_it_is_trained() -> None:
    """A tolerance that every residual meets still takes steps."""
    solution = solve(s=pl.CausalPINN(stages=(pl.LevenbergMarquardt(steps=15),), tolerances=(1e-9,), **SMALL))
    assert solution.status is pl.Status.STEPS_DONE and solution.history[-1].step == 15
    assert solution.error()["y"] < 1e-2


def test_the_causal_ladder_ends_with_half_of_the_steps_or_of_the_time() -> None:
    impossible: dict[str, Any] = {"tolerances": (1e9, 1e12), **SMALL}
    solution = solve(s=pl.CausalPINN(stages=(pl.LevenbergMarquardt(steps=80),), **impossible))
    waiting = [r.info["tolerance"] for r in solution.history]
    assert waiting == [1e9] * 4 + [0.0] * 4 and solution.status is pl.Status.STEPS_DONE
    solution = solve(s=pl.CausalPINN(stages=(pl.Adam(steps=10**9),), **impossible), max_seconds=1.0)
    done = [r.seconds for r in solution.history if r.info["tolerance"] == 0.0]
    assert 0.5 <= done[0] and solution.status is pl.Status.BUDGET_REACHED


def test_an_optimizer_that_is_stuck_ends_the_causal_waiting() -> None:
    """It gives up every third step: first with causal weights, and then without."""
    solution = solve(s=pl.CausalPINN(stages=(Stuck(),), tolerances=(1e9, 1e12), **SMALL))
    assert [(r.step, r.info["tolerance"]) for r in solution.history] == [(3, 1e9), (6, 0.0)]
    assert solution.status is pl.Status.STALLED


def test_fewer_points_than_time_slices_are_refused_before_training() -> None:
    with pytest.raises(ValueError, match=r"slices=32: .* has 20 points.*points=64 or more"):
        solve(s=pl.CausalPINN(points=20))


# -- observers and interruption


def test_callbacks_see_every_record_and_may_stop() -> None:
    seen: list[Record] = []

    def stop(record: Record) -> bool:
        seen.append(record)
        return len(seen) == 2

    others: list[Record] = []
    solution = solve(s=solver(pl.LevenbergMarquardt(steps=100)), callbacks=[stop, others.append])
    assert solution.status is pl.Status.INTERRUPTED and len(seen) == 2
    assert list(solution.history) == seen == others, "all are called, and only True stops"


def test_control_c_returns_the_best_solution_so_far() -> None:
    def interrupt(record: Record) -> None:
        if record.step == 30:
            raise KeyboardInterrupt

    solution = solve(s=solver(pl.LevenbergMarquardt(steps=100)), callbacks=[interrupt])
    assert solution.status is pl.Status.INTERRUPTED and solution.history[-1].step == 30
    assert solution.error()["y"] < 0.05 and solution.seconds > 0


def test_control_c_in_the_middle_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = pl.LevenbergMarquardt.step, []

    def step(self: Any, *args: Any) -> Any:
        calls.append(1)
        if len(calls) == 25:
            raise KeyboardInterrupt
        return original(self, *args)

    monkeypatch.setattr(pl.LevenbergMarquardt, "step", step)
    solution = solve(s=solver(pl.LevenbergMarquardt(steps=100), windows=2))
    assert solution.status is pl.Status.INTERRUPTED and len(solution.models) == 1
    assert np.isfinite(solution(t=0.2)["y"]) and np.isnan(solution(t=0.9)["y"]), "the second window was not reached"


# -- divergence


def explosive(y: pl.Field) -> pl.Field:
    """NaN as soon as the solution leaves (-1.4, 1.4) somewhere."""
    return y.t + y + 0 * torch.log(1.96 - y**2)


def test_divergence_is_rolled_back_and_training_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = pl.Adam.shorten, []
    monkeypatch.setattr(pl.Adam, "shorten", lambda self, state: calls.append(1) or original(self, state))
    p = problem(equations=explosive, parameters={}, reference=lambda t: torch.exp(-t))
    solution = solve(p, solver(pl.Adam(steps=200, learning_rate=1.0)))
    assert calls == [1], "the first steps left the equation's range"
    assert solution.status is pl.Status.STEPS_DONE and np.isfinite(solution.history.column("loss")).all()
    assert solution.error()["y"] < 0.05


def test_repeated_divergence_returns_the_best_state_and_says_so() -> None:
    poisoned = {"on": False}

    def equation(y: pl.Field) -> pl.Field:
        return y.t + y + (0 * torch.log(-(y**2)) if poisoned["on"] else 0.0)

    def poison(record: Record) -> None:
        poisoned["on"] = record.step >= 20

    solution = solve(
        problem(equations=equation, parameters={}, reference=lambda t: torch.exp(-t)),
        solver(pl.LevenbergMarquardt(steps=100)), callbacks=[poison],
    )  # fmt: skip
    assert solution.status is pl.Status.DIVERGED and not solution.status.ok
    assert "learning rate" in str(solution.status)
    assert bool(torch.isfinite(theta(solution)).all()) and solution.error()["y"] < 0.05


@dataclass(frozen=True)
class Blows(Stuck):
    """Its 14th step blows up, unless it was told to be careful."""

    seen: list[tuple[bool, int, Tensor]] = field(default_factory=list)
    check_every: ClassVar[int] = 5
    patience: int = 99

    def init(self, objective: Any, theta: Tensor) -> dict:
        return {"step": 0, "careful": False}

    def step(self, objective: Any, theta: Tensor, state: dict) -> Step:
        self.seen.append((state["careful"], state["step"], theta))
        done = super().step(objective, theta + 0.001, state)
        bad = state["step"] == 13 and not state["careful"]
        return replace(done, state={**state, "step": state["step"] + 1}, loss=math.inf if bad else done.loss)

    def shorten(self, state: dict) -> dict:
        return {**state, "careful": True}


def test_a_rollback_goes_to_the_last_state_that_was_checked_and_shortens_the_step() -> None:
    stage = Blows(steps=30)
    solution = solve(s=solver(stage))
    assert solution.status is pl.Status.STEPS_DONE and len(stage.seen) == 30
    careful, step, at = stage.seen[14]
    assert careful and step == 10 and torch.equal(at, stage.seen[10][2]), "the tenth step was looked at last"
    assert not any(flag for flag, _, _ in stage.seen[:14]) and all(flag for flag, _, _ in stage.seen[14:])


@pytest.mark.parametrize("stage", [pl.Adam(steps=50), pl.LBFGS(steps=50), pl.SSBroyden(steps=50)])
def test_an_equation_that_is_nan_from_the_start(stage: Any) -> None:
    broken = {"yes": False}

    def equation(y: pl.Field) -> pl.Field:
        return y.t + (0 * torch.log(-(y**2) - 1) if broken["yes"] else y)

    p = problem(equations=equation, parameters={}, reference=None)
    broken["yes"] = True  # a problem that is broken from the start would not have been built
    solution = solve(p, solver(stage))
    assert solution.status is pl.Status.DIVERGED and bool(torch.isfinite(theta(solution)).all())


# -- what is printed


def test_progress_false_prints_nothing(capfd: pytest.CaptureFixture) -> None:
    pl.solve(problem(), max_seconds=0.2, progress=False)
    out = capfd.readouterr()
    assert out.out == "" and out.err == ""


def test_the_progress_bar_shows_loss_error_and_windows(capfd: pytest.CaptureFixture) -> None:
    pl.solve(problem(), solver(pl.LevenbergMarquardt(steps=20), windows=2), progress=True)
    text = capfd.readouterr().err
    assert "decay" in text and "loss " in text and "error " in text and "window 2/2" in text and "100%" in text
    pl.solve(problem(reference=None), solver(), progress=True)
    assert "error" not in capfd.readouterr().err


def test_the_picked_solver_is_named(capfd: pytest.CaptureFixture) -> None:
    pl.solve(problem(), max_seconds=0.2)
    assert "pinnlab: HardConstraintMoE for at most 0.2 s: a smooth single instance" in capfd.readouterr().err
