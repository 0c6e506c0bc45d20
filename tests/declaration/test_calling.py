"""How a user's functions are called."""

from __future__ import annotations

import torch

import pinnlab as pl
from pinnlab.declaration.calling import in_full_precision


def test_numbers_beside_conditions_keep_all_their_digits() -> None:
    x = torch.tensor([0.2, 0.8], dtype=torch.float64)
    found = in_full_precision(lambda x: (x > 0.5) * 9.9 + 0.1, {"x": x}, x.dtype)
    assert found.dtype == torch.float64 and found.tolist() == [0.1, 10.0]
    assert torch.get_default_dtype() == torch.float32
    single = x.float()
    assert in_full_precision(lambda x: (x > 0.5) * 9.9 + 0.1, {"x": single}, single.dtype).dtype == torch.float32


def test_a_material_written_with_a_comparison_is_exact() -> None:
    # the flux through layers of conductivity 0.1 and 70.3 that meet in the middle
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0)),
        "u",
        lambda u, k: pl.diff(k * u.x, "x"),
        [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=1.0, on="x+")],
        {"k": lambda x: (x > 0.5) * 70.2 + 0.1},
    )
    middle = float(pl.solve(problem, progress=False)(x=0.5)["u"])
    assert abs(middle - 70.3 / 70.4) < 1e-13
