"""NS 2d-CG: the flow over a backward step at Re = 100: 4 y (1 - y) enters at the left, p = 0 at the right, walls elsewhere.

The benchmark says nothing of v at the right, so that its solution is not unique; here its slope vanishes. Reference: the
classical solver.
"""

import pinnlab as pl

PUBLISHED = "8.2e-2"
CORNERS = [(0, 0), (4, 0), (4, 2), (2, 2), (2, 1), (0, 1)]
SIDES = ("bottom", "out", "top", "step", "ceiling", "in_")


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Polygon(CORNERS, edges=SIDES),
        unknowns=("u", "v", "p"),
        equations=lambda u, v, p: pl.equations.navier_stokes(u, v, p, rho=1.0, mu=0.01),
        conditions=[
            pl.Dirichlet(u=lambda y: 4 * y * (1 - y), v=0.0, on="in_"),
            pl.Dirichlet(p=0.0, on="out"),
            pl.Neumann(v=0.0, on="out"),
            *(pl.Dirichlet(u=0.0, v=0.0, on=wall) for wall in ("bottom", "top", "step", "ceiling")),
        ],
        name="PINNacle NS 2d-CG",
    )
