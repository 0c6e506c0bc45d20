"""Measurements at given points.

Letters: n points.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pinnlab.declaration.conditions.base import AnyCondition
from pinnlab.declaration.conditions.binding import NORMAL, BoundFormula, made_up_scope
from pinnlab.declaration.conditions.measurements import brief, measured, spreads
from pinnlab.declaration.conditions.tables import read
from pinnlab.declaration.terms import Context, Scope, Term
from pinnlab.declaration.variables.change import ChangeOfVariables
from pinnlab.declaration.variables.changed_functions import changed_formula, changed_value
from pinnlab.derivatives.names import COMPLEX, parts_of, split_derivative
from pinnlab.domains import Region, Site
from pinnlab.domains.affine import Affine
from pinnlab.domains.membership import in_part
from pinnlab.domains.normals import outward_normals
from pinnlab.machine.calls import explained_call

Misfit = Callable[[Scope], dict[str, Tensor]]


@explained_call("write pl.Data(points={{'x': xs, 't': ts}}, u=values)")
class Data(AnyCondition):
    """Measurements at given points: ``Data(points={"x": xs, "t": ts}, u=values)``.

    What is measured may be any expression: ``Data(points={"x": xs}, of=lambda u: u.x, values=slopes)``.

    Args:
        points: {coordinate: (n,) array}, every coordinate of the domain.
        of: what is measured, a function whose arguments are bound by name to unknowns, coordinates and parameters, as in
            equations; ``n`` is the outward unit normal, as in ``Condition``, where all points are on the boundary. It
            returns an expression, or ``{"name": expression}`` for several.
        values: what ``of`` is at the points: (n,) array, or a function as in other conditions; ``{"name": ...}`` for
            several. Missing ones, NaN or None, are left out, and ``problem.check()`` says how many.
        sd: the noise, its standard deviation in the units of what is measured: one positive number, or (n,) of them;
            ``{"name": ...}`` for several. Measurements of one quantity count by the inverse square of theirs, the most
            precise one as if no ``sd`` were given, and ``solution.report()`` takes a misfit of that size for noise.
        robust: whether some of them may be far off. They then count by Huber's loss, beyond 1.345 times the noise by their
            distance and no longer by its square; a noise that is not given is estimated accordingly. Fits of numbers
            around local experts take it, and others refuse.
        exact: must stay None or False.
        weight: multiplies their mean square in the loss.
        named: {unknown: (n,) array, or a function as in other conditions}, where unknowns themselves are measured.

    Raises:
        TypeError, ValueError: no values, arrays of other lengths, numbers that are not finite; when the problem is built:
            points outside the domain, or, where ``of`` takes ``n``, off its boundary.
    """

    of: Callable[..., Any] | None = None
    sd: Mapping[str, Tensor] | None = None
    finest: Mapping[str, float] | None = None
    normals: Tensor | None = None
    missing: int = 0
    robust: bool = False

    def __init__(
        self,
        points: Mapping[str, Any],
        *,
        of: Callable[..., Any] | None = None,
        values: Any = None,
        sd: Any = None,
        robust: bool = False,
        exact: bool | None = None,
        weight: float = 1.0,
        **named: Any,
    ):
        super().__init__(exact, weight, named if of is None else _of_expressions(of, values, named))
        if of is None and values is not None:
            raise TypeError("Data(values=...): say what was measured, of=lambda u: u.x, or name an unknown, u=array.")
        if not self.values:
            raise TypeError("Data(points=...) got no values; name an unknown, such as Data(points=..., u=array).")
        if words := [name for name, v in self.values.items() if isinstance(v, str)]:
            raise TypeError(
                f"Data({words[0]}={self.values[words[0]]!r}): give an array of numbers; columns of a file or a table are "
                f"read by pl.Data.read(table, ('x', 't'), {words[0]}={self.values[words[0]]!r})."
            )
        if not isinstance(points, Mapping) or not points:
            raise TypeError(
                f"Data(points={brief(points)}): give one array per coordinate, such as points={{'x': xs, 't': ts}}; files "
                "and tables are read by pl.Data.read(table, ('x', 't'), u='column')."
            )
        self.points = {name: measured(f"points[{name!r}]", v, missing=True) for name, v in points.items()}
        self.values = {
            n: v if callable(v) else measured(n or "values", v, missing=True) for n, v in self.values.items()
        }
        for name, x in self.points.items():
            if x.is_complex():
                raise TypeError(f"Data(points={{{name!r}: ...}}): the coordinates are complex numbers; give real ones.")
        lengths = {name: len(v) for name, v in {**self.points, **self.values}.items() if not callable(v)}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"Data(...): arrays of different lengths {lengths}; give one value per point.")
        if 0 in lengths.values():
            raise ValueError("Data(...): the arrays are empty; give at least one point, or leave the condition out.")
        whole = self._present()
        # checkpoints recognize conditions by their attributes: plain data have none of these
        if of is not None:
            self.of = of
        if not isinstance(robust, bool):
            raise TypeError(
                f"Data(robust={robust!r}): give True where some measurements may be far off, or leave it out."
            )
        if robust:
            self.robust = True
        if sd is not None:
            self.sd = spreads(sd, tuple(self.values), next(iter(lengths.values())))
            self.finest = {name: float(s.min()) for name, s in self.sd.items()}
        if not bool(whole.all()):
            self._keep(whole)
        if of is not None and any(bool(v.isnan().any()) for v in self.values.values() if not callable(v)):
            raise ValueError(
                "Data(of=..., values=...): some expressions have values where others have none; give each a Data of its own."
            )

    @classmethod
    def read(
        cls,
        source: Any,
        points: Mapping[str, str] | Sequence[str],
        *,
        of: Callable[..., Any] | None = None,
        values: Any = None,
        sd: Any = None,
        robust: bool = False,
        weight: float = 1.0,
        **named: Any,
    ) -> Data:
        """Measurements from columns of a table: ``Data.read("soil.csv", {"t": "time [s]"}, u="moisture", sd=0.02)``.

        Rows without a value or a place are left out, and ``problem.check()`` says how many. Sensors with noises of their
        own have a column with them, ``sd="noise"``, or are read one by one.

        Args:
            source: the path of a CSV file, a pandas frame, an xarray Dataset or DataArray, or {column: values}.
            points: {coordinate: column}, or names that coordinates and columns share, ``("x", "t")``.
            of, values: a measured expression, and the column of its values; {"name": column} of several.
            sd: a number, the name of a column, or {"name": ...}.
            robust, weight: as of ``Data``.
            named: {unknown: column}.

        Raises:
            FileNotFoundError: there is no such file.
            TypeError, ValueError: a table, column or cell that cannot be read; as ``Data``.
        """
        wanted = named if of is None else _of_expressions(of, values, named)
        if of is None and values is not None:
            raise TypeError(
                "Data.read(values=...): say what was measured, of=lambda u: u.x, or name an unknown, u='column'."
            )
        places, found, noise = read(source, points, wanted, sd)
        arrays: dict[str, Any] = dict(found)
        if of is not None:
            return cls(places, of=of, values=arrays, sd=noise, robust=robust, weight=weight)
        return cls(places, sd=noise, robust=robust, weight=weight, **arrays)

    def _present(self) -> Tensor:
        """(n,) mask of the rows that have coordinates, and a value."""
        arrays = [v for v in self.values.values() if not callable(v)]
        placed = torch.stack([~x.isnan() for x in self.points.values()]).all(dim=0)
        return placed & torch.stack([~v.isnan() for v in arrays]).any(dim=0) if arrays else placed

    def _keep(self, rows: Tensor) -> None:
        """Leave out the other rows."""
        if not bool(rows.any()):
            name, count = next(iter(self.values)), int((~rows).sum())
            raise ValueError(
                f"Data({name}=...): {count} entries are not finite numbers, and no row has its value and all coordinates; "
                "leave the condition out."
            )
        self.missing = int((~rows).sum())
        self.points = {name: x[rows] for name, x in self.points.items()}
        self.values = {name: v if callable(v) else v[rows] for name, v in self.values.items()}
        if self.sd is not None:
            self.sd = {name: s[rows] for name, s in self.sd.items()}

    @property
    def of_fields(self) -> bool:
        return self.of is not None

    def __repr__(self) -> str:
        n = len(next(iter(self.points.values())))
        what = ", ".join(self.values) if self.of is None else getattr(self.of, "__name__", "of")
        return f"Data({what} at {n} points)"

    def within(self, region: Region, whole: Region | None = None) -> Data | None:
        """The measurements that a region has as a part of the whole, each in one part; None where there are none."""
        whole = region if whole is None else whole
        points = torch.stack([self.points[name] for name in region.coordinates], dim=1)
        inside = in_part(points, region, whole)
        if not bool(inside.any()):
            return None
        if self.of is None and self.sd is None:
            values = {name: v if callable(v) else v[inside] for name, v in self.values.items()}
            return Data({name: x[inside] for name, x in self.points.items()}, weight=self.weight, **values)
        return self.at(inside, whole)

    def at(self, kept: Tensor, whole: Region) -> Data:
        """Some of the measurements, by a mask (n,); the others count for their weights, and ``whole`` for their normals."""
        part = copy.copy(self)
        part.points = {name: x[kept] for name, x in self.points.items()}
        part.values = {name: v if callable(v) else v[kept] for name, v in self.values.items()}
        if self.sd is not None:
            part.sd = {name: s[kept] for name, s in self.sd.items()}
        if (normals := self._normals(whole)) is not None:
            part.normals = normals[kept]
        return part

    def in_variables(
        self, change: ChangeOfVariables, context: Context, sizes: Mapping[str, float]
    ) -> list[AnyCondition]:
        names, values = context.region.coordinates, {}
        units = {name: change.unknown(name) for name in self.values}
        if self.of is not None:
            units = {name: Affine(0.0, sizes[f"data {name}"]) for name in self.values}
        for name, value in self.values.items():
            function, own = callable(value), units[name]
            values[name] = changed_value(value, context.bindable, names, change, own) if function else own.inner(value)
        changed = self.with_values(values)
        changed.points = {name: change.coordinate(name).inner(x) for name, x in self.points.items()}
        if self.of is not None:
            each = {name: unit.scale for name, unit in units.items()}
            changed.of = changed_formula(self.of, context, change, each, next(iter(each)))
        if self.sd is not None:
            changed.sd = {name: sd / units[name].scale for name, sd in self.sd.items()}
        if self.finest is not None:
            changed.finest = {name: sd / units[name].scale for name, sd in self.finest.items()}
        return [changed]

    def complete(self) -> list[Data]:
        """The same measurements, each condition without missing values: one for each unknown where some are missing."""
        lacking = {name: v.isnan() for name, v in self.values.items() if not callable(v) and bool(v.isnan().any())}
        if not lacking:
            return [self]
        found = []
        for name, value in self.values.items():
            mine = self.with_values({name: value})
            if name in lacking:
                mine._keep(~lacking[name])
            found.append(mine)
        return found

    def terms(self, context: Context) -> list[Term]:
        if len(parts := self.complete()) > 1 or parts[0] is not self:
            return [term for part in parts for term in part.terms(context)]
        region = context.region
        missing = set(region.coordinates) ^ set(self.points)
        if missing:
            raise ValueError(
                f"Data(points=...) names {sorted(self.points)}, the domain has {list(region.coordinates)}; "
                "give exactly one array per coordinate."
            )
        points = torch.stack([self.points[name] for name in region.coordinates], dim=1)
        inside = region.contains(points)
        if not bool(inside.all()):
            raise ValueError(
                f"Data(points=...): {int((~inside).sum())} of {len(points)} points lie outside {region!r}."
            )
        normals = self._normals(region)

        def draw(unit: Callable[[int], Tensor], n: int) -> tuple[Site, ...]:
            like = unit(1)
            return (Site(points[:n].to(like.device), None if normals is None else normals[:n].to(like.device)),)

        terms = []
        for name, expression in self._expressions(context, points, normals).items():
            label = f"data {name}"
            misfit = self._misfit(name, expression, label, context)
            noise = None if self.finest is None else self.finest[name]
            terms.append(Term("data", (label,), draw, misfit, self.weight, fixed=len(points), noise=noise))
        return terms

    def _expressions(
        self, context: Context, points: Tensor, normals: Tensor | None
    ) -> dict[str, Callable[[Scope], Tensor]]:
        """{name: what was measured, (n,) in a scope}."""
        if self.of is None:
            for unknown, value in self.values.items():
                if unknown not in context.unknowns:
                    context.check_unknown(unknown, "Data", _instead(unknown, value, context))
            return {u: partial(_value_of, u) for u in self.values}
        function = BoundFormula(self.of, context, "Data(of=...)")
        columns = context.region.columns

        def made_up(n: int) -> Scope | None:
            return made_up_scope(context, columns(points[:n]), None if normals is None else columns(normals[:n]))

        names = function.names_on(made_up)
        # values without a name are those of an expression without one, complex ones in two parts
        given = tuple(self.values)
        split = len(given) == 2 and given == parts_of(given[0].removesuffix("_real"))
        unnamed = parts_of(function.label) if split else (function.label,)
        single = names in ((), unnamed) and len(unnamed) == len(given)
        if names and set(names) != set(self.values) and not single:
            raise ValueError(
                f"Data(of=..., values=...): of returns {list(names)}, and values are given for {list(self.values)}; give "
                "one entry of values for each."
            )
        keys = dict(zip(given, unnamed if single else given, strict=True))

        def of(key: str, scope: Scope) -> Tensor:
            return function(scope)[key]

        return {name: partial(of, key) for name, key in keys.items()}

    def _misfit(
        self, name: str, expression: Callable[[Scope], Tensor], label: str, context: Context
    ) -> Callable[[tuple[Scope, ...]], dict[str, Tensor]]:
        target = self.values[name]
        if isinstance(target, Tensor) and target.is_complex():
            raise TypeError(f"Data({name}=...) holds complex numbers, and {name!r} is real; {COMPLEX}.")
        names = context.names(target, f"Data({name}=...)") if callable(target) else ()
        factors = None if self.sd is None or self.finest is None else self.finest[name] / self.sd[name]

        def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
            (scope,) = scopes
            value = expression(scope)
            known = scope.value(target, names, label) if callable(target) else target[: len(value)].to(value)
            misfit = value - known
            return {label: misfit if factors is None else misfit * factors[: len(value)].to(value)}

        return evaluate

    def _normals(self, region: Region) -> Tensor | None:
        """(n, d) normals at the points, where ``of`` asks for them."""
        if self.normals is not None or self.of is None:
            return self.normals
        if NORMAL not in inspect.signature(self.of).parameters or NORMAL in self.points:
            return None
        points = torch.stack([self.points[name] for name in region.coordinates], dim=1)
        try:
            return outward_normals(region, points)
        except ValueError as error:
            raise ValueError(f"Data(of=...) takes the outward normal n: {error}") from error


def _value_of(unknown: str, scope: Scope) -> Tensor:
    return scope.fields[unknown].value


def _of_expressions(of: Any, values: Any, named: Mapping[str, Any]) -> dict[str, Any]:
    """{name: values} of measured expressions."""
    if not callable(of):
        raise TypeError(f"Data(of={brief(of)}): give a function of the unknowns, such as of=lambda u: u.x.")
    if named:
        raise TypeError(
            f"Data(of=..., {', '.join(named)}=...): give what the expression is as values=..., and measured unknowns in a "
            "Data of their own."
        )
    if values is None:
        raise TypeError("Data(of=...) got no values; give what was measured as values=array.")
    if isinstance(values, Mapping):
        return dict(values)
    name = getattr(of, "__name__", "")
    return {name if name.isidentifier() else "expression": values}


def _instead(name: str, value: Any, context: Context) -> str:
    """What to write instead of a name that is no unknown."""
    stem, _, suffix = name.rpartition("_")
    if stem in context.unknowns and suffix and split_derivative(suffix, context.region.coordinates):
        return f"; for a derivative write pl.Data(points=..., of=lambda {stem}: {stem}.{suffix}, values=...)"
    return ""
