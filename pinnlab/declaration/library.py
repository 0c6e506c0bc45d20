"""The benchmark problems by name. Their files are found when they are asked for.

A collection is a folder of problems of its own: ``"pinnacle"`` holds ``"pinnacle/burgers_1d"`` and 21 more.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from pinnlab.declaration.problem import Problem


def collections() -> tuple[str, ...]:
    """Names of the collections."""
    return tuple(sorted(module.name for module in _modules("pinnlab.problems") if module.ispkg))


def problem_names(collection: str | None = None) -> tuple[str, ...]:
    """Names of the benchmark problems, in alphabetical order.

    Args:
        collection: one of ``collections()``; None for the problems that are in none.

    Raises:
        ValueError: there is no such collection.
    """
    if collection is not None and collection not in collections():
        raise ValueError(f"there is no collection {collection!r}; the collections are {', '.join(collections())}.")
    folder, prefix = ("", "") if collection is None else (f".{collection}", f"{collection}/")
    modules = _modules(f"pinnlab.problems{folder}")
    return tuple(sorted(prefix + module.name for module in modules if not module.ispkg))


def is_shipped(name: str) -> bool:
    """Whether there is a benchmark problem of this name."""
    collection, slash, _ = name.partition("/")
    return name in problem_names() or (
        bool(slash) and collection in collections() and name in problem_names(collection)
    )


def problem_module(name: str) -> ModuleType:
    """The module of a benchmark problem: it has ``problem()`` and ``recipe()``.

    Raises:
        ValueError: there is no such problem.
    """
    if not is_shipped(name):
        known = (*problem_names(), *(f"{collection}/..." for collection in collections()))
        raise ValueError(f"there is no problem {name!r}; the problems are {', '.join(known)}.")
    return importlib.import_module(f"pinnlab.problems.{name.replace('/', '.')}")


def load_problem(name: str, **options: float) -> Problem:
    """A benchmark problem: ``load_problem("allen_cahn")``, ``load_problem("convection", c=50.0)``.

    Args:
        name: one of ``pinnlab list``.
        options: arguments of the problem's ``problem()``.

    Raises:
        ValueError: there is no such problem.
    """
    return problem_module(name).problem(**options)


def _modules(package: str) -> list[pkgutil.ModuleInfo]:
    modules = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return [module for module in modules if not module.name.startswith("_")]
