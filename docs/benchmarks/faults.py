"""Kills and interruptions at random moments: does every solver, resumed from its checkpoint, end with the same bits?

    python docs/benchmarks/faults.py [--runs 200] [--seed 0] [--only NAME ...] [--out docs/benchmarks]

Each run is a process of its own that solves a small problem by a number of steps and writes a checkpoint at every look.
At a random moment it is killed (SIGKILL) or interrupted (SIGINT, as by Ctrl-C). Another process resumes from what lies on
the disk, and its parameters, losses and status are compared with those of an undisturbed run, bit for bit. An interrupted
process has to end by itself, with a solution or, before there is one, with KeyboardInterrupt. Processes are forked from
one that has only imported pinnlab. Writes faults.json.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

import pinnlab as pl
from pinnlab.bench import provenance
from pinnlab.declaration.problem import Problem
from pinnlab.training.plans import Solver

HERE = Path(__file__).parent
PATIENCE = 120.0
Case = Callable[[], tuple[Problem, Solver]]


def heat() -> Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u: u.t - 0.1 * u.xx,
        conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x), exact=False), pl.Dirichlet(u=0.0)],
    )


def front() -> Problem:
    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 0.6)),
        unknowns="u",
        equations=lambda u: u.t + u * u.x - 0.02 * u.xx,
        conditions=[pl.Initial(u=lambda x: -torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
    )


def flow() -> Problem:
    def speed(x: Any) -> Any:
        return 1 + 0.5 * torch.sin(x)

    return pl.Problem(
        domain=pl.Box(x=(0.0, 2 * math.pi), t=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, x: u.t + speed(x) * u.x + u,
        conditions=[pl.Initial(u=lambda x: torch.sin(x)), pl.Periodic(on="x")],
        velocity=speed,
    )


def bump(**parameters: Any) -> Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0)),
        unknowns="u",
        equations=lambda u, x, a: u.xx + torch.exp(-((x - a) ** 2) / 1e-3) - u**3,
        conditions=[pl.Dirichlet(u=0.0)],
        parameters=parameters,
    )


def small(**options: Any) -> dict[str, Any]:
    return {"network": pl.MLP(width=8, depth=2), "points": 60, **options}


CASES: dict[str, Case] = {
    "PINN": lambda: (
        heat(),
        pl.PINN(stages=(pl.Adam(steps=300, redraw_every=7), pl.LevenbergMarquardt(steps=60)), **small()),
    ),
    "PINN, adaptive points": lambda: (
        heat(),
        pl.PINN(
            stages=(pl.SOAP(steps=250, redraw_every=7), pl.SSBroyden(steps=120)), sampling="adaptive",
            weighting=pl.NTK(every=10), **small(),
        ),
    ),
    "CausalPINN, windows": lambda: (
        heat(),
        pl.CausalPINN(
            stages=(pl.Adam(steps=150), pl.LevenbergMarquardt(steps=25)), windows=3, slices=8, steps_per_tolerance=30,
            **small(),
        ),
    ),
    "LagrangianPINN": lambda: (
        flow(),
        pl.LagrangianPINN(stages=(pl.Adam(steps=120), pl.LevenbergMarquardt(steps=20)), windows=2, **small()),
    ),
    "MultiDomainPINN": lambda: (
        heat(),
        pl.MultiDomainPINN(
            subdomains={"x": (0.5,)}, stages=(pl.Adam(steps=150), pl.LevenbergMarquardt(steps=30)), **small()
        ),
    ),
    "HardConstraintMoE, march": lambda: (front(), pl.HardConstraintMoE(tolerance=1e-7)),
    "HardConstraintMoE, steady": lambda: (bump(a=0.3), pl.HardConstraintMoE(tolerance=1e-10, degrees={"x": 6})),
    "HardConstraintMoE, family": lambda: (
        bump(a=pl.Uniform(0.3, 0.5)),
        pl.HardConstraintMoE(
            network=pl.MLP(width=8, depth=2), basis=8, stages=(pl.Adam(steps=60, redraw_every=3),), batch=2, points=40
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Disturbed:
    """One disturbed run.

    Attributes:
        case: a key of ``CASES``.
        signal: name of what was sent.
        moment: after so many seconds.
        left: how the process ended: "killed", "solution", "raised", "finished" before the signal, or what went wrong.
        resumed: whether there was a checkpoint.
        same: whether the resumed run has the bits of the undisturbed one.
        message: what went wrong.
    """

    case: str
    signal: str
    moment: float
    left: str
    resumed: bool
    same: bool
    message: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing went wrong."""
        return self.same and self.left in ("killed", "solution", "raised", "finished")


def solved(case: str, checkpoint: Path) -> dict[str, Any]:
    """Run a case, from its checkpoint if there is one: all that must not depend on a disturbance."""
    problem, solver = CASES[case]()
    solution = pl.solve(problem, solver, progress=False, checkpoint=pl.Checkpoint(checkpoint, every_seconds=0))
    numbers = [p.detach().reshape(-1) for model in solution.models for p in model.parameters]
    losses = [(r.phase, r.stage, r.step, r.loss, r.held_out) for r in solution.history]
    return {
        "theta": torch.cat(numbers).numpy().tobytes().hex(),
        "losses": repr(losses),
        "status": solution.status.name,
    }


