"""Taylor mode against nested autograd, for every network, embedding, factorization, activation and derivative."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import pinnlab as pl
from pinnlab.derivatives.activations import ACTIVATIONS, activation
from pinnlab.derivatives.autograd import autograd_jet, autograd_rows
from pinnlab.derivatives.indices import VALUE, Indices, closure, faa_di_bruno, leibniz
from pinnlab.derivatives.taylor import Jet, Tape
from pinnlab.networks.base import Chain, Network
from pinnlab.networks.embeddings import Rescale

UP_TO_FOUR = closure([(0, 0, 0, 0), (1, 1, 1), (0, 1), (0, 0, 1)])
THREE_COORDINATES = closure([(0, 1), (0, 2), (1, 2), (0, 0), (1, 1), (2, 2)])
NETWORKS = {"MLP": pl.MLP, "ModifiedMLP": pl.ModifiedMLP, "PirateNet": pl.PirateNet}
EMBEDDINGS = {
    "none": lambda: None,
    "rescale": lambda: Rescale([-1.0, 0.0], [3.0, 0.5]),
    "periodic": lambda: pl.PeriodicEmbedding({0: 2.5}, harmonics=2),
    "both periodic": lambda: pl.PeriodicEmbedding({1: 0.9, 0: 2.5}),
    "fourier": lambda: pl.FourierEmbedding(3, scale=1.3, seed=2),
    "chain": lambda: Chain(
        Rescale([-1.0, 0.0], [1.0, 0.5]), pl.PeriodicEmbedding({0: 2.0}), pl.FourierEmbedding(2, scale=0.7)
    ),
}


def points(n: int = 5, d: int = 2) -> Tensor:
    return torch.rand(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(7)) * 2 - 0.7


def network(
    kind: str, embedding: str = "none", factorized: bool = False, name: str = "tanh", d: int = 2, m: int = 2
) -> Network:
    template = NETWORKS[kind](width=6, depth=2, activation=name, factorized=factorized)
    net = template.built(d, m, EMBEDDINGS[embedding](), torch.Generator().manual_seed(0)).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():  # zero biases and skip strengths would hide what they do
        for p in net.parameters():
            p.add_(0.4 * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    return net


def agree(found: Tensor, expected: Tensor, indices: Indices, tolerance: float = 1e-12) -> None:
    for index, a, b in zip(indices, found, expected, strict=True):
        scale = float(b.abs().max())
        torch.testing.assert_close(a, b, rtol=0, atol=tolerance * max(scale, 1.0), msg=lambda m, i=index: f"{i}: {m}")


def check(net: Network, at: Tensor, indices: Indices) -> None:
    """Values, gradients and per-point rows of all derivatives."""
    parameters = list(net.parameters())
    generator = torch.Generator().manual_seed(2)
    reference = autograd_jet(net, at, indices)
    jet = net.jet(at, indices)
    agree(jet.detach(), reference.detach(), indices)
    cotangent = torch.randn(jet.shape, generator=generator, dtype=jet.dtype)
    gradients = torch.autograd.grad(jet, parameters, cotangent, allow_unused=True)
    expected = torch.autograd.grad(reference, parameters, cotangent, allow_unused=True, retain_graph=True)
    total = dict(zip(parameters, gradients, strict=True))
    for (p, a), b in zip(total.items(), expected, strict=True):
        assert a is not None, tuple(p.shape)
        b = torch.zeros_like(p) if b is None else b
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11 * float(1 + b.abs().max()))
    tape = Tape()
    taped = net.jet(at, indices, tape)
    torch.testing.assert_close(taped.detach(), jet.detach(), rtol=1e-14, atol=1e-14)
    rows = tape.pull_back(taped, cotangent)
    slow = autograd_rows(reference, cotangent, parameters)
    assert set(rows) == set(parameters)
    for p, b in slow.items():
        assert rows[p].shape == (len(at), *p.shape)
        torch.testing.assert_close(rows[p], b, rtol=1e-11, atol=1e-11 * float(1 + b.abs().max()))
        torch.testing.assert_close(rows[p].sum(0), total[p], rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("factorized", [False, True], ids=["plain", "factorized"])
@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize("kind", NETWORKS)
def test_every_network_and_embedding(kind: str, embedding: str, factorized: bool) -> None:
    check(network(kind, embedding, factorized), points(), UP_TO_FOUR)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("kind", NETWORKS)
def test_every_activation(kind: str, name: str) -> None:
    check(network(kind, "none", False, name), points(4), UP_TO_FOUR)


@pytest.mark.parametrize("kind", NETWORKS)
def test_three_coordinates_with_all_second_derivatives(kind: str) -> None:
    check(network(kind, d=3, m=1), points(4, 3), THREE_COORDINATES)


@pytest.mark.parametrize("indices", [VALUE, closure([(0,)]), closure([(1, 1)]), closure([(0, 0), (1,)])])
def test_small_sets_of_derivatives(indices: Indices) -> None:
    check(network("PirateNet", "fourier", True), points(3), indices)


def test_against_finite_differences() -> None:
    net, at, h = network("ModifiedMLP", "chain", True), points(), 1e-3
    moves = [torch.tensor([h, 0.0], dtype=torch.float64), torch.tensor([0.0, h], dtype=torch.float64)]

    def values(a: int, b: int) -> Tensor:
        return net(at + a * moves[0] + b * moves[1]).detach()

    expected = {
        (0,): (values(1, 0) - values(-1, 0)) / (2 * h),
        (1,): (values(0, 1) - values(0, -1)) / (2 * h),
        (0, 0): (values(1, 0) - 2 * values(0, 0) + values(-1, 0)) / h**2,
        (0, 1): (values(1, 1) - values(1, -1) - values(-1, 1) + values(-1, -1)) / (4 * h**2),
        (0, 0, 0, 0): (values(2, 0) - 4 * values(1, 0) + 6 * values(0, 0) - 4 * values(-1, 0) + values(-2, 0)) / h**4,
    }
    jet = net.jet(at, UP_TO_FOUR).detach()
    for index, approximate in expected.items():
        exact = jet[UP_TO_FOUR.index(index)]
        torch.testing.assert_close(approximate, exact, rtol=0, atol=2e-3 * float(exact.abs().max()))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_torch_func_goes_through_a_network(name: str) -> None:
    net, at, indices = network("MLP", "none", False, name), points(3), closure([(0, 0)])
    found = torch.func.vmap(torch.func.jacrev(torch.func.jacrev(lambda p: net(p[None])[0])))(at)
    jet = net.jet(at, indices).detach()
    torch.testing.assert_close(found[:, :, 0, 0], jet[indices.index((0, 0))], rtol=1e-12, atol=1e-12)


def test_autograd_jet_on_a_known_function() -> None:
    """sin(2 x + 3 y) and x^2 y: one has all derivatives, the other stops."""
    at = points(6)
    x, y = at.T

    def function(p: Tensor) -> Tensor:
        return torch.stack([torch.sin(2 * p[:, 0] + 3 * p[:, 1]), p[:, 0] ** 2 * p[:, 1]], dim=1)

    jet = autograd_jet(function, at, UP_TO_FOUR, keep=False)
    assert not jet.requires_grad and jet.shape == (len(UP_TO_FOUR), 6, 2)
    second = {(): x**2 * y, (0,): 2 * x * y, (1,): x**2, (0, 0): 2 * y, (0, 1): 2 * x, (0, 0, 1): 2 + 0 * x}
    for index, found in zip(UP_TO_FOUR, jet, strict=True):
        wave = 2.0 ** index.count(0) * 3.0 ** index.count(1) * torch.sin(2 * x + 3 * y + len(index) * math.pi / 2)
        torch.testing.assert_close(found[:, 0], wave, rtol=0, atol=1e-12)
        torch.testing.assert_close(found[:, 1], second.get(index, torch.zeros_like(x)), rtol=0, atol=1e-13)
    constant = autograd_jet(lambda p: torch.ones(len(p), 1, dtype=p.dtype), at, UP_TO_FOUR)
    assert constant[0].tolist() == [[1.0]] * 6 and bool((constant[1:] == 0).all())


def test_rows_of_any_module_in_batches() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    parameters = list(module.parameters())
    jet = autograd_jet(module, points(7), closure([(0, 0)]))
    cotangent = torch.randn(jet.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = autograd_rows(jet, cotangent, parameters, batch=3)
    for i in range(7):
        one = torch.autograd.grad((jet[:, i] * cotangent[:, i]).sum(), parameters, retain_graph=True, allow_unused=True)
        for p, expected in zip(parameters, one, strict=True):
            if expected is not None:
                torch.testing.assert_close(rows[p][i], expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("kind", NETWORKS)
def test_float32(kind: str) -> None:
    double = network(kind, "chain", True)
    expected = double.jet(points(), UP_TO_FOUR).detach()
    found = network(kind, "chain", True).float().jet(points().float(), UP_TO_FOUR)
    assert found.dtype == torch.float32
    agree(found.detach().double(), expected, UP_TO_FOUR, 2e-4)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_list_their_derivatives(name: str) -> None:
    a = torch.linspace(-3, 3, 13, dtype=torch.float64).requires_grad_()
    found = activation(name)(a.detach(), 6)
    assert len(found) == 7 and len(activation(name)(a.detach(), 0)) == 1
    others = {"swish": nn.functional.silu, "gelu": nn.functional.gelu}
    value = (others[name] if name in others else getattr(torch, name))(a)
    for k, derivative in enumerate(found):
        torch.testing.assert_close(derivative, value.detach(), rtol=0, atol=1e-11, msg=f"order {k}")
        (value,) = torch.autograd.grad(value.sum(), a, create_graph=True)


def test_unknown_activations_are_refused() -> None:
    with pytest.raises(ValueError, match="activation='relu' is unknown; choose one of 'tanh'"):
        activation("relu")


def test_a_closure_holds_every_sub_index_once() -> None:
    assert closure([]) == VALUE == ((),)
    assert closure([(1, 0)]) == ((), (0,), (1,), (0, 1))
    assert closure([(0, 0, 1), (1,)]) == ((), (0,), (1,), (0, 0), (0, 1), (0, 0, 1))


def test_leibniz_by_hand() -> None:
    """(f g)_xxt = f g_xxt + 2 f_x g_xt + f_xx g_t + f_t g_xx + 2 f_xt g_x + f_xxt g."""
    indices = closure([(0, 0, 1)])
    names = {i: index for i, index in enumerate(indices)}
    terms = {(names[a], names[b]): c for c, a, b in leibniz(indices)[-1]}
    assert terms == {
        ((), (0, 0, 1)): 1, ((0,), (0, 1)): 2, ((0, 0), (1,)): 1,
        ((1,), (0, 0)): 1, ((0, 1), (0,)): 2, ((0, 0, 1), ()): 1,
    }  # fmt: skip


def test_faa_di_bruno_by_hand() -> None:
    """f(a)_xxxx = f' a4 + f'' (4 a1 a3 + 3 a2^2) + 6 f''' a1^2 a2 + f'''' a1^4."""
    indices = closure([(0, 0, 0, 0)])
    terms = {blocks: c for c, blocks in faa_di_bruno(indices)[-1]}
    assert terms == {(4,): 1, (1, 3): 4, (2, 2): 3, (1, 1, 2): 6, (1, 1, 1, 1): 1}
    mixed = {blocks: c for c, blocks in faa_di_bruno(closure([(0, 1)]))[-1]}
    assert mixed == {(3,): 1, (1, 2): 1}


def test_jets_of_points_and_their_arithmetic() -> None:
    at = torch.tensor([[2.0, 3.0]], dtype=torch.float64)
    indices = closure([(0, 1), (0, 0)])
    x, y = (Jet.of_points(at, indices).select([i]) for i in range(2))
    found = dict(zip(indices, (x * x * y + x - y).data[:, 0, 0].tolist(), strict=True))
    assert found == {(): 11.0, (0,): 13.0, (1,): 3.0, (0, 0): 6.0, (0, 1): 4.0}
    side = x.concatenate(y)
    assert side.data.shape == (5, 1, 2) and side.value.tolist() == [[2.0, 3.0]]
