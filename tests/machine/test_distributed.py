"""Several processes give the numbers of one, and what happens when one is lost."""

from __future__ import annotations

import importlib.util
import math
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

import pinnlab as pl
from pinnlab import cli
from pinnlab.machine import distributed
from pinnlab.machine.processes import Lookout, LostProcessError, Processes
from pinnlab.training.weighting import NTK, GradientNorm

SCRIPT = Path(__file__).with_name("distributed_run.py")


PI = math.pi


NET = pl.MLP(width=8, depth=2)


CUTS = {"x": (-0.3, 0.3)}


def burgers(u: pl.Field, nu: float) -> pl.Field:
    return u.t + u * u.x - nu * u.xx


def bump(x: Tensor) -> Tensor:
    return -torch.sin(PI * x)


def travelling(x: Tensor, t: Tensor) -> Tensor:
    return torch.sin(x - 2 * t)


def problem(**options: Any) -> pl.Problem:
    conditions = [pl.Initial(u=bump, exact=False), pl.Dirichlet(u=0.0)]
    return pl.Problem(pl.Box(x=(-1.0, 1.0), t=(0.0, 0.5)), "u", burgers, conditions, {"nu": 0.1}, **options)


def torus() -> pl.Problem:
    start = pl.Initial(u=lambda x, y: torch.sin(PI * x) * torch.cos(PI * y))
    box = pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0), t=(0.0, 0.2))
    conditions = [start, pl.Periodic(on="x"), pl.Periodic(on="y")]
    return pl.Problem(box, "u", lambda u: u.t + u * u.x - 0.1 * (u.xx + u.yy), conditions)


def inverse() -> pl.Problem:
    """The speed is found from 23 measurements, which cannot be divided."""
    generator = torch.Generator().manual_seed(0)
    x, t = torch.rand(2, 23, generator=generator, dtype=torch.float64)
    data = pl.Data({"x": x, "t": t}, u=torch.sin(x - 2 * t))
    return pl.Problem(
        pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u, c: u.t + c * u.x, [data], {"c": pl.Unknown(1.0)},
        reference=travelling,
    )  # fmt: skip


def pinn(*stages: Any, **options: Any) -> pl.PINN:
    return pl.PINN(network=NET, stages=stages, **{"points": 203, "boundary_points": 21, **options})


LM = pl.LevenbergMarquardt


CASES: dict[str, tuple[Callable[[], pl.Problem], Any]] = {
    "adam": (problem, pinn(pl.Adam(steps=40), sampling="sobol")),
    "levenberg-marquardt": (problem, pinn(LM(steps=10))),
    "no acceleration": (problem, pinn(LM(steps=6, geodesic=False))),
    "svd": (problem, pinn(LM(steps=6, solver="svd"))),
    "kernel": (problem, pinn(LM(steps=4), points=50)),
    "sketched": (problem, pinn(pl.SketchedGaussNewton(steps=8))),
    "sketched subdomains": (
        problem,
        pl.MultiDomainPINN(subdomains=CUTS, network=NET, stages=(pl.SketchedGaussNewton(steps=6),), points=100),
    ),
    "lbfgs": (problem, pinn(pl.LBFGS(steps=2, iterations=10))),
    "ssbroyden": (problem, pinn(pl.SSBroyden(steps=12))),
    "soap": (problem, pinn(pl.SOAP(steps=3))),
    "ntk": (problem, pinn(pl.Adam(steps=10), weighting=NTK(every=3))),
    "gradient norm": (problem, pinn(pl.Adam(steps=10), weighting=GradientNorm(every=3))),
    "causal windows": (
        problem,
        pl.CausalPINN(network=NET, stages=(LM(steps=5),), points=200, tolerances=(1.0,), slices=8, windows=2),
    ),
    "periodic windows": (torus, pinn(LM(steps=4), windows=2, boundary_points=None)),
    "inverse": (inverse, pinn(LM(steps=8), boundary_points=None)),
    "subdomains": (
        problem,
        pl.MultiDomainPINN(subdomains=CUTS, network=NET, stages=(pl.Adam(steps=5), LM(steps=6)), points=100),
    ),
}


