"""The verb of the package: ``solve``."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from pinnlab.declaration.problem import Problem
from pinnlab.machine import distributed
from pinnlab.machine.processes import ALONE
from pinnlab.solution.solution import Solution
from pinnlab.solvers.choice import DEFAULT_SECONDS, Choice, Watch, choose
from pinnlab.training.checkpoint import Checkpoint
from pinnlab.training.loop import run
from pinnlab.training.plans import NothingSolvedError, Settings, Solver
from pinnlab.training.progress import Callback
from pinnlab.training.sharing import SHARED
from pinnlab.training.status import Status


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

    Without a solver one is picked from the problem itself, by the first of these rules that applies, and a line says
    which and why (``pinnlab.solvers.choice`` holds them, ``docs/choosing.md`` what they were measured to give):

    1. a family: experts over trained basis functions, for all members at once;
    2. unknown coefficients: one network;
    3. a ``velocity`` that carries the state over 20 domain lengths, with a Peclet number from 100: characteristics;
    4. an ODE, one space dimension and time, or steady in the plane, on a box, with smooth data: local experts, nothing
       is trained. If they get stuck, or have not done a quarter when half of the budget is over, the rules below take the
       time that is left;
    5. a ``velocity``, with a Peclet number from 100: characteristics;
    6. long for its fastest motion, by the linearized equations: causal networks in time windows;
    7. all others: one network. Networks are as small as the budget asks.

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
    if parallel not in SHARED:
        raise ValueError(f"solve(parallel={parallel!r}): choose one of {', '.join(map(repr, SHARED))}.")
    if checkpoint is not None and not isinstance(checkpoint, Checkpoint):
        checkpoint = Checkpoint(checkpoint)
    settings = Settings(distributed.own_device(device), dtype, seed, threads)
    processes = ALONE if parallel == "none" else distributed.find()

    def attempt(solver: Solver, seconds: float | None, *watching: Callback) -> Solution:
        result = run(
            problem,
            solver,
            settings,
            max_seconds=seconds,
            target_error=target_error,
            checkpoint=checkpoint,
            callbacks=(*callbacks, *watching),
            progress=progress,
            processes=processes,
            parallel=parallel,
        )
        return Solution(**vars(result))

    if solver is not None:
        return attempt(solver, max_seconds)

    def say(choice: Choice, seconds: float) -> None:
        if progress and processes.leads:
            print(
                f"pinnlab: {type(choice.solver).__name__} for at most {seconds:.3g} s: {choice.why}.", file=sys.stderr
            )

    budget = left = DEFAULT_SECONDS if max_seconds is None else max_seconds
    choice = choose(problem, settings, budget)
    say(choice, budget)
    # a checkpoint belongs to one solver
    if choice.certain or checkpoint is not None:
        return attempt(choice.solver, budget)
    watch, began = Watch(budget), time.perf_counter()
    try:
        solution = attempt(choice.solver, budget, watch)
    except NothingSolvedError:
        left -= time.perf_counter() - began
    else:
        left -= solution.seconds
        interrupted = solution.status is Status.INTERRUPTED and not watch.stopped
        if processes.first(watch.share >= 1 or interrupted or left < budget / 10):
            return solution
    left = processes.first(max(left, budget / 10))
    choice = choose(problem, settings, left, experts=False)
    say(choice, left)
    return attempt(choice.solver, left)
