"""The loop: runs the phases of a plan, each phase's stages in order, or lets a march advance; returns a Result.

It keeps the budget, watches the held-out loss and the error against the reference, rolls back from divergence, writes
and resumes checkpoints, and stops cleanly on Ctrl-C with the best parameters so far.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import error_meter
from pinnlab.machine.fingerprint import fingerprint
from pinnlab.machine.memory import kept_memory
from pinnlab.machine.processes import ALONE, Lookout, Processes
from pinnlab.machine.threads import limited_threads
from pinnlab.optimizers.base import Optimizer
from pinnlab.training.checkpoint import Checkpoint, CheckpointFile, identity
from pinnlab.training.history import History, Record
from pinnlab.training.model import Trainable
from pinnlab.training.part import Part
from pinnlab.training.plans import Advance, March, Phase, Plan, Settings, Solver
from pinnlab.training.progress import Callback, Observers
from pinnlab.training.result import Members, Result
from pinnlab.training.sharing import exchanged
from pinnlab.training.status import Status

_ROLLBACKS = 5
_SHARES = 1000
"""Parts in which the bar of a march shows the time that is solved."""


@dataclass(frozen=True)
class RunOptions:
    """When a run ends, who watches it, where it is saved and who shares it.

    Attributes:
        max_seconds, target_error, checkpoint, callbacks, progress, parallel: as in ``pl.solve``.
        processes: those that share the work; all of them call ``run``.
    """

    max_seconds: float | None = None
    target_error: float | None = None
    checkpoint: Checkpoint | None = None
    callbacks: Sequence[Callback] = ()
    progress: bool = True
    processes: Processes = ALONE
    parallel: str = "auto"

    def met(self, records: Sequence[Record]) -> bool:
        """Whether the errors of these records are within the target."""
        errors = [error for record in records for error in record.errors.values()]
        return self.target_error is not None and bool(errors) and max(errors) <= self.target_error


def run(problem: Problem, solver: Solver, settings: Settings, options: RunOptions) -> Result:
    """Train every phase of ``solver.plan(problem, settings)``, or let its march advance to the end.

    Raises:
        TypeError, ValueError: before training, for anything that cannot work.
        NothingSolvedError: a march ended before its first piece.
        KeyboardInterrupt: Ctrl-C before anything was trained or solved.
    """
    with limited_threads(settings.threads), kept_memory():
        shared = _Run(problem, solver, settings, options)
        plan = solver.plan(problem, settings)
        # plans are of two kinds, and each has a loop
        if isinstance(plan, March):
            with shared.lookout.listening():
                status = _march(plan, shared)
            return shared.result(plan.pieces, plan.field(), status, plan.notes)
        with shared.lookout.listening():
            models, status = _train(plan, shared)
        try:
            status, remarks = plan.verdict(models, status)
        except KeyboardInterrupt:
            status, remarks = Status.INTERRUPTED, ()
        parts = [plan.view(model) for model in models]
        return shared.result(parts, plan.field(models), status, (*plan.notes, *remarks), plan.members(models))


class _Run:
    """What both loops work with.

    Attributes:
        state: where the run stands; goes on from a checkpoint where there is one.
        file: the checkpoint.
        lookout: says for all processes together whether time is up.
        steps: taken by optimizers, in this process and since it was started.
        amplifying: names of the last phase's optimizers that amplify rounding.
    """

    def __init__(self, problem: Problem, solver: Solver, settings: Settings, options: RunOptions):
        self.problem, self.solver, self.options, self.processes = problem, solver, options, options.processes
        own = identity(problem, solver, settings.seed, settings.dtype)
        if self.processes.any(self.processes.first(own) != own):
            raise ValueError(
                f"solve(): the {self.processes.count} processes have different problems or solvers; all must run the same "
                "script, and what is random in it (initial weights, noise in data) needs a seed, such as "
                "torch.manual_seed(0)."
            )
        self.lookout = Lookout(self.processes)
        self.observers = Observers(options.callbacks, options.progress, self.processes)
        velocity = "" if problem.velocity is None else fingerprint(problem.velocity)
        self.file = CheckpointFile(options.checkpoint, own, velocity, self.processes)
        self.state = self.file.read(settings.device)
        self.clock = self.state.clock
        self.steps = 0
        self.amplifying: list[str] = []

    def result(
        self,
        parts: Sequence[Part],
        function: Callable[[Tensor], Tensor],
        status: Status,
        notes: tuple[str, ...],
        members: Members | None = None,
    ) -> Result:
        """What the run leaves."""
        if self.processes.count > 1:
            notes = (*notes, exchanged(self.processes, self.steps, self.amplifying))
        history = History(tuple(self.state.records))
        return Result(
            self.problem, function, list(parts), history, status, self.clock.seconds, self.solver, notes, members
        )


# -- phases --------------------------------------------------------------------------------------------------------------


def _train(plan: Plan, run: _Run) -> tuple[list[Trainable], Status]:
    """Train every phase: the models of those that were started, and how it ended.

    Ctrl-C ends it at any moment with the best parameters so far.

    Raises:
        KeyboardInterrupt: before the first phase has begun.
    """
    models: list[Trainable] = []
    state = run.state
    with run.file.blamed():
        state.check(plan.count)
    try:
        for k in range(plan.count):
            phase = plan.start(k, models)
            system, model = phase.system, phase.system.model
            if k < len(state.finished):
                with run.file.blamed():
                    model.theta = state.finished[k].to(model.parameters[0]).view(model.size)
                models.append(model)
                continue
            if run.processes.count > 1:
                system.share(run.processes, run.options.parallel)
            loop = _PhaseLoop(run, phase, k, plan)
            models.append(model)
            status = loop.train()
            model.theta = model.theta if state.phase.best_theta is None else state.phase.best_theta
            state.statuses.append(status)
            if status in (Status.INTERRUPTED, Status.DIVERGED):
                break
            state.next_phase(model.theta)
            run.file.remember(state, system)
            run.file.save(force=True)
    except KeyboardInterrupt:
        if not models:
            raise
        if len(models) > len(state.finished) and (theta := state.phase.found) is not None:
            models[-1].theta = theta
        run.file.save(force=True)
        return models, Status.INTERRUPTED
    finally:
        run.observers.close()
    # the first phase that did not go as planned, else the last one
    return models, next((s for s in state.statuses if not s.ok), state.statuses[-1])


class _PhaseLoop:
    """The training of one phase.

    Args:
        run: what it is a part of.
        phase: what is trained, and the optimizers.
        k: its number.
        plan: of all phases, which share the time that is left.
    """

    def __init__(self, run: _Run, phase: Phase, k: int, plan: Plan):
        self.run, self.phase, self.k, self.system = run, phase, k, phase.system
        self.at = run.state.phase
        self.resumed = False
        run.amplifying = sorted({type(stage).__name__ for stage in phase.stages if stage.amplifies_rounding})
        budget, spent = run.options.max_seconds, run.clock.seconds
        run.observers.start(run.problem.name, plan.count, budget, sum(s.steps for s in phase.stages))
        self.deadline = math.inf if budget is None else spent + max(budget - spent, 0.0) / (plan.count - k)
        view = plan.view(phase.system.model)
        self.errors = error_meter(phase.problem.domain, run.problem, view) if run.processes.leads else dict

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
        with self.run.clock.running():
            while at.stage < len(self.phase.stages):
                status = self.run_stage(self.phase.stages[at.stage])
                if status is not None:
                    return status
                at.next_stage()
                self.run.file.remember(state, self.system)
        return Status.TOLERANCE_NOT_MET if self.system.unmet else Status.STEPS_DONE

    def taking_up(self) -> AbstractContextManager[None]:
        """What a damaged checkpoint held may fail as late as in the first step that is taken from there."""
        return self.run.file.blamed() if self.resumed else nullcontext()

    def run_stage(self, stage: Optimizer) -> Status | None:
        """Take a stage's steps; how the phase ended, or None where the next stage should follow."""
        at, system, run = self.at, self.system, self.run
        assert at.theta is not None
        if at.optimizer is None:
            system.update_weights(at.theta)
            at.optimizer = stage.init(system, at.theta)
        if at.good_theta is None:
            at.good_theta, at.good_optimizer = at.theta, at.optimizer
        run.lookout.restart()
        while at.step < stage.steps:
            with self.taking_up():
                system.update_weights(at.theta)
                if system.finished:
                    self.look(math.nan, {})
                    return Status.CONVERGED
                optimizer = stage.reweighted(at.optimizer) if system.reweights else at.optimizer
                step = stage.step(system, at.theta, optimizer)
            self.resumed = False
            at.step, run.steps = at.step + 1, run.steps + 1
            finite = math.isfinite(step.loss) and bool(torch.isfinite(step.theta).all())
            if finite:
                at.theta, at.optimizer = step.theta, step.state
            due = at.step % stage.check_every == 0 or at.step == stage.steps or step.stalled
            late = run.lookout.late(run.clock.now, self.deadline)
            if finite and (due or late):
                record = self.look(step.loss, {**step.info, **system.info})
                finite = math.isfinite(record.held_out)
                if finite:
                    at.good_theta, at.good_optimizer = at.theta, at.optimizer
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
                return Status.TOLERANCE_NOT_MET if system.unmet else Status.BUDGET_REACHED
            if step.stalled:
                last = at.stage + 1 == len(self.phase.stages)
                return Status.STALLED if last and step.loss > 0 else None
        return None

    def look(self, loss: float, info: dict[str, float]) -> Record:
        """Measure, remember the best, tell observers; the clock stands still meanwhile."""
        at, run, model = self.at, self.run, self.system.model
        assert at.theta is not None
        with run.clock.standing():
            held_out = self.system.held_out_loss(at.theta)
            if held_out <= at.best_loss:
                at.best_theta, at.best_loss = at.theta, held_out
            model.theta = at.theta
            found = {name: float(value.detach()) for name, value in model.coefficients.items()}
            record = run.processes.first(
                Record(self.k, at.stage, at.step, run.clock.seconds, loss, held_out, self.errors(), info, found)
            )
            run.state.records.append(record)
            run.observers.show(record, sum(s.steps for s in self.phase.stages[: at.stage]))
        return record


