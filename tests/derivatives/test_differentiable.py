"""Jets that torch differentiates: gradients of gradients, and under torch.func."""

from __future__ import annotations

import torch
from torch import Tensor

from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.differentiable import differentiable_jet
from pinnlab.derivatives.indices import VALUE, Indices


def cubic(points: Tensor) -> Tensor:
    """(n, 2): x^3 y and x + y^2."""
    x, y = points.unbind(1)
    return torch.stack([x**3 * y, x + y**2], dim=1)


def jet(points: Tensor, indices: Indices) -> Tensor:
    """The derivatives of ``cubic``, without a graph, as networks and polynomials give them."""
    return autograd_jet(cubic, points, indices, keep=False)


def test_gradients_are_the_next_derivatives() -> None:
    points = torch.tensor([[2.0, 3.0], [0.5, -1.0]], dtype=torch.float64, requires_grad=True)
    values = differentiable_jet(jet, points, VALUE)[0]
    assert torch.equal(values, cubic(points))
    (first,) = torch.autograd.grad(values[:, 0].sum(), points, create_graph=True)
    assert first.tolist() == [[36.0, 8.0], [-0.75, 0.125]]  # 3 x^2 y, x^3
    (second,) = torch.autograd.grad(first[:, 0].sum(), points, create_graph=True)
    assert second.tolist() == [[36.0, 12.0], [-3.0, 0.75]]  # 6 x y, 3 x^2
    (third,) = torch.autograd.grad(second[:, 1].sum(), points)
    assert third.tolist() == [[12.0, 0.0], [3.0, 0.0]]  # 6 x


def test_a_derivative_is_differentiable_as_well() -> None:
    points = torch.tensor([[2.0, 3.0]], dtype=torch.float64, requires_grad=True)
    slopes = differentiable_jet(jet, points, ((), (0,), (1,)))
    (found,) = torch.autograd.grad((slopes[1, 0, 0] * slopes[2, 0, 1]), points)  # 3 x^2 y times 2 y
    assert found.tolist() == [[216.0, 144.0]]


def test_transforms_of_torch() -> None:
    points = torch.rand(5, 2, dtype=torch.float64)

    def value(point: Tensor) -> Tensor:
        return differentiable_jet(jet, point[None], VALUE)[0, 0, 0]

    found = torch.func.vmap(torch.func.grad(value))(points)
    x, y = points.unbind(1)
    assert torch.allclose(found, torch.stack([3 * x**2 * y, x**3], dim=1), rtol=1e-14)
