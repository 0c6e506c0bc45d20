"""Implicit gradients of least-squares optima against finite differences, unrolling and closed forms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pinnlab.algebra.implicit_gradient import full_hessian, gauss_newton_hessian, implicit_minimum, polish, stationarity
from pinnlab.algebra.least_squares import LeastSquares

BATCH, ROWS, N = 2, 6, 2


def curved(w: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """A residual that is non-linear in w and does not vanish at its minimum."""
    inner = (a @ w[..., None])[..., 0]
    return inner + 0.3 * inner**2 - b


def curved_linearized(a: Tensor, b: Tensor):
    def linearized(w: Tensor) -> tuple[Tensor, Tensor]:
        inner = (a @ w[..., None])[..., 0]
        return curved(w, a, b), (1 + 0.6 * inner)[..., None] * a

    return linearized


def solve(a: Tensor, b: Tensor) -> Tensor:
    a, b = a.detach(), b.detach()
    w = LeastSquares(steps=100).minimize(curved_linearized(a, b), a.new_zeros(BATCH, N)).require().w
    return polish(curved, w, a, b, steps=2)


def data(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(BATCH, ROWS, N, generator=generator, dtype=torch.float64)
    b = torch.randn(BATCH, ROWS, generator=generator, dtype=torch.float64)
    return a.requires_grad_(), b.requires_grad_()


def optimum(a: Tensor, b: Tensor, **options) -> Tensor:
    return implicit_minimum(curved, solve(a, b), a, b, **options)


def test_one_unknown_by_hand() -> None:
    # min over w of (a w - 1)^2 + (w - 3)^2: w = (a + 3) / (a^2 + 1); at a = 2 w = 1, dw/da = (1 - 2 a w) / (a^2 + 1) = -3/5
    def rows(w: Tensor, a: Tensor) -> Tensor:
        return torch.cat([a * w - 1, w - 3], dim=-1)

    a = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    w = implicit_minimum(rows, torch.tensor([1.0], dtype=torch.float64), a)
    w.sum().backward()
    assert float(a.grad) == pytest.approx(-0.6, abs=1e-14)


def test_a_vanishing_residual_by_hand() -> None:
    # w^2 = a: dw/da = 1 / (2 w); both Hessians agree where the residual vanishes
    for hessian in ("full", "gauss_newton"):
        a = torch.tensor([4.0], dtype=torch.float64, requires_grad=True)
        w = implicit_minimum(lambda w, a: w**2 - a, torch.tensor([2.0], dtype=torch.float64), a, hessian=hessian)
        w.sum().backward()
        assert float(a.grad) == pytest.approx(0.25, abs=1e-14)


def test_first_derivatives_pass_gradcheck() -> None:
    assert torch.autograd.gradcheck(optimum, data())


def test_second_derivatives_pass_gradgradcheck() -> None:
    assert torch.autograd.gradgradcheck(optimum, data(), atol=1e-4)


def test_gauss_newton_is_exact_for_linear_residuals_only() -> None:
    a, b = data()

    def affine(w: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return (a @ w[..., None])[..., 0] - b

    w = torch.linalg.lstsq(a, b[..., None]).solution[..., 0].detach()
    cotangent = torch.ones_like(w)
    full = torch.autograd.grad(implicit_minimum(affine, w, a, b), (a, b), cotangent)
    short = torch.autograd.grad(implicit_minimum(affine, w, a, b, hessian="gauss_newton"), (a, b), cotangent)
    closed = torch.autograd.grad(torch.linalg.lstsq(a, b[..., None]).solution[..., 0], (a, b), cotangent)
    for one, other, third in zip(full, short, closed, strict=True):
        assert torch.allclose(one, other, atol=1e-12, rtol=0) and torch.allclose(one, third, atol=1e-12, rtol=0)
    exact = torch.autograd.grad(optimum(a, b), b, cotangent)[0]
    wrong = torch.autograd.grad(optimum(a, b, hessian="gauss_newton"), b, cotangent)[0]
    assert float((wrong - exact).norm() / exact.norm()) > 0.3


def test_the_same_as_unrolling_the_search() -> None:
    a, b = data()
    w = a.new_zeros(BATCH, N)
    for _ in range(200):
        linearized = curved_linearized(a, b)
        rows, jacobian = linearized(w)
        w = w - torch.linalg.solve(jacobian.mT @ jacobian, (jacobian.mT @ rows[..., None])[..., 0])
    unrolled = torch.autograd.grad(w.square().sum(), (a, b))
    implicit = torch.autograd.grad(optimum(a, b).square().sum(), (a, b))
    for one, other in zip(implicit, unrolled, strict=True):
        assert float((one - other).norm() / other.norm()) < 1e-12


def test_polish_squares_the_gradient_until_rounding() -> None:
    a, b = (t.detach() for t in data())
    best = solve(a, b)
    start = best + 1e-3
    norms = [float(stationarity(curved, start, a, b).detach().norm())]
    norms += [
        float(stationarity(curved, polish(curved, start, a, b, steps=k), a, b).detach().norm()) for k in (1, 2, 3)
    ]
    assert norms[1] < 1e-2 * norms[0] and norms[2] < 1e-4 * norms[1] and norms[3] < 1e-13
    assert torch.equal(polish(curved, start, a, b, steps=0), start)


def test_hessians() -> None:
    a, b = (t.detach() for t in data())
    w = torch.full((BATCH, N), 0.2, dtype=torch.float64)
    for i in range(BATCH):
        half = lambda w, i=i: 0.5 * curved(w, a[i], b[i]).square().sum()  # noqa: E731
        expected = torch.autograd.functional.hessian(half, w[i])
        assert torch.allclose(full_hessian(curved, w, a, b)[i], expected, atol=1e-12, rtol=0)
        jacobian = torch.autograd.functional.jacobian(lambda w, i=i: curved(w, a[i], b[i]), w[i])
        assert torch.allclose(gauss_newton_hessian(curved, w, a, b)[i], jacobian.T @ jacobian, atol=1e-12, rtol=0)


def test_only_what_needs_gradients_gets_them() -> None:
    a, b = data()
    b = b.detach()
    w = optimum(a, b)
    w.sum().backward()
    assert a.grad is not None and b.grad is None
    assert not optimum(a.detach(), b).requires_grad


def test_an_own_hessian_is_used() -> None:
    a, b = data()
    calls = []

    def own(w: Tensor, a: Tensor, b: Tensor) -> Tensor:
        calls.append(1)
        return full_hessian(curved, w, a, b)

    mine = torch.autograd.grad(optimum(a, b, hessian=own).sum(), a)[0]
    assert calls and torch.allclose(mine, torch.autograd.grad(optimum(a, b).sum(), a)[0], atol=1e-14, rtol=0)


def test_a_singular_optimum_is_named() -> None:
    a, b = data()
    degenerate = torch.cat([a[:1], torch.cat([a[1:, :, :1], 0 * a[1:, :, :1]], dim=-1)]).detach().requires_grad_()
    w = implicit_minimum(curved, a.new_zeros(BATCH, N), degenerate, b)
    with pytest.raises(ValueError, match=r"implicit gradient of problem 1: .*singular.*fewer basis functions"):
        w.sum().backward()


def test_an_unknown_hessian() -> None:
    with pytest.raises(ValueError, match="hessian='bfgs': use 'full', 'gauss_newton' or a function"):
        implicit_minimum(curved, torch.zeros(BATCH, N, dtype=torch.float64), *data(), hessian="bfgs")
