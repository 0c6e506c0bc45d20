"""NS 2d-C: the flow in a square under a lid that moves with 4 x (1 - x), Re = 100, in u, v, p with p = 0 in a corner.

Reference: the classical solver.
"""

import pinnlab as pl

PUBLISHED = "3.6e-2"


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)),
        unknowns=("u", "v", "p"),
        equations=lambda u, v, p: pl.equations.navier_stokes(u, v, p, rho=1.0, mu=0.01),
        conditions=[
            pl.Dirichlet(u=lambda x: 4 * x * (1 - x), v=0.0, on="y+"),
            *(pl.Dirichlet(u=0.0, v=0.0, on=side) for side in ("x", "y-")),
            pl.Data(points={"x": [0.0], "y": [0.0]}, p=[0.0]),
        ],
        name="PINNacle NS 2d-C",
    )
