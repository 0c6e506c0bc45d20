"""Sets of simplices: segments, triangles, tetrahedra. Points spread over them, and which of them holds a point.

Letters: n points, d coordinates, k simplices of m + 1 corners each, f facets.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

_PAIRS = 1 << 21


def volumes(corners: Tensor) -> Tensor:
    """(k,): lengths, areas or volumes of simplices (k, m + 1, d), m <= d."""
    edges = corners[:, 1:] - corners[:, :1]
    gram = edges @ edges.transpose(1, 2)
    return torch.linalg.det(gram).clamp_min(0).sqrt() / math.factorial(corners.shape[1] - 1)


def barycentric(unit: Tensor) -> Tensor:
    """(n, m) points of the unit cube as (n, m + 1) barycentric coordinates of a simplex, volumes in proportion."""
    m = unit.shape[1]
    left, found = torch.ones(len(unit), dtype=unit.dtype), []
    for j in range(m):
        # of the share that is left, the part beyond a plane parallel to a facet is the (m - j)-th power
        kept = unit[:, j] ** (1 / (m - j))
        found.append(left * (1 - kept))
        left = left * kept
    return torch.stack([*found, left], dim=1)


class Simplices:
    """Simplices, and a map of the unit cube onto them that keeps proportions of volume.

    One coordinate of the cube chooses the simplex, by the inverse distribution function of the volumes; what is left of
    it and the other coordinates place the point. Simplices are taken in an order in which neighbours stay together, so
    that evenly spread points stay evenly spread.

    Args:
        corners: (k, m + 1, d) float64.
    """

    def __init__(self, corners: Tensor):
        self.corners, self.volumes = corners, volumes(corners)
        self.order = torch.from_numpy(np.argsort(_morton(corners.mean(dim=1).numpy()), kind="stable"))
        total = self.volumes[self.order].cumsum(0)
        self.cumulative = total / total[-1]

    def place(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """(n, m) points of the unit cube as (n, d) points, and (n,) numbers of the simplices they are in."""
        u = unit.clamp(0.0, 1.0 - 2.0**-53)
        k = torch.searchsorted(self.cumulative, u[:, 0].contiguous(), right=True)
        above, below = self.cumulative[k], torch.where(k > 0, self.cumulative[(k - 1).clamp_min(0)], 0.0)
        inner = torch.cat([((u[:, :1].T - below) / (above - below)).T, u[:, 1 : self.corners.shape[1] - 1]], dim=1)
        which = self.order[k]
        return (barycentric(inner)[:, :, None] * self.corners[which]).sum(dim=1), which


class Locator:
    """Finds the simplices that hold points: full-dimensional ones, (k, d + 1, d), by buckets of a grid.

    Args:
        corners: (k, d + 1, d) float64.
        outer: (k, d + 1) booleans: whether the facet opposite to a corner is on the boundary of them all.
    """

    def __init__(self, corners: Tensor, outer: Tensor):
        x = corners.numpy()
        k, _, d = x.shape
        self.lower, upper = x.min(axis=(0, 1)), x.max(axis=(0, 1))
        self.size = float((upper - self.lower).max())
        self.counts = np.maximum(1, np.ceil((upper - self.lower) / self.size * max(1, 2 * k) ** (1 / d))).astype(int)
        self.width = (upper - self.lower) / self.counts
        slack = 2e-5 * self.size
        first, last = self._bucket(x.min(axis=1) - slack), self._bucket(x.max(axis=1) + slack)
        spans = last - first + 1
        which, number = _ragged(spans.prod(axis=1))
        bucket = np.zeros(len(which), dtype=int)
        for j in range(d):
            offset = number % spans[which, j]
            number = number // spans[which, j]
            bucket = bucket * self.counts[j] + first[which, j] + offset
        order = np.argsort(bucket, kind="stable")
        self.members = which[order]
        self.starts = np.searchsorted(bucket[order], np.arange(self.counts.prod() + 1))
        # heights over the facets, as affine functions: the distance of a point from facet i is h_i * lambda_i
        edges = np.swapaxes(x[:, 1:] - x[:, :1], 1, 2)
        gradients = np.linalg.inv(edges)
        gradients = np.concatenate([-gradients.sum(axis=1, keepdims=True), gradients], axis=1)
        lengths = np.linalg.norm(gradients, axis=2, keepdims=True)
        self.normals = gradients / lengths
        offsets = np.concatenate([np.ones((k, 1)), np.zeros((k, d))], axis=1) / lengths[:, :, 0]
        self.offsets = offsets - np.einsum("kid,kd->ki", self.normals, x[:, 0])
        self.outer = outer.numpy()

    def depth(self, points: Tensor) -> Tensor:
        """(n,): distance from the boundary in simplices at it, large further inside; negative outside."""
        x = points.detach().to("cpu", torch.float64).numpy()
        batch = max(1, _PAIRS // max(1, int(np.diff(self.starts).max())))
        found = [self._depth(x[start : start + batch]) for start in range(0, len(x), batch)]
        return torch.from_numpy(np.concatenate(found) if found else np.zeros(0)).to(points)

    def _depth(self, x: np.ndarray) -> np.ndarray:
        flat = np.ravel_multi_index(tuple(self._bucket(x).T), tuple(self.counts))
        which, number = _ragged(self.starts[flat + 1] - self.starts[flat])
        simplex = self.members[self.starts[flat[which]] + number]
        heights = np.einsum("pid,pd->pi", self.normals[simplex], x[which]) + self.offsets[simplex]
        lowest, rounding = heights.min(axis=1), 1e-10 * self.size
        held = lowest >= -rounding
        # a point between two simplices is in both; inside, only the boundary of them all counts
        inner = np.where(self.outer[simplex], heights, self.size).min(axis=1)
        inside, outside = np.full(len(x), np.inf), np.full(len(x), -self.size)
        np.minimum.at(inside, which[held], inner[held])
        np.maximum.at(outside, which, lowest)
        return np.where(np.isfinite(inside), inside, np.minimum(outside, -rounding))

    def _bucket(self, x: np.ndarray) -> np.ndarray:
        return np.clip(((x - self.lower) / self.width).astype(int), 0, self.counts - 1)


def whole_face(facets: Simplices, bounds: dict[str, tuple[float, float]]) -> tuple[int, float, float] | None:
    """(coordinate number, position, outward sign) where facets cover one face of a bounding box, else None."""
    size = max(upper - lower for lower, upper in bounds.values())
    area = float(facets.volumes.sum())
    for i, (name, interval) in enumerate(bounds.items()):
        whole = math.prod(upper - lower for other, (lower, upper) in bounds.items() if other != name)
        for position, sign in zip(interval, (-1.0, 1.0), strict=True):
            on_it = bool((facets.corners[:, :, i] - position).abs().max() <= 1e-12 * size)
            if on_it and abs(area - whole) <= 1e-9 * whole:
                return i, position, sign
    return None


def _ragged(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For counts (3, 1): rows 0, 0, 0, 1 and numbers 0, 1, 2, 0."""
    rows = np.repeat(np.arange(len(counts)), counts)
    return rows, np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)


def _morton(points: np.ndarray) -> np.ndarray:
    """(n,): places along a curve that visits nearby points one after another (Morton order)."""
    n, d = points.shape
    width = np.ptp(points, axis=0)
    bits = 60 // d
    whole = ((points - points.min(axis=0)) / np.where(width > 0, width, 1.0) * (2**bits - 1)).astype(np.int64)
    code = np.zeros(n, dtype=np.int64)
    for bit in range(bits):
        for j in range(d):
            code |= ((whole[:, j] >> bit) & 1) << (bit * d + j)
    return code
