"""Weights of blocks that balance them, on numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from given_systems import NOWHERE, Block, System, close, tensor
from torch import Tensor

import pinnlab as pl
from pinnlab.machine.fingerprint import fingerprint
from pinnlab.training.plans import Settings
from pinnlab.training.weighting import NTK, Causal, GradientNorm, Unweighted, balanced


def test_balanced_by_hand() -> None:
    close(balanced(tensor([1.0, 3.0, 4.0])), [8.0, 8 / 3, 2.0])
    tiny = torch.finfo(torch.float64).tiny
    close(balanced(tensor([0.0, 1.0])), [1 / tiny, 1.0])


@pytest.mark.parametrize(("cls", "name"), [(GradientNorm, "norms"), (NTK, "traces")])
def test_balancing_blocks(cls: type, name: str) -> None:
    blocks = Block("equation", [[0.0] * 3, [0.0] * 3]), Block("initial", [[0.0] * 2])
    weighting = cls(momentum=0.75, every=2)
    assert weighting.rows(weighting.init(), 0, blocks[0]) == 1.0
    system = System(*blocks, **{name: ([1.0, 3.0], [4.0])})
    state = weighting.update(weighting.init(), system, NOWHERE)
    close(weighting.rows(state, 0, blocks[0]), [[8.0], [8 / 3]])
    close(weighting.rows(state, 1, blocks[1]), [[2.0]])
    other = System(*blocks, **{name: ([2.0, 2.0], [2.0])})
    state = weighting.update(state, other, NOWHERE)
    close(weighting.rows(state, 1, blocks[1]), [[2.0]])
    assert other.asked == 0, "measured every second step only"
    state = weighting.update(state, other, NOWHERE)
    close(weighting.rows(state, 1, blocks[1]), [[0.75 * 2.0 + 0.25 * 3.0]])
    assert other.asked == 1


def linear_system(weighting: Any) -> tuple[Any, Tensor, Tensor]:
    """u = a x + b on [0, 1] with residual u_x + u, and u(1) = 0: everything can be worked out by hand."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u: u.x + u, [pl.Dirichlet(u=0.0, on="x+", exact=False, weight=0.5)]
    )
    solver = pl.PINN(
        network=torch.nn.Linear(1, 1), points=5, weighting=weighting, condition_weight=2.0, sampling="grid"
    )
    system = solver.plan(problem, Settings(torch.device("cpu"), torch.float64, 0)).start(0, []).system
    return system, tensor([3.0, -1.0]), tensor([0.1, 0.3, 0.5, 0.7, 0.9])


def test_gradient_norms_and_kernel_traces_by_hand() -> None:
    """r = a (1 + x) + b, dr/da = 1 + x, dr/db = 1; at the boundary r = a + b, both derivatives 1."""
    system, theta, x = linear_system(Unweighted())
    r = 3 * (1 + x) - 1
    norm = math.hypot(float((2 * r * (1 + x)).mean()), float((2 * r).mean()))
    found = system.block_gradient_norms(theta)
    close(found[0], [norm])
    close(found[1], [math.hypot(4.0, 4.0)])
    traces = system.block_kernel_traces(theta)
    close(traces[0], [float(((1 + x) ** 2 + 1).mean())])
    close(traces[1], [2.0])


@pytest.mark.parametrize("weighting", [GradientNorm(), NTK()])
def test_the_loss_with_balanced_weights_by_hand(weighting: Any) -> None:
    system, theta, x = linear_system(weighting)
    system.update_weights(theta)
    measured = (
        system.block_gradient_norms(theta) if type(weighting) is GradientNorm else system.block_kernel_traces(theta)
    )
    first, second = (float(m) for m in measured)
    total = first + second
    mean = float(((3 * (1 + x) - 1) ** 2).mean())
    expected = total / first * mean + total / second * (0.5 * 2.0) * 2.0**2
    assert float(system.loss_and_gradient(theta)[0]) == pytest.approx(expected, rel=1e-12)


def test_the_name_of_version_0_1_stands_for_the_same_weighting() -> None:
    @dataclass(frozen=True)
    class Uniform:
        pass

    assert pl.weighting.Uniform is Unweighted
    assert fingerprint(Unweighted()) == fingerprint(Uniform()) != fingerprint(Causal()), "checkpoints stay valid"


def test_bad_arguments() -> None:
    for cls in (GradientNorm, NTK):
        with pytest.raises(ValueError, match=rf"{cls.__name__}\(momentum=1.0\)"):
            cls(momentum=1.0)
        with pytest.raises(ValueError, match=r"every=0\): must be at least 1"):
            cls(every=0)
    for tolerances in ((), (1.0, 1.0), (2.0, 1.0), (-1.0, 1.0)):
        with pytest.raises(ValueError, match="give increasing numbers"):
            Causal(tolerances=tolerances)
    with pytest.raises(ValueError, match="steps_per_tolerance=0"):
        Causal(steps_per_tolerance=0)
    assert Causal().tolerances == (1e-2, 1e-1, 1e0, 1e1, 1e2) and Causal().delta == 0.99
