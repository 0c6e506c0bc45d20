"""Weights on numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.machine.fingerprint import fingerprint
from pinnlab.training.plans import Settings
from pinnlab.training.weighting import NTK, Causal, GradientNorm, Unweighted, balanced, causal_weights, slice_losses

NOWHERE = torch.zeros(0)


@dataclass
class Block:
    kind: str
    r: list[list[float]]
    weight: float = 1.0
    layer: int = 0
    residuals: tuple[str, ...] = field(init=False)
    n: int = field(init=False)

    def __post_init__(self) -> None:
        self.residuals, self.n = tuple("ab"[: len(self.r)]), len(self.r[0])


class System:
    """A system whose measurements are given."""

    def __init__(self, *blocks: Block, norms: Any = (), traces: Any = ()):
        self.blocks, self.norms, self.traces, self.asked = blocks, norms, traces, 0

    def block_residuals(self, theta: Tensor) -> list[Tensor]:
        return [tensor(block.r) for block in self.blocks]

    def block_gradient_norms(self, theta: Tensor) -> list[Tensor]:
        self.asked += 1
        return [tensor(n) for n in self.norms]

    def block_kernel_traces(self, theta: Tensor) -> list[Tensor]:
        self.asked += 1
        return [tensor(t) for t in self.traces]


def tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def close(found: Any, expected: list) -> None:
    torch.testing.assert_close(torch.as_tensor(found, dtype=torch.float64), tensor(expected), rtol=1e-13, atol=0)


# -- causal weights


def test_causal_weights_sum_over_earlier_slices_only() -> None:
    """w_1 = 1, w_2 = exp(-2 * 0.1), w_3 = exp(-2 * 0.3), w_4 = exp(-2 * 0.7): slice 4's own loss of 9 plays no part."""
    found = causal_weights(tensor([0.1, 0.2, 0.4, 9.0]), 2.0)
    close(found, [1.0, math.exp(-0.2), math.exp(-0.6), math.exp(-1.4)])


def test_the_initial_loss_is_slice_zero() -> None:
    found = causal_weights(tensor([0.1, 0.2, 0.4]), 2.0, tensor(0.05))
    close(found, [math.exp(-0.1), math.exp(-0.3), math.exp(-0.7)])
    assert bool((causal_weights(tensor([5.0, 5.0]), 0.0) == 1).all()), "no tolerance, no causality"


def test_slice_losses_add_equations_and_average_points() -> None:
    residuals = tensor([[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0]])
    close(slice_losses(residuals, 2), [(1 + 5) / 2, (9 + 17) / 2])
    uneven = tensor([[1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0]])
    close(slice_losses(uneven, 3), [1.0, 4.0, 9.0])


def equation(losses: list[float], points: int = 2) -> Block:
    """One equation whose slices have the given mean squares."""
    return Block("equation", [[math.sqrt(value) for value in losses for _ in range(points)]])


def test_causal_measures_equations_and_the_weighted_initial_term() -> None:
    """L_0 = 10 * mean(0.01, 0.03) = 0.2; slices 0.3 + 0.1, 0.5 + 0.2 of two equations; the boundary counts nowhere."""
    system = System(
        Block("equation", [[math.sqrt(v) for v in (0.3, 0.3, 0.5, 0.5)], [math.sqrt(v) for v in (0.1, 0.1, 0.2, 0.2)]]),
        Block("initial", [[0.1, math.sqrt(0.03)]], weight=10.0),
        Block("boundary", [[7.0, 7.0]]),
        Block("data", [[7.0]]),
    )
    causal = Causal(tolerances=(0.5,), slices=2)
    state = causal.update(causal.init(), system, NOWHERE)
    close(state["weights"], [math.exp(-0.1), math.exp(-0.5 * (0.2 + 0.4))])
    assert causal.info(state) == {"tolerance": 0.5, "min_weight": pytest.approx(math.exp(-0.3))}
    assert not state["weights"].requires_grad


