"""What the classical solvers read off a problem's equations before they solve them, and what they cannot solve.

Letters: m equations and unknowns, n made-up points.

An equation is a pointwise function of a jet, so its coefficients are one autograd call on made-up jets away: which time
derivative stands in it, whether linearly, and which terms are linear with constant coefficients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.conditions import AtAnInstant, Data, Initial, Integral
from pinnlab.declaration.counting.needed import NotUniqueError
from pinnlab.declaration.gauge import free_constants, said_of
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet
from pinnlab.derivatives.pointwise import Coefficients, linearize
from pinnlab.domains import Box
from pinnlab.domains.sampling import unit_points
from pinnlab.reference.faces import face_conditions
from pinnlab.reference.grids.equations import Equations
from pinnlab.reference.grids.structure import Structure, check_square, initial_targets, periodic_unknowns

GRIDS = 4
"""Dimensions of space, at most, in which steady problems are solved on tensor grids."""
_POINTS = 9


def analyse(problem: Problem, algebraic: bool = False) -> Structure:
    """Read the structure of a problem's equations.

    Args:
        problem: what is solved.
        algebraic: whether unknowns without a time derivative stay in the state, and follow at each instant, even where
            linear periodic equations would eliminate them.

    Raises:
        ValueError: not as many equations without time derivatives as unknowns, or a highest time derivative that stands
            non-linearly.
    """
    timed = problem.domain.has_time
    order = {u: problem.order_of(u, problem.domain.clock) if timed else 0 for u in problem.unknowns}
    draws = [_made_up(problem, seed, kind) for seed, kind in enumerate(("positive", "signed", "large"))]
    draws = [d for d in draws if all(bool(torch.isfinite(c).all()) for eq in d for c in eq.values())] or draws[:1]
    static_rows: list[int] = []
    if timed:
        static_rows = [] if algebraic else _static_equations(problem, order, draws)
        _check_time(problem, order)
    values = {
        (i, leaf): torch.cat([d[i].get(leaf, torch.zeros(1, dtype=torch.float64)).reshape(-1) for d in draws])
        for leaf in {leaf for draw in draws for eq in draw for leaf in eq}
        for i in range(len(draws[0]))
    }
    spread = {at: float(v.max() - v.min()) > 1e-13 * float(v.abs().max()) for at, v in values.items()}
    if any(moves for (i, _), moves in spread.items() if i in static_rows):
        static_rows = []  # what is not linear with constant coefficients stays in the state
    constant: dict[tuple[int, str, Key], float] = {}
    elliptic: dict[tuple[int, str, Key], float] = {}
    varying = set()
    for (i, leaf), value in values.items():
        if spread[i, leaf]:
            varying.add(leaf)
        elif float(value[0]) != 0.0:
            (elliptic if i in static_rows else constant)[(i, *leaf)] = float(value[0])
    constant = {k: v for k, v in constant.items() if k[1:] not in varying}
    where = {(i, *leaf) for leaf in varying for d in draws for i in range(len(d)) if leaf in d[i]}
    where = {entry for entry in where if entry[0] not in static_rows}
    return Structure(order, constant, frozenset(varying), frozenset(where), elliptic)


def _static_equations(problem: Problem, order: Mapping[str, int], draws: list[Coefficients]) -> list[int]:
    """Numbers of the equations without time derivatives in problems that are periodic in space, else none.

    Raises:
        ValueError: not as many as unknowns without one.
    """
    static = [u for u, p in order.items() if p == 0]
    if not static:
        return []
    timed = {i for draw in draws for i, eq in enumerate(draw) if any(key.count(problem.domain.clock) for _, key in eq)}
    rows = [i for i in range(len(draws[0])) if i not in timed]
    if len(rows) != len(static) or len(static) == len(order):
        raise ValueError(
            f"reference_solution: no equation holds a time derivative of {static[0]!r}, and {len(rows)} equations without "
            f"time derivatives do not fit {len(static)} such unknowns of {len(order)}; eliminate "
            f"{static[0]!r} from the equations, or add the equation that holds {static[0]}.t."
        )
    space = problem.domain.space
    return rows if space and all(periodic_unknowns(problem, c) == set(problem.unknowns) for c in space) else []


def _made_up(
    problem: Problem, seed: int, kind: str, same: tuple[str, int] | None = None, unit: Tensor | None = None
) -> Coefficients:
    generator = torch.Generator().manual_seed(seed)
    values: dict[tuple[str, Key], Tensor] = {}

    def number(unknown: str, key: Key) -> Tensor:
        if (unknown, key) not in values:
            noise = torch.randn(_POINTS, generator=generator, dtype=torch.float64)
            noise = noise.abs() + 0.5 if kind == "positive" else noise * (30.0 if kind == "large" else 1.0)
            values[unknown, key] = noise.requires_grad_()
        return values[unknown, key]

    # derivatives are made up in a fixed order, so that two draws of one seed differ in nothing else
    for unknown, keys in sorted(problem.derivatives.items()):
        for key in sorted(keys):
            number(unknown, key)
    if same is not None:
        for (unknown, key), value in values.items():
            if unknown == same[0] and key.count(problem.domain.clock) >= same[1]:
                values[unknown, key] = (value.detach() * 1.7 + 0.3).requires_grad_()
    jets = {u: LazyJet(partial(number, u)) for u in problem.unknowns}
    if unit is None:
        unit = unit_points("sobol", _POINTS, len(problem.domain.coordinates), np.random.default_rng(seed))
    columns = problem.domain.columns(problem.domain.interior(unit.double()).points)
    return linearize(Equations(problem).residuals(jets, columns), jets)


def _check_time(problem: Problem, order: Mapping[str, int]) -> None:
    for unknown, p in order.items():
        if p == 0:
            continue
        before, after = (_made_up(problem, 0, "positive", same=s) for s in (None, (unknown, p)))
        for i, (one, two) in enumerate(zip(before, after, strict=True)):
            for (name, key), value in one.items():
                if (
                    name == unknown
                    and key.count(problem.domain.clock) == p
                    and not torch.allclose(value, two[name, key], rtol=1e-10)
                ):
                    raise ValueError(
                        f"reference_solution: equation {problem.residual_names[i]!r} is not linear in "
                        f"{unknown}.{''.join(key)}; solve it for the highest time derivative by hand, such as "
                        f"{unknown}.t - f({unknown}, ...)."
                    )


def check_numbers(problem: Problem) -> None:
    """Raise ValueError where a parameter is no number yet."""
    if problem.families:
        names = ", ".join(problem.families)
        centres = {n: getattr(problem.parameters[n], "middle", None) for n in problem.families}
        fixed = ", ".join(f"{n}=..." if v is None else f"{n}={v:g}" for n, v in centres.items())
        raise ValueError(
            f"reference_solution: {names} is a family, a classical solver needs one member; "
            f"take one, such as problem.at({fixed}) or problem.sample(numpy.random.default_rng(0))."
        )
    if problem.unknown_functions:
        name = problem.unknown_functions[0]
        raise ValueError(
            f"reference_solution: {', '.join(problem.unknown_functions)} is a function to be found, which pl.solve(problem) "
            f"finds from data; fix it with problem.at({name}=...), a function."
        )
    integrals = [c for c in problem.conditions if isinstance(c, Integral)]
    if problem.unknown_parameters and (problem.domain.has_time or not integrals):
        names = ", ".join(problem.unknown_parameters)
        raise ValueError(
            f"reference_solution: {names} is an unknown coefficient, which is found beside an Integral of a steady problem "
            f"only; fix it with problem.at({problem.unknown_parameters[0]}=...)."
        )


def check_solvable(problem: Problem) -> None:
    """Raise ValueError unless the classical solvers can handle the problem, saying what is in the way and the cure."""
    check_numbers(problem)
    integrals = [c for c in problem.conditions if isinstance(c, Integral)]
    if not isinstance(problem.domain, Box):
        raise ValueError(
            f"reference_solution: the domain {problem.domain!r} is not a box; the built-in solver works on boxes in "
            "one or two space dimensions. Pass a reference of your own as Problem(reference=...)."
        )
    if len(problem.domain.space) > (2 if problem.domain.has_time else GRIDS):
        raise ValueError(
            f"reference_solution: {len(problem.domain.space)} space dimensions ({', '.join(problem.domain.space)}); "
            f"grids have one or two, and in steady problems up to {GRIDS}. Pass a reference of your own as "
            "Problem(reference=...)."
        )
    if parts := [c for c in integrals if c.where is not None]:
        raise ValueError(
            f"reference_solution: the built-in solver takes integrals over all of space or whole sides, not {parts[0]!r}; "
            "solve with pl.PINN(), or pass a reference of your own as Problem(reference=...)."
        )
    if integrals and problem.domain.has_time:
        raise ValueError(
            f"reference_solution: the built-in solver takes integrals of steady problems only, not {integrals[0]!r}; solve "
            "with pl.HardConstraintMoE(), or pass a reference of your own as Problem(reference=...)."
        )
    check_square(problem)
    if problem.domain.has_time:
        _check_initial(problem)
    faces = [(face.unknown, face.piece) for face in face_conditions(problem)]
    for coordinate in problem.domain.space:
        _check_boundary(problem, coordinate, faces)


def check_constants(problem: Problem, data: bool = False) -> None:
    """Raise where a steady unknown is known up to a constant by the equations and the conditions on the boundary.

    Args:
        problem: what is solved.
        data: whether values at points may fix it.

    Raises:
        NotUniqueError: nothing else fixes the constant.
        ValueError: data do, which these solvers do not take.
    """
    bound = [c for c in problem.conditions if not isinstance(c, Data)]
    for group in free_constants(problem):
        raise NotUniqueError(f"reference_solution: {said_of(group)}.")
    for group in () if data else free_constants(problem.replace(conditions=bound)):
        raise ValueError(
            f"reference_solution: {' and '.join(group)} {'is' if len(group) == 1 else 'are'} known up to a constant by "
            "the equations and the conditions on the boundary, and the built-in solver takes no data; fix the constant, "
            f"such as by a Dirichlet value of {group[0]} on one face, or pass a reference of your own as "
            "Problem(reference=...)."
        )


def _check_initial(problem: Problem) -> None:
    given = {(u, len(key)) for u, key, _, _ in initial_targets(problem)}
    for unknown in problem.unknowns:
        for k in range(problem.order_of(unknown, problem.domain.clock)):
            if (unknown, k) not in given:
                name = unknown + ("_" + problem.domain.clock * k if k else "")
                kind = next((c for c in problem.conditions if isinstance(c, AtAnInstant)), Initial)
                raise ValueError(
                    f"reference_solution: no {kind.instant} value of {name!r}; add {kind.instant.capitalize()}({name}=...)."
                )


def _check_boundary(problem: Problem, coordinate: str, faces: Sequence[tuple[str, str]]) -> None:
    periodic = periodic_unknowns(problem, coordinate)
    if periodic and periodic != set(problem.unknowns):
        raise ValueError(
            f"reference_solution: only {', '.join(sorted(periodic))} is periodic in {coordinate!r}; the built-in "
            "solver needs all unknowns periodic, or none."
        )
    if periodic:
        if over := [piece for _, piece in faces if piece[:-1] == coordinate]:
            raise ValueError(
                f"reference_solution: there is a condition at {over[0]!r} besides Periodic(on={coordinate!r}); a periodic "
                "coordinate has no boundary, drop one of the two."
            )
        return
    counts = {u: 0 for u in problem.unknowns}
    for unknown, piece in faces:
        counts[unknown] += piece[:-1] == coordinate
    orders = {u: problem.order_of(u, coordinate) for u in problem.unknowns}
    single = len(orders) == 1
    # w'' = m, m'' = f with all conditions on w: those of one unknown may stand for another's
    shared = not problem.domain.has_time and sum(counts.values()) >= sum(orders.values())
    for unknown, order in orders.items():
        lacking = counts[unknown] < order and not shared and (single or order > 1 or not sum(counts.values()))
        if lacking:
            if not single:
                problem.check_unique()  # the count of all unknowns together says more
            # a coefficient that vanishes at a boundary may stand for a condition; in a system another unknown's may
            data = any(isinstance(c, Data) for c in problem.conditions)  # which may fix what conditions leave open
            kind = NotUniqueError if single and not data and _is_regular(problem, unknown, coordinate) else ValueError
            raise kind(
                f"reference_solution: {unknown!r} has derivatives of order {order} in {coordinate!r} but "
                f"{counts[unknown]} boundary conditions there; add Dirichlet, Neumann or Robin(..., "
                f"on={coordinate!r}), {order} in all, or Periodic(on={coordinate!r})."
            )
        if single and counts[unknown] > order:
            raise ValueError(
                f"reference_solution: {unknown!r} has derivatives of order {order} in {coordinate!r} but "
                f"{counts[unknown]} boundary conditions there; keep {order}, such as on='{coordinate}-' only."
            )


def _is_regular(problem: Problem, unknown: str, coordinate: str) -> bool:
    """Whether the highest derivative by a coordinate has a coefficient that vanishes nowhere, its ends included."""
    order = problem.order_of(unknown, coordinate)
    for value in (0.0, 1.0):
        at = torch.full((_POINTS, len(problem.domain.coordinates)), 0.5, dtype=torch.float64)
        at[:, problem.domain.coordinates.index(coordinate)] = value
        for equation in _made_up(problem, 0, "positive", unit=at):
            top = [v for (u, key), v in equation.items() if u == unknown and key.count(coordinate) == order]
            if any(not bool((v.abs() > 0).all()) for v in top):
                return False
    return True
