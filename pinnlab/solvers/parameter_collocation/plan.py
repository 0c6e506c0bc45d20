"""Collocation in the parameters of a family: which members are solved, and when they are enough.

Letters: N nodes, p parameters, n points, m unknowns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from pinnlab.solvers.parameter_collocation.variables import Axis, better_axis, numbers_at, place_of
from pinnlab.training.plans import Advance, March, NothingSolvedError, Plan, Settings, Solver
from pinnlab.training.status import Status

_TINY = 1e-300
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
USEFUL = 3e-3
"""Relative error on held-out members up to which a family that ends early is better kept than trained anew; one that is not
there by half of the time is: experts over trained basis functions come to 1e-4 to 1 in 40 s."""


@explained_call("write pl.ParameterCollocation(pl.HardConstraintMoE(), tolerance=1e-6)")
@dataclass(frozen=True)
class ParameterCollocation(Solver):
    """Members of a family at nodes of its parameters, each solved by itself, and a polynomial through them.

    Nodes are added one by one where the polynomial was farthest off, in each parameter as many as it needs, until members
    at random parameters, which are solved as well and take no part in it, agree with it. A parameter that goes over more
    than a factor of five is taken by its logarithm, unless it is clearly better as it is. ``solution.at(a=0.1)`` is a
    weighted sum of the solved members, and takes no solve.

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


def digits(off: float) -> float:
    """The share of what is wanted that an error stands for: by its logarithm, a quarter for a useful one."""
    return min(1.0, 0.25 * math.log(max(off, _TINY)) / math.log(USEFUL)) if off < 1 else 0.0


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
        self._open = [d for d, axis in enumerate(self.axes) if axis.wide]
        self._tried: dict[tuple[float, ...], Solved] = {}
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

    def share(self, deadline: Deadline) -> float:
        """How far it is, 0 to 1, for those who judge it at the deadline; by members, where there are too few to tell."""
        soon = max(self._seconds[-_RECENT:], default=0.0)
        if self._done < self._fewest and deadline.left < 2 * soon:
            return 0.5 * self._done / self._fewest
        return digits(self.held_out)

    @property
    def _done(self) -> int:
        """Members that were solved."""
        return len(self._seconds)

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
        if self._open:
            return self._try_axis(deadline)
        checking = len(self.nodes) > len(self.axes) and len(self._checked) < len(self.checks)
        index, promised = self.grid.next()
        enough = promised <= self.options.tolerance and self.held_out <= self.options.tolerance
        if enough:
            return self._stop(Status.CONVERGED)
        if len(self.nodes) >= self.options.most_members and not checking:
            return self._stop(Status.STEPS_DONE)
        numbers = self.checks[len(self._checked)] if checking else numbers_at(self.axes, self.grid.node(index))
        found = self._solved(numbers, deadline)
        if isinstance(found, Advance):
            return found
        if checking:
            self._checked.append(found.values(self.points))
            return Advance(False, self.share(deadline))
        self._take(index, found)
        off, share = self.held_out, self.share(deadline)
        info = {"members": float(len(self.nodes)), "surplus": self.grid.surpluses[-1], "share": share}
        return Advance(True, share, held_out=off**2, info=info)

    def _try_axis(self, deadline: Deadline) -> Advance:
        """Solve one of the four members that tell whether a wide number is better taken by its logarithm."""
        d = self._open[0]
        axis, middles = self.axes[d], [each.number(0.0) for each in self.axes]
        places = (axis.number(0.0), axis.lower, axis.other.number(0.0), axis.upper)
        members = [(*middles[:d], place, *middles[d + 1 :]) for place in places]
        missing = next((each for each in members if each not in self._tried), None)
        if missing is not None:
            found = self._solved(dict(zip(self.problem.families, missing, strict=True)), deadline)
            if isinstance(found, Advance):
                known = self._tried.get(tuple(middles))
                if found.stopped is not None and known is not None:
                    self._open.clear()
                    self._take((0,) * len(self.axes), known)
                return found
            self._tried[missing] = found
        if all(each in self._tried for each in members):
            mine, low, others, high = (self._tried[each].values(self.points) for each in members)
            self.axes[d] = better_axis(axis, low, (mine, others), high)
            self._open.pop(0)
        return Advance(False, self.share(deadline))

    def _solved(self, numbers: Mapping[str, float], deadline: Deadline) -> Solved | Advance:
        """The member with these numbers, or how the march ends without it."""
        if (known := self._tried.get(tuple(numbers.values()))) is not None:
            return known
        # the first member of a process waits for much to be loaded
        if not deadline.allows(max(self._seconds[1:][-_RECENT:], default=0.0)):
            return self._stop(Status.BUDGET_REACHED)
        began = deadline.now()
        try:
            found = self.solving.solved(numbers, self.patience(deadline))
        except TimeIsUpError:
            return self._stop(Status.BUDGET_REACHED)
        except MemberUnresolvedError as error:
            if self._open:
                # where the solution is to be found, the nodes say
                self._open.pop(0)
                return Advance(False, self.share(deadline))
            if not self.nodes:
                raise NothingSolvedError(str(error)) from error
            self._remarks.append(str(error))
            return self._stop(Status.UNRESOLVED)
        self._seconds.append(deadline.now() - began)
        return found

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
            "logarithmic": [axis.logarithmic for axis in self.axes],
            "open": list(self._open),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.grid, self.nodes, self._values = SparseGrid(len(self.axes)), [], []
        self._checked = [values.cpu() for values in state["checked"]]
        pairs = zip(self.axes, state["logarithmic"], strict=True)
        self.axes = [axis if axis.logarithmic == wanted else axis.other for axis, wanted in pairs]
        self._open = list(state["open"])
        for entry, surplus, member in zip(state["indices"], state["surpluses"], state["members"], strict=True):
            index = tuple(entry)
            found = self.solving.restored(numbers_at(self.axes, self.grid.node(index)), member)
            self._add(index, float(surplus), found)

    def patience(self, deadline: Deadline) -> Deadline:
        """When the next member has to be done: where another solver waits for the time, enough of them have to fit in."""
        missing = self._fewest - self._done
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
        return Advance(False, digits(self.held_out), stopped=status)

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
