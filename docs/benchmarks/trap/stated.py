"""Problems whose statement is special: own conditions, parts of sides, integrals, final states, materials, complex
unknowns, SI units. Each is drawn at random around one kind, with its exact solution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy
import torch

import pinnlab as pl
from pinnlab.declaration.arguments import with_arguments
from trap.composites import materials
from trap.options import option
from trap.symbols import Case, Symbolic, answer, called, function, manufactured, slope, start, symbol, value
from trap.well_posed import X, Y, moving, plane_formula, profile

Random = np.random.Generator
T = symbol("t")


# -- conditions of one's own ---------------------------------------------------------------------------------------------


class _Outward(Symbolic):
    """A formula on a side of a box, whose derivatives along ``n`` point outwards."""

    def __init__(self, formula: sympy.Expr, names: Sequence[str], side: str):
        super().__init__(formula, names)
        self.side = side

    def d(self, *by: Any) -> sympy.Expr:
        sign = -1 if self.side.endswith("-") else 1
        normals = sum(each == "n" for each in by)
        return sign**normals * super().d(*(self.side[:-1] if each == "n" else each for each in by))


def own(u: Mapping[str, sympy.Expr], domain: Any, side: str, expression: Callable[..., Any]) -> pl.Condition:
    """``pl.Condition`` that an expression of the unknowns and ``n`` has on a side what the formulas have there."""
    names = domain.coordinates
    target = function(sympy.sympify(expression(**{k: _Outward(f, names, side) for k, f in u.items()}, n="n")), names)

    def held(**at: Any) -> Any:
        return expression(**{k: at[k] for k in (*u, "n")}) - called(target, {n: at[n] for n in names})

    return pl.Condition(with_arguments(held, (*u, *names, "n")), on=side)


def on_a_line(rng: Random) -> Case:
    """Radiation, convection with a power, or a spring that hardens, at the end of a line."""
    domain, u = pl.Box(x=(0.0, 1.0)), {"u": 1.5 + 0.5 * profile(rng, X, 0.6)}
    a, kind = float(10 ** rng.uniform(-1, 0.7)), int(rng.integers(3))
    expression: Callable[..., Any] = [
        lambda u, n: u.d(n) + a * u**4,
        lambda u, n: u.d(n) + a * (u * u * u + u),
        lambda u, n: u.d(n) * (1 + u * u) + a * u,
    ][kind]
    conditions = [*value(u, domain, "x-"), own(u, domain, "x+", expression)]
    return manufactured(
        "own condition on a line",
        domain,
        u,
        lambda u, at: [-u.xx + u.d()],
        conditions,
        f"condition {kind}, a = {a:.2g}",
    )


def own_beam(rng: Random) -> Case:
    """A beam with moments and shear forces at its ends."""
    domain, w = pl.Box(x=(0.0, 1.0)), {"w": profile(rng, X, 0.4)}
    free = own(w, domain, "x+", lambda w, n: w.xx), own(w, domain, "x+", lambda w, n: w.xxx)
    hinged = [*value(w, domain, "x-", "x+"), *(own(w, domain, s, lambda w, n: w.d(n, n)) for s in ("x-", "x+"))]
    clamped = [*value(w, domain, "x-"), *slope(w, domain, "x-"), *free]
    conditions = hinged if rng.random() < 0.5 else clamped
    return manufactured("moments of a beam", domain, w, lambda w, at: [w.xxxx + 10 * w.d()], conditions)


def own_in_time(rng: Random) -> Case:
    """A wall that stores heat, radiation in time, or a side that absorbs waves."""
    domain = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
    a, kind = float(10 ** rng.uniform(-0.7, 0.5)), int(rng.integers(3))
    u = {"u": moving(rng, 1.0, 1.0, 1.0, 0.4)}
    expression: Callable[..., Any] = [
        lambda u, n: a * u.t + u.d(n),
        lambda u, n: u.d(n) + a * (u * u * u + u),
        lambda u, n: u.t + a * u.d(n),
    ][kind]
    conditions = [*start(u, domain, 2 if kind == 2 else 1), *value(u, domain, "x-"), own(u, domain, "x+", expression)]
    operator: Callable[..., Any] = lambda u, at: [u.t - 0.3 * u.xx]  # noqa: E731
    if kind == 2:
        operator = lambda u, at: [u.tt - a**2 * u.xx]  # noqa: E731
    return manufactured("own condition in time", domain, u, operator, conditions, f"condition {kind}, a = {a:.2g}")


def own_in_the_plane(rng: Random) -> Case:
    """Radiation, slip with a derivative along the side, or traction of a mixed form, on a side of a square."""
    domain, kind = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), int(rng.integers(2))
    u = {"u": plane_formula(rng, 0.2)}
    expression: Callable[..., Any] = [
        lambda u, n: u.d(n) + 0.5 * (u * u * u + u),
        lambda u, n: u.d(n) + 0.3 * u.y + u,
    ][kind]
    conditions = [*value(u, domain, "x-", "y-", "y+"), own(u, domain, "x+", expression)]
    return manufactured(
        "own condition in the plane", domain, u, lambda u, at: [-u.xx - u.yy + u.d()], conditions, f"condition {kind}"
    )


def part_of_a_side(rng: Random) -> Case:
    """A value on a part of a side and a slope on the rest, that belong to one smooth solution."""
    domain, u = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), {"u": plane_formula(rng, 0.2)}
    at, side = float(rng.uniform(0.2, 0.8)), str(rng.choice(["x-", "x+"]))
    (held,), (bent,) = value(u, domain, side), slope(u, domain, side)
    conditions = [
        pl.Dirichlet(on=side, where=lambda y: y < at, **held.values),
        pl.Neumann(on=side, where=lambda y: y >= at, **bent.values),
        *value(u, domain, {"x-": "x+", "x+": "x-"}[side], "y-", "y+"),
    ]
    return manufactured(
        "a part of a side", domain, u, lambda u, at: [-u.xx - u.yy], conditions, f"{side} changes at y = {at:.2f}"
    )


# -- integrals -----------------------------------------------------------------------------------------------------------


def _total(formula: sympy.Expr, domain: Any) -> float:
    """The integral over a box, by Gauss's rule."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    names, columns, weight = domain.coordinates, {}, np.ones(1)
    grids = np.meshgrid(*[nodes] * len(names), indexing="ij")
    for name, grid in zip(names, grids, strict=True):
        low, high = domain.bounds[name]
        columns[name] = low + (grid.ravel() + 1) / 2 * (high - low)
        weight = np.multiply.outer(weight, weights * (high - low) / 2)
    return float((answer({"u": formula}, names)(**columns)["u"] * weight.ravel()).sum())


