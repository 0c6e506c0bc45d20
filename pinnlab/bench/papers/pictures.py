"""The figures of experiments: errors that were published and those that were made, row by row; curves; landscapes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from pinnlab.bench.papers.experiment import Experiment
from pinnlab.bench.papers.table import Row, Table, medians

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEAST = 1e-4
"""Of the largest value of a logarithmic panel; what is smaller is as good as zero."""


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


def curves(
    across: str, up: str, logarithmic: bool = False, limits: tuple[float, float] | None = None
) -> Callable[[Experiment, Table], Figure]:
    """A picture with a panel for each row that was made, and in it a curve for each of its arrays over the first one.

    Args:
        across, up: what the axes are.
        logarithmic: the vertical one.
        limits: of the vertical one; None leaves them to the values.
    """

    def draw(experiment: Experiment, table: Table) -> Figure:
        drawing, panels = _panels(experiment, table, 3.4)
        for axes, row in panels:
            (_, places), *others = row.measured.arrays.items()
            for i, (name, values) in enumerate(others):
                axes.plot(places, values, color=f"C{i}", label=name)
            axes.set_xlabel(across)
            if logarithmic:
                axes.set_yscale("log")
                most = max(max(values) for _, values in others)
                axes.set_ylim(_LEAST * most, 2 * most)
            if limits is not None:
                axes.set_ylim(*limits)
            axes.grid(alpha=0.3)
        panels[0][0].set_ylabel(up)
        panels[-1][0].legend(fontsize=8, frameon=False)
        return drawing

    return draw


def landscapes(experiment: Experiment, table: Table) -> Figure:
    """Level lines of the logarithm of the loss over the two directions of the rows' arrays ``steps`` and ``loss``."""
    import numpy as np

    drawing, panels = _panels(experiment, table, 2.9)
    for axes, row in panels:
        steps, loss = (np.array(row.measured.arrays[name]) for name in ("steps", "loss"))
        shown = axes.contourf(steps, steps, np.log10(loss).T, levels=24, cmap="viridis")
        axes.plot(0, 0, "+", color="white")
        axes.set_aspect("equal")
        axes.set_xticks([steps[0], 0, steps[-1]])
        drawing.colorbar(shown, ax=axes, shrink=0.8, format="%.1f")
    return drawing


def _panels(experiment: Experiment, table: Table, width: float) -> tuple[Figure, list[tuple[Axes, Row]]]:
    """A figure with a titled panel for each row of the first seed that was made, two or three side by side."""
    from matplotlib.figure import Figure

    seed = table.rows[0].seed
    rows = [row for v in experiment.variants if (row := table.having(v.name, seed)) is not None]
    across = min(2 if len(rows) % 3 else 3, len(rows))
    down = -(-len(rows) // across)
    drawing = Figure(figsize=(width * across, 2.7 * down), layout="constrained")
    places = drawing.subplots(down, across, squeeze=False).ravel()
    for axes in places[len(rows) :]:
        axes.remove()
    for axes, row in zip(places, rows, strict=False):
        axes.set_title(row.variant, fontsize=9)
    drawing.suptitle(experiment.title, fontsize=10)
    return drawing, list(zip(places, rows, strict=False))
