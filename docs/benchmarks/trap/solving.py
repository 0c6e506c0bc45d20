"""One problem, one solver: what came out, what is said of it, and how far it is from the truth."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import pinnlab as pl
from trap import ill_posed, rough, stated, well_posed
from trap.symbols import Case

GROUPS: dict[str, tuple[Callable[[np.random.Generator], Case], ...]] = {
    "well posed": well_posed.KINDS, "jumps and kinks": rough.KINDS, "ill posed": ill_posed.KINDS,
    "statements": stated.KINDS,
}  # fmt: skip
TOLERANCE = 0.01
"""Relative error from which on a solution must not be called good."""
ROUNDING = 1e-12
"""Errors below this are not told from one another: the source, made of formulas, has rounding of its own."""
RIGHT = 1e-4
"""Relative error below which it must not be called wrong."""


@dataclass(frozen=True)
class Task:
    """One solve: the kind of problem, its number, and the solver's place in ``solvers_for``."""

    group: str
    kind: int
    number: int
    solver: int


def make(task: Task) -> Case:
    """The task's problem, the same whenever it is made."""
    place = list(GROUPS).index(task.group)
    return GROUPS[task.group][task.kind](np.random.default_rng([place, task.kind, task.number]))


def solvers_for(case: Case) -> tuple[tuple[str, Any], ...]:
    """(name, solver) of all that are tried on a problem; the last is the classical one."""
    domain = case.problem.domain
    solvers: list[tuple[str, Any]] = [("default", None), ("PINN", pl.PINN()), ("experts", pl.HardConstraintMoE())]
    if domain.has_time:
        solvers.append(("CausalPINN", pl.CausalPINN()))
    if isinstance(domain, pl.Box):
        axis = domain.coordinates[0]
        low, high = domain.bounds[axis]
        solvers.append(("MultiDomainPINN", pl.MultiDomainPINN(subdomains={axis: (low + 0.45 * (high - low),)})))
    solvers += [(type(s).__name__ + ", fitting", s) for s in case.solvers]
    return (*solvers, ("classical", "classical"))


def tasks(count: int, first: int = 0, group: str = "", kind: str = "", solver: str = "") -> Iterator[Task]:
    """At least ``count`` tasks: problem after problem, kind after kind, each with all of its solvers.

    Args:
        count: of the tasks, about.
        first: number of the first problem of each kind.
        group, kind, solver: only those with these words in their names.

    Raises:
        ValueError: no kind of problem has these words in its name.
    """
    made, number = 0, first
    chosen = [
        (g, k)
        for g, kinds in GROUPS.items()
        for k, make_it in enumerate(kinds)
        if group in g and kind in make_it.__name__
    ]
    if not chosen:
        raise ValueError(
            f"no kind of problem is called {kind!r} in a group {group!r}; kinds have names such as 'heat'."
        )
    while made < count:
        for g, k in chosen:
            for place, (name, _) in enumerate(solvers_for(make(Task(g, k, number, 0)))):
                if solver in name:
                    yield Task(g, k, number, place)
                    made += 1
        number += 1


def solve(task: Task, seconds: float) -> dict[str, Any]:
    """Solve a task's problem and ask for a report, each within so many seconds."""
    case = make(task)
    name, solver = solvers_for(case)[task.solver]
    record: dict[str, Any] = {
        "group": task.group, "kind": case.kind, "number": task.number, "solver": name, "statement": case.statement,
        "answer": "one" if case.exact else case.why, "box": isinstance(case.problem.domain, pl.Box),
    }  # fmt: skip
    began = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _classical(case, seconds) if solver == "classical" else _trained(case, solver, seconds)
    except (ValueError, TypeError) as error:
        found = {"said": "refused", "sentence": str(error)}
    except Exception as error:  # a defect, and recorded as one
        found = {"said": "error", "sentence": f"{type(error).__name__}: {error}"}
    return {**record, **found, "seconds": time.perf_counter() - began}


def _trained(case: Case, solver: Any, seconds: float) -> dict[str, Any]:
    solution = pl.solve(case.problem, solver, max_seconds=seconds, progress=False)
    began = time.perf_counter()
    report = solution.report(tolerance=TOLERANCE, max_seconds=seconds)
    found: dict[str, Any] = {
        "said": report.verdict.value, "sentence": report.sentence, "status": solution.status.name.lower(),
        "reporting": time.perf_counter() - began, "training": solution.seconds,
        "used": type(solution.solver).__name__, "reasons": list(report.reasons),
        "pinned": any("known up to a constant" in note for note in solution.notes),
    }  # fmt: skip
    if report.estimate is not None:
        e, worst = report.estimate, report.estimate.worst
        certain = worst.error >= 2 * worst.doubt
        found |= {
            "estimate": worst.error, "upper": worst.upper, "unit": worst.unit, "certain": certain, "method": e.method
        }  # fmt: skip
    if case.exact is not None:
        found |= errors(case, lambda points: solution.function(points))
    return found


