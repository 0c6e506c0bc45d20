"""Random fields and functions as parameters: statistics, exact derivatives, binding by name, what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.ansatz import FunctionValue
from pinnlab.declaration.parameters.functions import FunctionParameter, GaussianFunction, GivenFunction
from pinnlab.declaration.parameters.random_fields import line_spectrum, periodic_spectrum
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import VALUE, closure

BOX = pl.Box(x=(-1.0, 1.0), y=(0.0, 0.5), t=(0.0, 2.0))
INDICES = closure([(0, 0, 1), (1, 1, 0, 0), (0, 2), (2, 2)])


def points(n: int = 20) -> Tensor:
    return BOX.interior(torch.rand(n, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))).points


def line(**options) -> pl.RandomField:
    return pl.RandomField(on="x", **options).over(pl.Box(x=(0.0, 1.0)))


def test_the_periodic_spectrum_is_the_kernels() -> None:
    d = np.linspace(0, 1, 7)
    for scale in (0.3, 0.8, 3.0):
        variances = periodic_spectrum(scale, 60)
        series = sum(v * np.cos(2 * np.pi * k * d) for k, v in enumerate(variances))
        assert np.allclose(series, np.exp(-2 * np.sin(np.pi * d) ** 2 / scale**2), rtol=0, atol=1e-13)


@pytest.mark.parametrize(("kernel", "tolerance"), [("squared_exponential", 1e-12), ("matern52", 3e-5)])
def test_the_line_spectrum_is_the_kernels(kernel: str, tolerance: float) -> None:
    scale, length = 0.15, 1.0
    period = length + 8 * scale
    variances = line_spectrum(kernel, scale, period, 2000)
    d = np.linspace(0, length, 7)
    series = sum(v * np.cos(2 * np.pi * k * d / period) for k, v in enumerate(variances))
    r = math.sqrt(5) * d / scale
    exact = np.exp(-(d**2) / (2 * scale**2)) if kernel == "squared_exponential" else (1 + r + r**2 / 3) * np.exp(-r)
    assert np.allclose(series, exact, rtol=0, atol=tolerance)


@pytest.mark.parametrize("periodic", [False, True])
def test_statistics_of_samples(periodic: bool) -> None:
    field = line(length_scale=0.5 if periodic else 0.3, std=2.0, mean=1.0, periodic=periodic)
    rng = np.random.default_rng(0)
    x = np.array([0.0, 0.1, 0.35, 1.0])
    drawn = np.stack([field.sample(rng)(x) for _ in range(4000)])
    assert np.allclose(drawn.mean(axis=0), 1.0, atol=0.1, rtol=0)
    d = x[:, None] - x
    kernel = np.exp(-2 * np.sin(np.pi * d) ** 2 / 0.25) if periodic else np.exp(-(d**2) / 0.18)
    assert np.allclose(np.cov(drawn.T), 4 * kernel, atol=0.3, rtol=0)
    if periodic:
        assert np.allclose(drawn[:, 0], drawn[:, 3], rtol=0, atol=1e-12)


@pytest.mark.parametrize("on", ["x", ("y", "x"), ("x", "y", "t")], ids=str)
@pytest.mark.parametrize("periodic", [False, True])
def test_derivatives_are_exact(on, periodic: bool) -> None:
    member = pl.RandomField(on=on, length_scale=1.5, periodic=periodic).over(BOX).sample(np.random.default_rng(1))
    found = member.jet(points(), INDICES)
    assert found.shape == (len(INDICES), 20, 1)
    expected = autograd_jet(lambda p: member.at(p)[:, None], points(), INDICES, keep=False)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-8)
    torch.testing.assert_close(found[0], member.at(points())[:, None])


def test_centered_members_have_no_mean() -> None:
    field = pl.RandomField(on=("x", "y"), centered=True, periodic=True, mean=0.5)
    member = field.over(BOX).sample(np.random.default_rng(0))
    x, y = -1 + 2 * np.arange(64)[:, None] / 64, 0.5 * np.arange(64) / 64
    assert member(x, y).mean() == pytest.approx(0.5, abs=1e-12)
    with pytest.raises(ValueError, match="centered=True needs periodic coordinates, and 'x' is not periodic"):
        pl.RandomField(on="x", centered=True).over(BOX).sample(np.random.default_rng(0))


def test_members_are_called_by_coordinates() -> None:
    member = pl.RandomField(on=("x", "y"), length_scale=0.5).over(BOX).sample(np.random.default_rng(2))
    x, y = points()[:, 0], points()[:, 1]
    expected = member.at(points())
    torch.testing.assert_close(member(x, y), expected)
    torch.testing.assert_close(member(y=y, x=x), expected)
    assert isinstance(member(x.numpy(), y=0.2), np.ndarray)
    assert np.allclose(member(x.numpy(), y.numpy()), expected, rtol=0, atol=1e-13)
    assert member(0.1, np.zeros((3, 1))).shape == (3, 1)
    assert member(x.float(), y.float()).dtype == torch.float32
    with pytest.raises(TypeError, match="missing a required argument: 'y'"):
        member(x)
    same, other = (pl.RandomField(on="x").over(BOX).sample(np.random.default_rng(s)) for s in (5, 6))
    assert torch.equal(
        same.coefficients, pl.RandomField(on="x").over(BOX).sample(np.random.default_rng(5)).coefficients
    )
    assert not torch.equal(same.coefficients, other.coefficients)
    twin = pl.RandomField(on="x").over(BOX).sample(np.random.default_rng(5))
    assert twin == same and hash(twin) == hash(same) and other != same


def heat(u, k):
    return u.t - pl.diff(k * u.x, "x")


def family(**parameters) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 0.1)),
        unknowns="u",
        equations=lambda u, nu: u.t - nu * u.xx,
        conditions=[pl.Initial(u=lambda u0: 2 * u0), pl.Periodic(on="x")],
        parameters={"nu": pl.Uniform(0.05, 0.15), "u0": pl.RandomField(on="x", length_scale=0.8), **parameters},
    )


def test_a_family_of_functions() -> None:
    problem = family()
    assert problem.families == ("nu", "u0")
    assert problem.parameters["u0"].periodic == ("x",), "asked from the problem's conditions"
    report = str(problem.check())
    assert "parameter u0 is a family RandomField(on=('x',)" in report and "problem.at(u0=...)" in report
    drawn = problem.sample(np.random.default_rng(4))
    again = problem.sample_parameters(np.random.default_rng(4))
    assert drawn.families == () and drawn.parameters["nu"] == again["nu"]
    assert torch.equal(drawn.parameters["u0"].coefficients, again["u0"].coefficients)
    with pytest.raises(ValueError, match=r"PINN solves one instance.*'nu' is a family"):
        pl.solve(problem, pl.PINN())
    with pytest.raises(ValueError, match=r"nu, u0 is a family.*problem.at\(nu=0.1, u0=...\) or problem.sample"):
        pl.reference_solution(problem)


def exact(member: FunctionParameter, nu: float, x: np.ndarray, t: float) -> np.ndarray:
    """2 u0 diffused: each Fourier coefficient decays."""
    assert isinstance(member, GaussianFunction)
    k = np.concatenate([[0], np.repeat(np.arange(1, (len(member.coefficients) + 1) // 2), 2)])
    decay = torch.from_numpy(np.exp(-nu * (2 * np.pi * k) ** 2 * t))
    return 2 * GaussianFunction(("x",), (0,), (0.0,), (1.0,), member.coefficients * decay)(x)


def test_members_are_solved() -> None:
    problem = family().sample(np.random.default_rng(7))
    nu, u0 = problem.parameters["nu"], problem.parameters["u0"]
    x = np.linspace(0, 1, 9)
    reference = pl.reference_solution(problem)
    assert np.allclose(reference(x=x, t=0.1)["u"], exact(u0, nu, x, 0.1), rtol=0, atol=1e-8)
    solution = pl.solve(
        problem,
        pl.PINN(network=pl.MLP(width=12, depth=2), stages=pl.LevenbergMarquardt(steps=25)),
        max_seconds=20,
        progress=False,
    )
    assert np.allclose(solution(x=x, t=0.0)["u"], 2 * u0(x), rtol=0, atol=1e-12), "built in exactly"
    assert np.allclose(solution(x=x, t=0.05)["u"], exact(u0, nu, x, 0.05), rtol=0, atol=1e-2)


def test_any_function_is_a_member() -> None:
    problem = family().at(nu=0.1, u0=lambda x: torch.cos(2 * math.pi * x))
    reference = pl.reference_solution(problem)
    x = np.linspace(0, 1, 9)
    expected = 2 * np.cos(2 * np.pi * x) * np.exp(-((2 * np.pi) ** 2) * 0.01)
    assert np.allclose(reference(x=x, t=0.1)["u"], expected, rtol=0, atol=1e-8)
    assert problem.at(u0=3.0).parameters["u0"] == 3.0, "a number is a constant function"
    other = family().parameters["u0"].sample(np.random.default_rng(0))
    assert problem.at(u0=other).parameters["u0"](0.3) == other(0.3)


def test_a_coefficient_field_has_derivatives_in_equations() -> None:
    def build(k, **more) -> pl.Problem:
        return pl.Problem(
            domain=pl.Box(t=(0.0, 0.2), x=(0.0, 1.0)),
            unknowns="u",
            equations=heat,
            conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0, on="x")],
            parameters={"k": k},
            **more,
        )

    constant, numbers = build(lambda x: 0.3 + 0 * x), build(0.3)
    x = np.linspace(0, 1, 6)
    there = pl.reference_solution(constant)(x=x, t=0.2)["u"]
    assert np.allclose(there, pl.reference_solution(numbers)(x=x, t=0.2)["u"], rtol=0, atol=1e-8)
    # the random field's series, and the same function differentiated by autograd
    field = build(pl.RandomField(on="x", length_scale=0.4, std=0.1, mean=1.0))
    member = field.sample(np.random.default_rng(3))
    k = member.parameters["k"]
    plain = field.at(k=lambda x: k(x))
    found = [pl.reference_solution(p, tolerance=1e-6)(x=x, t=0.2)["u"] for p in (member, plain)]
    assert np.allclose(found[0], found[1], rtol=0, atol=1e-6)
    assert np.abs(found[0] - there).max() > 1e-2
    # what the equation sees is a field with derivatives
    seen = []
    pl.Problem(
        domain=BOX, unknowns="u", equations=lambda u, k, x, y: (seen.extend((k, x, y)), k.xy * u + u.t)[1],
        parameters={"k": lambda x, y: x**2 * y**3},
    )  # fmt: skip
    k, x, y = seen[:3]
    assert k.coordinates == BOX.coordinates and k.value.shape == (7,)
    torch.testing.assert_close(k.xy.value, 6 * x.value * y.value**2)
    assert float(k.t.value.abs().max()) == 0.0


def test_boundary_values_and_references_bind_functions() -> None:
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t + u.x,
        conditions=[pl.Initial(u=lambda x: 0 * x), pl.Dirichlet(u=lambda inflow: inflow, on="x-")],
        parameters={"inflow": lambda t: torch.sin(t) ** 2},
        reference=lambda x, t, inflow: torch.where(t > x, inflow(torch.relu(t - x)), 0.0),
    )
    found = pl.reference_solution(problem, tolerance=1e-4)
    assert found(x=0.0, t=0.7)["u"] == pytest.approx(math.sin(0.7) ** 2, abs=1e-6)
    solution = pl.solve(problem, pl.PINN(stages=pl.LevenbergMarquardt(steps=3)), progress=False)
    assert solution(x=0.0, t=0.7)["u"] == pytest.approx(math.sin(0.7) ** 2, abs=1e-12)
    assert set(solution.error()) == {"u"}


def test_saved_solutions_keep_members(tmp_path: Path) -> None:
    problem = family().at(nu=0.1, u0=family().parameters["u0"].sample(np.random.default_rng(0)))
    for number, k in enumerate((problem, problem.at(u0=lambda x: torch.sin(2 * math.pi * x)))):
        solution = pl.solve(k, pl.PINN(stages=pl.LevenbergMarquardt(steps=2)), progress=False)
        path = tmp_path / f"{number}.pinn"
        solution.save(path)
        loaded, again = pl.Solution.load(path), pl.Solution.load(path, problem=k)
        x = np.linspace(0, 1, 5)
        assert np.allclose(loaded(x=x, t=0.05)["u"], solution(x=x, t=0.05)["u"], rtol=0, atol=1e-9)
        assert again.problem is k
        if number == 0:
            assert np.allclose(loaded.problem.parameters["u0"](x), k.parameters["u0"](x), rtol=0, atol=1e-14)
            with pytest.raises(ValueError, match=r"load\(problem=...\): the file was written for parameters="):
                pl.Solution.load(path, problem=family().sample(np.random.default_rng(1)))
        else:
            with pytest.raises(ValueError, match="files hold no functions"):
                loaded.problem.parameters["u0"](x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on": ()}, "name one or more coordinates"),
        ({"on": "x", "length_scale": 0.0}, "length_scale of x is 0.0; give a positive number"),
        ({"on": "x", "length_scale": {"y": 1.0}}, "give a number, or one for each of"),
        ({"on": "x", "std": -1.0}, "std is -1.0"),
        ({"on": "x", "mean": math.nan}, "mean=nan"),
        ({"on": "x", "kernel": "cubic"}, "choose one of 'squared_exponential', 'matern52'"),
        ({"on": "x", "periodic": "y"}, "the coordinates are x"),
    ],
)
def test_bad_fields(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pl.RandomField(**options)


def test_bad_uses() -> None:
    with pytest.raises(ValueError, match=r"has no region yet: put it into Problem"):
        pl.RandomField(on="x").sample(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"'z' is no coordinate of Box\(x=\(0, 1\), t=\(0, 0.1\)\)"):
        family(u0=pl.RandomField(on="z"))
    with pytest.raises(ValueError, match="too small for an interval of length 1; more than 2000"):
        line(length_scale=1e-4).sample(np.random.default_rng(0))
    problem = family()
    with pytest.raises(ValueError, match=r"at\(u0=...\): the function depends on t; this parameter is a function of x"):
        problem.at(u0=lambda t: t)
    with pytest.raises(ValueError, match=r"at\(u0=...\) has an argument 'z'"):
        problem.at(u0=lambda z: z)
    with pytest.raises(TypeError, match=r"at\(u0=...\) got 'sin'; give a function of x, or a finite number"):
        problem.at(u0="sin")
    with pytest.raises(ValueError, match=r"at\(v0=0.0\): not a parameter of this problem; its parameters are nu, u0"):
        problem.at(v0=0.0)
    with pytest.raises(ValueError, match=r"returned shape \(1,\) for"):
        problem.at(nu=0.1, u0=lambda x: x[:1])
    with pytest.raises(ValueError, match="has an argument 'v0', which is no unknown, coordinate or parameter"):
        problem.replace(conditions=[pl.Initial(u=lambda v0: v0)])


def test_values_take_the_points_device_and_dtype() -> None:
    function = GivenFunction(lambda x: 2 * x, ("x",), (0,))
    assert function.to("cpu", torch.float32) is function
    at = torch.ones(3, 1, dtype=torch.float32)
    assert function.jet(at, VALUE).dtype == torch.float32
    member = line().sample(np.random.default_rng(0))
    assert member.jet(at, closure([(0,)])).dtype == torch.float32


def test_a_member_handed_through_gives_its_own_derivatives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ``lambda u0: u0`` no derivative is taken by torch; of twice it, they are, and are twice as large."""
    field = pl.RandomField(on="x", periodic=True).over(pl.Box(x=(0.0, 1.0)))
    u0 = field.sample(np.random.default_rng(0))
    indices = ((), (0,), (0, 0), (0, 0, 0))
    points = torch.linspace(0, 1, 5, dtype=torch.float64)[:, None]
    known = u0.jet(points, indices)
    twice = FunctionValue(lambda u0: 2 * u0, ("u0",), ("x",), (("u0", u0),)).jet(points, indices)
    assert torch.allclose(twice, 2 * known, rtol=1e-10, atol=1e-9)
    monkeypatch.setattr("pinnlab.declaration.ansatz.autograd_jet", None)
    assert torch.equal(FunctionValue(lambda u0: u0, ("u0",), ("x",), (("u0", u0),)).jet(points, indices), known)
