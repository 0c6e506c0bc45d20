"""What ``pl.solve(problem)`` picks, against what else it could have picked, at equal time.

    python docs/benchmarks/choice.py [--only NAME ...] [--kinds CANDIDATE ...] [--again CANDIDATE ...] [--minutes 5]

Every row is one problem of ``pinnlab list`` (of a family a member drawn with seed 0) and every candidate one untuned call of
at most 12 s on one thread; "recipe" is the tuned solver of the problem's own file. Errors are relative L2 over a grid of
the whole domain without the first time, the largest over the unknowns, infinite where a march did not reach the end. Two
errors below a problem's floor count as equal: the floor is 1e-8, or the error of the reference where that is larger; so do
errors above 1, which zero has too. Of a family, errors are medians over five unseen members. Runs that choice.json holds
are not repeated; ``--again`` repeats those of a candidate, ``--minutes`` ends before the first run that could end later.
A pick that is a candidate's very run is not run again. Writes choice.json, choice.md and choice.png.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch

import pinnlab as pl
from pinnlab.declaration.library import problem_module, problem_names
from pinnlab.declaration.relative_error import error_grid, evaluate, relative_l2
from pinnlab.machine.threads import limited_threads
from pinnlab.solvers.choice import choose, windows_for
from pinnlab.training.plans import Settings

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

SECONDS = 12.0
NEAR = 2.0
FLOOR = 1e-8
FLOORS = {
    "allen_cahn": 1e-7, "burgers_inverse": 1e-4, "diffusion_sorption": 1e-6, "gray_scott": 5e-6,
    "lid_cavity": 2e-6, "navier_stokes": 2e-5,
}  # fmt: skip
"""Errors of references (for the inverse problem, what the noise allows) where they exceed 1e-8, from their docstrings."""
COMPARED = {"navier_stokes": 1}
"""Of how many unknowns errors are taken, where not of all: a stream function is known up to a constant."""
FAMILIES = ("reaction", "diffusion_sorption")
MEMBERS = 5
TARGETS = Path("runs/choice_targets")
"""Reference values at the grid's points: some take a minute, and are kept outside of the repository."""


# -- problems and candidates ---------------------------------------------------------------------------------------------


def member(name: str, seed: int = 0) -> pl.Problem:
    """A shipped problem; of a family a member."""
    problem = pl.load_problem(name)
    return problem.sample(np.random.default_rng(seed)) if problem.families else problem


def candidates(name: str) -> dict[str, pl.Solver | None]:
    """What is tried on one instance; None is the pick of ``pl.solve``."""
    problem = member(name)
    found: dict[str, Any] = {}
    if len(problem.domain.space) <= 3 and not problem.unknown_parameters:
        found["experts, tanh"] = pl.HardConstraintMoE(features="tanh")
        found["experts, polynomials"] = pl.HardConstraintMoE()
    found["PINN"] = pl.PINN()
    if problem.domain.has_time:
        count = min(4, windows_for(problem, math.inf))
        label = "causal" if count == 1 else "causal, windows"
        found[label] = pl.CausalPINN(windows=count)
    if problem.velocity is not None:
        found["characteristics"] = pl.LagrangianPINN()
    recipe = problem_module(name).recipe()
    if repr(recipe) not in map(repr, found.values()) and not pl.load_problem(name).families:
        found["recipe"] = recipe
    return {**found, "pick": None}


def family_candidates(name: str) -> dict[str, pl.Solver | None]:
    """What is tried on a whole family."""
    found: dict[str, pl.Solver | None] = {
        "pick": None,
        "trained experts": pl.HardConstraintMoE(),
        "one constraint": pl.HardConstraintMoE(constraint="global"),
        "no constraint": pl.HardConstraintMoE(constraint="soft"),
    }
    recipe = problem_module(name).recipe()
    if repr(recipe) != repr(pl.HardConstraintMoE()):
        found["recipe"] = recipe
    return found


# -- errors --------------------------------------------------------------------------------------------------------------


def points_of(problem: pl.Problem) -> torch.Tensor:
    """The grid of the whole domain, (n, d), without the first time: a state may jump there at the boundary."""
    points = error_grid(problem.domain)
    if problem.domain.has_time:
        points = points[points[:, problem.domain.coordinates.index("t")] > problem.domain.bounds["t"][0]]
    return points


def target(name: str, seed: int = 0) -> torch.Tensor:
    """The reference at the grid's points, (n, m)."""
    path = TARGETS / f"{name}_{seed}.npy"
    if path.exists():
        return torch.from_numpy(np.load(path))
    problem = member(name, seed)
    reference = problem.reference
    if isinstance(reference, pl.ClassicalReference):
        options = {"resolution": 2048} if name == "diffusion_sorption" else {"tolerance": 1e-9, "max_seconds": 600}
        reference = pl.reference_solution(problem.replace(reference=None), **options)
    values = evaluate(reference, problem, points_of(problem))
    TARGETS.mkdir(parents=True, exist_ok=True)
    np.save(path, values.numpy())
    return values