HALVES, EIGHTHS = (
    pl.MultiDomainPINN(subdomains={"x": cuts}, network=NET, stages=(LM(steps=5),), points=100)
    for cuts in ((0.0,), tuple(k / 4 for k in range(-3, 4)))
)


def measured(name: str, **options: Any) -> dict[str, Any]:
    given, solver = CASES[name]
    solution = pl.solve(given(), solver, progress=False, **options)
    numbers = [[r.loss, r.held_out, *r.errors.values()] for r in solution.history]
    theta = torch.cat([p.detach().reshape(-1) for model in solution.models for p in model.parameters])
    return {"numbers": numbers, "theta": theta, "notes": list(solution.notes), "status": solution.status.name}


def join(rank: int, folder: str, count: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=count, timeout=timedelta(seconds=60)
    )


def two(rank: int, folder: str) -> None:
    """What two processes find: every case, and the errors of declarations that do not fit them."""
    join(rank, folder, 2)
    try:
        found = {name: measured(name) for name in CASES}
        found["by points"] = measured("subdomains", parallel="points")
        found["apart"] = measured("adam", parallel="none")
        torch.save(found, f"{folder}/{rank}.pt")
        check_exchanges(rank, 2)
        check_decisions(rank)
        check_refusals(rank)
        check_lost(rank)
    finally:
        dist.destroy_process_group()


def check_exchanges(rank: int, count: int) -> None:
    processes = distributed.find()
    assert (processes.rank, processes.count, processes.leads) == (rank, count, rank == 0)
    ones = torch.ones(3, dtype=torch.float64)
    before = ones.clone()
    assert processes.sum((rank + 1) * ones).tolist() == [count * (count + 1) / 2] * 3 and torch.equal(ones, before)
    assert (processes.traffic.calls, processes.traffic.bytes) == (1, 24)
    first, second = processes.sums(ones * rank, torch.eye(2, dtype=torch.float64))
    assert first.tolist() == [sum(range(count))] * 3 and torch.equal(second, count * torch.eye(2, dtype=torch.float64))
    rows, own = processes.gather(torch.full((rank + 1, 2), float(rank)))
    assert rows[:, 0].tolist() == [float(k) for k in range(count) for _ in range(k + 1)]
    assert rows[own].tolist() == [[float(rank)] * 2] * (rank + 1)
    assert processes.any(rank == count - 1) and not processes.any(False)
    assert processes.first({"rank": rank}) == {"rank": 0} and processes.collect(rank) == list(range(count))
    items = list(range(2 * count + 1))
    assert list(processes.spread(lambda item: (item, rank), items)) == [(i, i % count) for i in items]
    assert list(distributed.spread(str, ["a"])) == ["a"]


def check_decisions(rank: int) -> None:
    """Clocks differ, and the leading one counts; Ctrl-C in one process stops all at the same step."""
    steps, lookout = 0, Lookout(distributed.find(), every=0.0)
    while not lookout.late(0.01 * steps * (1 + 9 * rank), deadline=0.2):
        steps += 1
    assert steps == 20
    lookout = Lookout(distributed.find(), every=0.0)
    with lookout.listening():
        if rank == 1:
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            lookout.late(0.0, math.inf)
    budget = pl.solve(problem(), pinn(pl.Adam(steps=10**6)), max_seconds=0.4, progress=False)
    assert budget.status is pl.Status.BUDGET_REACHED
    ends = distributed.find().collect([(r.step, r.seconds, r.held_out) for r in budget.history])
    assert ends[0] == ends[1]
    asked: list[int] = []
    stop = pl.solve(problem(), pinn(LM(steps=50)), progress=False, callbacks=[lambda r: asked.append(1) or True])
    assert stop.status is pl.Status.INTERRUPTED and len(stop.history) == 1 and len(asked) == (1 if rank == 0 else 0)


