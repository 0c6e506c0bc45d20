"""Edges along one coordinate: halving and merging."""

import numpy as np

from pinnlab.solvers.local_experts.refinement import Refinement, halved, siblings


def test_halved() -> None:
    np.testing.assert_allclose(halved(np.array([0.0, 1.0, 3.0]), np.array([False, True])), [0, 1, 2, 3])


def test_siblings_are_the_last_generation() -> None:
    coarsest = np.array([0.0, 1.0])
    edges = np.array([0.0, 0.25, 0.5, 1.0])
    # 0.25 splits [0, 0.5]; 0.5 has neighbours of different sizes
    assert siblings(edges, coarsest) == [1]
    # 0.25 | 0.5 | 0.75: [0.25, 0.75] was never one interval
    assert siblings(np.array([0.0, 0.25, 0.5, 0.75, 1.0]), coarsest) == [1, 3]


def test_coarsest_edges_are_no_siblings() -> None:
    coarsest = np.array([0.0, 0.5, 1.0])
    assert siblings(coarsest, coarsest) == []


def test_without_space_there_is_nothing_to_halve() -> None:
    """An ordinary differential equation has slabs only: it must not be tried again with the cells it had."""
    assert not Refinement({}, 1e-6, 100).halve_widest()
    line = Refinement({"x": np.array([0.0, 1.0, 1.5])}, 1e-6, 3)
    assert line.halve_widest() and line.edges["x"].tolist() == [0.0, 0.5, 1.0, 1.5]
    assert not line.halve_widest() and line.edges["x"].tolist() == [0.0, 0.5, 1.0, 1.5]
