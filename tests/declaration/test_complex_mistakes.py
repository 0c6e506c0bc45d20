"""Mistakes with complex unknowns, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from complex_waves import TIMES, free, periodic, rotation

import pinnlab as pl


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: periodic(unknowns={"psi": int}), TypeError, "an unknown is float or complex"),
        (lambda: periodic(unknowns={"psi": complex, "psi_real": float}), ValueError, "'psi_real' is a part of the complex"),
        (lambda: periodic(unknowns={}), ValueError, "give one name or a tuple of names"),
        (lambda: periodic(unknowns="psi"), TypeError, r"complex values; declare a complex unknown as unknowns=\{'psi'"),
        (
            lambda: periodic(unknowns="psi", equations=lambda psi: psi.t - psi.xx), TypeError,
            r"returned complex values; return one real .*unknowns=\{'psi': complex\}",
        ),
        (lambda: rotation(u=1j), TypeError, r"Initial\(u=...\) is the complex number 1j, and the unknown is real"),
        (
            lambda: pl.Problem(TIMES, "u", lambda u: u.t - u, [pl.Data({"t": [0.5]}, u=[1j])]), TypeError,
            r"Data\(u=...\) holds complex numbers, and 'u' is real; declare a complex unknown",
        ),
        (lambda: pl.Data({"t": [0.5j]}, u=[1.0]), TypeError, "the coordinates are complex numbers"),
        (
            lambda: periodic(conditions=[pl.Robin(psi=(1j, 1.0, 0.0), on="x-")]), TypeError,
            r"must be real; write pl.Condition\(lambda psi, n: a \* psi \+ b \* psi.d\(n\) - g",
        ),
        (lambda: periodic(equations=lambda psi: psi * psi.conj() - 1), ValueError, r"is zero: take its real part"),
        (lambda: periodic(equations=lambda psi: {"a": free(psi), "b": psi > 0}), Exception, "failed with"),
        (
            lambda: periodic(parameters={"c": 1 + 2j}), TypeError,
            r"parameters\['c'\] is the complex number \(1\+2j\), and parameters are real; write the number into",
        ),
        (lambda: periodic(equations=lambda psi: free(psi) - psi.conj), TypeError, r"parentheses, such as .* psi.conj\(\)"),
        (lambda: periodic(equations=lambda psi: psi.conjugate() - 1), ValueError, r"psi.conjugate: .* write psi.conj\(\)"),
        (lambda: periodic(reference=lambda x, t: {"psi": 1.0}, unknowns="psi"), TypeError, "complex"),
    ],
)  # fmt: skip
def test_mistakes_are_explained(build: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build()


def test_a_complex_expression_in_a_real_equation_is_refused_however_it_is_written() -> None:
    for equation in (lambda u: (1j * u) / 2.0, lambda u: u.t + 1j, lambda u: 2.0 * (u * 1j)):
        with pytest.raises(TypeError, match="complex values; declare a complex unknown as unknowns="):
            pl.Problem(TIMES, "u", equation, [pl.Initial(u=1.0)])


def test_a_reference_of_a_real_unknown_is_real() -> None:
    problem = pl.Problem(TIMES, "u", lambda u: u.t - u, [pl.Initial(u=1.0)])
    solution = pl.solve(problem, max_seconds=5, progress=False)
    with pytest.raises(TypeError, match="reference returned complex values of 'u', which is real"):
        solution.error(lambda t: 1j * t)


def test_a_complex_formula_about_real_unknowns_is_refused() -> None:
    with pytest.raises(TypeError, match=r"complex128 numbers; .* declare a complex unknown as unknowns="):
        pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u.xx, [pl.Condition(lambda u, n: u.d(n) - 1j * u, on="x")])
