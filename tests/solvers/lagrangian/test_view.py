"""A solution on characteristics seen from fixed places: inversion, derivatives, crossing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.declaration.ansatz import Ansatz
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import closure
from pinnlab.solvers.lagrangian.labels import drift_of, label_problem, wrapped
from pinnlab.solvers.lagrangian.view import EulerianView

PI = math.pi
GENERATOR = torch.Generator().manual_seed(0)


class Flow:
    """Made-up states and displacements of labels, in the place of a trained model."""

    def __init__(self, problem: pl.Problem, function: Any):
        labels = label_problem(problem, drift_of(problem))
        self.region, self.unknowns, self.function = labels.domain, labels.unknowns, function
        self.parameters = [torch.zeros(1, dtype=torch.float64)]
        self.coefficients: dict[str, Any] = {}
        self.constants: dict[str, Any] = {}

        self.ansatz = Ansatz([()] * len(self.unknowns))

    def jet(self, points: Tensor, indices: Any) -> Tensor:
        return autograd_jet(self.function, points, indices)

    network_jet = jet


def line(function: Any, c: float = 0.0) -> EulerianView:
    """A view on [0, 2 pi], t in [0, 1], with drift c."""
    problem = pl.Problem(
        pl.Box(x=(0.0, 2 * PI), t=(0.0, 1.0)), "u", lambda u: u.t + c * u.x,
        [pl.Initial(u=lambda x: torch.sin(x)), pl.Periodic(on="x")], velocity=c,
    )  # fmt: skip
    return EulerianView(Flow(problem, function), ("u",), drift_of(problem))  # type: ignore[arg-type]


def gathering(strength: float) -> Any:
    """States sin xi, displacements strength t sin xi: J = 1 + strength t cos xi."""
    return lambda p: torch.cat([torch.sin(p[:, :1]), strength * p[:, 1:] * torch.sin(p[:, :1])], dim=1)


def plane(strength: float) -> EulerianView:
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 1.0)), "u", lambda u: u.t + 40 * u.x - 7 * u.y,
        [pl.Initial(u=1.0), pl.Periodic(on="x"), pl.Periodic(on="y")], velocity=(40.0, -7.0),
    )  # fmt: skip

    def function(p: Tensor) -> Tensor:
        x, y, t = (p[:, i : i + 1] for i in range(3))
        shift = strength * t * torch.cat([torch.sin(2 * PI * y), torch.cos(2 * PI * (x + y))], dim=1)
        return torch.cat([torch.sin(2 * PI * x), shift], dim=1)

    return EulerianView(Flow(problem, function), ("u",), drift_of(problem))  # type: ignore[arg-type]


VIEWS = {
    "on a line": line(gathering(0.9)),
    "fast": line(gathering(0.9), 1000.0),
    "nearly crossing": line(gathering(0.9999)),
    "far": line(lambda p: torch.cat([torch.sin(p[:, :1]), 25 * p[:, 1:] + 0.9 * p[:, 1:] * torch.sin(p[:, :1])], 1)),
    "in the plane": plane(0.08),
}


@pytest.mark.parametrize("name", VIEWS)
def test_labels_are_found_again(name: str) -> None:
    view = VIEWS[name]
    unit = torch.rand(200, len(view.region.coordinates), dtype=torch.float64, generator=GENERATOR)
    points = view.region.interior(unit).points
    labels = view.labels(points)
    places, slopes = view.positions(labels)
    assert bool((torch.linalg.det(slopes) > 0).all())
    scale = 1.0 + float(places.abs().max())
    torch.testing.assert_close(places, points[:, view.space], rtol=0, atol=1e-12 * scale)
    torch.testing.assert_close(labels[:, view.time], points[:, view.time], rtol=0, atol=0)
    expected = torch.sin(labels[:, 0] * (1 if len(view.space) == 1 else 2 * PI))
    torch.testing.assert_close(view.values(points)[:, 0], expected, rtol=0, atol=1e-10)


def test_values_close_at_the_seam() -> None:
    view = line(gathering(0.9), 3.7)
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    left, right = (view.values(torch.stack([torch.full_like(t, x), t], dim=1)) for x in (0.0, 2 * PI))
    torch.testing.assert_close(left, right, rtol=0, atol=1e-13)


def test_derivatives_at_fixed_places() -> None:
    """X = xi + t (2 + sin xi)... the state rides along: u_t + v u_x = 0 with v = dX/dt, and u_x = cos(xi) / J."""
    view = line(gathering(0.5), 2.0)
    points = view.region.interior(torch.rand(30, 2, dtype=torch.float64, generator=GENERATOR)).points
    xi, t = view.labels(points).unbind(1)
    indices = closure([(0, 0), (1,)])
    jet = dict(zip(indices, view.jet(points, indices)[:, :, 0], strict=True))
    j = 1 + 0.5 * t * torch.cos(xi)
    slope = torch.cos(xi) / j
    torch.testing.assert_close(jet[()], torch.sin(xi), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(jet[(0,)], slope, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(jet[(1,)], -(2 + 0.5 * torch.sin(xi)) * slope, rtol=1e-11, atol=1e-11)
    bend = (-torch.sin(xi) / j + torch.cos(xi) * 0.5 * t * torch.sin(xi) / j**2) / j
    torch.testing.assert_close(jet[(0, 0)], bend, rtol=1e-10, atol=1e-10)


def test_crossing_is_noticed() -> None:
    """J = 1 - s t at xi = pi vanishes at t = 1 / s."""
    assert line(gathering(0.9)).first_crossing() is None
    crossing = line(gathering(2.0)).first_crossing()
    assert crossing is not None and 0.5 <= crossing < 0.52
    assert line(gathering(0.9)).narrowest()[0] == pytest.approx(0.1, abs=1e-3)
    assert plane(0.08).first_crossing() is None and plane(0.5).first_crossing() is not None


def test_characteristics_start_at_their_labels() -> None:
    paths = line(gathering(0.5), 4.0).characteristics(count=5, times=11)
    assert {name: tuple(v.shape) for name, v in paths.items()} == {"t": (11,), "x": (5, 11)}
    labels = np.linspace(0, 2 * PI, 5)
    np.testing.assert_allclose(paths["x"][:, 0], labels, atol=1e-14, rtol=0)
    np.testing.assert_allclose(paths["x"][:, -1], labels + 4 + 0.5 * np.sin(labels), atol=1e-13, rtol=0)
    flat = plane(0.1).characteristics(count=3, times=4)
    assert {name: tuple(v.shape) for name, v in flat.items()} == {"t": (4,), "x": (9, 4), "y": (9, 4)}
    np.testing.assert_allclose(flat["y"][:3, 0], [0.0, 0.5, 1.0], atol=1e-14, rtol=0)


def test_labels_beyond_the_box_are_the_same_characteristics() -> None:
    view = VIEWS["on a line"]
    labels = torch.tensor([[1.0, 0.5], [1.0 + 2 * PI, 0.5]], dtype=torch.float64)
    (one, other), _ = view.positions(labels)
    assert float(other - one) == pytest.approx(2 * PI, abs=1e-13)
    assert wrapped(labels, view.region)[1, 0] == pytest.approx(1.0, abs=1e-14)
