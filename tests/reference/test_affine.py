"""Systems in time that are linear with constant coefficients."""

import numpy as np
import pytest
import scipy

from pinnlab.reference.affine import Affine
from pinnlab.reference.collocation import Integrator


class _Decay:
    """u' + rate(u, t) - source(t) = 0 of two components."""

    counted, components, axes, is_full = np.ones(2, dtype=bool), ("a", "b"), {}, False

    def __init__(self, rate, slope, source):
        self.rate, self.slope, self.source = rate, slope, source

    def residual(self, states, rates, times):
        flat = [each.reshape(len(times), -1) for each in (states, rates)]
        return flat[1] + self.rate(flat[0], times[:, None]) - self.source(times[:, None])

    def jacobians(self, state, rate, t):
        slope = scipy.sparse.diags_array(self.slope(state.ravel(), t) * np.ones(2))
        return scipy.sparse.csr_array(slope), scipy.sparse.csr_array(scipy.sparse.eye_array(2))


_START = np.array([[1.0], [2.0]])
_CONSTANT = _Decay(lambda u, t: 3 * u, lambda u, t: 3.0, lambda t: 0 * t + 6)


def test_constant_coefficients_are_found():
    found = Affine.of(_CONSTANT, _START, 0.0)
    np.testing.assert_array_equal(found.by_state.toarray(), 3 * np.eye(2))
    # r = 0 u - 6 is no number where a source is multiplied by time
    assert found.rest is None
    plain = Affine.of(_Decay(lambda u, t: 3 * u, lambda u, t: 3.0, lambda t: 6.0), _START, 0.0)
    np.testing.assert_array_equal(plain.rest, [-6.0, -6.0])


@pytest.mark.parametrize(
    "system",
    [
        _Decay(lambda u, t: u**2, lambda u, t: 2 * u, lambda t: 0.0),
        _Decay(lambda u, t: (1 + t) * u, lambda u, t: 1 + t, lambda t: 0.0),
        _Decay(
            lambda u, t: (1 + np.exp(-1e6 * (t - 5) ** 2)) * u,
            lambda u, t: 1 + np.exp(-1e6 * (t - 5) ** 2),
            lambda t: 0.0,
        ),
    ],
    ids=["not linear", "changes", "pulse"],
)
def test_other_systems_are_not_taken_for_linear_ones(system):
    assert Affine.of(system, _START, 0.0) is None


def test_a_step_takes_one_iteration_and_is_as_accurate():
    """By hand: u = 2 + (u0 - 2) e^(-3 t)."""
    affine = Affine.of(_CONSTANT, _START, 0.0)
    path = Integrator(affine, 1e-9, linear=True).run(_START, 0.0, 1.0)
    assert affine.holds(path)
    np.testing.assert_allclose(path.states[:, 0, 0], 2 - np.exp(-3 * path.times), rtol=1e-8)
    np.testing.assert_allclose(path.states[:, 1, 0], 2.0, rtol=1e-8)


def test_what_was_linear_where_it_was_looked_at_is_checked_afterwards():
    """A case by time that nobody knows of: from t = 1/2 on the decay is faster."""
    jumping = _Decay(lambda u, t: np.where(t > 0.5, 9, 3) * u, lambda u, t: np.where(t > 0.5, 9.0, 3.0), lambda t: 0.0)
    affine = Affine.of(jumping, _START, 0.0)
    path = Integrator(affine, 1e-9, linear=True).run(_START, 0.0, 1.0)
    assert not affine.holds(path)
