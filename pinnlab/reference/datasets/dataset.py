"""Solutions of many members of a family on one grid, and the cache that keeps them on disk.

Letters: k members, s nodes of an axis.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from pinnlab.declaration.problem import Problem
from pinnlab.machine.files import blamed
from pinnlab.machine.fingerprint import fingerprint

Array = np.ndarray
Member = Mapping[str, Any]
"""{parameter: number or function} of one member."""

_VERSION = 2


@dataclass(frozen=True, eq=False)
class Dataset:
    """Solutions of k members of a family, all on one tensor grid.

    Attributes:
        axes: {coordinate: (s,) nodes}.
        values: ``{unknown: (k, *grid)}``, dimensions in the order of ``axes``.
        members: per member, {parameter: number or function}: what ``problem.at(**member)`` takes.

    Raises:
        ValueError: arrays whose shapes do not belong together.
    """

    axes: Mapping[str, Array]
    values: Mapping[str, Array]
    members: Sequence[Member]

    def __post_init__(self) -> None:
        grid = tuple(len(a) for a in self.axes.values())
        for unknown, array in self.values.items():
            if array.shape != (len(self.members), *grid):
                raise ValueError(
                    f"Dataset: values[{unknown!r}] has shape {array.shape}; {len(self.members)} members on a grid of "
                    f"{' x '.join(self.axes)} make {(len(self.members), *grid)}."
                )

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, which: slice) -> Dataset:
        """Some of the members, on the same grid: ``data[:100]``."""
        if not isinstance(which, slice):
            raise TypeError(f"data[{which!r}]: take a range of members, such as data[:100]; one is data[i : i + 1].")
        return Dataset(self.axes, {u: v[which] for u, v in self.values.items()}, self.members[which])

    def every(self, **steps: int) -> Dataset:
        """The same members on a coarser grid: ``data.every(x=4)`` keeps each fourth node along x.

        Raises:
            ValueError: an axis that is not there.
        """
        unknown = sorted(set(steps) - set(self.axes))
        if unknown:
            raise ValueError(f"every({unknown[0]}=...): the axes are {', '.join(self.axes)}.")
        cuts = tuple(slice(None, None, steps.get(name, 1)) for name in self.axes)
        axes = {name: a[cut] for (name, a), cut in zip(self.axes.items(), cuts, strict=True)}
        return Dataset(axes, {u: v[(slice(None), *cuts)] for u, v in self.values.items()}, self.members)

    @property
    def mesh(self) -> dict[str, Array]:
        """{coordinate: (*grid)}, as a solution is called: ``solution(**data.mesh)``."""
        return dict(zip(self.axes, np.meshgrid(*self.axes.values(), indexing="ij"), strict=True))

    def errors(self, predict: Callable[..., Any]) -> dict[str, Array]:
        """{unknown: (k,)} relative L2 errors over the grid, of each member.

        Args:
            predict: takes a member's parameters by name and returns what is called with coordinates by name, such as
                ``lambda u0: operator.at(u0=u0)``; unknowns that its answer lacks are left out.
        """
        found: dict[str, list[float]] = {}
        mesh = self.mesh
        for i, member in enumerate(self.members):
            for unknown, values in predict(**member)(**mesh).items():
                if unknown in self.values:
                    exact = self.values[unknown][i]
                    error = np.linalg.norm(np.asarray(values) - exact) / np.linalg.norm(exact)
                    found.setdefault(unknown, []).append(float(error))
        return {unknown: np.array(errors) for unknown, errors in found.items()}


Simulate = Callable[[Sequence[Member]], Mapping[str, Array]]
"""Members -> {unknown: (k, *grid)}."""


def generate(
    name: str,
    problem: Problem,
    count: int,
    simulate: Simulate,
    axes: Mapping[str, Array],
    *,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    batch: int = 1,
    folder: str | os.PathLike[str] | None = None,
    dtype: Any = np.float32,
    progress: bool = True,
) -> Dataset:
    """Solutions of random members of a family: simulated once, then read from disk.

    Member i is drawn from a generator of its own, seeded by (seed, i), so a larger dataset begins with the smaller one.

    Args:
        name: how files and the progress bar call it.
        problem: the family.
        count: number of members k.
        simulate: a classical solver.
        axes: the grid on which it returns solutions.
        seed: of the members.
        settings: whatever else the numbers depend on. With the family, its equations and conditions, the grid and the code
            of ``simulate`` it names the file, so that a change of any of them is simulated anew.
        batch: members simulated at once.
        folder: where files are kept; ``cache_folder()`` if None.
        dtype: of the values on disk.
        progress: show a progress bar while simulating.

    Raises:
        ValueError: a name that is none of a file, ``problem`` is no family, ``count`` is below 1, a simulation failed, or
            a file on disk is damaged.
        OSError: the folder cannot be written to.
    """
    if not isinstance(name, str) or not name or name.startswith(".") or set(name) & set("/\\:\0"):
        raise ValueError(
            f"generate({name!r}): files in the folder begin with this name, so it must not be empty, begin with a dot or "
            "hold a slash, backslash or colon; say folder=... for another place."
        )
    if not problem.families:
        raise ValueError(
            f"generate({name!r}): the problem is no family; give a parameter as Uniform(...) or RandomField(...)."
        )
    if count < 1:
        raise ValueError(f"generate({name!r}, count={count}): must be at least 1.")
    members = [problem.sample_parameters(np.random.default_rng([seed, i])) for i in range(count)]
    identity = fingerprint(
        _VERSION, name, repr(problem.domain), dict(problem.parameters), dict(settings or {}), dict(axes), count, seed,
        str(np.dtype(dtype)), problem.unknowns, problem.equations, problem.conditions, simulate,
    )  # fmt: skip
    path = Path(cache_folder() if folder is None else folder) / f"{name}-{count}-{identity[:12]}.npz"
    if path.exists():
        with blamed(f"generate({name!r}): {os.fspath(path)!r}", "delete it, and it is simulated again"):
            with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
                stored = {u: file[u] for u in file.files}
            if not stored or not all(np.isfinite(v).all() for v in stored.values()):
                raise TypeError("it holds no numbers")
            return Dataset(axes, stored, members)
    parts: dict[str, list[Array]] = {}
    with tqdm(total=count, desc=name, unit="members", disable=not progress) as bar:
        for first in range(0, count, batch):
            some = members[first : first + batch]
            for unknown, values in simulate(some).items():
                if not np.isfinite(values).all():
                    raise ValueError(
                        f"generate({name!r}): the simulation of members {first} to {first + len(some) - 1} failed."
                    )
                parts.setdefault(unknown, []).append(values.astype(dtype))
            bar.update(len(some))
    data = Dataset(axes, {u: np.concatenate(v) for u, v in parts.items()}, members)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with open(unfinished, "wb") as out:
        # NumPy's types take every keyword for allow_pickle, which is no unknown's name
        np.savez(out, **data.values)  # type: ignore[arg-type]
    os.replace(unfinished, path)
    return data


def cache_folder() -> Path:
    """Where datasets are kept unless told otherwise: ``pinnlab`` in the user's cache directory."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pinnlab"
