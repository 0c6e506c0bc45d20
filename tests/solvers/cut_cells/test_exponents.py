"""Exponents at corners: known ones, and solutions that are right only where cells are graded by them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.library import problem_module
from pinnlab.equations import solids
from pinnlab.solvers.cut_cells.discretization import CutDiscretization
from pinnlab.solvers.cut_cells.exponents import Ray, Row, least_exponent, span, weights
from pinnlab.solvers.cut_cells.leading import applied
from pinnlab.solvers.local_experts.basis import TotalDegree

LAPLACE: list[Row] = [{(0, (2, 0)): 1.0, (0, (0, 2)): 1.0}]
BIHARMONIC: list[Row] = [{(0, (4, 0)): 1.0, (0, (2, 2)): 2.0, (0, (0, 4)): 1.0}]
STOKES: list[Row] = [
    {(0, (2, 0)): 1.0, (0, (0, 2)): 1.0, (2, (1, 0)): -1.0},
    {(1, (2, 0)): 1.0, (1, (0, 2)): 1.0, (2, (0, 1)): -1.0},
    {(0, (1, 0)): 1.0, (1, (0, 1)): 1.0},
]
VALUE: list[Row] = [{(0, (0, 0)): 1.0}]
VALUES: list[Row] = [{(0, (0, 0)): 1.0}, {(1, (0, 0)): 1.0}]
LAMBDA, MU = 0.3 / (1.3 * 0.4), 0.5 / 1.3
ELASTIC: list[Row] = [
    {(0, (2, 0)): LAMBDA + 2 * MU, (0, (0, 2)): MU, (1, (1, 1)): LAMBDA + MU},
    {(1, (0, 2)): LAMBDA + 2 * MU, (1, (2, 0)): MU, (0, (1, 1)): LAMBDA + MU},
]
TURNS = [0.0, 0.3, 2.0]


def slope(angle: float) -> list[Row]:
    """The derivative across a ray."""
    return [{(0, (1, 0)): -math.sin(angle), (0, (0, 1)): math.cos(angle)}]


def traction(angle: float) -> list[Row]:
    x, y = -math.sin(angle), math.cos(angle)
    return [
        {(0, (1, 0)): (LAMBDA + 2 * MU) * x, (1, (0, 1)): LAMBDA * x, (0, (0, 1)): MU * y, (1, (1, 0)): MU * y},
        {(0, (0, 1)): MU * x, (1, (1, 0)): MU * x, (0, (1, 0)): LAMBDA * y, (1, (0, 1)): (LAMBDA + 2 * MU) * y},
    ]


@pytest.mark.parametrize("turn", TURNS)
def test_harmonic_functions(turn: float) -> None:
    """Values or slopes prescribed on both sides of an angle w: multiples of pi / w; a value and a slope: half of it."""
    for angle in (0.6, math.pi, 1.5 * math.pi, 2 * math.pi):
        first, second, flat = Ray(turn, VALUE), Ray(turn + angle, VALUE), Ray(turn + angle, slope(turn + angle))
        whole = next((k * math.pi / angle for k in (1, 2, 3) if k * math.pi / angle % 1 > 1e-9), math.inf)
        assert least_exponent(LAPLACE, first, second) == (pytest.approx(whole, rel=1e-5) if whole < 4 else math.inf)
        assert least_exponent(LAPLACE, first, flat) == pytest.approx(math.pi / angle / 2, rel=1e-5)


def test_a_corner_that_only_polynomials_meet_is_smooth() -> None:
    assert least_exponent(LAPLACE, Ray(0.0, VALUE), Ray(math.pi / 2, VALUE)) == math.inf


@pytest.mark.parametrize("turn", TURNS)
def test_elastic_corners(turn: float) -> None:
    """Williams 1952: free notches of 270 and 360 degrees; a plate that is clamped along one side, Poisson's ratio 0.3."""

    def corner(angle: float, clamped: bool) -> float:
        first = Ray(turn, VALUES if clamped else traction(turn))
        return least_exponent(ELASTIC, first, Ray(turn + angle, traction(turn + angle)))

    assert corner(1.5 * math.pi, clamped=False) == pytest.approx(0.5444837, abs=1e-6)
    assert corner(2 * math.pi, clamped=False) == pytest.approx(0.5, abs=1e-4)
    assert corner(math.pi / 2, clamped=True) == pytest.approx(0.7111729, abs=1e-5)
    assert corner(math.pi, clamped=True) == pytest.approx(0.5, abs=1e-4)


