"""What solve picks by itself: rules about properties of small problems, never about names."""

import math

import pytest
import torch

import pinnlab as pl
from pinnlab.solvers.choice import choose, width_for, windows_for
from pinnlab.training.plans import Settings, Solver

SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)
HEAT = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u, k: u.t - k * u.xx,
    conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
    parameters={"k": 0.1},
    reference=lambda x, t, k: torch.exp(-k * math.pi**2 * t) * torch.sin(math.pi * x),
)
PLANE = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u: u.t - u.xx - u.yy,
    conditions=[pl.Initial(u=0.0), pl.Dirichlet(u=0.0)],
)
SPACE = PLANE.replace(
    domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0), t=(0.0, 1.0)), equations=lambda u: u.t - u.laplacian
)
MANY = SPACE.replace(domain=pl.Box(**dict.fromkeys("wxyzt", (0.0, 1.0))))
FAMILY = HEAT.replace(parameters={"k": pl.Uniform(0.1, 0.2)}, reference=None)
FIVE_NUMBERS = HEAT.replace(
    equations=lambda u, a, b, c, d, e: u.t - (a + b + c + d + e) * u.xx,
    parameters={name: pl.Uniform(0.1, 0.2) for name in "abcde"},
    reference=None,
)
FUNCTIONS = HEAT.replace(
    conditions=[pl.Initial(u=lambda u0: u0), pl.Periodic(on="x")],
    parameters={"k": 0.1, "u0": pl.RandomField(on="x", length_scale=0.5)},
    reference=None,
)
STEP = [pl.Initial(u=lambda x: torch.sign(x - 0.3)), pl.Dirichlet(u=-1.0, on="x-")]
JUMP = HEAT.replace(equations=lambda u, k: u.t + k * u.x, conditions=STEP, reference=None)
STEEPENING = JUMP.replace(equations=lambda u, k: u.t + (k + u) * u.x)
DIMENSIONS = dict.fromkeys("wxyzt", (0.0, 1.0))
SPACE_FAMILY = SPACE.replace(
    domain=pl.Box(**DIMENSIONS), equations=lambda u, k: u.t - k * u.laplacian, parameters={"k": pl.Uniform(0.1, 0.2)}
)
TORUS = [pl.Initial(u=lambda x, y: torch.sin(2 * math.pi * (x + y))), pl.Periodic(on="x"), pl.Periodic(on="y")]
L_SHAPE = pl.Problem(
    domain=pl.Polygon([(0, 0), (0, 1), (-1, 1), (-1, -1), (1, -1), (1, 0)]),
    unknowns="u",
    equations=lambda u: u.xx + u.yy - 1,
    conditions=[pl.Dirichlet(u=0.0)],
)


def carried(speed: float, k: float = 0.0, **options) -> pl.Problem:
    """A wave on a circle of length 1."""
    start = [pl.Initial(u=lambda x: torch.sin(2 * math.pi * x)), pl.Periodic(on="x")]
    options = {"conditions": start, "velocity": lambda c: c, **options}
    return pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u, c, k: u.t + c * u.x - k * u.xx,
        parameters={"c": speed, "k": k}, **options,
    )  # fmt: skip


def swirling(strength: float, k: float = 0.0) -> pl.Problem:
    """Transport in the plane by a flow that turns."""
    across, upward = (
        (lambda y: strength * torch.sin(2 * math.pi * y)),
        (lambda x: strength * torch.sin(2 * math.pi * x)),
    )
    return PLANE.replace(
        equations=lambda u, x, y: u.t + across(y) * u.x + upward(x) * u.y - k * (u.xx + u.yy),
        conditions=TORUS,
        velocity=(across, upward),
    )


def growing(rate: float) -> pl.Problem:
    """In four dimensions of space, periodic."""
    conditions = [
        pl.Initial(u=lambda w, x, y, z: torch.sin(2 * math.pi * (w + x + y + z))),
        *(pl.Periodic(on=n) for n in "wxyz"),
    ]
    return MANY.replace(equations=lambda u: u.t - u.laplacian - rate * u, conditions=conditions)


