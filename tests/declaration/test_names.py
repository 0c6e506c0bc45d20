"""Names that equations and conditions cannot use."""

from __future__ import annotations

import pytest

import pinnlab as pl
from pinnlab.declaration.names import ambiguous


@pytest.mark.parametrize("name", ["value", "name", "d", "coordinates", "sin", "exp"])
def test_coordinates_are_no_attributes_of_a_field(name: str) -> None:
    with pytest.raises(ValueError, match=rf"the coordinate '{name}' cannot be called so: u\.{name} would be"):
        pl.Problem(pl.Box(**{name: (0.0, 1.0)}), "u", lambda u: u)
    unknown = pl.Problem(pl.Box(x=(0.0, 1.0)), name, [eval(f"lambda {name}: {name}.x")])
    assert unknown.unknowns == (name,), "only coordinates are read as attributes"


def test_derivatives_have_one_reading() -> None:
    assert ambiguous(("x", "y", "t")) is None and ambiguous(("r", "rho", "theta")) is None
    assert ambiguous(("x", "xx")) == ("xx", ("xx",), ("x", "x"))
    word, first, second = ambiguous(("x", "xy", "yz", "z")) or ("", (), ())
    assert (word, {first, second}) == ("xyz", {("x", "yz"), ("xy", "z")})
    with pytest.raises(ValueError, match=r"the derivative u\.xy may be read as u\.d\('xy'\) or as u\.d\('x', 'y'\)"):
        pl.Problem(pl.Box(x=(0, 1), y=(0, 1), xy=(0, 1)), "u", lambda u: u.x)


@pytest.mark.parametrize(
    ("unknown", "parameters", "reason"),
    [
        ("lambda", {}, "it is a keyword of Python"),
        ("_u", {}, "leading underscore"),
        ("exact", {}, "an argument of this name"),
        ("u", {"a b": 1.0}, "no name of Python's"),
        ("u", {"class": 1.0}, "it is a keyword"),
        ("u", {3: 1.0}, "no name of Python's"),
    ],
)
def test_names_that_no_argument_can_have(unknown: str, parameters: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        pl.Problem(pl.Box(x=(0.0, 1.0)), unknown, lambda u: u.x, parameters=parameters)
