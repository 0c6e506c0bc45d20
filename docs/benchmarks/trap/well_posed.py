"""Well-posed problems, each drawn at random around one kind, with the solution that they were made from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

import pinnlab as pl
from trap.symbols import Case, manufactured, robin, slope, start, symbol, value

Random = np.random.Generator
X, Y, Z, T = (symbol(n) for n in "xyzt")


# -- formulas ------------------------------------------------------------------------------------------------------------


def units(rng: Random) -> tuple[float, float]:
    """A length and a size: one each, or of another order of magnitude."""
    return tuple(float(10 ** rng.uniform(-4, 4)) if rng.random() < 0.3 else 1.0 for _ in range(2))  # type: ignore[return-value]


def offset(rng: Random, size: float) -> float:
    """What is added to a solution of this size."""
    return float(size * 10 ** rng.uniform(0, 2.5)) if rng.random() < 0.3 else 0.0


def profile(rng: Random, s: sympy.Expr, hardest: float = 1.0) -> sympy.Expr:
    """A function of one variable in (0, 1), of size one: waves, a front, a pulse or a boundary layer."""
    shape, a, b = rng.integers(5), rng.uniform(0.5, 1), rng.uniform(0, 2 * math.pi)
    at = rng.uniform(0.2, 0.8)
    if shape == 0:
        return a * sympy.sin(2 * math.pi * rng.uniform(0.3, 1 + 5 * hardest) * s + b)
    if shape == 1:
        return sympy.tanh((s - at) / (0.5 * 10 ** -rng.uniform(0.2, 0.2 + 1.3 * hardest)))
    if shape == 2:
        return sympy.exp(-(((s - at) / (0.4 * 10 ** -rng.uniform(0, hardest))) ** 2)) + a * s
    if shape == 3:
        return sympy.exp(-s / 10 ** -rng.uniform(0, 1.5 * hardest)) + 0.3 * sympy.cos(3 * s)
    return a * sympy.sin(7 * s + b) + (1 - a) * sympy.sin(2 * math.pi * (1 + 8 * hardest) * s)


def periodic_profile(rng: Random, phase: sympy.Expr, most: int = 4) -> sympy.Expr:
    """A few waves of a phase of period 2 pi."""
    return sum(
        (rng.normal() / k) * sympy.sin(int(k) * phase + rng.uniform(0, 6)) for k in rng.integers(1, most + 1, size=2)
    )


# -- on a line, steady ---------------------------------------------------------------------------------------------------


def line(rng: Random) -> Case:
    """-(a u')' + b u' + c u = f with values, slopes or Robin conditions at the ends."""
    length, size = units(rng)
    domain, s = pl.Box(x=(0.0, length)), X / length
    u = {"u": size * profile(rng, s) + offset(rng, size)}
    a = 1 + rng.uniform(0, 0.8) * sympy.sin(4 * s + rng.uniform(0, 3))
    b, c = rng.uniform(-20, 20) * (rng.random() < 0.5), 10 ** rng.uniform(-1, 3) * (rng.random() < 0.5)
    ends = rng.integers(3)
    conditions = [
        value(u, domain, "x-", "x+"),
        value(u, domain, "x-") + slope(u, domain, "x+"),
        robin(u["u"], domain, "x-", 1.0, 0.3 * length) + value(u, domain, "x+"),
    ][ends]

    def operator(u: Any, at: Callable) -> Any:
        first = b / length * u.x - sympy_diff(a, X, at) * u.x
        return [length**2 * (first - at(a) * u.xx) + c * u.d()] if c else [length**2 * (first - at(a) * u.xx)]

    return manufactured("line, second order", domain, u, operator, conditions, "-(a u_x)_x + b u_x + c u = f")


def sympy_diff(formula: sympy.Expr, by: sympy.Symbol, at: Callable) -> Any:
    return at(sympy.diff(formula, by))


def beam(rng: Random) -> Case:
    """W'''' + k w = f, clamped or with one end free to turn, scalar or as two equations of second order."""
    length, size = units(rng)
    domain, s = pl.Box(x=(0.0, length)), X / length
    formula = size * profile(rng, s, 0.6)
    k = float(10 ** rng.uniform(0, 3))
    if rng.random() < 0.5:
        w = {"w": formula}
        ends = value(w, domain, "x-", "x+") + slope(w, domain, "x-", "x+")
        return manufactured(
            "line, fourth order",
            domain,
            w,
            lambda w, at: [length**4 * w.xxxx + k * w.d()],
            ends,
            f"w_xxxx + {k:.3g} w = f",
        )
    both = {"w": formula, "m": sympy.diff(formula, X, 2)}
    ends = value(both, domain, "x-", "x+")
    return manufactured(
        "line, mixed form", domain, both,
        lambda w, m, at: [length**2 * (w.xx - m.d()), length**4 * m.xx + k * w.d()], ends, "w_xx = m, m_xx + k w = f",
    )  # fmt: skip


def third_order(rng: Random) -> Case:
    """U''' + c u = f with u, u' at the left end and u at the right one."""
    domain, u = pl.Box(x=(0.0, 1.0)), {"u": profile(rng, X, 0.6)}
    ends = value(u, domain, "x-", "x+") + slope(u, domain, "x-")
    return manufactured(
        "line, third order", domain, u, lambda u, at: [u.xxx + u.x + 2 * u.d()], ends, "u_xxx + u_x + 2 u = f"
    )


def first_order(rng: Random) -> Case:
    """U' + c u = f with a value at the left end."""
    c, size = float(rng.uniform(0.5, 20)), float(10 ** rng.uniform(-3, 3))
    domain, u = pl.Box(x=(0.0, 1.0)), {"u": size * profile(rng, X) + offset(rng, size)}
    return manufactured(
        "line, first order", domain, u, lambda u, at: [u.x + c * u.d()], value(u, domain, "x-"), "u_x + c u = f"
    )


def nonlinear_line(rng: Random) -> Case:
    """-u'' + u^3 + u = f with values at the ends: monotone, so that there is one solution."""
    domain, u = pl.Box(x=(0.0, 1.0)), {"u": profile(rng, X)}
    return manufactured(
        "line, nonlinear", domain, u, lambda u, at: [-u.xx + u * u * u + u.d()], value(u, domain, "x-", "x+"),
        "-u_xx + u^3 + u = f",
    )  # fmt: skip


# -- ordinary differential equations in time -----------------------------------------------------------------------------


def oscillator(rng: Random) -> Case:
    """u_tt + d u_t + w^2 u + q u^3 = f."""
    end, size = units(rng)
    domain, s = pl.Box(t=(0.0, end)), T / end
    u = {"u": size * profile(rng, s)}
    w, q, d = float(rng.uniform(1, 12)), float(rng.uniform(0, 1) / size**2), float(rng.uniform(0, 3))
    return manufactured(
        "oscillator", domain, u,
        lambda u, at: [end**2 * u.tt + d * end * u.t + w**2 * u.d() + q * u * u * u], start(u, domain, 2),
        "u_tt + d u_t + w^2 u + q u^3 = f",
    )  # fmt: skip


def kinetics(rng: Random) -> Case:
    """Two species that feed on one another, of different sizes."""
    domain, sizes = pl.Box(t=(0.0, 1.0)), 10 ** rng.uniform(-3, 3, size=2)
    u = {n: float(s) * (1.5 + profile(rng, T, 0.6)) for n, s in zip("ab", sizes, strict=True)}
    k = [float(v) for v in rng.uniform(0.5, 5, size=3)]
    return manufactured(
        "kinetics", domain, u,
        lambda a, b, at: [a.t + k[0] * a - k[1] / sizes[1] * a * b, b.t + k[2] * b - k[1] / sizes[0] * a * b / 4],
        start(u, domain), "a_t = -k0 a + k1 a b, b_t = -k2 b + k1 a b",
    )  # fmt: skip


# -- a line with time ----------------------------------------------------------------------------------------------------


def moving(rng: Random, length: float, end: float, size: float, hardest: float = 0.6) -> sympy.Expr:
    """A profile that moves and decays, on (0, length) x (0, end)."""
    s, t = X / length, T / end
    return size * (
        profile(rng, s - rng.uniform(0, 0.3) * t, hardest) * sympy.exp(-rng.uniform(0, 1) * t) + t * s**2 / 3
    )


def heat(rng: Random) -> Case:
    """u_t + b u_x = k u_xx + f with values or slopes at the ends."""
    length, size = units(rng)
    end = units(rng)[0]
    domain = pl.Box(x=(0.0, length), t=(0.0, end))
    u = {"u": moving(rng, length, end, size) + offset(rng, size)}
    k, b = float(10 ** rng.uniform(-2.5, 0)), float(rng.uniform(-2, 2) * (rng.random() < 0.5))
    ends = value(u, domain, "x-") + (value if rng.random() < 0.6 else slope)(u, domain, "x+")
    return manufactured(
        "heat and transport", domain, u, lambda u, at: [end * u.t + b * length * u.x - k * length**2 * u.xx],
        start(u, domain) + ends, f"u_t + {b:.2g} u_x = {k:.2g} u_xx + f",
    )  # fmt: skip


def burgers(rng: Random) -> Case:
    """u_t + u u_x = nu u_xx + f."""
    domain = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
    u, nu = {"u": moving(rng, 1.0, 1.0, 1.0)}, float(10 ** rng.uniform(-2.5, -0.5))
    return manufactured(
        "Burgers", domain, u, lambda u, at: [u.t + u * u.x - nu * u.xx],
        start(u, domain) + value(u, domain, "x-", "x+"), f"u_t + u u_x = {nu:.2g} u_xx + f",
    )  # fmt: skip


def reaction(rng: Random) -> Case:
    """Two species that diffuse and react."""
    domain = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
    u = {n: moving(rng, 1.0, 1.0, 1.0) for n in "uv"}
    d = [float(v) for v in 10 ** rng.uniform(-2, 0, size=2)]
    return manufactured(
        "reaction and diffusion", domain, u,
        lambda u, v, at: [u.t - d[0] * u.xx + u * v * v, v.t - d[1] * v.xx - u * v * v + v],
        start(u, domain) + value(u, domain, "x-", "x+"), "u_t = d0 u_xx - u v^2 + f, v_t = d1 v_xx + u v^2 - v + g",
    )  # fmt: skip


def wave(rng: Random) -> Case:
    """u_tt = c^2 u_xx + f, one end held and one end held or free."""
    length, size = units(rng)
    end = units(rng)[0]
    domain = pl.Box(x=(0.0, length), t=(0.0, end))
    u, c = {"u": moving(rng, length, end, size)}, float(rng.uniform(0.3, 3))
    ends = value(u, domain, "x-") + (value if rng.random() < 0.6 else slope)(u, domain, "x+")
    return manufactured(
        "wave", domain, u, lambda u, at: [end**2 * u.tt - c**2 * length**2 * u.xx], start(u, domain, 2) + ends,
        f"u_tt = {c:.2g}^2 u_xx + f",
    )  # fmt: skip


def transport(rng: Random) -> Case:
    """u_t + c u_x = f with a value where it flows in."""
    domain, c = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), float(rng.uniform(0.3, 3) * rng.choice([-1, 1]))
    u = {"u": moving(rng, 1.0, 1.0, 1.0) + offset(rng, 1.0)}
    return manufactured(
        "transport, open", domain, u, lambda u, at: [u.t + c * u.x],
        start(u, domain) + value(u, domain, "x-" if c > 0 else "x+"), f"u_t + {c:.2g} u_x = f",
        velocity=c, solvers=(pl.LagrangianPINN(),),
    )  # fmt: skip