# -- marches -------------------------------------------------------------------------------------------------------------


def _march(plan: March, run: _Run) -> Status:
    """Let a march advance until it ends, or the budget does.

    Raises:
        KeyboardInterrupt: before the first piece.
    """
    state, options, file = run.state, run.options, run.file
    resumed, status = state.saved is not None, None
    if state.saved is not None:
        with file.blamed():
            plan.restore(state.saved)
    run.observers.start(run.problem.name, 1, None, _SHARES)
    try:
        while status is None:
            with run.clock.running(), file.blamed() if resumed and plan.pieces else nullcontext():
                step = plan.advance()
            resumed = False
            record = _recorded(plan.pieces, step, run) if step.accepted else None
            if step.accepted or step.stopped is None:
                file.remember(state, plan)
            if record is not None and run.observers.ask_to_stop(record):
                status = Status.INTERRUPTED
            status = step.stopped or status
            if status is None and run.lookout.late(run.clock.seconds, options.max_seconds or math.inf):
                status = Status.INCOMPLETE
            if status is None:
                file.save()
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    finally:
        run.observers.close()
    file.save(force=True)
    if status is Status.INTERRUPTED and not plan.pieces:
        raise KeyboardInterrupt
    return Status.TARGET_REACHED if status is Status.CONVERGED and options.met(state.records) else status


def _recorded(pieces: Sequence[Part], step: Advance, run: _Run) -> Record:
    """The record of a new piece, which observers are shown."""
    count, piece = len(pieces), pieces[-1]
    errors = error_meter(piece.region, run.problem, piece, n=512)()
    record = Record(0, 0, count, run.clock.seconds, step.loss, step.held_out, errors, step.info)
    run.state.records.append(record)
    run.observers.show(record, _SHARES * step.share - count)
    return record
