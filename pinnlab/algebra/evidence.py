"""How much regularization linear data ask for: the evidence, generalized cross-validation, the discrepancy principle.

Letters: n data, P coefficients.

Data y = G theta + noise, and theta is regularized by theta^T L theta. Taken as a Gaussian prior with the inverse
covariance L, the probability of the data with theta integrated out is the evidence (MacKay, Neural Computation 4, 1992),
in statistics restricted maximum likelihood; it weighs fit against the freedom that fits take. Generalized
cross-validation is Golub, Heath & Wahba's (Technometrics 21, 1979), the discrepancy principle Morozov's: the misfit is to
be as large as the noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Rows:
    """Linear data of one noise, as few rows.

    Attributes:
        matrix: (r, P) G.
        values: (r,) y.
        count: n, the data that they stand for.
    """

    matrix: Array
    values: Array
    count: int

    @classmethod
    def of(cls, matrix: Array, values: Array) -> Rows:
        """Data (n, P), (n,); more than P + 1 are replaced by as many with the same sums of squares."""
        n, p = matrix.shape
        if n <= p + 1:
            return cls(matrix, values, n)
        reduced = triangle(np.column_stack([matrix, values]))
        return cls(reduced[:, :-1], reduced[:, -1], n)


@dataclass(frozen=True, eq=False)
class Posterior:
    """What data and prior say together.

    Attributes:
        mean: (P,) the most probable coefficients.
        factor: (P, P) F with covariance F F^T.
        log_evidence: logarithm of the probability of the data, up to a constant that no choice changes.
        misfits: per group of rows, the sum of squares that is left.
        freedom: per group, the number of coefficients that it decides: the trace of the influence matrix.
    """

    mean: Array
    factor: Array
    log_evidence: float
    misfits: tuple[float, ...]
    freedom: tuple[float, ...]


def posterior(groups: Sequence[Rows], variances: Sequence[float], precision: Array) -> Posterior:
    """The most probable coefficients, their covariance, and the evidence.

    Args:
        groups: data, each group with a noise of its own.
        variances: of the noise of each.
        precision: (P, P) inverse covariance of the prior, positive definite.

    Raises:
        numpy.linalg.LinAlgError: it is not.
    """
    root = _cholesky(precision)
    log_prior = 2 * float(np.log(np.diag(root)).sum())
    # rows of the prior among those of the data: products of matrices would square the condition
    stacked = [root.T, *(g.matrix / math.sqrt(v) for g, v in zip(groups, variances, strict=True))]
    right = [np.zeros(len(root)), *(g.values / math.sqrt(v) for g, v in zip(groups, variances, strict=True))]
    both = triangle(np.column_stack([np.concatenate(stacked), np.concatenate(right)]))
    p = len(root)
    upper = both[:p, :p]
    mean = scipy.linalg.solve_triangular(upper, both[:p, p])
    factor = scipy.linalg.solve_triangular(upper, np.eye(p))
    left = float(both[p, p] ** 2) if len(both) > p else 0.0
    log_determinant = 2 * float(np.log(np.abs(np.diag(upper))).sum())
    noise = sum(g.count * math.log(v) for g, v in zip(groups, variances, strict=True))
    misfits = tuple(float(((g.matrix @ mean - g.values) ** 2).sum()) for g in groups)
    freedom = tuple(float(((g.matrix @ factor) ** 2).sum() / v) for g, v in zip(groups, variances, strict=True))
    return Posterior(mean, factor, -0.5 * (left + log_determinant - log_prior + noise), misfits, freedom)


class Evidence:
    """The evidence of the same data for many priors and noises, by products of matrices: quick, and exact enough.

    Args:
        groups: data, each group with a noise of its own.
    """

    def __init__(self, groups: Sequence[Rows]):
        self.counts = [g.count for g in groups]
        self.products = [g.matrix.T @ g.matrix for g in groups]
        self.right = [g.matrix.T @ g.values for g in groups]
        self.squares = [float(g.values @ g.values) for g in groups]

    def log_evidence(self, variances: Sequence[float], precision: Array) -> float:
        """As that of ``posterior``.

        Raises:
            numpy.linalg.LinAlgError: the precision is not positive definite.
        """
        both = [precision, *(m / v for m, v in zip(self.products, variances, strict=True))]
        root, prior = _cholesky(sum(both)), _cholesky(precision)
        inner = scipy.linalg.solve_triangular(
            root, sum(b / v for b, v in zip(self.right, variances, strict=True)), lower=True
        )
        left = sum(q / v for q, v in zip(self.squares, variances, strict=True)) - float(inner @ inner)
        noise = sum(n * math.log(v) for n, v in zip(self.counts, variances, strict=True))
        determinants = 2 * float(np.log(np.diag(root)).sum() - np.log(np.diag(prior)).sum())
        return -0.5 * (left + determinants + noise)


def triangle(matrix: Array) -> Array:
    """(min(n, P), P) R of a QR factorization of a matrix (n, P)."""
    found: Any = np.linalg.qr(matrix, mode="r")
    return found


def _cholesky(matrix: Array) -> Array:
    """The lower triangle, of a matrix whose rows may be of very different sizes."""
    diagonal = np.diag(matrix)
    if not (diagonal > 0).all():
        raise np.linalg.LinAlgError("the matrix is not positive definite")
    units = 1 / np.sqrt(diagonal)
    return np.linalg.cholesky(units[:, None] * matrix * units) / units[:, None]


def generalized_cross_validation(misfit: float, freedom: float, count: int) -> float:
    """The score n misfit / (n - freedom)^2, whose least value is at the regularization that predicts left out data best.

    Args:
        misfit: sum of squares.
        freedom: trace of the influence matrix, below n.
        count: n.
    """
    return count * misfit / (count - freedom) ** 2


def discrepancy(misfit: float, variance: float, count: int) -> float:
    """The logarithm of the misfit over that of the noise, n variance: zero where the discrepancy principle holds."""
    return math.log(misfit / (variance * count))
