"""Polynomials through Leja nodes, by hand and against functions that they hold exactly."""

from __future__ import annotations

import math

import pytest
import torch

from pinnlab.solvers.parameter_collocation.sparse import SparseGrid, below, leja_node, newton, promise


def test_the_first_nodes_are_known() -> None:
    assert [leja_node(k) for k in range(3)] == [0.0, 1.0, -1.0]
    # the largest of |z (z - 1) (z + 1)| is at 1 / sqrt(3), the larger of two
    assert leja_node(3) == pytest.approx(1 / math.sqrt(3), abs=5e-4)
    assert len({leja_node(k) for k in range(40)}) == 40


def test_newton_polynomials_by_hand() -> None:
    z = torch.tensor([0.5, -1.0], dtype=torch.float64)
    # 1, z, z (z - 1) / ((-1) (-2))
    assert newton(z, 2).tolist() == [[1.0, 0.5, -0.125], [1.0, -1.0, 1.0]]


def grid(indices: list[tuple[int, ...]]) -> SparseGrid:
    found = SparseGrid(len(indices[0]))
    for index in indices:
        found.add(index, 1.0)
    return found


def test_a_polynomial_of_the_set_is_hit_and_another_is_not() -> None:
    made = grid([(0, 0), (1, 0), (0, 1), (2, 0), (1, 1)])

    def inside(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return 1 + 2 * a - 3 * b + a**2 + 5 * a * b

    nodes = torch.tensor([made.node(index) for index in made.indices], dtype=torch.float64)
    places = torch.tensor([[0.3, -0.7], [-0.9, 0.2]], dtype=torch.float64)
    weights = made.weights(places)
    assert torch.allclose(weights @ inside(*nodes.T), inside(*places.T), atol=1e-13)
    assert weights.sum(dim=1).tolist() == pytest.approx([1.0, 1.0])
    assert abs(weights @ nodes[:, 1] ** 2 - places[:, 1] ** 2).min() > 0.1


def test_at_a_node_its_own_weight_is_one() -> None:
    made = grid([(0, 0), (1, 0), (0, 1), (1, 1), (0, 2)])
    places = torch.tensor([made.node(index) for index in made.indices], dtype=torch.float64)
    assert torch.allclose(made.weights(places), torch.eye(5, dtype=torch.float64), atol=1e-14)


def test_the_set_grows_where_surpluses_were_large_and_stays_closed() -> None:
    made = SparseGrid(2)
    assert made.next() == ((0, 0), math.inf)
    made.add((0, 0), 1.0)
    made.add((1, 0), 0.5)
    made.add((0, 1), 1e-6)
    assert made.next() == ((2, 0), 0.5), "along the first parameter; (1, 1) promises less, (0, 2) least"
    made.add((2, 0), 1e-9)
    index, size = made.next()
    assert index == (1, 1) and size == pytest.approx(math.sqrt(0.5 * 1e-6))
    assert all(set(below(index)) <= set(made.indices) for index in made.indices)


def test_a_surplus_that_vanishes_by_chance_promises_a_little() -> None:
    assert promise({(1, 0): 0.0, (0, 1): 1.0}, (1, 1)) == pytest.approx(1e-8)


def test_an_analytic_function_of_two_numbers_by_few_nodes() -> None:
    made, values = SparseGrid(2), []
    places = torch.rand(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def f(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return 1 / (3 + a) + torch.exp(0.2 * b)

    for _ in range(40):
        index, _promised = made.next()
        node = torch.tensor([made.node(index)], dtype=torch.float64)
        found = f(*node.T)
        surplus = abs(float(made.weights(node) @ torch.stack(values) - found)) if values else 1.0
        made.add(index, surplus)
        values.append(found[0])
    assert abs(made.weights(places) @ torch.stack(values) - f(*places.T)).max() < 1e-9
    degrees = [max(index[d] for index in made.indices) for d in range(2)]
    assert degrees[0] > degrees[1], "more nodes along the number on which it depends less smoothly"