def test_row_weights_repeat_over_the_points_of_a_slice() -> None:
    causal = Causal(tolerances=(1.0,), slices=3)
    block = Block("equation", [[0.0] * 7])
    state = {"rung": 0, "on_rung": 1, "met": False, "weights": tensor([1.0, 0.5, 0.25])}
    close(causal.rows(state, 0, block), [1, 1, 1, 0.5, 0.5, 0.25, 0.25])
    assert causal.rows(causal.init(), 0, block) == 1.0, "before the first measurement"
    for kind in ("initial", "boundary", "data", "periodic"):
        assert causal.rows(state, 1, Block(kind, [[0.0]])) == 1.0


def test_both_variants_of_the_initial_term() -> None:
    """Loss = mean(w L) + L_0 as in the released code, or (L_0 + sum(w L)) / k as in the paper."""
    state = {"rung": 0, "on_rung": 1, "met": False, "weights": tensor([1.0, 0.5])}
    start, inner = Block("initial", [[0.3, 0.4]]), equation([2.0, 6.0])
    losses = {}
    for variant in ("outside", "inside"):
        causal = Causal(tolerances=(1.0,), slices=2, initial=variant)
        losses[variant] = sum(
            float((torch.as_tensor(causal.rows(state, i, b)) * tensor(b.r) ** 2).mean())
            for i, b in enumerate((start, inner))
        )
    initial = (0.09 + 0.16) / 2
    assert losses["outside"] == pytest.approx(initial + (1.0 * 2 + 0.5 * 6) / 2)
    assert losses["inside"] == pytest.approx((initial + 1.0 * 2 + 0.5 * 6) / 2)


def test_the_ladder_climbs_while_every_weight_exceeds_delta() -> None:
    """Slices of 0.005 each: min weight exp(-eps * 0.005) is 0.995 at eps 1, 0.951 at 10; later 0.99950 and 0.995."""
    causal = Causal(tolerances=(1.0, 10.0, 100.0), slices=2, delta=0.99)
    state = causal.update(causal.init(), System(equation([0.005, 0.005])), NOWHERE)
    assert (state["rung"], state["on_rung"], state["met"]) == (1, 1, False)
    close(state["weights"], [1.0, math.exp(-0.05)])
    state = causal.update(state, System(equation([0.005, 0.005])), NOWHERE)
    assert (state["rung"], state["on_rung"]) == (1, 2)
    state = causal.update(state, System(equation([0.0005, 0.0])), NOWHERE)
    assert state["rung"] == 2 and not causal.finished(state)
    close(state["weights"], [1.0, math.exp(-0.05)])
    state = causal.update(state, System(equation([0.00005, 3.0])), NOWHERE)
    assert state["rung"] == 2 and causal.finished(state), "the last slice's own loss does not count"


def test_a_good_start_passes_several_rungs_at_once() -> None:
    causal = Causal(tolerances=(1.0, 10.0, 100.0), slices=2)
    state = causal.update(causal.init(), System(equation([1e-9, 1e-9])), NOWHERE)
    assert state["rung"] == 2 and causal.finished(state)


def test_min_weight_at_delta_is_not_enough() -> None:
    causal = Causal(tolerances=(1.0,), slices=2, delta=0.5)
    below = causal.update(causal.init(), System(equation([math.log(2) + 1e-9, 0.0])), NOWHERE)
    above = causal.update(causal.init(), System(equation([math.log(2) - 1e-9, 0.0])), NOWHERE)
    assert not causal.finished(below) and causal.finished(above)


def test_a_rung_is_left_after_its_steps() -> None:
    causal = Causal(tolerances=(1.0, 10.0), slices=2, steps_per_tolerance=2)
    state, rungs = causal.init(), []
    for _ in range(6):
        state = causal.update(state, System(equation([1.0, 1.0])), NOWHERE)
        rungs.append(state["rung"])
    assert rungs == [0, 0, 1, 1, 1, 1] and not causal.finished(state), "time ran out, the tolerance was not met"


def test_the_state_passed_in_is_left_alone() -> None:
    causal = Causal(tolerances=(1.0, 10.0), slices=2)
    state = causal.init()
    causal.update(state, System(equation([1e-9, 1e-9])), NOWHERE)
    assert state == {"rung": 0, "on_rung": 0, "met": False}


# -- balanced weights


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
