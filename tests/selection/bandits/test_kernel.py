"""The covariance of plays on numbers worked by hand, and the library's kernel and warping against it."""

from __future__ import annotations

import math
import warnings

import pytest
import torch

from pinnlab.selection.bandits.kernel import Hyper, PlayLayout, agreement, exponent, log_normal, warped
from pinnlab.selection.bandits.surrogate import Surrogate, standard

F = torch.float64


def rows(*values: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(values, dtype=F)


def test_exponent_by_hand() -> None:
    # ||s - r||^2 = 9 + 16 = 25 over length 50; two of four switches agree: -0.5 + 2 (0.5 - 1) = -1.5
    found = exponent(rows((0, 0, 1, 0, 1, 0)), rows((3, 4, 1, 1, 1, 1)), (2,), (4,), (50.0,), (2.0,))
    assert found.item() == pytest.approx(-1.5, rel=1e-15)
    # the same play has the largest covariance
    same = rows((3, 4, 1, 0))
    assert exponent(same, same, (2,), (2,), (50.0,), (2.0,)).item() == 0.0


def test_agreement_counts_shared_zeros() -> None:
    found = agreement(rows((0, 0, 0), (1, 1, 0)), rows((0, 0, 1), (1, 1, 0)))
    assert torch.allclose(found, rows((2 / 3, 1 / 3), (0.0, 1.0)), rtol=0, atol=1e-14)


def test_exponent_is_the_product_of_groups_over_its_largest_value() -> None:
    g = torch.Generator().manual_seed(0)
    x, y = (
        torch.cat([torch.randn(n, 3, generator=g, dtype=F), (torch.rand(n, 5, generator=g) < 0.5).to(F)], 1)
        for n in (4, 6)
    )
    found = exponent(x, y, (2, 1), (3, 2), (2.0, 0.5), (1.5, 3.0)).exp()

    def kernel(numbers: slice, switches: slice, length: float, theta: float) -> torch.Tensor:
        """exp(-||s - r||^2 / length) exp(theta mean_d 1[a_d = b_d]), with every pair written out."""
        apart = (x[:, None, numbers] - y[None, :, numbers]).square().sum(-1)
        alike = (x[:, None, switches] == y[None, :, switches]).to(F).mean(-1)
        return torch.exp(-apart / length + theta * alike)

    first, second = kernel(slice(0, 2), slice(3, 6), 2.0, 1.5), kernel(slice(2, 3), slice(6, 8), 0.5, 3.0)
    assert torch.allclose(found, first * second / math.exp(4.5), rtol=1e-13, atol=0)


def test_warping_by_hand() -> None:
    # z = 0.5: 1 - (1 - 0.25)^3 = 0.578125, on the range (2, 4): 2 + 2 * 0.578125
    one = rows((3.0,))
    found = warped(one, torch.tensor([2.0], dtype=F), torch.tensor([3.0], dtype=F), one[0] - 1, one[0] + 1)
    assert found.item() == pytest.approx(3.15625, rel=1e-14)


def test_warping_with_ones_changes_nothing_and_clamps() -> None:
    s, ones = rows((0.0, 5.0), (0.25, 5.0), (3.0, 5.0)), torch.ones(2, dtype=F)
    found = warped(s, ones, ones, rows((0.0, 5.0))[0], rows((1.0, 5.0))[0])
    assert torch.allclose(found, rows((0.0, 5.0), (0.25, 5.0), (1.0, 5.0)), atol=1e-6, rtol=0)


def test_log_normal_has_its_mode_where_asked() -> None:
    location, scale = log_normal(0.5, 1.2)
    prior = torch.distributions.LogNormal(location, scale)
    at = [prior.log_prob(torch.tensor(v, dtype=F)).item() for v in (0.5, 0.51, 0.49)]
    assert at[0] == max(at)


def test_standard_of_what_does_not_vary() -> None:
    mean, sd = standard(rows((1.0, 2.0), (3.0, 2.0)))
    assert mean.tolist() == [2.0, 2.0] and sd.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("warp", [False, True])
def test_library_and_surrogate_agree(warp: bool) -> None:
    """GPyTorch's posterior with our kernel, and BoTorch's warping, give the same numbers as the surrogate."""
    from pinnlab.selection.bandits.fitting import PlayKernel, model

    layout = PlayLayout((2,), (3,), 4)
    g = torch.Generator().manual_seed(1)
    contexts = torch.cat([torch.randn(12, 2, generator=g, dtype=F), (torch.rand(12, 3, generator=g) < 0.5).to(F)], 1)
    arms = (torch.rand(12, 4, generator=g) < 0.5).to(F)
    rewards = torch.randn(12, generator=g, dtype=F)
    hyper = Hyper((1.7,), (2.0, 3.5), 0.9, 0.05, ((1.4, 0.8), (0.7, 1.2)) if warp else ())
    surrogate = Surrogate(layout, hyper, contexts, arms, rewards)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gp, _ = model(surrogate.plays, surrogate.targets, layout, warp)
        kernel = gp.covar_module
        assert isinstance(kernel, PlayKernel)
        values = {"lengths": hyper.lengths, "thetas": hyper.thetas, "variance": (hyper.variance,)}
        if warp:
            values |= {"a": [a for a, _ in hyper.warp], "b": [b for _, b in hyper.warp]}
        for name, value in values.items():
            getattr(kernel, f"log_{name}").data = torch.tensor(value, dtype=F).log()
        gp.likelihood.noise = hyper.noise
        with torch.no_grad():
            found = gp.posterior(surrogate.plays[:5])
            mean, covariance = found.mean[:, 0], found.distribution.covariance_matrix
    mine = [surrogate.predict(contexts[i : i + 1], arms[i : i + 1]) for i in range(5)]
    m, s = (torch.stack([v[j].squeeze() for v in mine]) for j in (0, 1))
    shift, scale = standard(rewards)
    assert torch.allclose((m - shift) / scale, mean, atol=1e-6, rtol=0)
    assert torch.allclose(s / scale, covariance.diagonal().sqrt(), atol=1e-5, rtol=0)
    if warp:
        from botorch.models.transforms.input import Warp

        z = surrogate.plays[:, :2]
        bounds = torch.stack([z.amin(0), z.amax(0)])
        theirs = Warp(d=2, indices=[0, 1], bounds=bounds).to(F)
        theirs.concentration1.data, theirs.concentration0.data = torch.tensor(hyper.warp, dtype=F).T
        with torch.no_grad():
            expected = bounds[0] + (bounds[1] - bounds[0]) * theirs.eval()(z)
        a, b = torch.tensor(hyper.warp, dtype=F).T
        assert torch.allclose(warped(z, a, b, *bounds), expected, atol=1e-5, rtol=0)
