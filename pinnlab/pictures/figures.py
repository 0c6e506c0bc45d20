"""Pictures of solutions and comparisons, as matplotlib figures that belong to nobody: no pyplot, no backend.

Letters: a, b points along the two axes of a map; m unknowns.

What is drawn follows from the coordinates. One coordinate: lines. Two: a map, with time to the right. Two and time:
maps at a few times. Any further coordinate stands at its middle, and the picture says so. Maps of a region that is no
box end at its boundary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.relative_error import evaluate
from pinnlab.domains import Box, Region
from pinnlab.domains.meshing.grids import Cover, cover, refined
from pinnlab.pictures.complex_values import drawn, unknown_of
from pinnlab.pictures.found import draw_function, draw_measured, numbers_told
from pinnlab.pictures.panels import (
    COLORS,
    Array,
    Picture,
    beginning,
    draw_history,
    finite_range,
    relative,
    seconds_text,
    share_labels,
    solver_name,
)
from pinnlab.reference.base import Reference
from pinnlab.training.result import Solved

_REFERENCE = "#333333"
SNAPSHOTS = 4
_DECADES = 3
_SIZES = {1: 4001, 2: 257}
_SNAPSHOT_SIZE = 101
_TRIANGLES = 10_000
_LETTERS = 8.5
"""Of a figure's title, in an inch."""


class Compared(Protocol):
    """A solution next to a classical one."""

    @property
    def solution(self) -> Solved: ...
    @property
    def problem(self) -> Problem: ...
    @property
    def classical(self) -> Reference: ...
    @property
    def errors(self) -> Mapping[str, float]: ...
    @property
    def network_seconds(self) -> float: ...
    @property
    def classical_seconds(self) -> float: ...
    @property
    def classical_error_estimate(self) -> Mapping[str, float]: ...


@dataclass(frozen=True)
class View:
    """A piece of a domain that can be drawn: one or two axes, everything else fixed.

    Attributes:
        axes: {coordinate: (a,)}, one or two; the first is horizontal.
        fixed: {coordinate: value} of the others.
        triangles: of a region in the plane that is no box, in place of the grid: with v nodes, values are (v,).
        time: the coordinate that is time, or None.
    """

    axes: dict[str, Array]
    fixed: dict[str, float]
    triangles: Cover | None = None
    time: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the values."""
        return tuple(map(len, self.axes.values())) if self.triangles is None else (len(self.triangles.nodes),)

    @property
    def title(self) -> str:
        """What is fixed, such as ``"t = 0.5"``."""
        return ", ".join(f"{name} = {value:.3g}" for name, value in self.fixed.items())

    def points(self, coordinates: tuple[str, ...]) -> torch.Tensor:
        """The view's grid as (a * b, d) points, or its nodes, (v, d)."""
        grid = np.meshgrid(*self.axes.values(), indexing="ij") if self.triangles is None else self.triangles.nodes.T
        mesh = dict(zip(self.axes, grid, strict=True))
        first = next(iter(mesh.values()))
        columns = [mesh[c] if c in mesh else np.full_like(first, self.fixed[c]) for c in coordinates]
        return torch.from_numpy(np.stack([c.reshape(-1) for c in columns], axis=1))

    def of(self, reference: Any, problem: Problem) -> dict[str, Array]:
        """{unknown: (a,), (a, b) or (v,)} of a function or a classical reference; NaN outside the domain."""
        points = self.points(problem.domain.coordinates)
        found = evaluate(reference, problem, points).numpy()
        values = dict(zip(problem.unknowns, found.T, strict=True))
        return self._inside(problem.domain, points, drawn(values, problem.complex_unknowns))

    def of_solution(self, solution: Solved) -> dict[str, Array]:
        """The same of a solution; a file that it comes from need not hold the problem's equations."""
        domain = solution.problem.domain
        points = self.points(domain.coordinates)
        # NumPy in gives NumPy out, wherever the networks live
        columns = {name: column.numpy() for name, column in domain.columns(points).items()}
        return self._inside(domain, points, drawn(solution(**columns)))

    def _inside(self, domain: Region, points: torch.Tensor, values: Mapping[str, Array]) -> dict[str, Array]:
        """Values in the shape of the view; NaN outside the domain."""
        found = {u: v.reshape(self.shape) for u, v in values.items()}
        if isinstance(domain, Box) or self.triangles is not None:
            return found
        outside = ~domain.contains(points).numpy().reshape(self.shape)
        return {u: np.where(outside, np.nan, v) for u, v in found.items()}


