"""Arguments of a user's functions, bound by name."""

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.arguments import argument_names


def test_arguments_are_bound_by_name() -> None:
    known = ("u", "x", "t", "nu")
    assert argument_names(lambda nu, u: 0, known, "f") == ("nu", "u")
    assert argument_names(lambda u, alpha=2.0, nu=0.1: 0, known, "f") == ("u", "nu"), "defaults may be bound"
    with pytest.raises(ValueError, match=r"equation has an argument 'w'.*known: u, x, t, nu.*rename it"):
        argument_names(lambda u, w: 0, known, "equation")
    with pytest.raises(TypeError, match=r"f takes \*args; name its arguments"):
        argument_names(lambda *args: 0, known, "f")
    with pytest.raises(TypeError, match=r"f takes \*kwargs"):
        argument_names(lambda **kwargs: 0, known, "f")
    with pytest.raises(TypeError, match="f must be a function, got float: 3.0; .*such as lambda u, x: "):
        argument_names(3.0, known, "f")  # type: ignore[arg-type]


@pytest.mark.parametrize("function", [np.sin, math.sin, torch.sin])
def test_functions_whose_arguments_have_no_names_are_refused_with_what_to_write(function: object) -> None:
    told = r"Initial\(u=...\): arguments are bound by name, and those of sin .*such as lambda x: torch.sin\(x\)\.$"
    with pytest.raises(TypeError, match=told):
        argument_names(function, ("x", "t"), "Initial(u=...)")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=told):
        pl.Problem(pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - u.xx, [pl.Initial(u=function)])


def test_unnamed_arguments_are_taken_beside_all_names_only() -> None:
    def told(*unnamed: float, **named: float) -> float:
        return len(unnamed) + len(named)

    assert argument_names(told, ("u", "x", "t"), "f", keywords=("x", "t")) == ("x", "t")
    with pytest.raises(TypeError, match=r"f takes \*a; name its arguments"):
        argument_names(lambda *a: 0, ("u", "x", "t"), "f", keywords=("x", "t"))
