"""Flows in velocity and pressure on finite elements, and constants that a number fixes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.meshing.triangulation import triangulate
from pinnlab.reference.finite_elements.conditions import sorted_conditions
from pinnlab.reference.finite_elements.corners import singular_corners
from pinnlab.reference.finite_elements.space import ElementSpace
from pinnlab.reference.finite_elements.symbol import Symbol, constraints_of, has_pressure
from pinnlab.reference.finite_elements.tied import linear, ties

SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
HOLED = SQUARE - pl.Ball({"x": 0.5, "y": 0.5}, 0.2)
sin, cos = torch.sin, torch.cos
Exact = dict[str, Callable[..., Any]]

# u = psi_y, v = -psi_x with psi = sin(3x + 1) cos(4y) / 2, and their slopes
FLOW: Exact = {
    "u": lambda x, y: -2 * sin(3 * x + 1) * sin(4 * y),
    "v": lambda x, y: -1.5 * cos(3 * x + 1) * cos(4 * y),
    "p": lambda x, y: sin(2 * x) * (1 + y),
}
U_X = lambda x, y: -6 * cos(3 * x + 1) * sin(4 * y)  # noqa: E731
U_Y = lambda x, y: -8 * sin(3 * x + 1) * cos(4 * y)  # noqa: E731
V_X = lambda x, y: 4.5 * sin(3 * x + 1) * cos(4 * y)  # noqa: E731
V_Y = lambda x, y: 6 * cos(3 * x + 1) * sin(4 * y)  # noqa: E731


def flow(inertia: float) -> Callable[..., dict[str, Any]]:
    """The equations whose solution is ``FLOW``."""
    a, b = FLOW["u"], FLOW["v"]

    def equations(u: Any, v: Any, p: Any, x: Any, y: Any) -> dict[str, Any]:
        fx = 2 * cos(2 * x) * (1 + y) + 25 * a(x, y) + inertia * (a(x, y) * U_X(x, y) + b(x, y) * U_Y(x, y))
        fy = sin(2 * x) + 25 * b(x, y) + inertia * (a(x, y) * V_X(x, y) + b(x, y) * V_Y(x, y))
        return {
            "continuity": u.x + v.y,
            "x": inertia * (u * u.x + v * u.y) + p.x - u.xx - u.yy - fx,
            "y": inertia * (u * v.x + v * v.y) + p.y - v.xx - v.yy - fy,
        }

    return equations


def problem(region: pl.Region, inertia: float, *conditions: Any) -> pl.Problem:
    return pl.Problem(region, ("u", "v", "p"), flow(inertia), conditions)


def assert_right(posed: pl.Problem, exact: Exact, tolerance: float) -> None:
    """Errors within the tolerance, and estimates of them within a factor of three."""
    found = pl.reference_solution(posed, tolerance=tolerance, max_seconds=40)
    unit = torch.from_numpy(np.random.default_rng(0).uniform(size=(2000, len(posed.domain.coordinates))))
    columns = posed.domain.columns(posed.domain.interior(unit).points)
    values = found(**{name: x.numpy() for name, x in columns.items()})
    for unknown, formula in exact.items():
        truth = formula(*columns.values()).numpy()
        error = float(np.linalg.norm(values[unknown] - truth) / np.linalg.norm(truth))
        assert error < 2 * tolerance, unknown
        assert error / 3 < found.error_estimate[unknown] < 3 * error, unknown


WALLS = [pl.Dirichlet(u=FLOW["u"], v=FLOW["v"], on=side) for side in ("surface", "y", "x-")]
POINT = pl.Data(points={"x": np.array([0.0]), "y": np.array([0.0])}, p=np.array([0.0]))
MEAN = pl.Integral(lambda p: p, equals=1.5 * math.sin(1.0) ** 2)


@pytest.mark.parametrize(
    ("region", "inertia", "conditions"),
    [
        (HOLED, 1.0, [pl.Dirichlet(u=FLOW["u"], v=FLOW["v"]), POINT]),
        (SQUARE, 0.0, [pl.Dirichlet(u=FLOW["u"], v=FLOW["v"]), MEAN]),
        (HOLED, 1.0, [*WALLS, pl.Dirichlet(p=FLOW["p"], v=FLOW["v"], on="x+")]),
        (HOLED, 1.0, [*WALLS, pl.Dirichlet(p=FLOW["p"], on="x+"), pl.Neumann(v=V_X, on="x+")]),
    ],
    ids=["closed, a value", "closed, a mean", "open, with a velocity along it", "open, with its slope"],
)
def test_flow_around_a_hole(region: pl.Region, inertia: float, conditions: list[Any]) -> None:
    assert_right(problem(region, inertia, *conditions), FLOW, 2e-3)


def test_traction_on_a_side() -> None:
    def traction(u: Any, v: Any, p: Any, n: Any, x: Any, y: Any) -> dict[str, Any]:
        return {"x": u.d(n) - p - U_X(x, y) + FLOW["p"](x, y), "y": v.d(n) - V_X(x, y)}

    assert_right(problem(HOLED, 0.0, *WALLS, pl.Condition(traction, on="x+")), FLOW, 5e-3)


def test_a_lid_that_meets_resting_walls() -> None:
    posed = pl.Problem(
        SQUARE,
        ("u", "v", "p"),
        pl.equations.navier_stokes,
        [
            pl.Dirichlet(u=0.0, v=0.0, on="x"),
            pl.Dirichlet(u=0.0, v=0.0, on="y-"),
            pl.Dirichlet(u=1.0, v=0.0, on="y+"),
            POINT,
        ],
        {"rho": 1.0, "mu": 0.01},
    )
    found = pl.reference_solution(posed, tolerance=5e-2, max_seconds=40)
    # Marchi, Suero & Araki, J. Braz. Soc. Mech. Sci. Eng. 31 (2009) 186
    assert found(x=0.5, y=0.5)["u"] == pytest.approx(-0.20915, abs=1e-3)
    assert max(found.error_estimate.values()) < 5e-2


def test_channel_flow_is_exact() -> None:
    # Poiseuille's: a parabola that the elements hold, and a pressure that falls at -2
    posed = pl.Problem(
        pl.Polygon([(0, 0), (3, 0), (3, 1), (0, 1)], edges=("wall", "out", "wall", "in")),
        ("u", "v", "p"),
        pl.equations.navier_stokes,
        [
            pl.Dirichlet(u=0.0, v=0.0, on="wall"),
            pl.Dirichlet(u=lambda y: y * (1 - y), v=0.0, on="in"),
            pl.Dirichlet(p=0.0, v=0.0, on="out"),
        ],
        {"rho": 1.0, "mu": 1.0},
    )
    found = pl.reference_solution(posed, tolerance=1e-3, max_seconds=40)
    x, y = np.array([0.3, 1.7, 2.9]), np.array([0.2, 0.5, 0.9])
    values = found(x=x, y=y)
    assert np.abs(values["u"] - y * (1 - y)).max() < 1e-9
    assert np.abs(values["p"] - 2 * (3 - x)).max() < 1e-8


def test_a_pressure_is_found_from_the_equations() -> None:
    assert Symbol(problem(SQUARE, 1.0, pl.Dirichlet(u=0.0, v=0.0))).multipliers == {"p": 0}
    tiny = pl.Problem(SQUARE, ("u", "v", "p"), pl.equations.stokes, [pl.Dirichlet(u=0.0, v=0.0)], {"mu": 1e-9})
    assert has_pressure(tiny)
    # three equations of first order; and a vorticity, which its equation holds itself
    first = pl.Problem(
        SQUARE, ("u", "v", "w"), lambda u, v, w: {"a": v - u.x, "b": w - u.y, "c": v.x + w.y}, [pl.Dirichlet(u=0.0)]
    )
    turning = pl.Problem(
        SQUARE,
        ("u", "v", "w"),
        lambda u, v, w: {"a": u.laplacian - w.y, "b": v.laplacian + w.x, "c": w - u.y + v.x},
        [pl.Dirichlet(u=0.0, v=0.0)],
    )
    assert not has_pressure(first) and not has_pressure(turning)


def test_linear_pressures_by_hand() -> None:
    space = ElementSpace(triangulate(SQUARE, 0.5))
    x, y = space.nodes
    corners = np.unique(space.inside.nodes[:3])
    plane = np.where(np.isin(np.arange(space.count), corners), 1 + 2 * x - y, 77.0)
    assert np.abs(linear(space) @ plane - (1 + 2 * x - y)).max() < 1e-12
    found = ties(space, ("u", "p"), ("p",), {})
    assert found.shape == (2 * space.count, space.count + len(corners))


def test_a_mean_fixes_the_constant_of_pure_fluxes() -> None:
    def exact(x: Any, y: Any) -> Any:
        return x**2 * y

    def lost(u: Any, n: Any, x: Any, y: Any) -> Any:
        return u.d(n) - 2 * x * y * n.x - x**2 * n.y

    point = pl.Data(points={"x": np.array([0.5]), "y": np.array([0.2])}, u=np.array([0.05]))
    posed = pl.Problem(HOLED, "u", lambda u, y: u.xx + u.yy - 2 * y, [pl.Condition(lost), point])
    assert_right(posed, {"u": exact}, 1e-4)


def test_sources_that_fluxes_do_not_balance_are_told() -> None:
    posed = pl.Problem(
        HOLED,
        "u",
        lambda u: u.xx + u.yy - 1,
        [pl.Neumann(u=0.0), pl.Integral(lambda u: u, equals=0.0)],
    )
    with pytest.raises(ValueError, match="do not balance"):
        pl.reference_solution(posed, tolerance=1e-2, max_seconds=30)
    leaking = problem(HOLED, 0.0, pl.Dirichlet(u=lambda x: x, v=0.0), POINT)
    with pytest.raises(ValueError, match="do not balance"):
        pl.reference_solution(leaking, tolerance=1e-2, max_seconds=30)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ([*WALLS, pl.Dirichlet(p=FLOW["p"], u=FLOW["u"], on="x+")], "all but the normal component"),
        ([*WALLS, pl.Dirichlet(u=FLOW["u"], v=FLOW["v"], on="x+"), POINT, MEAN], "1 of 2 numbers do"),
        ([*WALLS, pl.Dirichlet(u=FLOW["u"], v=FLOW["v"], on="x+")], "p is known up to a constant"),
        ([*WALLS, pl.Dirichlet(u=FLOW["u"], p=FLOW["p"], v=FLOW["v"], on="x+"), POINT], "0 of 1 numbers do"),
    ],
)
def test_what_pressures_cannot_do_is_said(conditions: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pl.reference_solution(problem(HOLED, 0.0, *conditions), max_seconds=20)


def started(x: Any, y: Any) -> Exact:
    """Creeping flow of viscosity 1 in the corner between a floor whose speed is x and a wall at rest.

    With psi = r^2 f(angle): f = (a / 2 + sin 2a / 4 - pi / 8 (1 - cos 2a)) vanishes on both sides, f' is 1 on the floor
    and 0 on the wall; lap psi = 4 (a / 2 - pi / 8), and the pressure is 2 log r.
    """
    r, a = torch.hypot(x, y), torch.atan2(y, x)
    f = a / 2 + sin(2 * a) / 4 - math.pi / 8 * (1 - cos(2 * a))
    slope = 0.5 + cos(2 * a) / 2 - math.pi / 4 * sin(2 * a)
    along, across = r * slope, -2 * r * f
    return {"u": along * cos(a) - across * sin(a), "v": along * sin(a) + across * cos(a), "p": 2 * torch.log(r)}


def beside_a_wall(floor: Any) -> pl.Problem:
    one = torch.ones(1, dtype=torch.float64)
    far = [pl.Dirichlet(**{n: lambda x, y, n=n: started(x, y)[n] for n in "uv"}, on=side) for side in ("x+", "y+")]
    return pl.Problem(
        SQUARE,
        ("u", "v", "p"),
        lambda u, v, p: {"mass": u.x + v.y, "x": p.x - u.laplacian, "y": p.y - v.laplacian},
        [
            pl.Dirichlet(u=floor, v=0.0, on="y-"),
            pl.Dirichlet(u=0.0, v=0.0, on="x-"),
            *far,
            pl.Data(points={"x": [1.0], "y": [1.0]}, p=[float(started(one, one)["p"])]),
        ],
    )


def test_a_pressure_that_grows_as_a_logarithm() -> None:
    posed = beside_a_wall(lambda x: x)
    found = pl.reference_solution(posed, tolerance=2e-3, max_seconds=60)
    x, y = torch.from_numpy(np.random.default_rng(0).uniform(size=(2, 4000)))
    values, truth = found(x=x, y=y), started(x, y)
    for unknown in "uvp":
        assert float((values[unknown] - truth[unknown]).norm() / truth[unknown].norm()) < 2e-3, unknown
    near = torch.tensor([1e-4], dtype=torch.float64)
    assert float(found(x=near, y=near)["p"]) == pytest.approx(float(started(near, near)["p"]), rel=1e-3)


@pytest.mark.parametrize(
    ("floor", "places"), [(lambda x: x, [[0.0, 0.0]]), (lambda x: x**2 * (2 - x), [])], ids=["a clash", "none"]
)
def test_corners_where_no_flow_has_the_slopes_of_both_sides(floor: Any, places: list[list[float]]) -> None:
    posed = beside_a_wall(floor)
    essential, _ = sorted_conditions(posed, constraints_of(posed))
    found = [corner.tolist() for corner in singular_corners(posed, SQUARE, essential)]
    assert [corner for corner in found if corner[0] == 0.0 and corner[1] == 0.0] == places
