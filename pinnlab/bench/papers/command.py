"""``pinnlab reproduce``: the tables of the four papers, made again."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pinnlab.bench.cases import CaseError, parse_seeds
from pinnlab.bench.papers.experiment import SIZES, Experiment
from pinnlab.bench.papers.library import PAPERS, experiments
from pinnlab.bench.papers.running import Order, reproduce

_HOUR = 3600.0


@click.command("reproduce")
@click.argument("paper", required=False)
@click.argument("experiment", required=False)
@click.option(
    "--size", type=click.Choice(SIZES), default="small", show_default=True, help="small: two cores; paper: a GPU."
)
@click.option("--seeds", default="0", show_default=True, help="Whole numbers, separated by commas.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, ...")
@click.option("--out", type=click.Path(file_okay=False), default="runs/papers", show_default=True)
@click.option("--resume", is_flag=True, help="Keep the rows that the folder has already.")
@click.option(
    "--piece",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Train a row for at most so long in this call; --resume goes on with it.",
)
@click.option("--progress", is_flag=True, help="Show a progress bar for each row.")
def command(
    paper: str | None,
    experiment: str | None,
    size: str,
    seeds: str,
    device: str,
    out: str,
    resume: bool,
    piece: float | None,
    progress: bool,
) -> None:
    """Make the tables of the four papers again, with their authors' settings or smaller ones.

    Without a PAPER, lists what there is and what it costs. With one, makes all of its experiments, or the EXPERIMENT named:
    what the paper publishes, what is made here, and ours, side by side. The folder gets a results file, a table and a figure
    after every row.
    """
    if paper is None:
        click.echo(listing())
        return
    chosen = _chosen(paper, experiment)
    try:
        order = Order(chosen, size, parse_seeds(seeds), device, Path(out), piece, progress)
    except CaseError as error:
        raise click.UsageError(str(error)) from error
    old = [order.path(e, ".json") for e in chosen if order.path(e, ".json").exists()]
    if old and not resume:
        raise click.UsageError(f"{old[0]} exists; --resume goes on with it, --out writes elsewhere.")
    try:
        complete = reproduce(order, click.echo)
    except KeyboardInterrupt:
        click.echo("interrupted; --resume goes on", err=True)
        sys.exit(1)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if not complete:
        click.echo("some rows are unfinished; --resume goes on with them")


def listing() -> str:
    """All experiments with their rows and the training time that they take at most."""
    lines = []
    for paper in PAPERS:
        lines.append(paper)
        for e in experiments(paper):
            small, large = e.seconds("small") / 60, e.seconds("paper") / _HOUR
            lines.append(
                f"  {e.name:20} {len(e.variants):2} rows, small {small:4.0f} min, paper {large:4.0f} h  {e.title}"
            )
    return "\n".join(lines)


def _chosen(paper: str, experiment: str | None) -> list[Experiment]:
    if paper not in PAPERS:
        raise click.UsageError(f"there is no paper {paper!r}; there are {', '.join(PAPERS)}.")
    found = [e for e in experiments(paper) if experiment in (None, e.name)]
    if not found:
        names = ", ".join(e.name for e in experiments(paper))
        raise click.UsageError(f"{paper} has no experiment {experiment!r}; it has {names}.")
    return found
