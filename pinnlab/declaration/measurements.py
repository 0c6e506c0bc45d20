"""Arrays of measured values, as a user gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def measured(name: str, value: Any) -> Tensor:
    """An array of real or complex numbers (n,) that a user gives; TypeError or ValueError where it holds anything else."""
    try:
        kind = complex if np.iscomplexobj(value) else float
        array = torch.as_tensor(np.asarray(value, dtype=kind)).reshape(-1)
    except (OverflowError, RuntimeError, TypeError, ValueError) as error:
        raise TypeError(f"Data({name}={brief(value)}): give an array of numbers; NumPy says: {error}.") from error
    if not bool(torch.isfinite(array).all()):
        raise ValueError(f"Data({name}=...): {int((~torch.isfinite(array)).sum())} entries are not finite numbers.")
    return array


def brief(value: Any) -> str:
    """What a user gave, in a line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}..."
