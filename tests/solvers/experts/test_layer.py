"""The experts' layer: Jacobians, implicit gradients, whitening, and what coupling does."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from expert_layers import BOX, PI, Polynomials, burgers, layer_of, problem
from torch import Tensor

import pinnlab as pl
from pinnlab.derivatives.indices import VALUE
from pinnlab.domains.sampling import unit_points
from pinnlab.solvers.experts.layer import _GroupProblem

COUPLED = [({"x": 2}, "none"), ({"x": 3}, "interface"), ({"x": 2, "t": 2}, "march"), ({"t": 3}, "march"), ({}, "none")]


@pytest.mark.parametrize(("cuts", "coupling"), COUPLED)
@pytest.mark.parametrize("ridge", [0.0, 1e-2])
def test_jacobian_and_hessian_agree_with_autograd(cuts: dict, coupling: str, ridge: float) -> None:
    layer, partition = layer_of(problem(), cuts, coupling, ridge=ridge)
    basis = Polynomials(BOX, (2, 1), torch.ones(1, 6, dtype=torch.float64))
    placed = layer.expand(basis)
    known = torch.randn(1, partition.count, 1, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for group in layer.groups:
        task = _GroupProblem(layer, group, [placed[i] for i in group.rows], known)
        w = known[:, group.experts].flatten(2)
        w = w.flatten(1) if group.joint else w
        rows, jacobian = task.linearized(w)
        flat = lambda v, task=task, w=w: task.residuals(v.reshape(w.shape), known, *task.theta)  # noqa: E731
        full = torch.autograd.functional.jacobian(flat, w.flatten())
        dense = jacobian.dense()
        if group.joint:
            assert torch.allclose(dense[0], full[0], atol=1e-12, rtol=0)
        else:
            blocks = full.reshape(*rows.shape, *w.shape)
            for k in range(len(group.experts)):
                assert torch.allclose(dense[0, k], blocks[0, k, :, 0, k], atol=1e-12, rtol=0)
        assert torch.allclose(jacobian.gram(), dense.mT @ dense, atol=1e-9, rtol=0)
        assert torch.allclose(jacobian.pull_back(rows), (dense.mT @ rows[..., None])[..., 0], atol=1e-9, rtol=0)
        half = lambda v, flat=flat: 0.5 * flat(v).square().sum()  # noqa: E731
        expected = torch.autograd.functional.hessian(half, w.flatten())
        found = task.curved(w, known, *task.theta)
        if group.joint:
            assert torch.allclose(found[0], expected, atol=1e-8, rtol=0)
        else:
            for k in range(len(group.experts)):
                mine = slice(k * 6, k * 6 + 6)
                assert torch.allclose(found[0, k], expected[mine, mine], atol=1e-8, rtol=0)


@pytest.mark.parametrize(("cuts", "coupling"), COUPLED)
def test_implicit_gradients_agree_with_finite_differences(cuts: dict, coupling: str) -> None:
    layer, partition = layer_of(problem(), cuts, coupling, ridge=1e-3, count=2)
    generator = torch.Generator().manual_seed(2)
    factors = 1 + 0.3 * torch.rand(2, 12, generator=generator, dtype=torch.float64)
    weight = torch.randn(2, partition.count, 1, 12, generator=generator, dtype=torch.float64)
    direction = torch.randn(2, 12, generator=generator, dtype=torch.float64)

    def loss(factors: Tensor) -> Tensor:
        start = torch.zeros(2, partition.count, 1, 12, dtype=torch.float64)
        w, minima = layer.solve(layer.expand(Polynomials(BOX, (3, 2), factors)), start)
        for minimum in minima:
            minimum.require("expert")
        return (w * weight).sum()

    leaf = factors.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf), leaf)
    h = 1e-5
    moved = [loss((factors + s * h * direction).requires_grad_()).detach() for s in (1, -1)]
    difference = (moved[0] - moved[1]) / (2 * h)
    assert float((gradient * direction).sum()) == pytest.approx(float(difference), rel=1e-6)


@pytest.mark.parametrize(("cuts", "coupling"), COUPLED)
def test_whitening_changes_variables_and_nothing_else(cuts: dict, coupling: str) -> None:
    found, gradients = [], []
    for whiten in (False, True):
        layer, partition = layer_of(problem(), cuts, coupling, count=2)
        layer.whiten = whiten
        factors = (1 + 0.1 * torch.arange(24, dtype=torch.float64).reshape(2, 12)).requires_grad_()
        start = torch.full((2, partition.count, 1, 12), 0.1, dtype=torch.float64)
        w, minima = layer.solve(layer.expand(Polynomials(BOX, (3, 2), factors)), start)
        for minimum in minima:
            minimum.require("expert")
        found.append(w.detach())
        gradients.append(torch.autograd.grad(w.square().sum(), factors)[0])
    assert torch.allclose(*found, rtol=1e-7, atol=1e-8)
    assert torch.allclose(*gradients, rtol=1e-5, atol=1e-6)


def test_whitened_columns_are_orthonormal() -> None:
    layer, partition = layer_of(problem(), {"x": 2}, "none", points=200)
    placed = layer.expand(Polynomials(BOX, (7, 5), torch.ones(1, 48, dtype=torch.float64)))
    known = torch.zeros(1, partition.count, 1, 48, dtype=torch.float64)
    (group,) = layer.groups
    task = _GroupProblem(layer, group, [placed[i] for i in group.rows], known)
    gram = task.linearized(known.flatten(2))[1].gram()
    change = task.whitening()[:, :, 0]
    assert float(torch.linalg.cond(gram).max()) > 1e8
    assert torch.allclose(
        change.mT @ gram @ change, torch.eye(48, dtype=torch.float64).expand_as(gram), atol=1e-6, rtol=0
    )


def test_the_gauss_newton_gradient_is_another() -> None:
    layer, partition = layer_of(problem(), {"x": 2}, "interface", ridge=1e-3)
    results = []
    for hessian in ("full", "gauss_newton"):
        layer.hessian = hessian
        factors = torch.ones(1, 12, dtype=torch.float64, requires_grad=True)
        start = torch.zeros(1, partition.count, 1, 12, dtype=torch.float64)
        w, _ = layer.solve(layer.expand(Polynomials(BOX, (3, 2), factors)), start)
        results.append(torch.autograd.grad(w.square().sum(), factors)[0])
    gap = float((results[0] - results[1]).norm() / results[0].norm())
    assert gap > 0.3


def solved(given: pl.Problem, cuts: dict, coupling: str, degrees: tuple[int, int], points: int = 300):
    layer, partition = layer_of(given, cuts, coupling, points=points)
    box = given.domain
    assert isinstance(box, pl.Box)
    unknowns = len(given.unknowns)
    basis = Polynomials(box, degrees, torch.ones(1, math.prod(d + 1 for d in degrees), dtype=torch.float64), unknowns)
    start = torch.zeros(1, partition.count, unknowns, basis.size, dtype=torch.float64)
    w, minima = layer.solve(layer.expand(basis), start)

    def evaluate(points: Tensor) -> Tensor:
        values = basis.expand(points[None], VALUE).basis[0, 0, :, 0]
        return (values * w[0, partition.locate(points)].transpose(0, 1)).sum(-1).T

    return evaluate, minima


def test_coupled_experts_are_right_and_uncoupled_ones_wrong() -> None:
    """Experts that do not see their neighbours lower their residual and miss the solution (docs/methods/experts.md)."""
    box = pl.Box(x=(-1.0, 1.0), t=(0.0, 0.6))
    given = problem(box, nu=0.1)
    reference = pl.reference_solution(given)
    points = box.interior(unit_points("grid", 900, 2, np.random.default_rng(0))).points
    target = torch.as_tensor(reference(x=points[:, 0], t=points[:, 1])["u"])
    errors = {}
    for coupling, cuts in (("none", {"x": 4}), ("interface", {"x": 4}), ("march", {"x": 2, "t": 2})):
        evaluate, _ = solved(given, cuts, coupling, (6, 4))
        errors[coupling] = float((evaluate(points)[:, 0] - target).norm() / target.norm())
    assert errors["interface"] < 3e-3 and errors["march"] < 1e-2 and errors["none"] > 0.1


def test_systems() -> None:
    """u_t = v_x, v_t = u_x from u = sin(pi x): u = sin(pi x) cos(pi t), v = cos(pi x) sin(pi t)."""
    box = pl.Box(x=(0.0, 1.0), t=(0.0, 0.5))
    given = pl.Problem(
        box, ("u", "v"), lambda u, v: {"a": u.t - v.x, "b": v.t - u.x},
        [pl.Initial(u=lambda x: torch.sin(PI * x), v=0.0, exact=False), pl.Dirichlet(u=0.0, exact=False)],
    )  # fmt: skip
    evaluate, minima = solved(given, {"x": 2}, "interface", (7, 5))
    minima[0].require("expert")
    points = box.interior(unit_points("grid", 400, 2, np.random.default_rng(0))).points
    x, t = points.T
    target = torch.stack([torch.sin(PI * x) * torch.cos(PI * t), torch.cos(PI * x) * torch.sin(PI * t)], 1)
    assert float((evaluate(points) - target).norm() / target.norm()) < 1e-4


def test_members_have_their_own_parameters() -> None:
    given = problem(nu=0.1)
    layer, _ = layer_of(given, {"x": 2}, "interface", count=2, nu=torch.tensor([0.1, 0.3], dtype=torch.float64))
    basis = Polynomials(BOX, (4, 3), torch.ones(2, 20, dtype=torch.float64))
    w, _ = layer.solve(layer.expand(basis), torch.zeros(2, 2, 1, 20, dtype=torch.float64))
    for i, nu in enumerate((0.1, 0.3)):
        alone, _ = layer_of(problem(nu=nu), {"x": 2}, "interface")
        one, _ = alone.solve(
            alone.expand(Polynomials(BOX, (4, 3), torch.ones(1, 20, dtype=torch.float64))),
            torch.zeros(1, 2, 1, 20, dtype=torch.float64),
        )
        assert torch.allclose(w[i], one[0], rtol=0, atol=1e-10)


def test_data_belong_to_the_expert_where_they_were_taken() -> None:
    xs = np.linspace(-0.9, 0.9, 9)
    given = problem().replace(
        conditions=[*problem().conditions, pl.Data({"x": xs, "t": np.full(9, 1.0)}, u=np.zeros(9))]
    )
    layer, _ = layer_of(given, {"x": 2}, "interface")
    (rows,) = [r for r in layer.rows if r.term.kind == "data"]
    assert rows.experts[:, 0].tolist() == [0] * 4 + [1] * 5


def test_failures_name_the_expert() -> None:
    layer, partition = layer_of(problem(), {"x": 2}, "none")
    start = torch.zeros(1, partition.count, 1, 6, dtype=torch.float64)
    factors = torch.ones(1, 6, dtype=torch.float64)
    factors[0, 3] = 0.0
    _, minima = layer.solve(layer.expand(Polynomials(BOX, (2, 1), factors)), start)
    with pytest.raises(ValueError, match=r"member, expert 0, 0 \(and 1 more of 2\): rank deficient: .*fewer basis"):
        minima[0].require("member, expert")
    factors[0, 3] = torch.nan
    _, minima = layer.solve(layer.expand(Polynomials(BOX, (2, 1), factors)), start)
    with pytest.raises(ValueError, match="not finite: .*NaN in the basis"):
        minima[0].require("member, expert")
    few, partition = layer_of(pl.Problem(BOX, "u", burgers, (), {"nu": 0.1}), {}, "none", points=3)
    with pytest.raises(ValueError, match="3 rows cannot determine 6 unknowns; use more points"):
        few.solve(few.expand(Polynomials(BOX, (2, 1), torch.ones(1, 6, dtype=torch.float64))), start[:, :1])
