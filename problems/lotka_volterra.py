"""Lotka and Volterra, inverse: four rates and both first populations from counts in a file.

prey' = a prey - b prey predators, predators' = d prey predators - c predators over 20 years, in thousands; a, b, c, d and
both populations at the start are to be found. ``data/lotka_volterra.csv`` has both at every half year, with normal noise of
a standard deviation of 2 from the seed 0 (``table`` makes it). Nothing is told of the noise.

Source: Lotka, Elements of Physical Biology, Baltimore 1925; Volterra, Nature 118 (1926) 558. Rates are near those that fit
the furs of the Hudson Bay Company (Howard, Stan case studies 2018, with lynxes and hares).

Reference: the classical solver with the true rates (Runge-Kutta of order 8 at tight tolerance).

Recipe: local polynomials around which the numbers are fitted, nothing trained.

Published errors: none for this setting.
"""

from pathlib import Path

import numpy as np
import scipy

import pinnlab as pl

PUBLISHED = "none for this setting"
BUDGET = 60.0
TRUTH = {"a": 0.55, "b": 0.028, "c": 0.84, "d": 0.026, "prey0": 30.0, "predators0": 4.0}
NOISE, SEED, END = 2.0, 0, 20.0
FILE = Path(__file__).parent / "data" / "lotka_volterra.csv"


def lotka_volterra(prey, predators, a, b, c, d):
    return {
        "prey": prey.t - a * prey + b * prey * predators,
        "predators": predators.t - d * prey * predators + c * predators,
    }


def table() -> str:
    """The file, as it was made."""
    a, b, c, d, *first = TRUTH.values()
    years = np.linspace(0.0, END, 41)
    exact = scipy.integrate.solve_ivp(
        lambda t, y: [a * y[0] - b * y[0] * y[1], d * y[0] * y[1] - c * y[1]],
        (0.0, END), first, t_eval=years, method="DOP853", rtol=1e-12, atol=1e-12,
    ).y  # fmt: skip
    counts = exact + NOISE * np.random.default_rng(SEED).normal(size=exact.shape)
    rows = [f"{year:.1f},{prey:.2f},{predators:.2f}" for year, prey, predators in zip(years, *counts, strict=True)]
    return "\n".join(["# thousands; normal noise of 2 from the seed 0", "year,prey,predators", *rows, ""])


def problem() -> pl.Problem:
    names = ("a", "b", "c", "d", "prey0", "predators0")
    # small cycles of the period 2 pi / sqrt(a c), about ten years, around c / d and a / b, the means of the counts
    guesses = (0.65, 0.0325, 0.65, 0.02, 30.0, 7.0)
    bare = pl.Problem(
        domain=pl.Box(t=(0.0, END)),
        unknowns=("prey", "predators"),
        equations=lotka_volterra,
        conditions=[
            pl.Initial(prey=lambda prey0: prey0, predators=lambda predators0: predators0),
            pl.Data.read(FILE, {"t": "year"}, prey="prey", predators="predators"),
        ],
        parameters={name: pl.Unknown(guess, bounds=(0, None)) for name, guess in zip(names, guesses, strict=True)},
        name="Lotka-Volterra, inverse",
    )
    return bare.replace(reference=pl.ClassicalReference(bare.at(**TRUTH)))


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE()
