from __future__ import annotations

import numpy as np
import pytest
import torch

from pinnlab.domains.sampling import KINDS, check_kind, near_large, sort_by_time, unit_points


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "d"), [(1, 1), (100, 1), (77, 2), (64, 3)])
def test_points_fill_the_unit_cube(kind: str, n: int, d: int) -> None:
    points = unit_points(kind, n, d, np.random.default_rng(0))
    assert points.shape == (n, d) and points.dtype == torch.float64
    assert bool(((points >= 0) & (points <= 1)).all())
    if n > 60:
        assert bool((points.min(0).values < 0.15).all()) and bool((points.max(0).values > 0.85).all())
        assert bool(((points.mean(0) - 0.5).abs() < 0.15).all())


@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_decides(kind: str) -> None:
    rng = np.random.default_rng(3)
    first, second = unit_points(kind, 20, 2, rng), unit_points(kind, 20, 2, rng)
    again = unit_points(kind, 20, 2, np.random.default_rng(3))
    assert torch.equal(first, again)
    assert torch.equal(first, second) == (kind == "grid"), "random kinds draw new points each time"


def test_global_generators_are_left_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    unit_points("sobol", 10, 2, np.random.default_rng(0))
    assert torch.equal(before, torch.get_rng_state())


def test_low_discrepancy() -> None:
    points = unit_points("sobol", 64, 1, np.random.default_rng(1))[:, 0]
    assert torch.bincount((points * 64).long(), minlength=64).tolist() == [1] * 64
    cube = unit_points("latin_hypercube", 50, 3, np.random.default_rng(1))
    for column in cube.T:
        assert torch.bincount((column * 50).long(), minlength=50).tolist() == [1] * 50


def test_a_grid_has_cell_centres() -> None:
    points = unit_points("grid", 9, 2, np.random.default_rng(0))
    assert sorted(set(points[:, 0].tolist())) == pytest.approx([1 / 6, 1 / 2, 5 / 6])
    assert len({tuple(p) for p in points.tolist()}) == 9
    assert unit_points("grid", 27, 3, np.random.default_rng(0)).shape == (27, 3), "27^(1/3) is 3.0000000000000004"


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="sampling='halton' is unknown; choose one of .*'sobol'"):
        check_kind("halton")


def test_sorting_by_time_moves_whole_points() -> None:
    points = torch.tensor([[1.0, 0.9], [2.0, 0.1], [3.0, 0.5], [4.0, 0.1]])
    assert sort_by_time(points, 1).tolist() == [points[i].tolist() for i in (1, 3, 2, 0)]


def test_points_near_large_residuals() -> None:
    pool = unit_points("grid", 100, 2, np.random.default_rng(0))
    sizes = torch.zeros(100, dtype=torch.float64)
    sizes[13], sizes[77] = 3.0, 1.0
    points = near_large(pool, sizes, 400, np.random.default_rng(0))
    assert points.shape == (400, 2) and bool(((points >= 0) & (points <= 1)).all())
    distances = torch.cdist(points, pool[[13, 77]])
    assert bool((distances.min(dim=1).values < 0.35).all()), "moved by about half the pool's spacing of 0.1"
    assert 0.65 < float((distances.argmin(dim=1) == 0).double().mean()) < 0.85, "in proportion 3 to 1"
    assert len({tuple(p) for p in points.tolist()}) == 400, "no point is used twice"
    assert torch.equal(points, near_large(pool, sizes, 400, np.random.default_rng(0)))


@pytest.mark.parametrize("size", [0.0, float("nan"), float("inf")])
def test_residuals_that_say_nothing_draw_evenly(size: float) -> None:
    pool = unit_points("grid", 100, 1, np.random.default_rng(0))
    points = near_large(pool, torch.full((100,), size, dtype=torch.float64), 300, np.random.default_rng(0))
    assert bool(torch.isfinite(points).all()) and 0.4 < float(points.mean()) < 0.6
