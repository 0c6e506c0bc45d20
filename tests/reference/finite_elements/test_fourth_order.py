"""Plates and stream functions on finite elements: fourth order as two equations of second."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.reference.finite_elements.lifted import is_laplacian
from pinnlab.reference.finite_elements.mixed import mixed_form, orders_in_space

SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
DISK = pl.Ball({"x": 0.0, "y": 0.0}, 1.0)
HOLED = SQUARE - pl.Ball({"x": 0.5, "y": 0.5}, 0.2)
L_SHAPE = pl.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
CLAMPED = [pl.Dirichlet(w=0.0), pl.Neumann(w=0.0)]
SUPPORTED = [pl.Dirichlet(w=0.0), pl.Condition(lambda w, n: w.d(n, n))]
sin, cos = torch.sin, torch.cos


def plate(region: pl.Region, conditions: Any, load: Any = lambda x, y: 1.0 + 0 * x) -> pl.Problem:
    return pl.Problem(region, "w", lambda w, x, y: w.laplacian.laplacian - load(x, y), conditions)


def assert_right(problem: pl.Problem, exact: Callable[..., Any], tolerance: float) -> None:
    """The error at random points is below the tolerance; after one refinement its estimate is that of second order."""
    found = pl.reference_solution(problem, max_seconds=900, tolerance=tolerance, method="elements")
    assert list(found.error_estimate) == list(problem.unknowns) == list(found.values)
    unit = torch.from_numpy(np.random.default_rng(0).uniform(size=(2000, 2)))
    columns = problem.domain.columns(problem.domain.interior(unit).points)
    truth = exact(*columns.values()).numpy()
    values = found(**{name: x.numpy() for name, x in columns.items()})[problem.unknowns[0]]
    error = float(np.linalg.norm(values - truth) / np.linalg.norm(truth))
    assert error < tolerance
    assert error / 3 < found.error_estimate[problem.unknowns[0]] < 5 * error


def test_a_clamped_disk() -> None:
    # Timoshenko and Woinowsky-Krieger, Theory of Plates and Shells: w = q (a^2 - r^2)^2 / (64 D)
    assert_right(plate(DISK, CLAMPED), lambda x, y: (1 - x**2 - y**2) ** 2 / 64, 1e-3)


def test_a_supported_square_with_a_moment_of_any_contraction() -> None:
    def exact(x: Any, y: Any) -> Any:
        return sin(math.pi * x) * sin(math.pi * y)

    def load(x: Any, y: Any) -> Any:
        return 4 * math.pi**4 * exact(x, y)

    moment = [pl.Condition(lambda w: w.xx + 0.3 * w.yy, on="x"), pl.Condition(lambda w: w.yy + 0.3 * w.xx, on="y")]
    assert_right(plate(SQUARE, [pl.Dirichlet(w=0.0), *moment], load), exact, 2e-3)


def test_a_plate_that_is_supported_on_three_sides_and_clamped_on_one() -> None:
    def exact(x: Any, y: Any) -> Any:
        return sin(math.pi * x / 2) * sin(math.pi * y)

    def load(x: Any, y: Any) -> Any:
        return (1.25 * math.pi**2) ** 2 * exact(x, y)

    supported = [
        c for on in ("x-", "y") for c in (pl.Dirichlet(w=0.0, on=on), pl.Condition(lambda w: w.laplacian, on=on))
    ]
    clamped = [pl.Dirichlet(w=lambda y: sin(math.pi * y), on="x+"), pl.Neumann(w=0.0, on="x+")]
    assert_right(plate(SQUARE, [*supported, *clamped], load), exact, 2e-3)


def test_a_stream_function_of_a_viscous_flow_around_a_hole() -> None:
    # lap psi = -5 psi, so that convection vanishes
    def exact(x: Any, y: Any) -> Any:
        return sin(2 * x + 1) * cos(y)

    def equation(psi: Any, x: Any, y: Any) -> Any:
        turning = psi.laplacian
        return psi.y * turning.x - psi.x * turning.y - 0.1 * turning.laplacian + 2.5 * exact(x, y)

    def slope(psi: Any, n: Any, x: Any, y: Any) -> Any:
        return psi.d(n) - 2 * cos(2 * x + 1) * cos(y) * n.x + sin(2 * x + 1) * sin(y) * n.y

    problem = pl.Problem(HOLED, "psi", equation, [pl.Dirichlet(psi=exact), pl.Condition(slope)])
    assert_right(problem, exact, 1e-3)


def test_stiffness_that_varies_and_a_bed() -> None:
    def exact(x: Any, y: Any) -> Any:
        return sin(x + y)

    # (D lap w)'s Laplacian with D = 1 + x: -2 (1 + x) sin s is D lap w, whose Laplacian is 4 (1 + x) sin s - 4 cos s
    def equation(w: Any, x: Any, y: Any) -> Any:
        load = 4 * (1 + x) * sin(x + y) - 4 * cos(x + y) + 3 * exact(x, y) - exact(x, y)
        return ((1 + x) * w.laplacian).laplacian + 3 * w + w.xx - load

    def slope(w: Any, n: Any, x: Any, y: Any) -> Any:
        return w.d(n) - cos(x + y) * (n.x + n.y)

    assert_right(pl.Problem(SQUARE, "w", equation, [pl.Dirichlet(w=exact), pl.Condition(slope)]), exact, 1e-3)


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (plate(L_SHAPE, SUPPORTED), "supported at a corner that points inwards.*Sapondzhyan"),
        (plate(DISK, SUPPORTED), "second derivatives of w at 'surface'.*Laplacian there, and on straight sides"),
        (plate(SQUARE, [pl.Condition(lambda w, n: w.d(n, n, n)), pl.Dirichlet(w=0.0)]), "order 3, as a shear force"),
        (plate(SQUARE, [pl.Neumann(w=0.0), pl.Condition(lambda w: w.laplacian)]), "not two of those that finite"),
        (
            pl.Problem(DISK, "w", lambda w: w.xxxx + w.yyyy - 1, CLAMPED),
            "third and fourth order in equation .* not those of its Laplacian",
        ),
        (pl.Problem(DISK, "w", lambda w: w.xxx + w.xyy - 1, CLAMPED), "derivatives of order 3"),
        (
            pl.Problem(SQUARE, "w", lambda w, x: (torch.where(x < 0.5, 1.0, 2.0) * w.laplacian).laplacian - 1, CLAMPED),
            "finite elements take smooth coefficients only",
        ),
        (
            pl.Problem(
                DISK * pl.Box(t=(0.0, 1.0)),
                "w",
                lambda w: w.tt + w.laplacian.laplacian,
                [*CLAMPED, pl.Initial(w=0.0, w_t=0.0)],
            ),
            "fourth derivatives and time",
        ),
    ],
    ids=["corner", "moment on an arc", "shear", "pair", "orthotropic", "third order", "jump", "time"],
)
def test_what_cannot_be_done_is_said(problem: pl.Problem, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pl.reference_solution(problem, method="elements", max_seconds=900)


def test_the_mixed_form_by_hand() -> None:
    problem = plate(DISK, CLAMPED)
    assert orders_in_space(problem) == {"w": 4}
    form = mixed_form(problem)
    assert form is not None and form.laplacians == {"laplacian_w": "w"} and form.rows == {"laplacian_w": 1}
    second = pl.Problem(DISK, "u", lambda u: u.laplacian, [pl.Dirichlet(u=0.0)])
    assert mixed_form(second) is None
    assert orders_in_space(form.problem) == {"w": 2, "laplacian_w": 2}
    one, two = torch.ones(3, dtype=torch.float64), torch.full((3,), 2.0, dtype=torch.float64)
    assert is_laplacian({("x", "x"): two, ("y", "y"): two}, ("x", "y")) and is_laplacian({}, ("x", "y"))
    assert not is_laplacian({("x", "x"): two, ("y", "y"): one}, ("x", "y"))
    assert not is_laplacian({("x", "x"): two, ("y", "y"): two, ("x", "y"): one}, ("x", "y"))
