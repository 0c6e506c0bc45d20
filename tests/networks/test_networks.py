from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.derivatives.indices import closure
from pinnlab.networks.base import Chain, Linear, Network
from pinnlab.networks.embeddings import Rescale

NETWORKS = [pl.MLP, pl.ModifiedMLP, pl.PirateNet]
POINTS = torch.rand(11, 2, generator=torch.Generator().manual_seed(0))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("cls", NETWORKS)
@pytest.mark.parametrize(("d", "m"), [(1, 1), (2, 3), (4, 1)])
def test_shapes(cls: type[Network], d: int, m: int) -> None:
    network = cls(d, m, width=7, depth=2)
    assert not network.is_template
    points = torch.rand(5, d, generator=generator())
    assert network(points).shape == (5, m)
    assert network.jet(points, closure([(0, 0)])).shape == (3, 5, m)


@pytest.mark.parametrize("cls", NETWORKS)
def test_templates_are_built_by_the_solver(cls: type[Network]) -> None:
    template = cls(width=9, depth=2)
    assert template.is_template and not list(template.parameters())
    network = template.built(2, 3, None, generator())
    assert template.is_template and not list(template.parameters()), "the template stays as it was"
    assert network(POINTS).shape == (11, 3) and network.width == 9
    same, other = template.built(2, 3, None, generator()), template.built(2, 3, None, generator(1))
    assert torch.equal(network(POINTS), same(POINTS)) and not torch.equal(network(POINTS), other(POINTS))


@pytest.mark.parametrize("cls", NETWORKS)
def test_building_with_a_generator_leaves_the_global_one_alone(cls: type[Network]) -> None:
    before = torch.get_rng_state()
    cls(width=4, factorized=True).built(2, 1, None, generator())
    assert torch.equal(before, torch.get_rng_state())


def test_sizes_in_numbers() -> None:
    def size(network: Network) -> int:
        return sum(p.numel() for p in network.parameters())

    w, d, m = 6, 2, 3
    assert size(pl.MLP(d, m, width=w, depth=3)) == (d + 1) * w + 2 * (w + 1) * w + (w + 1) * m
    assert size(pl.ModifiedMLP(d, m, width=w, depth=3)) == 3 * (d + 1) * w + 2 * (w + 1) * w + (w + 1) * m
    assert size(pl.PirateNet(d, m, width=w, depth=2)) == (d + 1) * w + (2 + 6) * (w + 1) * w + 2 + (w + 1) * m
    plain, factorized = pl.MLP(d, m, width=w, depth=2), pl.MLP(d, m, width=w, depth=2, factorized=True)
    assert size(factorized) - size(plain) == 2 * w + m, "one scale per neuron"


def test_the_modified_mlp_is_gated() -> None:
    """H <- (1 - Z) U + Z V from the second hidden layer on, written out."""
    network = pl.ModifiedMLP(2, 1, width=5, depth=3).double()
    source = generator()
    for p in network.parameters():
        torch.nn.init.normal_(p, generator=source)
    x = POINTS.double()

    def layer(linear: Linear, value: Tensor) -> Tensor:
        return torch.tanh(value @ linear.weight.T + linear.bias)

    u, v, state = layer(network.gate_u, x), layer(network.gate_v, x), layer(network.first, x)
    for hidden in network.hidden:
        z = layer(hidden, state)
        state = (1 - z) * u + z * v
    torch.testing.assert_close(network(x), state @ network.last.weight.T + network.last.bias, rtol=1e-13, atol=1e-13)


def test_pirate_net_starts_linear_in_its_features() -> None:
    network = pl.PirateNet(2, 2, width=8, depth=3, embedding=pl.FourierEmbedding(4, scale=2.0)).double()
    x = POINTS.double()
    phase = x @ network.embedding.frequencies(2).T
    waves = torch.cat([torch.cos(phase), torch.sin(phase)], dim=1)
    features = torch.tanh(waves @ network.encoder.weight.T + network.encoder.bias)
    expected = features @ network.last.weight.T + network.last.bias
    torch.testing.assert_close(network(x), expected, rtol=1e-13, atol=1e-13)
    assert [s.item() for s in network.strengths] == [0.0] * 3


def test_a_pirate_block_written_out() -> None:
    network = pl.PirateNet(2, 1, width=5, depth=1).double()
    source = generator()
    for p in network.parameters():
        torch.nn.init.normal_(p, generator=source)
    x = POINTS.double()

    def layer(linear: Linear, value: Tensor) -> Tensor:
        return torch.tanh(value @ linear.weight.T + linear.bias)

    state = layer(network.encoder, x)
    u, v = layer(network.gate_u, state), layer(network.gate_v, state)
    first, second, third = network.blocks[0]
    f = layer(first, state)
    g = layer(second, f * u + (1 - f) * v)
    h = layer(third, g * u + (1 - g) * v)
    strength = network.strengths[0]
    state = strength * h + (1 - strength) * state
    torch.testing.assert_close(network(x), state @ network.last.weight.T + network.last.bias, rtol=1e-13, atol=1e-13)


