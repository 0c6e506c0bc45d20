"""Relative L2 errors against a reference, the measure by which solutions are judged and compared.

Letters: n points, d coordinates, m unknowns.

The error of an unknown u is ||u - r|| / ||r||, Euclidean norms over points: a fine grid of the whole domain for a finished
solution, fixed quasi-random points of a time window while it is trained. The reference r is an exact solution as a function
of the coordinates, another solution, or a classical one.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.complex_unknowns import joined_columns, separated
from pinnlab.declaration.discontinuities.one_sided import hair
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.names import COMPLEX
from pinnlab.domains import Box, Region
from pinnlab.domains.sampling import unit_points
from pinnlab.machine.deadline import Deadline

ReferenceFunction = Callable[..., Any]
_FEW = 2048
"""Points on which the time of many is measured."""
_SCARCE, _SCARCELY = 1.0, 0.2
"""Seconds left, and share of the whole, below which no reference of unknown cost is called."""
_AMPLE = 30.0
"""Seconds of a run from which on it can wait for a reference to be computed: the problems' own take up to ten."""


RELATIVE_TO = ("size", "variation", "all")
"""What errors may be relative to: the norm of the reference, that of its distance from its mean, or that of all unknowns."""


def relative_l2(values: Tensor, reference: Tensor, to: str = "size") -> Tensor:
    """||values - reference|| / ||reference|| per column of (n, m); the root mean square where the reference is zero.

    Args:
        values: (n, m).
        reference: (n, m).
        to: one of ``RELATIVE_TO``; relative to the variation, an offset of the reference does not count; relative to all,
            each column is divided by the norm of all of them.
    """
    scale = (reference - reference.mean(dim=0) if to == "variation" else reference).norm(dim=0)
    if to == "all":
        scale = scale.norm().expand_as(scale)
    absolute = torch.full_like(scale, len(reference) ** 0.5)
    return (values - reference).norm(dim=0) / torch.where(scale > 0, scale, absolute)


def evaluate(reference: ReferenceFunction, problem: Problem, points: Tensor) -> Tensor:
    """A reference at (n, d) points, as (n, m) float64 on the CPU.

    Args:
        reference: a function of the coordinates (and parameters) by name, a solution, or a classical reference; it
            returns one array, or {unknown: array}.
        problem: names unknowns and parameters.
        points: (n, d).

    Raises:
        TypeError, ValueError: it cannot be called with the coordinates, or returns other shapes or names.
    """
    points = points.detach().to("cpu", torch.float64)
    found = _returned(reference, problem, points)
    if not isinstance(found, Mapping):
        if len(problem.declared) != 1:
            raise TypeError(
                f"reference returned {type(found).__name__}; return {{name: values}} for {tuple(problem.declared)}."
            )
        found = {next(iter(problem.declared)): found}
    found = separated(found, problem.complex_unknowns)
    missing = [u for u in problem.unknowns if u not in found]
    if missing:
        raise ValueError(f"reference returned {sorted(found)}, without {missing}; return a value for each unknown.")
    if complex_ones := [u for u in problem.unknowns if np.iscomplexobj(found[u])]:
        raise TypeError(f"reference returned complex values of {complex_ones[0]!r}, which is real; {COMPLEX}.")
    values = [torch.as_tensor(found[u], dtype=torch.float64, device="cpu") for u in problem.unknowns]
    return torch.stack([v.expand(len(points)) for v in values], dim=1)


def function_errors(
    functions: Mapping[str, Callable[..., Any]], reference: ReferenceFunction, problem: Problem, to: str = "size"
) -> dict[str, float]:
    """{name: relative L2 error} of functions of coordinates that were found, as far as a reference has values of them.

    Args:
        functions: {name: of columns (n,) of the coordinates by name}.
        reference: as in ``evaluate``; what it returns may name functions beside unknowns.
        problem: names coordinates.
        to: one of ``RELATIVE_TO``.
    """
    if not functions:
        return {}
    points = error_grid(problem.domain)
    found, errors = _returned(reference, problem, points), {}
    for name, function in functions.items() if isinstance(found, Mapping) else ():
        if name in found:
            exact = torch.as_tensor(found[name], dtype=torch.float64).expand(len(points))
            values = function(**problem.domain.columns(points))
            errors[name] = float(relative_l2(values[:, None], exact[:, None], to))
    return errors


def _returned(reference: ReferenceFunction, problem: Problem, points: Tensor) -> Any:
    """What a reference returns at (n, d) points, float64 on the CPU."""
    arguments: dict[str, Any] = {**problem.domain.columns(points), **_numbers(problem)}
    names = problem.reference_arguments(reference)
    return reference(**{k: v for k, v in arguments.items() if k in names})


def _numbers(problem: Problem) -> dict[str, Any]:
    """The parameters as references take them."""
    return {k: float(v) if isinstance(v, Tensor) else v for k, v in problem.parameter_values().items()}


