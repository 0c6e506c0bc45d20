"""Run what a schedule asks for and write each result down when it is there, so that an interrupted bench can go on."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch

from pinnlab.algebra.largest import largest
from pinnlab.api import solve
from pinnlab.bench.cases import Case, CaseError
from pinnlab.bench.peers import is_peer, launch
from pinnlab.bench.provenance import commit, now
from pinnlab.bench.results import FAILED, Baseline, Results, Run
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import compute_reference, evaluate, relative_errors
from pinnlab.machine.fingerprint import fingerprint
from pinnlab.machine.processes import ALONE, Processes
from pinnlab.reference import Reference, reference_solution
from pinnlab.solution.solution import Solution
from pinnlab.training.status import Status

_PATIENCE, _ENOUGH = 600.0, 1e-6
"""Seconds of the classical solver, and the error it aims at, where the problem has no reference of its own."""


@dataclass(frozen=True)
class Schedule:
    """What to run: every case with every solver or peer and seed; ``max_seconds`` None takes each case's own budget."""

    cases: Sequence[Case]
    solvers: Sequence[str | None] = (None,)
    seeds: Sequence[int] = (0, 1, 2)
    max_seconds: float | None = None
    dtype: torch.dtype = torch.float64
    device: str = "cpu"


def bench(
    schedule: Schedule,
    results: Results,
    write: Callable[[Results], object],
    say: Callable[[str], None] = print,
    progress: bool = False,
    processes: Processes = ALONE,
) -> tuple[Results, bool]:
    """Run what ``results`` does not have yet, one after the other.

    Args:
        schedule: what to run.
        results: what is known already.
        write: called with the results after every run.
        say: takes lines for the user.
        progress: show progress bars.
        processes: each does runs of its own, and gets the results of all.

    Returns:
        The results, and whether everything was run (False after Ctrl-C).

    Raises:
        CaseError: before anything is run, where a peer cannot be, or old runs have another type of numbers or device.
    """
    for kind in schedule.solvers:
        if is_peer(kind):
            launch.require(str(kind), schedule.device)
    old = {run.key: run for run in results.runs if run.status != FAILED}
    problems = {case.label: case.problem() for case in schedule.cases}
    plan = {
        case.label: [
            replace(_blank(case, kind, seed, schedule), digest=_digest(problems[case.label]))
            for kind in schedule.solvers
            for seed in schedule.seeds
        ]
        for case in schedule.cases
    }
    _refuse_other_numbers(plan, old)
    for case in schedule.cases:
        problem, wanted = problems[case.label], plan[case.label]
        differing = [why for run in wanted if run.key in old and (why := old[run.key].differs(run))]
        missing = [run for run in wanted if run.key not in old or old[run.key].differs(run)]
        for why in dict.fromkeys(differing):
            say(f"{case.label}: {differing.count(why)} old runs were made {why}, and are made again")
        say(f"{case.label}: {len(missing)} runs to do, {len(wanted) - len(missing)} done before")
        known = {row.problem for row in results.baselines}
        if not missing and case.label in known:
            continue
        classical = None
        if case.label not in known or problem.reference is None:
            row, classical = _baseline(case, problem)
            results = results.adding(row)
            write(results)
            say(f"  classical: {row.method}, error {row.estimate:.1e}, {row.seconds:.2f} s")
        if problem.reference is None and classical is not None:
            problem = problem.replace(reference=classical)
        for run in processes.spread(partial(_run, case, problem, schedule, progress), missing):
            if run.status == Status.INTERRUPTED.name:
                return results, False
            results = results.adding(run)
            write(results)
            say(f"  {run.solver}, seed {run.seed}: error {run.error:.2e}, {run.seconds:.1f} s, {run.status.lower()}")
            if run.status == FAILED:
                say(f"  {run.message}")
    return results, True


def _refuse_other_numbers(plan: Mapping[str, Sequence[Run]], old: Mapping[Any, Run]) -> None:
    """Raise CaseError where a plan would put numbers of another type or device beside those that are there."""
    for planned in (run for runs in plan.values() for run in runs if run.key in old):
        known = old[planned.key]
        if known.dtype != planned.dtype or (known.device and known.device != planned.device):
            raise CaseError(
                f"{known.problem}, {known.solver}, seed {known.seed}: the old run was made {known.differs(planned)}; resume "
                "with the same --dtype and --device, or write elsewhere with --out."
            )


def _digest(problem: Problem) -> str:
    parts = repr(problem.domain), problem.unknowns, problem.equations, problem.conditions, problem.parameters
    return f"{sys.version_info[0]}.{sys.version_info[1]}:{fingerprint(*parts)}"


def _blank(case: Case, kind: str | None, seed: int, schedule: Schedule) -> Run:
    name = kind or case.default_solver
    solver = None if is_peer(name) else case.solver(name)
    return Run(
        case.label, name, seed, schedule.max_seconds or case.budget, "" if solver is None else repr(solver),
        dtype=str(schedule.dtype).removeprefix("torch."), device=schedule.device,
    )  # fmt: skip


def _run(case: Case, problem: Problem, schedule: Schedule, progress: bool, run: Run) -> Run:
    values = {**asdict(run), "date": now(), "commit": commit()}
    try:
        if is_peer(run.solver):
            return replace(launch.run_peer(case, run, schedule.dtype), commit=commit())
        compute_reference(problem)
        solution = solve(
            problem, case.solver(run.solver), max_seconds=run.max_seconds, seed=run.seed, dtype=schedule.dtype,
            device=schedule.device, progress=progress, parallel="none",
        )  # fmt: skip
        found = solution.error() if problem.reference is not None else {}
        together = _together(solution) if found else math.nan
    except Exception as error:  # one problem that fails must not end a night's bench
        return Run(**{**values, "message": f"{type(error).__name__}: {error}"})
    result = {
        "configuration": repr(solution.solver),
        "status": solution.status.name,
        "message": solution.status.value,
        "errors": found,
        "together": together,
        "seconds": solution.seconds,
        "windows": len(solution.models),
        "curve": _curve(solution),
        "date": now(),
    }
    return Run(**{**values, **result})


def _together(solution: Solution) -> float:
    if len(solution.problem.declared) < 2:
        return math.nan
    errors = solution.error(relative_to="all")
    return math.hypot(*(errors[unknown] for unknown in solution.problem.declared))


def _curve(solution: Solution) -> dict[str, list[float]]:
    history = solution.history
    columns = {name: history.column(name).tolist() for name in ("seconds", "loss", "held_out")}
    columns["window"] = history.column("phase").tolist()
    columns["error"] = [largest(r.errors.values()) for r in history]
    return columns


def _baseline(case: Case, problem: Problem) -> tuple[Baseline, Reference | None]:
    try:
        if problem.reference is None:  # runs are measured against this one
            found = reference_solution(problem, max_seconds=_PATIENCE, tolerance=_ENOUGH)
        else:
            found = reference_solution(problem)
    except (ValueError, NotImplementedError) as error:
        return Baseline(case.label, method=f"none: {error}", published=case.published), None
    measured: dict[str, float] = {}
    if problem.reference is not None:
        measured = relative_errors(lambda points: evaluate(found, problem, points), problem.reference, problem)
    row = Baseline(
        case.label, found.error_estimate, measured, found.seconds, found.method, found.resolution, case.published
    )
    return row, found
