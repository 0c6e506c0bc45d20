from __future__ import annotations

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck

import pinnlab as pl
from pinnlab.networks.constraints import Cone, ConvexLayer, ConvexProjection, InfeasibleError

cp = pytest.importorskip("cvxpy", reason="convex layers need cvxpylayers")
pytest.importorskip("cvxpylayers", reason="convex layers need cvxpylayers")

N = 9
ROWS = torch.rand(2, N, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
MASS = 0.5 * ROWS.sum(-1)
WEIGHTS = torch.linspace(0.5, 2.0, N, dtype=torch.float64)
LOOSE = {"G": torch.ones(N), "h": 1e3}
"""An inequality that is always met: the same set, by way of cvxpylayers."""


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_it_is_public_and_importing_does_not_import_cvxpy() -> None:
    assert pl.constraints.ConvexProjection is ConvexProjection
    code = "import sys, pinnlab; assert 'cvxpy' not in sys.modules and 'cvxpylayers' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize(
    "given",
    [
        {"A": ROWS, "b": MASS},
        {"A": torch.cat([ROWS, ROWS.sum(0, keepdim=True)]), "b": torch.cat([MASS, MASS.sum(0, keepdim=True)])},
        {"lower": -0.5, "upper": 1.0},
        {"A": ROWS, "b": MASS, "lower": 0.0},
        {"A": ROWS, "b": MASS, "lower": 0.0, "upper": torch.linspace(0.6, 2.0, N)},
    ],
    ids=["equalities", "redundant", "bounds", "positive", "boxed"],
)
def test_closed_forms_agree_with_cvxpylayers(given: dict, weights: Tensor | None) -> None:
    v, probe = drawn(0, 4, N).requires_grad_(), drawn(1, 4, N)
    closed = ConvexProjection(**given, weights=weights)
    solved = ConvexProjection(**given, **LOOSE, weights=weights)
    u, w = closed(v), solved(v)
    torch.testing.assert_close(u, w, atol=1e-8, rtol=0)
    gradients = [torch.autograd.grad((x * probe).sum(), v)[0] for x in (u, w)]
    torch.testing.assert_close(*gradients, atol=1e-8, rtol=0)
    for projection in (closed, solved):
        found = projection.violation(projection(v))
        assert float(found.pop("A u = b", torch.zeros(1)).max()) < 1e-10
        assert all(float(amount.max()) < 1e-8 for amount in found.values())


@pytest.mark.parametrize("scale", [1e-6, 1e5])
def test_solver_answers_scale_with_the_data(scale: float) -> None:
    projection = ConvexProjection(A=ROWS, b=MASS, lower=0.0, **LOOSE)
    small = ConvexProjection(A=ROWS, b=scale * MASS, lower=0.0, G=LOOSE["G"], h=scale * 1e3)
    v = drawn(0, 2, N)
    torch.testing.assert_close(small(scale * v), scale * projection(v), atol=1e-9 * scale, rtol=0)


def test_derivatives_of_the_batched_forms() -> None:
    v, b, lower = drawn(3, 2, N).requires_grad_(), MASS.expand(2, 2).clone().requires_grad_(), torch.zeros(2, N)
    lower = lower.to(torch.float64).requires_grad_()
    equalities, boxed = ConvexProjection(A=ROWS), ConvexProjection(A=ROWS, lower=0.0)
    assert gradcheck(lambda v, b: equalities(v, b=b), (v, b))
    assert gradgradcheck(lambda v, b: equalities(v, b=b), (v, b))
    assert gradcheck(lambda v, b, lower: boxed(v, b=b, lower=lower), (v, b, lower), atol=1e-7)
    assert gradgradcheck(lambda v, b, lower: boxed(v, b=b, lower=lower), (v, b, lower), atol=1e-7)


@pytest.mark.parametrize("solver", ["clarabel", "scs"])
def test_inequalities_and_cones(solver: str) -> None:
    # the unit disc from (2, 0): its point (1, 0); with u1 <= 1/2 as well from (2, 1): (1/2, sqrt(3)/2)
    disc = ConvexProjection(cones=Cone(e=1.0), solver=solver)
    v = torch.tensor([2.0, 0.0], dtype=torch.float64).requires_grad_()
    u = disc(v)
    assert u.tolist() == pytest.approx([1.0, 0.0], abs=1e-6)
    (gradient,) = torch.autograd.grad(u[1], v)
    assert gradient.tolist() == pytest.approx([0.0, 0.5], abs=1e-5)
    cut = ConvexProjection(cones=[Cone(e=1.0)], G=[1.0, 0.0], h=0.5, solver=solver)
    inside = cut(torch.tensor([2.0, 1.0], dtype=torch.float64))
    assert inside.tolist() == pytest.approx([0.5, 0.75**0.5], abs=1e-6)
    assert max(float(amount) for amount in cut.violation(inside).values()) < 1e-7