def test_flows_and_plates_at_a_step_have_the_same() -> None:
    """Counted from where energies are finite: velocities r^0.5445, a stream function or deflection r^1.5445."""
    angle = 1.5 * math.pi
    assert least_exponent(STOKES, Ray(0.0, VALUES), Ray(angle, VALUES)) == pytest.approx(0.5444837, abs=1e-6)
    first, second = Ray(0.0, [*VALUE, *slope(0.0)]), Ray(angle, [*VALUE, *slope(angle)])
    assert least_exponent(BIHARMONIC, first, second) == pytest.approx(0.5444837, abs=1e-6)


def test_how_rough_unknowns_are() -> None:
    """Pressure by one derivative less than velocity; the vorticity, as a second unknown, by two less than psi."""
    assert weights(STOKES)[0] == [0, 0, -1]
    assert weights([{**LAPLACE[0], (1, (0, 0)): -1.0}, {(1, (2, 0)): 1.0, (1, (0, 2)): 1.0}])[0] == [0, -2]
    assert weights(ELASTIC) == ([0, 0], [2, 2], [0, 1])
    # the stream function carries the vorticity: first derivatives of psi in its equation do not count
    carried: Row = {(1, (2, 0)): 1.0, (1, (0, 2)): 1.0, (0, (1, 0)): 3.0}
    assert weights([{**LAPLACE[0], (1, (0, 0)): -1.0}, carried])[0] == [0, -2]
    assert weights([LAPLACE[0], {(1, (2, 0)): 1.0, (1, (0, 2)): 1.0}])[0] == [0, 0]


def test_unknowns_with_conditions_of_their_own_are_as_smooth_as_each_other() -> None:
    """A vorticity that is prescribed is no rougher than psi, and two substances that react have the same smoothness."""
    vorticity: Row = {(1, (2, 0)): 1.0, (1, (0, 2)): 1.0}
    assert weights([{**LAPLACE[0], (1, (0, 0)): -1.0}, vorticity], held=[0, 1])[0] == [0, 0]
    react: list[Row] = [{**LAPLACE[0], (1, (0, 0)): 2.0}, {**vorticity, (0, (0, 0)): -1.0}]
    assert weights(react)[0] == [0, -2] and weights(react, held=[0, 1])[0] == [0, 0]
    assert weights(STOKES, held=[0, 1, 2])[0] == [0, 0, -1]  # what equations force stays
    both = [Ray(0.0, VALUES), Ray(1.5 * math.pi, VALUES)]
    assert least_exponent(react, *both, held=[0, 1]) == pytest.approx(2 / 3, rel=1e-5)


