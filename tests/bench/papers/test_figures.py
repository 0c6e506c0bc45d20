"""What figures of the papers are drawn from: kernels and Hessians against dense ones, roughness and minima by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import matplotlib.figure
import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jacrev, vmap

import pinnlab as pl
from pinnlab.bench.papers.experiment import Experiment, Measured, Setting, Variant
from pinnlab.bench.papers.kernels import convergence_rates
from pinnlab.bench.papers.landscapes import hessian_product, landscape, minima, roughness, steepest_curvatures
from pinnlab.bench.papers.pictures import curves, landscapes
from pinnlab.bench.papers.rows import softened
from pinnlab.bench.papers.table import Row, Table
from pinnlab.bench.papers.trained_systems import looks, parameters_of, system_of
from pinnlab.papers import causal
from pinnlab.papers.causal import later_over_earlier
from pinnlab.papers.lagrangian import convection
from pinnlab.training.residuals import ResidualSystem

SPEED, VISCOSITY = 3, 0.01
SOLVER = pl.PINN(network=pl.MLP(width=4, depth=2), stages=pl.Adam(steps=5, redraw_every=None), points=20)


def made() -> tuple[pl.Problem, ResidualSystem]:
    problem = softened(convection(SPEED))
    return problem, system_of(problem, SOLVER, Setting(seed=3))


class Dense:
    """The same loss and residuals by ``torch.func``, from the network's values alone."""

    def __init__(self, system: ResidualSystem):
        self.system, self.network = system, system.model.networks[0]
        self.shapes = {name: p.shape for name, p in self.network.named_parameters()}

    def u(self, theta: Tensor, point: Tensor) -> Tensor:
        parts = theta.split([shape.numel() for shape in self.shapes.values()])
        named = {name: part.reshape(self.shapes[name]) for name, part in zip(self.shapes, parts, strict=True)}
        return functional_call(self.network, named, (point[None],))[0, 0]

    def equation(self, theta: Tensor, point: Tensor) -> Tensor:
        first = grad(self.u, 1)(theta, point)
        second = grad(lambda p: grad(self.u, 1)(theta, p)[0])(point)
        return first[1] + SPEED * first[0] - VISCOSITY * second[0]

    def loss(self, theta: Tensor) -> Tensor:
        total = torch.zeros((), dtype=theta.dtype)
        for block in self.system.blocks:
            points = block.sites[0].points
            if block.kind == "equation":
                r = vmap(lambda p: self.equation(theta, p))(points)
            else:
                r = vmap(lambda p: self.u(theta, p))(points) - torch.sin(points[:, 0])
            total = total + block.weight * (r**2).mean()
        return total


def test_rates_are_mean_eigenvalues_of_dense_kernels() -> None:
    """Slices of a residual's Jacobian, put together by hand, give the eigenvalues whose mean is the rate."""
    _, system = made()
    dense, theta = Dense(system), system.model.theta
    (clock,) = (b.region.clock for b in system.blocks if b.kind == "equation")
    bounds = system.blocks[0].region.bounds
    assert list(bounds) == ["x", clock]
    (low, high), (start, end) = bounds["x"], bounds[clock]
    for i, rate in enumerate(convergence_rates(system, 3, 4).tolist()):
        t = start + (end - start) * (i + 0.5) / 3
        points = torch.tensor([[low + (high - low) * j / 4, t] for j in range(4)], dtype=torch.float64)
        jacobian = torch.stack([jacrev(dense.equation)(theta, point) for point in points])
        assert rate == pytest.approx(float(torch.linalg.eigvalsh(jacobian @ jacobian.T).mean()), rel=1e-9)
    assert all(len(block.sites[0].points) == block.n != 12 for block in system.blocks), "points are where they were"


def test_hessian_products_and_steepest_directions() -> None:
    _, system = made()
    dense, theta = Dense(system), system.model.theta
    assert float(system.loss_and_gradient(theta)[0]) == pytest.approx(float(dense.loss(theta)), rel=1e-12)
    exact = jacrev(jacrev(dense.loss))(theta)
    vector = torch.linspace(-1, 2, len(theta), dtype=torch.float64)
    off = hessian_product(system, theta, vector) - exact @ vector
    assert float(off.norm() / (exact @ vector).norm()) < 1e-6
    curvatures, directions = steepest_curvatures(system, theta)
    values, vectors = torch.linalg.eigh(exact)
    assert torch.allclose(curvatures, values[[-1, -2]], rtol=1e-3)
    assert [abs(float(directions[i] @ vectors[:, -1 - i])) for i in (0, 1)] == pytest.approx([1.0, 1.0], abs=1e-3)
    # the landscape curves as its directions do
    steps = 1e-3 * torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    loss = landscape(system, theta, directions, steps)
    assert float(loss[1, 1]) == pytest.approx(float(dense.loss(theta)), rel=1e-12)
    assert float(loss[0, 1] - 2 * loss[1, 1] + loss[2, 1]) * 1e6 == pytest.approx(float(values[-1]), rel=1e-2)
    assert float(loss[1, 0] - 2 * loss[1, 1] + loss[1, 2]) * 1e6 == pytest.approx(float(values[-2]), rel=1e-2)


