"""The arguments of a user's functions: equations, values of conditions and velocities are called by argument name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable
from typing import Any

import torch

from pinnlab.derivatives.names import UnknownNameError, parts_of

ANY = "**"
"""Stands among the names of a function's arguments where it takes all."""


def argument_names(
    function: Callable, available: Iterable[str], what: str, keywords: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """The names of a user function's arguments, checked against what can be bound.

    The name of a complex unknown is available where those of its two parts are.

    Args:
        function: its positional-or-keyword arguments without a default must be in ``available``; those with a
            default are bound when their name is available and left alone otherwise.
        available: unknowns, coordinates and parameters.
        what: how the message calls the function.
        keywords: what ``**kwargs`` takes, where that is allowed.

    Raises:
        TypeError: not callable, or the signature has ``*args`` or ``**kwargs``, without ``keywords``, arguments that are
            given by position only, or cannot be read.
        ValueError: an argument's name is not available.
    """
    if not callable(function):
        raise TypeError(
            f"{what} must be a function, got {type(function).__name__}: {function!r}; write one whose arguments are names, "
            f"such as lambda {', '.join([*available][:2])}: ..."
        )
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise TypeError(f"{what}: {_wrapped(function)}.") from None
    available = tuple(available)
    names = []
    named = bool(keywords) and any(p.kind == p.VAR_KEYWORD for p in parameters)
    for p in parameters:
        if p.kind == p.POSITIONAL_ONLY:
            raise TypeError(f"{what}: {_wrapped(function)}.")
        if p.kind == p.VAR_KEYWORD and named:
            names += [k for k in keywords if k not in names]
        elif p.kind == p.VAR_POSITIONAL and named:
            continue  # solutions and references take it only to say how they are called
        elif p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise TypeError(f"{what} takes *{p.name}; name its arguments, they are bound by name to {available}.")
        elif p.name in available or is_complex(p.name, available):
            names.append(p.name)
        elif p.default is p.empty:
            hint = (
                "; the outward normal n is known on the boundary, in pl.Condition(..., on=...)" if p.name == "n" else ""
            )
            raise UnknownNameError(
                f"{what} has an argument {p.name!r}, which is no unknown, coordinate or parameter of this problem "
                f"(known: {', '.join(available)}); rename it, or add it to parameters={{...}}{hint}."
            )
    return tuple(names)


def _wrapped(function: Callable[..., Any]) -> str:
    """What to do with a built-in function, whose arguments have no names to bind them by."""
    called = getattr(function, "__name__", "f")
    return (
        f"arguments are bound by name, and those of {called} have none that can be used; say what it takes, such as "
        f"lambda x: torch.{called if hasattr(torch, called) else 'sin'}(x)"
    )


def is_complex(name: str, available: Collection[str]) -> bool:
    """Whether a name that is not available itself is that of a complex unknown, whose parts are."""
    return name not in available and all(part in available for part in parts_of(name))


def signature_of(names: Iterable[str]) -> inspect.Signature:
    """The signature of a function of these arguments, by position or by name: what ``argument_names`` reads."""
    return inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names])


def with_arguments(function: Callable[..., Any], names: Iterable[str]) -> Callable[..., Any]:
    """The same function of keywords, with a signature that ``argument_names`` can read.

    Args:
        function: a function ``f(**given)``; it is changed in place.
        names: of its arguments.
    """
    vars(function)["__signature__"] = signature_of(names)
    return function


def arguments_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of a function's arguments, ``ANY`` among them where it takes all; none of a built-in one without a signature."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    return tuple(ANY if p.kind is p.VAR_KEYWORD else p.name for p in found)