def views(problem: Problem, times: Array | None = None) -> tuple[View, ...]:
    """What to draw of a problem: one view, or one per time where space has two coordinates or more.

    Args:
        problem: gives the coordinates.
        times: one view for each of these in any case, without time as an axis.
    """
    domain, space, time = problem.domain, problem.domain.space, problem.domain.time
    flat, bounds = domain.has_time and len(space) < 2 and times is None, domain.bounds
    names = ((domain.clock, *space) if flat else space)[:2]
    # as fine as the grid on which errors are measured, where the view shows all of it
    size = _SIZES[len(names)] if len(names) == len(bounds) else _SNAPSHOT_SIZE
    axes = {name: np.linspace(*bounds[name], size) for name in names}
    middle = {n: 0.5 * (lo + hi) for n, (lo, hi) in bounds.items() if n not in names}
    triangles = triangles_of(domain)
    if time is None or flat:
        return (View(axes, middle, triangles, time),)
    times = np.linspace(*domain.time_interval, SNAPSHOTS) if times is None else times
    return tuple(View(axes, {**middle, time: float(t)}, triangles, time) for t in times)


def triangles_of(region: Region) -> Cover | None:
    """Triangles to draw a region in the plane with; None for boxes and in other dimensions."""
    space = region.at_rest
    if space is None or isinstance(space, Box) or len(space.coordinates) != 2:
        return None
    return refined(cover(space, dict.fromkeys(space.coordinates, _SNAPSHOT_SIZE)), _TRIANGLES)


def plot_solution(solution: Solved, unknowns: Sequence[str] = ()) -> Figure:
    """The solution, its error where the problem has a reference, and the course of the solve.

    Args:
        solution: what is drawn.
        unknowns: which, and which functions that were found; all of them if empty.
    """
    problem = solution.problem
    shown, reference = views(problem), problem.reference
    found = [view.of_solution(solution) for view in shown]
    target = None if reference is None else [view.of(reference, problem) for view in shown]
    own = solution.models[-1].functions
    labels = [label for label in found[0] if label not in own and (not unknowns or unknown_of(label) in unknowns)]
    m, single, kinds = len(labels), len(shown) == 1, 1 if target is None else 2
    rows, columns = (m, kinds) if single else (m * kinds, len(shown))
    functions = {name: own[name] for name in own if not unknowns or name in unknowns}
    extra = len(functions)
    if single:
        lines = len(shown[0].axes) == 1
        width = 4.6 if lines or problem.domain.time in shown[0].axes else 4.0
        figure = Picture(width * columns + 4.6, max(3.6, (2.2 if lines else 3.0) * m + 2.8 * extra + 0.4))
        grid = figure.add_gridspec(rows + extra, columns + 1)
    else:
        figure = Picture(3.2 * columns + 0.8, 2.7 * (rows + extra) + 2.6)
        grid = figure.add_gridspec(rows + extra + 1, columns)
    course = figure.add_subplot(grid[:, -1] if single else grid[-1, :])
    panels = [[figure.add_subplot(grid[i, j]) for j in range(columns)] for i in range(rows)]
    title = f"{problem.name}: {solver_name(solution)}, {seconds_text(solution.seconds)}"
    told = numbers_told(solution, int(_LETTERS * figure.get_figwidth()))
    figure.suptitle("\n".join(filter(None, (title, told))))
    for i, unknown in enumerate(labels):
        values = [f[unknown] for f in found]
        exact = None if target is None else [t[unknown] for t in target]
        draw(panels[i][:1] if single else panels[kinds * i], shown, values, unknown, exact)
        draw_measured(panels[i][0], problem, unknown)
        if exact is not None:
            places = panels[i][1:] if single else panels[kinds * i + 1]
            difference = [np.abs(v - e) for v, e in zip(values, exact, strict=True)]
            flat = shown[0].triangles is None
            size = relative(difference[0], exact[0]) if flat else solution.error()[unknown_of(unknown)]
            draw_error(places, shown, difference, f"|error of {unknown}|", f"relative L2 {size:.1e}")
    share_labels(panels, rows_only=single)
    for i, (name, function) in enumerate(functions.items(), start=rows):
        draw_function([figure.add_subplot(grid[i, j]) for j in range(columns)], name, function)
    draw_history(course, solution)
    return figure


