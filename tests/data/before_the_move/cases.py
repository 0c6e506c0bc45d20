"""What the files beside this one hold: for each the problem, the solver and how it is solved.

Written before the modules of pinnlab moved, and run by the code of that time. Only public names are used. Nothing here
may change, not even a constant in a function: a checkpoint knows its problem by the code of its functions.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import pinnlab as pl
from pinnlab.datasets import Dataset, generate

HERE = Path(__file__).parent
PI = math.pi


# -- problems ----------------------------------------------------------------------------------------------------------


def heat(u, nu):
    return u.t - nu * u.xx


def sine(x):
    return torch.sin(PI * x)



def ring() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=heat,
        conditions=[pl.Initial(u=sine), pl.Periodic(on="x")],
        parameters={"nu": 0.1},
        name="ring",
    )


def rod() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 2.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=heat,
        conditions=[pl.Initial(u=sine), pl.Dirichlet(u=0.0, on="x")],
        parameters={"nu": 0.1},
        name="rod",
    )


def soft_rod() -> pl.Problem:
    """Nothing is built in."""
    return rod().replace(conditions=[pl.Initial(u=sine, exact=False), pl.Dirichlet(u=0.0, exact=False)])


def rod_without_sides() -> pl.Problem:
    return ring().replace(conditions=[pl.Initial(u=sine)])


def plane_heat(u):
    return u.t - u.xx - u.yy


def plane_start(x, y):
    return torch.sin(PI * x) * torch.cos(PI * y)


def torus() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 2.0), y=(-1.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=plane_heat,
        conditions=[pl.Initial(u=plane_start), pl.Periodic(on="x"), pl.Periodic(on="y")],
        name="torus",
    )


def wave_equation(u):
    return u.tt - u.xx


def bow(x):
    return x * (2 - x)


def wave() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 2.0), t=(1.0, 2.0)),
        unknowns="u",
        equations=wave_equation,
        conditions=[pl.Initial(u=sine, u_t=bow), pl.Dirichlet(u=0.0)],
        name="wave",
    )


def moving_equations(u, v):
    return {"first": u.t - v.xx - u.yy, "second": v.t - u.x}


def moving_start(x, y, k):
    return x * torch.cos(k * y)


def moving_side(y, t, k):
    return 2 * torch.cos(k * y) + t


def moving_ends() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 2.0), y=(-1.0, 1.0), t=(0.0, 0.5)),
        unknowns=("u", "v"),
        equations=moving_equations,
        conditions=[pl.Initial(u=moving_start, v=1.0), pl.Dirichlet(u=moving_side, on="x+")],
        parameters={"k": 1.5},
        name="moving ends",
    )


def swing(a, b, w):
    return {"a": a.t - b, "b": b.t + w * torch.sin(a)}


def pendulum() -> pl.Problem:
    """An inverse problem, of an ordinary equation."""
    return pl.Problem(
        domain=pl.Box(t=(0.0, 2.0)),
        unknowns=("a", "b"),
        equations=swing,
        conditions=[pl.Initial(a=1.0, b=0.0), pl.Data({"t": np.linspace(0, 2, 5)}, a=np.cos(np.linspace(0, 2, 5)))],
        parameters={"w": pl.Unknown(0.7)},
        name="pendulum",
    )


def lorenz(x, y, z, rho):
    return {"x": x.t - 10.0 * (y - x), "y": y.t - x * (rho - z) + y, "z": z.t - x * y + 8 / 3 * z}


def chaos() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(t=(0.0, 1.0)),
        unknowns=("x", "y", "z"),
        equations=lorenz,
        conditions=[pl.Initial(x=1.0, y=1.0, z=1.0)],
        parameters={"rho": 28.0},
        name="chaos",
    )


def kinked(x):
    return x**2 * torch.cos(PI * x)


def kink() -> pl.Problem:
    """A slope jump at x = +-1, which the exact initial condition smooths in time."""
    return ring().replace(conditions=[pl.Initial(u=kinked), pl.Periodic(on="x")], name="kink")


def roof(x):
    return torch.where(x.abs() < 0.5, 1 - 2 * x.abs(), 0.0)


def kept_roughly() -> pl.Problem:
    """Data of which a file keeps a polynomial that is off."""
    return ring().replace(conditions=[pl.Initial(u=roof), pl.Periodic(on="x")], name="roof")


def tent(x):
    return 1 - (x - 1).abs()


def kinked_rod() -> pl.Problem:
    """The end of a window is no series, so that it is handed over as it is."""
    return rod().replace(conditions=[pl.Initial(u=tent), pl.Dirichlet(u=0.0, on="x")], name="kinked rod")


def bumpy(x):
    return 0.1 + 0.05 * torch.cos(PI * x)


def function_parameter() -> pl.Problem:
    return ring().replace(
        equations=diffusion, conditions=[pl.Initial(u=by_parameter), pl.Periodic(on="x")],
        parameters={"nu": bumpy, "u0": sine}, name="function parameter",
    )  # fmt: skip


def diffusion(u, nu):
    return u.t - pl.diff(nu * u.x, "x")


def by_parameter(u0):
    return u0


def random_family() -> pl.Problem:
    return ring().replace(
        conditions=[pl.Initial(u=by_parameter), pl.Periodic(on="x")],
        parameters={"nu": pl.Uniform(0.05, 0.2), "u0": pl.RandomField(on="x")}, name="random family",
    )  # fmt: skip


def random_member() -> pl.Problem:
    return random_family().sample(np.random.default_rng(0))


def poisson(u, x, y):
    return u.xx + u.yy - torch.exp(-x) * (x - 2 + y**3 + 6 * y)


def poisson_exact(x, y):
    return torch.exp(-x) * (x + y**3)


def steady(domain: Any = None) -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)) if domain is None else domain,
        unknowns="u",
        equations=poisson,
        conditions=[pl.Dirichlet(u=poisson_exact)],
        name="steady",
    )


def disc() -> pl.Problem:
    return steady(pl.Ball({"x": 0.3, "y": -0.2}, 0.5))


def ell() -> pl.Problem:
    return steady(pl.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]))


def square_with_hole() -> pl.Problem:
    return steady(pl.Box(x=(0.0, 1.0), y=(0.0, 1.0)) - pl.Ball({"x": 0.5, "y": 0.5}, 0.2, name="hole"))


def mesh() -> pl.Problem:
    nodes = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.4, 0.6]])
    return steady(pl.Mesh(nodes, np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])))


def disc_start(x, y):
    return x * y


def disc_in_time() -> pl.Problem:
    return pl.Problem(
        domain=pl.Ball({"x": 0.0, "y": 0.0}, 1.0) * pl.Box(t=(0.0, 1.0)),
        unknowns="u",
        equations=plane_heat,
        conditions=[pl.Initial(u=disc_start), pl.Dirichlet(u=disc_start)],
        name="disc in time",
    )


def speed(x, k):
    return 1 + k * torch.sin(x)


def carried(u, x, k):
    return u.t + speed(x, k) * u.x


def once(x):
    return torch.sin(x)


def flow() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 2 * PI), t=(0.0, 1.2)),
        unknowns="u",
        equations=carried,
        conditions=[pl.Initial(u=once), pl.Periodic(on="x")],
        parameters={"k": 0.5},
        velocity=speed,
        name="flow",
    )


def fading(u, x, k):
    return u.t + speed(x, k) * u.x + u


def fading_flow() -> pl.Problem:
    """States change along characteristics, so that windows hand them over."""
    return flow().replace(equations=fading, name="fading flow")


def quickening(x):
    return 1 + x


def through(u, x):
    return u.t + (1 + x) * u.x


def duct_start(x):
    return torch.sin(-3 * x)


def sent_in(t):
    return torch.sin(3 * t)


def duct() -> pl.Problem:
    """A wave that enters through the left side."""
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=through,
        conditions=[pl.Initial(u=duct_start), pl.Dirichlet(u=sent_in, on="x-")],
        velocity=quickening,
        name="duct",
    )


def burgers(u, nu):
    return u.t + u * u.x - nu * u.xx


def minus_sine(x):
    return -torch.sin(PI * x)


def burgers_march() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(-1.0, 1.0), t=(0.0, 0.5)),
        unknowns="u",
        equations=burgers,
        conditions=[pl.Initial(u=minus_sine), pl.Dirichlet(u=0.0, on="x")],
        parameters={"nu": 0.1},
        name="Burgers",
    )


def burgers_family() -> pl.Problem:
    return burgers_march().replace(parameters={"nu": pl.Uniform(0.05, 0.2)}, name="Burgers family")


def kdv(u):
    return u.t + 6 * u * u.x + u.xxx


def swell(x):
    return torch.cos(PI * x / 4)


def third_order() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(-4.0, 4.0), t=(0.0, 0.1)),
        unknowns="u",
        equations=kdv,
        conditions=[pl.Initial(u=swell), pl.Periodic(on="x")],
        name="third order",
    )


def advected(u, b):
    return u.t + b * u.x


def advected_exact(x, t, b):
    return torch.sin(torch.as_tensor(x - b * t))


def advection_family() -> pl.Problem:
    return pl.Problem(
        domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
        unknowns="u",
        equations=advected,
        conditions=[pl.Initial(u=once)],
        parameters={"b": pl.Uniform(1.0, 9.0)},
        reference=advected_exact,
        name="advection family",
    )


# -- solvers -----------------------------------------------------------------------------------------------------------


class Own(nn.Module):
    """A network of the user's own."""

    def __init__(self, width: int = 4):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.layers = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 1))
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(0.5 * torch.randn(p.shape, generator=generator))

    def forward(self, points: Tensor) -> Tensor:
        return self.layers(points)


