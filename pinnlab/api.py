"""The verb of the package: ``solve``."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from pinnlab.declaration.gauge import with_gauge
from pinnlab.declaration.problem import Problem
from pinnlab.machine import distributed
from pinnlab.machine.processes import ALONE
from pinnlab.solution.solution import Solution
from pinnlab.solvers.choice import DEFAULT_SECONDS, Choice
from pinnlab.solvers.takeover import solve_by_choice
from pinnlab.training.checkpoint import Checkpoint
from pinnlab.training.loop import RunOptions, run
from pinnlab.training.plans import Settings, Solver
from pinnlab.training.progress import Callback
from pinnlab.training.result import Result
from pinnlab.training.sharing import SHARED


def solve(
    problem: Problem,
    solver: Solver | None = None,
    *,
    max_seconds: float | None = None,
    target_error: float | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
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
        max_seconds: training time at most; time windows share it.
        target_error: stop once the relative L2 error against ``problem.reference`` is this small.
        device: ``"cpu"`` (the default), ``"cuda"``, ...; under ``torchrun`` each process takes its own GPU.
        dtype: ``torch.float64`` (the default) or ``torch.float32``.
        seed: of the initial weights and of all points; the same seed gives the same result on the same machine.
        checkpoint: file written regularly; if it exists, the run resumes from it and ends with the same numbers as an
            undisturbed run.
        callbacks: called with every record of the history; a return value of True stops the run.
        progress: show a progress bar and, without a solver, what was picked.
        threads: CPU threads of the solve. More than one pays for wide networks on idle cores only.
        parallel: under ``torchrun``, how the processes share the solve: ``"points"``, ``"subdomains"``, ``"auto"`` (one of
            these two), or ``"none"`` (each solves by itself). Alone it changes nothing.

    Returns:
        The solution, in every process. Ctrl-C returns the best one so far.

    Raises:
        TypeError, ValueError: before training, for anything that cannot work.
        NotUniqueError: before training, where conditions are missing and the solution is certainly not unique; a
            ValueError.
        NothingSolvedError: of the given solver's march not even the first piece could be solved; a ValueError.
    """
    if not isinstance(problem, Problem):
        raise TypeError(f"solve() got a {type(problem).__name__}; give a pl.Problem, such as load_problem('burgers').")
    if solver is not None and not isinstance(solver, Solver):
        hint = "; write pl.PINN() with parentheses" if isinstance(solver, type) else ""
        raise TypeError(f"solve(solver={solver!r}): give a solver such as pl.CausalPINN(){hint}.")
    for name, value in (("max_seconds", max_seconds), ("target_error", target_error)):
        if value is not None and not (isinstance(value, int | float) and value > 0 and math.isfinite(value)):
            raise ValueError(f"solve({name}={value!r}): must be a positive number, or None.")
    if target_error is not None and problem.reference is None:
        raise ValueError("solve(target_error=...) needs a problem with a reference; pass reference= to the problem.")
    if not isinstance(seed, int) or seed < 0:
        raise ValueError(f"solve(seed={seed!r}): must be a whole number of at least 0.")
    if not isinstance(threads, int) or threads < 1:
        raise ValueError(f"solve(threads={threads!r}): must be a whole number of at least 1.")
    dtype = torch.float64 if dtype is None else dtype
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"solve(dtype={dtype}): use torch.float64 or torch.float32.")
    # a module of the user's own, or an embedding, may hold conditions by construction, such as periodicity
    network = getattr(solver, "network", None)
    if network is None or getattr(network, "is_template", False) and getattr(network, "embedding", None) is None:
        problem.check_unique()
    posed, remarks = with_gauge(problem)
    if parallel not in SHARED:
        raise ValueError(f"solve(parallel={parallel!r}): choose one of {', '.join(map(repr, SHARED))}.")
    if checkpoint is not None and not isinstance(checkpoint, Checkpoint):
        checkpoint = Checkpoint(checkpoint)
    settings = Settings(distributed.own_device(device), dtype, seed, threads)
    processes = ALONE if parallel == "none" else distributed.find()

    def attempt(solver: Solver, seconds: float | None, *watching: Callback) -> Result:
        observers = (*callbacks, *watching)
        options = RunOptions(seconds, target_error, checkpoint, observers, progress, processes, parallel)
        return run(posed, solver, settings, options)

    def announce(choice: Choice, seconds: float) -> None:
        if progress and processes.leads:
            name = type(choice.solver).__name__
            print(f"pinnlab: {name} for at most {seconds:.3g} s: {choice.why}.", file=sys.stderr)

    def finished(found: Result) -> Solution:
        return Solution(**{**vars(found), "problem": problem, "notes": (*found.notes, *remarks)})

    if solver is not None:
        return finished(attempt(solver, max_seconds))
    seconds = DEFAULT_SECONDS if max_seconds is None else max_seconds
    # a checkpoint belongs to one solver
    once = checkpoint is not None
    found = solve_by_choice(posed, settings, seconds, attempt, announce, once=once, processes=processes)
    return finished(found)
