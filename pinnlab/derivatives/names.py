"""Names in equations: of derivatives, and of what a tensor has and a field has not.

A derivative is named by the tuple of its coordinates, sorted in the domain's order: ``("x", "x")``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

Key = tuple[str, ...]
NamedJet = Mapping[Key, Tensor]
"""All derivatives of one unknown at n points: {derivative: (n,)}; the key ``()`` is the value."""

POINTWISE_METHODS = frozenset(
    "abs acos angle asin atan ceil clamp conj cos cosh erf exp expm1 floor int log log1p log10 long neg pow reciprocal relu "
    "round rsqrt sigmoid sign sin sinc sinh sqrt square tan tanh trunc".split()
)
REDUCTIONS = frozenset(
    "sum mean std var min max amin amax prod norm median mode sort argsort argmin argmax cumsum cumprod quantile any "
    "all".split()
)
OF_TENSORS = frozenset(
    "detach item numpy tolist cpu cuda to double float half clone data grad backward shape size ndim dim dtype device "
    "reshape view flatten squeeze unsqueeze expand T requires_grad".split()
)


OF_NUMPY = {"power": "pow", "absolute": "abs", "conjugate": "conj"}
"""Torch's names of functions that NumPy calls otherwise."""
OPERATORS = {
    "lap": "{u}.laplacian", "laplace": "{u}.laplacian", "Laplacian": "{u}.laplacian", "grad": "pl.grad({u})",
    "gradient": "pl.grad({u})", "div": "pl.div(...)", "divergence": "pl.div(...)", "curl": "pl.curl(...)",
    "rot": "pl.curl(...)", "conjugate": "{u}.conj()", "dot": "pl.dot(...)",
}  # fmt: skip
"""What was meant by names that no field has."""


POINTWISE = (
    "equations see one point at a time, not the whole field, so that nothing in them may add up, sort, shift or pick "
    "points; "
    "write pointwise expressions such as u.t - nu * u.xx, and for an integral an extra unknown with an equation of its own, "
    "such as v.x - u for the integral v of u over x"
)
"""What is told to those whose equation mixes points."""


COMPLEX = "declare a complex unknown as unknowns={'psi': complex}"
"""What is told to those who write complex numbers where all unknowns are real."""


class UnknownNameError(ValueError, AttributeError):
    """A name in an equation is neither an unknown, a coordinate, a parameter nor a derivative."""


def parts_of(name: str) -> tuple[str, str]:
    """The names of the real and the imaginary part of a complex unknown, which is solved for as these two."""
    return f"{name}_real", f"{name}_imag"


def split_derivative(name: str, coordinates: Sequence[str]) -> Key | None:
    """Read ``"xxt"`` as ``("x", "x", "t")``, longest coordinate names first; None where it is no derivative."""
    if not name:
        return ()
    for first in sorted(coordinates, key=len, reverse=True):
        if name.startswith(first) and (rest := split_derivative(name[len(first) :], coordinates)) is not None:
            return (first, *rest)
    return None


def meant_derivative(name: str, field: str, coordinates: Sequence[str]) -> str:
    """``"xt"`` where ``"x_t"``, ``"dxt"``, ``"u_xt"`` or ``"du_dx_dt"`` of a field u was written; "" where nothing fits."""
    found = ""
    for word in name.split("_"):
        if word in ("", field, f"d{field}"):
            continue
        stem = word if split_derivative(word, coordinates) else word.removeprefix("d")
        if not split_derivative(stem, coordinates):
            return ""
        found += stem
    return found


def sort_key(key: Iterable[str], coordinates: Sequence[str]) -> Key:
    """A derivative's canonical name: its coordinates in the domain's order."""
    return tuple(sorted(key, key=list(coordinates).index))
