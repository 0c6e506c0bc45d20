"""Complex unknowns: a problem in ``psi`` is one in the two real unknowns ``psi_real`` and ``psi_imag``, and a map back.

Letters: n points, m real unknowns, k unknowns as declared.

Conditions on psi are rewritten as conditions on its parts when the problem is built. Equations stay what they are: an
argument psi is bound to the complex field of the parts (``Scope.call``), and a complex residual is two real ones.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.arguments import is_complex
from pinnlab.declaration.conditions import AnyCondition, Data, Periodic, Robin
from pinnlab.derivatives.known import KnownFunction
from pinnlab.derivatives.names import parts_of

Unknowns = str | Sequence[str] | Mapping[str, type]
"""One name, several, or {name: float or complex}."""


def declared_unknowns(unknowns: Unknowns) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the unknowns, and those of the complex ones among them.

    Raises:
        TypeError: no names, or a type that is neither float nor complex.
        ValueError: there are none, a name stands twice, or a part of a complex one is called as another unknown.
    """
    usual = "give one name or a tuple of names, such as 'u' or ('u', 'v'); complex ones as unknowns={'psi': complex}"
    if not isinstance(unknowns, Sequence | set | frozenset | Mapping):
        raise TypeError(f"unknowns={unknowns!r}: {usual}.")
    names = (unknowns,) if isinstance(unknowns, str) else tuple(unknowns)
    if not names or not all(isinstance(n, str) and n.isidentifier() for n in names):
        raise ValueError(f"unknowns={unknowns!r}: {usual}.")
    if len(set(names)) != len(names):
        raise ValueError(f"unknowns={unknowns!r}: a name stands twice.")
    if not isinstance(unknowns, Mapping):
        return names, ()
    for name, kind in unknowns.items():
        if kind not in (float, complex):
            raise TypeError(f"unknowns={{{name!r}: {kind!r}}}: an unknown is float or complex.")
    complex_ones = tuple(name for name in names if unknowns[name] is complex)
    for name in complex_ones:
        for part in parts_of(name):
            if part in names:
                raise ValueError(f"unknowns: {part!r} is a part of the complex unknown {name!r}; choose another name.")
    return names, complex_ones


def real_unknowns(declared: Sequence[str], complex_unknowns: Sequence[str]) -> tuple[str, ...]:
    """The m real unknowns: a complex one is two."""
    return tuple(part for name in declared for part in (parts_of(name) if name in complex_unknowns else (name,)))


def declared_types(unknowns: Sequence[str], complex_unknowns: Sequence[str]) -> dict[str, type]:
    """{unknown as declared: float or complex}, from the m real ones and the names of the complex ones."""
    names = joined(dict.fromkeys(unknowns, 0.0), complex_unknowns)
    return {name: complex if name in complex_unknowns else float for name in names}


# -- conditions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Part:
    """The real or the imaginary part of a function that a condition prescribes.

    Attributes:
        given: the user's function; where it is real, its imaginary part is zero.
        imaginary: which part.
    """

    given: Callable[..., Any]
    imaginary: bool

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.given)

    @property
    def __name__(self) -> str:
        return f"{'Im' if self.imaginary else 'Re'} {getattr(self.given, '__name__', type(self.given).__name__)}"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _part(self.given(*args, **kwargs), self.imaginary)


def on_parts(condition: AnyCondition, complex_unknowns: Sequence[str]) -> AnyCondition:
    """The condition on the parts of complex unknowns; itself where it is about none.

    Raises:
        TypeError: a complex coefficient of a Robin condition, which mixes the parts.
    """
    found = copy.copy(condition)
    if isinstance(condition, Data) and isinstance(found, Data):
        owner = {key: _owner_of_data(condition, key, complex_unknowns) for key in condition.values}
        if condition.sd is not None and condition.finest is not None:
            found.sd = _doubled(condition.sd, owner)
            found.finest = _doubled(condition.finest, owner)
    else:
        owner = {key: _owner(key, complex_unknowns) for key in condition.values}
    values: dict[str, Any] = {}
    for key, value in condition.values.items():
        name = owner[key]
        if name is None:
            values[key] = value
            continue
        for part, imaginary in zip(parts_of(name), (False, True), strict=True):
            values[part + key[len(name) :]] = _value_of(condition, key, value, imaginary)
    changed = values.keys() != condition.values.keys()
    if isinstance(condition, Periodic) and isinstance(found, Periodic) and condition.unknowns is not None:
        found.unknowns = real_unknowns(condition.unknowns, complex_unknowns)
        changed = found.unknowns != condition.unknowns
    found.values = values
    return found if changed else condition


