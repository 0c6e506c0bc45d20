"""The trap for lies: its problems have the answers that they claim, it catches what is not true, and nothing is caught."""

import itertools
import math

import numpy as np
import pytest
import sympy
import torch

import pinnlab as pl
from trap import ill_posed, rough, stated, well_posed
from trap.composites import materials
from trap.options import worth
from trap.solving import GROUPS, Task, lies, make, near, solve, solvers_for, tasks, timid
from trap.stated import own
from trap.symbols import called, function, manufactured, slope, start, value

X, T = (sympy.Symbol(name, real=True) for name in "xt")


def _record(**given):
    return {
        "answer": "one",
        "box": True,
        "solver": "PINN",
        "status": "steps_done",
        "certain": True,
        "unit": "variation",
    } | given


def test_the_source_is_what_the_operator_leaves_of_the_solution():
    domain = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
    u = {"u": X**2 * T}
    case = manufactured(
        "", domain, u, lambda u, at: [u.t - 3 * u.xx + u * u], [*start(u, domain), *value(u, domain, "x")]
    )
    known = pl.Problem(domain, "u", lambda u, x, t: u.t - 3 * u.xx + u * u - (x**2 - 6 * t + x**4 * t**2))
    at = {"x": torch.tensor([0.3, 0.9]), "t": torch.tensor([0.2, 0.5])}
    fields = {"u": _Polynomial(**at)}
    mine, other = (p.equations[0](**fields, **at) for p in (case.problem, known))
    torch.testing.assert_close(next(iter(mine.values())), other)
    np.testing.assert_allclose(case.exact(x=np.array([0.5]), t=np.array([2.0]))["u"], 0.5)


class _Polynomial:
    """x^2 t, as a field that knows the derivatives in question."""

    def __init__(self, x, t):
        self.value, self.t, self.xx = x**2 * t, x**2, 2 * t

    def __mul__(self, other):
        return self.value * other.value


def test_slopes_point_outwards():
    left, right = slope({"u": X**2 + X}, pl.Box(x=(0.0, 1.0)), "x-", "x+")
    at = {"x": torch.tensor([1.0], dtype=torch.float64)}
    assert called(left.values["u"], at) == -3.0 and called(right.values["u"], at) == 3.0


def test_a_constant_formula_is_a_function_as_well():
    torch.testing.assert_close(function(sympy.Integer(2), ("x",))(x=torch.zeros(3)), torch.full((3,), 2.0))


@pytest.mark.parametrize("kind", rough.KINDS[1:5])
def test_series_and_closed_forms_start_where_the_problem_starts(kind):
    case = kind(np.random.default_rng(3))
    x = np.linspace(0.013, 0.987, 41)
    if "t" in case.problem.domain.coordinates:
        (initial,) = (c for c in case.problem.conditions if isinstance(c, pl.Initial))
        begin = initial.values["u"](torch.as_tensor(x)).numpy()
        np.testing.assert_allclose(case.exact(x=x, t=0 * x)["u"], begin, atol=0.06 if "jump" in case.kind else 3e-3)
    else:
        np.testing.assert_allclose(case.exact(x=np.array([0.0, 1.0]))["u"], 0.0, atol=1e-15)
        second = np.diff(case.exact(x=x)["u"], 2) / np.diff(x)[0] ** 2
        source = -case.problem.equations[0](_Bent(torch.zeros(41)), torch.as_tensor(x)).numpy()
        assert np.median(np.abs(-second - source[1:-1])) < 1e-9


class _Bent:
    def __init__(self, xx):
        self.xx = xx


def test_layers_carry_one_flux():
    case = next(c for n in range(9) if "(0, 0)" in (c := rough.layers(np.random.default_rng(n))).statement)
    x = np.linspace(0, 1, 100_001)
    u = case.exact(x=x)["u"]
    flux = (
        case.problem.equations[0].__closure__[0].cell_contents(torch.as_tensor(x[:-1] + 5e-6)).numpy()
        * np.diff(u)
        / 1e-5
    )
    assert np.median(np.abs(flux / flux[0] - 1)) < 1e-6


@pytest.mark.parametrize("kind", [*well_posed.KINDS, *rough.KINDS, *ill_posed.KINDS, *stated.KINDS])
def test_a_problem_is_the_same_whenever_it_is_made(kind):
    one, other = (kind(np.random.default_rng(7)) for _ in range(2))
    assert one.statement == other.statement
    assert (one.exact is None) == bool(one.why)
    assert solvers_for(one)[-1] == ("classical", "classical")


def test_tasks_go_through_every_kind_and_solver():
    few = list(tasks(1, group="ill", kind="resonant"))
    assert {t.solver for t in few} == set(range(len(solvers_for(make(few[0])))))
    assert {t.group for t in tasks(1)} == set(GROUPS)


