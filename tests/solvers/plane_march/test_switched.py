"""What is switched in time, in the plane: slabs end there, and layers of boundary values that jump are taken out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.clashes.singular import SingularPart
from pinnlab.derivatives.indices import VALUE
from pinnlab.solution.files.known_files import singular_data, singular_from

PI, AT = math.pi, 0.3
SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0))
HEAT = 0.1
TIMES = np.array([0.1, 0.31, 0.4, 0.9])


def on(t: Tensor) -> Tensor:
    return torch.where(t < AT, 0.0, 1.0)


def solve(problem: pl.Problem, **options: Any) -> pl.Solution:
    return pl.solve(problem, pl.HardConstraintMoE(**options), progress=False)


SOURCE = pl.Problem(
    SQUARE, "u", lambda u, x, y, t: u.t - HEAT * u.laplacian - on(t) * torch.sin(PI * x) * torch.sin(PI * y),
    [pl.Initial(u=0.0), pl.Dirichlet(u=0.0)],
)  # fmt: skip


def hot_side(value: Any, *sides: pl.Dirichlet | pl.Neumann) -> pl.Problem:
    conditions = [pl.Initial(u=0.0), pl.Dirichlet(u=value, on="x-"), pl.Dirichlet(u=0.0, on="x+"), *sides]
    return pl.Problem(SQUARE, "u", lambda u: u.t - HEAT * u.laplacian, conditions)


INSULATED, COLD = pl.Neumann(u=0.0, on="y"), pl.Dirichlet(u=0.0, on="y")


def through_the_slab(x: Any, passed: float) -> Any:
    """u between a side that is held at 1 from the start and one at 0."""
    waves = np.arange(1, 200)[:, None] * PI
    decayed = (2 / waves * np.sin(waves * x) * np.exp(-HEAT * waves**2 * max(passed, 0.0))).sum(axis=0)
    return 1 - x - decayed if passed > 0 else 0 * x


def test_slabs_end_where_a_source_is_switched() -> None:
    solution = solve(SOURCE, tolerance=1e-4)
    ends = [model.region.time_interval for model in solution.models]
    assert any(abs(end - AT) < 2e-9 for _, end in ends) and ends[-1][1] == 1.0
    assert all(abs(before[1] - after[0]) < 1e-15 for before, after in zip(ends, ends[1:], strict=False))
    rate = 2 * PI**2 * HEAT
    exact = np.where(TIMES > AT, (1 - np.exp(-rate * np.maximum(TIMES - AT, 0.0))) / rate, 0.0)
    assert np.abs(solution(x=0.5, y=0.5, t=TIMES)["u"] - exact).max() < 1e-6
    assert solution.status is pl.Status.CONVERGED


def test_a_coefficient_of_the_boundary_that_changes() -> None:
    """From -u_n = 0 to u_n + u = 1 at one end: a wave by wave sum for a slab that takes up heat."""
    fed = pl.Condition(lambda u, n, t: u.d(n) - on(t) * (1 - u), on="x+")
    rest = [pl.Initial(u=0.0), pl.Neumann(u=0.0, on="x-"), INSULATED]
    solution = solve(pl.Problem(SQUARE, "u", lambda u: u.t - HEAT * u.laplacian, [*rest, fed]), tolerance=1e-3)
    waves = np.array([_root(k) for k in range(60)])
    shares = 2 * np.sin(waves) / (waves + np.sin(waves) * np.cos(waves))
    for t in (0.2, 0.35, 0.9):
        passed = max(t - AT, 0.0)
        exact = 1 - (shares * np.cos(waves * 0.8) * np.exp(-HEAT * waves**2 * passed)).sum() if passed else 0.0
        assert float(solution(x=0.8, y=0.4, t=t)["u"]) == pytest.approx(exact, abs=1e-3)


def _root(k: int) -> float:
    """The k-th root of w tan(w) = 1, by bisection."""
    lower, upper = k * PI, k * PI + PI / 2
    for _ in range(60):
        middle = (lower + upper) / 2
        low = middle * math.tan(middle) < 1
        lower, upper = (middle, upper) if low else (lower, middle)
    return lower


def test_a_side_that_is_heated_from_a_moment_on_has_a_layer_from_then_on() -> None:
    problem = hot_side(on, INSULATED)
    (clash,) = problem.clashes.found
    assert clash.place["t"] == pytest.approx(AT) and clash.values == (0.0, 1.0) and problem.clashes.resolved
    assert "the boundary 'x-' until then gives 0 and from then on 1" in str(clash)
    solution = solve(problem, tolerance=1e-5)
    x = np.linspace(0.02, 0.98, 9)
    for t in TIMES:
        assert np.abs(solution(x=x, y=0.4, t=t)["u"] - through_the_slab(x, t - AT)).max() < 1e-5


def test_layers_on_regions_of_any_kind(tmp_path: Path) -> None:
    """A ring whose inner side is heated: steady in the end; the march stops and goes on with the same numbers."""
    disc, hole = (pl.Ball({"x": 0.0, "y": 0.0}, r, name=n) for r, n in ((1.0, "rim"), (0.4, "hole")))
    problem = pl.Problem(
        (disc - hole) * pl.Box(t=(0.0, 1.0)), "u", lambda u: u.t - u.laplacian,
        [pl.Initial(u=0.0), pl.Dirichlet(u=on, on="hole"), pl.Dirichlet(u=0.0, on="rim")],
    )  # fmt: skip
    whole, path = solve(problem, tolerance=1e-2), tmp_path / "ring.ckpt"
    assert float(whole(x=0.0, y=0.7, t=0.2)["u"]) == pytest.approx(0.0, abs=1e-12)
    assert float(whole(x=0.0, y=0.7, t=1.0)["u"]) == pytest.approx(math.log(0.7) / math.log(0.4), abs=1e-3)
    solver, halfway = pl.HardConstraintMoE(tolerance=1e-2), [lambda record: record.info["share"] > 0.31]
    stopped = pl.solve(problem, solver, checkpoint=path, progress=False, callbacks=halfway)
    resumed = pl.solve(problem, solver, checkpoint=path, progress=False)
    assert stopped.status.name == "INTERRUPTED" and len(stopped.models) < len(resumed.models) == len(whole.models)
    at = {"x": 0.6, "y": 0.2, "t": np.array([0.29, 0.32, 0.8])}
    assert np.array_equal(whole(**at)["u"], resumed(**at)["u"])


def _values(part: SingularPart, points: Tensor) -> Tensor:
    return part.jet(points, VALUE)[0, :, 0]


@pytest.mark.parametrize("hot", [on, lambda t: on(t) * (1 + torch.sin(5 * (t - AT)))])
def test_nothing_known_beforehand_jumps_inside(hot: Any, tmp_path: Path) -> None:
    """Also not the angle at a vertex, whose two values differ from the moment on."""
    part = hot_side(hot, COLD).clashes.singular["u"]
    x, y = torch.rand(2, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1
    before, after = (_values(part, torch.stack([x, y, torch.full_like(x, AT + s)], 1)) for s in (-1e-7, 1e-7))
    assert (after - before).abs().max() < 1e-5 and before.abs().max() == 0.0
    # the side itself has the later value, and a file holds it all
    side = torch.tensor([[0.0, 0.5, 0.2], [0.0, 0.5, 0.6]], dtype=torch.float64)
    given = [0.0, float(hot(torch.tensor(0.6)))]
    found = singular_from(singular_data(part, SQUARE))
    at = torch.stack([x, y, 0.9 * torch.rand(50, dtype=torch.float64)], 1)
    assert torch.allclose(_values(found, at), _values(part, at), atol=1e-9)
    assert float(_values(part, side)[0]) == given[0] and float(_values(part, side)[1]) > 0.5 * given[1]


def test_jumps_without_a_known_layer_are_left_to_solvers() -> None:
    wave = pl.Problem(
        SQUARE, "u", lambda u: u.tt - u.laplacian,
        [pl.Initial(u=0.0, u_t=0.0), pl.Dirichlet(u=on, on="x-"), pl.Neumann(u=0.0, on="x+"), INSULATED],
    )  # fmt: skip
    assert wave.jumps and wave.clashes.found == ()
    flux = hot_side(0.0, pl.Neumann(u=on, on="y"))
    assert flux.jumps and flux.clashes.found == ()
