"""Arrays of measured values, as a user gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def measured(name: str, value: Any, missing: bool = False) -> Tensor:
    """An array of real or complex numbers (n,) that a user gives; TypeError or ValueError where it holds anything else.

    Args:
        name: for messages.
        value: an array, a list, a column of a table.
        missing: whether some of them may be missing, NaN or None.
    """
    try:
        if isinstance(value, Tensor):
            value = value.detach().cpu().numpy()
        kind = complex if np.iscomplexobj(value) else float
        array = torch.as_tensor(np.asarray(value, dtype=kind).copy()).reshape(-1)
    except (OverflowError, RuntimeError, TypeError, ValueError) as error:
        raise TypeError(f"Data({name}={brief(value)}): give an array of numbers; NumPy says: {error}.") from error
    wrong = ~torch.isfinite(array)
    wrong = wrong & ~array.isnan() if missing and len(array) else wrong
    if bool(wrong.any()):
        raise ValueError(f"Data({name}=...): {int(wrong.sum())} entries are not finite numbers.")
    return array


def spreads(sd: Any, names: Sequence[str], n: int) -> dict[str, Tensor]:
    """{name: (n,)} standard deviations of measurements, from a number, an array (n,), or one of these for each name.

    Raises:
        TypeError, ValueError: other names, another length, numbers that are not positive.
    """
    given = dict(sd) if isinstance(sd, Mapping) else dict.fromkeys(names, sd)
    if set(given) != set(names):
        raise ValueError(f"Data(sd=...) is given for {list(given)}, and values for {list(names)}; name the same.")
    found = {}
    for name, value in given.items():
        array = measured("sd", value)
        if len(array) not in (1, n):
            raise ValueError(f"Data(sd=...): {len(array)} numbers for {n} values; give one number, or one per value.")
        if not bool((array > 0).all()):
            raise ValueError(
                f"Data(sd={brief(value)}): a standard deviation is positive; leave sd out if it is not known."
            )
        found[name] = array.expand(n)
    return found


def brief(value: Any) -> str:
    """What a user gave, in a line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}..."
