"""The state at the end: solved backwards, by every solver with the numbers of the problem that is mirrored by hand."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from priced_options import option

import pinnlab as pl
from pinnlab.solvers.windows import by_window

ADAM = (pl.Adam(steps=3),)
SMALL = pl.MLP(width=6, depth=2)
END = 0.5
"""Problems run from 0 to this time: mirrored times are exact."""


def backward(sign: float, **changes: Any) -> pl.Problem:
    """u_t + u u_x + 0.05 u_xx = 0 from the end; with sign -1 the same in the time that is left, from the start."""
    start = lambda x: 1 + 0.3 * torch.sin(2 * torch.pi * x)  # noqa: E731
    given: dict[str, Any] = {
        "unknowns": "u",
        "equations": lambda u, t: sign * u.t + u * u.x + 0.05 * u.xx - 0.1 * _time(t, sign),
        "conditions": [pl.Final(u=start) if sign > 0 else pl.Initial(u=start), pl.Periodic(on="x")],
        "velocity": lambda u: sign * u,
    }
    return pl.Problem(pl.Box(x=(0.0, 1.0), t=(0.0, END)), **{**given, **changes})


def family(sign: float) -> pl.Problem:
    start = lambda x, a: 1 + a * torch.sin(2 * torch.pi * x)  # noqa: E731
    condition = pl.Final(u=start) if sign > 0 else pl.Initial(u=start)
    return backward(sign, parameters={"a": pl.Uniform(0.1, 0.3)}, conditions=[condition, pl.Periodic(on="x")])


def inverse(sign: float) -> pl.Problem:
    rng = np.random.default_rng(0)
    x, t, u = rng.uniform(size=9), rng.uniform(0.0, END, size=9), rng.uniform(size=9)
    found = backward(sign)
    data = pl.Data(points={"x": x, "t": t if sign > 0 else END - t}, u=u)
    return found.replace(
        equations=lambda u, k: sign * u.t + u * u.x + k * u.xx,
        parameters={"k": pl.Unknown(0.1)},
        conditions=[*found.conditions, data],
    )


def wave(sign: float) -> pl.Problem:
    given = {"u": lambda x: torch.sin(torch.pi * x), "u_t": lambda x: sign * torch.sin(torch.pi * x)}
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, END)),
        unknowns="u",
        equations=lambda u: u.tt + sign * u.t - u.xx,
        conditions=[pl.Final(**given) if sign > 0 else pl.Initial(**given), pl.Dirichlet(u=0.0)],
    )


def decay(sign: float) -> pl.Problem:
    condition = pl.Final(u=2.0) if sign > 0 else pl.Initial(u=2.0)
    return pl.Problem(pl.Box(t=(0.0, END)), "u", lambda u, t: sign * u.t - u * _time(t, sign), [condition])


def _time(t: Any, sign: float) -> Any:
    return t if sign > 0 else END - t


def positions(sign: float, *at: float) -> tuple[float, ...]:
    return at if sign > 0 else tuple(END - a for a in reversed(at))


SOLVERS: dict[str, tuple[Callable[[float], pl.Problem], Callable[[float], Any]]] = {
    "PINN": (backward, lambda s: pl.PINN(network=SMALL, stages=ADAM, points=64)),
    "an inverse problem": (inverse, lambda s: pl.PINN(network=SMALL, stages=ADAM, points=64)),
    "windows": (wave, lambda s: pl.CausalPINN(network=SMALL, stages=ADAM, windows=positions(s, 0.125, 0.25))),
    "causal": (backward, lambda s: pl.CausalPINN(network=SMALL, stages=ADAM)),
    "characteristics": (backward, lambda s: pl.LagrangianPINN(stages=ADAM, windows=2)),
    "subdomains": (
        backward,
        lambda s: pl.MultiDomainPINN(subdomains={"t": positions(s, 0.125, 0.25)}, network=SMALL, stages=ADAM),
    ),
    "local experts": (backward, lambda s: pl.HardConstraintMoE(tolerance=1e-4)),
    "local experts on a wave": (wave, lambda s: pl.HardConstraintMoE(tolerance=1e-4)),
    "family": (
        family,
        lambda s: pl.HardConstraintMoE(
            network=SMALL, basis=6, experts={"t": positions(s, 0.25)}, coupling="march", stages=ADAM
        ),
    ),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_numbers_are_those_of_the_problem_mirrored_by_hand(name: str, tmp_path: Any) -> None:
    problem, solver = SOLVERS[name]
    mine, by_hand = (pl.solve(problem(s), solver(s), max_seconds=60, progress=False) for s in (1.0, -1.0))
    rng = np.random.default_rng(1)
    x, t = rng.uniform(size=20), np.append(rng.uniform(0.0, END, size=18), [0.0, END])
    given = {"a": 0.2} if problem is family else {}
    found, expected = mine(x=x, t=t, **given)["u"], by_hand(x=x, t=END - t, **given)["u"]
    assert np.isfinite(found).all() and np.abs(found - expected).max() < 1e-12
    residuals = [s.residual(x=x, t=at, **given) for s, at in ((mine, t), (by_hand, END - t))]
    for key, values in residuals[0].items():
        assert np.abs(values - residuals[1][key]).max() < 1e-8
    assert mine.coefficients == by_hand.coefficients and mine.status == by_hand.status
    if problem is not family:
        mine.save(tmp_path / "solution.pt")
        loaded = pl.Solution.load(tmp_path / "solution.pt")
        assert np.abs(loaded(x=x, t=t)["u"] - found).max() < 1e-9


def test_classical_solutions_are_those_of_the_mirrored_problem() -> None:
    for problem in (wave, decay):
        mine, by_hand = (pl.reference_solution(problem(s), tolerance=1e-3) for s in (1.0, -1.0))
        assert mine.method == by_hand.method and mine.grid["t"].tolist() == by_hand.grid["t"].tolist()
        assert np.abs(mine.values["u"] - by_hand.values["u"][..., ::-1]).max() < 1e-12


# -- exact solutions


def test_the_price_of_a_call() -> None:
    solution = pl.solve(option(lambda S: torch.relu(S - 100)), progress=False)
    assert solution.error()["V"] < 1e-6
    # the textbook's number: at the money, a year before
    assert solution(S=100.0, t=0.0)["V"] == pytest.approx(10.450583572, abs=1e-5)


def expectation() -> pl.Problem:
    """E[X_1^2 | X_t = x] of dX = -X dt + 0.7 dW, by Kolmogorov's backward equation."""

    def exact(x: Any, t: Any) -> Any:
        decay = torch.exp(-2 * (1 - t))
        return x**2 * decay + 0.245 * (1 - decay)

    return pl.Problem(
        domain=pl.Box(x=(-2.0, 2.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, x: u.t - x * u.x + 0.245 * u.xx,
        conditions=[pl.Final(u=lambda x: x**2), pl.Dirichlet(u=exact, on="x")],
        reference=exact,
    )


def control() -> pl.Problem:
    """The least cost of holding a noisy state near zero: V = p(t) x^2 + c(t) with Riccati's p' = p^2 - 1, p = tanh."""

    def exact(x: Any, t: Any) -> Any:
        return torch.tanh(1 - t) * x**2 + 0.1 * torch.log(torch.cosh(1 - t))

    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="V",
        equations=lambda V, x: V.t + 0.05 * V.xx - V.x**2 / 4 + x**2,
        conditions=[pl.Final(V=0.0), pl.Dirichlet(V=exact, on="x")],
        reference=exact,
    )


def transport() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(2.0, 3.0)),
        unknowns="u",
        equations=lambda u: u.t + 0.7 * u.x,
        conditions=[pl.Final(u=lambda x: torch.sin(2 * torch.pi * x)), pl.Periodic(on="x")],
        velocity=0.7,
        reference=lambda x, t: torch.sin(2 * torch.pi * (x - 0.7 * (t - 3))),
    )


