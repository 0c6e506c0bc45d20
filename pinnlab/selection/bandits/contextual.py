"""The contextual bandit: plays in, the next arm out.

Letters: n plays; k contexts; w entries of a context; A arms; D switches of an arm.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.selection.bandits.kernel import Hyper, PlayLayout
from pinnlab.selection.bandits.policies import Fixed, Policy, Random, as_policy, policy_data, policy_of
from pinnlab.selection.bandits.surrogate import Posterior, Surrogate, fitted

Array = np.ndarray
Vector = Sequence[float] | Array


@dataclass(frozen=True)
class Play:
    """One arm that was played in one context, and its reward.

    Attributes:
        context: w numbers.
        arm: number of the arm.
        reward: larger is better; whatever came, finite or not.
    """

    context: tuple[float, ...]
    arm: int
    reward: float


class Bandit:
    """Chooses among a fixed set of arms, given a context, and learns from the rewards.

    Args:
        arms: (A, D) zeros and ones: row i says which switches arm i turns on.
        policy: ``"thompson"``, ``"ucb"``, ``"optimistic"``, ``"greedy"``, ``"random"``, ``"all_on"``, or a policy such
            as ``UCB(beta=2.0)`` or ``Fixed(arm=3)``.
        warm_up: so many first plays are random.
        floor: the smallest reward; what is smaller, or not a number, counts as this. None takes the smallest finite
            reward so far (0 before there is one). Plus infinity counts as the largest finite reward so far.
        refit_every: hyper-parameters are fitted anew after so many plays; the posterior always knows all plays.
        warp: learn a monotone map of every number of the context, for rewards that vary faster at one end.
        layout: what the entries of a context are; all of them numbers of one group if None.
        seed: of random choices.
        plays: what was played before; a bandit built from another's plays goes on with the same choices.

    Raises:
        ValueError: arms that are no matrix of zeros and ones, an unknown policy, other sizes below their limits.
        ImportError: a policy that learns, where BoTorch is not installed (raised when it first fits).

    State is the plays and nothing else: hyper-parameters are a function of the first plays (the last multiple of
    ``refit_every`` after the warm-up), every choice has a random generator of its own, seeded by ``seed`` and the number of
    plays.

    Source: arXiv 2210.12669 (kernel, warm-up, greedy choice at test time).
    """

    def __init__(
        self,
        arms: Any,
        policy: str | Policy = "thompson",
        *,
        warm_up: int = 5,
        floor: float | None = None,
        refit_every: int = 1,
        warp: bool = False,
        layout: PlayLayout | None = None,
        seed: int = 0,
        plays: Iterable[Play] = (),
    ):
        self.arms = _checked_arms(arms)
        self.policy = as_policy(policy, self.arms)
        if warm_up < 0:
            raise ValueError(f"Bandit(warm_up={warm_up}): must be at least 0; 5 is usual.")
        if refit_every < 1:
            raise ValueError(f"Bandit(refit_every={refit_every}): must be at least 1; 1 fits after every play.")
        if floor is not None and not math.isfinite(floor):
            raise ValueError(f"Bandit(floor={floor}): must be a finite number, or None for the smallest reward so far.")
        self.warm_up, self.floor, self.refit_every, self.seed = warm_up, floor, refit_every, seed
        self.warp, self.layout = warp, layout
        self.plays: list[Play] = []
        self._rewards: list[float] = []
        self._hyper: tuple[int, Hyper] | None = None
        self._surrogate: tuple[int, Surrogate] | None = None
        for play in plays:
            self.update(play.context, play.arm, play.reward)

    def __repr__(self) -> str:
        return f"Bandit({len(self.arms)} arms, {self.policy!r}, {len(self.plays)} plays)"

    # -- choose and learn ----------------------------------------------------------------------------------------------

    def select(self, context: Vector, *, pending: int = 0) -> int:
        """The number of the arm to play next.

        Args:
            context: (w,).
            pending: plays that were chosen but have no reward yet, when several run at once. They count for the warm-up
                and give each choice its own random numbers; the posterior does not know of them.

        Raises:
            ValueError: a context of another size than before, or with values that are not finite.
        """
        entries = self._context(context)
        number = len(self.plays) + pending
        rng = np.random.default_rng([self.seed, number])
        policy = self.policy
        if policy.learns and (number < self.warm_up or not self.plays):
            policy = Random()
        return policy.choose(self._posterior(entries) if policy.learns else Posterior.flat(len(self.arms)), rng)

    def update(self, context: Vector, arm: int, reward: float) -> None:
        """Remember a play.

        Raises:
            ValueError: no such arm, or a context that ``select`` would refuse.
        """
        entries = self._context(context)
        if not 0 <= arm < len(self.arms):
            raise ValueError(f"update(arm={arm}): arms are numbered 0 to {len(self.arms) - 1}.")
        self.plays.append(Play(tuple(entries.tolist()), int(arm), float(reward)))
        self._rewards.append(capped(float(reward), self.floor, self._rewards))

    def best(self, contexts: Any) -> Array:
        """Numbers (k,) of the arms of largest expected reward in contexts (k, w), or () for one (w,); no exploring.

        Also after random plays; a ``Fixed`` policy's arm is always the best.
        """
        rows = np.asarray(contexts, dtype=float)
        if rows.ndim == 1:
            return self.best(rows[None])[0]
        if isinstance(self.policy, Fixed):
            return np.full(len(rows), self.policy.arm)
        found = self._fitted().means(torch.stack([self._context(row) for row in rows]), self.arms)
        return found.argmax(1).numpy()

    def predict(self, contexts: Any) -> tuple[Array, Array]:
        """Expected rewards and their standard deviations, (k, A) each, in contexts (k, w).

        Raises:
            ValueError: nothing was played yet.
        """
        rows = torch.stack([self._context(row) for row in np.asarray(contexts, dtype=float)])
        mean, sd = self._fitted().predict(rows, self.arms)
        return mean.numpy(), sd.numpy()

    @property
    def hyper(self) -> Hyper:
        """The kernel's hyper-parameters, fitted to the plays that ``fitted_plays`` counts; the priors' modes before that."""
        assert self.layout is not None
        count = fitted_plays(len(self.plays), self.warm_up, self.refit_every)
        if self._hyper is None or self._hyper[0] != count:
            found = Hyper.typical(self.layout, self.warp)
            if count:
                found = fitted(self.layout, *self._data(count), self.warp)
            self._hyper = (count, found)
        return self._hyper[1]

    # -- plain data ----------------------------------------------------------------------------------------------------

    def to_data(self) -> dict[str, Any]:
        """Everything as plain data, fit for JSON; rewards that are not finite become strings.

        Raises:
            TypeError: a policy of your own.
        """
        return {
            "arms": self.arms.to(torch.int64).tolist(),
            "policy": policy_data(self.policy),
            "warm_up": self.warm_up,
            "floor": self.floor,
            "refit_every": self.refit_every,
            "warp": self.warp,
            "layout": None if self.layout is None else dataclasses.asdict(self.layout),
            "seed": self.seed,
            "plays": [
                [list(p.context), p.arm, p.reward if math.isfinite(p.reward) else str(p.reward)] for p in self.plays
            ],
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Bandit:
        """The inverse of ``to_data``."""
        given = dict(data)
        policy, layout = policy_of(given.pop("policy")), given.pop("layout")
        if layout is not None:
            layout = PlayLayout(tuple(layout["numbers"]), tuple(layout["earlier"]), layout["arm"])
        plays = [Play(tuple(context), arm, float(reward)) for context, arm, reward in given.pop("plays")]
        return cls(policy=policy, layout=layout, plays=plays, **given)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _context(self, context: Vector) -> Tensor:
        entries = torch.as_tensor(np.asarray(context, dtype=np.float64))
        if entries.ndim != 1 or not len(entries):
            raise ValueError(f"context has shape {tuple(entries.shape)}; give a vector with at least one number.")
        if not bool(torch.isfinite(entries).all()):
            raise ValueError(f"context={entries.tolist()}: all numbers must be finite.")
        if self.layout is None:
            self.layout = PlayLayout((len(entries),), (), self.arms.shape[1])
        if len(entries) != self.layout.width:
            raise ValueError(f"context has {len(entries)} numbers; contexts of this bandit have {self.layout.width}.")
        return entries

    def _posterior(self, context: Tensor) -> Posterior:
        return self._fitted().joint(context, self.arms)

    def _fitted(self) -> Surrogate:
        if not self.plays:
            raise ValueError("nothing was played yet, so there is nothing to expect; call update(...) first.")
        if self._surrogate is None or self._surrogate[0] != len(self.plays):
            assert self.layout is not None
            self._surrogate = (len(self.plays), Surrogate(self.layout, self.hyper, *self._data(len(self.plays))))
        return self._surrogate[1]

    def _data(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Contexts (n, w), arms (n, D) and rewards (n,) of the first plays."""
        plays = self.plays[:count]
        contexts = torch.tensor([p.context for p in plays], dtype=torch.float64)
        rewards = torch.tensor(self._rewards[:count], dtype=torch.float64)
        return contexts, self.arms[[p.arm for p in plays]], rewards


