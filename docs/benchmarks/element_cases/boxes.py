"""Boxes of space, for polynomials on a grid as well as for tetrahedra: sides of all kinds, layers, materials, systems."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

import pinnlab as pl
from element_cases import Case, Cases

CUBE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0))


def mixed() -> Case:
    """Values, insulation and a side that gives off heat, in a brick whose conductivity varies."""

    def equation(T: Any, x: Tensor, y: Tensor, z: Tensor) -> Any:
        k = 1 + x * y + 0.5 * torch.sin(3 * z)
        return pl.diff(k * T.x, "x") + pl.diff(k * T.y, "y") + pl.diff(k * T.z, "z") + 5 * torch.exp(x - z)

    conditions = [
        pl.Dirichlet(T=0.0, on="x-"),
        pl.Dirichlet(T=lambda y, z: y * (1 - y) * z, on="x+"),
        pl.Neumann(T=0.0, on="y"),
        pl.Robin(T=(2.0, 1.0, 0.5), on="z"),
    ]
    return Case(
        pl.Problem(pl.Box(x=(0.0, 2.0), y=(0.0, 1.0), z=(0.0, 1.0)), "T", equation, conditions), None, 1e-3, 1e-3
    )


def bent() -> Case:
    """A reaction that is not linear, with a known solution."""

    def exact(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return torch.cos(2 * x + y) * torch.exp(-z)

    def equation(u: Any, x: Tensor, y: Tensor, z: Tensor) -> Any:
        return u.laplacian - u**3 + 4 * exact(x, y, z) + exact(x, y, z) ** 3

    return Case(pl.Problem(CUBE, "u", equation, [pl.Dirichlet(u=exact)]), exact, 1e-3, 1e-3)


def anisotropic() -> Case:
    """Diffusion by a full tensor beside transport."""

    def equation(u: Any, x: Tensor) -> Any:
        spread = 2 * u.xx + u.yy + 0.5 * u.zz + u.xy + 0.4 * u.yz
        return spread - 3 * u.x + (1 + x) * u.z - 2 * u + 1

    return Case(pl.Problem(CUBE, "u", equation, [pl.Dirichlet(u=0.0)]), None, 1e-3, 1e-3)


def waves() -> Case:
    """Waves that are excited inside, shorter than the box."""

    def equation(u: Any, x: Tensor, y: Tensor, z: Tensor) -> Any:
        return u.laplacian + 20 * u + torch.sin(math.pi * x) * torch.sin(2 * math.pi * y) * torch.sin(math.pi * z)

    return Case(pl.Problem(CUBE, "u", equation, [pl.Dirichlet(u=0.0)]), None, 1e-3, 1e-3)


def coupled() -> Case:
    """Two unknowns that feed one another."""

    def equations(u: Any, v: Any, x: Tensor) -> dict[str, Any]:
        return {"u": u.laplacian - 4 * u + 3 * v + 1, "v": 0.5 * v.laplacian + u * v - v + torch.sin(3 * x)}

    conditions = [pl.Dirichlet(u=0.0, v=0.0, on="x"), pl.Neumann(u=0.0, v=0.0, on="y"), pl.Dirichlet(u=1.0, on="z")]
    conditions.append(pl.Robin(v=(1.0, 1.0, 0.0), on="z"))
    return Case(pl.Problem(CUBE, ("u", "v"), equations, conditions), None, 1e-3, 1e-3)


CASES: Cases = {
    "brick, sides of three kinds": mixed,
    "cube, a reaction that is not linear": bent,
    "cube, a full tensor and transport": anisotropic,
    "cube, short waves": waves,
    "cube, two unknowns": coupled,
}