@pytest.mark.parametrize(
    ("around", "rougher"),
    [
        ([pl.Periodic(on="x"), pl.Periodic(on="y")], [0, 0]),
        ([pl.Dirichlet(u=0.0, v=0.0)], [0, 0]),
        ([pl.Dirichlet(u=0.0), pl.Neumann(u=0.0)], [0, -2]),
        ([pl.Dirichlet(u=0.0), pl.Neumann(u=0.0, on="x"), pl.Dirichlet(v=0.0, on="y")], [0, -2]),
        ([pl.Periodic(on="x"), pl.Dirichlet(u=0.0, on="y"), pl.Neumann(v=0.0, on="y")], [0, 0]),
    ],
)
def test_conditions_tell_which_unknown_is_rougher(around: list[Any], rougher: list[int]) -> None:
    """Of substances that react each has its own; of psi and its vorticity, at walls, only psi."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), ("u", "v"),
        lambda u, v: {"u": u.laplacian - u * v**2 + 1, "v": v.laplacian + u * v**2 - 2 * v}, around,
    )  # fmt: skip
    assert CutDiscretization(problem, TotalDegree(2, 4), 100.0).rougher == rougher


def test_what_does_not_go_together_is_said() -> None:
    with pytest.raises(ValueError, match="4 conditions are needed on the two sides"):
        least_exponent(ELASTIC, Ray(0.0, VALUES), Ray(1.0, VALUE))
    with pytest.raises(ValueError, match="an unknown of its own"):
        weights([{(0, (1, 0)): 1.0}, {(0, (0, 1)): 1.0}])


def test_angles_between_rays() -> None:
    assert span(Ray(1.0, ()), Ray(0.5, ())) == pytest.approx(2 * math.pi - 0.5)
    assert span(Ray(0.3, ()), Ray(0.3 + 1e-12, ())) == 2 * math.pi


def square(kind: str) -> pl.Problem:
    """An elastic square that is held at x = 0 and drawn by its weight, in displacements, or in stresses too."""
    domain = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
    if kind == "displacements":

        def traction(u: Any, v: Any, n: Any, row: int) -> Any:
            return pl.dot(solids.stress((u, v), 110.0, 80.0)[row], n)

        young, poisson = 80 * (3 * 110 + 2 * 80) / 190, 110 / 380
        free = [pl.Condition(lambda u, v, n, k=k: traction(u, v, n, k), on=s) for s in ("x+", "y") for k in (0, 1)]
        return pl.Problem(
            domain, ("u", "v"), lambda u, v: solids.plane_strain(u, v, young, poisson, fx=1.0, fy=-1.0),
            [pl.Dirichlet(u=0.0, v=0.0, on="x-"), *free],
        )  # fmt: skip

    def equations(u: Any, v: Any, s: Any, q: Any, r: Any) -> dict[str, Any]:
        hooke = {"s": s - 270 * u.x - 110 * v.y, "q": q - 110 * u.x - 270 * v.y, "r": r - 80 * (u.y + v.x)}
        return {"x": s.x + r.y + 1.0, "y": r.x + q.y - 1.0, **hooke}

    sides = [pl.Dirichlet(u=0.0, v=0.0, on="x-"), pl.Dirichlet(s=0.0, r=0.0, on="x+")]
    return pl.Problem(domain, ("u", "v", "s", "q", "r"), equations, [*sides, pl.Dirichlet(q=0.0, r=0.0, on="y")])


@pytest.mark.parametrize("kind", ["displacements", "stresses"])
def test_corners_of_a_problem(kind: str) -> None:
    """nu = 11/38 and a clamped side that ends: r^0.718; other corners are smooth."""
    made = CutDiscretization(square(kind), TotalDegree(2, 6), 1.0)
    powers = dict(zip(map(tuple, made.corners.points.tolist()), made.corners.powers.tolist(), strict=True))
    assert [powers[0.0, y] for y in (0.0, 1.0)] == pytest.approx([0.7182, 0.7182], abs=1e-3)
    assert [powers[1.0, y] for y in (0.0, 1.0)] == [2.0, 2.0]
    assert made.rougher == ([0, 0] if kind == "displacements" else [0, 0, -1, -1, -1])


def test_a_side_that_is_held_in_part() -> None:
    """The place where a condition ends is a corner of 180 degrees."""
    held = [
        pl.Dirichlet(u=0.0, on="y-", where=lambda x: x < 0.25),
        pl.Neumann(u=0.0, on="y-", where=lambda x: x >= 0.25),
    ]
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "u", lambda u: u.laplacian + 1, [*held, pl.Dirichlet(u=0.0, on="y+")]
    )
    corners = CutDiscretization(problem, TotalDegree(2, 6), 1.0).corners
    (found,) = [k for k, point in enumerate(corners.points) if abs(point - [0.25, 0.0]).max() < 1e-6]
    assert corners.powers[found] == pytest.approx(0.5, abs=1e-4)


def test_a_clamped_square_in_displacements_and_in_stresses() -> None:
    """Two formulations with other rows and unknowns find the same; on cells that were not graded u was 20 % off."""
    x, y = torch.rand(2, 2000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = []
    for kind in ("displacements", "stresses"):
        solution = pl.solve(square(kind), pl.HardConstraintMoE(tolerance=1e-4), progress=False)
        assert solution.status.name == "CONVERGED"
        found.append(torch.stack([solution(x=x, y=y)[u] for u in ("u", "v")]))
    assert (found[0] - found[1]).norm() < 2e-4 * found[1].norm()


SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))


def clashing(problem: pl.Problem) -> set[tuple[float, float]]:
    """Corners where data clash."""
    corners = CutDiscretization(problem, TotalDegree(2, 6), 1.0).corners
    assert corners.clashing is not None
    return {(float(x), float(y)) for (x, y), clash in zip(corners.points, corners.clashing, strict=True) if clash}


def test_values_that_clash_in_a_corner() -> None:
    def held(left: Any) -> pl.Problem:
        sides = [
            pl.Dirichlet(u=left, on="x-"),
            pl.Dirichlet(u=lambda x: torch.sin(3 * x), on="y-"),
            pl.Dirichlet(u=0.0, on="y+"),
        ]
        return pl.Problem(SQUARE, "u", lambda u: u.laplacian, [*sides, pl.Neumann(u=3.0, on="x+")])

    assert clashing(held(1.0)) == {(0.0, 0.0), (0.0, 1.0)}
    assert clashing(held(lambda y: torch.sin(4 * y))) == {(0.0, 1.0)}
    assert clashing(held(lambda y: y * (1 - y))) == set()


@pytest.mark.parametrize("lid", ["unit", "parabola"])
def test_a_lid_that_meets_walls_at_rest(lid: str) -> None:
    """Slopes of a stream function, or velocities: values of a slope lower in a pressure fix nothing there."""
    module = problem_module("lid_cavity")
    expected = {(0.0, 1.0), (1.0, 1.0)} if lid == "unit" else set()
    assert clashing(module.problem(lid=lid)) == expected
    walls = [pl.Dirichlet(u=0.0, v=0.0, on="x"), pl.Dirichlet(u=0.0, v=0.0, on="y-")]
    conditions = [*walls, pl.Dirichlet(u=module.LIDS[lid], v=0.0, on="y+"), pl.Integral(lambda p: p, equals=0.0)]
    flow = pl.Problem(SQUARE, ("u", "v", "p"), pl.equations.navier_stokes, conditions, {"rho": 1.0, "mu": 0.01})
    assert clashing(flow) == expected


def test_slopes_that_agree_beside_sides_of_different_lengths() -> None:
    """A plate whose deflection and slopes are those of 1 + 2 x + 3 y + x y on all sides of a long rectangle."""
    long, sides = pl.Box(x=(0.0, 1.0), y=(0.0, 8.0)), [pl.Dirichlet(w=lambda x, y: 1 + 2 * x + 3 * y + x * y)]
    slopes = {"x-": lambda y: -2 - y, "x+": lambda y: 2 + y, "y-": lambda x: -3 - x, "y+": lambda x: 3 + x}
    tilted = [pl.Neumann(w=slope, on=on) for on, slope in slopes.items()]
    plate = pl.Problem(long, "w", lambda w: w.laplacian.laplacian, [*sides, *tilted])
    assert clashing(plate) == set()


def test_a_row_applied_to_a_monomial() -> None:
    """2 d2/dxdy + 3 of x^2 y at (2, 5): 2 * 2 x + 3 x^2 y = 8 + 60."""
    row: Row = {(0, (1, 1)): 2.0, (0, (0, 0)): 3.0, (1, (0, 0)): 7.0, (0, (0, 2)): 9.0}
    assert applied(row, (0, 2, 1), np.array([2.0, 5.0])) == 68.0


def test_a_cavity_at_a_reynolds_number_of_400() -> None:
    """In one wide cell a corner where slopes clash keeps Gauss-Newton from converging."""
    solution = pl.solve(
        problem_module("lid_cavity").problem(re=400.0), pl.HardConstraintMoE(tolerance=1e-2), progress=False
    )
    centre = solution(x=torch.tensor([0.5532]), y=torch.tensor([0.6071]))["psi"]
    assert solution.status.name == "CONVERGED" and float(centre) == pytest.approx(-0.11397, rel=1e-2)
