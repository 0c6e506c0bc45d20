"""What keeping freed memory saves: steps of two processes, one with ``kept_memory`` and one without, taking turns.

    python docs/benchmarks/memory.py [--rounds 12] [--out docs/benchmarks]

The steps are those of distributed.py at its sizes, one process each. Writes memory.json and memory.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from distributed import MODES, SETTINGS, Stepper

from pinnlab.bench.provenance import provenance
from pinnlab.machine.memory import kept_memory
from pinnlab.machine.threads import limited_threads

LABELS = ("returned", "kept")


def work(name: str, label: str) -> None:
    """Do a step for each line read; tell its seconds, page faults and the megabytes this process has."""
    make, per, width, optimizer = MODES[name]
    with limited_threads(1), kept_memory() if label == "kept" else nullcontext():
        problem, solver = make(1, per, width)
        step = Stepper(solver.plan(problem, SETTINGS).start(0, []).system, optimizer)
        for _ in sys.stdin:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            seconds, used = step(), resource.getrusage(resource.RUSAGE_SELF)
            print(json.dumps([seconds, used.ru_minflt - before, used.ru_maxrss / 1024]), flush=True)


def measure(name: str, rounds: int) -> dict[str, Any]:
    own = [sys.executable, __file__, "--work", name]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    children = {label: subprocess.Popen([*own, label], **pipes) for label in LABELS}  # type: ignore[call-overload]
    found: dict[str, list] = {label: [] for label in LABELS}
    for _ in range(rounds + 2):
        for label, child in children.items():
            child.stdin.write("\n")
            child.stdin.flush()
            found[label].append(json.loads(child.stdout.readline()))
    for child in children.values():
        child.stdin.close()
        child.wait()
    names = ("seconds", "faults", "megabytes")
    return {
        label: {n: statistics.median(column) for n, column in zip(names, zip(*rows[2:], strict=True), strict=True)}
        for label, rows in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        return work(*given.work)
    lines = [
        "| a step of | returned, ms | kept, ms | ratio | page faults | kept | peak MB | kept |",
        "| --- " * 8 + "|",
    ]
    results = {}
    for name in MODES:
        results[name] = row = measure(name, given.rounds)
        old, new = (row[label] for label in LABELS)
        lines.append(
            f"| {name} | {old['seconds'] * 1e3:.0f} | {new['seconds'] * 1e3:.0f} | {old['seconds'] / new['seconds']:.2f} | "
            f"{old['faults']:.0f} | {new['faults']:.0f} | {old['megabytes']:.0f} | {new['megabytes']:.0f} |"
        )
        print(lines[-1], flush=True)
    head = provenance("python docs/benchmarks/memory.py", "cpu")
    (given.out / "memory.json").write_text(json.dumps({"machine": head, "results": results}, indent=1) + "\n")
    text = "\n".join(f"- {key}: {value}" for key, value in head.items())
    (given.out / "memory.md").write_text("\n".join(["# Freed memory, returned or kept", "", text, "", *lines, ""]))
    return None


if __name__ == "__main__":
    main()
