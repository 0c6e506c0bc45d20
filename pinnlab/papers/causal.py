"""Wang, Sankaran & Perdikaris, Respecting causality for training physics-informed neural networks, arXiv 2203.07404.

Settings are those of sections 4.1 to 4.4: tanh networks, Adam with a rate of 1e-3 that falls by 0.9 every 5,000 steps (every
10,000 for turbulence), soft initial states, exact periodicity by ``harmonics``, time windows one after the other. What the
authors call depth counts the input and output layers; ``depth`` here counts hidden layers.

At small size only Allen-Cahn, the one table with several published rows, has first-order steps and an initial state in the
loss. The others have second-order steps, built-in initial states and windows short enough that a small network does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from pinnlab.algebra.largest import largest
from pinnlab.api import solve
from pinnlab.bench.papers.experiment import OURS, Experiment, Measured, Setting, Variant
from pinnlab.bench.papers.kernels import convergence_rates
from pinnlab.bench.papers.pictures import curves
from pinnlab.bench.papers.rows import softened, trained
from pinnlab.bench.papers.trained_systems import looks, parameters_of, system_of
from pinnlab.declaration.conditions import Periodic
from pinnlab.declaration.library import load_problem, problem_module
from pinnlab.declaration.problem import Problem
from pinnlab.networks.embeddings import PeriodicEmbedding
from pinnlab.networks.mlp import MLP
from pinnlab.networks.modified_mlp import ModifiedMLP
from pinnlab.optimizers import SOAP, Adam, LevenbergMarquardt, SketchedGaussNewton
from pinnlab.solvers.causal import CausalPINN
from pinnlab.solvers.collocation import CollocationSolver
from pinnlab.solvers.pinn import PINN

_LADDER = (1e-2, 1e-1, 1e0, 1e1, 1e2)
_METHODS = {SOAP: "SOAP", LevenbergMarquardt: "Levenberg-Marquardt", SketchedGaussNewton: "sketched Gauss-Newton"}


@dataclass(frozen=True)
class _Small:
    """What the rows of one table share at small size.

    Attributes:
        end: the last time.
        windows: of time.
        width, depth: of networks.
        points: in a window.
        stage: of training, in a window.
        harmonics: of the periodic coordinates.
        soft: whether the initial state is in the loss, as the authors have it, or built in.
        sampling: of points; "uniform" as the authors have it.
        seconds: of a row, at most.
    """

    end: float
    windows: int
    width: int
    depth: int
    points: int
    stage: SOAP | LevenbergMarquardt | SketchedGaussNewton
    harmonics: int | None = None
    soft: bool = False
    sampling: str = "sobol"
    seconds: float = 175.0

    def remark(self, points: str = "") -> str:
        """In what it differs from the authors' size; ``points`` in words where rows differ in them."""
        method = _METHODS[type(self.stage)]
        windows = "one window" if self.windows == 1 else f"{self.windows} windows"
        state = "in the loss" if self.soft else "built in"
        return (
            f"Small: to t = {self.end:g} in {windows}, each with a network of width {self.width} and depth {self.depth}, "
            f"{points or self.points} points and {self.stage.steps} steps of {method} in every row, where the authors "
            f"have 1e5 and more of Adam on a GPU; initial states are {state}."
        )