def test_roughness_and_minima_by_hand() -> None:
    x = torch.linspace(-1, 1, 21, dtype=torch.float64)
    a, b = torch.meshgrid(x, x, indexing="ij")
    bowl = 7 + 2 * a - b + 3 * a**2 + a * b + 5 * b**2
    assert roughness(bowl) < 1e-12 and roughness(1e-6 * bowl) < 1e-12
    # waves that are orthogonal to all quadratics, by their symmetry: odd in both coordinates but a b, whose share is known
    wave = torch.sin(5 * torch.pi * a) * torch.sin(5 * torch.pi * b)
    along = float((wave * a * b).sum() / (a * b).norm())
    assert roughness(wave) == pytest.approx(float((1 - along**2 / (wave**2).sum()) ** 0.5), rel=1e-9)
    assert 0 < roughness(bowl + wave) < roughness(bowl + 4 * wave) < 1
    assert minima(a**2 + b**2) == 1 and minima(a - b) == 0
    assert minima(torch.cos(2 * torch.pi * a) + torch.cos(2 * torch.pi * b)) == 4  # at +-1/2


def test_looks_are_along_one_training() -> None:
    """Adam's first steps have the size of the rate in every parameter; no steps leave what was there."""
    _, system = made()
    start, stage = system.model.theta, pl.Adam(steps=1, learning_rate=1e-3, decay=1.0, redraw_every=None)
    found = {step: system.model.theta for step in looks(system, stage, (0, 1, 7))}
    assert list(found) == [0, 1, 7] and torch.equal(found[0], start)
    assert torch.allclose((found[1] - start).abs(), torch.full_like(start, 1e-3), rtol=1e-3)
    problem, again = made()
    solution = pl.solve(problem, replace(SOLVER, stages=replace(stage, steps=7)), seed=3, progress=False)
    assert torch.allclose(parameters_of(solution), found[7], rtol=0, atol=1e-12)
    assert parameters_of(solution).shape == (again.size,)


def test_rows_of_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causal, "_LOOKS", {"small": (0, 2)})
    rows = {v.name: v.make(Setting()) for e in causal.EXPERIMENTS if e.name == "kernel" for v in e.variants}
    plain, weighted = rows["plain, MLP"], rows["causal, MLP"]
    for row in rows.values():
        assert list(row.arrays) == ["t", "0 steps", "2 steps"] and list(row.details) == ["0 steps", "2 steps"]
        assert row.arrays["t"][0] == pytest.approx(1 / 64) and len(row.arrays["0 steps"]) == 32
        assert row.error == row.details["2 steps"]
    # the same network at first, with weights that fall from slice to slice
    shares = [b / a for a, b in zip(plain.arrays["0 steps"], weighted.arrays["0 steps"], strict=True)]
    assert all(1 >= a > b > 0 for a, b in zip(shares, shares[1:], strict=False))


def test_rows_of_tolerances() -> None:
    """Those of one tolerance keep it, and the weights that the training ended with are those of its formula."""
    (e,) = [e for e in causal.EXPERIMENTS if e.name == "tolerances"]
    row = e.variants[0].make(Setting(seconds=1.5))
    weights = row.arrays["weights at the end"]
    assert len(weights) == len(row.arrays["t"]) == 32 and row.details["smallest weight"] == min(weights)
    assert all(1 >= a >= b > 0 for a, b in zip(weights, weights[1:], strict=False))


def test_rows_of_points_are_of_one_window() -> None:
    (e,) = [e for e in causal.EXPERIMENTS if e.name == "batch"]
    assert [v.name for v in e.variants] == ["1/4 of the points", "1/2 of the points", "all points"]
    table = replace(causal._TURBULENCE, end=0.1)
    assert [table.bare(size).domain.bounds["t"] for size in ("small", "paper")] == [(0.0, 0.1)] * 2
    assert causal._TURBULENCE.bare("paper").domain.bounds["t"] == (0.0, 1.0)


def test_later_over_earlier() -> None:
    assert later_over_earlier(torch.tensor([1.0, 3.0, 5.0, 1.0])) == 1.5


def test_pictures_of_arrays() -> None:
    def experiment(*names: str) -> Experiment:
        def none(setting: Setting) -> Measured:
            raise NotImplementedError

        return Experiment("nobody", "n", "Nothing", "nowhere", "error", tuple(Variant(name, none) for name in names))

    def drawn(arrays: dict[str, Any], draw: Any) -> matplotlib.figure.Figure:
        table = Table("nobody", "n", "small", (Row("b", 0, Measured(0.1, 1.0, "STEPS_DONE", {}, arrays)),))
        return draw(experiment("a", "b"), table)

    axes = drawn({"t": [0.0, 1.0], "before": [1e-9, 2.0], "after": [3.0, 4.0]}, curves("t", "rate", True)).axes[0]
    assert axes.get_title() == "b" and [line.get_label() for line in axes.lines] == ["before", "after"]
    assert list(axes.lines[1].get_ydata()) == [3.0, 4.0] and axes.get_ylim() == (4e-4, 8.0)
    steps = [-1.0, 0.0, 1.0]
    axes = drawn({"steps": steps, "loss": [[10.0 ** (i + 2 * j) for j in range(3)] for i in range(3)]}, landscapes).axes
    assert len(axes) == 2 and axes[0].get_xlim() == (-1.0, 1.0)
