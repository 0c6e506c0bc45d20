"""The residual system: named blocks at collocation points, stacked into the one vector that optimizers see.

Letters: c derivatives, n points, d coordinates, m unknowns, q residuals of a block, N all residuals, p parameters.

The loss is sum over blocks of weight * mean(row weight * residual^2), written as the squared norm of one vector, so that
first-order, quasi-Newton and Gauss-Newton optimizers work on the same numbers. Points are worked through in chunks that
stay in cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pinnlab.algebra.blocks import BlockJacobian
from pinnlab.machine.cuda_graphs import Replay
from pinnlab.machine.processes import ALONE, Processes
from pinnlab.training import sharing
from pinnlab.training.blocks import Block, Count
from pinnlab.training.model import Trainable
from pinnlab.training.points import CollocationPoints
from pinnlab.training.sizes import anatomy, extents, natural_sizes
from pinnlab.training.system import TrainingSystem
from pinnlab.training.weighting import State, Weighting


class ResidualSystem(TrainingSystem):
    """All blocks of a problem for one model: an optimizer's objective.

    Args:
        model: u(x; theta), or several in subdomains.
        counts: terms and their numbers of points.
        weighting: turns residuals into row weights.
        sampling: how points are drawn, see ``sampling.KINDS``.
        seed: of the points; several numbers are allowed.
        width: the network's widest layer, for cutting chunks.
    """

    def __init__(
        self,
        model: Trainable,
        counts: Sequence[Count],
        weighting: Weighting,
        sampling: str,
        seed: Sequence[int],
        width: int,
    ):
        self.model, self.weighting, self.width = model, weighting, width
        constants = {k: v.to("cpu", torch.float64) for k, v in model.constants.items()}
        trial = {**constants, **{k: v.detach().to("cpu", torch.float64) for k, v in model.coefficients.items()}}
        self.blocks = [Block(count, trial) for count in counts]
        self.size = model.size
        self.shapes = [tuple(p.shape) for p in model.parameters]
        self._groups = model.groups
        self._place = {p: place for g, group in enumerate(self._groups) for p, place in _columns(g, group)}
        self._columns = {p: at for p, (_, at) in _columns(0, model.parameters)}
        self._like = model.parameters[0].detach()
        weighting.check(self.blocks)
        self.weights: State = weighting.init()
        self._reweights, self._spent = not weighting.settled(self.weights), 0.0
        self.processes = ALONE
        self._private: tuple[int, ...] = ()
        self._on_gpu = self._like.device.type == "cuda"
        self._replay = Replay()
        self.points = CollocationPoints(self.blocks, sampling, seed, self._like)
        self._extents = extents([block.region.bounds for block in self.blocks])

    def share(self, processes: Processes, by: str = "auto") -> None:
        # points stay those of all, and each process keeps its part of them
        owners = {id(b): self._touched(b)[0] for b in self.blocks}
        networks = len(self._groups) - int(len(self._groups) > 1 and bool(self.model.numbers))
        teams = sharing.teams(processes.count, networks, by)
        self.processes = processes
        holders: list[set[int]] = [set() for _ in self._groups]
        for block in self.blocks:
            team, together = teams[owners[id(block)]], block.term.fixed is not None
            block.share = sharing.part(team, processes.rank, together)
            block.place(block.whole)
            for group in self._touched(block):
                holders[group] |= set(team[:1] if together else team)
        self._private = tuple(min(held) if len(held) == 1 else -1 for held in holders)
        if processes.any(not any(block.held for block in self.blocks)):
            most = max(block.n for block in self.blocks)
            raise ValueError(
                f"{processes.count} processes share at most {most} points of a condition or equation, so that some would "
                f"have none; start fewer processes, or take more points, such as points={64 * processes.count}."
            )

    def enter(self, stage: int) -> bool:
        before = [block.weight for block in self.blocks]
        for block in self.blocks:
            block.weight = block.weight_in(stage)
        return before != [block.weight for block in self.blocks]

    # -- points ------------------------------------------------------------------------------------------------------

    def redraw(self) -> None:
        self.points.redraw()

    def adapt(self, theta: Tensor) -> None:
        self.points.adapt(lambda block: self._completed(block, theta))

    # -- what optimizers ask -------------------------------------------------------------------------------------------

    def loss_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        loss, gradient = self.processes.sums(*(x.clone() for x in self._at(theta, self._loss_and_gradient)))
        return loss, gradient

    def residuals(self, theta: Tensor) -> Tensor:
        return self._at(theta, self._residuals).clone()

    def residuals_and_jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor | BlockJacobian]:
        """``residuals`` and their derivatives by the parameters, (N, p); in blocks where parameters form groups.

        On a GPU the next call overwrites them.
        """
        return self._at(theta, self._residuals_and_jacobian)

    def _at(self, theta: Tensor, function: Callable[[list[Tensor]], Any]) -> Any:
        """A function of the row weights at these parameters; on a GPU it is recorded and replayed."""
        self.deadline.check()
        self.model.theta = theta
        if not self._on_gpu:
            return function(self._row_weights())
        places = tuple(x.data_ptr() for block in self.blocks for x in block.tensors)
        return self._replay(function.__name__, function, self._row_weights(), places)

    def _loss_and_gradient(self, row_weights: list[Tensor]) -> tuple[Tensor, Tensor]:
        gradient, loss = self._like.new_zeros(self.size), self._like.new_zeros(())
        for block, weights in zip(self.blocks, row_weights, strict=True):
            for part in block.chunks(self.width):
                r = block.values(part, self._parameters())
                partial = (weights[:, part] * r**2).sum()
                self._add_gradient(gradient, partial, block)
                loss += partial.detach()
        return loss, gradient

    def _residuals(self, row_weights: list[Tensor]) -> Tensor:
        pairs = zip(row_weights, self.blocks, strict=True)
        return torch.cat([(w.sqrt() * self._evaluated(block)).reshape(-1) for w, block in pairs])

    def _residuals_and_jacobian(self, row_weights: list[Tensor]) -> tuple[Tensor, Tensor | BlockJacobian]:
        like = self._like
        total = sum(block.rows for block in self.blocks)
        residual = like.new_empty(total)
        whole = like.new_zeros(total, self.size) if len(self._groups) == 1 else None
        starts = np.cumsum([0, *(block.rows for block in self.blocks)]).tolist()
        bands = [
            self._band(block, like) if whole is None else {0: whole[start : start + block.rows]}
            for block, start in zip(self.blocks, starts, strict=False)
        ]
        for k, at, r, root, rows in self._weighted_rows(row_weights):
            residual[starts[k] + at.start : starts[k] + at.stop] = r
            for p, value in rows.items():
                group, columns = self._place[p]
                torch.mul(value.reshape(len(r), -1), root[:, None], out=bands[k][group][at, columns])
        if whole is not None:
            return residual, whole
        return residual, BlockJacobian(
            tuple(sum(p.numel() for p in g) for g in self._groups), tuple(bands), self._private
        )

    def jacobian_chunks(self, theta: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        """The rows of ``residuals_and_jacobian``, of which only a chunk (m, p) is held at a time.

        Yields:
            The number of the chunk's first row, m weighted residuals and their derivatives. Rows of all processes are
            numbered together, so that a row has the same number however many share them: see ``row_ranges``.
        """
        ranges = iter(self.row_ranges)
        starts = [[next(ranges).start for _ in block.residuals] for block in self.blocks]
        self.model.theta = theta
        for k, at, r, root, rows in self._weighted_rows(self._row_weights()):
            block = self.blocks[k]
            # zeros only where a residual does not depend on some parameters
            matrix = (r.new_empty if len(rows) == len(self._place) else r.new_zeros)(len(r), self.size)
            for p, value in rows.items():
                torch.mul(value.reshape(len(r), -1), root[:, None], out=matrix[:, self._columns[p]])
            q, place = divmod(at.start, block.held)
            yield starts[k][q] + place, r, matrix

    @property
    def all_rows(self) -> int:
        """Number of residuals of all processes."""
        return sum(len(block.residuals) * block.n for block in self.blocks)

    @property
    def row_ranges(self) -> list[range]:
        """The numbers that this process' residuals have among those of all, for each residual of each block."""
        found, start = [], 0
        for block in self.blocks:
            for _ in block.residuals:
                found.append(range(start + block.own.start, start + block.own.stop))
                start += block.n
        return found

    def _weighted_rows(self, row_weights: list[Tensor]) -> Iterator[tuple[int, slice, Tensor, Tensor, dict]]:
        """Per chunk of points and residual of a block: number of the block, which of its rows they are, their weighted
        residuals (n,), the roots of their weights, and the unweighted residuals' gradients by parameter.
        """
        for k, (block, weights) in enumerate(zip(self.blocks, row_weights, strict=True)):
            roots = weights.sqrt()
            for part in block.chunks(self.width):
                self.deadline.check()
                for q, (r, rows) in enumerate(self._linearized(block, part)):
                    at = slice(q * block.held + part.start, q * block.held + part.stop)
                    root = roots[q, part]
                    yield k, at, r * root, root, rows

    @property
    def normal_equations(self) -> float:
        # the product of a symmetric matrix is half the work
        return 0.5 * self.jacobian_entries * max(sum(p.numel() for p in group) for group in self._groups)

    @property
    def jacobian_entries(self) -> int:
        """Numbers that ``residuals_and_jacobian`` keeps."""
        sizes = [sum(p.numel() for p in group) for group in self._groups]
        return sum(block.rows * sizes[g] for block in self.blocks for g in self._touched(block))

    def _touched(self, block: Block) -> list[int]:
        """The groups of parameters that a block depends on."""
        return sorted({self._place[p][0] for model in block.models for p in model.parameters})

    def _band(self, block: Block, like: Tensor) -> dict[int, Tensor]:
        """Zeros for the derivatives of one block by each group of parameters that it touches."""
        return {g: like.new_zeros(block.rows, sum(p.numel() for p in self._groups[g])) for g in self._touched(block)}

    # -- what weightings and the loop ask --------------------------------------------------------------------------------

    def update_weights(self, theta: Tensor, spent: float = 0.0) -> None:
        self._spent, self._reweights = spent, not self.weighting.settled(self.weights)
        self.weights = self.weighting.update(self.weights, self, theta)

    @property
    def reweights(self) -> bool:
        return self._reweights

    @property
    def spent(self) -> float:
        """Which share of the training's steps or time is over, 0 to 1: the same in all processes, which ask together."""
        return float(self.processes.first(self._spent))

    def hurry(self) -> bool:
        hurried = self.weighting.hurried(self.weights)
        self.weights = self.weights if hurried is None else hurried
        return hurried is not None

    @property
    def finished(self) -> bool:
        return self.weighting.finished(self.weights)

    @property
    def unmet(self) -> bool:
        return self.weighting.unmet(self.weights)

    @property
    def info(self) -> dict[str, float]:
        return self.weighting.info(self.weights)

    def block_residuals(self, theta: Tensor, held_out: bool = False) -> list[Tensor]:
        """Per block, (q, n) unweighted residuals of all processes without a graph.

        Args:
            theta: (p,).
            held_out: at points that training never sees.
        """
        if not held_out:
            return [self._completed(block, theta) for block in self.blocks]
        found = []
        for block, sites in zip(self.blocks, self.points.held_out, strict=True):
            with block.elsewhere(sites):
                found.append(self._completed(block, theta))
        return found

    def block_times(self, held_out: bool = False) -> list[Tensor]:
        """Per block, (n,) times of the rows of all processes."""
        sites = self.points.held_out if held_out else [block.whole for block in self.blocks]
        return [block.times(site) for block, site in zip(self.blocks, sites, strict=True)]

    def block_sizes(self, theta: Tensor) -> list[Tensor]:
        """Per block, (q,): natural sizes of its residuals, see ``sizes.natural_sizes``."""
        self.model.theta = theta
        found = natural_sizes([anatomy(b, self._parameters(), self.processes) for b in self.blocks], self._extents)
        return [theta.new_tensor(mine) for mine in found]

    def block_gradient_norms(self, theta: Tensor) -> list[Tensor]:
        """Per block, (q,): norm of the gradient of each residual's mean square."""
        self.model.theta = theta
        found = []
        for block in self.blocks:
            gradients = theta.new_zeros(len(block.residuals), self.size)
            for part in block.chunks(self.width):
                r = block.values(part, self._parameters())
                for q, row in enumerate(r):
                    self._add_gradient(gradients[q], (row**2).sum() / block.n, block, keep=q + 1 < len(r))
            found.append(self.processes.sum(gradients).norm(dim=1))
        return found

    def block_kernel_traces(self, theta: Tensor) -> list[Tensor]:
        """Per block, (q,): mean over points of the squared norm of each residual's gradient."""
        self.model.theta = theta
        found = []
        for block in self.blocks:
            traces = theta.new_zeros(len(block.residuals))
            for part in block.chunks(self.width):
                for q, (_, rows) in enumerate(self._linearized(block, part)):
                    traces[q] += sum((row**2).sum() for row in rows.values()) / block.n
            found.append(self.processes.sum(traces))
        return found

    def held_out_loss(self, theta: Tensor) -> float:
        """The loss with the blocks' own weights on points that training never sees."""
        self.model.theta = theta
        total = torch.zeros((), dtype=torch.float64, device=theta.device)
        for block, sites in zip(self.blocks, self.points.held_out, strict=True):
            with block.elsewhere(sites):
                total += block.weight * self._evaluated(block).square().sum().to(total) / block.n
        return float(self.processes.sum(total))

    def state(self) -> dict[str, Any]:
        return {**self.points.state(), "weights": self.weights}

    def restore(self, state: dict[str, Any]) -> None:
        self.points.restore(state)
        self.weights = state["weights"]

    # -- pieces ----------------------------------------------------------------------------------------------------------

    def _linearized(self, block: Block, part: slice) -> Iterator[tuple[Tensor, dict[nn.Parameter, Tensor]]]:
        return block.linearized(part, self.model.constants, self.model.numbers, self.model.bounded)

    def _parameters(self) -> dict[str, Tensor]:
        return {**self.model.constants, **self.model.coefficients}

    def _evaluated(self, block: Block) -> Tensor:
        """(q, n) unweighted residuals of one block at this process' points and the model's parameters, without a graph."""
        with torch.no_grad():
            found = [block.values(part, self._parameters()) for part in block.chunks(self.width)]
            return torch.cat(found, dim=1) if found else self._like.new_zeros(len(block.residuals), 0)

    def _completed(self, block: Block, theta: Tensor) -> Tensor:
        """(q, n) unweighted residuals of one block at the points of all processes."""
        self.model.theta = theta
        own = self._evaluated(block)
        if self.processes.count == 1:
            return own
        whole = own.new_zeros(len(own), block.n)
        whole[:, block.own] = own
        return self.processes.sum(whole)

    def _add_gradient(self, total: Tensor, value: Tensor, block: Block, keep: bool = False) -> None:
        """Add the gradient of ``value`` to (p,), at the parameters that the block depends on."""
        parameters = [p for g in self._touched(block) for p in self._groups[g]]
        found = torch.autograd.grad(value, parameters, allow_unused=True, retain_graph=keep)
        for p, gradient in zip(parameters, found, strict=True):
            if gradient is not None:
                total[self._columns[p]] += gradient.reshape(-1)

    def _row_weights(self) -> list[Tensor]:
        """Per block, (q, n) at this process' points: weight of the block times row weight, over the number of points."""
        found = []
        for position, block in enumerate(self.blocks):
            rows = torch.as_tensor(self.weighting.rows(self.weights, position, block)).to(self._like)
            shape = (len(block.residuals), block.n)
            found.append((rows * (block.weight / block.n)).expand(shape)[:, block.own])
        return found


def _columns(group: int, parameters: Sequence[Tensor]) -> Iterator[tuple[Tensor, tuple[int, slice]]]:
    """Each parameter of a group with the columns that are its derivatives'."""
    start = 0
    for p in parameters:
        yield p, (group, slice(start, start + p.numel()))
        start += p.numel()