@dataclass(frozen=True)
class _Table:
    """What the rows of one table share.

    Attributes:
        label: of the problem.
        small: the same at small size.
        width, depth: of the authors' networks.
        points: of the authors, in a window.
        slices: of time, in a window.
        windows: of time.
        weight: of the initial state in the loss; None builds it in, as the authors do for Lorenz.
        steps: of Adam, in a window.
        harmonics: of the periodic coordinates.
        end: the last time at the authors' size; None for the problem's own.
        ladder: tolerances epsilon.
        decay_every: steps.
        fixed: whether points stay where they are.
        error: of a solution; its largest relative L2 error of an unknown if None.
    """

    label: str
    small: _Small
    width: int
    depth: int
    points: int
    slices: int
    windows: int
    weight: float | None
    steps: int
    harmonics: int | None = None
    end: float | None = None
    ladder: tuple[float, ...] = _LADDER
    decay_every: int = 5000
    fixed: bool = False
    error: Callable[[Any], float] | None = None

    def bare(self, size: str) -> Problem:
        """The problem; at small size it may end early."""
        end = self.small.end if size == "small" else self.end
        return load_problem(self.label) if end is None else load_problem(self.label, end=end)

    def problem(self, size: str) -> Problem:
        """The same with its initial state as the rows have it."""
        return softened(self.bare(size)) if self._soft(size) else self.bare(size)

    def _soft(self, size: str) -> bool:
        return self.weight is not None and (size == "paper" or self.small.soft)

    def _shared(self, size: str, gates: bool) -> dict:
        kind: Callable[..., MLP | ModifiedMLP] = ModifiedMLP if gates else MLP
        redraw = None if self.fixed else 1
        found: dict[str, Any] = {"sampling": self.small.sampling if size == "small" else "uniform"}
        if size == "small":
            small, harmonics = self.small, self.small.harmonics
            network, found["stages"] = kind(width=small.width, depth=small.depth), small.stage
            found |= {"points": small.points, "windows": small.windows}
        else:
            network, harmonics = kind(width=self.width, depth=self.depth), self.harmonics
            found["stages"] = Adam(
                steps=self.steps, learning_rate=1e-3, decay_every=self.decay_every, redraw_every=redraw
            )
            found |= {"points": self.points, "windows": self.windows}
        if harmonics is not None:
            found["harmonics"] = harmonics
        if self._soft(size):
            found["condition_weight"] = self.weight
        return {"network": network, **found}

    def causal(self, gates: bool = True) -> Callable[[str], CollocationSolver]:
        """The authors' method, with their schedule."""
        return lambda size: CausalPINN(
            **self._shared(size, gates),
            tolerances=self.ladder,
            slices=min(self.slices, 32) if size == "small" else self.slices,
            steps_per_tolerance=(self.small.stage.steps if size == "small" else self.steps) / len(self.ladder),
        )

    def plain(self, gates: bool = True) -> Callable[[str], CollocationSolver]:
        """The same without causal weights."""
        return lambda size: PINN(**self._shared(size, gates))

    def row(self, name: str, solver: Callable[[str], CollocationSolver], published: float = math.nan) -> Variant:
        made = trained(self.problem, solver, self.error)
        return Variant(name, made, published, {"small": self.small.seconds, "paper": 6 * 3600.0})

    def ours(self) -> Variant:
        """One call without a solver."""
        made = trained(self.bare, lambda _: None, self.error)
        return Variant(OURS, made, seconds={"small": 75.0, "paper": 75.0})


def _velocities(solution: Any) -> float:
    """The largest error of velocities and vorticity: a stream function is known up to a constant at each time."""
    end = solution.problem.domain.bounds["t"][1]
    return largest(problem_module("decaying_turbulence").velocity_errors(solution, end).values())


def _pace(solution: Any) -> float:
    """Seconds of a step."""
    return solution.seconds / solution.history[-1].step


_AC = _Table(
    "allen_cahn", _Small(0.5, 1, 20, 3, 512, SOAP(steps=850, redraw_every=None), harmonics=4, soft=True, sampling="uniform"),
    128, 4, 25_600, 100, 1, 100.0, 300_000, harmonics=10, ladder=(100.0,), fixed=True,
)  # fmt: skip
_REGULAR = _Table(
    "kuramoto_sivashinsky", _Small(1.0, 20, 16, 2, 1000, LevenbergMarquardt(steps=60, decrease=5.0), harmonics=4),
    256, 3, 2048, 32, 10, 1e3, 1_000_000, harmonics=5,
)  # fmt: skip
_CHAOTIC = _Table(
    "kuramoto_sivashinsky_chaotic", _Small(0.6, 4, 20, 2, 1400, LevenbergMarquardt(steps=50, decrease=5.0), harmonics=14),
    128, 8, 8192, 32, 5, 1e4, 1_000_000, harmonics=5,
)  # fmt: skip
_LORENZ = _Table(
    "lorenz", _Small(20.0, 80, 12, 2, 100, LevenbergMarquardt(steps=100, decrease=20.0, redraw=False), seconds=250.0),
    512, 3, 256, 256, 40, None, 500_000, fixed=True,
)  # fmt: skip
_TURBULENCE = _Table(
    "decaying_turbulence", _Small(0.1, 1, 24, 2, 3000, SketchedGaussNewton(steps=200), harmonics=5),
    128, 4, 32_768, 64, 10, 1e4, 500_000, harmonics=5, decay_every=10_000, error=_velocities,
)  # fmt: skip

_LOOKS = {"small": (0, 100, 300, 1000), "paper": (0, 1000, 10_000, 100_000)}
"""Steps of Adam after which kernels are looked at."""
_TIMES, _NODES = 32, 64


