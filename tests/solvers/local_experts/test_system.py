"""Gauss-Newton on a slab: how often it linearizes and factorizes, and what it finds."""

import math

import numpy as np
import pytest
import torch
from known_problems import HEAT

import pinnlab as pl
from pinnlab.solvers.local_experts.basis import Chebyshev
from pinnlab.solvers.local_experts.checkpoints import restore, state_of
from pinnlab.solvers.local_experts.march import SlabMarch
from pinnlab.solvers.local_experts.rows import CellRows
from pinnlab.solvers.local_experts.settings import MarchSettings
from pinnlab.solvers.local_experts.system import SlabSystem

ODE = MarchSettings(1e-9, 1e-9, {})


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often groups of rows were linearized, and systems factorized."""
    found = {"linearized": 0, "factorize": 0}
    for owner, name in ((CellRows, "linearized"), (SlabSystem, "factorize")):
        before = getattr(owner, name)

        def counted(*args, before=before, name=name, **options):  # type: ignore[no-untyped-def]
            found[name] += 1
            return before(*args, **options)

        monkeypatch.setattr(owner, name, counted)
    return found


def test_linear_slabs_are_factorized_once_and_linearized_once_when_that_is_known(counts: dict[str, int]) -> None:
    march = SlabMarch(HEAT, Chebyshev((8, 6)), MarchSettings(1e-5, 1e-5, {"x": np.array([0.0, 1.0])}))
    assert not march.linear
    march.attempt()
    groups = len(march.discretization.rows(march._cells(), None).all)
    assert march.linear and counts == {"linearized": 2 * groups, "factorize": 1}
    march.attempt()
    assert march.linear and counts == {"linearized": 3 * groups, "factorize": 2}
    assert march.held_out() < 1e-2 and counts["linearized"] == 3 * groups + 1, "looked at where it is asked for"


def test_what_only_begins_as_if_it_were_linear_is_solved_as_what_it_is() -> None:
    # nothing happens to u before t = 1, so that u^2 and its slope are zero there; u = (t - 1)^2 afterwards
    def equations(u, v, t):  # type: ignore[no-untyped-def]
        s = torch.where(t > 1, t - 1, torch.zeros_like(t))
        return {"u": u.t + 5 * u**2 - 2 * s - 5 * s**4, "v": v.t + v}

    problem = pl.Problem(pl.Box(t=(0.0, 3.0)), ("u", "v"), equations, [pl.Initial(u=0.0, v=1.0)])
    march = SlabMarch(problem, Chebyshev((16,)), MarchSettings(1e-9, 1e-9, {}, stops=(1.0,)))
    told = []
    while not march.done:
        if march.attempt().accepted:
            told.append(march.linear)
    assert told[0] and not told[-1]
    at = torch.linspace(0.0, 3.0, 31, dtype=torch.float64)[:, None]
    expected = torch.where(at > 1, (at - 1) ** 2, torch.zeros_like(at))
    np.testing.assert_allclose(march.field()(at)[:, :1].numpy(), expected.numpy(), atol=1e-9)


def test_rows_that_are_not_linear_are_linearized_again_whatever_was_said(counts: dict[str, int]) -> None:
    problem = pl.Problem(pl.Box(t=(0.0, 0.5)), "u", lambda u: u.t + u**2, [pl.Initial(u=1.0)])
    march = SlabMarch(problem, Chebyshev((16,)), ODE)
    cells = march._cells()
    _, system = march.system(cells, None)
    start = march.discretization.guess(cells, None)
    plain = system.solve(start, 1e-12)
    _, system = march.system(cells, None)
    told = system.solve(start, 1e-12, linear=True)
    assert plain.converged and told.converged and not plain.linear and not told.linear
    np.testing.assert_allclose(told.coefficients, plain.coefficients, atol=1e-12)
    end = 0.5 * ODE.first_slab
    assert float((told.coefficients[0, 0]).sum()) == pytest.approx(1 / (1 + end), rel=1e-12)


def test_a_march_that_goes_on_knows_that_it_is_linear() -> None:
    problem = pl.Problem(pl.Box(t=(0.0, math.pi)), "u", lambda u: u.tt + u, [pl.Initial(u=0.0, u_t=1.0)])
    march = SlabMarch(problem, Chebyshev((16,)), ODE)
    while not march.pieces:
        march.attempt()
    again = SlabMarch(problem, Chebyshev((16,)), ODE)
    restore(again, state_of(march))
    assert march.linear and again.linear
    while not march.done:
        march.attempt()
        again.attempt()
    np.testing.assert_array_equal(march.pieces[-1].weights, again.pieces[-1].weights)