def gauge(rng: Random) -> Case:
    """Slopes all around and a mean, on a line or a square."""
    line = rng.random() < 0.5
    domain = pl.Box(x=(0.0, 1.0)) if line else pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
    u = {"u": profile(rng, X, 0.4) if line else plane_formula(rng, 0.2)}
    sides = ("x-", "x+") if line else ("x-", "x+", "y-", "y+")
    mean = pl.Integral(lambda u: u, equals=_total(u["u"], domain))
    operator: Callable[..., Any] = (lambda u, at: [u.xx]) if line else (lambda u, at: [u.xx + u.yy])
    return manufactured("slopes and a mean", domain, u, operator, [*slope(u, domain, *sides), mean])


def mass(rng: Random) -> Case:
    """A prescribed mass, or a first moment, and the unknown factor of a source."""
    domain, u = pl.Box(x=(0.0, 1.0)), {"u": 2 + profile(rng, X, 0.4)}
    moment, k = bool(rng.random() < 0.5), float(rng.uniform(1, 10))
    total = _total(u["u"] * (X if moment else 1), domain)
    given = pl.Integral((lambda u, x: x * u) if moment else (lambda u: u), equals=total)
    case = manufactured("mass and a multiplier", domain, u, lambda u, at: [-u.xx + at(X**2 * k)], value(u, domain, "x"))
    f = function(k * X**2 - sympy.diff(u["u"], X, 2), domain.coordinates)
    problem = case.problem.replace(
        equations=lambda u, x, push: -u.xx + push * x**2 - called(f, {"x": x}),
        conditions=[*case.problem.conditions, given],
        parameters={"push": pl.Unknown(k * float(rng.uniform(0.5, 1.5)))},
    )
    return replace(case, problem=problem, statement=f"{case.statement}; push = {k:.4g}, moment {moment}")


