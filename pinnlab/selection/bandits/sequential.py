"""The sequential bandit: one arm per phase of a game, later choices knowing how earlier ones went.

Letters: w numbers of a context; A arms; D switches of an arm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pinnlab.selection.bandits.contextual import Bandit, Vector, capped
from pinnlab.selection.bandits.kernel import PlayLayout

PlayedArm = tuple[int, float]
"""(number of the arm, reward) of a phase that is over."""


@dataclass(frozen=True)
class Game:
    """A game that is over.

    Attributes:
        context: w numbers.
        choices: (arm, reward) of every phase.
    """

    context: tuple[float, ...]
    choices: tuple[PlayedArm, ...]


def credit(rewards: Sequence[float], discount: float = 0.9) -> list[float]:
    """What each phase is credited with: R_i = mean over j >= i of discount^(j - i) r_j.

    Source: arXiv 2210.12669, the released code; discount 0.9.
    """
    n = len(rewards)
    return [sum(discount ** (j - i) * rewards[j] for j in range(i, n)) / (n - i) for i in range(n)]


class SequentialBandit:
    """Chooses an arm in each phase of a game: one ``Bandit`` per phase.

    A later phase's context is the game's context, the rewards and the arms of all phases before: rewards are numbers with a
    length of their own, arms enter through the share of switches that agree. A phase learns from its credit (see
    ``credit``), which looks ahead to later rewards.

    Args:
        arms: (A, D) zeros and ones, the same in all phases.
        policy: as in ``Bandit``, for all phases.
        phases: of a game.
        discount: of later rewards.
        games: what was played before.
        options: of the phases' bandits: ``warm_up`` (counts games), ``floor``, ``refit_every``, ``warp``, ``seed``.

    Raises:
        ValueError: fewer than one phase, a discount outside [0, 1], and what ``Bandit`` refuses.
    """

    def __init__(
        self,
        arms: Any,
        policy: Any = "thompson",
        *,
        phases: int = 2,
        discount: float = 0.9,
        games: Iterable[Game] = (),
        **options: Any,
    ):
        if phases < 1:
            raise ValueError(f"SequentialBandit(phases={phases}): must be at least 1.")
        if not 0 <= discount <= 1:
            raise ValueError(f"SequentialBandit(discount={discount}): must lie between 0 and 1; 0.9 is usual.")
        for name in ("layout", "plays"):
            if name in options:
                raise TypeError(f"SequentialBandit({name}=...): belongs to a single Bandit; leave it out.")
        self.phases, self.discount = phases, discount
        self._options, self._bandits = {"arms": arms, "policy": policy, **options}, list[Bandit]()
        self._outcomes: list[Bandit] = []
        self.arms = Bandit(**self._options).arms
        self.floor = options.get("floor")
        self.games: list[Game] = []
        self._rewards: list[list[float]] = [[] for _ in range(phases)]
        for game in games:
            self.update(game.context, game.choices)

    def select(self, context: Vector, choices: Sequence[PlayedArm] = (), *, pending: int = 0) -> int:
        """The number of the arm for the next phase.

        Args:
            context: (w,) of the game.
            choices: (arm, reward) of the phases that are over.
            pending: games that run at the same time and were begun earlier.

        Raises:
            ValueError: the game is over.
        """
        phase = len(choices)
        if phase >= self.phases:
            raise ValueError(f"select(choices={list(choices)}): the game is over after {self.phases} phases.")
        seen = self._finite(choices)
        return self._bandit(phase, context).select(self._context(context, choices, seen), pending=pending)

    def update(self, context: Vector, choices: Sequence[PlayedArm]) -> None:
        """Remember a game.

        Raises:
            ValueError: it is not over, or has arms that do not exist.
        """
        if len(choices) != self.phases:
            raise ValueError(f"update(choices={list(choices)}): a game has {self.phases} phases, each (arm, reward).")
        seen = self._finite(choices)
        for phase, value in enumerate(credit(seen, self.discount)):
            before = choices[:phase]
            entries = self._context(context, before, seen)
            self._bandit(phase, context).update(entries, choices[phase][0], value)
            self._outcomes[phase].update(entries, choices[phase][0], seen[phase])
        for rewards, reward in zip(self._rewards, seen, strict=True):
            rewards.append(reward)
        self.games.append(Game(tuple(map(float, context)), tuple((int(a), float(r)) for a, r in choices)))

    def best(self, context: Vector, choices: Sequence[PlayedArm] = ()) -> int:
        """The arm of largest expected credit for the next phase; no exploring."""
        seen = self._finite(choices)
        return int(self._bandit(len(choices), context).best(self._context(context, choices, seen)))

    def plan(self, context: Vector) -> list[int]:
        """The arms of all phases before any of them is played; what earlier phases will bring is taken as expected.

        Raises:
            ValueError: no game is over yet.
        """
        if not self.games:
            raise ValueError("plan(): no game is over yet; play some first.")
        choices: list[PlayedArm] = []
        for phase in range(self.phases):
            arm = self.best(context, choices)
            entries = self._context(context, choices, [reward for _, reward in choices])
            choices.append((arm, float(self._outcomes[phase].predict(entries[None])[0][0, arm])))
        return [arm for arm, _ in choices]

    def predict(self, contexts: Any) -> tuple[np.ndarray, np.ndarray]:
        """Expected credits of the first phase's arms and their standard deviations, (k, A) each, in contexts (k, w)."""
        rows = np.asarray(contexts, dtype=float)
        return self._bandit(0, rows[0]).predict(rows)

    def _finite(self, choices: Sequence[PlayedArm]) -> list[float]:
        return [capped(r, self.floor, rewards) for (_, r), rewards in zip(choices, self._rewards, strict=False)]

    def _context(self, context: Vector, before: Sequence[PlayedArm], seen: Sequence[float]) -> np.ndarray:
        arms = [self.arms[arm].numpy() for arm, _ in before]
        return np.concatenate([np.asarray(context, dtype=float), seen[: len(before)], *arms])

    def _bandit(self, phase: int, context: Vector) -> Bandit:
        """The bandit of a phase; they are made when the size of a context is known."""
        if not self._bandits:
            d, seed = self.arms.shape[1], self._options.get("seed", 0)
            # of every phase, what it should be credited with, and what it brings by itself
            self._bandits, self._outcomes = (
                [
                    Bandit(**{**self._options, "layout": _layout(len(context), d, i), "seed": 1_000_003 * seed + i})
                    for i in range(self.phases)
                ]
                for _ in range(2)
            )
        return self._bandits[phase]


def _layout(w: int, d: int, before: int) -> PlayLayout:
    """Of a phase with so many before it: their rewards and arms each are a group of their own."""
    return PlayLayout((w, *(1,) * before), (d,) * before, d)
