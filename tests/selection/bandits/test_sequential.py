"""The sequential bandit: credit by hand, a game whose second phase depends on the first, rebuilding, bad input."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from pinnlab.selection.bandits import Bandit, SequentialBandit, credit
from pinnlab.selection.bandits.kernel import PlayLayout

ARMS = np.array(list(itertools.product((0, 1), repeat=4)))


def test_credit_by_hand() -> None:
    # (1 + 0.9 * 2 + 0.81 * 4) / 3 = 6.04 / 3, (2 + 0.9 * 4) / 2 = 2.8, 4
    assert credit([1.0, 2.0, 4.0], 0.9) == pytest.approx([6.04 / 3, 2.8, 4.0], rel=1e-15)
    assert credit([5.0]) == [5.0]


def outcome(context: float, first: int, second: int | None = None) -> float:
    """Switch 0 costs in phase one, and is what makes switch 1 pay in phase two."""
    a = ARMS[first]
    now = 0.3 * a[2] * math.cos(context) - 0.4 * a[0]
    if second is None:
        return now
    b = ARMS[second]
    return now + (2.0 if a[0] else -1.0) * b[1] + 0.3 * b[3] * context


def play(bandit: SequentialBandit, games: int, seed: int) -> np.ndarray:
    rng, found = np.random.default_rng(seed), []
    for _ in range(games):
        context = rng.uniform(-1, 1)
        first = bandit.select([context])
        r1 = outcome(context, first) + 0.05 * rng.standard_normal()
        second = bandit.select([context], [(first, r1)])
        r2 = outcome(context, first, second) + 0.05 * rng.standard_normal()
        bandit.update([context], [(first, r1), (second, r2)])
        found.append(outcome(context, first, second))
    return np.array(found)


@pytest.mark.parametrize("policy", ["thompson", "ucb"])
def test_it_learns_to_pay_first_and_gain_later(policy: str) -> None:
    bandit = SequentialBandit(ARMS, policy, refit_every=15, seed=0)
    found = play(bandit, 80, seed=1)
    contexts = np.linspace(-1, 1, 21)
    best = np.mean([max(outcome(c, i, j) for i in range(16) for j in range(16)) for c in contexts])
    assert found[-20:].mean() > 0.7 * best > 1.2 * found[:10].mean()
    reached = []
    for c in contexts:  # without exploring
        first = bandit.best([c])
        reached.append(outcome(c, first, bandit.best([c], [(first, outcome(c, first))])))
    assert np.mean(reached) > 0.9 * best


def test_the_second_phase_knows_what_the_first_played() -> None:
    random = SequentialBandit(ARMS, "random")
    play(random, 80, seed=3)
    bandit = SequentialBandit(ARMS, "greedy", games=random.games, refit_every=80)
    for arm in range(16):
        second = bandit.best([0.5], [(arm, outcome(0.5, arm))])
        assert ARMS[second][1] == ARMS[arm][0]


def test_contexts_of_later_phases() -> None:
    bandit = SequentialBandit(ARMS, "random", phases=3, discount=1.0)
    bandit.update([0.5, 2.0], [(1, 1.0), (3, 2.0), (5, 6.0)])
    inner = bandit._bandits
    assert [b.layout for b in inner] == [
        PlayLayout((2,), (), 4),
        PlayLayout((2, 1), (4,), 4),
        PlayLayout((2, 1, 1), (4, 4), 4),
    ]
    assert inner[2].plays[0].context == (0.5, 2.0, 1.0, 2.0, *map(float, ARMS[1]), *map(float, ARMS[3]))
    assert [b.plays[0].reward for b in inner] == [3.0, 4.0, 6.0]


def test_one_phase_is_a_bandit() -> None:
    single, game = Bandit(ARMS, "ucb", warm_up=3), SequentialBandit(ARMS, "ucb", phases=1, warm_up=3)
    for i in range(6):
        arm = single.select([0.2 * i])
        assert game.select([0.2 * i]) == arm
        single.update([0.2 * i], arm, math.sin(i))
        game.update([0.2 * i], [(arm, math.sin(i))])


def test_rebuilt_from_its_games_it_goes_on_alike() -> None:
    options = {"refit_every": 3, "warm_up": 3, "seed": 4}
    whole = SequentialBandit(ARMS, **options)
    play(whole, 10, seed=2)
    rebuilt = SequentialBandit(ARMS, games=whole.games[:6], **options)
    for game in whole.games[6:]:
        for i, (arm, _) in enumerate(game.choices):
            assert rebuilt.select(game.context, game.choices[:i]) == arm
        rebuilt.update(game.context, game.choices)


def test_rewards_that_are_not_finite() -> None:
    bandit, told = (SequentialBandit(ARMS, "ucb", warm_up=0, floor=-2.0) for _ in range(2))
    for i in range(4):
        bad = [(i, math.nan), (i, 1.0)] if i % 2 else [(i, 1.0), (i, -math.inf)]
        bandit.update([float(i)], bad)
        told.update([float(i)], [(arm, reward if math.isfinite(reward) else -2.0) for arm, reward in bad])
        first = bandit.select([0.0])
        assert first == told.select([0.0])
        assert bandit.select([0.0], [(first, math.nan)]) == told.select([0.0], [(first, -2.0)])
    assert bandit._bandits[1].plays[1].context[1] == -2.0


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"phases=0"):
        SequentialBandit(ARMS, phases=0)
    with pytest.raises(ValueError, match=r"discount=2"):
        SequentialBandit(ARMS, discount=2)
    with pytest.raises(TypeError, match=r"SequentialBandit\(plays=...\)"):
        SequentialBandit(ARMS, plays=[])
    bandit = SequentialBandit(ARMS)
    with pytest.raises(ValueError, match="a game has 2 phases"):
        bandit.update([0.0], [(0, 1.0)])
    with pytest.raises(ValueError, match="the game is over after 2 phases"):
        bandit.select([0.0], [(0, 1.0), (1, 1.0)])
