"""The experts' layer: parts, rows, couplings, Jacobians and implicit gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.algebra.least_squares import LeastSquares
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import VALUE, Indices
from pinnlab.domains.cells import Cells
from pinnlab.domains.sampling import unit_points
from pinnlab.solvers.experts.assembly import ExpertAssembly, interface_term
from pinnlab.solvers.experts.layer import ExpertsLayer, _GroupProblem
from pinnlab.solvers.experts.partition import cut, in_unit_cube, on_nodes
from pinnlab.solvers.experts.rows import Expansion, ExpertRows, MemberParameters, term_structure

PI = math.pi
LIKE = torch.zeros((), dtype=torch.float64)
BOX = pl.Box(x=(-1.0, 1.0), t=(0.0, 2.0))


def burgers(u: pl.Field, nu: float) -> pl.Field:
    return u.t + u * u.x - nu * u.xx


def problem(box: pl.Box = BOX, nu: float = 0.1) -> pl.Problem:
    conditions = [
        pl.Initial(u=lambda x: -torch.sin(PI * x), exact=False),
        pl.Dirichlet(u=0.0, exact=False),
    ]
    return pl.Problem(box, "u", burgers, conditions, {"nu": nu})


class Polynomials:
    """N products of Chebyshev polynomials over the box, times factors (M, N), for m unknowns alike."""

    def __init__(self, box: pl.Box, degrees: tuple[int, ...], factors: Tensor, unknowns: int = 1):
        self.box, self.degrees, self.factors, self.unknowns = box, degrees, factors, unknowns

    def __call__(self, points: Tensor) -> Tensor:
        product = torch.ones_like(points[:, :1])
        for i, ((lower, upper), degree) in enumerate(zip(self.box.bounds.values(), self.degrees, strict=True)):
            x = (2 * points[:, i] - lower - upper) / (upper - lower)
            line = [torch.ones_like(x), x]
            for _ in range(degree - 1):
                line.append(2 * x * line[-1] - line[-2])
            product = (product[:, :, None] * torch.stack(line, 1)[:, None]).flatten(1)
        return product

    @property
    def size(self) -> int:
        return math.prod(d + 1 for d in self.degrees)

    def expand(self, points: Tensor, indices: Indices) -> Expansion:
        sets, n = points.shape[:2]
        data = autograd_jet(self, points.flatten(0, 1), indices, keep=False)
        data = data.reshape(len(indices), sets, n, -1).permute(1, 0, 2, 3)
        basis = data[None, :, None] * self.factors[:, None, None, None, None]
        return Expansion(basis.expand(-1, -1, self.unknowns, -1, -1, -1))


def sobol(seed: int = 0, d: int = 2):
    rng = np.random.default_rng(seed)
    return lambda n: unit_points("sobol", n, d, rng)


def members(given: pl.Problem, count: int = 1, values: Mapping[str, Any] | None = None) -> MemberParameters:
    fixed = {k: v for k, v in given.parameter_values().items() if k not in (values or {})}
    return MemberParameters(fixed, values or {}, count)


def layer_of(
    given: pl.Problem, cuts: dict, coupling: str, points: int = 60, ridge: float = 0.0, count: int = 1, **values: Any
) -> tuple[ExpertsLayer, Cells]:
    cells = cut(given.domain, cuts)
    assembly = ExpertAssembly(given, given.conditions, cells, coupling, 100.0)
    rows, groups = assembly.draw(sobol(), members(given, count, values), points, 24, like=LIKE)
    return ExpertsLayer(rows, groups, LeastSquares(steps=60, tolerance=1e-11), ridge, newton=2), cells


# -- parts -------------------------------------------------------------------------------------------------------------


def test_parts_are_found_by_location() -> None:
    parts = cut(BOX, {"x": (0.5,), "t": 2})
    assert parts.shape == (2, 2) and parts.count == 4
    points = torch.tensor([[-1.0, 0.0], [0.4, 1.5], [0.6, 0.5], [1.0, 2.0]], dtype=torch.float64)
    assert parts.locate(points).tolist() == [0, 1, 2, 3]
    assert parts.lower[2].tolist() == [0.5, 0.0] and parts.upper[2].tolist() == [1.0, 1.0]
    assert [n.tolist() for n in parts.neighbours(0)] == [[0, 1], [2, 3]]
    assert [n.tolist() for n in parts.neighbours(1)] == [[0, 2], [1, 3]]


def test_points_of_the_unit_cube_go_into_each_part() -> None:
    parts = cut(BOX, {"x": 4})
    placed = BOX.interior(in_unit_cube(parts, sobol()(10)).flatten(0, 1)).points
    assert torch.equal(parts.locate(placed), torch.arange(4).repeat_interleave(10))


def test_parts_snap_to_nodes() -> None:
    axes = {"x": torch.linspace(-1, 1, 11, dtype=torch.float64), "t": torch.linspace(0, 2, 5, dtype=torch.float64)}
    assert on_nodes(cut(BOX, {"x": 3}), axes).edges["x"].tolist() == pytest.approx([-1, -0.4, 0.4, 1])
    with pytest.raises(ValueError, match="9 parts do not fit on 5 nodes; use a finer grid or fewer experts"):
        on_nodes(cut(BOX, {"t": 9}), axes)


@pytest.mark.parametrize(
    ("cuts", "error", "message"),
    [
        ({"y": 2}, ValueError, r"experts={'y': 2}: 'y' is none of the coordinates x, t"),
        ({"x": 0}, ValueError, r"experts={'x': 0}: give at least one part"),
        ({"x": 1.5}, TypeError, r"experts={'x': 1.5}: give a number of equal parts, or a tuple"),
        ({"x": (0.5, 0.1)}, ValueError, r"increasing positions strictly inside \(-1, 1\)"),
        ({"x": (2.0,)}, ValueError, r"increasing positions strictly inside"),
    ],
)
def test_bad_cuts(cuts: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        cut(BOX, cuts)


# -- rows --------------------------------------------------------------------------------------------------------------


def test_sizes_of_rows_by_hand() -> None:
    """u_t counts 1 / T = 1/2 (T = 2), nu u_xx counts 0.1 / 4; a value counts one."""
    given = pl.Problem(BOX, "u", lambda u, nu: u.t - nu * u.xx, [pl.Initial(u=0.0, exact=False)], {"nu": 0.1})
    shape = term_structure(given.equation_term(), BOX, ("u",), given.parameter_values())
    assert float(shape.sizes) == pytest.approx(0.5)
    assert [shape.indices[i] for i in shape.used] == [(1,), (0, 0)]
    (term,) = given.condition_terms()[0][1]
    assert float(term_structure(term, BOX, ("u",), given.parameter_values()).sizes) == 1.0


def burgers_rows() -> tuple[ExpertRows, list[Tensor]]:
    given = problem()
    layer, _ = layer_of(given, {"x": 2}, "interface")
    rows = layer.rows[0]
    generator = torch.Generator().manual_seed(0)
    sets, n = rows.points[0].shape[:2]
    return rows, [torch.randn(1, sets, 1, len(rows.keys), n, generator=generator, dtype=torch.float64)]


def test_pointwise_derivatives_by_hand() -> None:
    """r = s (u_t + u u_x - nu u_xx): dr/du = s u_x, dr/du_t = s, dr/du_xx = -nu s; d2r/du du_x = s."""
    rows, fields = burgers_rows()
    value, (slope,) = rows.linearized(fields)
    at = {key: fields[0][:, :, 0, i] for i, key in enumerate(rows.keys)}
    scale = float(rows.scale)
    assert torch.allclose(
        value[:, :, 0], scale * (at["t",] + at[()] * at["x",] - 0.1 * at["x", "x"]), rtol=0, atol=1e-14
    )
    expected = {(): at["x",], ("x",): at[()], ("t",): torch.ones_like(at[()]), ("x", "x"): -0.1 + 0 * at[()]}
    for i, key in enumerate(rows.keys):
        assert torch.allclose(slope[:, :, 0, 0, i], scale * expected[key], rtol=0, atol=1e-14)
    second = {rows.keys[i]: found for s, j, i, found in rows.curvature(fields)}
    assert set(second) == {(), ("x",)}
    (by,) = second[()]
    assert by is not None and torch.allclose(
        by[:, :, 0, rows.keys.index(("x",))], scale * value[:, :, 0], rtol=0, atol=1e-14
    )


def test_an_interface_compares_values_and_slopes() -> None:
    given = problem()
    term = interface_term(given, cut(BOX, {"x": 4}), "x")
    assert term.residuals == ("interface u", "interface u_x")
    assert interface_term(given, cut(BOX, {"t": 4}), "t").residuals == ("interface u",)
    layer, _ = layer_of(given, {"x": 4}, "interface")
    (rows,) = [r for r in layer.rows if r.term.kind == "interface"]
    assert rows.experts.tolist() == [[0, 1], [1, 2], [2, 3]]
    assert sorted(set(rows.points[0][:, :, 0].flatten().tolist())) == [-0.5, 0.0, 0.5]
    left = torch.zeros(1, 3, 1, 2, rows.points[0].shape[1], dtype=torch.float64)
    found = rows.residuals([left, left + torch.tensor([3.0, 2.0], dtype=torch.float64)[:, None]])
    # a quarter of the interval's half: h / 2 = 0.25
    weight = math.sqrt(100 / rows.points[0].shape[1])
    assert torch.allclose(
        found[0, 0, :, 0], weight * torch.tensor([3.0, 0.25 * 2.0], dtype=torch.float64), rtol=0, atol=1e-13
    )


def test_conditions_belong_to_the_experts_at_the_boundary() -> None:
    layer, _ = layer_of(problem(), {"x": 3, "t": 2}, "interface")
    owners = {r.term.residuals[0]: r.experts[:, 0].tolist() for r in layer.rows if r.term.kind != "interface"}
    assert owners["initial u"] == [0, 2, 4]
    assert owners["dirichlet u x-"] == [0, 1] and owners["dirichlet u x+"] == [4, 5]
    alone, _ = layer_of(problem(), {"x": 3, "t": 2}, "none")
    assert {r.term.residuals[0] for r in alone.rows} == {"burgers", *owners}
    assert all(r.experts[:, 0].tolist() == list(range(6)) for r in alone.rows)


def test_jumps_between_uncoupled_experts_are_judged() -> None:
    """Each solves alone, but a solution that jumps is no good one: the loss has the rows that coupled experts meet."""
    given = problem()
    drawn: dict[str, list[ExpertRows]] = {}
    for coupling in ("none", "interface"):
        assembly = ExpertAssembly(given, given.conditions, cut(BOX, {"x": 3}), coupling, 100.0, periodic=("x",))
        drawn[coupling], _ = assembly.draw(sobol(), members(given), 8, 8, like=LIKE, judge=True)
        assert [e.tolist() for e in map(assembly.with_neighbours, (torch.tensor([0]), torch.tensor([2])))] == [
            [0, 1],
            [0, 2],
        ]
        solved, _ = assembly.draw(sobol(), members(given), 8, 8, like=LIKE)
        assert any(r.term.kind == "interface" for r in solved) is (coupling == "interface")
        mine, _ = assembly.draw(sobol(), members(given), 8, 8, like=LIKE, judge=True, experts=torch.tensor([1]))
        assert [r.experts.tolist() for r in mine if r.term.kind == "interface"] == [[[1, 2]]]
    for one, other in zip(drawn["none"], drawn["interface"], strict=True):
        assert torch.equal(one.experts, other.experts) and all(map(torch.equal, one.points, other.points))
    inner, around = (r for r in drawn["none"] if r.term.kind == "interface")
    assert inner.experts.tolist() == [[0, 1], [1, 2]] and around.experts.tolist() == [[2, 0]]


def test_periodic_ends_couple_the_outer_experts() -> None:
    given = pl.Problem(
        BOX, "u", burgers, [pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Periodic(on="x", exact=False)], {"nu": 0.1}
    )
    partition = cut(BOX, {"x": 3})
    rows, _ = ExpertAssembly(given, given.conditions, partition, "interface", 1.0).draw(
        sobol(), members(given), 8, 8, like=LIKE
    )
    (ends,) = [r for r in rows if r.term.kind == "periodic"]
    assert ends.experts.tolist() == [[0, 2]]


def test_experts_at_the_ends_of_an_exactly_periodic_coordinate_are_neighbours() -> None:
    given = problem()
    assembly = ExpertAssembly(given, (), cut(BOX, {"x": 3}), "interface", 1.0, periodic=("x",))
    rows, _ = assembly.draw(sobol(), members(given), 8, 8, like=LIKE)
    inner, around = (r for r in rows if r.term.kind == "interface")
    assert inner.experts.tolist() == [[0, 1], [1, 2]] and around.experts.tolist() == [[2, 0]]
    left, right = around.points
    assert bool((left[..., 0] == 1.0).all()) and bool((right[..., 0] == -1.0).all())
    assert torch.equal(left[..., 1], right[..., 1])


def test_slabs_in_time_are_solved_in_order() -> None:
    layer, _ = layer_of(problem(), {"x": 2, "t": 3}, "march")
    assert [g.experts.tolist() for g in layer.groups] == [[0, 3], [1, 4], [2, 5]]
    first = [layer.rows[i].term.residuals[0] for i in layer.groups[0].rows]
    later = [layer.rows[i].term.residuals[0] for i in layer.groups[1].rows]
    assert "initial u" in first and "initial u" not in later
    (handed,) = [layer.rows[i] for i in layer.groups[1].rows if layer.rows[i].experts.tolist() == [[0, 1], [3, 4]]]
    assert handed.term.kind == "interface"


def test_an_unknown_coupling() -> None:
    with pytest.raises(ValueError, match="coupling='glue' is unknown; choose one of 'march', 'interface', 'none'"):
        ExpertAssembly(problem(), (), cut(BOX, {}), "glue", 1.0)


# -- the layer ---------------------------------------------------------------------------------------------------------

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
