"""How strongly functions are regularized, and how large the noise is: what makes the data most probable.

Letters: n data, p coefficients of what is sought, h numbers that say how strong (sizes, lengths, noises).

Every function is Matern's random function a priori, with a size and a length; both, the order of its smoothness and the
noises that are not known are those of the greatest evidence (``algebra.evidence``), with weak priors of their own. What
they leave uncertain is added to the covariance to first order (Kass & Steffey, J. Am. Stat. Assoc. 84, 1989).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy

from pinnlab.algebra.evidence import Posterior, Rows, posterior
from pinnlab.machine.interrupts import load
from pinnlab.solvers.local_experts.inverse.linear import Quantity
from pinnlab.solvers.local_experts.inverse.sought import ORDERS, Sought, SoughtFunction, SoughtNumber, split

Array = np.ndarray
_LENGTH, _LENGTH_SPREAD = math.log(0.6), 1.0
"""Logarithms of lengths that are expected where the domain is [-1, 1]: mean and standard deviation."""
_SIZE_SPREAD = 3.0
_NOISE_SPREAD = 20.0
_WIDE = 1e3
_FLOOR = 1e-13
"""Relative noise that is taken for none: rounding."""
_EVALUATIONS = 160
_STEP = 0.1


@dataclass(frozen=True, eq=False)
class Strength:
    """How strong functions are regularized.

    Attributes:
        logs: (h,) logarithms of size and length of each function, one after the other, and of each unknown noise.
        order: of the smoothness of all functions.
    """

    logs: Array
    order: int


class Regularized:
    """Linearized measurements with what is sought, whose prior has a strength that is to be found.

    Args:
        sought: functions and numbers.
        quantities: linearized measurements.
        weights: (p,) where they were linearized.
    """

    def __init__(self, sought: Sequence[Sought], quantities: Sequence[Quantity], weights: Array):
        self.functions = [each for each in sought if isinstance(each, SoughtFunction)]
        self.sought, self.quantities = tuple(sought), tuple(quantities)
        self.middle = np.concatenate([each.middle for each in sought])
        self.rows, self.units = [], []
        for quantity in quantities:
            right = quantity.slopes @ (weights - self.middle) - quantity.misfits
            self.rows.append(Rows.of(quantity.slopes, right))
            self.units.append(max(float(np.sqrt((right**2).mean())), 1e-300))
        self.unknown_noises = [i for i, q in enumerate(quantities) if q.noise is None]
        self.sizes = [self._natural_size(each, mine) for each, mine in zip(sought, self._columns(), strict=True)]

    def _columns(self) -> list[Array]:
        return split(np.arange(len(self.middle)), self.sought)

    def _natural_size(self, each: Sought, columns: Array) -> float:
        """The change of a function, or number, that changes the data by their own size."""
        effect = largest = 0.0
        for rows, unit in zip(self.rows, self.units, strict=True):
            mine = rows.matrix[:, columns[:4]] / (unit * math.sqrt(rows.count))
            effect = max(effect, float(np.sqrt((mine**2).sum(axis=0)).max(initial=0.0)))
        largest = 1 / effect if effect > 0 else 1.0
        return max(largest, 1e-3 * abs(float(each.start[0])))

    @property
    def guess(self) -> Array:
        """(h,) where the search for the strength starts."""
        sizes = [s for each, s in zip(self.sought, self.sizes, strict=True) if isinstance(each, SoughtFunction)]
        logs = [value for size in sizes for value in (math.log(0.3 * size), _LENGTH)]
        return np.array(logs + [math.log(0.03 * self.units[i]) for i in self.unknown_noises])

    @property
    def orders(self) -> tuple[int, ...]:
        """Orders of smoothness to choose from."""
        return ORDERS[max((len(each.degrees) for each in self.functions), default=1)]

    def variances(self, strength: Strength) -> list[float]:
        """Of each quantity's noise, in its own units."""
        found = [1.0] * len(self.quantities)
        logs = strength.logs[2 * len(self.functions) :]
        for i, log in zip(self.unknown_noises, logs, strict=True):
            found[i] = max(math.exp(2 * log), (_FLOOR * self.units[i]) ** 2)
        return found

    def precision(self, strength: Strength) -> Array:
        """(p, p) of the prior."""
        total, number = np.zeros((len(self.middle),) * 2), 0
        for each, size, columns in zip(self.sought, self.sizes, self._columns(), strict=True):
            if isinstance(each, SoughtFunction):
                log_size, log_length = strength.logs[2 * number : 2 * number + 2]
                wide = _WIDE * max(size, math.exp(log_size), abs(float(each.start[0])))
                mine = each.precision(math.exp(log_size), math.exp(log_length), strength.order, wide)
                number += 1
            else:
                assert isinstance(each, SoughtNumber)
                mine = each.precision
            total[np.ix_(columns, columns)] = mine
        return total

    def posterior(self, strength: Strength) -> Posterior:
        """Of what is sought less the middle of its prior."""
        return posterior(self.rows, self.variances(strength), self.precision(strength))

    def score(self, strength: Strength) -> float:
        """The logarithm of the evidence, with the priors of the strength."""
        logs, guess, k = strength.logs, self.guess, 2 * len(self.functions)
        spreads = np.array([_SIZE_SPREAD, _LENGTH_SPREAD] * len(self.functions) + [_NOISE_SPREAD] * (len(logs) - k))
        away = float((((logs - guess) / spreads) ** 2).sum())
        if not away < 200:
            return -math.inf
        try:
            return self.posterior(strength).log_evidence - 0.5 * away
        except np.linalg.LinAlgError:
            return -math.inf

    def strongest(self, start: Strength | None) -> Strength:
        """The strength of the greatest score, near a strength that is known, or of any order."""
        if start is not None:
            return self._searched(start, 0.3)
        found = [self._searched(Strength(self.guess, order), 1.0) for order in self.orders]
        return max(found, key=self.score)

    def any_order(self, start: Strength) -> Strength:
        """The strength of the greatest score, of any order, from one that is known."""
        others = [self._searched(replace(start, order=order), 0.5) for order in self.orders if order != start.order]
        return max([start, *others], key=self.score)

    def _searched(self, start: Strength, step: float) -> Strength:
        load("scipy.optimize")
        h = len(start.logs)
        if not h:
            return start
        simplex = np.vstack([start.logs, start.logs + step * np.diag([*[1.0] * (2 * len(self.functions)), *[-2.0] * h][:h])])
        lowest = -self.score(start)
        found = scipy.optimize.minimize(
            lambda logs: -self.score(replace(start, logs=logs)) if np.isfinite(logs).all() else math.inf,
            start.logs, method="Nelder-Mead",
            options={"initial_simplex": simplex, "maxfev": _EVALUATIONS * h // 2, "xatol": 0.03, "fatol": 0.02},
        )  # fmt: skip
        return replace(start, logs=found.x) if found.fun < lowest else start

    def whole_factor(self, strength: Strength) -> Array:
        """(p, p + h) F with F F^T the covariance of what is sought, with what the strength leaves uncertain."""
        central, logs = self.posterior(strength), strength.logs
        h = len(logs)

        def at(*moves: tuple[int, float]) -> Strength:
            moved = logs.copy()
            for i, by in moves:
                moved[i] += by
            return replace(strength, logs=moved)

        hessian, slopes = np.zeros((h, h)), np.zeros((len(self.middle), h))
        middle = self.score(strength)
        for i in range(h):
            up, down = at((i, _STEP)), at((i, -_STEP))
            slopes[:, i] = (self.posterior(up).mean - self.posterior(down).mean) / (2 * _STEP)
            hessian[i, i] = -(self.score(up) - 2 * middle + self.score(down)) / _STEP**2
            for j in range(i):
                both = [self.score(at((i, a * _STEP), (j, b * _STEP))) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
                hessian[i, j] = hessian[j, i] = -(both[0] - both[1] - both[2] + both[3]) / (4 * _STEP**2)
        values, vectors = np.linalg.eigh(hessian) if h and np.isfinite(hessian).all() else (np.zeros(0), np.zeros((h, 0)))
        # what is not a maximum is no less certain than a factor of e
        spread = vectors / np.sqrt(np.maximum(values, 1.0))
        return np.concatenate([central.factor, slopes @ spread], axis=1)
