"""The residual systems of many members as one: residuals, gradients and Jacobians member by member.

Letters: B members, n points, d coordinates, m unknowns, q residuals of a block, N residuals of a member, P parameters of a
member, p_g parameters of group g, c derivatives.

Members share the points and everything else that does not depend on their parameters' values. Blocks that depend on the
same networks stand together, so that a Jacobian is a few dense bands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.declaration.parameters.functions import FunctionParameter
from pinnlab.declaration.problem import Problem
from pinnlab.derivatives.indices import VALUE
from pinnlab.domains import Site
from pinnlab.domains.sampling import unit_points
from pinnlab.solvers.multidomain.model import PiecewiseModel
from pinnlab.solvers.multidomain.solver import MultiDomainPINN
from pinnlab.training.model import Model
from pinnlab.training.plans import Settings
from pinnlab.training.residuals import Block, Count, ResidualSystem
from pinnlab.training.weighting import Unweighted
from stacked.networks import StackedAnsatz, stacked


def initial_parameters(problem: Problem, solver: MultiDomainPINN, seed: int) -> Tensor:
    """(P,): the parameters from which a solve of one member with this seed starts."""
    return _planned(problem, solver, seed).theta


def _planned(problem: Problem, solver: MultiDomainPINN, seed: int) -> PiecewiseModel:
    settings = Settings(torch.device("cpu"), torch.float64, seed)
    model = solver.plan(problem, settings).start(0, []).system.model
    assert isinstance(model, PiecewiseModel)
    return model


@dataclass
class Band:
    """Blocks that depend on the same groups of parameters.

    Attributes:
        groups: their numbers.
        blocks: positions of the blocks in the system.
        rows: where their residuals stand among a member's N.
        jacobian: {group: (B, rows, p_g)}, overwritten by each call.
    """

    groups: tuple[int, ...]
    blocks: tuple[int, ...]
    rows: slice
    jacobian: dict[int, Tensor]


class StackedSystem:
    """The residuals of B members of a family, solved with the same configuration.

    Args:
        members: B problems that differ in their parameters' values only.
        solver: how each is solved; ``stages`` do not matter here.
        seed: of the points, which all members share: those of a solve with this seed.

    Raises:
        TypeError, ValueError: no member; members of another problem; a configuration that cannot be stacked (time
            windows, adaptive points, weights that change, measured data, unknown coefficients, functions as parameters).

    Attributes:
        model: of all members, without their parameters' values.
        shape: (B, P).
        rows: N.
    """

    def __init__(self, members: Sequence[Problem], solver: MultiDomainPINN, seed: int = 0):
        _check(members, solver)
        settings = Settings(torch.device("cpu"), torch.float64, seed)
        system = solver.plan(members[0], settings).start(0, []).system
        one = system.model
        assert isinstance(system, ResidualSystem) and isinstance(one, PiecewiseModel)
        self._one = system
        self.members, self.partition = tuple(members), one.partition
        count = len(self.members)
        exact = any(not model.ansatz.is_trivial for model in one.models)
        plans = [one, *(_planned(member, solver, seed) for member in members[1:])] if exact else [one] * count
        networks = {model.network: stacked(model.network, count) for model in one.models}
        # a stack of ansatzes is prepared and combined like one, and is never saved, which is what else a model asks of it
        self.models = tuple(
            Model(
                model.region, model.unknowns, networks[model.network],
                StackedAnsatz([plan.models[k].ansatz for plan in plans]), {}, {},  # type: ignore[arg-type]
            )
            for k, model in enumerate(one.models)
        )  # fmt: skip
        owners = [cell.owner for cell in self.partition.cells]
        self._parameters = [list(self.models[owners.index(g)].network.parameters()) for g in sorted(set(owners))]
        sizes = [sum(p[0].numel() for p in group) for group in self._parameters]
        ends = np.cumsum(sizes).tolist()
        self.columns = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
        self.shape = (count, ends[-1])
        self.values = {
            name: torch.stack([member.parameter_values()[name] for member in members]) for name in members[0].parameters
        }
        replaced = dict(zip(one.models, self.models, strict=True))
        self.blocks = [
            Block(Count(block.term, block.n, tuple(replaced[m] for m in block.models)), dict(one.constants))
            for block in self._one.blocks
        ]
        self.points = [block.n for block in self._one.blocks]
        self.bands = self._bands()
        self.rows = self.bands[-1].rows.stop
        self._place()

    def _bands(self) -> list[Band]:
        """The blocks gathered by the groups that they depend on, one group first."""
        number = {p: g for g, group in enumerate(self._parameters) for p in group}
        gathered: dict[tuple[int, ...], list[int]] = {}
        for position, block in enumerate(self.blocks):
            groups = tuple(sorted({number[p] for model in block.models for p in model.parameters}))
            gathered.setdefault(groups, []).append(position)
        bands, start = [], 0
        for groups in sorted(gathered, key=lambda groups: (len(groups), groups)):
            height = sum(len(self.blocks[k].residuals) * self.points[k] for k in gathered[groups])
            sizes = {g: self.columns[g].stop - self.columns[g].start for g in groups}
            jacobian = {g: torch.zeros(self.shape[0], height, size, dtype=torch.float64) for g, size in sizes.items()}
            bands.append(Band(groups, tuple(gathered[groups]), slice(start, start + height), jacobian))
            start += height
        return bands

    # -- points ------------------------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Take new collocation points."""
        self._one.redraw()
        self._place()

    def _place(self) -> None:
        for block, drawn in zip(self.blocks, self._one.blocks, strict=True):
            block.place(self._repeated(drawn.sites))

    def _repeated(self, sites: Sequence[Site]) -> tuple[Site, ...]:
        """The same sites for every member, member after member."""
        count = self.shape[0]
        return tuple(
            Site(s.points.repeat(count, 1), None if s.normals is None else s.normals.repeat(count, 1)) for s in sites
        )

    # -- what optimizers ask -------------------------------------------------------------------------------------------

    def put(self, theta: Tensor) -> None:
        """Give the networks their parameters, (B, P)."""
        with torch.no_grad():
            start = 0
            for p in (p for group in self._parameters for p in group):
                size = p[0].numel()
                p.copy_(theta[:, start : start + size].view_as(p))
                start += size

    def residuals(self, theta: Tensor) -> Tensor:
        """(B, N): weighted residuals, whose sum of squares is a member's loss."""
        self.put(theta)
        with torch.no_grad():
            return torch.cat([self._weighted(k, self._evaluated(k)) for band in self.bands for k in band.blocks], dim=1)

    def loss_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The losses (B,) and their gradients (B, P)."""
        self.put(theta)
        parameters = [p for group in self._parameters for p in group]
        losses, gradient = torch.zeros(self.shape[0], dtype=theta.dtype), torch.zeros_like(theta)
        for k in range(len(self.blocks)):
            part = self._weighted(k, self._evaluated(k)).square().sum(1)
            found = torch.autograd.grad(part.sum(), parameters, allow_unused=True)
            filled = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]
            gradient += torch.cat([g.reshape(len(g), -1) for g in filled], dim=1)
            losses += part.detach()
        return losses, gradient

    def residuals_and_jacobian(self, theta: Tensor) -> tuple[Tensor, list[Band]]:
        """``residuals`` and their derivatives, in bands that hold until the next call."""
        self.put(theta)
        found = []
        for band in self.bands:
            start = 0
            for k in band.blocks:
                for r, rows in self._linearized(k):
                    n = r.shape[1]
                    root = (self.blocks[k].weight / n) ** 0.5
                    found.append(r * root)
                    self._write(band, slice(start, start + n), rows, root)
                    start += n
        return torch.cat(found, dim=1), self.bands

    def _write(self, band: Band, at: slice, rows: dict, root: float) -> None:
        """Per-point gradients, {parameter: (B n, ...)}, into their place in a band."""
        for g in band.groups:
            start = 0
            for p in self._parameters[g]:
                size = p[0].numel()
                if p in rows:
                    out = band.jacobian[g][:, at, start : start + size]
                    torch.mul(rows[p].reshape(out.shape), root, out=out)
                start += size

    # -- what is measured ----------------------------------------------------------------------------------------------

    def solution(self, theta: Tensor, points: Tensor) -> Tensor:
        """(B, n, m) values at (n, d) points; a point on an interface belongs to the earlier cell."""
        self.put(theta)
        count, which = self.shape[0], self.partition.find(points)
        result = points.new_full((count, len(points), len(self.models[0].unknowns)), torch.nan)
        with torch.no_grad():
            for k, model in enumerate(self.models):
                mask = which == k
                if bool(mask.any()):
                    found = model.jet(points[mask].repeat(count, 1), VALUE)[0]
                    result[:, mask] = found.view(count, int(mask.sum()), -1)
        return result

    def held_out(self, theta: Tensor, n: int = 256, seed: int = 1) -> dict[str, Tensor]:
        """Root mean squares (B,) at points that training does not see, without weights.

        Args:
            theta: (B, P).
            n: points of each cell, and of each piece of boundary and interface.
            seed: of the points.

        Returns:
            ``"equation"``: of the equations' residuals; ``"conditions"``: of the misfit of soft conditions, 0 without any;
            ``"jump"``: across the interfaces, of the solution's and its normal derivatives below the equation's order,
            the j-th times the j-th power of the interface's width.
        """
        self.put(theta)
        rng = np.random.default_rng([seed, 3])
        squares: dict[str, list[Tensor]] = {"equation": [], "conditions": [], "jump": []}
        with torch.no_grad():
            for k, block in enumerate(self.blocks):
                if block.kind == "interface":
                    continue
                sites = block.term.draw(lambda count: self._unit(count, rng), n)
                with block.elsewhere(self._repeated(sites)):
                    r = self._evaluated(k)
                name = "equation" if block.kind == "equation" else "conditions"
                squares[name].append(r.square().view(len(r), self.shape[0], -1).mean((0, 2)))
            for interface in self.partition.interfaces:
                pair = (self.models[interface.first], self.models[interface.second])
                sites = self._repeated(interface.sites(self._unit(n, rng)))
                order = self.members[0].order(interface.normal)
                normal = self.partition.region.coordinates.index(interface.normal)
                indices = tuple((normal,) * j for j in range(max(1, order)))
                first, second = (m.jet(s.points, indices) for m, s in zip(pair, sites, strict=True))
                powers = torch.tensor([interface.width**j for j in range(len(indices))], dtype=theta.dtype)
                jumps = powers[:, None, None] * (first - second)
                squares["jump"].append(jumps.square().view(len(indices), self.shape[0], -1).mean((0, 2)))
        zero = torch.zeros(self.shape[0], dtype=theta.dtype)
        return {name: torch.stack(found).mean(0).sqrt() if found else zero for name, found in squares.items()}

    def _unit(self, n: int, rng: np.random.Generator) -> Tensor:
        return unit_points("sobol", n, len(self.partition.region.coordinates), rng).to(torch.float64)

    # -- pieces ----------------------------------------------------------------------------------------------------------

    def _constants(self, n: int) -> dict[str, Tensor]:
        """{name: (B n,)}: every member's value at each of its n points."""
        return {name: value.repeat_interleave(n) for name, value in self.values.items()}

    def _evaluated(self, k: int) -> Tensor:
        """(q, B n) residuals of one block."""
        block = self.blocks[k]
        return block.values(slice(None), self._constants(block.n // self.shape[0]))

    def _weighted(self, k: int, r: Tensor) -> Tensor:
        """(B, q n) from (q, B n), times the root of the weight."""
        n = r.shape[1] // self.shape[0]
        root = (self.blocks[k].weight / n) ** 0.5
        return (root * r).view(len(r), self.shape[0], n).transpose(0, 1).reshape(self.shape[0], -1)

    def _linearized(self, k: int) -> Iterator[tuple[Tensor, dict]]:
        """Per residual of a block: its values (B, n) and per-point gradients {parameter: (B n, ...)}."""
        block, count = self.blocks[k], self.shape[0]
        for r, rows in block.linearized(slice(None), self._constants(block.n // count), {}):
            yield r.view(count, -1), rows


def _check(members: Sequence[Problem], solver: MultiDomainPINN) -> None:
    if not members:
        raise ValueError("members=[]: give at least one problem.")
    if not isinstance(solver.weighting, Unweighted):
        raise TypeError(f"weighting={solver.weighting!r}: stacked members keep their weights; leave it out.")
    if solver.sampling == "adaptive":
        raise ValueError("sampling='adaptive': stacked members share their points; choose sampling='sobol'.")
    if solver.overlap is not None:
        raise ValueError(
            f"overlap={solver.overlap}: stacked subdomains are joined by interface conditions; leave it out."
        )
    if solver.windows != 1:
        raise ValueError(f"windows={solver.windows!r}: stacked members are trained in one window; leave it out.")
    first = members[0]
    for member in members:
        same = (member.domain, member.unknowns, member.equations) == (first.domain, first.unknowns, first.equations)
        if not same or set(member.parameters) != set(first.parameters):
            raise ValueError(
                "members: they must differ in their parameters' values only; take family.at(...) of one family."
            )
        if member.unknown_parameters:
            raise TypeError(
                f"members: the coefficient {member.unknown_parameters[0]!r} is to be found, which is not stacked."
            )
        functions = [k for k, v in member.parameters.items() if isinstance(v, FunctionParameter)]
        if functions:
            raise TypeError(
                f"members: the parameter {functions[0]!r} is a function, which is not stacked; use numbers."
            )
        if any(term.fixed is not None for _, terms in member.condition_terms() for term in terms):
            raise TypeError("members: measured values at points of their own are not stacked; leave out Data(...).")
