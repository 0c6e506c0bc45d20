"""Cases: a shipped problem by name or a user's own file, which work alike wherever the command line takes one."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from pinnlab.declaration.library import collections, is_shipped, problem_module, problem_names
from pinnlab.declaration.problem import Problem
from pinnlab.solvers.causal import CausalPINN
from pinnlab.solvers.choice import DEFAULT_SECONDS
from pinnlab.solvers.hard_constraint import HardConstraintMoE
from pinnlab.solvers.lagrangian.solver import LagrangianPINN
from pinnlab.solvers.pinn import PINN
from pinnlab.training.plans import Solver

SOLVERS = ("auto", "recipe", "trained", "pinn", "causal", "lagrangian", "experts")
_UNNAMED = inspect.signature(Problem).parameters["name"].default


class CaseError(ValueError):
    """A case that cannot be loaded, in words for the person who typed its name."""


@dataclass(frozen=True)
class Case:
    """A problem with its options, its tuned solver and its budget.

    Attributes:
        name: of a shipped problem, or of the file without its ending.
        module: has ``problem(**options)``, and may have ``recipe()``, ``BUDGET`` (seconds) and ``PUBLISHED`` (text); where
            nothing is trained by the recipe, ``trained()`` may give the tuned network. Both may take some of the options.
        options: arguments of ``problem()``.
    """

    name: str
    module: ModuleType = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name and options, such as ``"convection (c=50)"``."""
        options = ", ".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.name} ({options})" if options else self.name

    @property
    def file_name(self) -> str:
        """The label as the stem of a file's name."""
        return re.sub(r"[^\w.+-]+", "_", self.label).strip("_")

    @property
    def description(self) -> str:
        """The first line of the module's docstring."""
        return (inspect.getdoc(self.module) or "").partition("\n")[0].strip()

    @property
    def published(self) -> str:
        """The best that others report, in words; empty where the module does not say."""
        return str(getattr(self.module, "PUBLISHED", ""))

    @property
    def budget(self) -> float:
        """Seconds of training that the recipe is tuned for; a minute where the module does not say."""
        budget = getattr(self.module, "BUDGET", DEFAULT_SECONDS)
        if not (isinstance(budget, int | float) and budget > 0):
            raise CaseError(f"{self.name}: BUDGET = {budget!r}; write a positive number of seconds.")
        return float(budget)

    @property
    def has_recipe(self) -> bool:
        """Whether the module has a tuned solver."""
        return callable(getattr(self.module, "recipe", None))

    def problem(self) -> Problem:
        """The problem with these options.

        Raises:
            CaseError: ``problem()`` does not take the options, fails, or returns no problem.
        """
        problem = self._call("problem", self.options)
        if not isinstance(problem, Problem):
            raise CaseError(f"{self.name}: problem() returned {type(problem).__name__}; return a pl.Problem(...).")
        return problem.replace(name=self.label) if problem.name == _UNNAMED else problem

    @property
    def default_solver(self) -> str:
        """``"recipe"`` where there is one, else ``"auto"``."""
        return "recipe" if self.has_recipe else "auto"

    @property
    def trained_solver(self) -> str:
        """The one whose network other packages get: ``"trained"`` where the file has it, else the default."""
        return "trained" if callable(getattr(self.module, "trained", None)) else self.default_solver

    def solver(self, kind: str) -> Solver | None:
        """A solver; None, for ``"auto"``, lets ``solve`` choose.

        Args:
            kind: one of ``SOLVERS``.

        Raises:
            CaseError: the file has no such function, or it returns no solver.
        """
        if kind == "auto":
            return None
        if kind not in ("recipe", "trained"):
            named: dict[str, Callable[[], Solver]] = {
                "pinn": PINN, "causal": CausalPINN, "lagrangian": LagrangianPINN, "experts": HardConstraintMoE,
            }  # fmt: skip
            return named[kind]()
        if not callable(getattr(self.module, kind, None)):
            known = "recipe, " if kind == "trained" and self.has_recipe else ""
            raise CaseError(
                f"{self.name} has no {kind}(); use --solver {known}auto, pinn, causal, lagrangian or experts, or write one."
            )
        takes = inspect.signature(getattr(self.module, kind)).parameters
        solver = self._call(kind, {key: value for key, value in self.options.items() if key in takes})
        if not isinstance(solver, Solver):
            raise CaseError(f"{self.name}: {kind}() returned {solver!r}; return a solver such as pl.CausalPINN().")
        return solver

    def _call(self, name: str, options: Mapping[str, Any]) -> Any:
        function: Callable[..., Any] = getattr(self.module, name)
        try:
            inspect.signature(function).bind(**options)
        except TypeError:
            takes = ", ".join(inspect.signature(function).parameters) or "none"
            given = ", ".join(f"{k}={v!r}" for k, v in options.items()) or "no options"
            raise CaseError(f"{self.name}: {name}() got {given}; its options are: {takes}.") from None
        try:
            return function(**options)
        except Exception as error:
            raise CaseError(f"{self.name}: {name}() failed: {_explain(error, self.module.__file__)}") from error


