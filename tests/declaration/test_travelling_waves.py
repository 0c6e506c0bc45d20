"""What sides send into a line on which waves travel: pure formulas, what is read off a problem, and what is said of it."""

from __future__ import annotations

import math

import pytest
import scipy
import torch

import pinnlab as pl
from pinnlab.declaration.clashes.corner_series import corner_series, polynomial_jet
from pinnlab.declaration.clashes.sent_waves import find_end
from pinnlab.declaration.clashes.travelling import Medium, Motion, Travelling, bessel_clifford, echoes
from pinnlab.declaration.clashes.waves import find_waves
from pinnlab.derivatives.indices import VALUE

SECOND = ((), (0,), (1,), (0, 0), (0, 1), (1, 1))
LINE = pl.Box(x=(0.0, 1.0), t=(0.0, 3.0))
REST = pl.Initial(u=0.0, u_t=0.0)


def line(equation, *conditions, domain=LINE, **more):
    return pl.Problem(domain, "u", equation, list(conditions), **more)


def wave(u):
    return u.tt - 4 * u.xx


def swing(t):
    return torch.sin(3 * t)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


class Given:
    """sin(3 t) as known data of x and t."""

    def jet(self, points, indices):
        t = points[:, 1]
        waves = [
            torch.zeros_like(t) if 0 in index else 3.0 ** len(index) * torch.sin(3 * t + len(index) * math.pi / 2)
            for index in indices
        ]
        return torch.stack(waves)[:, :, None]


def test_bessel_clifford():
    z = tensor(-30.0, -0.05, 0.0, 0.05, 0.1, 30.0)
    # C_1(z) = J_1(2 sqrt z) / sqrt z, and 1 - z / 2 + z^2 / 12 at first
    assert bessel_clifford(1, tensor(0.01)).item() == pytest.approx(1 - 0.005 + 1e-4 / 12 - 1e-6 / 144, abs=1e-11)
    assert bessel_clifford(1, tensor(30.0)).item() == pytest.approx(scipy.special.j1(2 * 30**0.5) / 30**0.5)
    assert bessel_clifford(1, tensor(-30.0)).item() == pytest.approx(scipy.special.i1(2 * 30**0.5) / 30**0.5)
    assert bessel_clifford(2, tensor(0.0)).item() == 0.5
    at = z.clone().requires_grad_()
    (slope,) = torch.autograd.grad(bessel_clifford(1, at).sum(), at, create_graph=True)
    assert torch.allclose(slope, -bessel_clifford(2, z))
    (bend,) = torch.autograd.grad(slope.sum(), at)
    assert torch.allclose(bend, bessel_clifford(3, z))


def test_echoes_alternate_and_are_reflected():
    found = [(e.offset, e.sign, e.amplitude) for e in echoes(1.0, 3.5, -1.0, -1.0)]
    assert found == [(0.0, 1.0, 1.0), (2.0, -1.0, -1.0), (2.0, 1.0, 1.0), (4.0, -1.0, -1.0)]
    assert [e.amplitude for e in echoes(1.0, 3.5, -1.0, 1.0)] == [1.0, 1.0, -1.0, -1.0]
    assert [(e.offset, e.amplitude) for e in echoes(1.0, 3.5, -1.0, 0.0)] == [(0.0, 1.0)]
    assert len(echoes(1.0, 0.9, -1.0, -1.0)) == 1


def test_a_motion_less_what_the_start_has_it_do():
    motion = Motion(Given(), (0.0, 0.0), 1, (0.0, 3.0, 0.0, -27.0), 0.5)
    s = tensor(1e-3, 0.1, 1.2)
    fading = torch.exp(-((s / 0.5) ** 8))
    assert torch.allclose(motion(s), torch.sin(3 * s) - (3 * s - 4.5 * s**3) * fading, atol=1e-15)


