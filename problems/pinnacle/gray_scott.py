"""Gray-Scott: u_t = 1e-5 lap u + 0.04 (1 - u) - u v^2, v_t = 5e-6 lap v - 0.1 v + u v^2 on [-1, 1]^2, periodic, t to 200.

From two bumps next to each other. The benchmark states no condition around; its file was made with periodic ones.
Reference: the classical solver.
"""

import torch

import pinnlab as pl

PUBLISHED = "8.0e-2"


def gray_scott(u, v):
    burnt = u * v**2
    return {
        "u": u.t - 1e-5 * u.laplacian - 0.04 * (1 - u) + burnt,
        "v": v.t - 5e-6 * v.laplacian + 0.1 * v - burnt,
    }


def problem() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0), t=(0.0, 200.0)),
        unknowns=("u", "v"),
        equations=gray_scott,
        conditions=[
            pl.Initial(
                u=lambda x, y: 1 - torch.exp(-80 * ((x + 0.05) ** 2 + (y + 0.02) ** 2)),
                v=lambda x, y: torch.exp(-80 * ((x - 0.05) ** 2 + (y - 0.02) ** 2)),
            ),
            pl.Periodic(on="x"),
            pl.Periodic(on="y"),
        ],
        name="PINNacle Gray-Scott",
    )
