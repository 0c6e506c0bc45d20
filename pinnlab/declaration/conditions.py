"""Conditions on a problem's unknowns: initial, boundary, periodic, data.

Letters: n points, d coordinates.

Every condition takes ``exact``: True builds it into the field so that it holds for any network, False adds its misfit to
the loss, and None, the default, builds it in where the region allows that and keeps it in the loss otherwise.
Values are numbers or functions whose arguments are bound by name to coordinates and parameters.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.measurements import brief, measured
from pinnlab.declaration.terms import Context, Scope, Term
from pinnlab.derivatives.known import KnownFunction
from pinnlab.derivatives.names import Key, split_derivative
from pinnlab.domains import TIME, Region, Site
from pinnlab.domains.membership import in_part
from pinnlab.machine.numbers import positive

Value = float | KnownFunction | Callable[..., Tensor | float]
"""What a condition prescribes: a number, or a function of coordinates and parameters, bound by name."""


class Condition(ABC):
    """What must hold besides the equations.

    Args:
        exact: build it in (True), never (False), or where possible (None).
        weight: multiplies its mean square in the loss when it is soft.
        values: one entry per unknown.

    Attributes:
        can_be_exact: whether ``exact=True`` is possible.
        on: the part of the boundary, or the coordinate, that it is about; None where it needs none.
    """

    can_be_exact = False
    on: str | None = None

    def __init__(self, exact: bool | None, weight: float, values: Mapping[str, Any]):
        if exact is not None and not isinstance(exact, bool | np.bool_):
            raise TypeError(f"{self.name}(exact={exact!r}): use True, False or None (where possible).")
        if not positive(weight):
            raise ValueError(f"{self.name}(weight={weight!r}): must be a positive number.")
        if exact and not self.can_be_exact:
            raise ValueError(
                f"{self.name}(exact=True): this condition cannot be built into the field; leave exact out and it "
                "enters the loss with its weight."
            )
        self.exact, self.weight, self.values = exact, float(weight), dict(values)

    @property
    def name(self) -> str:
        """The class name, as typed by the user."""
        return type(self).__name__

    def __repr__(self) -> str:
        parts = [f"{k}={_show(v)}" for k, v in self.values.items()]
        if self.on is not None:
            parts.append(f"on={self.on!r}")
        if self.exact is not None:
            parts.append(f"exact={self.exact}")
        return f"{self.name}({', '.join(parts)})"

    @abstractmethod
    def terms(self, context: Context) -> list[Term]:
        """The soft form of this condition."""


def _show(value: Any) -> str:
    return getattr(value, "__name__", type(value).__name__) if callable(value) else repr(value)


class Initial(Condition):
    """The state at the first time: ``Initial(u=lambda x: torch.sin(x))``.

    For equations of second order in time, give the velocity as ``u_t``: ``Initial(u=..., u_t=0.0)``.

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
                "on its boundary, or add t=(start, end) to the domain."
            )
        found = []
        for name, value in self.values.items():
            unknown: str = name
            key: Key = ()
            if name not in context.unknowns:
                stem, _, suffix = name.rpartition("_")
                key = split_derivative(suffix, (TIME,)) or ()
                if stem in context.unknowns and key:
                    unknown = stem
            context.check_unknown(unknown, "Initial")
            names = context.names(value, f"Initial({name}=...)")
            if TIME in names:
                raise ValueError(f"Initial({name}=...) takes 't' as an argument; the initial state has no time.")
            found.append((unknown, key, value, names))
        return found

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


