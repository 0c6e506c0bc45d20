"""Modules of the user's own: Taylor mode through plain layers, and what is refused with the reason."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import pinnlab as pl
from pinnlab.derivatives.autograd import autograd_jet, autograd_rows
from pinnlab.derivatives.indices import closure
from pinnlab.derivatives.taylor import Tape
from pinnlab.networks.own import taylor_mode

INDICES = closure([(0, 0, 0), (0, 0, 1), (1, 1)])
HEAT = pl.Problem(
    pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t - 0.1 * u.xx,
    [pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
)  # fmt: skip
TRANSPORT = pl.Problem(
    pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    "u",
    lambda u: u.t + u.x,
    [pl.Initial(u=lambda x: x), pl.Dirichlet(u=0.0, on="x-")],
)


def plain(activation: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(6, 5, bias=False), activation)
    return nn.Sequential(nn.Linear(2, 6), activation, inner, nn.Identity(), nn.Linear(5, 1)).double()


@pytest.mark.parametrize("activation", [nn.Tanh(), nn.SiLU(), nn.Sigmoid(), nn.GELU()])
def test_plain_layers_have_the_derivatives_of_autograd(activation: nn.Module) -> None:
    network, points = plain(activation), torch.rand(7, 2, dtype=torch.float64)
    layers, tape = taylor_mode(network), Tape()
    assert layers is not None
    slow = autograd_jet(network, points, INDICES)
    assert torch.allclose(layers.jet(points, INDICES), slow, rtol=1e-12, atol=1e-13)
    cotangent = torch.rand_like(slow)
    fast = layers.jet(points, INDICES, tape)
    rows, expected = tape.pull_back(fast, cotangent), autograd_rows(slow, cotangent, list(network.parameters()))
    assert all(torch.allclose(rows[p], expected[p], rtol=1e-10, atol=1e-12) for p in network.parameters())
    list(network.parameters())[0].requires_grad_(False)
    assert list(network.parameters())[0] not in tape.pull_back(layers.jet(points, INDICES, tape), cotangent)


class Custom(nn.Sequential):
    """May do anything."""


def test_other_modules_are_left_to_autograd() -> None:
    hooked = plain(nn.Tanh())
    hooked[0].register_forward_hook(lambda *_: None)
    others = [Custom(nn.Linear(2, 1)), nn.Sequential(nn.Linear(2, 3), nn.Softplus()), nn.Sequential(nn.Tanh()), hooked]
    assert all(taylor_mode(module) is None for module in (*others, nn.GELU("tanh"), nn.Sequential()))


def test_a_step_of_plain_layers_is_that_of_an_mlp(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(2, 10), nn.Tanh(), nn.Linear(10, 10), nn.Tanh(), nn.Linear(10, 1))
    solver = pl.PINN(network=network, points=200, stages=(pl.LevenbergMarquardt(steps=12),))
    solution = pl.solve(HEAT, solver, progress=False)
    x = torch.linspace(0.0, 1.0, 9, dtype=torch.float64)
    exact = math.exp(-0.05 * math.pi**2) * torch.sin(math.pi * x)
    assert float((solution(x=x, t=0.5)["u"] - exact).abs().max()) < 1e-3
    solution.save(tmp_path / "own.pt")
    loaded = pl.Solution.load(tmp_path / "own.pt", network=network)
    assert torch.allclose(loaded(x=x, t=0.5)["u"], solution(x=x, t=0.5)["u"], rtol=0, atol=1e-13)


class Functional(nn.Module):
    """Layers that no list of modules shows."""

    def __init__(self, kind: str):
        super().__init__()
        self.first, self.last, self.kind = nn.Linear(2, 8), nn.Linear(8, 1), kind

    def forward(self, points: Tensor) -> Tensor:
        hidden = self.first(points)
        if self.kind == "relu":
            return self.last(torch.relu(hidden))
        if self.kind == "dropout":
            return self.last(torch.nn.functional.dropout(torch.tanh(hidden), 0.2))
        return self.last(torch.tanh(hidden - hidden.mean(dim=0)))


def stack(*parts: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 8), *parts, nn.Linear(8, 1))


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (
            stack(nn.ReLU()),
            "nn.ReLU is made of straight pieces, whose second derivatives are zero, .* order 2; use nn.Tanh",
        ),
        (stack(nn.LeakyReLU()), "nn.LeakyReLU is made of straight pieces"),
        (Functional("relu"), "it is made of straight pieces"),
        (stack(nn.Tanh(), nn.Dropout(0.1)), "nn.Dropout makes it another function at every call"),
        (Functional("dropout"), "something in it makes it another function at every call"),
        (stack(nn.BatchNorm1d(8), nn.Tanh()), "with nn.BatchNorm1d, values at a point depend on which other points"),
        (Functional("mean"), "with what is in it, values at a point depend on which other points"),
    ],
)
def test_modules_that_cannot_work_are_refused(network: nn.Module, told: str) -> None:
    for solver in (pl.PINN(network=network), pl.CausalPINN(network=network)):
        with pytest.raises(ValueError, match=told):
            pl.solve(HEAT, solver, progress=False)


def test_modules_that_can_work() -> None:
    brief = {"points": 40, "stages": (pl.Adam(steps=1),)}
    calm = stack(nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.5)).eval()
    for problem, network in (
        (TRANSPORT, stack(nn.ReLU())),
        (HEAT, calm),
        (HEAT, stack(nn.LayerNorm(8), nn.Tanh())),
        (HEAT, nn.Linear(2, 1)),
    ):
        pl.solve(problem, pl.PINN(network=network, **brief), progress=False)  # type: ignore[arg-type]


def test_basis_functions_from_plain_layers() -> None:
    family = HEAT.replace(equations=lambda u, k: u.t - k * u.xx, parameters={"k": pl.Uniform(0.05, 0.2)})
    torch.manual_seed(0)
    options = {"basis": 6, "batch": 1, "points": 36, "stages": (pl.Adam(steps=2),)}
    network = nn.Sequential(nn.Linear(3, 12), nn.Tanh(), nn.Linear(12, 6))
    pl.solve(family, pl.HardConstraintMoE(network=network, **options), progress=False)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"nn.ReLU is made of straight pieces"):
        straight = nn.Sequential(nn.Linear(3, 12), nn.ReLU(), nn.Linear(12, 6))
        pl.solve(family, pl.HardConstraintMoE(network=straight, **options), progress=False)  # type: ignore[arg-type]
