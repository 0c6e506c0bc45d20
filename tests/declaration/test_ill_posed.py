"""Problems that no state in the given direction of time decides stably, and their well-posed neighbours."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pinnlab as pl
from pinnlab.algebra.normal_modes import find_modes

BOX = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
ILL: dict[str, Callable[..., Any]] = {
    "heat backwards": lambda u: u.t + u.xx,
    "slow heat backwards": lambda u: u.t + 1e-6 * u.xx,
    "Laplace from one side": lambda u: u.tt + u.xx,
    "an option from its start": lambda u, x: u.t + 0.02 * (1 + x) ** 2 * u.xx + 0.05 * x * u.x - 0.05 * u,
}
WELL: dict[str, Callable[..., Any]] = {
    "heat": lambda u: u.t - u.xx,
    "waves": lambda u: u.tt - u.xx,
    "a beam": lambda u: u.tt + u.xxxx,
    "transport": lambda u: u.t + 3 * u.x,
    "growth": lambda u: u.t - 50 * u,
    "long waves that grow": lambda u: u.t + u * u.x + u.xx + 0.01 * u.xxxx,
    "a porous medium": lambda u: u.t - pl.diff(u * u.x, "x"),
    "dispersion": lambda u: u.t + 6 * u * u.x + u.xxx,
}


def notes(equation: Callable[..., Any], condition: type = pl.Initial) -> list[str]:
    problem = pl.Problem(BOX, "u", equation, [condition(u=0.0), pl.Periodic(on="x")])
    return [note for note in problem.check().notes if "ill-posed" in note]


@pytest.mark.parametrize("name", ILL)
def test_waves_that_grow_the_faster_the_shorter_they_are(name: str) -> None:
    (note,) = notes(ILL[name])
    assert note.startswith("ill-posed in t from an initial state") and note.endswith("give the final state, Final(...)")


@pytest.mark.parametrize("name", WELL)
def test_what_is_well_posed_is_not_suspected(name: str) -> None:
    assert not notes(WELL[name])


def test_from_the_end_it_is_the_other_way_round() -> None:
    assert not notes(ILL["heat backwards"], pl.Final)
    (note,) = notes(WELL["heat"], pl.Final)
    assert note.startswith("ill-posed in t from a final state") and note.endswith(
        "give the initial state, Initial(...)"
    )
    assert not notes(WELL["waves"], pl.Final)


def test_growth_of_modes() -> None:
    # u' = 3 u: the symbol is s - 3
    modes = find_modes(np.array([[[-3.0]], [[1.0]]], dtype=complex))
    assert modes is not None and modes.growth == pytest.approx(3.0)
