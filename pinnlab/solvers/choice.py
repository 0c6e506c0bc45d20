"""Which solver suits a problem, and why: rules in order, about properties that a problem has and numbers read off it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from pinnlab.declaration.conditions import Initial, Integral
from pinnlab.declaration.known_layers import Layers
from pinnlab.declaration.parameters.kinds import Uniform
from pinnlab.declaration.problem import Problem
from pinnlab.domains import Box
from pinnlab.machine.threads import limited_threads
from pinnlab.networks.mlp import MLP
from pinnlab.solvers.causal import CausalPINN
from pinnlab.solvers.hard_constraint import HardConstraintMoE
from pinnlab.solvers.lagrangian.solver import LagrangianPINN
from pinnlab.solvers.local_experts.options import runs_on
from pinnlab.solvers.multidomain.solver import MultiDomainPINN
from pinnlab.solvers.parameter_collocation.plan import ParameterCollocation, middle_member
from pinnlab.solvers.pinn import PINN
from pinnlab.solvers.scales import changes, crossings, peclet, turns
from pinnlab.solvers.switches import changing
from pinnlab.training.plans import Settings, Solver

DEFAULT_SECONDS = 60.0
"""Budget of a solve that names neither a solver nor a budget."""
MOST_WINDOWS = 64
SECONDS_PER_WINDOW = 15.0
"""A network trained for less is worse than one for a longer window; windows that go on from the last one's network
(characteristics) need less."""
WARM_SECONDS = 1.5
PLANE_SECONDS = 4.5
"""The same in the plane, where a window's labels take three seconds before its network is trained."""
STEPS = 100
"""Gauss-Newton steps that should fit into the training of a network: larger networks are better only after more."""
RATE = 5e9
"""Multiplications per second of a step, on one core."""
TRANSPORT = 100.0
"""Peclet number from which on transport dominates."""
MOST_NUMBERS = 4
"""Numbers of a family up to which members at nodes are few enough."""
FAR = 20.0
"""Domain lengths from which on experts at fixed places need too many slabs; moving ones do not see the distance."""


PLANE_TOLERANCE = 1e-6
"""Of local experts in the plane with time, whose slabs take seconds each."""


@dataclass(frozen=True)
class Choice:
    """A solver with the reason for it, in words; ``certain`` where it always ends with a solution of the whole."""

    solver: Solver
    why: str
    certain: bool = True


def choose(problem: Problem, settings: Settings, seconds: float, *, experts: bool = True) -> Choice:
    """The choice of the first rule that applies.

    Args:
        problem: what is to be solved.
        settings: of the solve.
        seconds: its budget.
        experts: whether local experts are to be considered; not where they have been tried.
    """
    rules = RULES if experts else AFTERWARDS
    return next(choice for rule in rules if (choice := rule(problem, settings, seconds)) is not None)


def windows_for(problem: Problem, seconds: float) -> int:
    """Time windows of about one period, or of growth to 20 times the size; few where each would be trained briefly."""
    return _affordable(changes(problem), seconds / SECONDS_PER_WINDOW)


def width_for(seconds: float) -> int:
    """Neurons per layer of a network with which so many seconds hold a hundred Gauss-Newton steps.

    A step on four rows per parameter costs about 4 P^3 multiplications; three layers of w neurons have P = 2 w^2.
    """
    parameters = (seconds * RATE / (4 * STEPS)) ** (1 / 3)
    return min(30, max(10, round(math.sqrt(parameters / 2))))


Rule = Callable[[Problem, Settings, float], Choice | None]


def _family(problem: Problem, settings: Settings, seconds: float) -> Choice | None:
    numbers = all(isinstance(problem.parameters[name], Uniform) for name in problem.families)
    if not problem.families or len(problem.families) > MOST_NUMBERS or not numbers or settings.start is not None:
        return None
    found = _experts(middle_member(problem), settings, seconds)
    if found is None:
        return None
    names = ", ".join(problem.families)
    why = f"a family over {names}: members that local experts solve, and a polynomial in {names} through them"
    return Choice(ParameterCollocation(solver=found.solver), why, certain=False)


