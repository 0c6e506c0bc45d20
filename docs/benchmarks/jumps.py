"""Functions that jump, found from data with each regularization: errors, and how often bands of 95 % cover them.

    python docs/benchmarks/jumps.py [--problems 60] [--seeds 10] [--plane 3] [--resume] [--seconds 60] [--processor]

Steady conductivity: (k u')' = -1 with a known flux at one end, 60 values of u with a noise of 1 % of the largest, k with two
jumps, at 0.3 and 0.65, or smooth, 2 + sin(2 pi x), over seeds 0, 1, 2, ... of the noise; each with both regularizations.
Plane: div(a grad u) = 0 on the unit square, u = 0 on the left and a flux of one on the right, 784 values of u with the same
noise, a = 1 and in a disc of radius 0.22 a = 3.
Coverage: a conductivity and a source s(t) that is switched, one after the other, with one to four jumps in random places,
0.1 apart or more and 0.05 from the ends, between levels of random size; noise of 0.3 to 2 %, told in every other pair of
problems. Bands are looked at in 401 places; near a jump means within 0.05 of it. Writes jumps.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import scipy.sparse.linalg
import torch

import pinnlab as pl
from pinnlab.bench.provenance import provenance

Array = np.ndarray
OUT = Path(__file__).parent / "jumps.json"
AT, NEAR = np.linspace(0.0, 1.0, 401), 0.05
FINE = np.linspace(0.0, 1.0, 20001)
MIDDLES = (FINE[1:] + FINE[:-1]) / 2
JUMPS, LEVELS = np.array([0.3, 0.65]), np.array([1.0, 3.0, 1.6])


def pieces(x: Array, jumps: Array, levels: Array) -> Array:
    """A piecewise constant function."""
    return levels[np.searchsorted(jumps, x)]


def conductivity(k: Array, noise: float, rng: np.random.Generator, known: bool, regularization: str) -> pl.Problem:
    """(k u')' = -1 from u = 0 to a flux of one, k (20000,) in the middle of fine cells."""
    exact = np.concatenate([[0.0], np.cumsum((2 - MIDDLES) / k) / len(MIDDLES)])
    x = np.linspace(0.0, 1.0, 60)
    u, sd = np.interp(x, FINE, exact), noise * float(np.abs(exact).max())
    data = pl.Data({"x": x}, u=u + sd * rng.normal(size=len(x)), sd=sd if known else None)
    conditions = [pl.Dirichlet(u=0.0, on="x-"), pl.Condition(lambda u, k: k * u.x - 1, on="x+"), data]
    unknown = {"k": pl.Unknown(1.5, of=("x",), bounds=(0, None), regularization=regularization)}
    return pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u, k: pl.diff(k * u.x, "x") + 1, conditions, unknown)


def switched(s: Array, noise: float, rng: np.random.Generator, known: bool, regularization: str) -> pl.Problem:
    """U' + u = s(t) from u = 0, s (20000,) in the middle of fine cells."""
    steps = s * np.diff(FINE) * np.exp(MIDDLES)
    exact = np.exp(-FINE) * np.concatenate([[0.0], np.cumsum(steps)])
    t = np.linspace(0.0, 1.0, 60)
    u, sd = np.interp(t, FINE, exact), noise * float(np.abs(exact).max())
    conditions = [pl.Initial(u=0.0), pl.Data({"t": t}, u=u + sd * rng.normal(size=len(t)), sd=sd if known else None)]
    unknown = {"k": pl.Unknown(0.0, of=("t",), regularization=regularization)}
    return pl.Problem(pl.Box(t=(0.0, 1.0)), "u", lambda u, k: u.t + u - k, conditions, unknown)


def inclusion(x: Array, y: Array) -> Array:
    """Three in a disc, one around it."""
    return np.where((x - 0.42) ** 2 + (y - 0.55) ** 2 < 0.22**2, 3.0, 1.0)


def plane(seed: int, regularization: str) -> pl.Problem:
    """div(a grad u) = 0, u = 0 at the left, a flux of one at the right, none at the other sides.

    Data are from finite volumes on 200 x 200 cells, with the harmonic mean of a between two of them.
    """
    n = 200
    at = (np.arange(n) + 0.5) / n
    a = inclusion(*np.meshgrid(at, at, indexing="ij"))
    number, total = np.arange(n * n).reshape(n, n), scipy.sparse.csr_matrix((n * n, n * n))
    for one, two, left, right in (
        (number[1:], number[:-1], a[1:], a[:-1]),
        (number[:, 1:], number[:, :-1], a[:, 1:], a[:, :-1]),
    ):
        flow, i, j = (2 * left * right / (left + right)).ravel(), one.ravel(), two.ravel()
        places = np.r_[i, j, i, j], np.r_[i, j, j, i]
        total += scipy.sparse.csr_matrix((np.concatenate([flow, flow, -flow, -flow]), places), (n * n, n * n))
    first, right = np.zeros((n, n)), np.zeros((n, n))
    first[0], right[-1] = 2 * a[0], 1 / n
    matrix = (total + scipy.sparse.diags(first.ravel())).tocsc()
    u = scipy.sparse.linalg.spsolve(matrix, right.ravel()).reshape(n, n)
    chosen = np.arange(3, n, 7)[:28]
    x, y = np.meshgrid(at[chosen], at[chosen], indexing="ij")
    values, sd = u[np.ix_(chosen, chosen)].ravel(), 0.01 * float(u.max())
    values = values + sd * np.random.default_rng(seed).normal(size=len(values))
    unknown = {"k": pl.Unknown(1.0, of=("x", "y"), bounds=(0, None), regularization=regularization)}
    conditions = [
        pl.Dirichlet(u=0.0, on="x-"),
        pl.Condition(lambda u, k: k * u.x - 1, on="x+"),
        pl.Neumann(u=0.0, on="y"),
        pl.Data({"x": x.ravel(), "y": y.ravel()}, u=values, sd=sd),
    ]
    box = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))
    return pl.Problem(box, "u", lambda u, k: pl.diff(k * u.x, "x") + pl.diff(k * u.y, "y"), conditions, unknown)


