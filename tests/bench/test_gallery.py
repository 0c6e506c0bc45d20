"""The gallery shows every problem of the library, with a picture of each card."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from gallery import draw_view, page, problem_of, words
from matplotlib.figure import Figure
from shown.cards import CARDS, FIELDS, Card

import pinnlab as pl
from pinnlab.declaration.library import collections, problem_names

DOCS = Path(__file__).parents[2] / "docs"
FAMILY_OF_FUNCTIONS = {"navier_stokes"}
"""A member is a state, not a number: it has a table of its own."""


def test_every_problem_has_a_card():
    shown = {card.source for card in CARDS if isinstance(card.source, str)}
    assert shown == {name for c in (None, *collections()) for name in problem_names(c)} - FAMILY_OF_FUNCTIONS
    assert {card.field for card in CARDS} == set(FIELDS) and len({card.name for card in CARDS}) == len(CARDS)


def test_cards_of_families_are_of_members():
    assert all(not problem_of(card).families for card in CARDS if card.member)


def test_every_card_that_was_made_has_its_picture():
    rows = {row["name"]: row for row in json.loads((DOCS / "benchmarks" / "gallery.json").read_text())["rows"]}
    assert len(rows) > 60
    assert all((DOCS / "images" / "gallery" / f"{name}.png").stat().st_size > 1000 for name in rows)
    written = (DOCS / "benchmarks" / "gallery.md").read_text()
    assert written == page(rows)
    assert "![A bar that cools](images/gallery/heat_robin.png)" in written and words(rows["heat_robin"]) in written


def test_a_run_that_did_not_reach_the_time_is_drawn_where_it_ended():
    problem = pl.Problem(
        pl.Box(x=(0.0, 1.0), y=(0.0, 1.0), t=(0.0, 2.0)), "u", lambda u: u.t - u.laplacian,
        [pl.Initial(u=lambda x, y: torch.sin(x)), pl.Dirichlet(u=0.0)],
    )  # fmt: skip

    class Ended(SimpleNamespace):
        def __call__(self, x, y, t):
            return {"u": np.where(t < 0.5001, x + y, np.nan)}

    for asked, title in ((2.0, "t = 0.5, the last that was reached"), (0.4, "")):
        axes = Figure().add_subplot()
        draw_view(Ended(problem=problem), Card("Heat", "heat_robin", "", at={"t": asked}), axes)
        assert axes.get_title() == title
        shown = axes.images[0].get_array() if axes.images else axes.collections[0].get_array()
        assert float(np.nanmax(shown)) == 2.0
