"""Functions that are to be found: how they are declared, and what they are once they are found."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.parameters.bounded import Free
from pinnlab.declaration.parameters.found_functions import (
    Expansion,
    FoundClosure,
    FoundFunction,
    found_data,
    found_from,
)

XS = np.linspace(0.0, 1.0, 20)


def problem(of: object, **options: object) -> pl.Problem:
    return pl.Problem(
        pl.Box(x=(0.0, 1.0)),
        "u",
        lambda u, q: -pl.diff(q * u.x, "x") - 1,
        [pl.Dirichlet(u=0.0), pl.Data({"x": XS}, u=XS * (1 - XS) / 2)],
        parameters={"q": pl.Unknown(1.0, of=of, **options)},  # type: ignore[arg-type]
    )


def expansion(held: bool = False) -> Expansion:
    # 2 + s on 0 < x < 4, s = x / 2 - 1, with deviation 0.1 of the constant and 0.2 of the slope
    factor = torch.diag(torch.tensor([0.1, 0.2], dtype=torch.float64))
    weights = torch.tensor([2.0, 1.0], dtype=torch.float64)
    return Expansion((1,), ((0.0, 4.0),), weights, Free(), factor, held)


def test_one_name_is_a_tuple_of_names() -> None:
    assert pl.Unknown(1.0, of="x").of == ("x",)
    assert problem("x").unknown_functions == ("q",)
    assert problem("x").unknown_parameters == ()


@pytest.mark.parametrize(("of", "message"), [(3, "give names"), ((), "give names"), (("x", "x"), "twice")])
def test_names_of_arguments(of: object, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        pl.Unknown(1.0, of=of)


def test_an_argument_that_is_neither_coordinate_nor_unknown() -> None:
    with pytest.raises(ValueError, match=r"parameters\['q'\].*'z' is neither a coordinate nor an unknown.*x, u"):
        problem(("x", "z"))


def test_without_data_something_is_missing() -> None:
    with_data = problem("x")
    without = with_data.replace(conditions=[c for c in with_data.conditions if not isinstance(c, pl.Data)])
    assert "q is to be found, but there are no data" in str(without.check())


def test_solvers_that_find_numbers_only_refuse() -> None:
    for solver in (pl.PINN(), pl.MultiDomainPINN(subdomains={"x": (0.5,)})):
        with pytest.raises(ValueError, match=r"finds numbers, and no functions such as q.*HardConstraintMoE\(\)"):
            pl.solve(problem("x"), solver, progress=False)
    with pytest.raises(ValueError, match=r"at\(q=\.\.\.\)"):
        pl.reference_solution(problem("x"))


def test_values_and_bands_of_a_found_function() -> None:
    found = FoundFunction(("x",), (0,), expansion())
    assert found(x=np.array([0.0, 4.0])) == pytest.approx([1.0, 3.0])
    low, high = found.band(0.95, np.array([2.0, 4.0]))
    spread = 1.959964 * np.array([0.1, math.hypot(0.1, 0.2)])
    assert low == pytest.approx(np.array([2.0, 3.0]) - spread, rel=1e-6)
    assert high == pytest.approx(np.array([2.0, 3.0]) + spread, rel=1e-6)
    with pytest.raises(ValueError, match="between 0 and 1"):
        found.band(95, 2.0)


def test_a_closure_keeps_its_last_values_beyond_what_was_seen() -> None:
    found = FoundClosure(("u",), expansion(held=True))
    assert found(u=np.array([-3.0, 9.0])) == pytest.approx([1.0, 3.0])


def test_a_band_stays_between_bounds() -> None:
    wide = Expansion((0,), ((0.0, 1.0),), torch.zeros(1).double(), Free(0.0, 1.0), torch.full((1, 1), 5.0).double())
    low, high = FoundFunction(("x",), (0,), wide).band(0.95, 0.5)
    assert 0 < low < 0.001
    assert 0.999 < high < 1


@pytest.mark.parametrize("found", [FoundFunction(("x",), (0,), expansion()), FoundClosure(("u",), expansion(True))])
def test_a_file_holds_it(found: FoundFunction | FoundClosure) -> None:
    again, at = found_from(found_data(found)), np.linspace(0.0, 5.0, 7)
    assert again(at) == pytest.approx(found(at))
    assert again.band(0.9, at)[0] == pytest.approx(found.band(0.9, at)[0])


def test_a_found_closure_has_derivatives_by_the_chain_rule() -> None:
    closed = pl.Problem(
        pl.Box(x=(0.0, 1.0)),
        "u",
        lambda u, k: pl.diff(k * u.x, "x") - 1,
        [pl.Dirichlet(u=0.0)],
        parameters={"k": FoundClosure(("u",), expansion(True))},
    )
    assert set(closed.derivatives["u"]) == {(), ("x",), ("x", "x")}
