"""A solution on characteristics, seen from fixed places: labels are found by inverting X(xi, t) = x.

Letters: n points, d coordinates, s dimensions of space, c derivatives, m unknowns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pinnlab.declaration.ansatz import Ansatz
from pinnlab.derivatives.fields import coordinate_field, unknown_field
from pinnlab.derivatives.indices import VALUE, Indices, closure
from pinnlab.derivatives.jets import named_jets
from pinnlab.solvers.lagrangian.frames import Drift, Frame
from pinnlab.solvers.lagrangian.inflow import Entry
from pinnlab.solvers.lagrangian.labels import wrapped
from pinnlab.training.model import Model
from pinnlab.training.part import Data, Part, Writer

_STEPS = 80
_NEWTON = 12
"""Steps of Newton's method in two dimensions before another start is tried."""
_PATH = 8
"""Pieces of the way along which labels are followed in two dimensions."""


class EulerianView(Part):
    """A trained label model as a function of place and time.

    Args:
        model: unknowns, then displacements, as functions of labels and time.
        unknowns: the m names of the problem's own unknowns.
        drift: of the characteristics.
        entry: the labels of an interval with open sides; None where space is periodic.
    """

    def __init__(self, model: Model, unknowns: tuple[str, ...], drift: Drift, entry: Entry | None = None):
        self.model, self.unknowns, self.drift, self.entry = model, unknowns, drift, entry
        self.region, self.parameters = model.region, model.parameters
        self.constants = model.constants
        names = self.region.coordinates
        self.time = self.region.time_index
        self.space = [i for i in range(len(names)) if i != self.time]
        self._first: Indices = ((), *((i,) for i in self.space))
        # displacements alone: the exact start of a state may itself have to be looked for
        self._own = len(unknowns)
        exact: Any = model.ansatz
        self._ways = (
            exact.part(self._own) if entry else Ansatz(exact.constraints[self._own :], exact.profiles[self._own :])
        )
        self._bounds = dict(self.region.bounds)
        if entry is not None:
            self._bounds[entry.box.space[0]] = entry.labels

    @property
    def flow(self) -> EulerianView:
        return self

    @property
    def networks(self) -> Sequence[nn.Module]:
        return self.model.networks

    def positions(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """X (n, s) and dX/dxi (n, s, s) at labels and times (n, d); labels may lie outside the box by whole periods."""
        at = self._wrapped(labels)
        with torch.no_grad():
            bare = self.model.network_jet(at, self._first)[:, :, self._own :]
            jet = self._ways.combine(self._ways.prepare(at, self._first), bare.detach(), self._first)
        x = labels[:, self.space] + self._drifted(labels) + jet[0]
        slopes = jet[1:].permute(1, 2, 0)
        return x, slopes + torch.eye(len(self.space), dtype=slopes.dtype, device=slopes.device)

    def _wrapped(self, labels: Tensor) -> Tensor:
        return wrapped(labels, self.region) if self.entry is None else labels

    def _drifted(self, labels: Tensor) -> Tensor:
        """How far the drift has gone, (n, s)."""
        velocity = labels.new_tensor([self.drift.velocity[self.region.coordinates[i]] for i in self.space])
        return (labels[:, self.time] - self.drift.start)[:, None] * velocity

    def labels(self, points: Tensor) -> Tensor:
        """The labels (n, d) of the characteristics through points (n, d), unwrapped; time is kept."""
        return self._bracketed(points) if len(self.space) == 1 else self._followed(points)

    def _bracketed(self, points: Tensor) -> Tensor:
        """Newton's method, kept between bounds that shrink: X grows with xi."""
        (axis,) = self.space
        target = points[:, axis]
        displacement = self._displacements()
        spread = 0.1 * (displacement.max() - displacement.min()) + 1e-6
        found = points.clone()
        home = target - self._drifted(points)[:, 0]
        lower, upper = home - displacement.max() - spread, home - displacement.min() + spread
        found[:, axis] = home
        found[:, axis] = home - (self.positions(found)[0][:, 0] - target)
        found[:, axis] = torch.minimum(torch.maximum(found[:, axis], lower), upper)
        active = torch.arange(len(points), device=points.device)
        # positions are rounded where they are: far away after a long drift
        largest = target.abs().max() + home.abs().max() + displacement.abs().max()
        tolerance = 8 * torch.finfo(points.dtype).eps * float(largest)
        for _ in range(_STEPS):
            x, slope = self.positions(found[active])
            miss = x[:, 0] - target[active]
            near = miss.abs() <= tolerance
            active, miss, slope = active[~near], miss[~near], slope[~near]
            if not len(active):
                break
            now = found[active, axis]
            upper[active] = torch.where(miss > 0, now, upper[active])
            lower[active] = torch.where(miss <= 0, now, lower[active])
            step = now - miss / slope[:, 0, 0]
            inside = (step > lower[active]) & (step < upper[active])
            found[active, axis] = torch.where(inside, step, (lower[active] + upper[active]) / 2)
        return found

    def _followed(self, points: Tensor) -> Tensor:
        """Newton's method from where a label would be without displacement; where that fails, along a way."""
        home = points.clone()
        home[:, self.space] -= self._drifted(points)
        found, missed = self._newton(home, points[:, self.space])
        if len(missed):
            # from where a label equal to the place has gone, to the place itself
            part, goal = home[missed], points[missed][:, self.space]
            start, _ = self.positions(part)
            for piece in range(1, _PATH + 1):
                part, _ = self._newton(part, start + (goal - start) * (piece / _PATH))
            found[missed] = part
        return found

    def _newton(self, labels: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Labels (n, d) whose positions are ``goal`` (n, s), from a first guess; numbers of those that are not found."""
        found = labels.clone()
        active = torch.arange(len(labels), device=labels.device)
        tolerance = 8 * torch.finfo(labels.dtype).eps * float(goal.abs().max() + labels[:, self.space].abs().max())
        for _ in range(_NEWTON):
            x, slope = self.positions(found[active])
            miss = goal[active] - x
            near = miss.abs().amax(1) <= tolerance
            active, miss, slope = active[~near], miss[~near], slope[~near]
            if not len(active):
                break
            step = torch.linalg.solve(slope, miss)
            found[active[:, None], torch.tensor(self.space)] += step
        return found, active

    def _displacements(self) -> Tensor:
        """D on a grid of labels and times, (n, s)."""
        labels = self.label_grid()
        return self.positions(labels)[0] - labels[:, self.space] - self._drifted(labels)

    def label_grid(self, per_axis: int | None = None) -> Tensor:
        """(n, d) labels and times that cover the box."""
        count = per_axis or (65 if len(self.space) == 1 else 25)
        like = self.parameters[0].detach()
        axes = [torch.linspace(*self._bounds[n], count, dtype=like.dtype) for n in self.region.coordinates]
        return torch.cartesian_prod(*axes).to(like)

    def first_crossing(self) -> float | None:
        """The first time at which characteristics of the sampled labels cross; None where they never do."""
        labels, size = self._sizes()
        crossed = size <= 0
        return float(labels[crossed, self.time].min()) if bool(crossed.any()) else None

    def narrowest(self) -> tuple[float, float]:
        """The smallest det dX/dxi of the sampled labels, and when that is."""
        labels, size = self._sizes()
        where = int(size.argmin())
        return float(size[where]), float(labels[where, self.time])

    def _sizes(self) -> tuple[Tensor, Tensor]:
        """Labels (n, d) that cover the box, and det dX/dxi (n,) there."""
        labels = self.label_grid(101 if len(self.space) == 1 else 33)
        places, slopes = self.positions(labels)
        size = torch.linalg.det(slopes)
        if self.entry is None:
            return labels, size
        inside = self.entry.inside(places[:, 0])
        return labels[inside], size[inside]

    def values(self, points: Tensor, batch: int = 8192) -> Tensor:
        """(n, m) values at points (n, d), any n."""
        parts = []
        with torch.no_grad():
            for part in points.split(batch):
                labels = self._wrapped(self.labels(part))
                parts.append(self.model.jet(labels, VALUE)[0, :, : len(self.unknowns)])
        return torch.cat(parts)

    @property
    def coefficients(self) -> Mapping[str, Tensor]:  # type: ignore[override]
        return self.model.coefficients

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, m) by position and time at points (n, d)."""
        names = self.region.coordinates
        highest = max(len(index) for index in indices)
        every = closure(_words(len(names), highest))
        labels = self._wrapped(self.labels(points))
        jet = self.model.jet(labels, every).detach()
        fields = {
            u: unknown_field(u, mine, names) for u, mine in named_jets(jet, every, self.model.unknowns, names).items()
        }
        fields |= {name: coordinate_field(name, labels[:, i], names) for i, name in enumerate(names)}
        frame = Frame.of(fields, self.drift)
        found = [
            torch.stack([frame.eulerian(fields[u]).d(*(names[i] for i in index)).value for u in self.unknowns], dim=1)
            for index in indices
        ]
        return torch.stack(found)

    def characteristics(
        self, count: int = 17, times: int = 101, start: Mapping[str, Tensor] | None = None
    ) -> Mapping[str, Tensor]:
        names = self.region.coordinates
        like = self.parameters[0].detach()
        instants = torch.linspace(*self.region.time_interval, times, dtype=like.dtype)
        if start is None:
            axes = [torch.linspace(*self._bounds[names[i]], count, dtype=like.dtype) for i in self.space]
            first = torch.cartesian_prod(*axes).reshape(-1, len(axes))
        else:
            first = torch.stack([start[names[i]] for i in self.space], dim=1)
        labels = like.new_empty(len(first), times, len(names))
        labels[:, :, self.space] = first[:, None].to(like)
        labels[:, :, self.time] = instants.to(like)
        x = self.positions(labels.reshape(-1, len(names)))[0].reshape(len(first), times, -1).cpu()
        if self.entry is not None:
            x = torch.where(self.entry.inside(x), x, torch.nan)
        return {self.region.clock: instants} | {names[i]: x[:, :, k] for k, i in enumerate(self.space)}

    def to_data(self, file: Writer) -> Data:
        drift = {"start": self.drift.start, "velocity": dict(self.drift.velocity), "time": self.drift.time}
        data = {**self.model.to_data(file), "drift": drift}
        if self.entry is not None:
            exact: Any = self.model.ansatz
            orders = list(exact.orders)
            data["entry"] = {"place": self.entry.place, "velocity": self.entry.velocity, "orders": orders}
        return data


def _words(letters: int, length: int) -> list[tuple[int, ...]]:
    """All sorted multi-indices of one length."""
    if length == 0:
        return [()]
    return [(*word, i) for word in _words(letters, length - 1) for i in range(word[-1] if word else 0, letters)]
