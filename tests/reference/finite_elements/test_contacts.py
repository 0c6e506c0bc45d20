"""Jumps that are prescribed across materials, on triangles that are cut apart there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.meshing.cuts import above, below, opened
from pinnlab.domains.meshing.triangulation import triangulate
from pinnlab.reference.finite_elements.interfaces import interfaces
from pinnlab.solution.quality.report import Verdict

SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
LEFT = pl.Box(x=(0.0, 0.5))
DISK = pl.Ball({"x": 0.5, "y": 0.5}, 0.3)
INSIDE, OUTSIDE, RESISTANCE = 1.0, 5.0, 0.7
ENDS = [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=1.0, on="x+"), pl.Neumann(u=0.0, on="y")]
MESH = pl.Mesh(
    np.array([[0.0, 0], [0.5, 0], [1, 0], [0, 1], [0.5, 1], [1, 1]]),
    np.array([[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4]]),
    tags={"x-": [[0, 3]], "x+": [[2, 5]], "y": [[0, 1], [1, 2], [3, 4], [4, 5]]},
    parts={"left": [0, 1]},
)


def conduction(u: Any, k: Any) -> Any:
    return pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y")


def inner(x: Any, y: Any) -> Any:
    return torch.sin(2 * x) * torch.exp(y)


def outer(x: Any, y: Any) -> Any:
    return torch.cos(2 * x + y)


def exact(x: Any, y: Any, t: Any = None) -> Any:
    inside = (x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.09
    found = torch.where(inside, inner(x, y), outer(x, y))
    return found if t is None else found * torch.exp(-t)


def source(x: Any, y: Any) -> Any:
    inside = (x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.09
    return torch.where(inside, -3 * INSIDE * inner(x, y), -5 * OUTSIDE * outer(x, y))


def fluxes(x: Any, y: Any) -> tuple[Any, Any]:
    """Through the circle, away from its middle, inside and outside."""
    nx, ny = (x - 0.5) / 0.3, (y - 0.5) / 0.3
    one = 2 * nx * torch.cos(2 * x) * torch.exp(y) + ny * inner(x, y)
    return INSIDE * one, -OUTSIDE * (2 * nx + ny) * torch.sin(2 * x + y)


def of_flux(x: Any, y: Any) -> Any:
    one, other = fluxes(x, y)
    return other - one


def by_resistance(x: Any, y: Any, flux: Any) -> Any:
    return outer(x, y) - inner(x, y) + RESISTANCE * (flux - sum(fluxes(x, y)) / 2)


def known(x: Any, y: Any) -> Any:
    return outer(x, y) - inner(x, y)


def disk(value: Callable[..., Any], **changes: Any) -> pl.Problem:
    """A circle across which an exact solution jumps, and its flux too."""
    material = pl.Piecewise((DISK, INSIDE), otherwise=OUTSIDE, jump={"u": value, "flux": of_flux})
    given: dict[str, Any] = {
        "domain": SQUARE,
        "unknowns": "u",
        "equations": lambda u, k, x, y: conduction(u, k) - source(x, y),
        "conditions": [pl.Dirichlet(u=lambda x, y: exact(x, y))],
        "parameters": {"k": material},
    }
    return pl.Problem(**{**given, **changes})


def off(problem: pl.Problem, tolerance: float) -> tuple[float, float]:
    """Relative L2 error at random points, and its estimate."""
    found = pl.reference_solution(problem, tolerance=tolerance, max_seconds=600)
    unit = torch.from_numpy(np.random.default_rng(0).uniform(size=(2000, len(problem.domain.coordinates))))
    columns = problem.domain.columns(problem.domain.interior(unit).points)
    truth = exact(*columns.values()).numpy()
    values = found(**{name: x.numpy() for name, x in columns.items()})["u"]
    return float(np.linalg.norm(values - truth) / np.linalg.norm(truth)), found.error_estimate["u"]


@pytest.mark.parametrize("value", [by_resistance, known])
def test_a_jump_across_a_circle(value: Callable[..., Any]) -> None:
    error, estimate = off(disk(value), 1e-5)
    assert error < 1e-5
    assert error / 3 < estimate < 10 * error


def test_a_jump_across_a_circle_in_time() -> None:
    def heat(u: Any, k: Any, x: Any, y: Any, t: Any) -> Any:
        return u.t - conduction(u, k) + torch.exp(-t) * source(x, y) + exact(x, y, t)

    def value(x: Any, y: Any, t: Any, flux: Any) -> Any:
        return RESISTANCE * flux + torch.exp(-t) * by_resistance(x, y, 0.0)

    material = pl.Piecewise(
        (DISK, INSIDE), otherwise=OUTSIDE, jump={"u": value, "flux": lambda x, y, t: torch.exp(-t) * of_flux(x, y)}
    )
    problem = disk(
        value,
        domain=SQUARE * pl.Box(t=(0.0, 0.1)),
        equations=heat,
        conditions=[pl.Dirichlet(u=lambda x, y, t: exact(x, y, t)), pl.Initial(u=lambda x, y: exact(x, y))],
        parameters={"k": material},
    )
    error, estimate = off(problem, 1e-3)
    assert error < 1e-4 and error < 3 * estimate


def contact(domain: Any, region: Any, jump: dict[str, Any], conditions: Any = ENDS) -> pl.Problem:
    material = pl.Piecewise((region, 1.0), otherwise=2.0, jump=jump)
    return pl.Problem(domain, "u", conduction, conditions, parameters={"k": material})


@pytest.mark.parametrize(("domain", "region"), [(SQUARE, LEFT), (MESH, "left"), (MESH, LEFT)])
@pytest.mark.parametrize(
    ("jump", "values"),
    # a flux q through 0.5 / 1, the contact, and 0.5 / 2
    [
        ({"u": lambda flux: flux}, (1 / 7, 13 / 14)),
        ({"u": 1.0}, (0.0, 1.0)),
        ({"flux": 1.0}, (1 / 4, 3 / 4)),
        ({"u": lambda flux: 1e-9 * flux}, (1 / 3, 5 / 6)),
    ],
)
def test_bars_in_contact(domain: Any, region: Any, jump: dict[str, Any], values: tuple[float, float]) -> None:
    found = pl.reference_solution(contact(domain, region, jump), tolerance=1e-2, method="elements")
    assert np.allclose(found(x=np.array([0.25, 0.75]), y=np.array([0.3, 0.6]))["u"], values, atol=1e-8)


def test_periodic_sides_are_joined_on_either_hand() -> None:
    conditions = [*ENDS[:2], pl.Periodic(on="y")]
    problem = contact(SQUARE, LEFT, {"u": lambda flux: flux}, conditions)
    found = pl.reference_solution(problem, tolerance=1e-2, method="elements")
    assert np.allclose(found(x=np.array([0.25, 0.75]), y=np.array([0.3, 0.6]))["u"], (1 / 7, 13 / 14), atol=1e-8)


def test_two_referees_agree_on_a_box_in_imperfect_contact() -> None:
    problem = contact(SQUARE, pl.Box(x=(0.2, 0.5), y=(0.3, 0.6)), {"u": lambda flux: 0.3 * flux})
    grid, elements = (pl.reference_solution(problem, tolerance=1e-3, method=m) for m in ("grid", "elements"))
    x, y = np.random.default_rng(0).uniform(size=(2, 500))
    gap = np.linalg.norm(grid(x=x, y=y)["u"] - elements(x=x, y=y)["u"]) / np.linalg.norm(grid(x=x, y=y)["u"])
    assert gap < grid.error_estimate["u"] + elements.error_estimate["u"]


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (lambda: contact(SQUARE, DISK, {"u": lambda flux: flux**3}), "not linear in the flux"),
        (lambda: contact(MESH, pl.Box(x=(0.0, 0.4)), {"u": 1.0}), "triangles of .* do not follow"),
        (
            lambda: pl.Problem(
                SQUARE,
                "u",
                lambda u, k: conduction(u, k) - u.x,
                [pl.Dirichlet(u=0.0)],
                parameters={"k": pl.Piecewise((DISK, 1.0), otherwise=2.0, jump={"u": 1.0})},
            ),
            "a slope of it stands outside",
        ),
        (
            lambda: pl.Problem(
                pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0)),
                "u",
                lambda u, k: conduction(u, k) + pl.diff(k * u.z, "z"),
                [pl.Dirichlet(u=0.0)],
                parameters={"k": pl.Piecewise((LEFT, 1.0), otherwise=2.0, jump={"u": 1.0})},
            ),
            "in the plane, in equations of second order",
        ),
    ],
)
def test_what_is_refused(problem: Callable[[], pl.Problem], message: str) -> None:
    with pytest.raises(ValueError, match=f"reference_solution: .*{message}"):
        pl.reference_solution(problem())


@pytest.mark.parametrize("outside", [1.0, 2.0])
@pytest.mark.parametrize("solver", [pl.PINN(), pl.HardConstraintMoE(), pl.MultiDomainPINN(subdomains={"x": (0.5,)})])
def test_other_solvers_refuse_jumps_across_curves(solver: Any, outside: float) -> None:
    material = pl.Piecewise((DISK, 1.0), otherwise=outside, jump={"u": 1.0})
    problem = pl.Problem(SQUARE, "u", conduction, [pl.Dirichlet(u=0.0)], parameters={"k": material})
    with pytest.raises(ValueError, match=r"prescribed for u jumps at a line.*pl\.reference_solution\(problem\)"):
        pl.solve(problem, solver, progress=False)


def test_triangles_are_cut_apart() -> None:
    problem = contact(SQUARE, DISK, {"u": 1.0})
    mesh = triangulate(SQUARE, 0.2, inner=interfaces(problem))

    def hands(ends: Any, one: Any, two: Any) -> Any:
        first, second = (np.linalg.norm(points - 0.5, axis=1) < 0.3 for points in (one, two))
        return first.astype(int) - second

    cut = opened(mesh, [("ring", hands)])
    on = np.abs(np.linalg.norm(mesh.nodes - 0.5, axis=1) - 0.3) < 1e-9
    assert len(cut.nodes) == len(mesh.nodes) + on.sum() and len(cut.elements) == len(mesh.elements)
    low, high = cut.pieces[below("ring")], cut.pieces[above("ring")]
    assert len(low) == len(high) == on.sum() and not set(low.ravel()) & set(high.ravel())
    radius = np.linalg.norm(cut.nodes[cut.elements].mean(axis=1) - 0.5, axis=1)
    assert (radius[np.isin(cut.elements, low).any(axis=1)] < 0.3).all()
    fine = cut.refined()
    assert np.allclose(np.linalg.norm(fine.nodes[fine.pieces[above("ring")]] - 0.5, axis=2), 0.3)
    # a cut that ends inside has one node at its end
    slit = opened(
        mesh, [("slit", lambda ends, one, two: hands(ends, one, two) * (ends[:, :, 0] > 0.5 - 1e-9).all(axis=1))]
    )
    assert len(slit.nodes) == len(mesh.nodes) + (on & (mesh.nodes[:, 0] > 0.5 - 1e-9)).sum() - 2


def test_a_report_on_a_solution_without_the_jump_says_wrong() -> None:
    right = disk(by_resistance)
    smooth = right.at(k=pl.Piecewise((DISK, INSIDE), otherwise=OUTSIDE))
    solution = pl.solve(smooth, pl.HardConstraintMoE(), max_seconds=20, progress=False)
    report = replace(solution, problem=right).report(max_seconds=60)
    assert report.verdict is Verdict.WRONG and report.estimate.errors["u"] > 0.5
