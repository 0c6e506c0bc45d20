"""Interruptions, paths that cannot be written, full disks and damaged checkpoints."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import pinnlab as pl
from pinnlab.machine import files
from pinnlab.training.plans import Solver

SCRIPT = Path(__file__).parents[2] / "docs" / "benchmarks" / "faults.py"


def decay() -> pl.Problem:
    return pl.Problem(pl.Box(t=(0.0, 1.0)), "y", lambda y: y.t + y**2, [pl.Initial(y=1.0)])


def pinn(**options: Any) -> pl.PINN:
    stages = (pl.Adam(steps=12, redraw_every=3), pl.LevenbergMarquardt(steps=8))
    return pl.PINN(**{"network": pl.MLP(width=4, depth=1), "points": 20, "stages": stages, **options})


def run(solver: Solver | None = None, **options: Any) -> pl.Solution:
    return pl.solve(decay(), solver or pinn(), progress=False, **options)


def theta(solution: pl.Solution) -> torch.Tensor:
    return torch.cat([model.theta for model in solution.models])


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("optimizer", [pl.Adam, pl.LevenbergMarquardt])
def test_an_interruption_in_any_step_resumes_to_the_same_bits(
    optimizer: Any, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights and points of the unfinished step are not in the file."""
    solver = pinn(weighting=pl.NTK(every=2), windows=2)
    whole, original = run(solver), optimizer.step
    for at in (1, 2, 7, 11):
        calls = [0]

        def step(self: Any, *args: Any, calls: list[int] = calls, at: int = at) -> Any:
            calls[0] += 1
            if calls[0] == at and where == "before":
                raise KeyboardInterrupt
            found = original(self, *args)
            if calls[0] == at:
                raise KeyboardInterrupt
            return found

        with monkeypatch.context() as patch:
            patch.setattr(optimizer, "step", step)
            stopped = run(solver, checkpoint=tmp_path / str(at))
        assert stopped.status is pl.Status.INTERRUPTED
        again = run(solver, checkpoint=tmp_path / str(at))
        assert torch.equal(theta(again), theta(whole)), at
        assert [r.loss for r in again.history] == [r.loss for r in whole.history]


def test_an_interruption_while_saving_leaves_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, original, calls = tmp_path / "run.pt", torch.save, [0]

    def save(*args: Any) -> None:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyboardInterrupt
        original(*args)

    whole = run()
    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", save)
        assert run(checkpoint=pl.Checkpoint(path, every_seconds=0)).status is pl.Status.INTERRUPTED
    assert [f.name for f in tmp_path.iterdir()] == ["run.pt"]
    assert torch.equal(theta(run(checkpoint=path)), theta(whole))


def test_an_interruption_between_windows_returns_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from pinnlab.training.checkpoint import CheckpointFile

    original = CheckpointFile.save

    def save(self: Any, force: bool = False) -> None:
        if force and not monkeypatch_done:
            monkeypatch_done.append(1)
            raise KeyboardInterrupt
        original(self, force)

    monkeypatch_done: list[int] = []
    monkeypatch.setattr(CheckpointFile, "save", save)
    found = run(pinn(windows=2))
    assert found.status is pl.Status.INTERRUPTED and len(found.models) == 1


