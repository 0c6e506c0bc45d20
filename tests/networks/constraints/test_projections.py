from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from pinnlab.networks.constraints.projections import (
    Equalities,
    InfeasibleError,
    StalledError,
    position,
    project_affine,
    project_affine_box,
    project_box,
    reach,
    unreachable_row,
)


def vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_affine_projection_on_hand_worked_numbers() -> None:
    # onto u1 + u2 = 1 from (2, 1): the excess of 2 is shared equally
    equal = Equalities.of(vector(1.0, 1.0)[None], vector(1.0, 1.0))
    assert project_affine(vector(2.0, 1.0), equal, equal.reduced(vector(1.0))).tolist() == pytest.approx([1.0, 0.0])
    # weights 1 and 3: the excess is shared 3 : 1
    weighted = Equalities.of(vector(1.0, 1.0)[None], vector(1.0, 1 / 3))
    assert project_affine(vector(2.0, 1.0), weighted, weighted.reduced(vector(1.0))).tolist() == pytest.approx(
        [0.5, 0.5]
    )


def test_rows_are_orthonormal_in_the_metric() -> None:
    metric = drawn(0, 7).exp()
    rows = Equalities.of(drawn(1, 3, 7) * vector(1e-6, 1.0, 1e6)[:, None], metric).rows
    torch.testing.assert_close((rows * metric) @ rows.T, torch.eye(3, dtype=torch.float64), atol=1e-13, rtol=0)


def test_redundant_rows_are_dropped_and_contradictions_refused() -> None:
    rows = torch.stack([vector(1, 1, 0), vector(0, 1, 1), vector(1, 2, 1), vector(0, 0, 0)])
    equalities = Equalities.of(rows, torch.ones(3, dtype=torch.float64))
    assert len(equalities.rows) == 2
    b = vector(1, 2, 3, 0)
    u = project_affine(vector(5, -1, 2), equalities, equalities.reduced(b))
    assert float(equalities.violation(u, b).max()) < 1e-15
    with pytest.raises(InfeasibleError, match=r"A u = b in sample 1: rows 0, 1, 2 cannot be met: linearly dependent"):
        equalities.reduced(torch.stack([b, vector(1, 2, 4, 0)]))
    with pytest.raises(InfeasibleError, match=r"row 3 cannot be met.*a row of zeros"):
        equalities.reduced(vector(1, 2, 3, 1))


def test_box_projection_is_a_clamp() -> None:
    lower, upper = vector(0, 0, -float("inf")), vector(1, 1, float("inf"))
    assert project_box(vector(-2, 0.5, 9), lower, upper).tolist() == [0.0, 0.5, 9.0]


