"""Polynomial interpolation and differentiation on groups of neighbouring nodes.

Letters: r rows, w nodes of a stencil, n nodes of an axis, p points asked for.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def barycentric_weights(nodes: Array) -> Array:
    """Weights (r, w) of barycentric interpolation on (r, w) nodes, up to a factor per row (Berrut & Trefethen 2004)."""
    gaps = nodes[:, :, None] - nodes[:, None, :]
    diagonal = np.arange(nodes.shape[1])
    gaps[:, diagonal, diagonal] = 1.0
    # logarithms: the products of hundreds of gaps leave the range of float64
    size = -np.log(np.abs(gaps)).sum(axis=2)
    return np.sign(gaps).prod(axis=2) * np.exp(size - size.max(axis=1, keepdims=True))


def interpolation_weights(nodes: Array, at: Array, bary: Array | None = None) -> Array:
    """Weights (p, w) that turn values at (p, w) nodes into the interpolating polynomial's value at (p,) points.

    Args:
        nodes: (p, w).
        at: (p,).
        bary: (p, w) barycentric weights of the nodes, if they are known.
    """
    gaps = at[:, None] - nodes
    hit = gaps == 0
    bary = barycentric_weights(nodes) if bary is None else bary
    weights = bary / np.where(hit, 1.0, gaps)
    weights = np.where(hit.any(axis=1, keepdims=True), hit.astype(float), weights)
    return weights / weights.sum(axis=1, keepdims=True)


def derivative_weights(nodes: Array, position: Array, order: int) -> Array:
    """Weights (r, w) of the derivative of the given order at node number ``position`` (r,) of each row's stencil.

    The recursion of Welfert (1997) along one row; the diagonal makes constants differentiate to zero, which is what
    keeps high orders accurate (Baltensperger & Trummer 2003).
    """
    rows = np.arange(len(nodes))
    bary = barycentric_weights(nodes)
    ratio = bary / bary[rows, position][:, None]
    gaps = nodes[rows, position][:, None] - nodes
    gaps[rows, position] = 1.0
    weights = np.zeros_like(nodes)
    weights[rows, position] = 1.0
    for k in range(1, order + 1):
        weights = k / gaps * (ratio * weights[rows, position][:, None] - weights)
        weights[rows, position] = 0.0
        weights[rows, position] = -weights.sum(axis=1)
    return weights


def slope_weights(nodes: Array, at: Array, order: int, bary: Array | None = None) -> Array:
    """Weights (p, w) that turn values at (p, w) nodes into a derivative of the interpolating polynomial at (p,) points.

    The point itself is taken as one more node, where the polynomial has the value that interpolation gives.

    Args:
        nodes: (p, w).
        at: (p,).
        order: of the derivative; 0 for the value.
        bary: (p, w) barycentric weights of the nodes, if they are known.
    """
    values = interpolation_weights(nodes, at, bary)
    if order == 0:
        return values
    found = np.empty_like(values)
    gaps = abs(at[:, None] - nodes)
    close = gaps.min(axis=1) <= 1e-6 * np.ptp(nodes, axis=1)
    if close.any():
        # beside a node, the derivatives at all nodes are interpolated
        mine = nodes[close]
        at_nodes = [derivative_weights(mine, np.full(len(mine), i), order) for i in range(nodes.shape[1])]
        found[close] = np.einsum("pi,ipw->pw", values[close], np.stack(at_nodes))
    if not close.all():
        wider = np.concatenate([nodes[~close], at[~close, None]], axis=1)
        weights = derivative_weights(wider, np.full(len(wider), nodes.shape[1]), order)
        found[~close] = weights[:, :-1] + weights[:, -1:] * values[~close]
    return found


def window_starts(n: int, width: int, centres: Array) -> Array:
    """First node of the window of ``width`` nodes around node ``centres``, kept inside the axis."""
    return np.clip(centres - (width - 1) // 2, 0, n - width)
