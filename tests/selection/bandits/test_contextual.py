"""The bandit on synthetic rewards: regret, rebuilding from plays, rewards that are not finite, bad input."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from pinnlab.selection.bandits import Bandit, Fixed, Play, Random
from pinnlab.selection.bandits.contextual import capped, fitted_plays
from pinnlab.selection.bandits.kernel import PlayLayout

ARMS = np.array(list(itertools.product((0, 1), repeat=6)))


def rewards(context: float) -> np.ndarray:
    """Of all arms: which switches help turns with the context, and two of them hinder each other."""
    strength = np.array([1.0, -1.0, 0.5, 0.0, 0.8, -0.3]) * np.cos(1.5 * context + np.arange(6))
    return ARMS @ strength - 0.6 * ARMS[:, 0] * ARMS[:, 4]


def regret(bandit: Bandit, plays: int, seed: int, noise: float = 0.1) -> np.ndarray:
    """Best possible minus expected reward of each play."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(plays):
        context = rng.uniform(-1, 1)
        true = rewards(context)
        arm = bandit.select([context])
        bandit.update([context], arm, true[arm] + noise * rng.standard_normal())
        found.append(true.max() - true[arm])
    return np.array(found)


@pytest.fixture(scope="module")
def random_regret() -> float:
    return float(regret(Bandit(ARMS, "random"), 400, 0).mean())


@pytest.mark.parametrize("policy", ["thompson", "ucb", "optimistic"])
def test_regret_is_sublinear(policy: str, random_regret: float) -> None:
    """The last quarter costs a fraction of the first, and next to nothing against random choice."""
    bandit = Bandit(ARMS, policy, refit_every=20, seed=1)
    found = regret(bandit, 200, seed=2)
    assert found[-50:].mean() < 0.3 * found[:50].mean()
    assert found[-50:].mean() < 0.1 * random_regret
    # cumulative regret against a straight line through its first quarter
    assert found.sum() < 0.5 * 4 * found[:50].sum()
    contexts = np.linspace(-1, 1, 20)
    true = np.stack([rewards(c) for c in contexts])
    lost = true.max(1) - true[np.arange(20), bandit.best(contexts[:, None])]
    assert lost.mean() < 0.05 * random_regret
    fixed = true.max(1).mean() - true.mean(0).max()
    assert lost.mean() < 0.5 * fixed, "no better than the best fixed arm"


@pytest.mark.parametrize(("policy", "arm"), [("all_on", 63), (Fixed(5), 5)], ids=["all_on", "fixed"])
def test_fixed_policies_play_their_arm(policy: str | Fixed, arm: int) -> None:
    bandit = Bandit(ARMS, policy)
    regret(bandit, 12, seed=0)
    assert {play.arm for play in bandit.plays} == {arm}
    assert bandit.best([[0.0], [1.0]]).tolist() == [arm, arm]


def test_greedy_plays_the_largest_mean() -> None:
    bandit = Bandit(ARMS, "greedy", refit_every=10)
    regret(bandit, 12, seed=0)
    contexts = np.array([[-0.9], [0.0], [0.8]])
    mean, _ = bandit.predict(contexts)
    assert [bandit.select(context) for context in contexts] == mean.argmax(1).tolist()
    assert len(set(mean.argmax(1).tolist())) > 1, "the contexts tell the arms apart"


@pytest.mark.parametrize("refit_every", [1, 4])
@pytest.mark.parametrize("policy", ["thompson", "ucb", "random"])
def test_rebuilt_from_its_plays_it_goes_on_alike(policy: str, refit_every: int) -> None:
    make = {"policy": policy, "refit_every": refit_every, "warm_up": 3, "seed": 5}
    whole = Bandit(ARMS, **make)
    regret(whole, 10, seed=3)
    rebuilt = Bandit(ARMS, plays=whole.plays[:6], **make)
    for play in whole.plays[6:]:
        assert rebuilt.select(play.context) == play.arm
        rebuilt.update(play.context, play.arm, play.reward)
    read = Bandit.from_data(json.loads(json.dumps(whole.to_data())))
    assert read.select([0.3]) == rebuilt.select([0.3]) == whole.select([0.3])
    assert read.plays == whole.plays


def test_selecting_changes_nothing() -> None:
    bandit = Bandit(ARMS, "thompson", warm_up=3)
    regret(bandit, 5, seed=0)
    assert bandit.select([0.1]) == bandit.select([0.1])


def test_pending_plays_have_random_numbers_of_their_own() -> None:
    bandit = Bandit(ARMS, "thompson", warm_up=2)
    assert len({bandit.select([0.0], pending=i) for i in range(2)}) == 2
    regret(bandit, 6, seed=0)
    assert len({bandit.select([0.0], pending=i) for i in range(8)}) > 1


