"""Cold plates that a side or a hole heats from one moment on, and their temperatures by other ways than the package's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy

import pinnlab as pl

Array = np.ndarray
HOLE, RIM = 0.3, 1.0
"""Radii of a disc with a hot hole."""


def heat(u: Any) -> Any:
    """u_t = u_xx + u_yy."""
    return u.t - u.xx - u.yy


def hot_side_problem(end: float = 1.0) -> pl.Problem:
    """The unit square, 0 at the start, 100 on x = 1 and 0 on the other sides."""
    sides = [pl.Dirichlet(u=100.0, on="x+"), pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=0.0, on="y")]
    box = pl.Box(x=(0, 1), y=(0, 1), t=(0, end))
    return pl.Problem(box, "u", heat, [pl.Initial(u=0.0), *sides], name="hot side")


def hot_hole_problem(end: float = 0.5) -> pl.Problem:
    """A disc, 0 at the start and on its rim, 1 on the edge of its hole."""
    hole, disc = (pl.Ball(center={"x": 0.0, "y": 0.0}, radius=r, name=n) for r, n in ((HOLE, "hole"), (RIM, "rim")))
    conditions = [pl.Initial(u=0.0), pl.Dirichlet(u=1.0, on="hole"), pl.Dirichlet(u=0.0, on="rim")]
    return pl.Problem((disc - hole) * pl.Box(t=(0, end)), "u", heat, conditions, name="hot hole")


def pierced_problem(end: float = 0.1) -> pl.Problem:
    """The unit square, 0 at the start and on its sides, 100 on the edge of a hole in its middle."""
    hole = pl.Ball(center={"x": 0.5, "y": 0.5}, radius=0.2, name="hole")
    region = pl.Box(x=(0, 1), y=(0, 1)) - hole
    sides = [pl.Dirichlet(u=100.0, on="hole"), pl.Dirichlet(u=0.0, on="x"), pl.Dirichlet(u=0.0, on="y")]
    return pl.Problem(region * pl.Box(t=(0, end)), "u", heat, [pl.Initial(u=0.0), *sides], name="pierced plate")


def hot_side(x: Array, y: Array, t: Array) -> Array:
    """The unit square that starts at 0, u_t = u_xx + u_yy, with 1 at x = 1 and 0 at the other sides: series of sines.

    They converge for t of 0.01 and more.
    """
    m, total = np.arange(1, 400), np.zeros_like(x)
    for k in range(1, 400, 2):
        a = k * math.pi
        steady = np.exp(a * (x - 1)) * (1 - np.exp(-2 * a * x)) / (1 - math.exp(-2 * a))
        rates = a**2 + (m * math.pi) ** 2
        waves = 2 * (-1.0) ** (m + 1) * m * math.pi / rates * np.sin(m * math.pi * x[:, None])
        total += 4 / a * np.sin(a * y) * (steady - (waves * np.exp(-rates * t[:, None])).sum(axis=1))
    return total


def hot_ring(radius: float, outer: float, t: float, n: int = 800) -> tuple[Array, Array]:
    """(r, u) of u_t = u_rr + u_r / r between a ring at 1 and one at 0, from 0: finite differences, an implicit method."""
    r = radius + (outer - radius) * np.linspace(0, 1, n + 1) ** 1.5
    inner, h = r[1:-1], np.diff(r)
    below, above = h[:-1], h[1:]
    middle = (r[1:] + r[:-1]) / 2
    flux = middle / h
    width = inner * (below + above) / 2
    matrix = scipy.sparse.diags(
        [flux[1:-1] / width[1:], -(flux[:-1] + flux[1:]) / width, flux[1:-1] / width[:-1]], [-1, 0, 1]
    )
    source = np.zeros(n - 1)
    source[0] = flux[0] / width[0]
    found = scipy.integrate.solve_ivp(
        lambda _, u: matrix @ u + source, (0, t), np.zeros(n - 1), "Radau", rtol=1e-8, atol=1e-10, jac=matrix.tocsc()
    )
    return r, np.concatenate([[1.0], found.y[:, -1], [0.0]])


def away_from_corners(n: int = 100) -> tuple[Array, Array]:
    """(x, y) in the unit square, further than 0.05 from where its hot side ends."""
    x, y = np.random.default_rng(0).uniform(0.01, 0.99, (2, n))
    far = np.hypot(1 - x, np.minimum(y, 1 - y)) > 0.05
    return x[far], y[far]


def off_the_side(solution: Any, t: float, n: int = 400) -> Mapping[str, float]:
    """Errors of ``hot_side_problem`` at a time, away from the corners, relative and as a share of the jump."""
    x, y = away_from_corners(n)
    times = np.full_like(x, t)
    return _errors(solution(x=x, y=y, t=times)["u"] / 100, hot_side(x, y, times))


def off_the_ring(solution: Any, t: float) -> Mapping[str, float]:
    """Errors of ``hot_hole_problem`` at a time, along a ray."""
    r, u = hot_ring(HOLE, RIM, t)
    found = solution(x=0.6 * r, y=0.8 * r, t=np.full_like(r, t))["u"]
    inside = np.isfinite(found)
    return _errors(found[inside], u[inside])


def _errors(found: Array, true: Array) -> Mapping[str, float]:
    return {
        "relative": float(np.linalg.norm(found - true) / np.linalg.norm(true)),
        "largest": float(np.abs(found - true).max()),
    }
