"""An affine change of variables: a problem's coordinates, unknowns and coefficients counted in other units.

Letters: c derivatives, n points, d coordinates, m unknowns.

The *outer* variables are those of the user, the *inner* ones those in which the problem is solved. With
x = x0 + L xi and T = T0 + S U a derivative is dT/dx = (S / L) dU/dxi.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.derivatives.indices import Indices
from pinnlab.derivatives.names import Key
from pinnlab.domains.affine import UNCHANGED, Affine

_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"


@dataclass(frozen=True)
class ChangeOfVariables:
    """How inner variables become outer ones; names that are missing keep their units.

    Attributes:
        coordinates, unknowns, parameters: {name: outer as a function of inner}.
        residuals: {residual of an equation: the number it is divided by}.
        clock: the coordinate that users' functions take for time where the inner problem has it as one of space; else None.
    """

    coordinates: Mapping[str, Affine] = field(default_factory=dict)
    unknowns: Mapping[str, Affine] = field(default_factory=dict)
    parameters: Mapping[str, Affine] = field(default_factory=dict)
    residuals: Mapping[str, float] = field(default_factory=dict)
    clock: str | None = None

    @property
    def is_identity(self) -> bool:
        """Whether nothing changes."""
        maps = (*self.coordinates.values(), *self.unknowns.values(), *self.parameters.values())
        return all(m.is_identity for m in maps) and all(size == 1 for size in self.residuals.values())

    @property
    def inverse(self) -> ChangeOfVariables:
        """The change back."""

        def back(maps: Mapping[str, Affine]) -> dict[str, Affine]:
            return {name: m.inverse for name, m in maps.items()}

        sizes = {name: 1 / size for name, size in self.residuals.items()}
        return ChangeOfVariables(back(self.coordinates), back(self.unknowns), back(self.parameters), sizes)

    def after(self, first: ChangeOfVariables) -> ChangeOfVariables:
        """The change that applies another one first, from its inner variables on."""
        if self.is_identity:
            return first

        def joined(mine: Mapping[str, Affine], theirs: Mapping[str, Affine]) -> dict[str, Affine]:
            return {n: mine.get(n, UNCHANGED).after(theirs.get(n, UNCHANGED)) for n in {**mine, **theirs}}

        sizes = {
            name: self.residuals.get(name, 1.0) * first.residuals.get(name, 1.0)
            for name in {**self.residuals, **first.residuals}
        }
        return ChangeOfVariables(
            joined(self.coordinates, first.coordinates),
            joined(self.unknowns, first.unknowns),
            joined(self.parameters, first.parameters),
            sizes,
        )

    def coordinate(self, name: str) -> Affine:
        """The map of a coordinate."""
        return self.coordinates.get(name, UNCHANGED)

    def positions(self, name: str, outer: Iterable[float]) -> tuple[float, ...]:
        """Positions along a coordinate in inner numbers; of a mirrored one in reverse order, so that they increase."""
        own = self.coordinate(name)
        found = tuple(map(own.inner, outer))
        return found[::-1] if own.scale < 0 else found

    def told(self, text: str) -> str:
        """A sentence on inner variables with its places, such as "x = 0.25", in outer numbers.

        A coordinate that is mirrored is time, solved backwards from what is the final state outside.
        """

        def outer(found: re.Match[str]) -> str:
            return f"{found[1]} = {self.coordinate(found[1]).outer(float(found[2])):.4g}"

        if any(own.scale < 0 for own in self.coordinates.values()):
            text = text.replace("initial", "final")
        names = "|".join(re.escape(name) for name, own in self.coordinates.items() if not own.is_identity)
        return re.sub(rf"\b({names}) = ({_NUMBER})", outer, text) if names else text

    def unknown(self, name: str) -> Affine:
        """The map of an unknown."""
        return self.unknowns.get(name, UNCHANGED)

    def parameter(self, name: str) -> Affine:
        """The map of a coefficient."""
        return self.parameters.get(name, UNCHANGED)

    def along(self, key: Iterable[str]) -> float:
        """The outer derivative by these coordinates over the inner one, of the same values: the product of 1 / L."""
        return 1 / math.prod(self.coordinate(name).scale for name in key)

    def factor(self, unknown: str, key: Key) -> float:
        """The outer derivative of an unknown over the inner derivative."""
        return self.unknown(unknown).scale * self.along(key)

    def outer_points(self, points: Tensor, names: Sequence[str]) -> Tensor:
        """(n, d) inner points in outer coordinates."""
        return torch.stack([self.coordinate(name).outer(points[:, i]) for i, name in enumerate(names)], dim=1)

    def inner_points(self, points: Tensor, names: Sequence[str]) -> Tensor:
        """(n, d) outer points in inner coordinates."""
        return torch.stack([self.coordinate(name).inner(points[:, i]) for i, name in enumerate(names)], dim=1)

    def outer_jet(self, jet: Tensor, indices: Indices, unknowns: Sequence[str], names: Sequence[str]) -> Tensor:
        """(c, n, m) inner derivatives of m unknowns as outer ones.

        Args:
            jet: in the order of ``indices`` and ``unknowns``.
            indices: derivatives, by numbers of coordinates.
            unknowns: their names.
            names: of the coordinates, in the domain's order.
        """
        along = [self.along(names[i] for i in index) for index in indices]
        factors = jet.new_tensor(along)[:, None, None] * jet.new_tensor([self.unknown(u).scale for u in unknowns])
        offset = jet.new_tensor([self.unknown(u).offset for u in unknowns])
        at_rest = jet.new_tensor([0.0 if index else 1.0 for index in indices])[:, None, None]
        return jet * factors + at_rest * offset
