"""How many conditions are needed, where, and whether those that are given leave one solution: a zoo of problems."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.algebra.normal_modes import find_modes, null_space, rank
from pinnlab.declaration.conditions import AnyCondition
from pinnlab.declaration.counting.needed import NotUniqueError
from pinnlab.declaration.gauge import with_gauge
from pinnlab.declaration.terms import Context, Term
from pinnlab.domains import Site

LINE = pl.Box(x=(0.0, 1.0))
XT = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
XYT = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0))
CUBE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0))
TIME = pl.Box(t=(0.0, 1.0))
DISC = pl.Ball({"x": 0.0, "y": 0.0}, 1.0)
HOLED = SQUARE - pl.Ball({"x": 0.5, "y": 0.5}, 0.2)
UPV, UV, WM = ("u", "v", "p"), ("u", "v"), ("w", "m")
D, N, R, P, I = pl.Dirichlet, pl.Neumann, pl.Robin, pl.Periodic, pl.Initial  # noqa: E741


def heat(u: Any) -> Any:
    return u.t - 0.02 * u.xx


def laplace(u: Any) -> Any:
    return u.xx + u.yy - 1


def transport(u: Any) -> Any:
    return u.t + 2 * u.x


def beam(w: Any) -> Any:
    return w.xxxx - 1


def mixed_beam(w: Any, m: Any) -> Any:
    return {"bending": w.xx - m, "balance": m.xx + 1}


def schroedinger(u: Any, v: Any) -> Any:
    return {"real": u.t + v.xx, "imaginary": v.t - u.xx}


def acoustics(u: Any, p: Any) -> Any:
    return {"momentum": u.t + p.x, "mass": p.t + u.x}


def stokes(u: Any, v: Any, p: Any) -> Any:
    return {"x": p.x - u.xx - u.yy, "y": p.y - v.xx - v.yy, "mass": u.x + v.y}


def navier_stokes(u: Any, v: Any, p: Any) -> Any:
    return {
        "x": u.t + u * u.x + v * u.y + p.x - 0.01 * (u.xx + u.yy),
        "y": v.t + u * v.x + v * v.y + p.y - 0.01 * (v.xx + v.yy),
        "mass": u.x + v.y,
    }


def stresses(u: Any, v: Any, a: Any, b: Any, s: Any) -> Any:
    return {
        "x": a.x + s.y + 1,
        "y": s.x + b.y + 1,
        "a": a - 270e9 * u.x - 110e9 * v.y,
        "b": b - 110e9 * u.x - 270e9 * v.y,
        "s": s - 80e9 * (u.y + v.x),
    }


def cahn_hilliard(u: Any, m: Any) -> Any:
    return {"mass": u.t - m.xx, "potential": m + 0.01 * u.xx - u**3 + u}


def black_scholes(V: Any, S: Any) -> Any:
    return V.t - 0.02 * S**2 * V.SS - 0.05 * S * V.S + 0.05 * V


def kuramoto(u: Any) -> Any:
    return u.t + u * u.x + u.xx + u.xxxx


def kdv(u: Any) -> Any:
    return u.t + u * u.x + 1e-3 * u.xxx


def cauchy_riemann(u: Any, v: Any) -> Any:
    return {"div": u.x + v.y, "curl": u.y - v.x}


MARKET = pl.Box(S=(0.0, 2.0), t=(0.0, 1.0))
WALLS = [D(u=0.0, v=0.0)]
CLAMPED = [D(w=0.0), N(w=0.0)]
STRESS_FREE = [D(u=0.0, v=0.0, on="x-"), D(a=0.0, s=0.0, on="x+"), D(b=0.0, s=0.0, on="y")]

Case = tuple[Any, Any, Callable[..., Any], list[Any]]

WELL_POSED: dict[str, Case] = {
    "heat": (XT, "u", heat, [I(u=0.0), D(u=0.0)]),
    "heat, insulated": (XT, "u", heat, [I(u=0.0), N(u=0.0)]),
    "heat, Robin": (XT, "u", heat, [I(u=0.0), D(u=0.0, on="x-"), R(u=(1.0, 2.0, 0.0), on="x+")]),
    "heat, periodic": (XT, "u", heat, [I(u=0.0), P("x")]),
    "heat in SI units": (XT, "u", lambda u: 2.4e6 * u.t - 237.0 * u.xx, [I(u=293.0), D(u=293.0)]),
    "heat in a plane": (XYT, "u", lambda u: u.t - u.xx - u.yy, [I(u=0.0), D(u=0.0)]),
    "heat in a disc": (DISC * TIME, "u", lambda u: u.t - u.xx - u.yy, [I(u=0.0), D(u=0.0)]),
    "reaction and diffusion": (XT, "u", lambda u: u.t - u.xx - 1000.0 * u * (1 - u), [I(u=0.0), D(u=0.0)]),
    "porous medium": (XT, "u", lambda u: u.t - pl.diff(u**2 * u.x, "x"), [I(u=1.0), D(u=1.0)]),
    "transport": (XT, "u", transport, [I(u=0.0), D(u=0.0, on="x-")]),
    "transport, two outflows": (XT, "u", lambda u, x: u.t + (x - 0.5) * u.x, [I(u=0.0)]),
    "Burgers": (XT, "u", lambda u: u.t + u * u.x - 0.01 * u.xx, [I(u=0.0), D(u=0.0)]),
    "Burgers without viscosity": (XT, "u", lambda u: u.t + u * u.x, [I(u=1.0), D(u=1.0, on="x-")]),
    "Korteweg-de Vries": (XT, "u", kdv, [I(u=0.0), D(u=0.0), N(u=0.0, on="x+")]),
    "Kuramoto-Sivashinsky": (XT, "u", kuramoto, [I(u=0.0), D(u=0.0), N(u=0.0)]),
    "wave": (XT, "u", lambda u: u.tt - u.xx, [I(u=0.0, u_t=0.0), D(u=0.0)]),
    "acoustics": (XT, ("u", "p"), acoustics, [I(u=0.0, p=0.0), D(u=0.0, on="x-"), D(p=0.0, on="x+")]),
    "Schroedinger": (XT, UV, schroedinger, [I(u=0.0, v=0.0), D(u=0.0, v=0.0)]),
    "Cahn-Hilliard, mixed": (XT, ("u", "m"), cahn_hilliard, [I(u=0.0), N(u=0.0, m=0.0)]),
    "Black-Scholes": (MARKET, "V", black_scholes, [I(V=0.0), D(V=1.0, on="S+")]),
    "Black-Scholes, given at 0": (MARKET, "V", black_scholes, [I(V=0.0), D(V=1.0)]),
    "time by another name": (SQUARE, "u", lambda u: u.y - u.xx, [D(u=0.0, on="x"), D(u=0.0, on="y-")]),
    "Laplace": (SQUARE, "u", laplace, [D(u=0.0)]),
    "Laplace, mixed sides": (SQUARE, "u", laplace, [D(u=0.0, on="x-"), N(u=0.0, on="x+"), N(u=0.0, on="y")]),
    "Laplace, one side periodic": (SQUARE, "u", laplace, [D(u=0.0, on="x"), P("y")]),
    "Laplace in a disc": (DISC, "u", laplace, [D(u=0.0)]),
    "Laplace with a hole": (HOLED, "u", laplace, [D(u=0.0)]),
    "Laplace in a cube": (CUBE, "u", lambda u: u.xx + u.yy + u.zz, [D(u=0.0)]),
    "Helmholtz": (SQUARE, "u", lambda u: u.xx + u.yy + 400.0 * u, [D(u=0.0)]),
    "first-order Laplace": (SQUARE, UV, cauchy_riemann, [D(u=0.0, on="x"), D(v=0.0, on="y")]),
    "a cylinder": (pl.Box(r=(0.0, 1.0)), "u", lambda u, r: u.rr + u.r / r + 1, [D(u=0.0, on="r+")]),
    "an ordinary start": (LINE, "u", lambda u: u.xx + u, [D(u=0.0, on="x-"), N(u=1.0, on="x-")]),
    "two point": (LINE, "u", lambda u: u.xx - 1, [D(u=0.0)]),
    "a boundary layer": (LINE, "u", lambda u: 1e-6 * u.xx + u.x, [D(u=0.0, on="x-"), D(u=1.0, on="x+")]),
    "clamped beam": (LINE, "w", beam, CLAMPED),
    "clamped beam, mixed": (LINE, WM, mixed_beam, CLAMPED),
    "supported beam, mixed": (LINE, WM, mixed_beam, [D(w=0.0, m=0.0)]),
    "an eigenvalue": (
        LINE,
        ("u", "k"),
        lambda u, k: {"u": u.xx + k * u, "k": k.x},
        [D(u=0.0), N(u=-1.0, on="x-")],
    ),
    "an integral": (
        LINE,
        ("u", "c"),
        lambda u, c: {"u": u.xx - 1, "c": c.x - u},
        [D(u=0.0), D(c=0.0, on="x-")],
    ),
    "Stokes": (SQUARE, UPV, stokes, [*WALLS, pl.Data({"x": [0.0], "y": [0.0]}, p=[0.0])]),
    "Stokes, channel": (
        SQUARE,
        UPV,
        stokes,
        [D(u=0.0, v=0.0, on="y"), D(u=1.0, v=0.0, on="x-"), D(p=0.0, v=0.0, on="x+")],
    ),
    "Navier-Stokes": (
        XYT,
        UPV,
        navier_stokes,
        [I(u=0.0, v=0.0), D(u=0.0, v=0.0, on="y"), D(u=1.0, v=0.0, on="x-"), D(p=0.0, v=0.0, on="x+")],
    ),
    "elasticity with stresses": (SQUARE, ("u", "v", "a", "b", "s"), stresses, STRESS_FREE),
    "oscillator": (TIME, "u", lambda u: u.tt + u, [I(u=0.0, u_t=1.0)]),
    "a constraint": (TIME, UV, lambda u, v: {"u": u.t + v, "v": v - u**3 - 1}, [I(u=0.0)]),
    "a pendulum": (
        TIME,
        ("x", "y", "f"),
        lambda x, y, f: {"x": x.tt + f * x, "y": y.tt + f * y + 1, "rod": x**2 + y**2 - 1},
        [I(x=1.0, x_t=0.0, y=0.0, y_t=0.0)],
    ),
}
"""Every one has what it needs; (domain, unknowns, equations, conditions)."""

ILL_POSED: dict[str, Case] = {
    "heat, an open end": (XT, "u", heat, [I(u=0.0), D(u=0.0, on="x-")]),
    "heat, no start": (XT, "u", heat, [D(u=0.0)]),
    "heat, no ends": (XT, "u", heat, [I(u=0.0)]),
    "heat in a plane, a side open": (
        XYT,
        "u",
        lambda u: u.t - u.xx - u.yy,
        [I(u=0.0), D(u=0.0, on="x"), D(u=0.0, on="y-")],
    ),
    "heat in a disc, no rim": (DISC * TIME, "u", lambda u: u.t - u.xx - u.yy, [I(u=0.0)]),
    "transport, no inflow": (XT, "u", transport, [I(u=0.0)]),
    "transport, given at the outflow": (XT, "u", lambda u: u.t - u.x, [I(u=0.0)]),
    "wave, no velocity": (XT, "u", lambda u: u.tt - u.xx, [I(u=0.0), D(u=0.0)]),
    "wave, an open end": (XT, "u", lambda u: u.tt - u.xx, [I(u=0.0, u_t=0.0), D(u=0.0, on="x+")]),
    "acoustics, an open end": (XT, ("u", "p"), acoustics, [I(u=0.0, p=0.0), D(u=0.0, on="x-")]),
    "Korteweg-de Vries, one short": (XT, "u", kdv, [I(u=0.0), D(u=0.0)]),
    "Kuramoto-Sivashinsky, two short": (XT, "u", kuramoto, [I(u=0.0), D(u=0.0)]),
    "Schroedinger, one part": (XT, UV, schroedinger, [I(u=0.0, v=0.0), D(u=0.0)]),
    "Cahn-Hilliard, no potential": (XT, ("u", "m"), cahn_hilliard, [I(u=0.0), N(u=0.0)]),
    "two point, one given": (LINE, "u", lambda u: u.xx - 1, [D(u=0.0, on="x-")]),
    "two point, given twice": (
        LINE,
        "u",
        lambda u: u.xx - 1,
        [R(u=(k, k, 0.0), on="x-") for k in (1, 2)],
    ),
    "a first order, none": (LINE, "u", lambda u: u.x + u - 1, []),
    "a beam on two knives": (LINE, "w", beam, [D(w=0.0)]),
    "a beam on two knives, mixed": (LINE, WM, mixed_beam, [D(w=0.0)]),
    "two unknowns, all on one": (LINE, UV, lambda u, v: {"u": u.xx - 1, "v": v.xx - u}, [D(u=0.0), N(u=0.0)]),
    "Laplace, a side open": (SQUARE, "u", laplace, [D(u=0.0, on="x"), D(u=0.0, on="y-")]),
    "Laplace, none": (SQUARE, "u", laplace, []),
    "Laplace with a hole, open": (HOLED, "u", laplace, [D(u=0.0, on="x"), D(u=0.0, on="y")]),
    "Laplace in a cube, a side open": (
        CUBE,
        "u",
        lambda u: u.xx + u.yy + u.zz,
        [D(u=0.0, on="x"), D(u=0.0, on="y"), D(u=0.0, on="z-")],
    ),
    "plate, one condition": (SQUARE, "w", lambda w: w.xxxx + 2 * w.xxyy + w.yyyy - 1, [D(w=0.0)]),
    "Stokes, a wall without v": (SQUARE, UPV, stokes, [D(u=0.0), D(v=0.0, on="y"), D(v=0.0, on="x-")]),
    "Navier-Stokes, no start": (XYT, UPV, navier_stokes, WALLS),
    "elasticity, a free side forgotten": (SQUARE, ("u", "v", "a", "b", "s"), stresses, STRESS_FREE[:2]),
    "elasticity, all sides free": (
        SQUARE,
        ("u", "v", "a", "b", "s"),
        stresses,
        [D(a=0.0, s=0.0, on="x"), D(b=0.0, s=0.0, on="y")],
    ),
    "oscillator, no velocity": (TIME, "u", lambda u: u.tt + u, [I(u=0.0)]),
    "two rates, one start": (TIME, UV, lambda u, v: {"u": u.t + v, "v": v.t - u}, [I(u=0.0)]),
}
"""Every one has more than one solution."""


def made(case: Case) -> pl.Problem:
    domain, unknowns, equations, conditions = case
    return pl.Problem(domain=domain, unknowns=unknowns, equations=equations, conditions=conditions)


@pytest.mark.parametrize("name", WELL_POSED)
def test_what_is_well_posed_is_complete(name: str) -> None:
    problem = made(WELL_POSED[name])
    problem.check_unique()
    assert problem.check().complete and not problem.check().excess, str(problem.check())


@pytest.mark.parametrize("name", ILL_POSED)
def test_what_has_many_solutions_is_refused(name: str) -> None:
    problem = made(ILL_POSED[name])
    assert not problem.check().complete
    with pytest.raises(NotUniqueError, match=r"not unique; .*(add|change|fix)"):
        problem.check_unique()


def test_too_many_conditions_are_said_and_not_refused() -> None:
    twice = made((XT, "u", transport, [I(u=0.0), D(u=0.0)]))
    twice.check_unique()
    assert "too many conditions at 'x+': 0 needed, 1 given" in twice.check().excess[0]
    assert "TOO MANY: too many conditions at 'x+'" in str(twice.check()) and twice.check().complete
    assert "in x: 2 needed, 4 given" in made((LINE, "u", lambda u: u.xx - 1, [D(u=0.0), N(u=0.0)])).check().excess[0]
    assert "u_t is none that" in made((XT, "u", heat, [I(u=0.0, u_t=0.0), D(u=0.0)])).check().excess[0]


def test_cauchy_data_are_ill_posed_but_not_refused() -> None:
    sideways = made((SQUARE, "u", laplace, [D(u=0.0, on="x"), D(u=0.0, on="y-"), N(u=0.0, on="y-")]))
    sideways.check_unique()
    assert "ill-posed: 'y+' needs 1 condition and has 0" in sideways.check().missing[0]


def test_free_constants_are_noted() -> None:
    cavity = made((SQUARE, UPV, stokes, WALLS))
    assert cavity.count().constants == (("p",),)
    assert cavity.check().complete and "p is known up to a constant" in cavity.check().notes[-1]
    insulated = made((SQUARE, "u", laplace, [N(u=0.0)]))
    assert insulated.count().constants == (("u",),)
    chained = made((LINE, UV, lambda u, v: {"u": u.xx - 1, "v": v - u}, [N(u=0.0)]))
    assert chained.count().constants == (("u", "v"),)
    flow = made((XYT, UPV, navier_stokes, [I(u=0.0, v=0.0), *WALLS]))
    assert "known up to a constant at each time" in flow.check().notes[-1]


def test_data_and_unknown_coefficients_leave_doubt() -> None:
    data = made((LINE, "u", lambda u: u.xx - 1, [D(u=0.0, on="x-"), pl.Data({"x": [0.5]}, u=[0.1])]))
    data.check_unique()
    assert data.check().complete and "not certain: data may stand for conditions" in data.check().notes[-1]
    inverse = pl.Problem(XT, "u", lambda u, k: u.t - k * u.xx, [I(u=0.0)], parameters={"k": pl.Unknown(1.0)})
    inverse.check_unique()


class AtTheMiddle(AnyCondition):
    """u = 0 at the middle of an interval; it calls itself what it is not."""

    def terms(self, context: Context) -> list[Term]:
        def draw(unit: Callable[[int], torch.Tensor], n: int) -> tuple[Site, ...]:
            return (context.region.interior(torch.full((1, 1), 0.5, dtype=torch.float64)),)

        return [Term("boundary", ("middle",), draw, lambda scopes: {"middle": scopes[0].fields["u"].value})]


def test_a_condition_of_the_users_own_leaves_doubt() -> None:
    own = made((LINE, "u", lambda u: u.xx - 1, [D(u=0.0, on="x-"), AtTheMiddle(None, 1.0, {})]))
    own.check_unique()
    assert "not certain: what conditions of your own fix is not known" in own.check().notes[-1]
    with pytest.raises(NotUniqueError, match="2 needed, 1 given"):
        own.replace(conditions=own.conditions[:1]).check_unique()


def test_solve_and_reference_refuse_before_they_start() -> None:
    problem = made(ILL_POSED["two point, one given"])
    with pytest.raises(NotUniqueError, match="2 needed, 1 given"):
        pl.solve(problem, pl.PINN(), progress=False)
    with pytest.raises(NotUniqueError, match="too few conditions in x"):
        pl.reference_solution(made(ILL_POSED["a beam on two knives, mixed"]))


def test_a_free_constant_is_fixed_at_a_point() -> None:
    conditions: list[Any] = [P("x")]
    problem = pl.Problem(LINE, "u", lambda u, x: u.xx + 4 * np.pi**2 * torch.cos(2 * np.pi * x), conditions)
    solution = pl.solve(problem, pl.HardConstraintMoE(), progress=False)
    assert solution.problem is problem and "u is known up to a constant: u is set to 0 at x=" in solution.notes[-1]
    x = torch.linspace(0, 1, 33, dtype=torch.float64)
    rest = solution(x=x)["u"] - torch.cos(2 * np.pi * x)
    assert float(rest.max() - rest.min()) < 1e-10
    exact = problem.replace(reference=lambda x: torch.cos(2 * np.pi * x) + 5)
    assert pl.solve(exact, pl.HardConstraintMoE(), progress=False).error()["u"] < 1e-10
    assert with_gauge(made(WELL_POSED["Laplace"]))[1] == ()


# -- the algebra


def test_modes_of_small_systems() -> None:
    # s^2 - 4: exp(2 x), exp(-2 x)
    modes = find_modes(np.array([-4.0, 0.0, 1.0]).reshape(3, 1, 1))
    assert modes is not None and modes.count == 2
    assert np.sort(np.linalg.eigvals(modes.flow).real) == pytest.approx([-2.0, 2.0])
    basis, neutral = modes.decaying()
    assert basis.shape == (2, 1) and neutral == 0
    # u' - v = 0, u - 1 = 0 leaves nothing: both are fixed
    constrained = np.zeros((2, 2, 2))
    constrained[1, 0, 0], constrained[0, 0, 1], constrained[0, 1, 0] = 1.0, -1.0, 1.0
    found = find_modes(constrained)
    assert found is not None and found.count == 0
    assert find_modes(np.ones((1, 2, 2))) is None


def test_decay_with_a_double_root() -> None:
    # (s^2 - 1)^2: exp(-x) and x exp(-x) decay; a value and a slope fix both, the same value twice does not
    modes = find_modes(np.array([1.0, 0.0, -2.0, 0.0, 1.0]).reshape(5, 1, 1))
    assert modes is not None
    basis, _ = modes.decaying()
    value_and_slope = np.eye(2).reshape(2, 2, 1)
    assert basis.shape[1] == 2 and rank(modes.rows(value_and_slope) @ basis) == 2
    assert rank(modes.rows(np.ones((1, 2, 1))) @ basis) == 1


def test_null_space_and_rank() -> None:
    rows = np.array([[1.0, -1.0, 0.0], [1e9, -1e9, 0.0]])
    assert rank(rows / 1e9) == 1 and len(null_space(rows)) == 2
    assert np.abs(rows @ null_space(rows).T).max() < 1e-6


def test_counting_on_meshes_takes_all_pieces() -> None:
    ell = pl.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
    complete = pl.Problem(ell, "u", laplace, [D(u=lambda x, y: torch.sin(x) * y)])
    assert complete.check().complete and set(complete.count().sides) == {f"edge{k}" for k in range(6)}


@pytest.mark.parametrize("thinness", [0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4])
def test_four_conditions_count_on_a_thin_beam(thinness: float) -> None:
    """Timoshenko's beam, whose exponents are zero four times over, however stiff it is in shear."""
    shear = 4.0 / thinness**2

    def beam(w: Any, p: Any) -> dict[str, Any]:
        return {"force": shear * (w.xx - p.x) + 1, "moment": p.xx + shear * (w.x - p)}

    assert pl.Problem(LINE, ("w", "p"), beam, pl.Dirichlet(w=0.0, p=0.0)).check().complete
    open_end = [pl.Dirichlet(w=0.0, p=0.0, on="x-"), pl.Dirichlet(w=0.0, on="x+")]
    assert not pl.Problem(LINE, ("w", "p"), beam, open_end).check().complete
