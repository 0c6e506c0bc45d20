"""Local experts on cells that several processes share, beside one process alone.

    python docs/benchmarks/shared_cells.py [--processes 1 2] [--turns 3] [--out docs/benchmarks]

The same solve, once in one process and once in several of one thread each, in turns. Seconds are those of the processor
that the busiest process took: waiting for others is not in them, so that they tell how evenly work is shared, also where
there are fewer free cores than processes. The difference is the largest between values of one process and of several, next
to the largest value. Writes shared_cells.json and shared_cells.md.
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
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import torch

import pinnlab as pl
from pinnlab.bench.provenance import provenance

HERE = Path(__file__).parent
CASES: dict[str, tuple[Callable[[], pl.Problem], dict[str, Any]]] = {
    "vortices on a torus, psi and w": (lambda: vortices(), {"tolerance": 1e-3, "degrees": {"x": 10, "y": 10}}),
    "lid cavity, psi": (lambda: pl.load_problem("lid_cavity"), {"tolerance": 1e-6}),
    "square less four disks": (lambda: pl.load_problem("pinnacle/poisson_2d_complex"), {"tolerance": 1e-5}),
    "cube less four balls": (lambda: pl.load_problem("pinnacle/poisson_3d_complex"), {"tolerance": 0.3}),
    "heat around 17 holes": (lambda: pl.load_problem("pinnacle/heat_2d_complex"), {"tolerance": 1e-2}),
}
"""{name: (problem, options of the experts)}, such that a solve takes ten to thirty seconds."""
POINTS, TURN = 2000, 2 * math.pi


def vortices() -> pl.Problem:
    """Waves of vorticity that a stream function carries; complex factors, and a mean at every time."""
    return pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 0.02)), ("psi", "w"),
        lambda psi, w: {"psi": psi.laplacian + w, "w": w.t + psi.y * w.x - psi.x * w.y - 5e-4 * w.laplacian},
        [
            pl.Periodic(on="x"), pl.Periodic(on="y"), pl.Integral(lambda psi: psi, equals=0.0),
            pl.Initial(w=lambda x, y: 30 * torch.sin(TURN * (5 * x + 3 * y)) + 50 * torch.cos(TURN * (2 * x + 6 * y))),
        ],
    )  # fmt: skip


def solved(name: str, path: Path) -> None:
    """Solve a problem in this process, with others where there are some, and write down what it took and found."""
    make, options = CASES[name]
    problem = make()
    began = time.process_time()
    solution = pl.solve(problem, pl.HardConstraintMoE(**options), progress=False)
    took = time.process_time() - began
    names = problem.domain.coordinates
    unit = torch.rand(POINTS, len(names), dtype=torch.float64, generator=torch.manual_seed(0))
    values = solution(**dict(zip(names, problem.domain.interior(unit).points.T, strict=True)))
    rank = os.environ.get("RANK", "0")
    torch.save({"seconds": took, "values": torch.stack([*values.values()])}, f"{path}.{rank}")


def run(name: str, count: int, folder: Path) -> list[dict[str, Any]]:
    """What each of so many processes took and found."""
    path, start = folder / "found", [sys.executable]
    if count > 1:
        start += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    subprocess.run([*start, __file__, "--solve", name, "--to", str(path)], check=True)
    return [torch.load(f"{path}.{rank}") for rank in range(count)]


def measured(name: str, counts: list[int], turns: int) -> list[dict[str, Any]]:
    """Of one problem, a row for each number of processes."""
    seconds: dict[int, list[float]] = {count: [] for count in counts}
    values: dict[int, torch.Tensor] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(turns):
            for count in counts:
                found = run(name, count, Path(folder))
                seconds[count].append(max(each["seconds"] for each in found))
                values[count] = found[0]["values"]
                assert all(torch.equal(each["values"].nan_to_num(), values[count].nan_to_num()) for each in found)
    size = values[counts[0]].nan_to_num().abs().amax(dim=1)
    off = {k: float(((v - values[counts[0]]).nan_to_num().abs().amax(dim=1) / size).max()) for k, v in values.items()}
    first = statistics.median(seconds[counts[0]])
    return [
        {
            "problem": name,
            "processes": k,
            "seconds": sorted(s),
            "ratio": first / statistics.median(s),
            "difference": off[k],
        }
        for k, s in seconds.items()
    ]


def page(found: dict[str, Any]) -> str:
    lines = [
        "# Cells that several processes share", "", f"- command: `{found['command']}`", f"- commit: {found['commit']}",
        f"- cpu: {found['cpu']}, {found['cores']} cores", "",
        "| problem | processes | s of the busiest processor: median [least, most] | one / several | difference |",
        "| --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for row in found["rows"]:
        s = row["seconds"]
        lines.append(
            f"| {row['problem']} | {row['processes']} | {statistics.median(s):.1f} [{s[0]:.1f}, {s[-1]:.1f}] | "
            f"{row['ratio']:.2f} | {row['difference']:.0e} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[*CASES])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--solve", help=argparse.SUPPRESS)
    parser.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.solve:
        solved(given.solve, given.to)
        return
    rows: list[dict[str, Any]] = []
    for name in given.only:
        rows += measured(name, given.processes, given.turns)
        print(rows[-1], flush=True)
    found = {**provenance(f"python docs/benchmarks/shared_cells.py --turns {given.turns}"), "rows": rows}
    (given.out / "shared_cells.json").write_text(json.dumps(found, indent=1) + "\n")
    (given.out / "shared_cells.md").write_text(page(found))


if __name__ == "__main__":
    main()
