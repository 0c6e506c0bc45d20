"""Which coordinate of a region is time."""

import re

import pytest
import torch

import pinnlab as pl
from pinnlab.domains import Region, from_data
from pinnlab.domains.cells import Cells

NAMED = pl.Box(x=(0.0, 1.0), tau=(0.0, 5.0), time="tau")
DISC = pl.Ball(center={"x": 0.0, "y": 0.0}, radius=1.0)


def test_t_is_time_where_nothing_else_is_said() -> None:
    assert pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)).time == "t"
    assert pl.Box(x=(0.0, 1.0)).time is None and not pl.Box(x=(0.0, 1.0)).has_time and DISC.time is None
    # the box of before: what is usual leaves no trace, on which names of files are built
    assert vars(pl.Box(x=(0.0, 1.0), t=(0.0, 1.0), time="t")) == {"bounds": {"x": (0.0, 1.0), "t": (0.0, 1.0)}}


def test_time_may_have_another_name() -> None:
    assert NAMED.time == "tau" and NAMED.clock == "tau" and NAMED.space == ("x",) and NAMED.time_index == 1
    assert NAMED.time_interval == (0.0, 5.0)
    assert repr(NAMED) == "Box(x=(0, 1), tau=(0, 5), time='tau')"
    assert NAMED.replace(x=(0.0, 2.0)).time == "tau"
    at_rest = NAMED.at_rest
    assert at_rest is not None and at_rest.time is None
    assert NAMED.initial(torch.rand(3, 2)).points[:, 1].tolist() == [0.0] * 3
    assert pl.Box(x=(0.0, 1.0), time=(0.0, 5.0)).time == "time"


def test_t_is_then_a_coordinate_like_others() -> None:
    box = pl.Box(t=(0.0, 1.0), tau=(0.0, 5.0), time="tau")
    assert box.space == ("t",) and box.pieces("t") == ("t-", "t+")
    at_rest = box.at_rest
    assert at_rest is not None and at_rest.time is None and repr(at_rest) == "Box(t=(0, 1), time=None)"
    assert pl.Box(t=(0.0, 1.0), time=None).space == ("t",)


def test_boxes_with_other_times_differ() -> None:
    both = {"t": (0.0, 1.0), "tau": (0.0, 1.0)}
    assert pl.Box(**both) != pl.Box(**both, time="tau")
    assert pl.Box(**both, time="tau") == pl.Box(**both, time="tau")
    assert pl.Box(**both) == pl.Box(**both, time="t")


@pytest.mark.parametrize(
    "region",
    [
        NAMED,
        DISC * pl.Box(tau=(0.0, 1.0), time="tau"),
        pl.Box(x=(0.0, 1.0)) * pl.Box(tau=(0.0, 1.0), time="tau"),
        pl.Polygon([(0, 0), (1, 0), (0, 1)]) * pl.Box(tau=(0.0, 1.0), time="tau"),
        (DISC - pl.Ball(center={"x": 0.0, "y": 0.0}, radius=0.2)) * pl.Box(tau=(0.0, 1.0), time="tau"),
        pl.Mesh([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)], [(0, 1, 2)]) * pl.Box(tau=(0.0, 1.0), time="tau"),
    ],
)
def test_products_and_files_keep_the_name(region: Region) -> None:
    assert region.time == "tau" and "tau" not in region.space
    again = from_data(region.to_data())
    assert again.time == "tau" and again == region
    assert region.replace(tau=(0.0, 0.5)).time_interval == (0.0, 0.5)
    at_rest = region.at_rest
    assert at_rest is not None and at_rest.coordinates == region.space


def test_files_without_a_name_have_t() -> None:
    assert pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)).to_data() == {"x": [0.0, 1.0], "t": [0.0, 1.0]}
    assert from_data({"x": [0.0, 1.0], "t": [0.0, 1.0]}).time == "t"
    assert from_data({"t": [0.0, 1.0], "time": None}).time is None


def test_cells_have_the_time_of_their_box() -> None:
    edges = {"x": torch.linspace(0, 1, 3).numpy(), "tau": torch.linspace(0, 1, 2).numpy()}
    cells = Cells(edges, "tau")
    assert cells.region.time == "tau" and all(box.time == "tau" for box in cells.boxes)
    assert cells.replace(x=edges["tau"]).time == "tau"


def test_wrong_names_are_refused() -> None:
    said = (
        "Box(time='z'): names no coordinate; the coordinates are 'x'. Give time the name of one, or add z=(start, end)."
    )
    with pytest.raises(ValueError, match=re.escape(said)):
        pl.Box(x=(0.0, 1.0), time="z")
    with pytest.raises(TypeError, match="Box\\(x='tau'\\): an interval is a pair of numbers"):
        pl.Box(x="tau", tau=(0.0, 1.0))
    with pytest.raises(ValueError, match="got no coordinates"):
        pl.Box(time="t")
    with pytest.raises(ValueError, match="'t' and 'tau' would both be time; a problem has one"):
        pl.Box(t=(0.0, 1.0)) * NAMED
    with pytest.raises(ValueError, match="'t' and 'tau' would both be time"):
        pl.Box(t=(0.0, 1.0)) * (DISC * pl.Box(tau=(0.0, 1.0), time="tau"))
    with pytest.raises(ValueError, match="set operations are of regions in space"):
        NAMED - pl.Box(x=(0.0, 1.0), tau=(0.0, 5.0), time="tau")
