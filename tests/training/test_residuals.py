"""The residual system: losses, gradients and Jacobians against one another, finite differences and autograd."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from small_systems import BOX, burgers, causal, small, start, system
from torch import Tensor, nn

import pinnlab as pl
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import closure
from pinnlab.machine.processes import Processes
from pinnlab.training import blocks as module
from pinnlab.training.plans import Settings
from pinnlab.training.residuals import ResidualSystem


def soft(**options: object) -> pl.PINN:
    """For problems with conditions in the loss."""
    return small(**{"boundary_points": 7, "condition_weight": 3.0, **options})


class Own(nn.Module):
    """A module of the user's own, with a parameter that is not used and one that is frozen."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = nn.Parameter(torch.randn(4, 2, generator=generator))
        self.unused = nn.Parameter(torch.ones(3))
        self.frozen = nn.Parameter(torch.ones(4), requires_grad=False)
        self.last = nn.Parameter(torch.randn(4, 1, generator=generator))

    def forward(self, points: Tensor) -> Tensor:
        return torch.sin(points @ self.first.T + self.frozen) @ self.last


def built_in(**options: int) -> ResidualSystem:
    problem = pl.Problem(BOX, "u", burgers, [pl.Initial(u=start), pl.Periodic(on="x")], {"nu": 0.01})
    return system(
        problem,
        small(network=pl.PirateNet(width=4, depth=1, embedding=pl.FourierEmbedding(2), factorized=True), **options),
    )


def all_soft() -> ResidualSystem:
    conditions = [pl.Initial(u=start, exact=False, weight=7.0), pl.Dirichlet(u=lambda t: t, exact=False)]
    return system(
        pl.Problem(BOX, "u", burgers, conditions, {"nu": 0.01}),
        soft(network=pl.ModifiedMLP(width=4, depth=2)),
    )


def two_unknowns(**options: int) -> ResidualSystem:
    def flow(u: pl.Field, v: pl.Field, x: pl.Field) -> dict[str, pl.Field]:
        return {"mass": u.x + v.t * x, "momentum": u.tt + torch.sin(u) * v.xx + v.xt}

    conditions = [
        pl.Neumann(u=1.0, on="x-"),
        pl.Robin(v=(1.0, lambda t: t, 0.5), on="x+"),
        pl.Periodic(on="x", exact=False),
        pl.Initial(u=start, exact=False),
        pl.Initial(v=1.0),
    ]
    return system(pl.Problem(BOX, ("u", "v"), flow, conditions), soft(**options))


def inverse(**options: int) -> ResidualSystem:
    rng, n = np.random.default_rng(0), options.get("points", 9)
    data = {"x": rng.uniform(-1, 1, n), "t": rng.uniform(0, 1, n)}
    problem = pl.Problem(
        BOX, "u", lambda u, nu, c: u.t + c * u.x - nu**2 * u.xx,
        [
            pl.Initial(u=start), pl.Dirichlet(u=lambda c, t: c * t, exact=False),
            pl.Data(data, u=rng.normal(size=n), weight=2.0),
        ],
        {"nu": pl.Unknown(0.3), "c": pl.Unknown(-0.8)},
    )  # fmt: skip
    return system(problem, soft(**options))


def ordinary() -> ResidualSystem:
    problem = pl.Problem(
        pl.Box(t=(0.0, 2.0)), "y", lambda y, t: y.tt + t * y, [pl.Initial(y=1.0, y_t=0.0, exact=False)]
    )
    return system(problem, small(network=pl.MLP(width=5, depth=1, activation="sin"), condition_weight=3.0))


def own_module(**options: int) -> ResidualSystem:
    problem = pl.Problem(BOX, "u", burgers, [pl.Initial(u=start), pl.Dirichlet(u=0.0, exact=False)], {"nu": 0.01})
    return system(problem, soft(network=Own(), **options))


def balanced() -> ResidualSystem:
    problem = pl.Problem(BOX, "u", burgers, [pl.Initial(u=start, exact=False), pl.Dirichlet(u=0.0)], {"nu": 0.01})
    return system(problem, soft(weighting=pl.NTK()))


