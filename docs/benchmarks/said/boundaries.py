"""Formulas on the boundary, parts of sides, materials in contact."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from scipy.optimize import brentq

import pinnlab as pl
from said.statement import LINE, SQUARE, Statement

PI = math.pi


def moment() -> Statement:
    """A beam on two supports under a load that grows along it: no moments at its ends."""
    conditions = [pl.Dirichlet(w=0.0), pl.Condition(lambda w: w.xx, on="x")]
    problem = pl.Problem(LINE, "w", lambda w, x: w.xxxx - 360 * x, conditions)
    return Statement(problem, lambda x: {"w": x * (7 - 10 * x**2 + 3 * x**4)})


def shear() -> Statement:
    """A cantilever with a load at its end: no moment there, and a shear force."""
    end = pl.Condition(lambda w: {"moment": w.xx, "shear": w.xxx + 6}, on="x+")
    clamped = [pl.Dirichlet(w=0.0, on="x-"), pl.Neumann(w=0.0, on="x-")]
    return Statement(
        pl.Problem(LINE, "w", lambda w: w.xxxx, [*clamped, end]), lambda x: {"w": 3 * x**2 - x**3}
    )  # fmt: skip


def radiation() -> Statement:
    """A rod of 10 cm, 1000 K at one end, radiating at the other."""
    k, hot, cold, s, length = 50.0, 1000.0, 300.0, 0.8 * 5.67e-8, 0.1
    conditions = [
        pl.Dirichlet(T=hot, on="x-"),
        pl.Condition(lambda T, n: k * T.d(n) + s * (T**4 - cold**4), on="x+"),
    ]
    end = brentq(lambda T: k * (T - hot) / length + s * (T**4 - cold**4), cold, hot)
    problem = pl.Problem(pl.Box(x=(0.0, length)), "T", lambda T: k * T.xx, conditions)
    return Statement(problem, lambda x: {"T": hot + (end - hot) * x / length})


def traction() -> Statement:
    """Plane stress, bent by tractions that grow across: three sides are loaded or free, one is held as it should be."""
    young, nu, bend = 2.0, 0.3, 1.0
    c = young / (1 - nu**2)

    def stress(u: Any, v: Any) -> tuple[Any, Any, Any]:
        return c * (u.x + nu * v.y), c * (v.y + nu * u.x), c * (1 - nu) / 2 * (u.y + v.x)

    def forces(u: Any, v: Any) -> dict[str, Any]:
        sxx, syy, sxy = stress(u, v)
        return {"x": pl.diff(sxx, "x") + pl.diff(sxy, "y"), "y": pl.diff(sxy, "x") + pl.diff(syy, "y")}

    def loaded(u: Any, v: Any, y: Any, n: Any) -> dict[str, Any]:
        sxx, syy, sxy = stress(u, v)
        push = bend * y * n.x
        return {"tx": sxx * n.x + sxy * n.y - push, "ty": sxy * n.x + syy * n.y}

    def truth(x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"u": bend * x * y / young, "v": -bend * (x**2 + nu * y**2) / (2 * young)}

    held = pl.Dirichlet(on="x-", u=0.0, v=lambda y: -bend * nu * y**2 / (2 * young))
    sides = [pl.Condition(loaded, on=side) for side in ("x+", "y")]
    return Statement(pl.Problem(pl.Box(x=(0.0, 2.0), y=(-0.5, 0.5)), ("u", "v"), forces, [held, *sides]), truth)


def absorbing(solver: Any = None) -> Statement:
    """A pulse that leaves through both ends."""

    def pulse(s: torch.Tensor) -> torch.Tensor:
        return torch.exp(-(((s - 0.5) / 0.1) ** 2))

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.tt - u.xx,
        [pl.Initial(u=lambda x: pulse(x), u_t=0.0), pl.Condition(lambda u, n: u.t + u.d(n), on="x")],
    )  # fmt: skip
    return Statement(problem, lambda x, t: {"u": (pulse(x - t) + pulse(x + t)) / 2}, solver=solver)


def slip() -> Statement:
    """Flow in a pipe of square section between two walls with slip."""
    problem = pl.Problem(
        SQUARE, "u", lambda u: u.laplacian + 2.0,
        [pl.Condition(lambda u, n: u + 0.2 * u.d(n), on="y"), pl.Neumann(u=0.0, on="x")],
    )  # fmt: skip
    return Statement(problem, lambda x, y: {"u": y * (1 - y) + 0.2 + 0 * x})


def stored() -> Statement:
    """A slab in a bath that it warms: the bath takes up what flows out, C T_t + T_n = 0."""
    a = brentq(lambda a: a * math.tan(a) + 2 * a**2 - 0.0, PI / 2 + 1e-6, PI)
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.5)), "T", lambda T: T.t - T.xx,
        [pl.Initial(T=lambda x: torch.cos(a * x)), pl.Neumann(T=0.0, on="x-"),
         pl.Condition(lambda T, n: 2 * T.t + T.d(n), on="x+")],
    )  # fmt: skip
    return Statement(problem, lambda x, t: {"T": torch.cos(a * x) * torch.exp(-(a**2) * t)})


def contact() -> Statement:
    """Copper and glass with a contact that resists: A1's wall, and 2 K more."""
    layers = pl.Piecewise((pl.Box(x=(0.0, 0.5)), 400.0), otherwise=1.38, jump={"T": lambda flux: 0.01 * flux})
    conditions = [pl.Dirichlet(T=293.0, on="x-"), pl.Robin(T=(0.0, 1.38, 200.0), on="x+")]
    problem = pl.Problem(LINE, "T", lambda T, k: pl.diff(k * T.x, "x"), conditions, {"k": layers})
    return Statement(
        problem, lambda x: {"T": 293 + torch.where(x < 0.5, x / 2, 2.25 + 200 * (x - 0.5) / 1.38)}
    )  # fmt: skip


