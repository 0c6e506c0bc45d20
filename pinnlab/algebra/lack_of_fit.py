"""Whether what a fit leaves of data is noise, or holds a smooth part that the model lacks.

Letters: n residuals at places with d coordinates, m smooth functions.

Independent noise has the same share of its sum of squares along any direction. So residuals are projected on polynomials of
low degree in the coordinates: a share that chance does not explain is a misfit that is spread out in space or time, which no
noise makes. Source: Neyman's smooth test, Skand. Aktuarietidskr. 20 (1937); Hart, Nonparametric Smoothing and Lack-of-Fit
Tests, Springer 1997, chapter 5. It sees what a sum of squares alone does not: a misfit of a third of the noise, along one of
a hundred directions, raises that sum by a tenth of its scatter.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import scipy
from numpy.polynomial import legendre

Array = np.ndarray
_PART, _MOST = 4, 120
"""Residuals that there are for each function, at least, and most functions."""
_GROWTH = 1.5
"""By how much the number of functions grows from one test to the next, at least."""
_INDEPENDENT = 1e-8
"""Part of a function, next to the largest, up to which it is one of the others at the places that there are."""


def smooth_functions(places: Array, degree: int) -> Array:
    """(n, m) orthonormal columns: polynomials up to a total degree, at n places.

    Where places do not tell functions apart, as on a line, there are fewer.

    Args:
        places: (n, d), of any units.
        degree: 0 or more; 0 is the constant alone.
    """
    low, high = places.min(axis=0), places.max(axis=0)
    at = 2 * (places - low) / np.where(high > low, high - low, 1.0) - 1
    powers = [legendre.legvander(column, degree) for column in at.T]
    chosen = [e for e in itertools.product(range(degree + 1), repeat=places.shape[1]) if sum(e) <= degree]
    columns = np.stack([math.prod(p[:, i] for p, i in zip(powers, each, strict=True)) for each in chosen], axis=1)
    vectors, values, _ = np.linalg.svd(columns, full_matrices=False)
    return vectors[:, values > _INDEPENDENT * values[0]]


def smooth_chance(share: float, n: int, m: int, freedom: float = 0.0) -> float:
    """With which probability independent noise has so large a share of its squares along m directions: Fisher's F.

    Args:
        share: of the sum of squares, between 0 and 1.
        n: residuals.
        m: directions.
        freedom: what the fit has taken of the n; as though it were all along other directions, which is the cautious guess.
    """
    rest = n - m - freedom
    if not 0 < share < 1 or rest < 1:
        return 1.0
    return float(scipy.special.fdtrc(m, rest, share / m / ((1 - share) / rest)))


def smooth_misfit(residuals: Array, places: Array, freedom: float = 0.0) -> tuple[float, float]:
    """(chance, share): the least chance over several numbers of functions, times these, and the smooth share there.

    A chance of about one is that of noise; one of 1e-4 or less is that of a misfit.

    Args:
        residuals: (n,) of one noise.
        places: (n, d) where they are.
        freedom: number of parameters, or trace of the influence matrix, of the fit.
    """
    total, found = float(residuals @ residuals), []
    if total > 0:
        for degree in _degrees(len(residuals), places.shape[1]):
            functions = smooth_functions(places, degree)
            share = float(((functions.T @ residuals) ** 2).sum()) / total
            found.append((smooth_chance(share, len(residuals), functions.shape[1], freedom), share))
    chance, share = min(found, default=(1.0, 0.0))
    return min(1.0, chance * max(len(found), 1)), share


def _degrees(n: int, d: int) -> Iterator[int]:
    """Total degrees that so many residuals can be asked for."""
    before, degree = 0.0, 1
    while (m := math.comb(degree + d, d)) <= min(n // _PART, _MOST):
        if m >= _GROWTH * before:
            yield degree
            before = m
        degree += 1