def load_case(name_or_file: str, options: Mapping[str, Any] | None = None) -> Case:
    """The case that a name of a shipped problem or the path of a Python file stands for.

    Raises:
        CaseError: there is no such problem or file, the file fails, or it has no ``problem()``.
    """
    path = Path(name_or_file)
    if is_shipped(name_or_file):
        return Case(name_or_file, problem_module(name_or_file), dict(options or {}))
    if path.suffix != ".py" and os.sep not in name_or_file:
        names = ", ".join((*problem_names(), *(f"{collection}/..." for collection in collections())))
        raise CaseError(f"there is no problem {name_or_file!r}; give a file that ends in .py, or one of: {names}.")
    if path.suffix != ".py" or not path.is_file():
        raise CaseError(f"{name_or_file}: not a Python file, or not there; give a file that ends in .py.")
    module = _module(path)
    if not callable(getattr(module, "problem", None)):
        raise CaseError(f"{name_or_file} has no function problem(); write one that returns a pl.Problem(...).")
    return Case(path.stem, module, dict(options or {}))


def shipped_cases(collection: str | None = None) -> list[Case]:
    """The problems of the package, or of one of its collections.

    Raises:
        CaseError: there is no such collection.
    """
    try:
        return [load_case(name) for name in problem_names(collection)]
    except ValueError as error:
        raise CaseError(str(error)) from None


def parse_options(pairs: Sequence[str]) -> dict[str, Any]:
    """``["c=50", "kind=wave"]`` as ``{"c": 50, "kind": "wave"}``: whole numbers, numbers, else text.

    Raises:
        CaseError: a pair without ``=``.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.isidentifier():
            raise CaseError(f"{pair!r}: write an option as name=value, such as c=50.")
        options[key] = _number(text)
    return options


def parse_seeds(text: str) -> tuple[int, ...]:
    """``"0,1,2"`` as numbers.

    Raises:
        CaseError: they are no different whole numbers of at least 0.
    """
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise CaseError(f"--seeds {text!r}: give whole numbers separated by commas, such as 0,1,2.") from error
    if min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise CaseError(f"--seeds {text!r}: give different numbers of at least 0.")
    return seeds


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _module(path: Path) -> ModuleType:
    """Run a file as a module of its own; imports from its folder work as they do for a script."""
    resolved = path.resolve()
    specification = importlib.util.spec_from_file_location(path.stem, resolved)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.path.insert(0, str(resolved.parent))
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        raise CaseError(f"{path} could not be loaded: {_explain(error, str(resolved))}") from error
    finally:
        sys.path.remove(str(resolved.parent))
    return module


def _explain(error: Exception, file: str | None) -> str:
    """What went wrong, and in which line of the file."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f" (line {lines[-1]})" if lines and lines[-1] else ""
    return f"{type(error).__name__}: {error}{where}"
