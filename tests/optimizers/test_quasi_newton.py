from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pinnlab.optimizers import LBFGS, Optimizer, SSBroyden, Step
from pinnlab.optimizers.base import State
from pinnlab.optimizers.quasi_newton import broyden_coefficients, broyden_update

pytestmark = pytest.mark.filterwarnings("error")


def vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


class LeastSquares:
    """||r(theta)||^2 for residuals given as a function of parameters and a number that ``redraw`` counts up."""

    def __init__(self, function: Callable[[Tensor, int], Tensor], size: int, factor: float = 1.0) -> None:
        self.function, self.size, self.factor = function, size, factor
        self.shapes: list[tuple[int, ...]] = [(size,)]
        self.draws = self.calls = 0

    def redraw(self) -> None:
        self.draws += 1

    def residuals(self, theta: Tensor) -> Tensor:
        return self.factor * self.function(theta, self.draws)

    def residuals_and_jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        return self.residuals(theta), torch.autograd.functional.jacobian(self.residuals, theta)

    def loss_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        self.calls += 1
        with torch.enable_grad():
            theta = theta.detach().clone().requires_grad_()
            loss = self.residuals(theta).square().sum()
            (gradient,) = torch.autograd.grad(loss, theta)
        return loss.detach(), gradient


def rosenbrock(theta: Tensor, draw: int) -> Tensor:
    del draw
    return torch.cat([10.0 * (theta[1:] - theta[:-1] ** 2), 1.0 - theta[:-1]])


def ill_conditioned(theta: Tensor, draw: int) -> Tensor:
    """Hessian with eigenvalues from 1 to 1e6 in a rotated basis; the minimum is 0 at 0."""
    del draw
    size = theta.numel()
    generator = torch.Generator().manual_seed(1)
    rotation = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64)).Q
    return torch.logspace(0, 3, size, dtype=torch.float64) * (rotation @ theta)


def redrawn(theta: Tensor, draw: int) -> Tensor:
    """Random systems that share the solution 1."""
    generator = torch.Generator().manual_seed(draw)
    matrix = torch.randn(3 * theta.numel(), theta.numel(), generator=generator, dtype=torch.float64)
    return matrix @ (theta - 1.0) / theta.numel()


def cliff(theta: Tensor, draw: int) -> Tensor:
    """Not a number for any negative entry; a root at 1e-2, close to where the numbers end."""
    del draw
    return torch.sqrt(theta) - 0.1


def run(optimizer: Optimizer, objective: LeastSquares, theta: Tensor, steps: int, target: float = 0.0) -> list[Step]:
    state = optimizer.init(objective, theta)
    history = []
    for _ in range(steps):
        step = optimizer.step(objective, theta, state)
        history.append(step)
        theta, state = step.theta, step.state
        if step.loss <= target or step.stalled:
            break
    return history


def reload(state: State) -> State:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


VARIANTS = ["ssbroyden", "ssbfgs", "bfgs"]
OPTIMIZERS = [
    LBFGS(history=4, iterations=3),
    LBFGS(history=4, iterations=3, redraw_every=2),
    SSBroyden(redraw_every=None),
    SSBroyden(redraw_every=3, variant="ssbfgs"),
]


def test_update_is_bfgs_and_dfp_on_numbers_worked_by_hand() -> None:
    inverse, s, y = torch.eye(2, dtype=torch.float64), vector(1, 1), vector(2, 1)
    # (I - s y^T / 3)(I - y s^T / 3) + s s^T / 3
    bfgs = broyden_update(inverse, s, y, inverse @ y, tau=1.0, phi=1.0)
    assert torch.allclose(bfgs, torch.stack([vector(5, -1), vector(-1, 11)]) / 9, rtol=1e-15, atol=0)
    # I - y y^T / 5 + s s^T / 3
    dfp = broyden_update(inverse, s, y, inverse @ y, tau=1.0, phi=0.0)
    assert torch.allclose(dfp, torch.stack([vector(8, -1), vector(-1, 17)]) / 15, rtol=1e-15, atol=0)


