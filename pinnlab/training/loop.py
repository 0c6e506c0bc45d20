"""The loop: runs the phases of a plan, each phase's stages in order, or lets a march advance; returns a Result.

It keeps the budget, watches the held-out loss and the error against the reference, rolls back from divergence, writes
and resumes checkpoints, and stops cleanly on Ctrl-C with the best parameters so far.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import error_meter
from pinnlab.machine import files
from pinnlab.machine.fingerprint import fingerprint
from pinnlab.machine.memory import kept_memory
from pinnlab.machine.processes import ALONE, Lookout, Processes
from pinnlab.machine.threads import limited_threads
from pinnlab.training.checkpoint import Checkpoint
from pinnlab.training.history import History, Record
from pinnlab.training.model import Trainable
from pinnlab.training.plans import Advance, March, Phase, Plan, Settings, Solver
from pinnlab.training.progress import Callback, ProgressBar
from pinnlab.training.residuals import ResidualSystem
from pinnlab.training.result import Result
from pinnlab.training.status import Status

_ROLLBACKS = 5
_SHARES = 1000
"""Parts in which the bar of a march shows the time that is solved."""


@dataclass
class _Progress:
    """Where a run stands: all that a checkpoint stores."""

    finished: list[Tensor] = field(default_factory=list)
    stage: int = 0
    step: int = 0
    theta: Tensor | None = None
    optimizer: dict[str, Any] | None = None
    best_theta: Tensor | None = None
    best_loss: float = math.inf
    rollbacks: int = 0
    records: list[Record] = field(default_factory=list)
    seconds: float = 0.0
    statuses: list[Status] = field(default_factory=list)


def run(
    problem: Problem,
    solver: Solver,
    settings: Settings,
    *,
    max_seconds: float | None = None,
    target_error: float | None = None,
    checkpoint: Checkpoint | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
    processes: Processes = ALONE,
    parallel: str = "auto",
) -> Result:
    """Train every phase of ``solver.plan(problem, settings)``; the arguments are those of ``solve``.

    Args:
        processes: those that share the work; all of them call this function.
        parallel: how, see ``sharing.SHARED``.
    """
    with limited_threads(settings.threads), kept_memory():
        plan = solver.plan(problem, settings)
        loop = _Loop(
            problem, solver, settings, max_seconds, target_error, checkpoint, callbacks, progress, processes, parallel
        )
        remarks: tuple[str, ...] = ()
        if isinstance(plan, March):
            with loop.lookout.listening():
                models, status = loop.march(plan)
            function = plan.field()
        else:
            with loop.lookout.listening():
                trained, status = loop.run(plan)
            status, remarks = plan.verdict(trained, status)
            models, function = [plan.view(model) for model in trained], plan.field(trained)
    history = History(tuple(loop.at.records))
    notes = (*plan.notes, *remarks, *loop.exchanged())
    return Result(problem, function, models, history, status, loop.at.seconds, solver, notes)


class _Loop:
    def __init__(
        self,
        problem: Problem,
        solver: Solver,
        settings: Settings,
        max_seconds: float | None,
        target_error: float | None,
        checkpoint: Checkpoint | None,
        callbacks: Sequence[Callback],
        progress: bool,
        processes: Processes,
        parallel: str,
    ):
        self.problem, self.settings = problem, settings
        self.processes, self.parallel, self.lookout = processes, parallel, Lookout(processes)
        self.max_seconds, self.target_error = max_seconds, target_error
        self.checkpoint, self.callbacks, self.progress = checkpoint, tuple(callbacks), progress and processes.leads
        # the reference is its own business: a better one does not change the run
        self.identity = fingerprint(
            repr(problem.domain), problem.unknowns, problem.equations, problem.conditions, problem.parameters,
            solver, settings.seed, str(settings.dtype),
        )  # fmt: skip
        self.at = _Progress()
        self._restored: dict[str, Any] | None = None
        self._clock = 0.0
        self._saved = time.monotonic()
        self._bar: ProgressBar | None = None
        self._count = 1
        self._steps = 0
        self._amplified: list[str] = []
        if processes.any(processes.first(self.identity) != self.identity):
            raise ValueError(
                f"solve(): the {processes.count} processes have different problems or solvers; all must run the same "
                "script, and what is random in it (initial weights, noise in data) needs a seed, such as "
                "torch.manual_seed(0)."
            )

    # -- phases ------------------------------------------------------------------------------------------------------

    def run(self, plan: Plan) -> tuple[list[Trainable], Status]:
        """Train every phase."""
        models: list[Trainable] = []
        self._count = plan.count
        self._resume()
        try:
            for k in range(plan.count):
                phase = plan.start(k, models)
                model = phase.system.model
                models.append(model)
                if k < len(self.at.finished):
                    model.theta = self.at.finished[k].to(model.parameters[0])
                    continue
                if k > len(self.at.finished):
                    break
                if self.processes.count > 1:
                    phase.system.share(self.processes, self.parallel)
                status = self._train(phase, k, plan.view(model))
                model.theta = self.at.best_theta if self.at.best_theta is not None else model.theta
                self.at.statuses = [*self.at.statuses, status]
                if status in (Status.INTERRUPTED, Status.DIVERGED):
                    break
                self.at = replace(
                    self.at, finished=[*self.at.finished, model.theta], stage=0, step=0, theta=None, optimizer=None,
                    best_theta=None, best_loss=math.inf, rollbacks=0,
                )  # fmt: skip
                self._save(phase.system, force=True)
        finally:
            if self._bar is not None:
                self._bar.close()
        return models, _combined(self.at.statuses)

    def _train(self, phase: Phase, k: int, view: Any) -> Status:
        system, at = phase.system, self.at
        self._amplified = sorted({type(stage).__name__ for stage in phase.stages if stage.amplifies_rounding})
        if self.progress and self._bar is None:
            steps = sum(s.steps for s in phase.stages)
            self._bar = ProgressBar(self.problem.name, self._count, self.max_seconds, steps)
        deadline = math.inf
        if self.max_seconds is not None:
            left = self.max_seconds - at.seconds
            deadline = at.seconds + max(left, 0.0) / (self._count - k)
        measure = error_meter(phase.problem.domain, self.problem, view) if self.processes.leads else dict
        if at.theta is None:
            at.theta = system.model.theta
            at.best_theta = at.theta
        elif self._restored is not None:
            system.restore(self._restored)
        self._restored = None
        self._start_clock()
        try:
            while at.stage < len(phase.stages):
                outcome = self._stage(phase, k, deadline, measure)
                if outcome is not None:
                    return outcome
                at.stage, at.step, at.optimizer = at.stage + 1, 0, None
                at.theta = at.best_theta
        except KeyboardInterrupt:
            self._stop_clock()
            self._save(phase.system, force=True)
            return Status.INTERRUPTED
        finally:
            self._stop_clock()
        return Status.TOLERANCE_NOT_MET if system.unmet else Status.STEPS_DONE

    def _stage(self, phase: Phase, k: int, deadline: float, measure: Any) -> Status | None:
        """Run one stage; None where the next stage should follow."""
        at, system, stage = self.at, phase.system, phase.stages[self.at.stage]
        assert at.theta is not None
        if at.optimizer is None:
            system.update_weights(at.theta)
            at.optimizer = stage.init(system, at.theta)
        good = (at.theta, at.optimizer)
        self.lookout.restart()
        while at.step < stage.steps:
            system.update_weights(at.theta)
            if system.finished:
                self._check(phase, k, math.nan, {}, measure)
                return Status.CONVERGED
            result = stage.step(system, at.theta, stage.reweighted(at.optimizer) if system.reweights else at.optimizer)
            at.step, self._steps = at.step + 1, self._steps + 1
            finite = math.isfinite(result.loss) and bool(torch.isfinite(result.theta).all())
            if finite:
                at.theta, at.optimizer = result.theta, result.state
            due = at.step % stage.check_every == 0 or at.step == stage.steps or result.stalled
            late = self.lookout.late(self._now(), deadline)
            if finite and (due or late):
                info = {**result.info, **system.weighting.info(system.weights)}
                record = self._check(phase, k, result.loss, info, measure)
                finite = math.isfinite(record.held_out)
                if finite:
                    good = (at.theta, at.optimizer)
                    system.adapt(at.theta)
                    stop = self._wants_to_stop(record)
                    if not stop and self.target_error is not None and record.errors:
                        if max(record.errors.values()) <= self.target_error:
                            return Status.TARGET_REACHED
                    if not result.stalled:  # who goes on from here would take this stage up again
                        self._save(system, force=stop)
                    if stop:
                        return Status.INTERRUPTED
            if not finite:
                at.rollbacks += 1
                if at.rollbacks > _ROLLBACKS:
                    return Status.DIVERGED
                at.theta, at.optimizer = good[0], stage.shorten(good[1])
            if late:
                return Status.TOLERANCE_NOT_MET if system.unmet else Status.BUDGET_REACHED
            if result.stalled:
                last = at.stage + 1 == len(phase.stages)
                return Status.STALLED if last and result.loss > 0 else None
        return None

    def _check(self, phase: Phase, k: int, loss: float, info: dict[str, float], measure: Any) -> Record:
        """Measure, remember the best, tell observers; the clock stands still meanwhile."""
        at = self.at
        assert at.theta is not None
        self._stop_clock()
        held_out = phase.system.held_out_loss(at.theta)
        if held_out <= at.best_loss:
            at.best_theta, at.best_loss = at.theta, held_out
        phase.system.model.theta = at.theta
        found = {name: float(value.detach()) for name, value in phase.system.model.coefficients.items()}
        record = self.processes.first(Record(k, at.stage, at.step, at.seconds, loss, held_out, measure(), info, found))
        at.records.append(record)
        if self._bar is not None:
            self._bar(record, sum(s.steps for s in phase.stages[: at.stage]))
        self._start_clock()
        return record

    # -- marches -----------------------------------------------------------------------------------------------------

    def march(self, plan: March) -> tuple[list[Any], Status]:
        """Let a march advance until it ends, or the budget does."""
        self._resume()
        if self._restored is not None:
            plan.restore(self._restored)
        if self.progress:
            self._bar = ProgressBar(self.problem.name, 1, None, _SHARES)
        status = None
        self._start_clock()
        try:
            while status is None:
                step = plan.advance()
                self._stop_clock()
                if step.accepted and self._accepted(plan, step):
                    status = Status.INTERRUPTED
                status = step.stopped or status
                if status is None and self.lookout.late(self.at.seconds, self.max_seconds or math.inf):
                    status = Status.INCOMPLETE
                if status is None:
                    self._save(plan)
                self._start_clock()
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        finally:
            self._stop_clock()
            if self._bar is not None:
                self._bar.close()
        self._save(plan, force=True)
        if status is Status.CONVERGED and self._met_target():
            status = Status.TARGET_REACHED
        return list(plan.pieces), status

    def _met_target(self) -> bool:
        errors = [error for record in self.at.records for error in record.errors.values()]
        return self.target_error is not None and bool(errors) and max(errors) <= self.target_error

    def _accepted(self, plan: March, step: Advance) -> bool:
        """Record a new piece; whether a callback asks to stop."""
        piece = plan.pieces[-1]
        errors = error_meter(piece.region, self.problem, piece, n=512)()
        count = len(plan.pieces)
        record = Record(0, 0, count, self.at.seconds, step.loss, step.held_out, errors, step.info)
        self.at.records.append(record)
        if self._bar is not None:
            self._bar(record, _SHARES * step.share - count)
        return self._wants_to_stop(record)

    def _wants_to_stop(self, record: Record) -> bool:
        if not self.callbacks:
            return False
        return self.processes.first(
            self.processes.leads and any([callback(record) is True for callback in self.callbacks])
        )

    def exchanged(self) -> tuple[str, ...]:
        """What processes told one another, in a sentence."""
        if self.processes.count == 1:
            return ()
        calls, size = (n / max(1, self._steps) for n in (self.processes.traffic.calls, self.processes.traffic.bytes))
        told = f"{self.processes.count} processes; {calls:.1f} exchanges and {size / 1e3:.4g} kB per step from each"
        if self._amplified:
            told += f"; {', '.join(self._amplified)} amplifies rounding, so that one process ends with other numbers"
        return (told,)

    # -- clock -------------------------------------------------------------------------------------------------------

    def _start_clock(self) -> None:
        self._clock = time.perf_counter()

    def _stop_clock(self) -> None:
        self.at.seconds = self._now()
        self._clock = math.inf

    def _now(self) -> float:
        return self.at.seconds + max(0.0, time.perf_counter() - self._clock)

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def _save(self, system: ResidualSystem | March, force: bool = False) -> None:
        if self.checkpoint is None or not self.processes.leads:
            return
        if not force and time.monotonic() - self._saved < self.checkpoint.every_seconds:
            return
        at = self.at
        files.write(
            self.checkpoint.path,
            {
                "pinnlab": "checkpoint",
                "identity": self.identity,
                "finished": at.finished,
                "stage": at.stage,
                "step": at.step,
                "theta": at.theta,
                "optimizer": at.optimizer,
                "best_theta": at.best_theta,
                "best_loss": at.best_loss,
                "rollbacks": at.rollbacks,
                "seconds": at.seconds,
                "statuses": [status.name for status in at.statuses],
                "records": History(tuple(at.records)).to_data(),
                "system": system.state(),
            },
        )
        self._saved = time.monotonic()

    def _resume(self) -> None:
        if self.checkpoint is None:
            return
        path = Path(self.checkpoint.path)
        # only the leading process needs to see the file
        content = self.processes.first(path.read_bytes() if self.processes.leads and path.exists() else None)
        if content is None:
            return
        data = files.read(path, self.settings.device, content)
        if data["pinnlab"] != "checkpoint" or data["identity"] != self.identity:
            raise ValueError(
                f"checkpoint={os.fspath(self.checkpoint.path)!r} belongs to another problem, solver, seed or dtype; "
                "delete it or give another path."
            )
        records = list(History.from_data(data["records"]))
        names = ("finished", "stage", "step", "theta", "optimizer", "best_theta", "best_loss", "rollbacks", "seconds")
        statuses = [Status[name] for name in data["statuses"]]
        self.at = _Progress(records=records, statuses=statuses, **{name: data[name] for name in names})
        self._restored = data["system"]


def _combined(statuses: Sequence[Status]) -> Status:
    """The status of all phases: the first that did not go as planned, else the last one's."""
    return next((s for s in statuses if not s.ok), statuses[-1])
