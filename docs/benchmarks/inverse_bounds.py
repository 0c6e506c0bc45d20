"""How near data of pinnacle/heat_inverse lead to a(x, y) at best, whoever chooses the regularization.

    python docs/benchmarks/inverse_bounds.py

The problem is linearized at its solution: a = 2 + sines that vanish around, u by Chebyshev polynomials that meet the
equation, so that its values around and at the start stay free. The relative error of a that is expected over all noises,
root of mean square, follows without sampling: what the prior takes away and what the noise adds. The prior of a is Matern's
of order 2 to 4, of higher ones and a Gaussian process, and that of u around a Gaussian process; sizes and lengths are an
oracle's, those of the least error, which needs the truth. Writes inverse_bounds.json.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
from pathlib import Path

import numpy as np
import scipy
from numpy.polynomial import chebyshev

from pinnlab.bench.provenance import provenance

PI = math.pi
OUT = Path(__file__).with_suffix(".json")
Array = np.ndarray
SPACE, TIME, SINES = 11, 5, 6
"""Degrees of u in x and y and in t; sines of a along each axis."""
NOISE, MODES = 0.1, list(itertools.product(range(1, SINES + 1), repeat=2))
SQUARE_OF_A = 17.0
"""Integral of a^2 over the square, where each sine has an integral of one."""
ORDERS, RANGES, SIZES = (2, 3, 4), (0.1, 0.3, 1.0, 3.0, 10.0, 30.0), 10.0 ** np.arange(-4, 4)
LENGTHS, AROUND = (0.5, 0.7, 1.0, 1.4, 2.0), (0.3, 1.0, 3.0)


def powers(at: Array, degree: int, order: int) -> Array:
    """(n, degree + 1) derivatives of Chebyshev's polynomials."""
    return np.stack([chebyshev.chebval(at, chebyshev.chebder(each, order)) for each in np.eye(degree + 1)], axis=-1)


def rows(x: Array, y: Array, t: Array, dx: int = 0, dy: int = 0, dt: int = 0) -> Array:
    """(n, coefficients of u) one of its derivatives."""
    one, two, three = powers(x, SPACE, dx), powers(y, SPACE, dy), powers(2 * t - 1, TIME, dt) * 2**dt
    return np.einsum("pi,pj,pk->pijk", one, two, three).reshape(len(x), -1)


def sine(at: Array, k: int, order: int = 0) -> Array:
    w = PI * k / 2
    return w * np.cos(w * (at + 1)) if order else np.sin(w * (at + 1))


def grid(x: Array, y: Array, t: Array) -> tuple[Array, ...]:
    return tuple(each.ravel() for each in np.meshgrid(x, y, t, indexing="ij"))


def exact(x: Array, y: Array, t: Array) -> Array:
    return np.exp(-t) * np.sin(PI * x) * np.sin(PI * y)


def linear() -> tuple[Array, Array]:
    """Coefficients of u by the (36) of a, and a basis of those that the equation leaves free.

    The equation is tested with polynomials of two degrees less in space and one less in time (Galerkin with Gauss' points),
    which leaves the values around and at the start.
    """
    space = chebyshev.chebgauss(SPACE + 1)[0]
    x, y, t = grid(space, space, (chebyshev.chebgauss(TIME + 1)[0] + 1) / 2)
    sx, sy, cx, cy, decay = np.sin(PI * x), np.sin(PI * y), PI * np.cos(PI * x), PI * np.cos(PI * y), np.exp(-t)
    ux, uy, laplacian = decay * cx * sy, decay * sx * cy, -2 * PI**2 * decay * sx * sy
    of_u = rows(x, y, t, dt=1) - (2 + sx * sy)[:, None] * (rows(x, y, t, dx=2) + rows(x, y, t, dy=2))
    of_u -= (cx * sy)[:, None] * rows(x, y, t, dx=1) + (sx * cy)[:, None] * rows(x, y, t, dy=1)
    of_a = np.stack([
        -(sine(x, i) * sine(y, j) * laplacian + sine(x, i, 1) * sine(y, j) * ux + sine(x, i) * sine(y, j, 1) * uy)
        for i, j in MODES
    ], axis=-1)  # fmt: skip
    tests = np.einsum(
        "pi,pj,pk->pijk", powers(x, SPACE - 2, 0), powers(y, SPACE - 2, 0), powers(2 * t - 1, TIME - 1, 0)
    ).reshape(len(x), -1)
    matrix, right = tests.T @ of_u, tests.T @ of_a
    units = np.linalg.norm(matrix, axis=1, keepdims=True)
    followed = -np.linalg.lstsq(matrix / units, right / units, rcond=1e-12)[0]
    return followed, scipy.linalg.null_space(matrix / units, rcond=1e-11)