def test_affine_box_projection_on_hand_worked_numbers() -> None:
    # onto the simplex from (1, 0.5, -1): the third entry stops at zero, the others lose 1/4 each
    equalities = Equalities.of(torch.ones(1, 3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    v = vector(1, 0.5, -1)[None].requires_grad_()
    u = project_affine_box(v, equalities, equalities.reduced(vector(1))[None], vector(0, 0, 0), vector(1, 1, 1))
    assert u[0].tolist() == pytest.approx([0.75, 0.25, 0.0], abs=1e-15)
    (gradient,) = torch.autograd.grad(u[0, 0], v)
    assert gradient[0].tolist() == pytest.approx([0.5, -0.5, 0.0], abs=1e-15)


def problem(seed: int) -> tuple[Equalities, Tensor, Tensor, Tensor, Tensor]:
    """Equalities, right-hand sides, bounds and a feasible point, of every degree of nastiness."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, dtype=torch.float64, generator=generator)

    n = int(torch.randint(2, 12, (1,), generator=generator))
    p = int(torch.randint(1, n + 1, (1,), generator=generator))
    rows = 2 * uniform(p, n) - 1
    if seed % 4 == 1:
        rows = (3 * rows).round()
    if seed % 7 == 0:
        rows = rows * 10 ** (12 * uniform(p, 1) - 6)
    lower, upper = -uniform(6, n), uniform(6, n)
    part = uniform(6, n).round() if seed % 4 == 2 else uniform(6, n)  # vertices: a set without an interior
    point = lower + part * (upper - lower)
    if seed % 5 == 0:
        upper = torch.where(uniform(6, n) < 0.2, lower, upper)
        point = torch.minimum(point, upper)
    if seed % 3 == 0:
        lower = torch.where(uniform(6, n) < 0.3, -torch.inf, lower)
        upper = torch.where(uniform(6, n) < 0.3, torch.inf, upper)
    metric = (4 * uniform(n) - 2).exp() if seed % 2 else torch.ones(n, dtype=torch.float64)
    equalities = Equalities.of(rows, metric)
    return equalities, point @ rows.T, lower, upper, point


@pytest.mark.parametrize("distance", [1e-3, 1.0, 1e3])
def test_affine_box_projection_is_feasible_and_optimal(distance: float) -> None:
    for seed in range(40):
        equalities, b, lower, upper, point = problem(seed)
        v = distance * drawn(seed, *point.shape)
        u = project_affine_box(v, equalities, equalities.reduced(b), lower, upper)
        assert bool(((u >= lower) & (u <= upper)).all())
        assert float(equalities.violation(u, b).max()) < 1e-12
        # optimal: no feasible direction goes downhill, here the one to the known point
        slope = (u - v) / equalities.metric
        size = slope.abs().sum(-1) * (u.abs() + point.abs()).amax(-1)
        assert bool(((slope * (point - u)).sum(-1) >= -1e-9 * size).all()), seed


@pytest.mark.parametrize("seed", [0, 1, 3, 4])
def test_affine_box_derivatives(seed: int) -> None:
    equalities, b, lower, upper, _ = problem(seed)
    lower, upper = lower.clamp_min(-9), upper.clamp_max(9)
    movable = (upper > lower).all(0)
    inputs = [t[:2].clone().requires_grad_() for t in (drawn(seed, *lower.shape), b, lower, upper)]

    def projected(v: Tensor, b: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
        return project_affine_box(v, equalities, equalities.reduced(b), lower, upper)[:, movable]

    assert len(equalities.rows) == len(b[0]) and bool(movable.any()), "b can be moved, and so can u"
    inputs[1] = (inputs[1].detach() * 0.9).requires_grad_()  # off the boundary
    assert gradcheck(projected, inputs, atol=1e-7)
    assert gradgradcheck(projected, inputs, atol=1e-7)


def test_the_empty_set_stalls() -> None:
    rows = torch.stack([vector(1, 1, 0), vector(1, 0, 1)])
    equalities = Equalities.of(rows, torch.ones(3, dtype=torch.float64))
    zero, one, b = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64), vector(2.0, 0.5)
    assert unreachable_row(rows, b, zero, one) in (0, 1)  # each alone is within reach
    assert unreachable_row(rows, vector(2.0, 1.5), zero, one) is None
    with pytest.raises(StalledError, match="1") as error:
        project_affine_box(torch.zeros(2, 3, dtype=torch.float64), equalities,
                           equalities.reduced(torch.stack([vector(2.0, 1.5), b])), zero, one)  # fmt: skip
    assert error.value.args[0] == [1]


def test_reach_with_infinite_bounds() -> None:
    matrix = torch.stack([vector(1, 1, 0), vector(2, -1, 0), vector(0, 0, 1)])
    inf = float("inf")
    least, most = reach(matrix, vector(0, 0, -inf), vector(1, inf, 3))
    assert least.tolist() == [0.0, -inf, -inf]
    assert most.tolist() == [inf, 2.0, 3.0]


def test_position() -> None:
    assert position(5, (2, 3)) == (1, 2)
    assert position(0, ()) == ()
