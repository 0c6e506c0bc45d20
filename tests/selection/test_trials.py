"""The log of trials: complete lines count, whatever was killed; the player; workers."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cloudpickle
import numpy as np
import pytest

import pinnlab as pl
from pinnlab.selection import trials
from pinnlab.selection.arms import Arms
from pinnlab.selection.trials import Player, Trial, TrialLog, trial_generator
from pinnlab.selection.workers import Workers

FIRST = Trial(0, {"b": 0.1 + 0.2}, ("value", "flux"), 1.5, "STEPS_DONE", 0.25)
FAILED = Trial(1, {"b": 3.0}, (), math.nan, "RuntimeError: no", 0.5)


def test_trials_survive_a_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "trials.jsonl"
    log = TrialLog(path, "me")
    log.append(FIRST)
    log.append(FAILED)
    read = TrialLog(path, "me").trials
    assert read[0] == FIRST and repr(read[1]) == repr(FAILED)


def test_an_unfinished_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    TrialLog(path, "me").append(FIRST)
    whole = path.read_bytes()
    path.write_bytes(whole + json.dumps(FAILED.to_data()).encode()[:20])
    log = TrialLog(path, "me")
    assert set(log.trials) == {0} and path.read_bytes() == whole
    log.append(FAILED)
    assert set(TrialLog(path, "me").trials) == {0, 1}


def test_files_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    TrialLog(path, "me").append(FIRST)
    with pytest.raises(ValueError, match="holds trials of another family, solver or selector; delete it"):
        TrialLog(path, "you")
    content = path.read_bytes()
    for damaged in (content + b"{}\n", b"hello\n", b"hello", b'{"pinnlab": "interface trials"}\n', b"[]\n"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="is no file of trials"):
            TrialLog(path, "me")
        assert path.read_bytes() == damaged


def player(fake: ModuleType, measure=lambda s: s.error()["u"]) -> Player:
    return Player(fake.family(), fake.Solver(), Arms(fake.ARMS), measure, 3.0, 0)


def test_player_fills_in_a_trial(fake: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def solve(problem, solver, **options):
        seen.update(options, b=problem.parameters["b"], interface=solver.interface)
        return fake.solve(problem, solver, **options)

    monkeypatch.setattr(trials, "solve", solve)
    found = player(fake)(Trial(4, {"b": 2.0}, ("value", "flux")))
    noise = np.random.default_rng(seen["seed"]).normal()
    assert found.reward == pytest.approx(fake.error_of(2.0, ("value", "flux")) * math.exp(0.05 * noise), rel=1e-12)
    assert found.status == "STEPS_DONE" and found.seconds > 0
    assert seen["b"] == 2.0 and seen["interface"] == ("value", "flux")
    assert seen["max_seconds"] == 3.0 and seen["progress"] is False
    first = seen["seed"]
    player(fake)(Trial(5, {"b": 2.0}, ("value",)))
    assert seen["seed"] != first


@pytest.mark.parametrize("error", [RuntimeError("no"), np.linalg.LinAlgError("no"), ZeroDivisionError("no")])
def test_numerical_failure_is_a_bad_trial(fake: ModuleType, error: Exception) -> None:
    def measure(solution: object) -> float:
        raise error

    found = player(fake, measure)(Trial(0, {"b": 2.0}, ("value",)))
    assert math.isnan(found.reward) and found.status == f"{type(error).__name__}: no"


def test_what_cannot_work_and_what_is_stopped_is_no_trial(fake: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="outside its family"):
        player(fake)(Trial(0, {"b": 20.0}, ("value",)))
    stopped = SimpleNamespace(status=pl.Status.INTERRUPTED)
    monkeypatch.setattr(trials, "solve", lambda *a, **k: stopped)
    with pytest.raises(KeyboardInterrupt):
        player(fake)(Trial(0, {"b": 2.0}, ("value",)))


def test_generators_are_their_own() -> None:
    drawn = {trial_generator(s, n, p).random() for s in range(3) for n in range(3) for p in range(2)}
    assert len(drawn) == 18


def odd_play(trial: Trial) -> Trial:
    """Prints, fails and dies."""
    print("hello")
    if trial.number == 1:
        raise ValueError("trial one cannot work")
    if trial.number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if trial.number == 3:
        time.sleep(600)
    return replace(trial, reward=2.0 * trial.number, status=str(os.getpid()))


def test_workers() -> None:
    """Both at work; one that dies leaves a trial without a reward and is replaced; an exception comes through."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        with Workers(odd_play, 2) as workers:
            numbers = (4, 2, 5, 6)
            found = {t.number: t for t in workers.run([Trial(n, {}, ()) for n in numbers])}
            assert [found[n].reward for n in (4, 5, 6)] == [8.0, 10.0, 12.0]
            assert math.isnan(found[2].reward) and found[2].status == "the process ended with code -9"
            assert str(os.getpid()) not in {t.status for t in found.values()}
            before = time.monotonic()
            with pytest.raises(ValueError, match="trial one cannot work"):
                list(workers.run([Trial(1, {}, ()), Trial(3, {}, ())]))
            assert time.monotonic() - before < 300
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def test_workers_need_cloudpickle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(ImportError, match=r"pip install 'pinnlab\[bandits\]', or use processes=1"):
        Workers(odd_play, 2)
    with Workers(lambda t: replace(t, reward=1.0), 1) as workers:
        assert [t.reward for t in workers.run([FIRST])] == [1.0]


def test_a_killed_fit_loses_no_trial(fake: ModuleType, tmp_path: Path) -> None:
    """Killed in the middle; going on gives the trials of an undisturbed fit."""
    path = tmp_path / "trials.jsonl"
    process = subprocess.Popen([sys.executable, fake.__file__, path])
    deadline = time.monotonic() + 300
    while not (path.exists() and path.read_bytes().count(b"\n") > 9) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    finished = [json.loads(line) for line in path.read_bytes().split(b"\n")[1:-1]]
    assert 9 <= len(finished) < 200
    assert [t["number"] for t in finished] == list(range(len(finished)))
    plays = len(finished) + 3
    resumed = fake.selector().fit(fake.family(), fake.Solver(pause=0.05), plays=plays, path=path, progress=False)
    whole = fake.selector().fit(fake.family(), fake.Solver(pause=0.0), plays=plays, progress=False)
    assert list(resumed.trials[: len(finished)]) == [Trial.from_data(t) for t in finished]
    assert [replace(t, seconds=0) for t in resumed.trials] == [replace(t, seconds=0) for t in whole.trials]
