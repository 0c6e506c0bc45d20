"""How fast a GPU works through residuals and Gauss-Newton steps, beside what the chip could do.

    python docs/benchmarks/gpu.py [--device cuda] [--quick] [--out docs/benchmarks]

Three tables. Ceilings: a large copy (bytes read and written) and large matrix products, as measured here. Residuals with
the gradient of their mean square: points per second of the package's own pass, as it is and recorded as a CUDA graph, of
nested ``torch.autograd.grad``, and of the floor. Levenberg-Marquardt: a step with one trial, its share in products and
factorization, and its peak memory. The floor of a pass is the longer of its matrix products at the measured rate and the
least traffic: the jets of all hidden layers written and read once forward and twice backward. Writes gpu.json and gpu.md.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from derivatives import EQUATIONS, nested_autograd, system

import pinnlab as pl
from pinnlab.algebra.dense import Cholesky, gram
from pinnlab.bench.provenance import provenance

TYPES = {"float64": torch.float64, "float32": torch.float32}
WIDTH, DEPTH = 64, 4
DERIVATIVES = {"allen_cahn": 4, "kuramoto_sivashinsky": 6}
"""Jets in a pass: the value and the derivatives up to those that the equation names."""


def timed(function: Callable[[], Any], device: str, repeats: int = 7) -> float:
    """Median seconds, after calls enough for a recording."""
    for _ in range(6):
        function()
    found = []
    for _ in range(repeats):
        synchronize(device)
        began = time.perf_counter()
        function()
        synchronize(device)
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def synchronize(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def ceilings(device: str, quick: bool) -> dict[str, float]:
    """Bytes per second of a copy, operations per second of products."""
    n, side = (10**7, 1024) if quick else (10**9, 8192)
    source = torch.empty(n, dtype=torch.float32, device=device).normal_()
    target = torch.empty_like(source)
    found = {"copy": 8 * n / timed(lambda a=source, b=target: b.copy_(a), device)}
    del source, target
    for name, dtype in TYPES.items():
        a, b = torch.randn(2, side, side, dtype=dtype, device=device)
        found[name] = 2 * side**3 / timed(lambda a=a, b=b: a @ b, device, 3)
    return found


def gradient(name: str, n: int, dtype: str, device: str, limits: dict[str, float]) -> dict[str, Any]:
    given = system(name, n, WIDTH, DEPTH, device, TYPES[dtype])
    theta, network, points = given.model.theta, given.model.network, given.blocks[0].sites[0].points
    weights = given._row_weights()
    parameters = list(network.parameters())

    def nested() -> None:
        loss = nested_autograd(name, network, points).square().mean()
        torch.autograd.grad(loss, parameters, allow_unused=True)

    as_it_is = timed(lambda: given._loss_and_gradient(weights), device)
    seconds = {"as it is": as_it_is, "recorded": timed(lambda: given.loss_and_gradient(theta), device)}
    if not given._replay._recorded:
        seconds["recorded"] = math.nan
    try:
        seconds["nested autograd"] = timed(nested, device, 3)
    except torch.OutOfMemoryError:
        seconds["nested autograd"] = math.nan
    c, size = DERIVATIVES[name], torch.empty(0, dtype=TYPES[dtype]).element_size()
    flops = 3 * 2 * c * n * (2 * WIDTH + (DEPTH - 1) * WIDTH**2 + WIDTH)
    traffic = 3 * 2 * c * n * WIDTH * DEPTH * size
    floor = max(flops / limits[dtype], traffic / limits["copy"])
    return {"equation": name, "points": n, "type": dtype, "seconds": seconds, "floor": floor}


def marquardt(width: int, device: str, dtype: str, limits: dict[str, float]) -> dict[str, Any]:
    """One step of the KS equation at four points per parameter."""
    size = 3 * width + 2 * (width**2 + width) + width + 1
    n = 4 * size
    given = system("kuramoto_sivashinsky", n, width, 3, device, TYPES[dtype])
    theta, stage = given.model.theta, pl.LevenbergMarquardt(trials=1)
    state = stage.init(given, theta)
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    whole = timed(lambda: stage.step(given, theta, state), device, 3)
    peak = torch.cuda.max_memory_allocated() if device != "cpu" else 0
    _, jacobian = given.residuals_and_jacobian(theta)
    normal = gram(jacobian)
    parts = {
        "jacobian": timed(lambda: given.residuals_and_jacobian(theta), device, 3),
        "product": timed(lambda: gram(jacobian), device, 3),
        "factor": timed(lambda: Cholesky(normal, normal.diagonal().mean().expand(size)), device, 3),
    }
    floor = (2 * n * size**2 + size**3 / 3) / limits[dtype]
    return {"parameters": size, "residuals": n, "type": dtype, "seconds": whole, **parts, "floor": floor, "peak": peak}


def shown(seconds: float) -> str:
    return f"{seconds * 1e3:.2f}" if math.isfinite(seconds) else "-"


def table(found: dict[str, Any]) -> str:
    limits = found["ceilings"]
    lines = [
        f"Ceilings measured here: copy {limits['copy'] / 1e12:.2f} TB/s; matrix products "
        f"{limits['float64'] / 1e12:.1f} TFLOP/s in float64, {limits['float32'] / 1e12:.1f} in float32.",
        "",
        "| gradient of | points | type | as it is, ms | recorded, ms | nested autograd, ms | points/s | floor, ms |",
        "| --- " * 8 + "|",
    ]
    for row in found["gradients"]:
        s = row["seconds"]
        best = min(x for x in (s["as it is"], s["recorded"]) if math.isfinite(x))
        lines.append(
            f"| {row['equation']} | {row['points']:,} | {row['type']} | {s['as it is'] * 1e3:.2f} | "
            f"{shown(s['recorded'])} | {shown(s['nested autograd'])} | {row['points'] / best:.2g} | "
            f"{row['floor'] * 1e3:.2f} |"
        )
    lines += [
        "",
        "Levenberg-Marquardt, Kuramoto-Sivashinsky, three layers:",
        "",
        "| parameters | residuals | type | step, ms | steps/s | Jacobian, ms | product, ms | factor, ms "
        "| floor, ms | peak, GB |",
        "| --- " * 10 + "|",
    ]
    for row in found["steps"]:
        lines.append(
            f"| {row['parameters']:,} | {row['residuals']:,} | {row['type']} | {row['seconds'] * 1e3:.1f} | "
            f"{1 / row['seconds']:.3g} | {row['jacobian'] * 1e3:.1f} | {row['product'] * 1e3:.1f} | "
            f"{row['factor'] * 1e3:.1f} | {row['floor'] * 1e3:.1f} | {row['peak'] / 1e9:.2f} |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see whether it runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    limits = ceilings(given.device, given.quick)
    found: dict[str, Any] = {"ceilings": limits, "gradients": [], "steps": []}
    for n in (1000,) if given.quick else (4096, 100_000, 1_000_000):
        for name in EQUATIONS:
            found["gradients"] += [gradient(name, n, dtype, given.device, limits) for dtype in TYPES]
            print(found["gradients"][-1], flush=True)
    for width in (10,) if given.quick else (18, 30, 48, 70, 100):
        found["steps"] += [marquardt(width, given.device, dtype, limits) for dtype in ("float64",)]
        print(found["steps"][-1], flush=True)
    head = provenance("python docs/benchmarks/gpu.py", given.device)
    (given.out / "gpu.json").write_text(json.dumps({"machine": head, **found}, indent=1) + "\n")
    text = "\n".join(f"- {key}: {value}" for key, value in head.items())
    (given.out / "gpu.md").write_text(f"# On a GPU\n\n{text}\n\n{table(found)}")
    print(table(found))


if __name__ == "__main__":
    main()
