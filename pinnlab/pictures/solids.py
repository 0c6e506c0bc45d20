"""Pictures of three dimensions: the surface of the region with its nearest part taken out, and slices through the middle.

Letters: v nodes, k cells, b faces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from pinnlab.domains import Region
from pinnlab.domains.meshing.grids import Cover, cover
from pinnlab.pictures.complex_values import drawn, unknown_of
from pinnlab.pictures.figures import View, draw, draw_error
from pinnlab.pictures.panels import Array, Picture, draw_history, finite_range, seconds_text, solver_name
from pinnlab.training.result import Solved

_FINE, _MAP = 25, 121
"""Points along the longest side of a region for its surface, and along an axis of a slice."""
_ELEVATION, _AZIMUTH = 28.0, -60.0
"""Degrees, of the eye: it looks from large first, small second and large third coordinates."""
_FACES = {
    "tetra": ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2)),
    "hexahedron": ((0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)),
}


def shown_faces(covered: Cover) -> Array:
    """(b, 3 or 4) node numbers of the surface of cells, without those of the eighth that is nearest to the eye.

    Args:
        covered: tetrahedra or boxes.
    """
    middles = covered.nodes[covered.cells].mean(axis=1)
    lower, upper = covered.nodes.min(axis=0), covered.nodes.max(axis=0)
    side = middles - (lower + upper) / 2
    kept = covered.cells[~((side[:, 0] > 0) & (side[:, 1] < 0) & (side[:, 2] > 0))]
    faces = kept[:, _FACES[covered.kind]].reshape(-1, len(_FACES[covered.kind][0]))
    _, first, count = np.unique(np.sort(faces, axis=1), axis=0, return_index=True, return_counts=True)
    return faces[np.sort(first[count == 1])]


def plot_solid(solution: Solved, unknowns: Sequence[str], fixed: Mapping[str, Any]) -> Figure:
    """Unknowns of three coordinates of space: a surface and three slices each, their errors where there is a reference.

    Args:
        solution: what is drawn.
        unknowns: which; all of them if empty.
        fixed: {time: instant}, where there is time; the last one if it is not in it.
    """
    problem = solution.problem
    domain, space = problem.domain, problem.domain.at_rest
    assert space is not None
    at = _instant(domain, fixed)
    covered, views = _covered(space), _slices(space, at)
    found = [view.of_solution(solution) for view in views]
    outer = _on_nodes(solution, covered, at)
    labels = [label for label in found[0] if not unknowns or unknown_of(label) in unknowns]
    exact = None if problem.reference is None else [view.of(problem.reference, problem) for view in views]
    rows = len(labels) * (1 if exact is None else 2)
    figure = Picture(15.0, 3.4 * rows + 2.8)
    grid = figure.add_gridspec(rows + 1, 4, width_ratios=(1.25, 1, 1, 1), height_ratios=[*[1.0] * rows, 0.7])
    figure.suptitle(f"{problem.name}: {solver_name(solution)}, {seconds_text(solution.seconds)}")
    for i, label in enumerate(labels):
        row = i * (rows // len(labels))
        values = [each[label] for each in found]
        limits = finite_range([*values, outer[label]])
        _draw_surface(
            figure.add_subplot(grid[row, 0], projection="3d"), covered, outer[label], space, limits, label, at
        )
        panels = [figure.add_subplot(grid[row, 1 + k]) for k in range(3)]
        draw(panels, views, values, label, None, limits=limits)
        if exact is not None:
            panels = [figure.add_subplot(grid[row + 1, 1 + k]) for k in range(3)]
            off = [np.abs(value - right[label]) for value, right in zip(values, exact, strict=True)]
            draw_error(panels, views, off, f"|error of {label}|")
    draw_history(figure.add_subplot(grid[rows, 1:]), solution)
    return figure


def plot_surface(solution: Solved, unknown: str, fixed: Mapping[str, Any]) -> Figure:
    """The surface alone, small, of one unknown.

    Args:
        solution: what is drawn.
        unknown: which.
        fixed: as in ``plot_solid``.
    """
    domain, space = solution.problem.domain, solution.problem.domain.at_rest
    assert space is not None
    at = _instant(domain, fixed)
    covered = _covered(space)
    values = _on_nodes(solution, covered, at)[unknown]
    figure = Picture(3.2, 2.9)
    axes = figure.add_subplot(projection="3d")
    _draw_surface(axes, covered, values, space, finite_range([values]), unknown, at)
    return figure


def _instant(domain: Region, fixed: Mapping[str, Any]) -> dict[str, float]:
    return {domain.clock: float(fixed.get(domain.clock, domain.time_interval[1]))} if domain.has_time else {}


def _on_nodes(solution: Solved, covered: Cover, at: Mapping[str, float]) -> dict[str, Array]:
    """{unknown: (v,)}."""
    domain, space = solution.problem.domain, solution.problem.domain.at_rest
    assert space is not None
    nodes = {name: covered.nodes[:, i] for i, name in enumerate(space.coordinates)}
    columns = {
        name: nodes[name] if name in nodes else np.full(len(covered.nodes), at[name]) for name in domain.coordinates
    }
    return drawn(solution(**columns))


def _covered(space: Region) -> Cover:
    """Cells whose sides are about the same along all coordinates."""
    longest = max(upper - lower for lower, upper in space.bounds.values())
    sizes = {n: max(3, round(_FINE * (upper - lower) / longest)) for n, (lower, upper) in space.bounds.items()}
    return cover(space, sizes)


def _slices(space: Region, at: Mapping[str, float]) -> tuple[View, ...]:
    """One across each coordinate, through the middle."""
    found = []
    for name, (lower, upper) in space.bounds.items():
        axes = {n: np.linspace(*ends, _MAP) for n, ends in space.bounds.items() if n != name}
        found.append(View(axes, {name: (lower + upper) / 2, **at}))
    return tuple(found)


def _draw_surface(
    axes: Any,
    covered: Cover,
    values: Array,
    space: Region,
    limits: tuple[float, float],
    label: str,
    at: Mapping[str, float],
) -> None:
    """The surface, each face in the colour of the mean of its corners."""
    faces = shown_faces(covered)
    shade = ScalarMappable(Normalize(*limits), "viridis")
    colors = shade.to_rgba(values[faces].mean(axis=1))
    axes.add_collection3d(Poly3DCollection(covered.nodes[faces], facecolors=colors, edgecolors=colors, linewidths=0.2))
    (x, y, z), sides = space.coordinates, list(space.bounds.values())
    axes.set(xlabel=x, ylabel=y, zlabel=z, xlim=sides[0], ylim=sides[1], zlim=sides[2])
    for each in (axes.xaxis, axes.yaxis, axes.zaxis):  # ticks of neighbouring axes would stand on one another
        each.set_major_locator(MaxNLocator(3, prune="both"))
    axes.set_box_aspect([upper - lower for lower, upper in sides])
    axes.view_init(_ELEVATION, _AZIMUTH)
    when = "".join(f", {name} = {value:.3g}" for name, value in at.items())
    axes.set_title(f"{label}{when}, nearest eighth taken out", fontsize=10)
