"""Optimizers of torch as stages: the same steps, states that files hold, bad input."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.optimizers import Step

SHAPES = [(3, 2), (2,), (1, 2), ()]


class Bowl:
    """||theta - exact||^2, the same on all points."""

    def __init__(self) -> None:
        self.shapes, self.size, self.draws = SHAPES, 11, 0
        self.exact = torch.linspace(-1.0, 1.0, 11, dtype=torch.float64)

    def redraw(self) -> None:
        self.draws += 1

    def loss_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        away = theta - self.exact
        return away @ away, 2 * away


def theta() -> Tensor:
    return torch.zeros(11, dtype=torch.float64)


def run(optimizer: pl.Torch, objective: Bowl, count: int) -> list[Step]:
    """So many steps, after each of which the inputs are as they were."""
    now, state, found = theta(), optimizer.init(objective, theta()), []
    for _ in range(count):
        before = repr((now, state))
        step = optimizer.step(objective, now, state)
        assert repr((now, state)) == before, "inputs are left as they were"
        now, state = step.theta, step.state
        found.append(step)
    return found


@pytest.mark.parametrize(
    "kind",
    [torch.optim.NAdam, torch.optim.RMSprop, torch.optim.AdamW, torch.optim.Adagrad, torch.optim.Rprop],
    ids=lambda kind: kind.__name__,
)
def test_steps_are_those_of_torch(kind: Any) -> None:
    bowl = Bowl()
    found = run(pl.Torch(kind, lr=0.01, redraw_every=4), bowl, 10)
    parameter = theta().requires_grad_()
    optimizer = kind([parameter], lr=0.01)
    for step in found:
        loss, gradient = bowl.loss_and_gradient(parameter.detach())
        assert step.loss == float(loss)
        parameter.grad = gradient
        optimizer.step()
        # torch keeps some of its scalars in single precision until they have been loaded
        assert torch.allclose(step.theta, parameter.detach(), rtol=1e-6 if kind is torch.optim.NAdam else 1e-13, atol=0)
    assert bowl.draws == 2


def test_line_searches_work_too() -> None:
    found = run(pl.Torch(torch.optim.LBFGS, line_search_fn="strong_wolfe", redraw_every=None), Bowl(), 2)
    assert torch.allclose(found[-1].theta, Bowl().exact)


def test_a_state_goes_through_a_file_and_a_rollback() -> None:
    optimizer, bowl = pl.Torch(torch.optim.NAdam, lr=0.01), Bowl()
    first = optimizer.step(bowl, theta(), optimizer.init(bowl, theta()))
    buffer = io.BytesIO()
    torch.save(first.state, buffer)
    buffer.seek(0)
    loaded = torch.load(buffer, weights_only=True)
    assert torch.equal(
        optimizer.step(bowl, first.theta, first.state).theta, optimizer.step(bowl, first.theta, loaded).theta
    )
    short = optimizer.step(bowl, theta(), optimizer.shorten(first.state)).theta
    assert torch.allclose(short, 0.5 * first.theta, rtol=1e-6)


def test_what_is_not_finite_moves_nothing() -> None:
    class Broken(Bowl):
        def loss_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
            return torch.tensor(math.nan), torch.full((11,), math.nan, dtype=torch.float64)

    optimizer = pl.Torch(torch.optim.NAdam)
    step = optimizer.step(Broken(), theta(), optimizer.init(Bowl(), theta()))
    assert torch.equal(step.theta, theta()) and math.isnan(step.loss)


def test_bad_input() -> None:
    with pytest.raises(TypeError, match=r"Torch\('nadam'\): give a class of torch.optim"):
        pl.Torch("nadam")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Torch\(NAdam, learning_rate=0.1\): .* give the options of torch.optim.NAdam"):
        pl.Torch(torch.optim.NAdam, learning_rate=0.1)
    with pytest.raises(ValueError, match=r"Torch\(NAdam, lr=-1\): Invalid learning rate"):
        pl.Torch(torch.optim.NAdam, lr=-1)
    with pytest.raises(ValueError, match="steps=0 cannot work"):
        pl.Torch(torch.optim.NAdam, steps=0)
    sparse = pl.Torch(torch.optim.SparseAdam)
    with pytest.raises(ValueError, match=r"Torch\(SparseAdam\) cannot train these parameters"):
        sparse.init(Bowl(), theta())


def test_as_a_stage(tmp_path: Path) -> None:
    problem = pl.Problem(pl.Box(x=(0.0, 1.0)), "u", lambda u: u.xx + 1, [pl.Dirichlet(u=0.0)])

    def solved(kind: Any, steps: int, **options: Any) -> pl.Solution:
        stages = (pl.Torch(kind, lr=1e-2, steps=steps),)
        solver = pl.PINN(network=pl.MLP(width=6, depth=1), points=30, stages=stages)
        return pl.solve(problem, solver, progress=False, **options)

    whole = solved(torch.optim.NAdam, 150)
    assert abs(float(whole(x=0.5)["u"]) - 0.125) < 1e-2
    path = tmp_path / "run.pt"
    solved(torch.optim.NAdam, 150, checkpoint=path, callbacks=(lambda record: record.step >= 100,))
    assert float(solved(torch.optim.NAdam, 150, checkpoint=path)(x=0.5)["u"]) == float(whole(x=0.5)["u"])
    with pytest.raises(ValueError, match="belongs to another problem, solver"):
        solved(torch.optim.AdamW, 150, checkpoint=path)
