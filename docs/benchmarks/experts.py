"""Time of the experts' layer: against one global problem, against JAX, against cvxpylayers, and as experts multiply.

    python docs/benchmarks/experts.py [--jax PYTHON_WITH_JAX] [--only experts jax convex cells] [--out docs/benchmarks]

One thread, float64, processor time; what is compared runs in one process, alternating, and the fastest of several repeats
counts (JAX in a process of its own, compilation apart). The layer alone is timed, for given basis functions: an
inference step solves for the coefficients, a training step also evaluates the loss and its gradient by every number of the
basis functions. Equation: Burgers, nu = 0.2, initial and boundary values as rows. Writes experts.json and experts.md.
"""

from __future__ import annotations

# ruff: noqa: E402
import argparse
import json
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.algebra.implicit_gradient import implicit_minimum
from pinnlab.algebra.least_squares import LeastSquares
from pinnlab.bench.provenance import provenance
from pinnlab.derivatives.indices import Indices
from pinnlab.domains.cells import Cells
from pinnlab.domains.sampling import unit_points
from pinnlab.solvers.experts.assembly import ExpertAssembly
from pinnlab.solvers.experts.layer import ExpertsLayer
from pinnlab.solvers.experts.members import fitted
from pinnlab.solvers.experts.partition import cut
from pinnlab.solvers.experts.rows import Expansion, ExpertRows, MemberParameters
from pinnlab.solvers.local_experts.basis import Chebyshev
from pinnlab.solvers.local_experts.discretization import Discretization
from pinnlab.solvers.local_experts.system import SlabSystem

NU = 0.2
RIDGE = 1e-6
SEARCH = LeastSquares(steps=30, tolerance=1e-4)  # the published tolerance
TIGHT = LeastSquares(steps=100, tolerance=1e-8)
"""Against other packages, whose tolerances mean something else: tight enough for one optimum."""
PER_EXPERT = 16


def burgers(u):
    return u.t + u * u.x - NU * u.xx


def heat(u):
    return u.t - NU * u.xx


def problem(equation: Callable) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=equation,
        conditions=[
            pl.Initial(u=lambda x: -torch.sin(torch.pi * x), exact=False),
            pl.Dirichlet(u=0.0, on="x", exact=False),
        ],
    )


class Features:
    """N fixed functions tanh(a x + b t + c) and their derivatives, (1, B, 1, c, n, N)."""

    def __init__(self, size: int):
        generator = torch.Generator().manual_seed(0)
        spread = max(1.0, size**0.5 / 4)
        self.slopes = spread * (2 * torch.rand(2, size, generator=generator, dtype=torch.float64) - 1)
        centres = torch.stack([2 * torch.rand(size, generator=generator, dtype=torch.float64) - 1,
                               torch.rand(size, generator=generator, dtype=torch.float64)])  # fmt: skip
        self.shifts = -(self.slopes * centres).sum(0)

    def expand(self, points: Tensor, indices: Indices) -> Expansion:
        t = torch.tanh(points @ self.slopes + self.shifts)
        outer = [t, 1 - t**2, -2 * t * (1 - t**2)]
        found = []
        for index in indices:
            factor = torch.ones_like(self.shifts)
            for i in index:
                factor = factor * self.slopes[i]
            found.append(outer[len(index)] * factor)
        return Expansion(torch.stack(found, dim=1)[None, :, None])


