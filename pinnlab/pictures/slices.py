"""Pictures of cross-sections: some coordinates stand still, what is left is drawn as lines or maps, and streamlines.

Letters: a, b points along the two axes of a map; m unknowns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinnlab.declaration.problem import Problem
from pinnlab.pictures.complex_values import unknown_of
from pinnlab.pictures.figures import SNAPSHOTS, View, draw, triangles_of
from pinnlab.pictures.panels import COLORS, Array, Picture, finite_range, share_labels, solver_name
from pinnlab.training.result import Solved

_MOST = 12
"""Cross-sections in one picture."""
_LINE, _MAP, _ARROWS = 801, 161, 41
"""Points along an axis of a line, a map, and a field of streamlines."""


def slices(problem: Problem, fixed: Mapping[str, Any]) -> tuple[View, ...]:
    """Cross-sections of a domain: one for each place where coordinates stand still.

    Args:
        problem: gives the coordinates.
        fixed: {coordinate: number or several}; shapes broadcast.

    Raises:
        TypeError: an unknown coordinate.
        ValueError: a place outside the domain, too many of them, or too many coordinates left to draw.
    """
    domain = problem.domain
    bounds, time = domain.bounds, [domain.clock] if domain.has_time else []
    checked_places(problem, fixed)
    free = [name for name in (*time, *domain.space) if name not in fixed]
    places = dict(fixed)
    if len(free) == 3 and free[0] in time:
        places[free.pop(0)] = _column(np.linspace(*bounds[time[0]], SNAPSHOTS), places)
    if not free:
        raise ValueError("plot(): all coordinates are fixed, and nothing is left to draw; use evaluate().")
    if len(free) > 2:
        names = [name for name in free if name not in time]
        example = ", ".join([*(f"{name}=..." for name in fixed), f"{names[-1]}={sum(bounds[names[-1]]) / 2:g}"])
        raise ValueError(
            f"plot(): {', '.join(free)} are left, and a picture has two axes; fix another one, such as plot({example})."
        )
    arrays = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in places.values())) if places else []
    rows = list(zip(*(array.reshape(-1).tolist() for array in arrays), strict=True)) if arrays else [()]
    if len(rows) > _MOST:
        raise ValueError(f"plot(): {len(rows)} cross-sections; give at most {_MOST}, or use animate().")
    size = _LINE if len(free) == 1 else _MAP
    axes = {name: np.linspace(*bounds[name], size) for name in free}
    triangles = triangles_of(domain) if set(free) == set(domain.space) else None
    return tuple(View(axes, dict(zip(places, row, strict=True)), triangles, domain.time) for row in rows)


def checked_places(problem: Problem, fixed: Mapping[str, Any]) -> dict[str, Array]:
    """{coordinate: where it stands still}; TypeError for another name, ValueError for a place outside the domain."""
    bounds, found = problem.domain.bounds, {}
    for name, value in fixed.items():
        if name not in bounds:
            raise TypeError(f"plot({name}=...): {name!r} is no coordinate; fix some of {', '.join(bounds)}.")
        lower, upper = bounds[name]
        at = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value, dtype=float)
        if not ((at >= lower) & (at <= upper)).all():
            raise ValueError(f"plot({name}={value!r}): outside of {name}=({lower:g}, {upper:g}).")
        found[name] = at
    return found


def _column(times: Array, places: Mapping[str, Any]) -> Array:
    """Times that broadcast against other places: every one with each of them."""
    dimensions = max((np.ndim(value) for value in places.values()), default=0)
    return times.reshape(-1, *[1] * dimensions)


def plot_slices(
    solution: Solved, unknowns: Sequence[str], fixed: Mapping[str, Any], streamlines: tuple[str, str] | None
) -> Figure:
    """Unknowns over cross-sections, a row for each; and streamlines of two of them.

    Args:
        solution: what is drawn.
        unknowns: which.
        fixed: where coordinates stand still, as in ``slices``.
        streamlines: the components of a field in the plane, or None.
    """
    problem = solution.problem
    shown = slices(problem, fixed)
    found = [view.of_solution(solution) for view in shown]
    labels = [label for label in found[0] if unknown_of(label) in unknowns]
    lines = len(shown[0].axes) == 1
    if streamlines is not None:
        _check_streamlines(problem, shown[0], streamlines)
    rows, columns = len(labels) + (streamlines is not None), 1 if lines else len(shown)
    width = 5.6 if lines else 4.4 if columns == 1 else 3.3
    figure = Picture(width * columns + 0.8, 2.9 * rows + 0.6)
    panels = figure.subplots(rows, columns, squeeze=False)
    # maps say themselves where they are
    place = _common(shown) if lines else ""
    figure.suptitle(f"{problem.name}: {solver_name(solution)}" + (f", {place}" if place else ""))
    for row, label in zip(panels, labels, strict=False):
        values = [each[label] for each in found]
        if lines:
            _draw_lines(row[0], shown, values, label, _references(problem, shown, label))
        else:
            draw(list(row), shown, values, label, None)
    if streamlines is not None:
        _draw_streamlines(list(panels[-1]), solution, shown, streamlines)
    share_labels(panels.tolist(), rows_only=lines)
    return figure


def _common(shown: Sequence[View]) -> str:
    """What is the same in all cross-sections."""
    same = {n: v for n, v in shown[0].fixed.items() if all(view.fixed[n] == v for view in shown)}
    return ", ".join(f"{name} = {value:.3g}" for name, value in same.items())


def _references(problem: Problem, shown: Sequence[View], label: str) -> list[Array] | None:
    return None if problem.reference is None else [view.of(problem.reference, problem)[label] for view in shown]


def _draw_lines(
    axes: Axes, shown: Sequence[View], values: Sequence[Array], label: str, exact: Sequence[Array] | None
) -> None:
    """One unknown along a coordinate, one line for each cross-section, with the reference where there is one."""
    name, x = next(iter(shown[0].axes.items()))
    moving = [n for n in shown[0].fixed if len({view.fixed[n] for view in shown}) > 1]
    for k, (view, value) in enumerate(zip(shown, values, strict=True)):
        title = ", ".join(f"{n} = {view.fixed[n]:.3g}" for n in moving) or label
        axes.plot(x, value, color=COLORS[k % len(COLORS)], ls=("-", (0, (5, 1)))[k // len(COLORS) % 2], label=title)
    for k, value in enumerate(exact or ()):
        axes.plot(x, value, color="#333333", lw=1.0, ls=(0, (2, 2)), label=None if k else "reference")
    low, high = finite_range([*values, *(exact or ())])
    margin = 0.06 * (high - low)
    axes.set(xlabel=name, ylabel=label, xlim=(x[0], x[-1]), ylim=(low - margin, high + margin))
    axes.grid(alpha=0.25)
    if len(shown) > 1 or exact is not None:
        axes.legend(frameon=False, fontsize=8.5, loc="best")


def _check_streamlines(problem: Problem, view: View, pair: tuple[str, str]) -> None:
    missing = [name for name in pair if name not in problem.unknowns]
    if len(pair) != 2 or missing:
        raise ValueError(
            f"plot(streamlines={pair!r}): give the names of two unknowns, the components along the two axes of the picture; "
            f"the unknowns are {', '.join(problem.unknowns)}."
        )
    if set(view.axes) - set(problem.domain.space) or len(view.axes) != 2:
        raise ValueError(
            f"plot(streamlines={pair!r}): the picture has the axes {', '.join(view.axes)}; streamlines need two coordinates "
            "of space, fix the others."
        )


def _draw_streamlines(places: list[Axes], solution: Solved, shown: Sequence[View], pair: tuple[str, str]) -> None:
    """Streamlines over the speed, one panel for each cross-section."""
    fields = []
    for view in shown:
        values = view.of_solution(solution)
        fields.append(np.hypot(*(values[name] for name in pair)))
    draw(places, tuple(shown), fields, f"|({', '.join(pair)})|", None)
    for axes, view in zip(places, shown, strict=True):
        ends = {name: np.linspace(x[0], x[-1], _ARROWS) for name, x in view.axes.items()}
        coarse = View(ends, view.fixed).of_solution(solution)
        (_, x), (_, y) = ends.items()
        u, v = (np.ma.masked_invalid(coarse[name].T) for name in pair)
        if float(np.ma.hypot(u, v).max() or 0.0) > 0:
            axes.streamplot(x, y, u, v, color="white", linewidth=0.7, arrowsize=0.8, density=1.1)
        axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
