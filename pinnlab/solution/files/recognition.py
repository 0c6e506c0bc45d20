"""By what a saved solution recognizes the problem that was solved, of whose functions its file holds none."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from pinnlab.declaration.problem import Problem
from pinnlab.machine.fingerprint import fingerprint


def digests(problem: Problem) -> dict[str, str]:
    """Digests of a problem's equations and conditions, and the version of Python, which decides on byte code."""
    python = ".".join(map(str, sys.version_info[:2]))
    equations, conditions = fingerprint(problem.equations), fingerprint(problem.conditions)
    return {"python": python, "equations": equations, "conditions": conditions}


def compared(mine: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[str, ...]:
    """A note where it cannot be told whether the problem is the one that was solved.

    Args:
        mine: ``digests`` of the problem that was given.
        theirs: those in the file; empty in files of version 0.1.

    Raises:
        ValueError: it is another problem.
    """
    if theirs.get("python") != mine["python"]:
        why = "was written by another version of Python" if theirs else "does not know them"
        return (f"whether problem= has the equations and conditions that were solved was not checked: the file {why}",)
    for name in ("equations", "conditions"):
        if theirs.get(name) != mine[name]:
            raise ValueError(
                f"load(problem=...): the file was written for a problem with other {name}; pass the problem that was "
                "solved, with the same functions, or leave problem= out."
            )
    return ()
