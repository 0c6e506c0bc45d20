"""How often the 95 % bands of functions found from data cover them, point by point, over random problems.

    python docs/benchmarks/function_coverage.py [--problems 40] [--first 0] [--resume] [--seconds 60] [--processor]

Functions are a few waves of random sizes and lengths: a reaction q(x), a conductivity k(x), a source s(t) and a law k(u),
one after the other; data have normal noise of 0.1 to 1 % of their largest value, whose size is told in every other problem.
A band is looked at in 101 places over all of the function's interval, 41 of them for a law within the states that were
measured. Writes function_coverage.json. --seconds is wall time; with --processor it is that of the processor.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import torch

import pinnlab as pl
from pinnlab.bench.provenance import provenance

PI = math.pi
OUT = Path(__file__).parent / "function_coverage.json"
Random = np.random.Generator
Case = tuple[pl.Problem, Callable[..., Any], np.ndarray]
"""A problem, its function, and where its band is looked at."""
INTERIOR = np.linspace(0.0, 1.0, 101)


def waves(rng: Random) -> Callable[[Any], Any]:
    """Two to four waves around nothing."""
    each = [(rng.normal(), rng.uniform(1, 12), rng.uniform(0, 2 * PI)) for _ in range(rng.integers(2, 5))]
    return lambda x: sum(a * torch.sin(w * x + b) for a, w, b in each)


def positive(rng: Random) -> Callable[[Any], Any]:
    """The exponential of waves."""
    inner, size = waves(rng), float(np.exp(rng.uniform(-1, 1)))
    return lambda x: size * torch.exp(0.4 * inner(x))


def measured(exact: np.ndarray, at: dict[str, np.ndarray], rng: Random) -> pl.Data:
    """Values of u with noise, whose size is told in every other problem."""
    sd = 10 ** float(rng.uniform(-3, -2)) * float(np.abs(exact).max())
    return pl.Data(at, u=exact + sd * rng.standard_normal(exact.shape), sd=sd if rng.random() < 0.5 else None)


def places(rng: Random) -> np.ndarray:
    return np.linspace(0.0, 1.0, int(rng.integers(30, 100)))


def reaction(rng: Random) -> Case:
    """-u'' + q u = f with u = 1 + sin(pi x)."""
    inner, size, x = waves(rng), 10 ** float(rng.uniform(-0.3, 0.7)), places(rng)

    def q(x: Any) -> Any:
        return size * (2 + inner(x))

    def equation(u: Any, q_: Any, x: Any) -> Any:
        return -u.xx + q_ * u - PI**2 * torch.sin(PI * x) - q(x) * (1 + torch.sin(PI * x))

    data = measured(1 + np.sin(PI * x), {"x": x}, rng)
    unknown = {"q_": pl.Unknown(1.0, of=("x",))}
    return pl.Problem(pl.Box(x=(0.0, 1.0)), "u", equation, [pl.Dirichlet(u=1.0), data], unknown), q, INTERIOR


def conductivity(rng: Random) -> Case:
    """(k u')' = f with u = 2 x + sin(pi x) / 2; the flux at one end is known."""
    k, x = positive(rng), places(rng)

    def equation(u: Any, k_: Any, x: Any) -> Any:
        return pl.diff(k_ * u.x, "x") - pl.diff(k(x) * (2 + PI / 2 * torch.cos(PI * x)), "x")

    first = float(k(torch.zeros(()))) * (2 + PI / 2)
    flux = pl.Condition(lambda u, k_: k_ * u.x - first, on="x-")
    conditions = [flux, pl.Dirichlet(u=2.0, on="x+"), measured(2 * x + np.sin(PI * x) / 2, {"x": x}, rng)]
    unknown = {"k_": pl.Unknown(1.0, of=("x",), bounds=(0, None))}
    return pl.Problem(pl.Box(x=(0.0, 1.0)), "u", equation, conditions, unknown), k, INTERIOR


def source(rng: Random) -> Case:
    """Relaxation u' + u = s(t) from u = 1."""
    inner, size, t = waves(rng), 10 ** float(rng.uniform(-0.3, 0.7)), places(rng)
    exact = scipy.integrate.solve_ivp(
        lambda at, u: size * float(inner(torch.tensor(at))) - u, (0.0, 1.0), [1.0], t_eval=t, rtol=1e-10, atol=1e-10
    ).y[0]
    conditions, unknown = [pl.Initial(u=1.0), measured(exact, {"t": t}, rng)], {"s": pl.Unknown(0.0, of=("t",))}
    problem = pl.Problem(pl.Box(t=(0.0, 1.0)), "u", lambda u, s: u.t + u - s, conditions, unknown)
    return problem, lambda t: size * inner(t), INTERIOR


def law(rng: Random) -> Case:
    """(k(u) u')' = f with u = x + x^2; the flux at one end is known."""
    inner, size, x = waves(rng), float(np.exp(rng.uniform(-1, 1))), places(rng)

    def k(u: Any) -> Any:
        return size * torch.exp(0.4 * inner(u / 2))

    def equation(u: Any, k_: Any, x: Any) -> Any:
        return pl.diff(k_ * u.x, "x") - pl.diff(k(x + x**2) * (1 + 2 * x), "x")

    first = float(k(torch.zeros(())))
    flux = pl.Condition(lambda u, k_: k_ * u.x - first, on="x-")
    conditions = [flux, pl.Dirichlet(u=2.0, on="x+"), measured(x + x**2, {"x": x}, rng)]
    unknown = {"k_": pl.Unknown(1.0, of=("u",), bounds=(0, None))}
    return pl.Problem(pl.Box(x=(0.0, 1.0)), "u", equation, conditions, unknown), k, np.linspace(0.05, 1.95, 41)


KINDS: tuple[Callable[[Random], Case], ...] = (reaction, conductivity, source, law)


def covered(i: int, seconds: float) -> dict[str, Any]:
    """Of one random problem: in how many places the band covers the function, and how far the function is off."""
    kind = KINDS[i % len(KINDS)]
    problem, exact, at = kind(np.random.default_rng([2027, i]))
    (name,), (data,) = problem.unknown_functions, [c for c in problem.conditions if isinstance(c, pl.Data)]
    began = time.process_time()
    row: dict[str, Any] = {"kind": kind.__name__, "noise told": data.sd is not None, "places": len(at)}
    try:
        solution = pl.solve(problem, max_seconds=seconds, progress=False)
    except ValueError as error:
        return {**row, "refused": str(error), "cpu_seconds": time.process_time() - began}
    row["cpu_seconds"] = time.process_time() - began
    true, found = exact(torch.from_numpy(at)).numpy(), solution.coefficients[name]
    low, high = found.band(0.95, at)
    remarks = [] if solution.uncertainty is None else list(solution.uncertainty.remarks)
    row |= {"error": float(np.linalg.norm(found(at) - true) / np.linalg.norm(true)), "remarks": remarks}
    band = bool(np.isfinite(high - low).all()) and not (name == "k_" and float(low.min()) <= 0)
    inside = (low <= true) & (true <= high)
    return {**row, "band": band, "inside": int(inside.sum()), "width": float((high - low).mean() / np.abs(true).mean())}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The share of places that bands cover, of all problems with a band, of each kind, and with and without known noise."""
    banded = [row for row in rows if row.get("band")]

    def share(chosen: list[dict[str, Any]]) -> dict[str, Any]:
        each = [row["inside"] / row["places"] for row in chosen]
        error = float(np.std(each, ddof=1) / math.sqrt(len(each))) if len(each) > 1 else math.nan
        return {"problems": len(each), "share": float(np.mean(each)) if each else math.nan, "standard error": error}

    return {
        "problems": len(rows), "without a band": len(rows) - len(banded), "all": share(banded),
        "not remarked upon": share([row for row in banded if not row["remarks"]]),
        **{kind.__name__: share([row for row in banded if row["kind"] == kind.__name__]) for kind in KINDS},
        "noise told": share([row for row in banded if row["noise told"]]),
        "noise estimated": share([row for row in banded if not row["noise told"]]),
        "cpu_seconds": sum(row["cpu_seconds"] for row in rows),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=40)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    if given.processor:
        time.perf_counter = time.monotonic = time.process_time
    torch.set_num_threads(1)
    rows = json.loads(given.out.read_text(encoding="utf-8"))["rows"] if given.resume and given.out.exists() else {}
    for i in range(given.first, given.first + given.problems):
        if str(i) in rows:
            continue
        rows[str(i)] = covered(i, given.seconds)
        print(i, rows[str(i)], flush=True)
        made = provenance(f"python docs/benchmarks/function_coverage.py {' '.join(sys.argv[1:])}")
        found = {"summary": summary(list(rows.values())), "rows": rows, "provenance": made}
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(summary(list(rows.values())))


if __name__ == "__main__":
    main()