MIDDLE = {expectation: {"x": 0.5, "t": 0.3}, control: {"x": 0.5, "t": 0.3}, transport: {"x": 0.5, "t": 2.3}}


def test_the_report_of_a_backward_solution() -> None:
    solution = pl.solve(expectation(), progress=False)
    found = solution.report()
    assert found.verdict.value == "good" and [m.name for m in found.conditions][0] == "final u"
    assert solution.plot() is not None


@pytest.mark.parametrize("problem", [expectation, control, transport])
def test_exact_solutions(problem: Callable[[], pl.Problem]) -> None:
    solution = pl.solve(problem(), progress=False)
    assert max(solution.error().values()) < 1e-7
    assert max(pl.reference_solution(problem(), tolerance=1e-6)(**MIDDLE[problem]).values()) == pytest.approx(
        max(solution(**MIDDLE[problem]).values()), abs=1e-6
    )
    few = (pl.LevenbergMarquardt(steps=30),)
    network = pl.solve(problem(), pl.PINN(network=pl.MLP(width=12), stages=few, points=200), progress=False)
    assert max(network.error().values()) < 1e-3


def test_complex_unknowns_and_conditions_with_rates() -> None:
    wave = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 0.3)),
        unknowns={"psi": complex},
        equations=lambda psi: 1j * psi.t + psi.xx,
        conditions=[pl.Final(psi=lambda x: torch.sin(math.pi * x) + 0j), pl.Dirichlet(psi=0.0)],
    )
    expected = math.sin(0.3 * math.pi) * np.exp(-1j * math.pi**2 * (0.1 - 0.3))
    assert pl.solve(wave, progress=False)(x=0.3, t=0.1)["psi"] == pytest.approx(expected, abs=1e-7)
    pulse = lambda x: torch.exp(-40 * (x - 0.5) ** 2)  # noqa: E731
    leaving = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 0.2)),
        unknowns="u",
        equations=lambda u: u.tt - u.xx,
        conditions=[
            pl.Final(u=pulse, u_t=lambda x: 80 * (x - 0.5) * pulse(x)),
            pl.Condition(lambda u, n: u.t - u.d(n), on="x"),
        ],
    )
    assert pl.solve(leaving, progress=False)(x=0.4, t=0.1)["u"] == pytest.approx(1.0, abs=1e-5)


