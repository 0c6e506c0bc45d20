"""Wang, Sankaran & Perdikaris, Respecting causality for training physics-informed neural networks, arXiv 2203.07404.

Settings are those of sections 4.1 to 4.4: tanh networks, Adam with a rate of 1e-3 that falls by 0.9 every 5,000 steps (every
10,000 for turbulence), soft initial states, exact periodicity by ``harmonics``, time windows one after the other. What the
authors call depth counts the input and output layers; ``depth`` here counts hidden layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pinnlab.bench.papers.experiment import OURS, Experiment, Variant
from pinnlab.bench.papers.rows import softened, trained
from pinnlab.declaration.library import load_problem
from pinnlab.declaration.problem import Problem
from pinnlab.networks.mlp import MLP
from pinnlab.networks.modified_mlp import ModifiedMLP
from pinnlab.optimizers import SOAP, Adam
from pinnlab.solvers.causal import CausalPINN
from pinnlab.solvers.collocation import CollocationSolver
from pinnlab.solvers.pinn import PINN

_LADDER = (1e-2, 1e-1, 1e0, 1e1, 1e2)
_WIDTH, _DEPTH, _POINTS, _HARMONICS, _STEPS = 20, 3, 512, 4, 850
"""Of all tables at small size, at most: width and depth of networks, points, harmonics, steps in a window."""


@dataclass(frozen=True)
class _Table:
    """What the rows of one table share.

    Attributes:
        label: of the problem.
        width, depth: of the authors' networks.
        points: of the authors, in a window.
        slices: of time, in a window.
        windows: of time.
        weight: of the initial state in the loss; None builds it in, as the authors do for Lorenz.
        steps: of Adam, in a window.
        end: the last time at small size, where there is one window.
        harmonics: of the periodic coordinates.
        ladder: tolerances epsilon.
        decay_every: steps.
        fixed: whether points stay where they are.
    """

    label: str
    width: int
    depth: int
    points: int
    slices: int
    windows: int
    weight: float | None
    steps: int
    end: float
    harmonics: int | None = None
    ladder: tuple[float, ...] = _LADDER
    decay_every: int = 5000
    fixed: bool = False

    def remark(self, more: str = "") -> str:
        """In what the small size differs."""
        until = f"Small: to t = {self.end:g} in one window, networks of width {_WIDTH}"
        each = f"{_STEPS} steps of SOAP in every row, where the authors have 1e5 and more of Adam on a GPU"
        return f"{until}, at most {_POINTS} points, {each}.{more}"

    def bare(self, size: str) -> Problem:
        """The problem; at small size it ends early."""
        return load_problem(self.label, end=self.end) if size == "small" else load_problem(self.label)

    def problem(self, size: str) -> Problem:
        """The same with its initial state as the authors have it."""
        return self.bare(size) if self.weight is None else softened(self.bare(size))

    def _shared(self, size: str, gates: bool) -> dict:
        small, redraw = size == "small", None if self.fixed else 1
        kind: Callable[..., MLP | ModifiedMLP] = ModifiedMLP if gates else MLP
        optimizer = (
            SOAP(steps=_STEPS, redraw_every=redraw) if small
            else Adam(steps=self.steps, learning_rate=1e-3, decay_every=self.decay_every, redraw_every=redraw)
        )  # fmt: skip
        found: dict[str, Any] = {
            "network": kind(width=_WIDTH, depth=_DEPTH) if small else kind(width=self.width, depth=self.depth),
            "points": min(self.points, _POINTS) if small else self.points,
            "windows": 1 if small else self.windows,
            "sampling": "uniform",
            "stages": optimizer,
        }
        if self.harmonics is not None:
            found["harmonics"] = min(self.harmonics, _HARMONICS) if small else self.harmonics
        if self.weight is not None:
            found["condition_weight"] = self.weight
        return found

    def causal(self, gates: bool = True) -> Callable[[str], CollocationSolver]:
        """The authors' method, with their schedule."""
        return lambda size: CausalPINN(
            **self._shared(size, gates),
            tolerances=self.ladder,
            slices=min(self.slices, 32) if size == "small" else self.slices,
            steps_per_tolerance=(_STEPS if size == "small" else self.steps) / len(self.ladder),
        )

    def plain(self, gates: bool = True) -> Callable[[str], CollocationSolver]:
        """The same without causal weights."""
        return lambda size: PINN(**self._shared(size, gates))

    def row(self, name: str, solver: Callable[[str], CollocationSolver], published: float = math.nan) -> Variant:
        return Variant(name, trained(self.problem, solver), published, {"small": 175.0, "paper": 6 * 3600.0})

    def ours(self) -> Variant:
        """One call without a solver."""
        return Variant(OURS, trained(self.bare, lambda _: None), seconds={"small": 75.0, "paper": 75.0})


_AC = _Table(
    "allen_cahn", 128, 4, 25_600, 100, 1, 100.0, 300_000, 0.5, harmonics=10, ladder=(100.0,), fixed=True
)  # fmt: skip
_REGULAR = _Table("kuramoto_sivashinsky", 256, 3, 2048, 32, 10, 1e3, 1_000_000, 0.4, harmonics=5)
_CHAOTIC = _Table("kuramoto_sivashinsky_chaotic", 128, 8, 8192, 32, 5, 1e4, 1_000_000, 0.6, harmonics=5)
_LORENZ = _Table("lorenz", 512, 3, 256, 256, 40, None, 500_000, 0.5, fixed=True)
_TURBULENCE = _Table(
    "decaying_turbulence", 128, 4, 32_768, 64, 10, 1e4, 500_000, 0.1, harmonics=5, decay_every=10_000
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
        _AC.remark(),
    ),
    Experiment(
        "causal", "ks_regular", "Kuramoto-Sivashinsky, regular", f"{_PAPER}, section 4.3", _METRIC,
        (
            _REGULAR.row("modified MLP", _REGULAR.plain()),
            _REGULAR.row("causal, modified MLP", _REGULAR.causal(), 3.49e-4),
            _REGULAR.ours(),
        ),
        _REGULAR.remark(),
    ),
    Experiment(
        "causal", "ks_chaotic", "Kuramoto-Sivashinsky, chaotic", f"{_PAPER}, section 4.3", _METRIC,
        (
            _CHAOTIC.row("modified MLP", _CHAOTIC.plain()),
            _CHAOTIC.row("causal, modified MLP", _CHAOTIC.causal(), 2.46e-2),
            _CHAOTIC.ours(),
        ),
        _CHAOTIC.remark(" The state at t = 0.5 is where it starts. A caption of the paper has 2.26e-2."),
    ),
    Experiment(
        "causal", "lorenz", "Lorenz", f"{_PAPER}, section 4.2", "largest relative L2 error of x, y, z",
        (
            _LORENZ.row("MLP", _LORENZ.plain(gates=False)),
            _LORENZ.row("causal, MLP", _LORENZ.causal(gates=False), 1.656e-2),
            _LORENZ.ours(),
        ),
        _LORENZ.remark(" sigma is 10, as in the authors' code; the text has 3."),
    ),
    Experiment(
        "causal", "turbulence", "Decaying turbulence on the torus, Re 100", f"{_PAPER}, section 4.4",
        "largest relative L2 error of the vorticity and the stream function",
        (
            _TURBULENCE.row("modified MLP", _TURBULENCE.plain()),
            _TURBULENCE.row("causal, modified MLP", _TURBULENCE.causal(), 3.53e-2),
            _TURBULENCE.ours(),
        ),
        _TURBULENCE.remark(" The published number is of the vorticity, from velocities; another random start."),
    ),
)  # fmt: skip
