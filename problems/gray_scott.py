"""Gray-Scott: two substances that react and diffuse on [-1, 1]^2, periodic, t in [0, 2].

u_t = 0.2 lap u + 40 (1 - u) - 1000 u v^2 and v_t = 0.1 lap v - 100 v + 1000 u v^2, from two bumps next to each other:
within a thousandth v burns u away, then rings form, grow and break up. Source: Wang, Li, Chen & Perdikaris (PirateNet),
arXiv 2402.00326; the Chebfun example "rolls" in units of 1000 of its time.

Reference: pseudo-spectral with 96 modes per axis and ETDRK4; relative error of u 1e-6, of v 5e-6
(at its output times, against 128 modes and steps half as long), eleven seconds.

Recipe: a starting point that is not measured. Local experts of the usual tolerance refuse the initial state, which would
need more than 400 of them.

Published relative L2 error: PirateNet 3.61e-3, jaxpi 6.13 (many time windows, GPU hours).
"""

import pinnlab as pl
from pinnlab.problems._gray_scott import DIFFUSION, FEED, LOSS, RATE, solve, start_u, start_v
from pinnlab.reference.lazy import MemberReference

PUBLISHED = "3.61e-3 (PirateNet, GPU hours)"
BUDGET = 120.0


def gray_scott(u, v):
    burnt = RATE * u * v**2
    return {
        "u": u.t - DIFFUSION[0] * (u.xx + u.yy) - FEED * (1 - u) + burnt,
        "v": v.t - DIFFUSION[1] * (v.xx + v.yy) + LOSS * v - burnt,
    }


def problem(end: float = 2.0) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0), t=(0.0, end)),
        unknowns=("u", "v"),
        equations=gray_scott,
        conditions=[pl.Initial(u=start_u, v=start_v), pl.Periodic(on="x"), pl.Periodic(on="y")],
        reference=MemberReference(lambda: solve(end), ("x", "y", "t")),
        name="Gray-Scott",
    )


def recipe() -> pl.CausalPINN:
    return pl.CausalPINN(windows=20)
