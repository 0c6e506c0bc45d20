"""How strongly functions are regularized, and how large the noise is: what makes the data most probable.

Letters: n data, p coefficients of what is sought, h numbers that say how strong (sizes, lengths, noises).

Every function is Matern's random function a priori, with a size and a length; both, the order of its smoothness and the
noises that are not known are those of the greatest evidence (``algebra.evidence``), with weak priors of their own. What
they leave uncertain is added to the covariance. The prior of a size is the one that penalizes complexity: exponential
(Simpson, Rue, Riebler, Martins & Sorbye, Statistical Science 32, 2017).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy
import torch

from pinnlab.algebra.evidence import Evidence, Posterior, Rows, posterior, triangle
from pinnlab.algebra.jumps import drawn_size, drawn_weights, expected_squares, jump_weights
from pinnlab.machine.deadline import Deadline
from pinnlab.machine.interrupts import load
from pinnlab.solvers.local_experts.inverse.quantities import CONDITION, Quantity
from pinnlab.solvers.local_experts.inverse.sought import ORDERS, Sought, SoughtFunction, SoughtNumber, split

Array = np.ndarray
_LENGTH, _LENGTH_SPREAD = math.log(0.6), 1.0
"""Logarithms of lengths that are expected where the domain is [-1, 1]: mean and standard deviation."""
_USUAL = 0.5
"""Size of a function's variation that is expected, next to the function."""
_FAR = 40.0
_WIDE = 1e3
_FLOOR = 1e-13
"""Relative noise that is taken for none: rounding."""
_PLAIN = 1e-8
"""Relative variance of noise from which on products of matrices are exact enough."""
_GROWTH = 1.1
"""Largest change of the logarithm of a size from one step to the next: far from the solution evidence misleads."""
_FIRST = 0.1
"""Size of a function at the first step, next to its first guess."""
_FIRST_NOISE, _COOLING = 0.01, 5.0
"""Noise at the first step, next to the data, and by how much its logarithm may fall from one to the next."""
_EVALUATIONS = 160
_HOPELESS = 1e300
_REWEIGHTINGS = 5
_DRAWS, _BURNED, _APART = 400, 40, 9
_JUMP_DRAWS = 1000
"""Turns where functions jump, whose draws follow one another more slowly."""
_LARGE = 150
"""Coefficients from which on there is no time for so many."""
_FEWEST = 10
"""Draws of strengths that an average needs."""
_WORK = 3.0
"""How many times as long a covariance takes as a score."""
_ROUGH_LENGTH = math.log(0.2)
_OTHER_ORDER = 0.3


@dataclass(frozen=True, eq=False)
class Strength:
    """How strong functions are regularized.

    Attributes:
        logs: (h,) logarithms of size and length of each function, one after the other, and of each unknown noise; of a
            function that jumps there is the size of its increments alone.
        order: of the smoothness of all functions.
        weights: of the increments of each function that jumps, (J,), see ``algebra.jumps``.
    """

    logs: Array
    order: int
    weights: tuple[Array, ...] = ()

    def to_data(self) -> list[Any]:
        """Plain data for ``from_data``."""
        return [torch.from_numpy(self.logs), self.order, *map(torch.from_numpy, self.weights)]

    @classmethod
    def from_data(cls, data: Sequence[Any]) -> Strength:
        """The inverse of ``to_data``."""
        return cls(data[0].cpu().numpy(), int(data[1]), tuple(each.cpu().numpy() for each in data[2:]))


