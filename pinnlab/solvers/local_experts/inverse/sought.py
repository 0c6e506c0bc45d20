"""What is sought beside the unknowns: functions of coordinates or of the state, and numbers, as coefficients.

Letters: n points, k arguments of a function, P coefficients of one function or number, r residuals, p all coefficients.

While rows are linearized, the derivatives that equations ask of a function are leaves of a graph (``Trial``); what a
residual's gradient by a leaf is times the basis functions' derivatives is its gradient by the coefficients.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.algebra.jumps import increments, jump_precision
from pinnlab.algebra.smoothness import matern_precision, product_means, roughness
from pinnlab.declaration.parameters.bounded import Free
from pinnlab.declaration.parameters.found_functions import Expansion, Found, FoundClosure, FoundFunction
from pinnlab.declaration.parameters.functions import FunctionParameter, StateFunction
from pinnlab.declaration.parameters.kinds import Unknown
from pinnlab.declaration.parameters.unknown_functions import UnknownFunction
from pinnlab.derivatives.fields import Field, Key, composed, unknown_field
from pinnlab.derivatives.indices import Indices
from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.pointwise import gradients
from pinnlab.solvers.local_experts.basis import Chebyshev

Array = np.ndarray
ORDERS = {1: (1, 2, 4, 8), 2: (2, 4, 8), 3: (2, 4, 8)}
"""Per number of arguments, the orders m of smoothness that data choose from."""
_WIDE = 1e3
"""Standard deviation of what has no prior, in natural sizes."""


@dataclass(frozen=True, eq=False)
class Leaf:
    """What stands for a part of something sought at n points.

    Attributes:
        tensor: (n,), or (n, P) where each point has coefficients of its own.
        rows: (n, P) its derivatives by the coefficients; None where they are the tensor itself.
    """

    tensor: Tensor
    rows: Array | None


class Sought(ABC):
    """A function or a number that is sought, with P coefficients.

    Attributes:
        name: of the parameter.
        size: P.
        start: (P,) first guess.
    """

    name: str
    size: int
    start: Array

    @property
    @abstractmethod
    def middle(self) -> Array:
        """(P,) mean of the prior."""

    @abstractmethod
    def trial(self, weights: Array, n: int, leaves: list[Leaf]) -> Any:
        """What an equation is given for it at n points; its leaves are added to ``leaves``."""

    @abstractmethod
    def plain(self, weights: Array, n: int) -> Any:
        """The same without leaves."""


class SoughtNumber(Sought):
    """A number, through the free variable that keeps its bounds.

    Args:
        name: of the parameter.
        unknown: as it was declared.
    """

    size = 1

    def __init__(self, name: str, unknown: Unknown):
        self.name, self.unknown = name, unknown
        self.free = Free.of(unknown, abs(float(unknown.start)) or 1.0)
        self.start = np.array([self.free.free(float(unknown.start))])

    @property
    def precision(self) -> Array:
        """(1, 1) of the prior, in the free variable; wide where none was declared."""
        if self.unknown.prior is None:
            return np.array([[_WIDE**-2]])
        mean, sd = self.unknown.prior
        inside = mean if self.unknown.bounds is None else float(self.unknown.start)
        return np.array([[(self.free.slope(self.free.free(inside)) / sd) ** 2]])

    @property
    def middle(self) -> Array:
        """(1,) mean of the prior."""
        prior = self.unknown.prior
        return self.start if prior is None else np.array([self.free.free(prior[0])])

    def trial(self, weights: Array, n: int, leaves: list[Leaf]) -> Any:
        z = torch.full((n,), float(weights[0]), dtype=torch.float64, requires_grad=True)
        leaves.append(Leaf(z, np.ones((n, 1))))
        return self.free.value(z)

    def plain(self, weights: Array, n: int) -> Any:
        return self.free.value(torch.full((n,), float(weights[0]), dtype=torch.float64))

    def value(self, weights: Array) -> float:
        """The number."""
        return self.free.number(float(weights[0]))


class SoughtFunction(Sought):
    """A function, as a sum of products of Chebyshev polynomials.

    Args:
        name: of the parameter.
        unknown: as the problem holds it.
        degrees: of its k arguments.
        intervals: of its arguments.
    """

    def __init__(
        self, name: str, unknown: UnknownFunction, degrees: Sequence[int], intervals: Sequence[tuple[float, float]]
    ):
        self.name, self.unknown, self.on = name, unknown, unknown.on
        self.degrees, self.intervals = tuple(degrees), tuple(intervals)
        self.basis = Chebyshev(self.degrees)
        self.size = self.basis.size
        self.free = Free.of(unknown.declared)
        self.start = np.zeros(self.size)
        self.start[0] = self.free.free(unknown.start)
        self.means = product_means(self.degrees)
        self.jumps = unknown.jumps

    @cached_property
    def _parts(self) -> list[Array]:
        return [roughness(self.degrees, order) for order in range(max(ORDERS[len(self.degrees)]) + 1)]

    @cached_property
    def increments(self) -> Array:
        """(J, k, P) of a function that jumps, see ``algebra.jumps``."""
        return increments(self.degrees)

    def displaced(self, weights: Array) -> Array:
        """(P, c) what changes where all of a function is moved by one of its increments, or two, either way.

        Jumps are no sharper than that, and are anywhere within it; each argument has the weight of one such change.
        """
        nodes, found = self.basis.tensor_nodes(surplus=1.0), []
        here = self.basis.rows(nodes, (0,) * len(self.degrees)) @ weights
        for axis, p in enumerate(self.degrees):
            for places in (-2, -1, 1, 2):
                moved = nodes.copy()
                angles = np.arccos(nodes[:, axis]) + places * math.pi / p
                moved[:, axis] = np.cos(np.clip(angles, 0, math.pi))
                found.append(self.basis.fit(nodes, self.basis.rows(moved, (0,) * len(self.degrees)) @ weights - here))
        return np.stack(found, axis=1) / math.sqrt(2 * len(self.degrees))

    @property
    def middle(self) -> Array:
        prior, found = self.unknown.declared.prior, self.start.copy()
        if prior is not None:
            found[0] = self.free.free(prior[0])
        return found

    def precision(self, size: float, length: float, order: int, wide: float) -> Array:
        """(P, P) of the prior.

        Args:
            size: standard deviation of the function around its mean.
            length: over which it changes, where its arguments span two.
            order: m, of its smoothness.
            wide: standard deviation of its mean; that of the declared prior comes before it.
        """
        rough = matern_precision(self._parts[: order + 1], length, len(self.degrees)) / size**2
        return rough + self._of_mean(wide)

    def jump_precision(self, size: float, weights: Array, wide: float) -> Array:
        """(P, P) of the prior of a function that jumps.

        Args:
            size: of increments.
            weights: (J,) of increments, see ``algebra.jumps``.
            wide: as above.
        """
        return jump_precision(self.increments, weights, size) + self._of_mean(wide)

    def _of_mean(self, wide: float) -> Array:
        prior = self.unknown.declared.prior
        if prior is not None:
            wide = prior[1] / abs(self.free.slope(self.middle[0]))
        return np.outer(self.means, self.means) / wide**2

    def moved(self, weights: Array, before: SoughtFunction) -> Array:
        """(P,) of the same function with other degrees or intervals."""
        nodes = self.basis.tensor_nodes(surplus=1.0)
        lower, upper = (np.array(side) for side in zip(*self.intervals, strict=True))
        at = lower + (nodes + 1) / 2 * (upper - lower)
        lower, upper = (np.array(side) for side in zip(*before.intervals, strict=True))
        there = np.clip(2 * (at - lower) / (upper - lower) - 1, -1, 1)
        return self.basis.fit(nodes, before.basis.rows(there, (0,) * len(self.on)) @ weights)

    @cached_property
    def inner_rows(self) -> Array:
        """(n, P) the basis at nodes of its own."""
        return self.basis.rows(self.basis.tensor_nodes(surplus=1.0), (0,) * len(self.on))

    def rows(self, arguments: Array, orders: Sequence[int]) -> Array:
        """(n, P) derivatives of the basis at arguments (n, k)."""
        lower, upper = (np.array(side) for side in zip(*self.intervals, strict=True))
        stretch = np.prod((2 / (upper - lower)) ** np.array(orders))
        return self.basis.rows(2 * (arguments - lower) / (upper - lower) - 1, orders) * stretch

    def trial(self, weights: Array, n: int, leaves: list[Leaf]) -> Any:
        return self._function(weights, leaves)

    def plain(self, weights: Array, n: int) -> Any:
        return self._function(weights, None)

    def _function(self, weights: Array, leaves: list[Leaf] | None) -> Any:
        if self.unknown.of_state:
            return _Closure(self, weights, leaves)
        return _Function(self, weights, leaves) if self.free.plain else _Bounded(self, weights, leaves)

    def found(self, weights: Array, factor: Array) -> Found:
        """The function with its covariance, F F^T."""
        expansion = Expansion(
            self.degrees, self.intervals, torch.from_numpy(weights.copy()), self.free,
            torch.from_numpy(np.ascontiguousarray(factor)), self.unknown.of_state,
        )  # fmt: skip
        if self.unknown.of_state:
            return FoundClosure(self.on, expansion)
        columns = tuple(map(self.unknown.coordinates.index, self.on))
        return FoundFunction(self.on, columns, expansion)


class _Function(FunctionParameter):
    """A function of coordinates; each derivative that is asked for is a leaf."""

    def __init__(self, sought: SoughtFunction, weights: Array, leaves: list[Leaf] | None):
        self.sought, self.weights, self.leaves, self.on = sought, weights, leaves, sought.on
        self.columns = tuple(map(sought.unknown.coordinates.index, sought.on))

    def at(self, points: Tensor) -> Tensor:
        return self.jet(points, ((),))[0, :, 0]

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        at = points.detach().numpy()[:, list(self.columns)]
        return torch.stack([self.derivative(at, [i.count(c) for c in self.columns], len(i)) for i in indices])[
            ..., None
        ]

    def derivative(self, at: Array, orders: Sequence[int], order: int) -> Tensor:
        """(n,) at arguments (n, k); zero where it is by a coordinate that is no argument."""
        if sum(orders) < order:
            return torch.zeros(len(at), dtype=torch.float64)
        rows = self.sought.rows(at, orders)
        value = torch.from_numpy(rows @ self.weights)
        if self.leaves is not None:
            self.leaves.append(Leaf(value.requires_grad_(), rows))
        return value


class _Bounded(StateFunction):
    """A function of coordinates between bounds: of a plain one, point by point."""

    def __init__(self, sought: SoughtFunction, weights: Array, leaves: list[Leaf] | None):
        self.sought, self.on = sought, sought.on
        self._inner = _Function(sought, weights, leaves)

    def field(self, arguments: Mapping[str, Field]) -> Field:
        fields = [arguments[name] for name in self.on]
        at = np.stack([f.value.detach().numpy() for f in fields], axis=1)

        def derive(key: Key) -> Tensor:
            return self._inner.derivative(at, [key.count(name) for name in self.on], len(key))

        plain = unknown_field(self.sought.name, LazyJet(derive), fields[0].coordinates, watch=fields[0].watch)
        return composed(self.sought.free.value, [plain])


class _Closure(StateFunction):
    """A function of unknowns; each point has coefficients of its own as leaves."""

    def __init__(self, sought: SoughtFunction, weights: Array, leaves: list[Leaf] | None):
        self.sought, self.weights, self.leaves, self.on = sought, weights, leaves, sought.on

    def field(self, arguments: Mapping[str, Field]) -> Field:
        fields = [arguments[name] for name in self.on]
        own = torch.from_numpy(self.weights).expand(len(fields[0].value), -1)
        if self.leaves is not None:
            own = own.clone().requires_grad_()
            self.leaves.append(Leaf(own, None))
        expansion = Expansion(
            self.sought.degrees, self.sought.intervals, own, self.sought.free, torch.zeros(0), held=True
        )
        return composed(lambda *values: self.sought.free.value((expansion.rows(values) * own).sum(dim=1)), fields)


class Trial:
    """All that is sought, while a term is linearized.

    Args:
        sought: functions and numbers.
        weights: (p,) coefficients of all.
    """

    def __init__(self, sought: Sequence[Sought], weights: Array):
        self.sought, self.weights = sought, split(weights, sought)
        self._leaves: list[list[Leaf]] = [[] for _ in sought]

    def bound(self, n: int) -> dict[str, Any]:
        """{parameter: what equations are given for it}, with new leaves."""
        self._leaves = [[] for _ in self.sought]
        pairs = zip(self.sought, self.weights, self._leaves, strict=True)
        return {each.name: each.trial(mine, n, leaves) for each, mine, leaves in pairs}

    def slopes(self, residuals: Sequence[Tensor]) -> Array:
        """(r, n, p) pointwise derivatives of r residuals (n,) by the coefficients."""
        found = [np.zeros((len(residuals), len(residuals[0]), each.size)) for each in self.sought]
        for total, leaves in zip(found, self._leaves, strict=True):
            tensors = dict(enumerate(leaf.tensor for leaf in leaves))
            for mine, residual in zip(total, residuals, strict=True):
                for number, slope in gradients(residual, tensors).items():
                    rows = leaves[number].rows
                    mine += slope.numpy() if rows is None else slope.numpy()[:, None] * rows
        return np.concatenate(found, axis=2)


def split(weights: Array, sought: Sequence[Sought]) -> list[Array]:
    """(p,) coefficients of all as those of each."""
    return np.split(weights, np.cumsum([each.size for each in sought])[:-1])


def coarse_degree(arguments: int, level: int) -> int:
    """Polynomial degree of a smooth function along each of its arguments."""
    start, most = {1: (20, 48), 2: (9, 14)}.get(arguments, (5, 7))
    return min(most, math.ceil(start * 1.35**level))