def test_cone_derivatives_by_differences() -> None:
    matrix = drawn(5, 3, 4)
    projection = ConvexProjection(cones=Cone(C=matrix, d=drawn(6, 3), e=0.7), A=torch.ones(4), lower=-2.0)
    v, b = 2 * drawn(7, 2, 4), torch.tensor([0.3, -0.2], dtype=torch.float64)
    assert gradcheck(lambda v, b: projection(v, b=b), (v.requires_grad_(), b.requires_grad_()), eps=1e-3, atol=1e-5)


def test_mass_of_each_sample_and_batches() -> None:
    v = drawn(0, 2, 3, N)
    mass = drawn(1, 2, 3).exp()
    projection = ConvexProjection(A=torch.ones(N), lower=0.0)
    u = projection(v, b=mass)
    torch.testing.assert_close(u.sum(-1), mass)
    assert float(u.min()) == 0.0
    torch.testing.assert_close(projection(v[1, 2], b=mass[1, 2]), u[1, 2])
    through = ConvexProjection(A=torch.ones(N), lower=0.0, **LOOSE)
    torch.testing.assert_close(through(v, b=mass), u, atol=1e-8, rtol=0)
    assert projection(v[:0], b=mass[:0]).shape == (0, 3, N)
    assert through(v[:0], b=mass[:0]).shape == (0, 3, N)


def test_float32_stays_float32_and_moving_the_module_loses_nothing() -> None:
    for extra in ({}, LOOSE):
        projection = ConvexProjection(A=ROWS, b=MASS, lower=0.0, **extra)
        u = projection(drawn(0, N).to(torch.float32))
        assert u.dtype == torch.float32
        assert float((ROWS @ u.to(torch.float64) - MASS).abs().max()) < 1e-7
        model = copy.deepcopy(nn.Sequential(projection)).float()
        assert not model.state_dict() and not list(model.parameters())
        assert float(projection.violation(model(drawn(0, N)))["A u = b"]) < 1e-13


def test_training_through_the_projection() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, N)).to(torch.float64)
    projection = ConvexProjection(A=torch.ones(N), b=1.0, lower=0.0)
    data = drawn(0, 5, 2)
    target = torch.softmax(drawn(1, 5, N), -1)
    optimizer = torch.optim.Adam(network.parameters(), 3e-2)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (projection(network(data)) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"A": torch.ones(3), "b": 4.0, "lower": 0.0, "upper": 1.0},
            r"row 0 cannot be met: b asks for 4, .* from 0 to 3 only",
        ),
        ({"A": [[1.0, 1, 0], [2, 2, 0]], "b": [1.0, 3]}, r"A u = b: rows 0, 1 cannot be met: linearly dependent"),
        ({"lower": [0.0, 1.0], "upper": [1.0, 0.5]}, r"lower: lies above upper at entry 1"),
    ],
)
def test_sets_that_are_empty_for_all_are_refused_when_built(given: dict, message: str) -> None:
    with pytest.raises(InfeasibleError, match=message):
        ConvexProjection(**given)