def test_coefficients_on_numbers_worked_by_hand() -> None:
    root = math.sqrt(2.0)
    # a = 1, rho- = 1, theta = 1, sigma = 2, P = 3
    assert broyden_coefficients(0.5, 4.0, 3) == pytest.approx((1 / root, 0.0))
    # a = 1, rho- = 1 - 1/sqrt 2, theta = (1 - b) / b = -1/2, sigma = 1/2: tau = min(1/2 * sqrt 2, 1/2), phi = 1.5 / 0.5
    assert broyden_coefficients(2.0, 1.0, 3) == pytest.approx((0.5, 3.0))
    # a = 10, rho- = 0.127978, theta = (rho- - 1) / a = -0.0872022, sigma = rho-
    assert broyden_coefficients(4.0, 2.75, 3) == pytest.approx((0.127978, 8.49522), rel=1e-5)
    # a = 0.08, theta = (1 - b) / b = 1/9, sigma = 1 + 0.08 / 9: tau = sigma^(-1/2), phi = (8/9) / sigma
    assert broyden_coefficients(0.9, 1.2, 3) == pytest.approx(((9 / 9.08) ** 0.5, 8 / 9.08))
    assert broyden_coefficients(4.0, 1.0, 3, "ssbfgs") == (0.25, 1.0)
    assert broyden_coefficients(0.5, 4.0, 3, "ssbfgs") == (1.0, 1.0)
    assert broyden_coefficients(4.0, 1.0, 3, "bfgs") == (1.0, 1.0)
    assert broyden_coefficients(4.0, 0.25, 3) == (0.25, 1.0)  # H y parallel to s


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [1, 2, 7])
def test_update_keeps_the_secant_equation_symmetry_and_definiteness(variant: str, size: int) -> None:
    generator = torch.Generator().manual_seed(size)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    for _ in range(200):
        root = draw(size, size)
        inverse = root @ root.T + 1e-2 * torch.eye(size, dtype=torch.float64)
        inverse = 0.5 * (inverse + inverse.T)
        s = draw(size)
        y = draw(size) * 10.0 ** float(3 * draw(1))
        y = y if s @ y > 0 else -y
        hy, s_bs = inverse @ y, s @ torch.linalg.solve(inverse, s)
        b, h = float(s_bs / (s @ y)), float(y @ hy / (s @ y))
        tau, phi = broyden_coefficients(b, h, size, variant)
        assert 0 < tau <= 1
        new = broyden_update(inverse, s, y, hy, tau, phi)
        assert torch.equal(new, new.T)
        scale = (torch.linalg.matrix_norm(inverse, 2) / tau + torch.linalg.matrix_norm(new, 2)) * y.norm()
        assert torch.linalg.norm(new @ y - s) <= 1e-13 * scale
        assert torch.linalg.eigvalsh(new)[0] > 0 or torch.linalg.cond(new) > 1e13


@pytest.mark.parametrize("variant", VARIANTS)
def test_ssbroyden_state_holds_the_secant_pair_of_its_last_step(variant: str) -> None:
    objective, theta = LeastSquares(rosenbrock, 6), torch.full((6,), -1.2, dtype=torch.float64)
    history = run(SSBroyden(redraw_every=None, variant=variant), objective, theta, 25)
    for before, after in zip(history, history[1:], strict=False):
        s, y = after.theta - before.theta, after.state["gradient"] - before.state["gradient"]
        inverse = after.state["inverse_hessian"]
        assert torch.allclose(inverse @ y, s, rtol=1e-6, atol=1e-9 * float(s.norm()))
        assert torch.equal(inverse, inverse.T)
        assert torch.linalg.eigvalsh(inverse)[0] > 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_ssbroyden_minimizes_rosenbrock(variant: str) -> None:
    objective, theta = LeastSquares(rosenbrock, 10), torch.full((10,), -1.2, dtype=torch.float64)
    history = run(SSBroyden(redraw_every=None, variant=variant), objective, theta, 200, 1e-24)
    losses = [step.loss for step in history]
    assert losses[-1] <= 1e-24 and losses == sorted(losses, reverse=True)
    assert torch.allclose(history[-1].theta, torch.ones(10, dtype=torch.float64), atol=1e-10, rtol=0)


def test_scaling_beats_plain_bfgs_on_an_ill_conditioned_quadratic() -> None:
    counts = {}
    for variant in VARIANTS:
        objective = LeastSquares(ill_conditioned, 30)
        optimizer = SSBroyden(redraw_every=None, variant=variant)
        history = run(optimizer, objective, torch.ones(30, dtype=torch.float64), 400, 1e-20)
        assert history[-1].loss <= 1e-20
        counts[variant] = len(history)
    assert counts["ssbroyden"] < 0.75 * counts["bfgs"] and counts["ssbfgs"] < 0.75 * counts["bfgs"]


