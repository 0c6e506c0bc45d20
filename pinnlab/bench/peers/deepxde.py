"""DeepXDE (Lu, Meng, Mao & Karniadakis, SIAM Review 63 (2021) 208) as a peer, with torch as its backend.

Adam, on points that are redrawn now and then, and L-BFGS until the time is up, which its examples recommend.

Letters: n points, d coordinates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.bench.peers.recorder import Recorder
from pinnlab.bench.peers.task import ADAM_RATE, ADAM_STEPS, LossTerm, Task, stacked
from pinnlab.domains import Site

PACKAGES = ("deepxde",)
REDRAWN_EVERY = 100
_ITERATIONS, _PER_CALL = 1_000_000, 100
_DTYPES = {torch.float64: "float64", torch.float32: "float32"}


def train(task: Task, recorder: Recorder) -> str:
    """Train until the time is up; returns the configuration in words."""
    import deepxde as dde

    dde.config.set_default_float(_DTYPES[task.dtype])
    dde.config.set_random_seed(task.seed)
    dde.optimizers.set_LBFGS_options(maxcor=100, ftol=0, gtol=0, maxiter=_ITERATIONS)
    # after so many iterations L-BFGS can be stopped
    dde.optimizers.config.LBFGS_options.update(iter_per_step=_PER_CALL, fun_per_step=_PER_CALL * 5 // 4)
    rng = np.random.default_rng([task.seed, 1])
    equations, *soft = task.parts
    conditions = [_Condition(task, part, i, rng) for part in soft for i in range(len(part.term.residuals))]
    data = dde.data.PDE(_geometry(task, rng), _pde(task), conditions, equations.n, train_distribution="pseudo")
    net = dde.nn.FNN(task.layers, task.activation, "Glorot normal")
    net.apply_feature_transform(task.features)
    model = dde.Model(data, net)
    weights = [part.term.weight for part in task.parts for _ in part.term.residuals]
    watch = _watch(recorder)
    model.compile("adam", lr=ADAM_RATE, loss_weights=weights, verbose=0)
    recorder.start(lambda points: task.exact(points, net(points)), task.dtype)
    redraw = dde.callbacks.PDEPointResampler(period=REDRAWN_EVERY)
    model.train(iterations=ADAM_STEPS, callbacks=[watch, redraw], display_every=ADAM_STEPS, verbose=0)
    while not recorder.late:
        before = model.train_state.step
        model.compile("L-BFGS", loss_weights=weights, verbose=0)
        model.train(callbacks=[watch], verbose=0)
        recorder.check()
        if model.train_state.step - before < 2:
            break
        # L-BFGS found no better parameters: it starts again, on other points
        data.resample_train_points(bc_points=False)
    return (
        f"DeepXDE {dde.__version__}: FNN({task.layers}, {task.activation}), {equations.n} points; Adam({ADAM_STEPS}, "
        f"lr={ADAM_RATE}, redrawn every {REDRAWN_EVERY}), then L-BFGS"
    )


def _pde(task: Task) -> Callable[[Tensor, Tensor], list[Tensor]]:
    """The equations as DeepXDE's function of inputs and outputs: a list of (n, 1)."""
    import deepxde as dde

    def pde(x: Tensor, y: Tensor) -> list[Tensor]:
        found = task.residuals(task.parts[0], (Site(x.detach()),), x, y, lambda u: dde.grad.jacobian(u, x, i=0))
        return list(found.split(1, dim=1))

    return pde


class _Condition:
    """One residual of a soft condition, with the two methods that DeepXDE asks of a condition."""

    def __init__(self, task: Task, part: LossTerm, column: int, rng: np.random.Generator):
        self._task, self._part, self._column = task, part, column
        self._sites = task.sites(part, rng)

    def collocation_points(self, _: Any) -> np.ndarray:
        return stacked(self._sites).numpy()

    def error(self, _: Any, x: Tensor, y: Tensor, begin: int, end: int, *__: Any) -> Tensor:
        import deepxde as dde

        found = self._task.residuals(self._part, self._sites, x, y, lambda u: dde.grad.jacobian(u, x, i=0), start=begin)
        return found[:, self._column : self._column + 1]


def _geometry(task: Task, rng: np.random.Generator) -> Any:
    """The problem's region, of which DeepXDE needs points inside only."""
    import deepxde as dde

    region, part = task.problem.domain, task.parts[0]

    class Geometry(dde.geometry.geometry.Geometry):
        def inside(self, x: np.ndarray) -> np.ndarray:
            return region.contains(torch.from_numpy(x)).numpy()

        def on_boundary(self, x: np.ndarray) -> np.ndarray:
            return np.zeros(len(x), dtype=bool)

        def random_points(self, n: int, random: str = "pseudo") -> np.ndarray:
            return stacked(task.sites(LossTerm(part.term, n), rng)).numpy()

        def random_boundary_points(self, n: int, random: str = "pseudo") -> np.ndarray:
            raise NotImplementedError("conditions bring points of their own")

    lower, upper = (np.array(ends) for ends in zip(*region.bounds.values(), strict=True))
    return Geometry(len(lower), (lower, upper), float(np.linalg.norm(upper - lower)))


def _watch(recorder: Recorder) -> Any:
    import deepxde as dde

    class Watch(dde.callbacks.Callback):
        def on_epoch_end(self) -> None:
            if recorder.check():
                self.model.stop_training = True

    return Watch()