def test_sets_that_are_empty_for_a_sample_name_the_constraint() -> None:
    v = torch.zeros(2, 3, dtype=torch.float64)
    positive = ConvexProjection(A=torch.ones(3), lower=0.0)
    with pytest.raises(
        InfeasibleError, match=r"A u = b in sample 1: row 0 cannot be met: b asks for -1, .* from 0 to inf"
    ):
        positive(v, b=torch.tensor([1.0, -1.0]))
    with pytest.raises(InfeasibleError, match=r"in sample \(0, 1\): row 0"):
        positive(v[None], b=torch.tensor([[1.0, -1.0]]))
    pair = ConvexProjection(A=[[1.0, 1, 0], [1, 0, 1]], lower=0.0, upper=1.0)
    with pytest.raises(
        InfeasibleError, match=r"A u = b in sample 1: row [01] cannot be met together with the other rows"
    ):
        pair(v, b=torch.tensor([[1.0, 1.0], [2.0, 0.5]]))
    capped = ConvexProjection(A=torch.ones(3), lower=0.0, G=torch.ones(3))
    with pytest.raises(
        InfeasibleError, match=r"(A u = b|G u <= h) in sample 1: cannot be met together .* missed by 0.5"
    ):
        capped(v, b=torch.tensor([1.0, 1.0]), h=torch.tensor([2.0, 0.5]))
    apart = ConvexProjection(cones=[Cone(e=1.0), Cone(d=[3.0, 0.0, 0.0], e=1.0)])
    with pytest.raises(InfeasibleError, match=r"cones\[[01]\] in sample 0: cannot be met"):
        apart(v)


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({}, ValueError, "no constraint given"),
        ({"b": 1.0, "lower": 0.0}, ValueError, "b: given, but there is no A"),
        ({"A": torch.ones(3), "G": torch.ones(4)}, ValueError, r"different lengths \(A: 3, G: 4\)"),
        ({"A": torch.ones(2, 2, 2)}, ValueError, r"A: shape \(2, 2, 2\); it must be \(rows, n\)"),
        ({"A": [float("nan"), 1.0]}, ValueError, "A: holds NaN"),
        ({"A": torch.ones(3), "b": [1.0, 2.0]}, ValueError, r"b: shape \(2,\); it must be a number, \(1,\)"),
        ({"lower": float("inf")}, ValueError, r"lower: holds NaN or inf; use -inf"),
        ({"lower": "zero"}, TypeError, "lower: takes numbers"),
        ({"lower": 0.0, "weights": [1.0, -1.0]}, ValueError, "weights: must be positive"),
        ({"lower": 0.0, "solver": "ecos"}, ValueError, "solver='ecos': use 'clarabel' or 'scs'"),
        ({"lower": 0.0, "tolerance": 0.0}, ValueError, "tolerance=0.0: must lie between"),
        ({"cones": [1.0]}, TypeError, r"cones: got a float; use pl.constraints.Cone"),
    ],
)
def test_bad_sets_are_refused(given: dict, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        ConvexProjection(**given)


def test_bad_cones_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Cone\(e=-1.0\): a radius"):
        Cone(e=-1.0)
    with pytest.raises(ValueError, match=r"Cone\(C=...\): shape \(3,\)"):
        Cone(C=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"Cone\(d=...\): shape \(2,\); it must be \(1,\)"):
        Cone(C=[[1.0, 2.0, 3.0]], d=[1.0, 2.0])


def test_bad_inputs_are_refused() -> None:
    projection = ConvexProjection(A=torch.ones(3))
    v = torch.zeros(2, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match="b: A came without it"):
        projection(v)
    with pytest.raises(ValueError, match=r"v: shape \(2, 4\); the constraints are about vectors \(\.\.\., 3\)"):
        projection(torch.zeros(2, 4), b=1.0)
    with pytest.raises(TypeError, match=r"v: .* got a tensor of torch.int64"):
        projection(torch.zeros(2, 3, dtype=torch.int64), b=1.0)
    v[1, 2] = float("nan")
    with pytest.raises(ValueError, match=r"v in sample 1: entry 2 is nan"):
        projection(v, b=1.0)
    with pytest.raises(ValueError, match=r"b: holds NaN"):
        projection(torch.zeros(2, 3), b=torch.tensor([1.0, float("nan")]))
    with pytest.raises(TypeError, match=r"c: a call may give b, lower, upper, h"):
        projection.violation(torch.zeros(2, 3), c=1.0)
    mixed = ConvexProjection(lower=0.0, cones=Cone(e=1.0))
    bounds = torch.tensor([[0.0, 0.0], [0.0, -float("inf")]])
    with pytest.raises(ValueError, match="lower: entry 1 has a bound in some samples only"):
        mixed(torch.zeros(2, 2), lower=bounds)


def test_without_cvxpylayers_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(ImportError, match=r"pip install 'pinnlab\[convex\]'"):
        ConvexProjection(cones=Cone(e=1.0))(torch.zeros(2))
    monkeypatch.undo()
    x, a = cp.Variable(2), cp.Parameter(2)
    monkeypatch.setitem(sys.modules, "cvxpylayers.torch", None)
    with pytest.raises(ImportError, match=r"ConvexLayer needs cvxpylayers"):
        ConvexLayer(cp.Problem(cp.Minimize(cp.sum_squares(x - a))), [a], [x])


def test_numbers_keep_all_their_digits() -> None:
    """0.45 is no float32; as a Python number, in a list and in an array it must not be rounded to one."""
    rows = [0.1, 0.2, 0.3]
    v = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    for b in (0.45, [0.45], np.array([0.45])):
        for options in ({}, {"lower": 0.1}):
            u = ConvexProjection(A=rows, b=b, **options)(v)
            assert abs(0.1 * float(u[0]) + 0.2 * float(u[1]) + 0.3 * float(u[2]) - 0.45) < 1e-15
    clamped = ConvexProjection(upper=0.1)(v)
    assert float(clamped[0]) == 0.1
