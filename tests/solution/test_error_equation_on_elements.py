"""The error equation on finite elements: regions that are no boxes, in the plane, with time and in space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from known_solutions import Given, solved
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.relative_error import two_sided_grid
from pinnlab.solution.quality.distances import NoEstimateError
from pinnlab.solution.quality.estimators import by_equation

HOLED = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)) - pl.Ball({"x": 0.5, "y": 0.5}, 0.2)
DISC = pl.Ball({"x": 0.0, "y": 0.0}, 1.0)
OFF = 1e-7
"""Far below what elements have of a solution itself in a few seconds."""
Formula = Callable[..., Any]


def assert_told(problem: pl.Problem, exact: Formula) -> None:
    """A solution that is off by a known function gets that as its error, to a few percent."""

    def formula(points: Tensor, off: float = OFF) -> Tensor:
        columns = points.unbind(1)
        found = exact(*columns)
        wave = torch.cos(sum((k + 1.5) * x for k, x in enumerate(columns)))
        values = found if isinstance(found, tuple) else (found,)
        return torch.stack([v + (k + 1) * off * wave for k, v in enumerate(values)], dim=1)

    points = two_sided_grid(problem)
    right = formula(points, 0.0)
    true = (formula(points) - right).norm(dim=0) / right.norm(dim=0)
    found = by_equation(solved(problem, Given(problem.domain, formula)), (), 20.0)
    for k, unknown in enumerate(problem.unknowns):
        assert found.errors[unknown] == pytest.approx(float(true[k]), rel=0.05)
        assert found.doubt[unknown] < 0.2 * found.errors[unknown]


def test_a_reaction_that_is_not_linear_around_a_hole_that_gives_off_heat() -> None:
    def exact(x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(3 * x) * torch.exp(y)

    def given_off(u: Any, n: Any, x: Any, y: Any) -> Any:
        slope = 3 * torch.cos(3 * x) * torch.exp(y) * n.x + exact(x, y) * n.y
        return u.d(n) + u**3 - slope - exact(x, y) ** 3

    problem = pl.Problem(
        HOLED,
        "u",
        lambda u, x, y: u.laplacian - u**3 + 8 * exact(x, y) + exact(x, y) ** 3,
        [pl.Dirichlet(u=exact, on="x"), pl.Dirichlet(u=exact, on="y"), pl.Condition(given_off, on="surface")],
    )
    assert_told(problem, exact)


def test_fluxes_through_sides_that_bend() -> None:
    """Neumann and Robin name no normal; on a circle it is another one at every point."""

    def exact(x: Tensor, y: Tensor) -> Tensor:
        return 2 + x**2 * y

    ring = DISC - pl.Ball({"x": 0.0, "y": 0.0}, 0.5)

    # on circles the normal derivative is plus or minus the one along the radius, three times what is cubic
    def outward(x: Tensor, y: Tensor) -> Tensor:
        r = torch.hypot(x, y)
        return torch.where(r > 0.75, 1.0, -1.0) * 3 * x**2 * y / r

    given = pl.Robin(u=(2.0, 1.0, lambda x, y: 2 * exact(x, y) + outward(x, y)))
    problem = pl.Problem(ring, "u", lambda u, y: u.laplacian - 2 * y, [given])
    assert_told(problem, exact)


def test_heat_in_a_disc() -> None:
    def exact(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return torch.exp(-t) * torch.cos(x) * y + 1

    def flux(u: Any, n: Any, x: Any, y: Any, t: Any) -> Any:
        return u.d(n) - torch.exp(-t) * (-torch.sin(x) * y * n.x + torch.cos(x) * n.y)

    problem = pl.Problem(
        DISC * pl.Box(t=(0.0, 0.5)),
        "u",
        lambda u: u.t - u.laplacian,
        [pl.Initial(u=lambda x, y: exact(x, y, torch.zeros_like(x))), pl.Condition(flux)],
    )
    assert_told(problem, exact)


def test_two_unknowns_in_a_ball() -> None:
    def exact(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        return torch.exp(x) * torch.cos(y), x * y * z + 1

    def equations(u: Any, v: Any, x: Any, y: Any, z: Any) -> dict[str, Any]:
        one, two = exact(x, y, z)
        return {"u": u.laplacian + u * v - one * two, "v": v.laplacian - u + one}

    problem = pl.Problem(
        pl.Ball({"x": 0.0, "y": 0.0, "z": 0.0}, 1.0),
        ("u", "v"),
        equations,
        [pl.Dirichlet(u=lambda x, y: torch.exp(x) * torch.cos(y), v=lambda x, y, z: x * y * z + 1)],
    )
    assert_told(problem, exact)


def test_windows_off_boxes_are_refused_in_a_sentence() -> None:
    problem = pl.Problem(
        DISC * pl.Box(t=(0.0, 1.0)),
        "u",
        lambda u: u.t - u.laplacian,
        [pl.Initial(u=1.0), pl.Dirichlet(u=1.0)],
    )
    parts = [Given(DISC * pl.Box(t=(a, a + 0.5)), lambda points: 1 + 1e-3 * points[:, :1]) for a in (0.0, 0.5)]
    with pytest.raises(NoEstimateError, match="time windows on boxes only"):
        by_equation(solved(problem, *parts), (), 5.0)
