"""How far functions that were found from data may be trusted: bands that are widened, or taken away, and false minima."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import torch

import pinnlab as pl
from pinnlab.machine.deadline import Deadline
from pinnlab.solvers.local_experts.inverse.fit import InverseFit, settled
from pinnlab.solvers.local_experts.inverse.march import FunctionMarch
from pinnlab.solvers.local_experts.inverse.strength import Strength
from pinnlab.solvers.local_experts.inverse.trust import explained, trust
from pinnlab.training.plans import Settings

XS = np.linspace(0.0, 1.0, 50)
AT = np.linspace(0.0, 1.0, 101)


def coefficient(x):
    return 1 + np.sin(3 * x) / 2 + x**2


def reaction(noise: float, **options: object) -> pl.Problem:
    """-u'' + q u = f with u = 1 + sin(pi x), measured at 50 points."""

    def equation(u, q, x):
        w = 1 + torch.sin(math.pi * x)
        return -u.xx + q * u - (math.pi**2 * (w - 1) + (1 + torch.sin(3 * x) / 2 + x**2) * w)

    values = 1 + np.sin(math.pi * XS) + noise * np.random.default_rng(0).normal(size=50)
    data = pl.Data({"x": XS}, u=values, **options)  # type: ignore[arg-type]
    unknown = {"q": pl.Unknown(1.0, of=("x",))}
    return pl.Problem(pl.Box(x=(0.0, 1.0)), "u", equation, [pl.Dirichlet(u=1.0), data], unknown)


def test_noise_that_does_not_fit_the_data_is_said_and_widens_the_band_or_takes_it() -> None:
    solution = pl.solve(reaction(0.05, sd=0.03), progress=False)
    assert solution.uncertainty is not None
    remarks = " ".join(solution.uncertainty.remarks)
    assert "data u is missed by" in remarks and remarks in str(solution).replace("\nnote: ", " ")
    low, high = solution.coefficients["q"].band(0.95, AT)
    assert ((low <= coefficient(AT)) & (coefficient(AT) <= high)).mean() > 0.9
    report = solution.report(max_seconds=20)
    assert report.verdict.value == "doubtful" and remarks in report.reasons
    # of the solution, without numbers that would have intervals of their own
    assert set(solution.intervals()) == {"q"}


def test_what_equations_lack_takes_the_band_away(tmp_path: Path) -> None:
    # u_t = u_xx + s(x) + 40 x t, and the equation does not know of the last term, which no s makes up for
    rng = np.random.default_rng(0)
    x, t = rng.uniform(size=(2, 300))
    # u = x (1 - x) (1 + t^2), so that s = 2
    u = x * (1 - x) * (1 + 3 * t**2)

    def equation(u, s, x, t, lacking):
        return u.t - u.xx - s - lacking * (6 * t * x * (1 - x) + 6 * t**2)

    def problem(lacking: float, **noise: float) -> pl.Problem:
        data = pl.Data({"x": x, "t": t}, u=u + 0.02 * np.random.default_rng(1).normal(size=300), **noise)
        return pl.Problem(
            pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", equation,
            [pl.Initial(u=lambda x: x * (1 - x)), pl.Dirichlet(u=0.0), data],
            {"s": pl.Unknown(0.0, of="x"), "lacking": lacking},
        )  # fmt: skip

    right = pl.solve(problem(1.0), progress=False)
    assert right.uncertainty is None
    low, high = right.coefficients["s"].band(0.95, AT)
    assert ((low <= 2) & (high >= 2)).mean() > 0.9 and (high - low).max() < 2
    # whether the noise is given or not: what is left of the data has a shape
    for noise in ({}, {"sd": 0.02}):
        wrong = pl.solve(problem(0.0, **noise), progress=False)
        low, high = wrong.coefficients["s"].band(0.95, AT)
        assert np.isinf(low).all() and np.isinf(high).all()
        assert "what is left of data u is no noise" in str(wrong)
        assert wrong.report(max_seconds=20).verdict.value == "doubtful"
    path = tmp_path / "wrong.pt"
    wrong.save(path)
    again = pl.Solution.load(path, problem=wrong.problem)
    assert again.uncertainty is not None and again.uncertainty.remarks == wrong.uncertainty.remarks


def size(x, y):
    return 1 + torch.sin(math.pi * x) * torch.sin(math.pi * y)


def plane() -> pl.Problem:
    """div(a grad u) = f with u = x^2, measured at 400 points, and a = 1 + sin(pi x) sin(pi y), which is 1 all around."""

    def equation(u, a, x, y):
        own, along = size(x, y), 2 * math.pi * torch.cos(math.pi * x) * torch.sin(math.pi * y)
        return pl.diff(a * u.x, "x") + pl.diff(a * u.y, "y") - (along * x + 2 * own)

    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(2, 400))
    return pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "u", equation,
        [pl.Dirichlet(u=lambda x: x**2), pl.Condition(lambda a: a - 1),
         pl.Data({"x": x, "y": y}, u=x**2 + 0.01 * rng.normal(size=400), sd=0.01)],
        {"a": pl.Unknown(1.0, of=("x", "y"))}, reference=lambda x, y: {"u": x**2, "a": size(x, y)},
    )  # fmt: skip


def march_of(problem: pl.Problem) -> FunctionMarch:
    march = pl.HardConstraintMoE().plan(problem, Settings(torch.device("cpu"), torch.float64, 0))
    assert isinstance(march, FunctionMarch)
    return march


def covered(march: FunctionMarch) -> float:
    """The share of the plane where the band holds the true function; zero where there is none."""
    at = np.meshgrid(*[np.linspace(0, 1, 21)] * 2)
    low, high = march.pieces[-1].functions["a"].band(0.95, *at)
    true = size(*map(torch.from_numpy, at)).numpy()
    return float(((low <= true) & (true <= high) & np.isfinite(high)).mean())


def test_what_is_known_along_a_curve_does_not_make_a_function_constant() -> None:
    # functions that vary are hardly ever constant along a curve, but that is no news of this one
    march = march_of(plane())
    while march.advance().stopped is None:
        pass
    assert march.uncertainty is None
    assert covered(march) > 0.9


def test_a_strength_that_has_collapsed_is_left_again() -> None:
    march = march_of(plane())
    while not (march.fit is not None and march.fit.found):
        march.advance()
    fit = march.fit
    assert fit.strength is not None
    # a search that ended at a function that is constant, of a size that has collapsed
    false = Strength(np.array([-12.0, 0.0]), fit.strength.order)
    start = np.concatenate([each.start for each in fit.system.sought])
    stuck = InverseFit(fit.system, settled(fit.system, fit.place.unknowns, start, Deadline()), false)
    stuck.found, stuck.change = True, 0.0
    assert not explained(stuck)
    told = trust(stuck, ["a"])
    assert (
        math.isinf(told.wider)
        and "is no noise" in told.remarks[-1]
        and told.remarks[0].startswith("data u is missed by")
    )
    # where data decide alone and other orders are tried, so is the usual size
    stuck.regularized.alone = True
    assert stuck.regularized.any_order(false).logs[0] > -3
    stuck.regularized.alone = False
    march.fit = stuck
    while march.advance().stopped is None:
        pass
    assert march.uncertainty is None
    assert covered(march) > 0.9


def test_the_band_ends_in_time() -> None:
    march = march_of(reaction(0.02, sd=0.02))
    while not (march.fit is not None and march.fit.found):
        march.advance()
    clock = itertools.count()
    # a clock that ticks at each look: enough draws, or too few
    assert march.fit.average(Deadline(300.0, 300.0, lambda: float(next(clock)))) is not None
    assert next(clock) < 330
    assert march.fit.average(Deadline(400.0, 50.0, lambda: float(next(clock)))) is None
    march._done(pl.Status.BUDGET_REACHED, Deadline(0.0, 1.0, lambda: 1.0))
    assert march.uncertainty is not None and "no time left to tell how sure" in march.uncertainty.remarks[0]
    assert np.isinf(march.pieces[-1].functions["q"].band(0.95, AT)[0]).all()
    again = march_of(reaction(0.02, sd=0.02))
    again.restore(march.state())
    assert again.uncertainty is not None and again.uncertainty.remarks == march.uncertainty.remarks
