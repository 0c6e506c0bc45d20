"""SI units against units chosen by hand: the same problem twice, with every solver that takes it.

    python docs/benchmarks/units.py [--only rod beam] [--solvers PINN classical] [--steps 40 | --seconds 4] [--seeds 3]
                                    [--out FILE]

With --seconds every call has that long: seconds of the process, so that it does not matter what else the machine does, and
default options. With --steps what is trained are small networks, which take that many steps of Levenberg-Marquardt. A pair
is a problem in SI units (or those of a trade) and the same one with all numbers near one. Errors are relative to the
variation of the true solution; a row tells those of all seeds, the ratio of their medians, its commit and its command. The
table adds the ratio of geometric means and its bootstrap interval of 95 %: seeds of one row differ by factors of 5, and it
takes 25 of them for a ratio that is certain to a factor of 1.6.
Writes FILE.json and FILE.md with --out, after every row; rows that are in FILE.json with that budget are not measured
again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    time.perf_counter = time.process_time  # before anything takes its clock from there

from pinnlab.bench.provenance import commit, provenance  # noqa: E402
from scaled import PAIRS  # noqa: E402
from scaled.running import row, solvers, table, truth  # noqa: E402

SOLVERS = [*solvers(PAIRS["rod"](), lambda c, x: x, None), "classical"]


def command() -> str:
    """As it was typed."""
    return " ".join(["python docs/benchmarks/units.py", *sys.argv[1:]])


def written(out: Path | None, rows: list[dict[str, Any]], given: argparse.Namespace) -> None:
    """Write what is known so far."""
    if out is None:
        return
    whole = {"provenance": provenance(command()), "seeds": given.seeds, "rows": rows}
    out.with_suffix(".json").write_text(json.dumps(whole, indent=1) + "\n")
    out.with_suffix(".md").write_text(table(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PAIRS, default=list(PAIRS))
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=SOLVERS)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    old = given.out.with_suffix(".json") if given.out else None
    rows: list[dict[str, Any]] = json.loads(old.read_text())["rows"] if old is not None and old.exists() else []
    budget = {"seconds": given.seconds} if given.steps is None else {"steps": given.steps}
    done = {(one["problem"], one["solver"]) for one in rows if budget.items() <= one.items()}
    for name in given.only:
        left = [solver for solver in given.solvers if (name, solver) not in done]
        if not left:
            continue
        pair = PAIRS[name]()
        true = truth(pair)
        for solver in left:
            seconds = given.seconds if given.steps is None else 600.0
            one = row(name, pair, solver, true, seconds, given.steps, given.seeds)
            if one is not None:
                rows.append({**one, **budget, "commit": commit(), "command": command()})
                print(json.dumps(one), flush=True)
                written(given.out, rows, given)
    print(table(rows), file=sys.stderr)


if __name__ == "__main__":
    main()
