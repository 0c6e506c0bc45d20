"""What the plays so far say about the reward of every arm in a context: the posterior of a Gaussian process.

Letters: n plays; k contexts; w entries of a context; A arms; D switches of an arm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.selection.bandits.kernel import Hyper, PlayLayout, exponent, warped

_JITTER = 1e-8


@dataclass(frozen=True)
class Posterior:
    """Rewards of all arms in one context: a joint normal distribution.

    Attributes:
        mean: (A,).
        covariance: (A, A), of the expected reward: the noise of a play is not in it.
    """

    mean: Tensor
    covariance: Tensor

    @classmethod
    def flat(cls, count: int) -> Posterior:
        """Independent standard normal rewards of ``count`` arms: what is assumed before any play."""
        return cls(torch.zeros(count, dtype=torch.float64), torch.eye(count, dtype=torch.float64))

    @property
    def sd(self) -> Tensor:
        """Standard deviations (A,)."""
        return self.covariance.diagonal().clamp_min(0).sqrt()

    def draw(self, rng: np.random.Generator) -> Tensor:
        """One joint draw of all rewards, (A,)."""
        normal = torch.from_numpy(rng.standard_normal(len(self.mean)))
        scale = max(float(self.covariance.diagonal().mean()), 1e-300)
        for power in range(8):
            shifted = self.covariance.clone()
            shifted.diagonal().add_(scale * _JITTER * 10**power)
            factor, info = torch.linalg.cholesky_ex(shifted)
            if not int(info):
                return self.mean + factor @ normal
        return self.mean + self.sd * normal


class Surrogate:
    """A Gaussian process of rewards, given plays and hyper-parameters. Contexts and rewards are standardized inside.

    Args:
        layout: of contexts and arms.
        hyper: hyper-parameters.
        contexts: (n, w).
        played: (n, D) arms, zeros and ones.
        rewards: (n,) finite.
    """

    def __init__(self, layout: PlayLayout, hyper: Hyper, contexts: Tensor, played: Tensor, rewards: Tensor):
        self.layout, self.hyper, self.played = layout, hyper, played
        self._shift, self._scale = standard(contexts[:, : layout.c])
        self._mean, self._sd = standard(rewards)
        z = self._standardized(contexts)
        self._range = (z[:, : layout.c].amin(0), z[:, : layout.c].amax(0))
        self.plays, self.targets = torch.cat([z, played], dim=1), (rewards - self._mean) / self._sd
        self._known = self._warped(z)
        covariance = hyper.variance * torch.exp(
            self._of_contexts(self._known, self._known) + self._of_arms(played, played)
        )
        covariance.diagonal().add_(hyper.noise)
        self._factor = torch.linalg.cholesky(covariance)
        self._weights = torch.cholesky_solve(self.targets[:, None], self._factor)[:, 0]

    def predict(self, contexts: Tensor, arms: Tensor) -> tuple[Tensor, Tensor]:
        """Means and standard deviations (k, A) of the rewards of arms (A, D) in contexts (k, w), all at once."""
        cross = self._cross(contexts, arms)
        found = cross @ self._weights
        flat = cross.reshape(-1, cross.shape[-1])
        half = torch.linalg.solve_triangular(self._factor, flat.T, upper=False)
        variance = (self.hyper.variance - half.square().sum(0)).clamp_min(0).reshape(found.shape)
        return self._mean + self._sd * found, self._sd * variance.sqrt()

    def means(self, contexts: Tensor, arms: Tensor) -> Tensor:
        """The means of ``predict`` alone, at a fraction of its cost."""
        return self._mean + self._sd * (self._cross(contexts, arms) @ self._weights)

    def joint(self, context: Tensor, arms: Tensor) -> Posterior:
        """The joint distribution of the rewards of arms (A, D) in one context (w,)."""
        cross = self._cross(context[None], arms)[0]
        half = torch.linalg.solve_triangular(self._factor, cross.T, upper=False)
        prior = self.hyper.variance * torch.exp(self._of_arms(arms, arms))
        return Posterior(self._mean + self._sd * (cross @ self._weights), self._sd**2 * (prior - half.T @ half))

    def _cross(self, contexts: Tensor, arms: Tensor) -> Tensor:
        """Covariances (k, A, n) with the plays so far."""
        of_contexts = self._of_contexts(self._warped(self._standardized(contexts)), self._known)
        of_arms = self._of_arms(arms, self.played)
        return self.hyper.variance * torch.exp(of_contexts)[:, None] * torch.exp(of_arms)

    def _of_contexts(self, x: Tensor, y: Tensor) -> Tensor:
        layout, hyper = self.layout, self.hyper
        return exponent(x, y, layout.numbers, layout.earlier, hyper.lengths, hyper.thetas[:-1])

    def _of_arms(self, a: Tensor, b: Tensor) -> Tensor:
        return exponent(a, b, (), (self.layout.arm,), (), self.hyper.thetas[-1:])

    def _standardized(self, contexts: Tensor) -> Tensor:
        c = self.layout.c
        return torch.cat([(contexts[:, :c] - self._shift) / self._scale, contexts[:, c:]], dim=1)

    def _warped(self, z: Tensor) -> Tensor:
        """Standardized contexts, warped where that is asked for."""
        if not self.hyper.warp:
            return z
        c, (a, b) = self.layout.c, torch.tensor(self.hyper.warp, dtype=z.dtype).T
        return torch.cat([warped(z[:, :c], a, b, *self._range), z[:, c:]], dim=1)


def standard(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the first dimension; one where nothing varies."""
    mean = values.mean(0)
    sd = (values - mean).square().mean(0).sqrt()
    return mean, torch.where(sd > 1e-12 * (1 + mean.abs()), sd, torch.ones_like(sd))


def fitted(layout: PlayLayout, contexts: Tensor, played: Tensor, rewards: Tensor, warp: bool) -> Hyper:
    """Hyper-parameters for plays, as ``Surrogate`` takes them.

    Raises:
        ImportError: the Gaussian-process library is not installed.
    """
    try:
        from pinnlab.selection.bandits.fitting import fit
    except ImportError as error:
        raise ImportError(
            f"bandits that learn need BoTorch, and importing it failed ({error}): pip install 'pinnlab[bandits]'."
        ) from error
    start = Surrogate(layout, Hyper.typical(layout), contexts, played, rewards)
    return fit(start.plays, start.targets, layout, warp)
