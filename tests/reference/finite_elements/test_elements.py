"""Finite elements against exact solutions, on regions that no grid fits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.meshing.triangulation import triangulate
from pinnlab.reference.finite_elements.space import ElementSpace
from pinnlab.reference.finite_elements.system import ElementSystem
from pinnlab.reference.grids.analysis import analyse
from pinnlab.reference.grids.structure import matched

HOLED = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)) - pl.Ball({"x": 0.5, "y": 0.5}, 0.2)


def errors(problem: pl.Problem, exact: Callable[..., Any], **options: Any) -> tuple[float, float]:
    """Relative L2 error of the first unknown at random points, and its estimate."""
    found = pl.reference_solution(problem, max_seconds=40, **options)
    unit = torch.from_numpy(np.random.default_rng(0).uniform(size=(2000, len(problem.domain.coordinates))))
    columns = problem.domain.columns(problem.domain.interior(unit).points)
    truth = exact(*columns.values()).numpy()
    values = found(**{name: x.numpy() for name, x in columns.items()})[problem.unknowns[0]]
    return float(np.linalg.norm(values - truth) / np.linalg.norm(truth)), found.error_estimate[problem.unknowns[0]]


def assert_right(problem: pl.Problem, exact: Callable[..., Any], tolerance: float) -> None:
    error, estimate = errors(problem, exact, tolerance=tolerance)
    assert error < 3 * tolerance
    assert error / 3 < estimate < 10 * error


def test_a_value_at_a_point_fixes_the_constant_on_a_box_too() -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "u", lambda u, x: u.xx + u.yy + math.pi**2 * torch.cos(math.pi * x),
        [pl.Neumann(u=0.0), pl.Data({"x": [0.5], "y": [0.5]}, u=[7.0])],
    )  # fmt: skip
    assert_right(problem, lambda x, y: 7 + torch.cos(math.pi * x), 1e-5)


def test_poisson_with_a_hole() -> None:
    def exact(x: Any, y: Any) -> Any:
        return torch.sin(5 * x) * torch.exp(y)

    assert_right(
        pl.Problem(
            HOLED, "u", lambda u, x, y: u.xx + u.yy + 24 * torch.sin(5 * x) * torch.exp(y), [pl.Dirichlet(u=exact)]
        ),
        exact,
        3e-4,
    )


def test_a_corner_singularity() -> None:
    region = pl.Polygon([(-1, -1), (1, -1), (1, 0), (0, 0), (0, 1), (-1, 1)])

    def exact(x: Any, y: Any) -> Any:
        angle = (torch.atan2(y, x) - math.pi / 2) % (2 * math.pi)
        return (x**2 + y**2) ** (1 / 3) * torch.sin(2 / 3 * angle)

    assert_right(pl.Problem(region, "u", lambda u: u.xx + u.yy, [pl.Dirichlet(u=exact)]), exact, 2e-4)


def test_flux_conditions_on_a_curved_side() -> None:
    # u = x^2 y: normal derivative 2 x y nx + x^2 ny; on the hole nx points to its centre
    def exact(x: Any, y: Any) -> Any:
        return x**2 * y

    region = pl.Ball({"x": 0.0, "y": 0.0}, 1.0)
    problem = pl.Problem(
        region,
        "u",
        lambda u, y: u.xx + u.yy - 2 * y,
        [pl.Condition(lambda u, n, x, y: u.d(n) + u - (2 * x * y * n.x + x**2 * n.y + x**2 * y), on="surface")],
    )
    assert_right(problem, exact, 1e-4)


def test_radiation_is_a_nonlinear_flux() -> None:
    def exact(x: Any, y: Any) -> Any:
        return 1 + 0.5 * x * y

    problem = pl.Problem(
        HOLED,
        "T",
        lambda T: T.xx + T.yy,
        [
            pl.Dirichlet(T=exact, on="surface"),
            pl.Dirichlet(T=exact, on="x-"),
            pl.Dirichlet(T=exact, on="y"),
            pl.Condition(lambda T, n, y: T.d(n) + T**4 - (0.5 * y + (1 + 0.5 * y) ** 4), on="x+"),
        ],
    )
    assert_right(problem, exact, 1e-4)


def test_conservation_form_with_a_jump_is_joined_by_flux() -> None:
    # conductivity 1 left of 0.5, 10 right of it: u = x where it is 1, and a tenth of the slope beyond
    def exact(x: Any, y: Any) -> Any:
        return torch.where(x < 0.5, x, 0.5 + (x - 0.5) / 10) + 0 * y

    nodes = [[0, 0], [0.5, 0], [1, 0], [0, 0.5], [0.5, 0.5], [1, 0.5], [0, 1], [0.5, 1], [1, 1]]
    squares = [(0, 1, 4, 3), (1, 2, 5, 4), (3, 4, 7, 6), (4, 5, 8, 7)]
    region = pl.Mesh(nodes, [t for a, b, c, d in squares for t in ((a, b, c), (a, c, d))])

    def equation(u: Any, x: Any) -> Any:
        k = torch.where(x < 0.5, 1.0, 10.0)
        return pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y")

    problem = pl.Problem(region, "u", equation, [pl.Dirichlet(u=exact)])
    system = ElementSystem(problem, analyse(problem), ElementSpace(triangulate(region, 0.3)), ("u",))
    x, y = (torch.from_numpy(c.copy()) for c in system.space.nodes)
    residual = system.residual(exact(x, y).numpy()[None, None], np.zeros((1, 1, len(x))), np.zeros(1))
    assert np.abs(residual).max() < 1e-12, "the exact solution is piecewise linear along the mesh: nothing is left"


def test_heat_with_a_hole() -> None:
    def exact(x: Any, y: Any, t: Any) -> Any:
        return torch.sin(3 * x - t) * torch.cos(2 * y)

    def source(x: Any, y: Any, t: Any) -> Any:
        return -torch.cos(3 * x - t) * torch.cos(2 * y) + 13 * exact(x, y, t)

    problem = pl.Problem(
        HOLED * pl.Box(t=(0.0, 1.0)),
        "u",
        lambda u, x, y, t: u.t - u.xx - u.yy - source(x, y, t),
        [
            pl.Initial(u=lambda x, y: exact(x, y, torch.zeros_like(x))),
            pl.Dirichlet(u=exact, on="surface"),
            pl.Dirichlet(u=exact, on="y"),
            pl.Dirichlet(u=exact, on="x-"),
            pl.Robin(
                u=(
                    2.0,
                    1.0,
                    lambda y, t: 3 * torch.cos(3 - t) * torch.cos(2 * y) + 2 * torch.sin(3 - t) * torch.cos(2 * y),
                ),
                on="x+",
            ),
        ],
    )
    assert_right(problem, exact, 1e-3)


def test_the_membrane_of_a_drum() -> None:
    k = 2.404825557695773  # the first zero of J0

    def exact(x: Any, y: Any, t: Any) -> Any:
        return torch.special.bessel_j0(k * torch.sqrt(x**2 + y**2)) * torch.cos(k * t)

    problem = pl.Problem(
        pl.Ball({"x": 0.0, "y": 0.0}, 1.0) * pl.Box(t=(0.0, 1.0)),
        "u",
        lambda u: u.tt - u.xx - u.yy,
        [pl.Initial(u=lambda x, y: exact(x, y, torch.zeros_like(x)), u_t=0.0), pl.Dirichlet(u=0.0)],
    )
    assert_right(problem, exact, 2e-3)


def test_jacobians_are_derivatives_of_residuals() -> None:
    def equations(u: Any, v: Any, x: Any) -> dict[str, Any]:
        return {
            "a": u.t - pl.diff((1 + u**2) * u.x, "x") - u.yy + u * v.x,
            "b": v.tt - (1 + x) * (v.xx + v.yy) + u.x * v,
        }

    problem = pl.Problem(
        HOLED * pl.Box(t=(0.0, 1.0)),
        ("u", "v"),
        equations,
        [
            pl.Initial(u=0.0, v=0.0, v_t=0.0),
            pl.Dirichlet(u=1.0, v=0.5, on="x"),
            pl.Condition(lambda u, v, n: {"u": u.d(n) + v**2, "v": v.d(n) + u.t}, on="y"),
            pl.Dirichlet(u=0.0, v=0.0, on="surface"),
        ],
    )
    structure = analyse(problem)
    system = ElementSystem(problem, structure, ElementSpace(triangulate(HOLED, 0.4)), matched(problem, structure))
    rng = np.random.default_rng(0)
    shape = (len(system.components), system.space.count)
    x, y = system.space.nodes
    state = np.stack([np.sin(x + k) * np.cos(y) for k in range(shape[0])])
    rate, along = rng.standard_normal(shape), rng.standard_normal(shape)
    by_state, by_rate = system.jacobians(state, rate, 0.3)
    step = 1e-6
    for matrix, moved in ((by_state, (along, 0 * along)), (by_rate, (0 * along, along))):
        ends = [
            system.residual((state + s * moved[0])[None], (rate + s * moved[1])[None], np.array([0.3]))[0]
            for s in (step, -step)
        ]
        difference = (ends[0] - ends[1]) / (2 * step)
        # what is left is that factors of second derivatives are differentiated inside elements only
        assert np.abs(matrix @ along.ravel() - difference).max() < 2e-2 * np.abs(difference).max()


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        (lambda u: u.xxxx + u.yyyy, "third and fourth order .* are not those of its Laplacian"),
        (lambda u: u.x + u.y, "not those of an elliptic operator"),
        (lambda u: u.xx - u.yy, "not those of an elliptic operator"),
        (lambda u: u.xx * u.yy - u.xy**2 - 1.0, "is not linear in its highest derivatives"),
    ],
)
def test_what_elements_cannot_do_is_said(equation: Callable[..., Any], message: str) -> None:
    problem = pl.Problem(HOLED, "u", equation, [pl.Dirichlet(u=0.0)])
    with pytest.raises(ValueError, match=message):
        pl.reference_solution(problem)


def test_a_wrong_answer_on_a_region_is_called_wrong() -> None:
    def exact(x: Any, y: Any) -> Any:
        return torch.sin(3 * x) * torch.cos(2 * y)

    problem = pl.Problem(
        HOLED, "u", lambda u, x, y: u.xx + u.yy + 13 * torch.sin(3 * x) * torch.cos(2 * y), [pl.Dirichlet(u=exact)]
    )
    stages = (pl.LevenbergMarquardt(steps=2),)
    poor = pl.solve(problem, pl.PINN(network=pl.MLP(width=6, depth=1), stages=stages), progress=False)
    report = poor.report(max_seconds=20)
    assert poor.error(exact)["u"] > 0.1
    assert report.verdict.value == "wrong"