def check_refusals(rank: int) -> None:
    few = pl.PINN(network=NET, points=1, stages=(pl.Adam(steps=1),), sampling="sobol")
    box = pl.Box(x=(0.0, 1.0))
    with pytest.raises(ValueError, match="2 processes share at most 1 points .*start fewer processes, or take more"):
        pl.solve(pl.Problem(box, "u", lambda u: u.x - 1.0, [pl.Dirichlet(u=0.0, on="x-")]), few, progress=False)
    with pytest.raises(ValueError, match=r"parallel='subdomains'\) on 2 processes: this solver has one network"):
        pl.solve(problem(), pinn(pl.Adam(steps=1)), parallel="subdomains", progress=False)
    with pytest.raises(ValueError, match="the 2 processes have different problems or solvers"):
        pl.solve(problem(), pinn(pl.Adam(steps=1 + rank)), progress=False)
    with pytest.raises(ValueError, match=r"HardConstraintMoE\(batch=1\) on 2 processes"):
        family = pl.Problem(box, "u", lambda u, a: u.x - a, [pl.Dirichlet(u=0.0, on="x-")], {"a": pl.Uniform(1.0, 2.0)})
        pl.solve(family, pl.HardConstraintMoE(network=NET, batch=1, stages=(pl.Adam(steps=1),)), progress=False)


def check_lost(rank: int) -> None:
    """The other one lives, but does not answer."""
    group = dist.new_group(timeout=timedelta(seconds=1))
    if rank == 0:
        with pytest.raises(
            LostProcessError, match="process 0 of 2: another process .* does not answer .*--max-restarts"
        ):
            Processes(0, 2, group).sum(torch.ones(1))
    dist.barrier()


def four(rank: int, folder: str) -> None:
    """Two subdomains have two processes each, or each process has two of eight; three do not fit."""
    join(rank, folder, 4)
    try:
        check_exchanges(rank, 4)
        solution = pl.solve(problem(), HALVES, parallel="subdomains", progress=False)
        with pytest.raises(ValueError, match="4 processes with 3 subdomains: start at most 3 .* parallel='points'"):
            pl.solve(problem(), CASES["subdomains"][1], parallel="subdomains", progress=False)
        eighths = pl.solve(problem(), EIGHTHS, progress=False)
        histories = [[[r.loss, r.held_out] for r in found.history] for found in (solution, eighths)]
        torch.save(histories, f"{folder}/{rank}.pt")
    finally:
        dist.destroy_process_group()


def difference(found: list[list[float]], expected: list[list[float]]) -> float:
    """The largest relative difference of two histories."""
    a, b = torch.tensor(found, dtype=torch.float64), torch.tensor(expected, dtype=torch.float64)
    assert a.shape == b.shape
    return float(((a - b) / b).abs().max())


@pytest.mark.timeout(300)
def test_two_processes_give_the_numbers_of_one(tmp_path: Path) -> None:
    context = mp.start_processes(two, args=(str(tmp_path),), nprocs=2, start_method="spawn", join=False)
    alone = {name: measured(name) for name in CASES}
    while not context.join(timeout=240):
        pass
    alone |= {"by points": alone["subdomains"], "apart": alone["adam"]}
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    for name, one in alone.items():
        assert first[name]["numbers"] == second[name]["numbers"], name
        assert torch.equal(first[name]["theta"], second[name]["theta"]), name
        assert first[name]["status"] == one["status"]
        if name == "soap":
            # eigenvectors of a singular factor are arbitrary, and rounding chooses
            assert "SOAP" in first[name]["notes"][-1] and len(one["notes"]) == 0
            continue
        assert difference(first[name]["numbers"], one["numbers"]) < 1e-10, name
        torch.testing.assert_close(first[name]["theta"], one["theta"], rtol=1e-9, atol=1e-10, msg=name)
    assert first["apart"]["notes"] == alone["adam"]["notes"] and "2 processes" in first["adam"]["notes"][-1]
    assert float(alone["inverse"]["theta"][-1]) == pytest.approx(2.0, abs=0.2), "the data count"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_four_processes_own_subdomains(tmp_path: Path) -> None:
    context = mp.start_processes(four, args=(str(tmp_path),), nprocs=4, start_method="spawn", join=False)
    solutions = [pl.solve(problem(), solver, progress=False) for solver in (HALVES, EIGHTHS)]
    while not context.join(timeout=240):
        pass
    for rank in range(4):
        for found, solution in zip(torch.load(tmp_path / f"{rank}.pt", weights_only=True), solutions, strict=True):
            assert difference(found, [[r.loss, r.held_out] for r in solution.history]) < 1e-10