def error_of(function: Callable[[torch.Tensor], torch.Tensor], name: str, seed: int = 0) -> float:
    """Relative L2, the largest over the unknowns; infinite where it is not a number somewhere."""
    errors = relative_l2(function(points_of(member(name, seed))), target(name, seed))
    error = float(errors[: COMPARED.get(name)].max())
    return error if math.isfinite(error) else math.inf


def run(name: str, solver: pl.Solver | None, family: bool) -> dict[str, Any]:
    problem = pl.load_problem(name) if family else member(name)
    began = time.perf_counter()
    try:
        solution = pl.solve(problem.replace(reference=None), solver, max_seconds=SECONDS, progress=False)
    except (ValueError, TypeError) as error:
        return {
            "error": math.inf,
            "seconds": time.perf_counter() - began,
            "status": "ERROR",
            "notes": [str(error)[:300]],
        }
    whole = time.perf_counter() - began
    if family:
        errors = [error_of(solution.at(**given(name, seed)).function, name, seed) for seed in range(1, MEMBERS + 1)]
        error = statistics.median(errors)
    else:
        error = error_of(solution.function, name)
    return {
        "error": error, "seconds": solution.seconds, "with_set_up": whole, "status": solution.status.name,
        "solver": brief(solution.solver), "notes": list(solution.notes), "date": time.strftime("%Y-%m-%d"),
    }  # fmt: skip


def given(name: str, seed: int) -> dict[str, Any]:
    return pl.load_problem(name).sample_parameters(np.random.default_rng(seed))


def brief(solver: Any) -> str:
    """The solver with the arguments that the tables tell apart."""
    shown = [f"features={solver.features!r}"] if getattr(solver, "features", "chebyshev") != "chebyshev" else []
    if getattr(solver, "tolerance", 1e-7) != 1e-7:
        shown.append(f"tolerance={solver.tolerance:g}")
    if getattr(solver, "windows", 1) != 1:
        shown.append(f"windows={solver.windows}")
    return f"{type(solver).__name__}({', '.join(shown)})"


# -- the run -------------------------------------------------------------------------------------------------------------


def jobs(only: list[str]) -> Iterator[tuple[str, str, bool, pl.Solver | None]]:
    """(problem, candidate, whether as a family, solver), the quick ones of each problem first."""
    for name in only or FAMILIES:
        if name in FAMILIES:
            for label, solver in family_candidates(name).items():
                yield name, label, True, solver
    for name in only or problem_names():
        for label, solver in candidates(name).items():
            yield name, label, False, solver


def measure(
    data: dict[str, Any], only: list[str], kinds: list[str], again: list[str], minutes: float, save: Callable[[], None]
) -> None:
    """Run what is missing until the time is up."""
    began = time.perf_counter()
    for name, label, family, solver in jobs(only):
        row = data["rows"].setdefault(f"{name}, family" if family else name, {})
        if (label in row and label not in again) or (kinds and label not in (*kinds, "pick")):
            continue
        if solver is None and (same := already_run(name, family, row)):
            row[label] = row[same] | {"same_run_as": same}
            save()
            continue
        if time.perf_counter() - began > 60 * minutes - SECONDS:
            print("time is up; run again for the rest")
            return
        row[label] = run(name, solver, family)
        save()
        print(name, label, row[label]["status"], f"{row[label]['error']:.1e} {row[label]['seconds']:.1f} s", flush=True)


def already_run(name: str, family: bool, row: dict[str, Any]) -> str | None:
    """The candidate that is the pick, and ended before a pick would have been watched: the same run, to the last digit."""
    if family:
        return None
    first = choose(member(name), Settings(torch.device("cpu"), torch.float64, 0), SECONDS)
    if first.certain:
        return None
    for label, solver in candidates(name).items():
        found = row.get(label)
        if found and repr(solver) == repr(first.solver) and found["status"] == "CONVERGED":
            return label if found["seconds"] < SECONDS / 2 else None
    return None


# -- the report ----------------------------------------------------------------------------------------------------------

KINDS = (
    "experts, tanh", "experts, polynomials", "PINN", "causal", "causal, windows", "characteristics", "recipe",
    "trained experts", "one constraint", "no constraint",
)  # fmt: skip


def floor_of(row: str) -> float:
    return FLOORS.get(row.split(",")[0], FLOOR)


def ratio(name: str, row: dict[str, Any]) -> float:
    """The pick's error over the best candidate's, both at least the floor and at most 1."""
    within = {label: min(1.0, max(found["error"], floor_of(name))) for label, found in row.items()}
    return within["pick"] / min(within.values())