def _kernel(solver: Callable[[str], CollocationSolver]) -> Callable[[Setting], Measured]:
    """A row whose number is how much faster residuals converge in the later half of time than in the earlier one.

    The network sees time as it is, from 0 to 1, as the authors' does. Weights multiply rates where there are any.
    """

    def make(setting: Setting) -> Measured:
        began = time.perf_counter()
        bare = _AC.problem("paper")
        problem = bare.replace(conditions=[c for c in bare.conditions if not isinstance(c, Periodic)])
        template, generator = solver(setting.size).network, torch.Generator().manual_seed(setting.seed)
        harmonics = _AC.small.harmonics if setting.size == "small" else _AC.harmonics
        assert isinstance(template, MLP) and harmonics is not None
        waves = PeriodicEmbedding({0: 2.0}, harmonics)
        stage = Adam(steps=1, learning_rate=1e-3, decay_every=_AC.decay_every, redraw_every=None)
        used = replace(
            solver(setting.size), network=template.built(2, 1, waves, generator), harmonics=1, stages=(stage,)
        )
        system = system_of(problem, used, setting)
        details, arrays = {}, {"t": ((torch.arange(_TIMES) + 0.5) / _TIMES).tolist()}
        for step in looks(system, stage, _LOOKS[setting.size]):
            rates = convergence_rates(system, _TIMES, _NODES)
            weights = system.weights.get("weights")
            rates = rates if weights is None else rates * weights
            details[f"{step} steps"] = later_over_earlier(rates)
            arrays[f"{step} steps"] = rates.tolist()
        return Measured(details[f"{step} steps"], time.perf_counter() - began, "STEPS_DONE", details, arrays)

    return make


def later_over_earlier(rates: torch.Tensor) -> float:
    """Mean of the second half of rates (k,) over that of the first, k even."""
    earlier, later = rates.chunk(2)
    return float(later.mean() / earlier.mean())