class Layer:
    """The package's layer for K experts with given basis functions.

    Args:
        equation: of the problem.
        experts: K, parts of the x axis; each sees the conditions on the whole boundary.
        size: N.
        points: of the equation, of all experts together.
        search: the inner solver.
    """

    def __init__(self, equation: Callable, experts: int, size: int, points: int, search: LeastSquares = SEARCH):
        made = problem(equation)
        like = torch.zeros((), dtype=torch.float64)
        assembly = ExpertAssembly(made, made.exact_plan().soft, cut(made.domain, {"x": experts}), "none", 1.0)
        rng = np.random.default_rng(0)
        each, conditions = max(2, points // experts), max(32, points // experts // 8)
        rows, groups = assembly.draw(
            lambda n: unit_points("sobol", n, 2, rng), MemberParameters({}, {}, 1), each, conditions, like=like
        )
        self.rows: Sequence[ExpertRows] = rows
        self.layer = ExpertsLayer(rows, groups, search, RIDGE)
        self.placed = self.layer.expand(Features(size))
        # the start that the amortized solver takes: the initial values at all times
        target = -torch.sin(torch.pi * rows[0].points[0][None, ..., 0])
        self.start = fitted(self.placed[0][0].basis[:, :, 0, 0], target)[:, :, None]

    def inference(self) -> Tensor:
        with torch.no_grad():
            return self.layer.solve(self.placed, self.start)[0]

    def training(self) -> tuple[Tensor, ...]:
        placed = [tuple(Expansion(e.basis.detach().requires_grad_()) for e in sites) for sites in self.placed]
        w = self.layer.solve(placed, self.start)[0]
        total = torch.zeros((), dtype=torch.float64)
        for rows, sites in zip(self.rows, placed, strict=True):
            total = total + rows.residuals(rows.fields(w, sites)).square().sum()
        loss = (total + (RIDGE * w).square().sum()) / w.shape[1]
        return torch.autograd.grad(loss, [e.basis for sites in placed for e in sites])

    def iterations(self) -> int:
        with torch.no_grad():
            return max(int(m.iterations.max()) for m in self.layer.solve(self.placed, self.start)[1])


def timed(methods: dict[str, Callable[[], object]], seconds: float = 0.2) -> dict[str, float]:
    """Fastest milliseconds of each, alternating: for a few seconds, but twice at least, besides a first time."""
    times: dict[str, list[float]] = {name: [] for name in methods}
    spent = 0.0
    while spent < 3 * seconds * len(methods) or len(next(iter(times.values()))) < 3:
        for name, method in methods.items():
            began = time.process_time()
            method()
            times[name].append(1e3 * (time.process_time() - began))
            spent += times[name][-1] / 1e3
    return {name: min(t[1:]) for name, t in times.items()}


def experts(limit: int) -> list[dict]:
    """K experts of 16 functions against one problem of 16 K, and against one of 16, at equal points in all."""
    found = []
    for points in (100, 1000, 10_000, 100_000):
        for k in (1, 4, 8, 16):
            if points < 2 * PER_EXPERT * k or points * PER_EXPERT * k > limit:
                continue
            layers = {
                "experts": Layer(burgers, k, PER_EXPERT, points),
                "one, equal freedom": Layer(burgers, 1, PER_EXPERT * k, points),
                "one, equal bases": Layer(burgers, 1, PER_EXPERT, points),
            }
            for task in ("inference", "training"):
                ms = timed({name: getattr(layer, task) for name, layer in layers.items()})
                row = {"points": points, "experts": k, "task": task, "ms": ms,
                       "iterations": {name: layer.iterations() for name, layer in layers.items()}}  # fmt: skip
                found.append(row)
                print(points, k, task, {n: round(v, 2) for n, v in ms.items()}, row["iterations"], flush=True)
    return found


def against_jax(python: str) -> list[dict]:
    """The same numbers in, the same optimum and gradient out."""
    found = []
    for k, size, points in ((4, 16, 2000), (1, 32, 1000)):
        layer = Layer(burgers, k, size, points, TIGHT)
        bases = [sites[0].basis[0, :, 0] for sites in layer.placed]
        initial = layer.rows[1].points[0][0, :, 0]
        data = {
            "equation": bases[0], "initial": bases[1][:, 0], "left": bases[2][:, 0], "right": bases[3][:, 0],
            "scales": torch.cat([rows.scale for rows in layer.rows[:3]]), "u0": -torch.sin(torch.pi * initial),
            "nu": NU, "ridge": RIDGE, "tolerance": TIGHT.tolerance, "steps": TIGHT.steps, "start": layer.start[0, :, 0],
        }  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "data.npz", Path(folder) / "result.npz"
            np.savez(source, **{name: np.asarray(value) for name, value in data.items()})
            script = Path(__file__).with_name("experts_jax.py")
            subprocess.run([python, str(script), str(source), str(target)], check=True, timeout=240)
            theirs = dict(np.load(target))
        ours = torch.cat([g.reshape(-1) for g in layer.training()]).numpy()
        w = layer.inference()[0, :, 0].numpy()
        ms = timed({"inference": layer.inference, "training": layer.training})
        row = {"experts": k, "functions": size, "points": points, "pinnlab": ms, "iterations": layer.iterations()}
        for name in ("optimistix", "jaxopt"):
            row[name] = {task: 1e3 * float(theirs[f"{name} {task} seconds"]) for task in ms}
            row[name]["compile"] = sum(1e3 * float(theirs[f"{name} {task} compile"]) for task in ms)
            row[name]["optimum differs"] = relative(theirs[f"{name} w"], w)
            row[name]["gradient differs"] = relative(theirs[f"{name} gradient"], ours)
        found.append(row)
        print(row, flush=True)
    return found


def relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def against_cvxpylayers() -> list[dict]:
    """A linear equation: the layer's problem is min ||A w - b||, which cvxpylayers can solve too."""
    import cvxpy as cp
    from cvxpylayers.torch import CvxpyLayer

    found = []
    for k, size, points in ((1, 16, 200), (4, 16, 800), (16, 16, 3200)):
        layer = Layer(heat, k, size, points)
        with torch.no_grad():
            matrix, right = _system(layer)
        rows = matrix.shape[1]
        x, a, b = cp.Variable(size), cp.Parameter((rows, size)), cp.Parameter(rows)
        program = cp.Problem(cp.Minimize(cp.sum_squares(a @ x - b)))
        theirs = CvxpyLayer(program, [a, b], [x], solver_args={"solve_method": "Clarabel"})
        mine = pl.constraints.ConvexLayer(program, [a, b], [x])
        a_value, b_value = matrix.requires_grad_(), right.requires_grad_()

        def training(solve: Callable, a_value: Tensor = a_value, b_value: Tensor = b_value) -> Tensor:
            w = solve(a_value, b_value)[0]
            loss = (a_value @ w[..., None] - b_value[..., None]).square().sum()
            return torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, (a_value, b_value))])

        def least_squares(a_value: Tensor, b_value: Tensor) -> tuple[Tensor]:
            def residuals(w: Tensor, a: Tensor, b: Tensor) -> Tensor:
                return (a @ w[..., None])[..., 0] - b

            a, b = a_value.detach(), b_value.detach()
            w = SEARCH.minimize(lambda w: (residuals(w, a, b), a), torch.zeros_like(a[:, 0])).w
            return (implicit_minimum(residuals, w, a_value, b_value, hessian=lambda w, a, b: a.mT @ a),)

        w = layer.inference()[0, :, 0]
        with torch.no_grad():
            others = {"cvxpylayers": theirs(a_value, b_value)[0], "ConvexLayer": mine(a_value, b_value)[0]}
            others["its least squares, given A and b"] = least_squares(a_value, b_value)[0]
        row = {
            "experts": k, "functions": size, "rows": rows,
            "training": timed({
                "experts' layer": layer.training,
                "its least squares, given A and b": lambda training=training, solve=least_squares: training(solve),
                "cvxpylayers": lambda training=training, theirs=theirs: training(theirs),
                "ConvexLayer": lambda training=training, mine=mine: training(mine),
            }),
            "optimum differs": {name: relative(other.numpy(), w.numpy()) for name, other in others.items()},
        }  # fmt: skip
        found.append(row)
        print(row, flush=True)
    return found


