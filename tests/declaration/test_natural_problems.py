"""Problems in natural units: solved, shown, saved and resumed in the units of the user."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from warm_rod import rod

import pinnlab as pl
from pinnlab.derivatives.pointwise import gradients
from pinnlab.reference.grids.equations import Equations
from scaled import PAIRS


def test_the_natural_problem_has_numbers_about_one() -> None:
    natural = rod().natural
    assert natural.scales().natural
    assert all(0.5 < upper - lower < 2 for lower, upper in natural.domain.bounds.values())


@pytest.mark.parametrize("loud", [1.0, 0.02])
def test_sound_is_small_beside_the_pressure_of_the_air(loud: float) -> None:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 5e-3)),
        "p",
        lambda p: p.tt - 343.0**2 * p.xx,
        [pl.Initial(p=lambda x: 1e5 + loud * torch.sin(math.pi * x), p_t=0.0), pl.Dirichlet(p=1e5)],
    )
    offset, scale = problem.scales().unknowns["p"]
    assert offset == pytest.approx(1e5, abs=loud) and 0.2 * loud < scale < 2 * loud


def test_exponentials_are_tried_in_units_in_which_they_are_finite() -> None:
    def screened(V: pl.Field) -> pl.Field:
        return V.xx - torch.sinh(V / 1e-9)

    wall = [pl.Dirichlet(V=1e-9, on="x-"), pl.Dirichlet(V=0.0, on="x+")]
    assert 1e-10 < pl.Problem(pl.Box(x=(0.0, 1.0)), "V", screened, wall).scales().unknowns["V"][1] < 2e-9
    with pytest.raises(ValueError, match="NaN or infinity"):
        pl.Problem(pl.Box(x=(0.0, 1.0)), "V", lambda V: V.xx - torch.sqrt(-1 - V**2), wall)


def test_exponentials_are_counted_in_steps_over_which_they_change_little() -> None:
    def step(equation: Any, wall: float) -> float:
        ends = [pl.Dirichlet(V=wall, on="x-"), pl.Dirichlet(V=0.0, on="x+")]
        return pl.Problem(pl.Box(x=(0.0, 1.0)), "V", equation, ends).scales().unknowns["V"][1]

    # 2^-4 is next to 0.05, over which exp(V / 0.025) grows by far; 2^-5 is next to half of it
    assert step(lambda V: V.xx - 100 * torch.sinh(V / 0.025), 0.05) == 2.0**-5
    # values beyond five leave what is usual, however steep
    assert step(lambda V: V.xx - 100 * torch.sinh(V / 0.001), 0.05) == 2.0**-6
    # where the exponential is small beside V.xx, or a power, steps are as large as V
    assert step(lambda V: V.xx - 1e-3 * torch.sinh(V / 0.025), 0.05) == 2.0**-4
    assert step(lambda V: V.xx - 1e5 * V**3, 0.05) == 2.0**-4
    assert step(lambda V: V.xx - 1e3 * V, 0.05) == 2.0**-4


def test_ordinary_equations_are_followed_to_where_they_go() -> None:
    def growth(n: pl.Field) -> pl.Field:
        return n.t - n * (1 - n / 1e6)

    problem = pl.Problem(pl.Box(t=(0.0, 30.0)), "n", growth, pl.Initial(n=10.0))
    assert 5e5 < problem.scales().unknowns["n"][1] < 2e6


def test_terms_across_a_thin_side_do_not_outweigh_the_others() -> None:
    start = pl.Initial(T=lambda x: 293 + 3 * torch.sin(10 * math.pi * x))

    def strip(width: float) -> Any:
        return pl.Problem(
            pl.Box(x=(0.0, 0.1), y=(0.0, width), t=(0.0, 20.0)), "T", lambda T: 2.4e6 * T.t - 200.0 * (T.xx + T.yy),
            [start, pl.Dirichlet(T=293.0, on="x"), pl.Neumann(T=0.0, on="y")],
        ).scales()  # fmt: skip

    line, square, thin = rod().scales(), strip(0.1), strip(0.01)
    assert list(thin.equations.values()) == list(square.equations.values())
    assert thin.conditions == square.conditions
    # a term more, of the size of the others
    assert 0.9 < next(iter(thin.equations.values())) / line.equations["heat"] < 2.1
    # what is 1000 times as thin is a layer, and counts in its own length
    assert strip(1e-4).coordinates["y"][1] < 1e-3 and strip(1e-4).conditions != square.conditions


def test_unknowns_that_are_about_equally_large_share_a_scale() -> None:
    def one(size: float, **given: Any) -> dict[str, float]:
        def apart(u: pl.Field, v: pl.Field) -> dict[str, pl.Field]:
            return {"u": u.xx, "v": v.xx}

        hot = [pl.Dirichlet(u=0.0, v=0.0, on="x-"), pl.Dirichlet(u=1e-6, v=size * 1e-6, on="x+")]
        found = pl.Problem(pl.Box(x=(0.0, 1.0)), ("u", "v"), apart, hot, **given).scales().unknowns
        return {name: scale for name, (_, scale) in found.items()}

    # powers of two: 2^-20 and what is less by far, 2^-22
    assert one(0.6) == {"u": 2.0**-20, "v": 2.0**-20}
    assert one(0.25) == {"u": 2.0**-20, "v": 2.0**-22}
    # what the user says of one tells nothing of the other
    assert one(0.6, scales={"u": 1e-6}) == {"u": 1e-6, "v": 2.0**-21}
    # the concentrations of a reaction from 1 to 0.5, from 0.5 to 0 and from 0 to 0.5
    scales = PAIRS["kinetics"]().si.scales().unknowns
    assert scales["a"] == scales["b"] == (0.0, 2.0**-20) and scales["c"] == (0.0, 2.0**-21)


@pytest.mark.parametrize("height", [0.01, 0.02, 0.005])
def test_a_flow_has_one_speed_and_the_pressure_that_goes_with_it(height: float) -> None:
    # no speed along y and no pressure is prescribed: those of a flow of 2^-7 m/s and 2^10 kg/m^3 that is as wide as long
    rho, mu, speed = 2.0**10, 2.0**-10, 2.0**-7

    def flow(u: pl.Field, v: pl.Field, p: pl.Field) -> dict[str, pl.Field]:
        return {
            "mass": u.x + v.y,
            "along": rho * (u * u.x + v * u.y) + p.x - mu * (u.xx + u.yy),
            "across": rho * (u * v.x + v * v.y) + p.y - mu * (v.xx + v.yy),
        }

    inflow = pl.Dirichlet(u=lambda y: 4 * speed * y * (height - y) / height**2, v=0.0, on="x-")
    held = [inflow, pl.Dirichlet(u=0.0, v=0.0, on="y"), pl.Dirichlet(p=0.0, v=0.0, on="x+")]
    box = pl.Box(x=(0.0, 0.02), y=(0.0, height))
    scales = pl.Problem(box, ("u", "v", "p"), flow, held).scales().unknowns
    assert scales["u"] == scales["v"] == (0.0, speed)
    assert 0.5 * rho * speed**2 <= scales["p"][1] <= rho * speed**2


def test_solutions_come_back_in_the_users_units() -> None:
    solution = pl.solve(rod(), pl.HardConstraintMoE(), progress=False)
    x, t = np.array([0.02, 0.05]), 5.0
    exact = 293 + 3 * math.exp(-200 / 2.4e6 * (10 * math.pi) ** 2 * t) * np.sin(10 * math.pi * x)
    assert solution(x=x, t=t)["T"] == pytest.approx(exact, abs=1e-6)
    (part, *_) = solution.models
    jet = part.jet(torch.tensor([[0.05, 0.0]], dtype=torch.float64), ((), (0,), (0, 0)))
    assert jet[2].item() == pytest.approx(-3 * (10 * math.pi) ** 2, rel=1e-4)
    assert np.abs(solution.residual(x=x, t=t)["heat"]).max() < 1e-3 * 200 * 3 * (10 * math.pi) ** 2
    assert part.region.bounds["x"] == (0.0, 0.1)


@pytest.mark.parametrize("name", ["rod", "moments"])
def test_a_network_is_as_accurate_as_in_units_chosen_by_hand(name: str) -> None:
    pair = PAIRS[name]()
    solver = pl.PINN(network=pl.MLP(width=6, depth=2), stages=(pl.LevenbergMarquardt(steps=15),), points=200)
    at = {c: np.random.default_rng(0).uniform(*ends, 100) for c, ends in pair.hand.domain.bounds.items()}
    own = {c: x * pair.units[c] for c, x in at.items()}
    by_hand, si = pl.solve(pair.hand, solver, progress=False)(**at), pl.solve(pair.si, solver, progress=False)(**own)
    for unknown, true in pair.truth(at).items():
        offset, scale = pair.scales[unknown]
        errors = [np.abs(v - true).max() for v in (by_hand[unknown], (si[unknown] - offset) / scale)]
        assert errors[1] < 4 * errors[0] and errors[1] < 0.02, errors


def test_classical_solutions_and_reports_too() -> None:
    solution = pl.solve(rod(), pl.HardConstraintMoE(), progress=False)
    classical = pl.reference_solution(rod())
    assert list(classical.grid["x"][[0, -1]]) == pytest.approx([0.0, 0.1])
    errors = solution.error(classical, relative_to="variation")
    assert errors["T"] < 1e-7
    assert solution.report().verdict.name == "GOOD"


def test_saved_solutions_are_the_same(tmp_path: Path) -> None:
    for solver in (pl.HardConstraintMoE(), pl.CausalPINN(windows=2, stages=(pl.Adam(steps=2),))):
        solution = pl.solve(rod(), solver, progress=False)
        solution.save(tmp_path / "rod.pt")
        again = pl.Solution.load(tmp_path / "rod.pt", problem=rod())
        at = {"x": np.linspace(0, 0.1, 5), "t": np.linspace(0, 20, 5)}
        assert again(**at)["T"] == pytest.approx(solution(**at)["T"], abs=1e-10)


def test_a_run_resumes_in_natural_units(tmp_path: Path) -> None:
    def solve(steps: int, **more: Any) -> pl.Solution:
        return pl.solve(rod(), pl.PINN(stages=(pl.Adam(steps=steps),)), progress=False, **more)

    whole = solve(6)
    path = tmp_path / "rod.ck"
    stopped = pl.solve(
        rod(), pl.PINN(stages=(pl.Adam(steps=6),)), progress=False, checkpoint=path, callbacks=[lambda record: True]
    )
    assert stopped.status.name == "INTERRUPTED"
    resumed = solve(6, checkpoint=path)
    assert resumed(x=0.03, t=3.0)["T"] == whole(x=0.03, t=3.0)["T"]


def test_radiation() -> None:
    k, emitted, length = 20.0, 0.8 * 5.67e-8, 0.1
    problem = pl.Problem(
        pl.Box(x=(0.0, length)),
        "T",
        lambda T: k * T.xx,
        [
            pl.Dirichlet(T=800.0, on="x-"),
            pl.Condition(lambda T, n: k * T.d(n) + emitted * (T**4 - 300.0**4), on="x+"),
        ],
    )
    end = float(pl.solve(problem, pl.HardConstraintMoE(), progress=False)(x=length)["T"])
    assert k * (800 - end) / length == pytest.approx(emitted * (end**4 - 300**4), rel=1e-7)


def test_a_norm_tells_the_size_of_what_is_homogeneous() -> None:
    planck, mass, width = 1.0546e-34, 9.109e-31, 1e-9
    problem = pl.Problem(
        pl.Box(x=(0.0, width)),
        "psi",
        lambda psi, E: -(planck**2) / 2 / mass * psi.xx - E * psi,
        [pl.Dirichlet(psi=0.0), pl.Integral(lambda psi: psi**2, equals=1.0)],
        {"E": pl.Unknown(7e-20)},
    )
    assert 1e4 < problem.scales().unknowns["psi"][1] < 1e5
    solution = pl.solve(problem, pl.HardConstraintMoE(), progress=False)
    assert solution.coefficients["E"] == pytest.approx((planck * math.pi / width) ** 2 / 2 / mass, rel=1e-8)
    assert abs(float(solution(x=width / 2)["psi"])) == pytest.approx(math.sqrt(2 / width), rel=1e-8)


def test_complex_unknowns_have_one_scale() -> None:
    planck, mass, width, end = 1.0546e-34, 9.109e-31, 1e-9, 1e-15
    problem = pl.Problem(
        pl.Box(x=(0.0, width), t=(0.0, end)),
        {"psi": complex},
        lambda psi: 1j * planck * psi.t + planck**2 / 2 / mass * psi.xx,
        [pl.Initial(psi=lambda x: 4e4 * torch.sin(math.pi * x / width)), pl.Dirichlet(psi=0.0)],
    )
    scales = problem.scales().unknowns
    assert scales["psi_real"] == scales["psi_imag"]
    turned = np.exp(-0.5j * planck / mass * (math.pi / width) ** 2 * end)
    solution = pl.solve(problem, pl.HardConstraintMoE(), progress=False)
    assert complex(solution(x=width / 2, t=end)["psi"]) == pytest.approx(4e4 * turned, rel=1e-6)


def test_a_part_of_a_side_and_measured_fluxes() -> None:
    held = [pl.Dirichlet(T=393.0, on="x-", where=lambda y: y < 0.05), pl.Dirichlet(T=293.0, on="x+")]
    flux = pl.Data({"x": [0.1, 0.1], "y": [0.02, 0.08]}, of=lambda T: 50 * T.x, values=[-2e4, -1e4], sd=100.0)
    problem = pl.Problem(
        pl.Box(x=(0.0, 0.1), y=(0.0, 0.1)), "T", lambda T: 50 * (T.xx + T.yy), [*held, flux, pl.Neumann(T=0.0, on="y")]
    )
    below, _, seen, _ = problem.natural.conditions
    assert isinstance(below, pl.Dirichlet) and below.where is not None
    scale = problem.scales().coordinates["y"][1]
    assert below.where(y=torch.tensor([0.04, 0.06]) / scale).tolist() == [True, False]
    # 50 T_x of 1e4 and sd of 100 are counted in the same unit
    assert isinstance(seen, pl.Data) and seen.sd is not None
    (values,), (sd,) = seen.values.values(), seen.sd.values()
    assert float(values[0] / sd[0]) == pytest.approx(-200.0)


def test_coefficients_are_found_and_recorded_in_the_users_units() -> None:
    x = np.linspace(0.0, 0.1, 20)
    problem = pl.Problem(
        pl.Box(x=(0.0, 0.1)),
        "T",
        lambda T, k: k * T.xx + 1e5,
        [pl.Dirichlet(T=300.0), pl.Data({"x": x}, T=300 + 1e5 / 40 * x * (0.1 - x))],
        {"k": pl.Unknown(5.0)},
    )
    assert problem.scales().unknowns["T"][0] == pytest.approx(303.1, abs=0.1)  # the data's middle
    network, stages = pl.MLP(width=6, depth=1), (pl.LevenbergMarquardt(steps=15),)
    solution = pl.solve(problem, pl.PINN(network=network, stages=stages), progress=False)
    assert solution.coefficients["k"] == pytest.approx(20.0, rel=1e-3)
    assert solution.history.column("k")[-1] == pytest.approx(20.0, rel=1e-3)


def test_what_no_units_mend_is_said() -> None:
    def thin(u: pl.Field) -> pl.Field:
        return 1e-12 * u.xx - u + 1e6

    problem = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", thin, [pl.Dirichlet(u=0.0)])
    text = str(problem.check())
    assert "solved in natural units: Scales(" in text and "differ by a factor of 1e+12" in text
    # also where all other numbers are natural
    small = problem.replace(equations=lambda u: 1e-12 * u.xx - u + 1)
    assert small.scales().natural and "differ by a factor of 1e+12" in str(small.check())
    assert "natural units" not in str(pl.load_problem("heat_robin").check())


def test_digits_that_are_lost_beside_an_offset_are_said() -> None:
    def waved(size: float) -> str:
        start = pl.Initial(T=lambda x: 293 + size * torch.sin(math.pi * x))
        heated = pl.Problem(
            pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "T", lambda T: T.t - T.xx, [start, pl.Dirichlet(T=293.0)]
        )
        return str(heated.check())

    said = waved(1e-9)
    assert "T varies by 5e-10 around 293: of the 16 digits of a number 3 are left for what varies" in said
    assert "take the difference from 293 for an unknown" in said
    assert "digits" not in waved(1e-3) and "digits" not in waved(0.0)


def test_in_the_same_scales_training_is_the_same_step_by_step() -> None:
    def reaction(size: float, end: float) -> pl.Problem:
        def rates(a: pl.Field, b: pl.Field) -> dict[str, pl.Field]:
            taken = 4 / end * a * b / size
            return {"ra": a.t + taken, "rb": b.t + taken - b / end}

        return pl.Problem(pl.Box(t=(0.0, end)), ("a", "b"), rates, pl.Initial(a=size, b=0.5 * size))

    scales = {"t": 1e-3, "a": 1e-6, "b": 1e-6, "ra": 1e-3, "rb": 1e-3}
    solver = pl.PINN(network=pl.MLP(width=6, depth=2), stages=(pl.LevenbergMarquardt(steps=10),))
    by_hand, si = (
        pl.solve(problem, solver, progress=False).history.column("loss")
        for problem in (reaction(1.0, 1.0), reaction(1e-6, 1e-3).replace(scales=scales))
    )
    assert len(by_hand) == len(si) and si == pytest.approx(by_hand, rel=1e-6)


def test_a_scale_of_an_unknown_is_not_that_of_an_equation_of_its_name() -> None:
    def beam(w: pl.Field, m: pl.Field) -> dict[str, pl.Field]:
        return {"w": 2e6 * w.xx - m, "m": m.xx - 5e3}

    held = pl.Problem(pl.Box(x=(0.0, 4.0)), ("w", "m"), beam, [pl.Dirichlet(w=0.0, m=0.0)], scales={"w": 1e-3})
    assert held.scales().unknowns["w"] == (0.0, 1e-3) and held.scales().equations["w"] > 1


def test_a_steady_velocity_has_the_unit_of_its_coordinate() -> None:
    problem = pl.Problem(
        domain=pl.Box(x=(0.0, 5e4), y=(0.0, 5e4)),
        unknowns="u",
        equations=lambda u: 2 * u.x + 4 * u.y - 1e-4 * u,
        conditions=[pl.Dirichlet(u=1.0, on="x-"), pl.Dirichlet(u=1.0, on="y-")],
        velocity=(2.0, 4.0),
    )
    assert problem.check()
    inner = problem.natural.velocity
    assert problem.natural is not problem and inner is not None and inner[1] == pytest.approx(2 * inner[0])


@pytest.mark.parametrize(
    "equation",
    [
        lambda T: 2.4e6 * T.t - 200.0 * T.xx - 1e-7 * T**4,
        lambda T, x: 2.4e6 * T.t - 200.0 * (1 + x) * T.laplacian + 5e3 * abs(T.x),
    ],
)
def test_problems_in_natural_units_are_evaluated_as_cheaply_as_others(equation: Any) -> None:
    conditions = [pl.Initial(T=lambda x: 293 + 3 * torch.sin(10 * math.pi * x)), pl.Dirichlet(T=293.0)]
    problem = pl.Problem(pl.Box(x=(0.0, 0.1), t=(0.0, 20.0)), "T", equation, conditions)
    assert not problem.scales().natural and problem.change.coordinate("x").scale != 1
    equations = Equations(problem.natural)
    assert equations.quick
    columns = problem.natural.domain.columns(torch.tensor([[0.3, 0.2], [0.6, 0.9]], dtype=torch.float64))
    jet = {key: torch.rand(2, dtype=torch.float64, requires_grad=True) for key in [(), ("x",), ("t",), ("x", "x")]}
    scopes = [equations.scope({"T": jet}, columns, quick=quick) for quick in (True, False)]
    found, wanted = (problem.natural.equation_term().evaluate((scope,)) for scope in scopes)
    for a, b in zip(found.values(), wanted.values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=0.0)
        for mine, theirs in zip(gradients(a, jet).items(), gradients(b, jet).items(), strict=True):
            assert mine[0] == theirs[0]
            torch.testing.assert_close(mine[1], theirs[1], rtol=1e-13, atol=0.0)
