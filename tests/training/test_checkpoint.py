from __future__ import annotations

import math
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from decay import problem, solve, solver, theta
from torch import Tensor

import pinnlab as pl
from pinnlab.machine.fingerprint import fingerprint
from pinnlab.optimizers.base import Objective, Optimizer, State, Step
from pinnlab.training.history import Record
from pinnlab.training.plans import Solver

SCRIPT = """
import sys, time, torch
import pinnlab as pl

def problem():
    return pl.Problem(pl.Box(t=(0.0, 1.0)), "y", lambda y: y.t + y**2, [pl.Initial(y=1.0)])

def solver():
    return pl.PINN(network=pl.MLP(width=4, depth=1), points=30, windows=2,
                   stages=(pl.Adam(steps=100), pl.LevenbergMarquardt(steps=40)))

def run(path, pause=0.0, seen=()):
    return pl.solve(problem(), solver(), progress=False, checkpoint=pl.Checkpoint(path, every_seconds=0),
                    callbacks=[lambda record: time.sleep(pause), *seen])

if __name__ == "__main__":
    run(sys.argv[1], 0.25)
"""


def load_script(path: Path) -> Any:
    namespace: dict[str, Any] = {"__name__": "script"}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    return namespace


def test_a_killed_process_resumes_to_the_same_parameters(tmp_path: Path) -> None:
    script, path = tmp_path / "script.py", tmp_path / "run.ckpt"
    script.write_text(SCRIPT)
    process = subprocess.Popen([sys.executable, str(script), str(path)], env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        deadline = time.monotonic() + 90
        while not path.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
        time.sleep(0.9)
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
    finally:
        process.kill()
    assert path.exists()
    namespace, new = load_script(script), []
    whole = namespace["run"](tmp_path / "other.ckpt")
    resumed = namespace["run"](path, seen=[new.append])
    assert 0 < len(new) < len(whole.history), "it goes on, and does not begin again"
    assert torch.equal(theta(whole), theta(resumed))
    assert [(r.phase, r.stage, r.step, r.loss) for r in whole.history] == [
        (r.phase, r.stage, r.step, r.loss) for r in resumed.history
    ]


class Killed(BaseException):
    """Ends a run as abruptly as a kill: nothing is saved on the way out."""


@dataclass(frozen=True)
class Stuck(Optimizer):
    """Walks on, and gives up after its third step."""

    steps: int = 20
    check_every: ClassVar[int] = 1

    def init(self, objective: Objective, theta: Tensor) -> State:
        return {"step": 0}

    def step(self, objective: Objective, theta: Tensor, state: State) -> Step:
        k = state["step"] + 1
        return Step(theta + 0.01, {"step": k}, float(objective.loss_and_gradient(theta)[0]), stalled=k == 3)

    def shorten(self, state: State) -> State:
        return state


WAVE = {
    "domain": pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    "unknowns": "u",
    "equations": lambda u: u.t - 0.1 * u.xx,
    "conditions": [pl.Initial(u=lambda x: torch.sin(math.pi * x), exact=False), pl.Dirichlet(u=0.0)],
}
RUNS: dict[str, Callable[[], Solver]] = {
    "Adam": lambda: solver(pl.Adam(steps=30, redraw_every=4)),
    "SOAP": lambda: solver(pl.SOAP(steps=30, refresh_every=7)),
    "L-BFGS": lambda: solver(pl.LBFGS(steps=12, iterations=3, redraw_every=4)),
    "SSBroyden": lambda: solver(pl.SSBroyden(steps=25)),
    "Levenberg-Marquardt": lambda: solver(pl.LevenbergMarquardt(steps=35)),
    "stages and windows": lambda: solver(
        pl.Adam(steps=15), pl.LevenbergMarquardt(steps=12), windows=2, warm_start=True
    ),
    "a stage that stalls": lambda: solver(Stuck(), pl.LevenbergMarquardt(steps=12)),
    "NTK": lambda: solver(pl.Adam(steps=25), weighting=pl.NTK(every=8)),
    "causal": lambda: pl.CausalPINN(
        network=pl.MLP(width=4, depth=1), points=30, slices=4, steps_per_tolerance=4,
        stages=(pl.Adam(steps=15), pl.LevenbergMarquardt(steps=15)),
    ),
    "causal, waiting for half of the steps": lambda: pl.CausalPINN(
        network=pl.MLP(width=4, depth=1), points=30, slices=4, tolerances=(1e-3, 1e-2, 1e9),
        stages=(pl.LevenbergMarquardt(steps=12), pl.Adam(steps=20, redraw_every=4)),
    ),
}  # fmt: skip


def heat_on_a_torus() -> pl.Problem:
    start = pl.Initial(u=lambda x, y: torch.sin(2 * math.pi * x) * torch.cos(2 * math.pi * y))
    return problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 0.1)), unknowns="u",
        equations=lambda u: u.t - 0.1 * (u.xx + u.yy), conditions=[start, pl.Periodic(on="x"), pl.Periodic(on="y")],
        parameters={}, reference=None,
    )  # fmt: skip


