"""Going on from a solution: of the same problem, of a changed one, from a file, with another solver."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import pinnlab as pl

PI = math.pi
NETWORK = pl.MLP(width=8, depth=2)


def few(steps: int) -> tuple[pl.LevenbergMarquardt]:
    return (pl.LevenbergMarquardt(steps=steps),)


def heat(u: pl.Field, k: float) -> pl.Field:
    return u.t - k * u.xx


def exact(x: Any, t: Any, k: Any = 0.1) -> Any:
    return torch.exp(-k * PI**2 * torch.as_tensor(t)) * torch.sin(PI * x)


HEAT = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), unknowns="u", equations=heat,
    conditions=[pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0)], parameters={"k": 0.1}, reference=exact,
)  # fmt: skip
SLOWER = HEAT.replace(parameters={"k": 0.08})


@pytest.fixture(scope="module")
def found() -> pl.Solution:
    return pl.solve(HEAT, pl.PINN(network=NETWORK, stages=few(25)), progress=False)


def solved(problem: pl.Problem, solver: Any, start: pl.Solution | None, **options: Any) -> pl.Solution:
    return pl.solve(problem, solver, start=start, progress=False, **options)


def test_the_same_network_goes_on(found: pl.Solution, tmp_path: Path) -> None:
    solver = pl.PINN(network=NETWORK, stages=few(2))
    cold, warm = (solved(HEAT, solver, start).error()["u"] for start in (None, found))
    assert warm < 2 * found.error()["u"] < 1e-4 < cold
    found.save(tmp_path / "heat.pt")
    loaded = pl.Solution.load(tmp_path / "heat.pt")
    assert solved(HEAT, solver, loaded).error()["u"] == warm


def test_a_changed_coefficient(found: pl.Solution) -> None:
    solver = pl.PINN(network=NETWORK, stages=few(3))
    cold, warm = (solved(SLOWER, solver, start).error()["u"] for start in (None, found))
    assert warm < 1e-4 and cold > 10 * warm


@pytest.mark.parametrize(
    "solver",
    [
        pl.PINN(network=pl.MLP(width=10, depth=2), stages=few(1)),
        pl.CausalPINN(network=NETWORK, windows=2, stages=few(1)),
        pl.MultiDomainPINN(network=NETWORK, subdomains={"x": (0.5,)}, stages=few(1)),
        pl.PINN(network=torch.nn.Sequential(torch.nn.Linear(2, 12), torch.nn.Tanh(), torch.nn.Linear(12, 1)), points=100,
                stages=(pl.Adam(steps=1, learning_rate=1e-9),)),
    ],
    ids=["wider", "time windows", "subdomains", "own module"],
)  # fmt: skip
def test_other_networks_are_fitted_to_the_values(found: pl.Solution, solver: Any) -> None:
    torch.manual_seed(0)
    cold, warm = (solved(HEAT, solver, start).error()["u"] for start in (None, found))
    assert warm < 1e-3 and cold > 10 * warm


def test_a_network_begins_as_what_local_experts_found(found: pl.Solution) -> None:
    experts = pl.solve(HEAT, pl.HardConstraintMoE(), progress=False)
    assert solved(HEAT, pl.PINN(network=NETWORK, stages=few(1)), experts).error()["u"] < 1e-3
    with pytest.raises(ValueError, match=r"solve\(start=...\): HardConstraintMoE marches through time .*use PINN"):
        solved(HEAT, pl.HardConstraintMoE(), found)
    # where nothing is said of a solver, one is taken that makes use of the start
    assert isinstance(solved(HEAT, None, experts, max_seconds=1.0).solver, pl.PINN)
    assert solved(HEAT, None, found, max_seconds=1.0).solver is found.solver


def test_a_larger_domain_and_windows_of_their_own() -> None:
    longer = HEAT.replace(domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.2)))
    windows = pl.CausalPINN(network=NETWORK, windows=2, stages=few(12))
    first = pl.solve(HEAT, windows, progress=False)
    brief = pl.CausalPINN(network=NETWORK, windows=2, stages=few(1))
    again = solved(HEAT, brief, first)
    assert again.error()["u"] < 3 * first.error()["u"] < 3e-3
    assert solved(longer, brief, first).error()["u"] < 0.1 * solved(longer, brief, None).error()["u"]


def test_coefficients_begin_where_they_were(found: pl.Solution) -> None:
    points = {"x": [0.3, 0.5, 0.7], "t": [0.5, 0.5, 0.9]}
    data = pl.Data(points=points, u=[float(exact(torch.tensor(x), t)) for x, t in zip(*points.values(), strict=True)])
    unknown = HEAT.replace(
        conditions=[*HEAT.conditions, data], parameters={"k": pl.Unknown(1.0)}, reference=lambda x, t: exact(x, t)
    )
    solver = pl.PINN(network=NETWORK, stages=few(1))
    from_number = solved(unknown, solver, found)
    assert abs(from_number.coefficients["k"] - 0.1) < 1e-4
    assert abs(solved(unknown, solver, from_number).coefficients["k"] - 0.1) < 1e-4
    assert abs(solved(unknown, solver, None).coefficients["k"] - 0.1) > 1e-3


def bratu(u: pl.Field, c: float) -> pl.Field:
    return u.xx + c * torch.exp(u)


def test_a_steady_problem_goes_on_along_a_branch() -> None:
    """u'' + c exp(u) = 0 has two solutions, u = 2 log(cosh(q / 2) / cosh(q (x - 1/2))) with q = sqrt(2 c) cosh(q / 2)."""

    def problem(c: float) -> pl.Problem:
        domain = pl.Box(x=(0.0, 1.0))
        return pl.Problem(domain, "u", bratu, [pl.Dirichlet(u=0.0)], parameters={"c": c})

    lower = pl.solve(problem(1.0), pl.HardConstraintMoE(), progress=False)
    assert abs(float(lower(x=0.5)["u"]) - 0.1405392144) < 1e-8
    guess = pl.Solution(**{**vars(lower), "function": lambda p: 16 * p * (1 - p)})
    upper = solved(problem(1.0), pl.HardConstraintMoE(), guess)
    assert abs(float(upper(x=0.5)["u"]) - 4.0914672461) < 1e-8
    # from a solution the default goes on with its solver, and stays on its branch
    next_one = solved(problem(1.5), None, upper)
    assert float(next_one(x=0.5)["u"]) > 3.0 and isinstance(next_one.solver, pl.HardConstraintMoE)


def test_characteristics_and_families_go_on_from_their_like(found: pl.Solution) -> None:
    moving = pl.Problem(
        domain=pl.Box(x=(0.0, 2 * PI), t=(0.0, 1.0)), unknowns="u",
        equations=lambda u, x: u.t + (1 + 0.3 * torch.sin(x)) * u.x,
        conditions=[pl.Initial(u=lambda x: torch.sin(x)), pl.Periodic(on="x")], velocity=lambda x: 1 + 0.3 * torch.sin(x),
    )  # fmt: skip
    first = pl.solve(moving, pl.LagrangianPINN(stages=few(8)), progress=False)
    cold, warm = (
        solved(moving, pl.LagrangianPINN(stages=few(1)), start).history[-1].held_out for start in (None, first)
    )
    assert warm < 1e-2 * cold
    with pytest.raises(ValueError, match="LagrangianPINN goes on from networks of the same architecture only"):
        solved(moving, pl.LagrangianPINN(trajectory=pl.MLP(width=5, depth=1)), first)
    family = HEAT.replace(parameters={"k": pl.Uniform(0.05, 0.2)})
    experts = pl.HardConstraintMoE(
        network=pl.MLP(width=12, depth=1), basis=8, batch=1, points=48, stages=(pl.Adam(steps=10),)
    )
    operator = pl.solve(family, experts, progress=False)
    brief = pl.HardConstraintMoE(
        network=pl.MLP(width=12, depth=1), basis=8, batch=1, points=48, stages=(pl.Adam(steps=1, learning_rate=1e-9),)
    )
    again = solved(family, brief, operator)
    assert abs(float(again(x=0.3, t=0.5, k=0.1)["u"]) / float(operator(x=0.3, t=0.5, k=0.1)["u"]) - 1) < 1e-6
    with pytest.raises(ValueError, match="HardConstraintMoE goes on from a network of the same architecture only"):
        solved(family, experts, found)
    with pytest.raises(ValueError, match=r"family over k; give a member, start=solution.at\(k=...\)"):
        solved(HEAT, pl.PINN(), operator)


def test_starts_that_cannot_be(found: pl.Solution) -> None:
    other = pl.Problem(pl.Box(x=(0.0, 1.0)), "v", lambda v: v.xx, [pl.Dirichlet(v=0.0)])
    with pytest.raises(ValueError, match="the start has the unknowns u, and the problem v"):
        solved(other, pl.PINN(), found)
    steady = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u.xx, [pl.Dirichlet(u=0.0)])
    with pytest.raises(ValueError, match="the start has the coordinates x, t, and the problem x"):
        solved(steady, pl.PINN(), found)
    with pytest.raises(TypeError, match=r"solve\(start=...\) got a dict; give a solution"):
        pl.solve(HEAT, start={"u": 0.0})  # type: ignore[arg-type]


def test_a_checkpoint_belongs_to_one_start(found: pl.Solution, tmp_path: Path) -> None:
    class Stop:
        def __call__(self, record: Any) -> bool:
            return True

    solver, path = pl.PINN(network=NETWORK, points=100, stages=few(12)), tmp_path / "run.pt"
    whole = solved(HEAT, solver, found)
    solved(HEAT, solver, found, checkpoint=path, callbacks=(Stop(),))
    assert solved(HEAT, solver, found, checkpoint=path).error() == whole.error()
    with pytest.raises(ValueError, match="belongs to another problem, solver, seed or dtype"):
        solved(HEAT, solver, None, checkpoint=path)
    other = solved(HEAT, pl.PINN(network=NETWORK, points=100, stages=few(1)), found)
    with pytest.raises(ValueError, match="belongs to another"):
        solved(HEAT, solver, other, checkpoint=path)


@pytest.mark.parametrize(("top", "speed"), [(320.0, 0.8e-5), (340.0, 1e-5)], ids=["slower", "hotter"])
def test_a_problem_in_other_natural_units(top: float, speed: float) -> None:
    """What changes the units in which it is solved leaves the networks' own function as it is."""

    def rod(top: float, a: float) -> pl.Problem:
        return pl.Problem(
            pl.Box(x=(0.0, 0.1), t=(0.0, 200.0)), "T", lambda T, a: T.t - a * T.xx,
            [pl.Initial(T=lambda x: 293.0 + (top - 293.0) * torch.sin(PI * x / 0.1)), pl.Dirichlet(T=293.0)],
            parameters={"a": a},
            reference=lambda x, t, a: 293.0 + (top - 293.0) * exact(x / 0.1, t, a / 0.01),
        )  # fmt: skip

    first = pl.solve(rod(320.0, 1e-5), pl.PINN(network=NETWORK, points=300, stages=few(15)), progress=False)
    brief = pl.PINN(network=NETWORK, points=300, stages=few(2))
    cold, warm = (solved(rod(top, speed), brief, start).error(relative_to="variation")["T"] for start in (None, first))
    assert warm < 2e-3 and cold > 10 * warm