def test_random_weight_factorization_keeps_the_effective_weights() -> None:
    wide = Linear(400, 300, factorized=True, generator=generator()).double()
    scale = wide.scale.detach()
    effective = torch.exp(scale)[:, None] * wide.weight.detach()
    assert float(effective.std()) == pytest.approx(math.sqrt(2 / 700), rel=0.02), "Glorot-normal, as without"
    assert float(scale.mean()) == pytest.approx(1.0, abs=0.02)
    assert float(scale.std()) == pytest.approx(0.1, rel=0.15)
    network = pl.MLP(2, 2, width=6, depth=2, factorized=True).double()
    plain = pl.MLP(2, 2, width=6, depth=2).double()
    layers = zip([*network.hidden, network.last], [*plain.hidden, plain.last], strict=True)
    with torch.no_grad():
        for source, target in layers:
            target.weight.copy_(torch.exp(source.scale)[:, None] * source.weight)
    torch.testing.assert_close(network(POINTS.double()), plain(POINTS.double()), rtol=1e-14, atol=1e-14)


def test_periodic_features() -> None:
    embedding = pl.PeriodicEmbedding({1: 3.0}, harmonics=2)
    network = pl.MLP(2, 1, width=4, depth=1, embedding=embedding).double()
    assert network.features == embedding.width(2) == 5
    x = POINTS.double()
    moved = x + torch.tensor([0.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(network(x), network(moved), rtol=1e-12, atol=1e-12)
    assert not torch.allclose(network(x), network(x + torch.tensor([0.0, 1.5])))
    assert not torch.allclose(network(x), network(x + torch.tensor([3.0, 0.0])))


def test_fourier_features_are_fixed_by_their_seed() -> None:
    embedding = pl.FourierEmbedding(500, scale=2.0, seed=1)
    assert embedding.width(2) == 1000
    assert torch.equal(embedding.frequencies(2), pl.FourierEmbedding(500, scale=2.0, seed=1).frequencies(2))
    assert not torch.equal(embedding.frequencies(2), pl.FourierEmbedding(500, scale=2.0, seed=2).frequencies(2))
    assert float(embedding.frequencies(2).std()) == pytest.approx(2.0, rel=0.1)


def test_rescale_maps_the_box_to_the_cube() -> None:
    network = pl.MLP(2, 1, width=4, depth=1).double()
    rescaled = copy.deepcopy(network)
    rescaled.embedding = Rescale([-1.0, 2.0], [3.0, 2.5])
    corners = torch.tensor([[-1.0, 2.0], [3.0, 2.5], [1.0, 2.25]], dtype=torch.float64)
    cube = torch.tensor([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(rescaled(corners), network(cube), rtol=1e-13, atol=1e-13)


def test_a_solvers_embedding_comes_before_the_templates_own() -> None:
    template = pl.MLP(width=4, depth=1, embedding=pl.FourierEmbedding(3))
    network = template.built(2, 1, pl.PeriodicEmbedding({0: 1.0}), generator())
    assert isinstance(network.embedding, Chain)
    assert [type(part).__name__ for part in network.embedding.parts] == ["PeriodicEmbedding", "FourierEmbedding"]
    assert network.features == 6 and network.embedding.width(2) == 6


@pytest.mark.parametrize("cls", NETWORKS)
def test_bad_sizes(cls: type[Network]) -> None:
    with pytest.raises(ValueError, match=rf"{cls.__name__}\(inputs=2, outputs=None\): give both, or neither"):
        cls(2)
    with pytest.raises(ValueError, match=r"\(outputs=0\): must be at least 1"):
        cls(2, 0)
    for name in ("width", "depth"):
        with pytest.raises(ValueError, match=rf"{cls.__name__}\({name}=0\): must be a whole number"):
            cls(**{name: 0})
        with pytest.raises(ValueError, match="whole number"):
            cls(**{name: 2.5})
    with pytest.raises(ValueError, match="activation='relu' is unknown"):
        cls(activation="relu")


def test_bad_embeddings() -> None:
    with pytest.raises(ValueError, match="name at least one coordinate"):
        pl.PeriodicEmbedding({})
    with pytest.raises(ValueError, match=r"periods=\{0: -1.0\}\): a period must be positive"):
        pl.PeriodicEmbedding({0: -1.0})
    with pytest.raises(ValueError, match="harmonics=0"):
        pl.PeriodicEmbedding({0: 1.0}, harmonics=0)
    with pytest.raises(ValueError, match="features=0"):
        pl.FourierEmbedding(0)
    with pytest.raises(ValueError, match="scale=0"):
        pl.FourierEmbedding(scale=0)
