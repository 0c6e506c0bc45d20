"""A trap for lies: random well- and ill-posed problems with known answers, solved by every solver that takes them.

    python docs/benchmarks/verdicts.py [--count 2000] [--seconds 3] [--processes 2] [--first 0] [--processor]
        [--out docs/benchmarks]

Recorded of each solve: the true error, the estimate of ``report()`` and its verdict. Writes verdicts.json and verdicts.md,
every 50 solves. Problems are numbered; ``--first`` starts at another number. --seconds is wall time, of which a busy
machine needs more; with --processor it is that of the processor.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pinnlab.bench.provenance import provenance
from trap.solving import GROUPS, RIGHT, lies, near, solve, tasks, timid


def within(memory: float, processor: bool) -> None:
    """No process of the pool may take more gigabytes than that; its clocks are the processor's where that is wanted."""
    limit = int(memory * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if processor:
        time.perf_counter = time.monotonic = time.process_time


def numbers(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The counts that a table shows."""
    said = Counter(r["said"] for r in records)
    told = Counter(lie for r in records for lie in lies(r))
    right = [r for r in records if r["box"] and r.get("of_variation", 1.0) < RIGHT]
    close = [n for r in records if (n := near(r)) is not None]
    return {
        "solves": len(records), "said": dict(said), "lies": dict(told),
        "doubtful below 1e-4 on boxes": [sum(map(timid, right)), len(right)],
        "estimates within a factor of three": [sum(close), len(close)],
    }  # fmt: skip


def table(records: Sequence[dict[str, Any]]) -> str:
    """One row per group and kind."""
    head = ["problems", "solves", "refused", "good", "doubtful", "wrong", "lies", "estimates within 3 x"]
    lines = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for group in GROUPS:
        for kind in dict.fromkeys(r["kind"] for r in records if r["group"] == group):
            mine = numbers([r for r in records if r["kind"] == kind and r["group"] == group])
            said, (close, all_) = mine["said"], mine["estimates within a factor of three"]
            cells = [
                f"{group}: {kind}",
                mine["solves"],
                *(said.get(w, 0) for w in ("refused", "good", "doubtful", "wrong")),
            ]
            lines.append("| " + " | ".join(map(str, [*cells, sum(mine["lies"].values()), f"{close} of {all_}"])) + " |")
    return "\n".join(lines) + "\n"


def written(records: list[dict[str, Any]], seconds: float, out: Path) -> dict[str, Any]:
    """Write what is known so far, and return it."""
    records.sort(key=lambda r: (r["group"], r["kind"], r["number"], r["solver"]))
    result = {
        "provenance": provenance(" ".join(["python docs/benchmarks/verdicts.py", *sys.argv[1:]])), "seconds": seconds,
        **numbers(records), "records": records,
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    (out / "verdicts.json").write_text(json.dumps(result, indent=1) + "\n")
    (out / "verdicts.md").write_text(table(records))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so many, with what there is")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--memory", type=float, default=8.0, help="gigabytes of address space per process")
    parser.add_argument("--first", type=int, default=0, help="number of the first problem of each kind")
    parser.add_argument("--processor", action="store_true")
    for name in ("group", "kind", "solver"):
        parser.add_argument(f"--{name}", default="", help="only those with these words in their names")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    todo = tasks(given.count, given.first, given.group, given.kind, given.solver)
    records: list[dict[str, Any]] = []
    began = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(
        given.processes, within, (given.memory, given.processor), maxtasksperchild=40
    ) as pool:
        for record in pool.imap_unordered(partial(solve, seconds=given.seconds), todo):
            records.append(record)
            if len(records) % 50 == 0:
                written(records, given.seconds, given.out)
            if time.perf_counter() - began > 60 * given.minutes:
                break
            for lie in lies(record):
                print(
                    f"{lie}: {record['kind']} {record['number']}, {record['solver']}: {record['sentence'][:200]}",
                    flush=True,
                )
    result = written(records, given.seconds, given.out)
    print(json.dumps({k: v for k, v in result.items() if k not in ("records", "provenance")}, indent=1))


if __name__ == "__main__":
    main()