def _classical(case: Case, seconds: float) -> dict[str, Any]:
    """The classical solver says how far off it is; that is good where it is at most the tolerance."""
    reference = pl.reference_solution(case.problem, max_seconds=seconds)
    estimate = max(reference.error_estimate.values(), default=math.nan)
    found: dict[str, Any] = {
        "said": "good" if estimate <= TOLERANCE else "doubtful", "sentence": f"estimated {estimate:.1e}",
        "status": "done", "estimate": estimate, "upper": estimate, "certain": False, "method": reference.method,
    }  # fmt: skip
    if case.exact is None:
        return found
    names = case.problem.domain.coordinates

    def values(points: torch.Tensor) -> torch.Tensor:
        at = reference(**{n: points[:, i].numpy() for i, n in enumerate(names)})
        for name, psi in [(u, v) for u, v in at.items() if np.iscomplexobj(v)]:
            at |= {f"{name}_real": psi.real, f"{name}_imag": psi.imag}
        return torch.stack([torch.as_tensor(at[u]) for u in case.problem.unknowns], dim=1)

    return found | errors(case, values)


def errors(case: Case, values: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, Any]:
    """The largest relative L2 error over the unknowns: next to their size, and next to their variation."""
    assert case.exact is not None
    domain = case.problem.domain
    n = 20_000 if len(domain.coordinates) > 1 else 2001
    unit = torch.quasirandom.SobolEngine(len(domain.coordinates), scramble=True, seed=1).draw(n).double()
    lower, upper = (torch.tensor(side, dtype=torch.float64) for side in zip(*domain.bounds.values(), strict=True))
    points = lower + unit * (upper - lower)
    if not isinstance(domain, pl.Box):
        points = points[domain.contains(points)]
    truth = case.exact(**{n: points[:, i].numpy() for i, n in enumerate(domain.coordinates)})
    found = values(points).detach().numpy()
    sizes, variations = [], []
    for j, u in enumerate(case.problem.unknowns):
        gap = float(np.linalg.norm(found[:, j] - truth[u]))
        sizes.append(gap / float(np.linalg.norm(truth[u])))
        variations.append(gap / float(np.linalg.norm(truth[u] - truth[u].mean())))
    worst = [math.inf if any(map(math.isnan, each)) else max(each) for each in (sizes, variations)]
    return {"of_size": worst[0], "of_variation": worst[1]}


# -- what counts as a lie ------------------------------------------------------------------------------------------------


def lies(record: dict[str, Any]) -> list[str]:
    """What is not true in a record; empty for an honest one."""
    said, error = record["said"], _error(record)
    found = []
    if said == "error":
        found.append("raised something that is neither ValueError nor TypeError")
    # a free constant that is fixed, and said to be, leaves one answer
    if record["answer"] != "one" and not (record["answer"] == "up to a constant" and record.get("pinned")):
        found += [f"{word}, without an answer to be near to" for word in _praise(record)]
    if error is None:
        return found
    if error > TOLERANCE:
        found += [f"{word} at more than 1 %" for word in _praise(record)]
    elif said == "good" and (_estimated(record) or 0.0) > 10 * max(record["upper"], ROUNDING):
        found.append("good at ten times the estimate")
    if said == "wrong" and error < RIGHT:
        found.append("wrong below 1e-4")
    return found


def _error(record: dict[str, Any]) -> float | None:
    """The error that counts: next to the variation; the classical solver speaks of the size."""
    return record.get("of_size" if record["solver"] == "classical" else "of_variation")


def _estimated(record: dict[str, Any]) -> float | None:
    """The true error in the estimate's own unit."""
    return record.get("of_size" if record.get("unit", "size") == "size" else "of_variation")


def _praise(record: dict[str, Any]) -> list[str]:
    return [word for word in ("good", "converged") if word in (record["said"], record.get("status"))]


def timid(record: dict[str, Any]) -> bool:
    """Doubtful on a box though right to 1e-4."""
    error = _error(record)
    return record["said"] == "doubtful" and record["box"] and error is not None and error < RIGHT


def near(record: dict[str, Any]) -> bool | None:
    """Whether an estimate is within a factor of three of the truth, or says a bound that holds; None without one."""
    estimate, error = record.get("estimate"), _estimated(record)
    if estimate is None or error is None or not math.isfinite(error):
        return None
    if not record["certain"] or max(estimate, error) < ROUNDING:
        return error <= 3 * max(record["upper"], ROUNDING)
    return estimate / 3 <= error <= 3 * estimate
