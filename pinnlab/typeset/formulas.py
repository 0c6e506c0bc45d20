"""Trees of expressions as MathML, which browsers typeset without any script.

Source: MathML Core, https://www.w3.org/TR/mathml-core/.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape

from pinnlab.typeset.written import Derivative, Node, Operation, Symbol, count

LONGEST = 160
"""Symbols, numbers and functions of the longest formula that is written out."""

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lam": "λ", "lambda": "λ", "lambda_": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Omega": "Ω",
    "Gamma": "Γ", "Delta": "Δ", "Phi": "Φ", "Psi": "Ψ", "pi": "π",
}  # fmt: skip
_SUM, _SIGN, _PRODUCT, _POWER, _ATOM = range(5)
"""How tightly the outermost operation of a formula binds."""
_RELATIONS = {"lt": "<", "le": "≤", "gt": ">", "ge": "≥", "eq": "=", "ne": "≠", "and": "∧", "or": "∨"}
_LARGEST_MULTIPLE = 1000
"""Of pi, up to which numbers are shown as such."""


def formula(left: Node, right: Node | None = None) -> str:
    """An equation ``left = right`` as a MathML element; without ``right`` the expression alone.

    Raises:
        ValueError: it is too long to be read.
    """
    size = count(left) + (0 if right is None else count(right))
    if size > LONGEST:
        raise ValueError(f"a formula of {size} symbols is too long to be read; {LONGEST} are written out.")
    body = _write(left)[0]
    if right is not None:
        body += f"<mo>=</mo>{_write(right)[0]}"
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML">{_row(body)}</math>'


def _row(body: str) -> str:
    return f"<mrow>{body}</mrow>"


def _write(node: Node) -> tuple[str, int]:
    """A node as MathML, and how tightly its outermost operation binds."""
    if isinstance(node, float):
        return _number(node)
    if isinstance(node, Symbol):
        return _symbol(node), _ATOM
    if isinstance(node, Derivative):
        by = f"<mfrac><mo>∂</mo><mrow><mo>∂</mo>{_name(node.by)}</mrow></mfrac>"
        return by + _closed(node.of, _POWER), _PRODUCT
    write = _WRITERS.get(node.name)
    if write is not None:
        return write(*node.arguments)
    if node.name in _RELATIONS and len(node.arguments) == 2:
        left, right = (_closed(a, _PRODUCT) for a in node.arguments)
        return f"{left}<mo>{escape(_RELATIONS[node.name])}</mo>{right}", _SUM
    inside = "<mo>,</mo>".join(_write(a)[0] for a in node.arguments)
    name = node.name.removeprefix("special_")
    return _row(f"<mi>{escape(name)}</mi><mo>&#x2061;</mo><mo>(</mo>{inside}<mo>)</mo>"), _ATOM


def _closed(node: Node, tightness: int) -> str:
    """A part of a formula, in brackets where its operation binds less tightly than what stands around it."""
    body, own = _write(node)
    return body if own >= tightness else _row(f"<mo>(</mo>{body}<mo>)</mo>")


def _name(name: str) -> str:
    """A name: Greek letters by their names, digits and what follows an underscore as an index."""
    stem, _, index = name.rstrip("_").partition("_") if name not in _GREEK else (name, "", "")
    digits = stem[len(stem.rstrip("0123456789")) :]
    if digits and not index and digits != stem:
        stem, index = stem[: -len(digits)], digits
    stem = _GREEK.get(stem, stem)
    body = f"<mi>{escape(stem)}</mi>"
    return f"<msub>{body}<mi>{escape(_GREEK.get(index, index))}</mi></msub>" if index else body


def _symbol(symbol: Symbol) -> str:
    body = _name(symbol.name)
    if not symbol.key:
        return body
    return f"<msub>{body}{_row(''.join(map(_name, symbol.key)))}</msub>"


def multiple_of_pi(number: float) -> tuple[int, int] | None:
    """(p, q) where a number is p pi / q with small whole numbers, to rounding; else None."""
    for q in (1, 2, 3, 4, 6, 100, 1000):
        p = number * q / math.pi
        if 1 <= abs(round(p)) <= _LARGEST_MULTIPLE and abs(p - round(p)) < 1e-13 * abs(p):
            return round(p), q
    return None


def one_over_pi(number: float) -> tuple[int, int] | None:
    """(p, q) where a number is p / (q pi) with small whole numbers, to rounding; else None."""
    found = multiple_of_pi(1 / number) if number else None
    return None if found is None else (found[1] * (1 if found[0] > 0 else -1), abs(found[0]))


def _number(number: float) -> tuple[str, int]:
    if number < 0:
        body, tightness = _number(-number)
        return f"<mo>−</mo>{body}", min(_SIGN, tightness)
    if not math.isfinite(number):
        return ("<mn>∞</mn>" if math.isinf(number) else "<mi>NaN</mi>"), _ATOM
    if (found := multiple_of_pi(number)) is not None:
        p, q = found
        body = ("" if p == 1 else f"<mn>{p}</mn>") + "<mi>π</mi>"
        return (body, _PRODUCT if p > 1 else _ATOM) if q == 1 else (_fraction(_row(body), f"<mn>{q}</mn>"), _ATOM)
    if (found := one_over_pi(number)) is not None:
        p, q = found
        body = ("" if q == 1 else f"<mn>{q}</mn>") + "<mi>π</mi>"
        return _fraction(f"<mn>{p}</mn>", _row(body)), _ATOM
    text = f"{number:.6g}"
    if "e" not in text:
        return f"<mn>{text}</mn>", _ATOM
    digits, exponent = text.split("e")
    power = f"<msup><mn>10</mn><mn>{int(exponent)}</mn></msup>".replace("<mn>-", "<mn>−")
    return (power, _ATOM) if digits == "1" else (f"<mn>{digits}</mn><mo>·</mo>{power}", _PRODUCT)


def _fraction(above: str, below: str) -> str:
    return f"<mfrac>{above}{below}</mfrac>"


def _add(left: Node, right: Node) -> tuple[str, int]:
    taken = _taken(right)
    if taken is not None:
        return _sub(left, taken)
    return f"{_closed(left, _SUM)}<mo>+</mo>{_closed(right, _SUM)}", _SUM


def _sub(left: Node, right: Node) -> tuple[str, int]:
    taken = _taken(right)
    if taken is not None:
        return _add(left, taken)
    return f"{_closed(left, _SUM)}<mo>−</mo>{_closed(right, _PRODUCT)}", _SUM


def _taken(node: Node) -> Node | None:
    """What a sum subtracts instead of adding its negative; None where a node is not negative."""
    if isinstance(node, float):
        return -node if node < 0 else None
    if not isinstance(node, Operation):
        return None
    if node.name == "neg":
        return node.arguments[0]
    if node.name in ("mul", "div"):
        taken = _taken(node.arguments[0])
        return None if taken is None else Operation(node.name, (taken, *node.arguments[1:]))
    return None


def _mul(left: Node, right: Node) -> tuple[str, int]:
    if left == -1.0:
        return _neg(right)
    numbers = isinstance(left, float) and _write(right)[0].startswith("<mn>")
    sign = "·" if numbers else "&#x2062;"
    return f"{_closed(left, _SIGN)}<mo>{sign}</mo>{_closed(right, _PRODUCT)}", _PRODUCT


def _div(above: Node, below: Node) -> tuple[str, int]:
    taken = _taken(above)
    if taken is not None:
        return f"<mo>−</mo>{_div(taken, below)[0]}", _SIGN
    if below == 1.0:
        return _write(above)
    return _fraction(_row(_write(above)[0]), _row(_write(below)[0])), _ATOM


def _neg(node: Node) -> tuple[str, int]:
    taken = _taken(node)
    return _write(taken) if taken is not None else (f"<mo>−</mo>{_closed(node, _PRODUCT)}", _SIGN)


def _pow(base: Node, exponent: Node) -> tuple[str, int]:
    if exponent == 0.5:
        return _root(base)
    if exponent == 1.0:
        return _write(base)
    if exponent == -1.0:
        return _div(1.0, base)
    if isinstance(base, Symbol) and base.key:
        inside = _row(f"<mo>(</mo>{_symbol(base)}<mo>)</mo>")
    else:
        inside = _row(_closed(base, _ATOM))
    return f"<msup>{inside}{_row(_write(exponent)[0])}</msup>", _POWER


def _power(exponent: float) -> Callable[[Node], tuple[str, int]]:
    return lambda base: _pow(base, exponent)


def _root(node: Node) -> tuple[str, int]:
    return f"<msqrt>{_write(node)[0]}</msqrt>", _ATOM


def _exp(node: Node) -> tuple[str, int]:
    return f"<msup><mi>e</mi>{_row(_write(node)[0])}</msup>", _POWER


def _abs(node: Node) -> tuple[str, int]:
    return _row(f'<mo stretchy="true">|</mo>{_write(node)[0]}<mo stretchy="true">|</mo>'), _ATOM


def _where(condition: Node, true: Node, false: Node) -> tuple[str, int]:
    rows = [(true, f"<mtext>where&nbsp;</mtext>{_write(condition)[0]}"), (false, "<mtext>elsewhere</mtext>")]
    cells = "".join(f"<mtr><mtd>{_row(_write(v)[0])}</mtd><mtd>{_row(why)}</mtd></mtr>" for v, why in rows)
    return _row(f'<mo stretchy="true">{{</mo><mtable>{cells}</mtable>'), _ATOM


_WRITERS: dict[str, Callable[..., tuple[str, int]]] = {
    "add": _add, "sub": _sub, "mul": _mul, "div": _div, "neg": _neg, "pow": _pow, "sqrt": _root, "exp": _exp,
    "abs": _abs, "where": _where, "square": _power(2.0), "reciprocal": _power(-1.0),
}  # fmt: skip
