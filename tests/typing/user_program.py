"""What a user writes with types on everything: it must pass a strict type checker, and run."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.problems import allen_cahn
from pinnlab.training.history import Record


def heat(u: pl.Field, D: float) -> pl.Field:
    return u.t - D * u.xx


def burgers(u: pl.Field, nu: float) -> pl.Field:
    return u.t + u * u.x - nu * u.xx


def reacting(u: pl.Field, x: pl.Field, k: pl.Field) -> pl.Field:
    source = 1 - u + 2 / (1.0 + u**2) - abs(u) + 2.0 ** (-u) + x.sin() * u.exp()
    flux: pl.Field = pl.diff(k * u.x, "x")
    return u.d("t") - flux - source * torch.ones(()) + (+u) * 0.1


def flow(u: pl.Field, v: pl.Field) -> dict[str, pl.Field]:
    return {"mass": u.x + v.t, "momentum": u.t + u * u.x}


def waves(psi: pl.Field, V: pl.Field) -> pl.Field:
    return 1j * psi.t + psi.laplacian / 2 - V * psi - abs(psi) ** 2 * psi.conj() * 1j + (psi.real - psi.imag)


def layers(u: pl.Field, k: pl.Field) -> pl.Field:
    flux: pl.Vector = k * pl.grad(u)
    carried: pl.Field = pl.dot((1.0,), pl.grad(u)) + pl.equations.heat(u, 0.1)
    edge: pl.Field = flux.x
    return u.t - pl.div(flux) - 0.0 * carried + edge * 0.0


def start(x: Tensor) -> Tensor:
    return torch.sin(math.pi * x)


def exact(x: Tensor, t: Tensor) -> Tensor:
    return torch.exp(-0.1 * math.pi**2 * t) * start(x)


box = pl.Box(x=(0.0, 1.0), t=(0.0, 1.0))
problem = pl.Problem(
    domain=box,
    unknowns="u",
    equations=heat,
    conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0, on="x")],
    parameters={"D": 0.1},
    reference=exact,
)
packet = pl.Problem(
    box,
    {"psi": complex},
    waves,
    [pl.Initial(psi=lambda x: torch.exp(1j * x)), pl.Dirichlet(psi=1j, on="x")],
    {"V": lambda x: x**2},
)
layered = pl.Problem(box, "u", layers, [pl.Initial(u=start), pl.Dirichlet(u=0.0)], {"k": lambda x: 1 + x})
family = pl.Problem(
    box,
    ("u",),
    [burgers],
    (pl.Initial(u=start), pl.Periodic(on="x")),
    {"nu": pl.Uniform(0.01, 0.1)},
    velocity=lambda u: u,
)
measured = np.linspace(0.1, 0.9, 5)
inverse = problem.replace(
    parameters={"D": pl.Unknown(0.2)},
    conditions=[*problem.conditions, pl.Data(points={"x": measured, "t": measured}, u=measured, weight=2.0)],
)
mixed = pl.Problem(
    box,
    "u",
    reacting,
    [pl.Initial(u=0), pl.Neumann(u=lambda t: 0.0, on="x-"), pl.Robin(u=(1.0, lambda t: 2.0 + t, 0.0), on="x+")],
    {"k": lambda x: 1.0 + x**2},
)
system = pl.Problem(box, ["u", "v"], (flow,), pl.Initial(u=0.0, v=0.0), velocity=(1.0,))
names: tuple[str, ...] = system.unknowns
used: frozenset[tuple[str, ...]] = system.derivatives["u"]
text = str(mixed.check())
loaded: pl.Problem = pl.load_problem("burgers")
made: pl.Problem = allen_cahn.problem()


def watch(record: Record) -> bool:
    return record.loss < 1e-12


solver = pl.PINN(network=pl.MLP(width=8), stages=(pl.Adam(steps=3), pl.LevenbergMarquardt(steps=1)))
solution = pl.solve(problem, solver, max_seconds=60, progress=False, callbacks=[watch])
values: dict[str, Any] = solution(x=np.linspace(0.0, 1.0, 5), t=0.1)
error: float = solution.error()["u"]
error = solution.error(exact)["u"]
solvers = [
    pl.CausalPINN(windows=2),
    pl.LagrangianPINN(),
    pl.MultiDomainPINN(subdomains=pl.Subdomains({"x": (0.5,)})),
    pl.HardConstraintMoE(),
]


def keep(found: pl.Solution, path: Path) -> pl.Solution:
    found.save(path)
    return pl.Solution.load(path, problem=problem)