def _trained_family(problem: Problem, settings: Settings, seconds: float) -> Choice | None:
    if not problem.families:
        return None
    names = ", ".join(problem.families)
    return Choice(
        HardConstraintMoE(), f"a family over {names}: experts over trained basis functions, for all members at once"
    )


def _functions(problem: Problem, settings: Settings, seconds: float) -> Choice | None:
    if not problem.unknown_functions:
        return None
    return Choice(
        HardConstraintMoE(), f"functions ({', '.join(problem.unknown_functions)}) to be found from data: experts"
    )


def _numbers(problem: Problem, settings: Settings, seconds: float) -> Choice | None:
    found = _experts(problem, settings, seconds) if problem.unknown_parameters else None
    names = ", ".join(problem.unknown_parameters)
    if any(isinstance(c, Integral) for c in problem.conditions):
        why = f"{names} to be found beside an integral: many local experts, solved for with it"
    else:
        why = (
            f"{names} to be found from data: local experts solve for the state, and the numbers are fitted around them"
        )
    return found and replace(found, why=why)


def _unknown(problem: Problem, settings: Settings, seconds: float) -> Choice | None:
    if not problem.unknown_parameters:
        return None
    what = f"{', '.join(problem.unknown_parameters)} to be found {_whence(problem)}"
    if (choice := _materials(problem, settings, seconds)) is not None:
        return replace(choice, why=f"{what}, {choice.why}")
    return Choice(PINN(network=MLP(width=width_for(seconds))), f"{what}: one network, trained")


def _whence(problem: Problem) -> str:
    """What decides coefficients that are to be found."""
    return "beside an integral" if any(isinstance(c, Integral) for c in problem.conditions) else "from data"


def _carried(problem: Problem, settings: Settings, seconds: float) -> Choice | None:
    # experts are tried first where nobody spoke of characteristics
    if problem.velocity is None or not _transported(problem, settings) or crossings(problem) < FAR:
        return None
    return _on_characteristics(problem, seconds)


def _experts(problem: Problem, settings: Settings, seconds: float) -> Choice | None:
    domain, experts = problem.domain, HardConstraintMoE()
    if domain.has_time and len(domain.space) in (2, 3) and all(clash.later for clash in problem.clashes.found):
        return _marching_experts(problem, settings)
    few = len(domain.space) <= (1 if domain.has_time else 3)
    if not few and len(domain.space) == 2 and _layers_are_known(problem):
        # what is left of heat in the plane when its layers are built in is smooth
        few, experts = True, HardConstraintMoE(tolerance=PLANE_TOLERANCE)
    # cells are graded towards points of the plane, and not towards lines in space
    singular = changing(problem) and (len(domain.space) > 2 or not experts.cuts_cells(problem))
    if not few or singular or not runs_on(settings) or not _accepts(experts, problem, settings):
        return None
    return Choice(experts, "a smooth single instance: many local experts, solved for and not trained", certain=False)


def _layers_are_known(problem: Problem) -> bool:
    """Whether data clash, and local experts in the plane can take out the layers that this makes."""
    return Layers.of(problem) is not None or (problem.clashes.resolved and isinstance(problem.domain, Box))


def _marching_experts(problem: Problem, settings: Settings) -> Choice | None:
    """Experts on cells of the plane, or of space, that march through time."""
    experts = HardConstraintMoE()
    fits = experts.marches_the_plane(problem) and not changing(problem) and runs_on(settings)
    # characteristics follow what is carried and hardly spreads
    carried = problem.velocity is not None and _transported(problem, settings)
    if not fits or settings.start is not None or carried:
        return None
    where = "the plane" if len(problem.domain.space) == 2 else "space"
    why = f"a single instance in {where} with time: local experts on cells of {where}, marched and not trained"
    return Choice(experts, why, certain=False)


def _materials(problem: Problem, settings: Settings, seconds: float) -> Choice | None:
    solver = MultiDomainPINN()
    if not problem.joints.inside or not _accepts(solver, problem, settings):
        return None
    parts = math.prod(1 + len(positions) for positions in problem.joints.inside.values())
    network = MLP(width=width_for(seconds / parts), depth=2)
    return Choice(replace(solver, network=network), f"materials meet: a network in each of {parts} parts, trained")