def inclusion() -> Statement:
    """A disc that conducts ten times as well as the plate around it, in a slope of temperature."""
    radius, k = 0.4, 10.0

    def truth(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        square = x**2 + y**2
        outside = x * (1 - radius**2 * (k - 1) / (k + 1) / square.clamp_min(radius**2))
        return torch.where(square < radius**2, 2 * x / (k + 1), outside)

    plate = pl.Piecewise((pl.Ball(center={"x": 0.0, "y": 0.0}, radius=radius), k), otherwise=1.0)
    problem = pl.Problem(
        pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0)),
        "T",
        lambda T, k: pl.div(k * pl.grad(T)),
        pl.Dirichlet(T=truth),
        {"k": plate},
    )
    return Statement(problem, lambda x, y: {"T": truth(x, y)})


def _half_plane(conditions: list[Any], truth: Callable[..., torch.Tensor]) -> Statement:
    """Laplace's equation on (-1, 1) x (0, 1) with a bottom side that changes at its middle."""
    others = [pl.Dirichlet(u=truth, on=side) for side in ("x-", "x+", "y+")]
    domain = pl.Box(x=(-1.0, 1.0), y=(0.0, 1.0))
    problem = pl.Problem(domain, "u", lambda u: u.laplacian, [*conditions, *others])
    return Statement(problem, lambda x, y: {"u": truth(x, y)})


def part_of_a_side() -> Statement:
    """A value on one half of a side, insulation on the other: singular like the root of the distance."""

    def truth(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        z = torch.complex(*torch.broadcast_tensors(x, y + 0.0 * x))
        return torch.sqrt(z).imag + 0.3 * (z * torch.sqrt(z)).imag + x**2 - y**2

    bottom = [
        pl.Dirichlet(u=lambda x: x**2, on="y-", where=lambda x: x > 0),
        pl.Neumann(u=0.0, on="y-", where=lambda x: x <= 0),
    ]
    return _half_plane(bottom, truth)


def two_values() -> Statement:
    """Two values on one side."""

    def truth(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.atan2(y, x) / PI + torch.exp(-y) * torch.sin(x)

    bottom = [
        pl.Dirichlet(u=lambda x: torch.sin(x), on="y-", where=lambda x: x > 0),
        pl.Dirichlet(u=lambda x: 1 + torch.sin(x), on="y-", where=lambda x: x <= 0),
    ]
    return _half_plane(bottom, truth)
