"""Complex fields in equations and conditions: what is minimized is real."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from pinnlab.derivatives.fields import as_value
from pinnlab.derivatives.names import parts_of


def real_parts(named: Mapping[str, Any]) -> dict[str, Any]:
    """Residuals of which the complex ones are two: ``name_real`` and ``name_imag``.

    Args:
        named: {name: field or tensor}; what is real, or no residual at all, passes.
    """
    found: dict[str, Any] = {}
    for name, value in named.items():
        plain = as_value(value)
        if isinstance(plain, torch.Tensor) and plain.is_complex():
            found |= zip(parts_of(name), (value.real, value.imag), strict=True)
        else:
            found[name] = value
    return found
