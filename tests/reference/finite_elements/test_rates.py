"""Systems of a time step, without the rates that are unknowns of their own."""

from __future__ import annotations

import numpy as np
import pytest
import scipy

from pinnlab.reference.finite_elements.factorizing import factorized
from pinnlab.reference.finite_elements.rates import highest, without_rates

COMPONENTS = (("u", 0), ("u", 1), ("u", 2), ("v", 0))


@pytest.mark.parametrize("z", [3.0, 2.0 + 5.0j])
def test_rates_are_put_into_the_other_rows(z: complex) -> None:
    count, generator = 5, np.random.default_rng(0)
    matrix = generator.normal(size=(4 * count, 4 * count)) + 8 * np.eye(4 * count) + 0 * z
    # z u - u' = r and z u' - u'' = r
    for k in (0, 1):
        rows = slice(k * count, (k + 1) * count)
        matrix[rows] = 0.0
        matrix[rows, rows] = z * np.eye(count)
        matrix[rows, (k + 1) * count : (k + 2) * count] = -np.eye(count)
    right = generator.normal(size=4 * count) + 0 * z
    assert highest(COMPONENTS) == [2, 3]
    solve = without_rates(factorized, COMPONENTS, count)(scipy.sparse.csr_array(matrix))
    assert np.allclose(solve(right), np.linalg.solve(matrix, right), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("saddle", [False, True])
def test_factorizations_know_no_units(saddle: bool) -> None:
    generator = np.random.default_rng(1)
    matrix = scipy.sparse.random_array((40, 40), density=0.1, rng=generator, format="csr")
    matrix = scipy.sparse.csr_array(matrix + matrix.T + 4 * scipy.sparse.eye_array(40))
    if saddle:
        matrix = scipy.sparse.block_array([[matrix, np.ones((40, 1))], [np.ones((1, 40)), None]], format="csr")
    units = 10.0 ** generator.uniform(-12, 12, matrix.shape[0])
    scaled = scipy.sparse.csr_array(scipy.sparse.diags_array(units) @ matrix)
    truth = generator.normal(size=matrix.shape[0])
    assert np.allclose(factorized(scaled, saddle)(scaled @ truth), truth, rtol=1e-9)
