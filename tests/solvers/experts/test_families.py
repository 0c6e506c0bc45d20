"""The amortized solver: gradients, training, members, failures."""

from __future__ import annotations

import dataclasses
import inspect
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pinnlab as pl
from pinnlab.algebra.least_squares import LeastSquares
from pinnlab.derivatives.grid import Grid
from pinnlab.derivatives.indices import closure
from pinnlab.solvers.experts.bases import GridBasis, Inputs, PointBasis, node_numbers, snapped
from pinnlab.solvers.experts.features import Features
from pinnlab.solvers.experts.plan import FamilyExperts
from pinnlab.solvers.experts.system import OperatorSystem
from pinnlab.training.plans import Settings

PI = math.pi
SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)
BOX = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
SMALL: dict[str, Any] = {
    "network": pl.MLP(width=12, depth=2),
    "basis": 12,
    "experts": {"x": 2},
    "batch": 1,
    "points": 64,
}
EXACT = LeastSquares(steps=60, tolerance=1e-10)


def heat(u: pl.Field, nu: float) -> pl.Field:
    return u.t - nu * u.xx


def family(**changes: Any) -> pl.Problem:
    given: dict[str, Any] = {
        "domain": BOX,
        "unknowns": "u",
        "equations": heat,
        "conditions": [pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Dirichlet(u=0.0)],
        "parameters": {"nu": pl.Uniform(0.05, 0.2)},
        "reference": lambda x, t, nu: torch.sin(PI * x) * torch.exp(-nu * PI**2 * t),
    }
    return pl.Problem(**{**given, **changes})


def soft_burgers() -> pl.Problem:
    conditions = [pl.Initial(u=lambda x: torch.sin(2 * PI * x), exact=False), pl.Dirichlet(u=0.0, exact=False)]
    return family(equations=lambda u, nu: u.t + u * u.x - nu * u.xx, conditions=conditions, reference=None)


def functions() -> pl.Problem:
    """Heat on a ring from a random initial state."""
    return pl.Problem(
        BOX, "u", lambda u: u.t - 0.02 * u.xx, [pl.Initial(u=lambda u0: u0), pl.Periodic(on="x")],
        {"u0": pl.RandomField(on="x")},
    )  # fmt: skip


def options_of(**changes: Any) -> dict[str, Any]:
    """The small ones, with changes; None leaves an option out."""
    return {name: value for name, value in {**SMALL, **changes}.items() if value is not None}


def system(problem: pl.Problem, **options: Any) -> OperatorSystem:
    found = FamilyExperts(**options_of(**options)).plan(problem, SETTINGS).start(0, []).system  # type: ignore
    assert isinstance(found, OperatorSystem)
    return found


# -- gradients ---------------------------------------------------------------------------------------------------------

GRID: dict[str, Any] = {"network": pl.FNO(modes=3, width=6, depth=2), "grid": {"x": 16, "t": 12}, "basis": 6}
VARIANTS = [
    (soft_burgers, {"coupling": "interface"}),
    (soft_burgers, {"coupling": "none"}),
    (soft_burgers, {"coupling": "march", "experts": {"x": 2, "t": 2}}),
    (soft_burgers, {"constraint": "global", "experts": None}),
    (soft_burgers, {"constraint": "soft", **dict.fromkeys(("experts", "basis", "search", "newton"))}),
    (soft_burgers, GRID),
    (family, {}),
    (functions, GRID),
]


