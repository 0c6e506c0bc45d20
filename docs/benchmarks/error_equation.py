"""Known errors, told by the error equation on finite elements and by a classical solution: what each says, and when.

    python docs/benchmarks/error_equation.py [NAME ...] [--seconds 20] [--processor] [--out docs/benchmarks]

Solutions are exact ones, known from element_cases/, plus a wave of a given size. With ``--processor`` seconds are those of
the processor. Names, or parts of them, choose rows; the others stay as they were measured. Writes error_equation.json and
error_equation.md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from element_cases import Case, materials, plane, space
from torch import Tensor

import pinnlab as pl
from pinnlab.bench import provenance
from pinnlab.declaration.relative_error import two_sided_grid
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import Indices
from pinnlab.solution.quality.estimators import by_classical, by_equation
from pinnlab.solvers.windows import joined
from pinnlab.training.history import History
from pinnlab.training.part import Part
from pinnlab.training.status import Status

CASES = {**plane.CASES, **materials.CASES, **space.CASES}
ROWS = (
    ("Poisson, square less four disks", 1e-2),
    ("Poisson, square less four disks", 1e-7),
    ("Laplace, L-shape", 1e-7),
    ("plate with a hole (Kirsch), displacements", 1e-6),
    ("heat, hole and a Robin side, t to 3", 1e-4),
    ("Poisson, cube less four balls", 1e-6),
)


class Wrong(Part):
    """An exact solution plus a wave.

    Args:
        case: gives the exact solution.
        size: of the wave.
    """

    def __init__(self, case: Case, size: float):
        self.region, self.unknowns, self.case, self.size = case.problem.domain, case.problem.unknowns, case, size
        self.parameters, self.coefficients = [torch.zeros(1, dtype=torch.float64)], {}

    def moved(self, points: Tensor, size: float) -> Tensor:
        """(n, m) values at points (n, d)."""
        assert self.case.exact is not None
        found = self.case.exact(**dict(zip(self.region.coordinates, points.unbind(1), strict=True)))
        each = found if isinstance(found, dict) else {self.unknowns[0]: found}
        wave = torch.cos(1.7 * points[:, 0] + 0.4) * torch.sin(
            points @ (2.0 + torch.arange(points.shape[1])).to(points)
        )
        return torch.stack([each[u] + size * wave for u in self.unknowns], dim=1)

    def jet(self, points: Tensor, indices: Indices) -> Tensor:
        return autograd_jet(lambda at: self.moved(at, self.size), points, indices, keep=False)

    def to_data(self, file: Any) -> dict[str, Any]:
        raise NotImplementedError


def measured(case: Case, size: float, seconds: float) -> dict[str, Any]:
    """{unknown: error}, and what each estimator says of it, with its seconds of the processor."""
    model, points = Wrong(case, size), two_sided_grid(case.problem)
    solution = pl.Solution(
        case.problem, joined([model], case.problem.domain), [model], History(()), Status.CONVERGED, 0.0
    )
    right = model.moved(points, 0.0)
    true = (model.moved(points, size) - right).norm(dim=0) / right.norm(dim=0)
    ways: dict[str, Callable[[], Any]] = {
        "equation": lambda: by_equation(solution, (), seconds),
        "classical": lambda: by_classical(solution, seconds),
    }
    found: dict[str, Any] = {"error": dict(zip(case.problem.unknowns, true.tolist(), strict=True))}
    for name, estimate in ways.items():
        began = time.process_time()
        try:
            told = estimate()
            found[name] = {"errors": told.errors, "doubt": told.doubt, "cpu_seconds": time.process_time() - began}
        except ValueError as error:
            found[name] = {"refused": str(error), "cpu_seconds": time.process_time() - began}
    return found


def row(name: str, found: dict[str, Any]) -> str:
    """A line of the table, of the unknown that is worst."""
    worst = max(found["error"], key=lambda u: found["error"][u])
    cells = [name, f"{found['error'][worst]:.2e}"]
    for way in ("equation", "classical"):
        told = found[way]
        said = "none" if "refused" in told else f"{told['errors'][worst]:.2e} ± {told['doubt'][worst]:.0e}"
        cells += [said, f"{told['cpu_seconds']:.0f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    file = given.out / "error_equation.json"
    table = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    options = ["--seconds", f"{given.seconds:g}", *(["--processor"] if given.processor else [])]
    made = provenance(" ".join(["python docs/benchmarks/error_equation.py", *options]))
    for name, size in ROWS:
        if given.names and not any(part in name for part in given.names):
            continue
        with mock.patch("time.perf_counter", time.process_time if given.processor else time.perf_counter):
            found = measured(CASES[name](), size, given.seconds)
        table[f"{name}, {size:g}"] = {"name": name, **found, "provenance": made}
        print(row(name, found), flush=True)
        file.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    lines = ["| problem | error | error equation | CPU s | classical solution | CPU s |", "|---|---|---|---|---|---|"]
    lines += [row(found["name"], found) for found in table.values()]
    (given.out / "error_equation.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
