"""How far what was found may be trusted: what the fit does not explain of its data widens the band, or takes it away.

A band follows from the noise, if what is left of the data is noise. Where it is not - the search has ended in a false
place, the equations are not those of the data, unknowns are not resolved - it would be far too narrow. All of that shows in
what is left: in its size, next to noise that is given, and in its shape, whatever the noise (``algebra.lack_of_fit``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pinnlab.algebra.confidence import too_large
from pinnlab.algebra.lack_of_fit import smooth_misfit
from pinnlab.solvers.local_experts.inverse.fit import InverseFit
from pinnlab.solvers.local_experts.inverse.quantities import CONDITION, Quantity
from pinnlab.solvers.local_experts.inverse.refinement import shift

_CHANCE = 1e-4
"""With which probability noise looks like a misfit."""
_LEAST = 1e-99
_ROUNDING = 1e-11
"""Noise, next to the data, below which what is left is the solver's rounding, of any shape."""
_WIDER = 1.05
"""Factor from which on a wider band is told."""


@dataclass(frozen=True)
class Trust:
    """How far a fit's covariance holds.

    Attributes:
        wider: by what standard deviations are to be multiplied; infinite where there is no telling how far off it is.
        remarks: why, in sentences; empty where there is nothing to doubt.
        noises: sentences on noise that was estimated.
    """

    wider: float
    remarks: tuple[str, ...] = ()
    noises: tuple[str, ...] = ()


def trust(fit: InverseFit[Any], sought: Sequence[str]) -> Trust:
    """How far the covariance of a fit holds.

    Args:
        fit: that has a strength.
        sought: names of what the user looks for.
    """
    assert fit.strength is not None
    names = ", ".join(sought)
    remarks, noises, wider = [], [], 1.0
    if not fit.settled:
        remarks.append(
            f"{names} had not settled when the run ended; how far off they are is not known, and there is no band"
        )
        wider = math.inf
    freedoms = fit.regularized.posterior(fit.strength).freedom
    variances, units = fit.regularized.variances(fit.strength), fit.regularized.units
    quantities = fit.place.linear.quantities
    for quantity, variance, freedom, unit in zip(quantities, variances, freedoms, units, strict=True):
        if quantity.label == CONDITION:
            continue
        if quantity.noise is None:
            noises.append(f"the noise of {quantity.label} is estimated: {math.sqrt(variance):.2g}")
        elif (ratio := _missed(quantity, freedom)) > 1:
            wider = max(wider, ratio)
            remarks.append(
                f"{quantity.label} is missed by {ratio:.2g} times its noise: the equations, or the noise that was given, do "
                "not fit the data"
            )
        chance, share = _smooth(quantity, freedom)
        if fit.settled and chance < _CHANCE and variance > (_ROUNDING * unit) ** 2:
            wider = math.inf
            remarks.append(
                f"what is left of {quantity.label} is no noise: {100 * share:.2g} % of its squares are a smooth function of "
                f"the coordinates, which noise makes with a probability of {max(chance, _LEAST):.0e}; either the equations "
                f"are not those of the data, or {names} are a false minimum, of which there may be others; there is no band"
            )
    moved = math.sqrt(1 + shift(fit) ** 2)
    if math.isfinite(wider) and moved > _WIDER:
        remarks.append(
            f"finer unknowns may move {names} by up to {shift(fit):.2g} standard deviations, for which the band has room"
        )
    return Trust(wider * moved, tuple(remarks), tuple(noises))


def explained(fit: InverseFit[Any]) -> bool:
    """Whether what is left of the data looks like noise: there is no sign of another, better minimum."""
    assert fit.strength is not None
    freedoms = fit.regularized.posterior(fit.strength).freedom
    pairs = zip(fit.place.linear.quantities, freedoms, fit.regularized.variances(fit.strength), strict=True)
    for (quantity, freedom, variance), unit in zip(pairs, fit.regularized.units, strict=True):
        if quantity.label == CONDITION or variance < (_ROUNDING * unit) ** 2:
            continue
        if _missed(quantity, freedom) > 1 or _smooth(quantity, freedom)[0] < _CHANCE:
            return False
    return True


def _missed(quantity: Quantity, freedom: float) -> float:
    """By how much the misfit is larger than noise that is given (Birge's ratio); 1 where chance may do that."""
    if quantity.noise is None:
        return 1.0
    square, left = float((quantity.misfits**2).sum()), len(quantity.misfits) - freedom
    return math.sqrt(square / max(left, 1.0)) if too_large(square, left) else 1.0


def _smooth(quantity: Quantity, freedom: float) -> tuple[float, float]:
    """The chance of its misfits' smooth part, and its share."""
    assert quantity.places is not None
    return smooth_misfit(quantity.misfits, quantity.places, freedom)
