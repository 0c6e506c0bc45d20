from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pinnlab.algebra.dense import Cholesky, gram
from pinnlab.optimizers import LevenbergMarquardt, Step
from pinnlab.optimizers.base import State

Function = Callable[[Tensor], Tensor]


class Residuals:
    """An objective from one function theta -> residuals; ``redraw`` counts, and moves ``shift``."""

    def __init__(self, function: Callable[[Tensor, float], Tensor], size: int):
        self.function, self.size, self.shapes = function, size, [(size,)]
        self.draws, self.evaluations = 0, 0

    def redraw(self) -> None:
        self.draws += 1

    def residuals(self, theta: Tensor) -> Tensor:
        self.evaluations += 1
        return self.function(theta, float(self.draws))

    def residuals_and_jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        jacobian = torch.autograd.functional.jacobian(lambda t: self.function(t, float(self.draws)), theta)
        return self.function(theta, float(self.draws)), jacobian

    def loss_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        raise AssertionError("Levenberg-Marquardt works on residuals")


def fixed(function: Function, size: int) -> Residuals:
    return Residuals(lambda theta, _: function(theta), size)


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


Run = Callable[..., list[Step]]


def linear(rows: int, size: int, seed: int = 0) -> tuple[Residuals, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(rows, size, generator=generator, dtype=torch.float64)
    target = torch.randn(rows, generator=generator, dtype=torch.float64)
    return fixed(lambda theta: matrix @ theta - target, size), matrix, target


def rosenbrock(theta: Tensor) -> Tensor:
    return torch.stack([10 * (theta[1] - theta[0] ** 2), 1 - theta[0]])


def wavy(theta: Tensor, shift: float) -> Tensor:
    """Twelve curved residuals of four parameters that depend on the draw."""
    x = torch.linspace(0, 1, 12, dtype=torch.float64) + 0.01 * shift
    return theta[0] * torch.tanh(theta[1] * x + theta[2]) + theta[3] - torch.sin(3 * x)


@pytest.mark.parametrize("solver", ["auto", "normal", "svd", "kernel"])
@pytest.mark.parametrize(("rows", "size"), [(20, 5), (4, 9)])
def test_a_linear_problem_takes_one_step(run: Run, solver: str, rows: int, size: int) -> None:
    objective, matrix, target = linear(rows, size)
    damping = 1e-8 if solver == "kernel" and rows > size else 1e-12
    optimizer = LevenbergMarquardt(solver=solver, damping=damping, redraw=False)
    if solver == "normal" and rows < size:
        optimizer = LevenbergMarquardt(solver=solver, damping=1e-8, redraw=False)
    (step,) = run(optimizer, objective, torch.zeros(size, dtype=torch.float64), 1)
    best = torch.linalg.lstsq(matrix, target, driver="gelsd").solution
    torch.testing.assert_close(step.theta, best, rtol=1e-5, atol=1e-6)
    assert step.info["trials"] == 1 and step.info["ratio"] == pytest.approx(1.0, abs=1e-6)


def test_all_solvers_take_the_same_step(run: Run) -> None:
    for rows, size in [(30, 6), (5, 11)]:
        objective, matrix, target = linear(rows, size)
        theta = torch.ones(size, dtype=torch.float64)
        found = {
            solver: run(LevenbergMarquardt(solver=solver, damping=0.3), objective, theta, 1)[0].theta
            for solver in ("normal", "kernel", "svd", "auto")
        }
        square = matrix.T @ matrix
        shifted = square + 0.3 * torch.trace(square) / size * torch.eye(size, dtype=torch.float64)
        expected = theta - torch.linalg.solve(shifted, matrix.T @ (matrix @ theta - target))
        for solver, value in found.items():
            torch.testing.assert_close(value, expected, rtol=1e-9, atol=1e-10, msg=solver)


@pytest.mark.parametrize("solver", ["normal", "kernel", "svd"])
def test_solvers_agree_on_a_curved_problem(run: Run, solver: str) -> None:
    theta = tensor(0.5, 1.0, -0.2, 0.1)
    reference = run(LevenbergMarquardt(solver="auto"), Residuals(wavy, 4), theta, 5)[-1]
    found = run(LevenbergMarquardt(solver=solver), Residuals(wavy, 4), theta, 5)[-1]
    torch.testing.assert_close(found.theta, reference.theta, rtol=1e-6, atol=1e-7)


def test_rosenbrock(run: Run) -> None:
    steps = run(LevenbergMarquardt(redraw=False), fixed(rosenbrock, 2), tensor(-1.2, 1.0), 40)
    torch.testing.assert_close(steps[-1].theta, tensor(1.0, 1.0), rtol=1e-9, atol=1e-9)
    losses = [step.loss for step in steps]
    assert all(b <= a for a, b in zip(losses, losses[1:], strict=False))
    for step in steps:
        r = rosenbrock(step.theta)
        assert step.loss == pytest.approx(float(r @ r), rel=1e-12, abs=1e-300)


def square_root(theta: Tensor) -> Tensor:
    return theta**2 - 5


def test_geodesic_acceleration_by_hand(run: Run) -> None:
    """r = theta^2 - 5 at 2: J = 4, v = 1/4, r_vv = 2 v^2 = 1/8, a = -1/32, so theta moves by 1/4 - 1/64."""
    with_it = run(LevenbergMarquardt(damping=1e-14, redraw=False), fixed(square_root, 1), tensor(2.0), 1)[0]
    assert float(with_it.theta) == pytest.approx(2 + 1 / 4 - 1 / 64, abs=1e-10)
    without = run(LevenbergMarquardt(damping=1e-14, geodesic=False), fixed(square_root, 1), tensor(2.0), 1)[0]
    assert float(without.theta) == pytest.approx(2.25, abs=1e-10)
    assert with_it.loss < without.loss / 50


def test_steps_that_bend_too_much_are_rejected(run: Run) -> None:
    """At 1: J = 2, v = 2, r_vv = 8, a = -4: 2 |a| / |v| = 4 exceeds 1.5, so the damping must grow first.

    Damped by 1 + mu both shrink: v = 2 / (1 + mu), a = -4 / (1 + mu)^3, which bends little enough once
    4 / (1 + mu)^2 < 1.5, that is mu > 0.633.
    """
    optimizer = LevenbergMarquardt(damping=0.1, increase=2.5, redraw=False)
    (step,) = run(optimizer, fixed(square_root, 1), tensor(1.0), 1)
    mu = step.info["damping"]
    assert mu == pytest.approx(0.1 * 2.5**3) and step.info["trials"] == 4
    assert float(step.theta) == pytest.approx(1 + 2 / (1 + mu) - 2 / (1 + mu) ** 3, abs=1e-9)
    loose = LevenbergMarquardt(damping=0.1, max_acceleration=100.0, redraw=False)
    assert run(loose, fixed(square_root, 1), tensor(1.0), 1)[0].info["trials"] < 4


def test_damping_follows_the_ratio_of_actual_and_predicted_reduction(run: Run) -> None:
    objective, *_ = linear(20, 5)
    (step,) = run(LevenbergMarquardt(damping=0.3, decrease=3.0), objective, torch.zeros(5, dtype=torch.float64), 1)
    assert step.info["ratio"] == pytest.approx(1.0), "the model is exact for a linear problem, whatever the damping"
    assert step.state["damping"] == pytest.approx(0.1)
    # r = (theta - 1, 3 theta^2) at 0 moves by 1 / (1 + mu) = 1/3 with mu = 2
    (after,) = run(
        LevenbergMarquardt(damping=2.0, geodesic=False, increase=2.5, redraw=False),
        fixed(lambda t: torch.stack([t[0] - 1, 3.0 * t[0] ** 2]), 1), tensor(0.0), 1,
    )  # fmt: skip
    ratio = after.info["ratio"]
    moved = 1 / 3
    predicted = 1 - (1 - moved) ** 2
    assert ratio == pytest.approx((1 - ((1 - moved) ** 2 + 9 * moved**4)) / predicted)


def test_a_step_with_a_small_gain_makes_the_next_more_cautious(run: Run) -> None:
    """theta moves by 1/2; the model predicts 3/4, the loss falls from 1 by 3/4 - 0.7 only."""
    curve = math.sqrt(0.7) * 4
    objective = fixed(lambda t: torch.stack([t[0] - 1, curve * t[0] ** 2]), 1)
    (step,) = run(
        LevenbergMarquardt(damping=1.0, geodesic=False, increase=2.5, redraw=False), objective, tensor(0.0), 1
    )
    assert step.info["ratio"] == pytest.approx(0.05 / 0.75) and step.info["trials"] == 1
    assert step.state["damping"] == pytest.approx(2.5)


def test_points_are_redrawn_before_every_step_but_the_first(run: Run) -> None:
    objective = Residuals(wavy, 4)
    run(LevenbergMarquardt(), objective, tensor(0.5, 1.0, 0.0, 0.0), 4)
    assert objective.draws == 3
    kept = Residuals(wavy, 4)
    run(LevenbergMarquardt(redraw=False), kept, tensor(0.5, 1.0, 0.0, 0.0), 4)
    assert kept.draws == 0


def test_stalling(run: Run) -> None:
    exact = run(LevenbergMarquardt(), fixed(square_root, 1), tensor(math.sqrt(5.0)), 1)[0]
    r = square_root(exact.theta)
    assert exact.loss == float(r @ r)
    solved = run(LevenbergMarquardt(), fixed(lambda t: t - 2, 1), tensor(2.0), 1)[0]
    assert solved.stalled and solved.loss == 0.0
    minimum = fixed(lambda t: torch.stack([t[0] - 1, t[0] + 1]), 1)
    stuck = run(LevenbergMarquardt(redraw=False), minimum, tensor(0.0), 4)
    assert [s.stalled for s in stuck] == [False, False, True, True], "first the damping must have grown in vain"
    assert float(stuck[-1].theta) == 0.0 and stuck[-1].loss == 2.0


def test_a_step_that_gave_up_is_tried_again_with_its_larger_damping(run: Run) -> None:
    """From r = (theta - 1, 3 theta^2) at 0, mu = 1e-9 grows to 6e-5 in twelve trials, which is not yet enough."""
    curved = fixed(lambda t: torch.stack([t[0] - 1, 3.0 * t[0] ** 2]), 1)
    first, second = run(LevenbergMarquardt(damping=1e-9, geodesic=False, redraw=False), curved, tensor(0.0), 2)
    assert float(first.theta) == 0.0 and not first.stalled and first.state["damping"] == pytest.approx(1e-9 * 2.5**12)
    assert second.loss < 1.0 and float(second.theta) > 0.1


def test_trials_that_are_not_finite_are_rejected(run: Run) -> None:
    """r = 3 log(theta) + 9 at 1: the full step goes to -2, where it is NaN."""
    objective = fixed(lambda t: torch.log(t) * 3 + 9, 1)
    steps = run(LevenbergMarquardt(geodesic=False, redraw=False, damping=0.1), objective, tensor(1.0), 30)
    assert steps[0].info["trials"] > 1 and all(math.isfinite(s.loss) for s in steps)
    assert float(steps[-1].theta) == pytest.approx(math.exp(-3), rel=1e-6)


def test_a_start_that_is_not_finite_is_reported(run: Run) -> None:
    (step,) = run(LevenbergMarquardt(), fixed(lambda t: torch.log(t), 1), tensor(-1.0), 1)
    assert math.isnan(step.loss) and not step.stalled and float(step.theta) == -1.0


@pytest.mark.parametrize("solver", ["auto", "svd"])
def test_a_parameter_without_influence_does_no_harm(run: Run, solver: str) -> None:
    objective = fixed(lambda t: torch.stack([t[0] - 1, t[0] + 0 * t[1] - 1]), 2)
    (step,) = run(LevenbergMarquardt(solver=solver, damping=1e-14, redraw=False), objective, tensor(0.0, 7.0), 1)
    torch.testing.assert_close(step.theta, tensor(1.0, 7.0), rtol=1e-9, atol=1e-9)


def test_svd_reaches_digits_that_normal_equations_lose(run: Run) -> None:
    """Columns of condition 1e9: J^T J has condition 1e18."""
    generator = torch.Generator().manual_seed(0)
    q = torch.linalg.qr(torch.randn(40, 4, generator=generator, dtype=torch.float64)).Q
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=generator, dtype=torch.float64)).Q
    matrix = q @ torch.diag(tensor(1.0, 1e-3, 1e-6, 1e-9)) @ rotation
    exact = tensor(1.0, -2.0, 3.0, -4.0)
    objective = fixed(lambda t: matrix @ (t - exact), 4)
    optimizer = LevenbergMarquardt(solver="svd", damping=1e-15, geodesic=False, redraw=False)
    found = run(optimizer, objective, torch.zeros(4, dtype=torch.float64), 25)[-1].theta
    direction = rotation[2]
    assert abs(float((found - exact) @ direction)) < 1e-9


