"""The report of ``problem.check()``: what a problem says, and what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinnlab.conditions import BoundaryCondition, Data, Initial, Periodic
from pinnlab.domains import TIME
from pinnlab.parameters import Family, Unknown

if TYPE_CHECKING:
    from pinnlab.problem import Problem


@dataclass(frozen=True)
class ProblemReport:
    """What a dry run found; ``print`` it.

    Attributes:
        derivatives: {unknown: derivatives that the equations use}, such as ``("t", "xx")``.
        residuals: names of the equations' residuals.
        conditions: (condition, ``"exact"`` or ``"soft"``).
        notes: remarks that need no action.
        missing: what the problem seems to lack.
    """

    summary: str
    derivatives: dict[str, tuple[str, ...]]
    residuals: tuple[str, ...]
    conditions: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing seems to be missing."""
        return not self.missing

    def __str__(self) -> str:
        lines = [self.summary]
        for unknown, used in self.derivatives.items():
            names = ", ".join(f"{unknown}_{name}" if name else unknown for name in used)
            lines.append(f"  unknown {unknown}: uses {names}")
        lines.append(f"  equations: {', '.join(self.residuals)}")
        lines += [f"  {how:5s} {condition}" for condition, how in self.conditions]
        lines += [f"  note: {note}" for note in self.notes]
        lines += [f"  MISSING: {text}" for text in self.missing] or ["  complete"]
        return "\n".join(lines)


def report(problem: Problem) -> ProblemReport:
    """Describe a problem: unknowns, derivatives, conditions, notes and gaps."""
    plan = problem.exact_plan()
    region = problem.domain
    notes, missing = list(plan.notes), []
    for name, value in problem.parameters.items():
        if isinstance(value, Family):
            notes.append(f"parameter {name} is a family {value}: solve a member with problem.at({name}=...)")
        if isinstance(value, Unknown):
            if not any(isinstance(c, Data) for c in problem.conditions):
                missing.append(f"parameter {name} is to be found, but there are no data: add Data(points=..., u=...)")
    context = problem.context()
    for unknown in problem.unknowns:
        if region.has_time and problem.order_of(unknown, TIME) > 0:
            given = {
                len(key)
                for c in problem.conditions
                if isinstance(c, Initial)
                for name, key, _, _ in c.targets(context)
                if name == unknown
            }
            for order in range(problem.order_of(unknown, TIME)):
                if order not in given:
                    missing.append(
                        f"no initial value of {unknown}{'_' + TIME * order if order else ''}: add Initial(...)"
                    )
        bounding = [c for c in problem.conditions if isinstance(c, BoundaryCondition) and unknown in c.values]
        pieces = {piece for c in bounding for piece in c.pieces(context)}
        for coordinate in region.space:
            if problem.order_of(unknown, coordinate) == 0:
                continue
            covered = any(
                isinstance(c, Periodic) and c.on == coordinate and unknown in (c.unknowns or problem.unknowns)
                for c in problem.conditions
            )
            ends = {coordinate + "-", coordinate + "+"} & set(region.named_pieces)
            if ends and not covered and not ends & pieces:
                missing.append(
                    f"no condition on {unknown} at the boundary of {coordinate}: add Dirichlet, Periodic, ..."
                )
        faces = {coordinate + end for coordinate in region.space for end in "-+"}
        bare = [piece for piece in region.pieces(None) if piece not in faces | pieces]
        order = max((problem.order_of(unknown, coordinate) for coordinate in region.space), default=0)
        # transport needs values where it enters, and only there
        if bare and (order > 1 or (order == 1 and not pieces)):
            missing.append(f"no condition on {unknown} at {', '.join(map(repr, bare))}: add Dirichlet, Neumann, ...")
    return ProblemReport(
        summary=f"{problem.name} on {region!r}",
        derivatives={
            u: tuple(sorted(("".join(k) for k in keys), key=lambda s: (len(s), s)))
            for u, keys in problem.derivatives.items()
        },
        residuals=problem.residual_names,
        conditions=tuple((repr(c), "exact" if c in plan.built_in else "soft") for c in problem.conditions),
        notes=tuple(notes),
        missing=tuple(missing),
    )
