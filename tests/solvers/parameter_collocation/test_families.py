"""Families solved by members at nodes of their numbers, against exact solutions of members that were not solved."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.machine.deadline import Deadline
from pinnlab.solution.quality.report import Verdict
from pinnlab.solvers.parameter_collocation.plan import USEFUL, MemberMarch, digits
from pinnlab.training.plans import NothingSolvedError, Settings
from pinnlab.training.status import Status

FIN = pl.Problem(
    pl.Box(x=(0.0, 1.0)),
    "T",
    lambda T, m: T.xx - m**2 * T,
    [pl.Dirichlet(T=1.0, on="x-"), pl.Neumann(T=0.0, on="x+")],
    parameters={"m": pl.Uniform(0.5, 5.0)},
    name="fin",
)
EXPERTS = pl.HardConstraintMoE()
X = np.linspace(0.0, 1.0, 41)


def fin(m: Any, x: Any = X) -> Any:
    return np.cosh(m * (1 - x)) / np.cosh(m)


@pytest.fixture(scope="module")
def solved() -> pl.Solution:
    return pl.solve(FIN, progress=False, max_seconds=40)


def test_the_default_call_on_a_family_of_one_number(solved: pl.Solution) -> None:
    assert isinstance(solved.solver, pl.ParameterCollocation) and solved.status is Status.CONVERGED
    for m in (0.5, 0.6, 2.2, 4.7, 5.0):
        assert np.abs(solved.at(m=m)(x=X)["T"] - fin(m)).max() < 1e-6
    assert "members were solved" in solved.notes[0] and "log m" in solved.notes[0]


def test_a_member_is_a_solution_like_others(solved: pl.Solution, tmp_path: Path) -> None:
    m, member = 1.7, solved.at(m=1.7)
    assert np.abs(member.evaluate(lambda T: T.x, x=X) + m * np.sinh(m * (1 - X)) / np.cosh(m)).max() < 1e-5
    assert member.integrate(lambda T: T) == pytest.approx(math.tanh(m) / m, abs=1e-8)
    assert solved.integrate(lambda T: T, m=m) == pytest.approx(math.tanh(m) / m, abs=1e-8)
    assert np.abs(member.residual(x=X)["equation0"]).max() < 1e-4
    assert member.problem.parameters["m"] == m
    member.plot(path=tmp_path / "member.png")
    assert (tmp_path / "member.png").exists()


def test_derivatives_by_the_number(solved: pl.Solution) -> None:
    m = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(solved(x=torch.tensor(0.5, dtype=torch.float64), m=m)["T"], m)
    step = 1e-5
    expected = (fin(1.7 + step, 0.5) - fin(1.7 - step, 0.5)) / (2 * step)
    assert float(slope) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("known", [True, False], ids=["with the problem", "without"])
def test_files_of_a_family_and_of_a_member(solved: pl.Solution, tmp_path: Path, known: bool) -> None:
    problem = FIN if known else None
    solved.save(tmp_path / "family.pt")
    again = pl.Solution.load(tmp_path / "family.pt", problem)
    expected = solved.at(m=3.3)(x=X)["T"]
    assert np.array_equal(again.at(m=3.3)(x=X)["T"], expected)
    assert np.array_equal(again(x=X, m=3.3)["T"], expected)
    assert again.status is solved.status and again.notes == solved.notes
    with pytest.raises(ValueError, match=r"at\(m=7.0\): outside its family"):
        again.at(m=7.0)
    solved.at(m=3.3).save(tmp_path / "member.pt")
    member = pl.Solution.load(tmp_path / "member.pt", problem and problem.at(m=3.3))
    assert np.array_equal(member(x=X)["T"], expected)
    # a solution from a file can be written again
    again.save(tmp_path / "twice.pt")
    assert np.array_equal(pl.Solution.load(tmp_path / "twice.pt").at(m=3.3)(x=X)["T"], expected)


def test_reports_on_a_member_and_on_the_family(solved: pl.Solution) -> None:
    of_one = solved.report(m=2.0)
    assert of_one.verdict is Verdict.GOOD and "members drawn" not in of_one.sentence
    of_all = solved.report()
    assert (
        of_all.verdict is Verdict.GOOD and "the worst of 4 members drawn at random, that with m = " in of_all.sentence
    )
    with pytest.raises(ValueError, match="a comparison is of one member"):
        solved.report(solved.at(m=2.0).compare())


def test_what_is_asked_wrongly_is_told(solved: pl.Solution) -> None:
    with pytest.raises(ValueError, match=r"m is missing; write solution.at\(m=...\)"):
        solved.at()
    with pytest.raises(ValueError, match=r"at\(tolerance=1e-09\): .* not solved for when they are asked for"):
        solved.at(m=1.0, tolerance=1e-9)
    with pytest.raises(ValueError, match="this problem has no parameter with pl.Uniform"):
        pl.solve(FIN.at(m=1.0), pl.ParameterCollocation(EXPERTS), progress=False)
    with pytest.raises(ValueError, match="'u0' is a family of functions"):
        random = pl.Problem(
            pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - u.xx,
            [pl.Initial(u=lambda u0: u0), pl.Periodic(on="x")], {"u0": pl.RandomField(on="x", length_scale=0.5)},
        )  # fmt: skip
        pl.solve(random, pl.ParameterCollocation(EXPERTS), progress=False)
    with pytest.raises(TypeError, match="trains a network for each"):
        pl.solve(FIN, pl.ParameterCollocation(pl.HardConstraintMoE(network=pl.MLP(width=4))), progress=False)
    for options in ({"tolerance": 0.0}, {"most_members": 0}):
        with pytest.raises(ValueError, match="ParameterCollocation"):
            pl.ParameterCollocation(EXPERTS, **options)
    with pytest.raises(TypeError, match="give a solver"):
        pl.ParameterCollocation("experts")  # type: ignore[arg-type]


def test_several_unknowns_two_numbers_and_time_slabs() -> None:
    # a chain of decays A -> B: B = a / (b - a) (exp(-a t) - exp(-b t))
    chain = pl.Problem(
        pl.Box(t=(0.0, 2.0)),
        ("A", "B"),
        lambda A, B, a, b: {"A": A.t + a * A, "B": B.t - a * A + b * B},
        [pl.Initial(A=1.0, B=0.0)],
        parameters={"a": pl.Uniform(0.5, 1.0), "b": pl.Uniform(1.5, 2.0)},
    )
    solution = pl.solve(chain, pl.ParameterCollocation(EXPERTS, tolerance=1e-6), progress=False)
    assert solution.status is Status.CONVERGED
    t = np.linspace(0.0, 2.0, 33)
    for a, b in ((0.5, 2.0), (0.77, 1.61), (0.9, 1.9)):
        found = solution(t=t, a=a, b=b)
        assert np.abs(found["A"] - np.exp(-a * t)).max() < 5e-6
        assert np.abs(found["B"] - a / (b - a) * (np.exp(-a * t) - np.exp(-b * t))).max() < 5e-6


def test_natural_units_and_an_unsmooth_dependence_are_no_obstacle_and_told() -> None:
    # a load that begins at s, in newtons and metres; the solution is 3 k max(x - s, 0)^2
    late = pl.Problem(
        pl.Box(t=(0.0, 1000.0)),
        "u",
        lambda u, t, s: u.t - torch.relu(t - s) * 6e6,
        [pl.Initial(u=0.0)],
        parameters={"s": pl.Uniform(200.0, 800.0)},
    )
    solution = pl.solve(late, pl.ParameterCollocation(EXPERTS, most_members=7), progress=False)
    t = np.linspace(0.0, 1000.0, 50)
    off = np.abs(solution(t=t, s=430.0)["u"] - 3e6 * np.maximum(t - 430.0, 0.0) ** 2).max() / 3e12
    assert 1e-6 < off < 0.3
    assert solution.status is not Status.CONVERGED and "more than the tolerance" in solution.notes[0]


def test_the_end_of_the_time_is_told_and_leaves_what_there_is() -> None:
    narrow = FIN.replace(parameters={"m": pl.Uniform(1.0, 3.0)})
    march = MemberMarch(pl.ParameterCollocation(EXPERTS), narrow, Settings(torch.device("cpu"), torch.float64, 0))
    over = Deadline(1.0, 1.0, lambda: 2.0)
    assert march.advance(over).stopped is Status.BUDGET_REACHED and not march.pieces
    assert march.advance().accepted
    assert march.advance(over).stopped is Status.BUDGET_REACHED and len(march.pieces) == 1
    assert "no time to solve others" in march.notes[0]
    for _ in range(5):
        march.advance()
    assert march.advance(over).stopped is Status.BUDGET_REACHED
    assert 1e-7 < march.held_out < 1 and "more than the tolerance of 1e-07" in march.notes[0]


def test_without_time_for_one_member_nothing_comes_out() -> None:
    with pytest.raises(NothingSolvedError):
        pl.solve(FIN, pl.ParameterCollocation(EXPERTS), progress=False, max_seconds=1e-3)


def test_a_run_that_was_stopped_goes_on_with_the_same_numbers(tmp_path: Path) -> None:
    solver, path = pl.ParameterCollocation(EXPERTS, tolerance=1e-5), tmp_path / "run.pt"
    whole = pl.solve(FIN, solver, progress=False)
    stopped = pl.solve(
        FIN, solver, progress=False, checkpoint=path, callbacks=[lambda record: record.info["members"] == 6]
    )
    assert stopped.status is Status.INTERRUPTED
    again = pl.solve(FIN, solver, progress=False, checkpoint=path)
    assert again.status is whole.status and again.notes == whole.notes
    assert np.array_equal(again(x=X, m=2.9)["T"], whole(x=X, m=2.9)["T"])


def test_members_that_cannot_be_solved_are_named() -> None:
    # u = 1 / (1 - a t): beyond a = 1 members are infinite before the end
    family = pl.Problem(
        pl.Box(t=(0.0, 1.0)), "u", lambda u, a: u.t - a * u**2, [pl.Initial(u=1.0)], {"a": pl.Uniform(0.1, 1.4)}
    )
    solution = pl.solve(family, pl.ParameterCollocation(EXPERTS), progress=False, max_seconds=8)
    assert solution.status is Status.UNRESOLVED
    assert any("the member a = 1.4 could not be solved" in note for note in solution.notes)


def test_digits_by_hand() -> None:
    assert digits(USEFUL) == pytest.approx(0.25) and digits(USEFUL**2) == pytest.approx(0.5)
    assert digits(0.0) == 1.0 and digits(2.0) == 0.0 and digits(math.nan) == 0.0


def test_where_another_solver_waits_slow_members_are_given_up_early() -> None:
    march = MemberMarch(pl.ParameterCollocation(EXPERTS), FIN, Settings(torch.device("cpu"), torch.float64, 0))
    now = [0.0]
    deadline = Deadline(10.0, 20.0, lambda: now[0], extra=10.0)
    assert march.patience(deadline).at == pytest.approx(3 * 20.0 / 9), "nine members have to fit into twenty seconds"
    deadline.extra = 0.0
    assert march.patience(deadline) is deadline, "nobody waits"
