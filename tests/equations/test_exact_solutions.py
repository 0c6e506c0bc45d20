"""Every equation of ``pl.equations`` holds for an exact solution, and does not where a number in it is another.

Letters: n points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.fields import as_value, unknown_field
from pinnlab.derivatives.indices import closure
from pinnlab.derivatives.jets import LazyJet
from pinnlab.domains.columns import Coordinates

PI = math.pi
sin, cos, exp, sqrt, log, cosh = torch.sin, torch.cos, torch.exp, torch.sqrt, torch.log, torch.cosh

Exact = Callable[..., Mapping[str, Any]]
"""Coordinates by name -> {unknown: (n,)}."""


def residuals(
    equation: Callable[..., Any], exact: Exact, box: pl.Box, parameters: Mapping[str, Any]
) -> dict[str, float]:
    """{residual: its largest modulus} of an exact solution."""
    probe = exact(**box.columns(torch.full((1, len(box.coordinates)), 0.5, dtype=torch.float64)))
    kinds = {u: complex if torch.as_tensor(v).is_complex() else float for u, v in probe.items()}
    problem = pl.Problem(box, kinds, equation, parameters=parameters)
    at = torch.rand(20, len(box.coordinates), dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    lower, upper = (torch.tensor(side, dtype=torch.float64) for side in zip(*box.bounds.values(), strict=True))
    points = lower + at * (upper - lower)

    def real(p: Tensor, unknown: str) -> Tensor:
        values = exact(**box.columns(p))
        whole = {u: torch.as_tensor(v, dtype=None if torch.is_tensor(v) else torch.float64) for u, v in values.items()}
        for u, kind in kinds.items():
            if kind is complex and unknown in (u + "_real", u + "_imag"):
                return whole[u].real if unknown.endswith("real") else whole[u].imag
        return whole[unknown].expand(len(p)) + 0 * p[:, 0]

    def jet(unknown: str) -> LazyJet:
        def derive(key: tuple[str, ...]) -> Tensor:
            index = tuple(sorted(box.coordinates.index(c) for c in key))
            indices = closure([index])
            return autograd_jet(lambda p: real(p, unknown)[:, None], points, indices, keep=False)[
                indices.index(index), :, 0
            ]

        return LazyJet(derive)

    jets = {u: jet(u) for u in problem.unknowns}
    scope = Scope.of_jets(jets, box.columns(points), problem.parameter_values())
    found = problem.equation_term().evaluate((scope,))
    return {name: float(r.abs().max()) for name, r in found.items()}


def holds(equation: Callable[..., Any], exact: Exact, box: pl.Box, **parameters: Any) -> None:
    for name, largest in residuals(equation, exact, box, parameters).items():
        assert largest < 1e-11, f"{name}: {largest}"


def fails(equation: Callable[..., Any], exact: Exact, box: pl.Box, **parameters: Any) -> None:
    assert max(residuals(equation, exact, box, parameters).values()) > 1e-3


LINE = pl.Box(x=(0.2, 1.0))
PLANE = pl.Box(x=(0.2, 1.0), y=(0.3, 1.1))
SOLID = pl.Box(x=(0.2, 1.0), y=(0.3, 1.1), z=(0.4, 1.2))
TIME = pl.Box(t=(0.1, 0.6))
MOVING = pl.Box(x=(0.2, 1.0), t=(0.1, 0.6))


def in_time(space: pl.Box) -> pl.Box:
    return pl.Box(**space.bounds, **TIME.bounds)


# -- heat, transport, reactions


def test_poisson() -> None:
    exact: Exact = lambda x, y, z: {"u": sin(x) * sin(2 * y) * exp(z)}  # noqa: E731
    source = lambda x, y, z: 4 * sin(x) * sin(2 * y) * exp(z)  # noqa: E731
    holds(pl.equations.poisson, exact, SOLID, f=source)
    layered: Exact = lambda x: {"u": log(1 + x)}  # noqa: E731
    holds(pl.equations.poisson, layered, LINE, k=lambda x: 1 + x)
    fails(pl.equations.poisson, layered, LINE, k=lambda x: 1 + 2 * x)


def test_heat() -> None:
    mode: Exact = lambda x, y, t: {"u": exp(-2 * PI**2 * 0.3 * t) * sin(PI * x) * sin(PI * y)}  # noqa: E731
    holds(pl.equations.heat, mode, in_time(PLANE), alpha=0.3)
    fails(pl.equations.heat, mode, in_time(PLANE), alpha=0.4)
    # u = t x^2, alpha = x: u_t = x^2, (x u_x)_x = 4 t x
    source = lambda x, t: x**2 - 4 * t * x  # noqa: E731
    holds(pl.equations.heat, lambda x, t: {"u": t * x**2}, MOVING, alpha=lambda x: x, f=source)
    holds(pl.equations.heat, lambda x: {"u": x**2}, LINE, alpha=0.5, f=-1.0)


def test_conduction() -> None:
    mode: Exact = lambda x, t: {"T": 300 + exp(-4 * 2.0 / (3.0 * 0.5) * t) * sin(2 * x)}  # noqa: E731
    holds(pl.equations.conduction, mode, MOVING, k=2.0, rho=3.0, c=0.5)
    fails(pl.equations.conduction, mode, MOVING, k=2.0, rho=3.0, c=0.6)
    holds(pl.equations.conduction, lambda x: {"T": log(1 + x) - x}, LINE, k=lambda x: 1 + x, q=1.0)


def test_convection_diffusion() -> None:
    wave: Exact = lambda x, y, t: {"u": exp(-5 * 0.2 * t) * sin((x - 0.7 * t) + 2 * (y + 0.4 * t))}  # noqa: E731
    holds(pl.equations.convection_diffusion, wave, in_time(PLANE), D=0.2, vx=0.7, vy=-0.4)
    fails(pl.equations.convection_diffusion, wave, in_time(PLANE), D=0.2, vx=0.7)
    # what is carried is conserved: v = x thins it out
    thinned: Exact = lambda x, t: {"u": exp(-t) * cos(x * exp(-t))}  # noqa: E731
    holds(pl.equations.convection_diffusion, thinned, MOVING, D=0.0, vx=lambda x: x)


def test_fisher_and_other_reactions() -> None:
    front: Exact = lambda x, t: {"u": (1 + exp((x - 5 * t / math.sqrt(6)) / math.sqrt(6))) ** -2}  # noqa: E731
    holds(pl.equations.fisher, front, MOVING, D=1.0, r=1.0)
    fails(pl.equations.fisher, front, MOVING, D=1.0, r=1.1)
    decay = lambda u, D: pl.equations.reaction_diffusion(u, D, -3.0 * u)  # noqa: E731
    holds(decay, lambda x, t: {"u": exp(-(3.0 + 0.5) * t) * sin(x)}, MOVING, D=0.5)


def test_gray_scott() -> None:
    # a pulse at rest where Dv / Du = (F + k) / F = 2, with u = 1 - 2 v: v'' = F v - v^2 / 2 + v^3
    F, a = 0.04, 2.0
    Q = math.sqrt(1 - 4.5 * F * a**2)

    def pulse(x: Tensor, t: Tensor) -> dict[str, Tensor]:
        v = 3 * F * a / (1 + Q * cosh(math.sqrt(F) * x)) + 0 * t
        return {"u": 1 - a * v, "v": v}

    wide = pl.Box(x=(-8.0, 8.0), t=(0.0, 1.0))
    holds(pl.equations.gray_scott, pulse, wide, Du=1.0, Dv=2.0, F=F, k=F)
    fails(pl.equations.gray_scott, pulse, wide, Du=1.0, Dv=2.0, F=F, k=2 * F)


# -- waves


def test_wave() -> None:
    plane: Exact = lambda x, y, t: {"u": sin(3 * x + 4 * y - 5 * 1.5 * t)}  # noqa: E731
    holds(pl.equations.wave, plane, in_time(PLANE), c=1.5)
    fails(pl.equations.wave, plane, in_time(PLANE), c=1.4)
    holds(pl.equations.wave, lambda x, t: {"u": t**2 * x}, MOVING, c=2.0, f=lambda x: 2 * x)


def test_helmholtz() -> None:
    plane: Exact = lambda x, y, z: {"u": exp(1j * (2 * x + 3 * y + 6 * z))}  # noqa: E731
    holds(pl.equations.helmholtz, plane, SOLID, k=7.0)
    fails(pl.equations.helmholtz, plane, SOLID, k=6.9)
    holds(pl.equations.helmholtz, lambda x: {"u": x**2}, LINE, k=2.0, f=lambda x: 2 + 4 * x**2)


def test_maxwell() -> None:
    m, n, epsilon, mu = 2, 3, 1.5, 0.8
    w = PI * math.sqrt((m**2 + n**2) / (epsilon * mu))

    def tm(x: Tensor, y: Tensor, t: Tensor) -> dict[str, Tensor]:
        return {
            "Ez": sin(m * PI * x) * sin(n * PI * y) * cos(w * t),
            "Hx": -n * PI / (mu * w) * sin(m * PI * x) * cos(n * PI * y) * sin(w * t),
            "Hy": m * PI / (mu * w) * cos(m * PI * x) * sin(n * PI * y) * sin(w * t),
        }

    def te(x: Tensor, y: Tensor, t: Tensor) -> dict[str, Tensor]:
        return {
            "Hz": cos(m * PI * x) * cos(n * PI * y) * cos(w * t),
            "Ex": -n * PI / (epsilon * w) * cos(m * PI * x) * sin(n * PI * y) * sin(w * t),
            "Ey": m * PI / (epsilon * w) * sin(m * PI * x) * cos(n * PI * y) * sin(w * t),
        }

    for equation, exact in ((pl.equations.maxwell_tm, tm), (pl.equations.maxwell_te, te)):
        holds(equation, exact, in_time(PLANE), epsilon=epsilon, mu=mu)
        fails(equation, exact, in_time(PLANE), epsilon=epsilon, mu=1.01 * mu)
    # charges flow off, against a constant current
    decay: Exact = lambda x, y, t: {"Ez": exp(-2 * t) - 0.5 * x / x, "Hx": 0 * x, "Hy": 0 * x}  # noqa: E731
    holds(pl.equations.maxwell_tm, decay, in_time(PLANE), epsilon=0.5, sigma=1.0, J=0.5)
    still: Exact = lambda x, y, t: {"Hz": 0 * x, "Ex": exp(-2 * t), "Ey": -0.25 * x / x}  # noqa: E731
    holds(pl.equations.maxwell_te, still, in_time(PLANE), epsilon=0.5, sigma=1.0, Jy=0.25)


# -- quantum mechanics


def test_schroedinger() -> None:
    hbar, m, w = 0.7, 1.3, 1.1

    def ground(x: Tensor, y: Tensor, t: Tensor) -> dict[str, Tensor]:
        return {"psi": exp(-m * w / (2 * hbar) * (x**2 + y**2) - 1j * w * t)}

    trap = lambda x, y: m * w**2 * (x**2 + y**2) / 2  # noqa: E731
    holds(pl.equations.schroedinger, ground, in_time(PLANE), V=trap, hbar=hbar, m=m)
    fails(pl.equations.schroedinger, ground, in_time(PLANE), V=trap, hbar=hbar, m=1.2)
    holds(pl.equations.schroedinger, lambda x, t: {"psi": exp(1j * (3 * x - 4.5 * t))}, MOVING)
    first: Exact = lambda x: {"psi": x * exp(-m * w / (2 * hbar) * x**2)}  # noqa: E731
    energy = {"V": lambda x: m * w**2 * x**2 / 2, "hbar": hbar, "m": m}
    holds(pl.equations.stationary_schroedinger, first, LINE, E=1.5 * hbar * w, **energy)
    fails(pl.equations.stationary_schroedinger, first, LINE, E=1.4 * hbar * w, **energy)


def test_nonlinear_schroedinger() -> None:
    g, eta, v = 2.0, 0.9, 0.6

    def soliton(x: Tensor, t: Tensor) -> dict[str, Tensor]:
        return {"psi": eta / cosh(math.sqrt(g) * eta * (x - v * t)) * exp(1j * (v * x + (g * eta**2 - v**2) / 2 * t))}

    holds(pl.equations.nonlinear_schroedinger, soliton, MOVING, g=g)
    fails(pl.equations.nonlinear_schroedinger, soliton, MOVING, g=1.0)
    # the Thomas-Fermi profile where the potential bends against the curvature: psi = x exp(-i t)
    still: Exact = lambda x, t: {"psi": x * exp(-1j * t)}  # noqa: E731
    holds(pl.equations.nonlinear_schroedinger, still, MOVING, g=-1.0, V=lambda x: 1 - x**2)


def test_schroedinger_needs_time() -> None:
    for equation in (pl.equations.schroedinger, pl.equations.nonlinear_schroedinger):
        with pytest.raises(ValueError, match="use pl.equations.stationary_schroedinger, or add t="):
            pl.Problem(LINE, {"psi": complex}, equation)


# -- solids

E, NU = 2.5, 0.3


def kirsch(kappa: float, r: Any, angle: Any) -> tuple[Tensor, Tensor]:
    """Displacements beside a hole of radius 1 in a sheet or body under tension 1 along x: Kirsch (1898)."""
    c = (1 + NU) / (4 * E)
    u = c * (
        r * (kappa + 1) * cos(angle) + 2 / r * ((1 + kappa) * cos(angle) + cos(3 * angle)) - 2 / r**3 * cos(3 * angle)
    )
    v = c * (
        r * (kappa - 3) * sin(angle) + 2 / r * ((1 - kappa) * sin(angle) + sin(3 * angle)) - 2 / r**3 * sin(3 * angle)
    )
    return u, v


@pytest.mark.parametrize(
    ("equation", "constants", "kappa"),
    [
        (pl.equations.plane_strain, pl.equations.lame, 3 - 4 * NU),
        (pl.equations.plane_stress, pl.equations.plane_stress_lame, (3 - NU) / (1 + NU)),
    ],
)
def test_a_hole_under_tension(equation: Callable, constants: Callable, kappa: float) -> None:
    def exact(x: Tensor, y: Tensor) -> dict[str, Tensor]:
        u, v = kirsch(kappa, sqrt(x**2 + y**2), torch.atan2(y, x))
        return {"u": u, "v": v}

    beside = pl.Box(x=(1.1, 2.0), y=(0.3, 1.5))
    holds(equation, exact, beside, E=E, nu=NU)
    fails(equation, exact, beside, E=E, nu=0.25)
    # no traction on the hole, three times the tension beside it
    names = Coordinates(("x", "y"), None)
    points = torch.tensor([[math.cos(a), math.sin(a)] for a in (0.3, 1.2, PI / 2)], dtype=torch.float64)

    def field(unknown: str) -> pl.Field:
        def derive(key: tuple[str, ...]) -> Tensor:
            index = (names.index(key[0]),)
            return autograd_jet(lambda p: exact(*p.unbind(1))[unknown][:, None], points, ((), index), keep=False)[
                1, :, 0
            ]

        return unknown_field(unknown, LazyJet(derive), names)

    rows = pl.equations.stress((field("u"), field("v")), *constants(E, NU))
    for row in rows:
        assert as_value(pl.dot(row, tuple(points.unbind(1)))).abs().max() < 1e-12
    assert float(rows[0].x.value[2]) == pytest.approx(3.0)


def test_stiffness_that_varies_stands_inside_the_divergence() -> None:
    # nu = 0: E u_x = 1
    stretched: Exact = lambda x, y: {"u": log(1 + x), "v": 0 * x}  # noqa: E731
    holds(pl.equations.plane_strain, stretched, PLANE, E=lambda x: 1 + x, nu=0.0)
    fails(pl.equations.plane_strain, stretched, PLANE, E=1.5, nu=0.0)


def test_elasticity() -> None:
    def kelvin(x: Tensor, y: Tensor, z: Tensor) -> dict[str, Tensor]:
        r = sqrt(x**2 + y**2 + z**2)
        return {"u": x * z / r**3, "v": y * z / r**3, "w": (3 - 4 * NU) / r + z**2 / r**3}

    holds(pl.equations.elasticity, kelvin, SOLID, E=E, nu=NU)
    fails(pl.equations.elasticity, kelvin, SOLID, E=E, nu=0.25)
    lam, mu = pl.equations.lame(E, NU)
    assert (lam, mu) == pytest.approx((E * NU / (1.3 * 0.4), E / 2.6))
    speed, shear = math.sqrt((lam + 2 * mu) / 1.7), math.sqrt(mu / 1.7)
    waves: Exact = lambda x, y, t: {"u": cos(2 * (x - speed * t)), "v": sin(3 * (x - shear * t))}  # noqa: E731
    holds(pl.equations.plane_strain, waves, in_time(PLANE), E=E, nu=NU, rho=1.7)
    fails(pl.equations.plane_strain, waves, in_time(PLANE), E=E, nu=NU)


# -- fluids


def test_stokes() -> None:
    def force(x: Tensor, y: Tensor, z: Tensor) -> dict[str, Tensor]:
        r = sqrt(x**2 + y**2 + z**2)
        flow = {"u": x * z / r**3, "v": y * z / r**3, "w": 1 / r + z**2 / r**3}
        return {**flow, "p": 2 * 0.7 * z / r**3}

    holds(pl.equations.stokes, force, SOLID, mu=0.7)
    fails(pl.equations.stokes, force, SOLID, mu=0.8)
    # viscosity 1 + y between two walls
    sheared: Exact = lambda x, y: {"u": log(1 + y), "v": 0 * x, "p": 0 * x}  # noqa: E731
    holds(pl.equations.stokes, sheared, PLANE, mu=lambda y: 1 + y)
    fails(pl.equations.stokes, sheared, PLANE, mu=1.0)


def test_navier_stokes() -> None:
    rho, mu = 1.3, 0.05

    def vortices(x: Tensor, y: Tensor, t: Tensor) -> dict[str, Tensor]:
        decay = exp(-2 * mu / rho * t)
        pressure = rho / 4 * (cos(2 * x) + cos(2 * y)) * decay**2
        return {"u": -cos(x) * sin(y) * decay, "v": sin(x) * cos(y) * decay, "p": -pressure}

    holds(pl.equations.navier_stokes, vortices, in_time(PLANE), rho=rho, mu=mu)
    fails(pl.equations.navier_stokes, vortices, in_time(PLANE), rho=rho, mu=2 * mu)
    fails(pl.equations.navier_stokes, vortices, in_time(PLANE), rho=1.2, mu=mu * 1.2 / rho)

    def beltrami(x: Tensor, y: Tensor, z: Tensor, t: Tensor) -> dict[str, Tensor]:  # Ethier & Steinman (1994)
        a, d = 0.8, 1.1
        decay = exp(-mu * d**2 * t)

        def component(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
            return -a * (exp(a * x) * sin(a * y + d * z) + exp(a * z) * cos(a * x + d * y)) * decay

        def product(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
            return 2 * sin(a * x + d * y) * cos(a * z + d * x) * exp(a * (y + z)) + exp(2 * a * x)

        p = -(a**2) / 2 * (product(x, y, z) + product(y, z, x) + product(z, x, y)) * decay**2
        return {"u": component(x, y, z), "v": component(y, z, x), "w": component(z, x, y), "p": p}

    holds(pl.equations.navier_stokes, beltrami, in_time(SOLID), rho=1.0, mu=mu)


def test_shallow_water() -> None:
    g = 9.81

    def ritter(x: Tensor, t: Tensor) -> dict[str, Tensor]:
        c = math.sqrt(g * 2.0)
        return {"h": (2 * c - x / t) ** 2 / (9 * g), "u": 2 / 3 * (c + x / t)}

    holds(pl.equations.shallow_water, ritter, MOVING)
    fails(pl.equations.shallow_water, ritter, MOVING, g=9.0)
    depth, length, a = 0.7, 2.0, 0.2
    w = math.sqrt(2 * g * depth) / length

    def thacker(x: Tensor, y: Tensor, t: Tensor) -> dict[str, Tensor]:  # a plane surface turning in a paraboloid
        surface = 2 * a * depth / length**2 * (x * cos(w * t) + y * sin(w * t) - a / 2)
        return {
            "h": surface + depth * (1 - (x**2 + y**2) / length**2), "u": -a * w * sin(w * t), "v": a * w * cos(w * t),
        }  # fmt: skip

    bed = lambda x, y: -depth * (1 - (x**2 + y**2) / length**2)  # noqa: E731
    holds(pl.equations.shallow_water, thacker, in_time(PLANE), b=bed)
    fails(pl.equations.shallow_water, thacker, in_time(PLANE))


def test_every_equation_is_tested() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in pl.equations.__all__ if f"pl.equations.{name}" not in source] == []
