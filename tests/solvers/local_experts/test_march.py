"""Marched experts against exact solutions: every kind of condition, order, number of unknowns and of coordinates."""

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from known_problems import CASES, HEAT, SCHROEDINGER, SETTINGS, solve

import pinnlab as pl
from pinnlab.machine import files
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.local_experts.basis import Chebyshev
from pinnlab.solvers.local_experts.march import SlabMarch
from pinnlab.solvers.local_experts.plan import LocalExperts
from pinnlab.solvers.local_experts.settings import MarchSettings
from pinnlab.training.loop import run
from pinnlab.training.ongoing import RunOptions
from pinnlab.training.plans import Settings


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
        conditions=[pl.Initial(u=lambda x, y: torch.sin(math.pi * x) * torch.sin(math.pi * y)), pl.Dirichlet(u=0.0)],
        reference=lambda x, y, t: torch.exp(-0.2 * math.pi**2 * t) * torch.sin(math.pi * x) * torch.sin(math.pi * y),
    )
    solver = LocalExperts(degrees={"x": 6, "y": 6, "t": 4}, tolerance=1e-4)
    solution = pl.solve(problem, solver, progress=False)
    assert solution.error()["u"] < 1e-5


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
    conditions=[pl.Initial(u=lambda x: -torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
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


def test_a_march_ends_only_once() -> None:
    march = SlabMarch(HEAT, Chebyshev((8, 6)), MarchSettings(1e-5, 1e-5, {"x": np.array([0.0, 1.0])}))
    while not march.done:
        march.attempt()
    assert march.share == 1.0 and march.pieces[-1].region.bounds["t"][1] == 1.0


def test_of_two_solutions_the_one_near_the_data_is_found() -> None:
    """u = 2 + (v - 2) x with v - 2 + v^4 = 4.5625 at the end: v is 1.5 or -1.69, a temperature that nobody means."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u: u.xx,
        [pl.Dirichlet(u=2.0, on="x-"), pl.Condition(lambda u, n: u.d(n) + u**4 - 4.5625, on="x+")],
    )  # fmt: skip
    for solution in (pl.solve(problem, max_seconds=10, progress=False), pl.reference_solution(problem)):
        assert float(solution(x=np.array([1.0]))["u"][0]) == pytest.approx(1.5, abs=1e-6)
