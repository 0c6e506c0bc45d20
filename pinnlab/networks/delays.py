"""How long after the start something enters, as a feature: solutions have a kink where it begins to.

Letters: n points, d coordinates, c derivatives.
"""

from __future__ import annotations

from torch import Tensor

from pinnlab.derivatives.taylor import Jet
from pinnlab.networks.base import Embedding


def delays(labels: Tensor, place: float | None, velocity: float) -> Tensor:
    """How long after the start labels of any shape, carried at a velocity, enter at a place: max(0, (place - label) / V).

    Zero for all where nothing enters anywhere (``place`` None).
    """
    return labels * 0.0 if place is None else ((place - labels) / velocity).clamp_min(0)


class DelayEmbedding(Embedding):
    """An embedding of labels and times with the delay of each label beside it, in units of a duration.

    Args:
        inner: makes the other features.
        axis: number of the coordinate that holds the labels.
        place: where labels enter; None where none does.
        velocity: with which they are carried there.
        duration: the unit.
    """

    def __init__(self, inner: Embedding, axis: int, place: float | None, velocity: float, duration: float):
        super().__init__()
        self.inner, self.axis, self.place, self.velocity, self.duration = inner, axis, place, velocity, duration

    def width(self, inputs: int) -> int:
        return self.inner.width(inputs) + 1

    def propagate(self, jet: Jet) -> Jet:
        labels = jet.data[:, :, [self.axis]]
        delay = delays(labels[0], self.place, self.velocity) / self.duration
        slope = 0.0 if self.place is None else -1 / (self.velocity * self.duration)
        data = labels * slope * (delay > 0)
        data[0] = delay
        return self.inner.propagate(jet).concatenate(jet.with_data(data))
