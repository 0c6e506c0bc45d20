"""Hyper-parameters that explain the rewards seen so far, through GPyTorch and BoTorch.

Letters: n plays, w entries of a context, D switches of an arm.

This module imports both; only ``surrogate.py`` may import it, inside functions.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of deprecated parts of torch, while these are imported
    from botorch.models import SingleTaskGP
    from botorch.optim.fit import fit_gpytorch_mll_scipy
    from gpytorch.constraints import Interval
    from gpytorch.kernels import Kernel
    from gpytorch.likelihoods import GaussianLikelihood
    from gpytorch.means import ZeroMean
    from gpytorch.mlls import ExactMarginalLogLikelihood
    from gpytorch.priors import LogNormalPrior

from pinnlab.selection.bandits.kernel import TYPICAL_NOISE, Hyper, PlayLayout, exponent, log_normal, warped

_NOISE_RANGE = (1e-4, 4.0)
_RANGE = (1e-3, 1e3)
_ITERATIONS = 75


class PlayKernel(Kernel):
    """The covariance of plays, rows (context, arm), as a kernel of GPyTorch; parameters have log-normal priors.

    Args:
        layout: of the rows.
        warp: whether numbers of contexts are warped.
        lower, upper: (c,) range of the numbers, for warping.
    """

    is_stationary = False

    def __init__(self, layout: PlayLayout, warp: bool, lower: Tensor, upper: Tensor):
        super().__init__()
        self.layout, self.warp, self.lower, self.upper = layout, warp, lower, upper
        start = Hyper.typical(layout, warp)
        self._learn("lengths", start.lengths, 0.8)
        self._learn("thetas", start.thetas, 0.6)
        self._learn("variance", (start.variance,), 0.7)
        if warp:
            self._learn("a", [a for a, _ in start.warp], 0.75)
            self._learn("b", [b for _, b in start.warp], 0.75)

    def _learn(self, name: str, start: Any, spread: float) -> None:
        """A positive parameter that is optimized by its logarithm, with the start as its prior's mode."""
        if not len(start):
            return
        values = torch.as_tensor(start, dtype=torch.float64)
        self.register_parameter(f"log_{name}", torch.nn.Parameter(values.log()))
        self.register_constraint(f"log_{name}", Interval(*torch.as_tensor(_RANGE).log().tolist(), transform=None))
        prior = LogNormalPrior(*map(torch.tensor, zip(*(log_normal(v, spread) for v in values.tolist()), strict=True)))
        self.register_prior(f"{name}_prior", prior, lambda kernel: getattr(kernel, f"log_{name}").exp())

    def positive(self, name: str) -> Tensor:
        """A parameter's values; none where the layout has no group of the kind."""
        found = getattr(self, f"log_{name}", None)
        return torch.zeros(0, dtype=torch.float64) if found is None else found.exp()

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **_: Any) -> Tensor:
        """Covariances (..., n, k), or of matching rows (..., n)."""
        variance = self.positive("variance")
        if diag:
            return variance.expand(x1.shape[:-1])
        layout = self.layout
        x1, x2 = self._warped(x1), self._warped(x2)
        switches = (*layout.earlier, layout.arm)
        return variance * torch.exp(
            exponent(x1, x2, layout.numbers, switches, self.positive("lengths"), self.positive("thetas"))
        )

    def _warped(self, x: Tensor) -> Tensor:
        if not self.warp:
            return x
        c = self.layout.c
        numbers = warped(x[..., :c], self.positive("a"), self.positive("b"), self.lower, self.upper)
        return torch.cat([numbers, x[..., c:]], dim=-1)


def model(x: Tensor, y: Tensor, layout: PlayLayout, warp: bool) -> tuple[SingleTaskGP, ExactMarginalLogLikelihood]:
    """The Gaussian process of rewards (n,) at plays (n, w + D), both of unit variance, and its marginal likelihood."""
    numbers = x[:, : layout.c]
    kernel = PlayKernel(layout, warp, numbers.amin(0), numbers.amax(0))
    location, scale = log_normal(TYPICAL_NOISE, 1.0)
    likelihood = GaussianLikelihood(
        noise_prior=LogNormalPrior(location, scale),
        noise_constraint=Interval(*_NOISE_RANGE, initial_value=TYPICAL_NOISE),
    )
    gp = SingleTaskGP(
        x,
        y[:, None],
        likelihood=likelihood.double(),
        covar_module=kernel,
        mean_module=ZeroMean(),
        outcome_transform=None,
    )
    return gp, ExactMarginalLogLikelihood(gp.likelihood, gp)


def fit(x: Tensor, y: Tensor, layout: PlayLayout, warp: bool) -> Hyper:
    """Hyper-parameters of largest posterior density; the priors' modes where the search fails.

    Args:
        x: (n, w + D) plays, numbers of contexts and rewards of unit variance.
        y: (n,) rewards.
        layout: of the columns.
        warp: whether numbers of contexts are warped.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a search that ends early has still found better values than its start
        gp, likelihood = model(x, y, layout, warp)
        try:
            fit_gpytorch_mll_scipy(likelihood.train(), options={"maxiter": _ITERATIONS})
        except (RuntimeError, ValueError):  # a matrix lost its rank on the way
            return Hyper.typical(layout, warp)
    kernel = gp.covar_module
    a, b = (kernel.positive(name).tolist() for name in ("a", "b"))
    return Hyper(
        lengths=tuple(kernel.positive("lengths").tolist()),
        thetas=tuple(kernel.positive("thetas").tolist()),
        variance=kernel.positive("variance").tolist()[0],
        noise=gp.likelihood.noise.tolist()[0],
        warp=tuple(zip(a, b, strict=True)),
    )