def capped(reward: float, floor: float | None, earlier: Sequence[float]) -> float:
    """A finite reward in place of any: see ``floor`` of ``Bandit``.

    Args:
        reward: whatever came.
        floor: the smallest reward, or None.
        earlier: finite rewards so far.
    """
    if reward == math.inf:
        reward = max(earlier, default=0.0)
    lowest = min(earlier, default=0.0) if floor is None else floor
    if not math.isfinite(reward):
        return lowest
    return reward if floor is None else max(reward, floor)


def fitted_plays(plays: int, warm_up: int, refit_every: int) -> int:
    """How many of the first plays hyper-parameters are fitted to; 0 for none: the priors' modes are used."""
    first = max(warm_up, 2)
    return 0 if plays < first else plays - (plays - first) % refit_every


def _checked_arms(arms: Any) -> Tensor:
    found = torch.as_tensor(np.asarray(arms, dtype=np.float64))
    if found.ndim != 2 or not found.numel():
        raise ValueError(f"arms has shape {tuple(found.shape)}; give one row of zeros and ones per arm, (A, D).")
    if not bool(((found == 0) | (found == 1)).all()):
        raise ValueError("arms holds other numbers than 0 and 1; a row says which switches an arm turns on.")
    if len(torch.unique(found, dim=0)) < len(found):
        raise ValueError("arms has two equal rows; give each arm once.")
    return found
