"""Singular features: derivatives against finite differences, harmonic, and on the right side of the cut."""

from __future__ import annotations

import math

import pytest
import torch

import pinnlab as pl
from pinnlab.derivatives.indices import closure
from pinnlab.networks.embeddings import Rescale
from pinnlab.networks.files import built_network, network_data
from pinnlab.networks.singular import KINDS, SingularEmbedding, Switch
from pinnlab.solvers.switches import switches

POINTS = torch.tensor([[0.3, 1.2, 0.1], [0.8, 0.7, 0.5], [0.1, 1.9, 0.9]], dtype=torch.float64)


def switch(kind: str) -> Switch:
    """On the upper side of the first coordinate, at 1 along the second one."""
    return Switch(kind, along=1, across=0, at=1.0, side=1.0, inwards=-1.0, ratio=2.0, length=2.0)


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_of_features(kind: str) -> None:
    one, h = switch(kind), 1e-5

    def value(shift: tuple[float, float, float], order: tuple[int, int]) -> torch.Tensor:
        return one.features(POINTS + torch.tensor(shift, dtype=torch.float64), order)

    for order in ((0, 0), (1, 0), (0, 1), (1, 1), (2, 0)):
        along = (value((0, h, 0), order) - value((0, -h, 0), order)) / (2 * h)
        across = (value((h, 0, 0), order) - value((-h, 0, 0), order)) / (2 * h)
        torch.testing.assert_close(one.features(POINTS, (order[0] + 1, order[1])), along, rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(one.features(POINTS, (order[0], order[1] + 1)), across, rtol=1e-6, atol=1e-7)
    # 4 u_yy + u_xx = 0: distances across count twice
    torch.testing.assert_close(
        4 * one.features(POINTS, (2, 0)) + one.features(POINTS, (0, 2)), torch.zeros_like(value((0, 0, 0), (0, 0)))
    )


def test_a_root_on_its_side() -> None:
    on_side = torch.tensor([[1.0, 1.5, 0.0], [1.0, 0.5, 0.0]], dtype=torch.float64)
    real, imag = switch("root").features(on_side, (0, 0)).T
    torch.testing.assert_close(real, torch.tensor([0.5, 0.0], dtype=torch.float64), rtol=0, atol=1e-6)
    torch.testing.assert_close(imag, torch.tensor([0.0, 0.5], dtype=torch.float64), rtol=0, atol=1e-6)
    (angle,) = switch("angle").features(on_side, (0, 0)).T
    torch.testing.assert_close(angle, torch.tensor([0.0, math.pi], dtype=torch.float64), rtol=0, atol=1e-12)


def test_the_embedding_keeps_the_other_features_and_is_written_to_files() -> None:
    made = SingularEmbedding(Rescale([0.0] * 3, [1.0, 2.0, 1.0]), [switch("root"), switch("angle")])
    network = pl.MLP(width=5, depth=2).built(3, 1, made, torch.Generator().manual_seed(0)).double()
    assert network.features == 6
    indices = closure([(0, 0), (1, 1), (0, 2)])
    again = built_network(network_data(network), None).double()
    again.load_state_dict(network.state_dict())
    torch.testing.assert_close(again.jet(POINTS, indices), network.jet(POINTS, indices), rtol=0, atol=0)
    h = 1e-5
    shift = torch.tensor([h, 0.0, 0.0], dtype=torch.float64)
    slope = (network(POINTS + shift) - network(POINTS - shift)) / (2 * h)
    torch.testing.assert_close(network.jet(POINTS, indices)[indices.index((0,))], slope, rtol=1e-6, atol=1e-8)


def test_switches_of_a_problem() -> None:
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 3.0), t=(0.0, 1.0))
    rest = [pl.Initial(u=0.0), pl.Dirichlet(u=0.0, on="x+"), pl.Neumann(u=0.0, on="y")]

    def found(*conditions: pl.Dirichlet | pl.Neumann | pl.Condition) -> list[tuple[str, float, float]]:
        problem = pl.Problem(box, "u", lambda u: u.t - 4 * u.xx - u.yy, [*rest, *conditions])
        return [(s.kind, s.at, s.ratio) for s in switches(problem)]

    def lower(y: torch.Tensor) -> torch.Tensor:
        return y < 1.0

    def upper(y: torch.Tensor) -> torch.Tensor:
        return y >= 1.0

    value = pl.Dirichlet(u=1.0, on="x-", where=lower)
    assert found(value, pl.Condition(lambda u, n: u.d(n) + u, on="x-", where=upper)) == [("root", 1.0, 0.5)]
    assert found(value, pl.Dirichlet(u=0.0, on="x-", where=upper)) == [("angle", 1.0, 0.5)]
    assert found(pl.Neumann(u=1.0, on="x-", where=lower), pl.Neumann(u=0.0, on="x-", where=upper)) == [
        ("flux", 1.0, 0.5)
    ]
    early = pl.Dirichlet(u=1.0, on="x-", where=lambda t: t < 0.5)
    assert found(early, pl.Neumann(u=0.0, on="x-", where=lambda t: t >= 0.5)) == []
