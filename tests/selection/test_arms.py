"""Sets of conditions and how they get into a solver; rewards by hand."""

from __future__ import annotations

import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.ansatz import Ansatz
from pinnlab.selection import interface_arms
from pinnlab.selection.arms import Arms, check_solver
from pinnlab.selection.rewards import error_reward, interface_jumps, residual_reward, reward_function, rms, score
from pinnlab.solvers.multidomain.interfaces import ARMS
from pinnlab.solvers.multidomain.model import PiecewiseModel
from pinnlab.training.model import Model

SOLVER = pl.MultiDomainPINN(subdomains={"t": (0.5,)})


def kink(first, second):
    return first - second


def test_all_subsets() -> None:
    found = interface_arms()
    assert len(found) == len(set(found)) == 511 and found[0] == ("value",) and found[-1] == ARMS
    assert len(interface_arms(empty=True)) == 512 and interface_arms(empty=True)[0] == ()
    assert len(interface_arms(largest=2)) == 9 + 36
    assert interface_arms(("value", kink)) == (("value",), (kink,), ("value", kink))


def test_rows_and_names() -> None:
    arms = Arms([("value",), ("flux", "value"), (kink,), ()])
    assert arms.conditions == ("value", "flux", "kink")
    assert arms.names == (("value",), ("flux", "value"), ("kink",), ())
    assert np.array(arms.rows).astype(int).tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_applied_to_a_solver() -> None:
    arms = Arms([("value",), ("flux", kink), ()])
    assert arms.applied(SOLVER, ("flux", "kink")).interface == ("flux", kink)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        empty = arms.applied(SOLVER, ())
    assert empty.interface == () and empty.uncoupled
    assert SOLVER.interface == "matching"


def test_bad_arms() -> None:
    with pytest.raises(ValueError, match="arms is empty"):
        Arms([])
    with pytest.raises(ValueError, match="arms is empty"):
        Arms([()])
    with pytest.raises(TypeError, match=r"arms holds 'value'; give sets of conditions, such as \('value',\)"):
        Arms(["value"])
    with pytest.raises(ValueError, match="arms='velue': no such interface condition; choose from value"):
        Arms([("velue",)])
    with pytest.raises(TypeError, match="has no interface conditions to choose; give pl.MultiDomainPINN"):
        check_solver(pl.PINN())
    with pytest.raises(TypeError, match="has no interface conditions"):
        check_solver(pl.MultiDomainPINN)
    check_solver(SOLVER)


def test_score_by_hand() -> None:
    assert score(1e-3) == pytest.approx(3.0)
    assert score(1e5) == score(math.inf) == score(math.nan) == -2.0
    assert score(0.0) == 16.0


def test_error_reward_takes_the_worst_unknown() -> None:
    solution = SimpleNamespace(error=lambda: {"u": 1e-4, "v": 1e-2})
    assert error_reward(solution) == pytest.approx(2.0)
    assert error_reward(SimpleNamespace(error=lambda: {"u": math.nan, "v": 1e-2})) == -2.0


def test_rms_by_hand() -> None:
    assert rms(np.array([3.0, 4.0, 0.0, 0.0])) == 2.5
    assert rms(np.array([])) == 0.0


def line(box: pl.Box, value: float, slope: float) -> Model:
    """u = value + slope x, u' = slope."""
    network = torch.nn.Linear(1, 1, dtype=torch.float64)
    torch.nn.init.constant_(network.weight, slope)
    torch.nn.init.constant_(network.bias, value)
    return Model(box, ("u",), network, Ansatz([()]), {}, {})


def made_up(equation) -> SimpleNamespace:
    """2 + 0.1 x to the left of 0.5 and 2 + 0.3 x to the right, and a residual of 0.03."""
    problem = pl.Problem(domain=pl.Box(x=(0.0, 2.0)), unknowns="u", equations=equation)
    partition = pl.Subdomains({"x": (0.5,)}).split(problem.domain)
    lines = [line(cell.box, 2.0, slope) for cell, slope in zip(partition.cells, (0.1, 0.3), strict=True)]
    model = PiecewiseModel(partition, lines, {}, {})
    seen: dict[str, np.ndarray] = {}

    def residual(**columns: np.ndarray) -> dict[str, np.ndarray]:
        seen.update(columns)
        return {"a": np.full(2048, 0.03), "b": np.full(2048, -0.03)}

    return SimpleNamespace(problem=problem, models=[model, SimpleNamespace()], residual=residual, seen=seen)


def test_jumps_by_hand() -> None:
    first, second = made_up(lambda u: u.x), made_up(lambda u: u.xx)
    # of the value at x = 0.5: 0.1 * 0.5 - 0.3 * 0.5 = -0.1
    assert np.allclose(interface_jumps(first), -0.1, rtol=0, atol=1e-14) and len(interface_jumps(first)) == 256
    # of the slope: -0.2, times the width (0.5 + 1.5) / 4 = 0.5
    assert np.allclose(interface_jumps(second), -0.1, rtol=0, atol=1e-14) and len(interface_jumps(second)) == 512
    assert interface_jumps(SimpleNamespace(problem=first.problem, models=[SimpleNamespace()])).size == 0


def test_residual_reward_is_residual_plus_jump() -> None:
    solution = made_up(lambda u: u.xx)
    assert residual_reward(solution) == pytest.approx(-math.log10(0.03 + 0.1))
    assert set(solution.seen) == {"x"} and len(solution.seen["x"]) == 2048


def test_residual_reward_of_a_real_solution() -> None:
    """What joins nothing has a large jump, whatever its residual."""
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.xx + 1,
        conditions=[pl.Dirichlet(u=lambda x: x)],
    )
    options = {
        "subdomains": {"x": (0.5,)},
        "network": pl.MLP(width=4, depth=1),
        "stages": pl.LevenbergMarquardt(steps=25),
    }
    joined, apart = (
        pl.solve(problem, Arms([(), ("value", "flux")]).applied(pl.MultiDomainPINN(**options), names), progress=False)
        for names in (("value", "flux"), ())
    )
    assert residual_reward(joined) > 1.5 > 1.0 > residual_reward(apart)


def test_reward_functions() -> None:
    assert reward_function("error") is error_reward and reward_function("residual") is residual_reward
    assert reward_function(rms) is rms
    with pytest.raises(ValueError, match='reward=\'speed\': give "error", "residual", or a function'):
        reward_function("speed")
