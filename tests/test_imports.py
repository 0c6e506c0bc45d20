"""The house rules that a parser can hold: imports point one way, files stay short, importing has no side effects."""

from __future__ import annotations

import ast
import functools
import importlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "pinnlab"
LINE_LIMIT = 400

MOST_FLOORS = 12
"""Floors of the house: a room stands one floor above the highest of those that it imports."""
LONGEST_CHAIN = 20
"""Files that import one another in a row, at most."""
DOORS = "pinnlab.doors"
"""Import paths of earlier versions; they hand on names, and nobody inside comes through them."""


def source_files() -> dict[str, Path]:
    """Dotted module names of the package and the problems, and their files."""
    files = {}
    for folder, prefix in ((PACKAGE, "pinnlab"), (ROOT / "problems", "pinnlab.problems")):
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if parts[-1] == "__init__":
                parts = parts[:-1]
            files[".".join((prefix, *parts))] = path
    return files


FILES = source_files()


def room(module: str) -> str:
    """The folder in which a file lives, of the package's own: pinnlab.solvers.lagrangian.labels -> solvers; api -> api."""
    return "__init__" if module == "pinnlab" else module.split(".")[1]


def imported_names(tree: ast.AST, module: str, is_package: bool) -> set[str]:
    """Dotted names of what a file imports: inside functions and for type checkers too."""
    here = module.split(".") if is_package else module.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) + 1 - node.level] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            found.update(f"{origin}.{alias.name}" for alias in node.names)
    return found


def resolve(name: str) -> str | None:
    """The module of this package that an imported name belongs to."""
    while name:
        if name in FILES:
            return name
        name = name.rpartition(".")[0]
    return None


def dependencies() -> dict[str, set[str]]:
    """Module -> modules of this package that it imports."""
    graph = {}
    for module, path in FILES.items():
        names = imported_names(ast.parse(path.read_text(encoding="utf-8")), module, path.name == "__init__.py")
        graph[module] = {target for name in names if (target := resolve(name)) is not None} - {module}
    return graph


GRAPH = dependencies()


def rooms() -> dict[str, dict[str, tuple[str, str]]]:
    """Room -> {room that it imports: one pair of files that does}."""
    found: dict[str, dict[str, tuple[str, str]]] = {
        room(module): {} for module in FILES if not module.startswith(DOORS)
    }
    for module, targets in GRAPH.items():
        for target in sorted(targets):
            if not module.startswith(DOORS) and room(module) != room(target):
                found[room(module)].setdefault(room(target), (module, target))
    return found


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Names that import one another in a ring, the first one again at the end; [] where there is none."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name not in done:
            for target in sorted(graph[name]):
                if found := visit(target, (*path, name)):
                    return found
            done.add(name)
        return []

    return next((found for name in graph if (found := visit(name, ()))), [])


