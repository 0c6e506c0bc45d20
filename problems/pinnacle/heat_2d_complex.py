"""Heat 2d-CG: u_t = lap u on [-8, 8] x [-12, 12] less 11 disks of radius 1 and 6 of radius 0.4, from 0, t to 3.

The heat that enters is 5 - u on large disks, 1 - u on small ones, 0.1 - u outside. Reference: the classical solver.
"""

import pinnlab as pl

PUBLISHED = "2.3e-2"
LARGE = [(x, y) for x in (-4, 4) for y in (-9, -3, 3, 9)] + [(0, 0), (0, 6), (0, -6)]
SMALL = [(x, y) for x in (-3.2, 3.2) for y in (-6, 0, 6)]


def problem() -> pl.Problem:
    region = pl.Box(x=(-8.0, 8.0), y=(-12.0, 12.0))
    large, small = [f"large{k}" for k in range(len(LARGE))], [f"small{k}" for k in range(len(SMALL))]
    for centers, radius, names in ((LARGE, 1.0, large), (SMALL, 0.4, small)):
        for (x, y), name in zip(centers, names, strict=True):
            region = region - pl.Ball({"x": x, "y": y}, radius, name=name)
    return pl.Problem(
        domain=region * pl.Box(t=(0.0, 3.0)),
        unknowns="u",
        equations=lambda u: u.t - u.laplacian,
        conditions=[
            pl.Initial(u=0.0),
            *(pl.Robin(u=(1.0, 1.0, 5.0), on=name) for name in large),
            *(pl.Robin(u=(1.0, 1.0, 1.0), on=name) for name in small),
            *(pl.Robin(u=(1.0, 1.0, 0.1), on=side) for side in ("x", "y")),
        ],
        name="PINNacle Heat 2d-CG",
    )
