"""What is continuous where coefficients jump: values, and the fluxes that stand inside ``pl.diff``.

Letters: n points.

An equation that holds on both sides of a face, and across it in the sense of distributions, makes what it differentiates
across the face continuous: of ``pl.diff(k * u.x, "x") - f`` that is k u_x, of
``pl.diff(b * w.xx, "x", "x")`` both b w_xx and its derivative. Several such terms of one equation are continuous in sum.
The unknowns are continuous, with those of their derivatives that stand in no flux.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.discontinuities.one_sided import OneSided
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.fields import Field, Key, NamedJet, as_value
from pinnlab.derivatives.jets import LazyJet, leaf_jet
from pinnlab.domains.columns import Columns

Leaf = tuple[str, Key]
_SAME = 1e-7
"""Relative difference from which on two numbers are different."""
_DRAWS = (2, 1)
"""Of the numbers in the place of the unknowns' derivatives: positive ones, and any."""
_ROUNDING = 1e-10


class NotJoinedError(ValueError):
    """The equations do not say what is continuous across a face, and why."""


@dataclass(frozen=True)
class Flux:
    """A sum of expressions that is continuous.

    Attributes:
        equation: that it belongs to.
        depth: how often the equation differentiates it.
        members: numbers of the expressions, in the order in which the equations differentiate them.
    """

    equation: str
    depth: int
    members: tuple[int, ...]

    def __str__(self) -> str:
        return f"flux {self.equation}" + (f" {self.depth}" if self.depth > 1 else "")


@dataclass(frozen=True)
class _Differentiated:
    """An expression that an equation differentiates by the coordinate, and its derivative."""

    expression: Field
    derivative: Field


Side = tuple[Mapping[str, NamedJet], OneSided]
"""{unknown: derivatives (n,)} on a face, and its points as one side of it sees them."""


@dataclass(frozen=True)
class Prescribed:
    """A jump that is prescribed across a part of a face.

    Attributes:
        name: of the unknown, or of the residual whose flux jumps, or ``"flux"``.
        value: a number, or a function of coordinates, parameters and ``flux``.
        arguments: the function's.
        parts: {coordinate: interval} of each piece of the part; one that two boxes share counts once.
    """

    name: str
    value: Any
    arguments: tuple[str, ...]
    parts: tuple[Mapping[str, tuple[float, float]], ...]

    def amount(self, columns: Columns, parameters: Mapping[str, Any], flux: Tensor | None) -> Tensor:
        """What the upper side has more than the lower one, (n,); zero beside the part of the face."""
        like = next(iter(columns.values()))
        given = {**parameters, **columns, "flux": flux}
        scope = Scope({}, columns, {name: given[name] for name in self.arguments if name not in columns})
        value = scope.value(self.value, self.arguments, f"the jump of {self.name}")
        inside = torch.zeros_like(like, dtype=torch.bool)
        for bounds in self.parts:
            here = torch.ones_like(inside)
            for name, (lower, upper) in bounds.items():
                here &= (columns[name] >= lower) & (columns[name] <= upper)
            inside |= here
        return torch.where(inside, value, 0.0)