def test_a_run_resumes_exactly(run: Run) -> None:
    optimizer, theta = LevenbergMarquardt(damping=0.1), tensor(0.5, 1.0, -0.2, 0.1)
    whole = run(optimizer, Residuals(wavy, 4), theta, 7)
    half = whole[2]
    buffer = io.BytesIO()
    torch.save(half.state, buffer)
    buffer.seek(0)
    state: State = torch.load(buffer, weights_only=True)
    objective, theta = Residuals(wavy, 4), half.theta
    objective.draws = 2
    for expected in whole[3:]:
        step = optimizer.step(objective, theta, state)
        assert torch.equal(step.theta, expected.theta) and step.loss == expected.loss and step.state == expected.state
        theta, state = step.theta, step.state


def test_shortening_is_more_cautious() -> None:
    optimizer = LevenbergMarquardt()
    assert optimizer.shorten({"damping": 1e-3, "fresh": False})["damping"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, r"LevenbergMarquardt\(steps=0\): must be at least 1"),
        ({"trials": 0}, "trials=0"),
        ({"damping": 0.0}, r"damping=0.0\): must be positive"),
        ({"max_acceleration": -1.0}, "max_acceleration=-1.0"),
        ({"decrease": 1.0}, r"decrease=1.0\): must exceed 1"),
        ({"increase": 0.5}, r"increase=0.5\): must exceed 1"),
        ({"solver": "magic"}, r"solver='magic'\): choose one of auto, normal, kernel, svd"),
    ],
)
def test_bad_arguments(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LevenbergMarquardt(**options)


def test_gram_and_cholesky() -> None:
    matrix = torch.randn(9, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    square = gram(matrix)
    torch.testing.assert_close(square, matrix.T @ matrix, rtol=1e-13, atol=1e-13)
    b, shift = tensor(1.0, 2.0, 3.0, 4.0), tensor(0.1, 0.2, 0.3, 0.4)
    x = Cholesky(square, shift).solve(b)
    torch.testing.assert_close(square @ x + shift * x, b, rtol=1e-11, atol=1e-11)
    assert torch.equal(square, gram(matrix)), "the matrix is left alone"
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        Cholesky(-square, shift)
