"""Robertson's reactions, inverse: three rates over nine decades from concentrations in a file.

A -> B (k1), B + B -> B + C (k2), B + C -> A + C (k3) from A = 1 over 40 seconds: stiff, B is never more than 4e-5 and
follows the others within milliseconds. k1 = 0.04, k2 = 3e7 and k3 = 1e4 are to be found, positive and in their logarithms,
from first guesses that are off by three to five times. ``data/robertson.csv`` has all three concentrations at 60 times,
evenly on a logarithmic scale from 1e-4 to 40, with normal noise of 1 % of the largest value of each from the seed 0
(``table`` makes it).

Source: Robertson, in Walsh (ed.), Numerical Analysis: An Introduction, London 1966, p. 178; Hairer & Wanner, Solving
Ordinary Differential Equations II, 2nd ed., section IV.1.

Reference: the classical solver with the true rates (Radau's method of order 5 at tight tolerance).

Recipe: local polynomials around which the numbers are fitted, nothing trained.

Published errors: none for this setting.
"""

from pathlib import Path

import numpy as np
import scipy

import pinnlab as pl

PUBLISHED = "none for this setting"
BUDGET = 60.0
TRUTH = {"k1": 0.04, "k2": 3e7, "k3": 1e4}
NOISE, SEED, END = 0.01, 0, 40.0
FILE = Path(__file__).parent / "data" / "robertson.csv"


def robertson(A, B, C, k1, k2, k3):
    return {
        "A": A.t + k1 * A - k3 * B * C,
        "B": B.t - k1 * A + k3 * B * C + k2 * B**2,
        "C": C.t - k2 * B**2,
    }


def table() -> str:
    """The file, as it was made."""
    k1, k2, k3 = TRUTH.values()
    times = np.geomspace(1e-4, END, 60)

    def rates(t, y):
        back, third = k3 * y[1] * y[2], k2 * y[1] ** 2
        return [back - k1 * y[0], k1 * y[0] - back - third, third]

    exact = scipy.integrate.solve_ivp(
        rates, (0.0, END), [1.0, 0.0, 0.0], t_eval=times, method="Radau", rtol=1e-10, atol=1e-14
    ).y
    sizes = NOISE * np.abs(exact).max(axis=1, keepdims=True)
    values = exact + sizes * np.random.default_rng(SEED).normal(size=exact.shape)
    rows = [f"{t:.6e},{a:.6e},{b:.6e},{c:.6e}" for t, a, b, c in zip(times, *values, strict=True)]
    return "\n".join(["# normal noise of 1 % of the largest value of each, from the seed 0", "second,A,B,C", *rows, ""])


def problem() -> pl.Problem:
    bare = pl.Problem(
        domain=pl.Box(t=(0.0, END)),
        unknowns=("A", "B", "C"),
        equations=robertson,
        conditions=[
            pl.Initial(A=1.0, B=0.0, C=0.0),
            pl.Data.read(FILE, {"t": "second"}, A="A", B="B", C="C"),
        ],
        parameters={
            "k1": pl.Unknown(0.12, bounds=(0, None)),
            "k2": pl.Unknown(6e6, bounds=(0, None)),
            "k3": pl.Unknown(4e4, bounds=(0, None)),
        },
        name="Robertson, inverse",
    )
    return bare.replace(reference=pl.ClassicalReference(bare.at(**TRUTH)))


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE()
