"""Poisson 2d-C: lap u = 0 on [-1/2, 1/2]^2 less four disks of radius 0.1 at (+-0.3, +-0.3); u = 1 outside, 0 on the disks.

Reference: the classical solver.
"""

import pinnlab as pl

PUBLISHED = "1.2e-2"


def problem() -> pl.Problem:
    region = pl.Box(x=(-0.5, 0.5), y=(-0.5, 0.5))
    for number, (x, y) in enumerate([(0.3, 0.3), (-0.3, 0.3), (0.3, -0.3), (-0.3, -0.3)]):
        region = region - pl.Ball({"x": x, "y": y}, 0.1, name=f"disk{number}")
    disks = [f"disk{number}" for number in range(4)]
    return pl.Problem(
        domain=region,
        unknowns="u",
        equations=lambda u: u.laplacian,
        conditions=[
            *(pl.Dirichlet(u=1.0, on=side) for side in ("x", "y")),
            *(pl.Dirichlet(u=0.0, on=disk) for disk in disks),
        ],
        name="PINNacle Poisson 2d-C",
    )
