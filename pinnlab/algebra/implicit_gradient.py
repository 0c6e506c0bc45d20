"""The gradient of a least-squares optimum by the implicit function theorem.

Letters: m rows, N unknowns of a problem; ``*batch`` leading dimensions, one problem per entry; theta, what the residuals
depend on besides w.

At w*(theta) = argmin ||F(w, theta)||^2 the gradient g = J^T F vanishes, also where more rows than unknowns leave F itself
different from zero. Differentiating g(w*(theta), theta) = 0 gives H dw* = -(dg/dtheta) dtheta, so a cotangent v of w* is
pulled back with one linear solve per problem, H lambda = v, and one derivative of -<lambda, g>: nothing of the search for
w* is recorded. With H = J^T J + sum_i F_i d2F_i/dw2 this is exact; J^T J alone (Gauss-Newton) is right only where F is
linear in w or vanishes at the optimum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pinnlab.algebra.equilibration import equilibrated

Residuals = Callable[..., Tensor]
"""(w (*batch, N), *theta) -> (*batch, m), in torch operations; each problem's rows depend on its own w only."""
Hessian = Callable[..., Tensor]
"""(w (*batch, N), *theta) -> (*batch, N, N): the matrix of the linear solve, differentiable if derivatives of the
gradient are wanted."""


def implicit_minimum(residuals: Residuals, w: Tensor, *theta: Tensor, hessian: str | Hessian = "full") -> Tensor:
    """The optimum w with its derivatives by theta.

    Args:
        residuals: F(w, *theta).
        w: (*batch, N), a minimum of ||F||^2 found in any way; no gradient flows into the way.
        theta: tensors; those that require gradients get them. Tensors that ``residuals`` closes over get none.
        hessian: ``"full"`` (exact), ``"gauss_newton"``, or a function (w, *theta) -> (*batch, N, N) that computes
            either faster than nested reverse mode does.

    Returns:
        w, (*batch, N), differentiable by theta, and twice where ``residuals`` allows it (with a Hessian that is exact).

    Raises:
        ValueError: an unknown ``hessian``; in the backward pass, a matrix that is singular or not finite, with the
            number of its problem.
    """
    if isinstance(hessian, str):
        choices: dict[str, Any] = {"full": full_hessian, "gauss_newton": gauss_newton_hessian}
        if hessian not in choices:
            raise ValueError(f"hessian={hessian!r}: use 'full', 'gauss_newton' or a function (w, *theta) -> matrix.")
        matrix = choices[hessian]

        def hessian(w: Tensor, *theta: Tensor) -> Tensor:
            return matrix(residuals, w, *theta)

    return _Implicit.apply(residuals, hessian, w.detach(), *theta)


def polish(residuals: Residuals, w: Tensor, *theta: Tensor, steps: int = 2, hessian: Hessian | None = None) -> Tensor:
    """Newton steps with the full Hessian from a w that is nearly optimal, (*batch, N).

    Levenberg-Marquardt converges linearly where the residual stays large; Newton's method doubles the digits. A problem
    keeps its w where a step would not lower the norm of the gradient.

    Args:
        residuals: F(w, *theta).
        w: (*batch, N).
        theta: as for ``implicit_minimum``.
        steps: at least 0.
        hessian: (w, *theta) -> (*batch, N, N), by nested reverse mode if None.
    """
    theta = tuple(t.detach() for t in theta)
    w = w.detach()
    slope = stationarity(residuals, w, *theta).detach() if steps else w
    for _ in range(steps):
        with torch.no_grad():
            matrix = full_hessian(residuals, w, *theta) if hessian is None else hessian(w, *theta)
        step, info = _equilibrated_solve(matrix, -slope)
        trial = w + torch.where(((info == 0) & torch.isfinite(step).all(-1))[..., None], step, 0.0)
        there = stationarity(residuals, trial, *theta).detach()
        # an equilibrated norm: unknowns may differ by orders of magnitude
        scale = matrix.diagonal(dim1=-2, dim2=-1).abs().clamp_min(torch.finfo(w.dtype).tiny).sqrt()
        better = ((there / scale).norm(dim=-1) < (slope / scale).norm(dim=-1))[..., None]
        w, slope = torch.where(better, trial, w), torch.where(better, there, slope)
    return w


