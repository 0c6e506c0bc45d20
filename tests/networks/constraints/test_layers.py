from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from pinnlab.networks.constraints import ConvexLayer, InfeasibleError

cp = pytest.importorskip("cvxpy", reason="convex layers need cvxpylayers")
pytest.importorskip("cvxpylayers", reason="convex layers need cvxpylayers")


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def quadratic(**options: Any) -> ConvexLayer:
    """min ||x - a||^2 with sum x = s and x >= 0."""
    x, a, s = cp.Variable(4, name="x"), cp.Parameter(4, name="a"), cp.Parameter(name="s")
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x - a)), [cp.sum(x) == s, x >= 0])
    return ConvexLayer(problem, [a, s], [x], **options)


def test_values_by_position_and_by_name() -> None:
    layer, a = quadratic(), torch.tensor([1.0, 0.5, -1.0, -2.0], dtype=torch.float64)
    (x,) = layer(a, torch.tensor(1.0, dtype=torch.float64))
    assert x.tolist() == pytest.approx([0.75, 0.25, 0.0, 0.0], abs=1e-9)
    (named,) = layer({"s": torch.tensor(1.0, dtype=torch.float64), "a": a.expand(2, 3, 4)})
    torch.testing.assert_close(named, x.expand(2, 3, 4))


def test_dtype_of_the_input() -> None:
    (x,) = quadratic()(torch.ones(4), torch.tensor(1.0))
    assert x.dtype == torch.float32
    assert not quadratic().state_dict()


@pytest.mark.parametrize("solver", ["clarabel", "scs"])
def test_gradients_of_a_quadratic_program(solver: str) -> None:
    layer = quadratic(solver=solver, tolerance=1e-9 if solver == "scs" else None)
    a, s = drawn(0, 3, 4).requires_grad_(), torch.ones(3, dtype=torch.float64).requires_grad_()
    assert gradcheck(lambda a, s: layer(a, s)[0], (a, s), eps=1e-4, atol=1e-4)


def test_gradients_by_matrices_of_constraints_and_objective() -> None:
    x, y = cp.Variable(3), cp.Variable()
    root, rows, cost = cp.Parameter((3, 3), name="R"), cp.Parameter((2, 3), name="A"), cp.Parameter(3, name="c")
    problem = cp.Problem(cp.Minimize(cp.sum_squares(root @ x) + cost @ x + y), [rows @ x <= -1, y >= cp.norm(x - 5)])
    layer = ConvexLayer(problem, [root, rows, cost], [x, y])
    values = [
        t.requires_grad_()
        for t in (torch.eye(3, dtype=torch.float64) + 0.3 * drawn(1, 3, 3), drawn(2, 2, 3), drawn(3, 3))
    ]
    assert gradcheck(lambda *v: layer(*v), values, eps=2e-4, atol=1e-5)


def test_gradients_through_a_parametrized_quadratic_form() -> None:
    x, form, cost = cp.Variable(3), cp.Parameter((3, 3), PSD=True, name="P"), cp.Parameter(3, name="c")
    layer = ConvexLayer(cp.Problem(cp.Minimize(0.5 * cp.quad_form(x, form) + cost @ x)), [form, cost], [x])
    root, c = drawn(4, 3, 3), drawn(5, 3)
    p = root @ root.T + torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(layer(p, c)[0], -torch.linalg.solve(p, c), atol=1e-8, rtol=0)

    def through(root: Tensor, c: Tensor) -> Tensor:
        return layer(root @ root.T + torch.eye(3, dtype=torch.float64), c)[0]

    assert gradcheck(through, (root.requires_grad_(), c.requires_grad_()), eps=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", ["exponential", "semidefinite"])
def test_gradients_of_other_cones(kind: str) -> None:
    if kind == "exponential":
        x, a = cp.Variable(3), cp.Parameter(3)
        problem = cp.Problem(cp.Minimize(cp.sum_squares(x - a) + cp.sum(cp.exp(x))), [])
        layer, value = ConvexLayer(problem, [a], [x]), drawn(6, 2, 3)
    else:
        x, a = cp.Variable((2, 2), symmetric=True), cp.Parameter((2, 2))
        problem = cp.Problem(cp.Minimize(cp.sum_squares(x - a)), [x >> 0])
        layer, value = ConvexLayer(problem, [a], [x]), torch.tensor([[1.0, 0.5], [0.5, -2.0]], dtype=torch.float64)
        # the closest positive semi-definite matrix keeps the positive eigenvalue
        values, vectors = torch.linalg.eigh(value)
        expected = values[1] * torch.outer(vectors[:, 1], vectors[:, 1])
        torch.testing.assert_close(layer(value)[0], expected, atol=1e-7, rtol=0)
    assert gradcheck(lambda v: layer(v)[0], (value.requires_grad_(),), eps=1e-4, atol=1e-4)


def test_redundant_equalities_have_gradients() -> None:
    x, a = cp.Variable(3), cp.Parameter(3)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x - a)), [cp.sum(x) == 1, 2 * cp.sum(x) == 2])
    layer = ConvexLayer(problem, [a], [x])
    assert gradcheck(lambda v: layer(v)[0], (drawn(7, 3).requires_grad_(),), eps=1e-4, atol=1e-5)