def rotating(rng: Random) -> sympy.Expr:
    """A periodic profile on (0, 1) that moves and decays."""
    return periodic_profile(rng, 2 * math.pi * (X - rng.uniform(-1, 1) * T)) * sympy.exp(-rng.uniform(0, 1) * T)


def periodic_transport(rng: Random) -> Case:
    """u_t + c u_x = nu u_xx + f on a ring."""
    domain, c = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), float(rng.uniform(-8, 8))
    u, nu = {"u": rotating(rng)}, float(10 ** rng.uniform(-5, -2))
    return manufactured(
        "transport, ring", domain, u, lambda u, at: [u.t + c * u.x - nu * u.xx],
        [*start(u, domain), pl.Periodic(on="x")], f"u_t + {c:.2g} u_x = {nu:.2g} u_xx + f",
        velocity=c, solvers=(pl.LagrangianPINN(),),
    )  # fmt: skip


def dispersive(rng: Random) -> Case:
    """Third and fourth order on a ring: KdV and Kuramoto-Sivashinsky with sources."""
    domain, u = pl.Box(x=(0.0, 1.0), t=(0.0, 0.5)), {"u": rotating(rng)}
    if rng.random() < 0.5:
        a = float(10 ** rng.uniform(-4, -2))
        return manufactured(
            "KdV", domain, u, lambda u, at: [u.t + u * u.x + a * u.xxx], [*start(u, domain), pl.Periodic(on="x")],
            f"u_t + u u_x + {a:.2g} u_xxx = f",
        )  # fmt: skip
    a = float(10 ** rng.uniform(-4.5, -3))
    return manufactured(
        "Kuramoto-Sivashinsky", domain, u, lambda u, at: [u.t + u * u.x + 0.01 * u.xx + a * u.xxxx],
        [*start(u, domain), pl.Periodic(on="x")], f"u_t + u u_x + 0.01 u_xx + {a:.2g} u_xxxx = f",
    )  # fmt: skip


