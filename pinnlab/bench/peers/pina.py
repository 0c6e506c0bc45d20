"""PINA (Coscia, Ivagnes, Demo & Rozza, J. Open Source Softw. 8 (2023) 5352) as a peer.

Adam, then L-BFGS until the time is up, by its own callback that switches optimizers.

Letters: n points, d coordinates, m unknowns.
"""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pinnlab.bench.peers.recorder import Recorder
from pinnlab.bench.peers.task import ADAM_RATE, ADAM_STEPS, LossTerm, Task, stacked
from pinnlab.bench.peers.translation import by_autograd
from pinnlab.domains import Site

PACKAGES = ("pina", "lightning")
_PER_EPOCH = 100


def train(task: Task, recorder: Recorder) -> str:
    """Train until the time is up; returns the configuration in words."""
    from pina import Trainer
    from pina.callback import SwitchOptimizer
    from pina.optim import TorchOptimizer
    from pina.solver import PhysicsInformedSingleModelSolver
    from pina.weighting import ScalarWeighting

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.manual_seed(task.seed)
    model = _Network(task)
    rng = np.random.default_rng([task.seed, 1])
    conditions = {f"part {i}": _condition(task, part, rng) for i, part in enumerate(task.parts)}
    weights = {f"part {i}": part.term.weight for i, part in enumerate(task.parts)}
    solver = PhysicsInformedSingleModelSolver(
        problem=_problem(task, conditions), model=model, weighting=ScalarWeighting(weights),
        optimizer=TorchOptimizer(torch.optim.Adam, lr=ADAM_RATE),
    )  # fmt: skip
    second = TorchOptimizer(
        torch.optim.LBFGS, max_iter=_PER_EPOCH, history_size=100, tolerance_grad=0.0, tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip
    watch = _watch(recorder, lambda points: task.exact(points, model(points)), task.dtype)
    # the order of the points is that of their normals
    trainer = Trainer(
        solver=solver, max_epochs=-1, accelerator="cpu", devices=1, shuffle=False, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[SwitchOptimizer(second, ADAM_STEPS), watch],
    )  # fmt: skip
    trainer.train()
    return (
        f"PINA {importlib.metadata.version('pina-mathlab')}: FeedForward({task.layers}, {task.activation}), "
        f"{task.parts[0].n} points; Adam({ADAM_STEPS}, lr={ADAM_RATE}), then L-BFGS"
    )


class _Network(nn.Module):
    """PINA's perceptron on our features: (n, d) -> (n, m)."""

    def __init__(self, task: Task):
        super().__init__()
        from pina.model import FeedForward

        first, *hidden, last = task.layers
        self.inner = FeedForward(first, last, layers=hidden, func=_ACTIVATIONS[task.activation]).to(task.dtype)
        for layer in self.inner.modules():
            if isinstance(layer, nn.Linear):
                # torch's own start is known to suit tanh less, and the others have this one
                nn.init.xavier_normal_(layer.weight)
                nn.init.zeros_(layer.bias)
        self._task = task

    def forward(self, points: Tensor) -> Tensor:
        # labels cost time in every operation
        return self.inner(self._task.features(points.as_subclass(Tensor)))


class Sine(nn.Module):
    """sin, as a module."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x)


_ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "sin": Sine, "swish": nn.SiLU}


def _problem(task: Task, conditions: dict[str, Any]) -> Any:
    from pina.domain import CartesianDomain
    from pina.problem import SpatialProblem

    kind = type("Problem", (SpatialProblem,), {
        # in our order, PINA's is alphabetical
        "input_variables": list(task.problem.domain.coordinates),
        "output_variables": list(task.problem.unknowns),
        "spatial_domain": CartesianDomain({name: list(ends) for name, ends in task.problem.domain.bounds.items()}),
        "conditions": conditions,
    })  # fmt: skip
    return kind()


def _condition(task: Task, part: LossTerm, rng: np.random.Generator) -> Any:
    """An equation or a soft condition on points of its own."""
    from pina import Condition, LabelTensor
    from pina.equation import Equation

    sites = task.sites(part, rng)
    points = LabelTensor(stacked(sites), list(task.problem.domain.coordinates))
    return Condition(input=points, equation=Equation(_residual(task, part, sites)))


def _residual(task: Task, part: LossTerm, sites: tuple[Site, ...]) -> Callable[[Tensor, Tensor], Tensor]:
    def residual(x: Tensor, u: Tensor) -> Tensor:
        plain, gradient = x.as_subclass(Tensor), by_autograd(x)
        return task.residuals(
            part, sites, plain, u.as_subclass(Tensor), lambda values: gradient(values).as_subclass(Tensor)
        )

    return residual


def _watch(recorder: Recorder, function: Callable[[Tensor], Tensor], dtype: torch.dtype) -> Any:
    from lightning.pytorch import Callback

    class Watch(Callback):
        def on_train_start(self, *_: Any) -> None:
            recorder.start(function, dtype)

        def on_train_epoch_end(self, trainer: Any, _: Any) -> None:
            trainer.should_stop = recorder.check()

    return Watch()
