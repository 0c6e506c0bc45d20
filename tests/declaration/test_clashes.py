"""Data that disagree where they meet: found with their place, and built in as layers where these are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.derivatives.indices import VALUE
from pinnlab.domains.junctions import junction_along
from pinnlab.solvers.choice import choose
from pinnlab.training.plans import Settings

PLATE = pl.Box(x=(0, 1), y=(0, 1), t=(0, 1))
COLD = [pl.Dirichlet(u=0.0, on="x-"), pl.Dirichlet(u=0.0, on="y")]
INSULATED = [pl.Neumann(u=0.0, on="x-"), pl.Neumann(u=0.0, on="y")]
HOLE = pl.Ball(center={"x": 0.0, "y": 0.0}, radius=0.3, name="hole")


def heat(u, k):
    return u.t - k * (u.xx + u.yy)


def plate(others, start=0.0, hot=100.0, domain=PLATE, **more):
    conditions = [pl.Initial(u=start), pl.Dirichlet(u=hot, on="x+"), *others]
    return pl.Problem(domain, "u", heat, conditions, {"k": 0.5}, **more)


def random_points(problem, n=50):
    unit = torch.rand(
        n, len(problem.domain.coordinates), dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    return problem.domain.interior(unit).points


def test_the_start_and_a_side_are_named_with_both_values():
    notes = [n for n in plate(INSULATED).check().notes if "no value" in n]
    (note,) = notes
    assert note.startswith("u has no value at x = 1, y = 0.5")
    assert note.endswith("t = 0, where the initial value gives 0 and the boundary 'x+' 100")


def test_sides_that_meet_are_named_too():
    places = [tuple(c.place.values())[:2] for c in plate(COLD).clashes.found]
    assert len(places) == 3 and places[1:] == [(1.0, 0.0), (1.0, 1.0)]
    lid = pl.Problem(pl.Box(x=(0, 1), y=(0, 1)), "u", lambda u: u.xx + u.yy,
                     [pl.Dirichlet(u=1.0, on="y+"), pl.Dirichlet(u=0.0, on="x"), pl.Dirichlet(u=0.0, on="y-")])  # fmt: skip
    assert {tuple(c.place.values()) for c in lid.clashes.found} == {(0.0, 1.0), (1.0, 1.0)}


def test_data_that_agree_do_not_clash():
    assert plate(INSULATED, start=lambda x: 100 * x).clashes.found == ()
    assert plate(COLD, hot=0.0, start=lambda x, y: torch.sin(math.pi * x) * y * (1 - y)).clashes.found == ()
    assert plate(COLD, hot=0.0).clashes.found == ()


@pytest.mark.parametrize("region", [pl.Box(x=(-1, 1), y=(-1, 1)) - HOLE, HOLE])
def test_spheres(region):
    piece = pl.Dirichlet(u=1.0, on="hole")
    others = [] if region is HOLE else [pl.Dirichlet(u=0.0, on="x"), pl.Dirichlet(u=0.0, on="y")]
    problem = pl.Problem(region * pl.Box(t=(0, 1)), "u", heat, [pl.Initial(u=0.0), piece, *others], {"k": 1.0})
    (clash,) = problem.clashes.found
    assert clash.place["x"] ** 2 + clash.place["y"] ** 2 == pytest.approx(0.09) and clash.values == (0.0, 1.0)
    ring = torch.tensor([[0.3, 0.0, 0.01], [0.0, -0.3, 0.5]], dtype=torch.float64)
    assert problem.clashes.singular["u"].jet(ring, VALUE)[0, :, 0].tolist() == pytest.approx([1.0, 1.0])


def test_vertices_of_polygons():
    triangle = pl.Polygon([(0, 0), (1, 0), (0, 1)], edges=("low", "slope", "left"))
    conditions = [pl.Dirichlet(u=0.0, on="low"), pl.Dirichlet(u=1.0, on="slope"), pl.Dirichlet(u=0.5, on="left")]
    problem = pl.Problem(triangle, "u", lambda u: u.xx + u.yy, conditions)
    assert {(c.place["x"], c.place["y"]) for c in problem.clashes.found} == {(0, 0), (1, 0), (0, 1)}
    # what is left meets at the vertices: on "low", the values of P at both ends are those of data less P beside them
    part = problem.clashes.singular["u"]
    beside = torch.tensor([[1 - 1e-9, 0.0], [1 - 1e-9, 1e-9]], dtype=torch.float64)
    low, slope = part.jet(beside, VALUE)[0, :, 0].tolist()
    assert 0.0 - low == pytest.approx(1.0 - slope, abs=1e-6)


@pytest.mark.parametrize("others", [COLD, INSULATED])
def test_the_singular_part_solves_the_equation_and_what_is_left_is_built_in(others):
    problem = plate(others)
    points = random_points(problem)
    jet = problem.clashes.singular["u"].jet(points, ((), (0,), (1,), (2,), (0, 0), (1, 1)))[:, :, 0]
    assert (jet[3] - 0.5 * (jet[4] + jet[5])).abs().max() < 1e-9 * jet[4].abs().max()
    report = problem.check()
    assert [how for _, how in report.conditions][:2] == ["exact", "exact"]
    assert any(note.startswith("data of u clash") for note in report.notes)
    # the ansatz without a network has the data on every side
    ansatz = problem.exact_plan().ansatz
    for axis, position, value in ((0, 1.0, 100.0), (2, 0.0, 0.0)):
        at = points.clone()
        at[:, axis] = position
        offset, factor = ansatz.prepare(at, VALUE)
        assert torch.allclose(offset[0, :, 0], torch.full((50,), value, dtype=torch.float64), atol=1e-9)
        assert factor.abs().max() < 1e-12


def test_amplitudes_follow_the_side():
    problem = plate(INSULATED, start=lambda x, y: 20 * x * torch.cos(math.pi * y))
    at = torch.tensor([[1.0, 0.25, 0.3], [1.0, 1.0, 0.3]], dtype=torch.float64)
    singular = problem.clashes.singular["u"].jet(at, VALUE)[0, :, 0]
    assert singular.tolist() == pytest.approx([100 - 20 * math.cos(math.pi / 4), 120.0])


def test_what_is_no_heat_gets_no_layers():
    wave = pl.Problem(PLATE, "u", lambda u: u.tt - u.xx - u.yy,
                      [pl.Initial(u=0.0, u_t=0.0), pl.Dirichlet(u=1.0, on="x+"), *COLD])  # fmt: skip
    assert wave.clashes.found and not wave.clashes.singular
    # an unknown whose slope stands in another equation: the jump would be a source there
    stokes = pl.Problem(pl.Box(x=(0, 1), y=(0, 1)), ("u", "v", "p"),
                        lambda u, v, p: {"x": p.x - u.xx - u.yy, "y": p.y - v.xx - v.yy, "mass": u.x + v.y},
                        [pl.Dirichlet(u=1.0, v=0.0, on="y+"), pl.Dirichlet(u=0.0, v=0.0, on="x"),
                         pl.Dirichlet(u=0.0, v=0.0, on="y-")])  # fmt: skip
    assert {c.unknown for c in stokes.clashes.found} == {"u"} and not stokes.clashes.singular
    # a coefficient that is to be found, or a family
    found = plate(COLD).replace(parameters={"k": pl.Unknown(1.0)})
    assert found.clashes.found and not found.clashes.singular


def test_data_with_a_jump_of_their_own_are_left_soft():
    step = plate(INSULATED, hot=lambda y: torch.where(y < 0.5, 100.0, 50.0))
    assert step.clashes.found and not step.clashes.singular
    assert dict(step.check().conditions)["Dirichlet(u=<lambda>, on='x+')"] == "soft"


def test_conditions_that_must_be_exact_still_contradict_each_other():
    with pytest.raises(ValueError, match="exact conditions contradict each other where they meet"):
        pl.Problem(PLATE, "u", heat, [pl.Initial(u=0.0, exact=True), pl.Dirichlet(u=1.0, exact=True)], {"k": 1.0})


def test_the_classical_solver_takes_known_layers_out():
    found = pl.reference_solution(plate(INSULATED))
    n = np.arange(60) + 0.5
    x, t = np.array([0.1, 0.5, 0.95]), np.array([0.01, 0.1, 0.8])
    modes = np.cos(np.pi * n * x[:, None]) * np.exp(-0.5 * (np.pi * n) ** 2 * t[:, None])
    right = 100 * (1 - (2 * np.sin(np.pi * n) / (np.pi * n) * modes).sum(axis=1))
    assert found(x=x, y=np.full(3, 0.4), t=t)["u"] == pytest.approx(right, abs=1e-7)


def test_the_classical_solver_says_that_it_cannot():
    wave = pl.Problem(
        PLATE,
        "u",
        lambda u: u.tt - u.xx - u.yy,
        [pl.Initial(u=0.0, u_t=0.0), pl.Dirichlet(u=100.0, on="x+"), *INSULATED],
    )
    with pytest.raises(ValueError, match="u has no value at x = 1"):
        pl.reference_solution(wave)


def test_three_neighbours_in_space_have_no_known_layer():
    def conduction(u):
        return u.t - u.laplacian

    cube = pl.Box(x=(0, 1), y=(0, 1), z=(0, 1), t=(0, 1))
    start, hot = pl.Initial(u=0.0), pl.Dirichlet(u=1.0, on="x+")
    cold = pl.Problem(cube, "u", conduction, [start, hot, *(pl.Dirichlet(u=0.0, on=s) for s in ("x-", "y", "z"))])
    assert len(cold.clashes.found) == 5 and not cold.clashes.singular
    insulated = pl.Problem(cube, "u", conduction, [start, hot, *(pl.Neumann(u=0.0, on=s) for s in ("x-", "y", "z"))])
    assert insulated.clashes.resolved


# -- parts of a side -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("piece", "along", "first"), [("y-", 0, (1, 0)), ("y+", 0, (-1, 0)), ("x-", 1, (0, -1)), ("x+", 1, (0, 1))]
)
def test_parts_of_a_side_meet_with_the_inside_to_the_left(piece, along, first):
    box = pl.Box(x=(0.0, 2.0), y=(0.0, 3.0))
    junction = junction_along(box, piece, along, 1.5)
    assert junction.directions == (first, tuple(-c for c in first))
    assert dict(junction.fixed)[along] == 1.5 and junction.angles((1.0, 1.0))[1] == pytest.approx(math.pi)


def _two_values(left, right=0.0, domain=None, **given):
    """Values on both parts of the bottom of (-1, 1) x (0, 1); the angle over pi is what a jump by one makes."""
    domain = domain or pl.Box(x=(-1.0, 1.0), y=(0.0, 1.0))
    sides = [pl.Dirichlet(u=lambda x, y: torch.atan2(y, x) / math.pi + x, on=side) for side in ("x", "y+")]
    parts = [
        pl.Dirichlet(u=lambda x: right + x, on="y-", where=lambda x: x > 0),
        pl.Dirichlet(u=lambda x: left + x, on="y-", where=lambda x: x <= 0),
    ]
    return pl.Problem(domain, "u", lambda u: u.xx + u.yy, [*sides, *parts], **given)


def test_two_values_on_one_side_clash_inside_it_and_the_angle_is_built_in():
    problem = _two_values(1.0)
    (clash,) = problem.clashes.found
    assert clash.inside and clash.place == {"x": 0.0, "y": 0.0} and set(clash.values) == {0.0, 1.0}
    assert problem.clashes.resolved
    assert isinstance(
        choose(problem, Settings(torch.device("cpu"), torch.float64, 0), 60.0).solver, pl.HardConstraintMoE
    )
    solution = pl.solve(problem, progress=False)
    x, y = np.meshgrid(np.linspace(-0.95, 0.95, 9), np.linspace(0.05, 0.95, 7))
    np.testing.assert_allclose(solution(x=x, y=y)["u"], np.arctan2(y, x) / math.pi + x, atol=1e-9)
    assert solution.report().verdict.value != "wrong"


def test_equal_values_on_both_parts_do_not_clash():
    assert [clash.inside for clash in _two_values(0.0).clashes.found] == [False]  # that with the left side


def test_a_part_of_a_side_clashes_with_its_neighbour():
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
    lid = [pl.Dirichlet(u=1.0, on="y+", where=lambda x: x > 0.5), pl.Neumann(u=0.0, on="y+", where=lambda x: x <= 0.5)]
    others = [pl.Dirichlet(u=0.0, on=side) for side in ("x-", "x+", "y-")]
    (clash,) = pl.Problem(box, "u", lambda u: u.xx + u.yy, [*lid, *others]).clashes.found
    assert clash.place == {"x": 1.0, "y": 1.0} and not clash.inside


def test_a_start_that_clashes_on_a_part_of_a_side_has_no_known_layer():
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0))
    hot = [pl.Dirichlet(u=1.0, on="x-", where=lambda y: y < 0.5), pl.Neumann(u=0.0, on="x-", where=lambda y: y >= 0.5)]
    rest = [pl.Initial(u=0.0), pl.Neumann(u=0.0, on="x+"), pl.Neumann(u=0.0, on="y")]
    problem = pl.Problem(box, "u", lambda u: u.t - u.xx - u.yy, [*hot, *rest])
    assert len(problem.clashes.found) == 1 and not problem.clashes.resolved


def test_data_that_begin_at_zero_do_not_clash_by_rounding() -> None:
    """sin(pi y) at y = 1 is 1e-16, as large as all else at the first time, and nothing beside what comes later."""
    channel = pl.Box(x=(0.0, 2.0), y=(0.0, 1.0), t=(0.0, 5.0))
    problem = pl.Problem(
        channel, "u", lambda u: u.t - u.xx - u.yy,
        [
            pl.Initial(u=0.0), pl.Dirichlet(u=0.0, on="y"),
            pl.Dirichlet(u=lambda y, t: torch.sin(torch.pi * y) * torch.sin(torch.pi * t), on="x-"),
        ],
    )  # fmt: skip
    assert problem.clashes.found == ()
    started = problem.replace(
        conditions=[pl.Initial(u=0.0), pl.Dirichlet(u=0.0, on="y"), pl.Dirichlet(u=lambda y: 1e-6 + 0 * y, on="x-")]
    )
    assert started.clashes.found, "small data that clash are found as before"
