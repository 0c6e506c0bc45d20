from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from pinnlab.optimizers import SOAP, Adam, Optimizer
from pinnlab.optimizers.base import State
from pinnlab.optimizers.first_order import decayed_rate, refresh_basis

pytestmark = pytest.mark.filterwarnings("error")

SHAPES = [(3, 2), (2,), (2, 2), ()]
SIZE = 13


class Linear:
    """||A theta - b||^2 with A, b drawn anew by ``redraw``; all draws have the solution ``exact``."""

    def __init__(self, rows: int = 40, shapes: list[tuple[int, ...]] = SHAPES, columns: Tensor | None = None) -> None:
        self.shapes = shapes
        self.size = sum(math.prod(shape) for shape in shapes)
        self.exact = torch.linspace(-1.0, 1.0, self.size, dtype=torch.float64)
        self.columns = torch.ones(self.size, dtype=torch.float64) if columns is None else columns
        self.rows, self.draws = rows, 0
        self.redraw()

    def redraw(self) -> None:
        self.draws += 1
        generator = torch.Generator().manual_seed(self.draws)
        matrix = torch.randn(self.rows, self.size, generator=generator, dtype=torch.float64)
        self.matrix = matrix * self.columns / math.sqrt(self.rows)

    def residuals(self, theta: Tensor) -> Tensor:
        return self.matrix @ (theta - self.exact)

    def residuals_and_jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        return self.residuals(theta), self.matrix

    def loss_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        residuals = self.residuals(theta)
        return residuals @ residuals, 2.0 * self.matrix.T @ residuals


def start(size: int = SIZE) -> Tensor:
    return torch.zeros(size, dtype=torch.float64)


def steps(optimizer: Optimizer, objective: Linear, theta: Tensor, count: int) -> Iterator[tuple[Tensor, State, float]]:
    state = optimizer.init(objective, theta)
    for _ in range(count):
        step = optimizer.step(objective, theta, state)
        theta, state = step.theta, step.state
        yield theta, state, step.loss


def last(optimizer: Optimizer, objective: Linear, theta: Tensor, count: int) -> tuple[Tensor, State, float]:
    *_, final = steps(optimizer, objective, theta, count)
    return final


def reload(state: State) -> State:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


OPTIMIZERS = [Adam(), Adam(amsgrad=True, redraw_every=3), SOAP(refresh_every=4), SOAP(redraw_every=None, max_side=2)]


@pytest.mark.parametrize(
    "optimizer",
    [
        Adam(learning_rate=0.05, decay=0.5, decay_every=60),
        SOAP(learning_rate=0.05, decay=0.5, decay_every=60),
    ],
)
def test_finds_the_common_solution_of_redrawn_systems(optimizer: Optimizer) -> None:
    objective = Linear()
    theta, _, loss = last(optimizer, objective, start(), 600)
    assert loss < 2e-8
    assert torch.linalg.norm(theta - objective.exact) < 5e-4
    assert objective.draws == 600


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_resumes_exactly_from_a_saved_state(optimizer: Optimizer) -> None:
    objective = Linear()
    theta, state, _ = last(optimizer, objective, start(), 9)
    other, other_objective, other_state = theta.clone(), copy.deepcopy(objective), reload(state)
    for _ in range(9):
        step, again = (
            optimizer.step(objective, theta, state),
            optimizer.step(other_objective, other, other_state),
        )
        assert torch.equal(step.theta, again.theta) and step.loss == again.loss
        theta, state, other, other_state = step.theta, step.state, again.theta, again.state


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_leaves_what_it_was_given_alone(optimizer: Optimizer) -> None:
    objective = Linear()
    theta, state, _ = last(optimizer, objective, start(), 5)
    kept = theta.clone(), copy.deepcopy(state), copy.deepcopy(objective)
    first = optimizer.step(objective, theta, state)
    optimizer.step(objective, first.theta, first.state)
    again = optimizer.step(kept[2], theta, state)
    assert torch.equal(theta, kept[0])
    assert torch.equal(first.theta, again.theta)
    assert str(state) == str(kept[1])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_shorten_halves_the_rate_and_forgets_the_gradients(optimizer: Optimizer) -> None:
    objective = Linear(rows=60)
    theta, state, _ = last(optimizer, objective, start(), 6)
    before = copy.deepcopy(state)
    shorter = optimizer.shorten(state)
    assert str(state) == str(before)
    step = optimizer.step(copy.deepcopy(objective), theta, state)
    shortened = optimizer.step(copy.deepcopy(objective), theta, shorter)
    assert shortened.info["learning_rate"] == 0.5 * step.info["learning_rate"]
    if isinstance(optimizer, Adam):
        # Without memory, Adam's first step moves every coordinate by the learning rate.
        moved = (shortened.theta - theta).abs()
        assert torch.allclose(moved, torch.full_like(moved, shortened.info["learning_rate"]), rtol=1e-6, atol=0)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_loss_that_is_not_finite_is_reported_and_moves_nothing(optimizer: Optimizer) -> None:
    objective = Linear()
    theta = start()
    state = optimizer.init(objective, theta)
    bad = theta.clone()
    bad[0] = math.inf
    step = optimizer.step(objective, bad, state)
    assert not math.isfinite(step.loss) and torch.equal(step.theta, bad)
    assert math.isfinite(optimizer.step(objective, theta, step.state).loss)


