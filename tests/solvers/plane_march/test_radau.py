"""Collocation in time: numbers worked by hand, and polynomials, on which it is exact."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pinnlab.solvers.plane_march.radau import Radau, derivative_matrix, next_coefficient, radau_nodes, time_rows


def test_nodes_of_two_and_three_stages() -> None:
    assert radau_nodes(2) == pytest.approx([1 / 3, 1.0], abs=1e-15)
    assert radau_nodes(3) == pytest.approx([(4 - math.sqrt(6)) / 10, (4 + math.sqrt(6)) / 10, 1.0], abs=1e-14)


def test_the_derivative_of_a_parabola_from_three_values() -> None:
    # u = t^2 at 0, 1/2, 1
    assert derivative_matrix(np.array([0.0, 0.5, 1.0])) @ [0.0, 0.25, 1.0] == pytest.approx([0.0, 1.0, 2.0])
    # by hand: (-3, 4, -1), (-1, 0, 1), (1, -4, 3)
    found = derivative_matrix(np.array([0.0, 0.5, 1.0]))
    assert found == pytest.approx(np.array([[-3, 4, -1], [-1, 0, 1], [1, -4, 3]]))


def test_the_rates_of_two_stages() -> None:
    # D of the nodes 0, 1/3, 1 without the start is ((3/2, 1/2), (-9/2, 5/2)): trace 4, determinant 6
    found = Radau(2)
    assert found.matrix == pytest.approx(np.array([[1.5, 0.5], [-4.5, 2.5]]))
    assert found.rates == pytest.approx([2 + math.sqrt(2) * 1j])


@pytest.mark.parametrize("stages", [2, 3, 4, 5, 7])
def test_derivatives_by_time_of_polynomials(stages: int) -> None:
    found, slab = Radau(stages), 0.4
    times = slab * found.nodes
    starts = [np.array(0.3), np.array(0.0)]
    levels = found.derivatives(starts, 0.3 + times**stages, slab)
    assert levels[1] == pytest.approx(stages * times ** (stages - 1), abs=1e-11)
    # the derivative is of a degree less, and is exact again
    assert levels[2] == pytest.approx(stages * (stages - 1) * times ** (stages - 2), abs=1e-9)
    coefficients = found.coefficients(starts[0], levels[0])
    shares = np.array([0.0, 0.3, 1.0])
    assert time_rows(shares, stages, 0) @ coefficients == pytest.approx(0.3 + (slab * shares) ** stages)
    slopes = time_rows(shares, stages, 1) @ coefficients / slab
    assert slopes == pytest.approx(stages * (slab * shares) ** (stages - 1), abs=1e-11)
    later = slab + 0.5 * slab * found.nodes
    assert found.continued(coefficients, 0.5) == pytest.approx(0.3 + later**stages)
    assert found.at_start @ (0.3 + times ** (stages - 1)) == pytest.approx(0.3)


def test_derivatives_beyond_the_degree_vanish() -> None:
    assert time_rows(np.array([0.2]), 2, 3).shape == (1, 3) and not time_rows(np.array([0.2]), 2, 3).any()


@pytest.mark.parametrize("stages", [2, 3, 4, 5])
def test_decoupled_problems_are_the_coupled_one(stages: int) -> None:
    """u' = -u: every stage by its own complex division, and the order 2 s - 1 at the end."""
    found, errors = Radau(stages), []
    for slab in (0.1, 0.05):
        right = -found.from_start / slab
        coupled = np.linalg.solve(found.matrix / slab + np.eye(stages), right)
        apart = (found.out @ ((found.into @ right) / (found.rates / slab + 1))).real
        assert apart == pytest.approx(coupled, rel=1e-11)
        errors.append(abs(coupled[-1] - math.exp(-slab)))
    if stages < 4:  # of more, rounding is all that is left
        assert math.log2(errors[0] / errors[1]) == pytest.approx(2 * stages, abs=0.2)


def test_the_next_coefficient_is_as_much_smaller_as_the_last_one() -> None:
    # by a fourth, by no more than a twentieth, not larger, and after nothing as large as the last
    last, before = np.array([1.0, 1e-3, 2.0, 0.5]), np.array([4.0, 1.0, 1.0, 0.0])
    assert next_coefficient(last, before) == pytest.approx([0.25, 5e-5, 2.0, 0.25])
