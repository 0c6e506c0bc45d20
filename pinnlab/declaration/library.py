"""The benchmark problems by name. Their files are found when they are asked for."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from pinnlab.declaration.problem import Problem


def problem_names() -> tuple[str, ...]:
    """Names of the benchmark problems, in alphabetical order."""
    package = importlib.import_module("pinnlab.problems")
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")))


def problem_module(name: str) -> ModuleType:
    """The module of a benchmark problem: it has ``problem()`` and ``recipe()``.

    Raises:
        ValueError: there is no such problem.
    """
    if name not in problem_names():
        raise ValueError(f"there is no problem {name!r}; the problems are {', '.join(problem_names())}.")
    return importlib.import_module(f"pinnlab.problems.{name}")


def load_problem(name: str, **options: float) -> Problem:
    """A benchmark problem: ``load_problem("allen_cahn")``, ``load_problem("convection", c=50.0)``.

    Args:
        name: one of ``pinnlab list``.
        options: arguments of the problem's ``problem()``.

    Raises:
        ValueError: there is no such problem.
    """
    return problem_module(name).problem(**options)