def eigenvalue(rng: Random) -> Case:
    """The ground state of a well, an oscillator, a shallow well or an atom; the positive one."""
    kind, a = int(rng.integers(4)), float(rng.uniform(0.6, 2.0))
    low, high = ((0.0, a), (-9 / a, 9 / a), (-30 / a, 30 / a), (0.0, 45 / a))[kind]
    potential, state, energy = (
        (lambda x: 0 * x, lambda x: np.sqrt(2 / a) * np.sin(np.pi * x / a), np.pi**2 / (2 * a**2)),
        (lambda x: a**4 * x**2 / 2, lambda x: np.sqrt(a) / np.pi**0.25 * np.exp(-((a * x) ** 2) / 2), a**2 / 2),
        (lambda x: -(a**2) / torch.cosh(a * x) ** 2, lambda x: np.sqrt(a / 2) / np.cosh(a * x), -(a**2) / 2),
        (lambda x: -a / x, lambda x: 2 * a**1.5 * x * np.exp(-a * x), -(a**2) / 2),
    )[kind]
    problem = pl.Problem(
        pl.Box(x=(low, high)), "psi", lambda psi, x, E: -0.5 * psi.xx + potential(x) * psi - E * psi,
        [pl.Dirichlet(psi=0.0), pl.Integral(lambda psi: psi**2, equals=1.0)],
        {"E": pl.Unknown(float(energy * rng.uniform(0.8, 1.2)))}, name="eigenvalue",
    )  # fmt: skip
    return Case("eigenvalue", f"well {kind}, a = {a:.3f}, E = {energy:.4g}", problem, lambda x: {"psi": state(x)})


# -- states at the end ---------------------------------------------------------------------------------------------------


def backward(rng: Random) -> Case:
    """A backward Kolmogorov equation with drift and a smooth state at the end."""
    domain, u = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), {"u": moving(rng, 1.0, 1.0, 1.0, 0.5)}
    k, b = float(10 ** rng.uniform(-2, -0.3)), float(rng.uniform(-1, 1))
    end = pl.Final(u=function(u["u"].subs(T, 1.0), domain.coordinates, ("t",)))
    ends = [*value(u, domain, "x-"), *(value if rng.random() < 0.5 else slope)(u, domain, "x+")]
    return manufactured(
        "a state at the end", domain, u, lambda u, at: [u.t + k * u.xx + b * at(X) * u.x], [end, *ends],
        f"u_t + {k:.2g} u_xx + {b:.2g} x u_x = f",
    )  # fmt: skip


# -- complex unknowns ----------------------------------------------------------------------------------------------------


def complex_unknown(rng: Random) -> Case:
    """Schroedinger's equation, or Helmholtz's with losses and a side that lets waves out, with a source."""
    in_time = bool(rng.random() < 0.5)
    domain = pl.Box(x=(0.0, 1.0), t=(0.0, 0.5)) if in_time else pl.Box(x=(0.0, 1.0))
    if in_time:
        parts = [moving(rng, 1.0, 1.0, 1.0, 0.3) for _ in range(2)]
    else:
        parts = [profile(rng, X, 0.3) for _ in range(2)]
    psi, names = parts[0] + sympy.I * parts[1], domain.coordinates
    k, loss = float(rng.uniform(2, 12)), float(rng.uniform(0, 2))

    def operator(psi: Any, x: Any, one: Any) -> Any:
        if in_time:
            return one * psi.t + 0.2 * psi.xx - (1 + x * x) * psi
        return psi.xx + k * (k + one * loss) * psi

    def split(formula: sympy.Expr) -> Callable[..., Any]:
        real, imaginary = (function(part, names) for part in sympy.expand(formula).as_real_imag())
        return with_arguments(lambda **at: called(real, at) + 1j * called(imaginary, at), names)

    symbolic = Symbolic(psi, names)
    source = split(operator(symbolic, X, sympy.I))

    def equation(**at: Any) -> Any:
        return operator(at["psi"], at["x"], 1j) - called(source, {n: at[n] for n in names})

    conditions: list[Any] = [pl.Dirichlet(psi=split(psi), on="x-")]
    if rng.random() < 0.5:
        flux = split(sympy.diff(psi, X) - sympy.I * k * psi)

        def out(**at: Any) -> Any:
            return at["psi"].d(at["n"]) - 1j * k * at["psi"] - called(flux, {n: at[n] for n in names})

        conditions.append(pl.Condition(with_arguments(out, ("psi", *names, "n")), on="x+"))
    else:
        conditions.append(pl.Dirichlet(psi=split(psi), on="x+"))
    if in_time:
        at_start = split(psi.subs(T, 0))
        conditions.append(pl.Initial(psi=with_arguments(lambda x: at_start(x=x, t=0 * x), ("x",))))
    problem = pl.Problem(
        domain, {"psi": complex}, with_arguments(equation, ("psi", *names)), conditions, name="complex"
    )
    exact = answer({"psi_real": parts[0], "psi_imag": parts[1]}, names)
    return Case(f"complex{', in time' if in_time else ''}", f"k = {k:.2g}, loss = {loss:.2g}, psi = {sympy.N(psi, 3)}",
                problem, exact)  # fmt: skip