def _system(layer: Layer) -> tuple[Tensor, Tensor]:
    """A (K, rows, N) and b (K, rows) of a linear layer."""
    blocks, rights = [], []
    for rows, sites in zip(layer.rows, layer.placed, strict=True):
        fields = rows.fields(torch.zeros_like(layer.start), sites)
        value, (slope,) = rows.linearized(fields)
        blocks.append((slope[0, :, 0, 0, ..., None] * sites[0].basis[0, :, 0]).sum(1))
        rights.append(-value[0, :, 0])
    eye = RIDGE * torch.eye(layer.start.shape[-1], dtype=torch.float64).expand(len(blocks[0]), -1, -1)
    return torch.cat([*blocks, eye], 1), torch.cat([*rights, torch.zeros_like(eye[:, 0])], 1)


def joint() -> list[dict]:
    """One Gauss-Newton step of K coupled cells (values and slopes agree at interfaces), 117 functions each."""
    made = problem(burgers)
    basis = Chebyshev((12, 8))
    discretization = Discretization(made, basis, 1e-6)
    found = []
    for k in (2, 4, 8, 16, 32, 64):
        cells = Cells({"x": np.linspace(-1, 1, k + 1), "t": np.array([0.0, 0.05])})
        rows, start = discretization.rows(cells, None), discretization.guess(cells, None)
        system = SlabSystem(cells, rows.all, 1, basis.size, 0)
        steps = system.solve(start, 1e-9).iterations
        ms = timed({"solve": lambda system=system, start=start: system.solve(start, 1e-9)})["solve"]
        found.append({"cells": k, "iterations": steps, "ms": ms, "ms per cell and iteration": ms / steps / k})
        print(found[-1], flush=True)
    return found


