"""Soft conditions on fields that are known in closed form: misfits are compared with numbers worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.conditions import AnyCondition, Context
from pinnlab.declaration.terms import Scope, Term, trace
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import closure
from pinnlab.domains.sampling import unit_points

BOX = pl.Box(x=(-1.0, 3.0), y=(0.0, 2.0), t=(0.5, 1.5))
CONTEXT = Context(BOX, ("u", "v"), ("k",), {("u", "x"): 2, ("v", "x"): 1, ("u", "t"): 2})
PARAMETERS = {"k": torch.tensor(3.0, dtype=torch.float64)}
FIELDS: dict[str, Callable[[Tensor], Tensor]] = {
    "u": lambda p: p[:, 0] ** 2 * p[:, 1] + p[:, 2] ** 2,  # x^2 y + t^2
    "v": lambda p: p[:, 0] + p[:, 2],  # x + t
}


def unit(n: int) -> Tensor:
    return unit_points("uniform", n, 3, np.random.default_rng(0))


def misfits(term: Term, n: int = 6) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
    """The residuals of a term for ``FIELDS``, and the coordinates of its sites."""
    sites = term.draw(unit, n)
    names = BOX.coordinates
    keys = trace(term, BOX.columns, ("u", "v"), PARAMETERS, sites).keys
    scopes = []
    for site in sites:
        jets = {}
        for unknown, function in FIELDS.items():
            indices = closure(tuple(names.index(c) for c in key) for key in keys[unknown])
            jet = autograd_jet(lambda p, f=function: f(p)[:, None], site.points, indices, keep=False)
            jets[unknown] = {tuple(names[i] for i in index): jet[row, :, 0] for row, index in enumerate(indices)}
        normals = None if site.normals is None else BOX.columns(site.normals)
        scopes.append(Scope.of_jets(jets, BOX.columns(site.points), PARAMETERS, normals))
    found = term.evaluate(tuple(scopes))
    assert tuple(found) == term.residuals
    assert all(value.shape == (len(sites[0].points),) for value in found.values())
    return found, [BOX.columns(site.points) for site in sites]


def close(found: Tensor, expected: Tensor | float) -> None:
    expected = torch.as_tensor(expected, dtype=torch.float64).expand_as(found)
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)


def test_initial_value_and_velocity() -> None:
    first, second, third = pl.Initial(u=lambda x, k: k * x, u_t=0.25, v=1.0, weight=5.0).terms(CONTEXT)
    assert {t.kind for t in (first, second, third)} == {"initial"} and first.weight == 5.0
    found, (at,) = misfits(first)
    assert at["t"].tolist() == [0.5] * 6
    close(found["initial u"], at["x"] ** 2 * at["y"] + 0.25 - 3 * at["x"])
    close(misfits(second)[0]["initial u_t"], 2 * 0.5 - 0.25)
    found, (at,) = misfits(third)
    close(found["initial v"], at["x"] + 0.5 - 1)


def test_dirichlet_on_each_face() -> None:
    terms = pl.Dirichlet(u=lambda y, t: y * t).terms(CONTEXT)
    assert [t.residuals for t in terms] == [(f"dirichlet u {piece}",) for piece in ("x-", "x+", "y-", "y+")]
    for term, (name, position) in zip(terms, [("x", -1.0), ("x", 3.0), ("y", 0.0), ("y", 2.0)], strict=True):
        found, (at,) = misfits(term)
        assert term.kind == "boundary" and at[name].tolist() == [position] * 6
        close(found[term.residuals[0]], at["x"] ** 2 * at["y"] + at["t"] ** 2 - at["y"] * at["t"])
    assert len(pl.Dirichlet(u=0.0, v=1.0, on="x+").terms(CONTEXT)) == 2


@pytest.mark.parametrize(("piece", "slope"), [("x-", 2.0), ("x+", 6.0)])
def test_neumann_uses_the_outward_normal(piece: str, slope: float) -> None:
    """u_x = 2 x y is -2 y at x = -1, where the outward normal is -1, and 6 y at x = 3."""
    (term,) = pl.Neumann(u=lambda y: 0.5 * y, on=piece).terms(CONTEXT)
    found, (at,) = misfits(term)
    close(found[f"neumann u {piece}"], slope * at["y"] - 0.5 * at["y"])


def test_neumann_in_the_other_direction() -> None:
    (term,) = pl.Neumann(u=0.0, on="y-").terms(CONTEXT)
    found, (at,) = misfits(term)
    close(found["neumann u y-"], -(at["x"] ** 2))


def test_robin() -> None:
    """a u + b du/dn = g with a = 2, b = k = 3, g = t at x = -1: u = y + t^2, du/dn = 2 y."""
    (term,) = pl.Robin(u=(2.0, lambda k: k, lambda t: t), on="x-").terms(CONTEXT)
    found, (at,) = misfits(term)
    close(found["robin u x-"], 2 * (at["y"] + at["t"] ** 2) + 3 * 2 * at["y"] - at["t"])


def test_periodic_matches_derivatives_below_the_order() -> None:
    first, second = pl.Periodic(on="x", weight=2.0).terms(CONTEXT)
    assert first.residuals == ("periodic u x", "periodic u_x x"), "u has second derivatives by x"
    assert second.residuals == ("periodic v x",), "v has first derivatives only"
    found, (left, right) = misfits(first)
    assert left["x"].tolist() == [-1.0] * 6 and right["x"].tolist() == [3.0] * 6
    assert torch.equal(left["y"], right["y"]) and torch.equal(left["t"], right["t"])
    close(found["periodic u x"], (1 - 9) * left["y"])
    close(found["periodic u_x x"], (-2 - 6) * left["y"])
    close(misfits(second)[0]["periodic v x"], -4.0)
    (only,) = pl.Periodic(on="x", unknowns="v").terms(CONTEXT)
    assert only.residuals == ("periodic v x",)


def test_data() -> None:
    points = {"t": [0.5, 1.0], "x": np.array([0.0, 2.0]), "y": torch.tensor([1.0, 1.5])}
    (term,) = pl.Data(points, u=[0.0, 1.0]).terms(CONTEXT)
    assert term.kind == "data" and term.fixed == 2
    found, (at,) = misfits(term, 2)
    assert at["x"].tolist() == [0.0, 2.0] and at["t"].tolist() == [0.5, 1.0], "columns in the domain's order"
    close(found["data u"], torch.tensor([0.25 - 0.0, 4 * 1.5 + 1.0 - 1.0]))


def test_data_from_a_function() -> None:
    points = {"x": [0.0, 2.0], "y": [1.0, 1.5], "t": [0.5, 1.0]}
    condition = pl.Data(points, u=lambda x, t: 10 * x + t)
    (term,) = condition.terms(CONTEXT)
    found, _ = misfits(term, 2)
    close(found["data u"], torch.tensor([0.25 - 0.5, 4 * 1.5 + 1.0 - 21.0]))
    assert repr(condition) == "Data(u at 2 points)"
    bad(lambda: pl.Data(points, u=lambda z: z), ValueError, r"Data\(u=...\) has an argument 'z'")


def bad(make: Callable[[], AnyCondition], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        make().terms(CONTEXT)


def test_bad_values() -> None:
    bad(lambda: pl.Initial(), TypeError, r"Initial\(\) got no values; name an unknown")
    bad(lambda: pl.Dirichlet(on="x"), TypeError, r"Dirichlet\(\) got no values")
    bad(lambda: pl.Initial(w=0.0), ValueError, r"Initial\(w=...\): 'w' is not an unknown.*unknowns are u, v")
    bad(lambda: pl.Initial(w_t=0.0), ValueError, "'w_t' is not an unknown")
    bad(lambda: pl.Dirichlet(w=0.0), ValueError, "'w' is not an unknown")
    bad(lambda: pl.Dirichlet(u="zero"), TypeError, r"Dirichlet\(u=...\) must be a number or a function.*got str")
    bad(lambda: pl.Dirichlet(u=math.nan), ValueError, r"Dirichlet\(u=...\) is nan; give a finite number")
    bad(lambda: pl.Neumann(u=lambda z: z), ValueError, r"Neumann\(u=...\) has an argument 'z'")
    bad(lambda: pl.Initial(u=lambda t: t), ValueError, "takes 't' as an argument; the initial state has no time")
    bad(lambda: pl.Robin(u=1.0), TypeError, r"give a triple \(a, b, g\)")
    bad(lambda: pl.Dirichlet(u=0.0, on="z"), ValueError, "on='z' names no boundary")
    bad(lambda: pl.Dirichlet(u=0.0, on=0), TypeError, "name a boundary, such as on='x'")  # type: ignore[arg-type]
    bad(lambda: pl.Dirichlet(u=0.0, on=("x", "y-")), TypeError, r"one piece of boundary.* for side in \('x', 'y-'\)")  # type: ignore[arg-type]
    bad(lambda: pl.Periodic(on="t"), ValueError, r"Periodic\(on='t'\): not a spatial coordinate.* a name of its own")
    bad(lambda: pl.Periodic(on="z"), ValueError, "not a spatial coordinate of a box.*has x, y")
    bad(lambda: pl.Periodic(on="x", unknowns="w"), ValueError, "'w' is not an unknown")


def test_bad_weights_and_exactness() -> None:
    for weight in (0.0, -1.0, math.nan, math.inf, "heavy"):
        bad(lambda w=weight: pl.Dirichlet(u=0.0, weight=w), ValueError, "must be a positive number")
    bad(lambda: pl.Dirichlet(u=0.0, exact="yes"), TypeError, "use True, False or None")  # type: ignore[arg-type]
    for make in (
        lambda: pl.Neumann(u=0.0, exact=True),
        lambda: pl.Robin(u=(1.0, 1.0, 0.0), exact=True),
        lambda: pl.Data({"x": [0.0]}, u=[0.0], exact=True),
    ):
        bad(make, ValueError, "exact=True.*cannot be built into the field; leave exact out")


def test_bad_data() -> None:
    some = {"x": [0.0], "y": [0.0], "t": [1.0]}
    bad(lambda: pl.Data(some), TypeError, "got no values")
    bad(lambda: pl.Data(some, u=[0.0, 1.0]), ValueError, "arrays of different lengths.*'u': 2")
    bad(lambda: pl.Data({"x": [0.0]}, u=[0.0]), ValueError, "give exactly one array per coordinate")
    bad(lambda: pl.Data(some, u=[math.nan]), ValueError, r"Data\(u=...\): 1 entries are not finite")
    bad(lambda: pl.Data({**some, "x": [9.0]}, u=[0.0]), ValueError, "1 of 1 points lie outside Box")
    bad(lambda: pl.Data(some, w=[0.0]), ValueError, "'w' is not an unknown")


def test_wrong_shapes_from_the_users_functions() -> None:
    (term,) = pl.Dirichlet(u=lambda x: x[:2], on="y-").terms(CONTEXT)
    with pytest.raises(ValueError, match=r"dirichlet u y- returned shape \(2,\) for \(6,\) points"):
        misfits(term)


def test_conditions_show_what_was_typed() -> None:
    assert repr(pl.Dirichlet(u=0.0, on="x-", exact=True)) == "Dirichlet(u=0.0, on='x-', exact=True)"
    assert repr(pl.Initial(u=torch.sin)) == "Initial(u=sin)"
    assert repr(pl.Data({"x": [0.0]}, u=[1.0])) == "Data(u at 1 points)"
