"""Collocation in the parameters of a family: which members are solved, and when they are enough.

Letters: N nodes, p parameters, n points, m unknowns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.parameters.kinds import Uniform
from pinnlab.declaration.problem import Problem
from pinnlab.domains.sampling import unit_points
from pinnlab.machine.calls import explained_call
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.networks.base import check_positive
from pinnlab.solvers.parameter_collocation.members import MemberUnresolvedError, Solved, Solving
from pinnlab.solvers.parameter_collocation.part import InterpolatedFamily
from pinnlab.solvers.parameter_collocation.sparse import SparseGrid
from pinnlab.solvers.parameter_collocation.variables import Axis, numbers_at, place_of
from pinnlab.training.plans import Advance, March, NothingSolvedError, Plan, Settings, Solver
from pinnlab.training.status import Status

_POINTS = 512
"""At which members are compared."""
_SMALL = 1e-3
"""Of the largest member: smaller ones are measured by it, and not by themselves."""
_FEWEST, _FEWEST_EACH = 4, 5
"""Members, and how many more for each parameter, without which a polynomial and a look at its error are worth little."""
_RECENT = 8
"""Members by whose seconds those of the next one are foretold."""
_UNEVEN = 3.0
"""How many times as long as the mean of these one of them may take."""
_FIRST_SECONDS = 1.0
"""That a member may take in any case: much is loaded by the first solve of a process."""
USEFUL = 1e-2
"""Relative error on held-out members up to which a family that ends early is better kept than trained anew."""


@explained_call("write pl.ParameterCollocation(pl.HardConstraintMoE(), tolerance=1e-6)")
@dataclass(frozen=True)
class ParameterCollocation(Solver):
    """Members of a family at nodes of its parameters, each solved by itself, and a polynomial through them.

    Nodes are added one by one where the polynomial was farthest off, in each parameter as many as it needs, until members
    at random parameters, which are solved as well and take no part in it, agree with it. A parameter is taken by its
    logarithm where it goes over more than a factor of five. ``solution.at(a=0.1)`` is a weighted sum of the solved members,
    and takes no solve.

    Args:
        solver: of one member; one that solves directly and trains nothing, such as ``HardConstraintMoE()``.
        tolerance: largest relative error on held-out members; between 1e-12 and 1.
        most_members: nodes at most.

    Raises:
        TypeError, ValueError: an argument out of its range.

    Source: Babuska, Nobile & Tempone, SIAM Journal on Numerical Analysis 45 (2007), for collocation in parameters;
    Chkifa, Cohen & Schwab (2014) for the nodes (``sparse``).
    """

    solver: Solver
    tolerance: float = field(default=1e-7, kw_only=True)
    most_members: int = field(default=1000, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.solver, Solver):
            raise TypeError(f"ParameterCollocation(solver={self.solver!r}): give a solver such as HardConstraintMoE().")
        check_positive("ParameterCollocation", most_members=self.most_members)
        if not 1e-12 < self.tolerance < 1:
            raise ValueError(f"ParameterCollocation(tolerance={self.tolerance!r}): give a number from 1e-12 to 1.")

    def obstacle(self, problem: Problem) -> str | None:
        if not problem.families:
            return (
                "ParameterCollocation solves families, and this problem has no parameter with pl.Uniform(...); solve it by "
                "its members' solver."
            )
        for name in problem.families:
            if not isinstance(problem.parameters[name], Uniform):
                return (
                    f"ParameterCollocation interpolates in numbers, and {name!r} is a family of functions; use "
                    "HardConstraintMoE(network=pl.FNO())."
                )
        return self.solver.obstacle(middle_member(problem))

    def plan(self, problem: Problem, settings: Settings) -> Plan[Any] | March:
        if (why := self.obstacle(problem)) is not None:
            raise ValueError(why)
        return MemberMarch(self, problem, settings)


def middle_member(problem: Problem) -> Problem:
    """The member of a family that stands for all."""
    return problem.at(**middle(problem))


def middle(problem: Problem) -> dict[str, Any]:
    """Its parameters."""
    families: Any = problem.parameters
    return {name: families[name].representative for name in problem.families}


def digits(off: float, wanted: float) -> float:
    """The share of the wanted digits that an error has: log off / log wanted, 0 to 1; 0 of an unknown one."""
    if not off < 1:
        return 0.0
    return 1.0 if off <= wanted else math.log(off) / math.log(wanted)


class MemberMarch(March):
    """Members are solved one after the other.

    Args:
        options: of the solver.
        problem: the family.
        settings: of the solve.
    """

    def __init__(self, options: ParameterCollocation, problem: Problem, settings: Settings):
        self.options, self.problem = options, problem
        self.solving = Solving(options.solver, problem, settings)
        families: Any = problem.parameters
        self.axes = [Axis.of(name, families[name]) for name in problem.families]
        self.grid = SparseGrid(len(self.axes))
        self.nodes: list[Solved] = []
        rng, count = np.random.default_rng(settings.seed), len(self.axes)
        self.checks = [problem.sample_parameters(rng) for _ in range(count + 2)]
        self.points = problem.domain.interior(
            unit_points("sobol", _POINTS, len(problem.domain.coordinates), rng)
        ).points
        self._checked: list[Tensor] = []
        self._values: list[Tensor] = []
        self._seconds, self._remarks = list[float](), list[str]()
        self._part: InterpolatedFamily | None = None

    @property
    def pieces(self) -> Sequence[InterpolatedFamily]:
        if not self.nodes:
            return []
        if self._part is None or len(self._part.nodes) < len(self.nodes):
            grid = SparseGrid(self.grid.count, list(self.grid.indices), list(self.grid.surpluses))
            nodes = [node.parts for node in self.nodes]
            self._part = InterpolatedFamily(self.problem.domain, self.axes, grid, nodes, middle(self.problem))
        return [self._part]

    @property
    def complete(self) -> bool:
        return bool(self.nodes)

    @property
    def notes(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*(() if not self.nodes else (self._told(),)), *self._remarks)

    @property
    def share(self) -> float:
        """Of the digits that are wanted, 0 to 1; half of it are the fewest members that make sense."""
        begun = 0.5 * min(1.0, (len(self.nodes) + len(self._checked)) / self._fewest)
        return max(begun, digits(self.held_out, self.options.tolerance))

    @property
    def _fewest(self) -> int:
        return _FEWEST + _FEWEST_EACH * len(self.axes)

    @property
    def held_out(self) -> float:
        """Largest relative error on the held-out members; NaN before all of them are solved."""
        if len(self._checked) < len(self.checks):
            return math.nan
        found = self._at([place_of(self.axes, numbers) for numbers in self.checks])
        return max(self._distance(mine, solved) for mine, solved in zip(found, self._checked, strict=True))

    def advance(self, deadline: Deadline | None = None) -> Advance:
        deadline = deadline or Deadline()
        checking = len(self.nodes) > len(self.axes) and len(self._checked) < len(self.checks)
        index, promised = self.grid.next()
        enough = promised <= self.options.tolerance and self.held_out <= self.options.tolerance
        if enough:
            return self._stop(Status.CONVERGED)
        if len(self.nodes) >= self.options.most_members and not checking:
            return self._stop(Status.STEPS_DONE)
        # the first member of a process waits for much to be loaded
        if not deadline.allows(max(self._seconds[1:][-_RECENT:], default=0.0)):
            return self._stop(Status.BUDGET_REACHED)
        numbers = self.checks[len(self._checked)] if checking else numbers_at(self.axes, self.grid.node(index))
        began = deadline.now()
        try:
            found = self.solving.solved(numbers, self.patience(deadline))
        except TimeIsUpError:
            return self._stop(Status.BUDGET_REACHED)
        except MemberUnresolvedError as error:
            if not self.nodes:
                raise NothingSolvedError(str(error)) from error
            self._remarks.append(str(error))
            return self._stop(Status.UNRESOLVED)
        self._seconds.append(deadline.now() - began)
        if checking:
            self._checked.append(found.values(self.points))
            return Advance(False, self.share)
        self._take(index, found)
        off, share = self.held_out, self.share
        info = {"members": float(len(self.nodes)), "surplus": self.grid.surpluses[-1], "share": share}
        return Advance(True, share, held_out=off**2, info=info)

    def field(self) -> Callable[[Tensor], Tensor]:
        if not self.nodes:
            raise NothingSolvedError(
                "the time was up before the first member of the family was solved, of which it takes many"
            )
        return self.pieces[0].values

    def state(self) -> dict[str, Any]:
        return {
            "indices": [list(index) for index in self.grid.indices],
            "surpluses": list(self.grid.surpluses),
            "members": [node.state for node in self.nodes],
            "checked": list(self._checked),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.grid, self.nodes, self._values = SparseGrid(len(self.axes)), [], []
        self._checked = [values.cpu() for values in state["checked"]]
        for entry, surplus, member in zip(state["indices"], state["surpluses"], state["members"], strict=True):
            index = tuple(entry)
            found = self.solving.restored(numbers_at(self.axes, self.grid.node(index)), member)
            self._add(index, float(surplus), found)

    def patience(self, deadline: Deadline) -> Deadline:
        """When the next member has to be done: where another solver waits for the time, enough of them have to fit in."""
        missing = self._fewest - len(self.nodes) - len(self._checked)
        if not deadline.extra or missing <= 0:
            return deadline
        patience = max(_UNEVEN * deadline.planned / missing, _FIRST_SECONDS)
        return Deadline.after(min(deadline.left, patience), deadline.now)

    def _take(self, index: tuple[int, ...], found: Solved) -> None:
        """Take up a node, whose distance from the polynomial through the others is its surplus."""
        mine = found.values(self.points)
        surplus = self._distance(self._at([self.grid.node(index)])[0], mine) if self.nodes else 1.0
        self._add(index, surplus, found)

    def _add(self, index: tuple[int, ...], surplus: float, found: Solved) -> None:
        self._values.append(found.values(self.points))
        self.nodes.append(found)
        self.grid.add(index, surplus)

    def _at(self, places: Sequence[Sequence[float]]) -> Tensor:
        """(q, n, m) values of the polynomial at q places (p,)."""
        weights = self.grid.weights(torch.tensor(places, dtype=torch.float64))
        return torch.einsum("qN,Nnm->qnm", weights, torch.stack(self._values))

    def _distance(self, mine: Tensor, solved: Tensor) -> float:
        """Largest error of an unknown, of (n, m) values, relative to how much it varies; or to a part of its largest size,
        where it hardly does.
        """
        largest = torch.stack(self._values).square().mean(dim=1).sqrt().max(dim=0).values
        size = torch.maximum(solved.std(dim=0, correction=0), _SMALL * largest)
        off = (mine - solved).square().mean(dim=0).sqrt()
        return float((off / torch.where(size > 0, size, 1.0)).max())

    def _stop(self, status: Status) -> Advance:
        # what has few digits is dropped where there is time for another solver
        share = 1.0 if self.held_out <= USEFUL else self.share
        return Advance(False, share, stopped=status)

    def _told(self) -> str:
        """What was done, and how far off it is."""
        degrees = ", ".join(self._degrees())
        text = f"{len(self.nodes)} members were solved, and a polynomial goes through them, of degree {degrees}; "
        off = self.held_out
        if math.isnan(off):
            return text + "there was no time to solve others that would tell how far off it is in between"
        text += f"from {len(self.checks)} others, solved as well, it differs by at most {off:.1e} (relative)"
        return (
            text if off <= self.options.tolerance else f"{text}, more than the tolerance of {self.options.tolerance:g}"
        )

    def _degrees(self) -> Iterator[str]:
        for d, axis in enumerate(self.axes):
            name = f"log {axis.name}" if axis.logarithmic else axis.name
            yield f"{max(index[d] for index in self.grid.indices)} in {name}"
