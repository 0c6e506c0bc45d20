"""Families of interface conditions' benchmarks: references of members, their cost, the options of the problems."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.declaration.relative_error import evaluate
from pinnlab.problems import advection, burgers_family, heat_family, kdv_family, poisson_erf, reaction
from pinnlab.problems._cole_hopf import cole_hopf
from pinnlab.problems._pieces import differentiation_matrix, gauss_lobatto, pieces
from pinnlab.problems._poisson_square import poisson_square
from pinnlab.problems._solitons import Sides, interpolate, solve, start
from pinnlab.reference.lazy import MemberReference

FAMILIES = {
    "advection": {"b": (1.0, 30.0)},
    "burgers_family": {"nu": (0.001, 0.05)},
    "heat_family": {name: (-2.0, 2.0) for name in "abcd"},
    "kdv_family": {"c": (1.0, 10.0)},
    "poisson_erf": {"s": (1.0, 50.0)},
    "reaction": {"r": (1.0, 15.0)},
}
F64 = torch.float64


@pytest.mark.parametrize("name", FAMILIES)
def test_ranges_and_members(name: str) -> None:
    family = pl.load_problem(name)
    assert {k: (v.lower, v.upper) for k, v in family.parameters.items()} == FAMILIES[name]
    drawn = family.sample(np.random.default_rng(0))
    assert drawn.families == () and drawn.reference is family.reference
    first = {k: hi for k, (_, hi) in FAMILIES[name].items()}
    assert pl.load_problem(name, **first).parameters == first
    with pytest.raises(ValueError, match="outside its family"):
        family.at(**{k: hi + 1 for k, (_, hi) in FAMILIES[name].items()})


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "poisson_erf"])
def test_data_at_the_final_time_are_an_option(name: str) -> None:
    plain, leaked = pl.load_problem(name), pl.load_problem(name, final_data=True)
    assert not any(isinstance(c, pl.Data) for c in plain.conditions)
    member = leaked.at(**{k: 0.9 * lo + 0.1 * hi for k, (lo, hi) in FAMILIES[name].items()})
    (data,) = [c for c in member.conditions if isinstance(c, pl.Data)]
    end = member.domain.bounds["t"][1]
    assert set(data.points["t"].tolist()) == {end} and len(data.points["x"]) == 101
    at = torch.stack([data.points["x"], data.points["t"]], dim=1)
    exact = evaluate(member.reference, member, at)[:, 0]
    given = data.values["u"](*at.unbind(1), **{k: torch.tensor(v) for k, v in member.parameters.items()})
    torch.testing.assert_close(given.to(F64), exact, rtol=0, atol=1e-6)


def test_references_by_hand() -> None:
    # sin(1 - 2 * 0.25), and a bump's middle after r t = 2 at the place where it starts as 1/2
    at = advection.problem(b=2.0).reference(x=torch.tensor(1.0, dtype=F64), t=0.25, b=2.0)
    assert float(at) == pytest.approx(math.sin(0.5), abs=1e-15)
    half = torch.tensor(math.pi * (1 + math.sqrt(math.log(2) / 8)), dtype=F64)
    assert float(reaction.exact(half, 0.0 * half + 0.5, 4.0)) == pytest.approx(1 / (1 + math.exp(-2)), abs=1e-14)
    assert float(heat_family.exact(0.0, 1.0, 0.0, 1.0, 3.0, 5.0)) == pytest.approx(3 + math.exp(-4 * math.pi**2))
    assert float(heat_family.exact(1.0, 1.0, 0.0, 0.0, 0.0, 1.0)) == pytest.approx(math.sinh(1))


def test_pieces() -> None:
    x, w = gauss_lobatto(4)
    assert np.allclose(x, [-1, -math.sqrt(3 / 7), 0, math.sqrt(3 / 7), 1], atol=1e-15, rtol=0)
    assert np.allclose(w, [1 / 10, 49 / 90, 32 / 45, 49 / 90, 1 / 10], atol=1e-15, rtol=0)
    assert np.allclose(differentiation_matrix(x) @ x**4, 4 * x**3, atol=1e-13, rtol=0)
    axis = pieces((0.0, 1.0, 3.0), 2)
    assert axis.points.tolist() == [0.0, 0.5, 1.0, 2.0, 3.0]
    # |x - 1| is a polynomial on each piece
    index, weights = axis.stencil(np.array([0.3, 1.9]))
    assert np.allclose((weights * np.abs(axis.points - 1)[index]).sum(1), [0.7, 0.9], rtol=0, atol=1e-14)


def test_poisson_on_the_square() -> None:
    sine = poisson_square(lambda z: np.sin(np.pi * z))
    at = {"x": np.array([0.5, 0.1, 0.77]), "y": np.array([0.5, 0.9, 0.003])}
    exact = -np.sin(np.pi * at["x"]) * np.sin(np.pi * at["y"]) / (2 * np.pi**2)
    assert np.abs(sine(at)["u"] - exact).max() < 2e-12
    # with a source of 1 the corners are singular; the middle by a series: 16/pi^4 sum of +-1/(m n (m^2 + n^2)), m, n odd,
    # summed over one index in closed form
    n = np.arange(1, 60, 2)
    signs = (-1.0) ** ((n - 1) / 2)
    middle = 0.125 - 4 / np.pi**3 * (signs / n**3 / np.cosh(n * np.pi / 2)).sum()
    found = poisson_square(lambda z: np.ones_like(z))({"x": np.array([0.5]), "y": np.array([0.5])})["u"]
    assert float(found[0]) == pytest.approx(-middle, abs=1e-11)


@pytest.mark.parametrize("s", [1.0, 50.0])
def test_poisson_against_more_modes(s: float) -> None:
    family = poisson_erf.problem()
    x = np.random.default_rng(0).random((2, 500))
    here = family.reference(x=x[0], y=x[1], s=s)["u"]
    edge = lambda z: poisson_erf.edge(torch.from_numpy(z), torch.tensor(s, dtype=F64)).numpy()  # noqa: E731
    more = poisson_square(edge, 28)({"x": x[0], "y": x[1]})["u"]
    assert np.linalg.norm(here - more) < 1e-9 * np.linalg.norm(more)
    assert float(poisson_erf.edge(torch.tensor(0.5), torch.tensor(s))) == pytest.approx(1.0)


@pytest.mark.parametrize("nu", [0.001, 0.004, 0.05])
def test_burgers_table(nu: float) -> None:
    rng = np.random.default_rng(0)
    x, t = np.sign(rng.random(3000) - 0.5) * 10 ** rng.uniform(-5, 0, 3000), rng.random(3000)
    found = burgers_family.problem().reference(x=x, t=t, nu=nu)["u"]
    assert np.abs(found - cole_hopf(x, t, nu)).max() < 2e-11


def test_start_of_two_solitons_by_hand() -> None:
    # at the first one's middle: its height, the tail of the second, and of the second's image on the left
    tails = sum(0.2 / math.cosh(math.sqrt(0.4) / 2 * distance) ** 2 for distance in (6.4, 13.6))
    assert float(start(torch.tensor(6.6, dtype=F64))) == pytest.approx(0.375 + tails, abs=1e-6)
    ends = start(torch.tensor([0.0, 20.0], dtype=F64))
    assert float(ends[0] - ends[1]) == pytest.approx(0.0, abs=1e-14)


def test_kdv_members_converge_and_conserve() -> None:
    coarse, fine = solve(6.0), solve(6.0, nodes=96, tolerance=1e-11)
    x, t = np.meshgrid(np.linspace(0, 20, 97), np.linspace(0, 20, 43) ** 0.999, indexing="ij")
    at = {"x": x.reshape(-1), "t": t.reshape(-1)}
    one, two = coarse(at)["u"], fine(at)["u"]
    assert np.linalg.norm(one - two) < 1e-9 * np.linalg.norm(two)
    u = coarse.data["u"]
    assert np.ptp(u.mean(axis=0)) < 1e-13 and np.ptp((u**2).mean(axis=0)) < 1e-10


def test_kdv_with_sides_from_the_reference() -> None:
    member = kdv_family.problem(c=2.0, sides="reference")
    assert [type(c).__name__ for c in member.conditions] == ["Initial", "Dirichlet", "Neumann"]
    assert "exact Dirichlet" in str(member.check()), "it meets the initial state at the corners"
    sides, t = Sides(member.reference), torch.linspace(0.0, 20.0, 57, dtype=F64, requires_grad=True)
    value = sides.value(t, 2.0)
    (rate,) = torch.autograd.grad(value.sum(), t)
    grid = t.detach().numpy()
    u = lambda x, t: member.reference(x=x, t=t, c=2.0)["u"]  # noqa: E731
    h = 1e-3
    inner = slice(1, -1)
    assert np.abs(value.detach().numpy() - u(20.0, grid)).max() < 1e-13
    differences = (u(0.0, grid[inner] + h) - u(0.0, grid[inner] - h)) / (2 * h)
    assert np.abs(rate.numpy()[inner] - differences).max() < 1e-5
    slope = (u(h, grid) - u(20.0 - h, grid)) / (2 * h)
    assert np.abs(sides.slope(t.detach(), 2.0).numpy() - slope).max() < 1e-6
    with pytest.raises(ValueError, match="sides='walls'.*choose 'periodic' or 'reference'"):
        kdv_family.problem(sides="walls")


def test_interpolation_is_exact_for_polynomials() -> None:
    grid = np.linspace(0.0, 1.0, 21)
    at = torch.tensor([0.0, 0.013, 0.5, 0.987, 1.0], dtype=F64)
    assert torch.allclose(interpolate(grid**11, at), at**11, atol=1e-13, rtol=0)


def test_a_member_is_solved_once() -> None:
    calls = []

    def build(a):
        calls.append(a)
        return lambda columns: {"u": a * columns["x"]}

    reference = MemberReference(build, ("x",))
    family = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, a: u.x - a,
        conditions=[pl.Dirichlet(u=0.0, on="x-")],
        parameters={"a": pl.Uniform(0.0, 4.0)},
        reference=reference,
    )
    for _ in range(2):
        solution = pl.solve(family.at(a=3.0), pl.HardConstraintMoE(), progress=False)
        assert solution.error()["u"] < 1e-12
    assert calls == [3.0]
    assert reference(x=np.ones((2, 3)), a=2.0)["u"].shape == (2, 3)
    assert isinstance(reference(x=torch.ones(2), a=2.0)["u"], torch.Tensor) and calls == [3.0, 2.0]
