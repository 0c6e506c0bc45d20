"""Marched experts against exact solutions: every kind of condition, order, number of unknowns and of coordinates."""

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.conditions import AnyCondition
from pinnlab.declaration.terms import Term
from pinnlab.domains import Site
from pinnlab.machine import files
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.choice import choose
from pinnlab.solvers.local_experts.basis import Chebyshev
from pinnlab.solvers.local_experts.discretization import Discretization
from pinnlab.solvers.local_experts.march import SlabMarch
from pinnlab.solvers.local_experts.plan import LocalExperts
from pinnlab.solvers.local_experts.profiles import jump_profile, kink_profile
from pinnlab.solvers.local_experts.settings import MarchSettings
from pinnlab.training.loop import run
from pinnlab.training.ongoing import RunOptions
from pinnlab.training.plans import NothingSolvedError, Settings

PI = math.pi
SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)
HEAT = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u: u.t - 0.1 * u.xx,
    conditions=[pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0)],
    reference=lambda x, t: torch.exp(-0.1 * PI**2 * t) * torch.sin(PI * x),
)
NEUMANN = HEAT.replace(
    conditions=[pl.Initial(u=lambda x: torch.cos(PI * x)), pl.Neumann(u=0.0)],
    reference=lambda x, t: torch.exp(-0.1 * PI**2 * t) * torch.cos(PI * x),
)
ROBIN = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 2.0)),
    unknowns="u",
    equations=lambda u, x, t: u.t - 0.1 * u.xx - torch.sin(x) * (torch.cos(t) + 0.1 * torch.sin(t)),
    conditions=[
        pl.Initial(u=0.0),
        pl.Dirichlet(u=0.0, on="x-"),
        pl.Robin(u=(1.0, 1.0, lambda t: torch.sin(t) * (math.sin(1) + math.cos(1))), on="x+"),
    ],
    reference=lambda x, t: torch.sin(t) * torch.sin(x),
)
WAVE = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u: u.tt - 4 * u.xx,
    conditions=[pl.Initial(u=lambda x: torch.sin(PI * x) + 0.5 * torch.sin(4 * PI * x), u_t=0.0), pl.Dirichlet(u=0.0)],
    reference=lambda x, t: (
        torch.sin(PI * x) * torch.cos(2 * PI * t) + 0.5 * torch.sin(4 * PI * x) * torch.cos(8 * PI * t)
    ),
)
SCHROEDINGER = pl.Problem(
    domain=pl.Box(x=(0.0, 2 * PI), t=(0.0, 1.0)),
    unknowns=("u", "v"),
    equations=lambda u, v: {"real": u.t + v.xx, "imaginary": v.t - u.xx},
    conditions=[pl.Initial(u=lambda x: torch.cos(2 * x), v=lambda x: torch.sin(2 * x)), pl.Periodic(on="x")],
    reference=lambda x, t: {"u": torch.cos(2 * x - 4 * t), "v": torch.sin(2 * x - 4 * t)},
)
STEADY = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u, x: u.xx - u**3 + torch.sin(PI * x) * PI**2 + torch.sin(PI * x) ** 3,
    conditions=[pl.Dirichlet(u=0.0)],
    reference=lambda x: torch.sin(PI * x),
)
HELMHOLTZ = pl.Problem(
    domain=pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0)),
    unknowns="u",
    equations=lambda u, x, y: u.xx + u.yy + u + (17 * PI**2 - 1) * torch.sin(PI * x) * torch.sin(4 * PI * y),
    conditions=[pl.Dirichlet(u=0.0)],
    reference=lambda x, y: torch.sin(PI * x) * torch.sin(4 * PI * y),
)
OSCILLATOR = pl.Problem(
    domain=pl.Box(t=(0.0, 20.0)),
    unknowns="u",
    equations=lambda u: u.tt + u,
    conditions=[pl.Initial(u=1.0, u_t=0.0)],
    reference=lambda t: torch.cos(t),
)
CASES: dict[str, tuple[pl.Problem, float]] = {
    "heat": (HEAT, 1e-11),
    "Neumann": (NEUMANN, 1e-11),
    "Robin and a source": (ROBIN, 1e-10),
    "wave": (WAVE, 3e-8),
    "Schroedinger, periodic": (SCHROEDINGER, 3e-9),
    "steady, non-linear": (STEADY, 1e-12),
    "Helmholtz in the plane": (HELMHOLTZ, 3e-8),
    "oscillator": (OSCILLATOR, 1e-8),
}


