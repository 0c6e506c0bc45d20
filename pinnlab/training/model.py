"""Model: a network, its exact conditions and the unknown coefficients, as one function of a flat parameter vector.

Letters: c derivatives, n points, d coordinates, m unknowns, p parameters.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from pinnlab.declaration.ansatz import Ansatz
from pinnlab.declaration.parameters.bounded import Free
from pinnlab.derivatives.autograd import autograd_jet, autograd_rows
from pinnlab.derivatives.indices import Indices
from pinnlab.derivatives.taylor import ParameterGradients, Tape
from pinnlab.domains import Region
from pinnlab.networks.files import network_data
from pinnlab.networks.own import taylor_mode
from pinnlab.training.part import Data, Part, Writer

Prepared = tuple[Tensor, Tensor] | None
PullBack = Callable[[Tensor], ParameterGradients]


class Parametrized:
    """What has trainable ``parameters``, as one flat vector."""

    parameters: list[nn.Parameter]

    @property
    def groups(self) -> list[list[nn.Parameter]]:
        """The parameters in order, those together that the same residuals depend on."""
        return [self.parameters]

    @property
    def size(self) -> int:
        """p, the number of trainable numbers."""
        return sum(p.numel() for p in self.parameters)

    @property
    def theta(self) -> Tensor:
        """(p,): all trainable numbers, a copy."""
        return torch.cat([p.detach().reshape(-1) for p in self.parameters])

    @theta.setter
    def theta(self, value: Tensor) -> None:
        with torch.no_grad():
            start = 0
            for p in self.parameters:
                p.copy_(value[start : start + p.numel()].view_as(p))
                start += p.numel()


class Trainable(Parametrized, Part):
    """u(x; theta) on a region, exact conditions included: a part of a solution that training finds.

    Attributes:
        numbers: {name: 0-dim parameter} to be found, free variables of those that have bounds.
        frees: {name: the number as a function of its free variable}; of those that are missing they are the same.
    """

    parameters: list[nn.Parameter]
    numbers: dict[str, nn.Parameter]
    frees: Mapping[str, Free] = MappingProxyType({})

    @property
    def coefficients(self) -> dict[str, Tensor]:  # type: ignore[override]
        """{name: 0-dim} of the coefficients that are to be found."""
        return self.bounded(self.numbers)

    def bounded(self, numbers: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """{name: coefficient} for free variables of any shape."""
        return {name: self.frees[name].value(z) if name in self.frees else z for name, z in numbers.items()}

    def set_coefficient(self, name: str, value: float) -> None:
        """Let a coefficient have a value between its bounds."""
        with torch.no_grad():
            self.numbers[name].fill_(self.frees[name].free(value) if name in self.frees else value)

    @property
    @abstractmethod
    def width(self) -> int:
        """The widest layer of a network, from which the size of chunks follows."""


class Model(Trainable):
    """u(x; theta) for all unknowns, with derivatives.

    Args:
        region: the domain; gives the order of coordinates.
        unknowns: their names, in the order of the network's outputs.
        network: (n, d) -> (n, m); a ``Network``, or an ``nn.Sequential`` of linear layers and smooth activations, uses
            Taylor mode, any other module autograd.
        ansatz: exact conditions.
        numbers: {name: 0-dim parameter} to be found, free variables of those that have bounds.
        constants: {name: 0-dim tensor} of the other parameters.
        frees: {name: the number as a function of its free variable}.
    """

    def __init__(
        self,
        region: Region,
        unknowns: tuple[str, ...],
        network: nn.Module,
        ansatz: Ansatz,
        numbers: Mapping[str, nn.Parameter],
        constants: Mapping[str, Tensor],
        frees: Mapping[str, Free] = MappingProxyType({}),
    ):
        self.region, self.unknowns, self.network, self.ansatz = region, unknowns, network, ansatz
        self.numbers, self.constants, self.frees = dict(numbers), dict(constants), dict(frees)
        self.parameters = [p for p in network.parameters() if p.requires_grad] + list(self.numbers.values())

    @property
    def networks(self) -> Sequence[nn.Module]:
        return (self.network,)

    @property
    def width(self) -> int:
        return getattr(self.network, "width", 64)

    def network_jet(self, points: Tensor, indices: Indices) -> Tensor:
        """Derivatives (c, n, m) of the bare network, with a graph to the parameters."""
        if (fast := taylor_mode(self.network)) is not None:
            return fast.jet(points, indices)
        return autograd_jet(self.network, points, indices)

    def linearized_network_jet(self, points: Tensor, indices: Indices) -> tuple[Tensor, PullBack]:
        """The same without a graph, and a function from cotangents (c, n, m) to per-point gradients."""
        if (fast := taylor_mode(self.network)) is not None:
            tape = Tape()
            jet = fast.jet(points, indices, tape)
            return jet.detach(), lambda cotangent: tape.pull_back(jet, cotangent)
        jet = autograd_jet(self.network, points, indices)
        own = [p for p in self.network.parameters() if p.requires_grad]
        return jet.detach(), lambda cotangent: autograd_rows(jet, cotangent, own)

    def jet(self, points: Tensor, indices: Indices, prepared: Prepared = None) -> Tensor:
        """Derivatives (c, n, m) of the unknowns, exact conditions included.

        Args:
            points: (n, d).
            indices: a downward-closed set of multi-indices.
            prepared: ``ansatz.prepare(points, indices)`` if it is known already.
        """
        if prepared is None:
            prepared = self.ansatz.prepare(points, indices)
        return self.ansatz.combine(prepared, self.network_jet(points, indices), indices)

    def to_data(self, file: Writer) -> Data:
        return {
            "domain": self.region.to_data(),
            "network": network_data(self.network),
            "state": {name: tensor.cpu() for name, tensor in self.network.state_dict().items()},
            **file.exact(self.ansatz, self.region, self.unknowns),
            "coefficients": {name: value.detach().cpu() for name, value in self.coefficients.items()},
            "constants": {name: value.cpu() for name, value in self.constants.items() if isinstance(value, Tensor)},
        }
