"""Which of several solutions was found, where an integral chooses the size of one and not its sign.

Letters: n points.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from pinnlab.declaration.conditions import Integral
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope, Term
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet, made_up_jet
from pinnlab.domains.sampling import unit_points
from pinnlab.training.result import Result

_POINTS = 2001
_FAINT = 1e-5
"""Share of the largest value below which a sign says nothing."""


def either_sign(problem: Problem) -> bool:
    """Whether the negative of a solution is a solution too, as far as made-up numbers tell."""
    terms = [problem.equation_term(), *(term for _, terms in problem.condition_terms() for term in terms)]
    return all(_is_blind(problem, term) for term in terms)


def _is_blind(problem: Problem, term: Term) -> bool:
    domain, rng = problem.domain, np.random.default_rng(5)
    sites = term.draw(lambda n: unit_points("sobol", n, len(domain.coordinates), rng), term.fixed or 4)
    found = []
    for sign in (1.0, -1.0):
        scopes = []
        for i, site in enumerate(sites):
            jets = {
                u: _times(sign, made_up_jet(len(site.points), 17 * i + j, False))
                for j, u in enumerate(problem.unknowns)
            }
            normals = None if site.normals is None else domain.columns(site.normals)
            scopes.append(Scope.of_jets(jets, domain.columns(site.points), problem.parameter_values(), normals))
        with torch.no_grad():
            found.append(torch.stack([r.detach() for r in term.evaluate(tuple(scopes)).values()]))
    plus, minus = found
    return torch.allclose(plus, minus, rtol=1e-9, equal_nan=True) or torch.allclose(
        plus, -minus, rtol=1e-9, equal_nan=True
    )


def _times(sign: float, jet: Mapping[Key, torch.Tensor]) -> LazyJet:
    return LazyJet(lambda key: sign * jet[key].detach())


def sign_changes(values: np.ndarray) -> int:
    """How often (n,) values on a line change their sign; those next to zero do not count."""
    seen = values[np.abs(values) > _FAINT * np.abs(values).max()]
    return int((np.diff(np.sign(seen)) != 0).sum())


def which_state(result: Result) -> tuple[str, ...]:
    """A remark on the sign and the nodes of what was found, where an integral and an unknown coefficient decide it."""
    problem = result.problem
    beside = any(isinstance(c, Integral) for c in problem.conditions)
    if not beside or not problem.unknown_parameters or problem.families or not either_sign(problem):
        return ()
    numbers = ", ".join(
        f"{name} = {float(value.detach()):.8g} from a start at {problem.parameter_values()[name]:g}"
        for name, value in result.models[-1].coefficients.items()
    )
    found = f"{numbers} is one of several solutions; the same with the opposite sign is another"
    if len(problem.domain.coordinates) == 1 and len(problem.domain.space) == 1:
        lower, upper = next(iter(problem.domain.bounds.values()))
        line = torch.linspace(lower, upper, _POINTS, dtype=torch.float64)[:, None]
        values = result.function(line.to(result.models[-1].parameters[0])).detach().to("cpu", torch.float64).numpy()
        counts = {u: sign_changes(values[:, j]) for j, u in enumerate(problem.unknowns)}
        nodes = [f"{u} has {count or 'no'} node{'' if count == 1 else 's'} inside" for u, count in counts.items()]
        found = f"{found}; {', '.join(nodes)}"
    return (found,)
