"""Conditions written as formulas, on parts of sides, and data of expressions: misfits worked out by hand, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.conditions import AnyCondition, Context
from pinnlab.declaration.terms import Scope, Term, everywhere, trace
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.directions import Direction
from pinnlab.derivatives.indices import closure
from pinnlab.domains.normals import outward_normals
from pinnlab.domains.sampling import unit_points
from pinnlab.machine.fingerprint import fingerprint

BOX = pl.Box(x=(-1.0, 3.0), y=(0.0, 2.0), t=(0.5, 1.5))
PARAMETERS = {"k": torch.tensor(3.0, dtype=torch.float64)}
CONTEXT = Context(BOX, ("u", "v"), ("k",), {("u", "x"): 2}, PARAMETERS)
FIELDS: dict[str, Callable[[Tensor], Tensor]] = {
    "u": lambda p: p[:, 0] ** 2 * p[:, 1] + p[:, 2] ** 2,  # x^2 y + t^2
    "v": lambda p: p[:, 0] + p[:, 2],  # x + t
}


def misfits(term: Term, region: Any = BOX, n: int = 6) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor | None]:
    """The residuals of a term for ``FIELDS``, the coordinates of its site, and the normals there."""
    d, names = len(region.coordinates), region.coordinates
    (site,) = term.draw(lambda k: unit_points("uniform", k, d, np.random.default_rng(0)), n)
    keys = trace(term, region.columns, ("u", "v"), PARAMETERS, (site,)).keys
    jets = {}
    for unknown, function in FIELDS.items():
        indices = closure(tuple(names.index(c) for c in key) for key in keys[unknown])
        jet = autograd_jet(lambda p, f=function: f(p)[:, None], site.points, indices, keep=False)
        jets[unknown] = {tuple(names[i] for i in index): jet[row, :, 0] for row, index in enumerate(indices)}
    normals = None if site.normals is None else region.columns(site.normals)
    found = term.evaluate((Scope.of_jets(jets, region.columns(site.points), PARAMETERS, normals),))
    assert tuple(found) == term.residuals
    return found, region.columns(site.points), site.normals


def close(found: Tensor, expected: Tensor | float) -> None:
    expected = torch.as_tensor(expected, dtype=torch.float64).expand_as(found)
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)


# -- formulas ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("piece", "sign"), [("y-", -1.0), ("y+", 1.0)])
def test_normal_derivatives_of_a_formula(piece: str, sign: float) -> None:
    def f(u: Any, v: Any, k: Any, x: Any, n: Any) -> dict[str, Any]:
        return {
            "slope": k * u.d(n) - v,
            "curved": u.d(n, n) + v * n.y,
            "mixed": u.d(n, "x") + n.x,
            "flux": pl.diff(x * u, n),
        }

    (term,) = pl.Condition(f, on=piece).terms(CONTEXT)
    assert term.residuals == tuple(f"{name} {piece}" for name in ("slope", "curved", "mixed", "flux"))
    found, at, _ = misfits(term)
    close(found[f"slope {piece}"], 3 * sign * at["x"] ** 2 - at["x"] - at["t"])
    close(found[f"curved {piece}"], (at["x"] + at["t"]) * sign)
    close(found[f"mixed {piece}"], sign * 2 * at["x"])
    close(found[f"flux {piece}"], sign * at["x"] ** 3)


def test_a_formula_differentiates_across_its_face_only() -> None:
    (term,) = pl.Condition(lambda u, n: u.d(n) + u.t, on="x+").terms(CONTEXT)
    (site,) = term.draw(lambda k: torch.rand(k, 3).double(), 3)
    assert trace(term, BOX.columns, ("u", "v"), PARAMETERS, (site,)).keys["u"] == {("x",), ("t",)}


def test_the_normal_of_a_circle() -> None:
    disk = pl.Ball(center={"x": 1.0, "y": 2.0}, radius=0.5)
    fields = Context(disk, ("u", "v"), (), {}, {})
    (term,) = pl.Condition(lambda u, n: u.d(n, n) - n.x * n.y).terms(fields)
    (site,) = term.draw(lambda k: torch.rand(k, 2).double(), 5)
    nx, ny = site.outward.unbind(1)
    jets = {"u": {("x", "x"): 2 * nx, ("x", "y"): 3 + nx, ("y", "y"): ny}, "v": {}}
    (found,) = term.evaluate((Scope.of_jets(jets, disk.columns(site.points), {}, disk.columns(site.outward)),)).values()
    close(found, 2 * nx**3 + 2 * nx * ny * (3 + nx) + ny**3 - nx * ny)


def test_a_name_that_is_declared_comes_before_the_normal() -> None:
    box = pl.Box(x=(0.0, 1.0))
    named = Context(box, ("n",), (), {("n", "x"): 2}, {})
    (term,) = pl.Condition(lambda n: n.x - 2.0, on="x+").terms(named)
    jets = {"n": {("x",): torch.full((3,), 5.0, dtype=torch.float64)}}
    one = torch.ones(3, 1, dtype=torch.float64)
    scope = Scope.of_jets(jets, box.columns(one), {}, box.columns(one))
    close(term.evaluate((scope,))["condition x+"], 3.0)


def test_components_of_a_direction_and_what_it_has_not() -> None:
    one = torch.ones(2)
    n = Direction({"x": one, "y": 0 * one}, ("x",))
    assert n.parts[0][0] == "x" and len(n.parts) == 1 and torch.equal(n.y, 0 * one)
    with pytest.raises(ValueError, match=r"n\.z: the outward normal n has the components n\.x, n\.y"):
        n.z  # noqa: B018


def declared(*conditions: AnyCondition, **changes: Any) -> pl.Problem:
    given: dict[str, Any] = {
        "domain": pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "unknowns": "u", "equations": lambda u: u.xx + u.yy,
        "conditions": list(conditions),
    }  # fmt: skip
    return pl.Problem(**given | changes)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: pl.Condition(3.0), TypeError, r"Condition\(3.0\): give a function"),
        (lambda: declared(pl.Condition(lambda u, q: u - q)), ValueError, "argument 'q', which is no unknown"),
        (lambda: declared(pl.Condition(lambda x: x)), ValueError, "a constant that no unknown changes"),
        (lambda: declared(pl.Condition(lambda u: None)), TypeError, "returned NoneType None; return what must vanish"),
        (lambda: declared(pl.Condition(lambda u: u.x == u)), TypeError, "a comparison, which is true or false"),
        (lambda: declared(pl.Condition(lambda u: {})), TypeError, r"returned \[\] as names"),
        (lambda: declared(pl.Condition(lambda u, n: u.d(n), on="z")), ValueError, "names no boundary"),
        (lambda: declared(pl.Condition(lambda u, n: u.d(n.q))), ValueError, r"n\.q: the outward normal"),
        (lambda: pl.Condition(lambda u: u, exact=True), ValueError, "cannot be built into the field"),
        (lambda: declared(pl.Condition(lambda u: torch.mean(u.value) + u)), ValueError, "depends on the other points"),
        (lambda: declared(pl.Condition(lambda u: (-u.exp()) ** 0.5)), ValueError, r"abs\(d\)\*\*0.25 \* d"),
        (lambda: declared(equations=lambda u, n: u.d(n)), ValueError, r"n is known on the boundary, in pl\.Condition"),
        (
            lambda: declared(pl.Condition(lambda u: u), pl.Periodic(on="x")),
            ValueError,
            "a periodic coordinate has no boundary",
        ),
    ],
)
def test_formulas_that_cannot_work(make: Callable[[], object], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        make()


def test_a_formula_may_leave_its_range_at_made_up_numbers() -> None:
    problem = declared(pl.Dirichlet(u=400.0, on="x-"), pl.Condition(lambda u, n: u.d(n) + (u - 293.0) ** 1.25, on="x+"))
    sides = problem.count().sides
    assert sides["x+"].given == 1 and not sides["x+"].lacking


# -- parts of sides ------------------------------------------------------------------------------------------------------


def test_points_on_a_part_of_a_side() -> None:
    (term,) = pl.Dirichlet(u=1.0, on="x-", where=lambda y, t: (y < 0.5) & (t > 1.0)).terms(CONTEXT)
    (site,) = term.draw(lambda k: unit_points("sobol", k, 3, np.random.default_rng(0)), 64)
    x, y, t = site.points.unbind(1)
    assert (x == -1).all() and (y < 0.5).all() and (t > 1.0).all()
    assert 0.2 < float(y.mean()) < 0.3 and 1.2 < float(t.mean()) < 1.3
    (all_,) = everywhere(term).draw(lambda k: unit_points("sobol", k, 3, np.random.default_rng(0)), 64)
    inside = (all_.points[:, 1] < 0.5) & (all_.points[:, 2] > 1.0)
    jets = {"u": {(): torch.zeros(64, dtype=torch.float64)}, "v": {}}
    scope = Scope.of_jets(jets, BOX.columns(all_.points), PARAMETERS, BOX.columns(all_.outward))
    assert torch.equal(everywhere(term).evaluate((scope,))["dirichlet u x-"] == -1.0, inside)


def test_ends_of_a_part() -> None:
    condition = pl.Neumann(u=0.0, on="x-", where=lambda y: ((y > 0.25) & (y < 0.7)) | (y > 1.9))
    part = condition.part(BOX)
    assert part is not None and part.ends("x-") == {"y": (0.25, 0.7, 1.9)}
    oblique = pl.Neumann(u=0.0, on="x-", where=lambda y, t: y < t).part(BOX)
    assert oblique is not None and oblique.ends("x-") == {}


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: pl.Dirichlet(u=0.0, where=0.5), TypeError, r"Dirichlet\(where=0.5\): give a function of coordinates"),
        (lambda: pl.Dirichlet(u=0.0, where=lambda y: y < 1, exact=True), ValueError, "built in on whole sides only"),
        (lambda: pl.Periodic(on="x", where=lambda y: y < 1), ValueError, "agree everywhere"),
        (lambda: pl.Initial(u=0.0, where=lambda x: x < 1), ValueError, r"Initial\(where=...\).*torch.where"),
        (
            lambda: declared(pl.Dirichlet(u=0.0, on="x", where=lambda y: y > 2)),
            ValueError,
            "where holds at no point of",
        ),
        (lambda: declared(pl.Neumann(u=0.0, where=lambda y: y)), TypeError, "return true or false for each"),
        (lambda: declared(pl.Neumann(u=0.0, where=lambda z: z < 1)), ValueError, "argument 'z'"),
        (lambda: declared(pl.Neumann(u=0.0, where=lambda y: y > 0.2 and y < 1)), ValueError, "by & and |"),
    ],
)
def test_parts_that_cannot_be(make: Callable[[], object], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        make()


def lower(y: Tensor) -> Tensor:
    return y < 0.5


def test_parts_together_cover_a_side() -> None:
    rest = [pl.Dirichlet(u=0.0, on="x+"), pl.Neumann(u=0.0, on="y")]
    part = pl.Dirichlet(u=1.0, on="x-", where=lower)
    whole = declared(part, pl.Neumann(u=0.0, on="x-", where=lambda y: y >= 0.5), *rest)
    assert whole.check().complete and not whole.check().excess
    hole = declared(part, *rest)
    (text,) = hole.check().missing
    assert text.startswith("no condition on u at 'x-' around y = 0.7")
    twice = declared(part, pl.Neumann(u=0.0, on="x-"), *rest)
    assert twice.check().excess[0].startswith("too many conditions at 'x-' around y = 0.2")
    assert "where=lower" in repr(part)


def test_inflow_through_a_part_of_a_side_is_enough() -> None:
    flow = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, y: u.t + (0.5 - y) * u.x,
        conditions=[
            pl.Initial(u=0.0),
            pl.Dirichlet(u=0.0, on="x-", where=lower),
            pl.Dirichlet(u=0.0, on="x+", where=lambda y: y > 0.5),
        ],
    )
    assert flow.check().complete and not flow.check().excess


# -- what newcomers write ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (pl.Dirichlet(u_xx=0.0), r"write pl.Condition\(lambda u: u.xx, on=...\)"),
        (pl.Neumann(u_x=1.0), r"write pl.Condition\(lambda u: u.x - value, on=...\)"),
        (pl.Dirichlet(u=0, x=0), "name the side, on='x-'"),
        (pl.Dirichlet(u=0, x=1), r"name the side, on='x\+'"),
        (pl.Data({"x": [0.5], "y": [0.5]}, u_x=[1.0]), r"write pl.Data\(points=..., of=lambda u: u.x, values=...\)"),
    ],
)
def test_what_to_write_instead(condition: AnyCondition, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        declared(condition)


# -- data of expressions ---------------------------------------------------------------------------------------------------

POINTS = {"x": [0.0, 1.0, 2.0], "y": [0.5, 1.0, 1.5], "t": [1.0, 1.0, 1.25]}


def test_a_measured_expression() -> None:
    (term,) = pl.Data(POINTS, of=lambda u, v, k: u.x + k * v, values=[1.0, 2.0, 3.0]).terms(CONTEXT)
    found, at, _ = misfits(term, n=3)
    close(found["data expression"], 2 * at["x"] * at["y"] + 3 * (at["x"] + at["t"]) - torch.tensor([1.0, 2.0, 3.0]))


def test_several_measured_expressions_and_their_noise() -> None:
    data = pl.Data(
        POINTS,
        of=lambda u: {"slope": u.x, "rate": u.t},
        values={"slope": [0.0, 1.0, 2.0], "rate": lambda x: 2.0 + 0 * x},
        sd={"slope": [0.2, 0.1, 0.4], "rate": 0.5},
    )
    slope, rate = data.terms(CONTEXT)
    assert (slope.noise, rate.noise) == (0.1, 0.5)
    found, at, _ = misfits(slope, n=3)
    close(found["data slope"], (2 * at["x"] * at["y"] - torch.tensor([0.0, 1.0, 2.0])) * torch.tensor([0.5, 1.0, 0.25]))
    close(misfits(rate, n=3)[0]["data rate"], 2 * at["t"] - 2.0)
    part = data.within(pl.Box(x=(-1.0, 1.5), y=(0.0, 2.0), t=(0.5, 1.5)), BOX)
    assert part is not None and len(part.points["x"]) == 2
    (first, _) = part.terms(CONTEXT)
    close(misfits(first, n=2)[0]["data slope"], found["data slope"][:2])


def test_the_normal_at_measured_points() -> None:
    on_side = {"x": [3.0, 1.0], "y": [0.5, 2.0], "t": [1.0, 1.0]}
    data = pl.Data(on_side, of=lambda u, n: u.d(n), values=[0.0, 0.0])
    (term,) = data.terms(CONTEXT)
    found, at, normals = misfits(term, n=2)
    assert normals is not None and normals.round(decimals=9).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    close(found["data expression"].round(decimals=8), torch.tensor([3.0, 1.0], dtype=torch.float64))
    disk = pl.Ball(center={"x": 0.0, "y": 0.0}, radius=2.0)
    angle = torch.tensor([0.3, 2.0], dtype=torch.float64)
    outward = torch.stack([angle.cos(), angle.sin()], dim=1)
    torch.testing.assert_close(outward_normals(disk, 2 * outward), outward, rtol=0, atol=1e-8)
    part = data.within(pl.Box(x=(-1.0, 3.0), y=(0.0, 0.5), t=(0.5, 1.5)), BOX)
    assert (
        part is not None and part.normals is not None and part.normals.round(decimals=9).tolist() == [[1.0, 0.0, 0.0]]
    )


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: pl.Data(POINTS, of=lambda u: u.x), TypeError, r"Data\(of=...\) got no values"),
        (lambda: pl.Data(POINTS, values=[1.0] * 3), TypeError, "say what was measured"),
        (lambda: pl.Data(POINTS, of=3, values=[1.0] * 3), TypeError, "give a function of the unknowns"),
        (lambda: pl.Data(POINTS, of=lambda u: u, values=[1.0] * 3, u=[1.0] * 3), TypeError, "in a Data of their own"),
        (lambda: pl.Data(POINTS, of=lambda u: u, values=[1.0] * 2), ValueError, "arrays of different lengths"),
        (lambda: pl.Data(POINTS, u=[1.0] * 3, sd=0.0), ValueError, "a standard deviation is positive"),
        (lambda: pl.Data(POINTS, u=[1.0] * 3, sd=[1.0] * 2), ValueError, "2 numbers for 3 values"),
        (lambda: pl.Data(POINTS, u=[1.0] * 3, sd={"v": 1.0}), ValueError, "name the same"),
        (
            lambda: pl.Data(POINTS, of=lambda u, n: u.d(n), values=[1.0] * 3).terms(CONTEXT),
            ValueError,
            "3 of 3 points are not on the boundary",
        ),
        (
            lambda: pl.Data({"x": [3.0], "y": [2.0], "t": [1.0]}, of=lambda u, n: u.d(n), values=[1.0]).terms(CONTEXT),
            ValueError,
            "at corners",
        ),
        (
            lambda: pl.Data(POINTS, of=lambda u: {"a": u, "b": u.x}, values=[1.0] * 3).terms(CONTEXT),
            ValueError,
            r"of returns \['a', 'b'\], and values are given for",
        ),
    ],
)
def test_data_that_cannot_be(make: Callable[[], object], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        make()


def test_checkpoints_know_conditions_by_what_they_say() -> None:
    def of(where: Any) -> str:
        return fingerprint(pl.Dirichlet(u=0.0, on="x-", where=where))

    assert vars(pl.Dirichlet(u=0.0)).keys() == {"exact", "weight", "values", "on"}
    assert vars(pl.Data(POINTS, u=[0.0] * 3)).keys() == {"exact", "weight", "values", "points"}
    assert of(None) != of(lower) != of(lambda y: y < 0.25)
    assert fingerprint(pl.Condition(lambda u: u - 1.0)) != fingerprint(pl.Condition(lambda u: u - 2.0))
