"""What is refused, or said, of states at the end."""

import math
import re
from typing import Any

import pytest
import torch
from priced_options import option

import pinnlab as pl


def test_missing_final_values_are_said() -> None:
    half = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.tt - u.xx, [pl.Final(u=0.0), pl.Dirichlet(u=0.0)]
    )
    assert half.check().missing == ("no final value of u_t: add Final(u_t=...)",)
    with pytest.raises(ValueError, match=re.escape("no final value of u_t: add Final(u_t=...)")):
        pl.solve(half, progress=False)
    with pytest.raises(ValueError, match=re.escape("no final value of 'u_t'; add Final(u_t=...)")):
        pl.reference_solution(half)


def test_messages_name_final() -> None:
    box = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
    with pytest.raises(TypeError, match=re.escape("Final() got no values; name an unknown, such as Final(u=")):
        pl.Final()
    with pytest.raises(
        ValueError, match=re.escape("Final(u=...) takes 't' as an argument; the final state has no time.")
    ):
        pl.Problem(box, "u", lambda u: u.t + u.xx, [pl.Final(u=lambda t: t)])
    with pytest.raises(ValueError, match=re.escape("Final(v=...): 'v' is not an unknown")):
        pl.Problem(box, "u", lambda u: u.t + u.xx, [pl.Final(v=0.0)])
    with pytest.raises(ValueError, match=re.escape("the problem is steady")):
        pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u.xx, [pl.Final(u=0.0)])
    with pytest.raises(ValueError, match=r"Final\(u=<lambda>, exact=True\) cannot be exact"):
        pl.Problem(box, "u", lambda u: u.t + u.xx, [pl.Final(u=lambda x: torch.relu(x - 0.5), exact=True)])


def test_how_conditions_are_held_is_told_by_their_own_names() -> None:
    found = option(lambda S: torch.relu(S - 100)).check()
    assert found.complete and [how for _, how in found.conditions] == ["soft", "exact", "exact"]
    assert "Final(V=<lambda>) is soft: its slope jumps at S = 100" in found.notes


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"u": 0.0, "t": 1.0}, "Final is about the last time already: leave t out"),
        ({"u": 0.0, "on": "t+"}, "Final is about the last time already: leave on out"),
        ({"u": 0.0, "x": 1.0}, "'x' is a coordinate: for a value at a side, Dirichlet(u=..., on='x-')"),
        ({"u": 0.0, "du_dt": 1.0}, "their derivatives by time are written Final(u_t=...)"),
    ],
)
def test_names_that_are_no_unknowns(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        pl.Problem(pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.tt + u.xx, [pl.Final(**given)])


def test_functions_of_math_are_explained() -> None:
    box = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
    for kind in (pl.Initial, pl.Final):
        with pytest.raises(ValueError, match=r"use torch functions, such as torch.sin\(x\) instead of math.sin\(x\)"):
            pl.Problem(box, "u", lambda u: u.t + u.xx, [kind(u=lambda x: math.sin(x))])
    with pytest.raises(
        ValueError, match=re.escape("on='t+' is a boundary in time; use Initial(...) for the state at the start")
    ):
        pl.Problem(box, "u", lambda u: u.t + u.xx, [pl.Dirichlet(u=0.0, on="t+")])


def test_an_integral_at_each_time_is_refused_between_two_states() -> None:
    conditions = [pl.Initial(u=1.0), pl.Final(u=1.0), pl.Dirichlet(u=1.0), pl.Integral(lambda u: u, equals=1.0)]
    with pytest.raises(ValueError, match="an integral at each time cannot be asked for; leave Initial or Final out"):
        pl.Problem(pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.tt - u.xx, conditions)
