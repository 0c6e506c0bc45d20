"""Where materials cross in a point: powers of the distance, and infinitely many layers of triangles around it."""

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.meshing.triangulation import triangulate
from pinnlab.reference.cuts import powers_at_crossings
from pinnlab.reference.finite_elements.crossings import inside, layer, plain, power
from pinnlab.reference.finite_elements.layered import star
from pinnlab.reference.finite_elements.space import ElementSpace

_CROSS = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
_SQUARE = np.array([[1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]], dtype=float)


def _scalar(*conductivities: float) -> np.ndarray:
    return np.array(conductivities)[:, None, None, None, None] * np.eye(2)


@pytest.mark.parametrize("k", [10.0, 1e3, 1e5])
def test_the_power_of_a_checkerboard(k):
    """By hand: tan(s pi / 4) = 1 / sqrt(k)."""
    assert power(_CROSS, _scalar(k, 1.0, k, 1.0)) == pytest.approx(4 / math.pi * math.atan(k**-0.5), rel=1e-2)


def test_the_power_of_one_conductor_in_a_corner():
    """By hand: sin^2(s pi / 2) = (4 + P) / (2 + P + Q), P = 3 (k + 1/k) + 6 over pairs and Q = k + 1/k."""
    k = 100.0
    by_hand = 2 / math.pi * math.asin(math.sqrt((10 + 3 * (k + 1 / k)) / (8 + 4 * (k + 1 / k))))
    assert power(_CROSS, _scalar(k, 1.0, 1.0, 1.0)) == pytest.approx(by_hand, rel=1e-3)


def test_nothing_is_singular_along_a_straight_line():
    assert power(_CROSS, _scalar(7.0, 2.0, 2.0, 7.0)) == pytest.approx(1.0, abs=2e-3)
    assert power(_CROSS, _scalar(3.0, 3.0, 3.0, 3.0)) == pytest.approx(1.0, abs=2e-3)


def test_two_unknowns_that_do_not_know_of_one_another_have_the_lower_power():
    tensors = np.zeros((4, 2, 2, 2, 2))
    tensors[:, 0, 0], tensors[:, 1, 1] = _scalar(10.0, 1.0, 10.0, 1.0)[:, 0, 0], _scalar(99.0, 1.0, 99.0, 1.0)[:, 0, 0]
    assert power(_CROSS, tensors) == pytest.approx(4 / math.pi * math.atan(99**-0.5), rel=1e-3)


def test_layers_without_a_jump_are_what_is_inside():
    """A linear function has its own fluxes, whatever triangles it is on; constants have none."""
    tensors = _scalar(*[2.0] * 8)
    found, simple = inside(_SQUARE, tensors), plain(_SQUARE, tensors)
    nodes = np.stack([_SQUARE, (_SQUARE + np.roll(_SQUARE, -1, axis=0)) / 2], axis=1).reshape(-1, 2)
    np.testing.assert_allclose(found @ nodes, simple @ nodes, atol=1e-3)
    np.testing.assert_allclose(found.sum(axis=1), 0.0, atol=1e-12)
    # of x by itself: the integral of 2 over the square
    assert nodes[:, 0] @ found @ nodes[:, 0] == pytest.approx(8.0, rel=1e-4)


def test_two_layers_are_one_of_twice_the_depth():
    one = layer(_CROSS, _scalar(5.0, 1.0, 5.0, 1.0))
    two, values = one.doubled(), np.random.default_rng(0).normal(size=(2, len(one.outer)))
    between = np.linalg.solve(one.inner + one.outer, -one.outward @ values[0] - one.inward @ values[1])
    np.testing.assert_allclose(
        two.outer @ values[0] + two.inward @ values[1], one.outer @ values[0] + one.inward @ between
    )
    np.testing.assert_allclose(
        two.outward @ values[0] + two.inner @ values[1], one.outward @ between + one.inner @ values[1]
    )


def _turned(x, y, k):
    """r^s Phi on quadrants of conductivity k, 1, k, 1: value and flux are continuous where tan(s pi / 4) = 1 / sqrt(k)."""
    s = 4 / math.pi * math.atan(k**-0.5)
    r, angle = torch.sqrt(x**2 + y**2), torch.remainder(torch.atan2(y, x), 2 * math.pi)
    good = torch.cos(s * (torch.remainder(angle, math.pi) - math.pi / 4))
    bad = -math.sqrt(k) * torch.sin(s * (torch.remainder(angle, math.pi) - 3 * math.pi / 4))
    sign = torch.where(angle < math.pi, 1.0, -1.0)
    return r**s * sign * torch.where(x * y >= 0, good, bad)