def stationarity(residuals: Residuals, w: Tensor, *theta: Tensor) -> Tensor:
    """The gradient g = J^T F, (*batch, N), with a graph to w and theta where they require gradients."""
    with torch.enable_grad():
        at = w if w.requires_grad else w.detach().requires_grad_()
        half = 0.5 * residuals(at, *theta).square().sum()
        (gradient,) = torch.autograd.grad(half, at, create_graph=True)
    return gradient


def full_hessian(residuals: Residuals, w: Tensor, *theta: Tensor) -> Tensor:
    """The derivative of g by w, J^T J + sum_i F_i d2F_i/dw2, (*batch, N, N), by nested reverse mode."""
    keep = torch.is_grad_enabled()
    with torch.enable_grad():
        at = w if w.requires_grad else w.detach().requires_grad_()
        gradient = stationarity(residuals, at, *theta)
        return _rows(gradient, at, keep)


def gauss_newton_hessian(residuals: Residuals, w: Tensor, *theta: Tensor) -> Tensor:
    """J^T J, (*batch, N, N), by reverse mode through a transposed product."""
    keep = torch.is_grad_enabled()
    with torch.enable_grad():
        at = w if w.requires_grad else w.detach().requires_grad_()
        value = residuals(at, *theta)
        dummy = torch.zeros_like(value).requires_grad_()
        (pulled,) = torch.autograd.grad(value, at, dummy, create_graph=True)
        columns = []
        for i in range(w.shape[-1]):
            # d<e_i, J^T dummy>/d dummy = J e_i
            (column,) = torch.autograd.grad(pulled[..., i].sum(), dummy, create_graph=keep, retain_graph=True)
            columns.append(column)
        jacobian = torch.stack(columns, dim=-1)
        return jacobian.mT @ jacobian


def _rows(gradient: Tensor, w: Tensor, keep: bool) -> Tensor:
    rows = [
        torch.autograd.grad(gradient[..., i].sum(), w, create_graph=keep, retain_graph=True)[0]
        for i in range(w.shape[-1])
    ]
    return torch.stack(rows, dim=-2)


def _equilibrated_solve(matrix: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """matrix^-1 right, (*batch, N), and LAPACK's info (*batch); rows and columns are scaled first."""
    scaled, scale = equilibrated(matrix)
    result, info = torch.linalg.solve_ex(scaled, (right / scale)[..., None])
    return result[..., 0] / scale, info


class _Implicit(torch.autograd.Function):
    """w passes through; its cotangent is pulled back to theta."""

    @staticmethod
    def forward(ctx: Any, residuals: Residuals, hessian: Hessian, w: Tensor, *theta: Tensor) -> Tensor:
        ctx.residuals, ctx.hessian = residuals, hessian
        result = w.clone()
        # the result as an output carries this node's own graph, which a second derivative goes through
        ctx.save_for_backward(result, *theta)
        return result

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        w, *theta = ctx.saved_tensors
        again = torch.is_grad_enabled()
        wanted = [i for i in range(len(theta)) if ctx.needs_input_grad[3 + i]]
        # aliases: derivatives by theta are taken at fixed w, although w depends on theta
        if again:
            at = w.view_as(w) if w.requires_grad else w.detach().requires_grad_()
            aliases = [t.view_as(t) for t in theta]
        else:
            at = w.detach().requires_grad_()
            aliases = [t.detach().requires_grad_(i in wanted) for i, t in enumerate(theta)]
        multiplier, info = _equilibrated_solve(ctx.hessian(at, *aliases), cotangent)
        _check_solve(multiplier, info)
        with torch.enable_grad():
            product = -(stationarity(ctx.residuals, at, *aliases) * multiplier).sum()
            found = torch.autograd.grad(product, [aliases[i] for i in wanted], create_graph=again, allow_unused=True)
        gradients: list[Tensor | None] = [None] * len(theta)
        for i, gradient in zip(wanted, found, strict=True):
            gradients[i] = gradient
        return (None, None, None, *gradients)


def _check_solve(multiplier: Tensor, info: Tensor) -> None:
    good = (info == 0) & torch.isfinite(multiplier).all(-1)
    if not bool(good.all()):
        first = tuple(int(i) for i in (~good).nonzero()[0]) or (0,)
        raise ValueError(
            f"implicit gradient of problem {', '.join(map(str, first))}: the matrix of its optimality conditions is "
            "singular or not finite, so the optimum is not a differentiable function; use fewer basis functions, more "
            "points, or add a ridge."
        )
