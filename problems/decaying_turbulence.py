"""Decaying turbulence: w_t + u w_x + v w_y = (1/Re) lap w on the torus [0, 2 pi]^2, u_x + v_y = 0, Re = 100, t in [0, 1].

The benchmark of Wang, Sankaran & Perdikaris, with a start of our own, as theirs is not public: a random flow whose largest
speed is 5, like theirs, and whose energy at the wave numbers of modulus k is proportional to k^4 exp(-2 (k / 3)^2), drawn
with seed 0. Source: arXiv 2203.07404, section 4.3 (CMAME 421:116813, 2024).

The unknowns are the vorticity w = v_x - u_y and the stream function psi, u = psi_y and v = -psi_x: the velocity is free of
divergence by construction, only derivatives up to the second appear, and the mean velocity, which the equation for w says
nothing about, stays zero. ``velocity_errors`` measures u, v and w.

Reference: pseudo-spectral with 256 nodes per axis and ETDRK4, half a minute on one core; relative error of w 7e-6, of u and
v 1e-7 (against 320 nodes; steps half as long change 6e-8).

Recipe: the first of its ten windows reaches u 1.0e-2, v 8.2e-3, w 7.4e-3 in 120 s on one core
(``docs/benchmarks/turbulence.py --end 0.1 --windows 1 --max-seconds 120``). All ten are a GPU's work: with ``--dense
--width 26 --points 5000 --max-seconds 1500``, 150 s for each, the error of w was 4.6e-3, 1.1e-2 and 2.6e-2 in the first
three (a shared core; a window then evaluated all networks before it, and now a Fourier series), as eddies multiply what is
handed over.

Local experts, nothing trained, reach t = 1 on one core: u 1.3e-4, v 1.4e-4, w 3.0e-4 over all times, in 454 s
(``docs/benchmarks/turbulence.py --experts``, with the mean of psi fixed by an ``Integral``).

Published relative L2 errors (another start): u 3.90e-2, v 2.61e-2, w 3.53e-2, causal PINN, ten windows, GPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import pinnlab as pl
from pinnlab.problems._turbulence import SIDE, solve, start, velocity
from pinnlab.reference.lazy import MemberReference

PUBLISHED = "3.90e-2 (u, causal PINN, 10 windows, GPU; another start)"
BUDGET = 600.0
REYNOLDS = 100.0
_BALANCE = 10.0
"""What a window of 0.1 does to an error in w_t: the other equation counts as much more, or psi lags behind w."""


def turbulence(w, psi, viscosity):
    return {
        "transport": w.t + psi.y * w.x - psi.x * w.y - viscosity * (w.xx + w.yy),
        "stream function": _BALANCE * (psi.xx + psi.yy + w),
    }


def problem(seed: int = 0, peak: float = 3.0, end: float = 1.0) -> pl.Problem:
    psi0, w0 = start(seed, peak, 5.0)
    return pl.Problem(
        domain=pl.Box(x=(0.0, SIDE), y=(0.0, SIDE), t=(0.0, end)),
        unknowns=("w", "psi"),
        equations=turbulence,
        conditions=[pl.Initial(w=w0, psi=psi0), pl.Periodic(on="x"), pl.Periodic(on="y")],
        parameters={"viscosity": 1 / REYNOLDS},
        reference=MemberReference(lambda: solve(w0, 1 / REYNOLDS, end), ("x", "y", "t")),
        name="Decaying turbulence",
        scales=dict.fromkeys(
            ("x", "y", "t", "w", "psi", "transport", "stream function"), 1.0
        ),  # its recipes were found in these units
    )


def recipe(width: int = 40, points: int = 6000) -> pl.PINN:
    """Sized for a CPU, with two seconds a step; a GPU takes ``recipe(width=80, points=24_000)``, 15,000 parameters."""
    return pl.PINN(
        network=pl.MLP(width=width, depth=3),
        stages=(pl.SketchedGaussNewton(steps=10_000),),
        points=points,
        sampling="sobol",
        harmonics=5,
        windows=10,
    )


def velocity_errors(
    solution: Any, end: float = 1.0, nodes: int = 96, times: int = 21, first: float = 0.0
) -> dict[str, float]:
    """Relative L2 errors of u, v and w over space and time, on ``nodes`` per axis and equidistant times.

    Velocities are spectral derivatives of the stream function, the solution's and the reference's alike.

    Args:
        solution: called with the coordinates x, y and t; its problem has the reference.
        end: the last time that is looked at.
        nodes: even.
        times: how many.
        first: the first time that is looked at.
    """
    x = np.arange(nodes) * (SIDE / nodes)
    at = dict(zip("xyt", np.meshgrid(x, x, np.linspace(first, end, times), indexing="ij"), strict=True))
    found, exact = (
        {"w": given["w"], **dict(zip("uv", velocity(given["psi"]), strict=True))}
        for given in (solution(**at), solution.problem.reference(**at))
    )
    return {k: float(np.linalg.norm(found[k] - exact[k]) / np.linalg.norm(exact[k])) for k in "uvw"}
