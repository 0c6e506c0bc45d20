"""What the coupling of experts is worth: viscous Burgers (nu = 0.1) with untrained basis functions.

    python docs/benchmarks/couplings.py

Seconds are those of the process. Writes couplings.json, and couplings.md, the table of docs/methods/experts.md.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch

import pinnlab as pl
from pinnlab.algebra.least_squares import LeastSquares
from pinnlab.bench.provenance import provenance
from pinnlab.solvers.experts.plan import FamilyExperts

BASIS = 32
HERE = Path(__file__).parent


def main() -> None:
    torch.set_num_threads(1)
    problem = pl.load_problem("burgers").replace(parameters={"nu": 0.1}, reference=None)
    reference = pl.reference_solution(problem)
    cases = (
        ("one expert", {}, "interface"),
        ("none", {"x": 4}, "none"),
        ("none", {"x": 8}, "none"),
        ("none", {"t": 4}, "none"),
        ("interface", {"x": 4}, "interface"),
        ("interface", {"x": 8}, "interface"),
        ("interface", {"t": 4}, "interface"),
        ("march", {"t": 4}, "march"),
        ("march", {"x": 8, "t": 2}, "march"),
    )
    rows = []
    for name, experts, coupling in cases:
        solver = FamilyExperts(
            network=pl.MLP(width=48, depth=2), basis=BASIS, experts=experts, coupling=coupling, points=8 * BASIS,
            search=LeastSquares(steps=40, tolerance=1e-7), newton=0, stages=(pl.Adam(steps=1),),
        )  # fmt: skip
        began = time.process_time()
        solution = pl.solve(problem, solver, progress=False)
        residual, error = solution.history[-1].held_out, solution.error(reference)["u"]
        rows.append(
            {"coupling": name, "parts": str(experts), "residual": residual, "error": error,
             "seconds": time.process_time() - began}
        )  # fmt: skip
        print(rows[-1], flush=True)
    found = {"provenance": provenance("python docs/benchmarks/couplings.py"), "rows": rows}
    (HERE / "couplings.json").write_text(json.dumps(found, indent=1) + "\n")
    lines = ["| coupling | parts | residual | relative L2 | CPU s |", "|---|---|---|---|---|"]
    for row in rows:
        numbers = f"{row['residual']:.1e} | {row['error']:.1e} | {row['seconds']:.1f}"
        lines.append(f"| {row['coupling']} | `{row['parts']}` | {numbers} |")
    (HERE / "couplings.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