@pytest.mark.parametrize(("make", "options"), VARIANTS)
def test_the_gradient_of_the_loss(make: Any, options: dict) -> None:
    s = system(make(), **{"search": EXACT, "newton": 2, **options})
    theta = s.model.theta
    direction = torch.randn(len(theta), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    direction /= direction.norm()
    _, gradient = s.loss_and_gradient(theta)
    h = 1e-5
    up, down = (s.loss_and_gradient(theta + step * direction)[0] for step in (h, -h))
    assert float(gradient @ direction) == pytest.approx(float((up - down) / (2 * h)), rel=2e-5)


def test_the_loss_is_no_sum_of_squares() -> None:
    s = system(family())
    for ask in (s.residuals, s.residuals_and_jacobian):
        with pytest.raises(TypeError, match="no sum of squares.*first-order"):
            ask(s.model.theta)


# -- training ----------------------------------------------------------------------------------------------------------


def test_a_family_is_learned_from_its_equations_alone() -> None:
    problem = family()
    solution = pl.solve(problem, pl.HardConstraintMoE(**SMALL, stages=(pl.Adam(steps=15),)), progress=False)
    for nu in (0.06, 0.19):
        member = solution.at(nu=nu)
        assert member.error()["u"] < 5e-3
        assert member.problem.parameters == {"nu": nu}
        assert np.abs(member.residual(x=0.3, t=np.linspace(0.1, 0.9, 5))["heat"]).max() < 0.05
    assert solution.error(members=2)["u"] < 2e-3
    inside = solution(x=0.5, t=np.array([0.2, 0.7]), nu=0.1)["u"]
    assert np.array_equal(inside, solution.at(nu=0.1)(x=0.5, t=np.array([0.2, 0.7]))["u"])
    assert inside == pytest.approx(np.exp(-0.1 * PI**2 * np.array([0.2, 0.7])), rel=1e-2)
    assert np.isnan(solution.residual(x=0.3, t=0.4, nu=0.1)["heat"]).sum() == 0
    losses = solution.history.column("held_out")
    assert np.isfinite(losses).all() and solution.history[-1].errors["u"] < 2e-3


def test_the_inner_solve_may_change_at_test() -> None:
    solution = pl.solve(family(), pl.HardConstraintMoE(**SMALL, stages=(pl.Adam(steps=5),)), progress=False)
    coarse = solution.at(nu=0.1, points=16)
    fine = solution.at(nu=0.1, points=600, tolerance=1e-12, steps=40)
    assert fine.error()["u"] < 0.9 * coarse.error()["u"] < 2e-3
    longer = solution.at(nu=0.1, domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.2)))
    assert longer(x=0.5, t=1.2)["u"] == pytest.approx(math.exp(-0.1 * PI**2 * 1.2), rel=5e-3)


def test_a_family_of_functions_on_a_grid() -> None:
    problem = functions()
    solver = pl.HardConstraintMoE(**{**SMALL, **GRID, "basis": 10}, stages=(pl.Adam(steps=6),))
    solution = pl.solve(problem, solver, progress=False)
    member = solution.at(u0=lambda x: torch.cos(2 * PI * x))
    exact = lambda x, t: torch.cos(2 * PI * x) * torch.exp(-0.02 * 4 * PI**2 * t)  # noqa: E731
    assert member.error(exact)["u"] < 0.15
    # initial values hold exactly, between nodes by interpolation; the experts at both ends are neighbours
    x = np.linspace(0, 1, 33)
    assert np.abs(member(x=x, t=0.0)["u"] - np.cos(2 * PI * x)).max() < 1e-12
    ends = [member(x=end, t=x)["u"] for end in (0.0, 1.0)]
    assert np.abs(ends[0] - ends[1]).max() < 0.02
    drawn = problem.sample(np.random.default_rng(3))
    known = pl.reference_solution(drawn)(x=x, t=0.5)["u"]
    assert np.linalg.norm(solution.at(u0=drawn.parameters["u0"])(x=x, t=0.5)["u"] - known) < 0.3 * np.linalg.norm(known)
    assert np.abs(solution.at(u0=0.5)(x=x, t=0.5)["u"] - 0.5).max() < 1e-12, "a constant stays"


def test_one_problem_with_a_network(tmp_path: Path) -> None:
    problem = family().at(nu=0.1)
    solution = pl.solve(problem, pl.HardConstraintMoE(**SMALL, stages=(pl.Adam(steps=10),)), progress=False)
    assert solution.error()["u"] < 3e-3
    assert np.abs(solution.residual(x=np.linspace(0.1, 0.9, 5), t=0.5)["heat"]).max() < 0.1
    assert solution.models[0].joints == {"x": (0.5,)}
    with pytest.raises(TypeError, match="no file form for experts over trained basis functions"):
        solution.save(tmp_path / "solution.pt")
    with pytest.raises(ValueError, match="this solution is of one problem, not of a family"):
        solution.at(nu=0.1)


def test_a_resumed_run_gives_the_same_numbers(tmp_path: Path) -> None:
    problem, stages = family(), (pl.Adam(steps=6), pl.Adam(steps=5))
    solver = pl.HardConstraintMoE(**SMALL, stages=stages)
    whole = pl.solve(problem, solver, progress=False)
    checkpoint = pl.Checkpoint(tmp_path / "run", every_seconds=0.0)
    stopped = pl.solve(problem, solver, progress=False, checkpoint=checkpoint, callbacks=[lambda record: True])
    assert stopped.status is pl.Status.INTERRUPTED
    # the first look at the run comes after its first stage
    new: list[Any] = []
    resumed = pl.solve(problem, solver, progress=False, checkpoint=checkpoint, callbacks=[new.append])
    assert [record.stage for record in new] == [1]
    x = np.linspace(0, 1, 7)
    assert resumed.status is pl.Status.STEPS_DONE and len(resumed.history) == len(whole.history)
    assert np.array_equal(whole(x=x, t=0.5, nu=0.1)["u"], resumed(x=x, t=0.5, nu=0.1)["u"])