def test_infeasible_samples_name_the_constraint() -> None:
    layer, a = quadratic(), torch.zeros(2, 4, dtype=torch.float64)
    s = torch.tensor([1.0, -1.0], dtype=torch.float64)
    with pytest.raises(InfeasibleError, match=r"constraint [01] \(.*\).* in sample 1: cannot be met together"):
        layer(a, s)
    with torch.no_grad(), pytest.raises(InfeasibleError, match="in sample 1"):
        layer(a, s)
    assert all(parameter.value is None for parameter in layer.problem.parameters())


def test_unbounded_problems_and_bad_values_are_refused() -> None:
    x, c, w = cp.Variable(2), cp.Parameter(2, name="c"), cp.Parameter(nonneg=True, name="w")
    layer = ConvexLayer(cp.Problem(cp.Minimize(c @ x + w * cp.sum_squares(x[0])), [x <= 1]), [c, w], [x])
    c_value, w_value = torch.ones(2, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)
    with pytest.raises(ValueError, match="the objective falls without end"):
        layer(c_value, w_value)
    with pytest.raises(ValueError, match=r"w: declared as cp.Parameter\(nonneg=True\), got -1"):
        layer(-c_value, -w_value)
    with pytest.raises(ValueError, match=r"c in sample 1: NaN or infinite"):
        layer(torch.tensor([[1.0, 1.0], [float("nan"), 1.0]]), w_value)
    with pytest.raises(ValueError, match=r"c: shape \(3,\); it must be \(\.\.\., 2\)"):
        layer(torch.ones(3), w_value)
    with pytest.raises(ValueError, match="got 1 values; its parameters are c, w"):
        layer(c_value)
    with pytest.raises(ValueError, match=r"got values for \['c'\]"):
        layer({"c": c_value})
    with pytest.raises(TypeError, match=r"c: ConvexLayer takes tensors of real numbers, got a list"):
        layer([1.0, 2.0], w_value)
    with pytest.raises(ValueError, match="do not broadcast"):
        layer(torch.ones(2, 2), torch.ones(3))


def test_problems_that_cannot_be_layers_are_refused() -> None:
    x, a, k = cp.Variable(3, name="x"), cp.Parameter(nonneg=True, name="a"), cp.Parameter(name="k")
    twice = cp.Problem(cp.Minimize(cp.sum_squares(x) + a * k * cp.sum(x)))
    with pytest.raises(
        ValueError, match=r"not DPP\), because of a \* k in minimize .*pass it as a parameter of its own"
    ):
        ConvexLayer(twice, [a, k], [x])
    with pytest.raises(ValueError, match=r"cannot tell that it is convex, because of minimize Sum\(Power"):
        ConvexLayer(cp.Problem(cp.Minimize(cp.sum(cp.sqrt(x)) + k)), [k], [x])
    whole = cp.Variable(3, integer=True)
    with pytest.raises(ValueError, match="integer"):
        ConvexLayer(cp.Problem(cp.Minimize(cp.sum_squares(whole - k))), [k], [whole])
    fine = cp.Problem(cp.Minimize(cp.sum_squares(x - k)))
    with pytest.raises(ValueError, match=r"parameters: got \['a'\], each of \['k'\]"):
        ConvexLayer(fine, [a], [x])
    with pytest.raises(ValueError, match=r"variables: \['other'\]; the problem's variables are \['x'\]"):
        ConvexLayer(fine, [k], [cp.Variable(name="other")])
    with pytest.raises(ValueError, match="parameters: empty"):
        ConvexLayer(cp.Problem(cp.Minimize(cp.sum_squares(x))), [], [x])


def test_a_solver_that_stops_short_says_so() -> None:
    layer = quadratic(options={"max_iter": 2})
    with pytest.raises(RuntimeError, match=r"stopped with status .*; bring the data to order one"):
        layer(torch.ones(4, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))
