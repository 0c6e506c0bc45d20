"""Materials inside a region of the plane: triangles follow the curves along which coefficients jump."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.discontinuities.declared import Declared
from pinnlab.declaration.discontinuities.traces import traced
from pinnlab.domains.meshing.outlines import Arc, Segment, divided
from pinnlab.domains.meshing.triangulation import triangulate
from pinnlab.domains.splines import Spline
from pinnlab.reference.finite_elements.interfaces import inner_corners, interfaces, off_curves

SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
DISK = pl.Ball({"x": 0.5, "y": 0.5}, 0.3)
HOLED = SQUARE - pl.Ball({"x": 0.5, "y": 0.5}, 0.2)


def conduction(u: Any, k: Any) -> Any:
    return pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y")


def inclusion(x: Any, y: Any, inside: float, outside: float) -> Any:
    """A disk in a uniform field: linear inside, and a dipole outside."""
    X, Y = x - 0.5, y - 0.5
    r2 = X**2 + Y**2
    dipole = (outside - inside) / (outside + inside) * 0.09 / r2.clip(1e-9)
    return torch.where(r2 < 0.09, 2 * outside / (inside + outside) * X, X * (1 + dipole))


def off(problem: pl.Problem, exact: Callable[..., Any], **options: Any) -> tuple[float, float]:
    """Relative L2 error at random points, and its estimate."""
    found = pl.reference_solution(problem, max_seconds=600, **options)
    unit = torch.from_numpy(np.random.default_rng(0).uniform(size=(2000, len(problem.domain.coordinates))))
    columns = problem.domain.columns(problem.domain.interior(unit).points)
    truth = exact(*columns.values()).numpy()
    values = found(**{name: x.numpy() for name, x in columns.items()})["u"]
    return float(np.linalg.norm(values - truth) / np.linalg.norm(truth)), found.error_estimate["u"]


def disk_as_region(inside: float, outside: float) -> Any:
    return pl.Piecewise((DISK, inside), otherwise=outside)


def disk_as_formula(inside: float, outside: float) -> Any:
    return lambda x, y: torch.where((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.09, inside, outside)


@pytest.mark.parametrize(
    ("written", "inside", "outside"), [(disk_as_region, 1000.0, 1.0), (disk_as_formula, 1.0, 1000.0)]
)
def test_a_circle_in_a_square(written: Callable[..., Any], inside: float, outside: float) -> None:
    def exact(x: Any, y: Any) -> Any:
        return inclusion(x, y, inside, outside)

    problem = pl.Problem(SQUARE, "u", conduction, pl.Dirichlet(u=exact), parameters={"k": written(inside, outside)})
    error, estimate = off(problem, exact, tolerance=1e-4)
    assert error < 1e-4
    assert error / 3 < estimate < 10 * error


def test_an_oblique_line_through_a_region_with_a_hole() -> None:
    def level(x: Any, y: Any) -> Any:
        return (y - x / 2 - 0.2) * torch.exp(x)

    def exact(x: Any, y: Any) -> Any:
        return level(x, y) / torch.where(level(x, y) < 0, 1.0, 50.0)

    below = pl.Polygon([(0.0, 0.0), (1.0, 0.0), (1.0, 0.7), (0.0, 0.2)])
    problem = pl.Problem(
        HOLED,
        "u",
        lambda u, k, x, y: conduction(u, k) - level(x, y) + torch.exp(x),
        pl.Dirichlet(u=exact),
        parameters={"k": pl.Piecewise((below, 1.0), otherwise=50.0)},
    )
    error, estimate = off(problem, exact, tolerance=1e-3)
    assert error < 5e-4 and error < 3 * estimate


def test_heat_through_two_materials_with_a_curved_source() -> None:
    # u = exp(-t) phi / k with phi = 0 on the circle: value and flux are continuous
    def level(x: Any, y: Any) -> Any:
        return ((x - 0.5) ** 2 + (y - 0.5) ** 2 - 0.09) * torch.exp(x)

    def bend(x: Any, y: Any) -> Any:
        return torch.exp(x) * (4 + 4 * (x - 0.5)) + level(x, y)

    def exact(x: Any, y: Any, t: Any) -> Any:
        return torch.exp(-t) * level(x, y) / torch.where(level(x, y) < 0, 1.0, 20.0)

    problem = pl.Problem(
        SQUARE * pl.Box(t=(0.0, 0.02)),
        "u",
        lambda u, k, x, y, t: u.t - conduction(u, k) + torch.exp(-t) * (level(x, y) / k + bend(x, y)),
        [pl.Dirichlet(u=exact), pl.Initial(u=lambda x, y: exact(x, y, torch.zeros_like(x)))],
        parameters={"k": disk_as_region(1.0, 20.0)},
    )
    error, estimate = off(problem, exact, tolerance=1e-2)
    assert error < 3e-3 and error < 3 * estimate


def test_what_no_triangles_can_read_stays_refused() -> None:
    problem = pl.Problem(
        SQUARE, "u", lambda u, k: k * (u.xx + u.yy), pl.Dirichlet(u=0.0), parameters={"k": disk_as_region(1.0, 2.0)}
    )
    with pytest.raises(ValueError, match=r"reference_solution: parameter 'k'.* jumps at a line through"):
        pl.reference_solution(problem)


def test_triangles_have_their_sides_on_inner_curves() -> None:
    problem = pl.Problem(SQUARE, "u", conduction, pl.Dirichlet(u=0.0), parameters={"k": disk_as_region(1.0, 2.0)})
    curves = interfaces(problem)
    assert math.isclose(sum(c.length for c in curves), 0.6 * math.pi)
    assert off_curves(problem, curves) == []
    mesh = triangulate(SQUARE, 0.2, inner=curves).refined()
    assert set(mesh.pieces) == {"x-", "x+", "y-", "y+"}
    radius = np.linalg.norm(mesh.nodes[mesh.elements] - 0.5, axis=2)
    within, beyond = (radius <= 0.3 + 1e-12).all(axis=1), (radius >= 0.3 - 1e-12).all(axis=1)
    assert (within | beyond).all() and within.any() and beyond.any()


def test_a_moving_jump_lies_on_no_curve() -> None:
    problem = pl.Problem(
        SQUARE * pl.Box(t=(0.0, 1.0)),
        "u",
        lambda u, x, y, t: u.t - u.xx - u.yy - torch.where(x + 0.2 * y + 0.3 * t < 0.7, 1.0, 0.0),
        [pl.Dirichlet(u=0.0), pl.Initial(u=0.0)],
    )
    assert off_curves(problem, interfaces(problem))


def test_curves_are_traced_from_corner_to_corner() -> None:
    problem = pl.Problem(
        SQUARE, "u", lambda u, x, y: u.xx + u.yy - torch.where((x - 0.5).abs() + (y - 0.5).abs() < 0.31, 1.0, 0.0),
        pl.Dirichlet(u=0.0),
    )  # fmt: skip
    term = problem.equation_term()
    declared = Declared(SQUARE, ("u",), lambda scope: term.evaluate((scope,)), {}, problem.derivatives)
    curves = traced(declared)
    ends = {tuple(c.at(np.array([share]))[0].round(7) + 0.0) for c in curves for share in (0.0, 1.0)}
    assert len(curves) == 4 and ends == {(0.5, 0.19), (0.19, 0.5), (0.5, 0.81), (0.81, 0.5)}
    assert {tuple(p.round(7)) for p in inner_corners(curves, 1e-6)} == ends


def test_corners_are_where_curves_bend_or_end() -> None:
    # a half circle that goes on smoothly in a line at (-1, 0), whose other end is free, and bends at (1, 0)
    half = Arc("", np.zeros(2), 1.0, 0.0, math.pi)
    down, up = Segment("", np.array([-1.0, 0.0]), np.array([-1.0, -1.0])), Segment("", np.ones(2), np.array([1.0, 0.0]))
    found = {tuple(p.round(12) + 0.0) for p in inner_corners([half, down, up], 1e-9)}
    assert found == {(1.0, 0.0), (-1.0, -1.0), (1.0, 1.0)}


def test_a_spline_through_a_circle() -> None:
    turn = np.linspace(0.0, 2 * math.pi, 65)
    points = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    points[-1] = points[0]
    circle = Spline.through(points)
    assert math.isclose(circle.length, 2 * math.pi, rel_tol=1e-5)
    assert math.isclose(circle.radius, 1.0, rel_tol=1e-2)
    # the point nearest to (0, 2) is (0, 1), a quarter of the way
    assert np.allclose(circle.at(circle.share(np.array([[0.0, 2.0]]))), [[0.0, 1.0]], atol=1e-5)
    half = circle.part(0.0, 0.5)
    across = Spline.through(np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]]))
    assert np.allclose(half.crossings(across), [[0.0, 1.0]], atol=1e-5)
    assert np.allclose(half.roots(lambda p: p[:, 1] - 0.6), [[0.8, 0.6], [-0.8, 0.6]], atol=1e-5)
    # what goes on in one another does not cross
    assert len(across.part(0.0, 0.6).crossings(across.part(0.4, 1.0))) == 0


def test_a_curve_is_cut_where_it_leaves_the_region() -> None:
    line = Segment("", np.array([-1.0, 0.5]), np.array([2.0, 0.5]))
    outer, inner = divided(HOLED, [line])
    # the hole covers the middle: two parts of 0.3 each; both sides and the circle are cut
    assert sorted(round(c.length, 9) for c in inner) == [0.3, 0.3]
    assert {c.piece for c in inner} == {""} and sum(c.piece == "x-" for c in outer) == 2
