"""The state at the first time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from pinnlab.declaration.changed_functions import changed_value
from pinnlab.declaration.conditions.base import AnyCondition, Value
from pinnlab.declaration.terms import Context, Scope, Term
from pinnlab.declaration.variables import ChangeOfVariables
from pinnlab.derivatives.names import Key, split_derivative
from pinnlab.domains import Site
from pinnlab.domains.affine import Affine


class Initial(AnyCondition):
    """The state at the first time: ``Initial(u=lambda x: torch.sin(x))``.

    For equations of second order in time, give the velocity as ``u_t``: ``Initial(u=..., u_t=0.0)``; where time is called
    ``tau``, as ``u_tau``.

    Args:
        exact, weight: see the module's text.
        values: one number or function per unknown (or ``<unknown>_t``).

    Raises:
        TypeError, ValueError: no value; when the problem is built: no time, an unknown name.
    """

    can_be_exact = True

    def __init__(self, *, exact: bool | None = None, weight: float = 1.0, **values: Value):
        super().__init__(exact, weight, values)
        if not values:
            raise TypeError("Initial() got no values; name an unknown, such as Initial(u=lambda x: torch.sin(x)).")

    def targets(self, context: Context) -> list[tuple[str, Key, Any, tuple[str, ...]]]:
        """(unknown, derivative, value, the value's arguments) of each entry."""
        if not context.region.has_time:
            raise ValueError(
                f"{self!r} on {context.region!r}: the problem is steady, it has no coordinate 't'; use Dirichlet(...) "
                "on its boundary, or add t=(start, end) to the domain. Where a coordinate is time, say so: "
                f"Box(..., time={context.region.coordinates[-1]!r})."
            )
        found = []
        for name, value in self.values.items():
            unknown: str = name
            key: Key = ()
            if name not in context.unknowns:
                stem, _, suffix = name.rpartition("_")
                key = split_derivative(suffix, (context.region.clock,)) or ()
                if stem in context.unknowns and key:
                    unknown = stem
            context.check_unknown(unknown, "Initial")
            names = context.names(value, f"Initial({name}=...)")
            if context.region.clock in names:
                raise ValueError(
                    f"Initial({name}=...) takes {context.region.clock!r} as an argument; the initial state has no time."
                )
            found.append((unknown, key, value, names))
        return found

    def in_variables(
        self, change: ChangeOfVariables, context: Context, size: Callable[[Any], float]
    ) -> list[AnyCondition]:
        values = {}
        for name, (unknown, key, value, _) in zip(self.values, self.targets(context), strict=True):
            own = Affine(0.0, change.factor(unknown, key)) if key else change.unknown(unknown)
            values[name] = changed_value(value, context.bindable, context.region.coordinates, change, own)
        return [self.with_values(values)]

    def terms(self, context: Context) -> list[Term]:
        terms = []
        region = context.region
        for unknown, key, value, names in self.targets(context):
            label = f"initial {unknown}" + ("_" + "".join(key) if key else "")

            def draw(unit: Callable[[int], Tensor], n: int) -> tuple[Site, ...]:
                return (region.initial(unit(n)),)

            terms.append(Term("initial", (label,), draw, _misfit(label, unknown, key, value, names), self.weight))
        return terms


def _misfit(label: str, unknown: str, key: Key, value: Any, names: tuple[str, ...]) -> Callable:
    def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
        (scope,) = scopes
        return {label: scope.fields[unknown].d(*key).value - scope.value(value, names, label)}

    return evaluate