@pytest.mark.parametrize(
    "medium", [Medium(2.0), Medium(2.0, 0.0, 0.0, 9.0), Medium(2.0, 1.5), Medium(2.0, 0.5, 0.7, 2.0)], ids=str
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_what_travels_solves_the_equation_and_is_the_motion_at_its_side(medium, sign):
    side = 0.0 if sign > 0 else 1.0
    motion = Motion(Given(), (side, 0.0), 1)
    part = Travelling(motion, 0, sign, medium, echoes(1.0, 6.0, -1.0, -1.0), 24)
    points = torch.rand(40, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * tensor(1.0, 3.0)
    u, x, t, xx, _, tt = part.jet(points, SECOND)[:, :, 0]
    terms = (tt, medium.damping * t, -(medium.speed**2) * xx, -medium.drift * x, medium.stiffness * u)
    assert float(sum(terms).abs().max()) < 1e-9 * max(float(term.abs().max()) for term in terms)
    times = tensor(0.2, 1.0, 1.7)
    here, there = (torch.stack([torch.full_like(times, at), times], dim=1) for at in (side, 1.0 - side))
    assert torch.allclose(part.jet(here, VALUE)[0, :, 0], torch.sin(3 * times), atol=1e-13)
    assert float(part.jet(there, VALUE).abs().max()) < 1e-13
    # before it arrives there is nothing
    assert float(part.jet(tensor([0.5, 0.2], [0.7, 0.0]), SECOND).abs().max()) == 0.0


def test_free_ends_reflect_slopes():
    part = Travelling(Motion(Given(), (0.0, 0.0), 1), 0, 1.0, Medium(2.0), echoes(1.0, 6.0, -1.0, 1.0))
    u, slope = part.jet(tensor([1.0, 0.9], [1.0, 2.1]), ((), (0,)))[:, :, 0]
    assert torch.allclose(slope, torch.zeros(2, dtype=torch.float64), atol=1e-13)
    # twice what comes, and at the later time less twice what has been at both ends
    late = 2 * math.sin(3 * 1.6) - 2 * math.sin(3 * 0.6)
    assert u.tolist() == pytest.approx([2 * math.sin(3 * 0.4), late])


def test_the_series_of_the_first_moments():
    # u = exp(x) cos(2 t) / 2 + t, of which u_tt = 4 u_xx - 8 (u - t) from u = exp(x) / 2, u_t = 1
    def residual(jet, at):
        return jet["t", "t"] - 4 * jet["x", "x"] + 8 * (jet[()] - at[:, 1])

    point = tensor([0.0, 0.0])
    table = corner_series(([0.5] * 6, [1.0] + [0.0] * 5), residual, 1.0, point, ("t", "x"), (1, 0), 5)
    assert [table[k, 0] for k in range(6)] == pytest.approx([0.5, 1.0, -2.0, 0.0, 8.0, 0.0], abs=1e-12)
    assert [table[2, j] for j in range(4)] == pytest.approx([-2.0] * 4)
    near = tensor([0.01, 0.02])
    jet = polynomial_jet(table, point, ("t", "x"), (1, 0), near)
    assert jet[()].item() == pytest.approx(math.exp(0.01) * math.cos(0.04) / 2 + 0.02, abs=1e-9)
    assert jet["x", "x"].item() == pytest.approx(math.exp(0.01) * math.cos(0.04) / 2, abs=1e-6)


def test_nonlinear_first_moments():
    # u_tt = u_xx - u^2 from u = 1 + x, u_t = 2 at x = 0: u_tt = -1, u_ttt = -2 u u_t = -4,
    # u_tttt = (u_tt)_xx - 2 u_t^2 - 2 u u_tt = -2 - 8 + 2
    def residual(jet, at):
        return jet["t", "t"] - jet["x", "x"] + jet[()] ** 2

    rows = ([1.0, 1.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0])
    table = corner_series(rows, residual, 1.0, tensor([0.0, 0.0]), ("t", "x"), (1, 0), 4)
    assert [table[k, 0] for k in range(5)] == pytest.approx([1.0, 2.0, -1.0, -4.0, -8.0])


def waves_of(problem):
    given = problem.equation_term(), problem.unknowns, problem.domain, problem.parameter_values()
    return find_waves(*given)


@pytest.mark.parametrize(
    "equation, found",
    [
        (wave, (2.0, True)),
        (lambda u: 3 * u.tt - 12 * u.xx + u.t + u.x - u**3, (2.0, True)),
        (lambda u: u.tt - 4 * u.xx + u * u.t, (2.0, False)),
        (lambda u, x: u.tt - 4 * u.xx + x * u.x, (2.0, False)),
        (lambda u, x: u.tt - (1 + x) * u.xx, None),
        (lambda u: u.tt - (1 + u.x**2) * u.xx, None),
        (lambda u: u.tt - 4 * u.xx + u.d("x", "x", "x", "x"), None),
        (lambda u: u.tt + 4 * u.xx, None),
        (lambda u: u.tt - 4 * u.xx + u.xt, None),
        (lambda u: u.t - u.xx, None),
    ],
)
def test_which_equations_are_waves(equation, found):
    start = REST if "tt" in str(line(equation, pl.Initial(u=0.0)).derivatives) else pl.Initial(u=0.0)
    got = waves_of(line(equation, start, pl.Dirichlet(u=0.0, on="x")))
    assert (None if got is None else (pytest.approx(got.speed), got.friction)) == found


@pytest.mark.parametrize(
    "condition, reflection",
    [
        (pl.Dirichlet(u=swing, on="x+"), -1.0),
        (pl.Condition(lambda u: 2 * u - 1, on="x+"), -1.0),
        (pl.Neumann(u=swing, on="x+"), 1.0),
        (pl.Robin(u=(3.0, 1.0, 0.0), on="x+"), 1.0),
        (pl.Condition(lambda u: u.t + 2 * u.x, on="x+"), 0.0),
        (pl.Condition(lambda u: u.t + 6 * u.x, on="x+"), 0.5),
        (pl.Condition(lambda u: u.x + u**2, on="x+"), 1.0),
        (pl.Condition(lambda u: u.x**2 + u, on="x+"), None),
        (pl.Dirichlet(u=0.0, on="x+", where=lambda t: t < 1), None),
    ],
)
def test_what_ends_reflect(condition, reflection):
    problem = line(wave, REST, pl.Dirichlet(u=0.0, on="x-"), condition)
    waves = waves_of(problem)
    end = find_end(problem.conditions, problem.context(), problem.parameter_values(), "x+", waves)
    assert (None if end is None else end.reflection) == (
        reflection if reflection is None else pytest.approx(reflection)
    )


def notes(problem):
    return [note for note in problem.check().notes if "no value" in note or "travels" in note]


def test_orders_that_disagree_are_told():
    ends = pl.Dirichlet(u=swing, on="x-"), pl.Dirichlet(u=0.0, on="x+")
    (note,) = notes(line(wave, REST, *ends))
    assert note == "u_t has no value at x = 0, t = 0, where the start gives 0 and the boundary 'x-' 3"
    curved = line(wave, pl.Initial(u=lambda x: x * (1 - x), u_t=0.0), pl.Dirichlet(u=0.0, on="x"))
    assert notes(curved) == [
        f"u_tt has no value at x = {x}, t = 0, where the start gives -8 and the boundary 'x{sign}' 0"
        for x, sign in ((0, "-"), (1, "+"))
    ]
    clashing = line(wave, REST, pl.Dirichlet(u=1.0, on="x-"), pl.Dirichlet(u=0.0, on="x+"))
    (note,) = notes(clashing)
    assert note.startswith("u has no value at x = 0") and clashing.clashes.resolved


def test_kinks_of_a_motion_are_told():
    problem = line(wave, REST, pl.Dirichlet(u=lambda t: torch.relu(t - 1) ** 2, on="x-"), pl.Dirichlet(u=0.0, on="x+"))
    (note,) = notes(problem)
    assert note == "on the boundary 'x-' its second derivative jumps at t = 1, and that travels on"
    _, (said,) = problem.clashes.built(waves=True)
    assert said.startswith("data of u clash: the waves that this sends out are built in")


@pytest.mark.parametrize(
    "problem",
    [
        line(wave, pl.Initial(u=lambda x: torch.sin(math.pi * x), u_t=0.0), pl.Dirichlet(u=0.0, on="x")),
        line(wave, REST, pl.Dirichlet(u=lambda t: t**7, on="x-"), pl.Dirichlet(u=0.0, on="x+")),
        line(wave, REST, pl.Dirichlet(u=swing, on="x-", where=lambda t: t < 1), pl.Dirichlet(u=0.0, on="x+")),
        line(wave, REST, pl.Dirichlet(u=swing, on="x-"), pl.Condition(lambda u: u.x**2 + u, on="x+")),
        line(lambda u, x: u.tt - (1 + x) * u.xx, REST, pl.Dirichlet(u=swing, on="x-"), pl.Dirichlet(u=0.0, on="x+")),
        line(lambda u: u.tt - u.xx + u * u.t, REST, pl.Dirichlet(u=1.0, on="x-"), pl.Dirichlet(u=0.0, on="x+")),
        line(lambda u, k: u.tt - k * u.xx, REST, pl.Dirichlet(u=swing, on="x-"), pl.Dirichlet(u=0.0, on="x+"),
             parameters={"k": pl.Uniform(1.0, 2.0)}),
        line(wave, REST, pl.Dirichlet(u=swing, on="x-"), pl.Dirichlet(u=0.0, on="x+"),
             domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1000.0))),
    ],
    ids=["smooth", "late", "part", "nonlinear end", "varying", "jump and friction", "family", "long"],
)  # fmt: skip
def test_nothing_is_taken_out(problem):
    assert not problem.clashes.waves


