"""The table of an experiment as it grows: a results file, its table in words, and a figure."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import permutations
from pathlib import Path
from typing import Any

from pinnlab.bench.papers.experiment import Experiment, Measured, Variant
from pinnlab.machine.files import blamed

_KIND = "experiment of a paper"


@dataclass(frozen=True)
class Row:
    """A row that was made.

    Attributes:
        variant: its name.
        seed: of the run.
        measured: what came out.
        machine: where, when, and by which commit, see ``bench.provenance``.
    """

    variant: str
    seed: int
    measured: Measured
    machine: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """All rows of an experiment at a size.

    Attributes:
        paper, experiment, size: which.
        rows: in the order in which they were made.
    """

    paper: str
    experiment: str
    size: str
    rows: tuple[Row, ...] = ()

    def having(self, variant: str, seed: int) -> Row | None:
        """The row of a variant and a seed; None where it was not made."""
        return next((r for r in self.rows if (r.variant, r.seed) == (variant, seed)), None)

    def adding(self, row: Row) -> Table:
        """With one more row, in place of one of the same variant and seed."""
        others = tuple(r for r in self.rows if (r.variant, r.seed) != (row.variant, row.seed))
        return replace(self, rows=(*others, row))

    def write(self, path: Path) -> None:
        """Write as JSON; an error that is no number becomes a string."""
        data = asdict(self)
        for row in data["rows"]:
            error = row["measured"]["error"]
            row["measured"]["error"] = error if math.isfinite(error) else str(error)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"pinnlab": _KIND, **data}, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Table:
        """The inverse of ``write``.

        Raises:
            ValueError: the file is of another kind, or damaged.
        """
        with blamed(f"{str(path)!r} is no table of an experiment, or", "delete it, or write elsewhere with --out"):
            data = json.loads(path.read_text(encoding="utf-8"))
            if data.pop("pinnlab") != _KIND:
                raise ValueError("it is of another kind")
            rows = []
            for row in data.pop("rows"):
                measured = row.pop("measured")
                measured["error"] = float(measured["error"])
                rows.append(Row(measured=Measured(**measured), **row))
            return cls(**data, rows=tuple(rows))


def medians(experiment: Experiment, table: Table) -> dict[str, float]:
    """{variant: median error over the seeds}, of those that were made, in the experiment's order."""
    found = {}
    for variant in experiment.variants:
        errors = sorted(r.measured.error for r in table.rows if r.variant == variant.name)
        if errors:
            middle = len(errors) // 2
            found[variant.name] = errors[middle] if len(errors) % 2 else (errors[middle - 1] + errors[middle]) / 2
    return found


def same_order(variants: Sequence[Variant], made: dict[str, float]) -> bool | None:
    """Whether errors have the order of the published ones, case by case; None where no two are published and made."""
    both = [v for v in variants if math.isfinite(v.published) and v.name in made]
    pairs = [
        (made[better.name], made[worse.name])
        for better, worse in permutations(both, 2)
        if better.case == worse.case and better.published < worse.published
    ]
    if not pairs:
        return None
    return all(math.isfinite(worse) and better <= worse for better, worse in pairs)


def in_words(experiment: Experiment, table: Table) -> str:
    """The table in Markdown, with what the paper has beside what was made."""
    made = medians(experiment, table)
    head = ["", "published", "made here", "seconds", "seeds", "ended as"]
    lines = [
        f"**{experiment.title}** ({experiment.source}); {experiment.metric}; size {table.size}.",
        "",
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
    ]
    for variant in experiment.variants:
        rows = [r for r in table.rows if r.variant == variant.name]
        published = f"{variant.published:.3g}" if math.isfinite(variant.published) else "-"
        if rows:
            seconds = sum(r.measured.seconds for r in rows) / len(rows)
            ends = ", ".join(dict.fromkeys(r.measured.status.lower().replace("_", " ") for r in rows))
            cells = [f"{made[variant.name]:.3g}", f"{seconds:.0f}", str(len(rows)), ends]
        else:
            cells = ["-"] * 4
        lines.append("| " + " | ".join([variant.name, published, *cells]) + " |")
    order = same_order(experiment.variants, made)
    said = {None: "", True: "The order is that of the paper.", False: "The order is not that of the paper."}[order]
    return "\n".join([*lines, "", " ".join(filter(None, [said, experiment.remark])), ""])