def solve(problem: pl.Problem, **options: Any) -> pl.Solution:
    return pl.solve(problem, pl.HardConstraintMoE(**options), progress=False)


@pytest.mark.parametrize("features", ["chebyshev", "tanh"])
@pytest.mark.parametrize("name", CASES)
def test_exact_solutions(name: str, features: str) -> None:
    problem, bound = CASES[name]
    solution = solve(problem, features=features)
    assert solution.status is pl.Status.CONVERGED
    assert max(solution.error().values()) < bound


def test_burgers_adapts_cells_and_slabs() -> None:
    solution = solve(pl.load_problem("burgers"))
    assert solution.error()["u"] < 1e-8
    cells = [piece.cells for piece in solution.models]
    assert max(c.count for c in cells) > 4
    widths = np.diff(cells[-1].edges["x"])
    assert widths.min() < widths.max() / 8, "small cells at the front only"


def test_a_smaller_tolerance_is_more_accurate() -> None:
    problem = pl.load_problem("convection", c=10.0)
    loose, tight = (solve(problem, tolerance=t).error()["u"] for t in (1e-3, 1e-8))
    assert tight < 1e-4 * loose


def test_two_dimensions_and_time() -> None:
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 0.1)),
        unknowns="u",
        equations=lambda u: u.t - 0.1 * (u.xx + u.yy),
        conditions=[pl.Initial(u=lambda x, y: torch.sin(PI * x) * torch.sin(PI * y)), pl.Dirichlet(u=0.0)],
        reference=lambda x, y, t: torch.exp(-0.2 * PI**2 * t) * torch.sin(PI * x) * torch.sin(PI * y),
    )
    solver = LocalExperts(degrees={"x": 6, "y": 6, "t": 4}, tolerance=1e-4)
    solution = pl.solve(problem, solver, progress=False)
    assert solution.error()["u"] < 1e-5


# -- jumps at the boundary ---------------------------------------------------------------------------------------------


def test_the_rounded_jump_is_one_at_the_side() -> None:
    torch.testing.assert_close(jump_profile(torch.tensor([0.0, 1.0])), torch.tensor([1.0, 0.157299207]))


def test_a_jump_at_the_boundary_is_rounded_off() -> None:
    """Heat from u = 0 beside u = 1: the solution is erfc(x / sqrt(4 k t)) until it sees the other side."""
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 0.5)),
        unknowns="u",
        equations=lambda u: u.t - 0.01 * u.xx,
        conditions=[pl.Initial(u=0.0), pl.Dirichlet(u=1.0, on="x-"), pl.Dirichlet(u=0.0, on="x+")],
    )
    solution = solve(problem, tolerance=1e-6)
    x = np.linspace(0.0, 1.0, 101)
    for time in (0.01, 0.1, 0.5):
        exact = torch.erfc(torch.from_numpy(x) / math.sqrt(0.04 * time)).numpy()
        found = solution(x=x, t=time)["u"]
        # a layer of width w is what diffusion makes of the jump in the time w^2 / 4k: the solution is that much older
        older = (0.2 * math.sqrt(1e-6)) ** 2 / 0.04
        assert np.linalg.norm(found - exact) < 2 * older / (4 * time) * np.linalg.norm(exact) + 1e-6
    assert any("does not meet the boundary smoothly" in note for note in solution.notes)
    np.testing.assert_array_equal(solution(x=x, t=0.0)["u"], 0.0)


def test_only_conditions_on_values_are_rounded() -> None:
    made = Discretization(
        NEUMANN.replace(conditions=[pl.Initial(u=lambda x: x), pl.Neumann(u=0.0)]), Chebyshev((4, 3)), 1e-6
    )
    assert made.corners == []


