"""Unknown numbers with bounds and priors in every solver of networks, and their intervals afterwards."""

from __future__ import annotations

import numpy as np
import pytest

import pinnlab as pl

T = np.linspace(0.0, 5.0, 40)
VALUES = np.exp(-0.6 * T) + 0.01 * np.random.default_rng(5).standard_normal(40)
NETWORK = {"network": pl.MLP(width=8, depth=2), "stages": (pl.LevenbergMarquardt(steps=25),)}
SOLVERS = {
    "PINN": pl.PINN(**NETWORK),
    "MultiDomainPINN": pl.MultiDomainPINN(subdomains={"t": (2.0,)}, **NETWORK),
    "overlapping": pl.MultiDomainPINN(subdomains={"t": (2.0,)}, overlap=0.2, **NETWORK),
    "HardConstraintMoE": pl.HardConstraintMoE(),
}


def decay(unknown, sd=0.01):
    data = pl.Data({"t": T}, u=VALUES, sd=sd)
    return pl.Problem(pl.Box(t=(0.0, 5.0)), "u", lambda u, k: u.t + k * u, [pl.Initial(u=1.0), data], {"k": unknown})


BEST = pl.solve(decay(pl.Unknown(0.2)), pl.HardConstraintMoE(), progress=False).coefficients["k"]


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("bounds", [(0, None), (0, 1), (1e-3, 10), (None, 2)], ids=str)
def test_bounds_that_do_not_matter_change_nothing(name, bounds):
    found = pl.solve(decay(pl.Unknown(0.2, bounds=bounds)), SOLVERS[name], progress=False)
    assert found.coefficients["k"] == pytest.approx(BEST, abs=2e-3)
    assert np.all(found.history.column("k") > 0)


@pytest.mark.parametrize("name", SOLVERS)
def test_no_solver_leaves_the_bounds(name):
    found = pl.solve(decay(pl.Unknown(0.2, bounds=(0, 0.5))), SOLVERS[name], progress=False)
    assert found.coefficients["k"] == pytest.approx(0.5, abs=1e-3)
    assert np.all(found.history.column("k") <= 0.5)


@pytest.mark.parametrize("name", ["PINN", "overlapping"])
def test_a_prior_counts_as_much_in_a_network_as_in_a_fit(name):
    problem = decay(pl.Unknown(0.2, prior=(0.3, 0.002)))
    best = pl.solve(problem, pl.HardConstraintMoE(), progress=False).coefficients["k"]
    assert 0.4 < best < 0.45
    assert pl.solve(problem, SOLVERS[name], progress=False).coefficients["k"] == pytest.approx(best, abs=5e-3)
    with pytest.raises(
        ValueError, match=r"has a prior, which counts against the noise of the data.*give Data\(..., sd"
    ):
        pl.solve(decay(pl.Unknown(0.2, prior=(0.3, 0.1)), sd=None), SOLVERS[name], progress=False)


def test_intervals_of_a_network_are_those_of_the_fit(tmp_path):
    problem = decay(pl.Unknown(0.2, bounds=(0, None)))
    network = pl.solve(problem, SOLVERS["PINN"], progress=False)
    assert "95 % interval" not in str(network)
    fit = pl.solve(problem, pl.HardConstraintMoE(), progress=False)
    assert network.intervals()["k"] == pytest.approx(fit.intervals()["k"], rel=1e-4)
    assert "95 % interval" in str(network)
    network.save(tmp_path / "k.pt")
    assert pl.Solution.load(tmp_path / "k.pt", problem).intervals()["k"] == pytest.approx(
        fit.intervals()["k"], rel=1e-4
    )


def test_a_network_that_was_trained_too_little_is_told():
    short = pl.PINN(network=pl.MLP(width=8, depth=2), stages=(pl.LevenbergMarquardt(steps=4),))
    found = pl.solve(decay(pl.Unknown(0.2)), short, progress=False)
    low, high = found.intervals()["k"]
    assert low < BEST < high
    assert "standard deviations off the best fit" in str(found)
