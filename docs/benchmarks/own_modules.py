"""Steps of Levenberg-Marquardt with a network of the user's own, against pl.MLP of the same size.

    python docs/benchmarks/own_modules.py [--steps 12] [--width 20] [--out docs/benchmarks]

Seconds of the processor per step, the median of the steps of each network; both are trained in turn on the same points, so
that a busy machine slows both. Writes own_modules.json.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

import pinnlab as pl
from pinnlab.bench.provenance import provenance
from pinnlab.training.plans import Settings


def heat() -> pl.Problem:
    return pl.Problem(
        pl.Box(x=(-1.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t + u * u.x - 0.05 * u.xx,
        [pl.Initial(u=lambda x: -torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
    )  # fmt: skip


def sequential(width: int) -> nn.Sequential:
    """Three hidden layers of tanh, as pl.MLP(width) has."""
    layers: list[nn.Module] = [nn.Linear(2, width), nn.Tanh()]
    for _ in range(2):
        layers += [nn.Linear(width, width), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(width, 1))


class Wrapped(nn.Module):
    """The same layers, in a module of which nothing is known."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = sequential(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layers(x)
        return found


class Stepper:
    """One network's training, step by step."""

    def __init__(self, network: nn.Module, points: int):
        stage = pl.LevenbergMarquardt(steps=1000, redraw=False)
        plan = pl.PINN(network=network, points=points, stages=stage).plan(
            heat(), Settings(torch.device("cpu"), torch.float64, 0)
        )
        self.stage, self.system = stage, plan.start(0, []).system
        self.theta = self.system.model.theta
        self.state = stage.init(self.system, self.theta)

    def step(self) -> float:
        """Seconds of the processor."""
        began = time.process_time()
        done = self.stage.step(self.system, self.theta, self.state)
        self.theta, self.state = done.theta, done.state
        return time.process_time() - began


def measured(width: int, steps: int, slow: int) -> dict[str, Any]:
    """Seconds per step of both, and of the module without fast derivatives for ``slow`` steps."""
    torch.manual_seed(0)
    points = 4 * sum(p.numel() for p in sequential(width).parameters())
    steppers = {"pl.MLP": Stepper(pl.MLP(width=width), points), "nn.Sequential": Stepper(sequential(width), points)}
    seconds: dict[str, list[float]] = {name: [] for name in steppers}
    for number in range(steps + 2):
        for name, stepper in steppers.items():
            spent = stepper.step()
            seconds[name] += [spent] if number >= 2 else []
    found = {name: statistics.median(each) for name, each in seconds.items()}
    wrapped = Stepper(Wrapped(width), points)
    found["another module"] = statistics.median(wrapped.step() for _ in range(slow)) if slow else math.nan
    return {
        "width": width, "points": points, "seconds per step": found,
        "ratio": found["nn.Sequential"] / found["pl.MLP"],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--slow", type=int, default=2, help="steps of the module without fast derivatives")
    parser.add_argument("--width", type=int, default=20)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    result = measured(given.width, given.steps, given.slow)
    print(json.dumps(result, indent=1))
    if given.out:
        whole = {"provenance": provenance("python docs/benchmarks/own_modules.py"), **result}
        (given.out / "own_modules.json").write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
