"""The loop over phases: each one's stages in order, each from the best parameters of the one before.

It keeps the budget, watches the held-out loss and the error against the reference, rolls back from divergence, remembers
the moments between steps for checkpoints, and stops cleanly on Ctrl-C with the best parameters so far.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch

from pinnlab.declaration.relative_error import error_meter
from pinnlab.machine.deadline import Deadline, TimeIsUpError, multiplications_per_second
from pinnlab.optimizers.base import Optimizer
from pinnlab.training.history import Record
from pinnlab.training.model import Trainable
from pinnlab.training.ongoing import OngoingRun
from pinnlab.training.plans import Phase, Plan
from pinnlab.training.status import Status

_ROLLBACKS = 5
_GRACE = 0.7
"""Seconds by which a step may be late: one that would be later is not begun, or is given up."""
_MUCH = 1e8
"""Multiplications from which on it is worth to look ahead at the time of a first step."""


def train_phases(plan: Plan, run: OngoingRun) -> tuple[list[Trainable], Status]:
    """Train every phase: the models of those that were started, and how it ended.

    Ctrl-C ends it at any moment with the best parameters so far.

    Raises:
        KeyboardInterrupt: before the first phase has begun.
    """
    models: list[Trainable] = []
    state, starting, loop = run.state, 0.0, None
    with run.file.blamed():
        state.check(plan.count)
    try:
        for k in range(plan.count):
            # what a window is made from is known once there is one before it, and its cost once that is done
            if k > 0 and run.processes.first(not run.deadline.allows(starting - _GRACE)):
                state.statuses.append(Status.INCOMPLETE)
                break
            began = time.perf_counter()
            phase = plan.start(k, models)
            starting = time.perf_counter() - began if k > 0 else 0.0
            system, model = phase.system, phase.system.model
            if k < len(state.finished):
                with run.file.blamed():
                    model.theta = state.finished[k].to(model.parameters[0]).view(model.size)
                models.append(model)
                continue
            if run.processes.count > 1:
                system.share(run.processes, run.options.parallel)
            loop = PhaseLoop(run, phase, k, plan, starting * (plan.count - 1 - k))
            models.append(model)
            status = loop.train()
            loop.leave_a_record()
            model.theta = model.theta if state.phase.best_theta is None else state.phase.best_theta
            state.statuses.append(status)
            if status in (Status.INTERRUPTED, Status.DIVERGED):
                break
            if status is Status.BUDGET_REACHED and k + 1 == plan.count:
                run.file.save_to_go_on(run.options.max_seconds)
                break
            state.next_phase(model.theta)
            run.file.remember(state, system)
            run.file.save(force=True)
    except KeyboardInterrupt:
        if not models:
            raise
        if len(models) > len(state.finished) and (theta := state.phase.found) is not None:
            models[-1].theta = theta
        if loop is not None and run.processes.count == 1:  # others may not have stopped at the same step
            loop.leave_a_record()
        run.file.save(force=True)
        return models, Status.INTERRUPTED
    finally:
        run.observers.close()
    return models, _overall(state.statuses)


def _overall(statuses: Sequence[Status]) -> Status:
    """How phases ended: as the first that did not go as planned, else as one whose time was up, else as the last."""
    failed = next((status for status in statuses if not status.ok), None)
    return failed or (Status.BUDGET_REACHED if Status.BUDGET_REACHED in statuses else statuses[-1])


class PhaseLoop:
    """The training of one phase.

    Args:
        run: what it is a part of.
        phase: what is trained, and the optimizers.
        k: its number.
        plan: of all phases, which share the time that is left.
        reserved: seconds of it in which later phases are made ready.
    """

    def __init__(self, run: OngoingRun, phase: Phase, k: int, plan: Plan, reserved: float = 0.0):
        self.run, self.phase, self.k, self.system = run, phase, k, phase.system
        run.worked = True
        self.at = run.state.phase
        self.resumed = False
        run.amplifying = sorted({type(stage).__name__ for stage in phase.stages if stage.amplifies_rounding})
        budget = run.options.max_seconds
        run.observers.start(run.problem.name, plan.count, budget, sum(s.steps for s in phase.stages))
        view = self.view = plan.view(phase.system.model)
        leads, wanted = run.processes.leads, run.options.target_error is not None
        # it may compute a reference of the whole, which is not to come out of one phase's share of the time
        hurried = Deadline() if wanted else run.deadline
        self.errors = error_meter(view.region, run.problem, view, hurried) if leads else dict
        self.deadline = run.deadline.share(1 / (plan.count - k), reserved)
        # processes that share a run must all give up the same step, which only the lookout can arrange
        if run.processes.count == 1:
            self.system.deadline = Deadline(self.deadline.at + _GRACE)
        self._stepping = self._looking = 0.0
        self.began = max((record.seconds for record in run.state.records if record.phase < k), default=0.0)

    def train(self) -> Status:
        """Run the stages in order, each from the best parameters of the one before."""
        at, state = self.at, self.run.state
        self.resumed = at.theta is not None
        with self.run.file.blamed():
            at.check(len(self.phase.stages), self.system.size)
            if self.resumed and state.saved is not None:
                self.system.restore(state.saved)
        state.saved = None
        if at.theta is None:
            at.theta = at.best_theta = self.system.model.theta
        try:
            while at.stage < len(self.phase.stages):
                status = self.run_stage(self.phase.stages[at.stage])
                if status is not None:
                    return status
                at.next_stage()
                self.run.file.remember(state, self.system)
        except TimeIsUpError as error:
            return self.out_of_time(str(error))
        return Status.TOLERANCE_NOT_MET if self.system.unmet else Status.STEPS_DONE

    def leave_a_record(self) -> None:
        """Record where the run ended if it was not looked at before: a history is never empty."""
        if self.at.theta is not None and not self.run.state.records:
            self.look(math.nan, {})

    def taking_up(self) -> AbstractContextManager[None]:
        """What a damaged checkpoint held may fail as late as in the first step that is taken from there."""
        return self.run.file.blamed() if self.resumed else nullcontext()

    def run_stage(self, stage: Optimizer) -> Status | None:
        """Take a stage's steps; how the phase ended, or None where the next stage should follow."""
        at, system, run = self.at, self.system, self.run
        assert at.theta is not None
        if system.enter(at.stage) and at.optimizer is None:
            at.best_loss = math.inf  # of another loss
        if at.optimizer is None:
            system.update_weights(at.theta, self.spent)
            at.optimizer = stage.init(system, at.theta)
        if at.good_theta is None:
            at.good_theta, at.good_optimizer = at.theta, at.optimizer
        run.lookout.restart()
        if stage.forms_normal_equations and (work := system.normal_equations) > _MUCH:
            system.deadline.require(work / multiplications_per_second(), "a step")
        while at.step < stage.steps:
            began = time.perf_counter()
            with self.taking_up():
                system.update_weights(at.theta, self.spent)
                optimizer = stage.reweighted(at.optimizer) if system.reweights else at.optimizer
                step = stage.step(system, at.theta, optimizer)
            self.resumed = False
            at.step, run.steps = at.step + 1, run.steps + 1
            finite = math.isfinite(step.loss) and bool(torch.isfinite(step.theta).all())
            if finite:
                at.theta, at.optimizer = step.theta, step.state
            due = at.step % stage.check_every == 0 or at.step == stage.steps or step.stalled
            self._stepping = time.perf_counter() - began
            late = run.lookout.late(self.deadline.now(), self.last_moment)
            if finite and (due or late):
                record = self.look(step.loss, {**step.info, **system.info})
                finite = math.isfinite(record.held_out)
                if finite:
                    at.good_theta, at.good_optimizer = at.theta, at.optimizer
                    if not late:  # pools for points that nobody will draw
                        system.adapt(at.theta)
                    if not step.stalled:  # who goes on from here would take this stage up again
                        run.file.remember(run.state, system)
                    stop = run.observers.ask_to_stop(record)
                    if not stop and run.options.met([record]):
                        return Status.TARGET_REACHED
                    run.file.save(force=stop)
                    if stop:
                        return Status.INTERRUPTED
            if not finite:
                at.rollbacks += 1
                if at.rollbacks > _ROLLBACKS:
                    return Status.DIVERGED
                assert at.good_optimizer is not None
                at.theta, at.optimizer = at.good_theta, stage.shorten(at.good_optimizer)
            if not step.stalled:
                run.file.remember(run.state, system)
            if late:
                return self.late_status
            if step.stalled and system.hurry():
                system.update_weights(at.theta, self.spent)
                at.optimizer = stage.init(system, at.theta)
            elif step.stalled:
                last = at.stage + 1 == len(self.phase.stages)
                if last and system.finished:
                    return Status.CONVERGED
                return Status.STALLED if last and step.loss > 0 else None
        return None

    @property
    def last_moment(self) -> float:
        """When to stop on the deadline's clock: at the deadline, or before a step that would be over too late."""
        return min(self.deadline.at, self.deadline.at + _GRACE - self._stepping - self._looking)

    @property
    def late_status(self) -> Status:
        """How a phase ends whose time is up."""
        return Status.TOLERANCE_NOT_MET if self.system.unmet else Status.BUDGET_REACHED

    def out_of_time(self, why: str) -> Status:
        """End in the middle of a step: what the steps before have reached is looked at, and the best of it kept."""
        if self.at.step > 0:
            self.look(math.nan, {})
        elif self.at.stage == 0:
            self.run.remarks.append(
                f"no step was taken: {why}; give more seconds, a smaller network or fewer points, or quicker steps such as "
                "stages=(pl.Adam(steps=2000),)"
            )
        return self.late_status

    @property
    def spent(self) -> float:
        """Which share of the phase's steps is taken, or of its time, whichever is more."""
        at, stages = self.at, self.phase.stages
        steps = sum(stage.steps for stage in stages[: at.stage]) + at.step
        seconds = max(self.run.clock.seconds - self.began, 1e-9)
        left = max(self.deadline.at - self.deadline.now(), 0.0)
        return min(1.0, max(steps / sum(stage.steps for stage in stages), seconds / (seconds + left)))

    def look(self, loss: float, info: dict[str, float]) -> Record:
        """Measure, remember the best, tell observers."""
        at, run, model = self.at, self.run, self.system.model
        assert at.theta is not None
        began = time.perf_counter()
        held_out = self.system.held_out_loss(at.theta)
        if held_out <= at.best_loss:
            at.best_theta, at.best_loss = at.theta, held_out
        model.theta = at.theta
        found = {name: float(value.detach()) for name, value in self.view.coefficients.items()}
        # of what takes steps longer than the grace, or has taken none, nobody knows yet how long its error takes
        untried = self._stepping == 0.0 or self._stepping > _GRACE
        blind = self._looking == 0.0 and untried and self.deadline.passed
        errors = {} if blind and run.options.target_error is None else self.errors()
        record = run.processes.first(
            Record(self.k, at.stage, at.step, run.clock.seconds, loss, held_out, errors, info, found)
        )
        run.state.records.append(record)
        run.observers.show(record, sum(s.steps for s in self.phase.stages[: at.stage]))
        self._looking = time.perf_counter() - began
        return record
