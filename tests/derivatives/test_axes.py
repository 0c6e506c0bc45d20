"""Axes of grids: derivatives and interpolation along one of them, and interpolants made of several."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pinnlab.derivatives.axes import FourierAxis, NodeAxis, PolynomialAxis, apply_along
from pinnlab.derivatives.stencils import derivative_weights, slope_weights
from pinnlab.reference.base import Interpolant


def test_weights_by_hand() -> None:
    nodes = np.array([[-1.0, 0.0, 1.0]])
    assert np.allclose(derivative_weights(nodes, np.array([1]), 1), [[-0.5, 0.0, 0.5]], rtol=0, atol=1e-14)
    assert np.allclose(derivative_weights(nodes, np.array([1]), 2), [[1.0, -2.0, 1.0]], rtol=0, atol=1e-13)
    assert np.allclose(derivative_weights(nodes, np.array([0]), 1), [[-1.5, 2.0, -0.5]], rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("axis", "tolerances"),
    [
        (PolynomialAxis(-1.0, 2.0, 32), (1e-12, 1e-10, 1e-8, 1e-5)),
        (PolynomialAxis(-1.0, 2.0, 200, 13), (1e-11, 1e-9, 1e-7, 1e-4)),
        (PolynomialAxis(-1.0, 2.0, 400, 17), (1e-11, 1e-9, 1e-6, 1e-3)),
    ],
    ids=["chebyshev", "order 12", "order 16"],
)
def test_polynomial_derivatives(axis: PolynomialAxis, tolerances: tuple[float, ...]) -> None:
    for order, tolerance in enumerate(tolerances, start=1):
        found = axis.matrix(order) @ np.sin(2 * axis.points)
        exact = 2**order * np.sin(2 * axis.points + order * math.pi / 2)
        assert np.abs(found - exact).max() < tolerance * 2**order, order


def test_fourier_derivatives() -> None:
    axis = FourierAxis(0.0, 3.0, 48)
    k = 2 * math.pi / 3
    for order in range(1, 5):
        values, inner = np.exp(np.sin(k * axis.points)), np.cos(k * axis.points)
        found = axis.matrix(order) @ values
        exact = {
            1: k * inner * values,
            2: k**2 * (inner**2 - np.sin(k * axis.points)) * values,
        }
        if order in exact:
            assert np.abs(found - exact[order]).max() < 1e-11
        assert np.allclose(found, np.linalg.matrix_power(axis.matrix(1), order) @ values, rtol=0, atol=1e-9 * k**order)


@pytest.mark.parametrize("n", [24, 25, 60, 300])
@pytest.mark.parametrize("width", [None, 13])
def test_axis_interpolation(n: int, width: int | None) -> None:
    axis = PolynomialAxis(0.0, 1.0, n, width)
    at = np.random.default_rng(0).uniform(0.0, 1.0, 200)
    index, weights = axis.stencil(at)
    found = (np.cos(3 * axis.points)[index] * weights).sum(axis=1)
    assert np.abs(found - np.cos(3 * at)).max() < 1e-12
    nodes, exact = axis.stencil(axis.points)
    assert np.abs((axis.points[nodes] * exact).sum(axis=1) - axis.points).max() < 1e-14


def test_fourier_interpolation_wraps() -> None:
    axis = FourierAxis(-1.0, 1.0, 64)

    def wave(x: np.ndarray) -> np.ndarray:
        return np.exp(np.sin(math.pi * x)) * np.cos(3 * math.pi * x + 1)

    at = np.random.default_rng(1).uniform(-5.0, 5.0, 300)
    index, weights = axis.stencil(at)
    fine = axis.refine(wave(axis.points), 0)
    assert np.abs((fine[index] * weights).sum(axis=1) - wave(at)).max() < 1e-12


def test_pieces_do_not_look_across_a_kink() -> None:
    edges = np.array([0.0, 0.3, 1.0])
    unit = (1 - np.cos(np.pi * np.arange(7) / 6)) / 2
    points = np.concatenate([edges[0] + unit[:-1] * 0.3, edges[1] + unit * 0.7])
    axis = NodeAxis(points, 0, stride=6)
    at = np.linspace(0.0, 1.0, 101)
    index, weights = axis.stencil(at)
    assert np.abs((np.abs(points - 0.3)[index] * weights).sum(axis=1) - np.abs(at - 0.3)).max() < 1e-13


def test_points_and_tensor_grids_agree() -> None:
    axes = {
        "x": FourierAxis(0.0, 2 * math.pi, 32),
        "y": PolynomialAxis(0.0, 1.0, 20),
        "t": NodeAxis(np.linspace(0, 1, 30), 12),
    }
    mesh = np.meshgrid(*(a.points for a in axes.values()), indexing="ij")

    def exact(x: np.ndarray, y: np.ndarray, t: np.ndarray) -> np.ndarray:
        return np.sin(x + t) * np.exp(y) + t

    bounds = {"x": (0.0, 2 * math.pi), "y": (0.0, 1.0), "t": (0.0, 1.0)}
    solution = Interpolant(axes, bounds, {"u": exact(*mesh)})
    rng = np.random.default_rng(2)
    columns = {name: rng.uniform(*bounds[name], 500) for name in axes}
    assert np.abs(solution.at_points(columns)["u"] - exact(**columns)).max() < 1e-12
    lines = {name: values[:5] for name, values in columns.items()}
    grid = np.meshgrid(*lines.values(), indexing="ij")
    assert np.abs(solution.on_tensor(lines)["u"] - exact(*grid)).max() < 1e-12


def test_apply_along() -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 5))
    matrix = np.random.default_rng(1).normal(size=(7, 4))
    assert np.allclose(apply_along(matrix, values, 1), np.einsum("qj,ijk->iqk", matrix, values), rtol=0, atol=1e-13)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_derivatives_between_nodes_and_beside_them(order: int) -> None:
    nodes = np.array([0.0, 0.3, 1.0, 1.4, 2.0])
    cubic = np.polynomial.Polynomial([1.0, -2.0, 0.5, 3.0])
    at = np.array([0.1, 0.3, 0.3 + 1e-9, 1.9, 2.0])
    weights = slope_weights(np.broadcast_to(nodes, (5, 5)), at, order)
    assert np.allclose(weights @ cubic(nodes), cubic.deriv(order)(at), rtol=1e-11, atol=1e-11)