def mixed_in_time(rng: Random) -> Case:
    """c_t = m_xx, m = c^3 - c - e c_xx: an unknown without a derivative by time."""
    domain, e = pl.Box(x=(0.0, 1.0), t=(0.0, 0.5)), float(10 ** rng.uniform(-2, -1))
    c = rotating(rng) / 2
    both = {"c": c, "m": c**3 - c - e * sympy.diff(c, X, 2)}
    return manufactured(
        "mixed form in time", domain, both, lambda c, m, at: [c.t - m.xx, m - c * c * c + c + e * c.xx],
        [*start(both, domain, only=("c",)), pl.Periodic(on="x")], f"c_t = m_xx + f, m = c^3 - c - {e:.2g} c_xx",
    )  # fmt: skip


# -- the plane and beyond ------------------------------------------------------------------------------------------------


def plane_formula(rng: Random, hardest: float = 0.5) -> sympy.Expr:
    return profile(rng, X, hardest) * profile(rng, Y, hardest) + X * Y / 2


def poisson(rng: Random) -> Case:
    """-div grad u + c u + b . grad u = f on a square, with values and sometimes a slope."""
    domain, size = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), float(10 ** rng.uniform(-3, 3))
    u = {"u": size * plane_formula(rng) + offset(rng, size)}
    c, b = float(10 ** rng.uniform(-1, 2)), float(rng.uniform(-5, 5) * (rng.random() < 0.5))
    last = value(u, domain, "y+") if rng.random() < 0.6 else slope(u, domain, "y+")
    return manufactured(
        "plane", domain, u, lambda u, at: [-u.xx - u.yy + c * u.d() + b * u.x],
        value(u, domain, "x-", "x+", "y-") + last, "-lap u + b u_x + c u = f",
    )  # fmt: skip