class Transmission:
    """What is continuous across the faces of one coordinate, read off the equations.

    Args:
        residuals: the equations.
        parameters: {name: 0-dim, or a function of coordinates}.
        derivatives: {unknown: derivatives that the equations use}.
        coordinate: across which.
        below, above: {coordinate: (n,)} points on both sides of such faces.
        prescribed: jumps of values and fluxes that are not zero.

    Attributes:
        values: (unknown, derivative) of what is continuous by itself.
        fluxes: what is continuous besides.
        owners: per flux, the unknown for whose derivative it stands.

    Raises:
        NotJoinedError: a coefficient jumps that stands in front of a highest derivative outside of ``pl.diff``, or several
            fluxes of an equation cannot be summed.
    """

    def __init__(
        self,
        residuals: Callable[[Scope], dict[str, Any]],
        parameters: Mapping[str, Any],
        derivatives: Mapping[str, frozenset[Key]],
        coordinate: str,
        below: Columns,
        above: Columns,
        prescribed: Sequence[Prescribed] = (),
    ):
        self.prescribed = tuple(prescribed)
        self._residuals, self._parameters, self._derivatives = residuals, parameters, derivatives
        self.coordinate = coordinate
        readings = [self._read(side, draw) for side in (below, above) for draw in _DRAWS]
        self.fluxes = readings[0].fluxes
        orders = {u: max((key.count(coordinate) for key in keys), default=0) for u, keys in derivatives.items()}
        _check(readings, orders, coordinate)
        free = dict(orders)
        for flux in self.fluxes:
            for unknown, count in readings[0].led(flux, orders).items():
                free[unknown] = min(free[unknown], count)
        self.owners = self._owned(readings[0], orders, free)
        self.values: tuple[Leaf, ...] = tuple((u, (coordinate,) * k) for u in derivatives for k in range(free[u]))
        for each in self.prescribed:
            self.row_of(each.name)
        self._slopes: list[dict[Leaf, float]] = []
        for flux in self.fluxes:
            slopes = [reading.slopes(flux) for reading in readings]
            self._slopes.append({leaf: max(s.get(leaf, 0.0) for s in slopes) for s in slopes for leaf in s})

    def at(self, numbers: Mapping[str, Tensor]) -> Transmission:
        """The same with these values of parameters that are numbers to be found."""
        if not numbers:
            return self
        found = copy(self)
        found._parameters = {**self._parameters, **numbers}
        return found

    def factors(self, width: float) -> list[float]:
        """What turns jumps of the values and of the fluxes into sizes of unknowns, where it multiplies them.

        Args:
            width: a length along the coordinate, over which the unknowns vary.
        """
        found = [width ** len(key) for _, key in self.values]
        for slopes in self._slopes:
            total = sum(size / width ** key.count(self.coordinate) for (_, key), size in slopes.items())
            found.append(1 / total if total > 0 else 1.0)
        return found

    def quantities(self, jets: Mapping[str, NamedJet], points: OneSided) -> list[Tensor]:
        """What is continuous, (n,) each, on one side of a face: the values and then the fluxes; see ``Side``."""
        return [jets[u][key] for u, key in self.values] + self.flux_values(jets, points)

    def mismatch(self, below: Side, above: Side) -> list[Tensor]:
        """What the side below has more than the one above, (n,) each, beside prescribed jumps; zero where all is joined.

        Args:
            below, above: see ``Side``.
        """
        first, second = self.quantities(*below), self.quantities(*above)
        points = below[1]
        found = [one - other for one, other in zip(first, second, strict=True)]
        for each in self.prescribed:
            row = self.row_of(each.name)
            owner = each.name if (each.name, ()) in self.values else self.owners[row - len(self.values)]
            flux = None
            if owner in self.owners:
                number = len(self.values) + self.owners.index(owner)
                flux = (first[number] + second[number]) / 2
            (amount,) = points.limit(partial(self._amount, each, flux))
            found[row] = found[row] + amount
        return found

    def row_of(self, name: str) -> int:
        """The number of what a prescribed jump is about: an unknown, a residual, or ``"flux"`` where there is one.

        Raises:
            NotJoinedError: none of these is continuous by itself.
        """
        names = [u if not key else "" for u, key in self.values]
        names += [flux.equation if flux.depth == 1 else "" for flux in self.fluxes]
        first = [i for i, flux in enumerate(self.fluxes) if flux.depth == 1]
        if name in names:
            return names.index(name)
        if name == "flux" and len(first) == 1:
            return len(self.values) + first[0]
        known = ", ".join(repr(n) for n in names if n)
        raise NotJoinedError(f"a jump of {name!r} is prescribed, where jumps of {known} or of the only 'flux' can be")

    def coefficient(self, unknown: str, columns: Columns) -> Tensor | None:
        """The derivative (n,) of an unknown's own flux by its first derivative across, such as a conductivity; or None."""
        reading = self._read(columns, _DRAWS[0])
        own = (f for f, owner in zip(reading.fluxes, self.owners, strict=True) if owner == unknown and f.depth == 1)
        return next((reading.gradient(flux, (unknown, (self.coordinate,))) for flux in own), None)

    def flux_values(self, jets: Mapping[str, NamedJet], points: OneSided) -> list[Tensor]:
        """The fluxes alone, (n,) each; see ``Side``."""
        return points.limit(partial(self._fluxes, jets))

    def _fluxes(self, jets: Mapping[str, NamedJet], columns: Columns) -> list[Tensor]:
        _, seen = self._recorded(jets, columns)
        several = any(len(flux.members) > 1 for flux in self.fluxes)
        weights = self._read(columns, _DRAWS[0]).weights if several else {}
        found = []
        for flux in self.fluxes:
            parts = [seen[i].expression.value for i in flux.members]
            if len(parts) > 1:
                parts = [weights[flux, i] * part for i, part in zip(flux.members, parts, strict=True)]
            found.append(torch.stack(parts).sum(0) if len(parts) > 1 else parts[0])
        return found

    def _amount(self, jump: Prescribed, flux: Tensor | None, columns: Columns) -> list[Tensor]:
        return [jump.amount(columns, self._parameters, flux)]

    def _owned(self, reading: _Reading, orders: Mapping[str, int], free: Mapping[str, int]) -> tuple[str, ...]:
        left = {unknown: orders[unknown] - free[unknown] for unknown in orders}
        owners = []
        for flux in self.fluxes:
            led = list(reading.led(flux, orders)) or list(orders)
            owner = next((unknown for unknown in led if left[unknown] > 0), led[0])
            left[owner] -= 1
            owners.append(owner)
        return tuple(owners)

    def _recorded(self, jets: Mapping[str, NamedJet], columns: Columns) -> tuple[dict[str, Any], list[_Differentiated]]:
        """The equations' residuals, and what they differentiate by the coordinate."""
        seen: list[_Differentiated] = []

        def watch(expression: Field, by: str) -> Field:
            derivative = expression.derived(by)
            if by == self.coordinate:
                seen.append(_Differentiated(expression, derivative))
            return derivative

        scope = Scope.of_jets(jets, columns, self._parameters, watch=watch)
        return self._residuals(scope), seen

    def _read(self, columns: Columns, draw: int) -> _Reading:
        """What the equations show at made-up derivatives."""
        names, n = tuple(columns), len(next(iter(columns.values())))

        def number(unknown: int, key: Key) -> Tensor:
            noise = float(np.random.default_rng([draw, unknown, *(names.index(c) for c in key)]).normal())
            return torch.full((n,), noise if draw == 1 else abs(noise) + 0.5, dtype=torch.float64)

        with torch.enable_grad():
            jets = {u: leaf_jet(LazyJet(partial(number, j))) for j, u in enumerate(self._derivatives)}
            residuals, seen = self._recorded(
                jets, columns.replaced(**{name: c.detach().double() for name, c in columns.items()})
            )
            return _Reading(jets, residuals, seen, self.coordinate)


