"""Integrals of expressions of a finished solution, over its domain, a cross-section, or a piece of the boundary.

Letters: n points, d coordinates, r integrands.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pinnlab.declaration.conditions.binding import NORMAL
from pinnlab.derivatives.complex_fields import real_parts
from pinnlab.derivatives.names import parts_of
from pinnlab.domains import Box, Product, Region
from pinnlab.domains.coverings import Axes, boundary_patches, interior_patches
from pinnlab.domains.cubature import integrate
from pinnlab.domains.patches import Array, Patches
from pinnlab.solution.expressions import ONE, expression_names, scope_at, values_of
from pinnlab.solvers.windows import by_window
from pinnlab.training.part import Part
from pinnlab.training.result import Solved

_TOLERANCE = 1e-8
"""Of the error bound, relative to the integral of the modulus."""
_MOST = 300_000
"""Points at which an expression is asked for, about."""
_OWNER = "integrate"


class Number(float):
    """A number, and a bound of its error.

    Attributes:
        error: by how much it changed when cells of the quadrature were last halved; it says nothing of the solution's own
            error.
    """

    error: float

    def __new__(cls, value: float, error: float) -> Number:
        found = super().__new__(cls, value)
        found.error = error
        return found


class ComplexNumber(complex):
    """A complex number, and a bound of its error, as ``error``."""

    error: float

    @classmethod
    def of(cls, real: Number, imag: Number) -> ComplexNumber:
        """The number real + i imag."""
        found = cls(real, imag)
        found.error = math.hypot(real.error, imag.error)
        return found


class Numbers(np.ndarray):
    """Several numbers, and bounds of their errors, of the same shape, as ``error``."""

    error: Array

    @classmethod
    def of(cls, numbers: Sequence[Number | ComplexNumber], shape: tuple[int, ...]) -> Numbers:
        """An array of numbers."""
        found = np.array([number + 0 for number in numbers]).reshape(shape).view(cls)
        found.error = np.array([number.error for number in numbers]).reshape(shape)
        return found


def integral(solution: Solved, expression: Callable[..., Any], on: str | None, fixed: Mapping[str, Any]) -> Any:
    """See ``Solution.integrate``.

    Args:
        solution: of one problem, no family.
        expression: what is integrated.
        on: a piece of the boundary, or None.
        fixed: {coordinate: where it stands still}, numbers or arrays.
    """
    names = expression_names(solution, expression, _OWNER, normal=True)
    places = {name: np.asarray(_plain(value), dtype=float) for name, value in fixed.items()}
    _check(solution.problem.domain, on, places)
    arrays = np.broadcast_arrays(*places.values()) if places else []
    shape = arrays[0].shape if arrays else ()
    each = zip(*(array.reshape(-1).tolist() for array in arrays), strict=True) if arrays else [()]
    found = [_one(solution, expression, names, on, dict(zip(places, values, strict=True))) for values in each]
    _say([each for each, _ in found], _tolerance(solution))
    numbers = [_joined(*each) for each in found]
    several = {
        name: values[0] if not shape else Numbers.of(values, shape)
        for name in numbers[0]
        for values in [[each[name] for each in numbers]]
    }
    return several[ONE] if set(several) == {ONE} else several


Found = dict[str, tuple[Number, float]]
"""{name: (integral, integral of the modulus)}; of a complex integrand, of its two parts."""


def _joined(found: Found, complex_ones: Sequence[str]) -> dict[str, Number | ComplexNumber]:
    """{name: integral}, complex of the complex integrands."""
    owners = {part: name for name in complex_ones for part in parts_of(name)}
    numbers: dict[str, Number | ComplexNumber] = {}
    for name, (number, _) in found.items():
        whole = owners.get(name)
        if whole is None:
            numbers[name] = number
        else:
            numbers[whole] = ComplexNumber.of(*(found[part][0] for part in parts_of(whole)))
    return numbers


def _one(
    solution: Solved, expression: Callable[..., Any], names: tuple[str, ...], on: str | None, fixed: dict[str, float]
) -> tuple[Found, list[str]]:
    domain, like = solution.problem.domain, solution.models[0].parameters[0].detach()
    labels: list[str] = []
    complex_ones: list[str] = []

    def integrand(points: Array, normals: Array | None) -> Array:
        at, out = (None if v is None else torch.from_numpy(v).to(like) for v in (points, normals))
        assert at is not None
        whole = values_of(expression, names, scope_at(solution, at, out), _OWNER, tried=bool(labels))
        values = real_parts(whole)
        if not labels:
            labels.extend(values)
            complex_ones.extend(name for name, value in whole.items() if value.is_complex())
        return np.stack([values[label].detach().to("cpu", torch.float64).numpy() for label in labels], axis=1)

    parts = _parts(solution, fixed)
    patches = [
        each
        for (part, axes), piece in itertools.product(parts, _pieces(solution, names, on, fixed))
        for each in _patches(part.region, piece, {**axes, **fixed})
    ]
    total = integrate(patches, integrand, _tolerance(solution), _MOST)
    value = total.value if _covered(domain, parts, fixed) else np.full_like(total.value, np.nan)
    numbers = zip(value, total.bound.tolist(), total.size.tolist(), strict=True)
    found = {name: (Number(v, b), s) for name, (v, b, s) in zip(labels, numbers, strict=True)}
    return found, complex_ones


def _pieces(solution: Solved, names: Sequence[str], on: str | None, fixed: Mapping[str, float]) -> Sequence[str | None]:
    """Boundary pieces over which is integrated, or None for the interior.

    Who asks for the normal means a boundary: without a name all of it, or that of the cross-section.
    """
    problem = solution.problem
    if on is not None:
        return problem.domain.pieces(on)
    if NORMAL not in names or NORMAL in (*problem.unknowns, *problem.domain.coordinates, *problem.parameters):
        return (None,)
    every = problem.domain.pieces(None)
    return [piece for piece in every if not set(_normal(problem.domain, piece)) & set(fixed)]


def _patches(region: Region, piece: str | None, axes: Axes) -> list[Patches]:
    return interior_patches(region, axes) if piece is None else boundary_patches(region, piece, axes)


def _parts(solution: Solved, fixed: Mapping[str, float]) -> list[tuple[Part, Axes]]:
    """The time windows over which is integrated, with the places where their pieces meet."""
    models, domain = solution.models, solution.problem.domain
    if len(models) > 1 and set(fixed) >= set(domain.coordinates) - set(domain.space):
        at = torch.tensor([[fixed.get(name, lower) for name, (lower, _) in domain.bounds.items()]], dtype=torch.float64)
        numbers = [k for k, _ in by_window(at, [model.region for model in models], domain)]
        # beyond what was solved any part will do: its values are not numbers there
        models = [models[k] for k in numbers] or models[-1:]
    return [(model, dict(model.joints)) for model in models]


def _covered(domain: Region, parts: Sequence[tuple[Part, Axes]], fixed: Mapping[str, float]) -> bool:
    """Whether the parts reach to the end of every coordinate over which is integrated."""
    ends = parts[-1][0].region.bounds
    return all(ends[name][1] == upper for name, (_, upper) in domain.bounds.items() if name not in fixed)


def _check(domain: Region, on: str | None, places: Mapping[str, Array]) -> None:
    """Raise TypeError or ValueError for coordinates that cannot stand still."""
    free = _of_boxes(domain)
    across = {name for piece in (() if on is None else domain.pieces(on)) for name in _normal(domain, piece)}
    for name, values in places.items():
        if name not in domain.coordinates:
            raise TypeError(
                f"integrate({name}=...): {name!r} is no coordinate; fix some of {', '.join(domain.coordinates)}, such as "
                f"integrate(expression, {domain.coordinates[-1]}=...), and integrate over the others."
            )
        if name not in free:
            raise ValueError(
                f"integrate({name}=...): {name!r} is one of several coordinates of {domain!r} that vary together; only "
                "coordinates with an interval of their own can stand still."
            )
        if name in across:
            raise ValueError(
                f"integrate({name}=..., on={on!r}): the boundary {on!r} fixes {name} already; leave {name} out."
            )
        lower, upper = domain.bounds[name]
        if not ((values >= lower) & (values <= upper)).all():
            raise ValueError(f"integrate({name}={values.tolist()}): outside of {name}=({lower:g}, {upper:g}).")
    if not set(domain.coordinates) - set(places) and on is None:
        raise ValueError(
            "integrate() has nothing to integrate over: all coordinates are fixed; use solution.evaluate()."
        )


def _of_boxes(region: Region) -> set[str]:
    """The coordinates that have an interval of their own."""
    if isinstance(region, Product):
        return set().union(*(_of_boxes(factor) for factor in region.factors))
    return set(region.coordinates) if isinstance(region, Box) else set()


def _normal(region: Region, piece: str) -> tuple[str, ...]:
    face = region.face(piece)
    return () if face is None else (region.coordinates[face[0]],)


def _plain(value: Any) -> Any:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value


def _tolerance(solution: Solved) -> float:
    """What a solution in single precision can be integrated to is less."""
    return max(_TOLERANCE, 100 * torch.finfo(solution.models[0].parameters[0].dtype).eps)


def _say(found: Sequence[Found], tolerance: float) -> None:
    """Warn of integrals that are not known well."""
    numbers = [pair for each in found for pair in each.values()]
    if not all(math.isfinite(number) for number, _ in numbers):
        warnings.warn("integrate(): some values are not finite; a part of the domain may not be solved.", stacklevel=4)
        return
    worst = max(number.error / size if size > 0 else 0.0 for number, size in numbers)
    if worst > tolerance:
        warnings.warn(
            f"integrate(): two resolutions differ by {worst:.0e} of the integral of the modulus; the expression may jump, "
            "be singular or oscillate inside the domain.",
            stacklevel=4,
        )
