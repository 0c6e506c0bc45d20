"""Numbers that remember how they were computed, so that a user's equation can be written as a formula.

An equation is a Python function; what it computes is known only by calling it. A ``Written`` tensor computes like any
other tensor and carries the tree of the operations that made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor


@dataclass(frozen=True)
class Symbol:
    """A name, with the coordinates by which it is differentiated: u, or u_xx as ``Symbol("u", ("x", "x"))``."""

    name: str
    key: tuple[str, ...] = ()


@dataclass(frozen=True)
class Derivative:
    """The derivative of an expression by a coordinate, as in ``pl.diff(k * u.x, "x")``."""

    of: Node
    by: str


@dataclass(frozen=True)
class Operation:
    """A function of expressions: ``add``, ``mul``, ``sin``, ``where``, ...; called as torch calls it."""

    name: str
    arguments: tuple[Node, ...]


Node: TypeAlias = "Symbol | Derivative | Operation | float"

UNREADABLE = Symbol("…")
"""Stands for what is no formula."""

IMAGINARY = Symbol("i")

# what gives the same number at each point in another shape or type
_SILENT = frozenset(
    "alias broadcast_to clone contiguous detach double expand expand_as float getitem positive pos requires_grad_ reshape "
    "squeeze to type_as unsqueeze view".split()
)
_SPREAD = frozenset({"broadcast_to", "expand", "expand_as"})
_FILLED = frozenset("zeros_like ones_like full_like new_full new_zeros new_ones new_tensor".split())
_SAME = {
    "true_divide": "div", "truediv": "div", "divide": "div", "subtract": "sub", "multiply": "mul", "absolute": "abs",
    "negative": "neg", "float_power": "pow", "maximum": "max", "minimum": "min", "greater": "gt", "less": "lt",
    "greater_equal": "ge", "less_equal": "le", "logical_and": "and", "logical_or": "or", "logical_not": "not",
    "clamp_min": "max", "clamp_max": "min", "invert": "not", "bitwise_not": "not", "bitwise_and": "and",
    "bitwise_or": "or", "sgn": "sign",
}  # fmt: skip
_REFLECTED = {"rsub": "sub", "rtruediv": "div", "rdiv": "div", "rpow": "pow", "radd": "add", "rmul": "mul"}


class Written(Tensor):
    """A tensor with the tree of what made it, ``node``; made by ``written``."""

    node: Node

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: Iterable[type], args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*_bare(args), **_bare(kwargs or {}))
        name = getattr(func, "__name__", "").strip("_")
        if not isinstance(result, Tensor) or name == "get":
            return result
        return written(result, _node(name, args, kwargs or {}, result))


def written(value: Tensor, node: Node) -> Written:
    """A tensor that carries a node."""
    found = value.detach().as_subclass(Written)
    found.node = node
    return found


def _bare(value: Any) -> Any:
    """Arguments of a function without their trees."""
    if isinstance(value, Written):
        return value.as_subclass(Tensor)
    if isinstance(value, list | tuple):
        return type(value)(_bare(v) for v in value)
    if isinstance(value, dict):
        return {k: _bare(v) for k, v in value.items()}
    return value


def _node(name: str, args: tuple, kwargs: dict[str, Any], result: Tensor) -> Node:
    """The tree of a result."""
    constant = _constant(result)
    if constant is not None and (name in _FILLED or not any(isinstance(a, Written) for a in args)):
        return constant
    largest = max((a.numel() for a in args if isinstance(a, Tensor)), default=0)
    if name not in _SPREAD and result.numel() != largest:  # a sum, a product of matrices: not of one point
        return UNREADABLE
    if name in _SILENT:
        return _operand(args[0])
    if name in ("clamp", "clip"):
        return _clamped(*args, **kwargs)
    if name == "relu":
        return _clamped(args[0], min=0.0)
    if name in _REFLECTED:
        name, args = _REFLECTED[name], args[::-1]
    if kwargs.get("alpha", 1) != 1:  # torch.add(a, b, alpha=2)
        args = (args[0], _product(kwargs["alpha"], args[1]))
    return _operation(_SAME.get(name, name), tuple(map(_operand, args)))


def _operation(name: str, arguments: tuple[Node, ...]) -> Node:
    """An operation, without zeros and ones that change nothing; the parts of a complex name are that name."""
    if name == "mul" and 0.0 in arguments:
        return 0.0
    if name == "mul" and not isinstance(arguments[0], float):
        second = arguments[1]
        if isinstance(second, float) or second == IMAGINARY:  # numbers first
            arguments = arguments[::-1]
    if name == "mul" and 1.0 in arguments:
        return arguments[1 if arguments[0] == 1.0 else 0]
    if name in ("add", "sub") and arguments[1] == 0.0:
        return arguments[0]
    if name == "add" and arguments[0] == 0.0:
        return arguments[1]
    if name == "sub" and arguments[0] == 0.0:
        return Operation("neg", arguments[1:])
    if name == "complex" and all(isinstance(a, Symbol) for a in arguments):
        real, imaginary = arguments
        stem = real.name.removesuffix("_real")  # type: ignore[union-attr]
        if imaginary == Symbol(f"{stem}_imag", real.key):  # type: ignore[union-attr]
            return Symbol(stem, real.key)  # type: ignore[union-attr]
    return Operation(name, arguments)


def _product(factor: float, value: Any) -> Written:
    return written(torch.zeros(()), Operation("mul", (float(factor), _operand(value))))


def _clamped(value: Any, min: Any = None, max: Any = None) -> Node:
    """Bounds as the maximum and the minimum that they mean."""
    found = _operand(value)
    found = found if min is None else Operation("max", (found, _operand(min)))
    return found if max is None else Operation("min", (found, _operand(max)))


def _operand(value: Any) -> Node:
    """An argument as a node: a number, a tree; another tensor is a number where it is one, else a name."""
    if isinstance(value, Written):
        return value.node
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, complex):
        return _operation("add", (value.real, _operation("mul", (value.imag, IMAGINARY))))
    if isinstance(value, Tensor) and value.is_complex() and value.numel() == 1:
        return _operand(complex(value))
    if isinstance(value, Tensor):
        constant = _constant(value)
        return constant if constant is not None else UNREADABLE
    return Symbol(str(value))


def _constant(value: Tensor) -> float | None:
    """The number that all entries of a tensor are; None where they differ."""
    value = value.detach().as_subclass(Tensor)
    if value.is_complex() or value.numel() == 0:
        return None
    first = value.reshape(-1)[0]
    return float(first) if bool((value == first).all()) else None


def count(node: Node) -> int:
    """How many symbols, numbers and functions an expression has."""
    if isinstance(node, Operation):
        return 1 + sum(map(count, node.arguments))
    return 1 + count(node.of) if isinstance(node, Derivative) else 1
