from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from pinnlab.networks.constraints import ConvexProjection, NonlinearProjection


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def on_sphere(u: Tensor, radius: Tensor | float = 1.0) -> Tensor:
    return u @ u - radius**2


@pytest.mark.parametrize("length", [1e-2, 0.3, 1.0, 1.7, 40.0])
def test_closest_point_of_a_sphere(length: float) -> None:
    v = drawn(0, 5, 3)
    v = length * v / v.norm(dim=-1, keepdim=True)
    u = NonlinearProjection(on_sphere)(v)
    torch.testing.assert_close(u, v / length, atol=1e-12, rtol=0)


def test_closest_point_of_a_parabola_on_hand_worked_numbers() -> None:
    # from (1, 1) along the normal (-2, 1) of y = x^2, by less than the radius of curvature 5^(3/2) / 2
    projection = NonlinearProjection(lambda u: u[1] - u[0] ** 2)
    u = projection(torch.tensor([[0.6, 1.2], [1.4, 0.8]], dtype=torch.float64))
    torch.testing.assert_close(u, torch.ones(2, 2, dtype=torch.float64), atol=1e-12, rtol=0)
    # on the axis both branches are equally close
    with pytest.raises(RuntimeError, match="several points are equally close"):
        projection(torch.tensor([0.0, 1.25], dtype=torch.float64))


def test_linear_constraints_agree_with_the_closed_form() -> None:
    rows, b, weights = drawn(1, 2, 6), drawn(2, 4, 2), drawn(3, 6).exp()
    v = drawn(4, 4, 6)
    u = NonlinearProjection(lambda u, b: rows @ u - b, weights=weights)(v, b)
    torch.testing.assert_close(u, ConvexProjection(A=rows, weights=weights)(v, b=b), atol=1e-12, rtol=0)


def test_derivatives_to_second_order_by_input_and_arguments() -> None:
    projection = NonlinearProjection(lambda u, r: torch.stack([on_sphere(u, r), u.sum() - 0.1 * u[0] ** 3]))
    v, r = drawn(5, 2, 4).requires_grad_(), torch.tensor([1.0, 2.0], dtype=torch.float64).requires_grad_()
    assert gradcheck(projection, (v, r))
    assert gradgradcheck(projection, (v, r))


def test_derivatives_by_tensors_that_the_function_holds() -> None:
    v = drawn(6, 3, 4)

    def through(rows: Tensor) -> Tensor:
        return NonlinearProjection(lambda u: rows @ u.sin())(v)

    assert gradcheck(through, (0.5 * drawn(7, 1, 4).requires_grad_(),))


def test_mass_and_energy_of_a_wave_are_kept() -> None:
    x = torch.linspace(0, 1, 33, dtype=torch.float64)[:-1]
    start = torch.sin(2 * torch.pi * x) + 0.3
    v = start.roll(3) * 0.97 + 0.01 * drawn(8, 6, 32)
    mass, energy = start.mean().expand(6), start.square().mean().expand(6)
    keep = NonlinearProjection(lambda u, m, e: torch.stack([u.mean() - m, u.square().mean() - e]), weights=1 / 32)
    u = keep(v, mass, energy)
    assert float((u.mean(-1) / mass - 1).abs().max()) < 1e-12
    assert float((u.square().mean(-1) / energy - 1).abs().max()) < 1e-12
    # the closest such state: it differs by a combination of the gradients of mass and energy
    for moved, found in zip(v - u, u, strict=True):
        gradients = torch.stack([torch.ones_like(found), found], dim=1)
        rest = moved - gradients @ torch.linalg.lstsq(gradients, moved[:, None]).solution[:, 0]
        assert float(rest.norm()) < 1e-12


def test_batches_dtypes_and_empty_batches() -> None:
    projection = NonlinearProjection(on_sphere)
    v = drawn(9, 2, 3, 4)
    u = projection(v, torch.full((2, 3), 2.0))
    torch.testing.assert_close(u.norm(dim=-1), torch.full((2, 3), 2.0, dtype=torch.float64))
    assert projection(v.float()).dtype == torch.float32
    assert projection(v[:0]).shape == (0, 3, 4)
    assert projection(v[0, 0]).shape == (4,)


def test_what_cannot_be_met_is_named() -> None:
    v = drawn(10, 2, 3)
    with pytest.raises(RuntimeError, match=r"in sample 0: constraint 1 of function cannot be met from here"):
        NonlinearProjection(lambda u: torch.stack([u.sum(), u @ u + 1.0]))(v)
    with pytest.raises(RuntimeError, match=r"in sample 1: constraint 0 .* cannot be met"):
        NonlinearProjection(lambda u, e: u @ u - e)(v, torch.tensor([1.0, -1.0]))
    with pytest.raises(RuntimeError, match=r"no isolated closest point was found"):
        NonlinearProjection(lambda u: torch.stack([u.sum(), 2 * u.sum()]))(v)
    with pytest.raises(
        RuntimeError,
        match=r"NonlinearProjection: constraint 0 of function cannot be met from here, it is missed by inf",
    ):
        NonlinearProjection(on_sphere)(torch.zeros(3, dtype=torch.float64))


def test_bad_input_is_refused() -> None:
    projection = NonlinearProjection(on_sphere)
    with pytest.raises(ValueError, match=r"v in sample 1: NaN or infinite"):
        projection(torch.tensor([[1.0, 2.0], [float("nan"), 1.0]]))
    with pytest.raises(
        ValueError, match=r"argument 1: \(3,\); give a tensor whose first dimensions are the batch \(2,\)"
    ):
        projection(torch.ones(2, 3), torch.ones(3))
    with pytest.raises(ValueError, match=r"function: returned \(3, 3\) for one vector \(3,\)"):
        NonlinearProjection(lambda u: torch.outer(u, u))(torch.ones(3))
    with pytest.raises(ValueError, match=r"function: 4 constraints on 3 entries"):
        NonlinearProjection(lambda u: torch.cat([u, u[:1]]))(torch.ones(3))
    with pytest.raises(TypeError, match="function: takes a function"):
        NonlinearProjection(3.0)
    with pytest.raises(TypeError, match="v: NonlinearProjection takes a tensor"):
        projection([1.0, 2.0])
    with pytest.raises(ValueError, match="weights: must be positive"):
        NonlinearProjection(on_sphere, weights=[-1.0])
