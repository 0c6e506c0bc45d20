"""Time and traffic of a step over several processes, and a model that predicts the one from the other.

    python docs/benchmarks/distributed.py [--processes 1 2 4] [--quick] [--out docs/benchmarks]

Weak scaling on one machine: R processes, one thread each, with R times the points, subdomains or members of one process.
Efficiency is t(1) / t(R) of the median step. The speed of a shared machine changes within minutes, so steps of one process
alone, steps that all processes do at once without exchanging anything ("all unrelated": cores share caches, memory and
power) and steps of all together take turns in the same run; the second efficiency is against the unrelated ones. More
processes than cores are reported, and mean little. Every exchange is counted; the model is

    t(R) = F / rate + redraw(R) + calls * latency(R) + bytes / bandwidth(R)

with F the multiplications and additions of one process' step (matrix products counted by torch, the products and factors of
normal equations by formula), the rate of one process alone, the time redraw(R) to draw the points of all (each process
does), and latency and bandwidth of an all-reduce among R processes, measured on its own. The same model, with the steps
of gpu.py and assumed figures of a fabric, says what many GPUs would do. Writes distributed.json and distributed.md. Run it
on an idle machine.
"""

from __future__ import annotations

# ruff: noqa: E402
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any
from unittest import mock

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import torch
from torch.utils.flop_counter import FlopCounterMode

import pinnlab as pl
from pinnlab.algebra.blocks import elimination
from pinnlab.algebra.shared_blocks import between_pairs
from pinnlab.bench.provenance import provenance
from pinnlab.machine import distributed
from pinnlab.machine.memory import kept_memory
from pinnlab.machine.processes import Processes
from pinnlab.training.plans import Settings

SETTINGS = Settings(torch.device("cpu"), torch.float64, 0)
LM, ADAM = pl.LevenbergMarquardt(trials=1), pl.Adam()
"""One trial in each step, accepted or not, so that all steps do the same."""


def burgers(u, nu):
    return u.t + u * u.x - nu * u.xx


def problem(nu: Any = 0.02) -> pl.Problem:
    conditions = [pl.Initial(u=lambda x: -torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)]
    return pl.Problem(pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)), "u", burgers, conditions, {"nu": nu})


def points(count: int, per: int, width: int) -> Any:
    return problem(), pl.PINN(network=pl.MLP(width=width, depth=3), points=per * count)


def subdomains(count: int, per: int, width: int) -> Any:
    cuts = torch.linspace(-1, 1, 4 * count + 1)[1:-1].tolist()
    solver = pl.MultiDomainPINN(
        subdomains={"x": cuts},
        network=pl.MLP(width=width, depth=2),
        points=per,
        interface_points=64,
    )
    return problem(), solver


def experts(count: int, per: int, width: int) -> Any:
    solver = pl.HardConstraintMoE(network=pl.MLP(width=width, depth=3), basis=16, experts={"x": 4}, batch=per * count)
    return problem(pl.Uniform(0.1, 0.3)), solver


MODES: dict[str, tuple[Callable, int, int, Any]] = {
    "points, Levenberg-Marquardt": (points, 20_000, 30, LM),
    "points, Adam": (points, 32_768, 64, ADAM),
    "subdomains, Levenberg-Marquardt": (subdomains, 8000, 20, LM),
    "subdomains, Adam": (subdomains, 8192, 64, ADAM),
    "experts, Adam": (experts, 6, 48, ADAM),
}
"""What is built for R processes, points (or members) per process or per subdomain, width of a network, optimizer.

The points of a process are those of the papers: 32,768 a step for the turbulent flow of the causal networks (64 times, 512
places), 20,000 for each expert.
"""


# -- one process -------------------------------------------------------------------------------------------------------


def work(steps: int, quick: bool, path: Path) -> None:
    processes = distributed.find()
    found: dict[str, Any] = {"exchange": exchange(processes)}
    for name, (make, per, width, optimizer) in MODES.items():
        per, width = (max(4, per // 10), max(8, width // 3)) if quick else (per, width)
        given, solver = make(processes.count, per, width)
        system = solver.plan(given, SETTINGS).start(0, []).system
        alone = None
        if processes.count > 1:
            system.share(processes)
        if processes.count > 1:
            given, solver = make(1, per, width)
            alone = solver.plan(given, SETTINGS).start(0, []).system
        found[name] = measure(system, optimizer, steps, processes, alone)
        if processes.leads:
            print(f"{processes.count} processes, {name}: {found[name]['seconds'] * 1e3:.1f} ms", flush=True)
    if processes.leads:
        path.write_text(json.dumps(found))


def keep_to_a_core() -> None:
    """As a batch scheduler binds processes to cores."""
    rank, cores = int(os.environ.get("LOCAL_RANK", "0")), sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[rank % len(cores)]})


