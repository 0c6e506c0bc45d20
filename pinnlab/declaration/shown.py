"""A problem as a card of HTML: its equations and conditions as formulas, its coefficients and its domain.

Letters: n points.

The user's functions are called once on numbers that write down what is done with them; what cannot be written as a
formula of readable length, or is no expression of the arguments, is shown by its name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from html import escape

import torch
from torch import Tensor

from pinnlab.declaration.conditions import AnyCondition, AtAnInstant, Context, Data, Integral, Periodic
from pinnlab.declaration.dry_run import POINTS, dry_points
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.fields import Field, Key, NamedJet, unknown_field
from pinnlab.domains import Site
from pinnlab.typeset import (
    UNREADABLE,
    Derivative,
    Node,
    Operation,
    Symbol,
    Written,
    card,
    formula,
    paragraph,
    table,
    written,
)

Shown = tuple[str, str, str]
"""What a condition is called, where it holds, and its formula as HTML."""


class _WrittenJet(dict[Key, Tensor]):
    """The derivatives of an unknown at n points, made up when they are asked for; each knows its name."""

    def __init__(self, name: str, like: Tensor):
        super().__init__()
        self._name, self._like = name, like

    def __missing__(self, key: Key) -> Tensor:
        # numbers of which no two are equal, so that nothing looks like a constant
        value = torch.linspace(1.1, 1.9 + 0.1 * len(key), self._like.numel(), dtype=self._like.dtype)
        self[key] = written(value.reshape(self._like.shape), Symbol(self._name, key))
        return self[key]


def _slope(expression: Field, by: str) -> Field:
    """The derivative as it is written: of a name that of the name, of anything else that of the whole expression."""
    value = expression.value
    if not isinstance(value, Written) or isinstance(value.node, Symbol):
        return expression.derived(by)
    if isinstance(value.node, float):
        return Field(written(torch.zeros_like(value), 0.0), expression.coordinates, expression.derived, watch=_slope)
    node = Derivative(value.node, by)
    return Field(written(value, node), expression.coordinates, expression.derived, watch=_slope)


def _scope(context: Context, site: Site) -> Scope:
    """Everything that a function of the user's may ask for at a site, as values that write themselves down."""
    region = context.region
    columns = region.columns(site.points.detach())
    like = next(iter(columns.values()))
    coordinates = columns.replaced(**{c: written(column, Symbol(c)) for c, column in columns.items()})
    jets: dict[str, NamedJet] = {u: _WrittenJet(u, like) for u in context.unknowns}
    parameters = {
        name: written(value, Symbol(name))
        if isinstance(value, Tensor)
        else unknown_field(name, _WrittenJet(name, like), columns.names, watch=_slope)
        for name, value in (context.values or {}).items()
    }
    normals = {} if site.normals is None else region.columns(site.normals.detach())
    along = {c: written(column, Symbol("n", (c,))) for c, column in normals.items()}
    return Scope.of_jets(jets, coordinates, parameters, along, _slope)


def term_formulas(context: Context, term: Term) -> dict[str, Node]:
    """{residual: its expression} of a term; empty where the term is no expression of its arguments."""
    sites = term.draw(dry_points(len(context.region.coordinates)), POINTS)
    try:
        found = term.evaluate(tuple(_scope(context, site) for site in sites))
    except (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return {}  # functions of the user's may ask of a tensor what only plain ones can
    return {name: value.node for name, value in found.items() if isinstance(value, Written)}


def equation_rows(context: Context, term: Term) -> list[str]:
    """The equations as formulas, in HTML; those that cannot be written are named."""
    found = term_formulas(context, term)
    rows = []
    for name in term.residuals:
        node = found.get(name)
        if isinstance(node, Operation) and node.name == "imag" and name.endswith("_imag"):
            continue  # the other half of a complex equation, which stands there as a whole
        if isinstance(node, Operation) and node.name == "real" and name.endswith("_real"):
            node = node.arguments[0]
        rows.append(_vanishing(node, name))
    return rows


def _vanishing(node: Node | None, name: str, moved: bool = False) -> str:
    """``node = 0``, or the name where there is no formula; ``moved``: with what is subtracted on the other side."""
    if node is None:
        return escape(name)
    left: Node = node
    right: Node = 0.0
    if moved and isinstance(node, Operation) and node.name == "sub":
        left, right = node.arguments
    for shown in (right, UNREADABLE):
        with contextlib.suppress(ValueError):  # too long to be read
            return formula(left, shown)
    return escape(name)


def condition_rows(context: Context, given: Sequence[tuple[AnyCondition, Sequence[Term]]]) -> list[Shown]:
    """The conditions: kind, places, formula. Conditions of one formula at several places share a row."""
    rows: dict[tuple[str, str], list[str]] = {}
    for condition, terms in given:
        if isinstance(condition, Data | Integral):
            rows.setdefault((condition.name, escape(repr(condition))), [])
            continue
        for term in terms:
            found = term_formulas(context, term)
            if isinstance(condition, Periodic):
                rows.setdefault((condition.name, _alike(found, condition)), []).append(str(condition.on))
                continue
            for name in term.residuals:
                body = _vanishing(found.get(name), repr(condition), moved=True)
                rows.setdefault((condition.name, body), []).append(_place(condition, context, name))
    return [(kind, ", ".join(dict.fromkeys(filter(None, places))), body) for (kind, body), places in rows.items()]


def _alike(found: Mapping[str, Node], condition: AnyCondition) -> str:
    """What is the same at both ends of a coordinate."""
    sides = [node.arguments[0] for node in found.values() if isinstance(node, Operation) and node.name == "sub"]
    return ", ".join(map(formula, sides)) if sides else escape(repr(condition))


def _place(condition: AnyCondition, context: Context, residual: str) -> str:
    """Where a residual of a condition is asked to vanish, in words."""
    region = context.region
    if isinstance(condition, AtAnInstant):
        return f"{region.clock} = {region.bounds[region.clock][0 if condition.name == 'Initial' else 1]:g}"
    last = residual.split()[-1]
    return last if last in region.pieces(None) or condition.on is None else str(condition.on)


def problem_card(
    name: str, context: Context, equations: Term, conditions: Sequence[tuple[AnyCondition, Sequence[Term]]],
    coefficients: Mapping[str, object],
) -> str:  # fmt: skip
    """The card of a problem.

    Args:
        name: its title.
        context: region, unknowns and parameters.
        equations: as one term.
        conditions: each with its terms.
        coefficients: {name: value} of the parameters.
    """
    unknowns = f"{', '.join(context.unknowns)} on {context.region!r}"
    parts = [paragraph(unknowns), table([[body] for body in equation_rows(context, equations)])]
    rows = condition_rows(context, conditions)
    if rows:
        parts.append(table([[escape(kind), escape(places), body] for kind, places, body in rows]))
    values = [
        [formula(Symbol(k)), escape(f"{v:.6g}" if isinstance(v, float) else repr(v))] for k, v in coefficients.items()
    ]
    return card(name, [*parts, table(values)] if values else parts)
