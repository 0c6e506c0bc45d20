"""Cold plates with a hot side and with a hot hole: data that clash, by one default call each.

    python docs/benchmarks/plates.py [--only "hot hole"] [--seconds 60] [--out docs/benchmarks]

Errors are relative L2 errors at three times, and the largest ones as a share of the jump, against series of sines and
finite differences by radius (``said/plates.py``), away from the corners at which the hot side ends. Of a square with a hole
there is no such solution: its row has the largest difference from a march with a larger tolerance, which the notes tell, and
the report's estimate, by finite elements. Seconds are those of the process. Writes plates.json and plates.md.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    time.perf_counter = time.process_time  # before anything takes its clock from there

from said import plates  # noqa: E402

import pinnlab as pl  # noqa: E402
from pinnlab.bench.provenance import provenance  # noqa: E402

PLATES: dict[str, tuple[Callable[[], pl.Problem], Callable[..., Any] | None, tuple[float, ...]]] = {
    "hot side": (plates.hot_side_problem, plates.off_the_side, (0.01, 0.1, 1.0)),
    "hot hole in a disc": (plates.hot_hole_problem, plates.off_the_ring, (0.01, 0.05, 0.5)),
    "hot hole in a square": (plates.pierced_problem, None, ()),
}


def measured(name: str, seconds: float) -> dict[str, Any]:
    """Errors, notes, verdict and time of one call."""
    make, off, times = PLATES[name]
    began = time.perf_counter()
    solution = pl.solve(make(), max_seconds=seconds, progress=False)
    took = time.perf_counter() - began
    errors = {f"{t:g}": dict(off(solution, t)) for t in times} if off is not None else {}
    report = solution.report(max_seconds=seconds)
    return {
        "errors": errors, "seconds": took, "solver": type(solution.solver).__name__,
        "status": solution.status.name.lower(), "notes": list(solution.notes), "verdict": report.verdict.value,
        "sentence": report.sentence,
    }  # fmt: skip


def row(name: str, result: dict[str, Any]) -> str:
    """One row of the table."""
    errors = ", ".join(f"{e['relative']:.0e} at t = {t}" for t, e in result["errors"].items()) or "see its sentence"
    return f"| {name} | {errors} | {result['solver']} | {result['seconds']:.0f} s | {result['sentence']} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PLATES, default=list(PLATES))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    results: dict[str, Any] = {}
    if given.out and (file := given.out / "plates.json").exists():
        results = json.loads(file.read_text())["plates"]
    for name in given.only:
        results[name] = measured(name, given.seconds)
        print(row(name, results[name]), flush=True)
        if given.out:
            rows = {name: results[name] for name in PLATES if name in results}
            whole = {
                "provenance": provenance("python docs/benchmarks/plates.py"), "seconds": given.seconds, "plates": rows
            }  # fmt: skip
            (given.out / "plates.json").write_text(json.dumps(whole, indent=1) + "\n")
            head = "| plate | relative error | solver | took | report |\n|---|---|---|---|---|\n"
            (given.out / "plates.md").write_text(head + "\n".join(row(*each) for each in rows.items()) + "\n")


if __name__ == "__main__":
    main()
