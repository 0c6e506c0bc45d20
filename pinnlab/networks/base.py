"""What a network is: a module that is also a template, and its linear layers.

Letters: n points, d coordinates, m values, w width.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from pinnlab.derivatives.activations import activation as check_activation
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.derivatives.taylor import Jet, ParameterGradients, Tape
from pinnlab.machine.calls import explained_call


class Embedding(nn.Module, ABC):
    """What turns coordinates into features before the first layer."""

    @abstractmethod
    def width(self, inputs: int) -> int:
        """Number of features of so many inputs."""

    @abstractmethod
    def propagate(self, jet: Jet) -> Jet:
        """The features' jet (c, n, features) from the inputs' (c, n, inputs)."""


class Network(nn.Module, ABC):
    """A network written in jets: subclasses say how layers are made and how a jet passes through them.

    ``MLP(2, 1)`` is ready to use. ``MLP()`` is a template: it has no parameters until ``built`` gives a copy of it
    sizes and an embedding, which is what a solver does.
    """

    inputs: int | None
    outputs: int | None

    def __init__(self, inputs: int | None, outputs: int | None, embedding: Embedding | None):
        super().__init__()
        if (inputs is None) != (outputs is None):
            raise ValueError(
                f"{type(self).__name__}(inputs={inputs}, outputs={outputs}): give both, or neither and let the "
                "solver size the network; hidden layers are width=20, depth=3."
            )
        for name, value in (("inputs", inputs), ("outputs", outputs)):
            if value is not None and value < 1:
                raise ValueError(f"{type(self).__name__}({name}={value}): must be at least 1.")
        self.inputs, self.outputs, self.embedding = inputs, outputs, embedding

    @property
    def is_template(self) -> bool:
        """Whether the network still waits for its sizes."""
        return self.inputs is None

    def built(
        self, inputs: int, outputs: int, embedding: Embedding | None, generator: torch.Generator | None = None
    ) -> Network:
        """A copy of this template with parameters for (n, inputs) -> (n, outputs).

        Args:
            inputs: number of coordinates d.
            outputs: number of values m.
            embedding: what turns coordinates into features, placed before the template's own embedding.
            generator: source of the initial weights; torch's global one if None.
        """
        network = copy.deepcopy(self)
        network.inputs, network.outputs = inputs, outputs
        parts = [e for e in (embedding, self.embedding) if e is not None]
        network.embedding = parts[0] if len(parts) == 1 else Chain(*parts) if parts else None
        network.make_layers(generator)
        return network

    @property
    def features(self) -> int:
        """Width of what enters the first layer."""
        assert self.inputs is not None
        return self.inputs if self.embedding is None else self.embedding.width(self.inputs)

    @abstractmethod
    def make_layers(self, generator: torch.Generator | None) -> None:
        """Create the parameters for ``self.features`` inputs and ``self.outputs`` outputs."""

    @abstractmethod
    def propagate(self, jet: Jet) -> Jet:
        """Send the features' jet (c, n, features) through the layers: (c, n, m)."""

    def jet(self, points: Tensor, indices: Indices, tape: Tape | None = None) -> Tensor:
        """Derivatives (c, n, m) at (n, d) points."""
        jet = Jet.of_points(points, indices, tape)
        if self.embedding is not None:
            jet = self.embedding.propagate(jet)
        return self.propagate(jet).data

    def forward(self, points: Tensor) -> Tensor:
        """Values (n, m) at (n, d) points, in plain torch operations."""
        return self.jet(points, VALUE)[0]


class Chain(Embedding):
    """Embeddings one after the other."""

    def __init__(self, *parts: Embedding):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def width(self, inputs: int) -> int:
        for part in self.parts:
            inputs = part.width(inputs)
        return inputs

    def propagate(self, jet: Jet) -> Jet:
        for part in self.parts:
            jet = part.propagate(jet)
        return jet


class Linear(nn.Module):
    """An affine layer on jets, Glorot-normal weights and zero biases.

    Args:
        inputs: w.
        outputs: v.
        factorized: random weight factorization, W = diag(exp(s)) V with s drawn from N(1, 0.1^2)
            (Wang et al., arXiv 2210.01274).
        generator: source of the weights.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        factorized: bool = False,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        weight = torch.empty(outputs, inputs)
        nn.init.xavier_normal_(weight, generator=generator)
        self.scale = None
        if factorized:
            scale = 1.0 + 0.1 * torch.randn(outputs, generator=generator)
            weight /= torch.exp(scale)[:, None]
            self.scale = nn.Parameter(scale)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, jet: Jet) -> Jet:
        weight = self.weight if self.scale is None else torch.exp(self.scale)[:, None] * self.weight
        return jet.linear(weight, self.bias, self._rows)

    def _rows(self, weight: Tensor, bias: Tensor) -> ParameterGradients:
        rows: ParameterGradients = {self.bias: bias}
        if self.scale is None:
            rows[self.weight] = weight
        else:
            factor = torch.exp(self.scale.detach())
            rows[self.scale] = (weight * self.weight.detach()).sum(2) * factor
            rows[self.weight] = weight * factor[:, None]
        return rows


@explained_call()
class LayeredNetwork(Network):
    """A network whose layers share one width and one activation; arguments and errors are those of ``MLP``."""

    def __init__(
        self,
        inputs: int | None = None,
        outputs: int | None = None,
        *,
        width: int = 30,
        depth: int = 3,
        activation: str = "tanh",
        embedding: Embedding | None = None,
        factorized: bool = False,
    ):
        super().__init__(inputs, outputs, embedding)
        check_positive(type(self).__name__, width=width, depth=depth)
        check_activation(activation)
        self.width, self.depth, self.activation, self.factorized = width, depth, activation, factorized
        if not self.is_template:
            self.make_layers(None)

    def layer(self, inputs: int, outputs: int, generator: torch.Generator | None) -> Linear:
        """A new layer, factorized where all are."""
        return Linear(inputs, outputs, self.factorized, generator)


def check_positive(owner: str, **values: int) -> None:
    """Raise ValueError for a size below 1."""
    for name, value in values.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{owner}({name}={value!r}): must be a whole number of at least 1.")


def holds_conditions(network: nn.Module | None) -> bool:
    """Whether a network may hold conditions by construction: one of the user's own, a sized one, or with an embedding."""
    if network is None:
        return False
    return not isinstance(network, Network) or not network.is_template or network.embedding is not None