def test_breaks_of_a_start_are_halved():
    def value(x):
        return torch.minimum(x / 0.4, (1 - x) / 0.6)

    def rate(x):
        return torch.where(x < 0.7, 2 * x, 0.0)

    problem = line(wave, pl.Initial(u=value, u_t=rate), pl.Dirichlet(u=0.0, on="x"))
    assert notes(problem) == [
        "of the start of u its slope jumps at x = 0.4, and that travels on",
        "of the start of u_t its value jumps at x = 0.7, and that travels on",
    ]
    part = problem.clashes.waves["u"]
    # what is left of the start is smooth: its slope, second derivative, and u_t
    for at in (0.4, 0.7):
        sides = tensor([at - 1e-7, 0.0], [at + 1e-7, 0.0])
        u, slope, speed, bend = part.jet(sides, ((), (0,), (1,), (0, 0)))[:, :, 0]
        jumps = {0.4: (0.0, -1 / 0.6 - 1 / 0.4, 0.0, 0.0), 0.7: (0.0, 0.0, -1.4, 0.0)}[at]
        assert [float(v[1] - v[0]) for v in (u, slope, speed, bend)] == pytest.approx(jumps, abs=2e-5)
    points = torch.rand(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * tensor(1.0, 3.0)
    *_, xx, _, tt = part.jet(points, SECOND)[:, :, 0]
    assert float((tt - 4 * xx).abs().max()) < 1e-10 * float(tt.abs().max())
    # networks find the start by its misfit: no kink is built in with a velocity beside it
    assert {type(c).__name__ for c in problem.exact_plan().soft} == {"Initial"}


@pytest.mark.parametrize(
    "equation, condition",
    [
        (lambda u: u.tt - u.xx + u, pl.Dirichlet(u=0.0, on="x")),
        (lambda u: u.tt - u.xx + u.t, pl.Dirichlet(u=0.0, on="x")),
        (lambda u: u.tt - u.xx, pl.Robin(u=(1.0, 1.0, 0.0), on="x")),
    ],
)
def test_kinks_of_a_start_that_change_on_their_way_are_left(equation, condition):
    start = pl.Initial(u=lambda x: torch.relu(x - 0.4) * torch.relu(0.8 - x), u_t=0.0)
    assert not line(equation, start, condition).clashes.waves


def test_waves_are_taken_out_of_fields_of_all_of_the_time_only():
    """A window that goes on from another one gets a state, in which waves are no longer told from the rest."""
    problem = line(wave, REST, pl.Dirichlet(u=lambda t: torch.relu(t - 1) ** 2, on="x-"), pl.Dirichlet(u=0.0, on="x+"))
    assert [len(problem.exact_plan(singular=which).notes) for which in ("none", "standing", "all")] == [1, 1, 2]
    few = {"network": pl.MLP(width=4, depth=1), "stages": (pl.Adam(steps=1),), "points": 20}
    for windows, said in ((1, True), (2, False)):
        notes = pl.solve(problem, pl.PINN(windows=windows, **few), progress=False).notes
        assert any("waves" in note for note in notes) == said
