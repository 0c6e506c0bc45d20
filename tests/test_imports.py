"""The house rules that a parser can hold: imports point one way, files stay short, importing has no side effects."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "pinnlab"
LINE_LIMIT = 400

# From the ground up: a module may import from its own layer (without cycles) and from those before it.
# A folder's name stands for all modules in it. See docs/design.md, "The house".
LAYERS: tuple[tuple[str, ...], ...] = (
    (
        "domains",
        "regions",
        "sampling",
        "fields",
        "parameters",
        "weighting",
        "linalg",
        "memory",
        "replay",
        "sketching",
        "processes",
        "block_matrix",
        "shared_matrix",
        "least_squares",
        "bandits",
    ),
    (
        "derivatives",
        "fourier",
        "functions",
        "random_fields",
        "terms",
        "context",
        "conditions",
        "ansatz",
        "exact",
        "seams",
        "chebyshev",
        "report",
        "implicit",
        "problem",
        "frames",
        "characteristics",
        "scales",
        "inflow",
    ),
    ("networks", "constraints", "subdomains", "interfaces"),
    (
        "model",
        "piecewise",
        "sharing",
        "blocks",
        "residuals",
        "operators",
        "optimizers",
        "errors",
        "reference",
        "cells",
        "eulerian",
        "error_equation",
        "error_features",
        "measures",
    ),
    ("status", "history", "checkpoint", "saving", "export", "plotting", "animation", "datasets"),
    ("comparison", "estimates", "quality", "solution", "callbacks", "distributed"),
    ("solvers",),
    ("loop", "choice", "api", "selection", "stacked"),
    ("__init__",),
    ("cases", "bench", "cli", "__main__", "problems"),
)
LAYER = {name: height for height, names in enumerate(LAYERS) for name in names}
SHARED_BY_SOLVERS = {"pinnlab.solvers", "pinnlab.solvers.base", "pinnlab.solvers.windows"}


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


def unit(module: str) -> str:
    """The name that stands in LAYERS: pinnlab.networks.mlp -> networks, pinnlab -> __init__."""
    return "__init__" if module == "pinnlab" else module.split(".")[1]


def imported_names(tree: ast.AST, module: str, is_package: bool) -> set[str]:
    """Dotted names of what a file imports, inside functions too; imports for type checkers only are left out."""
    skipped = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for statement in branch.body
        for node in ast.walk(statement)
    }
    here = module.split(".") if is_package else module.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
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


def test_every_module_has_a_layer() -> None:
    missing = sorted({unit(module) for module in FILES} - set(LAYER))
    assert not missing, f"{missing}: say in LAYERS (and in docs/design.md) how high these stand"


@pytest.mark.parametrize("module", FILES)
def test_imports_point_one_way(module: str) -> None:
    own = LAYER[unit(module)]
    upward = sorted(target for target in GRAPH[module] if LAYER[unit(target)] > own)
    assert not upward, f"{module} imports from above: {', '.join(upward)}"


def test_imports_have_no_cycles() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, "cycle: " + " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for target in sorted(GRAPH[module]):
                visit(target, (*path, module))
            done.add(module)

    for module in FILES:
        visit(module, ())


def test_solvers_do_not_import_one_another() -> None:
    for module, targets in GRAPH.items():
        if unit(module) == "solvers" and module not in SHARED_BY_SOLVERS:
            others = sorted(t for t in targets if unit(t) == "solvers" and t not in SHARED_BY_SOLVERS)
            assert not others, f"{module} imports {others}: put what they share into solvers/base.py"


def test_the_loop_knows_no_concrete_solver() -> None:
    concrete = sorted(t for t in GRAPH.get("pinnlab.loop", ()) if unit(t) == "solvers" and t != "pinnlab.solvers.base")
    assert not concrete, f"pinnlab/loop.py imports {concrete}; it may know pinnlab.solvers.base only"


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
