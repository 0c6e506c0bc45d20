"""How long factorizations serve, and how many are kept."""

from __future__ import annotations

from typing import Any

from pinnlab.algebra.substructures import Cost
from pinnlab.solvers.plane_march.factors import Factors
from pinnlab.solvers.plane_march.radau import Radau
from pinnlab.solvers.plane_march.slab import Stages, price_in_turns


class Solver:
    """What ``Factors`` sees of one."""

    least, spent, share, price = 99, 0, 1.0, 16.0


class System:
    """Whose factor has a thousand numbers, and takes 30,000 bytes while it is made."""

    cost, bytes = Cost(work=1e6, entries=1000.0), 30_000.0


def made(*halvings: int, stages: int = 2) -> Factors:
    factors = Factors(Radau(stages))
    for each in halvings:
        factors.make(each, lambda: Solver())  # type: ignore[arg-type,return-value]
    return factors


def slab(turns: int) -> Stages:
    return Stages([], True, 0.1, turns)


def test_one_serves_until_it_has_cost_as_many_more_turns_as_a_new_one() -> None:
    factors = made(4)
    for _ in range(50):
        factors.used(4, slab(3))
    assert 4 in factors
    for _ in range(3):
        factors.used(4, slab(8))
    assert 4 in factors
    factors.used(4, slab(4))
    assert 4 not in factors
    # what is no longer there is none to be judged
    factors.used(4, slab(9))


def test_the_oldest_goes_first() -> None:
    factors = made(4, 5, 6, 7)
    assert [n in factors for n in (4, 5, 6, 7)] == [False, True, True, True]


def test_fewer_are_kept_where_memory_is_short() -> None:
    factors, system = made(4, 5, 6), System()
    # two stages are one pair of complex rates: 16,000 bytes for each that is kept, 60,000 for that in work
    sizes = [factors.bytes(system, n) for n in (1, 2, 3)]  # type: ignore[arg-type]
    assert sizes == [60_000.0, 76_000.0, 92_000.0]
    assert fit(factors, 100_000.0) and len(factors) == 3
    assert fit(factors, 80_000.0) and len(factors) == 2 and 4 not in factors
    assert fit(factors, 60_000.0) and len(factors) == 1 and 6 in factors
    assert not fit(factors, 50_000.0) and len(factors) == 0


def fit(factors: Factors, usable: float) -> Any:
    return factors.fit(System(), 0.0, usable)  # type: ignore[arg-type]


def test_a_real_rate_takes_half_the_memory_of_a_complex_one() -> None:
    one, three = made(stages=2), made(stages=3)
    # three stages: one real number besides a pair
    grown = three.bytes(System(), 2) - three.bytes(System(), 1)  # type: ignore[arg-type]
    assert grown == 24_000.0 and one.bytes(System(), 2) - one.bytes(System(), 1) == 16_000.0  # type: ignore[arg-type]


def test_the_price_of_a_factorization_in_turns() -> None:
    # 1.2e9 multiplications for a factor of 1e6 numbers: 1,200 for each, 30 of which take as long as a turn
    assert price_in_turns(Cost(work=1.2e9, entries=1e6)) == 80.0
    # of a small one what goes before and after counts as well
    assert price_in_turns(Cost(work=1e6, entries=1e4)) == 16.0
