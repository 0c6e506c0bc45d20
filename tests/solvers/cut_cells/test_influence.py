"""What rows that were not solved tell of the error of the whole solution, and from which cells it comes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.domains.trees import Tree
from pinnlab.machine.deadline import Deadline, TimeIsUpError
from pinnlab.solvers.cut_cells.assembled import Assembled
from pinnlab.solvers.cut_cells.discretization import CutDiscretization, emphasis
from pinnlab.solvers.cut_cells.influence import Influence, Misfits, influence
from pinnlab.solvers.cut_cells.layout import Inside
from pinnlab.solvers.cut_cells.system import CellSystem, Found, mean
from pinnlab.solvers.local_experts.basis import TotalDegree

SQUARE = pl.Box(x=(0.0, 1.0), y=(0.0, 1.0))


def ripples(x: Tensor, y: Tensor) -> Tensor:
    return torch.sin(7 * x + y) * torch.exp(-2 * y)


def plate() -> pl.Problem:
    """The biharmonic equation; of exp(i a x + b y) the operator makes (b^2 - a^2)^2 times as much."""
    factor = torch.tensor((7j) ** 2 + (1j - 2) ** 2) ** 2

    def load(x: Tensor, y: Tensor) -> Tensor:
        return (factor * torch.exp(7j * x + (1j - 2) * y)).imag

    def slopes(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        wave = torch.cos(7 * x + y) * torch.exp(-2 * y)
        return 7 * wave, wave - 2 * ripples(x, y)

    return pl.Problem(
        SQUARE, "u",
        lambda u, x, y: u.d("x", "x", "x", "x") + 2 * u.d("x", "x", "y", "y") + u.d("y", "y", "y", "y") - load(x, y),
        [
            pl.Dirichlet(u=ripples), pl.Condition(lambda u, x, y: u.x - slopes(x, y)[0], on="x"),
            pl.Condition(lambda u, x, y: u.y - slopes(x, y)[1], on="y"),
        ],
    )  # fmt: skip


def membrane() -> pl.Problem:
    def source(x: Tensor, y: Tensor) -> Tensor:
        return (((7j) ** 2 + (1j - 2) ** 2) * torch.exp(7j * x + (1j - 2) * y)).imag

    return pl.Problem(SQUARE, "u", lambda u, x, y: u.laplacian - source(x, y), [pl.Dirichlet(u=ripples)])


def solved(problem: pl.Problem, cells: int, degree: int) -> tuple[Assembled, CellSystem, Found, Misfits]:
    tree = Tree.over([np.linspace(0.0, 1.0, cells + 1)] * 2)
    made = CutDiscretization(problem, TotalDegree(2, degree), 100.0)
    rows = made.assembled(Inside(problem.domain, tree, made.materials))
    system = rows.system()
    found = system.solve(np.zeros((rows.layout.count, 1, made.basis.size)), 1e-12, 10)
    return rows, system, found, [(g, *g.linearized(found.coefficients)) for g in rows.held_out if g.count]


def told(rows: Assembled, system: CellSystem, found: Found, misfits: Misfits) -> Influence:
    assert found.solver is not None
    return influence(system, found.solver, found.linear, misfits, rows.layout.volumes(), Deadline())


def error(rows: Assembled, found: Found) -> float:
    """The root mean square of the true error at the points of the equations."""
    site = rows.groups[0].sites[0]
    at = torch.from_numpy(site.points)
    return float(np.sqrt(np.mean((site.derivative(found.coefficients[:, 0], ()) - ripples(*at.T).numpy()) ** 2)))


@pytest.mark.parametrize("problem", [membrane, plate])
@pytest.mark.parametrize(("cells", "degree"), [(3, 7), (4, 8), (5, 9)])
def test_the_change_that_is_asked_for_is_about_the_error(
    problem: Callable[[], pl.Problem], cells: int, degree: int
) -> None:
    case = solved(problem(), cells, degree)
    assert 1 / 3 < told(*case).error / error(case[0], case[2]) < 3


def test_shares_add_up_to_the_whole() -> None:
    case = solved(plate(), 3, 8)
    found = told(*case)
    assert found.shares.sum() == pytest.approx(found.error, rel=1e-2)


def test_the_cell_that_does_not_resolve_has_the_largest_share() -> None:
    """One cell in which a load is not resolved: a bump that is narrower."""

    def bump(x: Tensor, y: Tensor) -> Tensor:
        return torch.exp(-((x - 0.8) ** 2 + (y - 0.3) ** 2) / 0.01)

    problem = pl.Problem(SQUARE, "u", lambda u, x, y: u.laplacian + bump(x, y), [pl.Dirichlet(u=0.0)])
    case = solved(problem, 4, 6)
    worst = np.argmax(np.abs(told(*case).shares))
    assert np.abs(case[0].layout.middles()[worst] - [0.8, 0.3]).max() < 0.125


def test_the_cell_that_most_comes_from_bears_all_of_it() -> None:
    found = Influence(0.6, np.array([0.6]), np.array([0.4, -0.1, 0.3]))
    assert found.relative(2.0) == pytest.approx([0.3, 0.075, 0.225])
    assert Influence(0.0, np.zeros(1), np.zeros(2)).relative(0.0) == pytest.approx([0.0, 0.0])


def test_the_mean_over_the_region() -> None:
    rows, _, found, _ = solved(membrane(), 3, 9)
    size = mean(rows.groups[0], found.coefficients, rows.counts, rows.layout.volumes())
    square = (1 - math.exp(-4)) / 8  # the mean of sin^2 exp(-4 y) is about half of that of exp(-4 y)
    assert size == pytest.approx(math.sqrt(square), rel=0.1)


def test_it_ends_with_its_deadline() -> None:
    rows, system, found, misfits = solved(membrane(), 3, 6)
    assert found.solver is not None
    with pytest.raises(TimeIsUpError):
        influence(system, found.solver, found.linear, misfits, rows.layout.volumes(), Deadline(-1.0))


def test_small_cells_count_more_in_equations_of_high_order() -> None:
    """Of fourth order in the plane in proportion to 1 / h, in space to its root; of third order in the plane, too."""
    sizes = np.array([1.0, 0.25])
    assert emphasis(sizes, 4, 2) == pytest.approx([1.0, 4.0])
    assert emphasis(sizes, 4, 3) == pytest.approx([1.0, 2.0])
    assert emphasis(sizes, 3, 2) == pytest.approx([1.0, 2.0])
    assert emphasis(sizes, 2, 2) is None and emphasis(sizes, 2, 3) is None


def test_small_cells_spoil_less_of_a_plate_where_they_count_more() -> None:
    """The middle one of nine cells is halved: what the large ones do not resolve goes where the equation is cheap."""
    tree = Tree.over([np.linspace(0.0, 1.0, 4)] * 2)
    tree.split(tree.locate(np.array([[0.5, 0.5]])).tolist())
    made = CutDiscretization(plate(), TotalDegree(2, 9), 100.0)

    def spoilt(alike: bool) -> float:
        rows = made.assembled(Inside(SQUARE, tree, made.materials))
        for group in rows.groups if alike else ():
            group.emphasis = None
        found = rows.system().solve(np.zeros((rows.layout.count, 1, made.basis.size)), 1e-12, 10)
        return error(rows, found)

    assert spoilt(alike=False) < spoilt(alike=True) / 3


def test_the_change_of_one_unknown_is_that_of_all() -> None:
    found = told(*solved(membrane(), 3, 7))
    assert found.of_each == pytest.approx([found.error])


def test_what_solved_rows_hardly_see_is_bounded_by_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of the boundary that count next to nothing, and bound nothing: the others there do."""
    rows, system, found, misfits = solved(membrane(), 3, 7)
    linear = [list(parts) for parts in found.linear]
    for at, group in enumerate(system.groups):
        if group.weight > 1 and len(group.sites) == 1:
            linear[at] = [{key: 1e-4 * part for key, part in parts.items()} for parts in linear[at]]
    solver = system.factorized(linear)
    by_solved_rows = float(np.sqrt(np.mean(solver(system.pulled_back(misfits)) ** 2)))
    usual = told(rows, system, found, misfits).error
    assert by_solved_rows > 1e4 * usual
    few = influence(system, solver, linear, misfits, rows.layout.volumes(), Deadline()).error
    monkeypatch.setattr("pinnlab.solvers.cut_cells.influence._TURNS", 500)
    monkeypatch.setattr("pinnlab.solvers.cut_cells.influence._ROUGHLY", 1e-6)
    all_of_them = influence(system, solver, linear, misfits, rows.layout.volumes(), Deadline()).error
    assert all_of_them < few < by_solved_rows
    assert all_of_them < 100 * usual
