"""What is drawn of complex values: modulus and real part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pinnlab.declaration.complex_unknowns import joined

Array = np.ndarray[Any, Any]


def drawn(values: Mapping[str, Array], complex_unknowns: Sequence[str] = ()) -> dict[str, Array]:
    """{label: real values} of {unknown: values}; a complex ``psi`` is ``|psi|`` and ``Re psi``, a real one itself.

    Args:
        values: of the unknowns, or of their real and imaginary parts.
        complex_unknowns: whose parts are to be put together first.
    """
    found: dict[str, Array] = {}
    for name, value in joined(values, complex_unknowns).items():
        found |= {f"|{name}|": np.abs(value), f"Re {name}": value.real} if np.iscomplexobj(value) else {name: value}
    return found


def unknown_of(label: str) -> str:
    """The unknown that a label of ``drawn`` is about."""
    return label.strip("|").removeprefix("Re ")