def few(n: int = 3) -> tuple[Any, ...]:
    return (pl.LevenbergMarquardt(steps=n),)


def tiny() -> pl.MLP:
    return pl.MLP(width=4, depth=1)


SIDES = {"boundary_points": 10}
"""Of problems with conditions in the loss."""


def net(network: nn.Module | None = None, **options: Any) -> Callable[[], pl.PINN]:
    options = {"points": 40, "stages": few(), **options}
    return lambda: pl.PINN(network=tiny() if network is None else network, **options)


def lagrangian(**options: Any) -> Callable[[], pl.LagrangianPINN]:
    options = {"network": pl.MLP(width=4, depth=1), "trajectory": pl.MLP(width=5, depth=1), "points": 60, **options}
    return lambda: pl.LagrangianPINN(**{"stages": few(), **options})


def multi(**options: Any) -> Callable[[], pl.MultiDomainPINN]:
    options = {"network": tiny(), "points": 30, "interface_points": 10, **options}
    return lambda: pl.MultiDomainPINN(**{"stages": few(), **options})


def causal(**options: Any) -> Callable[[], pl.CausalPINN]:
    options = {"network": tiny(), "points": 40, "slices": 4, **options}
    return lambda: pl.CausalPINN(**{"stages": few(), **options})


def experts(**options: Any) -> Callable[[], pl.HardConstraintMoE]:
    return lambda: pl.HardConstraintMoE(**{"tolerance": 1e-3, **options})