def test_warm_up_is_random() -> None:
    warm, random = Bandit(ARMS, "ucb", warm_up=5, seed=9), Bandit(ARMS, Random(), seed=9)
    for i in range(5):
        assert warm.select([0.0]) == random.select([0.0])
        for bandit in (warm, random):
            bandit.update([0.0], i, float(i))
    assert warm.layout == PlayLayout((1,), (), 6), "read off the first context and the arms"
    mean, sd = warm.predict([[0.0]])
    assert warm.select([0.0]) == (mean + sd).argmax() != random.select([0.0]), "from now on by upper confidence bounds"


def test_predict_is_a_table_of_contexts_and_arms() -> None:
    random = Bandit(ARMS, "random")
    regret(random, 150, seed=0)
    bandit = Bandit(ARMS, "greedy", plays=random.plays)
    contexts = np.linspace(-1, 1, 9)[:, None]
    mean, sd = bandit.predict(contexts)
    assert mean.shape == sd.shape == (9, 64)
    assert (mean.argmax(1) == bandit.best(contexts)).all()
    assert bandit.best([0.5]) == bandit.best([[0.5]])[0]
    assert (random.best(contexts) == bandit.best(contexts)).all()
    truth = np.stack([rewards(c) for c in contexts[:, 0]])
    assert np.corrcoef(mean.ravel(), truth.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("bad", [math.nan, -math.inf, math.inf])
@pytest.mark.parametrize("floor", [None, -2.0])
def test_rewards_that_are_not_finite(bad: float, floor: float | None) -> None:
    bandit, told = (Bandit(ARMS, "ucb", warm_up=0, floor=floor) for _ in range(2))
    worst = 0.0 if floor is None else floor
    counts_as = {0: 0.0, 2: 1.0, 4: 3.0} if bad == math.inf else dict.fromkeys((0, 2, 4), worst)
    for i in range(6):
        bandit.update([0.1 * i], i, bad if i % 2 == 0 else float(i))
        told.update([0.1 * i], i, counts_as.get(i, float(i)))
        assert bandit.select([0.2]) == told.select([0.2])
    for found, expected in zip(bandit.predict([[0.0]]), told.predict([[0.0]]), strict=True):
        assert np.isfinite(found).all() and np.array_equal(found, expected)
    again = Bandit.from_data(json.loads(json.dumps(bandit.to_data(), allow_nan=False)))
    assert again.select([0.2]) == bandit.select([0.2])
    assert repr(again.plays) == repr(bandit.plays)


def test_capped() -> None:
    assert capped(math.nan, -2.0, [3.0]) == capped(-math.inf, -2.0, []) == capped(-7.0, -2.0, []) == -2.0
    assert capped(math.nan, None, [3.0, 1.0]) == 1.0
    assert capped(math.inf, None, [3.0, 1.0]) == 3.0
    assert capped(math.inf, -2.0, []) == capped(math.nan, None, []) == 0.0
    assert capped(0.5, None, [3.0]) == 0.5


def test_fitted_plays() -> None:
    assert [fitted_plays(n, 5, 10) for n in (0, 4, 5, 14, 15, 200)] == [0, 0, 5, 5, 15, 195]
    assert [fitted_plays(n, 0, 1) for n in (1, 2, 3)] == [0, 2, 3]


def test_constant_rewards_and_contexts() -> None:
    bandit = Bandit(ARMS, "thompson", warm_up=0)
    for i in range(5):
        bandit.update([1.0], i, 2.0)
    assert np.allclose(bandit.predict([[1.0]])[0], 2.0, rtol=0, atol=1e-13)
    bandit.select([1.0])


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"arms has shape \(3,\)"):
        Bandit([0, 1, 1])
    with pytest.raises(ValueError, match="other numbers than 0 and 1"):
        Bandit([[0, 2]])
    with pytest.raises(ValueError, match="two equal rows"):
        Bandit([[0, 1], [0, 1]])
    with pytest.raises(ValueError, match=r"warm_up=-1"):
        Bandit(ARMS, warm_up=-1)
    with pytest.raises(ValueError, match=r"refit_every=0"):
        Bandit(ARMS, refit_every=0)
    with pytest.raises(ValueError, match=r"floor=nan"):
        Bandit(ARMS, floor=math.nan)
    bandit = Bandit(ARMS)
    with pytest.raises(ValueError, match="nothing was played yet"):
        bandit.predict([[0.0]])
    with pytest.raises(ValueError, match="arms are numbered 0 to 63"):
        bandit.update([0.0], 64, 1.0)
    with pytest.raises(ValueError, match="must be finite"):
        bandit.select([math.nan])
    with pytest.raises(ValueError, match="context has 2 numbers; contexts of this bandit have 1"):
        bandit.select([0.0, 1.0])
    with pytest.raises(ValueError, match="give a vector"):
        bandit.select(0.0)  # type: ignore[arg-type]
    assert bandit.plays == [] and Play((0.0,), 1, 2.0).reward == 2.0
