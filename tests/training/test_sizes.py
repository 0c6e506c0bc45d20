"""Natural sizes of residuals: by hand, in other units, and where everything is zero."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pinnlab as pl
from pinnlab.training.plans import Settings
from pinnlab.training.residuals import ResidualSystem
from pinnlab.training.sizes import Anatomy, extents, natural_sizes, reach, unknown_sizes

X, T = ("x",), ("t",)
LENGTHS = {"x": 2.0, "t": 10.0}


def equation(slopes: Any, terms: Any, entries: Any, given: float = 0.0) -> Anatomy:
    return Anatomy("equation", [slopes], [terms], [given], entries)


def condition(slopes: Any, given: float = 0.0, kind: str = "boundary") -> Anatomy:
    return Anatomy(kind, [slopes], [{}], [given], {})


def test_an_equation_is_as_large_as_its_largest_term() -> None:
    """3 u_t + 0.5 u_xx with u = 4, u_t = 2, u_xx = 8: terms 6 and 4; a change by 4 in 10 asks for 3 * 4 / 10 only."""
    slopes, entries = {("u", T): 3.0, ("u", X + X): 0.5}, {("u", ()): 4.0, ("u", T): 2.0, ("u", X + X): 8.0}
    terms = {("u", T): 6.0, ("u", X + X): 4.0}
    assert natural_sizes([equation(slopes, terms, entries)], LENGTHS) == [[6.0]]
    assert natural_sizes([equation(slopes, terms, entries, given=7.0)], LENGTHS)[0][0] == 7.0, "a source is a term"
    still = equation(slopes, {("u", T): 0.0, ("u", X + X): 0.0}, {("u", ()): 4.0})
    assert natural_sizes([still], LENGTHS) == [[pytest.approx(1.2)]], "3 * 4 / 10"
    second = equation({("u", T + T): 5.0}, {}, {("u", ()): 4.0})
    assert natural_sizes([second], LENGTHS) == [[pytest.approx(0.2)]], "5 * 4 / 10^2"


def test_what_is_given_says_how_large_a_network_will_be_that_is_zero_now() -> None:
    """u = 6 at the start, and 2 u_x = 10 on a side of length 2 asks for u = 10."""
    nothing = equation({("u", T): 3.0, ("u", X + X): 1.0}, {}, {("u", ()): 0.0})
    start, flux = condition({("u", ()): 1.0}, 6.0, "initial"), condition({("u", X): 2.0}, 10.0)
    assert unknown_sizes([nothing, start], LENGTHS) == {"u": 6.0}
    assert unknown_sizes([nothing, start, flux], LENGTHS) == {"u": 10.0}
    assert natural_sizes([nothing, start, flux], LENGTHS) == [[3.0], [10.0], [10.0]]


def test_a_source_asks_for_what_its_terms_together_balance() -> None:
    """f = 8: u_t alone makes 8 * 10 / 1 of it, 16 u_xx only 8 * 2^2 / 16 = 2."""
    driven = equation({("u", T): 1.0, ("u", X + X): 16.0}, {}, {("u", ()): 0.0}, given=8.0)
    assert unknown_sizes([driven], LENGTHS) == {"u": 2.0}
    coupled = equation({("u", T): 1.0, ("v", ()): 1e-6}, {}, {("u", ()): 0.0, ("v", ()): 0.0}, given=8.0)
    assert unknown_sizes([coupled], LENGTHS) == {"u": 80.0, "v": 0.0}, "the unknown that moves"
    undecided = equation({("u", X): 1.0, ("v", X): 1.0}, {}, {("u", ()): 0.0, ("v", ()): 0.0}, given=8.0)
    assert unknown_sizes([undecided], LENGTHS) == {"u": 0.0, "v": 0.0}
    assert natural_sizes([undecided], LENGTHS) == [[8.0]]


def test_conditions_are_as_large_as_the_unknown_they_are_about() -> None:
    """A fixed end of 0 is missed in comparison with u in the domain, a flux in comparison with u_x there."""
    inside = equation({("u", T): 1.0}, {("u", T): 1.0}, {("u", ()): 4.0, ("u", T): 1.0, ("u", X): 50.0})
    ends = condition({("u", ()): 1.0}), condition({("u", X): 0.1}), condition({("u", ()): 1.0, ("u", X): 0.1})
    assert natural_sizes([inside, *ends], LENGTHS) == [[1.0], [4.0], [5.0], [5.0]]


def test_nothing_in_comparison_with_nothing() -> None:
    assert natural_sizes([equation({("u", T): 1.0}, {}, {("u", ()): 0.0})], LENGTHS) == [[1.0]]


def test_lengths() -> None:
    assert extents([{"x": (0.0, 1.0), "t": (0.0, 2.0)}, {"x": (1.0, 4.0), "t": (0.0, 2.0)}]) == {"x": 4.0, "t": 2.0}
    assert reach(("x", "x", "t"), LENGTHS) == 40.0 and reach((), LENGTHS) == 1.0


class Bump(nn.Module):
    """A function of time and place in given units, multiplied by its one parameter."""

    def __init__(self, lengths: tuple[float, float], size: float):
        super().__init__()
        self.lengths, self.size, self.scale = (
            torch.tensor(lengths, dtype=torch.float64),
            size,
            nn.Parameter(torch.ones(())),
        )

    def forward(self, points: Tensor) -> Tensor:
        x, t = (points / self.lengths.to(points)).T
        u = torch.stack([torch.sin(3 * x + t), torch.cos(2 * x) * (1 + t)], dim=1)
        return self.scale * self.size * u * torch.tensor([1.0, 100.0]).to(points)


def system(
    length: float = 1.0, time: float = 1.0, u: float = 1.0, times: float = 1.0, scale: float = 1.0
) -> ResidualSystem:
    """u_t = u_xx / 10 + v / 100 + x, v_t = 100 u u_x in units of one's choice; v is a hundred times as large as u."""

    def equations(u: pl.Field, v: pl.Field, x: pl.Field) -> dict[str, Any]:
        diffusion, speed, source = 0.1 * length**2 / time, length / time / size, size / time / length
        first = u.t - diffusion * u.xx - v / 100 / time - source * x
        return {"first": times * first, "second": v.t - 100 * speed * u * u.x}

    size = u
    box = pl.Box(x=(0.0, length), t=(0.0, time))
    conditions = [
        pl.Initial(u=lambda x: size * torch.sin(3 * x / length), v=100 * size, exact=False),
        pl.Dirichlet(u=0.5 * size, on="x-", exact=False),
        pl.Neumann(u=0.2 * size / length, on="x+", exact=False),
    ]
    problem = pl.Problem(box, ("u", "v"), equations, conditions)
    solver = pl.CausalPINN(
        network=Bump((length, time), size),
        points=300,
        boundary_points=40,
        tolerances=(0.03,),
        steps_per_tolerance=9,
        slices=8,
    )
    made = solver.plan(problem, Settings(torch.device("cpu"), torch.float64, 0)).start(0, []).system
    assert isinstance(made, ResidualSystem)
    made.model.theta = torch.full((1,), scale, dtype=torch.float64)
    return made


