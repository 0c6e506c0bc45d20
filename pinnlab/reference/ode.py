"""Ordinary differential equations: DOP853 at tight tolerance, with its dense output.

Letters: c components of the state, s steps.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np
import scipy
import torch

from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.axes import NodeAxis
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet, leaf_jet
from pinnlab.derivatives.pointwise import linearize
from pinnlab.derivatives.stencils import Array
from pinnlab.reference.base import Interpolant
from pinnlab.reference.grids.equations import Equations
from pinnlab.reference.grids.structure import Structure, initial_values

_DEGREE = 8
"""Degree of the polynomial that stands for each step; DOP853's own dense output has degree 7."""


class StateEquations:
    """y' = f(t, y) from equations that are linear in the highest time derivatives.

    Args:
        problem: with ``t`` as its only coordinate.
        structure: of its equations.
    """

    def __init__(self, problem: Problem, structure: Structure):
        self.problem, self.structure = problem, structure
        self.equations = Equations(problem)
        self.components = structure.components
        self._row = {component: i for i, component in enumerate(self.components)}
        self._time = problem.domain.clock
        tops = {(u, (self._time,) * p) for u, p in structure.time_order.items()}
        self._mass = None if tops & structure.varying else self._constant_mass()

    def start(self) -> Array:
        """The initial state (c,)."""
        found = initial_values(self.problem, {})
        return np.array([found[component][0] for component in self.components])

    def _constant_mass(self) -> Array:
        m = len(self.problem.unknowns)
        mass = np.zeros((m, m))
        for (i, u, key), value in self.structure.constant.items():
            if len(key) == self.structure.time_order[u]:
                mass[i, self.problem.unknowns.index(u)] = value
        return mass

    def __call__(self, t: float, y: Array) -> Array:
        """The derivative (c,) of the state."""
        values = torch.from_numpy(y)
        zero = torch.zeros(1, dtype=torch.float64)

        def derive(unknown: str, key: Key) -> torch.Tensor:
            if len(key) == self.structure.time_order[unknown]:
                return zero
            row = self._row[unknown, len(key)]
            return values[row : row + 1]

        jets = {u: LazyJet(partial(derive, u)) for u in self.problem.unknowns}
        columns = self.problem.domain.columns(torch.full((1, 1), t, dtype=torch.float64))
        mass = self._mass
        if mass is None:
            jets = {u: leaf_jet(jet) for u, jet in jets.items()}
            residuals = self.equations.residuals(jets, columns)
            tops = [(u, (self._time,) * p) for u, p in self.structure.time_order.items()]
            found = linearize(residuals, jets)
            mass = np.array([[float(row[top]) if top in row else 0.0 for top in tops] for row in found])
        else:
            residuals = self.equations.residuals(jets, columns)
        rates = np.linalg.solve(mass, [-float(r.detach()) for r in residuals])
        result = np.empty(len(y))
        for i, (unknown, order) in enumerate(self.components):
            top = order + 1 == self.structure.time_order[unknown]
            result[i] = rates[self.problem.unknowns.index(unknown)] if top else y[i + 1]
        return result


def solve_ode(
    problem: Problem, structure: Structure, rtol: float, atol: float, max_seconds: float
) -> Interpolant | None:
    """Integrate by DOP853 (Dormand & Prince, order 8; Hairer, Norsett & Wanner 1993) with dense output.

    Returns:
        The solution, or None if the time is up or the step size underflowed, which means a stiff problem.

    Raises:
        ValueError: the solution leaves the range of numbers.
    """
    system = StateEquations(problem, structure)
    start, stop = problem.domain.time_interval
    began = time.perf_counter()
    solver = scipy.integrate.DOP853(system, start, system.start(), stop, rtol=rtol, atol=atol)
    unit = (1 - np.cos(np.pi * np.arange(_DEGREE + 1) / _DEGREE)) / 2
    times, states = [start], [solver.y]
    while solver.status == "running":
        with np.errstate(over="ignore", invalid="ignore"):
            solver.step()
        if not np.isfinite(solver.y).all():
            raise ValueError(
                f"reference_solution: the solution is not finite beyond {problem.domain.clock} = {solver.t_old:g}."
            )
        spent, done = time.perf_counter() - began, (solver.t - start) / (stop - start)
        tiny = solver.step_size < 1e-9 * (stop - start) and done > 1e-3
        if solver.status == "failed" or tiny or spent > max_seconds or (spent > 2 and spent > max_seconds * done):
            return None
        dense = solver.dense_output()
        inner = solver.t_old + unit[1:-1] * (solver.t - solver.t_old)
        times += [*inner, solver.t]
        states += [*dense(inner).T, solver.y]
    table = np.stack(states)
    data = {u: table[:, i] for i, (u, order) in enumerate(system.components) if order == 0}
    axes, clock = NodeAxis(np.array(times), 0, stride=_DEGREE), problem.domain.clock
    return Interpolant({clock: axes}, dict(problem.domain.bounds), data, time=clock)
