"""Materials that meet along curves, and stresses around a hole."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import pinnlab as pl
from element_cases import Case, Cases

SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))


def _conduction(u: Any, k: Any) -> Any:
    return pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y")


def _inclusion(inside: float, outside: float, material: Any) -> Case:
    """A disk of another conductivity in a field that is uniform far away: linear inside, a dipole outside."""

    def exact(x: Tensor, y: Tensor) -> Tensor:
        along, r2 = x - 0.5, (x - 0.5) ** 2 + (y - 0.5) ** 2
        dipole = (outside - inside) / (outside + inside) * 0.09 / r2.clip(1e-9)
        return torch.where(r2 < 0.09, 2 * outside / (inside + outside) * along, along * (1 + dipole))

    problem = pl.Problem(SQUARE, "u", _conduction, [pl.Dirichlet(u=exact)], {"k": material})
    return Case(problem, exact, 1e-5, 1e-4)


def _disk(inside: float, outside: float) -> Any:
    return pl.Piecewise((pl.Ball({"x": 0.5, "y": 0.5}, 0.3), inside), otherwise=outside)


def conducting() -> Case:
    return _inclusion(1000.0, 1.0, _disk(1000.0, 1.0))


def insulating() -> Case:
    return _inclusion(1.0, 1000.0, _disk(1.0, 1000.0))


def formula() -> Case:
    return _inclusion(1000.0, 1.0, lambda x, y: torch.where((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.09, 1000.0, 1.0))


def source() -> Case:
    """A source on a disk: its potential is a logarithm outside."""

    def exact(x: Tensor, y: Tensor) -> Tensor:
        r2 = (x - 0.5) ** 2 + (y - 0.5) ** 2
        return torch.where(r2 < 0.09, (0.09 - r2) / 4, -0.0225 * torch.log(r2.clip(1e-9) / 0.09))

    problem = pl.Problem(
        SQUARE, "u",
        lambda u, x, y: u.laplacian + torch.where((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.09, 1.0, 0.0),
        [pl.Dirichlet(u=exact)],
    )  # fmt: skip
    return Case(problem, exact, 1e-5, 1e-4)


def wave() -> Case:
    """A wave in a medium whose speed varies, around a hole; the source makes the solution known."""

    def exact(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return torch.sin(3 * x + 1) * torch.cos(2 * y) * torch.cos(4 * t)

    def speed(x: Tensor, y: Tensor) -> Tensor:
        return 1 + 0.5 * torch.sin(2 * x) * y

    def source(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        # u_tt - (c u_x)_x - (c u_y)_y
        c, by_x, by_y = speed(x, y), torch.cos(2 * x) * y, 0.5 * torch.sin(2 * x)
        u_x = 3 * torch.cos(3 * x + 1) * torch.cos(2 * y) * torch.cos(4 * t)
        u_y = -2 * torch.sin(3 * x + 1) * torch.sin(2 * y) * torch.cos(4 * t)
        return (13 * c - 16) * exact(x, y, t) - by_x * u_x - by_y * u_y

    region = SQUARE - pl.Ball({"x": 0.5, "y": 0.5}, 0.2)
    problem = pl.Problem(
        region * pl.Box(t=(0.0, 1.0)),
        "u",
        lambda u, x, y, t: u.tt - _conduction(u, speed(x, y)) - source(x, y, t),
        [pl.Dirichlet(u=exact), pl.Initial(u=lambda x, y: exact(x, y, torch.zeros_like(x)), u_t=0.0)],
    )
    return Case(problem, exact, 3e-4, 1e-3)


def kirsch_fields(x: Tensor, y: Tensor, a: float = 0.5, nu: float = 0.3) -> dict[str, Tensor]:
    """Displacements and stresses in an infinite plate (E = 1, plane stress) with a hole, pulled by 1 along x."""
    r, angle = torch.hypot(x, y), torch.atan2(y, x)
    c2, s2, c4, s4 = torch.cos(2 * angle), torch.sin(2 * angle), torch.cos(4 * angle), torch.sin(4 * angle)
    q, q4 = (a / r) ** 2, (a / r) ** 4
    shear, kappa = 1 / (2 * (1 + nu)), (3 - nu) / (1 + nu)
    c1, s1, c3, s3 = torch.cos(angle), torch.sin(angle), torch.cos(3 * angle), torch.sin(3 * angle)
    u = a / (8 * shear) * (r / a * (kappa + 1) * c1 + 2 * a / r * ((1 + kappa) * c1 + c3) - 2 * (a / r) ** 3 * c3)
    v = a / (8 * shear) * (r / a * (kappa - 3) * s1 + 2 * a / r * ((1 - kappa) * s1 + s3) - 2 * (a / r) ** 3 * s3)
    return {
        "u": u,
        "v": v,
        "sxx": 1 - q * (1.5 * c2 + c4) + 1.5 * q4 * c4,
        "syy": -q * (0.5 * c2 - c4) - 1.5 * q4 * c4,
        "sxy": -q * (0.5 * s2 + s4) + 1.5 * q4 * s4,
    }


def kirsch() -> Case:
    """A quarter of the plate: symmetry on two sides, the exact tractions on the outer ones, none on the hole."""
    nu = 0.3
    region = pl.Box(x=(0.0, 2.0), y=(0.0, 2.0)) - pl.Ball({"x": 0.0, "y": 0.0}, 0.5)

    def stress(u: Any, v: Any) -> tuple[Any, Any, Any]:
        e = 1 / (1 - nu**2)
        return e * (u.x + nu * v.y), e * (v.y + nu * u.x), e * (1 - nu) / 2 * (u.y + v.x)

    def equations(u: Any, v: Any) -> dict[str, Any]:
        sxx, syy, sxy = stress(u, v)
        return {"along": pl.diff(sxx, "x") + pl.diff(sxy, "y"), "across": pl.diff(sxy, "x") + pl.diff(syy, "y")}

    def free(u: Any, v: Any, n: Any) -> dict[str, Any]:
        sxx, syy, sxy = stress(u, v)
        return {"along": sxx * n.x + sxy * n.y, "across": sxy * n.x + syy * n.y}

    def pulled(u: Any, v: Any, n: Any, x: Any, y: Any) -> dict[str, Any]:
        found, given = free(u, v, n), kirsch_fields(x, y)
        return {
            "along": found["along"] - given["sxx"] * n.x - given["sxy"] * n.y,
            "across": found["across"] - given["sxy"] * n.x - given["syy"] * n.y,
        }

    conditions = [
        pl.Dirichlet(u=0.0, on="x-"),
        pl.Condition(lambda u, v: u.y + v.x, on="x-"),
        pl.Dirichlet(v=0.0, on="y-"),
        pl.Condition(lambda u, v: u.y + v.x, on="y-"),
        *(pl.Condition(pulled, on=side) for side in ("x+", "y+")),
        pl.Condition(free, on="surface"),
    ]
    problem = pl.Problem(region, ("u", "v"), equations, conditions)

    def exact(x: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {name: values for name, values in kirsch_fields(x, y).items() if name in "uv"}

    def concentration(found: pl.Reference) -> dict[str, tuple[float, float]]:
        """The stress along the pull at the top of the hole, next to the one far away."""
        x = torch.tensor([0.0], dtype=torch.float64, requires_grad=True)
        y = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
        at = found(x=x, y=y)
        (u_x,) = torch.autograd.grad(at["u"].sum(), x, retain_graph=True)
        (v_y,) = torch.autograd.grad(at["v"].sum(), y)
        return {"stress concentration": (float((u_x + nu * v_y) / (1 - nu**2)), 3.0)}

    return Case(problem, exact, 1e-5, 1e-3, concentration)


CASES: Cases = {
    "two materials 1000 : 1, a disk in a square": conducting,
    "two materials 1 : 1000, a disk in a square": insulating,
    "the same disk, 1000 : 1, by a formula": formula,
    "source on a disk in a square": source,
    "wave in a medium that varies, hole": wave,
    "plate with a hole (Kirsch), displacements": kirsch,
}