def _tolerance(epsilon: float) -> Variant:
    """Allen-Cahn with one tolerance from the first step to the last; the weights that it ends with are kept."""
    table = replace(_AC, ladder=(epsilon,))

    def make(setting: Setting) -> Measured:
        problem, solver = table.problem(setting.size), table.causal(gates=False)(setting.size)
        solution = solve(
            problem, solver, max_seconds=setting.seconds, seed=setting.seed, device=setting.device,
            checkpoint=setting.checkpoint, progress=setting.progress,
        )  # fmt: skip
        system = system_of(problem, solver, setting)
        system.update_weights(parameters_of(solution))
        weights, end = system.weights["weights"], problem.domain.bounds["t"][1]
        places = (torch.arange(len(weights)) + 0.5) * (end / len(weights))
        # the schedule is over with the last step
        smallest = solution.history.column("min_weight")[:-1]
        details = {"smallest weight": float(weights.min()), "mean weight": float(weights.mean())} | {
            f"smallest weight, step {solution.history[i].step}": float(smallest[i])
            for i in range(0, len(smallest), max(1, len(smallest) // 8))
        }
        arrays = {"t": places.tolist(), "weights at the end": weights.tolist()}
        error = largest(solution.error().values())
        return Measured(error, solution.seconds, solution.status.name, details, arrays)

    return Variant(f"epsilon = {epsilon:g}", make, seconds={"small": 140.0, "paper": 6 * 3600.0})


def _batch(share: int) -> Variant:
    """Turbulence in its first window at a share of its points."""
    small = replace(_TURBULENCE.small, points=_TURBULENCE.small.points // share)
    table = replace(_TURBULENCE, small=small, end=0.1, windows=1, points=_TURBULENCE.points // share)
    name = "all points" if share == 1 else f"1/{share} of the points"
    return table.row(name, table.causal())


_PAPER = "arXiv 2203.07404"
_METRIC = "relative L2 error over space and time"

EXPERIMENTS = (
    Experiment(
        "causal", "allen_cahn", "Allen-Cahn: what causal weights do", f"{_PAPER}, Table 1", _METRIC,
        (
            _AC.row("plain, MLP", _AC.plain(gates=False), 4.98e-1),
            _AC.row("causal, MLP", _AC.causal(gates=False), 1.43e-3),
            _AC.row("causal, modified MLP", _AC.causal(), 1.39e-4),
            _AC.ours(),
        ),
        _AC.small.remark(),
    ),
    Experiment(
        "causal", "kernel", "Allen-Cahn: how fast residuals converge over time", f"{_PAPER}, section 3",
        "rate of convergence in the later half of time over that in the earlier half, after training",
        (
            Variant("plain, MLP", _kernel(_AC.plain(gates=False)), seconds={"small": 60.0, "paper": 6 * 3600.0}),
            # with a tolerance at which no weight is too small for a computer's numbers
            Variant(
                "causal, MLP", _kernel(replace(_AC, ladder=(1.0,)).causal(gates=False)),
                seconds={"small": 90.0, "paper": 6 * 3600.0},
            ),
        ),
        "The rate at a time is the mean eigenvalue of the neural tangent kernel of its residuals, tr K / n, times the "
        f"causal weight (epsilon = 1). To t = 1, with 4 harmonics, width 20 and depth 3, {_AC.small.points} points and "
        "1,000 steps of Adam; networks see time as it is, from 0 to 1. The paper shows curves: without weights rates are "
        "larger at later times.",
        curves("t", "rate, tr K / n", logarithmic=True),
    ),
    Experiment(
        "causal", "tolerances", "Allen-Cahn: tolerances too small and too large", f"{_PAPER}, section 3", _METRIC,
        tuple(_tolerance(epsilon) for epsilon in (0.01, 1.0, 100.0, 10_000.0)),
        _AC.small.remark() + " The MLP has one tolerance from the first step to the last; 100 is the authors'. They have no "
        "numbers: where it is too small, causality is hardly kept, where it is too large, later times are never trained.",
        curves("t", "causal weight", limits=(0.0, 1.05)),
    ),
    Experiment(
        "causal", "pace", "Allen-Cahn: what a step costs", f"{_PAPER}, steps a second", "seconds of a step",
        (
            replace(_AC, error=_pace).row("causal, MLP", _AC.causal(gates=False), 1 / 120.3),
            replace(_AC, error=_pace).row("causal, modified MLP", _AC.causal(), 1 / 58.4),
        ),
        _AC.small.remark(),
    ),
    Experiment(
        "causal", "ks_regular", "Kuramoto-Sivashinsky, regular", f"{_PAPER}, section 4.3", _METRIC,
        (
            _REGULAR.row("modified MLP", _REGULAR.plain()),
            _REGULAR.row("causal, modified MLP", _REGULAR.causal(), 3.49e-4),
            _REGULAR.ours(),
        ),
        _REGULAR.small.remark(),
    ),
    Experiment(
        "causal", "ks_chaotic", "Kuramoto-Sivashinsky, chaotic", f"{_PAPER}, section 4.3", _METRIC,
        (
            _CHAOTIC.row("modified MLP", _CHAOTIC.plain()),
            _CHAOTIC.row("causal, modified MLP", _CHAOTIC.causal(), 2.46e-2),
            _CHAOTIC.ours(),
        ),
        _CHAOTIC.small.remark() + " The state at t = 0.5 is where it starts. A caption of the paper has 2.26e-2.",
    ),
    Experiment(
        "causal", "lorenz", "Lorenz", f"{_PAPER}, section 4.2", "largest relative L2 error of x, y, z",
        (
            _LORENZ.row("MLP", _LORENZ.plain(gates=False)),
            _LORENZ.row("causal, MLP", _LORENZ.causal(gates=False), 1.656e-2),
            _LORENZ.ours(),
        ),
        _LORENZ.small.remark() + " sigma is 10, as in the authors' code; the text has 3.",
    ),
    Experiment(
        "causal", "turbulence", "Decaying turbulence on the torus, Re 100", f"{_PAPER}, section 4.4",
        "largest relative L2 error of both velocities and the vorticity",
        (
            _TURBULENCE.row("modified MLP", _TURBULENCE.plain()),
            _TURBULENCE.row("causal, modified MLP", _TURBULENCE.causal(), 3.90e-2),
            _TURBULENCE.ours(),
        ),
        _TURBULENCE.small.remark()
        + " The published number is the first velocity's, over ten windows to t = 1 and from another random start; all rows "
        "here have vorticity and stream function for unknowns, so that velocities are free of divergence.",
    ),
    Experiment(
        "causal", "batch", "Decaying turbulence: points in the first window", f"{_PAPER}, section 5",
        "largest relative L2 error of both velocities and the vorticity", tuple(_batch(share) for share in (4, 2, 1)),
        _TURBULENCE.small.remark("750, 1500 and 3000")
        + " The paper has errors from 0.003 to 0.008 over its batch sizes, on several GPUs.",
    ),
)  # fmt: skip
