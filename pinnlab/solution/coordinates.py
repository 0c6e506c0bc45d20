"""A solution at coordinates that are given by name, in any shape, as NumPy or tensors.

Letters: n points, d coordinates, c derivatives, m unknowns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.complex_unknowns import joined
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.differentiable import JetFunction, differentiable_jet
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.domains import Box
from pinnlab.reference.grids.structure import periodic_unknowns
from pinnlab.solvers.windows import joined_jet
from pinnlab.training.result import Solved

_BESIDE = 1e-9
"""Share of a coordinate's interval up to which what is beyond its ends counts as on them."""


def at_coordinates(
    solution: Solved,
    owner: str,
    coordinates: Mapping[str, Any],
    function: Callable[[Tensor], dict[str, Tensor]],
    moving: tuple[str, ...] = (),
) -> dict[str, Any]:
    """A function of points at coordinates given by name: each of its (n,) gets their broadcast shape.

    Beyond the ends of coordinates that are not periodic nothing is known: values there are NaN.

    Args:
        solution: names the coordinates, and says in which precision and where one computes.
        owner: how messages call the verb.
        coordinates: numbers, arrays or tensors by name.
        function: of points whose columns are the coordinates, and after them the ``moving`` parameters.
        moving: parameters that are given like coordinates.

    Raises:
        TypeError: a coordinate is missing or unknown.
        ValueError: one is no number, or their shapes do not fit together.
    """
    names = (*solution.problem.domain.coordinates, *moving)
    if set(coordinates) != set(names):
        raise TypeError(
            f"{owner}() got {', '.join(coordinates) or 'nothing'}; give exactly the coordinates {', '.join(names)}, "
            f"such as {owner}({', '.join(f'{n}=...' for n in names)})."
        )
    like = solution.models[0].parameters[0].detach()
    # columns of tables are arrays that torch must not share
    own = (coordinates[n] if isinstance(coordinates[n], Tensor) else _array(owner, n, coordinates[n]) for n in names)
    given = [torch.as_tensor(c, dtype=like.dtype, device=like.device) for c in own]
    try:
        columns = torch.broadcast_tensors(*given)
    except RuntimeError as error:
        shapes = ", ".join(f"{n} {tuple(c.shape)}" for n, c in zip(names, given, strict=True))
        raise ValueError(
            f"{owner}(): the shapes of {shapes} do not fit together; give arrays of one shape, or for a grid "
            f"{names[0]}[:, None] beside {names[-1]}[None, :]."
        ) from error
    flat, known = within(solution.problem, [c.reshape(-1) for c in columns])
    found = function(torch.stack(flat, dim=1))
    values = {name: torch.where(known, value, torch.nan).reshape(columns[0].shape) for name, value in found.items()}
    if any(isinstance(v, Tensor) for v in coordinates.values()):
        return values
    return {name: value.detach().cpu().numpy() for name, value in values.items()}


def within(problem: Problem, columns: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
    """Coordinates (n,) each, those beyond the ends of a periodic one moved inside, and (n,) where all are in the bounds.

    Args:
        problem: whose domain the coordinates are of.
        columns: of each coordinate, and perhaps more, which are left as they are.
    """
    found, known = list(columns), torch.ones_like(columns[0], dtype=torch.bool)
    declared = hasattr(problem, "conditions")  # that of a file is not
    for i, (name, (lower, upper)) in enumerate(problem.domain.bounds.items()):
        length, mine = upper - lower, found[i]
        beside = _BESIDE * length
        inside = (mine >= lower - beside) & (mine <= upper + beside)
        if declared and periodic_unknowns(problem, name) == set(problem.unknowns):
            found[i] = torch.where(inside, mine, lower + torch.remainder(mine - lower, length))
        else:
            known = known & inside
    return found, known


def _array(owner: str, name: str, value: Any) -> np.ndarray:
    try:
        return np.array(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{owner}({name}={value!r}): give numbers, an array of them, or a tensor.") from error


def refuse_unnamed(unnamed: Sequence[Any], names: Sequence[str], owner: str = "solution") -> None:
    """Raise TypeError where coordinates are given without their names."""
    if not unnamed:
        return
    columns = len(unnamed) == 1 and np.ndim(unnamed[0]) == 2 and len(names) > 1
    shown = [f"{n}=points[:, {i}]" if columns else f"{n}={n}s" for i, n in enumerate(names)]
    raise TypeError(
        f"{owner}({', '.join(type(value).__name__ for value in unnamed)}): coordinates are given by name; write "
        f"{owner}({', '.join(shown)})."
    )


def solution_jet(solution: Solved) -> JetFunction:
    """Derivatives (c, n, m) of a solution at (n, d) points; the values are those that calling it gives."""
    inner = joined_jet(solution.models, solution.problem.domain)

    def jet(points: Tensor, indices: Indices) -> Tensor:
        if indices == VALUE:
            return solution.function(points)[None]
        found = inner(points, indices)
        found[indices.index(())] = solution.function(points).to(found)
        return found

    return jet


def unknowns_at(solution: Solved, points: Tensor, jet: JetFunction | None = None) -> dict[str, Tensor]:
    """{unknown, or function that was found: (n,)} with a graph to the points.

    Args:
        solution: names the unknowns.
        points: (n, d), or with further columns if ``jet`` takes them.
        jet: knows the derivatives; by default those of the solution.
    """
    values = differentiable_jet(solution_jet(solution) if jet is None else jet, points, VALUE)[0]
    problem = solution.problem
    found = dict(zip(problem.unknowns, values.unbind(1), strict=True))
    arguments = found | dict(zip(problem.domain.coordinates, points.unbind(1), strict=False))
    functions = {
        name: function.expansion.values([arguments[argument] for argument in function.on])
        for name, function in solution.models[-1].functions.items()
    }
    return joined(found, problem.complex_unknowns) | functions


def on_grid(solution: Solved, sizes: Mapping[str, int]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """See ``Solution.on_grid``."""
    domain = solution.problem.domain
    axes = {name: np.linspace(lo, hi, sizes.get(name, 201)) for name, (lo, hi) in domain.bounds.items()}
    mesh = np.meshgrid(*axes.values(), indexing="ij")
    values = solution(**dict(zip(axes, mesh, strict=True)))
    if not isinstance(domain, Box):
        outside = ~domain.contains(torch.from_numpy(np.stack([m.reshape(-1) for m in mesh], axis=1))).numpy()
        values = {u: np.where(outside.reshape(mesh[0].shape), np.nan, v) for u, v in values.items()}
    return axes, values
