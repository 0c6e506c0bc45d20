"""Natural scales: what is natural, what is found, and that it does not depend on the units."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from warm_rod import rod

import pinnlab as pl
from pinnlab.declaration.library import problem_names
from pinnlab.declaration.natural_units.term_sizes import TermSizes
from scaled import PAIRS
from scaled.changed import random_units, scales_there

QUICK = sorted(set(PAIRS) - {"bar", "epidemic", "nerve"})


# an option's prices are in units of money, 300 of them; animals and rates are counted as their files have them
OWN_UNITS = ("lorenz", "black_scholes", "lotka_volterra", "robertson_inverse")


@pytest.mark.parametrize("name", [name for name in problem_names() if name not in OWN_UNITS])
def test_shipped_problems_are_natural(name: str) -> None:
    problem = pl.load_problem(name)
    assert problem.scales().natural and problem.natural is problem


def test_small_numbers_from_short_waves_are_no_other_units() -> None:
    waves = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "u", lambda u, x: u.xx + torch.sin(20 * math.pi * x), [pl.Dirichlet(u=0.0)]
    )
    assert waves.scales().natural


@pytest.mark.parametrize(("size", "natural"), [(1.0, True), (4.0, True), (20.0, False), (0.05, False)])
def test_values_that_networks_must_give_are_about_one(size: float, natural: bool) -> None:
    warm = pl.Problem(
        pl.Box(x=(0.0, 1.0)), "T", lambda T: T.xx, [pl.Dirichlet(T=0.0, on="x-"), pl.Dirichlet(T=size, on="x+")]
    )
    assert warm.scales().natural is natural
    # the user's wish, in ones for all names
    as_it_is = warm.replace(scales=dict.fromkeys(("x", "T", *warm.residual_names), 1.0))
    assert as_it_is.scales().natural and as_it_is.natural is as_it_is


@pytest.mark.parametrize(("factor", "natural"), [(1.0, True), (5.0, True), (100.0, False)])
def test_equations_are_about_as_large_as_each_other(factor: float, natural: bool) -> None:
    def beam(w: pl.Field, m: pl.Field) -> dict[str, pl.Field]:
        return {"w": w.xx - m, "m": factor * (m.xx - 1)}

    held = pl.Problem(pl.Box(x=(0.0, 1.0)), ("w", "m"), beam, [pl.Dirichlet(w=0.0, m=0.0)])
    assert held.scales().natural is natural


@pytest.mark.parametrize("name", QUICK)
def test_scales_are_those_that_one_chooses_by_hand(name: str) -> None:
    pair = PAIRS[name]()
    found = pair.si.scales()
    assert not found.natural
    for coordinate, unit in pair.units.items():
        assert 0.3 < found.coordinates[coordinate][1] / (unit * pair.hand.domain.size) < 3
    # next to what is found for the problem by hand
    own = pair.hand.scales().unknowns
    for unknown, (offset, scale) in pair.scales.items():
        ratio = found.unknowns[unknown][1] / (scale * own[unknown][1])
        assert 0.2 < ratio < 5, (unknown, ratio)
        assert abs(found.unknowns[unknown][0] - offset) <= 10 * scale


def test_scales_can_be_given_and_are_shown() -> None:
    found = rod(scales={"T": (290.0, 5.0), "x": 0.1}).scales()
    assert found.unknowns["T"] == (290.0, 5.0) and found.coordinates["x"] == (0.0, 0.1)
    assert repr(found).startswith("Scales(x = 0.1 ..., t = 16 ..., T = 290 + 5 ..., equation heat / ")
    # another end of the interval has them as well
    assert rod(scales={"T": 5.0}).replace(name="other").scales().unknowns["T"][1] == 5.0
    assert rod().replace(scales={"T": 7.0}).scales().unknowns["T"][1] == 7.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"u": 1.0}, "neither a coordinate nor an unknown.*x, t, T, heat"),
        ({"T": 0.0}, "'T': 0.0.*positive number"),
        ({"T": "300"}, "positive number"),
        (300.0, "give a dictionary"),
    ],
)
def test_wrong_scales_are_refused(given: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        rod(scales=given)


@pytest.mark.parametrize("name", [*sorted(set(PAIRS) - {"bar", "epidemic"}), "heat_family", "poisson_l_shape", "kdv"])
def test_scales_do_not_depend_on_units(name: str) -> None:
    problem = PAIRS[name]().hand if name in PAIRS else pl.load_problem(name)
    first, second = (scales_there(problem, random_units(problem, seed)) for seed in (1, 2))
    for what, scale in first.items():
        # powers of two in both systems
        assert 0.49 < scale / second[what] < 2.05, (what, scale, second[what])


def test_members_of_a_family_around_zero_tell_how_large_it_is() -> None:
    strong = {"a": pl.Uniform(-2e6, 2e6)}
    problem = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u, a: u.xx - a, [pl.Dirichlet(u=0.0)], strong, name="strong")
    assert 1e6 < problem.scales().unknowns["u"][1] < 4e6
    assert pl.Uniform(-1.0, 3.0).large == 3.0 and pl.Uniform(-3.0, 1.0).large == -3.0
    assert pl.Uniform(2.0, 4.0).large == 3.0


def test_responses_worked_out_by_hand() -> None:
    def response(equations: Any, length: float, unknowns: Any = "u") -> float:
        problem = pl.Problem(pl.Box(x=(0.0, length)), unknowns, equations, [pl.Dirichlet(u=0.0)])
        sizes = TermSizes(problem.context(), problem.equation_term(), [], problem.parameters)
        return sizes.response(dict.fromkeys(problem.unknowns, 0.0), dict.fromkeys(problem.unknowns, 1.0))

    assert response(lambda u: 5 * u.xx, 2.0) == pytest.approx(5 * (math.pi / 2) ** 2)
    assert response(lambda u: u.xx - 100 * u, 1.0) == pytest.approx(100.0)
    # stiffer where the unknown is large, which it is in a thin layer only; at rest a power has no response of its own
    assert response(lambda u: u.xx - 25 * torch.sinh(3 * u), 1.0) == pytest.approx(75.0)
    assert response(lambda u: u.xx - 1e3 * u**3, 1.0) == pytest.approx(math.pi**2)
    # the larger of both equations, and the geometric mean of what varies: that of exp(x) on (0, 1) is exp(1/2)
    assert response(lambda u, v: {"u": u.x - v, "v": v.x - 20 * u}, 1.0, ("u", "v")) == pytest.approx(20.0)
    assert response(lambda u, x: torch.exp(x) * u.xx, 1.0) == pytest.approx(math.exp(0.5) * math.pi**2, rel=0.05)