def test_lbfgs_minimizes_rosenbrock_at_any_scale_of_the_loss() -> None:
    """torch alone drops all curvature once s.y <= 1e-10: at this scale it would descend steepest."""
    for factor in (1.0, 2.0**-25):
        objective = LeastSquares(rosenbrock, 10, factor)
        history = run(LBFGS(), objective, torch.full((10,), -1.2, dtype=torch.float64), 15, 1e-20 * factor**2)
        assert history[-1].loss <= 1e-20 * factor**2


def test_lbfgs_chains_its_steps_seamlessly() -> None:
    theta = torch.full((6,), -1.2, dtype=torch.float64)
    long = run(LBFGS(iterations=20), LeastSquares(rosenbrock, 6), theta, 1)
    short = run(LBFGS(iterations=5), LeastSquares(rosenbrock, 6), theta, 4)
    assert torch.allclose(long[-1].theta, short[-1].theta, rtol=1e-8, atol=0)


@pytest.mark.parametrize("optimizer", [LBFGS(redraw_every=2, iterations=10), SSBroyden(redraw_every=20)])
def test_finds_the_common_solution_of_redrawn_systems(optimizer: Optimizer) -> None:
    objective = LeastSquares(redrawn, 20)
    history = run(optimizer, objective, torch.zeros(20, dtype=torch.float64), 100, 1e-20)
    assert history[-1].loss <= 1e-20 and objective.draws >= 1
    assert torch.allclose(history[-1].theta, torch.ones(20, dtype=torch.float64), atol=1e-8, rtol=0)


@pytest.mark.parametrize("optimizer", [LBFGS(), SSBroyden(redraw_every=None)])
def test_trial_points_without_a_finite_loss_are_backed_away_from(optimizer: Optimizer) -> None:
    objective = LeastSquares(cliff, 3)
    history = run(optimizer, objective, vector(4.0, 1.0, 9.0), 100, 1e-16)
    assert all(math.isfinite(step.loss) for step in history)
    assert torch.allclose(history[-1].theta, vector(0.01, 0.01, 0.01), rtol=1e-5, atol=0)


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, SSBroyden(redraw_every=1)])
@pytest.mark.parametrize("function", [rosenbrock, redrawn])
def test_resumes_exactly_from_a_saved_state(optimizer: Optimizer, function: Callable[[Tensor, int], Tensor]) -> None:
    objective = LeastSquares(function, 8)
    step = run(optimizer, objective, torch.full((8,), -1.2, dtype=torch.float64), 4)[-1]
    other_objective, again = copy.deepcopy(objective), Step(step.theta.clone(), reload(step.state), step.loss)
    for _ in range(5):
        step = optimizer.step(objective, step.theta, step.state)
        again = optimizer.step(other_objective, again.theta, again.state)
        assert torch.equal(step.theta, again.theta) and step.loss == again.loss


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_leaves_what_it_was_given_alone(optimizer: Optimizer) -> None:
    objective = LeastSquares(rosenbrock, 5)
    start = run(optimizer, objective, torch.full((5,), -1.2, dtype=torch.float64), 4)[-1]
    theta, state = start.theta.clone(), copy.deepcopy(start.state)
    first = optimizer.step(objective, start.theta, start.state)
    optimizer.step(objective, first.theta, first.state)
    optimizer.shorten(first.state)
    assert torch.equal(start.theta, theta)
    assert str(start.state) == str(state)
    assert torch.equal(optimizer.step(objective, theta, state).theta, first.theta)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_reported_loss_is_the_loss_at_the_returned_parameters(optimizer: Optimizer) -> None:
    objective, theta = LeastSquares(redrawn, 5), torch.zeros(5, dtype=torch.float64)
    state = optimizer.init(objective, theta)
    for _ in range(6):
        step = optimizer.step(objective, theta, state)
        assert step.loss == pytest.approx(float(objective.residuals(step.theta).square().sum()), rel=1e-12)
        theta, state = step.theta, step.state


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_start_without_a_finite_loss_is_reported_and_moves_nothing(optimizer: Optimizer) -> None:
    objective, bad = LeastSquares(cliff, 2), vector(1.0, -1.0)
    step = optimizer.step(objective, bad, optimizer.init(objective, bad))
    assert not math.isfinite(step.loss) and not step.stalled
    assert torch.equal(step.theta, bad)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_shorten_gives_a_shorter_first_step_that_still_descends(optimizer: Optimizer) -> None:
    objective, start = LeastSquares(rosenbrock, 4), vector(-1.2, 1.0, -0.5, 0.8)
    step = run(optimizer, objective, start, 3)[-1]
    shorter = optimizer.shorten(step.state)
    if isinstance(optimizer, SSBroyden):
        assert torch.equal(shorter["inverse_hessian"], 0.1 * step.state["scale"] * torch.eye(4, dtype=torch.float64))
    else:
        assert shorter["memory"] == {} and shorter["caution"] == 0.5
    assert optimizer.step(objective, step.theta, shorter).loss < step.loss


