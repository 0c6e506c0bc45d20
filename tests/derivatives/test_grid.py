"""Derivatives and interpolation on grids, against exact ones; their order, and autograd through them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.derivatives.grid import Grid

BOX = pl.Box(x=(0.0, 2.0), t=(-1.0, 0.5))
KEYS = [("x",), ("t",), ("x", "x"), ("x", "t"), ("t", "t", "t"), ("x", "x", "t"), ("x", "x", "x", "x")]


def wave(x: Tensor, t: Tensor, nx: int = 0, nt: int = 0) -> Tensor:
    """d^nx/dx^nx d^nt/dt^nt of (sin(pi x) + cos(2 pi x) / 3) exp(t)."""
    a, b = math.pi, 2 * math.pi
    space = a**nx * torch.sin(a * x + nx * math.pi / 2) + b**nx * torch.cos(b * x + nx * math.pi / 2) / 3
    return space * torch.exp(t)


def on(grid: Grid, key: tuple[str, ...] = ()) -> Tensor:
    x, t = grid.points.T
    return wave(x, t, key.count("x"), key.count("t")).reshape(grid.shape)


def test_points_are_row_major_and_periodic_axes_leave_out_their_end() -> None:
    grid = Grid(BOX, {"t": 5, "x": 4}, periodic="x")
    assert grid.shape == (4, 5)
    assert grid.axes["x"].tolist() == [0.0, 0.5, 1.0, 1.5]
    assert grid.axes["t"].tolist() == [-1.0, -0.625, -0.25, 0.125, 0.5]
    assert grid.points.shape == (20, 2)
    assert grid.points[1].tolist() == [0.0, -0.625]
    assert grid.points[5].tolist() == [0.5, -1.0]


def test_stencils_by_hand() -> None:
    grid = Grid(pl.Box(x=(0.0, 4.0)), {"x": 5}, order=2)
    values = torch.tensor([0.0, 1.0, 4.0, 9.0, 16.0], dtype=torch.float64)
    # second order is exact for parabolas, ends included: (-3 f0 + 4 f1 - f2) / 2
    torch.testing.assert_close(grid.derivative(values, "x"), torch.tensor([0.0, 2.0, 4.0, 6.0, 8.0]).double())
    torch.testing.assert_close(grid.derivative(values, ("x", "x")), torch.full((5,), 2.0).double())
    cube = torch.tensor([0.0, 1.0, 8.0, 27.0, 64.0], dtype=torch.float64)
    # (f2 - f0) / 2, and (-3 f0 + 4 f1 - f2) / 2 at the end
    torch.testing.assert_close(grid.derivative(cube, "x"), torch.tensor([-2.0, 4.0, 13.0, 28.0, 46.0]).double())


@pytest.mark.parametrize("key", KEYS, ids="".join)
def test_spectral_derivatives_are_exact(key: tuple[str, ...]) -> None:
    grid = Grid(BOX, {"x": 8, "t": 60}, periodic=("x",), order=10)
    found = grid.derivative(on(grid), key)
    torch.testing.assert_close(found, on(grid, key), rtol=0, atol=1e-6 if key.count("t") == 3 else 1e-8)


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("key", KEYS, ids="".join)
def test_differences_converge_with_their_order(key: tuple[str, ...], order: int) -> None:
    errors = []
    coarse = 20 if order == 6 and "x" not in key else 80  # finer grids along t would show rounding
    for n in (coarse, 2 * coarse):
        grid = Grid(BOX, {"x": n, "t": n}, order=order)
        errors.append(float((grid.derivative(on(grid), key) - on(grid, key)).abs().max()))
    assert math.log2(errors[0] / errors[1]) > order - 0.6


def test_the_highest_mode_has_no_odd_derivative() -> None:
    grid = Grid(pl.Box(x=(0.0, 1.0)), {"x": 8}, periodic="x")
    highest = torch.cos(8 * math.pi * grid.axes["x"])
    assert float(grid.derivative(highest, "x").abs().max()) < 1e-12
    torch.testing.assert_close(grid.derivative(highest, ("x", "x")), -((8 * math.pi) ** 2) * highest)


def test_batches_and_shared_work() -> None:
    grid = Grid(BOX, {"x": 8, "t": 9}, periodic=("x",))
    values = torch.randn(2, 3, 8, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    jet = grid.jet(values, [(), ("x",), ("t", "x"), ("x", "x", "t")])
    assert jet[()] is values
    for key, found in jet.items():
        assert found.shape == values.shape
        torch.testing.assert_close(found[1, 2], grid.derivative(values[1, 2], key))
    torch.testing.assert_close(jet["t", "x"], grid.derivative(values, ("x", "t")))


@pytest.mark.parametrize("key", [("x",), ("t",), ("x", "t", "t")], ids="".join)
def test_gradients_to_second_order(key: tuple[str, ...]) -> None:
    grid = Grid(BOX, {"x": 6, "t": 7}, periodic=("x",), order=2)
    values = torch.randn(6, 7, dtype=torch.float64, requires_grad=True, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(lambda v: grid.derivative(v, key), values)
    assert torch.autograd.gradgradcheck(lambda v: (0.02 * grid.derivative(v, key)) ** 2, values)
    points = torch.tensor([[0.3, 0.1], [1.9, -0.8], [0.7, 0.5]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v: grid.interpolate(v, points), values)


def test_interpolation_at_scattered_points_and_on_grids() -> None:
    grid = Grid(BOX, {"x": 32, "t": 40}, periodic=("x",))
    generator = torch.Generator().manual_seed(2)
    unit = torch.rand(50, 2, dtype=torch.float64, generator=generator)
    scattered = BOX.interior(unit).points
    batch = torch.stack([on(grid), 2 * on(grid)])
    found = grid.interpolate(batch, scattered)
    expected = wave(*scattered.T)
    torch.testing.assert_close(found, torch.stack([expected, 2 * expected]), rtol=0, atol=1e-8)
    tensor = torch.cartesian_prod(torch.linspace(0, 2, 7).double(), torch.linspace(-1, 0.5, 6).double())
    torch.testing.assert_close(grid.interpolate(on(grid), tensor), wave(*tensor.T), rtol=0, atol=1e-8)
    torch.testing.assert_close(grid.interpolate(batch, grid.points), batch.reshape(2, -1), rtol=0, atol=1e-13)
    # a period further is the same place
    shifted = scattered + torch.tensor([2.0, 0.0])
    torch.testing.assert_close(grid.interpolate(batch, shifted), found)


def test_interpolation_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Grid(BOX, {"x": 16, "t": 20}, periodic=("x",))
    points = BOX.interior(torch.rand(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))).points
    whole = grid.interpolate(on(grid), points)
    monkeypatch.setattr("pinnlab.derivatives.grid._GATHERED", 300)
    torch.testing.assert_close(grid.interpolate(on(grid), points), whole)


def test_float32_stays_float32() -> None:
    grid = Grid(BOX, {"x": 8, "t": 9}, periodic=("x",))
    values = on(grid).float()
    assert grid.derivative(values, ("x", "t")).dtype == torch.float32
    assert grid.interpolate(values, grid.points[:3]).dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": {"x": 8}}, r"give one size per coordinate of Box\(x="),
        ({"sizes": {"x": 8, "t": 4}}, "'t' needs at least 5 nodes"),
        ({"sizes": {"x": 7, "t": 9}, "periodic": "x"}, "'x' is periodic and has 7 nodes; give an even number"),
        ({"sizes": {"x": 8, "t": 9}, "periodic": "y"}, "'y' is none of the coordinates x, t"),
        ({"sizes": {"x": 8, "t": 9}, "order": 3}, "even orders"),
    ],
)
def test_bad_grids(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Grid(BOX, **arguments)


def test_bad_values_and_points() -> None:
    with pytest.raises(TypeError, match="needs a Box"):
        Grid("box", {"x": 4})  # type: ignore[arg-type]
    grid = Grid(BOX, {"x": 8, "t": 5}, periodic=("x",))
    with pytest.raises(ValueError, match=r"do not end in the grid's shape \(8, 5\)"):
        grid.derivative(torch.zeros(5, 8), "x")
    with pytest.raises(ValueError, match="'y' is none of the coordinates x, t"):
        grid.derivative(torch.zeros(8, 5), "y")
    with pytest.raises(ValueError, match="'ttt' of order 4 needs 7 nodes along 't', it has 5"):
        grid.derivative(torch.zeros(8, 5), ("t", "t", "t"))
    with pytest.raises(ValueError, match="t from 0 to 0.6 leaves the grid"):
        grid.interpolate(torch.zeros(8, 5), torch.tensor(np.array([[0.0, 0.6], [0.0, 0.0]])))
    with pytest.raises(ValueError, match=r"give \(p, 2\)"):
        grid.interpolate(torch.zeros(8, 5), torch.zeros(3, 1))
