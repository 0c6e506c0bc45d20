"""The normal derivatives that the problem on a mesh prescribes are those of its solution."""

from __future__ import annotations

import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.library import problem_module


@pytest.mark.parametrize(("piece", "given"), [("right", "along_x"), ("walls", "outward_at_walls")])
def test_neumann_values(piece: str, given: str) -> None:
    module = problem_module("poisson_obstacle")
    unit = torch.rand(40, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    site = module.problem().domain.boundary(piece, unit)
    x, y = site.points.T.clone().requires_grad_()
    gradient = torch.stack(torch.autograd.grad(module.exact(x, y).sum(), (x, y)), dim=1)
    torch.testing.assert_close((gradient * site.normals).sum(dim=1), getattr(module, given)(x, y).detach())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tolerance"), [("poisson_obstacle", 1e-3), ("poisson_l_shape", 5e-3)])
def test_recipes_are_accurate(name: str, tolerance: float) -> None:
    module = problem_module(name)
    solution = pl.solve(module.problem(), module.recipe(), target_error=tolerance, max_seconds=120, progress=False)
    assert solution.error()["u"] < tolerance