@pytest.mark.parametrize("k", [10.0, 1000.0])
def test_a_solution_that_is_singular_at_a_crossing(k):
    board = pl.Piecewise(
        (pl.Box(x=(-1.0, 0.0), y=(-1.0, 0.0)), k), (pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), k), otherwise=1.0
    )
    problem = pl.Problem(
        pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0)),
        "u",
        lambda u, a: pl.diff(a * u.x, "x") + pl.diff(a * u.y, "y"),
        pl.Dirichlet(u=lambda x, y: _turned(x, y, k)),
        {"a": board},
    )
    reference = pl.reference_solution(problem, tolerance=1e-3)
    assert "finite elements" in reference.method
    x, y = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (2, 2000)))
    truth = _turned(x, y, k).numpy()
    error = np.linalg.norm(reference(x=x.numpy(), y=y.numpy())["u"] - truth) / np.linalg.norm(truth)
    assert error < 1e-3
    assert error < 3 * reference.error_estimate["u"]


def _beside(k, board):
    """The same between two planes of space, along whose line of crossing nothing changes."""
    box = pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0), z=(0.0, 1.0))
    sides = [pl.Dirichlet(on=side, u=lambda x, y, z: _turned(x, y, k)) for side in ("x-", "x+", "y-", "y+")]

    def potential(u, a):
        return pl.diff(a * u.x, "x") + pl.diff(a * u.y, "y") + pl.diff(a * u.z, "z")

    return pl.Problem(
        box, "u", potential, [*sides, pl.Neumann(on="z-", u=0.0), pl.Neumann(on="z+", u=0.0)], {"a": board}
    )


@pytest.mark.parametrize("by", ["boxes that share an edge", "a formula"])
def test_lines_of_crossing_in_space_say_how_slowly_errors_fall(by):
    k, depth = 30.0, {"z": (0.0, 1.0)}
    boxes = [pl.Box(x=(-1.0, 0.0), y=(-1.0, 0.0), **depth), pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), **depth)]
    board = pl.Piecewise(*((box, k) for box in boxes), otherwise=1.0)
    if by == "a formula":
        board = lambda x, y: torch.where(x * y > 0, k, 1.0)  # noqa: E731
    problem = _beside(k, board)
    power = 4 / math.pi * math.atan(k**-0.5)
    assert powers_at_crossings(problem, problem.joints.across) == pytest.approx([power], rel=1e-3)
    reference = pl.reference_solution(problem, tolerance=0.5)
    unit = np.random.default_rng(0).uniform(size=(3, 2000))
    x, y, z = 2 * unit[0] - 1, 2 * unit[1] - 1, unit[2]
    truth = _turned(torch.from_numpy(x), torch.from_numpy(y), k).numpy()
    error = np.linalg.norm(reference(x=x, y=y, z=z)["u"] - truth) / np.linalg.norm(truth)
    assert error / 3 < reference.error_estimate["u"] < 10 * error


def test_the_star_of_a_node_inside_and_none_on_the_boundary():
    nodes = [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [0.0, 0.0]]
    region = pl.Mesh(nodes, [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    space = ElementSpace(triangulate(region, 4.0))
    found = star(space, np.zeros(2))
    assert found is not None and len(found.elements) == 4
    angles = np.unwrap(np.arctan2(*found.corners.T[::-1]))
    np.testing.assert_allclose(np.diff(angles), math.pi / 2)
    # between two corners of the ring is the middle of their side
    around = np.roll(found.corners, -1, axis=0)
    np.testing.assert_allclose(space.nodes[:, found.ring[1::2]].T, (found.corners + around) / 2, atol=1e-14)
    assert star(space, np.array([1.0, 1.0])) is None


def test_materials_that_cross_at_a_node_of_a_mesh():
    """A checkerboard of parts by name, whose triangles are as large around the crossing as elsewhere."""
    k, edges = 1000.0, np.linspace(-1.0, 1.0, 7)
    nodes = [[x, y] for x in edges for y in edges]
    triangles, good = [], []
    for i in range(6):
        for j in range(6):
            a, b, c, d = 7 * i + j, 7 * (i + 1) + j, 7 * (i + 1) + j + 1, 7 * i + j + 1
            if (i < 3) == (j < 3):
                good += [len(triangles), len(triangles) + 1]
            triangles += [[a, b, c], [a, c, d]]
    region = pl.Mesh(nodes, triangles, parts={"good": good})
    problem = pl.Problem(
        region,
        "u",
        lambda u, a: pl.diff(a * u.x, "x") + pl.diff(a * u.y, "y"),
        pl.Dirichlet(u=lambda x, y: _turned(x, y, k)),
        {"a": pl.Piecewise((region.part("good"), k), otherwise=1.0)},
    )
    reference = pl.reference_solution(problem, tolerance=5e-2)
    x, y = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (2, 2000)))
    truth = _turned(x, y, k).numpy()
    error = np.linalg.norm(reference(x=x.numpy(), y=y.numpy())["u"] - truth) / np.linalg.norm(truth)
    assert error / 3 < reference.error_estimate["u"] < 5e-2
