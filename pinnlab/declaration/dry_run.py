"""The dry run: what can be said about a declaration before anything is solved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.parameters import Family, Parameter, Unknown
from pinnlab.declaration.terms import Scope
from pinnlab.domains.sampling import unit_points

Equation = Callable[..., Any]


POINTS = 7
"""At which equations and conditions are tried."""


def named_residuals(bound: Sequence[tuple[Equation, tuple[str, ...], str]], scope: Scope) -> dict[str, Any]:
    """{name: residual} of equations, each given as (function, names of its arguments, label).

    Raises:
        ValueError: two residuals of one name.
    """
    found: dict[str, Any] = {}
    for function, names, label in bound:
        result = scope.call(function, names)
        named = result if isinstance(result, dict) else {label: result}
        for name, residual in named.items():
            if name in found:
                raise ValueError(f"two residuals are called {name!r}; give the equations different names.")
            found[name] = residual
    return found


def dry_points(d: int) -> Callable[[int], Tensor]:
    """Draws (n, d) numbers in the unit cube, the same at every dry run."""
    rng = np.random.default_rng(0)
    return lambda n: unit_points("sobol", n, d, rng)


def check_residual(name: str, residual: Any, jets: list[Tensor]) -> None:
    """Raise TypeError or ValueError where an equation returned no residual: one number per point, which ``jets`` change."""
    advice = "return an expression of the unknowns and their derivatives, such as u.t - nu * u.xx"
    if not isinstance(residual, Tensor):
        raise TypeError(f"equation {name!r} returned {type(residual).__name__} {residual!r}; {advice}.")
    if residual.shape != (POINTS,):
        raise ValueError(
            f"equation {name!r} returned shape {tuple(residual.shape)} for {POINTS} points; an equation is "
            f"pointwise, one number per point: do not sum or stack; {advice}."
        )
    depends = residual.requires_grad and any(
        g is not None and bool((g != 0).any())
        for g in torch.autograd.grad(residual.sum(), jets, allow_unused=True, retain_graph=True)
    )
    if not depends:
        raise ValueError(f"equation {name!r} returned a constant that no unknown changes; {advice}.")


def checked_names(unknowns: str | Sequence[str]) -> tuple[str, ...]:
    """The names of the unknowns; ValueError where they are none, no names, or stand twice."""
    names = (unknowns,) if isinstance(unknowns, str) else tuple(unknowns)
    if not names or not all(isinstance(n, str) and n.isidentifier() for n in names):
        raise ValueError(f"unknowns={unknowns!r}: give one name or a tuple of names, such as 'u' or ('u', 'v').")
    if len(set(names)) != len(names):
        raise ValueError(f"unknowns={unknowns!r}: a name stands twice.")
    return names


def checked_functions(equations: Equation | Sequence[Equation]) -> tuple[Equation, ...]:
    """The equations, one or several; ValueError where there is none."""
    functions = (equations,) if callable(equations) else tuple(equations)
    if not functions:
        raise ValueError("equations is empty; give at least one function that returns a residual.")
    return functions


def equation_label(function: Callable, position: int) -> str:
    """What the residual of an equation is called, where it gives no names itself."""
    name = getattr(function, "__name__", "")
    return name if name.isidentifier() else f"equation{position}"


def representative(value: Parameter) -> Any:
    """What stands for a parameter before it is known: a member of a family, the start of an unknown."""
    if isinstance(value, Family):
        return value.representative
    return value.start if isinstance(value, Unknown) else value