def test_windows_on_a_torus_resume_exactly(tmp_path: Path) -> None:
    """What the first windows handed over is made again."""
    p, s = heat_on_a_torus(), solver(pl.LevenbergMarquardt(steps=6), windows=3)
    whole = solve(p, s)
    phases = [record.phase for record in whole.history]
    assert set(phases) == {0, 1, 2}
    for phase in (1, 2):
        path = tmp_path / f"{phase}.ckpt"

        def kill(record: Record, phase: int = phase) -> None:
            if record.phase == phase:
                raise Killed

        with pytest.raises(Killed):
            solve(p, s, checkpoint=pl.Checkpoint(path, every_seconds=0), callbacks=[kill])
        new: list[Record] = []
        resumed = solve(p, s, checkpoint=pl.Checkpoint(path, every_seconds=0), callbacks=[new.append])
        assert {record.phase for record in new} == set(range(phase, 3)), "earlier windows are not trained again"
        assert torch.equal(theta(whole), theta(resumed)), phase


@pytest.mark.parametrize("name", RUNS)
def test_every_method_resumes_exactly_from_every_checkpoint(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for optimizer in (pl.Adam, pl.SOAP, pl.LBFGS, pl.SSBroyden, pl.LevenbergMarquardt):
        monkeypatch.setattr(optimizer, "check_every", 6)
    p = problem(**WAVE, parameters={}, reference=None)
    whole = solve(p, RUNS[name]())
    total = len(whole.history)
    for killed_at in range(2, total + 1, 2 if total > 5 else 1):
        path, count = tmp_path / f"{killed_at}.ckpt", [0]

        def kill(record: Record, count: list[int] = count, killed_at: int = killed_at) -> None:
            count[0] += 1
            if count[0] == killed_at:
                raise Killed

        with pytest.raises(Killed):
            solve(p, RUNS[name](), checkpoint=pl.Checkpoint(path, every_seconds=0), callbacks=[kill])
        new: list[Record] = []
        resumed = solve(
            p, RUNS[name](), checkpoint=pl.Checkpoint(path, every_seconds=0), callbacks=[new.append]
        )  # fmt: skip
        assert 0 < len(new) <= total - killed_at + 2, "it goes on from the last checkpoint"
        assert torch.equal(theta(whole), theta(resumed)), killed_at
        assert resumed.status is whole.status and len(resumed.history) == total
        assert [r.loss for r in resumed.history] == [r.loss for r in whole.history]


def test_a_finished_run_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    first = solve(s=solver(pl.LevenbergMarquardt(steps=300)), target_error=1e-3, checkpoint=path)
    records: list[Record] = []
    again = solve(
        s=solver(pl.LevenbergMarquardt(steps=300)), target_error=1e-3, checkpoint=path, callbacks=[records.append]
    )
    assert torch.equal(theta(first), theta(again)) and records == []
    assert again.status is first.status is pl.Status.TARGET_REACHED
    assert again.seconds <= first.seconds, "reading it again adds nothing"


def asked_to_stop(record: Record) -> bool:
    return record.step == 20


def stopped_by_hand(record: Record) -> None:
    if record.step == 20:
        raise KeyboardInterrupt


@pytest.mark.parametrize("end", [asked_to_stop, stopped_by_hand])
def test_an_interrupted_run_goes_on(end: Callable[[Record], Any], tmp_path: Path) -> None:
    """From where it was stopped, however long ago the last checkpoint was due."""
    path, new = tmp_path / "run.ckpt", []
    whole = solve(s=solver(pl.LevenbergMarquardt(steps=60)))
    first = solve(s=solver(pl.LevenbergMarquardt(steps=60)), checkpoint=path, callbacks=[end])
    assert first.status is pl.Status.INTERRUPTED
    again = solve(s=solver(pl.LevenbergMarquardt(steps=60)), checkpoint=path, callbacks=[new.append])
    assert [r.step for r in new] == [30, 40, 50, 60]
    assert again.status is pl.Status.STEPS_DONE and torch.equal(theta(again), theta(whole))


def nested(c: float) -> Callable:
    return lambda y: y.t + (lambda v: c * v)(y)


def nested_constant() -> Callable:
    return lambda y: y.t + (lambda v: 3.0 * v)(y)


def other_nested_constant() -> Callable:
    return lambda y: y.t + (lambda v: 4.0 * v)(y)


OTHERS: dict[str, tuple[pl.Problem, Solver, dict]] = {
    "domain": (problem(domain=pl.Box(t=(0.0, 1.1))), solver(), {}),
    "parameter": (problem(parameters={"k": 1.01}), solver(), {}),
    "equation": (problem(equations=lambda y, k: y.t + k * y**2), solver(), {}),
    "condition": (problem(conditions=[pl.Initial(y=1.1)]), solver(), {}),
    "steps": (problem(), solver(pl.LevenbergMarquardt(steps=21)), {}),
    "network": (problem(), solver(network=pl.MLP(width=4, depth=2)), {}),
    "activation": (problem(), solver(network=pl.MLP(width=4, depth=1, activation="sin")), {}),
    "points": (problem(), solver(points=31), {}),
    "kind of solver": (problem(), pl.CausalPINN(network=pl.MLP(width=4, depth=1), points=30, slices=5), {}),
    "seed": (problem(), solver(), {"seed": 1}),
    "dtype": (problem(), solver(), {"dtype": torch.float32}),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_checkpoint_of_something_else_is_refused(what: str, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    solve(s=solver(pl.LevenbergMarquardt(steps=20)), checkpoint=path)
    p, s, options = OTHERS[what]
    with pytest.raises(ValueError, match=r"checkpoint='.*run.ckpt' belongs to another problem, solver, seed or dtype"):
        solve(p, s, checkpoint=path, **options)


RATE = 1.0


def by_global(y: pl.Field) -> pl.Field:
    return y.t + RATE * y


def test_fingerprints_see_constants_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fingerprint(nested(1.0)) == fingerprint(nested(1.0)) != fingerprint(nested(2.0))
    assert fingerprint(nested_constant()) != fingerprint(other_nested_constant()), "in functions inside functions"
    before = fingerprint(by_global)
    assert before == fingerprint(by_global)
    monkeypatch.setattr(sys.modules[__name__], "RATE", 2.0)
    assert fingerprint(by_global) != before, "in the module around a function"
    assert fingerprint(torch.ones(2)) != fingerprint(torch.zeros(2)) != fingerprint([0.0, 0.0])


class Payload:
    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_a_malicious_checkpoint_is_not_executed(writer: str, tmp_path: Path) -> None:
    path, target = tmp_path / "run.ckpt", tmp_path / "executed"
    if writer == "pickle":
        path.write_bytes(pickle.dumps(Payload(target)))
    else:
        torch.save({"pinnlab": "checkpoint", "theta": Payload(target)}, path)
    with pytest.raises(ValueError, match="it was not loaded"):
        solve(checkpoint=path)
    assert not target.exists()


def test_a_saved_solution_is_no_checkpoint(tmp_path: Path) -> None:
    solve().save(tmp_path / "s.pt")
    with pytest.raises(ValueError, match="s.pt"):
        solve(checkpoint=tmp_path / "s.pt")


def test_checkpoints_are_written_as_often_as_asked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="every_seconds=-1"):
        pl.Checkpoint(tmp_path / "a", every_seconds=-1)
    path = tmp_path / "deep" / "run.ckpt"
    solve(s=solver(pl.LevenbergMarquardt(steps=20)), checkpoint=pl.Checkpoint(path, every_seconds=1e9))
    assert path.exists(), "at the end in any case"
    assert [f.name for f in path.parent.iterdir()] == ["run.ckpt"], "no half-written file is left"


def test_fingerprints_pass_modules_that_functions_hold() -> None:
    import torch as held

    assert fingerprint(lambda x, m=torch: m.sin(x)) == fingerprint(lambda x, m=torch: m.sin(x))
    assert fingerprint(lambda x: held.sin(x)) != fingerprint(lambda x: held.cos(x))
