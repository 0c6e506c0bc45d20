"""Functions found from data: errors, bands and times, next to the best regularized finite differences.

    python docs/benchmarks/unknown_functions.py [--seeds 3] [--coverage 40] [--out docs/benchmarks]

Data are made from known functions with normal noise; the seeds of the noise are 0, 1, 2, ... Every row is the median over
them of one default call, pl.solve(problem, max_seconds=60). Times are CPU seconds of one thread.

The referee inverts -u'' + q u = f on a grid of 201 nodes: second-order differences for u, linear interpolation to the
data, Gauss-Newton for q with a penalty on its first or second differences. Its strength is chosen three ways: by the
discrepancy principle with the true noise, by generalized cross-validation, and, as nobody could who does not know q, so that
the error is least over both penalties.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pinnlab as pl
from pinnlab.algebra.evidence import discrepancy, generalized_cross_validation
from pinnlab.bench.provenance import provenance

PI = math.pi
XS, AT = np.linspace(0.0, 1.0, 50), np.linspace(0.0, 1.0, 101)
Array = np.ndarray
Function = Callable[..., torch.Tensor]


def relative(found: Array, exact: Array) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def numbers(function: Function, *at: Array) -> Array:
    return function(*map(torch.from_numpy, at)).numpy()


# -- q(x) in -u'' + q u = f --------------------------------------------------------------------------------------------


def reaction(q: Function, noise: float, seed: int, known: bool = False) -> tuple[pl.Problem, Array, float]:
    """The problem, its data, and their noise: a share of the largest value of u = 1 + sin(pi x)."""

    def equation(u: Any, q: Any, x: Any) -> Any:
        return -u.xx + q * u - source(x)

    def source(x: Any) -> Any:
        return PI**2 * torch.sin(PI * x) + q(x) * (1 + torch.sin(PI * x))

    sd = 2 * noise
    values = 1 + np.sin(PI * XS) + sd * np.random.default_rng(seed).normal(size=len(XS))
    data = pl.Data({"x": XS}, u=values, sd=sd if known else None)
    unknown = {"q": pl.Unknown(1.0, of=("x",))}
    return pl.Problem(pl.Box(x=(0.0, 1.0)), "u", equation, [pl.Dirichlet(u=1.0), data], unknown), values, sd


def smooth(x: torch.Tensor) -> torch.Tensor:
    return 1 + torch.sin(3 * x) / 2 + x**2


def wavy(x: torch.Tensor) -> torch.Tensor:
    return 5 + 4 * torch.sin(2 * PI * x)


def referee(q: Function, values: Array, sd: float) -> dict[str, float]:
    """Errors of regularized finite differences by how their strength is chosen."""
    n = 201
    x = np.linspace(0.0, 1.0, n)
    h, exact = x[1], numbers(q, x)
    right = PI**2 * np.sin(PI * x) + exact * (1 + np.sin(PI * x))
    right[[0, -1]] = 1.0
    laplace = (np.diag(np.full(n - 1, -1.0), -1) + np.diag(np.full(n, 2.0)) + np.diag(np.full(n - 1, -1.0), 1)) / h**2
    laplace[[0, -1]] = 0.0
    laplace[0, 0] = laplace[-1, -1] = 1.0
    inside = np.ones(n)
    inside[[0, -1]] = 0.0
    cell = np.minimum((XS / h).astype(int), n - 2)
    look = np.zeros((len(XS), n))
    share = XS / h - cell
    look[np.arange(len(XS)), cell], look[np.arange(len(XS)), cell + 1] = 1 - share, share
    tried = []
    for order in (1, 2):
        penalty = np.diff(np.eye(n), order, axis=0) / h**order * math.sqrt(h)
        for strength in 10.0 ** np.arange(-9, 3, 0.75):
            found, misfit, freedom = _inverted(laplace, inside, right, look, values, math.sqrt(strength) * penalty)
            gcv = generalized_cross_validation(misfit, freedom, len(XS))
            off = abs(discrepancy(misfit, sd**2, len(XS))) if sd > 0 else misfit
            tried.append((relative(found, exact), gcv, off, order))
    second = [t for t in tried if t[3] == 2]
    return {
        "best of all": min(t[0] for t in tried),
        "cross-validation": min(second, key=lambda t: t[1])[0],
        "discrepancy": min(second, key=lambda t: t[2])[0],
    }


def _inverted(
    laplace: Array, inside: Array, right: Array, look: Array, values: Array, penalty: Array
) -> tuple[Array, float, float]:
    """q, the sum of squares that is left, and the freedom, for one strength."""
    q = np.ones(len(inside))
    for _ in range(15):
        operator = laplace + np.diag(inside * q)
        u = np.linalg.solve(operator, right)
        slopes = look @ np.linalg.solve(operator, -np.diag(inside * u))
        normal = slopes.T @ slopes + penalty.T @ penalty + 1e-14 * np.eye(len(q))
        step = np.linalg.solve(normal, slopes.T @ (values - look @ u) - penalty.T @ (penalty @ q))
        q = q + step
        if np.abs(step).max() < 1e-8 * np.abs(q).max():
            break
    u = np.linalg.solve(laplace + np.diag(inside * q), right)
    return q, float(((values - look @ u) ** 2).sum()), float(np.trace(np.linalg.solve(normal, slopes.T @ slopes)))


# -- fields in the plane, laws, initial states ---------------------------------------------------------------------------


def poisson(noise: float, seed: int) -> tuple[pl.Problem, Function]:
    """div(a grad u) = f on the unit square, a given on the boundary, 2,500 values of u = sin(pi x) sin(pi y)."""

    def size(x: Any, y: Any) -> Any:
        return 1 / (1 + x**2 + y**2 + (x - 1) ** 2 + (y - 1) ** 2)

    def equation(u: Any, a: Any, x: Any, y: Any) -> Any:
        own, sx, sy, cx, cy = size(x, y), torch.sin(PI * x), torch.sin(PI * y), torch.cos(PI * x), torch.cos(PI * y)
        slopes = PI * cx * sy * (4 * x - 2) + PI * sx * cy * (4 * y - 2)
        return pl.diff(a * u.x, "x") + pl.diff(a * u.y, "y") + 2 * PI**2 * own * sx * sy + own**2 * slopes

    rng = np.random.default_rng(seed)
    x, y = rng.uniform(size=(2, 2500))
    values = np.sin(PI * x) * np.sin(PI * y) + noise * rng.normal(size=2500)
    conditions = [
        pl.Dirichlet(u=0.0),
        pl.Condition(lambda a, x, y: a - size(x, y)),
        pl.Data({"x": x, "y": y}, u=values),
    ]
    unknown = {"a": pl.Unknown(1.0, of=("x", "y"))}
    return pl.Problem(pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)), "u", equation, conditions, unknown), size


def heat(noise: float, seed: int) -> tuple[pl.Problem, Function]:
    """u_t = div(a grad u) + f on [-1, 1]^2 to t = 1, a = 2 + sin(pi x) sin(pi y) given on the boundary, 2,500 values."""

    def size(x: Any, y: Any) -> Any:
        return 2 + torch.sin(PI * x) * torch.sin(PI * y)

    def equation(u: Any, a: Any, x: Any, y: Any, t: Any) -> Any:
        sx, sy, cx, cy, e = torch.sin(PI * x), torch.sin(PI * y), torch.cos(PI * x), torch.cos(PI * y), torch.exp(-t)
        flow = e * (-2 * PI**2 * size(x, y) * sx * sy + PI**2 * ((cx * sy) ** 2 + (sx * cy) ** 2))
        return u.t - pl.diff(a * u.x, "x") - pl.diff(a * u.y, "y") + e * sx * sy + flow

    rng = np.random.default_rng(seed)
    (x, y), t = rng.uniform(-1, 1, size=(2, 2500)), rng.uniform(size=2500)
    values = np.exp(-t) * np.sin(PI * x) * np.sin(PI * y) + noise * rng.normal(size=2500)
    conditions = [
        pl.Dirichlet(u=0.0), pl.Initial(u=lambda x, y: torch.sin(PI * x) * torch.sin(PI * y)),
        pl.Condition(lambda a, x, y: a - size(x, y)), pl.Data({"x": x, "y": y, "t": t}, u=values),
    ]  # fmt: skip
    unknown = {"a": pl.Unknown(1.0, of=("x", "y"))}
    return pl.Problem(pl.Box(x=(-1.0, 1.0), y=(-1.0, 1.0), t=(0.0, 1.0)), "u", equation, conditions, unknown), size


def law(noise: float, seed: int) -> tuple[pl.Problem, Function]:
    """(k(u) u')' = f with k = 1 + u^2 and u = x + x^2; the flux at one end is known."""

    def equation(u: Any, k: Any, x: Any) -> Any:
        w, slope = x + x**2, 1 + 2 * x
        return pl.diff(k * u.x, "x") - 2 * w * slope**2 - 2 * (1 + w**2)

    values = XS + XS**2 + 2 * noise * np.random.default_rng(seed).normal(size=len(XS))
    flux = pl.Condition(lambda u, k: k * u.x - 1, on="x-")
    unknown = {"k": pl.Unknown(2.0, of=("u",), bounds=(0, None))}
    conditions = [pl.Dirichlet(u=2.0, on="x+"), flux, pl.Data({"x": XS}, u=values)]
    return pl.Problem(pl.Box(x=(0.0, 1.0)), "u", equation, conditions, unknown), lambda u: 1 + u**2


def start(noise: float, seed: int) -> tuple[pl.Problem, Function]:
    """u_t = u_xx / 20 from an unknown state, 300 values of u over 0 < t < 1."""
    rng = np.random.default_rng(seed)
    x, t = rng.uniform(size=(2, 300))
    values = np.exp(-(PI**2) * t / 20) * np.sin(PI * x) + np.exp(-9 * PI**2 * t / 20) * np.sin(3 * PI * x) / 2
    data = pl.Data({"x": x, "t": t}, u=values + noise * rng.normal(size=300))
    conditions = [pl.Initial(u=lambda u0: u0), pl.Dirichlet(u=0.0), data]
    unknown = {"u0": pl.Unknown(0.0, of=("x",))}
    box = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
    problem = pl.Problem(box, "u", lambda u: u.t - u.xx / 20, conditions, unknown)
    return problem, lambda x: torch.sin(PI * x) + torch.sin(3 * PI * x) / 2


PLACES = {"a poisson": (0.0, 1.0, 2), "a heat": (-1.0, 1.0, 2), "k(u)": (0.05, 1.95, 1), "u0(x)": (0.0, 1.0, 1)}
CASES: dict[str, Callable[[float, int], tuple[pl.Problem, Function]]] = {
    "a poisson": poisson, "a heat": heat, "k(u)": law, "u0(x)": start
}  # fmt: skip


def measured(problem: pl.Problem, exact: Function, at: tuple[Array, ...]) -> dict[str, Any]:
    began = time.process_time()
    solution = pl.solve(problem, max_seconds=60, progress=False)
    seconds = time.process_time() - began
    (name,) = problem.unknown_functions
    function, true = solution.coefficients[name], numbers(exact, *at)
    low, high = function.band(0.95, *at)
    return {
        "error": relative(function(*at), true), "covered": float(((low <= true) & (true <= high)).mean()),
        "width": float((high - low).mean() / np.abs(true).mean()), "seconds": seconds, "status": solution.status.name,
    }  # fmt: skip


def median(rows: list[dict[str, Any]]) -> dict[str, Any]:
    found = {key: float(np.median([row[key] for row in rows])) for key in ("error", "covered", "width", "seconds")}
    return {**found, "errors": [row["error"] for row in rows], "status": sorted({row["status"] for row in rows})}


def drawn(seed: int) -> Function:
    """A random function: two to four waves of one size around a constant."""
    rng = np.random.default_rng(seed)
    waves = [(rng.normal(), rng.uniform(1, 12), rng.uniform(0, 2 * PI)) for _ in range(rng.integers(2, 5))]
    size = 10 ** rng.uniform(-0.3, 0.7)
    return lambda x: size * (2 + sum(a * torch.sin(w * x + b) for a, w, b in waves))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--coverage", type=int, default=40, help="random problems")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, Any] = {}
    for name, q in (("smooth", smooth), ("wavy", wavy)):
        for noise in (0.0, 0.001, 0.01):
            rows, referees = [], []
            for seed in range(given.seeds if noise else 1):
                problem, values, sd = reaction(q, noise, seed)
                rows.append(measured(problem, q, (AT,)))
                referees.append(referee(q, values, sd))
            best = {key: float(np.median([r[key] for r in referees])) for key in referees[0]}
            results[f"q {name}, noise {noise:g}"] = {**median(rows), "referee": best}
            print(name, noise, results[f"q {name}, noise {noise:g}"], flush=True)
    for name, noises in (("a poisson", (0.1,)), ("a heat", (0.1,)), ("k(u)", (0.0, 0.01)), ("u0(x)", (0.01,))):
        low, high, k = PLACES[name]
        axes = np.meshgrid(*[np.linspace(low, high, 41)] * k)
        for noise in noises:
            rows = [measured(*CASES[name](noise, seed), tuple(axes)) for seed in range(given.seeds if noise else 1)]
            results[f"{name}, noise {noise:g}"] = median(rows)
            print(name, noise, results[f"{name}, noise {noise:g}"], flush=True)
    rows = []
    for seed in range(given.coverage):
        q = drawn(seed)
        problem, _, _ = reaction(q, 0.001 if seed % 2 else 0.01, seed, known=bool(seed % 4 // 2))
        rows.append(measured(problem, q, (AT,)))
    results["coverage of random q"] = {**median(rows), "covered": float(np.mean([row["covered"] for row in rows]))}
    print(results["coverage of random q"]["covered"])
    results["provenance"] = provenance("python docs/benchmarks/unknown_functions.py")
    (given.out / "unknown_functions.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