def looked(problem: pl.Problem, at: tuple[Array, ...], true: Array, seconds: float) -> tuple[dict[str, Any], Array]:
    """Error, time and remarks of one default call, and where its band covers."""
    began = time.process_time()
    solution = pl.solve(problem, max_seconds=seconds, progress=False)
    spent, found = time.process_time() - began, solution.coefficients["k"]
    low, high = found.band(0.95, *at)
    remarks = [] if solution.uncertainty is None else list(solution.uncertainty.notes)
    row = {
        "error": float(np.linalg.norm(found(*at) - true) / np.linalg.norm(true)), "seconds": spent,
        "status": solution.status.name, "remarks": remarks,
        "band": bool(np.isfinite(low).all() and (high < 1e12).all()),
        "width": float(np.median(high - low)),
    }  # fmt: skip
    return row, (low <= true) & (true <= high)


def compared(seed: int, seconds: float) -> dict[str, Any]:
    """Both truths with both regularizations."""
    found = {}
    for name, truth in (("jumps", lambda x: pieces(x, JUMPS, LEVELS)), ("smooth", lambda x: 2 + np.sin(2 * np.pi * x))):
        for regularization in ("smooth", "piecewise constant"):
            problem = conductivity(truth(MIDDLES), 0.01, np.random.default_rng(seed), True, regularization)
            row, inside = looked(problem, (AT,), truth(AT), seconds)
            found[f"{name}, {regularization}"] = {**row, "covered": float(inside.mean())}
    return found


