"""Whether budgets hold: every problem with every solver that takes it, and reports and comparisons, timed around the call.

    python docs/benchmarks/budgets.py [--quick] [--only burgers kdv] [--solvers choice PINN] [--seconds 5 20]
        [--processor] [--out FILE]

Each call runs in a process of its own, on one thread. A call overruns where its wall time is over 1.1 times the budget and
two seconds; on a machine that is busy with other things the processor's time, which is recorded as well, tells who is to
blame, and with --processor budgets are in it. Prints a row for each call and the overruns, and writes all rows as JSON with
--out.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pinnlab as pl
from pinnlab.bench.provenance import provenance
from pinnlab.declaration.library import load_problem, problem_names
from pinnlab.declaration.problem import Problem
from pinnlab.training.plans import Solver

QUICK = ("burgers", "lid_cavity", "heat_family")
SECONDS = (5.0, 20.0)
MOST_BYTES = 4e9
PATIENCE = 6.0
"""Budgets after which a call is killed, besides two minutes."""


def elasticity() -> Problem:
    """A plate that hangs from its left side, with its stresses as unknowns: five equations of first order."""
    lam, mu = 110.0, 80.0

    def equations(u: Any, v: Any, sx: Any, sy: Any, s: Any) -> dict[str, Any]:
        return {
            "x": sx.x + s.y + 1.0,
            "y": s.x + sy.y + 1.0,
            "sx": (sx - (lam + 2 * mu) * u.x - lam * v.y) / lam,
            "sy": (sy - (lam + 2 * mu) * v.y - lam * u.x) / lam,
            "s": (s - mu * (u.y + v.x)) / lam,
        }

    free = [pl.Dirichlet(sx=0.0, s=0.0, on="x+"), pl.Dirichlet(sy=0.0, s=0.0, on="y")]
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
    return pl.Problem(
        box, ("u", "v", "sx", "sy", "s"), equations, [pl.Dirichlet(u=0.0, v=0.0, on="x-"), *free], name="elasticity"
    )


def plane_heat() -> Problem:
    """A cold plate with one hot side: initial and boundary values contradict each other."""

    def equation(u: Any) -> Any:
        return u.t - u.xx - u.yy

    box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0))
    sides = [pl.Dirichlet(u=0.0, on=side) for side in ("x+", "y-", "y+")]
    return pl.Problem(box, "u", equation, [pl.Initial(u=0.0), pl.Dirichlet(u=1.0, on="x-"), *sides], name="plane_heat")


def poisson_5d() -> Problem:
    """Poisson's equation in five dimensions."""
    names = ("a", "b", "c", "e", "f")

    def equation(u: Any) -> Any:
        return u.laplacian + 1.0

    return pl.Problem(
        pl.Box(**dict.fromkeys(names, (0.0, 1.0))), "u", equation, [pl.Dirichlet(u=0.0)], name="poisson_5d"
    )


OWN: dict[str, Callable[[], Problem]] = {f.__name__: f for f in (elasticity, plane_heat, poisson_5d)}


def problem_of(name: str) -> Problem:
    return OWN[name]() if name in OWN else load_problem(name)


def solvers(problem: Problem) -> dict[str, Solver | None]:
    """{name: solver}; None is the choice of ``solve`` itself."""
    space = (problem.domain.space or problem.domain.coordinates)[0]
    lower, upper = problem.domain.bounds[space]
    found: dict[str, Solver | None] = {
        "choice": None,
        "PINN": pl.PINN(),
        "CausalPINN": pl.CausalPINN(),
        "LagrangianPINN": pl.LagrangianPINN(),
        "MultiDomainPINN": pl.MultiDomainPINN(subdomains={space: ((lower + upper) / 2,)}),
        "HardConstraintMoE": pl.HardConstraintMoE(),
        "HardConstraintMoE(network)": pl.HardConstraintMoE(network=pl.MLP(width=48, depth=3)),
    }
    return {name: s for name, s in found.items() if s is None or s.obstacle(problem) is None}


