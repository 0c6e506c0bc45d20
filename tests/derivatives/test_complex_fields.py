"""Complex fields: made of two real ones, differentiated by the chain rule, taken apart where residuals are real."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.derivatives.complex_fields import real_parts
from pinnlab.derivatives.fields import complex_field, coordinate_field, unknown_field
from pinnlab.derivatives.jets import LazyJet
from pinnlab.domains.columns import Coordinates

NAMES = Coordinates(("x", "t"), "t")
N = 5
GENERATOR = torch.Generator().manual_seed(2)


def random_field(name: str) -> tuple[pl.Field, LazyJet]:
    jet = LazyJet(lambda key: torch.randn(N, dtype=torch.float64, generator=GENERATOR))
    return unknown_field(name, jet, NAMES), jet


A, A_JET = random_field("a")
B, B_JET = random_field("b")
PSI = complex_field("psi", A, B)
X = coordinate_field("x", torch.linspace(0.1, 0.9, N, dtype=torch.float64), NAMES)


def close(found: Tensor, expected: Tensor) -> bool:
    return found.dtype == expected.dtype and torch.allclose(found, expected, rtol=1e-12, atol=1e-12)


def z(*key: str) -> Tensor:
    """A derivative of psi, from its parts."""
    key = tuple(sorted(key, key=NAMES.index))
    return torch.complex(A_JET[key], B_JET[key])


def test_a_complex_field_has_the_derivatives_of_its_parts() -> None:
    assert close(PSI.value, z()) and close(PSI.t.value, z("t")) and close(PSI.d("t", "x").value, z("x", "t"))
    assert close(PSI.laplacian.value, z("x", "x"))


def test_it_asks_for_no_derivative_that_is_not_used() -> None:
    a, a_jet = random_field("a")
    b, b_jet = random_field("b")
    _ = (1j * complex_field("psi", a, b).xx).value
    assert list(a_jet) == list(b_jet) == [("x", "x")]


@pytest.mark.parametrize(
    ("expression", "derivative"),
    [
        (lambda p: p * p.conj(), lambda p, d: 2 * (p.conj() * d).real + 0j),
        (lambda p: abs(p) ** 2, lambda p, d: 2 * (p.conj() * d).real),
        (lambda p: p.real, lambda p, d: d.real), (lambda p: p.imag, lambda p, d: d.imag),
        (lambda p: torch.exp(1j * p), lambda p, d: 1j * d * torch.exp(1j * p)),
        (lambda p: (2.0 - 1j) * p / 2, lambda p, d: (2.0 - 1j) * d / 2),
        (lambda p: 1j / p, lambda p, d: -1j * d / p**2),
        (lambda p: p**3 - 1j, lambda p, d: 3 * p**2 * d),
        (lambda p: (p.conj() * p).real * p, lambda p, d: 2 * (p.conj() * d).real * p + abs(p) ** 2 * d),
        (lambda p: p.angle(), lambda p, d: (d / p).imag),
    ],
)  # fmt: skip
def test_the_chain_rule_goes_on_through_complex_numbers(expression: Callable, derivative: Callable) -> None:
    assert close(expression(PSI).value, expression(z()))
    assert close(pl.diff(expression(PSI), "x").value, derivative(z(), z("x")))


def test_second_derivatives_of_complex_expressions() -> None:
    expected = 2 * (z().conj() * z("x", "x")).real + 2 * abs(z("x")) ** 2
    assert close((PSI * PSI.conj()).real.xx.value, expected)
    assert close((torch.exp(2j * X) * PSI).x.value, torch.exp(2j * X.value) * (z("x") + 2j * z()))


def test_a_real_field_has_parts_too() -> None:
    assert close(A.real.x.value, A_JET["x",]) and close(A.imag.value, torch.zeros(N, dtype=torch.float64))
    assert close((1j * A).imag.x.value, A_JET["x",])


def test_numbers_beside_fields_are_as_precise_as_these() -> None:
    single = unknown_field("u", {(): torch.ones(2)}, NAMES)
    assert (1j * single).value.dtype == (single * 1j).value.dtype == (single + 1j).value.dtype == torch.complex64
    assert ((single > 0) * 1j).value.dtype == torch.complex64
    assert ((X > 0) * 1j).value.dtype == torch.complex128


def test_dividing_a_complex_expression_by_a_number_keeps_it_complex() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert close(((1j * A) / 2.0).value, 0.5j * A_JET[()])
        assert close((2.0 * (1j * A) + 1).value, 2j * A_JET[()] + 1)


def test_complex_residuals_are_two_real_ones() -> None:
    found = real_parts({"psi": 1j * PSI, "u": A, "none": None})
    assert list(found) == ["psi_real", "psi_imag", "u", "none"]
    assert close(found["psi_real"].value, -B_JET[()]) and close(found["psi_imag"].x.value, A_JET["x",])
    assert found["u"] is A and found["none"] is None


def test_the_search_for_jumps_sees_complex_fluxes() -> None:
    def equation(psi: pl.Field, k: pl.Field) -> pl.Field:
        return 1j * psi.t + pl.diff(k * psi.x, "x")

    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), {"psi": complex}, equation, [pl.Initial(psi=0.0), pl.Dirichlet(psi=0.0)],
        {"k": lambda x: torch.where(x > 0.3, 2.0, 1.0)},
    )  # fmt: skip
    assert any(jump.flux and jump.position == pytest.approx(0.3) for jump in problem.jumps)
