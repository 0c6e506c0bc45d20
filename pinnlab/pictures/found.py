"""Functions and numbers that were found from data, drawn with how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pinnlab.declaration.conditions import Data
from pinnlab.declaration.problem import Problem
from pinnlab.pictures.panels import COLORS
from pinnlab.training.result import Solved

_LEVEL = 0.95
_LINE, _MAP = 401, 81
"""Points along an argument of a line, and of a map."""


def draw_function(places: Sequence[Axes], name: str, function: Any) -> None:
    """A function with its band: a line, or maps of the value and of half of the band's width; other panels stay empty.

    Args:
        places: panels, at least one; a map takes two where there are two.
        name: of the function.
        function: that was found.
    """
    for axes in places[min(len(function.on), 2) :]:
        axes.set_axis_off()
    intervals, known = function.expansion.intervals, bool(function.expansion.factor.shape[1])
    if len(function.on) == 1:
        x = np.linspace(intervals[0][0], intervals[0][1], _LINE)
        axes, value = places[0], function(x)
        axes.plot(x, value, color=COLORS[0], lw=1.8, label=name)
        if known:
            axes.fill_between(x, *function.band(_LEVEL, x), color=COLORS[0], alpha=0.2, lw=0, label="95 % band")
            axes.legend(frameon=False, fontsize=8.5, loc="best")
        axes.set(xlabel=function.on[0], ylabel=f"{name}({function.on[0]})", xlim=(x[0], x[-1]))
        axes.grid(alpha=0.25)
        return
    title = f"{name}({', '.join(function.on)})"
    if len(function.on) > 2:
        places[0].set_axis_off()
        places[0].set_title(f"{title}: draw cross-sections of {name}.band(...)", fontsize=10)
        return
    ends = [np.linspace(lower, upper, _MAP) for lower, upper in intervals]
    x, y = np.meshgrid(*ends, indexing="ij")
    low, high = function.band(_LEVEL, x, y)
    shown = [(function(x, y), title)]
    if known:
        half = (high - low) / 2
        if len(places) > 1:
            shown.append((half, f"95 % of {name}: give or take"))
        else:
            shown[0] = shown[0][0], f"{title}, give or take {np.median(half):.2g}"
    for axes, (values, text) in zip(places, shown, strict=False):
        image = axes.imshow(
            values.T, origin="lower", extent=(*intervals[0], *intervals[1]), aspect="auto", cmap="viridis"
        )  # fmt: skip
        axes.set(xlabel=function.on[0], ylabel=function.on[1])
        axes.set_title(text, fontsize=10)
        axes.figure.colorbar(image, ax=axes, pad=0.02)


def draw_measured(axes: Axes, problem: Problem, unknown: str) -> None:
    """Dots where an unknown of one coordinate was measured; the panel grows until all of them are in it.

    Args:
        axes: a panel with the unknown over the coordinate.
        problem: with its data; of other numbers of coordinates nothing is drawn.
        unknown: which.
    """
    name, *others = problem.domain.coordinates
    data = [c for c in problem.conditions if isinstance(c, Data) and c.of is None] if not others else []
    for condition in data:
        values = condition.values.get(unknown)
        if values is None or callable(values):
            continue
        y = values.numpy()
        axes.plot(condition.points[name].numpy(), y, ".", color=COLORS[1], ms=5, label="data", zorder=3)
        (low, high), (below, above) = axes.get_ylim(), (np.nanmin(y), np.nanmax(y))
        margin = 0.06 * (above - below)
        axes.set_ylim(min(low, below - margin), max(high, above + margin))
        axes.legend(frameon=False, fontsize=9, loc="best")


def numbers_told(solution: Solved, width: int) -> str:
    """The numbers that were found, and their intervals where the run has told them; empty without numbers.

    Args:
        solution: that has them.
        width: of a line, in letters.
    """
    sure = vars(solution).get("sure", solution.uncertainty)
    if sure is None or not sure.names:
        return ""
    ends = sure.intervals(_LEVEL)
    told = [f"{name} = {value:.4g} ({ends[name][0]:.4g} to {ends[name][1]:.4g})" for name, value in sure.values.items()]
    lines = [f"95 % intervals: {told[0]}"]
    for number in told[1:]:
        if len(lines[-1]) + len(number) + 3 > width:
            lines[-1] += ","
            lines.append(number)
        else:
            lines[-1] += f", {number}"
    return "\n".join(lines)
