"""Which figure ``solution.plot`` asks for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pinnlab.pictures.figures import Array, plot_characteristics, plot_solution
from pinnlab.pictures.panels import save
from pinnlab.pictures.slices import checked_places, plot_slices
from pinnlab.pictures.solids import plot_solid
from pinnlab.training.result import Solved

Path = str | os.PathLike[str]


def asked_figure(
    solution: Solved,
    what: Sequence[Path],
    path: Path | None,
    streamlines: Sequence[str] | None,
    fixed: Mapping[str, Any],
) -> Figure:
    """The figure, also written to a file where there is a path.

    Args:
        solution: what is drawn.
        what: names of unknowns, and perhaps a path.
        path: another one.
        streamlines, fixed: as in ``Solution.plot``.

    Raises:
        TypeError, ValueError: as ``Solution.plot``.
    """
    declared = tuple(solution.problem.declared)
    functions = tuple(solution.models[-1].functions)
    known = (*declared, *solution.problem.unknowns, *functions)
    names = [item for item in what if isinstance(item, str) and item in known]
    others = [item for item in what if item not in names]
    for item in others:
        if not isinstance(item, os.PathLike) and not (isinstance(item, str) and PurePath(item).suffix):
            raise ValueError(
                f"plot({item!r}): neither an unknown ({', '.join((*declared, *functions))}) nor the path of a picture, such "
                "as 'u.png'."
            )
    paths = [*others, *([] if path is None else [path])]
    if len(paths) > 1:
        raise ValueError(f"plot(): {len(paths)} paths, {', '.join(map(repr, paths))}; give one.")
    domain = solution.problem.domain
    if streamlines is None and len(domain.space) == 3 and set(fixed) <= {domain.time} and _is_instant(fixed):
        figure = plot_solid(solution, names, checked_places(solution.problem, fixed))
    elif not fixed and streamlines is None:
        figure = plot_solution(solution, names)
    else:
        pair: Any = None if streamlines is None else tuple(streamlines)
        figure = plot_slices(solution, names or ([] if pair else declared), fixed, pair)
    for each in paths:
        save(figure, each)
    return figure


def _is_instant(fixed: Mapping[str, Any]) -> bool:
    """Whether no coordinate stands still at several places."""
    return all(np.ndim(value) == 0 for value in fixed.values())


def characteristics_figure(paths: Mapping[str, Array], title: str, path: Path | None) -> Figure:
    """Paths of characteristics, also written to a file where there is a path."""
    figure = plot_characteristics(paths, title)
    if path is not None:
        save(figure, path)
    return figure
