"""Networks that begin as a solution that was found before: with its parameters, or fitted to its values.

Letters: n points, d coordinates, m unknowns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.terms import Scope, Term
from pinnlab.domains import Site
from pinnlab.domains.sampling import unit_points
from pinnlab.machine.deadline import Deadline
from pinnlab.optimizers.base import Optimizer
from pinnlab.optimizers.levenberg_marquardt import LevenbergMarquardt
from pinnlab.optimizers.quasi_newton import LBFGS
from pinnlab.training.blocks import Count
from pinnlab.training.model import Trainable
from pinnlab.training.part import Part
from pinnlab.training.residuals import ResidualSystem
from pinnlab.training.start import Start, kin, same_frame, take_over
from pinnlab.training.system import TrainingSystem
from pinnlab.training.weighting import Unweighted

_CLOSE = 1e-8
"""Root mean square of what is left, relative to the values, at which a fit is done."""
_SHARE = 0.15
"""Of the budget that a fit may take."""
_DENSE = 2000
"""Parameters up to which a fit takes Gauss-Newton steps."""


def begin(
    start: Start, system: TrainingSystem, view: Part, counts: Sequence[Count], owner: str, deadline: Deadline
) -> None:
    """Let a model begin as another solution.

    Parameters are taken over where the architecture agrees. Where it does not, the values are fitted. Where it does, but
    the networks were trained on inputs in other scales, both are tried, and the smaller loss decides: a problem with
    other numbers may be the same one in its own units, or not.

    Args:
        start: the solution.
        system: what is trained, with a model that has its first weights.
        view: the model as a part of the solution.
        counts: the terms it is trained on, and at how many points.
        owner: the solver, as messages call it.
        deadline: of the run.

    Raises:
        ValueError: the architecture does not agree, and the model is none of the unknowns at their places.
    """
    model = system.model
    before = start.near(view).networks
    related = kin(model.networks, before)
    if related:
        take_over(model.networks, before)
    elif view is not model:
        raise ValueError(
            f"solve(start=...): {owner} goes on from networks of the same architecture only, and the start has "
            f"{', '.join(type(n).__name__ for n in before) or 'none'} of other sizes; give {owner} the start's networks, or "
            "leave start out."
        )
    start.hand_over(model)
    if view is model and not (related and start.alike and same_frame(model.networks, before)):
        tried = [model.theta] if related else []
        fit(start, model, counts, deadline)
        tried.append(model.theta)
        # looking at a loss sets the parameters
        model.theta = min(tried, key=system.held_out_loss)


def fit(start: Start, model: Trainable, counts: Sequence[Count], deadline: Deadline) -> None:
    """Fit a model to a solution's values, at points where its equations are asked for."""
    equations = [count for count in counts if count.term.kind == "equation"]
    wanted = [_values_of(start, count, k) for k, count in enumerate(equations)]
    system = ResidualSystem(model, [count for count, _ in wanted], Unweighted(), "sobol", (0,), model.width)
    goal = _CLOSE**2 * sum(float(target.square().mean(dim=0).sum()) for _, target in wanted)
    optimizer: Optimizer = LBFGS(steps=60) if model.size > _DENSE else LevenbergMarquardt(steps=60, redraw=False)
    limit = deadline.share(_SHARE)
    numbers = {name: value.detach().clone() for name, value in model.numbers.items()}
    theta, state = model.theta, None
    for _ in range(optimizer.steps):
        step = optimizer.step(system, theta, optimizer.init(system, theta) if state is None else state)
        theta, state = step.theta, step.state
        if step.stalled or step.loss <= goal or limit.passed:
            break
    model.theta = theta
    with torch.no_grad():  # values say nothing of them
        for name, value in numbers.items():
            model.numbers[name].copy_(value)


def _values_of(start: Start, count: Count, number: int) -> tuple[Count, Tensor]:
    """A solution's values (n, m) in the place of equations, at fixed points."""
    (model,) = set(count.models)
    d, unknowns = len(model.region.coordinates), model.unknowns
    (site,) = count.term.draw(lambda n: unit_points("sobol", n, d, np.random.default_rng([number, 77])), count.n)
    points = site.points.to(model.parameters[0].detach())
    targets = start.values(points)
    known = torch.isfinite(targets).all(dim=1)
    points, targets = points[known], targets[known]

    def draw(_: object, n: int) -> tuple[Site, ...]:
        return (Site(points[:n]),)

    def evaluate(scopes: tuple[Scope, ...]) -> dict[str, Tensor]:
        fields = scopes[0].fields
        return {f"start {u}": fields[u].value - _first(targets[:, j], fields[u].value) for j, u in enumerate(unknowns)}

    term = Term("data", tuple(f"start {u}" for u in unknowns), draw, evaluate, fixed=len(points))
    return replace(count, term=term, n=len(points)), targets


def _first(targets: Tensor, values: Tensor) -> Tensor:
    return targets[: len(values)].to(values)