def plot_comparison(comparison: Compared) -> Figure:
    """Three panels for each unknown: the solution, the classical one, and the size of their difference."""
    solution, problem = comparison.solution, comparison.problem
    view = views(problem)[-1]
    lines = len(view.axes) == 1
    classical = view.of(comparison.classical, problem)
    found = {label: values for label, values in view.of_solution(solution).items() if label in classical}
    m = len(found)
    figure = Picture(14.4, max(3.8, (2.5 if lines else 3.2) * m + 0.6))
    places = figure.subplots(m, 3, squeeze=False)
    at = f" at {view.title}" if view.fixed else ""
    figure.suptitle(f"{problem.name}{at}")
    for i, unknown in enumerate(found):
        values, exact = found[unknown], classical[unknown]
        limits = finite_range([values, exact])
        draw([places[i][0]], (view,), [values], unknown, None if not lines else [exact], limits=limits)
        draw([places[i][1]], (view,), [exact], unknown, None, limits=limits, color=_REFERENCE)
        draw_error([places[i][2]], (view,), [np.abs(values - exact)], f"|difference of {unknown}|")
        estimate = comparison.classical_error_estimate.get(unknown_of(unknown))
        guess = "" if estimate is None else f"estimated error {estimate:.1e}, "
        heads = [
            f"{solver_name(solution)}\nerror {comparison.errors[unknown_of(unknown)]:.1e}, "
            f"{seconds_text(comparison.network_seconds)}",
            f"{beginning(f'classical: {comparison.classical.method}', 60)}\n"
            f"{guess}{seconds_text(comparison.classical_seconds)}",
            f"|difference of {unknown}|",
        ]
        for axes, head in zip(places[i], heads, strict=True):
            axes.set_title(head, fontsize=10)
    share_labels(places.tolist(), rows_only=True)
    return figure


def plot_characteristics(paths: Mapping[str, Array], title: str) -> Figure:
    """Paths of characteristics: over time in one dimension, from dots to dots in two.

    Args:
        paths: {time, such as "t": (a,), coordinate of space: (labels, a)}; time comes first.
        title: of the figure.
    """
    time, (name, x, *others) = next(iter(paths.values())), paths
    figure = Picture(6.0, 4.2 if not others else 5.4)
    axes = figure.add_subplot()
    figure.suptitle(f"{title}: characteristics")
    if not others:
        axes.plot(time, paths[x].T, color=COLORS[0], lw=0.8)
        axes.set(xlabel=name, ylabel=x, xlim=(time[0], time[-1]))
        return figure
    (y,) = others
    axes.plot(paths[x].T, paths[y].T, color=COLORS[0], lw=0.5, alpha=0.7)
    for k, color, label in ((0, _REFERENCE, f"{name} = {time[0]:.3g}"), (-1, COLORS[1], f"{name} = {time[-1]:.3g}")):
        axes.plot(paths[x][:, k], paths[y][:, k], ".", color=color, ms=3, label=label)
    axes.set(xlabel=x, ylabel=y, aspect="equal")
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def draw_unknown(axes: Axes, view: View, values: Array, label: str, limits: tuple[float, float]) -> None:
    """One unknown in one view, a line or a map, with a given range."""
    draw([axes], (view,), [values], label, None, limits=limits)


