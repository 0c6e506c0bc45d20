"""Navier-Stokes in its stream function: the inverse Laplacian of modes by hand, and the equation beside the declared one."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
import torch

from pinnlab.bench.papers.stream_functions import (
    SCALE,
    StreamFNO,
    flows,
    on_nodes,
    squares,
    stream_function,
    transport,
    vorticity_and_stream_function,
)
from pinnlab.declaration.parameters.functions import GaussianFunction
from pinnlab.problems import navier_stokes

X, Y, T = sympy.symbols("x y t")


class Known:
    """A function of x, y and t whose attributes are its derivatives, as fields have them."""

    def __init__(self, given: sympy.Expr):
        self.given = given

    def __getattr__(self, key: str) -> sympy.Expr:
        return sympy.diff(self.given, *sympy.symbols(" ".join(key), seq=True))

    def __radd__(self, other: sympy.Expr) -> sympy.Expr:
        return other + self.given


def test_modes_by_hand() -> None:
    """1, cos, sin, cos 2, sin 2 along x of period 1, and 1, cos, sin along y of period 2: k^2 / P^2 adds up."""
    found = squares((5, 3), (1.0, 2.0))
    assert found.tolist() == [[0.0, 0.25, 0.25], *[[1.0, 1.25, 1.25]] * 2, *[[4.0, 4.25, 4.25]] * 2]


def test_the_stream_function_of_one_mode() -> None:
    """w = 3 sin(2 pi x) cos(4 pi y) + 7: phi = w / (1 + 4) without the mean."""
    coefficients = torch.zeros(3, 5, dtype=torch.float64)
    coefficients[2, 3], coefficients[0, 0] = 3.0, 7.0
    w = GaussianFunction(("x", "y"), (0, 1), (0.0, 0.0), (1.0, 1.0), coefficients)
    phi = stream_function(w)
    points = torch.tensor([[0.1, 0.2], [0.3, 0.7]], dtype=torch.float64)
    one, two = points.T
    expected = 3 / 5 * torch.sin(2 * torch.pi * one) * torch.cos(4 * torch.pi * two)
    assert torch.allclose(phi.at(points), expected, rtol=0, atol=1e-15)


def test_the_laplacian_on_nodes_and_back() -> None:
    x = torch.arange(8, dtype=torch.float64) / 8
    wave = torch.sin(2 * torch.pi * x)[:, None] * torch.cos(4 * torch.pi * x)
    values = (wave + 2.0)[None, None, :, :, None].expand(1, 2, 8, 8, 3)
    assert torch.allclose(on_nodes(values, 1), 5 * wave[:, :, None].expand(8, 8, 3), rtol=0, atol=1e-13)
    assert torch.allclose(on_nodes(values, -1), wave[:, :, None].expand(8, 8, 3) / 5, rtol=0, atol=1e-14)


def test_the_network_gives_stream_functions_of_what_an_fno_gives() -> None:
    network = StreamFNO(modes=2, width=3, depth=1).built_grid(
        1, 2, 3, torch.Generator().manual_seed(0), (True, True, False)
    )
    network = network.to(torch.float64)
    given = torch.randn(1, 1, 8, 8, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, plain = network(given), super(StreamFNO, network).forward(on_nodes(given, 1))
    again = on_nodes(found, 1)
    assert torch.allclose(again, plain - plain.mean(dim=(2, 3), keepdim=True), rtol=0, atol=1e-12)
    assert found.shape == (1, 2, 8, 8, 4)


def test_the_equation_is_that_of_vorticity_and_stream_function() -> None:
    nu, k = sympy.Rational(1, 100), 2 * sympy.pi
    phi = sympy.sin(k * X) * sympy.cos(2 * k * Y) * sympy.exp(-T) + T * sympy.cos(k * (X + Y))
    psi = phi / (4 * sympy.pi**2)
    w = -sympy.diff(psi, X, 2) - sympy.diff(psi, Y, 2)
    declared = navier_stokes.vorticity(Known(w), Known(psi), nu)
    at = {X: 0.3, Y: 0.1, T: 0.7}
    assert declared["stream function"].subs(at).evalf() == pytest.approx(0.0, abs=1e-12)
    assert float(transport(Known(phi), nu).subs(at)) == pytest.approx(float(declared["transport"].subs(at)), rel=1e-12)
    decay = sympy.sin(k * X) * sympy.sin(k * Y) * sympy.exp(-8 * sympy.pi**2 * nu * T)
    assert float(transport(Known(decay), nu).subs(at)) == pytest.approx(0.0, abs=1e-12)
    assert pytest.approx(float(4 * sympy.pi**2)) == SCALE


def test_members_are_those_of_the_declared_family() -> None:
    family = navier_stokes.problem(end=1.0)
    mine = flows(family)
    assert mine.families == ("phi0",) and mine.unknowns == ("phi",) and mine.domain == family.domain
    phi0 = mine.sample_parameters(np.random.default_rng(4))["phi0"]
    assert phi0 == stream_function(family.sample_parameters(np.random.default_rng(4))["w0"])


def test_what_is_measured_is_the_vorticity() -> None:
    class Wave:
        def jet(self, points: torch.Tensor, indices: tuple) -> torch.Tensor:
            """phi = sin(2 pi x)."""
            x, k = points[:, :1], 2 * torch.pi
            known = {(): torch.sin(k * x), (0,): k * torch.cos(k * x), (0, 0): -(k**2) * torch.sin(k * x)}
            return torch.stack([known.get(index, torch.zeros_like(x)) for index in indices])

    points = torch.tensor([[0.25, 0.0, 0.0]], dtype=torch.float64)
    found = vorticity_and_stream_function(Wave())(points)  # type: ignore[arg-type]
    assert found.tolist() == [[pytest.approx(1.0), pytest.approx(1 / SCALE)]]
