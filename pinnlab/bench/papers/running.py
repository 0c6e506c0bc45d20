"""Make the rows of experiments, one after the other; what was made is not made again."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pinnlab.bench.papers.experiment import Experiment, Measured, Setting, Variant
from pinnlab.bench.papers.pictures import figure
from pinnlab.bench.papers.table import Row, Table, in_words
from pinnlab.bench.provenance import provenance
from pinnlab.pictures.panels import save
from pinnlab.training.status import Status

UNFINISHED = (Status.BUDGET_REACHED.name, Status.INTERRUPTED.name)
"""How a training ends that goes on from its checkpoint when it is given more time."""


@dataclass(frozen=True)
class Order:
    """What to make.

    Attributes:
        experiments: which.
        size: one of ``experiment.SIZES``.
        seeds: of every row.
        device: such as ``"cpu"``.
        folder: gets ``PAPER/EXPERIMENT.SIZE.json``, ``.md``, ``.png`` and checkpoints.
        piece: at most so many seconds of a training in this call; the rest goes on from a checkpoint in the next. None
            trains each row to its end.
        progress: whether bars are shown.
    """

    experiments: Sequence[Experiment]
    size: str
    seeds: Sequence[int]
    device: str
    folder: Path
    piece: float | None = None
    progress: bool = False

    def path(self, experiment: Experiment, ending: str) -> Path:
        """A file of an experiment."""
        return self.folder / experiment.paper / f"{experiment.name}.{self.size}{ending}"

    def known(self, experiment: Experiment) -> Table:
        """What was made before."""
        path = self.path(experiment, ".json")
        return Table.read(path) if path.exists() else Table(experiment.paper, experiment.name, self.size)


def reproduce(order: Order, say: Callable[[str], None] = print) -> bool:
    """Make all rows that are missing; whether all are there now.

    Raises:
        KeyboardInterrupt: rows that are over are on disk, and the one that was in training has its checkpoint.
        ValueError: a file of another kind stands where a table should be.
    """
    complete = True
    for experiment in order.experiments:
        table = order.known(experiment)
        for variant in experiment.variants:
            for seed in order.seeds:
                before = table.having(variant.name, seed)
                if before is not None and not _goes_on(order, variant, before):
                    continue
                row = _made(order, experiment, variant, seed, before)
                table = table.adding(row)
                _write(order, experiment, table)
                complete = complete and not _goes_on(order, variant, row)
                found, ended = row.measured, row.measured.status.lower().replace("_", " ")
                label = f"{experiment.paper} {experiment.name}: {variant.name}, seed {seed}"
                say(f"{label}: error {found.error:.3g} after {found.seconds:.0f} s, {ended}")
        say("\n" + in_words(experiment, table))
    return complete


def _goes_on(order: Order, variant: Variant, row: Row) -> bool:
    """Whether a row was given less time than it is due, and would use more."""
    within = row.measured.seconds < 0.95 * variant.seconds[order.size]
    return order.piece is not None and within and row.measured.status in UNFINISHED


def _made(order: Order, experiment: Experiment, variant: Variant, seed: int, before: Row | None) -> Row:
    limit = variant.seconds[order.size]
    if order.piece is not None:
        limit = min(limit, order.piece + (0.0 if before is None else before.measured.seconds))
    plain = "".join(c if c.isalnum() else "_" for c in variant.name)
    checkpoint = order.path(experiment, f".{plain}.{seed}.checkpoint")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    setting = Setting(order.size, limit, seed, order.device, str(checkpoint), order.progress)
    machine = provenance(shlex.join(["pinnlab", *sys.argv[1:]]), order.device)
    try:
        measured = variant.make(setting)
    except (ArithmeticError, RuntimeError) as error:
        measured = Measured(float("nan"), 0.0, f"{type(error).__name__}: {error}")
    if measured.status == Status.INTERRUPTED.name:
        raise KeyboardInterrupt
    row = Row(variant.name, seed, measured, machine)
    if not _goes_on(order, variant, row):
        checkpoint.unlink(missing_ok=True)
    return row


def _write(order: Order, experiment: Experiment, table: Table) -> None:
    table.write(order.path(experiment, ".json"))
    order.path(experiment, ".md").write_text(in_words(experiment, table), encoding="utf-8")
    save((experiment.picture or figure)(experiment, table), order.path(experiment, ".png"))
