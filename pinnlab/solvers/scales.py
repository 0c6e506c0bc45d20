"""Scales of a problem, read off its velocity and its equations, linearized about the initial state.

Letters: n points, m unknowns, p order in time.

All are numbers without units: they do not change when coordinates and unknowns are rescaled.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy
import torch
from torch import Tensor

from pinnlab.declaration.ansatz import FunctionValue
from pinnlab.declaration.conditions import Initial
from pinnlab.declaration.parameters.functions import FunctionParameter
from pinnlab.declaration.problem import Problem
from pinnlab.declaration.terms import Scope
from pinnlab.declaration.velocity import velocities
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.indices import closure
from pinnlab.derivatives.known import KnownFunction
from pinnlab.derivatives.pointwise import Coefficients, linearize
from pinnlab.domains.sampling import unit_points

Array = np.ndarray
_POINTS = 8
_PLACES = 64
"""Points at which speeds are looked at: these are cheap."""
_WAVES = 16
"""Waves along each coordinate among which the one that grows fastest is looked for."""
_GROWTH = 3.0
"""Exponent of the growth, to twenty times as much, that counts for as much as a period of an oscillation."""


def crossings(problem: Problem) -> float:
    """Domain lengths that the flow goes until the end, |v| T / L: a Courant number of the whole domain."""
    return _horizon(problem) * max(speed / _length(problem, c) for c, (speed, _) in flow(problem).items())


def peclet(problem: Problem) -> float:
    """|v| L / D, with the largest diffusion D of the linearized equations; infinite without diffusion."""
    spread = max(diffusion(equation, problem.domain.clock) for equation in linearized_start(problem))
    carried = max(speed * _length(problem, c) for c, (speed, _) in flow(problem).items())
    return carried / spread if spread > 0 else math.inf


def turns(problem: Problem) -> float:
    """T |dv/dx|: by how many factors e neighbouring characteristics gather or spread, or how far they turn."""
    return _horizon(problem) * max(slope for _, slope in flow(problem).values())


def changes(problem: Problem) -> float:
    """The horizon in units of the fastest motion: growth of some wave to 20 times its size, or a period of the longest."""
    coefficients, rate = linearized_start(problem), 0.0
    if len(coefficients) != len(problem.unknowns):
        return 0.0
    waves = [(c, 2 * math.pi * j / _length(problem, c), j) for c in problem.domain.space for j in range(_WAVES)]
    time = problem.domain.clock
    for number, (name, k, j) in itertools.product(range(_POINTS), waves or [(time, 0.0, 0)]):
        exponents = growth(pencil(coefficients, problem.unknowns, number, name, k, time))
        turning = np.abs(exponents.imag) / (2 * math.pi) if j <= 1 else 0.0
        rate = max(rate, float(np.maximum(exponents.real / _GROWTH, turning).max(initial=0.0)))
    return _horizon(problem) * rate


def diffusion(equation: Mapping[tuple[str, Key], Tensor], time: str) -> float:
    """The largest second space derivative's coefficient over that of the time derivative; 0 in an equation without."""
    paces = [float(a.abs().max()) for (_, key), a in equation.items() if key == (time,)]
    spreads = [float(a.abs().max()) for (_, key), a in equation.items() if len(key) == 2 and key[0] == key[1] != time]
    return max(spreads) / max(paces) if spreads and paces and max(paces) > 0 else 0.0


def pencil(
    coefficients: Coefficients, unknowns: Sequence[str], number: int, name: str, k: float, time: str = "t"
) -> list[Array]:
    """The equations of waves exp(i k x + s t) at one point: [P_0, ..., P_p], each (m, m), sum_j s^j P_j v = 0.

    Args:
        coefficients: of the linearized equations, m of them.
        unknowns: their names.
        number: of the point.
        name: the coordinate along which waves go.
        k: wave number.
        time: the coordinate that is time.
    """
    order = max((key.count(time) for equation in coefficients for _, key in equation), default=0)
    found = [np.zeros((len(unknowns), len(unknowns)), dtype=complex) for _ in range(order + 1)]
    for row, equation in enumerate(coefficients):
        for (unknown, key), value in equation.items():
            times = key.count(time)
            if key.count(name) + (times if name != time else 0) == len(key):
                power = (1j * k) ** (len(key) - times)
                found[times][row, list(unknowns).index(unknown)] += power * float(value[number])
    return found


