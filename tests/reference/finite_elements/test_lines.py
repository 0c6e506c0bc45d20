"""Lines in space along which conditions change: they are found, tetrahedra are small there, and estimates are right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.domains.meshing.tetrahedralization import tetrahedralize
from pinnlab.reference.cost import TooLargeError
from pinnlab.reference.finite_elements import solve
from pinnlab.reference.finite_elements.conditions import sorted_conditions
from pinnlab.reference.finite_elements.contacts import Contacts
from pinnlab.reference.finite_elements.inner_parts import inner_parts
from pinnlab.reference.finite_elements.ladder import Ladder
from pinnlab.reference.finite_elements.lines import Line, singular_lines

BOX = pl.Box(x=(-1.0, 1.0), y=(0.0, 1.0), z=(0.0, 1.0))
CYLINDER = pl.Ball({"x": 0.0, "y": 0.0}, 1.0) * pl.Box(z=(0.0, 1.0))


def laplace(region: pl.Region, *conditions: Any) -> pl.Problem:
    return pl.Problem(region, "u", lambda u: u.laplacian, list(conditions))


def half_held(region: pl.Region = BOX, on: str = "y-") -> pl.Problem:
    """R^(1/2) sin(angle / 2) on a box: a value on one half of a side, no flux through the other."""
    sides = [pl.Dirichlet(u=square_root, on=piece) for piece in region.pieces(None) if piece != on]
    held = pl.Dirichlet(u=0.0, on=on, where=lambda x: x > 0)
    return laplace(region, *sides, held, pl.Neumann(u=0.0, on=on, where=lambda x: x <= 0))


def square_root(x: Any, y: Any, z: Any) -> Any:
    return torch.hypot(x, y) ** 0.5 * torch.sin(torch.atan2(y, x) / 2) + 0 * z


def lines_of(problem: pl.Problem) -> list[Line]:
    region = problem.domain.at_rest
    assert region is not None
    return singular_lines(problem, region, sorted_conditions(problem)[0])


def test_the_line_where_a_value_ends() -> None:
    (line,) = lines_of(half_held())
    assert not line.is_edge and line.planes == {"x": pytest.approx(0.0, abs=1e-9)}
    assert np.abs(line.points[:, :2]).max() < 1e-9
    # all of it, from end to end
    assert np.diff(np.sort(line.points[:, 2]), prepend=0.0, append=1.0).max() < 0.1


def test_a_circle_on_a_side_is_in_no_plane() -> None:
    def heated(x: Any, z: Any) -> Any:
        return x**2 + (z - 0.5) ** 2 < 0.09

    conditions = [pl.Dirichlet(u=0.0, on=side) for side in ("x", "y+", "z")]
    flux = pl.Neumann(u=0.0, on="y-", where=lambda x, z: x**2 + (z - 0.5) ** 2 >= 0.09)
    problem = laplace(BOX, *conditions, pl.Dirichlet(u=1.0, on="y-", where=heated), flux)
    (line,) = lines_of(problem)
    assert line.planes == {}
    np.testing.assert_allclose(np.hypot(line.points[:, 0], line.points[:, 2] - 0.5), 0.3, atol=1e-9)
    # edges do not follow it: errors fall with the first power, up and down
    assert Ladder.of(problem, sorted_conditions(problem)[0], Contacts.of(problem)).power == 1.0


def test_a_ring_around_a_cylinder() -> None:
    held = pl.Dirichlet(u=0.0, on="surface", where=lambda z: z < 0.4)
    rest = pl.Neumann(u=0.0, on="surface", where=lambda z: z >= 0.4)
    (line,) = lines_of(laplace(CYLINDER, held, rest, pl.Neumann(u=1.0, on="z")))
    assert line.planes == {"z": pytest.approx(0.4)}
    assert {part.bounds["z"][1] for part in inner_parts(half_held(), [line])} == {line.planes["z"]}


def test_values_that_clash_on_edges() -> None:
    cold = [pl.Dirichlet(u=0.0, on=side) for side in ("x", "y", "z-")]
    found = lines_of(laplace(BOX, *cold, pl.Dirichlet(u=1.0, on="z+")))
    assert len(found) == 4 and all(line.is_edge and np.allclose(line.points[:, 2], 1.0) for line in found)
    assert lines_of(laplace(BOX, pl.Dirichlet(u=lambda x, y, z: x * y * z))) == []


@pytest.mark.parametrize(("degrees", "blunt"), [(60.0, False), (90.0, False), (120.0, True), (240.0, True)])
def test_a_value_beside_a_flux_at_an_angle(degrees: float, blunt: bool) -> None:
    angle = math.radians(degrees)
    corners = [(0.0, 0.0), (1.0, 0.0), (math.cos(angle / 2), math.sin(angle / 2)), (math.cos(angle), math.sin(angle))]
    wedge = pl.Polygon(corners, edges=("held", "outer", "outer", "free")) * pl.Box(z=(0.0, 1.0))
    conditions = [pl.Dirichlet(u=0.0, on="held"), pl.Neumann(u=0.0, on="free"), pl.Neumann(u=0.0, on="z")]
    found = lines_of(laplace(wedge, *conditions, pl.Neumann(u=1.0, on="outer")))
    at_the_tip = [line for line in found if np.abs(line.points[:, :2]).max() < 1e-9]
    assert len(at_the_tip) == blunt


def test_tetrahedra_are_small_along_a_line() -> None:
    problem = half_held()
    mesh = Ladder.of(problem, sorted_conditions(problem)[0], Contacts.of(problem)).first()
    pairs = mesh.nodes[mesh.edges[0]]
    lengths = np.linalg.norm(pairs[:, 1] - pairs[:, 0], axis=1)
    along = np.hypot(pairs[:, :, 0], pairs[:, :, 1]).max(axis=1) < 1e-9
    # edges lie on the line from end to end, a quarter as long as others may be
    assert lengths[along].sum() == pytest.approx(1.0)
    assert lengths[along].max() < 0.4 * BOX.size / 6
    coarse = tetrahedralize(BOX, BOX.size / 6)
    assert len(coarse.elements) < len(mesh.elements) < 8 * len(coarse.elements)


def test_without_time_for_short_edges_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    fits = {1}

    def look_ahead(mesh: Any, *rest: Any) -> None:
        asked.append(len(mesh.elements))
        if len(asked) - 1 not in fits:
            raise TooLargeError("too many unknowns")

    monkeypatch.setattr(solve, "look_ahead_on", look_ahead)
    found = pl.reference_solution(half_held(), max_seconds=600)
    assert asked[1] < 0.7 * asked[0]
    assert f"{asked[1]} tetrahedra" in found.method
    fits.clear()
    with pytest.raises(ValueError, match="too many unknowns"):
        pl.reference_solution(half_held(), max_seconds=600)


def test_the_rim_of_a_part_belongs_to_it() -> None:
    problem = half_held()
    reference = pl.reference_solution(problem, tolerance=0.1, max_seconds=600)
    z = np.linspace(0.05, 0.95, 7)
    on_the_line = reference(x=np.zeros(7), y=np.zeros(7), z=z)["u"]
    assert np.abs(on_the_line).max() < 1e-12


@pytest.mark.parametrize("tolerance", [5e-3, pytest.param(1.4e-3, marks=pytest.mark.slow)])
def test_a_value_that_ends_on_a_side_has_an_estimate(tolerance: float) -> None:
    found = pl.reference_solution(half_held(), tolerance=tolerance, max_seconds=900)
    unit = torch.from_numpy(np.random.default_rng(0).uniform(size=(2000, 3)))
    points = BOX.interior(unit).points
    right = square_root(*points.T).numpy()
    at = dict(zip(BOX.coordinates, points.T.numpy(), strict=True))
    error = float(np.linalg.norm(found(**at)["u"] - right) / np.linalg.norm(right))
    assert error < tolerance and error / 1.5 < found.error_estimate["u"] < 3 * error
