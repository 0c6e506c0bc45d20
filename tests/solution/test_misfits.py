"""Misfits of equations and conditions in numbers without units."""

from __future__ import annotations

import math

import pytest
import torch
from known_solutions import Given, Joined, heat, heated

import pinnlab as pl
from pinnlab.solution.measures import is_noise, measure, terms_of
from pinnlab.solution.sizes import Size, natural_sizes, relative_size


def test_the_terms_of_a_residual_are_its_slopes_times_the_jet() -> None:
    jets = {"u": {(): torch.tensor([2.0]), ("x",): torch.tensor([3.0]), ("t",): torch.tensor([5.0])}}
    for leaf in jets["u"].values():
        leaf.requires_grad_()
    u = jets["u"]
    found = terms_of(u["t",] + u[()] * u["x",] - 7.0, jets)
    assert [float(f) for f in found] == [6.0, 6.0, 5.0], "u u_x by u and by u_x, and u_t; what is given is no term"


def test_relative_sizes() -> None:
    assert relative_size(1.0, [2.0, 4.0]) == 0.25
    assert relative_size(0.0, []) == 0.0 and relative_size(1.0, [0.0]) == math.inf


def test_misfits_have_no_units() -> None:
    """With twice the rate of decay, the residual is half of the larger term, whatever the scale of u, x and t."""
    for size in (1.0, 1e6):
        problem = heat(conditions=[pl.Initial(u=lambda x, s=size: s * torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)])
        model = Given(problem.domain, lambda p, s=size: s * heated(p, 0.2))
        (equation, initial, *sides), share = measure(problem, [model])
        assert share == 1.0 and equation.kind == "equation"
        assert equation.relative == pytest.approx(0.5, rel=1e-12)
        assert initial.relative < 1e-15 and all(side.relative < 1e-15 for side in sides)


def test_a_condition_is_measured_against_the_same_derivative_of_the_domain() -> None:
    problem = heat(conditions=[pl.Initial(u=0.0), pl.Neumann(u=0.0, on="x-"), pl.Dirichlet(u=0.0, on="x+")])
    misfits, _ = measure(problem, [Given(problem.domain, lambda p: 3 * p[:, :1])])
    found = {m.name: m for m in misfits}
    assert found["neumann u x-"].rms == pytest.approx(3.0) and found["neumann u x-"].relative == pytest.approx(1.0)
    assert found["dirichlet u x+"].relative == pytest.approx(math.sqrt(12), rel=1e-3), "3 against how 3 x varies"


def test_hand_overs_and_jumps_are_seen() -> None:
    problem = heat()
    early, late = (problem.domain.replace(t=ends) for ends in ((0.0, 0.5), (0.5, 1.0)))
    models = [Given(early, heated), Given(late, lambda p: heated(p) + 0.25)]
    found = {m.name: m for m in measure(problem, models)[0]}
    assert found["hand-over u"].rms == pytest.approx(0.25, rel=1e-12)
    step = Joined(problem.domain, lambda p: heated(p) + 0.5 * (p[:, :1] > 0.5))
    found = {m.name: m for m in measure(problem, [step])[0]}
    assert found["jump u"].rms == pytest.approx(0.5, rel=1e-9)


def test_sizes_by_hand() -> None:
    kelvin = Size.of(torch.tensor([292.0, 294.0, 292.0, 294.0]))
    assert kelvin.variation == 1.0 and kelvin.rms == pytest.approx(math.hypot(293, 1)) and kelvin.unit == 1.0
    assert Size(293.0, 1e-7).unit == 293.0, "a constant up to rounding varies by nothing"
    assert Size(1e-10, 1e-10, natural=0.5).unit == 0.5, "next to nothing"
    assert Size(0.0, 0.0).unit == 0.0


def test_natural_sizes_by_hand() -> None:
    """Of v in u_x + v_y on a box of 2 by 3: u_x counts as u / 2, v_y as v / 3."""
    jets = {u: {(c,): torch.zeros(4, requires_grad=True)} for u, c in (("u", "x"), ("v", "y"))}
    sizes = {"u": Size(1.0, 1.0), "v": Size(0.0, 0.0)}
    everywhere = torch.ones(4, dtype=torch.bool)
    residual = jets["u"]["x",] + jets["v"]["y",]
    found, terms = natural_sizes([residual], jets, sizes, {"x": 2.0, "y": 3.0}, everywhere)
    assert found["v"].natural == pytest.approx(1.5) and terms == pytest.approx([0.5])
    # of what is given, too: v_y = 0.1
    found, _ = natural_sizes([jets["v"]["y",] - 0.1], jets, sizes, {"x": 2.0, "y": 3.0}, everywhere)
    assert found["v"].natural == pytest.approx(0.3)


def test_data_that_are_missed_by_noise_or_by_more() -> None:
    x = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    noise = torch.randn(101, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert is_noise(noise, x) and not is_noise(torch.sin(6 * x[:, 0]), x) and not is_noise(noise + 2, x)
    assert not is_noise(noise[:5], x[:5]), "five numbers tell nothing"
