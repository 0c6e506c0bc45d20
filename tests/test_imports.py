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
LONGEST_CHAIN = 24
"""Files that import one another in a row, at most; an ``__init__`` that only hands names on is no file of the row."""
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


def imports(tree: ast.AST, module: str, is_package: bool) -> list[tuple[str, str]]:
    """(name in the file, dotted name) of what a file imports: inside functions and for type checkers too."""
    here = module.split(".") if is_package else module.split(".")[:-1]
    found: list[tuple[str, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.asname or alias.name, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) + 1 - node.level] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            found += [(alias.asname or alias.name, f"{origin}.{alias.name}") for alias in node.names]
    return found


def resolve(name: str) -> str | None:
    """The module of this package that an imported name belongs to."""
    while name:
        if name in FILES:
            return name
        name = name.rpartition(".")[0]
    return None


TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in FILES.items()}
IMPORTS = {module: imports(tree, module, FILES[module].name == "__init__.py") for module, tree in TREES.items()}


def dependencies() -> dict[str, set[str]]:
    """Module -> modules of this package that it imports."""
    return {
        module: {target for _, name in found if (target := resolve(name)) is not None} - {module}
        for module, found in IMPORTS.items()
    }


GRAPH = dependencies()


def only_hands_on(tree: ast.Module) -> bool:
    """Whether a file, an ``__init__``, defines nothing: besides imports it has docstrings, a list of names, a path."""

    def is_plain(node: ast.stmt) -> bool:
        if isinstance(node, ast.Assign):
            return all(isinstance(name, ast.Name) and name.id in ("__all__", "__version__") for name in node.targets)
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        return isinstance(node, ast.Import | ast.ImportFrom) or is_text or ast.unparse(node).startswith("__path__.")

    return all(map(is_plain, tree.body))


def used_of(tree: ast.AST, module: str) -> set[str]:
    """Names ``module.x`` that a file uses of a module it imports whole, as ``import module as m`` and ``m.x``."""
    found = [alias for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    aliases = {alias.asname or alias.name for alias in found if alias.name == module}
    return {
        f"{module}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in aliases
    }


def homes(name: str, modules: Iterable[str], faces: Mapping[str, Mapping[str, str]]) -> set[str]:
    """The modules in which an imported name is defined, found through all faces that hand it on.

    Args:
        name: dotted; a face that is imported whole stands for everything that it hands on.
        modules: dotted names of files.
        faces: {an ``__init__`` that defines nothing: {name in it: where it comes from}}.
    """
    module = name
    while module and module not in modules:
        module = module.rpartition(".")[0]
    if module not in faces:
        return {module} if module else set()
    given, first = faces[module], name[len(module) + 1 :].partition(".")[0]
    wanted = given.values() if module == name else [given[first]] if first in given else []
    return {home for each in wanted for home in homes(each, modules, faces)}


def reading_graph() -> dict[str, set[str]]:
    """Module -> modules in which the names are defined that it imports; faces are no modules of this graph."""
    inits = {module for module, path in FILES.items() if path.name == "__init__.py"}
    faces = {module: dict(IMPORTS[module]) for module in inits if only_hands_on(TREES[module])}
    graph = {}
    for module in FILES.keys() - faces.keys():
        names = {name for _, name in IMPORTS[module]}
        for face in names & faces.keys():
            if used := used_of(TREES[module], face):
                names = (names - {face}) | used
        graph[module] = {home for name in names for home in homes(name, FILES, faces)} - {module}
    return graph


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
    graph = reading_graph()
    chain = heights(graph)
    longest = max(chain, key=lambda name: chain[name])
    path = [longest]
    while graph[path[-1]]:
        path.append(max(graph[path[-1]], key=lambda name: chain[name]))
    assert len(path) <= LONGEST_CHAIN, f"{len(path)} files in a row: {' -> '.join(path)}"


def test_names_are_found_through_the_faces_that_hand_them_on() -> None:
    files = ("a", "a.faces", "a.faces.round", "a.faces.square", "a.plain", "a.plain.deep")
    faces = {
        "a": {"Round": "a.faces.Round", "faces": "a.faces", "plain": "a.plain"},
        "a.faces": {"Round": "a.faces.round.Round", "Square": "a.faces.square.Square", "torch": "torch"},
    }
    assert homes("a.faces.round.Round", files, faces) == {"a.faces.round"}
    assert homes("a.Round", files, faces) == {"a.faces.round"}, "through two faces"
    assert homes("a.faces.Square", files, faces) == {"a.faces.square"}
    assert homes("a.faces", files, faces) == {"a.faces.round", "a.faces.square"}, "whole"
    assert homes("a.faces.square", files, faces) == {"a.faces.square"}, "a file behind a face"
    assert homes("a.plain.deep.Thing", files, faces) == {"a.plain.deep"}
    assert homes("a.plain.Thing", files, faces) == {"a.plain"}, "an __init__ that defines something is a file"
    assert homes("torch.nn", files, faces) == set()


def test_an_init_that_defines_something_is_no_face() -> None:
    face = '"""Text."""\nfrom .b import B as C\n__all__ = ["C"]'
    assert imports(ast.parse(face), "a", True) == [("C", "a.b.B")]
    assert only_hands_on(ast.parse(face))
    assert not only_hands_on(ast.parse(face + "\nX = 1"))
    assert not only_hands_on(ast.parse(face + "\ndef f(): ..."))
    assert used_of(ast.parse("import a as name\nname.B(name.c.d)\nother.E"), "a") == {"a.B", "a.c"}


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


HEAVY = """
import sys
import pinnlab
parts = "fft integrate linalg optimize sparse spatial special stats".split()
print([name for name in ("matplotlib", *(f"scipy.{part}" for part in parts)) if name in sys.modules])
"""


def test_importing_waits_for_no_library_that_a_first_solve_may_never_need() -> None:
    run = subprocess.run([sys.executable, "-c", HEAVY], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]", (
        f"importing pinnlab loads {run.stdout}; write scipy.stats.qmc, not from scipy.stats"
    )


def test_importing_changes_nothing_global() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", SIDE_EFFECTS], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == [], "importing pinnlab changed global state"
