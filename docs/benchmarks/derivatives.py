"""Time and peak memory of the derivative engine beside nested autograd and torch.func.

    python docs/benchmarks/derivatives.py [--points 1000 10000 100000] [--threads 1] [--out docs/benchmarks]

Two equations (Allen-Cahn, second order; Kuramoto-Sivashinsky, fourth order) on one tanh network, float64, and two tasks:
the mean squared residual with its gradient by the parameters, and the Jacobian of the residual vector by the parameters.
Methods that are compared run one after another in one process, alternating, and the fastest of several repeats counts.
Peak memory is measured in a fresh process for each method. Writes derivatives.json and derivatives.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.func import functional_call, grad, jacrev, jvp, vmap

import pinnlab as pl
from pinnlab.training.plans import Settings
from pinnlab.training.residuals import Count, ResidualSystem
from pinnlab.training.weighting import Unweighted

WIDTH, DEPTH = 64, 4
JACOBIAN_WIDTH, JACOBIAN_DEPTH = 20, 3
ORDERS = {"allen_cahn": 2, "kuramoto_sivashinsky": 4}


def allen_cahn(u):
    return u.t - 1e-4 * u.xx + 5 * u**3 - 5 * u


def kuramoto_sivashinsky(u):
    return u.t + 5 * u * u.x + 0.5 * u.xx + 0.005 * u.xxxx


EQUATIONS = {"allen_cahn": allen_cahn, "kuramoto_sivashinsky": kuramoto_sivashinsky}


def residual_from(name: str, u: Tensor, t: Tensor, x: list[Tensor]) -> Tensor:
    """The same equations on plain tensors: u, u_t and [u_x, u_xx, ...]."""
    if name == "allen_cahn":
        return t - 1e-4 * x[1] + 5 * u**3 - 5 * u
    return t + 5 * u * x[0] + 0.5 * x[1] + 0.005 * x[3]


def system(
    name: str, n: int, width: int, depth: int, device: str = "cpu", dtype: torch.dtype = torch.float64
) -> ResidualSystem:
    """The package's own residual system, on a plain network of the bare coordinates."""
    problem = pl.Problem(pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)), "u", EQUATIONS[name])
    torch.manual_seed(0)
    solver = pl.PINN(network=pl.MLP(2, 1, width=width, depth=depth), points=64, sampling="uniform", stages=pl.Adam())
    model = solver.plan(problem, Settings(torch.device(device), dtype, 0)).start(0, []).system.model
    return ResidualSystem(model, [Count(problem.equation_term(), n, (model,))], Unweighted(), "uniform", (0,), width)


def nested_autograd(name: str, network: torch.nn.Module, points: Tensor) -> Tensor:
    """Residuals (n,) by nested torch.autograd.grad."""
    points = points.detach().requires_grad_()
    u = network(points)[:, 0]
    first = torch.autograd.grad(u.sum(), points, create_graph=True)[0]
    chain = [first[:, 0]]
    while len(chain) < ORDERS[name]:
        chain.append(torch.autograd.grad(chain[-1].sum(), points, create_graph=True)[0][:, 0])
    return residual_from(name, u, first[:, 1], chain)


def nested_func(name: str, network: torch.nn.Module, parameters: dict[str, Tensor], point: Tensor) -> Tensor:
    """Residual () at one point (2,) by nested torch.func.jvp, to be used under vmap."""

    def u(x: Tensor, t: Tensor) -> Tensor:
        return functional_call(network, parameters, (torch.stack([x, t])[None],))[0, 0]

    x, t = point
    one = torch.ones_like(x)
    functions: list[Callable[[Tensor], Tensor]] = [lambda s: u(s, t)]
    for _ in range(ORDERS[name]):
        functions.append(lambda s, f=functions[-1]: jvp(f, (s,), (one,))[1])
    by_time = jvp(lambda s: u(x, s), (t,), (one,))[1]
    return residual_from(name, u(x, t), by_time, [f(x) for f in functions[1:]])


def gradient_tasks(name: str, n: int) -> dict[str, Callable[[], object]]:
    """Methods for the mean squared residual and its gradient."""
    ours = system(name, n, WIDTH, DEPTH)
    theta, network, points = ours.model.theta, ours.model.network, ours.blocks[0].sites[0].points
    parameters = list(network.parameters())
    named = {k: p.detach() for k, p in network.named_parameters()}

    def by_autograd(chunk: int) -> object:
        # chunks give the baseline the same use of the cache as ours has
        total = [torch.zeros_like(p) for p in parameters]
        for part in points.split(chunk):
            loss = nested_autograd(name, network, part).square().sum() / n
            for sink, g in zip(total, torch.autograd.grad(loss, parameters, allow_unused=True), strict=True):
                if g is not None:
                    sink += g
        return total

    def by_func() -> object:
        def loss(p: dict[str, Tensor], part: Tensor) -> Tensor:
            return vmap(lambda point: nested_func(name, network, p, point))(part).square().sum() / n

        found = [grad(loss)(named, part) for part in points.split(10_000)]
        return {k: sum(f[k] for f in found) for k in named}

    return {
        "pinnlab": lambda: ours.loss_and_gradient(theta),
        "nested autograd": lambda: by_autograd(n),
        "nested autograd, chunks of 1000": lambda: by_autograd(1000),
        "torch.func": by_func,
    }


