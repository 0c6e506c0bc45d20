"""What a solver cannot solve it says in one sentence, and an option that changes nothing it refuses by name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.training.plans import Settings, Solver

SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)
HEAT = pl.Problem(
    domain=pl.Box(x=(0.0, 2.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u, k: u.t - k * u.xx,
    conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
    parameters={"k": 0.1},
)
PERIODIC = HEAT.replace(conditions=[HEAT.conditions[0], pl.Periodic(on="x")])
MEASURED = HEAT.replace(conditions=[*HEAT.conditions, pl.Data({"x": np.ones(3), "t": np.ones(3)}, u=np.zeros(3))])
SOFT = HEAT.replace(
    conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x), exact=False), pl.Dirichlet(u=0.0, exact=False)]
)
FAMILY = HEAT.replace(parameters={"k": pl.Uniform(0.1, 0.2)})
STEADY = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u.xx - 1, [pl.Dirichlet(u=0.0)], velocity=1.0)
SPRING = pl.Problem(pl.Box(t=(0.0, 1.0)), "y", lambda y: y.tt + y, [pl.Initial(y=1.0, y_t=0.0, exact=False)])
CARRIED = pl.Problem(
    pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t + u.x,
    [pl.Initial(u=lambda x: torch.sin(2 * math.pi * x)), pl.Periodic(on="x")], velocity=1.0,
)  # fmt: skip
DISC = pl.Problem(
    pl.Ball(center={"x": 0.0, "y": 0.0}, radius=1.0), "u", lambda u: u.xx + u.yy + 1, [pl.Dirichlet(u=0.0)]
)
CUT: dict[str, Any] = {"subdomains": {"x": (0.5,)}, "network": pl.MLP(width=4, depth=1)}


OBSTACLES: dict[str, tuple[Solver, pl.Problem, str]] = {
    "a family": (pl.PINN(), FAMILY, r"PINN solves one instance, but parameter 'k' is a family"),
    "a family for characteristics": (pl.LagrangianPINN(), FAMILY, r"LagrangianPINN solves one instance"),
    "no time": (pl.CausalPINN(), STEADY, r"CausalPINN needs time, but .* has no coordinate 't'"),
    "no time for characteristics": (pl.LagrangianPINN(), STEADY, r"follows characteristics through time"),
    "no velocity": (pl.LagrangianPINN(), PERIODIC, r"LagrangianPINN needs the velocity dx/dt"),
    "a cut outside": (pl.MultiDomainPINN(subdomains={"x": (5.0,)}), HEAT, r"the cut x = 5 is not inside \(0, 2\)"),
    "no such coordinate": (pl.MultiDomainPINN(subdomains={"q": (0.5,)}), HEAT, r"'q' is no coordinate of"),
    "a disc in pieces": (pl.MultiDomainPINN(**CUT), DISC, r"lies in .* only in part"),
    "a blend that shares networks": (
        pl.MultiDomainPINN(subdomains=pl.Subdomains({"x": (0.5, 1.5)}, together=[(0, 2)]), overlap=0.5), HEAT,
        r"overlap=\.\.\.\): windows need a box whose cells have a network each",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OBSTACLES)
def test_an_obstacle_is_what_a_plan_raises(name: str) -> None:
    solver, problem, sentence = OBSTACLES[name]
    found = solver.obstacle(problem)
    assert found is not None
    with pytest.raises((TypeError, ValueError), match=sentence) as raised:
        solver.plan(problem, SETTINGS)
    assert str(raised.value) == found


@pytest.mark.parametrize(
    ("solver", "problem"),
    [
        (pl.PINN(), DISC), (pl.CausalPINN(), SPRING), (pl.LagrangianPINN(), CARRIED), (pl.MultiDomainPINN(**CUT), HEAT),
    ],
    ids=lambda given: type(given).__name__,
)  # fmt: skip
def test_no_obstacle(solver: Solver, problem: pl.Problem) -> None:
    assert solver.obstacle(problem) is None


def small(kind: type, **options: Any) -> Any:
    return kind(**{"network": pl.MLP(width=4, depth=1), "points": 64, **options})


NONE_SOFT = "no initial or boundary condition of this problem is in the loss"
IDLE: dict[str, tuple[pl.Problem, type, dict[str, Any], str]] = {
    "harmonics without a period": (HEAT, pl.PINN, {"harmonics": 2}, "no coordinate is periodic by construction"),
    "harmonics of a sized network": (PERIODIC, pl.PINN, {"harmonics": 2, "network": pl.MLP(2, 1)}, "takes .* a template"),
    "harmonics of a cut coordinate": (
        PERIODIC, pl.MultiDomainPINN, {"harmonics": 2, "subdomains": {"x": (0.5,)}}, "no coordinate is periodic"
    ),
    "harmonics of a blend": (
        PERIODIC, pl.MultiDomainPINN, {"harmonics": 2, "subdomains": {"t": (0.5,)}, "overlap": 0.5}, "no coordinate is"
    ),
    "boundary points": (HEAT, pl.PINN, {"boundary_points": 9}, NONE_SOFT),
    "boundary points of data": (MEASURED, pl.PINN, {"boundary_points": 9}, NONE_SOFT),
    "boundary points on a line": (SPRING, pl.PINN, {"boundary_points": 9}, "with one coordinate a boundary is"),
    "boundary points in windows": (HEAT, pl.CausalPINN, {"boundary_points": 9, "windows": 2}, NONE_SOFT),
    "boundary points on labels": (CARRIED, pl.LagrangianPINN, {"boundary_points": 9}, NONE_SOFT),
    "boundary points of interfaces that have their own": (
        HEAT, pl.MultiDomainPINN, {"boundary_points": 9, "interface_points": 9, "subdomains": {"x": (0.5,)}},
        "interfaces have interface_points",
    ),
    "condition weight": (MEASURED, pl.PINN, {"condition_weight": 2.0}, NONE_SOFT),
    "condition weight of interfaces": (
        HEAT, pl.MultiDomainPINN, {"condition_weight": 2.0, "subdomains": {"x": (0.5,)}}, NONE_SOFT
    ),
    "initial": (HEAT, pl.CausalPINN, {"initial": "inside"}, "no initial condition of this problem is in the loss"),
    "label diffusion": (CARRIED, pl.LagrangianPINN, {"label_diffusion": True}, "no space derivative of second or higher"),
    "flux": (
        HEAT, pl.MultiDomainPINN, {"flux": lambda u, k: -k * u.x, "subdomains": {"x": (0.5,)}},
        "interface='matching' holds no condition that compares fluxes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", IDLE)
def test_an_option_without_effect_is_refused_by_name(name: str) -> None:
    problem, kind, options, reason = IDLE[name]
    option = next(iter(options))
    with pytest.raises(ValueError, match=rf"{kind.__name__}\({option}=.*\) has no effect: .*{reason}"):
        small(kind, **options).plan(problem, SETTINGS)
    rest = {key: value for key, value in options.items() if key != option}
    assert small(kind, **rest).plan(problem, SETTINGS).count >= 1


@pytest.mark.parametrize(
    ("problem", "kind", "options"),
    [
        (PERIODIC, pl.PINN, {"harmonics": 2}),
        (PERIODIC, pl.MultiDomainPINN, {"harmonics": 2, "subdomains": {"t": (0.5,)}}),
        (SOFT, pl.PINN, {"boundary_points": 9, "condition_weight": 2.0}),
        (SPRING, pl.PINN, {"condition_weight": 2.0}),
        (HEAT, pl.MultiDomainPINN, {"boundary_points": 9, "subdomains": {"x": (0.5,)}}),
        (SOFT, pl.CausalPINN, {"initial": "inside"}),
        (HEAT, pl.PINN, {"condition_weight": 100.0, "harmonics": 1, "warm_start": False, "boundary_points": None}),
        (
            HEAT, pl.MultiDomainPINN,
            {"flux": lambda u, k: -k * u.x, "interface": ("value", "flux"), "subdomains": {"x": (0.5,)}},
        ),
    ],
)  # fmt: skip
def test_an_option_with_an_effect_or_its_default_is_taken(problem: pl.Problem, kind: type, options: dict) -> None:
    assert small(kind, **options).plan(problem, SETTINGS).count == 1


@pytest.mark.parametrize("kind", [pl.PINN, pl.CausalPINN, pl.LagrangianPINN])
def test_a_warm_start_needs_windows(kind: type) -> None:
    with pytest.raises(ValueError, match=rf"{kind.__name__}\(warm_start=True\): there is one time window"):
        kind(warm_start=True)
    assert kind(warm_start=True, windows=(0.5,)).warm_start


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("interface", "value"), ("interface_weight", 5.0), ("interface_points", 9), ("flux", lambda u: u.x),
        ("uncoupled", True),
    ],
)  # fmt: skip
def test_options_about_interfaces_and_an_overlap_exclude_each_other(option: str, value: Any) -> None:
    with pytest.raises(
        ValueError, match=rf"overlap=0.5, {option}=.*no interface lies between them; leave out {option}"
    ):
        pl.MultiDomainPINN(**CUT, overlap=0.5, **{option: value})


def test_a_phase_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one with the plan; what decides which conditions are exact is asked once for each window."""
    asked = []
    decide = pl.Problem.exact_plan

    def counted(problem: pl.Problem, *args: Any, **options: Any) -> Any:
        asked.append(problem)
        return decide(problem, *args, **options)

    monkeypatch.setattr(pl.Problem, "exact_plan", counted)
    plan = small(pl.PINN).plan(HEAT, SETTINGS)
    phase = plan.start(0, [])
    assert asked == [HEAT]
    again = plan.start(0, [])
    assert again is not phase and torch.equal(again.system.model.theta, phase.system.model.theta)
    assert plan.view(phase.system.model) is phase.system.model and plan.view(again.system.model) is again.system.model
    asked.clear()
    cells = small(pl.MultiDomainPINN, subdomains={"x": (0.5, 1.0)}).plan(HEAT, SETTINGS)
    cells.start(0, [])
    # each piece is declared, which asks for itself, and then asked once
    assert len(asked) == 2 * 3
