"""How the equations of ``pl.equations`` are used: bound by name or called, and what they tell of themselves."""

from __future__ import annotations

import inspect

import pytest
import torch

import pinnlab as pl
from pinnlab.derivatives.fields import unknown_field
from pinnlab.derivatives.jets import LazyJet
from pinnlab.domains.columns import Coordinates

SOLID = pl.Box(x=(0.2, 1.0), y=(0.3, 1.1), z=(0.4, 1.2))
MOVING = pl.Box(x=(0.2, 1.0), t=(0.1, 0.6))


def test_every_equation_tells_its_source() -> None:
    helpers = {"lame", "plane_stress_lame", "stress"}
    for name in set(pl.equations.__all__) - helpers:
        assert "Source: " in (inspect.getdoc(getattr(pl.equations, name)) or ""), name


def test_equations_are_bound_by_name_or_called() -> None:
    ends = [pl.Initial(u=0.0), pl.Dirichlet(u=0.0)]
    bound = pl.Problem(MOVING, "u", pl.equations.heat, ends, {"alpha": 0.5})
    assert bound.residual_names == ("heat",) and bound.derivatives["u"] == {("t",), ("x", "x")}
    ends = [pl.Initial(T=0.0), pl.Dirichlet(T=0.0)]
    called = pl.Problem(MOVING, "T", lambda T, a: pl.equations.heat(T, a, f=T**2), ends, {"a": 0.5})
    assert called.derivatives["T"] == {(), ("t",), ("x", "x")}
    with pytest.raises(ValueError, match="an argument 'u', which is no unknown"):
        pl.Problem(MOVING, "T", pl.equations.heat, [], {"alpha": 0.5})


def test_as_many_components_as_space_has_coordinates() -> None:
    with pytest.raises(ValueError, match=r"div\(\) got 2 component\(s\), and space has 3"):
        pl.Problem(SOLID, ("u", "v", "p"), pl.equations.navier_stokes, [], {"rho": 1.0, "mu": 1.0})


def test_time_may_have_another_name() -> None:
    names = Coordinates(("x", "tau"), "tau")
    u = unknown_field("u", LazyJet(lambda key: torch.full((2,), float(len(key)), dtype=torch.float64)), names)
    assert pl.equations.heat(u, 0.25).value.tolist() == [0.5, 0.5]