def test_data_that_clash_at_the_end() -> None:
    plate = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 0.1)),
        unknowns="u",
        equations=lambda u: u.t + u.xx,
        conditions=[pl.Final(u=0.0), pl.Dirichlet(u=1.0, on="x-"), pl.Dirichlet(u=0.0, on="x+")],
    )
    said = "u has no value at x = 0, t = 0.1, where the final value gives 0 and the boundary 'x-' 1"
    assert said in plate.check().notes
    solution = pl.solve(plate, progress=False)
    assert solution(x=0.2, t=0.04)["u"] == pytest.approx(math.erfc(0.2 / math.sqrt(0.24)), abs=1e-5)
    assert any("the final state of u does not meet the boundary smoothly" in note for note in solution.notes)


def test_other_regions_and_what_a_solution_is_asked_for() -> None:
    disc = pl.Ball(center={"x": 0.0, "y": 0.0}, radius=1.0) * pl.Box(t=(0.0, END))
    state = lambda x, y: 1 - x**2 - y**2  # noqa: E731
    solver = pl.PINN(network=SMALL, stages=ADAM, points=64)
    mine, by_hand = (
        pl.solve(
            pl.Problem(disc, "u", lambda u, s=s: s * u.t + u.xx + u.yy, [c, pl.Dirichlet(u=0.0)]),
            solver,
            progress=False,
        )
        for s, c in ((1.0, pl.Final(u=state)), (-1.0, pl.Initial(u=state)))
    )
    at, mirrored = {"x": 0.1, "y": 0.2, "t": 0.125}, {"x": 0.1, "y": 0.2, "t": END - 0.125}
    assert mine(**at)["u"] == by_hand(**mirrored)["u"]
    assert mine.evaluate(lambda u: u.t, **at) == pytest.approx(-by_hand.evaluate(lambda u: u.t, **mirrored), rel=1e-12)
    assert mine.integrate(lambda u: u, t=0.125) == pytest.approx(
        by_hand.integrate(lambda u: u, t=END - 0.125), rel=1e-9
    )


