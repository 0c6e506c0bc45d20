"""The selector: learns what suits which member, goes on where it was, is saved and loaded; bad input."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import pinnlab as pl
from pinnlab.selection import InterfaceSelector, trials
from pinnlab.selection.trials import TrialLog


def played(selector: InterfaceSelector) -> list:
    return [replace(t, seconds=0.0) for t in selector.trials]


@pytest.fixture
def fitted(fake: ModuleType) -> InterfaceSelector:
    return fake.selector().fit(fake.family(), fake.Solver(), plays=60, progress=False)


def test_it_learns_what_suits_which_member(fake: ModuleType, fitted: InterfaceSelector) -> None:
    for b, best in ((1.5, ("value", "flux")), (8.5, ("value", "residual"))):
        solver = fitted.select(fake.family(parameters={"b": b}))
        assert solver == fake.Solver(interface=best)
    assert fitted.select(fake.family().at(b=2.0), fake.Solver(pause=1.0)).pause == 1.0
    assert fitted.trials[0].reward == pytest.approx(-math.log10(fake.error_of(**_of(fitted.trials[0]))), abs=0.1)
    assert "6 arms, Thompson(), 60 trials over b" in repr(fitted)


def _of(trial) -> dict:
    return {"b": trial.parameters["b"], "names": trial.interface}


def test_going_on_is_the_same_as_one_fit(fake: ModuleType, fitted: InterfaceSelector, tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    options = {"path": path, "progress": False}
    first = fake.selector().fit(fake.family(), fake.Solver(), plays=11, **options)
    assert len(first.trials) == 11
    again = fake.selector().fit(fake.family(), fake.Solver(), plays=60, **options)
    assert played(again) == played(fitted)
    first.fit(fake.family(), fake.Solver(), plays=60, progress=False)
    assert played(first) == played(fitted)
    lines = path.read_text().splitlines()
    assert len(lines) == 61
    # nothing is played again
    fake.selector().fit(fake.family(), fake.Solver(), plays=60, **options)
    assert path.read_text().splitlines() == lines
    with pytest.raises(ValueError, match="trials of another family, solver or selector"):
        fake.selector(policy="ucb").fit(fake.family(), fake.Solver(), plays=60, **options)


def test_batches_resume_alike(fake: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Trials of a batch may be lost in any order; the others stay, and choices are the same again."""
    from pinnlab.selection import selector as module

    class InTurn(module.Workers):  # several at a time, without processes
        def __init__(self, play, processes):
            super().__init__(play, 1)

    monkeypatch.setattr(module, "Workers", InTurn)
    path = tmp_path / "trials.jsonl"
    whole = fake.selector().fit(fake.family(), fake.Solver(), plays=16, processes=4, path=path, progress=False)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:9] + lines[10:12]))  # trial 8 is lost, 9 and 10 are not, 11 and later are
    resumed = fake.selector().fit(fake.family(), fake.Solver(), plays=16, processes=4, path=path, progress=False)
    assert played(resumed) == played(whole)
    assert len({t.number for t in TrialLog(path, json.loads(lines[0])["identity"]).trials.values()}) == 16


