"""The cases of PINNacle: all there, complete, and with exact solutions that solve them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import pinnlab as pl
from pinnlab.bench.cases import CaseError, load_case, shipped_cases
from pinnlab.cli import main
from pinnlab.declaration.library import collections, is_shipped, problem_module, problem_names
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.autograd import autograd_jet
from pinnlab.derivatives.indices import used_indices
from pinnlab.problems.pinnacle._fields import RandomWaves

NAMES = problem_names("pinnacle")
EXACT = (
    "heat_2d_multiscale", "heat_5d", "heat_inverse", "poisson_5d", "poisson_inverse", "wave_1d", "wave_2d_long",
)  # fmt: skip


def test_there_are_twenty_two() -> None:
    assert len(NAMES) == 22 and collections() == ("pinnacle",)
    assert not set(NAMES) & set(problem_names()) and all(map(is_shipped, NAMES)) and not is_shipped("pinnacle/nothing")
    assert pl.load_problem("pinnacle/wave_1d").name == "PINNacle Wave 1d-C"
    with pytest.raises(ValueError, match=r"there is no collection 'other'; the collections are pinnacle"):
        problem_names("other")
    with pytest.raises(ValueError, match=r"there is no problem 'pinnacle/nothing'; .* pinnacle/\.\.\."):
        problem_module("pinnacle/nothing")
    with pytest.raises(CaseError, match="there is no collection 'other'"):
        shipped_cases("other")


@pytest.mark.parametrize("name", NAMES)
def test_files_have_a_published_error_and_no_recipe(name: str) -> None:
    case = load_case(name)
    assert 0 < float(case.published) < 1 and not case.has_recipe and case.budget == 60
    assert "Reference:" in (case.module.__doc__ or "")
    assert isinstance(case.problem(), pl.Problem)


@pytest.mark.parametrize("name", ["navier_stokes_cavity", "navier_stokes_long", "navier_stokes_step"])
def test_flows_are_unique(name: str) -> None:
    problem = pl.load_problem(f"pinnacle/{name}")
    assert problem.check().complete
    problem.check_unique()


@pytest.mark.parametrize("name", EXACT)
def test_exact_solutions_solve_their_equations_and_meet_their_conditions(name: str) -> None:
    problem = pl.load_problem(f"pinnacle/{name}")
    if problem.unknown_functions:
        problem = problem.at(a=problem_module(f"pinnacle/{name}").exact_a)
        assert all(isinstance(condition, pl.Data) for condition in problem.conditions)
    domain = problem.domain

    def exact(points: torch.Tensor) -> torch.Tensor:
        assert callable(problem.reference)
        found = problem.reference(**domain.columns(points))
        if not isinstance(found, Mapping):
            found = {problem.unknowns[0]: found}
        return torch.stack([found[unknown] for unknown in problem.unknowns], dim=1)

    indices = used_indices(problem.derivatives, domain.coordinates)
    rng = np.random.default_rng(0)

    def unit(n: int) -> torch.Tensor:
        return torch.from_numpy(rng.random((n, len(domain.coordinates))))

    for term in (problem.equation_term(), *(t for c in problem.conditions for t in c.terms(problem.context()))):
        if term.kind == "data":  # they have noise
            continue
        (site,) = term.draw(unit, 40)
        jet = autograd_jet(exact, site.points, indices, keep=False)
        columns = domain.columns(site.points)
        normals = None if site.normals is None else dict(domain.columns(site.normals))
        scope = Scope.of_jet(jet, indices, problem.unknowns, columns, problem.parameter_values(), normals)
        for label, residual in term.evaluate((scope,)).items():
            assert float(residual.abs().max()) < 1e-9, label


def test_random_fields_have_the_size_and_the_decay_that_they_say() -> None:
    nodes = torch.arange(64, dtype=torch.float64) / 32
    field = RandomWaves(6, 2.0, 2.0, seed=3)(*torch.meshgrid(nodes, nodes, indexing="ij"))
    assert float(field.mean()) == pytest.approx(0.0, abs=1e-13) and float((field**2).mean()) == pytest.approx(1.0)
    spectrum = torch.fft.rfft2(field, norm="forward").abs()
    assert float(spectrum[7:58].max()) < 1e-13 and float(spectrum[:, 7:].max()) < 1e-13
    assert float(spectrum[:3, :3].max()) > 10 * float(spectrum[5:7, 5:7].max())
    same = RandomWaves(6, 2.0, 2.0, seed=3)(nodes, nodes + 2)
    torch.testing.assert_close(same, torch.diagonal(field))


def test_command_line_lists_the_collection() -> None:
    result = CliRunner().invoke(main, ["list", "pinnacle"])
    assert result.exit_code == 0 and all(name in result.output for name in NAMES)
    assert "22 more: pinnlab list pinnacle" in CliRunner().invoke(main, ["list"]).output
    wrong = CliRunner().invoke(main, ["list", "other"])
    assert wrong.exit_code == 2 and "there is no collection 'other'" in wrong.output
