"""Policies: which arm to play, given the posterior of all rewards.

Letters: A arms; D switches of an arm.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from pinnlab.selection.bandits.surrogate import Posterior


class Policy(ABC):
    """A rule that picks an arm from the posterior of the rewards; frozen configuration.

    Attributes:
        learns: whether the rule looks at the posterior; one that does not needs no plays and no Gaussian process.
    """

    learns: ClassVar[bool] = True

    @abstractmethod
    def choose(self, posterior: Posterior, rng: np.random.Generator) -> int:
        """The number of an arm."""


@dataclass(frozen=True)
class UCB(Policy):
    """The largest mean + beta sd: upper confidence bounds.

    Source: Srinivas et al., Gaussian process optimization in the bandit setting (2010); beta = 1 as in arXiv 2210.12669.

    Raises:
        ValueError: beta is negative or not finite.
    """

    beta: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.beta < float("inf"):
            raise ValueError(f"UCB(beta={self.beta}): must be a number of at least 0; 1 is usual.")

    def choose(self, posterior: Posterior, rng: np.random.Generator) -> int:
        return int(torch.argmax(posterior.mean + self.beta * posterior.sd))


@dataclass(frozen=True)
class Thompson(Policy):
    """The best arm in one joint draw of all rewards, so that arms that resemble one another rise and fall together."""

    def choose(self, posterior: Posterior, rng: np.random.Generator) -> int:
        return int(torch.argmax(posterior.draw(rng)))


@dataclass(frozen=True)
class Optimistic(Policy):
    """The best arm by the largest of several draws, each arm drawn on its own.

    What the released code of arXiv 2210.12669 calls Thompson sampling: it explores more than that, as the largest of
    twenty draws lies about 1.9 sd above the mean.

    Raises:
        ValueError: fewer than one draw.
    """

    draws: int = 20

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise ValueError(f"Optimistic(draws={self.draws}): must be at least 1; 20 is usual.")

    def choose(self, posterior: Posterior, rng: np.random.Generator) -> int:
        normal = torch.from_numpy(rng.standard_normal((self.draws, len(posterior.mean))))
        return int(torch.argmax((posterior.mean + posterior.sd * normal).amax(0)))


@dataclass(frozen=True)
class Greedy(Policy):
    """The largest mean: what to play once learning is over."""

    def choose(self, posterior: Posterior, rng: np.random.Generator) -> int:
        return int(torch.argmax(posterior.mean))


@dataclass(frozen=True)
class Random(Policy):
    """Any arm, each as likely as the others."""

    learns: ClassVar[bool] = False

    def choose(self, posterior: Posterior, rng: np.random.Generator) -> int:
        return int(rng.integers(len(posterior.mean)))


@dataclass(frozen=True)
class Fixed(Policy):
    """Always the arm with this number."""

    arm: int
    learns: ClassVar[bool] = False

    def choose(self, posterior: Posterior, rng: np.random.Generator) -> int:
        return self.arm


POLICIES: dict[str, type[Policy]] = {
    "ucb": UCB, "thompson": Thompson, "optimistic": Optimistic, "greedy": Greedy, "random": Random, "fixed": Fixed,
}  # fmt: skip
"""The policies by name."""


def as_policy(policy: str | Policy, arms: Tensor) -> Policy:
    """A policy from its name: one of ``POLICIES``, or ``"all_on"`` for the arm with every switch on.

    Args:
        policy: a name, or a policy.
        arms: (A, D) zeros and ones.

    Raises:
        ValueError: no such policy, or no such arm.
    """
    if policy == "all_on":
        (full,) = torch.nonzero(arms.amin(1) > 0, as_tuple=True)
        if not len(full):
            raise ValueError('policy="all_on": no arm has every switch on; add that arm, or use policy=Fixed(arm=...).')
        return Fixed(int(full[0]))
    if isinstance(policy, Policy):
        if isinstance(policy, Fixed) and not 0 <= policy.arm < len(arms):
            raise ValueError(f"policy={policy!r}: arms are numbered 0 to {len(arms) - 1}.")
        return policy
    names = ", ".join(f'"{name}"' for name in (*POLICIES, "all_on") if name != "fixed")
    if policy == "fixed":
        raise ValueError('policy="fixed" does not say which arm; use policy=Fixed(arm=3).')
    if policy not in POLICIES:
        raise ValueError(f"policy={policy!r} is unknown; use one of {names}, or Fixed(arm=...).")
    return POLICIES[policy]()


def policy_data(policy: Policy) -> dict[str, Any]:
    """A policy as plain data.

    Raises:
        TypeError: the policy is of a kind that is not in ``POLICIES``.
    """
    for name, kind in POLICIES.items():
        if type(policy) is kind:
            return {"name": name, **vars(policy)}
    raise TypeError(f"policy={policy!r} is your own and has no form as plain data; keep the plays and build it anew.")


def policy_of(data: dict[str, Any]) -> Policy:
    """The inverse of ``policy_data``."""
    return POLICIES[data["name"]](**{key: value for key, value in data.items() if key != "name"})
