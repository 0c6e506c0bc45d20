"""The Fourier neural operator: shapes, resolution, gradients, seeds, what it refuses."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.networks.fno import Spectral


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("grid", [(16,), (12, 9), (8, 6, 7)])
@pytest.mark.parametrize("padding", [0.0, 0.25])
def test_shapes(grid: tuple[int, ...], padding: float) -> None:
    network = pl.FNO(modes=3, width=4, depth=2, padding=padding).built_grid(2, 5, len(grid), generator()).double()
    assert network(torch.randn(3, 2, *grid, dtype=torch.float64, generator=generator())).shape == (3, 5, *grid)
    assert not network.is_template
    assert pl.FNO().is_template and not list(pl.FNO().parameters())


def fields(x: Tensor, y: Tensor) -> Tensor:
    """Band-limited inputs (1, 2, *grid)."""
    return torch.stack([torch.sin(x) * torch.cos(2 * y), torch.cos(x + y)])[None]


def test_the_function_does_not_depend_on_the_resolution() -> None:
    network = pl.FNO(modes=(3, 4), width=6, depth=3).built_grid(2, 3, 2, generator(), periodic=(True, True)).double()

    def output(n: int, m: int) -> Tensor:
        x = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
        y = 2 * math.pi * torch.arange(m, dtype=torch.float64) / m
        return network(fields(*torch.meshgrid(x, y, indexing="ij")))

    fine = output(96, 64)
    assert float(fine.detach().std()) > 0.01
    torch.testing.assert_close(output(48, 64), fine[:, :, ::2], rtol=0, atol=1e-12)
    torch.testing.assert_close(output(32, 32), fine[:, :, ::3, ::2], rtol=0, atol=1e-9)


def test_a_spectral_layer_multiplies_modes() -> None:
    layer = Spectral(1, (2,), generator()).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[[3.0, 0.0], [0.0, -0.5]]]]))
    x = 2 * math.pi * torch.arange(10, dtype=torch.float64) / 10
    # mode 0 times 3; mode 1 times -i/2, which turns cos into sin / 2; mode 2 is above the modes kept
    found = layer((1 + torch.cos(x) + torch.cos(2 * x))[None, None])
    torch.testing.assert_close(found[0, 0], 3 + torch.sin(x) / 2)


def test_modes_above_the_grids_are_cut() -> None:
    network = pl.FNO(modes=8, width=4, depth=2).built_grid(1, 1, 2, generator()).double()
    values = torch.randn(1, 1, 6, 5, dtype=torch.float64, generator=generator())
    before = network(values)
    with torch.no_grad():
        for layer in network.spectral:
            layer.weight[:, :, :, 3:] += 1.0  # 5 nodes hold wave numbers 0, 1, 2
            layer.weight[:, :, 3:-2] += 1.0  # 6 nodes hold them with both signs: places 0, 1, 2 and -2, -1
    torch.testing.assert_close(network(values), before)


@pytest.mark.parametrize("activation", ["gelu", "tanh", "sin", "swish"])
def test_gradients(activation: str) -> None:
    network = pl.FNO(modes=2, width=2, depth=2, activation=activation, padding=0.5)
    built = network.built_grid(1, 1, 2, generator(), periodic=(False, True)).double()
    values = torch.randn(1, 1, 4, 4, dtype=torch.float64, generator=generator(), requires_grad=True)
    names, numbers = zip(*((n, p.detach().clone().requires_grad_()) for n, p in built.named_parameters()), strict=True)

    def run(values: Tensor, *numbers: Tensor) -> Tensor:
        return torch.func.functional_call(built, dict(zip(names, numbers, strict=True)), (values,))

    assert torch.autograd.gradcheck(run, (values, *numbers))
    assert torch.autograd.gradgradcheck(lambda v: built(v), (values,))


def test_seeds_and_dtype() -> None:
    def built(seed: int) -> torch.nn.Module:
        return pl.FNO(modes=2, width=3, depth=1).built_grid(1, 2, 1, generator(seed))

    values = torch.randn(1, 1, 8, generator=generator())
    before = torch.get_rng_state()
    assert torch.equal(built(1)(values), built(1)(values))
    assert not torch.equal(built(1)(values), built(2)(values))
    assert torch.equal(before, torch.get_rng_state())
    assert built(1)(values).dtype == torch.float32
    assert built(1).double()(values.double()).dtype == torch.float64


def test_without_coordinates_a_constant_stays_constant() -> None:
    network = pl.FNO(modes=3, width=4, coordinates=False).built_grid(1, 1, 1, generator()).double()
    found = network(torch.ones(1, 1, 12, dtype=torch.float64)).detach()
    assert float((found - found[..., :1]).abs().max()) < 1e-13


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"modes": 0}, r"FNO\(modes=0\)"),
        ({"modes": (3, 0)}, r"FNO\(modes=0\)"),
        ({"width": 0}, r"FNO\(width=0\)"),
        ({"activation": "relu"}, "choose one of 'gelu', 'tanh', 'sin', 'swish'"),
        ({"padding": -1.0}, "give a fraction of the grid"),
    ],
)
def test_bad_templates(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pl.FNO(**arguments)


def test_bad_uses() -> None:
    with pytest.raises(ValueError, match="on a grid of 2 dimensions: give 2, or one"):
        pl.FNO(modes=(2, 2, 2)).built_grid(1, 1, 2)
    with pytest.raises(ValueError, match="one, two or three dimensions"):
        pl.FNO().built_grid(1, 1, 4)
    with pytest.raises(ValueError, match="one flag for each of 2 dimensions"):
        pl.FNO().built_grid(1, 1, 2, periodic=(True,))
    with pytest.raises(TypeError, match=r"it maps functions on a grid, \(batch, channels, \*grid\)"):
        pl.FNO()(torch.zeros(5, 2))
    with pytest.raises(TypeError, match="for points"):
        pl.FNO(modes=2).built_grid(1, 1, 2)(torch.zeros(5, 2))
