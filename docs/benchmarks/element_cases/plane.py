"""Regions of the plane that are no boxes: holes, corners, a mesh of one's own; steady, heat, waves."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

import pinnlab as pl
import pinnlab.problems
from element_cases import Case, Cases

HOLED = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)) - pl.Ball({"x": 0.5, "y": 0.5}, 0.2)


def disks() -> Case:
    region: pl.Region = pl.Box(x=(-0.5, 0.5), y=(-0.5, 0.5))
    for x in (-0.3, 0.3):
        for y in (-0.3, 0.3):
            region = region - pl.Ball({"x": x, "y": y}, 0.1)

    def exact(x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(5 * x + 1) * torch.cos(4 * y)

    problem = pl.Problem(region, "u", lambda u, x, y: u.laplacian + 41 * exact(x, y), [pl.Dirichlet(u=exact)])
    return Case(problem, exact, 1e-6, 1e-5)


def corner() -> Case:
    region = pl.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])

    def exact(x: Tensor, y: Tensor) -> Tensor:
        radius, angle = torch.hypot(x - 1, y - 1), torch.atan2(y - 1, x - 1)
        return radius ** (2 / 3) * torch.sin(2 / 3 * ((angle - math.pi / 2) % (2 * math.pi)))

    return Case(pl.Problem(region, "u", lambda u: u.laplacian, [pl.Dirichlet(u=exact)]), exact, 1e-6, 1e-5)


def obstacle() -> Case:
    """A mesh of gmsh with names for the outer sides and the hole, which is a polygon."""
    region = pl.Mesh.read(Path(pinnlab.problems.__file__).parent / "data" / "obstacle.msh")

    def exact(x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(3 * x) * torch.exp(y)

    conditions = [pl.Dirichlet(u=exact, on=name) for name in region.named_pieces]
    problem = pl.Problem(region, "u", lambda u, x, y: u.laplacian + 8 * exact(x, y), conditions)
    return Case(problem, exact, 1e-6, 1e-5)


def heat() -> Case:
    def exact(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return torch.sin(3 * x - t) * torch.cos(2 * y) + torch.exp(-t) * x

    def source(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        wave = torch.sin(3 * x - t) * torch.cos(2 * y)
        return -torch.cos(3 * x - t) * torch.cos(2 * y) - torch.exp(-t) * x + 13 * wave

    def side(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return 3 * torch.cos(3 * x - t) * torch.cos(2 * y) + torch.exp(-t) + 2 * exact(x, y, t)

    problem = pl.Problem(
        HOLED * pl.Box(t=(0.0, 3.0)),
        "u",
        lambda u, x, y, t: u.t - u.laplacian - source(x, y, t),
        [
            pl.Initial(u=lambda x, y: exact(x, y, torch.zeros_like(x))),
            *(pl.Dirichlet(u=exact, on=name) for name in ("surface", "x-", "y")),
            pl.Robin(u=(2.0, 1.0, side), on="x+"),
        ],
    )
    return Case(problem, exact, 1e-4, 1e-4)


def drum() -> Case:
    zero = 2.404825557695773

    def exact(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return torch.special.bessel_j0(zero * torch.hypot(x, y)) * torch.cos(zero * t)

    problem = pl.Problem(
        pl.Ball({"x": 0.0, "y": 0.0}, 1.0) * pl.Box(t=(0.0, 2.0)),
        "u",
        lambda u: u.tt - u.laplacian,
        [pl.Initial(u=lambda x, y: exact(x, y, torch.zeros_like(x)), u_t=0.0), pl.Dirichlet(u=0.0)],
    )
    return Case(problem, exact, 1e-4, 1e-3)


CASES: Cases = {
    "Poisson, square less four disks": disks,
    "Laplace, L-shape": corner,
    "Poisson, obstacle in a mesh of gmsh": obstacle,
    "heat, hole and a Robin side, t to 3": heat,
    "wave, drum": drum,
}
