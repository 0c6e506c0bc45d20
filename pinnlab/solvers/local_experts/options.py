"""Options of the local experts of one instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch

from pinnlab.declaration.problem import Problem
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.networks.base import check_positive
from pinnlab.solvers.experts.partition import Cuts, inner_cuts
from pinnlab.solvers.local_experts.basis import BASES
from pinnlab.solvers.options import check_choice, check_mappings, check_shares
from pinnlab.training.plans import NothingSolvedError, Settings, Solver
from pinnlab.training.status import Status

_OWNER = "HardConstraintMoE"


@dataclass(frozen=True, kw_only=True)
class ExpertOptions(Solver):
    """What is chosen of experts that solve one instance, whatever covers its region.

    Args:
        experts: of space, at the start: {coordinate: number of equal cells, or positions of edges, which stay}; None
            takes 4 in one dimension and 2 along each of several, with time 1.
        condition_weight: of initial, boundary and interface rows, against one for those of the equations.
        features: ``"chebyshev"`` (local polynomials; nothing neural in them) or ``"tanh"`` (the hidden layer of a random
            network).
        degrees: {coordinate: polynomial degree of an expert, or whose resolution its features have}, 3 to 40; None
            chooses.
        tolerance: truncation error of an expert, relative to the size of each unknown; between 1e-13 and 1.
        most_experts: in one time slab.

    Raises:
        TypeError, ValueError: an argument out of its range.
    """

    experts: Cuts | None = None
    condition_weight: float = 100.0
    features: str = "chebyshev"
    degrees: Mapping[str, int] | None = None
    tolerance: float = 1e-7
    most_experts: int = 400

    def __post_init__(self) -> None:
        check_shares(_OWNER, self.experts, self.condition_weight)
        check_choice(_OWNER, tuple(BASES), features=self.features)
        check_positive(_OWNER, most_experts=self.most_experts)
        if not 1e-13 < self.tolerance < 1:
            raise ValueError(f"{_OWNER}(tolerance={self.tolerance!r}): give a number between 1e-13 and 1.")
        check_mappings(_OWNER, degrees=self.degrees)
        for name, degree in (self.degrees or {}).items():
            if isinstance(degree, bool) or not isinstance(degree, int) or not 3 <= degree <= 40:
                raise ValueError(f"{_OWNER}(degrees={{{name!r}: {degree!r}}}): give a whole number from 3 to 40.")

    @property
    def functions(self) -> str:
        """What experts are made of, in words."""
        return "random tanh features" if self.features == "tanh" else "Chebyshev polynomials (nothing neural in them)"

    def in_variables(self, change: ChangeOfVariables, problem: Problem) -> Solver:
        return replace(self, experts=inner_cuts(self.experts, change)) if self.experts else self


def runs_on(settings: Settings) -> bool:
    """Whether local experts run there: they compute in float64 on the CPU."""
    return settings.device.type == "cpu" and settings.dtype == torch.float64


def check_runs_on(settings: Settings, instead: str) -> None:
    """Raise ValueError where local experts do not run.

    Args:
        settings: of the solve.
        instead: what runs there.
    """
    if not runs_on(settings):
        raise ValueError(
            f"{_OWNER}() solves one instance with NumPy, in float64 on the CPU, not in {settings.dtype} on "
            f"{str(settings.device)!r}; leave out dtype and device, or {instead}, which is trained there."
        )


def of_families(problem: Problem) -> Iterator[str]:
    """Why a family is none of their problems, for each of its parameters."""
    for name in problem.families:
        yield (
            f"LocalExperts() solve one instance, and parameter {name!r} is a family; solve a member, "
            f"problem.at({name}=...)."
        )


def nothing_solved(reason: Exception | str, status: Status = Status.UNRESOLVED) -> NothingSolvedError:
    """The error of a march that ends before its first piece."""
    # there are no earlier times, with or without NaN beyond them
    advice = "Give more seconds, or a larger tolerance=" if status is Status.INCOMPLETE else status.value
    return NothingSolvedError(f"{_OWNER}: nothing could be solved: {reason}. {advice}.")