def child(case: str, checkpoint: Path, out: Path) -> int:
    """A process that runs a case and writes what it found; returns its id to the parent."""
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        out.with_suffix(".started").touch()
        began = time.perf_counter()
        try:
            found = solved(case, checkpoint)
        except KeyboardInterrupt:
            found = {"status": "RAISED"}
        found["seconds"] = time.perf_counter() - began
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        out.with_suffix(".part").write_text(json.dumps(found))
        os.replace(out.with_suffix(".part"), out)
        os._exit(0)
    except BaseException as error:  # a child must not go on as the parent
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        out.with_suffix(".error").write_text(f"{type(error).__name__}: {error}")
        os._exit(1)


def ended(pid: int) -> bool:
    """Wait for a process, not for ever; whether it ended by itself."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def found_in(out: Path) -> dict[str, Any]:
    """What a process wrote, or {"error": what it died of}."""
    if out.exists():
        return json.loads(out.read_text())
    error = out.with_suffix(".error")
    return {"error": error.read_text() if error.exists() else "it left nothing"}


def undisturbed(case: str, folder: Path) -> dict[str, Any]:
    """A run from the start to the end, in a process of its own."""
    out = folder / "whole.json"
    if not ended(child(case, folder / "whole.pt", out)):
        raise RuntimeError(f"{case}: the undisturbed run did not end within {PATIENCE:g} s")
    found = found_in(out)
    if "error" in found:
        raise RuntimeError(f"{case}: the undisturbed run failed: {found['error']}")
    return found


def disturb(case: str, whole: dict[str, Any], share: float, kill: bool, folder: Path) -> Disturbed:
    """Start a run, disturb it after this share of its time, resume it, and compare."""
    moment, sent = share * whole["seconds"], signal.SIGKILL if kill else signal.SIGINT
    path, out = folder / "run.pt", folder / "first.json"
    pid = child(case, path, out)
    while not out.with_suffix(".started").exists():
        time.sleep(0.001)
    time.sleep(moment)
    finished = os.waitpid(pid, os.WNOHANG)[0] != 0
    if not finished:
        os.kill(pid, sent)
    by_itself = finished or ended(pid)
    first = found_in(out)
    if kill and not finished:
        left, message = "killed", ""
    elif not by_itself or "error" in first:
        left, message = "did not end" if not by_itself else "failed", first.get("error", "")
    else:
        left = {"RAISED": "raised", "INTERRUPTED": "solution"}.get(first["status"], "finished")
        message = ""
    resumed = path.exists()
    second = folder / "second.json"
    ended(child(case, path, second))
    again = found_in(second)
    differing = [key for key in ("theta", "losses", "status") if again.get(key) != whole[key]]
    if differing:
        message = again.get("error", f"other {', '.join(differing)}")
    return Disturbed(case, sent.name, moment, left, resumed, not differing, message)


def measure(names: list[str], runs: int, seed: int, say: Callable[[str], object] = print) -> list[Disturbed]:
    """So many disturbed runs, shared out evenly among the cases."""
    rng, found = random.Random(seed), list[Disturbed]()
    with tempfile.TemporaryDirectory() as temporary:
        for k, name in enumerate(names):
            folder = Path(temporary) / str(k)
            folder.mkdir()
            whole = undisturbed(name, folder)
            for number in range(runs * k // len(names), runs * (k + 1) // len(names)):
                own = folder / str(number)
                own.mkdir()
                one = disturb(name, whole, rng.uniform(0.0, 1.0), number % 2 == 0, own)
                found.append(one)
                if not one.passed:
                    say(f"  FAILED {one}")
            mine = [one for one in found if one.case == name]
            say(f"{name}: {sum(o.passed for o in mine)} of {len(mine)}, undisturbed {whole['seconds']:.1f} s")
    return found


def summary(found: list[Disturbed]) -> dict[str, Any]:
    """Counts by case and signal."""
    counts: dict[str, dict[str, Any]] = {}
    for case in dict.fromkeys(one.case for one in found):
        mine = [one for one in found if one.case == case]
        counts[case] = {
            name: f"{sum(o.passed for o in mine if o.signal == name)} of {sum(o.signal == name for o in mine)}"
            for name in ("SIGKILL", "SIGINT")
        } | {"left": dict(Counter(o.left for o in mine))}
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--out", type=Path, default=HERE)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(given.only, given.runs, given.seed, lambda line: print(line, flush=True))
    passed = sum(one.passed for one in found)
    print(f"{passed} of {len(found)} ended with the bits of the undisturbed run")
    data = {
        **provenance(" ".join(["python", "docs/benchmarks/faults.py", *sys.argv[1:]])),
        "passed": passed,
        "runs": len(found),
        "cases": summary(found),
        "each": [asdict(one) for one in found],
    }
    (given.out / "faults.json").write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
