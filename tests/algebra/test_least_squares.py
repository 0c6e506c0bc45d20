"""Batched least squares: solutions, per-problem convergence, failures that say what to change."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pinnlab.algebra.least_squares import LeastSquares, Minimum, Outcome


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear(a: Tensor, b: Tensor):
    return lambda w: ((a @ w[..., None])[..., 0] - b, a.expand(*w.shape[:-1], *a.shape[-2:]))


def rosenbrock(w: Tensor) -> tuple[Tensor, Tensor]:
    x, y = w.unbind(-1)
    one = torch.ones_like(x)
    rows = torch.stack([10 * (y - x**2), 1 - x], dim=-1)
    jacobian = torch.stack([torch.stack([-20 * x, 10 * one], -1), torch.stack([-one, 0 * one], -1)], dim=-2)
    return rows, jacobian


def exponential(t: Tensor, data: Tensor):
    """Fit a exp(-b t), an m > N problem whose residual does not vanish."""

    def linearized(w: Tensor) -> tuple[Tensor, Tensor]:
        a, b = w[..., :1], w[..., 1:]
        decay = torch.exp(-b * t)
        return a * decay - data, torch.stack([decay, -a * t * decay], dim=-1)

    return linearized


def test_linear_problems_take_one_step_and_agree_with_lstsq() -> None:
    a = torch.randn(3, 4, 20, 6, generator=generator(), dtype=torch.float64)
    b = torch.randn(3, 4, 20, generator=generator(1), dtype=torch.float64)
    found = LeastSquares().minimize(linear(a, b), torch.zeros(3, 4, 6, dtype=torch.float64))
    expected = torch.linalg.lstsq(a, b[..., None]).solution[..., 0]
    assert torch.allclose(found.w, expected, atol=1e-12, rtol=0)
    assert bool(found.converged.all()) and int(found.iterations.max()) <= 2
    assert torch.allclose(found.norm, ((a @ expected[..., None])[..., 0] - b).norm(dim=-1), rtol=0, atol=1e-13)


def test_a_warm_start_takes_no_step() -> None:
    a = torch.randn(20, 6, generator=generator(), dtype=torch.float64)
    b = torch.randn(20, generator=generator(1), dtype=torch.float64)
    first = LeastSquares().minimize(linear(a, b), torch.zeros(6, dtype=torch.float64))
    again = LeastSquares().minimize(linear(a, b), first.w)
    assert int(again.iterations) == 0 and again.outcome() is Outcome.CONVERGED


def test_every_problem_converges_on_its_own() -> None:
    start = torch.tensor([[-1.2, 1.0], [1.0, 1.0], [3.0, -2.0], [0.9, 0.8]], dtype=torch.float64)
    found = LeastSquares(steps=100).minimize(rosenbrock, start)
    assert torch.allclose(found.w, torch.ones_like(start), atol=1e-9, rtol=0)
    assert int(found.iterations[1]) == 0 and int(found.iterations[0]) > int(found.iterations[3]) > 0
    for i, one in enumerate(start):
        alone = LeastSquares(steps=100).minimize(rosenbrock, one)
        assert int(alone.iterations) == int(found.iterations[i]), "a problem's course must not depend on its neighbours"


def test_a_non_zero_residual_ends_where_the_gradient_vanishes() -> None:
    t = torch.linspace(0, 2, 40, dtype=torch.float64)
    data = 2 * torch.exp(-1.5 * t) + 0.1 * torch.randn(5, 40, generator=generator(2), dtype=torch.float64)
    problem = exponential(t, data)
    found = LeastSquares().minimize(problem, torch.ones(5, 2, dtype=torch.float64)).require("fit")
    rows, jacobian = problem(found.w)
    assert float((jacobian.mT @ rows[..., None]).abs().max()) < 1e-9
    assert float(found.norm.min()) > 0.1


def test_badly_scaled_columns_do_not_hurt() -> None:
    a = torch.randn(30, 5, generator=generator(), dtype=torch.float64) * torch.tensor([1e-8, 1, 1e6, 1e3, 1e-3])
    b = torch.randn(30, generator=generator(1), dtype=torch.float64)
    found = LeastSquares().minimize(linear(a, b), torch.zeros(5, dtype=torch.float64)).require()
    assert torch.allclose(a @ found.w, a @ torch.linalg.lstsq(a, b).solution, atol=1e-10, rtol=0)


def test_ill_conditioned_columns_fall_back_to_the_jacobian() -> None:
    x = torch.linspace(-1, 1, 60, dtype=torch.float64)
    a = torch.stack([x**k for k in range(25)], dim=1)
    exact = torch.ones(25, dtype=torch.float64)
    found = LeastSquares().minimize(linear(a, a @ exact), torch.zeros(25, dtype=torch.float64))
    assert found.outcome() is Outcome.CONVERGED
    assert float((a @ (found.w - exact)).norm() / (a @ exact).norm()) < 1e-14


def test_float32_reaches_its_own_accuracy() -> None:
    start = torch.tensor([[-1.2, 1.0]], dtype=torch.float32)
    found = LeastSquares(steps=100).minimize(rosenbrock, start).require()
    assert found.w.dtype == torch.float32 and torch.allclose(found.w, torch.ones_like(start), atol=1e-4, rtol=0)


def test_a_structured_jacobian_gives_the_same() -> None:
    class Scaled:
        def __init__(self, matrix: Tensor):
            self.matrix = matrix

        def gram(self) -> Tensor:
            return self.matrix.mT @ self.matrix

        def pull_back(self, rows: Tensor) -> Tensor:
            return (self.matrix.mT @ rows[..., None])[..., 0]

        def dense(self) -> Tensor:
            return self.matrix

    def structured(w: Tensor) -> tuple[Tensor, Scaled]:
        rows, jacobian = rosenbrock(w)
        return rows, Scaled(jacobian)

    start = torch.tensor([[-1.2, 1.0]], dtype=torch.float64)
    assert torch.equal(LeastSquares().minimize(structured, start).w, LeastSquares().minimize(rosenbrock, start).w)


def test_a_rank_deficient_problem_is_named_and_the_others_are_solved() -> None:
    a = torch.randn(3, 20, 4, generator=generator(), dtype=torch.float64)
    a[1, :, 3] = a[1, :, 0] - 2 * a[1, :, 1]
    a[2, :, 2] = 0
    b = torch.randn(3, 20, generator=generator(1), dtype=torch.float64)
    found = LeastSquares().minimize(linear(a, b), torch.zeros(3, 4, dtype=torch.float64))
    assert [found.outcome(i) for i in range(3)] == [Outcome.CONVERGED, Outcome.RANK_DEFICIENT, Outcome.RANK_DEFICIENT]
    best = torch.linalg.lstsq(a[1], b[1], driver="gelsd").solution
    assert float(found.norm[1]) == pytest.approx(float((a[1] @ best - b[1]).norm()), rel=1e-10)
    message = r"expert 1 \(and 1 more of 3\): rank deficient: .*fewer basis functions.*or add a ridge"
    with pytest.raises(ValueError, match=message):
        found.require("expert")
    assert isinstance(found.require("expert", Outcome.RANK_DEFICIENT), Minimum)


def test_nan_is_named_and_the_others_are_solved() -> None:
    a = torch.randn(2, 20, 4, generator=generator(), dtype=torch.float64)
    a[0, 3, 1] = torch.nan
    b = torch.randn(2, 20, generator=generator(1), dtype=torch.float64)
    found = LeastSquares().minimize(linear(a, b), torch.zeros(2, 4, dtype=torch.float64))
    assert found.outcome(1) is Outcome.CONVERGED and bool((found.w[0] == 0).all())
    with pytest.raises(ValueError, match=r"expert 0: not finite: .*NaN in the basis"):
        found.require("expert")


def test_steps_run_out_and_stalls_are_told_apart() -> None:
    start = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    assert LeastSquares(steps=2).minimize(rosenbrock, start).outcome() is Outcome.STEPS_DONE

    def wrong(w: Tensor) -> tuple[Tensor, Tensor]:
        rows, jacobian = rosenbrock(w)
        return rows, -jacobian

    assert LeastSquares(steps=100).minimize(wrong, start).outcome() is Outcome.STALLED


def test_steps_into_nan_are_taken_back() -> None:
    def logarithm(w: Tensor) -> tuple[Tensor, Tensor]:
        return torch.log(w) - 1, torch.diag_embed(1 / w)

    found = LeastSquares().minimize(logarithm, torch.tensor([20.0], dtype=torch.float64)).require()
    assert float(found.w) == pytest.approx(torch.e, rel=1e-10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, r"LeastSquares\(steps=0\): must be a whole number"),
        ({"tolerance": 0.0}, r"LeastSquares\(tolerance=0.0\): must be a positive"),
        ({"damping": -1.0}, r"LeastSquares\(damping=-1.0\): must be a number of at least 0"),
    ],
)
def test_bad_arguments(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LeastSquares(**changes)


def test_bad_shapes() -> None:
    w = torch.zeros(2, 4, dtype=torch.float64)
    with pytest.raises(ValueError, match="3 rows cannot determine 4 unknowns; use more points"):
        LeastSquares().minimize(lambda w: (w.new_zeros(2, 3), w.new_zeros(2, 3, 4)), w)
    with pytest.raises(ValueError, match=r"residuals have shape \(5,\) for w of shape \(2, 4\)"):
        LeastSquares().minimize(lambda w: (w.new_zeros(5), w.new_zeros(5, 4)), w)
    with pytest.raises(ValueError, match=r"the Jacobian has shape \(2, 4, 5\).*must be \(2, 5, 4\)"):
        LeastSquares().minimize(lambda w: (w.new_zeros(2, 5), w.new_zeros(2, 4, 5)), w)
