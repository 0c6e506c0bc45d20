"""What the coupling of experts is worth: viscous Burgers (nu = 0.1) with untrained basis functions.

    python docs/benchmarks/couplings.py

Prints residual norm and relative L2 error; docs/methods/experts.md shows the table.
"""

from __future__ import annotations

import time

import torch

import pinnlab as pl
from pinnlab.algebra.least_squares import LeastSquares
from pinnlab.solvers.experts.plan import FamilyExperts

BASIS = 32


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
    for name, experts, coupling in cases:
        solver = FamilyExperts(
            network=pl.MLP(width=48, depth=2), basis=BASIS, experts=experts, coupling=coupling, points=8 * BASIS,
            search=LeastSquares(steps=40, tolerance=1e-7), newton=0, stages=(pl.Adam(steps=1),),
        )  # fmt: skip
        began = time.perf_counter()
        solution = pl.solve(problem, solver, progress=False)
        residual, error = solution.history[-1].held_out, solution.error(reference)["u"]
        print(
            f"{name:10s} {experts!s:18s} residual {residual:.1e}  error {error:.1e}  {time.perf_counter() - began:.1f} s"
        )


if __name__ == "__main__":
    main()
