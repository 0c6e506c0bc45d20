"""Jumps of coefficients: solvers that lose the flux refuse, those that join it are right, harmless ones are met by edges."""

import math

import pytest
import torch

import pinnlab as pl
from pinnlab.solution.quality.distances import NoEstimateError
from pinnlab.solution.quality.estimators import by_equation, by_features

LINE = pl.Box(x=(0.0, 1.0))
ENDS = [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=1.0, on="x+")]
MIDDLE = 10 / 11
"""u(1/2) where the flux k u_x is continuous, k = 1 | 10."""


def layers(x):
    return torch.where(x > 0.5, 10.0, 1.0)


def within(u, x):
    return torch.where(x > 0.5, 10.0, 1.0) * u.x


def of_parameter(u, k):
    return k * u.x


WALLS = {
    "in the equation": (pl.Problem(LINE, "u", lambda u, x: pl.diff(within(u, x), "x"), ENDS), within),
    "parameter": (
        pl.Problem(LINE, "u", lambda u, k: pl.diff(k * u.x, "x"), ENDS, {"k": layers}),
        of_parameter,
    ),
    "piecewise": (
        pl.Problem(
            LINE, "u", lambda u, k: pl.diff(k * u.x, "x"), ENDS,
            {"k": pl.Piecewise((pl.Box(x=(0.5, 1.0)), 10.0), otherwise=1.0)},
        ),
        of_parameter,
    ),
    "strong form": (pl.Problem(LINE, "u", lambda u, k: k * u.xx, ENDS, {"k": layers}), of_parameter),
}  # fmt: skip
READ = ("in the equation", "parameter", "piecewise")
"""Those of which the flux can be read off the equations."""
CUT = {"subdomains": {"x": (0.5,)}}
SMALL = {"network": pl.MLP(width=6, depth=1), "points": 40, "stages": (pl.LevenbergMarquardt(steps=25),)}
JOINING = {
    "default": None,
    "local experts": pl.HardConstraintMoE(),
    "an expert's edge": pl.HardConstraintMoE(experts={"x": (0.5,)}),
    "one expert": pl.HardConstraintMoE(experts={"x": 1}),
    "matching": pl.MultiDomainPINN(**CUT, **SMALL),
    "value and flux": pl.MultiDomainPINN(**CUT, interface=("value", "flux"), **SMALL),
}
REFUSED = {
    "pinn": pl.PINN(),
    "causal": pl.CausalPINN(),
    "trained experts": pl.HardConstraintMoE(network=pl.MLP(width=8, depth=1), basis=4),
    "elsewhere": pl.MultiDomainPINN(subdomains={"x": (0.4,)}, interface=("value", "flux"), flux=within),
    "no flux": pl.MultiDomainPINN(**CUT, interface=("value",)),
    "slopes as well": pl.MultiDomainPINN(**CUT, interface=("value", "normal", "flux"), flux=within),
    "overlap": pl.MultiDomainPINN(**CUT, overlap=0.5),
}


@pytest.mark.parametrize("solver", [s for s in JOINING if s not in ("matching", "value and flux")])
@pytest.mark.parametrize("wall", READ)
def test_experts_join_the_flux(wall, solver):
    solution = pl.solve(WALLS[wall][0], JOINING[solver], max_seconds=20, progress=False)
    assert solution(x=[0.5])["u"] == pytest.approx(MIDDLE, abs=1e-10)


@pytest.mark.parametrize(
    ("wall", "solver"),
    [
        ("in the equation", JOINING["matching"]),
        ("parameter", JOINING["value and flux"]),
        ("piecewise", pl.MultiDomainPINN(**SMALL)),
        ("piecewise", pl.MultiDomainPINN(subdomains={"x": (0.2, 0.5)}, **SMALL)),
    ],
)
def test_networks_join_the_flux(wall, solver):
    solution = pl.solve(WALLS[wall][0], solver, max_seconds=20, progress=False)
    assert solution(x=[0.5])["u"] == pytest.approx(MIDDLE, abs=1e-6)


@pytest.mark.parametrize("wall", READ)
def test_the_classical_solver_has_nodes_on_each_side(wall):
    reference = pl.reference_solution(WALLS[wall][0])
    assert reference(x=[0.5])["u"] == pytest.approx(MIDDLE, abs=1e-10)
    assert reference(x=[0.25, 0.75])["u"] == pytest.approx([5 / 11, 10.5 / 11], abs=1e-10)
    assert reference.error_estimate["u"] < 1e-8


@pytest.mark.parametrize("solver", [*REFUSED, "default", "local experts", "matching", "value and flux"])
def test_what_cannot_be_read_off_the_equation_is_refused(solver):
    with pytest.raises(ValueError, match=r"jumps at x = 0\.5, from 1 to 10.*pl\.diff\(k \* u\.x, 'x'\).*smooth"):
        pl.solve(WALLS["strong form"][0], {**JOINING, **REFUSED}[solver], max_seconds=1, progress=False)


@pytest.mark.parametrize("solver", REFUSED)
@pytest.mark.parametrize("wall", READ)
def test_solvers_that_lose_the_flux_refuse(wall, solver):
    with pytest.raises(ValueError, match=r"jumps at x = 0\.5, from 1 to 10.*\(0\.5,\).*\('value', 'flux'\).*smooth"):
        pl.solve(WALLS[wall][0], REFUSED[solver], max_seconds=1, progress=False)