def test_the_rounded_state_meets_a_robin_condition() -> None:
    problem = HEAT.replace(
        conditions=[pl.Initial(u=0.3), pl.Robin(u=(2.0, 0.5, 1.0), on="x+"), pl.Neumann(u=0.0, on="x-")]
    )
    made = Discretization(problem, Chebyshev((4, 3)), 1e-4)
    (corner,) = made.corners
    x = torch.tensor([[1.0 - 1e-9, 0.0]], dtype=torch.float64, requires_grad=True)
    u = 0.3 + corner(x)
    (slope,) = torch.autograd.grad(u.sum(), x)
    assert float((2.0 * u[0] + 0.5 * slope[0, 0]).detach()) == pytest.approx(1.0, abs=1e-5)


def test_the_rounded_kink_by_hand() -> None:
    distance = torch.tensor([0.0, 1.0, -1.0, 6.0], dtype=torch.float64)
    expected = [1 / math.sqrt(PI), 0.8427007929 + 0.3678794412 / math.sqrt(PI)]
    torch.testing.assert_close(kink_profile(distance)[:2], torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(kink_profile(distance)[2], kink_profile(distance)[1])
    assert float(kink_profile(distance)[3] - 6.0) == pytest.approx(0.0, abs=1e-14)


@pytest.mark.parametrize("start", [lambda x: x**2, lambda x: x + 0.3], ids=["kink", "jump"])
def test_a_periodic_seam_is_rounded_off(start: Any) -> None:
    """The rounded state and its slope are continuous where the period closes, and far from it nothing changes."""
    problem = pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t - u.xx,
        conditions=[pl.Initial(u=start), pl.Periodic(on="x")],
    )
    made = Discretization(problem, Chebyshev((4, 3)), 1e-4)
    (corner,) = made.corners
    assert corner.sides == (-1.0, 1.0)
    x = torch.tensor([[-1.0 + 1e-12, 0.0], [1.0 - 1e-12, 0.0], [0.2, 0.0]], dtype=torch.float64, requires_grad=True)
    u = start(x[:, 0]) + corner(x)
    (slope,) = torch.autograd.grad(u.sum(), x)
    torch.testing.assert_close(u[0], u[1], atol=1e-8, rtol=0)
    torch.testing.assert_close(slope[0, 0], slope[1, 0], atol=1e-6, rtol=0)
    assert float((u[2] - start(x[2, 0])).detach()) == 0.0


def test_a_smooth_periodic_state_stays() -> None:
    assert Discretization(SCHROEDINGER, Chebyshev((4, 3)), 1e-7).corners == []


# -- what can go wrong -------------------------------------------------------------------------------------------------


def test_a_travelling_jump_is_refused() -> None:
    problem = pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t + u.x,
        conditions=[pl.Initial(u=lambda x: torch.sign(x + 0.1)), pl.Periodic(on="x")],
    )
    with pytest.raises(ValueError, match=r"a jump or a kink near x = -0.1;.*experts=\{'x': \(-0.1,\)\}"):
        solve(problem)
    with pytest.raises(ValueError, match="more than 20 experts would be needed.*smooth the data"):
        solve(problem, most_experts=20)


def test_cells_may_meet_at_a_kink() -> None:
    """Heat from |x - 0.3|: with an edge at the kink the start is exact."""
    problem = pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 0.2)),
        unknowns="u",
        equations=lambda u: u.t - 0.1 * u.xx,
        conditions=[pl.Initial(u=lambda x: (x - 0.3).abs()), pl.Neumann(u=1.0)],
    )
    solution = solve(problem, experts={"x": (0.3,)}, tolerance=1e-5)
    assert solution.status is pl.Status.CONVERGED
    # far from the sides the exact solution is that of the whole line
    x, t = torch.linspace(0.0, 0.5, 11, dtype=torch.float64) - 0.3, 0.02
    spread = math.sqrt(4 * 0.1 * t)
    exact = x * torch.erf(x / spread) + spread / math.sqrt(PI) * torch.exp(-((x / spread) ** 2))
    np.testing.assert_allclose(solution(x=(x + 0.3).numpy(), t=t)["u"], exact.numpy(), rtol=0, atol=2e-6)