def heights(graph: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Name -> 1 + the height of the highest one that it imports."""

    @functools.cache
    def height(name: str) -> int:
        return 1 + max((height(target) for target in graph[name]), default=0)

    return {name: height(name) for name in graph}


def test_files_do_not_import_one_another_in_a_circle() -> None:
    ring = circle(GRAPH)
    assert not ring, "circle of files: " + " -> ".join(ring)


def test_folders_do_not_import_one_another_in_a_circle() -> None:
    graph = rooms()
    ring = circle(graph)
    pairs = [" imports ".join(graph[a][b]) for a, b in zip(ring, ring[1:], strict=False)]
    assert not ring, f"circle of folders {' -> '.join(ring)}: {'; '.join(pairs)}"


def test_the_house_is_low() -> None:
    floors = heights(rooms())
    top = max(floors, key=lambda name: floors[name])
    assert floors[top] <= MOST_FLOORS, f"{top} stands on floor {floors[top]}: {floors}"
    chain = heights(GRAPH)
    longest = max(chain, key=lambda name: chain[name])
    path = [longest]
    while GRAPH[path[-1]]:
        path.append(max(GRAPH[path[-1]], key=lambda name: chain[name]))
    assert len(path) <= LONGEST_CHAIN, f"{len(path)} files in a row: {' -> '.join(path)}"


def test_few_files_stand_at_the_door() -> None:
    files = sorted(path.name for path in PACKAGE.glob("*.py"))
    assert files == ["__init__.py", "__main__.py", "api.py", "bandits.py", "cli.py", "constraints.py"]


def test_nobody_inside_comes_through_a_door() -> None:
    lazy = [
        f"{module} imports {target}"
        for module, targets in GRAPH.items()
        for target in targets
        if target.startswith(DOORS)
    ]
    assert not lazy, f"{lazy}: import from where it lives"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("bandits", "Bandit"), ("conditions", "Condition"), ("constraints", "ConvexProjection"), ("context", "Context"),
        ("datasets", "generate"), ("derivatives.taylor", "Jet"), ("distributed", "leads"), ("domains", "Site"),
        ("functions", "FunctionParameter"), ("interfaces", "CONDITIONS"), ("least_squares", "LeastSquares"),
        ("networks.base", "Network"), ("operators.features", "Features"), ("optimizers.base", "Optimizer"),
        ("piecewise", "PiecewiseModel"), ("plotting", "Picture"), ("problems.allen_cahn", "problem"),
        ("processes", "Processes"), ("quality", "report"), ("selection", "Trial"), ("solvers.base", "Settings"),
        ("terms", "Scope"), ("weighting", "Causal"),
    ],
)  # fmt: skip
def test_documented_paths_of_version_0_1_lead_where_things_live(path: str, name: str) -> None:
    found = getattr(importlib.import_module(f"pinnlab.{path}"), name)
    home = getattr(found, "__module__", None)
    assert home is None or getattr(importlib.import_module(home), name) is found


def test_methods_do_not_import_one_another() -> None:
    methods = {"pinn", "causal", "lagrangian", "multidomain", "hard_constraint"}

    def method(module: str) -> str | None:
        parts = module.split(".")
        return parts[2] if parts[1:2] == ["solvers"] and len(parts) > 2 and parts[2] in methods else None

    for module, targets in GRAPH.items():
        own = method(module)
        others = sorted(t for t in targets if method(t) not in (None, own))
        assert own is None or not others, f"{module} imports {others}: put what they share into solvers/collocation.py"


def test_the_loop_knows_no_solver() -> None:
    above = sorted(t for m, targets in GRAPH.items() if room(m) == "training" for t in targets if room(t) == "solvers")
    assert not above, f"training imports {above}; it may know pinnlab.training.plans only"


def test_only_the_public_list_is_in_the_package_file() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    logic = [type(n).__name__ for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.For | ast.While)]
    assert not logic, f"pinnlab/__init__.py holds {logic}; it is a list of names and nothing else"


@pytest.mark.parametrize("module", FILES)
def test_files_are_short(module: str) -> None:
    lines = len(FILES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= LINE_LIMIT, f"{FILES[module].relative_to(ROOT)} has {lines} lines; split it (limit {LINE_LIMIT})"


SIDE_EFFECTS = """
import json, os, random
import numpy as np
import torch

def state():
    return {
        "dtype": str(torch.get_default_dtype()),
        "device": str(torch.get_default_device()),
        "torch seed": torch.initial_seed(),
        "torch random state": torch.get_rng_state().tolist(),
        "numpy random state": str(np.random.get_state()),
        "python random state": str(random.getstate()),
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "matmul precision": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "gradients": torch.is_grad_enabled(),
        "print options": str(np.get_printoptions()),
        "environment": dict(os.environ),
    }

torch.manual_seed(1234)
np.random.seed(1234)
random.seed(1234)
before = state()
import pinnlab
after = state()
print(json.dumps([key for key in before if before[key] != after[key]]))
"""


def test_importing_changes_nothing_global() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", SIDE_EFFECTS], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == [], "importing pinnlab changed global state"