def weights(s: ResidualSystem) -> Tensor:
    s.update_weights(s.model.theta)
    return s.weights["weights"]


@pytest.mark.parametrize("scale", [1.0, 0.0])
def test_weights_do_not_depend_on_units(scale: float) -> None:
    """The same fields in metres, seconds and kelvins or in others, an equation multiplied by a million; zero fields too."""
    expected = weights(system(scale=scale))
    assert 0.001 < float(expected[-1]) < 0.9, "they say something"
    for units in ((1000.0, 1.0, 1e-3, 1e6), (1e-3, 3600.0, 300.0, 1e-4), (1.0, 1e5, 1.0, 1.0)):
        torch.testing.assert_close(weights(system(*units, scale)), expected, rtol=1e-9, atol=0)


def test_sizes_are_taken_at_the_present_model() -> None:
    s = system()
    sizes = dict(zip([b.kind for b in s.blocks], s.block_sizes(s.model.theta), strict=True))
    x = torch.linspace(0, 1, 201, dtype=torch.float64)
    t = x[:, None]
    v = 100 * torch.cos(2 * x) * (1 + t)
    moving = 300 * torch.sin(3 * x + t) * torch.cos(3 * x + t)
    u, rms = torch.sin(3 * x + t), lambda values: float(values.square().mean().sqrt())
    assert float(sizes["equation"][0]) == pytest.approx(max(rms(0.9 * u), rms(v / 100), rms(x)), rel=0.02)
    assert float(sizes["equation"][1]) == pytest.approx(rms(moving), rel=0.02)
    assert rms(v) < 100 == pytest.approx(float(sizes["initial"])), "the last of them says v = 100"
