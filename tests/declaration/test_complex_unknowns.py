"""Complex unknowns: the problem in psi is the real problem in its parts, and all that is handed back is complex again."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from complex_waves import CIRCLE, TIMES, free, periodic, rotation, wave

import pinnlab as pl
from pinnlab.declaration.complex_unknowns import joined, joined_columns, separated

SMALL = pl.MLP(width=10, depth=2)
STEPS = (pl.LevenbergMarquardt(steps=25),)


# -- the real problem underneath


def test_a_complex_unknown_is_two_real_ones() -> None:
    problem = rotation()
    assert problem.unknowns == ("psi_real", "psi_imag", "u") and problem.complex_unknowns == ("psi",)
    assert problem.declared == {"psi": complex, "u": float}
    assert problem.residual_names == ("turn_real", "turn_imag", "size")
    assert problem.derivatives["psi_real"] == problem.derivatives["psi_imag"] == {(), ("t",)}
    assert problem.conditions[0].values == {"psi_real": 1.0, "psi_imag": 1.0}
    assert "the complex unknown psi is psi_real + i psi_imag" in problem.check().notes
    assert problem.check().complete


def test_changed_problems_stay_complex() -> None:
    problem = periodic(parameters={"a": pl.Uniform(0.0, 1.0)}, equations=lambda psi, a: free(psi) + a * psi)
    for changed in (problem.at(a=0.5), problem.replace(name="b"), problem.replace(conditions=problem.conditions)):
        assert changed.declared == {"psi": complex} and changed.unknowns == problem.unknowns
    again = problem.replace(conditions=[pl.Initial(psi=2j), pl.Periodic(on="x", unknowns="psi")])
    assert again.conditions[0].values == {"psi_real": 0.0, "psi_imag": 2.0}
    assert again.conditions[1].unknowns == ("psi_real", "psi_imag")  # type: ignore[attr-defined]


def test_conditions_prescribe_both_parts() -> None:
    second = pl.Problem(
        CIRCLE, {"psi": complex}, lambda psi: psi.tt - psi.xx,
        [
            pl.Initial(psi=lambda x: torch.sin(x), psi_t=lambda x: 1j * torch.sin(x)), pl.Dirichlet(psi=0.0, on="x-"),
            pl.Robin(psi=(1.0, 2.0, 3.0 - 1j), on="x+"), pl.Data({"x": [1.0, 2.0], "t": [0.1, 0.2]}, psi=[1j, 2.0]),
        ],
    )  # fmt: skip
    start, left, right, data = second.conditions
    x = torch.tensor([0.5])
    assert start.values["psi_imag"](x).tolist() == [0.0] and start.values["psi_real"](x).tolist() == x.sin().tolist()
    assert (
        start.values["psi_real_t"](x).tolist() == [0.0] and start.values["psi_imag_t"](x).tolist() == x.sin().tolist()
    )
    assert left.values == {"psi_real": 0.0, "psi_imag": 0.0}
    assert right.values == {"psi_real": (1.0, 2.0, 3.0), "psi_imag": (1.0, 2.0, -1.0)}
    assert data.values["psi_real"].tolist() == [0.0, 2.0] and data.values["psi_imag"].tolist() == [1.0, 0.0]
    assert repr(start).startswith("Initial(psi_real=Re <lambda>, psi_imag=Im <lambda>, psi_real_t=Re <lambda>")
    names = [c.name for c, how in zip(second.conditions, second.check().conditions, strict=True) if how[1] == "exact"]
    assert names == ["Initial", "Dirichlet"]


def test_equations_may_name_the_parts() -> None:
    def parts(psi_real: pl.Field, psi_imag: pl.Field) -> dict[str, pl.Field]:
        return {"a": psi_real.t + psi_imag.xx / 2, "b": psi_imag.t - psi_real.xx / 2}

    problem = periodic(equations=parts)
    assert problem.residual_names == ("a", "b")


def test_values_are_put_together_and_taken_apart() -> None:
    values = {"u": np.array([1.0]), "psi_real": np.array([2.0]), "psi_imag": np.array([3.0])}
    assert joined(values, ("psi",)) == {"u": np.array([1.0]), "psi": np.array([2.0 + 3.0j])}
    assert joined(values, ()) == values
    apart = separated({"psi": np.array([2.0 + 3.0j]), "u": values["u"]}, ("psi",))
    assert {name: float(v[0]) for name, v in apart.items()} == {"psi_real": 2.0, "psi_imag": 3.0, "u": 1.0}
    assert separated({"psi": 2.0}, ("psi",))["psi_imag"] == 0.0
    columns = joined_columns(torch.tensor([[1.0, 2.0, 3.0]]), ("u", "psi_real", "psi_imag"), ("psi",))
    assert columns.tolist() == [[1.0, 2.0 + 3.0j]]


# -- what comes back


@pytest.fixture(scope="module")
def solution() -> pl.Solution:
    return pl.solve(periodic(), max_seconds=10, progress=False)


def test_solutions_are_complex(solution: pl.Solution) -> None:
    x = np.linspace(0.0, 6.0, 4)
    found = solution(x=x, t=0.5)["psi"]
    assert found.dtype == np.complex128 and found == pytest.approx(wave(x, 0.5), abs=1e-6)
    tensor = solution(x=torch.from_numpy(x), t=0.5)["psi"]
    assert tensor.dtype == torch.complex128 and torch.equal(tensor, torch.from_numpy(found))
    assert list(solution.residual(x=x, t=0.5)) == ["free_real", "free_imag"]


def test_errors_are_those_of_complex_numbers(solution: pl.Solution) -> None:
    assert list(solution.error()) == ["psi"] and solution.error()["psi"] < 1e-6
    turned = solution.error(lambda x, t: 1j * torch.as_tensor(wave(x, t)))["psi"]
    assert turned == pytest.approx(math.sqrt(2), rel=1e-5)
    assert solution.error(lambda x, t: {"psi": 2 * torch.as_tensor(wave(x, t))})["psi"] == pytest.approx(0.5, rel=1e-5)
    assert list(solution.history.records[-1].errors) == ["psi"]
    with pytest.raises(ValueError, match="without"):
        solution.error(lambda x, t: {"phi": x})


def test_the_classical_solution_is_complex_too(solution: pl.Solution) -> None:
    reference = pl.reference_solution(periodic())
    assert reference(x=1.0, t=0.5)["psi"] == pytest.approx(wave(1.0, 0.5), abs=1e-7)
    assert reference.values["psi"].dtype == np.complex128
    comparison = solution.compare()
    assert list(comparison.errors) == ["psi"] and comparison.errors["psi"] < 1e-6
    assert "error of psi" in str(comparison)
    assert solution.report(comparison).verdict.name == "GOOD"


def test_files_pictures_and_tables(solution: pl.Solution, tmp_path: Path) -> None:
    solution.save(tmp_path / "s.pt")
    for loaded in (pl.Solution.load(tmp_path / "s.pt"), pl.Solution.load(tmp_path / "s.pt", problem=periodic())):
        assert loaded(x=1.0, t=0.5)["psi"] == solution(x=1.0, t=0.5)["psi"]
        assert loaded.problem.declared == {"psi": complex}
        titles = [axes.get_title() for axes in loaded.plot().axes]
        assert "|psi|" in titles and "Re psi" in titles
    assert loaded.error()["psi"] == pytest.approx(solution.error()["psi"], abs=1e-12)
    table = solution.to_xarray(x=5, t=3)
    assert table["psi"].dtype == np.complex128 and table["psi"].shape == (5, 3)


@pytest.mark.parametrize(
    "solver",
    [
        pl.PINN(network=SMALL, stages=STEPS), pl.CausalPINN(network=SMALL, stages=STEPS, windows=1),
        pl.MultiDomainPINN(network=SMALL, stages=STEPS, subdomains={"t": (0.25,)}),
    ],
    ids=["pinn", "causal", "multidomain"],
)  # fmt: skip
def test_networks_solve_for_both_parts(solver: Any) -> None:
    problem = periodic(conditions=[pl.Initial(psi=lambda x: torch.exp(1j * x)), pl.Periodic(on="x")], reference=None)
    solution = pl.solve(problem, solver, max_seconds=4, progress=False)
    assert solution.error(lambda x, t: torch.exp(1j * (x - t / 2)))["psi"] < 1e-3


def test_a_number_that_turns() -> None:
    solution = pl.solve(rotation(), max_seconds=5, progress=False)
    t = np.linspace(0, 1, 5)
    found = solution(t=t)
    assert found["psi"] == pytest.approx((1 + 1j) * np.exp(1j * t), abs=1e-7)
    assert found["u"].dtype == np.float64 and found["u"] == pytest.approx(np.full(5, 2.0), abs=1e-7)


def test_data_may_be_complex() -> None:
    t = np.linspace(0.1, 1.0, 12)
    problem = pl.Problem(
        TIMES, {"psi": complex}, lambda psi, w: psi.t - 1j * w * psi,
        [pl.Initial(psi=1.0), pl.Data({"t": t}, psi=np.exp(2j * t))], {"w": pl.Unknown(1.5)},
    )  # fmt: skip
    solution = pl.solve(problem, pl.PINN(network=SMALL, stages=STEPS), max_seconds=4, progress=False)
    assert solution.coefficients["w"] == pytest.approx(2.0, abs=1e-4)


def test_one_calculates_with_complex_solutions(solution: pl.Solution) -> None:
    flux = solution.evaluate(lambda psi: (psi.conj() * psi.x).imag, x=np.linspace(0.0, 6.0, 4), t=0.3)
    assert flux == pytest.approx(np.full(4, 2.0), abs=1e-6)
    assert solution.evaluate(lambda psi: psi.laplacian, x=1.0, t=0.0) == pytest.approx(-4 * wave(1.0, 0.0), abs=1e-5)
    mass = solution.integrate(lambda psi: abs(psi) ** 2, t=0.5)
    assert mass == pytest.approx(2 * math.pi, abs=1e-6) and isinstance(mass, float)
    overlap = solution.integrate(lambda psi, x: {"c": torch.exp(-2j * x) * psi, "m": abs(psi)}, t=[0.0, 0.5])
    assert overlap["c"] == pytest.approx(2 * math.pi * np.exp([0.0, -1j]), abs=1e-6)
    assert overlap["m"].dtype == np.float64 and overlap["c"].error.shape == (2,)
    single = solution.integrate(lambda psi, x: torch.exp(-2j * x) * psi, t=0.5)
    assert single == pytest.approx(2 * math.pi * np.exp(-1j), abs=1e-6) and single.error < 1e-6
    t = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
    value = solution(x=torch.tensor(1.0), t=t)["psi"]
    (slope,) = torch.autograd.grad(value.imag, t)
    assert float(slope) == pytest.approx((-2j * wave(1.0, 0.2)).imag, abs=1e-5)


def outgoing(last: Any) -> pl.Problem:
    """The wave exp(5 i x) on (0, 1)."""
    ends = [pl.Dirichlet(u=1.0, on="x-"), last]
    return pl.Problem(pl.Box(x=(0.0, 1.0)), {"u": complex}, pl.equations.helmholtz, ends, {"k": 5.0})


def test_formulas_on_the_boundary_may_be_complex() -> None:
    problem = outgoing(pl.Condition(lambda u, n, k: u.d(n) - 1j * k * u, on="x+"))
    (_, terms) = problem.condition_terms()[1]
    assert terms[0].residuals == ("condition_real x+", "condition_imag x+")
    solution = pl.solve(problem, max_seconds=5, progress=False)
    assert solution.error(lambda x: torch.exp(5j * x))["u"] < 1e-8
    reference = pl.reference_solution(problem)
    assert reference(x=0.5)["u"] == pytest.approx(np.exp(2.5j), abs=1e-9)


def test_measured_expressions_may_be_complex() -> None:
    x = np.linspace(0.0, 1.0, 9)
    data = pl.Data({"x": x}, of=lambda u: u.x, values=5j * np.exp(5j * x), sd=0.01)
    problem = outgoing(data)
    assert [t.residuals for _, terms in problem.condition_terms()[1:] for t in terms] == [
        ("data expression_real",), ("data expression_imag",),
    ]  # fmt: skip
    assert problem.conditions[1].sd.keys() == {"expression_real", "expression_imag"}  # type: ignore[attr-defined]
    solution = pl.solve(problem, max_seconds=5, progress=False)
    assert solution.error(lambda x: torch.exp(5j * x))["u"] < 1e-8
    with pytest.raises(TypeError, match=r"Data\(expression=...\) holds complex numbers"):
        pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u.xx, [data])


def test_an_integral_of_a_complex_unknown_finds_a_number() -> None:
    conditions = [pl.Dirichlet(psi=1.0, on="x-"), pl.Integral(lambda psi: psi.real, equals=0.0)]
    box, found = pl.Box(x=(0.0, 2 * math.pi)), {"w": pl.Unknown(0.9)}
    problem = pl.Problem(box, {"psi": complex}, lambda psi, w: psi.x - 1j * w * psi, conditions, found)
    solution = pl.solve(problem, max_seconds=5, progress=False)
    assert solution.coefficients["w"] == pytest.approx(1.0, abs=1e-8)
    with pytest.raises(TypeError, match="give an Integral for each"):
        problem.replace(conditions=[conditions[0], pl.Integral(lambda psi: psi, equals=0.0)])


def test_characteristics_carry_complex_values() -> None:
    def carried(psi: pl.Field) -> pl.Field:
        return psi.t + 0.7 * psi.x - 0.3j * psi

    problem = periodic(equations=carried, velocity=0.7, reference=None)
    solution = pl.solve(problem, pl.LagrangianPINN(network=SMALL, stages=STEPS), max_seconds=4, progress=False)
    assert list(solution.residual(x=1.0, t=0.2)) == ["carried_real", "carried_imag"]
    assert solution.error(lambda x, t: torch.exp(2j * (x - 0.7 * t) + 0.3j * t))["psi"] < 1e-3


def test_interfaces_join_complex_fluxes() -> None:
    solver = pl.MultiDomainPINN(
        network=SMALL, stages=STEPS, subdomains={"t": (0.25,)}, interface=("value", "flux"), flux=lambda psi: 1j * psi
    )
    problem = periodic(conditions=[pl.Initial(psi=lambda x: torch.exp(1j * x)), pl.Periodic(on="x")], reference=None)
    solution = pl.solve(problem, solver, max_seconds=4, progress=False)
    assert solution.error(lambda x, t: torch.exp(1j * (x - t / 2)))["psi"] < 1e-3


@pytest.mark.slow
def test_families_of_complex_problems() -> None:
    problem = pl.Problem(
        CIRCLE, {"psi": complex}, lambda psi, a: free(psi) - a * psi,
        [pl.Initial(psi=lambda x: torch.exp(1j * x)), pl.Periodic(on="x")], {"a": pl.Uniform(0.0, 1.0)},
        reference=lambda x, t, a: torch.exp(1j * (x - t / 2 - a * t)),
    )  # fmt: skip
    solution = pl.solve(problem, max_seconds=20, progress=False)
    assert solution.error()["psi"] < 1e-3
    assert solution(x=1.0, t=0.5, a=0.5)["psi"] == pytest.approx(np.exp(0.5j), abs=1e-3)


def test_single_precision_checkpoints_films_and_paraview(tmp_path: Path) -> None:
    solver = pl.PINN(network=SMALL, stages=(pl.Adam(steps=5), pl.LevenbergMarquardt(steps=5)))
    options: dict[str, Any] = {"progress": False, "dtype": torch.float32, "checkpoint": tmp_path / "run.pt"}
    first, again = (pl.solve(periodic(), solver, **options) for _ in range(2))
    assert first(x=1.0, t=0.1)["psi"].dtype == np.complex64
    assert first(x=1.0, t=0.1)["psi"] == again(x=1.0, t=0.1)["psi"]
    assert len(list(first.animate(tmp_path / "film", frames=2).iterdir())) == 2
    meshio = pytest.importorskip("meshio")
    first.to_vtu(tmp_path / "s.vtu", t=0.1)
    both = {"psi_real", "psi_imag", "psi_real_reference", "psi_imag_reference"}
    assert set(meshio.read(tmp_path / "s.vtu").point_data) == both


def test_complex_unknowns_have_natural_units() -> None:
    hbar, m, length = 1.054571817e-34, 9.1093837e-31, 4e-9
    k = 2 * math.pi / length
    w = hbar * k**2 / (2 * m)
    problem = pl.Problem(
        pl.Box(x=(0.0, length), t=(0.0, 2.0 / w)), {"psi": complex}, pl.equations.schroedinger,
        [pl.Initial(psi=lambda x: 1e4 * torch.exp(1j * k * x)), pl.Periodic(on="x")], {"hbar": hbar, "m": m},
        reference=lambda x, t: 1e4 * torch.exp(1j * (k * x - w * t)),
    )  # fmt: skip
    assert pl.solve(problem, max_seconds=8, progress=False).error()["psi"] < 1e-8
    scales = problem.replace(scales={"psi": 2e4, "schroedinger": 1e-16}).scales()
    assert scales.unknowns["psi_real"] == scales.unknowns["psi_imag"] == (0.0, 2e4)
    assert scales.equations == {"schroedinger_real": 1e-16, "schroedinger_imag": 1e-16}


@pytest.mark.parametrize(
    ("equation", "factor"),
    [
        (lambda psi, a: pl.diff((a + 0.3j) * psi.x, "x") + 36 * psi, lambda a: a + 0.3j),
        (lambda psi, a: 1j * pl.diff(a * psi.x, "x") + 36 * psi, lambda a: 1j * a),
        (lambda psi, a: pl.diff((1 + 0.3j) * a * psi.x, "x") + 36 * psi, lambda a: (1 + 0.3j) * a),
    ],
)
def test_complex_fluxes_are_continuous_where_materials_meet(
    equation: Callable[..., Any], factor: Callable[[float], complex]
) -> None:
    """f psi'' + 36 psi = 0 on both sides, psi and f psi' continuous: two waves in each layer, from four conditions."""
    layers = (1.0, 0.25)
    material = pl.Piecewise((pl.Box(x=(0.0, 0.5)), layers[0]), otherwise=layers[1])
    ends = [pl.Dirichlet(psi=1.0, on="x-"), pl.Dirichlet(psi=0.0, on="x+")]
    problem = pl.Problem(pl.Box(x=(0.0, 1.0)), {"psi": complex}, equation, ends, {"a": material})
    k, f = [6 / np.sqrt(factor(a) + 0j) for a in layers], [factor(a) for a in layers]

    def waves(j: int, x: Any) -> Any:
        return np.array([np.exp(1j * k[j] * (x - 0.5)), np.exp(-1j * k[j] * (x - 0.5))])

    slope = [1j * k[j] * f[j] * np.array([1, -1]) for j in (0, 1)]
    rows = [[*waves(0, 0.0), 0, 0], [0, 0, *waves(1, 1.0)], [1, 1, -1, -1], [*slope[0], *-slope[1]]]
    c = np.linalg.solve(np.array(rows), [1, 0, 0, 0])
    x = np.linspace(0.01, 0.99, 23)
    exact = np.where(x < 0.5, c[:2] @ waves(0, x), c[2:] @ waves(1, x))
    np.testing.assert_allclose(pl.solve(problem, progress=False)(x=x)["psi"], exact, atol=1e-8)
    np.testing.assert_allclose(pl.reference_solution(problem)(x=x)["psi"], exact, atol=1e-8)