EXPERTS, MOVING = pl.HardConstraintMoE(), pl.LagrangianPINN()
PLANE_MOVING = {"trajectory": pl.MLP(width=21, depth=2), "harmonics": 2}
NETWORK = pl.PINN(network=pl.MLP(width=21))
CASES = {
    "smooth": (HEAT, EXPERTS, "not trained"),
    "an ODE": (pl.Problem(pl.Box(t=(0.0, 1.0)), "u", lambda u: u.t + u, [pl.Initial(u=1.0)]), EXPERTS, "not trained"),
    "steady": (PLANE.replace(domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), equations=lambda u: u.xx + u.yy - 1,
                             conditions=[pl.Dirichlet(u=0.0)]), EXPERTS, "not trained"),
    "family": (FAMILY, pl.ParameterCollocation(pl.HardConstraintMoE()), "family over k: members that local experts solve"),
    "a family of many numbers": (FIVE_NUMBERS, pl.HardConstraintMoE(), "experts over trained basis functions"),
    "a family of functions": (FUNCTIONS, pl.HardConstraintMoE(), "family over u0: experts over trained basis functions"),
    "a family in many dimensions": (SPACE_FAMILY, pl.HardConstraintMoE(), "experts over trained basis functions"),
    "inverse": (HEAT.replace(parameters={"k": pl.Unknown(0.1)}, reference=None), NETWORK, "k to be found from data"),
    "a jump that is carried": (JUMP, MOVING, "one network on characteristics"),
    "a jump": (STEEPENING, NETWORK, "not smooth enough"),
    "no start": (HEAT.replace(conditions=[pl.Dirichlet(u=0.0)], reference=None), NETWORK, "no initial state"),
    "the plane with time": (PLANE, EXPERTS, "marched and not trained"),
    "a disc with time": (PLANE.replace(domain=pl.Ball({"x": 0.0, "y": 0.0}, 1.0) * pl.Box(t=(0.0, 1.0))), EXPERTS,
                         "marched and not trained"),
    "no start in the plane": (PLANE.replace(conditions=[pl.Dirichlet(u=0.0)]), NETWORK, "no initial state"),
    "space with time": (SPACE, EXPERTS, "local experts on cells of space, marched and not trained"),
    "many dimensions": (MANY, NETWORK, "many dimensions"),
    "a polygon": (L_SHAPE, EXPERTS, "not trained"),
    "carried a little": (carried(1.0), EXPERTS, "not trained"),
    "carried far": (carried(50.0), MOVING, "50 domain lengths to the end): one network on characteristics"),
    "carried far, velocity not given": (carried(50.0, velocity=None), EXPERTS, "not trained"),
    "carried far, diffusing more": (carried(50.0, k=10.0), EXPERTS, "not trained"),
    "carried in the plane": (swirling(0.1), pl.LagrangianPINN(**PLANE_MOVING), "transport dominates (Peclet number inf"),
    "turning in the plane": (swirling(1.0), pl.LagrangianPINN(windows=6, warm_start=True, **PLANE_MOVING),
                             "in 6 time windows"),
    "diffusing in the plane": (swirling(0.1, k=0.1), EXPERTS, "marched and not trained"),
    "growing in many dimensions": (growing(9.0), pl.CausalPINN(windows=3, network=pl.MLP(width=18)),
                             "3 times as long as its fastest motion"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_choice_and_its_reason(name: str) -> None:
    problem, solver, reason = CASES[name]
    choice = choose(problem, SETTINGS, 60.0)
    assert settings_of(choice.solver) == settings_of(solver) and reason in choice.why


def settings_of(solver: Solver) -> dict:
    """Networks are compared by their width."""
    widths = {name: value.width for name, value in vars(solver).items() if isinstance(value, pl.MLP)}
    return {"kind": type(solver), **vars(solver), **widths}


def test_without_experts_a_choice_is_certain() -> None:
    assert not choose(HEAT, SETTINGS, 60.0).certain
    for name in ("smooth", "family", "inverse", "a jump", "a polygon"):
        choice = choose(CASES[name][0], SETTINGS, 60.0, experts=False)
        assert choice.certain and type(choice.solver) is (pl.HardConstraintMoE if name == "family" else pl.PINN)


def test_a_family_whose_members_take_too_long_is_trained() -> None:
    choice = choose(FAMILY, SETTINGS, 60.0)
    assert not choice.certain
    after = choose(FAMILY, SETTINGS, 30.0, experts=False)
    assert after.certain and after.solver == pl.HardConstraintMoE() and "trained basis functions" in after.why


def test_windows_follow_the_growth_and_the_budget() -> None:
    assert [windows_for(growing(rate), 1000.0) for rate in (0.0, 3.0, 9.0, 30.0, 3000.0)] == [1, 1, 3, 10, 64]
    assert [windows_for(growing(30.0), seconds) for seconds in (10.0, 30.0, 100.0)] == [1, 2, 6]


def test_width_follows_the_budget() -> None:
    # 4 P^3 multiplications a step, 100 steps, 5e9 a second: P = 908 in 60 s, and w = sqrt(P / 2)
    assert [width_for(seconds) for seconds in (1.0, 12.0, 60.0, 600.0, 1e5)] == [11, 16, 21, 30, 30]


def test_solve_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    solution = pl.solve(HEAT, target_error=1e-6)
    assert "HardConstraintMoE for at most 60 s: a smooth single instance" in capsys.readouterr().err
    assert solution.status is pl.Status.TARGET_REACHED
    assert solution.error()["u"] < 1e-13


def test_a_network_takes_over_from_experts_that_find_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Bratu's problem beyond its fold has no solution: Gauss-Newton converges nowhere."""
    bratu = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u.xx + 20 * torch.exp(u), [pl.Dirichlet(u=0.0)])
    solution = pl.solve(bratu, max_seconds=1.0)
    first, second = (line for line in capsys.readouterr().err.splitlines() if line.startswith("pinnlab: "))
    assert "HardConstraintMoE for at most 1 s" in first and "PINN for at most" in second
    assert isinstance(solution.solver, pl.PINN)


@pytest.mark.slow
def test_a_network_takes_over_from_experts_that_get_stuck() -> None:
    """u_t = u^2 from 1 is infinite at t = 1: slabs become too short there."""
    blow_up = pl.Problem(pl.Box(t=(0.0, 1.5)), "u", lambda u: u.t - u**2, [pl.Initial(u=1.0)])
    assert not isinstance(pl.solve(blow_up, max_seconds=20.0, progress=False).solver, pl.HardConstraintMoE)


@pytest.mark.parametrize("name", ["smooth", "a jump", "a polygon"])
def test_the_budget_is_kept(name: str) -> None:
    solution = pl.solve(CASES[name][0].replace(reference=None), max_seconds=1.0, progress=False)
    # a step may be on its way when time is up
    assert solution.seconds < 10.0