# -- SI units ------------------------------------------------------------------------------------------------------------


def in_si_units(rng: Random) -> Case:
    """Heat, a wave, a beam or a pressure between numbers as physics has them, with offsets."""
    length, end = (float(10 ** rng.uniform(-8, 4)) for _ in range(2))
    size, rest = float(10 ** rng.uniform(-3, 5)), float(rng.uniform(0, 100) if rng.random() < 0.5 else 0)
    kind, stiff = int(rng.integers(4)), float(10 ** rng.uniform(-9, 9))
    s, smooth = X / length, 0.4
    if kind == 0:
        domain: Any = pl.Box(x=(0.0, length), t=(0.0, end))
        u = {"u": size * (rest + moving(rng, length, end, 1.0, smooth))}
        k = stiff * length**2 / end * float(10 ** rng.uniform(-2, 0))
        ends = value(u, domain, "x-") + (value if rng.random() < 0.5 else slope)(u, domain, "x+")
        operator: Callable[..., Any] = lambda u, at: [stiff * u.t - k * u.xx]  # noqa: E731
        return manufactured(
            "SI, heat", domain, u, operator, [*start(u, domain), *ends], f"{stiff:.2g} u_t = {k:.2g} u_xx + f"
        )
    if kind == 1:
        domain = pl.Box(x=(0.0, length), t=(0.0, end))
        u = {"u": size * (rest + moving(rng, length, end, 1.0, smooth))}
        k = stiff * (length / end) ** 2 * float(10 ** rng.uniform(-1, 0.5))
        conditions = [*start(u, domain, 2), *value(u, domain, "x-", "x+")]
        operator = lambda u, at: [stiff * u.tt - k * u.xx]  # noqa: E731
        return manufactured("SI, wave", domain, u, operator, conditions, f"{stiff:.2g} u_tt = {k:.2g} u_xx + f")
    if kind == 2:
        domain, u = pl.Box(x=(0.0, length)), {"u": size * profile(rng, s, smooth)}
        conditions = [*value(u, domain, "x-", "x+"), *slope(u, domain, "x-", "x+")]
        operator = lambda u, at: [stiff * u.xxxx]  # noqa: E731
        return manufactured("SI, beam", domain, u, operator, conditions, f"{stiff:.2g} u_xxxx = f")
    domain = pl.Box(x=(0.0, length), y=(0.0, length * float(10 ** rng.uniform(-0.5, 0.5))))
    height = domain.bounds["y"][1]
    u = {"u": size * (rest + plane_formula(rng, 0.2).subs({X: s, Y: Y / height}))}
    operator = lambda u, at: [-stiff * (u.xx + u.yy)]  # noqa: E731
    return manufactured("SI, plane", domain, u, operator, value(u, domain, None), f"{stiff:.2g} laplace(u) = f")


KINDS: tuple[Callable[[Random], Case], ...] = (
    on_a_line, own_beam, own_in_time, own_in_the_plane, part_of_a_side, gauge, mass, eigenvalue, backward, option,
    materials, complex_unknown, in_si_units,
)  # fmt: skip