def test_the_classical_solver_refuses_what_it_cannot_read():
    with pytest.raises(ValueError, match=r"reference_solution: .* jumps at x = 0\.5, from 1 to 10"):
        pl.reference_solution(WALLS["strong form"][0])


@pytest.mark.parametrize("wall", WALLS)
def test_each_side_takes_its_own_coefficient(wall):
    problem, flux = WALLS[wall]
    solver = pl.MultiDomainPINN(**CUT, interface=("value", "flux"), flux=flux, **SMALL)
    solution = pl.solve(problem, solver, progress=False)
    assert solution(x=[0.5])["u"] == pytest.approx(MIDDLE, abs=1e-6)
    report = solution.report(max_seconds=5)
    if wall in READ:
        assert report.verdict.name == "GOOD" and report.estimate.method == "the classical solution"
    else:
        assert report.verdict.name == "DOUBTFUL" and report.estimate is None


@pytest.mark.parametrize(("ratio", "verdict"), [(10, "GOOD"), (0.1, "WRONG")])
def test_an_interface_function_of_ones_own_is_taken_and_judged(ratio, verdict):
    def joint(first, second):
        return [first - second, first.x - ratio * second.x]

    solver = pl.MultiDomainPINN(**CUT, interface=joint, **SMALL)
    solution = pl.solve(WALLS["piecewise"][0], solver, progress=False)
    assert solution(x=[0.5])["u"] == pytest.approx(ratio / (1 + ratio), abs=1e-6)
    report = solution.report(max_seconds=5)
    assert report.verdict.name == verdict
    flux = next(m for m in report.conditions if m.name == "jump of flux equation0 at x = 0.5")
    assert (flux.relative > 0.1) == (verdict == "WRONG")


def test_estimates_refuse_as_solvers_do():
    smooth = pl.solve(
        pl.Problem(LINE, "u", lambda u: u.xx, ENDS), pl.HardConstraintMoE(experts={"x": 1}), progress=False
    )
    object.__setattr__(smooth, "problem", WALLS["parameter"][0])
    for estimate in (by_equation, by_features):
        with pytest.raises(NoEstimateError, match="jumps at x = 0.5"):
            estimate(smooth, [], 1.0)


def test_a_cut_cannot_follow_a_curve():
    def disk(x, y):
        return torch.where((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.04, 10.0, 1.0)

    plane = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
    problem = pl.Problem(
        plane, "u", lambda u, k: pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y") - 1, pl.Dirichlet(u=0.0), {"k": disk}
    )
    with pytest.raises(ValueError, match="a line through") as error:
        pl.solve(problem, progress=False)
    assert "MultiDomainPINN(" not in str(error.value)


def test_experts_meet_where_a_source_jumps():
    def exact(x):
        return torch.where(x < 0.3, 0.5 * x * x - 0.255 * x, -0.045 * (1 - x))

    problem = pl.Problem(
        LINE, "u", lambda u, x: u.xx - torch.where(x < 0.3, 1.0, 0.0), pl.Dirichlet(u=0.0), reference=exact
    )
    solution = pl.solve(problem, pl.HardConstraintMoE(), progress=False)
    assert solution.models[0].joints["x"] == pytest.approx((0.25, 0.3, 0.5, 0.75))
    assert solution.error()["u"] < 1e-9


def test_slabs_end_where_a_source_is_switched_on():
    def exact(x, t):
        return torch.sin(math.pi * x) * (1 - torch.exp(-(math.pi**2) * (t - 0.3).clamp(min=0))) / math.pi**2

    def heat(u, x, t):
        return u.t - u.xx - (t > 0.3) * torch.sin(math.pi * x)

    box = pl.Box(x=(0.0, 1.0), t=(0.0, 0.4))
    problem = pl.Problem(box, "u", heat, [pl.Initial(u=0.0), pl.Dirichlet(u=0.0)], reference=exact)
    solution = pl.solve(problem, pl.HardConstraintMoE(experts={"x": 2}), max_seconds=20, progress=False)
    assert 0.3 in [pytest.approx(model.region.bounds["t"][1], abs=1e-9) for model in solution.models]
    assert solution.error()["u"] < 1e-6


def test_a_selector_counts_conditions_that_lose_the_flux_as_bad_trials():
    def wall(u, k, x):
        return pl.diff(torch.where(x > 0.5, k, 1.0) * u.x, "x")

    family = pl.Problem(LINE, "u", wall, ENDS, {"k": pl.Uniform(2.0, 10.0)}, reference=lambda x, k: x * k / k)
    selector = pl.InterfaceSelector(arms=[("value",), ("value", "flux")], warm_up=2)
    solver = pl.MultiDomainPINN(
        **CUT, interface=("value", "flux"), flux=lambda u, k, x: torch.where(x > 0.5, k, 1.0) * u.x,
        network=pl.MLP(width=4, depth=1), points=10, stages=(pl.LevenbergMarquardt(steps=2),),
    )  # fmt: skip
    selector.fit(family, solver, plays=4, progress=False)
    for trial in selector.trials:
        assert ("LostFluxError" in trial.status) == (trial.interface == ("value",))
