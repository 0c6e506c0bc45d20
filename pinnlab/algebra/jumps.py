"""A prior for functions that are constant in pieces: increments are nearly all small, and some are as large as data ask for.

Letters: k arguments of a function, P products of polynomials, J increments.

Functions are sums of products of Chebyshev polynomials on [-1, 1]^k, row-major, the last argument fastest. Each increment
d_j from one place to the next is normal with the deviation lambda_j tau, where lambda_j is half-Cauchy (the horseshoe:
Carvalho, Polson & Scott, Biometrika 97, 2010); of vectors the length has that density. The fit is iteratively reweighted
least squares, lagged diffusivity for another penalty than the total variation (Vogel & Oman, SIAM J. Sci. Comput. 17, 1996):
weights of increments follow from the function before. Small increments have the weights of the total variation,
sqrt(2) / (tau |d|), and large ones 2 / d^2, so that jumps are not pulled together. What rounds |d| off at zero is how
uncertain it is, E|d|^2 in place of |d|^2: the mean field of the hierarchy of Makalic & Schmidt (IEEE Signal Process. Lett.
23, 2016), from which draws are made as well. The total variation's own prior has no strength for which its mean keeps jumps
on fine grids (Lassas & Siltanen, Inverse Problems 20, 2004).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.polynomial import chebyshev

Array = np.ndarray
_LEAST = 1e-16
"""Square of an increment, next to tau^2, that counts as rounding."""
_LOGS = np.linspace(-6.0, 6.0, 601)


def increments(degrees: Sequence[int]) -> Array:
    """(J, k, P) differences of the functions between Chebyshev's extrema and the next ones along each argument.

    There are as many extrema as polynomials: values there may be anything, so that a jump is one increment. At the last one
    along an argument there is no next, and a zero.

    What has these increments is the function with the coefficients c_n / sigma_n, of which the function is an average over
    neighbours, sigma_n = sin(pi n / (p + 1)) / (pi n / (p + 1)): polynomials that step from one extremum to the next swing
    between all others (Lanczos, Applied Analysis, 1956, section IV.6).

    Args:
        degrees: p of polynomials, per argument.
    """
    values = [chebyshev.chebvander(-np.cos(math.pi * np.arange(p + 1) / p), p) for p in degrees]
    steps = [np.append(np.diff(each, axis=0), np.zeros((1, each.shape[1])), axis=0) for each in values]
    damped = _product([np.sinc(np.arange(p + 1) / (p + 1)) for p in degrees])
    along = [
        _product([steps[i] if i == axis else each for i, each in enumerate(values)]) for axis in range(len(degrees))
    ]
    return np.stack(along, axis=1)[:-1] / damped


def _product(parts: Sequence[Array]) -> Array:
    """Kronecker's, of all."""
    found = parts[0]
    for part in parts[1:]:
        found = np.kron(found, part)
    return found


def expected_squares(rows: Array, mean: Array, factor: Array) -> Array:
    """(J,) E|d_j|^2 for coefficients with the mean (P,) and the covariance F F^T.

    Args:
        rows: (J, k, P) of increments.
        mean, factor: of coefficients.
    """
    found: Array = ((rows @ mean) ** 2).sum(axis=1) + ((rows @ factor) ** 2).sum(axis=(1, 2))
    return found


def jump_weights(squares: Array, size: float) -> Array:
    """(J,) expected 1 / lambda^2: the s that solves q s (s + 1) = 1 with q = E|d|^2 / (2 tau^2).

    Args:
        squares: (J,) E|d|^2.
        size: tau.
    """
    inverse = 1 / np.maximum(squares / (2 * size**2), _LEAST)
    # the root (sqrt(1 + 4 / q) - 1) / 2 without cancellation
    found: Array = 2 * inverse / (1 + np.sqrt(1 + 4 * inverse))
    return found


def jump_precision(rows: Array, weights: Array, size: float) -> Array:
    """(P, P) sum of d_j d_j^T / (lambda_j tau)^2.

    Args:
        rows: (J, k, P) of increments.
        weights: (J,) 1 / lambda^2.
        size: tau.
    """
    scaled = (rows * (np.sqrt(weights) / size)[:, None, None]).reshape(-1, rows.shape[2])
    return scaled.T @ scaled


def drawn_weights(squares: Array, weights: Array, size: float, rng: np.random.Generator) -> Array:
    """(J,) draws of 1 / lambda^2, exponential with the rate 1 / nu + |d|^2 / (2 tau^2), given those before.

    Args:
        squares: (J,) |d|^2.
        weights: (J,) 1 / lambda^2 before.
        size: tau.
        rng: of draws.
    """
    auxiliary = rng.gamma(1.0, 1 / (1 + weights))
    rates = auxiliary + np.maximum(squares / (2 * size**2), _LEAST)
    return np.maximum(rng.gamma(1.0, 1 / rates), _LEAST)


def drawn_size(square: float, rank: int, usual: float, rng: np.random.Generator) -> float:
    """A draw of tau: the density tau^-rank exp(-square / (2 tau^2)), where tau is exponential beforehand.

    Args:
        square: sum of |d|^2 / lambda^2.
        rank: of the rows of increments.
        usual: mean of tau beforehand.
        rng: of draws.
    """
    logs = 0.5 * math.log(max(square, 1e-300) / rank) + _LOGS * math.sqrt(2 / rank)
    density = -(rank - 1) * logs - square / 2 * np.exp(-2 * logs) - np.exp(logs) / usual
    total = np.cumsum(np.exp(density - density.max()))
    return math.exp(float(np.interp(rng.uniform() * total[-1], total, logs)))
