"""Nodes on a boundary as dense as is asked for, wherever it runs.

Letters: n points, d coordinates, k dimensions of the boundary, K patches.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from pinnlab.domains.patches import Patches, Placed

Array = np.ndarray
_MOST = 60
"""Halvings of a patch."""


def surface_nodes(
    patches: Sequence[Patches], spacing: Callable[[Array], Array], along: int, seed: int | None = None
) -> Placed:
    """Nodes on patches of a boundary, with normals and the area that belongs to each.

    Args:
        patches: that cover it.
        spacing: (n, d) points to (n,) lengths, in each of which there are about ``along`` nodes.
        along: nodes.
        seed: of random nodes; Gauss's where it is None.
    """
    return _joined([_nodes(each, spacing, along, seed) for each in patches if each.count])


def _joined(found: Sequence[Placed]) -> Placed:
    normals = [each.normals for each in found if each.normals is not None]
    points, areas = (np.concatenate(each) for each in zip(*((f.points, f.density) for f in found), strict=True))
    return Placed(points, areas, np.concatenate(normals) if normals else None)


def _nodes(patches: Patches, spacing: Callable[[Array], Array], along: int, seed: int | None) -> Placed:
    which, lower, width, sizes = _pieces(patches, spacing)
    k = patches.dimension
    counts = np.ceil(along * sizes).astype(int).clip(1, along)
    found, rng = [], np.random.default_rng(seed)
    for shape in np.unique(counts, axis=0):
        mine = (counts == shape).all(axis=1)
        number = int(mine.sum())
        axes = [np.polynomial.legendre.leggauss(int(c)) for c in shape]
        unit = np.array(list(itertools.product(*[(x + 1) / 2 for x, _ in axes]))).reshape(-1, k)
        weights = np.array([np.prod(w) for w in itertools.product(*[w / 2 for _, w in axes])])
        places = np.tile(unit, (number, 1, 1)) if seed is None else rng.random((number, *unit.shape))
        at = (lower[mine, None] + width[mine, None] * places).reshape(-1, k)
        placed = patches.place(np.repeat(which[mine], len(unit)), at)
        area = placed.density * np.tile(weights, number) * np.repeat(width[mine].prod(axis=1), len(unit))
        kept = area > 0
        found.append(Placed(placed.points[kept], area[kept], None if placed.normals is None else placed.normals[kept]))
    return _joined(found)


def _pieces(patches: Patches, spacing: Callable[[Array], Array]) -> tuple[Array, Array, Array, Array]:
    """Parts of patches that are no longer than the spacing where they are.

    Returns:
        Numbers of their patches (n,), lower corners and widths (n, k) in the cube, and sides over the spacing (n, k).
    """
    k = patches.dimension
    which, lower, width = np.arange(patches.count), np.zeros((patches.count, k)), np.ones((patches.count, k))
    done: list[tuple[Array, Array, Array, Array]] = []
    for _ in range(_MOST):
        if not len(which):
            break
        # three places along each side: half a circle is longer than the way between its ends
        middle = patches.place(which, lower + width / 2).points
        sides = np.empty_like(width)
        for axis in range(k):
            ends = [lower + width * np.where(np.arange(k) == axis, s, 0.5) for s in (0.0, 1.0)]
            first, last = (patches.place(which, end).points for end in ends)
            sides[:, axis] = np.linalg.norm(first - middle, axis=1) + np.linalg.norm(last - middle, axis=1)
        share = sides / spacing(middle)[:, None]
        long = (share > 1).any(axis=1)
        done.append((which[~long], lower[~long], width[~long], share[~long]))
        axis = share[long].argmax(axis=1)
        half, at = width[long].copy(), np.arange(int(long.sum()))
        half[at, axis] /= 2
        upper = lower[long].copy()
        upper[at, axis] += half[at, axis]
        which, lower, width = np.tile(which[long], 2), np.concatenate([lower[long], upper]), np.tile(half, (2, 1))
    found = [np.concatenate(each) for each in zip(*done, strict=True)]
    return found[0], found[1], found[2], found[3]