def _characteristics(problem: Problem, settings: Settings, seconds: float) -> Choice | None:
    return _on_characteristics(problem, seconds) if _transported(problem, settings) else None


def _windows(problem: Problem, settings: Settings, seconds: float) -> Choice | None:
    windows = windows_for(problem, seconds) if _starts(problem) else 1
    if windows == 1:
        return None
    solver = CausalPINN(windows=windows, network=MLP(width=width_for(seconds / windows)))
    why = f"{changes(problem):.2g} times as long as its fastest motion"
    return Choice(solver, f"{why}: a small causal network in each of {windows} time windows, trained")


def _network(problem: Problem, settings: Settings, seconds: float) -> Choice:
    choice = _any_network(problem, settings, seconds)
    return replace(choice, why=f"{_why_not_experts(problem, settings)}: {choice.why}")


def _any_network(problem: Problem, settings: Settings, seconds: float) -> Choice:
    return Choice(PINN(network=MLP(width=width_for(seconds))), "one network, as small as the budget, trained")


RULES: tuple[Rule, ...] = (
    _family,
    _trained_family,
    _functions,
    _numbers,
    _unknown,
    _carried,
    _experts,
    _materials,
    _characteristics,
    _windows,
    _network,
)
AFTERWARDS: tuple[Rule, ...] = (
    _trained_family,
    _functions,
    _unknown,
    _carried,
    _materials,
    _characteristics,
    _windows,
    _any_network,
)
"""Those for the time that is left when local experts have been tried."""


def _accepts(solver: Solver, problem: Problem, settings: Settings) -> bool:
    """Whether a solver can solve the problem, and makes use of a start where there is one."""
    if settings.start is not None and not solver.uses_start(problem):
        return False
    with limited_threads(settings.threads):
        return solver.obstacle(problem) is None


def _transported(problem: Problem, settings: Settings) -> bool:
    """Whether characteristics can be followed, and diffusion is small next to transport."""
    # networks on characteristics go on from their like only, whose solver is taken without a choice
    if settings.start is not None or not _accepts(LagrangianPINN(), problem, settings):
        return False
    return peclet(problem) >= TRANSPORT


def _on_characteristics(problem: Problem, seconds: float) -> Choice:
    # in the plane flows have more structure than a line's few displacements
    plane = len(problem.domain.space) > 1
    windows = _affordable(turns(problem), seconds / (PLANE_SECONDS if plane else WARM_SECONDS))
    how = "one network" if windows == 1 else f"networks in {windows} time windows"
    trajectory = MLP(width=width_for(seconds), depth=2) if plane else None
    harmonics = 2 if plane and problem.exact_plan().periods else 1
    numbers = f"Peclet number {peclet(problem):.2g}, {crossings(problem):.2g} domain lengths to the end"
    solver = LagrangianPINN(windows=windows, warm_start=windows > 1, trajectory=trajectory, harmonics=harmonics)
    return Choice(solver, f"transport dominates ({numbers}): {how} on characteristics, trained")


def _starts(problem: Problem) -> bool:
    return problem.domain.has_time and any(isinstance(c, Initial) for c in problem.conditions)


def _affordable(number: float, most: float) -> int:
    return max(1, int(min(MOST_WINDOWS, round(number), most)))


def _why_not_experts(problem: Problem, settings: Settings) -> str:
    domain = problem.domain
    if not runs_on(settings):
        return "local experts run in float64 on the CPU only"
    if domain.has_time and len(domain.space) in (2, 3) and problem.clashes.found:
        return "data clash, and the layers that this makes are not known, or not there"
    if len(domain.space) > 3:
        return "many dimensions"
    if changing(problem):
        return "conditions change along a side, where the solution is singular"
    if settings.start is not None and not HardConstraintMoE().uses_start(problem):
        return "local experts march from the initial state, and a start is given"
    rough = _starts(problem) or not domain.has_time
    return "not smooth enough for local experts" if rough else "no initial state to start from"