def markdown(data: dict[str, Any]) -> str:
    rows = data["rows"]
    ratios = {name: ratio(name, row) for name, row in rows.items()}
    near = sum(r <= NEAR for r in ratios.values())
    lines = [
        f"`{data['command']}` on {data['machine']}, one core, {data['date']}; at most {SECONDS:g} s each, one seed.", "",
        f"**The pick is within a factor of {NEAR:g} of the best candidate on {near} of {len(ratios)} rows.** Errors below "
        f"{FLOOR:g}, or the reference's own error where that is larger (the floor), count as equal, and so do errors "
        "above 1.", "",
        "| problem | the pick | error | s | best other candidate | its error | factor | floor |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, row in rows.items():
        others = {label: found for label, found in row.items() if label in KINDS}
        best = min(others, key=lambda label: others[label]["error"]) if others else "-"
        pick, error = row["pick"], number(others[best]["error"]) if others else "-"
        lines.append(
            f"| {name} | `{pick.get('solver', '-')}` | {number(pick['error'])} | {pick['seconds']:.1f} | {best} | {error} | "
            f"{ratios[name]:.2g} | {floor_of(name):g} |"
        )
    lines += ["", "All candidates, with seconds in brackets where a solver ended early; - where a method does not apply or "
              "was not run, none where it found no solution of the whole:", "",
              "| problem | " + " | ".join(KINDS) + " |", "|" + "---|" * (1 + len(KINDS))]  # fmt: skip
    lines += [f"| {name} | " + " | ".join(cell(row.get(label)) for label in KINDS) + " |" for name, row in rows.items()]
    return "\n".join(lines) + "\n"


def number(error: float) -> str:
    return "none" if math.isinf(error) else f"{error:.1e}"


def cell(found: dict[str, Any] | None) -> str:
    if found is None:
        return "-"
    early = found["seconds"] < 0.95 * SECONDS and found["status"] != "ERROR"
    return number(found["error"]) + (f" ({found['seconds']:.1f})" if early else "")


def figure(data: dict[str, Any], path: Path) -> None:
    """Errors of all candidates per problem, the pick's marked."""
    rows = data["rows"]
    drawing, axis = plt.subplots(figsize=(9, 0.28 * len(rows) + 1.6), layout="constrained")
    names = list(rows)[::-1]
    colors = dict(zip(KINDS, plt.get_cmap("tab10").colors, strict=False))
    for height, name in enumerate(names):
        axis.plot([floor_of(name)] * 2, [height - 0.4, height + 0.4], color="gray", linewidth=1)
    for label in KINDS:
        at = [(max(rows[n][label]["error"], 1e-16), i) for i, n in enumerate(names) if label in rows[n]]
        shown = [(e, i) for e, i in at if math.isfinite(e)]
        if shown:
            axis.scatter(*zip(*shown, strict=True), color=colors[label], s=26, label=label, zorder=2)
    picks = [(max(rows[n]["pick"]["error"], 1e-16), i) for i, n in enumerate(names)]
    picks = [(e, i) for e, i in picks if math.isfinite(e)]
    axis.scatter(*zip(*picks, strict=True), s=110, facecolors="none", edgecolors="black", label="the pick", zorder=3)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set(
        xscale="log",
        xlabel=f"relative L2 error after at most {SECONDS:g} s; gray: floor",
        ylim=(-0.7, len(names) - 0.3),
    )
    axis.grid(alpha=0.3, axis="x")
    drawing.legend(loc="outside upper center", ncols=5, fontsize=8)
    drawing.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], help="problems; all of them if not given")
    parser.add_argument("--kinds", nargs="*", default=[], help="candidates besides the pick; all of them if not given")
    parser.add_argument("--again", nargs="*", default=[], help="candidates to run again, such as pick")
    parser.add_argument("--minutes", type=float, default=600.0, help="end before a run that could take longer")
    parser.add_argument("--targets", action="store_true", help="compute the references' values, and nothing else")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    path = arguments.out / "choice.json"
    data: dict[str, Any] = {"rows": {}}
    if path.exists():
        data = json.loads(path.read_text(encoding="utf-8"))
    data |= {
        "command": "python docs/benchmarks/choice.py",
        "machine": f"{platform.machine()}, torch {torch.__version__}, Python {platform.python_version()}",
        "date": time.strftime("%Y-%m-%d"),
    }

    def save() -> None:
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    if arguments.targets:
        for name in arguments.only or problem_names():
            for seed in range(MEMBERS + 1) if name in FAMILIES else (0,):
                target(name, seed)
                print(name, seed, flush=True)
        return
    with limited_threads(1):
        measure(data, arguments.only, arguments.kinds, arguments.again, arguments.minutes, save)
    data["rows"] = {name: row for name, row in sorted(data["rows"].items()) if row}
    save()
    if not all("pick" in row for row in data["rows"].values()):
        return
    (arguments.out / "choice.md").write_text(markdown(data), encoding="utf-8")
    figure(data, arguments.out / "choice.png")


if __name__ == "__main__":
    main()