def test_an_unfinished_march_says_so() -> None:
    problem = pl.load_problem("convection", c=50.0)
    looks = itertools.count()  # a clock that goes on by a second whenever it is looked at
    settings = replace(SETTINGS, deadline=Deadline(40.0, 40.0, lambda: float(next(looks))))
    result = run(problem, pl.HardConstraintMoE(), settings, RunOptions(max_seconds=40.0, progress=False))
    solution = pl.Solution(**vars(result))
    assert solution.status is pl.Status.INCOMPLETE and not solution.status.ok
    end = solution.models[-1].region.bounds["t"][1]
    assert end < 1.0
    found = solution(x=1.0, t=np.array([end / 2, 1.0]))["u"]
    assert np.isfinite(found[0]) and np.isnan(found[1])


def test_a_callback_stops_the_march() -> None:
    solution = pl.solve(HEAT, pl.HardConstraintMoE(), callbacks=[lambda record: record.step == 2], progress=False)
    assert solution.status is pl.Status.INTERRUPTED and len(solution.models) == 2


def test_resuming_gives_the_same_numbers(tmp_path: Any) -> None:
    problem, solver = pl.load_problem("convection", c=5.0), pl.HardConstraintMoE()
    whole = pl.solve(problem, solver, progress=False)
    path, new = tmp_path / "march", []
    part = pl.solve(problem, solver, callbacks=[lambda r: r.step == 2], checkpoint=path, progress=False)
    assert len(part.models) == 2
    rest = pl.solve(problem, solver, callbacks=[new.append], checkpoint=path, progress=False)
    assert len(rest.history) == len(whole.history) == len(new) + 2
    for one, other in zip(whole.models, rest.models, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
    again = pl.solve(problem, solver, checkpoint=path, progress=False)
    assert again.error() == whole.error()


FRONT = pl.Problem(
    domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
    unknowns="u",
    equations=lambda u: u.t + u * u.x - 0.03 * u.xx,
    conditions=[pl.Initial(u=lambda x: -torch.sin(PI * x)), pl.Dirichlet(u=0.0)],
)
LAYER = pl.Problem(
    domain=pl.Box(x=(-1.0, 1.0)),
    unknowns="u",
    equations=lambda u, x: 0.005 * u.xx + x * u.x,
    conditions=[pl.Dirichlet(u=-1.0, on="x-"), pl.Dirichlet(u=1.0, on="x+")],
)


@pytest.mark.parametrize("problem", [FRONT, LAYER], ids=["front", "steady layer"])
def test_resuming_after_any_attempt_gives_the_same_numbers(problem: pl.Problem, tmp_path: Path) -> None:
    """Also after a rejected one: the next begins with what it found, on smaller cells."""

    def march() -> Any:
        return pl.HardConstraintMoE(tolerance=1e-5).plan(problem, Settings(torch.device("cpu"), torch.float64, 0))

    whole, accepted, stopped = march(), [], None
    while stopped is None:
        step = whole.advance()
        accepted.append(step.accepted)
        files.write(tmp_path / str(len(accepted)), {"pinnlab": "march", "state": whole.state()})
        stopped = step.stopped
    assert not all(accepted) and accepted[-1]
    for done in range(1, len(accepted)):
        rest = march()
        rest.restore(files.read(tmp_path / str(done))["state"])
        assert [rest.advance().accepted for _ in accepted[done:]] == accepted[done:]
        for one, other in zip(whole.pieces, rest.pieces, strict=True):
            np.testing.assert_array_equal(one.weights, other.weights)


@pytest.mark.parametrize("features", ["chebyshev", "tanh"])
def test_saved_and_loaded(tmp_path: Any, features: str) -> None:
    solution = solve(SCHROEDINGER, features=features)
    solution.save(tmp_path / "file.pt")
    loaded = pl.Solution.load(tmp_path / "file.pt", SCHROEDINGER)
    assert loaded.error() == pytest.approx(solution.error(), rel=1e-3), "of 1e-10, which rounding changes"
    here = {"x": np.linspace(0.0, 6.0, 7), "t": 0.7}
    np.testing.assert_array_equal(loaded(**here)["u"], solution(**here)["u"])
    np.testing.assert_allclose(loaded.residual(**here)["real"], solution.residual(**here)["real"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": "wavelets"}, "features='wavelets'.*'chebyshev', 'tanh'"),
        ({"tolerance": 0.0}, "tolerance=0.0.*between"),
        ({"degrees": {"x": 2}}, "degrees=.*'x': 2.*from 3 to 40"),
        ({"experts": {"t": 3}}, "time slabs are found by the solver itself"),
        ({"experts": {"y": 3}}, "'y' is none of the coordinates x, t"),
        ({"experts": {"x": (2.0,)}}, r"increasing positions strictly inside \(0, 1\)"),
        ({"most_experts": 0}, "most_experts=0"),
        ({"degrees": {"q": 5}}, r"degrees={'q': 5}\): 'q' is none of the coordinates x, t"),
        ({"experts": {"x": "two"}}, r"experts={'x': 'two'}\): give a number of equal parts"),
    ],
)
def test_bad_settings(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        solve(HEAT, **options)


def test_problems_it_cannot_solve() -> None:
    unknown = pl.Problem(
        domain=HEAT.domain,
        unknowns="u",
        equations=lambda u, k: u.t - k * u.xx,
        conditions=HEAT.conditions,
        parameters={"k": pl.Unknown(1.0)},
    )
    with pytest.raises(ValueError, match=r"unknown parameters \('k',\).*use PINN"):
        solve(unknown)
    with pytest.raises(ValueError, match=r"no initial value of u: add Initial\(u=...\)"):
        solve(HEAT.replace(conditions=[pl.Dirichlet(u=0.0)]))
    with pytest.raises(ValueError, match=r"most_experts=9\): an ordinary differential equation has one expert"):
        solve(OSCILLATOR, most_experts=9)


class Middle(AnyCondition):
    """u = 0 at the middle of the box."""

    def terms(self, context: Any) -> list[Term]:
        def draw(unit: Any, n: int) -> tuple[Site, ...]:
            return (context.region.interior(torch.full((1, 2), 0.5, dtype=torch.float64)),)

        return [Term("data", ("middle",), draw, lambda scopes: {"middle": scopes[0].fields["u"].value}, 1.0)]


JUMP = HEAT.replace(
    equations=lambda u: u.t + u.x,
    conditions=[pl.Initial(u=lambda x: torch.sign(x - 0.4)), pl.Dirichlet(u=-1.0, on="x-")],
)
SPACE = pl.Problem(
    pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - u.xx - u.yy - u.zz,
    [pl.Initial(u=0.0), pl.Dirichlet(u=0.0), pl.Data({"x": [0.5], "y": [0.5], "z": [0.5], "t": [0.5]}, u=[0.0])],
)  # fmt: skip
OBSTACLES = {
    "no start": (HEAT.replace(conditions=[pl.Dirichlet(u=0.0)]), ValueError, "no initial condition"),
    "a jump": (JUMP, NothingSolvedError, "a jump or a kink near x = 0.4"),
    "a point inside": (
        HEAT.replace(conditions=[*HEAT.conditions, Middle(None, 1.0, {})]),
        ValueError,
        "Middle.*points inside",
    ),
    "three dimensions": (SPACE, ValueError, "each expert 7000 functions.*lower degrees"),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_the_plan_raises_what_the_obstacle_says(name: str) -> None:
    problem, kind, message = OBSTACLES[name]
    why = pl.HardConstraintMoE().obstacle(problem)
    assert why is not None
    with pytest.raises(kind, match=message) as raised:
        pl.HardConstraintMoE().plan(problem, SETTINGS)
    assert str(raised.value) == why and raised.type is kind
    assert pl.HardConstraintMoE().obstacle(HEAT) is None


def test_local_experts_alone_refuse_a_family() -> None:
    family = pl.Problem(
        HEAT.domain, "u", lambda u, k: u.t - k * u.xx, HEAT.conditions, {"k": pl.Uniform(0.1, 0.2)}
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"'k' is a family; solve a member, problem.at\(k=...\)"):
        LocalExperts().plan(family, SETTINGS)


@pytest.mark.parametrize("changes", [{"dtype": torch.float32}, {"device": torch.device("cuda")}])
def test_it_runs_in_float64_on_the_cpu_only(changes: dict[str, Any]) -> None:
    settings = replace(SETTINGS, **changes)
    with pytest.raises(
        ValueError, match="in float64 on the CPU, not in .*; leave out dtype and device, or give network"
    ):
        pl.HardConstraintMoE().plan(HEAT, settings)
    choice = choose(HEAT, settings, 60.0)
    assert isinstance(choice.solver, pl.PINN) and "float64 on the CPU only" in choice.why


def test_a_march_ends_only_once() -> None:
    march = SlabMarch(HEAT, Chebyshev((8, 6)), MarchSettings(1e-5, 1e-5, {"x": np.array([0.0, 1.0])}))
    while not march.done:
        march.attempt()
    assert march.share == 1.0 and march.pieces[-1].region.bounds["t"][1] == 1.0


@pytest.mark.parametrize(("right", "status"), [(0.0, pl.Status.CONVERGED), (0.1, pl.Status.UNRESOLVED)])
def test_slopes_that_do_not_balance_the_source_leave_no_solution(right: float, status: pl.Status) -> None:
    """u'' = cos(pi x) with u' = 0 on the left has u' = sin(pi x) / pi, which is 0 on the right."""
    ends = [pl.Neumann(u=0.0, on="x-"), pl.Neumann(u=right, on="x+")]
    line = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u, x: u.xx - torch.cos(PI * x), ends)
    solution = solve(line)
    assert solution.status is status
    assert any("known up to a constant" in note for note in solution.notes)
    assert any("no function solves all equations" in n for n in solution.notes) is (status is pl.Status.UNRESOLVED)


def test_rows_that_are_off_on_few_cells_only_are_no_contradiction() -> None:
    """A quick wave of fourth order: cells resolve its values long before its fourth derivative holds."""
    wave = lambda x: 0.24 * torch.sin(36.4 * x) + 0.76 * torch.sin(7 * x)  # noqa: E731
    slope = lambda x: 0.24 * 36.4 * math.cos(36.4 * x) + 0.76 * 7 * math.cos(7 * x)  # noqa: E731
    ends = [pl.Dirichlet(w=wave), pl.Neumann(w=-slope(0.0), on="x-"), pl.Neumann(w=slope(1.0), on="x+")]

    def beam(w: Any, x: Any) -> Any:
        load = 0.24 * (36.4**4 + 541) * torch.sin(36.4 * x) + 0.76 * (7**4 + 541) * torch.sin(7 * x)
        return w.d("x", "x", "x", "x") + 541 * w - load

    solution = solve(pl.Problem(pl.Box(x=(0.0, 1.0)), "w", beam, ends, reference=wave))
    assert solution.status is pl.Status.CONVERGED and solution.error()["w"] < 1e-6


def test_a_slope_too_many_leaves_no_solution() -> None:
    ends = [pl.Dirichlet(u=0.0), pl.Neumann(u=3.0, on="x-")]
    solution = solve(pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u - u.xx, ends))
    assert solution.status is pl.Status.UNRESOLVED
    assert any("conditions contradict one another" in note for note in solution.notes)


def test_a_blow_up_ends_with_a_status() -> None:
    """u' = u^2 from 1 has its pole at t = 1."""
    problem = pl.Problem(
        domain=pl.Box(t=(0.0, 2.0)), unknowns="u", equations=lambda u: u.t - u**2, conditions=[pl.Initial(u=1.0)]
    )
    solution = solve(problem)
    assert solution.status is pl.Status.UNRESOLVED
    np.testing.assert_allclose(solution(t=0.5)["u"], 2.0, rtol=1e-11)
    assert math.isnan(solution(t=1.5)["u"])


def test_of_two_solutions_the_one_near_the_data_is_found() -> None:
    """u = 2 + (v - 2) x with v - 2 + v^4 = 4.5625 at the end: v is 1.5 or -1.69, a temperature that nobody means."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u: u.xx,
        [pl.Dirichlet(u=2.0, on="x-"), pl.Condition(lambda u, n: u.d(n) + u**4 - 4.5625, on="x+")],
    )  # fmt: skip
    for solution in (pl.solve(problem, max_seconds=10, progress=False), pl.reference_solution(problem)):
        assert float(solution(x=np.array([1.0]))["u"][0]) == pytest.approx(1.5, abs=1e-6)
