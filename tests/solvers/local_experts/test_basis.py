"""Local bases: derivatives, resolution, round trip through plain data."""

import numpy as np
import pytest

from pinnlab.solvers.local_experts.basis import BASES, Chebyshev, LocalBasis, RandomFeatures

KINDS = [Chebyshev((7, 5)), RandomFeatures((7, 5), seed=1)]


def test_chebyshev_columns_are_products_in_row_major_order() -> None:
    basis = Chebyshev((2, 1))
    x, y = 0.3, -0.6
    expected = [1, y, x, x * y, 2 * x**2 - 1, (2 * x**2 - 1) * y]
    np.testing.assert_allclose(basis.rows(np.array([[x, y]]), (0, 0))[0], expected, rtol=1e-14)


def test_chebyshev_derivatives_beyond_the_degree_vanish() -> None:
    assert not Chebyshev((3, 2)).rows(np.array([[0.2, 0.1]]), (0, 3)).any()


@pytest.mark.parametrize("basis", KINDS, ids=["chebyshev", "tanh"])
@pytest.mark.parametrize("orders", [(1, 0), (0, 1), (2, 0), (1, 1), (3, 1)])
def test_derivatives_agree_with_finite_differences(basis: LocalBasis, orders: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    points, h = rng.uniform(-0.9, 0.9, (6, 2)), 1e-5
    axis = 0 if orders[0] else 1
    lower = tuple(o - (i == axis) for i, o in enumerate(orders))
    step = np.zeros(2)
    step[axis] = h
    # combinations with coefficients of order one: single orthogonalized features may be amplified noise
    weights = basis.fit(basis.tensor_nodes(), np.sin(basis.tensor_nodes() @ [1.0, 0.7]))
    slope = (basis.rows(points + step, lower) - basis.rows(points - step, lower)) @ weights / (2 * h)
    np.testing.assert_allclose(basis.rows(points, orders) @ weights, slope, atol=2e-7, rtol=0)


@pytest.mark.parametrize("kind", BASES)
def test_smooth_functions_are_fitted(kind: str) -> None:
    basis = BASES[kind]((12, 8), 0)
    nodes = basis.tensor_nodes()
    weights = basis.fit(nodes, np.sin(nodes @ [1.0, 0.5] + 0.3))
    points = np.random.default_rng(1).uniform(-1, 1, (200, 2))
    error = np.abs(basis.rows(points, (0, 0)) @ weights - np.sin(points @ [1.0, 0.5] + 0.3)).max()
    assert error < 1e-9


def test_more_nodes_than_functions() -> None:
    for kind in BASES:
        basis = BASES[kind]((12, 8), 0)
        assert len(basis.tensor_nodes()) > 1.5 * basis.size


def test_nodes_on_a_face_have_the_fixed_coordinate() -> None:
    nodes = Chebyshev((4, 3)).tensor_nodes({1: -1.0})
    assert set(nodes[:, 1]) == {-1.0} and len(nodes) == 7


def test_the_seed_decides_the_features() -> None:
    points = np.array([[0.1, 0.2]])
    one, same, other = (RandomFeatures((5, 4), seed=s).rows(points, (0, 0)) for s in (3, 3, 4))
    assert (one == same).all() and not np.allclose(one, other)


@pytest.mark.parametrize("basis", KINDS, ids=["chebyshev", "tanh"])
def test_round_trip_through_plain_data(basis: LocalBasis) -> None:
    again = LocalBasis.from_data(basis.to_data())
    points = np.random.default_rng(2).uniform(-1, 1, (5, 2))
    assert again.size == basis.size and again.degrees == basis.degrees
    np.testing.assert_array_equal(again.rows(points, (2, 1)), basis.rows(points, (2, 1)))


def test_unknown_kind_in_a_file() -> None:
    with pytest.raises(ValueError, match="no local basis 'wavelets'"):
        LocalBasis.from_data({"kind": "wavelets"})


def test_coefficients_from_values_at_nodes() -> None:
    basis = Chebyshev((3, 4, 2))
    values = np.random.default_rng(0).normal(size=(2, 5, len(basis.tensor_nodes())))
    # coordinate by coordinate it is the least-squares fit of the whole
    assert basis.from_nodes(values) == pytest.approx(LocalBasis.from_nodes(basis, values), abs=1e-12)
    coefficients = np.random.default_rng(1).normal(size=(2, basis.size))
    found = basis.from_nodes(coefficients @ basis.rows(basis.tensor_nodes(), (0, 0, 0)).T)
    assert found == pytest.approx(coefficients, abs=1e-12)
