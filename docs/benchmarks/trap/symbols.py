"""Problems made from their solution: a formula, the operator applied to it by SymPy, and the source that this leaves.

The operator is one function that is evaluated twice: on ``Symbolic`` unknowns, which gives the source as a formula, and on
the package's fields, which gives the equation. Nothing of the package takes part in making the answer.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy
import torch

import pinnlab as pl
from pinnlab.declaration.arguments import with_arguments

_TORCH = {name: getattr(torch, name) for name in ("sin", "cos", "exp", "tanh", "sqrt")} | {"pi": math.pi}


class Symbolic:
    """A formula that answers ``u.x``, ``u.xx`` and ``u.d("x", "y")`` like a field, and computes like one."""

    def __init__(self, formula: sympy.Expr, names: Sequence[str]):
        self.formula, self.names = formula, tuple(names)

    def __getattr__(self, key: str) -> sympy.Expr:
        if key.startswith("_") or not all(letter in self.names for letter in key):
            raise AttributeError(key)
        return self.d(*key)

    def d(self, *by: str) -> sympy.Expr:
        return sympy.diff(self.formula, *(symbol(name) for name in by)) if by else self.formula

    def _sympy_(self) -> sympy.Expr:
        return self.formula


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "pow", "neg"):

    def _operate(self: Symbolic, *other: Any, _name: str = f"__{_name}__") -> Any:
        return getattr(self.formula, _name)(*(getattr(o, "formula", o) for o in other))

    setattr(Symbolic, f"__{_name}__", _operate)


def symbol(name: str) -> sympy.Symbol:
    return sympy.Symbol(name, real=True)


def function(formula: sympy.Expr, names: Sequence[str], without: Sequence[str] = ()) -> Callable[..., Any]:
    """The formula as a function of tensors (or arrays), its arguments named like the coordinates it depends on."""
    used = [n for n in names if n not in without and symbol(n) in formula.free_symbols] or [
        n for n in names if n not in without
    ][:1]
    compiled = sympy.lambdify([symbol(n) for n in used], formula, modules=[_TORCH], cse=True)

    def evaluated(**given: Any) -> Any:
        columns = [given[n] for n in used]
        value = compiled(*columns)
        return value + 0 * columns[0] if columns else torch.tensor(float(value))

    return with_arguments(evaluated, used)


def called(made: Callable[..., Any], columns: Mapping[str, Any]) -> Any:
    """A function of some of the columns."""
    return made(**{name: columns[name] for name in inspect.signature(made).parameters})


Operator = Callable[..., Sequence[Any]]
"""Unknowns by name, then ``at`` (what evaluates a formula of the coordinates), to the left sides of the equations."""


@dataclass(frozen=True)
class Case:
    """A problem with its answer.

    Attributes:
        kind: what it is an example of.
        statement: the problem in words.
        problem: without a reference.
        exact: {unknown: formula or function of the coordinates}; None where the problem has no answer, or several.
        why: why it has none.
        solvers: solvers beside those that take any problem.
        constant: unknowns that are known up to a constant.
    """

    kind: str
    statement: str
    problem: pl.Problem
    exact: Callable[..., dict[str, np.ndarray]] | None
    why: str = ""
    solvers: tuple[Any, ...] = ()
    constant: tuple[str, ...] = field(default=())


def manufactured(
    kind: str,
    domain: pl.Box | Any,
    formulas: Mapping[str, sympy.Expr],
    operator: Operator,
    conditions: Sequence[Any],
    statement: str = "",
    why: str = "",
    **options: Any,
) -> Case:
    """The problem that these formulas solve.

    Args:
        kind: as in ``Case``.
        domain: its coordinates are the symbols of the formulas.
        formulas: {unknown: solution}.
        operator: see ``Operator``.
        conditions: of the problem; see ``value``, ``slope`` and ``start`` below.
        statement: words; the formulas are added.
        why: why the problem has no answer; its formulas are then one answer of many, or none.
        options: of the problem (``velocity``), and ``solvers``.
    """
    names = domain.coordinates
    symbols = {u: Symbolic(f, names) for u, f in formulas.items()}
    sources = [function(r, names) for r in map(sympy.sympify, operator(**symbols, at=lambda f: f))]
    given = (*formulas, *names)

    kept: dict[sympy.Expr, Callable[..., Any]] = {}

    def equations(**at: Any) -> dict[str, Any]:
        columns = {n: at[n] for n in names}

        def evaluate(formula: Any) -> Any:
            formula = sympy.sympify(formula)
            if formula not in kept:
                kept[formula] = function(formula, names)
            return called(kept[formula], columns)

        left = operator(**{u: at[u] for u in formulas}, at=evaluate)
        return {
            f"r{i}": one - called(source, columns) for i, (one, source) in enumerate(zip(left, sources, strict=True))
        }

    solvers = options.pop("solvers", ())
    problem = pl.Problem(
        domain=domain,
        unknowns=tuple(formulas),
        equations=with_arguments(equations, given),
        conditions=list(conditions),
        name=kind,
        **options,
    )
    text = f"{statement}; " + ", ".join(f"{u} = {sympy.N(f, 4)}" for u, f in formulas.items())
    return Case(kind, text, problem, None if why else answer(formulas, names), why, solvers)


def answer(formulas: Mapping[str, sympy.Expr], names: Sequence[str]) -> Callable[..., dict[str, np.ndarray]]:
    """The formulas as one function of all coordinates."""
    made = {u: function(f, names) for u, f in formulas.items()}

    def exact(**columns: np.ndarray) -> dict[str, np.ndarray]:
        tensors = {n: torch.as_tensor(c, dtype=torch.float64) for n, c in columns.items()}
        return {u: called(f, tensors).numpy() + 0 * next(iter(columns.values())) for u, f in made.items()}

    return exact


def value(formulas: Mapping[str, sympy.Expr], domain: Any, *pieces: str | None, only: Sequence[str] = ()) -> list[Any]:
    """Dirichlet conditions that the formulas meet, on these pieces (None: the whole boundary)."""
    names = domain.coordinates
    return [
        pl.Dirichlet(on=piece, **{u: function(f, names) for u, f in formulas.items() if not only or u in only})
        for piece in pieces
    ]


def slope(formulas: Mapping[str, sympy.Expr], domain: Any, *sides: str, only: Sequence[str] = ()) -> list[Any]:
    """Neumann conditions that the formulas meet, on sides of a box such as ``"x-"``."""
    found = []
    for side in sides:
        sign = -1 if side.endswith("-") else 1
        chosen = {u: sign * sympy.diff(f, symbol(side[:-1])) for u, f in formulas.items() if not only or u in only}
        found.append(pl.Neumann(on=side, **{u: function(f, domain.coordinates) for u, f in chosen.items()}))
    return found


def robin(formula: sympy.Expr, domain: Any, side: str, a: float, b: float, unknown: str = "u") -> list[Any]:
    """A u + b u_n = g on a side."""
    sign = -1 if side.endswith("-") else 1
    g = function(a * formula + b * sign * sympy.diff(formula, symbol(side[:-1])), domain.coordinates)
    return [pl.Robin(on=side, **{unknown: (a, b, g)})]


def start(formulas: Mapping[str, sympy.Expr], domain: Any, order: int = 1, only: Sequence[str] = ()) -> list[Any]:
    """Initial conditions that the formulas meet: values, and rates where ``order`` is two."""
    first, t = domain.bounds["t"][0], symbol("t")
    space = domain.space
    given: dict[str, Any] = {}
    for u, f in formulas.items():
        for k in range(order):
            if only and u not in only:
                continue
            at = sympy.diff(f, t, k).subs(t, first) if k else f.subs(t, first)
            given[u + "_" * bool(k) + "t" * k] = function(at, domain.coordinates, ("t",)) if space else float(at)
    return [pl.Initial(**given)]
