"""Periodic problems in Fourier coefficients: v' = L v + N(v, t) and its solution.

Letters: m unknowns, c components of the state, q Fourier modes, g points of the padded grid.
"""

from __future__ import annotations

from functools import partial, reduce

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.axes import Axis, FourierAxis, NodeAxis
from pinnlab.derivatives.fields import Key
from pinnlab.derivatives.jets import LazyJet
from pinnlab.domains.columns import Columns, columns_of
from pinnlab.machine.deadline import Deadline
from pinnlab.reference.base import Interpolant
from pinnlab.reference.grids.equations import Equations
from pinnlab.reference.grids.structure import Structure, initial_values
from pinnlab.reference.periodic.etdrk4 import integrate, resize, samples_for_projection, schedule

_STORED = 4_000_000
_TIME_STENCIL = 12


class SpectralSystem:
    """v' = L v + N(v, t) for one problem on n modes per axis.

    Args:
        problem: periodic in every space coordinate.
        structure: of its equations.
        n: modes per axis, even.
        dealias: evaluate the rest on 3/2 as many points, so that products of two do not alias.
    """

    def __init__(self, problem: Problem, structure: Structure, n: int, dealias: bool = True):
        self.problem, self.structure, self.n = problem, structure, n
        self._time = problem.domain.clock
        self.equations = Equations(problem)
        bounds, self.space = problem.domain.bounds, problem.domain.space
        d = len(self.space)
        self.axes = {name: FourierAxis(*bounds[name], n) for name in self.space}
        self.shape = (n,) * d
        self.padded = ((3 * n // 2 if dealias and structure.varying else n),) * d
        self.modes = (*self.shape[:-1], n // 2 + 1)
        self._symbols = self._first_derivatives()
        self._scaled: dict[Key, Tensor] = {}
        # what stands in equations that are eliminated only is not needed either
        linear = (*structure.constant, *structure.elliptic)
        self._linear_keys = {(u, key) for _, u, key in linear if (u, key) not in structure.varying}
        static_rows = {i for i, _, _ in structure.elliptic}
        self._moving = [u for u in problem.unknowns if u not in structure.static]
        self._rows = [i for i in range(len(problem.unknowns)) if i not in static_rows]
        self.elimination = self._eliminate(sorted(static_rows))
        self._grid = self._padded_points()
        self._zero = torch.zeros(self._grid[0].shape if self._grid else 1, dtype=torch.float64)
        self.mass_inverse, self.linear = self._matrices()
        self.nonlinear = None if self._is_homogeneous() else self._rest

    def _first_derivatives(self) -> dict[str, Tensor]:
        symbols = {}
        for i, (name, axis) in enumerate(self.axes.items()):
            real = i == len(self.space) - 1
            k = torch.from_numpy(axis.wavenumbers(real))
            k[self.n // 2] = 0.0
            symbols[name] = 1j * k.reshape([-1 if j == i else 1 for j in range(len(self.space))])
        return symbols

    def symbol(self, key: Key) -> Tensor:
        """The factor (*modes) by which a derivative multiplies Fourier coefficients; time is left out."""
        if key not in self._scaled:
            one = torch.ones(self.modes, dtype=torch.complex128)
            self._scaled[key] = reduce(lambda a, name: a * self._symbols[name] if name != self._time else a, key, one)
        return self._scaled[key]

    def _padded_points(self) -> list[Tensor]:
        lines = []
        for name, m in zip(self.space, self.padded, strict=True):
            lower, upper = self.problem.domain.bounds[name]
            lines.append(lower + (upper - lower) * torch.arange(m, dtype=torch.float64) / m)
        return [p.reshape(-1) for p in torch.meshgrid(*lines, indexing="ij")]

    def _eliminate(self, rows: list[int]) -> Tensor:
        """(q, a, c): the a static unknowns' coefficients from the state's; where nothing determines them, zero."""
        static, components = self.structure.static, list(self.structure.components)
        q = int(np.prod(self.modes))
        own = torch.zeros(q, len(static), len(static), dtype=torch.complex128)
        others = torch.zeros(q, len(static), len(components), dtype=torch.complex128)
        for (i, u, key), value in self.structure.elliptic.items():
            symbol = value * self.symbol(key).reshape(-1)
            if u in static:
                own[:, rows.index(i), static.index(u)] += symbol
            else:
                others[:, rows.index(i), components.index((u, key.count(self._time)))] += symbol
        return -torch.linalg.pinv(own) @ others if static else others

    def _matrices(self) -> tuple[Tensor, Tensor]:
        """M^-1 (q, m, m) and L (q, c, c), m counting the unknowns with time derivatives."""
        unknowns, components = self._moving, list(self.structure.components)
        m, c, q = len(unknowns), len(components), int(np.prod(self.modes))
        mass = torch.zeros(q, m, m, dtype=torch.complex128)
        stiff = torch.zeros(q, m, c, dtype=torch.complex128)
        for (i, u, key), value in self.structure.constant.items():
            row = self._rows.index(i)
            order, symbol = key.count(self._time), value * self.symbol(key).reshape(-1)
            if u in self.structure.static:
                stiff[:, row] += symbol[:, None] * self.elimination[:, self.structure.static.index(u)]
            elif order == self.structure.time_order[u]:
                mass[:, row, unknowns.index(u)] += symbol
            else:
                stiff[:, row, components.index((u, order))] += symbol
        inverse = torch.linalg.inv(mass)
        linear = torch.zeros(q, c, c, dtype=torch.complex128)
        rates = -inverse @ stiff
        for row, (u, order) in enumerate(components):
            if order + 1 < self.structure.time_order[u]:
                linear[:, row, components.index((u, order + 1))] = 1.0
            else:
                linear[:, row] = rates[:, unknowns.index(u)]
        return inverse, linear

    def _jets(self, v: Tensor, split: bool) -> dict[str, LazyJet]:
        """Derivatives on the padded grid; with ``split``, those of the linear part count as zero."""
        components = list(self.structure.components)
        d = len(self.space)

        def derive(unknown: str, key: Key) -> Tensor:
            order = key.count(self._time)
            if split and (unknown, key) in self._linear_keys:
                return self._zero
            if unknown in self.structure.static:
                found = self.static_modes(v)[self.structure.static.index(unknown)]
            elif order >= self.structure.time_order[unknown]:
                return self._zero
            else:
                found = v[components.index((unknown, order))]
            modes = found.reshape(self.modes) * self.symbol(key)
            if d == 1:
                return torch.fft.irfft(modes, n=self.padded[0], norm="forward")  # pads by itself
            wide = resize(modes, self.shape, self.padded)
            return torch.fft.irfftn(wide, s=self.padded, norm="forward").reshape(-1)

        return {u: LazyJet(partial(derive, u)) for u in self.problem.unknowns}

    def _columns(self, t: float) -> Columns:
        grid = dict(zip(self.space, self._grid, strict=True))
        every = {n: grid[n] if n in grid else torch.full_like(self._zero, t) for n in self.problem.domain.coordinates}
        return columns_of(self.problem.domain, every)

    def _rest(self, v: Tensor, t: float) -> Tensor:
        with torch.no_grad():
            every = self.equations.residuals(self._jets(v, split=True), self._columns(t))
            residuals = torch.stack([every[i] for i in self._rows])
            d = len(self.space)
            spectrum = torch.fft.rfftn(residuals.reshape(-1, *self.padded), dim=tuple(range(1, d + 1)), norm="forward")
            modes = resize(spectrum, self.padded, self.shape).reshape(len(residuals), -1)
            if len(modes) == 1:
                rates = -self.mass_inverse[:, 0, 0] * modes
            else:
                rates = -torch.einsum("qij,jq->iq", self.mass_inverse, modes)
            if len(self.structure.components) == len(rates):
                return rates
            result = torch.zeros(len(self.structure.components), rates.shape[1], dtype=torch.complex128)
            for row, (u, order) in enumerate(self.structure.components):
                if order + 1 == self.structure.time_order[u]:
                    result[row] = rates[self._moving.index(u)]
            return result

    def static_modes(self, v: Tensor) -> Tensor:
        """(a, q) Fourier coefficients of the static unknowns in the state v (c, q)."""
        return torch.einsum("qac,cq->aq", self.elimination, v)

    def _is_homogeneous(self) -> bool:
        if self.structure.varying:
            return False
        jets = {u: LazyJet(lambda key: self._zero) for u in self.problem.unknowns}
        start, stop = self.problem.domain.time_interval
        times = np.linspace(start, stop, 5)[1:] - 0.123 * (stop - start) / 5
        return not any(bool((r != 0).any()) for t in times for r in self.equations.residuals(jets, self._columns(t)))

    def start(self) -> Tensor:
        """The initial state (c, q): Fourier coefficients of the initial conditions themselves, not of their samples."""
        many = samples_for_projection(self.n, len(self.space))
        lines = [FourierAxis(*self.problem.domain.bounds[name], many).points for name in self.space]
        points = {n: p.reshape(-1) for n, p in zip(self.space, np.meshgrid(*lines, indexing="ij"), strict=True)}
        found = initial_values(self.problem, points)
        d, fine = len(self.space), (many,) * len(self.space)
        rows = []
        for component in self.structure.components:
            values = torch.from_numpy(found[component]).reshape(fine)
            spectrum = torch.fft.rfftn(values, dim=tuple(range(d)), norm="forward")
            rows.append(resize(spectrum, fine, self.shape).reshape(-1))
        return torch.stack(rows)

    def check_static(self, v: Tensor, t: float) -> None:
        """Raise ValueError where the elimination leaves a residual: sources, or a mean that no periodic function has."""
        jets = self._jets(v, split=False)
        for i, residual in enumerate(self.equations.residuals(jets, self._columns(t))):
            if i not in self._rows:
                parts = [value * jets[u][key] for (j, u, key), value in self.structure.elliptic.items() if j == i]
                if float(residual.abs().max()) > 1e-9 * sum(float(part.abs().max()) for part in parts):
                    raise ValueError(
                        f"reference_solution: equation {self.problem.residual_names[i]!r} has a source, or asks for a mean "
                        f"that no periodic {self.structure.static[0]!r} gives it; take the mean away from the initial "
                        "state, or eliminate the unknown by hand."
                    )

    def split_holds(self, v: Tensor, t: float) -> bool:
        """Whether the split gives the equations back at a state that was reached.

        The split is read off at made-up jets; an equation with a switch in it could behave otherwise elsewhere.
        """
        full, jets = self._jets(v, split=False), self._jets(v, split=True)
        columns = self._columns(t)
        whole, rest = self.equations.residuals(full, columns), self.equations.residuals(jets, columns)
        for i, (a, b) in enumerate(zip(whole, rest, strict=True)):
            if i not in self._rows:
                continue
            terms = [
                value * full[u][key]
                for (j, u, key), value in self.structure.constant.items()
                if j == i and key.count(self._time) < self.structure.time_order[u]
            ]
            size = a.abs().max() + b.abs().max() + sum(float(term.abs().max()) for term in terms)
            if float((a - b - sum(terms)).abs().max()) > 1e-9 * float(size):
                return False
        return True


def solve_periodic(
    problem: Problem,
    structure: Structure,
    n: int,
    steps: int,
    dealias: bool = True,
    deadline: Deadline | None = None,
) -> Interpolant | None:
    """Solve with n modes per axis in equal steps; None where the steps are too long or the split does not hold.

    Raises:
        TimeIsUpError: the deadline has passed.
    """
    system = SpectralSystem(problem, structure, n, dealias)
    start, stop = problem.domain.time_interval
    stride = 1
    while steps // stride * n ** len(system.space) * len(structure.components) > _STORED and steps // stride > 64:
        stride *= 2
    stretches, deadline = schedule(start, stop, steps, stride), deadline or Deadline()
    with torch.no_grad():
        start_state = system.start()
        deadline.check()
        system.check_static(start_state, start)
        states = integrate(start_state, system.linear, system.nonlinear, stretches, deadline)
        if states is None or not all(system.split_holds(states[i], t) for i, t in ((0, start), (-1, stop))):
            return None
    d = len(system.space)
    times = NodeAxis(np.concatenate([[start], *(s.times for s in stretches)]), _TIME_STENCIL)
    axes: dict[str, Axis] = {
        c: times if c == problem.domain.clock else system.axes[c] for c in problem.domain.coordinates
    }
    data = {}
    found = {u: states[:, row] for row, (u, order) in enumerate(structure.components) if order == 0}
    if structure.static:
        statics = []
        for state in states:
            deadline.check()
            statics.append(system.static_modes(state))
        found |= {u: torch.stack([modes[i] for modes in statics]) for i, u in enumerate(structure.static)}
    for unknown in problem.unknowns:
        deadline.check()
        modes = found[unknown].reshape(len(states), *system.modes)
        values = torch.fft.irfftn(modes, s=system.shape, dim=tuple(range(1, d + 1)), norm="forward").numpy()
        data[unknown] = np.moveaxis(values, 0, problem.domain.time_index)
    return Interpolant(axes, dict(problem.domain.bounds), data, time=problem.domain.time)