def timed(call: Callable[[], Any]) -> tuple[Any, dict[str, Any]]:
    """What a call returns, or the message with which it refuses; and its seconds of wall and processor time."""
    wall, cpu, message = time.perf_counter(), time.process_time(), ""
    try:
        found = call()
    except (ValueError, TypeError) as error:
        found, message = None, f"{type(error).__name__}: {error}"
    row = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "refused": message}
    row["bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return found, row


def work(name: str, solver: str, seconds: float, followed: bool, processor: bool) -> None:
    """One solve, and where it is wanted a report and a comparison of five seconds; a line of JSON for each."""
    warnings.simplefilter("ignore")
    if processor:
        time.perf_counter = time.monotonic = time.process_time
    resource.setrlimit(resource.RLIMIT_DATA, (int(3 * MOST_BYTES),) * 2)
    problem = problem_of(name)
    chosen = solvers(problem)[solver]
    solution, row = timed(lambda: pl.solve(problem, chosen, max_seconds=seconds, progress=False))
    told = {} if solution is None else {"told": solution.seconds, "status": solution.status.name}
    print(json.dumps({"call": "solve", "seconds": seconds, **row, **told}), flush=True)
    if solution is None or not followed:
        return
    calls = {"report": lambda: solution.report(max_seconds=5.0), "compare": lambda: solution.compare(max_seconds=5.0)}
    for label, call in calls.items():
        print(json.dumps({"call": label, "seconds": 5.0, **timed(call)[1]}), flush=True)


def run(name: str, solver: str, seconds: float, followed: bool, processor: bool) -> list[dict[str, Any]]:
    """The rows of one process."""
    command = [sys.executable, __file__, "--work", name, solver, str(seconds), str(int(followed)), str(int(processor))]
    patience = None if processor else PATIENCE * seconds + 120
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    killed = ""
    try:
        out, err = child.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        killed = "killed"
    rows = [{"problem": name, "solver": solver, **json.loads(line)} for line in out.splitlines()]
    if child.returncode != 0:
        why = killed or (err.strip().splitlines() or ["ended without a word"])[-1]
        rows.append({"problem": name, "solver": solver, "call": "ended", "seconds": seconds, "failed": why})
    return rows


def overran(row: dict[str, Any]) -> bool:
    """Whether a row breaks what is promised."""
    if "failed" in row:
        return True
    return row["wall"] > 1.1 * row["seconds"] + 2 or row["bytes"] > MOST_BYTES


def line(row: dict[str, Any]) -> str:
    head = f"| {row['problem']} | {row['solver']} | {row['call']} | {row['seconds']:g} "
    if "failed" in row:
        return f"{head}| {row['failed']} | | | | |"
    told = f"{row['told']:.1f}" if "told" in row else ""
    outcome = row.get("status", "") or row["refused"][:60]
    return f"{head}| {row['wall']:.1f} | {row['cpu']:.1f} | {told} | {row['bytes'] / 1e9:.2f} | {outcome} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three problems, five seconds")
    parser.add_argument("--only", nargs="+", default=None, help="problems")
    parser.add_argument("--solvers", nargs="+", default=None)
    parser.add_argument("--seconds", nargs="+", type=float, default=None)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        name, solver, seconds, followed, processor = given.work
        return work(name, solver, float(seconds), bool(int(followed)), bool(int(processor)))
    names = given.only or (QUICK if given.quick else (*problem_names(), *OWN))
    budgets = given.seconds or (SECONDS[:1] if given.quick else SECONDS)
    head = [
        "| problem | solver | call | budget, s | wall, s | processor, s | told, s | peak GB | outcome |",
        "| --- " * 9 + "|",
    ]
    print("\n".join(head), flush=True)
    rows, origin = [], provenance("python docs/benchmarks/budgets.py " + " ".join(sys.argv[1:]))
    for name in names:
        for solver in given.solvers or solvers(problem_of(name)):
            for seconds in budgets:
                for row in run(name, solver, seconds, seconds == budgets[0], given.processor):
                    rows.append(row)
                    print(line(row), flush=True)
                    if given.out is not None:
                        given.out.write_text(json.dumps({"provenance": origin, "rows": rows}, indent=1) + "\n")
    late = [row for row in rows if overran(row)]
    print(f"\n{len(rows)} calls, {len(late)} overruns" + (":" if late else ""))
    print("\n".join([*head, *map(line, late)] if late else []))


if __name__ == "__main__":
    main()
