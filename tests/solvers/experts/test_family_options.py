"""What the amortized solver refuses, and options without effect."""

from __future__ import annotations

import dataclasses
import inspect
import math
from typing import Any

import numpy as np
import pytest
import torch
from expert_families import EXACT, GRID, PI, SETTINGS, SMALL, family, functions, soft_burgers
from torch import Tensor, nn

import pinnlab as pl
from pinnlab.solvers.experts.plan import FamilyExperts


def test_members_are_checked() -> None:
    solution = pl.solve(family(), pl.HardConstraintMoE(**SMALL, stages=(pl.Adam(steps=1),)), progress=False)
    with pytest.raises(ValueError, match=r"nu is missing; write solution.at\(nu=...\)"):
        solution.at()
    with pytest.raises(ValueError, match=r"at\(nu=3.0\): outside its family"):
        solution.at(nu=3.0)
    with pytest.raises(ValueError, match=r"a=1.0.*not a parameter of this problem"):
        solution.at(nu=0.1, a=1.0)
    with pytest.raises(ValueError, match=r"one reference cannot suit all members.*solution.at\(nu=...\)"):
        solution.error(lambda x, t: x)
    with pytest.raises(TypeError, match="save.*family"):
        solution.save("anywhere")


class _Broken(nn.Module):
    def __init__(self, value: float):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(12, dtype=torch.float64))
        self.value = value

    def forward(self, points: Tensor) -> Tensor:
        first = torch.sin(points[:, :1] + points[:, 1:2])
        columns = [first * (i + 1) for i in range(11)] + [first * self.value]
        return torch.cat(columns, 1) * self.scale


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"coupling": "glue"}, ValueError, r"HardConstraintMoE\(coupling='glue'\): choose one of 'march'"),
        ({"constraint": "hard"}, ValueError, r"HardConstraintMoE\(constraint='hard'\): choose one of 'experts'"),
        ({"basis": 0}, ValueError, r"HardConstraintMoE\(basis=0\): must be a whole number"),
        ({"points": 4}, ValueError, r"points=4, basis=12\): 4 points cannot determine 12 coefficients"),
        ({"experts": {"z": 2}}, ValueError, r"'z' is none of the coordinates x, t"),
        ({"network": 3}, TypeError, r"HardConstraintMoE\(network=3\): give a torch.nn.Module"),
        ({"ridge": -1.0}, ValueError, r"HardConstraintMoE\(ridge=-1.0\)"),
        ({"graded": {"t": 0.0}}, ValueError, r"graded={'t': 0.0}\): give a positive power"),
        ({"stages": (pl.LevenbergMarquardt(),)}, ValueError, "the loss has no Jacobian by residuals.*use pl.Adam"),
        ({"network": nn.Linear(3, 5)}, ValueError, r"mapped \(3, 3\) to \(3, 5\); it must map 2 coordinates and 1"),
        ({"network": _Broken(math.nan), "ridge": 0.0}, ValueError, "member, expert.*not finite: .*NaN in the basis"),
        ({"network": _Broken(8.0), "ridge": 0.0}, ValueError, "member, expert.*rank deficient: .*add a ridge"),
    ],
)
def test_bad_declarations_fail_before_training(options: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        pl.solve(family(), pl.HardConstraintMoE(**{**SMALL, **options}), progress=False)


def test_switches_of_the_inner_solve_are_checked() -> None:
    for options, message in (({"newton": -1}, r"newton=-1\)"), ({"hessian": "bfgs"}, "hessian='bfgs'.*choose one of")):
        with pytest.raises(ValueError, match=rf"FamilyExperts\({message}"):
            FamilyExperts(**options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"FamilyExperts\(whiten=False\): with constraint='soft'.*leave it out"):
        FamilyExperts(constraint="soft", whiten=False)
    with pytest.raises(ValueError, match=r"FamilyExperts\(order=2\): only a network on a grid"):
        FamilyExperts(order=2).plan(family(), SETTINGS)
    switches = ("newton", "hessian", "whiten", "order")
    assert not set(switches) & set(inspect.signature(pl.HardConstraintMoE).parameters)
    defaults, fixed = FamilyExperts(), pl.HardConstraintMoE()
    assert [getattr(fixed, name) for name in switches] == [getattr(defaults, name) for name in switches]


ONE = family(parameters={"nu": 0.1}, reference=None)
TINY: dict[str, Any] = {"network": pl.MLP(width=6, depth=1)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"constraint": "soft", "basis": 8}, r"\(basis=8\): with constraint='soft'.*nothing is solved for"),
        ({"constraint": "soft", "experts": {"x": 2}}, r"\(experts={'x': 2}\): with constraint='soft'"),
        ({"constraint": "soft", "coupling": "none"}, r"\(coupling='none'\): with constraint='soft'"),
        ({"constraint": "soft", "search": EXACT}, r"\(search=LeastSquares\(.*\): with constraint='soft'"),
        ({"constraint": "soft", "ridge": 0.0}, r"\(ridge=0.0\): with constraint='soft'"),
        ({"constraint": "global", "experts": {"x": 2}}, r"\(experts={'x': 2}\): with constraint='global' one"),
        ({"constraint": "global", "coupling": "march"}, r"\(coupling='march'\): with constraint='global' one"),
        ({"network": pl.MLP(), "tolerance": 1e-5}, r"\(network=..., tolerance=1e-05\): tolerance is an option of local"),
        ({"network": pl.MLP(), "features": "tanh"}, r"\(network=..., features='tanh'\): features is an option of local"),
        ({"network": pl.MLP(), "degrees": {"x": 5}}, r"\(network=..., degrees={'x': 5}\): degrees is an option of local"),
        ({"network": pl.FNO(), "most_experts": 9}, r"\(network=..., most_experts=9\): most_experts is an option of local"),
        ({"basis": 8, "tolerance": 1e-5}, r"\(basis=..., tolerance=1e-05\): .*and basis one of experts over trained"),
    ],
)  # fmt: skip
def test_options_that_cannot_have_an_effect_are_refused_at_once(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=r"HardConstraintMoE" + message):
        pl.HardConstraintMoE(**options)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (family, {"tolerance": 1e-5}, r"tolerance=1e-05\): tolerance is an option of local.*family over nu.*problem.at"),
        (family, {"features": "tanh"}, r"features='tanh'\): features is an option of local"),
        (family, {"experts": {"q": 2}}, "experts={'q': 2}: 'q' is none of the coordinates x, t"),
        (family, {"graded": {"q": 2}}, r"graded={'q': 2}\): 'q' is none of the coordinates x, t"),
        (functions, {"grid": {"q": 8}}, r"grid={'q': 8}\): 'q' is none of the coordinates x, t"),
        (family, {"grid": {"x": 8}}, r"grid={'x': 8}\): only a network on a grid, network=pl.FNO\(\)"),
        (family, {"harmonics": 2}, r"harmonics=2\): the network has no embedding of a periodic coordinate"),
        (functions, {"harmonics": 2}, r"harmonics=2\): the network has no embedding"),
        (family, {"experts": {"x": 1}, "coupling": "none"}, r"coupling='none'\): there is one expert"),
        (family, {"coupling": "march"}, r"coupling='march'\): no parts follow one another in time"),
        (family, {"condition_weight": 3.0, "constraint": "global"}, r"condition_weight=3.0\): all conditions are built in"),
        (family, {"condition_points": 9, "constraint": "global"}, r"condition_points=9\): all conditions are built in"),
        (lambda: ONE, {**TINY, "batch": 8}, r"batch=8\): the problem is one instance, no family"),
        (lambda: ONE, {"basis": 8}, r"basis=8\): basis is an option of experts over trained.*network=pl.MLP\(\)"),
        (lambda: ONE, {"coupling": "none"}, r"coupling='none'\): coupling is an option of experts over trained"),
        (functions, {**GRID, "grid": {"x": 4}, "experts": {"x": 9}}, "9 parts do not fit on 4 nodes"),
    ],
)  # fmt: skip
def test_options_without_effect_on_a_problem_are_refused_by_name(make: Any, options: dict, message: str) -> None:
    problem, solver = make(), pl.HardConstraintMoE(**options)
    why = solver.obstacle(problem)
    assert why is not None
    with pytest.raises(ValueError, match=message) as raised:
        solver.plan(problem, SETTINGS)
    assert str(raised.value) == why


