"""The solve for functions that are sought, step by step, with finer cells until the data do not see the difference.

Letters: K cells, m unknowns, N basis functions, p coefficients of what is sought.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import Data, Integral
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.unknown_functions import UnknownFunction
from pinnlab.domains import Box
from pinnlab.domains.cells import Cells
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.solvers.local_experts.basis import Chebyshev
from pinnlab.solvers.local_experts.discretization import Discretization
from pinnlab.solvers.local_experts.inverse.fit import InverseFit, NotSettledError, settled
from pinnlab.solvers.local_experts.inverse.linear import InverseSystem, UndecidedError
from pinnlab.solvers.local_experts.inverse.sought import (
    Sought,
    SoughtFunction,
    SoughtNumber,
    coarse_degree,
    split,
)
from pinnlab.solvers.local_experts.inverse.strength import Strength
from pinnlab.solvers.local_experts.piece import Piece
from pinnlab.training.plans import Advance, March, NothingSolvedError
from pinnlab.training.status import Status

Array = np.ndarray
_MOST_STEPS = 25
"""Per level."""
_MOST_UNKNOWNS = 3000
"""Coefficients of the unknowns, whose matrices are dense."""
_UNSEEN = 0.05
"""Change between levels, in standard deviations of what is sought, that is small enough."""
_SETTLED = 1e-8
"""The same, relative to what is sought."""
_TRUNCATION = 1e-8
_MARGIN = 0.02
"""By how much the range of a state is widened that a function is sought on."""


@dataclass(frozen=True)
class Levels:
    """Cells and degrees of the unknowns: {coordinate: edges}, {coordinate: degree}, each level finer than the one before.

    Attributes:
        edges: of cells at the first level.
        degrees: at the first level; from ``fixed`` on they stay and cells are halved.
        fixed: the highest degree.
    """

    edges: Mapping[str, Array]
    degrees: Mapping[str, int]
    fixed: int = 26

    def at(self, level: int) -> tuple[dict[str, Array], tuple[int, ...]]:
        """Edges and degrees of a level."""
        edges, degrees = {}, []
        for name, first in self.edges.items():
            grown = self.degrees[name] * 1.4**level
            halved = max(0, math.ceil(math.log2(max(grown / self.fixed, 1.0))))
            cells = first
            for _ in range(halved):
                cells = np.sort(np.concatenate([cells, (cells[1:] + cells[:-1]) / 2]))
            edges[name] = cells
            degrees.append(max(self.degrees[name], math.ceil(grown / 2**halved)))
        return edges, tuple(degrees)


class FunctionMarch(March):
    """The solve of one inverse problem with functions; its one piece is the whole of space and time.

    Args:
        problem: with functions to be found, and data.
        levels: cells and degrees.
        weight: of conditions against equations.
        deadline: of the preparations.

    Raises:
        NothingSolvedError: the equations could not be solved for the first guess.
    """

    def __init__(self, problem: Problem, levels: Levels, weight: float, deadline: Deadline):
        self.problem, self.levels, self.weight = problem, levels, weight
        self.level, self._before = 0, None
        self._pieces: list[Piece] = []
        self._known: tuple[list[Sought], Array] | None = None
        self.fit: InverseFit | None = None
        names = ", ".join(f"{n}({', '.join(problem.parameters[n].on)})" for n in problem.unknown_functions)  # type: ignore[union-attr]
        self.notes = (
            f"{names} to be found: Chebyshev polynomials, as smooth as the data ask for (nothing neural in them); for any "
            "of them the equations are solved, and the most probable one is found by Gauss-Newton",
        )

    # -- levels ------------------------------------------------------------------------------------------------------

    def _begin(self, deadline: Deadline, strength: Strength | None = None) -> InverseFit:
        """The fit at the present level, from what is known."""
        problem = self.problem
        edges, degrees = self.levels.at(self.level)
        discretization = Discretization(problem, Chebyshev(degrees), _TRUNCATION, self.weight)
        cells = Cells(edges, problem.domain.time)
        if self.fit is None:
            return self._first(discretization, cells, deadline)
        before, state = self.fit, self._piece(self.fit)
        sought = self._sought(self._ranges(state))
        weights = [
            new.moved(mine, old) if isinstance(new, SoughtFunction) and isinstance(old, SoughtFunction) else mine
            for new, old, mine in zip(
                sought, before.system.sought, split(before.place.weights, before.system.sought), strict=True
            )
        ]
        system = InverseSystem(discretization, cells, sought)
        unknowns = discretization.moved(state, cells)
        return InverseFit(system, settled(system, unknowns, np.concatenate(weights), deadline), before.strength)

    def _first(self, discretization: Discretization, cells: Cells, deadline: Deadline) -> InverseFit:
        """The unknowns for the first guess of everything, and from there the range of states."""
        ranges = {u: (0.0, 1.0) for u in self.problem.unknowns}
        guesses = [discretization.guess(cells, None)]
        if self.problem.domain.time is None:
            guesses += discretization.constants(cells)
        error: Exception | None = None
        for guess in guesses:
            sought = self._sought(ranges)
            start = np.concatenate([each.start for each in sought])
            try:
                place = settled(InverseSystem(discretization, cells, sought), guess, start, deadline)
            except UndecidedError as reason:
                names = ", ".join((*self.problem.unknown_functions, *self.problem.unknown_parameters))
                raise NothingSolvedError(
                    f"HardConstraintMoE: for a given {names} the equations and conditions do not decide "
                    f"{', '.join(self.problem.unknowns)} ({reason}): add the conditions that are missing (what a condition "
                    "prescribes may be an unknown function itself)."
                ) from reason
            except NotSettledError as reason:
                error = reason
                continue
            state = Piece(self.problem.unknowns, cells, discretization.basis, place.unknowns, {}, lift=discretization.lift)
            sought = self._sought(self._ranges(state))
            system = InverseSystem(discretization, cells, sought)
            start = np.concatenate([each.start for each in sought])
            return InverseFit(system, settled(system, place.unknowns, start, deadline))
        raise NothingSolvedError(
            f"HardConstraintMoE: {error}; give first guesses for which the problem has a solution, "
            "Unknown(start, of=...) with another start."
        )

    def _sought(self, ranges: Mapping[str, tuple[float, float]]) -> list[Sought]:
        found: list[Sought] = []
        for name, value in self.problem.parameters.items():
            if name in self.problem.unknown_parameters:
                found.append(SoughtNumber(name, value))  # type: ignore[arg-type]
            elif isinstance(value, UnknownFunction):
                intervals = [(self.problem.domain.bounds | ranges)[argument] for argument in value.on]
                degree = coarse_degree(len(value.on), self.level)
                found.append(SoughtFunction(name, value, [degree] * len(value.on), intervals))
        return found

    def _ranges(self, state: Piece) -> dict[str, tuple[float, float]]:
        """{unknown: between what its values are}, of a solution and of data."""
        at = state.cells.points(np.arange(state.cells.count), state.basis.tensor_nodes())
        values = state.values(torch.from_numpy(at.reshape(-1, at.shape[-1]))).numpy()
        ranges = {}
        for j, unknown in enumerate(self.problem.unknowns):
            seen = [values[:, j]]
            for condition in self.problem.conditions:
                if isinstance(condition, Data) and condition.of is None and unknown in condition.values:
                    measured = condition.values[unknown]
                    seen += [measured.numpy()] if isinstance(measured, Tensor) else []
            low, high = min(float(v.min()) for v in seen), max(float(v.max()) for v in seen)
            margin = _MARGIN * (high - low) or 1.0
            ranges[unknown] = (low - margin, high + margin)
        return ranges

    # -- March -------------------------------------------------------------------------------------------------------

    @property
    def pieces(self) -> Sequence[Piece]:
        return self._pieces

    def advance(self, deadline: Deadline | None = None) -> Advance:
        deadline = deadline or Deadline()
        try:
            if self.fit is None:
                self.fit = self._begin(deadline)
                return Advance(False, 0.1)
            fit = self.fit
            if not fit.found and fit.steps < _MOST_STEPS:
                fit.step(deadline)
                return Advance(False, 1 - 0.9 / (1 + fit.steps))
            if not self._finer(deadline):
                return self._done(Status.CONVERGED if fit.found else Status.STALLED)
            return Advance(False, 0.9)
        except TimeIsUpError:
            if self.fit is None or self.fit.strength is None:
                raise NothingSolvedError(
                    "HardConstraintMoE: max_seconds was reached before the functions were found; give more seconds."
                ) from None
            return self._done(Status.BUDGET_REACHED)

    def _finer(self, deadline: Deadline) -> bool:
        """Go on at the next level, unless the last one made no difference or the next is too large."""
        fit = self.fit
        assert fit is not None
        if self._before is not None and self._same(self._before, fit):
            return False
        self.level += 1
        edges, degrees = self.levels.at(self.level)
        size = math.prod((len(e) - 1) * (p + 1) for e, p in zip(edges.values(), degrees, strict=True))
        if size * len(self.problem.unknowns) > _MOST_UNKNOWNS:
            self.level -= 1
            self.notes += ("finer cells would take too much memory or time; how accurate the equations are solved is not "
                           "known from them",)  # fmt: skip
            return False
        kept = fit
        try:
            self.fit = self._begin(deadline)
        except (NotSettledError, UndecidedError):
            self.level -= 1
            return False
        self._before = kept
        return True

    def _same(self, before: InverseFit, fit: InverseFit) -> bool:
        """Whether the functions of two levels are the same, next to what data leave uncertain."""
        assert fit.strength is not None
        factor = fit.regularized.posterior(fit.strength).factor
        columns = split(np.arange(len(fit.place.weights)), fit.system.sought)
        olds = zip(before.system.sought, split(before.place.weights, before.system.sought), strict=True)
        for new, mine, (old, weights) in zip(fit.system.sought, columns, olds, strict=True):
            own = factor[mine]
            if isinstance(new, SoughtFunction) and isinstance(old, SoughtFunction):
                moved, nodes = new.moved(weights, old), new.basis.tensor_nodes(surplus=1.0)
                rows = new.basis.rows(nodes, (0,) * len(new.on))
                off, size = rows @ (moved - fit.place.weights[mine]), np.abs(rows @ fit.place.weights[mine]).max()
                spread = np.linalg.norm(rows @ own, axis=1)
            else:
                off, size = weights - fit.place.weights[mine], float(np.abs(weights).max())
                spread = np.linalg.norm(own, axis=1)
            near = np.sqrt((off**2).mean()) < _UNSEEN * np.sqrt((spread**2).mean())
            if not (near or np.abs(off).max() < _SETTLED * size):
                return False
        return True

    def _done(self, status: Status) -> Advance:
        fit = self.fit
        assert fit is not None and fit.strength is not None
        self._pieces = [self._piece(fit, fit.regularized.whole_factor(fit.strength))]
        self.notes += tuple(self._remarks(fit, fit.strength))
        misfit = sum(float((q.misfits**2).sum()) for q in fit.place.linear.quantities)
        return Advance(True, 1.0, misfit, fit.place.linear.residual**2, {"experts": float(fit.system.cells.count)}, status)

    def _remarks(self, fit: InverseFit, strength: Strength) -> list[str]:
        """What the fit says of the noise."""
        found = []
        posterior = fit.regularized.posterior(strength)
        pairs = zip(fit.place.linear.quantities, fit.regularized.variances(strength), posterior.freedom, strict=True)
        for quantity, variance, freedom in pairs:
            if quantity.label == "condition":
                continue
            n, square = len(quantity.misfits), float((quantity.misfits**2).sum())
            if quantity.noise is None:
                found.append(f"the noise of {quantity.label} is estimated: {math.sqrt(variance):.2g}")
            elif square > (n - freedom) + 4 * math.sqrt(2 * n):
                found.append(
                    f"{quantity.label} is missed by {math.sqrt(square / max(n - freedom, 1.0)):.2g} times its noise: the "
                    "equations, or the noise that was given, do not fit the data"
                )
        return found

    def _piece(self, fit: InverseFit, factor: Array | None = None) -> Piece:
        """The solution at a fit; with the covariance F F^T of what is sought."""
        made, sought = fit.system.discretization, fit.system.sought
        weights = split(fit.place.weights, sought)
        wide = np.zeros((len(fit.place.weights), 0)) if factor is None else factor
        factors = np.split(wide, np.cumsum([each.size for each in sought])[:-1])
        names = {each.name for each in sought}
        functions = {
            each.name: each.found(mine, own)
            for each, mine, own in zip(sought, weights, factors, strict=True)
            if isinstance(each, SoughtFunction)
        }
        numbers = {e.name: e.value(mine) for e, mine in zip(sought, weights, strict=True) if isinstance(e, SoughtNumber)}
        constants = {name: value for name, value in made.parameters.items() if name not in names}
        return Piece(
            self.problem.unknowns, fit.system.cells, made.basis, fit.place.unknowns, constants, numbers, made.lift, functions
        )

    def field(self) -> Callable[[Tensor], Tensor]:
        if not self._pieces:
            raise NothingSolvedError("HardConstraintMoE: the functions were not found before the run ended.")
        return self._pieces[-1].values

    def state(self) -> dict[str, Any]:
        if self.fit is None:
            return {"level": -1}
        strength, place = self.fit.strength, self.fit.place
        known = {} if strength is None else {"logs": torch.from_numpy(strength.logs), "order": strength.order}
        return {
            "level": self.level, "unknowns": torch.from_numpy(place.unknowns), "weights": torch.from_numpy(place.weights),
            "intervals": [[list(pair) for pair in each.intervals] if isinstance(each, SoughtFunction) else []
                          for each in self.fit.system.sought],
            "steps": self.fit.steps, "found": self.fit.found, **known,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        raise NotImplementedError



def first_degrees(region: Box) -> dict[str, int]:
    """{coordinate: degree of the unknowns' polynomials at the first level}."""
    space = len(region.space)
    along = {0: 0, 1: 16, 2: 14}[space] if not region.has_time else {0: 0, 1: 14, 2: 9}[space]
    return {name: (20 if not space else 10) if name == region.time else along for name in region.coordinates}


def function_obstacles(problem: Problem) -> Iterator[str]:
    """Why functions cannot be found here."""
    names = ", ".join(problem.unknown_functions)
    if len(problem.domain.space) > 2:
        yield f"HardConstraintMoE() finds functions such as {names} in at most two dimensions of space."
    if problem.forward is not problem:
        yield f"HardConstraintMoE() finds functions such as {names} forward in time: give Initial(...) and Data, no Final."
    if not any(isinstance(c, Data) for c in problem.conditions):
        yield f"{names} cannot be found without data; add Data(points=..., u=...)."
    for condition in problem.conditions:
        if isinstance(condition, Integral):
            yield f"HardConstraintMoE() takes no integrals beside functions to be found ({names}), such as {condition!r}."
        if isinstance(condition, Data) and condition.weight != 1:
            yield (
                f"{condition!r} has weight={condition.weight}, which has no effect where functions are to be found: how much "
                "data count follows from their noise; give sd=..., or leave weight out."
            )
