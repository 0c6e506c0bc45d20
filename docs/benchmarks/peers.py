"""Other packages on the same problems, in seconds of the process: see ``pinnlab.bench.peers``.

    python docs/benchmarks/peers.py [--problems allen_cahn burgers] [--solvers trained jinns deepxde pina]
        [--seeds 0 1 2] [--seconds 60] [--out docs/benchmarks/peers]

As ``pinnlab bench`` with ``--resume``, which counts seconds on the wall: here other programs may run beside it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    time.perf_counter = time.process_time  # before anything takes its clock from there

from pinnlab.bench import Results, Schedule, bench, provenance, write_all  # noqa: E402
from pinnlab.bench.cases import load_case  # noqa: E402

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="*", default=["allen_cahn", "burgers"])
    parser.add_argument("--solvers", nargs="*", default=["trained", "jinns", "deepxde", "pina"])
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=HERE / "peers")
    given = parser.parse_args()
    cases = [load_case(name) for name in given.problems]
    path = given.out / "results.json"
    old = Results.read(path).runs if path.exists() else ()
    results = Results(provenance(f"python docs/benchmarks/peers.py {' '.join(sys.argv[1:])}".rstrip()), old)
    schedule = Schedule(cases, tuple(given.solvers), tuple(given.seeds), max_seconds=given.seconds)
    bench(schedule, results, lambda found: write_all(found, given.out))


if __name__ == "__main__":
    main()
