"""Flows in velocity and pressure, transport that dominates, sides that are periodic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

import pinnlab as pl
from element_cases import Case, Cases, Numbers
from pinnlab.problems._cavity import cavity
from pinnlab.problems.lid_cavity import LIDS
from pinnlab.reference import Reference

SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
HOLED = SQUARE - pl.Ball({"x": 0.5, "y": 0.5}, 0.2)
FLOW = ("u", "v", "p")
sin, cos = torch.sin, torch.cos


def around_a_hole() -> Case:
    """U = psi_y, v = -psi_x with psi = sin(3x + 1) cos(4y) / 2; an outlet on the right."""

    def exact(x: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {
            "u": -2 * sin(3 * x + 1) * sin(4 * y),
            "v": -1.5 * cos(3 * x + 1) * cos(4 * y),
            "p": sin(2 * x) * (1 + y),
        }

    def equations(u: Any, v: Any, p: Any, x: Tensor, y: Tensor) -> dict[str, Any]:
        a, b, _ = exact(x, y).values()
        a_x, a_y = -6 * cos(3 * x + 1) * sin(4 * y), -8 * sin(3 * x + 1) * cos(4 * y)
        b_x, b_y = 4.5 * sin(3 * x + 1) * cos(4 * y), 6 * cos(3 * x + 1) * sin(4 * y)
        fx = 2 * cos(2 * x) * (1 + y) + 25 * a + a * a_x + b * a_y
        fy = sin(2 * x) + 25 * b + a * b_x + b * b_y
        return {
            "x": u * u.x + v * u.y + p.x - u.laplacian - fx,
            "y": u * v.x + v * v.y + p.y - v.laplacian - fy,
            "mass": u.x + v.y,
        }

    given: dict[str, Any] = {u: lambda x, y, u=u: exact(x, y)[u] for u in FLOW}
    walls = [pl.Dirichlet(u=given["u"], v=given["v"], on=on) for on in ("surface", "x-", "y")]
    outlet = pl.Dirichlet(p=given["p"], v=given["v"], on="x+")
    return Case(pl.Problem(HOLED, FLOW, equations, [*walls, outlet]), exact, 1e-4, 1e-3)


def lid(kind: str) -> Callable[[], Case]:
    """Re = 100, against spectral elements in stream function and vorticity."""
    speed: Any = {"unit": 1.0, "smooth": lambda x: 16 * x**2 * (1 - x) ** 2}[kind]

    def case() -> Case:
        plain: Any = LIDS["unit"] if kind == "unit" else speed
        # of degree 7 velocities are 2e-6 off
        stream = cavity(100.0, plain, 9)

        def exact(x: Tensor, y: Tensor) -> dict[str, np.ndarray]:
            at = {"x": x.numpy(), "y": y.numpy()}
            return {"u": stream.at_points(at, {"y": 1})["psi"], "v": -stream.at_points(at, {"x": 1})["psi"]}

        conditions = [
            pl.Dirichlet(u=0.0, v=0.0, on="x"),
            pl.Dirichlet(u=0.0, v=0.0, on="y-"),
            pl.Dirichlet(u=speed, v=0.0, on="y+"),
            pl.Data(points={"x": [0.5], "y": [0.5]}, p=[0.0]),
        ]
        problem = pl.Problem(SQUARE, FLOW, pl.equations.navier_stokes, conditions, {"rho": 1.0, "mu": 0.01})
        return Case(problem, exact, 3e-4, 1e-3)

    return case


def step() -> Case:
    """Re = 100; the velocity leaves along its slope. No independent solution is known to three digits."""
    names = ("wall", "out", "wall", "wall", "wall", "in")
    region = pl.Polygon([(0, 0), (4, 0), (4, 2), (2, 2), (2, 1), (0, 1)], edges=names)
    conditions = [
        pl.Dirichlet(u=0.0, v=0.0, on="wall"),
        pl.Dirichlet(u=lambda y: 4 * y * (1 - y), v=0.0, on="in"),
        pl.Dirichlet(p=0.0, on="out"),
        pl.Neumann(v=0.0, on="out"),
    ]
    problem = pl.Problem(region, FLOW, pl.equations.navier_stokes, conditions, {"rho": 1.0, "mu": 0.01})
    return Case(problem, None, 1e-3, 1e-3)


def cylinder() -> Case:
    """A cylinder in a channel, Re = 20 (M. Schaefer, S. Turek, 1996; numbers of featflow.de)."""
    mu, height, radius = 1e-3, 0.41, 0.05
    region = pl.Box(x=(0.0, 2.2), y=(0.0, height)) - pl.Ball({"x": 0.2, "y": 0.2}, radius)
    conditions = [
        pl.Dirichlet(u=lambda y: 1.2 * y * (height - y) / height**2, v=0.0, on="x-"),
        pl.Dirichlet(u=0.0, v=0.0, on="y"),
        pl.Dirichlet(u=0.0, v=0.0, on="surface"),
        pl.Condition(lambda u, v, p, n: {"x": mu * u.d(n) - p * n.x, "y": mu * v.d(n) - p * n.y}, on="x+"),
    ]
    problem = pl.Problem(region, FLOW, pl.equations.navier_stokes, conditions, {"rho": 1.0, "mu": mu})

    def numbers(found: Reference) -> Numbers:
        """The force by the equation tested with a function that falls from one on the cylinder to zero around it."""
        nodes, weights = np.polynomial.legendre.leggauss(24)
        share, angle = (nodes + 1) / 2, 2 * np.pi * (np.arange(256) + 0.5) / 256
        r = radius * (1 + 2 * share)[:, None] + 0 * angle
        weight = (radius * weights)[:, None] * r * 2 * np.pi / 256
        fall = -6 * share * (1 - share) / (2 * radius)
        phi = (1 - share**2 * (3 - 2 * share))[:, None]
        slope = [fall[:, None] * np.cos(angle), fall[:, None] * np.sin(angle)]
        x, y = (torch.from_numpy(0.2 + r * f(angle)).requires_grad_() for f in (np.cos, np.sin))
        at = found(x=x, y=y)
        grad = {k: [g.numpy() for g in torch.autograd.grad(at[k].sum(), (x, y), retain_graph=True)] for k in "uv"}
        u, v, p = (at[k].detach().numpy() for k in FLOW)
        force = []
        for k, axis in (("u", 0), ("v", 1)):
            stress = mu * (grad[k][0] * slope[0] + grad[k][1] * slope[1]) - p * slope[axis]
            force.append(-float((weight * (stress + (u * grad[k][0] + v * grad[k][1]) * phi)).sum()))
        ends = found(x=np.array([0.15, 0.25]), y=np.array([0.2, 0.2]))["p"]
        unit = 2 / (0.2**2 * 0.1)
        return {
            "drag": (unit * force[0], 5.57953523384),
            "lift": (unit * force[1], 0.010618948146),
            "pressure difference": (float(ends[0] - ends[1]), 0.11752016697),
        }

    return Case(problem, None, 1e-3, 1e-3, numbers)


def vortices() -> Case:
    """Taylor's, decaying beside a hole and an outlet, to t = 1."""

    def exact(x: Tensor, y: Tensor, t: Tensor) -> dict[str, Tensor]:
        fall = torch.exp(-0.2 * t)
        p = -(cos(2 * x) + cos(2 * y)) / 4 * fall**2
        return {"u": -cos(x) * sin(y) * fall, "v": sin(x) * cos(y) * fall, "p": p}

    given: dict[str, Any] = {u: lambda x, y, t, u=u: exact(x, y, t)[u] for u in FLOW}
    region = pl.Box(x=(0.0, math.pi), y=(0.0, math.pi)) - pl.Ball({"x": 1.5, "y": 1.5}, 0.5)
    conditions = [
        pl.Initial(u=lambda x, y: -cos(x) * sin(y), v=lambda x, y: sin(x) * cos(y)),
        *(pl.Dirichlet(u=given["u"], v=given["v"], on=on) for on in ("surface", "x-", "y")),
        pl.Dirichlet(p=given["p"], v=given["v"], on="x+"),
    ]
    equations, numbers = pl.equations.navier_stokes, {"rho": 1.0, "mu": 0.1}
    problem = pl.Problem(region * pl.Box(t=(0.0, 1.0)), FLOW, equations, conditions, numbers)
    return Case(problem, exact, 1e-3, 1e-2)


