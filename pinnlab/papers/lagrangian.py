"""Mojgani, Balajewicz & Hassanzadeh, Lagrangian PINNs, arXiv 2205.02902 (CMAME 404:115810, 2023).

Settings are those of the authors' scripts: tanh networks of width 50, the states' with five hidden layers and the
trajectories' with two, 256 labels by 100 times, Adam with a rate of 1e-2 (AMSGrad) and then L-BFGS. Their runs of
convection have a viscosity of 0.01, and all of the motion is learned.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from pinnlab.algebra.largest import largest
from pinnlab.api import solve
from pinnlab.bench.papers.experiment import OURS, Experiment, Measured, Setting, Variant
from pinnlab.bench.papers.landscapes import landscape, minima, roughness, steepest_curvatures
from pinnlab.bench.papers.pictures import landscapes
from pinnlab.bench.papers.rows import softened, trained
from pinnlab.bench.papers.trained_systems import parameters_of, system_of
from pinnlab.declaration.conditions import Initial, Periodic
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box
from pinnlab.networks.mlp import MLP
from pinnlab.optimizers import LBFGS, Adam
from pinnlab.reference.lazy import ClassicalReference
from pinnlab.solvers.collocation import CollocationSolver
from pinnlab.solvers.lagrangian.solver import LagrangianPINN
from pinnlab.solvers.pinn import PINN

VISCOSITY = 0.01
PUBLISHED = {
    "PINN": {2: 0.0172, 5: 0.051, 10: 0.281, 20: 1.37, 30: 1.26, 40: 1.0, 50: 1.0, 60: 1.0},
    "Lagrangian PINN": {2: 0.0119, 5: 0.0120, 10: 0.0369, 20: 0.0350, 30: 0.0448, 40: 0.0468, 50: 0.0339, 60: 0.0600},
}
"""Relative errors over the speed, read off the authors' figure, to about 3 %."""
_CARRIED = 30
"""Speed at which Burgers' wave is carried along, one of those of convection."""
_ENOUGH = 100.0
"""Seconds for rows of equal steps."""
_BOX = Box(x=(0.0, 2 * math.pi), t=(0.0, 1.0))


def convection(c: float) -> Problem:
    """u_t + c u_x = nu u_xx from sin x."""
    return Problem(
        _BOX, "u", lambda u: u.t + c * u.x - VISCOSITY * u.xx,
        [Initial(u=lambda x: torch.sin(x)), Periodic(on="x")],
        reference=lambda x, t: torch.exp(-VISCOSITY * torch.as_tensor(t)) * torch.sin(torch.as_tensor(x - c * t)),
        velocity=float(c), name=f"convection, c = {c}",
    )  # fmt: skip


def burgers(c: float = 0.0) -> Problem:
    """u_t + u u_x = nu u_xx from sin x + c."""
    bare = Problem(
        _BOX, "u", lambda u: u.t + u * u.x - VISCOSITY * u.xx,
        [Initial(u=lambda x: torch.sin(x) + c), Periodic(on="x")], velocity=lambda u: u,
        name=f"viscous Burgers, c = {c:g}",
    )  # fmt: skip
    return bare.replace(reference=ClassicalReference(bare, tolerance=1e-6))


_ADAM = Adam(steps=1000, learning_rate=1e-2, decay=1.0, redraw_every=None, amsgrad=True)


def _shared(size: str) -> dict:
    small = size == "small"
    return {
        "points": 1024 if small else 25_600,
        "condition_weight": 1000.0,
        "stages": (
            _ADAM if small else replace(_ADAM, steps=1_000_000),
            LBFGS(steps=10**6 if small else 100),
        ),
    }


def _network(size: str) -> MLP:
    return MLP(width=20, depth=3) if size == "small" else MLP(width=50, depth=5)


def _plain(size: str) -> CollocationSolver:
    return PINN(network=_network(size), **_shared(size))


def _characteristics(**options: bool) -> Callable[[str], CollocationSolver]:
    return lambda size: LagrangianPINN(
        network=_network(size),
        trajectory=MLP(width=20 if size == "small" else 50, depth=2),
        drift=None,
        **options,  # type: ignore[arg-type]
        **_shared(size),
    )


def _row(
    name: str,
    problem: Callable[[], Problem],
    solver: Callable,
    published: float = math.nan,
    case: str = "",
    seconds: float = 50.0,
) -> Variant:
    made = trained(lambda _: softened(problem()), solver)
    return Variant(name, made, published, {"small": seconds, "paper": 6 * 3600.0}, case)


def _ours(name: str, problem: Callable[[], Problem], seconds: float = 30.0) -> Variant:
    return Variant(name, trained(lambda _: problem(), lambda _: None), seconds={"small": seconds, "paper": 30.0})


