"""The verb of the package: ``solve``."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from pinnlab.declaration.discontinuities.fluxes import LostFluxError, lost_where_it_passes
from pinnlab.declaration.gauge import with_gauge
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.summary import left_out
from pinnlab.machine import distributed
from pinnlab.machine.calls import explained_call
from pinnlab.machine.deadline import Deadline
from pinnlab.machine.interrupts import load
from pinnlab.machine.processes import ALONE
from pinnlab.reference.solve import check_not_singular
from pinnlab.solution.eigenstates import which_state
from pinnlab.solution.files.saved_problem import SavedProblem
from pinnlab.solution.solution import Solution
from pinnlab.solvers.choice import DEFAULT_SECONDS, Choice
from pinnlab.solvers.takeover import solve_by_choice
from pinnlab.training.arguments import (
    check_device,
    check_numbers,
    check_words,
    checked_callbacks,
    checked_checkpoint,
    checked_dtype,
)
from pinnlab.training.checkpoint import Checkpoint
from pinnlab.training.loop import run
from pinnlab.training.ongoing import RunOptions
from pinnlab.training.plans import Settings, Solver
from pinnlab.training.progress import Callback
from pinnlab.training.result import Result
from pinnlab.training.start import Start


@explained_call("write pl.solve(problem, solver, max_seconds=60)")
def solve(
    problem: Problem,
    solver: Solver | None = None,
    *,
    max_seconds: float | None = None,
    target_error: float | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
    start: Solution | None = None,
    checkpoint: str | Path | Checkpoint | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
    threads: int = 1,
    parallel: str = "auto",
) -> Solution:
    """Solve a problem.

    Without a solver one is picked from properties of the problem, and a line says which and why. The rules, with what
    they were measured to give, are in ``docs/choosing.md``, and in ``pinnlab.solvers.choice`` as code.

    Args:
        problem: what to solve.
        solver: how; None picks one and, unless ``max_seconds`` is given, a budget of a minute. With a ``checkpoint`` the
            first pick is the only one.
        max_seconds: of the whole call, planning included; time windows share what is left of it. Steps and slabs that
            would end too late are not begun, and the best so far is returned. A reference that would have to be computed
            first is not waited for in less than half a minute, unless ``target_error`` asks for it.
        target_error: stop once the relative L2 error against ``problem.reference`` is this small.
        device: ``"cpu"`` (the default), ``"cuda"``, ...; under ``torchrun`` each process takes its own GPU.
        dtype: ``torch.float64`` (the default) or ``torch.float32``.
        seed: of the initial weights and of all points; the same seed gives the same result on the same machine.
        start: a solution to go on from, perhaps of a problem with other numbers, or read from a file; without a solver its
            own is used where it can be. Networks take over its parameters where the architecture agrees, else they are
            fitted to its values; local experts take its values as the first guess of a steady problem; unknown
            coefficients begin with its values.
        checkpoint: file written regularly; if it exists, the run resumes from it and ends with the same numbers as an
            undisturbed run.
        callbacks: called with every record of the history; a return value of True stops the run.
        progress: show a progress bar and, without a solver, what was picked.
        threads: CPU threads of the solve. More than one pays for wide networks on idle cores only.
        parallel: under ``torchrun``, how the processes share the solve: ``"points"``, ``"subdomains"``, ``"auto"`` (one of
            these two), or ``"none"`` (each solves by itself). Alone it changes nothing.

    Returns:
        The solution, in every process. Ctrl-C returns the best one so far, with the status ``INTERRUPTED``.

    Raises:
        TypeError, ValueError: before training, for anything that cannot work, also a checkpoint that cannot be written or
            is damaged, and a start of other unknowns or coordinates, or that would change nothing.
        NotUniqueError: before training, where conditions are missing and the solution is certainly not unique; a
            ValueError.
        NothingSolvedError: of the given solver's march not even the first piece could be solved, or not in time; a
            ValueError.
        KeyboardInterrupt: Ctrl-C while nothing is there yet: while planning, or before the first piece of a march.

    Warns:
        UserWarning: a checkpoint could not be written later, as on a full disk; the run goes on.
    """
    began = time.perf_counter()
    if not isinstance(problem, Problem):
        fix = "such as load_problem('burgers')"
        if isinstance(problem, SavedProblem):
            fix = "since a file does not hold its equations; declare it again and go on with solve(problem, start=solution)"
        raise TypeError(f"solve() got a {type(problem).__name__}; give a pl.Problem, {fix}.")
    if solver is not None and not isinstance(solver, Solver):
        hint = "; write pl.PINN() with parentheses" if isinstance(solver, type) else ""
        raise TypeError(f"solve(solver={solver!r}): give a solver such as pl.CausalPINN(){hint}.")
    load("scipy.integrate", "scipy.optimize")
    check_numbers(max_seconds, target_error, seed, threads)
    check_words(progress, parallel)
    observing, saved = checked_callbacks(callbacks), checked_checkpoint(checkpoint)
    if target_error is not None and problem.reference is None:
        raise ValueError("solve(target_error=...) needs a problem with a reference; pass reference= to the problem.")
    dtype = checked_dtype(dtype)
    check_device(device)
    begun = _start(start, problem)
    if solver is None and start is not None and isinstance(before := start.solver, Solver):
        solver = before if before.uses_start(problem) and before.obstacle(problem) is None else None
    posed, remarks = with_gauge(problem)
    if solver is None or not solver.holds_conditions:
        problem.check_unique()
        check_not_singular(posed.natural)
    if problem.lost_inside is not None:
        raise LostFluxError(lost_where_it_passes(*problem.lost_inside, "solve()"))
    seconds = DEFAULT_SECONDS if max_seconds is None and solver is None else max_seconds
    deadline = Deadline() if seconds is None else Deadline(began + seconds, seconds)
    processes = ALONE if parallel == "none" else distributed.find()
    settings = Settings(distributed.own_device(device), dtype, int(seed), int(threads), deadline, begun, processes)

    def attempt(solver: Solver, deadline: Deadline, *watching: Callback) -> Result:
        observers = (*observing, *watching)
        seconds = None if math.isinf(deadline.seconds) else deadline.seconds
        options = RunOptions(seconds, target_error, saved, observers, progress, processes, parallel)
        return run(posed, solver, replace(settings, deadline=deadline), options)

    def announce(choice: Choice, seconds: float) -> None:
        if progress and processes.leads:
            name = type(choice.solver).__name__
            print(f"pinnlab: {name} for at most {seconds:.3g} s: {choice.why}.", file=sys.stderr)

    def finished(found: Result) -> Solution:
        notes = (*found.notes, *remarks, *left_out(problem.conditions), *which_state(found))
        return Solution(**{**vars(found), "problem": problem, "notes": notes})

    if solver is not None:
        return finished(attempt(solver, deadline))
    # a checkpoint belongs to one solver
    once = saved is not None
    return finished(solve_by_choice(posed.natural, settings, attempt, announce, once=once, processes=processes))


def _start(start: Solution | None, problem: Problem) -> Start | None:
    """The solution from which a solve goes on, checked."""
    if start is None:
        return None
    if not isinstance(start, Solution):
        raise TypeError(
            f"solve(start=...) got a {type(start).__name__}; give a solution, as solve() returns it or "
            "pl.Solution.load(path) reads it."
        )
    return Start.of(start, problem)