class Regularized:
    """Linearized measurements with what is sought, whose prior has a strength that is to be found.

    Args:
        sought: functions and numbers.
        quantities: linearized measurements.
        weights: (p,) where they were linearized.
        alone: whether the search goes by the data alone, see ``score``.
    """

    def __init__(self, sought: Sequence[Sought], quantities: Sequence[Quantity], weights: Array, alone: bool = False):
        self.alone = alone
        self.functions = [each for each in sought if isinstance(each, SoughtFunction)]
        self.at = [int(i) for i in np.cumsum([0, *(1 if each.jumps else 2 for each in self.functions)])]
        self.sought, self.quantities = tuple(sought), tuple(quantities)
        self.middle = np.concatenate([each.middle for each in sought])
        self.rows, self.units = [], []
        for quantity in quantities:
            right = quantity.slopes @ (weights - self.middle) - quantity.misfits
            self.rows.append(Rows.of(quantity.slopes, right))
            self.units.append(max(float(np.sqrt((right**2).mean())), 1e-300))
        self.evidence = Evidence(self.rows)
        pins = [rows for i, rows in enumerate(self.rows) if not self._measured(i)]
        self.of_conditions = Evidence(pins) if pins else None
        self.unknown_noises = [i for i, q in enumerate(quantities) if q.noise is None]
        self.sizes = [self._natural_size(each, mine) for each, mine in zip(sought, self._columns(), strict=True)]
        self.usual = [
            self._usual_size(each, mine, size)
            for each, mine, size in zip(sought, split(weights, sought), self.sizes, strict=True)
            if isinstance(each, SoughtFunction)
        ]
        # of increments, which make up the variation together
        self.usual = [
            2 * usual / (each.size - 1) if each.jumps else usual
            for each, usual in zip(self.functions, self.usual, strict=True)
        ]

    def _columns(self) -> list[Array]:
        return split(np.arange(len(self.middle)), self.sought)

    def _natural_size(self, each: Sought, columns: Array) -> float:
        """The change of a function, or number, that changes the data by their own size."""
        effect = largest = 0.0
        for i, (rows, unit) in enumerate(zip(self.rows, self.units, strict=True)):
            # one that holds already tells nothing of sizes
            if not self._measured(i) and unit < 1:
                continue
            mine = rows.matrix[:, columns[:4]] / (unit * math.sqrt(rows.count))
            effect = max(effect, float(np.sqrt((mine**2).sum(axis=0)).max(initial=0.0)))
        largest = 1 / effect if effect > 0 else 1.0
        return max(largest, 1e-3 * abs(float(each.start[0])))

    @staticmethod
    def _usual_size(each: SoughtFunction, weights: Array, natural: float) -> float:
        """Of a function's variation: its own size, or one of a logarithm or logit."""
        if not each.free.plain:
            return 1.0
        own = float(np.sqrt(((each.inner_rows @ weights) ** 2).mean()))
        return _USUAL * (max(own, abs(float(each.start[0]))) or natural)

    @property
    def guess(self) -> Array:
        """(h,) where the search for the strength starts."""
        sizes = [s for each, s in zip(self.sought, self.sizes, strict=True) if isinstance(each, SoughtFunction)]
        logs = self._logs(
            [0.3 * s / (math.sqrt(f.size - 1) if f.jumps else 1.0) for f, s in zip(self.functions, sizes, strict=True)]
        )
        return np.array(logs + [math.log(0.03 * self.units[i]) for i in self.unknown_noises])

    def _logs(self, sizes: Sequence[float], length: float = _LENGTH) -> list[float]:
        """Logarithms of functions' sizes, and of one length where they have one."""
        pairs = zip(self.functions, sizes, strict=True)
        return [log for f, size in pairs for log in ((math.log(size),) if f.jumps else (math.log(size), length))]

    def _even(self) -> tuple[Array, ...]:
        """Weights of increments that are everywhere the same."""
        return tuple(np.ones(len(each.increments)) for each in self.functions if each.jumps)

    @property
    def orders(self) -> tuple[int, ...]:
        """Orders of smoothness to choose from."""
        smooth = [len(each.degrees) for each in self.functions if not each.jumps]
        return ORDERS[max(smooth)] if smooth else ORDERS[1][:1]

    def _measured(self, i: int) -> bool:
        return self.quantities[i].label != CONDITION

    def variances(self, strength: Strength) -> list[float]:
        """Of each quantity's noise, in its own units."""
        found = [1.0] * len(self.quantities)
        logs = strength.logs[self.at[-1] :]
        for i, log in zip(self.unknown_noises, logs, strict=True):
            found[i] = max(math.exp(2 * log), (_FLOOR * self.units[i]) ** 2)
        return found

    def precision(self, strength: Strength) -> Array:
        """(p, p) of the prior."""
        total, number, weights = np.zeros((len(self.middle),) * 2), 0, iter(strength.weights)
        for each, size, columns in zip(self.sought, self.sizes, self._columns(), strict=True):
            if isinstance(each, SoughtFunction):
                own, length = np.exp(strength.logs[[self.at[number], self.at[number + 1] - 1]]).tolist()
                wide = _WIDE * max(size, own, abs(float(each.start[0])))
                if each.jumps:
                    mine = each.jump_precision(own, next(weights), wide)
                else:
                    mine = each.precision(own, length, strength.order, wide)
                number += 1
            else:
                assert isinstance(each, SoughtNumber)
                mine = each.precision
            total[np.ix_(columns, columns)] = mine
        return total

    def posterior(self, strength: Strength) -> Posterior:
        """Of what is sought less the middle of its prior."""
        return posterior(self.rows, self.variances(strength), self.precision(strength))

    def score(self, strength: Strength, alone: bool | None = None) -> float:
        """The logarithm of the evidence, with the priors of the strength.

        Args:
            strength: whose.
            alone: whether it is that of the data alone, given the conditions on what is sought, or of both; as the search
                goes, if not said. How smooth a function is along the boundary, where it is known, need not be how smooth it
                is inside: one that is the same all around is found to be the same everywhere, because functions that vary
                are hardly ever constant along a curve.
        """
        logs, away = strength.logs, 0.0
        if not np.abs(logs - self.guess).max(initial=0.0) < _FAR:
            return -math.inf
        for i, each, usual in zip(self.at, self.functions, self.usual, strict=False):
            size = math.exp(logs[i]) / usual
            # log densities of logarithms: of an exponential size, of a length around a usual one
            away += 2 * (size - math.log(size))
            if not each.jumps:
                away += ((logs[i + 1] - _LENGTH) / _LENGTH_SPREAD) ** 2
        variances = self.variances(strength)
        told = [v / u**2 for i, (v, u) in enumerate(zip(variances, self.units, strict=True)) if self._measured(i)]
        try:
            given = 0.0
            if (self.alone if alone is None else alone) and self.of_conditions is not None:
                ones = [1.0] * len(self.of_conditions.counts)
                given = self.of_conditions.log_evidence(ones, self.precision(strength))
            if min(told, default=1.0) > _PLAIN:
                return self.evidence.log_evidence(variances, self.precision(strength)) - given - 0.5 * away
            return self.posterior(strength).log_evidence - given - 0.5 * away
        except np.linalg.LinAlgError:
            return -math.inf

    def reweighted(self, strength: Strength) -> Strength:
        """The strength with the weights of increments that follow from what it finds, and the other way round."""
        if not strength.weights:
            return strength
        for _ in range(_REWEIGHTINGS):
            found = self.posterior(strength)
            weights = []
            for each, mine, i in self._jumping():
                squares = expected_squares(each.increments, (found.mean + self.middle)[mine], found.factor[mine])
                weights.append(jump_weights(squares, math.exp(strength.logs[i])))
            strength = replace(strength, weights=tuple(weights))
        return strength

    def _jumping(self) -> list[tuple[SoughtFunction, Array, int]]:
        """The functions that jump, with the numbers of their coefficients, and of the logarithm of their size."""
        functions = [
            (each, mine)
            for each, mine in zip(self.sought, self._columns(), strict=True)
            if isinstance(each, SoughtFunction)
        ]
        return [(each, mine, i) for (each, mine), i in zip(functions, self.at, strict=False) if each.jumps]

    @property
    def rivals(self) -> tuple[Strength, ...]:
        """Other strengths from which a search may start: functions of the size that is usual, rough ones and smooth ones."""
        noises = self.guess[self.at[-1] :]
        found = []
        for length, order in ((_ROUGH_LENGTH, self.orders[0]), (_LENGTH, self.orders[-1])):
            logs = np.concatenate([self._logs(self.usual, length), noises])
            found.append(Strength(logs, order, self._even()))
        return tuple(found)

    def strongest(self, start: Strength | None) -> Strength:
        """The strength of the greatest score, near a strength that is known, or of any order."""
        if start is not None:
            found, before = self._searched(start, 0.3), start.logs
        else:
            found, before = (
                max(
                    (self._searched(Strength(self.guess, n, self._even()), 1.0) for n in self.orders),
                    key=self.score,
                ),
                self.guess,
            )
        return self._restrained(found, before, start is None)

    def _restrained(self, found: Strength, before: Array, first: bool) -> Strength:
        """Sizes that have not grown, and noises that have not fallen, too much from one step to the next."""
        logs = found.logs.copy()
        for i, each in zip(self.at, self.functions, strict=False):
            most = before[i] + _GROWTH
            if first and each.start[0]:
                most = min(most, math.log(_FIRST * abs(float(each.start[0]))))
            logs[i] = min(logs[i], most)
        for j, quantity in enumerate(self.unknown_noises, start=self.at[-1]):
            least = math.log(_FIRST_NOISE * self.units[quantity]) if first else before[j] - _COOLING
            logs[j] = max(logs[j], least)
        return replace(found, logs=logs)

    def any_order(self, start: Strength) -> Strength:
        """The strength of the greatest score, of any order, from one that is known, and where data decide from usual ones.

        Scores have several maxima: a size that has collapsed leaves a function constant, and no small step leads back.
        """
        starts = [replace(start, order=order) for order in self.orders if order != start.order]
        starts += [replace(self.rivals[-1], order=order) for order in self.orders] if self.alone else []
        others, before = [self._searched(each, 0.5) for each in starts], start.logs.copy()
        for i, usual in zip(self.at, self.usual if self.alone else [], strict=False):
            before[i] = max(before[i], math.log(usual) - _GROWTH)
        return self._restrained(max([start, *others], key=self.score), before, False)

    def _searched(self, start: Strength, step: float) -> Strength:
        load("scipy.optimize")
        h = len(start.logs)
        if not h:
            return start
        simplex = np.vstack([start.logs, start.logs + step * np.diag([*[1.0] * self.at[-1], *[-2.0] * h][:h])])

        def lost(logs: Array) -> float:
            # no infinities, whose differences would be no numbers
            return -max(self.score(replace(start, logs=logs)), -_HOPELESS) if np.isfinite(logs).all() else _HOPELESS

        lowest = lost(start.logs)
        found = scipy.optimize.minimize(
            lost, start.logs, method="Nelder-Mead",
            options={"initial_simplex": simplex, "maxfev": _EVALUATIONS * h // 2, "xatol": 0.03, "fatol": 0.02},
        )  # fmt: skip
        return replace(start, logs=found.x) if found.fun < lowest else start

    def averaging(self, strength: Strength, deadline: Deadline) -> float:
        """Seconds that ``marginal`` takes, about; zero where there is no hurry."""
        if math.isinf(deadline.at):
            return 0.0
        began = deadline.now()
        self.score(strength)
        turns = self._turns(strength)
        # functions that jump are drawn at each turn
        drawn = turns if strength.weights else (turns - _BURNED) / _APART
        return (deadline.now() - began) * (turns + _WORK * drawn)

    def _turns(self, strength: Strength) -> int:
        return _JUMP_DRAWS if strength.weights and len(self.middle) < _LARGE else _DRAWS

    def marginal(self, strength: Strength, deadline: Deadline, seed: int = 0) -> tuple[Array, Array] | None:
        """(p,) mean and (p, p) F, where F F^T is the covariance, of what is sought, over all strengths that data allow.

        Strengths are drawn by Metropolis' random walk from the one of the greatest score; None where the deadline passes
        before there are enough of them.
        """
        rng, now = np.random.default_rng(seed), strength
        score, draws = self.score(now, alone=True), []
        # sizes of increments are drawn given the functions
        walks = [walk for each in self.functions for walk in ((0.0,) if each.jumps else (0.7, 0.4))]
        steps = np.array(walks + [0.15] * len(self.unknown_noises))
        for turn in range(self._turns(now)):
            if deadline.passed:
                break
            moved = replace(now, logs=now.logs + steps * rng.normal(size=len(steps)))
            if rng.random() < _OTHER_ORDER and len(self.orders) > 1:
                moved = replace(moved, order=int(rng.choice(self.orders)))
            found = self.score(moved, alone=True)
            if math.log(rng.random()) < found - score:
                now, score = moved, found
            kept = turn >= _BURNED and turn % _APART == 0
            if kept or now.weights:
                drawn = self.posterior(now)
            if kept:
                draws.append(drawn)
            if now.weights:
                now = self._redrawn(now, drawn, rng)
                score = self.score(now, alone=True)
        if len(draws) < _FEWEST:
            return None
        mean = np.mean([draw.mean for draw in draws], axis=0)
        parts = [draw.factor for draw in draws] + [(draw.mean - mean)[:, None] for draw in draws]
        root = triangle(np.concatenate(parts, axis=1).T / math.sqrt(len(draws))).T
        return mean + self.middle, root

    def _redrawn(self, strength: Strength, found: Posterior, rng: np.random.Generator) -> Strength:
        """Sizes and weights of increments, drawn for functions that are drawn first (Gibbs' sampler)."""
        values = found.mean + self.middle + found.factor @ rng.normal(size=len(self.middle))
        logs, weights, usual = strength.logs.copy(), [], dict(zip(self.at, self.usual, strict=False))
        for (each, mine, i), before in zip(self._jumping(), strength.weights, strict=True):
            squares = ((each.increments @ values[mine]) ** 2).sum(axis=1)
            now = drawn_weights(squares, before, math.exp(logs[i]), rng)
            logs[i] = math.log(drawn_size(float(squares @ now), each.size - 1, usual[i], rng))
            weights.append(now)
        return replace(strength, logs=logs, weights=tuple(weights))