def _sweep() -> tuple[Variant, ...]:
    rows = []
    kinds = {"PINN": _plain, "Lagrangian PINN": _characteristics()}
    for c in PUBLISHED["PINN"]:
        made = _at(c)
        for name, solver in kinds.items():
            rows.append(_row(f"{name}, c = {c}", made, solver, PUBLISHED[name][c], f"c = {c}", seconds=30.0))
        rows.append(_ours(f"{OURS}, c = {c}", made, seconds=15.0))
    return tuple(rows)


def _shocks() -> tuple[Variant, ...]:
    """From sin x, and carried along, so that the shock moves."""
    still, carried = (partial(burgers, float(c)) for c in (0, _CARRIED))
    ending, case = f", c = {_CARRIED}", f"c = {_CARRIED}"
    plain, moving = _ended(_plain), _ended(_characteristics())
    by_label = _ended(_characteristics(label_diffusion=True))
    return (
        _row("PINN", still, plain, case="c = 0", seconds=_ENOUGH),
        _row("Lagrangian PINN", still, moving, case="c = 0", seconds=_ENOUGH),
        _row("Lagrangian PINN, diffusion by label", still, by_label, case="c = 0", seconds=_ENOUGH),
        _ours(OURS, still),
        _row(f"PINN{ending}", carried, plain, case=case, seconds=_ENOUGH),
        _row(f"Lagrangian PINN{ending}", carried, moving, case=case, seconds=_ENOUGH),
        _ours(f"{OURS}{ending}", carried),
    )


def _ended(solver: Callable[[str], CollocationSolver]) -> Callable[[str], CollocationSolver]:
    """The solver whose small size ends with its steps, and not with the time."""
    return lambda size: replace(solver(size), stages=(_ADAM, LBFGS(steps=40))) if size == "small" else solver(size)


_STEPS = torch.linspace(-0.5, 0.5, 21, dtype=torch.float64)
"""Along unit eigenvectors, as far as PyHessian goes."""


def _landscape(c: int, solver: Callable[[str], CollocationSolver]) -> Callable[[Setting], Measured]:
    """A row whose number is the roughness of the loss around what was trained."""

    def make(setting: Setting) -> Measured:
        problem, used = softened(convection(c)), solver(setting.size)
        if setting.size == "small":
            used = replace(used, stages=(replace(_ADAM, steps=600), LBFGS(steps=20)))
        solution = solve(
            problem,
            used,
            max_seconds=setting.seconds,
            seed=setting.seed,
            device=setting.device,
            progress=setting.progress,
        )
        system, theta = system_of(problem, used, setting), parameters_of(solution)
        curvatures, directions = steepest_curvatures(system, theta)
        loss = landscape(system, theta, directions, _STEPS)
        details = {
            "relative L2 error": largest(solution.error().values()),
            "largest curvature": float(curvatures[0]),
            "second curvature": float(curvatures[1]),
            "minima": float(minima(loss)),
        }
        arrays = {"steps": _STEPS.tolist(), "loss": loss.tolist()}
        return Measured(roughness(loss), solution.seconds, solution.status.name, details, arrays)

    return make


def _landscapes() -> tuple[Variant, ...]:
    limits, kinds = {"small": 60.0, "paper": 6 * 3600.0}, {"PINN": _plain, "Lagrangian PINN": _characteristics()}
    return tuple(
        Variant(f"{name}, c = {c}", _landscape(c, solver), seconds=limits, case=f"c = {c}")
        for name, solver in kinds.items()
        for c in (0, 30, 50)
    )


def _at(c: int) -> Callable[[], Problem]:
    return lambda: convection(c)


_PAPER = "arXiv 2205.02902"
_METRIC = "relative L2 error over space and time"

EXPERIMENTS = (
    Experiment(
        "lagrangian", "convection", "Convection over its speed", f"{_PAPER}, error over c", _METRIC, _sweep(),
        "Small: narrower networks and fewer points. The authors' script compares a reference on 2 pi i / N with a "
        "prediction on linspace(0, 2 pi, N): an exact prediction scores 1.25e-2 at c = 2 and 1.56e-2 at c = 50 there.",
    ),
    Experiment(
        "lagrangian", "burgers", "Viscous Burgers: diffusion by place and by label", f"{_PAPER}, viscous Burgers", _METRIC,
        _shocks(),
        "Small: 1,000 steps of Adam and 800 line searches of L-BFGS in every row. The authors' numbers are not at hand, nor "
        "their c, the mean of the start sin x + c. Their code takes second derivatives by label.",
    ),
    Experiment(
        "lagrangian", "landscapes", "Landscapes of the loss over the speed", f"{_PAPER}, loss landscapes",
        "roughness of the loss, the share of it that no quadratic function explains", _landscapes(),
        "Along the two unit eigenvectors of the Hessian with the largest eigenvalues, half a unit to both sides, around "
        "what 600 steps of Adam and 400 line searches of L-BFGS have trained. The paper shows surfaces and no numbers: the "
        "PINN's become rugged as c grows, the Lagrangian PINN's stay smooth.",
        landscapes,
    ),
)  # fmt: skip
