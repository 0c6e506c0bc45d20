"""An equation and its exact conditions on a package's outputs and gradients: numbers by hand, and our own derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnlab as pl
from pinnlab.bench.cases import load_case
from pinnlab.bench.peers.task import LossTerm, Task, stacked
from pinnlab.bench.peers.translation import Derivatives, ExactConditions, by_autograd, residuals
from pinnlab.declaration.library import problem_names
from pinnlab.declaration.terms import Scope
from pinnlab.derivatives.indices import used_indices
from pinnlab.domains import Site
from pinnlab.training.model import Model


def heat(**changes: object) -> pl.Problem:
    given = {
        "domain": pl.Box(x=(0.0, 2.0), t=(0.0, 1.0)),
        "unknowns": "u",
        "equations": lambda u, x, kappa: u.t - kappa * u.xx + x * u,
        "conditions": [pl.Initial(u=lambda x: torch.sin(x))],
        "parameters": {"kappa": 0.5},
    }
    return pl.Problem(**{**given, **changes})  # type: ignore[arg-type]


def unit(n: int) -> Tensor:
    """(n, 2) points of the unit square; other ones for another n."""
    return torch.rand(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(n))


def chosen(at: Tensor) -> Tensor:
    """N(x, t) = x^2 t, a stand-in for a network."""
    return (at[:, 0] ** 2 * at[:, 1])[:, None]


def test_the_product_rule_gives_the_derivatives_worked_out_by_hand() -> None:
    # u = sin x + t N = sin x + x^2 t^2
    at = torch.tensor([[0.3, 0.2], [1.5, 0.9]], dtype=torch.float64, requires_grad=True)
    exact = ExactConditions(heat().exact_plan().ansatz)
    u = Derivatives(chosen(at)[:, 0], by_autograd(at), at.detach(), ("x", "t"), exact, 0)
    x, t = at.detach().T
    expected = {
        (): torch.sin(x) + x**2 * t**2,
        ("x",): torch.cos(x) + 2 * x * t**2,
        ("t",): 2 * x**2 * t,
        ("x", "x"): -torch.sin(x) + 2 * t**2,
        ("x", "t"): 4 * x * t,
        ("t", "t"): 2 * x**2,
    }
    for key, value in expected.items():
        assert u(key).detach() == pytest.approx(value.numpy(), abs=1e-14), key
    assert exact(at, chosen(at)).detach()[:, 0] == pytest.approx(expected[()].numpy(), abs=1e-15)


def test_an_equation_is_evaluated_on_them() -> None:
    problem = heat()
    at = torch.tensor([[0.3, 0.2], [1.5, 0.9]], dtype=torch.float64, requires_grad=True)
    found = residuals(
        problem.equation_term(), problem.domain, (Site(at.detach()),), ("u",), problem.parameter_values(),
        ExactConditions(problem.exact_plan().ansatz), at, chosen(at), by_autograd(at),
    )  # fmt: skip
    x, t = at.detach().T
    expected = 2 * x**2 * t - 0.5 * (2 * t**2 - torch.sin(x)) + x * (torch.sin(x) + x**2 * t**2)
    (residual,) = found.values()
    assert residual.detach() == pytest.approx(expected.numpy(), abs=1e-14)


def test_a_condition_takes_its_own_rows_and_normals() -> None:
    # du/dn at x = 0 and x = 2, where u = N = x^2 t: 0 and 4 t; other points stand before and behind
    problem = heat(conditions=[pl.Neumann(u=1.0, on="x+"), pl.Neumann(u=0.0, on="x-")])
    exact = ExactConditions(problem.exact_plan().ansatz)
    assert exact.are_none
    for (_, (term,)), place, value in zip(problem.condition_terms(), (2.0, 0.0), (1.0, 0.0), strict=True):
        (site,) = term.draw(unit, 3)
        other = unit(4)
        at = torch.cat([other, site.points, other]).requires_grad_()
        (found,) = residuals(
            term, problem.domain, (site,), ("u",), {}, exact, at, chosen(at), by_autograd(at), start=4
        ).values()
        assert found.detach() == pytest.approx((2 * place * site.points[:, 1] - value).numpy(), abs=1e-14)


def test_a_condition_between_two_places_has_both_one_after_the_other() -> None:
    problem = heat(conditions=[pl.Periodic(on="x", exact=False)])
    ((_, (term,)),) = problem.condition_terms()
    sites = term.draw(unit, 5)
    at = torch.cat([site.points for site in sites]).requires_grad_()
    exact = ExactConditions(problem.exact_plan().ansatz)
    found = residuals(term, problem.domain, sites, ("u",), {}, exact, at, chosen(at), by_autograd(at))
    t = sites[0].points[:, 1].numpy()
    # N = x^2 t and N_x = 2 x t, at x = 0 less x = 2
    assert [r.detach().numpy() for r in found.values()] == [pytest.approx(-4 * t), pytest.approx(-4 * t)]


def wave_and_beam(u, v):  # type: ignore[no-untyped-def]
    return {"first": u.t + v * u.x - u.xx, "second": v.t + v.d("x", "x", "x", "x") + u.xt * u}


PROBLEMS = {
    "walls": heat(
        equations=lambda u, kappa: u.t + u * u.x - kappa * u.xx,
        conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0, on="x")],
    ),
    "two unknowns, fourth order, periodic": pl.Problem(
        domain=pl.Box(t=(0.0, 1.0), x=(0.0, 2.0)),
        unknowns=("u", "v"),
        equations=wave_and_beam,
        conditions=[
            pl.Initial(u=lambda x: torch.sin(math.pi * x), v=lambda x: torch.cos(math.pi * x)), pl.Periodic(on="x")
        ],
    ),
    "a kink at the seam": pl.load_problem("allen_cahn"),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
def test_residuals_are_those_of_our_own_derivatives(name: str) -> None:
    problem = PROBLEMS[name]
    harmonics = 2 if problem.exact_plan().periods else 1
    task = Task.of(problem, pl.PINN(network=pl.MLP(width=7, depth=2), points=40, harmonics=harmonics), seed=3)
    (part, *_) = task.parts
    network = task.network
    sites = task.sites(part, np.random.default_rng(0))
    at = stacked(sites).requires_grad_()
    outputs = _plain(task, at)
    found = task.residuals(part, sites, at, outputs, by_autograd(at))
    model = Model(problem.domain, problem.unknowns, network, problem.exact_plan().ansatz, {}, {})
    indices, coordinates = used_indices(problem.derivatives, problem.domain.coordinates), problem.domain.coordinates
    jet = model.jet(at.detach(), indices)
    jets = {
        unknown: {tuple(coordinates[i] for i in index): jet[c, :, j] for c, index in enumerate(indices)}
        for j, unknown in enumerate(problem.unknowns)
    }
    scope = Scope.of_jets(jets, problem.domain.columns(at.detach()), problem.parameter_values())
    ours = torch.stack(list(problem.equation_term().evaluate((scope,)).values()), dim=1)
    assert found.shape == (40, len(problem.residual_names))
    assert (found - ours).abs().max() < 1e-13 * ours.abs().max()
    assert (task.exact(at.detach(), outputs) - jet[0]).abs().max() < 1e-13


def _plain(task: Task, at: Tensor) -> Tensor:
    """The network as others would write it."""
    values, layers = task.features(at), [*task.network.hidden, task.network.last]
    assert [values.shape[1], *(len(layer.weight) for layer in layers)] == task.layers
    for layer in layers[:-1]:
        values = torch.tanh(values @ layer.weight.T + layer.bias)
    return values @ layers[-1].weight.T + layers[-1].bias


@pytest.mark.parametrize("name", problem_names())
def test_every_single_problem_of_the_package_can_be_given_to_a_peer(name: str) -> None:
    case = load_case(name)
    problem = case.problem()
    if problem.families or problem.unknown_parameters or problem.unknown_functions:
        pytest.skip("no single forward problem")
    task = Task.of(problem, case.solver(case.trained_solver))
    for part in task.parts:
        few = LossTerm(part.term, 20)
        sites = task.sites(few, np.random.default_rng(0))
        at = stacked(sites).requires_grad_()
        found = task.residuals(few, sites, at, _plain(task, at), by_autograd(at))
        assert found.shape[1] == len(part.term.residuals) and bool(torch.isfinite(found).all())


def test_known_derivatives_are_computed_once_per_set_of_points(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = ExactConditions(heat().exact_plan().ansatz)
    calls = []
    prepare = exact._ansatz.prepare
    monkeypatch.setattr(exact._ansatz, "prepare", lambda points, indices: calls.append(1) or prepare(points, indices))
    first, second = unit(4), unit(5)
    exact.derivatives(first, (0, 0))
    exact.derivatives(first.clone(), (0,))
    assert len(calls) == 1
    indices, offset, _ = exact.derivatives(second, ())
    assert len(calls) == 2 and (0, 0) in indices
    assert offset[indices.index((0, 0)), :, 0] == pytest.approx(-torch.sin(second[:, 0]).numpy())


def test_a_task_has_the_network_the_points_and_the_conditions_of_the_solver() -> None:
    problem = heat(conditions=[pl.Initial(u=0.0), pl.Neumann(u=0.0, on="x")])
    solver = pl.CausalPINN(network=pl.MLP(width=9, depth=2, activation="sin"), points=50, condition_weight=7.0)
    task = Task.of(problem, solver)
    assert task.layers == [2, 9, 9, 1] and task.activation == "sin"
    kinds = [(p.term.kind, p.n, p.term.weight) for p in task.parts]
    assert kinds == [("equation", 50, 1.0), ("boundary", 64, 7.0), ("boundary", 64, 7.0)]
    assert task.sites(LossTerm(task.parts[0].term, 6), np.random.default_rng(0))[0].points.shape == (6, 2)
    assert Task.of(problem, None, dtype=torch.float32).features(torch.zeros(1, 2)).dtype == torch.float32


def test_what_peers_cannot_train_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown coefficients \(kappa\)"):
        Task.of(heat(parameters={"kappa": pl.Unknown(1.0)}), None)
    with pytest.raises(ValueError, match="multilayer perceptrons"):
        Task.of(heat(), pl.PINN(network=pl.PirateNet()))
    with pytest.raises(ValueError, match="is a family"):
        Task.of(heat(parameters={"kappa": pl.Uniform(0.1, 1.0)}), None)
