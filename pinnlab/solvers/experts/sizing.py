"""How a network for basis functions is made from a template, a module or nothing.

Letters: n points, d coordinates, s scalar parameters of the family, m unknowns, N basis functions of an unknown.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from pinnlab.declaration.parameters.kinds import Uniform
from pinnlab.declaration.problem import Problem
from pinnlab.networks.base import Chain, Embedding, Linear, Network
from pinnlab.networks.embeddings import PeriodicEmbedding, Rescale
from pinnlab.networks.fno import FNO
from pinnlab.networks.own import check_own
from pinnlab.solvers.experts.members import functions, scalars


def sized(
    given: nn.Module, problem: Problem, outputs: int, harmonics: int, generator: torch.Generator, dtype: torch.dtype
) -> nn.Module:
    """A network that gives a family's basis functions.

    Args:
        given: a template, a sized network, or a module of one's own (which is copied).
        problem: the family; coordinates that are exactly periodic become so in the network.
        outputs: m N.
        harmonics: of the embedding of periodic coordinates.
        generator: source of the initial weights.
        dtype: of the network.

    Raises:
        ValueError: a module that maps to other sizes, or is no smooth function of one point.
    """
    names = problem.domain.coordinates
    periods = problem.exact_plan().periods
    if isinstance(given, FNO):
        if not given.is_template:
            return copy.deepcopy(given).to(dtype)
        flags = [i in periods for i in range(len(names))]
        return given.built_grid(max(1, len(problem.families)), outputs, len(names), generator, flags).to(dtype)
    inputs = len(names) + len(scalars(problem))
    if isinstance(given, Network) and given.is_template:
        network = given.built(inputs, outputs, _embedding(given, problem, periods, harmonics), generator)
        return _with_biases(network, generator).to(dtype)
    own = copy.deepcopy(given).to(dtype)
    with torch.no_grad():
        found = tuple(own(torch.zeros(3, inputs, dtype=dtype)).shape)
    if found != (3, outputs):
        raise ValueError(
            f"HardConstraintMoE(network={type(given).__name__}(...)) mapped (3, {inputs}) to {found}; it must map "
            f"{len(names)} coordinates and {len(scalars(problem))} parameters to {outputs} basis functions."
        )
    check_own(own, inputs, max(problem.order(name) for name in names), torch.zeros((), dtype=dtype))
    return own


def needs_grid(network: nn.Module | None, problem: Problem) -> bool:
    """Whether basis functions live on a grid: those of an ``FNO``, which is the default where a parameter is a function."""
    return isinstance(network, FNO) or (network is None and bool(functions(problem)))


def embeds_periods(network: nn.Module | None, problem: Problem) -> bool:
    """Whether there are coordinates that an embedding, with its harmonics, makes exactly periodic in the network."""
    if needs_grid(network, problem) or not problem.exact_plan().periods:
        return False
    return network is None or (isinstance(network, Network) and network.is_template and not _has_own_inputs(network))


def _has_own_inputs(network: Network) -> bool:
    return getattr(network.embedding, "takes_coordinates", False)


def _embedding(given: Network, problem: Problem, periods: dict[int, float], harmonics: int) -> Embedding | None:
    if _has_own_inputs(given):
        return None
    lower, upper = map(list, zip(*problem.domain.bounds.values(), strict=True))
    for i in periods:
        # the periodic embedding takes these coordinates as they are
        lower[i], upper[i] = -1.0, 1.0
    for name in scalars(problem):
        family = problem.parameters[name]
        assert isinstance(family, Uniform)
        lower.append(family.lower)
        upper.append(family.upper)
    rescale = Rescale(lower, upper)
    return Chain(rescale, PeriodicEmbedding(periods, harmonics)) if periods else rescale


def _with_biases(network: Network, generator: torch.Generator) -> Network:
    """The same network with random biases: without any, a basis has no even functions about the centre of the inputs."""
    for layer in network.modules():
        if isinstance(layer, Linear):
            with torch.no_grad():
                layer.bias.uniform_(-1.0, 1.0, generator=generator)
    return network
