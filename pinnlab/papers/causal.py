"""Wang, Sankaran & Perdikaris, Respecting causality for training physics-informed neural networks, arXiv 2203.07404.

Settings are those of sections 4.1 to 4.4: tanh networks, Adam with a rate of 1e-3 that falls by 0.9 every 5,000 steps (every
10,000 for turbulence), soft initial states, exact periodicity by ``harmonics``, time windows one after the other. What the
authors call depth counts the input and output layers; ``depth`` here counts hidden layers.

At small size only Allen-Cahn, the one table with several published rows, has first-order steps and an initial state in the
loss. The others have second-order steps, built-in initial states and windows short enough that a small network does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pinnlab.algebra.largest import largest
from pinnlab.bench.papers.experiment import OURS, Experiment, Variant
from pinnlab.bench.papers.rows import softened, trained
from pinnlab.declaration.library import load_problem, problem_module
from pinnlab.declaration.problem import Problem
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

    def remark(self) -> str:
        """In what it differs from the authors' size."""
        method = _METHODS[type(self.stage)]
        windows = "one window" if self.windows == 1 else f"{self.windows} windows"
        state = "in the loss" if self.soft else "built in"
        return (
            f"Small: to t = {self.end:g} in {windows}, each with a network of width {self.width} and depth {self.depth}, "
            f"{self.points} points and {self.stage.steps} steps of {method} in every row, where the authors have 1e5 and "
            f"more of Adam on a GPU; initial states are {state}."
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
    ladder: tuple[float, ...] = _LADDER
    decay_every: int = 5000
    fixed: bool = False
    error: Callable[[Any], float] | None = None

    def bare(self, size: str) -> Problem:
        """The problem; at small size it may end early."""
        return load_problem(self.label, end=self.small.end) if size == "small" else load_problem(self.label)

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
)  # fmt: skip
