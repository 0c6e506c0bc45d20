"""Solutions as other libraries' data. What those libraries are is asked only when they are needed."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pinnlab.declaration.complex_unknowns import separated
from pinnlab.declaration.relative_error import evaluate
from pinnlab.domains import Mesh
from pinnlab.domains.meshing.grids import cover
from pinnlab.training.result import Solved

_POINTS = {1: 1001, 2: 129, 3: 41}
_TIMES = 21


def to_xarray(solution: Solved, **sizes: int) -> Any:
    """The unknowns over a tensor grid of the domain, as an ``xarray.Dataset``; NaN outside a domain that is no box.

    Args:
        solution: what to evaluate.
        sizes: points per coordinate; 201 where not given.

    Raises:
        ImportError: xarray is not installed.
        ValueError: a size for a coordinate that the problem does not have, or one below 2.
    """
    xarray = _library("xarray", "to_xarray")
    names = solution.problem.domain.coordinates
    _check_sizes("to_xarray", sizes, names)
    axes, values = solution.on_grid(**sizes)
    attributes = {
        "problem": solution.problem.name,
        "solver": repr(solution.solver),
        "status": str(solution.status),
        "training_seconds": solution.seconds,
    }
    return xarray.Dataset({u: (names, v) for u, v in values.items()}, coords=axes, attrs=attributes)


def to_vtu(
    solution: Solved,
    path: str | os.PathLike[str],
    t: float | Sequence[float] | None = None,
    **sizes: int,
) -> tuple[Path, ...]:
    """Write the unknowns to VTK's format for unstructured grids, which ParaView opens.

    A mesh is written with its own nodes and elements, a box as a grid, any other domain as triangles or tetrahedra. In
    time, each instant is a file of its own next to ``path``, and a ``.pvd`` file lists them with their times. Where the
    problem has a reference, its values stand beside those of the solution, as ``u_reference``.

    Args:
        solution: what to evaluate.
        path: the file, ending in ``.vtu``.
        t: one instant, written to ``path``, or several; 21 from start to end if None.
        sizes: points per coordinate of space, of domains that are no meshes.

    Returns:
        The files that were written; of several instants, the ``.pvd`` file is the last.

    Raises:
        ImportError: meshio is not installed.
        ValueError: another ending, a domain without space or of more than three dimensions, a time outside the domain
            or for a steady problem, sizes for a mesh or for other coordinates.
    """
    meshio = _library("meshio", "to_vtu")
    domain = solution.problem.domain
    target, space = Path(path), domain.at_rest
    if target.suffix != ".vtu":
        raise ValueError(f"to_vtu({os.fspath(path)!r}): the name must end in .vtu.")
    if space is None or len(space.coordinates) > 3:
        raise ValueError(
            f"to_vtu(): {domain!r} has {len(domain.space)} dimensions in space, such a file one to three; use to_xarray()."
        )
    if sizes and isinstance(space, Mesh):
        raise ValueError(f"to_vtu({', '.join(sizes)}): a mesh is written with its own nodes; leave sizes out.")
    _check_sizes("to_vtu", sizes, space.coordinates)
    points = _POINTS[len(space.coordinates)]
    covered = cover(space, {name: sizes.get(name, points) for name in space.coordinates})
    # the format knows points in space only
    nodes = np.pad(covered.nodes, ((0, 0), (0, 3 - covered.nodes.shape[1])))
    target.parent.mkdir(parents=True, exist_ok=True)

    def write(file: Path, fixed: dict[str, float]) -> None:
        columns = {name: covered.nodes[:, i] for i, name in enumerate(space.coordinates)}
        # the format knows real numbers only
        values = separated(solution(**columns, **fixed), solution.problem.complex_unknowns)
        values |= _references(solution, {**columns, **fixed})
        meshio.Mesh(nodes, [(covered.kind, covered.cells)], point_data=values).write(file)

    times = _times(solution, t)
    if times is None or isinstance(t, int | float):
        write(target, {} if times is None else {solution.problem.domain.clock: times[0]})
        return (target,)
    width = len(str(len(times) - 1))
    files = [target.with_name(f"{target.stem}_{k:0{width}d}.vtu") for k in range(len(times))]
    for file, time in zip(files, times, strict=True):
        write(file, {solution.problem.domain.clock: time})
    series = target.with_suffix(".pvd")
    entries = "\n".join(f'    <DataSet timestep="{s!r}" file="{f.name}"/>' for s, f in zip(times, files, strict=True))
    series.write_text(
        f'<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1">\n  <Collection>\n{entries}\n  </Collection>\n'
        "</VTKFile>\n",
        encoding="utf-8",
    )
    return (*files, series)


def _references(solution: Solved, columns: Mapping[str, np.ndarray | float]) -> dict[str, np.ndarray]:
    """{"u_reference": (v,)} at coordinates, each (v,) or one number; empty where there is no reference."""
    problem = solution.problem
    if problem.reference is None or problem.families:
        return {}
    names = problem.domain.coordinates
    points = np.stack(np.broadcast_arrays(*(np.asarray(columns[name], dtype=float) for name in names)), axis=1)
    found = evaluate(problem.reference, problem, torch.from_numpy(points)).numpy()
    return {f"{u}_reference": values for u, values in zip(problem.unknowns, found.T, strict=True)}


def _times(solution: Solved, t: float | Sequence[float] | None) -> list[float] | None:
    """The instants to write; None for a steady problem."""
    domain = solution.problem.domain
    if not domain.has_time:
        if t is not None:
            raise ValueError(f"to_vtu(t={t!r}): the problem is steady, it has no coordinate 't'; leave t out.")
        return None
    start, end = domain.time_interval
    given = np.linspace(start, end, _TIMES) if t is None else np.atleast_1d(np.asarray(t, dtype=float))
    if not len(given) or given.min() < start or given.max() > end:
        raise ValueError(f"to_vtu(t={t!r}): give times within the problem's, {start:g} to {end:g}.")
    return given.tolist()


def _library(name: str, owner: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"{owner}() needs {name}, which is not installed: pip install pinnlab[export].") from error


def _check_sizes(owner: str, sizes: dict[str, int], names: tuple[str, ...]) -> None:
    for name, size in sizes.items():
        if name not in names:
            raise ValueError(f"{owner}({name}={size!r}): not a coordinate; the coordinates are {', '.join(names)}.")
        if not isinstance(size, int) or size < 2:
            raise ValueError(f"{owner}({name}={size!r}): give a whole number of points, at least 2.")