class _Reading:
    """The equations at made-up derivatives on one side: which expressions are differentiated, and with what weight.

    Attributes:
        fluxes: what is continuous.
        weights: {(flux, number of the expression): (n,)} beside the flux's first expression.
        outside: {equation: {(unknown, derivative): (n,) its coefficient outside of all ``diff``}}.
    """

    def __init__(
        self, jets: Mapping[str, LazyJet], residuals: Mapping[str, Any], seen: list[_Differentiated], coordinate: str
    ):
        self._coordinate, self._seen = coordinate, seen
        values = {name: as_value(residual) for name, residual in residuals.items()}
        expressions = [each.expression.value for each in seen]
        self._leaves = {(u, key): jet[key] for u, jet in jets.items() for key in jet}
        own = {id(leaf) for leaf in self._leaves.values()}
        # an unknown itself, and what holds no unknown, are no fluxes
        self._candidates = [i for i, value in enumerate(expressions) if value.requires_grad and id(value) not in own]
        self.weights: dict[tuple[Flux, int], Tensor] = {}
        self.outside: dict[str, dict[Leaf, Tensor]] = {}
        self._gradients: dict[Flux, dict[Leaf, Tensor]] = {}
        for name, residual in values.items():
            level, depth = self._entering([(torch.ones(()), residual)]), 1
            self.outside[name] = self._outside(residual, level)
            while level:
                flux, first = Flux(name, depth, tuple(level)), next(iter(level.values()))
                self.weights |= {(flux, i): (weight / first).detach() for i, weight in level.items()}
                parts = [(self.weights[flux, i], expressions[i]) for i in level]
                self._gradients[flux] = self._by_leaves(parts)
                level, depth = self._entering([(weight, expressions[i]) for i, weight in level.items()]), depth + 1
        self.fluxes = tuple(self._gradients)

    def led(self, flux: Flux, orders: Mapping[str, int]) -> dict[str, int]:
        """{unknown: order of its highest derivative in a flux}, of those whose highest the equations have by the flux."""
        found: dict[str, int] = {}
        for unknown, key in self._gradients[flux]:
            found[unknown] = max(found.get(unknown, 0), key.count(self._coordinate))
        return {unknown: count for unknown, count in found.items() if count + flux.depth == orders[unknown]}

    def gradient(self, flux: Flux, leaf: Leaf) -> Tensor | None:
        """The flux's derivative (n,) by a derivative of an unknown; None where it does not hold it."""
        return self._gradients[flux].get(leaf)

    def slopes(self, flux: Flux) -> dict[Leaf, float]:
        """{(unknown, derivative): the largest modulus of the flux's derivative by it}."""
        return {leaf: float(slope.abs().max()) for leaf, slope in self._gradients[flux].items()}

    def _entering(self, outputs: Sequence[tuple[Tensor, Tensor]]) -> dict[int, Tensor]:
        """{number of an expression: (n,) weight of its derivative in a weighted sum}, of those that enter it directly."""
        at = [self._seen[i].derivative.value for i in self._candidates]
        found = _gradients(outputs, at)
        return {i: g for i, g in zip(self._candidates, found, strict=True) if g is not None and bool((g != 0).any())}

    def _by_leaves(self, outputs: Sequence[tuple[Tensor, Tensor]]) -> dict[Leaf, Tensor]:
        found = _gradients(outputs, list(self._leaves.values()))
        return {leaf: g for leaf, g in zip(self._leaves, found, strict=True) if g is not None and bool((g != 0).any())}

    def _outside(self, residual: Tensor, level: Mapping[int, Tensor]) -> dict[Leaf, Tensor]:
        total = self._by_leaves([(torch.ones(()), residual)])
        inside = self._by_leaves([(weight, self._seen[i].derivative.value) for i, weight in level.items()])
        found = {}
        for leaf, slope in total.items():
            rest = slope - inside.get(leaf, torch.zeros_like(slope))
            if bool((rest.abs() > _ROUNDING * slope.abs()).any()):
                found[leaf] = rest
        return found


