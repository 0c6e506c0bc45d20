"""Labels that enter through a side: exact conditions, where labels are, solutions, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import closure
from pinnlab.derivatives.taylor import Jet
from pinnlab.networks.embeddings import Rescale
from pinnlab.solvers.lagrangian.inflow import Entry, EntryAnsatz, entry_ansatz, entry_of

FEW = pl.LevenbergMarquardt(steps=20)
SMALL: dict[str, Any] = {
    "network": pl.MLP(width=6, depth=2), "trajectory": pl.MLP(width=8, depth=2), "points": 250, "stages": FEW
}  # fmt: skip
INDICES = closure([(0, 0), (0, 1), (1, 1)])


def exact(x: Any, t: Any, fading: float = 0.0) -> torch.Tensor:
    """Under u_t + (1 + x) u_x = -fading u, t - log(1 + x) stays: it is when a characteristic enters at x = 0."""
    x, t = torch.broadcast_tensors(torch.as_tensor(x), torch.as_tensor(t))
    entered = t - torch.log1p(x)
    xi = (1 + x) * torch.exp(-t) - 1
    age = torch.where(entered > 0, t - entered, t)
    return torch.where(entered > 0, torch.sin(3 * entered), torch.sin(-3 * xi)) * torch.exp(-fading * age)


def duct(fading: float = 0.0, **changes: Any) -> pl.Problem:
    """A flow that quickens from 1 to 2 on [0, 1], with a wave that is sent in at x = 0."""
    declared: dict[str, Any] = {
        "domain": pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        "unknowns": "u",
        "equations": lambda u, x: u.t + (1 + x) * u.x + fading * u,
        "conditions": [
            pl.Initial(u=lambda x: torch.sin(-3 * x)),
            pl.Dirichlet(u=lambda t: torch.sin(3 * t), on="x-"),
        ],
        "velocity": lambda x: 1 + x,
        "reference": lambda x, t: exact(x, t, fading),
    }
    return pl.Problem(**{**declared, **changes})


def test_when_labels_enter() -> None:
    """V = 2 at x = 1 on [1, 4], t in [5, 6]: the label at -1 + 1 = 0 enters half a unit late; labels reach 1 - 2 = -1."""
    entry = Entry(pl.Box(x=(1.0, 4.0), t=(5.0, 6.0)), 1.0, 2.0)
    assert entry.labels == (-1.0, 4.0)
    assert entry.delay(torch.tensor([-1.0, 0.0, 1.0, 3.0])).tolist() == [1.0, 0.5, 0.0, 0.0]
    against = Entry(entry.box, 4.0, -3.0)
    assert against.labels == (1.0, 7.0)
    assert against.delay(torch.tensor([1.0, 4.0, 5.5, 7.0])).tolist() == [0.0, 0.0, 0.5, 1.0]
    assert Entry(entry.box, None, 0.0).labels == (1.0, 4.0)


def test_points_are_labels_that_have_entered() -> None:
    for entry in (
        Entry(pl.Box(x=(1.0, 4.0), t=(5.0, 6.0)), 1.0, 2.0),
        Entry(pl.Box(x=(1.0, 4.0), t=(5.0, 6.0)), 4.0, -2.0),
    ):
        points = entry.draw(torch.rand(200, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
        place = points[:, 0] + entry.velocity * (points[:, 1] - 5.0)
        assert bool((entry.delay(points[:, 0]) <= points[:, 1] - 5.0 + 1e-12).all())
        assert bool((points[:, 0] >= entry.labels[0]).all() and (points[:, 0] <= entry.labels[1]).all())
        assert bool(((place > 1.0 - 1e-12) | (points[:, 0] > 1.0)).all())


def ansatz() -> EntryAnsatz:
    problem = duct(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 2.0)), velocity=lambda x, t: 2 + x + t, equations=lambda u, x, t: u.t
    )
    entry = entry_of(problem)
    assert entry is not None and entry.velocity == 2.0
    return entry_ansatz(problem, entry)


def test_exact_conditions_by_hand() -> None:
    """xi = -1 enters at tau = 1/2: with t = 3/2 the age is 1, v - V = (2 + 1/2) - 2 = 1/2, u = sin(3/2).

    F is the age by the length of time, 1/2, for the state, and its square for the displacement.
    """
    points = torch.tensor([[-1.0, 1.5], [0.5, 1.5]], dtype=torch.float64)
    offset, factor = ansatz().prepare(points, ((),))
    torch.testing.assert_close(offset[0, 0], torch.tensor([np.sin(1.5), 0.5], dtype=torch.float64))
    torch.testing.assert_close(factor[0, 0], torch.tensor([0.5, 0.25], dtype=torch.float64))
    # inside at the start: the age is t, v - V = 1/2 at (0.5, 0)
    torch.testing.assert_close(offset[0, 1], torch.tensor([np.sin(-1.5), 0.75], dtype=torch.float64))
    torch.testing.assert_close(factor[0, 1], torch.tensor([0.75, 0.5625], dtype=torch.float64))


def test_derivatives_of_exact_conditions() -> None:
    found = ansatz()
    points = torch.tensor([[-1.0, 1.5], [-0.3, 1.1], [0.5, 1.5], [0.9, 0.2]], dtype=torch.float64)
    offset, factor = found.prepare(points, INDICES)

    def by_hand(p: torch.Tensor) -> torch.Tensor:
        tau = (-p[:, 0] / 2).clamp_min(0)
        age, place = p[:, 1] - tau, p[:, 0].clamp_min(0)
        state = torch.where(p[:, 0] < 0, torch.sin(3 * tau), torch.sin(-3 * place))
        return torch.stack([state, age * (place + tau), age / 2, (age / 2) ** 2], dim=1)

    expected = autograd_jet(by_hand, points, INDICES).detach()
    torch.testing.assert_close(torch.cat([offset, factor], dim=2), expected)


def test_features_of_entering_labels() -> None:
    entry = Entry(pl.Box(x=(0.0, 1.0), t=(0.0, 2.0)), 0.0, 2.0)
    embedding = entry.delayed(Rescale([-4.0, 0.0], [1.0, 2.0]).to(torch.float64))
    assert embedding.width(2) == 3
    points = torch.tensor([[-1.0, 1.5], [0.5, 1.5]], dtype=torch.float64)
    data = embedding.propagate(Jet.of_points(points, ((), (0,), (1,)))).data
    assert data[:, :, 2].tolist() == [[0.25, 0.0], [-0.25, 0.0], [0.0, 0.0]]


@pytest.fixture(scope="module")
def sent_in() -> pl.Solution:
    return pl.solve(duct(), pl.LagrangianPINN(windows=2, warm_start=True, **SMALL), progress=False)


def test_a_wave_that_is_sent_in(sent_in: pl.Solution) -> None:
    assert sent_in.error()["u"] < 1e-4, sent_in.error()
    t, x = np.linspace(0, 1, 21), np.linspace(0, 1, 21)
    np.testing.assert_allclose(sent_in(x=0.0, t=t)["u"], np.sin(3 * t), rtol=0, atol=1e-11)
    np.testing.assert_allclose(sent_in(x=x, t=0.0)["u"], np.sin(-3 * x), rtol=0, atol=1e-13)
    assert abs(sent_in.residual(x=0.5, t=0.9)["equation0"]) < 1e-5


def test_paths_from_side_to_side(sent_in: pl.Solution) -> None:
    paths = sent_in.characteristics(9, 20)["x"]
    known = paths[np.isfinite(paths)]
    assert known.min() >= 0.0 and known.max() <= 1.0 and len(known) < paths.size


def test_states_that_fade_and_a_flow_against_x() -> None:
    mirrored = pl.Problem(
        pl.Box(x=(-1.0, 0.0), t=(0.0, 1.0)), "u", lambda u, x: u.t - (1 - x) * u.x + 2 * u,
        [pl.Initial(u=lambda x: torch.sin(3 * x)), pl.Dirichlet(u=lambda t: torch.sin(3 * t), on="x+")],
        velocity=lambda x: x - 1, reference=lambda x, t: exact(-torch.as_tensor(x), t, 2.0),
    )  # fmt: skip
    solution = pl.solve(mirrored, pl.LagrangianPINN(**SMALL), progress=False)
    assert solution.error()["u"] < 5e-3, solution.error()
    t = np.linspace(0, 1, 21)
    np.testing.assert_allclose(solution(x=0.0, t=t)["u"], np.sin(3 * t), rtol=0, atol=1e-11)


def test_velocity_of_the_state() -> None:
    """Burgers without viscosity on [0, 1], u = x / (1 + t) + 1 / (1 + t): linear in x, characteristics are straight."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t + u * u.x,
        [pl.Initial(u=lambda x: 1 + x), pl.Dirichlet(u=lambda t: 1 / (1 + t), on="x-")],
        velocity=lambda u: u, reference=lambda x, t: (1 + x) / (1 + t),
    )  # fmt: skip
    solution = pl.solve(problem, pl.LagrangianPINN(**SMALL), progress=False)
    assert solution.error()["u"] < 2e-4, solution.error()


