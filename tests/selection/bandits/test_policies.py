"""Policies on posteriors whose best choice is plain."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pinnlab.selection.bandits import UCB, Fixed, Greedy, Optimistic, Policy, Random, Thompson
from pinnlab.selection.bandits.policies import POLICIES, as_policy, policy_data, policy_of
from pinnlab.selection.bandits.surrogate import Posterior

F = torch.float64
ARMS = torch.tensor([[0, 1], [1, 0], [1, 1]], dtype=F)


def posterior(mean: list[float], covariance: list[list[float]]) -> Posterior:
    return Posterior(torch.tensor(mean, dtype=F), torch.tensor(covariance, dtype=F))


def shares(policy: Policy, at: Posterior, plays: int = 2000) -> list[float]:
    rng = np.random.default_rng(0)
    return (np.bincount([policy.choose(at, rng) for _ in range(plays)], minlength=len(at.mean)) / plays).tolist()


def test_ucb_weighs_mean_and_sd() -> None:
    at = posterior([1.0, 0.0, 0.5], [[0.01, 0, 0], [0, 4.0, 0], [0, 0, 0.01]])
    rng = np.random.default_rng(0)
    assert UCB(1.0).choose(at, rng) == 1  # 1.1, 2, 0.6
    assert UCB(0.5).choose(at, rng) == 0  # 1.05, 1, 0.55
    assert UCB(0.0).choose(at, rng) == Greedy().choose(at, rng) == 0


def test_thompson_plays_by_the_chance_of_being_best() -> None:
    # a - b is normal with mean 1 and variance 1 + 1 - 2 * 0.5 = 1: b is best with chance Phi(-1) = 0.1587
    found = shares(Thompson(), posterior([1.0, 0.0], [[1.0, 0.5], [0.5, 1.0]]), 8000)
    assert found[1] == pytest.approx(0.1587, abs=0.015)


def test_thompson_draws_jointly_and_optimistic_does_not() -> None:
    # perfectly correlated: the better mean always wins in a joint draw, and often loses in draws of their own
    at = posterior([0.1, 0.0], [[1.0, 1.0], [1.0, 1.0]])
    assert shares(Thompson(), at)[0] == 1.0
    assert 0.4 < shares(Optimistic(), at)[0] < 0.75


def test_optimistic_prefers_uncertain_arms() -> None:
    at = posterior([0.5, 0.0], [[1e-8, 0.0], [0.0, 1.0]])
    assert shares(Optimistic(20), at)[1] > 0.99
    assert shares(Optimistic(1), at)[1] == pytest.approx(0.3085, abs=0.04)


def test_random_and_fixed() -> None:
    at = Posterior.flat(4)
    assert max(abs(s - 0.25) for s in shares(Random(), at)) < 0.04
    assert shares(Fixed(2), at)[2] == 1.0
    assert not Random.learns and not Fixed.learns and Thompson.learns


@pytest.mark.parametrize("name", [n for n in POLICIES if n != "fixed"])
def test_names_and_plain_data(name: str) -> None:
    policy = as_policy(name, ARMS)
    assert policy_of(policy_data(policy)) == policy == POLICIES[name]()


def test_plain_data_keeps_settings() -> None:
    for policy in (UCB(2.5), Optimistic(3), Fixed(1)):
        assert policy_of(policy_data(policy)) == policy


def test_all_on_is_the_full_arm() -> None:
    assert as_policy("all_on", ARMS) == Fixed(2)
    with pytest.raises(ValueError, match="no arm has every switch on"):
        as_policy("all_on", ARMS[:2])


def test_errors() -> None:
    with pytest.raises(ValueError, match=r'policy="fixed" does not say which arm; use policy=Fixed'):
        as_policy("fixed", ARMS)
    with pytest.raises(ValueError, match='policy=\'best\' is unknown; use one of "ucb", "thompson"'):
        as_policy("best", ARMS)
    with pytest.raises(ValueError, match="arms are numbered 0 to 2"):
        as_policy(Fixed(3), ARMS)
    with pytest.raises(ValueError, match=r"UCB\(beta=-1"):
        UCB(-1.0)
    with pytest.raises(ValueError, match=r"Optimistic\(draws=0"):
        Optimistic(0)

    class Own(Policy):
        def choose(self, posterior: Posterior, rng: np.random.Generator) -> int:
            return 0

    with pytest.raises(TypeError, match="your own"):
        policy_data(Own())