def carried(diffusion: float) -> Callable[[], Case]:
    """2 u_x + u_y = eps lap u + f around a hole."""

    def case() -> Case:
        def exact(x: Tensor, y: Tensor) -> Tensor:
            return sin(3 * x) * cos(2 * y)

        def equation(u: Any, x: Tensor, y: Tensor) -> Any:
            source = 6 * cos(3 * x) * cos(2 * y) - 2 * sin(3 * x) * sin(2 * y) + 13 * diffusion * exact(x, y)
            return 2 * u.x + u.y - diffusion * u.laplacian - source

        return Case(pl.Problem(HOLED, "u", equation, [pl.Dirichlet(u=exact)]), exact, 1e-5, 1e-4)

    return case


def periodic() -> Case:
    def exact(x: Tensor, y: Tensor) -> Tensor:
        return sin(2 * math.pi * x) * cos(2 * math.pi * y)

    problem = pl.Problem(
        HOLED,
        "u",
        lambda u, x, y: u.laplacian - u + (8 * math.pi**2 + 1) * exact(x, y),
        [pl.Periodic(on="x"), pl.Periodic(on="y"), pl.Dirichlet(u=exact, on="surface")],
    )
    return Case(problem, exact, 1e-5, 1e-4)


CASES: Cases = {
    "Navier-Stokes, hole and an outlet": around_a_hole,
    "lid cavity on a box, Re 100, smooth lid": lid("smooth"),
    "lid cavity on a box, Re 100, plain lid": lid("unit"),
    "backward step, Re 100": step,
    "cylinder in a channel, Re 20": cylinder,
    "decaying vortices, hole and an outlet": vortices,
    "transport, hole, diffusion 1e-6": carried(1e-6),
    "Poisson, hole, periodic sides": periodic,
}
