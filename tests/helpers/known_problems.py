"""Problems with known solutions that local experts solve, by kind of condition and of equation."""

import math
from typing import Any

import torch

import pinnlab as pl
from pinnlab.training.plans import Settings

SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)


HEAT = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u: u.t - 0.1 * u.xx,
    conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
    reference=lambda x, t: torch.exp(-0.1 * math.pi**2 * t) * torch.sin(math.pi * x),
)


NEUMANN = HEAT.replace(
    conditions=[pl.Initial(u=lambda x: torch.cos(math.pi * x)), pl.Neumann(u=0.0)],
    reference=lambda x, t: torch.exp(-0.1 * math.pi**2 * t) * torch.cos(math.pi * x),
)


ROBIN = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 2.0)),
    unknowns="u",
    equations=lambda u, x, t: u.t - 0.1 * u.xx - torch.sin(x) * (torch.cos(t) + 0.1 * torch.sin(t)),
    conditions=[
        pl.Initial(u=0.0),
        pl.Dirichlet(u=0.0, on="x-"),
        pl.Robin(u=(1.0, 1.0, lambda t: torch.sin(t) * (math.sin(1) + math.cos(1))), on="x+"),
    ],
    reference=lambda x, t: torch.sin(t) * torch.sin(x),
)


WAVE = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u: u.tt - 4 * u.xx,
    conditions=[
        pl.Initial(u=lambda x: torch.sin(math.pi * x) + 0.5 * torch.sin(4 * math.pi * x), u_t=0.0),
        pl.Dirichlet(u=0.0),
    ],
    reference=lambda x, t: (
        torch.sin(math.pi * x) * torch.cos(2 * math.pi * t)
        + 0.5 * torch.sin(4 * math.pi * x) * torch.cos(8 * math.pi * t)
    ),
)


SCHROEDINGER = pl.Problem(
    domain=pl.Box(x=(0.0, 2 * math.pi), t=(0.0, 1.0)),
    unknowns=("u", "v"),
    equations=lambda u, v: {"real": u.t + v.xx, "imaginary": v.t - u.xx},
    conditions=[pl.Initial(u=lambda x: torch.cos(2 * x), v=lambda x: torch.sin(2 * x)), pl.Periodic(on="x")],
    reference=lambda x, t: {"u": torch.cos(2 * x - 4 * t), "v": torch.sin(2 * x - 4 * t)},
)


STEADY = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u, x: u.xx - u**3 + torch.sin(math.pi * x) * math.pi**2 + torch.sin(math.pi * x) ** 3,
    conditions=[pl.Dirichlet(u=0.0)],
    reference=lambda x: torch.sin(math.pi * x),
)


HELMHOLTZ = pl.Problem(
    domain=pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0)),
    unknowns="u",
    equations=lambda u, x, y: (
        u.xx + u.yy + u + (17 * math.pi**2 - 1) * torch.sin(math.pi * x) * torch.sin(4 * math.pi * y)
    ),
    conditions=[pl.Dirichlet(u=0.0)],
    reference=lambda x, y: torch.sin(math.pi * x) * torch.sin(4 * math.pi * y),
)


OSCILLATOR = pl.Problem(
    domain=pl.Box(t=(0.0, 20.0)),
    unknowns="u",
    equations=lambda u: u.tt + u,
    conditions=[pl.Initial(u=1.0, u_t=0.0)],
    reference=lambda t: torch.cos(t),
)


CASES: dict[str, tuple[pl.Problem, float]] = {
    "heat": (HEAT, 1e-11),
    "Neumann": (NEUMANN, 1e-11),
    "Robin and a source": (ROBIN, 1e-10),
    "wave": (WAVE, 3e-8),
    "Schroedinger, periodic": (SCHROEDINGER, 3e-9),
    "steady, non-linear": (STEADY, 1e-12),
    "Helmholtz in the plane": (HELMHOLTZ, 3e-8),
    "oscillator": (OSCILLATOR, 1e-8),
}


def solve(problem: pl.Problem, **options: Any) -> pl.Solution:
    return pl.solve(problem, pl.HardConstraintMoE(**options), progress=False)