def test_redraws_on_schedule_but_not_before_the_first_step() -> None:
    for redraw_every, draws in ((1, 7), (3, 3), (None, 1)):
        objective = Linear()
        last(Adam(redraw_every=redraw_every), objective, start(), 7)
        assert objective.draws == draws


def test_learning_rate_decays_smoothly() -> None:
    assert decayed_rate(0.1, 0.25, 100, 0) == 0.1
    assert decayed_rate(0.1, 0.25, 100, 50) == pytest.approx(0.05)
    assert decayed_rate(0.1, 0.25, 100, 200) == pytest.approx(0.1 / 16)


def test_adam_is_torch_adam() -> None:
    objective, theta = Linear(), start()
    parameter = theta.clone().requires_grad_()
    reference = torch.optim.Adam([parameter], lr=0.01)
    for moved, _, _ in steps(Adam(learning_rate=0.01, decay=1.0, redraw_every=None), objective, theta, 20):
        parameter.grad = objective.loss_and_gradient(parameter.detach())[1]
        reference.step()
        assert torch.equal(moved, parameter.detach())


@pytest.mark.parametrize(("shapes", "max_side"), [([(SIZE,)], 1024), (SHAPES, 1), ([(13, 1)], 4), ([(1, 1, 13)], 1024)])
def test_soap_without_rotations_is_adam(shapes: list[tuple[int, ...]], max_side: int) -> None:
    objective, theta = Linear(shapes=shapes), start()
    parameter = theta.clone().requires_grad_()
    reference = torch.optim.Adam([parameter], lr=0.01, betas=(0.95, 0.95))
    soap = SOAP(learning_rate=0.01, decay=1.0, redraw_every=None, max_side=max_side, refresh_every=2)
    for moved, _, _ in steps(soap, objective, theta, 20):
        parameter.grad = objective.loss_and_gradient(parameter.detach())[1]
        reference.step()
        assert torch.allclose(moved, parameter.detach(), rtol=1e-12, atol=1e-14)


def test_first_soap_step_is_the_orthogonal_factor_of_the_gradient() -> None:
    """With one gradient U S V^T both moments are S in the rotated basis, so the step is -rate U V^T."""
    angle = 0.3
    u = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    gradient = u @ np.diag([4.0, 1.0])  # V = 1, so U V^T = u

    class Constant(Linear):
        def loss_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
            return theta.sum(), torch.tensor(gradient).reshape(-1)

    theta, _, _ = last(SOAP(learning_rate=0.1), Constant(shapes=[(2, 2)]), start(4), 1)
    assert np.allclose(theta.reshape(2, 2).numpy(), -0.1 * u, atol=1e-8, rtol=0)