def gaussian(places: Array, length: float) -> Array:
    """(n, n) precision of a Gaussian process of size one with the covariance exp(-r^2 / (2 length^2))."""
    square = ((places[:, None] - places[None]) ** 2).sum(axis=-1)
    return np.linalg.inv(np.exp(-square / (2 * length**2)) + 1e-6 * np.eye(len(places)))


def expected(information: Array, pull: Array, prior: Array) -> float:
    """Relative error of a, with the information of the data and the prior of u (p, p), u integrated out.

    Args:
        information: of the data alone, (2, p, p): with u's prior in the inverse, and its covariance of noise.
        pull: (p,) gradient of u's prior at the truth, u integrated out.
        prior: (p,) precision of each sine.
    """
    truth = np.array([float(mode == (2, 2)) for mode in MODES])
    inverse = np.linalg.inv(information[0] + np.diag(prior))
    bias, spread = inverse @ (pull + prior * truth), inverse @ information[1] @ inverse
    return math.sqrt((bias @ bias + np.trace(spread)) / SQUARE_OF_A)


def reduced(of_a: Array, of_u: Array, around_a: Array, around_u: Array, precision: Array, values: Array) -> tuple:
    """``information`` and ``pull`` of ``expected``: u's free coefficients are eliminated."""
    both, edge = np.hstack([of_a, of_u]), np.hstack([around_a, around_u])
    fisher, prior, p = both.T @ both, edge.T @ precision @ edge, len(MODES)
    whole = fisher + prior + np.diag(np.r_[np.zeros(p), np.full(len(fisher) - p, 1e-9)])
    # the estimate of a is E (gradient), where E = (I, -W_au W_uu^-1) eliminates u
    eliminate = np.hstack([np.eye(p), -np.linalg.solve(whole[p:, p:], whole[p:, :p]).T])
    information = np.stack([eliminate @ whole[:, :p], eliminate @ fisher @ eliminate.T])
    return information, eliminate @ edge.T @ precision @ values


def main() -> None:
    rng = np.random.default_rng(0)
    data = [rng.uniform(low, 1.0, 2500) for low in (-1.0, -1.0, 0.0)]
    followed, free = linear()
    measured = rows(*data) / NOISE
    line, times = np.linspace(-1, 1, 9), np.linspace(0, 1, 5)
    places = np.stack(grid(line, line, times), axis=-1)
    places = places[(np.abs(places[:, :2]).max(axis=1) == 1) | (places[:, 2] == 0)]
    edge, values = rows(*places.T), exact(*places.T)
    inputs = (measured @ followed, measured @ free, edge @ followed, edge @ free)
    squares = np.array([(i * i + j * j) * (PI / 2) ** 2 for i, j in MODES])
    scan = [size * (1 + squares / k**2) ** n for n in ORDERS for k in RANGES for size in SIZES]
    nothing = np.zeros((len(places),) * 2)
    one = MODES.index((2, 2))
    flat = reduced(*inputs, nothing, values)
    known = reduced(inputs[0], inputs[1][:, :0], inputs[2], inputs[3][:, :0], nothing, values)
    smooth = [reduced(*inputs, gaussian(places, length) / size**2, values) for length in LENGTHS for size in AROUND]
    smoother = [size * (1 + squares / (n * k**2)) ** n for n in (8, 16) for k in RANGES for size in SIZES]
    smoother += [size * np.exp(np.minimum(squares / k**2, 50)) for k in RANGES for size in SIZES]

    def least(each: tuple, priors: list[Array] = scan) -> float:
        return min(expected(*each, prior) for prior in priors)

    def by_sines(n: int) -> float:
        """With n x n sines and no prior."""
        chosen = [i for i, mode in enumerate(MODES) if max(mode) <= n]
        return math.sqrt(np.trace(np.linalg.inv(flat[0][0][np.ix_(chosen, chosen)])) / SQUARE_OF_A)

    table = {
        "a's shape known, its size alone unknown": math.sqrt(1 / flat[0][0][one, one] / SQUARE_OF_A),
        "a by the lowest 2 x 2, 3 x 3, 4 x 4 sines, no prior": [by_sines(n) for n in (2, 3, 4)],
        "nothing known of u around, a by an oracle": least(flat),
        "u around smooth by an oracle, a too": min(map(least, smooth)),
        "u known around, a by an oracle": least(known),
        "nothing known of u around, a of order 8, 16 or a Gaussian process by an oracle": least(flat, smoother),
        "u known around, a of order 8, 16 or a Gaussian process by an oracle": least(known, smoother),
    }
    print(json.dumps(table, indent=1))
    made = provenance(f"python docs/benchmarks/inverse_bounds.py {' '.join(sys.argv[1:])}".strip())
    OUT.write_text(json.dumps({"heat_inverse": table, "provenance": made}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
