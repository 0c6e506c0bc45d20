"""What ``problem.check()`` returns: what a problem says, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pinnlab.declaration.conditions import BoundaryCondition, Condition, Context, Initial, Periodic
from pinnlab.domains import TIME


@dataclass(frozen=True)
class ProblemReport:
    """What a dry run found; ``print`` it.

    Attributes:
        summary: name and domain, in a line.
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


def gaps(context: Context, conditions: Sequence[Condition], order_of: Callable[[str, str], int]) -> list[str]:
    """What a problem seems to lack: initial values, conditions on sides, in sentences.

    Args:
        context: names and region of the problem.
        conditions: all of them.
        order_of: (unknown, coordinate) -> highest order of its derivatives in the equations.
    """
    region, missing = context.region, []
    for unknown in context.unknowns:
        if region.has_time and order_of(unknown, TIME) > 0:
            given = {
                len(key)
                for c in conditions
                if isinstance(c, Initial)
                for name, key, _, _ in c.targets(context)
                if name == unknown
            }
            for order in range(order_of(unknown, TIME)):
                if order not in given:
                    missing.append(
                        f"no initial value of {unknown}{'_' + TIME * order if order else ''}: add Initial(...)"
                    )
        bounding = [c for c in conditions if isinstance(c, BoundaryCondition) and unknown in c.values]
        pieces = {piece for c in bounding for piece in c.pieces(context)}
        for coordinate in region.space:
            if order_of(unknown, coordinate) == 0:
                continue
            covered = any(
                isinstance(c, Periodic) and c.on == coordinate and unknown in (c.unknowns or context.unknowns)
                for c in conditions
            )
            ends = {coordinate + "-", coordinate + "+"} & set(region.named_pieces)
            if ends and not covered and not ends & pieces:
                missing.append(
                    f"no condition on {unknown} at the boundary of {coordinate}: add Dirichlet, Periodic, ..."
                )
        faces = {coordinate + end for coordinate in region.space for end in "-+"}
        bare = [piece for piece in region.pieces(None) if piece not in faces | pieces]
        order = max((order_of(unknown, coordinate) for coordinate in region.space), default=0)
        # transport needs values where it enters, and only there
        if bare and (order > 1 or (order == 1 and not pieces)):
            missing.append(f"no condition on {unknown} at {', '.join(map(repr, bare))}: add Dirichlet, Neumann, ...")
    return missing
