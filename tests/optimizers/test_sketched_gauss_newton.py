from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.machine.processes import Processes
from pinnlab.optimizers import LevenbergMarquardt, SketchedGaussNewton, Step
from pinnlab.optimizers.sketched_gauss_newton import smallest_loss

Function = Callable[[Tensor, float], Tensor]


class Residuals:
    """An objective from one function (theta, draw) -> residuals; some of its rows, in chunks of three."""

    def __init__(self, function: Function, size: int, part: slice = slice(None)):
        self.function, self.size, self.shapes, self.part = function, size, [(size,)], part
        self.draws = 0

    def redraw(self) -> None:
        self.draws += 1

    @property
    def all_rows(self) -> int:
        return len(self.function(torch.zeros(self.size, dtype=torch.float64), 0.0))

    @property
    def row_ranges(self) -> list[range]:
        return [range(self.all_rows)[self.part]]

    def loss_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        residual, jacobian = self.residuals_and_jacobian(theta)
        return residual @ residual, 2 * jacobian.T @ residual

    def residuals(self, theta: Tensor) -> Tensor:
        return self.function(theta, float(self.draws))[self.part]

    def residuals_and_jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        return self.residuals(theta), torch.autograd.functional.jacobian(self.residuals, theta)

    def jacobian_chunks(self, theta: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        residual, jacobian = self.residuals_and_jacobian(theta)
        for start in range(0, len(residual), 3):
            yield self.row_ranges[0].start + start, residual[start : start + 3], jacobian[start : start + 3]


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def wavy(theta: Tensor, shift: float) -> Tensor:
    """Twenty curved residuals of six parameters that depend on the draw."""
    x = torch.linspace(0, 1, 20, dtype=torch.float64) + 0.01 * shift
    waves = theta[0] * torch.tanh(theta[1] * x + theta[2]) + theta[3] + theta[4] * torch.tanh(theta[5] * x)
    return waves - torch.sin(3 * x)


START = tensor(0.5, 1.0, -0.2, 0.1, 0.3, -1.0)


def linear(rows: int, size: int, consistent: bool = False) -> tuple[Function, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(rows, size, generator=generator, dtype=torch.float64)
    target = torch.randn(rows, generator=generator, dtype=torch.float64)
    if consistent:
        target = matrix @ torch.linspace(-1, 1, size, dtype=torch.float64)
    return lambda theta, _: matrix @ theta - target, matrix, target


Run = Callable[..., list[Step]]


@pytest.mark.parametrize("solver", ["cholesky", "svd"])
def test_without_a_sketch_it_solves_the_damped_normal_equations(run: Run, solver: str) -> None:
    function, matrix, target = linear(30, 6)
    theta, square = torch.ones(6, dtype=torch.float64), matrix.T @ matrix
    optimizer = SketchedGaussNewton(columns=1.0, rows=None, damping=0.3, probes=2, solver=solver)
    (step,) = run(optimizer, Residuals(function, 6), theta, 1)
    assert step.info == {"damping": 0.3 / 4, "probes": 2.0}, "less damping is better for a linear problem"
    shifted = square + 0.3 / 4 * torch.trace(square) / 6 * torch.eye(6, dtype=torch.float64)
    expected = theta - torch.linalg.solve(shifted, matrix.T @ (matrix @ theta - target))
    torch.testing.assert_close(step.theta, expected, rtol=1e-10, atol=1e-12)
    residual = matrix @ step.theta - target
    assert step.loss == pytest.approx(float(residual @ residual), rel=1e-12)


def test_without_a_sketch_it_takes_the_step_of_levenberg_marquardt(run: Run) -> None:
    """Also on a curved problem, with acceleration, at the damping that both use."""
    (mine,) = run(SketchedGaussNewton(columns=1.0, rows=None, damping=0.04, probes=2), Residuals(wavy, 6), START, 1)
    other = LevenbergMarquardt(damping=mine.info["damping"])
    objective = Residuals(wavy, 6)
    theirs = other.step(objective, START, other.init(objective, START))
    torch.testing.assert_close(mine.theta, theirs.theta, rtol=1e-9, atol=1e-10)


def test_a_step_stays_in_its_subspace_and_uses_the_exact_gradient(run: Run) -> None:
    """With two of six columns the step is Q x, Q^T Q = 1, and the loss falls for a large damping whatever the sketch."""
    function, *_ = linear(40, 6)
    for seed in range(5):
        optimizer = SketchedGaussNewton(columns=1 / 3, rows=1.0, damping=1e3, probes=2, seed=seed)
        (step,) = run(optimizer, Residuals(function, 6), torch.ones(6, dtype=torch.float64), 1)
        moved = step.theta - 1
        sizes = moved.abs().round(decimals=12).unique()
        assert len(sizes) <= 2, "three parameters each move by the same amount, up to sign"
        assert step.loss < float(function(torch.ones(6, dtype=torch.float64), 0.0).square().sum())


def test_sketched_steps_reach_the_minimum(run: Run) -> None:
    function, matrix, target = linear(60, 8)
    optimizer = SketchedGaussNewton(columns=0.5, rows=3.0)
    found = run(optimizer, Residuals(function, 8), torch.zeros(8, dtype=torch.float64), 60)[-1]
    best = torch.linalg.lstsq(matrix, target).solution
    torch.testing.assert_close(found.theta, best, rtol=0, atol=1e-6)


def test_sketched_steps_agree_with_levenberg_marquardt_on_a_curved_problem(run: Run) -> None:
    optimizer = SketchedGaussNewton(columns=1.0, rows=2.0, redraw=False)
    steps = run(optimizer, Residuals(wavy, 6), START, 100)
    losses = [step.loss for step in steps]
    assert all(b <= a * (1 + 1e-12) for a, b in zip(losses, losses[1:], strict=False)), "up to the order of sums"
    other, objective, theta = LevenbergMarquardt(redraw=False), Residuals(wavy, 6), START
    state = other.init(objective, theta)
    for _ in range(100):
        step = other.step(objective, theta, state)
        theta, state = step.theta, step.state
    assert losses[-1] < 1.5 * step.loss + 1e-6


def test_dampings_are_tried_down_or_up_a_ladder() -> None:
    tried: list[float] = []

    def valley(bottom: float) -> Callable[[float], float]:
        def trial(damping: float) -> float:
            tried.append(damping)
            return 1 + abs(math.log2(damping / bottom))

        return trial

    assert smallest_loss(valley(1 / 16), 1.0, 4.0, 10, 99.0) == (1 / 16, 1.0, 4)
    assert tried == [1.0, 1 / 4, 1 / 16, 1 / 64]
    tried.clear()
    assert smallest_loss(valley(4.0), 1.0, 4.0, 10, 99.0) == (4.0, 1.0, 4)
    assert tried == [1.0, 1 / 4, 4.0, 16.0]
    assert smallest_loss(valley(1.0), 1.0, 4.0, 10, 99.0) == (1.0, 1.0, 3)
    assert smallest_loss(valley(1 / 16), 1.0, 4.0, 2, 99.0) == (1 / 4, 3.0, 2), "as often as it may"


def test_dampings_grow_until_the_loss_falls() -> None:
    def wall(damping: float) -> float:
        return math.inf if damping < 10 else 3.0 if damping < 100 else 1.0 + damping / 1000

    assert smallest_loss(wall, 1.0, 4.0, 10, 2.0) == (256.0, 1.256, 7)
    assert smallest_loss(wall, 1.0, 4.0, 4, 2.0) == (64.0, 2.0, 4), "none was good: from there on next time"


def test_points_and_sketches_are_drawn_anew_for_every_step(run: Run) -> None:
    objective = Residuals(wavy, 6)
    steps = run(SketchedGaussNewton(), objective, START, 4)
    assert objective.draws == 3 and [step.state["draws"] for step in steps] == [1, 2, 3, 4]
    one, two = (run(SketchedGaussNewton(seed=seed), Residuals(wavy, 6), START, 1)[0].theta for seed in (0, 1))
    assert not torch.allclose(one, two)


def test_a_run_resumes_exactly(run: Run) -> None:
    optimizer = SketchedGaussNewton()
    whole = run(optimizer, Residuals(wavy, 6), START, 7)
    buffer = io.BytesIO()
    torch.save(whole[2].state, buffer)
    buffer.seek(0)
    state: Any = torch.load(buffer, weights_only=True)
    objective, theta = Residuals(wavy, 6), whole[2].theta
    objective.draws = 2
    for expected in whole[3:]:
        step = optimizer.step(objective, theta, state)
        assert torch.equal(step.theta, expected.theta) and step.loss == expected.loss and step.state == expected.state
        theta, state = step.theta, step.state


class Recorded(Processes):
    """Notes what one process alone sums."""

    def __init__(self, found: list[Tensor]):
        super().__init__()
        object.__setattr__(self, "found", found)

    def sum(self, value: Tensor) -> Tensor:
        self.found.append(value.detach().reshape(-1))  # type: ignore[attr-defined]
        return value.detach()

    def sums(self, *values: Tensor) -> list[Tensor]:
        self.sum(torch.cat([value.reshape(-1) for value in values]))
        return list(values)


@dataclass(frozen=True)
class Adding(Processes):
    """Notes this process' part and goes on with the sums of one process alone."""

    parts: list[Tensor] = field(default_factory=list)
    totals: list[Tensor] = field(default_factory=list)

    def sum(self, value: Tensor) -> Tensor:
        self.parts.append(value.detach().reshape(-1).clone())
        return self.totals[len(self.parts) - 1].view_as(value)


def test_parts_of_two_processes_add_up_to_the_sums_of_one() -> None:
    """Every sum over processes, for rows cut at any place: so all take the step of one process."""
    optimizer = SketchedGaussNewton(probes=2)
    alone, totals = Residuals(wavy, 6), []  # type: ignore[var-annotated]
    alone.processes = Recorded(totals)  # type: ignore[attr-defined]
    expected = optimizer.step(alone, START, optimizer.init(alone, START))
    seen = []
    for rank, part in enumerate((slice(0, 7), slice(7, 20))):
        objective = Residuals(wavy, 6, part)
        objective.processes = Adding(rank, 2, totals=totals)  # type: ignore[attr-defined]
        step = optimizer.step(objective, START, optimizer.init(objective, START))
        torch.testing.assert_close(step.theta, expected.theta, rtol=1e-12, atol=1e-13)
        seen.append(objective.processes.parts)  # type: ignore[attr-defined]
    assert len(seen[0]) == len(seen[1]) == len(totals)
    for one, two, total in zip(*seen, totals, strict=True):
        torch.testing.assert_close(one + two, total, rtol=1e-11, atol=1e-12)


def test_stalling_and_starts_that_are_not_finite(run: Run) -> None:
    solved = run(SketchedGaussNewton(), Residuals(lambda t, _: t - 2, 1), tensor(2.0), 1)[0]
    assert solved.stalled and solved.loss == 0.0
    minimum = Residuals(lambda t, _: torch.stack([t[0] - 1, t[0] + 1]), 1)
    stuck = run(SketchedGaussNewton(redraw=False), minimum, tensor(0.0), 3)
    assert stuck[-1].stalled and float(stuck[-1].theta) == 0.0 and stuck[-1].loss == 2.0
    (bad,) = run(SketchedGaussNewton(), Residuals(lambda t, _: torch.log(t), 1), tensor(-1.0), 1)
    assert math.isnan(bad.loss) and not bad.stalled and float(bad.theta) == -1.0


def test_trials_that_are_not_finite_are_rejected(run: Run) -> None:
    """r = 3 log(theta) + 9 at 1: the full step goes to -2, where it is NaN."""
    objective = Residuals(lambda t, _: 3 * torch.log(t) + 9, 1)
    steps = run(SketchedGaussNewton(), objective, tensor(1.0), 15)
    assert all(math.isfinite(step.loss) for step in steps)
    assert float(steps[-1].theta) == pytest.approx(math.exp(-3), rel=1e-6)


def test_an_objective_without_chunks_is_refused() -> None:
    class Whole:
        size = 1

    with pytest.raises(TypeError, match="Whole has no Jacobian in chunks"):
        SketchedGaussNewton().step(Whole(), tensor(0.0), {"damping": 1.0, "draws": 0})  # type: ignore[arg-type]


def test_shortening_is_more_cautious() -> None:
    assert SketchedGaussNewton().shorten({"damping": 1e-3, "draws": 5}) == {"damping": pytest.approx(0.1), "draws": 5}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps=0 cannot work"),
        ({"probes": 1}, "probes=1 cannot work: two dampings are compared"),
        ({"columns": 0.0}, "columns=0.0 cannot work: it is a part of the parameters"),
        ({"columns": 1.5}, "columns=1.5"),
        ({"rows": 0.5}, "rows=0.5 cannot work: fewer rows than columns"),
        ({"damping": 0.0}, "damping=0.0"),
        ({"max_acceleration": -1.0}, "max_acceleration=-1.0"),
        ({"factor": 1.0}, "factor=1.0"),
        ({"solver": "magic"}, "solver='magic' cannot work: there is no such solver; choose one of cholesky, svd"),
    ],
)
def test_bad_arguments(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SketchedGaussNewton(**options)


def test_it_trains_a_network() -> None:
    """u_t = u_xx from sin(pi x) on [0, 1]: an error 50,000 times smaller than the solution in 40 steps."""

    def heat(u: pl.Field) -> pl.Field:
        return u.t - 0.1 * u.xx

    def exact(x: Tensor, t: Tensor) -> Tensor:
        return torch.exp(-0.1 * math.pi**2 * t) * torch.sin(math.pi * x)

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", heat,
        [pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)], reference=exact,
    )  # fmt: skip
    solver = pl.PINN(network=pl.MLP(width=12, depth=2), points=800, stages=(pl.SketchedGaussNewton(steps=40),))
    assert pl.solve(problem, solver, progress=False).error()["u"] < 2e-5
