"""Regions in space: a cube less four balls, a ball, a corner that points inwards; steady, heat, elasticity."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

import pinnlab as pl
from element_cases import Case, Cases

CUBE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0))
BALL = pl.Ball({"x": 0.0, "y": 0.0, "z": 0.0}, 1.0)
_HOLES = ((0.4, 0.3, 0.6, 0.2), (0.6, 0.7, 0.6, 0.2), (0.2, 0.8, 0.7, 0.1), (0.6, 0.2, 0.3, 0.1))


def _less_four_balls() -> pl.Region:
    region: pl.Region = CUBE
    for x, y, z, radius in _HOLES:
        region = region - pl.Ball({"x": x, "y": y, "z": z}, radius)
    return region


def balls() -> Case:
    """Two materials of the reaction, and waves as short as those of PINNacle's Poisson 3d-CG."""

    def exact(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return torch.exp(x * z) + 0.2 * torch.sin(math.pi * x) * torch.sin(10 * math.pi * y) * torch.sin(
            5 * math.pi * z
        )

    def source(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        wave = 0.2 * torch.sin(math.pi * x) * torch.sin(10 * math.pi * y) * torch.sin(5 * math.pi * z)
        reaction = torch.where(z < 0.5, 64.0, 100.0)
        return -(x**2 + z**2) * torch.exp(x * z) + 126 * math.pi**2 * wave + reaction * exact(x, y, z)

    def equation(u: Any, x: Tensor, y: Tensor, z: Tensor) -> Any:
        return -u.laplacian + torch.where(z < 0.5, 64.0, 100.0) * u - source(x, y, z)

    return Case(pl.Problem(_less_four_balls(), "u", equation, [pl.Dirichlet(u=exact)]), exact, 1e-4, 1e-3)


def smooth() -> Case:
    def exact(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return torch.sin(3 * x + y) * torch.exp(z)

    problem = pl.Problem(
        _less_four_balls(), "u", lambda u, x, y, z: u.laplacian + 9 * exact(x, y, z), [pl.Dirichlet(u=exact)]
    )
    return Case(problem, exact, 1e-5, 1e-3)


def corner() -> Case:
    """A harmonic function that is singular along an edge that points inwards."""
    region = pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0), z=(0.0, 1.0)) - pl.Box(x=(0.0, 2.0), y=(-2.0, 0.0), z=(-1.0, 2.0))

    def exact(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return torch.hypot(x, y) ** (2 / 3) * torch.sin(2 / 3 * (torch.atan2(y, x) % (2 * math.pi))) + 0 * z

    return Case(pl.Problem(region, "u", lambda u: u.laplacian, [pl.Dirichlet(u=exact)]), exact, 1e-4, 1e-2)


def heat() -> Case:
    """HNd of PINNacle, with three coordinates."""

    def exact(x: Tensor, y: Tensor, z: Tensor, t: Tensor) -> Tensor:
        return torch.exp((x**2 + y**2 + z**2) / 2 + t)

    problem = pl.Problem(
        BALL * pl.Box(t=(0.0, 1.0)),
        "u",
        lambda u, x, y, z, t: u.t - u.laplacian + (2 + x**2 + y**2 + z**2) * exact(x, y, z, t),
        [pl.Initial(u=lambda x, y, z: exact(x, y, z, torch.zeros_like(x))), pl.Neumann(u=exact)],
    )
    return Case(problem, exact, 1e-4, 1e-3)


def sound() -> Case:
    """A standing wave in a ball."""

    def exact(x: Tensor, y: Tensor, z: Tensor, t: Tensor) -> Tensor:
        return torch.sinc(torch.sqrt(x**2 + y**2 + z**2)) * torch.cos(math.pi * t)

    problem = pl.Problem(
        BALL * pl.Box(t=(0.0, 1.0)),
        "u",
        lambda u: u.tt - u.laplacian,
        [pl.Initial(u=lambda x, y, z: exact(x, y, z, torch.zeros_like(x)), u_t=0.0), pl.Dirichlet(u=0.0)],
    )
    return Case(problem, exact, 1e-4, 1e-3)


def elastic() -> Case:
    """Displacements of an elastic cube with a hole, given on all of its boundary."""

    def exact(x: Tensor, y: Tensor, z: Tensor) -> dict[str, Tensor]:
        return {"u": torch.sin(2 * x) * y, "v": torch.cos(x + z), "w": x * y * z}

    def equations(u: Any, v: Any, w: Any, x: Tensor, y: Tensor, z: Tensor) -> dict[str, Any]:
        def spread(a: str) -> Any:
            return u.d("x", a) + v.d("y", a) + w.d("z", a)

        return {
            "x": u.laplacian + 2 * spread("x") + 12 * torch.sin(2 * x) * y - 2 * y,
            "y": v.laplacian + 2 * spread("y") + 2 * torch.cos(x + z) - 4 * torch.cos(2 * x) - 2 * x,
            "z": w.laplacian + 2 * spread("z"),
        }

    region = CUBE - pl.Ball({"x": 0.5, "y": 0.5, "z": 0.5}, 0.25)
    given = pl.Dirichlet(
        u=lambda x, y, z: exact(x, y, z)["u"],
        v=lambda x, y, z: exact(x, y, z)["v"],
        w=lambda x, y, z: exact(x, y, z)["w"],
    )
    return Case(pl.Problem(region, ("u", "v", "w"), equations, [given]), exact, 1e-4, 1e-3)


CASES: Cases = {
    "Poisson, cube less four balls": smooth,
    "reaction in two materials and short waves, cube less four balls": balls,
    "Laplace, an edge that points inwards": corner,
    "heat, insulated ball": heat,
    "sound, ball": sound,
    "elasticity, cube less a ball": elastic,
}