class Stepper:
    """Steps of one system; each tells its seconds."""

    def __init__(self, system: Any, optimizer: Any):
        self.system, self.optimizer, self.theta = system, optimizer, system.model.theta
        self.state = optimizer.init(system, self.theta)

    def __call__(self) -> float:
        began = time.perf_counter()
        step = self.optimizer.step(self.system, self.theta, self.state)
        self.theta, self.state = step.theta, step.state
        return time.perf_counter() - began


def measure(system: Any, optimizer: Any, steps: int, processes: Processes, alone: Any = None) -> dict[str, float]:
    """Steps of a shared system. Between them come steps of ``alone``, one process' own system: first in this process
    while the others wait, then in all of them at once, which exchange nothing and still slow one another.
    """
    traffic, together = processes.traffic, Stepper(system, optimizer)
    own = None if alone is None else Stepper(alone, optimizer)
    seconds, single, beside, spent = [], [], [], []
    for _ in range(steps + 2):
        if own is not None:
            if processes.leads:
                single.append(own())
            processes.any(False)
            beside.append(own())
        processes.any(False)
        before = astuple(traffic)
        seconds.append(together())
        spent.append([now - then for now, then in zip(astuple(traffic), before, strict=True)])
    calls, size, waited = (statistics.mean(column) for column in zip(*spent[2:], strict=True))
    began = time.perf_counter()
    for _ in range(3):
        system.redraw()
    redraw = (time.perf_counter() - began) / 3
    return {
        "seconds": statistics.median(seconds[2:]),
        "alone": statistics.median((single or seconds)[2:]),
        "beside": statistics.median((beside or seconds)[2:]),
        "redraw": redraw,
        "calls": calls,
        "bytes": size,
        "exchange": waited,
        "parameters": system.size,
        "flops": flops(system, optimizer, together.theta),
    }


def flops(system: Any, optimizer: Any, theta: torch.Tensor) -> float:
    """Of one step of this process: its part of the residuals and of the matrix, and what all do of the factorization."""
    # products that go through NumPy are not seen
    with mock.patch("pinnlab.derivatives.taylor._matmul", torch.matmul), FlopCounterMode(display=False) as counter:
        if optimizer is ADAM:
            system.loss_and_gradient(theta)
            jacobian = None
        else:
            _, jacobian = system.residuals_and_jacobian(theta)
            # the trial and the point ahead of it
            system.residuals(theta), system.residuals(theta)
    total = float(counter.get_total_flops())
    if jacobian is None:
        return total
    if isinstance(jacobian, torch.Tensor):
        n, p = jacobian.shape
        return total + n * p**2 + p**3 / 3
    sizes, private = jacobian.sizes, jacobian.private or (-1,) * len(jacobian.sizes)
    for band in jacobian.bands:
        for i, left in band.items():
            for j in band:
                if i >= j:
                    total += len(left) * sizes[i] * sizes[j] * (1 if i == j else 2)
    own, between = ([i for i, k in enumerate(private) if k == rank] for rank in (distributed.find().rank, -1))
    steps = elimination(own, jacobian.coupled) + elimination(between, between_pairs(jacobian.coupled, private))
    for i, near in steps:
        wide = sum(sizes[j] for j in near)
        total += sizes[i] ** 3 / 3 + sizes[i] ** 2 * wide + 2 * sizes[i] * wide**2
    return total


def exchange(processes: Processes) -> dict[str, float]:
    """Latency (s) and bandwidth (bytes/s) of a sum, as ``Processes.sum`` does it."""
    if processes.count == 1:
        return {"latency": 0.0, "bandwidth": math.inf}

    def timed(value: torch.Tensor, repeats: int) -> float:
        found = []
        for _ in range(repeats):
            began = time.perf_counter()
            processes.sum(value)
            found.append(time.perf_counter() - began)
        return statistics.median(found)

    latency = timed(torch.zeros(1, dtype=torch.float64), 200)
    large = torch.zeros(2_000_000, dtype=torch.float64)
    return {"latency": latency, "bandwidth": large.numel() * 8 / max(timed(large, 8) - latency, 1e-9)}


# -- all of them -------------------------------------------------------------------------------------------------------