def test_an_interrupted_march_without_a_slab_is_no_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    from pinnlab.solvers.local_experts.march import SlabMarch

    def attempt(self: Any, deadline: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(SlabMarch, "attempt", attempt)
    with pytest.raises(KeyboardInterrupt):
        run(pl.HardConstraintMoE())


def test_an_interrupted_report_has_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    import pinnlab.solution.quality.report as quality

    def estimate(*args: Any) -> Any:
        raise KeyboardInterrupt

    solution = run()
    monkeypatch.setattr(quality, "estimate_error", estimate)
    found = solution.report()
    assert found.estimate is None and "interrupted" in found.reasons[0]


def test_paths_that_cannot_be_written_are_found_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    seen: list[Any] = []
    for path, why in (
        (tmp_path, "is a folder; give a file in it"),
        (tmp_path / "file" / "run.pt", "cannot be written .*give a path in a folder that exists"),
        (Path("/dev/null"), "is no ordinary file"),
        ("a\0b", "cannot be written"),
    ):
        with pytest.raises(ValueError, match=f"checkpoint=.*{why}"):
            run(checkpoint=path, callbacks=[seen.append])
    assert not seen
    with pytest.raises(ValueError, match="checkpoint='': give the path"):
        run(checkpoint="")
    with pytest.raises(OSError, match="cannot be written"):
        run().save(tmp_path / "file" / "s.pt")


def test_a_full_disk_is_a_warning_and_the_run_goes_on(tmp_path: Path) -> None:
    path, limits = tmp_path / "run.pt", resource.getrlimit(resource.RLIMIT_FSIZE)
    whole = run()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.warns(UserWarning, match="run.pt' could not be written .*the run goes on") as warned:
            found = run(checkpoint=pl.Checkpoint(path, every_seconds=0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(warned) == 1 and torch.equal(theta(found), theta(whole)) and not list(tmp_path.iterdir())


def flow(speed: float) -> pl.Problem:
    return pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 0.2)), "u", lambda u: u.t + u.x, [pl.Initial(u=0.5), pl.Periodic(on="x")],
        velocity=lambda x: speed + 0 * x,
    )  # fmt: skip


def test_a_checkpoint_of_another_velocity_is_refused(tmp_path: Path) -> None:
    solver = pl.LagrangianPINN(network=pl.MLP(width=4, depth=1), points=20, stages=(pl.Adam(steps=3),))
    pl.solve(flow(1.0), solver, checkpoint=tmp_path / "run.pt", progress=False)
    with pytest.raises(ValueError, match="run.pt' belongs to another problem"):
        pl.solve(flow(2.0), solver, checkpoint=tmp_path / "run.pt", progress=False)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stopped") / "run.pt"
    run(long(), checkpoint=path, callbacks=[lambda r: (r.phase, r.stage, r.step) == (1, 1, 10)])
    return path


def long() -> pl.PINN:
    return pinn(windows=2, stages=(pl.Adam(steps=12), pl.LevenbergMarquardt(steps=20)))


def test_changed_bytes_of_a_checkpoint_are_found(stopped: Path, tmp_path: Path) -> None:
    content, rng = stopped.read_bytes(), random.Random(0)
    for _ in range(40):
        other = bytearray(content)
        if rng.random() < 0.3:
            del other[rng.randrange(len(other) - 200) :]
        else:
            other[rng.randrange(len(other) - 100)] ^= 1 << rng.randrange(8)
        (tmp_path / "run.pt").write_bytes(bytes(other))
        with pytest.raises(ValueError, match=r"run\.pt'.*delete it"):
            run(long(), checkpoint=tmp_path / "run.pt")


KEYS = ("finished", "stage", "step", "theta", "optimizer", "best_theta", "seconds", "statuses", "records", "system")


@pytest.mark.parametrize("value", [None, "text", -3, [], {}, torch.zeros(3)], ids=repr)
def test_damaged_content_of_the_right_kind_is_named(stopped: Path, value: Any, tmp_path: Path) -> None:
    whole = files.read(stopped)
    for key in KEYS:
        if (key, repr(value)) in (("optimizer", "None"), ("records", "[]"), ("records", "{}")):
            continue  # of the right kind
        files.write(tmp_path / "run.pt", {**whole, key: value})
        with pytest.raises(ValueError, match=r"checkpoint='.*run\.pt' is damaged .*delete it"):  # other content
            run(long(), checkpoint=tmp_path / "run.pt")
        files.write(tmp_path / "run.pt", {k: v for k, v in whole.items() if k != key})
        with pytest.raises(ValueError, match=r"checkpoint='.*run\.pt' is damaged .*delete it"):
            run(long(), checkpoint=tmp_path / "run.pt")


def test_killed_and_interrupted_processes_resume_to_the_same_bits() -> None:
    code = (
        "import runpy, sys; m = runpy.run_path(sys.argv[1]); f = m['measure'](['HardConstraintMoE, march'], 4, 1, print);"
        "sys.exit(not all(one.passed for one in f))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(SCRIPT)], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
