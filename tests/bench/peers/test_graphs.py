"""Functions of torch that JAX carries out: the same values and derivatives, or a refusal."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pinnlab.bench.peers.graphs import in_jax

pytestmark = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
X = torch.tensor([[0.3, -1.2], [2.5, 0.7]])


def written(x: Tensor) -> Tensor:
    """Writes into parts of a tensor, as our features do."""
    out = x.new_zeros(3, *x.shape)
    out[0] = x
    out[1:, :, 0] = torch.sin(x[:, 1])
    out[2, 1] += 2.0
    return out.flatten(0, 1)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x**3 - 2 / (1 + x**2) + 3 * x - (1 - x),
        lambda x: torch.where(x > 0, torch.exp(-x), torch.erf(x)).clamp(min=-0.5),
        lambda x: torch.sub(x, x**2, alpha=0.5) + torch.remainder(x, 0.4) + torch.sigmoid(x).abs(),
        lambda x: torch.cat([x.T.unsqueeze(0), torch.stack([x, x.square()])]).expand(3, 2, 2).permute(2, 0, 1),
        lambda x: x @ torch.tensor([[1.0, 2.0], [3.0, 4.0]]).T + x[:, :1],
        written,
    ],
)
def test_values_and_derivatives_are_those_of_torch(function: Callable[[Tensor], Tensor]) -> None:
    import jax

    there = in_jax(function, X)
    ours, theirs = torch.autograd.functional.jacobian(function, X), jax.jacfwd(there)(X.numpy())
    assert np.array(there(X.numpy())) == pytest.approx(function(X).numpy(), rel=1e-6)
    assert np.array(theirs) == pytest.approx(ours.numpy(), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("function", "name"),
    [(torch.special.i0e, "special_i0e"), (lambda x: torch.div(x, 0.3, rounding_mode="floor"), "rounding_mode"),
     (lambda x: x.to(torch.int64) + x, "int64")],
)  # fmt: skip
def test_what_has_no_counterpart_is_refused_by_name(function: Callable[[Tensor], Tensor], name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}.*has no counterpart"):
        in_jax(function, X)
