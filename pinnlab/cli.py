"""The command line: ``pinnlab list``, ``new``, ``run``, ``compare``, ``bench``, ``reproduce``.

Wherever a command takes the name of a problem it takes the path of a Python file with ``problem()`` and, optionally,
``recipe()`` and ``BUDGET``. Exit codes: 0 all went well, 1 a run that did not end as planned, 2 a request that cannot
work.

Under ``torchrun`` every process runs the command; the leading one prints and writes files. ``bench`` gives each process
runs of its own.
"""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import reduce
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

import click
import torch

from pinnlab.api import solve
from pinnlab.bench import FAILED, Results, Schedule, markdown, provenance, write_all
from pinnlab.bench import bench as run_bench
from pinnlab.bench.cases import SOLVERS, Case, CaseError, load_case, parse_options, parse_seeds, shipped_cases
from pinnlab.bench.papers.command import command as reproduce
from pinnlab.bench.peers import PEERS
from pinnlab.bench.template import write_template
from pinnlab.declaration.library import collections, problem_names
from pinnlab.declaration.relative_error import compute_reference
from pinnlab.machine import distributed
from pinnlab.machine.processes import LostProcessError
from pinnlab.pictures.panels import save as save_figure
from pinnlab.solution.comparison import Comparison
from pinnlab.solution.solution import Solution

DTYPES = {"float64": torch.float64, "float32": torch.float32}
UNPLANNED, UNUSABLE = 1, 2
_PATIENCE = 3.0


def _shared(*options: Callable) -> Callable:
    """One decorator made of several."""
    return lambda command: reduce(lambda inner, option: option(inner), reversed(options), command)


_seconds = click.option(
    "--max-seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Training time at most.  [default: the problem's BUDGET; 60 without one]",
)
_option = click.option("-p", "options", multiple=True, metavar="NAME=VALUE", help="Argument of problem(); repeatable.")
_machine = _shared(
    click.option("--dtype", type=click.Choice(sorted(DTYPES)), default="float64", show_default=True),
    click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, ..."),
)
_training = _shared(
    click.option("--solver", type=click.Choice(SOLVERS), help="[default: recipe where the problem has one, else auto]"),
    _seconds,
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True),
    _machine,
    click.option("--checkpoint", type=click.Path(dir_okay=False), help="Written regularly; resumed from if it exists."),
    click.option("--no-progress", is_flag=True, help="No progress bar."),
    _option,
)


