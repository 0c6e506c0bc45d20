"""Triangles cut apart along some of their sides, so that functions on them may jump there.

Letters: k triangles, s sides, v nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy

from pinnlab.domains.meshing.outlines import Array, Curve, Segment, named
from pinnlab.domains.meshing.triangulation import Triangulation

Below = Callable[[Array, Array, Array], Array]
"""(ends (s, 2, 2) of sides, middles (s, 2) of the triangle on one hand, and on the other) -> (s,) 1 where the first lies
below the cut, -1 where the second does, and 0 where there is none."""


def below(piece: str) -> str:
    """Name of the piece of the boundary that triangles below a cut get; see ``opened``."""
    return f"below {piece}"


def above(piece: str) -> str:
    """The same above."""
    return f"above {piece}"


def opened(mesh: Triangulation, cuts: Sequence[tuple[str, Below]]) -> Triangulation:
    """The same triangles, with nodes of their own on the two hands of cuts, whose sides become pieces of the boundary.

    A node has as many copies as the cuts make of the triangles around it: two on a cut, one at its end inside.

    Args:
        mesh: that has sides on the cuts.
        cuts: name of each, and which sides it has; a side belongs to the first one that has it.
    """
    count = len(mesh.elements)
    sides = np.concatenate([mesh.elements[:, [i, (i + 1) % 3]] for i in range(3)])
    # the ends of side number i * k + t as corners of triangle t
    corners = np.concatenate(
        [np.stack([3 * np.arange(count) + i, 3 * np.arange(count) + (i + 1) % 3], 1) for i in range(3)]
    )
    pairs, which = np.unique(np.sort(np.concatenate([sides, mesh.edges]), axis=1), axis=0, return_inverse=True)
    mine, known = which.reshape(-1)[: len(sides)], which.reshape(-1)[len(sides) :]
    order = np.argsort(mine, kind="stable")
    _, first, number = np.unique(mine[order], return_index=True, return_counts=True)
    one, two = order[first], order[first + number - 1]
    inner = np.flatnonzero(one != two)
    middles = mesh.nodes[mesh.elements].mean(axis=1)
    owner, turned = np.full(len(pairs), -1), np.zeros(len(pairs), dtype=int)
    for i, (_, cut) in enumerate(cuts):
        free = inner[owner[inner] < 0]
        found = cut(mesh.nodes[pairs[free]], middles[one[free] % count], middles[two[free] % count])
        owner[free[found != 0]] = i
        turned[free] = found
    joined = inner[owner[inner] < 0]
    # neighbours run along their common side in opposite directions
    links = np.concatenate([corners[one[joined]], corners[two[joined]][:, ::-1]]).reshape(2, -1)
    graph = scipy.sparse.coo_array((np.ones(links.shape[1]), tuple(links)), shape=(3 * count,) * 2)
    label = scipy.sparse.csgraph.connected_components(graph, directed=False)[1]
    nodes = np.empty((label.max() + 1, 2))
    nodes[label] = mesh.nodes[mesh.elements.ravel()]
    on_curve = dict(zip(known.tolist(), mesh.curves.tolist(), strict=True))
    whole = owner[known] < 0
    edges, curves = [label[corners[one[known[whole]]]]], [mesh.curves[whole]]
    outline: list[Curve] = list(mesh.outline)
    numbers: dict[tuple[int | None, str], int] = {}
    for e in np.flatnonzero(owner >= 0).tolist():
        low, high = (one[e], two[e]) if turned[e] > 0 else (two[e], one[e])
        for side, piece in ((low, below(cuts[owner[e]][0])), (high, above(cuts[owner[e]][0]))):
            curve = on_curve.get(e)
            if curve is None:
                outline.append(Segment(piece, *mesh.nodes[pairs[e]]))
                at = len(outline) - 1
            else:
                at = numbers.setdefault((curve, piece), len(outline))
                if at == len(outline):
                    outline.append(named(mesh.outline[curve], piece))
            edges.append(label[corners[side]][None])
            curves.append(np.array([at]))
    return Triangulation(nodes, label.reshape(-1, 3), np.concatenate(edges), np.concatenate(curves), tuple(outline))
