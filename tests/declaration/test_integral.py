"""Integrals as conditions: their quadrature, their one row, what they fix, and which words their mistakes get."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.gauge import free_constants
from pinnlab.declaration.terms import Scope
from pinnlab.domains.coverings import boundary_patches, interior_patches
from pinnlab.domains.quadrature import gauss, per_side, quadrature
from pinnlab.machine.processes import Processes
from pinnlab.training.plans import Settings
from pinnlab.training.residuals import ResidualSystem

PI = math.pi
LINE = pl.Box(x=(0.0, 2.0))


def poisson(*conditions: Any, domain: pl.Box = LINE, **options: Any) -> pl.Problem:
    return pl.Problem(domain, "u", lambda u: u.xx - 1, [pl.Dirichlet(u=0.0, on="x-"), *conditions], **options)


def heat(*conditions: Any, **options: Any) -> pl.Problem:
    box = pl.Box(x=(0.0, 2.0), t=(0.0, 1.0))
    start = pl.Initial(u=lambda x: torch.cos(PI * x))
    return pl.Problem(box, "u", lambda u: u.t - u.xx, [start, pl.Neumann(u=0.0), *conditions], **options)


def system(problem: pl.Problem, **options: Any) -> ResidualSystem:
    solver = pl.PINN(network=pl.MLP(width=4, depth=2), points=20, **options)
    return solver.plan(problem, Settings(torch.device("cpu"), torch.float64, 0)).start(0, []).system


# -- quadrature ------------------------------------------------------------------------------------------------------------


def test_gauss_nodes_worked_by_hand() -> None:
    # two panels with two nodes each: middle -+ half / sqrt(3)
    points, weights = gauss(0.0, 2.0, 2, 2)
    off = 0.5 / math.sqrt(3)
    assert points == pytest.approx([0.5 - off, 0.5 + off, 1.5 - off, 1.5 + off])
    assert weights == pytest.approx([0.5] * 4)


def test_integrals_over_boxes_and_faces() -> None:
    box = pl.Box(x=(0.0, 2.0), y=(-1.0, 1.0))
    inside = quadrature(interior_patches(box, {}))
    x, y = inside.points.T
    assert (inside.weights * x**5 * y**4).sum() == pytest.approx(64 / 6 * 2 / 5)
    face = quadrature(boundary_patches(box, "x+", {}))
    assert set(face.points[:, 0]) == {2.0}
    assert face.normals is not None and face.normals[0].tolist() == [1.0, 0.0]
    assert face.volume == pytest.approx(2.0)
    end = quadrature(boundary_patches(LINE, "x-", {}))
    assert end.points.tolist() == [[0.0]] and end.volume == 1.0


DISC = pl.Ball(center={"x": 0.0, "y": 0.0}, radius=1.0)
TRIANGLE = pl.Polygon([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])


@pytest.mark.parametrize(
    ("region", "value"),  # of x^2
    [
        (DISC, PI / 4),
        (TRIANGLE, 1 / 12),
        (pl.Box(x=(-2.0, 2.0), y=(-2.0, 2.0)) - DISC, 64 / 3 - PI / 4),
        (pl.Ball(center={"x": 0.0, "y": 0.0, "z": 0.0}, radius=1.0), 4 * PI / 15),
        (DISC * pl.Box(z=(0.0, 2.0)), PI / 2),
    ],
)
def test_integrals_over_other_regions(region: pl.Box, value: float) -> None:
    found = quadrature(interior_patches(region, {}))
    assert (found.weights * found.points[:, 0] ** 2).sum() == pytest.approx(value, rel=1e-6)


def test_every_number_of_dimensions_has_nodes_that_fit_into_the_memory() -> None:
    assert per_side(1, 1) == (16, 8)
    assert per_side(2, 1) == (4, 8)
    assert per_side(2, 400) == (1, 2)
    assert per_side(6, 1) == (1, 4)
    with pytest.raises(ValueError, match="7 dimensions"):
        per_side(7, 1)
    with pytest.raises(ValueError, match="nodes"):
        per_side(2, 20_000)


# -- rows ------------------------------------------------------------------------------------------------------------------


def rows_of(found: ResidualSystem, kind: str) -> slice:
    starts = np.cumsum([0, *(block.rows for block in found.blocks)])
    place = next(i for i, block in enumerate(found.blocks) if block.kind == kind)
    return slice(int(starts[place]), int(starts[place + 1]))


def test_a_single_integral_is_one_row_whose_number_is_the_quadrature() -> None:
    found = system(poisson(pl.Integral(lambda u, x: x * u**2, equals=3.0)))
    theta = found.model.theta
    (row,) = (found.residuals(theta)[rows_of(found, "integral")] / 10).tolist()  # its weight is 100
    points, weights = np.polynomial.legendre.leggauss(60)
    x = torch.from_numpy(points + 1.0)
    with torch.no_grad():
        u = found.model.values(x[:, None])[:, 0]
    assert row == pytest.approx((float((torch.from_numpy(weights) * x * u**2).sum()) - 3.0) / 2.0, rel=1e-10)


@pytest.mark.parametrize("width", [4, 400_000])
def test_rows_agree_with_autograd_and_finite_differences_however_points_are_cut(width: int) -> None:
    mass = pl.Integral(lambda u, k: k * u**3 + u.x**2, equals=lambda t, k: k * torch.exp(-t))
    problem = heat(mass, parameters={"k": pl.Unknown(1.5)})
    found = system(problem)
    found.width = width  # chunks become as small as they can
    theta = found.model.theta + 0.1
    residual, jacobian = found.residuals_and_jacobian(theta)
    assert isinstance(jacobian, Tensor)
    mine = rows_of(found, "integral")
    assert mine.stop - mine.start == 64
    torch.testing.assert_close(residual, found.residuals(theta), rtol=1e-12, atol=1e-14)
    loss, gradient = found.loss_and_gradient(theta)
    torch.testing.assert_close(loss, residual.square().sum())
    torch.testing.assert_close(gradient, 2 * jacobian.T @ residual, rtol=1e-9, atol=1e-12)
    for i in (0, 7, found.size - 1):
        step = torch.zeros_like(theta)
        step[i] = 1e-6
        slope = (found.residuals(theta + step) - found.residuals(theta - step)) / 2e-6
        torch.testing.assert_close(slope[mine], jacobian[mine, i], rtol=1e-6, atol=1e-8)


class OneOf(Processes):
    """One of several processes, the others of which are not asked."""

    def any(self, this: bool) -> bool:
        return this


def test_processes_share_the_times_of_an_integral() -> None:
    problem = heat(pl.Integral(lambda u: u, equals=0.0))
    whole = system(problem)
    theta = whole.model.theta
    parts = []
    for rank in range(2):
        mine = system(problem)
        mine.share(OneOf(rank, 2))
        parts.append(mine.residuals(theta)[rows_of(mine, "integral")])
    torch.testing.assert_close(torch.cat(parts), whole.residuals(theta)[rows_of(whole, "integral")])


# -- counting --------------------------------------------------------------------------------------------------------------


def neumann(*conditions: Any) -> pl.Problem:
    slopes = [pl.Neumann(u=0.0), *conditions]
    return pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u, x: u.xx + PI**2 * torch.cos(PI * x), slopes)


def test_an_integral_fixes_a_free_constant() -> None:
    assert free_constants(neumann()) == (("u",),)
    fixed = neumann(pl.Integral(lambda u: u, equals=0.0))
    assert free_constants(fixed) == ()
    assert fixed.check().complete
    assert free_constants(neumann(pl.Integral(lambda u: u.x, equals=0.0))) == (("u",),)


def test_an_integral_stands_for_a_condition_at_an_end_and_not_for_two() -> None:
    assert poisson(pl.Integral(lambda u: u, equals=1.0)).check().complete
    both = pl.Problem(LINE, "u", lambda u: u.xx - 1, [pl.Integral(lambda u: u, equals=1.0)])
    assert not both.check().complete


def test_an_integral_decides_an_unknown_coefficient() -> None:
    wanted = {"k": pl.Unknown(1.0)}
    with_end = [pl.Dirichlet(u=0.0)]
    problem = pl.Problem(LINE, "u", lambda u, k: u.xx - k, with_end, wanted)
    assert any("Integral" in text for text in problem.check().missing)
    assert problem.replace(conditions=[*with_end, pl.Integral(lambda u: u, equals=1.0)]).check().complete


# -- messages --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: pl.Integral(1.0, equals=1.0), TypeError, "give the integrand as a function"),  # type: ignore[arg-type]
        (lambda: pl.Integral(lambda u: u, equals=1.0, on=3), TypeError, "name a boundary"),  # type: ignore[arg-type]
        (lambda: pl.Integral(lambda u: u, equals=1.0, exact=True), ValueError, "cannot be built into the field"),
        (lambda: poisson(pl.Integral(lambda u: u, equals=lambda x: x)), ValueError, "does not depend on place"),
        (lambda: poisson(pl.Integral(lambda x: x, equals=1.0)), ValueError, "takes no unknown"),
        (lambda: poisson(pl.Integral(lambda v: v, equals=1.0)), ValueError, "no unknown, coordinate or parameter"),
        (lambda: poisson(pl.Integral(lambda u: torch.mean(u), equals=1.0)), (TypeError, ValueError), "point"),
        (lambda: poisson(pl.Integral(lambda u: u, equals=1.0, on="y")), ValueError, "names no boundary"),
        (
            lambda: pl.Problem(
                pl.Box(t=(0.0, 1.0)), "u", lambda u: u.t, [pl.Initial(u=1.0), pl.Integral(lambda u: u, equals=1.0)]
            ),
            ValueError,
            "no space to integrate over",
        ),
    ],
)  # fmt: skip
def test_messages(make: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    ("solver", "words"),
    [
        (pl.LagrangianPINN(), "fixed places"),
        (pl.MultiDomainPINN(subdomains={"x": (1.0,)}), "overlap=0.5"),
        (pl.HardConstraintMoE(network=pl.MLP()), "PINN"),
    ],
)
def test_solvers_that_do_not_take_integrals_say_who_does(solver: Any, words: str) -> None:
    box = pl.Box(x=(0.0, 2.0), t=(0.0, 1.0))
    given = [pl.Initial(u=lambda x: torch.sin(PI * x)), pl.Periodic(on="x"), pl.Integral(lambda u: u, equals=0.0)]
    problem = pl.Problem(box, "u", lambda u: u.t + u.x, given, velocity=1.0)
    with pytest.raises(ValueError, match=words):
        pl.solve(problem, solver, progress=False)


# -- boundaries ------------------------------------------------------------------------------------------------------------


def test_the_normal_points_outwards_at_both_ends_of_one_integral() -> None:
    # the total flux through both ends of u = x^2 on (0, 2) is u'(2) - u'(0) = 4
    problem = poisson(pl.Integral(lambda u, n: u.d(n), equals=4.0, on="x"))
    found = problem.condition_terms()[1][1][0]
    (site,) = found.draw(lambda n: torch.zeros(n, 1, dtype=torch.float64), 1)
    assert site.points.tolist() == [[0.0], [2.0]]
    x = site.points[:, 0]
    jet = {"u": {(): x**2, ("x",): 2 * x}}
    normals = {"x": site.outward[:, 0]}
    (value,) = found.evaluate((Scope.of_jets(jet, problem.domain.columns(site.points), {}, normals),)).values()
    assert float(found.summed(value)) == pytest.approx(0.0)


def test_a_flux_with_a_normal_is_solved_for() -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 2.0)),
        "u",
        lambda u, q: u.xx + u.yy + q,
        [
            pl.Dirichlet(u=0.0, on="x"),
            pl.Neumann(u=0.0, on="y"),
            pl.Integral(lambda u, n: u.d(n), on="x-", equals=-3.0),
        ],
        {"q": pl.Unknown(1.0)},
    )  # q / 2 x (1 - x) loses q / 2 per length of each side
    assert pl.solve(problem, progress=False).coefficients["q"] == pytest.approx(3.0)


def test_a_normal_inside_says_what_to_write() -> None:
    with pytest.raises(ValueError, match="add on="):
        poisson(pl.Integral(lambda u, n: u.d(n), equals=1.0))


# -- parts -----------------------------------------------------------------------------------------------------------------


def rule_of(condition: pl.Integral, domain: pl.Box) -> tuple[np.ndarray, np.ndarray]:
    problem = pl.Problem(domain, "u", lambda u: u.laplacian - 1, [pl.Dirichlet(u=0.0), condition])
    found = condition.quadrature(problem.context())
    return found.points, found.weights


def test_integrals_over_a_part() -> None:
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 2.0))
    left = pl.Integral(lambda u: u, equals=1.0, where=lambda x, y: (x < 0.3) & (y > 0.7))
    points, weights = rule_of(left, box)
    assert (weights * points[:, 0] ** 3).sum() == pytest.approx(0.3**4 / 4 * 1.3, rel=1e-12)
    side = pl.Integral(lambda u, n: u.d(n), equals=1.0, on="x-", where=lambda y: y < 0.7)
    points, weights = rule_of(side, box)
    assert weights.sum() == pytest.approx(0.7)
    assert points[:, 0].max() == 0.0


def test_parts_that_end_elsewhere_are_refused() -> None:
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 2.0))
    with pytest.raises(ValueError, match="end along the coordinates"):
        rule_of(pl.Integral(lambda u: u, equals=1.0, where=lambda x, y: x < y), box)
    with pytest.raises(ValueError, match="holds nowhere"):
        rule_of(pl.Integral(lambda u: u, equals=1.0, where=lambda x: x > 3), box)
    part = poisson(pl.Integral(lambda u: u, equals=1.0, where=lambda x: x < 1))
    for solver in (pl.HardConstraintMoE(), None):
        with pytest.raises(ValueError, match="whole sides"):
            pl.solve(part, solver, progress=False) if solver else pl.reference_solution(part)


def test_jumps_of_integrands_are_found() -> None:
    with pytest.raises(ValueError, match=r"jumps at x = 0.3\b.*where="):
        poisson(pl.Integral(lambda u, x: torch.where(x < 0.3, u.value, 0.0 * x.value), equals=1.0))
    poisson(pl.Integral(lambda u, x: u * (x - 0.3).abs() / x, equals=1.0))
