"""Periodic sides, and unknowns without a rate, on finite elements with and without time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.meshing.triangulation import Copied, triangulate
from pinnlab.reference.finite_elements.space import ElementSpace
from pinnlab.reference.finite_elements.tied import masters

SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
HOLED = SQUARE - pl.Ball({"x": 0.4, "y": 0.5}, 0.2)
TURN = 2 * math.pi
sin, cos, exp = torch.sin, torch.cos, torch.exp


def errors(posed: pl.Problem, exact: Any, tolerance: float) -> dict[str, tuple[float, float]]:
    """{unknown: relative L2 error at random points, its estimate}."""
    found = pl.reference_solution(posed, tolerance=tolerance, max_seconds=40)
    unit = torch.from_numpy(np.random.default_rng(0).uniform(size=(2000, len(posed.domain.coordinates))))
    columns = posed.domain.columns(posed.domain.interior(unit).points)
    values, truth = found(**{name: x.numpy() for name, x in columns.items()}), exact(*columns.values())
    return {
        u: (float(np.linalg.norm(values[u] - t.numpy()) / np.linalg.norm(t.numpy())), found.error_estimate[u])
        for u, t in truth.items()
    }


def test_nodes_of_periodic_sides_match() -> None:
    shifts = [Copied("x-", "x+", np.array([1.0, 0.0])), Copied("y-", "y+", np.array([0.0, 1.0]))]
    # the corner is graded on one side only
    space = ElementSpace(triangulate(HOLED, 0.2, [(np.array([0.0, 0.3]), 1e-3)], shifts))
    found = masters(space, [(s.of, s.piece, s.shift) for s in shifts], 1e-9)
    x, y = space.nodes
    wave = sin(torch.from_numpy(TURN * x)) * cos(torch.from_numpy(TURN * y))
    assert np.abs(wave.numpy()[found] - wave.numpy()).max() < 1e-9
    corner = int(np.argmin((x - 1) ** 2 + (y - 1) ** 2))
    assert x[found[corner]] == y[found[corner]] == 0.0
    with pytest.raises(ValueError, match="'y\\+' is no copy of 'x-'"):
        triangulate(SQUARE, 0.5, copied=[Copied("x-", "y+", np.array([0.0, 1.0]))])


def test_both_directions_are_periodic() -> None:
    def exact(x: Any, y: Any) -> dict[str, Any]:
        return {"u": sin(TURN * x) * cos(TURN * y)}

    posed = pl.Problem(
        HOLED,
        "u",
        lambda u, x, y: u.laplacian - u + (2 * TURN**2 + 1) * exact(x, y)["u"],
        [
            pl.Periodic(on="x"),
            pl.Periodic(on="y"),
            pl.Dirichlet(u=lambda x, y: exact(x, y)["u"], on="surface"),
        ],
    )
    ((error, estimate),) = errors(posed, exact, 1e-3).values()
    assert error < 1e-3 and error / 3 < estimate < 3 * error


def test_heat_in_a_periodic_strip() -> None:
    def exact(x: Any, y: Any, t: Any) -> dict[str, Any]:
        return {"u": exp(-t) * sin(TURN * x + y)}

    def side(x: Any, y: Any, t: Any) -> Any:
        return exact(x, y, t)["u"]

    posed = pl.Problem(
        HOLED * pl.Box(t=(0.0, 1.0)),
        "u",
        lambda u, x, y, t: u.t - u.laplacian - TURN**2 * side(x, y, t),
        [
            pl.Periodic(on="x"),
            pl.Dirichlet(u=side, on="y"),
            pl.Dirichlet(u=side, on="surface"),
            pl.Initial(u=lambda x, y: sin(TURN * x + y)),
        ],
    )
    ((error, estimate),) = errors(posed, exact, 5e-3).values()
    assert error < 5e-3 and error / 4 < estimate < 4 * error


def vortices(x: Any, y: Any, t: Any) -> dict[str, Any]:
    """Taylor's, of viscosity 0.1."""
    fall = exp(-0.2 * t)
    p = -(cos(2 * x) + cos(2 * y)) / 4 * fall**2
    return {"u": -cos(x) * sin(y) * fall, "v": sin(x) * cos(y) * fall, "p": p}


def decaying(*conditions: Any) -> pl.Problem:
    start = pl.Initial(u=lambda x, y: -cos(x) * sin(y), v=lambda x, y: sin(x) * cos(y))
    region = pl.Box(x=(0.0, math.pi), y=(0.0, math.pi), t=(0.0, 1.0))
    return pl.Problem(
        region, ("u", "v", "p"), pl.equations.navier_stokes, [start, *conditions], {"rho": 1.0, "mu": 0.1}
    )


def given(name: str) -> Any:
    """One of the vortices' values."""
    return lambda x, y, t: vortices(x, y, t)[name]


def test_vortices_decay() -> None:
    walls = [pl.Dirichlet(u=given("u"), v=given("v"), on=side) for side in ("y", "x-")]
    found = errors(decaying(*walls, pl.Dirichlet(p=given("p"), v=given("v"), on="x+")), vortices, 0.1)
    for error, estimate in found.values():
        assert error < 2e-2 and error / 3 < estimate < 5 * error


def test_a_pressure_that_is_free_at_each_instant_is_told() -> None:
    with pytest.raises(ValueError, match="p is known up to a function of time"):
        pl.reference_solution(decaying(pl.Dirichlet(u=given("u"), v=given("v"))), max_seconds=20)


def test_a_potential_without_a_rate_follows() -> None:
    # lap phi = -c at each instant, beside c_t = lap c + ... with c = exp(-t) x (2 - x), phi of fourth degree
    def exact(x: Any, y: Any, t: Any) -> dict[str, Any]:
        return {"c": exp(-t) * sin(x) * cos(y), "phi": exp(-t) * sin(x) * cos(y) / 2}

    region = (pl.Ball({"x": 0.0, "y": 0.0}, 1.0)) * pl.Box(t=(0.0, 0.5))
    posed = pl.Problem(
        region,
        ("c", "phi"),
        lambda c, phi: {"drift": c.t - c.laplacian - 2 * phi, "gauss": phi.laplacian + c},
        [
            pl.Initial(c=lambda x, y: sin(x) * cos(y)),
            pl.Dirichlet(c=lambda x, y, t: exact(x, y, t)["c"], phi=lambda x, y, t: exact(x, y, t)["phi"]),
        ],
    )
    for error, estimate in errors(posed, exact, 1e-3).values():
        assert error < 1e-3 and error / 3 < estimate < 5 * error


def test_a_condition_on_a_periodic_side_is_refused() -> None:
    posed = pl.Problem(HOLED, "u", lambda u: u.laplacian + 1, [pl.Periodic(on="x", exact=False), pl.Dirichlet(u=0.0)])
    with pytest.raises(ValueError, match="a condition besides Periodic on 'u' at 'x-'"):
        pl.reference_solution(posed)
