"""The solve for functions that are sought, step by step, with finer cells until the data do not see the difference.

Letters: K cells, m unknowns, N basis functions, p coefficients of what is sought.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.algebra.confidence import Covariance
from pinnlab.declaration.parameters.unknown_functions import UnknownFunction
from pinnlab.declaration.problem import Problem
from pinnlab.domains.cells import Cells
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.solvers.local_experts.basis import Chebyshev
from pinnlab.solvers.local_experts.discretization import Discretization
from pinnlab.solvers.local_experts.inverse.completion import completed
from pinnlab.solvers.local_experts.inverse.fit import InverseFit, NotSettledError, Place, settled
from pinnlab.solvers.local_experts.inverse.grading import cut_positions, enough, ranges, slow_intervals
from pinnlab.solvers.local_experts.inverse.levels import Levels
from pinnlab.solvers.local_experts.inverse.linear import InverseSystem
from pinnlab.solvers.local_experts.inverse.quantities import UndecidedError
from pinnlab.solvers.local_experts.inverse.refinement import resolved, rich, same, shift
from pinnlab.solvers.local_experts.inverse.sought import (
    Sought,
    SoughtFunction,
    SoughtNumber,
    coarse_degree,
    split,
)
from pinnlab.solvers.local_experts.inverse.strength import Strength
from pinnlab.solvers.local_experts.inverse.trust import Trust, explained, trust
from pinnlab.solvers.local_experts.piece import Piece
from pinnlab.training.plans import Advance, March, NothingSolvedError
from pinnlab.training.status import Status
from pinnlab.training.uncertainty import Uncertainty

Array = np.ndarray
_MOST_STEPS = 25
"""Per level."""
_FEWEST_STEPS = 3
"""That a level takes, of the time of which there must be enough left to begin it."""
_MOST_UNKNOWNS, _MOST_GRADED = 3000, 1000
"""Coefficients of the unknowns, whose matrices are dense; and up to which intervals of time are cut."""
_TRUNCATION = 1e-8
_COARSE = 3.0
"""Standard deviations that finer cells may move what is found by, from which on cells may be to blame for what is left."""


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
        whole = completed(problem)
        self.problem, self.levels, self.weight = whole.problem, levels, weight
        self._wanted = problem.unknown_functions
        self.level = self.richness = 0
        self._seconds = 0.0
        self._before: tuple[list[Sought], Array, int] | None = None
        self._pieces: list[Piece] = []
        self._ended: Status | None = None
        self._rivals: list[Strength] | None = None
        self._best: InverseFit[InverseSystem] | None = None
        self.fit: InverseFit[InverseSystem] | None = None
        names = ", ".join(f"{n}({', '.join(problem.parameters[n].on)})" for n in problem.unknown_functions)  # type: ignore[union-attr]
        self.notes = (
            f"{names} to be found: Chebyshev polynomials, as smooth as the data ask for (nothing neural in them); for any "
            "of them the equations are solved, and the most probable one is found by Gauss-Newton",
            *whole.notes,
        )

    # -- levels ------------------------------------------------------------------------------------------------------

    def _begin(self, deadline: Deadline, strength: Strength | None = None) -> InverseFit[InverseSystem]:
        """The fit at the present level, from what is known."""
        discretization, cells = self._discretization(), self._cells()
        if self.fit is None:
            return self._first(discretization, cells, deadline)
        before, state = self.fit, self._piece(self.fit)
        sought = self._sought(self._intervals(ranges(self.problem, state)), self.richness)
        weights = [
            new.moved(mine, old) if isinstance(new, SoughtFunction) and isinstance(old, SoughtFunction) else mine
            for new, old, mine in zip(
                sought, before.system.sought, split(before.place.weights, before.system.sought), strict=True
            )
        ]
        system = InverseSystem(discretization, cells, sought)
        unknowns = discretization.moved(state, cells)
        place = settled(system, unknowns, np.concatenate(weights), deadline)
        return before.continued(system, place)

    def _first(self, discretization: Discretization, cells: Cells, deadline: Deadline) -> InverseFit[InverseSystem]:
        """The unknowns for the first guess of everything, and from there the range of states."""
        nothing = {u: (0.0, 1.0) for u in self.problem.unknowns}
        guesses = [discretization.guess(cells, None)]
        if self.problem.domain.time is None:
            guesses += discretization.constants(cells)
        error: Exception | None = None
        while guesses:
            guess = guesses.pop(0)
            sought = self._sought(self._intervals(nothing), self.richness)
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
            state = Piece(
                self.problem.unknowns, cells, discretization.basis, place.unknowns, {}, lift=discretization.lift
            )
            if self._graded(place.unknowns, cells, enough(self.problem, state)):
                cells = self._cells()
                guesses = [discretization.moved(state, cells)]
                continue
            sought = self._sought(self._intervals(ranges(self.problem, state)), self.richness)
            system = InverseSystem(discretization, cells, sought)
            start = np.concatenate([each.start for each in sought])
            return InverseFit(system, settled(system, place.unknowns, start, deadline))
        raise NothingSolvedError(
            f"HardConstraintMoE: {error}; give first guesses for which the problem has a solution, "
            "Unknown(start, of=...) with another start."
        )

    def _discretization(self) -> Discretization:
        return Discretization(self.problem, Chebyshev(self.levels.at(self.level)[1]), _TRUNCATION, self.weight)

    def _cells(self) -> Cells:
        return Cells(self.levels.at(self.level)[0], self.problem.domain.time)

    def _graded(self, unknowns: Array, cells: Cells, least: Array) -> bool:
        """Cut intervals of time where unknowns that solve the equations are not smooth, such as at the start; or not."""
        marked = slow_intervals(unknowns, self.levels.at(self.level)[1], cells, least)
        if not marked.any():
            return False
        clock = self.problem.domain.clock
        finer = self.levels.cut(clock, cut_positions(cells.edges[clock], marked))
        if finer.size(self.level) * len(self.problem.unknowns) > _MOST_GRADED:
            return False
        self.levels = finer
        return True

    def _intervals(self, ranges: Mapping[str, tuple[float, float]]) -> dict[str, list[tuple[float, float]]]:
        """{function: intervals of its arguments}, for given ranges of unknowns."""
        every = {**self.problem.domain.bounds, **ranges}
        return {
            name: [every[argument] for argument in value.on]
            for name, value in self.problem.parameters.items()
            if isinstance(value, UnknownFunction)
        }

    def _sought(self, intervals: Mapping[str, Sequence[tuple[float, float]]], level: int) -> list[Sought]:
        found: list[Sought] = []
        for name, value in self.problem.parameters.items():
            if name in self.problem.unknown_parameters:
                found.append(SoughtNumber(name, value))  # type: ignore[arg-type]
            elif isinstance(value, UnknownFunction):
                degree = self.levels.jumping if value.jumps else coarse_degree(len(value.on), level)
                found.append(SoughtFunction(name, value, [degree] * len(value.on), intervals[name]))
        return found

    # -- March -------------------------------------------------------------------------------------------------------

    @property
    def pieces(self) -> Sequence[Piece]:
        return self._pieces

    def advance(self, deadline: Deadline | None = None) -> Advance:
        deadline = deadline or Deadline()
        if self._ended is not None:
            return Advance(False, 1.0, stopped=self._ended)
        try:
            if self.fit is None:
                self.fit = self._begin(deadline)
                return Advance(False, 0.1)
            # what is found has to be averaged over strengths yet
            fit, inner = self.fit, deadline.sooner(self.fit.seconds)
            if not fit.found and fit.steps < _MOST_STEPS:
                began = deadline.now()
                fit.step(inner)
                self._seconds = deadline.now() - began
                inner.check()
                return Advance(False, 1 - 0.9 / (1 + fit.steps))
            if self._other_start():
                return Advance(False, 0.5)
            if not self._finer(inner):
                return self._done(Status.CONVERGED if self.fit.found else Status.STALLED, deadline)
            return Advance(False, 0.9)
        except TimeIsUpError:
            self.fit = self._better()
            if self.fit is None or self.fit.strength is None:
                raise NothingSolvedError(
                    "HardConstraintMoE: max_seconds was reached before the functions were found; give more seconds."
                ) from None
            return self._done(Status.BUDGET_REACHED, deadline)

    def _other_start(self) -> bool:
        """Whether to go on from another strength, because what is left of the data is no noise: a false minimum, perhaps.

        When all have been tried, the fit is the best of them.
        """
        fit = self.fit
        assert fit is not None
        if self._rivals is None:
            if shift(fit) > _COARSE or explained(fit):
                return False
            self._rivals = list(fit.regularized.rivals)
        best = self._best = self._better()
        if self._rivals and best is not None and not explained(best):
            self.fit = InverseFit(fit.system, fit.place, self._rivals.pop(), True, fit.seconds)
            return True
        self.fit, self._best = best, None
        return False

    def _better(self) -> InverseFit[InverseSystem] | None:
        """The better of the present fit and the best before: one that explains the data, then the most probable."""
        fit, best = self.fit, self._best
        if best is None or fit is None or fit.strength is None:
            return fit if best is None else best

        def worth(one: InverseFit[InverseSystem]) -> tuple[bool, bool, float]:
            assert one.strength is not None
            return explained(one), one.settled, one.regularized.score(one.strength, alone=True)

        return max(best, fit, key=worth)

    def _finer(self, deadline: Deadline) -> bool:
        """Go on at the next level, unless the last one made no difference or the next is too large."""
        fit = self.fit
        assert fit is not None
        rough, few = not resolved(fit), not rich(fit)
        if not (rough or few) or (self._before is not None and same(*self._before[:2], fit)):
            return False
        before = self.levels, self.level, self.richness
        graded = rough and self._graded(fit.place.unknowns, fit.system.cells, enough(self.problem, self._piece(fit)))
        self.level, self.richness = self.level + (rough and not graded), self.richness + few
        if self.levels.size(self.level) * len(self.problem.unknowns) > _MOST_UNKNOWNS:
            self.levels, self.level, self.richness = before
            self.notes += ("finer cells would take too much memory or time; how accurate the equations are solved is not "
                           "known from them",)  # fmt: skip
            return False
        # dense matrices: solving for the unknowns takes as the cube of their size, the choice of the strength as before
        longer = (self.levels.size(self.level) / before[0].size(before[1])) ** 3
        if _FEWEST_STEPS * (self._seconds + (longer - 1) * fit.settling) > deadline.left:
            self.levels, self.level, self.richness = before
            self.notes += ("there was no time for finer cells; how accurate the equations are solved is not known",)
            raise TimeIsUpError("no time for finer cells")
        kept = fit
        try:
            self.fit = self._begin(deadline)
        except (NotSettledError, UndecidedError):
            self.levels, self.level, self.richness = before
            return False
        if not graded:  # cuts in time alone tell nothing of how the degrees serve
            self._before = (list(kept.system.sought), kept.place.weights, before[2])
        return True

    def _done(self, status: Status, deadline: Deadline) -> Advance:
        fit = self.fit
        assert fit is not None and fit.strength is not None
        self._ended = status
        found = trust(fit, (*self._wanted, *self.problem.unknown_parameters))
        factor = fit.average(deadline) if np.isfinite(found.wider) else None
        if factor is not None:
            factor = found.wider * factor
        elif not found.remarks:
            found = replace(found, remarks=("there was no time left to tell how sure it is; there is no band",))
        self._pieces, self.uncertainty = [self._piece(fit, factor)], self._sure(fit, factor, found)
        self.notes += found.noises
        misfit = sum(float((q.misfits**2).sum()) for q in fit.place.linear.quantities)
        return Advance(
            True, 1.0, misfit, fit.place.linear.residual**2, {"experts": float(fit.system.cells.count)}, status
        )

    @staticmethod
    def _sure(fit: InverseFit[InverseSystem], factor: Array | None, found: Trust) -> Uncertainty | None:
        """How sure numbers are that were found beside functions, and what there is to doubt; without a band, anything."""
        columns = split(np.arange(len(fit.place.weights)), fit.system.sought)
        numbers = [
            (e, mine[0]) for e, mine in zip(fit.system.sought, columns, strict=True) if isinstance(e, SoughtNumber)
        ]
        if not (numbers or found.remarks):
            return None
        at = [i for _, i in numbers]
        spread = np.diag(np.full(len(at), np.inf)) if factor is None else factor[at] @ factor[at].T
        known = Covariance(spread, np.zeros((0, len(at))))
        names, frees = tuple(each.name for each, _ in numbers), tuple(each.free for each, _ in numbers)
        return Uncertainty(names, fit.place.weights[at], frees, known, notes=found.remarks)

    def _piece(self, fit: InverseFit[InverseSystem], factor: Array | None = None) -> Piece:
        """The solution at a fit; with the covariance F F^T of what is sought."""
        made, sought = fit.system.discretization, fit.system.sought
        weights = split(fit.place.weights, sought)
        wide = np.zeros((len(fit.place.weights), 0)) if factor is None else factor
        factors = np.split(wide, np.cumsum([each.size for each in sought])[:-1])
        names = {each.name for each in sought}
        functions = {
            each.name: each.found(mine, own)
            for each, mine, own in zip(sought, weights, factors, strict=True)
            if isinstance(each, SoughtFunction) and each.name in self._wanted
        }
        numbers = {
            e.name: e.value(mine) for e, mine in zip(sought, weights, strict=True) if isinstance(e, SoughtNumber)
        }
        constants = {name: value for name, value in made.parameters.items() if name not in names}
        return Piece(
            self.problem.unknowns,
            fit.system.cells,
            made.basis,
            fit.place.unknowns,
            constants,
            numbers,
            made.lift,
            functions,
        )

    def field(self) -> Callable[[Tensor], Tensor]:
        if not self._pieces:
            raise NothingSolvedError("HardConstraintMoE: the functions were not found before the run ended.")
        return self._pieces[-1].values

    def state(self) -> dict[str, Any]:
        if self.fit is None:
            return {"level": 0, "richness": 0}
        # other starts are tried anew from the best so far
        fit = self.fit if self._best is None else self._best
        before = {} if self._before is None else {"before": _plain_sought(*self._before)}
        strength = None if fit.strength is None else fit.strength.to_data()
        return {
            "level": self.level,
            "richness": self.richness,
            "cuts": {name: list(positions) for name, positions in self.levels.cuts.items()},
            "unknowns": torch.from_numpy(fit.place.unknowns),
            "now": _plain_sought(fit.system.sought, fit.place.weights, self.richness),
            "strength": strength,
            "scales": [torch.from_numpy(scale) for scale in fit.system.scales],
            "progress": fit.progress,
            "pieces": [piece.state() for piece in self._pieces],
            "notes": list(self.notes),
            "ended": None if self._ended is None else self._ended.name,
            "uncertainty": None if self.uncertainty is None else self.uncertainty.to_data(),
            **before,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.level, self.richness = int(state["level"]), int(state["richness"])
        if "now" not in state:
            return
        sought, weights = self._restored(state["now"])
        for name, positions in state.get("cuts", {}).items():
            self.levels = self.levels.cut(name, positions)
        discretization = self._discretization()
        system = InverseSystem(discretization, self._cells(), sought)
        system.scales = [scale.cpu().numpy() for scale in state["scales"]]
        unknowns = state["unknowns"].cpu().numpy()
        found = state["strength"]
        strength = None if found is None else Strength.from_data(found)
        self.fit = InverseFit(system, Place(unknowns, weights, system.linearized(unknowns, weights)), strength)
        self.fit.progress = dict(state["progress"])
        if "before" in state:
            self._before = (*self._restored(state["before"]), int(state["before"]["richness"]))
        constants = {n: v for n, v in discretization.parameters.items() if n not in {each.name for each in sought}}
        self._pieces = [
            Piece.from_data(data, discretization.basis, constants, discretization.lift) for data in state["pieces"]
        ]
        self.notes = tuple(state["notes"])
        self._ended = None if state["ended"] is None else Status[state["ended"]]
        told = state.get("uncertainty")
        self.uncertainty = None if told is None else Uncertainty.from_data(told)

    def _restored(self, data: Mapping[str, Any]) -> tuple[list[Sought], Array]:
        intervals = {name: [(float(a), float(b)) for a, b in pairs] for name, pairs in data["intervals"].items()}
        return self._sought(intervals, int(data["richness"])), data["weights"].cpu().numpy()


def _plain_sought(sought: Sequence[Sought], weights: Array, richness: int) -> dict[str, Any]:
    intervals = {f.name: [list(pair) for pair in f.intervals] for f in sought if isinstance(f, SoughtFunction)}
    return {"weights": torch.from_numpy(weights), "intervals": intervals, "richness": richness}
