"""Which combinations of numbers data tell, where they do not tell these one by one, in words.

Letters: p numbers, k directions that data do not tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pinnlab.algebra.combinations import told_rows

Array = np.ndarray
SUM, PRODUCT, CURVED = "sum", "product", "curved"
"""Along which paths data stay as they are: straight ones, those of logarithms, or others."""
_OPEN, _TOLD = 1.0, 0.3
"""Standard deviations of a combination of free variables: from which on it is hardly told, and up to which it is."""
_WHOLE = 0.02
"""What an exponent or a factor may be off a whole number that is meant."""


def untold(names: Sequence[str], numbers: Array, directions: Array, path: str) -> str:
    """What data tell of numbers instead of each of them, in a sentence.

    Args:
        names: p numbers that take part.
        numbers: (p,) their values.
        directions: (k, p) changes of the numbers that leave data as they are.
        path: ``SUM``, ``PRODUCT`` or ``CURVED``, which larger changes of that kind leave data as they are.
    """
    if len(names) == 1:
        return f"the data do not tell {names[0]}: it leaves no trace in them"
    if path == CURVED:
        return f"the data do not tell {_listed(names)} one by one, only combinations of them"
    combinations = _combinations(names, numbers, directions, path)
    if not combinations:
        return f"the data do not tell {_listed(names)}: they leave no trace in them"
    return f"the data tell {_listed(names)} only through {_listed(combinations)}"


def hardly_told(
    names: Sequence[str], covariance: Array, slopes: Array, numbers: Mapping[str, float], loose: Sequence[int]
) -> list[str]:
    """What data tell of numbers that they hardly tell each, where they tell a combination, in sentences.

    Args:
        names: all numbers.
        covariance: (n, n) of their free variables.
        slopes: (n,) derivatives of the numbers by these.
        numbers: {name: value}.
        loose: places of the p numbers that data hardly tell.
    """
    if len(loose) < 2 or not np.isfinite(covariance).all():
        return []
    chosen = list(loose)
    variances, vectors = np.linalg.eigh(covariance[np.ix_(chosen, chosen)])
    deviations = np.sqrt(np.maximum(variances, 0.0))
    wide = deviations > _OPEN
    if wide.all() or not wide.any() or (deviations[~wide] > _TOLD).any():
        return []
    values, mine = np.array([numbers[names[i]] for i in chosen]), [names[i] for i in chosen]
    # logarithms of positive numbers are free variables
    path = PRODUCT if np.allclose(slopes[chosen], values, rtol=1e-6) else SUM
    combinations = _combinations(mine, values, vectors.T[wide] * slopes[chosen], path)
    return [f"of {_listed(mine)} the data tell little but {_listed(combinations)}"]


def _combinations(names: Sequence[str], numbers: Array, directions: Array, path: str) -> list[str]:
    if path == PRODUCT:
        return [_product(names, row) for row in told_rows(directions / numbers)]
    return [_sum(names, row) for row in told_rows(directions)]


def _product(names: Sequence[str], exponents: Array) -> str:
    factors = [_power(name, float(e)) for name, e in zip(names, exponents, strict=True) if e]
    return " ".join(factors)


def _power(name: str, exponent: float) -> str:
    whole = round(exponent)
    if abs(exponent - whole) < _WHOLE and whole:
        return name if whole == 1 else f"{name}^{whole}"
    return f"{name}^{exponent:.2g}"


def _sum(names: Sequence[str], factors: Array) -> str:
    terms = [(float(f), n) for f, n in zip(factors, names, strict=True) if f]
    terms.sort(key=lambda term: term[0] < 0)
    first, *others = (("-" if f < 0 else "+", _times(abs(f), n)) for f, n in terms)
    return " ".join([first[1], *(f"{sign} {term}" for sign, term in others)])


def _times(factor: float, name: str) -> str:
    return name if abs(factor - 1) < 5e-3 else f"{factor:.3g} {name}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
