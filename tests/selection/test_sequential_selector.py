"""A selector that chooses interface conditions for every stage of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.selection import InterfaceSelector, trials

ARMS = [("value",), ("flux",), ("residual",)]
STAGES = ("first", "second")


@dataclass(frozen=True)
class Staged:
    """A solver whose conditions may change from stage to stage."""

    interface: tuple = ("value",)
    stages: tuple = STAGES

    def with_interface(self, interface: tuple) -> Staged:
        return replace(self, interface=interface)

    @property
    def sets(self) -> tuple:
        return self.interface if isinstance(self.interface[0], tuple) else (self.interface,)


def error_of(b: float, sets: tuple) -> float:
    """Beginning with "flux" costs at once and pays later, with "residual" most, for large b only."""
    gain = 0.3 * (sets[0] == ("value",)) - 0.2 * (sets[0] == ("flux",))
    if len(sets) == 2 and sets[0] == ("flux",) and b > 5:
        gain += 2.0 + 2.0 * (sets[1] == ("residual",))
    elif len(sets) == 2:
        gain += 0.5 * (sets[1] == ("value",))
    return 10**-gain


@pytest.fixture
def staged(fake: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    def solve(problem: pl.Problem, solver: Staged, **options: object) -> SimpleNamespace:
        assert len(solver.sets) == len(solver.stages)
        b = float(problem.parameters["b"])
        noise = np.random.default_rng(options["seed"]).normal()
        error = error_of(b, solver.sets) * math.exp(0.05 * noise)
        return SimpleNamespace(status=pl.Status.STEPS_DONE, error=lambda: {"u": error}, problem=problem, solver=solver)

    monkeypatch.setattr(trials, "solve", solve)
    return fake


def selector() -> InterfaceSelector:
    return InterfaceSelector("sequential", arms=ARMS, warm_up=20, seed=2, refit_every=20)


@pytest.fixture
def fitted(staged: ModuleType) -> InterfaceSelector:
    return selector().fit(staged.family(), Staged(), plays=60, progress=False)


def test_it_learns_to_begin_with_what_pays_later(staged: ModuleType, fitted: InterfaceSelector, tmp_path: Path) -> None:
    late = fitted.select(staged.family().at(b=8.0))
    assert late == Staged(interface=(("flux",), ("residual",)))
    assert fitted.select(staged.family().at(b=2.0)).interface[0] == ("value",)
    assert "'sequential'" in repr(fitted)
    path = tmp_path / "selector.json"
    fitted.save(path)
    loaded = InterfaceSelector.load(path)
    assert loaded.trials == fitted.trials and loaded.policy == "sequential"
    assert loaded.select(staged.family().at(b=8.0), Staged()) == late
    shown = fitted.preference()
    assert shown.reward.shape == (50, 3)


def test_trials_know_all_stages(staged: ModuleType, fitted: InterfaceSelector, tmp_path: Path) -> None:
    trial = fitted.trials[0]
    assert trial.sets == (trial.before[0][0], trial.interface) and trial.rewards == (trial.before[0][1], trial.reward)
    assert trials.Trial.from_data(trial.to_data()) == trial
    b = trial.parameters["b"]
    assert trial.before[0][1] == pytest.approx(-math.log10(error_of(b, trial.sets[:1])), abs=0.1)
    assert trial.reward == pytest.approx(-math.log10(error_of(b, trial.sets)), abs=0.1)
    path = tmp_path / "trials.jsonl"
    selector().fit(staged.family(), Staged(), plays=11, path=path, progress=False)
    again = selector().fit(staged.family(), Staged(), plays=60, path=path, progress=False)
    assert [replace(t, seconds=0.0) for t in again.trials] == [replace(t, seconds=0.0) for t in fitted.trials]


def test_bad_input(staged: ModuleType, fitted: InterfaceSelector) -> None:
    with pytest.raises(ValueError, match="once for each stage of training, and solver has 1; give it at least two"):
        selector().fit(staged.family(), Staged(stages=("only",)), plays=2, progress=False)
    with pytest.raises(ValueError, match="solver has 3; give it 2"):
        fitted.select(staged.family().at(b=2.0), Staged(stages=("a", "b", "c")))
    with pytest.raises(ValueError, match="nothing was learned"):
        selector().select(staged.family().at(b=2.0), Staged())


def test_real_trainings() -> None:
    family = pl.Problem(
        pl.Box(x=(0.0, 1.0)),
        "u",
        lambda u, x, a: u.xx + a * a * torch.sin(a * x),
        [pl.Dirichlet(u=lambda x, a: torch.sin(a * x))],
        {"a": pl.Uniform(1.0, 3.0)},
        reference=lambda x, a: torch.sin(a * torch.as_tensor(x)),
    )
    solver = pl.MultiDomainPINN(
        subdomains={"x": (0.5,)},
        network=pl.MLP(width=5, depth=1),
        points=20,
        stages=(pl.Adam(steps=5), pl.LevenbergMarquardt(steps=8)),
    )
    chooser = InterfaceSelector("sequential", arms=[("value",), ("matching",)], warm_up=4)
    chooser.fit(family, solver, plays=6, progress=False)
    member = family.at(a=2.0)
    chosen = chooser.select(member)
    assert len(chosen.interface) == 2 and chosen.stages == solver.stages
    assert all(t.reward > t.before[0][1] for t in chooser.trials if t.interface == ("matching",))
    assert pl.solve(member, chosen, progress=False).error()["u"] < 0.1
