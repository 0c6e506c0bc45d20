"""PDEBench's HDF5 files with one group per member (Takamoto et al., arXiv 2210.07182), read and written.

Letters: k members, m unknowns.

A group "0000", "0001", ... holds ``data`` of shape (t, x, m) or (t, x, y, m) and the coordinates ``grid/x``, ``grid/y``,
``grid/t``: the layout of the diffusion-sorption, diffusion-reaction and shallow-water files. Needs h5py, which
``pip install pinnlab[data]`` brings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from pinnlab.reference.datasets.dataset import Array, Dataset, Member

_SPACE = ("x", "y")
_TIME = "t"


def read_pdebench(
    path: str | os.PathLike[str],
    unknowns: str | Sequence[str] = "u",
    *,
    members: range | Sequence[int] | None = None,
    parameters: Callable[[dict[str, Array]], Member] | None = None,
) -> Dataset:
    """Read members of a PDEBench file; axes are in the order x, (y,) t.

    Args:
        path: the file.
        unknowns: names of the channels, in their order.
        members: positions of the groups to read, in the order of their names; all if None.
        parameters: gives a member's parameters from its initial state {unknown: (x, ...)}, which is all that a file
            says of them; none if None.

    Raises:
        ImportError: h5py is not installed.
        FileNotFoundError: there is no such file.
        ValueError: another layout, other channels, members that are not there, or grids that differ.
    """
    names = (unknowns,) if isinstance(unknowns, str) else tuple(unknowns)
    where = repr(os.fspath(path))
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no file {where}.")
    axes: dict[str, Array] = {}
    parts: list[Array] = []
    with _h5py().File(path, "r") as file:
        groups = sorted(g for g in file if "data" in getattr(file[g], "keys", tuple)())
        if not groups:
            raise ValueError(
                f"{where} holds {', '.join(list(file)[:4]) or 'nothing'}; this reader knows files with one group per "
                "member (0000/data, 0000/grid/x, 0000/grid/t), such as PDEBench's diffusion-sorption."
            )
        wanted = range(len(groups)) if members is None else members
        for position in wanted:
            if not 0 <= position < len(groups):
                raise ValueError(f"members={members!r}: {where} has {len(groups)} members, 0 to {len(groups) - 1}.")
            group = file[groups[position]]
            grid = {
                name: np.asarray(group["grid"][name], dtype=float) for name in (*_SPACE, _TIME) if name in group["grid"]
            }
            if axes and not all(np.array_equal(axes.get(n, ()), a) for n, a in grid.items()):
                raise ValueError(f"{where}: the grid of {groups[position]!r} differs from that of the first member.")
            axes = grid
            array = np.asarray(group["data"])
            shape = (len(grid[_TIME]), *(len(a) for n, a in grid.items() if n != _TIME), len(names))
            if array.shape != shape:
                raise ValueError(
                    f"{where}: {groups[position]}/data has shape {array.shape}; its grid and "
                    f"unknowns={names!r} make {shape}."
                )
            parts.append(np.moveaxis(array, 0, -2))
    stacked = np.stack(parts) if parts else np.zeros((0, *(len(a) for a in axes.values()), len(names)))
    values = {name: stacked[..., j] for j, name in enumerate(names)}
    given = parameters or (lambda _: {})
    found = [given({u: v[i, ..., 0] for u, v in values.items()}) for i in range(len(parts))]
    return Dataset(axes, values, found)


def write_pdebench(path: str | os.PathLike[str], data: Dataset) -> None:
    """Write a dataset in PDEBench's layout, float32 and compressed as theirs.

    Raises:
        ImportError: h5py is not installed.
        ValueError: axes other than x, (y,) t in this order.
    """
    names = tuple(data.axes)
    if names not in ((_SPACE[0], _TIME), (*_SPACE, _TIME)):
        raise ValueError(f"write_pdebench: the axes are {', '.join(names)}; the layout has x, t or x, y, t.")
    stacked = np.stack(list(data.values.values()), axis=-1)
    options: dict[str, Any] = {"dtype": "float32", "compression": "lzf"}
    with _h5py().File(path, "w") as file:
        for i, member in enumerate(stacked):
            group = file.create_group(f"{i:04d}")
            group.create_dataset("data", data=np.moveaxis(member, -2, 0), **options)
            for name, axis in data.axes.items():
                group.create_dataset(f"grid/{name}", data=axis, **options)


def _h5py() -> ModuleType:
    try:
        import h5py
    except ImportError as error:
        raise ImportError("PDEBench's files are HDF5: install h5py, or pip install pinnlab[data].") from error
    return h5py
