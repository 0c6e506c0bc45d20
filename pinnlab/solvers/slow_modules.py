"""Modules of the user's own without fast derivatives: how long their steps take, and which optimizers suit them."""

from __future__ import annotations

import math
import time

from pinnlab.networks.own import taylor_mode
from pinnlab.optimizers import LBFGS, Adam, LevenbergMarquardt, Optimizer
from pinnlab.training.model import Trainable
from pinnlab.training.residuals import ResidualSystem

FEWEST_STEPS = 50
"""Of Gauss-Newton, which has to fit into the budget to be the default."""
_LARGEST_DENSE = 4000
"""Parameters up to which Gauss-Newton with a dense Jacobian is the default."""
_LOOKING = 0.5
"""Seconds after which no further rows are timed."""
FIRST_ORDER: tuple[Optimizer, ...] = (Adam(steps=5000), LBFGS(steps=2000))


def default_stages(model: Trainable) -> tuple[Optimizer, ...]:
    """Gauss-Newton for few parameters."""
    if max(sum(p.numel() for p in group) for group in model.groups) <= _LARGEST_DENSE:
        return (LevenbergMarquardt(),)
    return FIRST_ORDER


def slow_module(model: Trainable) -> str:
    """The class of a network without Taylor mode, whose derivatives are nested reverse passes; "" where there is none."""
    return next((type(network).__name__ for network in model.networks if taylor_mode(network) is None), "")


def gauss_newton_seconds(system: ResidualSystem) -> float:
    """What the Jacobian of a step takes on this computer, from its first rows; infinite where those do not fit in."""
    found, spent, began = math.inf, 0.0, time.process_time()
    try:
        for _, residuals, _ in system.jacobian_chunks(system.model.theta):
            seconds, began = time.process_time() - began, time.process_time()
            # what comes first takes longer: code is loaded
            found, spent = min(found, seconds * system.all_rows / len(residuals)), spent + seconds
            if spent > _LOOKING:
                break
    except TimeoutError:
        pass
    return found


def affordable_stages(name: str, seconds: float, budget: float) -> tuple[tuple[Optimizer, ...], str]:
    """Optimizers for a module without fast derivatives, and a sentence on its steps.

    Args:
        name: of the module's class.
        seconds: of a Gauss-Newton step.
        budget: seconds of the training; may be infinite.
    """
    told = (
        f"{name} is a module of your own without fast derivatives, which an nn.Sequential of linear layers and smooth "
        f"activations has: a Gauss-Newton step takes about {seconds:.2g} s"
    )
    if budget >= FEWEST_STEPS * seconds:
        return (LevenbergMarquardt(),), told
    few = f"{told}, {budget / seconds:.0f} of which fit into {budget:.3g} s"
    return FIRST_ORDER, f"{few}; it is trained with Adam and L-BFGS, unless stages=... says otherwise"


def chosen_stages(system: ResidualSystem, budget: float) -> tuple[tuple[Optimizer, ...], tuple[str, ...]]:
    """The default optimizers of a model, and what there is to say about them.

    Args:
        system: what is trained.
        budget: seconds of the training.
    """
    stages, name = default_stages(system.model), slow_module(system.model)
    if not name or not any(stage.forms_normal_equations for stage in stages):
        return stages, ()
    stages, told = affordable_stages(name, gauss_newton_seconds(system), budget)
    return stages, (told,)