def affordable(points: Tensor, function: Callable[[Tensor], Tensor], deadline: Deadline) -> Tensor:
    """The points, or as many of them, evenly spread, as a function is evaluated at in half of the time that is left.

    Args:
        points: (n, d).
        function: (n, d) -> (n, m), timed on a few points.
        deadline: one that never comes takes all points.
    """
    if math.isinf(deadline.at) or len(points) <= _FEW:
        return points
    few = points[:: len(points) // _FEW]
    began = deadline.now()
    function(few)
    each = max(deadline.now() - began, 1e-9) / len(few)
    most = max(len(few), int(0.5 * deadline.left / each))
    return points if most >= len(points) else points[:: -(-len(points) // most)]


def relative_errors(
    values: Callable[[Tensor], Tensor],
    reference: ReferenceFunction,
    problem: Problem,
    to: str = "size",
    deadline: Deadline | None = None,
) -> dict[str, float]:
    """{unknown: relative L2 error} over ``error_grid`` of the problem's whole domain.

    Args:
        values: maps points (n, d), float64 on the CPU, to what is measured, (n, m) of any dtype and device.
        reference: what it is measured against; see ``evaluate``.
        problem: names coordinates and unknowns.
        to: one of ``RELATIVE_TO``.
        deadline: where it is close, fewer points of the grid are taken.

    Raises:
        TypeError, ValueError: as ``evaluate``.
    """

    def both(points: Tensor) -> Tensor:
        evaluate(reference, problem, points)
        return values(points)

    points = affordable(two_sided_grid(problem), both, deadline or Deadline())
    target = evaluate(reference, problem, points)
    found = values(points).to("cpu", torch.float64)
    return _errors(found, target, problem, to)


def _errors(values: Tensor, target: Tensor, problem: Problem, to: str = "size") -> dict[str, float]:
    """{unknown as declared: relative L2 error} of (n, m) values; that of a complex unknown is in the complex numbers."""
    found, exact = (joined_columns(v, problem.unknowns, problem.complex_unknowns) for v in (values, target))
    return dict(zip(problem.declared, relative_l2(found, exact, to).tolist(), strict=True))


class ComputedReference(ABC):
    """A reference that is computed at its first call, which may take long."""

    @abstractmethod
    def ready(self, **parameters: Any) -> bool:
        """Whether it is computed for these parameters; others may be among them."""


def compute_reference(problem: Problem) -> None:
    """Let a reference that is computed at its first call be computed now, so that no solve spends its time on that."""
    reference = problem.reference
    if not problem.families and isinstance(reference, ComputedReference) and not reference.ready(**_numbers(problem)):
        evaluate(
            reference, problem, problem.domain.interior(torch.full((1, len(problem.domain.coordinates)), 0.5)).points
        )


def error_meter(
    part: Region, whole: Problem, model: Any, deadline: Deadline, n: int = 2048
) -> Callable[[], dict[str, float]]:
    """A function that returns {unknown: error of the model on fixed points of a region}; {} without a reference.

    A reference that is yet to be computed is not waited for in a run of less than half a minute, and none is called when
    making the plan has taken nearly all of the time.

    Args:
        part: the region of one time window.
        whole: the problem, which knows the reference.
        model: has ``values(points)``.
        deadline: of the run.
        n: number of points.
    """
    if whole.reference is None or deadline.left < min(_SCARCE, _SCARCELY * deadline.seconds):
        return dict
    if deadline.left < _AMPLE and isinstance(whole.reference, ComputedReference):
        if not whole.reference.ready(**_numbers(whole)):
            return dict
    unit = unit_points("sobol", n, len(part.coordinates), np.random.default_rng(12345))
    points = part.interior(unit).points
    target = evaluate(whole.reference, whole, points)

    def measure() -> dict[str, float]:
        values = model.values(points.to(model.parameters[0])).to("cpu", torch.float64)
        return _errors(values, target, whole)

    return measure


def two_sided_grid(problem: Problem) -> Tensor:
    """The points of ``error_grid`` at which unknowns have values.

    Those at which unknowns jump by prescription are moved a hair up: to one side for all. Where two sides of a box meet,
    pressures and stresses may be infinite and yet have a norm, to which edges and corners add nothing: they are left out.
    """
    points = _off_edges(error_grid(problem.domain), problem.domain)
    for name, across in problem.joints.across.items():
        i, bounds = problem.domain.coordinates.index(name), problem.domain.bounds[name]
        for position, made in across.items():
            if made.prescribed and position != bounds[1]:
                step = hair(bounds)
                points[:, i] += 2 * step * ((points[:, i] - position).abs() <= step)
    return points


def _off_edges(points: Tensor, region: Region) -> Tensor:
    """Points (n, d) without those at which two sides of a box meet."""
    if not isinstance(region, Box):
        return points
    ends = torch.zeros(len(points), dtype=torch.long)
    for name in region.space:
        column, (lower, upper) = points[:, region.coordinates.index(name)], region.bounds[name]
        ends += (column == lower) | (column == upper)
    return points[ends < 2]


def error_grid(region: Region) -> Tensor:
    """A fine grid over the whole domain, ends included: (n, d); of a region that is no box, the points inside.

    In six coordinates and more it is quasi-random points, as a grid of nine per coordinate would be millions.
    """
    d = len(region.coordinates)
    if d > 5:
        return region.interior(unit_points("sobol", 2**15, d, np.random.default_rng(12345))).points
    sizes = {1: 4001, 2: 257, 3: 49}.get(d, 9)
    axes = [torch.linspace(lo, hi, sizes, dtype=torch.float64) for lo, hi in region.bounds.values()]
    grid = torch.cartesian_prod(*axes).reshape(-1, d)
    return grid if isinstance(region, Box) else grid[region.contains(grid)]
