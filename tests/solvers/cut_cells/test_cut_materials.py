"""Materials on cut cells: surfaces of any direction, joined by values and fluxes, and how singular their corners are."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.domains.trees import Tree
from pinnlab.solvers.cut_cells.corners import Corners
from pinnlab.solvers.cut_cells.marking import Marking
from pinnlab.solvers.cut_cells.materials import materials_of
from pinnlab.solvers.cut_cells.parts import Materials, directed
from pinnlab.solvers.cut_cells.sectors import least_power

SQUARE = pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0))
MIDDLE, RADIUS = (0.1, -0.07), 0.5
DISC = pl.Ball({"x": MIDDLE[0], "y": MIDDLE[1]}, RADIUS)


def conduction(inner: float, domain: pl.Box = SQUARE, part: pl.Ball | pl.Polygon = DISC) -> pl.Problem:
    """A disk of another conductivity in a uniform field; outside conducts 1."""

    def exact(x: Tensor, y: Tensor) -> Tensor:
        x, y = x - MIDDLE[0], y - MIDDLE[1]
        square = x**2 + y**2
        outside = x * (1 + RADIUS**2 * (1 - inner) / (1 + inner) / square.clamp(min=1e-9))
        return torch.where(square < RADIUS**2, 2 / (1 + inner) * x, outside)

    return pl.Problem(
        domain, "u", lambda u, k: pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y"), [pl.Dirichlet(u=exact)],
        parameters={"k": pl.Piecewise((part, inner), otherwise=1.0)}, reference=exact,
    )  # fmt: skip


@pytest.mark.parametrize("inner", [1000.0, 1e-3])
def test_two_materials_that_meet_along_a_circle(inner: float) -> None:
    solution = pl.solve(conduction(inner), pl.HardConstraintMoE(tolerance=1e-6), progress=False)
    assert solution.status.name == "CONVERGED" and solution.error()["u"] < 1e-7


def test_the_solution_of_materials_can_be_saved(tmp_path) -> None:  # type: ignore[no-untyped-def]
    options = pl.HardConstraintMoE(tolerance=1e-2, degrees={"x": 6})
    solution = pl.solve(conduction(3.0), options, progress=False)
    solution.save(tmp_path / "disk.pt")
    x = torch.linspace(-0.9, 0.9, 40, dtype=torch.float64)
    assert torch.equal(pl.Solution.load(tmp_path / "disk.pt")(x=x, y=0.3 * x)["u"], solution(x=x, y=0.3 * x)["u"])


def test_a_source_in_a_disc() -> None:
    """-lap u = 4 in a disk of radius 1/2 around the origin, 0 outside: 1/4 - r^2, and -log(2 r) / 2."""

    def exact(x: Tensor, y: Tensor) -> Tensor:
        square = x**2 + y**2
        return torch.where(square < 0.25, 0.25 - square, -0.25 * torch.log(4 * square.clamp(min=1e-9)))

    problem = pl.Problem(
        SQUARE - pl.Ball({"x": 0.8, "y": 0.8}, 0.1), "u", lambda u, f: u.laplacian + f, [pl.Dirichlet(u=exact)],
        parameters={"f": pl.Piecewise((pl.Ball({"x": 0.0, "y": 0.0}, 0.5), 4.0), otherwise=0.0)}, reference=exact,
    )  # fmt: skip
    solution = pl.solve(problem, pl.HardConstraintMoE(tolerance=1e-6), progress=False)
    assert solution.status.name == "CONVERGED" and solution.error()["u"] < 1e-8


def test_an_oblique_interface_of_two_equations() -> None:
    """Two unknowns, each continuous with its flux across the line y = x / 2, joined by a term without derivatives."""
    below = pl.Polygon([(-1.0, -1.0), (1.0, -1.0), (1.0, 0.5), (-1.0, -0.5)])

    def exact(x: Tensor, y: Tensor) -> dict[str, Tensor]:
        s = y - x / 2
        return {"u": torch.where(s < 0, s / 5, s) + x, "v": torch.where(s < 0, s, s / 2) + 2 * y + x}

    def equations(u, v, k, q, x, y):  # type: ignore[no-untyped-def]
        known = exact(x, y)
        return {
            "u": pl.diff(k * (u.x - 1), "x") + pl.diff(k * u.y, "y") + v - known["v"],
            "v": pl.diff(q * (v.x - 1), "x") + pl.diff(q * (v.y - 2), "y") - u + known["u"],
        }

    problem = pl.Problem(
        SQUARE, ("u", "v"), equations,
        [pl.Dirichlet(u=lambda x, y: exact(x, y)["u"], v=lambda x, y: exact(x, y)["v"])],
        parameters={"k": pl.Piecewise((below, 5.0), otherwise=1.0), "q": pl.Piecewise((below, 1.0), otherwise=2.0)},
        reference=exact,
    )  # fmt: skip
    solution = pl.solve(problem, pl.HardConstraintMoE(tolerance=1e-6, degrees={"x": 8}), progress=False)
    assert solution.status.name == "CONVERGED" and max(solution.error().values()) < 1e-7


def test_what_does_not_say_its_flux_is_refused() -> None:
    problem = pl.Problem(
        SQUARE, "u", lambda u, k: k * u.xx + k * u.yy, [pl.Dirichlet(u=lambda x: x)],
        parameters={"k": pl.Piecewise((DISC, 2.0), otherwise=1.0)},
    )  # fmt: skip
    assert "is differentiated stands behind a coefficient that jumps" in pl.HardConstraintMoE().obstacle(problem)


def test_the_choice_is_experts_where_materials_meet_along_a_curve() -> None:
    solution = pl.solve(conduction(3.0), max_seconds=60, progress=False)
    assert isinstance(solution.solver, pl.HardConstraintMoE) and solution.error()["u"] < 1e-8


def test_parts_are_told_apart_and_their_surfaces_are_met_once() -> None:
    left, right = pl.Box(x=(0.0, 0.5)), pl.Box(x=(0.5, 1.0), y=(0.0, 0.25))
    materials = Materials(("x", "y"), ((left, right),))
    at = np.array([[0.2, 0.9], [0.7, 0.1], [0.7, 0.9]])
    assert materials.count == 3 and materials.at(at).tolist() == [0, 1, 2]
    square = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
    points, normals = materials.surface(square, lambda x: np.full(len(x), 0.25), 4, None)
    # the line x = 1/2 of length 1 once, and y = 1/4 beyond it
    assert np.isclose(points[:, 0], 0.5).sum() == 16 and np.isclose(points[:, 1], 0.25).sum() == 8 and len(points) == 24
    assert np.allclose(np.abs(normals).max(axis=1), 1.0)


def test_planes_of_jumps_divide_as_parts_do() -> None:
    problem = pl.Problem(
        SQUARE, "u", lambda u, x: u.laplacian - torch.where(x < 0.25, 1.0, 2.0) * u, [pl.Dirichlet(u=1.0)]
    )
    assert materials_of(problem).at(np.array([[0.2, 0.0], [0.3, 0.0]])).tolist() == [0, 1]


def test_normals_are_turned_to_one_side() -> None:
    given = np.array([[-0.6, 0.8], [0.0, -1.0], [1.0, 0.0]])
    assert directed(given).tolist() == [[0.6, -0.8], [0.0, 1.0], [1.0, 0.0]]


def test_powers_at_corners_of_materials() -> None:
    assert least_power(np.ones(360), 2 * math.pi) == pytest.approx(1.0, abs=1e-4)
    assert least_power(np.ones(270), 1.5 * math.pi, fixed=True) == pytest.approx(2 / 3, abs=1e-4)
    # ends with one fixed value and the other free are those of twice the angle
    assert least_power(np.ones(90), math.pi / 2) == pytest.approx(2.0, abs=1e-3)
    chessboard = np.repeat([1.0, 9.0, 1.0, 9.0], 90)
    assert least_power(chessboard, 2 * math.pi) == pytest.approx(4 / math.pi * math.atan(1 / 3), abs=1e-4)


def test_a_checkerboard_of_materials() -> None:
    """Quarters of 10 and 1 in turn, around a point that is no zero of coordinates: r^a with a = 4 / pi arctan(10^-1/2)."""
    domain, power = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), 4 / math.pi * math.atan(10**-0.5)

    def exact(x: Tensor, y: Tensor) -> Tensor:
        x, y = x - 0.5, y - 0.5
        turn = torch.remainder(torch.atan2(y, x), 2 * math.pi)
        half, eighth = torch.remainder(turn, math.pi), math.pi / 4
        good = torch.cos(power * (half - eighth)) / math.cos(power * eighth)
        poor = -torch.sin(power * (half - 3 * eighth)) / math.sin(power * eighth)
        sign = torch.where(turn < math.pi, 1.0, -1.0)
        return (x**2 + y**2) ** (power / 2) * sign * torch.where(half <= 2 * eighth, good, poor)

    quarters = [pl.Box(x=(a, a + 0.5), y=(a, a + 0.5)) for a in (0.0, 0.5)]
    problem = pl.Problem(
        domain, "u", lambda u, k: pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y"), [pl.Dirichlet(u=exact)],
        parameters={"k": pl.Piecewise(*((quarter, 10.0) for quarter in quarters), otherwise=1.0)}, reference=exact,
    )  # fmt: skip
    solution = pl.solve(problem, pl.HardConstraintMoE(tolerance=1e-3), progress=False)
    x, y = torch.rand(2, 5000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    true = exact(x, y)
    assert solution.status.name == "CONVERGED" and (solution(x=x, y=y)["u"] - true).norm() < 2e-6 * true.norm()


def test_an_oblique_material_that_reaches_a_side() -> None:
    """A poor conductor in a sharp corner between a line and a side that is held: r^a, a from tan(a w) / k at both angles."""
    angle, poor = math.pi / 6, 0.05
    power = scipy.optimize.brentq(
        lambda a: math.tan(a * angle) + poor * math.tan(a * (math.pi - angle)), 0.6001, 0.99, xtol=1e-15
    )

    def exact(x: Tensor, y: Tensor) -> Tensor:
        x = x - 0.5
        turn = torch.atan2(y, x)
        large = torch.sin(power * turn) / math.sin(power * (math.pi - angle))
        small = torch.sin(power * (math.pi - turn)) / math.sin(power * angle)
        return (x**2 + y**2) ** (power / 2) * torch.where(turn < math.pi - angle, large, small)

    wedge = pl.Polygon([(0.5, 0.0), (0.5 - 4 * math.cos(angle), 4 * math.sin(angle)), (-4.0, 0.0)])
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "u", lambda u, k: pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y"),
        [pl.Dirichlet(u=exact)], parameters={"k": pl.Piecewise((wedge, poor), otherwise=1.0)}, reference=exact,
    )  # fmt: skip
    solution = pl.solve(problem, pl.HardConstraintMoE(tolerance=1e-5), progress=False)
    assert solution.status.name == "CONVERGED" and solution.error()["u"] < 1e-6


def test_materials_begin_where_their_regions_do() -> None:
    triangle = pl.Polygon([(0.0, 0.0), (4.0, 0.0), (0.0, 4.0)])
    k = pl.Piecewise((triangle, 2.0), otherwise=1.0)
    problem = pl.Problem(SQUARE, "u", lambda u, k: u.laplacian * k, [pl.Dirichlet(u=0.0)], parameters={"k": k})
    away = torch.tensor([-1e-10, 1e-10], dtype=torch.float64)
    values = problem.parameters["k"].at(torch.stack([torch.full_like(away, 0.5), away], dim=1))
    assert values.tolist() == [1.0, 2.0]
    assert (materials_of(problem).at(np.array([[0.5, -1e-10], [0.5, 1e-10]])) == [1, 0]).all()


def test_what_is_off_at_a_corner_inside_may_be_a_source() -> None:
    """Its field decays like a logarithm, where a value that is prescribed at the corner makes it fall as the cells do."""
    depths = []
    for inside in (False, True):
        corners = Corners(np.zeros((1, 2)), np.array([0.7]), np.array([inside]))
        tree = Tree([-1.0, -1.0], [1.0, 1.0], (2, 2))
        marking = Marking(corners, 1e-2)
        marking.begin(tree, 10_000)
        depths.append(marking.deepest(tree))
    assert depths == [10, 19]
