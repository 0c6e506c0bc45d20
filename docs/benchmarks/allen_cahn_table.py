"""The Allen-Cahn table of the causal paper, made again at equal time on one CPU core: which part of the method does what.

    python docs/benchmarks/allen_cahn_table.py [--seeds 0] [--seconds 120] [--only NAME ...] [--out docs/benchmarks]

Every variant is one call of ``pl.solve`` on ``problems/allen_cahn`` with the same training time, on one thread. All of them
build in the initial state, its kink and periodicity, except the first, which has them in the loss as the first
physics-informed networks did. The last is the problem's trained network; its runs by ``pinnlab bench`` (results.json: more
seeds, another day, another load of the machine) are a row of their own. An interrupted script goes on where it was: runs
that the file has are not repeated. Writes allen_cahn_table.json (a results file of ``pinnlab bench``), allen_cahn_table.md
and allen_cahn_table.png.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

import pinnlab as pl
import pinnlab.problems.allen_cahn as allen_cahn
from pinnlab.bench import Results, Run, Schedule, bench, figure, provenance
from pinnlab.bench.cases import Case
from pinnlab.declaration.problem import Problem
from pinnlab.pictures.panels import save
from pinnlab.training.plans import Solver

HERE = Path(__file__).parent
LABEL = "allen_cahn"
SOFT = "PINN, soft conditions, Adam"
STEPS = 10**7
# first-order methods: few points drawn anew at every step, so that they take as many steps as the time allows
FEW = {"harmonics": 5, "points": 1000}


def gates() -> pl.ModifiedMLP:
    return pl.ModifiedMLP(width=20, depth=3)


# the networks have three hidden layers of 20 neurons, as the recipe's has
SOLVERS: dict[str, Callable[[], Solver]] = {
    SOFT: lambda: pl.PINN(points=1000, boundary_points=250, stages=pl.Adam(steps=STEPS)),
    "PINN, Adam": lambda: pl.PINN(**FEW, stages=pl.Adam(steps=STEPS)),
    "causal MLP, Adam": lambda: pl.CausalPINN(**FEW, stages=pl.Adam(steps=STEPS)),
    "causal modified MLP, Adam": lambda: pl.CausalPINN(**FEW, network=gates(), stages=pl.Adam(steps=STEPS)),
    "causal modified MLP, SOAP": lambda: pl.CausalPINN(**FEW, network=gates(), stages=pl.SOAP(steps=STEPS)),
    "PINN, Levenberg-Marquardt": lambda: pl.PINN(harmonics=3, stages=pl.LevenbergMarquardt(steps=STEPS)),
    "causal MLP, Levenberg-Marquardt (the recipe)": allen_cahn.trained,
}
# relative L2 errors as the authors state them; see the docstring of problems/allen_cahn.py
PUBLISHED = (
    ("plain PINN (Raissi et al.)", 4.98e-1, "-"),
    ("adaptive time sampling (Wight and Zhao)", 2.33e-2, "-"),
    ("self-attention (McClenny and Braga-Neto)", 2.10e-2, "-"),
    ("time marching (Mattey and Ghosh)", 1.68e-2, "-"),
    ("causal, MLP", 1.43e-3, "300,000 steps of Adam on 25,600 points, 4 layers of 128, about 42 min on an A6000"),
    ("causal, modified MLP", 1.39e-4, "the same, about 86 min on an A6000"),
)
TIMES = (30.0, 60.0, 120.0)


@cache
def known() -> Problem:
    """The problem, made once: its reference takes a quarter of a minute."""
    return allen_cahn.problem()


@dataclass(frozen=True)
class Variant(Case):
    """The case with one of the solvers above."""

    kind: str = ""

    def solver(self, kind: str) -> Solver:
        return SOLVERS[kind]()

    def problem(self) -> Problem:
        found = known()
        if self.kind != SOFT:
            return found
        given, periodic = found.conditions
        soft = [pl.Initial(**given.values, exact=False), pl.Periodic(on=periodic.on, exact=False)]
        return found.replace(conditions=soft)


def steps(run: Run) -> int:
    """Optimizer steps of a run, to the interval between its records."""
    solver = allen_cahn.trained() if run.solver == "trained" else SOLVERS[run.solver]()
    return solver.stages[0].check_every * len(run.curve["seconds"])


def cells(name: str, runs: list[Run], times: list[float]) -> str:
    """A row of the table: medians over the seeds."""
    middles = [np.median([run.error_at(t) for run in runs]) for t in times]
    errors = [f"{middle:.1e}" if np.isfinite(middle) else "-" for middle in middles]
    final = sorted(run.error for run in runs)
    spread = f" [{final[0]:.1e}, {final[-1]:.1e}]" if len(runs) > 1 else ""
    ends = [f"{np.median(final):.1e}{spread}", f"{np.median([run.seconds for run in runs]):.0f}"]
    return "| " + " | ".join([name, *errors, *ends, f"{np.median(list(map(steps, runs))):.0f}", str(len(runs))]) + " |"


def markdown(results: Results, benched: list[Run]) -> str:
    """Our rows at equal time, then the published ones."""
    where = results.machine
    end = max(run.max_seconds for run in results.runs)
    times = [t for t in TIMES if t <= end]
    head = ["here, one CPU core", *(f"at {t:g} s" for t in times), "at the end", "s", "steps, about", "seeds"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    kinds = {name: [run for run in results.runs if run.solver == name] for name in SOLVERS}
    kinds["the recipe by `pinnlab bench`"] = benched
    lines += [cells(name, runs, times) for name, runs in kinds.items() if runs]
    row = next(row for row in results.baselines if row.problem == LABEL)
    lines += [
        f"| classical: {row.method} |"
        + " |" * len(times)
        + f" {row.estimate:.1e} (its estimate) | {row.seconds:.0f} | | |"
    ]
    lines += ["", "| published, on GPUs | relative L2 error | cost, where stated |", "|---|---|---|"]
    lines += [f"| {name} | {error:.2e} | {cost} |" for name, error, cost in PUBLISHED]
    lines += [
        "",
        f"`{where['command']}`; {where['cpu']}, one thread, torch {where['versions']['torch']}, {where['date'][:10]}. "
        "Medians over seeds. The machine did other work beside, during some runs more than during others, so look at the "
        "steps too.",
        "",
    ]
    return "\n".join(lines)


def picture(results: Results, path: Path) -> None:
    """Error against time and against steps, of the variants with conditions built in; published errors as lines."""
    shown = sorted((r for r in results.runs if r.solver != SOFT), key=lambda run: list(SOLVERS).index(run.solver))
    by_steps = []
    for run in shown:
        scale = steps(run) / len(run.curve["seconds"])
        curve = {**run.curve, "seconds": [scale * (k + 1) for k in range(len(run.curve["seconds"]))]}
        by_steps.append(replace(run, problem="by steps", seconds=float(steps(run)), curve=curve))
    drawn = figure(Results(results.machine, (*shown, *by_steps), results.baselines))
    drawn.set_size_inches(11.5, 4.4)
    for axes, title in zip(drawn.axes, ("Allen-Cahn, one CPU core", "the same runs by steps"), strict=True):
        axes.set_title(title, fontsize=10)
        for (name, error, _), style in zip(PUBLISHED[:1] + PUBLISHED[-2:], (":", "--", "-."), strict=True):
            axes.axhline(error, color="0.4", lw=1.0, ls=style, label=f"published: {name}")
    first, second = drawn.axes
    first.legend().remove()
    second.set_xlabel("optimizer steps")
    second.legend(
        *first.get_legend_handles_labels(), frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    save(drawn, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0", help="such as 0,1,2")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--only", nargs="*", choices=list(SOLVERS), default=list(SOLVERS))
    parser.add_argument("--out", type=Path, default=HERE)
    arguments = parser.parse_args()
    path = arguments.out / "allen_cahn_table.json"
    others = HERE / "results.json"
    command = f"python docs/benchmarks/allen_cahn_table.py --seeds {arguments.seeds} --seconds {arguments.seconds:g}"
    results = Results.read(path) if path.exists() else Results(provenance(command))
    bench_runs = Results.read(others).runs if others.exists() else ()
    benched = [run for run in bench_runs if run.problem == LABEL and run.solver == "trained"]
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    for kind in arguments.only:
        schedule = Schedule([Variant(LABEL, allen_cahn, kind=kind)], (kind,), seeds, arguments.seconds)
        results, complete = bench(schedule, results, lambda found: found.write(path))
        if not complete:
            return
    if results.runs:
        (arguments.out / "allen_cahn_table.md").write_text(markdown(results, benched), encoding="utf-8")
        picture(results, arguments.out / "allen_cahn_table.png")


if __name__ == "__main__":
    main()
