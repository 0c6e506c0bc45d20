"""What figures are put together from: the figure itself, shared labels, the course of a solve, words and colours."""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from pinnlab.training.result import Solved

Array = np.ndarray
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's: told apart by people with colour blindness, too."""


class Picture(Figure):
    """A matplotlib figure that notebooks show although pyplot does not know it."""

    def __init__(self, width: float, height: float):
        super().__init__(figsize=(width, height), layout="constrained")

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure; the ending of the path says as what. Folders are made where they are missing."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    figure.savefig(path, dpi=150)


def finite_range(values: list[Array]) -> tuple[float, float]:
    """Smallest and largest finite value, kept apart."""
    finite = np.concatenate([v[np.isfinite(v)].reshape(-1) for v in values])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def share_labels(places: list[list[Axes]], rows_only: bool) -> None:
    """Panels above one another share the horizontal axis' labels, those of a row the vertical one's."""
    for row in places[:-1]:
        for axes in row:
            axes.set_xlabel("")
            axes.tick_params(labelbottom=False)
    for row in [] if rows_only else places:
        for axes in row[1:]:
            axes.set_ylabel("")
            axes.tick_params(labelleft=False)


def draw_history(axes: Axes, solution: Solved) -> None:
    """Loss, held-out loss and errors over the seconds of a solve, with the starts of time windows."""
    history, unknowns = solution.history, solution.problem.declared
    seconds = history.column("seconds")
    curves: dict[str, tuple[Array, Mapping[str, Any]]] = {
        "loss": (history.column("loss"), {"color": "0.7", "lw": 1.0}),
        "held-out loss": (history.column("held_out"), {"color": "0.35", "lw": 1.3}),
    }
    for j, unknown in enumerate(unknowns):
        curves[f"error of {unknown}"] = (history.error(unknown), {"color": COLORS[j % len(COLORS)], "lw": 1.8})
    drawn = False
    for label, (values, style) in curves.items():
        positive = np.where(values > 0, values, np.nan)
        if np.isfinite(positive).any():
            axes.semilogy(seconds, positive, label=label, marker="." if len(seconds) < 30 else None, **style)
            drawn = True
    phases = history.column("phase")
    for start in np.flatnonzero(np.diff(phases) > 0):
        axes.axvline(seconds[start], color="0.8", lw=0.7, zorder=0)
    axes.set(xlabel="seconds")
    windows = len(set(phases.tolist()))
    axes.set_title("history" if windows < 2 else f"history, {windows} time windows", fontsize=10)
    if drawn:
        axes.yaxis.set_major_locator(LogLocator(numticks=9))
        axes.grid(alpha=0.25)
        below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "borderaxespad": 4.2}
        axes.legend(frameon=False, fontsize=8.5, ncols=3, **below)


def relative(difference: Array, exact: Array) -> float:
    """Relative L2 size of a difference where both are known."""
    return math.sqrt(float(np.nansum(difference**2)) / (float(np.nansum(exact**2)) or 1.0))


def beginning(text: str, width: int) -> str:
    """As many parts of a list, split at commas outside brackets, as fit; the first in any case."""
    first, *rest = re.split(r",\s*(?![^()]*\))", text)
    for part in rest:
        if len(first) + len(part) + 2 > width:
            break
        first += ", " + part
    return first


def solver_name(solution: Solved) -> str:
    """The class of the solver; of a solution from a file it is not known."""
    return "solution" if solution.solver is None else type(solution.solver).__name__


def seconds_text(seconds: float) -> str:
    """Seconds in words."""
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds:.0f} s"
