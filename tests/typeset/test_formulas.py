"""Trees as MathML, read back as text."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import pytest
import torch

from pinnlab.typeset import Derivative, Node, Operation, Symbol, formula, written
from pinnlab.typeset.formulas import LONGEST, multiple_of_pi, one_over_pi

X, U = Symbol("x"), Symbol("u")


def text(element: ElementTree.Element) -> str:
    """A formula on one line: indices after _, powers after ^, fractions as [above]/[below]."""
    tag, inner = element.tag.rpartition("}")[2], [text(child) for child in element]
    if not inner:
        return (element.text or "").replace("\u2062", " ").replace("\u2061", "")
    forms = {"msub": "{}_{}", "msup": "{}^{{{}}}", "mfrac": "[{}]/[{}]"}
    if tag in forms:
        return forms[tag].format(*inner)
    return f"root({''.join(inner)})" if tag == "msqrt" else "".join(inner)


def read(left: Node, right: Node | None = None) -> str:
    return text(ElementTree.fromstring(formula(left, right).replace("&nbsp;", "\u00a0")))


def of(function: object) -> str:
    """What a function of x and u becomes."""
    x, u = (written(torch.tensor([1.1, 2.3], dtype=torch.float64), s) for s in (X, U))
    return read(function(x, u).node)  # type: ignore[operator]


def test_sums_products_and_brackets() -> None:
    assert of(lambda x, u: x - (u - x)) == "x−(u−x)"
    assert of(lambda x, u: x + (u + x)) == "x+u+x"
    assert of(lambda x, u: x * (u + 1)) == "x (u+1)"
    assert of(lambda x, u: x * (u * x)) == "x u x"
    assert of(lambda x, u: x * -u) == "x (−u)"
    assert of(lambda x, u: -x * u) == "−x u"
    assert of(lambda x, u: x + -2 * u) == "x−2 u"
    assert of(lambda x, u: x - -2 * u) == "x+2 u"
    assert of(lambda x, u: -(x + u)) == "−(x+u)"
    assert of(lambda x, u: (x + u) / (2 * x)) == "[x+u]/[2 x]"
    assert of(lambda x, u: -x / u) == "−[x]/[u]"


def test_powers_roots_and_functions() -> None:
    assert of(lambda x, u: (x + u) ** 2) == "(x+u)^{2}"
    assert of(lambda x, u: -(x**2)) == "−x^{2}"
    assert of(lambda x, u: (-x) ** 2) == "(−x)^{2}"
    assert of(lambda x, u: torch.sqrt(x * u)) == "root(x u)"
    assert of(lambda x, u: x**0.5) == "root(x)"
    assert of(lambda x, u: 1 / x) == "[1]/[x]" and of(lambda x, u: torch.reciprocal(x)) == "[1]/[x]"
    assert of(lambda x, u: torch.exp(-x)) == "e^{−x}"
    assert of(lambda x, u: torch.sin(math.pi * x) ** 2) == "sin(π x)^{2}"
    assert of(lambda x, u: torch.abs(u)) == "|u|"
    assert of(lambda x, u: torch.atan2(u, x)) == "atan2(u,x)"
    assert of(lambda x, u: torch.where(x > 1.5, u, 0.0)) == "{uwhere\u00a0x>1.50elsewhere"


def test_a_derivative_is_an_index_and_its_square_has_brackets() -> None:
    assert read(Symbol("u", ("x", "x"))) == "u_xx"
    assert read(Operation("pow", (Symbol("u", ("x",)), 2.0))) == "(u_x)^{2}"
    assert read(Derivative(Operation("mul", (Symbol("k"), Symbol("u", ("x",)))), "x")) == "[∂]/[∂x](k u_x)"


def test_names() -> None:
    assert [read(Symbol(n)) for n in ("nu", "u0", "T_in", "lambda_", "eps", "sxx")] == [
        "ν",
        "u_0",
        "T_in",
        "λ",
        "ε",
        "sxx",
    ]


def test_numbers() -> None:
    shown = {3.0: "3", 0.5: "0.5", 1e-4: "0.0001", 2.5e-9: "2.5·10^{−9}", 1e12: "10^{12}", -2.0: "−2"}
    assert {n: read(n) for n in shown} == shown
    assert [read(k * math.pi) for k in (1, 2, 0.5, -1, 4)] == ["π", "2π", "[π]/[2]", "−π", "4π"]
    assert [read(k / math.pi) for k in (0.5, -1, 0.01)] == ["[1]/[2π]", "−[1]/[π]", "[1]/[100π]"]
    assert multiple_of_pi(3.14159) is None, "not to rounding"
    assert multiple_of_pi(1.5 * math.pi) == (3, 2) and one_over_pi(1 / (2 * math.pi)) == (1, 2)
    assert one_over_pi(0.0) is None and read(math.inf) == "∞"


def test_an_equation_has_two_sides() -> None:
    assert read(U, Operation("sin", (X,))) == "u=sin(x)"


def test_names_cannot_carry_markup() -> None:
    assert "<script>" not in formula(Symbol("<script>"))


def test_a_formula_that_nobody_reads_is_refused() -> None:
    long: Node = X
    for _ in range(LONGEST):
        long = Operation("add", (long, X))
    with pytest.raises(ValueError, match=r"of \d+ symbols is too long to be read"):
        formula(long)
