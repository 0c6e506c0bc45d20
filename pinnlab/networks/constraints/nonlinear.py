"""The closest point of a curved surface c(u) = 0, as a layer.

Letters: n entries of a vector, p constraints, s samples; "..." is any batch. K, the matrix of the optimality conditions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import jacrev, vjp, vmap

from pinnlab.algebra.least_squares import LeastSquares
from pinnlab.networks.constraints.projections import in_sample, position

_ACCEPTED = 1e-10
"""Largest |c| relative to |dc/du| |u| with which a point is handed on."""
_RESTORING_STEPS = 20


class NonlinearProjection(nn.Module):
    """The closest point to v with c(u) = 0, differentiable and batched.

    Minimizes 1/2 sum_i weights_i (u_i - v_i)^2 by Newton's method on the optimality conditions

        weights (u - v) + (dc/du)^T y = 0,  c(u) = 0

    for u and the multipliers y, damped by Levenberg-Marquardt. Samples that do not get to a minimum from v start again
    from a point of the surface that Gauss-Newton steps on c find. The minimum is local: on a surface that bends back,
    points far away have several. Derivatives follow from the implicit function theorem: up to the second order, by v,
    by the arguments of a call, and by whatever tensors ``function`` holds.

    Args:
        function: c, in torch operations; from one vector (n,), and what else a call gives per sample, to (p,) or a number.
        weights: (n,) positive weights of the distance, such as those of a quadrature; equal ones if None.
        search: the damped Newton iteration's steps and tolerance.

    Raises:
        ValueError: in a call, NaN in the input, or a function whose result has a wrong shape.
        RuntimeError: in a call, no closest point found; names the constraint and the sample, and says why.

    Dense matrices of n + p rows are factorized for every sample: made for up to a few hundred entries. All computing is in
    float64, the result has the dtype of the input.
    """

    def __init__(
        self,
        function: Callable[..., Tensor],
        *,
        weights: Any = None,
        search: LeastSquares = LeastSquares(steps=100, tolerance=1e-13),  # noqa: B008 (frozen)
    ):
        super().__init__()
        if not callable(function):
            raise TypeError(f"function: takes a function of a vector, got a {type(function).__name__}.")
        self.function, self.search = function, search
        self._weights = None if weights is None else torch.as_tensor(weights, dtype=torch.float64)
        if self._weights is not None and not bool((torch.isfinite(self._weights) & (self._weights > 0)).all()):
            raise ValueError(
                "weights: must be positive and finite, such as those of a quadrature; they weigh distances."
            )

    def forward(self, v: Tensor, *given: Tensor) -> Tensor:
        """The closest points, (..., n) from (..., n).

        Args:
            v: real numbers.
            given: further arguments of ``function``, (..., and their own shape), such as the energy of each sample.
        """
        if not isinstance(v, Tensor) or not v.is_floating_point() or v.dim() < 1:
            raise TypeError("v: NonlinearProjection takes a tensor (..., n) of real numbers.")
        batch, n = v.shape[:-1], v.shape[-1]
        flat = [_flat("v", v, batch)] + [_flat(f"argument {i + 1}", g, batch) for i, g in enumerate(given)]
        if not v.numel():
            return v
        conditions = _Conditions(self.function, self._weights, flat, batch)
        w, sound = conditions.stationary(self.search, flat[0].detach())
        if not bool(sound.all()):
            again, better = conditions.stationary(self.search, conditions.restored())
            w = torch.where(sound[:, None], w, again)
            if not bool((sound | better).all()):
                raise RuntimeError(conditions.complaint(w, ~(sound | better)))
        return conditions.attached(w)[:, :n].reshape(v.shape).to(v.dtype)


class _Conditions:
    """The optimality conditions F(w) = 0 of all samples, for w = (u, y), (s, n + p)."""

    def __init__(self, function: Callable[..., Tensor], weights: Tensor | None, flat: list[Tensor], batch: torch.Size):
        self.v, self.given, self.batch = flat[0], tuple(flat[1:]), batch
        self.n = self.v.shape[-1]
        ones = torch.ones(self.n, dtype=torch.float64, device=self.v.device)
        self.weights = ones if weights is None else weights.to(ones.device).expand_as(ones)

        def constraint(u: Tensor, *given: Tensor) -> Tensor:
            found = function(u, *given)
            if not isinstance(found, Tensor) or found.dim() > 1:
                shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
                raise ValueError(f"function: returned {shape} for one vector ({self.n},); return (p,), or a number.")
            return found.reshape(-1)

        self.constraint = constraint
        with torch.no_grad():
            slopes = vmap(jacrev(constraint))(self.v.detach(), *self._fixed)
        self.p = slopes.shape[1]
        if self.p > self.n:
            raise ValueError(f"function: {self.p} constraints on {self.n} entries; at most as many can be met.")
        norms = slopes.norm(dim=-1)
        # constraints in one unit, that of u
        self.scale = 1 / torch.where((norms > 0) & norms.isfinite(), norms, torch.ones_like(norms))

    @property
    def _fixed(self) -> tuple[Tensor, ...]:
        return tuple(g.detach() for g in self.given)

    def _one(self, w: Tensor, v: Tensor, scale: Tensor, *given: Tensor) -> Tensor:
        u, y = w[: self.n], w[self.n :]
        value, pull = vjp(lambda x: scale * self.constraint(x, *given), u)
        return torch.cat([self.weights * (u - v) + pull(y)[0], value])

    def residuals(self, w: Tensor) -> Tensor:
        """F, (s, n + p), with derivatives by everything."""
        return vmap(self._one)(w, self.v, self.scale, *self.given)

    @torch.no_grad()
    def linearized(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """F and K = dF/dw (s, n + p, n + p), without derivatives."""
        fixed = (self.v.detach(), self.scale, *self._fixed)
        return vmap(self._one)(w, *fixed), vmap(jacrev(self._one))(w, *fixed)

    @torch.no_grad()
    def stationary(self, search: LeastSquares, u: Tensor) -> tuple[Tensor, Tensor]:
        """The point w from a start at u, and (s) whether it is a minimum on the surface."""
        slopes = self.scale[..., None] * vmap(jacrev(self.constraint))(u, *self._fixed)
        # the multipliers that fit the start best
        pull = (self.weights * (u - self.v.detach()))[..., None]
        y = -torch.linalg.pinv(slopes.mT) @ pull
        w = search.minimize(self.linearized, torch.cat([u, y[..., 0]], dim=-1)).w
        value, matrix = self.linearized(w)
        return w, (self.violation(w).amax(-1) <= _ACCEPTED) & self._settled(w, value) & self._convex(matrix)

    def _settled(self, w: Tensor, value: Tensor) -> Tensor:
        size = (self.weights * (w[:, : self.n].abs() + self.v.detach().abs())).norm(dim=-1)
        return value[:, : self.n].norm(dim=-1) <= 1e-8 * size

    def _convex(self, matrix: Tensor) -> Tensor:
        """(s): as many negative eigenvalues of K as constraints, which is what a strict minimum has, and none at zero."""
        values = torch.linalg.eigvalsh(0.5 * (matrix + matrix.mT).nan_to_num(0.0, 0.0, 0.0))
        size = values.abs().amax(-1, keepdim=True)
        return ((values < -1e-12 * size).sum(-1) == self.p) & ((values > 1e-12 * size).sum(-1) == self.n)

    @torch.no_grad()
    def violation(self, w: Tensor) -> Tensor:
        """|c| relative to |dc/du| |u|, (s, p)."""
        u = w[:, : self.n]
        value = vmap(self.constraint)(u, *self._fixed).abs()
        slopes = vmap(jacrev(self.constraint))(u, *self._fixed)
        size = (slopes.abs() @ u.abs()[..., None])[..., 0] + (
            slopes.norm(dim=-1) * self.v.detach().norm(dim=-1, keepdim=True)
        )
        return torch.where(value == 0, 0.0, value / size).nan_to_num(torch.inf, torch.inf, torch.inf)

    @torch.no_grad()
    def restored(self) -> Tensor:
        """Points near the surface, (s, n), by Gauss-Newton steps on c alone from v."""
        u = self.v.detach()
        for _ in range(_RESTORING_STEPS):
            value = vmap(self.constraint)(u, *self._fixed)
            slopes = vmap(jacrev(self.constraint))(u, *self._fixed)
            usable = torch.isfinite(value).all(-1) & torch.isfinite(slopes).flatten(1).all(-1)
            slopes = torch.where(usable[:, None, None], slopes, torch.zeros_like(slopes))
            step = (torch.linalg.pinv(slopes) @ value.nan_to_num()[..., None])[..., 0]
            u = torch.where(usable[:, None], u - step, u)
        return u

    def attached(self, w: Tensor) -> Tensor:
        """The same w, with derivatives by all that the conditions depend on.

        A step w - K^-1 F(w, theta) with fixed K leaves an optimum where it is, and differs from the optimum of a changed
        theta by one order less in the change; two steps give first and second derivatives.
        """
        if not torch.is_grad_enabled():
            return w
        factors = torch.linalg.lu_factor(self.linearized(w)[1])
        for _ in range(2):
            w = w - torch.linalg.lu_solve(*factors, self.residuals(w)[..., None])[..., 0]
        return w

    def complaint(self, w: Tensor, wrong: Tensor) -> str:
        """Why the first of the wrong samples has no closest point."""
        number = int(wrong.nonzero()[0])
        place = in_sample(position(number, self.batch))
        violation = self.violation(w)[number]
        if float(violation.max()) > _ACCEPTED:
            row = int(violation.argmax())
            return (
                f"NonlinearProjection{place}: constraint {row} of function cannot be met from here, it is missed by "
                f"{float(violation[row]):.2g} relative to its terms at best; it may have no solution, or v may be too far "
                "from it: train the network closer first."
            )
        return (
            f"NonlinearProjection{place}: the constraints can be met, but no isolated closest point was found: their "
            "gradients are linearly dependent there, or v is where several points are equally close. Leave out redundant "
            "constraints, or move v."
        )


def _flat(name: str, value: Tensor, batch: torch.Size) -> Tensor:
    """(s, own shape), float64."""
    if not isinstance(value, Tensor) or value.shape[: len(batch)] != batch:
        shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"{name}: {shape}; give a tensor whose first dimensions are the batch {tuple(batch)} of v.")
    finite = torch.isfinite(value.detach())
    if not bool(finite.all()):
        sample = tuple(int(i) for i in (~finite).nonzero()[0])[: len(batch)]
        raise ValueError(f"{name}{in_sample(sample)}: NaN or infinite; look at what computed it.")
    return value.to(torch.float64).reshape((math.prod(batch), *value.shape[len(batch) :]))
