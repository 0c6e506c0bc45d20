from __future__ import annotations

import pytest

from pinnlab.declaration.natural_units.balance import Row, Told, balanced, between, driven, offset_and_scale, rounded


def test_a_source_tells_the_size_of_what_balances_it() -> None:
    # k T_xx = q: 200 / 0.1^2 = 2e4 pulls, 6e4 W/m^3
    row = Row({"T": [2e4]}, source=6e4)
    assert driven(row, "T") == 3.0
    assert balanced([row], {}) == {"T": 3.0}


def test_sizes_go_from_equation_to_equation() -> None:
    # E I w'' = m, m'' = q with E I = 2e6, L = 4, q = 5000
    rows = [Row({"w": [2e6 / 16], "m": [1.0]}), Row({"m": [1 / 16]}, source=5e3)]
    assert balanced(rows, {}) == {"m": 8e4, "w": pytest.approx(0.64)}


def test_an_unknown_that_nothing_else_can_balance_comes_first() -> None:
    # heat moves the plate: of the momentum's two terms the second must balance the first, in the heat equation it need not
    momentum = Row({"u": [100.0], "T": [5.0]})
    heat = Row({"T": [1.0], "u": [1e-6]}, source=2.0)
    assert balanced([momentum, heat], {"T": 2.0}) == {"T": 2.0, "u": pytest.approx(0.1)}


def test_a_pressure_is_as_large_as_what_it_could_balance() -> None:
    # rho u u_x and mu u_yy balance each other; the pressure matters from the larger one on
    row = Row({"u": [1e3, 10.0], "p": [100.0]})
    assert balanced([row], {"u": 0.01}) == {"u": 0.01, "p": pytest.approx(0.1)}


def test_what_nothing_tells_stays_open() -> None:
    assert balanced([Row({"u": [1.0], "v": [1.0]})], {"u": 0.0}) == {}
    assert Row({"u": [2.0, 3.0]}, source=4.0).largest({"u": 2.0}) == 6.0


def test_numbers_are_rounded_to_powers_of_two() -> None:
    assert rounded(293.0) == 256.0 and rounded(0.1) == 0.125 and rounded(1.0) == 1.0
    assert between(1.0, 4.0) == 2.0 and between(0.0, 4.0) == 4.0


def test_an_offset_is_taken_out_where_the_variation_is_small() -> None:
    assert offset_and_scale(290.0, 296.0, 0.0) == (293.0, 3.0)
    assert offset_and_scale(293.0, 293.0, 5.0) == (293.0, 5.0)
    assert offset_and_scale(0.0, 5.0, 0.0) == (0.0, 5.0)
    assert offset_and_scale(293.0, 293.0, 0.0) == (0.0, 293.0)  # nothing tells how far it moves
    assert offset_and_scale(1.0, 1.0 + 1e-9, 0.0) == (0.0, 1.0 + 1e-9)  # rounding does not


def test_what_is_told_gives_numbers_of_one_at_most() -> None:
    assert Told(0.53, 1.0).scale == (0.0, 1.0)
    assert Told(0.0, 0.47).scale == (0.0, 0.47)
    assert Told(-1.0, 1.0).scale == (0.0, 1.0)
    assert Told(280.0, 288.0).scale == (284.0, 4.0)
    assert Told(2.0, 2.0).scale == (0.0, 2.0)


def test_a_variation_is_lost_beside_its_offset() -> None:
    assert Told(293.0, 293.0, 1e-9).is_lost and Told(293.0, 293.0 + 2e-9).is_lost
    assert not Told(293.0, 293.0).is_lost  # there is none
    assert not Told(293.0, 293.0 + 5e-14).is_lost  # rounding is none
    assert not Told(293.0, 293.0, 1e-6).is_lost and not Told(0.0, 1e-9).is_lost
