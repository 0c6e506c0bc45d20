"""Small facts on numbers and tensors that the arithmetic of fields needs."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor


def plain(value: Any) -> Any:
    """A scalar of NumPy as one of Python, which torch takes; other values pass."""
    return (
        value.item() if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and not value.ndim) else value
    )


def as_number(value: complex, dtype: torch.dtype | None) -> Tensor:
    """A number as a tensor beside tensors of this type; a complex one is as precise as they are."""
    wide = dtype.to_complex() if isinstance(value, complex) and dtype is not None else dtype
    return torch.as_tensor(value, dtype=wide)


def is_smooth(value: Tensor) -> bool:
    """Whether these are numbers, real or complex, that may change smoothly; conditions and whole numbers do not."""
    return value.is_floating_point() or value.is_complex()


@cache
def load_forward_mode() -> None:
    """Let torch load its forward-mode rules: it warns of its own old code while it does, and only then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.func.jvp(torch.neg, (torch.zeros(()),), (torch.zeros(()),))