def jacobian_tasks(name: str, n: int) -> dict[str, Callable[[], object]]:
    """Methods for the Jacobian of the residual vector."""
    ours = system(name, n, JACOBIAN_WIDTH, JACOBIAN_DEPTH)
    theta, network, points = ours.model.theta, ours.model.network, ours.blocks[0].sites[0].points
    parameters = list(network.parameters())
    named = {k: p.detach() for k, p in network.named_parameters()}

    def by_autograd() -> object:
        rows = []
        for part in points.split(250):
            r = nested_autograd(name, network, part)
            seeds = torch.eye(len(r), dtype=r.dtype)
            found = torch.autograd.grad(r, parameters, seeds, is_grads_batched=True, allow_unused=True)
            rows.append(torch.cat([f.reshape(len(r), -1) for f in found if f is not None], dim=1))
        return torch.cat(rows)

    def by_func(mode: Callable) -> object:
        per_point = vmap(mode(lambda p, point: nested_func(name, network, p, point)), in_dims=(None, 0))
        found = [per_point(named, part) for part in points.split(1000)]
        return torch.cat([torch.cat([v.reshape(len(v), -1) for v in f.values()], dim=1) for f in found])

    return {
        "pinnlab": lambda: ours.residuals_and_jacobian(theta),
        "nested autograd": by_autograd,
        "torch.func (grad)": lambda: by_func(grad),
        "torch.func (jacrev)": lambda: by_func(jacrev),
    }


TASKS = {"gradient": gradient_tasks, "Jacobian": jacobian_tasks}


def timed(methods: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Fastest milliseconds of each method, the methods alternating."""
    best = dict.fromkeys(methods, float("inf"))
    for repeat in range(repeats + 1):
        for label, method in methods.items():
            began = time.perf_counter()
            method()
            if repeat:
                best[label] = min(best[label], 1e3 * (time.perf_counter() - began))
    return best


def peak_megabytes(task: str, name: str, n: int, label: str, threads: int) -> float:
    """Growth of the process's peak memory while the method runs, in a fresh process."""
    command = [sys.executable, __file__, "--memory", task, name, str(n), label, "--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def _memory(task: str, name: str, n: int, label: str) -> None:
    TASKS[task](name, 64)[label]()
    method = TASKS[task](name, n)[label]
    before = _peak()
    method()
    print(_peak() - before)


def _peak() -> float:
    """Megabytes. Not getrusage, whose peak a process inherits from the one that started it."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def check(task: str, name: str) -> None:
    """All methods give the same numbers."""
    results = {}
    for label, method in TASKS[task](name, 50).items():
        value = method()
        value = value[1] if isinstance(value, tuple) else value
        value = list(value.values()) if isinstance(value, dict) else value
        flat = torch.cat([v.reshape(-1) for v in value]) if isinstance(value, list) else value
        # rows of the package's system carry the root of the mean's 1/n
        scale = 50**0.5 if task == "Jacobian" and label == "pinnlab" else 1.0
        results[label] = scale * flat.detach().norm()
    first = results["pinnlab"]
    for label, norm in results.items():
        assert abs(norm - first) < 1e-9 * first, (task, name, label, float(norm), float(first))


def compile_gain(n: int) -> dict[str, float]:
    """Milliseconds of the network's jets with and without torch.compile, and the compilation's seconds."""
    from pinnlab.derivatives.indices import closure

    network = pl.MLP(2, 1, width=WIDTH, depth=DEPTH).to(torch.float64)
    points, indices = torch.rand(n, 2, dtype=torch.float64), closure([(1,), (0, 0, 0, 0)])

    def jets(p: Tensor) -> Tensor:
        return network.jet(p, indices).square().sum()

    compiled = torch.compile(jets, fullgraph=True)
    began = time.perf_counter()
    compiled(points).backward()
    seconds = time.perf_counter() - began
    found = timed({"eager": lambda: jets(points).backward(), "compiled": lambda: compiled(points).backward()}, 5)
    return {**found, "compile_seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--memory", nargs=4)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory:
        task, name, n, label = arguments.memory
        _memory(task, name, int(n), label)
        return
    rows = []
    for task in TASKS:
        for name in EQUATIONS:
            check(task, name)
            for n in arguments.points:
                if task == "Jacobian" and n > 10_000:
                    continue  # 100 000 rows of 921 columns are 0.7 GiB of numbers whatever makes them
                times = timed(TASKS[task](name, n), repeats=3 if n > 10_000 else 5)
                memory = {label: peak_megabytes(task, name, n, label, arguments.threads) for label in times}
                rows.append({"task": task, "equation": name, "points": n, "ms": times, "megabytes": memory})
                print(task, name, n, {k: round(v, 1) for k, v in times.items()}, flush=True)
    machine = {
        "cpu": platform.processor() or platform.machine(), "cores": os.cpu_count(), "threads": arguments.threads,
        "torch": torch.__version__, "python": platform.python_version(),
    }  # fmt: skip
    data = {"command": " ".join(sys.argv), "machine": machine, "rows": rows, "compile": compile_gain(10_000)}
    (arguments.out / "derivatives.json").write_text(json.dumps(data, indent=1) + "\n")
    (arguments.out / "derivatives.md").write_text(markdown(data))


def markdown(data: dict) -> str:
    """The table of results."""
    lines = ["| task | equation | points | method | ms | ratio to pinnlab | peak MB |", "|---|---|---|---|---|---|---|"]
    for row in data["rows"]:
        for label, ms in row["ms"].items():
            ratio = ms / row["ms"]["pinnlab"]
            lines.append(
                f"| {row['task']} | {row['equation']} | {row['points']} | {label} | {ms:.1f} | {ratio:.1f} | "
                f"{row['megabytes'][label]:.0f} |"
            )
    c = data["compile"]
    lines += ["", f"`torch.compile` of the jets (fourth order, 10 000 points): {c['eager']:.0f} ms eager, "
              f"{c['compiled']:.0f} ms compiled, {c['compile_seconds']:.0f} s to compile."]  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