def operator(**options: Any) -> Callable[[], pl.HardConstraintMoE]:
    given: dict[str, Any] = {
        "network": pl.MLP(width=6, depth=1), "basis": 6, "experts": {"x": 2}, "batch": 1, "points": 30,
        "stages": (pl.Adam(steps=3),),
    }  # fmt: skip
    return lambda: pl.HardConstraintMoE(**{**given, **options})


# -- cases -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A solve.

    Attributes:
        problem, solver: make them.
        options: of ``pl.solve``.
        stop: of a checkpoint, the records (counted from 1) at which a callback ends the run that writes the file; 0: never.
        network: of a solution with a network of the user's own, what ``load`` is given.
        members: of a family, values of its parameters at which it is evaluated.
    """

    problem: Callable[[], pl.Problem]
    solver: Callable[[], Any]
    options: dict[str, Any] = field(default_factory=dict)
    stop: int = 0
    network: Callable[[], nn.Module] | None = None
    members: tuple[dict[str, float], ...] = ()


FOURIER = pl.FourierEmbedding(3, scale=1.5, seed=4)

SOLUTIONS: dict[str, Case] = {
    "plain": Case(rod, net(pl.MLP(width=5, depth=2, activation="swish"))),
    "soft": Case(soft_rod, net(**SIDES)),
    "float32": Case(ring, net(stages=(pl.Adam(steps=5),)), {"dtype": torch.float32}),
    "own_network": Case(rod_without_sides, net(Own(), windows=2), network=Own),
    "sized_mlp": Case(
        rod, net(pl.MLP(2, 1, width=4, depth=1, embedding=pl.PeriodicEmbedding({0: 2.0}, harmonics=2)))
    ),
    "fourier_handed_over": Case(ring, net(windows=3, harmonics=2)),
    "fourier_of_two_coordinates": Case(torus, net(windows=2)),
    "chebyshev_handed_over": Case(wave, net(pl.ModifiedMLP(width=4, depth=2), windows=(1.3,))),
    "two_unknowns": Case(moving_ends, net()),
    "inverse_ode": Case(pendulum, net(pl.MLP(width=5, depth=1, activation="sin"))),
    "pirate_fourier_embedding": Case(ring, net(pl.PirateNet(width=4, depth=1, embedding=FOURIER, factorized=True))),
    "modified_fourier_embedding": Case(rod, net(pl.ModifiedMLP(width=4, depth=1, embedding=FOURIER))),
    "seam": Case(kink, net()),
    "kept_roughly": Case(kept_roughly, net()),
    "slice_handed_over": Case(kinked_rod, net(windows=3)),
    "function_parameter": Case(function_parameter, net()),
    "random_field_member": Case(random_member, net()),
    "ball": Case(disc, net(**SIDES)),
    "polygon": Case(ell, net(**SIDES)),
    "combination": Case(square_with_hole, net(**SIDES)),
    "mesh": Case(mesh, net(**SIDES)),
    "product": Case(disc_in_time, net(**SIDES)),
    "causal_windows": Case(kink, causal(windows=2, harmonics=2)),
    "lagrangian_known_states": Case(flow, lagrangian()),
    "lagrangian_known_windows": Case(
        flow, lagrangian(windows=2, trajectory=pl.PirateNet(width=4, depth=1, embedding=pl.FourierEmbedding(3)))
    ),
    "lagrangian_windows": Case(fading_flow, lagrangian(windows=2, warm_start=True)),
    "multi_domain": Case(rod, multi(subdomains=pl.Subdomains({"x": (0.5, 1.2)}, together=[(0, 2)]))),
    "multi_domain_in_time": Case(rod, multi(subdomains={"t": (0.5,)}, windows=1)),
    "multi_domain_windows": Case(rod, multi(subdomains={"x": (0.5,)}, windows=2)),
    "overlapping": Case(rod, multi(subdomains={"x": (0.5,)}, overlap=0.4, interface_points=None)),
    "experts_chebyshev": Case(burgers_march, experts(degrees={"x": 8, "t": 6}, experts={"x": 2})),
    "experts_tanh": Case(burgers_march, experts(features="tanh", degrees={"x": 8, "t": 5}, experts={"x": 2})),
    "experts_ode": Case(chaos, experts()),
    "experts_steady": Case(steady, experts(degrees={"x": 8, "y": 8})),
    "experts_third_order": Case(third_order, experts(degrees={"x": 10, "t": 6}, experts={"x": 2})),
}

CHECKPOINTS: dict[str, Case] = {
    "adam": Case(ring, net(stages=pl.Adam(steps=250, redraw_every=40)), stop=2),
    "soap": Case(ring, net(stages=pl.SOAP(steps=250, refresh_every=7)), stop=2),
    "lm": Case(ring, net(stages=few(35)), stop=3),
    "finished": Case(ring, net(stages=few(20))),
    "lbfgs": Case(soft_rod, net(**SIDES, stages=pl.LBFGS(steps=20, iterations=3, redraw_every=4)), stop=3),
    "ssbroyden": Case(ring, net(stages=pl.SSBroyden(steps=120)), stop=2),
    "sketched": Case(soft_rod, net(**SIDES, stages=pl.SketchedGaussNewton(steps=35)), stop=3),
    "stages": Case(soft_rod, net(**SIDES, stages=(pl.Adam(steps=50), pl.LevenbergMarquardt(steps=30))), stop=3),
    "ntk": Case(soft_rod, net(**SIDES, stages=pl.Adam(steps=250), weighting=pl.NTK(every=30)), stop=2),
    "gradient_norm": Case(soft_rod, net(**SIDES, stages=pl.Adam(steps=250), weighting=pl.GradientNorm(every=30)), stop=2),
    "inverse": Case(pendulum, net(stages=few(35)), stop=3),
    "own_network": Case(rod_without_sides, net(Own(), stages=few(35)), stop=3),
    "function_parameter": Case(function_parameter, net(stages=few(35)), stop=3),
    "random_field_member": Case(random_member, net(stages=few(35)), stop=3),
    "mesh": Case(mesh, net(**SIDES, stages=few(35)), stop=3),
    "float32": Case(ring, net(stages=pl.Adam(steps=250)), {"dtype": torch.float32, "seed": 3}, stop=2),
    "windows_warm": Case(wave, net(stages=few(20), windows=3, warm_start=True), stop=4),
    "torus_windows": Case(torus, net(stages=few(20), windows=3), stop=4),
    "causal": Case(
        kink, causal(windows=2, stages=(pl.Adam(steps=120), pl.LevenbergMarquardt(steps=25)), steps_per_tolerance=20), stop=8
    ),
    "lagrangian": Case(flow, lagrangian(windows=2, stages=few(25)), stop=5),
    "lagrangian_fading": Case(fading_flow, lagrangian(windows=2, warm_start=True, stages=few(25)), stop=5),
    "lagrangian_inflow": Case(duct, lagrangian(windows=2, stages=few(25)), stop=5),
    "multi_domain": Case(rod, multi(subdomains={"x": (0.5,)}, stages=few(25)), stop=3),
    "multi_domain_shared": Case(
        rod, multi(subdomains=pl.Subdomains({"x": (0.5, 1.2)}, together=[(0, 2)]), interface=("value", "flux"), stages=few(25)),
        stop=3,
    ),
    "multi_domain_windows": Case(rod, multi(subdomains={"x": (0.5,)}, windows=2, stages=few(25)), stop=5),
    "overlapping": Case(rod, multi(subdomains={"x": (0.5,)}, overlap=0.4, interface_points=None, stages=few(25)), stop=3),
    "march": Case(burgers_march, experts(degrees={"x": 8, "t": 6}, experts={"x": 2}, tolerance=1e-4), stop=2),
    "march_tanh": Case(
        burgers_march, experts(features="tanh", degrees={"x": 8, "t": 5}, experts={"x": 2}, tolerance=1e-4), stop=2
    ),
    "march_ode": Case(chaos, experts(tolerance=1e-8), stop=2),
    "march_finished": Case(chaos, experts()),
    "family": Case(
        burgers_family, operator(stages=(pl.Adam(steps=6), pl.Adam(steps=5))), stop=2, members=({"nu": 0.07}, {"nu": 0.15})
    ),
    "family_in_a_stage": Case(
        burgers_family, operator(stages=(pl.Adam(steps=130),)), stop=2, members=({"nu": 0.07},)
    ),
    "family_marched": Case(
        burgers_family, operator(experts={"t": 2}, coupling="march", stages=(pl.Adam(steps=4), pl.Adam(steps=4))), stop=2,
        members=({"nu": 0.07},),
    ),
    "family_soft": Case(
        burgers_family, operator(constraint="soft", stages=(pl.Adam(steps=120), pl.Adam(steps=20))), stop=2,
        members=({"nu": 0.07},),
    ),
    "operator_of_one": Case(burgers_march, operator(stages=(pl.Adam(steps=5), pl.Adam(steps=5))), stop=2),
}  # fmt: skip


# -- running -----------------------------------------------------------------------------------------------------------


def solve(case: Case, **options: Any) -> pl.Solution:
    """Solve a case, with no bound on time."""
    return pl.solve(case.problem(), case.solver(), progress=False, **{**case.options, **options})




def points(problem: Any, n: int = 20) -> dict[str, np.ndarray]:
    """Fixed points of the bounding box, and its corners."""
    rng = np.random.default_rng(11)
    found = {name: rng.uniform(*bounds, n) for name, bounds in problem.domain.bounds.items()}
    for name, (lower, upper) in problem.domain.bounds.items():
        found[name][:2] = lower, upper
    return found


def values(solution: pl.Solution, case: Case) -> dict[str, list[float]]:
    """Values at the fixed points; of a family those of its members, one after the other."""
    at = points(case.problem())
    if not case.members:
        return {name: [float(v) for v in found] for name, found in solution(**at).items()}
    parts = [solution.at(**member)(**at) for member in case.members]
    return {name: [float(v) for part in parts for v in part[name]] for name in parts[0]}


def described(solution: pl.Solution, case: Case) -> dict[str, Any]:
    """What a test compares; numbers that are no numbers become words."""
    named = {k: [v if math.isfinite(v) else str(v) for v in found] for k, found in values(solution, case).items()}
    return {
        "values": named,
        "coefficients": solution.coefficients,
        "status": solution.status.name,
        "notes": list(solution.notes),
        "models": len(solution.models),
        "records": len(solution.history),
    }


def solution_path(name: str) -> Path:
    return HERE / "solutions" / f"{name}.pt"


def checkpoint_path(name: str) -> Path:
    return HERE / "checkpoints" / f"{name}.pt"


def load(name: str, problem: bool = False) -> pl.Solution:
    """A saved solution, with its problem or with what the file knows of it."""
    case = SOLUTIONS[name]
    network = None if case.network is None else case.network()
    return pl.Solution.load(solution_path(name), case.problem() if problem else None, network=network)


def write_checkpoint(name: str, path: Path) -> pl.Solution:
    """Run a case until a callback stops it; the file holds the state some steps before."""
    case, seen = CHECKPOINTS[name], []

    def stop(record: Any) -> bool:
        seen.append(record)
        return len(seen) == case.stop

    return solve(case, checkpoint=pl.Checkpoint(path, every_seconds=0.0), callbacks=[stop])


def resume(name: str, folder: str | os.PathLike[str]) -> tuple[pl.Solution, int]:
    """Go on from a copy of a checkpoint in a folder: the solution, and how many records were new.

    Raises:
        ValueError: the file is refused.
    """
    path = Path(folder) / f"{name}.pt"
    shutil.copyfile(checkpoint_path(name), path)
    new: list[Any] = []
    solution = solve(CHECKPOINTS[name], checkpoint=pl.Checkpoint(path, every_seconds=1e9), callbacks=[new.append])
    return solution, len(new)


# -- other files -------------------------------------------------------------------------------------------------------

ARMS = [("value",), ("flux",), ("value", "flux")]
SELECTOR = HERE / "selector.json"
TRIALS = HERE / "trials.jsonl"
DATASETS = HERE / "datasets"
PLAYS = 5
MORE_PLAYS = 7


def interface_solver() -> pl.MultiDomainPINN:
    return multi(subdomains={"x": (0.5,)}, stages=few(2))()


def selector() -> pl.InterfaceSelector:
    return pl.InterfaceSelector(arms=ARMS, warm_up=3, seed=2)


def play(path: str | os.PathLike[str] | None, plays: int = PLAYS) -> pl.InterfaceSelector:
    """Try interfaces; a file of trials at the path is read and added to."""
    return selector().fit(advection_family(), interface_solver(), plays=plays, path=path, progress=False)


def played(found: pl.InterfaceSelector) -> dict[str, Any]:
    """What was tried, and what is chosen from it for three members."""
    trials = [[t.number, t.parameters["b"], list(t.interface), t.reward, t.status] for t in found.trials]
    preference = found.preference("b", 4)
    chosen = [
        [getattr(c, "name", c) for c in found.select(advection_family().at(b=b), interface_solver()).interface]
        for b in (found.ranges["b"][0], sum(found.ranges["b"]) / 2, found.ranges["b"][1])
    ]
    return {
        "trials": trials, "chosen": chosen, "text": repr(found), "names": [list(n) for n in preference.interfaces],
        "reward": np.asarray(preference.reward).tolist(), "sd": np.asarray(preference.sd).tolist(),
    }  # fmt: skip


AXES = {"x": np.linspace(-1, 1, 5), "t": np.linspace(0, 1, 4)}


def simulate(members: Any) -> dict[str, np.ndarray]:
    """Made up, from the members' data."""
    x, t = np.meshgrid(*AXES.values(), indexing="ij")
    return {"u": np.stack([m["u0"](x) * np.exp(-m["nu"] * t) for m in members])}


def refuse(members: Any) -> dict[str, np.ndarray]:
    raise AssertionError("the file of the old code was not found: its name is another one now")


def dataset(folder: str | os.PathLike[str], simulate: Any = refuse) -> Dataset:
    """Three members of a family of functions: simulated where there is no file yet."""
    return generate("ring", random_family(), 3, simulate, AXES, seed=5, folder=folder, progress=False)


def described_dataset(data: Dataset) -> dict[str, Any]:
    return {
        "values": data.values["u"].astype(float).tolist(),
        "nu": [m["nu"] for m in data.members],
        "u0": [np.asarray(m["u0"](AXES["x"])).tolist() for m in data.members],
    }


def expected() -> dict[str, Any]:
    return json.loads((HERE / "expected.json").read_text())