def in_the_plane(seed: int, seconds: float) -> dict[str, Any]:
    """The inclusion with both regularizations."""
    axis, found = np.linspace(0.01, 0.99, 50), {}
    x, y = np.meshgrid(axis, axis, indexing="ij")
    for regularization in ("smooth", "piecewise constant"):
        row, inside = looked(plane(seed, regularization), (x, y), inclusion(x, y), seconds)
        found[regularization] = {**row, "covered": float(inside.mean())}
    return found


def covered(i: int, seconds: float) -> dict[str, Any]:
    """A random piecewise constant function: where its band covers it, near jumps and away from them."""
    rng = np.random.default_rng([2028, i])
    while True:
        jumps = np.sort(rng.uniform(0.05, 0.95, int(rng.integers(1, 5))))
        if not len(jumps) or np.diff(jumps).min(initial=1.0) > 0.1:
            break
    heat = i % 2 == 0
    levels = rng.normal(size=len(jumps) + 1) * (0.5 if heat else 2.0)
    levels = np.exp(levels) if heat else levels
    make, noise = (conductivity if heat else switched), float(np.exp(rng.uniform(np.log(0.003), np.log(0.02))))
    known = i % 4 < 2
    problem = make(pieces(MIDDLES, jumps, levels), noise, rng, known, "piecewise constant")
    near = (np.abs(AT[:, None] - jumps) < NEAR).any(axis=1)
    row, inside = looked(problem, (AT,), pieces(AT, jumps, levels), seconds)
    return {
        "kind": make.__name__, "jumps": len(jumps), "noise": noise, "noise told": known, **row,
        "near": float(inside[near].mean()), "away": float(inside[~near].mean()), "covered": float(inside.mean()),
    }  # fmt: skip


def summary(results: dict[str, Any]) -> dict[str, Any]:
    """Medians of errors and times, and means of shares that are covered, of those that have a band."""
    told: dict[str, Any] = {}
    for part in ("compared", "plane"):
        rows = list(results[part].values())
        for key in rows[0] if rows else ():
            each = [row[key] for row in rows]
            told[f"{part}: {key}"] = {
                what: float(np.median([row[what] for row in each])) for what in ("error", "seconds", "covered")
            } | {"runs": len(each)}
    rows = list(results["coverage"].values())
    banded = [row for row in rows if row["band"]]
    if len(banded) > 3:
        for name, chosen in (
            ("all", banded),
            *((kind, [row for row in banded if row["kind"] == kind]) for kind in ("conductivity", "switched")),
            ("noise told", [row for row in banded if row["noise told"]]),
            ("noise estimated", [row for row in banded if not row["noise told"]]),
        ):
            told[f"coverage: {name}"] = {
                "problems": len(chosen),
                **{key: float(np.mean([row[key] for row in chosen])) for key in ("covered", "near", "away")},
                "standard error": float(np.std([row["covered"] for row in chosen], ddof=1) / np.sqrt(len(chosen))),
            }
        told["coverage: without a band"] = len(rows) - len(banded)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--plane", type=int, default=3)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    if given.processor:
        time.perf_counter = time.monotonic = time.process_time
    torch.set_num_threads(1)
    results: dict[str, Any] = {"compared": {}, "plane": {}, "coverage": {}}
    if given.resume and given.out.exists():
        results |= json.loads(given.out.read_text(encoding="utf-8"))["rows"]
    parts = (
        ("compared", compared, given.seeds),
        ("coverage", covered, given.problems),
        ("plane", in_the_plane, given.plane),
    )
    for part, run, count in parts:
        for i in range(count):
            if str(i) not in results[part]:
                results[part][str(i)] = run(i, given.seconds)
                print(part, i, results[part][str(i)], flush=True)
            made = provenance(f"python docs/benchmarks/jumps.py {' '.join(sys.argv[1:])}")
            found = {"summary": summary(results), "rows": results, "provenance": made}
            given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(summary(results), indent=1))


if __name__ == "__main__":
    main()