# -- pieces ------------------------------------------------------------------------------------------------------------


def draw(
    places: list[Axes],
    shown: tuple[View, ...],
    values: list[Array],
    label: str,
    reference: list[Array] | None,
    limits: tuple[float, float] | None = None,
    color: str = COLORS[0],
) -> None:
    """One unknown: a line with its reference, or maps with one colour scale."""
    low, high = finite_range([*values, *(reference or ())]) if limits is None else limits
    if len(shown[0].axes) == 1:
        (axes,), (name, x) = places, next(iter(shown[0].axes.items()))
        axes.plot(x, values[0], color=color, lw=1.8, label=label if reference is None else "solution")
        if reference is not None:
            axes.plot(x, reference[0], color=_REFERENCE, lw=1.1, ls=(0, (4, 3)), label="reference")
            axes.legend(frameon=False, fontsize=9, loc="best")
        margin = 0.06 * (high - low)
        axes.set(xlabel=name, ylabel=label, xlim=(x[0], x[-1]), ylim=(low - margin, high + margin))
        axes.grid(alpha=0.25)
        return
    for axes, view, value in zip(places, shown, values, strict=True):
        image = _map(axes, view, value, cmap="viridis", vmin=low, vmax=high)
        axes.set_title(f"{label}, {view.title}" if view.fixed else label, fontsize=10)
    places[0].figure.colorbar(image, ax=places, pad=0.02)


def draw_error(places: list[Axes], shown: tuple[View, ...], values: list[Array], label: str, remark: str = "") -> None:
    """Sizes of errors on a logarithmic scale of a few decades below the largest."""
    largest = max((float(np.nanmax(v)) for v in values if np.isfinite(v).any()), default=0.0)
    largest = largest if largest > 0 else 1e-16
    floor = largest * 10.0**-_DECADES
    title = f"{label}, {remark}" if remark else label
    if len(shown[0].axes) == 1:
        (axes,), (name, x) = places, next(iter(shown[0].axes.items()))
        axes.semilogy(x, np.maximum(values[0], 1e-2 * floor), color=COLORS[1], lw=1.2)
        axes.set(xlabel=name, ylabel=label, xlim=(x[0], x[-1]), ylim=(floor, 2 * largest))
        axes.grid(alpha=0.25)
        axes.set_title(title, fontsize=10)
        return
    for axes, view, value in zip(places, shown, values, strict=True):
        image = _map(axes, view, np.maximum(value, floor), cmap="magma", norm=LogNorm(floor, largest))
        axes.set_title(f"{label}, {view.title}" if view.fixed else title, fontsize=10)
    places[0].figure.colorbar(image, ax=places, pad=0.02, extend="min")


def _map(axes: Axes, view: View, values: Array, **colors: Any) -> Any:
    """An image of (a, b) values over the two axes of a view, or of (v,) values on its triangles."""
    (across, a), (up, b) = view.axes.items()
    if view.triangles is not None:
        x, y = view.triangles.nodes.T
        axes.set(xlabel=across, ylabel=up, aspect="equal", facecolor="0.85")
        return axes.tripcolor(Triangulation(x, y, view.triangles.cells), values, shading="gouraud", **colors)
    image = axes.imshow(
        values.T, origin="lower", extent=(a[0], a[-1], b[0], b[-1]), aspect="auto", interpolation="nearest", **colors
    )
    if view.time not in view.axes and 0.5 <= (b[-1] - b[0]) / (a[-1] - a[0]) <= 2:
        axes.set_aspect("equal")
    axes.set(xlabel=across, ylabel=up)
    axes.set_facecolor("0.85")
    return image