CASES = [built_in, all_soft, two_unknowns, inverse, ordinary, own_module, causal, balanced]


def prepared(case: Callable[..., ResidualSystem], **options: int) -> tuple[ResidualSystem, Tensor]:
    s = case(**options)
    theta = s.model.theta + 0.3 * torch.randn(s.size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    s.update_weights(theta)
    return s, theta


@pytest.mark.parametrize("case", CASES)
def test_loss_gradient_residuals_and_jacobian_agree(case: Callable) -> None:
    s, theta = prepared(case)
    loss, gradient = s.loss_and_gradient(theta)
    residual, jacobian = s.residuals_and_jacobian(theta)
    assert residual.shape == (sum(b.rows for b in s.blocks),) and jacobian.shape == (len(residual), s.size)
    torch.testing.assert_close(residual, s.residuals(theta), rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(residual @ residual, loss, rtol=1e-12, atol=0)
    torch.testing.assert_close(2 * jacobian.T @ residual, gradient, rtol=1e-10, atol=1e-12 * float(gradient.norm()))
    h = 1e-5
    for seed in range(3):
        direction = torch.randn(s.size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        ahead, behind = s.residuals(theta + h * direction), s.residuals(theta - h * direction)
        difference = (ahead - behind) / (2 * h)
        torch.testing.assert_close(jacobian @ direction, difference, rtol=0, atol=1e-7 * float(difference.norm()))
        slope = (s.loss_and_gradient(theta + h * direction)[0] - s.loss_and_gradient(theta - h * direction)[0]) / (
            2 * h
        )
        torch.testing.assert_close(gradient @ direction, slope, rtol=1e-6, atol=1e-7 * float(gradient.norm()))
    assert torch.equal(s.model.theta, theta - h * direction), "the model holds what was evaluated last"


@pytest.mark.parametrize("case", CASES)
def test_every_parameter_of_a_built_in_network_matters(case: Callable) -> None:
    s, theta = prepared(case)
    jacobian = s.residuals_and_jacobian(theta)[1]
    zero = int((jacobian == 0).all(dim=0).sum())
    assert zero == (3 if case is own_module else 0)


def test_burgers_written_out() -> None:
    """u = -sin(pi x) + t N(x, t), residual and Jacobian by autograd alone."""
    problem = pl.Problem(
        BOX, "u", burgers, [pl.Initial(u=start), pl.Dirichlet(u=0.0, exact=False, weight=2.0)], {"nu": 0.01}
    )
    s = system(problem, soft())
    found, jacobian = s.residuals_and_jacobian(s.model.theta)
    network = s.model.network
    parameters = list(network.parameters())
    assert [b.residuals for b in s.blocks] == [("burgers",), ("dirichlet u x-",), ("dirichlet u x+",)]

    def u(p: Tensor) -> Tensor:
        return start(p[:, :1]) + p[:, 1:] * network(p)

    inner = s.blocks[0].sites[0].points
    indices = closure([(0, 0), (1,)])
    jet = dict(zip(indices, autograd_jet(u, inner, indices)[:, :, 0], strict=True))
    rows = [(jet[1,] + jet[()] * jet[0,] - 0.01 * jet[0, 0]) / math.sqrt(23)]
    rows += [u(b.sites[0].points)[:, 0] * math.sqrt(3.0 * 2.0 / 7) for b in s.blocks[1:]]
    expected = torch.cat(rows)
    torch.testing.assert_close(found, expected.detach(), rtol=1e-12, atol=1e-13)
    for i in range(len(expected)):
        gradients = torch.autograd.grad(expected[i], parameters, retain_graph=True, allow_unused=True)
        pieces = zip(parameters, gradients, strict=True)
        row = torch.cat([(torch.zeros_like(p) if g is None else g).reshape(-1) for p, g in pieces])
        torch.testing.assert_close(jacobian[i], row, rtol=1e-10, atol=1e-12)


class OneOf(Processes):
    """One of several processes, without the others: what only this one says is true of all."""

    def any(self, flag: bool) -> bool:
        return flag


@pytest.mark.parametrize("case", CASES)
def test_the_jacobian_in_chunks(case: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of all chunks are those of the whole; two processes together have them under the same numbers."""
    monkeypatch.setattr(module, "_CHUNK_BYTES", {"cpu": 1})
    s, theta = prepared(case, **({"points": 150} if case in (built_in, two_unknowns) else {}))
    residual, jacobian = s.residuals_and_jacobian(theta)
    numbers = [i for part in s.row_ranges for i in part]
    assert numbers == list(range(len(residual)))

    def collected() -> tuple[Tensor, Tensor]:
        found = torch.full_like(residual, torch.nan), torch.full_like(jacobian, torch.nan)
        for first, r, rows in s.jacobian_chunks(theta):
            assert bool(found[0][first : first + len(r)].isnan().all()), "each row comes once"
            found[0][first : first + len(r)], found[1][first : first + len(r)] = r, rows
        return found

    torch.testing.assert_close(collected(), (residual, jacobian), rtol=1e-12, atol=1e-13)
    parts = []
    for rank in range(2):
        s.share(OneOf(rank, 2))
        found = collected()
        own = [i for part in s.row_ranges for i in part]
        torch.testing.assert_close(found[0][own], s.residuals(theta), rtol=1e-12, atol=1e-13)
        assert sorted(own) == torch.nonzero(~found[0].isnan())[:, 0].tolist()
        parts.append([value.nan_to_num(0.0) for value in found])
    torch.testing.assert_close(parts[0][0] + parts[1][0], residual, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(parts[0][1] + parts[1][1], jacobian, rtol=1e-12, atol=1e-13)


def test_coefficients_stand_last_in_theta() -> None:
    s = inverse()
    assert s.model.theta[-2:].tolist() == [0.3, -0.8] and s.shapes[-2:] == [(), ()]
    data = s.blocks[-1]
    assert data.kind == "data" and data.n == 9 and data.weight == 2.0, "condition_weight leaves data alone"
    assert s.blocks[1].weight == 3.0


@pytest.mark.parametrize("case", [built_in, two_unknowns, inverse, own_module])
def test_chunks_change_nothing(case: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    s, theta = prepared(case, points=150, **({} if case is built_in else {"boundary_points": 90}))
    assert len(list(s.blocks[0].chunks(5))) == 1
    whole = [*s.residuals_and_jacobian(theta), *s.loss_and_gradient(theta), *s.block_gradient_norms(theta)]
    whole += [*s.block_kernel_traces(theta), torch.tensor(s.held_out_loss(theta))]

    monkeypatch.setattr(module, "_CHUNK_BYTES", {"cpu": 1})
    assert len(list(s.blocks[0].chunks(5))) == 3, "64 points are the least"
    cut = [*s.residuals_and_jacobian(theta), *s.loss_and_gradient(theta), *s.block_gradient_norms(theta)]
    cut += [*s.block_kernel_traces(theta), torch.tensor(s.held_out_loss(theta))]
    for a, b in zip(whole, cut, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


def test_chunks_cover_all_points_once() -> None:
    s = system(pl.Problem(BOX, "u", burgers, parameters={"nu": 0.1}), small(points=1000))
    block = s.blocks[0]
    parts = list(block.chunks(10**6))
    assert len(parts) > 10, "a wide layer does not fit the cache at once"
    assert [i for part in parts for i in range(1000)[part]] == list(range(1000))
    assert max(p.stop - p.start for p in parts) <= 64


def test_float32() -> None:
    problem = pl.Problem(BOX, "u", burgers, [pl.Initial(u=start), pl.Dirichlet(u=0.0)], {"nu": 0.01})
    settings = Settings(torch.device("cpu"), torch.float32, 0)
    s = small().plan(problem, settings).start(0, []).system
    double = system(problem, small())
    residual, jacobian = s.residuals_and_jacobian(s.model.theta)
    expected, exact = double.residuals_and_jacobian(s.model.theta.double())
    assert residual.dtype == jacobian.dtype == torch.float32
    torch.testing.assert_close(residual.double(), expected, rtol=0, atol=1e-4 * float(expected.norm()))
    torch.testing.assert_close(jacobian.double(), exact, rtol=0, atol=1e-4 * float(exact.norm()))
