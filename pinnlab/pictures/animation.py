"""Moving pictures of solutions in time, written by matplotlib's writers.

Letters: m unknowns.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.animation import FFMpegWriter, HTMLWriter, PillowWriter

from pinnlab.pictures.figures import draw_unknown, views
from pinnlab.pictures.panels import Picture, finite_range
from pinnlab.training.result import Solved

_WRITERS: dict[str, Any] = {".gif": PillowWriter, ".mp4": FFMpegWriter, ".html": HTMLWriter}
_DPI = 100


def animate(solution: Solved, path: str | os.PathLike[str], frames: int = 41, fps: int = 10) -> Path:
    """Write the unknowns over time: lines of one dimension in space, maps of two.

    Args:
        solution: what to draw.
        path: ends in ``.gif``, ``.mp4`` (needs ffmpeg) or ``.html``; or a folder, which gets the frames as ``.png``.
        frames: instants, from the first time to the last.
        fps: frames per second.

    Returns:
        The path.

    Raises:
        ValueError: a problem without time or space, another ending, fewer than two frames.
        RuntimeError: ``.mp4`` without ffmpeg.
    """
    problem, target = solution.problem, Path(path)
    if not problem.domain.has_time or not problem.domain.space:
        raise ValueError(f"animate(): {problem.domain!r} has no time and space to move in; use plot().")
    if target.suffix and target.suffix not in _WRITERS:
        raise ValueError(
            f"animate({os.fspath(path)!r}): the name must end in {', '.join(_WRITERS)}, or have no ending for a folder of "
            "frames."
        )
    if not isinstance(frames, int) or frames < 2:
        raise ValueError(f"animate(frames={frames!r}): give a whole number of at least 2.")
    target.parent.mkdir(parents=True, exist_ok=True)
    shown = views(problem, np.linspace(*problem.domain.time_interval, frames))
    values = [view.of_solution(solution) for view in shown]
    ranges = {u: finite_range([v[u] for v in values]) for u in values[0]}
    figure = Picture(4.6 * len(ranges) + 0.6, 4.0)

    def draw(k: int) -> None:
        figure.clear()
        places = np.atleast_1d(figure.subplots(1, len(ranges)))
        figure.suptitle(f"{problem.name}, {shown[k].title}")
        for axes, unknown in zip(places, ranges, strict=True):
            draw_unknown(axes, shown[k], values[k][unknown], unknown, ranges[unknown])

    if not target.suffix:
        target.mkdir(exist_ok=True)
        for k in range(frames):
            draw(k)
            figure.savefig(target / f"frame_{k:04d}.png", dpi=_DPI)
        return target
    kind = _WRITERS[target.suffix]
    if not kind.isAvailable():
        raise RuntimeError(f"animate({os.fspath(path)!r}): this needs ffmpeg, which is not installed; write a .gif.")
    options = {"embed_frames": True} if kind is HTMLWriter else {}
    writer = kind(fps=fps, **options)
    with writer.saving(figure, os.fspath(target), dpi=_DPI):
        for k in range(frames):
            draw(k)
            writer.grab_frame()
    return target
