"""Causal weights on numbers worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from given_systems import NOWHERE, Block, System, close, tensor

import pinnlab as pl
from pinnlab.training.time_slices import causal_weights, centre_of_time, losses_at, slice_losses
from pinnlab.training.weighting import Causal


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
    """L_0 = 10 * mean(0.01, 0.03) = 0.2; slices 0.3 + 0.1, 0.5 + 0.2 of two equations; measured data count nowhere."""
    system = System(
        Block("equation", [[math.sqrt(v) for v in (0.3, 0.3, 0.5, 0.5)], [math.sqrt(v) for v in (0.1, 0.1, 0.2, 0.2)]]),
        Block("initial", [[0.1, math.sqrt(0.03)]], weight=10.0),
        Block("data", [[7.0]]),
    )
    causal = Causal(tolerances=(0.5,), slices=2, steps_per_tolerance=100)
    state = causal.update(causal.init(), system, NOWHERE)
    close(state["weights"], [math.exp(-0.1), math.exp(-0.5 * (0.2 + 0.4))])
    assert causal.info(state) == {"tolerance": 0.5, "min_weight": pytest.approx(math.exp(-0.3))}
    assert not state["weights"].requires_grad


def test_boundaries_count_in_the_slice_of_their_time_whatever_their_weight() -> None:
    """Slices of time begin at 0, 0.25, 0.5, 0.75; at times 0.3, 0.1, 0.9, 0.45 squares 4, 1, 25, 16: slices 1, 10, 0, 25."""
    system = System(
        Block("equation", [[0.0] * 8]),
        Block("boundary", [[2.0, 1.0, 5.0, 4.0]], weight=100.0, times=[0.3, 0.1, 0.9, 0.45]),
    )
    causal = Causal(tolerances=(0.1,), slices=4, steps_per_tolerance=100)
    state = causal.update(causal.init(), system, NOWHERE)
    close(state["weights"], [1.0, math.exp(-0.1), math.exp(-1.1), math.exp(-1.1)])
    close(losses_at(tensor([[1.0, 2.0], [3.0, 0.0]]), tensor([0.5, 0.2]), tensor([0.0, 0.5])), [4.0, 10.0])


def test_residuals_enter_in_their_natural_sizes() -> None:
    """Equations of sizes 10 and 0.1: (1 / 10)^2 + (0.02 / 0.1)^2 = 0.05 in each slice, and the start (0.3 / 3)^2 = 0.01."""
    system = System(
        Block("equation", [[1.0] * 4, [0.02] * 4], sizes=[10.0, 0.1]), Block("initial", [[0.3]], sizes=[3.0])
    )
    causal = Causal(tolerances=(2.0,), slices=2, steps_per_tolerance=100)
    state = causal.update(causal.init(), system, NOWHERE)
    close(state["weights"], [math.exp(-0.02), math.exp(-0.12)])


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


def climb(causal: Causal, *systems: System) -> list[Any]:
    """The states after each of some looks."""
    states = [causal.init()]
    for system in systems:
        states.append(causal.update(states[-1], system, NOWHERE))
    return states[1:]


def near(loss: float, n: int = 3) -> list[System]:
    """Systems whose two slices have nearly this loss each, never twice the same."""
    return [System(equation([loss * (1 - 1e-6 * k), loss])) for k in range(n)]


def test_the_ladder_climbs_when_three_looks_agree() -> None:
    """The first slice's loss of 0.005 makes a weight of 0.995 at eps 1 and 0.951 at 10; later 0.0005 makes 0.995 at 10."""
    causal = Causal(tolerances=(1.0, 10.0, 100.0), slices=2, delta=0.99, steps_per_tolerance=100)
    states = climb(causal, *near(0.005), *near(0.0005), *near(0.00005))
    assert [state["rung"] for state in states] == [0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert [state["done"] for state in states] == [False] * 8 + [True] and not causal.unmet(states[-1])
    close(states[0]["weights"], [1.0, math.exp(-0.005)])
    close(states[2]["weights"], [1.0, math.exp(-0.05 * (1 - 2e-6))])
    close(states[-1]["weights"], [1.0, 1.0])
    assert [causal.finished(state) for state in states] == [False] * 8 + [True]
    assert [causal.settled(state) for state in states] == [False] * 8 + [True]
    assert causal.info(states[-1]) == {"tolerance": 0.0, "min_weight": 1.0}, "nothing waits any more"


def test_nothing_is_finished_before_it_is_trained() -> None:
    """The same numbers again, as after no step, are no second look."""
    causal = Causal(tolerances=(1.0, 10.0), slices=2, steps_per_tolerance=100)
    same = System(equation([1e-9, 1e-9]))
    assert not any(causal.finished(state) or state["rung"] for state in climb(causal, *[same] * 9))


def test_one_lucky_draw_is_not_trusted() -> None:
    causal = Causal(tolerances=(1.0,), slices=2)
    lucky = [System(equation([1e-9 * (k + 1), 0.0])) for k in range(2)]
    states = climb(causal, *lucky, System(equation([1.0, 0.0])), *lucky, System(equation([2.0, 0.0])), *lucky)
    assert not any(causal.finished(state) for state in states)


def test_held_out_points_have_to_agree() -> None:
    causal = Causal(tolerances=(1.0, 10.0), slices=2, steps_per_tolerance=100)
    for unseen, rung, done in ((1.0, 0, False), (0.005, 1, False), (1e-9, 1, True)):
        systems = [System(equation([1e-9 * k, 0.0]), unseen=equation([unseen, 9.0])) for k in range(3)]
        state = climb(causal, *systems)[-1]
        assert (state["rung"], state["done"], causal.finished(state)) == (rung, done, done)


def test_a_good_start_passes_several_rungs_at_once() -> None:
    causal = Causal(tolerances=(1.0, 10.0, 100.0), slices=2, steps_per_tolerance=100)
    states = climb(causal, *near(1e-9))
    assert [state["rung"] for state in states] == [0, 0, 2] and causal.finished(states[-1])


def test_min_weight_at_delta_is_not_enough() -> None:
    causal = Causal(tolerances=(1.0,), slices=2, delta=0.5)
    for shift, finished in ((1e-9, False), (-1e-9, True)):
        systems = [System(equation([math.log(2) + shift * (1 + k), 0.0])) for k in range(3)]
        assert causal.finished(climb(causal, *systems)[-1]) == finished


def test_a_number_that_is_none_meets_nothing() -> None:
    causal = Causal(tolerances=(1.0,), slices=2)
    systems = [System(Block("equation", [[value, value, 0.0, 0.0]])) for value in (1e-9, math.nan, 2e-9)]
    assert not causal.finished(climb(causal, *systems)[-1])


def test_a_rung_is_left_after_its_steps() -> None:
    causal = Causal(tolerances=(1.0, 10.0), slices=2, steps_per_tolerance=2)
    states = climb(causal, *[System(equation([1.0, 1.0])) for _ in range(6)])
    assert [state["rung"] for state in states] == [0, 0, 1, 1, 1, 1]
    assert not causal.finished(states[-1]), "time ran out, the tolerance was not met"
    close(states[3]["weights"], [1.0, math.exp(-10.0)])
    close(states[4]["weights"], [1.0, 1.0])


def test_the_centre_of_time() -> None:
    """Places 1/8, 3/8, 5/8, 7/8."""
    assert centre_of_time(tensor([2.0, 2.0, 2.0, 2.0])) == pytest.approx(0.5)
    assert centre_of_time(tensor([3.0, 1.0, 0.0, 0.0])) == pytest.approx((3 / 8 + 3 / 8) / 4)
    assert math.isnan(centre_of_time(tensor([0.0, 0.0])))


LADDER = (0.1, 1.0, 10.0, 100.0)


def test_nothing_waits_while_times_are_trained_in_their_order() -> None:
    """All weights are one while they would exceed a half, and are the formula's where they do not."""
    causal = Causal(LADDER, slices=4)
    states = climb(causal, *[System(equation([0.2 + k / 1e6] * 4)) for k in range(5)])
    assert [state["rung"] for state in states] == [0] * 5
    close(states[-1]["weights"], [1.0] * 4)
    asked = climb(Causal((10.0,), slices=4), System(equation([0.1, 0.2, 0.1, 0.1])))[0]
    close(asked["weights"], [1.0, math.exp(-1.0), math.exp(-3.0), math.exp(-4.0)])


def test_the_ladder_is_climbed_to_where_something_waits_when_early_times_stay_worse() -> None:
    """A loss of 0.2 in the first of four slices makes weights of 0.98, 0.82 and 0.14: a hundred looks have to agree."""
    causal = Causal(LADDER, slices=4)
    early = [System(equation([0.2 + k / 1e6, 0.0, 0.0, 0.001])) for k in range(101)]
    states = climb(causal, *early)
    assert [state["rung"] for state in states] == [0] * 99 + [2, 2]
    close(states[-1]["weights"], [1.0] + [math.exp(-2.001)] * 3)
    broken = climb(causal, *early[:60], System(equation([0.2] * 4)), *early[:60])
    assert {state["rung"] for state in broken} == {0}
    assert climb(causal, *[early[0]] * 101)[-1]["rung"] == 0, "one look, however often"
    scheduled = climb(Causal(LADDER, slices=4, steps_per_tolerance=999), *early)
    assert {state["rung"] for state in scheduled} == {0}, "as in the paper"
    close(scheduled[0]["weights"], [1.0] + [math.exp(-0.02)] * 3)


def test_nothing_waits_after_half_of_the_training() -> None:
    """A tighter tolerance would hold back even more, so that what is not met by then is left out."""
    causal = Causal(tolerances=(1.0, 10.0), slices=2)
    shares = (0.0, 0.1, 0.49, 0.5, 0.6)
    states = climb(causal, *[System(equation([1.0 + share, 1.0]), spent=share) for share in shares])
    assert [state["done"] for state in states] == [False] * 3 + [True] * 2
    assert not causal.finished(states[-1]) and not causal.unmet(states[-1])
    states = climb(causal, *[System(equation([1.0 + k, 1.0]), spent=1.0) for k in range(3)])
    assert [state["done"] for state in states] == [False, False, True], "never before anything was trained"
    faithful = Causal(tolerances=(1.0,), slices=2, steps_per_tolerance=100)
    assert not climb(faithful, *[System(equation([1.0 + k, 1.0]), spent=1.0) for k in range(9)])[-1]["done"]


def test_an_optimizer_that_is_stuck_ends_the_waiting() -> None:
    causal = Causal(tolerances=(1.0, 10.0), slices=2)
    state = causal.update(causal.init(), System(equation([1.0, 1.0])), NOWHERE)
    last = causal.hurried(state)
    assert last is not None and causal.settled(last) and not causal.finished(last)
    close(last["weights"], [1.0, 1.0])
    assert causal.hurried(last) is None and not causal.settled(state)


def test_after_the_ladder_the_last_tolerance_is_looked_at_now_and_then() -> None:
    causal = Causal(tolerances=(1.0,), slices=2, steps_per_tolerance=1)
    states = climb(causal, *[System(equation([1.0 + k, 1.0])) for k in range(3)])
    assert states[-1]["done"] and not causal.finished(states[-1])
    systems = [System(equation([1e-9 * k, 0.0])) for k in range(80)]
    for system in systems:
        states.append(causal.update(states[-1], system, NOWHERE))
    assert causal.finished(states[-1]) and len({id(state["sums"]) for state in states}) < 10


def test_the_state_passed_in_is_left_alone() -> None:
    causal = Causal(tolerances=(1.0, 10.0), slices=2)
    state = causal.init()
    causal.update(state, System(equation([1e-9, 1e-9])), NOWHERE)
    assert state == causal.init()


def test_a_state_of_an_older_checkpoint_goes_on() -> None:
    causal = Causal(tolerances=(1.0, 10.0), slices=2)
    old = {"rung": 1, "on_rung": 4, "met": False, "weights": tensor([1.0, 0.5])}
    state = causal.update(old, System(equation([1.0, 1.0])), NOWHERE)
    assert (state["rung"], state["on_rung"], state["done"]) == (1, 5, False)


def test_fewer_points_than_slices_are_refused() -> None:
    blocks = [Block("equation", [[0.0] * 40]), Block("equation", [[0.0] * 20]), Block("boundary", [[0.0]])]
    with pytest.raises(ValueError, match=r"slices=32: .* an equation has 20 points.*points=64 or more.*slices=10"):
        Causal().check(blocks)
    Causal(slices=20).check(blocks)
    with pytest.raises(
        ValueError, match=r"weighting=Causal\(.*follow the order of time.*no coordinate 't'; leave weighting"
    ):
        Causal().check([Block("equation", [[0.0] * 40], region=pl.Box(x=(0.0, 1.0)))])
