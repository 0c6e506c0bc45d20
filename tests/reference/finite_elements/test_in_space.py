"""Finite elements in three dimensions against exact solutions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy
import torch

import pinnlab as pl
from pinnlab.domains.meshing.tetrahedralization import tetrahedralize
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.cost import TooLargeError
from pinnlab.reference.finite_elements.factorizing import factorized
from pinnlab.reference.finite_elements.multigrid import Multigrid, gmres, prolongations
from pinnlab.reference.finite_elements.system import ElementSystem
from pinnlab.reference.finite_elements.tetrahedra import TetrahedralSpace, tetrahedral_rule, tetrahedral_shapes
from pinnlab.reference.grids.analysis import analyse
from pinnlab.reference.grids.structure import matched

BALL = pl.Ball({"x": 0.0, "y": 0.0, "z": 0.0}, 1.0)
CUBE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0))
HOLED = CUBE - pl.Ball({"x": 0.5, "y": 0.5, "z": 0.5}, 0.3)
CYLINDER = pl.Ball({"x": 0.0, "y": 0.0}, 1.0) * pl.Box(z=(0.0, 1.0))


def assert_right(problem: pl.Problem, exact: Callable[..., Any], tolerance: float, most: float = 3.5) -> None:
    """The error of all unknowns at random points is below the tolerance, its estimate within a factor 3 and ``most``."""
    found = pl.reference_solution(problem, max_seconds=900, tolerance=tolerance)
    unit = torch.from_numpy(np.random.default_rng(0).uniform(size=(2000, len(problem.domain.coordinates))))
    columns = problem.domain.columns(problem.domain.interior(unit).points)
    at = {name: columns[name] for name in problem.domain.coordinates}
    truth = exact(*at.values())
    values = found(**{name: x.numpy() for name, x in at.items()})
    for unknown, right in (truth if isinstance(truth, dict) else {problem.unknowns[0]: truth}).items():
        error = float(np.linalg.norm(values[unknown] - right.numpy()) / np.linalg.norm(right.numpy()))
        assert error < tolerance
        assert error / 3 < found.error_estimate[unknown] < most * error


def poisson(region: pl.Region) -> tuple[pl.Problem, Callable[..., Any]]:
    def exact(x: Any, y: Any, z: Any) -> Any:
        return torch.sin(3 * x + y) * torch.exp(z)

    return pl.Problem(region, "u", lambda u, x, y, z: u.laplacian + 9 * exact(x, y, z), [pl.Dirichlet(u=exact)]), exact


def test_poisson_in_a_cube_with_a_hole() -> None:
    assert_right(*poisson(HOLED), 1e-3)


def test_radiation_and_fluxes_on_a_cylinder() -> None:
    def exact(x: Any, y: Any, z: Any) -> Any:
        return 1 + 0.3 * torch.sin(2 * x) * y + 0.2 * z

    def radiated(T: Any, n: Any, x: Any, y: Any, z: Any) -> Any:
        slopes = 0.6 * torch.cos(2 * x) * y * n.x + 0.3 * torch.sin(2 * x) * n.y + 0.2 * n.z
        return T.d(n) + T**4 - (slopes + exact(x, y, z) ** 4)

    conditions = [
        pl.Condition(radiated, on="surface"),
        pl.Robin(T=(2.0, 1.0, lambda x, y, z: 2 * exact(x, y, z) + 0.2), on="z+"),
        pl.Neumann(T=-0.2, on="z-"),
    ]
    problem = pl.Problem(CYLINDER, "T", lambda T, x, y: T.laplacian + 1.2 * torch.sin(2 * x) * y, conditions)
    assert_right(problem, exact, 1e-3)


def test_elastic_displacements() -> None:
    def exact(x: Any, y: Any, z: Any) -> dict[str, Any]:
        return {"u": torch.sin(2 * x) * y, "v": torch.cos(x + z), "w": x * y * z}

    def equations(u: Any, v: Any, w: Any, x: Any, y: Any, z: Any) -> dict[str, Any]:
        def spread(a: str) -> Any:
            return u.d("x", a) + v.d("y", a) + w.d("z", a)

        # div = 2 cos(2 x) y + x y
        return {
            "x": u.laplacian + 2 * spread("x") + 12 * torch.sin(2 * x) * y - 2 * y,
            "y": v.laplacian + 2 * spread("y") + 2 * torch.cos(x + z) - 4 * torch.cos(2 * x) - 2 * x,
            "z": w.laplacian + 2 * spread("z"),
        }

    values = {
        name: lambda x, y, z, name=name: exact(torch.as_tensor(x), torch.as_tensor(y), torch.as_tensor(z))[name]
        for name in "uvw"
    }
    assert_right(pl.Problem(CUBE, ("u", "v", "w"), equations, [pl.Dirichlet(**values)]), exact, 5e-3)


def test_heat_in_an_insulated_ball() -> None:
    def exact(x: Any, y: Any, z: Any, t: Any) -> Any:
        return torch.exp((x**2 + y**2 + z**2) / 2 + t)

    problem = pl.Problem(
        BALL * pl.Box(t=(0.0, 0.1)),
        "u",
        lambda u, x, y, z, t: u.t - u.laplacian + (2 + x**2 + y**2 + z**2) * exact(x, y, z, t),
        [pl.Initial(u=lambda x, y, z: exact(x, y, z, torch.zeros_like(x))), pl.Neumann(u=exact)],
    )
    assert_right(problem, exact, 4e-3)


def test_fluxes_on_all_sides_and_a_value_at_a_point() -> None:
    def exact(x: Any, y: Any, z: Any) -> Any:
        return torch.sin(2 * x + y) * torch.exp(z)

    def flux(u: Any, n: Any, x: Any, y: Any, z: Any) -> Any:
        slope = torch.cos(2 * x + y) * torch.exp(z)
        return u.d(n) - (2 * slope * n.x + slope * n.y + exact(x, y, z) * n.z)

    problem = pl.Problem(
        HOLED,
        "u",
        lambda u, x, y, z: u.laplacian + 4 * exact(x, y, z),
        [pl.Condition(flux), pl.Data(points={"x": [0.1], "y": [0.2], "z": [0.0]}, u=[math.sin(0.4)])],
    )
    assert_right(problem, exact, 5e-3)


def test_a_jump_inside_the_divergence_along_a_mesh_of_ones_own() -> None:
    corners = np.array(list(itertools.product((0.0, 0.5, 1.0), repeat=3)))
    ways = [(0, 1, 4, 13), (0, 1, 10, 13), (0, 3, 4, 13), (0, 3, 12, 13), (0, 9, 10, 13), (0, 9, 12, 13)]
    first = [9 * i + 3 * j + k for i, j, k in itertools.product((0, 1), repeat=3)]
    region = pl.Mesh(corners, [[f + w for w in way] for f in first for way in ways])

    def exact(x: Any, y: Any, z: Any) -> Any:
        return torch.where(x < 0.5, x, 0.5 + (x - 0.5) / 10) + 0 * (y + z)

    def equation(u: Any, x: Any) -> Any:
        k = torch.where(x < 0.5, 1.0, 10.0)
        return pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y") + pl.diff(k * u.z, "z")

    problem = pl.Problem(region, "u", equation, [pl.Dirichlet(u=exact)])
    system = ElementSystem(problem, analyse(problem), TetrahedralSpace(tetrahedralize(region, 1.0)), ("u",))
    nodes = [torch.from_numpy(c.copy()) for c in system.space.nodes]
    count = system.space.count
    residual = system.residual(exact(*nodes).numpy()[None, None], np.zeros((1, 1, count)), np.zeros(1))
    assert np.abs(residual).max() < 1e-12


@pytest.mark.slow
def test_a_ball_of_another_material_in_a_uniform_field() -> None:
    def exact(x: Any, y: Any, z: Any) -> Any:
        along, r = x - 0.5, torch.sqrt((x - 0.5) ** 2 + (y - 0.5) ** 2 + (z - 0.5) ** 2)
        # linear inside, and a dipole outside: k is 50 and 1
        return torch.where(r < 0.3, 3 / 52 * along, along * (1 - 49 / 52 * (0.3 / r.clip(0.1)) ** 3))

    problem = pl.Problem(
        CUBE,
        "u",
        lambda u, k: pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y") + pl.diff(k * u.z, "z"),
        [pl.Dirichlet(u=exact)],
        {"k": pl.Piecewise((pl.Ball({"x": 0.5, "y": 0.5, "z": 0.5}, 0.3), 50.0), otherwise=1.0)},
    )
    # after a single refinement the second order is believed of a solution that has the third
    assert_right(problem, exact, 5e-3, most=5.0)


def test_a_flux_through_a_plane_of_a_formula() -> None:
    def exact(x: Any, y: Any, z: Any) -> Any:
        # value and flux are those of both sides at z = 0.4
        return torch.sin(x + y) * (1 + (z - 0.4) / torch.where(z < 0.4, 1.0, 20.0))

    def equation(u: Any, x: Any, y: Any, z: Any) -> Any:
        k = torch.where(z < 0.4, 1.0, 20.0)
        return pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y") + pl.diff(k * u.z, "z") + 2 * k * exact(x, y, z)

    assert_right(pl.Problem(CUBE, "u", equation, [pl.Dirichlet(u=exact)]), exact, 1e-3, most=5.0)


def test_jacobians_are_derivatives_of_residuals() -> None:
    def equations(u: Any, v: Any, x: Any) -> dict[str, Any]:
        return {
            "a": u.t - pl.diff((1 + u**2) * u.x, "x") - u.yy - u.zz + u * v.x,
            "b": v.tt - (1 + x) * (v.xx + v.yy) - v.zz + u.x * v,
        }

    problem = pl.Problem(
        CYLINDER * pl.Box(t=(0.0, 1.0)),
        ("u", "v"),
        equations,
        [
            pl.Initial(u=0.0, v=0.0, v_t=0.0),
            pl.Dirichlet(u=1.0, v=0.5, on="z-"),
            pl.Condition(lambda u, v, n: {"u": u.d(n) + v**2, "v": v.d(n) + u.t}, on="surface"),
            pl.Dirichlet(u=0.0, v=0.0, on="z+"),
        ],
    )
    structure = analyse(problem)
    space = TetrahedralSpace(tetrahedralize(CYLINDER, 1.0))
    system = ElementSystem(problem, structure, space, matched(problem, structure))
    rng = np.random.default_rng(0)
    shape = (len(system.components), space.count)
    x, y, z = space.nodes
    state = np.stack([np.sin(x + k) * np.cos(y + z) for k in range(shape[0])])
    rate, along = rng.standard_normal(shape), rng.standard_normal(shape)
    by_state, by_rate = system.jacobians(state, rate, 0.3)
    for matrix, moved in ((by_state, (along, 0 * along)), (by_rate, (0 * along, along))):
        ends = [
            system.residual((state + s * moved[0])[None], (rate + s * moved[1])[None], np.array([0.3]))[0]
            for s in (1e-6, -1e-6)
        ]
        difference = (ends[0] - ends[1]) / 2e-6
        assert np.abs(matrix @ along.ravel() - difference).max() < 2e-2 * np.abs(difference).max()


def test_curved_elements_have_the_volume_and_the_surface_of_a_ball() -> None:
    misses = []
    for mesh in (tetrahedralize(BALL, 0.7), tetrahedralize(BALL, 0.7).refined()):
        space = TetrahedralSpace(mesh)
        volume = sum(points.weights.sum() for points in space.parts)
        side = space.on("surface")
        assert side.normals is not None
        outward = side.at / np.linalg.norm(side.at, axis=0)
        misses.append((abs(volume / (4 / 3 * np.pi) - 1), abs(side.weights.sum() / (4 * np.pi) - 1)))
        assert (side.normals * outward).sum(axis=0).min() > 0.99
    assert misses[0][0] < 3e-3 and misses[0][1] < 3e-3
    assert misses[1][0] < misses[0][0] / 10 and misses[1][1] < misses[0][1] / 10, "of fourth order"


def test_shapes_are_one_at_their_node() -> None:
    corners = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    pairs = ((0, 1), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3))
    at = np.concatenate([corners, [(corners[a] + corners[b]) / 2 for a, b in pairs]])
    assert np.allclose(tetrahedral_shapes(at)[0], np.eye(10))


def test_the_rule_of_a_tetrahedron_is_exact_up_to_degree_five() -> None:
    points, weights = tetrahedral_rule()
    assert points.min() > 0 and (points.sum(axis=0) < 1).all()
    for a, b, c in itertools.product(range(6), repeat=3):
        if a + b + c <= 5:
            # a! b! c! / (a + b + c + 3)!
            exact = math.factorial(a) * math.factorial(b) * math.factorial(c) / math.factorial(a + b + c + 3)
            assert (weights * points[0] ** a * points[1] ** b * points[2] ** c).sum() == pytest.approx(exact, rel=1e-12)


def test_multigrid_solves_as_a_factorization_does() -> None:
    problem, _ = poisson(BALL)
    structure, mesh = analyse(problem), tetrahedralize(BALL, 0.7).refined()
    system = ElementSystem(problem, structure, TetrahedralSpace(mesh), matched(problem, structure))
    zero = np.zeros((1, system.space.count))
    matrix, _ = system.jacobians(zero, zero, 0.0)
    right = np.random.default_rng(0).standard_normal(system.size)
    inverse = Multigrid(matrix, prolongations(mesh), ~system.free, 50)
    assert len(inverse.levels) == 2
    used = 0

    def counted(x: np.ndarray) -> np.ndarray:
        nonlocal used
        used += 1
        return inverse(x)

    found = gmres(matrix, right, counted, Deadline())
    assert used < 25
    assert np.allclose(found, factorized(matrix)(right), rtol=1e-6, atol=1e-8)


def test_an_iteration_that_does_not_converge_says_so() -> None:
    # a cyclic shift: every vector is new for as many steps as there are unknowns
    count = 1000
    shift = scipy.sparse.csr_array((np.ones(count), (np.arange(count), np.roll(np.arange(count), 1))))
    with pytest.raises(TooLargeError, match="the iteration for 1000 unknowns does not converge"):
        gmres(shift, np.eye(count)[0], lambda x: x, Deadline())


def test_a_wrong_answer_in_space_is_called_wrong() -> None:
    problem, exact = poisson(BALL)
    poor = pl.solve(
        problem,
        pl.PINN(network=pl.MLP(width=5, depth=1), stages=(pl.LevenbergMarquardt(steps=2),)),
        progress=False,
    )
    assert poor.error(exact)["u"] > 0.1
    assert poor.report(max_seconds=20).verdict.value == "wrong"
