"""Anderson's acceleration: exact for what is linear, after as many steps as there are unknowns."""

import numpy as np

from pinnlab.algebra.anderson import Anderson


def iterate(f, x, memory, turns, weights=None):
    accelerated = Anderson(memory, np.ones_like(x) if weights is None else weights)
    for _ in range(turns):
        x = x - accelerated(f(x))
    return x


def test_second_step_is_that_of_the_secant():
    # f(x) = (x - 3) / 2 from 1: the iteration gives 2, where the secant through f(1) = -1 and f(2) = -1/2 meets zero at 3
    assert iterate(lambda x: (x - 3) / 2, np.array([1.0]), 1, 1) == 2.0
    assert np.allclose(iterate(lambda x: (x - 3) / 2, np.array([1.0]), 1, 2), 3.0)


def test_linear_systems_are_solved_in_one_step_more_than_they_have_unknowns():
    rng = np.random.default_rng(0)
    matrix, solution = np.eye(4) + 0.6 * rng.standard_normal((4, 4)), rng.standard_normal(4)

    def off(x):
        return matrix @ (x - solution)

    assert np.abs(iterate(off, np.zeros(4), 4, 5) - solution).max() < 1e-10
    plain = np.zeros(4)
    for _ in range(5):
        plain = plain - off(plain)
    assert np.abs(plain - solution).max() > 0.1


def test_an_iteration_that_grows_converges():
    # each step would be 1.8 times the one before
    found = iterate(lambda x: 2.8 * (x - np.array([[1.0, -2.0]])), np.zeros((1, 2)), 3, 3)
    assert np.allclose(found, [[1.0, -2.0]])


def test_weights_say_which_components_count():
    # after two steps one combination has to serve both components, which differ by their slopes
    slopes = np.array([0.5, 0.9])
    first = iterate(lambda x: slopes * (x - 1), np.zeros(2), 1, 2, np.array([1.0, 1e-6]))
    second = iterate(lambda x: slopes * (x - 1), np.zeros(2), 1, 2, np.array([1e-6, 1.0]))
    assert abs(first[0] - 1) < 1e-6 < abs(first[1] - 1)
    assert abs(second[1] - 1) < 1e-6 < abs(second[0] - 1)


def test_steps_that_repeat_are_no_trouble():
    accelerated = Anderson(3, np.ones(2))
    for _ in range(4):
        taken = accelerated(np.zeros(2))
    assert (taken == 0).all()