def growth(matrices: Sequence[Array]) -> Array:
    """The finite exponents s of sum_j s^j P_j v = 0, by the companion matrix; none without a time derivative."""
    m, p = len(matrices[0]), len(matrices) - 1
    if p == 0 or not all(np.isfinite(matrix).all() for matrix in matrices):
        return np.zeros(0)
    left, right = np.zeros((m * p, m * p), dtype=complex), np.eye(m * p, dtype=complex)
    left[: m * (p - 1), m:] = np.eye(m * (p - 1))
    left[m * (p - 1) :] = -np.concatenate(matrices[:p], axis=1)
    right[m * (p - 1) :, m * (p - 1) :] = matrices[p]
    top, bottom = scipy.linalg.eigvals(left, right, homogeneous_eigvals=True)
    finite = np.abs(bottom) > 1e-10 * np.abs(top)
    return top[finite] / bottom[finite]


def linearized_start(problem: Problem) -> Coefficients:
    """The equations linearized about the initial state, at some points of space, each coefficient (n,)."""
    names = problem.domain.coordinates
    points = problem.domain.initial(_sobol(problem, _POINTS)).points
    given = _given(problem)
    jets: dict[str, dict[Key, Tensor]] = {}
    for unknown, keys in problem.derivatives.items():
        jets[unknown] = {}
        for key in {(), *keys}:
            space, time = (tuple(c for c in key if (c == problem.domain.time) is at) for at in (False, True))
            value = given.get((unknown, time))
            index = tuple(sorted(map(names.index, space)))
            start = torch.zeros(len(points), dtype=torch.float64)
            if value is not None:
                start = value.jet(points, closure([index]))[-1, :, 0].clone()
            jets[unknown][key] = start.requires_grad_()
    scope = Scope.of_jets(jets, problem.domain.columns(points), problem.parameter_values())
    residuals = problem.equation_term().evaluate((scope,))
    found = linearize(list(residuals.values()), jets)
    return [{leaf: a.detach() for leaf, a in equation.items()} for equation in found]


def flow(problem: Problem) -> dict[str, tuple[float, float]]:
    """{coordinate of space: (largest speed along it, largest slope of that speed)}, with the unknowns as at the start."""
    names = problem.domain.coordinates
    points = problem.domain.interior(_sobol(problem, _PLACES)).points
    states = {unknown: value for (unknown, key), value in _given(problem).items() if not key}
    parameters = _numbers(problem)
    slopes = [(names.index(c),) for c in problem.domain.space]
    found = {}
    for c, (value, arguments) in velocities(problem).items():
        if not callable(value):
            found[c] = (abs(float(value)), 0.0)
            continue

        def speed(value: Any = value, arguments: Sequence[str] = arguments, **bound: Any) -> Any:
            for unknown, state in states.items():
                bound[unknown] = (
                    state.given(**{n: bound[n] for n in state.names}) if callable(state.given) else state.given
                )
            return value(**{n: bound[n] for n in arguments})

        jet = FunctionValue(speed, (*names, *problem.parameters), names, parameters).jet(points, closure(slopes)).abs()
        found[c] = (float(jet[0].max()), float(jet[1:].max()))
    return found


def _given(problem: Problem) -> dict[tuple[str, Key], FunctionValue]:
    """{(unknown, time derivative): its initial value}; without those that come as series or slices of solutions."""
    coordinates, parameters = problem.domain.coordinates, _numbers(problem)
    return {
        (unknown, key): FunctionValue(value, names, coordinates, tuple((n, v) for n, v in parameters if n in names))
        for condition in problem.conditions
        if isinstance(condition, Initial)
        for unknown, key, value, names in condition.targets(problem.context())
        if not isinstance(value, KnownFunction)
    }


def _numbers(problem: Problem) -> tuple[tuple[str, Any], ...]:
    values = problem.parameter_values()
    return tuple((n, v if isinstance(v, FunctionParameter) else float(v)) for n, v in values.items())


def _sobol(problem: Problem, n: int) -> Tensor:
    return unit_points("sobol", n, len(problem.domain.coordinates), np.random.default_rng(0)).double()


def _horizon(problem: Problem) -> float:
    start, end = problem.domain.time_interval
    return end - start


def _length(problem: Problem, coordinate: str) -> float:
    lower, upper = problem.domain.bounds[coordinate]
    return upper - lower