def holes(rng: Random) -> Case:
    """Poisson's equation on a square less a disk, a disk, an L, or a triangle."""
    region = rng.integers(4)
    domain: Any = [
        lambda: pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)) - pl.Ball({"x": 0.5, "y": 0.5}, 0.2),
        lambda: pl.Ball({"x": 0.5, "y": 0.5}, 0.5),
        lambda: pl.Polygon([(0, 0), (1, 0), (1, 0.5), (0.5, 0.5), (0.5, 1), (0, 1)]),
        lambda: pl.Polygon([(0, 0), (1, 0), (0.3, 1)]),
    ][region]()
    u = {"u": plane_formula(rng) + offset(rng, 1.0)}
    return manufactured(
        "plane, any region", domain, u, lambda u, at: [-u.xx - u.yy + u.d()], value(u, domain, None), "-lap u + u = f"
    )


def nonlinear_plane(rng: Random) -> Case:
    """Two coupled equations of second order on a square, monotone together."""
    domain, u = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), {n: plane_formula(rng) for n in "uv"}
    return manufactured(
        "plane, system", domain, u, lambda u, v, at: [-u.xx - u.yy + u * u * u + v.d(), -v.xx - v.yy - u.d() + v * v * v],
        value(u, domain, None), "-lap u + u^3 + v = f, -lap v - u + v^3 = g",
    )  # fmt: skip


