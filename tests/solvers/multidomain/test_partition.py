"""Splitting a domain: cells, interfaces, who keeps which condition, and what cannot be split."""

from __future__ import annotations

import pytest
import torch

import pinnlab as pl
from pinnlab.solvers.multidomain.partition import Subdomains

BOX = pl.Box(x=(0.0, 2.0), t=(0.0, 1.0))


def test_cells_are_numbered_with_the_last_coordinate_fastest() -> None:
    found = Subdomains({"x": (0.5, 1.5), "t": (0.25,)}).split(BOX)
    assert [(c.box.bounds["x"], c.box.bounds["t"]) for c in found.cells] == [
        ((0.0, 0.5), (0.0, 0.25)), ((0.0, 0.5), (0.25, 1.0)),
        ((0.5, 1.5), (0.0, 0.25)), ((0.5, 1.5), (0.25, 1.0)),
        ((1.5, 2.0), (0.0, 0.25)), ((1.5, 2.0), (0.25, 1.0)),
    ]  # fmt: skip
    assert [c.owner for c in found.cells] == list(range(6))
    assert {(i.first, i.second, i.normal) for i in found.interfaces} == {
        (0, 1, "t"), (2, 3, "t"), (4, 5, "t"), (0, 2, "x"), (2, 4, "x"), (1, 3, "x"), (3, 5, "x"),
    }  # fmt: skip
    assert [found.time_interval(k) for k in range(6)] == [0, 1, 0, 1, 0, 1]


def test_interface_points_lie_on_both_cells_and_normals_point_up() -> None:
    found = Subdomains({"x": (0.5,)}).split(BOX)
    (interface,) = found.interfaces
    unit = torch.rand(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    below, above = interface.sites(unit)
    torch.testing.assert_close(below.points, above.points)
    assert (below.points[:, 0] == 0.5).all() and BOX.contains(below.points).all()
    assert torch.equal(below.normals, torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(20, 2))
    assert interface.width == pytest.approx((0.5 + 1.5) / 4)


def test_a_cut_periodic_coordinate_closes_to_a_ring() -> None:
    found = Subdomains({"x": (0.5, 1.0)}).split(BOX, periodic=("x",))
    ring = [i for i in found.interfaces if (i.first, i.second) == (2, 0)]
    assert len(found.interfaces) == 3 and len(ring) == 1
    below, above = ring[0].sites(torch.full((4, 2), 0.5, dtype=torch.float64))
    assert (below.points[:, 0] == 2.0).all() and (above.points[:, 0] == 0.0).all()
    torch.testing.assert_close(below.points[:, 1], above.points[:, 1])


def test_cells_that_stand_together_share_an_owner() -> None:
    found = Subdomains({"x": (0.5, 1.0, 1.5)}, together=[(1, 3)]).split(BOX)
    assert [c.owner for c in found.cells] == [0, 1, 2, 1] and found.subdomains == 3
    assert found.bounding_box(1) == {"x": (0.5, 2.0), "t": (0.0, 1.0)}


def test_points_are_found_in_their_cell() -> None:
    found = Subdomains({"x": (0.5,)}).split(BOX)
    points = torch.tensor([[0.1, 0.5], [0.5, 0.5], [0.6, 1.0], [3.0, 0.5]], dtype=torch.float64)
    assert found.find(points).tolist() == [0, 0, 1, -1]


def test_each_cell_keeps_the_conditions_that_concern_it() -> None:
    found = Subdomains({"x": (0.5, 1.5), "t": (0.25,)}).split(BOX)
    given = [pl.Initial(u=0.0), pl.Dirichlet(u=1.0), pl.Robin(u=(1.0, 2.0, 0.0), on="x+")]
    kept = [[(c.name, getattr(c, "on", None)) for c in found.conditions(k, given)] for k in range(6)]
    assert kept == [
        [("Initial", None), ("Dirichlet", "x-")], [("Dirichlet", "x-")],
        [("Initial", None)], [],
        [("Initial", None), ("Dirichlet", "x+"), ("Robin", "x+")], [("Dirichlet", "x+"), ("Robin", "x+")],
    ]  # fmt: skip
    in_time = Subdomains({"t": (0.5,)}).split(BOX)
    assert in_time.conditions(1, given)[0] is given[1]


def test_periodic_conditions_and_data_stay_where_they_belong() -> None:
    data = pl.Data(points={"x": [0.1, 1.9, 1.8], "t": [0.5, 0.5, 0.9]}, u=[1.0, 2.0, 3.0])
    given = [pl.Periodic(on="x"), data]
    in_time = Subdomains({"t": (0.25,)}).split(BOX)
    assert [c.name for c in in_time.conditions(0, given)] == ["Periodic"]
    in_space = Subdomains({"x": (1.0,)}).split(BOX)
    (mine,) = in_space.conditions(1, given)
    assert mine.values["u"].tolist() == [2.0, 3.0]


class Corner(pl.Box):
    """The box without its upper right quarter."""

    def contains(self, points: torch.Tensor) -> torch.Tensor:
        return super().contains(points) & ~((points[:, 0] > 0) & (points[:, 1] > 0))


@pytest.mark.parametrize(
    ("cuts", "together", "message"),
    [
        ({"x": (0.5, 2.0)}, (), r"the cut x = 2 is not inside \(0, 2\)"),
        ({"x": (-1.0,)}, (), r"the cut x = -1 is not inside"),
        ({"y": (0.5,)}, (), r"'y' is no coordinate of Box.*cut along x, t"),
        ({"x": (0.5,)}, [(0, 5)], r"there is no cell 5; cells are numbered 0 to 1"),
    ],
)
def test_what_does_not_fit_the_domain_is_refused(cuts: dict, together: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Subdomains(cuts, together).split(BOX)


def test_cuts_must_be_increasing_numbers_and_groups_disjoint() -> None:
    with pytest.raises(ValueError, match="increasing order"):
        Subdomains({"x": (1.0, 0.5)})
    with pytest.raises(TypeError, match="give positions of cuts"):
        Subdomains({"x": ("a",)})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="give positions of cuts"):
        Subdomains({})
    with pytest.raises(ValueError, match="one group only"):
        Subdomains({"x": (1.0,)}, together=[(0, 1), (1,)])
