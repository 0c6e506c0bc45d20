"""Lorenz: x' = sigma (y - x), y' = x (rho - z) - y, z' = x y - beta z from (1, 1, 1), t in [0, 20].

sigma = 10, rho = 28, beta = 8/3: chaotic; an error made early grows by about e^(0.9 t). Source: Wang, Sankaran & Perdikaris,
arXiv 2203.07404, section 4.1 (the paper prints sigma = 3, its code uses 10).

Reference: the classical solver on this very problem (Runge-Kutta of order 8 at tight tolerance).

Recipe: local polynomials, nothing trained, 4.8e-6 in 2.4 s (random tanh features 3.3e-4). The trained networks
(``trained``): y 4.2e-4 in 200 s (median of three seeds, two runs side by side on two cores).

Published relative L2 errors: causal PINN, 40 windows: x 1.139e-2, y 1.656e-2, z 7.038e-3.
"""

import pinnlab as pl

PUBLISHED = "1.66e-2 (causal PINN, 40 windows, GPU)"
BUDGET = 200.0


def lorenz(x, y, z, sigma, rho, beta):
    return {
        "x": x.t - sigma * (y - x),
        "y": y.t - x * (rho - z) + y,
        "z": z.t - x * y + beta * z,
    }


def problem(sigma: float = 10.0, rho: float = 28.0, beta: float = 8 / 3, end: float = 20.0) -> pl.Problem:
    bare = pl.Problem(
        domain=pl.Box(t=(0.0, end)),
        unknowns=("x", "y", "z"),
        equations=lorenz,
        conditions=[pl.Initial(x=1.0, y=1.0, z=1.0)],
        parameters={"sigma": sigma, "rho": rho, "beta": beta},
        name="Lorenz",
    )
    return bare.replace(reference=pl.ClassicalReference(bare))


def recipe() -> pl.HardConstraintMoE:
    return pl.HardConstraintMoE()


def trained() -> pl.PINN:
    return pl.PINN(
        windows=80,
        network=pl.MLP(width=12, depth=2),
        points=100,
        # fixed points and bold steps suit small smooth problems: what a window leaves behind, chaos multiplies
        sampling="sobol",
        stages=pl.LevenbergMarquardt(steps=1000, decrease=20.0, redraw=False),
    )