def test_a_flow_that_leaves_on_both_sides_and_files(tmp_path: Path) -> None:
    problem = pl.Problem(
        pl.Box(x=(-1.0, 1.0), t=(0.0, 0.5)), "u", lambda u, x: u.t + x * u.x, [pl.Initial(u=lambda x: torch.cos(x))],
        velocity=lambda x: x, reference=lambda x, t: torch.cos(x * torch.exp(-torch.as_tensor(t))),
    )  # fmt: skip
    solution = pl.solve(problem, pl.LagrangianPINN(**SMALL), progress=False)
    assert solution.error()["u"] < 1e-4, solution.error()
    check_file(solution, tmp_path / "flow.pt")


def check_file(solution: pl.Solution, path: Path) -> None:
    """A file gives the solution back, at places inside and on the sides."""
    solution.save(path)
    again = pl.Solution.load(path)
    x, t = (
        grid.ravel() for grid in np.meshgrid(*(np.linspace(*ends, 23) for ends in again.problem.domain.bounds.values()))
    )
    np.testing.assert_allclose(again(x=x, t=t)["u"], solution(x=x, t=t)["u"], rtol=0, atol=1e-10)
    assert not any("polynomial" in note for note in again.notes)


def test_files_of_what_is_sent_in(sent_in: pl.Solution, tmp_path: Path) -> None:
    check_file(sent_in, tmp_path / "duct.pt")