def test_a_restored_system_draws_the_same() -> None:
    s = system(family())
    s.redraw()
    state, theta = s.state(), s.model.theta
    loss, gradient = s.loss_and_gradient(theta)
    s.redraw()
    other = s.loss_and_gradient(theta)[0]
    s.restore(state)
    again = s.loss_and_gradient(theta)
    assert float(other) != float(loss)
    assert torch.equal(again[0], loss) and torch.equal(again[1], gradient)
    s.redraw()
    assert float(s.loss_and_gradient(theta)[0]) == float(other)


# -- bases -------------------------------------------------------------------------------------------------------------


def test_a_grid_basis_has_the_grids_derivatives() -> None:
    grid = Grid(BOX, {"x": 16, "t": 9}, periodic=("x",))
    network = pl.FNO(modes=3, width=6, depth=2).built_grid(1, 4, 2, torch.Generator().manual_seed(0), (True, False))
    inputs = Inputs(torch.tensor([[0.3], [0.6]], dtype=torch.float64), [], [_no_ansatz()])
    basis = GridBasis(network.double(), grid, 1, 4, inputs)
    indices = closure([(0, 0), (1,)])
    points = grid.points.reshape(8, 18, 2)
    found = basis.expand(points, indices).basis
    assert found.shape == (2, 8, 1, len(indices), 18, 4)
    exact = grid.derivative(basis.values, ("x", "x"))
    at = found[:, :, 0, indices.index((0, 0))].reshape(2, 144, 4).transpose(1, 2).reshape(2, 4, 16, 9)
    assert torch.equal(at, exact)
    between = basis.between(grid.points, indices)
    assert torch.allclose(between, basis.nodes(grid.points, indices), atol=1e-11, rtol=0)


def test_nodes_by_number() -> None:
    grid = Grid(BOX, {"x": 4, "t": 5}, periodic=("x",), order=2)
    assert torch.equal(node_numbers(grid, grid.points), torch.arange(20))
    ends = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    assert node_numbers(grid, ends).tolist() == [0, 4]
    moved = snapped(grid, torch.tensor([[0.3, 0.6], [0.99, 0.05]], dtype=torch.float64))
    assert torch.allclose(moved, torch.tensor([[0.25, 0.5], [1.0, 0.0]], dtype=torch.float64), rtol=0, atol=1e-14)


def _no_ansatz() -> Any:
    return family(conditions=[]).exact_plan().ansatz


def test_point_bases_by_taylor_mode_and_by_autograd_agree() -> None:
    network = pl.MLP(3, 4, width=7, depth=2).double()

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, points: Tensor) -> Tensor:
            return self.inner(points)

    inputs = Inputs(torch.tensor([[0.3], [0.6]], dtype=torch.float64), [], [_no_ansatz()])
    points = torch.rand(2, 5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    indices = closure([(0, 0), (1,)])
    one = PointBasis(network, 1, 4, inputs).expand(points, indices).basis
    other = PointBasis(Own(), 1, 4, inputs).expand(points, indices).basis
    assert torch.allclose(one, other, atol=1e-12, rtol=0)


def test_features_take_coordinates_as_they_are() -> None:
    def similarity(p: Tensor) -> Tensor:
        x, t, nu = p.unbind(1)
        return torch.stack([torch.erf(x / torch.sqrt(4 * nu * (t + 0.1))), t, 10 * nu], dim=1)

    network = pl.MLP(width=16, depth=2, embedding=Features(similarity, 3))
    s = system(family(), network=network, search=EXACT, basis=5)
    theta = s.model.theta
    direction = torch.ones_like(theta) / len(theta) ** 0.5
    gradient = s.loss_and_gradient(theta)[1]
    h = 1e-5
    up, down = (s.loss_and_gradient(theta + step * direction)[0] for step in (h, -h))
    assert float(gradient @ direction) == pytest.approx(float((up - down) / (2 * h)), rel=2e-5)
    with pytest.raises(ValueError, match=r"mapped \(3, 3\) to \(3, 3\), not \(3, 2\)"):
        system(family(), network=pl.MLP(embedding=Features(similarity, 2)))


def test_conditions_that_clash_at_a_corner_become_soft() -> None:
    problem = family(
        conditions=[pl.Initial(u=lambda a: a), pl.Dirichlet(u=1.0)], parameters={"nu": 0.1, "a": pl.Uniform(0, 0.2)},
        reference=None,
    )  # fmt: skip
    place = system(problem).model.place
    assert place.plan.built_in == () and len(place.plan.soft) == 2


# -- bad input ---------------------------------------------------------------------------------------------------------


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


# -- options without effect ----------------------------------------------------------------------------------------------

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