class BoundaryCondition(Condition):
    """A condition on boundary pieces: ``on`` is a coordinate, one end ``"x-"``, a tag, or None for all of it."""

    def __init__(self, on: str | None, exact: bool | None, weight: float, values: Mapping[str, Any]):
        super().__init__(exact, weight, values)
        if not values:
            raise TypeError(f"{self.name}() got no values; name an unknown, such as {self.name}(u=0.0).")
        if on is not None and not isinstance(on, str):
            raise TypeError(f"{self.name}(on={on!r}): name a boundary, such as on='x' or on='x-'.")
        self.on = on

    def pieces(self, context: Context) -> tuple[str, ...]:
        """The boundary pieces this condition is about."""
        pieces = context.region.pieces(self.on)
        if not pieces:
            raise ValueError(f"{self!r}: {context.region!r} has no boundary in space; use Initial(...) for an ODE.")
        return pieces

    @abstractmethod
    def residual(self, unknown: str, value: Any, context: Context, label: str) -> Callable[[Scope], Tensor]:
        """The misfit as a function of the scope on one piece."""

    def terms(self, context: Context) -> list[Term]:
        terms, region = [], context.region
        for unknown, value in self.values.items():
            context.check_unknown(unknown, self.name)
            for piece in self.pieces(context):
                label = f"{self.name.lower()} {unknown} {piece}"
                misfit = self.residual(unknown, value, context, label)
                across = region.normal_coordinates(piece)

                def draw(unit: Callable[[int], Tensor], n: int, piece: str = piece) -> tuple[Site, ...]:
                    return (region.boundary(piece, unit(n)),)

                def evaluate(
                    scopes: tuple[Scope, ...],
                    label: str = label,
                    misfit: Callable[[Scope], Tensor] = misfit,
                    across: tuple[str, ...] = across,
                ) -> dict[str, Tensor]:
                    (scope,) = scopes
                    normals = {name: scope.normals[name] for name in across}
                    return {label: misfit(dataclasses.replace(scope, normals=normals))}

                terms.append(Term("boundary", (label,), draw, evaluate, self.weight))
        return terms


class Dirichlet(BoundaryCondition):
    """The value on the boundary: ``Dirichlet(u=0.0, on="x")``; without ``on``, on the whole spatial boundary.

    Args:
        on: a coordinate (both ends), one end (``"x-"``, ``"x+"``), a tag of a mesh, or None.
        exact, weight: see the module's text.
        values: one number or function per unknown.
    """

    can_be_exact = True

    def __init__(self, *, on: str | None = None, exact: bool | None = None, weight: float = 1.0, **values: Value):
        super().__init__(on, exact, weight, values)

    def residual(self, unknown: str, value: Any, context: Context, label: str) -> Callable[[Scope], Tensor]:
        names = context.names(value, f"Dirichlet({unknown}=...)")
        return lambda scope: scope.fields[unknown].value - scope.value(value, names, label)


def normal_derivative(scope: Scope, unknown: str) -> Tensor:
    """The derivative of an unknown along the outward normal, (n,); ``scope.normals`` names the coordinates it takes."""
    total = torch.zeros_like(scope.like)
    for coordinate, normal in scope.normals.items():
        if coordinate != TIME:
            total = total + normal * scope.fields[unknown].d(coordinate).value
    return total


class Neumann(BoundaryCondition):
    """The outward normal derivative on the boundary: ``Neumann(u=0.0, on="x+")``.

    Args: as for ``Dirichlet``; it cannot be exact.
    """

    def __init__(self, *, on: str | None = None, exact: bool | None = None, weight: float = 1.0, **values: Value):
        super().__init__(on, exact, weight, values)

    def residual(self, unknown: str, value: Any, context: Context, label: str) -> Callable[[Scope], Tensor]:
        names = context.names(value, f"Neumann({unknown}=...)")
        return lambda scope: normal_derivative(scope, unknown) - scope.value(value, names, label)


class Robin(BoundaryCondition):
    """a u + b du/dn = g on the boundary: ``Robin(u=(a, b, g), on="x+")``, du/dn along the outward normal.

    Args: as for ``Dirichlet``, each value a triple of numbers or functions; it cannot be exact.
    """

    def __init__(
        self,
        *,
        on: str | None = None,
        exact: bool | None = None,
        weight: float = 1.0,
        **values: tuple[Value, Value, Value],
    ):
        super().__init__(on, exact, weight, values)
        for unknown, value in values.items():
            if not isinstance(value, tuple | list) or len(value) != 3:
                raise TypeError(f"Robin({unknown}={value!r}): give a triple (a, b, g) of a u + b du/dn = g.")

    def residual(self, unknown: str, value: Any, context: Context, label: str) -> Callable[[Scope], Tensor]:
        names = [context.names(v, f"Robin({unknown}=...)[{i}]") for i, v in enumerate(value)]

        def misfit(scope: Scope) -> Tensor:
            a, b, g = (scope.value(v, n, label) for v, n in zip(value, names, strict=True))
            return a * scope.fields[unknown].value + b * normal_derivative(scope, unknown) - g

        return misfit


