"""A problem whose time is called tau gives the numbers of the same problem with t, in every solver and in what follows."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl

ADAM = (pl.Adam(steps=3),)
SMALL = pl.MLP(width=6, depth=2)


def advection(time: str, **changes: Any) -> pl.Problem:
    """u_t + u u_x = 0.05 u_xx, from a sine."""
    domain = pl.Box(**{"x": (0.0, 1.0), time: (0.0, 0.5)}, time=time)
    given: dict[str, Any] = {
        "unknowns": "u",
        "equations": lambda u: u.d(time) + u * u.x - 0.05 * u.xx,
        "conditions": [pl.Initial(u=lambda x: 1 + 0.3 * torch.sin(2 * torch.pi * x)), pl.Periodic(on="x")],
        "velocity": lambda u: u,
    }
    return pl.Problem(domain, **{**given, **changes})


def family(time: str) -> pl.Problem:
    start = lambda x, a: 1 + a * torch.sin(2 * torch.pi * x)  # noqa: E731
    return advection(
        time, parameters={"a": pl.Uniform(0.1, 0.3)}, conditions=[pl.Initial(u=start), pl.Periodic(on="x")]
    )


def wave(time: str) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(**{"x": (0.0, 1.0), time: (0.0, 0.5)}, time=time),
        unknowns="u",
        equations=lambda u: u.d(time, time) - u.xx,
        conditions=[
            pl.Initial(**{"u": lambda x: torch.sin(torch.pi * x), f"u_{time}": 0.0}),
            pl.Dirichlet(u=0.0),
        ],
    )


def spring(time: str) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(**{time: (0.0, 3.0)}, time=time),
        unknowns="u",
        equations=lambda u: u.d(time, time) + 4 * u,
        conditions=[pl.Initial(**{"u": 1.0, f"u_{time}": 0.5})],
    )


SOLVERS: dict[str, tuple[Callable[[str], pl.Problem], Callable[[str], Any]]] = {
    "PINN": (advection, lambda t: pl.PINN(network=SMALL, stages=ADAM, points=64)),
    "windows": (wave, lambda t: pl.CausalPINN(network=SMALL, stages=ADAM, windows=2)),
    "causal": (advection, lambda t: pl.CausalPINN(network=SMALL, stages=ADAM)),
    "characteristics": (advection, lambda t: pl.LagrangianPINN(stages=ADAM)),
    "subdomains": (advection, lambda t: pl.MultiDomainPINN(subdomains={t: (0.2,)}, network=SMALL, stages=ADAM)),
    "local experts": (advection, lambda t: pl.HardConstraintMoE(tolerance=1e-4)),
    "local experts on a wave": (wave, lambda t: pl.HardConstraintMoE(tolerance=1e-4)),
    "local experts on an oscillator": (spring, lambda t: pl.HardConstraintMoE()),
    "family": (
        family,
        lambda t: pl.HardConstraintMoE(network=SMALL, basis=6, experts={t: 2}, coupling="march", stages=ADAM),
    ),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_numbers_do_not_depend_on_what_time_is_called(name: str) -> None:
    problem, solver = SOLVERS[name]
    found = []
    for time in ("t", "tau"):
        solution = pl.solve(problem(time), solver(time), max_seconds=60, progress=False)
        at = {c: np.linspace(0.0, 0.5, 7) for c in problem(time).domain.coordinates}
        given = {"a": 0.2} if problem is family else {}
        found.append((solution(**at, **given)["u"], {k.replace("tau", "t") for k in solution.residual(**at, **given)}))
    assert np.isfinite(found[0][0]).all()
    assert np.array_equal(found[0][0], found[1][0]) and found[0][1] == found[1][1]


@pytest.mark.parametrize("problem", [advection, wave, spring])
def test_classical_solutions_do_not_depend_on_it(problem: Callable[[str], pl.Problem]) -> None:
    plain, renamed = (pl.reference_solution(problem(time), tolerance=1e-3) for time in ("t", "tau"))
    assert plain.method == renamed.method and list(renamed.grid)[-1] == "tau"
    assert np.array_equal(plain.values["u"], renamed.values["u"])


def test_a_solution_is_reported_drawn_written_and_read(tmp_path: Any) -> None:
    solution = pl.solve(wave("tau"), pl.HardConstraintMoE(tolerance=1e-4), progress=False)
    solution.report()
    assert max(solution.compare().errors.values()) < 1e-3
    assert "tau" in {axes.get_xlabel() for axes in solution.plot().axes}
    assert solution.to_xarray().sizes["tau"] > 1
    solution.save(tmp_path / "solution.pt")
    loaded = pl.Solution.load(tmp_path / "solution.pt")
    at = {"x": 0.3, "tau": 0.4}
    assert loaded(**at)["u"] == solution(**at)["u"]
    assert loaded.problem.domain.time == "tau" and repr(loaded.problem.domain) == repr(solution.problem.domain)


def test_paths_of_characteristics_are_over_time(tmp_path: Any) -> None:
    solution = pl.solve(advection("tau"), pl.LagrangianPINN(stages=ADAM), progress=False)
    assert list(solution.characteristics(3)) == ["tau", "x"]
    assert solution.plot_characteristics().axes[0].get_xlabel() == "tau"
    solution.save(tmp_path / "solution.pt")
    loaded = pl.Solution.load(tmp_path / "solution.pt")
    assert list(loaded.characteristics(3)) == ["tau", "x"]
    # labels are looked for to rounding
    assert loaded(x=0.3, tau=0.4)["u"] == pytest.approx(solution(x=0.3, tau=0.4)["u"], rel=1e-12)


def test_t_is_an_ordinary_coordinate_beside_another_time() -> None:
    problem = pl.Problem(
        domain=pl.Box(t=(0.0, 1.0), tau=(0.0, 0.2), time="tau"),
        unknowns="u",
        equations=lambda u: u.tau - u.tt,
        conditions=[pl.Initial(u=lambda t: torch.sin(torch.pi * t)), pl.Dirichlet(u=0.0, on="t")],
    )
    assert problem.check().complete
    solution = pl.solve(problem, progress=False)
    t, tau = np.linspace(0.0, 1.0, 21), 0.15
    assert np.abs(solution(t=t, tau=tau)["u"] - np.exp(-(np.pi**2) * tau) * np.sin(np.pi * t)).max() < 1e-5


def test_a_checkpoint_belongs_to_one_name_of_time(tmp_path: Any) -> None:
    solver, path = pl.PINN(network=SMALL, stages=ADAM, points=64), tmp_path / "run.pt"
    pl.solve(advection("tau"), solver, checkpoint=path, progress=False)
    pl.solve(advection("tau"), solver, checkpoint=path, progress=False)
    with pytest.raises(ValueError, match="another problem"):
        pl.solve(advection("s"), solver, checkpoint=path, progress=False)


def test_what_may_be_time_is_said_where_conditions_are_missing() -> None:
    box = pl.Box(x=(0.0, 1.0), tau=(0.0, 1.0))
    heat = pl.Problem(box, "u", lambda u: u.tau - u.xx, [pl.Dirichlet(u=0.0, on="x")])
    (missing,) = heat.check().missing
    assert "'tau-'" in missing and "(if tau is time, say so: Box(..., time='tau'), and give Initial(...))" in missing
    decay = pl.Problem(pl.Box(tau=(0.0, 1.0)), "u", lambda u: u.tau + u, [])
    assert "Box(..., time='tau')" in decay.check().missing[0]
    plate = pl.Problem(pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "u", lambda u: u.xx + u.yy, [pl.Dirichlet(u=0.0, on="x")])
    assert plate.check().missing and "is time" not in plate.check().missing[0]
    said = "the problem is steady, it has no coordinate 't'"
    with pytest.raises(ValueError, match=re.escape(said) + r".*Box\(\.\.\., time='tau'\)"):
        pl.Problem(box, "u", lambda u: u.tau - u.xx, [pl.Initial(u=0.0)])


def test_messages_name_time_as_it_is_called() -> None:
    heat = advection("tau", conditions=[pl.Periodic(on="x")])
    assert heat.check().missing == ("no initial value of u: add Initial(u=...)",)
    with pytest.raises(ValueError, match="on='tau' is a boundary in time; use Initial"):
        advection("tau", conditions=[pl.Dirichlet(u=0.0, on="tau")])
    with pytest.raises(ValueError, match="takes 'tau' as an argument"):
        advection("tau", conditions=[pl.Initial(u=lambda tau: tau)])
    with pytest.raises(ValueError, match=r"inside tau=\(0, 0.5\)"):
        pl.reference_solution(advection("tau"), times=[2.0])
