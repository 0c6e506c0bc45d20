"""The figure of an experiment: errors that were published, and those that were made, row by row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pinnlab.bench.papers.experiment import Experiment
from pinnlab.bench.papers.table import Table, medians

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(experiment: Experiment, table: Table) -> Figure:
    """Bars for what was made here, with their numbers, diamonds for what was published, on a logarithmic axis."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    made = medians(experiment, table)
    names = [v.name for v in experiment.variants]
    drawing = Figure(figsize=(7.0, 0.9 + 0.36 * len(names)), layout="constrained")
    axes = drawing.add_subplot()
    places = range(len(names))
    shown = [made.get(name, math.nan) for name in names]
    known = [e for e in [*shown, *(v.published for v in experiment.variants)] if e > 0]
    floor = 10.0 ** math.floor(math.log10(min(known or [1e-3])) - 0.5)
    lengths = [e if math.isfinite(e) else floor for e in shown]
    axes.barh(places, lengths, color="#4878a8", height=0.6, label=f"here, size {table.size}")
    published = [(i, v.published) for i, v in enumerate(experiment.variants) if math.isfinite(v.published)]
    if published:
        axes.plot([p for _, p in published], [i for i, _ in published], "D", color="#c0504d", label="published")
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())  # else labels of a short axis overlap
    axes.set_xlim(left=floor)
    axes.set_yticks(list(places), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    for place, error in zip(places, shown, strict=True):  # outside, where no diamond is
        told = f"{error:.1e}" if math.isfinite(error) else "no number"
        axes.text(1.01, place, told, transform=axes.get_yaxis_transform(), va="center", fontsize=8)
    axes.set_xlabel(experiment.metric)
    axes.set_title(experiment.title, fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    drawing.legend(loc="outside lower right", ncols=2, fontsize=8, frameon=False)
    return drawing