@pytest.mark.parametrize("optimizer", [LBFGS(), SSBroyden(redraw_every=None)])
def test_stalls_at_a_minimum_on_fixed_points(optimizer: Optimizer) -> None:
    objective = LeastSquares(lambda theta, draw: torch.cat([theta - 3.0, theta - 1.0]), 2)
    history = run(optimizer, objective, vector(7.0, -2.0), 60)
    assert history[-1].stalled and len(history) < 60
    assert history[-1].loss == pytest.approx(4.0) and torch.allclose(
        history[-1].theta, vector(2.0, 2.0), rtol=1e-6, atol=0
    )


@pytest.mark.parametrize("optimizer", [LBFGS(redraw_every=1000), SSBroyden(redraw_every=1000)])
def test_at_a_minimum_points_are_redrawn_early(optimizer: Optimizer) -> None:
    objective = LeastSquares(lambda theta, draw: torch.cat([theta - 3.0 - draw, theta - 1.0 - draw]), 2)
    history = run(optimizer, objective, vector(7.0, -2.0), 60)
    assert objective.draws >= 2 and not history[-1].stalled
    assert torch.allclose(history[-1].theta, vector(2.0, 2.0) + objective.draws, atol=1.0, rtol=0)


def test_ssbroyden_evaluates_again_without_a_gradient_in_its_state() -> None:
    objective, theta = LeastSquares(rosenbrock, 4), vector(-1.2, 1.0, -0.5, 0.8)
    optimizer = SSBroyden(redraw_every=None)
    step = run(optimizer, objective, theta, 3)[-1]
    objective.factor = 3.0
    state = {name: value for name, value in step.state.items() if name != "gradient"}
    expected = float(objective.residuals(step.theta).square().sum())
    assert optimizer.step(objective, step.theta, state).loss < expected
    assert optimizer.step(objective, step.theta, state).state["inverse_hessian"].dtype == torch.float64


def test_ssbroyden_serves_single_precision_parameters() -> None:
    objective, theta = LeastSquares(rosenbrock, 4), torch.tensor([-1.2, 1.0, -0.5, 0.8])
    step = run(SSBroyden(redraw_every=None), objective, theta, 60, 1e-8)[-1]
    assert step.theta.dtype == torch.float32 and step.state["inverse_hessian"].dtype == torch.float64
    assert step.loss <= 1e-8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LBFGS(steps=-1), r"LBFGS: steps=-1 cannot work: .*at least 1"),
        (lambda: LBFGS(history=0), r"LBFGS: history=0 .*such as 50"),
        (lambda: LBFGS(iterations=0), r"LBFGS: iterations=0"),
        (lambda: LBFGS(learning_rate=0.0), r"LBFGS: learning_rate=0\.0 .*keep 1\.0"),
        (lambda: LBFGS(redraw_every=0), r"LBFGS: redraw_every=0 .*None"),
        (lambda: SSBroyden(steps=2.5), r"SSBroyden: steps=2\.5"),  # type: ignore[arg-type]
        (lambda: SSBroyden(redraw_every=-5), r"SSBroyden: redraw_every=-5"),
        (lambda: SSBroyden(variant="dfp"), r"SSBroyden: variant='dfp' .*ssbroyden, ssbfgs, bfgs"),
        (lambda: SSBroyden(c1=0.0), r"SSBroyden: c1=0\.0 .*0 < c1 < c2 < 1"),
        (lambda: SSBroyden(c1=0.5, c2=0.4), r"SSBroyden: c2=0\.4 .*c1=0\.5"),
        (lambda: SSBroyden(max_evaluations=0), r"SSBroyden: max_evaluations=0"),
    ],
)
def test_bad_arguments_are_named(make: Callable[[], Optimizer], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