def undisturbed(folder: Path) -> list[list[float]]:
    """The script's run in this process, which goes on from a checkpoint where there is one."""
    spec = importlib.util.spec_from_file_location("distributed_run", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [[r.step, r.loss, r.held_out] for r in module.solve(folder).history]


def environment(**more: str) -> dict[str, str]:
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(threads, "1"), "PINNLAB_TIMEOUT": "60", **more}


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_killed_process_is_noticed_and_one_process_goes_on(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(tmp_path), "260"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment(RANK=str(rank), LOCAL_RANK=str(rank), **shared),
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        said = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert processes[1].returncode == -signal.SIGKILL and processes[0].returncode == 1
    assert "another process of this solve has ended or does not answer" in said[0][1] and "solved" not in said[0][0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["life-0-0", "life-0-1", "run.pt"], (
        "no half-written file"
    )
    saved = torch.load(tmp_path / "run.pt", weights_only=True)
    assert saved["step"] == 200
    resumed = undisturbed(tmp_path)
    whole = tmp_path / "whole"
    assert difference(resumed, undisturbed(whole)) < 1e-10 and [row[0] for row in resumed] == [100, 200, 300]


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_torchrun_restarts_from_the_checkpoint(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "--max-restarts",
        "1",
    ]
    run = subprocess.run(
        [*command, str(SCRIPT), str(tmp_path), "260"], capture_output=True, text=True, timeout=150, env=environment()
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("solved") == 1 and run.stderr.count("300") < 3, "one process speaks"
    lives = sorted(path.name for path in tmp_path.glob("life-*"))
    assert lives == ["life-0-0", "life-0-1", "life-1-0", "life-1-1"] and not list(tmp_path.glob("*.partial"))
    found = torch.load(tmp_path / "history.pt", weights_only=True)
    assert difference(found, undisturbed(tmp_path / "whole")) < 1e-10


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_the_command_line_under_torchrun(tmp_path: Path) -> None:
    (tmp_path / "heat.py").write_text(HEAT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "pinnlab"]
    run = subprocess.run(
        [*command, "run", "heat.py", "--no-progress"], capture_output=True, text=True, timeout=150, cwd=tmp_path,
        env=environment(PYTHONPATH=os.pathsep.join(sys.path)),
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("wrote") == 3 and run.stdout.count("2 processes; ") == 1
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == ["heat.png", "heat.pt", "heat_training.png"]


@pytest.mark.parametrize("rank, said", [("0", "there is no problem 'nosuch'"), ("1", "")])
def test_the_leading_process_speaks(
    rank: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr(cli, "_PATIENCE", 0.0)
    with pytest.raises(SystemExit) as end:
        cli.main(["run", "nosuch"])
    found = capsys.readouterr()
    assert end.value.code == 2 and found.out == "" and (said in found.err if said else found.err == "")


HEAT = """
import pinnlab as pl, torch
def problem():
    box = pl.Box(x=(0.0, 1.0), t=(0.0, 0.5))
    return pl.Problem(box, "u", lambda u: u.t - u.xx, [pl.Initial(u=lambda x: x * (1 - x)), pl.Dirichlet(u=0.0)])
def recipe():
    return pl.PINN(network=pl.MLP(width=6, depth=2), stages=(pl.LevenbergMarquardt(steps=3),), points=80)
"""


LEAVING = """
import atexit, os
from pathlib import Path
threads = lambda: [Path("/proc/self/task", t, "comm").read_text().strip() for t in os.listdir("/proc/self/task")]
atexit.register(lambda: print("left with", sorted(threads())))
import torch
from pinnlab.machine import distributed
distributed.find().sum(torch.zeros(3))
import torch._dynamo
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux to list threads")
def test_no_thread_of_the_group_is_left_at_the_end(tmp_path: Path) -> None:
    """One still at work when the interpreter goes would abort the process, whatever its solve came to."""
    (tmp_path / "script.py").write_text(LEAVING)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*launch, str(tmp_path / "script.py")], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("left with") == 2 and "gloo" not in done.stdout
