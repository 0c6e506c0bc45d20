"""What a user's functions raise when they are tried: torch's own words are turned into a sentence that says where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

_TORCHS = (RuntimeError, IndexError, AttributeError, NotImplementedError, OverflowError)
"""What torch and Python raise where tensors are misused; subclasses are the user's own business."""
_OF_MATH = "can be converted to Python scalars"
"""What torch raises where ``math.sin`` or ``float`` is given many points."""
_HINTS = {
    "module 'pinnlab'": "derivatives by all coordinates of space are u.laplacian, pl.grad(u), pl.div(...) and pl.curl(...)",
    "numpy": "NumPy does not see derivatives: use torch functions, such as torch.sin(x) instead of numpy.sin(x)",
    "in-place": "arguments are shared: compute new values instead of changing them, x * 2 instead of x.mul_(2)",
    "no attribute": "coordinates and parameters of conditions are plain tensors (n,): compute with them as they are",
    _OF_MATH: "arguments are tensors of many points: use torch functions, such as torch.sin(x) instead of math.sin(x)",
    "convert": "a number is beyond the range of floats: use other units",
    "size of tensor": "a function must work for any number of points: do not combine its arguments with fixed arrays",
}
_USUAL = "write torch operations that work for any number of points, on tensors of shape (n,)"


class FailedFunctionError(ValueError, RuntimeError):
    """A function of the user's cannot be computed with."""


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Say in which function torch failed.

    Args:
        what: how the message calls it.

    Raises:
        FailedFunctionError: in the place of torch's own errors; a user's own exceptions pass unchanged.
    """
    try:
        yield
    except Exception as error:
        if type(error) not in _TORCHS and _OF_MATH not in str(error):
            raise
        said = str(error).partition("\n")[0].rstrip(". ")
        hint = next((hint for word, hint in _HINTS.items() if word in said), _USUAL)
        raise FailedFunctionError(f"{what} failed with {type(error).__name__}: {said}; {hint}.") from error


def in_full_precision(function: Callable[..., Any], arguments: Mapping[str, Any], dtype: torch.dtype) -> Any:
    """What a function returns, in the precision of its arguments.

    ``(x > 0.5) * 9.9 + 0.1`` is float32 in torch, whatever x is: numbers beside conditions have the default type, seven
    digits of which are kept. Where that happens to float64, the function is called again with another default.

    Args:
        function: of tensors.
        arguments: by name.
        dtype: of these.
    """
    found = function(**arguments)
    if dtype != torch.float64 or not isinstance(found, torch.Tensor) or found.dtype != torch.float32:
        return found
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return function(**arguments)
    finally:
        torch.set_default_dtype(usual)