def slow_soap(gradient_at: Callable[[np.ndarray], np.ndarray], count: int, soap: SOAP) -> np.ndarray:
    """SOAP on one (3, 2) matrix, written entry by entry in the rotated basis with explicit eigenvectors.

    The first left factor has rank two; an epsilon well above rounding keeps its null vector, which is noise, out.
    """
    weights = np.zeros((3, 2))
    gradient = gradient_at(weights)
    left, right = (1 - soap.beta2) * gradient @ gradient.T, (1 - soap.beta2) * gradient.T @ gradient
    vectors_left, vectors_right = np.linalg.eigh(left)[1][:, ::-1], np.linalg.eigh(right)[1][:, ::-1]
    mean, square = np.zeros((3, 2)), np.zeros((3, 2))
    for k in range(1, count + 1):
        gradient = gradient_at(weights)
        mean = soap.beta1 * mean + (1 - soap.beta1) * gradient
        update = np.zeros((3, 2))
        for i in range(3):
            for j in range(2):
                plane = np.outer(vectors_left[:, i], vectors_right[:, j])
                square[i, j] = soap.beta2 * square[i, j] + (1 - soap.beta2) * np.sum(plane * gradient) ** 2
                top = np.sum(plane * mean) / (1 - soap.beta1**k)
                update += plane * top / (math.sqrt(square[i, j] / (1 - soap.beta2**k)) + soap.epsilon)
        weights = weights - soap.learning_rate * update
        left = soap.beta2 * left + (1 - soap.beta2) * gradient @ gradient.T
        right = soap.beta2 * right + (1 - soap.beta2) * gradient.T @ gradient
        if k % soap.refresh_every == 0:
            order = np.argsort([-v @ left @ v for v in vectors_left.T])
            vectors_left, square = np.linalg.qr(left @ vectors_left[:, order])[0], square[order]
            order = np.argsort([-v @ right @ v for v in vectors_right.T])
            vectors_right, square = np.linalg.qr(right @ vectors_right[:, order])[0], square[:, order]
    return weights


def test_soap_agrees_with_a_slow_computation() -> None:
    objective = Linear(shapes=[(3, 2)], columns=torch.tensor([3.0, 1.0, 0.3, 1.0, 2.0, 0.5], dtype=torch.float64))
    soap = SOAP(learning_rate=0.05, decay=1.0, redraw_every=None, refresh_every=3, beta1=0.8, beta2=0.9, epsilon=1e-3)

    def gradient_at(weights: np.ndarray) -> np.ndarray:
        return objective.loss_and_gradient(torch.from_numpy(weights.reshape(-1)))[1].numpy().reshape(3, 2)

    theta, _, _ = last(soap, objective, start(6), 20)
    assert np.allclose(theta.numpy().reshape(3, 2), slow_soap(gradient_at, 20, soap), rtol=1e-9, atol=1e-12)


def test_refresh_converges_to_eigenvectors_in_falling_order() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.linalg.qr(torch.randn(4, 4, generator=generator, dtype=torch.float64)).Q
    factor = vectors @ torch.diag(torch.tensor([8.0, 4.0, 2.0, 1.0], dtype=torch.float64)) @ vectors.T
    basis = torch.eye(4, dtype=torch.float64)
    for _ in range(80):
        basis, order = refresh_basis(factor, basis)
    assert order.tolist() == [0, 1, 2, 3]
    assert torch.allclose((basis.T @ vectors).abs(), torch.eye(4, dtype=torch.float64), atol=1e-9, rtol=0)
    swapped, order = refresh_basis(factor, vectors[:, [2, 0, 3, 1]])
    assert order.tolist() == [1, 3, 0, 2]
    assert torch.allclose((swapped.T @ vectors).abs(), torch.eye(4, dtype=torch.float64), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(steps=0), r"Adam: steps=0 cannot work: .*integer"),
        (lambda: Adam(steps=True), r"Adam: steps=True"),
        (lambda: Adam(learning_rate=-1.0), r"Adam: learning_rate=-1\.0 .*1e-3"),
        (lambda: Adam(learning_rate=math.nan), r"Adam: learning_rate=nan"),
        (lambda: Adam(decay=0.0), r"Adam: decay=0\.0 .*\(0, 1\]"),
        (lambda: Adam(decay_every=0.5), r"Adam: decay_every=0\.5"),  # type: ignore[arg-type]
        (lambda: Adam(redraw_every=0), r"Adam: redraw_every=0 .*None"),
        (lambda: SOAP(beta1=1.0), r"SOAP: beta1=1\.0 .*\[0, 1\)"),
        (lambda: SOAP(beta2=-0.1), r"SOAP: beta2=-0\.1"),
        (lambda: SOAP(epsilon=0.0), r"SOAP: epsilon=0\.0"),
        (lambda: SOAP(refresh_every=0), r"SOAP: refresh_every=0"),
        (lambda: SOAP(max_side=0), r"SOAP: max_side=0"),
    ],
)
def test_bad_arguments_are_named(make: Callable[[], Optimizer], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_soap_refuses_shapes_that_do_not_fill_theta() -> None:
    with pytest.raises(ValueError, match=r"objective\.shapes=.*holds 13 numbers but theta has 12"):
        SOAP().init(Linear(), start(12))
