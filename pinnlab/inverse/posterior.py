"""How probable numbers are, given data, and draws of them by Markov chains.

Letters: n measurements of a quantity, N of all, p numbers, w chains, s steps.

Bayes' rule with every value between its bounds as likely beforehand as every other one, and a normal prior where one is
given. Noise that is not given is averaged over, with a probability beforehand of 1 / sd: n measurements that are missed by
r then have a likelihood of |r|^-n (Gelman et al., Bayesian Data Analysis, 2013, section 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pinnlab.inverse.measured import Noise
from pinnlab.inverse.responses import Responses, UnsolvedError
from pinnlab.machine.deadline import Deadline, TimeIsUpError

Array = np.ndarray
LogDensity = Callable[[Array], float]
"""Of free variables (p,), but for a constant; minus infinity where they are impossible."""
_FREEDOM = 5.0
"""Of the t distribution of proposals: its tails are heavier than those of most posteriors."""
_INDEPENDENT = 0.7
"""Share of the steps that propose draws from all over the distribution; the others stretch between chains."""
_FIRST, _MORE = 20, 0.25
"""Steps after which one looks how many independent draws there are, and then share of the steps so far."""
_WARMING = 0.2
"""Share of the steps at the beginning that does not count."""


def log_likelihood(noise: Noise, left: Sequence[Array]) -> float:
    """How probable measurements are, but for a constant.

    Args:
        noise: of every quantity; what was not given is averaged over, but for robust measurements.
        left: by how much they are missed, (n,) each.
    """
    found, common, count = 0.0, 0.0, 0
    for k, (group, given) in enumerate(zip(noise.groups, noise.given, strict=True)):
        if given or group.robust:
            white = noise.whitened_of(k, left[k])
            found -= float(white @ white) / 2
            continue
        square = float(((left[k] / noise.relative[k]) ** 2).sum())
        if noise.weighed:
            common, count = common + square, count + len(left[k])
        else:
            found -= len(left[k]) / 2 * math.log(max(square, 1e-300))
    return found - count / 2 * math.log(max(common, 1e-300)) if count else found


class Posterior:
    """The density of free variables (p,), but for a constant.

    Args:
        responses: solutions for any numbers.
        noise: of the measurements.
        deadline: TimeIsUpError after it.
    """

    def __init__(self, responses: Responses, noise: Noise, deadline: Deadline):
        self.responses, self.noise, self.deadline = responses, noise, deadline

    def __call__(self, z: Array) -> float:
        self.deadline.check()
        slopes = [abs(free.slope(float(each))) for free, each in zip(self.responses.frees, z, strict=True)]
        if not min(slopes) > 0:
            return -math.inf
        try:
            response = self.responses.at(z, self.deadline)
        except UnsolvedError:
            return -math.inf
        priors = self.responses.priors(z)[0]
        found = log_likelihood(self.noise, response.left) - float(priors @ priors) / 2 + sum(map(math.log, slopes))
        return found if math.isfinite(found) else -math.inf


@dataclass(frozen=True, eq=False)
class Chains:
    """Draws of several Markov chains, without their beginnings.

    Attributes:
        draws: (s, w, p) free variables.
        effective: how many independent draws they are worth.
        accepted: share of proposals that were.
    """

    draws: Array
    effective: float
    accepted: float


def chains(density: LogDensity, centre: Array, matrix: Array, wanted: float, seed: int) -> Chains:
    """Markov chains, by emcee (Foreman-Mackey, Hogg, Lang & Goodman 2013), until they are worth enough independent draws.

    Most steps propose draws of a t distribution with the centre and the covariance of a fit, whatever the present ones are,
    others stretch between two chains (Goodman & Weare 2010), which fits them to what is not like that distribution.

    Args:
        density: its TimeIsUpError ends the chains.
        centre: (p,) of the fit.
        matrix: (p, p) its covariance, positive definite.
        wanted: how many independent draws.
        seed: of all draws.

    Raises:
        ImportError: emcee is not installed.
        TimeIsUpError: the time was up before there were any draws.
    """
    emcee = _emcee()
    p, factor = len(centre), np.linalg.cholesky(matrix)
    count = max(2 * p + 2, 8)
    random = np.random.RandomState(seed)

    def logs(points: Array) -> Array:
        squares = (np.linalg.solve(factor, (points - centre).T) ** 2).sum(axis=0)
        return np.asarray(-(_FREEDOM + p) / 2 * np.log1p(squares / _FREEDOM))

    def drawn(present: Array, random: Any) -> tuple[Array, Array]:
        scale = np.sqrt(_FREEDOM / random.chisquare(_FREEDOM, size=(len(present), 1)))
        points = centre + scale * random.standard_normal(present.shape) @ factor.T
        return points, logs(present) - logs(points)

    moves = [(emcee.moves.MHMove(drawn), _INDEPENDENT), (emcee.moves.StretchMove(), 1 - _INDEPENDENT)]
    sampler = emcee.EnsembleSampler(count, p, density, moves=moves)
    state = emcee.State(centre + random.standard_normal((count, p)) @ factor.T, random_state=random.get_state())
    try:
        while not sampler.iteration or _counted(emcee, sampler.get_chain()).effective < wanted:
            steps = max(_FIRST, int(_MORE * sampler.iteration))
            state = sampler.run_mcmc(state, steps, skip_initial_state_check=True)
    except TimeIsUpError:
        if sampler.iteration < 2:
            raise
    found = _counted(emcee, sampler.get_chain())
    return Chains(found.draws, found.effective, float(np.mean(sampler.acceptance_fraction)))


def _counted(emcee: Any, whole: Array) -> Chains:
    """What draws (s, w, p) are worth, without their beginnings."""
    draws = whole[math.ceil(_WARMING * len(whole)) :]
    times = emcee.autocorr.integrated_time(draws, quiet=True, tol=0)
    longest = float(np.max(np.where(np.isfinite(times), np.maximum(times, 1.0), len(draws))))
    return Chains(draws, draws.shape[0] * draws.shape[1] / longest, math.nan)


def _emcee() -> Any:
    try:
        import emcee
    except ImportError as error:
        raise ImportError("sample() needs emcee, which is not installed: pip install 'pinnlab[sampling]'.") from error
    return emcee
