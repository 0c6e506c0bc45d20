"""How sure the numbers are that were found from data.

Letters: p numbers that were found, N measurements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pinnlab.algebra.combinations import together
from pinnlab.algebra.confidence import Covariance, quantile
from pinnlab.declaration.parameters.bounded import Free
from pinnlab.training.told import CURVED, PRODUCT, SUM, hardly_told, untold

Array = np.ndarray
_ENDLESS = 25.0
"""Step of a logarithm, or logit, from which on nothing is told."""
_LOOSE = 1.0
"""Standard deviation of a free variable, next to one or to itself, from which on data hardly tell a number."""


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """What data tell of the numbers that were found from them.

    Attributes:
        names: p of them.
        best: (p,) free variables of the best fit.
        frees: the numbers as functions of these.
        covariance: of the free variables.
        freedom: of the estimate of the noise, measurements less numbers; infinite where the noise was given.
        paths: per direction that data do not tell, along what they stay as they are: ``told.SUM`` where sums do,
            ``told.PRODUCT`` where products and quotients do, ``told.CURVED`` where neither.
        profiles: {name: (steps, deviances)} where the sum of squares is no parabola: by how much a free variable differs
            from the best, and the signed root of what the sum of squares of the best of the others rises by.
        held: {name: (centre, deviation)} of numbers at a bound, as if there were none.
        notes: what else there is to say of the fit, in sentences.
    """

    names: tuple[str, ...]
    best: Array
    frees: tuple[Free, ...]
    covariance: Covariance
    freedom: float = math.inf
    paths: tuple[str, ...] = ()
    profiles: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)
    held: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def values(self) -> dict[str, float]:
        """The numbers."""
        return {n: f.number(float(z)) for n, f, z in zip(self.names, self.frees, self.best, strict=True)}

    def intervals(self, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """{name: (low, high)}, each of which covers the true number with a probability of ``level``.

        Raises:
            ValueError: a level that is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"intervals({level!r}): give a probability between 0 and 1, such as 0.95.")
        width, deviations = quantile(level, self.freedom), self.covariance.deviations
        found = {}
        for name, free, z, deviation in zip(self.names, self.frees, self.best, deviations, strict=True):
            if name in self.held:
                centre, spread = self.held[name]
                ends = [min(max(centre + s * width * spread, free.low), free.high) for s in (-1, 1)]
                value = free.number(float(z))
                found[name] = (min(ends[0], value), max(ends[1], value))
                continue
            steps = [-width * deviation, width * deviation]
            if name in self.profiles and math.isfinite(deviation):
                steps = [step_at(*self.profiles[name], sign * width) for sign in (-1, 1)]
            steps = [step if free.plain or abs(step) < _ENDLESS else math.copysign(math.inf, step) for step in steps]
            low, high = (free.number(float(z) + step) for step in steps)
            found[name] = (low, high)
        return found

    def scaled(self, factors: Mapping[str, float]) -> Uncertainty:
        """The same in other units: {name: in which the number is so many times as large}."""
        frees = tuple(f.scaled(factors.get(n, 1.0)) for n, f in zip(self.names, self.frees, strict=True))
        held = {n: (c * factors.get(n, 1.0), d * factors.get(n, 1.0)) for n, (c, d) in self.held.items()}
        return replace(self, frees=frees, held=held)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the data do not tell, and what else there is to say, in sentences."""
        found = self._untold()
        for name, free, z in zip(self.names, self.frees, self.best, strict=True):
            if name in self.held:
                number = free.number(float(z))
                bound = min((b for b in (free.low, free.high) if math.isfinite(b)), key=lambda b: abs(b - number))
                found.append(f"{name} is at its bound {bound:.6g}: the data want it beyond")
        loose: list[int] = []
        for i, (name, z, deviation) in enumerate(zip(self.names, self.best, self.covariance.deviations, strict=True)):
            if name not in self.held and _LOOSE * max(1.0, abs(float(z))) < deviation < math.inf:
                low, high = self.intervals(0.95)[name]
                found.append(f"the data hardly tell {name}: its 95 % interval is {low:.3g} to {high:.3g}")
                loose.append(i)
        return (*found, *hardly_told(self.names, self.covariance.matrix, self._slopes, self.values, loose), *self.notes)

    @property
    def _slopes(self) -> Array:
        """(p,) derivatives of the numbers by the free variables."""
        return np.array([free.slope(float(z)) for free, z in zip(self.frees, self.best, strict=True)])

    def _untold(self) -> list[str]:
        """What the data do not tell, and which combinations they do."""
        found, numbers = [], np.array(list(self.values.values()))
        for directions, chosen in together(self.covariance.blind):
            paths = {self.paths[i] for i in directions}
            path = paths.pop() if len(paths) == 1 else CURVED
            rows = self.covariance.blind[np.ix_(directions, chosen)] * self._slopes[chosen]
            found.append(untold([self.names[i] for i in chosen], numbers[chosen], rows, path))
        return found

    def told(self, level: float = 0.95) -> str:
        """The numbers with their intervals, a line each."""
        lines = []
        for name, (low, high) in self.intervals(level).items():
            lines.append(f"{name} = {self.values[name]:.6g}, {100 * level:g} % interval {low:.6g} to {high:.6g}")
        return "\n".join(lines)

    def to_data(self) -> dict[str, Any]:
        """Plain data, for files."""
        return {
            "names": list(self.names),
            "best": self.best.tolist(),
            "frees": [[f.low, f.high, f.scale] for f in self.frees],
            "matrix": self.covariance.matrix.tolist(),
            "blind": self.covariance.blind.tolist(),
            "freedom": self.freedom,
            "paths": list(self.paths),
            "profiles": {n: [a.tolist(), b.tolist()] for n, (a, b) in self.profiles.items()},
            "held": {n: list(pair) for n, pair in self.held.items()},
            "notes": list(self.notes),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Uncertainty:
        """The inverse of ``to_data``."""
        p = len(data["names"])
        return cls(
            tuple(data["names"]),
            np.array(data["best"]),
            tuple(Free(*three) for three in data["frees"]),
            Covariance(np.array(data["matrix"]).reshape(p, p), np.array(data["blind"]).reshape(len(data["blind"]), p)),
            float(data["freedom"]),
            tuple(data["paths"] if "paths" in data else [PRODUCT if product else SUM for product in data["products"]]),
            {n: (np.array(a), np.array(b)) for n, (a, b) in data["profiles"].items()},
            {n: (pair[0], pair[1]) for n, pair in data["held"].items()},
            tuple(data["notes"]),
        )


def step_at(steps: Array, deviances: Array, wanted: float) -> float:
    """The step at which a signed root of the deviance has a value; straight on beyond the last ones, infinite where flat.

    Args:
        steps: increasing, of a free variable.
        deviances: at these, signed; they increase where a profile has one minimum.
        wanted: value.
    """
    inside = np.flatnonzero((deviances[:-1] - wanted) * (deviances[1:] - wanted) <= 0)
    if len(inside):
        i = int(inside[np.argmin(np.abs(steps[inside]))])
    else:
        i = len(steps) - 2 if wanted > 0 else 0
    rise = (deviances[i + 1] - deviances[i]) / (steps[i + 1] - steps[i])
    if not len(inside) and not rise > 0:
        return math.copysign(math.inf, wanted)
    return float(steps[i] + (wanted - deviances[i]) / rise) if rise else float(steps[i])
