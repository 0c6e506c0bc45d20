"""Periodicity in a coordinate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from pinnlab.declaration.conditions.base import AnyCondition
from pinnlab.declaration.terms import Context, Scope, Term
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.derivatives.names import Key
from pinnlab.domains import Site
from pinnlab.machine.calls import explained_call


@explained_call("write pl.Periodic(on='x')")
class Periodic(AnyCondition):
    """Periodicity in a coordinate: values and derivatives agree at both ends: ``Periodic(on="x")``.

    Args:
        on: the coordinate.
        unknowns: which unknowns; all if None.
        exact: True builds it in through a periodic embedding of the coordinate (all unknowns).
        weight: of the soft form, which matches derivatives up to the equations' order less one.
        where: must stay None: both ends agree everywhere.
    """

    can_be_exact = True
    on: str

    def __init__(
        self,
        on: str,
        *,
        unknowns: Sequence[str] | None = None,
        exact: bool | None = None,
        weight: float = 1.0,
        where: None = None,
    ):
        super().__init__(exact, weight, {})
        if where is not None:
            raise ValueError(
                "Periodic(where=...): both ends of a periodic coordinate agree everywhere; leave where out, or "
                "prescribe values on parts of both ends."
            )
        if not isinstance(on, str):
            raise TypeError(f"Periodic(on={on!r}): name a coordinate, such as on='x'.")
        self.on = on
        if unknowns is not None and (not isinstance(unknowns, Sequence) or not unknowns):
            raise TypeError(f"Periodic(unknowns={unknowns!r}): name one or more unknowns, or leave it out for all.")
        self.unknowns = (unknowns,) if isinstance(unknowns, str) else None if unknowns is None else tuple(unknowns)

    def check(self, context: Context) -> None:
        """Raise ValueError unless this condition fits the problem."""
        region = context.region
        ends = [self.on + "-", self.on + "+"]
        if self.on not in region.space or any(e not in region.named_pieces or region.face(e) is None for e in ends):
            raise ValueError(
                f"Periodic(on={self.on!r}): not a spatial coordinate of a box; {region!r} has "
                f"{', '.join(region.space) or 'no space'}."
            )
        for name in self.unknowns or ():
            context.check_unknown(name, "Periodic")

    def in_variables(
        self, change: ChangeOfVariables, context: Context, sizes: Mapping[str, float]
    ) -> list[AnyCondition]:
        return [self]

    def terms(self, context: Context) -> list[Term]:
        self.check(context)
        region, terms = context.region, []
        for unknown in self.unknowns or context.unknowns:
            keys = [(self.on,) * k for k in range(max(1, context.order.get((unknown, self.on), 1)))]
            labels = {k: f"periodic {unknown}{'_' + ''.join(k) if k else ''} {self.on}" for k in keys}

            def draw(unit: Callable[[int], Tensor], n: int) -> tuple[Site, ...]:
                cube = unit(n)
                return region.boundary(self.on + "-", cube), region.boundary(self.on + "+", cube)

            def evaluate(
                scopes: tuple[Scope, ...], unknown: str = unknown, labels: Mapping[Key, str] = labels
            ) -> dict[str, Tensor]:
                left, right = (scope.fields[unknown] for scope in scopes)
                return {label: left.d(*key).value - right.d(*key).value for key, label in labels.items()}

            terms.append(Term("periodic", tuple(labels.values()), draw, evaluate, self.weight))
        return terms