def _gradients(outputs: Sequence[tuple[Tensor, Tensor]], at: Sequence[Tensor]) -> list[Tensor | None]:
    """The derivatives (n,) of a weighted sum of pointwise (n,) outputs by tensors (n,); None by those that do not enter."""
    moving = [(weight.detach() * output).sum() for weight, output in outputs if output.requires_grad]
    kept = [i for i, tensor in enumerate(at) if tensor.requires_grad]
    found: list[Tensor | None] = [None] * len(at)
    if moving and kept:
        total = torch.stack(moving).sum()
        gradients = torch.autograd.grad(total, [at[i] for i in kept], retain_graph=True, allow_unused=True)
        for i, gradient in zip(kept, gradients, strict=True):
            found[i] = gradient
    return found


def _check(readings: Sequence[_Reading], orders: Mapping[str, int], coordinate: str) -> None:
    """Raise NotJoinedError where the equations do not say what is continuous."""
    first, half = readings[0], len(readings) // 2
    if any(reading.fluxes != first.fluxes for reading in readings[1:]):
        raise NotJoinedError("what stands inside diff is not the same on both sides")
    led = {unknown for flux in first.fluxes for unknown in first.led(flux, orders)}
    for equation in first.outside:
        for unknown, key in sorted({leaf for reading in readings for leaf in reading.outside[equation]}):
            if key.count(coordinate) != orders[unknown] or len(key) < 2:
                continue
            sides = [reading.outside[equation].get((unknown, key), torch.zeros(1)) for reading in readings]
            jumps = any(_differ(a, b) for a, b in zip(sides[:half], sides[half:], strict=True))
            if jumps or unknown in led:
                raise NotJoinedError(f"{unknown}.{''.join(key)} stands outside of diff in {equation!r}")
    for flux, i in first.weights:
        if any(_differ(first.weights[flux, i], other.weights[flux, i]) for other in readings[1:]):
            raise NotJoinedError(
                f"{flux.equation!r} differentiates several expressions, with factors that jump or depend on the unknowns"
            )


def _differ(one: Tensor, two: Tensor) -> bool:
    return bool(((one - two).abs() > _SAME * torch.maximum(one.abs(), two.abs())).any())
