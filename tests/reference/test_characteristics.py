"""What is carried along characteristics that are known keeps its kinks and jumps, and is followed to rounding."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.reference.characteristics import Carried, follow, step
from pinnlab.solution.quality.report import Verdict
from pinnlab.solvers.windows import joined
from pinnlab.training.history import History
from pinnlab.training.part import Part
from pinnlab.training.status import Status

BOX = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))


def scattered(problem: Problem, n: int = 600) -> Tensor:
    names = problem.domain.coordinates
    unit = torch.rand(n, len(names), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return problem.domain.interior(unit).points


def off(problem: Problem, exact: Callable[..., Tensor], tolerance: float = 1e-9) -> tuple[float, float]:
    """The largest true error of the first unknown, and the change between the last two numbers of steps."""
    points = scattered(problem)
    values, change = follow(problem, points, tolerance, Deadline())
    return float((values[:, 0] - exact(*points.unbind(1))).abs().max()), max(change.values())


def hat(x: Tensor) -> Tensor:
    return torch.clamp(1 - (x - 0.3).abs() / 0.1, min=0.0)


def test_a_step_is_of_order_eight() -> None:
    # y' = y, y(0) = 1: one step of length h misses exp(h) by about h^9
    one, nothing = torch.ones(2, 1, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    h = torch.tensor([0.5, 0.25], dtype=torch.float64)
    missed = (step(lambda t, y: y, nothing, one, h)[:, 0] - torch.exp(h)).abs()
    assert missed[0] < 1e-7 and 8 < math.log2(missed[0] / missed[1]) < 10


@pytest.mark.parametrize("start", [hat, lambda x: 1.0 * (x < 0.3)], ids=["kink", "jump"])
def test_kinks_and_jumps_stay_sharp(start: Callable[[Tensor], Tensor]) -> None:
    left = float(start(torch.zeros(1, dtype=torch.float64)))
    conditions = [pl.Initial(u=start), pl.Dirichlet(u=left, on="x-")]
    problem = pl.Problem(BOX, "u", lambda u: u.t + 0.4 * u.x, conditions)
    error, change = off(problem, lambda x, t: torch.where(x > 0.4 * t, start(x - 0.4 * t), left))
    assert error < 1e-13 and change < 1e-13


def test_paths_that_bend_and_come_in_at_a_side() -> None:
    # dx/dt = 1 + x, u' = -u along it; the start has a kink, and what flows in meets it with a jump
    problem = pl.Problem(
        BOX, "u", lambda u, x: u.t + (1 + x) * u.x + u,
        [pl.Initial(u=lambda x: (x - 0.3).abs() + 0.5), pl.Dirichlet(u=lambda t: 1 + torch.sin(t), on="x-")],
    )  # fmt: skip

    def exact(x: Tensor, t: Tensor) -> Tensor:
        since, foot = torch.log(1 + x), (1 + x) * torch.exp(-t) - 1
        entered = (1 + torch.sin(t - since)) * torch.exp(-since)
        return torch.where(since < t, entered, ((foot - 0.3).abs() + 0.5) * torch.exp(-t))

    error, change = off(problem, exact)
    assert error < 1e-12 and change < 1e-9


def test_two_unknowns_in_the_plane_and_rings() -> None:
    # rotation by the first equation of a pair that decays into the other, on a torus of length 2 pi carried by (1, -2)
    box = pl.Box(x=(0.0, 2 * math.pi), y=(0.0, 2 * math.pi), t=(0.0, 1.0))

    def equations(u: pl.Field, v: pl.Field) -> dict[str, pl.Field]:
        return {"first": 2 * (u.t + u.x - 2 * u.y) + 2 * u, "second": v.t + v.x - 2 * v.y - u + u.t + u.x - 2 * u.y + u}

    start = pl.Initial(u=lambda x, y: torch.sin(x) * torch.cos(y), v=0.0)
    problem = pl.Problem(box, ("u", "v"), equations, [start, pl.Periodic(on="x"), pl.Periodic(on="y")])
    points = scattered(problem)
    x, y, t = points.unbind(1)
    values, _ = follow(problem, points, 1e-9, Deadline())
    first = torch.sin(x - t) * torch.cos(y + 2 * t)
    assert torch.allclose(values[:, 0], first * torch.exp(-t), atol=1e-12)
    assert torch.allclose(values[:, 1], first * (1 - torch.exp(-t)), atol=1e-12)


@pytest.mark.parametrize(
    ("equation", "conditions", "why"),
    [
        (lambda u: u.t + u * u.x, [pl.Dirichlet(u=1.0, on="x-")], "the velocity depends on the unknowns"),
        (lambda u: u.t + u.x**2, [pl.Dirichlet(u=1.0, on="x-")], "not linear in the derivatives"),
        (lambda u: u.t + u.x - u.xx, [pl.Dirichlet(u=1.0)], "not of first order"),
        (lambda u: u.t + u.x, [pl.Dirichlet(u=1.0, on="x+")], "given at 'x\\+', where the flow leaves"),
        (lambda u: u.t + u.x, [], "nothing is given of what flows in"),
        (lambda u: u.t + u.x, [pl.Neumann(u=0.0, on="x-")], "not given by Neumann"),
        (lambda u, x: u.t + torch.where(x > 0.5, 2.0, 1.0) * u.x, [pl.Dirichlet(u=1.0, on="x-")], "coefficient jumps"),
    ],
)
def test_what_characteristics_do_not_tell(
    equation: Callable[..., pl.Field], conditions: list[pl.Dirichlet], why: str
) -> None:
    problem = pl.Problem(BOX, "u", equation, [pl.Initial(u=1.0), *conditions])
    with pytest.raises(ValueError, match=why):
        follow(problem, scattered(problem), 1e-9, Deadline())


def test_other_problems_are_named() -> None:
    steady = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u.x + u, [pl.Dirichlet(u=1.0, on="x-")])
    with pytest.raises(ValueError, match="on boxes, in space and time"):
        Carried(steady)
    waves = pl.Problem(
        BOX,
        ("u", "v"),
        lambda u, v: {"one": u.t + v.x, "two": v.t + u.x},
        [pl.Initial(u=1.0, v=0.0), pl.Periodic(on="x")],
    )
    with pytest.raises(ValueError, match="carried by different velocities"):
        Carried(waves)
    late = Deadline.after(0.0)
    ring = pl.Problem(BOX, "u", lambda u: u.t + u.x, [pl.Initial(u=1.0), pl.Periodic(on="x")])
    with pytest.raises(TimeIsUpError):
        follow(ring, scattered(ring), 1e-9, late)


class Shifted(Part):
    """A formula of (n, d) points as a finished model."""

    def __init__(self, problem: Problem, formula: Callable[[Tensor], Tensor]):
        self.region, self.formula, self.unknowns = problem.domain, formula, problem.unknowns
        self.parameters = (torch.zeros(1, dtype=torch.float64),)
        self.coefficients, self.constants = {}, {}

    def jet(self, points, indices):  # type: ignore[no-untyped-def]
        return autograd_jet(self.formula, points, indices, keep=False)

    def to_data(self, file):  # type: ignore[no-untyped-def]
        return {}


def test_a_carried_hat_is_called_good_and_one_that_is_too_slow_wrong() -> None:
    conditions = [pl.Initial(u=hat), pl.Dirichlet(u=0.0, on="x-")]
    problem = pl.Problem(BOX, "u", lambda u: u.t + 0.4 * u.x, conditions)

    def report(speed: float, by: str = "auto") -> object:
        model = Shifted(problem, lambda p: hat(p[:, :1] - speed * p[:, 1:]))
        solution = pl.Solution(problem, joined([model], BOX), [model], History(()), Status.CONVERGED, 0.0)
        return solution.report(by, max_seconds=20)

    right = report(0.4)
    assert right.verdict is Verdict.GOOD and "by characteristics" in right.sentence  # type: ignore[attr-defined]
    late = report(0.3, "characteristics")
    assert late.verdict is Verdict.WRONG  # type: ignore[attr-defined]
    # u(x, t) = hat(x - 0.3 t) instead of hat(x - 0.4 t): by hand, on the same points
    x, t = np.meshgrid(np.linspace(0, 1, 257), np.linspace(0, 1, 257), indexing="ij")
    true, found = (hat(torch.from_numpy(x - c * t)).numpy() for c in (0.4, 0.3))
    expected = np.linalg.norm(found - true) / np.linalg.norm(true - true.mean())
    assert late.estimate.of_variation["u"] == pytest.approx(expected, rel=0.02)  # type: ignore[attr-defined]