PARTS = ("experts", "jax", "convex", "cells")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jax", help="a Python that has jax, optimistix and jaxopt")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--limit", type=int, default=7_000_000, help="numbers of a basis function table, at most")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    path = arguments.out / "experts.json"
    data = json.loads(path.read_text()) if path.exists() else {}
    parts: dict[str, Callable[[], list[dict]]] = {
        "experts": lambda: experts(arguments.limit),
        "jax": lambda: against_jax(arguments.jax),
        "convex": against_cvxpylayers,
        "cells": joint,
    }
    for name in arguments.only:
        if name == "jax" and not arguments.jax:
            continue
        data[name] = parts[name]()
        command = "python docs/benchmarks/experts.py" + " --jax PYTHON_WITH_JAX" * (name == "jax") + f" --only {name}"
        data.setdefault("machine", {})[name] = provenance(command)
        path.write_text(json.dumps(data, indent=1) + "\n")
        (arguments.out / "experts.md").write_text(markdown(data))


def markdown(data: dict) -> str:
    """The tables of results."""
    lines = []
    for name, where in data["machine"].items():
        lines.append(f"- {name}: {where['cpu']}, one thread, processor time, {where['date']}: `{where['command']}`")
    lines += [""]
    lines += ["| points | experts | step | K x 16 functions, ms | one problem of 16 K, ms | ratio | one problem of 16, ms | "
              "ratio | linearizations |", "|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for row in data.get("experts", []):
        ours, equal, small = row["ms"].values()
        lines.append(
            f"| {row['points']} | {row['experts']} | {row['task']} | {ours:.1f} | {equal:.1f} | {equal / ours:.1f} | "
            f"{small:.1f} | {small / ours:.1f} | {', '.join(map(str, row['iterations'].values()))} |"
        )
    lines += ["", "| experts x functions, points | method | inference, ms | training, ms | compilation, s | "
              "optimum differs | gradient differs |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    for row in data.get("jax", []):
        head = f"{row['experts']} x {row['functions']}, {row['points']}"
        mine = row["pinnlab"]
        lines.append(f"| {head} | pinnlab | {mine['inference']:.1f} | {mine['training']:.1f} | 0 | - | - |")
        for name in ("optimistix", "jaxopt"):
            if name in row:
                r = row[name]
                lines.append(
                    f"| {head} | {name} | {r['inference']:.1f} | {r['training']:.1f} | {r['compile'] / 1e3:.1f} | "
                    f"{r['optimum differs']:.0e} | {r['gradient differs']:.0e} |"
                )
    lines += ["", "| linear problem: experts x functions, rows | method | training, ms | optimum differs |",
              "|---|---|---|---|"]  # fmt: skip
    for row in data.get("convex", []):
        head = f"{row['experts']} x {row['functions']}, {row['rows']}"
        for name, ms in row["training"].items():
            differs = row["optimum differs"].get(name)
            lines.append(f"| {head} | {name} | {ms:.1f} | {'-' if differs is None else f'{differs:.0e}'} |")
    lines += ["", "| coupled cells | steps | ms | ms per cell and step |", "|---|---|---|---|"]
    for row in data.get("cells", []):
        each = row["ms per cell and iteration"]
        lines.append(f"| {row['cells']} | {row['iterations']} | {row['ms']:.0f} | {each:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