class _OneSpeaks(click.Group):
    """Commands of which only the leading process is heard; what ends a process with a traceback is heard from each."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        if distributed.leads():
            return super().main(*args, **kwargs)
        try:
            with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
                return super().main(*args, **kwargs)
        except SystemExit as end:
            if end.code == UNUSABLE:
                # the launcher ends all processes with the first, and the leading one has something to say
                time.sleep(_PATIENCE)
            raise


@click.group(cls=_OneSpeaks, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pinnlab")
def main() -> None:
    """Physics-informed neural solvers of differential equations, next to a classical one."""


@main.command("list")
@click.argument("collection", required=False)
def list_(collection: str | None) -> None:
    """List the problems that come with the package, or those of a COLLECTION such as pinnacle."""
    try:
        cases = shipped_cases(collection)
    except CaseError as error:
        _fail(str(error))
    width = max((len(case.name) for case in cases), default=0)
    for case in cases:
        click.echo(f"{case.name.ljust(width)}  {case.description}")
        click.echo(f"{' ' * width}  budget {case.budget:g} s; published: {case.published or '-'}")
    if collection is None:
        for name in collections():
            click.echo(f"\n{len(problem_names(name))} more: pinnlab list {name}")


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def new(file: Path) -> None:
    """Write a commented problem FILE to start from; `pinnlab run FILE` works at once."""
    try:
        write_template(file)
    except (ValueError, OSError) as error:
        _fail(str(error))
    click.echo(f"wrote {file}; next: pinnlab run {file}")


@main.command()
@click.argument("name_or_file")
@_training
@click.option("--out", type=click.Path(file_okay=False), default="runs", show_default=True, help="Folder for files.")
def run(name_or_file: str, out: str, **settings: Any) -> None:
    """Train, compare with the classical solver, write a figure and the solution.

    NAME_OR_FILE is a problem of `pinnlab list`, or a Python file with problem().
    """
    case = _case(name_or_file, settings["options"])
    solution = _train(case, settings)
    _rest_is_for_the_first(solution)
    _report(case, solution)
    stem = Path(out) / case.file_name
    comparison = _compare(solution)
    if not solution.problem.families:
        click.echo(f"verdict: {solution.report(comparison).sentence}")
    figures = _figures(solution, comparison, stem)
    saved = _save(solution, stem.with_name(stem.name + ".pt"))
    click.echo()
    for path in [*figures, *saved]:
        click.echo(f"wrote {path}")
    sys.exit(0 if solution.status.ok else UNPLANNED)


@main.command()
@click.argument("target", metavar="NAME_OR_FILE|SAVED.pt")
@_training
@click.option("--problem", "problem", metavar="NAME_OR_FILE", help="The problem that a saved solution solves.")
@click.option("--resolution", type=click.IntRange(min=8), help="Nodes per axis of the classical solver.")
@click.option("--out", type=click.Path(file_okay=False), help="Folder for a figure.  [default: none is drawn]")
def compare(target: str, problem: str | None, resolution: int | None, out: str | None, **settings: Any) -> None:
    """Put a network's solution next to the classical one: errors and times.

    Trains first, or takes a solution that `pinnlab run` has saved.
    """
    if Path(target).suffix != ".py" and Path(target).is_file():
        case, solution = _load(target, problem, settings["options"])
    else:
        if problem is not None:
            _fail(f"--problem goes with a saved solution, but {target!r} is no file of one.")
        case = _case(target, settings["options"])
        solution = _train(case, settings)
    _rest_is_for_the_first(solution)
    _report(case, solution)
    comparison = _compare(solution, resolution)
    if out is not None and comparison is not None:
        path = Path(out) / f"{case.file_name}_comparison.png"
        save_figure(comparison.plot(), path)
        click.echo(f"\nwrote {path}")
    sys.exit(0 if solution.status.ok and comparison is not None else UNPLANNED)


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME_OR_FILE|COLLECTION]...")
@click.option(
    "--solver", "solvers", type=click.Choice((*SOLVERS, *PEERS)), multiple=True, help="Repeat it to compare several."
)
@click.option("--seeds", default="0,1,2", show_default=True, help="Whole numbers, separated by commas.")
@_seconds
@_machine
@_option
@click.option("--out", type=click.Path(file_okay=False), default="runs/bench", show_default=True)
@click.option("--resume", is_flag=True, help="Keep the runs that the folder has already.")
@click.option("--progress", is_flag=True, help="Show a progress bar for each run.")
def bench(
    names: tuple[str, ...],
    solvers: tuple[str, ...],
    seeds: str,
    max_seconds: float | None,
    dtype: str,
    device: str,
    options: tuple[str, ...],
    out: str,
    resume: bool,
    progress: bool,
) -> None:
    """Run problems with solvers and seeds; write a table, error-against-time curves and all numbers.

    Without names, all problems of `pinnlab list`; `pinnacle` stands for all of its collection. The folder gets results.json,
    results.md and results.png after every run, so an interrupted bench loses one run at most. Under torchrun as many runs
    as processes go side by side; give each a core of its own, or times mean little.
    """
    chosen = [
        one for name in names or problem_names() for one in (problem_names(name) if name in collections() else [name])
    ]
    cases = [_case(name, options) for name in chosen]
    try:
        numbers = parse_seeds(seeds)
    except CaseError as error:
        _fail(str(error))
    schedule = Schedule(cases, solvers or (None,), numbers, max_seconds, DTYPES[dtype], device)
    folder = Path(out)
    results = Results(provenance(shlex.join(["pinnlab", *sys.argv[1:]]), device))
    processes = distributed.find()
    if processes.first((folder / "results.json").exists()):
        if not resume:
            _fail(f"{folder / 'results.json'} exists; --resume goes on with it, --out writes elsewhere.")
        results = _known(folder / "results.json", results)

    def write(found: Results) -> None:
        if processes.leads:
            write_all(found, folder)

    try:
        results, complete = run_bench(schedule, results, write, click.echo, progress, processes)
    except CaseError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        results, complete = _known(folder / "results.json", results), False
    if not processes.leads:
        sys.exit(_bench_code(results, complete))
    click.echo("\n" + markdown(results))
    for path in write_all(results, folder):
        click.echo(f"wrote {path}")
    if not complete:
        click.echo("interrupted; --resume goes on", err=True)
    sys.exit(_bench_code(results, complete))


main.add_command(reproduce)


# -- steps -------------------------------------------------------------------------------------------------------------


def _fail(message: str) -> NoReturn:
    """End with the exit code of a request that cannot work."""
    raise click.UsageError(message)


def _case(name_or_file: str, options: Sequence[str]) -> Case:
    try:
        return load_case(name_or_file, parse_options(options))
    except CaseError as error:
        _fail(str(error))


def _bench_code(results: Results, complete: bool) -> int:
    return 0 if complete and not any(r.status == FAILED for r in results.runs) else UNPLANNED


def _rest_is_for_the_first(solution: Solution) -> None:
    """End the processes that have nothing to print or to write."""
    if not distributed.leads():
        sys.exit(0 if solution.status.ok else UNPLANNED)


def _train(case: Case, settings: dict[str, Any]) -> Solution:
    """Solve a case; whatever ``solve`` refuses before training is a usage error."""
    try:
        problem = case.problem()
        if distributed.leads():
            compute_reference(problem)
        return solve(
            problem,
            case.solver(settings["solver"] or case.default_solver),
            max_seconds=settings["max_seconds"] or case.budget,
            seed=settings["seed"],
            dtype=DTYPES[settings["dtype"]],
            device=_device(settings["device"]),
            checkpoint=settings["checkpoint"],
            progress=not settings["no_progress"],
        )
    except CaseError as error:
        _fail(str(error))
    except (TypeError, ValueError) as error:
        raise _Refused(f"{case.label}: {error}") from error
    except LostProcessError as error:
        # the leading process may be the lost one, so everybody says it
        print(f"Error: {error}", file=sys.__stderr__)
        sys.exit(UNPLANNED)


class _Refused(click.ClickException):
    """A problem or a configuration that cannot work; the cause is kept for those who debug."""

    exit_code = UNUSABLE

    def show(self, file: Any = None) -> None:
        """Print it, and from each process that refuses: the others may see no reason."""
        super().show(file if distributed.leads() else sys.__stderr__)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros((), device=device)
    except (RuntimeError, AssertionError) as error:
        _fail(f"--device {name}: not usable here ({str(error).splitlines()[0]}).")
    return device


def _load(path: str, problem: str | None, options: Sequence[str]) -> tuple[Case, Solution]:
    """A saved solution with its problem: the one named, else the shipped one whose name the file has."""
    try:
        name = Solution.load(path).problem.name
        shipped = re.sub(r"\W+", "_", name).lower()
        if problem is None and shipped not in problem_names():
            _fail(f"{path} solves {name!r}, which is no shipped problem; say --problem FILE.py.")
        case = _case(problem or shipped, options)
        return case, Solution.load(path, case.problem())
    except ValueError as error:
        raise _Refused(str(error)) from error


def _report(case: Case, solution: Solution) -> None:
    solver = "" if solution.solver is None else f" by {type(solution.solver).__name__}"
    click.echo(f"{case.label}{solver}, {solution.seconds:.1f} s")
    click.echo(f"status: {solution.status}")
    for note in solution.notes:
        click.echo(f"note: {note}")
    if solution.problem.reference is not None:
        found = ", ".join(f"{unknown} {error:.2e}" for unknown, error in solution.error().items())
        click.echo(f"error: {found} (relative L2 against the problem's reference)")
    for name, value in solution.coefficients.items():
        told = f"{name}({', '.join(value.on)}), a function" if callable(value) else f"{name} = {value:.6g}"
        click.echo(f"found: {told}")


def _compare(solution: Solution, resolution: int | None = None) -> Comparison | None:
    """The comparison, printed; None, with the reason printed, where there is no classical solution."""
    click.echo()
    try:
        comparison = solution.compare(resolution)
    except (ValueError, NotImplementedError) as error:
        click.echo(f"no classical solution to compare with: {error}")
        return None
    click.echo(str(comparison))
    return comparison


def _figures(solution: Solution, comparison: Comparison | None, stem: Path) -> list[Path]:
    """The comparison as STEM.png and the training as STEM_training.png; the latter takes the first name if alone."""
    first, second = (stem.with_name(stem.name + ending) for ending in (".png", "_training.png"))
    if comparison is None:
        solution.plot(first)
        return [first]
    save_figure(comparison.plot(), first)
    solution.plot(second)
    return [first, second]


def _save(solution: Solution, path: Path) -> list[Path]:
    try:
        solution.save(path)
    except TypeError as error:
        click.echo(f"the solution is not saved: {error}", err=True)
        return []
    return [path]


def _known(path: Path, fresh: Results) -> Results:
    """What a results file knows, on today's machine."""
    if not path.exists():
        return fresh
    try:
        old = Results.read(path)
    except ValueError as error:
        _fail(str(error))
    return Results(fresh.machine, old.runs, old.baselines)