HAT = pl.Problem(
    pl.Box(x=(0.0, 1.0), t=(0.0, 0.5)), "u", lambda u: 2 * u.t + u.x,
    [pl.Initial(u=lambda x: torch.relu(0.1 - torch.abs(x - 0.3)) * 10), pl.Dirichlet(u=lambda t: (t > 0.1).to(t), on="x-")],
    reference=lambda x, t: torch.where(
        x > t / 2, torch.relu(0.1 - torch.abs(x - t / 2 - 0.3)) * 10, (t - 2 * x > 0.1).to(t)
    ),
)  # fmt: skip


def test_what_is_carried_keeps_kinks_and_jumps(tmp_path: Path) -> None:
    """Nobody says a velocity: it is read off the equation. A default call, its verdict, and its file."""
    solution = pl.solve(HAT, progress=False)
    assert type(solution.solver) is pl.LagrangianPINN
    x, t = np.random.default_rng(0).uniform(0, [[1], [0.5]], (2, 500))
    expected = HAT.reference(torch.from_numpy(x), torch.from_numpy(t)).numpy()
    np.testing.assert_allclose(solution(x=x, t=t)["u"], expected, rtol=0, atol=1e-13)
    report = solution.report()
    assert report.verdict.name == "GOOD" and "by characteristics" in str(report)
    check_file(solution, tmp_path / "hat.pt")


def test_a_jump_at_a_periodic_seam_is_carried() -> None:
    """A step that is 1 on one side of the seam and 0 on the other has gone around two and a half times."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 2.5)), "u", lambda u: u.t + u.x,
        [pl.Initial(u=lambda x: (x < 0.3).to(x)), pl.Periodic(on="x")],
    )  # fmt: skip
    solution = pl.solve(problem, progress=False)
    x, t = np.random.default_rng(0).uniform(0, [[1], [2.5]], (2, 500))
    np.testing.assert_array_equal(solution(x=x, t=t)["u"], ((x - t) % 1 < 0.3) * 1.0)
    assert solution.report().verdict.name == "GOOD"


SIDE = pl.Initial(u=0.0)
REFUSED: dict[str, tuple[Callable[[], pl.Problem], str]] = {
    "a value where the flow leaves": (
        lambda: duct(conditions=[SIDE, pl.Dirichlet(u=0.0)]),
        r"gives a value on 'x\+', where the flow leaves \(its velocity is 2 at the start\).*leave 'x\+' out",
    ),
    "no value where it enters": (
        lambda: duct(conditions=[SIDE]), r"not unique; no condition on u at 'x-': add Dirichlet"
    ),
    "both sides": (
        lambda: duct(
            equations=lambda u, x: u.t + (0.5 - x) * u.x, velocity=lambda x: 0.5 - x,
            conditions=[SIDE, pl.Dirichlet(u=0.0)],
        ),
        "enters through both sides of 'x'",
    ),
    "a flow that turns": (
        lambda: duct(velocity=lambda t: torch.cos(4 * t)), r"velocity at 'x-' changes its sign or vanishes in time"
    ),
    "diffusion": (
        lambda: duct(equations=lambda u, x: u.t + (1 + x) * u.x - u.xx, conditions=[pl.Initial(u=0.0), pl.Dirichlet(u=0.0)]),
        r"order 2 by 'x'.*fixed place.*CausalPINN"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input(name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        pl.solve(make(), pl.LagrangianPINN(), progress=False)


def test_a_jump_is_carried_back_from_the_end() -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.5)), "u", lambda u: u.t + u.x,
        [pl.Final(u=lambda x: (x < 0.6).to(x)), pl.Dirichlet(u=0.0, on="x+")],
    )  # fmt: skip
    solution = pl.solve(problem, progress=False)
    x, t = np.random.default_rng(0).uniform(0, [[1], [0.5]], (2, 500))
    np.testing.assert_array_equal(solution(x=x, t=t)["u"], (x + 0.5 - t < 0.6) * 1.0)
    report = solution.report()
    assert report.verdict.name == "GOOD" and "by characteristics" in str(report)
