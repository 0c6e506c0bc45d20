"""Problems without an answer, with several, or with one that small changes of the data change without bound."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy
import torch

import pinnlab as pl
from trap.symbols import Case, manufactured, slope, start, value
from trap.well_posed import X, Y, moving, plane_formula, profile, rotating

Random = np.random.Generator


def _less(rng: Random, conditions: Sequence[Any]) -> list[Any]:
    """One of them is left out."""
    left = list(conditions)
    left.pop(int(rng.integers(len(left))))
    return left


def open_line(rng: Random) -> Case:
    """A boundary value problem of order two to four with a condition too few."""
    domain, u = pl.Box(x=(0.0, 1.0)), {"u": profile(rng, X, 0.6)}
    order = int(rng.integers(2, 5))
    operator: Callable[..., Any] = [
        lambda u, at: [-u.xx + 3 * u.d()],
        lambda u, at: [u.xxx + 2 * u.d()],
        lambda u, at: [u.xxxx + 5 * u.d()],
    ][order - 2]
    every = value(u, domain, "x-", "x+") + slope(u, domain, "x-", "x+")[: order - 2]
    return manufactured(
        f"a condition too few, order {order}", domain, u, operator, _less(rng, every), "", "a condition is missing"
    )


def open_in_time(rng: Random) -> Case:
    """Heat, a wave or two species, with one condition of all left out."""
    domain = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
    u = {"u": moving(rng, 1.0, 1.0, 1.0)}
    waves = rng.random() < 0.4
    ends = value(u, domain, "x-") + (value if rng.random() < 0.5 else slope)(u, domain, "x+")
    if waves:
        given = start(u, domain, 2) + _less(rng, ends) if rng.random() < 0.5 else start(u, domain, 1) + ends
        operator: Callable[..., Any] = lambda u, at: [u.tt - u.xx]  # noqa: E731
    else:
        given = _less(rng, [*start(u, domain), *ends])
        operator = lambda u, at: [u.t - 0.1 * u.xx]  # noqa: E731
    return manufactured("a condition too few, in time", domain, u, operator, given, "", "a condition is missing")


def open_plane(rng: Random) -> Case:
    """Poisson's equation with a side forgotten."""
    domain, u = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), {"u": plane_formula(rng, 0.3)}
    sides = _less(rng, value(u, domain, "x-", "x+", "y-", "y+"))
    return manufactured(
        "a side forgotten", domain, u, lambda u, at: [-u.xx - u.yy], sides, "", "a side has no condition"
    )


def floating(rng: Random) -> Case:
    """Slopes only, or a ring: the solution is known up to a constant, if there is one at all."""
    balanced = rng.random() < 0.5
    if rng.random() < 0.4:
        domain = pl.Box(x=(0.0, 1.0))
        u = {"u": sympy.sin(2 * math.pi * X) + sympy.cos(6 * math.pi * X) / 3}
        extra = 0.0 if balanced else 1.0
        case = manufactured(
            "up to a constant", domain, u, lambda u, at: [u.xx], [pl.Periodic(on="x")], "", "up to a constant"
        )
        if balanced:
            return case
        problem = case.problem
        shifted = problem.replace(equations=lambda u, x: u.xx + (2 * math.pi) ** 2 * torch.sin(2 * math.pi * x) - extra)
        return Case("no solution", "u_xx = f on a ring, f of mean one", shifted, None, "the source does not balance")
    domain, u = pl.Box(x=(0.0, 1.0)), {"u": profile(rng, X, 0.5)}
    ends = slope(u, domain, "x-", "x+")
    if not balanced:
        ends = [ends[0], pl.Neumann(on="x+", u=float(rng.uniform(3, 9)))]
    why = "up to a constant" if balanced else "slopes and source do not balance"
    kind = "up to a constant" if balanced else "no solution"
    return manufactured(kind, domain, u, lambda u, at: [u.xx], ends, "", why)


def contradictory(rng: Random) -> Case:
    """Two values at one end, or more conditions than the order has room for."""
    domain, u = pl.Box(x=(0.0, 1.0)), {"u": profile(rng, X, 0.5)}
    wrong = float(rng.uniform(2, 5))
    ends = value(u, domain, "x-", "x+")
    if rng.random() < 0.5:
        ends = [*ends, pl.Neumann(on="x-", u=wrong)]
        return manufactured(
            "contradictory", domain, u, lambda u, at: [-u.xx + u.d()], ends, "", "one slope too many, and wrong"
        )
    end = [value(u, domain, "x-")[0], pl.Dirichlet(on="x+", u=wrong)]
    return manufactured("contradictory", domain, u, lambda u, at: [u.x + u.d()], end, "", "first order, two ends")


def resonant(rng: Random) -> Case:
    """A driven line between zero ends, u'' + (n pi)^2 u = f: several solutions, or none."""
    n = int(rng.integers(1, 5))
    if rng.random() < 0.5:
        domain, u = pl.Box(x=(0.0, 1.0)), {"u": X * (1 - X) * sympy.exp(X)}
        return manufactured(
            "resonance", domain, u, lambda u, at: [u.xx + (n * math.pi) ** 2 * u.d()], value(u, domain, "x-", "x+"), "",
            f"sin({n} pi x) can be added",
        )  # fmt: skip
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, x: u.xx + (n * math.pi) ** 2 * u - torch.sin(n * math.pi * x),
        pl.Dirichlet(u=0.0), name="resonance",
    )  # fmt: skip
    return Case("resonance", f"u_xx + ({n} pi)^2 u = sin({n} pi x)", problem, None, "driven at its own frequency")


def backward_heat(rng: Random) -> Case:
    """u_t = -k u_xx: a solution exists, and small errors grow without bound."""
    domain, u = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), {"u": rotating(rng)}
    k = float(10 ** rng.uniform(-2, -0.5))
    return manufactured(
        "backward heat",
        domain,
        u,
        lambda u, at: [u.t + k * u.xx],
        [*start(u, domain), pl.Periodic(on="x")],
        f"k = {k:.2g}",
    )


def cauchy_plane(rng: Random) -> Case:
    """Laplace's equation with value and slope on one side, nothing on the other: unique and unstable."""
    domain, u = (
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)),
        {"u": sympy.sin(3 * X) * sympy.exp(3 * Y) / 10 + plane_formula(rng, 0.1)},
    )
    given = value(u, domain, "y-", "x-", "x+") + slope(u, domain, "y-")
    return manufactured("Cauchy data", domain, u, lambda u, at: [-u.xx - u.yy], given)


def lid_free(rng: Random) -> Case:
    """Stokes flow in a closed square: the pressure up to a constant."""
    domain = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
    psi = sympy.sin(3 * X + 1) * sympy.cos(rng.uniform(1, 4) * Y) / 2
    flow = {"u": sympy.diff(psi, Y), "v": -sympy.diff(psi, X), "p": sympy.sin(2 * X) * (1 + Y)}
    return manufactured(
        "up to a constant", domain, flow, lambda u, v, p, at: [p.x - u.xx - u.yy, p.y - v.xx - v.yy, u.x + v.y],
        value(flow, domain, None, only=("u", "v")), "", "up to a constant",
    )  # fmt: skip


KINDS: tuple[Callable[[Random], Case], ...] = (
    open_line, open_in_time, open_plane, floating, contradictory, resonant, backward_heat, cauchy_plane, lid_free,
)  # fmt: skip
