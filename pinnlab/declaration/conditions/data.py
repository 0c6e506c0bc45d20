"""Measurements at given points.

Letters: n points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.changed_functions import changed_value
from pinnlab.declaration.conditions.base import Condition
from pinnlab.declaration.measurements import brief, measured
from pinnlab.declaration.terms import Context, Scope, Term
from pinnlab.declaration.variables import ChangeOfVariables
from pinnlab.domains import Region, Site
from pinnlab.domains.membership import in_part


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

    def in_variables(
        self, change: ChangeOfVariables, context: Context, size: Callable[[Any], float]
    ) -> list[Condition]:
        names, values = context.region.coordinates, {}
        for unknown, value in self.values.items():
            own = change.unknown(unknown)
            function = callable(value)
            values[unknown] = (
                changed_value(value, context.bindable, names, change, own) if function else own.inner(value)
            )
        changed = self.with_values(values)
        changed.points = {name: change.coordinate(name).inner(x) for name, x in self.points.items()}
        return [changed]

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
