"""Rows of the least-squares system: Jacobians against finite differences, residuals against hand-worked numbers."""

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.cells import Cells
from pinnlab.solvers.local_experts.basis import Chebyshev
from pinnlab.solvers.local_experts.discretization import Discretization
from pinnlab.solvers.local_experts.piece import Piece
from pinnlab.solvers.local_experts.system import SlabSystem

SYSTEM = pl.Problem(
    domain=pl.Box(x=(0.0, 2.0), t=(0.0, 1.0)),
    unknowns=("u", "v"),
    equations=lambda u, v, k: {"a": u.t + u * v.x - k * u.xx, "b": v.t + torch.exp(u) - v.xx * v},
    conditions=[
        pl.Initial(u=lambda x: torch.sin(x), v=1.0),
        pl.Dirichlet(u=0.5, on="x-"),
        pl.Robin(u=(1.0, 0.3, lambda t: t), on="x+"),
        pl.Neumann(v=0.0),
        pl.Data(points={"x": [0.1, 1.7, 1.8], "t": [0.2, 0.4, 0.9]}, u=[1.0, 2.0, 3.0]),
    ],
    parameters={"k": 0.7},
)
RING = pl.Problem(
    domain=pl.Box(x=(0.0, 2.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u: u.t + u * u.x - u.xx,
    conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Periodic(on="x")],
)
PLANE = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u, x: u.xx + u.yy - u**2 - x,
    conditions=[pl.Dirichlet(u=lambda x, y: x + y)],
)
CASES = {
    "system": (SYSTEM, {"x": [0.0, 0.7, 2.0], "t": [0.0, 0.5]}),
    "ring of one": (RING, {"x": [0.0, 2.0], "t": [0.0, 0.5]}),
    "ring of two": (RING, {"x": [0.0, 0.7, 2.0], "t": [0.0, 0.5]}),
    "ring of four": (RING, {"x": [0.0, 0.4, 0.9, 1.5, 2.0], "t": [0.0, 0.5]}),
    "plane": (PLANE, {"x": [0.0, 0.3, 0.6, 1.0], "y": [0.0, 0.5, 1.0]}),
}


def build(name: str) -> tuple[Discretization, Cells, np.ndarray]:
    problem, edges = CASES[name]
    made = Discretization(problem, Chebyshev((4, 3)), 1e-6)
    cells = Cells({k: np.array(v) for k, v in edges.items()})
    rng = np.random.default_rng(0)
    coefficients = 0.3 * rng.standard_normal((cells.count, len(problem.unknowns), made.basis.size))
    coefficients[:, :, 0] += 1.0
    return made, cells, coefficients


@pytest.mark.parametrize("name", CASES)
def test_normal_equations_are_those_of_the_dense_jacobian(name: str) -> None:
    made, cells, w = build(name)
    groups = made.rows(cells, None).all
    system = SlabSystem(cells, groups, w.shape[1], w.shape[2], 0)
    found = [group.linearized(w) for group in groups]

    def residuals(flat: np.ndarray) -> np.ndarray:
        return np.concatenate([group.residuals(flat.reshape(w.shape)).ravel() for group in groups])

    h, flat = 1e-6, w.ravel()
    steps = h * np.eye(flat.size)
    dense = np.stack([(residuals(flat + s) - residuals(flat - s)) / (2 * h) for s in steps], axis=1)
    gradient = system.gradient(found)
    np.testing.assert_allclose(gradient.ravel(), dense.T @ residuals(flat), rtol=0, atol=1e-9 * np.abs(gradient).max())
    # (J^T J) applied to a random direction, through the factorization: J^T J x = b
    shifted = dense.T @ dense
    x = np.random.default_rng(1).standard_normal(flat.size)
    chain = system.factorize([linear for _, linear in found])
    solved = system.spread(chain.solve(system.gathered((shifted @ x).reshape(cells.count, -1))), w.shape).ravel()
    np.testing.assert_allclose(dense @ solved, dense @ x, rtol=0, atol=1e-6 * np.abs(dense @ x).max())


def test_rows_of_an_equation_by_hand() -> None:
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t - u.xx,
        conditions=[pl.Initial(u=0.0)],
    )
    basis = Chebyshev((3, 3))
    made = Discretization(problem, basis, 1e-6)
    cells = Cells({"x": np.array([0.0, 0.5]), "t": np.array([0.0, 0.1])})
    rows = made.equation_rows(cells, made.interior)
    w = np.zeros((1, 1, basis.size))
    w[0, 0, 1] = 1.0  # T_1(t) = 20 t - 1: u_t = 20
    residuals, _ = rows.linearized(w)
    # rows are scaled so that u_t of T_1 counts as one in the mean square
    q = len(made.interior.points)
    np.testing.assert_allclose(residuals, 1 / math.sqrt(q))


def test_interfaces_vanish_for_one_smooth_function() -> None:
    made, cells, w = build("ring of four")
    points = cells.points(np.arange(cells.count), made.interior.points)
    smooth = made.fitted(points[..., 0] ** 3 * points[..., 1])[:, None]
    (rows,) = made.interface_rows(cells, 0)
    residuals, _ = rows.linearized(smooth)
    assert np.abs(residuals).max() < 1e-10
    assert np.abs(rows.residuals(w)).max() > 1


def test_data_outside_the_slab_have_no_rows() -> None:
    """Of measurements at (0.1, 0.2), (1.7, 0.4) and (1.8, 0.9) two lie before t = 0.5, one in each cell."""
    made, cells, w = build("system")
    found = {}
    for rows in made.data_rows(cells):
        residuals, _ = rows.linearized(w)
        found[int(rows.sites[0].which[0])] = residuals.ravel().tolist()
    points = torch.tensor([[0.1, 0.2], [1.7, 0.4]], dtype=torch.float64)
    u = Piece(SYSTEM.unknowns, cells, made.basis, w, {}).values(points)[:, 0]
    assert found == {0: [pytest.approx(float(u[0]) - 1.0)], 1: [pytest.approx(float(u[1]) - 2.0)]}
