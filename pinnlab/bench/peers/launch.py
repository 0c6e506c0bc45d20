"""A peer's run as a process of its own: the request as JSON on its way there, results on the way back.

The process is ``python -m pinnlab.bench.peers FOLDER``; ``FOLDER`` has ``request.json`` and gets ``results.json``.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from pinnlab.bench.cases import Case, CaseError, load_case
from pinnlab.bench.peers.recorder import Recorder
from pinnlab.bench.peers.task import Task
from pinnlab.bench.provenance import now
from pinnlab.bench.results import Results, Run
from pinnlab.declaration.problem import Problem
from pinnlab.machine.memory import kept_memory
from pinnlab.machine.threads import limited_threads
from pinnlab.reference import reference_solution
from pinnlab.training.status import Status

PEERS: dict[str, str] = {
    "deepxde": "pinnlab.bench.peers.deepxde",
    "pina": "pinnlab.bench.peers.pina",
    "jinns": "pinnlab.bench.peers.jinns",
    "jinns-natural": "pinnlab.bench.peers.jinns_natural",
}
"""{name on the command line: module}."""

_LAUNCHERS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")
_LAST_CHARACTERS = 600


def is_peer(solver: str | None) -> bool:
    """Whether a name on the command line is a peer's."""
    return solver in PEERS


def require(solver: str, device: str = "cpu") -> None:
    """Raise CaseError where a peer's packages are not installed, or the device is none for it."""
    packages = importlib.import_module(PEERS[solver]).PACKAGES
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise CaseError(
            f"--solver {solver} needs {' and '.join(missing)}, not installed here; install the extra: "
            'pip install -c constraints.txt -e ".[benchmarks]".'
        )
    if device != "cpu":
        raise CaseError(f"--solver {solver} with --device {device}: peers are compared on the CPU; use --device cpu.")


def run_peer(case: Case, run: Run, dtype: torch.dtype) -> Run:
    """Train a peer in a new process, on one thread.

    Args:
        case: the problem, and the solver whose network is trained.
        run: the peer's name, the seed and the budget; everything else is filled in.
        dtype: of the training.

    Raises:
        RuntimeError: the process failed; with the last it said.
    """
    with tempfile.TemporaryDirectory(prefix="pinnlab-peer-") as name:
        folder = Path(name)
        request = {
            "module": PEERS[run.solver], "file": str(case.module.__file__), "options": dict(case.options),
            "run": asdict(run), "dtype": str(dtype).removeprefix("torch."), "clock": time.perf_counter.__name__,
        }  # fmt: skip
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        command = [sys.executable, "-m", "pinnlab.bench.peers", name]
        ended = subprocess.run(command, env=environment(os.environ), cwd=name, capture_output=True, text=True)
        if ended.returncode != 0:
            said = (ended.stderr or ended.stdout).strip()[-_LAST_CHARACTERS:]
            raise RuntimeError(f"{run.solver} ended with code {ended.returncode}: {said}")
        (found,) = Results.read(folder / "results.json").runs
        return found


def environment(outside: Mapping[str, str]) -> dict[str, str]:
    """The environment of a peer's process: torch as backend, one thread, no GPU, and no trace of a launcher."""
    kept = {k: v for k, v in outside.items() if k not in _LAUNCHERS and not k.startswith("TORCHELASTIC")}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**kept, **threads, "DDE_BACKEND": "pytorch", "CUDA_VISIBLE_DEVICES": ""}


def serve(folder: Path) -> None:
    """What the process does."""
    request: dict[str, Any] = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    case = load_case(request["file"], request["options"])
    wanted = Run(**request["run"])
    problem = _with_reference(case.problem())
    task = Task.of(problem, case.solver(case.trained_solver), wanted.seed, getattr(torch, request["dtype"]))
    peer = importlib.import_module(request["module"])
    # of the one who asks: scripts may count the seconds of the process in place of those on the wall
    recorder = Recorder(problem, wanted.max_seconds, getattr(time, request["clock"]))
    with limited_threads(1), kept_memory():
        words = peer.train(task, recorder)
        found = recorder.final_errors()
    status = Status.BUDGET_REACHED if recorder.late else Status.STALLED
    run = replace(
        wanted, configuration=words, status=status.name, message=status.value, errors=found,
        seconds=recorder.seconds, windows=1, curve=recorder.curve, date=now(),
    )  # fmt: skip
    Results({}, (run,)).write(folder / "results.json")


def _with_reference(problem: Problem) -> Problem:
    if problem.reference is not None:
        return problem
    try:
        return problem.replace(reference=reference_solution(problem))
    except (ValueError, NotImplementedError):
        return problem