class Periodic(Condition):
    """Periodicity in a coordinate: values and derivatives agree at both ends: ``Periodic(on="x")``.

    Args:
        on: the coordinate.
        unknowns: which unknowns; all if None.
        exact: True builds it in through a periodic embedding of the coordinate (all unknowns).
        weight: of the soft form, which matches derivatives up to the equations' order less one.
    """

    can_be_exact = True
    on: str

    def __init__(
        self, on: str, *, unknowns: Sequence[str] | None = None, exact: bool | None = None, weight: float = 1.0
    ):
        super().__init__(exact, weight, {})
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


class Data(Condition):
    """Measurements at given points: ``Data(points={"x": xs, "t": ts}, u=values)``.

    Args:
        points: {coordinate: (n,) array}, every coordinate of the domain.
        exact: must stay None or False.
        weight: multiplies their mean square in the loss.
        values: {unknown: (n,) array, or a function as in other conditions}.

    Raises:
        TypeError, ValueError: no values, arrays of other lengths, numbers that are not finite.
    """

    def __init__(self, points: Mapping[str, Any], *, exact: bool | None = None, weight: float = 1.0, **values: Any):
        super().__init__(exact, weight, values)
        if not values:
            raise TypeError("Data(points=...) got no values; name an unknown, such as Data(points=..., u=array).")
        if not isinstance(points, Mapping) or not points:
            raise TypeError(
                f"Data(points={brief(points)}): give one array per coordinate, such as points={{'x': xs, 't': ts}}."
            )
        self.points = {name: measured(f"points[{name!r}]", v) for name, v in points.items()}
        self.values = {name: v if callable(v) else measured(name, v) for name, v in values.items()}
        lengths = {name: len(v) for name, v in {**self.points, **self.values}.items() if not callable(v)}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"Data(...): arrays of different lengths {lengths}; give one value per point.")
        if 0 in lengths.values():
            raise ValueError("Data(...): the arrays are empty; give at least one point, or leave the condition out.")

    def __repr__(self) -> str:
        n = len(next(iter(self.points.values())))
        return f"Data({', '.join(self.values)} at {n} points)"

    def within(self, region: Region, whole: Region | None = None) -> Data | None:
        """The measurements that a region has as a part of the whole, each in one part; None where there are none."""
        points = torch.stack([self.points[name] for name in region.coordinates], dim=1)
        inside = in_part(points, region, region if whole is None else whole)
        if not bool(inside.any()):
            return None
        values = {name: v if callable(v) else v[inside] for name, v in self.values.items()}
        return Data({name: x[inside] for name, x in self.points.items()}, weight=self.weight, **values)

    def terms(self, context: Context) -> list[Term]:
        missing = set(context.region.coordinates) ^ set(self.points)
        if missing:
            raise ValueError(
                f"Data(points=...) names {sorted(self.points)}, the domain has {list(context.region.coordinates)}; "
                "give exactly one array per coordinate."
            )
        points = torch.stack([self.points[name] for name in context.region.coordinates], dim=1)
        inside = context.region.contains(points)
        if not bool(inside.all()):
            raise ValueError(
                f"Data(points=...): {int((~inside).sum())} of {len(points)} points lie outside {context.region!r}."
            )
        terms = []
        for unknown, target in self.values.items():
            context.check_unknown(unknown, "Data")
            label = f"data {unknown}"
            names = context.names(target, f"Data({unknown}=...)") if callable(target) else ()

            def draw(unit: Callable[[int], Tensor], n: int) -> tuple[Site, ...]:
                return (Site(points[:n].to(unit(1).device)),)

            def evaluate(
                scopes: tuple[Scope, ...],
                unknown: str = unknown,
                target: Any = target,
                label: str = label,
                names: tuple[str, ...] = names,
            ) -> dict[str, Tensor]:
                value = scopes[0].fields[unknown].value
                if callable(target):
                    return {label: value - scopes[0].value(target, names, label)}
                return {label: value - target[: len(value)].to(value)}

            terms.append(Term("data", (label,), draw, evaluate, self.weight, fixed=len(points)))
        return terms