def _owner(key: str, complex_unknowns: Sequence[str]) -> str | None:
    """The complex unknown that ``psi`` or ``psi_t`` is about; None where the key names a real one."""
    name = next((u for u in complex_unknowns if key == u or key.startswith(u + "_")), None)
    return None if name is not None and key in real_unknowns((name,), complex_unknowns) else name


def _owner_of_data(data: Data, key: str, complex_unknowns: Sequence[str]) -> str | None:
    """The same of measurements: those of an expression are as complex as their numbers."""
    if data.of is None or not complex_unknowns:
        return _owner(key, complex_unknowns)
    value = data.values[key]
    return key if isinstance(value, Tensor) and value.is_complex() else None


def _doubled(named: Mapping[str, Any], owner: Mapping[str, str | None]) -> dict[str, Any]:
    """What belongs to a complex value, for each of its parts."""
    parts = {key: (key,) if name is None else real_unknowns((name,), (name,)) for key, name in owner.items()}
    return {part: value for key, value in named.items() for part in parts[key]}


def _value_of(condition: AnyCondition, key: str, value: Any, imaginary: bool) -> Any:
    if not isinstance(condition, Robin):
        return _part_of_value(value, imaginary)
    a, b, g = value
    if any(isinstance(c, complex | np.complexfloating) for c in (a, b)):
        raise TypeError(
            f"Robin({key}={value!r}): the coefficients of the value and of the normal derivative must be real; write "
            f"pl.Condition(lambda {key}, n: a * {key} + b * {key}.d(n) - g, on=...)."
        )
    return a, b, _part_of_value(g, imaginary)


def _part_of_value(value: Any, imaginary: bool) -> Any:
    """A part of what a condition prescribes: a number, an array, or a function."""
    if isinstance(value, KnownFunction):  # is real
        return 0.0 if imaginary else value
    return Part(value, imaginary) if callable(value) else _part(value, imaginary)


def _part(value: Any, imaginary: bool) -> Any:
    """The real or imaginary part of numbers; what is none passes, and is refused where it is used."""
    if isinstance(value, Tensor):
        if value.is_complex():
            return value.imag if imaginary else value.real
        return torch.zeros_like(value) if imaginary else value
    if isinstance(value, int | float | complex | np.number):
        return value.imag if imaginary else value.real
    return value


def named_by_parts(given: Any, names: Sequence[str]) -> Any:
    """A dictionary in which entries of complex unknowns and residuals stand for both of their parts.

    Args:
        given: {name: anything}; what is no dictionary passes.
        names: of the real unknowns and residuals.
    """
    if not isinstance(given, Mapping):
        return given
    return {p: v for name, v in given.items() for p in (parts_of(name) if is_complex(name, names) else (name,))}


# -- values ------------------------------------------------------------------------------------------------------------


def joined(values: Mapping[str, Any], complex_unknowns: Sequence[str]) -> dict[str, Any]:
    """Values of the real unknowns as those of the unknowns that were declared.

    Args:
        values: {name: array or tensor}, both parts of each complex unknown among them.
        complex_unknowns: their names.
    """
    owners = {part: name for name in complex_unknowns for part in parts_of(name)}
    found: dict[str, Any] = {}
    for name, value in values.items():
        owner = owners.get(name)
        if owner is None:
            found[name] = value
        elif owner not in found:
            real, imag = (values[part] for part in parts_of(owner))
            found[owner] = torch.complex(real, imag) if isinstance(real, Tensor) else real + 1j * imag
    return found


def separated(values: Mapping[str, Any], complex_unknowns: Sequence[str]) -> dict[str, Any]:
    """The inverse of ``joined``; a complex unknown may be given by its parts as well."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name not in complex_unknowns:
            found[name] = value
            continue
        whole = value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))
        found |= zip(parts_of(name), (_part(whole, imaginary) for imaginary in (False, True)), strict=True)
    return found


def joined_columns(values: Tensor, unknowns: Sequence[str], complex_unknowns: Sequence[str]) -> Tensor:
    """(n, m) values of the real unknowns as (n, k) values of the declared ones, complex where one of them is."""
    if not complex_unknowns:
        return values
    found = joined(dict(zip(unknowns, values.unbind(1), strict=True)), complex_unknowns)
    return torch.stack([v if v.is_complex() else torch.complex(v, torch.zeros_like(v)) for v in found.values()], dim=1)


def said_of(unknowns: Sequence[str]) -> list[str]:
    """What the summary of a problem says of its complex unknowns."""
    return [f"the complex unknown {u} is {' + i '.join(parts_of(u))}" for u in unknowns]
