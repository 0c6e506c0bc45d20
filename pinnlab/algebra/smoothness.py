"""How rough a function is, as a quadratic form of its coefficients: what regularizes functions that are to be found.

Letters: k arguments of a function, p degree along one of them, P products of polynomials, m order of the smoothness.

Functions are sums of products of Chebyshev polynomials on [-1, 1]^k, row-major, the last argument fastest. The prior is
that of Matern's random functions: its inverse covariance is (1 - l^2 Laplacian)^m, a sum of mean squares of derivatives
(Whittle 1954; Lindgren, Rue & Lindstrom, J. R. Stat. Soc. B 73, 2011), without its part on constants, so that the size of
a function is not held against it.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.polynomial import chebyshev, legendre

Array = np.ndarray


@functools.cache
def grams(p: int, highest: int) -> tuple[Array, ...]:
    """Mean products over [-1, 1] of derivatives of T_0 ... T_p: (p + 1, p + 1) for each order from 0 to ``highest``."""
    nodes, weights = legendre.leggauss(p + 1)
    found = []
    for order in range(highest + 1):
        matrix = chebyshev.chebder(np.eye(p + 1), order) if order <= p else np.zeros((1, p + 1))
        values = chebyshev.chebvander(nodes, len(matrix) - 1) @ matrix
        found.append(values.T @ (values * weights[:, None]) / 2)
    return tuple(found)


@functools.cache
def means(p: int) -> Array:
    """(p + 1,) means of T_0 ... T_p over [-1, 1]: 1, 0, -1/3, 0, -1/15, ..."""
    n = np.arange(p + 1)
    return np.where(n % 2 == 0, 1.0, 0.0) / (1.0 - np.where(n % 2 == 0, n, 0.0) ** 2)


def product_means(degrees: Sequence[int]) -> Array:
    """(P,) means of products of polynomials over [-1, 1]^k."""
    found = np.ones(1)
    for p in degrees:
        found = np.kron(found, means(p))
    return found


def roughness(degrees: Sequence[int], order: int) -> Array:
    """(P, P): the mean square over [-1, 1]^k of all derivatives of one order; the variance for order zero.

    Of order two in the plane that is f_xx^2 + 2 f_xy^2 + f_yy^2.
    """
    total = np.zeros((math.prod(p + 1 for p in degrees),) * 2)
    for orders in itertools.product(range(order + 1), repeat=len(degrees)):
        if sum(orders) == order:
            one = np.ones((1, 1))
            for p, each in zip(degrees, orders, strict=True):
                one = np.kron(one, grams(p, order)[each])
            total += math.factorial(order) / math.prod(map(math.factorial, orders)) * one
    if order == 0:
        mean = product_means(degrees)
        total -= np.outer(mean, mean)
        # a constant has no variance, and rounding must not give it any
        total[0] = total[:, 0] = 0.0
    return total


def matern_precision(parts: Sequence[Array], length: float, arguments: int) -> Array:
    """(P, P) inverse covariance of Matern's random functions of size one, without a say on their mean.

    Args:
        parts: ``roughness`` of the orders 0 to m, with m > k / 2: functions have m - k / 2 derivatives, about.
        length: over which they change, where [-1, 1]^k is the domain.
        arguments: k.
    """
    m, k = len(parts) - 1, arguments
    size = (2 * math.sqrt(math.pi) * length) ** k * math.gamma(m) / math.gamma(m - k / 2)
    # the parts are means over a domain of the volume 2^k
    return sum(math.comb(m, i) * length ** (2 * i) * part for i, part in enumerate(parts)) * (2**k / size)