@pytest.mark.parametrize(
    ("record", "caught"),
    [
        (_record(said="good", of_variation=0.02, estimate=1e-6, upper=1e-6), ["good at more than 1 %"]),
        (_record(said="good", of_variation=1e-3, estimate=1e-5, upper=2e-5), ["good at ten times the estimate"]),
        (_record(said="good", of_variation=1e-5, estimate=1e-5, upper=2e-5), []),
        (_record(said="good", of_variation=math.inf, estimate=1e-5, upper=2e-5), ["good at more than 1 %"]),
        (_record(said="wrong", of_variation=1e-5), ["wrong below 1e-4"]),
        (_record(said="doubtful", status="converged", of_variation=0.5), ["converged at more than 1 %"]),
        (_record(said="doubtful", of_variation=0.5), []),
        (_record(said="good", answer="up to a constant"), ["good, without an answer to be near to"]),
        (_record(said="refused", answer="up to a constant"), []),
        (_record(said="doubtful", status="converged", answer="up to a constant", pinned=True), []),
        (
            _record(said="doubtful", status="converged", answer="slopes and source do not balance", pinned=True),
            ["converged, without an answer to be near to"],
        ),
        (_record(said="error"), ["raised something that is neither ValueError nor TypeError"]),
        (_record(said="good", solver="classical", unit="size", of_size=1e-4, of_variation=0.1, upper=1e-4), []),
    ],
)
def test_what_is_caught(record, caught):
    assert lies(record) == caught


def test_timid_and_near():
    assert timid(_record(said="doubtful", of_variation=1e-5)) and not timid(_record(said="doubtful", of_variation=1e-3))
    assert timid(_record(said="doubtful", of_variation=0.0)), "no error at all is right, too"
    assert near(_record(said="good", of_variation=1e-5, estimate=3.1e-5, upper=4e-5)) is False
    assert near(_record(said="good", of_variation=1e-5, estimate=2.9e-5, upper=4e-5)) is True
    assert near(_record(said="good", of_variation=1e-5, estimate=1e-4, upper=2e-4, certain=False)) is True
    assert near(_record(said="doubtful", of_variation=1e-5)) is None


SMOOTH = itertools.product(("line", "beam", "first_order", "kinetics", "heat", "wave"), ("experts", "classical"))
JUMPS = itertools.product(("layers", "step_source"), ("default", "PINN", "experts", "classical"))
ILL_POSED = itertools.product(("open_line", "open_plane", "floating", "resonant"), ("PINN", "experts", "classical"))


@pytest.mark.parametrize(("kind", "solver"), [*SMOOTH, *JUMPS, *ILL_POSED])
def test_nothing_is_caught(kind, solver):
    task = next(t for t in tasks(1, kind=kind, solver=solver) if solvers_for(make(t))[t.solver][0] == solver)
    assert isinstance(task, Task)
    assert lies(solve(task, 1.0)) == []


def test_options_are_worth_what_black_and_scholes_say():
    """Hull, Options, Futures and Other Derivatives: S = 42, K = 40, r = 0.1, sigma = 0.2, half a year."""
    S, left = (torch.tensor([v], dtype=torch.float64) for v in (42.0, 0.5))
    given = (S, left, 40.0, 0.1, 0.2)
    assert float(worth("call", *given)) == pytest.approx(4.76, abs=5e-3)
    assert float(worth("put", *given)) == pytest.approx(0.81, abs=5e-3)
    parts = 40 * float(worth("asset", *given)) - 40 * float(worth("digital", *given))
    assert parts == pytest.approx(float(worth("call", *given)), abs=1e-12)


def test_own_conditions_look_outwards():
    left, right = (own({"u": X**2 + X}, pl.Box(x=(0.0, 1.0)), side, lambda u, n: u.d(n)) for side in ("x-", "x+"))
    for condition, outward in ((left, -1.0), (right, 3.0)):
        at = {"x": torch.tensor([0.0 if outward < 0 else 1.0], dtype=torch.float64)}
        assert float(condition.residual(u=_Slope(outward), n="n", **at)) == pytest.approx(0.0, abs=1e-12)


class _Slope:
    def __init__(self, outward):
        self.outward = outward

    def d(self, n):
        return torch.tensor([self.outward], dtype=torch.float64)


def test_fluxes_through_materials_are_continuous_and_contacts_resist():
    case = next(c for n in range(20) if (c := materials(np.random.default_rng(n))).kind == "materials, contact")
    material = case.problem.parameters["k"]
    step = 1e-6
    for at, before, after in [(p, *_values(material, p)) for p in [a for _, a, _ in material.faces if 0 < a < 1]]:
        x = at + np.array([-3, -1, 1, 3]) * step
        u = case.exact(x=x)["u"]
        flux = before * (u[1] - u[0]) / (2 * step), after * (u[3] - u[2]) / (2 * step)
        assert flux[0] == pytest.approx(flux[1], rel=1e-3, abs=1e-3)
        resistance = float(case.statement.split()[-1])
        assert u[2] - u[1] == pytest.approx(resistance * flux[0], rel=0.05, abs=1e-3)


def _values(material, at):
    points = torch.tensor([[at - 1e-6], [at + 1e-6]], dtype=torch.float64)
    return material.at(points).tolist()
