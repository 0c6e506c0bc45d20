"""A function of torch tensors as one of JAX arrays: its operations are recorded once and carried out by JAX.

What is recorded must not depend on the numbers that go in, as pointwise equations and features do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

_SAME = (
    "abs acos acosh asin asinh atan atan2 atanh ceil cos cosh erf exp exp2 expm1 floor log log10 log1p log2 logical_and "
    "logical_not logical_or maximum minimum reciprocal remainder sigmoid sign sin sinh sqrt square tan tanh"
).split()
"""Operations that have the same arguments there, under the same name."""
_OTHER = {
    "mul": "multiply", "neg": "negative", "bitwise_and": "bitwise_and", "bitwise_or": "bitwise_or",
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
}  # fmt: skip
"""{name in torch: name in jax.numpy}, of others."""
_PASSED, _IDLE = ("alpha", "dim"), ("device", "layout", "memory_format", "pin_memory")
"""Arguments by name that are handed over, and those that say nothing of values."""


def in_jax(function: Callable[..., Tensor], *examples: Tensor) -> Callable[..., Any]:
    """The same function of JAX arrays of the examples' shapes, which JAX can differentiate.

    Raises:
        ValueError: an operation is none of those that are known here; it is named.
    """
    without_writing = torch.func.functionalize(function)
    graph = make_fx(lambda *tensors: without_writing(*tensors))(*(example.detach() for example in examples))
    graph.graph.eliminate_dead_code()
    known = _operations()
    for node in graph.graph.nodes:
        lost = _foreign(node.kwargs)
        if node.op == "call_function" and (lost or _name(node.target) not in known):
            raise ValueError(
                f"{node.target}{lost or ''} has no counterpart in pinnlab.bench.peers.graphs, so that JAX cannot evaluate "
                "what uses it; compare with --solver deepxde or --solver pina."
            )

    def replay(*arrays: Any) -> Any:
        return _replay(graph, known, arrays)

    return replay


def _replay(graph: Any, known: Mapping[str, Callable[..., Any]], arrays: tuple[Any, ...]) -> Any:
    import jax.numpy as jnp

    given = iter(arrays)
    values: dict[torch.fx.Node, Any] = {}

    def value(argument: Any) -> Any:
        return torch.fx.node.map_arg(argument, values.__getitem__)

    for node in graph.graph.nodes:
        if node.op == "placeholder":
            values[node] = next(given)
        elif node.op == "get_attr":
            values[node] = jnp.asarray(getattr(graph, node.target).detach().numpy())
        elif node.op == "output":
            return value(node.args[0])
        else:
            arguments = {name: value(argument) for name, argument in node.kwargs.items() if name in _PASSED}
            values[node] = known[_name(node.target)](*value(node.args), **arguments)
    raise AssertionError("a graph has an output")


def _foreign(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by name that would be lost, such as the rounding of a division."""
    kept = {name: value for name, value in arguments.items() if name not in (*_PASSED, *_IDLE)}
    if isinstance(kept.get("dtype"), torch.dtype) and kept["dtype"].is_floating_point:
        del kept["dtype"]  # JAX has one type of floating-point numbers here
    return kept


def _name(operation: Any) -> str:
    return str(getattr(operation, "overloadpacket", operation)).removeprefix("aten.")


def _operations() -> dict[str, Callable[..., Any]]:
    """{name in torch: function of JAX arrays with torch's arguments}."""
    import jax
    import jax.numpy as jnp

    def part(x: Any, dim: int, start: int | None, end: int | None, step: int) -> tuple[slice, ...]:
        return (*(slice(None),) * (dim % x.ndim), slice(start, end, step))

    def put(x: Any, y: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Any:
        return x.at[part(x, dim, start, end, step)].set(y)

    functions = {
        **vars(jnp),
        **{name: getattr(jax.scipy.special, name) for name in ("erf",)},
        "sigmoid": jax.nn.sigmoid,
    }
    return {
        **{name: functions[name] for name in _SAME},
        **{name: functions[there] for name, there in _OTHER.items()},
        **dict.fromkeys(("alias", "clone", "detach", "lift_fresh_copy"), lambda x: x),
        "_to_copy": lambda x: jnp.asarray(x, float),
        **dict.fromkeys(("view", "reshape", "_unsafe_view", "view_copy"), lambda x, shape: x.reshape(shape)),
        **dict.fromkeys(("select", "select_copy"), lambda x, dim, index: jnp.take(x, index, axis=dim)),
        **dict.fromkeys(
            ("slice", "slice_copy"),
            lambda x, dim=0, start=None, end=None, step=1: x[part(x, dim, start, end, step)],
        ),
        "add": lambda x, y, alpha=1: x + alpha * y,
        "sub": lambda x, y, alpha=1: x - alpha * y,
        "rsub": lambda x, y, alpha=1: y - alpha * x,
        "div": lambda x, y: x / y,
        "pow": lambda x, y: x**y,
        "where": jnp.where,
        "clamp": lambda x, low=None, high=None: jnp.clip(x, low, high),
        "clamp_min": jnp.maximum,
        "clamp_max": jnp.minimum,
        "relu": jax.nn.relu,
        "t": jnp.transpose,
        "permute": jnp.transpose,
        "mm": jnp.matmul,
        "addmm": lambda x, a, b: x + a @ b,
        "cat": lambda parts, dim=0: jnp.concatenate(parts, axis=dim),
        "stack": lambda parts, dim=0: jnp.stack(parts, axis=dim),
        "unsqueeze": lambda x, dim: jnp.expand_dims(x, dim),
        "squeeze": lambda x, dim=None: jnp.squeeze(x, axis=dim),
        "expand": lambda x, shape: jnp.broadcast_to(x, [n if m < 0 else m for m, n in _aligned(shape, x.shape)]),
        "copy": lambda x, y: jnp.broadcast_to(y, x.shape),
        "zeros_like": jnp.zeros_like,
        "ones_like": jnp.ones_like,
        "new_zeros": lambda x, shape: jnp.zeros(shape, x.dtype),
        "select_scatter": lambda x, y, dim, index: put(x, y, dim, index, index + 1) if y.ndim == x.ndim
        else put(x, jnp.expand_dims(y, dim), dim, index, index + 1),
        "slice_scatter": put,
    }  # fmt: skip


def _aligned(wanted: Any, there: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(zip(wanted, (1,) * (len(wanted) - len(there)) + there, strict=True))
