"""The experts' rows: sizes, derivatives, interfaces, and who is coupled to whom."""

from __future__ import annotations

import math

import pytest
import torch
from expert_layers import BOX, LIKE, PI, burgers, layer_of, members, problem, sobol
from torch import Tensor

import pinnlab as pl
from pinnlab.solvers.experts.assembly import ExpertAssembly, interface_term
from pinnlab.solvers.experts.partition import cut
from pinnlab.solvers.experts.rows import ExpertRows, term_structure


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
