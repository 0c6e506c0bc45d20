"""Formulas and results as people read them: expressions that write themselves down, as MathML, and cards of HTML."""

from pinnlab.typeset.cards import card, paragraph, picture, table
from pinnlab.typeset.formulas import formula
from pinnlab.typeset.written import UNREADABLE, Derivative, Node, Operation, Symbol, Written, written

__all__ = [
    "UNREADABLE",
    "Derivative",
    "Node",
    "Operation",
    "Symbol",
    "Written",
    "card",
    "formula",
    "paragraph",
    "picture",
    "table",
    "written",
]
