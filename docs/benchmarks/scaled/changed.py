"""The same problem in random units: of length, of time, of each unknown and of each equation."""

from __future__ import annotations

import numpy as np

import pinnlab as pl
from pinnlab.declaration.rewriting import rewritten
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.derivatives.names import parts_of
from pinnlab.domains.affine import Affine


def random_units(problem: pl.Problem, seed: int, decades: float = 6.0) -> ChangeOfVariables:
    """A change to units that are up to so many orders of magnitude smaller or larger.

    All coordinates of space have one unit, as have both parts of a complex unknown.
    """
    rng = np.random.default_rng(seed)

    def unit() -> float:
        return float(10 ** rng.uniform(-decades, decades))

    domain = problem.domain
    coordinates = dict.fromkeys(domain.space, unit())
    if domain.time is not None:
        coordinates[domain.time] = unit()
    unknowns = {name: unit() for name in problem.unknowns}
    for name in problem.complex_unknowns:
        unknowns |= dict.fromkeys(parts_of(name), unit())
    coefficients = {name: unit() for name in problem.unknown_parameters}
    groups = ({n: Affine(0.0, s) for n, s in group.items()} for group in (coordinates, unknowns, coefficients))
    return ChangeOfVariables(*groups, {name: unit() for name in problem.residual_names})


def elsewhere(problem: pl.Problem, change: ChangeOfVariables) -> pl.Problem:
    """The problem in the inner units of a change."""
    given = (problem.context(), problem.equations, problem.conditions, problem.parameters, problem.velocity)
    return pl.Problem(
        unknowns=problem.declared, name=problem.name, **rewritten(change, *given, bindable=problem.bindable)
    )


def scales_there(problem: pl.Problem, change: ChangeOfVariables) -> dict[str, float]:
    """{coordinate, unknown, coefficient or residual: its scale in the units of ``problem``}, found in those of a change."""
    found = elsewhere(problem, change).scales()
    back = {name: scale * change.coordinate(name).scale for name, (_, scale) in found.coordinates.items()}
    back |= {name: scale * change.unknown(name).scale for name, (_, scale) in found.unknowns.items()}
    back |= {name: scale * change.parameter(name).scale for name, scale in found.coefficients.items()}
    return back | {f"equation {n}": size * change.residuals[n] for n, size in found.equations.items()}
