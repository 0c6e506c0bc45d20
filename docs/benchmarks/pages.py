"""One table over all problems, from results that ``pinnlab bench`` has written.

    python docs/benchmarks/pages.py [docs/benchmarks/results.json runs/bench/results.json ...] [--out docs/benchmarks]

Without files it takes all of docs/benchmarks/*.json that a bench has written. A run or a classical row that several files
have is taken from the last of them. Files that a bench has not written, or with solvers that it does not know by name, are
left out and named on the screen. Writes problems.md: the table, how to read it, and for each file the machine, versions,
commits and command.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from pinnlab.bench import Results, remarks, table
from pinnlab.bench.cases import SOLVERS

HERE = Path(__file__).parent


def merged(found: Mapping[str, Results]) -> Results:
    """All runs and classical rows, ordered by problem."""
    whole = Results({})
    for results in found.values():
        for part in (*results.runs, *results.baselines):
            whole = whole.adding(part)
    return Results({}, tuple(sorted(whole.runs, key=lambda run: run.key)), whole.baselines)


def source(name: str, results: Results) -> str:
    """Where the numbers of one file come from, in a line."""
    where = results.machine
    versions = ", ".join(f"{package} {version}" for package, version in where["versions"].items())
    commits = ", ".join(sorted({run.commit for run in results.runs if run.commit})) or where["commit"] or "unknown"
    problems = ", ".join(sorted({run.problem for run in results.runs}))
    return (
        f"- `{name}` ({problems}): `{where['command']}`; {where['cpu']}, {where['cores']} cores, {where['threads']} torch "
        f"threads, on {where['device']}; {versions}; commit {commits}; {where['date']}"
    )


def page(found: Mapping[str, Results]) -> str:
    """The page, without a heading of its own: it is included in another."""
    whole = merged(found)
    lines = [*table(whole), "", *remarks(whole), "", "Made by `python docs/benchmarks/pages.py` from:", ""]
    return "\n".join([*lines, *(source(name, results) for name, results in found.items()), ""])


def read(paths: list[Path]) -> dict[str, Results]:
    """The files that a bench wrote, by their names seen from here."""
    found = {}
    for path in paths:
        try:
            results = Results.read(path)
        except ValueError as error:
            print(f"left out: {error}")
            continue
        if others := {run.solver for run in results.runs} - set(SOLVERS):
            print(f"left out: {path} has runs of {', '.join(sorted(others))}")
            continue
        found[Path(os.path.relpath(path, HERE)).as_posix()] = results
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, default=HERE)
    arguments = parser.parse_args()
    found = read(arguments.files or sorted(HERE.glob("*.json")))
    if not found:
        parser.error("none of the files is a results file of pinnlab bench")
    path = arguments.out / "problems.md"
    path.write_text(page(found), encoding="utf-8")
    print(f"wrote {path}: {sum(len(results.runs) for results in found.values())} runs of {len(found)} files")


if __name__ == "__main__":
    main()