def stokes(rng: Random) -> Case:
    """Stokes flow in a square, its velocity from a stream function, its pressure fixed by a value at one point."""
    domain = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
    psi = sympy.sin(rng.uniform(1, 6) * X + 1) * sympy.cos(rng.uniform(1, 6) * Y) / 2
    flow = {"u": sympy.diff(psi, Y), "v": -sympy.diff(psi, X), "p": sympy.sin(rng.uniform(1, 5) * X) * (1 + Y)}
    point = pl.Data(points={"x": np.array([0.0]), "y": np.array([0.0])}, p=np.array([0.0]))
    return manufactured(
        "Stokes", domain, flow, lambda u, v, p, at: [p.x - u.xx - u.yy, p.y - v.xx - v.yy, u.x + v.y],
        [*value(flow, domain, None, only=("u", "v")), point], "grad p = lap (u, v) + f, div (u, v) = 0",
    )  # fmt: skip


def plane_heat(rng: Random) -> Case:
    """u_t = k lap u + f on a square."""
    domain, k = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0)), float(10 ** rng.uniform(-2, 0))
    u = {"u": plane_formula(rng, 0.3) * sympy.exp(-rng.uniform(0, 1) * T) + T * X + offset(rng, 1.0)}
    return manufactured(
        "plane with time", domain, u, lambda u, at: [u.t - k * (u.xx + u.yy)],
        start(u, domain) + value(u, domain, None), f"u_t = {k:.2g} lap u + f",
    )  # fmt: skip


def space(rng: Random) -> Case:
    """Poisson's equation in a cube or in four dimensions."""
    names = "xyz" if rng.random() < 0.6 else "xyzw"
    domain = pl.Box(**{n: (0.0, 1.0) for n in names})
    total = sum(rng.uniform(0.3, 1.5) * symbol(n) for n in names)
    u = {"u": sympy.sin(2 * total) + sympy.exp(-((total - 1) ** 2))}
    return manufactured(
        "three and four dimensions", domain, u, lambda u, at: [-sum(u.d(n, n) for n in names) + u.d()],
        value(u, domain, None), "-lap u + u = f",
    )  # fmt: skip


KINDS: tuple[Callable[[Random], Case], ...] = (
    line, heat, beam, first_order, nonlinear_line, third_order, oscillator, kinetics, burgers, reaction, wave, transport,
    periodic_transport, dispersive, mixed_in_time, poisson, holes, nonlinear_plane, stokes, plane_heat, space,
)  # fmt: skip