def predicted(name: str, count: int, results: dict[str, Any]) -> float:
    """Seconds of a step of R processes, from what one process alone takes and what an exchange takes."""
    one, mine = results["1"][name], results[str(count)][name]
    rate = one["flops"] / (mine["alone"] - one["redraw"])
    return mine["flops"] / rate + mine["redraw"] + counted(mine, results[str(count)])


def counted(row: dict[str, float], found: dict[str, Any]) -> float:
    """Seconds that the exchanges of a step take by their number and size, when nobody waits for a slower process."""
    return row["calls"] * found["exchange"]["latency"] + row["bytes"] / found["exchange"]["bandwidth"]


def table(results: dict[str, Any]) -> str:
    lines = [
        "| | processes | parameters | one alone, ms | step, ms | efficiency | all unrelated, ms | efficiency "
        "| predicted, ms | drawing, ms | exchanges | kB | counted | with waiting |",
        "| --- " * 14 + "|",
    ]
    for name in MODES:
        for count in results:
            row = results[count][name]
            against = [row[one] / row["seconds"] for one in ("alone", "beside")]
            lines.append(
                f"| {name} | {count} | {row['parameters']} | {row['alone'] * 1e3:.1f} | {row['seconds'] * 1e3:.1f} | "
                f"{against[0]:.0%} | {row['beside'] * 1e3:.1f} | {against[1]:.0%} | "
                f"{predicted(name, int(count), results) * 1e3:.1f} | {row['redraw'] * 1e3:.1f} | {row['calls']:.1f} | "
                f"{row['bytes'] / 1e3:.4g} | {counted(row, results[count]) / row['seconds']:.1%} | "
                f"{row['exchange'] / row['seconds']:.1%} |"
            )
    fabrics = [
        f"{count} processes: {found['exchange']['latency'] * 1e6:.0f} us, {found['exchange']['bandwidth'] / 1e9:.2f} GB/s"
        for count, found in results.items()
        if count != "1"
    ]
    return "\n".join([*lines, "", "An all-reduce of one number, and of 16 MB: " + "; ".join(fabrics) + ".", ""])


FABRIC = {8: (20e-6, 300e9), 64: (150e-6, 40e9), 1024: (300e-6, 40e9)}
"""Assumed latency (s) and bandwidth (bytes/s) of a sum over so many GPUs: one machine of eight, many machines."""


def projected(path: Path) -> str:
    """Levenberg-Marquardt steps measured on one GPU, and what the model makes of them on many, points growing with them."""
    steps = json.loads(path.read_text())["steps"]
    lines = [
        "| parameters | residuals per GPU | one GPU, ms | kB | " + " | ".join(f"{n} GPUs, ms" for n in FABRIC) + " |"
    ]
    lines += ["| --- " * (4 + len(FABRIC)) + "|"]
    for row in steps:
        p, seconds = row["parameters"], row["seconds"]
        size = 8 * (p * (p + 64) / 2 + 4 * p)
        cells = []
        for latency, bandwidth in FABRIC.values():
            exchange = 4 * latency + size / bandwidth
            cells.append(f"{(seconds + exchange) * 1e3:.1f} ({exchange / (seconds + exchange):.1%} exchange)")
        numbers = f"| {p:,} | {row['residuals']:,} | {seconds * 1e3:.1f} | {size / 1e3:,.0f} |"
        lines.append(f"{numbers} {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see whether it runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work is not None:
        keep_to_a_core()
        with kept_memory():
            return work(given.steps, given.quick, given.work)
    results = {}
    for count in sorted({1, *given.processes}):
        path = given.out / f"distributed_{count}.partial"
        own = [__file__, "--work", str(path), "--steps", str(given.steps), *(["--quick"] if given.quick else [])]
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)] if count > 1 else []
        subprocess.run([sys.executable, *launch, *own], check=True)
        results[str(count)] = json.loads(path.read_text())
        path.unlink()
    command = "python docs/benchmarks/distributed.py" + (" --quick" if given.quick else "")
    head = provenance(command, "cpu")
    (given.out / "distributed.json").write_text(json.dumps({"machine": head, "results": results}, indent=1) + "\n")
    text = "\n".join(f"- {key}: {value}" for key, value in head.items())
    gpu = Path(__file__).with_name("gpu.json")
    found = table(results) + (f"\n{projected(gpu)}" if gpu.exists() else "")
    (given.out / "distributed.md").write_text(f"# Several processes\n\n{text}\n\n{found}")
    print(found)
    return None


if __name__ == "__main__":
    main()