def test_windows_that_follow_one_another_backwards() -> None:
    whole = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
    windows = [whole.replace(t=(0.5, 1.0)), whole.replace(t=(0.25, 0.5))]
    points = torch.tensor([[0.5, t] for t in (1.0, 0.7, 0.5, 0.3, 0.25, 0.1)])
    found = dict(by_window(points, windows, whole))
    # where two meet, the one that was solved first; before the last one nothing is solved
    assert found[0].tolist() == [True] * 3 + [False] * 3
    assert found[1].tolist() == [False, False, False, True, True, False]
    (only,) = by_window(points, windows[:1], whole)
    assert only[0] == 0 and only[1].tolist() == [True] * 3 + [False] * 3


# -- states at both ends


def test_states_at_both_ends_make_a_boundary_value_problem_of_time() -> None:
    swing = pl.Problem(
        pl.Box(t=(0.0, 1.0)), "u", lambda u: u.tt + u, [pl.Initial(u=0.0), pl.Final(u_t=math.cos(1.0))],
        reference=lambda t: torch.sin(t),
    )  # fmt: skip
    assert swing.check().complete and "states at both ends" in swing.check().notes[-1]
    solution = pl.solve(swing, progress=False)
    assert solution.error()["u"] < 1e-8
    assert pl.reference_solution(swing)(t=0.5)["u"] == pytest.approx(math.sin(0.5), abs=1e-9)
    for solver in (pl.CausalPINN(), pl.PINN(windows=2)):
        with pytest.raises(ValueError, match="no (coordinate|time) 't'"):
            pl.solve(swing, solver, progress=False)


def game() -> pl.Problem:
    """A density m that spreads from the start and is drawn by a value v that is known at the end, on one cosine wave.

    With m = M(t) cos(pi x) and v = V(t) cos(pi x): (M, V)' = A (M, V), M(0) = 1, V(1) = 0.
    """
    rate = 0.1 * math.pi**2
    matrix = torch.tensor([[-rate, -0.5], [-1.0, rate]], dtype=torch.float64)
    to_end = torch.linalg.matrix_exp(matrix)
    first = torch.tensor([1.0, -float(to_end[1, 0] / to_end[1, 1])], dtype=torch.float64)

    def exact(x: Any, t: Any) -> Any:
        sizes = torch.linalg.matrix_exp(t.reshape(-1, 1, 1) * matrix) @ first
        wave = torch.cos(math.pi * x)
        return {name: wave * sizes[:, i].reshape(t.shape) for i, name in enumerate(("m", "v"))}

    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns=("m", "v"),
        equations=lambda m, v: {"m": m.t - 0.1 * m.xx + 0.5 * v, "v": v.t + 0.1 * v.xx + m},
        conditions=[pl.Initial(m=lambda x: torch.cos(math.pi * x)), pl.Final(v=0.0), pl.Neumann(m=0.0, v=0.0)],
        reference=exact,
    )


def test_forward_and_backward_unknowns_together() -> None:
    problem = game()
    assert problem.check().complete
    solution = pl.solve(problem, progress=False)
    assert max(solution.error().values()) < 1e-7
    assert max(pl.reference_solution(problem, tolerance=1e-6).error_estimate.values()) < 1e-6
    with pytest.raises(ValueError, match="CausalPINN needs time"):
        pl.solve(problem, pl.CausalPINN(), progress=False)
    with pytest.raises(ValueError, match="LagrangianPINN"):
        pl.solve(problem, pl.LagrangianPINN(), progress=False)