def test_options_with_an_effect_are_taken() -> None:
    """The neighbours of those that are refused."""
    ring = [pl.Initial(u=lambda x: torch.sin(2 * PI * x)), pl.Periodic(on="x")]
    taken: list[tuple[pl.Problem, dict[str, Any]]] = [
        (family(conditions=ring, reference=None), {"harmonics": 2, "graded": {"t": 2.0}}),
        (functions(), {"grid": {"x": 8}}),
        (family(), {"network": pl.FNO(), "grid": {"x": 8}}),
        (family(), {"coupling": "march", "experts": {"t": 3}}),
        (family(), {"condition_weight": 3.0, "condition_points": 9}),
        (family(), {"condition_weight": 3.0, "coupling": "none"}),  # of the jumps, which the loss counts
        (soft_burgers(), {"condition_weight": 3.0, "constraint": "soft", "points": 40}),
        (ONE, {**TINY, "batch": 1, "basis": 8}),
        (ONE, {"basis": 16, "coupling": "interface", "batch": 4, "stages": pl.Adam(steps=2000)}),
    ]
    for problem, options in taken:
        assert pl.HardConstraintMoE(**options).obstacle(problem) is None, options
    solver = pl.HardConstraintMoE(**TINY)
    assert dataclasses.replace(solver, basis=8) == pl.HardConstraintMoE(**TINY, basis=8), "defaults are not given"


def test_families_are_trained_where_they_were_asked_to_be() -> None:
    problem = soft_burgers()
    solution = pl.solve(
        problem, pl.HardConstraintMoE(**SMALL, stages=(pl.Adam(steps=2),)), dtype=torch.float32, progress=False
    )
    assert {p.dtype for p in solution.models[0].parameters} == {torch.float32}
    assert np.isfinite(solution.at(nu=0.1)(x=0.3, t=0.4)["u"])


def test_functions_need_a_network_on_a_grid() -> None:
    with pytest.raises(ValueError, match=r"network=MLP\(...\)\): parameter 'u0' is a function.*use network=pl.FNO\(\)"):
        pl.solve(functions(), pl.HardConstraintMoE(**SMALL), progress=False)


def test_unknown_coefficients_are_refused() -> None:
    problem = family(parameters={"nu": pl.Unknown(0.1)}, reference=None)
    with pytest.raises(ValueError, match=r"cannot find the unknown parameters \('nu',\) as well; use PINN"):
        pl.solve(problem, pl.HardConstraintMoE(**SMALL), progress=False)
