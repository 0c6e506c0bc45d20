"""A finished part of a solution: one time window, one slab, or the whole, whoever made it.

Letters: c derivatives, n points, d coordinates, m unknowns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from pinnlab.declaration.ansatz import Ansatz
from pinnlab.declaration.clashes.singular import SingularPart
from pinnlab.declaration.parameters.found_functions import Found
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.domains import Region

Data = dict[str, Any]
"""Plain data: numbers, words, tensors, and lists and dictionaries of them, which a file can hold."""


class Writer(Protocol):
    """The file that parts write themselves to; it keeps once what several of them share."""

    def shared(self, thing: Any) -> int:
        """The number in the file of a thing that has ``to_data()``."""
        ...

    def exact(self, ansatz: Ansatz, region: Region, unknowns: Sequence[str]) -> Data:
        """The exact conditions of a model as plain data."""
        ...

    def known(self, part: SingularPart, region: Region) -> list[Data]:
        """A part of an unknown that is known beforehand as plain data."""
        ...


def lift_data(lift: Mapping[str, SingularPart], region: Region, file: Writer) -> Data:
    """The parts of unknowns that are known beforehand as plain data; nothing where there are none."""
    return {"lift": {u: file.known(part, region) for u, part in lift.items()}} if lift else {}


class Flow(Protocol):
    """Characteristics that carry a part's solution."""

    def characteristics(
        self, count: int = 17, times: int = 101, start: Mapping[str, Tensor] | None = None
    ) -> Mapping[str, Tensor]:
        """Their paths: {"t": (times,), coordinate of space: (labels, times)}.

        Args:
            count: labels per axis, from side to side, where no start is given.
            times: instants.
            start: {coordinate of space: (labels,)}, where paths begin.
        """
        ...


class Part(ABC):
    """The unknowns as functions of the coordinates on one region.

    Attributes:
        region: where it holds; gives the order of coordinates.
        unknowns: the m names of the problem's own unknowns.
        parameters: what it is made of: numbers trained or solved for. The first tells dtype and device.
        coefficients: {name: 0-dim tensor} of unknown parameters that were found.
        constants: {name: value} of the other parameters.
    """

    region: Region
    unknowns: tuple[str, ...]
    parameters: Sequence[Tensor]
    coefficients: Mapping[str, Tensor]
    constants: Mapping[str, Any]

    @property
    def solved(self) -> Part:
        """The part in the variables in which it was solved."""
        return self

    @property
    def functions(self) -> Mapping[str, Found]:
        """{name: function} of unknown functions that were found, with their uncertainty."""
        return {}

    @property
    def networks(self) -> Sequence[nn.Module]:
        """The networks that were trained; none where the part was solved for directly."""
        return ()

    @property
    def own_errors(self) -> Mapping[str, float]:
        """{unknown: what its solver takes its root mean square error to be at most}; none where it has not said."""
        return {}

    @property
    def joints(self) -> Mapping[str, tuple[float, ...]]:
        """{coordinate: positions where pieces of this part meet}; its derivatives may jump there."""
        return {}

    @property
    def flow(self) -> Flow | None:
        """The characteristics that carry the solution; None where it was solved for at fixed places."""
        return None

    @abstractmethod
    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, m) of the unknowns at (n, d) points."""

    def values(self, points: Tensor, batch: int = 4096) -> Tensor:
        """(n, m) values without a graph, any n."""
        with torch.no_grad():
            return torch.cat([self.jet(part, VALUE)[0] for part in points.split(batch)])

    @abstractmethod
    def to_data(self, file: Writer) -> Data:
        """Plain data from which the part can be made again.

        Raises:
            TypeError: this kind of part has no file form.
        """


class FamilyPart(Part):
    """A part that holds for all members of a family of numbers; asked as it is, it is the member that stands for all."""

    @abstractmethod
    def member(self, values: Mapping[str, float]) -> Part:
        """The member with these values {family parameter: number}."""