def test_saved_and_loaded(fake: ModuleType, fitted: InterfaceSelector, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "selector.json"
    fitted.save(path)
    loaded = InterfaceSelector.load(path)
    assert json.loads(path.read_text())["pinnlab"] == "interface selector"
    assert loaded.trials == fitted.trials and loaded.parameters == ("b",)
    member = fake.family().at(b=2.0)
    assert loaded.select(member, fake.Solver()) == fitted.select(member)
    with pytest.raises(ValueError, match="does not know the solver; give it"):
        loaded.select(member)
    loaded.fit(fake.family(), fake.Solver(), plays=63, progress=False)
    fitted.fit(fake.family(), fake.Solver(), plays=63, progress=False)
    assert played(loaded) == played(fitted)
    path.write_text("{}")
    with pytest.raises(ValueError, match="is no saved InterfaceSelector"):
        InterfaceSelector.load(path)


def own_condition(first, second):
    return first - second


def test_conditions_and_rewards_of_ones_own(fake: ModuleType, tmp_path: Path) -> None:
    def reward(solution) -> float:
        return -solution.error()["u"]

    selector = InterfaceSelector("ucb", [("value",), ("value", own_condition)], reward, warm_up=2)
    selector.fit(fake.family(), fake.Solver(), plays=4, progress=False)
    assert {t.interface for t in selector.trials} <= {("value",), ("value", "own_condition")}
    path = tmp_path / "selector.json"
    selector.save(path)
    with pytest.raises(ValueError, match="own_condition.*no such interface condition"):
        InterfaceSelector.load(path)
    loaded = InterfaceSelector.load(path, conditions=(own_condition,))
    assert loaded.arms.applied(fake.Solver(), ("value", "own_condition")).interface[1].function is own_condition
    with pytest.raises(TypeError, match="loaded without its reward function"):
        loaded.fit(fake.family(), fake.Solver(), plays=5, progress=False)
    known = InterfaceSelector.load(path, (own_condition,), reward)
    assert len(known.fit(fake.family(), fake.Solver(), plays=5, progress=False).trials) == 5


def test_failed_trials_count_as_bad(fake: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def solve(problem, solver, **options):
        if "flux" in solver.interface:
            raise RuntimeError("blew up")
        return fake.solve(problem, solver, **options)

    monkeypatch.setattr(trials, "solve", solve)
    selector = fake.selector().fit(fake.family(), fake.Solver(), plays=30, progress=False)
    assert any(t.status == "RuntimeError: blew up" for t in selector.trials)
    assert "flux" not in selector.select(fake.family().at(b=2.0)).interface


def test_ctrl_c_keeps_what_is_over(fake: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    count = iter(range(100))

    def solve(problem, solver, **options):
        if next(count) == 4:
            raise KeyboardInterrupt
        return fake.solve(problem, solver, **options)

    monkeypatch.setattr(trials, "solve", solve)
    selector = fake.selector().fit(fake.family(), fake.Solver(), plays=30, progress=False)
    assert len(selector.trials) == 4
    assert len(selector.fit(fake.family(), fake.Solver(), plays=6, progress=False).trials) == 6


def test_progress(fake: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    fake.selector().fit(fake.family(), fake.Solver(), plays=3, progress=False)
    assert capsys.readouterr() == ("", "")
    fake.selector().fit(fake.family(), fake.Solver(), plays=3)
    assert "3/3" in capsys.readouterr().err


def test_several_parameters(fake: ModuleType) -> None:
    family = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, b, c: u.t + b * u.x + c * u,
        parameters={"b": pl.Uniform(1.0, 9.0), "c": pl.Uniform(0.0, 1.0)},
        reference=lambda x: x,
    )
    selector = fake.selector().fit(family, fake.Solver(), plays=20, progress=False)
    assert selector.parameters == ("b", "c") and len(selector.bandit.plays[0].context) == 2
    found = selector.preference("c", points=7, b=2.0)
    assert found.parameter == "c" and found.fixed == {"b": 2.0} and found.reward.shape == (7, 6)
    middle = selector.preference(points=7)
    assert middle.parameter == "b" and middle.fixed == {"c": sum(selector.ranges["c"]) / 2}
    with pytest.raises(ValueError, match="'d' cannot be fixed or varied here; parameters are b, c"):
        selector.preference("d")
    with pytest.raises(ValueError, match="'b' cannot be fixed or varied"):
        selector.preference("b", b=1.0)


def test_preference_and_its_picture(fake: ModuleType, fitted: InterfaceSelector, tmp_path: Path) -> None:
    found = fitted.preference(points=9)
    assert found.best[0] == ("value", "flux") and found.best[-1] == ("value", "residual")
    assert found.reward.shape == found.sd.shape == (9, 6) and len(found.played) == 60
    assert (found.values[0], found.values[-1]) == fitted.ranges["b"]
    flux = found.conditions.index("flux")
    with_flux = [i for i, names in enumerate(found.interfaces) if "flux" in names]
    without = [i for i in range(6) if i not in with_flux]
    expected = found.reward[:, with_flux].mean(1) - found.reward[:, without].mean(1)
    assert np.allclose(found.effects[:, flux], expected, rtol=0, atol=1e-13)
    best = {found.interfaces.index(names) for names in found.best}
    assert set(found.top(len(best)).tolist()) == best and len(found.top(5)) == 5
    figure = fitted.plot(tmp_path / "preference.png")
    assert (tmp_path / "preference.png").stat().st_size > 10_000
    assert [axes.get_xlabel() for axes in figure.axes[:2]] == ["b", "b"]


def test_outside_the_range_of_trials(fake: ModuleType, fitted: InterfaceSelector) -> None:
    lower, upper = fitted.ranges["b"]
    with pytest.warns(UserWarning, match=r"b = 12 lies outside of what was tried, 1.* to .*: .* is an extrapolation"):
        fitted.select(fake.family(parameters={"b": 12.0}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for b in (1.0, lower, upper, 9.0):
            fitted.select(fake.family().at(b=b))


def test_bad_input(fake: ModuleType, fitted: InterfaceSelector) -> None:
    new, family, solver = fake.selector(), fake.family(), fake.Solver()
    with pytest.raises(ValueError, match="has no parameter that varies; give one as pl.Uniform"):
        new.fit(family.at(b=2.0), solver)
    functions = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t + u.x,
        conditions=[pl.Initial(u=lambda u0: u0)],
        parameters={"u0": pl.RandomField(on="x")},
    )
    with pytest.raises(TypeError, match="'u0' is RandomField.*whose members are functions"):
        new.fit(functions, solver)
    with pytest.raises(TypeError, match="has no interface conditions to choose"):
        new.fit(family, pl.PINN())
    with pytest.raises(ValueError, match='reward="error" needs a reference'):
        new.fit(fake.family(reference=None), solver)
    for name in ("plays", "processes"):
        with pytest.raises(ValueError, match=rf"fit\({name}=0\)"):
            new.fit(family, solver, **{name: 0})
    with pytest.raises(ValueError, match="nothing was learned yet"):
        new.select(family.at(b=2.0), solver)
    with pytest.raises(ValueError, match="nothing was learned yet"):
        new.preference()
    with pytest.raises(ValueError, match=r"parameter 'b' is Uniform.*give a member, such as problem.at\(b=...\)"):
        fitted.select(family)
    other = fake.family(equations=lambda u, a: u.t + a * u.x, parameters={"a": 1.0}, reference=None)
    with pytest.raises(ValueError, match="it has no parameter 'b'; the selector learned over b"):
        fitted.select(other)
    with pytest.raises(ValueError, match="its parameters are a, but this selector has learned over b"):
        fitted.fit(other.replace(parameters={"a": pl.Uniform(0.0, 1.0)}, reference=lambda x: x), solver)
    with pytest.raises(ValueError, match="policy='best' is unknown"):
        InterfaceSelector("best")


@pytest.mark.slow
def test_real_solves_in_processes(tmp_path: Path) -> None:
    """The same trials with two processes as with one, as long as they are random; and it learns to join subdomains."""
    family = pl.Problem(
        domain=pl.Box(x=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, k: u.xx + k,
        conditions=[pl.Dirichlet(u=0.0)],
        parameters={"k": pl.Uniform(1.0, 3.0)},
        reference=lambda x, k: k * x * (1 - x) / 2,
    )
    solver = pl.MultiDomainPINN(
        subdomains={"x": (0.5,)}, network=pl.MLP(width=4, depth=1), stages=pl.LevenbergMarquardt(steps=15)
    )
    arms = [("value",), ("residual",), ("value", "flux"), ("flux",)]
    one, two = (
        InterfaceSelector(arms=arms, warm_up=8).fit(family, solver, plays=n, processes=k, progress=False)
        for k, n in ((1, 8), (2, 16))
    )
    assert played(two)[:8] == played(one)
    assert two.select(family.at(k=2.0)).interface == ("value", "flux")
