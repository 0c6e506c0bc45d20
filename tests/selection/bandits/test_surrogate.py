"""The posterior: limits, batches against one by one, joint draws; hyper-parameters found from data."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from pinnlab.selection.bandits.kernel import Hyper, PlayLayout
from pinnlab.selection.bandits.surrogate import Posterior, Surrogate, fitted

F = torch.float64
ARMS = torch.tensor(list(itertools.product((0.0, 1.0), repeat=4)), dtype=F)
LAYOUT = PlayLayout((1,), (), 4)


def plays(n: int, noise: float = 0.0, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    contexts = 4 * torch.rand(n, 1, generator=g, dtype=F) + 10
    arms = ARMS[torch.randint(0, 16, (n,), generator=g)]
    rewards = torch.sin(contexts[:, 0]) * (arms[:, 0] - arms[:, 1]) + 0.5 * arms[:, 2]
    return contexts, arms, 100 + 7 * (rewards + noise * torch.randn(n, generator=g, dtype=F))


def test_without_noise_it_passes_through_the_plays() -> None:
    contexts, arms, rewards = plays(20)
    mean, sd = Surrogate(LAYOUT, Hyper((2.0,), (3.0,), 1.0, 1e-10), contexts, arms, rewards).predict(contexts, arms)
    assert torch.allclose(mean.diagonal(), rewards, atol=1e-5, rtol=0)
    assert float(sd.diagonal().max()) < 1e-3


def test_far_away_it_knows_nothing() -> None:
    contexts, arms, rewards = plays(20)
    far = torch.tensor([[1e4]], dtype=F)
    mean, sd = Surrogate(LAYOUT, Hyper((2.0,), (3.0,), 1.0, 0.1), contexts, arms, rewards).predict(far, ARMS)
    assert torch.allclose(mean, rewards.mean().expand(1, 16), rtol=0, atol=1e-11)
    assert torch.allclose(sd, rewards.std(correction=0).expand(1, 16), rtol=0, atol=1e-13)


def test_many_contexts_are_the_same_as_one_by_one() -> None:
    surrogate = Surrogate(LAYOUT, Hyper((0.5,), (2.0,), 1.0, 0.1, ((1.5, 0.8),)), *plays(30, 0.1))
    contexts = torch.linspace(10, 14, 7, dtype=F)[:, None]
    mean, sd = surrogate.predict(contexts, ARMS)
    assert mean.shape == sd.shape == (7, 16)
    assert torch.allclose(surrogate.means(contexts, ARMS), mean, rtol=0, atol=1e-11)
    for i, context in enumerate(contexts):
        joint = surrogate.joint(context, ARMS)
        assert torch.allclose(joint.mean, mean[i], rtol=0, atol=1e-11) and torch.allclose(
            joint.sd, sd[i], rtol=0, atol=1e-12
        )


def test_draws_have_the_mean_and_covariance() -> None:
    joint = Surrogate(LAYOUT, Hyper.typical(LAYOUT), *plays(6)).joint(torch.tensor([12.0], dtype=F), ARMS)
    rng = np.random.default_rng(0)
    drawn = torch.stack([joint.draw(rng) for _ in range(4000)])
    scale = float(joint.covariance.diagonal().mean())
    assert float((drawn.mean(0) - joint.mean).abs().max()) < 5 * (scale / 4000) ** 0.5
    assert float((torch.cov(drawn.T) - joint.covariance).abs().max()) < 0.1 * scale


def test_draw_from_a_singular_covariance() -> None:
    ones = torch.ones(3, 3, dtype=F)
    drawn = Posterior(torch.zeros(3, dtype=F), ones).draw(np.random.default_rng(0))
    assert float(drawn.max() - drawn.min()) < 1e-3


def test_fitting_finds_noise_and_what_matters() -> None:
    quiet, loud = (fitted(LAYOUT, *plays(120, noise, seed=3), False) for noise in (0.02, 0.8))
    assert quiet.noise < 0.01 < 0.1 < loud.noise
    contexts, arms, _ = plays(120, seed=3)
    only_context = fitted(LAYOUT, contexts, arms, torch.sin(3 * contexts[:, 0]), False)
    only_arm = fitted(LAYOUT, contexts, arms, arms[:, 0] + arms[:, 3], False)
    assert only_context.lengths[0] < 1 < 10 < only_arm.lengths[0]
    assert only_context.thetas[0] < only_arm.thetas[0]


def test_fitting_is_repeatable_and_leaves_random_numbers_alone() -> None:
    before = torch.get_rng_state()
    first, second = (fitted(LAYOUT, *plays(30, 0.1), True) for _ in range(2))
    assert first == second
    assert len(first.warp) == 1
    assert torch.equal(before, torch.get_rng_state())


def test_warping_helps_where_rewards_change_at_one_end() -> None:
    g = torch.Generator().manual_seed(0)
    contexts = torch.rand(80, 1, generator=g, dtype=F)
    arms = ARMS[torch.randint(0, 16, (80,), generator=g)]
    target = lambda s: torch.sin(12 * s**6)  # noqa: E731
    new = torch.linspace(0.01, 0.99, 50, dtype=F)[:, None]
    errors = []
    for warp in (False, True):
        hyper = fitted(LAYOUT, contexts, arms, target(contexts[:, 0]), warp)
        mean = Surrogate(LAYOUT, hyper, contexts, arms, target(contexts[:, 0])).means(new, ARMS[:1])[:, 0]
        errors.append(float((mean - target(new[:, 0])).norm()))
    assert errors[1] < 0.7 * errors[0]


def test_a_failed_search_leaves_the_typical_values(monkeypatch: pytest.MonkeyPatch) -> None:
    from pinnlab.selection.bandits import fitting

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("not positive definite")

    monkeypatch.setattr(fitting, "fit_gpytorch_mll_scipy", fail)
    assert fitted(LAYOUT, *plays(10), True) == Hyper.typical(LAYOUT, True)


def test_without_the_library_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pinnlab.selection.bandits.fitting", None)
    with pytest.raises(ImportError, match=r"pip install 'pinnlab\[bandits\]'"):
        fitted(LAYOUT, *plays(10), False)
