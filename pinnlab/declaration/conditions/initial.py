"""The state at the first or at the last time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from pinnlab.declaration.conditions.base import AnyCondition, Value
from pinnlab.declaration.terms import Context, Scope, Term
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.declaration.variables.changed_functions import changed_value
from pinnlab.derivatives.names import Key, split_derivative
from pinnlab.domains import Region, Site
from pinnlab.domains.affine import Affine
from pinnlab.domains.mapping import at_the_end
from pinnlab.machine.calls import explained_call


@explained_call("name the unknown, such as {owner}(u=0.0)")
class AtAnInstant(AnyCondition):
    """The state at one time: values of unknowns and of their time derivatives.

    Attributes:
        instant: ``"initial"`` or ``"final"``.
        kind: of its terms.
    """

    can_be_exact = True
    instant: str
    kind: str

    def __init__(self, *, exact: bool | None = None, weight: float = 1.0, **values: Value):
        super().__init__(exact, weight, values)
        if not values:
            raise TypeError(
                f"{self.name}() got no values; name an unknown, such as {self.name}(u=lambda x: torch.sin(x))."
            )

    @abstractmethod
    def site(self, region: Region, unit: Tensor) -> Site:
        """Map (n, d) points of the unit cube onto the slice at the time that this is about."""

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
            context.check_unknown(unknown, self.name, self._hint(name, context))
            names = context.names(value, f"{self.name}({name}=...)")
            if context.region.clock in names:
                raise ValueError(
                    f"{self.name}({name}=...) takes {context.region.clock!r} as an argument; the {self.instant} state has "
                    "no time."
                )
            found.append((unknown, key, value, names))
        return found

    def _hint(self, name: str, context: Context) -> str:
        """What to write instead of a name that is no unknown."""
        time, unknown = context.region.clock, context.unknowns[0]
        if name in (time, "on"):
            when = "first" if self.instant == "initial" else "last"
            return f"; {self.name} is about the {when} time already: leave {name} out"
        if name in context.region.space:
            return f"; {name!r} is a coordinate: for a value at a side, Dirichlet({unknown}=..., on='{name}-')"
        return f", and their derivatives by time are written {self.name}({unknown}_{time}=...)"

    def inner_values(self, change: ChangeOfVariables, context: Context) -> dict[str, Any]:
        """Its values on inner variables."""
        values = {}
        for name, (unknown, key, value, _) in zip(self.values, self.targets(context), strict=True):
            own = Affine(0.0, change.factor(unknown, key)) if key else change.unknown(unknown)
            values[name] = changed_value(value, context.bindable, context.region.coordinates, change, own)
        return values

    def terms(self, context: Context) -> list[Term]:
        terms = []
        region = context.region
        for unknown, key, value, names in self.targets(context):
            label = f"{self.instant} {unknown}" + ("_" + "".join(key) if key else "")

            def draw(unit: Callable[[int], Tensor], n: int) -> tuple[Site, ...]:
                return (self.site(region, unit(n)),)

            terms.append(Term(self.kind, (label,), draw, _misfit(label, unknown, key, value, names), self.weight))
        return terms


class Initial(AtAnInstant):
    """The state at the first time: ``Initial(u=lambda x: torch.sin(x))``.

    For equations of second order in time, give the velocity as ``u_t``: ``Initial(u=..., u_t=0.0)``; where time is called
    ``tau``, as ``u_tau``.

    Args:
        exact, weight: see the module's text.
        values: one number or function per unknown (or ``<unknown>_t``).

    Raises:
        TypeError, ValueError: no value; when the problem is built: no time, an unknown name.
    """

    instant = kind = "initial"

    def site(self, region: Region, unit: Tensor) -> Site:
        return region.initial(unit)

    def in_variables(
        self, change: ChangeOfVariables, context: Context, sizes: Mapping[str, float]
    ) -> list[AnyCondition]:
        return [self.with_values(self.inner_values(change, context))]


class Final(AtAnInstant):
    """The state at the last time: ``Final(V=lambda S: torch.relu(S - 100.0))``, a payoff.

    The problem is solved backwards, with the time that is left in place of time, and shown in time. Beside an ``Initial``
    it makes a boundary value problem of time, which is solved for all times at once.

    Args:
        exact, weight, values: as in ``Initial``.

    Raises:
        TypeError, ValueError: as ``Initial``.
    """

    instant = kind = "final"

    def site(self, region: Region, unit: Tensor) -> Site:
        return at_the_end(region, unit)

    def in_variables(
        self, change: ChangeOfVariables, context: Context, sizes: Mapping[str, float]
    ) -> list[AnyCondition]:
        """The state at the first of inner times, which run backwards."""
        assert change.coordinate(context.region.clock).scale < 0, "only where time is mirrored a final state is a start"
        return [_Turned(exact=self.exact, weight=self.weight, **self.inner_values(change, context))]


class _Turned(Initial):
    """A final state as the start of a problem in mirrored time, under the name that its user knows."""

    instant = "final"

    @property
    def name(self) -> str:
        return Final.__name__


def _misfit(label: str, unknown: str, key: Key, value: Any, names: tuple[str, ...]) -> Callable:
    def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
        (scope,) = scopes
        return {label: scope.fields[unknown].d(*key).value - scope.value(value, names, label)}

    return evaluate
